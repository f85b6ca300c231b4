//! What traces tell of a run: one span for the whole of it, one for each of its steps. Requests and writes hang below
//! the step that makes them.
//!
//! They are ordinary `tracing` spans ([`rollcall_kit::traces`]), which cost nothing unless traces are exported. Of a run
//! they name the organization, words for what it did, and numbers; never a person, and no sentence of an error, which
//! may name one.

use rollcall_kit::traces::{TARGET, fails};
use tracing::field::Empty;
use tracing::{Span, info_span};

use super::event::{RunRecord, RunResult};
use crate::apply::Outcome;
use crate::schedule::Depth;

/// What a run is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    /// To make the target agree with the directory.
    Run,
    /// To compare the target with what was written, besides.
    Reconcile,
    /// To apply a plan that was kept.
    KeptPlan,
    /// To take back what a run did.
    Undo,
}

impl Purpose {
    const fn word(self) -> &'static str {
        match self {
            Self::Run => "run",
            Self::Reconcile => "reconcile",
            Self::KeptPlan => "kept plan",
            Self::Undo => "undo",
        }
    }
}

/// The span of a whole run. Whoever drops it before it ended says that the run was cut off.
#[derive(Debug)]
pub(super) struct RunSpan {
    span: Span,
    ended: bool,
}

impl RunSpan {
    /// A run begins.
    pub(super) fn new(purpose: Purpose, organization: &str, run: &str, depth: Option<Depth>) -> Self {
        let span = info_span!(
            target: TARGET,
            // A trace has one root: whatever else is going on around a run is no part of it.
            parent: None,
            "run",
            otel.name = format_args!("{} {organization}", purpose.word()),
            otel.status_code = Empty,
            rollcall.organization = organization,
            rollcall.run.id = run,
            rollcall.run.purpose = purpose.word(),
            rollcall.run.depth = depth.map(Depth::word),
            rollcall.run.result = Empty,
            rollcall.run.changes = Empty,
            rollcall.run.changes_not_done = Empty,
            rollcall.run.refusals = Empty,
            "error.type" = Empty,
        );
        Self { span, ended: false }
    }

    /// The span itself, for work to be done in it.
    pub(super) fn span(&self) -> Span {
        self.span.clone()
    }

    /// It reads so much of the directory.
    pub(super) fn reads(&self, depth: Depth) {
        self.span.record("rollcall.run.depth", depth.word());
    }

    /// The run ended with this record.
    pub(super) fn ended(&mut self, record: &RunRecord) {
        self.ended = true;
        self.span.record("rollcall.run.result", record.result.word());
        if let Some(plan) = &record.plan {
            self.span.record("rollcall.run.changes", plan.changes.len());
            self.span.record("rollcall.run.refusals", plan.refusals.len());
        }
        let not_done = record.outcomes.iter().filter(|(_, outcome)| !matches!(outcome, Outcome::Done { .. })).count();
        if not_done > 0 {
            self.span.record("rollcall.run.changes_not_done", not_done);
        }
        if matches!(record.result, RunResult::Failed(_) | RunResult::AppliedInPart { .. }) {
            fails(&self.span, record.result.word());
        }
    }

    /// The run failed.
    pub(super) fn failed(&mut self, kind: &str) {
        self.ended = true;
        self.span.record("rollcall.run.result", "failed");
        fails(&self.span, kind);
    }
}

impl Drop for RunSpan {
    fn drop(&mut self) {
        if !self.ended {
            self.span.record("rollcall.run.result", "cut-off");
            fails(&self.span, "cut-off");
        }
    }
}

/// A run that failed before it began, as one whose secrets cannot be read, with a word for why.
pub fn failed_to_begin(organization: &str, depth: Depth, kind: &str) {
    RunSpan::new(Purpose::Run, organization, "", Some(depth)).failed(kind);
}

/// The span of one step, below the run or the step that is going on.
pub(super) fn step(name: &'static str) -> Span {
    info_span!(
        target: TARGET,
        "step",
        otel.name = name,
        rollcall.read.depth = Empty,
        rollcall.read.users = Empty,
        rollcall.read.groups = Empty,
        rollcall.count = Empty,
    )
}

/// The span of a step that deals with so many of something.
pub(super) fn step_of(name: &'static str, count: usize) -> Span {
    let span = step(name);
    span.record("rollcall.count", count);
    span
}
