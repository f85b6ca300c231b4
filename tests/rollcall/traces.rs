//! Traces as a collector receives them: read by the messages that OpenTelemetry publishes for Python, which nobody here
//! wrote. The program runs as an administrator runs it.

#![expect(clippy::disallowed_methods, reason = "there is no runtime here whose worker would be blocked")]

use std::net::TcpListener;
use std::process::Command;
use std::time::{Duration, Instant};

use base64::Engine as _;
use rollcall::demo::company::Company;
use rollcall_test_servers::receivers::Receivers;
use serde_json::Value;

use super::command_support::{Site, group, ran};
use super::daemon_support::{Daemon, PATIENCE, SELDOM};

/// The secret that the collector asks for.
const KEY: &str = "k3y-0f-the-c0llector";

/// One span, as far as it is looked at.
#[derive(Clone, Debug)]
struct Span {
    trace: String,
    id: String,
    parent: String,
    name: String,
    kind: String,
    status: String,
    attributes: Vec<(String, String)>,
}

impl Span {
    fn read(json: &Value) -> Self {
        let text = |key: &str| json[key].as_str().unwrap_or_default().to_owned();
        Self {
            trace: text("traceId"),
            id: text("spanId"),
            parent: text("parentSpanId"),
            name: text("name"),
            kind: text("kind"),
            status: json["status"]["code"].as_str().unwrap_or_default().to_owned(),
            attributes: attributes(&json["attributes"]),
        }
    }

    fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

fn attributes(list: &Value) -> Vec<(String, String)> {
    let value = |value: &Value| {
        let value = value.as_object().unwrap().values().next().unwrap();
        value.as_str().map_or_else(|| value.to_string(), str::to_owned)
    };
    let each = list.as_array().into_iter().flatten();
    each.map(|one| (one["key"].as_str().unwrap().to_owned(), value(&one["value"]))).collect()
}

/// What a collector received.
struct Received {
    spans: Vec<Span>,
    /// Who they are of.
    resource: Vec<(String, String)>,
    /// The bodies, byte by byte, and the secrets that came with them.
    bodies: Vec<Vec<u8>>,
    keys: Vec<String>,
}

impl Received {
    fn by(receivers: &Receivers) -> Self {
        let (mut spans, mut resource, mut bodies, mut keys) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for batch in receivers.received("traces") {
            let batch: Value = serde_json::from_str(&batch).unwrap();
            let body = batch["body"].as_str().unwrap();
            bodies.push(base64::engine::general_purpose::STANDARD.decode(body).unwrap());
            keys.push(batch["headers"]["x-key"].as_str().unwrap_or_default().to_owned());
            for of in batch["message"]["resourceSpans"].as_array().unwrap() {
                resource = attributes(&of["resource"]["attributes"]);
                for scope in of["scopeSpans"].as_array().unwrap() {
                    spans.extend(scope["spans"].as_array().unwrap().iter().map(Span::read));
                }
            }
        }
        Self { spans, resource, bodies, keys }
    }

    fn roots(&self) -> Vec<&Span> {
        self.spans.iter().filter(|span| span.parent.is_empty()).collect()
    }

    fn children(&self, of: &Span) -> Vec<&Span> {
        self.spans.iter().filter(|span| span.parent == of.id).collect()
    }

    fn has(&self, id: &str) -> bool {
        self.spans.iter().any(|span| span.id == id)
    }

    /// Whether the whole of this run was received: its own span ends last.
    fn is_of(&self, run: &str) -> bool {
        self.roots().iter().any(|span| span.attribute("rollcall.run.id") == Some(run))
    }

    fn named(&self, name: &str) -> Vec<&Span> {
        self.spans.iter().filter(|span| span.name == name).collect()
    }
}

/// An installation with a collector.
struct Traced {
    site: Site,
    receivers: Receivers,
    _folder: tempfile::TempDir,
}

impl Traced {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let traced = Self { site: Site::new(), receivers: Receivers::start(folder.path(), None), _folder: folder };
        traced.site.write("otlp.key", KEY);
        traced.site.mode("otlp.key", 0o600);
        traced.configure("");
        traced
    }

    /// Configures traces for the collector, with more lines in their table and behind it.
    fn configure(&self, more: &str) {
        let header = "headers = { x-key = { file = \"otlp.key\" } }";
        self.site.configure(&format!("[daemon.traces]\nendpoint = \"{}\"\n{header}\n{more}\n", self.receivers.url()));
    }

    fn received(&self) -> Received {
        Received::by(&self.receivers)
    }
}

/// A command whose environment asks for something else than its configuration.
fn misled(mut command: Command) -> Command {
    for (name, value) in [
        ("OTEL_SDK_DISABLED", "true"),
        ("OTEL_SERVICE_NAME", "another"),
        ("OTEL_RESOURCE_ATTRIBUTES", "service.name=another,team=other"),
        ("OTEL_TRACES_SAMPLER", "always_off"),
        ("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "0"),
        ("OTEL_BSP_MAX_QUEUE_SIZE", "1"),
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:9"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "x-key=another"),
    ] {
        command.env(name, value);
    }
    command
}

#[test]
fn a_run_is_one_trace_with_its_steps_its_writes_and_a_span_for_each_request_whatever_the_environment_says() {
    let traced = Traced::new();
    assert!(traced.site.run(&["--version"]).out.contains("(with otel)"));
    let applied = ran(&mut misled(traced.site.command(&["apply", "--yes"])));
    assert_eq!((applied.code, applied.err.as_str()), (0, ""), "{}", applied.out);
    let received = traced.received();
    assert_eq!(received.resource.iter().find(|(key, _)| key == "service.name").unwrap().1, "rollcall");
    assert!(!received.resource.iter().any(|(key, _)| key == "team"));
    assert_eq!(received.keys, [KEY], "one batch, with the key that the configuration names");

    let [run] = received.roots()[..] else { panic!("{:#?}", received.roots()) };
    assert_eq!(run.name, "run lumen");
    assert!(received.spans.iter().all(|span| span.trace == run.trace));
    assert!(received.spans.iter().all(|span| span.parent.is_empty() || received.has(&span.parent)), "none is lost");
    let record: Value = serde_json::from_str(&traced.site.run(&["history", "--format", "json"]).out).unwrap();
    assert!(record.to_string().contains(run.attribute("rollcall.run.id").unwrap()));
    for (name, value) in [
        ("rollcall.organization", "lumen"),
        ("rollcall.run.depth", "full"),
        ("rollcall.run.result", "applied"),
        ("rollcall.run.changes", "9"),
    ] {
        assert_eq!(run.attribute(name), Some(value), "{name}");
    }
    let steps: Vec<&str> = received.children(run).iter().map(|span| span.name.as_str()).collect();
    for step in ["settle", "read", "commit", "look up groups", "judge", "look up accounts", "plan", "guard", "apply"] {
        assert!(steps.contains(&step), "{step} is missing among {steps:?}");
    }
    assert_eq!(received.named("read")[0].attribute("rollcall.read.users"), Some("6"));

    let writes = received.children(received.named("apply")[0]);
    assert_eq!(writes.iter().filter(|span| span.name == "create").count(), 6);
    for write in &writes {
        assert!(!received.children(write).is_empty(), "{write:?} asked nothing");
    }
    let requests: Vec<&Span> = received.spans.iter().filter(|span| span.kind == "SPAN_KIND_CLIENT").collect();
    let asked: u64 = traced.site.sandbox.requests().values().sum();
    assert_eq!(requests.len() as u64, asked, "{requests:#?}");
    for request in &requests {
        let method = request.attribute("http.request.method").unwrap();
        assert_eq!(request.name, format!("{method} {}", request.attribute("url.template").unwrap()));
        assert_eq!(request.attribute("server.address"), Some("127.0.0.1"));
        assert!(request.attribute("http.response.status_code").unwrap().starts_with('2'), "{request:?}");
    }
    assert_eq!(received.named("POST /Users").len(), 6);
}

#[test]
fn nobody_and_no_secret_is_in_a_single_byte_that_is_exported() {
    let traced = Traced::new();
    let site = &traced.site;
    let mut company = Company::founded();
    company.groups.push(group("g-99", "eng", &["p-02", "p-03", "p-38"]));
    let whole = company.clone();
    site.directory(&whole);
    site.run(&["apply", "--yes"]);
    for left in [company.people.remove(20), company.people.remove(10)] {
        company.groups.iter_mut().for_each(|group| group.members.retain(|member| *member != left.id));
    }
    site.directory(&company);
    site.run(&["apply", "--yes"]);
    site.run(&["undo", &last_run(site), "--yes"]).ends_with(0);
    site.run(&["reconcile"]);
    // Each of these fails, with an error that names somebody or something of the file.
    site.write("company.json", "{\"users\": [{\"id\": \"p-99\", \"email\": \"marked.person");
    let failed = site.run(&["plan"]).ends_with(1);
    assert!(failed.err.contains("company.json"), "{}", failed.err);
    site.directory(&whole);
    site.write("token", "n0-such-t0ken");
    site.run(&["reconcile"]).ends_with(1);

    let received = traced.received();
    let purposes: Vec<&str> =
        received.roots().iter().filter_map(|span| span.attribute("rollcall.run.purpose")).collect();
    assert_eq!(purposes, ["run", "run", "undo", "reconcile", "run", "reconcile"]);
    let results: Vec<&str> = received.roots().iter().filter_map(|span| span.attribute("rollcall.run.result")).collect();
    assert_eq!(results, ["applied", "applied", "applied", "planned", "failed", "failed"]);
    assert!(received.roots()[4..].iter().all(|span| span.status == "STATUS_CODE_ERROR"));
    assert!(received.spans.len() > 100, "{}", received.spans.len());
    assert!(received.spans.iter().any(|span| span.attribute("http.response.status_code") == Some("401")));

    let mut marks = vec![KEY.to_owned(), site.sandbox.token().to_owned(), "n0-such-t0ken".to_owned()];
    marks.extend(["marked.person", "p-99", "company.json", "@lumen", "filter", "userName"].map(str::to_owned));
    for person in &whole.people {
        let (given, family) = &person.name;
        // "Li" and "Lee" could be a part of any word, and so could "An".
        marks.extend([given, family, &person.login].into_iter().filter(|name| name.chars().count() > 3).cloned());
        marks.extend(person.email.clone().into_iter().chain([person.id.clone()]));
    }
    assert!(site.accounts().len() > 30, "{}", site.accounts().len());
    marks.extend(site.accounts().iter().map(|account| account.id.clone()));
    for body in &received.bodies {
        let text = String::from_utf8_lossy(body).to_lowercase();
        for mark in &marks {
            assert!(!text.contains(&mark.to_lowercase()), "{mark} was exported");
        }
    }
}

fn last_run(site: &Site) -> String {
    let history = site.run(&["history", "--format", "json"]).json();
    let runs = history.as_array().cloned().unwrap_or_else(|| history["runs"].as_array().unwrap().clone());
    runs[0]["id"].as_str().unwrap().to_owned()
}

#[test]
fn a_collector_that_does_not_answer_holds_up_no_command_for_long_and_fails_none() {
    let traced = Traced::new();
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let endpoint = format!("[daemon.traces]\nendpoint = \"http://{}\"\n", silent.local_addr().unwrap());
    traced.site.configure(&endpoint);
    let began = Instant::now();
    let applied = traced.site.run(&["apply", "--yes"]).ends_with(0);
    // Three seconds are granted; the rest is what the machine is busy with.
    assert!(began.elapsed() < Duration::from_secs(30), "{:?}", began.elapsed());
    assert_eq!(applied.err.matches("the last traces were not exported").count(), 1, "{}", applied.err);
    assert_eq!(applied.err.lines().count(), 1, "{}", applied.err);
    assert_eq!(traced.site.active(), 6);
}

#[test]
fn the_daemon_tells_once_of_a_collector_that_takes_nothing_and_exports_by_the_configuration_of_the_moment() {
    let traced = Traced::new();
    let site = &traced.site;
    site.configure(SELDOM);
    site.run(&["apply", "--yes"]).ends_with(0);
    let daemon = Daemon::start(site);
    site.run(&["trigger", "lumen", "--follow"]).ends_with(0);
    assert_eq!(traced.received().spans.len(), 0, "nobody asked for traces yet");

    traced.receivers.refuse(true);
    traced.configure(&format!("http = {{ attempts = 1 }}\n{SELDOM}"));
    daemon.signal("HUP");
    daemon.hear("READY=1");
    let told = || site.read("log").matches("traces are not exported").count();
    let refused = || traced.receivers.received("refused").len();
    site.run(&["trigger", "lumen", "--follow"]).ends_with(0);
    wait_until(|| told() == 1, site);
    let before = refused();
    site.run(&["trigger", "lumen", "--follow"]).ends_with(0);
    wait_until(|| refused() > before, site);
    traced.receivers.refuse(false);
    site.run(&["trigger", "lumen", "--follow"]).ends_with(0);
    let run = last_run(site);
    wait_until(|| traced.received().is_of(&run), site);
    wait_until(|| site.read("log").contains("traces are exported again"), site);
    assert_eq!(told(), 1, "{}", site.read("log"));

    site.run(&["trigger", "lumen", "--follow"]).ends_with(0);
    daemon.stop();
    assert!(traced.received().is_of(&last_run(site)), "what is left when the daemon stops is exported");
}

/// Waits until something is so.
#[track_caller]
fn wait_until(is_so: impl Fn() -> bool, site: &Site) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < PATIENCE, "{}", site.read("log"));
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn a_share_of_the_runs_is_traced_and_nothing_that_is_no_run() {
    let traced = Traced::new();
    traced.site.run(&["check"]).ends_with(0);
    traced.site.run(&["status"]).ends_with(0);
    traced.configure("share = \"0%\"");
    traced.site.run(&["apply", "--yes"]).ends_with(0);
    assert_eq!(traced.received().spans.len(), 0);
    traced.configure("share = \"100%\"\nservice = \"roll-call\"");
    traced.site.run(&["apply", "--yes"]).ends_with(0);
    let received = traced.received();
    assert_eq!(received.roots().len(), 1);
    assert!(received.resource.contains(&("service.name".to_owned(), "roll-call".to_owned())));
}
