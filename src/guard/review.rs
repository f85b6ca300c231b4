//! The review: protection first, then everything that may hold a plan.
//!
//! Protection takes changes out; the limits are counted over what is left. A plan without changes is never held:
//! there is nothing that a person could approve, and what is wrong stands in its notes and refusals. Every other plan
//! is held by each finding that holds, also if the finding concerns none of its changes: a mapped group that cannot
//! be found means that the directory, or our right to read it, is not what it was.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::approval::{Approval, ApprovedPlan, HeldPlan, PartedPlan};
use super::counting;
use super::decision::Decision;
use super::decisions::Decisions;
use super::doubt;
use super::hold::Hold;
use super::limits::Limits;
use super::protection::{self, Protection};
use crate::plan::{ChangeId, Holdings, Kinds, Plan};
use crate::schedule::{Forbids, OpenWindow};

/// What a hold keeps back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum KeepsBack {
    /// The whole plan.
    #[default]
    Everything,
    /// What takes something from somebody, what goes beyond a limit, and what depends on these. The rest is applied.
    Removals,
}

/// What the guard must know besides the plan.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Occasion<'a> {
    /// Nothing was ever applied for this organization.
    pub first_plan: bool,
    /// The configuration waives the wait of the first plan, in so many words.
    pub first_plan_waived: bool,
    /// What a hold keeps back.
    pub keeps_back: KeepsBack,
    /// What people decided about earlier plans, as far as it still counts.
    pub decisions: Option<&'a Decisions>,
    /// The blackout that is open.
    pub blackout: Option<OpenWindow>,
    /// The moment as of which that is asked.
    pub as_of: Timestamp,
}

/// A plan after its review.
#[derive(Debug)]
pub enum Reviewed {
    /// Nothing holds it, or a person approved all of it before.
    Cleared(ApprovedPlan),
    /// A part of it goes, and the rest waits for a person.
    Parted(Box<PartedPlan>),
    /// It waits for a person.
    Held(HeldPlan),
}

impl Reviewed {
    /// The whole plan as protection left it.
    #[must_use]
    pub fn plan(&self) -> &Plan {
        match self {
            Self::Cleared(approved) => approved.plan(),
            Self::Parted(parted) => parted.plan(),
            Self::Held(held) => held.plan(),
        }
    }

    /// The same, to be kept for longer without a copy.
    #[must_use]
    pub fn shared_plan(&self) -> Arc<Plan> {
        match self {
            Self::Cleared(approved) => approved.shared_plan(),
            Self::Parted(parted) => parted.shared_plan(),
            Self::Held(held) => held.shared_plan(),
        }
    }

    /// Why it is held, whole or in part; empty if it is not.
    #[must_use]
    pub fn holds(&self) -> &[Hold] {
        match self {
            Self::Cleared(_) => &[],
            Self::Parted(parted) => parted.holds(),
            Self::Held(held) => held.holds(),
        }
    }

    /// Whether this change of the plan waits for a person.
    #[must_use]
    pub fn waits(&self, change: ChangeId) -> bool {
        match self {
            Self::Cleared(_) => false,
            Self::Parted(parted) => !parted.goes().contains(&change),
            Self::Held(_) => true,
        }
    }
}

/// Reviews a plan. `holdings` come from the planning of the same plan.
#[must_use]
pub fn review(
    plan: Plan,
    limits: &Limits,
    protection: &Protection,
    occasion: &Occasion<'_>,
    holdings: &Holdings,
) -> Reviewed {
    let plan = protection::spare(plan, protection, holdings);
    let verdict = judge(&plan, limits, occasion, holdings);
    if verdict.holds.is_empty() {
        return Reviewed::Cleared(ApprovedPlan::cleared(plan, Approval::Guard));
    }
    let approval = occasion.decisions.and_then(|decisions| decisions.approval_for(&plan, occasion.as_of));
    // An approval from before a blackout does not say that it should be broken. It counts when the blackout is over.
    let heeds = |decision: &Decision| occasion.blackout.is_none_or(|open| decision.at >= open.since);
    let approval = approval.filter(|ruling| !verdict.is_blacked_out() || heeds(&ruling.decision));
    if let Some(ruling) = approval {
        let goes = plan.that_can_go(|change| ruling.lets_pass(change));
        if goes.len() == plan.changes.len() {
            return Reviewed::Cleared(ApprovedPlan::cleared(plan, Approval::by(&ruling.decision)));
        }
        if !goes.is_empty() {
            let beyond = Hold::BeyondApproval { decision: ruling.decision.clone() };
            return part(
                plan,
                verdict.holds,
                goes,
                Approval::by(&ruling.decision),
                |rest| {
                    let mut holds = judge(rest, limits, occasion, holdings).holds;
                    holds.insert(0, beyond);
                    holds
                },
                holdings,
            );
        }
    }
    if occasion.keeps_back == KeepsBack::Removals || verdict.holds.iter().all(Hold::passes_by_itself) {
        let goes = plan.that_can_go(|change| !change.takes() && !verdict.concerns.contains(&change.id));
        if !goes.is_empty() {
            let rest_holds = verdict.holds.clone();
            return part(plan, verdict.holds, goes, Approval::Guard, |_| rest_holds, holdings);
        }
    }
    Reviewed::Held(HeldPlan::new(plan, verdict.holds))
}

fn part(
    plan: Plan,
    holds: Vec<Hold>,
    goes: BTreeSet<ChangeId>,
    approval: Approval,
    holds_of: impl FnOnce(&Plan) -> Vec<Hold>,
    holdings: &Holdings,
) -> Reviewed {
    let (now, rest) = plan.parted(&goes, holdings.costs);
    let holds_of_rest = holds_of(&rest);
    let rest = HeldPlan::new(rest, holds_of_rest);
    Reviewed::Parted(Box::new(PartedPlan::new((plan, holds), goes, (now, approval), rest)))
}

/// Why a plan is held, and which of its changes that is about.
struct Verdict {
    holds: Vec<Hold>,
    concerns: BTreeSet<ChangeId>,
}

impl Verdict {
    fn is_blacked_out(&self) -> bool {
        self.holds.iter().any(|hold| matches!(hold, Hold::Blackout { .. }))
    }
}

fn judge(plan: &Plan, limits: &Limits, occasion: &Occasion<'_>, holdings: &Holdings) -> Verdict {
    let mut verdict = Verdict { holds: Vec::new(), concerns: BTreeSet::new() };
    if plan.is_empty() {
        return verdict;
    }
    let mut hold = |hold: Hold, concerns: BTreeSet<ChangeId>| {
        verdict.holds.push(hold);
        verdict.concerns.extend(concerns);
    };
    let everything = || plan.changes.iter().map(|change| change.id).collect();
    let taking = || plan.changes.of_kinds(Kinds::TAKING).filter(|change| change.takes()).map(|c| c.id).collect();
    let waits_as_first = occasion.first_plan && !occasion.first_plan_waived;
    if waits_as_first {
        hold(Hold::FirstPlan, everything());
    }
    if let Some((found, concerns)) = counting::of_edited_rules(plan, holdings) {
        hold(found, concerns);
    }
    for (found, concerns) in counting::exceeded(plan, limits, holdings, waits_as_first) {
        hold(found, concerns);
    }
    for (found, concerns) in doubt::holds(plan) {
        hold(found, concerns);
    }
    for note in plan.notes.iter().filter(|note| note.holds) {
        hold(Hold::Finding { sentence: note.sentence.clone() }, taking());
    }
    if let Some(open) = occasion.blackout {
        let concerns: BTreeSet<ChangeId> = match open.forbids {
            Forbids::Removals => taking(),
            Forbids::Writes => everything(),
        };
        if !concerns.is_empty() {
            hold(Hold::Blackout { forbids: open.forbids, until: open.until }, concerns);
        }
    }
    if let Some(decision) = rejection(plan, &verdict, occasion) {
        verdict.holds.insert(0, Hold::Rejected { decision });
    }
    verdict
}

/// The rejection that speaks against a plan that is held. One that nothing holds any more, because a limit was raised
/// or a group was found again, is another matter than the one that was rejected.
fn rejection(plan: &Plan, verdict: &Verdict, occasion: &Occasion<'_>) -> Option<Decision> {
    let decisions = occasion.decisions.filter(|_| !verdict.holds.is_empty())?;
    decisions.against(plan, &verdict.concerns).cloned()
}
