//! A store over an engine.
//!
//! Reads go straight to the database; everything that writes holds one lock, so that there is one writer, and what is
//! acknowledged would survive a power cut.

use std::io::Read;
use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rollcall_kit::{Certificate, DirectoryGroup, DirectoryId, DirectoryUser, Entry, Unreadable};
use serde::de::DeserializeOwned;

use super::accounts::{self, AccountCounts};
use super::changes::{self, StepNumbers};
use super::codec::{CodecError, from_json, to_json, unpack};
use super::database::Database;
use super::engine::memory::MemoryEngine;
use super::engine::sled::SledEngine;
use super::engine::{Engine, Table};
use super::mirror::rewrite::{self, Proof};
use super::mirror::staging::{Extent, InProgress};
use super::mirror::{self, Head, groups, moves};
use super::opened::Opened;
use super::{Facts, History, Intents, LargePart, Mirror, Part, Records, Store, StoreError, StoredRun};
use super::{agenda, history, keys, layout};
use crate::apply::{Intent, JournalError, Settlement};
use crate::read::{CensusMoves, FullStaging, Increment, Place, Reading, Staging, StagingError};

/// A snapshot in a state directory.
pub type SledStore = Snapshot<SledEngine>;

/// A snapshot that is gone when it is dropped: for the demonstration, and for simulations.
pub type MemoryStore = Snapshot<MemoryEngine>;

/// A store over an engine.
pub struct Snapshot<E: Engine> {
    pub(super) database: Arc<Database<E>>,
    /// What watches over a store on disk; none in memory.
    pub(super) opened: Option<Opened>,
    writer: Mutex<Writer>,
    /// Where a reading that is too large for memory is laid aside.
    scratch: Option<PathBuf>,
}

/// What the one writer needs.
pub(super) struct Writer {
    next_intent: u64,
    generation: u64,
    head: Head,
    pub(super) counts: AccountCounts,
    readings: u64,
    steps: StepNumbers,
    in_progress: Option<InProgress>,
}

impl Writer {
    /// Ends the reading in progress, if it is this one.
    fn take(&mut self, ticket: u64, extent: Extent) -> Result<InProgress, StoreError> {
        let reading = self.in_progress.take().filter(|reading| reading.is(ticket, extent));
        reading.ok_or(StoreError::Superseded)
    }
}

impl Snapshot<MemoryEngine> {
    /// An empty store, sealed as such.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// How many values were read from it so far, so that tests can count what work costs.
    #[must_use]
    pub fn values_read(&self) -> u64 {
        self.database.engine.handed_out.load(Ordering::Relaxed)
    }

    /// How many bytes were written to it so far, keys included, for the same reason. Files do not count.
    #[must_use]
    pub fn bytes_written(&self) -> u64 {
        self.database.engine.taken_in.load(Ordering::Relaxed)
    }
}

impl Default for Snapshot<MemoryEngine> {
    fn default() -> Self {
        let database = Database::open(MemoryEngine::default()).and_then(|(database, _)| Self::over(database, None));
        #[allow(clippy::expect_used, reason = "nothing in memory can fail to open")]
        database.expect("an empty store in memory opens")
    }
}

impl<E: Engine> Snapshot<E> {
    /// A store over a database that was opened.
    pub(super) fn over(database: Database<E>, scratch: Option<PathBuf>) -> Result<Self, StoreError> {
        let last = database.keys_from_last(Table::Hot, keys::INTENT)?.next().transpose()?;
        let next_intent = last.and_then(|key| keys::number(keys::INTENT, &key)).unwrap_or(0) + 1;
        let generation = match database.get(Table::Hot, keys::GENERATION)? {
            Some(record) => unpack(&record).map_err(|error| database.engine.damaged(&error))?,
            None => 0,
        };
        let counts = AccountCounts::load(&database)?;
        let head = layout::complete(&database, Head::load(&database)?, scratch.clone())?;
        let steps = StepNumbers::default();
        let writer = Writer { next_intent, generation, head, counts, readings: 0, steps, in_progress: None };
        Ok(Self { database: Arc::new(database), opened: None, writer: Mutex::new(writer), scratch })
    }

    pub(super) fn writer(&self) -> MutexGuard<'_, Writer> {
        // What a panic under the lock leaves is what the last write that was taken left, which is what it should be.
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs a piece of work on the record of changes.
    pub(super) fn with_steps<T>(
        &self,
        work: impl FnOnce(&Database<E>, &mut StepNumbers) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        work(&self.database, &mut self.writer().steps)
    }

    pub(super) fn damaged(&self, error: &CodecError) -> StoreError {
        self.database.engine.damaged(error)
    }

    fn head(&self) -> Head {
        self.writer().head.clone()
    }

    /// Runs a piece of staging, if it is still the reading in progress.
    fn with_reading<T>(
        &self,
        ticket: u64,
        work: impl FnOnce(&Database<E>, &Head, u64, &mut InProgress) -> Result<T, StoreError>,
    ) -> Result<T, StagingError> {
        let mut writer = self.writer();
        let Writer { head, counts, in_progress, .. } = &mut *writer;
        match in_progress.as_mut().filter(|reading| reading.ticket() == ticket) {
            Some(reading) => {
                work(&self.database, head, counts.activations, reading).map_err(|error| StagingError(error.to_string()))
            }
            None => Err(StagingError("another reading has begun since".into())),
        }
    }

    /// Throws away what an earlier reading left behind, and begins a new one.
    fn begin_reading(&self, extent: Extent) -> Result<StagingHandle<'_, E>, StoreError> {
        let mut writer = self.writer();
        writer.readings += 1;
        writer.in_progress = None;
        let ticket = writer.readings;
        if writer.head.leftovers {
            rewrite::sweep(&self.database, &writer.head)?;
            let head = Head { leftovers: false, ..writer.head.clone() };
            self.move_head(&mut writer, head, 0)?;
        }
        let scratch = self.scratch.clone();
        let reading = InProgress::begin(&self.database, &writer.head, (ticket, extent), scratch)?;
        writer.in_progress = Some(reading);
        Ok(StagingHandle { store: self, ticket })
    }

    /// Stores the head, and with it the generation that it leads to, and waits until both would survive a power cut.
    fn move_head(&self, writer: &mut Writer, head: Head, generations: u64) -> Result<(), StoreError> {
        self.write_head(writer, head, generations)?;
        self.database.engine.sync()
    }

    fn write_head(&self, writer: &mut Writer, head: Head, generations: u64) -> Result<(), StoreError> {
        let generation = writer.generation + generations;
        let mut batch = self.database.batch(Table::Hot);
        batch.put(keys::HEAD, &head.encoded(&self.database)?)?;
        batch.put(keys::GENERATION, &super::codec::pack(&generation).map_err(|error| self.damaged(&error))?)?;
        batch.write()?;
        (writer.head, writer.generation) = (head, generation);
        Ok(())
    }

    fn commit_reading(&self, ticket: u64, extent: Extent, proof: &Proof<'_>) -> Result<CensusMoves, StoreError> {
        let mut writer = self.writer();
        let mut reading = writer.take(ticket, extent)?;
        reading.conclude(&self.database, &writer.head)?;
        if reading.differs() && !writer.head.leftovers {
            let marked = Head { leftovers: true, ..writer.head.clone() };
            self.move_head(&mut writer, marked, 0)?;
        }
        let moves = match extent {
            Extent::Changes => moves::of(&self.database, &writer.head, &reading)?,
            Extent::All => CensusMoves::default(),
        };
        let prepared = rewrite::prepare(&self.database, &writer.head, &reading, proof)?;
        drop(reading);
        agenda::touch_read(&self.database, prepared.superseded.as_deref())?;
        self.move_head(&mut writer, prepared.head.clone(), 1)?;
        if writer.head.leftovers {
            prepared.clean_up(&self.database)?;
            let head = Head { leftovers: false, ..writer.head.clone() };
            self.write_head(&mut writer, head, 0)?;
        }
        Ok(moves)
    }

    fn walk<T: DeserializeOwned + 'static>(&self, kind: &'static [u8]) -> Records<'_, T> {
        let records = mirror::walk(&self.database, &self.head(), kind);
        Box::new(records.map(|pair| unpack(&pair?.1).map_err(|error| self.damaged(&error))))
    }

    /// Settles, then begins, with one wait for the disk. History, ledger and the ends of the intents are written in this
    /// order, so after a crash between them a settled write is looked up once more, and what history has already it has
    /// once. History comes first, because recovery takes a creation that the ledger knows for settled.
    fn journal(&self, settlements: &[(u64, Option<Settlement>)], intents: &[Intent]) -> Result<Vec<u64>, StoreError> {
        let mut writer = self.writer();
        let settled = settlements.iter().filter_map(|(_, settled)| settled.as_ref());
        changes::enter(&self.database, &mut writer.steps, settled.clone().map(|settled| &settled.history))?;
        let mut counts = writer.counts;
        accounts::settle(&self.database, &mut counts, settled.clone())?;
        writer.counts = counts;
        let generation = writer.generation + settled.count() as u64;
        let mut batch = self.database.batch(Table::Hot);
        for (sequence, _) in settlements {
            batch.remove(&keys::numbered(keys::INTENT, *sequence))?;
            batch.write_if_full()?;
        }
        if generation != writer.generation {
            batch.put(keys::GENERATION, &super::codec::pack(&generation).map_err(|error| self.damaged(&error))?)?;
        }
        let mut sequences = Vec::with_capacity(intents.len());
        for intent in intents {
            let sequence = writer.next_intent;
            writer.next_intent += 1;
            let record = to_json(intent).map_err(|error| self.damaged(&error))?;
            batch.put(&keys::numbered(keys::INTENT, sequence), &record)?;
            batch.write_if_full()?;
            sequences.push(sequence);
        }
        batch.write()?;
        self.database.engine.sync()?;
        writer.generation = generation;
        Ok(sequences)
    }
}

impl<E: Engine> Drop for Snapshot<E> {
    fn drop(&mut self) {
        if let Some(opened) = &self.opened {
            opened.before_closing(&self.database);
        }
    }
}

impl<E: Engine> Store for Snapshot<E> {
    fn generation(&self) -> Result<u64, StoreError> {
        Ok(self.writer().generation)
    }

    fn require_room(&self) -> Result<(), StoreError> {
        self.database.engine.require_room()
    }

    fn is_sealed(&self) -> bool {
        if let Some(opened) = &self.opened {
            opened.await_verdict();
        }
        self.database.is_sealed()
    }

    fn verify(&self) -> Result<Option<String>, StoreError> {
        if let Some(opened) = &self.opened {
            opened.await_verdict();
        }
        let verdict = self.database.verify(&|| false)?;
        if verdict.is_some() {
            self.database.unseal()?;
        }
        Ok(verdict)
    }

    fn needs_compaction(&self) -> Result<bool, StoreError> {
        match &self.opened {
            Some(opened) => opened.needs_compaction(self.database.engine.size_on_disk()?, self.database.bytes()),
            None => Ok(false),
        }
    }

    fn seal(&self) -> Result<(), StoreError> {
        let _ = self.is_sealed();
        let seal = self.database.seal()?;
        self.opened.as_ref().map_or(Ok(()), |opened| opened.write_seal(&seal))
    }
}

impl<E: Engine> Mirror for Snapshot<E> {
    fn staging(&self) -> Result<Box<dyn FullStaging + '_>, StoreError> {
        Ok(Box::new(self.begin_reading(Extent::All)?))
    }

    fn commit(&self, staging: Box<dyn FullStaging + '_>, reading: &Reading) -> Result<(), StoreError> {
        let activations = self.writer().counts.activations;
        let proof = Proof { certificate: Some(reading.certificate()), place: reading.place(), activations };
        self.commit_reading(staging.ticket(), Extent::All, &proof).map(|_| ())
    }

    fn staging_changes(&self) -> Result<Box<dyn Staging + '_>, StoreError> {
        Ok(Box::new(self.begin_reading(Extent::Changes)?))
    }

    fn commit_changes(&self, staging: Box<dyn Staging + '_>, increment: &Increment) -> Result<CensusMoves, StoreError> {
        let activations = self.writer().counts.activations;
        let proof = Proof { certificate: None, place: Some(increment.place()), activations };
        self.commit_reading(staging.ticket(), Extent::Changes, &proof)
    }

    fn mirror_version(&self) -> Result<u64, StoreError> {
        Ok(self.writer().head.moment)
    }

    fn place(&self) -> Result<Option<Place>, StoreError> {
        Ok(self.head().place)
    }

    fn forget_place(&self) -> Result<(), StoreError> {
        let mut writer = self.writer();
        let head = Head { place: None, ..writer.head.clone() };
        self.move_head(&mut writer, head, 0)
    }

    fn certificate(&self) -> Result<Option<Certificate>, StoreError> {
        Ok(self.head().certificate)
    }

    fn mirror_counts(&self) -> (u64, u64) {
        let head = self.head();
        (head.users, head.groups)
    }

    fn users(&self) -> Records<'_, DirectoryUser> {
        self.walk(keys::USER)
    }

    fn users_without_raw(&self) -> Records<'_, DirectoryUser> {
        let records = mirror::walk(&self.database, &self.head(), keys::USER);
        Box::new(records.map(|pair| mirror::lean::user(&pair?.1).map_err(|error| self.damaged(&error))))
    }

    fn users_called(&self, name: &str) -> Result<Vec<DirectoryUser>, StoreError> {
        let records = mirror::names::users_called(&self.database, &self.head(), name)?;
        records.values().map(|record| unpack(record).map_err(|error| self.damaged(&error))).collect()
    }

    fn user(&self, id: &DirectoryId) -> Result<Option<DirectoryUser>, StoreError> {
        let record = mirror::find(&self.database, &self.head(), &keys::of(keys::USER, id))?;
        record.map(|record| unpack(&record)).transpose().map_err(|error| self.damaged(&error))
    }

    fn groups(&self) -> Records<'_, DirectoryGroup> {
        Box::new(groups::whole(&self.database, &self.head()))
    }

    fn group(&self, id: &DirectoryId) -> Result<Option<DirectoryGroup>, StoreError> {
        groups::one(&self.database, &self.head(), id)
    }

    fn group_headers(&self) -> Records<'_, DirectoryGroup> {
        Box::new(groups::headers(&self.database, &self.head()).map(|header| Ok(header?.group)))
    }

    fn groups_of(&self, user: &DirectoryId) -> Result<Vec<DirectoryId>, StoreError> {
        let record = mirror::find(&self.database, &self.head(), &keys::of(keys::USER_GROUPS, user))?;
        let groups = record.map(|record| unpack(&record)).transpose().map_err(|error| self.damaged(&error))?;
        Ok(groups.unwrap_or_default())
    }

    fn unreadable(&self) -> Result<Vec<Unreadable>, StoreError> {
        self.walk(keys::UNREADABLE).collect()
    }
}

impl<E: Engine> Intents for Snapshot<E> {
    fn begin(&self, intents: Vec<Intent>) -> Result<Vec<u64>, JournalError> {
        self.settle_and_begin(Vec::new(), intents)
    }

    fn settle(&self, settlements: Vec<(u64, Option<Settlement>)>) -> Result<(), JournalError> {
        self.settle_and_begin(settlements, Vec::new()).map(|_| ())
    }

    fn settle_and_begin(
        &self,
        settlements: Vec<(u64, Option<Settlement>)>,
        intents: Vec<Intent>,
    ) -> Result<Vec<u64>, JournalError> {
        Ok(self.journal(&settlements, &intents)?)
    }

    fn unsettled(&self) -> Result<Vec<(u64, Intent)>, JournalError> {
        let all = self.database.scan(Table::Hot, keys::INTENT).map(|pair| {
            let (key, record) = pair?;
            let intent = from_json(&record).map_err(|error| self.damaged(&error))?;
            Ok((keys::number(keys::INTENT, &key).unwrap_or_default(), intent))
        });
        Ok(all.collect::<Result<_, StoreError>>()?)
    }
}

impl<E: Engine> History for Snapshot<E> {
    fn record_run(&self, id: &str, record: &serde_json::Value) -> Result<(), StoreError> {
        let _writer = self.writer();
        history::record(&self.database, id, record)
    }

    fn record_run_in_parts(&self, id: &str, header: &serde_json::Value, parts: &[Part<'_>]) -> Result<(), StoreError> {
        let _writer = self.writer();
        history::record_in_parts(&self.database, id, header, parts)
    }

    fn amend_run(&self, id: &str, member: &str, value: &serde_json::Value) -> Result<bool, StoreError> {
        let _writer = self.writer();
        history::amend(&self.database, id, member, value)
    }

    fn run_headers(&self, most: usize) -> Result<Vec<(String, serde_json::Value)>, StoreError> {
        history::headers(&self.database, most)
    }

    fn run(&self, id: &str) -> Result<Option<StoredRun>, StoreError> {
        history::run(&self.database, id)
    }

    fn read_part(&self, part: &LargePart, read: &mut dyn FnMut(&mut dyn Read)) -> bool {
        self.database.engine.files().read_through(&part.0, read)
    }
}

impl<E: Engine> Facts for Snapshot<E> {
    fn fact(&self, name: &str) -> Result<Option<serde_json::Value>, StoreError> {
        let record = self.database.get(Table::Facts, &keys::under(keys::FACT, name.as_bytes()))?;
        record.map(|record| from_json(&record)).transpose().map_err(|error| self.damaged(&error))
    }

    fn set_fact(&self, name: &str, value: &serde_json::Value) -> Result<(), StoreError> {
        let record = to_json(value).map_err(|error| self.damaged(&error))?;
        let _writer = self.writer();
        let mut batch = self.database.batch(Table::Facts);
        batch.put(&keys::under(keys::FACT, name.as_bytes()), &record)?;
        batch.write()?;
        self.database.engine.sync()
    }
}

/// The handle that a reading is given.
struct StagingHandle<'a, E: Engine> {
    store: &'a Snapshot<E>,
    ticket: u64,
}

impl<E: Engine> Staging for StagingHandle<'_, E> {
    fn stage(&mut self, batch: Vec<Entry>) -> Result<(), StagingError> {
        self.store.with_reading(self.ticket, |database, head, _, reading| reading.stage(database, head, &batch))
    }

    fn staged(&self) -> (u64, u64) {
        self.store.with_reading(self.ticket, |_, _, _, reading| Ok(reading.staged())).unwrap_or_default()
    }

    fn ticket(&self) -> u64 {
        self.ticket
    }
}

impl<E: Engine> FullStaging for StagingHandle<'_, E> {
    fn vanished(&mut self) -> Result<Vec<DirectoryId>, StagingError> {
        self.store.with_reading(self.ticket, |database, head, activations, reading| {
            reading.vanished(database, head, activations)
        })
    }
}
