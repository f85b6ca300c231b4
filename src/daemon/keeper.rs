//! The keeper of one organization: asks what is due, waits for it, has it done, and remembers that.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Semaphore, watch};

use super::desk::{Desk, Kept, locked};
use super::errand::{self, Limits};
use super::is_true;
use super::state::{Activity, Health};
use crate::config::Configuration;
use crate::run::{RunRecord, RunResult};
use crate::schedule::{Depth, Due, Schedule, Why};

/// The longest that a keeper waits without a look at the clock, which may be set or have stood still in a machine that
/// slept.
const LOOK: Duration = Duration::from_secs(20);

/// What a keeper works with.
pub(super) struct Keeper {
    pub desk: Arc<Desk>,
    pub configuration: watch::Receiver<Arc<Configuration>>,
    /// As many runs as may go on at the same time.
    pub slots: watch::Receiver<Arc<Semaphore>>,
    /// True from the moment when the daemon is told to stop.
    pub stopping: watch::Receiver<bool>,
}

impl Keeper {
    /// Keeps the organization until the daemon stops or the configuration names it no more.
    pub(super) async fn keep(mut self) {
        let mut kept = self.remember().await;
        while !*self.stopping.borrow() && !locked(&self.desk.wishes).gone {
            if std::mem::take(&mut locked(&self.desk.wishes).look_again) {
                kept = self.remember().await;
            }
            let due = self.due(&kept);
            let paused = locked(&self.desk.wishes).paused.clone();
            self.desk.stands(|state| {
                state.activity = Activity::Idle;
                state.next = due;
                state.paused = paused;
            });
            match due.filter(|due| due.at <= self.desk.now()) {
                Some(due) => self.run(due, &mut kept).await,
                None => self.wait(due).await,
            }
        }
        self.desk.close().await;
    }

    /// What is known of earlier runs. A snapshot that cannot be opened now will be told of by the first run.
    async fn remember(&self) -> Kept {
        let name = &self.desk.name;
        let kept = match self.desk.kept().await {
            Ok(kept) => kept,
            Err(error) => {
                tracing::warn!(organization = name, "{name}: the snapshot cannot be read yet: {error}");
                Kept::default()
            }
        };
        if let Ok(store) = self.desk.store().await {
            locked(&self.desk.wishes).paused = super::pausing::paused(&*store).unwrap_or_default();
        }
        let last = self.last().await;
        let quarantined = self.schedule().quarantines(kept.past.failures);
        self.desk.stands(|state| {
            if let Some(record) = &last {
                state.ended(record, kept.past.failures, quarantined);
            }
            if quarantined {
                state.health = Health::Quarantined;
            }
            state.failures = kept.past.failures;
            state.last_good = kept.good;
        });
        kept
    }

    async fn last(&self) -> Option<RunRecord> {
        let store = self.desk.store().await.ok()?;
        crate::run::runs(&*store, 1).ok()?.pop()
    }

    fn schedule(&self) -> Schedule {
        let organization = self.desk.organization();
        Schedule::new(&organization.schedule, &organization.name, self.configuration.borrow().daemon.quarantine)
    }

    /// What is due next, by wish or by schedule.
    fn due(&self, kept: &Kept) -> Option<Due> {
        let now = self.desk.now();
        let wishes = locked(&self.desk.wishes);
        if let Some(depth) = wishes.run {
            return Some(Due { at: now, depth, why: Why::Asked });
        }
        if wishes.paused.is_some() || !self.desk.organization().enabled {
            return None;
        }
        self.schedule().due(&kept.past, now)
    }

    /// Waits until something is due, or may be because something has changed.
    async fn wait(&mut self, due: Option<Due>) {
        let until = due.map_or(LOOK, |due| {
            let left = due.at.duration_since(self.desk.now());
            Duration::try_from(left).unwrap_or_default().min(LOOK)
        });
        tokio::select! {
            () = tokio::time::sleep(until) => {}
            () = self.desk.changed.notified() => {}
            () = is_true(&mut self.stopping) => {}
        }
    }

    async fn run(&mut self, due: Due, kept: &mut Kept) {
        let waiting = Activity::Waiting { since: self.desk.now() };
        self.desk.stands(|state| state.activity = waiting);
        let slots = Arc::clone(&self.slots.borrow());
        let turn = Arc::clone(&self.desk.turn);
        let both = async { (slots.acquire_owned().await, turn.lock_owned().await) };
        let (_slot, turn) = tokio::select! {
            both = both => both,
            () = is_true(&mut self.stopping) => return,
        };
        locked(&self.desk.wishes).run = None;
        let running = Activity::Running { since: self.desk.now(), depth: due.depth, why: due.why };
        self.desk.stands(|state| state.activity = running);
        let limits = {
            let daemon = &self.configuration.borrow().daemon;
            Limits { run: daemon.run_limit.duration(), stop: daemon.stop_within.duration() }
        };
        let name = &self.desk.name;
        tracing::info!(organization = name, depth = ?due.depth, why = ?due.why, "{name}: a run begins");
        let record = errand::run(&self.desk, due.depth, limits, turn).await;
        self.ended(&record, due.depth, kept).await;
    }

    async fn ended(&self, record: &RunRecord, depth: Depth, kept: &mut Kept) {
        if *self.stopping.borrow() && matches!(record.result, RunResult::Failed { .. }) {
            // It was told to end; that is no failure of the organization's, and what is owed is seen after the restart.
            return;
        }
        let name = &self.desk.name;
        let failed = matches!(record.result, RunResult::Failed { .. });
        kept.past = kept.past.after(depth, record.ended, failed);
        if failed {
            // A database that met a full disk refuses everything from then on, also when there is room again.
            self.desk.close().await;
        }
        if matches!(record.result, RunResult::NothingToDo | RunResult::Applied) {
            kept.good = Some(record.ended);
        }
        if let Err(error) = self.desk.keep(kept).await {
            tracing::error!(organization = name, "{name}: what was run cannot be remembered: {error}");
        }
        let quarantined = self.schedule().quarantines(kept.past.failures);
        self.desk.stands(|state| state.ended(record, kept.past.failures, quarantined));
        match &record.result {
            RunResult::Failed { error } => {
                tracing::error!(organization = name, run = record.id, "{name}: the run failed: {error}");
            }
            result => {
                let word = result.word().replace('-', " ");
                tracing::info!(organization = name, run = record.id, ?result, "{name}: the run ended: {word}");
            }
        }
    }
}
