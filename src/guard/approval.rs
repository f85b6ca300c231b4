//! Approved and held plans.
//!
//! A plan of which a part may go and the rest waits is a [`PartedPlan`] until it is parted.
//!
//! An [`ApprovedPlan`] cannot be made, copied or changed outside of this room, and applying one uses it up: whatever
//! is applied has passed the guard exactly once.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::decision::Decision;
use super::hold::Hold;
use crate::plan::{ChangeId, Plan};

/// A plan that may be applied: by the guard's own word, or because a person approved exactly it.
#[derive(Debug)]
pub struct ApprovedPlan {
    plan: Arc<Plan>,
    approval: Approval,
    rest: Option<Box<HeldPlan>>,
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
        /// How: at the prompt, with `--yes`, by its file, with `rollcall approve`.
        how: String,
        /// The decision about an earlier plan that asked for these changes, which this apply uses up.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        decision: Option<Box<Decision>>,
    },
}

impl Approval {
    /// The decision about an earlier plan, if it is one.
    #[must_use]
    pub fn decision(&self) -> Option<&Decision> {
        match self {
            Self::Person { decision, .. } => decision.as_deref(),
            Self::Guard => None,
        }
    }

    /// What an earlier decision allows.
    pub(super) fn by(decision: &Decision) -> Self {
        Self::Person {
            who: decision.who.clone(),
            how: decision.how.clone(),
            decision: Some(Box::new(decision.clone())),
        }
    }
}

impl ApprovedPlan {
    /// A plan that may go whole.
    pub(super) fn cleared(plan: Plan, approval: Approval) -> Self {
        Self { plan: Arc::new(plan), approval, rest: None }
    }

    /// What it was parted from, and waits.
    #[must_use]
    pub fn rest(&self) -> Option<&HeldPlan> {
        self.rest.as_deref()
    }

    /// The plan.
    #[must_use]
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// The plan, to be kept for longer without a copy.
    #[must_use]
    pub fn shared_plan(&self) -> Arc<Plan> {
        Arc::clone(&self.plan)
    }

    /// Who let it pass.
    #[must_use]
    pub fn approval(&self) -> &Approval {
        &self.approval
    }

    /// Takes it apart, which is the end of it as an approved plan.
    #[must_use]
    pub fn into_parts(self) -> (Arc<Plan>, Approval) {
        (self.plan, self.approval)
    }
}

/// A plan that waits for a person.
#[derive(Debug)]
pub struct HeldPlan {
    plan: Arc<Plan>,
    holds: Vec<Hold>,
}

impl HeldPlan {
    /// A plan that these hold.
    pub(super) fn new(plan: impl Into<Arc<Plan>>, holds: Vec<Hold>) -> Self {
        Self { plan: plan.into(), holds }
    }

    /// The plan.
    #[must_use]
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// The plan, to be kept for longer without a copy.
    #[must_use]
    pub fn shared_plan(&self) -> Arc<Plan> {
        Arc::clone(&self.plan)
    }

    /// Why it is held, most general first.
    #[must_use]
    pub fn holds(&self) -> &[Hold] {
        &self.holds
    }

    /// A person approves exactly this plan, once. No limit moves because of it.
    #[must_use]
    pub fn approve(self, who: impl Into<String>, how: impl Into<String>) -> ApprovedPlan {
        let approval = Approval::Person { who: who.into(), how: how.into(), decision: None };
        ApprovedPlan { plan: self.plan, approval, rest: None }
    }

    /// Whether somebody said no to what holds it.
    #[must_use]
    pub fn is_rejected(&self) -> bool {
        self.holds.iter().any(Hold::is_rejection)
    }
}

/// A plan of which a part may go while the rest waits for a person.
#[derive(Debug)]
pub struct PartedPlan {
    whole: Arc<Plan>,
    holds: Vec<Hold>,
    goes: BTreeSet<ChangeId>,
    now: ApprovedPlan,
}

impl PartedPlan {
    /// Parts a plan. `holds` are those of the whole, `rest` what is left of it and why that waits.
    pub(super) fn new(
        (whole, holds): (Plan, Vec<Hold>),
        goes: BTreeSet<ChangeId>,
        (now, approval): (Plan, Approval),
        rest: HeldPlan,
    ) -> Self {
        let now = ApprovedPlan { plan: Arc::new(now), approval, rest: Some(Box::new(rest)) };
        Self { whole: Arc::new(whole), holds, goes, now }
    }

    /// The whole plan.
    #[must_use]
    pub fn plan(&self) -> &Plan {
        &self.whole
    }

    /// The whole plan, to be kept for longer without a copy.
    #[must_use]
    pub fn shared_plan(&self) -> Arc<Plan> {
        Arc::clone(&self.whole)
    }

    /// Why the whole plan is held.
    #[must_use]
    pub fn holds(&self) -> &[Hold] {
        &self.holds
    }

    /// The changes of the whole plan that may go now.
    #[must_use]
    pub fn goes(&self) -> &BTreeSet<ChangeId> {
        &self.goes
    }

    /// Why the rest waits.
    #[must_use]
    pub fn holds_of_rest(&self) -> &[Hold] {
        self.now.rest().map(HeldPlan::holds).unwrap_or_default()
    }

    /// The part that may go now.
    #[must_use]
    pub fn part(&self) -> &ApprovedPlan {
        &self.now
    }

    /// The part that may go now. It knows what it was parted from.
    #[must_use]
    pub fn into_part(self) -> ApprovedPlan {
        self.now
    }

    /// The whole plan as one that waits, for a person who wants all of it or nothing.
    #[must_use]
    pub fn into_held(self) -> HeldPlan {
        HeldPlan { plan: self.whole, holds: self.holds }
    }
}
