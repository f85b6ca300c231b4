//! Reading what changed since a full read, for directories that can tell.
//!
//! Changes make runs quick; they prove nothing about absence. Streams of changes lag, and miss what they were not made
//! to tell, so whoever is not among the changes is as they were last read, and only a full read with a certificate finds
//! out who is missing. A place in the stream is asked for *before* the full read that it belongs to: what changes while
//! that read goes on is then told twice and never lost.

use serde::{Deserialize, Serialize};

use crate::Collection;

/// A place in a directory's stream of changes. Opaque to everybody but the connector that made it, which checks it when
/// it comes back: it was kept in a file meanwhile.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Cursor(String);

impl Cursor {
    /// Wraps a connector's own words for the place.
    #[must_use]
    pub fn new(words: String) -> Self {
        Self(words)
    }

    /// The connector's own words.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What a read of changes ended in. Made only when every list of it ended as its protocol says that a list ends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Changes {
    /// Where the next read of changes begins. Kept only together with what was read.
    pub cursor: Cursor,
    /// What was asked, and how much came.
    pub collections: Vec<Collection>,
}
