//! The store on sled.
//!
//! Reads go straight to the database; everything that writes holds one lock, so that there is one writer, the tally
//! is always that of the last batch, and what is acknowledged is flushed.

use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use rollcall_kit::{Certificate, DirectoryGroup, DirectoryId, DirectoryUser, Unreadable};
use serde::de::DeserializeOwned;

use super::codec::{CodecError, from_json, pack, to_json, unpack};
use super::disk::{BATCH_KEYS, Disk, Ops};
use super::seal::Tally;
use super::staging::{Extent, Overlay, SledStaging, finish};
use super::{Records, Store, StoreError, compaction, keys, members, runs};
use crate::apply::{Intent, JournalError, Settlement};
use crate::plan::{GroupKey, LedgerAccount, LedgerGroup};
use crate::read::{FullStaging, Increment, Place, Reading, Staging, StagingError};

/// A snapshot in a state directory.
pub struct SledStore {
    disk: Disk,
    state: Mutex<State>,
    broken: Option<String>,
}

/// What the one writer needs.
struct State {
    tally: Tally,
    next_intent: u64,
    readings: u64,
    overlay: Option<Overlay>,
}

impl State {
    /// Ends the reading in progress, if it is this one.
    fn take_overlay(&mut self, ticket: u64, extent: Extent) -> Result<Overlay, StoreError> {
        let overlay = self.overlay.take().filter(|overlay| overlay.is(ticket, extent));
        overlay.ok_or_else(|| StoreError::Other("another reading has begun since".into()))
    }
}

impl SledStore {
    /// Opens the snapshot of a state directory, makes it if there is none, and finishes what a crash cut short.
    ///
    /// # Errors
    ///
    /// [`StoreError::Busy`] if another process has it open, [`StoreError::Damaged`] if sled cannot read it,
    /// [`StoreError::NoRoom`] if too little disk is free to open it safely.
    pub fn open(directory: &Path) -> Result<Self, StoreError> {
        let super::disk::Opened { disk, mut tally, broken } = Disk::open(directory)?;
        if disk.get(keys::COMMITTING)?.is_some() {
            finish(&disk, &mut tally)?;
        }
        let last = disk.scan(keys::INTENT).next_back().transpose()?;
        let next_intent = last.and_then(|(key, _)| keys::sequence(&key)).unwrap_or(0) + 1;
        let state = State { tally, next_intent, readings: 0, overlay: None };
        Ok(Self { disk, state: Mutex::new(state), broken })
    }

    /// Why the snapshot was not sealed when it was opened, in a sentence; nothing if it was.
    #[must_use]
    pub fn broken(&self) -> Option<&str> {
        self.broken.as_deref()
    }

    /// Makes it unsealed until [`Store::seal`].
    pub(super) fn unseal(&self) -> Result<(), StoreError> {
        self.disk.unseal(&mut self.state().tally)
    }

    /// Lets the store die after so many more batches, as a crash would.
    #[cfg(test)]
    pub(super) fn crash_after(&self, batches: u32) {
        *self.disk.batches_until_crash.lock().unwrap() = Some(batches);
    }

    /// Runs a piece of staging, if it is still the reading in progress.
    pub(super) fn with_overlay<T>(
        &self,
        ticket: u64,
        work: impl FnOnce(&Disk, &mut Tally, &mut Overlay) -> Result<T, StoreError>,
    ) -> Result<T, StagingError> {
        let mut state = self.state();
        let State { tally, overlay, .. } = &mut *state;
        match overlay.as_mut().filter(|overlay| overlay.ticket() == ticket) {
            Some(overlay) => work(&self.disk, tally, overlay).map_err(|error| StagingError(error.to_string())),
            None => Err(StagingError("another reading has begun since".into())),
        }
    }

    /// Throws away what an earlier reading left behind, and begins a new one.
    fn begin_staging(&self, extent: Extent) -> Result<SledStaging<'_>, StoreError> {
        let mut state = self.state();
        state.readings += 1;
        let ticket = state.readings;
        state.overlay = None;
        state.overlay = Some(Overlay::begin(&self.disk, &mut state.tally, ticket, extent)?);
        Ok(SledStaging { store: self, ticket })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A panic under the lock leaves the tally of the last batch that was taken, which is what it should be.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn read<T>(&self, key: &[u8], decode: impl Fn(&[u8]) -> Result<T, CodecError>) -> Result<Option<T>, StoreError> {
        let value = self.disk.get(key)?;
        value.map(|value| decode(&value)).transpose().map_err(|error| self.disk.damaged(&error))
    }

    fn records<T: DeserializeOwned + 'static>(&self, kind: &'static [u8]) -> Records<'_, T> {
        Box::new(self.disk.scan(kind).map(|pair| unpack(&pair?.1).map_err(|error| self.disk.damaged(&error))))
    }

    fn with_members(&self, mut group: LedgerGroup) -> Result<LedgerGroup, StoreError> {
        group.members = members::all(&self.disk, &group.key)?.into_iter().collect();
        Ok(group)
    }

    /// What a settlement does, as one batch: it becomes true as a whole or not at all.
    fn settlement(&self, settled: &Settlement) -> Result<Ops, StoreError> {
        let unwritable = |error: CodecError| self.disk.damaged(&error);
        let mut ops = Ops::new();
        for user in &settled.forgotten_accounts {
            ops.insert(keys::of(keys::ACCOUNT, user), None);
        }
        for account in &settled.accounts {
            ops.insert(keys::of(keys::ACCOUNT, &account.user), Some(pack(account).map_err(unwritable)?));
        }
        for group in &settled.forgotten_groups {
            ops.insert(keys::ledger_group(group), None);
            members::forget(&self.disk, group, &mut ops)?;
        }
        for group in &settled.groups {
            members::replace(&self.disk, &group.key, group.members.iter(), &mut ops)?;
            let alone = LedgerGroup { members: std::collections::BTreeSet::new(), ..group.clone() };
            ops.insert(keys::ledger_group(&group.key), Some(pack(&alone).map_err(unwritable)?));
        }
        for changed in &settled.members {
            members::change(&self.disk, changed, &mut ops)?;
        }
        Ok(ops)
    }

    fn settle_all(&self, settlements: Vec<(u64, Option<Settlement>)>) -> Result<(), StoreError> {
        let mut state = self.state();
        for (sequence, settled) in settlements {
            let mut ops = match &settled {
                Some(settled) => self.settlement(settled)?,
                None => Ops::new(),
            };
            ops.insert(keys::intent(sequence), None);
            state.tally.generation += u64::from(settled.is_some());
            self.disk.write(&mut state.tally, ops)?;
        }
        self.disk.flush()
    }

    fn begin_all(&self, intents: &[Intent]) -> Result<Vec<u64>, StoreError> {
        let mut state = self.state();
        let mut sequences = Vec::with_capacity(intents.len());
        for intents in intents.chunks(BATCH_KEYS) {
            let mut ops = Ops::new();
            for intent in intents {
                let sequence = state.next_intent;
                state.next_intent += 1;
                ops.insert(keys::intent(sequence), Some(to_json(intent).map_err(|error| self.disk.damaged(&error))?));
                sequences.push(sequence);
            }
            self.disk.write(&mut state.tally, ops)?;
        }
        self.disk.flush()?;
        Ok(sequences)
    }

    /// Forgets the oldest runs, and drops the bulky plan of the run that just became an older one.
    fn tidy_runs(&self, ops: &mut Ops, added: &[u8]) -> Result<(), StoreError> {
        let newest_first = self.disk.scan(keys::RUN).rev();
        let others = newest_first.filter(|pair| pair.as_ref().map_or(true, |(key, _)| key != added));
        for (others, pair) in others.enumerate() {
            let (key, value) = pair?;
            if others + 1 >= runs::KEPT {
                ops.insert(key.to_vec(), None);
            } else if others + 1 >= runs::WITH_PLAN && value.len() > runs::BULKY {
                let record = from_json(&value).map_err(|error| self.disk.damaged(&error))?;
                let slim = to_json(&runs::without_plan(record)).map_err(|error| self.disk.damaged(&error))?;
                ops.insert(key.to_vec(), Some(slim));
            }
        }
        Ok(())
    }
}

impl Store for SledStore {
    fn needs_compaction(&self) -> Result<bool, StoreError> {
        compaction::is_due(self.disk.directory(), &self.disk, &self.state().tally)
    }

    fn generation(&self) -> Result<u64, StoreError> {
        Ok(self.state().tally.generation)
    }

    fn require_room(&self) -> Result<(), StoreError> {
        self.disk.require_room()
    }

    fn is_sealed(&self) -> bool {
        self.disk.is_sealed()
    }

    fn seal(&self) -> Result<(), StoreError> {
        self.disk.seal(&mut self.state().tally)
    }

    fn staging(&self) -> Result<Box<dyn FullStaging + '_>, StoreError> {
        Ok(Box::new(self.begin_staging(Extent::All)?))
    }

    fn commit(&self, staging: Box<dyn FullStaging + '_>, reading: &Reading) -> Result<(), StoreError> {
        let mut state = self.state();
        let overlay = state.take_overlay(staging.ticket(), Extent::All)?;
        overlay.commit(&self.disk, &mut state.tally, reading)
    }

    fn staging_changes(&self) -> Result<Box<dyn Staging + '_>, StoreError> {
        Ok(Box::new(self.begin_staging(Extent::Changes)?))
    }

    fn commit_changes(&self, staging: Box<dyn Staging + '_>, increment: &Increment) -> Result<(), StoreError> {
        let mut state = self.state();
        let overlay = state.take_overlay(staging.ticket(), Extent::Changes)?;
        overlay.commit_changes(&self.disk, &mut state.tally, increment.place())
    }

    fn place(&self) -> Result<Option<Place>, StoreError> {
        self.read(keys::PLACE, from_json)
    }

    fn forget_place(&self) -> Result<(), StoreError> {
        self.disk.write(&mut self.state().tally, Ops::from([(keys::PLACE.to_vec(), None)]))?;
        self.disk.flush()
    }

    fn certificate(&self) -> Result<Option<Certificate>, StoreError> {
        self.read(keys::CERTIFICATE, from_json)
    }

    fn users(&self) -> Records<'_, DirectoryUser> {
        self.records(keys::USER)
    }

    fn user(&self, id: &DirectoryId) -> Result<Option<DirectoryUser>, StoreError> {
        self.read(&keys::of(keys::USER, id), unpack)
    }

    fn groups(&self) -> Records<'_, DirectoryGroup> {
        self.records(keys::GROUP)
    }

    fn unreadable(&self) -> Result<Vec<Unreadable>, StoreError> {
        self.records(keys::UNREADABLE).collect()
    }

    fn accounts(&self) -> Records<'_, LedgerAccount> {
        self.records(keys::ACCOUNT)
    }

    fn account(&self, user: &DirectoryId) -> Result<Option<LedgerAccount>, StoreError> {
        self.read(&keys::of(keys::ACCOUNT, user), unpack)
    }

    fn ledger_groups(&self) -> Records<'_, LedgerGroup> {
        Box::new(self.records::<LedgerGroup>(keys::LEDGER_GROUP).map(|group| self.with_members(group?)))
    }

    fn ledger_group(&self, key: &GroupKey) -> Result<Option<LedgerGroup>, StoreError> {
        let alone = self.read::<LedgerGroup>(&keys::ledger_group(key), unpack)?;
        alone.map(|group| self.with_members(group)).transpose()
    }

    fn fact(&self, name: &str) -> Result<Option<serde_json::Value>, StoreError> {
        self.read(&keys::under(keys::FACT, name.as_bytes()), from_json)
    }

    fn set_fact(&self, name: &str, value: &serde_json::Value) -> Result<(), StoreError> {
        let value = to_json(value).map_err(|error| self.disk.damaged(&error))?;
        let ops = Ops::from([(keys::under(keys::FACT, name.as_bytes()), Some(value))]);
        self.disk.write(&mut self.state().tally, ops)?;
        self.disk.flush()
    }

    fn record_run(&self, id: &str, record: &serde_json::Value) -> Result<(), StoreError> {
        let key = keys::under(keys::RUN, id.as_bytes());
        let value = to_json(record).map_err(|error| self.disk.damaged(&error))?;
        let mut state = self.state();
        let mut ops = Ops::new();
        self.tidy_runs(&mut ops, &key)?;
        ops.insert(key, Some(value));
        self.disk.write(&mut state.tally, ops)?;
        self.disk.flush()
    }

    fn runs(&self, most: usize) -> Result<Vec<(String, serde_json::Value)>, StoreError> {
        let newest_first = self.disk.scan(keys::RUN).rev().take(most);
        newest_first
            .map(|pair| {
                let (key, value) = pair?;
                let record = from_json(&value).map_err(|error| self.disk.damaged(&error))?;
                Ok((keys::text(keys::RUN, &key), record))
            })
            .collect()
    }

    fn run(&self, id: &str) -> Result<Option<(String, serde_json::Value)>, StoreError> {
        let prefix = keys::under(keys::RUN, id.as_bytes());
        let ids: Vec<String> = self
            .disk
            .scan(&prefix)
            .map(|pair| Ok(keys::text(keys::RUN, &pair?.0)))
            .collect::<Result<_, StoreError>>()?;
        let Some(id) = runs::pick(ids.iter().map(String::as_str), id) else {
            return Ok(None);
        };
        let record = self.read(&keys::under(keys::RUN, id.as_bytes()), from_json)?;
        Ok(record.map(|record| (id.to_owned(), record)))
    }

    fn begin(&self, intents: Vec<Intent>) -> Result<Vec<u64>, JournalError> {
        self.begin_all(&intents).map_err(|error| JournalError(error.to_string()))
    }

    fn settle(&self, settlements: Vec<(u64, Option<Settlement>)>) -> Result<(), JournalError> {
        self.settle_all(settlements).map_err(|error| JournalError(error.to_string()))
    }

    fn unsettled(&self) -> Result<Vec<(u64, Intent)>, JournalError> {
        let all = self.disk.scan(keys::INTENT).map(|pair| {
            let (key, value) = pair?;
            let intent = from_json(&value).map_err(|error| self.disk.damaged(&error))?;
            Ok((keys::sequence(&key).unwrap_or_default(), intent))
        });
        all.collect::<Result<_, StoreError>>().map_err(|error| JournalError(error.to_string()))
    }
}
