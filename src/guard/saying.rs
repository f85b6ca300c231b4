//! Whether a text says what a plan file says, and nothing beyond it.
//!
//! A key that only people see would be approved by them and done by nobody, so what was read is compared with all that
//! stands there, in whatever order and however it is indented. The changes, of which there may be a million, are compared
//! one after the other; the rest is small, and is compared at once.

use std::fmt;

use serde::Deserializer;
use serde::de::{DeserializeSeed, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use crate::plan::Changes;
use crate::plan::changes::Iter;

/// Where the changes are in a plan file.
const CHANGES: [&str; 2] = ["plan", "changes"];

/// Whether this text says that there are these changes, and beside them only the rest.
///
/// # Errors
///
/// If it is no JSON, or has something else where the changes should be.
pub(super) fn says_only(text: &str, changes: &Changes, rest: &Value) -> serde_json::Result<bool> {
    let (mut changes, mut same) = (changes.iter(), true);
    let mut text = serde_json::Deserializer::from_str(text);
    let found = Around { path: &CHANGES, changes: &mut changes, same: &mut same }.deserialize(&mut text)?;
    text.end()?;
    Ok(same && changes.next().is_none() && found == *rest)
}

/// Reads a value in which the changes at this place are compared while they are read. Nothing is left of them.
struct Around<'a, 'b> {
    path: &'static [&'static str],
    changes: &'a mut Iter<'b>,
    same: &'a mut bool,
}

impl<'de> DeserializeSeed<'de> for Around<'_, '_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        match self.path {
            [] => deserializer.deserialize_seq(self),
            _ => deserializer.deserialize_map(self),
        }
    }
}

impl<'de> Visitor<'de> for Around<'_, '_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.path.is_empty() { "a list of changes" } else { "a plan file" })
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut rest = Map::new();
        while let Some(name) = members.next_key::<String>()? {
            let value = match self.path {
                [next, path @ ..] if name == *next => {
                    members.next_value_seed(Around { path, changes: &mut *self.changes, same: &mut *self.same })?
                }
                _ => members.next_value()?,
            };
            rest.insert(name, value);
        }
        Ok(Value::Object(rest))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Value, A::Error> {
        while let Some(said) = list.next_element::<Value>()? {
            let read = self.changes.next().map(serde_json::to_value).transpose().map_err(A::Error::custom)?;
            *self.same &= read == Some(said);
        }
        Ok(Value::Array(Vec::new()))
    }
}
