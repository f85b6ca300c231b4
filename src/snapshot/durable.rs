//! Writes that survive a power cut.
//!
//! On Linux sled's `flush` ends in `sync_file_range`, which commits neither the size of a file nor the cache of the
//! disk: after a power cut an acknowledged write may be gone, or the whole database. Where the system does not know that
//! call, sled syncs the file instead. So a process takes the call from itself, by seccomp, before it does anything else.
//! Where that cannot be had, the store syncs the database's file after each flush.
//!
//! A filter of seccomp needs `no_new_privs`, and both pass on to children: a program that a notice starts cannot become
//! another user (`sudo`, `ping` with a set-user-id bit) any more.

use std::fs::{self, File};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use super::StoreError;
use super::io::{cannot, sync_folder};

/// sled's log within the folder of a database.
const LOG: &str = "db";

/// Whether sled syncs by itself in this process.
static SLED_SYNCS: AtomicBool = AtomicBool::new(false);

/// Makes sled sync for real in this process, all its threads and its children. To be called before the first thread is
/// made, and once: each call adds a filter.
///
/// # Errors
///
/// If the system refuses the filter, or this processor is not known to the filter's maker: with the reason. Writes are
/// then synced by the store itself, which is as safe and takes one more call for each flush.
pub fn install() -> Result<(), String> {
    filter::install()?;
    SLED_SYNCS.store(true, Ordering::Release);
    Ok(())
}

/// Whether sled syncs by itself in this process.
#[must_use]
pub fn is_installed() -> bool {
    SLED_SYNCS.load(Ordering::Acquire)
}

/// Finishes a flush of the database in this folder: nothing is left to do where sled syncs by itself.
pub(super) fn after_flush(database: &Path) -> Result<(), StoreError> {
    if is_installed() { Ok(()) } else { sync_file(&database.join(LOG)) }
}

/// Makes a database that was just created safe: its files, and the names by which they are found.
pub(super) fn after_creation(database: &Path) -> Result<(), StoreError> {
    for entry in fs::read_dir(database).map_err(|error| cannot(database, "be listed", error))? {
        let path = entry.map_err(|error| cannot(database, "be listed", error))?.path();
        if path.is_dir() { sync_folder(&path)? } else { sync_file(&path)? }
    }
    sync_folder(database)?;
    database.parent().map_or(Ok(()), sync_folder)
}

/// Waits until the content and the size of a file are on the disk.
pub(super) fn sync_file(path: &Path) -> Result<(), StoreError> {
    let synced = File::open(path).and_then(|file| file.sync_data());
    synced.map_err(|error| cannot(path, "be synced", error))
}

#[cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64", target_arch = "riscv64")))]
mod filter {
    //! The filter, for the processors for which one can be made.

    use nix::errno::Errno;
    use nix::libc;
    use seccompiler::{BpfProgram, Error, SeccompAction, SeccompFilter, apply_filter_all_threads};

    /// Answers `sync_file_range` as a system does that does not know it, and lets everything else pass.
    pub(super) fn install() -> Result<(), String> {
        apply().map_err(|error| error.to_string())
    }

    fn apply() -> Result<(), Error> {
        let rules = [(libc::SYS_sync_file_range, Vec::new())].into();
        let unknown = SeccompAction::Errno(Errno::ENOSYS as u32);
        let filter = SeccompFilter::new(rules, SeccompAction::Allow, unknown, std::env::consts::ARCH.try_into()?)?;
        let program: BpfProgram = filter.try_into()?;
        apply_filter_all_threads(&program)
    }
}

#[cfg(not(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64", target_arch = "riscv64"))))]
mod filter {
    //! No filter can be made for this processor.

    pub(super) fn install() -> Result<(), String> {
        Err(format!("no filter can be made for {}", std::env::consts::ARCH))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_is_synced_with_its_files_its_folders_and_the_folder_above() {
        let above = tempfile::tempdir().unwrap();
        let database = above.path().join("db");
        fs::create_dir_all(database.join("blobs")).unwrap();
        fs::write(database.join(LOG), b"log").unwrap();
        after_creation(&database).unwrap();
        after_flush(&database).unwrap();
    }

    #[test]
    fn what_cannot_be_synced_is_an_error_that_names_it() {
        let above = tempfile::tempdir().unwrap();
        let error = sync_file(&above.path().join("gone")).unwrap_err().to_string();
        assert!(error.contains("gone cannot be synced"), "{error}");
    }
}
