//! Matching: which account in the target is whose, before a plan is made.
//!
//! Accounts of the ledger are found by their recorded ids. Users without one are looked up in the target first: by
//! `externalId`, then by the configured attributes. The look-up is I/O and happens in [`crate::run`]; here are its
//! question and its answer.

use std::collections::BTreeMap;

use rollcall_kit::{Address, DirectoryId};
use serde::{Deserialize, Serialize};

use crate::roster::Role;
use crate::roster::account::Attributes;

/// A user who should have an account and has none in the ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// Who.
    pub user: DirectoryId,
    /// His address.
    pub address: Address,
    /// Of the attributes that the account should get those that only one account may have: it is recognised by them.
    pub attributes: Attributes,
}

/// An account, as the target shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TargetAccount {
    /// The target's id.
    pub target_id: String,
    /// The `externalId`, which holds the directory id on accounts of ours.
    pub external_id: Option<String>,
    /// The `userName`.
    pub user_name: String,
    /// Every address it shows.
    pub addresses: Vec<String>,
    /// Whether it is active; absent counts as active.
    pub active: bool,
    /// Its attributes, under our names.
    pub attributes: Attributes,
    /// The roles it shows, whoever gave them.
    pub roles: Vec<Role>,
}

/// What a look-up found for one candidate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Match {
    /// Nobody, reliably.
    None,
    /// One account, and by what it was recognised: `externalId`, `userName`, `emails.value`.
    One(Box<TargetAccount>, &'static str),
    /// Several accounts: their ids and user names.
    Many(Vec<(String, String)>),
    /// The target's answers cannot be relied on, for this reason.
    Unknown(String),
}

/// The answers, by user. A candidate who is missing here counts as [`Match::Unknown`].
pub type Matches = BTreeMap<DirectoryId, Match>;

/// What the target answered for each group name: the id of the one group of exactly this name, or nothing. A name that
/// is missing here counts as unknown.
pub type GroupMatches = BTreeMap<String, Option<String>>;
