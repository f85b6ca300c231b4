//! A snapshot on disk: how it is opened, and what is looked at then.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use super::database::{Database, Found};
use super::engine::Table;
use super::engine::opening::{DATABASE, lock_directory};
use super::engine::sled::{SledEngine, UNCLEAN};
use super::mirror::Head;
use super::opened::{Opened, is_due, note_verified};
use super::seal;
use super::store::{MemoryStore, SledStore};
use super::{StoreError, folder, glance, io, legacy, swap};

/// What a reading lays aside, within the state directory.
const SCRATCH: &str = "scratch";

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
        swap::settle(directory)?;
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
        store.opened = Some(match broken {
            None if is_due => Opened::verifying(directory, &store.database)?,
            broken => Opened::new(directory, broken),
        });
        Ok(store)
    }

    /// What is told of the snapshot of a state directory at a glance, for a question how things stand and for so many
    /// runs at most: as it was when it was last closed. None if it has to be opened to know.
    #[must_use]
    pub fn at_a_glance(directory: &Path, runs: usize) -> Option<MemoryStore> {
        let is_in_between = directory.join(UNCLEAN).exists() || directory.join(swap::NEW).exists();
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
        self.opened.as_ref().and_then(|opened| {
            opened.await_verdict();
            opened.broken().clone()
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
