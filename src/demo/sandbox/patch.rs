//! PATCH (RFC 7644, section 3.5.2): all operations or none, in their order.

use serde_json::Value;

use super::error::ScimError;
use super::filter::Path;
use super::filter::admitted;
use super::schema::{Attribute, Kind, Object, Resource, clean_value};

const PATCH_OP: &str = "urn:ietf:params:scim:api:messages:2.0:PatchOp";

/// What one operation does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Op {
    Add,
    Replace,
    Remove,
}

/// Applies a PATCH to a resource. The resource is only worth something if this succeeds.
pub(super) fn apply(resource: Resource, object: &mut Object, body: &Object) -> Result<(), ScimError> {
    let named = body.get("schemas").and_then(Value::as_array).is_some_and(|schemas| schemas.contains(&PATCH_OP.into()));
    let operations = body.get("Operations").and_then(Value::as_array).filter(|_| named);
    let Some(operations) = operations.filter(|operations| !operations.is_empty()) else {
        return Err(ScimError::bad("invalidSyntax", format!("A PATCH has the schema {PATCH_OP} and Operations.")));
    };
    operations.iter().try_for_each(|operation| apply_one(resource, object, operation))
}

fn apply_one(resource: Resource, object: &mut Object, operation: &Value) -> Result<(), ScimError> {
    let word = operation["op"].as_str().unwrap_or_default().to_lowercase();
    let op = match word.as_str() {
        "add" => Op::Add,
        "replace" => Op::Replace,
        "remove" => Op::Remove,
        _ => return Err(ScimError::bad("invalidSyntax", "op is add, replace or remove.")),
    };
    let value = operation.get("value");
    match (operation.get("path"), value) {
        (Some(Value::String(path)), value) => at_path(resource, object, op, path, value),
        (None, Some(Value::Object(values))) if op != Op::Remove => {
            values.iter().try_for_each(|(path, value)| at_path(resource, object, op, path, Some(value)))
        }
        (None, _) if op == Op::Remove => Err(ScimError::bad("noTarget", "A remove needs a path.")),
        _ => Err(ScimError::bad("invalidSyntax", "Without a path the value is an object, and a path is text.")),
    }
}

fn at_path(
    resource: Resource,
    object: &mut Object,
    op: Op,
    path: &str,
    value: Option<&Value>,
) -> Result<(), ScimError> {
    let lower = path.trim().to_lowercase();
    if matches!(lower.as_str(), "schemas") {
        return Ok(());
    }
    if matches!(lower.as_str(), "id" | "meta" | "groups") {
        return Err(ScimError::bad("mutability", format!("{path} is read-only.")));
    }
    let path = Path::parse(resource, path)?;
    match (op, value) {
        (Op::Remove, None) => remove(object, &path),
        // A server that overlooks the value removes everything; this one refuses (section 3.5.2.2 knows no value).
        (Op::Remove, Some(_)) => {
            Err(ScimError::bad("invalidSyntax", "A remove has no value; select by a filter in its path."))
        }
        (Op::Add | Op::Replace, None) => Err(ScimError::bad("invalidValue", "There is no value.")),
        (Op::Add | Op::Replace, Some(value)) => set(object, &path, op, value),
    }
}

fn remove(object: &mut Object, path: &Path) -> Result<(), ScimError> {
    if path.below.is_empty() && path.top.required {
        return Err(ScimError::bad("mutability", format!("{} is required.", path.top.name)));
    }
    let Some((last, between)) = path.below.split_last() else {
        match (&path.which, object.get_mut(path.top.name)) {
            (Some(which), Some(Value::Array(values))) => values.retain(|value| !admitted(Some(which), value)),
            _ => {
                object.remove(path.top.name);
            }
        }
        return Ok(());
    };
    for holder in holders(object, path) {
        let mut holder = Some(holder);
        for part in between {
            holder = holder.and_then(|inner| inner.get_mut(part.name)?.as_object_mut());
        }
        if let Some(holder) = holder {
            holder.remove(last.name);
        }
    }
    Ok(())
}

/// The objects at the top of a path: the values that its filter admits, or the one complex value.
fn holders<'a>(object: &'a mut Object, path: &Path) -> Vec<&'a mut Object> {
    match object.get_mut(path.top.name) {
        Some(Value::Array(values)) => values
            .iter_mut()
            .filter(|value| admitted(path.which.as_ref(), value))
            .filter_map(Value::as_object_mut)
            .collect(),
        Some(Value::Object(single)) => vec![single],
        _ => Vec::new(),
    }
}

fn set(object: &mut Object, path: &Path, op: Op, value: &Value) -> Result<(), ScimError> {
    if path.below.is_empty() && path.which.is_none() {
        return put(object, path.top, op, value);
    }
    if !path.top.multi {
        let single = object.entry(path.top.name).or_insert_with(|| Value::Object(Object::new()));
        return single.as_object_mut().map_or(Ok(()), |single| put_below(single, &path.below, op, value));
    }
    let targets = holders(object, path);
    if targets.is_empty() {
        return Err(ScimError::bad("noTarget", format!("Nothing in {} is selected.", path.top.name)));
    }
    for target in targets {
        match (path.below.is_empty(), value) {
            (false, _) => put_below(target, &path.below, op, value)?,
            (true, Value::Object(parts)) => {
                let Kind::Complex(known) = path.top.kind else { continue };
                for (name, value) in parts {
                    if let Some(part) = super::schema::find(known, name) {
                        put(target, part, op, value)?;
                    }
                }
            }
            (true, _) => return Err(ScimError::bad("invalidValue", format!("{} holds objects.", path.top.name))),
        }
    }
    Ok(())
}

fn put_below(holder: &mut Object, below: &[&'static Attribute], op: Op, value: &Value) -> Result<(), ScimError> {
    match below {
        [] => Ok(()),
        [last] => put(holder, last, op, value),
        [next, rest @ ..] => {
            let inner = holder.entry(next.name).or_insert_with(|| Value::Object(Object::new()));
            inner.as_object_mut().map_or(Ok(()), |inner| put_below(inner, rest, op, value))
        }
    }
}

/// Writes one attribute of an object. Lists grow by `add` and are exchanged by `replace`; parts of a complex value
/// that are not named stay, for both.
fn put(holder: &mut Object, attribute: &'static Attribute, op: Op, value: &Value) -> Result<(), ScimError> {
    // One value may stand for a list of one, for add.
    let listed = match value {
        Value::Object(_) if attribute.multi => Value::Array(vec![value.clone()]),
        other => other.clone(),
    };
    let Some(clean) = clean_value(attribute, &listed)? else {
        holder.remove(attribute.name);
        return Ok(());
    };
    match (holder.get_mut(attribute.name), clean) {
        (Some(Value::Array(present)), Value::Array(new)) if op == Op::Add => {
            for value in new {
                if !present.iter().any(|old| same(old, &value)) {
                    if value["primary"] == true {
                        present.iter_mut().filter_map(Value::as_object_mut).for_each(|old| {
                            old.remove("primary");
                        });
                    }
                    present.push(value);
                }
            }
        }
        (Some(Value::Object(present)), Value::Object(new)) => present.extend(new),
        (_, clean) => {
            holder.insert(attribute.name.to_owned(), clean);
        }
    }
    Ok(())
}

/// Two values of a list are one if they have the same `value` and `type`.
fn same(left: &Value, right: &Value) -> bool {
    let key = |value: &Value| (value["value"].clone(), value["type"].clone());
    left == right || (left.get("value").is_some() && key(left) == key(right))
}
