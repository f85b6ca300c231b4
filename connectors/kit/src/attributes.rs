//! Attributes of a user: a map from names to values that is one sorted vector.
//!
//! A reading makes two of these for everybody, and most readings find that nothing changed. So the names cost nothing
//! where they are known beforehand or shared by many users, and there is one allocation for all of them and not several
//! nodes. Written as a map in the order of the names, as a `BTreeMap<String, Value>` is, byte for byte: the fingerprints
//! of records depend on that.

use std::borrow::Borrow;
use std::fmt;
use std::ops::{Deref, Index};
use std::sync::Arc;

use serde::de::{Deserializer, MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Serialize, Serializer};

use crate::Value;
use crate::model::attribute;

/// How many attributes are expected of what is read back, whatever it says of itself.
const EXPECTED: usize = 32;

/// The name of an attribute. Compared and sorted by its text.
#[derive(Clone)]
pub struct Name(Text);

/// Where the text of a name is.
#[derive(Clone)]
enum Text {
    /// In the program.
    Known(&'static str),
    /// Beside the users who share it.
    Shared(Arc<str>),
}

impl Name {
    /// A name that was read. One of ours costs nothing.
    #[must_use]
    pub fn of(text: &str) -> Self {
        let ours = attribute::MAPPED_BY_DEFAULT.into_iter().chain(attribute::ALSO_KNOWN);
        Self::among(text, ours)
    }

    /// A name that was read and is likely to be one of these.
    #[must_use]
    pub fn among(text: &str, likely: impl IntoIterator<Item = &'static str>) -> Self {
        let known = likely.into_iter().find(|known| *known == text);
        Self(known.map_or_else(|| Text::Shared(text.into()), Text::Known))
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match &self.0 {
            Text::Known(text) => text,
            Text::Shared(text) => text,
        }
    }
}

impl Deref for Name {
    type Target = str;

    fn deref(&self) -> &str {
        self.as_str()
    }
}

impl Borrow<str> for Name {
    fn borrow(&self) -> &str {
        self
    }
}

impl PartialEq for Name {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for Name {}

impl PartialOrd for Name {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Name {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (**self).cmp(&**other)
    }
}

impl std::hash::Hash for Name {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        (**self).hash(state);
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self)
    }
}

impl From<&'static str> for Name {
    fn from(text: &'static str) -> Self {
        Self(Text::Known(text))
    }
}

impl From<String> for Name {
    fn from(text: String) -> Self {
        Self(Text::Shared(text.into()))
    }
}

/// Values under their names, each name once, sorted by the names.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Attributes(Vec<(Name, Value)>);

impl Attributes {
    /// No attributes.
    #[must_use]
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// No attributes yet, and room for so many.
    #[must_use]
    pub fn with_capacity(capacity: usize) -> Self {
        Self(Vec::with_capacity(capacity))
    }

    /// Where a name is, or where it belongs.
    fn place(&self, name: &str) -> Result<usize, usize> {
        self.0.binary_search_by(|(known, _)| (**known).cmp(name))
    }

    /// The value under a name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.place(name).ok().map(|place| &self.0[place].1)
    }

    /// The value under a name, to be changed.
    pub fn get_mut(&mut self, name: &str) -> Option<&mut Value> {
        self.place(name).ok().map(|place| &mut self.0[place].1)
    }

    /// Whether there is a value under a name.
    #[must_use]
    pub fn contains_key(&self, name: &str) -> bool {
        self.place(name).is_ok()
    }

    /// Puts a value under a name, and returns the one that was there.
    pub fn insert(&mut self, name: impl Into<Name>, value: Value) -> Option<Value> {
        let name = name.into();
        if self.0.last().is_none_or(|(last, _)| *last < name) {
            self.0.push((name, value));
            return None;
        }
        match self.place(&name) {
            Ok(place) => Some(std::mem::replace(&mut self.0[place].1, value)),
            Err(place) => {
                self.0.insert(place, (name, value));
                None
            }
        }
    }

    /// Takes the value under a name away.
    pub fn remove(&mut self, name: &str) -> Option<Value> {
        self.place(name).ok().map(|place| self.0.remove(place).1)
    }

    /// Takes everything away.
    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Names and values, by the names.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (&Name, &Value)> + ExactSizeIterator {
        self.0.iter().map(|(name, value)| (name, value))
    }

    /// The names, sorted.
    pub fn keys(&self) -> impl DoubleEndedIterator<Item = &Name> + ExactSizeIterator {
        self.0.iter().map(|(name, _)| name)
    }

    /// The values, by their names.
    pub fn values(&self) -> impl DoubleEndedIterator<Item = &Value> + ExactSizeIterator {
        self.0.iter().map(|(_, value)| value)
    }
}

impl fmt::Debug for Attributes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

impl Index<&str> for Attributes {
    type Output = Value;

    /// # Panics
    ///
    /// If there is no value under the name.
    fn index(&self, name: &str) -> &Value {
        let place = self.place(name).unwrap_or(usize::MAX);
        &self.0[place].1
    }
}

impl<N: Into<Name>> Extend<(N, Value)> for Attributes {
    fn extend<I: IntoIterator<Item = (N, Value)>>(&mut self, attributes: I) {
        for (name, value) in attributes {
            self.insert(name, value);
        }
    }
}

impl<N: Into<Name>> FromIterator<(N, Value)> for Attributes {
    fn from_iter<I: IntoIterator<Item = (N, Value)>>(attributes: I) -> Self {
        let mut found: Vec<(Name, Value)> = attributes.into_iter().map(|(name, value)| (name.into(), value)).collect();
        if !found.is_sorted_by(|(one, _), (other, _)| one < other) {
            // A name that is given twice means what it means last.
            found.sort_by(|(one, _), (other, _)| one.cmp(other));
            found.dedup_by(|later, earlier| {
                let same = later.0 == earlier.0;
                if same {
                    std::mem::swap(&mut later.1, &mut earlier.1);
                }
                same
            });
        }
        Self(found)
    }
}

impl<N: Into<Name>, const COUNT: usize> From<[(N, Value); COUNT]> for Attributes {
    fn from(attributes: [(N, Value); COUNT]) -> Self {
        attributes.into_iter().collect()
    }
}

impl IntoIterator for Attributes {
    type Item = (Name, Value);
    type IntoIter = std::vec::IntoIter<(Name, Value)>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl Serialize for Attributes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (name, value) in &self.0 {
            map.serialize_entry(&**name, value)?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for Attributes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Map)
    }
}

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(Word)
    }
}

/// Reads attributes.
struct Map;

impl<'de> Visitor<'de> for Map {
    type Value = Attributes;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Attributes, A::Error> {
        let mut attributes = Attributes::with_capacity(map.size_hint().unwrap_or_default().min(EXPECTED));
        while let Some((name, value)) = map.next_entry::<Name, Value>()? {
            attributes.insert(name, value);
        }
        Ok(attributes)
    }
}

/// Reads a name.
struct Word;

impl Visitor<'_> for Word {
    type Value = Name;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_str<E>(self, text: &str) -> Result<Name, E> {
        Ok(Name::of(text))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::value::tests::any_value;

    type Twin = BTreeMap<String, Value>;

    /// Names and values, of which some names are ours and some come twice.
    fn any_pairs() -> impl Strategy<Value = Vec<(String, Value)>> {
        let name = prop_oneof![Just("email".to_owned()), Just("manager".to_owned()), "[ab]{0,2}", ".*"];
        proptest::collection::vec((name, any_value()), 0..12)
    }

    proptest! {
        #[test]
        fn what_is_written_is_what_a_tree_of_the_same_content_writes(pairs in any_pairs()) {
            let twin: Twin = pairs.iter().cloned().collect();
            let collected: Attributes = pairs.iter().cloned().collect();
            let mut inserted = Attributes::new();
            let read = pairs.into_iter().map(|(name, value)| (Name::of(&name), value));
            inserted.extend(read);
            prop_assert_eq!(&inserted, &collected);
            let json = serde_json::to_string(&collected).unwrap();
            prop_assert_eq!(&json, &serde_json::to_string(&twin).unwrap());
            prop_assert_eq!(serde_json::from_str::<Attributes>(&json).unwrap(), collected.clone());
            let bytes = postcard::to_stdvec(&collected).unwrap();
            prop_assert_eq!(&bytes, &postcard::to_stdvec(&twin).unwrap());
            prop_assert_eq!(postcard::from_bytes::<Attributes>(&bytes).unwrap(), collected.clone());
            prop_assert_eq!(postcard::from_bytes::<Twin>(&bytes).unwrap(), twin.clone());
            prop_assert_eq!(format!("{collected:?}"), format!("{twin:?}"));
        }

        #[test]
        fn whatever_is_done_to_them_they_are_as_a_tree_is(
            steps in proptest::collection::vec(("[abc]{0,2}", proptest::option::of(any_value())), 0..24),
        ) {
            let (mut attributes, mut twin) = (Attributes::new(), Twin::new());
            for (name, value) in steps {
                match value {
                    Some(value) => {
                        prop_assert_eq!(attributes.insert(name.clone(), value.clone()), twin.insert(name, value));
                    }
                    None => prop_assert_eq!(attributes.remove(&name), twin.remove(&name)),
                }
                let own: Vec<(&str, &Value)> = attributes.iter().map(|(name, value)| (&**name, value)).collect();
                prop_assert_eq!(own, twin.iter().map(|(name, value)| (&**name, value)).collect::<Vec<_>>());
            }
            for name in ["", "a", "bc", "cc"] {
                prop_assert_eq!(attributes.get(name), twin.get(name));
                prop_assert_eq!(attributes.contains_key(name), twin.contains_key(name));
            }
        }

        #[test]
        fn what_is_written_without_order_is_read_as_a_tree_reads_it(pairs in any_pairs()) {
            let text: Vec<String> = pairs
                .iter()
                .map(|(name, value)| format!("{}:{}", serde_json::to_string(name).unwrap(), value.to_json()))
                .collect();
            let text = format!("{{{}}}", text.join(","));
            let read = serde_json::from_str::<Attributes>(&text).unwrap();
            let twin = serde_json::from_str::<Twin>(&text).unwrap();
            prop_assert_eq!(serde_json::to_string(&read).unwrap(), serde_json::to_string(&twin).unwrap());
        }

        #[test]
        fn damaged_bytes_are_an_error_and_never_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            let read = postcard::from_bytes::<Attributes>(&bytes).map_err(|error| error.to_string());
            let twin = postcard::from_bytes::<Twin>(&bytes).map_err(|error| error.to_string());
            prop_assert_eq!(read.map(|read| format!("{read:?}")), twin.map(|twin| format!("{twin:?}")));
        }
    }

    #[test]
    fn a_name_is_its_text_wherever_that_is() {
        let (known, shared) = (Name::from("email"), Name::from("email".to_owned()));
        assert_eq!(known, shared);
        assert!(matches!(Name::of("email").0, Text::Known("email")));
        assert!(matches!(Name::of("badge").0, Text::Shared(_)));
        assert!(matches!(Name::among("badge", ["badge"]).0, Text::Known("badge")));
    }

    #[test]
    fn null_is_no_value_of_an_attribute() {
        assert!(serde_json::from_str::<Attributes>(r#"{"a":null}"#).is_err());
    }
}
