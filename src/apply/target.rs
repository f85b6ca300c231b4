//! What the engine needs of a target: a reader for planning, and the writer that only the executor is handed.

use std::collections::{BTreeMap, BTreeSet};

use async_trait::async_trait;
use rollcall_kit::{CheckFinding, DirectoryId};
use serde::{Deserialize, Serialize};

use crate::guard::AccountMark;
use crate::plan::{AttributeChange, Candidates, Matches, Pace, TargetAccount};
use crate::roster::Role;
use crate::roster::account::Attributes;

/// What an account shows under attributes of the target's own, by their names. An attribute may have several values.
pub type Texts = BTreeMap<String, Vec<String>>;

/// Who is in a group, as far as the target shows it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Members {
    /// The target's ids of accounts.
    pub ids: BTreeSet<String>,
    /// Whether whoever is not among them is not in the group. Many targets show no members, or a hundred of them.
    pub whole: bool,
}

/// Reads from a target. Planning is handed one of these, never a [`Target`].
#[async_trait]
pub trait TargetReader: Send + Sync {
    /// Signs in, discovers what the target can do, and says so in sentences.
    async fn check(&self) -> Result<Vec<CheckFinding>, TargetError>;

    /// Looks candidates up: by `externalId`, then by the configured attributes. Every answer is checked against what
    /// was asked; what cannot be relied on becomes `Match::Unknown` for that candidate. The target has `ours` active
    /// accounts of the ledger, so a list that shows fewer is not the whole list.
    async fn find(&self, candidates: &Candidates, ours: usize) -> Result<Matches, TargetError>;

    /// One account by the target's id; nothing if the target says that it is not there.
    async fn account(&self, target_id: &str) -> Result<Option<TargetAccount>, TargetError>;

    /// The texts that one account shows under attributes of the target's own (`userType`, `name.familyName`), by
    /// these names; nothing if the target says that the account is not there.
    async fn texts(&self, target_id: &str, attributes: &[&str]) -> Result<Option<Texts>, TargetError>;

    /// The id of an account that shows this value: asked for by a filter, or else found in the whole list. Nothing if none
    /// does, be it that nobody carries the value or that the target never returns it.
    async fn carrier(&self, _: &AccountMark) -> Result<Option<String>, TargetError> {
        Ok(None)
    }

    /// The id of the one group of exactly this name; nothing if there is none; an error if there are several.
    async fn group(&self, name: &str) -> Result<Option<String>, TargetError>;

    /// Who is in a group, by the group's id in the target; nothing if the target says that the group is not there.
    async fn members(&self, _: &str) -> Result<Option<Members>, TargetError> {
        Ok(Some(Members::default()))
    }

    /// How fast it takes writes, from what it was seen to take, and what it answers to them.
    fn pace(&self) -> Pace {
        Pace::default()
    }

    /// What was learnt of the target so far, to be kept for later runs. Nobody but the target's own client reads it.
    fn learnt(&self) -> Option<serde_json::Value> {
        None
    }

    /// Every account of the target, for `reconcile` and for adopting many at once. An error if the walk does not add
    /// up: nothing may be concluded from a part.
    async fn accounts(&self) -> Result<Vec<TargetAccount>, TargetError>;

    /// After a crash or a lost answer: was this write carried out?
    async fn probe(&self, write: &Write) -> Result<Probe, TargetError>;
}

/// A target that can be written to.
#[async_trait]
pub trait Target: TargetReader {
    /// How many writes may be in flight.
    fn concurrency(&self) -> usize;

    /// How many members one write may add or remove.
    fn members_per_write(&self) -> usize;

    /// Whether a role is told as membership in a group of ours ([`crate::plan::GroupKey::Role`]) instead of as an
    /// attribute of the account. Then roles reach the target as [`Write::ChangeMembers`], otherwise as
    /// [`Write::SetRoles`].
    fn roles_are_groups(&self) -> bool {
        false
    }

    /// Whether a creation may carry the roles of its account. Asked before each creation; a target that was seen not to
    /// keep them says no from then on.
    fn roles_ride(&self) -> bool {
        false
    }

    /// Carries one write out, and compares the answer with what was sent.
    async fn write(&self, write: &Write) -> Result<Written, WriteError>;
}

/// One write to the target.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "write")]
pub enum Write {
    /// A new, active account.
    CreateAccount {
        /// Whose; becomes its `externalId`.
        user: DirectoryId,
        /// Its attributes.
        attributes: Attributes,
        /// Roles that it is to have from the beginning. Only where the target takes them so
        /// ([`Target::roles_ride`]); otherwise, and if it does not keep them, they are set afterwards.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        roles: Vec<Role>,
    },
    /// Changes of one account, in one request where the target can.
    UpdateAccount {
        /// Which.
        target_id: String,
        /// The `externalId` to write, if the account is being adopted or relinked.
        external_id: Option<DirectoryId>,
        /// Attributes, from what to what.
        changes: Vec<AttributeChange>,
        /// The `active` flag to write, if it changes.
        active: Option<bool>,
    },
    /// Deletes an account.
    DeleteAccount {
        /// Which.
        target_id: String,
    },
    /// Roles of one account that are delivered as an attribute. Roles that are named in neither list stay.
    SetRoles {
        /// Which account.
        target_id: String,
        /// Given.
        grant: Vec<Role>,
        /// Taken.
        revoke: Vec<Role>,
    },
    /// A new, empty group.
    CreateGroup {
        /// Its name.
        name: String,
        /// Its `externalId`.
        external_id: String,
    },
    /// Another name for a group.
    RenameGroup {
        /// Which.
        target_id: String,
        /// The name from now on.
        name: String,
    },
    /// Deletes a group.
    DeleteGroup {
        /// Which.
        target_id: String,
    },
    /// Members of one group. Never more than the target's bound; never two at once for the same group.
    ChangeMembers {
        /// Which group.
        target_id: String,
        /// Target ids of accounts that join.
        add: Vec<String>,
        /// Target ids of accounts that leave.
        remove: Vec<String>,
    },
}

impl Write {
    /// Whether it changes nothing in the target, only in the ledger: a group that is adopted, a role that went with
    /// its group. Such a write is journalled and not sent.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        match self {
            Self::UpdateAccount { external_id, changes, active, .. } => {
                external_id.is_none() && changes.is_empty() && active.is_none()
            }
            Self::SetRoles { grant, revoke, .. } => grant.is_empty() && revoke.is_empty(),
            Self::ChangeMembers { add, remove, .. } => add.is_empty() && remove.is_empty(),
            _ => false,
        }
    }
}

/// What a write that was carried out left behind.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// The target's id of what was created.
    pub target_id: Option<String>,
    /// What the target answered 2xx to and did not keep: the attribute, and a sentence. The ledger records what was
    /// sent all the same, so that the next plan does not send it again, for ever; the sentences are reported. Only
    /// `active` is never recorded otherwise than it is.
    pub not_kept: Vec<(String, String)>,
    /// Whether a creation went through without the roles that it was to carry: they are still to be set.
    pub without_roles: bool,
}

/// Whether an unsettled write was carried out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Probe {
    /// Yes; for a creation with the id of what was created.
    Done(Option<String>),
    /// A creation was carried out, and the account does not show all roles that it was to carry.
    DoneWithoutRoles(Option<String>),
    /// No: it may be planned again.
    NotDone,
    /// The target does not show it; the write is safe to repeat.
    Unclear(String),
}

/// Why the target could not be read.
#[derive(Debug, Clone, thiserror::Error)]
pub enum TargetError {
    /// No answer.
    #[error("the target cannot be reached: {0}")]
    Unreachable(String),
    /// There is no token, or it is refused.
    #[error("the sign-in to the target failed: {0}")]
    SignIn(String),
    /// The target answered with an error.
    #[error("the target refused {what}: {status} {detail}")]
    Refused {
        /// What was asked.
        what: String,
        /// The HTTP status.
        status: u16,
        /// The target's own words.
        detail: String,
    },
    /// The target's answer contradicts itself or the question.
    #[error("the target's answer to {what} cannot be relied on: {reason}")]
    Unreliable {
        /// What was asked.
        what: String,
        /// What is wrong.
        reason: String,
    },
    /// The settings cannot work.
    #[error("{0}")]
    Settings(String),
}

/// How a write failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum WriteFailure {
    /// The target said no: nothing was done, and repeating it would not help.
    Refused,
    /// A value that must be unique is taken.
    Conflict,
    /// What should be changed is not there any more.
    NotFound,
    /// Nothing was done, for a reason that passes (throttled for too long, down).
    NotNow,
    /// Whether it was done is unknown: it must be looked up before it is tried again.
    Unknown,
    /// The sign-in is refused: no further write will go through.
    SignIn,
}

impl WriteFailure {
    /// The word for it, as JSON has it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::Conflict => "conflict",
            Self::NotFound => "not-found",
            Self::NotNow => "not-now",
            Self::Unknown => "unknown",
            Self::SignIn => "sign-in",
        }
    }
}

/// A write that failed.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{detail}")]
pub struct WriteError {
    /// How.
    pub failure: WriteFailure,
    /// What happened, with the target's own words, in a sentence.
    pub detail: String,
}
