//! Attribute paths (RFC 7644, section 3.10) and the one filter that every client uses, `attribute eq value`.

use serde_json::{Map, Value};

/// The schema of users.
pub(super) const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";

/// The schema of groups.
pub(super) const GROUP: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";

/// A comparison by equality.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Equals {
    /// What is compared.
    pub(super) path: AttributePath,
    /// What it has to be.
    pub(super) value: Value,
}

/// Where a value stands in a resource: `name.givenName`, `emails[type eq "work"].value`, an attribute behind the URN of
/// its schema.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct AttributePath {
    /// The extension's URN; none for the core schema.
    pub(super) schema: Option<String>,
    /// The attribute.
    pub(super) attribute: String,
    /// Which entries of a multi-valued attribute: a part of theirs, and its value.
    pub(super) entries: Option<(String, Value)>,
    /// The part of the attribute, or of its entries.
    pub(super) part: Option<String>,
}

impl Equals {
    /// Reads a filter; none if it is anything but a comparison by equality.
    pub(super) fn read(text: &str) -> Option<Self> {
        let (path, rest) = text.trim().split_once(char::is_whitespace)?;
        let (operator, value) = rest.trim_start().split_once(char::is_whitespace)?;
        if !operator.eq_ignore_ascii_case("eq") {
            return None;
        }
        Some(Self { path: AttributePath::read(path)?, value: serde_json::from_str(value.trim()).ok()? })
    }

    /// Whether a resource has this value. Only ids are compared with regard to case.
    pub(super) fn holds(&self, resource: &Map<String, Value>) -> bool {
        let exact = matches!(self.path.attribute.to_ascii_lowercase().as_str(), "id" | "externalid");
        let same = |value: &Value| match (value.as_str(), self.value.as_str()) {
            (Some(one), Some(other)) if !exact => one.to_lowercase() == other.to_lowercase(),
            _ => *value == self.value,
        };
        self.path.values(resource).into_iter().any(same)
    }

    /// The text, if this attribute is compared with one.
    pub(super) fn text_of(&self, path: &str) -> Option<&str> {
        let asked = match (&self.path.schema, &self.path.entries, &self.path.part) {
            (None, None, None) => self.path.attribute.to_ascii_lowercase(),
            (None, None, Some(part)) => format!("{}.{part}", self.path.attribute).to_ascii_lowercase(),
            _ => return None,
        };
        self.value.as_str().filter(|_| asked == path)
    }
}

impl AttributePath {
    /// Reads a path; none if it is none.
    pub(super) fn read(text: &str) -> Option<Self> {
        let text = text.trim();
        let (outer, rest) = match text.split_once('[') {
            Some((outer, rest)) => (outer, Some(rest)),
            None => (text, None),
        };
        let (schema, name) = match outer.rsplit_once(':') {
            Some((schema, name)) => (Some(schema.to_owned()), name),
            None => (None, outer),
        };
        let schema = schema.filter(|schema| ![USER, GROUP].iter().any(|core| core.eq_ignore_ascii_case(schema)));
        let (attribute, part) = match name.split_once('.') {
            Some((attribute, part)) => (attribute, Some(part.to_owned())),
            None => (name, None),
        };
        let mut path = Self { schema, attribute: attribute.to_owned(), entries: None, part };
        if let Some(rest) = rest {
            let (filter, part) = rest.rsplit_once(']')?;
            let Equals { path: inner, value } = Equals::read(filter)?;
            path.entries = Some((inner.attribute, value));
            path.part = part.strip_prefix('.').map(str::to_owned);
            if !part.is_empty() && path.part.is_none() {
                return None;
            }
        }
        let named =
            |name: &str| !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || "-_$".contains(c));
        (named(&path.attribute) && path.part.as_deref().is_none_or(named)).then_some(path)
    }

    /// Every value that stands there; of a multi-valued attribute without a part, the `value`s.
    pub(super) fn values<'a>(&self, resource: &'a Map<String, Value>) -> Vec<&'a Value> {
        let within = match &self.schema {
            Some(schema) => get(resource, schema).and_then(Value::as_object),
            None => Some(resource),
        };
        let Some(found) = within.and_then(|members| get(members, &self.attribute)) else { return Vec::new() };
        let entries = match found {
            Value::Array(entries) => entries.as_slice(),
            single => std::slice::from_ref(single),
        };
        let part = self.part.as_deref().unwrap_or("value");
        let of = |entry: &'a Value| match entry {
            Value::Object(members) => get(members, part),
            plain => Some(plain).filter(|_| self.part.is_none()),
        };
        entries.iter().filter(|entry| self.chooses(entry)).filter_map(of).collect()
    }

    /// Whether the path means this entry of a multi-valued attribute.
    pub(super) fn chooses(&self, entry: &Value) -> bool {
        let Some((part, value)) = &self.entries else { return true };
        match entry {
            Value::Object(members) => get(members, part) == Some(value),
            plain => part == "value" && plain == value,
        }
    }
}

/// A member of an object by its name in any case.
pub(super) fn get<'a>(members: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    members.get(name).or_else(|| members.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value))
}

/// The name under which an object has a member, or the one that was asked for.
pub(super) fn spelling(members: &Map<String, Value>, name: &str) -> String {
    if members.contains_key(name) {
        return name.to_owned();
    }
    members.keys().find(|key| key.eq_ignore_ascii_case(name)).cloned().unwrap_or_else(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn paths_of_every_shape_are_read() {
        let path = AttributePath::read("emails[type eq \"work\"].value").unwrap();
        assert_eq!((path.attribute.as_str(), path.part.as_deref()), ("emails", Some("value")));
        assert_eq!(path.entries, Some(("type".to_owned(), json!("work"))));
        let path =
            AttributePath::read("urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department").unwrap();
        assert_eq!(path.schema.as_deref(), Some("urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"));
        assert_eq!(path.attribute, "department");
        assert_eq!(AttributePath::read(&format!("{USER}:userName")).unwrap().schema, None);
        for odd in ["", "[", "a[b]", "emails[type eq \"work\"", "a b", "emails[type eq \"work\"]x", "."] {
            assert_eq!(AttributePath::read(odd), None, "{odd}");
        }
    }

    #[test]
    fn names_are_compared_without_regard_to_case_and_ids_with_it() {
        let user = json!({"userName": "Ann@acme.com", "externalId": "A1", "emails": [{"value": "ann@acme.com"}]});
        let user = user.as_object().unwrap();
        let holds = |filter: &str| Equals::read(filter).is_some_and(|filter| filter.holds(user));
        assert!(holds("userName eq \"ann@ACME.com\"") && holds("emails.value eq \"ANN@acme.com\""));
        assert!(holds("emails eq \"ann@acme.com\"") && holds("externalid eq \"A1\"") && !holds("externalId eq \"a1\""));
        assert!(!holds("userName co \"ann\"") && !holds("userName eq ann") && !holds("userName"));
    }
}
