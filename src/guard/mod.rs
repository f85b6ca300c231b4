//! The guard: what a plan must pass before it is applied without a person.
//!
//! Pure. It is the only maker of an [`ApprovedPlan`], and only an approved plan can be applied.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::plan::Plan;
use crate::roster::Role;

/// How much of one kind of change goes through without a person. Both bounds hold: a plan is held if it exceeds the
/// count, or if it exceeds the share and the share is more than a handful (see [`Limits::floor`]).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limit {
    /// At most so many.
    pub count: u64,
    /// At most so many per cent.
    pub percent: u8,
}

/// The limits of an organization. On by default.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Accounts deactivated.
    pub deactivations: Limit,
    /// Accounts deleted.
    pub deletions: Limit,
    /// Roles revoked.
    pub role_revocations: Limit,
    /// Members removed from groups.
    pub member_removals: Limit,
    /// Accounts of which attributes change.
    pub updates: Limit,
    /// Up to so many changes of a kind the share is not looked at, so that ten people are not held for one leaver.
    pub floor: u64,
}

impl Default for Limits {
    fn default() -> Self {
        let limit = |count, percent| Limit { count, percent };
        Self {
            deactivations: limit(50, 5),
            deletions: limit(10, 2),
            role_revocations: limit(100, 10),
            member_removals: limit(500, 10),
            updates: limit(1_000, 30),
            floor: 3,
        }
    }
}

/// Accounts that are never deactivated or deleted, and roles whose last holder never loses them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Protection {
    /// Addresses.
    pub addresses: Vec<String>,
    /// Directory ids.
    pub ids: Vec<String>,
    /// Roles; filled from the role rules that say `protected = true`.
    #[serde(skip)]
    pub roles: Vec<Role>,
}

/// What the guard must know besides the plan.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Occasion {
    /// Nothing was ever applied for this organization.
    pub first_plan: bool,
    /// The configuration waives the wait of the first plan, in so many words.
    pub first_plan_waived: bool,
    /// Scoping or mapping changed since the last applied plan.
    pub rules_changed: bool,
}

/// Why a plan is held.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "hold")]
pub enum Hold {
    /// It is the organization's first.
    FirstPlan,
    /// Scoping or mapping changed, and it takes something away.
    RulesChanged,
    /// It goes beyond a limit.
    OverLimit {
        /// Which limit: `deactivations`, …
        limit: String,
        /// How many changes of that kind there are.
        number: u64,
        /// Out of how many they are counted.
        of: u64,
        /// The limit's count.
        count: u64,
        /// The limit's share in per cent.
        percent: u8,
        /// The people, grouped by cause: "14 because group eng-all vanished".
        because: Vec<(u64, String)>,
    },
    /// A finding that holds, such as a mapped group that cannot be found.
    Finding {
        /// In a sentence.
        sentence: String,
    },
}

/// A plan that may be applied: by the guard's own word, or because a person approved exactly it.
#[derive(Debug)]
pub struct ApprovedPlan {
    plan: Plan,
    approval: Approval,
}

/// Who let a plan pass.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "by")]
pub enum Approval {
    /// The guard: nothing held it.
    Guard,
    /// A person.
    Person {
        /// The login name of who approved.
        who: String,
        /// How: at the prompt, with `--yes`, by its file.
        how: String,
    },
}

impl ApprovedPlan {
    /// The plan.
    #[must_use]
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Who let it pass.
    #[must_use]
    pub fn approval(&self) -> &Approval {
        &self.approval
    }
}
