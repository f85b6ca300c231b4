//! The first pass: which groups there are, what they are called, and which contain which.

use std::collections::BTreeSet;

use rollcall_kit::{DirectoryGroup, DirectoryId, Member};

use super::resolve::{Found, Resolution};
use super::{Bindings, GroupIndexBuilder};
use crate::roster::rules::Rules;
use crate::roster::settings::GroupRef;

/// Names and nesting of all groups, without their users.
#[derive(Clone, Debug, Default)]
pub struct GroupOutline {
    /// Sorted by id once [`GroupOutline::settle`] has run.
    groups: Vec<Outlined>,
    settled: bool,
}

#[derive(Clone, Debug)]
pub(super) struct Outlined {
    pub id: DirectoryId,
    pub name: String,
    nested: Vec<DirectoryId>,
}

impl GroupOutline {
    /// Takes note of one group. The same id twice is the same group read twice: the later one counts.
    pub fn add(&mut self, group: &DirectoryGroup) {
        let nested = group.members.iter().filter_map(|member| match member {
            Member::Group(id) => Some(id.clone()),
            Member::User(_) => None,
        });
        self.groups.push(Outlined { id: group.id.clone(), name: group.name.clone(), nested: nested.collect() });
        self.settled = false;
    }

    /// Sorts by id and keeps the last of each; a stable sort, so "last" is that of the stream.
    fn settle(&mut self) {
        if self.settled {
            return;
        }
        self.groups.sort_by(|a, b| a.id.cmp(&b.id));
        self.groups.dedup_by(|later, earlier| {
            let same = later.id == earlier.id;
            if same {
                std::mem::swap(later, earlier);
            }
            same
        });
        self.settled = true;
    }

    /// What the rules name and the directory did not send, with the id to look up. Without an id there is nothing to
    /// ask: a name that was never seen. Groups inside of mapped groups are asked for too.
    pub fn unresolved(&mut self, rules: &Rules, bindings: &Bindings) -> Vec<(GroupRef, Option<DirectoryId>)> {
        self.settle();
        let none_deleted = BTreeSet::new();
        let resolution = Resolution::new(rules, self, bindings, &none_deleted);
        let mut questions: BTreeSet<(GroupRef, Option<DirectoryId>)> = BTreeSet::new();
        for (group, found) in &resolution.found {
            if let Found::Missing { id } = found {
                questions.insert((group.clone(), id.clone()));
            }
        }
        let reached = self.reachable(resolution.targets_of(&rules.nested_groups()));
        for at in reached {
            for (id, place) in self.nested(at) {
                if place.is_none() {
                    questions.insert((GroupRef::Id(id.clone()), Some(id.clone())));
                }
            }
        }
        questions.into_iter().collect()
    }

    /// The second pass: feed it the same groups again. `confirmed_deleted` are the ids of
    /// [`GroupOutline::unresolved`] of which the directory, asked for them, says that there is no such group.
    #[must_use]
    pub fn index(
        mut self,
        rules: &Rules,
        bindings: &Bindings,
        confirmed_deleted: &BTreeSet<DirectoryId>,
    ) -> GroupIndexBuilder {
        self.settle();
        GroupIndexBuilder::new(rules, &self, bindings, confirmed_deleted)
    }

    pub(super) fn all(&self) -> &[Outlined] {
        &self.groups
    }

    pub(super) fn position(&self, id: &DirectoryId) -> Option<u32> {
        let at = self.groups.binary_search_by(|group| group.id.cmp(id)).ok()?;
        u32::try_from(at).ok()
    }

    pub(super) fn group(&self, at: u32) -> &Outlined {
        &self.groups[at as usize]
    }

    /// The groups directly inside of one, each with its place here, if it is here.
    pub(super) fn nested(&self, at: u32) -> impl Iterator<Item = (&DirectoryId, Option<u32>)> {
        self.group(at).nested.iter().map(|id| (id, self.position(id)))
    }

    /// The given groups and all groups inside of them, at any depth, each once: loops end.
    pub(super) fn reachable(&self, from: impl IntoIterator<Item = u32>) -> BTreeSet<u32> {
        let mut reached: BTreeSet<u32> = from.into_iter().collect();
        let mut open: Vec<u32> = reached.iter().copied().collect();
        while let Some(at) = open.pop() {
            open.extend(self.nested(at).filter_map(|(_, place)| place).filter(|place| reached.insert(*place)));
        }
        reached
    }
}
