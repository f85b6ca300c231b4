//! Compaction: sled's file only grows, so a fresh copy takes its place now and then.
//!
//! The copy takes the mirror's file over as it is, is checked against the tallies, and is swapped in ([`super::swap`]).

use std::fs;
use std::path::Path;
use std::sync::Arc;

use super::StoreError;
use super::database::Database;
use super::engine::sled::{COMPACTED, SledEngine};
use super::engine::{BATCH_KEYS, Engine as _, Ops, Table};
use super::io::cannot;
use super::keys;
use super::store::SledStore;
use super::swap::{NEW, swap};

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
