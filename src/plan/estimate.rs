//! What an apply will cost: requests to the target, and seconds.
//!
//! Requests are counted as they will be sent: members travel together, so do the roles of one account, and a new account
//! brings its roles along where the target keeps them. What takes access away is read back.

use std::collections::{BTreeMap, BTreeSet};

use rollcall_kit::{DirectoryId, attribute};

use super::change::{Action, AttributeChange, Change, ChangeId, GroupKey};
use super::document::Estimate;
use super::settings::{Pace, PlanSettings};

/// Attributes that stand in a list of values: a change within a list takes a look at it first.
const LISTED: [&str; 3] = [attribute::EMAIL, attribute::PHONE_NUMBER, attribute::PICTURE];

/// What writes cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Costs {
    /// How fast the target takes writes, and what it answers to them.
    pub pace: Pace,
    /// Whether roles are memberships.
    pub roles_are_groups: bool,
}

impl Costs {
    pub(super) fn new(settings: &PlanSettings) -> Self {
        Self { pace: settings.pace, roles_are_groups: settings.role_delivery_is_groups }
    }

    /// Requests that it takes to change an account.
    fn update(self, changes: &[AttributeChange], always: bool) -> u64 {
        let mut real = changes.iter().filter(|change| change.before != change.after).peekable();
        if real.peek().is_none() && !always {
            return 0;
        }
        let look = real.any(|change| LISTED.contains(&change.attribute.as_str()));
        1 + u64::from(look) + self.read_back()
    }

    /// Requests that it takes to see what became of a change.
    fn read_back(self) -> u64 {
        u64::from(!self.pace.answers_patch)
    }
}

/// An estimate while the changes pass by, in their order.
#[derive(Default)]
pub(super) struct Estimating {
    costs: Costs,
    /// Requests of changes that share them with no other.
    alone: u64,
    /// Members that join and that leave, by group.
    members: BTreeMap<GroupKey, (u64, u64)>,
    /// Accounts whose list of roles is written, and whether something is taken from it.
    roles: BTreeMap<DirectoryId, bool>,
    /// Accounts that are created. They come before everything that needs them.
    created: BTreeSet<ChangeId>,
}

impl Estimating {
    pub(super) fn new(costs: Costs) -> Self {
        Self { costs, ..Self::default() }
    }

    /// The next change.
    pub(super) fn add(&mut self, change: &Change) {
        self.alone += self.count(change, self.costs);
    }

    /// What all of them cost.
    pub(super) fn finish(self) -> Estimate {
        let calls = self.alone + self.calls(self.costs);
        let pace = u64::from(self.costs.pace.calls_per_minute.max(1));
        Estimate { calls, seconds: (calls * 60).div_ceil(pace) }
    }

    /// The requests of a change that shares them with no other. The others are noted.
    fn count(&mut self, change: &Change, costs: Costs) -> u64 {
        match &change.action {
            Action::AddMember { group, .. } => self.members.entry(group.clone()).or_default().0 += 1,
            Action::RemoveMember { group, .. } => self.members.entry(group.clone()).or_default().1 += 1,
            Action::GrantRole { role } if costs.roles_are_groups => {
                self.members.entry(GroupKey::Role(role.clone())).or_default().0 += 1;
            }
            Action::RevokeRole { role } if costs.roles_are_groups => {
                self.members.entry(GroupKey::Role(role.clone())).or_default().1 += 1;
            }
            Action::GrantRole { .. } => {
                let is_created = |id: &ChangeId| self.created.contains(id);
                let comes_along =
                    costs.pace.roles_in_create && matches!(change.after.as_slice(), [one] if is_created(one));
                if let Some(user) = change.subject.user().filter(|_| !comes_along) {
                    self.roles.entry(user.clone()).or_default();
                }
            }
            Action::RevokeRole { .. } => drop(change.subject.user().map(|user| self.roles.insert(user.clone(), true))),
            Action::Update { changes } => return costs.update(changes, false),
            Action::Reactivate { changes } | Action::Adopt { changes, .. } | Action::Relink { changes, .. } => {
                return costs.update(changes, true);
            }
            // Whoever is put out is looked at afterwards.
            Action::Deactivate => return 2,
            Action::RenameGroup { .. } => return 1 + costs.read_back(),
            Action::AdoptGroup => {}
            Action::Create { .. } => {
                self.created.insert(change.id);
                return 1;
            }
            Action::Delete | Action::CreateGroup | Action::DeleteGroup => return 1,
        }
        0
    }

    fn calls(&self, costs: Costs) -> u64 {
        let batch = u64::from(costs.pace.members_per_call.max(1));
        // What joins and what leaves in one write are two requests.
        let of_group = |&(joins, leaves): &(u64, u64)| joins.div_ceil(batch) + leaves.div_ceil(batch);
        let members: u64 = self.members.values().map(of_group).sum();
        // The list is read, sent back, and read again if something was taken from it.
        let of_account = |&takes: &bool| 2 + if takes { 1 } else { costs.read_back() };
        members + self.roles.values().map(of_account).sum::<u64>()
    }
}
