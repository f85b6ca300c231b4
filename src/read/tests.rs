//! Reads with connectors that cut off, lie, panic and repeat themselves.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use rollcall_kit::{
    Address, Attributes, Capabilities, Certificate, CertificateDraft, Changes, CheckFinding, Collection, Connector,
    Cursor, DirectoryGroup, DirectoryId, DirectoryUser, Entries, Entry, InactiveReason, LookUp, Member, ReadError,
    Source, Status, Unreadable, Value,
};

use super::{Absence, FullStaging, Place, ReadFailure, Staging, StagingError, catch_up, confirm, drive};

fn id(id: &str) -> DirectoryId {
    DirectoryId::new(id).unwrap()
}

fn user(name: &str) -> DirectoryUser {
    DirectoryUser {
        id: id(name),
        login: name.into(),
        status: Status::Active,
        raw_status: String::new(),
        place: None,
        assigned: None,
        profile: Attributes::from([("email", Value::from(format!("{name}@acme.com")))]),
        raw: Attributes::new(),
    }
}

fn entry(user: DirectoryUser) -> Entry {
    Entry::User(Box::new(user))
}

fn group(name: &str, member: &str) -> Entry {
    let members = vec![Member::User(id(member))];
    Entry::Group(Box::new(DirectoryGroup {
        id: id(name),
        name: name.into(),
        place: None,
        members,
        unresolved_members: 0,
    }))
}

fn certificate(users: u64, groups: u64) -> Certificate {
    let source = Source { connector: "fake".into(), server: "memory".into(), identity: "tests".into() };
    let start = "2026-11-01T08:00:00Z".parse().unwrap();
    let mut draft = CertificateDraft::new(source, &["users", "groups"], start);
    for (name, entries) in [("users", users), ("groups", groups)] {
        let (name, query, end) = (name.into(), "everybody".into(), "the end of the list".into());
        draft.completed(Collection { name, query, pages: 1, entries, announced: None, end });
    }
    draft.certify(start).unwrap()
}

/// What was read so far, and what is being read.
#[derive(Default)]
struct Mirror {
    certificate: Option<Certificate>,
    users: BTreeSet<DirectoryId>,
    staged: Staged,
}

#[derive(Default)]
struct Staged {
    users: BTreeSet<DirectoryId>,
    /// Those of them who are not assigned, by the last word.
    unassigned: BTreeSet<DirectoryId>,
    mirrored: BTreeSet<DirectoryId>,
    full: bool,
}

impl Staging for Staged {
    fn stage(&mut self, batch: Vec<Entry>) -> Result<(), StagingError> {
        for entry in batch {
            if let Entry::User(user) = entry {
                if user.assigned == Some(false) {
                    self.unassigned.insert(user.id.clone());
                }
                self.users.insert(user.id);
            }
        }
        if self.full { Err(StagingError("the disk is full".into())) } else { Ok(()) }
    }
    fn staged(&self) -> (u64, u64) {
        (self.users.len() as u64, 0)
    }
    fn ticket(&self) -> u64 {
        0
    }
}

impl FullStaging for Staged {
    fn vanished(&mut self) -> Result<Vec<DirectoryId>, StagingError> {
        Ok(self.mirrored.difference(&self.users).cloned().collect())
    }
}

impl Mirror {
    fn user_ids(&self) -> Vec<&str> {
        self.users.iter().map(DirectoryId::as_str).collect()
    }
}

/// What a fake connector does once its entries are sent.
enum End {
    Certify(u64, u64),
    Fail,
    Panic,
    Hang,
}

struct Fake {
    entries: Vec<Entry>,
    end: End,
    answers: BTreeMap<DirectoryId, LookUp>,
    in_flight: AtomicUsize,
    most_in_flight: AtomicUsize,
    sent: Mutex<usize>,
    streams: bool,
}

impl Fake {
    fn new(entries: Vec<Entry>, end: End) -> Self {
        Self {
            entries,
            end,
            answers: BTreeMap::new(),
            in_flight: AtomicUsize::new(0),
            most_in_flight: AtomicUsize::new(0),
            sent: Mutex::new(0),
            streams: false,
        }
    }

    fn honest(entries: Vec<Entry>) -> Self {
        let users = entries.iter().filter(|entry| matches!(entry, Entry::User(_))).count() as u64;
        let others = entries.len() as u64 - users;
        Self::new(entries, End::Certify(users, others))
    }
}

#[async_trait]
impl Connector for Fake {
    fn kind(&self) -> &'static str {
        "fake"
    }
    fn capabilities(&self) -> Capabilities {
        Capabilities { groups: true, incremental: self.streams, ..Capabilities::default() }
    }
    async fn check(&self) -> Result<Vec<CheckFinding>, ReadError> {
        Ok(Vec::new())
    }
    async fn read(&self, entries: Entries) -> Result<Certificate, ReadError> {
        for entry in &self.entries {
            entries.send(entry.clone()).await?;
            *self.sent.lock().unwrap() += 1;
        }
        match self.end {
            End::Certify(users, groups) => Ok(certificate(users, groups)),
            End::Fail => Err(ReadError::incomplete("users", "the connection was cut")),
            End::Panic => panic!("index out of bounds"),
            End::Hang => std::future::pending().await,
        }
    }
    async fn look_up(&self, id: &DirectoryId) -> Result<LookUp, ReadError> {
        let now = self.in_flight.fetch_add(1, Ordering::SeqCst) + 1;
        self.most_in_flight.fetch_max(now, Ordering::SeqCst);
        tokio::task::yield_now().await;
        self.in_flight.fetch_sub(1, Ordering::SeqCst);
        assert!(id.as_str() != "poison", "unexpected answer");
        self.answers.get(id).cloned().ok_or_else(|| ReadError::incomplete("a look-up", "the server was busy"))
    }
    async fn look_up_address(&self, _: &Address) -> Result<Vec<DirectoryUser>, ReadError> {
        Ok(Vec::new())
    }
    async fn look_up_group(&self, _: &DirectoryId) -> Result<Option<String>, ReadError> {
        Ok(None)
    }
    async fn cursor(&self) -> Result<Option<Cursor>, ReadError> {
        assert_eq!(*self.sent.lock().unwrap(), 0, "asked for after the read began");
        match self.end {
            End::Fail => Err(ReadError::Settings("no stream today".into())),
            _ => Ok(Some(Cursor::new("here".into()))),
        }
    }
    async fn read_changes(&self, since: &Cursor, entries: Entries) -> Result<Option<Changes>, ReadError> {
        if since.as_str() == "lost" {
            return Ok(None);
        }
        self.read(entries).await?;
        Ok(Some(Changes { cursor: Cursor::new("there".into()), collections: Vec::new() }))
    }
}

fn three_and_a_group() -> Vec<Entry> {
    vec![entry(user("a")), entry(user("b")), entry(user("c")), group("g", "a")]
}

/// Drives a connector; if that yields a reading, it becomes the mirror.
async fn run(mirror: &mut Mirror, connector: &Fake) -> Result<Vec<DirectoryId>, ReadFailure> {
    mirror.staged = Staged { mirrored: mirror.users.clone(), ..Staged::default() };
    let reading = drive(connector, &mut mirror.staged, mirror.certificate.as_ref(), "settings", |_, _| {}).await?;
    mirror.users = std::mem::take(&mut mirror.staged.users);
    mirror.certificate = Some(reading.certificate().clone());
    Ok(reading.vanished().to_vec())
}

#[tokio::test]
async fn a_complete_read_becomes_a_reading_and_names_who_vanished() {
    let mut mirror = Mirror::default();
    assert_eq!(run(&mut mirror, &Fake::honest(three_and_a_group())).await.unwrap(), []);
    let mut without_b = three_and_a_group();
    without_b.remove(1);
    assert_eq!(run(&mut mirror, &Fake::honest(without_b)).await.unwrap(), [id("b")]);
    assert_eq!(mirror.user_ids(), ["a", "c"]);
}

#[tokio::test]
async fn a_read_that_is_cut_at_any_entry_changes_nothing() {
    let mut mirror = Mirror::default();
    run(&mut mirror, &Fake::honest(three_and_a_group())).await.unwrap();
    for cut in 0..=4 {
        let connector = Fake::new(three_and_a_group()[..cut].to_vec(), End::Fail);
        let failure = run(&mut mirror, &connector).await.unwrap_err();
        assert!(matches!(failure, ReadFailure::Directory(ReadError::Incomplete { .. })), "{failure}");
    }
    assert_eq!(mirror.user_ids(), ["a", "b", "c"]);
    assert_eq!(mirror.certificate.unwrap().entries_of("users"), 3);
}

#[tokio::test]
async fn a_connector_that_panics_fails_the_read_and_not_the_process() {
    let failure = run(&mut Mirror::default(), &Fake::new(three_and_a_group(), End::Panic)).await.unwrap_err();
    assert!(failure.to_string().contains("the fake connector broke while it read: index out of bounds"), "{failure}");
}

#[tokio::test]
async fn a_certificate_that_counts_other_than_what_arrived_is_refused() {
    for (users, groups) in [(2, 1), (4, 1), (3, 0), (3, 2), (4, 0), (0, 0)] {
        let lying = Fake::new(three_and_a_group(), End::Certify(users, groups));
        let failure = run(&mut Mirror::default(), &lying).await.unwrap_err();
        assert!(matches!(failure, ReadFailure::Miscounted { .. }), "{users} users and {groups} groups: {failure}");
    }
}

#[tokio::test]
async fn an_unreadable_record_counts_as_the_user_or_group_that_it_is() {
    let mut entries = three_and_a_group();
    entries.push(Entry::Unreadable(Unreadable { id: id("d"), label: "d".into(), problem: "two addresses".into() }));
    for (users, groups, fits) in [(4, 1, true), (3, 2, true), (3, 1, false), (4, 2, false)] {
        let connector = Fake::new(entries.clone(), End::Certify(users, groups));
        assert_eq!(run(&mut Mirror::default(), &connector).await.is_ok(), fits, "{users} users and {groups} groups");
    }
}

#[tokio::test]
async fn a_record_that_is_sent_twice_is_one_record_and_counted_as_it_was_certified() {
    let mut mirror = Mirror::default();
    let twice = vec![entry(user("a")), entry(user("b")), entry(user("a"))];
    run(&mut mirror, &Fake::honest(twice)).await.unwrap();
    assert_eq!(mirror.user_ids(), ["a", "b"]);
}

#[tokio::test]
async fn a_collection_that_is_suddenly_empty_is_an_error_that_says_whose_rights_to_check() {
    let mut mirror = Mirror::default();
    run(&mut mirror, &Fake::honest(three_and_a_group())).await.unwrap();
    let failure = run(&mut mirror, &Fake::honest(three_and_a_group()[..3].to_vec())).await.unwrap_err();
    assert!(matches!(failure, ReadFailure::Emptied { collection: "groups", before: 1, .. }), "{failure}");
    let failure = run(&mut mirror, &Fake::honest(vec![])).await.unwrap_err();
    assert!(failure.to_string().contains("no users at all, and it sent 3 when it was last read"), "{failure}");
    assert!(failure.to_string().contains("Check what tests may read at memory"), "{failure}");
    assert_eq!(mirror.user_ids(), ["a", "b", "c"]);
}

#[tokio::test]
async fn an_empty_directory_that_was_never_anything_else_is_a_reading() {
    assert!(run(&mut Mirror::default(), &Fake::honest(vec![])).await.is_ok());
}

#[tokio::test]
async fn a_slow_consumer_bounds_what_the_connector_may_send_ahead() {
    let (entries, arriving) = Entries::channel(8);
    let connector = Fake::honest((0..100).map(|number| entry(user(&format!("u{number}")))).collect());
    let outcome = tokio::time::timeout(std::time::Duration::from_millis(50), connector.read(entries)).await;
    assert!(outcome.is_err(), "nobody listens, so it must wait");
    assert_eq!(*connector.sent.lock().unwrap(), 8);
    drop(arriving);
}

#[tokio::test]
async fn a_read_is_cancelled_by_letting_go_of_it() {
    let mut mirror = Mirror::default();
    let connector = Fake::new(three_and_a_group(), End::Hang);
    let outcome = tokio::time::timeout(std::time::Duration::from_millis(50), run(&mut mirror, &connector)).await;
    assert!(outcome.is_err());
    assert_eq!(mirror.staged.users.len(), 3, "they had arrived");
    assert_eq!(mirror.user_ids(), Vec::<&str>::new());
}

#[tokio::test]
async fn a_staging_area_that_fails_ends_the_read_at_once() {
    let connector = Fake::new(three_and_a_group(), End::Hang);
    let mut full = Staged { full: true, ..Staged::default() };
    let failure = drive(&connector, &mut full, None, "settings", |_, _| {}).await.unwrap_err();
    assert_eq!(failure.to_string(), "what was read cannot be kept: the disk is full");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_read_works_on_a_runtime_of_many_threads_and_reports_progress() {
    let mut staging = Staged::default();
    let connector = Fake::honest((0..5_000).map(|number| entry(user(&format!("u{number}")))).collect());
    let mut last = (0, 0);
    drive(&connector, &mut staging, None, "settings", |users, groups| {
        assert!(users >= last.0);
        last = (users, groups);
    })
    .await
    .unwrap();
    assert_eq!(last, (5_000, 0));
}

fn place(words: &str) -> Place {
    Place { cursor: Cursor::new(words.into()), settings: "settings".into() }
}

/// A mirror that has whoever is asked for.
#[allow(clippy::unnecessary_wraps, reason = "a mirror that could fail")]
fn everybody(_: &DirectoryId) -> Result<bool, StagingError> {
    Ok(true)
}

#[tokio::test]
async fn of_those_who_are_not_assigned_only_who_was_there_before_is_staged() {
    let standing = |name: &str, assigned| entry(DirectoryUser { assigned, ..user(name) });
    let connector = Fake::honest(vec![
        standing("known", Some(false)),
        standing("stranger", Some(false)),
        standing("joiner", Some(true)),
        standing("unasked", None),
        // The later word counts, whatever it is.
        standing("joined-and-left", Some(true)),
        standing("joined-and-left", Some(false)),
    ]);
    let mut staging = Staged::default();
    let knows = |who: &DirectoryId| Ok(*who == id("known"));
    catch_up(&connector, &mut staging, &place("here"), &knows, |_, _| {}).await.unwrap();
    assert_eq!(staging.users, ["joined-and-left", "joiner", "known", "unasked"].map(id).into());
    assert_eq!(staging.unassigned, ["joined-and-left", "known"].map(id).into());
    let broken = |_: &DirectoryId| Err(StagingError("the disk is gone".into()));
    let failure = catch_up(&connector, &mut Staged::default(), &place("here"), &broken, |_, _| {}).await.unwrap_err();
    assert_eq!(failure.to_string(), "what was read cannot be kept: the disk is gone");
}

#[tokio::test]
async fn changes_that_were_told_to_the_end_move_the_place() {
    let mut staging = Staged::default();
    let connector = Fake::honest(vec![entry(user("a"))]);
    let increment = catch_up(&connector, &mut staging, &place("here"), &everybody, |_, _| {}).await.unwrap().unwrap();
    assert_eq!(increment.place(), &place("there"));
    assert_eq!(staging.staged(), (1, 0));
    assert!(catch_up(&connector, &mut staging, &place("lost"), &everybody, |_, _| {}).await.unwrap().is_none());
}

#[tokio::test]
async fn changes_that_were_not_told_to_the_end_are_none() {
    for end in [End::Fail, End::Panic] {
        let connector = Fake::new(three_and_a_group(), end);
        let failure = catch_up(&connector, &mut Staged::default(), &place("here"), &everybody, |_, _| {}).await;
        assert!(matches!(failure, Err(ReadFailure::Directory(_) | ReadFailure::Broke { .. })), "{failure:?}");
    }
}

#[tokio::test]
async fn the_place_is_asked_for_before_the_read_and_a_read_goes_without_one() {
    let mut connector = Fake::honest(three_and_a_group());
    let reading = drive(&connector, &mut Staged::default(), None, "settings", |_, _| {}).await.unwrap();
    assert_eq!(reading.place(), None, "it does not say that it can tell what changed");
    connector = Fake { streams: true, ..Fake::honest(three_and_a_group()) };
    let reading = drive(&connector, &mut Staged::default(), None, "settings", |_, _| {}).await.unwrap();
    assert_eq!(reading.place(), Some(&place("here")));
}

fn knows(answers: impl IntoIterator<Item = (&'static str, LookUp)>) -> Fake {
    let mut connector = Fake::new(Vec::new(), End::Fail);
    connector.answers = answers.into_iter().map(|(name, answer)| (id(name), answer)).collect();
    connector
}

#[tokio::test]
async fn an_absence_is_confirmed_by_what_the_directory_says_of_the_id() {
    let far = LookUp::OutOfReach(Box::new(user("b")), "outside of ou=people".into());
    let connector = knows([("a", LookUp::Gone), ("b", far)]);
    let mut progress = Vec::new();
    let absent = confirm(&connector, &[id("a"), id("b")], |done, of| progress.push((done, of))).await.unwrap();
    let expected = [(id("a"), Absence::Gone), (id("b"), Absence::OutOfReach("outside of ou=people".into()))];
    assert_eq!(absent, BTreeMap::from(expected));
    assert_eq!(progress, [(1, 2), (2, 2)]);
}

#[tokio::test]
async fn whoever_is_found_and_may_not_work_any_more_is_out_by_the_directorys_own_word() {
    let mut disabled = user("a");
    disabled.status = Status::Inactive(InactiveReason::Disabled);
    disabled.raw_status = "userAccountControl=514".into();
    let mut unclear = user("b");
    unclear.status = Status::Unknown("a new word".into());
    let connector = knows([("a", LookUp::Found(Box::new(disabled)))]);
    let answers = confirm(&connector, &[id("a")], |_, _| {}).await.unwrap();
    assert_eq!(answers[&id("a")], Absence::Inactive(InactiveReason::Disabled, "userAccountControl=514".into()));
    let connector = knows([("b", LookUp::Found(Box::new(unclear)))]);
    assert!(confirm(&connector, &[id("b")], |_, _| {}).await.is_err(), "a word that nobody knows puts nobody out");
}

#[tokio::test]
async fn whoever_is_found_after_all_fails_the_run_and_is_named() {
    let names = ["a", "b", "c", "d", "e", "f", "g", "h"];
    let connector = knows(names.map(|name| (name, LookUp::Found(Box::new(user(name))))));
    let failure = confirm(&connector, &names.map(id), |_, _| {}).await.unwrap_err();
    let ReadFailure::Contradiction { number: 5, found } = &failure else { panic!("{failure}") };
    assert_eq!(found.len(), 5);
    assert!(failure.to_string().contains("@acme.com"), "{failure}");
    let one = knows([("a", LookUp::Gone), ("b", LookUp::Found(Box::new(user("b"))))]);
    let failure = confirm(&one, &[id("a"), id("b")], |_, _| {}).await.unwrap_err();
    assert!(failure.to_string().contains("it missed somebody that a look-up by id found within reach: b@acme.com"));
}

#[tokio::test]
async fn a_look_up_that_does_not_settle_the_question_confirms_nothing() {
    let connector = knows([("a", LookUp::Gone)]);
    let failure = confirm(&connector, &[id("a"), id("busy")], |_, _| {}).await.unwrap_err();
    assert!(matches!(failure, ReadFailure::Directory(_)), "{failure}");
    let failure = confirm(&connector, &[id("poison")], |_, _| {}).await.unwrap_err();
    assert!(matches!(failure, ReadFailure::Broke { .. }), "{failure}");
}

#[tokio::test]
async fn look_ups_are_bounded() {
    let many: Vec<DirectoryId> = (0..50).map(|number| id(&format!("u{number:02}"))).collect();
    let mut connector = knows([]);
    connector.answers = many.iter().map(|id| (id.clone(), LookUp::Gone)).collect();
    assert_eq!(confirm(&connector, &many, |_, _| {}).await.unwrap().len(), 50);
    assert_eq!(connector.most_in_flight.load(Ordering::SeqCst), 4);
}

#[test]
fn reading_and_confirming_can_be_moved_between_threads() {
    fn movable<T: Send>(_: &T) {}
    let (mut staging, connector) = (Staged::default(), knows([]));
    movable(&drive(&connector, &mut staging, None, "settings", |_, _| {}));
    movable(&confirm(&connector, &[], |_, _| {}));
}
