//! Every number that is watched, under its name.
//!
//! Names and labels follow the conventions of Prometheus (base units, `_total` for what only grows), and a test has them
//! judged by `promtool`. No label names a person, and none has more values than there are organizations, kinds, or
//! servers that we speak to.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use prometheus::{
    Encoder as _, Gauge, GaugeVec, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGaugeVec, Opts, Registry,
    TextEncoder,
};
use rollcall_kit::http::meter::{Call, Meter};

/// How an organization stands at the moment of a scrape.
#[derive(Clone, Debug, Default)]
pub struct Standing<'a> {
    /// Its name.
    pub organization: &'a str,
    /// The word for its health: `well`, `held`, ….
    pub health: &'a str,
    /// Runs that failed in a row.
    pub failures: u32,
    /// Whether it is paused.
    pub paused: bool,
    /// When a run last ended well.
    pub last_good: Option<Timestamp>,
    /// When the next run is due.
    pub next: Option<Timestamp>,
    /// The size of its snapshot on disk.
    pub snapshot_bytes: Option<u64>,
}

/// Every number that is watched.
pub struct Metrics {
    registry: Registry,
    runs: IntCounterVec,
    durations: HistogramVec,
    entries: IntCounterVec,
    changes: IntCounterVec,
    refusals: IntGaugeVec,
    refusing: Mutex<BTreeSet<(String, String)>>,
    holds: IntCounterVec,
    requests: IntCounterVec,
    throttled: IntCounterVec,
    throttled_seconds: prometheus::CounterVec,
    health: IntGaugeVec,
    failures: IntGaugeVec,
    paused: IntGaugeVec,
    snapshot: GaugeVec,
    last_good: GaugeVec,
    since_good: GaugeVec,
    next: GaugeVec,
    expiry: GaugeVec,
    notices_waiting: Gauge,
    notices_received: IntCounter,
    notices_failed: IntCounter,
}

/// Bounds of the durations of runs in seconds: from an incremental run without a change to a full one of a million.
const DURATIONS: [f64; 12] = [0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 150.0, 300.0, 900.0, 3600.0, 10800.0];

/// The healths that an organization can have, each a series of 0 or 1.
const HEALTHS: [&str; 6] = ["unknown", "well", "in-part", "held", "failed", "quarantined"];

impl Metrics {
    /// All at zero.
    ///
    /// # Errors
    ///
    /// If two have the same name, which is an error in this file.
    pub fn new() -> Result<Self, prometheus::Error> {
        let registry = Registry::new();
        let counter = |name: &str, help: &str, labels: &[&str]| {
            let counter = IntCounterVec::new(Opts::new(name, help), labels)?;
            registry.register(Box::new(counter.clone()))?;
            Ok::<_, prometheus::Error>(counter)
        };
        let whole = |name: &str, help: &str, labels: &[&str]| {
            let gauge = IntGaugeVec::new(Opts::new(name, help), labels)?;
            registry.register(Box::new(gauge.clone()))?;
            Ok::<_, prometheus::Error>(gauge)
        };
        let gauge = |name: &str, help: &str, labels: &[&str]| {
            let gauge = GaugeVec::new(Opts::new(name, help), labels)?;
            registry.register(Box::new(gauge.clone()))?;
            Ok::<_, prometheus::Error>(gauge)
        };
        let options = HistogramOpts::new("rollcall_run_duration_seconds", "How long runs took.");
        let durations = HistogramVec::new(options.buckets(DURATIONS.to_vec()), &["organization"])?;
        registry.register(Box::new(durations.clone()))?;
        let throttled_seconds = prometheus::CounterVec::new(
            Opts::new("rollcall_http_throttled_seconds_total", "Pauses that servers asked for."),
            &["origin", "method", "endpoint", "class"],
        )?;
        registry.register(Box::new(throttled_seconds.clone()))?;
        let build = whole("rollcall_build_info", "Always 1; the label says which version runs.", &["version"])?;
        build.with_label_values(&[env!("CARGO_PKG_VERSION")]).set(1);
        let notices_waiting = Gauge::new("rollcall_notices_waiting", "Notices that wait to be received.")?;
        registry.register(Box::new(notices_waiting.clone()))?;
        let notices = counter("rollcall_notices_total", "Deliveries of notices, by how they ended.", &["outcome"])?;
        Ok(Self {
            runs: counter("rollcall_runs_total", "Runs, by how they ended.", &["organization", "result"])?,
            durations,
            entries: counter(
                "rollcall_entries_read_total",
                "Entries of directories that certified reads brought, by kind.",
                &["organization", "kind"],
            )?,
            changes: counter(
                "rollcall_changes_total",
                "Changes in the target, by kind and by how they ended.",
                &["organization", "action", "outcome"],
            )?,
            refusals: whole(
                "rollcall_refusals",
                "What the last plan refused, by reason code.",
                &["organization", "code"],
            )?,
            refusing: Mutex::default(),
            holds: counter("rollcall_holds_total", "Reasons for which plans were held.", &["organization", "hold"])?,
            requests: counter(
                "rollcall_http_requests_total",
                "Requests to directories and targets, by server, endpoint, rate limit class and status (none: no answer).",
                &["origin", "method", "endpoint", "class", "status"],
            )?,
            throttled: counter(
                "rollcall_http_throttled_total",
                "Answers that asked to wait.",
                &["origin", "method", "endpoint", "class"],
            )?,
            throttled_seconds,
            health: whole(
                "rollcall_organization_health",
                "1 for the health that the organization has, 0 for the others.",
                &["organization", "health"],
            )?,
            failures: whole("rollcall_consecutive_failures", "Runs that failed in a row.", &["organization"])?,
            paused: whole("rollcall_paused", "Whether somebody paused the organization.", &["organization"])?,
            snapshot: gauge("rollcall_snapshot_bytes", "The size of the snapshot on disk.", &["organization"])?,
            last_good: gauge(
                "rollcall_last_good_run_timestamp_seconds",
                "When a run last ended well: all was done, or nothing was left to do.",
                &["organization"],
            )?,
            since_good: gauge(
                "rollcall_since_last_good_run_seconds",
                "How long ago a run last ended well.",
                &["organization"],
            )?,
            next: gauge("rollcall_next_run_timestamp_seconds", "When the next run is due.", &["organization"])?,
            expiry: gauge(
                "rollcall_secret_expiry_timestamp_seconds",
                "When a secret or certificate ends, where that can be known.",
                &["organization", "secret"],
            )?,
            notices_waiting,
            notices_received: notices.with_label_values(&["received"]),
            notices_failed: notices.with_label_values(&["failed"]),
            registry,
        })
    }

    /// A run ended.
    pub fn ran(&self, organization: &str, result: &str, took: Duration) {
        self.runs.with_label_values(&[organization, result]).inc();
        self.durations.with_label_values(&[organization]).observe(took.as_secs_f64());
    }

    /// A certified read brought so many entries of a kind.
    pub fn read(&self, organization: &str, kind: &str, entries: u64) {
        self.entries.with_label_values(&[organization, kind]).inc_by(entries);
    }

    /// A change ended.
    pub fn changed(&self, organization: &str, action: &str, outcome: &str) {
        self.changes.with_label_values(&[organization, action, outcome]).inc();
    }

    /// What a plan refused, by code. What it does not name is not refused any more.
    pub fn refused<'a>(&self, organization: &str, known: impl Iterator<Item = &'a str>, refused: &[&str]) {
        for code in known {
            let number = refused.iter().filter(|refused| **refused == code).count();
            let gauge = self.refusals.with_label_values(&[organization, code]);
            gauge.set(i64::try_from(number).unwrap_or(i64::MAX));
            self.refusing().insert((organization.to_owned(), code.to_owned()));
        }
    }

    /// A plan was held for this reason.
    pub fn held(&self, organization: &str, hold: &str) {
        self.holds.with_label_values(&[organization, hold]).inc();
    }

    /// When the secrets of organizations end. What is not named any more is gone.
    pub fn secrets<'a>(&self, ends: impl Iterator<Item = (&'a str, &'a str, Timestamp)>) {
        self.expiry.reset();
        for (organization, secret, end) in ends {
            self.expiry.with_label_values(&[organization, secret]).set(seconds(end));
        }
    }

    /// How notices got through so far, and how many wait.
    pub fn notices(&self, received: u64, failed: u64, waiting: usize) {
        for (counter, now) in [(&self.notices_received, received), (&self.notices_failed, failed)] {
            counter.inc_by(now.saturating_sub(counter.get()));
        }
        #[allow(clippy::cast_precision_loss, reason = "a few thousand at most")]
        self.notices_waiting.set(waiting as f64);
    }

    /// How every organization stands now. One that is not named is gone.
    pub fn stand<'a>(&self, now: Timestamp, standings: impl Iterator<Item = Standing<'a>>) {
        for gauge in [&self.snapshot, &self.last_good, &self.since_good, &self.next] {
            gauge.reset();
        }
        for gauge in [&self.health, &self.failures, &self.paused] {
            gauge.reset();
        }
        let mut there = BTreeSet::new();
        for standing in standings {
            there.insert(standing.organization);
            let name = [standing.organization];
            for health in HEALTHS {
                let gauge = self.health.with_label_values(&[standing.organization, health]);
                gauge.set((health == standing.health).into());
            }
            self.failures.with_label_values(&name).set(standing.failures.into());
            self.paused.with_label_values(&name).set(standing.paused.into());
            if let Some(good) = standing.last_good {
                self.last_good.with_label_values(&name).set(seconds(good));
                self.since_good.with_label_values(&name).set(now.duration_since(good).as_secs_f64().max(0.0));
            }
            if let Some(next) = standing.next {
                self.next.with_label_values(&name).set(seconds(next));
            }
            if let Some(bytes) = standing.snapshot_bytes {
                #[allow(clippy::cast_precision_loss, reason = "exact up to eight petabytes")]
                self.snapshot.with_label_values(&name).set(bytes as f64);
            }
        }
        self.refusing().retain(|(organization, code)| {
            let stays = there.contains(organization.as_str());
            if !stays {
                // It fails only for what is not there, which is what was wanted.
                let _ = self.refusals.remove_label_values(&[organization, code]);
            }
            stays
        });
    }

    /// For which organizations and codes refusals are told.
    fn refusing(&self) -> MutexGuard<'_, BTreeSet<(String, String)>> {
        self.refusing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Everything in the text format of Prometheus.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = Vec::new();
        // Writing into memory fails for a family without a name or value, which `new` makes none of.
        let _ = TextEncoder::new().encode(&self.registry.gather(), &mut text);
        String::from_utf8(text).unwrap_or_default()
    }
}

impl Meter for Metrics {
    fn called(&self, call: Call<'_>) {
        let status = call.status.map_or_else(|| "none".to_owned(), |status| status.to_string());
        self.requests.with_label_values(&[call.origin, call.method, call.endpoint, call.class, &status]).inc();
    }

    fn told_to_wait(&self, call: Call<'_>, pause: Duration) {
        let labels = [call.origin, call.method, call.endpoint, call.class];
        self.throttled.with_label_values(&labels).inc();
        self.throttled_seconds.with_label_values(&labels).inc_by(pause.as_secs_f64());
    }
}

fn seconds(at: Timestamp) -> f64 {
    at.as_duration().as_secs_f64()
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;

    /// Metrics of which each has a value.
    fn filled() -> Metrics {
        let metrics = Metrics::new().unwrap();
        let now = Timestamp::from_second(1_800_000_000).unwrap();
        metrics.ran("acme", "applied", Duration::from_secs(7));
        metrics.read("acme", "users", 12);
        metrics.changed("acme", "deactivate", "done");
        metrics.refused("acme", ["no-email", "conflict"].into_iter(), &["no-email"]);
        metrics.held("acme", "over-limit");
        let call = Call {
            origin: "https://app.example",
            method: "GET",
            endpoint: "/Users/{user}",
            class: "users",
            status: Some(429),
        };
        metrics.called(call);
        metrics.called(Call { status: None, ..call });
        metrics.told_to_wait(call, Duration::from_secs(3));
        metrics.secrets([("acme", "the token", now)].into_iter());
        metrics.notices(3, 1, 2);
        let standing = Standing {
            organization: "acme",
            health: "held",
            failures: 2,
            last_good: Timestamp::from_second(1_799_999_940).ok(),
            next: Some(now),
            snapshot_bytes: Some(4096),
            ..Standing::default()
        };
        metrics.stand(now, [standing].into_iter());
        metrics
    }

    #[test]
    fn every_number_reads_as_its_documentation_says() {
        insta::assert_snapshot!("metrics", filled().text());
    }

    #[test]
    fn an_organization_that_is_gone_leaves_no_number_of_how_it_stands() {
        let metrics = filled();
        metrics.stand(Timestamp::UNIX_EPOCH, std::iter::empty());
        let text = metrics.text();
        assert!(!text.contains("rollcall_organization_health{") && !text.contains("rollcall_refusals{"), "{text}");
        assert!(text.contains("rollcall_runs_total{"), "{text}");
    }

    /// Every word that begins as our metrics do.
    fn named(text: &str) -> BTreeSet<String> {
        let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        words.filter(|word| word.starts_with("rollcall_")).map(str::to_owned).collect()
    }

    #[test]
    fn alerts_and_the_dashboard_ask_only_for_what_there_is() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/monitoring");
        let there = named(&filled().text());
        for file in ["alerts.yml", "dashboard.json"] {
            let asked = named(&std::fs::read_to_string(folder.join(file)).unwrap());
            assert!(asked.len() > 5, "{file} asks for {asked:?}");
            assert_eq!(asked.difference(&there).collect::<Vec<_>>(), Vec::<&String>::new(), "{file}");
        }
        let dashboard = std::fs::read_to_string(folder.join("dashboard.json")).unwrap();
        serde_json::from_str::<serde_json::Value>(&dashboard).unwrap();
    }

    #[test]
    fn promtool_understands_the_alerts() {
        let alerts = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/monitoring/alerts.yml");
        let output = Command::new("promtool").args(["check", "rules"]).arg(alerts).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        assert!(String::from_utf8_lossy(&output.stdout).contains("11 rules found"));
    }

    #[test]
    fn alerts_come_when_they_should_and_go_again() {
        let days = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/monitoring/alerts.test.yml");
        let output = Command::new("promtool").args(["test", "rules"]).arg(days).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    }

    #[test]
    fn promtool_finds_nothing_to_object_to() {
        let mut promtool = Command::new("promtool");
        promtool.args(["check", "metrics"]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut promtool = promtool.spawn().unwrap();
        std::io::Write::write_all(&mut promtool.stdin.take().unwrap(), filled().text().as_bytes()).unwrap();
        let output = promtool.wait_with_output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && said.trim().is_empty(), "{said}");
    }
}
