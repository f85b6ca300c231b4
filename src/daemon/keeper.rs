//! The keeper of one organization: asks what is due, waits for it, has it done, and remembers that.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedMutexGuard, OwnedSemaphorePermit, Semaphore, watch};

use super::desk::{Desk, Kept, locked};
use super::errand::{self, Limits};
use super::is_true;
use super::state::{Activity, Health, is_good};
use crate::config::Configuration;
use crate::run::{RunFailure, RunHeader, RunRecord, RunResult, run_headers};
use crate::schedule::{Depth, Due, Schedule, Why};

/// The longest that a keeper waits without a look at the clock, which may be set or have stood still in a machine that
/// slept.
const LOOK: Duration = Duration::from_secs(20);

/// What a keeper works with.
pub(super) struct Keeper {
    pub desk: Arc<Desk>,
    pub configuration: watch::Receiver<Arc<Configuration>>,
    /// As many runs as may go on at the same time.
    pub slots: Arc<Semaphore>,
    /// True from the moment when the daemon is told to stop.
    pub stopping: watch::Receiver<bool>,
}

impl Keeper {
    /// Keeps the organization until the daemon stops.
    pub(super) async fn keep(mut self) {
        let mut kept = self.remember().await;
        while !*self.stopping.borrow() {
            if locked(&self.desk.wishes).gone {
                self.desk.close().await;
                self.wait(None).await;
                continue;
            }
            if std::mem::take(&mut locked(&self.desk.wishes).look_again) {
                kept = self.remember().await;
            }
            let due = self.due(&kept);
            let paused = locked(&self.desk.wishes).paused.clone();
            let is_now = due.is_some_and(|due| due.at <= self.desk.now());
            self.desk.stands(|state| {
                // Whose command keeps a run waiting is more to know than that it waits.
                if !matches!(state.activity, Activity::Busy { .. }) {
                    state.activity = if is_now { Activity::Waiting { since: self.desk.now() } } else { Activity::Idle };
                }
                state.next = due;
                state.paused = paused;
            });
            if is_now {
                self.run(&mut kept).await;
            } else {
                self.desk.rest().await;
                self.wait(due).await;
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
        if let Ok(store) = self.desk.glance(1).await {
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
            } else if kept.past.failures > 0 && last.as_ref().map(|record| record.ended) <= kept.past.ended {
                // A run that failed before it had a record is in no history.
                state.health = Health::Failed;
            }
            state.failures = kept.past.failures;
            state.last_good = kept.good;
        });
        kept
    }

    async fn last(&self) -> Option<RunHeader> {
        let store = self.desk.glance(1).await.ok()?;
        run_headers(&*store, 1).ok()?.pop()
    }

    fn schedule(&self) -> Schedule {
        let organization = self.desk.organization();
        Schedule::new(&organization.schedule, &organization.name, self.configuration.borrow().daemon.quarantine)
    }

    /// What is due next, by wish or by schedule.
    fn due(&self, kept: &Kept) -> Option<Due> {
        let now = self.desk.now();
        let wishes = locked(&self.desk.wishes);
        if wishes.gone {
            return None;
        }
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

    /// A place among the runs that may go on, and the turn at the desk. Whoever waits for one of them does not keep others
    /// from the other: a desk at which somebody reads a plan costs no other organization its place, and a desk that waits
    /// for a place is free for commands. None if something else has to be looked at first.
    async fn place(&mut self) -> Option<(OwnedSemaphorePermit, OwnedMutexGuard<()>)> {
        let (slots, turn) = (Arc::clone(&self.slots), Arc::clone(&self.desk.turn));
        let both = async {
            let ours = Arc::clone(&turn).lock_owned().await;
            if let Ok(slot) = Arc::clone(&slots).try_acquire_owned() {
                return Some((slot, ours));
            }
            drop(ours);
            let slot = slots.acquire_owned().await.ok()?;
            Some((slot, turn.try_lock_owned().ok()?))
        };
        tokio::select! {
            both = both => both,
            () = self.desk.changed.notified() => None,
            () = is_true(&mut self.stopping) => None,
        }
    }

    async fn run(&mut self, kept: &mut Kept) {
        let Some((_slot, turn)) = self.place().await else { return };
        // While others were at work it may have been paused, taken out, asked for more of, or run by hand.
        if *self.stopping.borrow() || locked(&self.desk.wishes).look_again {
            return;
        }
        let Some(due) = self.due(kept).filter(|due| due.at <= self.desk.now()) else { return };
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
        self.desk.stands(|state| state.activity = Activity::Idle);
        self.ended(&record, due.depth, kept).await;
    }

    async fn ended(&self, record: &RunRecord, depth: Depth, kept: &mut Kept) {
        let name = &self.desk.name;
        let failed = matches!(record.result, RunResult::Failed(_));
        if *self.stopping.borrow() && (failed || record.was_cut_short()) {
            // It was told to end; that is no failure of the organization's, and what is owed is seen after the restart.
            tracing::info!(organization = name, run = record.id, "{name}: the run was cut short, and is made up for");
            return;
        }
        kept.past = self.desk.after(kept.past, depth, &RunHeader::of(record));
        if failed {
            // A database that met a full disk refuses everything from then on, also when there is room again.
            self.desk.close().await;
        }
        if is_good(&record.result) {
            kept.good = Some(record.ended);
        }
        if let Err(error) = self.desk.keep(kept).await {
            tracing::error!(organization = name, "{name}: what was run cannot be remembered: {error}");
        }
        let quarantined = self.schedule().quarantines(kept.past.failures);
        self.desk.stands(|state| state.ended(&RunHeader::of(record), kept.past.failures, quarantined));
        match &record.result {
            RunResult::Failed(RunFailure { code, error }) => {
                let code = code.word();
                tracing::error!(organization = name, run = record.id, code, "{name}: the run failed: {error}");
            }
            result => {
                let word = result.word().replace('-', " ");
                tracing::info!(organization = name, run = record.id, ?result, "{name}: the run ended: {word}");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::apply::{Outcome, Skip, SkipCode};
    use crate::daemon::desk::tests::{CONFIGURATION, desk, record};

    #[tokio::test]
    async fn a_run_that_was_cut_short_by_the_daemons_end_is_still_owed_after_the_restart() {
        let (folder, desk) = desk();
        let configuration = crate::config::parse(folder.path().join("config.toml"), CONFIGURATION).unwrap();
        let keeper = Keeper {
            desk: Arc::clone(&desk),
            configuration: watch::Sender::new(Arc::new(configuration)).subscribe(),
            slots: Arc::new(Semaphore::new(1)),
            stopping: watch::Sender::new(true).subscribe(),
        };
        for (id, code, counts) in [
            ("20250101-000000000-aaaa", SkipCode::ToldToStop, false),
            ("20250101-000000000-bbbb", SkipCode::PredecessorFailed, true),
        ] {
            let skipped = Outcome::Skipped(Skip::new(code, "the run was told to stop"));
            let outcomes = serde_json::json!({ "outcomes": [[7, skipped]] });
            let record = record(id, "2025-01-01T00:00:00Z", &RunResult::AppliedInPart { failed: 1 }, &outcomes);
            crate::run::record_end(&*desk.store().await.unwrap(), record.clone()).unwrap();
            keeper.ended(&record, Depth::Full, &mut Kept::default()).await;
            assert_eq!(desk.kept().await.unwrap().past.ended.is_some(), counts, "{code:?}");
        }
    }
}
