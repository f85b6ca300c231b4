//! `rollcall apply`: shows the plan, asks where a person is needed, and applies exactly what was shown.

use std::path::Path;

use super::arguments::ApplyArguments;
use super::decide::person;
use super::exit::Exit;
use super::failure::Failure;
use super::interrupt::Interrupt;
use super::plan::depth;
use super::{select, terminal};
use crate::config::Configuration;
use crate::guard::{ApprovedPlan, HeldPlan, Hold, PlanFile, Reviewed};
use crate::report::{self, Format, Options, Progress, json, listening};
use crate::run::{RunRecord, RunResult, Session};

/// Applies what is pending, or a kept plan.
pub(super) async fn apply(config: &Path, arguments: &ApplyArguments) -> Result<Exit, Failure> {
    let configuration = select::load(config)?;
    let interrupt = Interrupt::listen()?;
    let mut machine = Vec::new();
    let exit = match arguments.what.as_deref() {
        Some(file) if !configuration.organizations.contains_key(file) && Path::new(file).is_file() => {
            if arguments.reconcile {
                return Err(Failure::usage("--reconcile makes a plan of its own; leave it out to apply a kept plan"));
            }
            if arguments.incremental {
                return Err(Failure::usage("a kept plan is compared with a full read; leave --incremental out"));
            }
            apply_file(&configuration, Path::new(file), arguments, &interrupt, &mut machine).await?
        }
        name => {
            let mut worst = Exit::Done;
            for organization in select::organizations(&configuration, name)? {
                if interrupt.wanted() {
                    break;
                }
                let applied = async {
                    let session = Session::open(organization, &configuration.state_dir)?;
                    apply_pending(&session, arguments, &interrupt, &mut machine).await
                };
                match applied.await {
                    Ok(exit) => worst = worst.max(exit),
                    Err(failure) => {
                        terminal::complain(&failure.about(&organization.name));
                        worst = worst.max(Exit::Error);
                    }
                }
            }
            worst
        }
    };
    if arguments.format == Format::Json {
        report::print(&json::pretty(&json::one_or_list(machine)))?;
    }
    Ok(exit)
}

/// Plans afresh and applies what comes out.
async fn apply_pending(
    session: &Session,
    arguments: &ApplyArguments,
    interrupt: &Interrupt,
    machine: &mut Vec<serde_json::Value>,
) -> Result<Exit, Failure> {
    let progress = std::sync::Mutex::new(Progress::on_terminal());
    let reviewed = match arguments.reconcile {
        true => session.reconcile(None, &listening(&progress)).await?,
        false => session.plan_at(depth(arguments.incremental), &listening(&progress)).await?,
    };
    drop(progress);
    apply_reviewed(session, reviewed, arguments, interrupt, machine).await
}

/// Shows a plan, asks where a person is needed, and applies it.
pub(super) async fn apply_reviewed(
    session: &Session,
    reviewed: Reviewed,
    arguments: &ApplyArguments,
    interrupt: &Interrupt,
    machine: &mut Vec<serde_json::Value>,
) -> Result<Exit, Failure> {
    show(&reviewed, arguments)?;
    let approved = match reviewed {
        Reviewed::Cleared(approved) if approved.plan().is_empty() => {
            return finish(&session.nothing_to_do(approved)?, arguments, machine);
        }
        Reviewed::Cleared(approved) => match consent(arguments, "Apply these changes?")? {
            true => approved,
            false => {
                session.declined(approved)?;
                return declined();
            }
        },
        Reviewed::Parted(parted) => match consent(arguments, "Apply what goes now, and let the rest wait?")? {
            true => parted.into_part(),
            false => {
                session.held(parted.into_held())?;
                return declined();
            }
        },
        Reviewed::Held(held) => match approve(held, arguments, Kept::No)? {
            Ok(approved) => approved,
            Err(held) => return finish(&session.held(*held)?, arguments, machine),
        },
    };
    execute(session, approved, arguments, interrupt, machine).await
}

/// Applies a kept plan, if every one of its changes is still asked for.
async fn apply_file(
    configuration: &Configuration,
    path: &Path,
    arguments: &ApplyArguments,
    interrupt: &Interrupt,
    machine: &mut Vec<serde_json::Value>,
) -> Result<Exit, Failure> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| Failure::error(format!("{} cannot be read: {error}", path.display())))?;
    let file = PlanFile::from_json(&text).map_err(|error| Failure::error(format!("{}: {error}", path.display())))?;
    let name = file.plan().organization.clone();
    let organization = select::organizations(configuration, Some(&name))?;
    let Some(organization) = organization.first() else {
        return Err(Failure::usage(format!("the configuration names no organization {name}")));
    };
    let session = Session::open(organization, &configuration.state_dir)?;
    let progress = std::sync::Mutex::new(Progress::on_terminal());
    let held = session.kept(file, &listening(&progress)).await?;
    drop(progress);
    if arguments.format != Format::Json {
        let document = report::plan::document(held.plan(), held.holds(), Options::of(arguments.format, arguments.all));
        report::print(&report::render(arguments.format, &document, || json::plan(held.plan(), held.holds())))?;
    }
    match approve(held, arguments, Kept::Yes)? {
        Ok(approved) => execute(&session, approved, arguments, interrupt, machine).await,
        Err(held) => finish(&session.held(*held)?, arguments, machine),
    }
}

/// Whether the plan comes from a file, which names exactly the changes that somebody looked at.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kept {
    Yes,
    No,
}

/// Asks for what a held plan needs. What goes beyond a limit is approved by its id: a habitual yes is not enough, and
/// `--yes` in a script is a habit.
fn approve(
    held: HeldPlan,
    arguments: &ApplyArguments,
    kept: Kept,
) -> Result<Result<ApprovedPlan, Box<HeldPlan>>, Failure> {
    if held.is_rejected() {
        terminal::say("the plan was rejected, so nobody was asked; nothing was changed");
        let id = held.plan().id().0;
        terminal::say(&format!("hint: if that has changed, `rollcall approve {} --although-rejected`", &id[..8]));
        return Ok(Err(Box::new(held)));
    }
    let simple = held.holds().iter().all(Hold::needs_only_a_look);
    let who = person();
    if arguments.yes && (simple || kept == Kept::Yes) {
        let how = if kept == Kept::Yes { "by its file, with --yes" } else { "with --yes" };
        return Ok(Ok(held.approve(who, how)));
    }
    if arguments.yes || !terminal::can_ask() {
        terminal::say("the plan is held, and nobody was asked; nothing was changed");
        let id = held.plan().id().0;
        let hint = match &held.plan().undoes {
            Some(run) => {
                format!("keep it with `rollcall undo {run} -o FILE`, and approve it with `rollcall apply FILE`")
            }
            None if simple => {
                "look at it with `rollcall plan`, then `rollcall apply` on a terminal or with --yes".to_owned()
            }
            None => format!(
                "look at it, and approve exactly it with `rollcall approve {}`; the next apply uses that up",
                &id[..8]
            ),
        };
        terminal::say(&format!("hint: {hint}"));
        return Ok(Err(Box::new(held)));
    }
    if simple {
        return Ok(match consent(arguments, "Apply these changes?")? {
            true => Ok(held.approve(who, "at the prompt")),
            false => Err(Box::new(held)),
        });
    }
    let id = held.plan().id().0;
    let answer = terminal::ask(&format!("To apply exactly this plan, type its id ({}):", &id[..8]))?;
    if answer.len() >= 8 && id.starts_with(&answer) {
        Ok(Ok(held.approve(who, "at the prompt, by its id")))
    } else {
        terminal::say("that is not its id; nothing was changed");
        Ok(Err(Box::new(held)))
    }
}

/// Asks for a plain yes, unless `--yes` said it.
fn consent(arguments: &ApplyArguments, question: &str) -> Result<bool, Failure> {
    if arguments.yes {
        return Ok(true);
    }
    if !terminal::can_ask() {
        return Err(Failure::error("there is no terminal to ask on; nothing was changed")
            .hint("pass --yes, or keep the plan with `rollcall plan -o FILE` and apply the file"));
    }
    let answer = terminal::ask(&format!("{question} [y/N]"))?;
    Ok(matches!(answer.to_lowercase().as_str(), "y" | "yes"))
}

fn declined() -> Result<Exit, Failure> {
    terminal::say("nothing was changed");
    Ok(Exit::Done)
}

async fn execute(
    session: &Session,
    approved: ApprovedPlan,
    arguments: &ApplyArguments,
    interrupt: &Interrupt,
    machine: &mut Vec<serde_json::Value>,
) -> Result<Exit, Failure> {
    let progress = std::sync::Mutex::new(Progress::on_terminal());
    interrupt.stops(Some(session));
    let applied = session.apply(approved, &listening(&progress)).await;
    interrupt.stops(None);
    drop(progress);
    let record = applied?;
    finish(&record, arguments, machine)
}

fn show(reviewed: &Reviewed, arguments: &ApplyArguments) -> Result<(), Failure> {
    if arguments.format == Format::Text {
        let options = Options::of(arguments.format, arguments.all);
        let document = report::plan::reviewed(reviewed, options);
        report::print(&format!("{}\n", report::text_for_terminal(&document)))?;
    }
    Ok(())
}

/// Prints how it ended. On a terminal the plan stands above already, so only what failed is told again.
fn finish(
    record: &RunRecord,
    arguments: &ApplyArguments,
    machine: &mut Vec<serde_json::Value>,
) -> Result<Exit, Failure> {
    match arguments.format {
        Format::Json => machine.push(json::run(record)),
        Format::Text => report::print(&report::text_for_terminal(&report::run::ending(record)))?,
        format => {
            let document = report::run::document(record, Options::of(format, arguments.all));
            report::print(&report::render(format, &document, || json::run(record)))?;
        }
    }
    Ok(match &record.result {
        RunResult::NothingToDo | RunResult::Applied if record.leaves_something() => Exit::InPart,
        RunResult::Planned | RunResult::NothingToDo | RunResult::Applied => Exit::Done,
        RunResult::AppliedInPart { .. } => Exit::InPart,
        RunResult::Held { .. } => Exit::Held,
        RunResult::Failed { .. } => Exit::Error,
    })
}
