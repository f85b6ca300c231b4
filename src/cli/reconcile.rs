//! `rollcall reconcile`: reads the target's accounts whole, shows where they are not as we left them and what follows
//! from it, and sends the target nothing but reads.

use std::path::Path;

use super::arguments::ReconcileArguments;
use super::exit::Exit;
use super::failure::Failure;
use super::{plan, select, terminal};
use crate::config::Organization;
use crate::guard::PlanFile;
use crate::report::{self, Format, Options, Progress, json, listening};
use crate::run::Session;

/// Reconciles one organization or all of them.
pub(super) async fn reconcile(config: &Path, arguments: &ReconcileArguments) -> Result<Exit, Failure> {
    let configuration = select::load(config)?;
    let organizations = select::organizations(&configuration, arguments.organization.as_deref())?;
    if organizations.len() > 1 && (arguments.output.is_some() || arguments.deleted.is_some()) {
        return Err(Failure::usage("--output and --deleted are about one organization; name it"));
    }
    let (mut worst, mut machine) = (Exit::Done, Vec::new());
    for organization in organizations {
        match reconcile_one(organization, &configuration.state_dir, arguments, &mut machine).await {
            Ok(exit) => worst = worst.max(exit),
            Err(failure) => {
                terminal::complain(&failure.about(&organization.name));
                worst = worst.max(Exit::Error);
            }
        }
    }
    if arguments.format == Format::Json {
        report::print(&json::pretty(&json::one_or_list(machine)))?;
    }
    Ok(worst)
}

async fn reconcile_one(
    organization: &Organization,
    state_dir: &Path,
    arguments: &ReconcileArguments,
    machine: &mut Vec<serde_json::Value>,
) -> Result<Exit, Failure> {
    let session = Session::open(organization, state_dir)?;
    let progress = std::sync::Mutex::new(Progress::on_terminal());
    let reviewed = session.reconcile(arguments.deleted, &listening(&progress)).await?;
    drop(progress);
    let drift = session.drift().unwrap_or_default();
    session.planned(&reviewed)?;
    let (plan, holds) = (reviewed.plan(), reviewed.holds());
    if let Some(path) = &arguments.output {
        plan::write(path, &PlanFile::of(&reviewed).to_json())?;
        terminal::say(&format!("the plan {} is kept in {}", plan.id(), path.display()));
    }
    if arguments.format == Format::Json {
        machine.push(json::reconcile(&drift, plan, holds));
    } else {
        let document = report::drift::document(&drift, plan, holds, Options::of(arguments.format, arguments.all));
        report::print(&report::render(arguments.format, &document, || json::reconcile(&drift, plan, holds)))?;
    }
    Ok(if plan.is_empty() || !arguments.detailed_exitcode { Exit::Done } else { Exit::Pending })
}
