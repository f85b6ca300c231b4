//! What happens to people who are renamed, deleted by hand or there already, through whole runs.

use rollcall::guard::Reviewed;
use rollcall::plan::ActionKind;
use rollcall::roster::Reason;
use rollcall::run::RunResult;
use serde_json::{Value, json};

use super::promises_support::{House, active, user};

fn kinds(reviewed: &Reviewed) -> Vec<ActionKind> {
    reviewed.plan().changes.iter().map(|change| change.action.kind()).collect()
}

#[tokio::test]
async fn somebody_who_is_renamed_in_everything_but_his_id_keeps_his_one_account() {
    let house = House::new();
    house.directory(&active(&["ann", "bob"]));
    house.settle().await;
    let before = house.account("ann").unwrap();
    house.write(&[user("ann", "hanna", "active"), user("bob", "bob", "active")], &["ann", "bob"]);

    let reviewed = house.plan().await.unwrap();

    assert_eq!(kinds(&reviewed), [ActionKind::Update]);
    let refused: Vec<Reason> = reviewed.plan().refusals.iter().map(|refusal| refusal.reason).collect();
    assert_eq!(refused, [Reason::EmailImmutable], "the address stays, and that is said");
    house.settle().await;
    let after = house.account("ann").unwrap();
    assert_eq!((after.id, after.display_name.as_deref()), (before.id, Some("hanna")));
    assert!(after.active && after.roles == before.roles);
    assert_eq!(house.sandbox.users().len(), 2);
}

#[tokio::test]
async fn an_account_that_was_deleted_by_hand_stops_only_its_own_change_and_its_owner_can_leave() {
    let house = House::new();
    house.directory(&active(&["ann", "bob"]));
    house.settle().await;
    let gone = house.account("ann").unwrap().id;
    assert_eq!(house.sandbox.by_hand("DELETE", &format!("/Users/{gone}"), &Value::Null).0, 204);
    let renamed = |id: &str| json!({ "id": id, "status": "active", "email": format!("{id}@acme.com"), "name": "New" });
    house.write(&[renamed("ann"), renamed("bob")], &["ann", "bob"]);

    let record = house.settle().await;

    assert!(matches!(record.result, RunResult::AppliedInPart { .. }), "{:?}", record.result);
    assert_eq!(house.account("bob").unwrap().display_name.as_deref(), Some("New"));
    assert_eq!(house.sandbox.users().len(), 1, "and nobody is made anew unasked");

    let mut left = renamed("ann");
    left["status"] = "disabled".into();
    house.write(&[left, renamed("bob")], &["bob"]);
    assert_eq!(house.settle().await.result, RunResult::Applied, "whoever is gone is out");
    assert!(house.plan().await.unwrap().plan().is_empty());
}

#[tokio::test]
async fn an_account_of_somebody_else_is_adopted_in_full_sight_and_keeps_what_nobody_mapped() {
    let house = House::new();
    house.directory(&active(&["ann"]));
    house.settle().await;
    let theirs = json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:User"],
        "userName": "zoe@acme.com", "displayName": "Zoe", "title": "Auditor", "roles": [{ "value": "admin" }],
        "emails": [{ "value": "zoe@acme.com", "primary": true }],
    });
    assert_eq!(house.sandbox.by_hand("POST", "/Users", &theirs).0, 201);
    house.plan().await.unwrap();
    assert_eq!(
        house.account("zoe").unwrap().external_id,
        None,
        "whom the directory does not know is nobody's business"
    );

    house.directory(&active(&["ann", "zoe"]));
    let reviewed = house.plan().await.unwrap();
    assert_eq!(kinds(&reviewed)[..1], [ActionKind::Adopt], "it is listed as what it is");
    assert_eq!(house.account("zoe").unwrap().external_id, None, "and nothing is written before it was seen");

    house.settle().await;
    let zoe = house.account("zoe").unwrap();
    assert_eq!(zoe.external_id.as_deref(), Some("zoe"));
    assert_eq!(zoe.roles, ["admin", "editor"], "a role that no rule names is not ours to take");
    house.directory(&[("ann", "active"), ("zoe", "disabled")]);
    house.settle().await;
    assert!(!house.is_in("zoe"));
    assert!(house.account("zoe").unwrap().roles.contains(&"admin".to_owned()));
}
