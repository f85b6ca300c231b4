//! `rollcall status`: how each organization stands, from its snapshot alone.

use super::arguments::ListArguments;
use super::exit::Exit;
use super::failure::Failure;
use super::place::Place;
use super::select;
use crate::daemon::pausing;
use crate::daemon::state::{Activity, OrganizationState};
use crate::explain::{State, state};
use crate::report::status::{Held, LastRun, Paused, Status, Supervised};
use crate::report::{self, json};

/// Shows how each organization stands.
pub(super) async fn status(place: &Place<'_>, arguments: &ListArguments) -> Result<Exit, Failure> {
    let organizations = match arguments.organization.as_deref() {
        None => place.configuration.organizations.values().collect(),
        name => select::organizations(place.configuration, name)?,
    };
    let mut statuses = Vec::new();
    for organization in organizations {
        let store = place.glance(organization, 2).await?;
        let mut status =
            told(&organization.name, organization.enabled, state(&*store, place.at_work_since(&organization.name))?);
        status.paused = pausing::paused(&*store)?.map(|paused| Paused { by: paused.by, at: paused.at });
        if let Some(state) = place.floor.and_then(|floor| floor.state(&organization.name)) {
            status.next_run = state.next.map(|due| due.at);
            status.daemon = Some(supervised(&state));
        }
        statuses.push(status);
    }
    let document = report::status::document(&statuses);
    place.show(arguments.format, &document, || json::status(&statuses))?;
    Ok(Exit::Done)
}

fn told(name: &str, enabled: bool, state: State) -> Status {
    // What waited may be what is being applied.
    let held = state.last_run.as_ref().filter(|_| !state.goes_on).and_then(|record| {
        let (id, holds, changes) = record.held()?;
        Some(Held { plan: id.clone(), holds: holds.to_vec(), changes, decision: record.decision.clone() })
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
        paused: None,
        daemon: None,
    }
}

/// What the daemon makes of it, as the report shows it.
fn supervised(state: &OrganizationState) -> Supervised {
    let busy = match &state.activity {
        Activity::Idle => None,
        Activity::Waiting { .. } => Some("due, and waits for its turn".to_owned()),
        Activity::Running { since, .. } => Some(format!("being run since {}", since.strftime("%H:%M:%S UTC"))),
        Activity::Busy { since, command, who } => {
            Some(format!("{command} by {who} since {}", since.strftime("%H:%M:%S UTC")))
        }
    };
    let word = |value: serde_json::Value| value.as_str().map(str::to_owned).unwrap_or_default();
    Supervised {
        activity: serde_json::to_value(&state.activity).unwrap_or_default(),
        busy,
        health: serde_json::to_value(state.health).map(word).unwrap_or_default(),
        since: state.since,
        failures: state.failures,
    }
}
