//! What watches over a store on disk while it is open: every record is counted in the background when that is due, and
//! at the end it is kept what is told of the store at a glance.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime};

use super::database::Database;
use super::engine::Engine;
use super::engine::sled::SledEngine;
use super::seal::{self, Seal};
use super::{StoreError, glance, io, swap};

/// The file whose date tells when every record was last counted.
const VERIFIED: &str = "verified";

/// After so long every record is counted again.
const VERIFIED_FOR: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// Whether it is too long ago that every record was counted. A date in the future says nothing.
pub(super) fn is_due(directory: &Path) -> bool {
    let dated = fs::metadata(directory.join(VERIFIED)).and_then(|metadata| metadata.modified());
    let age = dated.ok().and_then(|dated| SystemTime::now().duration_since(dated).ok());
    age.is_none_or(|age| age > VERIFIED_FOR)
}

pub(super) fn note_verified(directory: &Path) -> Result<(), StoreError> {
    let note = directory.join(VERIFIED);
    fs::write(&note, "").map_err(|error| io::cannot(&note, "be written", error))
}

/// What watches over an open store.
pub(super) struct Opened {
    directory: PathBuf,
    /// The thread that counts every record, until somebody waits for its end.
    counting: Mutex<Option<JoinHandle<()>>>,
    stop: Arc<AtomicBool>,
    broken: Arc<Mutex<Option<String>>>,
}

impl Opened {
    pub(super) fn new(directory: &Path, broken: Option<String>) -> Self {
        Self {
            directory: directory.to_owned(),
            counting: Mutex::default(),
            stop: Arc::default(),
            broken: Arc::new(Mutex::new(broken)),
        }
    }

    /// Counts every record in a thread of its own. Until that has ended nobody is told that the store is sealed.
    pub(super) fn verifying(directory: &Path, database: &Arc<Database<SledEngine>>) -> Result<Self, StoreError> {
        let opened = Self::new(directory, None);
        database.announce_verification();
        let (database, stop, broken) = (Arc::clone(database), Arc::clone(&opened.stop), Arc::clone(&opened.broken));
        let directory = directory.to_owned();
        let counting = std::thread::Builder::new()
            .name("verify".into())
            .spawn(move || {
                let verdict = database.verify(&|| stop.load(Ordering::Acquire));
                let reason = match verdict {
                    Ok(None) if stop.load(Ordering::Acquire) => return,
                    Ok(None) => {
                        database.engine.is_whole();
                        let _ = note_verified(&directory);
                        return;
                    }
                    Ok(Some(reason)) => reason,
                    Err(error) => error.to_string(),
                };
                tracing::error!("the snapshot does not match its seal: {reason}");
                let _ = database.unseal();
                *broken.lock().unwrap_or_else(PoisonError::into_inner) = Some(reason);
            })
            .map_err(|error| io::cannot(&opened.directory, "be verified in a thread", error))?;
        *opened.counting.lock().unwrap_or_else(PoisonError::into_inner) = Some(counting);
        Ok(opened)
    }

    pub(super) fn broken(&self) -> MutexGuard<'_, Option<String>> {
        self.broken.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until every record was counted, if that goes on.
    pub(super) fn await_verdict(&self) {
        let mut counting = self.counting.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(thread) = counting.take()
            && thread.join().is_err()
        {
            *self.broken() = Some("counting its records broke off".to_owned());
        }
    }

    /// Keeps what is told of the store at a glance, if it is certain what the store holds.
    pub(super) fn before_closing<E: Engine>(&self, database: &Database<E>) {
        let counting = self.counting.lock().unwrap_or_else(PoisonError::into_inner);
        let is_counted = counting.as_ref().is_none_or(JoinHandle::is_finished) && self.broken().is_none();
        if !(is_counted && database.is_sealed() && !database.engine.is_doubtful()) {
            return glance::forget(&self.directory);
        }
        if (database.engine.is_written() || !glance::is_kept(&self.directory))
            && let Err(error) = glance::keep(&self.directory, database)
        {
            tracing::debug!("what is told of the snapshot at a glance is not kept: {error}");
            glance::forget(&self.directory);
        }
    }

    /// Whether a fresh copy would be much smaller than these bytes on disk.
    pub(super) fn needs_compaction(&self, on_disk: u64, held: u64) -> Result<bool, StoreError> {
        Ok(swap::is_due(&self.directory, on_disk, held))
    }

    /// Keeps the seal beside the store.
    pub(super) fn write_seal(&self, seal: &Seal) -> Result<(), StoreError> {
        seal::write_beside(&self.directory, seal)
    }
}

impl Drop for Opened {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        self.await_verdict();
    }
}
