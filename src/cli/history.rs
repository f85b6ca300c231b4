//! `rollcall history`: the last runs.

use super::arguments::HistoryArguments;
use super::exit::Exit;
use super::failure::Failure;
use super::place::Place;
use super::select;
use crate::report::{self, json};
use crate::run::runs;

/// Lists the last runs, newest first.
pub(super) async fn history(place: &Place<'_>, arguments: &HistoryArguments) -> Result<Exit, Failure> {
    let mut records = Vec::new();
    for organization in select::organizations(place.configuration, arguments.organization.as_deref())? {
        let store = place.store(organization).await?;
        records.extend(runs(&*store, arguments.most)?);
    }
    records.sort_by(|a, b| b.id.cmp(&a.id));
    records.truncate(arguments.most);
    let document = report::history::document(&records);
    place.show(arguments.format, &document, || json::history(&records))?;
    Ok(Exit::Done)
}
