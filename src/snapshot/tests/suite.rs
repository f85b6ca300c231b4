//! What every store must do, whatever it is made of.

use std::collections::BTreeSet;

use rollcall_kit::Entry;
use serde_json::json;

use super::sample::{
    account, certificate, commit, commit_changes, entry, group, id, intent, ledger_group, named, place, role_key,
    settle_account, stage, unreadable, user, user_ids, users, whole_run,
};
use crate::apply::{MembersSettled, Settlement};
use crate::read::{Increment, Reading};
use crate::snapshot::{MemoryStore, SledStore, Store};

both! {
    a_committed_reading_is_the_mirror,
    a_reading_that_was_not_committed_changes_nothing,
    whoever_was_not_staged_has_vanished_and_leaves_the_mirror,
    an_active_account_whose_owner_left_the_mirror_still_counts_as_vanished,
    of_the_same_id_twice_the_later_one_counts,
    a_record_that_changes_back_within_one_reading_is_unchanged,
    an_unreadable_record_has_not_vanished_and_keeps_its_old_state,
    an_unreadable_record_that_is_read_again_properly_counts_as_read,
    changes_are_laid_over_the_mirror_and_everybody_else_stays,
    the_place_moves_with_the_mirror_and_with_nothing_else,
    an_unreadable_record_among_changes_is_held_until_it_is_read_properly,
    of_the_same_change_twice_the_later_one_counts,
    changes_are_never_committed_as_if_they_were_everybody,
    everybody_is_found_by_what_people_call_them_and_nobody_by_what_they_were_called,
    the_counts_are_those_of_the_records,
    the_mirrors_version_moves_with_its_records_and_with_nothing_else,
    a_second_staging_ends_the_first,
    a_settlement_changes_the_ledger_and_ends_the_intent,
    an_abandoned_intent_leaves_the_ledger_alone,
    intents_are_found_again_oldest_first,
    a_relinked_account_moves_to_its_new_owner_in_one_step,
    members_join_and_leave_a_group_without_the_rest_being_named,
    a_group_of_many_members_keeps_every_one_of_them,
    a_forgotten_group_takes_its_members_with_it,
    facts_are_kept_by_name,
    runs_are_found_newest_first_and_by_the_beginning_of_their_id,
    only_the_newest_runs_are_kept_and_old_bulky_plans_are_dropped,
    older_runs_that_found_nothing_changed_are_one_record,
    an_older_plan_that_nobody_applied_leaves_a_few_hundred_bytes,
    the_generation_grows_with_commits_and_settlements_only,
    a_new_store_is_empty_and_sealed,
}

fn a_committed_reading_is_the_mirror(store: &dyn Store) {
    commit(store, vec![entry(user("joe")), entry(user("jane")), Entry::Group(Box::new(group("eng", &["joe"])))]);
    assert_eq!(user_ids(store), ["jane", "joe"], "in the order of their ids");
    assert_eq!(store.user(&id("joe")).unwrap(), Some(user("joe")));
    assert_eq!(store.groups().map(Result::unwrap).collect::<Vec<_>>(), [group("eng", &["joe"])]);
    assert_eq!(store.certificate().unwrap().unwrap().id().unwrap(), certificate(2, 1).id().unwrap());
}

fn a_reading_that_was_not_committed_changes_nothing(store: &dyn Store) {
    commit(store, vec![entry(user("jane"))]);
    let mut staging = store.staging().unwrap();
    stage(&mut *staging, &[entry(named("jane", "Jane")), entry(user("joe"))]);
    drop(staging);
    assert_eq!(users(store), [user("jane")]);
    commit(store, vec![entry(user("jane"))]);
    assert_eq!(users(store), [user("jane")], "and nothing of it is left for the next reading");
}

fn whoever_was_not_staged_has_vanished_and_leaves_the_mirror(store: &dyn Store) {
    commit(store, vec![entry(user("a")), entry(user("b")), entry(user("c")), Entry::Group(Box::new(group("g", &[])))]);
    let vanished = commit(store, vec![entry(user("b"))]);
    assert_eq!(vanished, [id("a"), id("c")]);
    assert_eq!(user_ids(store), ["b"]);
    assert_eq!(store.groups().count(), 0);
}

fn an_active_account_whose_owner_left_the_mirror_still_counts_as_vanished(store: &dyn Store) {
    settle_account(store, account("gone", "t-1"));
    let mut inactive = account("long-gone", "t-2");
    inactive.active = false;
    settle_account(store, inactive);
    settle_account(store, account("here", "t-3"));
    settle_account(store, account("held", "t-4"));
    let entries = vec![entry(user("here")), Entry::Unreadable(unreadable("held"))];
    assert_eq!(commit(store, entries.clone()), [id("gone")]);
    assert_eq!(commit(store, entries), [id("gone")], "for as long as the account is active");
}

fn of_the_same_id_twice_the_later_one_counts(store: &dyn Store) {
    let mut staging = store.staging().unwrap();
    let twice = vec![entry(named("jane", "Old")), entry(user("joe")), entry(named("jane", "New"))];
    let vanished = stage(&mut *staging, &twice);
    assert_eq!(staging.staged(), (2, 0));
    store.commit(staging, &Reading::for_tests(certificate(3, 0), vanished)).unwrap();
    assert_eq!(users(store), [named("jane", "New"), user("joe")]);
}

fn a_record_that_changes_back_within_one_reading_is_unchanged(store: &dyn Store) {
    commit(store, vec![entry(user("jane"))]);
    commit(store, vec![entry(named("jane", "Other")), entry(user("jane"))]);
    assert_eq!(users(store), [user("jane")]);
}

fn an_unreadable_record_has_not_vanished_and_keeps_its_old_state(store: &dyn Store) {
    commit(store, vec![entry(user("jane")), entry(user("joe")), Entry::Group(Box::new(group("eng", &["jane"])))]);
    let broken = vec![
        entry(named("jane", "Half")),
        Entry::Unreadable(unreadable("jane")),
        entry(user("joe")),
        Entry::Unreadable(unreadable("eng")),
        entry(user("new")),
        Entry::Unreadable(unreadable("new")),
    ];
    assert_eq!(commit(store, broken), []);
    assert_eq!(users(store), [user("jane"), user("joe")]);
    assert_eq!(store.groups().count(), 1);
    assert_eq!(store.unreadable().unwrap(), [unreadable("eng"), unreadable("jane"), unreadable("new")]);
    commit(store, vec![entry(user("jane")), entry(user("joe"))]);
    assert_eq!(store.unreadable().unwrap(), [], "the next reading starts afresh");
}

fn an_unreadable_record_that_is_read_again_properly_counts_as_read(store: &dyn Store) {
    commit(store, vec![Entry::Unreadable(unreadable("jane")), entry(user("jane"))]);
    assert_eq!(store.unreadable().unwrap(), []);
    assert_eq!(users(store), [user("jane")]);
}

fn changes_are_laid_over_the_mirror_and_everybody_else_stays(store: &dyn Store) {
    let groups = ["eng", "ops"].map(|name| Entry::Group(Box::new(group(name, &["jane"]))));
    commit(store, [vec![entry(user("jane")), entry(user("joe"))], groups.to_vec()].concat());
    let (before, certified) = (store.generation().unwrap(), store.certificate().unwrap());
    let eng = Entry::Group(Box::new(group("eng", &["new"])));
    commit_changes(store, &[entry(named("joe", "Joe")), entry(user("new")), eng], "later");
    assert_eq!(users(store), [user("jane"), named("joe", "Joe"), user("new")]);
    assert_eq!(
        store.groups().map(Result::unwrap).collect::<Vec<_>>(),
        [group("eng", &["new"]), group("ops", &["jane"])]
    );
    assert_eq!(store.certificate().unwrap(), certified, "changes prove nothing about who is missing");
    assert!(store.generation().unwrap() > before);
}

fn the_place_moves_with_the_mirror_and_with_nothing_else(store: &dyn Store) {
    assert_eq!(store.place().unwrap(), None);
    let mut staging = store.staging().unwrap();
    stage(&mut *staging, &[entry(user("jane"))]);
    let reading = Reading::for_tests(certificate(1, 0), vec![]).at_place(place("first"));
    assert_eq!(store.place().unwrap(), None, "before the commit");
    store.commit(staging, &reading).unwrap();
    assert_eq!(store.place().unwrap(), Some(place("first")));
    let mut cut = store.staging_changes().unwrap();
    cut.stage(vec![entry(named("jane", "Jane"))]).unwrap();
    drop(cut);
    assert_eq!((store.place().unwrap(), users(store)), (Some(place("first")), vec![user("jane")]));
    commit_changes(store, &[], "second");
    assert_eq!((store.place().unwrap(), users(store)), (Some(place("second")), vec![user("jane")]));
    commit(store, vec![entry(user("jane"))]);
    assert_eq!(store.place().unwrap(), None, "a full read from which nothing can be followed");
    commit_changes(store, &[], "third");
    store.forget_place().unwrap();
    assert_eq!(store.place().unwrap(), None);
}

fn an_unreadable_record_among_changes_is_held_until_it_is_read_properly(store: &dyn Store) {
    commit(store, vec![entry(user("jane")), entry(user("joe")), Entry::Unreadable(unreadable("old"))]);
    let odd =
        [entry(named("jane", "Half")), Entry::Unreadable(unreadable("jane")), Entry::Unreadable(unreadable("new"))];
    commit_changes(store, &odd, "second");
    assert_eq!(users(store), [user("jane"), user("joe")]);
    assert_eq!(store.unreadable().unwrap(), [unreadable("jane"), unreadable("new"), unreadable("old")]);
    commit_changes(store, &[entry(named("joe", "Joe"))], "third");
    assert_eq!(store.unreadable().unwrap().len(), 3, "who is not told of is as they were");
    commit_changes(store, &[Entry::Unreadable(unreadable("jane")), entry(named("jane", "Jane"))], "fourth");
    commit_changes(store, &[Entry::Group(Box::new(group("old", &[])))], "fifth");
    assert_eq!(store.unreadable().unwrap(), [unreadable("new")]);
    assert_eq!(users(store), [named("jane", "Jane"), named("joe", "Joe")]);
}

fn of_the_same_change_twice_the_later_one_counts(store: &dyn Store) {
    commit(store, vec![entry(user("jane"))]);
    commit_changes(store, &[entry(named("jane", "Other")), entry(user("jane"))], "second");
    assert_eq!(users(store), [user("jane")]);
}

fn changes_are_never_committed_as_if_they_were_everybody(store: &dyn Store) {
    commit(store, vec![entry(user("jane")), entry(user("joe"))]);
    let everybody = store.staging().unwrap();
    assert!(store.commit_changes(everybody, &Increment::for_tests(place("second"))).is_err());
    assert_eq!((user_ids(store), store.place().unwrap()), (vec!["jane".to_owned(), "joe".to_owned()], None));
}

/// Small ones are laid over the pages, large ones are the reason to write the pages anew: both count.
/// Somebody with a name and an address of their own, and a login that several may have.
fn called(who: usize, name: &str) -> Entry {
    let mut user = named(&format!("U{who}"), name);
    user.login = format!("Login{}", who / 3);
    user.profile.insert("email".to_owned(), format!("Person.{who}@Acme.com").into());
    user.profile.insert("department".to_owned(), "found by nobody".into());
    entry(user)
}

fn everybody_is_found_by_what_people_call_them_and_nobody_by_what_they_were_called(store: &dyn Store) {
    let people = |name: &str| (0..1_500).map(|who| called(who, name)).collect::<Vec<_>>();
    let found = |name: &str| store.users_called(name).unwrap().into_iter().map(|user| user.id.to_string());
    assert_eq!(found("person.7@acme.com").count(), 0, "of nobody");
    commit(store, people("Grüße Ös"));
    for who in 0..1_500 {
        assert_eq!(found(&format!("person.{who}@acme.com")).collect::<Vec<_>>(), [format!("U{who}")]);
        assert_eq!(found(&format!("u{who}")).collect::<Vec<_>>(), [format!("U{who}")]);
    }
    assert_eq!(found("LOGIN7").collect::<Vec<_>>(), ["U21", "U22", "U23"]);
    assert_eq!(found("GRÜSSE ÖS").count(), 0, "another spelling is another name");
    assert_eq!(found("GRÜßE ÖS").count(), 1_500);
    for nobody in ["person.1500@acme.com", "found by nobody", "", "person"] {
        assert_eq!(found(nobody).count(), 0, "{nobody}");
    }

    commit_changes(store, &[called(7, "Ada"), called(1_500, "Ada")], "t1");
    assert_eq!(found("ada").collect::<Vec<_>>(), ["U1500", "U7"]);
    assert_eq!(found("grüße ös").count(), 1_499);
    assert_eq!(found("person.7@acme.com").collect::<Vec<_>>(), ["U7"], "once, though on a page and over it");
    let mut fewer = people("Ada");
    fewer.truncate(1_000);
    commit(store, fewer);
    assert_eq!((found("ada").count(), found("grüße ös").count(), found("u1200").count()), (1_000, 0, 0));
}

fn the_counts_are_those_of_the_records(store: &dyn Store) {
    let counted = |store: &dyn Store| {
        assert_eq!(store.mirror_counts(), (store.users().count() as u64, store.groups().count() as u64));
        let active = store.accounts().filter(|account| account.as_ref().unwrap().active).count() as u64;
        let counts = store.account_counts();
        assert_eq!((counts.active, counts.active + counts.inactive), (active, store.accounts().count() as u64));
    };
    let many = |from: usize, to: usize| (from..to).map(|number| entry(user(&format!("u{number:05}")))).collect();
    for entries in [many(0, 3), many(1, 2_500), many(0, 2_400), vec![Entry::Unreadable(unreadable("u00001"))]] {
        commit(store, entries);
        counted(store);
    }
    commit(store, many(0, 2_000));
    let eng = Entry::Group(Box::new(group("eng", &["u00001"])));
    for round in ["one", "two"] {
        let changes =
            [entry(named("u00007", round)), entry(user("new")), Entry::Unreadable(unreadable("newer")), eng.clone()];
        commit_changes(store, &changes, round);
        counted(store);
    }
    commit_changes(store, &[entry(user("brief")), Entry::Unreadable(unreadable("brief"))], "three");
    settle_account(store, account("u00001", "t-1"));
    settle_account(store, account("u00001", "t-1"));
    let mut away = account("u00001", "t-1");
    away.active = false;
    settle_account(store, away);
    counted(store);
    let then = Settlement {
        accounts: vec![account("u00001", "t-2"), account("u00002", "t-3")],
        forgotten_accounts: vec![id("u00001")],
        ..Settlement::default()
    };
    store.correct(then).unwrap();
    counted(store);
    store
        .correct(Settlement { forgotten_accounts: vec![id("u00002"), id("nobody")], ..Settlement::default() })
        .unwrap();
    counted(store);
}

fn the_mirrors_version_moves_with_its_records_and_with_nothing_else(store: &dyn Store) {
    commit(store, vec![entry(user("jane")), Entry::Unreadable(unreadable("odd"))]);
    let before = store.mirror_version().unwrap();
    commit(store, vec![entry(user("jane")), Entry::Unreadable(unreadable("odd"))]);
    commit_changes(store, &[entry(user("jane"))], "second");
    settle_account(store, account("jane", "t-1"));
    store.set_fact("x", &json!(1)).unwrap();
    assert_eq!(store.mirror_version().unwrap(), before);
    for entries in [vec![entry(user("jane"))], vec![entry(named("jane", "Jane"))], vec![]] {
        let before = store.mirror_version().unwrap();
        commit(store, entries);
        assert!(store.mirror_version().unwrap() > before);
    }
}

fn a_second_staging_ends_the_first(store: &dyn Store) {
    let mut first = store.staging().unwrap();
    let mut second = store.staging().unwrap();
    assert!(first.stage(vec![entry(user("jane"))]).is_err());
    assert!(second.stage(vec![entry(user("joe"))]).is_ok());
    assert!(store.commit(first, &Reading::for_tests(certificate(1, 0), vec![])).is_err());
    assert_eq!(user_ids(store), Vec::<String>::new());
}

fn a_settlement_changes_the_ledger_and_ends_the_intent(store: &dyn Store) {
    let sequence = store.begin(vec![intent("jane")]).unwrap()[0];
    assert_eq!(store.unsettled().unwrap(), [(sequence, intent("jane"))]);
    let then = Settlement { accounts: vec![account("jane", "t-1")], ..Settlement::default() };
    store.settle(vec![(sequence, Some(then))]).unwrap();
    assert_eq!(store.unsettled().unwrap(), []);
    assert_eq!(store.account(&id("jane")).unwrap(), Some(account("jane", "t-1")));
    assert_eq!(store.accounts().map(Result::unwrap).collect::<Vec<_>>(), [account("jane", "t-1")]);
}

fn an_abandoned_intent_leaves_the_ledger_alone(store: &dyn Store) {
    let sequence = store.begin(vec![intent("jane")]).unwrap()[0];
    store.settle(vec![(sequence, None)]).unwrap();
    assert_eq!(store.unsettled().unwrap(), []);
    assert_eq!(store.account(&id("jane")).unwrap(), None);
}

fn intents_are_found_again_oldest_first(store: &dyn Store) {
    let many: Vec<_> = (0..300).map(|number| intent(&format!("u{number}"))).collect();
    let sequences = store.begin(many.clone()).unwrap();
    assert!(sequences.is_sorted() && sequences.len() == 300);
    let found: Vec<_> = store.unsettled().unwrap().into_iter().map(|(_, intent)| intent).collect();
    assert_eq!(found, many);
}

fn a_relinked_account_moves_to_its_new_owner_in_one_step(store: &dyn Store) {
    settle_account(store, account("old-id", "t-1"));
    let then = Settlement {
        accounts: vec![account("new-id", "t-1")],
        forgotten_accounts: vec![id("old-id")],
        ..Settlement::default()
    };
    let sequence = store.begin(vec![intent("new-id")]).unwrap()[0];
    store.settle(vec![(sequence, Some(then))]).unwrap();
    let owners: Vec<_> = store.accounts().map(|account| account.unwrap().user).collect();
    assert_eq!(owners, [id("new-id")]);
}

fn settle(store: &dyn Store, then: Settlement) {
    let sequence = store.begin(vec![intent("x")]).unwrap()[0];
    store.settle(vec![(sequence, Some(then))]).unwrap();
}

fn moved(role: &str, joined: &[String], left: &[String]) -> Settlement {
    let ids = |names: &[String]| names.iter().map(|name| id(name)).collect();
    let members = vec![MembersSettled { group: role_key(role), joined: ids(joined), left: ids(left) }];
    Settlement { members, ..Settlement::default() }
}

fn members_join_and_leave_a_group_without_the_rest_being_named(store: &dyn Store) {
    let groups = vec![ledger_group("editor", &["jane"]), ledger_group("ed", &["jim"])];
    settle(store, Settlement { groups, ..Settlement::default() });
    settle(store, moved("editor", &["joe".into(), "ann".into()], &["jane".into(), "nobody".into()]));
    assert_eq!(store.ledger_group(&role_key("editor")).unwrap(), Some(ledger_group("editor", &["ann", "joe"])));
    assert_eq!(store.ledger_group(&role_key("ed")).unwrap(), Some(ledger_group("ed", &["jim"])));
}

fn a_group_of_many_members_keeps_every_one_of_them(store: &dyn Store) {
    settle(store, Settlement { groups: vec![ledger_group("all", &[])], ..Settlement::default() });
    let names: Vec<String> = (0..2_000).map(|number| format!("u{:04}", number * 7_919 % 2_000)).collect();
    for joined in names.chunks(100) {
        settle(store, moved("all", joined, &[]));
    }
    for left in names.chunks(100).step_by(2) {
        settle(store, moved("all", &[], left));
    }
    let expected: BTreeSet<_> = names.chunks(100).skip(1).step_by(2).flatten().map(|name| id(name)).collect();
    let group = store.ledger_groups().next().unwrap().unwrap();
    assert_eq!(group.members.len(), 1_000);
    assert_eq!(group.members, expected);
    settle(store, moved("all", &[], &names));
    assert_eq!(store.ledger_group(&role_key("all")).unwrap(), Some(ledger_group("all", &[])));
}

fn a_forgotten_group_takes_its_members_with_it(store: &dyn Store) {
    settle(store, Settlement { groups: vec![ledger_group("editor", &["jane"])], ..Settlement::default() });
    settle(store, Settlement { forgotten_groups: vec![role_key("editor")], ..Settlement::default() });
    assert_eq!(store.ledger_groups().count(), 0);
    settle(store, Settlement { groups: vec![ledger_group("editor", &[])], ..Settlement::default() });
    assert_eq!(store.ledger_group(&role_key("editor")).unwrap(), Some(ledger_group("editor", &[])));
}

fn facts_are_kept_by_name(store: &dyn Store) {
    assert_eq!(store.fact("bindings").unwrap(), None);
    store.set_fact("bindings", &json!({"App Admins": "0c6f"})).unwrap();
    store.set_fact("bindings", &json!({"App Admins": "0c70"})).unwrap();
    assert_eq!(store.fact("bindings").unwrap(), Some(json!({"App Admins": "0c70"})));
}

fn runs_are_found_newest_first_and_by_the_beginning_of_their_id(store: &dyn Store) {
    for run in ["019a-1", "019a-2", "019b-1"] {
        store.record_run(run, &json!({"id": run, "ended": false})).unwrap();
    }
    store.record_run("019b-1", &json!({"id": "019b-1", "ended": true})).unwrap();
    let newest: Vec<String> = store.run_headers(2).unwrap().into_iter().map(|(run, _)| run).collect();
    assert_eq!(newest, ["019b-1", "019a-2"]);
    assert_eq!(whole_run(store, "019b").unwrap().1["ended"], true);
    assert_eq!(whole_run(store, "019a"), None, "two runs begin like this");
    assert_eq!(whole_run(store, "019a-2").unwrap().0, "019a-2");
}

fn only_the_newest_runs_are_kept_and_old_bulky_plans_are_dropped(store: &dyn Store) {
    let bulk = "x".repeat(300 << 10);
    for number in 0..205 {
        let plan = if number % 100 == 50 || number == 200 { bulk.as_str() } else { "small" };
        store.record_run(&format!("run-{number:03}"), &json!({"plan": plan})).unwrap();
    }
    assert_eq!(store.run_headers(1_000).unwrap().len(), 200);
    assert_eq!(whole_run(store, "run-004"), None);
    assert_eq!(whole_run(store, "run-005").unwrap().1["plan"], "small");
    assert_eq!(whole_run(store, "run-050").unwrap().1["plan"], json!(null));
    assert_eq!(whole_run(store, "run-200").unwrap().1["plan"], json!(bulk), "too recent to be dropped");
}

fn older_runs_that_found_nothing_changed_are_one_record(store: &dyn Store) {
    let at_rest = |since: &str, number: u32| {
        let started = format!("2026-11-30T{:02}:{:02}:00Z", number / 60 % 24, number % 60);
        json!({"result": {"result": "nothing-to-do"}, "unchanged_since": since, "started": started, "plan": "small"})
    };
    let id = |number: u32| format!("run-{number:04}");
    store.record_run("run-0000", &json!({"result": {"result": "nothing-to-do"}, "plan": "of its own"})).unwrap();
    for number in 1..500 {
        // A run is recorded when it begins to write, and again when it has ended.
        for _ in 0..2 {
            store.record_run(&id(number), &at_rest("run-0000", number)).unwrap();
        }
        if number == 300 {
            store.record_run("run-0300x", &json!({"result": {"result": "applied"}, "plan": "another"})).unwrap();
        }
    }
    let kept: Vec<String> = store.run_headers(1_000).unwrap().into_iter().map(|(run, _)| run).collect();
    let newest: Vec<String> = (480..500).rev().map(id).collect();
    let older = ["run-0479", "run-0300x", "run-0300", "run-0000"].map(str::to_owned);
    assert_eq!(kept, [newest, older.to_vec()].concat());
    let folded = |run: &str| whole_run(store, run).unwrap().1["folded"].clone();
    assert_eq!(folded("run-0479"), json!({"runs": 179, "first": "run-0301", "since": "2026-11-30T05:01:00Z"}));
    assert_eq!(folded("run-0300"), json!({"runs": 300, "first": "run-0001", "since": "2026-11-30T00:01:00Z"}));
    assert_eq!(whole_run(store, "run-0000").unwrap().1["plan"], "of its own", "its plan is taken over");
    assert_eq!(whole_run(store, "run-0007").unwrap().0, "run-0300", "the one that stands for it");
    assert_eq!(whole_run(store, "run-000").unwrap().0, "run-0000");
    assert_eq!(whole_run(store, "run-0501"), None);
}

fn an_older_plan_that_nobody_applied_leaves_a_few_hundred_bytes(store: &dyn Store) {
    let (plan, proof) = ("x".repeat(50_000), "y".repeat(700));
    for number in 0..30 {
        let run =
            json!({"result": {"result": "planned"}, "plan": plan, "certificate": {"queries": proof}, "counts": 7});
        store.record_run(&format!("run-{number:02}"), &run).unwrap();
    }
    let size = |run: &str| whole_run(store, run).unwrap().1.to_string().len();
    assert!(size("run-08") < 200, "{}", size("run-08"));
    assert!(size("run-12") > 50_000, "the newest are whole");
}

fn the_generation_grows_with_commits_and_settlements_only(store: &dyn Store) {
    let before = store.generation().unwrap();
    store.set_fact("x", &json!(1)).unwrap();
    store.record_run("r", &json!({})).unwrap();
    let sequences = store.begin(vec![intent("jane"), intent("joe")]).unwrap();
    store.settle(vec![(sequences[0], None)]).unwrap();
    assert_eq!(store.generation().unwrap(), before);
    store.settle(vec![(sequences[1], Some(Settlement::default()))]).unwrap();
    assert_eq!(store.generation().unwrap(), before + 1);
    commit(store, vec![entry(user("jane"))]);
    assert_eq!(store.generation().unwrap(), before + 2);
}

fn a_new_store_is_empty_and_sealed(store: &dyn Store) {
    assert!(store.is_sealed());
    assert!(store.certificate().unwrap().is_none());
    assert_eq!(store.users().count(), 0);
    assert_eq!(store.unsettled().unwrap(), []);
    store.seal().unwrap();
    assert!(store.is_sealed());
}
