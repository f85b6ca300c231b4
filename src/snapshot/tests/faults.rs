//! What happens to a store on disk, and what must be noticed.

use std::fs::{self, File};
use std::io::{Read as _, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

use super::sample::{
    account, commit, commit_changes, entry, id, intent, ledger_group, named, place, role_key, settle_account, user,
    user_ids, users,
};
use crate::apply::{MembersSettled, Settlement};
use crate::read::{Increment, Reading};
use crate::snapshot::{
    Intents as _, Ledger as _, Mirror as _, RepairStep, SledStore, Store as _, StoreError, compact, keys, repair,
};

fn directory() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

fn open(directory: &Path) -> SledStore {
    SledStore::open(directory).unwrap()
}

/// A sealed store with these many users.
fn filled(directory: &Path, users: usize) {
    let store = open(directory);
    commit(&store, (0..users).map(|number| entry(user(&format!("u{number:04}")))).collect());
    store.seal().unwrap();
}

fn database(directory: &Path) -> PathBuf {
    directory.join("db/db")
}

#[test]
fn a_store_that_was_closed_well_opens_sealed_with_everything_in_it() {
    let directory = directory();
    filled(directory.path(), 300);
    let store = open(directory.path());
    assert!(store.is_sealed(), "{:?}", store.broken());
    assert_eq!(store.users().count(), 300);
    assert!(store.generation().unwrap() > 0);
}

#[test]
fn a_second_opener_is_told_who_is_first() {
    let directory = directory();
    let _first = open(directory.path());
    let Err(StoreError::Busy { path }) = SledStore::open(directory.path()) else { panic!("opened twice") };
    assert!(path.contains(&std::process::id().to_string()), "{path}");
}

#[test]
fn an_emptied_database_beside_an_old_seal_is_not_taken_for_a_new_one() {
    let directory = directory();
    filled(directory.path(), 50);
    File::create(database(directory.path())).unwrap();
    for _ in 0..2 {
        match SledStore::open(directory.path()) {
            Ok(store) => assert!(!store.is_sealed(), "and it stays so when it is opened again"),
            Err(error) => assert!(matches!(error, StoreError::Damaged { .. }), "{error}"),
        }
    }
}

#[test]
fn a_missing_database_beside_an_old_seal_is_not_taken_for_a_new_one() {
    let directory = directory();
    filled(directory.path(), 50);
    fs::remove_dir_all(directory.path().join("db")).unwrap();
    let store = open(directory.path());
    assert!(!store.is_sealed());
    commit(&store, vec![entry(user("jane"))]);
    drop(store);
    let store = open(directory.path());
    assert!(!store.is_sealed(), "until it is sealed in so many words");
    store.seal().unwrap();
    drop(store);
    assert!(open(directory.path()).is_sealed());
}

#[test]
fn a_missing_or_foreign_seal_beside_unseals() {
    let (one, other) = (directory(), directory());
    filled(one.path(), 5);
    filled(other.path(), 5);
    fs::copy(other.path().join("seal.json"), one.path().join("seal.json")).unwrap();
    assert!(!open(one.path()).is_sealed());
    fs::remove_file(other.path().join("seal.json")).unwrap();
    assert!(!open(other.path()).is_sealed());
}

#[test]
fn writes_after_the_seal_do_not_break_it() {
    let directory = directory();
    filled(directory.path(), 5);
    let store = open(directory.path());
    settle_account(&store, account("jane", "t-1"));
    drop(store);
    let store = open(directory.path());
    assert!(store.is_sealed(), "{:?}", store.broken());
    assert!(store.account(&id("jane")).unwrap().is_some());
}

#[test]
fn a_cut_tail_is_noticed_if_anything_is_missing_because_of_it() {
    let mut noticed = 0;
    for cut in [100_u64, 4_096, 30_000, 100_000] {
        let directory = directory();
        filled(directory.path(), 400);
        settle_and_seal(directory.path());
        let expected = users(&open(directory.path()));
        // The file is longer than what was written. The newest record need not stand last: sled reuses free segments.
        let end = end_of_content(directory.path());
        let file = File::options().write(true).open(database(directory.path())).unwrap();
        file.set_len(end.saturating_sub(cut)).unwrap();
        match SledStore::open(directory.path()) {
            Ok(store) if store.is_sealed() => {
                assert_eq!(users(&store), expected, "{cut} bytes were cut");
                assert!(store.account(&id("jane")).unwrap().is_some(), "{cut} bytes were cut");
            }
            Ok(_) => noticed += 1,
            Err(error) => {
                assert!(matches!(error, StoreError::Damaged { .. }), "{error}");
                noticed += 1;
            }
        }
    }
    assert!(noticed > 0, "no cut did any damage, so this test shows nothing");
}

#[test]
fn a_record_that_is_missing_is_noticed_for_as_long_as_nobody_seals() {
    let directory = directory();
    filled(directory.path(), 50);
    let raw = sled::open(directory.path().join("db")).unwrap();
    let overlay = raw.open_tree("overlay").unwrap();
    let key = keys::version(&keys::of(keys::USER, &id("u0007")), 1);
    overlay.remove(key).unwrap().expect("the record is there");
    raw.flush().unwrap();
    drop((overlay, raw));
    fs::write(directory.path().join("unclean"), "").unwrap();
    let store = open(directory.path());
    assert!(!store.is_sealed());
    assert_eq!(store.broken().as_deref(), Some("its tally of `overlay` says 50 records and 49 were found"));
    settle_account(&store, account("jane", "t-1"));
    drop(store);
    assert!(!open(directory.path()).is_sealed(), "though the tally adds up again");
}

#[test]
fn pages_of_the_mirror_that_are_missing_are_noticed_whatever_the_seal_beside_tells_of() {
    let directory = directory();
    filled(directory.path(), 1_500);
    // The seal beside is from before the pages were written anew.
    let beside = fs::read(directory.path().join("seal.json")).unwrap();
    filled(directory.path(), 3_000);
    fs::write(directory.path().join("seal.json"), beside).unwrap();
    assert!(open(directory.path()).is_sealed(), "a store may be newer than the file beside it");
    fs::remove_file(directory.path().join("db/mirror/2")).unwrap();
    let store = open(directory.path());
    assert!(!store.is_sealed());
    assert_eq!(store.broken().as_deref(), Some("its part `mirror.2` is missing"));
}

#[test]
fn a_large_group_is_kept_in_small_chunks() {
    let directory = directory();
    let store = open(directory.path());
    let names: Vec<String> = (0..3_000).map(|number| format!("u{number:04}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let settled = |then| store.settle(vec![(store.begin(vec![intent("x")]).unwrap()[0], Some(then))]).unwrap();
    settled(Settlement { groups: vec![ledger_group("all", &[])], ..Settlement::default() });
    for joined in names.chunks(100) {
        let joined = joined.iter().map(|name| id(name)).collect();
        let members = vec![MembersSettled { group: role_key("all"), joined, left: vec![] }];
        settled(Settlement { members, ..Settlement::default() });
    }
    assert_eq!(store.ledger_group(&role_key("all")).unwrap(), Some(ledger_group("all", &names)));
    drop(store);
    let raw = sled::open(directory.path().join("db")).unwrap();
    let ledger = raw.open_tree("ledger").unwrap();
    let sizes: Vec<usize> = ledger.scan_prefix(b"n").map(|pair| pair.unwrap().1.len()).collect();
    assert!(sizes.len() > 10 && sizes.iter().all(|size| *size < 2_000), "{sizes:?}");
}

fn settle_and_seal(directory: &Path) {
    let store = open(directory);
    settle_account(&store, account("jane", "t-1"));
    store.seal().unwrap();
}

fn end_of_content(directory: &Path) -> u64 {
    let bytes = fs::read(database(directory)).unwrap();
    bytes.iter().rposition(|byte| *byte != 0).unwrap() as u64
}

#[test]
fn a_flipped_byte_is_harmless_or_noticed_and_never_a_panic() {
    let pristine = directory();
    filled(pristine.path(), 400);
    let end = end_of_content(pristine.path());
    let expected = users(&open(pristine.path()));
    for step in 1..20 {
        let directory = directory();
        copy_tree(pristine.path(), directory.path());
        flip(&database(directory.path()), end * step / 20);
        match SledStore::open(directory.path()) {
            Ok(store) if store.is_sealed() => assert_eq!(users(&store), expected, "byte {}", end * step / 20),
            Ok(_) => {}
            Err(error) => assert!(matches!(error, StoreError::Damaged { .. }), "{error}"),
        }
    }
}

fn flip(path: &Path, at: u64) {
    let mut file = File::options().read(true).write(true).open(path).unwrap();
    let mut byte = [0];
    file.seek(SeekFrom::Start(at)).unwrap();
    file.read_exact(&mut byte).unwrap();
    file.seek(SeekFrom::Start(at)).unwrap();
    file.write_all(&[byte[0] ^ 0x55]).unwrap();
}

pub(super) fn copy_tree(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().flatten() {
        if entry.file_type().unwrap().is_dir() {
            copy_tree(&entry.path(), &to.join(entry.file_name()));
        } else {
            fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
        }
    }
}

#[test]
fn what_a_full_disk_left_behind_does_not_brick_the_store() {
    let directory = directory();
    filled(directory.path(), 50);
    let leftover = directory.path().join("db/snap.00000000000000FF.generating");
    File::create(&leftover).unwrap();
    let store = open(directory.path());
    assert!(store.is_sealed());
    assert_eq!(store.users().count(), 50);
    assert!(!leftover.exists());
}

#[test]
fn a_crash_before_the_commit_leaves_the_old_mirror() {
    let directory = directory();
    filled(directory.path(), 5);
    let store = open(directory.path());
    store.staging().unwrap().stage(vec![entry(named("u0001", "Changed")), entry(user("new"))]).unwrap();
    store.crash_after(0);
    drop(store);
    let store = open(directory.path());
    assert!(store.is_sealed());
    assert_eq!(user_ids(&store), ["u0000", "u0001", "u0002", "u0003", "u0004"]);
}

#[test]
fn a_crash_anywhere_in_a_commit_leaves_the_old_mirror_or_the_new_one_and_never_a_mixture() {
    let pristine = directory();
    filled(pristine.path(), 400);
    let before = users(&open(pristine.path()));
    let changed = |number: usize| named(&format!("u{number:04}"), "Changed");
    let next: Vec<_> = (200..600).map(changed).collect();
    let (mut old, mut new) = (0, 0);
    for batches in 0.. {
        let directory = directory();
        copy_tree(pristine.path(), directory.path());
        let store = open(directory.path());
        store.crash_after(batches);
        let survived = try_commit(&store, &next);
        drop(store);
        let store = open(directory.path());
        assert!(store.is_sealed(), "{:?}", store.broken());
        let found = users(&store);
        match found == before {
            true => old += 1,
            false => {
                assert_eq!(found, next, "crashed after {batches} batches");
                assert_eq!(store.certificate().unwrap().unwrap().entries_of("users"), 400);
                new += 1;
            }
        }
        if survived {
            break;
        }
    }
    assert!(old > 3 && new > 3, "crashed {old} times before the point of no return and {new} times behind it");
}

#[test]
fn a_crash_anywhere_while_all_pages_are_written_anew_leaves_the_old_mirror_or_the_new_one() {
    let pristine = directory();
    filled(pristine.path(), 1_500);
    let before = users(&open(pristine.path()));
    let next: Vec<_> = (500..2_500).map(|number| named(&format!("u{number:04}"), "Changed")).collect();
    let (mut old, mut new) = (0, 0);
    for batches in 0.. {
        let directory = directory();
        copy_tree(pristine.path(), directory.path());
        let store = open(directory.path());
        store.crash_after(batches);
        let survived = try_commit(&store, &next);
        drop(store);
        let store = open(directory.path());
        assert!(store.is_sealed(), "{:?}", store.broken());
        match users(&store) {
            found if found == before => old += 1,
            found => {
                assert_eq!(found, next, "crashed after {batches} batches");
                new += 1;
            }
        }
        commit(&store, next.iter().cloned().map(entry).collect());
        assert_eq!(users(&store), next, "and the next reading goes well");
        if survived {
            break;
        }
    }
    assert!(old >= 3 && new >= 3, "crashed {old} times before the point of no return and {new} times behind it");
}

/// Stages and commits; false if the store died on the way.
fn try_commit(store: &SledStore, next: &[rollcall_kit::DirectoryUser]) -> bool {
    let Ok(mut staging) = store.staging() else { return false };
    for user in next {
        if staging.stage(vec![entry(user.clone())]).is_err() {
            return false;
        }
    }
    let reading = Reading::for_tests(super::sample::certificate(400, 0), vec![]);
    store.commit(staging, &reading).is_ok()
}

#[test]
fn a_crash_anywhere_in_a_commit_of_changes_leaves_mirror_and_place_as_they_were_or_moves_both() {
    let pristine = directory();
    filled(pristine.path(), 400);
    commit_changes(&open(pristine.path()), &[], "before");
    let before = users(&open(pristine.path()));
    let next: Vec<_> = (200..600).map(|number| named(&format!("u{number:04}"), "Changed")).collect();
    let after = [&before[..200], &next[..]].concat();
    let (mut old, mut new) = (0, 0);
    for batches in 0.. {
        let directory = directory();
        copy_tree(pristine.path(), directory.path());
        let store = open(directory.path());
        store.crash_after(batches);
        let survived = try_commit_changes(&store, &next);
        drop(store);
        let store = open(directory.path());
        assert!(store.is_sealed(), "{:?}", store.broken());
        let found = (users(&store), store.place().unwrap());
        match found == (before.clone(), Some(place("before"))) {
            true => old += 1,
            false => {
                assert!(found == (after.clone(), Some(place("after"))), "crashed after {batches} batches");
                new += 1;
            }
        }
        if survived {
            break;
        }
    }
    assert!(old > 3 && new > 3, "crashed {old} times before the point of no return and {new} times behind it");
}

/// The same with changes.
fn try_commit_changes(store: &SledStore, next: &[rollcall_kit::DirectoryUser]) -> bool {
    let Ok(mut staging) = store.staging_changes() else { return false };
    for user in next {
        if staging.stage(vec![entry(user.clone())]).is_err() {
            return false;
        }
    }
    store.commit_changes(staging, &Increment::for_tests(place("after"))).is_ok()
}

#[test]
fn changes_cost_as_much_as_they_are_and_not_as_much_as_the_mirror() {
    let directory = directory();
    filled(directory.path(), 2_000);
    let store = open(directory.path());
    store.crash_after(12);
    commit_changes(&store, &[entry(named("u0007", "Changed"))], "after");
    assert_eq!(store.user(&id("u0007")).unwrap(), Some(named("u0007", "Changed")));
}

#[test]
fn a_commit_costs_as_much_as_it_changes() {
    let directory = directory();
    filled(directory.path(), 2_000);
    let store = open(directory.path());
    let mut entries: Vec<_> = (0..2_000).map(|number| entry(user(&format!("u{number:04}")))).collect();
    entries[7] = entry(named("u0007", "Changed"));
    store.crash_after(12);
    commit(&store, entries);
    assert_eq!(store.user(&id("u0007")).unwrap(), Some(named("u0007", "Changed")));
}

#[test]
fn compaction_keeps_every_record_and_the_seal() {
    let directory = directory();
    filled(directory.path(), 500);
    let store = open(directory.path());
    settle_account(&store, account("jane", "t-1"));
    let (generation, before) = (store.generation().unwrap(), users(&store));
    drop(store);
    compact(directory.path()).unwrap();
    let store = open(directory.path());
    assert!(store.is_sealed(), "{:?}", store.broken());
    assert_eq!(users(&store), before);
    assert_eq!(store.generation().unwrap(), generation);
    assert!(!directory.path().join("old").exists(), "nothing of the database before stays");
}

#[test]
fn a_compaction_that_was_cut_short_is_finished_or_thrown_away() {
    let directory = directory();
    filled(directory.path(), 50);
    fs::create_dir(directory.path().join("new")).unwrap();
    assert!(open(directory.path()).is_sealed());
    assert!(!directory.path().join("new").exists(), "half a copy beside the database is thrown away");
    fs::rename(directory.path().join("db"), directory.path().join("new")).unwrap();
    let store = open(directory.path());
    assert!(store.is_sealed() && store.users().count() == 50, "a copy without a database takes its place");
}

#[test]
fn every_step_of_repair_opens_unsealed_and_deletes_no_data() {
    let directory = directory();
    filled(directory.path(), 50);
    compact(directory.path()).unwrap();
    for (step, users) in [(RepairStep::DropIndex, 50), (RepairStep::StartAnew, 0)] {
        let store = repair(directory.path(), step).unwrap();
        assert!(!store.is_sealed(), "{step}");
        assert_eq!(store.users().count(), users, "{step}");
    }
    assert!(directory.path().join("damaged-1/db").exists());
    assert!(!open(directory.path()).is_sealed(), "also when it is opened again");
}

#[test]
fn a_damaged_store_names_the_steps_of_repair_and_the_first_one_helps() {
    let directory = directory();
    filled(directory.path(), 50);
    // A damaged index of sled's own is the kind of damage that it reports.
    fs::write(directory.path().join("db/snap.00000000000000FF"), "").unwrap();
    let Err(error) = SledStore::open(directory.path()) else { panic!("a store with a damaged index was opened") };
    assert!(matches!(error, StoreError::Damaged { .. }), "{error}");
    for step in RepairStep::ALL {
        assert!(error.to_string().contains(step.name()), "{error}");
        assert_eq!(step.name().parse::<RepairStep>().unwrap(), step);
    }
    assert!("reformat".parse::<RepairStep>().is_err());
    assert_eq!(repair(directory.path(), RepairStep::DropIndex).unwrap().users().count(), 50);
}

#[test]
fn a_snapshot_of_a_later_version_is_refused_by_name_and_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    drop(SledStore::open(folder.path()).unwrap());
    let seal = folder.path().join("seal.json");
    // Whatever else a later version writes there.
    std::fs::write(&seal, r#"{"format": 5, "hashes": []}"#).unwrap();
    let before = listing(folder.path());
    let error = SledStore::open(folder.path()).err().unwrap();
    assert!(matches!(error, StoreError::Later { format: 5, known: 4, .. }), "{error}");
    assert!(error.to_string().contains("use the later version again"), "{error}");
    assert_eq!(listing(folder.path()), before);
}

/// Every file below a folder with its content, but for the lock, which is taken before anything is looked at.
fn listing(folder: &std::path::Path) -> std::collections::BTreeMap<std::path::PathBuf, Vec<u8>> {
    let mut files = std::collections::BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else {
                files.insert(path.clone(), std::fs::read(path).unwrap());
            }
        }
    }
    files
}
