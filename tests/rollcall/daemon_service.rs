//! The daemon as a service: signals, crashes, reloads, and secrets that change while it runs.

#![allow(clippy::disallowed_methods, reason = "a test waits for the clock")]

use rollcall::demo::sandbox::Fault;
use rollcall_test_servers::gate::{Cut, WriteGate};

use super::command_support::{Site, person, staff_but};
use super::daemon_support::{Daemon, PATIENCE, SELDOM};

/// Whenever a run has ended, the next one is due.
const ALWAYS: &str = "[organization.lumen.schedule]\nfull = \"* * * * * *\"\njitter = \"0s\"\n";

/// A site behind a gate, applied once, with two newcomers in its directory.
fn behind_gate(more: &str) -> (Site, WriteGate) {
    let site = Site::new();
    let gate = WriteGate::start(site.sandbox.url());
    let text = |more: &str| site.configuration(more).replace(site.sandbox.url(), gate.url());
    site.write("config.toml", &text(SELDOM));
    site.run(&["apply", "--yes"]).ends_with(0);
    site.write("config.toml", &text(more));
    site.directory(&staff_but(|company| {
        company.people.push(person("p-7", "gil.orr", ("Gil", "Orr")));
        company.people.push(person("p-8", "hal.ito", ("Hal", "Ito")));
    }));
    (site, gate)
}

#[test]
fn a_scheduled_run_applies_what_nothing_holds() {
    let site = Site::new();
    site.configure(SELDOM);
    site.run(&["apply", "--yes"]).ends_with(0);
    site.configure(ALWAYS);
    site.directory(&staff_but(|company| company.people[1].status = "inactive".to_owned()));
    let daemon = Daemon::start(&site);
    daemon.hear("1 running");
    site.run(&["trigger", "--follow"]).ends_with(0);
    assert_eq!(site.active(), 5);
    daemon.stop();
}

#[test]
fn the_first_run_of_a_new_organization_waits_for_a_person() {
    let site = Site::new();
    site.configure(SELDOM);
    let daemon = Daemon::start(&site);
    daemon.hear("1 held");
    assert_eq!(site.accounts().len(), 0);
    assert_eq!(site.sandbox.writes(), 0);
    assert!(!site.read("log").contains('\u{1b}'), "a file has no colours: {}", site.read("log"));
    daemon.stop();
}

#[test]
fn a_daemon_that_is_told_to_stop_finishes_what_it_writes_and_leaves_the_journal_settled() {
    let (site, gate) = behind_gate(SELDOM);
    let daemon = Daemon::start(&site);
    gate.arm("POST", 0, Cut::Nothing);
    site.run(&["trigger"]).ends_with(0);
    gate.wait_until_holding(PATIENCE);
    daemon.signal("TERM");
    daemon.hear("STOPPING=1");
    gate.open();
    assert_eq!(daemon.ends(), Some(0));
    let status = site.run(&["status", "--format", "json"]).ends_with(0).json();
    assert_eq!(status["organizations"][0]["unsettled"], 0, "{status}");
    site.run(&["apply", "--yes"]).ends_with(0);
    assert_eq!((site.active(), site.accounts().len()), (8, 8));
}

#[test]
fn a_daemon_that_cannot_finish_stops_in_its_time_and_the_next_run_settles_what_is_in_doubt() {
    let (site, gate) = behind_gate(&format!("{SELDOM}\n[daemon]\nstop_within = \"1s\"\n"));
    let daemon = Daemon::start(&site);
    gate.arm("POST", 0, Cut::Answer);
    site.run(&["trigger"]).ends_with(0);
    gate.wait_until_holding(PATIENCE);
    daemon.stop();
    gate.open();
    site.run(&["apply", "--yes"]).ends_with(0);
    assert_eq!((site.active(), site.accounts().len()), (8, 8), "nobody twice");
}

#[test]
fn a_daemon_that_was_killed_makes_up_for_it_by_itself() {
    let (site, gate) = behind_gate(ALWAYS);
    let mut daemon = Daemon::start_without_waiting(&site);
    gate.arm("POST", 1, Cut::Answer);
    gate.wait_until_holding(PATIENCE);
    daemon.child.kill().unwrap();
    daemon.child.wait().unwrap();
    gate.shut();
    gate.open();
    let daemon = Daemon::start(&site);
    site.run(&["trigger", "--follow"]).ends_with(0);
    assert_eq!((site.active(), site.accounts().len()), (8, 8), "nobody twice, nobody forgotten");
    daemon.stop();
}

#[test]
fn a_reload_swaps_the_configuration_whole_or_keeps_the_old_one_and_says_why() {
    let site = Site::new();
    site.configure(SELDOM);
    site.run(&["apply", "--yes"]).ends_with(0);
    let daemon = Daemon::start(&site);

    site.configure("[organization.lumen.schedule]\nfull = \"0 25 * * *\"\n");
    daemon.signal("HUP");
    let reloading = daemon.hear("RELOADING=1");
    assert!(reloading.contains("MONOTONIC_USEC="), "{reloading}");
    let kept = daemon.hear("READY=1");
    assert!(kept.contains("the old one stays"), "{kept}");
    assert!(site.read("log").contains("no cron expression"), "{}", site.read("log"));

    let renamed = site
        .configuration(SELDOM)
        .replace("organization.lumen", "organization.second")
        .replace("state_dir = \"state\"", "");
    site.write("config.toml", &format!("{}\n{renamed}", site.configuration(SELDOM)));
    daemon.signal("HUP");
    let told = daemon.hear("READY=1");
    // Two organizations with one domain in one application are refused, if they are; else there are two now.
    assert!(told.contains("2 organizations") || told.contains("the old one stays"), "{told}");

    site.write("config.toml", &site.configuration(SELDOM).replace("\"state\"", "\"elsewhere\""));
    daemon.signal("HUP");
    assert!(daemon.hear("READY=1").contains("the old one stays"));
    assert!(site.read("log").contains("restart it for that"));

    site.configure(ALWAYS);
    daemon.signal("HUP");
    assert!(daemon.hear("READY=1").contains("1 organization"));
    daemon.hear("1 running");
    daemon.stop();
}

#[test]
fn a_token_that_is_rotated_counts_at_the_next_run_without_a_restart() {
    let site = Site::new();
    site.configure(SELDOM);
    site.run(&["apply", "--yes"]).ends_with(0);
    let daemon = Daemon::start(&site);
    site.write("token", "an old token that was revoked");
    site.directory(&staff_but(|company| company.people.push(person("p-7", "gil.orr", ("Gil", "Orr")))));
    let refused = site.run(&["trigger", "--follow"]).ends_with(1);
    assert!(refused.out.contains("failed"), "{}", refused.out);
    daemon.hear("1 failed");
    site.write("token", site.sandbox.token());
    site.run(&["trigger", "--follow"]).ends_with(0);
    assert_eq!(site.active(), 7);
    daemon.stop();
}

#[test]
fn an_organization_that_fails_again_and_again_is_quarantined_and_comes_back() {
    let site = Site::new();
    let more = format!("{ALWAYS}\n[daemon.quarantine]\nafter = 3\n");
    site.configure(&more);
    site.run(&["apply", "--yes"]).ends_with(0);
    site.sandbox.inject(Fault::RefuseTokens);
    site.directory(&staff_but(|company| company.people.push(person("p-7", "gil.orr", ("Gil", "Orr")))));
    let daemon = Daemon::start(&site);
    daemon.hear("1 quarantined");
    let status = site.run(&["status", "--format", "json"]).ends_with(0).json();
    assert_eq!(status["organizations"][0]["daemon"]["failures"], 3, "{status}");
    daemon.stop();
    let daemon = Daemon::start(&site);
    daemon.hear("1 quarantined");
    site.sandbox.heal();
    site.run(&["trigger", "--follow"]).ends_with(0);
    let status = site.run(&["status", "--format", "json"]).ends_with(0).json();
    assert_eq!(status["organizations"][0]["daemon"]["failures"], 0, "{status}");
    daemon.stop();
}

#[test]
fn a_run_that_takes_too_long_is_ended_and_the_next_one_settles_what_it_left() {
    let (site, gate) = behind_gate(&format!("{SELDOM}\n[daemon]\nrun_limit = \"5s\"\nstop_within = \"1s\"\n"));
    let daemon = Daemon::start(&site);
    gate.arm("POST", 0, Cut::Answer);
    let ended = site.run(&["trigger", "--follow"]).ends_with(1);
    assert!(ended.out.contains("longer than its limit of 5s"), "{}", ended.out);
    let shown = site.run(&["show", "last"]).ends_with(0);
    assert!(shown.out.contains("longer than its limit of 5s"), "it is in the history: {}", shown.out);
    gate.open();
    site.run(&["apply", "--yes"]).ends_with(0);
    assert_eq!((site.active(), site.accounts().len()), (8, 8), "nobody twice");
    daemon.stop();
}

/// A blackout that is open all day.
fn all_day(forbids: &str) -> String {
    format!("{SELDOM}\n[[organization.lumen.blackout]]\nfrom = \"00:00\"\nuntil = \"00:00\"\nforbids = \"{forbids}\"\n")
}

#[test]
fn in_a_blackout_less_is_done_and_afterwards_the_rest() {
    let site = Site::new();
    site.configure(SELDOM);
    site.run(&["apply", "--yes"]).ends_with(0);
    site.configure(&all_day("writes"));
    site.directory(&staff_but(|company| {
        company.people.push(person("p-7", "gil.orr", ("Gil", "Orr")));
        company.people[1].status = "inactive".to_owned();
    }));
    let check = site.run(&["check"]).ends_with(0);
    assert!(check.out.contains("A blackout is open: nothing is written before"), "{}", check.out);
    assert!(check.out.contains("01-01 00:0"), "the next run is on the first of January: {}", check.out);
    site.sandbox.forget_requests();
    let daemon = Daemon::start(&site);
    site.run(&["trigger", "--follow"]).ends_with(3);
    assert_eq!(site.sandbox.writes(), 0);
    site.configure(&all_day("removals"));
    daemon.signal("HUP");
    daemon.hear("READY=1");
    site.run(&["trigger", "--follow"]).ends_with(3);
    assert_eq!((site.active(), site.accounts().len()), (7, 7), "the newcomer is there, and nobody is out");
    site.configure(SELDOM);
    daemon.signal("HUP");
    daemon.hear("READY=1");
    site.run(&["trigger", "--follow"]).ends_with(0);
    assert_eq!(site.active(), 6);
    daemon.stop();
}

#[test]
fn a_blackout_that_begins_while_a_plan_is_applied_stops_what_was_not_sent() {
    let (site, gate) = behind_gate(SELDOM);
    let one_by_one = |more: &str| {
        let text = site.configuration(more).replace(site.sandbox.url(), gate.url());
        text.replace("token = { file", "parallel = 1\ntoken = { file")
    };
    let second = |number: i64| jiff::Timestamp::from_second(number).unwrap().strftime("%Y-%m-%dT%H:%M:%S").to_string();
    let begins = jiff::Timestamp::now().as_second() + 20;
    let window = format!("[[organization.lumen.blackout]]\nfrom = \"{}\"\nuntil = \"2999-01-01\"\n", second(begins));
    site.write("config.toml", &one_by_one(&format!("{SELDOM}{window}forbids = \"writes\"\n")));
    let daemon = Daemon::start(&site);
    gate.arm("POST", 0, Cut::Nothing);
    let applying = site.command(&["apply", "--yes"]).spawn().unwrap();
    gate.wait_until_holding(PATIENCE);
    let left = begins + 1 - jiff::Timestamp::now().as_second();
    assert!(left > 1, "the machine is too slow for this test: the window opened before the plan was applied");
    std::thread::sleep(std::time::Duration::from_secs(left.unsigned_abs()));
    gate.open();
    assert_eq!(applying.wait_with_output().unwrap().status.code(), Some(4));
    assert_eq!(site.active(), 7, "what was on its way ended, and the other newcomer waits");
    let shown = site.run(&["show", "last"]).ends_with(0);
    assert!(shown.out.contains("a blackout began at"), "{}", shown.out);
    daemon.stop();
    site.write("config.toml", &one_by_one(SELDOM));
    site.run(&["apply", "--yes"]).ends_with(0);
    assert_eq!(site.active(), 8);
}
