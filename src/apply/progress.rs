//! How far a plan has come: what is to be begun, what may be sent, and how each change ended.
//!
//! A change passes through four places. Its intent is *prepared*, goes to the journal with the next *step*, is *begun*
//! when that step is on disk, and is sent as soon as a lane is free. Once it is known what became of it, its end goes to
//! the journal with a later step, together with what is begun then, and only when that step is on disk is its outcome
//! told to anybody. So at any time one step is being written, and the next one gathers.
//!
//! Whatever builds on a write is prepared after it landed, so the end of that write is in an earlier step or in the same.

use std::borrow::Cow;
use std::collections::{BTreeSet, VecDeque};

use super::attempt::Ended;
use super::book::{Book, Unwritable};
use super::executor::Executor;
use super::journal::{Intent, JournalError, JournalFailure, Outcome, Settlement, Skip, SkipCode};
use super::record::RecordedOutcome;
use super::schedule::{Bulk, ChangeIndex, Lane, Schedule, bulk, lanes};
use super::target::{Write, WriteError, WriteFailure};
use crate::plan::{Action, Change, ChangeId, Changes};

/// The intent of one write and the changes that it carries out.
pub(super) struct Prepared {
    pub(super) changes: Vec<ChangeIndex>,
    pub(super) intent: Intent,
}

/// An intent that is on disk, and that has to be sent or abandoned.
pub(super) struct Begun {
    sequence: u64,
    pub(super) prepared: Prepared,
}

/// The end of an intent, and what is told of its changes once it is on disk.
struct Ending {
    sequence: u64,
    settlement: Option<Settlement>,
    outcomes: Vec<(ChangeIndex, Outcome)>,
}

/// One step of the journal while it is being written.
pub(super) struct Step {
    endings: Vec<Ending>,
    prepared: Vec<Prepared>,
}

impl Step {
    /// What the journal is to write.
    pub(super) fn entries(&self) -> (Vec<(u64, Option<Settlement>)>, Vec<Intent>) {
        let ended = self.endings.iter().map(|ending| (ending.sequence, ending.settlement.clone()));
        (ended.collect(), self.prepared.iter().map(|prepared| prepared.intent.clone()).collect())
    }
}

/// How far the plan has come.
pub(super) struct Progress<'a, O> {
    executor: &'a Executor<'a>,
    changes: &'a Changes,
    roles_are_groups: bool,
    schedule: Schedule,
    book: Book<'a>,
    outcomes: Vec<Option<Outcome>>,
    /// Accounts and groups of which it is unknown how the last write ended.
    doubtful: BTreeSet<Lane>,
    /// Why nothing more is sent.
    halted: Option<Skip>,
    /// What the journal's next step begins.
    prepared: Vec<Prepared>,
    /// What the journal's next step ends.
    endings: Vec<Ending>,
    /// How many intents the step begins that is being written.
    beginning: usize,
    /// On disk and not sent yet, oldest first.
    begun: VecDeque<Begun>,
    observer: O,
}

impl<'a, O: FnMut(&Change, &Outcome)> Progress<'a, O> {
    pub(super) fn new(executor: &'a Executor<'a>, changes: &'a Changes, observer: O) -> Self {
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
            prepared: Vec::new(),
            endings: Vec::new(),
            beginning: 0,
            begun: VecDeque::new(),
            observer,
        }
    }

    /// The next write to send, if one is on disk and nothing speaks against it by now. What must not be sent any more is
    /// abandoned.
    pub(super) fn next_to_send(&mut self) -> Option<Begun> {
        while let Some(begun) = self.begun.pop_front() {
            if self.halted.is_none() && (self.executor.stop)() {
                self.halted = Some(Skip::told_to_stop());
            }
            let (hindered, able) = self.sorted_out(&begun.prepared.changes);
            if hindered.is_empty() {
                return Some(begun);
            }
            self.withdraw(begun.sequence, &begun.prepared.changes, hindered, able);
        }
        None
    }

    /// Takes an intent back. Those of its changes that nothing speaks against may be tried again.
    fn withdraw(
        &mut self,
        sequence: u64,
        places: &[ChangeIndex],
        mut hindered: Vec<(ChangeIndex, Skip)>,
        mut able: Vec<ChangeIndex>,
    ) {
        let carried = self.leave_behind(places);
        hindered.retain(|(at, _)| !carried.contains(at));
        able.retain(|at| !carried.contains(at));
        let skipped: Vec<ChangeIndex> = hindered.iter().map(|(at, _)| *at).collect();
        let outcomes: Vec<_> = hindered.into_iter().map(|(at, skip)| (at, Outcome::Skipped(skip))).collect();
        self.will_end(sequence, None, outcomes);
        if able.is_empty() {
            return self.schedule.done(&skipped);
        }
        self.schedule.leave(&skipped);
        self.schedule.again(&able);
    }

    /// Prepares intents for the journal's next step: for every lane that is free, and so many more `ahead`.
    pub(super) fn prepare(&mut self, free: usize, ahead: usize) {
        if let Some(reason) = self.halted.clone() {
            for prepared in std::mem::take(&mut self.prepared) {
                self.give_up(&prepared.changes, &reason);
            }
        }
        while self.waiting() < free + ahead && (self.waiting() < free || self.next_may_wait()) {
            let Some(prepared) = self.next_intent() else { break };
            self.prepared.push(prepared);
        }
    }

    /// Intents that are not sent yet.
    fn waiting(&self) -> usize {
        self.prepared.len() + self.beginning + self.begun.len()
    }

    /// Whether the next write may be begun before there is a lane for it. Members may not: many targets do not show
    /// them, and a crash would leave an intent of which nobody can tell whether it was carried out.
    fn next_may_wait(&self) -> bool {
        let next = self.schedule.peek().map(|at| bulk(&self.changes.at(at), self.roles_are_groups));
        !matches!(next, Some(Some(Bulk::Members(_))))
    }

    /// Whether lanes are free while the intents that could fill them are still being written.
    pub(super) fn starves(&self) -> bool {
        self.beginning > 0 && self.begun.is_empty()
    }

    /// The journal's next step, if there is anything to write.
    pub(super) fn next_step(&mut self) -> Option<Step> {
        let step = Step { endings: std::mem::take(&mut self.endings), prepared: std::mem::take(&mut self.prepared) };
        self.beginning = step.prepared.len();
        (!step.endings.is_empty() || !step.prepared.is_empty()).then_some(step)
    }

    /// A step of the journal is on disk, or failed.
    pub(super) fn written(&mut self, step: Step, result: Result<Vec<u64>, JournalError>) {
        self.beginning = 0;
        let numbered = result.and_then(|numbers| match numbers.len() == step.prepared.len() {
            true => Ok(numbers),
            false => Err(JournalError::new(JournalFailure::Broken, "it did not number every intent")),
        });
        let numbers = match numbered {
            Ok(numbers) => numbers,
            Err(error) => return self.step_failed(step, &error),
        };
        for Ending { settlement, outcomes, .. } in step.endings {
            if let Some(settled) = &settlement {
                self.book.is_kept(settled);
            }
            for (at, outcome) in outcomes {
                (self.observer)(&self.changes.at(at), &outcome);
            }
        }
        let begun = numbers.into_iter().zip(step.prepared).map(|(sequence, prepared)| Begun { sequence, prepared });
        self.begun.extend(begun);
    }

    /// Nothing is known of what a failed step left on disk: what it was to begin is not sent, and what it was to settle
    /// is looked up by the next run.
    fn step_failed(&mut self, step: Step, error: &JournalError) {
        self.halt(error);
        for Ending { settlement, outcomes, .. } in step.endings {
            for (at, outcome) in outcomes {
                self.doubt(&[at]);
                let outcome = match (&settlement, outcome) {
                    (Some(_), _) => failed(WriteError {
                        failure: WriteFailure::Unknown,
                        detail: format!("it was carried out, but {error}; the next run looks again"),
                    }),
                    (None, skipped @ Outcome::Skipped(_)) => skipped,
                    (None, _) => Outcome::Skipped(error.into()),
                };
                self.end(at, outcome);
            }
        }
        for prepared in step.prepared {
            self.give_up(&prepared.changes, &error.into());
        }
    }

    /// The intent of the next write. Changes that cannot be tried get their outcome on the way.
    fn next_intent(&mut self) -> Option<Prepared> {
        loop {
            let taken = self.schedule.next(self.executor.target.members_per_write())?;
            let (mut skipped, able) = self.sorted_out(&taken);
            let prepared = self.intend(able, &mut skipped);
            let places: Vec<ChangeIndex> = skipped.iter().map(|(place, _)| *place).collect();
            for (place, skip) in skipped {
                self.end(place, Outcome::Skipped(skip));
            }
            match prepared {
                // The bulk stays taken with the others.
                Some(prepared) => {
                    self.schedule.leave(&places);
                    return Some(prepared);
                }
                None => self.schedule.done(&places),
            }
        }
    }

    /// Which of these changes must not be tried, each with the reason, and which may.
    fn sorted_out(&self, taken: &[ChangeIndex]) -> (Vec<(ChangeIndex, Skip)>, Vec<ChangeIndex>) {
        let (mut hindered, mut able) = (Vec::new(), Vec::new());
        for &at in taken {
            match self.obstacle(at, taken) {
                Some(reason) => hindered.push((at, reason)),
                None => able.push(at),
            }
        }
        (hindered, able)
    }

    /// Why a change must not be tried in one write with these.
    fn obstacle(&self, place: ChangeIndex, along: &[ChangeIndex]) -> Option<Skip> {
        if let Some(reason) = &self.halted {
            return Some(reason.clone());
        }
        let change = self.changes.at(place);
        if let Some(reason) = (self.executor.forbids)(&change) {
            return Some(reason);
        }
        let comes_along = |id: &ChangeId| along.iter().any(|at| self.changes.at(*at).id == *id);
        let failed = change.after.iter().find(|id| !self.succeeded(**id) && !comes_along(id));
        if let Some(before) = failed {
            let detail = format!("change {before}, which must come first, was not carried out");
            return Some(Skip::new(SkipCode::PredecessorFailed, detail));
        }
        let is_in_doubt = |(lane, _): (Lane, bool)| self.doubtful.contains(&lane);
        lanes(&change, self.roles_are_groups).into_iter().any(is_in_doubt).then(|| {
            let detail = "it is unknown whether an earlier change of the same account or group was carried out";
            Skip::new(SkipCode::PredecessorUnknown, detail)
        })
    }

    fn succeeded(&self, id: ChangeId) -> bool {
        let place = self.changes.place(id);
        place.is_some_and(|place| matches!(self.outcomes[place], Some(Outcome::Done { .. })))
    }

    /// Turns changes into the intent of one write. Those that cannot be part of it are skipped.
    fn intend(&mut self, able: Vec<ChangeIndex>, skipped: &mut Vec<(ChangeIndex, Skip)>) -> Option<Prepared> {
        let &first = able.first()?;
        if !self.schedule.is_shared(first) {
            return match self.book.intent(&self.changes.at(first), (self.executor.clock)()) {
                Ok(intent) => Some(self.with_roles(first, intent)),
                Err(Unwritable::Skip(reason)) => {
                    skipped.push((first, Skip::new(SkipCode::Unwritable, reason)));
                    None
                }
                Err(Unwritable::Journal(error)) => {
                    self.halt(&error);
                    skipped.push((first, (&error).into()));
                    None
                }
            };
        }
        let changes: Vec<Cow<'_, Change>> = able.iter().map(|place| self.changes.at(*place)).collect();
        match self.book.shared_intent(&changes, self.roles_are_groups) {
            Ok((intent, left_out)) => {
                let place_of = |change: &Change| self.changes.place(change.id);
                skipped.extend(
                    left_out.iter().filter_map(|(change, reason)| {
                        Some((place_of(change)?, Skip::new(SkipCode::Unwritable, reason)))
                    }),
                );
                let intent = intent?;
                let changes = able.into_iter().filter(|at| intent.changes.contains(&self.changes.at(*at).id)).collect();
                Some(Prepared { changes, intent })
            }
            Err(error) => {
                self.halt(&error);
                skipped.extend(able.into_iter().map(|place| (place, Skip::from(&error))));
                None
            }
        }
    }

    /// Lets a creation carry the roles that nothing but the creation itself has to come before, where the target takes
    /// them so.
    fn with_roles(&mut self, first: ChangeIndex, mut intent: Intent) -> Prepared {
        let mut changes = vec![first];
        if matches!(intent.write, Write::CreateAccount { .. }) && self.executor.target.roles_ride() {
            let together: Vec<_> = [first].into_iter().chain(self.schedule.waiting_for(first)).collect();
            let grants = together[1..].iter().copied().filter(|at| {
                let change = self.changes.at(*at);
                matches!(bulk(&change, self.roles_are_groups), Some(Bulk::Roles(_)))
                    && matches!(change.action, Action::GrantRole { .. })
                    && self.obstacle(*at, &together[..1]).is_none()
            });
            let grants: Vec<ChangeIndex> = grants.collect();
            Book::carry(&mut intent, &grants.iter().map(|at| self.changes.at(*at)).collect::<Vec<_>>());
            self.schedule.carry(first, &grants);
            changes.extend(grants);
        }
        Prepared { changes, intent }
    }

    /// The roles that a creation was to carry wait for it again. Yields them.
    fn leave_behind(&mut self, places: &[ChangeIndex]) -> Vec<ChangeIndex> {
        let Some((&first, along)) = places.split_first().filter(|(first, _)| !self.schedule.is_shared(**first)) else {
            return Vec::new();
        };
        self.schedule.leave_behind(first, along);
        along.to_vec()
    }

    /// It is known what became of a write. What builds on it may be prepared from now on.
    pub(super) fn landed(&mut self, begun: Begun, ended: Ended) {
        let Begun { sequence, prepared: Prepared { changes: mut places, intent } } = begun;
        let without_roles = match &ended {
            Ended::Done { without_roles, .. } | Ended::NotKept { without_roles, .. } => *without_roles,
            Ended::NotDone(_) | Ended::Unknown(_) => true,
        };
        if without_roles {
            let carried = self.leave_behind(&places);
            places.retain(|at| !carried.contains(at));
        }
        match ended {
            Ended::Done { settled, notes, .. } => {
                self.carried_out(sequence, &places, settled, &Outcome::Done { notes });
            }
            Ended::NotKept { settled, error, .. } => {
                let outcome = match intent.write {
                    // The account is there and ours; what was not kept is planned again.
                    Write::CreateAccount { .. } => Outcome::Done { notes: vec![error.detail] },
                    _ => failed(error),
                };
                self.carried_out(sequence, &places, settled, &outcome);
            }
            Ended::NotDone(error) => {
                let one_is_to_blame = matches!(error.failure, WriteFailure::Refused | WriteFailure::Conflict);
                if one_is_to_blame && places.len() > 1 {
                    self.will_end(sequence, None, Vec::new());
                    return self.schedule.split(&places);
                }
                if error.failure == WriteFailure::SignIn {
                    self.halted.get_or_insert_with(|| Skip::new(SkipCode::SignIn, &*error.detail));
                }
                let outcome = failed(error);
                self.will_end(sequence, None, places.iter().map(|at| (*at, outcome.clone())).collect());
                self.schedule.done(&places);
            }
            Ended::Unknown(error) => {
                self.doubt(&places);
                let outcome = failed(error);
                for &at in &places {
                    self.end(at, outcome.clone());
                }
                self.schedule.done(&places);
            }
        }
    }

    fn carried_out(&mut self, sequence: u64, places: &[ChangeIndex], mut settled: Settlement, outcome: &Outcome) {
        let recorded = match outcome {
            Outcome::Failed { detail, .. } => RecordedOutcome::failed(detail),
            Outcome::Done { .. } | Outcome::Skipped(_) => RecordedOutcome::Done,
        };
        let changes: Vec<Cow<'_, Change>> = places.iter().map(|at| self.changes.at(*at)).collect();
        settled.history = self.book.record(&changes, &settled, (&recorded, (self.executor.clock)()));
        self.book.enter(&settled);
        let shared = places.first().is_some_and(|first| self.schedule.is_shared(*first));
        // What is to be said of a creation is not said of the roles that it carried.
        let of = |(nth, at): (usize, &ChangeIndex)| match nth == 0 || shared {
            true => (*at, outcome.clone()),
            false => (*at, Outcome::Done { notes: Vec::new() }),
        };
        self.will_end(sequence, Some(settled), places.iter().enumerate().map(of).collect());
        self.schedule.done(places);
    }

    /// An intent ends with the next step, and its changes then have these outcomes.
    fn will_end(&mut self, sequence: u64, settlement: Option<Settlement>, outcomes: Vec<(ChangeIndex, Outcome)>) {
        for (at, outcome) in &outcomes {
            self.outcomes[*at] = Some(outcome.clone());
        }
        self.endings.push(Ending { sequence, settlement, outcomes });
    }

    /// Changes are not tried, and have no intent on disk.
    fn give_up(&mut self, places: &[ChangeIndex], skip: &Skip) {
        for &at in places {
            self.end(at, Outcome::Skipped(skip.clone()));
        }
        self.schedule.done(places);
    }

    fn halt(&mut self, error: &JournalError) {
        self.halted.get_or_insert_with(|| error.into());
    }

    fn doubt(&mut self, places: &[ChangeIndex]) {
        for &place in places {
            self.doubtful
                .extend(lanes(&self.changes.at(place), self.roles_are_groups).into_iter().map(|(lane, _)| lane));
        }
    }

    fn end(&mut self, place: ChangeIndex, outcome: Outcome) {
        (self.observer)(&self.changes.at(place), &outcome);
        self.outcomes[place] = Some(outcome);
    }

    /// How every change ended. All have, unless they wait for each other in a circle, which no plan has.
    pub(super) fn outcomes(self) -> Vec<(ChangeId, Outcome)> {
        let circle = || Outcome::Skipped(Skip::new(SkipCode::Circle, "it waits for a change that waits for it"));
        let ended = self.changes.iter().zip(self.outcomes);
        ended.map(|(change, outcome)| (change.id, outcome.unwrap_or_else(circle))).collect()
    }
}

fn failed(error: WriteError) -> Outcome {
    Outcome::Failed { failure: error.failure, detail: error.detail }
}
