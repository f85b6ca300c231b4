//! Compaction: sled's file only grows, so a fresh copy takes its place now and then.
//!
//! The copy is made in `new/`, checked against the seal, and swapped in by two renames: `db` becomes `old`, `new`
//! becomes `db`. `old` stays until the next compaction, for `repair`. A crash between the renames is recognised by a
//! missing `db` beside a `new`, and finished at the next opening.

use std::fs::{self, File};
use std::path::Path;

use super::disk::{BATCH_KEYS, CACHE_BYTES, DATABASE, Disk, cannot};
use super::seal::{HashKey, Tally};
use super::{StoreError, durable, keys};

/// The copy in the making.
const NEW: &str = "new";
/// The database before the last compaction.
pub(super) const OLD: &str = "old";

/// Batches between two flushes while copying.
const BATCHES_PER_FLUSH: usize = 50;

/// What a compaction did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Compacted {
    /// Bytes on disk before.
    pub before: u64,
    /// Bytes on disk after.
    pub after: u64,
}

/// How large the file was after the last compaction: what a fresh copy takes of the disk beyond what it holds is sled's
/// own, and the next copy would take it again.
const AFTER: &str = "compacted";

/// Whether the file is more than twice as large as what it holds, and as a fresh copy of it was, and large enough for that
/// to matter.
pub(super) fn is_due(directory: &Path, disk: &Disk, tally: &Tally) -> Result<bool, StoreError> {
    let size = disk.size_on_disk()?;
    let fresh = fs::read_to_string(directory.join(AFTER)).ok().and_then(|text| text.trim().parse().ok());
    Ok(is_worth_it(size, tally.bytes.max(fresh.unwrap_or(0))))
}

fn is_worth_it(size: u64, least: u64) -> bool {
    const WORTH_IT: u64 = 64 << 20;
    size > WORTH_IT && size > least.saturating_mul(2)
}

/// Finishes or throws away what a crash in the middle of a compaction left behind. Called under the lock.
pub(super) fn settle(directory: &Path) -> Result<(), StoreError> {
    let (database, new) = (directory.join(DATABASE), directory.join(NEW));
    if !new.exists() {
        return Ok(());
    }
    if database.exists() {
        return fs::remove_dir_all(&new).map_err(|error| cannot(&new, "be removed", &error));
    }
    rename(&new, &database)
}

/// Compacts the store of a state directory that nobody has open. Refused if it is unsealed: a copy would make a loss
/// final.
///
/// # Errors
///
/// If it is open elsewhere, damaged, unsealed, or if there is no room for a second copy.
pub fn compact(directory: &Path) -> Result<Compacted, StoreError> {
    let opened = Disk::open(directory)?;
    if let Some(reason) = opened.broken {
        return Err(StoreError::Other(format!("an unsealed snapshot is not compacted: {reason}")));
    }
    let before = opened.disk.size_on_disk()?;
    let new = directory.join(NEW);
    let copied = copy(&opened.disk, &new)?;
    if (copied.records, copied.hash) != (opened.tally.records, opened.tally.hash) {
        let reason = format!("{} records were copied out of {}", copied.records, opened.tally.records);
        return Err(opened.disk.damaged(&reason));
    }
    let lock = opened.disk.close();
    let (database, old) = (directory.join(DATABASE), directory.join(OLD));
    if old.exists() {
        fs::remove_dir_all(&old).map_err(|error| cannot(&old, "be removed", &error))?;
    }
    rename(&database, &old)?;
    rename(&new, &database)?;
    drop(lock);
    let after = Disk::open(directory)?;
    match after.broken {
        None => {
            let compacted = Compacted { before, after: after.disk.size_on_disk()? };
            let note = directory.join(AFTER);
            fs::write(&note, compacted.after.to_string()).map_err(|error| cannot(&note, "be written", &error))?;
            Ok(compacted)
        }
        Some(reason) => Err(after.disk.damaged(&reason)),
    }
}

fn copy(disk: &Disk, new: &Path) -> Result<Tally, StoreError> {
    let failed = |error: sled::Error| StoreError::Other(format!("{} cannot be filled: {error}", new.display()));
    let db = sled::Config::new().path(new).cache_capacity(CACHE_BYTES).flush_every_ms(None).open().map_err(failed)?;
    let secret: &HashKey = disk.secret();
    let mut tally = Tally::default();
    let (mut batch, mut pending, mut batches) = (sled::Batch::default(), 0, 0);
    for pair in disk.scan(b"") {
        let (key, value) = pair?;
        if !keys::is_meta(&key) {
            tally.add(secret, &key, &value);
        }
        batch.insert(key, value);
        pending += 1;
        if pending == BATCH_KEYS {
            db.apply_batch(std::mem::take(&mut batch)).map_err(failed)?;
            (pending, batches) = (0, batches + 1);
            if batches % BATCHES_PER_FLUSH == 0 {
                db.flush().map_err(failed)?;
            }
        }
    }
    db.apply_batch(batch).map_err(failed)?;
    db.flush().map_err(failed)?;
    durable::after_creation(new)?;
    Ok(tally)
}

/// Renames, and makes the renaming itself safe from a power cut.
pub(super) fn rename(from: &Path, to: &Path) -> Result<(), StoreError> {
    fs::rename(from, to).map_err(|error| cannot(from, "be renamed", &error))?;
    let parent = to.parent().unwrap_or(to);
    File::open(parent).and_then(|parent| parent.sync_all()).map_err(|error| cannot(parent, "be synced", &error))
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
