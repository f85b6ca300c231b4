//! At rest: when nothing changed, nothing is planned.
//!
//! A plan is a function of mirror, ledger, configuration and a few facts, and of what directory and target answer to the
//! questions that it raises. A run whose plan was empty and raised no question leaves behind what it rested on; the next
//! run that finds all of it unchanged, and nothing due meanwhile, would make the same empty plan. It takes that one, and
//! its record says so. One changed record is enough to plan again.

use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::catch_up::{is_note_of_changes, note_of_changes};
use super::error::RunError;
use super::records::find_run;
use super::session::Session;
use super::stage::{Made, Roll};
use crate::guard::{Protection, Reviewed};
use crate::plan::document::PLAN_VERSION;
use crate::plan::{Holdings, Plan, Planned};
use crate::snapshot::{StoreError, fact};

/// The facts that a plan is made from.
const FACTS: [&str; 12] = [
    fact::BINDINGS,
    fact::PROTECTED_BINDINGS,
    fact::PROTECTED_ACCOUNTS,
    fact::PROTECTED_CARRIERS,
    fact::APPLIED_RULES,
    fact::ABSENCES,
    fact::DECISIONS,
    fact::CENSUS,
    fact::ACCEPTED_CENSUS,
    fact::TRACES,
    fact::DELETED_GROUPS,
    fact::FOUND,
];

/// What an empty plan rested on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Ground {
    /// The version of Rollcall, and that of its plans: another one may judge otherwise.
    version: String,
    /// The configuration.
    configuration: String,
    /// The mirror.
    mirror: u64,
    /// The ledger.
    ledger: u64,
    /// A hash of the facts.
    facts: String,
}

/// The fact that is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct AtRest {
    /// What the plan rested on; none until the run that made it has ended.
    ground: Option<Ground>,
    /// The run that made it.
    run: String,
    /// When something may become due by itself; none if nothing does.
    due: Option<Timestamp>,
}

impl Session {
    /// The empty plan of an earlier run, if nothing that it rested on has changed.
    ///
    /// # Errors
    ///
    /// If the snapshot cannot be read.
    pub(super) fn still_at_rest(&self, roll: &Roll) -> Result<Option<Made>, RunError> {
        if !(roll.absences.is_empty() && roll.doubtful.is_empty() && self.store.is_sealed()) {
            return Ok(None);
        }
        let Some(kept) = self.at_rest()? else { return Ok(None) };
        let is_due = kept.due.is_some_and(|due| due <= (self.clock)());
        if is_due || kept.ground != Some(self.ground()?) || !self.store.unsettled()?.is_empty() {
            return Ok(None);
        }
        let Some(plan) = find_run(&*self.store, &kept.run)?.and_then(|record| record.plan) else {
            return Ok(None);
        };
        let mut plan = Arc::unwrap_or_clone(plan);
        plan.notes.retain(|note| !is_note_of_changes(note));
        plan.notes.extend(note_of_changes(roll));
        plan.notes.sort();
        let planned = Planned { plan, holdings: Holdings::default(), carried: None };
        let made = self.review(planned, &Protection::default())?;
        let is_cleared = matches!(made.reviewed, Reviewed::Cleared(_));
        Ok(is_cleared.then(|| Made { unchanged_since: Some(kept.run), changes: roll.changes.clone(), ..made }))
    }

    /// Takes note that the plan of this run, for which nothing was asked that may be answered otherwise the next time,
    /// may come to rest: if it is empty, and nobody has to look at it.
    ///
    /// # Errors
    ///
    /// If the snapshot cannot be used.
    pub(super) fn may_rest(&self, run: &str, plan: &Plan) -> Result<(), RunError> {
        let is_quiet = plan.is_empty() && plan.undoes.is_none() && !plan.notes.iter().any(|note| note.holds);
        match is_quiet && self.store.is_sealed() {
            true => self.keep_at_rest(&AtRest { ground: None, run: run.to_owned(), due: self.due()? }),
            false => Ok(()),
        }
    }

    /// Takes note of what the plan of a run rests on that found nothing to do, once that run has kept everything else.
    ///
    /// # Errors
    ///
    /// If the snapshot cannot be used.
    pub(super) fn comes_to_rest(&self, run: &str) -> Result<(), RunError> {
        match self.at_rest()? {
            Some(kept) if kept.run == run => self.keep_at_rest(&AtRest { ground: Some(self.ground()?), ..kept }),
            _ => Ok(()),
        }
    }

    fn at_rest(&self) -> Result<Option<AtRest>, RunError> {
        // One that another version kept is none.
        Ok(self.store.fact(fact::AT_REST)?.and_then(|json| serde_json::from_value(json).ok()))
    }

    fn keep_at_rest(&self, at_rest: &AtRest) -> Result<(), RunError> {
        let json = serde_json::to_value(at_rest).map_err(|error| RunError::Internal(error.to_string()))?;
        Ok(self.store.set_fact(fact::AT_REST, &json)?)
    }

    fn ground(&self) -> Result<Ground, RunError> {
        let mut hasher = blake3::Hasher::new();
        for name in FACTS {
            let fact = self.store.fact(name)?.map(|fact| fact.to_string()).unwrap_or_default();
            hasher.update(&(fact.len() as u64).to_le_bytes()).update(fact.as_bytes());
        }
        Ok(Ground {
            version: format!("{} {PLAN_VERSION}", env!("CARGO_PKG_VERSION")),
            configuration: self.organization.configuration_hash()?,
            mirror: self.store.mirror_version()?,
            ledger: self.store.ledger_version(),
            facts: hasher.finalize().to_hex().to_string(),
        })
    }

    /// When the first of the accounts that are not active may be old enough to be deleted.
    fn due(&self) -> Result<Option<Timestamp>, StoreError> {
        let Some(wait) = self.organization.target.delete_after else { return Ok(None) };
        let first = self.store.first_inactive()?;
        Ok(first.map(|since| since.checked_add(wait.signed()).unwrap_or(Timestamp::MAX)))
    }
}
