//! What is kept of runs, and how an organization stands.

use std::io::{self, Write};

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

use super::deciding::decisions;
use super::error::RunError;
use super::event::RunRecord;
use super::header::{self, RunCounts, RunHeader, run_headers};
use crate::guard::Decision;
use crate::snapshot::{Part, Store};

/// A new run's id: the moment, to the millisecond, and four letters against chance. Sorts by time, which is how the
/// history knows the last run.
pub(super) fn new_id(now: Timestamp) -> String {
    let unique = uuid::Uuid::new_v4().simple().to_string();
    format!("{}-{}", now.strftime("%Y%m%d-%H%M%S%3f"), &unique[..4])
}

/// Keeps the record of a run.
pub(super) fn keep(store: &dyn Store, record: &RunRecord) -> Result<(), RunError> {
    let unwritable = |error: serde_json::Error| RunError::Internal(error.to_string());
    let header = header::stored(record).map_err(unwritable)?;
    let plan = |writer: &mut dyn Write| json(writer, &record.plan);
    let outcomes = |writer: &mut dyn Write| json(writer, &record.outcomes);
    let waiting = |writer: &mut dyn Write| json(writer, &record.waiting);
    let drift = |writer: &mut dyn Write| json(writer, &record.drift);
    let all: [(bool, Part<'_>); 4] = [
        (record.plan.is_some(), ("plan", &plan)),
        (!record.outcomes.is_empty(), ("outcomes", &outcomes)),
        (record.waiting.is_some(), ("waiting", &waiting)),
        (record.drift.is_some(), ("drift", &drift)),
    ];
    let parts: Vec<Part<'_>> = all.into_iter().filter(|(is_there, _)| *is_there).map(|(_, part)| part).collect();
    Ok(store.record_run_in_parts(&record.id, &header, &parts)?)
}

fn json(writer: &mut dyn Write, part: &impl Serialize) -> io::Result<()> {
    serde_json::to_writer(writer, part).map_err(io::Error::from)
}

/// Keeps how a run ended that could not say so itself. What it had recorded stays, and its end is this one.
///
/// # Errors
///
/// If the snapshot cannot be read or written.
pub fn record_end(store: &dyn Store, record: RunRecord) -> Result<RunRecord, RunError> {
    let record = match find_run(store, &record.id)? {
        Some(known) => RunRecord { ended: record.ended, result: record.result, ..known },
        None => record,
    };
    keep(store, &record)?;
    Ok(record)
}

/// The last runs, newest first. A record that a later version wrote is passed over.
///
/// # Errors
///
/// If the snapshot cannot be read.
pub fn runs(store: &dyn Store, most: usize) -> Result<Vec<RunRecord>, RunError> {
    let records = store.runs(most)?;
    Ok(records.into_iter().filter_map(|(_, json)| serde_json::from_value(json).ok()).collect())
}

/// The last runs, newest first, with the plans and outcomes of those that had changes, and of the newest that came as
/// far as a plan. The plans of all others say nothing that is asked of the past, and are not read.
///
/// # Errors
///
/// If the snapshot cannot be read.
pub(super) fn runs_with_changes(store: &dyn Store, most: usize) -> Result<Vec<RunRecord>, RunError> {
    runs_with_plans_where(store, most, |header| Ok(header.counts.has_changes()))
}

/// The same with the plans and outcomes of those alone whose changes the record of changes does not tell: some failed or
/// were skipped, or an earlier version made them.
///
/// # Errors
///
/// If the snapshot cannot be read.
pub(super) fn runs_not_in_history(store: &dyn Store, most: usize) -> Result<Vec<RunRecord>, RunError> {
    runs_with_plans_where(store, most, |header| {
        let RunCounts { done, failed, skipped, .. } = header.counts;
        Ok(failed + skipped > 0 || (done > 0 && store.run_fact(&header.id)?.is_none()))
    })
}

fn runs_with_plans_where(
    store: &dyn Store,
    most: usize,
    is_wanted: impl Fn(&RunHeader) -> Result<bool, RunError>,
) -> Result<Vec<RunRecord>, RunError> {
    let (mut records, mut has_plan) = (Vec::new(), false);
    for (id, mut json) in store.run_headers(most)? {
        let header = serde_json::from_value::<RunHeader>(json.clone()).ok();
        let is_plan = header.as_ref().is_none_or(|header| header.plan_id.is_some() && header.undoes.is_none());
        let is_wanted = header.as_ref().map_or(Ok(true), &is_wanted)?;
        if is_wanted || (is_plan && !has_plan) {
            has_plan |= is_plan;
            records.extend(find_run(store, &id).ok().flatten());
        } else {
            for (part, nothing) in [("plan", Value::Null), ("waiting", Value::Null), ("drift", Value::Null)] {
                json[part] = nothing;
            }
            json["outcomes"] = Value::Array(Vec::new());
            records.extend(serde_json::from_value(json).ok());
        }
    }
    Ok(records)
}

/// One run, by its id or a beginning of it that is unambiguous.
///
/// # Errors
///
/// If the snapshot cannot be read, or a later version wrote the record.
pub fn find_run(store: &dyn Store, id: &str) -> Result<Option<RunRecord>, RunError> {
    let Some((id, json)) = store.run(id)? else {
        return Ok(None);
    };
    serde_json::from_value(json)
        .map(Some)
        .map_err(|error| RunError::Internal(format!("the record of the run {id} cannot be read: {error}")))
}

/// How an organization stands, as its snapshot knows.
#[derive(Clone, Debug)]
pub struct State {
    /// Whether the snapshot matches its seal.
    pub sealed: bool,
    /// Users in the mirror.
    pub users: u64,
    /// Accounts of ours that are active.
    pub active: u64,
    /// Accounts of ours that are not.
    pub inactive: u64,
    /// Writes that a crash left behind.
    pub unsettled: u64,
    /// When the directory was last read whole.
    pub last_read: Option<Timestamp>,
    /// Whether another run goes on.
    pub goes_on: bool,
    /// The last run that ended.
    pub last_run: Option<RunHeader>,
    /// An approval that waits for the run that uses it up.
    pub approval: Option<Decision>,
}

/// How an organization stands, while somebody has been at work with it since this moment: his run is not the last one yet.
///
/// # Errors
///
/// If the snapshot cannot be read.
pub fn state(store: &dyn Store, at_work_since: Option<Timestamp>) -> Result<State, RunError> {
    let ((users, _), accounts) = (store.mirror_counts(), store.account_counts());
    let (decided, now) = (decisions(store)?, Timestamp::now());
    let mut last = run_headers(store, 2)?.into_iter().peekable();
    let going_on = last.next_if(|run| run.goes_on(at_work_since));
    let is_left_behind = |of: &str| going_on.as_ref().is_none_or(|run| run.id != of);
    let unsettled = store.unsettled()?.into_iter().filter(|(_, intent)| is_left_behind(&intent.run)).count();
    let approval = decided.approval(now).or_else(|| decided.approval_of_undo(now));
    Ok(State {
        sealed: store.is_sealed(),
        users,
        active: accounts.active,
        inactive: accounts.inactive,
        unsettled: unsettled as u64,
        last_read: store.certificate()?.map(|certificate| certificate.ended()),
        goes_on: going_on.is_some(),
        last_run: last.next(),
        approval: approval.map(|ruling| ruling.decision.clone()),
    })
}
