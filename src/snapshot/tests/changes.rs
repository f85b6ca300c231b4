//! The record of changes: what every store must do, what a crash leaves, and what a change costs.

use std::collections::BTreeSet;
use std::path::Path;

use jiff::Timestamp;

use super::sample::{account, id, intent};
use crate::apply::record::Causes;
use crate::apply::{ChangeRecord, ChangeSubject, Deed, Intent, RecordedChanges, RecordedOutcome, Settlement, Topic};
use crate::guard::Approval;
use crate::plan::{Cause, ChangeId};
use crate::roster::{GrantCause, Role};
use crate::snapshot::{
    ChangeHistory as _, Intents as _, Ledger as _, MemoryStore, RunFact, SledStore, Store, StoreError, Word, compact,
};

both! {
    what_was_done_to_somebody_is_told_newest_first,
    what_was_done_about_a_role_or_a_group_is_told_newest_first,
    what_was_done_on_a_day_is_told_and_nothing_else,
    what_settles_twice_is_in_history_once,
    a_failure_is_news_once,
    a_run_stands_for_its_word_however_many_come_after_it,
    what_is_too_old_is_forgotten_and_nothing_else,
    an_answer_is_no_longer_than_asked_for,
}

/// Noon of the first of November 2026.
const NOON: i64 = 1_793_534_400;
const DAY: i64 = 24 * 60 * 60;

pub(super) fn run(number: u16) -> String {
    format!("20261101-1200{:02}000-{number:04x}", number % 60)
}

fn somebody(name: &str) -> ChangeSubject {
    ChangeSubject::User(id(name))
}

fn record(change: ChangeId, name: &str, deed: Deed, cause: Cause) -> ChangeRecord {
    ChangeRecord {
        change,
        subject: somebody(name),
        target_id: format!("t-{name}"),
        deed,
        causes: Causes(vec![cause]),
        outcome: RecordedOutcome::Done,
        at: NOON,
    }
}

pub(super) fn create(change: ChangeId, name: &str) -> ChangeRecord {
    record(change, name, Deed::Create, Cause::Joined)
}

pub(super) fn grant(change: ChangeId, name: &str) -> ChangeRecord {
    let group = GrantCause::Group { id: id("g-1"), name: "editors".to_owned() };
    record(change, name, Deed::GrantRole { role: Role("editor".to_owned()) }, Cause::RoleGiven { through: vec![group] })
}

fn later(days: i64, record: ChangeRecord) -> ChangeRecord {
    ChangeRecord { at: NOON + days * DAY, ..record }
}

pub(super) fn settle(store: &dyn Store, run: &str, changes: Vec<ChangeRecord>) {
    let history = RecordedChanges { run: run.to_owned(), changes };
    let sequence = store.begin(vec![intent("x")]).unwrap()[0];
    store.settle(vec![(sequence, Some(Settlement { history, ..Settlement::default() }))]).unwrap();
}

fn told(changes: &[crate::snapshot::PastChange]) -> Vec<(&str, ChangeId)> {
    changes.iter().map(|change| (&*change.run, change.record.change)).collect()
}

fn what_was_done_to_somebody_is_told_newest_first(store: &dyn Store) {
    let (first, second) = (run(1), run(2));
    settle(store, &first, vec![create(1, "jane"), grant(2, "jane"), create(3, "janet")]);
    settle(store, &second, vec![later(1, record(1, "jane", Deed::Deactivate, Cause::AttributesChanged))]);
    settle(store, &first, vec![grant(4, "jane")]);
    let changes = store.changes_of(&somebody("jane"), 10).unwrap();
    assert_eq!(told(&changes), [(&*second, 1), (&*first, 4), (&*first, 2), (&*first, 1)]);
    assert_eq!(changes[3].record, create(1, "jane"));
    assert_eq!(changes[1].record, grant(4, "jane"));
    assert_eq!(store.changes_of(&somebody("jan"), 10).unwrap(), []);
}

fn what_was_done_about_a_role_or_a_group_is_told_newest_first(store: &dyn Store) {
    let lost = Cause::RoleLost { groups: vec!["editors".to_owned()] };
    let revoked = record(1, "jane", Deed::RevokeRole { role: Role("editor".to_owned()) }, lost);
    settle(store, &run(1), vec![create(1, "jane"), grant(2, "jane"), create(3, "joe"), grant(4, "joe")]);
    settle(store, &run(2), vec![later(1, revoked.clone())]);
    let about = |topic: &Topic| store.changes_about(topic, 10).unwrap();
    let editor = about(&Topic::Role(Role("editor".to_owned())));
    assert_eq!(told(&editor), [(&*run(2), 1), (&*run(1), 4), (&*run(1), 2)]);
    assert_eq!(editor[0].record, later(1, revoked));
    assert_eq!(told(&about(&Topic::Group(id("g-1")))), [(&*run(1), 4), (&*run(1), 2)]);
    assert_eq!(told(&about(&Topic::GroupNamed("editors".to_owned()))), [(&*run(2), 1)]);
    assert_eq!(about(&Topic::Role(Role("edit".to_owned()))), []);
}

fn what_was_done_on_a_day_is_told_and_nothing_else(store: &dyn Store) {
    let night = ChangeRecord { at: NOON + DAY / 2 - 1, ..create(5, "night") };
    let midnight = ChangeRecord { at: NOON + DAY / 2, ..create(6, "midnight") };
    settle(store, &run(1), vec![create(1, "jane"), night, midnight]);
    settle(store, &run(2), vec![later(2, create(1, "joe"))]);
    settle(store, &run(1), vec![create(7, "recovered")]);
    let on = |day: &str| store.changes_on(day.parse().unwrap(), 10).unwrap();
    assert_eq!(told(&on("2026-11-01")), [(&*run(1), 7), (&*run(1), 5), (&*run(1), 1)]);
    assert_eq!(told(&on("2026-11-02")), [(&*run(1), 6)]);
    assert_eq!(told(&on("2026-11-03")), [(&*run(2), 1)]);
    assert_eq!(on("2026-10-31"), []);
}

fn what_settles_twice_is_in_history_once(store: &dyn Store) {
    let changes = || vec![create(1, "jane"), grant(2, "jane")];
    settle(store, &run(1), changes());
    settle(store, &run(1), changes().into_iter().map(|record| later(1, record)).collect());
    let of_jane = store.changes_of(&somebody("jane"), 10).unwrap();
    assert_eq!(told(&of_jane), [(&*run(1), 2), (&*run(1), 1)]);
    assert_eq!(of_jane[0].record, later(1, grant(2, "jane")), "as it was told last");
    assert_eq!(store.changes_about(&Topic::Role(Role("editor".to_owned())), 10).unwrap().len(), 1);
    let days: Vec<usize> =
        ["2026-11-01", "2026-11-02"].map(|day| store.changes_on(day.parse().unwrap(), 10).unwrap().len()).to_vec();
    assert_eq!(days, [2, 0]);
}

fn a_failure_is_news_once(store: &dyn Store) {
    let fail = |number: u16, record: ChangeRecord| {
        let failed = ChangeRecord { outcome: RecordedOutcome::failed("the target said no"), ..record };
        store.record_failures(&RecordedChanges { run: run(number), changes: vec![failed] }).unwrap();
    };
    let of_jane = || store.changes_of(&somebody("jane"), 10).unwrap();
    for number in 1..4 {
        fail(number, create(u32::from(number), "jane"));
    }
    assert_eq!(told(&of_jane()), [(&*run(1), 1)]);
    settle(store, &run(4), vec![create(9, "jane")]);
    fail(4, create(9, "jane"));
    assert_eq!(told(&of_jane()), [(&*run(4), 9), (&*run(1), 1)]);
    assert!(of_jane()[0].record.outcome.is_done(), "what was carried out was");
    fail(5, grant(1, "jane"));
    assert_eq!(of_jane()[0].record.outcome, RecordedOutcome::failed("the target said no"));
}

fn a_run_stands_for_its_word_however_many_come_after_it(store: &dyn Store) {
    let person = Approval::Person { who: "jo".to_owned(), how: "with --yes".to_owned(), decision: None };
    let began: Timestamp = "2026-11-01T12:00:00Z".parse().unwrap();
    for id in [&*run(1), "run-of-another-form"] {
        store.record_fact(&RunFact::of(id, began, &person)).unwrap();
        settle(store, id, vec![create(1, id)]);
        assert_eq!(store.changes_of(&somebody(id), 1).unwrap()[0].run, id);
    }
    for number in 0..210 {
        store.record_run(&format!("20261102-120000000-{number:04x}"), &serde_json::json!({})).unwrap();
    }
    let fact = store.run_fact(&run(1)).unwrap().unwrap();
    assert_eq!(fact.word, Word::Person { who: "jo".to_owned(), how: "with --yes".to_owned(), decided: None });
    assert_eq!(store.run_fact(&run(2)).unwrap(), None);
}

fn what_is_too_old_is_forgotten_and_nothing_else(store: &dyn Store) {
    let old: Timestamp = "2026-11-01T12:00:00Z".parse().unwrap();
    store.record_fact(&RunFact::of(&run(1), old, &Approval::Guard)).unwrap();
    for number in 0..100_u32 {
        settle(
            store,
            &run(1),
            vec![create(2 * number, &format!("u{number}")), grant(2 * number + 1, &format!("u{number}"))],
        );
    }
    settle(store, &run(2), vec![later(40, grant(1, "u7"))]);
    let moment = |days: i64| Timestamp::from_second(NOON + days * DAY).unwrap();
    assert!(!store.forget_changes_before(moment(0)).unwrap(), "of the day itself everything stays");
    let mut rounds = 0;
    while store.forget_changes_before(moment(40)).unwrap() {
        rounds += 1;
    }
    assert!(rounds > 2, "in small pieces");
    assert_eq!(told(&store.changes_of(&somebody("u7"), 10).unwrap()), [(&*run(2), 1)]);
    assert_eq!(store.changes_of(&somebody("u8"), 10).unwrap(), []);
    assert_eq!(store.changes_about(&Topic::Role(Role("editor".to_owned())), 1_000).unwrap().len(), 1);
    assert_eq!(store.changes_on("2026-11-01".parse().unwrap(), 10).unwrap(), []);
    assert_eq!(store.run_fact(&run(1)).unwrap(), None);
    assert_eq!(store.verify().unwrap(), None);
}

fn an_answer_is_no_longer_than_asked_for(store: &dyn Store) {
    let many: Vec<ChangeRecord> = (0..500).map(|number| grant(number, &format!("u{number:03}"))).collect();
    settle(store, &run(1), many);
    let editor = Topic::Role(Role("editor".to_owned()));
    for (most, expected) in [(0, 0), (7, 7), (499, 499), (1_000, 500)] {
        assert_eq!(store.changes_about(&editor, most).unwrap().len(), expected);
        assert_eq!(store.changes_on("2026-11-01".parse().unwrap(), most).unwrap().len(), expected);
    }
    let distinct: BTreeSet<_> =
        store.changes_about(&editor, 500).unwrap().iter().map(|one| one.record.change).collect();
    assert_eq!(distinct.len(), 500);
}

/// The creation of an account with its role, as a run begins and settles it.
fn creation(number: u32) -> (Intent, Settlement) {
    let owner = format!("u{number}");
    let changes = vec![create(2 * number + 1, &owner), grant(2 * number + 2, &owner)];
    let history = RecordedChanges { run: run(1), changes };
    let then = Settlement { accounts: vec![account(&owner, "t-1")], history, ..Settlement::default() };
    (Intent { then: then.clone(), ..intent(&owner) }, then)
}

/// Settles what is left open, as recovery does for writes that the target has carried out.
fn recover(store: &SledStore) {
    for (sequence, intent) in store.unsettled().unwrap() {
        let owner = &intent.then.accounts[0].user;
        let number = owner.as_str()[1..].parse().unwrap();
        let settled = if store.account(owner).unwrap().is_some() { None } else { Some(creation(number).1) };
        store.settle(vec![(sequence, settled)]).unwrap();
    }
}

#[test]
fn history_and_ledger_agree_after_a_crash_anywhere_and_nothing_is_there_twice() {
    const PEOPLE: u32 = 6;
    let apply = |store: &SledStore| -> Result<(), crate::apply::JournalError> {
        for first in (0..PEOPLE).step_by(2) {
            let (intents, settled): (Vec<_>, Vec<_>) = [first, first + 1].map(creation).into_iter().unzip();
            let sequences = store.begin(intents)?;
            store.settle(sequences.into_iter().zip(settled.into_iter().map(Some)).collect())?;
        }
        Ok(())
    };
    let mut cut = 0;
    for batches in 0.. {
        let directory = tempfile::tempdir().unwrap();
        let store = SledStore::open(directory.path()).unwrap();
        store.crash_after(batches);
        let survived = apply(&store).is_ok();
        drop(store);
        agrees_after_recovery(directory.path(), PEOPLE, batches);
        if survived {
            break;
        }
        cut += 1;
    }
    assert!(cut > 8, "it was cut short {cut} times only");
}

fn agrees_after_recovery(directory: &Path, people: u32, batches: u32) {
    let store = SledStore::open(directory).unwrap();
    assert!(store.is_sealed(), "{:?}", store.broken());
    recover(&store);
    recover(&store);
    let owners: BTreeSet<String> = (0..people).map(|number| format!("u{number}")).collect();
    for owner in &owners {
        let in_ledger = store.account(&id(owner)).unwrap().is_some();
        let expected = if in_ledger { 2 } else { 0 };
        assert_eq!(store.changes_of(&somebody(owner), 10).unwrap().len(), expected, "{owner}, after {batches} batches");
    }
    let accounts = store.accounts().count();
    let on_the_day = store.changes_on("2026-11-01".parse().unwrap(), 100).unwrap();
    assert_eq!(on_the_day.len(), 2 * accounts, "after {batches} batches");
    assert_eq!(store.changes_about(&Topic::Role(Role("editor".to_owned())), 100).unwrap().len(), accounts);
}

/// Ids as long as those of Entra ID and of most applications.
fn long_id(number: u32) -> String {
    format!("{:08x}-1f2e-4d3c-8b4a-{:012x}", number.wrapping_mul(2_654_435_761), u64::from(number) * 7_919)
}

/// The life of a company: creations with a role each, eight to a step, then updates and deactivations in runs of one
/// to three changes each.
fn company(people: u32) -> Vec<(u16, Vec<ChangeRecord>)> {
    let mut steps = Vec::new();
    let of = |record: ChangeRecord, number: u32| ChangeRecord {
        subject: somebody(&long_id(number)),
        target_id: long_id(number + 1_000_000),
        ..record
    };
    let through = GrantCause::Group { id: id(&long_id(2_000_000)), name: "app-editors".to_owned() };
    let given = ChangeRecord { causes: Causes(vec![Cause::RoleGiven { through: vec![through] }]), ..grant(2, "x") };
    for first in (0..people).step_by(8) {
        let step = (first..people.min(first + 8)).flat_map(|number| {
            let numbered = |record: ChangeRecord, add: u32| ChangeRecord { change: 2 * number + add, ..record };
            [of(numbered(create(1, "x"), 1), number), of(numbered(given.clone(), 2), number)]
        });
        steps.push((0, step.collect()));
    }
    let reason = rollcall_kit::InactiveReason::Disabled;
    let leaving = crate::roster::Leaving::Inactive { reason, raw: "accountEnabled: false".to_owned() };
    let left = record(1, "x", Deed::Deactivate, Cause::Left { leaving });
    let update = Deed::Update { attributes: vec!["name".to_owned(), "family_name".to_owned()] };
    let updated = record(1, "x", update, Cause::AttributesChanged);
    for number in 0..people / 5 {
        let changes: Vec<ChangeRecord> = (0..=number % 3)
            .map(|nth| ChangeRecord {
                change: nth + 1,
                ..of(if nth % 2 == 0 { updated.clone() } else { left.clone() }, 3 * number + nth)
            })
            .collect();
        steps.push((u16::try_from(number).unwrap() + 1, changes));
    }
    steps
}

#[test]
fn a_change_costs_three_hundred_bytes_at_most() {
    let directory = tempfile::tempdir().unwrap();
    let disk = |store: SledStore| {
        store.seal().unwrap();
        drop(store);
        compact(directory.path()).unwrap();
        size_of(&directory.path().join("db"))
    };
    let empty = disk(SledStore::open(directory.path()).unwrap());
    let store = SledStore::open(directory.path()).unwrap();
    let steps = company(10_000);
    let changes: u64 = steps.iter().map(|(_, changes)| changes.len() as u64).sum();
    let before = store.database.bytes();
    let mut known = None;
    for (number, changes) in steps {
        let run = format!("20261101-120000000-{number:04x}");
        if known.replace(number) != Some(number) {
            store.record_fact(&RunFact::of(&run, Timestamp::UNIX_EPOCH, &Approval::Guard)).unwrap();
        }
        store.record_failures(&RecordedChanges { run, changes }).unwrap();
    }
    let each = (store.database.bytes() - before) / changes;
    let on_disk = (disk(store) - empty) / changes;
    let store = SledStore::open(directory.path()).unwrap();
    assert_eq!(store.verify().unwrap(), None);
    let of_first = store.changes_of(&somebody(&long_id(0)), 10).unwrap();
    assert!(of_first.len() >= 2, "it survives a compaction");
    println!("{changes} changes cost {each} bytes each, and {on_disk} on disk after a compaction");
    assert!(each <= 300, "{each} bytes a change");
    assert!(each >= 60, "{each} bytes a change: something is not kept");
}

fn size_of(folder: &Path) -> u64 {
    let sizes = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
    sizes
        .map(|entry| match entry.file_type().unwrap().is_dir() {
            true => size_of(&entry.path()),
            false => entry.metadata().unwrap().len(),
        })
        .sum()
}

#[test]
fn an_intent_on_disk_has_no_part_in_history() {
    let json = serde_json::to_value(intent("u0")).unwrap();
    assert!(json["then"].get("history").is_none());
    let intent: Intent = serde_json::from_value(json).unwrap();
    assert!(intent.then.history.is_empty());
    let store = MemoryStore::new();
    let sequence = store.begin(vec![intent.clone()]).unwrap()[0];
    store.settle(vec![(sequence, Some(intent.then))]).unwrap();
    assert_eq!(store.changes_of(&somebody("u0"), 10).unwrap(), []);
    let unknown: Result<Option<RunFact>, StoreError> = store.run_fact("run-1");
    assert_eq!(unknown.unwrap(), None);
}
