//! The plan, and the file that people and programs keep of it.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::OnceLock;

use rollcall_kit::digest;
use serde::{Deserialize, Serialize};

use super::change::ActionKind;
use super::changes::Changes;
use super::refusals::Refusals;

/// The version of the plan file's schema.
pub const PLAN_VERSION: u32 = 1;

/// A plan's digest, in 32 hexadecimal digits. People read and write the first 16 of them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PlanId(pub String);

/// So many digits are shown to people.
const SHOWN: usize = 16;

impl fmt::Display for PlanId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.get(..SHOWN).unwrap_or(&self.0))
    }
}

/// From what a plan was made. If any of it has moved on, the plan may be stale.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Basis {
    /// The snapshot's generation: it grows with every certified reading and every settled write.
    pub generation: u64,
    /// The id of the read's certificate.
    pub certificate: String,
    /// The hash of the configuration that decides scope, mapping, roles, limits and target.
    pub configuration: String,
}

/// What an apply will cost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Estimate {
    /// Requests to the target.
    pub calls: u64,
    /// Seconds, from the target's pace in earlier runs or a cautious guess.
    pub seconds: u64,
}

/// Something that a reader of the plan should know and that is neither a change nor a refusal.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Note {
    /// In a sentence.
    pub sentence: String,
    /// Whether the guard holds the plan because of it.
    pub holds: bool,
}

/// The ordered list of changes that makes the target agree.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Plan {
    /// [`PLAN_VERSION`].
    pub version: u32,
    /// For which organization.
    pub organization: String,
    /// From what it was made.
    pub basis: Basis,
    /// The changes, in the order in which they are applied.
    pub changes: Changes,
    /// What was refused, sorted.
    pub refusals: Refusals,
    /// What else there is to know, sorted.
    pub notes: Vec<Note>,
    /// What it will cost.
    pub estimate: Estimate,
    /// Accounts of ours that are active before this plan; shares are counted of this.
    pub active_before: u64,
    /// The run that it takes back, if it is no plan of what the directory asks for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undoes: Option<String>,
    /// Its digest, once it was asked for.
    #[serde(skip)]
    pub digest: Digest,
}

/// The digest of a plan, once it was asked for. A copy does not have it: copies are made to be altered.
#[derive(Default)]
pub struct Digest(OnceLock<PlanId>);

impl Clone for Digest {
    fn clone(&self) -> Self {
        Self::default()
    }
}

impl PartialEq for Digest {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Digest {}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Digest")
    }
}

impl Plan {
    /// The digest of everything in the plan. Two plans with the same id do the same, for the same reasons, from the
    /// same basis.
    #[must_use]
    pub fn id(&self) -> PlanId {
        let id = self.digest.0.get_or_init(|| self.digested()).clone();
        debug_assert_eq!(id, self.digested(), "a plan was altered after it was asked for its id");
        id
    }

    /// A plan that cannot be written down is called so. It is kept nowhere, and nobody can approve it: its changes have no
    /// marks.
    fn digested(&self) -> PlanId {
        PlanId(digest(self).unwrap_or_else(|error| error.to_string()))
    }

    /// Whether there is nothing to do. Refusals and notes are no work.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// How many changes there are of each kind; kinds without any are absent.
    #[must_use]
    pub fn counts(&self) -> &BTreeMap<ActionKind, usize> {
        self.changes.counts()
    }
}
