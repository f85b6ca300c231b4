//! Why the snapshot could not do what was asked: values to match on, with a sentence for people.

use std::io;
use std::sync::Arc;

use crate::apply::{JournalError, JournalFailure};

/// Why the store could not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another process holds it.
    #[error("another process has the snapshot in {path} open; stop it, or wait until it is done")]
    Busy {
        /// The state directory.
        path: String,
    },
    /// What is on disk cannot be read as it should be.
    #[error("the snapshot in {path} is damaged: {reason}. Nothing was removed anywhere because of it")]
    Damaged {
        /// The state directory.
        path: String,
        /// What was found, and the next step.
        reason: String,
    },
    /// We are root, and it is the service's.
    #[error(
        "the snapshot in {path} is kept by the user {user}, who could not open any more what root writes there. Start the \
         daemon (systemctl start rollcall), through which every command works then, or say: sudo -u {user} rollcall …"
    )]
    NotRoots {
        /// The state directory.
        path: String,
        /// Whose it is.
        user: String,
    },
    /// A later version wrote it.
    #[error(
        "the snapshot in {path} was written by a later version of Rollcall (format {format}; this version knows formats \
         up to {known}). It was left as it is: use the later version again, or move the folder away and let a new \
         snapshot be made from the directory and the target"
    )]
    Later {
        /// The state directory.
        path: String,
        /// The format of its records.
        format: u64,
        /// The latest format that is known here.
        known: u32,
    },
    /// The disk is full or will be.
    #[error("there is too little room in {path}: {reason}")]
    NoRoom {
        /// The state directory.
        path: String,
        /// How much there is and how much is needed.
        reason: String,
    },
    /// The disk or the file system failed.
    #[error("the snapshot cannot be used: {path} cannot {what}: {source}")]
    Io {
        /// A file or folder of it.
        path: String,
        /// What cannot be done, as in "be synced".
        what: String,
        /// Why.
        source: Arc<io::Error>,
    },
    /// A part of a record cannot be written down.
    #[error("the snapshot cannot be used: a part of a run cannot be kept: {0}")]
    Unwritable(Arc<io::Error>),
    /// It has lost its seal, so that what is there cannot be trusted to be everything.
    #[error("the snapshot cannot be used: an unsealed snapshot is not compacted: {reason}")]
    Unsealed {
        /// How it was lost.
        reason: String,
    },
    /// A reading is to be ended after another began.
    #[error("the snapshot cannot be used: another reading has begun since")]
    Superseded,
    /// There is no repair step of this name.
    #[error("the snapshot cannot be used: {0}")]
    NoSuchStep(String),
    /// An error of Rollcall: a table was used as it must not be.
    #[error("the snapshot cannot be used: {0}")]
    Misused(String),
}

impl From<StoreError> for JournalError {
    fn from(error: StoreError) -> Self {
        let failure = match &error {
            StoreError::Busy { .. } => JournalFailure::Busy,
            StoreError::NoRoom { .. } => JournalFailure::NoRoom,
            StoreError::Damaged { .. } | StoreError::Unsealed { .. } => JournalFailure::Damaged,
            StoreError::Io { .. } | StoreError::Unwritable(_) => JournalFailure::Io,
            StoreError::NotRoots { .. }
            | StoreError::Later { .. }
            | StoreError::Superseded
            | StoreError::NoSuchStep(_)
            | StoreError::Misused(_) => JournalFailure::Broken,
        };
        Self::new(failure, error)
    }
}
