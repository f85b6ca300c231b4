//! `rollcall plan`: shows what would change, and sends the target nothing but reads.

use std::path::Path;

use super::arguments::PlanArguments;
use super::exit::Exit;
use super::failure::Failure;
use super::place::Place;
use super::select;
use crate::config::Organization;
use crate::guard::PlanFile;
use crate::report::json::Json;
use crate::report::{self, Format, Options, json};
use crate::run::Depth;

/// Plans one organization or all of them.
pub(super) async fn plan(place: &Place<'_>, arguments: &PlanArguments) -> Result<Exit, Failure> {
    let organizations = select::organizations(place.configuration, arguments.organization.as_deref())?;
    if organizations.len() > 1 && arguments.output.is_some() {
        return Err(Failure::usage("a plan file holds the plan of one organization; name it"));
    }
    let (mut worst, mut machine) = (Exit::Done, Vec::new());
    for organization in organizations {
        match plan_one(place, organization, arguments, &mut machine).await {
            Ok(exit) => worst = worst.max(exit),
            // One sick organization does not keep the others from being planned.
            Err(failure) => {
                place.complain(&failure.about(&organization.name));
                worst = worst.max(Exit::Error);
            }
        }
    }
    if arguments.format == Format::Json {
        place.show_machine(machine)?;
    }
    Ok(worst)
}

async fn plan_one(
    place: &Place<'_>,
    organization: &Organization,
    arguments: &PlanArguments,
    machine: &mut Vec<Json>,
) -> Result<Exit, Failure> {
    let session = place.session(organization, "plan").await?;
    let listener = place.console.listener();
    let run = session.plan_at(depth(arguments.incremental), &*listener).await?;
    drop(listener);
    let (_, reviewed) = run.end_with_plan()?;
    let (plan, holds) = (reviewed.plan(), reviewed.holds());
    if let Some(path) = &arguments.output {
        keep(place, path, &PlanFile::of(&reviewed))?;
        place.say(&format!("the plan {} is kept in {}", plan.id(), path.display()));
    }
    if arguments.format == Format::Json {
        machine.push(json::plan(reviewed.shared_plan(), holds));
    } else {
        let document = report::plan::reviewed(&reviewed, Options::of(arguments.format, arguments.all));
        place.show(arguments.format, &document, || json::plan(reviewed.shared_plan(), holds))?;
    }
    Ok(if plan.is_empty() || !arguments.detailed_exitcode { Exit::Done } else { Exit::Pending })
}

/// How much of the directory is read.
pub(super) fn depth(incremental: bool) -> Depth {
    if incremental { Depth::Incremental } else { Depth::Full }
}

/// Writes a plan file: whole or not at all, and readable by its owner only, because it names people.
pub(super) fn keep(place: &Place<'_>, path: &Path, file: &PlanFile) -> Result<(), Failure> {
    let failed = |error: std::io::Error| Failure::error(format!("{} cannot be written: {error}", path.display()));
    place.console.keep(path, &mut |into| file.write(into)).map_err(failed)
}
