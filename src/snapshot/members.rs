//! Members of the ledger's groups, in chunks.
//!
//! A group of a million members is filled by ten thousand writes. If each rewrote the whole group, filling it would
//! cost the square of its size; so its members stand in sorted chunks, and a write touches only the chunks that it
//! changes. The first chunk's key is the group's prefix alone, every other key is the prefix and the chunk's first id.

use std::collections::BTreeMap;

use rollcall_kit::DirectoryId;

use super::StoreError;
use super::codec::{pack, unpack};
use super::database::{Batch, Database};
use super::engine::{Engine, Key, Table};
use super::keys;
use crate::apply::MembersSettled;
use crate::plan::GroupKey;

/// Members in one chunk at most; a fuller one is split.
const CHUNK: usize = 80;

/// All members of a group, sorted.
pub(super) fn all<E: Engine>(database: &Database<E>, group: &GroupKey) -> Result<Vec<DirectoryId>, StoreError> {
    let mut members = Vec::new();
    for record in database.scan(Table::Ledger, &keys::members(group)) {
        members.extend(read(database, &record?.1)?);
    }
    Ok(members)
}

/// Removes all members of a group, in a batch.
pub(super) fn forget<E: Engine>(
    database: &Database<E>,
    group: &GroupKey,
    batch: &mut Batch<'_, E>,
) -> Result<(), StoreError> {
    for record in database.scan(Table::Ledger, &keys::members(group)) {
        batch.remove(&record?.0)?;
    }
    Ok(())
}

/// Makes these the members of a group, in a batch.
pub(super) fn replace<'a, E: Engine>(
    database: &Database<E>,
    group: &GroupKey,
    members: impl Iterator<Item = &'a DirectoryId>,
    batch: &mut Batch<'_, E>,
) -> Result<(), StoreError> {
    forget(database, group, batch)?;
    let members: Vec<DirectoryId> = members.cloned().collect();
    write(database, &keys::members(group), &keys::members(group), &members, batch)
}

/// Lets members join and leave, in a batch.
pub(super) fn change<E: Engine>(
    database: &Database<E>,
    settled: &MembersSettled,
    batch: &mut Batch<'_, E>,
) -> Result<(), StoreError> {
    let prefix = keys::members(&settled.group);
    let mut chunks: BTreeMap<Key, Vec<DirectoryId>> = BTreeMap::new();
    let moves = settled.left.iter().map(|id| (id, false)).chain(settled.joined.iter().map(|id| (id, true)));
    for (id, joins) in moves {
        let chunk = chunk_of(database, &prefix, id, &mut chunks)?;
        match (chunk.binary_search(id), joins) {
            (Err(at), true) => chunk.insert(at, id.clone()),
            (Ok(at), false) => {
                chunk.remove(at);
            }
            (Ok(_), true) | (Err(_), false) => {}
        }
    }
    for (key, members) in chunks {
        write(database, &prefix, &key, &members, batch)?;
    }
    Ok(())
}

/// The chunk in which an id stands or would stand.
fn chunk_of<'a, E: Engine>(
    database: &Database<E>,
    prefix: &[u8],
    id: &DirectoryId,
    chunks: &'a mut BTreeMap<Key, Vec<DirectoryId>>,
) -> Result<&'a mut Vec<DirectoryId>, StoreError> {
    let until = keys::members_from(prefix, id);
    let (key, stored) = match database.last_until(Table::Ledger, prefix, &until)? {
        Some((key, record)) => (key, Some(record)),
        None => (prefix.to_vec(), None),
    };
    if !chunks.contains_key(&key) {
        let members = stored.map_or_else(|| Ok(Vec::new()), |record| read(database, &record))?;
        chunks.insert(key.clone(), members);
    }
    Ok(chunks.entry(key).or_default())
}

/// Writes one chunk under its key, split if it grew too full, removed if it is empty.
fn write<E: Engine>(
    database: &Database<E>,
    prefix: &[u8],
    key: &[u8],
    members: &[DirectoryId],
    batch: &mut Batch<'_, E>,
) -> Result<(), StoreError> {
    if members.is_empty() {
        return batch.remove(key);
    }
    let piece = if members.len() > CHUNK { CHUNK / 2 } else { CHUNK };
    for (number, members) in members.chunks(piece).enumerate() {
        let key = match number {
            0 => key.to_vec(),
            _ => keys::members_from(prefix, &members[0]),
        };
        batch.put(&key, &pack(&members).map_err(|error| database.engine.damaged(&error))?)?;
    }
    Ok(())
}

fn read<E: Engine>(database: &Database<E>, record: &[u8]) -> Result<Vec<DirectoryId>, StoreError> {
    unpack(record).map_err(|error| database.engine.damaged(&error))
}
