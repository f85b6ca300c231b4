//! Approved and held plans.
//!
//! An [`ApprovedPlan`] cannot be made, copied or changed outside of this room, and applying one uses it up: whatever
//! is applied has passed the guard exactly once.

use serde::{Deserialize, Serialize};

use super::hold::Hold;
use crate::plan::Plan;

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
    /// A plan that nothing holds.
    pub(super) fn cleared(plan: Plan) -> Self {
        Self { plan, approval: Approval::Guard }
    }

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

    /// Takes it apart, which is the end of it as an approved plan.
    #[must_use]
    pub fn into_parts(self) -> (Plan, Approval) {
        (self.plan, self.approval)
    }
}

/// A plan that waits for a person.
#[derive(Debug)]
pub struct HeldPlan {
    plan: Plan,
    holds: Vec<Hold>,
}

impl HeldPlan {
    /// A plan that these hold.
    pub(super) fn new(plan: Plan, holds: Vec<Hold>) -> Self {
        Self { plan, holds }
    }

    /// The plan.
    #[must_use]
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// Why it is held, most general first.
    #[must_use]
    pub fn holds(&self) -> &[Hold] {
        &self.holds
    }

    /// A person approves exactly this plan, once. No limit moves because of it.
    #[must_use]
    pub fn approve(self, who: impl Into<String>, how: impl Into<String>) -> ApprovedPlan {
        let approval = Approval::Person { who: who.into(), how: how.into() };
        ApprovedPlan { plan: self.plan, approval }
    }
}
