//! The daemon, `rollcall run`: every organization at its time, side by side, until it is told to stop.
//!
//! - [`supervisor`] has a [`desk`] for each organization of the configuration, and swaps the configuration whole or keeps
//!   the old one. A desk owns the organization's snapshot, which only one process can open, and lets one run after the
//!   other work with it.
//! - A [`keeper`] for each desk asks [`crate::schedule`] what is due, waits for it, and has the [`errand`] done: one
//!   run, on a thread of its own, within its time limit. Whatever becomes of that thread, the keeper goes on.
//! - [`socket`] lets people's commands in; a [`Floor`] is what they work with.
//! - [`service`] listens to signals and tells systemd how things are.
//!
//! What happens is told twice, to everybody who wants to know:
//!
//! - **how each organization stands**, dated: [`View::states`], a map that can be read at any time and watched for
//!   changes ([`state::OrganizationState`]);
//! - **what happens in runs**: every [`crate::run::Event`] with its organization ([`Told`]), in order and without a gap,
//!   to each consumer that [`attendants`] lists. Each run ends with exactly one `Ended`, also if it failed before it
//!   had a plan.
//!
//! Whatever watches the daemon (metrics, health, notifications) plugs in at these two places: a consumer and
//! a task with a [`View`] in [`attendants`], a section of its own in [`crate::config::DaemonSettings`], which
//! is in [`View::configuration`] and may be another after a reload.

pub mod pausing;
pub mod socket;
pub mod state;

mod attendants;
mod desk;
mod errand;
mod floor;
mod keeper;
mod monitors;
mod service;
mod supervisor;
mod telling;
mod watching;

#[cfg(test)]
mod virtual_day;

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use serde::Serialize;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::config::Configuration;
use crate::run::Event;
use attendants::Attendants;
use socket::protocol::Request;
use socket::remote::Remote;
use socket::server::Server;
use state::OrganizationState;
use supervisor::Supervisor;

pub use floor::{Floor, Occupied, Triggered};
pub use socket::server::place as socket_place;

/// How every organization stands, by its name.
pub type States = BTreeMap<String, OrganizationState>;

/// One thing that happened in a run of an organization.
#[derive(Clone, Debug, Serialize)]
pub struct Told {
    /// The organization.
    pub organization: String,
    /// When.
    pub at: Timestamp,
    /// What.
    pub event: Event,
}

/// Takes in what happens in runs. It is called by the run itself, so it must be quick and never wait.
pub type Consumer = Box<dyn Fn(&Arc<Told>) + Send + Sync>;

/// What can be seen of the daemon while it is at work. Dropping it changes nothing.
#[derive(Clone)]
pub struct View {
    /// How each organization stands.
    pub states: watch::Receiver<States>,
    /// The configuration by which the daemon works now.
    pub configuration: watch::Receiver<Arc<Configuration>>,
}

/// Reads the configuration anew, and says in sentences why it cannot be used.
pub type Loader = Box<dyn Fn() -> Result<Configuration, String> + Send + Sync>;

/// A command that came over the control socket.
pub struct Call {
    /// What was asked for.
    pub request: Request,
    /// Where it is seen.
    pub console: Arc<Remote>,
    /// What it works with.
    pub floor: Floor,
    /// Becomes true when whoever gave it wants it to end, or is gone, or the daemon stops.
    pub hung_up: watch::Receiver<bool>,
}

/// Carries out commands, each on a thread of its own, and returns its exit code.
pub type Commands = Arc<dyn Fn(Call) -> u8 + Send + Sync>;

/// Works until it is told to stop, and has then settled everything that it began.
///
/// # Errors
///
/// In sentences, if it cannot start.
pub async fn run(configuration: Configuration, load: Loader, commands: Commands) -> Result<(), String> {
    let attendants = Attendants::new(&configuration)?;
    let signals = service::Signals::listen().map_err(|error| format!("the system lets nobody listen: {error}"))?;
    // Before the first snapshot is opened, so that a command never finds one locked and nobody to ask.
    let server = Server::bind(&configuration.daemon.socket, &configuration.state_dir)?;
    let supervisor = Arc::new(Supervisor::new(configuration, attendants.consumers(), Arc::new(Timestamp::now)));
    let mut tasks = JoinSet::new();
    let monitors = attendants.attend(&supervisor.view(), &mut tasks).await?;
    supervisor.open();
    let floor = Floor::new(Arc::clone(&supervisor));
    supervisor.employ(server.serve(floor, commands, supervisor.stopping()));
    let served = service::serve(&supervisor, signals, &load, &monitors).await;
    tasks.shutdown().await;
    served.map_err(|error| format!("the system gives no threads: {error}"))
}

/// Waits until it is said, or until nobody is left who could say it.
async fn is_true(said: &mut watch::Receiver<bool>) {
    drop(said.wait_for(|said| *said).await);
}
