//! What is told of a snapshot at a glance, kept beside it when it is closed, so that a command that only asks how things stand
//! need not open it: that costs more the larger it is, and writes to it.
//!
//! Kept are the few records themselves: where the mirror stands, how many accounts there are, what is unsettled, what
//! was decided, and the headers of the newest runs. From them a store in memory is made, which answers those questions
//! as the whole one would, and no others. They are taken for true only if the snapshot is as it was left: closed well,
//! with the same seal beside it, by nobody open now, and not due to be counted. The first write after they were kept
//! removes them, in the same step that notes that the snapshot is being written to.

use std::fs::{self, File};
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::codec::{CodecError, from_json, pack, to_json, unpack};
use super::database::Database;
use super::engine::memory::MemoryEngine;
use super::engine::opening::{DATABASE, LOCK};
use super::engine::{Engine, Table, mirrors};
use super::keys::{self, Key};
use super::{StoreError, fact, folder, io, seal};

/// The file beside the database.
pub(super) const FILE: &str = "glance";

/// How many of the newest runs are kept: as many as are listed unless more are asked for, and one that goes on.
const RUNS: usize = 21;

/// Which records are kept by now.
const VERSION: u8 = 2;

/// How hard zstd tries.
const LEVEL: i32 = 1;

/// Bytes of all records at most; more would be no glance.
const MOST: usize = 16 << 20;

/// What is kept.
#[derive(Serialize, Deserialize)]
struct Glance {
    /// The hash of the seal beside.
    seal: String,
    /// How long the database's file was, and the mirror's. Neither shrinks, and a shorter one has lost something.
    length: u64,
    /// Whether there are no more runs than these.
    has_all_runs: bool,
    /// The records, each with the name of its table.
    records: Vec<(String, Key, Vec<u8>)>,
    /// Which records these are. What an earlier version kept has less, and no such member: it cannot be unpacked.
    version: u8,
}

/// Keeps what is told of the snapshot of a state directory, which is sealed and about to be closed.
pub(super) fn keep<E: Engine>(directory: &Path, database: &Database<E>) -> Result<(), StoreError> {
    let Some(glance) = of(directory, database)? else { return Ok(()) };
    let path = directory.join(FILE);
    let packed = pack(&glance).map_err(|error| database.engine.damaged(&error))?;
    let packed = zstd::bulk::compress(&packed, LEVEL).map_err(|error| io::cannot(&path, "be written", error))?;
    io::replace_private(&path, &packed)
}

/// Removes it.
pub(super) fn forget(directory: &Path) {
    let _ = fs::remove_file(directory.join(FILE));
}

/// Whether there is one.
pub(super) fn is_kept(directory: &Path) -> bool {
    directory.join(FILE).exists()
}

fn of<E: Engine>(directory: &Path, database: &Database<E>) -> Result<Option<Glance>, StoreError> {
    let Some((seal, length)) = around(directory) else { return Ok(None) };
    let mut records = Vec::new();
    let mut add = |table: Table, key: &[u8]| -> Result<bool, StoreError> {
        let record = database.get(table, key)?;
        let is_there = record.is_some();
        records.extend(record.map(|record| (table.name().into_owned(), key.to_vec(), record.to_vec())));
        Ok(is_there)
    };
    add(Table::Hot, keys::HEAD)?;
    add(Table::Hot, keys::GENERATION)?;
    add(Table::Ledger, keys::COUNTS)?;
    for name in [fact::PAUSED, fact::SCHEDULE] {
        add(Table::Facts, &keys::under(keys::FACT, name.as_bytes()))?;
    }
    let unsettled: Vec<Key> =
        database.scan(Table::Hot, keys::INTENT).map(|pair| Ok(pair?.0.to_vec())).collect::<Result<_, StoreError>>()?;
    for key in unsettled {
        add(Table::Hot, &key)?;
    }
    let mut runs = database.keys_from_last(Table::History, keys::RUN)?;
    for key in runs.by_ref().take(RUNS) {
        let key = key?;
        add(Table::History, &key)?;
        // What an earlier version kept of a run is completed from its plan.
        let header = database.get(Table::History, &key)?.map(|record| from_json::<Value>(&record));
        if !matches!(header, Some(Ok(header)) if header.get("counts").is_some()) {
            return Ok(None);
        }
    }
    let has_all_runs = runs.next().is_none();
    let decisions = keys::under(keys::FACT, fact::DECISIONS.as_bytes());
    if let Some(record) = database.get(Table::Facts, &decisions)? {
        let record = without_marks(&record).map_err(|error| database.engine.damaged(&error))?;
        records.push((Table::Facts.name().into_owned(), decisions, record));
    }
    Ok(Some(Glance { seal, length, has_all_runs, records, version: VERSION }))
}

/// What was decided, without the marks of each change that it is about: nobody decides from a glance, and a plan may have
/// a million of them.
fn without_marks(record: &[u8]) -> Result<Vec<u8>, CodecError> {
    let mut decisions: Value = from_json(record)?;
    for member in decisions.as_object_mut().into_iter().flat_map(Map::values_mut) {
        let rulings = match member {
            Value::Array(several) => several.as_mut_slice(),
            one => std::slice::from_mut(one),
        };
        for ruling in rulings {
            if let Some(changes) = ruling.get_mut("changes") {
                *changes = Value::String(String::new());
            }
        }
    }
    to_json(&decisions)
}

/// What was kept of the snapshot of a state directory, for a question about so many runs at most. None if the snapshot has
/// to be opened.
pub(super) fn read(directory: &Path, runs: usize) -> Option<Database<MemoryEngine>> {
    folder::refuse_root(directory).ok()?;
    let lock = File::options().read(true).open(directory.join(LOCK)).ok()?;
    lock.try_lock_shared().ok()?;
    let packed = fs::read(directory.join(FILE)).ok()?;
    let glance: Glance = unpack(&zstd::bulk::decompress(&packed, MOST).ok()?).ok()?;
    let (seal, length) = around(directory)?;
    if glance.version != VERSION
        || seal != glance.seal
        || length < glance.length
        || (runs >= RUNS && !glance.has_all_runs)
    {
        return None;
    }
    let database = Database::open(MemoryEngine::default()).ok()?.0;
    for (table, key, record) in &glance.records {
        let mut batch = database.batch(Table::named(table.as_bytes())?);
        batch.put(key, record).ok()?;
        batch.write().ok()?;
    }
    Some(database)
}

/// The hash of the seal beside, if it is of this format, and the length of the database's file and the mirror's.
fn around(directory: &Path) -> Option<(String, u64)> {
    let seal = fs::read(directory.join(seal::FILE)).ok()?;
    if seal::format_beside(directory) != Some(u64::from(seal::FORMAT)) {
        return None;
    }
    let database = directory.join(DATABASE);
    let length = fs::metadata(database.join("db")).ok()?.len() + mirrors::size_on_disk(&database);
    Some((blake3::hash(&seal).to_hex().to_string(), length))
}
