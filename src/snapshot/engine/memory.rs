//! Tables in memory: for the demonstration, for simulations, and as the twin that the tables on disk are tested against.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, RwLock, RwLockReadGuard, RwLockWriteGuard};

use super::{BulkTable, Bytes, Engine, Files, Key, Ops, Pair, Pairs, Table};
use crate::snapshot::{StoreError, keys};

type Pending = BTreeMap<Arc<[u8]>, Arc<[u8]>>;

type Tables = BTreeMap<Table, Pending>;

/// Tables and files that are gone when they are dropped.
#[derive(Default)]
pub struct MemoryEngine {
    /// How many values were handed out.
    pub(in crate::snapshot) handed_out: AtomicU64,
    /// How many bytes of keys and values were taken in.
    pub(in crate::snapshot) taken_in: AtomicU64,
    tables: RwLock<Tables>,
    files: Files,
}

impl MemoryEngine {
    fn read(&self) -> RwLockReadGuard<'_, Tables> {
        self.tables.read().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, Tables> {
        self.tables.write().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl Engine for MemoryEngine {
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Bytes>, StoreError> {
        self.handed_out.fetch_add(1, Ordering::Relaxed);
        Ok(self.read().get(&table).and_then(|pairs| pairs.get(key)).cloned().map(Bytes::Memory))
    }

    fn range(&self, table: Table, from: &[u8], to: Option<&[u8]>) -> Result<Pairs<'_>, StoreError> {
        let to = to.map_or(Bound::Unbounded, |to| Bound::Excluded(to.to_vec()));
        Ok(Box::new(Range { engine: self, table, from: Bound::Included(from.to_vec()), to }))
    }

    fn commit(&self, table: Table, ops: Ops) -> Result<(), StoreError> {
        let mut tables = self.write();
        let pairs = tables.entry(table).or_default();
        for (key, value) in ops {
            let bytes = key.len() + value.as_ref().map_or(0, Vec::len);
            self.taken_in.fetch_add(bytes as u64, Ordering::Relaxed);
            match value {
                Some(value) => drop(pairs.insert(key.into(), value.into())),
                None => drop(pairs.remove(&*key)),
            }
        }
        Ok(())
    }

    fn bulk(&self, table: Table) -> Result<Box<dyn BulkTable + '_>, StoreError> {
        Ok(Box::new(Bulk { engine: self, table, pairs: Pending::new() }))
    }

    fn sync(&self) -> Result<(), StoreError> {
        Ok(())
    }

    fn tables(&self) -> Result<Vec<Table>, StoreError> {
        Ok(self.read().keys().copied().collect())
    }

    fn drop_table(&self, table: Table) -> Result<(), StoreError> {
        self.write().remove(&table);
        Ok(())
    }

    fn files(&self) -> &Files {
        &self.files
    }

    fn size_on_disk(&self) -> Result<u64, StoreError> {
        Ok(0)
    }

    fn require_room(&self) -> Result<(), StoreError> {
        Ok(())
    }

    fn damaged(&self, reason: &dyn std::fmt::Display) -> StoreError {
        StoreError::Damaged { path: "memory".to_owned(), reason: reason.to_string() }
    }
}

/// A table that is being written.
struct Bulk<'a> {
    engine: &'a MemoryEngine,
    table: Table,
    pairs: Pending,
}

impl Bulk<'_> {
    fn take_in(&mut self, key: &[u8], value: &[u8]) {
        self.engine.taken_in.fetch_add((key.len() + value.len()) as u64, Ordering::Relaxed);
        self.pairs.insert(key.into(), value.into());
    }
}

impl BulkTable for Bulk<'_> {
    fn put(&mut self, key: &[u8], value: &[u8]) -> Result<(), StoreError> {
        if self.pairs.last_key_value().is_some_and(|(last, _)| *key <= **last) {
            return Err(StoreError::Misused(format!("the keys of `{}` do not come in their order", self.table.name())));
        }
        self.take_in(key, value);
        Ok(())
    }

    fn finish(mut self: Box<Self>, tally: &[u8]) -> Result<(), StoreError> {
        self.take_in(keys::TALLY, tally);
        self.engine.write().insert(self.table, self.pairs);
        Ok(())
    }
}

/// Looks at the tables anew for every pair, so that a walk stops nobody from writing.
struct Range<'a> {
    engine: &'a MemoryEngine,
    table: Table,
    from: Bound<Key>,
    to: Bound<Key>,
}

impl Range<'_> {
    fn step(&self, last: bool) -> Option<Pair> {
        self.engine.handed_out.fetch_add(1, Ordering::Relaxed);
        let is_empty = match (&self.from, &self.to) {
            (Bound::Included(from), Bound::Excluded(to)) => from >= to,
            (Bound::Excluded(from), Bound::Excluded(to)) => from >= to,
            _ => false,
        };
        if is_empty {
            return None;
        }
        let tables = self.engine.read();
        let bounds = (self.from.as_ref().map(Vec::as_slice), self.to.as_ref().map(Vec::as_slice));
        let mut pairs = tables.get(&self.table)?.range::<[u8], _>(bounds);
        let (key, value) = if last { pairs.next_back() } else { pairs.next() }?;
        Some((Bytes::Memory(Arc::clone(key)), Bytes::Memory(Arc::clone(value))))
    }
}

impl Iterator for Range<'_> {
    type Item = Result<Pair, StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        let pair = self.step(false)?;
        self.from = Bound::Excluded(pair.0.to_vec());
        Some(Ok(pair))
    }
}

impl DoubleEndedIterator for Range<'_> {
    fn next_back(&mut self) -> Option<Self::Item> {
        let pair = self.step(true)?;
        self.to = Bound::Excluded(pair.0.to_vec());
        Some(Ok(pair))
    }
}
