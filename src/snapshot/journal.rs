//! The journal over a store: one writer thread, and one flush for all who wait at the same time.
//!
//! A flush costs as much as the disk takes to sync, a batch nearly nothing. So the thread takes all requests that are
//! waiting, writes them, flushes once, and answers everybody. What begins builds on what ended before it, so the
//! ends go first. While it flushes, the next group gathers.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::{mpsc, oneshot};

use super::Intents;
use super::io::panic_text;
use crate::apply::{Intent, Journal, JournalError, JournalFailure, Settlement};

/// Requests that may wait; more wait outside.
const QUEUE: usize = 256;

type Answer<T> = oneshot::Sender<Result<T, JournalError>>;

/// Intents that end, by their numbers: with what became true, or abandoned.
type Ends = Vec<(u64, Option<Settlement>)>;

enum Request {
    Step(Ends, Vec<Intent>, Answer<Vec<u64>>),
    Unsettled(Answer<Vec<(u64, Intent)>>),
}

/// The journal of a store. Its thread ends when the journal is dropped and the last request is answered.
#[derive(Clone)]
pub struct StoreJournal {
    requests: mpsc::Sender<Request>,
}

impl StoreJournal {
    /// Starts the writer thread.
    ///
    /// # Errors
    ///
    /// If the system gives no thread.
    pub fn start(store: Arc<dyn Intents>) -> Result<Self, JournalError> {
        let (requests, queue) = mpsc::channel(QUEUE);
        std::thread::Builder::new().name("journal".into()).spawn(move || serve(&*store, queue)).map_err(|error| {
            JournalError::new(JournalFailure::Broken, format!("its writer thread cannot be started: {error}"))
        })?;
        Ok(Self { requests })
    }

    async fn ask<T>(&self, request: impl FnOnce(Answer<T>) -> Request) -> Result<T, JournalError> {
        let gone = || JournalError::new(JournalFailure::Broken, "its writer thread has ended");
        let (answer, answered) = oneshot::channel();
        self.requests.send(request(answer)).await.map_err(|_| gone())?;
        answered.await.map_err(|_| gone())?
    }
}

#[async_trait]
impl Journal for StoreJournal {
    async fn settle_and_begin(&self, ended: Ends, begun: Vec<Intent>) -> Result<Vec<u64>, JournalError> {
        self.ask(|answer| Request::Step(ended, begun, answer)).await
    }

    async fn unsettled(&self) -> Result<Vec<(u64, Intent)>, JournalError> {
        self.ask(Request::Unsettled).await
    }
}

fn serve(store: &dyn Intents, mut queue: mpsc::Receiver<Request>) {
    while let Some(first) = queue.blocking_recv() {
        let mut group = vec![first];
        while let Ok(next) = queue.try_recv() {
            group.push(next);
        }
        answer(store, group);
    }
}

/// All steps that wait are one: everything that ended, then everything that begins.
fn answer(store: &dyn Intents, group: Vec<Request>) {
    let (mut ended, mut begun) = (Vec::new(), Vec::new());
    let (mut steppers, mut askers) = (Vec::new(), Vec::new());
    for request in group {
        match request {
            Request::Step(ends, begins, answer) => {
                steppers.push((begins.len(), answer));
                ended.extend(ends);
                begun.extend(begins);
            }
            Request::Unsettled(answer) => askers.push(answer),
        }
    }
    if !steppers.is_empty() {
        let result = guarded(|| store.settle_and_begin(ended, begun));
        let mut numbers = result.as_deref().unwrap_or_default().iter().copied();
        for (count, answer) in steppers {
            let mine = numbers.by_ref().take(count).collect();
            drop(answer.send(result.clone().map(|_| mine)));
        }
    }
    for answer in askers {
        let _ = answer.send(guarded(|| store.unsettled()));
    }
}

/// A panic of the store is an error of the journal, and the thread lives on to say so to everybody.
fn guarded<T>(work: impl FnOnce() -> Result<T, JournalError>) -> Result<T, JournalError> {
    catch_unwind(AssertUnwindSafe(work))
        .unwrap_or_else(|panic| Err(JournalError::new(JournalFailure::Broken, panic_text(&*panic))))
}
