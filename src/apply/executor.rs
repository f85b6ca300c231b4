//! Goes through an approved plan.
//!
//! A failed change stops only those that name it as their predecessor. A refused sign-in, a store that fails or a stop
//! signal let what is in flight end and skip the rest. Where it is unknown whether a write went through, nothing more
//! is written to the same account or group in this run.

use std::collections::BTreeSet;

use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use jiff::Timestamp;
use rollcall_kit::traces;
use tracing::field::Empty;
use tracing::{Instrument as _, Span};

use super::attempt::{Ended, attempt};
use super::book::{Book, Unwritable};
use super::journal::{Intent, Journal, JournalError, LedgerReader, Outcome};
use super::schedule::{Lane, Place, Schedule, lanes};
use super::target::{Target, WriteError, WriteFailure};
use crate::guard::ApprovedPlan;
use crate::plan::{Change, ChangeId, Plan};

/// What applying a plan takes. Everything is borrowed for one run.
#[derive(Clone, Copy)]
pub struct Executor<'a> {
    /// Where to write.
    pub target: &'a dyn Target,
    /// Where intents and settlements go.
    pub journal: &'a dyn Journal,
    /// How accounts and groups were last written.
    pub ledger: &'a dyn LedgerReader,
    /// The id of the run.
    pub run: &'a str,
    /// Tells the time; accounts remember when they were deactivated.
    pub clock: &'a (dyn Fn() -> Timestamp + Send + Sync),
    /// Whether to stop: asked before each write.
    pub stop: &'a (dyn Fn() -> bool + Send + Sync),
    /// Why a change must not be made right now, if so: asked before each write.
    pub forbids: &'a (dyn Fn(&Change) -> Option<String> + Send + Sync),
}

/// Why a change was not tried that came after the word to stop.
pub const TOLD_TO_STOP: &str = "the run was told to stop";

impl Executor<'_> {
    /// Applies a plan. `observer` is told of each change as it ends. Yields how each change ended, in the plan's order.
    ///
    /// Dropping the future is like a crash: what was in flight is looked up by [`Executor::recover`].
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
        let mut in_flight = FuturesUnordered::new();
        loop {
            while in_flight.len() < self.target.concurrency().max(1) {
                let Some((places, intent)) = progress.next_write() else { break };
                let (target, journal) = (self.target, self.journal);
                let span = writes(plan, &places);
                in_flight.push(async move {
                    let ended = attempt(target, journal, intent.clone()).instrument(span.clone()).await;
                    note(&span, &ended);
                    (places, intent, ended)
                });
            }
            let Some((places, intent, ended)) = in_flight.next().await else { break };
            progress.land(&places, &intent, ended);
        }
        progress.outcomes()
    }
}

/// How far the plan has come.
struct Progress<'a, O> {
    executor: &'a Executor<'a>,
    changes: &'a [Change],
    roles_are_groups: bool,
    schedule: Schedule,
    book: Book<'a>,
    outcomes: Vec<Option<Outcome>>,
    /// Accounts and groups of which it is unknown how the last write ended.
    doubtful: BTreeSet<Lane>,
    /// Why nothing more is sent.
    halted: Option<String>,
    observer: O,
}

impl<'a, O: FnMut(&Change, &Outcome)> Progress<'a, O> {
    fn new(executor: &'a Executor<'a>, changes: &'a [Change], observer: O) -> Self {
        let roles_are_groups = executor.target.roles_are_groups();
        Self {
            executor,
            changes,
            roles_are_groups,
            schedule: Schedule::new(changes, roles_are_groups),
            book: Book::new(executor.ledger, executor.run),
            outcomes: vec![None; changes.len()],
            doubtful: BTreeSet::new(),
            halted: None,
            observer,
        }
    }

    /// The next write that can be sent now. Changes that cannot be tried get their outcome on the way.
    fn next_write(&mut self) -> Option<(Vec<Place>, Intent)> {
        loop {
            if self.halted.is_none() && (self.executor.stop)() {
                self.halted = Some(TOLD_TO_STOP.to_owned());
            }
            let taken = self.schedule.next(self.executor.target.members_per_write())?;
            let mut able = Vec::new();
            let mut skipped = Vec::new();
            for place in taken {
                match self.obstacle(place) {
                    Some(reason) => skipped.push((place, reason)),
                    None => able.push(place),
                }
            }
            let write = self.intend(able, &mut skipped);
            let places: Vec<Place> = skipped.iter().map(|(place, _)| *place).collect();
            for (place, detail) in skipped {
                self.end(place, Outcome::Skipped { detail });
            }
            match write {
                // The bulk stays in flight with the others.
                Some(write) => {
                    self.schedule.leave(&places);
                    return Some(write);
                }
                None => self.schedule.done(&places),
            }
        }
    }

    /// Why a change must not be tried.
    fn obstacle(&self, place: Place) -> Option<String> {
        if let Some(reason) = &self.halted {
            return Some(reason.clone());
        }
        let change = &self.changes[place];
        if let Some(reason) = (self.executor.forbids)(change) {
            return Some(reason);
        }
        let failed = change.after.iter().find(|id| !self.succeeded(**id));
        if let Some(before) = failed {
            return Some(format!("change {before}, which must come first, was not carried out"));
        }
        let lanes = lanes(change, self.roles_are_groups);
        lanes
            .iter()
            .any(|(lane, _)| self.doubtful.contains(lane))
            .then(|| "it is unknown whether an earlier change of the same account or group was carried out".to_owned())
    }

    fn succeeded(&self, id: ChangeId) -> bool {
        let place = self.changes.binary_search_by_key(&id, |change| change.id);
        place.is_ok_and(|place| matches!(self.outcomes[place], Some(Outcome::Done { .. })))
    }

    /// Turns changes into the intent of one write. Those that cannot be part of it are skipped.
    fn intend(&mut self, able: Vec<Place>, skipped: &mut Vec<(Place, String)>) -> Option<(Vec<Place>, Intent)> {
        let &first = able.first()?;
        if !self.schedule.is_shared(first) {
            return match self.book.intent(&self.changes[first], (self.executor.clock)()) {
                Ok(intent) => Some((able, intent)),
                Err(Unwritable::Skip(reason)) => {
                    skipped.push((first, reason));
                    None
                }
                Err(Unwritable::Journal(error)) => {
                    self.halt(&error);
                    skipped.push((first, error.to_string()));
                    None
                }
            };
        }
        let changes: Vec<&Change> = able.iter().map(|place| &self.changes[*place]).collect();
        match self.book.shared_intent(&changes, self.roles_are_groups) {
            Ok((intent, left_out)) => {
                let place_of = |change: &Change| able.iter().copied().find(|at| self.changes[*at].id == change.id);
                skipped
                    .extend(left_out.iter().filter_map(|(change, reason)| Some((place_of(change)?, reason.clone()))));
                let intent = intent?;
                let places = able.into_iter().filter(|at| intent.changes.contains(&self.changes[*at].id)).collect();
                Some((places, intent))
            }
            Err(error) => {
                self.halt(&error);
                skipped.extend(able.into_iter().map(|place| (place, error.to_string())));
                None
            }
        }
    }

    /// A write ended.
    fn land(&mut self, places: &[Place], intent: &Intent, ended: Ended) {
        let outcome = match ended {
            Ended::Done { settled, notes } => {
                self.book.enter(&settled);
                Outcome::Done { notes }
            }
            Ended::NotKept { settled, error } => {
                self.book.enter(&settled);
                match intent.write {
                    // The account is there and ours; what was not kept is planned again.
                    super::Write::CreateAccount { .. } => Outcome::Done { notes: vec![error.detail] },
                    _ => failed(error),
                }
            }
            Ended::Failed(error) => {
                let one_is_to_blame = matches!(error.failure, WriteFailure::Refused | WriteFailure::Conflict);
                if one_is_to_blame && places.len() > 1 {
                    return self.schedule.split(places);
                }
                if error.failure == WriteFailure::Unknown {
                    self.doubt(places);
                }
                if error.failure == WriteFailure::SignIn {
                    self.halted.get_or_insert_with(|| error.detail.clone());
                }
                failed(error)
            }
            Ended::StoreFailed { error, sent } => {
                self.halt(&error);
                self.doubt(places);
                match sent {
                    true => failed(WriteError {
                        failure: WriteFailure::Unknown,
                        detail: format!("it was carried out, but {error}; the next run looks again"),
                    }),
                    false => Outcome::Skipped { detail: error.to_string() },
                }
            }
        };
        for &place in places {
            self.end(place, outcome.clone());
        }
        self.schedule.done(places);
    }

    fn halt(&mut self, error: &JournalError) {
        self.halted.get_or_insert_with(|| error.to_string());
    }

    fn doubt(&mut self, places: &[Place]) {
        for &place in places {
            self.doubtful.extend(lanes(&self.changes[place], self.roles_are_groups).into_iter().map(|(lane, _)| lane));
        }
    }

    fn end(&mut self, place: Place, outcome: Outcome) {
        (self.observer)(&self.changes[place], &outcome);
        self.outcomes[place] = Some(outcome);
    }

    /// How every change ended. All have, unless they wait for each other in a circle, which no plan has.
    fn outcomes(self) -> Vec<(ChangeId, Outcome)> {
        let circle = || Outcome::Skipped { detail: "it waits for a change that waits for it".to_owned() };
        let ended = self.changes.iter().zip(self.outcomes);
        ended.map(|(change, outcome)| (change.id, outcome.unwrap_or_else(circle))).collect()
    }
}

/// What traces tell of a write: of which kind the changes are that it carries out, and how many.
fn writes(plan: &Plan, places: &[Place]) -> Span {
    let kind = places.first().map(|place| plan.changes[*place].action.kind().words());
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
        Ended::Failed(error) => traces::fails(span, error.failure.word()),
        Ended::StoreFailed { .. } => traces::fails(span, "snapshot"),
    }
}

fn failed(error: WriteError) -> Outcome {
    Outcome::Failed { failure: error.failure, detail: error.detail }
}
