//! Users as they are read: what must be there, and what becomes of who is deleted.

use rollcall_entra::{EntraSettings, Guests};
use rollcall_kit::{InactiveReason, ReadError, Status, attribute};
use serde_json::{Value, json};

use crate::support::{Answer, Graph, alone, certified, failure, quick, read, user_id, users};

#[tokio::test]
async fn everybody_is_read_in_every_state() {
    let graph = Graph::start().await;
    let entries = certified(alone(graph.settings())).await;
    let people = users(&entries);
    let status = |number: usize| people[&*user_id(number)].status.clone();
    assert_eq!(people.len(), 8);
    assert_eq!((status(0), status(4), status(5)), (Status::Active, Status::Active, Status::Active));
    assert_eq!(status(3), Status::Inactive(InactiveReason::Disabled));
    assert_eq!(status(9), Status::Inactive(InactiveReason::Deleted));
    let gone = people[&*user_id(9)];
    assert_eq!(
        (gone.login.as_str(), gone.raw_status.as_str()),
        ("user9@example.test", "deletedDateTime=2026-11-20T00:00:00Z")
    );
    assert_eq!(people[&*user_id(0)].text(attribute::EMAIL), Some("User0@example.test"));
    assert_eq!(people[&*user_id(4)].raw["externalUserState"], "PendingAcceptance".into());
}

#[tokio::test]
async fn somebody_who_is_restored_while_everybody_is_read_is_read_once_and_as_he_was_found() {
    let graph = Graph::start().await;
    graph.change(|state| {
        let mut back = state.users[1].clone();
        back["deletedDateTime"] = "2026-11-20T00:00:00Z".into();
        state.deleted.push(back);
    });
    let entries = certified(alone(graph.settings())).await;
    assert_eq!((users(&entries).len(), &users(&entries)[&*user_id(1)].status), (8, &Status::Active));
}

#[tokio::test]
async fn a_row_without_what_decides_is_a_broken_read_and_nobody_is_disabled() {
    for name in ["accountEnabled", "userPrincipalName", "userType"] {
        for deleted in [false, true] {
            let graph = Graph::start().await;
            graph.change(|state| {
                let rows = if deleted { &mut state.deleted } else { &mut state.users };
                rows.last_mut().unwrap().as_object_mut().unwrap().remove(name);
            });
            let error = read(&quick(graph.settings())).await.1.unwrap_err();
            assert!(matches!(error, ReadError::Incomplete { .. }), "{error}");
            assert!(error.to_string().contains(&format!("came without {name}")), "{error}");
        }
    }
}

#[tokio::test]
async fn somebody_of_whom_graph_does_not_say_whether_he_is_enabled_is_held() {
    let graph = Graph::start().await;
    graph.change(|state| state.users[2]["accountEnabled"] = Value::Null);
    let entries = certified(alone(graph.settings())).await;
    assert!(matches!(users(&entries)[&*user_id(2)].status, Status::Unknown(_)));
    // Of everybody: that is no property of people any more.
    graph.change(|state| state.users.iter_mut().for_each(|user| user["accountEnabled"] = Value::Null));
    let error = failure(graph.settings()).await;
    assert!(error.contains("of 7 users not one is said to be enabled or disabled"), "{error}");
}

#[tokio::test]
async fn a_hollow_user_is_a_missing_permission_and_not_a_disabled_account() {
    let graph = Graph::start().await;
    graph.change(|state| {
        for (name, value) in state.users[1].as_object_mut().unwrap() {
            if name != "id" {
                *value = Value::Null;
            }
        }
    });
    let error = read(&quick(graph.settings())).await.1.unwrap_err();
    assert!(matches!(error, ReadError::Denied { .. }), "{error}");
    assert!(error.to_string().contains(&format!("may not read the user {}", user_id(1))), "{error}");
}

#[tokio::test]
async fn a_property_that_comes_with_nobody_takes_it_from_nobody() {
    let graph = Graph::start().await;
    graph.change(|state| {
        state.users.iter_mut().for_each(|user| drop(user.as_object_mut().unwrap().remove("department")));
    });
    let error = failure(graph.settings()).await;
    assert!(error.contains("of 7 users not one came with department"), "{error}");
    // With one person it is theirs.
    graph.change(|state| state.users[3]["department"] = Value::Null);
    certified(graph.settings()).await;
}

#[tokio::test]
async fn nobody_at_all_is_no_empty_tenant() {
    let graph = Graph::start().await;
    graph.change(|state| state.users.clear());
    let error = failure(graph.settings()).await;
    assert!(error.contains("not one user is shown"), "{error}");
}

#[tokio::test]
async fn deleted_users_that_cannot_be_read_end_the_read() {
    let graph = Graph::start().await;
    graph.break_by(|ask| {
        (ask.path == "/v1.0/directory/deletedItems/microsoft.graph.user")
            .then(|| Answer::error(403, "Authorization_RequestDenied", "Insufficient privileges."))
    });
    assert!(failure(graph.settings()).await.contains("Authorization_RequestDenied"));
}

#[tokio::test]
async fn guests_are_read_or_not_by_their_type() {
    let graph = Graph::start().await;
    let read = |guests| certified(EntraSettings { guests, ..alone(graph.settings()) });
    assert!(!users(&read(Guests::Exclude).await).contains_key(&*user_id(4)));
    assert!(users(&read(Guests::Exclude).await).contains_key(&*user_id(5)), "no type is no guest");
    assert_eq!(users(&read(Guests::Only).await).into_keys().collect::<Vec<_>>(), [user_id(4)]);
}

#[tokio::test]
async fn extensions_and_other_properties_are_asked_for_by_name() {
    let graph = Graph::start().await;
    let badge = "extension_4b1c0d2e3f405162738495a6b7c8d9e0_badge";
    graph.change(|state| {
        state.users[0][badge] = "teal".into();
        state.users[0]["customSecurityAttributes"] = json!({"HR": {"badge": "B-1"}});
        state.roles = Some(vec!["User.Read.All", "CustomSecAttributeAssignment.Read.All"]);
    });
    let extra_properties =
        [badge, "customSecurityAttributes", "onPremisesSamAccountName"].map(ToOwned::to_owned).to_vec();
    let entries = certified(EntraSettings { extra_properties, ..alone(graph.settings()) }).await;
    let raw = &users(&entries)[&*user_id(0)].raw;
    assert_eq!((&raw[badge], &raw["onPremisesSamAccountName"]), (&"teal".into(), &"u0".into()));
    assert_eq!(raw["customSecurityAttributes"].to_json(), json!({"HR": {"badge": "B-1"}}));
    // Who has no extension has no such member; nobody else's read fails for it.
    assert!(!users(&entries)[&*user_id(1)].raw.contains_key(badge));
    let asked = graph.asked();
    let select = asked.iter().find(|asked| asked.starts_with("/v1.0/users?")).unwrap();
    assert!(select.contains(&format!(",{badge},customSecurityAttributes,onPremisesSamAccountName")), "{select}");
    assert!(!select.contains("$filter") && !select.contains("$orderby") && !select.contains("$count"), "{select}");
}
