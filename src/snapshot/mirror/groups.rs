//! How groups lie in the mirror: a header for each, and its users apart, in chunks.
//!
//! A group of a million members changes by one member a day. Its users lie in chunks whose borders follow from the ids
//! alone, so that one who joins or leaves touches one chunk, or two. Who only asks what the groups are called, and which
//! contains which, reads no user of any of them.

use std::iter::Peekable;

use rollcall_kit::{DirectoryGroup, DirectoryId, Member};
use serde::{Deserialize, Serialize};

use super::prints::content;
use super::{Head, find, under, walk};
use crate::snapshot::StoreError;
use crate::snapshot::codec::{CodecError, pack, unpack};
use crate::snapshot::database::Database;
use crate::snapshot::engine::{Engine, Key};
use crate::snapshot::keys;

/// One id in so many begins a chunk.
const IN_A_CHUNK: u64 = 64;

/// A group without its users.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::snapshot) struct Header {
    /// The fingerprint of the group as it was read, users included.
    pub(super) content: u64,
    /// How many users are in it directly.
    pub(in crate::snapshot) users: u64,
    /// The group; of its members only those that are groups.
    pub(in crate::snapshot) group: DirectoryGroup,
}

/// A group taken apart.
pub(super) struct Parts {
    pub(super) header: Header,
    /// Sorted.
    pub(super) users: Vec<DirectoryId>,
}

impl Parts {
    /// Takes a group apart that was read.
    pub(super) fn of<E: Engine>(database: &Database<E>, record: &[u8]) -> Result<Self, CodecError> {
        let mut group: DirectoryGroup = unpack(record)?;
        let (mut users, mut groups) = (Vec::new(), Vec::new());
        for member in std::mem::take(&mut group.members) {
            match member {
                Member::User(id) => users.push(id),
                Member::Group(_) => groups.push(member),
            }
        }
        users.sort_unstable();
        users.dedup();
        group.members = groups;
        let header = Header { content: content(database.secret(), record), users: users.len() as u64, group };
        Ok(Self { header, users })
    }
}

/// The header of a group that is in the mirror.
pub(super) fn header<E: Engine>(database: &Database<E>, head: &Head, key: &[u8]) -> Result<Option<Header>, StoreError> {
    let record = find(database, head, key)?;
    record.map(|record| unpack(&record)).transpose().map_err(|error| database.engine.damaged(&error))
}

/// The headers of all groups, in the order of their ids.
pub(in crate::snapshot) fn headers<'a, E: Engine>(
    database: &'a Database<E>,
    head: &Head,
) -> impl Iterator<Item = Result<Header, StoreError>> + Send + use<'a, E> {
    let records = walk(database, head, keys::GROUP);
    records.map(|pair| unpack(&pair?.1).map_err(|error| database.engine.damaged(&error)))
}

/// All groups with their users, in the order of their ids.
pub(in crate::snapshot) fn whole<'a, E: Engine>(
    database: &'a Database<E>,
    head: &Head,
) -> impl Iterator<Item = Result<DirectoryGroup, StoreError>> + Send + use<'a, E> {
    let mut chunks = walk(database, head, keys::GROUP_USERS).peekable();
    headers(database, head).map(move |header| {
        let Header { mut group, .. } = header?;
        let users = users_of(database, &keys::group_users(&group.id), &mut chunks)?;
        group.members.extend(users.into_iter().map(Member::User));
        group.members.sort_unstable();
        Ok(group)
    })
}

/// One group with its users.
pub(in crate::snapshot) fn one<E: Engine>(
    database: &Database<E>,
    head: &Head,
    id: &DirectoryId,
) -> Result<Option<DirectoryGroup>, StoreError> {
    let Some(Header { mut group, .. }) = header(database, head, &keys::of(keys::GROUP, id))? else { return Ok(None) };
    group.members.extend(users(database, head, id)?.into_iter().map(Member::User));
    group.members.sort_unstable();
    Ok(Some(group))
}

/// The users of one group.
pub(super) fn users<E: Engine>(
    database: &Database<E>,
    head: &Head,
    group: &DirectoryId,
) -> Result<Vec<DirectoryId>, StoreError> {
    let prefix = keys::group_users(group);
    let mut chunks = under(database, head, &prefix)?.peekable();
    users_of(database, &prefix, &mut chunks)
}

/// The users in the chunks with this prefix, from chunks in the order of their keys.
fn users_of<E: Engine>(
    database: &Database<E>,
    prefix: &[u8],
    chunks: &mut Peekable<impl Iterator<Item = Result<(Key, Vec<u8>), StoreError>>>,
) -> Result<Vec<DirectoryId>, StoreError> {
    let mut users = Vec::new();
    loop {
        let is_theirs = |chunk: &Result<(Key, Vec<u8>), StoreError>| {
            chunk.as_ref().map_or(true, |(key, _)| key.starts_with(prefix) || key.as_slice() < prefix)
        };
        let Some(chunk) = chunks.next_if(is_theirs) else { return Ok(users) };
        let (key, record) = chunk?;
        if key.starts_with(prefix) {
            let chunk: Vec<DirectoryId> = unpack(&record).map_err(|error| database.engine.damaged(&error))?;
            users.extend(chunk);
        }
    }
}

/// The chunks in which these users of a group lie, sorted, with their keys.
pub(super) fn chunks(group: &DirectoryId, users: &[DirectoryId]) -> Result<Vec<(Key, Vec<u8>)>, CodecError> {
    let prefix = keys::group_users(group);
    let mut chunks = Vec::new();
    let (mut key, mut from) = (prefix.clone(), 0);
    for (at, user) in users.iter().enumerate() {
        if begins_a_chunk(user) {
            if at > from {
                chunks.push((key, pack(&&users[from..at])?));
            }
            (key, from) = (keys::members_from(&prefix, user), at);
        }
    }
    if users.len() > from {
        chunks.push((key, pack(&&users[from..])?));
    }
    Ok(chunks)
}

/// Whether a chunk begins with this id, by a hash of it that is the same everywhere and always.
fn begins_a_chunk(id: &DirectoryId) -> bool {
    let hash = blake3::hash(id.as_str().as_bytes());
    let hash = hash.as_bytes().first_chunk().map_or(0, |first| u64::from_le_bytes(*first));
    hash.is_multiple_of(IN_A_CHUNK)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::snapshot::engine::memory::MemoryEngine;

    fn ids(numbers: impl Iterator<Item = u32>) -> Vec<DirectoryId> {
        let mut ids: Vec<_> = numbers.map(|n| DirectoryId::new(&format!("u{n:06}")).unwrap()).collect();
        ids.sort();
        ids
    }

    #[test]
    fn one_who_joins_a_large_group_touches_two_chunks_at_most() {
        let group = DirectoryId::new("all").unwrap();
        let all = ids(0..20_000);
        for left_out in [0, 1, 777, 10_000, 19_999] {
            let before: BTreeMap<_, _> =
                chunks(&group, &ids((0..20_000).filter(|n| *n != left_out))).unwrap().into_iter().collect();
            let after: BTreeMap<_, _> = chunks(&group, &all).unwrap().into_iter().collect();
            let touched = after.iter().filter(|(key, chunk)| before.get(*key) != Some(chunk)).count();
            let gone = before.keys().filter(|key| !after.contains_key(*key)).count();
            assert!((1..=2).contains(&(touched + gone)), "{left_out}: {touched} {gone}");
        }
    }

    #[test]
    fn chunks_hold_everybody_in_order_and_have_about_their_size() {
        let group = DirectoryId::new("all").unwrap();
        let all = ids(0..20_000);
        let chunks = chunks(&group, &all).unwrap();
        assert!((150..600).contains(&chunks.len()), "{}", chunks.len());
        assert!(chunks.is_sorted_by(|(one, _), (other, _)| one < other));
        let database = Database::open(MemoryEngine::default()).unwrap().0;
        let mut stream = chunks.into_iter().map(Ok).peekable();
        assert_eq!(users_of(&database, &keys::group_users(&group), &mut stream).unwrap(), all);
        assert!(super::chunks(&group, &[]).unwrap().is_empty());
    }
}
