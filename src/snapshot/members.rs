//! Members of the ledger's groups, in chunks.
//!
//! A group of a million members is filled by ten thousand writes. If each rewrote the whole group, filling it would
//! cost the square of its size; so its members stand in sorted chunks, and a write touches only the chunks that it
//! changes. The first chunk's key is the group's prefix alone, every other key is the prefix and the chunk's first id.

use std::collections::BTreeMap;

use rollcall_kit::DirectoryId;

use super::StoreError;
use super::codec::{pack, unpack};
use super::disk::{Disk, Ops};
use super::keys::{self, Key};
use crate::apply::MembersSettled;
use crate::plan::GroupKey;

/// Members in one chunk at most; a fuller one is split.
const CHUNK: usize = 256;

/// All members of a group, sorted.
pub(super) fn all(disk: &Disk, group: &GroupKey) -> Result<Vec<DirectoryId>, StoreError> {
    let mut members = Vec::new();
    for pair in disk.scan(&keys::members(group)) {
        members.extend(read(disk, &pair?.1)?);
    }
    Ok(members)
}

/// Removes all members of a group, in a batch.
pub(super) fn forget(disk: &Disk, group: &GroupKey, ops: &mut Ops) -> Result<(), StoreError> {
    for pair in disk.scan(&keys::members(group)) {
        ops.insert(pair?.0.to_vec(), None);
    }
    Ok(())
}

/// Makes these the members of a group, in a batch.
pub(super) fn replace<'a>(
    disk: &Disk,
    group: &GroupKey,
    members: impl Iterator<Item = &'a DirectoryId>,
    ops: &mut Ops,
) -> Result<(), StoreError> {
    forget(disk, group, ops)?;
    let members: Vec<DirectoryId> = members.cloned().collect();
    write(disk, &keys::members(group), keys::members(group), &members, ops)
}

/// Lets members join and leave, in a batch.
pub(super) fn change(disk: &Disk, settled: &MembersSettled, ops: &mut Ops) -> Result<(), StoreError> {
    let prefix = keys::members(&settled.group);
    let mut chunks: BTreeMap<Key, Vec<DirectoryId>> = BTreeMap::new();
    let moves = settled.left.iter().map(|id| (id, false)).chain(settled.joined.iter().map(|id| (id, true)));
    for (id, joins) in moves {
        let chunk = chunk_of(disk, &prefix, id, &mut chunks)?;
        match (chunk.binary_search(id), joins) {
            (Err(place), true) => chunk.insert(place, id.clone()),
            (Ok(place), false) => {
                chunk.remove(place);
            }
            (Ok(_), true) | (Err(_), false) => {}
        }
    }
    for (key, members) in chunks {
        write(disk, &prefix, key, &members, ops)?;
    }
    Ok(())
}

/// The chunk in which an id stands or would stand.
fn chunk_of<'a>(
    disk: &Disk,
    prefix: &[u8],
    id: &DirectoryId,
    chunks: &'a mut BTreeMap<Key, Vec<DirectoryId>>,
) -> Result<&'a mut Vec<DirectoryId>, StoreError> {
    let until = keys::under(prefix, id.as_str().as_bytes());
    let (key, stored) = match disk.last_until(prefix, &until)? {
        Some((key, value)) => (key.to_vec(), Some(value)),
        None => (prefix.to_vec(), None),
    };
    if !chunks.contains_key(&key) {
        let members = stored.map_or_else(|| Ok(Vec::new()), |value| read(disk, &value))?;
        chunks.insert(key.clone(), members);
    }
    Ok(chunks.entry(key).or_default())
}

/// Writes one chunk under its key, split if it grew too full, removed if it is empty.
fn write(disk: &Disk, prefix: &[u8], key: Key, members: &[DirectoryId], ops: &mut Ops) -> Result<(), StoreError> {
    if members.is_empty() {
        ops.insert(key, None);
        return Ok(());
    }
    let piece = if members.len() > CHUNK { CHUNK / 2 } else { CHUNK };
    for (number, members) in members.chunks(piece).enumerate() {
        let key = match number {
            0 => key.clone(),
            _ => keys::under(prefix, members[0].as_str().as_bytes()),
        };
        ops.insert(key, Some(pack(&members).map_err(|error| disk.damaged(&error))?));
    }
    Ok(())
}

fn read(disk: &Disk, value: &[u8]) -> Result<Vec<DirectoryId>, StoreError> {
    unpack(value).map_err(|error| disk.damaged(&error))
}
