//! The memory that a plan takes at its peak, measured in a process of its own: a peak never goes down again, so the
//! one of this process tells of everything that it did before.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use rollcall::snapshot::SledStore;

use crate::engine::{plan, rules};
use crate::table::Table;

/// Set in the environment of the process that is measured: the snapshot that it plans from.
const SNAPSHOT: &str = "ROLLCALL_BENCH_SNAPSHOT";

/// The snapshot, if this is the process that is measured.
pub(crate) fn asked_for() -> Option<PathBuf> {
    std::env::var_os(SNAPSHOT).map(PathBuf::from)
}

/// Plans, and prints the peaks before and after in KiB.
pub(crate) fn report(snapshot: &Path) {
    let before = peak();
    let store = SledStore::open(snapshot).unwrap();
    let opened = peak();
    assert!(plan(&store, &rules(None)).plan.changes.is_empty());
    println!("{before} {opened} {}", peak());
}

/// Has a process plan from this snapshot, and notes what it took for each user.
pub(crate) fn measure(table: &mut Table, snapshot: &Path) {
    let program: OsString = std::env::current_exe().unwrap().into();
    let output = Command::new(program).env(SNAPSHOT, snapshot).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    let peaks: Vec<u64> = text.split_whitespace().map(|number| number.parse().unwrap()).collect();
    let [before, opened, planned] = peaks[..] else { panic!("three numbers, not {text:?}") };
    table.memory("the program alone", before);
    table.memory("  and after it opened and verified the snapshot", opened);
    table.memory("  and after a full plan, nothing to do", planned);
}

/// The largest resident set that this process had so far, in KiB (proc(5), `VmHWM`).
fn peak() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}
