//! A disk that is full, and is not any more: a daemon on a small file system of its own.
//!
//! Each test has a mount table of its own, in which the state directory is a small tmpfs.

use std::process::Command;

use rollcall_test_servers::gate::{Cut, WriteGate};

use super::command_support::{Site, person, staff_but};
use super::daemon_support::{Daemon, PATIENCE, SELDOM};
use super::mounts::with_mounts;

/// A state directory on a disk of its own.
struct Disk<'a>(&'a Site);

impl<'a> Disk<'a> {
    /// Large enough for the snapshot, and for what must be free next to it.
    fn under(site: &'a Site) -> Self {
        std::fs::create_dir(site.path("state")).unwrap();
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=300m,mode=0700", "rollcall-test"]).arg(site.path("state"));
        assert!(mount.status().unwrap().success());
        Self(site)
    }

    /// Leaves no byte free.
    fn fill(&self) {
        let mut file = std::fs::File::options().create(true).append(true).open(self.0.path("state/ballast")).unwrap();
        for size in [1 << 20, 4_096, 1] {
            while std::io::Write::write_all(&mut file, &vec![7; size]).is_ok() {}
        }
    }

    fn make_room(&self) {
        std::fs::remove_file(self.0.path("state/ballast")).unwrap();
    }
}

/// A site with a small disk for its state, applied once.
fn on_a_small_disk(test: impl FnOnce(&Site, &Disk<'_>, &WriteGate)) {
    let site = Site::new();
    let disk = Disk::under(&site);
    let gate = WriteGate::start(site.sandbox.url());
    let text = site.configuration(SELDOM).replace(site.sandbox.url(), gate.url());
    site.write("config.toml", &text);
    site.run(&["apply", "--yes"]).ends_with(0);
    site.sandbox.forget_requests();
    site.directory(&staff_but(|company| {
        company.people[1].status = "inactive".to_owned();
        company.people.push(person("p-7", "gil.orr", ("Gil", "Orr")));
        company.people.push(person("p-8", "hal.ito", ("Hal", "Ito")));
    }));
    test(&site, &disk, &gate);
}

/// One left and two came: everybody has what they should have, and nothing is in doubt.
#[track_caller]
fn all_is_well(site: &Site) {
    assert_eq!((site.active(), site.accounts().len()), (7, 8), "nobody twice, nobody forgotten");
    let status = site.run(&["status", "--format", "json"]).ends_with(0).json();
    assert_eq!(status["organizations"][0]["unsettled"], 0, "{status}");
    site.run(&["plan", "--detailed-exitcode"]).ends_with(0);
}

#[test]
fn a_run_on_a_full_disk_writes_nothing_and_the_daemon_goes_on_by_itself_once_there_is_room() {
    with_mounts(
        "daemon_disk::a_run_on_a_full_disk_writes_nothing_and_the_daemon_goes_on_by_itself_once_there_is_room",
        || {
            on_a_small_disk(|site, disk, _| {
                let daemon = Daemon::start(site);
                disk.fill();
                let refused = site.run(&["trigger", "--follow"]).ends_with(1);
                assert!(refused.out.contains("too little room in"), "{}", refused.out);
                daemon.hear("1 failed");
                assert_eq!(site.sandbox.writes(), 0, "what cannot be journaled is not done");
                disk.make_room();
                site.run(&["trigger", "--follow"]).ends_with(0);
                all_is_well(site);
                daemon.stop();
            });
        },
    );
}

#[test]
fn a_disk_that_fills_while_changes_are_applied_loses_none_of_them() {
    with_mounts("daemon_disk::a_disk_that_fills_while_changes_are_applied_loses_none_of_them", || {
        on_a_small_disk(|site, disk, gate| {
            let daemon = Daemon::start(site);
            gate.arm("POST", 0, Cut::Nothing);
            site.run(&["trigger"]).ends_with(0);
            gate.wait_until_holding(PATIENCE);
            disk.fill();
            gate.open();
            daemon.hear("1 failed");
            disk.make_room();
            site.run(&["trigger", "--follow"]).ends_with(0);
            all_is_well(site);
            daemon.stop();
        });
    });
}

#[test]
fn a_daemon_that_is_killed_and_started_on_a_full_disk_waits_for_room() {
    with_mounts("daemon_disk::a_daemon_that_is_killed_and_started_on_a_full_disk_waits_for_room", || {
        on_a_small_disk(|site, disk, gate| {
            let mut daemon = Daemon::start(site);
            gate.arm("POST", 0, Cut::Answer);
            site.run(&["trigger"]).ends_with(0);
            gate.wait_until_holding(PATIENCE);
            disk.fill();
            daemon.child.kill().unwrap();
            daemon.child.wait().unwrap();
            gate.open();
            let daemon = Daemon::start(site);
            let refused = site.run(&["trigger", "--follow"]).ends_with(1);
            assert!(refused.out.contains("too little room in"), "{}", refused.out);
            disk.make_room();
            site.run(&["trigger", "--follow"]).ends_with(0);
            all_is_well(site);
            daemon.stop();
        });
    });
}
