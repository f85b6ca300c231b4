//! What stops the walk over a document.

use rollcall_kit::ReadError;

use super::text::Stop;
use crate::tally::Line;

/// Why a document is not read to its end.
pub(super) enum Fault {
    Stop(Stop),
    /// A group has too much, too little or something else than it must have.
    OddGroup {
        line: Line,
        offset: u64,
    },
    /// What was read again is not what it was.
    Changed,
    Read(ReadError),
}

impl From<Stop> for Fault {
    fn from(stop: Stop) -> Self {
        Self::Stop(stop)
    }
}

impl From<ReadError> for Fault {
    fn from(error: ReadError) -> Self {
        Self::Read(error)
    }
}

/// A group that cannot be read stops the read: left out, its rules would revoke; guessed, they would grant.
pub(super) fn odd_group(line: &Line, reason: &str) -> ReadError {
    ReadError::incomplete("groups", format!("{line}: {reason}"))
}
