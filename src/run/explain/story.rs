//! What was done to somebody in the past, from the record of changes.
//!
//! The record has what was carried out, however long ago. It has nothing of runs of an earlier version, nothing of what
//! was skipped, and a failure that repeats itself once. So a run in which anything failed or was skipped, or that stands
//! nowhere in the record, is told from its plan and its outcomes, as they were kept; no other plan is read.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use rollcall_kit::DirectoryId;

use super::telling::passing_on;
use super::{CHANGES_TOLD, Explanation, GateVerdict, to_the_second};
use crate::apply::{ChangeRecord, ChangeSubject, Deed, Outcome, RecordedOutcome};
use crate::plan::{Change, ChangeId};
use crate::run::error::RunError;
use crate::run::event::RunRecord;
use crate::snapshot::{Store, StoreError};

/// How many changes of one person are looked at.
const LOOKED_AT: usize = 1_000;

/// The past, as the snapshot and the records of the last runs have it.
pub(super) struct Past<'a> {
    store: &'a dyn Store,
    /// Newest first.
    records: &'a [RunRecord],
    /// Which of them are told from their plans.
    by_plan: BTreeMap<&'a str, &'a RunRecord>,
}

/// One change of the past.
struct Told {
    run: String,
    record: ChangeRecord,
    /// How it ended, in a few words.
    ended: String,
}

impl<'a> Past<'a> {
    /// The past as the store has it, with the records of its last runs.
    pub(super) fn of(store: &'a dyn Store, records: &'a [RunRecord]) -> Result<Self, StoreError> {
        let mut by_plan = BTreeMap::new();
        for record in records.iter().filter(|record| !record.outcomes.is_empty()) {
            let is_done = |(_, outcome): &(ChangeId, Outcome)| matches!(outcome, Outcome::Done { .. });
            if !record.outcomes.iter().all(is_done) || store.run_fact(&record.id)?.is_none() {
                by_plan.insert(&*record.id, record);
            }
        }
        Ok(Self { store, records, by_plan })
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
        story.sort_by(|(one, _), (other, _)| {
            (Reverse(&one.run), one.record.change).cmp(&(Reverse(&other.run), other.record.change))
        });
        story.dedup_by(|(one, _), (other, _)| {
            (&one.run, one.record.change, &one.record.subject)
                == (&other.run, other.record.change, &other.record.subject)
        });
        for (told, former) in story.iter().take(CHANGES_TOLD) {
            answer.tell(GateVerdict::Told, &format!("run {}", told.run), self.line(told, former.as_ref()));
        }
        Ok(())
    }

    fn line(&self, told: &Told, former: Option<&DirectoryId>) -> String {
        let ended = self.records.iter().find(|record| record.id == told.run).map(|record| record.ended);
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
            if !self.by_plan.contains_key(&*past.run) {
                let ended = match &past.record.outcome {
                    RecordedOutcome::Done => "done".to_owned(),
                    RecordedOutcome::Failed(detail) => format!("failed: {detail}"),
                };
                changes.push(Told { run: past.run, record: past.record, ended });
            }
        }
        for record in self.by_plan.values() {
            let planned = record.plan.iter().flat_map(|plan| &plan.changes);
            changes.extend(
                planned.flat_map(|change| by_plan(record, &change)).filter(|told| told.record.subject == subject),
            );
        }
        changes.sort_by(|one, other| {
            (Reverse(&one.run), one.record.change).cmp(&(Reverse(&other.run), other.record.change))
        });
        Ok(changes)
    }
}

/// A change of a run that is told from its plan; nothing of one that did not end.
fn by_plan(run: &RunRecord, change: &Change) -> Vec<Told> {
    let outcome = run.outcomes.iter().find(|(id, _)| *id == change.id).map(|(_, outcome)| outcome);
    let Some(outcome) = outcome else { return Vec::new() };
    let (outcome, ended) = match outcome {
        Outcome::Done { .. } => (RecordedOutcome::Done, "done".to_owned()),
        Outcome::Failed { detail, .. } => (RecordedOutcome::failed(detail), format!("failed: {detail}")),
        Outcome::Skipped { detail } => (RecordedOutcome::failed(detail), format!("skipped: {detail}")),
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
