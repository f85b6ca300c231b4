//! Indices of the ledger: who has which address, whose account a target's id is, who has been inactive since when, and
//! how many accounts have which role. Each moves in the batch of the account that it speaks of.

use std::collections::BTreeMap;

use jiff::Timestamp;
use rollcall_kit::DirectoryId;

use super::codec::{CodecError, pack, unpack};
use super::database::{Batch, Database};
use super::engine::{Engine, Key, Table};
use super::{StoreError, keys};
use crate::plan::LedgerAccount;
use crate::roster::Role;

/// How the numbers of accounts with a role move within a batch.
#[derive(Default)]
pub(super) struct Moves(BTreeMap<Role, i64>);

impl Moves {
    /// An account is another now.
    pub(super) fn account(&mut self, before: Option<&LedgerAccount>, after: Option<&LedgerAccount>) {
        for (account, by) in [(before, -1), (after, 1)] {
            for role in account.into_iter().flat_map(|account| &account.roles) {
                *self.0.entry(role.clone()).or_default() += by;
            }
        }
    }

    /// Writes the numbers that they lead to.
    pub(super) fn write<E: Engine>(self, database: &Database<E>, batch: &mut Batch<'_, E>) -> Result<(), StoreError> {
        for (role, moved) in self.0.into_iter().filter(|(_, moved)| *moved != 0) {
            let key = keys::under(keys::WITH_ROLE, role.0.as_bytes());
            let before = database.get(Table::Ledger, &key)?.map(|record| unpack::<u64>(&record)).transpose();
            let before = before.map_err(|error| database.engine.damaged(&error))?.unwrap_or_default();
            match before.saturating_add_signed(moved) {
                0 => batch.remove(&key)?,
                after => batch.put(&key, &pack(&after).map_err(|error| database.engine.damaged(&error))?)?,
            }
        }
        Ok(())
    }
}

/// Moves the entries of an account that is another now.
pub(super) fn follow<E: Engine>(
    batch: &mut Batch<'_, E>,
    before: Option<&LedgerAccount>,
    after: Option<&LedgerAccount>,
) -> Result<(), StoreError> {
    let (before, after) = (before.map(entries).unwrap_or_default(), after.map(entries).unwrap_or_default());
    for key in before.iter().filter(|key| !after.contains(key)) {
        batch.remove(key)?;
    }
    for key in after.iter().filter(|key| !before.contains(key)) {
        batch.put(key, b"")?;
    }
    Ok(())
}

fn entries(account: &LedgerAccount) -> Vec<Key> {
    let mut entries = vec![
        keys::indexed(keys::ADDRESS, hash(&account.address.folded()), &account.user),
        keys::indexed(keys::TARGET_ID, hash(&account.target_id), &account.user),
    ];
    if let Some(since) = account.deactivated_at.filter(|_| !account.active) {
        entries.push(keys::indexed(keys::INACTIVE, seconds(since), &account.user));
    }
    entries
}

/// Whose accounts have this address, and those of a few others whose addresses share its hash.
pub(super) fn with_address<E: Engine>(database: &Database<E>, folded: &str) -> Result<Vec<DirectoryId>, StoreError> {
    entered(database, &keys::numbered(keys::ADDRESS, hash(folded)))
}

/// Whose account this is in the target, and those of a few others whose ids share its hash.
pub(super) fn with_target_id<E: Engine>(database: &Database<E>, id: &str) -> Result<Vec<DirectoryId>, StoreError> {
    entered(database, &keys::numbered(keys::TARGET_ID, hash(id)))
}

fn entered<E: Engine>(database: &Database<E>, prefix: &[u8]) -> Result<Vec<DirectoryId>, StoreError> {
    let mut users = Vec::new();
    for pair in database.scan(Table::Ledger, prefix) {
        users.extend(keys::user_indexed(&pair?.0));
    }
    Ok(users)
}

/// Whose accounts have been inactive since this moment or longer.
pub(super) fn inactive_since<E: Engine>(
    database: &Database<E>,
    until: Timestamp,
) -> Result<Vec<DirectoryId>, StoreError> {
    let to = keys::numbered(keys::INACTIVE, seconds(until) + 1);
    let mut users = Vec::new();
    for pair in database.range(Table::Ledger, keys::INACTIVE, Some(&to)) {
        users.extend(keys::user_indexed(&pair?.0));
    }
    Ok(users)
}

/// The first moment since which somebody has been inactive, to the second.
pub(super) fn first_inactive<E: Engine>(database: &Database<E>) -> Result<Option<Timestamp>, StoreError> {
    let first = database.scan(Table::Ledger, keys::INACTIVE).next().transpose()?;
    let since = first.and_then(|(key, _)| keys::number_indexed(keys::INACTIVE, &key));
    Ok(since.map(|seconds| Timestamp::from_second(i64::try_from(seconds).unwrap_or(0)).unwrap_or(Timestamp::MAX)))
}

/// How many accounts have which role.
pub(super) fn role_counts<E: Engine>(database: &Database<E>) -> Result<BTreeMap<Role, u64>, StoreError> {
    let unreadable = |error: CodecError| database.engine.damaged(&error);
    let mut counts = BTreeMap::new();
    for pair in database.scan(Table::Ledger, keys::WITH_ROLE) {
        let (key, record) = pair?;
        counts.insert(Role(keys::text(keys::WITH_ROLE, &key)), unpack(&record).map_err(unreadable)?);
    }
    Ok(counts)
}

fn hash(text: &str) -> u64 {
    let hash = blake3::hash(text.as_bytes());
    hash.as_bytes().first_chunk().map_or(0, |first| u64::from_le_bytes(*first))
}

/// Whole seconds; what was before 1970 was then.
fn seconds(time: Timestamp) -> u64 {
    u64::try_from(time.as_second()).unwrap_or(0)
}
