//! The contract that every connector must pass, as functions that a connector's tests call.
//!
//! [`Connector`] says in words what the engine relies on; these functions check it against a real or a played
//! directory. A connector's tests start a directory with a few users and groups in it and call
//! [`reads_to_a_certificate`]; for each way in which the directory can fail they call [`fails_without_certificate`].
//! They panic with a sentence, as tests do.
//!
//! A directory for these tests needs at least three entries, one active user among them.

#![allow(clippy::panic, reason = "these are assertions, called only by tests")]

mod look_up;
mod reading;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::time::Duration;

use crate::{Certificate, Connector, DirectoryGroup, DirectoryUser, Entries, Entry, ReadError};

pub use look_up::looks_up_whom_it_read;
pub use reading::{is_sound, stops_when_nobody_listens};

/// No read in a test may take longer; one that does hangs.
const PATIENCE: Duration = Duration::from_secs(60);

/// Checks all of the contract that a healthy directory can show, and returns what was read:
///
/// - the read ends in a certificate, and what it sent is sound ([`is_sound`]);
/// - a second read sends the same entries, and so does one whose consumer is slow;
/// - a read whose consumer goes away ends promptly as cancelled ([`stops_when_nobody_listens`]);
/// - who was read can be looked up by id and by address, and nobody else can ([`looks_up_whom_it_read`]).
///
/// # Panics
///
/// With a sentence about the first promise that is broken.
pub async fn reads_to_a_certificate(connector: &dyn Connector) -> (Vec<Entry>, Certificate) {
    let (entries, certificate) = certified(connector, 64, Duration::ZERO).await;
    is_sound(connector, &entries, &certificate);
    // The slowest consumer that there can be: one entry at a time, and a pause after each.
    let (again, _) = certified(connector, 1, Duration::from_millis(1)).await;
    assert!(
        sorted(&entries) == sorted(&again),
        "a second read, by a slow consumer, sent other entries than the first: {} and then {}",
        entries.len(),
        again.len()
    );
    stops_when_nobody_listens(connector, entries.len()).await;
    looks_up_whom_it_read(connector, &entries).await;
    (entries, certificate)
}

/// Checks that a read from a broken directory ends in an error and not in a certificate, and returns the error so
/// that the test can look at its kind and its words.
///
/// # Panics
///
/// If the read is certified, hangs, or says that it was cancelled though its consumer was there all the time.
pub async fn fails_without_certificate(connector: &dyn Connector) -> ReadError {
    let (_, outcome) = read(connector, 64, Duration::ZERO).await;
    match outcome {
        Ok(certificate) => panic!("a read from a broken directory was certified: {certificate:?}"),
        Err(ReadError::Cancelled) => panic!("the read says that it was cancelled, but its consumer was there"),
        Err(error) => error,
    }
}

/// What a read sends, of everything or of changes, and how it ends.
pub async fn gather<T, F: Future<Output = T>>(read: impl FnOnce(Entries) -> F) -> (Vec<Entry>, T) {
    let (sender, mut receiver) = Entries::channel(8);
    let consume = async {
        let mut entries = Vec::new();
        while let Some(entry) = receiver.recv().await {
            entries.push(entry);
        }
        entries
    };
    let (outcome, entries) = tokio::join!(read(sender), consume);
    (entries, outcome)
}

/// The users among entries, by their ids.
#[must_use]
pub fn users(entries: &[Entry]) -> BTreeMap<&str, &DirectoryUser> {
    let users = entries.iter().filter_map(|entry| match entry {
        Entry::User(user) => Some((user.id.as_str(), &**user)),
        _ => None,
    });
    users.collect()
}

/// The groups among entries, by their ids.
#[must_use]
pub fn groups(entries: &[Entry]) -> BTreeMap<&str, &DirectoryGroup> {
    let groups = entries.iter().filter_map(|entry| match entry {
        Entry::Group(group) => Some((group.id.as_str(), &**group)),
        _ => None,
    });
    groups.collect()
}

/// Reads to the end, by a consumer that pauses after each entry.
async fn read(
    connector: &dyn Connector,
    bound: usize,
    pause: Duration,
) -> (Vec<Entry>, Result<Certificate, ReadError>) {
    let (sender, mut receiver) = Entries::channel(bound);
    let consume = async {
        let mut entries = Vec::new();
        while let Some(entry) = receiver.recv().await {
            entries.push(entry);
            if !pause.is_zero() {
                tokio::time::sleep(pause).await;
            }
        }
        entries
    };
    let both = async { tokio::join!(connector.read(sender), consume) };
    match tokio::time::timeout(PATIENCE, both).await {
        Ok((outcome, entries)) => (entries, outcome),
        Err(_) => panic!("the read did not end within {PATIENCE:?}"),
    }
}

/// Reads to a certificate.
async fn certified(connector: &dyn Connector, bound: usize, pause: Duration) -> (Vec<Entry>, Certificate) {
    match read(connector, bound, pause).await {
        (entries, Ok(certificate)) => (entries, certificate),
        (_, Err(error)) => panic!("the read failed: {error}"),
    }
}

/// The entries in an order that does not depend on the directory's.
fn sorted(entries: &[Entry]) -> Vec<&Entry> {
    let mut sorted: Vec<&Entry> = entries.iter().collect();
    sorted.sort_by_key(|entry| reading::id_of(entry));
    sorted
}
