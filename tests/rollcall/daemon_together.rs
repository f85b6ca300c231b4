//! Several organizations in one daemon, and one that is paused, taken out or put back while it is at work: nobody holds
//! up another, and nothing begins that was called off in time.

#![allow(clippy::disallowed_methods, reason = "a test waits for a process")]

use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use rollcall_test_servers::gate::{Cut, WriteGate};

use super::command_support::{Site, person, staff_but};
use super::daemon_support::{Daemon, PATIENCE, SELDOM, at_the_question};

/// A second organization, to which nobody of the directory belongs.
fn second(site: &Site) -> String {
    format!(
        "[organization.second]\ndomains = [\"second.test\"]\n\
         [organization.second.directory]\nconnector = \"file\"\nusers = \"company.json\"\n\
         [organization.second.target]\nkind = \"scim\"\nurl = \"{}\"\ntoken = {{ file = \"token\" }}\n\
         [organization.second.schedule]\nfull = \"0 0 1 1 *\"\n",
        site.sandbox.url()
    )
}

/// One run at a time.
const ONE: &str = "[daemon]\nparallel = 1\n";

/// An installation with two organizations, of which the first was applied once and has a newcomer in its directory; and
/// its configuration, with more lines behind it.
fn two(through: Option<&dyn Fn(&str) -> String>) -> (Site, impl Fn(&str) -> String + use<>) {
    let site = Site::new();
    let (direct, through) = (site.sandbox.url().to_owned(), through.map(|gate| gate(site.sandbox.url())));
    let plain = site.configuration(SELDOM);
    let text = move |more: &str| format!("{}{more}", plain.replace(&direct, through.as_deref().unwrap_or(&direct)));
    site.write("config.toml", &text(""));
    site.run(&["apply", "--yes"]).ends_with(0);
    site.write("config.toml", &text(&format!("{}{ONE}", second(&site))));
    site.run(&["apply", "second", "--yes"]).ends_with(0);
    site.directory(&staff_but(|company| company.people.push(person("p-7", "gil.orr", ("Gil", "Orr")))));
    (site, text)
}

/// Waits for the end of a command, but not for ever.
#[track_caller]
fn code(mut command: Child) -> i32 {
    let until = Instant::now() + PATIENCE / 4;
    loop {
        if let Some(status) = command.try_wait().unwrap() {
            return status.code().unwrap();
        }
        if Instant::now() > until {
            command.kill().unwrap();
            panic!("it does not end");
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn trigger(site: &Site, name: &str) -> Child {
    site.command(&["trigger", name, "--follow"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
}

fn runs(site: &Site, name: &str) -> usize {
    site.run(&["history", name, "--format", "json"]).ends_with(0).json()["runs"].as_array().unwrap().len()
}

#[track_caller]
fn until(what: &str, mut is: impl FnMut() -> bool) {
    let until = Instant::now() + PATIENCE / 4;
    while !is() {
        assert!(Instant::now() < until, "it never came to be that {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn a_question_about_one_organization_keeps_no_other_waiting() {
    let (site, _) = two(None);
    let daemon = Daemon::start(&site);
    let question = at_the_question(&site);
    // It is due, and waits for the answer; whoever may run beside it does not.
    site.run(&["trigger", "lumen"]).ends_with(0);
    std::thread::sleep(Duration::from_millis(300));
    let _ = code(trigger(&site, "second"));
    let status = site.run(&["status", "lumen", "--format", "json"]).ends_with(0).json();
    assert_eq!(
        status["organizations"][0]["daemon"]["activity"]["activity"], "busy",
        "who is at work is seen: {status}"
    );
    drop(question);
    until("the first one was run, too", || site.active() == 7);
    daemon.stop();
}

#[test]
fn whoever_is_paused_while_he_waits_for_his_turn_is_not_run() {
    let (site, _) = two(None);
    let daemon = Daemon::start(&site);
    let question = at_the_question(&site);
    site.run(&["trigger", "lumen"]).ends_with(0);
    std::thread::sleep(Duration::from_millis(300));
    site.run(&["pause", "lumen"]).ends_with(0);
    let before = runs(&site, "lumen");
    drop(question);
    // One more run of the other, and they would have had their turn long ago.
    for _ in 0..2 {
        let _ = code(trigger(&site, "second"));
    }
    // Who went away at the question leaves a plan that was not applied.
    assert_eq!((runs(&site, "lumen"), site.active()), (before + 1, 6));
    daemon.stop();
}

#[test]
fn a_full_run_that_is_asked_for_while_an_incremental_one_waits_is_a_full_one() {
    let (site, _) = two(None);
    let daemon = Daemon::start(&site);
    let question = at_the_question(&site);
    site.run(&["trigger", "lumen", "--incremental"]).ends_with(0);
    std::thread::sleep(Duration::from_millis(300));
    site.run(&["trigger", "lumen"]).ends_with(0);
    drop(question);
    until("they were run", || site.active() == 7);
    daemon.stop();
    let log = site.read("log");
    let began: Vec<&str> = log.lines().filter(|line| line.contains("a run begins") && line.contains("Asked")).collect();
    assert!(began.len() == 1 && began[0].contains("Full"), "{began:?}");
}

/// The same, the first organization behind a gate that holds its next write.
fn behind_gate() -> (Site, WriteGate, impl Fn(&str) -> String) {
    let gate = std::cell::OnceCell::new();
    let through = |url: &str| gate.get_or_init(|| WriteGate::start(url)).url().to_owned();
    let (site, text) = two(Some(&through));
    let gate = gate.into_inner().unwrap();
    gate.arm("POST", 0, Cut::Nothing);
    (site, gate, text)
}

#[test]
fn an_organization_that_was_taken_out_of_the_configuration_during_its_run_is_gone() {
    let (site, gate, _) = behind_gate();
    let daemon = Daemon::start(&site);
    site.run(&["trigger", "lumen"]).ends_with(0);
    gate.wait_until_holding(PATIENCE);
    site.write("config.toml", &format!("state_dir = \"state\"\n{}", second(&site)));
    daemon.signal("HUP");
    daemon.hear("READY=1");
    gate.open();
    until("its run ended", || site.active() == 7);
    std::thread::sleep(Duration::from_millis(500));
    daemon.signal("HUP");
    let stands = daemon.hear("READY=1");
    assert!(stands.contains("1 organization"), "{stands}");
    daemon.stop();
}

#[test]
fn an_organization_that_is_put_back_during_its_run_goes_on_where_it_was() {
    let (site, gate, text) = behind_gate();
    let daemon = Daemon::start(&site);
    site.run(&["trigger", "lumen"]).ends_with(0);
    gate.wait_until_holding(PATIENCE);
    for configuration in [format!("state_dir = \"state\"\n{}", second(&site)), text(&second(&site))] {
        site.write("config.toml", &configuration);
        daemon.signal("HUP");
        daemon.hear("READY=1");
    }
    gate.open();
    let again = trigger(&site, "lumen");
    assert_eq!(code(again), 0);
    assert_eq!(site.active(), 7);
    daemon.stop();
    let log = site.read("log");
    assert!(!log.contains("cannot be read yet") && !log.contains("a run failed"), "{log}");
}
