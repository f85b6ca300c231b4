//! What is kept of runs, and how an organization stands.

use std::io::{self, Write};

use jiff::Timestamp;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::error::RunError;
use super::event::RunRecord;
use super::header::{self, RunHeader};
use super::left_open;
use crate::snapshot::{LargePart, Part, Store, StoredRun};

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
    let open = |writer: &mut dyn Write| {
        left_open::write(record, &mut serde_json::Serializer::new(writer)).map_err(io::Error::from)
    };
    let all: [(bool, Part<'_>); 5] = [
        (record.plan.is_some(), ("plan", &plan)),
        (record.plan.is_some(), (left_open::NAME, &open)),
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
    let mut records = Vec::new();
    for (id, _) in store.run_headers(most)? {
        records.extend(find_known(store, &id)?);
    }
    Ok(records)
}

/// The last runs, newest first, without their plans. A record that a later version wrote is passed over.
///
/// # Errors
///
/// If the snapshot cannot be read.
pub fn run_headers(store: &dyn Store, most: usize) -> Result<Vec<RunHeader>, RunError> {
    let mut headers = Vec::new();
    for (id, json) in store.run_headers(most)? {
        let header = match serde_json::from_value(json) {
            Ok(header) => Some(header),
            // An earlier version kept no counts.
            Err(_) => find_known(store, &id)?.map(|run| RunHeader::of(&run)),
        };
        headers.extend(header);
    }
    Ok(headers)
}

/// A run from the record that a list of runs has of it, without what may be large; none if a later version wrote it.
pub(super) fn without_parts(mut json: Value) -> Option<RunRecord> {
    for part in ["plan", "waiting", "drift"] {
        json[part] = Value::Null;
    }
    json["outcomes"] = Value::Array(Vec::new());
    serde_json::from_value(json).ok()
}

/// One run, by its id or a beginning of it that is unambiguous.
///
/// # Errors
///
/// If the snapshot cannot be read, or a later version wrote the record.
pub fn find_run(store: &dyn Store, id: &str) -> Result<Option<RunRecord>, RunError> {
    let Some(StoredRun { id, header, parts }) = store.run(id)? else {
        return Ok(None);
    };
    let unreadable = |error| RunError::Internal(format!("the record of the run {id} cannot be read: {error}"));
    let mut record: RunRecord = serde_json::from_value(header).map_err(unreadable)?;
    for (name, part) in &parts {
        let place = (store, id.as_str(), *name);
        match *name {
            "plan" => record.plan = part_of(place, part).map_err(unreadable)?,
            "outcomes" => record.outcomes = part_of(place, part).map_err(unreadable)?,
            "waiting" => record.waiting = part_of(place, part).map_err(unreadable)?,
            "drift" => record.drift = part_of(place, part).map_err(unreadable)?,
            _ => {}
        }
    }
    Ok(Some(record))
}

/// The same; none also if a later version wrote the record.
///
/// # Errors
///
/// If the snapshot cannot be read.
pub(super) fn find_known(store: &dyn Store, id: &str) -> Result<Option<RunRecord>, RunError> {
    match find_run(store, id) {
        Err(RunError::Internal(_)) => Ok(None),
        found => found,
    }
}

/// A large part of a record, read while it is unpacked; nothing in its place if it was lost.
fn part_of<T: DeserializeOwned + Default>(
    (store, run, name): (&dyn Store, &str, &str),
    part: &LargePart,
) -> Result<T, serde_json::Error> {
    let mut found = None;
    match (store.read_part(part, &mut |from| found = Some(serde_json::from_reader(from))), found) {
        (true, Some(found)) => found,
        _ => {
            tracing::warn!("the {name} of the run {run} was lost: the file {part} is missing or damaged");
            Ok(T::default())
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::apply::Outcome;
    use crate::plan::{Action, Basis, Change, Plan, Subject};
    use crate::run::RunResult;
    use crate::snapshot::{History as _, SledStore};

    /// A run that made so many changes.
    pub(in crate::run) fn of_many(changes: u32) -> RunRecord {
        let user = |number| rollcall_kit::DirectoryId::new(&format!("u{number}")).unwrap();
        let change = |id: u32| Change {
            id,
            subject: Subject::Account { user: user(id), target_id: None, label: format!("p{id}@acme.com"), name: None },
            action: Action::Deactivate,
            causes: Vec::new(),
            destructive: true,
            after: Vec::new(),
        };
        let plan = Plan {
            version: 1,
            organization: "acme".to_owned(),
            basis: Basis { generation: 1, certificate: String::new(), configuration: String::new() },
            changes: (1..=changes).map(change).collect(),
            refusals: crate::plan::Refusals::default(),
            notes: Vec::new(),
            estimate: crate::plan::Estimate::default(),
            active_before: changes.into(),
            undoes: None,
            digest: crate::plan::document::Digest::default(),
        };
        RunRecord {
            id: "20261130-120000000-abcd".to_owned(),
            organization: "acme".to_owned(),
            started: Timestamp::UNIX_EPOCH,
            ended: Timestamp::UNIX_EPOCH,
            result: RunResult::Applied,
            certificate: None,
            changes: None,
            plan_id: Some(plan.id()),
            plan: Some(plan.into()),
            approval: None,
            outcomes: (1..=changes).map(|id| (id, Outcome::Done { notes: Vec::new() })).collect(),
            waiting: None,
            decision: None,
            drift: None,
            undoes: None,
            unchanged_since: None,
            folded: None,
        }
    }

    #[test]
    fn a_run_of_many_changes_is_read_part_by_part_as_it_was_kept() {
        let folder = tempfile::tempdir().unwrap();
        let store = SledStore::open(folder.path()).unwrap();
        let record = of_many(20_000);
        keep(&store, &record).unwrap();
        let stored = store.run(&record.id).unwrap().unwrap();
        assert!(stored.header.to_string().len() < 2_000 && stored.parts.len() == 2, "nothing large is in the header");
        assert!(find_run(&store, "2026").unwrap().unwrap() == record);
        assert!(runs(&store, 1).unwrap() == [record]);
    }

    #[test]
    fn a_damaged_part_costs_the_run_that_part_and_one_that_is_not_understood_the_record() {
        let folder = tempfile::tempdir().unwrap();
        let store = SledStore::open(folder.path()).unwrap();
        let record = of_many(100);
        keep(&store, &record).unwrap();
        let stored = store.run(&record.id).unwrap().unwrap();
        let plan = stored.parts.iter().find(|(name, _)| *name == "plan").unwrap().1.to_string();
        let path = folder.path().join("files").join(plan);
        let whole = std::fs::read(&path).unwrap();
        std::fs::write(&path, &whole[..whole.len() / 2]).unwrap();
        assert!(find_run(&store, &record.id).unwrap().unwrap() == RunRecord { plan: None, ..record.clone() });

        let header = header::stored(&record).unwrap();
        let later = |writer: &mut dyn Write| json(writer, &vec!["of a later version"; 1_000]);
        store.record_run_in_parts(&record.id, &header, &[("plan", &later)]).unwrap();
        assert!(find_run(&store, &record.id).unwrap_err().to_string().contains("cannot be read"));
        assert_eq!(runs(&store, 1).unwrap(), [], "it is passed over");
    }
}
