//! How the database of a state directory is opened: under a lock, with room on the disk, and without what a full disk
//! left behind.

use std::fs::{self, File, TryLockError};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::time::Duration;

use super::mirrors;
use crate::snapshot::StoreError;
use crate::snapshot::io::{cannot, panic_text};

/// The folder of the database within the state directory.
pub(in crate::snapshot) const DATABASE: &str = "db";

/// The lock of the state directory, within it.
pub(in crate::snapshot) const LOCK: &str = "state.lock";

/// Memory that sled may use to cache pages. More hardly helps, as every page is read at most a few times in a run.
const CACHE_BYTES: u64 = 16 << 20;

/// Room that must be free before the database is opened: a disk that fills while sled opens makes it unopenable.
const ROOM_FLOOR: u64 = 256 << 20;

/// What an error about damage advises.
pub(in crate::snapshot) const REMEDY: &str = "repair it by `drop-index`, else `drop-mirror`, else `start-anew`, in \
                                              this order; then the next run rebuilds it from the directory and the \
                                              target";

/// Takes the lock of the state directory, and writes our process id into it for a second comer to read.
pub(in crate::snapshot) fn lock_directory(directory: &Path) -> Result<File, StoreError> {
    let path = directory.join(LOCK);
    let mut file = File::options()
        .create(true)
        .truncate(false)
        .read(true)
        .write(true)
        .open(&path)
        .map_err(|error| cannot(&path, "be opened", error))?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut holder = String::new();
            let _ = file.read_to_string(&mut holder);
            let holder = match holder.trim() {
                "" => String::new(),
                process => format!(" (process {process})"),
            };
            return Err(StoreError::Busy { path: format!("{}{holder}", directory.display()) });
        }
        Err(TryLockError::Error(error)) => return Err(cannot(&path, "be locked", error)),
    }
    let written = file
        .set_len(0)
        .and_then(|()| file.rewind())
        .and_then(|()| file.write_all(std::process::id().to_string().as_bytes()));
    written.map_err(|error| cannot(&path, "be written", error))?;
    Ok(file)
}

/// sled leaves `snap.*.generating` behind when the disk fills while it opens, and takes it for a damaged snapshot of
/// its own from then on, for ever. The file holds nothing that the log does not.
pub(super) fn remove_generating(database: &Path) -> Result<(), StoreError> {
    let Ok(entries) = fs::read_dir(database) else {
        return Ok(());
    };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name.starts_with("snap.") && name.ends_with(".generating") {
            fs::remove_file(entry.path()).map_err(|error| cannot(&entry.path(), "be removed", error))?;
        }
    }
    Ok(())
}

/// Refuses if too little disk is free to open the database, or to go on with it.
pub(in crate::snapshot) fn require_room(directory: &Path) -> Result<(), StoreError> {
    let statistics = rustix::fs::statvfs(directory)
        .map_err(|error| cannot(directory, "be asked for its free space", error.into()))?;
    let free = statistics.f_bavail.saturating_mul(statistics.f_frsize);
    let database = directory.join(DATABASE);
    let file = fs::metadata(database.join("db")).map_or(0, |metadata| metadata.len());
    match room_missing(free, file, mirrors::size_on_disk(&database)) {
        None => Ok(()),
        Some(reason) => Err(StoreError::NoRoom { path: directory.display().to_string(), reason }),
    }
}

/// What to say if there is too little room: the database may double while it is tidied up, and a mirror is written beside
/// the one before.
fn room_missing(free: u64, file: u64, mirror: u64) -> Option<String> {
    let needed = ROOM_FLOOR.max(file.saturating_mul(2).saturating_add(mirror));
    (free < needed).then(|| {
        let (free, needed) = (free >> 20, needed >> 20);
        format!("{free} MB are free and {needed} MB are needed; make room and try again")
    })
}

/// Opens sled in a plain thread, because a damaged file can make it panic.
pub(in crate::snapshot) fn open(directory: &Path, database: &Path) -> Result<sled::Db, StoreError> {
    let path = database.to_owned();
    let opened = std::thread::Builder::new()
        .name("snapshot".into())
        .spawn(move || open_patiently(&path))
        .map_err(|error| cannot(directory, "be opened in a thread", error))?
        .join();
    match opened {
        Ok(opened) => opened.map_err(|error| sled_error(directory, error)),
        Err(panic) => Err(damaged(directory, &panic_text(&*panic))),
    }
}

/// How often, and how long apart, a lock of sled's own is tried again.
const LOCK_ATTEMPTS: u32 = 100;
const LOCK_PAUSE: Duration = Duration::from_millis(50);

/// Opens sled. The state directory is locked by us, so if sled's own lock is still held, it is by an earlier handle of
/// this process, whose last thread lets go of it a moment after the handle was dropped.
fn open_patiently(database: &Path) -> Result<sled::Db, sled::Error> {
    let mut attempt = 1;
    loop {
        match sled::Config::new().path(database).cache_capacity(CACHE_BYTES).flush_every_ms(None).open() {
            Err(error) if is_locked(&error) && attempt < LOCK_ATTEMPTS => attempt += 1,
            other => return other,
        }
        #[allow(clippy::disallowed_methods, reason = "this is a thread of its own, made for opening")]
        std::thread::sleep(LOCK_PAUSE);
    }
}

fn is_locked(error: &sled::Error) -> bool {
    matches!(error, sled::Error::Io(io)
        if io.kind() == io::ErrorKind::WouldBlock || io.to_string().contains("acquire lock"))
}

/// Runs a piece of sled, whose answer to damage may be a panic.
pub(in crate::snapshot) fn guarded<T>(
    directory: &Path,
    work: impl FnOnce() -> sled::Result<T>,
) -> Result<T, StoreError> {
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(answer) => answer.map_err(|error| sled_error(directory, error)),
        Err(panic) => Err(damaged(directory, &panic_text(&*panic))),
    }
}

fn sled_error(directory: &Path, error: sled::Error) -> StoreError {
    match error {
        error if is_locked(&error) => StoreError::Busy { path: directory.display().to_string() },
        sled::Error::Io(io) => cannot(directory, "be read or written", io),
        other => damaged(directory, &other),
    }
}

/// An error that says what was found, where, and the next step.
pub(in crate::snapshot) fn damaged(directory: &Path, reason: &dyn std::fmt::Display) -> StoreError {
    StoreError::Damaged { path: directory.display().to_string(), reason: format!("{reason}; {REMEDY}") }
}

#[cfg(test)]
mod tests {
    use super::room_missing;

    #[test]
    fn a_disk_with_too_little_room_is_refused_before_sled_is_opened() {
        assert!(room_missing(255 << 20, 0, 0).is_some());
        assert!(room_missing(257 << 20, 0, 0).is_none());
        assert!(room_missing(900 << 20, 500 << 20, 0).is_some());
        assert!(room_missing(900 << 20, 400 << 20, 50 << 20).is_none());
        assert!(room_missing(900 << 20, 400 << 20, 150 << 20).is_some());
    }
}
