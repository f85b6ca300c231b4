//! Who is in the organisation, and objects as Okta writes them.

use serde_json::{Value, json};

use super::{APP, State};

/// Okta's id of the `number`th user.
pub fn user_id(number: usize) -> String {
    format!("00u{number:017}")
}

/// Okta's id of the `number`th group.
pub fn group_id(number: usize) -> String {
    format!("00g{number:017}")
}

pub fn user(number: usize, status: &str) -> Value {
    json!({
        "id": user_id(number), "status": status, "created": "2025-01-14T09:12:33.000Z", "activated": null,
        "lastUpdated": "2026-11-18T16:20:45.000Z", "type": {"id": "oty1"},
        "profile": {"login": format!("user{number}"), "email": format!("User{number}@example.test"),
            "firstName": "First", "lastName": format!("Last{number}"), "secondEmail": null, "mobilePhone": null},
    })
}

pub fn group(number: usize, kind: &str, name: &str) -> Value {
    json!({"id": group_id(number), "type": kind, "profile": {"name": name, "description": null}})
}

pub fn app_user(number: usize, scope: &str) -> Value {
    json!({"id": user_id(number), "externalId": null, "scope": scope, "status": "ACTIVE",
        "credentials": {"userName": format!("app{number}")}, "profile": {"role": "editor"}})
}

pub(super) fn company() -> State {
    let words =
        ["ACTIVE", "ACTIVE", "ACTIVE", "ACTIVE", "ACTIVE", "STAGED", "SUSPENDED", "DEPROVISIONED", "LOCKED_OUT"];
    let users: Vec<Value> = words.iter().enumerate().map(|(number, status)| user(number, status)).collect();
    let groups = vec![
        group(0, "OKTA_GROUP", "eng-platform"),
        group(1, "APP_GROUP", "eng-platform"),
        group(2, "OKTA_GROUP", "sales"),
        group(3, "BUILT_IN", "Everyone"),
    ];
    let ids = |numbers: &[usize]| numbers.iter().map(|number| user_id(*number)).collect();
    State {
        members: [
            (group_id(0), ids(&[2, 0, 7])),
            (group_id(1), ids(&[1])),
            (group_id(2), ids(&[])),
            (group_id(3), ids(&[0, 1, 2, 3, 4, 5, 6, 7, 8])),
        ]
        .into(),
        app: Some(json!({"id": APP, "label": "Target", "status": "ACTIVE"})),
        app_users: vec![app_user(0, "USER"), app_user(1, "GROUP"), app_user(6, "GROUP")],
        app_groups: vec![json!({"id": group_id(0), "priority": 0, "profile": {"role": "editor"}})],
        page: 2,
        expands: true,
        everyone: Some(9),
        scopes: vec!["okta.users.read", "okta.groups.read", "okta.apps.read", "okta.logs.read"],
        users,
        groups,
        ..State::default()
    }
}
