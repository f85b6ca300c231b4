//! The server that monitors ask, from one configuration to the next.
//!
//! A reload swaps the whole configuration or keeps the old one, so the server of the new one is made first: it listens
//! already when everything else is swapped, and the old one answers until then.

use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use tokio::sync::{mpsc, watch};

use super::desk::locked;
use super::watching::Watching;
use crate::config::Configuration;
use crate::watch::{Server, WatchSettings, Watched, serve, serve_at};

/// How often our certificate is looked at: whoever renews it has to restart and reload nothing.
const LOOK: Duration = Duration::from_secs(600);

/// Who answers monitors.
pub(super) struct Monitors {
    watching: Arc<Watching>,
    /// Where we listen, and since which version of our certificate.
    at: Mutex<Option<(SocketAddr, TcpListener, Option<SystemTime>)>>,
    next: mpsc::UnboundedSender<Option<Server>>,
}

impl Monitors {
    /// Nobody is answered yet. The second part answers for as long as it is polled.
    pub(super) fn new(watching: Arc<Watching>) -> (Self, impl Future<Output = ()>) {
        let (next, servers) = mpsc::unbounded_channel();
        (Self { watching, at: Mutex::default(), next }, answer(servers))
    }

    /// A server by these settings, which listens and does not answer yet.
    ///
    /// # Errors
    ///
    /// In a sentence, if it cannot listen, or a file cannot be used.
    pub(super) async fn prepare(&self, settings: Option<&WatchSettings>) -> Result<Option<Server>, String> {
        let Some(settings) = settings else { return Ok(None) };
        let watched = Arc::clone(&self.watching) as Arc<dyn Watched>;
        let ours = {
            let at = locked(&self.at);
            let ours = at.as_ref().filter(|(address, ..)| *address == settings.listen);
            ours.map(|(_, place, _)| serve_at(place, settings, Arc::clone(&watched)))
        };
        match ours {
            Some(server) => server.map(Some),
            None => serve(settings, watched).await.map(Some),
        }
    }

    /// Lets this server answer from now on.
    pub(super) fn answer_by(&self, settings: Option<&WatchSettings>, server: Option<Server>) {
        let place = server.as_ref().and_then(|server| server.place().ok());
        *locked(&self.at) = settings.zip(place).map(|(settings, place)| (settings.listen, place, version(settings)));
        if let Some(settings) = settings {
            tracing::info!(address = %settings.listen, "monitors are answered");
        }
        // Whoever answers is there as long as the daemon is.
        let _ = self.next.send(server);
    }

    /// Takes up a certificate that was renewed, for as long as it is polled. One that cannot be used leaves the old one in
    /// its place, and the log says why.
    pub(super) async fn renew(self: Arc<Self>, mut configuration: watch::Receiver<Arc<Configuration>>) {
        loop {
            if let Ok(Err(_)) = tokio::time::timeout(LOOK, configuration.changed()).await {
                return;
            }
            let settings = configuration.borrow_and_update().daemon.watch.clone();
            let Some(settings) = settings.filter(|settings| self.is_renewed(settings)) else { continue };
            match self.prepare(Some(&settings)).await {
                Ok(server) => self.answer_by(Some(&settings), server),
                Err(error) => tracing::error!(error, "the renewed certificate cannot be used, so the old one stays"),
            }
        }
    }

    fn is_renewed(&self, settings: &WatchSettings) -> bool {
        locked(&self.at).as_ref().is_some_and(|(.., version_then)| *version_then != version(settings))
    }
}

/// When our certificate was last written.
fn version(settings: &WatchSettings) -> Option<SystemTime> {
    std::fs::metadata(settings.certificate.as_ref()?).and_then(|about| about.modified()).ok()
}

async fn answer(mut servers: mpsc::UnboundedReceiver<Option<Server>>) {
    let mut server: Option<Server> = None;
    loop {
        let serving = async {
            if let Some(server) = server.take() {
                server.run().await;
            }
            // Without one, or after one that ended and said why, until there is another.
            std::future::pending::<()>().await;
        };
        let next = tokio::select! {
            () = serving => continue,
            next = servers.recv() => next,
        };
        match next {
            Some(next) => server = next,
            None => return,
        }
    }
}
