//! Reads what changed since a place in the directory's stream of changes.
//!
//! What is told is staged as a full read is, and taken over only when the stream was told to its end. Whoever is not
//! told of is as he was: from here nobody is ever missing.

use std::panic::AssertUnwindSafe;

use futures::FutureExt as _;
use rollcall_kit::{Changes, Connector, Entries};

use super::drive::{broke, channel, receive};
use super::{Increment, Place, ReadFailure, Staging};

/// Reads what changed since this place into the staging area; nothing if the place is no good any more, so that only a
/// full read helps. `progress` is told how many users and groups have arrived. Nothing is committed here.
///
/// # Errors
///
/// Whenever the stream was not told to its end.
pub async fn catch_up(
    connector: &dyn Connector,
    staging: &mut dyn Staging,
    since: &Place,
    progress: impl FnMut(u64, u64),
) -> Result<Option<Increment>, ReadFailure> {
    let (entries, arriving) = channel();
    let told = told(connector, since, entries);
    let (changes, _) = tokio::try_join!(told, receive(arriving, &mut *staging, progress))?;
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
