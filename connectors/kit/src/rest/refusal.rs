//! What an answer means that is no success.

use crate::ReadError;

/// What a provider says in an answer that is no success.
pub trait Refusal {
    /// Whether the provider itself, and not something between, says that there is no such thing.
    fn is_not_found(&self) -> bool;

    /// What it means for a read.
    fn meaning(&self) -> Meaning;

    /// The provider's own words.
    fn words(&self) -> String;

    /// What to do.
    fn remedy(&self) -> String;

    /// What it means for a read of this collection at this server, as this identity; `what` was asked for.
    fn error(&self, (server, identity): (&str, &str), what: &str, collection: &str) -> ReadError {
        let reason = format!("{}; {}", self.words(), self.remedy());
        let identity = identity.to_owned();
        match self.meaning() {
            Meaning::SignIn => ReadError::SignIn { server: server.to_owned(), identity, reason },
            Meaning::Denied => ReadError::Denied { identity, what: what.to_owned(), reason },
            Meaning::NotUnderstood => ReadError::Settings(format!("{what} is not understood: {reason}")),
            Meaning::Incomplete => ReadError::incomplete(collection, format!("{what}: {reason}")),
        }
    }
}

/// What a refusal means for a read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meaning {
    /// The token is not accepted.
    SignIn,
    /// We may not see it.
    Denied,
    /// The settings ask for something that the provider does not understand.
    NotUnderstood,
    /// The read did not end as a complete one does.
    Incomplete,
}
