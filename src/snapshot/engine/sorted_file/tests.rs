//! A sorted file answers as a map would, and damage is told, never taken for an answer.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use proptest::collection::{btree_map, vec};
use proptest::prelude::{Strategy, any, proptest};

use super::{FOOTER, FULL, SortedFile, SortedWriter, hash};
use crate::snapshot::StoreError;
use crate::snapshot::engine::{Pair, Pairs};
use crate::snapshot::keys;

type Map = BTreeMap<Vec<u8>, Vec<u8>>;

type Owned = Vec<(Vec<u8>, Vec<u8>)>;

const TALLY: &[u8] = b"so many records";

/// Writes these pairs into a file.
fn written(folder: &Path, pairs: &Map) -> PathBuf {
    let path = folder.join("7");
    let mut writer = SortedWriter::into(File::create(&path).unwrap());
    for (key, value) in pairs {
        writer.put(key, value).unwrap();
    }
    writer.finish(TALLY).unwrap();
    path
}

fn open(path: &Path) -> Arc<SortedFile> {
    Arc::new(SortedFile::open(path.parent().unwrap(), path).unwrap().unwrap())
}

/// What a map of these pairs holds within bounds, the tally included.
fn expected(pairs: &Map, from: &[u8], to: Option<&[u8]>) -> Owned {
    let tally = (keys::TALLY.to_vec(), TALLY.to_vec());
    let all = pairs.iter().map(|(key, value)| (key.clone(), value.clone())).chain([tally]).collect::<Map>();
    all.into_iter().filter(|(key, _)| &**key >= from && to.is_none_or(|to| &**key < to)).collect()
}

fn copied(pair: Result<Pair, StoreError>) -> (Vec<u8>, Vec<u8>) {
    let (key, value) = pair.unwrap();
    (key.to_vec(), value.to_vec())
}

/// Takes pairs from the front and from the back, as the turns say, and puts them in their order.
fn from_both_ends(mut pairs: Pairs<'_>, turns: &[bool]) -> Owned {
    let (mut front, mut back) = (Vec::new(), Vec::new());
    for from_front in turns.iter().cycle() {
        let next = if *from_front { pairs.next() } else { pairs.next_back() };
        match next {
            Some(pair) if *from_front => front.push(copied(pair)),
            Some(pair) => back.push(copied(pair)),
            None => break,
        }
    }
    assert!(pairs.next().is_none() && pairs.next_back().is_none(), "what has ended stays so");
    back.reverse();
    [front, back].concat()
}

/// Keys like the store's, none of them before the first that a record can have; values of all sizes.
fn some_pairs() -> impl Strategy<Value = Map> {
    let key = vec(1..6_u8, 1..5);
    let value = (any::<u8>(), 0..4_000_usize).prop_map(|(byte, length)| vec![byte; length]);
    btree_map(key, value, 0..60)
}

proptest! {
    #[test]
    fn a_sorted_file_answers_as_a_map_would(
        pairs in some_pairs(),
        bounds in vec((vec(0..7_u8, 0..5), proptest::option::of(vec(0..7_u8, 0..5))), 1..8),
        turns in vec(any::<bool>(), 1..9),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let file = open(&written(folder.path(), &pairs));
        assert_eq!(file.get(keys::TALLY).unwrap().as_deref(), Some(TALLY));
        for (from, to) in &bounds {
            let expected = expected(&pairs, from, to.as_deref());
            let range = || Arc::clone(&file).range(from, to.as_deref());
            assert_eq!(range().map(copied).collect::<Vec<_>>(), expected);
            let mut backwards: Vec<_> = range().rev().map(copied).collect();
            backwards.reverse();
            assert_eq!(backwards, expected);
            let mut both = turns.clone();
            both.extend([true, false]);
            assert_eq!(from_both_ends(range(), &both), expected);
            assert_eq!(file.get(from).unwrap().as_deref(), pairs.get(from).map(Vec::as_slice));
        }
        for (key, value) in &pairs {
            assert_eq!(file.get(key).unwrap().as_deref(), Some(&**value));
        }
    }
}

/// Enough for a few blocks.
fn sample() -> Map {
    (0..40_u32).map(|number| (format!("u{number:03}").into_bytes(), vec![number as u8; 1_000])).collect()
}

/// Everything that a file tells, or that it is damaged.
fn told(path: &Path) -> Result<Owned, StoreError> {
    let Some(file) = SortedFile::open(path.parent().unwrap(), path)? else { panic!("the file is there") };
    let file = Arc::new(file);
    for key in sample().keys() {
        if let Some(value) = file.get(key)? {
            assert_eq!(&*value, &*sample()[key], "an answer is right or none");
        } else {
            panic!("{key:?} is there");
        }
    }
    let pairs = file.range(b"", None).map(|pair| pair.map(|(key, value)| (key.to_vec(), value.to_vec())));
    pairs.collect()
}

#[test]
fn a_flipped_byte_anywhere_is_told_and_never_a_wrong_answer() {
    let folder = tempfile::tempdir().unwrap();
    let path = written(folder.path(), &sample());
    let whole = fs::read(&path).unwrap();
    assert!(whole.len() > 2 * FULL, "it has a few blocks");
    assert_eq!(told(&path).unwrap(), expected(&sample(), b"", None));
    let index = whole.len() - 400;
    for at in (0..index).step_by(997).chain(index..whole.len()) {
        let mut damaged = whole.clone();
        damaged[at] ^= 0x55;
        fs::write(&path, damaged).unwrap();
        let error = told(&path).err().unwrap_or_else(|| panic!("nobody noticed byte {at}"));
        assert!(matches!(error, StoreError::Damaged { .. }), "{error}");
        assert!(error.to_string().contains("7 cannot be read") && error.to_string().contains("drop-mirror"), "{error}");
    }
}

#[test]
fn a_file_that_was_cut_off_is_damaged_and_never_an_empty_one() {
    let folder = tempfile::tempdir().unwrap();
    let path = written(folder.path(), &sample());
    let whole = fs::read(&path).unwrap();
    for length in [0, 1, FOOTER - 1, FOOTER, FULL, whole.len() - FOOTER, whole.len() - 1] {
        fs::write(&path, &whole[..length]).unwrap();
        assert!(matches!(told(&path), Err(StoreError::Damaged { .. })), "{length} bytes of it are left");
    }
    fs::write(&path, [&whole[..], b"more"].concat()).unwrap();
    assert!(matches!(told(&path), Err(StoreError::Damaged { .. })), "and one that is longer than it was");
    assert!(SortedFile::open(folder.path(), &folder.path().join("8")).unwrap().is_none(), "a missing one is none");
}

#[test]
fn a_block_that_lies_where_another_should_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let path = written(folder.path(), &sample());
    let whole = fs::read(&path).unwrap();
    // Two lengths, a key of 4 bytes and a value of 1,000: a block is full after so many of them.
    let block = FULL.div_ceil(1_012) * 1_012;
    let swapped = [&whole[block..2 * block], &whole[..block], &whole[2 * block..]].concat();
    assert_ne!(swapped, whole);
    fs::write(&path, swapped).unwrap();
    assert!(matches!(told(&path), Err(StoreError::Damaged { .. })));
}

#[test]
fn lengths_that_nobody_can_mean_ask_for_no_memory() {
    let folder = tempfile::tempdir().unwrap();
    let path = written(folder.path(), &sample());
    let whole = fs::read(&path).unwrap();
    let footer = whole.len() - FOOTER;
    let mut damaged = whole.clone();
    damaged[footer..footer + 8].copy_from_slice(&u64::MAX.to_le_bytes());
    fs::write(&path, damaged).unwrap();
    assert!(matches!(told(&path), Err(StoreError::Damaged { .. })));
    // An index that was hashed as it is, and whose first length is larger than the file.
    let mut index = u32::MAX.to_le_bytes().to_vec();
    index.extend_from_slice(b"short");
    let mut forged = (index.len() as u64).to_le_bytes().to_vec();
    forged.extend_from_slice(&hash(&index));
    fs::write(&path, [&index[..], &forged, &whole[whole.len() - 9..]].concat()).unwrap();
    assert!(matches!(told(&path), Err(StoreError::Damaged { .. })));
}

#[test]
fn a_walk_that_met_damage_has_ended() {
    let folder = tempfile::tempdir().unwrap();
    let path = written(folder.path(), &sample());
    let mut bytes = fs::read(&path).unwrap();
    bytes[FULL + 100] ^= 1;
    fs::write(&path, bytes).unwrap();
    for is_reversed in [false, true] {
        let pairs = open(&path).range(b"", None);
        let mut pairs: Pairs<'_> = if is_reversed { Box::new(pairs.rev()) } else { pairs };
        assert!(pairs.by_ref().any(|pair| pair.is_err()), "it meets the damage");
        assert!(pairs.next().is_none(), "and nobody takes what comes behind it for all there is");
    }
}

#[test]
fn keys_that_do_not_come_in_their_order_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    for second in ["a", "b"] {
        let mut writer = SortedWriter::into(File::create(folder.path().join("7")).unwrap());
        writer.put(b"b", b"").unwrap();
        let refused = writer.put(second.as_bytes(), b"").unwrap_err();
        assert!(refused.to_string().contains("order"), "{refused}");
    }
}
