//! Plans: the ordered list of changes that makes the target agree, with the cause of each.
//!
//! Pure. [`ledger`] says what we last wrote, [`matching`] what a look-up in the target found, [`change`] what a plan
//! is made of, [`document`] the plan itself.
//!
//! Two walks over the same sorted streams make a plan: [`survey`] finds what has to be asked of target and directory,
//! and [`diff`], once that is answered, what has to be done; `arrivals` decides who gets which account, `roles` and
//! `groups` what they hold, `order` puts it all in order. [`stale()`] compares a kept plan with a fresh one, [`Mark`] a
//! change with an approved one, and [`edited`] a plan with that of the rules before they were edited.
//!
//! [`compare()`] finds where the target is not as the ledger says ([`drift`]), and [`found`] keeps why, for the plans that
//! follow. [`undo()`] makes the inverse of what an earlier run did.

mod arrivals;
mod attributes;
mod carried;
pub mod change;
pub mod changes;
#[allow(dead_code, reason = "the plan's lists move into it one by one")]
mod compact;
pub mod compare;
pub mod diff;
pub mod document;
mod draft;
mod drafts;
pub mod drift;
mod due;
pub mod edited;
pub mod estimate;
pub mod found;
mod groups;
pub mod holdings;
pub mod kinds;
pub mod ledger;
mod mark;
pub mod matching;
mod merge;
mod order;
pub(crate) mod packed;
mod parting;
mod pile;
mod prune;
mod refusals;
mod roles;
pub mod settings;
pub mod stale;
pub mod survey;
mod ties;
pub mod undo;
mod wording;

#[cfg(test)]
mod hand_properties;
#[cfg(test)]
mod identity_properties;
#[cfg(test)]
mod properties;
#[cfg(test)]
pub(crate) mod scene;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod undo_properties;
#[cfg(test)]
pub(crate) mod world;

pub use carried::Carried;
pub use change::{Action, ActionKind, AttributeChange, Cause, Change, ChangeId, GroupKey, Origin, Subject};
pub use changes::Changes;
pub use compare::{Comparison, Sight, compare};
pub use diff::{Others, PlanInput, Planned, plan};
pub use document::{Basis, Estimate, Note, Plan, PlanId};
pub use drift::{Authority, ByHand, Drift, DriftPolicy, RoleSight};
pub use edited::Edited;
pub use estimate::Costs;
pub use found::Found;
pub use holdings::{Holdings, Totals};
pub use kinds::Kinds;
pub use ledger::{LedgerAccount, LedgerGroup};
pub use mark::{Mark, MarkError, Marks};
pub use matching::{Candidate, Candidates, GroupMatches, Match, Matches, TargetAccount};
pub use merge::Judged;
pub use refusals::Refusals;
pub use settings::{GoneGroups, Pace, PlanSettings, PushedGroup};
pub use stale::{StaleChange, stale};
pub use survey::{Survey, groups_to_find};
pub use undo::{UndoInput, undo};
