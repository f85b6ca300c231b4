//! The desk of one organization: its snapshot, what people wish for it, and the one run that may work with it at a time.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::sync::{Notify, watch};

use super::state::{OrganizationState, Paused, is_good};
use super::{Consumer, States, Told};
use crate::config::Organization;
use crate::run::{
    Clock, Event, RunError, RunHeader, RunResult, Store, open_store_to_work, run_headers, store_at_a_glance,
};
use crate::schedule::{Depth, Past};

/// Under which name the snapshot keeps what the schedule must know.
/// How many of the last runs are looked through for one that was made by hand.
const RUNS_BY_HAND: usize = 20;
const KEPT: &str = crate::snapshot::fact::SCHEDULE;

/// What the snapshot keeps for the schedule.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(default)]
pub(super) struct Kept {
    /// What was run.
    pub past: Past,
    /// When a run last ended well.
    pub good: Option<Timestamp>,
}

/// What people wish for an organization.
#[derive(Debug, Default)]
pub(super) struct Wishes {
    /// A run as soon as possible.
    pub run: Option<Depth>,
    /// No runs until further notice.
    pub paused: Option<Paused>,
    /// A command may have left another past than the keeper knows.
    pub look_again: bool,
    /// The organization is not in the configuration any more. Its desk stays, for it may come back while its last run
    /// still goes on.
    pub gone: bool,
}

/// The desk of one organization.
pub(super) struct Desk {
    pub name: String,
    state_dir: PathBuf,
    organization: Mutex<Arc<Organization>>,
    store: tokio::sync::Mutex<Option<Arc<dyn Store>>>,
    /// Whoever plans or applies holds this.
    pub turn: Arc<tokio::sync::Mutex<()>>,
    pub wishes: Mutex<Wishes>,
    /// Wakes the keeper when a wish or the organization has changed.
    pub changed: Notify,
    /// The run that is going on.
    control: Mutex<Option<Arc<Control>>>,
    /// Whether the daemon stops: no run goes on for longer than it must.
    halted: watch::Sender<bool>,
    states: Arc<watch::Sender<States>>,
    consumers: Arc<Vec<Consumer>>,
    clock: Clock,
}

pub(super) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Desk {
    pub(super) fn new(
        organization: Organization,
        state_dir: PathBuf,
        states: Arc<watch::Sender<States>>,
        consumers: Arc<Vec<Consumer>>,
        clock: Clock,
    ) -> Self {
        Self {
            name: organization.name.clone(),
            state_dir,
            organization: Mutex::new(Arc::new(organization)),
            store: tokio::sync::Mutex::default(),
            turn: Arc::default(),
            wishes: Mutex::default(),
            changed: Notify::new(),
            control: Mutex::default(),
            halted: watch::Sender::new(false),
            states,
            consumers,
            clock,
        }
    }

    /// The organization's settings as they are now. A run that has begun keeps those with which it began.
    pub(super) fn organization(&self) -> Arc<Organization> {
        Arc::clone(&locked(&self.organization))
    }

    /// By which clock it works.
    pub(super) fn clock(&self) -> Clock {
        Clock::clone(&self.clock)
    }

    /// What that clock shows.
    pub(super) fn now(&self) -> Timestamp {
        (self.clock)()
    }

    /// Other settings, from the next run on; without any the organization is gone.
    pub(super) fn reorganize(&self, organization: Option<Organization>) {
        locked(&self.wishes).gone = organization.is_none();
        if let Some(organization) = organization {
            *locked(&self.organization) = Arc::new(organization);
        }
        self.stands(|_| {});
        self.changed.notify_one();
    }

    /// The snapshot, opened if it is not open yet.
    pub(super) async fn store(&self) -> Result<Arc<dyn Store>, RunError> {
        let mut open = self.store.lock().await;
        if let Some(store) = &*open {
            return Ok(Arc::clone(store));
        }
        let (organization, state_dir) = (self.organization(), self.state_dir.clone());
        let opened = tokio::task::spawn_blocking(move || open_store_to_work(&organization, &state_dir)).await;
        let store = opened.map_err(|error| RunError::Internal(error.to_string()))??;
        *open = Some(Arc::clone(&store));
        Ok(store)
    }

    /// What is told of the snapshot at a glance: how it stands, its schedule, and so many of its last runs. It is opened
    /// only if that is not kept beside it.
    pub(super) async fn glance(&self, runs: usize) -> Result<Arc<dyn Store>, RunError> {
        let open = self.store.lock().await;
        if let Some(store) = &*open {
            return Ok(Arc::clone(store));
        }
        let (organization, state_dir) = (self.organization(), self.state_dir.clone());
        let glance = tokio::task::spawn_blocking(move || store_at_a_glance(&organization, &state_dir, runs)).await;
        drop(open);
        match glance.map_err(|error| RunError::Internal(error.to_string()))? {
            Some(glance) => Ok(glance),
            None => self.store().await,
        }
    }

    /// Lets go of the snapshot, so that it is opened anew. While somebody else works with it, it could not be, so it
    /// stays open if they are not done soon.
    pub(super) async fn close(&self) {
        let mut open = self.store.lock().await;
        if let Some(store) = open.take() {
            *open = tokio::task::spawn_blocking(move || closed(store)).await.unwrap_or_default();
        }
    }

    /// Lets go of the snapshot if nobody works with it now: an open one holds memory for as long as nothing happens. It is
    /// opened anew when it is needed, and compacted then if that makes it much smaller. One that is just being opened or
    /// closed is not waited for.
    pub(super) async fn rest(&self) {
        let Ok(mut open) = self.store.try_lock() else { return };
        if open.as_ref().is_some_and(|store| Arc::strong_count(store) == 1)
            && let Some(store) = open.take()
        {
            // Closing waits for the disk.
            let _ = tokio::task::spawn_blocking(move || drop(store)).await;
        }
    }

    /// What the snapshot keeps for the schedule. Runs that were made by hand while no daemon ran count.
    pub(super) async fn kept(&self) -> Result<Kept, RunError> {
        let store = self.glance(RUNS_BY_HAND).await?;
        let mut kept: Kept = store.fact(KEPT)?.and_then(|json| serde_json::from_value(json).ok()).unwrap_or_default();
        // One that is dated into the future was made before the clock was put back, and says nothing of what is due.
        let by_hand =
            run_headers(&*store, RUNS_BY_HAND)?.into_iter().find(|record| done(record) && record.ended <= self.now());
        if let Some(record) = by_hand.filter(|record| Some(record.ended) > kept.past.ended) {
            kept.past = self.after(kept.past, depth(&record), &record);
            if is_good(&record.result) {
                kept.good = Some(record.ended);
            }
        }
        Ok(kept)
    }

    /// The past after a run that read so much. What a blackout put off, in a run by hand as well, is owed when it closes.
    pub(super) fn after(&self, past: Past, depth: Depth, record: &RunHeader) -> Past {
        let past = past.after(depth, record.ended, matches!(record.result, RunResult::Failed(_)));
        let blackouts = &self.organization().blackouts;
        let open = blackouts.at(record.started).or_else(|| blackouts.at(record.ended));
        match (open, &record.result) {
            (Some(open), RunResult::Held { .. } | RunResult::AppliedInPart { .. }) => past.putting_off(open.until),
            _ => past,
        }
    }

    /// Keeps it.
    pub(super) async fn keep(&self, kept: &Kept) -> Result<(), RunError> {
        let json = serde_json::to_value(kept).map_err(|error| RunError::Internal(error.to_string()))?;
        Ok(self.store().await?.set_fact(KEPT, &json)?)
    }

    /// Changes how the organization stands, for everybody who watches. One that is gone stands nowhere.
    pub(super) fn stands(&self, change: impl FnOnce(&mut OrganizationState)) {
        self.states.send_if_modified(|states| {
            if locked(&self.wishes).gone {
                return states.remove(&self.name).is_some();
            }
            let state = states.entry(self.name.clone()).or_insert_with(|| OrganizationState::unknown(self.now()));
            let before = state.clone();
            change(state);
            *state != before
        });
    }

    /// Tells everybody what happened.
    pub(super) fn tell(&self, event: Event) {
        let told = Arc::new(Told { organization: self.name.clone(), at: self.now(), event });
        for consumer in &*self.consumers {
            // Whoever only watches must not bring down what they watch.
            if catch_unwind(AssertUnwindSafe(|| consumer(&told))).is_err() {
                tracing::error!(organization = self.name, "a consumer of events panicked, and missed one");
            }
        }
    }

    /// Sets the run that is going on, or that none is. One that begins when the daemon stops already ends at once.
    pub(super) fn is_run(&self, control: Option<Arc<Control>>) {
        let mut current = locked(&self.control);
        *current = control;
        if let Some(control) = current.as_ref().filter(|_| *self.halted.borrow()) {
            control.halt();
        }
    }

    /// Lets the run that is going on, if one is, come to its end soon, and every later one.
    pub(super) fn halt(&self) {
        let current = locked(&self.control);
        self.halted.send_replace(true);
        if let Some(control) = &*current {
            control.halt();
        }
    }

    /// Becomes true when no run may go on for longer than it must.
    pub(super) fn halted(&self) -> watch::Receiver<bool> {
        self.halted.subscribe()
    }
}

/// How long somebody who still works with a snapshot is waited for: the thread of a journal that has just ended, a
/// command that only looks.
const TO_BE_DONE: Duration = Duration::from_secs(2);

/// Closes a snapshot with which nobody else works any more; gives it back if somebody still does.
fn closed(store: Arc<dyn Store>) -> Option<Arc<dyn Store>> {
    let began = Instant::now();
    while Arc::strong_count(&store) > 1 {
        if began.elapsed() > TO_BE_DONE {
            return Some(store);
        }
        #[allow(
            clippy::disallowed_methods,
            reason = "nobody says when the last one is done, and this thread may wait"
        )]
        std::thread::sleep(Duration::from_millis(5));
    }
    None
}

/// Whether a run asked the directory who should be there and did what follows; one that takes back an earlier run does
/// not, nor does one that was told to stop before it was through.
fn done(record: &RunHeader) -> bool {
    let ended = matches!(record.result, RunResult::NothingToDo | RunResult::Applied | RunResult::AppliedInPart { .. });
    ended && record.undoes.is_none() && !record.cut_short
}

/// How much of the directory a run read.
fn depth(record: &RunHeader) -> Depth {
    if record.incremental { Depth::Incremental } else { Depth::Full }
}

/// What a run can be stopped by.
pub(super) struct Control {
    stop: Arc<AtomicBool>,
    /// The run's id, once it has one.
    run: Mutex<Option<String>>,
    applying: AtomicBool,
    cancelled: watch::Sender<bool>,
}

impl Control {
    /// For the run whose switch this is.
    pub(super) fn new(stop: Arc<AtomicBool>) -> Self {
        Self { stop, run: Mutex::default(), applying: AtomicBool::new(false), cancelled: watch::Sender::new(false) }
    }

    /// Takes in what happens in the run.
    pub(super) fn sees(&self, event: &Event) {
        match event {
            Event::Started { run, .. } => *locked(&self.run) = Some(run.clone()),
            Event::Applying { .. } => self.applying.store(true, Ordering::SeqCst),
            _ => {}
        }
    }

    /// The run's id, once it has one.
    pub(super) fn run(&self) -> Option<String> {
        locked(&self.run).clone()
    }

    /// Whether the run has begun to write.
    pub(super) fn is_applying(&self) -> bool {
        self.applying.load(Ordering::SeqCst)
    }

    /// Lets a write in flight end and be recorded, and skips the rest; a run that does not write yet ends at once.
    pub(super) fn halt(&self) {
        self.stop.store(true, Ordering::SeqCst);
        if !self.is_applying() {
            self.cancel();
        }
    }

    /// Ends the run where it is. The journal knows what is in doubt.
    pub(super) fn cancel(&self) {
        self.cancelled.send_replace(true);
    }

    /// Waits until it is cancelled.
    pub(super) async fn cancelled(&self) {
        // The sender is ours, so it lives as long as we wait.
        let _ = self.cancelled.subscribe().wait_for(|cancelled| *cancelled).await;
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::run::RunRecord;
    use crate::run::record_end;

    /// An organization whose target is not there.
    pub(crate) const CONFIGURATION: &str = "state_dir = \"state\"\n[organization.acme]\ndomains = [\"acme.com\"]\n\
        [organization.acme.directory]\nconnector = \"file\"\nusers = \"u.json\"\n\
        [[organization.acme.role]]\ngroup = { id = \"g-9\" }\nrole = \"editor\"\n\
        [organization.acme.target]\nkind = \"scim\"\nurl = \"http://127.0.0.1:9/scim\"\ntoken = { env = \"PATH\" }\n";

    /// A desk in a folder of its own.
    pub(crate) fn desk() -> (tempfile::TempDir, Arc<Desk>) {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("token"), "t").unwrap();
        let mut configuration = crate::config::parse(folder.path().join("config.toml"), CONFIGURATION).unwrap();
        let organization = configuration.organizations.remove("acme").unwrap();
        let states = Arc::new(watch::Sender::new(States::new()));
        let desk = Desk::new(organization, configuration.state_dir, states, Arc::default(), Arc::new(Timestamp::now));
        (folder, Arc::new(desk))
    }

    #[tokio::test]
    async fn a_snapshot_that_somebody_still_works_with_is_opened_anew_when_he_is_done() {
        let (_folder, desk) = desk();
        let theirs = desk.store().await.unwrap();
        let done = tokio::spawn(async move {
            tokio::time::sleep(Duration::from_millis(100)).await;
            drop(theirs);
        });
        desk.close().await;
        desk.keep(&Kept { good: Some(Timestamp::UNIX_EPOCH), ..Kept::default() }).await.unwrap();
        done.await.unwrap();
        assert_eq!(desk.kept().await.unwrap().good, Some(Timestamp::UNIX_EPOCH));
    }

    #[tokio::test]
    async fn how_things_stand_is_told_without_the_snapshot_being_opened() {
        let (_folder, desk) = desk();
        let kept = Kept { good: Some(Timestamp::UNIX_EPOCH), ..Kept::default() };
        desk.keep(&kept).await.unwrap();
        desk.store().await.unwrap().seal().unwrap();
        assert!(desk.glance(1).await.unwrap().is_sealed(), "an open one is asked itself");
        desk.rest().await;
        assert_eq!(desk.kept().await.unwrap().good, kept.good);
        assert!(desk.glance(RUNS_BY_HAND).await.unwrap().is_sealed());
        assert!(desk.store.lock().await.is_none(), "it was not opened for that");
        desk.store().await.unwrap();
        desk.rest().await;
        assert!(desk.store.lock().await.is_none(), "nor does it stay open when nobody works with it");
    }

    #[tokio::test]
    async fn a_snapshot_that_somebody_works_with_for_long_stays_open() {
        let (_folder, desk) = desk();
        let theirs = desk.store().await.unwrap();
        desk.close().await;
        assert!(Arc::ptr_eq(&theirs, &desk.store().await.unwrap()));
    }

    /// A run that ended so, with more of what its record holds.
    pub(crate) fn record(id: &str, ended: &str, result: &RunResult, more: &serde_json::Value) -> RunRecord {
        let mut json = serde_json::json!({
            "id": id, "organization": "acme", "started": ended, "ended": ended, "result": result,
            "certificate": null, "changes": null, "plan_id": null, "plan": null, "approval": null, "outcomes": [],
        });
        json.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        serde_json::from_value(json).unwrap()
    }

    #[tokio::test]
    async fn a_run_by_hand_counts_for_as_much_as_it_read_and_did() {
        let (_folder, desk) = desk();
        let store = desk.store().await.unwrap();
        let at = |text: &str| Some(text.parse::<Timestamp>().unwrap());
        let kept = async |record: RunRecord| {
            record_end(&*store, record).unwrap();
            desk.kept().await.unwrap()
        };
        let none = serde_json::json!({});
        let full = kept(record("20250101-000000000-aaaa", "2025-01-01T00:00:00Z", &RunResult::Applied, &none)).await;
        assert_eq!((full.past.full, full.good), (full.past.ended, at("2025-01-01T00:00:00Z")));
        desk.keep(&full).await.unwrap();
        let changes = serde_json::json!({ "changes": { "cursor": "c", "collections": [] } });
        let incremental = record("20250102-000000000-aaaa", "2025-01-02T00:00:00Z", &RunResult::Applied, &changes);
        let after = kept(incremental).await;
        assert_eq!((after.past.ended, after.past.full), (at("2025-01-02T00:00:00Z"), full.past.full), "not read whole");
        let undo = serde_json::json!({ "undoes": "20250101-000000000-aaaa" });
        let undone = kept(record("20250103-000000000-aaaa", "2025-01-03T00:00:00Z", &RunResult::Applied, &undo)).await;
        assert_eq!(undone.past.ended, after.past.ended, "nobody asked the directory");
        let part = RunResult::AppliedInPart { failed: 1 };
        let part = kept(record("20250104-000000000-aaaa", "2025-01-04T00:00:00Z", &part, &none)).await;
        assert_eq!((part.past.full, part.good), (at("2025-01-04T00:00:00Z"), full.good), "no good run");
        desk.keep(&part).await.unwrap();
        let future = kept(record("20990101-000000000-aaaa", "2099-01-01T00:00:00Z", &RunResult::Applied, &none)).await;
        assert_eq!(future.past.ended, part.past.ended, "the clock was wrong then");
    }

    #[tokio::test]
    async fn what_a_blackout_put_off_is_owed_when_it_closes_also_after_a_run_by_hand() {
        let (folder, desk) = desk();
        let blackout = "[[organization.acme.blackout]]\nfrom = \"02:00\"\nuntil = \"04:00\"\nforbids = \"removals\"\n";
        let text = format!("{CONFIGURATION}{blackout}");
        let configuration = crate::config::parse(folder.path().join("config.toml"), &text).unwrap();
        desk.reorganize(configuration.organizations.get("acme").cloned());
        let store = desk.store().await.unwrap();
        let closes = Some("2025-01-01T04:00:00Z".parse::<Timestamp>().unwrap());
        let none = serde_json::json!({});
        let part = RunResult::AppliedInPart { failed: 1 };
        for (id, ended, result, owed) in [
            ("20250101-030000000-aaaa", "2025-01-01T03:00:00Z", &part, closes),
            ("20250101-033000000-aaaa", "2025-01-01T03:30:00Z", &RunResult::Applied, None),
            ("20250101-050000000-aaaa", "2025-01-01T05:00:00Z", &part, None),
        ] {
            record_end(&*store, record(id, ended, result, &none)).unwrap();
            assert_eq!(desk.kept().await.unwrap().past.put_off, owed, "{id}");
        }
    }
}
