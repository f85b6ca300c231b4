//! Nothing changed, nothing planned: a run that finds the directory, the ledger, the rules and everything else as an
//! earlier run left them takes that run's empty plan, and one changed thing of any of these is enough to plan again.

use std::sync::Arc;

use proptest::prelude::*;
use rollcall::guard::Reviewed;
use rollcall::run::{HasPlan, Run, RunRecord};
use rollcall::snapshot::{Facts as _, fact};
use rollcall_kit::DirectoryId;
use serde_json::json;

use super::promises_properties::{Course, Scripted, holds, people};
use super::promises_support::{House, active, user};

/// Ends a run as the commands do.
async fn end(run: Run<HasPlan>) -> RunRecord {
    let (run, reviewed) = run.into_parts();
    let approved = match reviewed {
        Reviewed::Cleared(approved) => approved,
        Reviewed::Parted(parted) => parted.into_held().approve("ada", "in a test"),
        Reviewed::Held(held) => held.approve("ada", "in a test"),
    };
    if approved.plan().is_empty() {
        return run.nothing_to_do(approved).unwrap();
    }
    run.apply(approved, &|_| {}).await.unwrap()
}

async fn run(house: &House) -> RunRecord {
    end(house.session().plan(&|_| {}).await.unwrap()).await
}

/// Runs until one takes the plan of another.
async fn rest(house: &House) -> RunRecord {
    for _ in 0..4 {
        let record = run(house).await;
        if record.unchanged_since.is_some() {
            return record;
        }
    }
    panic!("no run came to rest");
}

#[tokio::test]
async fn a_run_that_finds_nothing_changed_makes_no_plan_and_its_record_says_since_when() {
    let house = House::new();
    house.directory(&active(&["ann", "bob"]));
    let first = run(&house).await;
    let planned = run(&house).await;
    assert_eq!((first.unchanged_since, planned.unchanged_since), (None, None), "somebody was created in between");
    let record = run(&house).await;
    assert_eq!(record.unchanged_since.as_ref(), Some(&planned.id));
    assert_eq!(record.plan, planned.plan);
}

#[tokio::test]
async fn refusals_stand_for_as_long_as_nothing_changes() {
    let house = House::new();
    let mut stranger = user("eve", "eve", "active");
    stranger["email"] = json!("eve@elsewhere.example");
    house.write(&[user("ann", "ann", "active"), stranger], &["ann"]);
    let record = rest(&house).await;
    let plan = record.plan.unwrap();
    assert_eq!(plan.refusals.len(), 1, "{:?}", plan.refusals);
}

#[tokio::test]
async fn a_leaver_a_change_and_an_edit_of_the_rules_each_end_the_rest() {
    let mut house = House::new();
    house.directory(&active(&["ann", "bob", "cal"]));
    rest(&house).await;
    house.directory(&[("ann", "active"), ("bob", "disabled"), ("cal", "active")]);
    let record = run(&house).await;
    assert_eq!((record.unchanged_since.is_none(), house.is_in("bob")), (true, false));
    rest(&house).await;
    house.extra = "scope = { when = 'user.login != \"cal\"' }".to_owned();
    let record = run(&house).await;
    assert_eq!((record.unchanged_since.is_none(), house.is_in("cal")), (true, false));
}

#[tokio::test]
async fn an_account_that_becomes_due_for_deletion_ends_the_rest() {
    let mut house = House::new();
    house.target_extra = "delete_after = \"30d\"".to_owned();
    house.directory(&active(&["ann", "bob"]));
    run(&house).await;
    house.directory(&[("ann", "active"), ("bob", "disabled")]);
    run(&house).await;
    rest(&house).await;
    let later = jiff::Timestamp::now() + jiff::SignedDuration::from_hours(24 * 31);
    let session = house.session_at(Arc::new(move || later));
    let (_, reviewed) = session.plan(&|_| {}).await.unwrap().end_with_plan().unwrap();
    assert_eq!(reviewed.plan().changes.len(), 1, "{:?}", reviewed.plan().changes);
}

#[tokio::test]
async fn somebody_whose_account_was_deleted_is_told_by_the_address_and_the_id_that_it_had() {
    let mut house = House::new();
    house.target_extra = "delete_after = \"30d\"".to_owned();
    house.directory(&active(&["ann", "bob"]));
    run(&house).await;
    let account = house.store.account(&DirectoryId::new("bob").unwrap()).unwrap().unwrap();
    house.directory(&active(&["ann"]));
    run(&house).await;
    let later = jiff::Timestamp::now() + jiff::SignedDuration::from_hours(24 * 31);
    let session = house.session_at(Arc::new(move || later));
    end(session.plan(&|_| {}).await.unwrap()).await;
    assert_eq!(house.store.account(&account.user).unwrap(), None);

    for who in [account.address.as_str(), "BOB@acme.com", &account.target_id, "bob"] {
        let answers = house.session().explain(who, false).await.unwrap();
        let told: Vec<&str> = answers[0].gates.iter().map(|gate| gate.detail.as_str()).collect();
        assert!(told.iter().any(|line| line.contains(": delete, because")), "{who}: {told:?}");
        assert!(told.iter().any(|line| line.contains(": create, because")), "{who}: {told:?}");
    }
}

#[tokio::test]
async fn a_write_that_a_crash_left_open_ends_the_rest() {
    let house = House::new();
    house.directory(&active(&["ann"]));
    rest(&house).await;
    let account = house.store.accounts().next().unwrap().unwrap();
    let mut away = account.clone();
    away.active = false;
    let settled = rollcall::apply::Settlement { accounts: vec![away], ..Default::default() };
    house.store.correct(settled).unwrap();
    let session = house.session();
    let (_, reviewed) = session.plan(&|_| {}).await.unwrap().end_with_plan().unwrap();
    assert_eq!(reviewed.plan().changes.len(), 1, "the ledger is another: {:?}", reviewed.plan().changes);
}

/// The property that the short cut rests on. Mutations that it catches: [`rollcall::run`]'s `still_at_rest` without the
/// version of the mirror, or without that of the ledger.
#[test]
fn a_plan_that_was_taken_over_is_the_one_that_would_have_been_made() {
    let steps = prop::collection::vec((people(), 0..3_u8), 1..4);
    holds(&steps, &async |house, steps| {
        let course = Course::new(house);
        for (people, repeats) in steps {
            for _ in 0..=repeats {
                let Ok(taken) = course.plan(Scripted::honest(&people)).await else { break };
                course.store.set_fact(fact::AT_REST, &json!(null)).unwrap();
                let made = course.plan(Scripted::honest(&people)).await.unwrap();
                let (one, other) = (taken.proposed(), made.proposed());
                prop_assert_eq!(
                    (&one.changes, &one.refusals, &one.notes),
                    (&other.changes, &other.refusals, &other.notes)
                );
                end(made).await;
            }
        }
        Ok(())
    });
}
