//! Intents that are begun ahead of their writes, and ends that ride along.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use super::planner::{create, id, mirror, plan_of, role};
use super::rules::{apply, executor, grant, is_done, join, new_group, people, recovery, rename, revoke, skipped};
use super::world::{Books, Fault, Fuse, World};
use crate::apply::{Executor, Intent, Journal as _, Settlement, Skip, SkipCode, Write};
use crate::plan::{Action, AttributeChange, Change};

fn many(count: usize) -> Vec<String> {
    (0..count).map(|number| format!("u{number:02}")).collect()
}

#[tokio::test]
async fn the_journal_works_while_writes_are_in_flight_and_ends_ride_with_beginnings() {
    let (world, books) = (World::new(), Books::default());
    let plan = plan_of(many(40).iter().map(|name| create(name)).collect());
    assert!(apply(&world, &books, &plan).await.iter().all(is_done));
    let steps = books.steps.lock().unwrap().clone();
    assert!(steps.len() < 40, "fewer steps than writes: {steps:?}");
    assert!(steps[0].1 > 4, "more is begun than there are lanes: {steps:?}");
    let alone = steps.iter().filter(|(ended, begun)| *ended > 0 && *begun == 0).count();
    let along = steps.iter().filter(|(ended, begun)| *ended > 0 && *begun > 0).count();
    assert!(along > alone, "{steps:?}");
    assert_eq!(steps.iter().map(|(ended, _)| ended).sum::<usize>(), 40);
}

#[tokio::test]
async fn no_more_is_begun_than_a_crash_may_leave_to_be_looked_up() {
    let books = Books::default();
    let most = AtomicUsize::new(0);
    let count = |_: usize, _: &Write| {
        most.fetch_max(books.open_intents().len(), Ordering::SeqCst);
        Fault::None
    };
    let world = World::new().with(count, Fuse::default());
    apply(&world, &books, &plan_of(many(99).iter().map(|name| create(name)).collect())).await;
    let most = most.load(Ordering::SeqCst);
    // In flight and ahead of them, and as many of which the ends are not on disk yet.
    assert!((5..=2 * (4 + 4 * 4)).contains(&most), "{most} open intents with four lanes");
}

#[tokio::test]
async fn what_was_begun_ahead_and_must_not_be_sent_any_more_is_taken_back() {
    let (books, closed) = (Books::default(), AtomicBool::new(false));
    let close = |call: usize, _: &Write| {
        closed.fetch_or(call == 5, Ordering::SeqCst);
        Fault::None
    };
    let world = World::new().with(close, Fuse::default());
    let forbids = |_: &Change| closed.load(Ordering::SeqCst).then(|| Skip::new(SkipCode::Blackout, "a blackout began"));
    let executor = Executor { forbids: &forbids, ..executor(&world, &books) };
    let plan = plan_of(many(20).iter().map(|name| create(name)).collect());
    let outcomes = executor.carry_out(&plan, |_, _| {}).await;
    let done = outcomes.iter().filter(|(_, outcome)| is_done(outcome)).count();
    assert!((6..=9).contains(&done), "those in flight end: {done}");
    assert_eq!(world.log().len(), done);
    assert!(outcomes[done..].iter().all(|(_, outcome)| skipped(outcome) == "a blackout began"));
    assert_eq!(books.open_intents(), []);
    assert_eq!(books.ledger().accounts.len(), done);
}

#[tokio::test]
async fn of_a_write_that_was_begun_ahead_only_what_is_forbidden_by_now_is_left_out() {
    let names = many(6);
    let (world, books) = people(&names.iter().map(String::as_str).collect::<Vec<_>>()).await;
    let closed = AtomicBool::new(false);
    let close = |_: usize, _: &Write| {
        closed.store(true, Ordering::SeqCst);
        Fault::None
    };
    let first = [grant("u05", "viewer", &[])];
    assert!(apply(&world, &books, &plan_of(first.to_vec())).await.iter().all(is_done));
    let world = world.with(close, Fuse::default());
    let forbids = |change: &Change| {
        (closed.load(Ordering::SeqCst) && change.destructive).then(|| Skip::new(SkipCode::Blackout, "a blackout began"))
    };
    let executor = Executor { forbids: &forbids, ..executor(&world, &books) };
    let mut steps: Vec<_> = names[..4].iter().map(|name| rename(name, name, "New")).collect();
    steps.extend([grant("u05", "admin", &[]), revoke("u05", "viewer")]);
    let outcomes = executor.carry_out(&plan_of(steps), |_, _| {}).await;
    assert!(outcomes[..5].iter().all(|(_, outcome)| is_done(outcome)), "{outcomes:?}");
    assert_eq!(skipped(&outcomes[5].1), "a blackout began");
    assert_eq!(books.ledger().accounts[&id("u05")].roles, [role("admin"), role("viewer")].into());
    assert_eq!(books.open_intents(), []);
}

#[tokio::test]
async fn members_are_not_begun_before_there_is_a_lane_for_them() {
    let names = many(12);
    let (world, books) = people(&names.iter().map(String::as_str).collect::<Vec<_>>()).await;
    let groups: Vec<_> = names.iter().map(|name| new_group(&mirror(name))).collect();
    assert!(apply(&world, &books, &plan_of(groups)).await.iter().all(is_done));
    let most = AtomicUsize::new(0);
    let count = |_: usize, _: &Write| {
        most.fetch_max(books.open_intents().len(), Ordering::SeqCst);
        Fault::None
    };
    let world = world.with(count, Fuse::default());
    let joins = names.iter().map(|name| join(name, name, &[])).collect();
    assert!(apply(&world, &books, &plan_of(joins)).await.iter().all(is_done));
    assert_eq!(most.load(Ordering::SeqCst), 4, "many targets show no members, so a crash would leave them unclear");
}

/// One write of each kind that was never sent.
fn never_sent() -> Vec<Write> {
    let jane = || "a1".to_owned();
    let ops = || "g2".to_owned();
    let name = AttributeChange { attribute: "name".into(), before: None, after: Some("New".into()) };
    let update =
        |changes, external_id, active| Write::UpdateAccount { target_id: jane(), external_id, changes, active };
    let Action::Create { attributes } = create("joe").1 else { unreachable!() };
    vec![
        Write::CreateAccount { user: id("joe"), attributes, roles: vec![role("admin")] },
        update(vec![name], None, None),
        update(vec![], Some(id("other")), None),
        update(vec![], None, Some(false)),
        Write::SetRoles { target_id: jane(), grant: vec![role("admin")], revoke: vec![] },
        Write::CreateGroup { name: "dev".into(), external_id: "dev".into() },
        Write::RenameGroup { target_id: ops(), name: "Ops".into() },
        Write::ChangeMembers { target_id: ops(), add: vec![jane()], remove: vec![] },
        Write::DeleteGroup { target_id: ops() },
        Write::DeleteAccount { target_id: jane() },
    ]
}

#[tokio::test]
async fn after_a_crash_what_was_begun_and_never_sent_is_abandoned_whatever_it_is() {
    let (world, books) = people(&["jane"]).await;
    assert!(is_done(&apply(&world, &books, &plan_of(vec![new_group(&mirror("ops"))])).await[0]));
    let (before, held) = (books.ledger(), world.held.lock().unwrap().clone());
    let writes = never_sent();
    for write in writes.clone() {
        let then = Settlement { forgotten_accounts: vec![id("jane")], ..Settlement::default() };
        books.begin(Intent { run: "run-0".to_owned(), changes: vec![1], write, then }).await.unwrap();
    }
    let recovered = recovery(&world, &books).recover().await.unwrap();
    assert_eq!((recovered.settled, recovered.abandoned), (0, writes.len() as u64));
    assert_eq!((books.ledger(), books.open_intents()), (before, vec![]));
    assert_eq!(world.held.lock().unwrap().accounts, held.accounts);
}
