//! What a run says while it goes on, and what is kept of it.

use std::sync::Arc;

use jiff::Timestamp;
use rollcall_kit::{Certificate, Changes};
use serde::{Deserialize, Serialize};

use super::error::{FailureCode, RunFailure};
use crate::apply::{Outcome, SkipCode};
use crate::guard::{Approval, Decision, Hold};
use crate::plan::{Change, ChangeId, Drift, Plan, PlanId};
use crate::roster::Reason;

/// One thing that happened in a run. Every consumer (terminal, JSON, HTML, log) is fed from these.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "kebab-case", tag = "event")]
pub enum Event {
    /// It began.
    Started {
        /// The run's id.
        run: String,
        /// The organization.
        organization: String,
    },
    /// So much has been read so far.
    Reading {
        /// Users.
        users: u64,
        /// Groups.
        groups: u64,
    },
    /// The read was certified.
    Read {
        /// The proof.
        certificate: Certificate,
    },
    /// What changed in the directory was read, and no more.
    CaughtUp {
        /// What was asked, and how much came.
        changes: Changes,
    },
    /// What changed cannot be told, so everything is read.
    ReadingInFull {
        /// Why, in the middle of a sentence.
        why: String,
    },
    /// Absences are being confirmed, one look-up each.
    Confirming {
        /// Done.
        done: u64,
        /// Of so many.
        of: u64,
    },
    /// The target's accounts are being read, to be compared with the ledger.
    Comparing,
    /// They were compared.
    Compared {
        /// Where the target is not as we left it.
        drift: Box<Drift>,
    },
    /// Users without an account are being looked up in the target.
    Matching {
        /// How many.
        candidates: u64,
    },
    /// There is a plan.
    Planned {
        /// The plan.
        plan: Arc<Plan>,
        /// Why it is held; empty if it is not.
        holds: Vec<Hold>,
    },
    /// The plan is being applied.
    Applying {
        /// How many changes.
        changes: u64,
    },
    /// One change ended.
    Changed {
        /// The change.
        change: Box<Change>,
        /// How.
        outcome: Outcome,
    },
    /// It ended.
    Ended {
        /// What is kept of it.
        record: Box<RunRecord>,
    },
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "result")]
pub enum RunResult {
    /// Planned only.
    Planned,
    /// Nothing was left to do.
    NothingToDo,
    /// Everything was applied.
    Applied,
    /// Some changes failed or were skipped.
    AppliedInPart {
        /// How many did not go through.
        failed: u64,
    },
    /// Held by the guard.
    Held {
        /// Why.
        holds: Vec<Hold>,
    },
    /// The run failed before anything was applied, or in the middle.
    Failed(RunFailure),
}

impl RunResult {
    /// How a run is recorded before it writes, so that this is how it ended if nobody can say so later.
    pub(super) fn interrupted() -> Self {
        Self::Failed(RunFailure::new(FailureCode::Interrupted, "the run was interrupted"))
    }

    /// Whether no end was recorded: the run goes on, or nobody could say how it ended.
    pub(super) fn is_open(&self) -> bool {
        matches!(self, Self::Failed(failure) if failure.code == FailureCode::Interrupted)
    }

    /// The word for it, as metrics, traces and JSON have it.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Planned => "planned",
            Self::NothingToDo => "nothing-to-do",
            Self::Applied => "applied",
            Self::AppliedInPart { .. } => "applied-in-part",
            Self::Held { .. } => "held",
            Self::Failed(_) => "failed",
        }
    }
}

/// What is kept of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunRecord {
    /// Its id: sortable by time.
    pub id: String,
    /// The organization.
    pub organization: String,
    /// When it began.
    pub started: Timestamp,
    /// When it ended.
    pub ended: Timestamp,
    /// How it ended.
    pub result: RunResult,
    /// The proof of the last full read, if it came so far: its own, or the one that the changes came after.
    pub certificate: Option<Certificate>,
    /// What it read of the directory's changes, if it read no more than those.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub changes: Option<Changes>,
    /// The plan's digest.
    pub plan_id: Option<PlanId>,
    /// The plan.
    pub plan: Option<Arc<Plan>>,
    /// Who let it pass.
    pub approval: Option<Approval>,
    /// How each change ended.
    pub outcomes: Vec<(ChangeId, Outcome)>,
    /// What waits for a person while the rest of the plan was applied.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub waiting: Option<WaitingPart>,
    /// What somebody decided later about the plan that this run left held.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decision: Option<Decision>,
    /// Where the target was not as we left it, if the run looked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub drift: Option<Drift>,
    /// The run that this one takes back, if it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undoes: Option<String>,
    /// The run whose empty plan this is, if nothing had changed since and none was made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unchanged_since: Option<String>,
    /// For which runs this record stands besides its own, once it is an older one and they found nothing to do either.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub folded: Option<Folded>,
}

/// Runs that found nothing to do and that are one record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Folded {
    /// How many they are, with the one whose record it is.
    pub runs: u64,
    /// When the first of them began.
    pub since: Timestamp,
    /// Its id.
    pub first: String,
}

/// The part of a plan that waits while the rest was applied.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WaitingPart {
    /// The digest of the part, by which it is approved.
    pub plan_id: PlanId,
    /// The part.
    pub plan: Arc<Plan>,
}

impl RunRecord {
    /// Whether this run goes on, if somebody has been at work since this moment: its end is not recorded yet.
    #[must_use]
    pub fn goes_on(&self, at_work_since: Option<Timestamp>) -> bool {
        self.result.is_open() && at_work_since.is_some_and(|since| since <= self.started)
    }

    /// Whether changes were left out because the run was told to stop.
    #[must_use]
    pub fn was_cut_short(&self) -> bool {
        let is_left =
            |outcome: &Outcome| matches!(outcome, Outcome::Skipped(skip) if skip.code == SkipCode::ToldToStop);
        self.outcomes.iter().any(|(_, outcome)| is_left(outcome))
    }

    /// The plan that waits for a person since this run, with its id and why; nothing if none does. The plan itself may
    /// have been dropped from an old record.
    #[must_use]
    pub fn held(&self) -> Option<(&PlanId, Option<&Plan>, &[Hold])> {
        let RunResult::Held { holds } = &self.result else { return None };
        match &self.waiting {
            Some(part) => Some((&part.plan_id, Some(&part.plan), holds)),
            None => Some((self.plan_id.as_ref()?, self.plan.as_deref(), holds)),
        }
    }

    /// Whether somebody was left as they are, or access that should go stayed, until a person does something about it. An
    /// address of a foreign domain and one that the target cannot change are no such thing: rules did their work there.
    #[must_use]
    pub fn leaves_something(&self) -> bool {
        let needs_a_hand = |reason: Reason| {
            !matches!(reason, Reason::DomainNotOwned | Reason::EmailImmutable | Reason::DeletedInTarget)
        };
        self.plan.as_ref().is_some_and(|plan| {
            plan.refusals.iter().any(|refusal| needs_a_hand(refusal.reason)) || plan.notes.iter().any(|note| note.holds)
        })
    }
}
