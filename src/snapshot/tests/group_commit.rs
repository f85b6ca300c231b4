//! The journal over a store.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::sample::{account, id, intent};
use crate::apply::{Intent, Journal as _, JournalError, Settlement};
use crate::snapshot::{Intents, Ledger as _, MemoryStore, SledStore, StoreJournal};

fn settled(owner: &str) -> Settlement {
    Settlement { accounts: vec![account(owner, "t-1")], ..Settlement::default() }
}

#[tokio::test]
async fn what_was_begun_and_settled_is_in_the_store() {
    let directory = tempfile::tempdir().unwrap();
    let store = Arc::new(SledStore::open(directory.path()).unwrap());
    let journal = StoreJournal::start(Arc::clone(&store) as Arc<dyn Intents>).unwrap();
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
    let journal = StoreJournal::start(Arc::clone(&slow) as Arc<dyn Intents>).unwrap();
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
    let journal = StoreJournal::start(slow).unwrap();
    assert!(journal.begin(intent("jane")).await.unwrap_err().to_string().contains("sled broke"));
    assert!(journal.unsettled().await.is_ok(), "the thread lives on");
}

impl Intents for Slow {
    fn begin(&self, intents: Vec<Intent>) -> Result<Vec<u64>, JournalError> {
        let before = self.begins.fetch_add(1, Ordering::SeqCst);
        assert!(before < usize::MAX / 2, "sled broke");
        std::thread::park_timeout(std::time::Duration::from_millis(20));
        self.inner.begin(intents)
    }

    fn settle(&self, settlements: Vec<(u64, Option<Settlement>)>) -> Result<(), JournalError> {
        self.inner.settle(settlements)
    }

    fn settle_and_begin(
        &self,
        settlements: Vec<(u64, Option<Settlement>)>,
        intents: Vec<Intent>,
    ) -> Result<Vec<u64>, JournalError> {
        self.settle(settlements)?;
        self.begin(intents)
    }

    fn unsettled(&self) -> Result<Vec<(u64, Intent)>, JournalError> {
        self.inner.unsettled()
    }
}
