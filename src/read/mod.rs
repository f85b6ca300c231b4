//! Drives a connector to a certified reading.
//!
//! The connector's stream goes into a [`Staging`] area entry by entry; only when the read has ended in a certificate,
//! and nothing that was there before is suddenly empty, does it become a [`Reading`]. Whoever is missing from it is
//! looked up by id ([`confirm()`]) before anything is concluded. Nothing is interpreted here.

mod census;
mod confirm;
mod drive;
mod failure;
mod percent;
#[cfg(test)]
mod tests;
mod trace;

use rollcall_kit::{Certificate, DirectoryId, Entry};

pub use self::census::{Census, ReadingLimits};
pub use self::confirm::{Absence, confirm};
pub use self::drive::drive;
pub use self::failure::{Missed, ReadFailure};
pub use self::percent::Percent;
pub use self::trace::{Doubt, Surroundings, Trace, TracedGroup, Traces, doubts};

/// Where entries wait until the read is certified. Implemented by the snapshot.
pub trait Staging: Send {
    /// Keeps a batch. The same id twice is the same record read twice: the later one counts.
    ///
    /// # Errors
    ///
    /// If it cannot be kept.
    fn stage(&mut self, batch: Vec<Entry>) -> Result<(), StagingError>;

    /// Users who were not staged and whom the mirror has, or for whom the ledger has an active account, in the order of
    /// their ids. The ledger counts, because a run may have died between the commit that took somebody out of the
    /// mirror and the write that was to deactivate him.
    ///
    /// # Errors
    ///
    /// If the mirror cannot be read.
    fn vanished(&mut self) -> Result<Vec<DirectoryId>, StagingError>;

    /// How many users and groups were staged, each id counted once; what could not be understood is not counted.
    fn staged(&self) -> (u64, u64);

    /// Which staging of its store this is, so that a store never commits another one than it is handed.
    fn ticket(&self) -> u64;
}

/// A staging area failed.
#[derive(Debug, thiserror::Error)]
#[error("what was read cannot be kept: {0}")]
pub struct StagingError(pub String);

/// A reading that ended in a certificate. Made only here; only from one of these can an absence be concluded.
#[derive(Debug)]
pub struct Reading {
    certificate: Certificate,
    vanished: Vec<DirectoryId>,
    census: Census,
}

impl Reading {
    /// A reading without a connector, for tests of rooms that are handed one.
    #[cfg(test)]
    pub(crate) fn for_tests(certificate: Certificate, vanished: Vec<DirectoryId>) -> Self {
        Self { certificate, vanished, census: Census::default() }
    }

    /// The proof.
    #[must_use]
    pub fn certificate(&self) -> &Certificate {
        &self.certificate
    }

    /// How much of everything it brought.
    #[must_use]
    pub fn census(&self) -> &Census {
        &self.census
    }

    /// Users that the mirror has and the directory did not send. Not yet confirmed.
    #[must_use]
    pub fn vanished(&self) -> &[DirectoryId] {
        &self.vanished
    }
}
