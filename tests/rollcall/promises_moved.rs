//! A snapshot is used for the target and the directory that it was made with, and for no other.

use std::sync::Arc;

use rollcall::demo::sandbox::Sandbox;
use rollcall::guard::{Hold, Reviewed};
use rollcall::run::{RunError, RunResult, Session, runs};

use super::promises_support::{House, active, user};

#[tokio::test]
async fn a_ledger_is_never_applied_to_another_target() {
    let house = House::new();
    house.directory(&active(&["ann", "bob", "cal"]));
    house.settle().await;
    // The other application gave the same ids to other people.
    let other = Sandbox::start().unwrap();
    for name in ["xavier", "yan", "zoe"] {
        let body = serde_json::json!({
            "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"], "userName": name, "active": true,
        });
        assert_eq!(other.by_hand("POST", "/Users", &body).0, 201);
    }
    let before = other.users();
    house.directory(&[("ann", "active"), ("bob", "active"), ("cal", "disabled")]);
    let session = Session::with_store(house.organization_at(&other), Arc::clone(&house.store)).unwrap();

    let error = Arc::new(session).plan(&|_| {}).await.err().unwrap();

    assert!(matches!(error, RunError::OtherTarget { .. }), "{error}");
    assert!(error.to_string().contains(house.sandbox.url().trim_end_matches('/')), "{error}");
    assert_eq!(other.users(), before);
    assert_eq!(other.requests().values().sum::<u64>(), 0, "the other application is not even asked");
    assert!(matches!(runs(&*house.store, 1).unwrap()[0].result, RunResult::Failed(_)));
}

#[tokio::test]
async fn an_application_that_moved_keeps_its_ledger_once_somebody_says_so() {
    let mut house = House::new();
    house.directory(&active(&["ann", "bob"]));
    house.settle().await;
    let old = std::mem::replace(&mut house.sandbox, Sandbox::start().unwrap());
    assert!(matches!(house.plan().await.unwrap_err(), RunError::OtherTarget { .. }));

    house.target_extra = format!("formerly = {:?}", old.url());
    assert!(house.plan().await.unwrap().plan().is_empty(), "the ledger goes on");
    house.target_extra.clear();
    assert!(house.plan().await.is_ok(), "and the new address is remembered");
}

#[tokio::test]
async fn a_wrong_address_that_was_never_written_to_can_be_corrected() {
    let mut house = House::new();
    house.directory(&active(&["ann"]));
    house.plan().await.unwrap();
    house.sandbox = Sandbox::start().unwrap();
    assert_eq!(house.plan().await.unwrap().plan().changes.len(), 2);
}

#[tokio::test]
async fn accounts_that_all_pass_to_new_directory_ids_wait_for_a_person() {
    let house = House::new();
    house.directory(&active(&["ann", "bob", "cal", "dan", "eve", "fay"]));
    house.settle().await;
    // Another directory, or another id attribute: the same people under other ids.
    let people = ["ann", "bob", "cal", "dan", "eve", "fay"];
    let users: Vec<_> = people.iter().map(|name| user(&format!("new-{name}"), name, "active")).collect();
    house.write(&users, &["new-ann", "new-bob", "new-cal", "new-dan", "new-eve", "new-fay"]);

    let reviewed = house.plan().await.unwrap();

    let over = reviewed.holds().iter().any(|hold| matches!(hold, Hold::OverLimit { limit, .. } if limit == "updates"));
    assert!(over, "{:?}", reviewed.holds());
    assert!(people.iter().all(|name| house.is_in(name)));
}

#[tokio::test]
async fn a_group_of_a_directory_that_was_read_by_mistake_is_not_remembered() {
    let house = House::new();
    let people = ["ann", "bob", "cal", "dan", "eve", "fay"];
    house.directory(&active(&people));
    house.settle().await;
    house.plan().await.unwrap();
    // By mistake another directory is read, held, and the right one is back.
    let path = house.folder.path().join("people.json");
    let right = std::fs::read_to_string(&path).unwrap();
    let users: Vec<_> = people.iter().map(|name| user(&format!("new-{name}"), name, "active")).collect();
    house.write(&users, &["new-ann"]);
    let wrong = std::fs::read_to_string(&path).unwrap().replace("g-staff", "g-other");
    std::fs::write(&path, wrong).unwrap();
    assert!(matches!(house.plan().await.unwrap(), Reviewed::Held(_)));
    std::fs::write(&path, right).unwrap();

    let reviewed = house.plan().await.unwrap();
    assert!(reviewed.plan().is_empty(), "{:?}", reviewed.plan().changes);
}
