//! Drafts on their way into the canonical order: those of each kind by themselves, and in each kind by subject.
//!
//! On the first day there is a draft or more for everybody, so they lie packed. Most come in their order, because people
//! are met in the order of their ids; the others are sorted in parts, and the parts merged.

use std::borrow::Cow;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

use super::change::{Action, ActionKind, GroupKey, Subject};
use super::draft::Draft;
use super::packed::{Packed, Taken};
use crate::roster::Role;

/// Drafts that are sorted at once.
const PART: usize = 16_384;

/// Drafts in no order.
#[derive(Debug, Default)]
pub(super) struct Pile {
    kinds: BTreeMap<ActionKind, OfKind>,
}

/// Those of one kind.
#[derive(Debug, Default)]
struct OfKind {
    /// Those that came in their order.
    ordered: Packed<Draft>,
    /// What came after one that should stand behind it.
    late: Vec<Draft>,
    /// The same, sorted in parts.
    parts: Vec<Packed<Draft>>,
    sides: Sides,
}

/// Which sides of ties the drafts of a list have, so that nobody looks for others.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Sides {
    pub(super) needs: bool,
    pub(super) provides: bool,
    pub(super) takes: bool,
    pub(super) frees: bool,
}

impl Sides {
    fn see(&mut self, draft: &Draft) {
        self.needs |= !draft.needs.is_empty();
        self.provides |= draft.provides().is_some();
        self.takes |= !draft.takes.is_empty();
        self.frees |= !draft.frees.is_empty();
    }
}

/// The order within a kind: by subject, then by role or group.
fn rank(draft: &Draft) -> (&Subject, Option<&Role>, Option<&GroupKey>) {
    let (role, group) = match &draft.action {
        Action::GrantRole { role } | Action::RevokeRole { role } => (Some(role), None),
        Action::AddMember { group, .. } | Action::RemoveMember { group, .. } => (None, Some(group)),
        _ => (None, None),
    };
    (&draft.subject, role, group)
}

impl OfKind {
    fn push(&mut self, draft: Draft) {
        self.sides.see(&draft);
        let is_late = !self.late.is_empty() || !self.parts.is_empty();
        if !is_late && self.ordered.last().is_none_or(|last| rank(last) <= rank(&draft)) {
            return self.ordered.push(draft);
        }
        self.late.push(draft);
        if self.late.len() == PART {
            self.sort();
        }
    }

    fn sort(&mut self) {
        let mut part = std::mem::take(&mut self.late);
        part.sort_by(|a, b| rank(a).cmp(&rank(b)));
        self.parts.push(part.into_iter().collect());
    }

    fn sorted(mut self) -> Packed<Draft> {
        if !self.late.is_empty() {
            self.sort();
        }
        if self.parts.is_empty() {
            return self.ordered;
        }
        let parts = std::iter::once(self.ordered).chain(self.parts);
        Merged::new(parts.collect()).collect()
    }
}

impl Pile {
    pub(super) fn push(&mut self, draft: Draft) {
        self.kinds.entry(draft.action.kind()).or_default().push(draft);
    }

    /// All of them in the canonical order. Those of the same rank stay in the order in which they came.
    pub(super) fn sorted(self) -> Sorted {
        Sorted { lists: self.kinds.into_values().map(|kind| (kind.sides, kind.sorted())).collect() }
    }
}

impl Extend<Draft> for Pile {
    fn extend<I: IntoIterator<Item = Draft>>(&mut self, drafts: I) {
        drafts.into_iter().for_each(|draft| self.push(draft));
    }
}

/// Drafts in the canonical order, in some lists one behind the other.
#[derive(Debug, Default)]
pub(super) struct Sorted {
    lists: Vec<(Sides, Packed<Draft>)>,
}

impl Sorted {
    pub(super) fn len(&self) -> usize {
        self.lists.iter().map(|(_, list)| list.len()).sum()
    }

    /// The draft at this place, counted from 0.
    pub(super) fn at(&self, place: usize) -> Option<Cow<'_, Draft>> {
        let mut behind = place;
        for (_, list) in &self.lists {
            match behind.checked_sub(list.len()) {
                None => return Some(list.at(behind)),
                Some(further) => behind = further,
            }
        }
        None
    }

    /// Those of the lists with these sides, with their places.
    pub(super) fn with(&self, is_wanted: impl Fn(Sides) -> bool) -> impl Iterator<Item = (u32, Cow<'_, Draft>)> {
        let mut behind = 0;
        let placed = self.lists.iter().map(move |(sides, list)| {
            let begin = behind;
            behind += list.len() as u32;
            (begin, *sides, list)
        });
        placed.filter(move |(_, sides, _)| is_wanted(*sides)).flat_map(|(begin, _, list)| (begin..).zip(list))
    }
}

impl IntoIterator for Sorted {
    type Item = Draft;
    type IntoIter = std::iter::Flatten<std::vec::IntoIter<Packed<Draft>>>;

    fn into_iter(self) -> Self::IntoIter {
        let lists: Vec<Packed<Draft>> = self.lists.into_iter().map(|(_, list)| list).collect();
        lists.into_iter().flatten()
    }
}

/// Drafts that are in the canonical order already.
impl FromIterator<Draft> for Sorted {
    fn from_iter<I: IntoIterator<Item = Draft>>(drafts: I) -> Self {
        let mut sides = Sides::default();
        let list = drafts.into_iter().inspect(|draft| sides.see(draft)).collect();
        Self { lists: vec![(sides, list)] }
    }
}

/// The first draft that is left of a part.
struct First {
    draft: Draft,
    part: usize,
}

impl Ord for First {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        rank(&self.draft).cmp(&rank(&other.draft)).then(self.part.cmp(&other.part))
    }
}

impl PartialOrd for First {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for First {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for First {}

/// Several sorted parts as one.
struct Merged {
    parts: Vec<Taken<Draft>>,
    firsts: BinaryHeap<Reverse<First>>,
}

impl Merged {
    fn new(parts: Vec<Packed<Draft>>) -> Self {
        let mut merged =
            Self { parts: parts.into_iter().map(IntoIterator::into_iter).collect(), firsts: BinaryHeap::new() };
        (0..merged.parts.len()).for_each(|part| merged.advance(part));
        merged
    }

    fn advance(&mut self, part: usize) {
        self.firsts.extend(self.parts[part].next().map(|draft| Reverse(First { draft, part })));
    }
}

impl Iterator for Merged {
    type Item = Draft;

    fn next(&mut self) -> Option<Draft> {
        let Reverse(First { draft, part }) = self.firsts.pop()?;
        self.advance(part);
        Some(draft)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::world::id;

    fn draft(number: usize, action: Action) -> Draft {
        let user = id(&format!("u{number:06}"));
        let label = format!("{user}@acme.com");
        Draft::new(Subject::Account { user, target_id: None, label, name: None }, action, Vec::new())
    }

    #[test]
    fn many_drafts_come_out_as_few_would() {
        let turned = |number: usize| {
            draft(number * 7_919 % 50_021, if number.is_multiple_of(3) { Action::Deactivate } else { Action::Delete })
        };
        let straight = |number: usize| draft(number, Action::Deactivate);
        let mut expected: Vec<Draft> = (0..5_000).map(straight).chain((0..3 * PART + 5).map(turned)).collect();
        let mut pile = Pile::default();
        pile.extend(expected.iter().cloned());
        assert!(pile.kinds.values().all(|kind| !kind.parts.is_empty()));
        assert!(pile.kinds[&ActionKind::Deactivate].ordered.len() >= 5_000);
        expected.sort_by(|a, b| (a.action.kind(), rank(a)).cmp(&(b.action.kind(), rank(b))));
        let sorted = pile.sorted();
        assert_eq!(sorted.len(), expected.len());
        for (place, draft) in sorted.with(|_| true).step_by(997) {
            assert!(sorted.at(place as usize).as_ref() == Some(&draft) && *draft == expected[place as usize]);
        }
        assert!(sorted.at(expected.len()).is_none() && sorted.into_iter().eq(expected));
    }
}
