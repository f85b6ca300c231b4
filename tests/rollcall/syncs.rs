//! What is written is on the disk before it is relied upon: the calls that the shipped binary makes, as `strace` sees
//! them (`tests/servers/install-debian.sh` installs it).

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};

use seccompiler::{BpfProgram, SeccompAction, SeccompFilter, apply_filter};

use super::command_support::{Site, ran};
use super::daemon_support::{Daemon, SELDOM};

/// Set where the system refuses filters.
const REFUSED: &str = "ROLLCALL_TEST_WITHOUT_SECCOMP";

/// A call that has ended, in the order of the ends.
#[derive(Debug)]
struct Call {
    process: String,
    /// With its arguments, and the paths of its files.
    text: String,
    succeeded: bool,
}

impl Call {
    fn syncs(&self, path: &str) -> bool {
        let name = self.text.split('(').next().unwrap_or_default();
        self.succeeded && matches!(name, "fsync" | "fdatasync") && self.text.contains(&format!("{path}>"))
    }

    fn is(&self, name: &str) -> bool {
        self.text.starts_with(&format!("{name}("))
    }

    /// Whether the application is sent a creation.
    fn creates(&self) -> bool {
        self.text.contains("\"POST /")
    }
}

/// Applies the company, one write after the other, and returns the calls that were made.
fn applied() -> Vec<Call> {
    let site = Site::new();
    let text = site.configuration("").replace("token = { file", "parallel = 1\ntoken = { file");
    site.write("config.toml", &text);
    let command = site.command(&["apply", "--yes"]);
    let mut strace = Command::new("strace");
    strace.args([
        "-f",
        "-y",
        "-s",
        "1000000",
        "-e",
        "trace=fsync,fdatasync,sync_file_range,pwrite64,write,writev,sendto,sendmsg",
        "-o",
    ]);
    strace.arg(site.path("calls")).arg(command.get_program()).args(command.get_args());
    strace.current_dir(site.path(".")).env("USER", "ada").stdin(Stdio::null());
    ran(&mut strace).ends_with(0);
    assert_eq!(site.active(), 6);
    calls(&site.read("calls"))
}

/// Reads what strace wrote: a line a call, or two of them if others came in between.
fn calls(log: &str) -> Vec<Call> {
    let mut unfinished = BTreeMap::new();
    let mut calls = Vec::new();
    for line in log.lines() {
        let (process, rest) = line.split_once(' ').unwrap();
        let (process, rest) = (process.to_owned(), rest.trim_start());
        let text = if let Some(begun) = rest.strip_suffix("<unfinished ...>") {
            unfinished.insert(process, begun.to_owned());
            continue;
        } else if let Some((_, end)) = rest.split_once(" resumed>") {
            format!("{}{end}", unfinished.remove(&process).unwrap_or_default())
        } else {
            rest.to_owned()
        };
        let answer = text.rsplit(" = ").next().unwrap_or_default();
        let succeeded = answer.starts_with(|first: char| first.is_ascii_digit());
        calls.push(Call { process, text, succeeded });
    }
    calls
}

/// Before somebody is created, what is intended was written to the journal, and synced after that. Several intents may
/// share a sync, and may be begun ahead of their writes. sled writes an intent again when it lays out its page anew, and
/// the first copy stands until the second is safe: so it is the first that counts.
fn assert_that_each_creation_was_journaled(calls: &[Call]) {
    let mut creations = 0;
    for (at, call) in calls.iter().enumerate().filter(|(_, call)| call.creates()) {
        let named = call.text.split_once(r#"userName\":\""#).and_then(|(_, rest)| rest.split_once(r#"\""#));
        let (address, _) = named.unwrap_or_else(|| panic!("who is created? {}", call.text));
        let intends =
            |call: &Call| call.is("pwrite64") && call.text.contains(address) && call.text.contains("create-account");
        let intended = calls[..at].iter().position(intends).unwrap_or_else(|| panic!("{address} was not journaled"));
        let synced = calls[intended..at].iter().any(|call| call.syncs("state/lumen/db/db"));
        assert!(synced, "{address} was created before its intent was on the disk");
        creations += 1;
    }
    assert_eq!(creations, 6);
}

/// The new database can be found again: its files, and the folders that name them.
fn assert_that_the_database_was_synced(calls: &[Call]) {
    for path in ["state/lumen/db/conf", "state/lumen/db", "state/lumen", "state/lumen/seal.new"] {
        assert!(calls.iter().any(|call| call.syncs(path)), "{path} was never synced");
    }
}

#[test]
fn every_flush_syncs_the_database_and_no_range_is_believed() {
    let calls = applied();
    let mut ranges = 0;
    for (at, call) in calls.iter().enumerate().filter(|(_, call)| call.is("sync_file_range")) {
        ranges += 1;
        assert!(!call.succeeded && call.text.contains("ENOSYS"), "{}", call.text);
        let next = calls[at + 1..].iter().find(|next| next.process == call.process);
        assert!(next.is_some_and(|next| next.syncs("state/lumen/db/db")), "after {}: {next:?}", call.text);
    }
    assert!(ranges >= 3, "the syncs of six people's journal: {ranges}");
    assert_that_each_creation_was_journaled(&calls);
    assert_that_the_database_was_synced(&calls);
}

/// Runs the test of this name once more, in a process whose children the system refuses filters.
fn with_filters_refused(name: &str, test: impl FnOnce()) {
    if std::env::var_os(REFUSED).is_none() {
        let mut command = Command::new(std::env::current_exe().unwrap());
        command.args(["--exact", &format!("syncs::{name}"), "--nocapture"]).env(REFUSED, "yes");
        assert!(command.stdin(Stdio::null()).status().unwrap().success());
        return;
    }
    let rules = [(nix::libc::SYS_seccomp, Vec::new())].into();
    let refused = SeccompAction::Errno(nix::errno::Errno::EPERM as u32);
    let arch = std::env::consts::ARCH.try_into().unwrap();
    let filter = SeccompFilter::new(rules, SeccompAction::Allow, refused, arch).unwrap();
    let program: BpfProgram = filter.try_into().unwrap();
    apply_filter(&program).unwrap();
    test();
}

#[test]
fn where_filters_are_refused_the_store_syncs_by_itself() {
    with_filters_refused("where_filters_are_refused_the_store_syncs_by_itself", || {
        let calls = applied();
        assert!(calls.iter().any(|call| call.is("sync_file_range") && call.succeeded), "sled was not refused its way");
        assert_that_each_creation_was_journaled(&calls);
        assert_that_the_database_was_synced(&calls);
    });
}

#[test]
fn the_daemon_and_what_it_starts_cannot_gain_rights() {
    let site = Site::new();
    site.configure(SELDOM);
    let daemon = Daemon::start(&site);
    let status =
        std::fs::read_to_string(Path::new("/proc").join(daemon.child.id().to_string()).join("status")).unwrap();
    assert!(status.contains("NoNewPrivs:\t1") && status.contains("Seccomp:\t2"), "{status}");
    daemon.stop();
}
