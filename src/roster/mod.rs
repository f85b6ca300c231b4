//! Who each directory user should be in the target.
//!
//! Pure: from directory users, groups and the compiled rules to one [`Judgement`] a user, with no clock, no network
//! and no randomness. An odd user is a finding, never a failed run: a judgement carries its refusals beside its
//! standing.
//!
//! [`Rules`] are compiled from the settings; [`GroupOutline`] and [`GroupIndex`] are made of the mirror's groups;
//! [`Roster`] puts both together with the contested addresses and judges one user at a time:
//!
//! ```text
//! settings ──▶ Rules ──────────────┐
//! groups ──▶ GroupOutline ──▶ GroupIndex ──▶ Roster ──▶ one Judgement a user
//! users ──▶ Claims ────────────────────────────┘
//! ```

pub mod account;
pub mod claims;
pub mod expression;
pub mod groups;
pub mod judge;
mod mapping;
pub mod refusal;
mod roles;
pub mod rules;
mod scope;
pub mod settings;
pub mod trace;

pub use account::{DesiredAccount, GrantCause, Judgement, Leaving, Role, Standing};
pub use groups::{Bindings, Finding, GroupIndex, GroupOutline};
pub use judge::Roster;
pub use refusal::{Reason, Refusal};
pub use rules::{RuleError, Rules};
pub use settings::{AttributeSettings, GroupRef, RoleMode, RoleRule, RosterSettings, ScopeSettings};
pub use trace::{Gate, Verdict};

#[cfg(test)]
mod properties;
#[cfg(test)]
mod samples;
