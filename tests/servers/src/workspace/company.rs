//! The people and groups of the customer.

use serde_json::{Value, json};

use super::State;

/// The administrator as whom the service account reads.
pub const ADMIN: &str = "rollcall@example.test";
/// The customer's id.
pub const CUSTOMER: &str = "C03az79cb";

/// Google's id of the `number`th user.
pub fn user_id(number: usize) -> String {
    format!("1{number:020}")
}

/// Google's id of the `number`th group.
pub fn group_id(number: usize) -> String {
    format!("01ksv4uv{number:07}")
}

/// A user who works.
pub fn user(number: usize, address: &str, unit: &str) -> Value {
    let login = address.split('@').next().unwrap_or_default();
    json!({
        "kind": "admin#directory#user", "id": user_id(number), "etag": format!("\"e/{number}\""),
        "primaryEmail": address, "isAdmin": false, "isDelegatedAdmin": false, "agreedToTerms": true,
        "name": {"givenName": login, "familyName": format!("Last{number}"), "fullName": format!("{login} Last{number}")},
        "suspended": false, "archived": false, "changePasswordAtNextLogin": false, "ipWhitelisted": false,
        "emails": [{"address": address, "primary": true}], "customerId": CUSTOMER, "orgUnitPath": unit,
        "creationTime": "2025-01-14T09:12:33.000Z", "lastLoginTime": "1970-01-01T00:00:00.000Z",
        "isMailboxSetup": true, "includeInGlobalAddressList": true, "recoveryEmail": format!("{login}@home.test"),
        "customSchemas": {"HR": {"badgeColor": "teal"}},
    })
}

/// A group.
pub fn group(number: usize, address: &str, name: &str) -> Value {
    json!({
        "kind": "admin#directory#group", "id": group_id(number), "etag": format!("\"g/{number}\""), "email": address,
        "name": name, "description": "", "adminCreated": true,
    })
}

/// A member of a group.
pub fn member(kind: &str, id: &str) -> Value {
    json!({"kind": "admin#directory#member", "etag": "\"m\"", "id": id, "role": "MEMBER", "type": kind,
        "email": format!("m{id}@example.test"), "status": "ACTIVE"})
}

/// An entry of an audit log.
pub fn event(number: usize, kind: &str, name: &str, parameters: &[(&str, &str)]) -> Value {
    let parameters: Vec<Value> = parameters.iter().map(|(name, value)| json!({"name": name, "value": value})).collect();
    json!({
        "kind": "admin#reports#activity", "etag": "\"l\"", "actor": {"email": "root@example.test"},
        "id": {"time": "2026-11-24T10:00:00.000Z", "uniqueQualifier": format!("-{number}"), "applicationName": "admin"},
        "events": [{"type": kind, "name": name, "parameters": parameters}],
    })
}

pub(super) fn company() -> State {
    let mut users = vec![
        user(0, ADMIN, "/"),
        user(1, "maya@example.test", "/Engineering"),
        user(2, "jonas.weil@example.test", "/Engineering/Platform"),
        user(3, "ines.falk@second.test", "/Sales"),
        user(4, "ola@example.test", "/Sales"),
        user(5, "kim@example.test", "/Engineering"),
    ];
    users[0]["isDelegatedAdmin"] = true.into();
    users[1]["aliases"] = json!(["maya.oduya@example.test"]);
    users[3]["name"]["familyName"] = "\u{200b}".into();
    users[4]["suspended"] = true.into();
    users[4]["suspensionReason"] = "ADMIN".into();
    users[5]["archived"] = true.into();
    let mut gone = user(6, "left@example.test", "/");
    gone["deletionTime"] = "2026-11-20T07:41:10.000Z".into();
    let groups = vec![
        group(0, "eng-platform@example.test", "Engineering Platform"),
        group(1, "eng-all@example.test", "Engineering"),
        group(2, "empty@example.test", "Nobody"),
        group(3, "everyone@example.test", "Everyone"),
    ];
    let everybody = json!({"kind": "admin#directory#member", "etag": "\"m\"", "id": CUSTOMER, "role": "MEMBER",
        "type": "CUSTOMER"});
    State {
        members: [
            (group_id(0), vec![member("USER", &user_id(1)), member("USER", &user_id(2)), member("USER", &user_id(4))]),
            (group_id(1), vec![member("GROUP", &group_id(0)), member("USER", &user_id(5))]),
            (group_id(2), vec![]),
            (group_id(3), vec![everybody]),
        ]
        .into(),
        units: vec![
            ("id:03ph8a2z1eng", "/Engineering".to_owned()),
            ("id:03ph8a2z1plat", "/Engineering/Platform".to_owned()),
            ("id:03ph8a2z1sales", "/Sales".to_owned()),
            ("id:03ph8a2z1new", "/New".to_owned()),
        ],
        logs: [("admin", vec![]), ("groups_enterprise", vec![])].into(),
        page: 2,
        scopes: vec![
            "admin.directory.user.readonly",
            "admin.directory.group.readonly",
            "admin.directory.orgunit.readonly",
            "admin.reports.audit.readonly",
        ],
        users,
        deleted: vec![gone],
        groups,
        ..State::default()
    }
}
