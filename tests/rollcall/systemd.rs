//! The unit files: systemd understands them, and they are as closed as they promise. systemd-analyze judges both
//! offline; `tests/servers/install-debian.sh` installs it.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::command_support::ran;

/// The exposure that systemd may find at most, in tenths: 1.5 of 10.
const EXPOSURE: &str = "15";

const SERVICES: [&str; 2] = ["rollcall.service", "rollcall-once@.service"];

fn units() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("systemd")
}

fn read(name: &str) -> String {
    std::fs::read_to_string(units().join(name)).unwrap()
}

/// What of a service says how closed it is: everything from the first line of its sandbox to the next section.
fn sandbox(unit: &str) -> Vec<&str> {
    let lines = unit.lines().skip_while(|line| *line != "NoNewPrivileges=yes");
    lines.take_while(|line| !line.starts_with('[')).filter(|line| !line.trim().is_empty()).collect()
}

#[test]
fn systemd_understands_every_unit() {
    // It looks whether the program is there, so the units are shown to it with the one that was built.
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new("systemd-analyze");
    command.args(["verify", "--man=no"]);
    for unit in SERVICES.into_iter().chain(["rollcall-once@.timer"]) {
        let path = folder.path().join(unit);
        std::fs::write(&path, read(unit).replace("/usr/bin/rollcall", env!("CARGO_BIN_EXE_rollcall"))).unwrap();
        command.arg(path);
    }
    let ran = ran(&mut command).ends_with(0);
    assert!(!ran.err.contains("rollcall"), "{}", ran.err);
}

#[test]
fn the_services_are_closed_to_an_exposure_of_one_and_a_half() {
    for service in SERVICES {
        let mut command = Command::new("systemd-analyze");
        command.args(["security", "--offline=true", "--no-pager", "--threshold", EXPOSURE]);
        let ran = ran(command.arg(units().join(service))).ends_with(0);
        assert!(ran.out.contains("Overall exposure level"), "{}", ran.out);
    }
}

#[test]
fn the_daemon_and_the_single_run_are_closed_alike() {
    let [daemon, once] = SERVICES.map(read);
    assert!(sandbox(&daemon).len() > 20, "{daemon}");
    assert_eq!(sandbox(&daemon), sandbox(&once));
}

#[test]
fn a_service_that_ends_for_what_trying_again_does_not_better_is_not_restarted() {
    // The exit codes of wrong usage and of a wrong configuration, which never change.
    assert!(read("rollcall.service").lines().any(|line| line == "RestartPreventExitStatus=64 78"));
}

#[test]
fn the_commands_that_the_units_run_exist() {
    for service in SERVICES {
        let unit = read(service);
        let line = unit.lines().find_map(|line| line.strip_prefix("ExecStart=/usr/bin/rollcall ")).unwrap();
        let arguments: Vec<&str> = line.split(' ').chain(["--help"]).collect();
        ran(Command::new(env!("CARGO_BIN_EXE_rollcall")).args(arguments)).ends_with(0);
    }
}
