//! A target and a store that can be made to fail and to die at any step, and that watch the executor's manners.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use rollcall_kit::{CheckFinding, DirectoryId};

use crate::apply::{
    Intent, Journal, JournalError, JournalFailure, LedgerReader, Probe, RecordedChanges, Settlement, Target,
    TargetError, TargetReader, Texts, Write, WriteError, WriteFailure, Written,
};
use crate::plan::ledger::Ledger;
use crate::plan::{Candidates, GroupKey, LedgerAccount, LedgerGroup, Matches, TargetAccount};
use crate::roster::Role;
use crate::roster::account::Attributes;

/// Kills the process, as it were, at a given step: whoever comes there waits for ever.
#[derive(Default)]
pub(super) struct Fuse {
    steps: AtomicUsize,
    limit: Option<usize>,
    blown: tokio::sync::Notify,
}

impl Fuse {
    /// Blows at this step.
    pub(super) fn at(limit: usize) -> Self {
        Self { limit: Some(limit), ..Self::default() }
    }

    async fn step(&self) {
        let step = self.steps.fetch_add(1, Ordering::SeqCst);
        if self.limit.is_some_and(|limit| step >= limit) {
            self.blown.notify_one();
            std::future::pending::<()>().await;
        }
    }

    /// Runs something until it ends or the fuse blows; nothing if it blew.
    pub(super) async fn guard<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            () = self.blown.notified() => None,
            done = work => Some(done),
        }
    }
}

/// What goes wrong with one write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fault {
    None,
    /// Done, and the answer is lost.
    LostAnswer,
    /// Not done, and that is unknown.
    LostRequest,
    Fails(WriteFailure),
    /// Answered 2xx; this attribute was not kept.
    NotKept(&'static str),
    Panics,
}

/// An account of the simulated target.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Account {
    pub(super) external_id: String,
    pub(super) attributes: Attributes,
    pub(super) active: bool,
    pub(super) roles: BTreeSet<Role>,
}

/// A group of the simulated target.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Group {
    pub(super) name: String,
    pub(super) members: BTreeSet<String>,
}

/// What the target holds and what it saw.
#[derive(Clone, Debug, Default)]
pub(super) struct Held {
    pub(super) accounts: BTreeMap<String, Account>,
    pub(super) groups: BTreeMap<String, Group>,
    pub(super) log: Vec<Write>,
    next: u32,
}

type Faults<'a> = Box<dyn Fn(usize, &Write) -> Fault + Send + Sync + 'a>;

/// A store that is watched, and the intents that were open in it before.
type Watched = (Arc<Mutex<State>>, BTreeSet<u64>);

/// The simulated target.
pub(super) struct World<'a> {
    pub(super) held: Mutex<Held>,
    pub(super) faults: Faults<'a>,
    pub(super) fuse: Fuse,
    pub(super) roles_are_groups: bool,
    /// Whether a creation carries roles.
    pub(super) roles_ride: AtomicBool,
    pub(super) blind: AtomicBool,
    calls: AtomicUsize,
    in_flight: Mutex<BTreeSet<String>>,
    most_in_flight: AtomicUsize,
    /// The store whose intents must be on disk before a write comes here, and those that were open before the run.
    watched: Mutex<Option<Watched>>,
    /// After so many questions the run is told to stop.
    pub(super) stops_after: AtomicUsize,
    asked: AtomicUsize,
}

impl<'a> World<'a> {
    pub(super) fn new() -> Self {
        Self {
            held: Mutex::default(),
            faults: Box::new(|_, _| Fault::None),
            fuse: Fuse::default(),
            roles_are_groups: false,
            roles_ride: AtomicBool::new(true),
            blind: AtomicBool::new(false),
            calls: AtomicUsize::new(0),
            in_flight: Mutex::default(),
            most_in_flight: AtomicUsize::new(0),
            watched: Mutex::default(),
            stops_after: AtomicUsize::new(usize::MAX),
            asked: AtomicUsize::new(0),
        }
    }

    /// Lets no write in from now on whose intent is not in this store, or that builds on one that is still open there.
    pub(super) fn watch(&self, books: &Books) {
        let open = books.state.lock().unwrap().1.keys().copied().collect();
        *self.watched.lock().unwrap() = Some((Arc::clone(&books.state), open));
    }

    /// Whether the run is to stop.
    pub(super) fn stops(&self) -> bool {
        self.asked.fetch_add(1, Ordering::SeqCst) >= self.stops_after.load(Ordering::SeqCst)
    }

    fn assert_on_disk(&self, write: &Write) {
        let watched = self.watched.lock().unwrap();
        let Some((state, before)) = &*watched else { return };
        let state = state.lock().unwrap();
        let open: Vec<&Intent> =
            state.1.iter().filter(|(number, _)| !before.contains(number)).map(|(_, it)| it).collect();
        let intent = open.iter().find(|intent| intent.write == *write);
        let Some(intent) = intent else { panic!("{write:?} was sent before its intent was on disk") };
        assert_eq!(builds_on(intent, &open), Vec::<&Intent>::new(), "{write:?} builds on what is not settled");
    }

    /// The same content with other faults.
    pub(super) fn with(&self, faults: impl Fn(usize, &Write) -> Fault + Send + Sync + 'a, fuse: Fuse) -> Self {
        let held = Mutex::new(Held { log: Vec::new(), ..self.held.lock().unwrap().clone() });
        let roles_are_groups = self.roles_are_groups;
        Self { held, faults: Box::new(faults), fuse, roles_are_groups, ..Self::new() }
    }

    pub(super) fn most_in_flight(&self) -> usize {
        self.most_in_flight.load(Ordering::SeqCst)
    }

    pub(super) fn log(&self) -> Vec<Write> {
        self.held.lock().unwrap().log.clone()
    }

    /// What a write is about; two writes about the same thing are never in flight together.
    fn about(write: &Write) -> String {
        match write {
            Write::CreateAccount { user, .. } => format!("user {user}"),
            Write::CreateGroup { external_id, .. } => format!("group {external_id}"),
            Write::UpdateAccount { target_id, .. }
            | Write::DeleteAccount { target_id }
            | Write::SetRoles { target_id, .. }
            | Write::RenameGroup { target_id, .. }
            | Write::DeleteGroup { target_id }
            | Write::ChangeMembers { target_id, .. } => target_id.clone(),
        }
    }
}

impl Held {
    fn carry_out(&mut self, write: &Write, not_kept: Option<&str>) -> Result<Option<String>, WriteError> {
        let gone = || WriteError { failure: WriteFailure::NotFound, detail: "404".into() };
        match write {
            Write::CreateAccount { user, attributes, roles } => {
                self.next += 1;
                let id = format!("a{}", self.next);
                let active = not_kept != Some("active");
                let account = Account {
                    external_id: user.to_string(),
                    attributes: attributes.clone(),
                    active,
                    roles: roles.iter().filter(|_| not_kept != Some("roles")).cloned().collect(),
                };
                self.accounts.insert(id.clone(), account);
                return Ok(Some(id));
            }
            Write::UpdateAccount { target_id, external_id, changes, active } => {
                let account = self.accounts.get_mut(target_id).ok_or_else(gone)?;
                if let Some(external_id) = external_id {
                    account.external_id = external_id.to_string();
                }
                for change in changes.iter().filter(|change| not_kept != Some(&change.attribute)) {
                    match &change.after {
                        Some(value) => drop(account.attributes.insert(change.attribute.clone(), value.clone())),
                        None => drop(account.attributes.remove(&change.attribute)),
                    }
                }
                account.active = active.filter(|_| not_kept != Some("active")).unwrap_or(account.active);
            }
            Write::DeleteAccount { target_id } => {
                self.accounts.remove(target_id).ok_or_else(gone)?;
                for group in self.groups.values_mut() {
                    group.members.remove(target_id);
                }
            }
            Write::SetRoles { target_id, grant, revoke } => {
                let account = self.accounts.get_mut(target_id).ok_or_else(gone)?;
                account.roles.retain(|role| !revoke.contains(role));
                account.roles.extend(grant.iter().cloned());
            }
            Write::CreateGroup { name, .. } => {
                self.next += 1;
                let id = format!("g{}", self.next);
                self.groups.insert(id.clone(), Group { name: name.clone(), members: BTreeSet::new() });
                return Ok(Some(id));
            }
            Write::RenameGroup { target_id, name } => {
                self.groups.get_mut(target_id).ok_or_else(gone)?.name.clone_from(name);
            }
            Write::DeleteGroup { target_id } => drop(self.groups.remove(target_id).ok_or_else(gone)?),
            Write::ChangeMembers { target_id, add, remove } => {
                let group = self.groups.get_mut(target_id).ok_or_else(gone)?;
                group.members.retain(|member| !remove.contains(member));
                group.members.extend(add.iter().cloned());
            }
        }
        Ok(None)
    }

    fn was_done(&self, write: &Write) -> Probe {
        let done = |done: bool| if done { Probe::Done(None) } else { Probe::NotDone };
        match write {
            Write::CreateAccount { user, roles, .. } => {
                let found = self.accounts.iter().find(|(_, account)| account.external_id == user.as_str());
                found.map_or(Probe::NotDone, |(id, account)| {
                    match roles.iter().all(|role| account.roles.contains(role)) {
                        true => Probe::Done(Some(id.clone())),
                        false => Probe::DoneWithoutRoles(Some(id.clone())),
                    }
                })
            }
            Write::CreateGroup { name, .. } => {
                let found = self.groups.iter().find(|(_, group)| group.name == *name);
                found.map_or(Probe::NotDone, |(id, _)| Probe::Done(Some(id.clone())))
            }
            Write::UpdateAccount { target_id, external_id, changes, active } => match self.accounts.get(target_id) {
                None => done(*active == Some(false)),
                Some(account) => done(
                    external_id.as_ref().is_none_or(|id| account.external_id == id.as_str())
                        && active.is_none_or(|active| account.active == active)
                        && changes
                            .iter()
                            .all(|change| account.attributes.get(&change.attribute) == change.after.as_ref()),
                ),
            },
            Write::DeleteAccount { target_id } => done(!self.accounts.contains_key(target_id)),
            Write::SetRoles { target_id, grant, revoke } => done(self.accounts.get(target_id).is_some_and(|account| {
                grant.iter().all(|role| account.roles.contains(role))
                    && !revoke.iter().any(|role| account.roles.contains(role))
            })),
            Write::RenameGroup { target_id, name } => {
                done(self.groups.get(target_id).is_some_and(|group| group.name == *name))
            }
            Write::DeleteGroup { target_id } => done(!self.groups.contains_key(target_id)),
            Write::ChangeMembers { target_id, add, remove } => done(self.groups.get(target_id).is_some_and(|group| {
                add.iter().all(|id| group.members.contains(id)) && !remove.iter().any(|id| group.members.contains(id))
            })),
        }
    }
}

#[async_trait]
impl TargetReader for World<'_> {
    async fn check(&self) -> Result<Vec<CheckFinding>, TargetError> {
        Ok(Vec::new())
    }
    async fn find(&self, _: &Candidates, _: usize) -> Result<Matches, TargetError> {
        Ok(Matches::new())
    }
    async fn account(&self, _: &str) -> Result<Option<TargetAccount>, TargetError> {
        Ok(None)
    }
    async fn texts(&self, _: &str, _: &[&str]) -> Result<Option<Texts>, TargetError> {
        Ok(None)
    }
    async fn group(&self, _: &str) -> Result<Option<String>, TargetError> {
        Ok(None)
    }
    async fn accounts(&self) -> Result<Vec<TargetAccount>, TargetError> {
        Ok(Vec::new())
    }

    async fn probe(&self, write: &Write) -> Result<Probe, TargetError> {
        self.fuse.step().await;
        if self.blind.load(Ordering::SeqCst) {
            return Ok(Probe::Unclear("it shows nothing".into()));
        }
        Ok(self.held.lock().unwrap().was_done(write))
    }
}

#[async_trait]
impl Target for World<'_> {
    fn concurrency(&self) -> usize {
        4
    }
    fn members_per_write(&self) -> usize {
        3
    }
    fn roles_are_groups(&self) -> bool {
        self.roles_are_groups
    }
    fn roles_ride(&self) -> bool {
        !self.roles_are_groups && self.roles_ride.load(Ordering::SeqCst)
    }

    async fn write(&self, write: &Write) -> Result<Written, WriteError> {
        let about = Self::about(write);
        self.assert_on_disk(write);
        {
            let mut in_flight = self.in_flight.lock().unwrap();
            assert!(in_flight.insert(about.clone()), "two writes about {about} at once");
            self.most_in_flight.fetch_max(in_flight.len(), Ordering::SeqCst);
        }
        if let Write::ChangeMembers { add, remove, .. } = write {
            assert!(add.len() + remove.len() <= 3, "too many members in one write");
        }
        self.fuse.step().await;
        let call = self.calls.fetch_add(1, Ordering::SeqCst);
        for _ in 0..call * 7 % 5 {
            tokio::task::yield_now().await;
        }
        let fault = (self.faults)(call, write);
        let answer = self.answer(write, fault);
        self.fuse.step().await;
        self.in_flight.lock().unwrap().remove(&about);
        assert!(fault != Fault::Panics, "the target's code broke");
        answer
    }
}

impl World<'_> {
    fn answer(&self, write: &Write, fault: Fault) -> Result<Written, WriteError> {
        let mut held = self.held.lock().unwrap();
        held.log.push(write.clone());
        let lost = || WriteError { failure: WriteFailure::Unknown, detail: "the connection was reset".into() };
        match fault {
            Fault::None | Fault::Panics => {
                Ok(Written { target_id: held.carry_out(write, None)?, ..Written::default() })
            }
            Fault::NotKept("roles") => {
                self.roles_ride.store(false, Ordering::SeqCst);
                Ok(Written {
                    target_id: held.carry_out(write, Some("roles"))?,
                    not_kept: vec![],
                    without_roles: matches!(write, Write::CreateAccount { roles, .. } if !roles.is_empty()),
                })
            }
            Fault::NotKept(attribute) => {
                let target_id = held.carry_out(write, Some(attribute))?;
                Ok(Written {
                    without_roles: false,
                    target_id,
                    not_kept: vec![(attribute.into(), format!("the target kept no {attribute}"))],
                })
            }
            Fault::LostAnswer => held.carry_out(write, None).and_then(|_| Err(lost())),
            Fault::LostRequest => Err(lost()),
            Fault::Fails(failure) => Err(WriteError { failure, detail: format!("{failure:?}") }),
        }
    }
}

/// The ledger and the open intents.
pub(super) type State = (Ledger, BTreeMap<u64, Intent>);

/// Other open intents after which the ledger shows an account differently than this one takes it to be.
pub(super) fn builds_on<'a>(intent: &Intent, open: &[&'a Intent]) -> Vec<&'a Intent> {
    let accounts = |intent: &Intent| -> BTreeSet<DirectoryId> {
        intent.then.accounts.iter().map(|account| account.user.clone()).collect()
    };
    let mine = accounts(intent);
    open.iter().copied().filter(|other| *other != intent && !accounts(other).is_disjoint(&mine)).collect()
}

/// The simulated store.
#[derive(Default)]
pub(super) struct Books {
    pub(super) state: Arc<Mutex<State>>,
    next: AtomicUsize,
    pub(super) fuse: Fuse,
    pub(super) fails_after: Mutex<Option<usize>>,
    /// How many intents each step ended and began.
    pub(super) steps: Mutex<Vec<(usize, usize)>>,
    /// What was settled, for history.
    pub(super) history: Mutex<Vec<RecordedChanges>>,
}

impl Books {
    pub(super) fn ledger(&self) -> Ledger {
        self.state.lock().unwrap().0.clone()
    }

    pub(super) fn open_intents(&self) -> Vec<Intent> {
        self.state.lock().unwrap().1.values().cloned().collect()
    }

    /// The same content after a crash.
    pub(super) fn reopened(&self, fuse: Fuse) -> Self {
        let state = Arc::new(Mutex::new(self.state.lock().unwrap().clone()));
        let next = AtomicUsize::new(self.next.load(Ordering::SeqCst));
        Self { state, next, fuse, ..Self::default() }
    }

    fn fail_if_told(&self) -> Result<(), JournalError> {
        let mut left = self.fails_after.lock().unwrap();
        match left.as_mut() {
            Some(0) => Err(JournalError::new(JournalFailure::NoRoom, "the disk is full")),
            Some(count) => {
                *count -= 1;
                Ok(())
            }
            None => Ok(()),
        }
    }

    fn end(&self, sequence: u64, settlement: Option<&Settlement>) {
        let (ledger, intents) = &mut *self.state.lock().unwrap();
        assert!(intents.remove(&sequence).is_some(), "an intent is ended once");
        if let Some(settlement) = settlement {
            settlement.enter(ledger);
            self.history.lock().unwrap().push(settlement.history.clone());
        }
    }
}

#[async_trait]
impl Journal for Books {
    /// A crash may leave any first part of a step.
    async fn settle_and_begin(
        &self,
        ended: Vec<(u64, Option<Settlement>)>,
        begun: Vec<Intent>,
    ) -> Result<Vec<u64>, JournalError> {
        self.steps.lock().unwrap().push((ended.len(), begun.len()));
        for _ in 0..3 {
            tokio::task::yield_now().await;
        }
        for (sequence, settlement) in ended {
            self.fuse.step().await;
            self.fail_if_told()?;
            self.end(sequence, settlement.as_ref());
        }
        let mut numbers = Vec::new();
        for intent in begun {
            self.fuse.step().await;
            self.fail_if_told()?;
            let sequence = self.next.fetch_add(1, Ordering::SeqCst) as u64;
            self.state.lock().unwrap().1.insert(sequence, intent);
            numbers.push(sequence);
        }
        tokio::task::yield_now().await;
        self.fuse.step().await;
        Ok(numbers)
    }

    async fn unsettled(&self) -> Result<Vec<(u64, Intent)>, JournalError> {
        Ok(self.state.lock().unwrap().1.iter().map(|(sequence, intent)| (*sequence, intent.clone())).collect())
    }
}

impl LedgerReader for Books {
    fn account(&self, user: &DirectoryId) -> Result<Option<LedgerAccount>, JournalError> {
        self.ledger().account(user)
    }
    fn group(&self, key: &GroupKey) -> Result<Option<LedgerGroup>, JournalError> {
        self.ledger().group(key)
    }
    fn groups_of(&self, user: &DirectoryId) -> Result<Vec<GroupKey>, JournalError> {
        self.ledger().groups_of(user)
    }
}
