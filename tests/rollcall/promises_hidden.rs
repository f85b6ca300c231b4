//! People whom a directory may only be hiding, through whole runs: the signs that they leave, and what becomes of them
//! when the snapshot that kept the signs is lost. Real directories that hide people are in `whole_way::hidden`.

use std::sync::Arc;

use rollcall::guard::{Hold, Reviewed};
use rollcall::plan::ActionKind;
use rollcall::snapshot::SledStore;
use serde_json::{Value, json};

use super::promises_support::{House, active, user};

/// Somebody who stands in a place.
fn standing(id: &str, place: &str, status: &str) -> Value {
    let mut user = user(id, id, status);
    user["place"] = place.into();
    user
}

fn findings(reviewed: &Reviewed) -> String {
    let sentences = reviewed.holds().iter().filter_map(|hold| match hold {
        Hold::Finding { sentence } => Some(sentence.as_str()),
        _ => None,
    });
    sentences.collect::<Vec<_>>().join("\n")
}

fn leavers(reviewed: &Reviewed) -> Vec<String> {
    let exits = reviewed.plan().changes.iter().filter(|change| change.action.kind() == ActionKind::Deactivate);
    exits.map(|change| change.subject.label().to_owned()).collect()
}

/// A house in which one of two people of a place has an account of ours, and what the next plan says once both vanished.
async fn one_of_two_has_an_account(other: &str) -> Reviewed {
    let mut house = House::new();
    house.extra = "scope = { when = 'user.login != \"guest\"' }".to_owned();
    let rest = [standing("ann", "Berlin", "active"), standing("bob", "Berlin", "active")];
    let sales = [standing("cem", "Sales", "active"), standing("guest", "Sales", other)];
    house.write(&[&rest[..], &sales[..]].concat(), &["ann"]);
    house.settle().await;
    assert!(house.is_in("cem") && house.account("guest").is_none());
    house.write(&rest, &["ann"]);
    house.plan().await.unwrap()
}

#[tokio::test]
async fn a_place_that_is_empty_at_once_is_a_sign_also_where_the_others_have_no_account_of_ours() {
    let reviewed = one_of_two_has_an_account("active").await;
    assert_eq!(leavers(&reviewed), ["cem@acme.com"]);
    assert!(
        findings(&reviewed).contains("all who stood in the same place are missing at once: Sales"),
        "{}",
        findings(&reviewed)
    );
}

#[tokio::test]
async fn whoever_was_disabled_already_is_no_sign_when_he_vanishes_beside_a_leaver() {
    let reviewed = one_of_two_has_an_account("disabled").await;
    assert!(matches!(reviewed, Reviewed::Cleared(_)), "{}", findings(&reviewed));
    assert_eq!(leavers(&reviewed), ["cem@acme.com"]);
}

#[tokio::test]
async fn whose_signs_went_with_a_damaged_snapshot_waits_for_a_person_when_it_is_whole_again() {
    let state = tempfile::tempdir().unwrap();
    let mut house = House::on_disk(state.path());
    house.directory(&active(&["ann", "bob", "cem"]));
    house.settle().await;
    // They are missing in a run that somebody did not let through; the mirror forgets them, and the ledger does not.
    house.extra = "limits.deactivations.count = 0".to_owned();
    house.directory(&active(&["ann", "cem"]));
    assert!(matches!(house.plan().await.unwrap(), Reviewed::Held(_)));
    house.extra.clear();
    house.store = Arc::new(rollcall::snapshot::MemoryStore::new());
    let store = SledStore::open(state.path()).unwrap();
    rollcall::snapshot::Facts::set_fact(&store, rollcall::snapshot::fact::TRACES, &json!({})).unwrap();
    drop(store);
    std::fs::remove_file(state.path().join("seal.json")).unwrap();
    house.store = Arc::new(SledStore::open(state.path()).unwrap());
    assert!(!house.store.is_sealed());

    house.directory(&active(&["ann", "cem", "dan"]));
    house.settle().await;
    assert!(house.store.is_sealed() && house.is_in("bob"), "the first run after the loss takes nothing");

    for _ in 0..2 {
        let reviewed = house.plan().await.unwrap();
        assert!(findings(&reviewed).contains("the snapshot was damaged"), "{:?}", reviewed.holds());
        assert!(house.is_in("bob"));
    }
    house.settle().await;
    assert!(!house.is_in("bob"), "a person let it through");
}
