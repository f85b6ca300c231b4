//! From Google's user object to a [`DirectoryUser`].

use rollcall_kit::rest::text as value_text;
use rollcall_kit::{Attributes, Container, DirectoryId, DirectoryUser, InactiveReason, Status, Value, attribute};
use serde_json::Value as Json;

use crate::settings::GoogleSettings;

/// Fields of users that are asked for. Left out is what changes with every sign-in (`lastLoginTime`), what is private
/// (`recoveryEmail`, `recoveryPhone`, `addresses`) and what no application needs (keys, mailbox settings);
/// `extra_fields` adds to them.
const FIELDS: [&str; 28] = [
    "id",
    "etag",
    "primaryEmail",
    "name",
    "suspended",
    "suspensionReason",
    "archived",
    "deletionTime",
    "creationTime",
    "emails",
    "aliases",
    "nonEditableAliases",
    "phones",
    "languages",
    "externalIds",
    "relations",
    "organizations",
    "locations",
    "keywords",
    "customSchemas",
    "customerId",
    "orgUnitPath",
    "isAdmin",
    "isDelegatedAdmin",
    "isGuestUser",
    "agreedToTerms",
    "includeInGlobalAddressList",
    "thumbnailPhotoUrl",
];

/// Fields that are asked for and not kept: they say nothing about the person.
const NOT_KEPT: [&str; 4] = ["id", "etag", "kind", "customerId"];

/// The kinds of telephones that are an organisation's business, in order of preference; whose own comes last.
const PHONES: [&str; 4] = ["work_mobile", "mobile", "work", "main"];

/// What Google writes where one part of a name is not there.
const NO_NAME: char = '\u{200b}';

/// Where a user object comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// The directory.
    Live,
    /// What was deleted within the last twenty days, from which it can be restored under the same id.
    Deleted,
}

/// The names of the fields of a user, for a request.
pub(crate) fn fields(settings: &GoogleSettings) -> String {
    let mut names: Vec<&str> = FIELDS.to_vec();
    names.extend(settings.extra_fields.iter().map(String::as_str).filter(|name| !FIELDS.contains(name)));
    names.join(",")
}

/// Reads a user object.
pub(crate) fn read(id: DirectoryId, user: &Json, place: Place) -> DirectoryUser {
    let (status, raw_status) = status(user, place);
    let mut raw = Attributes::new();
    for (name, value) in user.as_object().into_iter().flatten() {
        if !NOT_KEPT.contains(&&**name) {
            raw.extend(Value::from_json(value).map(|value| (name.clone(), value)));
        }
    }
    DirectoryUser {
        login: text(user, "/primaryEmail").unwrap_or_default(),
        status,
        raw_status,
        place: text(user, "/orgUnitPath").map(Container::new),
        assigned: None,
        profile: attributes(user),
        raw,
        id,
    }
}

/// Our reading of whether they may work, and Google's words for it. Suspended or archived is each enough for no; for yes
/// both must be denied. What is not there was not read, and says neither.
fn status(user: &Json, place: Place) -> (Status, String) {
    let deleted = text(user, "/deletionTime");
    if place == Place::Deleted || deleted.is_some() {
        let since = deleted.unwrap_or_else(|| "unknown".to_owned());
        return (Status::Inactive(InactiveReason::Deleted), format!("deletionTime={since}"));
    }
    let told = |name: &str| user.get(name).and_then(Json::as_bool);
    match (told("suspended"), told("archived")) {
        (Some(true), _) => {
            let reason = text(user, "/suspensionReason").map(|reason| format!(" suspensionReason={reason}"));
            let words = format!("suspended=true{}", reason.unwrap_or_default());
            (Status::Inactive(InactiveReason::Suspended), words)
        }
        (_, Some(true)) => (Status::Inactive(InactiveReason::Archived), "archived=true".to_owned()),
        (Some(false), Some(false)) => (Status::Active, "suspended=false archived=false".to_owned()),
        (suspended, archived) => {
            let word = |told: Option<bool>| told.map_or_else(|| "missing".to_owned(), |told| told.to_string());
            let words = format!("suspended={} archived={}", word(suspended), word(archived));
            (Status::Unknown("Google does not say whether the user is suspended or archived".to_owned()), words)
        }
    }
}

/// Our attributes.
fn attributes(user: &Json) -> Attributes {
    let organization = preferred(user, "organizations", |_| false);
    let phone = preferred(user, "phones", |_| false).filter(|phone| is_primary(phone));
    let phone = phone.or_else(|| PHONES.iter().find_map(|kind| of_type(user, "phones", kind)));
    let language = preferred(user, "languages", |language| language["preference"] == "preferred");
    let of = |object: Option<&Json>, name: &str| object.and_then(|object| value_text(object.get(name)?));
    let code = of(language, "languageCode");
    let parts = [named(user, "givenName"), named(user, "familyName")];
    let joined = parts.iter().flatten().cloned().collect::<Vec<_>>().join(" ");
    let shown = named(user, "displayName").or_else(|| named(user, "fullName"));
    let [given, family] = parts;
    let told = [
        (attribute::EMAIL, text(user, "/primaryEmail")),
        (attribute::PREFERRED_USERNAME, text(user, "/primaryEmail")),
        (attribute::NAME, shown.or(Some(joined)).filter(|name| !name.is_empty())),
        (attribute::GIVEN_NAME, given),
        (attribute::FAMILY_NAME, family),
        (attribute::PICTURE, text(user, "/thumbnailPhotoUrl")),
        (attribute::PHONE_NUMBER, of(phone, "value")),
        (attribute::LOCALE, code.clone()),
        ("preferred_language", code.or_else(|| of(language, "customLanguage"))),
        ("department", of(organization, "department")),
        ("title", of(organization, "title")),
        ("organization", of(organization, "name")),
        ("cost_center", of(organization, "costCenter")),
        ("employee_type", of(organization, "description")),
        ("employee_number", of(of_type(user, "externalIds", "organization"), "value")),
        ("manager", of(of_type(user, "relations", "manager"), "value")),
        ("office", of(preferred(user, "locations", |_| false), "buildingId")),
    ];
    let mut attributes: Attributes =
        told.into_iter().filter_map(|(name, text)| Some((name, Value::Text(text?)))).collect();
    let mut emails: Vec<String> = text(user, "/primaryEmail").into_iter().collect();
    emails.extend(rows(user, "aliases").iter().filter_map(value_text));
    emails.sort_unstable();
    emails.dedup();
    if !emails.is_empty() {
        attributes.insert("emails", Value::List(emails.into_iter().map(Value::Text).collect()));
    }
    attributes
}

/// A part of the name. Who has one name only has a space without width for the other.
fn named(user: &Json, part: &str) -> Option<String> {
    let text = text(user, &format!("/name/{part}"))?.replace(NO_NAME, "");
    let text = text.trim();
    (!text.is_empty()).then(|| text.to_owned())
}

/// The objects of a field that holds several; some of them were once written as one object.
fn rows<'a>(user: &'a Json, field: &str) -> &'a [Json] {
    match user.get(field) {
        Some(Json::Array(rows)) => rows,
        Some(Json::Null) | None => &[],
        Some(single) => std::slice::from_ref(single),
    }
}

fn is_primary(object: &Json) -> bool {
    object["primary"] == true
}

/// The one that is marked: by `mark`, else as primary; else the first.
fn preferred<'a>(user: &'a Json, field: &str, mark: impl Fn(&Json) -> bool) -> Option<&'a Json> {
    let rows = rows(user, field);
    let marked = rows.iter().find(|row| mark(row)).or_else(|| rows.iter().find(|row| is_primary(row)));
    marked.or(rows.first())
}

/// The first of a type.
fn of_type<'a>(user: &'a Json, field: &str, kind: &str) -> Option<&'a Json> {
    rows(user, field).iter().find(|row| row["type"] == kind)
}

/// A field that is one value, as text.
pub(crate) fn text(json: &Json, pointer: &str) -> Option<String> {
    value_text(json.pointer(pointer)?)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn read_live(user: &Json) -> DirectoryUser {
        read(DirectoryId::new("1").unwrap(), user, Place::Live)
    }

    fn maya() -> Json {
        json!({
            "id": "104738291046372819405", "etag": "\"k1/u1\"", "primaryEmail": "maya@example.test",
            "name": {"givenName": "Maya", "familyName": "Oduya", "fullName": "Maya Oduya"},
            "suspended": false, "archived": false, "customerId": "C03az79cb", "orgUnitPath": "/Engineering",
            "emails": [{"address": "maya@home.test", "type": "home"}, {"address": "maya@example.test", "primary": true}],
            "aliases": ["maya.oduya@example.test"], "nonEditableAliases": ["maya@example.test.test-google-a.com"],
            "phones": [{"value": "+49 1", "type": "home"}, {"value": "+49 30 5550101", "type": "mobile"}],
            "languages": [{"languageCode": "en"}, {"languageCode": "de", "preference": "preferred"}],
            "externalIds": [{"value": "x", "type": "account"}, {"value": "10442", "type": "organization"}],
            "relations": [{"value": "ines.falk@example.test", "type": "manager"}],
            "organizations": [{"title": "Old"}, {"title": "Engineer", "primary": true, "department": "Platform",
                "costCenter": "CC-204", "description": "Contractor", "name": "Example"}],
            "locations": [{"buildingId": "BER-1", "type": "desk"}],
            "thumbnailPhotoUrl": "https://lh3.googleusercontent.com/a-/x=s96-c",
            "customSchemas": {"HR": {"badgeColor": "teal", "level": 3, "sites": [{"value": "BER"}, {"value": "MUC"}]}},
        })
    }

    #[test]
    fn each_attribute_comes_from_its_documented_field() {
        let user = read_live(&maya());
        assert_eq!((user.login.as_str(), &user.status), ("maya@example.test", &Status::Active));
        assert_eq!(user.place.as_ref().map(Container::as_str), Some("/Engineering"));
        let told: Vec<(&str, String)> = user.profile.iter().map(|(name, value)| (&**name, value.to_string())).collect();
        assert_eq!(
            told,
            [
                ("cost_center", "CC-204"),
                ("department", "Platform"),
                ("email", "maya@example.test"),
                ("emails", r#"["maya.oduya@example.test","maya@example.test"]"#),
                ("employee_number", "10442"),
                ("employee_type", "Contractor"),
                ("family_name", "Oduya"),
                ("given_name", "Maya"),
                ("locale", "de"),
                ("manager", "ines.falk@example.test"),
                ("name", "Maya Oduya"),
                ("office", "BER-1"),
                ("organization", "Example"),
                ("phone_number", "+49 30 5550101"),
                ("picture", "https://lh3.googleusercontent.com/a-/x=s96-c"),
                ("preferred_language", "de"),
                ("preferred_username", "maya@example.test"),
                ("title", "Engineer"),
            ]
            .map(|(name, value)| (name, value.to_owned()))
        );
        let Some(Value::Map(schemas)) = user.raw.get("customSchemas") else { panic!("{:?}", user.raw) };
        let expected = json!({"badgeColor": "teal", "level": 3, "sites": [{"value": "BER"}, {"value": "MUC"}]});
        assert_eq!(schemas["HR"].to_json(), expected);
        assert!(!user.raw.contains_key("etag") && !user.raw.contains_key("id"));
    }

    #[test]
    fn active_is_only_who_is_said_to_be_neither_suspended_nor_archived() {
        for (told, expected) in [
            (json!({"suspended": false, "archived": false}), Some(None)),
            (json!({"suspended": true, "archived": false}), Some(Some(InactiveReason::Suspended))),
            (json!({"suspended": true, "archived": true}), Some(Some(InactiveReason::Suspended))),
            (json!({"suspended": false, "archived": true}), Some(Some(InactiveReason::Archived))),
            (json!({"suspended": true}), Some(Some(InactiveReason::Suspended))),
            (json!({"archived": true}), Some(Some(InactiveReason::Archived))),
            (
                json!({"suspended": false, "archived": false, "deletionTime": "2026-11-20T07:41:10.000Z"}),
                Some(Some(InactiveReason::Deleted)),
            ),
            (json!({"suspended": false}), None),
            (json!({"archived": false}), None),
            (json!({"suspended": null, "archived": false}), None),
            (json!({"suspended": "false", "archived": "false"}), None),
            (json!({}), None),
        ] {
            let status = read_live(&told).status;
            match expected {
                Some(None) => assert_eq!(status, Status::Active, "{told}"),
                Some(Some(reason)) => assert_eq!(status, Status::Inactive(reason), "{told}"),
                None => assert!(matches!(status, Status::Unknown(_)), "{told}: {status:?}"),
            }
        }
        let abuse = json!({"suspended": true, "suspensionReason": "ABUSE", "archived": false});
        assert_eq!(read_live(&abuse).raw_status, "suspended=true suspensionReason=ABUSE");
        let deleted = read(DirectoryId::new("1").unwrap(), &json!({}), Place::Deleted);
        assert_eq!(deleted.status, Status::Inactive(InactiveReason::Deleted));
    }

    #[test]
    fn a_space_without_width_is_no_name() {
        let user = json!({"name": {"givenName": "Cher", "familyName": "\u{200b}", "fullName": "Cher \u{200b}"}});
        let user = read_live(&user);
        assert_eq!(user.text(attribute::NAME), Some("Cher"));
        assert_eq!(user.text(attribute::FAMILY_NAME), None);
        let user = read_live(&json!({"name": {"givenName": "Maya", "familyName": "Oduya"}}));
        assert_eq!(user.text(attribute::NAME), Some("Maya Oduya"), "put together where none is shown");
    }

    #[test]
    fn a_field_of_several_may_be_one_object_or_odd() {
        let user = read_live(&json!({"phones": {"value": "1", "type": "work"}, "organizations": {"title": "T"},
            "languages": "de", "aliases": null, "relations": [7, {"type": "manager"}]}));
        assert_eq!((user.text(attribute::PHONE_NUMBER), user.text("title")), (Some("1"), Some("T")));
        assert_eq!((user.text(attribute::LOCALE), user.text("manager")), (None, None));
    }

    #[test]
    fn a_private_telephone_is_nobodys_business() {
        let home = json!({"phones": [{"value": "1", "type": "home"}]});
        assert_eq!(read_live(&home).text(attribute::PHONE_NUMBER), None);
        let primary =
            json!({"phones": [{"value": "1", "type": "work"}, {"value": "2", "type": "custom", "primary": true}]});
        assert_eq!(read_live(&primary).text(attribute::PHONE_NUMBER), Some("2"));
    }

    #[test]
    fn every_field_that_decides_something_is_asked_for() {
        let settings: GoogleSettings =
            serde_json::from_value(json!({"extra_fields": ["recoveryEmail", "id"]})).unwrap();
        let fields = fields(&settings);
        let fields: Vec<&str> = fields.split(',').collect();
        for name in ["id", "primaryEmail", "suspended", "archived", "deletionTime", "orgUnitPath", "recoveryEmail"] {
            assert_eq!(fields.iter().filter(|field| **field == name).count(), 1, "{name}");
        }
    }
}
