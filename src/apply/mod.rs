//! The executor: applies an approved plan to a target, exactly, with every write journalled.
//!
//! [`target`] says what the executor needs of a target, [`journal`] what it needs of a store. Both are traits, so that
//! the executor can be driven against simulated ones.

pub mod journal;
pub mod target;

pub use journal::{Intent, Journal, JournalError, MembersSettled, Outcome, Settlement};
pub use target::{Probe, Target, TargetError, TargetReader, Write, WriteError, WriteFailure, Written};
