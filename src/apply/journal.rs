//! What the executor needs of a store: an intent before each write, a settlement after it.

use std::collections::BTreeSet;
use std::error::Error;
use std::sync::Arc;

use async_trait::async_trait;
use rollcall_kit::DirectoryId;
use serde::{Deserialize, Serialize};

use super::record::RecordedChanges;
use super::target::{Write, WriteFailure};
use crate::plan::ledger::Ledger;
use crate::plan::{ChangeId, GroupKey, LedgerAccount, LedgerGroup, Subject};
use crate::schedule::OpenWindow;

/// What is about to be written. Holds all that is needed to finish the story after a crash.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Intent {
    /// The run.
    pub run: String,
    /// The changes of the plan that this write carries out.
    pub changes: Vec<ChangeId>,
    /// The write.
    pub write: Write,
    /// The ledger as it will be if the write is carried out. For creations the target's id is filled in then.
    pub then: Settlement,
}

impl Intent {
    /// The people whose accounts or memberships the write changes. A group that may have been created is found again
    /// by its name, so it concerns nobody.
    #[must_use]
    pub fn concerned(&self) -> BTreeSet<DirectoryId> {
        let created = match &self.write {
            Write::CreateAccount { user, .. } => Some(user.clone()),
            _ => None,
        };
        let accounts = self.then.accounts.iter().map(|account| account.user.clone());
        let forgotten = self.then.forgotten_accounts.iter().cloned();
        let members = self.then.members.iter().flat_map(|changed| changed.joined.iter().chain(&changed.left)).cloned();
        created.into_iter().chain(accounts).chain(forgotten).chain(members).collect()
    }
}

/// What becomes true in the ledger once a write is known to have been carried out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settlement {
    /// Accounts as they are now.
    pub accounts: Vec<LedgerAccount>,
    /// Accounts that are not ours any more.
    pub forgotten_accounts: Vec<DirectoryId>,
    /// Groups as they are now.
    pub groups: Vec<LedgerGroup>,
    /// Groups that are not ours any more.
    pub forgotten_groups: Vec<GroupKey>,
    /// Members that joined or left groups which stay as they are otherwise. Told as a difference, because a group of
    /// a million members is filled by thousands of writes and none of them should carry the whole group.
    #[serde(default)]
    pub members: Vec<MembersSettled>,
    /// What history keeps of the changes. It is known when the write has ended, and no part of what an intent holds: of
    /// what a crash leaves behind, the plan of the run tells it.
    #[serde(skip)]
    pub history: RecordedChanges,
}

impl Settlement {
    /// The target's id of the account or group that a change is about, if the settlement tells it.
    pub(super) fn target_id(&self, subject: &Subject) -> Option<&str> {
        match subject {
            Subject::Account { user, .. } => {
                self.accounts.iter().find(|account| account.user == *user).map(|account| &*account.target_id)
            }
            Subject::Group { key, .. } => {
                self.groups.iter().find(|group| group.key == *key).map(|group| &*group.target_id)
            }
        }
    }

    /// Makes it true in a ledger in memory.
    pub fn enter(&self, ledger: &mut Ledger) {
        for user in &self.forgotten_accounts {
            ledger.accounts.remove(user);
        }
        for key in &self.forgotten_groups {
            ledger.groups.remove(key);
        }
        for account in &self.accounts {
            ledger.accounts.insert(account.user.clone(), account.clone());
        }
        for group in &self.groups {
            ledger.groups.insert(group.key.clone(), group.clone());
        }
        for changed in &self.members {
            if let Some(group) = ledger.groups.get_mut(&changed.group) {
                for user in &changed.left {
                    group.members.remove(user);
                }
                group.members.extend(changed.joined.iter().cloned());
            }
        }
    }
}

/// Who joined and who left one group of ours.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MembersSettled {
    /// Which group.
    pub group: GroupKey,
    /// Owners of the accounts that joined.
    pub joined: Vec<DirectoryId>,
    /// Owners of the accounts that left.
    pub left: Vec<DirectoryId>,
}

/// How one change of a plan ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "outcome")]
pub enum Outcome {
    /// Carried out. The notes say what the target did not keep.
    Done {
        /// In sentences.
        notes: Vec<String>,
    },
    /// Not carried out.
    Failed {
        /// How.
        failure: WriteFailure,
        /// What happened, in a sentence.
        detail: String,
    },
    /// Not tried.
    Skipped(Skip),
}

/// Why a change was not tried.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Skip {
    /// In a word. An earlier version kept none.
    #[serde(default)]
    pub code: SkipCode,
    /// In a sentence.
    pub detail: String,
}

/// Why a change was not tried, in a word.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SkipCode {
    /// The run was told to stop.
    ToldToStop,
    /// A change that must come first was not carried out.
    PredecessorFailed,
    /// Nobody knows whether an earlier change of the same account or group was carried out.
    PredecessorUnknown,
    /// A blackout forbids it.
    Blackout,
    /// The plan or the ledger lacks what it takes to write it.
    Unwritable,
    /// The target refused the sign-in.
    SignIn,
    /// The snapshot cannot be written.
    Snapshot,
    /// It waits for a change that waits for it.
    Circle,
    /// It is not known any more.
    #[default]
    Unknown,
}

impl Skip {
    /// A reason with its sentence.
    #[must_use]
    pub fn new(code: SkipCode, detail: impl Into<String>) -> Self {
        Self { code, detail: detail.into() }
    }

    /// The run was told to stop.
    #[must_use]
    pub fn told_to_stop() -> Self {
        Self::new(SkipCode::ToldToStop, "the run was told to stop")
    }

    /// A blackout forbids it.
    #[must_use]
    pub fn blackout(open: OpenWindow) -> Self {
        let OpenWindow { since, until, .. } = open;
        Self::new(SkipCode::Blackout, format!("a blackout began at {since} and lasts until {until}"))
    }
}

impl From<&JournalError> for Skip {
    fn from(error: &JournalError) -> Self {
        Self::new(SkipCode::Snapshot, error.to_string())
    }
}

/// A store that journals.
#[async_trait]
pub trait Journal: Send + Sync {
    /// Ends intents and records others, in one step that is on disk when this returns; only then may the new writes be
    /// sent. With a settlement the write was carried out, and the ledger's new truth and the end of the intent become
    /// true together; without one it was certainly not carried out, and the ledger stays. Yields the numbers of what was
    /// begun, in order.
    ///
    /// Whatever a power cut leaves of a step, nothing that was begun is there without everything that was ended: an
    /// intent builds on the ledger as the writes before it left it. An error says nothing about what is on disk.
    async fn settle_and_begin(
        &self,
        ended: Vec<(u64, Option<Settlement>)>,
        begun: Vec<Intent>,
    ) -> Result<Vec<u64>, JournalError>;

    /// Intents without an end, oldest first: what a crash left behind.
    async fn unsettled(&self) -> Result<Vec<(u64, Intent)>, JournalError>;

    /// Records one intent.
    async fn begin(&self, intent: Intent) -> Result<u64, JournalError> {
        let numbers = self.settle_and_begin(Vec::new(), vec![intent]).await?;
        numbers.first().copied().ok_or_else(|| JournalError::new(JournalFailure::Broken, "it gave an intent no number"))
    }

    /// Ends one intent whose write was carried out.
    async fn settle(&self, sequence: u64, settlement: Settlement) -> Result<(), JournalError> {
        self.settle_and_begin(vec![(sequence, Some(settlement))], Vec::new()).await.map(drop)
    }

    /// Ends one intent whose write was certainly not carried out.
    async fn abandon(&self, sequence: u64) -> Result<(), JournalError> {
        self.settle_and_begin(vec![(sequence, None)], Vec::new()).await.map(drop)
    }
}

/// What the executor needs to see of the ledger: how accounts and groups were last written.
pub trait LedgerReader: Send + Sync {
    /// One account.
    ///
    /// # Errors
    ///
    /// If the store cannot be read.
    fn account(&self, user: &DirectoryId) -> Result<Option<LedgerAccount>, JournalError>;

    /// One group.
    ///
    /// # Errors
    ///
    /// If the store cannot be read.
    fn group(&self, key: &GroupKey) -> Result<Option<LedgerGroup>, JournalError>;

    /// The groups that somebody's account is a member of.
    ///
    /// # Errors
    ///
    /// If the store cannot be read.
    fn groups_of(&self, user: &DirectoryId) -> Result<Vec<GroupKey>, JournalError>;
}

impl LedgerReader for Ledger {
    fn account(&self, user: &DirectoryId) -> Result<Option<LedgerAccount>, JournalError> {
        Ok(self.accounts.get(user).cloned())
    }

    fn group(&self, key: &GroupKey) -> Result<Option<LedgerGroup>, JournalError> {
        Ok(self.groups.get(key).cloned())
    }

    fn groups_of(&self, user: &DirectoryId) -> Result<Vec<GroupKey>, JournalError> {
        let theirs = self.groups.values().filter(|group| group.members.contains(user));
        Ok(theirs.map(|group| group.key.clone()).collect())
    }
}

/// The store failed. No further write may be sent.
#[derive(Debug, Clone, thiserror::Error)]
#[error("the snapshot cannot be written: {source}")]
pub struct JournalError {
    /// How.
    pub failure: JournalFailure,
    source: Arc<dyn Error + Send + Sync>,
}

/// How a store failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JournalFailure {
    /// Another process has it open.
    Busy,
    /// There is no room on the disk.
    NoRoom,
    /// What is on disk is not as it was written.
    Damaged,
    /// The disk or the file system failed.
    Io,
    /// What answers for it is gone, or does not keep its promises.
    Broken,
}

impl JournalError {
    /// A failure, and what it comes from.
    #[must_use]
    pub fn new(failure: JournalFailure, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { failure, source: source.into().into() }
    }
}
