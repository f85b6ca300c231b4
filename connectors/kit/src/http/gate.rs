//! One pause for all clones of a client.
//!
//! A server that tells one request to wait means the whole caller: the others would only be refused too, and some
//! providers lengthen the pause of whoever goes on knocking. A provider that counts its endpoints apart is given one
//! gate for each.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// The gates of a client, one for each class of requests.
#[derive(Debug, Default)]
pub(super) struct Gates(Mutex<BTreeMap<&'static str, Arc<Gate>>>);

impl Gates {
    /// The gate of a class.
    pub(super) fn of(&self, class: &'static str) -> Arc<Gate> {
        Arc::clone(self.0.lock().unwrap_or_else(PoisonError::into_inner).entry(class).or_default())
    }
}

/// Closed until the moment to which the server asked us to wait.
#[derive(Debug, Default)]
pub(super) struct Gate(Mutex<Option<Instant>>);

impl Gate {
    /// Closes the gate from now on for at least this long. A shorter pause never opens it earlier.
    pub(super) fn close_for(&self, pause: Duration) {
        let until = Instant::now().checked_add(pause);
        let mut opens = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *opens = until.max(*opens);
    }

    /// Waits until the gate is open.
    ///
    /// # Errors
    ///
    /// The remaining time, at once, if it is longer than `longest`.
    pub(super) async fn pass(&self, longest: Duration) -> Result<(), Duration> {
        while let Some(opens) = self.closed_until() {
            let remaining = opens.saturating_duration_since(Instant::now());
            if remaining > longest {
                return Err(remaining);
            }
            tokio::time::sleep_until(opens).await;
        }
        Ok(())
    }

    /// Whether nobody has to wait now.
    pub(super) fn is_open(&self) -> bool {
        self.closed_until().is_none()
    }

    /// When the gate opens, if it is closed now.
    fn closed_until(&self) -> Option<Instant> {
        let opens = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        opens.filter(|opens| *opens > Instant::now())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    #[tokio::test(start_paused = true)]
    async fn an_open_gate_is_passed_at_once() {
        let before = Instant::now();
        Gate::default().pass(MINUTE).await.unwrap();
        assert_eq!(before.elapsed(), Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn a_closed_gate_is_passed_exactly_when_it_opens() {
        let (gate, before) = (Gate::default(), Instant::now());
        gate.close_for(Duration::from_secs(7));
        gate.pass(MINUTE).await.unwrap();
        assert_eq!(before.elapsed(), Duration::from_secs(7));
    }

    #[tokio::test(start_paused = true)]
    async fn a_shorter_pause_does_not_open_the_gate_earlier() {
        let (gate, before) = (Gate::default(), Instant::now());
        gate.close_for(Duration::from_secs(7));
        gate.close_for(Duration::from_secs(2));
        gate.pass(MINUTE).await.unwrap();
        assert_eq!(before.elapsed(), Duration::from_secs(7));
    }

    #[tokio::test(start_paused = true)]
    async fn a_pause_that_is_lengthened_while_somebody_waits_is_waited_whole() {
        let (gate, before) = (std::sync::Arc::new(Gate::default()), Instant::now());
        gate.close_for(Duration::from_secs(5));
        let other = std::sync::Arc::clone(&gate);
        let lengthen = async move {
            tokio::time::sleep(Duration::from_secs(3)).await;
            other.close_for(Duration::from_secs(5));
        };
        let (passed, ()) = tokio::join!(gate.pass(MINUTE), lengthen);
        passed.unwrap();
        assert_eq!(before.elapsed(), Duration::from_secs(8));
    }

    #[tokio::test(start_paused = true)]
    async fn a_pause_beyond_the_bound_is_not_waited_for() {
        let (gate, before) = (Gate::default(), Instant::now());
        gate.close_for(MINUTE * 2);
        assert_eq!(gate.pass(MINUTE).await, Err(MINUTE * 2));
        assert_eq!(before.elapsed(), Duration::ZERO);
    }
}
