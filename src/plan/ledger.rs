//! The ledger: accounts and groups as we last wrote them, with their ids in the target. What is in here is ours.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use rollcall_kit::{Address, DirectoryId};
use serde::{Deserialize, Serialize};

use super::change::{GroupKey, Origin};
use crate::roster::Role;
use crate::roster::account::Attributes;

/// An account as we last wrote it. Keyed by the directory id of its owner.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LedgerAccount {
    /// Whose it is.
    pub user: DirectoryId,
    /// Its id in the target.
    pub target_id: String,
    /// The address that it was written with.
    pub address: Address,
    /// How it became ours.
    pub origin: Origin,
    /// Whether it is active, as far as we wrote it.
    pub active: bool,
    /// The attributes as we last wrote them. An attribute that we never wrote is not here.
    pub written: Attributes,
    /// The mapped roles that we last left it with.
    pub roles: BTreeSet<Role>,
    /// When we deactivated it, if it is not active.
    pub deactivated_at: Option<Timestamp>,
    /// The last run that wrote to it.
    pub last_run: Option<String>,
}

/// A group of ours in the target.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LedgerGroup {
    /// Which of ours it is.
    pub key: GroupKey,
    /// Its id in the target.
    pub target_id: String,
    /// Its name, as last written.
    pub name: String,
    /// How it became ours.
    pub origin: Origin,
    /// Its members as last written, by the directory ids of their owners. Kept here because many targets do not
    /// show members truthfully (facts: an empty list, a cap at 100).
    pub members: BTreeSet<DirectoryId>,
}

/// The whole ledger in memory, in the order of its keys.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ledger {
    /// The accounts.
    pub accounts: BTreeMap<DirectoryId, LedgerAccount>,
    /// The groups.
    pub groups: BTreeMap<GroupKey, LedgerGroup>,
}
