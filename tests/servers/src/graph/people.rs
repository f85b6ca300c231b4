//! Who stands in the tenant.

use serde_json::{Value, json};

use super::{APP, CLIENT, DEFAULT_ACCESS, EDITOR, PRINCIPAL, State};

pub fn user_id(number: usize) -> String {
    format!("aaaaaaaa-0000-4000-8000-{number:012}")
}

pub fn group_id(number: usize) -> String {
    format!("bbbbbbbb-0000-4000-8000-{number:012}")
}

/// A user with everything that a list gives; what is unset is null.
pub fn user(number: usize) -> Value {
    json!({
        "id": user_id(number), "userPrincipalName": format!("user{number}@example.test"),
        "mail": format!("User{number}@example.test"), "displayName": format!("User {number}"), "givenName": "First",
        "surname": format!("Last{number}"), "accountEnabled": true, "userType": "Member", "otherMails": [],
        "proxyAddresses": [format!("SMTP:User{number}@example.test")], "mobilePhone": null, "businessPhones": [],
        "preferredLanguage": "de-DE", "usageLocation": "DE", "jobTitle": null, "department": "Platform",
        "companyName": null, "officeLocation": null, "employeeId": number.to_string(), "employeeType": null,
        "employeeOrgData": null, "createdDateTime": "2025-01-14T09:12:33Z", "externalUserState": null,
        "onPremisesSyncEnabled": null, "onPremisesExtensionAttributes": {"extensionAttribute1": "CC-1"},
        "onPremisesSamAccountName": format!("u{number}"), "deletedDateTime": null,
    })
}

pub fn group(number: usize, name: &str, unified: bool, security: bool, mail: bool) -> Value {
    let types: Vec<&str> = if unified { vec!["Unified"] } else { vec![] };
    json!({
        "id": group_id(number), "displayName": name, "groupTypes": types, "securityEnabled": security,
        "mailEnabled": mail, "visibility": null, "description": null,
    })
}

pub fn assignment(kind: &str, id: &str, role: &str) -> Value {
    json!({"id": format!("{kind}-{id}-{role}"), "deletedDateTime": null, "appRoleId": role, "principalType": kind,
        "principalId": id, "principalDisplayName": "stale", "resourceId": PRINCIPAL})
}

pub(super) fn company() -> State {
    let mut users: Vec<Value> = (0..7).map(user).collect();
    users[3]["accountEnabled"] = false.into();
    users[4]["userType"] = "Guest".into();
    users[4]["userPrincipalName"] = "li.wen_partner.test#EXT#@exampletest.onmicrosoft.com".into();
    users[4]["externalUserState"] = "PendingAcceptance".into();
    users[5]["userType"] = Value::Null;
    let mut gone = user(9);
    gone["userPrincipalName"] = format!("{}user9@example.test", user_id(9).replace('-', "")).into();
    gone["deletedDateTime"] = "2026-11-20T00:00:00Z".into();
    let of = |number: usize| ("user", user_id(number));
    State {
        users,
        deleted: vec![gone],
        groups: vec![
            group(0, "eng-platform", false, true, false),
            group(1, "nested", false, true, true),
            group(2, "sales", true, false, true),
            group(3, "everybody", false, false, true),
        ],
        members: [
            (group_id(0), vec![of(1), of(0), ("group", group_id(1)), ("device", group_id(90)), of(3)]),
            (group_id(1), vec![of(2), ("group", group_id(3))]),
            (group_id(2), vec![]),
            (group_id(3), vec![of(6)]),
        ]
        .into(),
        principal: Some(json!({"id": PRINCIPAL, "appId": APP, "displayName": "Target",
            "appRoleAssignmentRequired": true, "appRoles": [{"id": EDITOR, "value": "editor", "displayName": "Editor"}]})),
        assigned: vec![
            assignment("User", &user_id(0), EDITOR),
            assignment("Group", &group_id(0), DEFAULT_ACCESS),
            assignment("User", &user_id(5), DEFAULT_ACCESS),
            assignment("ServicePrincipal", CLIENT, DEFAULT_ACCESS),
        ],
        page: 2,
        roles: Some(vec!["User.Read.All", "GroupMember.Read.All", "Application.Read.All"]),
        ..State::default()
    }
}
