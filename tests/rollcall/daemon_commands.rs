//! Commands while a daemon runs: they do what they do without one, and nobody can harm the daemon through its socket.

use std::io::{Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixStream;
use std::process::{Command, Stdio};

use rollcall_test_servers::gate::{Cut, WriteGate};

use super::command_support::{Site, person, staff, staff_but};
use super::daemon_support::{Daemon, PATIENCE, SELDOM, at_the_question};

fn settled() -> Site {
    let site = Site::new();
    site.configure(SELDOM);
    site.run(&["apply", "--yes"]).ends_with(0);
    site
}

/// Who we are by the word of the system.
fn login() -> String {
    let name = Command::new("id").arg("-un").output().unwrap();
    String::from_utf8(name.stdout).unwrap().trim().to_owned()
}

#[test]
fn commands_do_through_a_daemon_what_they_do_without_one() {
    let site = settled();
    let alone: Vec<_> = [&["status"][..], &["history"], &["explain", "ada.king"], &["show", "last"]]
        .into_iter()
        .map(|command| (command, site.run(command).ends_with(0).out))
        .collect();
    let daemon = Daemon::start(&site);
    daemon.hear("next: lumen");
    for (command, out) in alone {
        let through = site.run(command).ends_with(0).out;
        if command == ["status"] {
            assert!(through.contains("next run"), "{through}");
        } else {
            assert_eq!(through, out, "{command:?}");
        }
    }
    site.directory(&staff_but(|company| company.people.push(person("p-7", "gil.orr", ("Gil", "Orr")))));
    site.run(&["plan", "lumen", "--detailed-exitcode", "-o", "kept.json"]).ends_with(2);
    assert_eq!(std::fs::metadata(site.path("kept.json")).unwrap().permissions().mode() & 0o777, 0o600);
    site.run(&["apply", "kept.json", "--yes"]).ends_with(0);
    assert_eq!(site.active(), 7);
    site.run(&["apply", "no-such-thing", "--yes"]).ends_with(64);
    site.run(&["undo", "last", "--yes"]).ends_with(0);
    assert_eq!(site.active(), 6);
    site.run(&["reconcile"]).ends_with(0);
    let json = site.run(&["status", "--format", "json"]).ends_with(0).json();
    assert_eq!(json["organizations"][0]["organization"], "lumen", "{json}");
    assert!(json["organizations"][0]["next_run"].as_str().unwrap().ends_with("-01-01T00:00:00Z"), "{json}");
    daemon.stop();
}

#[test]
fn a_check_goes_through_the_daemon_which_alone_is_given_the_credentials() {
    let site = Site::new();
    let credential = "token = { credential = \"token\" }";
    site.write("config.toml", &site.configuration(SELDOM).replace("token = { file = \"token\" }", credential));
    let alone = site.run(&["check"]).ends_with(1).out;
    assert!(alone.contains("systemd gives credentials to a service alone"), "{alone}");
    let daemon = Daemon::start_with(&site, &[("CREDENTIALS_DIRECTORY", &site.path(""))]);
    daemon.hear("READY=1");
    let through = site.run(&["check"]).ends_with(0).out;
    assert!(through.contains("Signed in to"), "{through}");
    site.run(&["check", "--offline"]).ends_with(0);
    daemon.stop();
}

#[test]
fn a_question_is_asked_and_answered_through_the_daemon() {
    let site = settled();
    let daemon = Daemon::start(&site);
    site.directory(&staff_but(|company| company.people.push(person("p-7", "gil.orr", ("Gil", "Orr")))));
    let declined = site.run_on_terminal(&["apply"], "n").ends_with(0);
    assert!(declined.out.contains("Apply these changes? [y/N]") && declined.out.contains("nothing was changed"));
    assert_eq!(site.active(), 6);
    site.run_on_terminal(&["apply"], "y").ends_with(0);
    assert_eq!(site.active(), 7);
    daemon.stop();
}

#[test]
fn the_system_says_who_approved_and_not_the_client() {
    let site = settled();
    let daemon = Daemon::start(&site);
    site.configure(&format!("{SELDOM}\n[organization.lumen.limits]\ndeactivations = {{ count = 0 }}\n"));
    site.directory(&staff_but(|company| company.people[0].status = "inactive".to_owned()));
    site.run(&["plan"]).ends_with(0);
    let status = site.run(&["status", "--format", "json"]).ends_with(0);
    assert!(status.err.contains("was changed since the daemon read it"), "{}", status.err);
    let plan = status.json()["organizations"][0]["held"]["plan"].as_str().unwrap().to_owned();
    let approved = site.run(&["approve", &plan[..8], "--format", "json"]).ends_with(0).json();
    let who = approved["decision"]["who"].as_str().unwrap().to_owned();
    assert!(who == login() || who.ends_with(&format!("(as {})", login())), "{who}");
    assert_ne!(who, "ada", "that is what the environment of the client says");
    daemon.signal("HUP");
    daemon.hear("READY=1");
    site.run(&["trigger", "--follow"]).ends_with(0);
    assert_eq!(site.active(), 5);
    daemon.stop();
}

#[test]
fn a_run_is_triggered_and_followed_live() {
    let site = settled();
    let daemon = Daemon::start(&site);
    site.directory(&staff_but(|company| company.people.push(person("p-7", "gil.orr", ("Gil", "Orr")))));
    let followed = site.run(&["trigger", "lumen", "--follow"]).ends_with(0);
    assert!(followed.out.contains("begins") && followed.out.contains("with 1 changes"), "{}", followed.out);
    assert_eq!(site.active(), 7);
    let lines = site.run(&["trigger", "--follow", "--format", "json"]).ends_with(0).out;
    let events: Vec<serde_json::Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(events[0]["event"]["event"], "started");
    assert_eq!(events.last().unwrap()["event"]["event"], "ended");
    assert!(events.iter().all(|event| event["organization"] == "lumen"));
    daemon.stop();
    let alone = site.run(&["trigger"]).ends_with(1);
    assert!(alone.err.contains("no daemon is running"), "{}", alone.err);
}

#[test]
fn a_paused_organization_stays_paused_until_it_is_resumed() {
    let site = Site::new();
    site.configure("[organization.lumen.schedule]\nfull = \"* * * * * *\"\njitter = \"0s\"\n");
    site.run(&["apply", "--yes"]).ends_with(0);
    site.run(&["pause", "lumen"]).ends_with(0);
    site.directory(&staff_but(|company| company.people.push(person("p-7", "gil.orr", ("Gil", "Orr")))));
    let daemon = Daemon::start(&site);
    daemon.hear("1 paused");
    let paused = site.run(&["status", "--format", "json"]).ends_with(0).json();
    assert_eq!(
        (&paused["organizations"][0]["next_run"], &paused["organizations"][0]["paused"]["by"]),
        (&serde_json::Value::Null, &"ada".into())
    );
    assert_eq!(site.active(), 6, "nothing ran");
    let refused = site.run(&["trigger", "lumen"]).ends_with(1);
    assert!(refused.err.contains("lumen was paused by ada on 2"), "{}", refused.err);
    assert!(refused.err.contains("`rollcall resume lumen`") && refused.err.contains("--although-paused"));
    site.run(&["trigger"]).ends_with(1);
    let noted = site.run(&["apply", "lumen"]).ends_with(1);
    assert!(noted.err.contains("note: lumen was paused by ada"), "{}", noted.err);
    assert_eq!(site.active(), 6, "nothing ran");
    site.run(&["trigger", "--follow", "--although-paused"]).ends_with(0);
    assert_eq!(site.active(), 7);
    daemon.hear("1 paused");
    site.directory(&staff());
    site.run(&["resume", "lumen"]).ends_with(0);
    site.run(&["trigger", "--follow"]).ends_with(0);
    assert_eq!(site.active(), 6);
    daemon.stop();
    let after = site.run(&["status", "--format", "json"]).ends_with(0).json();
    assert_eq!(after["organizations"][0]["paused"], serde_json::Value::Null);
}

#[test]
fn commands_are_answered_while_a_run_goes_on_and_those_that_apply_wait_for_it() {
    let site = Site::new();
    let gate = WriteGate::start(site.sandbox.url());
    let through_gate = |more: &str| site.configuration(more).replace(site.sandbox.url(), gate.url());
    site.write("config.toml", &through_gate(SELDOM));
    site.run(&["apply", "--yes"]).ends_with(0);
    let daemon = Daemon::start(&site);
    site.directory(&staff_but(|company| {
        company.people.push(person("p-7", "gil.orr", ("Gil", "Orr")));
        company.people.push(person("p-8", "hal.ito", ("Hal", "Ito")));
    }));
    gate.arm("POST", 0, Cut::Nothing);
    site.run(&["trigger"]).ends_with(0);
    gate.wait_until_holding(PATIENCE);
    let running = site.run(&["status", "--format", "json"]).ends_with(0).json();
    assert_eq!(running["organizations"][0]["daemon"]["activity"]["activity"], "running", "{running}");
    assert_eq!(running["organizations"][0]["last_run"]["result"]["result"], "applied", "{running}");
    assert_eq!(running["organizations"][0]["unsettled"], 0, "{running}");
    let history = site.run(&["history"]).ends_with(0).out;
    assert!(history.contains("applied") && !history.contains("failed:"), "{history}");
    let last = site.run(&["show", "last"]).ends_with(0).out;
    assert!(last.contains("applied") && !last.contains("interrupted"), "{last}");
    let explained = ["ada.king", "gil.orr"].map(|who| site.run(&["explain", who]).ends_with(0).out);
    assert!(explained.iter().all(|out| out.contains("is going on") && !out.contains("failed")), "{explained:?}");
    assert!(explained[1].contains("writes to this account now"), "{explained:?}");
    let (before, _) = explained[1].split_once(" is going on").unwrap();
    let open = site.run(&["show", before.rsplit(' ').next().unwrap()]).ends_with(1).err;
    assert!(open.contains("goes on; what it does is recorded when it ends"), "{open}");
    let mut waiting = site.command(&["plan"]).stderr(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut said = [0; 7];
    waiting.stderr.as_mut().unwrap().read_exact(&mut said).unwrap();
    assert_eq!(&said, b"lumen: ");
    assert!(waiting.try_wait().unwrap().is_none());
    gate.open();
    assert!(waiting.wait().unwrap().success());
    site.run(&["trigger", "--follow"]).ends_with(0);
    assert_eq!(site.active(), 8);
    daemon.stop();
}

#[test]
fn nobody_harms_the_daemon_through_its_socket() {
    let site = settled();
    let daemon = Daemon::start(&site);
    let socket = site.path("state/rollcall.sock");
    assert_eq!(std::fs::metadata(&socket).unwrap().permissions().mode() & 0o777, 0o600);
    let connect = || {
        let stream = UnixStream::connect(&socket).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream
    };
    // Garbage, a request that never ends, none at all, one of another version, and one that opens files of ours.
    let whole = |text: &[u8]| {
        let mut stream = connect();
        let _ = stream.write_all(text);
        // Whoever hangs up interrupts their command, so only those who ask for nothing do.
        if !text.ends_with(b"}\n") {
            let _ = stream.shutdown(std::net::Shutdown::Write);
        }
        let mut answer = String::new();
        let _ = stream.read_to_string(&mut answer);
        answer
    };
    assert_eq!(whole(b"GET / HTTP/1.1\r\n\r\n"), "");
    assert_eq!(whole(&vec![b'['; 1 << 20]), "");
    assert_eq!(whole(b""), "");
    let other = whole(b"{\"version\":999,\"arguments\":[],\"config\":\"\",\"columns\":null,\"can_ask\":false}\n");
    assert!(other.contains("another version"), "{other}");
    let config = site.path("config.toml").canonicalize().unwrap();
    let asked = |config: &str, arguments: &str| {
        whole(
            format!(
                "{{\"version\":2,\"arguments\":{arguments},\"config\":\"{config}\",\"columns\":1,\"can_ask\":true}}\n"
            )
            .as_bytes(),
        )
    };
    assert!(asked("/etc/shadow", "[\"status\"]").contains("works by"));
    assert!(asked(config.to_str().unwrap(), "[\"run\"]").contains("does not carry out"));
    assert!(asked(config.to_str().unwrap(), "[\"--no-such\"]").contains("unexpected argument"));
    // Whoever asks and reads nothing keeps nobody waiting.
    let mut silent = connect();
    silent
        .write_all(
            format!(
                "{{\"version\":2,\"arguments\":[\"follow\"],\"config\":\"{}\",\"columns\":1,\"can_ask\":true}}\n",
                config.display()
            )
            .as_bytes(),
        )
        .unwrap();
    let _idle: Vec<_> = (0..8).map(|_| connect()).collect();
    site.run(&["trigger", "--follow"]).ends_with(0);
    site.run(&["status"]).ends_with(0);
    drop(silent);
    daemon.stop();
    assert!(!socket.exists(), "the socket goes with the daemon");
}

#[test]
fn whoever_leaves_at_a_question_changes_nothing_and_keeps_nobody_waiting() {
    let site = settled();
    let daemon = Daemon::start(&site);
    site.directory(&staff_but(|company| company.people.push(person("p-7", "gil.orr", ("Gil", "Orr")))));
    let stream = at_the_question(&site);
    assert_eq!(site.active(), 6);
    drop(stream);
    site.directory(&staff());
    site.run(&["plan", "--detailed-exitcode"]).ends_with(0);
    assert_eq!(site.active(), 6);
    daemon.stop();
}

#[test]
fn a_second_daemon_is_refused_and_a_socket_that_was_left_behind_is_not_in_the_way() {
    let site = settled();
    let mut daemon = Daemon::start(&site);
    let second = site.run(&["run"]).ends_with(1);
    assert!(second.err.contains("another daemon answers"), "{}", second.err);
    daemon.child.kill().unwrap();
    daemon.child.wait().unwrap();
    assert!(site.path("state/rollcall.sock").exists());
    site.run(&["status"]).ends_with(0);
    Daemon::start(&site).stop();
}
