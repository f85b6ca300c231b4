//! The word to stop while a plan is applied: what is in flight is finished and recorded, and the rest is left for the
//! next run. It comes as Ctrl-C or SIGTERM, or over the daemon's socket. A second signal ends a process at once; the
//! journal then knows what is in doubt.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use tokio::signal::unix::{Signal, SignalKind, signal};

use super::terminal;
use crate::run::Session;

/// By what a command is stopped.
#[derive(Clone, Default)]
pub(super) struct Interrupt(Arc<State>);

#[derive(Default)]
struct State {
    /// The stop switch of the session that applies right now.
    applying: Mutex<Option<Arc<AtomicBool>>>,
    /// Whether somebody wants this to end.
    wanted: AtomicBool,
}

impl Interrupt {
    /// Begins to listen to signals. From here on the first one ends the process only while nothing is being applied.
    ///
    /// # Errors
    ///
    /// If the system lets nobody listen.
    pub(super) fn listen() -> std::io::Result<Self> {
        let interrupt = Self::default();
        let (keyboard, terminate) = (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
        tokio::spawn(obey(interrupt.clone(), keyboard, terminate));
        Ok(interrupt)
    }

    /// While a session applies, an interrupt stops it instead of the whole command.
    pub(super) fn stops(&self, session: Option<&Session>) {
        if let Ok(mut applying) = self.0.applying.lock() {
            *applying = session.map(Session::stop_switch);
        }
    }

    /// Whether somebody wants this to end.
    pub(super) fn wanted(&self) -> bool {
        self.0.wanted.load(Ordering::Relaxed)
    }

    /// Somebody wants this to end. True if something is being applied and will come to its end by itself.
    pub(super) fn interrupted(&self) -> bool {
        let again = self.0.wanted.swap(true, Ordering::Relaxed);
        let switch = self.0.applying.lock().ok().and_then(|applying| applying.clone());
        match switch.filter(|_| !again) {
            Some(switch) => {
                switch.store(true, Ordering::Relaxed);
                true
            }
            None => false,
        }
    }
}

#[expect(
    clippy::exit,
    clippy::disallowed_methods,
    reason = "whoever insists must not wait for a prompt or for a server; the journal knows what is in doubt"
)]
async fn obey(interrupted: Interrupt, mut keyboard: Signal, mut terminate: Signal) {
    loop {
        // As shells count: 128 and the number of the signal.
        let code = tokio::select! {
            _ = keyboard.recv() => 130,
            _ = terminate.recv() => 143,
        };
        if interrupted.interrupted() {
            terminal::say("stopping: what is under way is finished and recorded; once more ends at once");
        } else {
            std::process::exit(code);
        }
    }
}
