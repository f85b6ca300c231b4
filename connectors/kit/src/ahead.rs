//! What is fetched before its turn, in order and within a budget.
//!
//! Groups come after users, but they can be fetched while users are: they wait here until it is their turn. How much may
//! wait is told by weight, because groups differ in size by a factor of a hundred thousand; when the budget is used up,
//! the fetching waits.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

use crate::ReadError;

/// A way for things that wait for their turn, all of which weigh no more than `budget` together. A single one that is
/// heavier has the way to itself.
#[must_use]
pub fn channel<T>(budget: u32) -> (Sender<T>, Receiver<T>) {
    let (sender, receiver) = mpsc::unbounded_channel();
    let budget = budget.max(1);
    (Sender { sender, free: Arc::new(Semaphore::new(budget as usize)), budget }, Receiver(receiver))
}

/// Where things are put.
pub struct Sender<T> {
    sender: mpsc::UnboundedSender<(T, OwnedSemaphorePermit)>,
    free: Arc<Semaphore>,
    budget: u32,
}

/// Where they are taken from, in the order in which they were put.
pub struct Receiver<T>(mpsc::UnboundedReceiver<(T, OwnedSemaphorePermit)>);

impl<T> Sender<T> {
    /// Puts something of this weight, once there is room for it. What weighs nothing counts as one.
    ///
    /// # Errors
    ///
    /// [`ReadError::Cancelled`] if nobody takes anything any more.
    pub async fn put(&self, thing: T, weight: usize) -> Result<(), ReadError> {
        let weight = u32::try_from(weight).unwrap_or(u32::MAX).clamp(1, self.budget);
        let room = Arc::clone(&self.free).acquire_many_owned(weight).await.map_err(|_| ReadError::Cancelled)?;
        self.sender.send((thing, room)).map_err(|_| ReadError::Cancelled)
    }
}

impl<T> Receiver<T> {
    /// Takes the next thing, whose room is free from then on; nothing when all were put and taken.
    pub async fn take(&mut self) -> Option<T> {
        self.0.recv().await.map(|(thing, _room)| thing)
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::*;

    #[tokio::test]
    async fn things_come_out_as_they_were_put_and_then_no_more() {
        let (sender, mut receiver) = channel(10);
        sender.put("a", 3).await.unwrap();
        sender.put("b", 0).await.unwrap();
        drop(sender);
        assert_eq!((receiver.take().await, receiver.take().await, receiver.take().await), (Some("a"), Some("b"), None));
    }

    #[tokio::test]
    async fn what_does_not_fit_the_budget_waits_until_something_is_taken() {
        let (sender, mut receiver) = channel(10);
        sender.put("a", 6).await.unwrap();
        assert!(sender.put("b", 5).now_or_never().is_none());
        assert_eq!(receiver.take().await, Some("a"));
        sender.put("c", 5).now_or_never().unwrap().unwrap();
    }

    #[tokio::test]
    async fn what_is_heavier_than_the_budget_has_the_way_to_itself() {
        let (sender, mut receiver) = channel(10);
        sender.put("heavy", usize::MAX).now_or_never().unwrap().unwrap();
        assert!(sender.put("light", 1).now_or_never().is_none());
        assert_eq!(receiver.take().await, Some("heavy"));
    }

    #[tokio::test]
    async fn whoever_puts_for_nobody_is_told() {
        let (sender, receiver) = channel(1);
        sender.put("a", 1).await.unwrap();
        drop(receiver);
        assert!(matches!(sender.put("b", 1).await, Err(ReadError::Cancelled)));
    }
}
