//! The fact of a run that did something: on whose word it went. It stands once for all changes of the run, and for as
//! long as they do, however many runs come after it.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::layout::run_number;
use crate::guard::Approval;
use crate::snapshot::codec::{pack, unpack};
use crate::snapshot::database::Database;
use crate::snapshot::engine::{Engine, Table};
use crate::snapshot::{StoreError, keys};

/// What is the same for every change of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunFact {
    /// The run's id.
    pub run: String,
    /// When it began, in seconds since 1970 began.
    pub began: i64,
    /// On whose word its plan was applied.
    pub word: Word,
}

/// On whose word a plan was applied.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Word {
    /// The guard's: nothing held it.
    Guard,
    /// A person's.
    Person {
        /// The login name of who approved.
        who: String,
        /// How: at the prompt, with `--yes`, by its file, with `rollcall approve`.
        how: String,
        /// The decision about an earlier plan, if it was one.
        decided: Option<Decided>,
    },
}

/// A decision about an earlier plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decided {
    /// The id of the plan that was looked at.
    pub plan: String,
    /// When, in seconds since 1970 began.
    pub at: i64,
}

impl RunFact {
    /// The fact of a run whose plan was let pass so.
    #[must_use]
    pub fn of(run: &str, began: Timestamp, approval: &Approval) -> Self {
        let word = match approval {
            Approval::Guard => Word::Guard,
            Approval::Person { who, how, decision } => {
                let decided = decision.as_deref();
                let decided = decided.map(|one| Decided { plan: one.plan.0.clone(), at: one.at.as_second() });
                Word::Person { who: who.clone(), how: how.clone(), decided }
            }
        };
        Self { run: run.to_owned(), began: began.as_second(), word }
    }
}

/// Keeps the fact of a run.
pub(in crate::snapshot) fn keep_fact<E: Engine>(database: &Database<E>, fact: &RunFact) -> Result<(), StoreError> {
    let record = pack(fact).map_err(|error| database.engine.damaged(&error))?;
    let mut batch = database.batch(Table::History);
    batch.put(&keys::numbered(keys::RUN_FACT, run_number(&fact.run)), &record)?;
    batch.write()?;
    database.engine.sync()
}

/// The fact of a run.
pub(in crate::snapshot) fn fact<E: Engine>(database: &Database<E>, run: &str) -> Result<Option<RunFact>, StoreError> {
    numbered(database, run_number(run))
}

/// The fact of the run of this number.
pub(super) fn numbered<E: Engine>(database: &Database<E>, run: u64) -> Result<Option<RunFact>, StoreError> {
    let record = database.get(Table::History, &keys::numbered(keys::RUN_FACT, run))?;
    record.map(|record| unpack(&record)).transpose().map_err(|error| database.engine.damaged(&error))
}
