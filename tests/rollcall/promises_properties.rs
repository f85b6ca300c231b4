//! The promises as properties of whole runs: whatever the directory held before and after, and however the read of it
//! goes wrong, nobody is put out by mistake, whoever left is out, and planning writes nothing.
//!
//! The connector here says exactly what a test tells it to say, and the application is a map.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use rollcall::apply::{Probe, Target, TargetError, TargetReader, Texts, Write, WriteError, Written};
use rollcall::config::Organization;
use rollcall::guard::Reviewed;
use rollcall::plan::{Candidates, Match, Matches, TargetAccount};
use rollcall::run::{Depth, HasPlan, Run, RunError, Session};
use rollcall::snapshot::{Ledger as _, MemoryStore, Mirror as _, Store};
use rollcall_kit::{
    Address, Attributes, Capabilities, Certificate, CertificateDraft, CheckFinding, Collection, Connector,
    DirectoryGroup, DirectoryId, DirectoryUser, Entries, LookUp, Member, ReadError, Source, Status, Value,
};

use super::promises_support::House;

/// People by number, and whether they are active.
pub(crate) type People = BTreeMap<u8, bool>;

pub(crate) fn id(number: u8) -> DirectoryId {
    DirectoryId::new(&format!("p{number}")).unwrap()
}

pub(crate) fn user(number: u8, active: bool) -> DirectoryUser {
    DirectoryUser {
        id: id(number),
        login: format!("p{number}"),
        status: if active { Status::Active } else { Status::Inactive(rollcall_kit::InactiveReason::Disabled) },
        raw_status: String::new(),
        place: None,
        assigned: None,
        profile: Attributes::from([("email", Value::from(format!("p{number}@acme.com")))]),
        raw: Attributes::new(),
    }
}

/// How a read ends once so many entries were sent.
#[derive(Clone, Copy, Debug)]
enum End {
    Whole,
    Fails(usize),
    Panics(usize),
    /// Ends as if it were whole, and says that so many more users had been there.
    Miscounts(usize, u64),
    /// Shows nobody, with every sign of success.
    Empty,
}

/// What a look-up by id answers about somebody who was not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answer {
    Found,
    Gone,
    Fails,
}

/// A directory that says what it is told to say.
pub(crate) struct Scripted {
    people: People,
    end: End,
    answers: BTreeMap<DirectoryId, Answer>,
}

impl Scripted {
    pub(crate) fn honest(people: &People) -> Self {
        Self { people: people.clone(), end: End::Whole, answers: BTreeMap::new() }
    }
}

#[async_trait]
impl Connector for Scripted {
    fn kind(&self) -> &'static str {
        "scripted"
    }
    fn capabilities(&self) -> Capabilities {
        Capabilities { groups: true, ..Capabilities::default() }
    }
    async fn check(&self) -> Result<Vec<CheckFinding>, ReadError> {
        Ok(Vec::new())
    }
    async fn read(&self, entries: Entries) -> Result<Certificate, ReadError> {
        let (shown, more) = match self.end {
            End::Whole => (usize::MAX, 0),
            End::Fails(shown) | End::Panics(shown) => (shown, 0),
            End::Miscounts(shown, more) => (shown, more),
            End::Empty => (0, 0),
        };
        let mut sent = 0;
        for (&number, &active) in self.people.iter().take(shown) {
            entries.user(user(number, active)).await?;
            sent += 1;
        }
        match self.end {
            End::Fails(_) => return Err(ReadError::incomplete("users", "the connection was cut")),
            End::Panics(_) => panic!("a connector that is broken"),
            End::Whole | End::Miscounts(..) | End::Empty => {}
        }
        let members = self.people.keys().map(|&number| Member::User(id(number))).collect();
        let staff = DirectoryGroup {
            id: DirectoryId::new("g-staff").unwrap(),
            name: "staff".to_owned(),
            place: None,
            members,
            unresolved_members: 0,
        };
        entries.group(staff).await?;
        let source = Source { connector: "scripted".into(), server: "memory".into(), identity: "tests".into() };
        let now = "2026-11-01T08:00:00Z".parse().unwrap();
        let mut draft = CertificateDraft::new(source, &["users", "groups"], now);
        for (name, entries) in [("users", sent + more), ("groups", 1)] {
            let (query, end) = ("everybody".to_owned(), "the end".to_owned());
            draft.completed(Collection { name: name.into(), query, pages: 1, entries, announced: None, end });
        }
        draft.certify(now)
    }
    async fn look_up(&self, id: &DirectoryId) -> Result<LookUp, ReadError> {
        match self.answers.get(id) {
            Some(Answer::Found) => {
                let number = id.as_str()[1..].parse().unwrap();
                Ok(LookUp::Found(Box::new(user(number, true))))
            }
            Some(Answer::Gone) => Ok(LookUp::Gone),
            Some(Answer::Fails) | None => Err(ReadError::incomplete("a look-up", "the server was busy")),
        }
    }
    async fn look_up_address(&self, _: &Address) -> Result<Vec<DirectoryUser>, ReadError> {
        Ok(Vec::new())
    }
    async fn look_up_group(&self, _: &DirectoryId) -> Result<Option<String>, ReadError> {
        Ok(None)
    }
}

/// An application that is a map: who is active, by the target's ids, which are those of the directory.
#[derive(Default)]
pub(crate) struct Application {
    active: Mutex<BTreeMap<String, bool>>,
    writes: AtomicU32,
}

impl Application {
    pub(crate) fn writes(&self) -> u32 {
        self.writes.load(Ordering::SeqCst)
    }

    pub(crate) fn who_is_in(&self) -> BTreeSet<String> {
        let active = self.active.lock().unwrap();
        active.iter().filter(|(_, active)| **active).map(|(id, _)| id.clone()).collect()
    }
}

#[async_trait]
impl TargetReader for Application {
    async fn check(&self) -> Result<Vec<CheckFinding>, TargetError> {
        Ok(Vec::new())
    }
    async fn find(&self, candidates: &Candidates, _: usize) -> Result<Matches, TargetError> {
        Ok(candidates.iter().map(|candidate| (candidate.user, Match::None)).collect())
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

    async fn probe(&self, _: &Write) -> Result<Probe, TargetError> {
        Ok(Probe::NotDone)
    }
}

#[async_trait]
impl Target for Application {
    fn concurrency(&self) -> usize {
        2
    }
    fn members_per_write(&self) -> usize {
        10
    }
    async fn write(&self, write: &Write) -> Result<Written, WriteError> {
        self.writes.fetch_add(1, Ordering::SeqCst);
        let mut accounts = self.active.lock().unwrap();
        match write {
            Write::CreateAccount { user, .. } => {
                assert!(accounts.insert(user.to_string(), true).is_none(), "{user} has two accounts");
                return Ok(Written { target_id: Some(user.to_string()), ..Written::default() });
            }
            Write::UpdateAccount { target_id, active: Some(active), .. } => {
                accounts.insert(target_id.clone(), *active);
            }
            _ => {}
        }
        Ok(Written::default())
    }
}

/// One organization over many runs, each with a directory of its own.
pub(crate) struct Course<'a> {
    pub(crate) house: &'a House,
    pub(crate) store: Arc<MemoryStore>,
    pub(crate) application: Arc<Application>,
}

impl<'a> Course<'a> {
    pub(crate) fn new(house: &'a House) -> Self {
        Self { house, store: Arc::new(MemoryStore::new()), application: Arc::default() }
    }

    pub(crate) fn session(&self, directory: impl Connector + 'static) -> Arc<Session> {
        self.session_of(self.house.organization(), directory)
    }

    /// The same snapshot and application under another configuration.
    pub(crate) fn session_of(&self, organization: Organization, directory: impl Connector + 'static) -> Arc<Session> {
        let store = Arc::clone(&self.store) as Arc<dyn Store>;
        let target = Arc::clone(&self.application) as Arc<dyn Target>;
        Arc::new(Session::new(organization, store, Arc::new(directory), target).unwrap())
    }

    /// Plans; nothing may be written by that.
    pub(crate) async fn plan(&self, directory: impl Connector + 'static) -> Result<Run<HasPlan>, RunError> {
        self.plan_at(Depth::Full, directory).await
    }

    /// The same with this much of the directory read.
    pub(crate) async fn plan_at(
        &self,
        depth: Depth,
        directory: impl Connector + 'static,
    ) -> Result<Run<HasPlan>, RunError> {
        let (session, before) = (self.session(directory), self.application.writes());
        let planned = session.plan_at(depth, &|_| {}).await;
        assert_eq!(self.application.writes(), before, "planning wrote to the application");
        planned
    }

    /// Plans, approves whatever holds it, and applies.
    async fn settle(&self, directory: Scripted) {
        self.apply(self.plan(directory).await.unwrap()).await;
    }

    /// Approves whatever holds a plan, and applies it.
    pub(crate) async fn apply(&self, run: Run<HasPlan>) {
        let (run, reviewed) = run.into_parts();
        let approved = match reviewed {
            Reviewed::Cleared(approved) => approved,
            Reviewed::Held(held) => held.approve("ada", "in a test"),
            Reviewed::Parted(_) => unreachable!("holds keep back everything here"),
        };
        run.apply(approved, &|_| {}).await.unwrap();
    }

    /// Everything that a failed run must leave as it was.
    pub(crate) fn state(&self) -> (u32, BTreeSet<String>, Vec<DirectoryUser>, usize, u64, Option<Certificate>) {
        (
            self.application.writes(),
            self.application.who_is_in(),
            self.store.users().map(Result::unwrap).collect(),
            self.store.accounts().map(Result::unwrap).filter(|account| account.active).count(),
            self.store.generation().unwrap(),
            self.store.certificate().unwrap(),
        )
    }
}

pub(crate) fn who_should_be_in(people: &People) -> BTreeSet<String> {
    people.iter().filter(|(_, active)| **active).map(|(number, _)| format!("p{number}")).collect()
}

pub(crate) fn people() -> impl Strategy<Value = People> {
    prop::collection::btree_map(0..9_u8, prop::bool::weighted(0.8), 1..9)
}

fn end() -> impl Strategy<Value = End> {
    prop_oneof![
        (0..9_usize).prop_map(End::Fails),
        (0..9_usize).prop_map(End::Panics),
        (0..9_usize, 1..4_u64).prop_map(|(shown, more)| End::Miscounts(shown, more)),
        Just(End::Empty),
    ]
}

/// Runs a property over whole runs. A house costs a server, so all cases share one; only its configuration is used.
pub(crate) fn holds<S: Strategy>(strategy: &S, property: &impl AsyncFn(&House, S::Value) -> Result<(), TestCaseError>) {
    let house = House::new();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut runner = TestRunner::new(ProptestConfig { cases: 192, failure_persistence: None, ..Default::default() });
    runner.run(strategy, |value| runtime.block_on(property(&house, value))).unwrap();
}

/// Rule 1. Mutations that it catches: `read::drive` without `require_fit` (at `Miscounts`), and without
/// `require_not_emptied` (at `Empty`).
#[test]
fn a_read_that_does_not_end_whole_changes_nothing() {
    holds(&(people(), people(), end()), &async |house, (before, after, end)| {
        let course = Course::new(house);
        course.settle(Scripted::honest(&before)).await;
        let state = course.state();
        let answers = before.keys().map(|&number| (id(number), Answer::Gone)).collect();
        let planned = course.plan(Scripted { people: after, end, answers }).await;
        prop_assert!(planned.is_err(), "{end:?} was believed");
        prop_assert_eq!(course.state(), state);
        Ok(())
    });
}

/// Rules 2, 9 and 12, and the first promise. Mutations that it catches: `read::confirm` takes somebody who was found for
/// gone, or a look-up that failed for an answer; `Session::make_plan` writes to the target.
#[test]
fn whoever_is_missing_is_out_only_if_the_directory_says_that_he_is_gone() {
    let answer = prop_oneof![6 => Just(Answer::Gone), 1 => Just(Answer::Found), 1 => Just(Answer::Fails)];
    let answers = prop::collection::vec(answer, 9);
    holds(&(people(), people(), answers), &async |house, (before, after, answers)| {
        let course = Course::new(house);
        course.settle(Scripted::honest(&before)).await;
        let state = course.state();
        let asked: Vec<(u8, Answer)> = before
            .iter()
            .filter(|(number, active)| **active && !after.contains_key(number))
            .map(|(&number, _)| (number, answers[usize::from(number)]))
            .collect();
        let directory = || Scripted {
            people: after.clone(),
            end: End::Whole,
            answers: (0..9).map(|number| (id(number), answers[usize::from(number)])).collect(),
        };
        if asked.iter().any(|(_, answer)| *answer != Answer::Gone) {
            prop_assert!(course.plan(directory()).await.is_err(), "{asked:?} did not settle it");
            prop_assert_eq!((course.application.writes(), course.application.who_is_in()), (state.0, state.1));
            return Ok(());
        }
        course.settle(directory()).await;
        prop_assert_eq!(course.application.who_is_in(), who_should_be_in(&after));
        let again = course.plan(directory()).await.unwrap();
        prop_assert!(again.proposed().is_empty(), "{:?}", again.proposed().changes);
        Ok(())
    });
}

/// Rule 2 where the scope would leave them out. Mutation that it catches: `read::confirm` takes whoever is found and out of
/// scope for absent.
#[tokio::test]
async fn a_read_that_missed_somebody_is_wrong_also_if_the_scope_leaves_him_out_and_his_rule_is_named() {
    let mut house = House::new();
    let both: People = [(1, true), (2, true)].into();
    let Course { store, application, .. } = {
        let course = Course::new(&house);
        course.settle(Scripted::honest(&both)).await;
        Course { house: &house, ..course }
    };
    house.extra = "scope = { when = 'user.login != \"p2\"' }".to_owned();
    let course = Course { house: &house, store, application };
    let state = course.state();
    let missing = Scripted { people: [(1, true)].into(), end: End::Whole, answers: [(id(2), Answer::Found)].into() };

    let error = course.plan(missing).await.err().unwrap().to_string();

    assert!(
        error.contains(
            "it missed somebody that a look-up by id found within reach: p2@acme.com (out of scope anyway, so they leave \
             once a read shows them: the scope's expression is false: user.login != \"p2\")"
        ),
        "{error}"
    );
    assert_eq!(course.state(), state);
    course.settle(Scripted::honest(&both)).await;
    assert_eq!(course.application.who_is_in(), ["p1".to_owned()].into(), "a read that shows them puts them out");
}
