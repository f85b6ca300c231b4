//! The ledger's accounts and groups: settlements made true, and how many accounts there are of which kind.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::codec::{pack, unpack};
use super::database::{Batch, Database};
use super::engine::{Engine, Table};
use super::{StoreError, keys, members};
use crate::apply::Settlement;
use crate::plan::{GroupKey, LedgerAccount, LedgerGroup};

/// How many accounts of ours there are. Kept in the same batch as the accounts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccountCounts {
    /// Active ones.
    pub active: u64,
    /// Those that are not.
    pub inactive: u64,
    /// How often an account became active so far.
    pub activations: u64,
}

impl AccountCounts {
    /// The counts as they are stored.
    pub(super) fn load<E: Engine>(database: &Database<E>) -> Result<Self, StoreError> {
        match database.get(Table::Ledger, keys::COUNTS)? {
            Some(record) => unpack(&record).map_err(|error| database.engine.damaged(&error)),
            None => Ok(Self::default()),
        }
    }

    fn moved(&mut self, before: Option<bool>, after: Option<bool>) {
        match before {
            Some(true) => self.active = self.active.saturating_sub(1),
            Some(false) => self.inactive = self.inactive.saturating_sub(1),
            None => {}
        }
        match after {
            Some(true) => self.active += 1,
            Some(false) => self.inactive += 1,
            None => {}
        }
        self.activations += u64::from(after == Some(true) && before != Some(true));
    }
}

/// Makes settlements true in their order, each as a whole; many share a batch.
pub(super) fn settle<'a, E: Engine>(
    database: &Database<E>,
    counts: &mut AccountCounts,
    settlements: impl Iterator<Item = &'a Settlement>,
) -> Result<(), StoreError> {
    let mut pending = Pending { batch: database.batch(Table::Ledger), counts: *counts, touched: BTreeSet::new() };
    for settled in settlements {
        if pending.conflicts(settled) {
            *counts = pending.write(database)?;
            pending = Pending { batch: database.batch(Table::Ledger), counts: *counts, touched: BTreeSet::new() };
        }
        pending.add(database, settled)?;
    }
    *counts = pending.write(database)?;
    Ok(())
}

/// A batch in the making.
struct Pending<'a, E> {
    batch: Batch<'a, E>,
    counts: AccountCounts,
    touched: BTreeSet<keys::Key>,
}

impl<E: Engine> Pending<'_, E> {
    /// Whether the settlement reads what this batch writes, or there is no more room for it.
    fn conflicts(&self, settled: &Settlement) -> bool {
        let moves_groups =
            !(settled.groups.is_empty() && settled.forgotten_groups.is_empty() && settled.members.is_empty());
        let accounts = settled.accounts.iter().map(|account| &account.user).chain(&settled.forgotten_accounts);
        let mut accounts = accounts.map(|user| keys::of(keys::ACCOUNT, user));
        let is_empty = self.batch.len() == 0;
        !is_empty && (self.batch.is_full() || moves_groups || accounts.any(|key| self.touched.contains(&key)))
    }

    fn add(&mut self, database: &Database<E>, settled: &Settlement) -> Result<(), StoreError> {
        let unwritable = |error| database.engine.damaged(&error);
        for user in &settled.forgotten_accounts {
            let key = keys::of(keys::ACCOUNT, user);
            self.counts.moved(is_active(database, &key)?, None);
            self.batch.remove(&key)?;
            self.touched.insert(key);
        }
        for account in &settled.accounts {
            let key = keys::of(keys::ACCOUNT, &account.user);
            let before = if self.touched.contains(&key) { None } else { is_active(database, &key)? };
            self.counts.moved(before, Some(account.active));
            self.batch.put(&key, &pack(account).map_err(unwritable)?)?;
            self.touched.insert(key);
        }
        for group in &settled.forgotten_groups {
            self.batch.remove(&keys::ledger_group(group))?;
            members::forget(database, group, &mut self.batch)?;
        }
        for group in &settled.groups {
            members::replace(database, &group.key, group.members.iter(), &mut self.batch)?;
            let alone = LedgerGroup { members: BTreeSet::new(), ..group.clone() };
            self.batch.put(&keys::ledger_group(&group.key), &pack(&alone).map_err(unwritable)?)?;
        }
        for changed in &settled.members {
            members::change(database, changed, &mut self.batch)?;
        }
        Ok(())
    }

    fn write(mut self, database: &Database<E>) -> Result<AccountCounts, StoreError> {
        if self.batch.len() > 0 {
            let counts = pack(&self.counts).map_err(|error| database.engine.damaged(&error))?;
            self.batch.put(keys::COUNTS, &counts)?;
            self.batch.write()?;
        }
        Ok(self.counts)
    }
}

fn is_active<E: Engine>(database: &Database<E>, key: &[u8]) -> Result<Option<bool>, StoreError> {
    let Some(record) = database.get(Table::Ledger, key)? else { return Ok(None) };
    let account: LedgerAccount = unpack(&record).map_err(|error| database.engine.damaged(&error))?;
    Ok(Some(account.active))
}

/// A group with its members.
pub(super) fn with_members<E: Engine>(
    database: &Database<E>,
    mut group: LedgerGroup,
) -> Result<LedgerGroup, StoreError> {
    group.members = members::all(database, &group.key)?.into_iter().collect();
    Ok(group)
}

/// One group with its members.
pub(super) fn group<E: Engine>(database: &Database<E>, key: &GroupKey) -> Result<Option<LedgerGroup>, StoreError> {
    let Some(record) = database.get(Table::Ledger, &keys::ledger_group(key))? else { return Ok(None) };
    let alone = unpack(&record).map_err(|error| database.engine.damaged(&error))?;
    with_members(database, alone).map(Some)
}
