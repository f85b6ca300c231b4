//! The roster's settings, as the configuration hands them over.

use std::collections::BTreeMap;
use std::fmt;

use rollcall_kit::DirectoryId;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{self, MapAccess, Visitor};
use serde::{Deserialize, Deserializer, Serialize};

/// Everything that decides who a directory user should be in the target.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RosterSettings {
    /// The organization's registered e-mail domains, folded. A sub-domain must be listed itself.
    pub domains: Vec<String>,
    /// What narrows the scope further.
    pub scope: ScopeSettings,
    /// Expressions that replace the default mapping, attribute by attribute.
    pub attributes: AttributeSettings,
    /// Which group gives which role.
    pub role_rules: Vec<RoleRule>,
    /// How several roles of one account combine.
    pub role_mode: RoleMode,
    /// A role that every account in scope has.
    pub default_role: Option<Role>,
}

pub use super::account::Role;

/// What narrows the scope beyond the domains. Every part that is set must let a user in.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ScopeSettings {
    /// Members of at least one of these groups.
    pub groups: Vec<GroupRef>,
    /// Records at or below one of these containers (DNs of organisational units, paths), however either side spells them.
    // Written under the name that it had in version 0.1.0, so that an upgrade edits no rules.
    #[serde(rename(serialize = "places"), alias = "places")]
    pub containers: Vec<String>,
    /// A CEL expression over `user` that must be true.
    pub when: Option<String>,
}

/// A group, named by its id or by its name: `{ id = "…" }`, `{ name = "…" }`, or just `"name"`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum GroupRef {
    /// The directory's immutable id.
    Id(DirectoryId),
    /// The name; bound to the id that it had when it was first seen.
    Name(String),
}

impl<'de> Deserialize<'de> for GroupRef {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(GroupRefVisitor)
    }
}

/// Reads the three forms. By hand, because serde's untagged enums say no more than "did not match any variant".
struct GroupRefVisitor;

impl<'de> Visitor<'de> for GroupRefVisitor {
    type Value = GroupRef;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a group: \"name\", { name = \"…\" } or { id = \"…\" }")
    }

    fn visit_str<E: de::Error>(self, name: &str) -> Result<GroupRef, E> {
        if name.trim().is_empty() {
            return Err(E::custom("the name of the group is blank"));
        }
        Ok(GroupRef::Name(name.to_owned()))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<GroupRef, A::Error> {
        let mut group = None;
        while let Some((key, text)) = map.next_entry::<String, String>()? {
            let this = match key.as_str() {
                "name" => Self.visit_str(&text)?,
                "id" => GroupRef::Id(
                    DirectoryId::new(&text).ok_or_else(|| de::Error::custom("the id of the group is blank"))?,
                ),
                other => return Err(de::Error::unknown_field(other, &["name", "id"])),
            };
            if group.replace(this).is_some() {
                return Err(de::Error::custom("a group is named by its name or by its id, not by both"));
            }
        }
        group.ok_or_else(|| de::Error::custom("a group is named by `name` or by `id`"))
    }
}

impl JsonSchema for GroupRef {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "GroupRef".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let by = |key: &str, what: &str| {
            json_schema!({
                "type": "object",
                "properties": { key: { "type": "string", "description": what } },
                "required": [key],
                "additionalProperties": false,
            })
        };
        json_schema!({
            "description": "A group, named by its id or by its name.",
            "anyOf": [
                { "type": "string", "description": "The name." },
                by("name", "The name; bound to the id that it had when it was first seen."),
                by("id", "The directory's immutable id."),
            ],
        })
    }
}

impl GroupRef {
    /// What a report calls the group if it knows nothing better: the name, else the id.
    #[must_use]
    pub fn label(&self) -> &str {
        match self {
            Self::Id(id) => id.as_str(),
            Self::Name(name) => name,
        }
    }
}

/// Expressions that replace the default mapping. What is not named here follows the default.
/// An empty expression (`''`) switches the attribute off.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct AttributeSettings {
    /// The address that decides the domain and who the account is.
    pub email: Option<String>,
    /// The name to sign in with.
    pub preferred_username: Option<String>,
    /// The full name.
    pub name: Option<String>,
    /// The given name.
    pub given_name: Option<String>,
    /// The family name.
    pub family_name: Option<String>,
    /// An address of a picture.
    pub picture: Option<String>,
    /// A telephone number.
    pub phone_number: Option<String>,
    /// A language tag.
    pub locale: Option<String>,
    /// Attributes of your own.
    pub custom_attributes: BTreeMap<String, String>,
}

/// One rule: members of the group have the role.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RoleRule {
    /// The group.
    pub group: GroupRef,
    /// The role.
    pub role: Role,
    /// The last active holder never loses it.
    #[serde(default)]
    pub protected: bool,
    /// Whether members of member groups count; they do unless this is false.
    #[serde(default = "yes")]
    pub nested: bool,
}

fn yes() -> bool {
    true
}

/// How several roles of one account combine.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum RoleMode {
    /// The union over all groups.
    #[default]
    Union,
    /// Exactly one: that of the first rule, in the order of the file, that gives one.
    Single,
}
