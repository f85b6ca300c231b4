//! Why a run failed as a whole. Nothing was removed because of any of these.

use rollcall_kit::{DigestError, ReadError};
use serde::{Deserialize, Serialize};

use crate::apply::{JournalError, RecoverError, TargetError};
use crate::guard::DecisionError;
use crate::read::ReadFailure;
use crate::snapshot::StoreError;

/// Why a run failed as a whole.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The directory could not be read, or not completely.
    #[error(transparent)]
    Read(#[from] ReadFailure),
    /// The directory could not be asked.
    #[error(transparent)]
    Directory(#[from] ReadError),
    /// The target could not be read.
    #[error(transparent)]
    Target(#[from] TargetError),
    /// The snapshot could not be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The snapshot could not be written in the middle of an apply.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// What a crash left behind could not be settled.
    #[error(transparent)]
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
    #[error(transparent)]
    Decision(#[from] DecisionError),
    /// A run cannot be undone.
    #[error("{0}")]
    Undo(String),
    /// What is to be recognised later cannot be written down.
    #[error(transparent)]
    Digest(#[from] DigestError),
    /// A task of ours ended in a way that it never should.
    #[error("an internal step failed: {0}; nothing after it was done")]
    Internal(String),
}

/// Why a run failed as a whole, in a word: for records, traces and programs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FailureCode {
    /// [`RunError::Read`].
    Read,
    /// [`RunError::Directory`].
    Directory,
    /// [`RunError::Target`].
    Target,
    /// [`RunError::Store`].
    Snapshot,
    /// [`RunError::Journal`].
    Journal,
    /// [`RunError::Recovery`].
    Recovery,
    /// [`RunError::Rules`].
    Rules,
    /// [`RunError::OtherTarget`].
    OtherTarget,
    /// [`RunError::Stale`].
    Stale,
    /// [`RunError::Decision`].
    Decision,
    /// [`RunError::Undo`].
    Undo,
    /// [`RunError::Internal`].
    Internal,
    /// It began to write, and nobody recorded how it ended.
    Interrupted,
    /// It was let go of on the way, before it wrote anything.
    Abandoned,
    /// It was ended from outside before it wrote anything.
    Cancelled,
    /// It took longer than it may.
    TimeLimit,
    /// An error of Rollcall ended its thread.
    Panicked,
    /// An earlier version kept none.
    #[default]
    Unknown,
}

impl FailureCode {
    /// The word for it, as JSON has it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Directory => "directory",
            Self::Target => "target",
            Self::Snapshot => "snapshot",
            Self::Journal => "journal",
            Self::Recovery => "recovery",
            Self::Rules => "rules",
            Self::OtherTarget => "other-target",
            Self::Stale => "stale",
            Self::Decision => "decision",
            Self::Undo => "undo",
            Self::Internal => "internal",
            Self::Interrupted => "interrupted",
            Self::Abandoned => "abandoned",
            Self::Cancelled => "cancelled",
            Self::TimeLimit => "time-limit",
            Self::Panicked => "panicked",
            Self::Unknown => "unknown",
        }
    }
}

/// What is kept of the reason for which a run failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunFailure {
    /// In a word. An earlier version kept none.
    #[serde(default)]
    pub code: FailureCode,
    /// In a sentence.
    pub error: String,
}

impl RunFailure {
    /// A reason with its sentence.
    #[must_use]
    pub fn new(code: FailureCode, error: impl Into<String>) -> Self {
        Self { code, error: error.into() }
    }
}

impl From<RunError> for RunFailure {
    fn from(error: RunError) -> Self {
        Self::new(error.code(), error.to_string())
    }
}

impl RunError {
    /// Its kind.
    #[must_use]
    pub const fn code(&self) -> FailureCode {
        match self {
            Self::Read(_) => FailureCode::Read,
            Self::Directory(_) => FailureCode::Directory,
            Self::Target(_) => FailureCode::Target,
            Self::Store(_) => FailureCode::Snapshot,
            Self::Journal(_) => FailureCode::Journal,
            Self::Recovery(_) => FailureCode::Recovery,
            Self::Rules(_) => FailureCode::Rules,
            Self::OtherTarget { .. } => FailureCode::OtherTarget,
            Self::Stale(_) => FailureCode::Stale,
            Self::Decision(_) => FailureCode::Decision,
            Self::Undo(_) => FailureCode::Undo,
            Self::Digest(_) | Self::Internal(_) => FailureCode::Internal,
        }
    }
}
