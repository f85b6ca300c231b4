//! A value of an attribute, as directories and expressions know it.
//!
//! Smaller than JSON on purpose: there is no null (absence is absence) and no floating point number, so that two
//! values can always be compared, sorted and hashed. Written as plain JSON for people, and in a tagged form for the
//! snapshot's binary records, which cannot guess a type from its bytes.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Deserializer, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Serialize, Serializer};

/// One attribute value.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Value {
    /// True or false.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// Text; binary values arrive here as base64.
    Text(String),
    /// Several values, in the order that the directory gave, or sorted where it gives none.
    List(Vec<Value>),
    /// Named values.
    Map(BTreeMap<String, Value>),
}

/// The tagged twin that binary formats store.
#[derive(Serialize, Deserialize)]
enum Tagged {
    Bool(bool),
    Int(i64),
    Text(String),
    List(Vec<Value>),
    Map(BTreeMap<String, Value>),
}

impl Value {
    /// The text, if this is text.
    #[must_use]
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The values of a list, or this one value alone.
    #[must_use]
    pub fn as_slice(&self) -> &[Value] {
        match self {
            Self::List(values) => values,
            single => std::slice::from_ref(single),
        }
    }

    /// Reads JSON. Null yields nothing, and nulls inside lists and maps are left out; a number that is not whole
    /// becomes its text, so that nothing is rounded.
    #[must_use]
    pub fn from_json(json: &serde_json::Value) -> Option<Self> {
        Some(match json {
            serde_json::Value::Null => return None,
            serde_json::Value::Bool(value) => Self::Bool(*value),
            serde_json::Value::Number(number) => match number.as_i64() {
                Some(whole) => Self::Int(whole),
                None => Self::Text(number.to_string()),
            },
            serde_json::Value::String(text) => Self::Text(text.clone()),
            serde_json::Value::Array(values) => Self::List(values.iter().filter_map(Self::from_json).collect()),
            serde_json::Value::Object(members) => Self::Map(
                members.iter().filter_map(|(name, value)| Some((name.clone(), Self::from_json(value)?))).collect(),
            ),
        })
    }

    /// The same value as JSON.
    #[must_use]
    pub fn to_json(&self) -> serde_json::Value {
        match self {
            Self::Bool(value) => (*value).into(),
            Self::Int(value) => (*value).into(),
            Self::Text(text) => text.clone().into(),
            Self::List(values) => values.iter().map(Self::to_json).collect(),
            Self::Map(members) => {
                serde_json::Value::Object(members.iter().map(|(k, v)| (k.clone(), v.to_json())).collect())
            }
        }
    }
}

impl fmt::Display for Value {
    /// Text as it is, everything else as JSON.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => f.write_str(text),
            other => write!(f, "{}", other.to_json()),
        }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Bool(value)
    }
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Self::Int(value)
    }
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            return self.to_json().serialize(serializer);
        }
        match self.clone() {
            Self::Bool(value) => Tagged::Bool(value),
            Self::Int(value) => Tagged::Int(value),
            Self::Text(text) => Tagged::Text(text),
            Self::List(values) => Tagged::List(values),
            Self::Map(members) => Tagged::Map(members),
        }
        .serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        if deserializer.is_human_readable() {
            return deserializer.deserialize_any(Plain);
        }
        Ok(match Tagged::deserialize(deserializer)? {
            Tagged::Bool(value) => Self::Bool(value),
            Tagged::Int(value) => Self::Int(value),
            Tagged::Text(text) => Self::Text(text),
            Tagged::List(values) => Self::List(values),
            Tagged::Map(members) => Self::Map(members),
        })
    }
}

/// Reads the plain, untagged form.
struct Plain;

impl<'de> Visitor<'de> for Plain {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a truth value, a whole number, text, a list or a map")
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Int(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(i64::try_from(value).map_or_else(|_| Value::Text(value.to_string()), Value::Int))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Value::Text(value.to_string()))
    }

    fn visit_str<E>(self, text: &str) -> Result<Value, E> {
        Ok(Value::Text(text.to_owned()))
    }

    fn visit_string<E>(self, text: String) -> Result<Value, E> {
        Ok(Value::Text(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Value, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = seq.next_element::<Option<Value>>()? {
            values.extend(value);
        }
        Ok(Value::List(values))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Value, A::Error> {
        let mut members = BTreeMap::new();
        while let Some((name, value)) = map.next_entry::<String, Option<Value>>()? {
            members.extend(value.map(|value| (name, value)));
        }
        Ok(Value::Map(members))
    }
}
