//! A target and a store that can be made to fail and to die at any step, and that watch the executor's manners.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use async_trait::async_trait;
use rollcall_kit::{CheckFinding, DirectoryId};

use crate::apply::{
    Intent, Journal, JournalError, LedgerReader, Probe, Settlement, Target, TargetError, TargetReader, Texts, Write,
    WriteError, WriteFailure, Written,
};
use crate::plan::ledger::Ledger;
use crate::plan::{Candidate, GroupKey, LedgerAccount, LedgerGroup, Matches, TargetAccount};
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

/// The simulated target.
pub(super) struct World<'a> {
    pub(super) held: Mutex<Held>,
    pub(super) faults: Faults<'a>,
    pub(super) fuse: Fuse,
    pub(super) roles_are_groups: bool,
    pub(super) blind: AtomicBool,
    calls: AtomicUsize,
    in_flight: Mutex<BTreeSet<String>>,
    most_in_flight: AtomicUsize,
}

impl<'a> World<'a> {
    pub(super) fn new() -> Self {
        Self {
            held: Mutex::default(),
            faults: Box::new(|_, _| Fault::None),
            fuse: Fuse::default(),
            roles_are_groups: false,
            blind: AtomicBool::new(false),
            calls: AtomicUsize::new(0),
            in_flight: Mutex::default(),
            most_in_flight: AtomicUsize::new(0),
        }
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
            Write::CreateAccount { user, attributes } => {
                self.next += 1;
                let id = format!("a{}", self.next);
                let active = not_kept != Some("active");
                let account = Account {
                    external_id: user.to_string(),
                    attributes: attributes.clone(),
                    active,
                    roles: BTreeSet::new(),
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
            Write::CreateAccount { user, .. } => {
                let found = self.accounts.iter().find(|(_, account)| account.external_id == user.as_str());
                found.map_or(Probe::NotDone, |(id, _)| Probe::Done(Some(id.clone())))
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
    async fn find(&self, _: &[Candidate], _: usize) -> Result<Matches, TargetError> {
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

    async fn write(&self, write: &Write) -> Result<Written, WriteError> {
        let about = Self::about(write);
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

    async fn probe(&self, write: &Write) -> Result<Probe, TargetError> {
        self.fuse.step().await;
        if self.blind.load(Ordering::SeqCst) {
            return Ok(Probe::Unclear("it shows nothing".into()));
        }
        Ok(self.held.lock().unwrap().was_done(write))
    }
}

impl World<'_> {
    fn answer(&self, write: &Write, fault: Fault) -> Result<Written, WriteError> {
        let mut held = self.held.lock().unwrap();
        held.log.push(write.clone());
        let lost = || WriteError { failure: WriteFailure::Unknown, detail: "the connection was reset".into() };
        match fault {
            Fault::None | Fault::Panics => Ok(Written { target_id: held.carry_out(write, None)?, not_kept: vec![] }),
            Fault::NotKept(attribute) => {
                let target_id = held.carry_out(write, Some(attribute))?;
                Ok(Written { target_id, not_kept: vec![(attribute.into(), format!("the target kept no {attribute}"))] })
            }
            Fault::LostAnswer => held.carry_out(write, None).and_then(|_| Err(lost())),
            Fault::LostRequest => Err(lost()),
            Fault::Fails(failure) => Err(WriteError { failure, detail: format!("{failure:?}") }),
        }
    }
}

/// The simulated store.
#[derive(Default)]
pub(super) struct Books {
    pub(super) state: Mutex<(Ledger, BTreeMap<u64, Intent>)>,
    next: AtomicUsize,
    pub(super) fuse: Fuse,
    pub(super) fails_after: Mutex<Option<usize>>,
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
        let state = Mutex::new(self.state.lock().unwrap().clone());
        let next = AtomicUsize::new(self.next.load(Ordering::SeqCst));
        Self { state, next, fuse, fails_after: Mutex::default() }
    }

    fn fail_if_told(&self) -> Result<(), JournalError> {
        let mut left = self.fails_after.lock().unwrap();
        match left.as_mut() {
            Some(0) => Err(JournalError("the disk is full".into())),
            Some(count) => {
                *count -= 1;
                Ok(())
            }
            None => Ok(()),
        }
    }

    fn end(&self, sequence: u64, settlement: Option<&Settlement>) -> Result<(), JournalError> {
        self.fail_if_told()?;
        let (ledger, intents) = &mut *self.state.lock().unwrap();
        assert!(intents.remove(&sequence).is_some(), "an intent is ended once");
        if let Some(settlement) = settlement {
            settlement.enter(ledger);
        }
        Ok(())
    }
}

#[async_trait]
impl Journal for Books {
    async fn begin(&self, intent: Intent) -> Result<u64, JournalError> {
        self.fuse.step().await;
        self.fail_if_told()?;
        let sequence = self.next.fetch_add(1, Ordering::SeqCst) as u64;
        self.state.lock().unwrap().1.insert(sequence, intent);
        self.fuse.step().await;
        Ok(sequence)
    }
    async fn settle(&self, sequence: u64, settlement: Settlement) -> Result<(), JournalError> {
        self.fuse.step().await;
        self.end(sequence, Some(&settlement))?;
        self.fuse.step().await;
        Ok(())
    }
    async fn abandon(&self, sequence: u64) -> Result<(), JournalError> {
        self.fuse.step().await;
        self.end(sequence, None)
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
