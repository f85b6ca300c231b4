//! A process that is killed while it writes loses nothing that it had acknowledged.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use super::sample::{account, commit, entry, id, named, settle_account, user, users};
use crate::snapshot::{Intents as _, Ledger as _, SledStore, Store as _};

/// In the child: the state directory to write to.
const DIRECTORY: &str = "ROLLCALL_TEST_KILL_DIRECTORY";

/// Starts one of the tests below, which never ends by itself, as a process of its own.
fn child(test: &str, directory: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", &format!("snapshot::tests::kill::{test}"), "--ignored", "--nocapture"])
        .env(DIRECTORY, directory)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// Lets the child acknowledge so many steps, kills it, and tells the last step that it acknowledged.
fn kill_after(child: &mut Child, steps: usize) -> usize {
    let lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    let mut acknowledged = lines.filter_map(|line| line.strip_prefix("done ")?.parse().ok());
    let last: usize = acknowledged.nth(steps).expect("the child writes until it is killed");
    child.kill().unwrap();
    child.wait().unwrap();
    acknowledged.last().unwrap_or(last)
}

#[test]
fn settled_writes_survive_a_kill() {
    for steps in [3, 40] {
        let directory = tempfile::tempdir().unwrap();
        let last = kill_after(&mut child("settles_until_killed", directory.path()), steps);
        let store = SledStore::open(directory.path()).unwrap();
        assert!(store.is_sealed(), "{:?}", store.broken());
        for number in 0..=last {
            let owner = id(&format!("u{number}"));
            assert!(store.account(&owner).unwrap().is_some(), "u{number} was acknowledged, and {last} was the last");
        }
        assert!(store.unsettled().unwrap().len() <= 1);
    }
}

#[test]
fn a_kill_in_the_middle_of_commits_leaves_one_whole_mirror() {
    for steps in [1, 4, 9] {
        let directory = tempfile::tempdir().unwrap();
        let last = kill_after(&mut child("commits_until_killed", directory.path()), steps);
        let store = SledStore::open(directory.path()).unwrap();
        assert!(store.is_sealed(), "{:?}", store.broken());
        let found = users(&store);
        let whole = [mirror(last), mirror(last + 1)];
        assert!(whole.contains(&found), "{} users, and mirror {last} was acknowledged", found.len());
    }
}

/// Mirrors that follow one another: each has people who left, people who came, and people who changed.
fn mirror(number: usize) -> Vec<rollcall_kit::DirectoryUser> {
    (number..number + 250).map(|person| named(&format!("u{person:05}"), &format!("Version {}", number / 2))).collect()
}

#[test]
#[ignore = "it is the process that another test kills"]
fn settles_until_killed() {
    let store = SledStore::open(Path::new(&std::env::var(DIRECTORY).unwrap())).unwrap();
    for number in 0.. {
        settle_account(&store, account(&format!("u{number}"), "t"));
        println!("\ndone {number}");
    }
}

#[test]
#[ignore = "it is the process that another test kills"]
fn commits_until_killed() {
    let store = SledStore::open(Path::new(&std::env::var(DIRECTORY).unwrap())).unwrap();
    commit(&store, vec![entry(user("somebody-else"))]);
    for number in 0.. {
        commit(&store, mirror(number).into_iter().map(entry).collect());
        println!("\ndone {number}");
    }
}
