//! The journal over a store.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::sample::{account, id, intent};
use crate::apply::{Journal as _, Settlement};
use crate::snapshot::{MemoryStore, SledStore, Store, StoreJournal};

fn settled(owner: &str) -> Settlement {
    Settlement { accounts: vec![account(owner, "t-1")], ..Settlement::default() }
}

#[tokio::test]
async fn what_was_begun_and_settled_is_in_the_store() {
    let directory = tempfile::tempdir().unwrap();
    let store: Arc<dyn Store> = Arc::new(SledStore::open(directory.path()).unwrap());
    let journal = StoreJournal::start(Arc::clone(&store)).unwrap();
    let writes = (0..200).map(|number| {
        let (journal, owner) = (journal.clone(), format!("u{number}"));
        tokio::spawn(async move {
            let sequence = journal.begin(intent(&owner)).await.unwrap();
            match number % 2 {
                0 => journal.settle(sequence, settled(&owner)).await.unwrap(),
                _ => journal.abandon(sequence).await.unwrap(),
            }
        })
    });
    for write in writes.collect::<Vec<_>>() {
        write.await.unwrap();
    }
    assert_eq!(journal.unsettled().await.unwrap(), []);
    assert_eq!(store.accounts().count(), 100);
    assert!(store.account(&id("u1")).unwrap().is_none());
}

/// A store that counts how often it is asked to begin, slowly enough for others to queue up.
struct Slow {
    inner: MemoryStore,
    begins: AtomicUsize,
}

#[tokio::test]
async fn those_who_wait_at_the_same_time_share_one_flush() {
    let slow = Arc::new(Slow { inner: MemoryStore::new(), begins: AtomicUsize::new(0) });
    let journal = StoreJournal::start(Arc::clone(&slow) as Arc<dyn Store>).unwrap();
    let writes: Vec<_> = (0..64)
        .map(|number| {
            let journal = journal.clone();
            tokio::spawn(async move { journal.begin(intent(&format!("u{number}"))).await.unwrap() })
        })
        .collect();
    let mut sequences = Vec::new();
    for write in writes {
        sequences.push(write.await.unwrap());
    }
    sequences.sort_unstable();
    sequences.dedup();
    assert_eq!(sequences.len(), 64, "each gets a sequence of its own");
    let begins = slow.begins.load(Ordering::SeqCst);
    assert!(begins < 32, "64 intents took {begins} flushes");
}

#[tokio::test]
async fn a_store_that_panics_is_an_error_and_not_the_end() {
    let slow = Arc::new(Slow { inner: MemoryStore::new(), begins: AtomicUsize::new(usize::MAX / 2) });
    let journal = StoreJournal::start(slow as Arc<dyn Store>).unwrap();
    assert!(journal.begin(intent("jane")).await.unwrap_err().to_string().contains("sled broke"));
    assert!(journal.unsettled().await.is_ok(), "the thread lives on");
}

mod slow {
    //! Everything but `begin` goes to the store in memory.

    use rollcall_kit::{Certificate, DirectoryGroup, DirectoryId, DirectoryUser, Unreadable};

    use super::{Ordering, Slow, Store};
    use crate::apply::{Intent, JournalError, Settlement};
    use crate::plan::{GroupKey, LedgerAccount, LedgerGroup};
    use crate::read::{FullStaging, Increment, Place, Reading, Staging};
    use crate::snapshot::{Records, StoreError};

    impl Store for Slow {
        fn begin(&self, intents: Vec<Intent>) -> Result<Vec<u64>, JournalError> {
            let before = self.begins.fetch_add(1, Ordering::SeqCst);
            assert!(before < usize::MAX / 2, "sled broke");
            std::thread::park_timeout(std::time::Duration::from_millis(20));
            self.inner.begin(intents)
        }
        fn settle(&self, settlements: Vec<(u64, Option<Settlement>)>) -> Result<(), JournalError> {
            self.inner.settle(settlements)
        }
        fn unsettled(&self) -> Result<Vec<(u64, Intent)>, JournalError> {
            self.inner.unsettled()
        }
        fn generation(&self) -> Result<u64, StoreError> {
            self.inner.generation()
        }
        fn is_sealed(&self) -> bool {
            self.inner.is_sealed()
        }
        fn seal(&self) -> Result<(), StoreError> {
            self.inner.seal()
        }
        fn staging(&self) -> Result<Box<dyn FullStaging + '_>, StoreError> {
            self.inner.staging()
        }
        fn commit(&self, staging: Box<dyn FullStaging + '_>, reading: &Reading) -> Result<(), StoreError> {
            self.inner.commit(staging, reading)
        }
        fn staging_changes(&self) -> Result<Box<dyn Staging + '_>, StoreError> {
            self.inner.staging_changes()
        }
        fn commit_changes(&self, staging: Box<dyn Staging + '_>, increment: &Increment) -> Result<(), StoreError> {
            self.inner.commit_changes(staging, increment)
        }
        fn place(&self) -> Result<Option<Place>, StoreError> {
            self.inner.place()
        }
        fn forget_place(&self) -> Result<(), StoreError> {
            self.inner.forget_place()
        }
        fn certificate(&self) -> Result<Option<Certificate>, StoreError> {
            self.inner.certificate()
        }
        fn users(&self) -> Records<'_, DirectoryUser> {
            self.inner.users()
        }
        fn user(&self, id: &DirectoryId) -> Result<Option<DirectoryUser>, StoreError> {
            self.inner.user(id)
        }
        fn groups(&self) -> Records<'_, DirectoryGroup> {
            self.inner.groups()
        }
        fn unreadable(&self) -> Result<Vec<Unreadable>, StoreError> {
            self.inner.unreadable()
        }
        fn accounts(&self) -> Records<'_, LedgerAccount> {
            self.inner.accounts()
        }
        fn account(&self, user: &DirectoryId) -> Result<Option<LedgerAccount>, StoreError> {
            self.inner.account(user)
        }
        fn ledger_groups(&self) -> Records<'_, LedgerGroup> {
            self.inner.ledger_groups()
        }
        fn ledger_group(&self, key: &GroupKey) -> Result<Option<LedgerGroup>, StoreError> {
            self.inner.ledger_group(key)
        }
        fn fact(&self, name: &str) -> Result<Option<serde_json::Value>, StoreError> {
            self.inner.fact(name)
        }
        fn set_fact(&self, name: &str, value: &serde_json::Value) -> Result<(), StoreError> {
            self.inner.set_fact(name, value)
        }
        fn record_run(&self, id: &str, record: &serde_json::Value) -> Result<(), StoreError> {
            self.inner.record_run(id, record)
        }
        fn runs(&self, most: usize) -> Result<Vec<(String, serde_json::Value)>, StoreError> {
            self.inner.runs(most)
        }
        fn run(&self, id: &str) -> Result<Option<(String, serde_json::Value)>, StoreError> {
            self.inner.run(id)
        }
    }
}
