//! What the accounts of ours hold before a plan: the bases of the guard's shares, and who holds protected roles.
//!
//! Counted while the plan is made, so that nobody has to walk the ledger once more.

use std::collections::{BTreeMap, BTreeSet};

use rollcall_kit::DirectoryId;

use super::change::GroupKey;
use super::estimate::Costs;
use super::ledger::{LedgerAccount, LedgerGroup};
use super::settings::{GoneGroups, PlanSettings};
use crate::roster::Role;

/// What the accounts of ours hold before a plan.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Holdings {
    /// Accounts of ours, active or not.
    pub accounts: u64,
    /// Active ones among them.
    pub active: u64,
    /// Roles that accounts of ours have, each role of each account counted.
    pub roles: u64,
    /// Members of groups of ours that mirror directory groups, each membership counted.
    pub memberships: u64,
    /// Members by group.
    pub members: BTreeMap<GroupKey, u64>,
    /// Active accounts that hold a protected role.
    pub holders: BTreeMap<Role, BTreeSet<DirectoryId>>,
    /// The folded address in the directory, for accounts whose address in the target is another.
    pub other_addresses: BTreeMap<DirectoryId, String>,
    /// Accounts of ours by the role that they have.
    pub with_role: BTreeMap<Role, u64>,
    /// Groups that rules name and that are confirmed to be gone, for naming what many changes have in common.
    pub gone_groups: GoneGroups,
    /// What writes cost.
    pub costs: Costs,
}

/// What all accounts of ours hold, for a plan that does not meet all of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Accounts of ours, active or not.
    pub accounts: u64,
    /// Active ones among them.
    pub active: u64,
    /// Accounts of ours by the role that they have.
    pub with_role: BTreeMap<Role, u64>,
    /// Active accounts that hold a protected role.
    pub holders: BTreeMap<Role, BTreeSet<DirectoryId>>,
}

impl Holdings {
    pub(super) fn new(settings: &PlanSettings) -> Self {
        let holders = settings.protected_roles.iter().map(|role| (role.clone(), BTreeSet::new()));
        Self {
            holders: holders.collect(),
            gone_groups: settings.gone_groups.clone(),
            costs: Costs::new(settings),
            ..Self::default()
        }
    }

    pub(super) fn count(&mut self, account: &LedgerAccount, label: Option<&str>) {
        self.accounts += 1;
        self.active += u64::from(account.active);
        self.roles += account.roles.len() as u64;
        for role in &account.roles {
            *self.with_role.entry(role.clone()).or_default() += 1;
        }
        if account.active {
            for (role, holders) in &mut self.holders {
                if account.roles.contains(role) {
                    holders.insert(account.user.clone());
                }
            }
        }
        let label = label.map(str::to_lowercase).filter(|label| *label != account.address.folded());
        self.other_addresses.extend(label.map(|label| (account.user.clone(), label)));
    }

    /// The same for everybody, of whom only some were met.
    pub(super) fn complete(&mut self, totals: &Totals) {
        (self.accounts, self.active) = (totals.accounts, totals.active);
        self.roles = totals.with_role.values().sum();
        self.with_role.clone_from(&totals.with_role);
        for (role, holders) in &mut self.holders {
            *holders = totals.holders.get(role).cloned().unwrap_or_default();
        }
    }

    /// Whether the guard counts on the same. Addresses are left out: a plan of a few people knows theirs alone, and needs no
    /// others.
    #[must_use]
    pub fn agree_with(&self, other: &Self) -> bool {
        let other = Self { other_addresses: self.other_addresses.clone(), ..other.clone() };
        *self == other
    }

    pub(super) fn count_groups(&mut self, groups: &BTreeMap<GroupKey, LedgerGroup>) {
        for (key, group) in groups.iter().filter(|(key, _)| matches!(key, GroupKey::Directory(_))) {
            let members = group.members.len() as u64;
            self.memberships += members;
            self.members.insert(key.clone(), members);
        }
    }
}
