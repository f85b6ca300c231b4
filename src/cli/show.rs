//! `rollcall show`: one run, whole: its proof, its plan, how each change ended.

use super::arguments::ShowArguments;
use super::exit::Exit;
use super::failure::Failure;
use super::place::Place;
use super::select;
use crate::report::{self, Options, json};
use crate::run::{RunRecord, find_run, run_headers};

/// Shows a run.
pub(super) async fn show(place: &Place<'_>, arguments: &ShowArguments) -> Result<Exit, Failure> {
    let record = find(place, &arguments.run).await?;
    let document = report::run::document(&record, Options::of(arguments.format, arguments.all));
    place.show(arguments.format, &document, || json::run(record))?;
    Ok(Exit::Done)
}

/// The run of this id, or of an unambiguous beginning of it; the newest that has ended if it is `last`.
///
/// # Errors
///
/// If there is none, several are meant, or it goes on: what it did is recorded when it ends.
pub(super) async fn find(place: &Place<'_>, run: &str) -> Result<RunRecord, Failure> {
    let mut found = Vec::new();
    for organization in select::organizations(place.configuration, None)? {
        let store = place.store(organization).await?;
        if run == "last" {
            let since = place.at_work_since(&organization.name);
            let last = run_headers(&*store, 2)?.into_iter().find(|run| !run.goes_on(since));
            // Of the others than the newest no plan is read.
            if let Some(last) = last.filter(|last| found.iter().all(|other: &RunRecord| other.id < last.id)) {
                found.extend(find_run(&*store, &last.id)?);
            }
        } else {
            found.extend(find_run(&*store, run)?);
        }
    }
    found.sort_by(|a, b| b.id.cmp(&a.id));
    if run == "last" {
        found.truncate(1);
    }
    let several = found.len() > 1;
    match found.pop() {
        Some(_) if several => Err(Failure::usage(format!("several runs begin with {run}; say more of its id"))),
        Some(record) if record.goes_on(place.at_work_since(&record.organization)) => {
            let text = format!("run {} goes on; what it does is recorded when it ends", record.id);
            Err(Failure::error(text).hint("`rollcall follow` tells of it until then"))
        }
        Some(record) => Ok(record),
        None if run == "last" => {
            Err(Failure::error("there was no run yet").hint("`rollcall plan` shows what the first would do"))
        }
        None => Err(Failure::error(format!("there is no run {run}")).hint("`rollcall history` lists them")),
    }
}
