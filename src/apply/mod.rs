//! The executor: applies an approved plan to a target, exactly, with every write journalled.
//!
//! [`target`] says what the executor needs of a target, [`journal`] what it needs of a store. Both are traits, so that
//! the executor can be driven against simulated ones. `carrying_out` goes through the plan and keeps target and
//! journal at work at the same time; `progress` says how far it has come, `schedule` which change may be tried next,
//! `book` what writes it takes and what becomes true by them, `attempt` sends one write and finds out what became of it,
//! and `record` is what history keeps of a change, with its ids as `compact_id` packs them.
//! [`Recovery`] finishes what a crash left behind.

mod attempt;
mod book;
mod carrying_out;
pub(crate) mod compact_id;
pub mod executor;
pub mod journal;
mod progress;
pub mod record;
mod recover;
mod schedule;
pub mod target;
#[cfg(test)]
mod tests;

pub use executor::Executor;
pub use journal::{
    Intent, Journal, JournalError, JournalFailure, LedgerReader, MembersSettled, Outcome, Settlement, Skip, SkipCode,
};
pub use record::{ChangeRecord, ChangeSubject, Deed, RecordedChanges, RecordedOutcome, Topic};
pub use recover::{RecoverError, Recovered, Recovery};
pub use target::{Members, Probe, Target, TargetError, TargetReader, Texts, Write, WriteError, WriteFailure, Written};
