//! From a plan to a record: how runs end.
//!
//! A plan is cleared or approved and carried out, or it stays a plan; either way a record is left. A run that dies while it
//! writes leaves its record too: it is written before the first change and replaced after the last.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use tracing::Instrument as _;

use super::error::RunError;
use super::event::{Event, RunRecord, RunResult, WaitingPart};
use super::past;
use super::records;
use super::session::{Listener, Session};
use super::spans::{step, step_of};
use super::stage::{Doubtful, Made, Roll};
use super::states::{Ending, Going, Run};
use crate::apply::{Executor, Outcome, Recovery, Skip};
use crate::guard::{Approval, ApprovedPlan, HeldPlan, KeptPlanError, PlanFile, Reviewed};
use crate::plan::{Change, ChangeId, Drift, Kinds, Plan};
use crate::roster::{Reason, Refusal};
use crate::schedule::{Depth, Forbids};
use crate::snapshot::{Intents, RunFact, Store, StoreJournal, StoreLedger};

impl Run<Ending> {
    /// Applies an approved plan and keeps the record.
    ///
    /// # Errors
    ///
    /// If the snapshot fails. Changes that fail are in the record, and no error.
    pub async fn apply(self, approved: ApprovedPlan, listener: Listener<'_>) -> Result<RunRecord, RunError> {
        let mut going = self.into_going();
        let span = going.span();
        let applied = going.carry_out(approved, listener).instrument(span).await;
        applied.map_err(|error| going.failed(error))
    }

    /// The record of a run that found nothing to do.
    ///
    /// # Errors
    ///
    /// If the snapshot fails.
    pub fn nothing_to_do(self, approved: ApprovedPlan) -> Result<RunRecord, RunError> {
        let mut going = self.into_going();
        let ended = going.end_at_rest(approved);
        ended.map_err(|error| going.failed(error))
    }

    /// The record of a run that ends with its plan.
    ///
    /// # Errors
    ///
    /// If the snapshot fails.
    pub fn keep(self, reviewed: &Reviewed) -> Result<RunRecord, RunError> {
        let mut going = self.into_going();
        let ended = going.end_with_plan(reviewed);
        ended.map_err(|error| going.failed(error))
    }

    /// The record of a run whose plan nothing held, and which somebody declined all the same.
    ///
    /// # Errors
    ///
    /// If the snapshot fails.
    pub fn declined(self, approved: ApprovedPlan) -> Result<RunRecord, RunError> {
        self.keep(&Reviewed::Cleared(approved))
    }

    /// The record of a run whose plan is held and was not approved.
    ///
    /// # Errors
    ///
    /// If the snapshot fails.
    pub fn held(self, held: HeldPlan) -> Result<RunRecord, RunError> {
        self.keep(&Reviewed::Held(held))
    }
}

impl Going {
    fn end_at_rest(&mut self, approved: ApprovedPlan) -> Result<RunRecord, RunError> {
        let session = Arc::clone(&self.session);
        let (plan, approval) = approved.into_parts();
        session.use_up_approval(&plan)?;
        // Changed rules that change nothing are as good as applied. The first plan still waits: nothing was seen yet.
        if !session.occasion()?.first_plan {
            session.remember_rules(&plan, None)?;
        }
        // What is strange about a reading stays strange until somebody approved a plan that was made from it.
        if !plan.notes.iter().any(|note| note.holds) {
            session.accept_census(&plan)?;
        }
        let record = self.record(RunResult::NothingToDo, Some(&plan), Some(&approval));
        let record = self.end(record, &|_| {})?;
        session.comes_to_rest(&self.id)?;
        Ok(record)
    }

    fn end_with_plan(&mut self, reviewed: &Reviewed) -> Result<RunRecord, RunError> {
        let result = match reviewed {
            Reviewed::Cleared(_) => RunResult::Planned,
            Reviewed::Parted(_) | Reviewed::Held(_) => RunResult::Held { holds: reviewed.holds().to_vec() },
        };
        if matches!(result, RunResult::Held { .. }) {
            let held = (reviewed.plan(), reviewed.holds());
            self.session.remember_held(held, &self.id, (self.session.clock)())?;
        }
        let record = self.record(result, Some(&reviewed.shared_plan()), None);
        self.end(record, &|_| {})
    }

    async fn carry_out(&mut self, approved: ApprovedPlan, listener: Listener<'_>) -> Result<RunRecord, RunError> {
        let session = Arc::clone(&self.session);
        session.require_pending(&approved)?;
        session.store.require_room()?;
        let (plan, approval) = (approved.shared_plan(), approved.approval().clone());
        let interrupted = RunResult::interrupted();
        records::keep(&*session.store, &self.record(interrupted, Some(&plan), Some(&approval)))?;
        self.is_recorded = true;
        if !plan.is_empty() {
            session.store.record_fact(&RunFact::of(&self.id, self.started, &approval))?;
        }
        let settles_findings = session.settles_findings(&approved)?;
        // One that a blackout put off is for the run after it.
        if approval.decision().is_some() || session.blackout().is_none() {
            session.use_up_approval(&plan)?;
        }
        // From here on something may have been applied, so these rules are no longer new to anybody.
        session.remember_rules(&plan, approved.rest())?;
        if settles_findings {
            session.accept_census(&plan)?;
        }
        listener(Event::Applying { changes: plan.changes.len() as u64 });
        let applying = step_of("apply", plan.changes.len());
        let outcomes = self.execute(&approved, listener).instrument(applying).await?;
        past::record_failures(&*session.store, (&self.id, (session.clock)()), &plan, &outcomes)?;
        session.forget_dealt_with(&plan, &outcomes)?;
        let failed = outcomes.iter().filter(|(_, outcome)| !matches!(outcome, Outcome::Done { .. })).count() as u64;
        let result = match failed {
            0 if plan.is_empty() => RunResult::NothingToDo,
            0 => RunResult::Applied,
            failed => RunResult::AppliedInPart { failed },
        };
        let mut record = self.record(result, Some(&plan), Some(&approval));
        record.outcomes = outcomes;
        if let Some(rest) = approved.rest() {
            record.result = RunResult::Held { holds: rest.holds().to_vec() };
            record.waiting = Some(WaitingPart { plan_id: rest.plan().id(), plan: rest.shared_plan() });
            session.remember_held((rest.plan(), rest.holds()), &self.id, record.ended)?;
        }
        session.remember_profile()?;
        self.end(record, listener)
    }

    async fn execute(
        &self,
        approved: &ApprovedPlan,
        listener: Listener<'_>,
    ) -> Result<Vec<(ChangeId, Outcome)>, RunError> {
        let session = Arc::clone(&self.session);
        let journal = StoreJournal::start(session.intents())?;
        let ledger = StoreLedger(&*session.store);
        let executor = Executor {
            target: session.target.writer(approved),
            journal: &journal,
            ledger: &ledger,
            run: &self.id,
            clock: &*session.clock,
            stop: &|| session.stop.load(Ordering::Relaxed),
            forbids: &|change| {
                let open = session.new_blackout(self.found.reviewed)?;
                let concerned = open.forbids == Forbids::Writes || change.takes();
                concerned.then(|| Skip::blackout(open))
            },
        };
        let tell = |change: &Change, outcome: &Outcome| {
            listener(Event::Changed { change: Box::new(change.clone()), outcome: outcome.clone() });
        };
        Ok(executor.execute(approved, tell).await)
    }

    /// Keeps the record, and seals the snapshot: a sealed one after every run, so that whatever is lost after it is
    /// noticed, and one that lost its seal only after a run that ended well.
    fn end(&mut self, record: RunRecord, listener: Listener<'_>) -> Result<RunRecord, RunError> {
        let store = &*self.session.store;
        records::keep(store, &record)?;
        self.is_recorded = true;
        past::forget_old(store, record.ended)?;
        if store.is_sealed() || matches!(record.result, RunResult::Applied | RunResult::NothingToDo) {
            store.seal()?;
        }
        self.trace_end(&record);
        listener(Event::Ended { record: Box::new(record.clone()) });
        Ok(record)
    }

    /// What is kept of the run if it ends so.
    pub(super) fn record(&self, result: RunResult, plan: Option<&Arc<Plan>>, approval: Option<&Approval>) -> RunRecord {
        let (session, found) = (&*self.session, &self.found);
        RunRecord {
            id: self.id.clone(),
            organization: session.name().to_owned(),
            started: self.started,
            ended: (session.clock)(),
            result,
            certificate: session.store.certificate().ok().flatten().filter(|_| plan.is_some()),
            changes: found.changes.clone().filter(|_| plan.is_some()),
            plan_id: plan.map(|plan| plan.id()),
            plan: plan.cloned(),
            approval: approval.cloned(),
            outcomes: Vec::new(),
            waiting: None,
            decision: None,
            drift: found.drift.clone().map(Drift::for_the_record),
            undoes: plan.and_then(|plan| plan.undoes.clone()),
            unchanged_since: plan.and_then(|_| found.unchanged_since.clone()),
            folded: None,
        }
    }
}

impl Session {
    /// Settles what a crash left behind, and reads so much of the directory.
    pub(super) async fn settle_and_read(&self, depth: Depth, listener: Listener<'_>) -> Result<Roll, RunError> {
        self.store.require_room()?;
        self.require_same_target()?;
        let doubtful = self.settle_leftovers().await?;
        let roll = self.read_directory(depth, listener).await?;
        Ok(Roll { doubtful, ..roll })
    }

    /// A kept plan, if all of it is still asked for, with the plan that was made to find that out.
    pub(super) async fn still_asked_for(
        &self,
        run: &str,
        file: PlanFile,
        listener: Listener<'_>,
    ) -> Result<(HeldPlan, Made), RunError> {
        if file.plan().basis.configuration != self.organization.configuration_hash()? {
            return Err(RunError::Stale(
                "the plan is stale: the configuration was changed after it was made; nothing was changed. Plan again"
                    .to_owned(),
            ));
        }
        let fresh = match &file.plan().undoes {
            Some(undone) => self.plan_undo(undone, listener).await?,
            None => {
                let roll = self.settle_and_read(Depth::Full, listener).await?;
                self.make_plan(run, roll, listener).await?
            }
        };
        let held = file.if_still_asked_for(&fresh.reviewed).map_err(|error| {
            let mut text = error.to_string();
            if let KeptPlanError::Stale(changes) = &error {
                for change in changes {
                    text.push_str(&format!("\n  {change}"));
                }
            }
            RunError::Stale(text)
        })?;
        Ok((held, fresh))
    }

    /// What the journal is written to.
    fn intents(&self) -> Arc<dyn Intents> {
        Arc::<dyn Store>::clone(&self.store)
    }

    /// Looks up in the target what a crash left unsettled. Yields the people of whom it is still unknown what was done.
    pub(super) async fn settle_leftovers(&self) -> Result<Doubtful, RunError> {
        let journal = StoreJournal::start(self.intents())?;
        let recovery = Recovery {
            target: self.reader(),
            journal: &journal,
            ledger: &StoreLedger(&*self.store),
            clock: &*self.clock,
            plan_of: &|run| past::plan_of(&*self.store, run),
        };
        let recovered = recovery.recover().instrument(step("settle")).await?;
        if recovered.settled + recovered.abandoned > 0 {
            tracing::info!(settled = recovered.settled, abandoned = recovered.abandoned, "settled an earlier run");
        }
        Ok(recovered.unclear.into_iter().collect())
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
}
