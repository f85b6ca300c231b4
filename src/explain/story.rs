//! What was done to somebody in the past, from the record of changes.
//!
//! The record has what was carried out, however long ago. It has nothing of what was skipped, and a failure that repeats
//! itself once, so both are told from what each run left open. It has nothing of runs of an earlier version either: those
//! are told from their plans and outcomes, as they were kept; no other plan is read.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use rollcall_kit::DirectoryId;

use super::{CHANGES_TOLD, Explanation, GateVerdict, concerns, passing_on, to_the_second};
use crate::apply::{ChangeRecord, ChangeSubject, Deed, Outcome, RecordedOutcome, Skip, Topic};
use crate::plan::{Change, ChangeId};
use crate::run::PastRun;
use crate::run::RunError;
use crate::run::RunRecord;
use crate::snapshot::{Store, StoreError};

/// How many changes of one person are looked at.
const LOOKED_AT: usize = 1_000;

/// The past, as the snapshot and the records of the last runs have it.
pub(super) struct Past<'a> {
    store: &'a dyn Store,
    /// Newest first.
    runs: &'a [PastRun],
    /// Which of them are told from their plans.
    by_plan: BTreeMap<&'a str, &'a RunRecord>,
    /// Of which it is known what they did not carry out.
    undone: BTreeSet<&'a str>,
}

/// One change of the past.
struct Told {
    run: String,
    record: ChangeRecord,
    /// How it ended, in a few words.
    ended: String,
}

impl<'a> Past<'a> {
    /// The past as the store has it, with the last runs.
    pub(super) fn of(store: &'a dyn Store, runs: &'a [PastRun]) -> Result<Self, StoreError> {
        let mut by_plan = BTreeMap::new();
        for record in runs.iter().map(|run| &run.record).filter(|record| !record.outcomes.is_empty()) {
            let is_done = |(_, outcome): &(ChangeId, Outcome)| matches!(outcome, Outcome::Done { .. });
            if !record.outcomes.iter().all(is_done) || store.run_fact(&record.id)?.is_none() {
                by_plan.insert(&*record.id, record);
            }
        }
        let undone = runs.iter().filter(|run| run.tells_what_is_undone()).map(|run| &*run.record.id).collect();
        Ok(Self { store, runs, by_plan, undone })
    }

    /// That the account of one who has none any more went to the id under which the same person came back.
    pub(super) fn passed_on(&self, user: &DirectoryId) -> Result<Option<String>, StoreError> {
        let changes = self.changes_of(user)?;
        Ok(changes.iter().filter(|told| told.record.outcome.is_done()).find_map(|told| match &told.record.deed {
            Deed::PassOn { to } => {
                Some(format!("none any more: the run {} passed it on to the directory id {to}", told.run))
            }
            _ => None,
        }))
    }

    /// Tells the last changes of a user, the one that passed their account on among them, and what was done to the account
    /// before it was passed on to them: somebody who came back under a new id is asked after with their whole story.
    pub(super) fn tell(&self, answer: &mut Explanation, user: &DirectoryId) -> Result<(), RunError> {
        for (told, former) in self.story(user)?.iter().take(CHANGES_TOLD) {
            answer.tell(GateVerdict::Told, &format!("run {}", told.run), self.line(told, former.as_ref()));
        }
        Ok(())
    }

    /// Tells the last changes of a user who is in neither mirror nor ledger. They are found by their directory id, by the
    /// address or the target's id of a deleted account, and by their name in changes that a run did not carry out.
    pub(super) fn tell_by_name(&self, answer: &mut Explanation, who: &str) -> Result<(), RunError> {
        let wanted = who.trim().to_lowercase();
        let mut owners: BTreeSet<DirectoryId> = DirectoryId::new(who).into_iter().collect();
        for past in self.store.changes_about(&Topic::Deleted(wanted.clone()), LOOKED_AT)? {
            if let ChangeSubject::User(user) = past.record.subject {
                owners.insert(user);
            }
        }
        let mut story = Vec::new();
        for owner in &owners {
            story.extend(self.story(owner)?);
        }
        let is_called_so = |change: &Change| {
            let names = [Some(change.subject.label()), change.subject.target_id()];
            names.into_iter().flatten().any(|name| name.to_lowercase() == wanted)
        };
        story.extend(self.in_runs(is_called_so).into_iter().map(|told| (told, None)));
        for (told, former) in in_order(story).iter().take(CHANGES_TOLD) {
            answer.tell(GateVerdict::Told, &format!("run {}", told.run), self.line(told, former.as_ref()));
        }
        Ok(())
    }

    /// What was done to the account of a user, with the id that had it, if that was another.
    fn story(&self, user: &DirectoryId) -> Result<Vec<(Told, Option<DirectoryId>)>, StoreError> {
        let mut story = Vec::new();
        let (mut holder, mut until) = (user.clone(), None::<String>);
        loop {
            let changes = self.changes_of(&holder)?;
            let from = former_holder(&changes, until.as_deref());
            let is_former = until.is_some();
            for told in changes.into_iter().filter(|told| is_his(told, until.as_deref())) {
                let id = is_former.then(|| holder.clone()).filter(|id| id != user);
                story.push((told, id));
            }
            match from {
                Some((run, from)) => (holder, until) = (from, Some(run)),
                None => break,
            }
        }
        Ok(in_order(story))
    }

    fn line(&self, told: &Told, former: Option<&DirectoryId>) -> String {
        let ended = self.runs.iter().find(|run| run.record.id == told.run).map(|run| run.record.ended);
        let when = ended.or_else(|| jiff::Timestamp::from_second(told.record.at).ok()).map(to_the_second);
        let said = match (&told.record.deed, former) {
            (Deed::PassOn { to }, _) => passing_on(to),
            (deed, Some(id)) => format!("under the id {id}: {deed}"),
            (deed, None) => deed.to_string(),
        };
        format!("{}: {said}, because {}; {}", when.unwrap_or_default(), told.record.causes, told.ended)
    }

    /// What was done to the account of an id, newest first.
    fn changes_of(&self, user: &DirectoryId) -> Result<Vec<Told>, StoreError> {
        let subject = ChangeSubject::User(user.clone());
        let mut changes = Vec::new();
        for past in self.store.changes_of(&subject, LOOKED_AT)? {
            let ended = match &past.record.outcome {
                RecordedOutcome::Done => "done".to_owned(),
                RecordedOutcome::Failed(_) if self.undone.contains(&*past.run) => continue,
                RecordedOutcome::Failed(detail) => format!("failed: {detail}"),
            };
            if !self.by_plan.contains_key(&*past.run) {
                changes.push(Told { run: past.run, record: past.record, ended });
            }
        }
        let of_runs = self.in_runs(|change| concerns(change, user));
        changes.extend(of_runs.into_iter().filter(|told| told.record.subject == subject));
        changes.sort_by(|one, other| {
            (Reverse(&one.run), one.record.change).cmp(&(Reverse(&other.run), other.record.change))
        });
        Ok(changes)
    }

    /// The changes that are meant of what the runs did not carry out, and of those runs that are told from their plans.
    fn in_runs(&self, meant: impl Fn(&Change) -> bool) -> Vec<Told> {
        let mut changes = Vec::new();
        for run in self.runs {
            for (change, outcome) in run.undone(self.store, &meant) {
                changes.extend(told(&run.record, &change, &outcome));
            }
            if let Some(record) = self.by_plan.get(&*run.record.id) {
                let planned = record.plan.iter().flat_map(|plan| &plan.changes).filter(|change| meant(change));
                changes.extend(planned.flat_map(|change| by_plan(record, &change)));
            }
        }
        changes
    }
}

/// Newest first, and each change once.
fn in_order(mut story: Vec<(Told, Option<DirectoryId>)>) -> Vec<(Told, Option<DirectoryId>)> {
    story.sort_by(|(one, _), (other, _)| {
        (Reverse(&one.run), one.record.change).cmp(&(Reverse(&other.run), other.record.change))
    });
    story.dedup_by(|(one, _), (other, _)| {
        (&one.run, one.record.change, &one.record.subject) == (&other.run, other.record.change, &other.record.subject)
    });
    story
}

/// A change of a run that is told from its plan; nothing of one that did not end.
fn by_plan(run: &RunRecord, change: &Change) -> Vec<Told> {
    let outcome = run.outcomes.iter().find(|(id, _)| *id == change.id).map(|(_, outcome)| outcome);
    outcome.map(|outcome| told(run, change, outcome)).unwrap_or_default()
}

/// A change that ended so.
fn told(run: &RunRecord, change: &Change, outcome: &Outcome) -> Vec<Told> {
    let (outcome, ended) = match outcome {
        Outcome::Done { .. } => (RecordedOutcome::Done, "done".to_owned()),
        Outcome::Failed { detail, .. } => (RecordedOutcome::failed(detail), format!("failed: {detail}")),
        Outcome::Skipped(Skip { detail, .. }) => (RecordedOutcome::failed(detail), format!("skipped: {detail}")),
    };
    let records = ChangeRecord::of(change, "", outcome, run.ended).into_iter();
    records.map(|record| Told { run: run.id.clone(), record, ended: ended.clone() }).collect()
}

/// The id that had the account before, as of some run, and the run that passed it on.
fn former_holder(changes: &[Told], until: Option<&str>) -> Option<(String, DirectoryId)> {
    let mut earlier = changes.iter().filter(|told| until.is_none_or(|until| &*told.run < until));
    earlier.find_map(|told| match &told.record.deed {
        Deed::Relink { from } if told.record.outcome.is_done() => Some((told.run.clone(), from.clone())),
        _ => None,
    })
}

/// Whether a change belongs to the story of an account that an id had until some run. What the account loses in the run
/// that passes it on stands under the id that had it.
fn is_his(told: &Told, until: Option<&str>) -> bool {
    match (until, &told.record.deed) {
        (None, _) => true,
        (Some(_), Deed::PassOn { .. }) => false,
        (Some(until), Deed::Relink { .. }) => &*told.run < until,
        (Some(until), _) => &*told.run <= until,
    }
}
