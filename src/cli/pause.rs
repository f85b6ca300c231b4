//! `rollcall pause` and `rollcall resume`: the daemon begins no run of an organization while it is paused, be it scheduled
//! or triggered. Who applies by hand is told, and may.

use jiff::Timestamp;

use super::arguments::PauseArguments;
use super::exit::Exit;
use super::failure::Failure;
use super::place::Place;
use super::select;
use crate::daemon::pausing;
use crate::daemon::state::Paused;

/// Pauses.
pub(super) async fn pause(place: &Place<'_>, arguments: &PauseArguments) -> Result<Exit, Failure> {
    let paused = Paused { by: place.console.person(), at: Timestamp::now() };
    set(place, arguments, Some(&paused)).await
}

/// Takes that back.
pub(super) async fn resume(place: &Place<'_>, arguments: &PauseArguments) -> Result<Exit, Failure> {
    set(place, arguments, None).await
}

async fn set(place: &Place<'_>, arguments: &PauseArguments, paused: Option<&Paused>) -> Result<Exit, Failure> {
    for organization in select::organizations(place.configuration, arguments.organization.as_deref())? {
        match place.floor {
            Some(floor) => floor.pause(organization, paused.cloned()).await?,
            None => pausing::keep(&*place.store(organization).await?, paused)?,
        }
        let name = &organization.name;
        place.say(&match paused {
            Some(_) => format!("{name} is paused: the daemon begins no run of it until `rollcall resume {name}`"),
            None => format!("{name} is not paused any more; what was missed is made up for by one run"),
        });
    }
    Ok(Exit::Done)
}
