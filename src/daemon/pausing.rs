//! An organization that somebody paused stays so, whatever is restarted: the snapshot keeps it.

use super::state::Paused;
use crate::run::{RunError, Store};
use crate::snapshot::fact;

/// Who paused it, if somebody did.
///
/// # Errors
///
/// If the snapshot cannot be read.
pub fn paused(store: &dyn Store) -> Result<Option<Paused>, RunError> {
    Ok(store.fact(fact::PAUSED)?.and_then(|json| serde_json::from_value(json).ok()))
}

/// Keeps that it is paused, or that it is not any more.
///
/// # Errors
///
/// If the snapshot cannot be written.
pub fn keep(store: &dyn Store, paused: Option<&Paused>) -> Result<(), RunError> {
    let json = serde_json::to_value(paused).map_err(|error| RunError::Internal(error.to_string()))?;
    Ok(store.set_fact(fact::PAUSED, &json)?)
}
