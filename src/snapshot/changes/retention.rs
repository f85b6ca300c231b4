//! How the record of changes is bounded: what is too old goes, the oldest first, a few steps at a time, so that no run
//! ever waits for it.

use super::layout::{Step, chapter, day_of, day_of_step, steps_about};
use crate::snapshot::codec::unpack;
use crate::snapshot::database::Database;
use crate::snapshot::engine::{Engine, Table};
use crate::snapshot::{StoreError, keys};

/// Steps, and facts of runs, that go at once at most.
const AT_ONCE: usize = 32;

/// Seconds by which the fact of a run outlives its changes at least: longer than any run lasts.
const FACT_LASTS: i64 = 30 * 24 * 60 * 60;

/// Forgets some of the changes of days before the one of this moment, in seconds since 1970 began. Yields how many steps
/// went; there may be more if it is not 0.
pub(in crate::snapshot) fn forget_before<E: Engine>(database: &Database<E>, moment: i64) -> Result<usize, StoreError> {
    let damaged = |error| database.engine.damaged(&error);
    let mut forgotten = 0;
    for pair in database.scan(Table::History, keys::STEP).take(AT_ONCE) {
        let (key, record) = pair?;
        let number = keys::number(keys::STEP, &key).unwrap_or_default();
        if day_of_step(number) >= day_of(moment) {
            break;
        }
        let step: Step = unpack(&record).map_err(damaged)?;
        let mut batch = database.batch(Table::History);
        for (subject, _) in &step.subjects {
            batch.remove(&chapter(subject, step.run))?;
        }
        for (topic, _) in &step.topics {
            batch.remove(&keys::numbered(&steps_about(topic), number))?;
        }
        batch.remove(&key)?;
        batch.write()?;
        forgotten += 1;
    }
    forget_facts(database, moment - FACT_LASTS)?;
    Ok(forgotten)
}

fn forget_facts<E: Engine>(database: &Database<E>, moment: i64) -> Result<(), StoreError> {
    let mut batch = database.batch(Table::History);
    for pair in database.scan(Table::History, keys::RUN_FACT).take(AT_ONCE) {
        let (key, record) = pair?;
        let fact: super::RunFact = unpack(&record).map_err(|error| database.engine.damaged(&error))?;
        if fact.began >= moment {
            break;
        }
        batch.remove(&key)?;
    }
    batch.write()
}
