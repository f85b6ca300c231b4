//! Counts what the daemon sees, and answers monitors: fills [`crate::watch::Metrics`] from events and states.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use serde_json::json;

use super::state::{Health, OrganizationState};
use super::{Consumer, View};
use crate::apply::Outcome;
use crate::notify::Notifier;
use crate::roster::Reason;
use crate::run::Event;
use crate::watch::{Metrics, Readiness, Standing, Watched};

/// Whoever counts.
pub(super) fn consumer(metrics: &Arc<Metrics>) -> Consumer {
    let metrics = Arc::clone(metrics);
    Box::new(move |told| count(&metrics, &told.organization, &told.event))
}

fn count(metrics: &Metrics, organization: &str, event: &Event) {
    match event {
        Event::Read { certificate } => {
            for collection in certificate.collections() {
                metrics.read(organization, &collection.name, collection.entries);
            }
        }
        Event::Planned { plan, holds } => {
            let refused: Vec<&str> = plan.refusals.iter().map(|refusal| refusal.reason.code()).collect();
            metrics.refused(organization, Reason::ALL.iter().map(|reason| reason.code()), &refused);
            for hold in holds {
                metrics.held(organization, &tag(hold, "hold"));
            }
        }
        Event::Changed { change, outcome } => {
            let outcome = match outcome {
                Outcome::Done { .. } => "done",
                Outcome::Failed { .. } => "failed",
                Outcome::Skipped(_) => "skipped",
            };
            metrics.changed(organization, &change.action.kind().words().replace(' ', "-"), outcome);
        }
        Event::Ended { record } => {
            let took = Duration::try_from(record.ended.duration_since(record.started)).unwrap_or_default();
            metrics.ran(organization, record.result.word(), took);
        }
        _ => {}
    }
}

/// The word by which a value calls its kind in JSON.
fn tag(value: &impl serde::Serialize, name: &str) -> String {
    let json = serde_json::to_value(value).unwrap_or_default();
    json.get(name).and_then(serde_json::Value::as_str).unwrap_or_default().to_owned()
}

/// What monitors ask.
pub(super) struct Watching {
    pub view: View,
    pub metrics: Arc<Metrics>,
    pub notifier: Arc<Notifier>,
    /// One scrape after the other: each sets what stands now.
    pub scrape: Mutex<()>,
}

impl Watched for Watching {
    fn readiness(&self) -> Readiness {
        let states = self.view.states.borrow();
        let is_well = |state: &OrganizationState| !matches!(state.health, Health::Failed | Health::Quarantined);
        let ready = states.values().all(is_well);
        let each = states.iter().map(|(name, state)| (name.clone(), shown(state))).collect::<serde_json::Map<_, _>>();
        Readiness { ready, json: json!({ "ready": ready, "at": Timestamp::now(), "organizations": each }) }
    }

    fn metrics(&self) -> String {
        let _one = self.scrape.lock().unwrap_or_else(PoisonError::into_inner);
        let state_dir = self.view.configuration.borrow().state_dir.clone();
        let states = self.view.states.borrow().clone();
        let healths: Vec<String> = states.values().map(|state| word(state.health)).collect();
        let standings = states.iter().zip(&healths).map(|((name, state), health)| Standing {
            organization: name,
            health,
            failures: state.failures,
            paused: state.paused.is_some(),
            last_good: state.last_good,
            next: state.next.map(|due| due.at),
            snapshot_bytes: size(&state_dir.join(name)),
        });
        self.metrics.stand(Timestamp::now(), standings);
        let deliveries = self.notifier.deliveries();
        self.metrics.notices(deliveries.received, deliveries.failed, self.notifier.waiting());
        self.metrics.text()
    }
}

/// What a monitor is told of an organization: how it stands and since when, and nothing that names a person, as holds do.
fn shown(state: &OrganizationState) -> serde_json::Value {
    let last = state.last.as_ref().map(|last| {
        json!({ "id": last.id, "started": last.started, "ended": last.ended, "result": tag(&last.result, "result") })
    });
    json!({
        "health": state.health,
        "since": state.since,
        "activity": tag(&state.activity, "activity"),
        "paused": state.paused.as_ref().map(|paused| paused.at),
        "next": state.next.map(|due| due.at),
        "last": last,
        "last_good": state.last_good,
        "failures": state.failures,
    })
}

fn word(health: Health) -> String {
    serde_json::to_value(health).ok().and_then(|json| json.as_str().map(str::to_owned)).unwrap_or_default()
}

/// The size of everything below a folder; none if it is not there.
fn size(folder: &Path) -> Option<u64> {
    let mut folders: Vec<PathBuf> = vec![folder.to_owned()];
    let (mut bytes, mut seen) = (0, false);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).ok().into_iter().flatten().flatten() {
            let Ok(about) = entry.metadata() else { continue };
            seen = true;
            if about.is_dir() {
                folders.push(entry.path());
            } else {
                bytes += about.len();
            }
        }
    }
    seen.then_some(bytes)
}
