//! sled, made safe: how it is opened, written to and read.
//!
//! sled answers damage in three ways: an error, a panic, or an older or empty database without a word. Errors and
//! panics become [`StoreError::Damaged`] with the next step named; the silent kinds are noticed by the [`seal`].

use std::collections::BTreeMap;
use std::fs::{self, File, TryLockError};
use std::io::{Read as _, Seek as _, Write as _};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::codec::{pack, unpack};
use super::keys::{self, Key};
use super::repair;
use super::seal::{self, HashKey, Seal, Tally};
use super::{StoreError, compaction, durable, folder};

/// The folder of the database within the state directory.
pub(super) const DATABASE: &str = "db";

/// Memory that sled may use to cache pages.
pub(super) const CACHE_BYTES: u64 = 48 << 20;

/// Keys in one batch. Bigger batches of small values make sled hold gigabytes.
pub(super) const BATCH_KEYS: usize = 100;

/// Room that must be free before the database is opened: a disk that fills while sled opens makes it unopenable.
const ROOM_FLOOR: u64 = 256 << 20;

/// What one batch does: a value to keep or nothing to remove, sorted by key, the last word on each key.
pub(super) type Ops = BTreeMap<Key, Option<Vec<u8>>>;

/// A key and its value, as sled hands them out.
pub(super) type Pair = (sled::IVec, sled::IVec);

/// An open database with its lock and its seal.
pub(super) struct Disk {
    db: sled::Db,
    directory: PathBuf,
    secret: HashKey,
    sealed: AtomicBool,
    // Held for as long as the database is open; the operating system lets go of it when the process ends, however.
    lock: File,
    #[cfg(test)]
    pub(super) batches_until_crash: std::sync::Mutex<Option<u32>>,
}

/// What is known right after opening.
pub(super) struct Opened {
    /// The database.
    pub(super) disk: Disk,
    /// Its tally.
    pub(super) tally: Tally,
    /// Why it is not sealed, if it is not.
    pub(super) broken: Option<String>,
}

/// What the first scan found.
struct Stock {
    db: sled::Db,
    secret: HashKey,
    scanned: Tally,
    running: Option<Seal>,
    inside: Option<Seal>,
}

impl Disk {
    /// Opens the database of a state directory, and makes it if there is none.
    pub(super) fn open(directory: &Path) -> Result<Opened, StoreError> {
        folder::refuse_root(directory)?;
        folder::make(directory)?;
        let lock = lock_directory(directory)?;
        seal::refuse_later(directory)?;
        compaction::settle(directory)?;
        let database = directory.join(DATABASE);
        remove_generating(&database)?;
        require_room(directory, &database)?;
        let stock = take_stock(directory, &database)?;
        Self::judge(directory, lock, stock)
    }

    fn judge(directory: &Path, lock: File, stock: Stock) -> Result<Opened, StoreError> {
        let Stock { db, secret, scanned, running, inside } = stock;
        let beside = seal::read_beside(directory);
        let brand_new = scanned.records == 0 && !directory.join(seal::FILE).exists();
        let newest = [&running, &inside, &beside].into_iter().flatten();
        let mut tally = scanned;
        for known in newest {
            tally.generation = tally.generation.max(known.generation);
            tally.batches = tally.batches.max(known.batches);
        }
        let found = tally.seal(&secret);
        let disk = Self {
            db,
            directory: directory.to_owned(),
            secret,
            sealed: AtomicBool::new(true),
            lock,
            #[cfg(test)]
            batches_until_crash: std::sync::Mutex::new(None),
        };
        if brand_new {
            // Before the seal: whoever has one was created safely.
            durable::after_creation(&directory.join(DATABASE))?;
            disk.seal(&mut tally)?;
            return Ok(Opened { disk, tally, broken: None });
        }
        let broken = seal::broken(&found, running.as_ref(), inside.as_ref(), beside.as_ref());
        if broken.is_some() {
            // The next batch will carry a tally that adds up again; without the seal inside, the store stays unsealed.
            disk.unseal(&mut tally)?;
        }
        Ok(Opened { disk, tally, broken })
    }

    /// Closes the database, and hands out the lock of the state directory.
    pub(super) fn close(self) -> File {
        self.lock
    }

    /// Refuses if too little disk is free to go on safely.
    pub(super) fn require_room(&self) -> Result<(), StoreError> {
        require_room(&self.directory, &self.directory.join(DATABASE))
    }

    /// Makes it unsealed until it is sealed again.
    pub(super) fn unseal(&self, tally: &mut Tally) -> Result<(), StoreError> {
        self.sealed.store(false, Ordering::Release);
        self.write(tally, Ops::from([(keys::SEAL.to_vec(), None)]))?;
        self.flush()
    }

    /// The secret of the record hashes.
    pub(super) fn secret(&self) -> &HashKey {
        &self.secret
    }

    /// Whether the content matches its seal.
    pub(super) fn is_sealed(&self) -> bool {
        self.sealed.load(Ordering::Acquire)
    }

    /// Seals the content inside and beside. Inside first: a crash between the two leaves a store that is newer than
    /// the file, which is no loss.
    pub(super) fn seal(&self, tally: &mut Tally) -> Result<(), StoreError> {
        let mut after = *tally;
        after.batches += 1;
        let seal = after.seal(&self.secret);
        let bytes = pack(&seal).map_err(|error| self.damaged(&error))?;
        self.write(tally, Ops::from([(keys::SEAL.to_vec(), Some(bytes))]))?;
        self.flush()?;
        seal::write_beside(&self.directory, &seal)?;
        self.sealed.store(true, Ordering::Release);
        Ok(())
    }

    /// One value.
    pub(super) fn get(&self, key: &[u8]) -> Result<Option<sled::IVec>, StoreError> {
        self.guarded(|| self.db.get(key))
    }

    /// The last pair at or before a key, within a range that begins at `from`.
    pub(super) fn last_until(&self, from: &[u8], until: &[u8]) -> Result<Option<Pair>, StoreError> {
        self.guarded(|| self.db.range(from.to_vec()..=until.to_vec()).next_back().transpose())
    }

    /// All pairs under a prefix, in the order of their keys.
    pub(super) fn scan(&self, prefix: &[u8]) -> impl DoubleEndedIterator<Item = Result<Pair, StoreError>> + Send + '_ {
        Scan { disk: self, pairs: self.db.scan_prefix(prefix) }
    }

    /// Writes one batch: all of it or, after a crash, nothing of it. Not yet safe from a power cut; see
    /// [`Disk::flush`]. The tally moves only if the batch was taken.
    pub(super) fn write(&self, tally: &mut Tally, ops: Ops) -> Result<(), StoreError> {
        self.crash_if_told()?;
        let mut after = *tally;
        after.batches += 1;
        let mut batch = sled::Batch::default();
        for (key, value) in ops {
            if !keys::is_meta(&key) {
                if let Some(before) = self.get(&key)? {
                    after.remove(&self.secret, &key, &before);
                }
                if let Some(value) = &value {
                    after.add(&self.secret, &key, value);
                }
            }
            match value {
                Some(value) => batch.insert(key, value),
                None => batch.remove(key),
            }
        }
        let running = pack(&after.seal(&self.secret)).map_err(|error| self.damaged(&error))?;
        batch.insert(keys::TALLY, running);
        self.guarded(|| self.db.apply_batch(batch))?;
        *tally = after;
        Ok(())
    }

    /// Waits until everything that was written is safe from a power cut.
    pub(super) fn flush(&self) -> Result<(), StoreError> {
        self.guarded(|| self.db.flush())?;
        durable::after_flush(&self.directory.join(DATABASE))
    }

    /// The state directory that it lies in.
    pub(super) fn directory(&self) -> &Path {
        &self.directory
    }

    /// What the database takes on disk.
    pub(super) fn size_on_disk(&self) -> Result<u64, StoreError> {
        self.guarded(|| self.db.size_on_disk())
    }

    /// An error that says what was found, where, and the next step.
    pub(super) fn damaged(&self, reason: &dyn std::fmt::Display) -> StoreError {
        damaged(&self.directory, reason)
    }

    /// Runs a piece of sled, whose answer to damage may be a panic.
    fn guarded<T>(&self, work: impl FnOnce() -> sled::Result<T>) -> Result<T, StoreError> {
        match catch_unwind(AssertUnwindSafe(work)) {
            Ok(answer) => answer.map_err(|error| sled_error(&self.directory, &error)),
            Err(panic) => Err(self.damaged(&panic_text(&*panic))),
        }
    }

    #[cfg(test)]
    fn crash_if_told(&self) -> Result<(), StoreError> {
        let mut left = self.batches_until_crash.lock().unwrap();
        match left.as_mut() {
            Some(0) => Err(StoreError::Other("the test crashed the store here".into())),
            Some(count) => {
                *count -= 1;
                Ok(())
            }
            None => Ok(()),
        }
    }

    #[cfg(not(test))]
    #[allow(clippy::unused_self, clippy::unnecessary_wraps, reason = "tests crash here")]
    const fn crash_if_told(&self) -> Result<(), StoreError> {
        Ok(())
    }
}

/// A scan that turns panics into errors and ends after the first.
struct Scan<'a> {
    disk: &'a Disk,
    pairs: sled::Iter,
}

impl Iterator for Scan<'_> {
    type Item = Result<Pair, StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.disk.guarded(|| self.pairs.next().transpose()).transpose()
    }
}

impl DoubleEndedIterator for Scan<'_> {
    fn next_back(&mut self) -> Option<Self::Item> {
        self.disk.guarded(|| self.pairs.next_back().transpose()).transpose()
    }
}

/// Takes the lock of the state directory, and writes our process id into it for whoever comes second.
pub(super) fn lock_directory(directory: &Path) -> Result<File, StoreError> {
    let path = directory.join("state.lock");
    let mut file = File::options()
        .create(true)
        .truncate(false)
        .read(true)
        .write(true)
        .open(&path)
        .map_err(|error| cannot(&path, "be opened", &error))?;
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
        Err(TryLockError::Error(error)) => return Err(cannot(&path, "be locked", &error)),
    }
    let written = file
        .set_len(0)
        .and_then(|()| file.rewind())
        .and_then(|()| file.write_all(std::process::id().to_string().as_bytes()));
    written.map_err(|error| cannot(&path, "be written", &error))?;
    Ok(file)
}

/// sled leaves `snap.*.generating` behind when the disk fills while it opens, and takes it for a damaged snapshot of
/// its own from then on, for ever. The file holds nothing that the log does not.
fn remove_generating(database: &Path) -> Result<(), StoreError> {
    let Ok(entries) = fs::read_dir(database) else {
        return Ok(());
    };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name.starts_with("snap.") && name.ends_with(".generating") {
            fs::remove_file(entry.path()).map_err(|error| cannot(&entry.path(), "be removed", &error))?;
        }
    }
    Ok(())
}

fn require_room(directory: &Path, database: &Path) -> Result<(), StoreError> {
    let statistics = rustix::fs::statvfs(directory)
        .map_err(|error| cannot(directory, "be asked for its free space", &error.into()))?;
    let free = statistics.f_bavail.saturating_mul(statistics.f_frsize);
    let file = fs::metadata(database.join("db")).map_or(0, |metadata| metadata.len());
    match room_missing(free, file) {
        None => Ok(()),
        Some(reason) => Err(StoreError::NoRoom { path: directory.display().to_string(), reason }),
    }
}

/// What to say if there is too little room: the database may double while it is tidied up.
fn room_missing(free: u64, file: u64) -> Option<String> {
    let needed = ROOM_FLOOR.max(file.saturating_mul(2));
    (free < needed).then(|| {
        let (free, needed) = (free >> 20, needed >> 20);
        format!("{free} MB are free and {needed} MB are needed; make room and try again")
    })
}

/// Opens sled and counts everything once, in a plain thread, because a damaged file can make either panic.
fn take_stock(directory: &Path, database: &Path) -> Result<Stock, StoreError> {
    let database = database.to_owned();
    let work = move || -> Result<Stock, sled::Error> { count(open_patiently(&database)?) };
    let counted = std::thread::Builder::new()
        .name("snapshot".into())
        .spawn(work)
        .map_err(|error| cannot(directory, "be opened in a thread", &error))?
        .join();
    match counted {
        Ok(Ok(stock)) => Ok(stock),
        Ok(Err(error)) => Err(sled_error(directory, &error)),
        Err(panic) => Err(damaged(directory, &panic_text(&*panic))),
    }
}

/// How often, and how long apart, a lock of sled's own is tried again.
const LOCK_ATTEMPTS: u32 = 100;
const LOCK_PAUSE: Duration = Duration::from_millis(50);

/// Opens sled. The state directory is locked by us, so whoever still holds sled's own lock is an earlier handle of this
/// process, whose last thread lets go of it a moment after the handle was dropped.
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
        if io.kind() == std::io::ErrorKind::WouldBlock || io.to_string().contains("acquire lock"))
}

fn count(db: sled::Db) -> Result<Stock, sled::Error> {
    let seal = |key| -> Result<Option<Seal>, sled::Error> { Ok(db.get(key)?.and_then(|bytes| unpack(&bytes).ok())) };
    let (running, inside) = (seal(keys::TALLY)?, seal(keys::SEAL)?);
    let secret = match db.get(keys::HASH_KEY)?.and_then(|bytes| HashKey::from_bytes(&bytes)) {
        Some(secret) => secret,
        None => {
            let secret = HashKey::random();
            db.insert(keys::HASH_KEY, secret.bytes())?;
            secret
        }
    };
    let mut scanned = Tally::default();
    for pair in db.iter() {
        let (key, value) = pair?;
        if !keys::is_meta(&key) {
            scanned.add(&secret, &key, &value);
        }
    }
    Ok(Stock { db, secret, scanned, running, inside })
}

fn sled_error(directory: &Path, error: &sled::Error) -> StoreError {
    match error {
        error if is_locked(error) => StoreError::Busy { path: directory.display().to_string() },
        sled::Error::Io(io) if io.kind() == std::io::ErrorKind::StorageFull => {
            StoreError::NoRoom { path: directory.display().to_string(), reason: "the disk is full".into() }
        }
        sled::Error::Io(io) => StoreError::Other(format!("{}: {io}", directory.display())),
        other => damaged(directory, other),
    }
}

fn damaged(directory: &Path, reason: &dyn std::fmt::Display) -> StoreError {
    StoreError::Damaged { path: directory.display().to_string(), reason: format!("{reason}; {}", repair::REMEDY) }
}

/// An I/O error with its place.
pub(super) fn cannot(path: &Path, what: &str, error: &std::io::Error) -> StoreError {
    match error.kind() {
        std::io::ErrorKind::StorageFull => {
            StoreError::NoRoom { path: path.display().to_string(), reason: "the disk is full".into() }
        }
        _ => StoreError::Other(format!("{} cannot {what}: {error}", path.display())),
    }
}

/// What a panic said.
pub(super) fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "it gave no reason".into())
}

#[cfg(test)]
mod tests {
    use super::room_missing;

    #[test]
    fn a_disk_with_too_little_room_is_refused_before_sled_is_opened() {
        assert!(room_missing(255 << 20, 0).is_some());
        assert!(room_missing(257 << 20, 0).is_none());
        assert!(room_missing(900 << 20, 500 << 20).is_some());
    }
}
