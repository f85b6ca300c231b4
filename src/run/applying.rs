//! From a plan to a record: the runs themselves.
//!
//! A run plans, is cleared or approved, applies, and leaves a record. A run that dies in the middle leaves its record
//! too: it is written before the first change and replaced after the last.

use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};

use jiff::Timestamp;
use tracing::Instrument as _;

use super::error::RunError;
use super::event::{Event, INTERRUPTED, RunRecord, RunResult, WaitingPart};
use super::past;
use super::planning::Doubtful;
use super::records;
use super::session::{Listener, Session};
use super::spans::{Purpose, RunSpan, step, step_of};
use crate::apply::{Executor, Outcome};
use crate::guard::{Approval, ApprovedPlan, HeldPlan, KeptPlanError, PlanFile, Reviewed};
use crate::plan::{Change, ChangeId, Drift, Kinds, Plan};
use crate::roster::{Reason, Refusal};
use crate::schedule::{Depth, Forbids};
use crate::snapshot::{RunFact, StoreJournal, StoreLedger};

impl Session {
    /// Settles what a crash left behind, reads the directory, and plans. The target is only read.
    ///
    /// # Errors
    ///
    /// If anything that the plan depends on could not be had. A record of the failed run is kept.
    pub async fn plan(&self, listener: Listener<'_>) -> Result<Reviewed, RunError> {
        self.plan_at(Depth::Full, listener).await
    }

    /// The same, with this much of the directory read.
    ///
    /// # Errors
    ///
    /// As [`Session::plan`].
    pub async fn plan_at(&self, depth: Depth, listener: Listener<'_>) -> Result<Reviewed, RunError> {
        let (run, started) = self.begin_run(Purpose::Run, Some(depth), listener);
        let planned = self.read_and_plan(depth, listener).instrument(self.run_span()).await;
        planned.inspect_err(|error| self.remember_failure(&run, started, error))
    }

    async fn read_and_plan(&self, depth: Depth, listener: Listener<'_>) -> Result<Reviewed, RunError> {
        self.store.require_room()?;
        self.require_same_target()?;
        let doubtful = self.settle_leftovers().await?;
        let roll = self.read_directory(depth, listener).await?;
        self.make_plan(roll, doubtful, listener).await
    }

    /// Keeps the record of a run that failed. If even that fails, the first failure is the one to tell of.
    pub(super) fn remember_failure(&self, run: &str, started: Timestamp, error: &RunError) {
        self.trace_failure(error);
        if let Err(error) = self.doubt_the_place(error) {
            tracing::error!("the place in the stream of changes cannot be forgotten: {error}");
        }
        let failed = RunResult::Failed { error: error.to_string() };
        if let Err(error) = records::keep(&*self.store, &self.record(run, started, failed, None, None)) {
            tracing::error!("the record of the failed run cannot be kept: {error}");
        }
    }

    /// A kept plan, if every one of its changes is still asked for by the directory and the target as they are now.
    /// The directory is read again: the file may be old, and whoever has come back since must not be put out by it.
    ///
    /// # Errors
    ///
    /// [`RunError::Stale`] with the changes that went stale and why, and as [`Session::plan`].
    pub async fn kept(&self, file: PlanFile, listener: Listener<'_>) -> Result<HeldPlan, RunError> {
        let (run, started) = self.begin_run(Purpose::KeptPlan, None, listener);
        let held = self.still_asked_for(file, listener).instrument(self.run_span()).await;
        held.inspect_err(|error| self.remember_failure(&run, started, error))
    }

    async fn still_asked_for(&self, file: PlanFile, listener: Listener<'_>) -> Result<HeldPlan, RunError> {
        if file.plan().basis.configuration != self.organization.configuration_hash() {
            return Err(RunError::Stale(
                "the plan is stale: the configuration was changed after it was made; nothing was changed. Plan again"
                    .to_owned(),
            ));
        }
        let fresh = match &file.plan().undoes {
            Some(run) => self.plan_undo(run, listener).await?,
            None => self.read_and_plan(Depth::Full, listener).await?,
        };
        file.if_still_asked_for(&fresh).map_err(|error| {
            let mut text = error.to_string();
            if let KeptPlanError::Stale(changes) = &error {
                for change in changes {
                    text.push_str(&format!("\n  {change}"));
                }
            }
            RunError::Stale(text)
        })
    }

    /// Applies an approved plan and keeps the record.
    ///
    /// # Errors
    ///
    /// If the snapshot fails. Changes that fail are in the record, and no error.
    pub async fn apply(&self, approved: ApprovedPlan, listener: Listener<'_>) -> Result<RunRecord, RunError> {
        let applied = self.carry_out(approved, listener).instrument(self.run_span()).await;
        applied.inspect_err(|error| self.trace_failure(error))
    }

    async fn carry_out(&self, approved: ApprovedPlan, listener: Listener<'_>) -> Result<RunRecord, RunError> {
        self.require_pending(&approved)?;
        self.store.require_room()?;
        let (run, started) = self.this_run();
        let (plan, approval) = (approved.shared_plan(), approved.approval().clone());
        let interrupted = RunResult::Failed { error: INTERRUPTED.to_owned() };
        records::keep(&*self.store, &self.record(&run, started, interrupted, Some(&plan), Some(&approval)))?;
        if !plan.is_empty() {
            self.store.record_fact(&RunFact::of(&run, started, &approval))?;
        }
        let settles_findings = self.settles_findings(&approved)?;
        // One that a blackout put off is for the run after it.
        if approval.decision().is_some() || self.blackout().is_none() {
            self.use_up_approval(&plan)?;
        }
        // From here on something may have been applied, so these rules are no longer new to anybody.
        self.remember_rules(&plan, approved.rest())?;
        if settles_findings {
            self.accept_census(&plan)?;
        }
        listener(Event::Applying { changes: plan.changes.len() as u64 });
        let applying = step_of("apply", plan.changes.len());
        let outcomes = self.execute(&run, &approved, listener).instrument(applying).await?;
        past::record_failures(&*self.store, (&run, (self.clock)()), &plan, &outcomes)?;
        self.forget_dealt_with(&plan, &outcomes)?;
        let failed = outcomes.iter().filter(|(_, outcome)| !matches!(outcome, Outcome::Done { .. })).count() as u64;
        let result = match failed {
            0 if plan.is_empty() => RunResult::NothingToDo,
            0 => RunResult::Applied,
            failed => RunResult::AppliedInPart { failed },
        };
        let mut record = self.record(&run, started, result, Some(&plan), Some(&approval));
        record.outcomes = outcomes;
        if let Some(rest) = approved.rest() {
            record.result = RunResult::Held { holds: rest.holds().to_vec() };
            record.waiting = Some(WaitingPart { plan_id: rest.plan().id(), plan: rest.shared_plan() });
            self.remember_held((rest.plan(), rest.holds()), &run, record.ended)?;
        }
        self.remember_profile()?;
        self.end(record, listener)
    }

    /// The record of a run that found nothing to do.
    ///
    /// # Errors
    ///
    /// If the snapshot fails.
    pub fn nothing_to_do(&self, approved: ApprovedPlan) -> Result<RunRecord, RunError> {
        let (run, started) = self.this_run();
        let (plan, approval) = approved.into_parts();
        self.use_up_approval(&plan)?;
        // Changed rules that change nothing are as good as applied. The first plan still waits: nothing was seen yet.
        if !self.occasion()?.first_plan {
            self.remember_rules(&plan, None)?;
        }
        // What is strange about a reading stays strange until somebody approved a plan that was made from it.
        if !plan.notes.iter().any(|note| note.holds) {
            self.accept_census(&plan)?;
        }
        let record = self.record(&run, started, RunResult::NothingToDo, Some(&plan), Some(&approval));
        let record = self.end(record, &|_| {})?;
        self.comes_to_rest(&run)?;
        Ok(record)
    }

    /// The record of a run that ends with its plan.
    ///
    /// # Errors
    ///
    /// If the snapshot fails.
    pub fn planned(&self, reviewed: &Reviewed) -> Result<RunRecord, RunError> {
        let (run, started) = self.this_run();
        let result = match reviewed {
            Reviewed::Cleared(_) => RunResult::Planned,
            Reviewed::Parted(_) | Reviewed::Held(_) => RunResult::Held { holds: reviewed.holds().to_vec() },
        };
        if matches!(result, RunResult::Held { .. }) {
            self.remember_held((reviewed.plan(), reviewed.holds()), &run, (self.clock)())?;
        }
        self.end(self.record(&run, started, result, Some(&reviewed.shared_plan()), None), &|_| {})
    }

    /// The record of a run whose plan nothing held, and which somebody declined all the same.
    ///
    /// # Errors
    ///
    /// If the snapshot fails.
    pub fn declined(&self, approved: ApprovedPlan) -> Result<RunRecord, RunError> {
        self.planned(&Reviewed::Cleared(approved))
    }

    /// The record of a run whose plan is held and was not approved.
    ///
    /// # Errors
    ///
    /// If the snapshot fails.
    pub fn held(&self, held: HeldPlan) -> Result<RunRecord, RunError> {
        self.planned(&Reviewed::Held(held))
    }

    /// Begins a run: its id, and when it began.
    pub(super) fn begin_run(
        &self,
        purpose: Purpose,
        depth: Option<Depth>,
        listener: Listener<'_>,
    ) -> (String, Timestamp) {
        self.set_drift(None);
        self.set_changes(None);
        self.is_unchanged_since(None);
        let started = (self.clock)();
        let run = (records::new_id(started), started);
        *self.trace() = Some(RunSpan::new(purpose, self.name(), &run.0, depth));
        *self.current.lock().unwrap_or_else(PoisonError::into_inner) = Some(run.clone());
        listener(Event::Started { run: run.0.clone(), organization: self.name().to_owned() });
        run
    }

    /// The id of the run that was begun and did not end yet.
    pub(super) fn current_run(&self) -> Option<String> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner).as_ref().map(|(run, _)| run.clone())
    }

    /// The run that was begun with the plan that is being dealt with; it ends here, so a second call begins another.
    fn this_run(&self) -> (String, Timestamp) {
        let begun = self.current.lock().unwrap_or_else(PoisonError::into_inner).take();
        begun.unwrap_or_else(|| {
            let now = (self.clock)();
            (records::new_id(now), now)
        })
    }

    /// Looks up in the target what a crash left unsettled. Yields the people of whom it is still unknown what was done.
    pub(super) async fn settle_leftovers(&self) -> Result<Doubtful, RunError> {
        let settling = self.with_executor("recovery", async |executor| executor.recover().await);
        let recovered = settling.instrument(step("settle")).await??;
        if recovered.settled + recovered.abandoned > 0 {
            tracing::info!(settled = recovered.settled, abandoned = recovered.abandoned, "settled an earlier run");
        }
        Ok(recovered.unclear.into_iter().collect())
    }

    async fn execute(
        &self,
        run: &str,
        approved: &ApprovedPlan,
        listener: Listener<'_>,
    ) -> Result<Vec<(ChangeId, Outcome)>, RunError> {
        self.with_executor(run, async |executor| {
            let tell = |change: &Change, outcome: &Outcome| {
                listener(Event::Changed { change: Box::new(change.clone()), outcome: outcome.clone() });
            };
            executor.execute(approved, tell).await
        })
        .await
    }

    /// Lends an executor out for one piece of work.
    async fn with_executor<T>(&self, run: &str, work: impl AsyncFnOnce(Executor<'_>) -> T) -> Result<T, RunError> {
        let store = Arc::clone(&self.store);
        let journal = StoreJournal::start(store)?;
        let ledger = StoreLedger(&*self.store);
        let stop = Arc::clone(&self.stop);
        let executor = Executor {
            target: &*self.target,
            journal: &journal,
            ledger: &ledger,
            run,
            clock: &*self.clock,
            stop: &move || stop.load(Ordering::Relaxed),
            plan_of: &|run| past::plan_of(&*self.store, run),
            forbids: &|change| {
                let open = self.new_blackout()?;
                let concerned = open.forbids == Forbids::Writes || change.takes();
                concerned.then(|| format!("a blackout began at {} and lasts until {}", open.since, open.until))
            },
        };
        Ok(work(executor).await)
    }

    /// Remembers the rules as those that were applied last, once a plan has shown what they take away.
    ///
    /// A plan that could not be finished has not: as soon as the group is found or the snapshot rebuilt, the next one
    /// may take something from everybody, and would be the first to do so under these rules. Nor has one of which a
    /// part waits that the edit of the rules asks for.
    fn remember_rules(&self, plan: &Plan, rest: Option<&HeldPlan>) -> Result<(), RunError> {
        // The rules did not ask for what is taken back, and nobody has seen what they do ask for.
        let of_rules = |rest: &HeldPlan| rest.plan().changes.of_rules() > 0;
        if plan.undoes.is_some() || rest.is_some_and(of_rules) {
            return Ok(());
        }
        let postponed = |refusal: &Refusal| refusal.reason == Reason::SnapshotUnsealed;
        let undecided = |refusal: &Refusal| {
            matches!(refusal.reason, Reason::GroupMissing | Reason::GroupAmbiguous | Reason::ExpressionFailed)
        };
        let is_part =
            plan.notes.iter().any(|note| note.holds) || plan.refusals.iter().any(|refusal| undecided(&refusal));
        let takes = plan.changes.of_kinds(Kinds::TAKING).any(|change| change.action.is_destructive());
        if plan.refusals.iter().any(|refusal| postponed(&refusal))
            || (is_part && !takes && !self.occasion()?.first_plan)
        {
            return Ok(());
        }
        self.keep_applied_rules()
    }

    /// Keeps the record, and seals the snapshot: a sealed one after every run, so that whatever is lost after it is
    /// noticed, and one that lost its seal only after a run that ended well.
    fn end(&self, record: RunRecord, listener: Listener<'_>) -> Result<RunRecord, RunError> {
        records::keep(&*self.store, &record)?;
        past::forget_old(&*self.store, record.ended)?;
        if self.store.is_sealed() || matches!(record.result, RunResult::Applied | RunResult::NothingToDo) {
            self.store.seal()?;
        }
        self.trace_end(&record);
        listener(Event::Ended { record: Box::new(record.clone()) });
        Ok(record)
    }

    fn record(
        &self,
        run: &str,
        started: Timestamp,
        result: RunResult,
        plan: Option<&Arc<Plan>>,
        approval: Option<&Approval>,
    ) -> RunRecord {
        RunRecord {
            id: run.to_owned(),
            organization: self.name().to_owned(),
            started,
            ended: (self.clock)(),
            result,
            certificate: self.store.certificate().ok().flatten().filter(|_| plan.is_some()),
            changes: self.changes().filter(|_| plan.is_some()),
            plan_id: plan.map(|plan| plan.id()),
            plan: plan.cloned(),
            approval: approval.cloned(),
            outcomes: Vec::new(),
            waiting: None,
            decision: None,
            drift: self.drift().map(Drift::for_the_record),
            undoes: plan.and_then(|plan| plan.undoes.clone()),
            unchanged_since: plan.and_then(|_| self.unchanged_since()),
            folded: None,
        }
    }
}
