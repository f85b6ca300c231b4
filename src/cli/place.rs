//! Where a command is carried out: in a process of its own, which opens snapshots itself, or in the daemon, which has
//! them open. Commands are the same in both.

use std::ops::Deref;
use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;
use tokio::sync::OwnedMutexGuard;

use super::failure::Failure;
use super::interrupt::Interrupt;
use super::terminal;
use crate::config::{Configuration, Organization};
use crate::daemon::state::Paused;
use crate::daemon::{Floor, Occupied, pausing};
use crate::report::json::Json;
use crate::report::{self, Console, Document, Format};
use crate::run::{RunError, Session, Store, open_store, open_store_at_a_glance, open_store_to_work};

/// Where a command is carried out.
pub(super) struct Place<'a> {
    /// Where it is seen.
    pub(super) console: &'a dyn Console,
    /// By what it is stopped.
    pub(super) interrupt: &'a Interrupt,
    /// The configuration's file.
    pub(super) config: &'a Path,
    /// The configuration, as it stands in its file now.
    pub(super) configuration: &'a Configuration,
    /// The daemon's desks, if it is carried out there.
    pub(super) floor: Option<&'a Floor>,
}

/// A session that nobody else plans or applies beside.
pub(super) struct Working {
    session: Arc<Session>,
    _turn: Option<(OwnedMutexGuard<()>, Occupied)>,
}

impl Deref for Working {
    type Target = Arc<Session>;

    fn deref(&self) -> &Arc<Session> {
        &self.session
    }
}

impl Place<'_> {
    /// The snapshot of an organization.
    pub(super) async fn store(&self, organization: &Organization) -> Result<Arc<dyn Store>, RunError> {
        match self.floor {
            Some(floor) => floor.store(organization).await,
            None => open_store(organization, &self.configuration.state_dir),
        }
    }

    /// What is told of it at a glance: how it stands, and so many of its last runs.
    pub(super) async fn glance(&self, organization: &Organization, runs: usize) -> Result<Arc<dyn Store>, RunError> {
        match self.floor {
            Some(floor) => floor.glance(organization, runs).await,
            None => open_store_at_a_glance(organization, &self.configuration.state_dir, runs),
        }
    }

    /// A session that only looks: others may be at work beside it.
    pub(super) async fn look(&self, organization: &Organization) -> Result<Session, RunError> {
        Session::with_store(organization.clone(), self.store(organization).await?)
    }

    /// Since when the daemon, or a command through it, has been at work with an organization, if one is.
    pub(super) fn at_work_since(&self, organization: &str) -> Option<Timestamp> {
        self.floor?.state(organization)?.activity.at_work_since()
    }

    /// A session to plan and apply with. Waits until the run that is going on has ended.
    pub(super) async fn session(&self, organization: &Organization, command: &str) -> Result<Working, RunError> {
        let turn = match self.floor {
            None => None,
            Some(floor) => {
                let wait = || self.console.say(&format!("{}: waiting until its run has ended", organization.name));
                floor.turn(&organization.name, command, &self.console.person(), wait).await
            }
        };
        let session = match self.floor {
            Some(_) => self.look(organization).await?,
            None => {
                let store = open_store_to_work(organization, &self.configuration.state_dir)?;
                Session::with_store(organization.clone(), store)?
            }
        };
        if matches!(command, "apply" | "undo")
            && let Some(paused) = pausing::paused(session.store())?
        {
            let name = &organization.name;
            self.console.say(&format!("note: {name} {}; what is done by hand goes on all the same", said(&paused)));
        }
        Ok(Working { session: Arc::new(session), _turn: turn })
    }

    /// Shows a report in the form that is asked for.
    pub(super) fn show<J: Into<Json>>(
        &self,
        format: Format,
        document: &Document,
        json: impl FnOnce() -> J,
    ) -> Result<(), Failure> {
        match format {
            Format::Json => self.show_machine(vec![json().into()]),
            _ => Ok(self.console.print(&report::render(format, document, self.console.columns()))?),
        }
    }

    /// Shows what programs get of several organizations.
    pub(super) fn show_machine(&self, machine: Vec<Json>) -> Result<(), Failure> {
        let document = Json::one_or_list(machine);
        Ok(self.console.print_made(&mut |out| document.write(out))?)
    }

    /// Says something beside the result.
    pub(super) fn say(&self, text: &str) {
        self.console.say(text);
    }

    /// Says how a part of the command failed.
    pub(super) fn complain(&self, failure: &Failure) {
        self.console.say(&terminal::complaint(failure));
    }
}

/// Who paused an organization, and when, as the end of a sentence about it.
pub(super) fn said(paused: &Paused) -> String {
    format!("was paused by {} on {}", paused.by, paused.at.strftime("%Y-%m-%d at %H:%M:%S UTC"))
}
