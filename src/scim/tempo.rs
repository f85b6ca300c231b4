//! How many requests a minute the target really took while it was written to.
//!
//! Only the time counts in which writes are under way, so that what lies between two of them does not make the target
//! look slow.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Fewer requests than these say little about how fast a target is.
const ENOUGH: u64 = 100;

/// What was measured so far.
#[derive(Debug, Default)]
pub(super) struct Tempo(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    under_way: u32,
    began: Option<(Instant, u64)>,
    busy: Duration,
    calls: u64,
}

impl Tempo {
    /// A write begins; so many requests were sent before.
    pub(super) fn begins(&self, sent: u64) {
        let mut state = self.state();
        if state.under_way == 0 {
            state.began = Some((Instant::now(), sent));
        }
        state.under_way += 1;
    }

    /// A write ended; so many requests were sent by now.
    pub(super) fn ended(&self, sent: u64) {
        let mut state = self.state();
        state.under_way = state.under_way.saturating_sub(1);
        if state.under_way == 0
            && let Some((began, before)) = state.began.take()
        {
            state.busy += began.elapsed();
            state.calls += sent.saturating_sub(before);
        }
    }

    /// Requests a minute, to two digits; nothing if there were too few.
    pub(super) fn per_minute(&self) -> Option<u32> {
        let state = self.state();
        per_minute(state.calls, state.busy)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Two digits, so that a run like the last one teaches nothing new.
fn per_minute(calls: u64, busy: Duration) -> Option<u32> {
    let millis = u64::try_from(busy.as_millis()).ok().filter(|millis| *millis > 0 && calls >= ENOUGH)?;
    let exact = calls.saturating_mul(60_000) / millis;
    let unit = 10_u64.pow(exact.max(1).ilog10().saturating_sub(1));
    u32::try_from(exact / unit * unit).ok().filter(|rate| *rate > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_has_two_digits_and_a_handful_of_requests_has_none() {
        assert_eq!(per_minute(4_000, Duration::from_secs(10)), Some(24_000));
        assert_eq!(per_minute(4_123, Duration::from_secs(10)), Some(24_000));
        assert_eq!(per_minute(100, Duration::from_secs(1_000)), Some(6));
        assert_eq!(per_minute(99, Duration::from_secs(1)), None);
        assert_eq!(per_minute(100, Duration::ZERO), None);
    }

    #[test]
    fn what_was_sent_before_the_first_write_does_not_count() {
        let tempo = Tempo::default();
        tempo.begins(5_000);
        tempo.begins(5_001);
        tempo.ended(5_050);
        tempo.ended(5_099);
        assert_eq!(tempo.per_minute(), None);
    }
}
