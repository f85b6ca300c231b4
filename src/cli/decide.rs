//! `rollcall approve` and `rollcall reject`: a person's word on a plan that is held.
//!
//! Both work from the snapshot alone. What was approved is done by the next apply, exactly and once.

use std::path::Path;

use jiff::Timestamp;

use super::arguments::{ApproveArguments, RejectArguments};
use super::exit::Exit;
use super::failure::Failure;
use super::select;
use crate::config::Organization;
use crate::guard::{Decider, DecisionError};
use crate::report::{self, Format, json};
use crate::run::Store;
use crate::run::{Decided, RunError, open_store};

/// Approves a held plan.
pub(super) fn approve(config: &Path, arguments: &ApproveArguments) -> Result<Exit, Failure> {
    let overrule = arguments.although_rejected;
    let (organization, decided) = decide(config, &arguments.plan, "rollcall approve", |store, by| {
        crate::run::approve(store, &arguments.plan, by, overrule)
    })?;
    tell(arguments.format, &organization, &decided)
}

/// Rejects a held plan.
pub(super) fn reject(config: &Path, arguments: &RejectArguments) -> Result<Exit, Failure> {
    let (organization, decided) =
        decide(config, &arguments.plan, "rollcall reject", |store, by| crate::run::reject(store, &arguments.plan, by))?;
    tell(arguments.format, &organization, &decided)
}

/// Finds the organization whose plan it is, and decides there. Nothing is decided if several could be meant.
fn decide(
    config: &Path,
    plan: &str,
    command: &str,
    decide: impl Fn(&dyn Store, Decider) -> Result<Decided, RunError>,
) -> Result<(String, Decided), Failure> {
    let configuration = select::load(config)?;
    let mut found: Option<(&Organization, _)> = None;
    for organization in select::organizations(&configuration, None)? {
        let store = open_store(organization, &configuration.state_dir)?;
        match crate::run::decisions(&*store)?.find(plan) {
            Ok(_) if found.is_some() => return Err(RunError::from(DecisionError::Ambiguous(plan.to_owned())).into()),
            Ok(_) => found = Some((organization, store)),
            Err(DecisionError::Unknown(_)) => {}
            Err(error) => return Err(RunError::from(error).into()),
        }
    }
    let Some((organization, store)) = found else {
        return Err(RunError::from(DecisionError::Unknown(plan.to_owned())).into());
    };
    let by = Decider {
        who: person(),
        how: format!("with {command}"),
        at: Timestamp::now(),
        expire_after: organization.approvals_expire_after,
    };
    Ok((organization.name.clone(), decide(&*store, by)?))
}

fn tell(format: Format, organization: &str, decided: &Decided) -> Result<Exit, Failure> {
    let document = report::decided::document(organization, decided);
    report::print(&report::render(format, &document, || json::decision(organization, decided)))?;
    Ok(Exit::Done)
}

/// Who sits there, for the record.
pub(super) fn person() -> String {
    let name = |variable| std::env::var(variable).ok().filter(|name: &String| !name.is_empty());
    name("SUDO_USER").or_else(|| name("USER")).or_else(|| name("LOGNAME")).unwrap_or_else(|| "unknown".to_owned())
}
