//! The stages of a run by the library, each relative to a baseline that cannot be avoided.

use std::hint::black_box;
use std::path::Path;

use rollcall::roster::Standing;
use rollcall::snapshot::{MemoryStore, SledStore, Store};
use rollcall_test_servers::company::Company;

use crate::engine::{self, decode, judge_all, plan, read, rules, settle};
use crate::memory;
use crate::table::{Table, best_of};

/// How often each thing is measured; the quickest counts.
const ROUNDS: u32 = 3;

/// How many users, if nothing says otherwise.
const USERS: u32 = 10_000;

/// How many users `ROLLCALL_BENCH_USERS` asks for.
pub(crate) fn size() -> u32 {
    std::env::var("ROLLCALL_BENCH_USERS").map_or(USERS, |text| text.parse().unwrap())
}

/// Measures and prints all of them.
pub(crate) fn run(users: u32) {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let file = folder.path().join("company.json");
    Company::of(users).write(&file).unwrap();
    let snapshot = folder.path().join("snapshot");
    let mut table = Table::new(users);
    let sled = reading(&mut table, &file, &snapshot);
    let memory = MemoryStore::new();
    read(&memory, &file);
    planning(&mut table, "in memory", &memory);
    planning(&mut table, "on disk", &sled);
    judging(&mut table, &memory);
    drop((memory, sled));
    opening(&mut table, &snapshot);
    memory::measure(&mut table, &snapshot);
    table.print();
}

/// The file into the snapshot, relative to reading and parsing the file alone.
fn reading(table: &mut Table, file: &Path, snapshot: &Path) -> SledStore {
    let parse = best_of(ROUNDS, || {
        let text = std::fs::read(file).unwrap();
        black_box(serde_json::from_slice::<serde_json::Value>(&text).unwrap());
    });
    table.baseline("read and parse the file", parse);
    let store = SledStore::open(snapshot).unwrap();
    table.row("  read it into a new snapshot on disk", best_of(1, || read(&store, file)), parse);
    table.row("  read it again, nothing changed", best_of(ROUNDS, || read(&store, file)), parse);
    store
}

/// A full plan, for nobody and then for everybody known, relative to decoding the same records once.
fn planning(table: &mut Table, where_: &str, store: &dyn Store) {
    let rules = rules(None);
    let before = best_of(ROUNDS, || decode(store));
    table.baseline(&format!("decode the mirror {where_}"), before);
    let first = best_of(ROUNDS, || {
        black_box(plan(store, &rules));
    });
    table.row("  first plan: everybody is created", first, before);
    settle(store, &rules);
    assert!(plan(store, &rules).plan.changes.is_empty(), "after everybody was written there is nothing to do");
    let both = best_of(ROUNDS, || decode(store));
    table.baseline(&format!("decode mirror and ledger {where_}"), both);
    let second = best_of(ROUNDS, || {
        black_box(plan(store, &rules));
    });
    table.row("  second plan: nothing to do", second, both);
}

/// One user judged, relative to cloning them.
fn judging(table: &mut Table, store: &dyn Store) {
    let users: Vec<_> = store.users().map(|user| user.unwrap()).collect();
    let clone = best_of(ROUNDS, || {
        for user in &users {
            black_box(user.clone());
        }
    });
    table.baseline("clone each user", clone);
    for (what, when) in [
        ("  judge each, no expression", None),
        ("  judge each, one CEL comparison", Some("user.department != \"Contractors\"")),
        (
            "  judge each, three CEL clauses",
            Some(
                "user.department != \"Contractors\" && user.email.endsWith(\"@acme.com\") && !('team-0' in user.groups)",
            ),
        ),
    ] {
        let roster = engine::roster(store, &rules(when));
        let wanted = users.iter().filter(|user| matches!(roster.judge(user).standing, Standing::Wanted(_))).count();
        assert!(wanted + 60 >= users.len(), "the expression decides, and lets everybody in but one team");
        table.row(what, best_of(ROUNDS, || judge_all(&roster, &users)), clone);
    }
}

/// Opening the snapshot, relative to reading its files.
fn opening(table: &mut Table, snapshot: &Path) {
    let files = best_of(ROUNDS, || read_all(snapshot));
    table.baseline("read the snapshot's files", files);
    table.row("  open the snapshot", best_of(ROUNDS, || drop(SledStore::open(snapshot).unwrap())), files);
}

fn read_all(folder: &Path) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            read_all(&path);
        } else {
            black_box(std::fs::read(path).unwrap());
        }
    }
}
