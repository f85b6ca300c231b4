//! How every organization stands.

use jiff::Timestamp;
use serde::Serialize;

use super::document::{Document, Item, Text, Tone};
use super::holds;
use super::holds::decided;
use super::run::{Long, result};
use super::words::{clean, count, number, time};
use crate::guard::{Decision, Hold};
use crate::plan::PlanId;
use crate::run::RunResult;

/// How one organization stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Status {
    /// Its name.
    pub organization: String,
    /// Whether it takes part in runs.
    pub enabled: bool,
    /// Whether the snapshot matches its seal.
    pub sealed: bool,
    /// Users in the mirror.
    pub users: u64,
    /// Accounts of ours that are active.
    pub active: u64,
    /// Accounts of ours that are not.
    pub inactive: u64,
    /// Writes that a crash left behind; the next run settles them first.
    pub unsettled: u64,
    /// When the mirror was last read whole.
    pub last_read: Option<Timestamp>,
    /// The last run.
    pub last_run: Option<LastRun>,
    /// A plan that waits for a person.
    pub held: Option<Held>,
    /// An approval that waits for the run that uses it up.
    pub approval: Option<Decision>,
    /// When the next run is due, if a daemon is running.
    pub next_run: Option<Timestamp>,
    /// Who paused it, if somebody did.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub paused: Option<Paused>,
    /// What the daemon makes of it, if one is running.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub daemon: Option<Supervised>,
}

/// Who paused an organization, and when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Paused {
    /// The login name.
    pub by: String,
    /// When.
    pub at: Timestamp,
}

/// What the daemon makes of an organization.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Supervised {
    /// What it does now.
    pub activity: serde_json::Value,
    /// The same in a few words; nothing if it waits for its time.
    #[serde(skip)]
    pub busy: Option<String>,
    /// How its last runs left it.
    pub health: String,
    /// Since when.
    pub since: Timestamp,
    /// So many runs failed in a row.
    pub failures: u32,
}

/// The last run of an organization.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LastRun {
    /// Its id.
    pub id: String,
    /// When it ended.
    pub ended: Timestamp,
    /// How.
    pub result: RunResult,
}

/// A plan that waits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Held {
    /// Its id.
    pub plan: PlanId,
    /// Why.
    pub holds: Vec<Hold>,
    /// How many changes it has.
    pub changes: u64,
    /// What somebody decided about it.
    pub decision: Option<Decision>,
}

/// Puts the report together.
#[must_use]
pub fn document(statuses: &[Status]) -> Document {
    let mut document = Document::new("Status");
    if statuses.is_empty() {
        document.paragraph("The configuration names no organization.");
    }
    for status in statuses {
        organization(&mut document, status);
    }
    document
}

fn organization(document: &mut Document, status: &Status) {
    let paused = if status.enabled && status.paused.is_none() { "" } else { " (paused)" };
    document.heading(Text::new(format!("{}{paused}", clean(&status.organization)), Tone::Strong));
    let last = status.last_run.as_ref().map(|run| {
        let outcome = result(&run.result, Long::Yes);
        Text::new(format!("{} {}: {}", clean(&run.id), time(run.ended), outcome.text), outcome.tone)
    });
    let snapshot = if status.sealed {
        Text::new("sealed", Tone::Good)
    } else {
        Text::new("does not match its seal: nothing is removed until a run has rebuilt it", Tone::Bad)
    };
    let never = |time: Option<Timestamp>| time.map_or_else(|| "never".to_owned(), self::time);
    document.facts([
        Some(("last run", last.unwrap_or_else(|| "none yet".into()))),
        Some(("last full read", never(status.last_read).into())),
        status.paused.as_ref().map(|paused| {
            let text = format!("by {} at {}; `rollcall resume` ends that", clean(&paused.by), time(paused.at));
            ("paused", Text::new(text, Tone::Warning))
        }),
        status.daemon.as_ref().and_then(|daemon| daemon.busy.as_ref()).map(|busy| ("now", clean(busy).into())),
        status.daemon.as_ref().filter(|daemon| daemon.failures > 0).map(|daemon| {
            let text = format!(
                "{} since {}: {} in a row",
                daemon.health,
                time(daemon.since),
                count(daemon.failures.into(), "failure", "failures")
            );
            ("state", Text::new(text, Tone::Bad))
        }),
        status.next_run.map(|next| ("next run", time(next).into())),
        Some(("directory", count(status.users, "user", "users").into())),
        Some(("accounts", format!("{} active, {} inactive", number(status.active), number(status.inactive)).into())),
        Some(("snapshot", snapshot)),
        (status.unsettled > 0).then(|| {
            let writes = count(status.unsettled, "write", "writes");
            let text = format!("{writes} without a known end; the next run looks them up first");
            ("unsettled", Text::new(text, Tone::Warning))
        }),
    ]);
    if let Some(held) = &status.held {
        let changes = count(held.changes, "change", "changes");
        document
            .paragraph(Text::new(format!("  Held: plan {} with {changes} waits for a person.", held.plan), Tone::Bad));
        let items = held.holds.iter().map(|hold| Item {
            mark: Text::new("!", Tone::Bad),
            cells: vec![holds::hold(hold).0.into()],
            below: Vec::new(),
        });
        document.items(None, items.collect(), None);
        match &held.decision {
            Some(decision) => document.facts([Some(("decided", decided(decision).into()))]),
            None => document.facts(holds::what_to_do(&held.holds, &status.organization, &held.plan)),
        }
    }
    if let Some(decision) = &status.approval {
        let until = decision.until.map(|until| format!(", until {}", time(until))).unwrap_or_default();
        let text = format!("  Approved: plan {} waits for the next run{until}.", decision.plan);
        document.paragraph(Text::new(text, Tone::Good));
    }
}
