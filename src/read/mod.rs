//! Drives a connector to a certified reading.
//!
//! The connector's stream goes into a [`Staging`] area entry by entry; only when the read has ended in a certificate,
//! and nothing that was there before is suddenly empty, does it become a [`Reading`]. Nothing is interpreted here.

use rollcall_kit::{Certificate, DirectoryId, Entry};

/// Where entries wait until the read is certified. Implemented by the snapshot.
pub trait Staging: Send {
    /// Keeps a batch. The same id twice is the same record read twice: the later one counts.
    ///
    /// # Errors
    ///
    /// If it cannot be kept.
    fn stage(&mut self, batch: Vec<Entry>) -> Result<(), StagingError>;

    /// Users that the mirror has and that were not staged, in the order of their ids.
    ///
    /// # Errors
    ///
    /// If the mirror cannot be read.
    fn vanished(&mut self) -> Result<Vec<DirectoryId>, StagingError>;

    /// How many users and groups were staged, each id counted once.
    fn staged(&self) -> (u64, u64);
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
}

impl Reading {
    /// The proof.
    #[must_use]
    pub fn certificate(&self) -> &Certificate {
        &self.certificate
    }

    /// Users that the mirror has and the directory did not send. Not yet confirmed.
    #[must_use]
    pub fn vanished(&self) -> &[DirectoryId] {
        &self.vanished
    }
}
