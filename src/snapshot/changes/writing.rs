//! How changes are entered: with the chapter of each person, one step for all that is settled together, and a key for
//! each role and group that the step is about. All of that is one batch, so a crash leaves all of it or nothing.

use std::collections::{BTreeMap, BTreeSet};

use super::layout::{
    Chapter, Entered, Step, chapter, chapters, day_of, day_of_step, first_step, run_number, steps_about, steps_of,
};
use crate::apply::{ChangeRecord, ChangeSubject, RecordedChanges, Topic};
use crate::plan::ChangeId;
use crate::snapshot::StoreError;
use crate::snapshot::codec::{pack, unpack};
use crate::snapshot::database::Database;
use crate::snapshot::engine::{BATCH_KEYS, Engine, Table};
use crate::snapshot::keys::{self, Key};

/// Counts the steps.
#[derive(Debug, Default)]
pub(in crate::snapshot) struct StepNumbers {
    last: Option<u64>,
}

impl StepNumbers {
    /// The number of the next step of a day.
    fn next<E: Engine>(&mut self, database: &Database<E>, day: u32) -> Result<u64, StoreError> {
        let last = match self.last.filter(|last| day_of_step(*last) == day) {
            Some(last) => Some(last),
            None => {
                let newest = database.keys_from_last(Table::History, &steps_of(day))?.next().transpose()?;
                newest.and_then(|key| keys::number(keys::STEP, &key))
            }
        };
        let next = last.map_or(first_step(day), |last| last + 1);
        self.last = Some(next);
        Ok(next)
    }
}

/// Enters changes that were settled. Those that are there already are replaced.
pub(in crate::snapshot) fn enter<'a, E: Engine>(
    database: &Database<E>,
    steps: &mut StepNumbers,
    recorded: impl Iterator<Item = &'a RecordedChanges>,
) -> Result<(), StoreError> {
    let mut pending = Pending::new(0, 0);
    for recorded in recorded {
        let run = run_number(&recorded.run);
        for record in &recorded.changes {
            if pending.is_full() || (pending.run, pending.day) != (run, day_of(record.at)) {
                pending.write(database, steps)?;
                pending = Pending::new(run, day_of(record.at));
            }
            pending.add(database, record)?;
        }
    }
    pending.write(database, steps)
}

/// One batch in the making.
struct Pending {
    run: u64,
    day: u32,
    chapters: BTreeMap<ChangeSubject, Chapter>,
    entered: BTreeMap<ChangeSubject, Vec<(ChangeId, Vec<Topic>)>>,
    topics: BTreeSet<Topic>,
}

impl Pending {
    fn new(run: u64, day: u32) -> Self {
        Self { run, day, chapters: BTreeMap::new(), entered: BTreeMap::new(), topics: BTreeSet::new() }
    }

    /// Whether one more person could be too much for a batch: with the step itself and the tally.
    fn is_full(&self) -> bool {
        self.chapters.len() + self.topics.len() + 8 > BATCH_KEYS
    }

    fn add<E: Engine>(&mut self, database: &Database<E>, record: &ChangeRecord) -> Result<(), StoreError> {
        if !self.chapters.contains_key(&record.subject) {
            if !record.outcome.is_done() && repeats_a_failure(database, self.run, record)? {
                return Ok(());
            }
            let known = read(database, &chapter(&record.subject, self.run))?;
            self.chapters.insert(record.subject.clone(), known.unwrap_or_default());
        }
        let chapter = self.chapters.entry(record.subject.clone()).or_default();
        if chapter.enter(record) == Entered::New {
            let topics = record.topics();
            self.topics.extend(topics.iter().cloned());
            self.entered.entry(record.subject.clone()).or_default().push((record.change, topics));
        }
        Ok(())
    }

    fn write<E: Engine>(self, database: &Database<E>, steps: &mut StepNumbers) -> Result<(), StoreError> {
        if self.chapters.is_empty() {
            return Ok(());
        }
        let unwritable = |error| database.engine.damaged(&error);
        let mut batch = database.batch(Table::History);
        for (subject, known) in &self.chapters {
            batch.put(&chapter(subject, self.run), &pack(known).map_err(unwritable)?)?;
        }
        if !self.entered.is_empty() {
            let number = steps.next(database, self.day)?;
            let step = step(self.run, self.entered);
            for (topic, _) in &step.topics {
                batch.put(&keys::numbered(&steps_about(topic), number), &[])?;
            }
            batch.put(&keys::numbered(keys::STEP, number), &pack(&step).map_err(unwritable)?)?;
        }
        batch.write()
    }
}

/// The step of what was entered.
fn step(run: u64, entered: BTreeMap<ChangeSubject, Vec<(ChangeId, Vec<Topic>)>>) -> Step {
    let (mut subjects, mut topics) = (Vec::new(), BTreeMap::<Topic, Vec<u32>>::new());
    let mut nth = 0;
    for (subject, changes) in entered {
        let mut numbers = Vec::new();
        for (change, about) in changes {
            numbers.push(change);
            for topic in about {
                topics.entry(topic).or_default().push(nth);
            }
            nth += 1;
        }
        subjects.push((subject, numbers));
    }
    Step { run, subjects, topics: topics.into_iter().collect() }
}

/// Whether the last thing that history has of somebody is that the same was tried, by an earlier run, and failed. Runs
/// try again until it goes well, and what they are told each time is no news.
fn repeats_a_failure<E: Engine>(database: &Database<E>, run: u64, record: &ChangeRecord) -> Result<bool, StoreError> {
    let newest = database.keys_from_last(Table::History, &chapters(&record.subject))?.next().transpose()?;
    let Some(newest) = newest.filter(|key| *key != chapter(&record.subject, run)) else { return Ok(false) };
    Ok(read(database, &newest)?.is_some_and(|last| last.has_failed(&record.deed)))
}

/// A chapter.
pub(super) fn read<E: Engine>(database: &Database<E>, key: &Key) -> Result<Option<Chapter>, StoreError> {
    let record = database.get(Table::History, key)?;
    record.map(|record| unpack(&record)).transpose().map_err(|error| database.engine.damaged(&error))
}
