//! What ties drafts to each other: milestones that one brings about and another needs, and values that one frees and
//! another takes.
//!
//! On the first day most drafts are tied to none or to one. So what is looked for is kept as hashes, and only that of which
//! there are two sides; no names of everybody are in memory. A hash has 16 bytes, and two things of a plan with the same one
//! would take more plans than anybody makes.

use std::collections::BTreeSet;

use super::draft::{Milestone, Unique};
use super::pile::{Sides, Sorted};

/// The place of a draft in the canonical order, counted from 0.
pub(super) type Place = u32;

/// The hash of a milestone or of a value.
type Key = [u8; 16];

/// Both sides of all ties, each sorted.
#[derive(Debug, Default)]
pub(super) struct Ties {
    drafts: usize,
    /// Who needs which milestone.
    needs: Vec<(Key, Place)>,
    /// Who brings about a milestone that somebody needs.
    provides: Vec<(Key, Place)>,
    /// Who takes a value that somebody frees.
    takes: Vec<(Key, Place)>,
    /// Who frees which value.
    frees: Vec<(Key, Place)>,
}

impl Ties {
    /// Two walks: who needs and frees what, and then who provides and takes that.
    pub(super) fn of(drafts: &Sorted) -> Self {
        let mut ties = Self { drafts: drafts.len(), ..Self::default() };
        for (place, draft) in drafts.with(|sides| sides.needs || sides.frees) {
            ties.needs.extend(draft.needs.iter().map(|need| (of_milestone(need), place)));
            ties.frees.extend(draft.frees.iter().map(|value| (of_value(value), place)));
        }
        ties.needs.sort_unstable();
        ties.frees.sort_unstable();
        let (some_need, some_free) = (!ties.needs.is_empty(), !ties.frees.is_empty());
        let is_tied = |sides: Sides| (sides.provides && some_need) || (sides.takes && some_free);
        for (place, draft) in drafts.with(is_tied) {
            let provided = draft.provides().filter(|_| some_need).map(|milestone| of_milestone(&milestone));
            ties.provides.extend(provided.filter(|key| has(&ties.needs, key)).map(|key| (key, place)));
            let taken = draft.takes.iter().filter(|_| some_free).map(of_value);
            ties.takes.extend(taken.filter(|key| has(&ties.frees, key)).map(|key| (key, place)));
        }
        ties.provides.sort_unstable();
        ties.takes.sort_unstable();
        ties
    }

    /// Drafts that need something which no draft brings about, or only one that needs such a thing itself; sorted.
    pub(super) fn without_what_they_need(&self) -> BTreeSet<Place> {
        let mut lost = BTreeSet::new();
        loop {
            let before = lost.len();
            for (key, place) in &self.needs {
                if !lost.contains(place) && places(&self.provides, key).all(|provider| lost.contains(&provider)) {
                    lost.insert(*place);
                }
            }
            if lost.len() == before {
                return lost;
            }
        }
    }

    /// For each draft, the drafts that must come before it.
    pub(super) fn predecessors(&self) -> Pairs {
        let needed =
            self.needs.iter().flat_map(|(key, place)| places(&self.provides, key).map(|earlier| (*place, earlier)));
        let taken =
            self.takes.iter().flat_map(|(key, place)| places(&self.frees, key).map(|earlier| (*place, earlier)));
        Pairs::new(self.drafts, needed.chain(taken).collect())
    }
}

fn of_milestone(milestone: &Milestone) -> Key {
    key(&postcard::to_stdvec(milestone).unwrap_or_default())
}

fn of_value((attribute, value): &Unique) -> Key {
    key(format!("{attribute}\0{value}").as_bytes())
}

fn key(bytes: &[u8]) -> Key {
    let mut key = [0; 16];
    key.copy_from_slice(&blake3::hash(bytes).as_bytes()[..16]);
    key
}

fn has(side: &[(Key, Place)], key: &Key) -> bool {
    places(side, key).next().is_some()
}

fn places(side: &[(Key, Place)], key: &Key) -> impl Iterator<Item = Place> {
    let from = side.partition_point(|(known, _)| known < key);
    side[from..].iter().take_while(move |(known, _)| known == key).map(|(_, place)| *place)
}

/// Which drafts each draft is paired with.
#[derive(Debug)]
pub(super) struct Pairs {
    /// Where those of each draft begin, and behind the last one where they end.
    begin: Vec<u32>,
    others: Vec<Place>,
}

impl Pairs {
    fn new(drafts: usize, mut pairs: Vec<(Place, Place)>) -> Self {
        pairs.sort_unstable();
        pairs.dedup();
        let mut begin = Vec::with_capacity(drafts + 1);
        begin.push(0);
        let mut others = Vec::with_capacity(pairs.len());
        for (place, other) in pairs {
            while begin.len() <= place as usize {
                begin.push(others.len() as u32);
            }
            others.push(other);
        }
        begin.resize(drafts + 1, others.len() as u32);
        Self { begin, others }
    }

    /// The places of all drafts.
    pub(super) fn places(&self) -> impl Iterator<Item = Place> + use<> {
        0..(self.begin.len() - 1) as Place
    }

    /// Those of this draft.
    pub(super) fn of(&self, place: Place) -> std::iter::Copied<std::slice::Iter<'_, Place>> {
        let (from, to) = (self.begin[place as usize], self.begin[place as usize + 1]);
        self.others[from as usize..to as usize].iter().copied()
    }

    /// The same from the other side.
    pub(super) fn turned(&self) -> Self {
        let turned = self.places().flat_map(|place| self.of(place).map(move |other| (other, place)));
        Self::new(self.begin.len() - 1, turned.collect())
    }
}
