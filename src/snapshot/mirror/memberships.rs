//! What follows from groups that changed: their headers and chunks, and who is in which group.
//!
//! A reading brings whole groups. Here each that differs is compared with the one in the mirror, so that only the chunks
//! that changed are written; and for each user who joined or left, the groups that they are in directly are written
//! anew. A plan for a few people need not look through all groups for them.

use std::collections::{BTreeMap, BTreeSet};
use std::iter::Peekable;
use std::path::PathBuf;

use rollcall_kit::DirectoryId;

use super::groups::{self, Parts};
use super::sorter::{Difference, Sorted, Sorter};
use super::{Head, find, walk};
use crate::snapshot::StoreError;
use crate::snapshot::codec::{CodecError, pack, unpack};
use crate::snapshot::database::Database;
use crate::snapshot::engine::{Engine, Key};
use crate::snapshot::keys;

/// So many users may join or leave groups before their memberships are walked in their order instead of looked up.
const FEW: u64 = 2_000;

/// The differences that follow from those of whole groups, and how they are to be laid aside.
pub(super) fn derive<E: Engine>(
    database: &Database<E>,
    head: &Head,
    differences: &Sorter,
    scratch: Option<PathBuf>,
) -> Result<Sorter, StoreError> {
    let mut derived = Sorter::called(scratch.clone(), "groups");
    let mut moves = Sorter::called(scratch, "memberships");
    for difference in differences.sorted()? {
        let (key, difference) = difference?;
        if !key.starts_with(keys::GROUP) {
            break;
        }
        let record = match difference {
            Difference::Keep => continue,
            Difference::Put(record) => Some(record),
            Difference::Remove => None,
        };
        group(database, head, (key, record), &mut derived, &mut moves)?;
    }
    let step = Memberships { database, head, derived };
    step.follow(&moves)
}

/// One group that is another now, or no more.
fn group<E: Engine>(
    database: &Database<E>,
    head: &Head,
    (key, record): (Key, Option<Vec<u8>>),
    derived: &mut Sorter,
    moves: &mut Sorter,
) -> Result<(), StoreError> {
    let unreadable = |error: CodecError| database.engine.damaged(&error);
    let Some(id) = keys::id(keys::GROUP, &key) else { return Ok(()) };
    let before = match groups::header(database, head, &key)? {
        Some(_) => groups::users(database, head, &id)?,
        None => Vec::new(),
    };
    let after = record.map(|record| Parts::of(database, &record)).transpose().map_err(unreadable)?;
    let users = after.as_ref().map(|parts| parts.users.as_slice()).unwrap_or_default();
    let mut chunks: BTreeMap<Key, Vec<u8>> = groups::chunks(&id, &before).map_err(unreadable)?.into_iter().collect();
    for (key, chunk) in groups::chunks(&id, users).map_err(unreadable)? {
        if chunks.remove(&key).as_ref() != Some(&chunk) {
            derived.put(&key, &Difference::Put(chunk))?;
        }
    }
    for key in chunks.into_keys() {
        derived.put(&key, &Difference::Remove)?;
    }
    for (user, joins) in moved(&before, users) {
        let difference = if joins { Difference::Put(Vec::new()) } else { Difference::Remove };
        moves.put(&keys::membership(user, &id), &difference)?;
    }
    let header = after.map(|parts| pack(&parts.header)).transpose().map_err(unreadable)?;
    derived.put(&key, &header.map_or(Difference::Remove, Difference::Put))
}

/// Who is in one of two sorted lists alone, and whether that is the later one.
pub(super) fn moved<'a>(before: &'a [DirectoryId], after: &'a [DirectoryId]) -> Vec<(&'a DirectoryId, bool)> {
    let (mut before, mut after) = (before.iter().peekable(), after.iter().peekable());
    let mut moved = Vec::new();
    loop {
        let order = match (before.peek(), after.peek()) {
            (None, None) => return moved,
            (Some(_), None) => std::cmp::Ordering::Less,
            (None, Some(_)) => std::cmp::Ordering::Greater,
            (Some(one), Some(other)) => one.cmp(other),
        };
        match order {
            std::cmp::Ordering::Less => moved.extend(before.next().map(|user| (user, false))),
            std::cmp::Ordering::Greater => moved.extend(after.next().map(|user| (user, true))),
            std::cmp::Ordering::Equal => {
                before.next();
                after.next();
            }
        }
    }
}

struct Memberships<'a, E> {
    database: &'a Database<E>,
    head: &'a Head,
    derived: Sorter,
}

impl<E: Engine> Memberships<'_, E> {
    /// Writes anew what groups each user is in who joined or left one.
    fn follow(mut self, moves: &Sorter) -> Result<Sorter, StoreError> {
        let mut stored = (moves.is_large() || moves.len() > FEW)
            .then(|| walk(self.database, self.head, keys::USER_GROUPS).peekable());
        let mut moves = moves.sorted()?.peekable();
        while let Some((key, joined, left)) = next_user(&mut moves)? {
            let record = match &mut stored {
                Some(walk) => take(walk, &key)?,
                None => find(self.database, self.head, &key)?,
            };
            let unreadable = |error: CodecError| self.database.engine.damaged(&error);
            let before = record.map(|record| unpack::<Vec<DirectoryId>>(&record)).transpose().map_err(unreadable)?;
            let groups = groups_after(before, joined, &left);
            let difference = match groups.is_empty() {
                true => Difference::Remove,
                false => Difference::Put(pack(&groups).map_err(unreadable)?),
            };
            self.derived.put(&key, &difference)?;
        }
        Ok(self.derived)
    }
}

/// The groups that somebody is in, in order, with those that they joined, which come in order, and without those left.
fn groups_after(
    before: Option<Vec<DirectoryId>>,
    joined: Vec<DirectoryId>,
    left: &BTreeSet<DirectoryId>,
) -> Vec<DirectoryId> {
    let Some(before) = before else { return joined };
    let mut groups: BTreeSet<DirectoryId> = before.into_iter().filter(|group| !left.contains(group)).collect();
    groups.extend(joined);
    groups.into_iter().collect()
}

/// The record of a key, from records in the order of their keys, and everything before it is passed by.
fn take(
    records: &mut Peekable<impl Iterator<Item = Result<(Key, Vec<u8>), StoreError>>>,
    key: &[u8],
) -> Result<Option<Vec<u8>>, StoreError> {
    while let Some(record) = records.next_if(|record| record.as_ref().map_or(true, |(at, _)| at.as_slice() <= key)) {
        let (at, record) = record?;
        if at == key {
            return Ok(Some(record));
        }
    }
    Ok(None)
}

/// The key of the memberships of the next user who moved, the groups that they joined, and those that they left.
type Moved = (Key, Vec<DirectoryId>, BTreeSet<DirectoryId>);

fn next_user(moves: &mut Peekable<Sorted<'_>>) -> Result<Option<Moved>, StoreError> {
    let mut user: Option<Moved> = None;
    loop {
        let is_theirs = |next: &Result<(Key, Difference), StoreError>| match (&user, next) {
            (Some((key, ..)), Ok((next, _))) => keys::user_of_membership(next) == Some(&key[..]),
            _ => true,
        };
        let Some(next) = moves.next_if(is_theirs) else { return Ok(user) };
        let (next, difference) = next?;
        let Some((key, group)) = keys::user_of_membership(&next).zip(keys::group_of_membership(&next)) else {
            continue;
        };
        let (_, joined, left) = user.get_or_insert_with(|| (key.to_vec(), Vec::new(), BTreeSet::new()));
        match difference {
            Difference::Put(_) => joined.push(group),
            Difference::Remove => drop(left.insert(group)),
            Difference::Keep => {}
        }
    }
}
