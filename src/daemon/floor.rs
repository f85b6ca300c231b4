//! What commands can do while the daemon is at work: look into the snapshots that it has open, take a turn at a desk, and
//! say what they wish for it.

use std::sync::Arc;

use tokio::sync::{OwnedMutexGuard, broadcast};

use super::desk::{Desk, locked};
use super::state::{Activity, OrganizationState, Paused};
use super::supervisor::Supervisor;
use super::{Told, pausing};
use crate::config::{Configuration, Organization};
use crate::run::{RunError, Store, open_store, open_store_at_a_glance};
use crate::schedule::Depth;

/// The daemon, for commands.
#[derive(Clone)]
pub struct Floor(Arc<Supervisor>);

/// What came of asking for a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Triggered {
    /// It is run as soon as it is its turn.
    Asked,
    /// The daemon does not know the organization.
    Unknown,
    /// The configuration says that it takes no part in runs.
    SwitchedOff,
    /// Somebody paused it.
    Paused(Paused),
}

/// A desk that a command works at. The keeper goes on when this is dropped.
pub struct Occupied(Arc<Desk>);

impl Drop for Occupied {
    fn drop(&mut self) {
        locked(&self.0.wishes).look_again = true;
        self.0.stands(|state| state.activity = Activity::Idle);
        self.0.changed.notify_one();
    }
}

impl Floor {
    pub(super) fn new(supervisor: Arc<Supervisor>) -> Self {
        Self(supervisor)
    }

    /// The snapshot of an organization. One that the daemon does not know yet is opened for the command alone.
    ///
    /// # Errors
    ///
    /// If it cannot be opened.
    pub async fn store(&self, organization: &Organization) -> Result<Arc<dyn Store>, RunError> {
        match self.0.desk(&organization.name) {
            Some(desk) => desk.store().await,
            None => open_store(organization, &self.0.configuration().state_dir),
        }
    }

    /// What is told of the snapshot at a glance, and so many of its last runs.
    ///
    /// # Errors
    ///
    /// If it has to be opened, and cannot be.
    pub async fn glance(&self, organization: &Organization, runs: usize) -> Result<Arc<dyn Store>, RunError> {
        match self.0.desk(&organization.name) {
            Some(desk) => desk.glance(runs).await,
            None => open_store_at_a_glance(organization, &self.0.configuration().state_dir, runs),
        }
    }

    /// Lets go of the snapshots that nobody works with: a command may have opened some.
    pub(super) async fn rest(&self) {
        for desk in self.0.all_desks() {
            desk.rest().await;
        }
    }

    /// Takes the next turn at an organization's desk: no run begins there until it is given back. `wait` is called if
    /// somebody else has it now. None if the daemon does not know the organization.
    pub async fn turn(
        &self,
        organization: &str,
        command: &str,
        who: &str,
        wait: impl FnOnce(),
    ) -> Option<(OwnedMutexGuard<()>, Occupied)> {
        let desk = self.0.desk(organization)?;
        let turn = match Arc::clone(&desk.turn).try_lock_owned() {
            Ok(turn) => turn,
            Err(_) => {
                wait();
                Arc::clone(&desk.turn).lock_owned().await
            }
        };
        let busy = Activity::Busy { since: desk.now(), command: command.to_owned(), who: who.to_owned() };
        desk.stands(|state| state.activity = busy);
        Some((turn, Occupied(desk)))
    }

    /// How an organization stands; none if the daemon does not know it.
    #[must_use]
    pub fn state(&self, organization: &str) -> Option<OrganizationState> {
        self.0.view().states.borrow().get(organization).cloned()
    }

    /// Whether the daemon works by another configuration than this.
    #[must_use]
    pub fn differs_from(&self, configuration: &Configuration) -> bool {
        let ours = self.0.configuration();
        ours.organizations != configuration.organizations || ours.daemon != configuration.daemon
    }

    /// Lets no run of an organization begin until it is resumed, or takes that back. What goes on is not stopped.
    ///
    /// # Errors
    ///
    /// If it cannot be remembered.
    pub async fn pause(&self, organization: &Organization, paused: Option<Paused>) -> Result<(), RunError> {
        pausing::keep(&*self.store(organization).await?, paused.as_ref())?;
        if let Some(desk) = self.0.desk(&organization.name) {
            let mut wishes = locked(&desk.wishes);
            if paused.is_some() {
                // What was asked for and did not begin is called off, too.
                wishes.run = None;
            }
            wishes.paused.clone_from(&paused);
            drop(wishes);
            desk.stands(|state| state.paused = paused);
            desk.changed.notify_one();
        }
        Ok(())
    }

    /// Has an organization run as soon as it is its turn; one that is paused only if `although_paused`.
    #[must_use]
    pub fn trigger(&self, organization: &str, depth: Depth, although_paused: bool) -> Triggered {
        let Some(desk) = self.0.desk(organization) else { return Triggered::Unknown };
        if !desk.organization().enabled {
            return Triggered::SwitchedOff;
        }
        let mut wishes = locked(&desk.wishes);
        if let Some(paused) = wishes.paused.clone().filter(|_| !although_paused) {
            return Triggered::Paused(paused);
        }
        wishes.run = wishes.run.max(Some(depth));
        drop(wishes);
        desk.changed.notify_one();
        Triggered::Asked
    }

    /// What happens in runs from now on. Whoever reads too slowly misses some of it.
    #[must_use]
    pub fn follow(&self) -> broadcast::Receiver<Arc<Told>> {
        self.0.follow()
    }
}
