//! A snapshot of format 1 becomes one of this format.
//!
//! Format 1 had one tree for everything. It is read to its end, written anew beside, and swapped in; the records
//! themselves stay byte for byte, so that nobody is judged otherwise afterwards, no place in a stream of changes is
//! lost, and the next plan is the one that would have been made anyway. A store that did not match its seal does not
//! match it afterwards.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rollcall_kit::DirectoryId;
use serde::{Deserialize, Serialize};

use super::accounts::{self, AccountCounts};
use super::codec::{CodecError, from_json, pack, to_json, unpack};
use super::database::Database;
use super::engine::opening::{self, DATABASE};
use super::engine::sled::SledEngine;
use super::engine::{BATCH_KEYS, Table};
use super::io::sync_folder;
use super::mirror::rewrite::write_first;
use super::mirror::sorter::{Difference, Sorter};
use super::seal::{self, HashKey, Tally};
use super::swap::{NEW, swap};
use super::{StoreError, history, keys};
use crate::apply::Settlement;
use crate::plan::{GroupKey, LedgerAccount, LedgerGroup};

/// The format that is read here.
pub(super) const FORMAT: u64 = 1;

/// The seal of format 1, inside and beside.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Seal1 {
    format: u32,
    generation: u64,
    batches: u64,
    records: u64,
    hash: String,
    store: String,
}

/// The database of format 1.
struct Old<'a> {
    directory: &'a Path,
    db: sled::Db,
}

/// Upgrades the snapshot of a state directory whose lock we hold, if it is of format 1.
pub(super) fn upgrade(directory: &Path, lock: &Arc<File>) -> Result<(), StoreError> {
    let database = directory.join(DATABASE);
    if seal::format_beside(directory).is_some_and(|format| format > FORMAT) || !database.exists() {
        return Ok(());
    }
    opening::require_room(directory)?;
    let old = Old { directory, db: opening::open(directory, &database)? };
    // The file beside may be lost, or an upgrade was cut short right before it sealed the new store beside.
    let is_new = old.db.tree_names().iter().any(|name| Table::named(name).is_some());
    if is_new || old.get(b"m/key")?.is_none() {
        return Ok(());
    }
    let broken = old.broken()?;
    old.finish_commit()?;
    let copied = old.copy(SledEngine::open_at(directory, &directory.join(NEW), Arc::clone(lock))?, broken.is_none())?;
    drop(old);
    sync_folder(directory)?;
    swap(directory)?;
    if let Some(reason) = broken {
        tracing::warn!("the snapshot of format 1 did not match its seal, and is not sealed now: {reason}");
    }
    seal::write_beside(directory, &copied)
}

impl Old<'_> {
    fn guarded<T>(&self, work: impl FnOnce() -> sled::Result<T>) -> Result<T, StoreError> {
        opening::guarded(self.directory, work)
    }

    fn damaged(&self, error: &dyn std::fmt::Display) -> StoreError {
        opening::damaged(self.directory, error)
    }

    fn get(&self, key: &[u8]) -> Result<Option<sled::IVec>, StoreError> {
        self.guarded(|| self.db.get(key))
    }

    fn scan(&self, prefix: &[u8]) -> impl Iterator<Item = Result<(sled::IVec, sled::IVec), StoreError>> + '_ {
        let mut pairs = self.db.scan_prefix(prefix);
        std::iter::from_fn(move || self.guarded(|| pairs.next().transpose()).transpose())
    }

    fn secret(&self) -> Result<HashKey, StoreError> {
        let secret = self.get(b"m/key")?.and_then(|bytes| HashKey::from_bytes(&bytes));
        Ok(secret.unwrap_or_else(HashKey::random))
    }

    fn seal(&self, key: &[u8]) -> Result<Option<Seal1>, StoreError> {
        Ok(self.get(key)?.and_then(|bytes| unpack(&bytes).ok()))
    }

    /// Why it does not match its seal, as format 1 looked at it; nothing if it does.
    fn broken(&self) -> Result<Option<String>, StoreError> {
        let secret = self.secret()?;
        let mut found = Tally::default();
        for pair in self.scan(b"") {
            let (key, value) = pair?;
            if !key.starts_with(b"m/") {
                found.add(&secret, &key, &value);
            }
        }
        let beside = std::fs::read(self.directory.join(seal::FILE)).ok();
        let beside: Option<Seal1> = beside.and_then(|bytes| serde_json::from_slice(&bytes).ok());
        let (Some(beside), Some(running), Some(inside)) = (beside, self.seal(b"m/tally")?, self.seal(b"m/seal")?)
        else {
            return Ok(Some("one of its seals is missing".to_owned()));
        };
        let hash = format!("{:032x}", found.hash);
        if (running.records, &running.hash) != (found.records, &hash) {
            return Ok(Some(format!("its tally says {} records and {} were found", running.records, found.records)));
        }
        let is_same = beside.store == secret.store() && inside.batches >= beside.batches;
        let agrees = inside.batches > beside.batches || inside == beside;
        Ok((!is_same || !agrees).then(|| "it is older than the file beside it, or another".to_owned()))
    }

    /// Finishes the commit of a reading that a crash cut short behind its point of no return.
    fn finish_commit(&self) -> Result<(), StoreError> {
        if self.get(b"m/committing")?.is_none() {
            return Ok(());
        }
        for (prefix, stays) in [(b"t", false), (b"s", true)] {
            for pair in self.scan(prefix) {
                let (key, value) = pair?;
                self.guarded(|| match stays {
                    true => self.db.insert(&key[1..], value).map(|_| ()),
                    false => self.db.remove(&key[1..]).map(|_| ()),
                })?;
            }
        }
        Ok(())
    }

    /// Writes everything into a new database. Yields its seal.
    fn copy(&self, engine: SledEngine, is_sealed: bool) -> Result<seal::Seal, StoreError> {
        let unwritable = |error: CodecError| self.damaged(&error);
        let new = Database::with_secret(engine, self.secret()?)?;
        let mut head = write_first(&new, (&self.mirror()?, Some(self.scratch())))?;
        head.certificate = self.get(b"c")?.map(|bytes| from_json(&bytes)).transpose().map_err(unwritable)?;
        head.place = self.get(b"p")?.map(|bytes| from_json(&bytes)).transpose().map_err(unwritable)?;
        self.copy_ledger(&new)?;
        for pair in self.scan(b"f") {
            let (key, value) = pair?;
            let mut batch = new.batch(Table::Facts);
            batch.put(&keys::under(keys::FACT, &key[1..]), &value)?;
            batch.write()?;
        }
        for pair in self.scan(b"r") {
            let (key, value) = pair?;
            let record = from_json(&value).map_err(unwritable)?;
            history::record(&new, &String::from_utf8_lossy(&key[1..]), &record)?;
        }
        let mut batch = new.batch(Table::Hot);
        for pair in self.scan(b"i") {
            let (key, value) = pair?;
            let number = key[1..].try_into().map(u64::from_be_bytes).unwrap_or_default();
            batch.put(&keys::numbered(keys::INTENT, number), &value)?;
        }
        let generation = self.seal(b"m/tally")?.map_or(0, |running| running.generation);
        batch.put(keys::HEAD, &to_json(&head).map_err(unwritable)?)?;
        batch.put(keys::GENERATION, &pack(&generation).map_err(unwritable)?)?;
        batch.write()?;
        let sealed = new.seal()?;
        if !is_sealed {
            new.unseal()?;
        }
        Ok(sealed)
    }

    fn scratch(&self) -> PathBuf {
        self.directory.join("scratch")
    }

    /// The records of the mirror, as they are.
    fn mirror(&self) -> Result<Sorter, StoreError> {
        let mut records = Sorter::new(Some(self.scratch()));
        for kind in [keys::GROUP, keys::USER, keys::UNREADABLE] {
            for pair in self.scan(kind) {
                let (key, value) = pair?;
                records.put(&keys::under(kind, &key[1..]), &Difference::Put(value.to_vec()))?;
            }
        }
        Ok(records)
    }

    fn copy_ledger(&self, new: &Database<SledEngine>) -> Result<(), StoreError> {
        let unreadable = |error: CodecError| self.damaged(&error);
        let (mut counts, mut settled) = (AccountCounts::default(), Vec::new());
        for pair in self.scan(b"a") {
            let account: LedgerAccount = unpack(&pair?.1).map_err(unreadable)?;
            settled.push(Settlement { accounts: vec![account], ..Settlement::default() });
            if settled.len() == BATCH_KEYS {
                accounts::settle(new, &mut counts, std::mem::take(&mut settled).iter())?;
            }
        }
        accounts::settle(new, &mut counts, settled.iter())?;
        for pair in self.scan(b"l") {
            let mut group: LedgerGroup = unpack(&pair?.1).map_err(unreadable)?;
            for pair in self.scan(&members_of(&group.key)) {
                let members: Vec<DirectoryId> = unpack(&pair?.1).map_err(unreadable)?;
                group.members.extend(members);
            }
            let settled = Settlement { groups: vec![group], ..Settlement::default() };
            accounts::settle(new, &mut counts, std::iter::once(&settled))?;
        }
        Ok(())
    }
}

/// What the keys of the chunks of a group's members began with.
fn members_of(group: &GroupKey) -> Vec<u8> {
    let (tag, text) = match group {
        GroupKey::Role(role) => (0, &*role.0),
        GroupKey::Directory(id) => (1, id.as_str()),
    };
    [b"n", &[tag][..], &u32::try_from(text.len()).unwrap_or(u32::MAX).to_be_bytes(), text.as_bytes()].concat()
}
