//! What a snapshot lies in: ordered bytes in tables, and files beside them.
//!
//! An engine knows nothing of users or accounts. It keeps values of at most [`MAX_VALUE`] bytes under keys, writes one
//! batch of one table whole or not at all, and says when everything that was written would survive a power cut. There
//! are two: [`sled`](mod@sled) on disk, where a mirror lies in a file of its own ([`mirrors`]), and [`memory`] for tests
//! and the demonstration.

pub(super) mod files;
pub(super) mod memory;
pub(super) mod mirrors;
pub(super) mod opening;
pub(super) mod sled;
mod sorted_file;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::Deref;
use std::sync::Arc;

pub(super) use self::files::Files;
use super::StoreError;

/// Bytes in one value at most. sled puts sixteen values into a page at most, and keeps a page of more than 128 KB in a
/// file that it never syncs; with this bound no page comes near.
pub(super) const MAX_VALUE: usize = 4_000;

/// Keys in one batch. Bigger batches of small values make sled hold gigabytes.
pub(super) const BATCH_KEYS: usize = 100;

/// A key.
pub(super) type Key = Vec<u8>;

/// What one batch does: a value to keep or nothing to remove, sorted by key, the last word on each key.
pub(super) type Ops = BTreeMap<Key, Option<Vec<u8>>>;

/// A table. What changes often lies apart from what is large, because an engine may rewrite neighbours together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Table {
    /// Intents, and what every batch of writes to the target moves.
    Hot,
    /// Accounts and groups as last written.
    Ledger,
    /// Named facts.
    Facts,
    /// The headers of runs, and what was done to whom.
    History,
    /// What changed in the directory since the mirror was last written out.
    Overlay,
    /// The mirror, packed, as it was written out for the so-manieth time.
    Mirror(u64),
}

impl Table {
    /// The tables that are always there.
    pub(super) const FIXED: [Self; 5] = [Self::Hot, Self::Ledger, Self::Facts, Self::History, Self::Overlay];

    /// Its name in the engine and in the seal.
    pub(super) fn name(self) -> Cow<'static, str> {
        match self {
            Self::Hot => "hot".into(),
            Self::Ledger => "ledger".into(),
            Self::Facts => "facts".into(),
            Self::History => "history".into(),
            Self::Overlay => "overlay".into(),
            Self::Mirror(number) => format!("mirror.{number}").into(),
        }
    }

    /// The table of a name; none if it is no name of ours.
    pub(super) fn named(name: &[u8]) -> Option<Self> {
        let name = std::str::from_utf8(name).ok()?;
        let fixed = Self::FIXED.into_iter().find(|table| table.name() == name);
        fixed.or_else(|| Some(Self::Mirror(name.strip_prefix("mirror.")?.parse().ok()?)))
    }
}

/// A value as an engine hands it out, without a copy where the engine can.
#[derive(Clone, Debug)]
pub enum Bytes {
    /// Of sled.
    Sled(::sled::IVec),
    /// Of memory.
    Memory(Arc<[u8]>),
    /// Of a file.
    File(sorted_file::Slice),
}

impl Deref for Bytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Sled(bytes) => bytes,
            Self::Memory(bytes) => bytes,
            Self::File(bytes) => bytes,
        }
    }
}

/// A key and its value.
pub(super) type Pair = (Bytes, Bytes);

/// Pairs in the order of their keys, from either end.
pub(super) type Pairs<'a> = Box<dyn DoubleEndedIterator<Item = Result<Pair, StoreError>> + Send + 'a>;

/// Ordered bytes and files. Blocking, and shared by several threads; one of them writes at a time.
pub trait Engine: Send + Sync {
    /// One value.
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Bytes>, StoreError>;

    /// The pairs from one key on, up to another, which is not one of them; without a second one up to the last.
    fn range(&self, table: Table, from: &[u8], to: Option<&[u8]>) -> Result<Pairs<'_>, StoreError>;

    /// Writes one batch: all of it or, after a crash, nothing of it. It survives a power cut after the next
    /// [`Engine::sync`].
    fn commit(&self, table: Table, ops: Ops) -> Result<(), StoreError>;

    /// A writer of a mirror, which is written whole and never changed.
    fn bulk(&self, table: Table) -> Result<Box<dyn BulkTable + '_>, StoreError>;

    /// Waits until everything that was written would survive a power cut.
    fn sync(&self) -> Result<(), StoreError>;

    /// The tables that are there.
    fn tables(&self) -> Result<Vec<Table>, StoreError>;

    /// Removes a table with everything in it.
    fn drop_table(&self, table: Table) -> Result<(), StoreError>;

    /// The files beside the tables.
    fn files(&self) -> &Files;

    /// Whether something was written since it was opened.
    fn is_written(&self) -> bool {
        false
    }

    /// Whether it is unknown what it holds: what an unclean end may have left was not looked at, or a write failed.
    fn is_doubtful(&self) -> bool {
        false
    }

    /// Whether a table lies in a file of its own, which takes no more than the table and goes with it.
    fn lies_apart(&self, _table: Table) -> bool {
        false
    }

    /// What the tables take on disk that do not lie apart, in bytes; nothing if they are not on disk.
    fn size_on_disk(&self) -> Result<u64, StoreError>;

    /// Refuses if too little disk is free to go on safely.
    fn require_room(&self) -> Result<(), StoreError>;

    /// An error that says what was found, where, and the next step.
    fn damaged(&self, reason: &dyn std::fmt::Display) -> StoreError;
}

/// Writes a table from its first key to its last. Nothing of it is there before [`BulkTable::finish`].
pub trait BulkTable {
    /// Writes the next pair. A key that does not come behind the one before is refused.
    fn put(&mut self, key: &[u8], value: &[u8]) -> Result<(), StoreError>;

    /// Writes the rest and the tally. The table survives a power cut when this returns.
    fn finish(self: Box<Self>, tally: &[u8]) -> Result<(), StoreError>;
}

/// The pairs whose keys begin with a prefix.
pub(super) fn under<'a>(engine: &'a dyn Engine, table: Table, prefix: &[u8]) -> Result<Pairs<'a>, StoreError> {
    engine.range(table, prefix, behind(prefix).as_deref())
}

/// The first key that comes behind all keys with a prefix; none if no key does.
pub(super) fn behind(prefix: &[u8]) -> Option<Key> {
    let mut behind = prefix.to_vec();
    while let Some(last) = behind.pop() {
        if last < u8::MAX {
            behind.push(last + 1);
            return Some(behind);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_table_is_found_by_its_name() {
        for table in Table::FIXED.into_iter().chain([Table::Mirror(0), Table::Mirror(u64::MAX)]) {
            assert_eq!(Table::named(table.name().as_bytes()), Some(table));
        }
        assert_eq!(Table::named(b"__sled__default"), None);
        assert_eq!(Table::named(b"mirror.x"), None);
    }

    #[test]
    fn the_key_behind_a_prefix_is_behind_every_key_with_it() {
        assert_eq!(behind(b"ab"), Some(b"ac".to_vec()));
        assert_eq!(behind(&[1, 255]), Some(vec![2]));
        assert_eq!(behind(&[255, 255]), None);
        assert_eq!(behind(b""), None);
    }
}
