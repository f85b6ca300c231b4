//! The guard: what a plan must pass before it is applied without a person.
//!
//! Pure. It is the only maker of an [`ApprovedPlan`], and only an approved plan can be applied. [`review()`] takes out
//! what [`protection`] forbids, then holds what goes beyond the [`limits`]; a held plan is approved as it stands, by a
//! person: at once, later from its [`mod@file`], or by a [`decision`](decisions) that clears exactly its changes in the next apply.

pub mod approval;
mod counting;
pub mod decision;
pub mod decisions;
mod doubt;
pub mod file;
pub mod hold;
pub mod limits;
pub mod protection;
pub mod review;
mod saying;

#[cfg(test)]
mod decision_properties;
#[cfg(test)]
mod foreign;
#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;

pub use approval::{Approval, ApprovedPlan, HeldPlan, PartedPlan};
pub use decision::{Decider, Decision, DecisionError, Verdict};
pub use decisions::{Decisions, Ruling, Waiting};
pub use file::{KeptPlanError, PlanFile, PlanFileError};
pub use hold::Hold;
pub use limits::{Limit, Limits};
pub use protection::{AccountMark, ProtectedBy, Protection, ProtectionSettings, is_exit};
pub use review::{KeepsBack, Occasion, Reviewed, review};
