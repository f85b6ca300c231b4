//! A snapshot on disk: how it is opened, what is looked at then, and what watches over it while it is open.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime};

use super::database::{Database, Found};
use super::engine::opening::{DATABASE, lock_directory};
use super::engine::sled::{SledEngine, UNCLEAN};
use super::engine::{Engine, Table};
use super::mirror::Head;
use super::seal::{self, Seal};
use super::store::{MemoryStore, SledStore};
use super::{StoreError, compaction, folder, glance, io, legacy};

/// What a reading lays aside, within the state directory.
const SCRATCH: &str = "scratch";

/// The file whose date tells when every record was last counted.
const VERIFIED: &str = "verified";

/// After so long every record is counted again.
const VERIFIED_FOR: Duration = Duration::from_secs(7 * 24 * 60 * 60);

impl SledStore {
    /// Opens the snapshot of a state directory, makes it if there is none, and finishes what a crash cut short. One of
    /// an earlier format becomes one of this.
    ///
    /// # Errors
    ///
    /// [`StoreError::Busy`] if another process has it open, [`StoreError::Damaged`] if sled cannot read it,
    /// [`StoreError::NoRoom`] if too little disk is free to open it safely.
    pub fn open(directory: &Path) -> Result<Self, StoreError> {
        folder::refuse_root(directory)?;
        folder::make(directory)?;
        let lock = Arc::new(lock_directory(directory)?);
        seal::refuse_later(directory)?;
        compaction::settle(directory)?;
        let scratch = directory.join(SCRATCH);
        if scratch.exists() {
            fs::remove_dir_all(&scratch).map_err(|error| io::cannot(&scratch, "be removed", error))?;
        }
        legacy::upgrade(directory, &lock)?;
        let (database, found) = Database::open(SledEngine::open(directory, lock)?)?;
        let broken = judge(directory, &database, &found)?;
        let is_due = database.engine.was_unclean() || is_due(directory);
        if seal::claim(directory)? {
            glance::forget(directory);
        }
        let mut store = Self::over(database, Some(scratch))?;
        store.guard = Some(match broken {
            None if is_due => Guard::verifying(directory, &store.database)?,
            broken => Guard::new(directory, broken),
        });
        Ok(store)
    }

    /// What is told of the snapshot of a state directory at a glance, for a question how things stand and for so many
    /// runs at most: as it was when it was last closed. None if it has to be opened to know.
    #[must_use]
    pub fn at_a_glance(directory: &Path, runs: usize) -> Option<MemoryStore> {
        let is_in_between = directory.join(UNCLEAN).exists() || directory.join(compaction::NEW).exists();
        if is_in_between || is_due(directory) {
            return None;
        }
        MemoryStore::over(glance::read(directory, runs)?, None).ok()
    }

    /// Whether there is one in a state directory.
    #[must_use]
    pub fn is_there(directory: &Path) -> bool {
        directory.join(DATABASE).exists()
    }

    /// Why the snapshot was not sealed when it was opened, in a sentence; nothing if it was.
    #[must_use]
    pub fn broken(&self) -> Option<String> {
        self.guard.as_ref().and_then(|guard| {
            guard.await_verdict();
            guard.broken().clone()
        })
    }

    /// Makes it unsealed until it is sealed again.
    pub(super) fn unseal(&self) -> Result<(), StoreError> {
        self.database.unseal()
    }

    /// Lets the store die after so many more batches, as a crash would.
    #[cfg(test)]
    pub(super) fn crash_after(&self, batches: u32) {
        *self.database.engine.batches_until_crash.lock().unwrap() = Some(batches);
    }
}

/// Looks at the seals. Yields why the store is not sealed, in a sentence; it is unsealed then.
fn judge(directory: &Path, database: &Database<SledEngine>, found: &Found) -> Result<Option<String>, StoreError> {
    if found.brand_new && !directory.join(seal::FILE).exists() {
        seal::write_beside(directory, &database.seal()?)?;
        note_verified(directory)?;
        return Ok(None);
    }
    if let (Some(inside), Some(legacy::FORMAT)) = (&found.inside, seal::format_beside(directory)) {
        // An upgrade was cut short right before it sealed the new store beside.
        seal::write_beside(directory, inside)?;
    }
    let broken = seal::broken(&found.running, found.inside.as_ref(), seal::read_beside(directory).as_ref());
    let broken = broken.map_or_else(|| lost_mirror(database), |reason| Ok(Some(reason)))?;
    if broken.is_some() {
        // The next batch will carry a tally that adds up again; without the seal inside, the store stays unsealed.
        database.unseal()?;
    }
    Ok(broken)
}

/// Why the mirror that counts is not whole, in a sentence: the seal beside may tell of an earlier one.
fn lost_mirror(database: &Database<SledEngine>) -> Result<Option<String>, StoreError> {
    let Some(number) = Head::load(database)?.table else { return Ok(None) };
    let tally = database.state().tallies.get(&Table::Mirror(number)).copied().unwrap_or_default();
    Ok((tally.batches == 0).then(|| format!("its part `{}` is missing", Table::Mirror(number).name())))
}

/// Whether it is too long ago that every record was counted. A date in the future says nothing.
fn is_due(directory: &Path) -> bool {
    let dated = fs::metadata(directory.join(VERIFIED)).and_then(|metadata| metadata.modified());
    let age = dated.ok().and_then(|dated| SystemTime::now().duration_since(dated).ok());
    age.is_none_or(|age| age > VERIFIED_FOR)
}

fn note_verified(directory: &Path) -> Result<(), StoreError> {
    let note = directory.join(VERIFIED);
    fs::write(&note, "").map_err(|error| io::cannot(&note, "be written", error))
}

/// What watches over an open store.
pub(super) struct Guard {
    directory: PathBuf,
    /// The thread that counts every record, until somebody waits for its end.
    counting: Mutex<Option<JoinHandle<()>>>,
    stop: Arc<AtomicBool>,
    broken: Arc<Mutex<Option<String>>>,
}

impl Guard {
    fn new(directory: &Path, broken: Option<String>) -> Self {
        Self {
            directory: directory.to_owned(),
            counting: Mutex::default(),
            stop: Arc::default(),
            broken: Arc::new(Mutex::new(broken)),
        }
    }

    /// Counts every record in a thread of its own. Until that has ended nobody is told that the store is sealed.
    fn verifying(directory: &Path, database: &Arc<Database<SledEngine>>) -> Result<Self, StoreError> {
        let guard = Self::new(directory, None);
        database.announce_verification();
        let (database, stop, broken) = (Arc::clone(database), Arc::clone(&guard.stop), Arc::clone(&guard.broken));
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
            .map_err(|error| io::cannot(&guard.directory, "be verified in a thread", error))?;
        *guard.counting.lock().unwrap_or_else(PoisonError::into_inner) = Some(counting);
        Ok(guard)
    }

    fn broken(&self) -> MutexGuard<'_, Option<String>> {
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
        Ok(compaction::is_due(&self.directory, on_disk, held))
    }

    /// Keeps the seal beside the store.
    pub(super) fn write_seal(&self, seal: &Seal) -> Result<(), StoreError> {
        seal::write_beside(&self.directory, seal)
    }
}

impl Drop for Guard {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        self.await_verdict();
    }
}
