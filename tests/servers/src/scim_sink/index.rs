//! Finding records by a text without keeping the text: ordered pairs of its hash and the record's number.
//!
//! Two texts may have one hash, so whoever finds a number looks at the record itself.

use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

/// One index: 12 bytes a record, and what the tree takes.
#[derive(Debug, Default)]
pub(super) struct Index(BTreeSet<(u64, u32)>);

impl Index {
    /// Enters a record under a text.
    pub(super) fn insert(&mut self, text: &str, number: u32) {
        self.0.insert((hash(text), number));
    }

    /// Takes a record out from under a text.
    pub(super) fn remove(&mut self, text: &str, number: u32) {
        self.0.remove(&(hash(text), number));
    }

    /// The records that may stand under a text, in the order of their numbers.
    pub(super) fn candidates(&self, text: &str) -> impl Iterator<Item = u32> {
        let hash = hash(text);
        self.0.range((hash, 0)..=(hash, u32::MAX)).map(|(_, number)| *number)
    }
}

fn hash(text: &str) -> u64 {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    hasher.finish()
}
