//! Which change may be tried next.
//!
//! Changes start in the plan's order, as many at once as the target allows, and none before the changes that it names
//! as its predecessors. Besides, each account and each group is a lane: what concerns the same one happens one after
//! another. Members of one group, and roles of one account, share a write; such changes form a *bulk*, of which one
//! write is in flight at a time.

use std::collections::{BTreeMap, BTreeSet};

use rollcall_kit::DirectoryId;

use crate::plan::{Action, Change, Changes, GroupKey, Subject};
use crate::roster::Role;

/// The place of a change within the plan, counted from zero.
pub(super) type ChangeIndex = usize;

/// What shares a write.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Bulk {
    /// Members of this group.
    Members(GroupKey),
    /// Roles of this account.
    Roles(DirectoryId),
}

/// What happens one after another.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Lane {
    /// Everything about this account.
    Account(DirectoryId),
    /// Everything about this group.
    Group(GroupKey),
}

/// The lanes of a change, and whether it goes through them together with others of its bulk.
///
/// A role that is told as membership keeps its account for itself, because the account's record changes by it; a
/// membership that is no role may change beside others of the same account.
pub(super) fn lanes(change: &Change, roles_are_groups: bool) -> Vec<(Lane, bool)> {
    let user = match &change.subject {
        Subject::Account { user, .. } => Lane::Account(user.clone()),
        Subject::Group { key, .. } => return vec![(Lane::Group(key.clone()), false)],
    };
    let mut lanes = match bulk(change, roles_are_groups) {
        Some(Bulk::Members(GroupKey::Role(role))) => {
            vec![(user, false), (Lane::Group(GroupKey::Role(role)), true)]
        }
        Some(Bulk::Members(group)) => vec![(user, true), (Lane::Group(group), true)],
        Some(Bulk::Roles(_)) => vec![(user, true)],
        None => vec![(user, false)],
    };
    if let Action::Relink { from, .. } = &change.action {
        lanes.push((Lane::Account(from.clone()), false));
    }
    lanes
}

/// The bulk that a change belongs to.
pub(super) fn bulk(change: &Change, roles_are_groups: bool) -> Option<Bulk> {
    match &change.action {
        Action::GrantRole { role } | Action::RevokeRole { role } if roles_are_groups => {
            Some(Bulk::Members(GroupKey::Role(role.clone())))
        }
        Action::GrantRole { .. } | Action::RevokeRole { .. } => change.subject.user().cloned().map(Bulk::Roles),
        Action::AddMember { group, .. } | Action::RemoveMember { group, .. } => Some(Bulk::Members(group.clone())),
        _ => None,
    }
}

/// What a change of a bulk is about: whose, and which role or group. Two changes about the same thing are never in one
/// write.
type Item = (Option<DirectoryId>, Option<Role>, Option<GroupKey>);

fn item(change: &Change) -> Item {
    let user = change.subject.user().cloned();
    match &change.action {
        Action::GrantRole { role } | Action::RevokeRole { role } => (user, Some(role.clone()), None),
        Action::AddMember { group, .. } | Action::RemoveMember { group, .. } => (user, None, Some(group.clone())),
        _ => (user, None, None),
    }
}

/// One lane while the schedule is drawn up.
#[derive(Default)]
struct Traffic {
    /// The last change that had the lane for itself.
    alone: Option<ChangeIndex>,
    /// Changes since then that go side by side.
    together: Vec<ChangeIndex>,
    /// The last of them about each thing.
    about: BTreeMap<Item, ChangeIndex>,
}

/// A bulk while the plan is carried out.
struct Queue {
    ready: BTreeSet<ChangeIndex>,
    in_flight: bool,
}

/// The schedule of a plan.
pub(super) struct Schedule {
    /// How many changes each one still waits for.
    waiting: Vec<u32>,
    /// Who waits for each one.
    waiters: Vec<Vec<ChangeIndex>>,
    /// The bulk of each change.
    bulk_of: Vec<Option<usize>>,
    queues: Vec<Queue>,
    /// Changes that may be tried: those without a bulk, and the first of each bulk that has no write in flight.
    ready: BTreeSet<ChangeIndex>,
    /// How many changes may share a write with this one; lowered when a shared write was refused.
    share: Vec<usize>,
}

impl Schedule {
    /// Draws up the schedule of a plan.
    pub(super) fn new(changes: &Changes, roles_are_groups: bool) -> Self {
        let mut schedule = Self {
            waiting: vec![0; changes.len()],
            waiters: vec![Vec::new(); changes.len()],
            bulk_of: vec![None; changes.len()],
            queues: Vec::new(),
            ready: BTreeSet::new(),
            share: vec![usize::MAX; changes.len()],
        };
        let mut traffic: BTreeMap<Lane, Traffic> = BTreeMap::new();
        let mut bulks: BTreeMap<Bulk, usize> = BTreeMap::new();
        for (place, change) in changes.iter().enumerate() {
            let mut before: BTreeSet<ChangeIndex> = change.after.iter().filter_map(|id| changes.place(*id)).collect();
            for (lane, beside) in lanes(&change, roles_are_groups) {
                traffic.entry(lane).or_default().enter(place, beside, &change, &mut before);
            }
            before.retain(|earlier| *earlier < place);
            schedule.waiting[place] = u32::try_from(before.len()).unwrap_or(u32::MAX);
            for earlier in before {
                schedule.waiters[earlier].push(place);
            }
            schedule.bulk_of[place] = bulk(&change, roles_are_groups).map(|bulk| {
                *bulks.entry(bulk).or_insert_with(|| {
                    schedule.queues.push(Queue { ready: BTreeSet::new(), in_flight: false });
                    schedule.queues.len() - 1
                })
            });
        }
        for place in 0..changes.len() {
            if schedule.waiting[place] == 0 {
                schedule.release(place);
            }
        }
        schedule
    }

    /// Takes the changes of the next write: one, or as many of one bulk as may share a write.
    pub(super) fn next(&mut self, members_per_write: usize) -> Option<Vec<ChangeIndex>> {
        let first = self.ready.pop_first()?;
        let Some(bulk) = self.bulk_of[first] else {
            return Some(vec![first]);
        };
        let queue = &mut self.queues[bulk];
        queue.in_flight = true;
        let mut taken = Vec::new();
        let mut most = members_per_write.max(1);
        while let Some(&place) = queue.ready.first() {
            most = most.min(self.share[place]);
            if taken.len() >= most {
                break;
            }
            queue.ready.pop_first();
            taken.push(place);
        }
        Some(taken)
    }

    /// The change that the next write begins with.
    pub(super) fn peek(&self) -> Option<ChangeIndex> {
        self.ready.first().copied()
    }

    /// The changes that wait for this one and for nothing else.
    pub(super) fn waiting_for(&self, place: ChangeIndex) -> Vec<ChangeIndex> {
        self.waiters[place].iter().copied().filter(|waiter| self.waiting[*waiter] == 1).collect()
    }

    /// These changes, which wait for this one, are carried out together with it.
    pub(super) fn carry(&mut self, place: ChangeIndex, along: &[ChangeIndex]) {
        self.waiters[place].retain(|waiter| !along.contains(waiter));
    }

    /// They are not after all, and wait for it again.
    pub(super) fn leave_behind(&mut self, place: ChangeIndex, along: &[ChangeIndex]) {
        self.waiters[place].extend(along);
    }

    /// Whether a change shares its write with others of its bulk.
    pub(super) fn is_shared(&self, place: ChangeIndex) -> bool {
        self.bulk_of[place].is_some()
    }

    /// The write of these changes ended; they have their outcomes.
    pub(super) fn done(&mut self, places: &[ChangeIndex]) {
        self.leave(places);
        self.land(places);
    }

    /// These changes have their outcomes, and a write of their bulk is still in flight.
    pub(super) fn leave(&mut self, places: &[ChangeIndex]) {
        for &place in places {
            for waiter in std::mem::take(&mut self.waiters[place]) {
                self.waiting[waiter] -= 1;
                if self.waiting[waiter] == 0 {
                    self.release(waiter);
                }
            }
        }
    }

    /// The shared write of these changes was refused, and any of them may be to blame: they are tried again in halves.
    pub(super) fn split(&mut self, places: &[ChangeIndex]) {
        for &place in places {
            self.share[place] = places.len().div_ceil(2);
        }
        self.again(places);
    }

    /// These changes were taken and not carried out; they may be tried again.
    pub(super) fn again(&mut self, places: &[ChangeIndex]) {
        for &place in places {
            match self.bulk_of[place] {
                Some(bulk) => self.queues[bulk].ready.insert(place),
                None => self.ready.insert(place),
            };
        }
        self.land(places);
    }

    /// The write is not in flight any more, so the next of its bulk may go.
    fn land(&mut self, places: &[ChangeIndex]) {
        if let Some(bulk) = places.first().and_then(|place| self.bulk_of[*place]) {
            let queue = &mut self.queues[bulk];
            queue.in_flight = false;
            self.ready.extend(queue.ready.first());
        }
    }

    /// A change waits for nothing any more.
    fn release(&mut self, place: ChangeIndex) {
        let Some(bulk) = self.bulk_of[place] else {
            self.ready.insert(place);
            return;
        };
        let queue = &mut self.queues[bulk];
        let head = queue.ready.first().copied();
        queue.ready.insert(place);
        if !queue.in_flight && head.is_none_or(|head| place < head) {
            if let Some(head) = head {
                self.ready.remove(&head);
            }
            self.ready.insert(place);
        }
    }
}

impl Traffic {
    /// A change enters the lane; what it must wait for is added to `before`.
    fn enter(&mut self, place: ChangeIndex, beside: bool, change: &Change, before: &mut BTreeSet<ChangeIndex>) {
        before.extend(self.alone);
        if beside {
            before.extend(self.about.insert(item(change), place));
            self.together.push(place);
        } else {
            before.extend(self.together.drain(..));
            self.about.clear();
            self.alone = Some(place);
        }
    }
}
