//! Drives a connector to a certified reading, or to what changed since one.
//!
//! The connector's stream goes into a [`Staging`] area entry by entry; only when the read has ended in a certificate,
//! and nothing that was there before is suddenly empty, does it become a [`Reading`]. Whoever is missing from it is
//! looked up by id ([`confirm()`]) before anything is concluded. What a directory tells of its changes becomes an
//! [`Increment`], which knows nothing of absences. Nothing is interpreted here.

mod catch_up;
mod census;
mod confirm;
mod drive;
mod failure;
mod percent;
#[cfg(test)]
mod tests;
mod trace;

use rollcall_kit::{Certificate, Changes, Cursor, DirectoryId, Entry};
use serde::{Deserialize, Serialize};

pub use self::catch_up::{Knows, catch_up};
pub use self::census::{Census, CensusMoves, ReadingLimits};
pub use self::confirm::{Absence, confirm};
pub use self::drive::drive;
pub use self::failure::{Missed, ReadFailure};
pub use self::percent::Percent;
pub use self::trace::{Doubt, Surroundings, Trace, TracedGroup, Traces, doubts};

/// Where entries wait until the read has ended as it should. Implemented by the snapshot.
pub trait Staging: Send {
    /// Keeps a batch. The same id twice is the same record read twice: the later one counts.
    ///
    /// # Errors
    ///
    /// If it cannot be kept.
    fn stage(&mut self, batch: Vec<Entry>) -> Result<(), StagingError>;

    /// How many users and groups were staged, each id counted once; what could not be understood is not counted.
    fn staged(&self) -> (u64, u64);

    /// Which staging of its store this is, so that a store never commits another one than it is handed.
    fn ticket(&self) -> u64;
}

/// Where the entries of a full read wait. Only of these can it be said who is missing.
pub trait FullStaging: Staging {
    /// Users who were not staged and whom the mirror has, or for whom the ledger has an active account, in the order of
    /// their ids. The ledger counts, because a run may have died between the commit that took somebody out of the
    /// mirror and the write that was to deactivate them.
    ///
    /// # Errors
    ///
    /// If the mirror cannot be read.
    fn vanished(&mut self) -> Result<Vec<DirectoryId>, StagingError>;
}

/// A place in the directory's stream of changes, and the settings by which the directory was read up to it. Kept beside
/// the mirror and moved only together with it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// The connector's place.
    pub cursor: Cursor,
    /// A hash of the settings by which the directory was read.
    pub settings: String,
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
    place: Option<Place>,
}

impl Reading {
    /// A reading without a connector, for tests of rooms that are handed one.
    #[cfg(test)]
    pub(crate) fn for_tests(certificate: Certificate, vanished: Vec<DirectoryId>) -> Self {
        Self { certificate, vanished, census: Census::default(), place: None }
    }

    /// The same, from which changes can be followed.
    #[cfg(test)]
    pub(crate) fn at_place(self, place: Place) -> Self {
        Self { place: Some(place), ..self }
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

    /// From where the changes that come after it are read; none if the directory cannot tell of any.
    #[must_use]
    pub fn place(&self) -> Option<&Place> {
        self.place.as_ref()
    }
}

/// What changed since a reading, told to its end. Made only here. Nobody's absence can be concluded from one.
#[derive(Debug)]
pub struct Increment {
    changes: Changes,
    place: Place,
}

impl Increment {
    /// An increment without a connector, for tests of rooms that are handed one.
    #[cfg(test)]
    pub(crate) fn for_tests(place: Place) -> Self {
        Self { changes: Changes { cursor: place.cursor.clone(), collections: Vec::new() }, place }
    }

    /// What was asked, and how much came.
    #[must_use]
    pub fn changes(&self) -> &Changes {
        &self.changes
    }

    /// From where the next changes are read.
    #[must_use]
    pub fn place(&self) -> &Place {
        &self.place
    }
}
