//! What the settings of a kind of directory can do: the trait [`DirectorySettings`], which each connector implements
//! beside its type.
//!
//! The engine reads a configuration file, and knows of a directory no more than this trait: its word in the file, what
//! is wrong with its settings, which of them decide what a read can see, where relative paths start, how to build the
//! connector, and what a first configuration looks like.

use std::fmt::{self, Debug};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::http::HttpSettings;
use crate::template::Template;
use crate::{Connector, ReadError};

/// The settings of one kind of directory, as the configuration file spells them.
pub trait DirectorySettings:
    Clone + Debug + PartialEq + Serialize + DeserializeOwned + JsonSchema + Send + Sync + 'static
{
    /// The word for it in the configuration: `ldap`, `file`, `okta`.
    const KIND: &'static str;

    /// First configurations for it; several where one connector reads several kinds of servers.
    const TEMPLATES: &'static [Template];

    /// Everything that can be found wrong without asking anybody.
    fn problems(&self) -> Vec<Problem>;

    /// What of the settings decides what a read can see: who answers, who asks, and for what. When it
    /// changes, the rules count as edited. What is not in it (how we connect, how fast, where a secret is kept) can be
    /// changed at any time without a question.
    ///
    /// Take the settings apart without `..`, so that a new field is a decision.
    fn decisive(&self) -> Value;

    /// Lets relative paths start at this folder.
    fn start_at(&mut self, folder: &Path);

    /// How connections are made, if they are by HTTP.
    fn http(&self) -> Option<&HttpSettings> {
        None
    }

    /// Files that are good until a day, besides those of [`DirectorySettings::http`].
    fn ending_files(&self) -> Vec<EndingFile> {
        Vec::new()
    }

    /// The connector. Nothing is sent.
    ///
    /// # Errors
    ///
    /// [`ReadError::Settings`], naming the settings and what to write instead.
    fn build(self) -> Result<Arc<dyn Connector>, ReadError>;
}

/// A file that is good until a day, and what it is, for sentences.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EndingFile {
    /// A PEM file whose first certificate is the one that ends.
    Certificate(&'static str, PathBuf),
    /// A PEM file with authorities; the first of them to end counts.
    Authorities(&'static str, PathBuf),
}

/// Something that is wrong with settings.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The key that is meant, from the settings' own table on: `timeouts.connect`, `members_of[2]`. It may be missing
    /// in the file. Empty if the table as a whole is meant.
    pub key: String,
    /// What is wrong and what to do, in a sentence without its full stop. It names the key itself where that helps.
    pub message: String,
}

impl Problem {
    /// Something that is wrong with a key.
    #[must_use]
    pub fn new(key: impl Into<String>, message: impl Into<String>) -> Self {
        Self { key: key.into(), message: message.into() }
    }

    /// The problem as the table around sees it, which has these settings under a key.
    #[must_use]
    pub fn within(self, table: &str) -> Self {
        let key = if self.key.is_empty() { table.to_owned() } else { format!("{table}.{}", self.key) };
        Self { key, ..self }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl From<Problem> for ReadError {
    fn from(problem: Problem) -> Self {
        Self::Settings(problem.message)
    }
}

/// What was found wrong so far.
#[derive(Debug, Default)]
pub struct Problems(Vec<Problem>);

impl Problems {
    /// Nothing yet.
    #[must_use]
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// Adds one.
    pub fn add(&mut self, key: impl Into<String>, message: impl Into<String>) {
        self.0.push(Problem::new(key, message));
    }

    /// Adds one if it is there.
    pub fn add_if(&mut self, is_wrong: bool, key: &str, message: impl Into<String>) {
        if is_wrong {
            self.add(key, message);
        }
    }

    /// Adds what went wrong, and yields what did not.
    pub fn check<T>(&mut self, outcome: Result<T, Problem>) -> Option<T> {
        outcome.map_err(|problem| self.0.push(problem)).ok()
    }

    /// Adds what is wrong with the settings under a key.
    pub fn within(&mut self, table: &str, problems: impl IntoIterator<Item = Problem>) {
        self.0.extend(problems.into_iter().map(|problem| problem.within(table)));
    }

    /// Adds each blank name of a list, which would name nothing.
    pub fn blanks(&mut self, key: &str, names: &[String], message: &str) {
        for index in names.iter().enumerate().filter(|(_, name)| name.trim().is_empty()).map(|(index, _)| index) {
            self.add(format!("{key}[{index}]"), message);
        }
    }

    /// All of them, in the order in which they were found.
    #[must_use]
    pub fn all(self) -> Vec<Problem> {
        self.0
    }
}

/// Nothing if nothing is wrong.
///
/// # Errors
///
/// [`ReadError::Settings`] with everything that is wrong.
pub fn refuse(problems: &[Problem]) -> Result<(), ReadError> {
    let messages: Vec<&str> = problems.iter().map(|problem| problem.message.as_str()).collect();
    if messages.is_empty() { Ok(()) } else { Err(ReadError::Settings(messages.join("; "))) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_that_is_wrong_is_told_with_its_key() {
        let mut problems = Problems::new();
        problems.add_if(false, "a", "a is fine");
        problems.blanks("names", &["x".to_owned(), " ".to_owned()], "names holds an empty name");
        problems.within("http", [Problem::new("timeout", "timeout is 0"), Problem::new("", "all of it is wrong")]);
        assert_eq!(problems.check(Err::<(), _>(Problem::new("b", "b is wrong"))), None);
        let all = problems.all();
        let keys: Vec<&str> = all.iter().map(|problem| problem.key.as_str()).collect();
        assert_eq!(keys, ["names[1]", "http.timeout", "http", "b"]);
        let told = "names holds an empty name; timeout is 0; all of it is wrong; b is wrong";
        assert_eq!(refuse(&all).unwrap_err().to_string(), told);
        assert!(refuse(&[]).is_ok());
    }
}
