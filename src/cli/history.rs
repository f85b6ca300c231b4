//! `rollcall history`: the last runs.

use super::arguments::HistoryArguments;
use super::exit::Exit;
use super::failure::Failure;
use super::place::Place;
use super::select;
use crate::report::{self, json};
use crate::run::run_headers;

/// Lists the last runs, newest first.
pub(super) async fn history(place: &Place<'_>, arguments: &HistoryArguments) -> Result<Exit, Failure> {
    let mut records = Vec::new();
    for organization in select::organizations(place.configuration, arguments.organization.as_deref())? {
        let store = place.glance(organization, arguments.most).await?;
        // One that goes on has no end yet; `rollcall status` shows it, and `rollcall follow` what it does.
        let since = place.at_work_since(&organization.name);
        records.extend(run_headers(&*store, arguments.most)?.into_iter().filter(|run| !run.goes_on(since)));
    }
    records.sort_by(|a, b| b.id.cmp(&a.id));
    records.truncate(arguments.most);
    let document = report::history::document(&records);
    place.show(arguments.format, &document, || json::history(&records))?;
    Ok(Exit::Done)
}
