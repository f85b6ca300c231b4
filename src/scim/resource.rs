//! Reading what a target sends, leniently: users, groups and lists of them.
//!
//! The JSON is kept as it came. A model of ours would drop what it does not know, and a later PUT would then wipe it.
//! Names are compared without regard to case (RFC 7643, section 2.1), and truth values may come as text.

use serde_json::{Map, Value as Json};

/// The schema of users.
pub(super) const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";

/// One user or group, with everything that the target said about it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Resource(Map<String, Json>);

impl Resource {
    /// Takes a JSON object; anything else is no resource. An error message is an object too, but no resource.
    pub(super) fn new(json: Json) -> Option<Self> {
        match json {
            Json::Object(members) if !is_message(&members) => Some(Self(members)),
            _ => None,
        }
    }

    /// The members, to be changed and sent back.
    pub(super) fn into_members(self) -> Map<String, Json> {
        self.0
    }

    /// One attribute; null and absence are the same.
    pub(super) fn get(&self, name: &str) -> Option<&Json> {
        member(&self.0, name)
    }

    /// One attribute as text; blank text is none.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        self.get(name).and_then(Json::as_str).filter(|text| !text.trim().is_empty())
    }

    /// The target's id. A number counts: some targets show their database keys.
    pub(super) fn id(&self) -> Option<String> {
        match self.get("id")? {
            Json::String(id) if is_id(id) => Some(id.clone()),
            Json::Number(id) => Some(id.to_string()),
            _ => None,
        }
    }

    /// Whether the account is active, if the target says so.
    pub(super) fn active(&self) -> Option<bool> {
        self.get("active").and_then(truth)
    }

    /// The entries of a multi-valued attribute; none if it is absent.
    pub(super) fn list(&self, name: &str) -> &[Json] {
        match self.get(name) {
            Some(Json::Array(entries)) => entries,
            Some(single) => std::slice::from_ref(single),
            None => &[],
        }
    }

    /// Every text under an attribute by its name (RFC 7644, section 3.10): `userType`, `name.familyName`, or with the
    /// URN of its schema before it. Of a multi-valued or complex one without a part, the `value`s.
    pub(super) fn texts(&self, name: &str) -> Vec<String> {
        let mut found = Vec::new();
        let (schema, path) = name.rsplit_once(':').unwrap_or(("", name));
        let path: Vec<&str> = path.split('.').collect();
        match self.get(schema) {
            Some(extension) if !schema.is_empty() => collect(extension, &path, &mut found),
            _ => {
                if let Some(value) = path.first().filter(|_| is_core(schema)).and_then(|first| self.get(first)) {
                    collect(value, &path[1..], &mut found);
                }
            }
        }
        found
    }

    /// The `value`s of a multi-valued attribute.
    pub(super) fn values(&self, name: &str) -> Vec<&str> {
        self.list(name).iter().filter_map(entry_value).collect()
    }
}

/// What stands below a value at the path that is left of a name; a multi-valued attribute has it in each entry.
fn collect(json: &Json, path: &[&str], into: &mut Vec<String>) {
    match (json, path) {
        (Json::Array(entries), _) => entries.iter().for_each(|entry| collect(entry, path, into)),
        (Json::Object(members), [first, rest @ ..]) => {
            if let Some(found) = member(members, first) {
                collect(found, rest, into);
            }
        }
        (Json::Object(members), []) => into.extend(member(members, "value").and_then(plain)),
        (value, []) => into.extend(plain(value)),
        (_, [_, ..]) => {}
    }
}

/// A value that is no structure, as text.
fn plain(value: &Json) -> Option<String> {
    match value {
        Json::String(text) => Some(text.clone()),
        Json::Number(number) => Some(number.to_string()),
        Json::Bool(truth) => Some(truth.to_string()),
        Json::Null | Json::Array(_) | Json::Object(_) => None,
    }
}

/// Whether a text can be an id. What a URL reads as another place ("..") cannot: it would make of the deletion of a
/// user one of `/Users`.
pub(super) fn is_id(text: &str) -> bool {
    !matches!(text.trim(), "" | "." | "..")
}

/// The `value` of one entry of a multi-valued attribute. Some targets list plain strings.
pub(super) fn entry_value(entry: &Json) -> Option<&str> {
    match entry {
        Json::String(text) => Some(text),
        Json::Object(members) => member(members, "value").and_then(Json::as_str),
        _ => None,
    }
}

/// A member of an object by its name in any case; null is absence.
pub(super) fn member<'a>(members: &'a Map<String, Json>, name: &str) -> Option<&'a Json> {
    members
        .get(name)
        .or_else(|| members.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value))
        .filter(|value| !value.is_null())
}

/// The name under which an object spells a member, or the name that was asked for.
pub(super) fn spelling(members: &Map<String, Json>, name: &str) -> String {
    members.keys().find(|key| key.eq_ignore_ascii_case(name)).cloned().unwrap_or_else(|| name.to_owned())
}

/// A truth value, as JSON has it or as text ("True").
pub(super) fn truth(json: &Json) -> Option<bool> {
    match json {
        Json::Bool(value) => Some(*value),
        Json::String(text) if text.eq_ignore_ascii_case("true") => Some(true),
        Json::String(text) if text.eq_ignore_ascii_case("false") => Some(false),
        _ => None,
    }
}

/// Whether an object is a message of the protocol (an error, a list) and not a resource.
fn is_message(members: &Map<String, Json>) -> bool {
    member(members, "schemas").and_then(Json::as_array).is_some_and(|schemas| {
        schemas.iter().filter_map(Json::as_str).any(|urn| urn.starts_with("urn:ietf:params:scim:api:messages:"))
    })
}

/// One page of a list.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Page {
    /// What is on it.
    pub(super) resources: Vec<Resource>,
    /// How many there are in all, if the target says so. Some say the size of the page.
    pub(super) total: Option<usize>,
    /// Where the next page is, with cursor paging (RFC 9865).
    pub(super) next_cursor: Option<String>,
}

impl Page {
    /// Reads a list response; the reason if it is none. A list without `Resources` is empty: RFC 7644 lets a target
    /// leave the member out when there is nothing to show.
    pub(super) fn read(json: &Json) -> Result<Self, String> {
        let Json::Object(members) = json else {
            return Err("it is not a JSON object".to_owned());
        };
        let total = member(members, "totalResults").and_then(number);
        let resources = match member(members, "Resources") {
            None if total.is_none() => return Err("it has neither Resources nor totalResults".to_owned()),
            None => Vec::new(),
            Some(Json::Array(resources)) => resources
                .iter()
                .map(|json| Resource::new(json.clone()).filter(|resource| resource.id().is_some()))
                .collect::<Option<_>>()
                .ok_or("it lists something that has no id")?,
            Some(_) => return Err("its Resources are not a list".to_owned()),
        };
        let next_cursor = member(members, "nextCursor").and_then(Json::as_str).filter(|cursor| !cursor.is_empty());
        Ok(Self { resources, total, next_cursor: next_cursor.map(str::to_owned) })
    }
}

/// A count, as a number or as its text.
pub(super) fn number(json: &Json) -> Option<usize> {
    match json {
        Json::Number(number) => number.as_u64().and_then(|number| usize::try_from(number).ok()),
        Json::String(text) => text.trim().parse().ok(),
        _ => None,
    }
}

/// Whether attributes of this schema stand in the user itself.
fn is_core(schema: &str) -> bool {
    schema.is_empty() || schema.eq_ignore_ascii_case(USER)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_text_under_the_name_of_an_attribute_is_found() {
        let urn = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
        let user = Resource::new(json!({
            "id": "7", "usertype": "Service", "name": {"familyName": "King"}, "title": null,
            "roles": [{"value": "admin", "display": "Administrator"}, "editor"],
            urn: {"department": "IT", "manager": {"value": "9"}},
        }))
        .unwrap();
        assert_eq!(user.texts("userType"), ["Service"]);
        assert_eq!(user.texts("urn:ietf:params:scim:schemas:core:2.0:User:userType"), ["Service"]);
        assert_eq!(user.texts("name.familyName"), ["King"]);
        assert_eq!(user.texts("roles"), ["admin", "editor"]);
        assert_eq!(user.texts("roles.display"), ["Administrator"]);
        assert_eq!(user.texts(&format!("{urn}:department")), ["IT"]);
        assert_eq!(user.texts(&format!("{urn}:manager")), ["9"]);
        assert_eq!(user.texts("urn:other:userType"), Vec::<String>::new(), "another schema's attribute is another");
        assert_eq!(user.texts("title"), Vec::<String>::new());
    }

    #[test]
    fn names_are_found_in_any_case_and_null_is_absence() {
        let user = Resource::new(json!({"ID": 7, "UserName": "ann", "externalId": null, "active": "False"})).unwrap();
        assert_eq!(user.id().as_deref(), Some("7"));
        assert_eq!(user.text("userName"), Some("ann"));
        assert_eq!(user.text("externalId"), None);
        assert_eq!(user.active(), Some(false));
    }

    #[test]
    fn an_error_message_is_not_a_resource() {
        assert_eq!(
            Resource::new(json!({"schemas": ["urn:ietf:params:scim:api:messages:2.0:Error"], "status": 409})),
            None
        );
    }

    #[test]
    fn roles_may_be_plain_strings() {
        let user = Resource::new(json!({"id": "1", "roles": ["admin", {"value": "editor"}]})).unwrap();
        assert_eq!(user.values("roles"), ["admin", "editor"]);
    }

    #[test]
    fn a_list_without_resources_is_empty_only_if_it_is_a_list() {
        assert_eq!(Page::read(&json!({"totalResults": 0})).unwrap().resources, []);
        assert!(Page::read(&json!({"message": "hello"})).is_err());
        assert!(Page::read(&json!({"totalResults": 1, "Resources": [{"userName": "ann"}]})).is_err());
    }
}
