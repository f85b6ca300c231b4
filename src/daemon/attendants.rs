//! Whoever watches the daemon at its work: counters, the server that monitors ask, and whoever tells people.

use std::sync::{Arc, Mutex};

use tokio::task::JoinSet;

use super::telling::Telling;
use super::watching::{self, Watching};
use super::{Consumer, View};
use crate::config::Configuration;
use crate::notify::Notifier;
use crate::watch::Metrics;

/// Everybody who watches.
pub(super) struct Attendants {
    metrics: Arc<Metrics>,
    notifier: Arc<Notifier>,
    telling: Telling,
}

impl Attendants {
    /// Takes up what was told before the daemon was stopped.
    ///
    /// # Errors
    ///
    /// In a sentence, if what was told cannot be read.
    pub(super) fn new(configuration: &Configuration) -> Result<Self, String> {
        let metrics = Arc::new(Metrics::new().map_err(|error| format!("there are no metrics: {error}"))?);
        // In a process that runs several daemons, as tests do, the first one counts the requests of all.
        rollcall_kit::http::meter::install(Arc::clone(&metrics) as Arc<dyn rollcall_kit::http::meter::Meter>);
        let notify = configuration.daemon.notify.clone();
        let notifier = Arc::new(Notifier::open(&configuration.state_dir, notify).map_err(|error| error.to_string())?);
        Ok(Self { metrics, telling: Telling::new(Arc::clone(&notifier)), notifier })
    }

    /// Who takes in what happens in runs.
    pub(super) fn consumers(&self) -> Vec<Consumer> {
        vec![watching::consumer(&self.metrics), self.telling.consumer()]
    }

    /// Starts whoever is there as long as the daemon is.
    ///
    /// # Errors
    ///
    /// In a sentence, if one of them cannot do its work: then the daemon does not start.
    pub(super) async fn attend(self, view: &View, tasks: &mut JoinSet<()>) -> Result<(), String> {
        let (metrics, notifier) = (Arc::clone(&self.metrics), Arc::clone(&self.notifier));
        let watching = Arc::new(Watching { view: view.clone(), metrics, notifier, scrape: Mutex::default() });
        let settings = view.configuration.borrow().daemon.watch.clone();
        let server = watching::start(settings.as_ref(), &watching).await?;
        tasks.spawn(watching::answer(watching, server));
        tasks.spawn(self.telling.follow(view.clone()));
        tasks.spawn(async move { self.notifier.run().await });
        Ok(())
    }
}
