//! `rollcall trigger` and `rollcall follow`: a run of the daemon now, and runs while they go on.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;

use super::apply::how_it_ended;
use super::arguments::{FollowArguments, TriggerArguments};
use super::exit::Exit;
use super::failure::Failure;
use super::place::Place;
use super::place::said;
use super::plan::depth;
use super::select;
use crate::daemon::{Floor, Told, Triggered};
use crate::report::{self, Format};
use crate::run::{Event, RunFailure, RunResult};

/// Has organizations run now.
pub(super) async fn trigger(place: &Place<'_>, arguments: &TriggerArguments) -> Result<Exit, Failure> {
    let floor = floor(place)?;
    let depth = depth(arguments.incremental);
    let (events, since) = (floor.follow(), Timestamp::now());
    let mut awaited = BTreeMap::new();
    for organization in select::organizations(place.configuration, arguments.organization.as_deref())? {
        let name = &organization.name;
        let refusal = match floor.trigger(name, depth, arguments.although_paused) {
            Triggered::Asked => {
                awaited.insert(name.clone(), None);
                continue;
            }
            Triggered::Unknown => Failure::error(format!("the daemon does not know the organization {name} yet"))
                .hint("let it read its configuration anew: systemctl reload rollcall, or kill -HUP"),
            Triggered::SwitchedOff => {
                Failure::error(format!("{name} is switched off (enabled = false), so the daemon does not run it"))
                    .hint(format!("`rollcall apply {name}` runs it once all the same"))
            }
            Triggered::Paused(paused) => Failure::error(format!("{name} {}", said(&paused)))
                .hint(format!("`rollcall resume {name}` ends that; --although-paused runs it once all the same")),
        };
        if arguments.organization.is_some() {
            return Err(refusal);
        }
        // Whoever asks for all of them means those that may be run.
        place.complain(&refusal);
    }
    if awaited.is_empty() {
        return Err(Failure::error("no organization may be run"));
    }
    if !arguments.follow {
        place.say("it is run as soon as it can be; `rollcall follow` shows how");
        return Ok(Exit::Done);
    }
    let mut watching = Watching { place, events, format: arguments.format };
    watching
        .until(|told| {
            if let (Event::Ended { record }, Some(exit)) = (&told.event, awaited.get_mut(&told.organization))
                && record.started >= since
            {
                *exit = Some(how_it_ended(record));
            }
            awaited.values().all(Option::is_some)
        })
        .await?;
    Ok(awaited.into_values().flatten().max().unwrap_or(Exit::Done))
}

/// Shows what happens until somebody interrupts it.
pub(super) async fn follow(place: &Place<'_>, arguments: &FollowArguments) -> Result<Exit, Failure> {
    let floor = floor(place)?;
    let wanted = arguments.organization.as_deref();
    if wanted.is_some() {
        select::organizations(place.configuration, wanted)?;
    }
    let mut watching = Watching { place, events: floor.follow(), format: arguments.format };
    place.say("following; Ctrl-C ends it, and nothing else");
    loop {
        watching.next(|told| wanted.is_none_or(|wanted| told.organization == wanted)).await?;
    }
}

fn floor<'a>(place: &Place<'a>) -> Result<&'a Floor, Failure> {
    place.floor.ok_or_else(|| {
        Failure::error("no daemon is running that works by this configuration")
            .hint("`rollcall run` is the daemon; `rollcall apply` runs once without it")
    })
}

/// Shows events as they come.
struct Watching<'a> {
    place: &'a Place<'a>,
    events: Receiver<Arc<Told>>,
    format: Format,
}

impl Watching<'_> {
    async fn until(&mut self, mut enough: impl FnMut(&Told) -> bool) -> Result<(), Failure> {
        while !enough(&*self.next(|_| true).await?) {}
        Ok(())
    }

    /// Shows the next event, if it is wanted.
    async fn next(&mut self, wanted: impl Fn(&Told) -> bool) -> Result<Arc<Told>, Failure> {
        let listener = self.place.console.listener();
        loop {
            match self.events.recv().await {
                Ok(told) if wanted(&told) => {
                    drop(listener);
                    self.show(&told)?;
                    return Ok(told);
                }
                Ok(told) => return Ok(told),
                // Whoever is told of a million changes may miss some; the end comes all the same.
                Err(RecvError::Lagged(_)) => {}
                Err(RecvError::Closed) => return Err(Failure::error("the daemon stops")),
            }
        }
    }

    fn show(&self, told: &Told) -> Result<(), Failure> {
        if self.format == Format::Json {
            let line = serde_json::to_string(told).map_err(|error| Failure::error(error.to_string()))?;
            return Ok(self.place.console.print(&format!("{line}\n"))?);
        }
        let name = &told.organization;
        let line = match &told.event {
            Event::Started { run, .. } => format!("{name}: run {run} begins\n"),
            Event::Planned { plan, holds } => {
                let held = if holds.is_empty() { "" } else { ", held" };
                format!("{name}: plan {} with {} changes{held}\n", plan.id(), plan.changes.len())
            }
            Event::Ended { record } => match &record.result {
                RunResult::Failed(RunFailure { error, .. }) => format!("{name}: failed: {error}\n"),
                _ => format!("{name}: {}\n", report::run::outcome(record)),
            },
            _ => return Ok(()),
        };
        Ok(self.place.console.print(&report::clean_lines(&line))?)
    }
}
