//! A plan of what changed is the plan of everybody, byte for byte, and costs what changed.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use jiff::SignedDuration;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use rollcall::apply::Settlement;
use rollcall::config::Organization;
use rollcall::plan::{Carried, LedgerAccount};
use rollcall::read::Census;
use rollcall::run::{Comparing, Depth};
use rollcall::snapshot::{Agenda as _, Facts as _, Intents as _, Ledger as _, Mirror as _, fact};
use rollcall_kit::Member;

use super::promises_company::{Company, apply, person_id};
use super::promises_support::House;

/// One step of a history. Numbers of people are taken modulo their number.
#[derive(Clone, Debug)]
enum Step {
    Hire(u32),
    Remove(u32, bool),
    Switch(u32),
    Promote(u32),
    /// Somebody takes the address of somebody else, or gets their own back.
    Address(u32, u32),
    Odd(u32),
    Join(u32, u8),
    Quit(u32, u8),
    Nest(u8, u8),
    Unnest(u8, u8),
    RenameGroup(u8, u8),
    Fail(u32),
    Stranger(u32),
    /// Somebody's account in the application gets the address of somebody else by hand.
    TakeName(u32, u32),
    /// The ledger gets to know that somebody's account is not active any more.
    Correct(u32),
    Days(i64),
    Rules(usize),
    /// Reads, plans, and applies if it says so.
    Run(Depth, bool),
}

fn step() -> impl Strategy<Value = Step> {
    let (who, group) = (0..40_u32, 0..4_u8);
    let depth = prop_oneof![3 => Just(Depth::Incremental), 1 => Just(Depth::Full)];
    prop_oneof![
        2 => (100_000..100_006_u32).prop_map(Step::Hire),
        2 => (who.clone(), any::<bool>()).prop_map(|(who, told)| Step::Remove(who, told)),
        3 => who.clone().prop_map(Step::Switch),
        2 => who.clone().prop_map(Step::Promote),
        3 => (who.clone(), who.clone()).prop_map(|(who, whose)| Step::Address(who, whose)),
        1 => who.clone().prop_map(Step::Odd),
        2 => (who.clone(), group.clone()).prop_map(|(who, group)| Step::Join(who, group)),
        2 => (who.clone(), group.clone()).prop_map(|(who, group)| Step::Quit(who, group)),
        1 => (group.clone(), group.clone()).prop_map(|(outer, inner)| Step::Nest(outer, inner)),
        1 => (group.clone(), group.clone()).prop_map(|(outer, inner)| Step::Unnest(outer, inner)),
        1 => (group.clone(), 0..6_u8).prop_map(|(group, name)| Step::RenameGroup(group, name)),
        1 => (1..4_u32).prop_map(Step::Fail),
        1 => (100_000..100_006_u32).prop_map(Step::Stranger),
        1 => (who.clone(), 100_000..100_006_u32).prop_map(|(who, name)| Step::TakeName(who, name)),
        1 => who.clone().prop_map(Step::Correct),
        1 => (1..20_i64).prop_map(Step::Days),
        1 => (0..4_usize).prop_map(Step::Rules),
        12 => (depth, prop::bool::weighted(0.7)).prop_map(|(depth, applies)| Step::Run(depth, applies)),
    ]
}

/// Configurations of one organization: other rules, a mutable address, deletion after some days, an expression.
fn organizations() -> Vec<Organization> {
    let mut house = House::new();
    let ops = "\n[[organization.acme.role]]\ngroup = \"ops\"\nrole = \"admin\"\nprotected = true\n";
    let variants = [
        (format!("keep_back = \"nobody\"{ops}"), "delete_after = \"10d\""),
        (format!("scope = {{ groups = [\"staff\"] }}{ops}"), "delete_after = \"10d\""),
        (format!("scope = {{ when = '\"guests\" in user.groups || user.login < \"p00030\"' }}{ops}"), ""),
        (ops.to_owned(), "mutable_email = true"),
    ];
    let of = |(extra, target): &(String, &str)| {
        house.extra = extra.replace("keep_back = \"nobody\"", "");
        house.target_extra = (*target).to_owned();
        house.organization()
    };
    variants.iter().map(of).collect()
}

struct History {
    company: Company,
    rules: usize,
    people: u32,
}

impl History {
    fn change(&mut self, step: &Step) {
        let (directory, people) = (&self.company.directory, self.people);
        match *step {
            Step::Hire(number) => directory.person(number, |person| person.active = true),
            Step::Remove(who, is_told) => directory.remove(who % people, is_told),
            Step::Switch(who) => directory.person(who % people, |person| person.active = !person.active),
            Step::Promote(who) => directory.person(who % people, |person| person.title += 1),
            Step::Address(who, whose) => {
                directory.person(who % people, |person| person.local = format!("p{:05}", whose % people));
            }
            Step::Odd(who) => directory.person(who % people, |person| person.odd = !person.odd),
            Step::Join(who, group) => directory.group(group, |group| group.users.insert(who % people)),
            Step::Quit(who, group) => directory.group(group, |group| group.users.remove(&(who % people))),
            Step::Nest(outer, inner) => directory.group(outer, |group| group.groups.insert(inner)),
            Step::Unnest(outer, inner) => directory.group(outer, |group| group.groups.remove(&inner)),
            Step::RenameGroup(group, name) => {
                let name = ["staff", "ops", "leads", "guests", "others", "more"][usize::from(name)];
                directory.group(group, |group| name.clone_into(&mut group.name));
            }
            Step::Fail(writes) => self.company.application.fail(writes),
            Step::Stranger(number) => self.company.application.stranger(&format!("p{number:05}")),
            Step::TakeName(who, name) => {
                let account = self.company.store.account(&person_id(who % people)).unwrap();
                if let Some(account) = account {
                    self.company.application.rename(&account.target_id, &format!("p{name:05}@acme.com"));
                }
            }
            Step::Correct(who) => {
                if let Some(account) = self.company.store.account(&person_id(who % people)).unwrap() {
                    let accounts = vec![LedgerAccount { active: false, ..account }];
                    self.company.store.correct(Settlement { accounts, ..Settlement::default() }).unwrap();
                }
            }
            Step::Days(days) => self.company.later += SignedDuration::from_hours(24 * days),
            Step::Rules(rules) => self.rules = rules,
            Step::Run(..) => {}
        }
    }
}

/// Runs histories over a company of so many people. Yields how many plans judged some people, and how many everybody.
fn histories(people: u32, cases: u32, steps: usize) -> (usize, usize) {
    let organizations = organizations();
    let (some, everybody) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let config = ProptestConfig { cases, failure_persistence: None, max_shrink_iters: 200, ..Default::default() };
    let result = TestRunner::new(config).run(&prop::collection::vec(step(), steps / 2..steps), |steps| {
        runtime.block_on(async {
            let mut history = History { company: Company::of(people), rules: 0, people };
            let first = history.company.plan(&organizations[0], Depth::Full).await.unwrap();
            apply(first).await;
            let begin = [Step::Run(Depth::Full, true)];
            for step in begin.iter().chain(&steps) {
                history.change(step);
                let &Step::Run(depth, applies) = step else { continue };
                let planned = history.company.plan(&organizations[history.rules], depth).await;
                let run = match planned {
                    Ok(planned) => planned,
                    // Somebody whom a read of changes missed, or a reading that shows too little.
                    Err(error) if !error.to_string().contains("is not the plan of everybody") => continue,
                    Err(error) => return Err(TestCaseError::fail(error.to_string())),
                };
                let count = if run.people_judged().is_some() { &some } else { &everybody };
                count.fetch_add(1, Ordering::Relaxed);
                if applies {
                    apply(run).await;
                }
            }
            Ok(())
        })
    });
    if let Err(error) = result {
        panic!("{error}");
    }
    (some.into_inner(), everybody.into_inner())
}

/// Mutations that it catches: the owner of an address that somebody claims is not judged with them, nor is the owner of an
/// account that a look-up found; somebody for whom a plan did something is at rest; what the groups are like is no part of
/// the ground; an account that is another now does not put its owner on the agenda, nor does a group that they joined.
#[test]
fn a_plan_of_what_changed_is_the_plan_of_everybody_in_a_small_company() {
    let (some, everybody) = histories(24, 96, 40);
    assert!(some > 300 && some > everybody, "{some} plans of some people, {everybody} of everybody");
}

#[test]
fn a_plan_of_what_changed_is_the_plan_of_everybody_among_two_thousand() {
    let (some, everybody) = histories(2_000, 6, 40);
    assert!(some > 20, "{some} plans of some people, {everybody} of everybody");
}

#[tokio::test]
async fn somebody_whom_the_agenda_misses_is_dealt_with_within_a_week_and_everybody_is_judged_after_that() {
    let organization = &organizations()[0];
    let mut company = Company::of(24);
    apply(company.plan(organization, Depth::Full).await.unwrap()).await;
    apply(company.plan(organization, Depth::Full).await.unwrap()).await;
    company.directory.person(4, |person| person.active = false);
    company.plan(organization, Depth::Incremental).await.unwrap().end_with_plan().unwrap();
    let ground = company.store.ground().unwrap().unwrap();
    let missed = BTreeSet::from([person_id(4)]);
    company.store.planned(Some(&missed), &Carried::default(), &ground).unwrap();
    let plan = async |company: &Company| {
        let session = Arc::new(company.plain_session(organization).comparing(Comparing::Weekly));
        let run = session.plan_at(Depth::Incremental, &|_| {}).await.unwrap();
        run.end_with_plan().unwrap().1.plan().changes.len()
    };
    assert_eq!(plan(&company).await, 0, "the agenda does not have them");
    company.later = SignedDuration::from_hours(24 * 8);
    assert_eq!(plan(&company).await, 1, "the plan of everybody counts");
    assert_eq!(company.store.ground().unwrap(), None);
    company.later = SignedDuration::from_hours(24 * 9);
    assert_eq!(plan(&company).await, 1, "and is made again, because nobody knows what else was missed");
}

/// The census as somebody counts it who looks at the whole mirror.
fn counted(company: &Company) -> Census {
    let (mut census, store) = (Census::default(), &company.store);
    let users: Vec<_> = store.users().map(Result::unwrap).collect();
    let groups: Vec<_> = store.groups().map(Result::unwrap).collect();
    let there: BTreeSet<_> = users.iter().map(|user| &user.id).chain(groups.iter().map(|group| &group.id)).collect();
    users.iter().for_each(|user| census.count_user(user));
    for group in &groups {
        let mut group = group.clone();
        group.members.retain(|member| match member {
            Member::User(id) | Member::Group(id) => there.contains(id),
        });
        census.count_group(&group);
    }
    census
}

#[test]
fn a_census_that_follows_changes_is_the_one_that_counts_everybody() {
    let organization = &organizations()[3];
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let config = ProptestConfig { cases: 64, failure_persistence: None, ..Default::default() };
    let result = TestRunner::new(config).run(&prop::collection::vec(step(), 10..40), |steps| {
        runtime.block_on(async {
            let mut history = History { company: Company::of(24), rules: 3, people: 24 };
            history.company.plan(organization, Depth::Full).await.unwrap().end_with_plan().unwrap();
            for step in &steps {
                match step {
                    // What a read in full misses or cannot understand is not in its census, and in the mirror still.
                    Step::Odd(_) | Step::Remove(_, false) => continue,
                    Step::Run(..) => {}
                    step => {
                        history.change(step);
                        continue;
                    }
                }
                // A plan that is refused has been read for.
                let _ = history.company.plan(organization, Depth::Incremental).await;
                let kept = history.company.store.fact(fact::CENSUS).unwrap().unwrap();
                prop_assert_eq!(kept, serde_json::to_value(counted(&history.company)).unwrap());
            }
            Ok(())
        })
    });
    if let Err(error) = result {
        panic!("{error}");
    }
}

/// What increments cost: people judged, values read from the store, and bytes written to it.
type Cost = (usize, u64, u64);

/// What increments of so many changes each cost in a company of so many people.
async fn increments(people: u32, changes: &[u32]) -> Vec<Cost> {
    let organization = &organizations()[0];
    let company = Company::of(people);
    let session = Arc::new(company.plain_session(organization).comparing(Comparing::Never));
    apply(session.plan(&|_| {}).await.unwrap()).await;
    // The second run finds everybody at rest, and from then on the agenda is kept.
    let session = Arc::new(company.plain_session(organization).comparing(Comparing::Never));
    apply(session.plan(&|_| {}).await.unwrap()).await;
    let mut costs = Vec::new();
    for (&changes, joins) in changes.iter().zip([3, 6]) {
        for number in 0..changes {
            company.directory.person(7 * number + 4, |person| person.title += 1);
            company.directory.person(7 * number + 5, |person| person.active = !person.active);
        }
        company.directory.group(1, |group| group.users.insert(joins));
        let (read, written) = (company.store.values_read(), company.store.bytes_written());
        let session = Arc::new(company.plain_session(organization).comparing(Comparing::Never));
        let run = session.plan_at(Depth::Incremental, &|_| {}).await.unwrap();
        assert_eq!(run.proposed().changes.len(), 2 * changes as usize + 1, "{:?}", run.proposed().changes);
        let judged = run.people_judged().expect("not everybody was judged");
        costs.push((judged, company.store.values_read() - read, company.store.bytes_written() - written));
        apply(run).await;
    }
    costs
}

#[tokio::test]
async fn what_an_increment_judges_reads_and_writes_depends_on_the_changes_and_not_on_the_company() {
    let changes = [1, 10];
    let (small, large) = (increments(100, &changes).await, increments(100_000, &changes).await);
    println!("people judged, values read, bytes written: {small:?} of 100 people, {large:?} of 100,000");
    for ((changes, small), large) in changes.into_iter().zip(small).zip(large) {
        // Beside those who changed there is the one who joined a group, and whom the last increment had written to.
        let most = 2 * changes as usize + 1 + 3;
        assert!(small.0 <= most && large.0 <= most, "{changes} changes: {small:?} and {large:?}");
        assert!(large.1 < 2 * small.1, "{changes} changes: {small:?} and {large:?}");
        assert!(large.2 < 2 * small.2, "{changes} changes: {small:?} and {large:?}");
    }
}

/// What it costs to explain two of so many people on the first day, in values read, and what is told.
async fn explained_on_the_first_day(people: u32) -> (u64, Vec<String>) {
    let organization = &organizations()[0];
    let company = Company::of(people);
    company.directory.person(20, |person| person.local = "shared".to_owned());
    company.directory.person(1_999, |person| person.local = "shared".to_owned());
    let session = company.session(organization);
    session.plan(&|_| {}).await.unwrap().end_with_plan().unwrap();
    drop(session);

    let (read, mut told) = (company.store.values_read(), Vec::new());
    for who in [7, 20] {
        let answers = company.session(organization).explain(person_id(who).as_str(), false).await.unwrap();
        let gates = answers[0].gates.iter().map(|gate| format!("{}: {}", gate.title, gate.detail));
        told.extend(gates.filter(|gate| !gate.starts_with("run ")));
        told.extend([answers[0].conclusion.clone()]);
        told.extend(answers[0].notes.iter().cloned());
    }
    (company.store.values_read() - read, told)
}

#[tokio::test]
async fn one_of_many_is_explained_on_the_first_day_without_judging_all_of_them() {
    let (_, small) = explained_on_the_first_day(2_000).await;
    let (read, mut told) = explained_on_the_first_day(2_100).await;
    let (read_of_many, told_of_many) = explained_on_the_first_day(8_000).await;
    println!("values read: {read} of 2,100 people, {read_of_many} of 8,000");
    assert!(read_of_many < 2 * read, "{read} of 2,100, {read_of_many} of 8,000");
    assert_eq!(told, told_of_many);
    assert!(told.iter().any(|line| line.contains("address-conflict")), "{told:#?}");
    assert!(told.iter().any(|line| line.contains("once somebody has approved the plan")), "{told:#?}");
    let notes = told.len();
    told.retain(|line| !line.starts_with("Many wait to be judged"));
    assert_eq!(notes, told.len() + 2, "{told:#?}");
    assert_eq!(told, small, "what is told of somebody is what is told where all are judged");
}
