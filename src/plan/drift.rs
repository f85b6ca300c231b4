//! Drift: where the target is not as we left it, and what becomes of each difference.
//!
//! Last write wins, attribute by attribute: an edit in the target stays until the directory's value changes, unless
//! the configuration makes the directory the authority ([`Authority`]). [`super::compare()`] finds the differences and
//! says what the ledger has to be told; the ordinary diff then plans the rest, so that what an edit leads to goes
//! through the same order, limits and protection as everything else.

use std::collections::{BTreeMap, BTreeSet};

use rollcall_kit::{DirectoryId, Value};
use serde::{Deserialize, Serialize};

use crate::roster::Role;

/// The word for the `active` flag among the names that the directory has authority over.
pub const ACTIVE: &str = "active";

/// The word for the mapped roles among them.
pub const ROLES: &str = "roles";

/// The word for everything.
pub const EVERYTHING: &str = "*";

/// Over what the directory is the authority: attributes under our names, [`ACTIVE`], [`ROLES`], or [`EVERYTHING`]. An
/// edit in the target of anything else stays until the directory's value changes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Authority(BTreeSet<String>);

impl Authority {
    /// Authority over these.
    pub fn over(names: impl IntoIterator<Item = impl Into<String>>) -> Self {
        Self(names.into_iter().map(Into::into).collect())
    }

    /// Whether it covers this name.
    #[must_use]
    pub fn covers(&self, name: &str) -> bool {
        self.0.contains(name) || self.0.contains(EVERYTHING)
    }
}

/// Where it is seen who has which role.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RoleSight {
    /// The accounts show it themselves. If none of them shows a role, the target does not keep roles.
    #[default]
    InAccounts,
    /// Roles are memberships of groups. Who is in them was looked up and entered into the accounts.
    InGroups,
}

/// What becomes of edits, as configuration and target say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DriftPolicy {
    /// Over what the directory is the authority.
    pub authority: Authority,
    /// Whether the address may be changed in the target.
    pub email_mutable: bool,
    /// Where it is seen who has which role.
    pub roles: RoleSight,
    /// Every role that a rule names and of which that is seen; no other is anybody's business.
    pub mapped_roles: BTreeSet<Role>,
    /// Whether an account that somebody deleted is created again.
    pub create_again: bool,
    /// Whether that so many accounts are gone is believed. Otherwise the ledger keeps all of them.
    pub believe_deletions: bool,
}

/// One thing that somebody did to an account of ours in the target.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "edit")]
pub enum Edit {
    /// Another value stands there than the one that we wrote.
    Attribute {
        /// Which attribute, under our name.
        attribute: String,
        /// What we wrote.
        wrote: Option<Value>,
        /// What stands there now.
        found: Option<Value>,
        /// What the directory says.
        directory: Option<Value>,
    },
    /// It has a mapped role that we did not leave it with.
    RoleGranted {
        /// Which.
        role: Role,
    },
    /// It lacks a mapped role that we left it with.
    RoleRevoked {
        /// Which.
        role: Role,
    },
    /// We deactivated it, and it is active.
    Activated,
    /// We left it active, and it is not.
    Deactivated,
    /// It is not there any more; a look-up of its id confirmed that.
    Deleted,
}

/// What becomes of an edit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Becomes {
    /// It is as the directory wants it; nothing is written, or what is written changes nothing.
    Agrees,
    /// It stays until the directory's value changes.
    Stays,
    /// The directory's value changed since we wrote it: last write wins, and the edit is overwritten.
    Overtaken,
    /// The directory is the authority here: the edit is undone.
    Undone,
    /// Addresses are immutable in the target: it stays.
    Immutable,
    /// It was overwritten before, and the target did not keep what was written: it stays.
    NotKept,
    /// Its owner has left, and the directory is the authority here: it is undone when they return.
    OnReturn,
    /// Its owner has left: they are put out again.
    PutOut,
    /// The account is created again, or another one that is there is adopted.
    CreatedAgain,
    /// The configuration leaves deleted accounts deleted.
    LeftDeleted,
    /// Its owner has left, so nobody misses it.
    Missed,
    /// More accounts are gone than is believed without a person.
    NotBelieved,
    /// Nothing is done to its owner until their refusal is settled.
    Withheld,
}

impl Becomes {
    /// Whether the ledger is told what stands in the target, so that the diff sees it.
    pub(super) const fn is_told(self) -> bool {
        matches!(
            self,
            Self::Overtaken | Self::Undone | Self::OnReturn | Self::PutOut | Self::CreatedAgain | Self::LeftDeleted
        )
    }
}

/// An edit of an account of ours.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Drifted {
    /// Whose account it is.
    pub user: DirectoryId,
    /// The target's id.
    pub target_id: String,
    /// What a report calls it: the address.
    pub label: String,
    /// The owner's full name, if known.
    pub name: Option<String>,
    /// What was done to it.
    #[serde(flatten)]
    pub edit: Edit,
    /// What becomes of that.
    pub becomes: Becomes,
}

/// An account of the target that is not ours. It is listed and never touched.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Unmanaged {
    /// Its `userName`.
    pub user_name: String,
    /// The target's id.
    pub target_id: String,
    /// Its `externalId`, if it has one.
    pub external_id: Option<String>,
    /// Whether it is active.
    pub active: bool,
}

/// So many of each list are kept in a record; the rest is counted.
const KEPT: usize = 200;

/// Where the target is not as we left it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Drift {
    /// Accounts that the target shows.
    pub shown: u64,
    /// Accounts of ours.
    pub ours: u64,
    /// What was done to them, in the order of their owners' ids.
    pub edits: Vec<Drifted>,
    /// How many edits there are, those that are not kept among them.
    pub edits_in_all: u64,
    /// Accounts that are not ours, by name.
    pub unmanaged: Vec<Unmanaged>,
    /// How many there are, those that are not kept among them.
    pub unmanaged_in_all: u64,
    /// Attributes that we wrote and that no account shows: the target does not keep them, so nobody edited them. With
    /// the number of accounts to which they were written.
    pub not_shown: BTreeMap<String, u64>,
    /// Whether roles were compared.
    pub roles_compared: bool,
}

impl Drift {
    /// Whether nothing was edited. Unmanaged accounts are no edit.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.edits_in_all == 0
    }

    /// As much of it as a record keeps. What is undone or put out comes before what stays.
    #[must_use]
    pub fn for_the_record(mut self) -> Self {
        if self.edits.len() > KEPT {
            self.edits.sort_by_key(|drifted| !drifted.becomes.is_told());
            self.edits.truncate(KEPT);
        }
        self.unmanaged.truncate(KEPT);
        self
    }
}

/// What somebody did in the application, as the cause of a change.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "hand")]
pub enum ByHand {
    /// These attributes were edited; the change overwrites what stands there.
    Edited {
        /// Under our names.
        attributes: Vec<String>,
    },
    /// The role was given.
    GaveRole,
    /// The role was taken.
    TookRole,
    /// The account was activated.
    Activated,
    /// The account was deactivated.
    Deactivated,
    /// The account was deleted.
    Deleted,
}
