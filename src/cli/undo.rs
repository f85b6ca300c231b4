//! `rollcall undo`: shows what would take a run back, asks, and does it through the same guard as everything else.

use super::apply;
use super::arguments::{ApplyArguments, UndoArguments};
use super::exit::Exit;
use super::failure::Failure;
use super::place::Place;
use super::{plan, select, show};
use crate::guard::PlanFile;
use crate::report::{self, Format, Options, json};

/// Undoes a run.
pub(super) async fn undo(place: &Place<'_>, arguments: &UndoArguments) -> Result<Exit, Failure> {
    let record = show::find(place, &arguments.run).await?;
    let organizations = select::organizations(place.configuration, Some(&record.organization))?;
    let Some(organization) = organizations.first() else {
        return Err(Failure::usage(format!("the configuration names no organization {}", record.organization)));
    };
    let session = place.session(organization, "undo").await?;
    let listener = place.console.listener();
    let run = session.undo(&record.id, &*listener).await?;
    drop(listener);
    let applying = ApplyArguments {
        what: None,
        yes: arguments.yes,
        reconcile: false,
        incremental: false,
        format: arguments.format,
        all: arguments.all,
    };
    if let Some(path) = &arguments.output {
        let (_, reviewed) = run.end_with_plan()?;
        let plan = reviewed.plan();
        plan::keep(place, path, &PlanFile::of(&reviewed))?;
        place.say(&format!("the plan {} is kept in {}; nothing was changed", plan.id(), path.display()));
        let document = report::plan::document(plan, reviewed.holds(), Options::of(arguments.format, arguments.all));
        place.show(arguments.format, &document, || json::plan(reviewed.shared_plan(), reviewed.holds()))?;
        return Ok(Exit::Done);
    }
    let mut machine = Vec::new();
    let exit = apply::apply_reviewed(place, (&session, run), &applying, &mut machine).await?;
    if arguments.format == Format::Json {
        place.show_machine(machine)?;
    }
    Ok(exit)
}
