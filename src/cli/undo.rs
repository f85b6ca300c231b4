//! `rollcall undo`: shows what would take a run back, asks, and does it through the same guard as everything else.

use std::path::Path;

use super::apply;
use super::arguments::{ApplyArguments, UndoArguments};
use super::exit::Exit;
use super::failure::Failure;
use super::interrupt::Interrupt;
use super::{plan, select, show, terminal};
use crate::guard::PlanFile;
use crate::report::{self, Format, Options, Progress, json, listening};
use crate::run::Session;

/// Undoes a run.
pub(super) async fn undo(config: &Path, arguments: &UndoArguments) -> Result<Exit, Failure> {
    let configuration = select::load(config)?;
    let record = show::find(&configuration, &arguments.run)?;
    let organizations = select::organizations(&configuration, Some(&record.organization))?;
    let Some(organization) = organizations.first() else {
        return Err(Failure::usage(format!("the configuration names no organization {}", record.organization)));
    };
    let interrupt = Interrupt::listen()?;
    let session = Session::open(organization, &configuration.state_dir)?;
    let progress = std::sync::Mutex::new(Progress::on_terminal());
    let reviewed = session.undo(&record.id, &listening(&progress)).await?;
    drop(progress);
    let applying = ApplyArguments {
        what: None,
        yes: arguments.yes,
        reconcile: false,
        incremental: false,
        format: arguments.format,
        all: arguments.all,
    };
    if let Some(path) = &arguments.output {
        session.planned(&reviewed)?;
        let plan = reviewed.plan();
        plan::write(path, &PlanFile::of(&reviewed).to_json())?;
        terminal::say(&format!("the plan {} is kept in {}; nothing was changed", plan.id(), path.display()));
        let document = report::plan::document(plan, reviewed.holds(), Options::of(arguments.format, arguments.all));
        report::print(&report::render(arguments.format, &document, || json::plan(plan, reviewed.holds())))?;
        return Ok(Exit::Done);
    }
    let mut machine = Vec::new();
    let exit = apply::apply_reviewed(&session, reviewed, &applying, &interrupt, &mut machine).await?;
    if arguments.format == Format::Json {
        report::print(&json::pretty(&json::one_or_list(machine)))?;
    }
    Ok(exit)
}
