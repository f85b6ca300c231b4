//! Records over an engine: of any size, counted, and sealed.
//!
//! A record that is larger than a value may be lies in several: the first says how many follow, and those lie right
//! behind it. Every batch carries the tally of its table, so that the seal costs only what changes.

use std::collections::BTreeMap;
use std::ops::Deref;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::StoreError;
use super::codec::{pack, unpack};
use super::engine::{BATCH_KEYS, BulkTable, Bytes, Engine, Key, MAX_VALUE, Ops, Table, behind, under};
use super::keys;
use super::seal::{HashKey, Seal, Tallies, Tally};
use super::verification::Verification;

/// A value that is a whole record.
const WHOLE: u8 = 0;
/// A value behind which others of the same record lie.
const CONTINUED: u8 = 1;
/// Bytes in front of a record's own: [`WHOLE`] alone, or [`CONTINUED`] and how many values follow.
const HEADER: usize = 5;

/// An engine with its tallies.
pub(super) struct Database<E> {
    pub(super) engine: E,
    secret: HashKey,
    sealed: AtomicBool,
    pub(super) state: Mutex<State>,
}

/// What changes with every batch.
#[derive(Default)]
pub(super) struct State {
    pub(super) tallies: Tallies,
    /// Whether the records add up to the tallies, while that is being found out.
    pub(super) verification: Option<Verification>,
}

/// What was found on opening.
pub(super) struct Found {
    /// Whether nothing was ever written here.
    pub(super) brand_new: bool,
    /// What the tallies say.
    pub(super) running: Seal,
    /// The seal within the store.
    pub(super) inside: Option<Seal>,
}

impl<E: Engine> Database<E> {
    /// Reads the tallies of an engine's tables.
    pub(super) fn open(engine: E) -> Result<(Self, Found), StoreError> {
        let damaged = |error| engine.damaged(&error);
        let known = engine.get(Table::Hot, keys::HASH_KEY)?.and_then(|bytes| HashKey::from_bytes(&bytes));
        let inside = engine.get(Table::Hot, keys::SEAL)?.and_then(|bytes| serde_json::from_slice(&bytes).ok());
        let brand_new = known.is_none();
        let secret = known.unwrap_or_else(HashKey::random);
        let mut tallies = Tallies::new();
        for table in engine.tables()?.into_iter().chain(Table::FIXED) {
            let tally = engine.get(table, keys::TALLY)?.map(|bytes| unpack(&bytes)).transpose().map_err(damaged)?;
            tallies.insert(table, tally.unwrap_or_default());
        }
        let running = Seal::of(&secret, &tallies);
        let state = Mutex::new(State { tallies, verification: None });
        let database = Self { engine, secret, sealed: AtomicBool::new(true), state };
        if brand_new {
            let ops = Ops::from([(keys::HASH_KEY.to_vec(), Some(database.secret.bytes().to_vec()))]);
            database.engine.commit(Table::Hot, ops)?;
        }
        Ok((database, Found { brand_new, running, inside }))
    }

    /// A new store with this secret, over an engine that holds nothing yet.
    pub(super) fn with_secret(engine: E, secret: HashKey) -> Result<Self, StoreError> {
        engine.commit(Table::Hot, Ops::from([(keys::HASH_KEY.to_vec(), Some(secret.bytes().to_vec()))]))?;
        let tallies = Table::FIXED.into_iter().map(|table| (table, Tally::default())).collect();
        let state = Mutex::new(State { tallies, verification: None });
        Ok(Self { engine, secret, sealed: AtomicBool::new(true), state })
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        // A panic under the lock leaves the tallies of the last batches that were taken, which is what they should be.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The secret of the record hashes.
    pub(super) fn secret(&self) -> &HashKey {
        &self.secret
    }

    /// Whether the content matches its seal, as far as is known.
    pub(super) fn is_sealed(&self) -> bool {
        self.sealed.load(Ordering::Acquire)
    }

    /// Makes it unsealed until it is sealed again.
    pub(super) fn unseal(&self) -> Result<(), StoreError> {
        self.sealed.store(false, Ordering::Release);
        self.engine.commit(Table::Hot, Ops::from([(keys::SEAL.to_vec(), None)]))?;
        self.engine.sync()
    }

    /// Seals the content inside. Yields the seal for the file beside, which comes second: a crash between the two
    /// leaves a store that is newer than the file, which is no loss.
    pub(super) fn seal(&self) -> Result<Seal, StoreError> {
        let seal = Seal::of(&self.secret, &self.state().tallies);
        let bytes = serde_json::to_vec(&seal).map_err(|error| self.engine.damaged(&error))?;
        if self.engine.get(Table::Hot, keys::SEAL)?.as_deref() != Some(&*bytes) {
            self.engine.commit(Table::Hot, Ops::from([(keys::SEAL.to_vec(), Some(bytes))]))?;
        }
        self.engine.sync()?;
        self.sealed.store(true, Ordering::Release);
        Ok(seal)
    }

    /// Bytes of all records that do not lie apart, without what the engine adds: to compare with what it takes on disk.
    pub(super) fn bytes(&self) -> u64 {
        let state = self.state();
        let tallies = state.tallies.iter().filter(|(table, _)| !self.engine.lies_apart(**table));
        tallies.map(|(_, tally)| tally.bytes).sum()
    }

    /// One record.
    pub(super) fn get(&self, table: Table, key: &[u8]) -> Result<Option<Record>, StoreError> {
        let Some(first) = self.engine.get(table, key)? else { return Ok(None) };
        match continuations(&first) {
            0 => Ok(Some(Record::Whole(first))),
            more => {
                let mut record = first[HEADER..].to_vec();
                for number in 0..more {
                    match self.engine.get(table, &keys::continuation(key, number))? {
                        Some(part) => record.extend_from_slice(&part),
                        None => return Err(self.engine.damaged(&"a part of a record is missing")),
                    }
                }
                Ok(Some(Record::Joined(record)))
            }
        }
    }

    /// All records whose keys begin with a prefix, in the order of their keys.
    pub(super) fn scan(
        &self,
        table: Table,
        prefix: &[u8],
    ) -> impl Iterator<Item = Result<(Bytes, Record), StoreError>> + Send + use<'_, E> {
        self.range(table, prefix, behind(prefix).as_deref())
    }

    /// All records from one key on, up to another, which is not one of them.
    pub(super) fn range(
        &self,
        table: Table,
        from: &[u8],
        to: Option<&[u8]>,
    ) -> impl Iterator<Item = Result<(Bytes, Record), StoreError>> + Send + use<'_, E> {
        // The bookkeeping lies in front of all records, and is none.
        let from = if from.is_empty() { keys::FIRST } else { from };
        let (mut failed, mut pairs) = match self.engine.range(table, from, to) {
            Ok(pairs) => (None, Some(pairs)),
            Err(error) => (Some(error), None),
        };
        std::iter::from_fn(move || {
            if let Some(error) = failed.take() {
                return Some(Err(error));
            }
            let pairs = pairs.as_mut()?;
            let (key, first) = match pairs.next()? {
                Ok(pair) => pair,
                Err(error) => return Some(Err(error)),
            };
            let more = continuations(&first);
            if more == 0 {
                return Some(Ok((key, Record::Whole(first))));
            }
            let mut record = first[HEADER..].to_vec();
            for _ in 0..more {
                match pairs.next() {
                    Some(Ok((_, part))) => record.extend_from_slice(&part),
                    Some(Err(error)) => return Some(Err(error)),
                    None => return Some(Err(self.engine.damaged(&"a part of a record is missing"))),
                }
            }
            Some(Ok((key, Record::Joined(record))))
        })
    }

    /// The keys of all records with a prefix, the last one first.
    pub(super) fn keys_from_last(
        &self,
        table: Table,
        prefix: &[u8],
    ) -> Result<impl Iterator<Item = Result<Key, StoreError>> + '_, StoreError> {
        let pairs = under(&self.engine, table, prefix)?.rev();
        let keys = pairs.map(|pair| Ok(pair?.0.to_vec()));
        Ok(keys.filter(|key| key.as_ref().map_or(true, |key| !keys::is_continuation(key))))
    }

    /// The last record at or before a key, within a range that begins at `from`.
    pub(super) fn last_until(
        &self,
        table: Table,
        from: &[u8],
        until: &[u8],
    ) -> Result<Option<(Key, Record)>, StoreError> {
        let mut until = until.to_vec();
        until.push(0);
        let pairs = self.engine.range(table, from, Some(&until))?;
        for pair in pairs.rev() {
            let key = pair?.0;
            if !keys::is_continuation(&key) {
                return Ok(self.get(table, &key)?.map(|record| (key.to_vec(), record)));
            }
        }
        Ok(None)
    }

    /// An empty batch of a table.
    pub(super) fn batch(&self, table: Table) -> Batch<'_, E> {
        Batch { database: self, table, ops: BTreeMap::new() }
    }

    /// A writer of a new table whose records come in the order of their keys.
    pub(super) fn bulk(&self, table: Table) -> Result<Bulk<'_, E>, StoreError> {
        Ok(Bulk { database: self, table, writer: self.engine.bulk(table)?, tally: Tally::default() })
    }

    /// Removes a table with everything in it.
    pub(super) fn drop_table(&self, table: Table) -> Result<(), StoreError> {
        self.state().tallies.remove(&table);
        self.engine.drop_table(table)
    }

    /// Writes one batch, with the tally that it leads to. The tally moves only if the batch was taken.
    fn write(&self, table: Table, changed: &BTreeMap<Key, Changed>) -> Result<(), StoreError> {
        let mut state = self.state();
        let mut tally = state.tallies.get(&table).copied().unwrap_or_default();
        let mut ops = Ops::new();
        for (key, Changed { before, after }) in changed {
            if before.as_deref() == after.as_deref() {
                continue;
            }
            if let Some(before) = before {
                tally.remove(&self.secret, key, before);
            }
            if let Some(after) = after {
                tally.add(&self.secret, key, after);
            }
            ops.insert(key.clone(), after.clone());
        }
        if ops.is_empty() {
            return Ok(());
        }
        tally.batches += 1;
        ops.insert(keys::TALLY.to_vec(), Some(pack(&tally).map_err(|error| self.engine.damaged(&error))?));
        self.engine.commit(table, ops)?;
        state.tallies.insert(table, tally);
        if let Some(verification) = &mut state.verification {
            let moved =
                changed.iter().map(|(key, changed)| (&**key, changed.before.as_deref(), changed.after.as_deref()));
            verification.follow(&self.secret, table, moved);
        }
        Ok(())
    }
}

/// A record's bytes.
#[derive(Debug)]
pub(super) enum Record {
    /// In one value.
    Whole(Bytes),
    /// Put together from several.
    Joined(Vec<u8>),
}

impl Deref for Record {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        match self {
            Self::Whole(value) => value.get(1..).unwrap_or_default(),
            Self::Joined(record) => record,
        }
    }
}

/// How many values of the same record lie behind this one.
fn continuations(first: &[u8]) -> u32 {
    match first.split_first() {
        Some((&CONTINUED, rest)) => rest.first_chunk().map_or(0, |count| u32::from_be_bytes(*count)),
        _ => 0,
    }
}

/// The values that a record lies in, with their keys.
fn values(key: &[u8], record: &[u8]) -> Vec<(Key, Vec<u8>)> {
    if record.len() < MAX_VALUE {
        return vec![(key.to_vec(), [&[WHOLE], record].concat())];
    }
    let (first, rest) = record.split_at(MAX_VALUE - HEADER);
    let parts = rest.chunks(MAX_VALUE);
    let count = u32::try_from(parts.len()).unwrap_or(u32::MAX);
    let mut values = vec![(key.to_vec(), [&[CONTINUED], &count.to_be_bytes()[..], first].concat())];
    values.extend(parts.zip(0..).map(|(part, number)| (keys::continuation(key, number), part.to_vec())));
    values
}

/// One value before and after a batch.
#[derive(Default)]
struct Changed {
    before: Option<Bytes>,
    after: Option<Vec<u8>>,
}

/// Records of one table that are written together, all of them or, after a crash, none.
pub(super) struct Batch<'a, E> {
    database: &'a Database<E>,
    table: Table,
    ops: BTreeMap<Key, Changed>,
}

impl<E: Engine> Batch<'_, E> {
    /// Keeps a record.
    pub(super) fn put(&mut self, key: &[u8], record: &[u8]) -> Result<(), StoreError> {
        self.remove(key)?;
        for (key, value) in values(key, record) {
            self.set(key, Some(value))?;
        }
        Ok(())
    }

    /// Removes a record; one that is not there is fine.
    pub(super) fn remove(&mut self, key: &[u8]) -> Result<(), StoreError> {
        self.set(key.to_vec(), None)?;
        let Some(Changed { before: Some(before), .. }) = self.ops.get(key) else { return Ok(()) };
        for number in 0..continuations(before) {
            self.set(keys::continuation(key, number), None)?;
        }
        Ok(())
    }

    fn set(&mut self, key: Key, after: Option<Vec<u8>>) -> Result<(), StoreError> {
        if let Some(known) = self.ops.get_mut(&key) {
            known.after = after;
            return Ok(());
        }
        let before = self.database.engine.get(self.table, &key)?;
        self.ops.insert(key, Changed { before, after });
        Ok(())
    }

    /// How many values it would write.
    pub(super) fn len(&self) -> usize {
        self.ops.len()
    }

    /// Whether it is as large as a batch should be.
    pub(super) fn is_full(&self) -> bool {
        self.ops.len() >= BATCH_KEYS
    }

    /// Writes it. It survives a power cut after the engine's next sync.
    pub(super) fn write(self) -> Result<(), StoreError> {
        self.database.write(self.table, &self.ops)
    }

    /// Writes it if it is full, and goes on with an empty one.
    pub(super) fn write_if_full(&mut self) -> Result<bool, StoreError> {
        if !self.is_full() {
            return Ok(false);
        }
        self.database.write(self.table, &std::mem::take(&mut self.ops))?;
        Ok(true)
    }
}

/// Writes a new table from its first key to its last. Nothing of it counts before [`Bulk::finish`].
pub(super) struct Bulk<'a, E> {
    database: &'a Database<E>,
    table: Table,
    writer: Box<dyn BulkTable + 'a>,
    tally: Tally,
}

impl<E: Engine> Bulk<'_, E> {
    /// Keeps a record.
    pub(super) fn put(&mut self, key: &[u8], record: &[u8]) -> Result<(), StoreError> {
        for (key, value) in values(key, record) {
            self.tally.add(&self.database.secret, &key, &value);
            self.writer.put(&key, &value)?;
        }
        Ok(())
    }

    /// Writes the rest and the tally. All of it would survive a power cut when this returns.
    pub(super) fn finish(mut self) -> Result<(), StoreError> {
        self.tally.batches = 1;
        let tally = pack(&self.tally).map_err(|error| self.database.engine.damaged(&error))?;
        self.writer.finish(&tally)?;
        self.database.state().tallies.insert(self.table, self.tally);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::snapshot::engine::memory::MemoryEngine;

    fn database() -> Database<MemoryEngine> {
        Database::open(MemoryEngine::default()).unwrap().0
    }

    fn put(database: &Database<MemoryEngine>, key: &[u8], record: &[u8]) {
        let mut batch = database.batch(Table::Facts);
        batch.put(key, record).unwrap();
        batch.write().unwrap();
    }

    #[test]
    fn a_record_of_any_size_is_found_again_and_no_value_is_larger_than_it_may_be() {
        let database = database();
        let record = |length: usize| (0..length).map(|at| (at % 251) as u8).collect::<Vec<u8>>();
        let lengths = [0, 1, MAX_VALUE - 2, MAX_VALUE - 1, MAX_VALUE, MAX_VALUE + 1, 3 * MAX_VALUE, 1 << 20];
        for length in lengths {
            put(&database, b"f", &record(length));
            put(&database, b"f\0\xff", b"a neighbour");
            assert_eq!(&*database.get(Table::Facts, b"f").unwrap().unwrap(), &record(length)[..], "{length}");
            let all: Vec<_> = database.scan(Table::Facts, b"f").map(|found| found.unwrap().1.to_vec()).collect();
            assert_eq!(all, [record(length), b"a neighbour".to_vec()], "{length}");
        }
        let values = database.engine.range(Table::Facts, b"", None).unwrap();
        assert!(values.map(|pair| pair.unwrap().1.len()).all(|length| length <= MAX_VALUE));
    }

    #[test]
    fn a_record_that_shrinks_leaves_nothing_behind() {
        let database = database();
        put(&database, b"f", &vec![7; 50_000]);
        put(&database, b"f", b"small");
        assert_eq!(database.engine.range(Table::Facts, b"f", None).unwrap().count(), 1);
        let mut batch = database.batch(Table::Facts);
        batch.remove(b"f").unwrap();
        batch.write().unwrap();
        assert_eq!(database.state().tallies[&Table::Facts].records, 0);
    }

    #[test]
    fn writing_what_is_there_already_writes_nothing() {
        let database = database();
        put(&database, b"f", &vec![7; 50_000]);
        let before = database.state().tallies.clone();
        put(&database, b"f", &vec![7; 50_000]);
        assert_eq!(database.state().tallies, before);
    }

    #[test]
    fn a_record_is_found_as_the_last_one_before_a_key_whole() {
        let database = database();
        put(&database, b"na", &vec![1; 9_000]);
        put(&database, b"nc", b"c");
        let found = |until: &[u8]| database.last_until(Table::Facts, b"n", until).unwrap().map(|(key, _)| key);
        assert_eq!(found(b"nb"), Some(b"na".to_vec()));
        assert_eq!(found(b"nc"), Some(b"nc".to_vec()));
        assert_eq!(found(b"n"), None);
        assert_eq!(database.last_until(Table::Facts, b"n", b"nb").unwrap().unwrap().1.len(), 9_000);
    }
}
