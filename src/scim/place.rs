//! Places in a SCIM user: where a value stands, how it is read there, written there, and patched there.

use serde_json::{Map, Value as Json, json};

use super::filter::quoted;
use super::resource::{Resource, entry_value, member, spelling, truth};

/// Where one value stands in a user.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// An attribute of its own: `displayName`.
    Plain(&'static str),
    /// A part of a complex attribute: `name.givenName`.
    Part(&'static str, &'static str),
    /// The `value` of the entry of one type in a multi-valued attribute: `emails[type eq "work"]`.
    Entry {
        /// The attribute.
        list: &'static str,
        /// The type.
        kind: &'static str,
        /// Whether the entry is marked as the primary one when it is the first.
        primary: bool,
    },
    /// An attribute of an extension.
    Extension {
        /// The extension's URN.
        urn: String,
        /// The attribute.
        name: String,
    },
}

impl Place {
    /// The path by which a schema lists it.
    pub(super) fn schema_path(&self) -> String {
        match self {
            Self::Plain(name) => (*name).to_owned(),
            Self::Part(parent, name) => format!("{parent}.{name}"),
            Self::Entry { list, .. } => (*list).to_owned(),
            Self::Extension { urn, name } => format!("{urn}:{name}"),
        }
    }

    /// The value that stands there.
    pub(super) fn read<'a>(&self, resource: &'a Resource) -> Option<&'a Json> {
        let present = match self {
            Self::Plain(name) => resource.get(name)?,
            Self::Part(parent, name) => member(resource.get(parent)?.as_object()?, name)?,
            Self::Entry { list, kind, .. } => {
                let entries = resource.list(list);
                let entry = own_entry(entries, kind).map(|index| &entries[index]).or_else(|| first_choice(entries))?;
                match entry {
                    Json::Object(members) => member(members, "value")?,
                    plain => plain,
                }
            }
            Self::Extension { urn, name } => member(resource.get(urn)?.as_object()?, name)?,
        };
        // Targets show an empty text where there is nothing.
        (present.as_str() != Some("")).then_some(present)
    }

    /// Writes the value into a user, or takes it out.
    pub(super) fn write(&self, user: &mut Map<String, Json>, value: Option<&Json>) {
        match self {
            Self::Plain(name) => set(user, name, value),
            Self::Part(parent, name) => set_within(user, parent, name, value),
            Self::Entry { list, .. } => {
                let name = spelling(user, list);
                let entries = self.entries(user.get(&name), value);
                set(user, list, (!entries.is_empty()).then_some(&Json::Array(entries)));
            }
            Self::Extension { urn, name } => {
                set_within(user, urn, name, value);
                if value.is_some() {
                    announce(user, urn);
                }
            }
        }
    }

    /// The PATCH operation that brings the value there. `whole` sends a multi-valued attribute as a whole, for
    /// targets that do not take paths into one.
    pub(super) fn operation(&self, current: Option<&Resource>, value: Option<&Json>, whole: bool) -> Json {
        let Self::Entry { list, kind, .. } = self else { return operation(&self.schema_path(), value) };
        let entries = current.and_then(|user| user.get(list));
        let known = entries.and_then(Json::as_array).map_or(&[][..], Vec::as_slice);
        let typed = known.iter().filter(|entry| is_kind(entry, kind)).count();
        if let (1, Some(value), false) = (typed, value, whole) {
            return operation(&format!("{list}[type eq {}].value", quoted(kind)), Some(value));
        }
        let entries = self.entries(entries, value);
        operation(list, (!entries.is_empty()).then_some(&Json::Array(entries)))
    }

    /// The entries of a multi-valued attribute with ours brought in or taken out; the others stay as they are.
    fn entries(&self, current: Option<&Json>, value: Option<&Json>) -> Vec<Json> {
        let Self::Entry { kind, primary, .. } = self else { return Vec::new() };
        let mut entries = match current {
            Some(Json::Array(entries)) => entries.clone(),
            Some(Json::Null) | None => Vec::new(),
            Some(single) => vec![single.clone()],
        };
        match (own_entry(&entries, kind), value) {
            (Some(index), Some(value)) => match &mut entries[index] {
                Json::Object(members) => set(members, "value", Some(value)),
                plain => *plain = value.clone(),
            },
            (Some(index), None) => drop(entries.remove(index)),
            (None, Some(value)) => {
                let mut entry = json!({ "value": value, "type": kind });
                if *primary && !entries.iter().any(is_primary) {
                    entry["primary"] = true.into();
                }
                entries.push(entry);
            }
            (None, None) => {}
        }
        entries
    }
}

/// One PATCH operation with a path: `replace` with a value, `remove` without. Replacing what is not there adds it
/// (RFC 7644, section 3.5.2.3). Operations are in lower case, because strict targets insist.
pub(super) fn operation(path: &str, value: Option<&Json>) -> Json {
    match value {
        Some(value) => json!({ "op": "replace", "path": path, "value": value }),
        None => json!({ "op": "remove", "path": path }),
    }
}

/// The entry that is ours to write: the one of our type, else one that has no type.
fn own_entry(entries: &[Json], kind: &str) -> Option<usize> {
    let untyped = |entry: &Json| entry.as_object().is_none_or(|members| member(members, "type").is_none());
    entries.iter().position(|entry| is_kind(entry, kind)).or_else(|| entries.iter().position(untyped))
}

/// The entry that stands for the whole list where none is of our type: the primary one, else the first.
fn first_choice(entries: &[Json]) -> Option<&Json> {
    entries
        .iter()
        .find(|entry| is_primary(entry))
        .or_else(|| entries.first())
        .filter(|entry| entry_value(entry).is_some())
}

fn is_kind(entry: &Json, kind: &str) -> bool {
    let found = entry.as_object().and_then(|members| member(members, "type")).and_then(Json::as_str);
    found.is_some_and(|found| found.eq_ignore_ascii_case(kind))
}

fn is_primary(entry: &Json) -> bool {
    entry.as_object().and_then(|members| member(members, "primary")).and_then(truth) == Some(true)
}

/// Sets or removes a member, however the target spells its name.
pub(super) fn set(members: &mut Map<String, Json>, name: &str, value: Option<&Json>) {
    let name = spelling(members, name);
    match value {
        Some(value) => drop(members.insert(name, value.clone())),
        None => drop(members.remove(&name)),
    }
}

/// Sets or removes a member of a member.
fn set_within(members: &mut Map<String, Json>, parent: &str, name: &str, value: Option<&Json>) {
    let parent = spelling(members, parent);
    let mut inner = match members.remove(&parent) {
        Some(Json::Object(inner)) => inner,
        _ => Map::new(),
    };
    set(&mut inner, name, value);
    if !inner.is_empty() {
        members.insert(parent, Json::Object(inner));
    }
}

/// Names an extension in `schemas`, as RFC 7643 asks when its attributes are present.
fn announce(user: &mut Map<String, Json>, urn: &str) {
    let name = spelling(user, "schemas");
    if let Json::Array(schemas) = user.entry(name).or_insert_with(|| Json::Array(Vec::new()))
        && !schemas.iter().filter_map(Json::as_str).any(|known| known.eq_ignore_ascii_case(urn))
    {
        schemas.push(urn.into());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WORK: Place = Place::Entry { list: "emails", kind: "work", primary: true };

    fn user(json: Json) -> Resource {
        Resource::new(json).unwrap()
    }

    fn written(place: &Place, before: &Json, value: Option<&Json>) -> Json {
        let mut members = user(before.clone()).into_members();
        place.write(&mut members, value);
        Json::Object(members)
    }

    #[test]
    fn the_entry_of_our_type_is_changed_and_the_others_stay() {
        let before = json!({"emails": [{"value": "h@x", "type": "home"}, {"value": "a@x", "type": "Work", "id": 7}]});
        assert_eq!(WORK.read(&user(before.clone())), Some(&json!("a@x")));
        assert_eq!(
            written(&WORK, &before, Some(&json!("b@x"))),
            json!({"emails": [{"value": "h@x", "type": "home"}, {"value": "b@x", "type": "Work", "id": 7}]})
        );
        assert_eq!(written(&WORK, &before, None), json!({"emails": [{"value": "h@x", "type": "home"}]}));
    }

    #[test]
    fn a_new_entry_is_primary_only_if_no_other_is() {
        assert_eq!(
            written(&WORK, &json!({}), Some(&json!("a@x"))),
            json!({"emails": [{"value": "a@x", "type": "work", "primary": true}]})
        );
        let home = json!({"value": "h@x", "type": "home", "primary": "True"});
        assert_eq!(
            written(&WORK, &json!({"emails": [home]}), Some(&json!("a@x"))),
            json!({"emails": [home, {"value": "a@x", "type": "work"}]})
        );
    }

    #[test]
    fn an_entry_is_patched_by_its_path_only_if_it_is_there() {
        let there = user(json!({"emails": [{"value": "a@x", "type": "work"}]}));
        let value = json!("b@x");
        assert_eq!(
            WORK.operation(Some(&there), Some(&value), false),
            json!({"op": "replace", "path": "emails[type eq \"work\"].value", "value": "b@x"})
        );
        assert_eq!(
            WORK.operation(Some(&user(json!({}))), Some(&value), false),
            json!({"op": "replace", "path": "emails", "value": [{"value": "b@x", "type": "work", "primary": true}]})
        );
        assert_eq!(WORK.operation(Some(&there), None, false), json!({"op": "remove", "path": "emails"}));
    }

    #[test]
    fn extensions_are_announced_and_spelled_as_the_target_spells_them() {
        let place = Place::Extension { urn: "urn:acme:User".to_owned(), name: "costCenter".to_owned() };
        assert_eq!(
            written(&place, &json!({"schemas": ["urn:core"], "urn:acme:user": {"CostCenter": "1"}}), Some(&json!("2"))),
            json!({"schemas": ["urn:core", "urn:acme:User"], "urn:acme:user": {"CostCenter": "2"}})
        );
        assert_eq!(written(&place, &json!({"urn:acme:User": {"costCenter": "1"}}), None), json!({}));
        assert_eq!(
            place.operation(None, Some(&json!("2")), false),
            json!({"op": "replace", "path": "urn:acme:User:costCenter", "value": "2"})
        );
    }
}
