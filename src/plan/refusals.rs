//! What a plan refused, sorted.
//!
//! A wrong domain refuses everybody, so refusals are packed ([`super::packed`]) as changes are, and nobody holds all of
//! them at once. Most come in their order within a reason, because people are met in the order of their ids.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use serde::de::{SeqAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::packed::{Items, Pack, Packed, Taken};
use crate::roster::{Reason, Refusal};

impl Pack for Refusal {}

/// What a plan refused, by reason, and within a reason by user.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Refusals(Packed<Refusal>);

impl Refusals {
    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Each in its turn.
    #[must_use]
    pub fn iter(&self) -> Iter<'_> {
        Iter(self.0.iter())
    }

    /// The one at this place, counted from 0.
    #[must_use]
    pub fn get(&self, place: usize) -> Option<Cow<'_, Refusal>> {
        (place < self.len()).then(|| self.0.at(place))
    }

    /// Those of any order, each once.
    #[must_use]
    pub fn sorted(refusals: impl IntoIterator<Item = Refusal>) -> Self {
        Self::default().and(refusals)
    }

    /// These, and others.
    pub(super) fn and(self, others: impl IntoIterator<Item = Refusal>) -> Self {
        let mut pile = Pile::default();
        pile.extend(self);
        pile.extend(others);
        pile.sorted()
    }
}

/// Refusals in no order, on their way into a plan.
#[derive(Debug, Default)]
pub(super) struct Pile(BTreeMap<Reason, OfReason>);

/// Those of one reason.
#[derive(Debug, Default)]
struct OfReason {
    /// Those that came in their order.
    ordered: Packed<Refusal>,
    /// What came after one that should stand behind it.
    late: Vec<Refusal>,
}

impl Pile {
    pub(super) fn push(&mut self, refusal: Refusal) {
        let of = self.0.entry(refusal.reason).or_default();
        match of.ordered.last() {
            Some(last) if *last == refusal => {}
            Some(last) if *last > refusal => of.late.push(refusal),
            _ => of.ordered.push(refusal),
        }
    }

    /// All of them in their order, each once.
    pub(super) fn sorted(self) -> Refusals {
        self.0.into_values().flat_map(OfReason::sorted).collect()
    }
}

impl OfReason {
    fn sorted(mut self) -> impl Iterator<Item = Refusal> {
        self.late.sort();
        let (mut ordered, mut late) = (self.ordered.into_iter().peekable(), self.late.into_iter().peekable());
        let mut merged = std::iter::from_fn(move || match (ordered.peek(), late.peek()) {
            (Some(first), Some(other)) if other < first => late.next(),
            (Some(_), _) => ordered.next(),
            (None, _) => late.next(),
        })
        .peekable();
        std::iter::from_fn(move || {
            let next = merged.next()?;
            while merged.next_if_eq(&next).is_some() {}
            Some(next)
        })
    }
}

impl Extend<Refusal> for Pile {
    fn extend<I: IntoIterator<Item = Refusal>>(&mut self, refusals: I) {
        refusals.into_iter().for_each(|refusal| self.push(refusal));
    }
}

/// Refusals that are in their order already.
impl FromIterator<Refusal> for Refusals {
    fn from_iter<I: IntoIterator<Item = Refusal>>(refusals: I) -> Self {
        Self(refusals.into_iter().collect())
    }
}

/// Each refusal in its turn.
#[derive(Clone)]
pub struct Iter<'a>(Items<'a, Refusal>);

impl<'a> Iterator for Iter<'a> {
    type Item = Cow<'a, Refusal>;

    fn next(&mut self) -> Option<Self::Item> {
        self.0.next()
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.0.size_hint()
    }
}

impl ExactSizeIterator for Iter<'_> {}

impl<'a> IntoIterator for &'a Refusals {
    type Item = Cow<'a, Refusal>;
    type IntoIter = Iter<'a>;

    fn into_iter(self) -> Iter<'a> {
        self.iter()
    }
}

/// Takes the refusals out.
pub struct IntoIter(Taken<Refusal>);

impl Iterator for IntoIter {
    type Item = Refusal;

    fn next(&mut self) -> Option<Refusal> {
        self.0.next()
    }
}

impl IntoIterator for Refusals {
    type Item = Refusal;
    type IntoIter = IntoIter;

    fn into_iter(self) -> IntoIter {
        IntoIter(self.0.into_iter())
    }
}

impl fmt::Debug for Refusals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Serialize for Refusals {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}

impl<'de> Deserialize<'de> for Refusals {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Each;
        impl<'de> Visitor<'de> for Each {
            type Value = Refusals;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of refusals")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Refusals, A::Error> {
                let mut refusals = Packed::default();
                while let Some(refusal) = list.next_element()? {
                    refusals.push(refusal);
                }
                Ok(Refusals(refusals))
            }
        }
        deserializer.deserialize_seq(Each)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::plan::world::id;

    fn refusal(reason: Reason, user: usize) -> Refusal {
        let user = id(&format!("u{user:06}"));
        Refusal { reason, label: format!("{user}@acme.com"), user: Some(user), detail: "no".to_owned() }
    }

    #[test]
    fn many_refusals_come_out_sorted_and_each_once() {
        let straight = (0..5_000).map(|user| refusal(Reason::DomainNotOwned, user));
        let turned = (0..5_000).map(|user| refusal(Reason::EmailMissing, user * 7_919 % 4_001));
        let all: Vec<Refusal> = straight.chain(turned).collect();
        let mut pile = Pile::default();
        pile.extend(all.iter().cloned());
        pile.extend(all.iter().take(10).cloned());
        let sorted = pile.sorted();
        let expected: BTreeSet<Refusal> = all.into_iter().collect();
        assert!(sorted.iter().map(Cow::into_owned).eq(expected.iter().cloned()) && sorted.0.is_packed());
        let json = serde_json::to_value(&sorted).unwrap();
        assert_eq!(json, serde_json::to_value(&expected).unwrap());
        assert!(serde_json::from_value::<Refusals>(json).unwrap() == sorted);
        let more = refusal(Reason::DomainNotOwned, 70_000);
        let longer = sorted.clone().and([more.clone(), refusal(Reason::DomainNotOwned, 7)]);
        assert_eq!((longer.len(), sorted.len() + 1), (sorted.len() + 1, longer.len()));
        assert_eq!(longer.get(5_000).as_deref(), Some(&more), "behind all others of its reason");
    }
}
