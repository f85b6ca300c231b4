//! History as a record of changes: what was done, to whom, why, by which run, on whose word.
//!
//! The record of a change lies with its person: one record for each person and run, so that one walk over a prefix yields
//! what was done to somebody, in order (`layout`). What is settled together is listed together in a *step* of its day,
//! which says what it is about; a key for each role and group of a step leads to it, so that an index costs a few bytes
//! a change. What many changes share, their run and on whose word it went, stands once in the run's *fact* (`fact`).
//!
//! A change is entered with the settlement of its write (`writing`). Its key is made of its person, its run and its
//! number, so what a crash makes settle twice is there once. Questions read only what they show (`reading`). What is
//! older than the bound goes in small pieces (`retention`).

mod fact;
mod layout;
mod reading;
mod retention;
mod writing;

pub use self::fact::{Decided, RunFact, Word};
pub(super) use self::fact::{fact, keep_fact};
pub use self::reading::PastChange;
pub(super) use self::reading::{about, of, on};
pub(super) use self::retention::forget_before;
pub(super) use self::writing::{StepNumbers, enter};
