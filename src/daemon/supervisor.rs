//! All desks: who has one, by which configuration, and how they are closed.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::{Semaphore, broadcast, watch};
use tokio::task::JoinSet;

use super::desk::{Desk, locked};
use super::keeper::Keeper;
use super::{Consumer, States, Told, View};
use crate::config::Configuration;
use crate::run::Clock;

/// So many events are kept for a follower who is not quick enough.
const FOLLOWED: usize = 1_024;

/// All desks and their keepers.
pub(super) struct Supervisor {
    configuration: watch::Sender<Arc<Configuration>>,
    states: Arc<watch::Sender<States>>,
    /// As many runs as may go on at the same time.
    slots: Arc<Semaphore>,
    stopping: watch::Sender<bool>,
    desks: Mutex<BTreeMap<String, Arc<Desk>>>,
    keepers: Mutex<JoinSet<()>>,
    consumers: Arc<Vec<Consumer>>,
    followers: broadcast::Sender<Arc<Told>>,
    clock: Clock,
}

impl Supervisor {
    /// With this configuration; nobody works yet.
    pub(super) fn new(configuration: Configuration, mut consumers: Vec<Consumer>, clock: Clock) -> Self {
        let (followers, _) = broadcast::channel(FOLLOWED);
        let told = followers.clone();
        consumers.push(Box::new(move |event| drop(told.send(Arc::clone(event)))));
        let slots = Arc::new(Semaphore::new(configuration.daemon.parallel.into()));
        Self {
            configuration: watch::Sender::new(Arc::new(configuration)),
            states: Arc::new(watch::Sender::new(States::new())),
            slots,
            stopping: watch::Sender::new(false),
            desks: Mutex::default(),
            keepers: Mutex::default(),
            consumers: Arc::new(consumers),
            followers,
            clock,
        }
    }

    /// What can be seen of it.
    pub(super) fn view(&self) -> View {
        View { states: self.states.subscribe(), configuration: self.configuration.subscribe() }
    }

    /// The configuration by which it works now.
    pub(super) fn configuration(&self) -> Arc<Configuration> {
        Arc::clone(&self.configuration.borrow())
    }

    /// The desk of an organization, if it has one.
    pub(super) fn desk(&self, name: &str) -> Option<Arc<Desk>> {
        locked(&self.desks).get(name).filter(|desk| !locked(&desk.wishes).gone).cloned()
    }

    /// What happens in runs from now on.
    pub(super) fn follow(&self) -> broadcast::Receiver<Arc<Told>> {
        self.followers.subscribe()
    }

    /// Becomes true when the daemon stops.
    pub(super) fn stopping(&self) -> watch::Receiver<bool> {
        self.stopping.subscribe()
    }

    /// Lets a task be part of it, which ends when the daemon stops.
    pub(super) fn employ(&self, task: impl Future<Output = ()> + Send + 'static) {
        locked(&self.keepers).spawn(task);
    }

    /// All desks.
    pub(super) fn all_desks(&self) -> Vec<Arc<Desk>> {
        locked(&self.desks).values().cloned().collect()
    }

    /// Opens a desk for every organization.
    pub(super) fn open(&self) {
        let configuration = Arc::clone(&self.configuration.borrow());
        for name in configuration.organizations.keys() {
            self.open_desk(&configuration, name);
        }
    }

    fn open_desk(&self, configuration: &Configuration, name: &str) {
        let Some(organization) = configuration.organizations.get(name) else { return };
        let (states, consumers) = (Arc::clone(&self.states), Arc::clone(&self.consumers));
        let (state_dir, clock) = (configuration.state_dir.clone(), Clock::clone(&self.clock));
        let desk = Arc::new(Desk::new(organization.clone(), state_dir, states, consumers, clock));
        desk.stands(|_| {});
        let keeper = Keeper {
            desk: Arc::clone(&desk),
            configuration: self.configuration.subscribe(),
            slots: Arc::clone(&self.slots),
            stopping: self.stopping.subscribe(),
        };
        locked(&self.desks).insert(name.to_owned(), desk);
        locked(&self.keepers).spawn(keeper.keep());
    }

    /// Works by another configuration from now on. Runs that have begun end by the old one.
    ///
    /// # Errors
    ///
    /// In a sentence, if it asks for what cannot be changed while the daemon runs. Everything is then as it was.
    pub(super) fn reconfigure(&self, configuration: Configuration) -> Result<(), String> {
        let old = Arc::clone(&self.configuration.borrow());
        if old.state_dir != configuration.state_dir || old.daemon.socket != configuration.daemon.socket {
            return Err(
                "state_dir and daemon.socket cannot be changed while the daemon runs; restart it for that".into()
            );
        }
        self.allow(old.daemon.parallel.into(), configuration.daemon.parallel.into());
        self.configuration.send_replace(Arc::new(configuration));
        let configuration = Arc::clone(&self.configuration.borrow());
        let desks = locked(&self.desks);
        for (name, desk) in &*desks {
            desk.reorganize(configuration.organizations.get(name).cloned());
        }
        let new: Vec<&String> = configuration.organizations.keys().filter(|name| !desks.contains_key(*name)).collect();
        drop(desks);
        for name in new {
            self.open_desk(&configuration, name);
        }
        Ok(())
    }

    /// Lets another number of runs go on at the same time. Where it is a smaller one, those that go on are not stopped,
    /// and none begins before enough of them have ended.
    fn allow(&self, old: u32, new: u32) {
        self.slots.add_permits(new.saturating_sub(old) as usize);
        if new < old {
            let slots = Arc::clone(&self.slots);
            tokio::spawn(async move {
                if let Ok(taken) = slots.acquire_many_owned(old - new).await {
                    taken.forget();
                }
            });
        }
    }

    /// Ends everything: what is being written is finished and recorded, what only reads is dropped. True if all ended
    /// in time.
    pub(super) async fn close(&self) -> bool {
        self.stopping.send_replace(true);
        let within = self.configuration.borrow().daemon.stop_within.duration();
        for desk in locked(&self.desks).values() {
            desk.halt();
        }
        let mut keepers = std::mem::take(&mut *locked(&self.keepers));
        let all = async { while keepers.join_next().await.is_some() {} };
        tokio::time::timeout(within.max(Duration::from_secs(1)), all).await.is_ok()
    }
}
