//! `rollcall schema`: the JSON Schema of the configuration.

use super::exit::Exit;
use super::failure::Failure;
use crate::{config, report};

/// Prints the schema.
pub(super) fn schema() -> Result<Exit, Failure> {
    report::print(&report::json::pretty(&config::schema()))?;
    Ok(Exit::Done)
}
