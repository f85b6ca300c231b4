//! Tables in sled, made safe, and beside them the mirrors, each in a file.
//!
//! sled answers damage in three ways: an error, a panic, or an older or empty database without a word. Errors and
//! panics become [`StoreError::Damaged`] with the next step named; the silent kinds are noticed by the seal.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::mirrors::{Mirrors, Unfinished};
use super::opening::{self, DATABASE, guarded};
use super::sorted_file::SortedFile;
use super::{BulkTable, Bytes, Engine, Files, Ops, Pair, Pairs, Table};
use crate::snapshot::StoreError;
use crate::snapshot::durable;
use crate::snapshot::glance;
use crate::snapshot::io::{cannot, sync_folder};

/// The note in the state directory that the database is being written to.
pub(in crate::snapshot) const UNCLEAN: &str = "unclean";

/// The note in the state directory how large sled's file was after the last compaction.
pub(in crate::snapshot) const COMPACTED: &str = "compacted";

/// An open database.
pub struct SledEngine {
    db: sled::Db,
    trees: Mutex<BTreeMap<Table, sled::Tree>>,
    mirrors: Mirrors,
    directory: PathBuf,
    database: PathBuf,
    files: Files,
    // Held for as long as the database is open; the operating system lets go of it when the process ends, however.
    lock: Arc<File>,
    /// Whether it was not closed after it was last written to.
    was_unclean: bool,
    /// Whether something was written since it was opened.
    is_written: AtomicBool,
    /// Whether what an unclean end may have left is still unknown, or a write failed.
    is_doubtful: AtomicBool,
    #[cfg(test)]
    pub(in crate::snapshot) batches_until_crash: Mutex<Option<u32>>,
}

impl SledEngine {
    /// Opens the database of a state directory whose lock we hold, and makes it if there is none.
    pub(in crate::snapshot) fn open(directory: &Path, lock: Arc<File>) -> Result<Self, StoreError> {
        let database = directory.join(DATABASE);
        opening::remove_generating(&database)?;
        opening::require_room(directory)?;
        Self::open_at(directory, &database, lock)
    }

    /// Opens a database that lies elsewhere in the state directory.
    pub(in crate::snapshot) fn open_at(directory: &Path, database: &Path, lock: Arc<File>) -> Result<Self, StoreError> {
        let is_new = !database.exists();
        let db = opening::open(directory, database)?;
        if is_new {
            durable::after_creation(database)?;
        }
        let was_unclean = directory.join(UNCLEAN).exists();
        Ok(Self {
            db,
            trees: Mutex::default(),
            mirrors: Mirrors::of(directory, database)?,
            directory: directory.to_owned(),
            database: database.to_owned(),
            files: Files::of(directory),
            lock,
            was_unclean,
            is_written: AtomicBool::new(false),
            is_doubtful: AtomicBool::new(was_unclean),
            #[cfg(test)]
            batches_until_crash: Mutex::new(None),
        })
    }

    /// The lock of the state directory.
    pub(in crate::snapshot) fn lock(&self) -> Arc<File> {
        Arc::clone(&self.lock)
    }

    /// Whether it was not closed after it was last written to: whether its records add up is then looked at.
    pub(in crate::snapshot) fn was_unclean(&self) -> bool {
        self.was_unclean
    }

    /// Takes note that its records add up.
    pub(in crate::snapshot) fn is_whole(&self) {
        self.is_doubtful.store(false, Ordering::Release);
    }

    /// Notes on disk, before the first write, that it is being written to. The note is gone when it is closed well. What
    /// was told of it at a glance is not true any more from here on.
    fn note_unclean(&self) -> Result<(), StoreError> {
        if self.is_written.swap(true, Ordering::AcqRel) {
            return Ok(());
        }
        glance::forget(&self.directory);
        if self.was_unclean {
            return Ok(());
        }
        let note = self.directory.join(UNCLEAN);
        File::create(&note).map_err(|error| cannot(&note, "be written", error))?;
        sync_folder(&self.directory)
    }

    fn tree(&self, table: Table) -> Result<sled::Tree, StoreError> {
        let mut trees = self.trees.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(tree) = trees.get(&table) {
            return Ok(tree.clone());
        }
        let tree = guarded(&self.directory, || self.db.open_tree(table.name().as_bytes()))?;
        trees.insert(table, tree.clone());
        Ok(tree)
    }

    /// Where a table lies.
    fn place(&self, table: Table) -> Result<Place, StoreError> {
        let Table::Mirror(number) = table else { return self.tree(table).map(Place::Tree) };
        if let Some(file) = self.mirrors.file(number)? {
            return Ok(Place::File(file));
        }
        // sled would make a tree that is not there.
        let is_there = self.trees_there().any(|there| there == table);
        if is_there { self.tree(table).map(Place::Tree) } else { Ok(Place::Nowhere) }
    }

    fn trees_there(&self) -> impl Iterator<Item = Table> {
        self.db.tree_names().into_iter().filter_map(|name| Table::named(&name))
    }

    /// Takes a mirror over from another database if it lies in a file there. False if it does not.
    pub(in crate::snapshot) fn take_over(&self, from: &Self, table: Table) -> Result<bool, StoreError> {
        match table {
            Table::Mirror(number) if from.mirrors.has(number) => {
                self.mirrors.take_over(&from.mirrors, number).map(|()| true)
            }
            _ => Ok(false),
        }
    }

    #[cfg(test)]
    fn crash_if_told(&self) -> Result<(), StoreError> {
        let mut left = self.batches_until_crash.lock().unwrap();
        match left.as_mut() {
            Some(0) => {
                self.is_doubtful.store(true, Ordering::Release);
                Err(StoreError::Misused("the test crashed the store here".into()))
            }
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

impl Engine for SledEngine {
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Bytes>, StoreError> {
        match self.place(table)? {
            Place::Tree(tree) => Ok(guarded(&self.directory, || tree.get(key))?.map(Bytes::Sled)),
            Place::File(file) => file.get(key),
            Place::Nowhere => Ok(None),
        }
    }

    fn range(&self, table: Table, from: &[u8], to: Option<&[u8]>) -> Result<Pairs<'_>, StoreError> {
        let tree = match self.place(table)? {
            Place::Tree(tree) => tree,
            Place::File(file) => return Ok(file.range(from, to)),
            Place::Nowhere => return Ok(Box::new(std::iter::empty())),
        };
        let pairs = match to {
            Some(to) if to <= from => return Ok(Box::new(std::iter::empty())),
            Some(to) => tree.range(from.to_vec()..to.to_vec()),
            None => tree.range(from.to_vec()..),
        };
        Ok(Box::new(Walk { directory: &self.directory, pairs }))
    }

    fn commit(&self, table: Table, ops: Ops) -> Result<(), StoreError> {
        if let Table::Mirror(_) = table {
            return Err(StoreError::Misused(format!("`{}` is written whole or not at all", table.name())));
        }
        self.note_unclean()?;
        self.crash_if_told()?;
        let tree = self.tree(table)?;
        let mut batch = sled::Batch::default();
        for (key, value) in ops {
            match value {
                Some(value) => batch.insert(key, value),
                None => batch.remove(key),
            }
        }
        let written = guarded(&self.directory, || tree.apply_batch(batch));
        written.inspect_err(|_| self.is_doubtful.store(true, Ordering::Release))
    }

    fn bulk(&self, table: Table) -> Result<Box<dyn BulkTable + '_>, StoreError> {
        let Table::Mirror(number) = table else {
            return Err(StoreError::Misused(format!("`{}` is written bit by bit", table.name())));
        };
        self.note_unclean()?;
        self.crash_if_told()?;
        Ok(Box::new(Bulk { engine: self, unfinished: self.mirrors.begin(number)? }))
    }

    fn sync(&self) -> Result<(), StoreError> {
        let flushed = guarded(&self.directory, || self.db.flush());
        let synced = flushed.and_then(|_| durable::after_flush(&self.database));
        synced.inspect_err(|_| self.is_doubtful.store(true, Ordering::Release))
    }

    fn tables(&self) -> Result<Vec<Table>, StoreError> {
        let in_files = self.mirrors.numbers()?.into_iter().map(Table::Mirror);
        let tables: BTreeSet<Table> = self.trees_there().chain(in_files).collect();
        Ok(tables.into_iter().collect())
    }

    fn drop_table(&self, table: Table) -> Result<(), StoreError> {
        self.crash_if_told()?;
        if let Table::Mirror(number) = table {
            self.mirrors.remove(number)?;
        }
        self.trees.lock().unwrap_or_else(PoisonError::into_inner).remove(&table);
        let was_there = guarded(&self.directory, || self.db.drop_tree(table.name().as_bytes()))?;
        if was_there && matches!(table, Table::Mirror(_)) {
            // A mirror leaves sled for good, and a fresh copy would be much smaller than the last one was.
            let _ = std::fs::remove_file(self.directory.join(COMPACTED));
        }
        Ok(())
    }

    fn lies_apart(&self, table: Table) -> bool {
        matches!(table, Table::Mirror(number) if self.mirrors.has(number))
    }

    fn files(&self) -> &Files {
        &self.files
    }

    fn is_written(&self) -> bool {
        self.is_written.load(Ordering::Acquire)
    }

    fn is_doubtful(&self) -> bool {
        self.is_doubtful.load(Ordering::Acquire)
    }

    fn size_on_disk(&self) -> Result<u64, StoreError> {
        guarded(&self.directory, || self.db.size_on_disk())
    }

    fn require_room(&self) -> Result<(), StoreError> {
        opening::require_room(&self.directory)
    }

    fn damaged(&self, reason: &dyn std::fmt::Display) -> StoreError {
        opening::damaged(&self.directory, reason)
    }
}

impl Drop for SledEngine {
    fn drop(&mut self) {
        let is_written = self.is_written.load(Ordering::Acquire);
        if !(is_written || self.was_unclean) || self.is_doubtful.load(Ordering::Acquire) || self.sync().is_err() {
            return;
        }
        if std::fs::remove_file(self.directory.join(UNCLEAN)).is_ok() {
            let _ = sync_folder(&self.directory);
        }
    }
}

/// Where a table lies.
enum Place {
    Tree(sled::Tree),
    File(Arc<SortedFile>),
    Nowhere,
}

/// A mirror that is being written.
struct Bulk<'a> {
    engine: &'a SledEngine,
    unfinished: Unfinished<'a>,
}

impl Bulk<'_> {
    fn end(mut self, tally: &[u8]) -> Result<(), StoreError> {
        self.unfinished.complete(tally)?;
        self.engine.crash_if_told()?;
        self.unfinished.take_its_place()?;
        self.engine.crash_if_told()
    }
}

impl BulkTable for Bulk<'_> {
    fn put(&mut self, key: &[u8], value: &[u8]) -> Result<(), StoreError> {
        self.unfinished.put(key, value)
    }

    fn finish(self: Box<Self>, tally: &[u8]) -> Result<(), StoreError> {
        let engine = self.engine;
        self.end(tally).inspect_err(|_| engine.is_doubtful.store(true, Ordering::Release))
    }
}

/// A walk that turns panics into errors.
struct Walk<'a> {
    directory: &'a Path,
    pairs: sled::Iter,
}

impl Walk<'_> {
    fn step(
        &mut self,
        step: impl FnOnce(&mut sled::Iter) -> Option<sled::Result<(sled::IVec, sled::IVec)>>,
    ) -> Option<Result<Pair, StoreError>> {
        let pair = guarded(self.directory, || step(&mut self.pairs).transpose()).transpose()?;
        Some(pair.map(|(key, value)| (Bytes::Sled(key), Bytes::Sled(value))))
    }
}

impl Iterator for Walk<'_> {
    type Item = Result<Pair, StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.step(Iterator::next)
    }
}

impl DoubleEndedIterator for Walk<'_> {
    fn next_back(&mut self) -> Option<Self::Item> {
        self.step(DoubleEndedIterator::next_back)
    }
}
