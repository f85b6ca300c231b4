//! The seal: how the snapshot notices that it lost something.
//!
//! sled opens an emptied file as an empty database and a damaged tail as an older one, without a word. So the store
//! keeps a tally of what it holds: a count and the XOR of keyed hashes of all records. The tally goes into every
//! batch, so that each batch costs only what it changes; a full scan after opening checks it. At the end of a good run
//! the tally is copied inside the store and into a small file beside it. A store that is older than the file beside
//! it, or that does not add up to its own tally, is unsealed.

use std::fs;
use std::io::Write as _;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::StoreError;

/// The format of the records that this version writes.
pub(super) const FORMAT: u32 = 1;

/// The name of the file beside the store.
pub(super) const FILE: &str = "seal.json";

/// What a snapshot holds, by number and hash.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seal {
    /// The format of the records.
    pub format: u32,
    /// The generation.
    pub generation: u64,
    /// How many batches were written; tells an older store from a newer one.
    pub batches: u64,
    /// How many records of all kinds there are.
    pub records: u64,
    /// The XOR of the keyed hashes of all records, in hexadecimal digits.
    pub hash: String,
    /// A name of the secret that the hashes were keyed with, so that the file of another store is recognised.
    pub store: String,
}

/// The secret of one store's hashes. Keyed, so that whoever sees a seal cannot guess attributes by it, and nobody can
/// craft two records that cancel each other out.
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
        hasher.finalize_xof().fill(&mut short);
        u128::from_le_bytes(short)
    }
}

/// The running tally.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Tally {
    /// The generation.
    pub(super) generation: u64,
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

    /// As a seal.
    pub(super) fn seal(&self, secret: &HashKey) -> Seal {
        Seal {
            format: FORMAT,
            generation: self.generation,
            batches: self.batches,
            records: self.records,
            hash: format!("{:032x}", self.hash),
            store: secret.store(),
        }
    }
}

/// Why a store counts as unsealed, in a sentence; nothing if it is sealed.
///
/// `scanned` is what the scan found, `running` the tally of the last batch, `inside` the seal within the store and
/// `beside` the file's. The store may be newer than its seals (a run was cut short: every batch is whole, so nothing
/// is missing) but never older than the file beside it.
pub(super) fn broken(
    scanned: &Seal,
    running: Option<&Seal>,
    inside: Option<&Seal>,
    beside: Option<&Seal>,
) -> Option<String> {
    let Some(beside) = beside else {
        return Some(format!("{FILE} is missing or cannot be read"));
    };
    let (Some(running), Some(inside)) = (running, inside) else {
        return Some(format!("it was emptied: it holds no seal, and {FILE} tells of {} records", beside.records));
    };
    if running.records != scanned.records || running.hash != scanned.hash {
        return Some(format!("its tally says {} records and {} were found", running.records, scanned.records));
    }
    if beside.store != scanned.store {
        return Some(format!("{FILE} belongs to another snapshot"));
    }
    if inside.batches < beside.batches {
        let (then, now) = (beside.batches, inside.batches);
        return Some(format!("it is older than {FILE}: sealed after {now} batches, not after {then}"));
    }
    (inside.batches == beside.batches && inside != beside).then(|| format!("it differs from {FILE}"))
}

/// Reads the file beside the store; a missing or unreadable one is none.
pub(super) fn read_beside(directory: &Path) -> Option<Seal> {
    serde_json::from_slice(&fs::read(directory.join(FILE)).ok()?).ok()
}

/// Refuses a store whose records a later version wrote, before anything of it is touched: read as records of ours they
/// would be taken for damaged, and sealed as ours they would be lost to the later version, too. Only the number is
/// looked at, as everything else of such a file may have another shape.
pub(super) fn refuse_later(directory: &Path) -> Result<(), StoreError> {
    let file = fs::read(directory.join(FILE)).ok();
    let json = file.and_then(|file| serde_json::from_slice::<serde_json::Value>(&file).ok());
    match json.and_then(|json| json.get("format")?.as_u64()) {
        Some(format) if format > u64::from(FORMAT) => {
            Err(StoreError::Later { path: directory.display().to_string(), format, known: FORMAT })
        }
        _ => Ok(()),
    }
}

/// Writes the file beside the store: a temporary file, fsync, rename, fsync of the directory, so that after a power
/// cut there is the old one or the new one and never half of one.
pub(super) fn write_beside(directory: &Path, seal: &Seal) -> Result<(), StoreError> {
    let failed = |error: std::io::Error| super::disk::cannot(&directory.join(FILE), "be written", &error);
    let bytes = serde_json::to_vec_pretty(seal).map_err(|error| failed(error.into()))?;
    let temporary = directory.join("seal.json.new");
    let write = || -> std::io::Result<()> {
        let mut file = fs::File::create(&temporary)?;
        file.write_all(&bytes)?;
        file.sync_all()?;
        fs::rename(&temporary, directory.join(FILE))?;
        fs::File::open(directory)?.sync_all()
    };
    write().map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seal(records: u64, batches: u64) -> Seal {
        Seal { format: FORMAT, generation: 1, batches, records, hash: format!("{records:032x}"), store: "s".into() }
    }

    #[test]
    fn a_store_that_agrees_with_its_seals_is_whole() {
        let now = seal(3, 9);
        assert_eq!(broken(&now, Some(&now), Some(&now), Some(&now)), None);
    }

    #[test]
    fn a_store_that_was_written_to_after_its_seal_is_whole() {
        let (then, now) = (seal(3, 9), seal(4, 10));
        assert_eq!(broken(&now, Some(&now), Some(&then), Some(&then)), None);
        assert_eq!(broken(&now, Some(&now), Some(&now), Some(&then)), None, "killed between the two seals");
    }

    #[test]
    fn every_kind_of_loss_breaks_the_seal() {
        let (old, now) = (seal(3, 9), seal(4, 10));
        let missing_beside = broken(&now, Some(&now), Some(&now), None);
        let emptied = broken(&seal(0, 0), None, None, Some(&now));
        let rolled_back = broken(&old, Some(&old), Some(&old), Some(&now));
        let lost_a_record = broken(&old, Some(&now), Some(&now), Some(&now));
        let foreign = broken(&now, Some(&now), Some(&now), Some(&Seal { store: "t".into(), ..now.clone() }));
        let altered = broken(&now, Some(&now), Some(&now), Some(&Seal { hash: "f".into(), ..now.clone() }));
        for found in [missing_beside, emptied, rolled_back, lost_a_record, foreign, altered] {
            assert!(found.is_some());
        }
    }

    #[test]
    fn the_tally_does_not_depend_on_the_order_of_writes() {
        let secret = HashKey::random();
        let (mut one, mut other) = (Tally::default(), Tally::default());
        one.add(&secret, b"a", b"1");
        one.add(&secret, b"b", b"2");
        other.add(&secret, b"b", b"2");
        other.add(&secret, b"c", b"3");
        other.add(&secret, b"a", b"1");
        other.remove(&secret, b"c", b"3");
        assert_eq!(one, other);
    }

    #[test]
    fn a_byte_that_moves_from_key_to_value_changes_the_hash() {
        let secret = HashKey::random();
        assert_ne!(secret.hash(b"ab", b"c"), secret.hash(b"a", b"bc"));
    }
}
