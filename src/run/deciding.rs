//! What people decided about held plans, as the snapshot keeps it.
//!
//! A run that ends held leaves the marks of its changes here; `approve` and `reject` turn them into a decision, which
//! the next run's guard is handed. An approval is used up before the first write of the apply that uses it, so that a
//! crash may waste it but never lets it count twice.

use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;

use super::error::RunError;
use super::event::RunRecord;
use super::records;
use super::session::Session;
use crate::guard::{Approval, ApprovedPlan, Decider, Decision, Decisions, Hold};
use crate::plan::Plan;
use crate::snapshot::{Store, fact};

/// Held while decisions are read, changed and kept: in a daemon somebody decides while a run ends.
static DECIDING: Mutex<()> = Mutex::new(());

fn alone() -> MutexGuard<'static, ()> {
    DECIDING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What was decided, and what can be decided about.
///
/// # Errors
///
/// If the snapshot cannot be read.
pub fn decisions(store: &dyn Store) -> Result<Decisions, RunError> {
    match store.fact(fact::DECISIONS)? {
        Some(json) => serde_json::from_value(json)
            .map_err(|error| RunError::Internal(format!("the kept decisions cannot be read: {error}"))),
        None => Ok(Decisions::default()),
    }
}

/// What came of a decision.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decided {
    /// The decision.
    pub decision: Decision,
    /// About how many changes it is.
    pub changes: usize,
    /// The run in which the plan was held last, if its record is still kept.
    pub run: Option<RunRecord>,
}

/// Approves a held plan for the next apply, and says so in the record of the run that held it. With `overrule` also
/// one that was rejected.
///
/// # Errors
///
/// If there is no such plan, it cannot be approved any more, or the snapshot cannot be written.
pub fn approve(store: &dyn Store, plan: &str, by: Decider, overrule: bool) -> Result<Decided, RunError> {
    let _alone = alone();
    let mut all = decisions(store)?;
    let run = all.find(plan)?.run.clone();
    let ruling = all.approve(plan, by, overrule)?;
    let (decision, changes) = (ruling.decision.clone(), ruling.number());
    settle(store, &all, (decision, changes), &run)
}

/// Rejects a held plan, and says so in the record of the run that held it.
///
/// # Errors
///
/// If there is no such plan, or the snapshot cannot be written.
pub fn reject(store: &dyn Store, plan: &str, by: Decider) -> Result<Decided, RunError> {
    let _alone = alone();
    let mut all = decisions(store)?;
    let run = all.find(plan)?.run.clone();
    let ruling = all.reject(plan, by)?;
    let (decision, changes) = (ruling.decision.clone(), ruling.number());
    settle(store, &all, (decision, changes), &run)
}

fn settle(
    store: &dyn Store,
    all: &Decisions,
    (decision, changes): (Decision, usize),
    run: &str,
) -> Result<Decided, RunError> {
    keep(store, all)?;
    let mut run = records::find_run(store, run)?;
    if let Some(record) = &mut run {
        let json = serde_json::to_value(&decision).map_err(|error| RunError::Internal(error.to_string()))?;
        store.amend_run(&record.id, "decision", &json)?;
        record.decision = Some(decision.clone());
    }
    if store.is_sealed() {
        store.seal()?;
    }
    Ok(Decided { decision, changes, run })
}

fn keep(store: &dyn Store, decisions: &Decisions) -> Result<(), RunError> {
    let json = serde_json::to_value(decisions).map_err(|error| RunError::Internal(error.to_string()))?;
    Ok(store.set_fact(fact::DECISIONS, &json)?)
}

impl Session {
    /// What was decided and still counts now.
    pub(super) fn decisions(&self) -> Result<Decisions, RunError> {
        Ok(decisions(&*self.store)?.counting((self.clock)()))
    }

    /// Remembers a plan that this run leaves held.
    pub(super) fn remember_held(
        &self,
        (plan, holds): (&Plan, &[Hold]),
        run: &str,
        now: Timestamp,
    ) -> Result<(), RunError> {
        let _alone = alone();
        let mut all = decisions(&*self.store)?;
        all.hold(plan, holds, run, now).map_err(|error| RunError::Internal(error.to_string()))?;
        keep(&*self.store, &all)
    }

    /// Refuses a plan that rests on an approval which another apply used up, or which was withdrawn, since the plan was
    /// reviewed.
    pub(super) fn require_pending(&self, approved: &ApprovedPlan) -> Result<(), RunError> {
        match approved.approval().decision() {
            Some(decision) if !decisions(&*self.store)?.is_pending(decision) => Err(RunError::Stale(format!(
                "the approval of plan {} counts no more: an apply used it up, or it was withdrawn; nothing was changed. \
                 Plan again",
                decision.plan
            ))),
            _ => Ok(()),
        }
    }

    /// Whether whoever let this plan pass has seen what was found strange about its reading, so that it is settled. A
    /// guard that lets a part pass has not, and neither has one who approved an earlier plan before it was found.
    pub(super) fn settles_findings(&self, approved: &ApprovedPlan) -> Result<bool, RunError> {
        let mut findings = approved.plan().notes.iter().filter(|note| note.holds);
        Ok(match approved.approval() {
            Approval::Guard => findings.next().is_none(),
            Approval::Person { decision: None, .. } => true,
            Approval::Person { decision: Some(_), .. } => {
                let decisions = decisions(&*self.store)?;
                let ruling = decisions.approval_for(approved.plan(), (self.clock)());
                findings.all(|note| ruling.is_some_and(|ruling| ruling.has_seen(&note.sentence)))
            }
        })
    }

    /// Uses up the approval that waits for an apply, whether this apply needs it or not: what was approved was one
    /// apply, and not a stock for bad days. An apply that takes a run back leaves an approval of an ordinary plan alone, and
    /// the other way round.
    pub(super) fn use_up_approval(&self, plan: &Plan) -> Result<(), RunError> {
        let _alone = alone();
        let mut all = decisions(&*self.store)?;
        if let Some(decision) = all.use_up(plan) {
            tracing::info!(plan = %decision.plan, who = decision.who, "an approval is used up");
            keep(&*self.store, &all)?;
        }
        Ok(())
    }
}
