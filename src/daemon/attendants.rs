//! Whoever watches the daemon at its work: counters, the server that monitors ask, and whoever tells people.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::Timestamp;
use tokio::task::JoinSet;

use super::monitors::Monitors;
use super::telling::{OURSELVES, Telling};
use super::watching::{self, Watching};
use super::{Consumer, View};
use crate::config::Configuration;
use crate::notify::{Notifier, Observation};
use crate::run::{daemon_secret_ends, secret_ends};
use crate::watch::{Metrics, traces};

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

    /// Starts whoever is there as long as the daemon is, and yields who answers monitors.
    ///
    /// # Errors
    ///
    /// In a sentence, if one of them cannot do its work: then the daemon does not start.
    pub(super) async fn attend(self, view: &View, tasks: &mut JoinSet<()>) -> Result<Arc<Monitors>, String> {
        let (metrics, notifier) = (Arc::clone(&self.metrics), Arc::clone(&self.notifier));
        let watching = Arc::new(Watching { view: view.clone(), metrics, notifier, scrape: Mutex::default() });
        let settings = view.configuration.borrow().daemon.watch.clone();
        let (monitors, answering) = Monitors::new(watching);
        let server = monitors.prepare(settings.as_ref()).await?;
        monitors.answer_by(settings.as_ref(), server);
        let monitors = Arc::new(monitors);
        tasks.spawn(answering);
        tasks.spawn(Arc::clone(&monitors).renew(view.configuration.clone()));
        tasks.spawn(self.telling.follow(view.clone()));
        traces::export(view.configuration.borrow().daemon.traces.as_ref());
        tasks.spawn(export_traces(view.clone()));
        tasks.spawn(look_at_secrets(view.clone(), Arc::clone(&self.metrics), Arc::clone(&self.notifier)));
        tasks.spawn(async move { self.notifier.run().await });
        Ok(monitors)
    }
}

/// Exports traces by the configuration of the moment, for as long as it is polled.
async fn export_traces(view: View) {
    let mut configuration = view.configuration;
    while configuration.changed().await.is_ok() {
        let current = Arc::clone(&configuration.borrow_and_update());
        traces::export(current.daemon.traces.as_ref());
    }
}

/// How often secrets are looked at: whoever renews one sees the warning end within the hour.
const LOOK: Duration = Duration::from_secs(3600);

/// Looks when the secrets of each organization and our own end, every hour and after every reload, for as long as it is
/// polled.
async fn look_at_secrets(view: View, metrics: Arc<Metrics>, notifier: Arc<Notifier>) {
    let mut configuration = view.configuration;
    loop {
        let current = Arc::clone(&configuration.borrow_and_update());
        let organizations = current.organizations.values().filter(|each| each.enabled);
        let looks = organizations.map(|each| async { (each.name.clone(), secret_ends(each).await) });
        let mut ends: Vec<(String, Vec<(String, Timestamp)>)> = futures::future::join_all(looks).await;
        ends.push((OURSELVES.to_owned(), daemon_secret_ends(&current.daemon).await));
        let each = ends.iter().flat_map(|(name, ends)| ends.iter().map(move |(what, end)| (&**name, &**what, *end)));
        metrics.secrets(each);
        for (name, ends) in ends {
            notifier.observe(&name, Timestamp::now(), Observation::Secrets { ends });
        }
        if let Ok(Err(_)) = tokio::time::timeout(LOOK, configuration.changed()).await {
            return;
        }
    }
}
