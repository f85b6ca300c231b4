//! Finds the place of a key, for errors that are found long after the file was read (an expression that does not
//! compile), so that they too point into the file.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use super::check::Spans;
use super::error::ConfigError;
use super::source::{Place, Source};

/// Where every key of every file stands.
#[derive(Clone, Debug, Default)]
pub struct Locations(BTreeMap<String, (Arc<Source>, Range<usize>)>);

impl Locations {
    /// Takes in the places of one file, whose keys all lie below a prefix.
    pub(super) fn add(&mut self, source: &Arc<Source>, prefix: &str, spans: Spans) {
        for (key, span) in spans {
            let key = match (prefix.is_empty(), key.is_empty()) {
                (true, _) => key,
                (_, true) => prefix.to_owned(),
                _ => format!("{prefix}.{key}"),
            };
            self.0.insert(key, (Arc::clone(source), span));
        }
    }

    /// The place of a key's value: `organization.acme.scope.when`, `organization.acme.role[2].group`. For a key that
    /// is not in the file, that of the nearest table around it.
    #[must_use]
    pub fn locate(&self, key: &str) -> Option<(&Source, Place)> {
        let mut key = key.trim_end_matches('.');
        loop {
            if let Some((source, span)) = self.0.get(key) {
                return Some((source, source.place(span)));
            }
            key = &key[..key.rfind(['.', '['])?];
        }
    }

    /// The key whose value stands at a range of a file, or most closely around it.
    pub(super) fn key_at(&self, source: &Source, at: &Range<usize>) -> Option<&str> {
        let around = self
            .0
            .iter()
            .filter(|(_, (file, span))| file.path() == source.path() && span.start <= at.start && at.end <= span.end);
        around.min_by_key(|(_, (_, span))| span.len()).map(|(key, _)| key.as_str())
    }

    /// An error about a key, pointed at in its file.
    #[must_use]
    pub fn error(&self, key: &str, message: impl Into<String>) -> ConfigError {
        let located = self.locate(key);
        ConfigError {
            file: located.as_ref().map(|(source, _)| source.path().to_owned()).unwrap_or_default(),
            place: located.map(|(_, place)| place),
            key: key.to_owned(),
            message: message.into(),
        }
    }
}
