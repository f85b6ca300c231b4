//! What a crash left behind is finished before anything is planned.

use std::sync::Arc;

use jiff::Timestamp;
use rollcall_kit::DirectoryId;

use super::attempt::{filled, forget_roles, is_creation};
use super::journal::{Intent, Journal, JournalError, LedgerReader, Settlement};
use super::record::{ChangeRecord, RecordedChanges, RecordedOutcome};
use super::target::{Probe, TargetError, TargetReader, Write};
use crate::plan::{Action, Plan};

/// What was found and done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recovered {
    /// Writes that turned out to have been carried out; the ledger knows of them now.
    pub settled: u64,
    /// Writes that turned out not to have been carried out, or that are safe to plan again.
    pub abandoned: u64,
    /// People of whom the target does not tell whether the last write was carried out, with the reason. Nothing may be
    /// planned for them: they might get a second account, or keep access that nobody remembers giving. They are looked
    /// up again by the next run.
    pub unclear: Vec<(DirectoryId, String)>,
}

/// Why the past could not be settled. Nothing may be planned then.
#[derive(Debug, thiserror::Error)]
pub enum RecoverError {
    /// The target cannot be asked.
    #[error("what the last run left unfinished cannot be looked up: {0}")]
    Target(#[from] TargetError),
    /// The store failed.
    #[error(transparent)]
    Journal(#[from] JournalError),
}

/// What finishing takes that a crash left behind. The target is only read.
#[derive(Clone, Copy)]
pub struct Recovery<'a> {
    /// Where it is looked up what was written.
    pub target: &'a dyn TargetReader,
    /// Where intents without an end are.
    pub journal: &'a dyn Journal,
    /// What is ours by now.
    pub ledger: &'a dyn LedgerReader,
    /// Tells the time.
    pub clock: &'a (dyn Fn() -> Timestamp + Send + Sync),
    /// The plan that a run was applying, if it is kept: what a crash left open of it is told to history from there.
    pub plan_of: &'a (dyn Fn(&str) -> Option<Arc<Plan>> + Send + Sync),
}

impl Recovery<'_> {
    /// Looks every unsettled write up in the target, and settles or abandons it. To be called before planning.
    ///
    /// # Errors
    ///
    /// If the target or the store cannot be asked.
    pub async fn recover(&self) -> Result<Recovered, RecoverError> {
        let mut recovered = Recovered::default();
        let mut plans = Plans { of: self.plan_of, known: None };
        for (sequence, intent) in self.journal.unsettled().await? {
            if is_creation(&intent.write) && self.is_ours_already(&intent.then)? {
                self.journal.abandon(sequence).await?;
                recovered.abandoned += 1;
                continue;
            }
            let seen = self.look_up(&intent.write).await?;
            let settlement = match &seen {
                Probe::Done(target_id) => filled(intent.then.clone(), target_id.as_deref()),
                // The next plan gives the roles.
                Probe::DoneWithoutRoles(target_id) => {
                    let mut then = intent.then.clone();
                    forget_roles(&intent.write, &mut then);
                    filled(then, target_id.as_deref())
                }
                Probe::NotDone | Probe::Unclear(_) => None,
            };
            match (settlement, seen) {
                (Some(mut settlement), seen) => {
                    let without_roles = matches!(seen, Probe::DoneWithoutRoles(_));
                    settlement.history = self.recorded(plans.of(&intent.run), &intent, &settlement, without_roles);
                    self.journal.settle(sequence, settlement).await?;
                    recovered.settled += 1;
                }
                (None, Probe::NotDone) => {
                    self.journal.abandon(sequence).await?;
                    recovered.abandoned += 1;
                }
                (None, Probe::Unclear(reason)) => {
                    let people = intent.concerned();
                    // Whatever else it is (a group's name), the same write can be planned again without harm.
                    if people.is_empty() && !is_creation(&intent.write) {
                        self.journal.abandon(sequence).await?;
                        recovered.abandoned += 1;
                    }
                    recovered.unclear.extend(people.into_iter().map(|user| (user, reason.clone())));
                }
                (None, Probe::Done(_) | Probe::DoneWithoutRoles(_)) => {
                    let reason = "the target does not say which id it gave";
                    recovered.unclear.extend(intent.concerned().into_iter().map(|user| (user, reason.to_owned())));
                }
            }
        }
        Ok(recovered)
    }

    /// What history keeps of a write of an earlier run. When it was carried out nobody knows; it was found out now.
    fn recorded(
        &self,
        plan: Option<&Plan>,
        intent: &Intent,
        settled: &Settlement,
        without_roles: bool,
    ) -> RecordedChanges {
        let now = (self.clock)();
        let mut changes = Vec::new();
        for id in &intent.changes {
            let change = plan.and_then(|plan| plan.changes.with_id(*id));
            // A creation that carried no roles did nothing else.
            let Some(change) =
                change.filter(|change| !(without_roles && matches!(change.action, Action::GrantRole { .. })))
            else {
                continue;
            };
            let target_id = settled.target_id(&change.subject).or_else(|| change.subject.target_id());
            changes.extend(ChangeRecord::of(&change, target_id.unwrap_or_default(), RecordedOutcome::Done, now));
        }
        RecordedChanges { run: intent.run.clone(), changes }
    }

    async fn look_up(&self, write: &Write) -> Result<Probe, TargetError> {
        if write.is_nothing() {
            return Ok(Probe::Done(None));
        }
        match self.target.probe(write).await {
            Err(error @ (TargetError::Unreachable(_) | TargetError::SignIn(_) | TargetError::Settings(_))) => {
                Err(error)
            }
            Err(error) => Ok(Probe::Unclear(error.to_string())),
            seen => seen,
        }
    }

    /// Whether what an open creation was to bring about came into the ledger by another way, such as an adoption. Its
    /// record has been written to since, and the settlement of the creation would undo that.
    fn is_ours_already(&self, then: &Settlement) -> Result<bool, JournalError> {
        for account in &then.accounts {
            if self.ledger.account(&account.user)?.is_some() {
                return Ok(true);
            }
        }
        for group in &then.groups {
            if self.ledger.group(&group.key)?.is_some() {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// The plans of the runs that left something behind; nearly always it is one.
struct Plans<'a> {
    of: &'a (dyn Fn(&str) -> Option<Arc<Plan>> + Send + Sync),
    known: Option<(String, Option<Arc<Plan>>)>,
}

impl Plans<'_> {
    fn of(&mut self, run: &str) -> Option<&Plan> {
        if self.known.as_ref().is_none_or(|(known, _)| known != run) {
            self.known = Some((run.to_owned(), (self.of)(run)));
        }
        self.known.as_ref().and_then(|(_, plan)| plan.as_deref())
    }
}
