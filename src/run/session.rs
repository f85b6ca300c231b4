//! Everything that one organization's runs work with: its rules, its snapshot, its directory and its target.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use jiff::Timestamp;
use rollcall_kit::Connector;

use super::build;
use super::error::RunError;
use super::event::Event;
use super::sides::Sides;
use crate::apply::{Target, TargetReader};
use crate::config::Organization;
use crate::roster::{RosterSettings, Rules};
use crate::snapshot::{MemoryStore, SledStore, Store, compact};

/// Tells what moment it is. Tests have clocks of their own.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// What one organization's runs work with. None of it changes by a run but what the snapshot holds.
pub struct Session {
    pub(crate) organization: Organization,
    pub(crate) rules: Rules,
    pub(crate) store: Arc<dyn Store>,
    pub(crate) connector: Arc<dyn Connector>,
    pub(super) target: Sides,
    pub(super) clock: Clock,
    pub(super) stop: Arc<AtomicBool>,
    /// Since when somebody else in this process is at work with the snapshot, if somebody is.
    pub(crate) at_work_since: Option<Timestamp>,
    /// Which plans of a few people are compared with one of everybody.
    pub(super) comparing: Comparing,
}

/// Which plans of a few people are compared with one of everybody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparing {
    /// One a week; if the two differ, that is said, and the plan of everybody counts.
    Weekly,
    /// Every one; that they differ is an error. So it is while Rollcall is developed.
    Always,
    /// None, for tests that count.
    Never,
}

/// Takes the events of a run, in their order.
pub type Listener<'a> = &'a (dyn Fn(Event) + Send + Sync);

impl Session {
    /// Opens an organization's snapshot below the state directory and builds its directory and target.
    ///
    /// # Errors
    ///
    /// If the settings cannot work, or the snapshot cannot be opened.
    pub fn open(organization: &Organization, state_dir: &Path) -> Result<Self, RunError> {
        Self::with_store(organization.clone(), open_store(organization, state_dir)?)
    }

    /// A session over a store that is open already, such as one in memory.
    ///
    /// # Errors
    ///
    /// If the settings cannot work.
    pub fn with_store(organization: Organization, store: Arc<dyn Store>) -> Result<Self, RunError> {
        let connector = organization.directory.build()?;
        let target = build::target(&organization, &*store, Timestamp::now())?;
        Self::new(organization, store, connector, target)
    }

    /// A session of parts that exist already, for tests.
    ///
    /// # Errors
    ///
    /// If the rules do not compile.
    pub fn new(
        organization: Organization,
        store: Arc<dyn Store>,
        connector: Arc<dyn Connector>,
        target: Arc<dyn Target>,
    ) -> Result<Self, RunError> {
        let rules = compile(&organization)?;
        Ok(Self {
            organization,
            rules,
            store,
            connector,
            target: Sides::of(target),
            clock: Arc::new(Timestamp::now),
            stop: Arc::default(),
            at_work_since: None,
            comparing: if cfg!(debug_assertions) { Comparing::Always } else { Comparing::Weekly },
        })
    }

    /// The same with these plans of a few people compared with one of everybody.
    #[must_use]
    pub fn comparing(self, comparing: Comparing) -> Self {
        Self { comparing, ..self }
    }

    /// The same by another clock.
    #[must_use]
    pub fn with_clock(self, clock: Clock) -> Self {
        Self { clock, ..self }
    }

    /// The same, while somebody else in this process has been at work with the snapshot since this moment: what they have
    /// not finished is no failure.
    #[must_use]
    pub fn beside(self, since: Timestamp) -> Self {
        Self { at_work_since: Some(since), ..self }
    }

    /// The organization's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.organization.name
    }

    /// The target, to be read. Everything but the executor is handed this, so that planning cannot write.
    pub(crate) fn reader(&self) -> &dyn TargetReader {
        self.target.reader()
    }

    /// Set to true, it lets the write in flight end and skips the rest of the run.
    #[must_use]
    pub fn stop_switch(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.stop)
    }

    /// The snapshot.
    #[must_use]
    pub fn store(&self) -> &dyn Store {
        &*self.store
    }
}

/// Opens an organization's snapshot to work with, and compacts it first if that makes it much smaller: sled's file only
/// grows. Where that fails, for want of room most likely, it is opened as it is.
///
/// # Errors
///
/// If it cannot be opened.
pub fn open_store_to_work(organization: &Organization, state_dir: &Path) -> Result<Arc<dyn Store>, RunError> {
    let directory = state_dir.join(&organization.name);
    let store = SledStore::open(&directory)?;
    if !store.is_sealed() || !store.needs_compaction()? {
        return Ok(Arc::new(store));
    }
    drop(store);
    match compact(&directory) {
        Ok(compacted) => tracing::info!(
            organization = organization.name,
            before = compacted.before,
            after = compacted.after,
            "the snapshot was compacted"
        ),
        Err(error) => tracing::warn!(organization = organization.name, %error, "the snapshot is not compacted"),
    }
    Ok(Arc::new(SledStore::open(&directory)?))
}

/// Opens an organization's snapshot alone, for commands that ask neither the directory nor the target.
///
/// # Errors
///
/// If it cannot be opened.
pub fn open_store(organization: &Organization, state_dir: &Path) -> Result<Arc<dyn Store>, RunError> {
    Ok(Arc::new(SledStore::open(&state_dir.join(&organization.name))?))
}

/// An organization's snapshot for a question how it stands, what was decided, and for so many of the last runs: from
/// what was kept of it when it was closed, if that can be, without opening it. Nothing else is asked of it.
///
/// # Errors
///
/// If it has to be opened and cannot be.
pub fn open_store_at_a_glance(
    organization: &Organization,
    state_dir: &Path,
    runs: usize,
) -> Result<Arc<dyn Store>, RunError> {
    match store_at_a_glance(organization, state_dir, runs) {
        Some(glance) => Ok(glance),
        None => open_store(organization, state_dir),
    }
}

/// The same; none if it would have to be opened.
#[must_use]
pub fn store_at_a_glance(organization: &Organization, state_dir: &Path, runs: usize) -> Option<Arc<dyn Store>> {
    Some(Arc::new(SledStore::at_a_glance(&state_dir.join(&organization.name), runs)?))
}

/// Whether an organization has a snapshot already.
#[must_use]
pub fn has_snapshot(organization: &Organization, state_dir: &Path) -> bool {
    SledStore::is_there(&state_dir.join(&organization.name))
}

/// A snapshot that lives in memory and is gone with the process: for the demonstration.
#[must_use]
pub fn memory_store() -> MemoryStore {
    MemoryStore::new()
}

/// Compiles an organization's rules.
///
/// # Errors
///
/// With every rule that does not compile, one a line.
pub(super) fn compile(organization: &Organization) -> Result<Rules, RunError> {
    compile_rules(&organization.roster)
}

/// The same of rules that are no organization's.
pub(super) fn compile_rules(settings: &RosterSettings) -> Result<Rules, RunError> {
    Rules::compile(settings).map_err(|errors| {
        let lines: Vec<String> = errors.iter().map(ToString::to_string).collect();
        RunError::Rules(lines.join("\n"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_snapshot_that_grew_far_beyond_what_it_holds_is_compacted_when_it_is_opened_to_work_with() {
        let folder = tempfile::tempdir().unwrap();
        let directory = folder.path().join("state").join("acme");
        std::fs::create_dir_all(folder.path().join("state")).unwrap();
        let text = "state_dir = \"state\"\n[organization.acme]\ndomains = [\"acme.com\"]\n\
                    [organization.acme.directory]\nconnector = \"file\"\nusers = \"u.json\"\n\
                    [organization.acme.target]\nkind = \"scim\"\nurl = \"http://127.0.0.1:9/scim\"\n\
                    token = { env = \"PATH\" }\n";
        let mut configuration = crate::config::parse(folder.path().join("config.toml"), text).unwrap();
        let organization = configuration.organizations.remove("acme").unwrap();
        let open = || open_store_to_work(&organization, &configuration.state_dir).unwrap();
        let store = open();
        store.set_fact("small", &"kept".into()).unwrap();
        // What is gone leaves the room behind that it took.
        let large: String = (0_usize..(72 << 20)).map(|at| char::from(b'a' + (at ^ (at >> 7)) as u8 % 26)).collect();
        store.set_fact("large", &large.into()).unwrap();
        store.set_fact("large", &"no longer".into()).unwrap();
        assert!(store.needs_compaction().unwrap());
        store.seal().unwrap();
        drop(store);
        let store = open();
        assert!(!directory.join("old").exists(), "nothing of the one before stays");
        assert!(!store.needs_compaction().unwrap());
        assert_eq!(store.fact("small").unwrap(), Some("kept".into()));
    }
}
