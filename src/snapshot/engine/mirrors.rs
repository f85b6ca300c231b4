//! The mirrors of a database, each in a file of its own: `mirror/N` within the folder of the database.
//!
//! The mirror is written whole, read, and removed whole when the next one counts. sled would pay for that thrice: it
//! writes each page twice, keeps the room for ever, and writes zeros over free room whenever it is opened. A file is
//! written under another name, synced, and renamed, so that there is a whole one or none. It lies within the folder of
//! the database, so that what renames that takes it along. A snapshot of an earlier version has its mirror in sled until
//! it is written anew.

use std::collections::BTreeMap;
use std::fs::{self, DirBuilder, File};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::sorted_file::{SortedFile, SortedWriter};
use crate::snapshot::StoreError;
use crate::snapshot::io::{cannot, rename, sync_folder};

/// The folder of the files within that of the database.
pub(in crate::snapshot) const FOLDER: &str = "mirror";

/// What the name of a file ends with while it is written.
const UNFINISHED: &str = ".new";

/// The files of a database.
pub(super) struct Mirrors {
    /// The state directory.
    directory: PathBuf,
    folder: PathBuf,
    open: Mutex<BTreeMap<u64, Arc<SortedFile>>>,
}

impl Mirrors {
    /// Those of a database, without what was never finished.
    pub(super) fn of(directory: &Path, database: &Path) -> Result<Self, StoreError> {
        let folder = database.join(FOLDER);
        for name in names(&folder)?.iter().filter(|name| name.ends_with(UNFINISHED)) {
            let path = folder.join(name);
            fs::remove_file(&path).map_err(|error| cannot(&path, "be removed", error))?;
        }
        Ok(Self { directory: directory.to_owned(), folder, open: Mutex::default() })
    }

    fn open(&self) -> MutexGuard<'_, BTreeMap<u64, Arc<SortedFile>>> {
        // What a panic under the lock leaves are files that were opened.
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn path(&self, number: u64) -> PathBuf {
        self.folder.join(number.to_string())
    }

    /// The numbers of those that are there.
    pub(super) fn numbers(&self) -> Result<Vec<u64>, StoreError> {
        Ok(names(&self.folder)?.iter().filter_map(|name| name.parse().ok()).collect())
    }

    /// The file of one; none if there is none.
    pub(super) fn file(&self, number: u64) -> Result<Option<Arc<SortedFile>>, StoreError> {
        let mut open = self.open();
        if let Some(file) = open.get(&number) {
            return Ok(Some(Arc::clone(file)));
        }
        let Some(file) = SortedFile::open(&self.directory, &self.path(number))? else { return Ok(None) };
        let file = Arc::new(file);
        open.insert(number, Arc::clone(&file));
        Ok(Some(file))
    }

    /// Whether one lies in a file.
    pub(super) fn has(&self, number: u64) -> bool {
        self.open().contains_key(&number) || self.path(number).exists()
    }

    /// Begins a new one.
    pub(super) fn begin(&self, number: u64) -> Result<Unfinished<'_>, StoreError> {
        self.make_folder()?;
        let path = self.path(number).with_extension(&UNFINISHED[1..]);
        let file = File::options().create(true).truncate(true).write(true).mode(0o600).open(&path);
        let file = file.map_err(|error| cannot(&path, "be written", error))?;
        Ok(Unfinished { mirrors: self, number, path, writer: Some(SortedWriter::into(file)) })
    }

    fn make_folder(&self) -> Result<(), StoreError> {
        match DirBuilder::new().mode(0o700).create(&self.folder) {
            Ok(()) => self.folder.parent().map_or(Ok(()), sync_folder),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            Err(error) => Err(cannot(&self.folder, "be made", error)),
        }
    }

    /// Removes one; one that is not there is fine.
    pub(super) fn remove(&self, number: u64) -> Result<(), StoreError> {
        self.open().remove(&number);
        let path = self.path(number);
        match fs::remove_file(&path) {
            Ok(()) => sync_folder(&self.folder),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(cannot(&path, "be removed", error)),
        }
    }

    /// Takes one over from another database on the same disk, without writing it again where the file system can.
    pub(super) fn take_over(&self, from: &Self, number: u64) -> Result<(), StoreError> {
        self.make_folder()?;
        let (from, to) = (from.path(number), self.path(number));
        if fs::hard_link(&from, &to).is_err() {
            let copied = fs::copy(&from, &to).and_then(|_| File::open(&to)?.sync_all());
            copied.map_err(|error| cannot(&to, "be written", error))?;
        }
        sync_folder(&self.folder)
    }
}

/// Bytes of all mirrors of a database that lie in files.
pub(in crate::snapshot) fn size_on_disk(database: &Path) -> u64 {
    let folder = database.join(FOLDER);
    let names = names(&folder).unwrap_or_default();
    let finished = names.iter().filter(|name| !name.ends_with(UNFINISHED));
    finished.filter_map(|name| Some(fs::metadata(folder.join(name)).ok()?.len())).sum()
}

/// The names of the files in a folder; none if there is no such folder.
fn names(folder: &Path) -> Result<Vec<String>, StoreError> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(cannot(folder, "be listed", error)),
    };
    let named = entries.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()));
    named.collect::<io::Result<_>>().map_err(|error| cannot(folder, "be listed", error))
}

/// One that is being written. It counts nothing, and is gone if it is dropped.
pub(super) struct Unfinished<'a> {
    mirrors: &'a Mirrors,
    number: u64,
    path: PathBuf,
    /// What writes it; none once all of it is on the disk.
    writer: Option<SortedWriter>,
}

impl Unfinished<'_> {
    /// Writes the next pair.
    pub(super) fn put(&mut self, key: &[u8], value: &[u8]) -> Result<(), StoreError> {
        let written = self.writer.as_mut().map_or(Ok(()), |writer| writer.put(key, value));
        written.map_err(|error| cannot(&self.path, "be written", error))
    }

    /// Writes what comes behind the last pair, and waits until all of it is on the disk.
    pub(super) fn complete(&mut self, tally: &[u8]) -> Result<(), StoreError> {
        let written = self.writer.take().map_or(Ok(()), |writer| writer.finish(tally));
        written.map_err(|error| cannot(&self.path, "be written", error))
    }

    /// Gives it its name, and waits until that is on the disk.
    pub(super) fn take_its_place(self) -> Result<(), StoreError> {
        self.mirrors.open().remove(&self.number);
        rename(&self.path, &self.mirrors.path(self.number))
    }
}

impl Drop for Unfinished<'_> {
    fn drop(&mut self) {
        // Once it has its name, there is nothing under this one.
        let _ = fs::remove_file(&self.path);
    }
}
