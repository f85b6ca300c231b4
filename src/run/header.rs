//! What is told of a run in a list, without its plan: the plan of a large company is many megabytes, and a list of runs
//! reads none.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::event::{Folded, RunRecord, RunResult};
use crate::apply::Outcome;
use crate::guard::{Approval, Decision, Hold};
use crate::plan::PlanId;

/// How the changes of a run ended, by number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunCounts {
    /// Carried out.
    pub done: u64,
    /// Failed.
    pub failed: u64,
    /// Skipped.
    pub skipped: u64,
    /// Planned, and never tried.
    pub left: u64,
    /// Waiting for a person, while the others were applied.
    pub waiting: u64,
    /// Asked for by the directory, and forbidden by a rule.
    pub refused: u64,
}

impl RunCounts {
    /// The numbers of a run.
    #[must_use]
    pub fn of(record: &RunRecord) -> Self {
        let mut counts = Self::default();
        for (_, outcome) in &record.outcomes {
            *match outcome {
                Outcome::Done { .. } => &mut counts.done,
                Outcome::Failed { .. } => &mut counts.failed,
                Outcome::Skipped(_) => &mut counts.skipped,
            } += 1;
        }
        let planned = record.plan.as_ref().map_or(0, |plan| plan.changes.len() as u64);
        counts.left = planned.saturating_sub(record.outcomes.len() as u64);
        counts.waiting = record.waiting.as_ref().map_or(0, |part| part.plan.changes.len() as u64);
        counts.refused = record.plan.as_ref().map_or(0, |plan| plan.refusals.len() as u64);
        counts
    }
}

/// What is told of a run in a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunHeader {
    /// Its id.
    pub id: String,
    /// The organization.
    pub organization: String,
    /// When it began.
    pub started: Timestamp,
    /// When it ended.
    pub ended: Timestamp,
    /// How it ended.
    pub result: RunResult,
    /// The plan's digest.
    pub plan_id: Option<PlanId>,
    /// The digest of the part that waits, if only a part does.
    #[serde(default)]
    pub waiting_id: Option<PlanId>,
    /// Who let it pass.
    pub approval: Option<Approval>,
    /// What somebody decided later about the plan that it left held.
    #[serde(default)]
    pub decision: Option<Decision>,
    /// The run that it takes back, if it does.
    #[serde(default)]
    pub undoes: Option<String>,
    /// The run whose empty plan it took over, if it made none.
    #[serde(default)]
    pub unchanged_since: Option<String>,
    /// For which runs it stands besides this one.
    #[serde(default)]
    pub folded: Option<Folded>,
    /// Whether it read no more than what changed.
    #[serde(default)]
    pub incremental: bool,
    /// Whether changes were left out because it was told to stop.
    #[serde(default)]
    pub cut_short: bool,
    /// How its changes ended.
    pub counts: RunCounts,
}

impl RunHeader {
    /// What is told of a run in a list.
    #[must_use]
    pub fn of(record: &RunRecord) -> Self {
        Self {
            id: record.id.clone(),
            organization: record.organization.clone(),
            started: record.started,
            ended: record.ended,
            result: record.result.clone(),
            plan_id: record.plan_id.clone(),
            waiting_id: record.waiting.as_ref().map(|part| part.plan_id.clone()),
            approval: record.approval.clone(),
            decision: record.decision.clone(),
            undoes: record.undoes.clone(),
            unchanged_since: record.unchanged_since.clone(),
            folded: record.folded.clone(),
            incremental: record.changes.is_some(),
            cut_short: record.was_cut_short(),
            counts: RunCounts::of(record),
        }
    }

    /// Whether this run goes on, if somebody has been at work since this moment: its end is not recorded yet.
    #[must_use]
    pub fn goes_on(&self, at_work_since: Option<Timestamp>) -> bool {
        self.result.is_open() && at_work_since.is_some_and(|since| since <= self.started)
    }

    /// The plan that waits for a person since this run, why, and how many changes it has; nothing if none does.
    #[must_use]
    pub fn held(&self) -> Option<(&PlanId, &[Hold], u64)> {
        let RunResult::Held { holds } = &self.result else { return None };
        match &self.waiting_id {
            Some(part) => Some((part, holds, self.counts.waiting)),
            None => Some((self.plan_id.as_ref()?, holds, self.counts.left)),
        }
    }
}

/// What is kept of a run besides its large parts: the record without them, and what is told of it in a list.
pub(super) fn stored(record: &RunRecord) -> Result<Value, serde_json::Error> {
    let slim = RunRecord {
        id: record.id.clone(),
        organization: record.organization.clone(),
        started: record.started,
        ended: record.ended,
        result: record.result.clone(),
        certificate: record.certificate.clone(),
        changes: record.changes.clone(),
        plan_id: record.plan_id.clone(),
        plan: None,
        approval: record.approval.clone(),
        outcomes: Vec::new(),
        waiting: None,
        decision: record.decision.clone(),
        drift: None,
        undoes: record.undoes.clone(),
        unchanged_since: record.unchanged_since.clone(),
        folded: record.folded.clone(),
    };
    let mut stored = serde_json::to_value(slim)?;
    let header = RunHeader::of(record);
    if let Value::Object(stored) = &mut stored {
        stored.insert("waiting_id".to_owned(), serde_json::to_value(header.waiting_id)?);
        stored.insert("incremental".to_owned(), Value::Bool(header.incremental));
        stored.insert("cut_short".to_owned(), Value::Bool(header.cut_short));
        stored.insert("counts".to_owned(), serde_json::to_value(header.counts)?);
    }
    Ok(stored)
}
