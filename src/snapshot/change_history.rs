//! The record of changes, as a store offers it.

use jiff::Timestamp;
use jiff::civil::Date;

use super::changes::{self, PastChange, RunFact};
use super::engine::Engine;
use super::store::Snapshot;
use super::{ChangeHistory, StoreError};
use crate::apply::{ChangeSubject, RecordedChanges, Topic};

impl<E: Engine> ChangeHistory for Snapshot<E> {
    fn record_fact(&self, fact: &RunFact) -> Result<(), StoreError> {
        self.with_steps(|database, _| changes::keep_fact(database, fact))
    }

    fn run_fact(&self, run: &str) -> Result<Option<RunFact>, StoreError> {
        changes::fact(&self.database, run)
    }

    fn record_failures(&self, failures: &RecordedChanges) -> Result<(), StoreError> {
        if failures.is_empty() {
            return Ok(());
        }
        self.with_steps(|database, steps| {
            changes::enter(database, steps, std::iter::once(failures))?;
            database.engine.sync()
        })
    }

    fn changes_of(&self, subject: &ChangeSubject, most: usize) -> Result<Vec<PastChange>, StoreError> {
        changes::of(&self.database, subject, most)
    }

    fn changes_about(&self, topic: &Topic, most: usize) -> Result<Vec<PastChange>, StoreError> {
        changes::about(&self.database, topic, most)
    }

    fn changes_on(&self, day: Date, most: usize) -> Result<Vec<PastChange>, StoreError> {
        changes::on(&self.database, day, most)
    }

    fn forget_changes_before(&self, moment: Timestamp) -> Result<bool, StoreError> {
        self.with_steps(|database, _| Ok(changes::forget_before(database, moment.as_second())? > 0))
    }
}
