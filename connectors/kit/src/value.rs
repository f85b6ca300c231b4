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
#[derive(Deserialize)]
#[cfg_attr(test, derive(Serialize))]
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
            return match self {
                Self::Bool(value) => serializer.serialize_bool(*value),
                Self::Int(value) => serializer.serialize_i64(*value),
                Self::Text(text) => serializer.serialize_str(text),
                Self::List(values) => serializer.collect_seq(values),
                Self::Map(members) => serializer.collect_map(members),
            };
        }
        // As `Tagged` would be written, without making one.
        match self {
            Self::Bool(value) => serializer.serialize_newtype_variant("Tagged", 0, "Bool", value),
            Self::Int(value) => serializer.serialize_newtype_variant("Tagged", 1, "Int", value),
            Self::Text(text) => serializer.serialize_newtype_variant("Tagged", 2, "Text", text),
            Self::List(values) => serializer.serialize_newtype_variant("Tagged", 3, "List", values),
            Self::Map(members) => serializer.serialize_newtype_variant("Tagged", 4, "Map", members),
        }
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
        // As `from_json` spells it: `1e3` is "1000.0" both ways, or one record would be two.
        let text = serde_json::Number::from_f64(value).map_or_else(|| value.to_string(), |number| number.to_string());
        Ok(Value::Text(text))
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
            // A name that is given twice means what it means last, and null is absence.
            match value {
                Some(value) => drop(members.insert(name, value)),
                None => drop(members.remove(&name)),
            }
        }
        Ok(Value::Map(members))
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    /// Any value, nested a few levels deep.
    pub(crate) fn any_value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            any::<bool>().prop_map(Value::Bool),
            any::<i64>().prop_map(Value::Int),
            ".*".prop_map(Value::Text),
        ];
        leaf.prop_recursive(3, 24, 4, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..4).prop_map(Value::List),
                proptest::collection::btree_map(".*", inner, 0..4).prop_map(Value::Map),
            ]
        })
    }

    proptest! {
        #[test]
        fn a_value_survives_json(value in any_value()) {
            let text = serde_json::to_string(&value).unwrap();
            prop_assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), value.clone());
            prop_assert_eq!(Value::from_json(&value.to_json()), Some(value));
        }

        #[test]
        fn a_value_survives_the_snapshots_binary_form(value in any_value()) {
            let bytes = postcard::to_stdvec(&value).unwrap();
            prop_assert_eq!(postcard::from_bytes::<Value>(&bytes).unwrap(), value);
        }

        #[test]
        fn a_value_is_written_as_its_twin_is(value in any_value()) {
            let twin = match value.clone() {
                Value::Bool(value) => Tagged::Bool(value),
                Value::Int(value) => Tagged::Int(value),
                Value::Text(text) => Tagged::Text(text),
                Value::List(values) => Tagged::List(values),
                Value::Map(members) => Tagged::Map(members),
            };
            prop_assert_eq!(postcard::to_stdvec(&value).unwrap(), postcard::to_stdvec(&twin).unwrap());
            prop_assert_eq!(serde_json::to_string(&value).unwrap(), value.to_json().to_string());
        }

        #[test]
        fn damaged_bytes_are_an_error_and_never_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            let _ = postcard::from_bytes::<Value>(&bytes);
        }
    }

    #[test]
    fn json_has_no_tags() {
        let value = Value::Map([("a".to_owned(), Value::List(vec![Value::Int(1), true.into(), "x".into()]))].into());
        assert_eq!(serde_json::to_string(&value).unwrap(), r#"{"a":[1,true,"x"]}"#);
    }

    #[test]
    fn null_is_absence() {
        assert_eq!(Value::from_json(&json!(null)), None);
        let expected = Value::from_json(&json!({"a": [1, 2]}));
        assert_eq!(Value::from_json(&json!({"a": [1, null, 2], "b": null})), expected);
        assert_eq!(serde_json::from_str(r#"{"a": [1, null, 2], "b": null}"#).ok(), expected);
        assert_eq!(serde_json::from_str(r#"{"b": 1, "a": [1, 2], "b": null}"#).ok(), expected);
    }

    #[test]
    fn a_number_that_is_not_whole_or_too_large_becomes_text_and_is_not_rounded() {
        for number in ["1.5", "18446744073709551615", "1000.0", "-0.0"] {
            let json: serde_json::Value = serde_json::from_str(number).unwrap();
            assert_eq!(Value::from_json(&json), Some(number.into()));
            assert_eq!(serde_json::from_str::<Value>(number).unwrap(), number.into());
        }
    }

    #[test]
    fn a_single_value_counts_as_a_list_of_one() {
        assert_eq!(Value::Int(1).as_slice(), [Value::Int(1)]);
        assert_eq!(Value::List(vec![]).as_slice(), []);
    }

    #[test]
    fn text_is_shown_as_it_is_and_everything_else_as_json() {
        assert_eq!(Value::from("a \"b\"").to_string(), "a \"b\"");
        assert_eq!(Value::List(vec!["a".into(), Value::Int(1)]).to_string(), r#"["a",1]"#);
    }
}
