//! The seal: how the snapshot notices that it lost something.
//!
//! sled opens an emptied file as an empty database and a damaged tail as an older one, without a word. So each table
//! keeps a tally of what it holds: a count and the XOR of keyed hashes of all its records. The tally goes into every
//! batch of the table, so that each batch costs only what it changes. At the end of a good run the tallies are copied
//! inside the store and into a small file beside it. A store that is older than the file beside it is unsealed without
//! a look at its records; whether the records add up to the tallies is checked after an unclean end, and now and then
//! ([`super::verify`]).

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::engine::Table;
use super::{StoreError, io};

/// The format of the records that this version writes. Up to format 3 the mirror lay in sled.
pub(super) const FORMAT: u32 = 4;

/// The name of the file beside the store.
pub(super) const FILE: &str = "seal.json";

/// What a snapshot holds, by numbers and hashes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seal {
    /// The format of the records.
    pub format: u32,
    /// A name of the secret that the hashes were keyed with, so that the file of another store is recognised.
    pub store: String,
    /// The tables, by name.
    pub tables: BTreeMap<String, TableSeal>,
}

/// What a table holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableSeal {
    /// How many batches were written; tells an older table from a newer one.
    pub batches: u64,
    /// How many records there are.
    pub records: u64,
    /// The XOR of the keyed hashes of all records, in hexadecimal digits.
    pub hash: String,
}

/// The secret of one store's hashes. Keyed, so that nobody can guess attributes from a seal, or craft two records that
/// cancel each other out.
#[derive(Clone)]
pub(super) struct HashKey([u8; 32]);

impl HashKey {
    /// A new secret.
    pub(super) fn random() -> Self {
        let mut seed = uuid::Uuid::new_v4().as_bytes().to_vec();
        seed.extend_from_slice(uuid::Uuid::new_v4().as_bytes());
        Self(*blake3::hash(&seed).as_bytes())
    }

    /// As it is kept in the store.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// Reads it back.
    pub(super) fn from_bytes(bytes: &[u8]) -> Option<Self> {
        Some(Self(bytes.try_into().ok()?))
    }

    /// The name of the store that has this secret; says nothing about the secret.
    pub(super) fn store(&self) -> String {
        blake3::keyed_hash(&self.0, b"rollcall store").to_hex()[..16].to_owned()
    }

    /// The hash of one record, or of anything.
    pub(super) fn hash(&self, key: &[u8], value: &[u8]) -> u128 {
        let mut hasher = blake3::Hasher::new_keyed(&self.0);
        hasher.update(&(key.len() as u64).to_le_bytes());
        hasher.update(key);
        hasher.update(value);
        let mut short = [0; 16];
        short.copy_from_slice(&hasher.finalize().as_bytes()[..16]);
        u128::from_le_bytes(short)
    }
}

/// The running tally of a table.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Tally {
    /// Batches written.
    pub(super) batches: u64,
    /// Records.
    pub(super) records: u64,
    /// The XOR of their hashes.
    pub(super) hash: u128,
    /// Bytes of keys and values. Not sealed; tells when the store should be compacted.
    pub(super) bytes: u64,
}

impl Tally {
    /// Counts a record in.
    pub(super) fn add(&mut self, secret: &HashKey, key: &[u8], value: &[u8]) {
        self.records += 1;
        self.bytes += (key.len() + value.len()) as u64;
        self.hash ^= secret.hash(key, value);
    }

    /// Counts a record out.
    pub(super) fn remove(&mut self, secret: &HashKey, key: &[u8], value: &[u8]) {
        self.records = self.records.saturating_sub(1);
        self.bytes = self.bytes.saturating_sub((key.len() + value.len()) as u64);
        self.hash ^= secret.hash(key, value);
    }

    /// Whether two tallies speak of the same records.
    pub(super) fn holds_as(&self, other: &Self) -> bool {
        (self.records, self.hash) == (other.records, other.hash)
    }

    fn sealed(&self) -> TableSeal {
        TableSeal { batches: self.batches, records: self.records, hash: format!("{:032x}", self.hash) }
    }
}

/// The tallies of all tables.
pub(super) type Tallies = BTreeMap<Table, Tally>;

impl Seal {
    /// What these tallies say.
    pub(super) fn of(secret: &HashKey, tallies: &Tallies) -> Self {
        let tables = tallies.iter().map(|(table, tally)| (table.name().into_owned(), tally.sealed()));
        Self { format: FORMAT, store: secret.store(), tables: tables.collect() }
    }

    /// Records of all tables.
    fn records(&self) -> u64 {
        self.tables.values().map(|table| table.records).sum()
    }
}

/// Why a store counts as unsealed, in a sentence; nothing if it is sealed.
///
/// `running` are the tallies of the last batches, `inside` is the seal within the store and `beside` the file's. The
/// store may be newer than its seals (a run was cut short: every batch is whole, so nothing is missing) but never older
/// than the file beside it.
pub(super) fn broken(running: &Seal, inside: Option<&Seal>, beside: Option<&Seal>) -> Option<String> {
    let Some(beside) = beside else {
        return Some(format!("{FILE} is missing or cannot be read"));
    };
    if inside.is_none() {
        return Some(format!("it was emptied: it holds no seal, and {FILE} tells of {} records", beside.records()));
    }
    if beside.store != running.store {
        return Some(format!("{FILE} belongs to another snapshot"));
    }
    for (name, sealed) in &beside.tables {
        match running.tables.get(name) {
            // The mirror was written out anew since, and the one before it removed.
            None if matches!(Table::named(name.as_bytes()), Some(Table::Mirror(_))) => {}
            None => return Some(format!("its part `{name}` is missing, and {FILE} tells of it")),
            Some(now) if now.batches < sealed.batches => {
                let (then, now) = (sealed.batches, now.batches);
                return Some(format!("it is older than {FILE}: `{name}` was sealed after {then} batches, not {now}"));
            }
            Some(now) if now.batches == sealed.batches && now != sealed => {
                return Some(format!("it differs from {FILE} in `{name}`"));
            }
            Some(_) => {}
        }
    }
    None
}

/// Reads the file beside the store; a missing or unreadable one is none.
pub(super) fn read_beside(directory: &Path) -> Option<Seal> {
    serde_json::from_slice(&fs::read(directory.join(FILE)).ok()?).ok()
}

/// The format that the file beside the store tells of, if it can be read that far. Everything else of such a file may
/// have another shape.
pub(super) fn format_beside(directory: &Path) -> Option<u64> {
    let json: serde_json::Value = serde_json::from_slice(&fs::read(directory.join(FILE)).ok()?).ok()?;
    json.get("format")?.as_u64()
}

/// Refuses a store whose records a later version wrote, before anything of it is touched: read as records of ours they
/// would be taken for damaged, and sealed as ours they would be lost to the later version, too.
pub(super) fn refuse_later(directory: &Path) -> Result<(), StoreError> {
    match format_beside(directory) {
        Some(format) if format > u64::from(FORMAT) => {
            Err(StoreError::Later { path: directory.display().to_string(), format, known: FORMAT })
        }
        _ => Ok(()),
    }
}

/// Lets earlier versions refuse a store from now on whose records this version is about to lay out anew. False if they do
/// already.
pub(super) fn claim(directory: &Path) -> Result<bool, StoreError> {
    match read_beside(directory) {
        Some(beside) if beside.format < FORMAT => {
            write_beside(directory, &Seal { format: FORMAT, ..beside })?;
            Ok(true)
        }
        _ => Ok(false),
    }
}

/// Writes the file beside the store, unless it says the same already.
pub(super) fn write_beside(directory: &Path, seal: &Seal) -> Result<(), StoreError> {
    if read_beside(directory).as_ref() == Some(seal) {
        return Ok(());
    }
    let path = directory.join(FILE);
    let bytes = serde_json::to_vec_pretty(seal).map_err(|error| io::cannot(&path, "be written", error.into()))?;
    io::replace(&path, &bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seal(records: u64, batches: u64) -> Seal {
        let table = TableSeal { batches, records, hash: format!("{records:032x}") };
        Seal { format: FORMAT, store: "s".into(), tables: [("ledger".to_owned(), table)].into() }
    }

    #[test]
    fn a_store_that_agrees_with_its_seals_is_whole() {
        let now = seal(3, 9);
        assert_eq!(broken(&now, Some(&now), Some(&now)), None);
    }

    #[test]
    fn a_store_that_went_on_after_its_seal_is_whole() {
        assert_eq!(broken(&seal(4, 10), Some(&seal(3, 9)), Some(&seal(3, 9))), None);
    }

    #[test]
    fn a_store_that_is_older_than_the_file_beside_it_is_noticed() {
        let reason = broken(&seal(3, 8), Some(&seal(3, 8)), Some(&seal(3, 9))).unwrap();
        assert!(reason.contains("older"), "{reason}");
    }

    #[test]
    fn a_store_that_differs_from_the_file_beside_it_or_lost_a_table_is_noticed() {
        assert!(broken(&seal(2, 9), Some(&seal(3, 9)), Some(&seal(3, 9))).unwrap().contains("differs"));
        let empty = Seal { tables: BTreeMap::new(), ..seal(0, 0) };
        assert!(broken(&empty, Some(&empty), Some(&seal(3, 9))).unwrap().contains("missing"));
    }

    #[test]
    fn an_emptied_store_and_a_missing_or_foreign_file_are_noticed() {
        let now = seal(3, 9);
        assert!(broken(&now, None, Some(&now)).unwrap().contains("emptied"));
        assert!(broken(&now, Some(&now), None).unwrap().contains("missing"));
        let foreign = Seal { store: "t".into(), ..now.clone() };
        assert!(broken(&now, Some(&now), Some(&foreign)).unwrap().contains("another"));
    }

    #[test]
    fn a_mirror_that_was_written_out_anew_since_breaks_no_seal() {
        let mut sealed = seal(3, 9);
        sealed.tables.insert("mirror.1".into(), sealed.tables["ledger"].clone());
        assert_eq!(broken(&seal(3, 9), Some(&sealed), Some(&sealed)), None);
    }

    #[test]
    fn records_can_be_counted_out_in_any_order_and_swapped_values_are_noticed() {
        let secret = HashKey::random();
        let (mut one, mut other) = (Tally::default(), Tally::default());
        one.add(&secret, b"a", b"1");
        one.add(&secret, b"b", b"2");
        other.add(&secret, b"a", b"2");
        other.add(&secret, b"b", b"1");
        assert!(!one.holds_as(&other));
        one.remove(&secret, b"a", b"1");
        one.remove(&secret, b"b", b"2");
        assert!(one.holds_as(&Tally::default()) && one.bytes == 0);
    }

    #[test]
    fn a_byte_that_moves_from_key_to_value_changes_the_hash() {
        let secret = HashKey::random();
        assert_ne!(secret.hash(b"ab", b"c"), secret.hash(b"a", b"bc"));
    }
}
