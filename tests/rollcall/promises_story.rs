//! Whole stories: people join, leave, return and are renamed, and the process dies at any write, before or after the
//! target did it. In the end everybody is where the directory says, once, and nobody was out for a moment who never left.
//!
//! The seed of a story that fails is in the message.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use async_trait::async_trait;
use rollcall::apply::{Probe, Target, TargetError, TargetReader, Texts, Write, WriteError, Written};
use rollcall::guard::Reviewed;
use rollcall::plan::{Candidates, Matches, TargetAccount};
use rollcall::run::{RunResult, Session};
use rollcall::scim::ScimTarget;
use rollcall_kit::{CheckFinding, Connector};

use super::promises_support::{House, user};

/// A target beside which the process dies: the write that the countdown ends at never returns.
struct Deadly {
    target: ScimTarget,
    countdown: AtomicI64,
    /// Whether the target does the fatal write.
    done: bool,
    dead: tokio::sync::Notify,
}

#[async_trait]
impl TargetReader for Deadly {
    async fn check(&self) -> Result<Vec<CheckFinding>, TargetError> {
        self.target.check().await
    }

    async fn find(&self, candidates: &Candidates, ours: usize) -> Result<Matches, TargetError> {
        self.target.find(candidates, ours).await
    }

    async fn account(&self, target_id: &str) -> Result<Option<TargetAccount>, TargetError> {
        self.target.account(target_id).await
    }

    async fn texts(&self, target_id: &str, attributes: &[&str]) -> Result<Option<Texts>, TargetError> {
        self.target.texts(target_id, attributes).await
    }

    async fn group(&self, name: &str) -> Result<Option<String>, TargetError> {
        self.target.group(name).await
    }

    async fn accounts(&self) -> Result<Vec<TargetAccount>, TargetError> {
        self.target.accounts().await
    }

    async fn probe(&self, write: &Write) -> Result<Probe, TargetError> {
        self.target.probe(write).await
    }
}

#[async_trait]
impl Target for Deadly {
    fn concurrency(&self) -> usize {
        3
    }

    fn members_per_write(&self) -> usize {
        2
    }

    fn roles_are_groups(&self) -> bool {
        self.target.roles_are_groups()
    }

    async fn write(&self, write: &Write) -> Result<Written, WriteError> {
        if self.countdown.fetch_sub(1, Ordering::SeqCst) > 0 {
            return self.target.write(write).await;
        }
        if self.done {
            let _ = self.target.write(write).await;
        }
        self.dead.notify_one();
        std::future::pending().await
    }
}

/// Everybody by id: the local part of their address, and whether they are active.
type People = BTreeMap<String, (String, bool)>;

struct Story {
    house: House,
    people: People,
    chance: fastrand::Rng,
    born: u32,
}

impl Story {
    fn new(seed: u64, roles: &str) -> Self {
        let mut house = House::new();
        house.target_extra = format!("roles = {roles:?}");
        let mut story = Self { house, people: People::new(), chance: fastrand::Rng::with_seed(seed), born: 0 };
        (0..6).for_each(|_| story.join());
        story
    }

    fn join(&mut self) {
        self.born += 1;
        let name = format!("p{}", self.born);
        self.people.insert(name.clone(), (name, true));
    }

    /// Something happens in the directory, and it is written down.
    fn go_on(&mut self) {
        let ids: Vec<String> = self.people.keys().cloned().collect();
        let id = ids[self.chance.usize(..ids.len())].clone();
        match self.chance.u8(..5) {
            0 => self.join(),
            1 => drop(self.people.remove(&id)),
            2 => {
                // The same address under another id: somebody was created anew.
                if let Some((local, _)) = self.people.remove(&id) {
                    self.born += 1;
                    self.people.insert(format!("again{}", self.born), (local, true));
                }
            }
            _ => {
                if let Some((_, active)) = self.people.get_mut(&id) {
                    *active = !*active;
                }
            }
        }
        if self.people.values().filter(|(_, active)| *active).count() == 0 {
            self.join();
        }
        self.write();
    }

    fn write(&self) {
        let word = |active: bool| if active { "active" } else { "disabled" };
        let users: Vec<_> = self.people.iter().map(|(id, (local, active))| user(id, local, word(*active))).collect();
        // Every second one has the role.
        let members: Vec<&str> = self.people.keys().map(String::as_str).step_by(2).collect();
        self.house.write(&users, &members);
    }

    /// One run that dies at a write, if it has so many. True if it came to its end.
    async fn run(&mut self, mortal: bool) -> bool {
        let organization = self.house.organization();
        let target = Arc::new(Deadly {
            target: ScimTarget::new(&organization.target).unwrap(),
            countdown: AtomicI64::new(if mortal { self.chance.i64(0..6) } else { i64::MAX }),
            done: self.chance.bool(),
            dead: tokio::sync::Notify::new(),
        });
        let directory = self.house.folder.path().join("people.json");
        let connector: Arc<dyn Connector> =
            Arc::new(rollcall_file::connector(rollcall_file::FileSettings::of(directory)).unwrap());
        let store = Arc::clone(&self.house.store);
        let deadly = Arc::clone(&target) as Arc<dyn Target>;
        let session = Arc::new(Session::new(organization, store, connector, deadly).unwrap());
        let run = async {
            let (run, reviewed) = session.plan(&|_| {}).await.unwrap().into_parts();
            let approved = match reviewed {
                Reviewed::Cleared(approved) => approved,
                Reviewed::Parted(parted) => parted.into_held().approve("ada", "in a test"),
                Reviewed::Held(held) => held.approve("ada", "in a story"),
            };
            let record = run.apply(approved, &|_| {}).await.unwrap();
            matches!(record.result, RunResult::Applied | RunResult::NothingToDo)
        };
        tokio::select! {
            ended = run => ended,
            () = target.dead.notified() => false,
        }
    }

    fn in_the_application(&self) -> BTreeMap<String, bool> {
        let accounts = self.house.sandbox.users();
        let names: BTreeMap<String, bool> =
            accounts.iter().map(|account| (account.user_name.clone(), account.active)).collect();
        assert_eq!(names.len(), accounts.len(), "somebody has two accounts: {accounts:?}");
        names
    }

    fn wanted(&self) -> BTreeMap<String, bool> {
        self.people.values().map(|(local, active)| (format!("{local}@acme.com"), *active)).collect()
    }

    /// Who is active in both the directory before and after must have been in all the time.
    fn nobody_is_out_by_mistake(&self, before: &BTreeMap<String, bool>, told: &str) {
        let now = self.in_the_application();
        for (name, _) in self.wanted().iter().filter(|(name, active)| **active && before.get(*name) == Some(&true)) {
            assert_eq!(now.get(name), Some(&true), "{told}: {name} is out and never left");
        }
    }

    fn all_is_as_it_should_be(&self, told: &str) {
        let (now, wanted) = (self.in_the_application(), self.wanted());
        for (name, active) in &now {
            assert_eq!(*active, wanted.get(name) == Some(&true), "{told}: {name}");
        }
        for (name, active) in wanted {
            assert!(!active || now.contains_key(&name), "{told}: {name} never came in");
        }
        let with_role: Vec<&String> = self.people.keys().step_by(2).collect();
        for account in self.house.sandbox.users().iter().filter(|account| account.active) {
            let should = account.external_id.as_ref().is_some_and(|id| with_role.contains(&id));
            let has = account.roles.iter().chain(&account.groups).any(|role| role == "editor");
            assert_eq!(has, should, "{told}: the role of {}", account.user_name);
        }
    }
}

/// Tells one story; yields how often the process died.
async fn tell(seed: u64, roles: &str) -> u32 {
    let mut deaths = 0;
    let mut story = Story::new(seed, roles);
    story.write();
    for chapter in 0..6 {
        let told = format!("seed {seed}, roles as {roles}, chapter {chapter}");
        let before = if chapter == 0 { BTreeMap::new() } else { story.wanted() };
        if chapter > 0 {
            story.go_on();
        }
        let settled_before = story.in_the_application();
        let stayed: BTreeMap<_, _> =
            before.into_iter().filter(|(name, _)| settled_before.get(name) == Some(&true)).collect();
        let mut runs = 0;
        while !story.run(runs < 3).await {
            story.nobody_is_out_by_mistake(&stayed, &told);
            runs += 1;
            deaths += 1;
            assert!(runs < 8, "{told}: it never ends");
        }
        story.nobody_is_out_by_mistake(&stayed, &told);
        story.all_is_as_it_should_be(&told);
        let reviewed = story.house.plan().await.unwrap();
        assert!(reviewed.plan().is_empty(), "{told}: a second run has {:?}", reviewed.plan().changes);
        // Asked last: the journal's thread of a run that was let go may have written an intent after its end.
        assert!(story.house.store.unsettled().unwrap().is_empty(), "{told}: something is left unsettled");
    }
    deaths
}

#[tokio::test]
async fn a_process_that_dies_at_any_write_leaves_nobody_twice_out_or_in_who_should_not_be() {
    let mut deaths = 0;
    for seed in 0..8 {
        deaths += tell(seed, "roles").await;
    }
    assert!(deaths > 20, "only {deaths} deaths: the stories are too tame");
}

#[tokio::test]
async fn the_same_holds_where_roles_are_groups() {
    let mut deaths = 0;
    for seed in 100..108 {
        deaths += tell(seed, "groups").await;
    }
    assert!(deaths > 20, "only {deaths} deaths: the stories are too tame");
}
