//! The agenda: whom the next plan has to judge, and why nobody else.
//!
//! A plan that was made from everybody leaves behind what it rested on, who is not at rest, and what was refused to those
//! who are. From then on every write to mirror or ledger puts the people whom it touches on the agenda, in the same batch
//! or before it counts; so the next plan judges them, and takes the refusals of the others as they are. When nobody can
//! say what changed, the ground is taken away, and the next plan judges everybody.

use std::collections::{BTreeMap, BTreeSet};

use rollcall_kit::DirectoryId;
use serde::{Deserialize, Serialize};

use super::codec::{CodecError, from_json, to_json};
use super::database::{Batch, Database};
use super::engine::{Engine, Key, Table};
use super::{StoreError, keys};
use crate::plan::{Carried, LedgerAccount};
use crate::roster::{Refusal, Role};

/// What the last plan rested on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Ground {
    /// In the words of the room that plans.
    pub(super) ground: String,
    /// Roles whose active holders are kept by name.
    watched: Vec<Role>,
}

/// What the last plan rested on; none if the next one has to judge everybody.
pub(super) fn ground<E: Engine>(database: &Database<E>) -> Result<Option<Ground>, StoreError> {
    let Some(record) = database.get(Table::Ledger, keys::GROUND)? else { return Ok(None) };
    from_json(&record).map(Some).map_err(|error| database.engine.damaged(&error))
}

/// Takes the ground away: the next plan judges everybody.
pub(super) fn forget_ground<E: Engine>(database: &Database<E>) -> Result<(), StoreError> {
    let mut batch = database.batch(Table::Ledger);
    batch.remove(keys::GROUND)?;
    batch.write()
}

fn touch<E: Engine>(batch: &mut Batch<'_, E>, user: &DirectoryId) -> Result<(), StoreError> {
    batch.put(&keys::of(keys::TOUCHED, user), b"")
}

/// Puts the owner of an account on the agenda that is this from now on, or no more, in the batch of the account.
pub(super) fn touch_account<E: Engine>(
    batch: &mut Batch<'_, E>,
    ground: &Ground,
    user: &DirectoryId,
    after: Option<&LedgerAccount>,
) -> Result<(), StoreError> {
    touch(batch, user)?;
    for role in &ground.watched {
        let key = keys::members_from(&keys::holders(role), user);
        match after.is_some_and(|account| account.active && account.roles.contains(role)) {
            true => batch.put(&key, b"")?,
            false => batch.remove(&key)?,
        }
    }
    Ok(())
}

/// The active accounts that have one of the roles which the last plan watched, by their owners.
pub(super) fn holders<E: Engine>(database: &Database<E>) -> Result<BTreeMap<Role, BTreeSet<DirectoryId>>, StoreError> {
    let mut holders = BTreeMap::new();
    for role in ground(database)?.map(|ground| ground.watched).unwrap_or_default() {
        let prefix = keys::holders(&role);
        let mut users = BTreeSet::new();
        for pair in database.scan(Table::Ledger, &prefix) {
            users.extend(keys::id(&prefix, &pair?.0));
        }
        holders.insert(role, users);
    }
    Ok(holders)
}

/// Puts on the agenda whom a commit of the mirror touches, by the keys of its records; without keys that is everybody.
/// It is written before the commit counts.
pub(super) fn touch_read<E: Engine>(database: &Database<E>, keys: Option<&[Key]>) -> Result<(), StoreError> {
    if ground(database)?.is_none() {
        return Ok(());
    }
    let Some(keys) = keys else { return forget_ground(database) };
    let mut batch = database.batch(Table::Ledger);
    for key in keys {
        let kinds = [keys::USER, keys::USER_GROUPS, keys::UNREADABLE];
        if let Some(user) = kinds.into_iter().find(|kind| key.starts_with(kind)).and_then(|kind| keys::id(kind, key)) {
            touch(&mut batch, &user)?;
            batch.write_if_full()?;
        }
    }
    batch.write()
}

/// Everybody on the agenda, in the order of their ids.
pub(super) fn touched<E: Engine>(database: &Database<E>) -> Result<BTreeSet<DirectoryId>, StoreError> {
    let mut touched = BTreeSet::new();
    for pair in database.scan(Table::Ledger, keys::TOUCHED) {
        touched.extend(keys::id(keys::TOUCHED, &pair?.0));
    }
    Ok(touched)
}

/// Whether more than so many are on the agenda. No more of them are looked at.
pub(super) fn is_touched_beyond<E: Engine>(database: &Database<E>, most: usize) -> Result<bool, StoreError> {
    let mut touched = database.scan(Table::Ledger, keys::TOUCHED);
    Ok(touched.nth(most).transpose()?.is_some())
}

/// What was refused to people who are at rest, in the order of their ids.
pub(super) fn refused<E: Engine>(
    database: &Database<E>,
) -> impl Iterator<Item = Result<(DirectoryId, Vec<Refusal>), StoreError>> + Send + use<'_, E> {
    database.scan(Table::Ledger, keys::REFUSED).filter_map(|pair| match pair {
        Ok((key, record)) => {
            let user = keys::id(keys::REFUSED, &key)?;
            let refusals = from_json(&record).map_err(|error| database.engine.damaged(&error));
            Some(refusals.map(|refusals| (user, refusals)))
        }
        Err(error) => Some(Err(error)),
    })
}

/// Takes note of a plan that judged these people, or everybody: who of them is at rest, and on what ground.
pub(super) fn planned<E: Engine>(
    database: &Database<E>,
    judged: Option<&BTreeSet<DirectoryId>>,
    carried: &Carried,
    ground: &str,
) -> Result<(), StoreError> {
    let unwritable = |error: CodecError| database.engine.damaged(&error);
    let mut batch = database.batch(Table::Ledger);
    if judged.is_none() {
        forget_ground(database)?;
        clear(database)?;
    }
    // What was refused is kept before anybody is taken off the agenda for whom it stands.
    for (user, refusals) in &carried.refused {
        batch.put(&keys::of(keys::REFUSED, user), &to_json(refusals).map_err(unwritable)?)?;
        batch.write_if_full()?;
    }
    for user in &carried.open {
        touch(&mut batch, user)?;
        batch.write_if_full()?;
    }
    for user in judged.into_iter().flatten() {
        if !carried.refused.contains_key(user) {
            batch.remove(&keys::of(keys::REFUSED, user))?;
        }
        if !carried.open.contains(user) {
            batch.remove(&keys::of(keys::TOUCHED, user))?;
        }
        batch.write_if_full()?;
    }
    if judged.is_some() {
        return batch.write();
    }
    for (role, holders) in &carried.holders {
        let prefix = keys::holders(role);
        for user in holders {
            batch.put(&keys::members_from(&prefix, user), b"")?;
            batch.write_if_full()?;
        }
    }
    // It comes last, and in the batch of the last of the others: from here on writes are followed.
    let ground = Ground { ground: ground.to_owned(), watched: carried.holders.keys().cloned().collect() };
    batch.put(keys::GROUND, &to_json(&ground).map_err(unwritable)?)?;
    batch.write()
}

/// Removes everything that an earlier plan left behind.
fn clear<E: Engine>(database: &Database<E>) -> Result<(), StoreError> {
    let mut batch = database.batch(Table::Ledger);
    for kind in [keys::REFUSED, keys::TOUCHED, keys::HOLDER] {
        for pair in database.scan(Table::Ledger, kind) {
            batch.remove(&pair?.0)?;
            batch.write_if_full()?;
        }
    }
    batch.write()
}
