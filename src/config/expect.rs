//! Reads a JSON Schema as a person would: what may stand here, in words.
//!
//! Knows the few shapes of schema that our own types yield: plain types, lists, tables, choices of words, tables whose
//! kind is told by a key, and secret references.

use std::collections::BTreeMap;

use serde_json::Value;
use toml::de::DeValue;

/// One of the forms that a value may have.
#[derive(Clone, Copy)]
pub(super) struct Variant<'s> {
    /// The schema as it is referred to.
    pub origin: &'s Value,
    /// The schema itself.
    pub schema: &'s Value,
}

impl Variant<'_> {
    /// Whether a value looks as if this form was meant: the same type, and for tables at least one key of it.
    pub(super) fn resembles(&self, value: &DeValue<'_>) -> bool {
        match (type_of(self.schema), value) {
            ("object", DeValue::Table(table)) => self
                .schema
                .get("properties")
                .and_then(Value::as_object)
                .is_some_and(|properties| table.keys().any(|key| properties.contains_key(key.get_ref().as_ref()))),
            ("string", DeValue::String(_))
            | ("array", DeValue::Array(_))
            | ("integer", DeValue::Integer(_))
            | ("boolean", DeValue::Boolean(_)) => true,
            _ => false,
        }
    }
}

/// The type that a schema names; of an optional value the type that is not null.
pub(super) fn type_of(schema: &Value) -> &str {
    match schema.get("type") {
        Some(Value::String(name)) => name,
        Some(Value::Array(names)) => names.iter().filter_map(Value::as_str).find(|n| *n != "null").unwrap_or_default(),
        _ => "",
    }
}

/// The forms that a schema leaves a choice of. TOML has no null, so the form "null" of an optional value is no choice.
pub(super) fn variants(schema: &Value) -> impl Iterator<Item = &Value> {
    ["anyOf", "oneOf", "allOf"]
        .iter()
        .filter_map(|name| schema.get(*name).and_then(Value::as_array))
        .flatten()
        .filter(|part| type_of(part) != "null")
}

/// The words of an `enum`.
pub(super) fn enumeration(schema: &Value) -> impl Iterator<Item = &str> {
    let one = schema.get("const").and_then(Value::as_str);
    schema.get("enum").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).chain(one)
}

/// The words, if every form is nothing but words.
pub(super) fn words<'s>(variants: &[Variant<'s>]) -> Option<Vec<&'s str>> {
    let of_each: Vec<Vec<&str>> = variants.iter().map(|variant| enumeration(variant.schema).collect()).collect();
    of_each.iter().all(|words| !words.is_empty()).then(|| of_each.concat())
}

/// The key that tells the kind of a table, and the schema of each kind, if the forms are such tables.
pub(super) fn tag<'s>(variants: &[Variant<'s>]) -> Option<(&'s str, BTreeMap<&'s str, &'s Value>)> {
    let constants = |schema: &'s Value| {
        let properties = schema.get("properties")?.as_object()?;
        properties.iter().find_map(|(name, of)| Some((name.as_str(), of.get("const")?.as_str()?)))
    };
    let (name, _) = constants(variants.first()?.schema)?;
    let kinds = variants.iter().map(|variant| {
        constants(variant.schema).filter(|(tag, _)| *tag == name).map(|(_, kind)| (kind, variant.schema))
    });
    Some((name, kinds.collect::<Option<_>>()?))
}

/// What a schema expects, in words.
pub(super) fn kind(schema: &Value) -> String {
    match type_of(schema) {
        "object" => "a table".to_owned(),
        "array" if schema.pointer("/items/$ref").is_some_and(|of| of != "#/$defs/GroupRef") => {
            "a list of tables, each below a heading in double brackets".to_owned()
        }
        "array" => "a list in brackets, such as [\"…\", \"…\"]".to_owned(),
        "string" if schema.get("format").and_then(Value::as_str) == Some("uri") => "a URL in quotes".to_owned(),
        "string" => match schema.pointer("/examples/0").and_then(Value::as_str) {
            Some(example) => format!("text in quotes, such as \"{example}\""),
            None => "text in quotes".to_owned(),
        },
        "integer" => "a whole number without quotes".to_owned(),
        "boolean" => "true or false, without quotes".to_owned(),
        _ => {
            let parts: Vec<Variant<'_>> = variants(schema).map(|schema| Variant { origin: schema, schema }).collect();
            match tag(&parts) {
                Some(_) => "a table".to_owned(),
                None if parts.is_empty() => "a value".to_owned(),
                None => forms(&parts),
            }
        }
    }
}

/// What was found instead, in words; never the value, which may be a secret.
pub(super) fn found(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "text",
        DeValue::Integer(_) => "a number",
        DeValue::Float(_) => "a number with a fraction",
        DeValue::Boolean(_) => "true or false",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "a list",
        DeValue::Table(_) => "a table",
    }
}

/// All the forms, one after the other: `"…" or { name = "…" } or { id = "…" }`.
pub(super) fn forms(variants: &[Variant<'_>]) -> String {
    let each: Vec<String> = variants
        .iter()
        .map(|variant| match (type_of(variant.schema), variant.schema.get("required").and_then(Value::as_array)) {
            ("object", Some(keys)) => {
                let keys: Vec<String> = keys.iter().filter_map(Value::as_str).map(|key| format!("{key} = …")).collect();
                format!("{{ {} }}", keys.join(", "))
            }
            ("string", _) => match enumeration(variant.schema).collect::<Vec<_>>().as_slice() {
                [] => "\"…\"".to_owned(),
                words => list_of_words(words),
            },
            _ => kind(variant.schema),
        })
        .collect();
    listed(&each)
}

/// `"a", "b" or "c"`.
pub(super) fn list_of_words(words: &[&str]) -> String {
    listed(&words.iter().map(|word| format!("\"{word}\"")).collect::<Vec<_>>())
}

fn listed(parts: &[String]) -> String {
    match parts {
        [] => String::new(),
        [one] => one.clone(),
        [firsts @ .., last] => format!("{} or {last}", firsts.join(", ")),
    }
}

/// Whether a schema is that of a reference to a secret.
pub(super) fn is_secret(schema: &Value) -> bool {
    let here = schema.get("$ref").and_then(Value::as_str).is_some_and(|name| name.ends_with("/SecretRef"));
    here || variants(schema).any(is_secret)
}

/// What to say to somebody who wrote the secret itself, or anything else, where a reference belongs.
pub(super) fn secret_instead_of_reference(path: &str) -> String {
    let name = path.rsplit('.').next().unwrap_or(path);
    format!(
        "`{name}` must say where the secret is, not what it is: write {{ env = \"NAME\" }} for an environment variable, \
         {{ file = \"/path\" }} for a file that only Rollcall may read, or {{ credential = \"name\" }} for systemd's \
         LoadCredential="
    )
}

/// Whether a schema is that of a length of time.
pub(super) fn is_length_of_time(schema: &Value) -> bool {
    let here = schema.get("$ref").and_then(Value::as_str).is_some_and(|name| name.ends_with("/Duration"));
    here || variants(schema).any(is_length_of_time)
}

/// The number, if a value is a whole one.
pub(super) fn whole_number(value: &DeValue<'_>) -> Option<i128> {
    let number = value.as_integer()?;
    i128::from_str_radix(&number.as_str().replace('_', ""), number.radix()).ok()
}

/// The least and the most that an integer may be.
pub(super) fn bounds(schema: &Value) -> (i128, i128) {
    let number = |name| schema.get(name).and_then(Value::as_i64).map(i128::from);
    let (least, most) = match schema.get("format").and_then(Value::as_str) {
        Some("uint8") => (0, u8::MAX.into()),
        Some("uint16") => (0, u16::MAX.into()),
        Some("uint32") => (0, u32::MAX.into()),
        Some("int32") => (i32::MIN.into(), i32::MAX.into()),
        Some("uint64" | "uint") => (0, i64::MAX.into()),
        _ => (i64::MIN.into(), i64::MAX.into()),
    };
    (number("minimum").unwrap_or(least).max(least), number("maximum").unwrap_or(most).min(most))
}

/// Bounds in words.
pub(super) fn range(least: i128, most: i128) -> String {
    if most >= i64::MAX.into() { format!("of {least} or more") } else { format!("from {least} to {most}") }
}

/// Checks a URL.
pub(super) fn url(text: &str) -> Result<(), String> {
    let url = url::Url::parse(text)
        .map_err(|error| format!("is no URL ({error}); write it whole, such as \"https://app.example.com/scim/v2\""))?;
    if url.password().is_some() || !url.username().is_empty() {
        return Err("must not contain a user name or password; refer to the secret by its own key".to_owned());
    }
    Ok(())
}
