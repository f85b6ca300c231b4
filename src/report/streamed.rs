//! A JSON document of which long lists are made while it is printed.
//!
//! A plan may have a million changes. The rest of its document is small and a [`Value`], which keeps its keys in order;
//! the long lists are empty in it, and stand aside until their turn comes.

use std::io::{self, Write};
use std::sync::Arc;

use serde::ser::{Error as _, SerializeMap as _};
use serde::{Serialize, Serializer};
use serde_json::{Value, json};

use crate::apply::Outcome;
use crate::plan::{ChangeId, Plan};

/// A document for programs.
pub struct Json(Content);

enum Content {
    /// A value, and what fills some of the lists that are empty in it.
    One { value: Value, lists: Vec<(Path, List)> },
    /// Several documents.
    Several(Vec<Json>),
}

/// Where a list is: the keys that lead to it.
pub(super) type Path = &'static [&'static str];

/// A list that may be long.
pub(super) enum List {
    /// The changes of a plan.
    Changes(Arc<Plan>),
    /// How changes ended.
    Outcomes(Vec<(ChangeId, Outcome)>),
}

impl From<Value> for Json {
    fn from(value: Value) -> Self {
        Self(Content::One { value, lists: Vec::new() })
    }
}

impl Json {
    /// A document in which these lists are empty so far.
    pub(super) fn with_lists(value: Value, lists: Vec<(Path, List)>) -> Self {
        Self(Content::One { value, lists })
    }

    /// What a command about several organizations prints: the one document, or a list of all.
    #[must_use]
    pub fn one_or_list(mut documents: Vec<Self>) -> Self {
        match documents.pop() {
            Some(one) if documents.is_empty() => one,
            last => {
                documents.extend(last);
                Self(Content::Several(documents))
            }
        }
    }

    /// Writes it for standard output: indented, ending in a line feed.
    ///
    /// # Errors
    ///
    /// If it cannot be written.
    pub fn write(&self, into: &mut dyn Write) -> io::Result<()> {
        serde_json::to_writer_pretty(&mut *into, self)?;
        into.write_all(b"\n")
    }
}

impl Serialize for Json {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.0 {
            Content::Several(all) => serializer.collect_seq(all),
            Content::One { value, lists } => {
                let lists = lists.iter().map(|(path, list)| (*path, list)).collect();
                Place { value, lists }.serialize(serializer)
            }
        }
    }
}

/// A place in a document, with the lists that are below it.
struct Place<'a> {
    value: &'a Value,
    lists: Vec<(Path, &'a List)>,
}

impl Serialize for Place<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if let Some((_, list)) = self.lists.iter().find(|(path, _)| path.is_empty()) {
            return list.serialize(serializer);
        }
        let Value::Object(members) = self.value else { return self.value.serialize(serializer) };
        let mut map = serializer.serialize_map(Some(members.len()))?;
        for (name, value) in members {
            let below = self.lists.iter().filter_map(|(path, list)| {
                let (next, path) = path.split_first()?;
                (*next == name.as_str()).then_some((path, *list))
            });
            map.serialize_entry(name, &Place { value, lists: below.collect() })?;
        }
        map.end()
    }
}

impl Serialize for List {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Changes(plan) => {
                serializer.collect_seq(plan.changes.iter().map(|change| Sorted(move || serde_json::to_value(&*change))))
            }
            Self::Outcomes(outcomes) => serializer.collect_seq(
                outcomes
                    .iter()
                    .map(|(change, outcome)| Sorted(move || Ok(json!({ "change": change, "outcome": outcome })))),
            ),
        }
    }
}

/// One item, which is a value with its keys in order only while it is written.
struct Sorted<F>(F);

impl<F: Fn() -> serde_json::Result<Value>> Serialize for Sorted<F> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        (self.0)().map_err(S::Error::custom)?.serialize(serializer)
    }
}
