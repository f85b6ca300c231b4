//! Goes through an approved plan, and keeps target and journal at work at the same time.
//!
//! A failed change stops only those that name it as their predecessor. A refused sign-in, a store that fails or a stop
//! signal let what is in flight end and skip the rest. Where it is unknown whether a write went through, nothing more
//! is written to the same account or group in this run.
//!
//! The target sets the pace, not the disk: while writes are in flight, the intents of the next ones are brought to disk
//! together with the ends of the last ones. How far ahead depends on how fast the target answers.

use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use futures::{FutureExt as _, StreamExt as _};
use rollcall_kit::traces;
use tracing::field::Empty;
use tracing::{Instrument as _, Span};

use super::attempt::{Ended, attempt};
use super::executor::Executor;
use super::journal::{JournalError, Outcome};
use super::progress::{Begun, Progress, Step};
use super::schedule::ChangeIndex;
use crate::guard::ApprovedPlan;
use crate::plan::{Change, ChangeId, Plan};

impl Executor<'_> {
    /// Applies a plan. `observer` is told of each change as it ends. Yields how each change ended, in the plan's order.
    ///
    /// Dropping the future is like a crash: what was in flight is looked up by [`Recovery::recover`](super::Recovery::recover).
    pub async fn execute(
        &self,
        approved: &ApprovedPlan,
        observer: impl FnMut(&Change, &Outcome) + Send,
    ) -> Vec<(ChangeId, Outcome)> {
        self.carry_out(approved.plan(), observer).await
    }

    pub(super) async fn carry_out(
        &self,
        plan: &Plan,
        observer: impl FnMut(&Change, &Outcome) + Send,
    ) -> Vec<(ChangeId, Outcome)> {
        let mut progress = Progress::new(self, &plan.changes, observer);
        let mut at_work = AtWork::new(self.target.concurrency().max(1));
        loop {
            while at_work.has_free_lane()
                && let Some(begun) = progress.next_to_send()
            {
                at_work.send(self, plan, begun);
            }
            at_work.look_ahead(progress.starves());
            progress.prepare(at_work.free_lanes(), at_work.ahead);
            if !at_work.journalling
                && let Some(step) = progress.next_step()
            {
                at_work.journal(self, step);
            }
            let Some(first) = at_work.next().await else { break };
            // Whatever else is known by now shares the next step.
            let mut known = Some(first);
            while let Some(happened) = known {
                match happened {
                    Happened::Landed(begun, ended) => progress.landed(*begun, ended),
                    Happened::Written(step, result) => progress.written(step, result),
                }
                known = at_work.next().now_or_never().flatten();
            }
        }
        progress.outcomes()
    }
}

/// Something that was waited for.
enum Happened {
    Landed(Box<Begun>, Ended),
    Written(Step, Result<Vec<u64>, JournalError>),
}

/// How many intents more than lanes may be on disk unsent, for each lane: so many have to be looked up after a crash.
const MOST_AHEAD: usize = 4;

/// What is on its way: a write in each lane, and one step of the journal.
struct AtWork<'a> {
    waited_for: FuturesUnordered<BoxFuture<'a, Happened>>,
    lanes: usize,
    sending: usize,
    journalling: bool,
    has_sent: bool,
    /// How many intents are begun before there is a lane for them.
    ahead: usize,
}

impl<'a> AtWork<'a> {
    fn new(lanes: usize) -> Self {
        let waited_for = FuturesUnordered::new();
        Self { waited_for, lanes, sending: 0, journalling: false, has_sent: false, ahead: lanes }
    }

    fn free_lanes(&self) -> usize {
        self.lanes - self.sending
    }

    fn has_free_lane(&self) -> bool {
        self.free_lanes() > 0
    }

    /// A target that answers faster than the disk syncs would wait for intents, so more of them are begun ahead.
    fn look_ahead(&mut self, starves: bool) {
        if starves && self.has_sent && self.has_free_lane() {
            self.ahead = (self.ahead * 2).min(self.lanes * MOST_AHEAD);
        }
    }

    fn send(&mut self, executor: &Executor<'a>, plan: &Plan, begun: Begun) {
        let span = writes(plan, &begun.prepared.changes);
        let target = executor.target;
        self.sending += 1;
        self.has_sent = true;
        let sent = async move {
            let ended = attempt(target, begun.prepared.intent.clone()).instrument(span.clone()).await;
            note(&span, &ended);
            Happened::Landed(Box::new(begun), ended)
        };
        self.waited_for.push(sent.boxed());
    }

    fn journal(&mut self, executor: &Executor<'a>, step: Step) {
        let journal = executor.journal;
        self.journalling = true;
        let written = async move {
            let (ended, begun) = step.entries();
            let result = journal.settle_and_begin(ended, begun).await;
            Happened::Written(step, result)
        };
        self.waited_for.push(written.boxed());
    }

    /// The next thing that happens; nothing if nothing is on its way.
    async fn next(&mut self) -> Option<Happened> {
        let happened = self.waited_for.next().await?;
        match &happened {
            Happened::Landed(..) => self.sending -= 1,
            Happened::Written(..) => self.journalling = false,
        }
        Some(happened)
    }
}

/// What traces tell of a write: of which kind the changes are that it carries out, and how many.
fn writes(plan: &Plan, places: &[ChangeIndex]) -> Span {
    let kind = places.first().map(|place| plan.changes.at(*place).action.kind().words());
    tracing::info_span!(
        target: traces::TARGET,
        "write",
        otel.name = kind,
        otel.status_code = Empty,
        rollcall.count = places.len(),
        "error.type" = Empty,
    )
}

/// How it ended, in a word.
fn note(span: &Span, ended: &Ended) {
    match ended {
        Ended::Done { .. } => {}
        Ended::NotKept { .. } => traces::fails(span, "not-kept"),
        Ended::NotDone(error) | Ended::Unknown(error) => traces::fails(span, error.failure.word()),
    }
}
