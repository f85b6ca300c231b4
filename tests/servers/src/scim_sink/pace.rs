//! The limit on calls: a bucket that fills with so many tokens a second and holds one second's worth.

use std::time::{Duration, Instant};

/// What is left of this second's calls.
#[derive(Debug)]
pub(super) struct Pace {
    per_second: u32,
    left: f64,
    since: Instant,
}

impl Pace {
    /// A full bucket; at least one call a second.
    pub(super) fn new(per_second: u32, now: Instant) -> Self {
        let per_second = per_second.max(1);
        Self { per_second, left: f64::from(per_second), since: now }
    }

    /// Takes one call out; else says how many whole seconds to wait.
    pub(super) fn take(&mut self, now: Instant) -> Result<(), u64> {
        let rate = f64::from(self.per_second);
        let passed = now.saturating_duration_since(self.since).as_secs_f64();
        self.since = now;
        self.left = (self.left + passed * rate).min(rate);
        if self.left >= 1.0 {
            self.left -= 1.0;
            return Ok(());
        }
        let wait = Duration::from_secs_f64((1.0 - self.left) / rate);
        Err(wait.as_secs() + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beyond_the_limit_it_says_how_long_to_wait_and_a_second_later_there_is_room_again() {
        let start = Instant::now();
        let mut pace = Pace::new(3, start);
        let taken = |pace: &mut Pace, at: Instant| (0..10).filter(|_| pace.take(at).is_ok()).count();
        assert_eq!(taken(&mut pace, start), 3);
        assert_eq!(pace.take(start), Err(1));
        assert_eq!(taken(&mut pace, start + Duration::from_millis(400)), 1);
        assert_eq!(taken(&mut pace, start + Duration::from_secs(60)), 3, "what was not used is not saved up");
    }
}
