//! `rollcall status`: how each organization stands, from its snapshot alone.

use std::path::Path;

use super::arguments::ListArguments;
use super::exit::Exit;
use super::failure::Failure;
use super::select;
use crate::report::status::{Held, LastRun, Status};
use crate::report::{self, json};
use crate::run::{State, open_store, state};

/// Shows how each organization stands.
pub(super) fn status(config: &Path, arguments: &ListArguments) -> Result<Exit, Failure> {
    let configuration = select::load(config)?;
    let organizations = match arguments.organization.as_deref() {
        None => configuration.organizations.values().collect(),
        name => select::organizations(&configuration, name)?,
    };
    let mut statuses = Vec::new();
    for organization in organizations {
        let store = open_store(organization, &configuration.state_dir)?;
        statuses.push(told(&organization.name, organization.enabled, state(&*store)?));
    }
    let document = report::status::document(&statuses);
    report::print(&report::render(arguments.format, &document, || json::status(&statuses)))?;
    Ok(Exit::Done)
}

fn told(name: &str, enabled: bool, state: State) -> Status {
    let held = state.last_run.as_ref().and_then(|record| {
        let (id, plan, holds) = record.held()?;
        Some(Held {
            plan: id.clone(),
            holds: holds.to_vec(),
            changes: plan.map_or(0, |plan| plan.changes.len() as u64),
            decision: record.decision.clone(),
        })
    });
    Status {
        organization: name.to_owned(),
        enabled,
        sealed: state.sealed,
        users: state.users,
        active: state.active,
        inactive: state.inactive,
        unsettled: state.unsettled,
        last_read: state.last_read,
        last_run: state.last_run.map(|record| LastRun { id: record.id, ended: record.ended, result: record.result }),
        held,
        approval: state.approval,
        next_run: None,
    }
}
