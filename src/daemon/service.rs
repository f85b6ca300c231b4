//! The daemon as a service: signals, and what systemd is told.
//!
//! SIGTERM and SIGINT stop it, a second one at once; SIGHUP reads the configuration anew. With `Type=notify-reload`
//! systemd waits for the answers; without systemd they go nowhere.

use std::io;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::time::Duration;

use sd_notify::NotifyState;
use tokio::signal::unix::{Signal, SignalKind, signal};

use super::monitors::Monitors;
use super::state::{Activity, Health, OrganizationState};
use super::supervisor::Supervisor;
use super::{Loader, States};

/// The signals that the daemon obeys.
pub(super) struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hang_up: Signal,
}

impl Signals {
    /// Begins to listen; from here on no signal ends the process by itself.
    pub(super) fn listen() -> io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hang_up: signal(SignalKind::hangup())?,
        })
    }

    async fn next(&mut self) -> Word {
        tokio::select! {
            _ = self.terminate.recv() => Word::Stop,
            _ = self.interrupt.recv() => Word::Stop,
            _ = self.hang_up.recv() => Word::Reload,
        }
    }
}

/// What a signal says.
enum Word {
    Stop,
    Reload,
}

/// Obeys signals until one says stop, and then sees everything to its end.
pub(super) async fn serve(
    supervisor: &Supervisor,
    mut signals: Signals,
    load: &Loader,
    monitors: &Monitors,
) -> io::Result<()> {
    let manager = Manager::new()?;
    let mut states = supervisor.view().states;
    manager.tell(&[NotifyState::Ready, NotifyState::Status(&status(&states.borrow_and_update()))]);
    tracing::info!("ready");
    let mut watchdog = watchdog();
    loop {
        tokio::select! {
            word = signals.next() => match word {
                Word::Stop => break,
                Word::Reload => reload(supervisor, load, monitors, &manager).await,
            },
            _ = watchdog.tick() => manager.tell(&[NotifyState::Watchdog]),
            changed = states.changed() => {
                if changed.is_err() {
                    break;
                }
                let text = status(&states.borrow_and_update());
                manager.tell(&[NotifyState::Status(&text)]);
            }
        }
    }
    manager.tell(&[
        NotifyState::Stopping,
        NotifyState::Status("Stopping: what is being written is finished and recorded."),
    ]);
    tracing::info!("stopping");
    let closing = supervisor.close();
    tokio::pin!(closing);
    let settled = loop {
        tokio::select! {
            settled = &mut closing => break settled,
            Word::Stop = signals.next() => break false,
            _ = watchdog.tick() => manager.tell(&[NotifyState::Watchdog]),
        }
    };
    if settled {
        tracing::info!("stopped; everything that was begun is settled");
    } else {
        tracing::warn!("stopped before everything was settled; the journal knows what is in doubt");
    }
    Ok(())
}

/// The configuration is swapped whole, or stays as it is.
async fn reload(supervisor: &Supervisor, load: &Loader, monitors: &Monitors, manager: &Manager) {
    let mut reloading = vec![NotifyState::Reloading];
    reloading.extend(NotifyState::monotonic_usec_now());
    manager.tell(&reloading);
    match swap(supervisor, load, monitors).await {
        Ok(()) => {
            tracing::info!("the configuration was read anew");
            let text = status(&supervisor.view().states.borrow());
            manager.tell(&[NotifyState::Ready, NotifyState::Status(&text)]);
        }
        Err(reason) => {
            tracing::error!("the new configuration cannot be used, so the old one stays: {reason}");
            manager.tell(&[
                NotifyState::Ready,
                NotifyState::Status("The new configuration cannot be used, so the old one stays; the log says why."),
            ]);
        }
    }
}

/// Makes first what can fail, and swaps then.
async fn swap(supervisor: &Supervisor, load: &Loader, monitors: &Monitors) -> Result<(), String> {
    let configuration = load()?;
    let watch = configuration.daemon.watch.clone();
    let server = monitors.prepare(watch.as_ref()).await?;
    supervisor.reconfigure(configuration)?;
    monitors.answer_by(watch.as_ref(), server);
    Ok(())
}

/// Half of systemd's patience, as it recommends; without a watchdog once a day.
fn watchdog() -> tokio::time::Interval {
    let every = sd_notify::watchdog_enabled().map_or(Duration::from_secs(86_400), |patience| patience / 2);
    let mut interval = tokio::time::interval(every.max(Duration::from_millis(100)));
    interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    interval
}

/// Tells the service manager, on a thread of its own: one that does not listen must not keep the daemon waiting.
struct Manager(SyncSender<String>);

/// So much may wait to be told.
const UNTOLD: usize = 256;

impl Manager {
    fn new() -> io::Result<Self> {
        let (sender, receiver) = sync_channel::<String>(UNTOLD);
        std::thread::Builder::new().name("notify".to_owned()).spawn(move || {
            for text in receiver {
                if let Err(error) = sd_notify::notify(&[NotifyState::Custom(&text)]) {
                    tracing::debug!(%error, "the service manager does not listen");
                }
            }
        })?;
        Ok(Self(sender))
    }

    fn tell(&self, states: &[NotifyState<'_>]) {
        let lines: Vec<String> = states.iter().map(ToString::to_string).collect();
        if self.0.try_send(lines.join("\n")).is_err() {
            tracing::debug!("the service manager does not listen");
        }
    }
}

/// How everything stands, in a line for `systemctl status`.
fn status(states: &States) -> String {
    let count = |what: fn(&OrganizationState) -> bool| states.values().filter(|state| what(state)).count();
    let parts = [
        (count(|state| matches!(state.activity, Activity::Running { .. })), "running"),
        (count(|state| state.paused.is_some()), "paused"),
        (count(|state| state.health == Health::Held), "held"),
        (count(|state| state.health == Health::Failed), "failed"),
        (count(|state| state.health == Health::Quarantined), "quarantined"),
    ];
    let told: Vec<String> =
        parts.iter().filter(|(number, _)| *number > 0).map(|(number, what)| format!("{number} {what}")).collect();
    let next = states.iter().filter_map(|(name, state)| Some((state.next?.at, name))).min();
    let next = next.map(|(at, name)| format!("; next: {name} at {}", at.strftime("%Y-%m-%d %H:%M:%S UTC")));
    let number = match states.len() {
        1 => "1 organization".to_owned(),
        several => format!("{several} organizations"),
    };
    let rest = if told.is_empty() { String::new() } else { format!(", {}", told.join(", ")) };
    format!("{number}{rest}{}", next.unwrap_or_default())
}
