//! How a command fails: a sentence, hints, and an exit code.

use super::exit::Exit;
use crate::config::ConfigError;
use crate::run::RunError;

/// A command that failed.
#[derive(Debug)]
pub(super) struct Failure {
    /// The exit code.
    pub(super) exit: Exit,
    /// What happened, in sentences.
    pub(super) message: String,
    /// What to do next, a line each.
    pub(super) hints: Vec<String>,
}

impl Failure {
    /// An error without more.
    #[must_use]
    pub(super) fn error(message: impl Into<String>) -> Self {
        Self { exit: Exit::Error, message: message.into(), hints: Vec::new() }
    }

    /// Wrong usage.
    #[must_use]
    pub(super) fn usage(message: impl Into<String>) -> Self {
        Self { exit: Exit::Usage, message: message.into(), hints: Vec::new() }
    }

    /// The same failure, naming the organization that it concerns.
    #[must_use]
    pub(super) fn about(mut self, organization: &str) -> Self {
        self.message = format!("{organization}: {}", self.message);
        self
    }

    /// The same failure with a hint.
    #[must_use]
    pub(super) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hints.push(hint.into());
        self
    }
}

impl From<RunError> for Failure {
    fn from(error: RunError) -> Self {
        Self::error(error.to_string())
    }
}

impl From<Vec<ConfigError>> for Failure {
    fn from(errors: Vec<ConfigError>) -> Self {
        let lines: Vec<String> = errors.iter().map(ToString::to_string).collect();
        Self { exit: Exit::Configuration, message: lines.join("\n"), hints: Vec::new() }
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::error(error.to_string())
    }
}
