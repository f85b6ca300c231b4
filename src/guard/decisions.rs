//! All that people decided about held plans and that still counts: approvals, each for one apply, and rejections.
//!
//! Pure data and what follows from it; the snapshot keeps it, and the clock is handed in. A plan is never the same
//! twice (it names the reading from which it was made), so what was decided is kept as the [`Marks`] of its changes.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::decision::{Decider, Decision, DecisionError, Verdict};
use super::hold::{Hold, to_the_second};
use crate::plan::{Change, ChangeId, MarkError, Marks, Plan, PlanId};

/// So many held plans are remembered, the newest.
const HELD_KEPT: usize = 20;

/// So many changes of held plans are remembered; the newest plan is, whatever its size.
const CHANGES_KEPT: usize = 200_000;

/// Under so many ids one and the same held plan can be approved: it gets a new one with every run.
const IDS_KEPT: usize = 500;

/// So many rejections are remembered, the newest.
const REJECTIONS_KEPT: usize = 50;

/// A decision with exactly the changes that it is about.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ruling {
    /// The decision.
    pub decision: Decision,
    changes: Marks,
    /// What was found that held the plan, in the sentences that were read.
    findings: BTreeSet<String>,
    /// The run that the plan takes back, if it is the inverse of one. Another kind of plan is another matter, whatever the
    /// changes of the two have in common.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    undoes: Option<String>,
}

impl Ruling {
    /// Whether it is about this change. A decision that was made while it was in doubt whether a user is gone is about
    /// that user when it is certain, too; not the other way round.
    fn is_about(&self, change: &Change) -> Result<bool, MarkError> {
        Ok(self.changes.contains(change.mark()?) || self.changes.contains(change.marked(true)?))
    }

    /// Whether this approval lets a change pass. One without a mark was not approved.
    #[must_use]
    pub fn lets_pass(&self, change: &Change) -> bool {
        self.is_about(change).unwrap_or(false)
    }

    /// Whether this rejection speaks against a change. It does against one without a mark.
    #[must_use]
    pub fn speaks_against(&self, change: &Change) -> bool {
        self.is_about(change).unwrap_or(true)
    }

    /// Whether this finding was read by whoever decided.
    #[must_use]
    pub fn has_seen(&self, finding: &str) -> bool {
        self.findings.contains(finding)
    }

    /// How many changes it is about.
    #[must_use]
    pub fn number(&self) -> usize {
        self.changes.len()
    }

    fn counts(&self, now: Timestamp) -> bool {
        self.decision.until.is_none_or(|until| now < until)
    }
}

/// A plan that was held, by its changes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Waiting {
    /// The ids that it had, oldest first: every run makes it anew.
    ids: Vec<PlanId>,
    /// The run that made it last.
    pub run: String,
    /// When it was made last.
    pub seen: Timestamp,
    /// Whether it was held because somebody had said no to it.
    rejected: Option<Decision>,
    changes: Marks,
    /// What was found that held it.
    findings: BTreeSet<String>,
    /// The run that it takes back, if it is the inverse of one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    undoes: Option<String>,
}

impl Waiting {
    /// The id that it had last.
    #[must_use]
    pub fn id(&self) -> Option<&PlanId> {
        self.ids.last()
    }

    /// How many changes it has.
    #[must_use]
    pub fn number(&self) -> usize {
        self.changes.len()
    }

    fn ruled(self, decision: Decision) -> Ruling {
        Ruling { decision, changes: self.changes, findings: self.findings, undoes: self.undoes }
    }

    fn is_called(&self, beginning: &str) -> bool {
        self.ids.iter().any(|id| id.0.starts_with(beginning))
    }
}

/// All that was decided and still counts, and what can be decided about.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Decisions {
    /// The approval that waits for its apply. A later one replaces it.
    approval: Option<Ruling>,
    /// The same of the inverse of a run, which waits for the `undo` of that run.
    approval_of_undo: Option<Ruling>,
    rejections: Vec<Ruling>,
    held: Vec<Waiting>,
}

impl Decisions {
    /// The approval that waits for its apply, if it has not expired.
    #[must_use]
    pub fn approval(&self, now: Timestamp) -> Option<&Ruling> {
        self.approval.as_ref().filter(|ruling| ruling.counts(now))
    }

    /// The approval of the inverse of a run that waits for that `undo`, if it has not expired.
    #[must_use]
    pub fn approval_of_undo(&self, now: Timestamp) -> Option<&Ruling> {
        self.approval_of_undo.as_ref().filter(|ruling| ruling.counts(now))
    }

    /// The approval that this plan may rest on, if it has not expired: an ordinary plan on one of an ordinary plan, and
    /// the inverse of a run on one of the inverse of the same run.
    #[must_use]
    pub fn approval_for(&self, plan: &Plan, now: Timestamp) -> Option<&Ruling> {
        match &plan.undoes {
            None => self.approval(now),
            undoes => self.approval_of_undo(now).filter(|ruling| ruling.undoes == *undoes),
        }
    }

    /// What still counts now.
    #[must_use]
    pub fn counting(mut self, now: Timestamp) -> Self {
        for approval in [&mut self.approval, &mut self.approval_of_undo] {
            *approval = approval.take().filter(|ruling| ruling.counts(now));
        }
        self
    }

    /// The rejections, oldest first.
    #[must_use]
    pub fn rejections(&self) -> &[Ruling] {
        &self.rejections
    }

    /// Whether this is the approval that waits for its apply.
    #[must_use]
    pub fn is_pending(&self, approved: &Decision) -> bool {
        let pending = [&self.approval, &self.approval_of_undo];
        pending.into_iter().flatten().any(|ruling| ruling.decision == *approved)
    }

    /// Uses the approval up that this plan may rest on: from here on it lets nothing pass any more.
    pub fn use_up(&mut self, plan: &Plan) -> Option<Decision> {
        let used = match &plan.undoes {
            None => self.approval.take(),
            undoes => self.approval_of_undo.take_if(|ruling| ruling.undoes == *undoes),
        };
        used.map(|ruling| ruling.decision)
    }

    /// Remembers a plan that is held, so that it can be approved by its id.
    ///
    /// # Errors
    ///
    /// If a change of it cannot be written down.
    pub fn hold(&mut self, plan: &Plan, holds: &[Hold], run: &str, now: Timestamp) -> Result<(), MarkError> {
        let changes = Marks::of(plan)?;
        let is_it = |waiting: &Waiting| waiting.changes.are(&changes) && waiting.undoes == plan.undoes;
        let known = self.held.iter().position(is_it);
        let mut waiting = match known {
            Some(at) => self.held.remove(at),
            None => Waiting {
                ids: Vec::new(),
                run: String::new(),
                seen: now,
                rejected: None,
                changes,
                findings: BTreeSet::new(),
                undoes: plan.undoes.clone(),
            },
        };
        let id = plan.id();
        waiting.ids.retain(|known| *known != id);
        waiting.ids.push(id);
        let beyond = waiting.ids.len().saturating_sub(IDS_KEPT);
        waiting.ids.drain(..beyond);
        (waiting.run, waiting.seen) = (run.to_owned(), now);
        waiting.findings = plan.notes.iter().filter(|note| note.holds).map(|note| note.sentence.clone()).collect();
        waiting.rejected = holds.iter().find_map(|hold| match hold {
            Hold::Rejected { decision } => Some(decision.clone()),
            _ => None,
        });
        self.held.push(waiting);
        let total = |held: &[Waiting]| held.iter().map(Waiting::number).sum::<usize>();
        while self.held.len() > HELD_KEPT || (self.held.len() > 1 && total(&self.held) > CHANGES_KEPT) {
            self.held.remove(0);
        }
        Ok(())
    }

    /// The held plan of this id, or of one that begins like this.
    ///
    /// # Errors
    ///
    /// If there is none, or several.
    pub fn find(&self, beginning: &str) -> Result<&Waiting, DecisionError> {
        let mut found = self.held.iter().filter(|waiting| !beginning.is_empty() && waiting.is_called(beginning));
        let first = found.next().ok_or_else(|| DecisionError::Unknown(beginning.to_owned()))?;
        if found.next().is_some() { Err(DecisionError::Ambiguous(beginning.to_owned())) } else { Ok(first) }
    }

    /// Approves a held plan for one apply. An earlier approval is replaced: one apply uses one.
    ///
    /// # Errors
    ///
    /// If there is no such plan, it is too old, or it was rejected and `overrule` is false.
    pub fn approve(&mut self, beginning: &str, by: Decider, overrule: bool) -> Result<&Ruling, DecisionError> {
        let waiting = self.find(beginning)?.clone();
        let plan = waiting.id().cloned().ok_or_else(|| DecisionError::Unknown(beginning.to_owned()))?;
        if by.at.duration_since(waiting.seen) >= by.expire_after {
            return Err(DecisionError::Expired { plan: plan.0, seen: to_the_second(waiting.seen) });
        }
        let says_no = |ruling: &Ruling| ruling.undoes == waiting.undoes && ruling.changes.contain_all(&waiting.changes);
        let no = self.rejections.iter().rev().find(|ruling| says_no(ruling)).map(|ruling| &ruling.decision);
        if let Some(no) = no.or(waiting.rejected.as_ref()).filter(|_| !overrule) {
            let (who, at) = (no.who.clone(), to_the_second(no.at));
            return Err(DecisionError::Rejected { plan: plan.0, who, at });
        }
        if overrule {
            let other =
                |ruling: &Ruling| ruling.undoes != waiting.undoes || ruling.changes.contain_none(&waiting.changes);
            self.rejections.retain(other);
        }
        let until = by.at.checked_add(by.expire_after).ok();
        let decision = Decision { verdict: Verdict::Approved, plan, who: by.who, how: by.how, at: by.at, until };
        let slot = if waiting.undoes.is_some() { &mut self.approval_of_undo } else { &mut self.approval };
        Ok(slot.insert(waiting.ruled(decision)))
    }

    /// Rejects a held plan. An approval of any of its changes is withdrawn.
    ///
    /// # Errors
    ///
    /// If there is no such plan.
    pub fn reject(&mut self, beginning: &str, by: Decider) -> Result<&Ruling, DecisionError> {
        let waiting = self.find(beginning)?.clone();
        let plan = waiting.id().cloned().ok_or_else(|| DecisionError::Unknown(beginning.to_owned()))?;
        let slot = if waiting.undoes.is_some() { &mut self.approval_of_undo } else { &mut self.approval };
        *slot = slot.take().filter(|ruling| ruling.changes.contain_none(&waiting.changes));
        let decision = Decision { verdict: Verdict::Rejected, plan, who: by.who, how: by.how, at: by.at, until: None };
        let ruling = waiting.ruled(decision);
        self.rejections.retain(|known| known.undoes != ruling.undoes || !ruling.changes.contain_all(&known.changes));
        let beyond = (self.rejections.len() + 1).saturating_sub(REJECTIONS_KEPT);
        self.rejections.drain(..beyond);
        let at = self.rejections.len();
        self.rejections.push(ruling);
        Ok(&self.rejections[at])
    }

    /// The rejection that speaks against a held plan: the newest that is about everything for which it is held. More
    /// of what nobody holds makes it no other plan.
    pub(super) fn against(&self, plan: &Plan, concerns: &BTreeSet<ChangeId>) -> Option<&Decision> {
        let is_core = |change: &Change| concerns.is_empty() || concerns.contains(&change.id);
        let says_no = |ruling: &&Ruling| {
            ruling.undoes == plan.undoes
                && plan.changes.iter().all(|change| !is_core(&change) || ruling.speaks_against(&change))
        };
        self.rejections.iter().rev().find(says_no).map(|ruling| &ruling.decision)
    }
}
