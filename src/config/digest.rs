//! Digests of an organization's configuration: whether its rules were edited, and whether a plan was made from it.
//!
//! What decides who is in, what they get, and what a read can see counts as a rule; how we connect, and how fast, does
//! not. Which settings of a directory decide is said by the connector itself. Settings hold references to secrets, never
//! secrets, so nothing can be guessed from a digest.

use rollcall_kit::{DigestError, HumanDuration, digest};
use serde::Serialize;
use serde_json::Value;

use super::Organization;

impl Organization {
    /// The hash of what decides who is in scope and as what: domains, scope, mapping, roles, and of the directory's
    /// settings those that decide what we see. When it changes, the next plan that takes something away waits for a
    /// person.
    ///
    /// # Errors
    ///
    /// If it cannot be written down.
    pub fn rules_hash(&self) -> Result<String, DigestError> {
        digest(&(&self.roster, self.directory.decisive()))
    }

    /// The hash of that part of it which decides what the directory shows us: all but domains, scope, mapping, roles.
    ///
    /// # Errors
    ///
    /// If it cannot be written down.
    pub fn reading_hash(&self) -> Result<String, DigestError> {
        digest(&self.directory.decisive())
    }

    /// Whether a hash that was kept is that of these rules, made by this version or by the one before.
    #[must_use]
    pub fn is_rules_hash(&self, kept: &str) -> bool {
        is_of(kept, &(&self.roster, self.directory.decisive()))
            || is_of(kept, &(&self.roster, self.reading_as_before()))
    }

    /// Whether a hash that was kept is that of what decides what we are shown, made by this version or by the one before.
    #[must_use]
    pub fn is_reading_hash(&self, kept: &str) -> bool {
        is_of(kept, &self.directory.decisive()) || is_of(kept, &self.reading_as_before())
    }

    /// The hash of all that decides what a plan contains and whether it passes: the rules, limits, protection and the
    /// target. A plan names it, and is stale when it has changed.
    ///
    /// # Errors
    ///
    /// If it cannot be written down.
    pub fn configuration_hash(&self) -> Result<String, DigestError> {
        let protection = (&self.protection, self.protected_roles());
        digest(&(&self.roster, self.directory.decisive(), &self.reading, &self.limits, protection, &self.target))
    }

    /// What version 0.1.0 hashed of the directory: all of its settings but a few. An upgrade is no edit.
    fn reading_as_before(&self) -> Value {
        let mut directory = self.directory.json();
        if let Some(settings) = directory.as_object_mut() {
            for key in ["timeouts", "page_size", "ca_file", "bind_password", "start_tls", "max_size_mib"] {
                settings.remove(key);
            }
        }
        if let Some(settings) = directory.as_object_mut()
            && let Some(pace) = settings.remove("requests_per_minute")
        {
            settings.insert("queries_per_minute".to_owned(), pace);
        }
        for (pointer, unit) in LENGTHS_BEFORE {
            if let Some(length) = directory.pointer_mut(pointer)
                && let Some(read) = length.as_str().and_then(|text| text.parse::<HumanDuration>().ok())
            {
                *length = (read.as_seconds() / unit).into();
            }
        }
        directory
    }
}

/// Lengths of time that were numbers in version 0.1.0, and the seconds of their unit.
const LENGTHS_BEFORE: [(&str, u32); 6] = [
    ("/read_timeout", 1),
    ("/activity_lag", 60),
    ("/http/connect_timeout", 1),
    ("/http/idle_timeout", 1),
    ("/http/timeout", 1),
    ("/http/max_wait", 1),
];

/// How many digits earlier versions kept.
const KEPT_BEFORE: usize = 16;

/// Whether a digest that was kept is that of this value.
fn is_of(kept: &str, value: &impl Serialize) -> bool {
    digest(value).is_ok_and(|digest| kept == digest || digest.get(..KEPT_BEFORE) == Some(kept))
}
