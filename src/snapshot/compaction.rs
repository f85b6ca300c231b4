//! Compaction: sled's file only grows, so a fresh copy takes its place now and then.
//!
//! The copy is made in `new/`, which takes the mirror's file over as it is, checked against the tallies, and swapped in by two renames: `db` becomes `old`, `new`
//! becomes `db`. Once the copy is in its place and opens as it should, `old` is removed: what people asked us to forget
//! must not lie on in a copy. A crash between the renames is recognised by a missing `db` beside a `new`, and finished
//! at the next opening.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use super::StoreError;
use super::database::Database;
use super::engine::opening::DATABASE;
use super::engine::sled::{COMPACTED, SledEngine};
use super::engine::{BATCH_KEYS, Engine as _, Ops, Table};
use super::io::{cannot, rename, sync_folder};
use super::store::SledStore;
use super::{glance, keys};

/// The copy in the making.
pub(super) const NEW: &str = "new";
/// The database before, until the copy is in its place.
const OLD: &str = "old";

/// Batches between two syncs while copying.
const BATCHES_PER_SYNC: usize = 50;

/// What a compaction did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Compacted {
    /// Bytes of sled's file before.
    pub before: u64,
    /// Bytes of it after.
    pub after: u64,
}

/// Whether sled's file is more than twice as large as what it holds, and as a fresh copy of it was, and large enough for
/// that to matter. What a fresh copy takes of the disk beyond what it holds is sled's own, and the next copy would take it
/// again.
pub(super) fn is_due(directory: &Path, on_disk: u64, held: u64) -> bool {
    let fresh = fs::read_to_string(directory.join(COMPACTED)).ok().and_then(|text| text.trim().parse().ok());
    is_worth_it(on_disk, held.max(fresh.unwrap_or(0)))
}

fn is_worth_it(size: u64, least: u64) -> bool {
    const WORTH_IT: u64 = 64 << 20;
    size > WORTH_IT && size > least.saturating_mul(2)
}

/// Finishes or throws away what a crash in the middle of a swap left behind. Called under the lock.
pub(super) fn settle(directory: &Path) -> Result<(), StoreError> {
    let (database, new, old) = (directory.join(DATABASE), directory.join(NEW), directory.join(OLD));
    if new.exists() {
        match database.exists() {
            true => remove(&new)?,
            false => rename(&new, &database)?,
        }
    }
    if old.exists() && database.exists() { remove(&old) } else { Ok(()) }
}

/// Puts a new database, which is whole and on disk, in the place of the one before, and removes that.
pub(super) fn swap(directory: &Path) -> Result<(), StoreError> {
    let (database, new, old) = (directory.join(DATABASE), directory.join(NEW), directory.join(OLD));
    sync_folder(&new)?;
    glance::forget(directory);
    rename(&database, &old)?;
    rename(&new, &database)?;
    remove(&old)
}

fn remove(folder: &Path) -> Result<(), StoreError> {
    fs::remove_dir_all(folder).map_err(|error| cannot(folder, "be removed", error))?;
    folder.parent().map_or(Ok(()), sync_folder)
}

/// Compacts the store of a state directory that nobody has open. Refused if it is unsealed: a copy would make a loss
/// final.
///
/// # Errors
///
/// If it is open elsewhere, damaged, unsealed, or if there is no room for a second copy.
pub fn compact(directory: &Path) -> Result<Compacted, StoreError> {
    let store = SledStore::open(directory)?;
    if let Some(reason) = store.broken() {
        return Err(StoreError::Unsealed { reason });
    }
    let before = store.database.engine.size_on_disk()?;
    let new = directory.join(NEW);
    let lock = store.database.engine.lock();
    copy(&store.database.engine, &SledEngine::open_at(directory, &new, Arc::clone(&lock))?)?;
    let (copied, _) = Database::open(SledEngine::open_at(directory, &new, Arc::clone(&lock))?)?;
    if let Some(reason) = copied.verify(&|| false)? {
        return Err(store.database.engine.damaged(&format!("its copy is not whole: {reason}")));
    }
    drop((copied, store));
    swap(directory)?;
    drop(lock);
    let store = SledStore::open(directory)?;
    match store.broken() {
        None => {
            let compacted = Compacted { before, after: store.database.engine.size_on_disk()? };
            let note = directory.join(COMPACTED);
            fs::write(&note, compacted.after.to_string()).map_err(|error| cannot(&note, "be written", error))?;
            Ok(compacted)
        }
        Some(reason) => Err(store.database.engine.damaged(&reason)),
    }
}

/// Copies every table as it stands, its tally included.
fn copy(from: &SledEngine, to: &SledEngine) -> Result<(), StoreError> {
    let mut batches = 0;
    for table in from.tables()? {
        if matches!(table, Table::Mirror(_)) {
            copy_mirror(from, to, table)?;
            continue;
        }
        let mut batch = Ops::new();
        for pair in from.range(table, b"", None)? {
            let (key, value) = pair?;
            batch.insert(key.to_vec(), Some(value.to_vec()));
            if batch.len() == BATCH_KEYS {
                to.commit(table, std::mem::take(&mut batch))?;
                batches += 1;
                if batches % BATCHES_PER_SYNC == 0 {
                    to.sync()?;
                }
            }
        }
        to.commit(table, batch)?;
    }
    to.sync()
}

/// Takes a mirror over as it is; one of an earlier version becomes a file.
fn copy_mirror(from: &SledEngine, to: &SledEngine, table: Table) -> Result<(), StoreError> {
    if to.take_over(from, table)? {
        return Ok(());
    }
    let Some(tally) = from.get(table, keys::TALLY)? else { return Ok(()) };
    let mut bulk = to.bulk(table)?;
    for pair in from.range(table, keys::FIRST, None)? {
        let (key, value) = pair?;
        bulk.put(&key, &value)?;
    }
    bulk.finish(&tally)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_compacted_that_is_large_and_twice_as_large_as_a_copy_would_be() {
        let mib = 1 << 20;
        assert!(!is_worth_it(63 * mib, mib), "a small one is left alone");
        assert!(is_worth_it(65 * mib, 32 * mib) && !is_worth_it(65 * mib, 33 * mib));
    }
}
