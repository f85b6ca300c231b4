//! `rollcall apply`: shows the plan, asks where a person is needed, and applies exactly what was shown.

use std::sync::Arc;

use super::arguments::ApplyArguments;
use super::exit::Exit;
use super::failure::Failure;
use super::place::Place;
use super::plan::depth;
use super::select;
use crate::guard::{ApprovedPlan, HeldPlan, Hold, PlanFile, Reviewed};
use crate::report::json::Json;
use crate::report::{self, Format, Options, json};
use crate::run::{Ending, HasPlan, Run, RunRecord, RunResult, Session};

/// Applies what is pending, or a kept plan.
pub(super) async fn apply(place: &Place<'_>, arguments: &ApplyArguments) -> Result<Exit, Failure> {
    let mut machine = Vec::new();
    let file = arguments
        .what
        .as_deref()
        .filter(|name| !place.configuration.organizations.contains_key(*name))
        .and_then(|name| Some((name, place.console.file(name)?)));
    let exit = match (file, arguments.what.as_deref()) {
        (Some((name, text)), _) => {
            if arguments.reconcile {
                return Err(Failure::usage("--reconcile makes a plan of its own; leave it out to apply a kept plan"));
            }
            if arguments.incremental {
                return Err(Failure::usage("a kept plan is compared with a full read; leave --incremental out"));
            }
            apply_file(place, name, text, arguments, &mut machine).await?
        }
        (None, name) => {
            let mut worst = Exit::Done;
            for organization in select::organizations(place.configuration, name)? {
                if place.interrupt.wanted() {
                    break;
                }
                let applied = async {
                    let session = place.session(organization, "apply").await?;
                    apply_pending(place, &session, arguments, &mut machine).await
                };
                match applied.await {
                    Ok(exit) => worst = worst.max(exit),
                    Err(failure) => {
                        place.complain(&failure.about(&organization.name));
                        worst = worst.max(Exit::Error);
                    }
                }
            }
            worst
        }
    };
    if arguments.format == Format::Json {
        place.show_machine(machine)?;
    }
    Ok(exit)
}

/// Plans afresh and applies what comes out.
async fn apply_pending(
    place: &Place<'_>,
    session: &Arc<Session>,
    arguments: &ApplyArguments,
    machine: &mut Vec<Json>,
) -> Result<Exit, Failure> {
    let listener = place.console.listener();
    let run = match arguments.reconcile {
        true => session.reconcile(None, &*listener).await?,
        false => session.plan_at(depth(arguments.incremental), &*listener).await?,
    };
    drop(listener);
    apply_reviewed(place, (session, run), arguments, machine).await
}

/// Shows a plan, asks where a person is needed, and applies it.
pub(super) async fn apply_reviewed(
    place: &Place<'_>,
    (session, run): (&Arc<Session>, Run<HasPlan>),
    arguments: &ApplyArguments,
    machine: &mut Vec<Json>,
) -> Result<Exit, Failure> {
    show(place, run.reviewed(), arguments)?;
    let (run, reviewed) = run.into_parts();
    let approved = match reviewed {
        Reviewed::Cleared(approved) if approved.plan().is_empty() => {
            return finish(place, run.nothing_to_do(approved)?, arguments, machine);
        }
        // A user who goes away without an answer has not said yes: the run ends with its plan then, too.
        Reviewed::Cleared(approved) => match consent(place, arguments, "Apply these changes?") {
            Ok(true) => approved,
            answer => {
                run.declined(approved)?;
                return answer.and_then(|_| declined(place));
            }
        },
        Reviewed::Parted(parted) => match consent(place, arguments, "Apply what goes now, and let the rest wait?") {
            Ok(true) => parted.into_part(),
            answer => {
                run.held(parted.into_held())?;
                return answer.and_then(|_| declined(place));
            }
        },
        Reviewed::Held(held) => match approve(place, &held, arguments, Kept::No) {
            Ok(Some((who, how))) => held.approve(who, how),
            answer => return not_approved(place, (run, held), answer, arguments, machine),
        },
    };
    execute(place, (session, run), approved, arguments, machine).await
}

/// Applies a kept plan, if every one of its changes is still asked for.
async fn apply_file(
    place: &Place<'_>,
    path: &str,
    text: std::io::Result<String>,
    arguments: &ApplyArguments,
    machine: &mut Vec<Json>,
) -> Result<Exit, Failure> {
    let text = text.map_err(|error| Failure::error(format!("{path} cannot be read: {error}")))?;
    let file = PlanFile::from_json(&text).map_err(|error| Failure::error(format!("{path}: {error}")))?;
    let name = file.plan().organization.clone();
    let organization = select::organizations(place.configuration, Some(&name))?;
    let Some(organization) = organization.first() else {
        return Err(Failure::usage(format!("the configuration names no organization {name}")));
    };
    let session = place.session(organization, "apply").await?;
    let listener = place.console.listener();
    let (run, held) = session.kept(file, &*listener).await?;
    drop(listener);
    if arguments.format != Format::Json {
        let document = report::plan::document(held.plan(), held.holds(), Options::of(arguments.format, arguments.all));
        place.show(arguments.format, &document, || json::plan(held.shared_plan(), held.holds()))?;
    }
    match approve(place, &held, arguments, Kept::Yes) {
        Ok(Some((who, how))) => execute(place, (&session, run), held.approve(who, how), arguments, machine).await,
        answer => not_approved(place, (run, held), answer, arguments, machine),
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
    place: &Place<'_>,
    held: &HeldPlan,
    arguments: &ApplyArguments,
    kept: Kept,
) -> Result<Option<(String, &'static str)>, Failure> {
    if held.is_rejected() {
        place.say("the plan was rejected, so nobody was asked; nothing was changed");
        let id = held.plan().id().0;
        place.say(&format!("hint: if that has changed, `rollcall approve {} --although-rejected`", &id[..8]));
        return Ok(None);
    }
    let simple = held.holds().iter().all(Hold::needs_only_a_look);
    let who = place.console.person();
    if arguments.yes && (simple || kept == Kept::Yes) {
        let how = if kept == Kept::Yes { "by its file, with --yes" } else { "with --yes" };
        return Ok(Some((who, how)));
    }
    if arguments.yes || !place.console.can_ask() {
        place.say("the plan is held, and nobody was asked; nothing was changed");
        let id = held.plan().id().0;
        let hint = match &held.plan().undoes {
            Some(run) => {
                format!(
                    "look at it, and approve exactly it with `rollcall approve {}`; the next `rollcall undo {run}` uses \
                     that up",
                    &id[..8]
                )
            }
            None if simple => {
                "look at it with `rollcall plan`, then `rollcall apply` on a terminal or with --yes".to_owned()
            }
            None => format!(
                "look at it, and approve exactly it with `rollcall approve {}`; the next apply uses that up",
                &id[..8]
            ),
        };
        place.say(&format!("hint: {hint}"));
        return Ok(None);
    }
    if simple {
        return Ok(consent(place, arguments, "Apply these changes?")?.then_some((who, "at the prompt")));
    }
    let id = held.plan().id().0;
    let answer = place.console.ask(&format!("To apply exactly this plan, type its id ({}):", &id[..8]))?;
    if answer.len() >= 8 && id.starts_with(&answer) {
        Ok(Some((who, "at the prompt, by its id")))
    } else {
        place.say("that is not its id; nothing was changed");
        Ok(None)
    }
}

/// Ends a run whose plan is held, and which nobody approved.
fn not_approved(
    place: &Place<'_>,
    (run, held): (Run<Ending>, HeldPlan),
    answer: Result<Option<(String, &'static str)>, Failure>,
    arguments: &ApplyArguments,
    machine: &mut Vec<Json>,
) -> Result<Exit, Failure> {
    let record = run.held(held)?;
    answer?;
    finish(place, record, arguments, machine)
}

/// Asks for a plain yes, unless `--yes` said it.
fn consent(place: &Place<'_>, arguments: &ApplyArguments, question: &str) -> Result<bool, Failure> {
    if arguments.yes {
        return Ok(true);
    }
    if !place.console.can_ask() {
        return Err(Failure::error("there is no terminal to ask on; nothing was changed")
            .hint("pass --yes, or keep the plan with `rollcall plan -o FILE` and apply the file"));
    }
    let answer = place.console.ask(&format!("{question} [y/N]"))?;
    Ok(matches!(answer.to_lowercase().as_str(), "y" | "yes"))
}

fn declined(place: &Place<'_>) -> Result<Exit, Failure> {
    place.say("nothing was changed");
    Ok(Exit::Done)
}

async fn execute(
    place: &Place<'_>,
    (session, run): (&Arc<Session>, Run<Ending>),
    approved: ApprovedPlan,
    arguments: &ApplyArguments,
    machine: &mut Vec<Json>,
) -> Result<Exit, Failure> {
    let listener = place.console.listener();
    place.interrupt.stops(Some(session));
    let applied = run.apply(approved, &*listener).await;
    place.interrupt.stops(None);
    drop(listener);
    let record = applied?;
    finish(place, record, arguments, machine)
}

fn show(place: &Place<'_>, reviewed: &Reviewed, arguments: &ApplyArguments) -> Result<(), Failure> {
    if arguments.format == Format::Text {
        let options = Options::of(arguments.format, arguments.all);
        let document = report::plan::reviewed(reviewed, options);
        place.console.print(&format!("{}\n", report::text::render_within(&document, place.console.columns())))?;
    }
    Ok(())
}

/// Prints how it ended. On a terminal the plan stands above already, so only what failed is told again.
fn finish(
    place: &Place<'_>,
    record: RunRecord,
    arguments: &ApplyArguments,
    machine: &mut Vec<Json>,
) -> Result<Exit, Failure> {
    let exit = how_it_ended(&record);
    let document = match arguments.format {
        Format::Json => {
            machine.push(json::run(record));
            return Ok(exit);
        }
        Format::Text => report::run::ending(&record),
        format => report::run::document(&record, Options::of(format, arguments.all)),
    };
    place.show(arguments.format, &document, || json::run(record))?;
    Ok(exit)
}

/// The exit code of a run.
pub(super) fn how_it_ended(record: &RunRecord) -> Exit {
    match &record.result {
        RunResult::NothingToDo | RunResult::Applied if record.leaves_something() => Exit::InPart,
        RunResult::Planned | RunResult::NothingToDo | RunResult::Applied => Exit::Done,
        RunResult::AppliedInPart { .. } => Exit::InPart,
        RunResult::Held { .. } => Exit::Held,
        RunResult::Failed(_) => Exit::Error,
    }
}
