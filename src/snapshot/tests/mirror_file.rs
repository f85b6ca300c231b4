//! The mirror of a store on disk lies in a file of its own: what that costs, what happens to it, and where an earlier
//! version had it.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::faults::copy_tree;
use super::sample::{account, commit, commit_changes, entry, id, named, place, settle_account, user, user_ids, users};
use crate::plan::Carried;
use crate::snapshot::engine::opening::lock_directory;
use crate::snapshot::engine::sled::SledEngine;
use crate::snapshot::engine::{Engine as _, Ops, Table};
use crate::snapshot::{
    Agenda as _, Ledger as _, Mirror as _, RepairStep, SledStore, Store as _, StoreError, compact, repair,
};

const MANY: usize = 1_500;

fn open(directory: &Path) -> SledStore {
    SledStore::open(directory).unwrap()
}

fn everybody() -> Vec<rollcall_kit::Entry> {
    (0..MANY).map(|number| entry(user(&format!("u{number:04}")))).collect()
}

/// A sealed store whose mirror has pages, and an account.
fn filled(directory: &Path) {
    let store = open(directory);
    commit(&store, everybody());
    settle_account(&store, account("u0001", "t-1"));
    store.seal().unwrap();
}

fn mirror(directory: &Path, number: u64) -> PathBuf {
    directory.join("db/mirror").join(number.to_string())
}

fn flip(path: &Path, at: usize) {
    let mut bytes = fs::read(path).unwrap();
    bytes[at] ^= 0x55;
    fs::write(path, bytes).unwrap();
}

/// The trees of sled's that hold a mirror.
fn mirrors_in_sled(directory: &Path) -> Vec<String> {
    let raw = sled::open(directory.join("db")).unwrap();
    let names = raw.tree_names().into_iter().map(|name| String::from_utf8_lossy(&name).into_owned());
    names.filter(|name| name.starts_with("mirror")).collect()
}

/// Lays the mirror into sled, as an earlier version had it.
fn as_format_3(directory: &Path, number: u64) {
    let table = Table::Mirror(number);
    let engine = SledEngine::open(directory, Arc::new(lock_directory(directory).unwrap())).unwrap();
    let pairs: Vec<(Vec<u8>, Vec<u8>)> = engine
        .range(table, b"", None)
        .unwrap()
        .map(Result::unwrap)
        .map(|(key, value)| (key.to_vec(), value.to_vec()))
        .collect();
    drop(engine);
    fs::remove_dir_all(directory.join("db/mirror")).unwrap();
    let raw = sled::open(directory.join("db")).unwrap();
    let tree = raw.open_tree(table.name().as_bytes()).unwrap();
    for (key, value) in pairs {
        tree.insert(key, value).unwrap();
    }
    raw.flush().unwrap();
    let seal = fs::read_to_string(directory.join("seal.json")).unwrap();
    assert!(seal.contains("\"format\": 4"), "{seal}");
    fs::write(directory.join("seal.json"), seal.replace("\"format\": 4", "\"format\": 3")).unwrap();
}

#[test]
fn the_mirror_is_a_file_that_is_its_owners_alone_and_one_at_a_time() {
    let directory = tempfile::tempdir().unwrap();
    filled(directory.path());
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&mirror(directory.path(), 1)), 0o600);
    assert_eq!(mode(&directory.path().join("db/mirror")), 0o700);
    let store = open(directory.path());
    let changed: Vec<_> = (0..MANY).map(|number| named(&format!("u{number:04}"), "Changed")).collect();
    commit(&store, changed.iter().cloned().map(entry).collect());
    assert_eq!(users(&store), changed);
    drop(store);
    let names: Vec<_> =
        fs::read_dir(directory.path().join("db/mirror")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, ["2"]);
    assert_eq!(mirrors_in_sled(directory.path()), [""; 0]);
}

#[test]
fn a_mirror_that_was_never_finished_is_removed_and_counts_nothing() {
    let directory = tempfile::tempdir().unwrap();
    filled(directory.path());
    let unfinished = directory.path().join("db/mirror/2.new");
    fs::copy(mirror(directory.path(), 1), &unfinished).unwrap();
    let store = open(directory.path());
    assert!(store.is_sealed() && !unfinished.exists());
    assert_eq!(store.users().count(), MANY);
}

#[test]
fn a_lost_mirror_is_named_and_the_next_reading_brings_it_back() {
    let directory = tempfile::tempdir().unwrap();
    filled(directory.path());
    fs::remove_file(mirror(directory.path(), 1)).unwrap();
    assert!(SledStore::at_a_glance(directory.path(), 20).is_none(), "nothing is told of it at a glance");
    let store = open(directory.path());
    assert_eq!(store.broken().as_deref(), Some("its part `mirror.1` is missing"));
    assert!(!store.is_sealed() && store.account(&id("u0001")).unwrap().is_some());
    commit(&store, everybody());
    assert_eq!(store.users().count(), MANY);
    assert_eq!(store.verify().unwrap(), None);
    store.seal().unwrap();
    drop(store);
    assert!(open(directory.path()).is_sealed());
}

#[test]
fn another_mirror_in_its_place_is_noticed() {
    let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    filled(one.path());
    filled(other.path());
    fs::copy(mirror(other.path(), 1), mirror(one.path(), 1)).unwrap();
    let store = open(one.path());
    assert!(!store.is_sealed());
    assert_eq!(store.broken().as_deref(), Some("it differs from seal.json in `mirror.1`"));
}

#[test]
fn a_damaged_mirror_costs_no_more_than_itself() {
    let pristine = tempfile::tempdir().unwrap();
    filled(pristine.path());
    let length = fs::metadata(mirror(pristine.path(), 1)).unwrap().len() as usize;
    for at in [100, length / 2, length - 40, length - 30, length - 9, length - 1] {
        let directory = tempfile::tempdir().unwrap();
        copy_tree(pristine.path(), directory.path());
        flip(&mirror(directory.path(), 1), at);
        match SledStore::open(directory.path()) {
            Ok(store) => {
                // The block is looked at when it is read.
                assert!(at < length - 40);
                let read: Result<Vec<_>, _> = store.users().collect();
                let is_told = |error: &StoreError| matches!(error, StoreError::Damaged { .. });
                assert!(read.err().as_ref().is_none_or(is_told), "byte {at}");
                assert!(store.verify().as_ref().err().is_some_and(is_told), "byte {at}");
            }
            Err(error) => {
                assert!(matches!(error, StoreError::Damaged { .. }), "byte {at}: {error}");
                assert!(
                    error.to_string().contains("db/mirror/1") && error.to_string().contains("drop-mirror"),
                    "{error}"
                );
            }
        }
        let store = repair(directory.path(), RepairStep::DropMirror).unwrap();
        assert!(!store.is_sealed(), "a repair makes nothing whole");
        assert!(directory.path().join("damaged-1/1").exists(), "nothing is deleted by it");
        assert!(store.account(&id("u0001")).unwrap().is_some(), "the ledger stays");
        commit(&store, everybody());
        assert_eq!((store.users().count(), store.verify().unwrap()), (MANY, None));
    }
}

#[test]
fn damage_that_counting_finds_unseals() {
    let directory = tempfile::tempdir().unwrap();
    filled(directory.path());
    flip(&mirror(directory.path(), 1), 100);
    fs::write(directory.path().join("unclean"), "").unwrap();
    let store = open(directory.path());
    assert!(!store.is_sealed());
    assert!(store.broken().unwrap().contains("db/mirror/1"), "{:?}", store.broken());
}

#[test]
fn a_compaction_takes_the_mirror_over_as_it_is() {
    let directory = tempfile::tempdir().unwrap();
    filled(directory.path());
    let before = users(&open(directory.path()));
    let inode = fs::metadata(mirror(directory.path(), 1)).unwrap().ino();
    compact(directory.path()).unwrap();
    let after = fs::metadata(mirror(directory.path(), 1)).unwrap();
    assert_eq!((after.ino(), after.nlink()), (inode, 1), "it was not written again, and nothing of the copy stays");
    let store = open(directory.path());
    assert!(store.is_sealed(), "{:?}", store.broken());
    assert_eq!(users(&store), before);
}

#[test]
fn a_mirror_in_a_file_is_not_counted_as_sleds() {
    let directory = tempfile::tempdir().unwrap();
    filled(directory.path());
    let store = open(directory.path());
    let held: u64 = store.database.state().tallies.values().map(|tally| tally.bytes).sum();
    let mirror = store.database.state().tallies[&Table::Mirror(1)].bytes;
    assert!(mirror > 10_000);
    assert_eq!(store.database.bytes(), held - mirror);
    assert!(fs::metadata(directory.path().join("db/mirror/1")).unwrap().len() < mirror + mirror / 10);
}

#[test]
fn a_mirror_is_written_whole_or_not_at_all() {
    let directory = tempfile::tempdir().unwrap();
    let store = open(directory.path());
    let engine = &store.database.engine;
    let ops = Ops::from([(b"u".to_vec(), Some(b"x".to_vec()))]);
    assert!(engine.commit(Table::Mirror(1), ops).is_err());
    assert!(engine.bulk(Table::Ledger).is_err());
    let mut bulk = engine.bulk(Table::Mirror(1)).unwrap();
    bulk.put(b"u", b"x").unwrap();
    assert!(
        engine.get(Table::Mirror(1), b"u").unwrap().is_none()
            && engine.tables().unwrap().iter().all(|table| Table::FIXED.contains(table))
    );
    drop(bulk);
    assert_eq!(fs::read_dir(directory.path().join("db/mirror")).unwrap().count(), 0, "what was begun in vain is gone");
}

/// A snapshot of format 3 with everything that an upgrade could lose.
fn earlier(directory: &Path) {
    filled(directory);
    let store = open(directory);
    commit_changes(&store, &[entry(named("u0007", "Changed"))], "here");
    store.planned(None, &Carried::default(), "the ground").unwrap();
    commit_changes(&store, &[entry(named("u0009", "Changed"))], "there");
    store.seal().unwrap();
    drop(store);
    as_format_3(directory, 1);
}

#[test]
fn a_mirror_in_sled_is_read_as_it_is_and_moves_to_a_file_when_it_is_written_anew() {
    let directory = tempfile::tempdir().unwrap();
    earlier(directory.path());
    let mut expected: Vec<_> = (0..MANY).map(|number| user(&format!("u{number:04}"))).collect();
    (expected[7], expected[9]) = (named("u0007", "Changed"), named("u0009", "Changed"));
    for _ in 0..2 {
        let store = open(directory.path());
        assert!(store.is_sealed(), "{:?}", store.broken());
        assert_eq!((users(&store), store.verify().unwrap()), (expected.clone(), None));
        assert_eq!(store.place().unwrap(), Some(place("there")), "no place in a stream of changes is lost");
        assert_eq!(store.ground().unwrap().as_deref(), Some("the ground"));
        assert_eq!(store.touched().unwrap().into_iter().collect::<Vec<_>>(), [id("u0009")]);
        assert!(store.account(&id("u0001")).unwrap().is_some());
        let seal = fs::read_to_string(directory.path().join("seal.json")).unwrap();
        assert!(seal.contains("\"format\": 4"), "an earlier version would miss the mirror: {seal}");
        drop(store);
        assert!(!mirror(directory.path(), 1).exists());
        assert_eq!(mirrors_in_sled(directory.path()), ["mirror.1"]);
    }
    fs::write(directory.path().join("compacted"), "999999999999").unwrap();
    let store = open(directory.path());
    commit(&store, (0..MANY).map(|number| entry(named(&format!("u{number:04}"), "New"))).collect());
    assert_eq!(store.user(&id("u0003")).unwrap(), Some(named("u0003", "New")));
    store.seal().unwrap();
    drop(store);
    assert!(mirror(directory.path(), 2).exists());
    assert!(
        !directory.path().join("compacted").exists(),
        "a copy would be smaller than it was with the mirror in sled"
    );
    assert_eq!(mirrors_in_sled(directory.path()), [""; 0], "and the room is sled's again");
    assert!(open(directory.path()).is_sealed());
}

#[test]
fn a_compaction_moves_a_mirror_out_of_sled() {
    let directory = tempfile::tempdir().unwrap();
    earlier(directory.path());
    let before = users(&open(directory.path()));
    compact(directory.path()).unwrap();
    assert!(mirror(directory.path(), 1).exists());
    assert_eq!(mirrors_in_sled(directory.path()), [""; 0]);
    let store = open(directory.path());
    assert!(store.is_sealed(), "{:?}", store.broken());
    assert_eq!((users(&store), store.verify().unwrap()), (before, None));
    assert_eq!(user_ids(&store).len(), MANY);
}
