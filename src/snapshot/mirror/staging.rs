//! A reading in progress: what it has met, and what of it differs from the mirror.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use rollcall_kit::{DirectoryId, Entry, Unreadable};
use serde::Serialize;

use super::groups::Header;
use super::prints::{Print, Seen, Verdict, content, laid_over, unpack};
use super::sorter::{Difference, Sorter};
use super::{Head, find, walk};
use crate::snapshot::StoreError;
use crate::snapshot::codec::{self, CodecError, pack};
use crate::snapshot::database::Database;
use crate::snapshot::engine::{Engine, Table};
use crate::snapshot::keys;
use crate::snapshot::seal::HashKey;

/// How much of the directory a reading is meant to bring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::snapshot) enum Extent {
    /// Everything: what is not read is no more.
    All,
    /// What changed: what is not read stays as it is.
    Changes,
}

/// A reading in progress.
pub(in crate::snapshot) struct InProgress {
    ticket: u64,
    extent: Extent,
    pub(super) users: Seen,
    pub(super) groups: Seen,
    unreadable: BTreeMap<DirectoryId, Unreadable>,
    /// Of whole groups, and of everything else.
    pub(super) differences: Sorter,
    pub(super) scratch: Option<PathBuf>,
    /// Where the record at hand is packed. Nearly all of them are only compared.
    room: Vec<u8>,
}

impl InProgress {
    /// Begins a reading beside the mirror as it is.
    pub(in crate::snapshot) fn begin<E: Engine>(
        database: &Database<E>,
        head: &Head,
        (ticket, extent): (u64, Extent),
        scratch: Option<PathBuf>,
    ) -> Result<Self, StoreError> {
        let seen = |kind, prints| match extent {
            Extent::All => Ok::<_, StoreError>(Seen::beside(fingerprints(database, head, kind, prints)?)),
            Extent::Changes => Ok(Seen::default()),
        };
        Ok(Self {
            ticket,
            extent,
            users: seen(keys::USER, keys::USER_PRINTS)?,
            groups: seen(keys::GROUP, keys::GROUP_PRINTS)?,
            unreadable: BTreeMap::new(),
            differences: Sorter::new(scratch.clone()),
            scratch,
            room: Vec::new(),
        })
    }

    /// Whether this is the reading with that number, and of that extent.
    pub(in crate::snapshot) fn is(&self, ticket: u64, extent: Extent) -> bool {
        (self.ticket, self.extent) == (ticket, extent)
    }

    /// Which reading this is.
    pub(in crate::snapshot) fn ticket(&self) -> u64 {
        self.ticket
    }

    /// Whether the mirror will be another.
    pub(in crate::snapshot) fn differs(&self) -> bool {
        self.differences.len() > 0
    }

    /// How many users and groups were read, each id counted once.
    pub(in crate::snapshot) fn staged(&self) -> (u64, u64) {
        (self.users.staged(), self.groups.staged())
    }

    /// Takes a batch in.
    pub(in crate::snapshot) fn stage<E: Engine>(
        &mut self,
        database: &Database<E>,
        head: &Head,
        batch: &[Entry],
    ) -> Result<(), StoreError> {
        let secret = database.secret();
        let names = batch.iter().map(|entry| match entry {
            Entry::User(user) => Some((&self.users, name(secret, &keys::of(keys::USER, &user.id)))),
            Entry::Group(group) => Some((&self.groups, name(secret, &keys::of(keys::GROUP, &group.id)))),
            Entry::Unreadable(_) => None,
        });
        let names: Vec<_> = names.collect();
        // All are looked up in one go: each look is at another place in memory, and none waits for the one before.
        let places: Vec<_> = names.iter().map(|name| name.and_then(|(seen, name)| seen.at(name))).collect();
        let names: Vec<_> = names.into_iter().map(|name| name.map(|(_, name)| name).unwrap_or_default()).collect();
        for ((entry, name), place) in batch.iter().zip(names).zip(places) {
            match entry {
                Entry::User(user) => {
                    let record = self.packed(database, &**user)?;
                    self.unreadable.remove(&user.id);
                    let verdict = self.users.take_at(place, name, content(secret, &record));
                    self.differ(database, head, (keys::USER, &user.id), record, verdict)?;
                }
                Entry::Group(group) => {
                    let record = self.packed(database, &**group)?;
                    self.unreadable.remove(&group.id);
                    let verdict = self.groups.take_at(place, name, content(secret, &record));
                    self.differ(database, head, (keys::GROUP, &group.id), record, verdict)?;
                }
                Entry::Unreadable(record) => self.unreadable(secret, record)?,
            }
        }
        Ok(())
    }

    /// A record as it is stored, in the room of the one before if that was not kept.
    fn packed<E: Engine>(&mut self, database: &Database<E>, record: &impl Serialize) -> Result<Vec<u8>, StoreError> {
        let room = std::mem::take(&mut self.room);
        codec::pack_into(record, room).map_err(|error| database.engine.damaged(&error))
    }

    /// Keeps what differs. A change that changes nothing is none.
    fn differ<E: Engine>(
        &mut self,
        database: &Database<E>,
        head: &Head,
        (kind, id): (&[u8], &DirectoryId),
        record: Vec<u8>,
        verdict: Verdict,
    ) -> Result<(), StoreError> {
        let key = || keys::of(kind, id);
        let difference = match verdict {
            Verdict::Nothing => {
                self.room = record;
                return Ok(());
            }
            Verdict::Unstage => Difference::Keep,
            Verdict::Stage if self.extent == Extent::Changes => {
                let key = key();
                let before = find(database, head, &key)?;
                if before.is_none() {
                    self.seen(&key).add(name(database.secret(), &key));
                }
                let before = before.map(|before| print(database, &key, &before)).transpose()?;
                if before == Some(content(database.secret(), &record)) {
                    Difference::Keep
                } else {
                    Difference::Put(record)
                }
            }
            Verdict::Stage => Difference::Put(record),
        };
        self.differences.put(&key(), &difference)?;
        if let Difference::Put(record) = difference {
            self.room = record;
        }
        Ok(())
    }

    fn seen(&mut self, key: &[u8]) -> &mut Seen {
        if key.starts_with(keys::GROUP) { &mut self.groups } else { &mut self.users }
    }

    /// How many users and groups there will be once this is the mirror.
    pub(super) fn counts(&self, head: &Head) -> (u64, u64) {
        match self.extent {
            Extent::All => (self.users.remaining(), self.groups.remaining()),
            Extent::Changes => (head.users + self.users.added(), head.groups + self.groups.added()),
        }
    }

    /// The owner of the record is known, but not whether it is a user or a group: both are held.
    fn unreadable(&mut self, secret: &HashKey, record: &Unreadable) -> Result<(), StoreError> {
        for (seen, kind) in [(&mut self.users, keys::USER), (&mut self.groups, keys::GROUP)] {
            let key = keys::of(kind, &record.id);
            if seen.hold(name(secret, &key)) {
                self.differences.put(&key, &Difference::Keep)?;
            }
        }
        self.unreadable.insert(record.id.clone(), record.clone());
        Ok(())
    }

    /// Users who were not read, and whom the mirror has or for whom the ledger has an active account; and whether only
    /// the mirror needed to be looked through.
    ///
    /// The ledger is asked too, because a run may have died between the commit, which took them out of the mirror, and
    /// the write that would have deactivated their accounts. It is not walked if it was seen at this number of
    /// `activations` that every active account has its owner in the mirror.
    pub(in crate::snapshot) fn vanished<E: Engine>(
        &self,
        database: &Database<E>,
        head: &Head,
        activations: u64,
    ) -> Result<Vec<DirectoryId>, StoreError> {
        let mut vanished = BTreeSet::new();
        if self.users.absent() > 0 {
            for entry in walk(database, head, keys::USER) {
                let (key, _) = entry?;
                if self.users.is_absent(name(database.secret(), &key)) {
                    vanished.extend(keys::id(keys::USER, &key));
                }
            }
        }
        if head.owners_seen_at != Some(activations) {
            vanished.extend(self.without_owner(database)?);
        }
        Ok(vanished.into_iter().collect())
    }

    /// Owners of active accounts who were not read.
    fn without_owner<E: Engine>(&self, database: &Database<E>) -> Result<Vec<DirectoryId>, StoreError> {
        let mut without = Vec::new();
        for pair in database.scan(Table::Ledger, keys::ACCOUNT) {
            let (key, record) = pair?;
            let user = [keys::USER, &key[keys::ACCOUNT.len()..]].concat();
            if self.users.is_absent(name(database.secret(), &user)) {
                let account: crate::plan::LedgerAccount =
                    codec::unpack(&record).map_err(|error| database.engine.damaged(&error))?;
                let is_unreadable = self.unreadable.contains_key(&account.user);
                without.extend((account.active && !is_unreadable).then_some(account.user));
            }
        }
        Ok(without)
    }

    /// Whether every active account will have its owner in the mirror once this reading is committed.
    pub(super) fn owners_are_there<E: Engine>(
        &self,
        database: &Database<E>,
        head: &Head,
        activations: u64,
    ) -> Result<bool, StoreError> {
        if head.owners_seen_at != Some(activations) {
            return Ok(self.without_owner(database)?.is_empty());
        }
        if self.users.absent() == 0 {
            return Ok(true);
        }
        let vanished = self.vanished(database, head, activations)?;
        for id in vanished {
            if let Some(record) = database.get(Table::Ledger, &keys::of(keys::ACCOUNT, &id))? {
                let account: crate::plan::LedgerAccount =
                    codec::unpack(&record).map_err(|error| database.engine.damaged(&error))?;
                if account.active {
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }

    /// Adds what follows from the reading as a whole: who is no more, and which records cannot be understood.
    pub(in crate::snapshot) fn conclude<E: Engine>(
        &mut self,
        database: &Database<E>,
        head: &Head,
    ) -> Result<(), StoreError> {
        for (seen, kind) in [(&self.users, keys::USER), (&self.groups, keys::GROUP)] {
            if self.extent == Extent::All && seen.absent() > 0 {
                for entry in walk(database, head, kind) {
                    let (key, _) = entry?;
                    if seen.is_absent(name(database.secret(), &key)) {
                        self.differences.put(&key, &Difference::Remove)?;
                    }
                }
            }
        }
        let mut unreadable = std::mem::take(&mut self.unreadable);
        for entry in walk(database, head, keys::UNREADABLE) {
            let (key, before) = entry?;
            let now = keys::id(keys::UNREADABLE, &key).and_then(|id| unreadable.remove(&id));
            match now {
                Some(now) => {
                    let now = packed(database, &now)?;
                    if now != before {
                        self.differences.put(&key, &Difference::Put(now))?;
                    }
                }
                None if self.is_over(database.secret(), &key) => self.differences.put(&key, &Difference::Remove)?,
                None => {}
            }
        }
        for (id, record) in unreadable {
            let record = Difference::Put(packed(database, &record)?);
            self.differences.put(&keys::of(keys::UNREADABLE, &id), &record)?;
        }
        Ok(())
    }

    /// Whether a record that could not be understood before, and was not met again as such, is understood or gone.
    fn is_over(&self, secret: &HashKey, unreadable: &[u8]) -> bool {
        let id = &unreadable[keys::UNREADABLE.len()..];
        let was_read = |seen: &Seen, kind: &[u8]| seen.is_fresh(name(secret, &[kind, id].concat()));
        self.extent == Extent::All || was_read(&self.users, keys::USER) || was_read(&self.groups, keys::GROUP)
    }
}

fn packed<E: Engine>(database: &Database<E>, record: &impl Serialize) -> Result<Vec<u8>, StoreError> {
    pack(record).map_err(|error: CodecError| database.engine.damaged(&error))
}

/// The fingerprint of a key.
pub(super) fn name(secret: &HashKey, key: &[u8]) -> u128 {
    secret.hash(key, b"")
}

/// The fingerprint of what was read for a record of the mirror: of a group with its users, which lie elsewhere.
pub(super) fn print<E: Engine>(database: &Database<E>, key: &[u8], record: &[u8]) -> Result<u64, StoreError> {
    if !key.starts_with(keys::GROUP) {
        return Ok(content(database.secret(), record));
    }
    let header: Header = codec::unpack(record).map_err(|error| database.engine.damaged(&error))?;
    Ok(header.content)
}

/// The fingerprints of all records of a kind, sorted.
fn fingerprints<E: Engine>(
    database: &Database<E>,
    head: &Head,
    kind: &'static [u8],
    prints: &'static [u8],
) -> Result<Vec<Print>, StoreError> {
    let mut packed = Vec::new();
    if let Some(pages) = head.pages() {
        for record in database.scan(pages, prints) {
            unpack(&record?.1, &mut packed).map_err(|error| database.engine.damaged(&error))?;
        }
    }
    let mut later = Vec::new();
    for entry in super::laid_over(database, head, kind) {
        let (key, record) = entry?;
        let content = record.map(|record| print(database, &key, &record)).transpose()?;
        later.push((name(database.secret(), &key), content));
    }
    later.sort_unstable();
    Ok(laid_over(packed, &later))
}
