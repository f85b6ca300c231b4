//! Whom protected groups and protected values in the target protect, through whole runs.

use rollcall::demo::sandbox::Fault;
use rollcall::guard::Reviewed;
use rollcall::plan::ActionKind;
use rollcall::roster::Reason;
use serde_json::{Value, json};

use super::promises_support::{House, user};

/// Writes these people and these groups: ids, which are their names, and members.
fn write(house: &House, people: &[&str], groups: &[(&str, &[&str])]) {
    let users: Vec<Value> = people.iter().map(|id| user(id, id, "active")).collect();
    let groups: Vec<Value> =
        groups.iter().map(|(id, members)| json!({ "id": id, "name": id, "members": members })).collect();
    let document = json!({ "users": users, "groups": groups, "count": users.len() });
    std::fs::write(house.folder.path().join("people.json"), document.to_string()).unwrap();
}

fn put_out(reviewed: &Reviewed) -> Vec<String> {
    let exits = reviewed.plan().changes.iter().filter(|change| change.action.kind() == ActionKind::Deactivate);
    exits.map(|change| change.subject.label().to_owned()).collect()
}

fn refused(reviewed: &Reviewed) -> Vec<String> {
    let refusals = reviewed.plan().refusals.iter().filter(|refusal| refusal.reason == Reason::Protected);
    refusals.map(|refusal| refusal.detail.clone()).collect()
}

const ALL: [&str; 5] = ["ann", "bob", "cem", "dan", "eve"];

/// A house with a board, in which a group is that contains the board again.
async fn with_a_board(extra: &str) -> House {
    let mut house = House::new();
    house.extra = extra.to_owned();
    write(&house, &ALL, &[("staff", &[]), ("board", &["ann", "advisers"]), ("advisers", &["bob", "board"])]);
    house.settle().await;
    house
}

#[tokio::test]
async fn whoever_vanishes_from_a_protected_group_stays_in_however_often_the_directory_is_read() {
    let house = with_a_board("protect.groups = [\"board\"]").await;
    write(&house, &["dan", "eve"], &[("staff", &[]), ("board", &["advisers"]), ("advisers", &["board"])]);

    for _ in 0..3 {
        let reviewed = house.plan().await.unwrap();
        let words = refused(&reviewed);
        assert_eq!(words.len(), 2, "{words:?}");
        assert!(
            words.iter().all(|words| words.contains("which the group board protects (protect.groups)")),
            "{words:?}"
        );
        house.settle().await;
        assert!(house.is_in("ann") && house.is_in("bob") && !house.is_in("cem"));
    }
}

#[tokio::test]
async fn a_protected_group_that_takes_another_name_protects_its_members_and_its_namesake_does_not_replace_it() {
    let house = with_a_board("protect.groups = [\"board\"]").await;
    let users: Vec<Value> = ["dan", "eve"].iter().map(|id| user(id, id, "active")).collect();
    let groups = json!([
        { "id": "staff", "name": "staff", "members": [] },
        { "id": "board", "name": "old board", "members": ["advisers"] },
        { "id": "other", "name": "board", "members": ["dan"] },
        { "id": "advisers", "name": "advisers", "members": ["board"] },
    ]);
    let document = json!({ "users": users, "groups": groups, "count": 2 });
    std::fs::write(house.folder.path().join("people.json"), document.to_string()).unwrap();
    house.settle().await;
    assert!(house.is_in("ann") && house.is_in("bob") && !house.is_in("cem"));
}

#[tokio::test]
async fn while_a_protected_group_is_not_found_nobody_is_put_out_without_a_person() {
    let house = with_a_board("limits.deactivations.count = 100\nprotect.groups = [\"bored\"]").await;
    let told = |reviewed: &Reviewed| {
        let notes = reviewed.plan().notes.iter().filter(|note| note.sentence.contains("the group bored of protect"));
        notes.map(|note| note.holds).collect::<Vec<_>>()
    };
    assert_eq!(told(&house.plan().await.unwrap()), [false], "it is said before somebody leaves");

    write(&house, &ALL[..4], &[("staff", &[]), ("board", &["ann", "advisers"]), ("advisers", &["bob", "board"])]);

    let reviewed = house.plan().await.unwrap();
    assert_eq!(told(&reviewed), [true]);
    assert!(matches!(reviewed, Reviewed::Held(_)), "{:?}", reviewed.holds());
}

const SERVICE: &str = "protect.accounts = [{ attribute = \"userType\", value = \"Service\" }]";

#[tokio::test]
async fn an_account_that_carries_a_protected_value_in_the_target_stays_in_and_others_go() {
    let house = with_a_board(SERVICE).await;
    let robot = house.account("eve").unwrap().id;
    let patch = json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
        "Operations": [{ "op": "add", "path": "userType", "value": "service" }],
    });
    assert!(house.sandbox.by_hand("PATCH", &format!("/Users/{robot}"), &patch).0 < 300);
    let requests = |house: &House| house.sandbox.requests().values().sum::<u64>();
    house.plan().await.unwrap();
    house.sandbox.forget_requests();
    house.plan().await.unwrap();
    let quiet = requests(&house);
    write(&house, &ALL[..3], &[("staff", &[])]);
    house.sandbox.forget_requests();

    let reviewed = house.plan().await.unwrap();

    assert_eq!(requests(&house) - quiet, 2, "only who would go is asked for");
    assert_eq!(put_out(&reviewed), ["dan@acme.com"]);
    assert!(refused(&reviewed)[0].contains("eve@acme.com, which its userType in the target protects, \"Service\""));
    house.settle().await;
    assert!(house.is_in("eve") && !house.is_in("dan"));
}

#[tokio::test]
async fn an_account_of_which_the_target_does_not_tell_the_protected_value_stays_in() {
    let house = with_a_board(SERVICE).await;
    write(&house, &ALL[..4], &[("staff", &[])]);
    house.sandbox.inject(Fault::FailNext { method: "GET", status: 500 });

    let reviewed = house.plan().await.unwrap();

    assert!(put_out(&reviewed).is_empty());
    assert!(refused(&reviewed)[0].contains("and the target does not tell whether protect.accounts protects it"));
    assert_eq!(put_out(&house.plan().await.unwrap()), ["eve@acme.com"], "the next run asks again");
}

fn idle(reviewed: &Reviewed) -> Vec<(&str, bool)> {
    let notes =
        reviewed.plan().notes.iter().filter(|note| note.sentence.starts_with("protect.accounts protects nobody"));
    notes.map(|note| (note.sentence.as_str(), note.holds)).collect()
}

#[tokio::test]
async fn a_protected_value_that_no_account_shows_protects_nobody_and_that_is_told_before_anybody_goes() {
    let house = with_a_board(SERVICE).await;
    assert!(idle(&house.plan().await.unwrap()).is_empty(), "nobody goes, so nobody asks");
    write(&house, &ALL[..4], &[("staff", &[])]);

    for _ in 0..2 {
        let reviewed = house.plan().await.unwrap();
        assert_eq!(put_out(&reviewed), ["eve@acme.com"]);
        assert!(matches!(reviewed, Reviewed::Held(_)));
        let idle = idle(&reviewed);
        assert!(matches!(idle[..], [(words, true)] if words.contains("by userType \"Service\"")), "{idle:?}");
    }
}

#[tokio::test]
async fn a_protected_value_that_somebody_carries_who_stays_is_found_once_and_then_asked_for_by_his_id() {
    for fault in [None, Some(Fault::IgnoreFilters)] {
        let house = with_a_board(SERVICE).await;
        let robot = house.account("ann").unwrap().id;
        let patch = json!({
            "schemas": ["urn:ietf:params:scim:api:messages:2.0:PatchOp"],
            "Operations": [{ "op": "add", "path": "userType", "value": "Service" }],
        });
        assert!(house.sandbox.by_hand("PATCH", &format!("/Users/{robot}"), &patch).0 < 300);
        fault.into_iter().for_each(|fault| house.sandbox.inject(fault));
        let requests = || house.sandbox.requests().values().sum::<u64>();
        house.plan().await.unwrap();
        house.sandbox.forget_requests();
        house.plan().await.unwrap();
        let quiet = requests();
        write(&house, &ALL[..4], &[("staff", &[])]);
        let reviewed = house.plan().await.unwrap();
        assert!(idle(&reviewed).is_empty() && put_out(&reviewed) == ["eve@acme.com"], "{:?}", reviewed.plan().notes);
        house.sandbox.forget_requests();
        house.plan().await.unwrap();
        assert_eq!(requests() - quiet, 2, "the leaver, and who was seen to carry it");
    }
}
