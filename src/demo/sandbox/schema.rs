//! What a user and a group may hold (RFC 7643, sections 4 and 8.7), as one table that resources are checked against
//! and from which `/Schemas` is made.

use serde_json::{Map, Value};

use super::error::ScimError;

pub(super) const USER: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
pub(super) const GROUP: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";
pub(super) const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

/// A resource or a complex value.
pub(super) type Object = Map<String, Value>;

/// The two kinds of resources.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Resource {
    User,
    Group,
}

impl Resource {
    pub(super) const ALL: [Self; 2] = [Self::User, Self::Group];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::User => "User",
            Self::Group => "Group",
        }
    }

    pub(super) fn endpoint(self) -> &'static str {
        match self {
            Self::User => "/Users",
            Self::Group => "/Groups",
        }
    }

    pub(super) fn schema(self) -> &'static str {
        match self {
            Self::User => USER,
            Self::Group => GROUP,
        }
    }

    pub(super) fn attributes(self) -> &'static [Attribute] {
        match self {
            Self::User => USER_ATTRIBUTES,
            Self::Group => GROUP_ATTRIBUTES,
        }
    }
}

/// What a value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    Bool,
    Complex(&'static [Attribute]),
}

/// One attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Attribute {
    pub(super) name: &'static str,
    pub(super) kind: Kind,
    pub(super) multi: bool,
    pub(super) case_exact: bool,
    pub(super) required: bool,
    pub(super) unique: bool,
}

const fn text(name: &'static str) -> Attribute {
    Attribute { name, kind: Kind::Text, multi: false, case_exact: false, required: false, unique: false }
}

const fn exact(name: &'static str) -> Attribute {
    Attribute { case_exact: true, ..text(name) }
}

const fn boolean(name: &'static str) -> Attribute {
    Attribute { kind: Kind::Bool, ..text(name) }
}

const fn complex(name: &'static str, parts: &'static [Attribute]) -> Attribute {
    Attribute { kind: Kind::Complex(parts), ..text(name) }
}

const fn several(name: &'static str, parts: &'static [Attribute]) -> Attribute {
    Attribute { multi: true, ..complex(name, parts) }
}

const NAME: &[Attribute] = &[
    text("formatted"),
    text("familyName"),
    text("givenName"),
    text("middleName"),
    text("honorificPrefix"),
    text("honorificSuffix"),
];
const PLURAL: &[Attribute] = &[text("value"), text("display"), text("type"), boolean("primary")];
const ADDRESS: &[Attribute] = &[
    text("formatted"),
    text("streetAddress"),
    text("locality"),
    text("region"),
    text("postalCode"),
    text("country"),
    text("type"),
    boolean("primary"),
];
const MANAGER: &[Attribute] = &[exact("value"), exact("$ref"), text("displayName")];
const MEMBER: &[Attribute] = &[exact("value"), exact("$ref"), text("type"), text("display")];
const ENTERPRISE_PARTS: &[Attribute] = &[
    text("employeeNumber"),
    text("costCenter"),
    text("organization"),
    text("division"),
    text("department"),
    complex("manager", MANAGER),
];

const USER_ATTRIBUTES: &[Attribute] = &[
    Attribute { required: true, unique: true, ..text("userName") },
    exact("externalId"),
    complex("name", NAME),
    text("displayName"),
    text("nickName"),
    text("profileUrl"),
    text("title"),
    text("userType"),
    text("preferredLanguage"),
    text("locale"),
    text("timezone"),
    boolean("active"),
    several("emails", PLURAL),
    several("phoneNumbers", PLURAL),
    several("ims", PLURAL),
    several("photos", PLURAL),
    several("addresses", ADDRESS),
    several("entitlements", PLURAL),
    several("roles", PLURAL),
    several("x509Certificates", PLURAL),
    complex(ENTERPRISE, ENTERPRISE_PARTS),
];
const GROUP_ATTRIBUTES: &[Attribute] =
    &[Attribute { required: true, ..text("displayName") }, exact("externalId"), several("members", MEMBER)];

/// The attribute of this name; names are compared without case (RFC 7643, section 2.1).
pub(super) fn find(attributes: &'static [Attribute], name: &str) -> Option<&'static Attribute> {
    attributes.iter().find(|attribute| attribute.name.eq_ignore_ascii_case(name))
}

/// Checks a resource that somebody sent and brings it into the one form that is kept: canonical names, no nulls, no
/// empty lists, nothing that only the server says (`id`, `meta`, `groups`), nothing that the schema does not know.
pub(super) fn clean(resource: Resource, sent: &Object) -> Result<Object, ScimError> {
    let kept = clean_object(resource.attributes(), sent)?;
    match resource
        .attributes()
        .iter()
        .find(|a| a.required && kept.get(a.name).and_then(Value::as_str).is_none_or(|v| v.trim().is_empty()))
    {
        Some(missing) => Err(ScimError::bad("invalidValue", format!("{} is required.", missing.name))),
        None => Ok(kept),
    }
}

fn clean_object(attributes: &'static [Attribute], sent: &Object) -> Result<Object, ScimError> {
    let mut kept = Object::new();
    for (name, value) in sent {
        let Some(attribute) = find(attributes, name) else { continue };
        if let Some(value) = clean_value(attribute, value)? {
            kept.insert(attribute.name.to_owned(), value);
        }
    }
    Ok(kept)
}

/// One value in the form that is kept; nothing if it is empty.
pub(super) fn clean_value(attribute: &Attribute, value: &Value) -> Result<Option<Value>, ScimError> {
    if value.is_null() {
        return Ok(None);
    }
    if !attribute.multi {
        return clean_single(attribute, value);
    }
    let Value::Array(values) = value else {
        return Err(ScimError::bad("invalidValue", format!("{} is a list.", attribute.name)));
    };
    let mut kept: Vec<Value> = Vec::new();
    for value in values {
        if let Some(value) = clean_single(attribute, value)?.filter(|value| !kept.contains(value)) {
            kept.push(value);
        }
    }
    if kept.iter().filter(|value| value["primary"] == true).count() > 1 {
        return Err(ScimError::bad("invalidValue", format!("{} has two primary values.", attribute.name)));
    }
    Ok((!kept.is_empty()).then_some(Value::Array(kept)))
}

fn clean_single(attribute: &Attribute, value: &Value) -> Result<Option<Value>, ScimError> {
    let wrong = |what: &str| Err(ScimError::bad("invalidValue", format!("{} is {what}.", attribute.name)));
    match (attribute.kind, value) {
        (_, Value::Null) => Ok(None),
        (Kind::Text, Value::String(_)) | (Kind::Bool, Value::Bool(_)) => Ok(Some(value.clone())),
        (Kind::Text, _) => wrong("text"),
        (Kind::Bool, _) => wrong("true or false"),
        (Kind::Complex(parts), Value::Object(object)) => {
            let kept = clean_object(parts, object)?;
            Ok((!kept.is_empty()).then_some(Value::Object(kept)))
        }
        (Kind::Complex(_), _) => wrong("an object"),
    }
}
