//! Questions to the record of changes: of somebody, about a role or a group, and of a day. Newest first, and no more is
//! read than is asked for.

use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::fact;
use super::layout::{Step, chapter, chapters, day_of, run_id, steps_about, steps_of};
use super::writing::read;
use crate::apply::{ChangeRecord, ChangeSubject, Topic};
use crate::plan::ChangeId;
use crate::snapshot::codec::unpack;
use crate::snapshot::database::Database;
use crate::snapshot::engine::{Engine, Key, Table};
use crate::snapshot::{StoreError, keys};

/// A change of the past, with its run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PastChange {
    /// The run's id.
    pub run: String,
    /// The change.
    pub record: ChangeRecord,
}

/// What was done to somebody, or to a group.
pub(in crate::snapshot) fn of<E: Engine>(
    database: &Database<E>,
    subject: &ChangeSubject,
    most: usize,
) -> Result<Vec<PastChange>, StoreError> {
    let (mut changes, prefix) = (Vec::new(), chapters(subject));
    for key in database.keys_from_last(Table::History, &prefix)? {
        let key = key?;
        if changes.len() >= most {
            break;
        }
        let (Some(number), Some(chapter)) = (keys::number(&prefix, &key), read(database, &key)?) else { continue };
        let run = id_of(database, number)?;
        let of_run = chapter.newest_first(subject).into_iter();
        changes.extend(of_run.map(|record| PastChange { run: run.clone(), record }));
    }
    changes.truncate(most);
    Ok(changes)
}

/// What was done about a role or a group.
pub(in crate::snapshot) fn about<E: Engine>(
    database: &Database<E>,
    topic: &Topic,
    most: usize,
) -> Result<Vec<PastChange>, StoreError> {
    let prefix = steps_about(topic);
    let steps = database.keys_from_last(Table::History, &prefix)?;
    let steps = steps.map(|key| Ok(keys::number(&prefix, &key?).unwrap_or_default()));
    in_steps(database, steps, |step| step.about(topic), most)
}

/// What was done on a day.
pub(in crate::snapshot) fn on<E: Engine>(
    database: &Database<E>,
    day: Date,
    most: usize,
) -> Result<Vec<PastChange>, StoreError> {
    let Ok(midnight) = TimeZone::UTC.to_timestamp(day.at(0, 0, 0, 0)) else { return Ok(Vec::new()) };
    let steps = database.keys_from_last(Table::History, &steps_of(day_of(midnight.as_second())))?;
    let steps = steps.map(|key: Result<Key, StoreError>| Ok(keys::number(keys::STEP, &key?).unwrap_or_default()));
    in_steps(database, steps, |step| step.changes().collect(), most)
}

/// Those changes of steps that are meant. What was removed meanwhile is passed over.
fn in_steps<E: Engine>(
    database: &Database<E>,
    steps: impl Iterator<Item = Result<u64, StoreError>>,
    meant: impl Fn(&Step) -> Vec<(&ChangeSubject, ChangeId)>,
    most: usize,
) -> Result<Vec<PastChange>, StoreError> {
    let mut changes = Vec::new();
    for number in steps {
        let number = number?;
        let Some(record) = database.get(Table::History, &keys::numbered(keys::STEP, number))? else { continue };
        let step: Step = unpack(&record).map_err(|error| database.engine.damaged(&error))?;
        let run = id_of(database, step.run)?;
        for (subject, change) in meant(&step).into_iter().rev() {
            if changes.len() >= most {
                return Ok(changes);
            }
            let chapter = read(database, &chapter(subject, step.run))?;
            let record = chapter.and_then(|chapter| chapter.change(subject, change));
            changes.extend(record.map(|record| PastChange { run: run.clone(), record }));
        }
    }
    Ok(changes)
}

/// The id of a run by its number.
fn id_of<E: Engine>(database: &Database<E>, number: u64) -> Result<String, StoreError> {
    match run_id(number) {
        Some(id) => Ok(id),
        None => Ok(fact::numbered(database, number)?.map_or_else(|| format!("{number:016x}"), |fact| fact.run)),
    }
}
