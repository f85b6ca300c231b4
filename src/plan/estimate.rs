//! What an apply will cost: requests to the target, and seconds.

use std::collections::{BTreeMap, BTreeSet};

use rollcall_kit::DirectoryId;

use super::change::{Action, Change, GroupKey};
use super::document::Estimate;
use super::settings::{Pace, PlanSettings};

/// What writes cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Costs {
    /// How fast the target takes writes.
    pub pace: Pace,
    /// Whether roles are memberships.
    pub roles_are_groups: bool,
}

impl Costs {
    pub(super) fn new(settings: &PlanSettings) -> Self {
        Self { pace: settings.pace, roles_are_groups: settings.role_delivery_is_groups }
    }
}

/// Estimates the cost: a request a change, except that members travel together, and so do the roles of one account.
pub(super) fn of(changes: &[Change], costs: Costs) -> Estimate {
    let mut calls = 0_u64;
    let mut members: BTreeMap<GroupKey, u64> = BTreeMap::new();
    let mut granted: BTreeSet<&DirectoryId> = BTreeSet::new();
    let mut revoked: BTreeSet<&DirectoryId> = BTreeSet::new();
    for change in changes {
        match &change.action {
            Action::AddMember { group, .. } | Action::RemoveMember { group, .. } => {
                *members.entry(group.clone()).or_default() += 1;
            }
            Action::GrantRole { role } | Action::RevokeRole { role } if costs.roles_are_groups => {
                *members.entry(GroupKey::Role(role.clone())).or_default() += 1;
            }
            Action::GrantRole { .. } => granted.extend(change.subject.user()),
            Action::RevokeRole { .. } => revoked.extend(change.subject.user()),
            _ => calls += 1,
        }
    }
    let batch = u64::from(costs.pace.members_per_call.max(1));
    calls += members.values().map(|count| count.div_ceil(batch)).sum::<u64>();
    calls += (granted.len() + revoked.len()) as u64;
    let pace = u64::from(costs.pace.calls_per_minute.max(1));
    Estimate { calls, seconds: (calls * 60).div_ceil(pace) }
}
