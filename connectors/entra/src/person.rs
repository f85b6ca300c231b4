//! From Graph's user object to a [`DirectoryUser`].

use std::collections::BTreeSet;

use rollcall_kit::{Attributes, rest};
use rollcall_kit::{DirectoryId, DirectoryUser, InactiveReason, Status, Value, attribute};
use serde_json::Value as Json;

use crate::settings::Guests;

/// Which property each of our attributes comes from, in order of preference.
const NAMES: [(&str, &[&str]); 15] = [
    (attribute::PREFERRED_USERNAME, &["/userPrincipalName"]),
    (attribute::NAME, &["/displayName"]),
    (attribute::GIVEN_NAME, &["/givenName"]),
    (attribute::FAMILY_NAME, &["/surname"]),
    (attribute::PHONE_NUMBER, &["/mobilePhone", "/businessPhones/0"]),
    (attribute::LOCALE, &["/preferredLanguage"]),
    ("preferred_language", &["/preferredLanguage"]),
    ("department", &["/department"]),
    ("title", &["/jobTitle"]),
    ("employee_number", &["/employeeId"]),
    ("employee_type", &["/employeeType"]),
    ("organization", &["/companyName"]),
    ("cost_center", &["/employeeOrgData/costCenter"]),
    ("manager", &["/manager/id"]),
    ("office", &["/officeLocation"]),
];

/// Where a user object comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// The directory.
    Live,
    /// What was deleted within the last thirty days, from which it can be restored under the same id.
    Deleted,
}

/// What is known of a user's assignment to the application.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Assignment {
    /// Nobody asked.
    #[default]
    Unknown,
    /// They are not assigned.
    None,
    /// They are, with these app roles, through these groups.
    As {
        /// The values of the app roles; the default access is none of them.
        roles: BTreeSet<String>,
        /// The names of the groups; none for a direct assignment.
        through: BTreeSet<String>,
    },
}

/// Reads a user object.
pub(crate) fn read(id: DirectoryId, user: &Json, place: Place, assignment: &Assignment) -> DirectoryUser {
    let login = login(&id, user, place);
    let mut profile = attributes(user);
    match &login {
        Some(login) => profile.insert(attribute::PREFERRED_USERNAME, login.as_str().into()),
        None => profile.remove(attribute::PREFERRED_USERNAME),
    };
    profile.extend(email(user, login.as_deref()).map(|email| (attribute::EMAIL, Value::Text(email))));
    let mut raw = Attributes::new();
    for (name, value) in user.as_object().into_iter().flatten() {
        if name != "id" && !name.contains('@') {
            raw.extend(Value::from_json(value).map(|value| (name.clone(), value)));
        }
    }
    if let Assignment::As { roles, through } = assignment {
        let list = |names: &BTreeSet<String>| Value::List(names.iter().map(|name| name.as_str().into()).collect());
        let app = [("roles".to_owned(), list(roles)), ("groups".to_owned(), list(through))];
        raw.insert("app", Value::Map(app.into()));
    }
    let (status, raw_status) = status(user, place);
    DirectoryUser {
        login: login.unwrap_or_default(),
        status,
        raw_status,
        place: None,
        assigned: match assignment {
            Assignment::Unknown => None,
            Assignment::None => Some(false),
            Assignment::As { .. } => Some(true),
        },
        profile,
        raw,
        id,
    }
}

/// Whether the rule about guests lets them in. A missing user type is an old synchronised member's.
pub(crate) fn admitted(user: &Json, rule: Guests) -> bool {
    let guest = user.get("userType").and_then(Json::as_str).is_some_and(|kind| kind.eq_ignore_ascii_case("guest"));
    match rule {
        Guests::Include => true,
        Guests::Exclude => !guest,
        Guests::Only => guest,
    }
}

/// Our reading of whether they may work, and Graph's words for it.
fn status(user: &Json, place: Place) -> (Status, String) {
    if place == Place::Deleted {
        let since = user.get("deletedDateTime").and_then(Json::as_str).unwrap_or("unknown");
        return (Status::Inactive(InactiveReason::Deleted), format!("deletedDateTime={since}"));
    }
    match user.get("accountEnabled") {
        Some(Json::Bool(true)) => (Status::Active, "accountEnabled=true".to_owned()),
        Some(Json::Bool(false)) => (Status::Inactive(InactiveReason::Disabled), "accountEnabled=false".to_owned()),
        other => (
            Status::Unknown("Graph does not say whether the account is enabled".to_owned()),
            format!("accountEnabled={}", other.unwrap_or(&Json::Null)),
        ),
    }
}

/// The user principal name. While somebody is deleted, their id without dashes stands in front of it.
fn login(id: &DirectoryId, user: &Json, place: Place) -> Option<String> {
    let name = text(user, "/userPrincipalName")?;
    let mark = id.as_str().replace('-', "");
    let prefix = name.get(..mark.len()).filter(|prefix| place == Place::Deleted && prefix.eq_ignore_ascii_case(&mark));
    Some(prefix.map_or(name.as_str(), |prefix| &name[prefix.len()..]).to_owned())
}

/// The one address: `mail`; else the first of the others; else the user principal name, unless it is one that was made
/// up for a guest.
fn email(user: &Json, login: Option<&str>) -> Option<String> {
    let login = login.filter(|login| login.contains('@') && !login.to_ascii_uppercase().contains("#EXT#"));
    text(user, "/mail").or_else(|| text(user, "/otherMails/0")).or_else(|| login.map(ToOwned::to_owned))
}

/// Our attributes, all but the address.
fn attributes(user: &Json) -> Attributes {
    let mut attributes = Attributes::with_capacity(NAMES.len() + 1);
    for (ours, pointers) in NAMES {
        let value = pointers.iter().find_map(|pointer| text(user, pointer));
        attributes.extend(value.map(|value| (ours, Value::Text(value))));
    }
    let list = |name: &str| user.get(name).and_then(Json::as_array).into_iter().flatten().filter_map(Json::as_str);
    // `SMTP:` marks the primary one and `smtp:` an alias; the others (`sip:`, `X500:`) are no mail addresses.
    let proxies = list("proxyAddresses").filter_map(|address| {
        let (kind, address) = address.split_once(':')?;
        kind.eq_ignore_ascii_case("smtp").then_some(address)
    });
    let mail = user.get("mail").and_then(Json::as_str);
    let mut emails: Vec<&str> = mail.into_iter().chain(proxies).chain(list("otherMails")).map(str::trim).collect();
    emails.retain(|email| !email.is_empty());
    emails.sort_unstable_by_key(|email| email.to_lowercase());
    emails.dedup_by_key(|email| email.to_lowercase());
    if !emails.is_empty() {
        attributes.insert("emails", Value::List(emails.into_iter().map(Value::from).collect()));
    }
    attributes
}

/// A property that is one value, as text; null, blank and lists are none.
pub(crate) fn text(user: &Json, pointer: &str) -> Option<String> {
    rest::text(user.pointer(pointer)?)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const ID: &str = "6f1f2b9e-52b0-4c2f-9b0d-6f5f6f0a1c11";

    fn of(user: &Json, place: Place) -> DirectoryUser {
        read(DirectoryId::new(ID).unwrap(), user, place, &Assignment::Unknown)
    }

    fn maya() -> Json {
        json!({
            "@odata.type": "#microsoft.graph.user", "id": ID, "userPrincipalName": "maya.oduya@example.test",
            "mail": "maya@example.test", "displayName": "Maya Oduya", "givenName": "Maya", "surname": "Oduya",
            "accountEnabled": true, "userType": "Member", "otherMails": ["maya@home.test"],
            "proxyAddresses": ["smtp:m.oduya@example.test", "SMTP:Maya@example.test", "sip:maya@example.test", "X500:/o=x"],
            "mobilePhone": null, "businessPhones": ["+49 30 5550100"], "preferredLanguage": "de-DE",
            "jobTitle": "Engineer", "department": "Platform", "companyName": " ", "employeeId": "10442",
            "employeeOrgData": {"costCenter": "CC-9", "division": null}, "manager": {"id": "m1"},
            "onPremisesExtensionAttributes": {"extensionAttribute1": "CC-204", "extensionAttribute2": null},
            "extension_4b1c0d2e3f405162738495a6b7c8d9e0_badge": "teal"
        })
    }

    #[test]
    fn each_attribute_comes_from_its_documented_property() {
        let user = of(&maya(), Place::Live);
        assert_eq!((user.login.as_str(), &user.status), ("maya.oduya@example.test", &Status::Active));
        assert_eq!((user.raw_status.as_str(), user.assigned), ("accountEnabled=true", None));
        let told: Vec<(&str, String)> = user.profile.iter().map(|(name, value)| (&**name, value.to_string())).collect();
        let emails = r#"["m.oduya@example.test","maya@example.test","maya@home.test"]"#;
        assert_eq!(
            told,
            [
                ("cost_center", "CC-9"),
                ("department", "Platform"),
                ("email", "maya@example.test"),
                ("emails", emails),
                ("employee_number", "10442"),
                ("family_name", "Oduya"),
                ("given_name", "Maya"),
                ("locale", "de-DE"),
                ("manager", "m1"),
                ("name", "Maya Oduya"),
                ("phone_number", "+49 30 5550100"),
                ("preferred_language", "de-DE"),
                ("preferred_username", "maya.oduya@example.test"),
                ("title", "Engineer"),
            ]
            .map(|(name, value)| (name, value.to_owned()))
        );
    }

    #[test]
    fn a_mobile_phone_goes_first_and_the_rest_comes_from_its_own_property() {
        let mut user = maya();
        user["mobilePhone"] = "+49 170 5550100".into();
        user["companyName"] = "Acme".into();
        user["officeLocation"] = "B 12".into();
        user["employeeType"] = "Contractor".into();
        let user = of(&user, Place::Live);
        let told = |name: &str| user.text(name);
        assert_eq!(told("phone_number"), Some("+49 170 5550100"));
        assert_eq!(told("organization"), Some("Acme"));
        assert_eq!((told("office"), told("employee_type")), (Some("B 12"), Some("Contractor")));
    }

    #[test]
    fn extensions_are_within_reach_of_a_mapping_under_their_own_names() {
        let user = of(&maya(), Place::Live);
        assert_eq!(user.raw["onPremisesExtensionAttributes"].to_json(), json!({"extensionAttribute1": "CC-204"}));
        assert_eq!(user.raw["extension_4b1c0d2e3f405162738495a6b7c8d9e0_badge"], "teal".into());
        assert!(!user.raw.contains_key("@odata.type") && !user.raw.contains_key("mobilePhone"));
    }

    #[test]
    fn the_address_of_somebody_without_mail_is_another_one_but_never_a_made_up_name() {
        let mut user = maya();
        user["mail"] = Json::Null;
        assert_eq!(of(&user, Place::Live).text(attribute::EMAIL), Some("maya@home.test"));
        user["otherMails"] = json!([]);
        assert_eq!(of(&user, Place::Live).text(attribute::EMAIL), Some("maya.oduya@example.test"));
        user["userPrincipalName"] = "li.wen_partner.test#EXT#@exampletest.onmicrosoft.com".into();
        assert_eq!(of(&user, Place::Live).text(attribute::EMAIL), None);
    }

    #[test]
    fn an_account_that_is_not_said_to_be_enabled_or_disabled_is_neither() {
        let mut user = maya();
        user["accountEnabled"] = false.into();
        assert_eq!(of(&user, Place::Live).status, Status::Inactive(InactiveReason::Disabled));
        for value in [Json::Null, "true".into(), 1.into()] {
            user["accountEnabled"] = value;
            assert!(matches!(of(&user, Place::Live).status, Status::Unknown(_)));
        }
    }

    #[test]
    fn a_deleted_user_keeps_his_name_without_the_mark_of_deletion() {
        let mut user = maya();
        user["userPrincipalName"] = "6f1f2b9e52b04c2f9b0d6f5f6f0a1c11maya.oduya@example.test".into();
        user["deletedDateTime"] = "2026-11-20T00:00:00Z".into();
        let deleted = of(&user, Place::Deleted);
        assert_eq!(deleted.login, "maya.oduya@example.test");
        assert_eq!(deleted.status, Status::Inactive(InactiveReason::Deleted));
        assert_eq!(deleted.raw_status, "deletedDateTime=2026-11-20T00:00:00Z");
        assert!(of(&user, Place::Live).login.starts_with("6f1f"), "only deletion puts a mark there");
        user["userPrincipalName"] = "ü".into();
        assert_eq!(of(&user, Place::Deleted).login, "ü");
    }

    #[test]
    fn guests_are_told_by_their_type_alone() {
        let (guest, none) = (json!({"userType": "Guest"}), json!({"userType": null, "userPrincipalName": "a#EXT#@b"}));
        let told = |rule| [admitted(&guest, rule), admitted(&none, rule), admitted(&maya(), rule)];
        assert_eq!(told(Guests::Include), [true, true, true]);
        assert_eq!(told(Guests::Exclude), [false, true, true]);
        assert_eq!(told(Guests::Only), [true, false, false]);
    }

    #[test]
    fn app_roles_are_within_reach_of_a_mapping() {
        let as_editor = Assignment::As { roles: ["editor".to_owned()].into(), through: ["eng".to_owned()].into() };
        let user = read(DirectoryId::new(ID).unwrap(), &maya(), Place::Live, &as_editor);
        assert_eq!(user.raw["app"].to_json(), json!({"roles": ["editor"], "groups": ["eng"]}));
        assert_eq!(user.assigned, Some(true));
    }
}
