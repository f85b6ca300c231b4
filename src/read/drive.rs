//! Drives one read from the first entry to the certificate.

use std::panic::AssertUnwindSafe;

use futures::FutureExt as _;
use rollcall_kit::{Certificate, Connector, Entries, Entry};
use tokio::sync::mpsc;

use super::{Census, FullStaging, Place, ReadFailure, Reading, Staging};

/// Entries that may wait between the connector and the staging area. Bounds the memory of a read.
const WAITING: usize = 1_024;

/// Entries that are staged at a time.
const BATCH: usize = 512;

/// How many entries of each kind arrived, duplicates counted as often as they came, as certificates count them.
#[derive(Debug, Default)]
pub(super) struct Arrived {
    users: u64,
    groups: u64,
    unreadable: u64,
    census: Census,
}

/// Reads everybody and every group into the staging area, and yields the reading if the read was complete.
///
/// `previous` is the certificate of the mirror, `settings` a hash of those by which the directory is read; `progress` is
/// told how many users and groups have arrived. Dropping the future cancels the read. Nothing is committed here.
///
/// # Errors
///
/// Whenever the read is not proved to be complete, or contradicts itself or what was there before.
pub async fn drive(
    connector: &dyn Connector,
    staging: &mut dyn FullStaging,
    previous: Option<&Certificate>,
    settings: &str,
    progress: impl FnMut(u64, u64),
) -> Result<Reading, ReadFailure> {
    let place = place(connector, settings).await?;
    let (entries, arriving) = channel();
    // Whichever fails first ends the other, so that neither waits for a partner that is gone.
    let (certificate, arrived) =
        tokio::try_join!(certified(connector, entries), receive(arriving, &mut *staging, progress))?;
    require_fit(&certificate, &arrived)?;
    require_not_emptied(&certificate, previous)?;
    let vanished = blocking(|| staging.vanished())?;
    Ok(Reading { certificate, vanished, census: arrived.census, place })
}

/// The place from which the changes after this read will be followed. It is asked for before the read, so that what
/// changes meanwhile is told twice and never lost. A directory that will not give one is read in full all the same.
async fn place(connector: &dyn Connector, settings: &str) -> Result<Option<Place>, ReadFailure> {
    if !connector.capabilities().incremental {
        return Ok(None);
    }
    let cursor = AssertUnwindSafe(connector.cursor()).catch_unwind().await;
    match cursor.map_err(|panic| broke(connector, "asked for a place in the stream of changes", &*panic))? {
        Ok(cursor) => Ok(cursor.map(|cursor| Place { cursor, settings: settings.to_owned() })),
        Err(error) => {
            tracing::warn!(
                "the directory gives no place in its stream of changes; the next run reads in full: {error}"
            );
            Ok(None)
        }
    }
}

/// The way from a connector to the staging area.
pub(super) fn channel() -> (Entries, mpsc::Receiver<Entry>) {
    Entries::channel(WAITING)
}

/// Lets the connector read. If it panics, that is an error of this read and not the end of the daemon.
async fn certified(connector: &dyn Connector, entries: Entries) -> Result<Certificate, ReadFailure> {
    let outcome = AssertUnwindSafe(connector.read(entries)).catch_unwind().await;
    outcome.map_err(|panic| broke(connector, "read", &*panic))?.map_err(ReadFailure::Directory)
}

/// Takes in what arrives, until nothing comes any more.
pub(super) async fn receive(
    mut arriving: mpsc::Receiver<Entry>,
    staging: &mut dyn Staging,
    mut progress: impl FnMut(u64, u64),
) -> Result<Arrived, ReadFailure> {
    let mut arrived = Arrived::default();
    loop {
        let mut batch = Vec::with_capacity(BATCH);
        if arriving.recv_many(&mut batch, BATCH).await == 0 {
            return Ok(arrived);
        }
        for entry in &batch {
            arrived.census.count(entry);
            match entry {
                Entry::User(_) => arrived.users += 1,
                Entry::Group(_) => arrived.groups += 1,
                Entry::Unreadable(_) => arrived.unreadable += 1,
            }
        }
        blocking(|| staging.stage(batch))?;
        progress(arrived.users, arrived.groups);
    }
}

/// A certificate counts what the connector received; each of that must have reached us, as a user, as a group, or as a
/// record of either that could not be understood.
fn require_fit(certificate: &Certificate, arrived: &Arrived) -> Result<(), ReadFailure> {
    let (users, groups) = (certificate.entries_of("users"), certificate.entries_of("groups"));
    for (collection, certified, arrived_alone) in [("users", users, arrived.users), ("groups", groups, arrived.groups)]
    {
        let possible = arrived_alone..=arrived_alone + arrived.unreadable;
        if !possible.contains(&certified) {
            return Err(ReadFailure::Miscounted { collection, certified, arrived: arrived_alone });
        }
    }
    let (certified, arrived) = (users + groups, arrived.users + arrived.groups + arrived.unreadable);
    if certified != arrived {
        return Err(ReadFailure::Miscounted { collection: "users and groups", certified, arrived });
    }
    Ok(())
}

/// Nobody where there was somebody is no news but an accident, until a person says otherwise.
fn require_not_emptied(certificate: &Certificate, previous: Option<&Certificate>) -> Result<(), ReadFailure> {
    let Some(previous) = previous else {
        return Ok(());
    };
    for collection in ["users", "groups"] {
        let before = previous.entries_of(collection);
        if before > 0 && certificate.entries_of(collection) == 0 {
            let source = certificate.source();
            return Err(ReadFailure::Emptied {
                collection,
                before,
                identity: source.identity.clone(),
                server: source.server.clone(),
            });
        }
    }
    Ok(())
}

/// The failure that a panic of the connector is turned into.
pub(super) fn broke(connector: &dyn Connector, doing: &'static str, panic: &(dyn std::any::Any + Send)) -> ReadFailure {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let detail = text.or_else(|| panic.downcast_ref::<String>().cloned());
    ReadFailure::Broke {
        connector: connector.kind(),
        doing,
        detail: detail.unwrap_or_else(|| "it gave no reason".to_owned()),
    }
}

/// Runs blocking work without holding up the other tasks of this worker. A runtime of one thread has no other worker
/// to hand them to; there the work is done in place.
fn blocking<T>(work: impl FnOnce() -> T) -> T {
    match tokio::runtime::Handle::current().runtime_flavor() {
        tokio::runtime::RuntimeFlavor::MultiThread => tokio::task::block_in_place(work),
        _ => work(),
    }
}
