//! What is wrong with a configuration, pointed at in its file.

use std::fmt::Write as _;
use std::path::PathBuf;

use super::source::Place;

/// One thing that is wrong with a configuration: where, what, and what to do. Prints as
/// `config.toml:14:1: unknown key …`, followed by the line with a caret. Never contains the value of a secret.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.rendered())]
pub struct ConfigError {
    /// The file.
    pub file: PathBuf,
    /// Where in the file; none if the file as a whole is meant.
    pub place: Option<Place>,
    /// The path of the key that is meant, such as `organization.acme.scope.when`; empty if no key is.
    pub key: String,
    /// What is wrong and what to do, in a sentence without its full stop.
    pub message: String,
}

impl ConfigError {
    /// The first line alone: file, line, column and what is wrong.
    #[must_use]
    pub fn headline(&self) -> String {
        let file = self.file.display();
        match &self.place {
            Some(place) => format!("{file}:{}:{}: {}", place.line, place.column, self.message),
            None => format!("{file}: {}", self.message),
        }
    }

    fn rendered(&self) -> String {
        let mut text = self.headline();
        if let Some(place) = &self.place {
            let _ = write!(text, "\n{}", place.excerpt());
        }
        text
    }
}

/// All that is wrong, one after the other, and how much that is.
#[must_use]
pub fn report(errors: &[ConfigError]) -> String {
    let mut text: String = errors.iter().map(|error| format!("{error}\n\n")).collect();
    let number = errors.len();
    let _ = writeln!(
        text,
        "{number} {} in the configuration. Nothing was done.",
        if number == 1 { "error" } else { "errors" }
    );
    text
}

/// The nearest of some known words, if one is near enough to be meant.
pub(super) fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word = word.to_lowercase().replace('-', "_");
    known
        .into_iter()
        .map(|candidate| {
            let distance = strsim::damerau_levenshtein(&word, &candidate.replace('-', "_"));
            // A word within the other (`timeout`, `connect_timeout`) is near, too.
            let within = word.len() >= 4 && (candidate.contains(&word) || word.contains(candidate));
            (distance.min(if within { 2 } else { usize::MAX }), distance, candidate)
        })
        .filter(|(near, _, candidate)| *near <= (candidate.len().max(word.len()) / 3).max(1))
        .min()
        .map(|(_, _, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn a_slip_of_the_finger_is_recognised_and_a_strange_word_is_not() {
        let known = ["domains", "directory", "enabled", "connect_timeout", "state_dir"];
        assert_eq!(nearest("domians", known), Some("domains"));
        assert_eq!(nearest("state-dir", known), Some("state_dir"));
        assert_eq!(nearest("timeout", known), Some("connect_timeout"));
        assert_eq!(nearest("zebra", known), None);
    }
}
