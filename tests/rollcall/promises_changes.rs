//! Runs that read only what changed: they do what a full run would, as far as the directory tells, and read in full when
//! it cannot have told everything.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use rollcall::run::{Depth, Event, RunError, Session};
use rollcall::snapshot::Mirror as _;
use rollcall_kit::{
    Address, Capabilities, Certificate, CertificateDraft, Changes, CheckFinding, Connector, Cursor, DirectoryGroup,
    DirectoryId, DirectoryUser, Entries, Entry, InactiveReason, LookUp, Member, ReadError, Source, Status, Unreadable,
};

use super::promises_company::collection;
use super::promises_properties::{Course, People, holds, id, user, who_should_be_in};
use super::promises_support::House;

/// How the stream of changes behaves when it is read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Stream {
    #[default]
    Tells,
    /// Ends with an error after so many entries.
    Fails(usize),
    Panics(usize),
    /// Does not know the place any more.
    Lost,
}

/// What stands in the directory, and everybody of whom something changed, in order.
#[derive(Default)]
struct Contents {
    people: People,
    /// Whose record cannot be understood.
    odd: BTreeSet<u8>,
    told: Vec<u8>,
    stream: Stream,
    /// How long ago full reads say that they were made.
    age: SignedDuration,
    full_reads: u32,
    reads_of_changes: u32,
}

/// A directory that remembers what changed.
#[derive(Clone, Default)]
struct Streaming(Arc<Mutex<Contents>>);

impl Streaming {
    fn with<T>(&self, work: impl FnOnce(&mut Contents) -> T) -> T {
        work(&mut self.0.lock().unwrap())
    }

    /// Sets how somebody stands; nobody stands at none. What is silent is not told as a change.
    fn set(&self, number: u8, active: Option<bool>, silent: bool) {
        self.with(|contents| {
            match active {
                Some(active) => drop(contents.people.insert(number, active)),
                None => drop(contents.people.remove(&number)),
            }
            contents.told.extend((!silent).then_some(number));
        });
    }

    fn people(&self) -> People {
        self.with(|contents| contents.people.clone())
    }

    fn reads(&self) -> (u32, u32) {
        self.with(|contents| (contents.full_reads, contents.reads_of_changes))
    }

    fn staff(&self) -> DirectoryGroup {
        DirectoryGroup {
            id: DirectoryId::new("g-staff").unwrap(),
            name: "staff".to_owned(),
            place: None,
            members: self.people().keys().map(|&number| Member::User(id(number))).collect(),
            unresolved_members: 0,
        }
    }

    fn entry(&self, number: u8) -> Entry {
        let (active, odd) =
            self.with(|contents| (contents.people.get(&number).copied(), contents.odd.contains(&number)));
        if odd {
            let (id, label, problem) = (id(number), format!("p{number}"), "two addresses".to_owned());
            return Entry::Unreadable(Unreadable { id, label, problem });
        }
        let status = if active.is_some() { None } else { Some(Status::Inactive(InactiveReason::Deleted)) };
        let mut user = user(number, active == Some(true));
        user.status = status.unwrap_or(user.status);
        Entry::User(Box::new(user))
    }
}

#[async_trait]
impl Connector for Streaming {
    fn kind(&self) -> &'static str {
        "streaming"
    }
    fn capabilities(&self) -> Capabilities {
        Capabilities { groups: true, incremental: true, shows_inactive: true, ..Capabilities::default() }
    }
    async fn check(&self) -> Result<Vec<CheckFinding>, ReadError> {
        Ok(Vec::new())
    }
    async fn read(&self, entries: Entries) -> Result<Certificate, ReadError> {
        self.with(|contents| contents.full_reads += 1);
        let people = self.people();
        for &number in people.keys() {
            entries.send(self.entry(number)).await?;
        }
        entries.group(self.staff()).await?;
        let source = Source { connector: "streaming".into(), server: "memory".into(), identity: "tests".into() };
        let now = Timestamp::now() - self.with(|contents| contents.age);
        let mut draft = CertificateDraft::new(source, &["users", "groups"], now);
        draft.completed(collection("users", people.len() as u64));
        draft.completed(collection("groups", 1));
        draft.certify(now)
    }
    async fn look_up(&self, id: &DirectoryId) -> Result<LookUp, ReadError> {
        let number = id.as_str()[1..].parse().unwrap();
        Ok(match self.people().get(&number) {
            Some(&active) => LookUp::Found(Box::new(user(number, active))),
            None => LookUp::Gone,
        })
    }
    async fn look_up_address(&self, _: &Address) -> Result<Vec<DirectoryUser>, ReadError> {
        Ok(Vec::new())
    }
    async fn look_up_group(&self, _: &DirectoryId) -> Result<Option<String>, ReadError> {
        Ok(None)
    }
    async fn cursor(&self) -> Result<Option<Cursor>, ReadError> {
        Ok(Some(Cursor::new(self.with(|contents| contents.told.len()).to_string())))
    }
    async fn read_changes(&self, since: &Cursor, entries: Entries) -> Result<Option<Changes>, ReadError> {
        let since: usize = since.as_str().parse().unwrap();
        let (stream, told) = self.with(|contents| {
            contents.reads_of_changes += 1;
            (contents.stream, contents.told.clone())
        });
        if stream == Stream::Lost {
            return Ok(None);
        }
        let changed: BTreeSet<u8> = told[since..].iter().copied().collect();
        for (sent, &number) in changed.iter().enumerate() {
            match stream {
                Stream::Fails(at) if at == sent => return Err(ReadError::incomplete("changes", "it was cut")),
                Stream::Panics(at) if at == sent => panic!("a connector that is broken"),
                _ => entries.send(self.entry(number)).await?,
            }
        }
        if !changed.is_empty() {
            entries.group(self.staff()).await?;
        }
        if matches!(stream, Stream::Fails(_) | Stream::Panics(_)) {
            return Err(ReadError::incomplete("changes", "it was cut"));
        }
        let collections = vec![collection("users", changed.len() as u64)];
        Ok(Some(Changes { cursor: Cursor::new(told.len().to_string()), collections }))
    }
}

/// One step of a history.
#[derive(Clone, Debug)]
enum Step {
    /// Somebody comes, goes, is disabled or let in again; told by the stream.
    Set(u8, Option<bool>),
    Run(Depth, Stream),
}

fn step() -> impl Strategy<Value = Step> {
    let stream = prop_oneof![
        6 => Just(Stream::Tells),
        1 => Just(Stream::Lost),
        1 => (0..4_usize).prop_map(Stream::Fails),
        1 => (0..4_usize).prop_map(Stream::Panics),
    ];
    let depth = prop_oneof![3 => Just(Depth::Incremental), 1 => Just(Depth::Full)];
    prop_oneof![
        (0..7_u8, prop::option::weighted(0.7, any::<bool>())).prop_map(|(number, how)| Step::Set(number, how)),
        (depth, stream).prop_map(|(depth, stream)| Step::Run(depth, stream)),
    ]
}

/// Rules 1 and 8 for reads of changes, and the first promise. Mutations that it catches: changes are committed as if they
/// were everybody; a stream that was cut moves the place; a place that is lost counts as one since which nothing changed.
#[test]
fn reading_what_changed_puts_in_and_out_whom_a_full_read_would() {
    holds(&prop::collection::vec(step(), 1..24), &async |house, steps| {
        let (course, directory) = (Course::new(house), Streaming::default());
        directory.set(9, Some(true), false);
        course.apply(course.plan_at(Depth::Full, directory.clone()).await.unwrap()).await;
        for step in steps {
            let (depth, stream) = match step {
                Step::Set(number, how) => {
                    directory.set(number, how, false);
                    continue;
                }
                Step::Run(depth, stream) => (depth, stream),
            };
            directory.with(|contents| contents.stream = stream);
            let cut = depth == Depth::Incremental && matches!(stream, Stream::Fails(_) | Stream::Panics(_));
            let (before, place) = (course.state(), course.store.place().unwrap());
            let planned = course.plan_at(depth, directory.clone()).await;
            if cut && place.is_some() {
                prop_assert!(planned.is_err(), "a stream that was cut was believed");
                prop_assert_eq!((course.state(), course.store.place().unwrap()), (before, place));
                continue;
            }
            course.apply(planned.unwrap()).await;
            prop_assert_eq!(course.application.who_is_in(), who_should_be_in(&directory.people()));
        }
        directory.with(|contents| contents.stream = Stream::Tells);
        course.apply(course.plan_at(Depth::Incremental, directory.clone()).await.unwrap()).await;
        for depth in [Depth::Incremental, Depth::Full] {
            let again = course.plan_at(depth, directory.clone()).await.unwrap();
            prop_assert!(again.proposed().is_empty(), "{depth:?}: {:?}", again.proposed().changes);
        }
        Ok(())
    });
}

/// A directory of these people, read in full and applied.
async fn read_in_full<'a>(house: &'a House, numbers: &[u8]) -> (Course<'a>, Streaming) {
    let (course, directory) = (Course::new(house), Streaming::default());
    for &number in numbers {
        directory.set(number, Some(true), false);
    }
    course.apply(course.plan_at(Depth::Full, directory.clone()).await.unwrap()).await;
    (course, directory)
}

fn members(people: &[u8]) -> BTreeSet<String> {
    people.iter().map(|number| format!("p{number}")).collect()
}

#[tokio::test]
async fn who_is_merely_missing_is_found_by_the_next_full_read() {
    let house = House::new();
    let (course, directory) = read_in_full(&house, &[1, 2, 3]).await;
    directory.set(2, None, true);
    course.apply(course.plan_at(Depth::Incremental, directory.clone()).await.unwrap()).await;
    assert_eq!(course.application.who_is_in(), members(&[1, 2, 3]), "the stream said nothing of it");
    course.apply(course.plan_at(Depth::Full, directory.clone()).await.unwrap()).await;
    assert_eq!(course.application.who_is_in(), members(&[1, 3]));
}

#[tokio::test]
async fn a_plan_made_from_changes_says_so_and_its_record_keeps_what_was_asked() {
    let house = House::new();
    let (course, directory) = read_in_full(&house, &[1, 2]).await;
    directory.set(3, Some(true), false);
    let run = course.plan_at(Depth::Incremental, directory.clone()).await.unwrap();
    assert!(run.proposed().notes.iter().any(|note| note.sentence.contains("found by the next full read")));
    let (record, _) = run.end_with_plan().unwrap();
    assert_eq!(record.changes.unwrap().collections, [collection("users", 1)]);
    let run = course.plan_at(Depth::Full, directory.clone()).await.unwrap();
    assert!(run.proposed().notes.is_empty());
    assert_eq!(run.end_with_plan().unwrap().0.changes, None);
}

/// Plans from changes, and tells why everything was read after all, if it was.
async fn why(session: &Arc<Session>) -> Option<String> {
    let why = Mutex::new(None);
    let listener = |event: Event| {
        if let Event::ReadingInFull { why: sentence } = event {
            *why.lock().unwrap() = Some(sentence);
        }
    };
    session.plan_at(Depth::Incremental, &listener).await.unwrap().end_with_plan().unwrap();
    why.into_inner().unwrap()
}

async fn why_in_full(course: &Course<'_>, directory: &Streaming) -> Option<String> {
    why(&course.session(directory.clone())).await
}

#[tokio::test]
async fn the_first_run_and_one_whose_place_is_lost_read_in_full_and_say_why() {
    let house = House::new();
    let (course, directory) = (Course::new(&house), Streaming::default());
    directory.set(1, Some(true), false);
    assert_eq!(
        why_in_full(&course, &directory).await.unwrap(),
        "no full read has left a place from which changes can be followed"
    );
    assert_eq!(why_in_full(&course, &directory).await, None);
    directory.with(|contents| contents.stream = Stream::Lost);
    let lost = "the directory does not know any more what changed since the last run";
    assert_eq!(why_in_full(&course, &directory).await.unwrap(), lost);
    directory.with(|contents| contents.stream = Stream::Tells);
    assert_eq!(why_in_full(&course, &directory).await, None, "the full read left a new place");
    assert_eq!(directory.reads(), (2, 3));
}

#[tokio::test]
async fn changes_alone_are_read_no_longer_than_the_configuration_allows() {
    let mut house = House::new();
    house.extra = "[organization.acme.reading]\nfull_every = \"2h\"\n".to_owned();
    let (course, directory) = (Course::new(&house), Streaming::default());
    directory.set(1, Some(true), false);
    directory.with(|contents| contents.age = SignedDuration::from_mins(119));
    why_in_full(&course, &directory).await;
    assert_eq!(why_in_full(&course, &directory).await, None);
    directory.with(|contents| contents.age = SignedDuration::from_mins(121));
    course.plan_at(Depth::Full, directory.clone()).await.unwrap().end_with_plan().unwrap();
    let why = why_in_full(&course, &directory).await.unwrap();
    assert!(why.ends_with("longer ago than `reading.full_every` allows"), "{why}");
}

#[tokio::test]
async fn settings_that_read_otherwise_need_a_full_read() {
    let house = House::new();
    let (course, directory) = read_in_full(&house, &[1]).await;
    // Another folder is another file to read.
    let edited = House::new().organization_at(&house.sandbox);
    let why = why(&course.session_of(edited, directory)).await.unwrap();
    assert_eq!(why, "the settings by which the directory is read were edited since");
}

#[tokio::test]
async fn somebody_found_whom_the_stream_kept_back_makes_the_next_run_read_in_full() {
    let house = House::new();
    let (course, directory) = read_in_full(&house, &[1, 2]).await;
    directory.set(2, None, false);
    course.plan_at(Depth::Full, directory.clone()).await.unwrap().end_with_plan().unwrap();
    directory.set(2, Some(true), true);
    let failed = course.plan_at(Depth::Incremental, directory.clone()).await.map(|_| ()).unwrap_err();
    assert!(matches!(failed, RunError::Read(_)), "{failed}");
    assert_eq!(course.store.place().unwrap(), None);
    course.apply(course.plan_at(Depth::Incremental, directory.clone()).await.unwrap()).await;
    assert_eq!(course.application.who_is_in(), members(&[1, 2]));
}

#[tokio::test]
async fn an_odd_record_among_the_changes_stops_only_itself_until_it_is_mended() {
    let house = House::new();
    let (course, directory) = read_in_full(&house, &[1, 2]).await;
    directory.set(1, Some(false), false);
    directory.set(2, Some(false), false);
    directory.with(|contents| contents.odd.extend([1]));
    course.apply(course.plan_at(Depth::Incremental, directory.clone()).await.unwrap()).await;
    assert_eq!(course.application.who_is_in(), members(&[1]), "held as they were");
    directory.set(3, Some(true), false);
    course.apply(course.plan_at(Depth::Incremental, directory.clone()).await.unwrap()).await;
    assert_eq!(course.application.who_is_in(), members(&[1, 3]), "and still");
    directory.with(|contents| contents.odd.clear());
    directory.set(1, Some(false), false);
    course.apply(course.plan_at(Depth::Incremental, directory.clone()).await.unwrap()).await;
    assert_eq!(course.application.who_is_in(), members(&[3]));
}

#[tokio::test]
async fn what_an_increment_empties_is_as_strange_as_what_a_full_read_does() {
    let house = House::new();
    let numbers: Vec<u8> = (1..=40).collect();
    let (course, directory) = read_in_full(&house, &numbers).await;
    directory.with(|contents| {
        contents.people.retain(|&number, _| number == 1);
        contents.told.push(1);
    });
    let (_, reviewed) = course.plan_at(Depth::Incremental, directory.clone()).await.unwrap().end_with_plan().unwrap();
    let holding: Vec<&str> =
        reviewed.plan().notes.iter().filter(|note| note.holds).map(|note| &*note.sentence).collect();
    assert!(holding.iter().any(|sentence| sentence.contains("members of groups")), "{holding:?}");
}
