//! Why a run failed as a whole. Nothing was removed because of any of these.

use rollcall_kit::ReadError;

use crate::apply::{JournalError, RecoverError, TargetError};
use crate::guard::DecisionError;
use crate::read::ReadFailure;
use crate::snapshot::StoreError;

/// Why a run failed as a whole.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The directory could not be read, or not completely.
    #[error("{0}")]
    Read(#[from] ReadFailure),
    /// The directory could not be asked.
    #[error("{0}")]
    Directory(#[from] ReadError),
    /// The target could not be read.
    #[error("{0}")]
    Target(#[from] TargetError),
    /// The snapshot could not be used.
    #[error("{0}")]
    Store(#[from] StoreError),
    /// The snapshot could not be written in the middle of an apply.
    #[error("{0}")]
    Journal(#[from] JournalError),
    /// What a crash left behind could not be settled.
    #[error("{0}")]
    Recovery(#[from] RecoverError),
    /// The rules do not compile. Configuration files are checked before, so this is for hand-made settings.
    #[error("{0}")]
    Rules(String),
    /// The ledger was made for another target.
    #[error(
        "the snapshot was made for the target {known}, and the configuration names {now}. The ids of accounts there \
         are others, so nothing was asked and nothing was changed. If the same application moved with its accounts, \
         add formerly = \"{known}\" beside its url. If it is another application, take its accounts over under a \
         new organization name, and leave the old one until its leavers are out"
    )]
    OtherTarget {
        /// For which target.
        known: String,
        /// Which one the configuration names.
        now: String,
    },
    /// A kept plan does not fit what is there now.
    #[error("{0}")]
    Stale(String),
    /// A held plan cannot be approved or rejected.
    #[error("{0}")]
    Decision(#[from] DecisionError),
    /// A run cannot be undone.
    #[error("{0}")]
    Undo(String),
    /// A task of ours ended in a way that it never should.
    #[error("an internal step failed: {0}; nothing after it was done")]
    Internal(String),
}

impl RunError {
    /// The word for its kind: for traces, which hold no sentences.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Read(_) => "read",
            Self::Directory(_) => "directory",
            Self::Target(_) => "target",
            Self::Store(_) => "snapshot",
            Self::Journal(_) => "journal",
            Self::Recovery(_) => "recovery",
            Self::Rules(_) => "rules",
            Self::OtherTarget { .. } => "other-target",
            Self::Stale(_) => "stale",
            Self::Decision(_) => "decision",
            Self::Undo(_) => "undo",
            Self::Internal(_) => "internal",
        }
    }
}
