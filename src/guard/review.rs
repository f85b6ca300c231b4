//! The review: protection first, then everything that may hold a plan.
//!
//! Protection takes changes out; the limits are counted over what is left. A plan without changes is never held:
//! there is nothing that a person could approve, and what is wrong stands in its notes and refusals. Every other plan
//! is held by each finding that holds, also if the finding concerns none of its changes: a mapped group that cannot
//! be found means that the directory, or our right to read it, is not what it was.

use std::collections::BTreeMap;

use super::approval::{ApprovedPlan, HeldPlan};
use super::doubt;
use super::hold::Hold;
use super::limits::{Limit, Limits};
use super::protection::{self, Protection};
use crate::plan::{Action, Cause, Change, Holdings, Plan};
use crate::roster::Leaving;

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

/// A plan after its review.
#[derive(Debug)]
pub enum Reviewed {
    /// Nothing holds it.
    Cleared(ApprovedPlan),
    /// It waits for a person.
    Held(HeldPlan),
}

impl Reviewed {
    /// The plan as protection left it.
    #[must_use]
    pub fn plan(&self) -> &Plan {
        match self {
            Self::Cleared(approved) => approved.plan(),
            Self::Held(held) => held.plan(),
        }
    }

    /// Why it is held; empty if it is not.
    #[must_use]
    pub fn holds(&self) -> &[Hold] {
        match self {
            Self::Cleared(_) => &[],
            Self::Held(held) => held.holds(),
        }
    }
}

/// Reviews a plan. `holdings` come from the planning of the same plan.
#[must_use]
pub fn review(
    plan: Plan,
    limits: &Limits,
    protection: &Protection,
    occasion: &Occasion,
    holdings: &Holdings,
) -> Reviewed {
    let plan = protection::spare(plan, protection, holdings);
    let holds = holds(&plan, limits, occasion, holdings);
    if holds.is_empty() {
        Reviewed::Cleared(ApprovedPlan::cleared(plan))
    } else {
        Reviewed::Held(HeldPlan::new(plan, holds))
    }
}

fn holds(plan: &Plan, limits: &Limits, occasion: &Occasion, holdings: &Holdings) -> Vec<Hold> {
    if plan.is_empty() {
        return Vec::new();
    }
    let mut holds = Vec::new();
    if occasion.first_plan && !occasion.first_plan_waived {
        holds.push(Hold::FirstPlan);
    }
    // A relink takes an account from one id and gives it to another; behind another directory everybody is relinked.
    let takes = |change: &Change| change.destructive || matches!(change.action, Action::Relink { .. });
    if occasion.rules_changed && plan.changes.iter().any(takes) {
        holds.push(Hold::RulesChanged);
    }
    let counted: [(&str, Limit, u64, Count); 5] = [
        ("deactivations", limits.deactivations, holdings.active, deactivation),
        ("deletions", limits.deletions, holdings.accounts, deletion),
        ("role_revocations", limits.role_revocations, holdings.roles, revocation),
        ("member_removals", limits.member_removals, holdings.memberships, member_removal),
        ("updates", limits.updates, holdings.active, update),
    ];
    for (name, limit, of, count) in counted {
        let because = because(plan, holdings, count);
        let number = because.iter().map(|(number, _)| number).sum();
        if limit.is_exceeded(number, of, limits.floor) {
            let (count, percent) = (limit.count, limit.percent);
            holds.push(Hold::OverLimit { limit: name.to_owned(), number, of, count, percent, because });
        }
    }
    holds.extend(doubt::holds(plan));
    let findings = plan.notes.iter().filter(|note| note.holds);
    holds.extend(findings.map(|note| Hold::Finding { sentence: note.sentence.clone() }));
    holds
}

/// What a change counts for under one limit, and the words for its cause; nothing if it does not count.
type Count = fn(&Change, &Holdings) -> Option<(u64, String)>;

/// Counts a plan's changes under one limit, grouped by cause, the largest group first.
fn because(plan: &Plan, holdings: &Holdings, count: Count) -> Vec<(u64, String)> {
    let mut groups: BTreeMap<String, u64> = BTreeMap::new();
    for (number, words) in plan.changes.iter().filter_map(|change| count(change, holdings)) {
        *groups.entry(words).or_default() += number;
    }
    let mut groups: Vec<(u64, String)> = groups.into_iter().map(|(words, number)| (number, words)).collect();
    groups.sort_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
    groups
}

fn deactivation(change: &Change, _: &Holdings) -> Option<(u64, String)> {
    matches!(change.action, Action::Deactivate).then(|| (1, left(change)))
}

fn deletion(change: &Change, _: &Holdings) -> Option<(u64, String)> {
    let words = "they have been inactive for the configured number of days".to_owned();
    matches!(change.action, Action::Delete).then_some((1, words))
}

fn revocation(change: &Change, _: &Holdings) -> Option<(u64, String)> {
    let Action::RevokeRole { role } = &change.action else { return None };
    let groups = change.causes.iter().find_map(|cause| match cause {
        Cause::RoleLost { groups } if !groups.is_empty() => Some(groups.join(", ")),
        _ => None,
    });
    let through = groups.map(|groups| format!(" (rules name {groups})")).unwrap_or_default();
    Some((1, format!("no group gives them the role {role} any more{through}")))
}

/// A group that is deleted takes its members' membership with it.
fn member_removal(change: &Change, holdings: &Holdings) -> Option<(u64, String)> {
    match (&change.action, &change.subject) {
        (Action::RemoveMember { group_name, .. }, _) => Some((1, format!("they left the group {group_name}"))),
        (Action::DeleteGroup, crate::plan::Subject::Group { key, name, .. }) => {
            let members = holdings.members.get(key).copied().unwrap_or_default();
            (members > 0).then(|| (members, format!("the group {name} is not mirrored any more")))
        }
        _ => None,
    }
}

/// Accounts that were there already and of which attributes change: a mapping gone wrong shows here. Each relink
/// counts, because many at once mean another directory, or ids that are not immutable.
fn update(change: &Change, _: &Holdings) -> Option<(u64, String)> {
    if matches!(change.action, Action::Relink { .. }) {
        return Some((1, "their accounts pass to other directory ids with the same addresses".to_owned()));
    }
    let (Action::Update { changes } | Action::Adopt { changes, .. } | Action::Reactivate { changes }) = &change.action
    else {
        return None;
    };
    let names: Vec<&str> =
        changes.iter().filter(|change| change.is_real()).map(|change| change.attribute.as_str()).collect();
    (!names.is_empty()).then(|| (1, format!("{} changed", names.join(", "))))
}

/// Why people leave, in words that are the same for all who leave for the same reason.
fn left(change: &Change) -> String {
    let leaving = change.causes.iter().find_map(|cause| match cause {
        Cause::Left { leaving } => Some(leaving),
        _ => None,
    });
    match leaving {
        None if change.causes.iter().any(|cause| matches!(cause, Cause::Undone { .. })) => {
            "the run that is taken back created or activated them".to_owned()
        }
        None => "they should have no account".to_owned(),
        Some(Leaving::Inactive { reason, .. }) => format!("they are {reason} in the directory"),
        Some(Leaving::DomainNotOwned { domain }) => format!("{domain} is not one of the organization's domains"),
        Some(Leaving::NotAssigned) => "they are not assigned to the application".to_owned(),
        Some(Leaving::NotInGroups) => "they are in none of the groups that the scope names".to_owned(),
        Some(Leaving::OutsidePlaces { .. }) => "they stand outside of the places that the scope names".to_owned(),
        Some(Leaving::WhenFalse { expression }) => format!("the scope's expression is false for them: {expression}"),
        Some(Leaving::Vanished) => "they are gone from the directory, confirmed by a look-up of each".to_owned(),
        Some(Leaving::Unproved { doubt }) => format!("they are not found in the directory any more, but {doubt}"),
        Some(Leaving::OutOfReach { detail }) => format!("the directory holds them out of reach: {detail}"),
    }
}
