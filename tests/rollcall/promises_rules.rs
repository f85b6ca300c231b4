//! Changed rules wait for a person, also when what they take away shows later than the change.

use std::sync::Arc;

use rollcall::guard::{Hold, Reviewed};
use rollcall::plan::ActionKind;
use rollcall::roster::Reason;
use rollcall::snapshot::SledStore;

use super::promises_support::{House, active, user};

fn deactivates(reviewed: &Reviewed) -> bool {
    reviewed.plan().changes.iter().any(|change| change.action.kind() == ActionKind::Deactivate)
}

fn is_of_rules(hold: &Hold) -> bool {
    matches!(hold, Hold::RulesChanged { .. })
}

async fn goes_through(house: &House) {
    let (run, reviewed) = house.session().plan(&|_| {}).await.unwrap().into_parts();
    match reviewed {
        Reviewed::Cleared(approved) if approved.plan().is_empty() => drop(run.nothing_to_do(approved).unwrap()),
        Reviewed::Cleared(approved) => drop(run.apply(approved, &|_| {}).await.unwrap()),
        held => panic!("held: {:?}", held.holds()),
    }
}

/// The seal beside the database stays, and tells of what was there.
fn lose_the_database(house: &mut House, state: &std::path::Path) {
    house.store = Arc::new(rollcall::snapshot::MemoryStore::new());
    for entry in std::fs::read_dir(state).unwrap().flatten().filter(|entry| entry.path().is_dir()) {
        std::fs::remove_dir_all(entry.path()).unwrap();
    }
    house.store = Arc::new(SledStore::open(state).unwrap());
}

#[tokio::test]
async fn a_scope_whose_group_is_found_only_later_still_waits_for_a_person() {
    let mut house = House::new();
    house.directory(&active(&["ann", "bob"]));
    house.settle().await;
    house.extra = "scope = { groups = [\"crew\"] }".to_owned();
    goes_through(&house).await;
    // Now there is a group of that name, and bob is not in it.
    let path = house.folder.path().join("people.json");
    let mut document: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
    let crew = serde_json::json!({ "id": "g-crew", "name": "crew", "members": ["ann"] });
    document["groups"].as_array_mut().unwrap().push(crew);
    std::fs::write(&path, document.to_string()).unwrap();

    let reviewed = house.plan().await.unwrap();

    assert!(deactivates(&reviewed));
    assert!(is_of_rules(&reviewed.holds()[0]), "{:?}", reviewed.holds());
}

#[tokio::test]
async fn a_snapshot_without_its_seal_removes_nothing_and_the_removal_that_rules_ask_for_waits_after_it() {
    let state = tempfile::tempdir().unwrap();
    let mut house = House::on_disk(state.path());
    house.directory(&active(&["ann", "bob"]));
    house.settle().await;
    house.store = Arc::new(rollcall::snapshot::MemoryStore::new());
    std::fs::remove_file(state.path().join("seal.json")).unwrap();
    house.store = Arc::new(SledStore::open(state.path()).unwrap());
    assert!(!house.store.is_sealed());
    // Meanwhile a filter was edited, and somebody joined.
    house.extra = "scope = { when = 'user.login != \"bob\"' }".to_owned();
    house.directory(&active(&["ann", "bob", "cal"]));

    let reviewed = house.plan().await.unwrap();
    assert!(!deactivates(&reviewed));
    assert!(reviewed.plan().refusals.iter().any(|refusal| refusal.reason == Reason::SnapshotUnsealed));
    goes_through(&house).await;
    assert!(house.store.is_sealed() && house.is_in("bob") && house.is_in("cal"));

    let reviewed = house.plan().await.unwrap();
    assert!(deactivates(&reviewed), "the leaver is not forgotten");
    assert!(matches!(reviewed.holds(), [hold] if is_of_rules(hold)), "{:?}", reviewed.holds());
}

#[tokio::test]
async fn an_emptied_snapshot_finds_its_accounts_again_and_the_leaver_goes() {
    let state = tempfile::tempdir().unwrap();
    let mut house = House::on_disk(state.path());
    house.directory(&active(&["ann", "bob"]));
    house.settle().await;
    lose_the_database(&mut house, state.path());
    assert!(!house.store.is_sealed());
    house.directory(&[("ann", "active"), ("bob", "disabled")]);
    house.settle().await;
    assert!(house.is_in("bob"), "the first plan after the loss removes nothing");
    house.settle().await;
    assert!(house.is_in("ann") && !house.is_in("bob"));
    assert_eq!(house.sandbox.users().len(), 2, "nobody got a second account");
}

#[tokio::test]
async fn a_leaver_whom_a_lost_snapshot_forgot_is_named_and_the_plan_waits() {
    let state = tempfile::tempdir().unwrap();
    let mut house = House::on_disk(state.path());
    house.extra = "first_plan = \"waived\"".to_owned();
    house.directory(&active(&["ann", "bob"]));
    house.settle().await;
    lose_the_database(&mut house, state.path());
    // Gone, not disabled: with the ledger the last trace of them is lost.
    house.directory(&active(&["ann", "cal"]));
    let reviewed = house.plan().await.unwrap();
    let named = |hold: &Hold| matches!(hold, Hold::Finding { sentence } if sentence.contains("bob@acme.com"));
    assert!(reviewed.holds().iter().any(named), "{:?}", reviewed.holds());
}

#[tokio::test]
async fn a_run_that_was_applied_in_part_is_sealed_and_its_rest_is_planned_again() {
    let state = tempfile::tempdir().unwrap();
    let house = House::on_disk(state.path());
    house.directory(&active(&["ann", "bob"]));
    house.settle().await;
    let seal = || std::fs::read_to_string(state.path().join("seal.json")).unwrap();
    let before = seal();
    house.directory(&[("ann", "active"), ("bob", "disabled")]);
    house.sandbox.inject(rollcall::demo::sandbox::Fault::FailNext { method: "PATCH", status: 400 });
    let record = house.settle().await;
    assert_eq!(record.result, rollcall::run::RunResult::AppliedInPart { failed: 1 });
    assert!(house.is_in("bob"));
    assert_ne!(seal(), before);
    house.settle().await;
    assert!(!house.is_in("bob"), "the leaver goes with the next run");
}

#[tokio::test]
async fn a_record_that_cannot_be_understood_is_named_and_stops_only_itself() {
    let house = House::new();
    house.directory(&active(&["ann", "bob"]));
    house.settle().await;
    let odd = serde_json::json!({ "id": "ann", "login": "ann", "status": "on sabbatical?", "email": "ann@acme.com" });
    house.write(&[odd, user("bob", "bob", "disabled")], &["ann", "bob"]);
    let record = house.settle().await;
    assert!(house.is_in("ann") && !house.is_in("bob"));
    assert!(record.leaves_something(), "the exit code says so");
    let refusals = record.plan.unwrap().refusals.clone();
    assert_eq!(refusals.len(), 1);
    assert!(refusals.get(0).unwrap().user.as_ref().is_some_and(|id| id.as_str() == "ann"), "{refusals:?}");
}
