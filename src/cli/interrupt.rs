//! Ctrl-C and SIGTERM while a plan is applied: what is in flight is finished and recorded, and the rest is left for the
//! next run. A second one ends at once; the journal then knows what is in doubt.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use tokio::signal::unix::{Signal, SignalKind, signal};

use super::terminal;
use crate::run::Session;

/// Listens for signals as long as a command runs.
pub(super) struct Interrupt(Arc<State>);

#[derive(Default)]
struct State {
    /// The stop switch of the session that applies right now.
    applying: Mutex<Option<Arc<AtomicBool>>>,
    /// Whether somebody wants this to end.
    wanted: AtomicBool,
}

impl Interrupt {
    /// Begins to listen. From here on the first signal ends the process only while nothing is being applied.
    ///
    /// # Errors
    ///
    /// If the system lets nobody listen.
    pub(super) fn listen() -> std::io::Result<Self> {
        let state = Arc::new(State::default());
        let (interrupt, terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
        tokio::spawn(obey(Arc::clone(&state), interrupt, terminate));
        Ok(Self(state))
    }

    /// While a session applies, a signal stops it instead of the process.
    pub(super) fn stops(&self, session: Option<&Session>) {
        if let Ok(mut applying) = self.0.applying.lock() {
            *applying = session.map(Session::stop_switch);
        }
    }

    /// Whether somebody wants this to end.
    pub(super) fn wanted(&self) -> bool {
        self.0.wanted.load(Ordering::Relaxed)
    }
}

#[expect(
    clippy::exit,
    clippy::disallowed_methods,
    reason = "whoever insists must not wait for a prompt or for a server; the journal knows what is in doubt"
)]
async fn obey(state: Arc<State>, mut interrupt: Signal, mut terminate: Signal) {
    loop {
        // As shells count: 128 and the number of the signal.
        let code = tokio::select! {
            _ = interrupt.recv() => 130,
            _ = terminate.recv() => 143,
        };
        let again = state.wanted.swap(true, Ordering::Relaxed);
        let switch = state.applying.lock().ok().and_then(|applying| applying.clone());
        match switch.filter(|_| !again) {
            Some(switch) => {
                switch.store(true, Ordering::Relaxed);
                terminal::say("stopping: what is under way is finished and recorded; once more ends at once");
            }
            None => std::process::exit(code),
        }
    }
}
