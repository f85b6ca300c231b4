//! The operations of a PATCH (RFC 7644, section 3.5.2), on a resource as JSON.

use serde_json::{Map, Value};

use super::path::{AttributePath, get, spelling};

/// What only the server writes.
const READ_ONLY: [&str; 3] = ["id", "meta", "groups"];

/// Why an operation cannot be carried out: the `scimType`, and a sentence.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Refused(pub(super) &'static str, pub(super) String);

/// What an operation does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verb {
    /// Puts a value beside those that are there.
    Add,
    /// Puts a value in the place of those that are there.
    Replace,
    /// Takes values out.
    Remove,
}

/// One operation.
#[derive(Debug)]
pub(super) struct Operation<'a> {
    pub(super) verb: Verb,
    pub(super) path: Option<AttributePath>,
    pub(super) value: Option<&'a Value>,
}

/// The operations of a request.
pub(super) fn operations(request: &Value) -> Result<Vec<Operation<'_>>, Refused> {
    let list = request.as_object().and_then(|members| get(members, "Operations")).and_then(Value::as_array);
    let list = list.ok_or_else(|| Refused("invalidSyntax", "the request has no list of Operations".to_owned()))?;
    list.iter().map(operation).collect()
}

fn operation(json: &Value) -> Result<Operation<'_>, Refused> {
    let refuse = |what: &str| Refused("invalidSyntax", format!("an operation {what}"));
    let members = json.as_object().ok_or_else(|| refuse("is no object"))?;
    let verb = match get(members, "op").and_then(Value::as_str).map(str::to_ascii_lowercase).as_deref() {
        Some("add") => Verb::Add,
        Some("replace") => Verb::Replace,
        Some("remove") => Verb::Remove,
        _ => return Err(refuse("is neither add nor replace nor remove")),
    };
    let path = match get(members, "path") {
        None => None,
        Some(path) => {
            let read = path.as_str().and_then(AttributePath::read);
            Some(read.ok_or_else(|| Refused("invalidPath", format!("{path} is no path that is known here")))?)
        }
    };
    Ok(Operation { verb, path, value: get(members, "value") })
}

/// Carries one operation out.
pub(super) fn apply(resource: &mut Map<String, Value>, operation: &Operation<'_>) -> Result<(), Refused> {
    let Operation { verb, path, value } = operation;
    let Some(path) = path else {
        let Some(Value::Object(members)) = value.filter(|_| *verb != Verb::Remove) else {
            return Err(Refused("noTarget", "an operation without a path needs an object as its value".to_owned()));
        };
        return members.iter().try_for_each(|(name, value)| merge(resource, *verb, name, value));
    };
    at(resource, *verb, path, *value)
}

/// One member of an operation without a path; an extension's attributes are merged into those that are there.
fn merge(resource: &mut Map<String, Value>, verb: Verb, name: &str, value: &Value) -> Result<(), Refused> {
    if let (true, Value::Object(members)) = (name.contains(':'), value) {
        return members.iter().try_for_each(|(attribute, value)| {
            let path = AttributePath {
                schema: Some(name.to_owned()),
                attribute: attribute.clone(),
                ..AttributePath::default()
            };
            at(resource, verb, &path, Some(value))
        });
    }
    let path = AttributePath::read(name).ok_or_else(|| Refused("invalidPath", format!("{name:?} is no path")))?;
    at(resource, verb, &path, Some(value))
}

fn at(
    resource: &mut Map<String, Value>,
    verb: Verb,
    path: &AttributePath,
    value: Option<&Value>,
) -> Result<(), Refused> {
    if path.schema.is_none() && READ_ONLY.iter().any(|name| name.eq_ignore_ascii_case(&path.attribute)) {
        return Err(Refused("mutability", format!("{} is only for the server to write", path.attribute)));
    }
    if verb != Verb::Remove && value.is_none() {
        return Err(Refused("invalidValue", format!("there is no value for {}", path.attribute)));
    }
    let value = value.filter(|value| verb != Verb::Remove && !value.is_null());
    let Some(schema) = &path.schema else { return within(resource, verb, path, value) };
    let name = spelling(resource, schema);
    let extension = resource.entry(name.clone()).or_insert_with(|| Value::Object(Map::new()));
    if !extension.is_object() {
        *extension = Value::Object(Map::new());
    }
    if let Value::Object(extension) = extension {
        within(extension, verb, path, value)?;
        if extension.is_empty() {
            resource.remove(&name);
        }
    }
    Ok(())
}

/// Writes a value where a path leads, or takes it out if there is none.
fn within(
    members: &mut Map<String, Value>,
    verb: Verb,
    path: &AttributePath,
    value: Option<&Value>,
) -> Result<(), Refused> {
    let name = spelling(members, &path.attribute);
    if path.entries.is_some() {
        return entries(members, &name, verb, path, value);
    }
    match (&path.part, value) {
        (Some(part), _) => part_of(members, &name, part, value),
        (None, None) => drop(members.remove(&name)),
        (None, Some(value)) => match (members.get_mut(&name), value) {
            (Some(Value::Array(there)), Value::Array(more)) if verb == Verb::Add => {
                for entry in more {
                    if !there.contains(entry) {
                        there.push(entry.clone());
                    }
                }
            }
            (Some(Value::Object(there)), Value::Object(more)) => {
                there.extend(more.iter().map(|(name, value)| (name.clone(), value.clone())));
            }
            _ => drop(members.insert(name, value.clone())),
        },
    }
    Ok(())
}

/// A part of a complex attribute, such as `name.givenName`.
fn part_of(members: &mut Map<String, Value>, name: &str, part: &str, value: Option<&Value>) {
    match value {
        Some(value) => {
            let complex = members.entry(name.to_owned()).or_insert_with(|| Value::Object(Map::new()));
            if !complex.is_object() {
                *complex = Value::Object(Map::new());
            }
            if let Value::Object(complex) = complex {
                let part = spelling(complex, part);
                complex.insert(part, value.clone());
            }
        }
        None => {
            let emptied = members.get_mut(name).and_then(Value::as_object_mut).is_some_and(|complex| {
                let part = spelling(complex, part);
                complex.remove(&part);
                complex.is_empty()
            });
            if emptied {
                members.remove(name);
            }
        }
    }
}

/// Entries of a multi-valued attribute that a filter chooses.
fn entries(
    members: &mut Map<String, Value>,
    name: &str,
    verb: Verb,
    path: &AttributePath,
    value: Option<&Value>,
) -> Result<(), Refused> {
    let Some(Value::Array(list)) = members.get_mut(name) else {
        let missing = Refused("noTarget", format!("there is no {name}"));
        return if verb == Verb::Remove { Ok(()) } else { Err(missing) };
    };
    if verb != Verb::Remove && !list.iter().any(|entry| path.chooses(entry)) {
        return Err(Refused("noTarget", format!("no entry of {name} is meant")));
    }
    match (&path.part, value) {
        (None, None) => list.retain(|entry| !path.chooses(entry)),
        (None, Some(value)) => {
            list.iter_mut().filter(|entry| path.chooses(entry)).for_each(|entry| *entry = value.clone());
        }
        (Some(part), value) => {
            for entry in list.iter_mut().filter(|entry| path.chooses(entry)).filter_map(Value::as_object_mut) {
                let part = spelling(entry, part);
                match value {
                    Some(value) => drop(entry.insert(part, value.clone())),
                    None => drop(entry.remove(&part)),
                }
            }
        }
    }
    if list.is_empty() {
        members.remove(name);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn patched(before: Value, operations: &Value) -> Result<Value, Refused> {
        let Value::Object(mut resource) = before else { panic!("no object") };
        let request = json!({ "Operations": operations });
        for operation in super::operations(&request)? {
            apply(&mut resource, &operation)?;
        }
        Ok(Value::Object(resource))
    }

    #[test]
    fn single_attributes_parts_and_entries_are_replaced_and_removed() {
        let before =
            json!({"displayName": "A", "name": {"givenName": "A"}, "emails": [{"type": "work", "value": "a@x"}]});
        let after = patched(
            before,
            &json!([
                {"op": "Replace", "path": "displayname", "value": "B"},
                {"op": "add", "path": "name.familyName", "value": "C"},
                {"op": "replace", "path": "emails[type eq \"work\"].value", "value": "b@x"},
                {"op": "add", "path": "urn:x:User:department", "value": "IT"},
                {"op": "remove", "path": "name.givenName"},
            ]),
        );
        assert_eq!(
            after.unwrap(),
            json!({"displayName": "B", "name": {"familyName": "C"}, "emails": [{"type": "work", "value": "b@x"}],
                "urn:x:User": {"department": "IT"}})
        );
    }

    #[test]
    fn lists_grow_by_add_and_entries_that_are_there_are_not_doubled() {
        let before = json!({"roles": [{"value": "a"}]});
        let more = json!([{"op": "add", "path": "roles", "value": [{"value": "a"}, {"value": "b"}]}]);
        assert_eq!(patched(before.clone(), &more).unwrap(), json!({"roles": [{"value": "a"}, {"value": "b"}]}));
        let none = json!([{"op": "remove", "path": "roles[value eq \"a\"]"}]);
        assert_eq!(patched(before, &none).unwrap(), json!({}));
    }

    #[test]
    fn an_operation_without_a_path_merges_its_value() {
        let after = patched(
            json!({"active": true, "urn:x:User": {"a": 1}}),
            &json!([{"op": "replace", "value": {"active": false, "urn:x:User": {"b": 2}}}]),
        );
        assert_eq!(after.unwrap(), json!({"active": false, "urn:x:User": {"a": 1, "b": 2}}));
    }

    #[test]
    fn what_makes_no_sense_is_refused_with_its_type() {
        let refused = |operation: Value| patched(json!({"a": 1}), &json!([operation])).unwrap_err().0;
        assert_eq!(refused(json!({"op": "replace", "path": "id", "value": "1"})), "mutability");
        assert_eq!(refused(json!({"op": "replace", "path": "x[y eq 1].z", "value": "1"})), "noTarget");
        assert_eq!(refused(json!({"op": "replace", "path": "[", "value": "1"})), "invalidPath");
        assert_eq!(refused(json!({"op": "move", "path": "a", "value": "1"})), "invalidSyntax");
        assert_eq!(refused(json!({"op": "remove"})), "noTarget");
        assert_eq!(refused(json!({"op": "add", "path": "a"})), "invalidValue");
        assert_eq!(patched(json!({}), &json!(7)).unwrap_err().0, "invalidSyntax");
    }
}
