//! `rollcall history`: the last runs.

use std::path::Path;

use super::arguments::HistoryArguments;
use super::exit::Exit;
use super::failure::Failure;
use super::select;
use crate::report::{self, json};
use crate::run::{open_store, runs};

/// Lists the last runs, newest first.
pub(super) fn history(config: &Path, arguments: &HistoryArguments) -> Result<Exit, Failure> {
    let configuration = select::load(config)?;
    let mut records = Vec::new();
    for organization in select::organizations(&configuration, arguments.organization.as_deref())? {
        let store = open_store(organization, &configuration.state_dir)?;
        records.extend(runs(&*store, arguments.most)?);
    }
    records.sort_by(|a, b| b.id.cmp(&a.id));
    records.truncate(arguments.most);
    let document = report::history::document(&records);
    report::print(&report::render(arguments.format, &document, || json::history(&records)))?;
    Ok(Exit::Done)
}
