//! Marks: what makes two changes of two plans the same change.
//!
//! An approval outlives the plan that was looked at: the directory is read again, and a fresh plan is made. A change
//! of it is one that was approved if it does the same to the same account or group, with the same values before and
//! after. Numbers, causes and what somebody is called are not part of it.

use std::fmt;

use rollcall_kit::DirectoryId;
use serde::{Deserialize, Serialize};

use super::change::{Action, Cause, Change, Subject};
use crate::roster::Leaving;

/// The first 8 bytes of the BLAKE3 hash of what a change does, and to which user or group; written as 16 hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Mark(u64);

impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl From<Mark> for String {
    fn from(mark: Mark) -> Self {
        mark.to_string()
    }
}

impl TryFrom<String> for Mark {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let digits = (text.len() == 16).then(|| u64::from_str_radix(&text, 16).ok()).flatten();
        digits.map(Self).ok_or_else(|| format!("{text} is no mark of a change"))
    }
}

/// What a mark covers.
#[derive(Serialize)]
struct Marked<'a> {
    user: Option<&'a str>,
    /// Which group, and its name from now on: a group is called what its subject says.
    group: Option<(&'a super::GroupKey, &'a str)>,
    target_id: Option<&'a str>,
    action: &'a Action,
    /// Whether it is in doubt that he is gone. Who is approved to go because he is gone is not approved to go because
    /// he may only be hidden.
    doubted: bool,
}

impl Change {
    /// Its mark.
    #[must_use]
    pub fn mark(&self) -> Mark {
        self.marked(self.is_doubted())
    }

    /// Whether it puts somebody out of whom it is in doubt whether he is gone.
    #[must_use]
    pub fn is_doubted(&self) -> bool {
        self.causes.iter().any(|cause| matches!(cause, Cause::Left { leaving: Leaving::Unproved { .. } }))
    }

    /// The mark that it has, or would have, with and without that doubt.
    #[must_use]
    pub fn marked(&self, doubted: bool) -> Mark {
        let group = match &self.subject {
            Subject::Group { key, name, .. } => Some((key, name.as_str())),
            Subject::Account { .. } => None,
        };
        let user = self.subject.user().map(DirectoryId::as_str);
        let marked = Marked { user, group, target_id: self.subject.target_id(), action: &self.action, doubted };
        let canonical = serde_json::to_vec(&marked).unwrap_or_default();
        let hash = blake3::hash(&canonical);
        Mark(hash.as_bytes().iter().take(8).fold(0, |mark, byte| mark << 8 | u64::from(*byte)))
    }
}
