//! The daemon: how soon it is ready, and what it holds while it has nothing to do.

use std::os::unix::net::UnixDatagram;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rollcall_test_servers::site::{ORGANIZATION, Site};

use super::Ground;
use super::row::{Row, time};

/// How long it is left alone before it counts as idle.
const QUIET: Duration = Duration::from_secs(5);

/// A running daemon, stopped as systemd does when this is dropped.
struct Daemon(Child);

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = Command::new("kill").arg(self.0.id().to_string()).status();
        let _ = self.0.wait();
    }
}

/// Start to ready, idle after the start, and idle after a run.
pub(super) fn rows(ground: &Ground, site: &Site, print: &mut dyn FnMut(Row)) {
    let place = site.path("notify");
    let notified = UnixDatagram::bind(&place).unwrap();
    notified.set_read_timeout(Some(Duration::from_secs(600))).unwrap();
    let start = Instant::now();
    let mut command = site.command(&["run"]);
    command.env("NOTIFY_SOCKET", &place).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let daemon = Daemon(command.spawn().unwrap());
    let mut buffer = [0; 4096];
    loop {
        let length = notified.recv(&mut buffer).unwrap();
        if String::from_utf8_lossy(&buffer[..length]).contains("READY=1") {
            break;
        }
    }
    let ready = start.elapsed();
    std::thread::park_timeout(QUIET);
    let first = resident(&daemon.0);
    let run = site.run(&["trigger", ORGANIZATION, "--follow"]);
    std::thread::park_timeout(QUIET);
    let later = resident(&daemon.0);
    drop(daemon);
    print(Row {
        work: format!("daemon, {} people: start to ready", ground.people),
        limit: "–".to_owned(),
        measured: time(ready),
        goal: "≤ 100 ms".to_owned(),
        met: Some(ready <= Duration::from_millis(100)),
    });
    let how = if run.status.success() { "" } else { ", **and the run failed**" };
    print(Row {
        work: format!("daemon, {} people: idle", ground.people),
        limit: "–".to_owned(),
        measured: format!("{first} MiB after its start, {later} MiB after a run{how}"),
        goal: "≤ 40 MiB".to_owned(),
        met: Some(first <= 40 && later <= 40 && run.status.success()),
    });
}

/// What a process has in memory, in MiB.
fn resident(process: &Child) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", process.id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse::<u64>().unwrap().div_ceil(1024)
}
