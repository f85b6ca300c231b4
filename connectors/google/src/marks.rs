//! Marks: a few bytes that stand for a user as they were, or for an event that was heeded, kept from one read of changes to
//! the next.
//!
//! Google has no list of who changed. But each user bears an etag, which is another when anything about them is, and a
//! list of ids and etags costs a hundredth of the users themselves.

use std::collections::BTreeSet;

use base64::prelude::{BASE64_STANDARD_NO_PAD, Engine};
use serde::de::{Deserialize, Deserializer, Error as _};
use serde::{Serialize, Serializer};

/// More marks than this are not worth keeping: a full read costs little more than comparing them.
pub(crate) const MOST: usize = 300_000;

/// Marks, each of eight bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Marks(BTreeSet<u64>);

/// The mark of something that is told by these words.
fn mark(words: &[&str]) -> u64 {
    let mut hasher = blake3::Hasher::new();
    for word in words {
        hasher.update(&(word.len() as u64).to_le_bytes());
        hasher.update(word.as_bytes());
    }
    let hash = hasher.finalize();
    u64::from_le_bytes(std::array::from_fn(|place| hash.as_bytes()[place]))
}

impl Marks {
    /// Keeps a mark.
    pub(crate) fn keep(&mut self, words: &[&str]) {
        self.0.insert(mark(words));
    }

    /// Whether there is such a mark.
    pub(crate) fn hold(&self, words: &[&str]) -> bool {
        self.0.contains(&mark(words))
    }

    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        self.0.len()
    }
}

impl Serialize for Marks {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let bytes: Vec<u8> = self.0.iter().flat_map(|mark| mark.to_le_bytes()).collect();
        BASE64_STANDARD_NO_PAD.encode(bytes).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Marks {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let bytes = BASE64_STANDARD_NO_PAD.decode(String::deserialize(deserializer)?).map_err(D::Error::custom)?;
        let (marks, rest) = bytes.as_chunks::<8>();
        if !rest.is_empty() {
            return Err(D::Error::custom("half a mark"));
        }
        Ok(Self(marks.iter().map(|mark| u64::from_le_bytes(*mark)).collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_survive_being_kept_and_damaged_ones_are_none() {
        let mut marks = Marks::default();
        marks.keep(&["user", "1", "\"e1\""]);
        marks.keep(&["user", "2", "\"e1\""]);
        let text = serde_json::to_string(&marks).unwrap();
        let back: Marks = serde_json::from_str(&text).unwrap();
        assert_eq!((&back, back.count()), (&marks, 2));
        assert!(back.hold(&["user", "1", "\"e1\""]) && !back.hold(&["user", "1", "\"e2\""]));
        for damaged in [r#""AAAA""#, r#""?""#, "7"] {
            assert!(serde_json::from_str::<Marks>(damaged).is_err(), "{damaged}");
        }
    }

    #[test]
    fn words_do_not_run_together() {
        let mut marks = Marks::default();
        marks.keep(&["ab", "c"]);
        assert!(!marks.hold(&["a", "bc"]));
    }
}
