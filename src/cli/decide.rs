//! `rollcall approve` and `rollcall reject`: a person's word on a plan that is held.
//!
//! Both work from the snapshot alone. What was approved is done by the next apply, exactly and once.

use jiff::Timestamp;

use super::arguments::{ApproveArguments, RejectArguments};
use super::exit::Exit;
use super::failure::Failure;
use super::place::Place;
use super::select;
use crate::config::Organization;
use crate::guard::{Decider, DecisionError};
use crate::report::{self, Format, json};
use crate::run::Store;
use crate::run::{Decided, RunError};

/// Approves a held plan.
pub(super) async fn approve(place: &Place<'_>, arguments: &ApproveArguments) -> Result<Exit, Failure> {
    let overrule = arguments.although_rejected;
    let (organization, decided) = decide(place, &arguments.plan, "rollcall approve", |store, by| {
        crate::run::approve(store, &arguments.plan, by, overrule)
    })
    .await?;
    tell(place, arguments.format, &organization, &decided)
}

/// Rejects a held plan.
pub(super) async fn reject(place: &Place<'_>, arguments: &RejectArguments) -> Result<Exit, Failure> {
    let (organization, decided) =
        decide(place, &arguments.plan, "rollcall reject", |store, by| crate::run::reject(store, &arguments.plan, by))
            .await?;
    tell(place, arguments.format, &organization, &decided)
}

/// Finds the organization whose plan it is, and decides there. Nothing is decided if several could be meant.
async fn decide(
    place: &Place<'_>,
    plan: &str,
    command: &str,
    decide: impl Fn(&dyn Store, Decider) -> Result<Decided, RunError>,
) -> Result<(String, Decided), Failure> {
    let mut found: Option<(&Organization, _)> = None;
    for organization in select::organizations(place.configuration, None)? {
        let store = place.store(organization).await?;
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
        who: place.console.person(),
        how: format!("with {command}"),
        at: Timestamp::now(),
        expire_after: organization.approvals_expire_after,
    };
    Ok((organization.name.clone(), decide(&*store, by)?))
}

fn tell(place: &Place<'_>, format: Format, organization: &str, decided: &Decided) -> Result<Exit, Failure> {
    let document = report::decided::document(organization, decided);
    place.show(format, &document, || json::decision(organization, decided))?;
    Ok(Exit::Done)
}
