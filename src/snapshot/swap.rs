//! A new database takes the place of the one before: by two renames, which a crash between them does not undo.
//!
//! The new one is made in `new/`. `db` becomes `old`, `new` becomes `db`, and `old` is removed: what people asked us to
//! forget must not lie on in a copy. A crash between the renames is recognised by a missing `db` beside a `new`, and
//! finished at the next opening.

use std::fs;
use std::path::Path;

use super::engine::opening::DATABASE;
use super::engine::sled::COMPACTED;
use super::io::{cannot, rename, sync_folder};
use super::{StoreError, glance};

/// The copy in the making.
pub(super) const NEW: &str = "new";
/// The database before, until the copy is in its place.
const OLD: &str = "old";

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
