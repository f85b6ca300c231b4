//! The executor's rules, one by one.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use jiff::Timestamp;
use rollcall_kit::Value;

use super::planner::{account, create, group, id, mirror, plan_of, role};
use super::world::{Account, Books, Fault, Fuse, World};
use crate::apply::{
    Executor, Intent, Journal as _, LedgerReader as _, Outcome, Recovery, Settlement, Skip, SkipCode, Write,
    WriteFailure,
};
use crate::plan::{Action, AttributeChange, Change, ChangeId, GroupKey, LedgerAccount, Plan, Subject};

fn now() -> Timestamp {
    "2026-11-23T09:00:00Z".parse().unwrap()
}

pub(super) fn executor<'a>(world: &'a World<'_>, books: &'a Books) -> Executor<'a> {
    world.watch(books);
    Executor {
        target: world,
        journal: books,
        ledger: books,
        run: "run-1",
        clock: &now,
        stop: &|| false,
        forbids: &|_| None,
    }
}

/// What looks up after a crash what was written. The target is watched from then on, as before a run.
pub(super) fn recovery<'a>(world: &'a World<'_>, books: &'a Books) -> Recovery<'a> {
    world.watch(books);
    Recovery { target: world, journal: books, ledger: books, clock: &now, plan_of: &|_| None }
}

pub(super) async fn apply(world: &World<'_>, books: &Books, plan: &Plan) -> Vec<Outcome> {
    let outcomes = executor(world, books).carry_out(plan, |_, _| {}).await;
    let numbers: Vec<ChangeId> = outcomes.iter().map(|(number, _)| *number).collect();
    assert_eq!(numbers, plan.changes.iter().map(|change| change.id).collect::<Vec<_>>(), "each change, in order");
    outcomes.into_iter().map(|(_, outcome)| outcome).collect()
}

fn done() -> Outcome {
    Outcome::Done { notes: vec![] }
}

pub(super) fn is_done(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Done { .. })
}

pub(super) fn skipped(outcome: &Outcome) -> &str {
    let Outcome::Skipped(Skip { detail, .. }) = outcome else { panic!("not skipped: {outcome:?}") };
    detail
}

pub(super) fn failure(outcome: &Outcome) -> WriteFailure {
    let Outcome::Failed { failure, .. } = outcome else { panic!("did not fail: {outcome:?}") };
    *failure
}

type Step = (Subject, Action, Vec<ChangeId>);

pub(super) fn grant(user: &str, name: &str, after: &[ChangeId]) -> Step {
    (account(user, None), Action::GrantRole { role: role(name) }, after.to_vec())
}

pub(super) fn revoke(user: &str, name: &str) -> Step {
    (account(user, None), Action::RevokeRole { role: role(name) }, vec![])
}

pub(super) fn join(user: &str, name: &str, after: &[ChangeId]) -> Step {
    let action = Action::AddMember { group: mirror(name), group_name: name.into() };
    (account(user, None), action, after.to_vec())
}

pub(super) fn new_group(key: &GroupKey) -> Step {
    (group(key), Action::CreateGroup, vec![])
}

pub(super) fn rename(user: &str, from: &str, to: &str) -> Step {
    (account(user, None), Action::Update { changes: vec![set("name", Some(from), Some(to))] }, vec![])
}

fn set(attribute: &str, before: Option<&str>, after: Option<&str>) -> AttributeChange {
    AttributeChange { attribute: attribute.into(), before: before.map(Value::from), after: after.map(Value::from) }
}

/// A world in which these people have accounts.
pub(super) async fn people(names: &[&str]) -> (World<'static>, Books) {
    let (world, books) = (World::new(), Books::default());
    let steps = names.iter().map(|name| create(name)).collect();
    assert!(apply(&world, &books, &plan_of(steps)).await.iter().all(is_done));
    (world, books)
}

/// Only writes of a kind go wrong.
fn only(wrong: fn(&Write) -> bool, fault: Fault) -> impl Fn(usize, &Write) -> Fault + Send + Sync {
    move |_, write| if wrong(write) { fault } else { Fault::None }
}

fn is_create(write: &Write) -> bool {
    matches!(write, Write::CreateAccount { .. })
}

fn is_update(write: &Write) -> bool {
    matches!(write, Write::UpdateAccount { .. })
}

fn anything(_: &Write) -> bool {
    true
}

#[tokio::test]
async fn an_account_is_entered_into_the_ledger_as_it_was_written() {
    let (world, books) = people(&["jane"]).await;
    let ledger = books.ledger();
    let jane = &ledger.accounts[&id("jane")];
    assert_eq!(jane.target_id, "a1");
    assert_eq!(jane.written, world.held.lock().unwrap().accounts["a1"].attributes);
    assert_eq!((jane.active, jane.last_run.as_deref()), (true, Some("run-1")));
    assert_eq!(jane.address.as_str(), "jane@acme.com");
    assert_eq!(books.open_intents(), []);
}

#[tokio::test]
async fn a_deactivated_account_remembers_since_when_and_a_reactivated_one_forgets() {
    let (world, books) = people(&["jane"]).await;
    apply(&world, &books, &plan_of(vec![(account("jane", None), Action::Deactivate, vec![])])).await;
    let jane = books.account(&id("jane")).unwrap().unwrap();
    assert_eq!((jane.active, jane.deactivated_at), (false, Some(now())));
    assert!(!world.held.lock().unwrap().accounts["a1"].active);
    let back = Action::Reactivate { changes: vec![set("name", Some("jane"), Some("Jane"))] };
    apply(&world, &books, &plan_of(vec![(account("jane", None), back, vec![])])).await;
    let jane = books.account(&id("jane")).unwrap().unwrap();
    assert_eq!((jane.active, jane.deactivated_at), (true, None));
    assert_eq!(jane.written["name"], Value::from("Jane"));
}

#[tokio::test]
async fn an_adoption_writes_our_mark_and_what_differs_and_enters_everything_that_becomes_ours() {
    let (world, books) = (World::new(), Books::default());
    let there = Account { attributes: [("name".into(), "Jane".into())].into(), ..Account::default() };
    world.held.lock().unwrap().accounts.insert("a9".into(), there);
    let changes = vec![set("name", Some("Jane"), Some("Jane")), set("email", None, Some("jane@acme.com"))];
    let adopt = Action::Adopt { matched_by: "userName".into(), changes: changes.clone(), activate: true };
    assert_eq!(apply(&world, &books, &plan_of(vec![(account("jane", Some("a9")), adopt, vec![])])).await, [done()]);
    let sent = Write::UpdateAccount {
        target_id: "a9".into(),
        external_id: Some(id("jane")),
        changes: changes[1..].to_vec(),
        active: Some(true),
    };
    assert_eq!(world.log(), [sent]);
    let jane = books.account(&id("jane")).unwrap().unwrap();
    assert_eq!(jane.written.keys().collect::<Vec<_>>(), ["email", "name"]);
}

#[tokio::test]
async fn a_relinked_account_takes_its_roles_and_memberships_with_it() {
    let (world, books) = people(&["old"]).await;
    let steps = vec![new_group(&mirror("ops")), join("old", "ops", &[1]), grant("old", "admin", &[])];
    apply(&world, &books, &plan_of(steps)).await;
    let relink = Action::Relink { from: id("old"), changes: vec![], activate: false };
    let steps = vec![(account("new", Some("a1")), relink, vec![]), grant("new", "editor", &[1])];
    assert_eq!(apply(&world, &books, &plan_of(steps)).await, [done(), done()]);
    let ledger = books.ledger();
    assert_eq!(ledger.accounts.keys().collect::<Vec<_>>(), [&id("new")]);
    assert_eq!(ledger.accounts[&id("new")].roles, [role("admin"), role("editor")].into());
    assert_eq!(ledger.groups[&mirror("ops")].members, [id("new")].into());
    assert_eq!(world.held.lock().unwrap().accounts["a1"].external_id, "new");
}

#[tokio::test]
async fn a_deleted_account_leaves_the_ledger_and_its_groups() {
    let (world, books) = people(&["jane"]).await;
    apply(&world, &books, &plan_of(vec![new_group(&mirror("ops")), join("jane", "ops", &[1])])).await;
    apply(&world, &books, &plan_of(vec![(account("jane", None), Action::Delete, vec![])])).await;
    assert_eq!(books.ledger().accounts.len(), 0);
    assert_eq!(books.ledger().groups[&mirror("ops")].members.len(), 0);
}

#[tokio::test]
async fn several_roles_of_one_account_are_one_write() {
    let (world, books) = people(&["jane"]).await;
    apply(&world, &books, &plan_of(vec![grant("jane", "viewer", &[])])).await;
    let world = world.with(|_, _| Fault::None, Fuse::default());
    let steps = vec![revoke("jane", "viewer"), grant("jane", "admin", &[]), grant("jane", "editor", &[])];
    apply(&world, &books, &plan_of(steps)).await;
    let grant = vec![role("admin"), role("editor")];
    let expected = Write::SetRoles { target_id: "a1".into(), grant, revoke: vec![role("viewer")] };
    assert_eq!(world.log(), [expected]);
    assert_eq!(books.ledger().accounts[&id("jane")].roles, [role("admin"), role("editor")].into());
}

#[tokio::test]
async fn members_of_one_group_share_writes_as_large_as_the_target_takes_them() {
    let names = ["a", "b", "c", "d", "e", "f", "g"];
    let (world, books) = people(&names).await;
    let world = world.with(|_, _| Fault::None, Fuse::default());
    let mut steps = vec![new_group(&mirror("ops"))];
    steps.extend(names.iter().map(|name| join(name, "ops", &[1])));
    assert!(apply(&world, &books, &plan_of(steps)).await.iter().all(is_done));
    let sizes: Vec<usize> = world
        .log()
        .iter()
        .filter_map(|write| match write {
            Write::ChangeMembers { add, .. } => Some(add.len()),
            _ => None,
        })
        .collect();
    assert_eq!(sizes, [3, 3, 1]);
    assert_eq!(books.ledger().groups[&mirror("ops")].members.len(), 7);
}

#[tokio::test]
async fn where_roles_are_groups_a_role_is_a_membership_and_the_account_knows_it() {
    let (mut world, books) = people(&["jane", "joe"]).await;
    world.roles_are_groups = true;
    let key = GroupKey::Role(role("admin"));
    let steps = vec![new_group(&key), grant("jane", "admin", &[1]), grant("joe", "admin", &[1])];
    assert!(apply(&world, &books, &plan_of(steps)).await.iter().all(is_done));
    assert_eq!(books.ledger().groups[&key].members, [id("jane"), id("joe")].into());
    assert_eq!(books.ledger().accounts[&id("joe")].roles, [role("admin")].into());
    apply(&world, &books, &plan_of(vec![revoke("jane", "admin")])).await;
    assert_eq!(books.ledger().accounts[&id("jane")].roles, [].into());
    assert_eq!(books.ledger().groups[&key].members, [id("joe")].into());
}

#[tokio::test]
async fn an_adopted_group_is_ours_without_a_write() {
    let (world, books) = (World::new(), Books::default());
    let subject = Subject::Group { key: mirror("ops"), target_id: Some("g7".into()), name: "ops".into() };
    assert_eq!(apply(&world, &books, &plan_of(vec![(subject, Action::AdoptGroup, vec![])])).await, [done()]);
    assert_eq!(books.ledger().groups[&mirror("ops")].target_id, "g7");
    assert_eq!(world.log(), []);
}

#[tokio::test]
async fn a_failed_change_stops_only_those_that_need_it() {
    let world = World::new().with(
        |_, write| match write {
            Write::CreateAccount { user, .. } if user.as_str() == "jane" => Fault::Fails(WriteFailure::Conflict),
            _ => Fault::None,
        },
        Fuse::default(),
    );
    let books = Books::default();
    let steps = vec![create("jane"), create("joe"), grant("jane", "admin", &[1]), grant("joe", "admin", &[2])];
    let outcomes = apply(&world, &books, &plan_of(steps)).await;
    assert_eq!(failure(&outcomes[0]), WriteFailure::Conflict);
    assert_eq!(skipped(&outcomes[2]), "change 1, which must come first, was not carried out");
    assert!(is_done(&outcomes[1]) && is_done(&outcomes[3]));
    assert_eq!(books.open_intents(), [], "a refused write is over");
}

#[tokio::test]
async fn one_bad_member_does_not_keep_the_others_out() {
    let names = ["a", "bad", "c", "d", "e"];
    let (world, books) = people(&names).await;
    let bad = books.ledger().accounts[&id("bad")].target_id.clone();
    let world = world.with(
        |_, write| match write {
            Write::ChangeMembers { add, .. } if add.contains(&bad) => Fault::Fails(WriteFailure::Refused),
            _ => Fault::None,
        },
        Fuse::default(),
    );
    let mut steps = vec![new_group(&mirror("ops"))];
    steps.extend(names.iter().map(|name| join(name, "ops", &[1])));
    let outcomes = apply(&world, &books, &plan_of(steps)).await;
    let failed: Vec<usize> = (0..6).filter(|at| !is_done(&outcomes[*at])).collect();
    assert_eq!(failed, [2], "only the bad one");
    assert_eq!(books.ledger().groups[&mirror("ops")].members, ["a", "c", "d", "e"].map(id).into());
}

#[tokio::test]
async fn a_refused_sign_in_stops_everything_that_is_not_in_flight() {
    let names: Vec<String> = (0..20).map(|number| format!("u{number:02}")).collect();
    let world = World::new().with(only(anything, Fault::Fails(WriteFailure::SignIn)), Fuse::default());
    let books = Books::default();
    let outcomes = apply(&world, &books, &plan_of(names.iter().map(|name| create(name)).collect())).await;
    let tried = outcomes.iter().filter(|outcome| matches!(outcome, Outcome::Failed { .. })).count();
    assert!((1..=4).contains(&tried), "{tried} were tried");
    assert_eq!(outcomes.iter().filter(|outcome| matches!(outcome, Outcome::Skipped(_))).count(), 20 - tried);
    assert_eq!(books.open_intents(), []);
}

#[tokio::test]
async fn a_stop_lets_what_is_in_flight_end() {
    let (world, books) = (World::new(), Books::default());
    let asked = AtomicUsize::new(0);
    let stop = || asked.fetch_add(1, Ordering::SeqCst) >= 6;
    let steps = (0..20).map(|number| create(&format!("u{number:02}"))).collect();
    let executor = Executor { stop: &stop, ..executor(&world, &books) };
    let outcomes = executor.carry_out(&plan_of(steps), |_, _| {}).await;
    let carried_out = outcomes.iter().filter(|(_, outcome)| is_done(outcome)).count();
    assert_eq!(carried_out, 6);
    assert_eq!(books.ledger().accounts.len(), 6, "and what was sent is in the ledger");
    assert_eq!(skipped(&outcomes[19].1), "the run was told to stop");
}

#[tokio::test]
async fn what_is_forbidden_right_now_is_left_out_and_the_rest_goes_on() {
    let (world, books) = (World::new(), Books::default());
    let plan = plan_of(vec![create("jane"), create("joe"), grant("jane", "admin", &[1]), grant("joe", "admin", &[2])]);
    let forbidden = plan.changes.at(0).id;
    let forbids = |change: &Change| (change.id == forbidden).then(|| Skip::new(SkipCode::Blackout, "a blackout began"));
    let executor = Executor { forbids: &forbids, ..executor(&world, &books) };
    let outcomes = executor.carry_out(&plan, |_, _| {}).await;
    assert_eq!(skipped(&outcomes[0].1), "a blackout began");
    assert!(is_done(&outcomes[1].1) && is_done(&outcomes[3].1), "{outcomes:?}");
    assert!(skipped(&outcomes[2].1).contains("must come first"), "{outcomes:?}");
    assert_eq!(books.ledger().accounts.len(), 1);
}

#[tokio::test]
async fn a_store_that_fails_stops_everything_and_leaves_what_was_sent_open() {
    for fails_after in 0..6 {
        let (world, books) = (World::new(), Books::default());
        *books.fails_after.lock().unwrap() = Some(fails_after);
        let outcomes = apply(&world, &books, &plan_of(vec![create("jane"), create("joe"), create("jim")])).await;
        let told = outcomes.iter().filter(|outcome| is_done(outcome)).count();
        assert!(told < 3 && told <= books.ledger().accounts.len(), "{outcomes:?}");
        let sent = world.log().len();
        assert_eq!(sent, if fails_after < 3 { 0 } else { 3 }, "nothing is sent whose intent is not on disk");
        let books = books.reopened(Fuse::default());
        recovery(&world, &books).recover().await.unwrap();
        assert_eq!((books.ledger().accounts.len(), books.open_intents().len()), (sent, 0));
    }
}

#[tokio::test]
async fn a_creation_whose_answer_was_lost_is_looked_up_and_not_repeated() {
    let world = World::new().with(only(is_create, Fault::LostAnswer), Fuse::default());
    let books = Books::default();
    let outcomes = apply(&world, &books, &plan_of(vec![create("jane"), grant("jane", "admin", &[1])])).await;
    assert!(outcomes.iter().all(is_done), "{outcomes:?}");
    assert_eq!(books.ledger().accounts[&id("jane")].target_id, "a1");
    assert_eq!(world.held.lock().unwrap().accounts.len(), 1);
}

#[tokio::test]
async fn a_creation_that_the_target_does_not_show_yet_stays_open_and_is_not_repeated() {
    let world = World::new().with(only(is_create, Fault::LostRequest), Fuse::default());
    let books = Books::default();
    let outcomes = apply(&world, &books, &plan_of(vec![create("jane")])).await;
    assert_eq!(failure(&outcomes[0]), WriteFailure::Unknown);
    assert_eq!(world.log().len(), 1, "the lost request may still arrive");
    assert_eq!(books.open_intents().len(), 1);
    let recovered = recovery(&world, &books).recover().await.unwrap();
    assert_eq!((recovered.abandoned, recovered.unclear.len()), (1, 0));
}

#[tokio::test]
async fn a_creation_that_cannot_be_looked_up_stays_open_and_names_whom_nothing_may_be_planned_for() {
    let world = World::new().with(only(is_create, Fault::LostAnswer), Fuse::default());
    world.blind.store(true, Ordering::SeqCst);
    let books = Books::default();
    apply(&world, &books, &plan_of(vec![create("jane")])).await;
    let recovered = recovery(&world, &books).recover().await.unwrap();
    assert_eq!(recovered.unclear, [(id("jane"), "it shows nothing".to_owned())]);
    assert_eq!(books.open_intents().len(), 1);
    world.blind.store(false, Ordering::SeqCst);
    assert_eq!(recovery(&world, &books).recover().await.unwrap().settled, 1);
}

#[tokio::test]
async fn a_write_that_cannot_be_looked_up_stays_open_and_names_whom_nothing_may_be_planned_for() {
    let (world, books) = people(&["jane"]).await;
    let before = books.account(&id("jane")).unwrap().unwrap();
    let write = Write::SetRoles { target_id: before.target_id.clone(), grant: vec![role("admin")], revoke: vec![] };
    let after = LedgerAccount { roles: [role("admin")].into(), ..before };
    let then = Settlement { accounts: vec![after], ..Settlement::default() };
    books.begin(Intent { run: "run-0".to_owned(), changes: vec![1], write, then }).await.unwrap();
    world.blind.store(true, Ordering::SeqCst);

    let recovered = recovery(&world, &books).recover().await.unwrap();

    assert_eq!(recovered.unclear, [(id("jane"), "it shows nothing".to_owned())]);
    assert_eq!(books.open_intents().len(), 1, "a role that she may have must not be forgotten");
    world.blind.store(false, Ordering::SeqCst);
    assert_eq!(recovery(&world, &books).recover().await.unwrap().abandoned, 1);
}

#[tokio::test]
async fn an_update_whose_request_was_lost_is_repeated_once() {
    let (world, books) = people(&["jane"]).await;
    let first = AtomicBool::new(true);
    let faults = |_: usize, _: &Write| {
        if first.swap(false, Ordering::SeqCst) { Fault::LostRequest } else { Fault::None }
    };
    let world = world.with(faults, Fuse::default());
    assert_eq!(apply(&world, &books, &plan_of(vec![rename("jane", "jane", "Jane")])).await, [done()]);
    assert_eq!(world.log().len(), 2);
    let world = world.with(only(is_update, Fault::LostRequest), Fuse::default());
    let outcomes = apply(&world, &books, &plan_of(vec![rename("jane", "Jane", "J")])).await;
    assert_eq!(failure(&outcomes[0]), WriteFailure::Unknown);
    assert_eq!(world.log().len(), 2, "once and not for ever");
}

#[tokio::test]
async fn nothing_more_is_written_to_an_account_in_doubt() {
    let (world, books) = people(&["jane", "joe"]).await;
    let world = world.with(only(is_update, Fault::LostRequest), Fuse::default());
    let steps = vec![rename("jane", "jane", "J"), grant("jane", "admin", &[]), grant("joe", "admin", &[])];
    let outcomes = apply(&world, &books, &plan_of(steps)).await;
    assert_eq!(failure(&outcomes[0]), WriteFailure::Unknown);
    assert!(skipped(&outcomes[1]).starts_with("it is unknown whether an earlier change"));
    assert!(is_done(&outcomes[2]));
}

#[tokio::test]
async fn what_the_target_did_not_keep_is_noted_and_entered_as_sent() {
    let (world, books) = people(&["jane"]).await;
    let world = world.with(only(is_update, Fault::NotKept("name")), Fuse::default());
    let outcomes = apply(&world, &books, &plan_of(vec![rename("jane", "jane", "Jane")])).await;
    assert_eq!(outcomes, [Outcome::Done { notes: vec!["the target kept no name".into()] }]);
    assert_eq!(books.ledger().accounts[&id("jane")].written["name"], Value::from("Jane"));
}

#[tokio::test]
async fn the_ledger_never_claims_that_somebody_is_out_who_is_not() {
    let (world, books) = people(&["jane"]).await;
    let world = world.with(only(is_update, Fault::NotKept("active")), Fuse::default());
    let outcomes = apply(&world, &books, &plan_of(vec![(account("jane", None), Action::Deactivate, vec![])])).await;
    assert_eq!(failure(&outcomes[0]), WriteFailure::Refused);
    let jane = books.account(&id("jane")).unwrap().unwrap();
    assert_eq!((jane.active, jane.deactivated_at), (true, None), "so that the next plan tries again");
}

#[tokio::test]
async fn an_account_that_is_created_but_not_active_is_ours_and_known_to_be_inactive() {
    let world = World::new().with(only(is_create, Fault::NotKept("active")), Fuse::default());
    let books = Books::default();
    assert!(is_done(&apply(&world, &books, &plan_of(vec![create("jane")])).await[0]));
    assert!(!books.account(&id("jane")).unwrap().unwrap().active);
}

#[tokio::test]
async fn whoever_is_gone_already_is_out() {
    let (world, books) = people(&["jane", "joe"]).await;
    world.held.lock().unwrap().accounts.clear();
    let steps = vec![
        (account("jane", None), Action::Deactivate, vec![]),
        (account("joe", None), Action::Delete, vec![]),
        rename("jane", "jane", "J"),
    ];
    let outcomes = apply(&world, &books, &plan_of(steps)).await;
    assert!(is_done(&outcomes[0]) && is_done(&outcomes[1]), "{outcomes:?}");
    assert_eq!(failure(&outcomes[2]), WriteFailure::NotFound, "but nothing else can be done to them");
}

#[tokio::test]
async fn a_target_whose_code_panics_fails_the_change_and_not_the_process() {
    let (world, books) = people(&["jane"]).await;
    let world = world.with(only(anything, Fault::Panics), Fuse::default());
    let outcomes = apply(&world, &books, &plan_of(vec![rename("jane", "jane", "Jane")])).await;
    assert!(is_done(&outcomes[0]), "a look at the target shows that it was done: {outcomes:?}");
}

#[tokio::test]
async fn a_change_of_an_account_that_is_not_ours_is_skipped() {
    let (world, books) = people(&["jane"]).await;
    let steps = vec![rename("stranger", "a", "b"), grant("stranger", "admin", &[]), join("jane", "nowhere", &[])];
    let outcomes = apply(&world, &books, &plan_of(steps)).await;
    assert_eq!(skipped(&outcomes[0]), "there is no account of ours that it could be done to");
    assert_eq!(skipped(&outcomes[1]), "there is no account of ours that it could be done to");
    assert_eq!(skipped(&outcomes[2]), "there is no group of ours in the target that it could be done to");
    let again = apply(&world, &books, &plan_of(vec![create("jane")])).await;
    assert_eq!(skipped(&again[0]), "the account a1 is this user's already");
}

#[tokio::test]
async fn as_many_writes_are_in_flight_as_the_target_allows_and_every_change_is_observed_once() {
    let (world, books) = (World::new(), Books::default());
    let plan = plan_of((0..40).map(|number| create(&format!("u{number:02}"))).collect());
    let mut seen = Vec::new();
    executor(&world, &books).carry_out(&plan, |change, _| seen.push(change.id)).await;
    assert_eq!(world.most_in_flight(), 4);
    seen.sort_unstable();
    assert_eq!(seen, (1..=40).collect::<Vec<_>>());
}

#[test]
fn applying_can_be_moved_between_threads() {
    fn movable<T: Send>(_: &T) {}
    let (world, books) = (World::new(), Books::default());
    let plan = plan_of(vec![]);
    let executor = executor(&world, &books);
    movable(&executor.carry_out(&plan, |_, _| {}));
    movable(&recovery(&world, &books).recover());
}
