//! Parting a plan in two: what goes now, and what waits.
//!
//! Unlike what is refused ([`Plan::without`]), what waits stays a plan of its own, to be approved or made again.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use rollcall_kit::DirectoryId;

use super::change::{Action, Change, ChangeId};
use super::changes::Changes;
use super::document::{Digest, Plan};
use super::estimate::{Costs, Estimating};
use super::refusals::Refusals;

impl Plan {
    /// Of the changes that may go, those that can: everything that they need goes, too.
    ///
    /// A grant also waits for the revocations of the same account. A person who moves from one group to another should
    /// not have the roles of both for as long as somebody thinks about the half of it that takes away.
    #[must_use]
    pub fn that_can_go(&self, may_go: impl Fn(&Change) -> bool) -> BTreeSet<ChangeId> {
        let first = self.closed(&may_go);
        let revokes = |change: &Change| matches!(change.action, Action::RevokeRole { .. });
        let waiting = self.changes.iter().filter(|change| revokes(change) && !first.contains(&change.id));
        let losers: BTreeSet<DirectoryId> = waiting.filter_map(|change| change.subject.user().cloned()).collect();
        let exchanges = |change: &Change| {
            matches!(change.action, Action::GrantRole { .. })
                && change.subject.user().is_some_and(|user| losers.contains(user))
        };
        self.closed(&|change: &Change| may_go(change) && !exchanges(change))
    }

    /// Those that may go and wait for nothing that does not. Predecessors come first in a plan, so one walk is enough.
    fn closed(&self, may_go: &impl Fn(&Change) -> bool) -> BTreeSet<ChangeId> {
        let mut goes = BTreeSet::new();
        for change in &self.changes {
            if may_go(&change) && change.after.iter().all(|before| goes.contains(before)) {
                goes.insert(change.id);
            }
        }
        goes
    }

    /// The plan of what goes, and that of what waits, each numbered and estimated anew. The first keeps refusals and
    /// notes; the second keeps only the notes that hold.
    #[must_use]
    pub fn parted(&self, goes: &BTreeSet<ChangeId>, costs: Costs) -> (Self, Self) {
        let now = self.changes.iter().filter(|change| goes.contains(&change.id)).map(Cow::into_owned);
        let later = self.changes.iter().filter(|change| !goes.contains(&change.id)).map(Cow::into_owned);
        let notes = self.notes.iter().filter(|note| note.holds).cloned().collect();
        let rest = Self { refusals: Refusals::default(), notes, ..self.clone_without_changes() };
        (self.clone_without_changes().with(now, costs), rest.with(later, costs))
    }

    fn clone_without_changes(&self) -> Self {
        Self {
            version: self.version,
            organization: self.organization.clone(),
            basis: self.basis.clone(),
            changes: Changes::default(),
            refusals: self.refusals.clone(),
            notes: self.notes.clone(),
            estimate: self.estimate,
            active_before: self.active_before,
            undoes: self.undoes.clone(),
            digest: Digest::default(),
        }
    }

    /// The plan with these of its changes, numbered and estimated anew.
    pub(super) fn with(mut self, changes: impl Iterator<Item = Change>, costs: Costs) -> Self {
        let mut numbers: BTreeMap<ChangeId, ChangeId> = BTreeMap::new();
        let mut estimate = Estimating::new(costs);
        let renumbered = (1..).zip(changes).map(|(id, mut change)| {
            numbers.insert(change.id, id);
            change.id = id;
            change.after = change.after.iter().filter_map(|before| numbers.get(before).copied()).collect();
            estimate.add(&change);
            change
        });
        self.changes = renumbered.collect();
        self.estimate = estimate.finish();
        self.digest = Digest::default();
        self
    }
}
