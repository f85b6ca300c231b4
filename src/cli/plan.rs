//! `rollcall plan`: shows what would change, and sends the target nothing but reads.

use std::path::Path;

use super::arguments::PlanArguments;
use super::exit::Exit;
use super::failure::Failure;
use super::{select, terminal};
use crate::config::Organization;
use crate::guard::PlanFile;
use crate::report::{self, Format, Options, Progress, json, listening};
use crate::run::{Depth, Session};

/// Plans one organization or all of them.
pub(super) async fn plan(config: &Path, arguments: &PlanArguments) -> Result<Exit, Failure> {
    let configuration = select::load(config)?;
    let organizations = select::organizations(&configuration, arguments.organization.as_deref())?;
    if organizations.len() > 1 && arguments.output.is_some() {
        return Err(Failure::usage("a plan file holds the plan of one organization; name it"));
    }
    let (mut worst, mut machine) = (Exit::Done, Vec::new());
    for organization in organizations {
        match plan_one(organization, &configuration.state_dir, arguments, &mut machine).await {
            Ok(exit) => worst = worst.max(exit),
            // One sick organization does not keep the others from being planned.
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

async fn plan_one(
    organization: &Organization,
    state_dir: &Path,
    arguments: &PlanArguments,
    machine: &mut Vec<serde_json::Value>,
) -> Result<Exit, Failure> {
    let session = Session::open(organization, state_dir)?;
    let progress = std::sync::Mutex::new(Progress::on_terminal());
    let reviewed = session.plan_at(depth(arguments.incremental), &listening(&progress)).await?;
    drop(progress);
    session.planned(&reviewed)?;
    let (plan, holds) = (reviewed.plan(), reviewed.holds());
    if let Some(path) = &arguments.output {
        write(path, &PlanFile::of(&reviewed).to_json())?;
        terminal::say(&format!("the plan {} is kept in {}", plan.id(), path.display()));
    }
    if arguments.format == Format::Json {
        machine.push(json::plan(plan, holds));
    } else {
        let document = report::plan::reviewed(&reviewed, Options::of(arguments.format, arguments.all));
        report::print(&report::render(arguments.format, &document, || json::plan(plan, holds)))?;
    }
    Ok(if plan.is_empty() || !arguments.detailed_exitcode { Exit::Done } else { Exit::Pending })
}

/// How much of the directory is read.
pub(super) fn depth(incremental: bool) -> Depth {
    if incremental { Depth::Incremental } else { Depth::Full }
}

/// Writes a plan file: whole or not at all, and readable by its owner only, because it names people.
pub(super) fn write(path: &Path, text: &str) -> Result<(), Failure> {
    use std::io::Write;
    use std::os::unix::fs::OpenOptionsExt;
    let failed = |error: std::io::Error| Failure::error(format!("{} cannot be written: {error}", path.display()));
    let mut name = path.as_os_str().to_owned();
    name.push(".part");
    let part = std::path::PathBuf::from(name);
    // One that is there already may be open to others, or lead elsewhere.
    match std::fs::remove_file(&part) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(failed(error)),
        _ => {}
    }
    let mut file = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&part).map_err(failed)?;
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(failed)?;
    std::fs::rename(&part, path).map_err(failed)
}
