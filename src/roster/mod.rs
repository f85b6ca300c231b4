//! Who each directory user should be in the target.
//!
//! Pure: from directory users, groups and the compiled rules to one [`Judgement`] a user, with no clock, no network
//! and no randomness. An odd user is a finding, never a failed run: a judgement carries its refusals beside its
//! standing.

pub mod account;
pub mod refusal;
pub mod settings;

pub use account::{DesiredAccount, GrantCause, Judgement, Leaving, Role, Standing};
pub use refusal::{Reason, Refusal};
pub use settings::{AttributeSettings, GroupRef, RoleMode, RoleRule, RosterSettings, ScopeSettings};
