//! Counts for whoever watches the process: every attempt of every client, by origin and endpoint.
//!
//! Clients are made deep inside of connectors, many in a process; the counter is one for all of them, like the logger.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

/// One attempt: what may be told of it without naming anybody.
#[derive(Clone, Copy, Debug)]
pub struct Call<'a> {
    /// Scheme, host and port.
    pub origin: &'a str,
    /// `GET`, `POST`, …
    pub method: &'a str,
    /// The template of its path, such as `/Users/{user}`; empty if it is none that the client was told of
    /// ([`super::Client::with_endpoints`]).
    pub endpoint: &'static str,
    /// Which of the server's limits it counts against; empty where it has only one.
    pub class: &'static str,
    /// The status of the answer; none if there was none.
    pub status: Option<u16>,
}

/// Counts attempts and pauses. It is called between two requests, so it must be quick and never wait.
pub trait Meter: Send + Sync {
    /// An attempt ended.
    fn called(&self, call: Call<'_>);

    /// The server asked to wait for so long.
    fn told_to_wait(&self, call: Call<'_>, pause: Duration);
}

static METER: OnceLock<Arc<dyn Meter>> = OnceLock::new();

/// Lets this one count from now on. False if another one does already: the first stays.
pub fn install(meter: Arc<dyn Meter>) -> bool {
    METER.set(meter).is_ok()
}

/// Whoever counts, if somebody does.
pub(super) fn meter() -> Option<&'static dyn Meter> {
    METER.get().map(|meter| &**meter)
}
