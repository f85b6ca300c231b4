//! Keeps the book, and sends what waits until it is received.
//!
//! What has to be told is in the file before it is sent, and leaves it after it was received: a crash in between sends a
//! notice twice, with the same id, and never loses one. Each channel is sent its notices in their order; one that does
//! not answer holds up no other.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::Notify;

use super::book::{Observation, Pace};
use super::channel::Channel;
use super::keep::{self, Kept, Waiting};
use super::notice::Notice;
use super::settings::NotifySettings;

pub use super::keep::NotifyError;

/// The name of the file below the state directory. No organization can be called so: a dot begins it.
const FILE: &str = ".notices.json";

/// The longest pause between two attempts.
const LONGEST_PAUSE: SignedDuration = SignedDuration::from_hours(1);

/// After so long a notice is no news any more and is given up.
const GIVEN_UP_AFTER: SignedDuration = SignedDuration::from_hours(72);

/// So many notices wait at most. More than that is a channel that nobody repairs.
const MOST_WAITING: usize = 2000;

/// Tells people what the daemon observes.
pub struct Notifier {
    path: PathBuf,
    kept: Mutex<Kept>,
    settings: Mutex<Arc<NotifySettings>>,
    wake: Notify,
    deliveries: Mutex<Deliveries>,
}

/// How many deliveries were tried since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Deliveries {
    /// Received.
    pub received: u64,
    /// Not received, and tried again or given up.
    pub failed: u64,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Notifier {
    /// Takes the book up where it was left.
    ///
    /// # Errors
    ///
    /// If the file in the state directory cannot be read.
    pub fn open(state_dir: &Path, settings: NotifySettings) -> Result<Self, NotifyError> {
        let path = state_dir.join(FILE);
        let kept = keep::read(&path)?;
        Ok(Self {
            path,
            kept: Mutex::new(kept),
            settings: Mutex::new(Arc::new(settings)),
            wake: Notify::new(),
            deliveries: Mutex::default(),
        })
    }

    /// Goes on with other settings, and forgets organizations that are gone.
    pub fn configure(&self, settings: NotifySettings, organizations: &BTreeSet<String>) {
        *lock(&self.settings) = Arc::new(settings);
        let mut kept = lock(&self.kept);
        kept.book.keep_only(organizations);
        self.save(&kept);
        drop(kept);
        self.wake.notify_one();
    }

    /// Notes what was observed, and puts what has to be told because of it in line for every channel that takes it.
    pub fn observe(&self, organization: &str, at: Timestamp, observation: Observation) -> Vec<Notice> {
        let settings = self.settings();
        let pace = Pace { failed_after: settings.failed_after, expiry_days: settings.expiry_days() };
        let mut kept = lock(&self.kept);
        let before = kept.book.clone();
        let notices = kept.book.observe(organization, at, observation, &pace);
        for notice in &notices {
            tracing::info!(organization, kind = notice.kind.word(), id = notice.id, "{}", notice.title);
            for channel in Channel::all(&settings).into_iter().filter(|channel| channel.taste().takes(notice)) {
                kept.waiting.push(Waiting { channel: channel.id(), notice: notice.clone(), attempts: 0, next: at });
            }
        }
        let excess = kept.waiting.len().saturating_sub(MOST_WAITING);
        if excess > 0 {
            tracing::warn!(dropped = excess, "too many notices wait to be received; the oldest are given up");
            kept.waiting.drain(..excess);
        }
        if kept.book != before || !notices.is_empty() {
            self.save(&kept);
        }
        drop(kept);
        self.wake.notify_one();
        notices
    }

    /// How many deliveries wait.
    #[must_use]
    pub fn waiting(&self) -> usize {
        lock(&self.kept).waiting.len()
    }

    /// How many deliveries were tried since the start.
    #[must_use]
    pub fn deliveries(&self) -> Deliveries {
        *lock(&self.deliveries)
    }

    /// Sends what waits as it comes due, for as long as it is polled.
    pub async fn run(&self) {
        loop {
            let next = self.deliver_due(Timestamp::now()).await;
            let pause = next.map_or(Duration::from_secs(3600), |next| {
                Duration::try_from(next.duration_since(Timestamp::now())).unwrap_or_default()
            });
            // Whatever the clock says, a second lies between two rounds of attempts.
            let _ = tokio::time::timeout(pause.max(Duration::from_secs(1)), self.wake.notified()).await;
        }
    }

    /// Tries everything that is due, each channel by itself; yields when the next attempt is.
    pub async fn deliver_due(&self, now: Timestamp) -> Option<Timestamp> {
        let settings = self.settings();
        let channels = Channel::all(&settings);
        let known: BTreeSet<String> = channels.iter().map(|channel| channel.id()).collect();
        self.change(|kept| kept.waiting.retain(|waiting| known.contains(&waiting.channel)));
        futures::future::join_all(channels.into_iter().map(|channel| self.serve(channel, now))).await;
        // What is not first in line waits for the first.
        let kept = lock(&self.kept);
        let firsts = known.iter().filter_map(|id| kept.waiting.iter().find(|waiting| waiting.channel == *id));
        firsts.map(|waiting| waiting.next).min()
    }

    /// Sends a channel what waits for it, until there is nothing or one is not received.
    async fn serve(&self, channel: Channel<'_>, now: Timestamp) {
        let id = channel.id();
        loop {
            let first = lock(&self.kept).waiting.iter().find(|waiting| waiting.channel == id).cloned();
            let Some(waiting) = first.filter(|waiting| waiting.next <= now) else { return };
            let outcome = channel.deliver(&waiting.notice).await;
            let mut deliveries = lock(&self.deliveries);
            *(if outcome.is_ok() { &mut deliveries.received } else { &mut deliveries.failed }) += 1;
            drop(deliveries);
            let Err(reason) = outcome else {
                self.change(|kept| kept.waiting.retain(|other| !is_same(other, &waiting)));
                continue;
            };
            let label = channel.label();
            let (notice, attempt) = (&waiting.notice.id, waiting.attempts + 1);
            if now.duration_since(waiting.notice.at) > GIVEN_UP_AFTER {
                tracing::warn!(notice, attempt, "{label} did not receive a notice for three days; it is given up");
                self.change(|kept| kept.waiting.retain(|other| !is_same(other, &waiting)));
                continue;
            }
            tracing::warn!(notice, attempt, "{label} did not receive a notice, which is tried again: {reason}");
            self.change(|kept| {
                for other in kept.waiting.iter_mut().filter(|other| is_same(other, &waiting)) {
                    other.attempts = attempt;
                    other.next = later(now, attempt);
                }
            });
            return;
        }
    }

    fn settings(&self) -> Arc<NotifySettings> {
        Arc::clone(&lock(&self.settings))
    }

    fn change(&self, change: impl FnOnce(&mut Kept)) {
        let mut kept = lock(&self.kept);
        let before = kept.waiting.clone();
        change(&mut kept);
        if kept.waiting != before {
            self.save(&kept);
        }
    }

    /// A full disk must not keep people from being told: what cannot be kept is still sent.
    fn save(&self, kept: &Kept) {
        if let Err(error) = keep::write(&self.path, kept) {
            tracing::warn!("{error}; after a restart some things are told again");
        }
    }
}

fn is_same(one: &Waiting, other: &Waiting) -> bool {
    one.channel == other.channel && one.notice.id == other.notice.id
}

/// When a delivery that failed so often is tried again: after a minute, then twice as long each time.
fn later(now: Timestamp, attempts: u32) -> Timestamp {
    let minutes = 1_i64 << (attempts.saturating_sub(1)).min(6);
    let pause = SignedDuration::from_mins(minutes).min(LONGEST_PAUSE);
    now.checked_add(pause).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use super::super::book::{Reason, RunEnd};
    use super::super::settings::CommandSettings;
    use super::*;

    fn held() -> Observation {
        let reasons = vec![Reason { code: "first-plan".to_owned(), sentence: "It is the first.".to_owned() }];
        let end = RunEnd::Held { plan: "0123456789abcdef".to_owned(), changes: 6, reasons };
        Observation::Run { run: "run-1".to_owned(), end }
    }

    /// Settings that tell a program of the test's own.
    fn telling(folder: &Path, script: &str) -> NotifySettings {
        let command = CommandSettings {
            program: "/bin/sh".into(),
            arguments: vec!["-c".to_owned(), format!("cd '{}' && {script}", folder.display())],
            timeout: rollcall_kit::HumanDuration::seconds(10),
            kinds: Vec::new(),
            organizations: Vec::new(),
        };
        NotifySettings { command: vec![command], ..NotifySettings::default() }
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + seconds).unwrap()
    }

    #[tokio::test]
    async fn a_notice_that_was_not_received_survives_a_restart_and_is_sent_once() {
        let folder = tempfile::tempdir().unwrap();
        let told = folder.path().join("told");
        let settings = || telling(folder.path(), "test -e open && cat >> told");
        let notifier = Notifier::open(folder.path(), settings()).unwrap();
        assert_eq!(notifier.observe("acme", at(0), held()).len(), 1);
        assert_eq!(notifier.deliver_due(at(1)).await, Some(at(61)));
        assert!(!told.exists());
        drop(notifier);

        std::fs::write(folder.path().join("open"), "").unwrap();
        let notifier = Notifier::open(folder.path(), settings()).unwrap();
        assert_eq!(notifier.observe("acme", at(2), held()), []);
        assert_eq!(notifier.deliver_due(at(30)).await, Some(at(61)));
        assert!(!told.exists(), "it was tried before its time");
        assert_eq!(notifier.deliver_due(at(61)).await, None);
        assert_eq!(notifier.deliver_due(at(9999)).await, None);
        let told = std::fs::read_to_string(told).unwrap();
        let notice: Notice = serde_json::from_str(&told).unwrap();
        assert_eq!(notice.title, "acme: 6 changes wait for a person");
        assert_eq!(notifier.deliveries(), Deliveries { received: 1, failed: 0 });
    }

    #[tokio::test]
    async fn notices_come_in_their_order_and_a_sick_channel_holds_up_no_other() {
        let folder = tempfile::tempdir().unwrap();
        let mut settings = telling(folder.path(), "cat >> told");
        settings.command.extend(telling(folder.path(), "exit 3").command);
        let notifier = Notifier::open(folder.path(), settings).unwrap();
        notifier.observe("acme", at(0), held());
        let good = Observation::Run { run: "run-2".to_owned(), end: RunEnd::Good };
        notifier.observe("acme", at(0), good);
        notifier.deliver_due(at(0)).await;
        let told = std::fs::read_to_string(folder.path().join("told")).unwrap();
        assert!(told.find("\"held\"") < told.find("\"recovered\""), "{told}");
        // The sick one was tried with the first alone.
        assert_eq!(notifier.deliveries(), Deliveries { received: 2, failed: 1 });
        assert_eq!(notifier.waiting(), 2);
    }

    #[tokio::test]
    async fn what_no_channel_receives_is_given_up_after_three_days_and_what_no_channel_takes_is_dropped() {
        let folder = tempfile::tempdir().unwrap();
        let notifier = Notifier::open(folder.path(), telling(folder.path(), "exit 3")).unwrap();
        notifier.observe("acme", at(0), held());
        assert!(notifier.deliver_due(at(0)).await.is_some());
        assert_eq!(notifier.deliver_due(at(4 * 24 * 3600)).await, None);
        notifier.observe("branch", at(0), held());
        notifier.configure(NotifySettings::default(), &BTreeSet::new());
        assert_eq!((notifier.deliver_due(at(0)).await, notifier.waiting()), (None, 0));
    }

    #[tokio::test]
    async fn a_program_is_given_no_secret_of_our_environment() {
        let folder = tempfile::tempdir().unwrap();
        let notifier = Notifier::open(folder.path(), telling(folder.path(), "env > seen")).unwrap();
        notifier.observe("acme", at(0), held());
        notifier.deliver_due(at(0)).await;
        let seen = std::fs::read_to_string(folder.path().join("seen")).unwrap();
        assert!(seen.contains("ROLLCALL_KIND=held") && !seen.contains("CARGO"), "{seen}");
    }

    #[test]
    fn pauses_grow_from_a_minute_to_an_hour() {
        let pauses = [1, 2, 3, 7, 40].map(|attempts| later(at(0), attempts).duration_since(at(0)).as_secs());
        assert_eq!(pauses, [60, 120, 240, 3600, 3600]);
    }
}
