//! The store in memory: for the demo, for simulations, and as the twin that the store on disk is tested against.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rollcall_kit::{Certificate, DirectoryGroup, DirectoryId, DirectoryUser, Entry, Unreadable};

use super::{Records, Store, StoreError, runs};
use crate::apply::{Intent, JournalError, Settlement};
use crate::plan::ledger::Ledger;
use crate::plan::{GroupKey, LedgerAccount, LedgerGroup};
use crate::read::{FullStaging, Increment, Place, Reading, Staging, StagingError};

/// A store that is gone when it is dropped.
#[derive(Default)]
pub struct MemoryStore {
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    generation: u64,
    certificate: Option<Certificate>,
    place: Option<Place>,
    users: BTreeMap<DirectoryId, DirectoryUser>,
    groups: BTreeMap<DirectoryId, DirectoryGroup>,
    unreadable: BTreeMap<DirectoryId, Unreadable>,
    ledger: Ledger,
    facts: BTreeMap<String, serde_json::Value>,
    runs: BTreeMap<String, serde_json::Value>,
    intents: BTreeMap<u64, Intent>,
    next_intent: u64,
    readings: u64,
    staged: Option<Staged>,
}

#[derive(Default)]
struct Staged {
    ticket: u64,
    full: bool,
    users: BTreeMap<DirectoryId, DirectoryUser>,
    groups: BTreeMap<DirectoryId, DirectoryGroup>,
    unreadable: BTreeMap<DirectoryId, Unreadable>,
}

impl State {
    /// Ends the reading in progress, if it is this one.
    fn take_staged(&mut self, ticket: u64, full: bool) -> Result<Staged, StoreError> {
        let staged = self.staged.take().filter(|staged| staged.ticket == ticket && staged.full == full);
        staged.ok_or_else(|| StoreError::Other("another reading has begun since".into()))
    }
}

impl MemoryStore {
    /// An empty store, sealed as such.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn begin_staging(&self, full: bool) -> MemoryStaging<'_> {
        let mut state = self.state();
        state.readings += 1;
        let ticket = state.readings;
        state.staged = Some(Staged { ticket, full, ..Staged::default() });
        MemoryStaging { store: self, ticket }
    }

    fn all<K, T: Clone + Send + 'static>(records: &BTreeMap<K, T>) -> Records<'static, T> {
        Box::new(records.values().cloned().map(Ok).collect::<Vec<_>>().into_iter())
    }
}

impl Store for MemoryStore {
    fn generation(&self) -> Result<u64, StoreError> {
        Ok(self.state().generation)
    }

    fn is_sealed(&self) -> bool {
        true
    }

    fn seal(&self) -> Result<(), StoreError> {
        Ok(())
    }

    fn staging(&self) -> Result<Box<dyn FullStaging + '_>, StoreError> {
        Ok(Box::new(self.begin_staging(true)))
    }

    fn commit(&self, staging: Box<dyn FullStaging + '_>, reading: &Reading) -> Result<(), StoreError> {
        let mut state = self.state();
        let staged = state.take_staged(staging.ticket(), true)?;
        state.users.retain(|id, _| staged.unreadable.contains_key(id));
        state.groups.retain(|id, _| staged.unreadable.contains_key(id));
        state.users.extend(staged.users);
        state.groups.extend(staged.groups);
        state.unreadable = staged.unreadable;
        state.certificate = Some(reading.certificate().clone());
        state.place = reading.place().cloned();
        state.generation += 1;
        Ok(())
    }

    fn staging_changes(&self) -> Result<Box<dyn Staging + '_>, StoreError> {
        Ok(Box::new(self.begin_staging(false)))
    }

    fn commit_changes(&self, staging: Box<dyn Staging + '_>, increment: &Increment) -> Result<(), StoreError> {
        let mut state = self.state();
        let staged = state.take_staged(staging.ticket(), false)?;
        state.unreadable.retain(|id, _| !staged.users.contains_key(id) && !staged.groups.contains_key(id));
        state.users.extend(staged.users);
        state.groups.extend(staged.groups);
        state.unreadable.extend(staged.unreadable);
        state.place = Some(increment.place().clone());
        state.generation += 1;
        Ok(())
    }

    fn place(&self) -> Result<Option<Place>, StoreError> {
        Ok(self.state().place.clone())
    }

    fn forget_place(&self) -> Result<(), StoreError> {
        self.state().place = None;
        Ok(())
    }

    fn certificate(&self) -> Result<Option<Certificate>, StoreError> {
        Ok(self.state().certificate.clone())
    }

    fn users(&self) -> Records<'_, DirectoryUser> {
        Self::all(&self.state().users)
    }

    fn user(&self, id: &DirectoryId) -> Result<Option<DirectoryUser>, StoreError> {
        Ok(self.state().users.get(id).cloned())
    }

    fn groups(&self) -> Records<'_, DirectoryGroup> {
        Self::all(&self.state().groups)
    }

    fn unreadable(&self) -> Result<Vec<Unreadable>, StoreError> {
        Ok(self.state().unreadable.values().cloned().collect())
    }

    fn accounts(&self) -> Records<'_, LedgerAccount> {
        Self::all(&self.state().ledger.accounts)
    }

    fn account(&self, user: &DirectoryId) -> Result<Option<LedgerAccount>, StoreError> {
        Ok(self.state().ledger.accounts.get(user).cloned())
    }

    fn ledger_groups(&self) -> Records<'_, LedgerGroup> {
        Self::all(&self.state().ledger.groups)
    }

    fn ledger_group(&self, key: &GroupKey) -> Result<Option<LedgerGroup>, StoreError> {
        Ok(self.state().ledger.groups.get(key).cloned())
    }

    fn fact(&self, name: &str) -> Result<Option<serde_json::Value>, StoreError> {
        Ok(self.state().facts.get(name).cloned())
    }

    fn set_fact(&self, name: &str, value: &serde_json::Value) -> Result<(), StoreError> {
        self.state().facts.insert(name.to_owned(), value.clone());
        Ok(())
    }

    fn record_run(&self, id: &str, record: &serde_json::Value) -> Result<(), StoreError> {
        let mut state = self.state();
        state.runs.insert(id.to_owned(), record.clone());
        while state.runs.len() > runs::KEPT {
            state.runs.pop_first();
        }
        for record in state.runs.values_mut().rev().skip(runs::WITH_PLAN) {
            if record.to_string().len() > runs::BULKY {
                *record = runs::without_plan(record.take());
            }
        }
        Ok(())
    }

    fn runs(&self, most: usize) -> Result<Vec<(String, serde_json::Value)>, StoreError> {
        Ok(self.state().runs.iter().rev().take(most).map(|(id, record)| (id.clone(), record.clone())).collect())
    }

    fn run(&self, id: &str) -> Result<Option<(String, serde_json::Value)>, StoreError> {
        let state = self.state();
        let id = runs::pick(state.runs.keys().map(String::as_str), id);
        Ok(id.and_then(|id| state.runs.get(id).map(|record| (id.to_owned(), record.clone()))))
    }

    fn begin(&self, intents: Vec<Intent>) -> Result<Vec<u64>, JournalError> {
        let mut state = self.state();
        let mut sequences = Vec::with_capacity(intents.len());
        for intent in intents {
            state.next_intent += 1;
            let sequence = state.next_intent;
            state.intents.insert(sequence, intent);
            sequences.push(sequence);
        }
        Ok(sequences)
    }

    fn settle(&self, settlements: Vec<(u64, Option<Settlement>)>) -> Result<(), JournalError> {
        let mut state = self.state();
        for (sequence, settled) in settlements {
            state.intents.remove(&sequence);
            if let Some(settled) = settled {
                settled.enter(&mut state.ledger);
                state.generation += 1;
            }
        }
        Ok(())
    }

    fn unsettled(&self) -> Result<Vec<(u64, Intent)>, JournalError> {
        Ok(self.state().intents.iter().map(|(sequence, intent)| (*sequence, intent.clone())).collect())
    }
}

/// The handle that a reading is given.
struct MemoryStaging<'a> {
    store: &'a MemoryStore,
    ticket: u64,
}

impl MemoryStaging<'_> {
    fn with<T>(&self, work: impl FnOnce(&mut Staged, &State) -> T) -> Result<T, StagingError> {
        let mut state = self.store.state();
        let Some(mut staged) = state.staged.take_if(|staged| staged.ticket == self.ticket) else {
            return Err(StagingError("another reading has begun since".into()));
        };
        let result = work(&mut staged, &state);
        state.staged = Some(staged);
        Ok(result)
    }
}

impl Staging for MemoryStaging<'_> {
    fn stage(&mut self, batch: Vec<Entry>) -> Result<(), StagingError> {
        self.with(|staged, _| {
            for entry in batch {
                match entry {
                    Entry::User(user) => {
                        staged.unreadable.remove(&user.id);
                        staged.users.insert(user.id.clone(), *user);
                    }
                    Entry::Group(group) => {
                        staged.unreadable.remove(&group.id);
                        staged.groups.insert(group.id.clone(), *group);
                    }
                    Entry::Unreadable(record) => {
                        staged.users.remove(&record.id);
                        staged.groups.remove(&record.id);
                        staged.unreadable.insert(record.id.clone(), record);
                    }
                }
            }
        })
    }

    fn staged(&self) -> (u64, u64) {
        self.with(|staged, _| (staged.users.len() as u64, staged.groups.len() as u64)).unwrap_or_default()
    }

    fn ticket(&self) -> u64 {
        self.ticket
    }
}

impl FullStaging for MemoryStaging<'_> {
    fn vanished(&mut self) -> Result<Vec<DirectoryId>, StagingError> {
        self.with(|staged, state| {
            let active = state.ledger.accounts.values().filter(|account| account.active).map(|account| &account.user);
            let expected: BTreeSet<&DirectoryId> = state.users.keys().chain(active).collect();
            let read = |id: &DirectoryId| staged.users.contains_key(id) || staged.unreadable.contains_key(id);
            expected.into_iter().filter(|id| !read(id)).cloned().collect()
        })
    }
}
