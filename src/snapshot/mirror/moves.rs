//! What a commit of changes moves in the census: found from the records before and after, so that nobody counts the whole
//! mirror because of one change in it.
//!
//! A member whom the mirror does not have is not counted, as a full read names none. So a user who is new counts in the
//! groups that have named them already.

use std::collections::BTreeSet;

use rollcall_kit::{DirectoryId, DirectoryUser, Member};

use super::groups::{self, Parts};
use super::memberships::moved;
use super::sorter::Difference;
use super::staging::InProgress;
use super::{Head, find};
use crate::read::CensusMoves;
use crate::snapshot::StoreError;
use crate::snapshot::codec::{CodecError, unpack};
use crate::snapshot::database::Database;
use crate::snapshot::engine::{Engine, Key};
use crate::snapshot::keys;

/// What these changes move, before they are committed.
pub(in crate::snapshot) fn of<E: Engine>(
    database: &Database<E>,
    head: &Head,
    reading: &InProgress,
) -> Result<CensusMoves, StoreError> {
    let mut counting =
        Counting { database, head, fresh: BTreeSet::new(), left: BTreeSet::new(), moves: CensusMoves::default() };
    let mut groups = Vec::new();
    for difference in reading.differences.sorted()? {
        let (key, Difference::Put(record)) = difference? else { continue };
        if key.starts_with(keys::USER) {
            counting.user(&key, &record)?;
        } else if key.starts_with(keys::GROUP) {
            groups.push((key, record));
        }
    }
    for (key, _) in &groups {
        if find(database, head, key)?.is_none() {
            counting.moves.groups += 1;
            counting.fresh.extend(keys::id(keys::GROUP, key).map(Member::Group));
        }
    }
    for (key, record) in groups {
        counting.group(&key, &record)?;
    }
    counting.named_before()?;
    Ok(counting.moves)
}

struct Counting<'a, E> {
    database: &'a Database<E>,
    head: &'a Head,
    /// Whom the mirror does not have yet.
    fresh: BTreeSet<Member>,
    /// Members who are in a group no more.
    left: BTreeSet<(DirectoryId, Member)>,
    moves: CensusMoves,
}

impl<E: Engine> Counting<'_, E> {
    fn user(&mut self, key: &Key, record: &[u8]) -> Result<(), StoreError> {
        let unreadable = |error: CodecError| self.database.engine.damaged(&error);
        let user: DirectoryUser = unpack(record).map_err(unreadable)?;
        match find(self.database, self.head, key)? {
            Some(before) => self.moves.user(&unpack(&before).map_err(unreadable)?, -1),
            None => drop(self.fresh.insert(Member::User(user.id.clone()))),
        }
        self.moves.user(&user, 1);
        Ok(())
    }

    fn group(&mut self, key: &Key, record: &[u8]) -> Result<(), StoreError> {
        let parts = Parts::of(self.database, record).map_err(|error| self.database.engine.damaged(&error))?;
        let id = parts.header.group.id.clone();
        let before = groups::header(self.database, self.head, key)?;
        let users = match &before {
            Some(_) => groups::users(self.database, self.head, &id)?,
            None => Vec::new(),
        };
        let inner = |members: &[Member]| {
            let ids = members.iter().map(|member| match member {
                Member::User(id) | Member::Group(id) => id.clone(),
            });
            ids.collect::<Vec<_>>()
        };
        let before = before.map(|header| inner(&header.group.members)).unwrap_or_default();
        let after = inner(&parts.header.group.members);
        let of_users = moved(&users, &parts.users).into_iter().map(|(user, joins)| (Member::User(user.clone()), joins));
        let of_groups = moved(&before, &after).into_iter().map(|(group, joins)| (Member::Group(group.clone()), joins));
        let mut by = 0;
        for (member, joins) in of_users.chain(of_groups) {
            let was_there = self.was_there(&member)?;
            match joins {
                true => by += i64::from(was_there || self.fresh.contains(&member)),
                false => {
                    by -= i64::from(was_there);
                    self.left.insert((id.clone(), member));
                }
            }
        }
        let named = (parts.users.len() + after.len()) as u64;
        self.moves.group(&id, &parts.header.group.name, named, by);
        Ok(())
    }

    fn was_there(&self, member: &Member) -> Result<bool, StoreError> {
        let key = match member {
            Member::User(id) => keys::of(keys::USER, id),
            Member::Group(id) => keys::of(keys::GROUP, id),
        };
        Ok(find(self.database, self.head, &key)?.is_some())
    }

    /// Counts those who are new in the groups that named them before.
    fn named_before(&mut self) -> Result<(), StoreError> {
        let unreadable = |error: CodecError| self.database.engine.damaged(&error);
        let mut named = Vec::new();
        for member in &self.fresh {
            if let Member::User(user) = member
                && let Some(record) = find(self.database, self.head, &keys::of(keys::USER_GROUPS, user))?
            {
                let groups: Vec<DirectoryId> = unpack(&record).map_err(unreadable)?;
                named.extend(groups.into_iter().map(|group| (group, member.clone())));
            }
        }
        if self.fresh.iter().any(|member| matches!(member, Member::Group(_))) {
            for header in groups::headers(self.database, self.head) {
                let group = header?.group;
                let fresh = group.members.iter().filter(|member| self.fresh.contains(member));
                named.extend(fresh.map(|member| (group.id.clone(), member.clone())));
            }
        }
        for (group, _) in named.into_iter().filter(|named| !self.left.contains(named)) {
            if let Some(header) = groups::header(self.database, self.head, &keys::of(keys::GROUP, &group))? {
                let named = header.users + header.group.members.len() as u64;
                self.moves.named(&group, &header.group.name, named);
            }
        }
        Ok(())
    }
}
