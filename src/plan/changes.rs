//! The changes of a plan, in the order in which they are applied.
//!
//! A plan has a few of them, or a million on the first day. So they are packed ([`super::packed`]), and nobody holds all of
//! them at once: each is looked at in its turn.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use serde::de::{SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::change::{ActionKind, Change, ChangeId};
use super::kinds::Kinds;
use super::packed::{ITEMS, Items, Packed, Taken};

/// The changes of a plan, in their order.
#[derive(Clone, Default)]
pub struct Changes {
    all: Packed<Change>,
    /// The kinds in each block of so many.
    blocks: Vec<Kinds>,
    counts: BTreeMap<ActionKind, usize>,
    /// How many are there because the configuration was edited.
    of_rules: usize,
}

impl Changes {
    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.all.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    /// How many there are of each kind; kinds without any are absent.
    #[must_use]
    pub fn counts(&self) -> &BTreeMap<ActionKind, usize> {
        &self.counts
    }

    /// How many are there because the configuration was edited.
    #[must_use]
    pub fn of_rules(&self) -> usize {
        self.of_rules
    }

    /// Adds one behind all others.
    pub fn push(&mut self, change: Change) {
        let kind = change.action.kind();
        if self.len().is_multiple_of(ITEMS) {
            self.blocks.push(Kinds::default());
        }
        if let Some(block) = self.blocks.last_mut() {
            *block = block.and(Kinds::of(&[kind]));
        }
        *self.counts.entry(kind).or_default() += 1;
        self.of_rules += usize::from(change.is_of_rules());
        self.all.push(change);
    }

    /// Alters each in its turn. Their numbers stay.
    pub fn alter(&mut self, mut alter: impl FnMut(&mut Change)) {
        let altered = |mut change: Change| {
            alter(&mut change);
            change
        };
        *self = std::mem::take(self).into_iter().map(altered).collect();
    }

    /// Each in its turn.
    #[must_use]
    pub fn iter(&self) -> Iter<'_> {
        Iter(self.all.iter())
    }

    /// Those of these kinds, each in its turn.
    pub fn of_kinds(&self, kinds: Kinds) -> impl Iterator<Item = Cow<'_, Change>> {
        let some = self.all.iter_some(move |block| self.blocks[block].meets(kinds));
        some.filter(move |change| kinds.has(change.action.kind()))
    }

    /// The one at this place, counted from 0.
    #[must_use]
    pub fn get(&self, place: usize) -> Option<Cow<'_, Change>> {
        (place < self.len()).then(|| self.at(place))
    }

    /// The same of a place that is there. As of a slice, it must be.
    #[must_use]
    pub fn at(&self, place: usize) -> Cow<'_, Change> {
        self.all.at(place)
    }

    /// The place of the change with this number. Numbers grow from one change to the next.
    #[must_use]
    pub fn place(&self, id: ChangeId) -> Option<usize> {
        // Plans count from 1, so it is the first place that is looked at.
        let likely = usize::try_from(id).ok()?.checked_sub(1)?;
        if self.get(likely).is_some_and(|change| change.id == id) {
            return Some(likely);
        }
        let place = self.all.partition_point(|change| change.id < id);
        self.get(place).filter(|change| change.id == id).map(|_| place)
    }

    /// The change with this number.
    #[must_use]
    pub fn with_id(&self, id: ChangeId) -> Option<Cow<'_, Change>> {
        self.get(self.place(id)?)
    }
}

impl PartialEq for Changes {
    fn eq(&self, other: &Self) -> bool {
        self.all == other.all
    }
}

impl Eq for Changes {}

impl fmt::Debug for Changes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl FromIterator<Change> for Changes {
    fn from_iter<I: IntoIterator<Item = Change>>(changes: I) -> Self {
        let mut all = Self::default();
        all.extend(changes);
        all
    }
}

impl Extend<Change> for Changes {
    fn extend<I: IntoIterator<Item = Change>>(&mut self, changes: I) {
        changes.into_iter().for_each(|change| self.push(change));
    }
}

impl From<Vec<Change>> for Changes {
    fn from(changes: Vec<Change>) -> Self {
        changes.into_iter().collect()
    }
}

/// Walks over changes that stay where they are.
#[derive(Clone)]
pub struct Iter<'a>(Items<'a, Change>);

impl<'a> Iterator for Iter<'a> {
    type Item = Cow<'a, Change>;

    fn next(&mut self) -> Option<Self::Item> {
        self.0.next()
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.0.size_hint()
    }
}

impl ExactSizeIterator for Iter<'_> {}

impl<'a> IntoIterator for &'a Changes {
    type Item = Cow<'a, Change>;
    type IntoIter = Iter<'a>;

    fn into_iter(self) -> Iter<'a> {
        self.iter()
    }
}

/// Takes changes out, one after the other.
pub struct IntoIter(Taken<Change>);

impl Iterator for IntoIter {
    type Item = Change;

    fn next(&mut self) -> Option<Change> {
        self.0.next()
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.0.size_hint()
    }
}

impl IntoIterator for Changes {
    type Item = Change;
    type IntoIter = IntoIter;

    fn into_iter(self) -> IntoIter {
        IntoIter(self.all.into_iter())
    }
}

impl Serialize for Changes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}

impl<'de> Deserialize<'de> for Changes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(Reading)
    }
}

/// Takes changes up while they are read.
struct Reading;

impl<'de> Visitor<'de> for Reading {
    type Value = Changes;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of changes")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Changes, A::Error> {
        let mut changes = Changes::default();
        while let Some(change) = list.next_element()? {
            changes.push(change);
        }
        Ok(changes)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rollcall_kit::Value;

    use super::*;
    use crate::plan::change::{Action, AttributeChange, Cause, GroupKey, Subject};
    use crate::plan::scene::scene;
    use crate::plan::world::{id, role};

    fn actions() -> Vec<Action> {
        let key = || GroupKey::Directory(id("g1"));
        let before =
            |value: Option<Value>| AttributeChange { attribute: "name".to_owned(), before: None, after: value };
        let changes = || vec![before(Some("Jane".into())), before(None)];
        let (matched_by, group_name) = ("userName".to_owned(), "Finance".to_owned());
        vec![
            Action::Create { attributes: [("email".to_owned(), "jane@acme.com".into())].into() },
            Action::Adopt { matched_by, changes: changes(), activate: true },
            Action::Relink { from: id("u0"), changes: changes(), activate: false },
            Action::Update { changes: changes() },
            Action::Deactivate,
            Action::Reactivate { changes: Vec::new() },
            Action::Delete,
            Action::GrantRole { role: role("admin") },
            Action::RevokeRole { role: role("admin") },
            Action::CreateGroup,
            Action::AdoptGroup,
            Action::RenameGroup { from: group_name.clone() },
            Action::DeleteGroup,
            Action::AddMember { group: key(), group_name: group_name.clone() },
            Action::RemoveMember { group: GroupKey::Role(role("admin")), group_name },
        ]
    }

    /// Changes of every kind, so many times over.
    fn of_every_kind(times: u32) -> Vec<Change> {
        let all = (0..times).flat_map(|_| actions());
        let change = |(number, action): (ChangeId, Action)| {
            let (user, label) = (id(&format!("u{number}")), format!("p{number}@acme.com"));
            let subject = Subject::Account { user, target_id: Some(format!("t{number}")), label, name: None };
            let causes = vec![Cause::Joined, Cause::RoleLost { groups: vec!["Finance".to_owned()] }];
            Change {
                id: number,
                subject,
                action,
                causes,
                destructive: number.is_multiple_of(2),
                after: vec![number - 1],
            }
        };
        (1..).zip(all).map(change).collect()
    }

    fn values() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            any::<bool>().prop_map(Value::Bool),
            any::<i64>().prop_map(Value::Int),
            ".{0,8}".prop_map(Value::Text),
        ];
        leaf.prop_recursive(2, 8, 3, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..3).prop_map(Value::List),
                prop::collection::btree_map(".{0,3}", inner, 0..3).prop_map(Value::Map),
            ]
        })
    }

    #[test]
    fn a_long_plan_is_packed_and_reads_as_it_was_written() {
        let few = of_every_kind(300);
        let many: Changes = few.iter().cloned().collect();
        assert!(many.all.is_packed() && few.len() > 4_000, "{}", few.len());
        assert!(many.iter().map(Cow::into_owned).eq(few.iter().cloned()));
        let read: Changes = serde_json::from_str(&serde_json::to_string(&many).unwrap()).unwrap();
        assert!(read == many && serde_json::to_value(&many).unwrap() == serde_json::to_value(&few).unwrap());
        for place in [0, 1, 127, 128, 2_047, 2_048, few.len() - 1] {
            assert_eq!(many.place(few[place].id), Some(place));
            assert_eq!(*many.at(place), few[place]);
        }
        assert_eq!((many.with_id(0), many.with_id(few.len() as ChangeId + 1)), (None, None));
    }

    #[test]
    fn what_is_of_a_kind_is_found_and_counted_however_long_the_plan_is() {
        let few = of_every_kind(10);
        let long = few.iter().cloned().chain(few.iter().filter(|c| !c.destructive).cycle().take(9_000).cloned());
        for changes in [long.collect::<Vec<_>>(), few] {
            let all: Changes = changes.iter().cloned().collect();
            for kinds in [Kinds::EXITS, Kinds::TAKING, Kinds::of(&[ActionKind::Create]), Kinds::of(&ActionKind::ALL)] {
                let of = changes.iter().filter(|change| kinds.has(change.action.kind()));
                assert!(all.of_kinds(kinds).map(Cow::into_owned).eq(of.cloned()));
            }
            for (kind, count) in all.counts() {
                assert_eq!(changes.iter().filter(|change| change.action.kind() == *kind).count(), *count);
            }
        }
    }

    #[test]
    fn a_change_is_found_by_its_number_where_numbers_are_missing() {
        let some: Changes = of_every_kind(200).into_iter().filter(|change| !change.id.is_multiple_of(3)).collect();
        for (place, change) in some.iter().enumerate() {
            assert_eq!(some.place(change.id), Some(place));
        }
        assert_eq!(some.with_id(300), None);
    }

    #[test]
    fn altering_a_long_plan_alters_each_change_once() {
        let mut many: Changes = of_every_kind(200).into();
        let (before, mut altered) = (many.clone(), 0);
        many.alter(|change| {
            change.destructive = !change.destructive;
            altered += 1;
        });
        assert!(altered == before.len() && many.iter().zip(&before).all(|(a, b)| a.destructive != b.destructive));
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 64, max_global_rejects: 4_096, ..ProptestConfig::default() })]

        #[test]
        fn whatever_a_plan_can_do_can_be_packed((directory, world) in scene(), odd in values()) {
            let plan = world.plan(&directory).plan;
            prop_assume!(!plan.changes.is_empty());
            let all: Vec<Change> = plan.changes.into_iter().map(|mut change| {
                if let Action::Create { attributes } = &mut change.action {
                    attributes.insert("custom_attributes.odd".to_owned(), odd.clone());
                }
                change
            }).collect();
            let many: Changes = all.iter().cycle().take(2_200).cloned().collect();
            prop_assert!(many.all.is_packed());
            prop_assert!(many.iter().map(Cow::into_owned).eq(all.iter().cycle().take(2_200).cloned()));
        }
    }
}
