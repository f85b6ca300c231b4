//! How much waits for a client that reads slowly.

use std::io;
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

/// So many frames may wait before a long text does.
const ROOM: usize = 8;

/// How many frames wait for a client.
#[derive(Default)]
pub(super) struct Backlog {
    state: Mutex<State>,
    moved: Condvar,
}

#[derive(Default)]
struct State {
    waiting: usize,
    /// Whether the client does not read any more, so that what is sent goes nowhere.
    lost: bool,
}

impl Backlog {
    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner));
        self.moved.notify_all();
    }

    /// One more waits.
    pub(super) fn comes(&self) {
        self.change(|state| state.waiting += 1);
    }

    /// One was written.
    pub(super) fn goes(&self) {
        self.change(|state| state.waiting = state.waiting.saturating_sub(1));
    }

    /// Nobody reads any more.
    pub(super) fn nobody_reads(&self) {
        self.change(|state| state.lost = true);
    }

    /// How many wait.
    pub(super) fn waiting(&self) -> usize {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).waiting
    }

    /// Waits until there is room for another piece of a long text.
    ///
    /// # Errors
    ///
    /// If nobody reads any more, or there was none for so long.
    pub(super) fn room(&self, patience: Duration) -> io::Result<()> {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let is_full = |state: &mut State| state.waiting >= ROOM && !state.lost;
        let waited = self.moved.wait_timeout_while(state, patience, is_full);
        let (state, waited) = waited.unwrap_or_else(PoisonError::into_inner);
        if state.lost || waited.timed_out() { Err(gone()) } else { Ok(()) }
    }
}

pub(super) fn gone() -> io::Error {
    io::Error::new(io::ErrorKind::BrokenPipe, "whoever gave the command is not there any more; nothing was changed")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_waits_for_a_slow_client_and_for_none_that_is_gone() {
        let backlog = Backlog::default();
        (0..ROOM).for_each(|_| backlog.comes());
        assert!(backlog.room(Duration::from_millis(1)).is_err(), "nobody read anything");
        std::thread::scope(|scope| {
            scope.spawn(|| backlog.goes());
            backlog.room(Duration::from_secs(60)).unwrap();
        });
        backlog.comes();
        std::thread::scope(|scope| {
            scope.spawn(|| backlog.nobody_reads());
            assert!(backlog.room(Duration::from_secs(60)).is_err());
        });
    }
}
