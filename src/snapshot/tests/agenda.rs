//! The agenda over crashes: somebody whose record, groups or account became another must never pass for somebody at rest,
//! whichever step of the commit was the last. A leaver would stay in until the weekly comparison.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use rollcall_kit::{DirectoryId, DirectoryUser, Entry};

use super::sample::{account, entry, group, id, named, place, user};
use crate::apply::Settlement;
use crate::plan::{Carried, LedgerAccount};
use crate::read::{Increment, Reading};
use crate::snapshot::{Agenda as _, Intents as _, Ledger as _, Mirror as _, SledStore, Store as _};

type People = BTreeMap<DirectoryId, (Option<DirectoryUser>, Vec<DirectoryId>, Option<LedgerAccount>)>;

/// Everybody: their records, their groups and their accounts.
fn people(store: &SledStore) -> People {
    let mut ids: BTreeSet<DirectoryId> = store.users().map(|user| user.unwrap().id).collect();
    ids.extend(store.accounts().map(|account| account.unwrap().user));
    let of = |id: &DirectoryId| (store.user(id).unwrap(), store.groups_of(id).unwrap(), store.account(id).unwrap());
    ids.into_iter().map(|id| (id.clone(), of(&id))).collect()
}

/// A store with sixty people who have accounts, all of them at rest.
fn at_rest(directory: &Path) {
    let store = SledStore::open(directory).unwrap();
    let names: Vec<String> = (0..60).map(|number| format!("u{number:02}")).collect();
    let mut entries: Vec<Entry> = names.iter().map(|name| entry(user(name))).collect();
    let members: Vec<&str> = names[..30].iter().map(String::as_str).collect();
    entries.push(Entry::Group(Box::new(group("eng", &members))));
    super::sample::commit(&store, entries);
    for name in &names {
        super::sample::settle_account(&store, account(name, &format!("t-{name}")));
    }
    store.planned(None, &Carried::default(), "the rules").unwrap();
    store.seal().unwrap();
    assert!(store.touched().unwrap().is_empty());
}

/// Lets work crash after each of its batches, and looks at the agenda then. Yields how often somebody was another, and how
/// often nobody was.
fn crashes(work: impl Fn(&SledStore) -> bool) -> (u32, u32) {
    let pristine = tempfile::tempdir().unwrap();
    at_rest(pristine.path());
    let before = people(&SledStore::open(pristine.path()).unwrap());
    let (mut changed, mut unchanged) = (0, 0);
    for batches in 0.. {
        let directory = tempfile::tempdir().unwrap();
        super::faults::copy_tree(pristine.path(), directory.path());
        let store = SledStore::open(directory.path()).unwrap();
        store.crash_after(batches);
        let survived = work(&store);
        drop(store);
        let store = SledStore::open(directory.path()).unwrap();
        assert!(store.is_sealed(), "{:?}", store.broken());
        let after = people(&store);
        let others = before.keys().chain(after.keys()).filter(|id| before.get(id) != after.get(id));
        let others: BTreeSet<DirectoryId> = others.cloned().collect();
        let is_everybody_judged = store.ground().unwrap().is_none();
        let missed: Vec<_> = others.difference(&store.touched().unwrap()).cloned().collect();
        assert!(is_everybody_judged || missed.is_empty(), "after {batches} batches: {missed:?}");
        for (id, (.., account)) in &after {
            let Some(account) = account else { continue };
            assert!(
                store.with_address(&account.address.folded()).unwrap().contains(id),
                "after {batches} batches: {id}"
            );
            assert!(store.with_target_id(&account.target_id).unwrap().contains(id), "after {batches} batches: {id}");
        }
        if others.is_empty() {
            unchanged += 1;
        } else {
            changed += 1;
        }
        if survived {
            return (changed, unchanged);
        }
    }
    unreachable!("there are more batches than numbers")
}

fn changes() -> Vec<Entry> {
    let mut entries: Vec<Entry> = (20..40).map(|number| entry(named(&format!("u{number:02}"), "Changed"))).collect();
    let members: Vec<String> = (5..45).map(|number| format!("u{number:02}")).collect();
    let members: Vec<&str> = members.iter().map(String::as_str).collect();
    entries.push(Entry::Group(Box::new(group("eng", &members))));
    entries
}

#[test]
fn users_that_a_commit_of_changes_moved_are_on_the_agenda_wherever_it_crashed() {
    let (changed, unchanged) = crashes(|store| {
        let Ok(mut staging) = store.staging_changes() else { return false };
        staging.stage(changes()).is_ok() && store.commit_changes(staging, &Increment::for_tests(place("after"))).is_ok()
    });
    assert!(changed > 1 && unchanged > 2, "{changed} {unchanged}");
}

#[test]
fn users_that_a_full_reading_changed_or_missed_are_on_the_agenda_wherever_it_crashed() {
    let (changed, unchanged) = crashes(|store| {
        let Ok(mut staging) = store.staging() else { return false };
        let mut entries: Vec<Entry> = (0..20).map(|number| entry(user(&format!("u{number:02}")))).collect();
        entries.extend(changes());
        let reading = Reading::for_tests(super::sample::certificate(40, 1), vec![]);
        staging.stage(entries).is_ok() && store.commit(staging, &reading).is_ok()
    });
    assert!(changed > 1 && unchanged > 2, "{changed} {unchanged}");
}

#[test]
fn users_who_got_or_lost_an_account_are_on_the_agenda_and_in_the_indices_wherever_it_crashed() {
    let (changed, unchanged) = crashes(|store| {
        let steps = (0..6).map(|number| {
            let name = format!("u{number:02}");
            let away = LedgerAccount { active: false, ..account(&name, &format!("t-{name}")) };
            let relinked = account(&format!("new{number}"), &format!("t-u5{number}"));
            let forgotten_accounts = vec![id(&format!("u5{number}"))];
            Settlement { accounts: vec![away, relinked], forgotten_accounts, ..Settlement::default() }
        });
        steps.into_iter().all(|step| store.correct(step).is_ok())
    });
    assert!(changed > 2 && unchanged > 0, "{changed} {unchanged}");
}
