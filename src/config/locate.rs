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

    /// An error about a part of a key's value: the first byte and how many bytes of the string that stands there.
    #[must_use]
    pub fn error_within(&self, key: &str, (first, length): (usize, usize), message: impl Into<String>) -> ConfigError {
        let mut error = self.error(key, message);
        if let Some((source, span)) = self.0.get(key)
            && let Some(start) = content(&source.text()[span.clone()])
        {
            let start = span.start + start + first;
            error.place = Some(source.place(&(start..(start + length).min(span.end))));
        }
        error
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

/// Where the content of a string begins within its TOML, if its bytes are those of the value: an escape would shift
/// everything behind it.
fn content(toml: &str) -> Option<usize> {
    let quotes = ["\"\"\"", "'''", "\"", "'"].into_iter().find(|quotes| toml.starts_with(quotes))?;
    let escapes = quotes.starts_with('"') && toml.contains('\\');
    // The line feed right behind three quotes is not part of the value.
    let line_feed = usize::from(quotes.len() == 3 && toml[3..].starts_with('\n'));
    (!escapes).then_some(quotes.len() + line_feed)
}
