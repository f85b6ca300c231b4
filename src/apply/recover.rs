//! What a crash left behind is finished before anything is planned.

use rollcall_kit::DirectoryId;

use super::attempt::{filled, is_creation};
use super::executor::Executor;
use super::journal::JournalError;
use super::target::{Probe, TargetError, Write};

/// What was found and done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recovered {
    /// Writes that turned out to have been carried out; the ledger knows of them now.
    pub settled: u64,
    /// Writes that turned out not to have been carried out, or that are safe to plan again.
    pub abandoned: u64,
    /// Creations of which the target does not tell whether they were carried out, with the reason. Nothing may be
    /// planned for these people, or a second account might be created; they are looked up again by the next run.
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

impl Executor<'_> {
    /// Looks every unsettled write up in the target, and settles or abandons it. To be called before planning.
    ///
    /// # Errors
    ///
    /// If the target or the store cannot be asked.
    pub async fn recover(&self) -> Result<Recovered, RecoverError> {
        let mut recovered = Recovered::default();
        for (sequence, intent) in self.journal.unsettled().await? {
            let seen = match self.target.probe(&intent.write).await {
                Ok(seen) => seen,
                Err(error @ (TargetError::Unreachable(_) | TargetError::SignIn(_) | TargetError::Settings(_))) => {
                    return Err(error.into());
                }
                Err(error) => Probe::Unclear(error.to_string()),
            };
            let settlement = match &seen {
                Probe::Done(target_id) => filled(intent.then, target_id.as_deref()),
                Probe::NotDone | Probe::Unclear(_) => None,
            };
            match (settlement, seen) {
                (Some(settlement), _) => {
                    self.journal.settle(sequence, settlement).await?;
                    recovered.settled += 1;
                }
                (None, Probe::NotDone) => {
                    self.journal.abandon(sequence).await?;
                    recovered.abandoned += 1;
                }
                (None, _) if !is_creation(&intent.write) => {
                    self.journal.abandon(sequence).await?;
                    recovered.abandoned += 1;
                }
                (None, Probe::Unclear(reason)) => recovered.leave(&intent.write, reason),
                (None, Probe::Done(_)) => {
                    recovered.leave(&intent.write, "the target does not say which id it gave".to_owned());
                }
            }
        }
        Ok(recovered)
    }
}

impl Recovered {
    /// A group that may have been created is found again by its name, so only people need to be named.
    fn leave(&mut self, write: &Write, reason: String) {
        if let Write::CreateAccount { user, .. } = write {
            self.unclear.push((user.clone(), reason));
        }
    }
}
