//! One user as the document writes it, borrowed from its text: names and values in the order of the file.

use std::borrow::Cow;
use std::fmt;

use rollcall_kit::Value;
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

/// What is given under a name.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Given<'a> {
    /// Null: nothing.
    Nothing,
    Bool(bool),
    Int(i64),
    /// A number that is not whole or too large, as text.
    Number(String),
    Text(Cow<'a, str>),
    /// A list or a map.
    Many(Value),
}

impl Given<'_> {
    /// The value, unless it is null.
    pub(super) fn value(&self) -> Option<Value> {
        Some(match self {
            Self::Nothing => return None,
            Self::Bool(value) => Value::Bool(*value),
            Self::Int(value) => Value::Int(*value),
            Self::Number(text) => Value::Text(text.clone()),
            Self::Text(text) => Value::Text(text.clone().into_owned()),
            Self::Many(value) => value.clone(),
        })
    }

    /// The value as one text, if it is a text or a number.
    pub(super) fn as_one(&self) -> Option<Cow<'_, str>> {
        match self {
            Self::Int(number) => Some(Cow::Owned(number.to_string())),
            Self::Number(text) => Some(Cow::Borrowed(text)),
            Self::Text(text) => Some(Cow::Borrowed(text)),
            Self::Nothing | Self::Bool(_) | Self::Many(_) => None,
        }
    }
}

/// The names and values of one user.
#[derive(Debug, PartialEq)]
pub(super) struct Record<'a> {
    pub(super) names: Vec<Cow<'a, str>>,
    pub(super) values: Vec<Given<'a>>,
}

impl<'a> Record<'a> {
    /// What stands at a place, if there is such a place.
    pub(super) fn given(&self, place: Option<usize>) -> Option<&Given<'a>> {
        self.values.get(place?)
    }
}

/// How many names are expected before the lists grow.
const USUAL: usize = 16;

impl<'de> Deserialize<'de> for Record<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(RecordVisitor)
    }
}

struct RecordVisitor;

impl<'de> Visitor<'de> for RecordVisitor {
    type Value = Record<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a user")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Record<'de>, A::Error> {
        let mut record = Record { names: Vec::with_capacity(USUAL), values: Vec::with_capacity(USUAL) };
        while let Some(Name(name)) = map.next_key()? {
            record.names.push(name);
            record.values.push(map.next_value()?);
        }
        Ok(record)
    }
}

/// A text that is borrowed where it has no escapes.
#[derive(serde::Deserialize)]
pub(super) struct Name<'a>(#[serde(borrow)] pub(super) Cow<'a, str>);

impl<'de> Deserialize<'de> for Given<'de> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(GivenVisitor)
    }
}

struct GivenVisitor;

impl<'de> Visitor<'de> for GivenVisitor {
    type Value = Given<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E>(self) -> Result<Given<'de>, E> {
        Ok(Given::Nothing)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Given<'de>, E> {
        Ok(Given::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Given<'de>, E> {
        Ok(Given::Int(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Given<'de>, E> {
        Ok(i64::try_from(value).map_or_else(|_| Given::Number(value.to_string()), Given::Int))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Given<'de>, E> {
        let number = serde_json::Number::from_f64(value);
        Ok(Given::Number(number.map_or_else(|| value.to_string(), |number| number.to_string())))
    }

    fn visit_borrowed_str<E>(self, text: &'de str) -> Result<Given<'de>, E> {
        Ok(Given::Text(Cow::Borrowed(text)))
    }

    fn visit_str<E>(self, text: &str) -> Result<Given<'de>, E> {
        Ok(Given::Text(Cow::Owned(text.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, seq: A) -> Result<Given<'de>, A::Error> {
        Value::deserialize(SeqAccessDeserializer::new(seq)).map(Given::Many)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Given<'de>, A::Error> {
        Value::deserialize(MapAccessDeserializer::new(map)).map(Given::Many)
    }
}
