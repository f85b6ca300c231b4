//! The changes of a plan, in the order in which they are applied.
//!
//! A plan has a few of them, or a million on the first day. So nobody holds all of them at once: each is looked at in its
//! turn.

use std::borrow::Cow;
use std::fmt;

use serde::de::{SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::change::{Change, ChangeId};

/// The changes of a plan, in their order.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Changes {
    few: Vec<Change>,
}

impl Changes {
    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.few.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Adds one behind all others.
    pub fn push(&mut self, change: Change) {
        self.few.push(change);
    }

    /// Alters each in its turn. Their numbers stay.
    pub fn alter(&mut self, alter: impl FnMut(&mut Change)) {
        self.few.iter_mut().for_each(alter);
    }

    /// Each in its turn.
    #[must_use]
    pub fn iter(&self) -> Iter<'_> {
        Iter { few: self.few.iter() }
    }

    /// The one at this place, counted from 0.
    #[must_use]
    pub fn get(&self, place: usize) -> Option<Cow<'_, Change>> {
        (place < self.len()).then(|| self.at(place))
    }

    /// The same of a place that is there. As of a slice, it must be.
    #[must_use]
    pub fn at(&self, place: usize) -> Cow<'_, Change> {
        Cow::Borrowed(&self.few[place])
    }

    /// The place of the change with this number. Numbers grow from one change to the next.
    #[must_use]
    pub fn place(&self, id: ChangeId) -> Option<usize> {
        self.few.binary_search_by_key(&id, |change| change.id).ok()
    }

    /// The change with this number.
    #[must_use]
    pub fn with_id(&self, id: ChangeId) -> Option<Cow<'_, Change>> {
        self.get(self.place(id)?)
    }
}

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
#[derive(Clone, Debug)]
pub struct Iter<'a> {
    few: std::slice::Iter<'a, Change>,
}

impl<'a> Iterator for Iter<'a> {
    type Item = Cow<'a, Change>;

    fn next(&mut self) -> Option<Self::Item> {
        self.few.next().map(Cow::Borrowed)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.few.size_hint()
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
#[derive(Debug)]
pub struct IntoIter {
    few: std::vec::IntoIter<Change>,
}

impl Iterator for IntoIter {
    type Item = Change;

    fn next(&mut self) -> Option<Change> {
        self.few.next()
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.few.size_hint()
    }
}

impl IntoIterator for Changes {
    type Item = Change;
    type IntoIter = IntoIter;

    fn into_iter(self) -> IntoIter {
        IntoIter { few: self.few.into_iter() }
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
