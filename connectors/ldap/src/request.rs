//! What is asked of a server: a search, the same on each of its pages.

use ldap3::Scope as LdapScope;

/// What a search covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    /// The base alone.
    Base,
    /// The base and everything below it.
    Subtree,
}

impl From<Scope> for LdapScope {
    fn from(scope: Scope) -> Self {
        match scope {
            Scope::Base => Self::Base,
            Scope::Subtree => Self::Subtree,
        }
    }
}

/// A search, the same on each of its pages.
#[derive(Clone, Debug)]
pub(crate) struct Search {
    /// What it reads, for reports and errors.
    pub(crate) collection: &'static str,
    pub(crate) base: String,
    pub(crate) scope: Scope,
    pub(crate) filter: String,
    /// By name; an empty list would mean all.
    pub(crate) attributes: Vec<String>,
}
