//! A ledger belongs to one target: its ids mean nothing, or somebody else, in another one.
//!
//! So the snapshot remembers the URL for which its ledger was made, and a run whose configuration names another one
//! asks nothing and writes nothing. An application that merely moved is told apart by a person, who names the old URL
//! in the configuration (`formerly`).

use serde_json::Value;
use url::Url;

use super::error::RunError;
use super::session::Session;
use crate::snapshot::fact;

impl Session {
    /// Refuses to go on if the ledger was made for another target; else remembers the target.
    ///
    /// # Errors
    ///
    /// [`RunError::OtherTarget`], or if the snapshot cannot be used.
    pub(super) fn require_same_target(&self) -> Result<(), RunError> {
        let settings = &self.organization.target;
        let now = plain(&settings.url);
        let known = match self.store.fact(fact::TARGET)? {
            Some(Value::String(known)) => Some(known),
            _ => None,
        };
        if known.as_ref() == Some(&now) {
            return Ok(());
        }
        if let Some(known) = known
            && settings.formerly.as_ref().map(plain).as_ref() != Some(&known)
            && !self.owns_nothing()?
        {
            return Err(RunError::OtherTarget { known, now });
        }
        Ok(self.store.set_fact(fact::TARGET, &Value::String(now))?)
    }

    fn owns_nothing(&self) -> Result<bool, RunError> {
        let nothing = self.store.accounts().next().transpose()?.is_none()
            && self.store.ledger_groups().next().transpose()?.is_none();
        Ok(nothing && self.store.unsettled()?.is_empty())
    }
}

/// The URL in one spelling.
fn plain(url: &Url) -> String {
    url.as_str().trim_end_matches('/').to_owned()
}
