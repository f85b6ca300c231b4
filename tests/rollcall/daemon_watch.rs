//! The daemon as monitors and people see it: health, readiness, metrics, and notices of what happened.

#![allow(clippy::disallowed_methods, reason = "a test waits for a process")]

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine as _};
use rollcall_test_servers::free_port;

use super::command_support::{Site, staff_but};
use super::daemon_support::{Daemon as Service, SELDOM};

/// A daemon at work until this is dropped.
struct Daemon(Child);

impl Daemon {
    fn start(site: &Site) -> Self {
        Self(site.command(&["run"]).stdout(Stdio::null()).stderr(Stdio::inherit()).spawn().unwrap())
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = Command::new("kill").arg(self.0.id().to_string()).status();
        let _ = self.0.wait();
    }
}

/// Asks a monitor's question; yields the status and the body.
fn ask(port: u16, path: &str, token: Option<&str>) -> Option<(u16, String)> {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
    let token = token.map(|token| format!("Authorization: Bearer {token}\r\n")).unwrap_or_default();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: rollcall\r\n{token}Connection: close\r\n\r\n").ok()?;
    let mut text = String::new();
    stream.read_to_string(&mut text).ok()?;
    let status = text.split(' ').nth(1)?.parse().ok()?;
    Some((status, text.split_once("\r\n\r\n")?.1.to_owned()))
}

/// Waits for something to become true.
#[track_caller]
fn wait_for<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let until = Instant::now() + Duration::from_secs(40);
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < until, "in 40 seconds there was no {what}");
        std::thread::sleep(Duration::from_millis(100));
    }
}

/// An installation whose daemon runs every second and tells a file of the test.
fn watched(port: u16, more: &str) -> Site {
    let site = Site::new();
    let schedule = "[organization.lumen.schedule]\nfull = \"* * * * * *\"\njitter = \"0s\"\n";
    let told = site.path("told");
    let notify = format!(
        "[[daemon.notify.command]]\nprogram = \"/bin/sh\"\narguments = [\"-c\", \"cat >> '{}'; echo >> '{}'\"]\n",
        told.display(),
        told.display()
    );
    site.configure(&format!("{schedule}\n[daemon.watch]\nlisten = \"127.0.0.1:{port}\"\n{more}\n{notify}"));
    site
}

/// The kinds of the notices that came so far.
fn told(site: &Site) -> Vec<String> {
    let text = std::fs::read_to_string(site.path("told")).unwrap_or_default();
    let kind = |line: &str| serde_json::from_str::<serde_json::Value>(line).ok()?["kind"].as_str().map(str::to_owned);
    text.lines().filter_map(kind).collect()
}

/// The value of a metric, by its name and labels as they are printed.
fn metric(text: &str, name: &str) -> Option<f64> {
    text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' ')?.parse().ok())
}

#[test]
fn a_monitor_sees_how_each_organization_stands_and_people_are_told_once() {
    let port = free_port();
    let site = watched(port, "");
    let daemon = Daemon::start(&site);
    // The first plan waits for a person, run after run.
    let text = wait_for("second run", || {
        let (_, text) = ask(port, "/metrics", None)?;
        (metric(&text, "rollcall_runs_total{organization=\"lumen\",result=\"held\"}")? >= 2.0).then_some(text)
    });
    assert_eq!(metric(&text, "rollcall_organization_health{health=\"held\",organization=\"lumen\"}"), Some(1.0));
    assert_eq!(metric(&text, "rollcall_paused{organization=\"lumen\"}"), Some(0.0));
    assert!(metric(&text, "rollcall_snapshot_bytes{organization=\"lumen\"}").unwrap() > 0.0);
    assert!(metric(&text, "rollcall_entries_read_total{kind=\"users\",organization=\"lumen\"}").unwrap() >= 12.0);
    assert!(metric(&text, "rollcall_holds_total{hold=\"first-plan\",organization=\"lumen\"}").unwrap() >= 2.0);
    let requests = text.lines().find(|line| line.starts_with("rollcall_http_requests_total{")).unwrap();
    assert!(requests.contains("status=\"200\"") && requests.contains("endpoint=\"/"), "{requests}");
    well_formed(&text);

    assert_eq!(ask(port, "/healthz", None), Some((200, "ok\n".to_owned())));
    let (status, ready) = ask(port, "/readyz", None).unwrap();
    assert_eq!(status, 200, "{ready}");
    let ready: serde_json::Value = serde_json::from_str(&ready).unwrap();
    assert_eq!(ready["organizations"]["lumen"]["health"], "held");
    assert!(ready["organizations"]["lumen"]["since"].is_string(), "{ready}");
    wait_for("notice", || (!told(&site).is_empty()).then_some(()));
    drop(daemon);
    assert_eq!(told(&site), ["held"]);

    // A restart repeats nothing; somebody's approval ends it, and that is told.
    let plan = site.run(&["status", "--format", "json"]).ends_with(0).json();
    let plan = find(&plan, "plan").unwrap();
    site.run(&["approve", &plan]).ends_with(0);
    let _daemon = Daemon::start(&site);
    wait_for("recovery", || (told(&site).len() >= 2).then_some(()));
    assert_eq!(told(&site), ["held", "recovered"]);
    wait_for("good run", || {
        metric(&ask(port, "/metrics", None)?.1, "rollcall_since_last_good_run_seconds{organization=\"lumen\"}")
    });
    let (_, text) = ask(port, "/metrics", None).unwrap();
    assert_eq!(
        metric(&text, "rollcall_changes_total{action=\"create\",organization=\"lumen\",outcome=\"done\"}"),
        Some(6.0)
    );
    well_formed(&text);
}

#[test]
fn a_failing_organization_is_not_ready_and_is_told_once() {
    let port = free_port();
    let site = watched(port, "");
    std::fs::remove_file(site.path("company.json")).unwrap();
    let daemon = Daemon::start(&site);
    wait_for("third failure", || {
        let text = ask(port, "/metrics", None)?.1;
        (metric(&text, "rollcall_runs_total{organization=\"lumen\",result=\"failed\"}")? >= 3.0).then_some(())
    });
    let (status, ready) = ask(port, "/readyz", None).unwrap();
    assert_eq!(status, 503, "{ready}");
    wait_for("notice", || (!told(&site).is_empty()).then_some(()));
    site.directory(&staff_but(|_| ()));
    drop(daemon);
    assert_eq!(told(&site), ["failed"]);
}

#[test]
fn a_token_that_ends_soon_is_told_once_and_watched() {
    let port = free_port();
    let site = watched(port, "");
    let end = jiff::Timestamp::now().as_second() + 3 * 24 * 3600;
    // {"exp": …}, as the second of a JWT's three parts.
    let claims = BASE64_URL_SAFE_NO_PAD.encode(format!("{{\"exp\":{end}}}"));
    site.write("token", &format!("e30.{claims}.c2ln"));
    let daemon = Daemon::start(&site);
    wait_for("notice", || told(&site).contains(&"expiring".to_owned()).then_some(()));
    let name = "rollcall_secret_expiry_timestamp_seconds{organization=\"lumen\",secret=\"the token of the target\"}";
    assert_eq!(metric(&ask(port, "/metrics", None).unwrap().1, name), Some(f64::from(i32::try_from(end).unwrap())));
    drop(daemon);
    let _daemon = Daemon::start(&site);
    wait_for("daemon", || ask(port, "/healthz", None));
    std::thread::sleep(Duration::from_secs(2));
    assert_eq!(told(&site).iter().filter(|kind| *kind == "expiring").count(), 1);
}

#[test]
fn who_has_no_token_learns_only_that_the_daemon_is_at_work_and_a_rotated_token_counts_at_once() {
    let port = free_port();
    let site = watched(port, "token = { file = \"watch.token\" }\n");
    let rotate = |token: &str| {
        site.write("watch.token", token);
        site.mode("watch.token", 0o600);
    };
    rotate("first");
    let _daemon = Daemon::start(&site);
    wait_for("daemon", || ask(port, "/healthz", None));
    for path in ["/metrics", "/readyz"] {
        assert_eq!(ask(port, path, None).unwrap().0, 401);
        assert_eq!(ask(port, path, Some("wrong")).unwrap().0, 401);
        assert_eq!(ask(port, path, Some("first")).unwrap().0, 200);
    }
    rotate("second");
    assert_eq!(ask(port, "/metrics", Some("first")).unwrap().0, 401);
    assert_eq!(ask(port, "/metrics", Some("second")).unwrap().0, 200);
}

#[test]
fn nothing_listens_beyond_loopback_without_tls_and_a_proof_of_who_asks() {
    let site = Site::new();
    site.configure("[daemon.watch]\nlisten = \"0.0.0.0:9464\"\n");
    let ran = site.run(&["run"]).ends_with(78);
    assert!(ran.err.contains("set `token` or `client_ca`") && ran.err.contains("config.toml:"), "{}", ran.err);
    site.configure("[daemon.watch]\nlistn = \"127.0.0.1:9464\"\n");
    let ran = site.run(&["run"]).ends_with(78);
    assert!(ran.err.contains("did you mean `listen`?"), "{}", ran.err);
}

#[test]
fn a_reload_after_which_monitors_could_not_be_answered_changes_nothing_and_says_why() {
    let taken = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let port = free_port();
    let other = taken.local_addr().unwrap().port();
    let site = Site::new();
    let listen = |port: u16, more: &str| {
        site.configure(&format!("{SELDOM}[daemon.watch]\nlisten = \"127.0.0.1:{port}\"\n{more}"));
    };
    listen(port, "");
    let daemon = Service::start(&site);
    listen(other, "");
    daemon.signal("HUP");
    assert!(daemon.hear("READY=1").contains("the old one stays"));
    assert!(site.read("log").contains("cannot be listened on"), "{}", site.read("log"));
    assert_eq!(ask(port, "/metrics", None).unwrap().0, 200, "whoever asked before is still answered");
    // The same address with another rule of who may ask.
    site.write("watch.token", "t0ken");
    site.mode("watch.token", 0o600);
    listen(port, "token = { file = \"watch.token\" }\n");
    daemon.signal("HUP");
    assert!(!daemon.hear("READY=1").contains("the old one stays"), "{}", site.read("log"));
    wait_for("other rule", || (ask(port, "/metrics", None)?.0 == 401).then_some(()));
    drop(taken);
    listen(other, "");
    daemon.signal("HUP");
    daemon.hear("READY=1");
    wait_for("other address", || (ask(other, "/metrics", None)?.0 == 200).then_some(()));
    wait_for("end of the old one", || ask(port, "/healthz", None).is_none().then_some(()));
    daemon.stop();
}

/// A value somewhere in JSON, by its key.
fn find(json: &serde_json::Value, key: &str) -> Option<String> {
    match json {
        serde_json::Value::Object(map) => map
            .get(key)
            .and_then(|value| value.as_str().map(str::to_owned))
            .or_else(|| map.values().find_map(|value| find(value, key))),
        serde_json::Value::Array(items) => items.iter().find_map(|value| find(value, key)),
        _ => None,
    }
}

/// Lets promtool judge the scrape.
fn well_formed(text: &str) {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), text).unwrap();
    let input = std::fs::File::open(Path::new(file.path())).unwrap();
    let output = Command::new("promtool").args(["check", "metrics"]).stdin(input).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success() && said.trim().is_empty(), "{said}");
}
