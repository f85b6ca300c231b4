//! `rollcall reconcile`: reads the target's accounts whole, shows where they are not as we left them and what follows
//! from it, and sends the target nothing but reads.

use super::arguments::ReconcileArguments;
use super::exit::Exit;
use super::failure::Failure;
use super::place::Place;
use super::{plan, select};
use crate::config::Organization;
use crate::guard::PlanFile;
use crate::report::json::Json;
use crate::report::{self, Format, Options, json};

/// Reconciles one organization or all of them.
pub(super) async fn reconcile(place: &Place<'_>, arguments: &ReconcileArguments) -> Result<Exit, Failure> {
    let organizations = select::organizations(place.configuration, arguments.organization.as_deref())?;
    if organizations.len() > 1 && (arguments.output.is_some() || arguments.deleted.is_some()) {
        return Err(Failure::usage("--output and --deleted are about one organization; name it"));
    }
    let (mut worst, mut machine) = (Exit::Done, Vec::new());
    for organization in organizations {
        match reconcile_one(place, organization, arguments, &mut machine).await {
            Ok(exit) => worst = worst.max(exit),
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

async fn reconcile_one(
    place: &Place<'_>,
    organization: &Organization,
    arguments: &ReconcileArguments,
    machine: &mut Vec<Json>,
) -> Result<Exit, Failure> {
    let session = place.session(organization, "reconcile").await?;
    let listener = place.console.listener();
    let run = session.reconcile(arguments.deleted, &*listener).await?;
    drop(listener);
    let drift = run.drift().cloned().unwrap_or_default();
    let (_, reviewed) = run.end_with_plan()?;
    let (plan, holds) = (reviewed.plan(), reviewed.holds());
    if let Some(path) = &arguments.output {
        plan::keep(place, path, &PlanFile::of(&reviewed))?;
        place.say(&format!("the plan {} is kept in {}", plan.id(), path.display()));
    }
    if arguments.format == Format::Json {
        machine.push(json::reconcile(&drift, reviewed.shared_plan(), holds));
    } else {
        let document = report::drift::document(&drift, plan, holds, Options::of(arguments.format, arguments.all));
        place.show(arguments.format, &document, || json::reconcile(&drift, reviewed.shared_plan(), holds))?;
    }
    Ok(if plan.is_empty() || !arguments.detailed_exitcode { Exit::Done } else { Exit::Pending })
}
