//! From Okta's user object to a [`DirectoryUser`].

use std::collections::BTreeMap;

use rollcall_kit::{Attributes, rest};
use rollcall_kit::{DirectoryId, DirectoryUser, Entry, Unreadable, Value, attribute};
use serde_json::{Map, Value as Json};

use crate::lifecycle::{Reading, status};

/// What is kept of a user object beside its profile. Left out is what changes with every sign-in (`lastLogin`,
/// `passwordChanged`), what not every list holds (`credentials`) and what is no data (`_links`).
const KEPT: [&str; 8] =
    ["status", "created", "activated", "statusChanged", "lastUpdated", "type", "realmId", "profile"];

/// Which fields of the profile each of our attributes comes from, in order of preference.
const NAMES: [(&str, &[&str]); 15] = [
    (attribute::EMAIL, &["email"]),
    (attribute::PREFERRED_USERNAME, &["login"]),
    (attribute::NAME, &["displayName"]),
    (attribute::GIVEN_NAME, &["firstName"]),
    (attribute::FAMILY_NAME, &["lastName"]),
    (attribute::PHONE_NUMBER, &["mobilePhone", "primaryPhone"]),
    (attribute::LOCALE, &["locale", "preferredLanguage"]),
    ("preferred_language", &["preferredLanguage"]),
    ("department", &["department"]),
    ("title", &["title"]),
    ("employee_number", &["employeeNumber"]),
    ("employee_type", &["userType"]),
    ("organization", &["organization"]),
    ("cost_center", &["costCenter"]),
    ("manager", &["manager", "managerId"]),
];

/// Reads user objects by one set of rules.
pub(crate) struct People<'a> {
    /// What statuses mean instead of what they mean.
    pub(crate) statuses: &'a BTreeMap<String, Reading>,
}

/// What is known of a user's assignment to the application.
pub(crate) enum Assignment<'a> {
    /// Nobody asked.
    Unknown,
    /// They are not assigned.
    None,
    /// They are; this is the application's own object about them.
    As(&'a Json),
}

impl People<'_> {
    /// Reads a user object; one that cannot be understood is held as they are.
    pub(crate) fn read(&self, id: &str, user: &Json, assignment: &Assignment<'_>) -> Option<Entry> {
        let id = DirectoryId::new(id)?;
        let Some(profile) = user.get("profile").and_then(Json::as_object) else {
            let (label, problem) = (id.to_string(), "Okta's answer holds no profile".to_owned());
            return Some(Entry::Unreadable(Unreadable { id, label, problem }));
        };
        let word = user.get("status").and_then(Json::as_str);
        let mut raw: Attributes =
            KEPT.iter().filter_map(|name| Some((*name, Value::from_json(user.get(*name)?)?))).collect();
        if let Assignment::As(app) = assignment {
            raw.extend(application(app).map(|app| ("app", app)));
        }
        Some(Entry::User(Box::new(DirectoryUser {
            login: text(profile, "login").unwrap_or_default(),
            status: status(word, self.statuses),
            raw_status: word.map(|word| format!("status={word}")).unwrap_or_default(),
            place: None,
            assigned: match assignment {
                Assignment::Unknown => None,
                Assignment::None => Some(false),
                Assignment::As(_) => Some(true),
            },
            profile: attributes(profile),
            raw,
            id,
        })))
    }
}

/// The application's own view of a user, which a mapping reaches as `user.raw.app`. Its status tells of provisioning to
/// the application and not whether the user may work.
fn application(app: &Json) -> Option<Value> {
    let mut kept = Map::new();
    for name in ["profile", "scope", "status", "externalId"] {
        kept.extend(app.get(name).map(|value| (name.to_owned(), value.clone())));
    }
    kept.extend(app.pointer("/credentials/userName").map(|name| ("userName".to_owned(), name.clone())));
    Value::from_json(&Json::Object(kept))
}

/// Our attributes.
fn attributes(profile: &Map<String, Json>) -> Attributes {
    let mut attributes = Attributes::with_capacity(NAMES.len() + 1);
    for (ours, names) in NAMES {
        let value = names.iter().find_map(|name| text(profile, name));
        attributes.extend(value.map(|value| (ours, Value::Text(value))));
    }
    if let Some(Value::Text(locale)) = attributes.get_mut(attribute::LOCALE) {
        // Okta writes `en_US` where a language tag (RFC 5646) is `en-US`.
        *locale = locale.replace('_', "-");
    }
    if !attributes.contains_key(attribute::NAME) {
        let parts: Vec<String> = ["firstName", "lastName"].iter().filter_map(|name| text(profile, name)).collect();
        if !parts.is_empty() {
            attributes.insert(attribute::NAME, parts.join(" ").into());
        }
    }
    let mut emails: Vec<String> = ["email", "secondEmail"].iter().filter_map(|name| text(profile, name)).collect();
    emails.sort_unstable();
    emails.dedup();
    if !emails.is_empty() {
        attributes.insert("emails", Value::List(emails.into_iter().map(Value::Text).collect()));
    }
    attributes
}

/// A field of the profile that is one value, as text; null, blank and lists are none.
pub(crate) fn text(profile: &Map<String, Json>, name: &str) -> Option<String> {
    rest::text(profile.get(name)?)
}

#[cfg(test)]
mod tests {
    use rollcall_kit::Status;
    use serde_json::json;

    use super::*;

    fn read(user: &Json, assignment: &Assignment<'_>) -> DirectoryUser {
        let statuses = BTreeMap::new();
        match (People { statuses: &statuses }).read("00u1", user, assignment) {
            Some(Entry::User(user)) => *user,
            other => panic!("{other:?}"),
        }
    }

    fn maya() -> Json {
        json!({
            "id": "00u1", "status": "ACTIVE", "created": "2025-01-14T09:12:33.000Z", "activated": null,
            "lastLogin": "2026-11-20T07:41:10.000Z", "passwordChanged": null, "type": {"id": "oty1"},
            "credentials": {"password": {}, "provider": {"type": "OKTA"}},
            "_links": {"self": {"href": "https://acme.okta.com/api/v1/users/00u1"}},
            "profile": {
                "firstName": "Maya", "lastName": "Oduya", "displayName": "Maya O.", "login": "maya.oduya",
                "email": "maya@example.test", "secondEmail": null, "mobilePhone": null, "primaryPhone": "+49 30 5550100",
                "locale": "de_DE", "preferredLanguage": "de", "title": "Engineer", "department": "Platform",
                "employeeNumber": 10442, "managerId": "10007", "userType": " ",
                "badgeColor": "teal", "sites": ["BER", "MUC"], "level": 3, "rate": 1.5, "remote": true, "gone": null
            }
        })
    }

    #[test]
    fn each_attribute_comes_from_its_documented_field() {
        let user = read(&maya(), &Assignment::Unknown);
        assert_eq!((user.login.as_str(), &user.status), ("maya.oduya", &Status::Active));
        assert_eq!((user.raw_status.as_str(), user.assigned), ("status=ACTIVE", None));
        let told: Vec<(&str, String)> = user.profile.iter().map(|(name, value)| (&**name, value.to_string())).collect();
        assert_eq!(
            told,
            [
                ("department", "Platform"),
                ("email", "maya@example.test"),
                ("emails", r#"["maya@example.test"]"#),
                ("employee_number", "10442"),
                ("family_name", "Oduya"),
                ("given_name", "Maya"),
                ("locale", "de-DE"),
                ("manager", "10007"),
                ("name", "Maya O."),
                ("phone_number", "+49 30 5550100"),
                ("preferred_language", "de"),
                ("preferred_username", "maya.oduya"),
                ("title", "Engineer"),
            ]
            .map(|(name, value)| (name, value.to_owned()))
        );
    }

    #[test]
    fn what_comes_second_is_taken_where_the_first_is_missing_and_the_rest_from_its_own_field() {
        let profile = json!({
            "primaryPhone": "+49 30 5550199", "preferredLanguage": "fr", "manager": "Ines Falk", "managerId": "10007",
            "organization": "Acme", "costCenter": "CC-9", "userType": "staff", "secondEmail": "maya@home.test"
        });
        let user = read(&json!({"id": "00u1", "status": "ACTIVE", "profile": profile}), &Assignment::Unknown);
        let told: Vec<(&str, String)> = user.profile.iter().map(|(name, value)| (&**name, value.to_string())).collect();
        assert_eq!(
            told,
            [
                ("cost_center", "CC-9"),
                ("emails", r#"["maya@home.test"]"#),
                ("employee_type", "staff"),
                ("locale", "fr"),
                ("manager", "Ines Falk"),
                ("organization", "Acme"),
                ("phone_number", "+49 30 5550199"),
                ("preferred_language", "fr"),
            ]
            .map(|(name, value)| (name, value.to_owned()))
        );
    }

    #[test]
    fn custom_attributes_of_every_type_stay_what_they_are() {
        let user = read(&maya(), &Assignment::Unknown);
        let Some(Value::Map(profile)) = user.raw.get("profile") else { panic!("{:?}", user.raw) };
        assert_eq!(profile["badgeColor"], "teal".into());
        assert_eq!(profile["sites"], Value::List(vec!["BER".into(), "MUC".into()]));
        assert_eq!((&profile["level"], &profile["remote"]), (&Value::Int(3), &Value::Bool(true)));
        assert_eq!(profile["rate"], "1.5".into(), "not rounded");
        assert!(!profile.contains_key("gone"));
    }

    #[test]
    fn what_changes_with_every_sign_in_or_is_secret_is_not_kept() {
        let names: Vec<String> = read(&maya(), &Assignment::Unknown).raw.keys().map(ToString::to_string).collect();
        assert_eq!(names, ["created", "profile", "status", "type"]);
    }

    #[test]
    fn a_name_is_put_together_where_none_is_shown() {
        let mut user = maya();
        user["profile"]["displayName"] = Json::Null;
        assert_eq!(read(&user, &Assignment::Unknown).text(attribute::NAME), Some("Maya Oduya"));
        user["profile"]["firstName"] = Json::Null;
        assert_eq!(read(&user, &Assignment::Unknown).text(attribute::NAME), Some("Oduya"));
        user["profile"]["lastName"] = "  ".into();
        assert_eq!(read(&user, &Assignment::Unknown).text(attribute::NAME), None);
    }

    #[test]
    fn the_applications_profile_is_within_reach_of_a_mapping() {
        let app = json!({
            "id": "00u1", "externalId": null, "scope": "GROUP", "status": "PROVISIONED", "syncState": "DISABLED",
            "credentials": {"userName": "maya@app"}, "profile": {"role": "editor", "teams": ["a"]}
        });
        let user = read(&maya(), &Assignment::As(&app));
        assert_eq!((user.assigned, &user.status), (Some(true), &Status::Active));
        assert_eq!(
            user.raw["app"].to_json(),
            json!({"scope": "GROUP", "status": "PROVISIONED", "userName": "maya@app",
                "profile": {"role": "editor", "teams": ["a"]}})
        );
        assert_eq!(read(&maya(), &Assignment::None).assigned, Some(false));
    }

    #[test]
    fn nulls_where_text_should_be_are_no_text_and_a_lost_status_holds() {
        let user =
            json!({"status": null, "profile": {"login": null, "email": null, "firstName": ["a"], "lastName": {}}});
        let user = read(&user, &Assignment::Unknown);
        assert!(matches!(user.status, Status::Unknown(_)));
        assert!(user.profile.is_empty() && user.login.is_empty(), "{user:?}");
    }

    #[test]
    fn a_user_without_a_profile_is_held_and_named() {
        let statuses = BTreeMap::new();
        for user in [json!({"status": "ACTIVE"}), json!({"profile": null}), json!({"profile": []})] {
            let entry = (People { statuses: &statuses }).read("00u1", &user, &Assignment::Unknown);
            assert!(matches!(entry, Some(Entry::Unreadable(_))), "{entry:?}");
        }
    }
}
