//! Drafts on their way into the canonical order: sorted in parts, and the parts merged.
//!
//! On the first day there is a draft or more for everybody, and most of them lie packed.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::change::{Action, ActionKind, GroupKey, Subject};
use super::draft::Draft;
use super::packed::{Packed, Taken};
use crate::roster::Role;

/// Drafts that are sorted at once.
const PART: usize = 16_384;

/// Drafts in no order.
#[derive(Debug, Default)]
pub(super) struct Pile {
    open: Vec<Draft>,
    /// Each of them sorted.
    parts: Vec<Packed<Draft>>,
}

/// The canonical order: phase, subject, then the role or group.
fn rank(draft: &Draft) -> (ActionKind, &Subject, Option<&Role>, Option<&GroupKey>) {
    let (role, group) = match &draft.action {
        Action::GrantRole { role } | Action::RevokeRole { role } => (Some(role), None),
        Action::AddMember { group, .. } | Action::RemoveMember { group, .. } => (None, Some(group)),
        _ => (None, None),
    };
    (draft.action.kind(), &draft.subject, role, group)
}

impl Pile {
    pub(super) fn push(&mut self, draft: Draft) {
        self.open.push(draft);
        if self.open.len() == PART {
            let part = self.sort();
            self.parts.push(part.into_iter().collect());
        }
    }

    fn sort(&mut self) -> Vec<Draft> {
        let mut part = std::mem::take(&mut self.open);
        part.sort_by(|a, b| rank(a).cmp(&rank(b)));
        part
    }

    /// All of them in the canonical order. Those of the same rank stay in the order in which they came.
    pub(super) fn sorted(mut self) -> Packed<Draft> {
        let last = self.sort();
        if self.parts.is_empty() {
            return last.into_iter().collect();
        }
        self.parts.push(last.into_iter().collect());
        Merged::new(self.parts).collect()
    }
}

impl Extend<Draft> for Pile {
    fn extend<I: IntoIterator<Item = Draft>>(&mut self, drafts: I) {
        drafts.into_iter().for_each(|draft| self.push(draft));
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

    #[test]
    fn many_drafts_come_out_as_few_would() {
        let draft = |number: usize| {
            let user = id(&format!("u{:06}", number * 7_919 % 50_021));
            let label = format!("{user}@acme.com");
            let action = if number.is_multiple_of(3) { Action::Deactivate } else { Action::Delete };
            Draft::new(Subject::Account { user, target_id: None, label, name: None }, action, Vec::new())
        };
        let mut expected: Vec<Draft> = (0..3 * PART + 5).map(draft).collect();
        let mut pile = Pile::default();
        pile.extend(expected.iter().cloned());
        expected.sort_by(|a, b| rank(a).cmp(&rank(b)));
        assert!(pile.parts.len() == 3 && pile.sorted().into_iter().eq(expected));
    }
}
