//! Plans: the ordered list of changes that makes the target agree, with the cause of each.
//!
//! Pure. [`ledger`] says what we last wrote, [`matching`] what a look-up in the target found, [`change`] what a plan
//! is made of, [`document`] the plan and the file that people keep.

pub mod change;
pub mod document;
pub mod ledger;
pub mod matching;

pub use change::{Action, AttributeChange, Cause, Change, ChangeId, GroupKey, Subject};
pub use document::{Basis, Estimate, Note, Plan, PlanId};
pub use ledger::{LedgerAccount, LedgerGroup, Origin};
pub use matching::{Candidate, Match, Matches, TargetAccount};
