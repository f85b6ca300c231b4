//! Runs: a small header in the store for each, and what is large of them in files beside it.
//!
//! A first plan of a large company is many megabytes. Beside small records that are written often it would be rewritten
//! with each of them, so it lies in a file of its own, compressed, which the header names. A file that was lost costs
//! its run the plan, and nobody anything else.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde_json::{Map, Value};

use super::codec::{from_json, to_json};
use super::database::{Batch, Database};
use super::engine::files::{FileName, Kept};
use super::engine::{Engine, Key, Table, behind};
use super::folding::{self, IN_FILE, PARTS, file_of};
use super::keys;
use super::{LargePart, Part, StoreError, StoredRun};

/// Runs that are kept.
const KEPT: usize = 200;

/// The newest runs, whose plans are kept whatever their size.
const WITH_PLAN: usize = 20;

/// Bytes of a part of a run beyond which an older run loses it.
const BULKY: u64 = 256 << 10;

/// Bytes of a part of a run beyond which it lies in a file.
const LARGE: usize = 1 << 10;

/// Keeps the record of a run; a second one with the same id replaces the first.
pub(super) fn record<E: Engine>(database: &Database<E>, id: &str, record: &Value) -> Result<(), StoreError> {
    keep(database, id, &without_parts(database, record)?)
}

/// The same of a record whose parts come apart: those that are large go to their files while they are written.
pub(super) fn record_in_parts<E: Engine>(
    database: &Database<E>,
    id: &str,
    header: &Value,
    parts: &[Part<'_>],
) -> Result<(), StoreError> {
    let mut header = header.clone();
    if let Value::Object(header) = &mut header {
        for (name, write) in parts {
            let kept = database
                .engine
                .files()
                .keep_what(LARGE, |writer| write(writer).map_err(|error| StoreError::Unwritable(Arc::new(error))))?;
            let part = match kept {
                Kept::Small(content) => {
                    serde_json::from_slice(&content).map_err(|error| database.engine.damaged(&error))?
                }
                Kept::File(name) => in_file(database, &name)?,
            };
            header.insert((*name).to_owned(), part);
        }
    }
    keep(database, id, &header)
}

/// Changes one member of a record, which is none of its large parts. False if there is no such run.
pub(super) fn amend<E: Engine>(
    database: &Database<E>,
    id: &str,
    member: &str,
    value: &Value,
) -> Result<bool, StoreError> {
    let key = keys::under(keys::RUN, id.as_bytes());
    let mut record = header(database, &key)?;
    let Value::Object(members) = &mut record else { return Ok(false) };
    members.insert(member.to_owned(), value.clone());
    let mut batch = database.batch(Table::History);
    batch.put(&key, &to_json(&record).map_err(|error| database.engine.damaged(&error))?)?;
    batch.write()?;
    database.engine.sync()?;
    Ok(true)
}

fn keep<E: Engine>(database: &Database<E>, id: &str, header: &Value) -> Result<(), StoreError> {
    let key = keys::under(keys::RUN, id.as_bytes());
    let mut batch = database.batch(Table::History);
    let mut dropped = database.get(Table::History, &key)?.is_some();
    batch.put(&key, &to_json(header).map_err(|error| database.engine.damaged(&error))?)?;
    let others = others(database, &key)?;
    for beyond in others.iter().skip(KEPT - 1) {
        batch.remove(beyond)?;
        dropped = true;
    }
    dropped |= settle_down(database, &mut batch, &others)?;
    batch.write()?;
    database.engine.sync()?;
    if dropped { collect(database) } else { Ok(()) }
}

/// The run that just stopped being one of the newest loses what is bulky of it, or is folded into one record with those
/// before it that found nothing to do either. Each run comes past this place once. True if anything was dropped.
fn settle_down<E: Engine>(
    database: &Database<E>,
    batch: &mut Batch<'_, E>,
    others: &[Key],
) -> Result<bool, StoreError> {
    let Some(key) = others.get(WITH_PLAN - 1) else { return Ok(false) };
    let run = header(database, key)?;
    let mut settled = folding::without_bulk(&run, BULKY);
    if let Some(before) = others.get(WITH_PLAN).filter(|_| others.len() < KEPT) {
        let whole = settled.as_ref().unwrap_or(&run);
        if let Some(folded) = folding::folded(whole, &header(database, before)?, &keys::text(keys::RUN, before)) {
            batch.remove(before)?;
            settled = Some(folded);
        }
    }
    if let Some(settled) = &settled {
        batch.put(key, &to_json(settled).map_err(|error| database.engine.damaged(&error))?)?;
    }
    Ok(settled.is_some())
}

/// The keys of the other runs, newest first.
fn others<E: Engine>(database: &Database<E>, added: &[u8]) -> Result<Vec<Key>, StoreError> {
    let keys = database.keys_from_last(Table::History, keys::RUN)?;
    keys.filter(|key| key.as_ref().map_or(true, |key| key != added)).collect()
}

/// The records of runs, newest first, without what lies in files.
pub(super) fn headers<E: Engine>(database: &Database<E>, most: usize) -> Result<Vec<(String, Value)>, StoreError> {
    let newest = database.keys_from_last(Table::History, keys::RUN)?.take(most);
    newest
        .map(|key| {
            let key = key?;
            Ok((keys::text(keys::RUN, &key), header(database, &key)?))
        })
        .collect()
}

/// The record of one run, by its id or a beginning of it that is unambiguous.
pub(super) fn run<E: Engine>(database: &Database<E>, id: &str) -> Result<Option<StoredRun>, StoreError> {
    let prefix = keys::under(keys::RUN, id.as_bytes());
    let mut ids = Vec::new();
    for pair in database.scan(Table::History, &prefix) {
        ids.push(keys::text(keys::RUN, &pair?.0));
    }
    match pick(ids.iter().map(String::as_str), id) {
        Some(id) => {
            let header = header(database, &keys::under(keys::RUN, id.as_bytes()))?;
            Ok(Some(in_parts(id.to_owned(), header)))
        }
        None if ids.is_empty() => folded_away(database, id),
        None => Ok(None),
    }
}

/// The record into which the run of this id was folded, if it was.
fn folded_away<E: Engine>(database: &Database<E>, id: &str) -> Result<Option<StoredRun>, StoreError> {
    let (from, behind) = (keys::under(keys::RUN, id.as_bytes()), behind(keys::RUN));
    let Some(next) = database.range(Table::History, &from, behind.as_deref()).next() else { return Ok(None) };
    let key = next?.0;
    let (last, record) = (keys::text(keys::RUN, &key), header(database, &key)?);
    let covers = last.len() == id.len() && folding::first(&record).is_some_and(|first| first <= id);
    Ok(covers.then(|| in_parts(last, record)))
}

/// The one id that is this id or begins with it; none if several do.
fn pick<'a>(ids: impl Iterator<Item = &'a str>, wanted: &str) -> Option<&'a str> {
    let mut found = None;
    for id in ids.filter(|id| id.starts_with(wanted)) {
        if id == wanted {
            return Some(id);
        }
        if found.replace(id).is_some() {
            return None;
        }
    }
    found.filter(|_| !wanted.is_empty())
}

/// The header of a record; what is large of it is in files then.
fn without_parts<E: Engine>(database: &Database<E>, record: &Value) -> Result<Value, StoreError> {
    let Value::Object(record) = record else { return Ok(record.clone()) };
    let mut header = Map::new();
    for (name, part) in record {
        let is_part = PARTS.iter().any(|(part, _)| part == name);
        let content = is_part.then(|| serde_json::to_vec(part)).transpose();
        let content = content.map_err(|error| database.engine.damaged(&error))?;
        let kept = content.map(|content| laid_aside(database, &content)).transpose()?.flatten();
        header.insert(name.clone(), kept.unwrap_or_else(|| part.clone()));
    }
    Ok(Value::Object(header))
}

/// What stands for a part in the header, if it is large and lies in a file now.
fn laid_aside<E: Engine>(database: &Database<E>, part: &[u8]) -> Result<Option<Value>, StoreError> {
    if part.len() <= LARGE {
        return Ok(None);
    }
    let name = database.engine.files().keep(part)?;
    in_file(database, &name).map(Some)
}

/// What stands in the header for a part that lies in a file.
fn in_file<E: Engine>(database: &Database<E>, name: &FileName) -> Result<Value, StoreError> {
    let name = serde_json::to_value(name).map_err(|error| database.engine.damaged(&error))?;
    Ok(Value::Object(Map::from_iter([(IN_FILE.to_owned(), name)])))
}

fn header<E: Engine>(database: &Database<E>, key: &[u8]) -> Result<Value, StoreError> {
    match database.get(Table::History, key)? {
        Some(record) => from_json(&record).map_err(|error| database.engine.damaged(&error)),
        None => Ok(Value::Null),
    }
}

/// A record apart from its parts that lie in files.
fn in_parts(id: String, mut header: Value) -> StoredRun {
    let mut parts = Vec::new();
    for (part, nothing) in PARTS {
        let Some(value) = header.get_mut(part) else { continue };
        let Some(name) = file_of(value) else { continue };
        *value = nothing;
        parts.push((part, LargePart(name)));
    }
    StoredRun { id, header, parts }
}

/// Removes the files that no header names.
pub(super) fn collect<E: Engine>(database: &Database<E>) -> Result<(), StoreError> {
    let mut named = BTreeSet::new();
    for pair in database.scan(Table::History, keys::RUN) {
        let record: Value = from_json(&pair?.1).map_err(|error| database.engine.damaged(&error))?;
        named.extend(PARTS.iter().filter_map(|(part, _)| Some(file_of(record.get(part)?)?.hash)));
    }
    database.engine.files().collect(|name| named.contains(name))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::snapshot::engine::memory::MemoryEngine;

    /// The plan of a run, which lies in a file.
    fn plan_of(database: &Database<MemoryEngine>, id: &str) -> Vec<u8> {
        let found = run(database, id).unwrap().unwrap();
        let (name, part) = &found.parts[0];
        assert_eq!((*name, &found.header["plan"]), ("plan", &Value::Null));
        database.engine.files().read(&part.0).unwrap()
    }

    #[test]
    fn a_beginning_that_fits_several_runs_picks_none() {
        let ids = ["0a1", "0a2", "0b1"];
        assert_eq!(pick(ids.into_iter(), "0a"), None);
        assert_eq!(pick(ids.into_iter(), "0b"), Some("0b1"));
        assert_eq!(pick(ids.into_iter(), ""), None);
        assert_eq!(pick(["0a", "0a1"].into_iter(), "0a"), Some("0a"), "the whole id is not ambiguous");
    }

    #[test]
    fn a_plan_that_was_lost_costs_its_run_the_plan_and_nothing_else() {
        let database = Database::open(MemoryEngine::default()).unwrap().0;
        let bulk = "x".repeat(10_000);
        record(&database, "one", &json!({"plan": bulk, "outcomes": [bulk], "result": "applied"})).unwrap();
        record(&database, "two", &json!({"plan": format!("other {bulk}"), "result": "applied"})).unwrap();
        let size =
            |id: &str| database.get(Table::History, &keys::under(keys::RUN, id.as_bytes())).unwrap().unwrap().len();
        assert!(size("one") < 400 && size("two") < 400, "the store itself holds the headers alone");
        let kept = file_of(&header(&database, b"rtwo").unwrap()["plan"]).unwrap().hash;
        database.engine.files().collect(|name| name == kept).unwrap();
        let found = run(&database, "one").unwrap().unwrap();
        assert_eq!(found.header, json!({"plan": null, "outcomes": [], "result": "applied"}));
        assert_eq!(found.parts.iter().map(|(name, _)| *name).collect::<Vec<_>>(), ["plan", "outcomes"]);
        for (_, part) in &found.parts {
            assert_eq!(database.engine.files().read(&part.0), None);
        }
        let other = serde_json::to_vec(&format!("other {bulk}")).unwrap();
        assert_eq!(plan_of(&database, "two"), other);
    }

    #[test]
    fn a_member_of_a_record_changes_without_its_large_parts() {
        let database = Database::open(MemoryEngine::default()).unwrap().0;
        let plan = "x".repeat(10_000);
        record(&database, "one", &json!({"plan": plan, "result": "held", "decision": null})).unwrap();
        let before = header(&database, b"rone").unwrap();
        assert!(amend(&database, "one", "decision", &json!("approved")).unwrap());
        let after = header(&database, b"rone").unwrap();
        assert_eq!((&after["plan"], &after["result"]), (&before["plan"], &before["result"]));
        assert_eq!(after["decision"], "approved");
        assert_eq!(plan_of(&database, "one"), serde_json::to_vec(&plan).unwrap());
        assert!(!amend(&database, "two", "decision", &json!("approved")).unwrap(), "there is no such run");
        assert!(run(&database, "two").unwrap().is_none());
    }

    #[test]
    fn what_a_replaced_record_named_is_collected() {
        let database = Database::open(MemoryEngine::default()).unwrap().0;
        let part = |letter: &str| json!({"plan": letter.repeat(10_000)});
        record(&database, "one", &part("a")).unwrap();
        let first = file_of(&header(&database, b"rone").unwrap()["plan"]).unwrap();
        record(&database, "one", &part("b")).unwrap();
        assert_eq!(database.engine.files().read(&first), None);
        assert_eq!(plan_of(&database, "one"), serde_json::to_vec(&part("b")["plan"]).unwrap());
    }
}
