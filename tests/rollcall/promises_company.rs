//! A company in memory whose directory tells what changed, and an application that fails when it is told to: for tests of
//! what runs cost and decide over long histories.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use rollcall::apply::{Probe, Target, TargetError, TargetReader, Texts, Write, WriteError, WriteFailure, Written};
use rollcall::config::Organization;
use rollcall::guard::Reviewed;
use rollcall::plan::{Candidates, Match, Matches, TargetAccount};
use rollcall::run::{Depth, HasPlan, Run, RunError, Session};
use rollcall::snapshot::{MemoryStore, Store};
use rollcall_kit::{
    Address, Attributes, Capabilities, Certificate, CertificateDraft, Changes, CheckFinding, Collection, Connector,
    Cursor, DirectoryGroup, DirectoryId, DirectoryUser, Entries, Entry, InactiveReason, LookUp, Member, ReadError,
    Source, Status, Unreadable, Value, attribute,
};

/// A person of the company.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Person {
    pub(crate) active: bool,
    /// What stands in front of the domain.
    pub(crate) local: String,
    pub(crate) domain: &'static str,
    pub(crate) title: u32,
    /// Whether the record cannot be understood.
    pub(crate) odd: bool,
}

impl Person {
    pub(crate) fn new(number: u32) -> Self {
        // Ten people of them at most: what was refused to somebody is in every plan, so each of them costs a record.
        let domain = if number.is_multiple_of(50) && number < 500 { "elsewhere.example" } else { "acme.com" };
        Self { active: true, local: format!("p{number:05}"), domain, title: 0, odd: false }
    }
}

/// A group of the company.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Group {
    pub(crate) name: String,
    pub(crate) users: BTreeSet<u32>,
    pub(crate) groups: BTreeSet<u8>,
}

/// What stands in the directory, and what was told of it.
#[derive(Default)]
pub(crate) struct Contents {
    pub(crate) people: BTreeMap<u32, Person>,
    pub(crate) groups: BTreeMap<u8, Group>,
    told: Vec<Told>,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Told {
    Person(u32),
    Group(u8),
}

pub(crate) fn person_id(number: u32) -> DirectoryId {
    DirectoryId::new(&format!("p{number:05}")).unwrap()
}

fn group_id(number: u8) -> DirectoryId {
    DirectoryId::new(&format!("g{number}")).unwrap()
}

/// A directory that remembers what changed.
#[derive(Clone, Default)]
pub(crate) struct Directory(Arc<Mutex<Contents>>);

impl Directory {
    /// So many people, of whom every tenth is in an inner group and everybody else in the outer one. Of more than twenty
    /// thousand the others have left: everybody has to be looked at, and not everybody takes an account to make.
    pub(crate) fn of(people: u32) -> Self {
        let directory = Self::default();
        directory.with(|contents| {
            let person = |number| Person { active: number < 20_000, ..Person::new(number) };
            contents.people = (0..people).map(|number| (number, person(number))).collect();
            for (number, name) in [(0, "staff"), (1, "ops"), (2, "leads"), (3, "guests")] {
                contents.groups.insert(number, Group { name: name.to_owned(), ..Group::default() });
            }
            for number in 0..people {
                let of = if number.is_multiple_of(10) { 2 } else { 0 };
                contents.groups.entry(of).or_default().users.insert(number);
            }
            contents.groups.entry(0).or_default().groups.insert(2);
        });
        directory
    }

    pub(crate) fn with<T>(&self, work: impl FnOnce(&mut Contents) -> T) -> T {
        work(&mut self.0.lock().unwrap())
    }

    /// Changes somebody, or lets them come; it is told.
    pub(crate) fn person(&self, number: u32, change: impl FnOnce(&mut Person)) {
        self.with(|contents| {
            change(contents.people.entry(number).or_insert_with(|| Person::new(number)));
            contents.told.push(Told::Person(number));
        });
    }

    /// Lets somebody go; it is told, if it is.
    pub(crate) fn remove(&self, number: u32, is_told: bool) {
        self.with(|contents| {
            contents.people.remove(&number);
            contents.told.extend(is_told.then_some(Told::Person(number)));
        });
    }

    /// Changes a group; it is told.
    pub(crate) fn group<T>(&self, number: u8, change: impl FnOnce(&mut Group) -> T) {
        self.with(|contents| {
            let _ = change(contents.groups.entry(number).or_default());
            contents.told.push(Told::Group(number));
        });
    }

    fn user(&self, number: u32) -> Option<DirectoryUser> {
        let person = self.with(|contents| contents.people.get(&number).cloned())?;
        let status = if person.active { Status::Active } else { Status::Inactive(InactiveReason::Disabled) };
        let profile = [
            (attribute::EMAIL.to_owned(), Value::from(format!("{}@{}", person.local, person.domain))),
            (attribute::NAME.to_owned(), Value::from(format!("Person {number} {}", person.title))),
        ];
        Some(DirectoryUser {
            id: person_id(number),
            login: person.local,
            status,
            raw_status: String::new(),
            place: None,
            assigned: None,
            profile: profile.into(),
            raw: Attributes::new(),
        })
    }

    /// What is sent of somebody: a tombstone of whoever is not there.
    fn entry(&self, number: u32) -> Entry {
        let odd = self.with(|contents| contents.people.get(&number).is_some_and(|person| person.odd));
        if odd {
            let (id, label, problem) = (person_id(number), format!("p{number:05}"), "two addresses".to_owned());
            return Entry::Unreadable(Unreadable { id, label, problem });
        }
        let gone = || {
            let mut user = DirectoryUser {
                id: person_id(number),
                login: format!("p{number:05}"),
                status: Status::Inactive(InactiveReason::Deleted),
                raw_status: String::new(),
                place: None,
                assigned: None,
                profile: Attributes::new(),
                raw: Attributes::new(),
            };
            user.profile.insert(attribute::EMAIL.to_owned(), Value::from(format!("p{number:05}@acme.com")));
            user
        };
        Entry::User(Box::new(self.user(number).unwrap_or_else(gone)))
    }

    fn directory_group(&self, number: u8) -> Option<DirectoryGroup> {
        self.with(|contents| {
            let group = contents.groups.get(&number)?;
            let users = group.users.iter().filter(|user| contents.people.contains_key(user));
            let mut members: Vec<Member> = users.map(|&user| Member::User(person_id(user))).collect();
            members.extend(group.groups.iter().map(|&inner| Member::Group(group_id(inner))));
            members.sort();
            let name = group.name.clone();
            Some(DirectoryGroup { id: group_id(number), name, place: None, members, unresolved_members: 0 })
        })
    }
}

/// A collection that was read to its end.
pub(crate) fn collection(name: &str, entries: u64) -> Collection {
    let (query, end) = ("everybody".to_owned(), "the end".to_owned());
    Collection { name: name.into(), query, pages: 1, entries, announced: None, end }
}

#[async_trait]
impl Connector for Directory {
    fn kind(&self) -> &'static str {
        "company"
    }
    fn capabilities(&self) -> Capabilities {
        Capabilities { groups: true, incremental: true, shows_inactive: true, ..Capabilities::default() }
    }
    async fn check(&self) -> Result<Vec<CheckFinding>, ReadError> {
        Ok(Vec::new())
    }
    async fn read(&self, entries: Entries) -> Result<Certificate, ReadError> {
        let (people, groups): (Vec<u32>, Vec<u8>) = self
            .with(|contents| (contents.people.keys().copied().collect(), contents.groups.keys().copied().collect()));
        for &number in &people {
            entries.send(self.entry(number)).await?;
        }
        for &number in &groups {
            entries.group(self.directory_group(number).unwrap()).await?;
        }
        let source = Source { connector: "company".into(), server: "memory".into(), identity: "tests".into() };
        let now = Timestamp::now();
        let mut draft = CertificateDraft::new(source, &["users", "groups"], now);
        draft.completed(collection("users", people.len() as u64));
        draft.completed(collection("groups", groups.len() as u64));
        draft.certify(now)
    }
    async fn look_up(&self, id: &DirectoryId) -> Result<LookUp, ReadError> {
        let number = id.as_str()[1..].parse().unwrap();
        Ok(self.user(number).map_or(LookUp::Gone, |user| LookUp::Found(Box::new(user))))
    }
    async fn look_up_address(&self, _: &Address) -> Result<Vec<DirectoryUser>, ReadError> {
        Ok(Vec::new())
    }
    async fn look_up_group(&self, id: &DirectoryId) -> Result<Option<String>, ReadError> {
        let number = id.as_str()[1..].parse().unwrap();
        Ok(self.directory_group(number).map(|group| group.name))
    }
    async fn cursor(&self) -> Result<Option<Cursor>, ReadError> {
        Ok(Some(Cursor::new(self.with(|contents| contents.told.len()).to_string())))
    }
    async fn read_changes(&self, since: &Cursor, entries: Entries) -> Result<Option<Changes>, ReadError> {
        let since: usize = since.as_str().parse().unwrap();
        let told = self.with(|contents| contents.told.clone());
        let changed: BTreeSet<Told> = told[since..].iter().copied().collect();
        for &told in &changed {
            match told {
                Told::Person(number) => entries.send(self.entry(number)).await?,
                Told::Group(number) => entries.group(self.directory_group(number).unwrap()).await?,
            }
        }
        let collections = vec![collection("changes", changed.len() as u64)];
        Ok(Some(Changes { cursor: Cursor::new(told.len().to_string()), collections }))
    }
}

/// An application that is a map from its ids to accounts.
#[derive(Default)]
pub(crate) struct Application {
    accounts: Mutex<BTreeMap<String, TargetAccount>>,
    /// How many of the next writes fail.
    failing: Mutex<u32>,
}

impl Application {
    pub(crate) fn fail(&self, writes: u32) {
        *self.failing.lock().unwrap() = writes;
    }

    /// Somebody made an account here by hand.
    pub(crate) fn stranger(&self, local: &str) {
        let id = format!("stranger-{local}");
        let account = account(&id, &format!("{local}@acme.com"));
        self.accounts.lock().unwrap().entry(id).or_insert(account);
    }

    /// Somebody gave an account another name here by hand.
    pub(crate) fn rename(&self, id: &str, name: &str) {
        if let Some(account) = self.accounts.lock().unwrap().get_mut(id) {
            name.clone_into(&mut account.user_name);
        }
    }

    fn fails(&self) -> bool {
        let mut failing = self.failing.lock().unwrap();
        let fails = *failing > 0;
        *failing = failing.saturating_sub(1);
        fails
    }
}

fn account(id: &str, address: &str) -> TargetAccount {
    TargetAccount {
        target_id: id.to_owned(),
        user_name: address.to_owned(),
        external_id: None,
        addresses: vec![address.to_owned()],
        active: true,
        attributes: BTreeMap::from([(attribute::EMAIL.to_owned(), Value::from(address))]),
        roles: Vec::new(),
    }
}

#[async_trait]
impl TargetReader for Application {
    async fn check(&self) -> Result<Vec<CheckFinding>, TargetError> {
        Ok(Vec::new())
    }
    async fn find(&self, candidates: &Candidates, _: usize) -> Result<Matches, TargetError> {
        let accounts = self.accounts.lock().unwrap();
        let found = candidates.iter().map(|candidate| {
            let address = candidate.address.folded();
            let mut named = accounts.values().filter(|account| account.user_name.to_lowercase() == address);
            let found = match (named.next(), named.next()) {
                (None, _) => Match::None,
                (Some(one), None) => Match::One(Box::new(one.clone()), "userName"),
                (Some(one), Some(other)) => Match::Many(
                    [one, other].map(|account| (account.target_id.clone(), account.user_name.clone())).into(),
                ),
            };
            (candidate.user, found)
        });
        Ok(found.collect())
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
        Ok(self.accounts.lock().unwrap().values().cloned().collect())
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
        if self.fails() {
            let detail = "the application does not want to".to_owned();
            return Err(WriteError { failure: WriteFailure::Refused, detail });
        }
        let mut accounts = self.accounts.lock().unwrap();
        match write {
            Write::CreateAccount { user, attributes, .. } => {
                let id = format!("t-{user}-{}", accounts.len());
                let address = attributes.get(attribute::EMAIL).map(ToString::to_string).unwrap_or_default();
                accounts.insert(id.clone(), account(&id, &address));
                Ok(Written { target_id: Some(id), ..Written::default() })
            }
            Write::DeleteAccount { target_id } => {
                accounts.remove(target_id);
                Ok(Written::default())
            }
            Write::UpdateAccount { target_id, changes, .. } => {
                let email = changes.iter().find(|change| change.attribute == attribute::EMAIL);
                let address = email.and_then(|change| change.after.as_ref()).map(ToString::to_string);
                if let Some((account, address)) = accounts.get_mut(target_id).zip(address) {
                    account.user_name = address;
                }
                Ok(Written::default())
            }
            _ => Ok(Written::default()),
        }
    }
}

/// The company over many runs.
pub(crate) struct Company {
    pub(crate) directory: Directory,
    pub(crate) application: Arc<Application>,
    pub(crate) store: Arc<MemoryStore>,
    /// How long ago everything began, by the clock of the runs.
    pub(crate) later: SignedDuration,
}

impl Company {
    pub(crate) fn of(people: u32) -> Self {
        Self {
            directory: Directory::of(people),
            application: Arc::default(),
            store: Arc::default(),
            later: SignedDuration::ZERO,
        }
    }

    pub(crate) fn session(&self, organization: &Organization) -> Arc<Session> {
        Arc::new(self.plain_session(organization))
    }

    /// A session that can be made to compare otherwise.
    pub(crate) fn plain_session(&self, organization: &Organization) -> Session {
        let store = Arc::clone(&self.store) as Arc<dyn Store>;
        let target = Arc::clone(&self.application) as Arc<dyn Target>;
        let later = self.later;
        let session = Session::new(organization.clone(), store, Arc::new(self.directory.clone()), target).unwrap();
        session.with_clock(Arc::new(move || Timestamp::now() + later))
    }

    /// Reads so much, and plans.
    pub(crate) async fn plan(&self, organization: &Organization, depth: Depth) -> Result<Run<HasPlan>, RunError> {
        self.session(organization).plan_at(depth, &|_| {}).await
    }
}

/// Approves whatever holds a plan, and applies it.
pub(crate) async fn apply(run: Run<HasPlan>) {
    let (run, reviewed) = run.into_parts();
    let approved = match reviewed {
        Reviewed::Cleared(approved) => approved,
        Reviewed::Parted(parted) => parted.into_held().approve("ada", "in a test"),
        Reviewed::Held(held) => held.approve("ada", "in a test"),
    };
    if approved.plan().is_empty() {
        run.nothing_to_do(approved).unwrap();
    } else {
        run.apply(approved, &|_| {}).await.unwrap();
    }
}
