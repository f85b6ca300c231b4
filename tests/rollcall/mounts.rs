//! A mount table of its own for a test: the test runs itself a second time in it (`unshare --mount`), so that what it
//! mounts vanishes with its process, however that ends.

use std::process::{Command, Stdio};

/// Set where the test may mount.
const INSIDE: &str = "ROLLCALL_TEST_MOUNTS";

/// Runs the test of this name, such as `daemon_disk::a_full_disk`, with a mount table of its own.
pub(super) fn with_mounts(name: &str, test: impl FnOnce()) {
    if std::env::var_os(INSIDE).is_some() {
        return test();
    }
    let mut command = unshare();
    command.arg(std::env::current_exe().unwrap()).args(["--exact", name, "--nocapture"]);
    assert!(command.env(INSIDE, "yes").stdin(Stdio::null()).status().unwrap().success());
}

/// Whether this machine gives us a mount table of our own.
pub(super) fn are_possible() -> bool {
    unshare().arg("true").output().is_ok_and(|ran| ran.status.success())
}

fn unshare() -> Command {
    let mut command = Command::new("unshare");
    // Root needs no user namespace, which some systems forbid.
    if !is_root() {
        command.args(["--user", "--map-root-user"]);
    }
    command.args(["--mount", "--"]);
    command
}

fn is_root() -> bool {
    std::fs::metadata("/proc/self").is_ok_and(|own| std::os::unix::fs::MetadataExt::uid(&own) == 0)
}
