//! An even pace: no more requests a minute than we were told to send, whatever the answers say.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// When the next request may be sent.
#[derive(Debug)]
pub(super) struct Pace {
    step: Duration,
    next: Mutex<Option<Instant>>,
}

impl Pace {
    /// A pace of so many requests a minute, at least one.
    pub(super) fn new(per_minute: u32) -> Self {
        Self { step: Duration::from_secs(60) / per_minute.max(1), next: Mutex::new(None) }
    }

    /// Waits for a turn of its own. Turns that nobody took are lost, so that no burst follows a quiet time.
    pub(super) async fn pass(&self) {
        let turn = {
            let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
            let now = Instant::now();
            let turn = next.map_or(now, |next| next.max(now));
            *next = turn.checked_add(self.step);
            turn
        };
        tokio::time::sleep_until(turn).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn requests_go_out_evenly_however_many_ask_at_once() {
        let (pace, began) = (Pace::new(120), Instant::now());
        futures::future::join_all((0..9).map(|_| pace.pass())).await;
        assert_eq!(began.elapsed(), Duration::from_secs(4), "the ninth waits for eight steps of half a second");
    }

    #[tokio::test(start_paused = true)]
    async fn a_quiet_time_is_not_saved_up() {
        let pace = Pace::new(60);
        pace.pass().await;
        tokio::time::sleep(Duration::from_secs(30)).await;
        let began = Instant::now();
        pace.pass().await;
        pace.pass().await;
        pace.pass().await;
        assert_eq!(began.elapsed(), Duration::from_secs(2));
    }
}
