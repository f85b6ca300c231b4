//! Reads what changed since a place in the directory's stream of changes.
//!
//! What is told is staged as a full read is, and taken over only when the stream was told to its end. Whoever is not
//! told of is as they were: from here nobody is ever missing.
//!
//! A connector cannot know whom the last full read brought, so it tells that somebody is not assigned to the application
//! of everybody who changed and is not. Of those, only whom the mirror has are staged: the others a full read would not
//! bring, and the next one would seem to have lost them.

use std::collections::BTreeSet;
use std::panic::AssertUnwindSafe;

use futures::FutureExt as _;
use rollcall_kit::{Changes, Connector, DirectoryId, Entries, Entry};

use super::drive::{broke, channel, receive};
use super::{Increment, Place, ReadFailure, Staging, StagingError};

/// Says whether the mirror has a user.
pub type Knows<'a> = &'a (dyn Fn(&DirectoryId) -> Result<bool, StagingError> + Sync);

/// Reads what changed since this place into the staging area; nothing if the place is no good any more, so that only a
/// full read helps. `knows` is asked about the mirror, and `progress` is told how many users and groups have arrived.
/// Nothing is committed here.
///
/// # Errors
///
/// Whenever the stream was not told to its end.
pub async fn catch_up(
    connector: &dyn Connector,
    staging: &mut dyn Staging,
    since: &Place,
    knows: Knows<'_>,
    progress: impl FnMut(u64, u64),
) -> Result<Option<Increment>, ReadFailure> {
    let (entries, arriving) = channel();
    let told = told(connector, since, entries);
    let mut reached = Reached { staging, knows, staged: BTreeSet::new() };
    let (changes, _) = tokio::try_join!(told, receive(arriving, &mut reached, progress))?;
    Ok(changes.map(|changes| {
        let place = Place { cursor: changes.cursor.clone(), settings: since.settings.clone() };
        Increment { changes, place }
    }))
}

/// Lets the connector read. If it panics, that is an error of this read and not the end of the daemon.
async fn told(connector: &dyn Connector, since: &Place, entries: Entries) -> Result<Option<Changes>, ReadFailure> {
    let outcome = AssertUnwindSafe(connector.read_changes(&since.cursor, entries)).catch_unwind().await;
    outcome.map_err(|panic| broke(connector, "read what changed", &*panic))?.map_err(ReadFailure::Directory)
}

/// A staging area that leaves out who is not assigned and was not there.
struct Reached<'a> {
    staging: &'a mut dyn Staging,
    knows: Knows<'a>,
    /// Users whom this read has staged: a later word about them counts, whatever it is.
    staged: BTreeSet<DirectoryId>,
}

impl Reached<'_> {
    fn takes(&mut self, entry: &Entry) -> Result<bool, StagingError> {
        let Entry::User(user) = entry else { return Ok(true) };
        if user.assigned == Some(false) && !self.staged.contains(&user.id) && !(self.knows)(&user.id)? {
            return Ok(false);
        }
        self.staged.insert(user.id.clone());
        Ok(true)
    }
}

impl Staging for Reached<'_> {
    fn stage(&mut self, batch: Vec<Entry>) -> Result<(), StagingError> {
        let mut taken = Vec::with_capacity(batch.len());
        for entry in batch {
            if self.takes(&entry)? {
                taken.push(entry);
            }
        }
        self.staging.stage(taken)
    }

    fn staged(&self) -> (u64, u64) {
        self.staging.staged()
    }

    fn ticket(&self) -> u64 {
        self.staging.ticket()
    }
}
