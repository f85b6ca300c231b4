//! Who is read: suspended, archived and deleted people, aliases, and addresses that were given to somebody else.

use rollcall_google::GoogleSettings;
use rollcall_kit::{Address, Connector, DirectoryId, InactiveReason, LookUp, Status, attribute};
use serde_json::json;

use crate::support::{Settings as _, certified, quick, users};
use rollcall_test_servers::workspace::{Workspace, user, user_id};

#[tokio::test]
async fn whoever_may_not_work_is_read_with_the_reason() {
    let workspace = Workspace::start().await;
    let (entries, _) = certified(workspace.alone()).await;
    let users = users(&entries);
    for (number, status, words) in [
        (1, Status::Active, "suspended=false archived=false"),
        (4, Status::Inactive(InactiveReason::Suspended), "suspended=true suspensionReason=ADMIN"),
        (5, Status::Inactive(InactiveReason::Archived), "archived=true"),
        (6, Status::Inactive(InactiveReason::Deleted), "deletionTime=2026-11-20T07:41:10.000Z"),
    ] {
        let user = users[&*user_id(number)];
        assert_eq!((&user.status, user.raw_status.as_str()), (&status, words));
    }
    assert_eq!(users[&*user_id(3)].text(attribute::NAME), Some("ines.falk Last3"), "people of secondary domains, too");
}

#[tokio::test]
async fn a_user_who_is_deleted_while_he_is_read_comes_once() {
    let workspace = Workspace::start().await;
    workspace.change(|state| {
        let mut gone = state.users[1].clone();
        gone["deletionTime"] = "2026-11-24T07:41:10.000Z".into();
        state.deleted.push(gone);
    });
    let (entries, _) = certified(workspace.alone()).await;
    assert_eq!(entries.len(), 7);
}

#[tokio::test]
async fn an_address_that_was_given_to_somebody_else_is_another_person_s() {
    let workspace = Workspace::start().await;
    workspace.change(|state| state.users.push(user(9, "left@example.test", "/")));
    let connector = quick(workspace.alone());
    let found = connector.look_up_address(&Address::parse("Left@example.test").unwrap()).await.unwrap();
    let found: Vec<_> = found.iter().map(|user| (user.id.to_string(), user.status.clone())).collect();
    assert_eq!(
        found,
        [(user_id(9), Status::Active), (user_id(6), Status::Inactive(InactiveReason::Deleted))],
        "the one who left and the one who came"
    );
}

#[tokio::test]
async fn an_alias_is_nobody_s_address_and_an_address_is_no_id() {
    let workspace = Workspace::start().await;
    let connector = quick(workspace.alone());
    let alias = Address::parse("maya.oduya@example.test").unwrap();
    assert_eq!(connector.look_up_address(&alias).await.unwrap(), []);
    let id = DirectoryId::new("maya@example.test").unwrap();
    let error = connector.look_up(&id).await.unwrap_err().to_string();
    assert!(error.contains("is no user's id, but leads to one"), "{error}");
}

#[tokio::test]
async fn whoever_was_deleted_of_late_is_found_as_deleted_and_not_as_gone() {
    let workspace = Workspace::start().await;
    let connector = quick(workspace.alone());
    let LookUp::Found(user) = connector.look_up(&DirectoryId::new(&user_id(6)).unwrap()).await.unwrap() else {
        panic!("they are among the deleted");
    };
    assert_eq!(user.status, Status::Inactive(InactiveReason::Deleted));
}

#[tokio::test]
async fn custom_schemas_are_read_all_or_those_that_are_named_or_none() {
    let workspace = Workspace::start().await;
    workspace.change(|state| state.users[1]["customSchemas"]["Site"] = json!({"floor": "3"}));
    for (named, projection, expected) in [
        (None, "projection=full", Some(json!({"HR": {"badgeColor": "teal"}, "Site": {"floor": "3"}}))),
        (
            Some(vec!["Site".to_owned()]),
            "projection=custom&customFieldMask=Site",
            Some(json!({"Site": {"floor": "3"}})),
        ),
        (Some(vec![]), "projection=basic", None),
    ] {
        let (entries, _) = certified(GoogleSettings { custom_schemas: named, ..workspace.alone() }).await;
        let read = users(&entries)[&*user_id(1)].raw.get("customSchemas").map(rollcall_kit::Value::to_json);
        assert_eq!(read, expected);
        assert!(workspace.asked().await.iter().any(|asked| asked.contains(projection)), "{projection}");
    }
}

#[tokio::test]
async fn private_fields_are_read_only_if_they_are_asked_for() {
    let workspace = Workspace::start().await;
    let (entries, _) = certified(workspace.alone()).await;
    assert!(!users(&entries)[&*user_id(1)].raw.contains_key("recoveryEmail"));
    let extra_fields = vec!["recoveryEmail".to_owned()];
    let (entries, _) = certified(GoogleSettings { extra_fields, ..workspace.alone() }).await;
    assert_eq!(users(&entries)[&*user_id(1)].raw["recoveryEmail"], "maya@home.test".into());
}
