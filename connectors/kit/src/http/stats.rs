//! What a client did so far, counted for metrics and for the last line of a report.

use std::sync::atomic::{AtomicU64, Ordering};

/// What a client and all its clones did so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Requests sent, repeated ones included.
    pub calls: u64,
    /// How many of them were repeated.
    pub retries: u64,
    /// How often the server asked for a pause.
    pub waits: u64,
}

/// The counters behind [`Stats`].
#[derive(Debug, Default)]
pub(super) struct Counters {
    calls: AtomicU64,
    retries: AtomicU64,
    waits: AtomicU64,
}

impl Counters {
    /// Counts a request that is sent for the `attempt`th time, from 1.
    pub(super) fn sent(&self, attempt: u32) {
        self.calls.fetch_add(1, Ordering::Relaxed);
        if attempt > 1 {
            self.retries.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Counts a pause that the server asked for.
    pub(super) fn told_to_wait(&self) {
        self.waits.fetch_add(1, Ordering::Relaxed);
    }

    /// The counts now.
    pub(super) fn read(&self) -> Stats {
        Stats {
            calls: self.calls.load(Ordering::Relaxed),
            retries: self.retries.load(Ordering::Relaxed),
            waits: self.waits.load(Ordering::Relaxed),
        }
    }
}
