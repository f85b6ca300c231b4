//! Staging on sled: an overlay of what differs from the mirror, and a commit that can be finished after a crash.
//!
//! While a reading goes on, memory holds one packed entry a record (hashes of its id and content), and the disk gets
//! only the records that differ from the mirror. The commit first writes down everything that it will do, then a
//! marker, then does it; an opening that finds the marker does the rest.

use std::collections::BTreeSet;

use rollcall_kit::{DirectoryGroup, DirectoryId, DirectoryUser, Entry, Unreadable};

use super::codec::{CodecError, pack, to_json, unpack};
use super::disk::{BATCH_KEYS, Disk, Ops};
use super::keys::{self, Key};
use super::seal::Tally;
use super::sled::SledStore;
use super::{StoreError, codec};
use crate::plan::LedgerAccount;
use crate::read::{FullStaging, Place, Reading, Staging, StagingError};

/// Batches between two flushes while staging; nothing of it is acknowledged to anybody.
const BATCHES_PER_FLUSH: usize = 50;

/// What became of a record of the mirror in this reading.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mark {
    /// Not read.
    Absent,
    /// Read, and the same as in the mirror.
    Same,
    /// Read and different: the new one is staged.
    Changed,
    /// Read and not understood: the mirror's record stays.
    Held,
}

/// One collection of the mirror, packed, and what the reading says of it.
struct Index {
    /// Hash of the key and hash of the record, sorted.
    mirror: Vec<(u128, u128)>,
    marks: Vec<Mark>,
    /// Hashes of the keys of records that the mirror does not have.
    fresh: BTreeSet<u128>,
}

impl Index {
    fn load(disk: &Disk, kind: &[u8]) -> Result<Self, StoreError> {
        let mut mirror = Vec::new();
        for pair in disk.scan(kind) {
            let (key, value) = pair?;
            mirror.push((name(disk, &key), disk.secret().hash(&key, &value)));
        }
        mirror.sort_unstable();
        let marks = vec![Mark::Absent; mirror.len()];
        Ok(Self { mirror, marks, fresh: BTreeSet::new() })
    }

    /// Of changes: nothing of the mirror is looked at, and all that comes is staged.
    fn blank() -> Self {
        Self { mirror: Vec::new(), marks: Vec::new(), fresh: BTreeSet::new() }
    }

    fn place(&self, name: u128) -> Option<usize> {
        self.mirror.binary_search_by_key(&name, |(name, _)| *name).ok()
    }

    /// Takes a record in; tells whether it must be staged, or what was staged for it must go.
    fn take(&mut self, name: u128, record: u128) -> Option<bool> {
        let Some(place) = self.place(name) else {
            self.fresh.insert(name);
            return Some(true);
        };
        let same = self.mirror[place].1 == record;
        let before = std::mem::replace(&mut self.marks[place], if same { Mark::Same } else { Mark::Changed });
        match (same, before) {
            (false, _) => Some(true),
            (true, Mark::Changed) => Some(false),
            (true, _) => None,
        }
    }

    /// Holds a record that could not be understood; true if something was staged for it.
    fn hold(&mut self, name: u128) -> bool {
        match self.place(name) {
            Some(place) => std::mem::replace(&mut self.marks[place], Mark::Held) == Mark::Changed,
            None => self.fresh.remove(&name),
        }
    }

    fn staged(&self) -> u64 {
        let known = self.marks.iter().filter(|mark| matches!(mark, Mark::Same | Mark::Changed)).count();
        (known + self.fresh.len()) as u64
    }

    fn is_absent(&self, name: u128) -> bool {
        self.place(name).map_or_else(|| !self.fresh.contains(&name), |place| self.marks[place] == Mark::Absent)
    }

    fn any_absent(&self) -> bool {
        self.marks.contains(&Mark::Absent)
    }
}

/// How much of the directory a reading is meant to bring.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Extent {
    /// Everything: what is not read is no more.
    All,
    /// What changed: what is not read stays as it is.
    Changes,
}

/// The state of one reading in progress.
pub(super) struct Overlay {
    ticket: u64,
    extent: Extent,
    users: Index,
    groups: Index,
    unreadable: BTreeSet<u128>,
    pending: Ops,
    batches: usize,
}

impl Overlay {
    /// Throws away what an earlier reading left behind, and begins a new one.
    pub(super) fn begin(disk: &Disk, tally: &mut Tally, ticket: u64, extent: Extent) -> Result<Self, StoreError> {
        clear(disk, tally, keys::STAGED)?;
        clear(disk, tally, keys::CONDEMNED)?;
        let index = |kind| if extent == Extent::All { Index::load(disk, kind) } else { Ok(Index::blank()) };
        Ok(Self {
            ticket,
            extent,
            users: index(keys::USER)?,
            groups: index(keys::GROUP)?,
            unreadable: BTreeSet::new(),
            pending: Ops::new(),
            batches: 0,
        })
    }

    /// Whether this is the reading with that number, and of that extent.
    pub(super) fn is(&self, ticket: u64, extent: Extent) -> bool {
        self.ticket == ticket && self.extent == extent
    }

    /// Which reading this is.
    pub(super) fn ticket(&self) -> u64 {
        self.ticket
    }

    fn stage(&mut self, disk: &Disk, tally: &mut Tally, batch: &[Entry]) -> Result<(), StoreError> {
        for entry in batch {
            match entry {
                Entry::User(user) => self.user(disk, user),
                Entry::Group(group) => self.group(disk, group),
                Entry::Unreadable(record) => self.unreadable(disk, record),
            }
            .map_err(|error| disk.damaged(&error))?;
            if self.pending.len() >= BATCH_KEYS {
                self.write(disk, tally)?;
            }
        }
        Ok(())
    }

    fn user(&mut self, disk: &Disk, user: &DirectoryUser) -> Result<(), CodecError> {
        let key = keys::of(keys::USER, &user.id);
        let (name, value) = (name(disk, &key), pack(user)?);
        self.readable_after_all(name, &user.id);
        let verdict = self.users.take(name, disk.secret().hash(&key, &value));
        self.keep(&key, value, verdict);
        Ok(())
    }

    fn group(&mut self, disk: &Disk, group: &DirectoryGroup) -> Result<(), CodecError> {
        let key = keys::of(keys::GROUP, &group.id);
        let (name, value) = (name(disk, &key), pack(group)?);
        self.readable_after_all(name, &group.id);
        let verdict = self.groups.take(name, disk.secret().hash(&key, &value));
        self.keep(&key, value, verdict);
        Ok(())
    }

    /// Whose record it is, is known, but not whether he is a user or a group: both are held.
    fn unreadable(&mut self, disk: &Disk, record: &Unreadable) -> Result<(), CodecError> {
        let user = keys::of(keys::USER, &record.id);
        let group = keys::of(keys::GROUP, &record.id);
        if self.users.hold(name(disk, &user)) {
            self.pending.insert(keys::under(keys::STAGED, &user), None);
        }
        if self.groups.hold(name(disk, &group)) {
            self.pending.insert(keys::under(keys::STAGED, &group), None);
        }
        self.unreadable.insert(name(disk, &user));
        self.unreadable.insert(name(disk, &group));
        let key = keys::of(keys::UNREADABLE, &record.id);
        self.pending.insert(keys::under(keys::STAGED, &key), Some(pack(record)?));
        Ok(())
    }

    /// The same record read twice, understood the second time: the later one counts.
    fn readable_after_all(&mut self, name: u128, id: &DirectoryId) {
        if self.unreadable.remove(&name) {
            let key = keys::of(keys::UNREADABLE, id);
            self.pending.insert(keys::under(keys::STAGED, &key), None);
        }
    }

    fn keep(&mut self, key: &[u8], value: Vec<u8>, verdict: Option<bool>) {
        if let Some(staged) = verdict {
            self.pending.insert(keys::under(keys::STAGED, key), staged.then_some(value));
        }
    }

    fn write(&mut self, disk: &Disk, tally: &mut Tally) -> Result<(), StoreError> {
        disk.write(tally, std::mem::take(&mut self.pending))?;
        self.batches += 1;
        if self.batches.is_multiple_of(BATCHES_PER_FLUSH) {
            disk.flush()?;
        }
        Ok(())
    }

    /// Users whom the mirror has, or for whom the ledger has an active account, and who were not read.
    ///
    /// The ledger is asked too, because a run may have died between the commit, which took them out of the mirror,
    /// and the write that would have deactivated their accounts.
    fn vanished(&self, disk: &Disk) -> Result<Vec<DirectoryId>, StoreError> {
        let mut vanished = BTreeSet::new();
        if self.users.any_absent() {
            for pair in disk.scan(keys::USER) {
                let key = pair?.0;
                if self.users.is_absent(name(disk, &key)) {
                    vanished.extend(keys::id(keys::USER, &key));
                }
            }
        }
        for pair in disk.scan(keys::ACCOUNT) {
            let (key, value) = pair?;
            let user = keys::under(keys::USER, &key[keys::ACCOUNT.len()..]);
            let user = name(disk, &user);
            if self.users.is_absent(user) && !self.unreadable.contains(&user) {
                let account: LedgerAccount = unpack(&value).map_err(|error| disk.damaged(&error))?;
                vanished.extend(account.active.then_some(account.user));
            }
        }
        Ok(vanished.into_iter().collect())
    }

    /// Makes it the mirror.
    pub(super) fn commit(mut self, disk: &Disk, tally: &mut Tally, reading: &Reading) -> Result<(), StoreError> {
        let certificate = to_json(reading.certificate()).map_err(|error| disk.damaged(&error))?;
        self.pending.insert(keys::under(keys::STAGED, keys::CERTIFICATE), Some(certificate));
        self.move_place(disk, reading.place())?;
        self.write(disk, tally)?;
        for (kind, index) in [(keys::USER, &self.users), (keys::GROUP, &self.groups)] {
            if index.any_absent() {
                condemn(disk, tally, kind, |key| index.is_absent(name(disk, key)))?;
            }
        }
        condemn_old_unreadable(disk, tally)?;
        take_over(disk, tally)
    }

    /// Lays it over the mirror.
    pub(super) fn commit_changes(mut self, disk: &Disk, tally: &mut Tally, place: &Place) -> Result<(), StoreError> {
        self.move_place(disk, Some(place))?;
        self.write(disk, tally)?;
        condemn(disk, tally, keys::UNREADABLE, |key| self.is_readable_again(disk, key))?;
        take_over(disk, tally)
    }

    /// Notes the place in the stream of changes, so that it moves in the same commit as what was read up to it.
    fn move_place(&mut self, disk: &Disk, place: Option<&Place>) -> Result<(), StoreError> {
        let (note, value) = match place {
            Some(place) => (keys::STAGED, to_json(place).map_err(|error| disk.damaged(&error))?),
            None => (keys::CONDEMNED, Vec::new()),
        };
        self.pending.insert(keys::under(note, keys::PLACE), Some(value));
        Ok(())
    }

    /// Whether the record with this key of an unreadable one was read properly this time.
    fn is_readable_again(&self, disk: &Disk, key: &[u8]) -> bool {
        let is_staged = |index: &Index, kind| {
            let key = keys::under(kind, &key[keys::UNREADABLE.len()..]);
            index.fresh.contains(&name(disk, &key))
        };
        is_staged(&self.users, keys::USER) || is_staged(&self.groups, keys::GROUP)
    }
}

/// Passes the point of no return of a commit of which everything is written down, and does it.
fn take_over(disk: &Disk, tally: &mut Tally) -> Result<(), StoreError> {
    disk.flush()?;
    disk.write(tally, Ops::from([(keys::COMMITTING.to_vec(), Some(vec![codec::MARK]))]))?;
    disk.flush()?;
    finish(disk, tally)
}

/// Does what a commit wrote down, or the rest of it. Each step leaves the note of what is still to do in step with
/// what is done, because both are in one batch.
pub(super) fn finish(disk: &Disk, tally: &mut Tally) -> Result<(), StoreError> {
    move_all(disk, tally, keys::CONDEMNED, |_| None)?;
    move_all(disk, tally, keys::STAGED, |value| Some(value.to_vec()))?;
    tally.generation += 1;
    disk.write(tally, Ops::from([(keys::COMMITTING.to_vec(), None)]))?;
    disk.flush()
}

/// Carries out every note under a prefix, and removes it.
fn move_all(
    disk: &Disk,
    tally: &mut Tally,
    prefix: &[u8],
    becomes: impl Fn(&[u8]) -> Option<Vec<u8>>,
) -> Result<(), StoreError> {
    let mut ops = Ops::new();
    for (done, pair) in disk.scan(prefix).enumerate() {
        let (key, value) = pair?;
        ops.insert(key[prefix.len()..].to_vec(), becomes(&value));
        ops.insert(key.to_vec(), None);
        if ops.len() >= BATCH_KEYS {
            disk.write(tally, std::mem::take(&mut ops))?;
        }
        if done % (BATCH_KEYS * BATCHES_PER_FLUSH) == 0 {
            disk.flush()?;
        }
    }
    disk.write(tally, ops)
}

/// Notes which records of a kind the commit will remove.
fn condemn(disk: &Disk, tally: &mut Tally, kind: &[u8], is_doomed: impl Fn(&[u8]) -> bool) -> Result<(), StoreError> {
    let mut ops = Ops::new();
    for pair in disk.scan(kind) {
        let key = pair?.0;
        if is_doomed(&key) {
            ops.insert(keys::under(keys::CONDEMNED, &key), Some(Vec::new()));
        }
        if ops.len() >= BATCH_KEYS {
            disk.write(tally, std::mem::take(&mut ops))?;
        }
    }
    disk.write(tally, ops)
}

/// What could not be understood last time and was not met again this time is forgotten.
fn condemn_old_unreadable(disk: &Disk, tally: &mut Tally) -> Result<(), StoreError> {
    let again = staged_unreadable(disk)?;
    condemn(disk, tally, keys::UNREADABLE, |key| !again.contains(key))
}

fn staged_unreadable(disk: &Disk) -> Result<BTreeSet<Key>, StoreError> {
    let prefix = keys::under(keys::STAGED, keys::UNREADABLE);
    disk.scan(&prefix).map(|pair| Ok(pair?.0[keys::STAGED.len()..].to_vec())).collect()
}

/// Removes everything under a prefix.
fn clear(disk: &Disk, tally: &mut Tally, prefix: &[u8]) -> Result<(), StoreError> {
    let mut ops = Ops::new();
    for pair in disk.scan(prefix) {
        ops.insert(pair?.0.to_vec(), None);
        if ops.len() >= BATCH_KEYS {
            disk.write(tally, std::mem::take(&mut ops))?;
        }
    }
    if ops.is_empty() { Ok(()) } else { disk.write(tally, ops) }
}

/// The packed name of a record.
fn name(disk: &Disk, key: &[u8]) -> u128 {
    disk.secret().hash(key, b"")
}

/// The handle that a reading is given.
pub(super) struct SledStaging<'a> {
    pub(super) store: &'a SledStore,
    pub(super) ticket: u64,
}

impl Staging for SledStaging<'_> {
    fn stage(&mut self, batch: Vec<Entry>) -> Result<(), StagingError> {
        self.store.with_overlay(self.ticket, |disk, tally, overlay| overlay.stage(disk, tally, &batch))
    }

    fn staged(&self) -> (u64, u64) {
        let counted =
            self.store.with_overlay(self.ticket, |_, _, overlay| Ok((overlay.users.staged(), overlay.groups.staged())));
        counted.unwrap_or_default()
    }

    fn ticket(&self) -> u64 {
        self.ticket
    }
}

impl FullStaging for SledStaging<'_> {
    fn vanished(&mut self) -> Result<Vec<DirectoryId>, StagingError> {
        self.store.with_overlay(self.ticket, |disk, _, overlay| overlay.vanished(disk))
    }
}
