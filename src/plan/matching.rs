//! Matching: which account in the target is whose, before a plan is made.
//!
//! Accounts of the ledger are found by their recorded ids. Users without one are looked up in the target first: by
//! `externalId`, then by the configured attributes. The look-up is I/O and happens in [`crate::run`]; here are its
//! question and its answer. On the first day both are about everybody, so neither holds more of anybody than it must.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use rollcall_kit::{Address, DirectoryId};
use serde::{Deserialize, Serialize};

use super::packed::{Pack, Packed};
use crate::roster::Role;
use crate::roster::account::Attributes;

/// A user who should have an account and has none in the ledger.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Candidate {
    /// Who.
    pub user: DirectoryId,
    /// Their address.
    pub address: Address,
    /// Of the attributes that the account should get those that only one account may have: it is recognised by them.
    pub attributes: Attributes,
}

impl Pack for Candidate {}

/// Users to look up, in the order of their ids.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Candidates(Packed<Candidate>);

impl Candidates {
    /// Adds one more.
    pub fn push(&mut self, candidate: Candidate) {
        self.0.push(candidate);
    }

    /// How many they are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is nobody to look up.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Each of them.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Candidate> + Send + '_ {
        self.0.iter().map(Cow::into_owned)
    }

    /// The one with this id, if they are among them.
    #[must_use]
    pub fn find(&self, user: &DirectoryId) -> Option<Candidate> {
        let place = self.0.partition_point(|one| one.user < *user);
        (place < self.0.len()).then(|| self.0.at(place).into_owned()).filter(|one| one.user == *user)
    }
}

impl FromIterator<Candidate> for Candidates {
    fn from_iter<I: IntoIterator<Item = Candidate>>(candidates: I) -> Self {
        Self(candidates.into_iter().collect())
    }
}

/// An account, as the target shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TargetAccount {
    /// The target's id.
    pub target_id: String,
    /// The `externalId`, which holds the directory id on accounts of ours.
    pub external_id: Option<String>,
    /// The `userName`.
    pub user_name: String,
    /// Every address it shows.
    pub addresses: Vec<String>,
    /// Whether it is active; absent counts as active.
    pub active: bool,
    /// Its attributes, under our names.
    pub attributes: Attributes,
    /// The roles it shows, whoever gave them.
    pub roles: Vec<Role>,
}

/// What a look-up found for one candidate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Match {
    /// Nobody, reliably.
    None,
    /// One account, and by what it was recognised: `externalId`, `userName`, `emails.value`.
    One(Box<TargetAccount>, &'static str),
    /// Several accounts: their ids and user names.
    Many(Vec<(String, String)>),
    /// The target's answers cannot be relied on, for this reason.
    Unknown(String),
}

/// The answers, by user. A candidate who is missing here counts as [`Match::Unknown`].
///
/// Of users who have no account there, only 16 bytes of the hash of their id are kept: on the first day these are
/// everybody. A user who was not answered for would have to share the first half of a BLAKE3 hash with one who was to
/// be mistaken for them. Among a million ids the chance of that is one in 10²⁶, and who wanted to bring it about would
/// have to try 2⁶⁴ ids of their own choice, and gain no more than a second account for one of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Matches {
    /// Hashes of the ids of users who have no account there.
    nobody: Hashes,
    /// What was found for everybody else, [`Match::None`] never.
    others: BTreeMap<DirectoryId, Match>,
}

impl Matches {
    /// No answer yet.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Keeps an answer, in the place of an earlier one for the same user.
    pub fn insert(&mut self, user: DirectoryId, found: Match) {
        if found == Match::None {
            self.others.remove(&user);
            self.nobody.insert(hash(&user));
        } else {
            self.nobody.remove(&hash(&user));
            self.others.insert(user, found);
        }
    }

    /// What was answered for a user, if anything was.
    #[must_use]
    pub fn get(&self, user: &DirectoryId) -> Option<&Match> {
        static NOBODY: Match = Match::None;
        self.others.get(user).or_else(|| self.nobody.contains(&hash(user)).then_some(&NOBODY))
    }

    /// The accounts that were found, each the only one that matches its user.
    pub fn accounts(&self) -> impl Iterator<Item = &TargetAccount> {
        self.others.values().filter_map(|found| match found {
            Match::One(account, _) => Some(&**account),
            _ => None,
        })
    }

    /// For how many users there is an answer.
    #[must_use]
    pub fn len(&self) -> usize {
        self.nobody.len() + self.others.len()
    }

    /// Whether there is no answer.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Extend<(DirectoryId, Match)> for Matches {
    fn extend<I: IntoIterator<Item = (DirectoryId, Match)>>(&mut self, answers: I) {
        for (user, found) in answers {
            self.insert(user, found);
        }
        self.nobody.settle();
    }
}

/// A set of hashes. Many lie in one sorted row: a tree of a million would be looked through all over the memory for each.
#[derive(Clone, Debug, Default)]
struct Hashes {
    row: Vec<[u8; 16]>,
    /// Those that are in no row yet.
    fresh: BTreeSet<[u8; 16]>,
}

impl Hashes {
    /// So many, and so large a part of the row, are fresh at most.
    const FRESH: usize = 4_096;
    const PART: usize = 4;

    fn len(&self) -> usize {
        self.row.len() + self.fresh.len()
    }

    fn contains(&self, hash: &[u8; 16]) -> bool {
        self.row.binary_search(hash).is_ok() || self.fresh.contains(hash)
    }

    fn insert(&mut self, hash: [u8; 16]) {
        if self.row.binary_search(&hash).is_err() {
            self.fresh.insert(hash);
        }
        if self.fresh.len() > Self::FRESH.max(self.row.len() / Self::PART) {
            self.settle();
        }
    }

    fn remove(&mut self, hash: &[u8; 16]) {
        if let Ok(place) = self.row.binary_search(hash) {
            self.row.remove(place);
        }
        self.fresh.remove(hash);
    }

    /// Puts all into the row.
    fn settle(&mut self) {
        self.row.extend(std::mem::take(&mut self.fresh));
        self.row.sort();
    }
}

/// By what is in it, wherever it lies.
impl PartialEq for Hashes {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len() && self.row.iter().chain(&self.fresh).all(|hash| other.contains(hash))
    }
}

impl Eq for Hashes {}

impl FromIterator<(DirectoryId, Match)> for Matches {
    fn from_iter<I: IntoIterator<Item = (DirectoryId, Match)>>(answers: I) -> Self {
        let mut matches = Self::new();
        matches.extend(answers);
        matches
    }
}

fn hash(user: &DirectoryId) -> [u8; 16] {
    let mut hash = [0; 16];
    hash.copy_from_slice(&blake3::hash(user.as_str().as_bytes()).as_bytes()[..16]);
    hash
}

/// What the target answered for each group name: the id of the one group of exactly this name, or nothing. A name that
/// is missing here counts as unknown.
pub type GroupMatches = BTreeMap<String, Option<String>>;

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    fn answer() -> impl Strategy<Value = Match> {
        prop_oneof![
            3 => Just(Match::None),
            1 => Just(Match::Unknown("it returned everybody".to_owned())),
            1 => Just(Match::Many(vec![("t1".to_owned(), "a".to_owned()), ("t2".to_owned(), "b".to_owned())])),
        ]
    }

    proptest! {
        #[test]
        fn the_last_answer_for_somebody_counts_and_who_was_not_answered_for_is_not_there(
            answers in vec((0..20_u8, answer()), 0..40),
        ) {
            let id = |n: u8| DirectoryId::new(&format!("u{n}")).unwrap();
            let answers = answers.into_iter().map(|(n, found)| (id(n), found));
            let expected: BTreeMap<DirectoryId, Match> = answers.clone().collect();
            let matches: Matches = answers.collect();
            prop_assert_eq!((matches.len(), matches.is_empty()), (expected.len(), expected.is_empty()));
            for n in 0..20 {
                prop_assert_eq!(matches.get(&id(n)), expected.get(&id(n)));
            }
            prop_assert_eq!(matches, expected.into_iter().collect::<Matches>());
        }
    }
}
