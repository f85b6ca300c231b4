//! The ledger's accounts and groups: settlements made true, and how many accounts there are of which kind.

use std::collections::{BTreeMap, BTreeSet};

use rollcall_kit::DirectoryId;
use serde::{Deserialize, Serialize};

use super::agenda::Ground;
use super::codec::{pack, unpack};
use super::database::{Batch, Database};
use super::engine::{Engine, Table};
use super::indices::Moves;
use super::{StoreError, agenda, indices, keys, members};
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
    /// How often the ledger has changed. Lies beside the others.
    #[serde(skip)]
    pub(super) version: u64,
}

impl AccountCounts {
    /// The counts as they are stored.
    pub(super) fn load<E: Engine>(database: &Database<E>) -> Result<Self, StoreError> {
        let unreadable = |error| database.engine.damaged(&error);
        let counts = database.get(Table::Ledger, keys::COUNTS)?.map(|record| unpack(&record)).transpose();
        let counts: Self = counts.map_err(unreadable)?.unwrap_or_default();
        let version = database.get(Table::Ledger, keys::VERSION_OF_LEDGER)?.map(|record| unpack(&record)).transpose();
        Ok(Self { version: version.map_err(unreadable)?.unwrap_or_default(), ..counts })
    }

    fn moved(&mut self, before: Option<&LedgerAccount>, after: Option<&LedgerAccount>) {
        let is_active = |account: &LedgerAccount| account.active;
        let (was_active, is_active) = (before.map(is_active), after.map(is_active));
        match was_active {
            Some(true) => self.active = self.active.saturating_sub(1),
            Some(false) => self.inactive = self.inactive.saturating_sub(1),
            None => {}
        }
        match is_active {
            Some(true) => self.active += 1,
            Some(false) => self.inactive += 1,
            None => {}
        }
        self.activations += u64::from(is_active == Some(true) && was_active != Some(true));
    }
}

/// Makes settlements true in their order, each as a whole; many share a batch.
pub(super) fn settle<'a, E: Engine>(
    database: &Database<E>,
    counts: &mut AccountCounts,
    settlements: impl Iterator<Item = &'a Settlement>,
) -> Result<(), StoreError> {
    let ground = agenda::ground(database)?;
    let mut pending = Pending::new(database, *counts, ground.as_ref());
    for settled in settlements {
        if pending.conflicts(settled) {
            *counts = pending.write(database)?;
            pending = Pending::new(database, *counts, ground.as_ref());
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
    holders: Moves,
    touched: BTreeSet<keys::Key>,
    /// What the last plan rested on: those concerned come on the agenda then.
    ground: Option<&'a Ground>,
}

impl<'a, E: Engine> Pending<'a, E> {
    fn new(database: &'a Database<E>, counts: AccountCounts, ground: Option<&'a Ground>) -> Self {
        let batch = database.batch(Table::Ledger);
        Self { batch, counts, holders: Moves::default(), touched: BTreeSet::new(), ground }
    }

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
        // Of one settlement that names an account twice the last word counts.
        let forgotten = settled.forgotten_accounts.iter().map(|user| (user, None));
        let written = settled.accounts.iter().map(|account| (&account.user, Some(account)));
        let last: BTreeMap<&DirectoryId, Option<&LedgerAccount>> = forgotten.chain(written).collect();
        for (user, after) in last {
            self.account(database, user, after)?;
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

    /// One account that is this from now on, or no more.
    fn account(
        &mut self,
        database: &Database<E>,
        user: &DirectoryId,
        after: Option<&LedgerAccount>,
    ) -> Result<(), StoreError> {
        let key = keys::of(keys::ACCOUNT, user);
        let before = account(database, &key)?;
        self.counts.moved(before.as_ref(), after);
        self.holders.account(before.as_ref(), after);
        indices::follow(&mut self.batch, before.as_ref(), after)?;
        match after {
            Some(after) => self.batch.put(&key, &pack(after).map_err(|error| database.engine.damaged(&error))?)?,
            None => self.batch.remove(&key)?,
        }
        if let Some(ground) = self.ground {
            agenda::touch_account(&mut self.batch, ground, user, after)?;
        }
        self.touched.insert(key);
        Ok(())
    }

    fn write(mut self, database: &Database<E>) -> Result<AccountCounts, StoreError> {
        if self.batch.len() > 0 {
            self.holders.write(database, &mut self.batch)?;
            self.counts.version += 1;
            let unwritable = |error| database.engine.damaged(&error);
            self.batch.put(keys::COUNTS, &pack(&self.counts).map_err(unwritable)?)?;
            self.batch.put(keys::VERSION_OF_LEDGER, &pack(&self.counts.version).map_err(unwritable)?)?;
            self.batch.write()?;
        }
        Ok(self.counts)
    }
}

fn account<E: Engine>(database: &Database<E>, key: &[u8]) -> Result<Option<LedgerAccount>, StoreError> {
    let record = database.get(Table::Ledger, key)?;
    record.map(|record| unpack(&record)).transpose().map_err(|error| database.engine.damaged(&error))
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
