//! Crashes at every step and faults by seed: whatever happens, the end is the same as without, and nobody gets a
//! second account.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::Ordering;

use jiff::Timestamp;

use super::planner::{Person, Wanted, id, plan, role};
use super::world::{Books, Fault, Fuse, Held, World, builds_on};
use crate::apply::{Executor, Outcome, Recovery, Write, WriteFailure};
use crate::plan::{ChangeId, Changes};

fn now() -> Timestamp {
    "2026-11-23T09:00:00Z".parse().unwrap()
}

/// One run: recover, plan, apply. Nothing if it died.
pub(super) async fn run(wanted: &Wanted, world: &World<'_>, books: &Books) -> Option<Vec<(ChangeId, Outcome)>> {
    let executor = Executor {
        target: world,
        journal: books,
        ledger: books,
        run: "run",
        clock: &now,
        stop: &|| world.stops(),
        forbids: &|_| None,
    };
    let recovery = Recovery { target: world, journal: books, ledger: books, clock: &now, plan_of: &|_| None };
    let work = async {
        recovery.recover().await.ok()?;
        world.watch(books);
        let held = world.held.lock().unwrap().clone();
        let plan = plan(wanted, books, &held);
        let mut told = Vec::new();
        let outcomes = executor.carry_out(&plan, |change, outcome| told.push((change.id, outcome.clone()))).await;
        told.sort_by_key(|(change, _)| *change);
        assert_eq!(told, outcomes, "each is told once, as it ended");
        Some(outcomes)
    };
    books.fuse.guard(world.fuse.guard(work)).await.flatten().flatten()
}

/// Accounts by their owners, and groups by their names.
type Look = (BTreeMap<String, (bool, String)>, BTreeMap<String, BTreeSet<String>>);

/// What the target looks like, without the ids that it chose.
fn look(held: &Held) -> Look {
    let name = |account: &super::world::Account| account.external_id.clone();
    let accounts = held
        .accounts
        .values()
        .map(|account| (name(account), (account.active, format!("{:?} {:?}", account.attributes, account.roles))));
    let groups = held.groups.values().map(|group| {
        let members = group.members.iter().map(|id| name(&held.accounts[id])).collect();
        (group.name.clone(), members)
    });
    (accounts.collect(), groups.collect())
}

fn assert_no_doubles(world: &World<'_>) {
    let held = world.held.lock().unwrap();
    let owners: BTreeSet<&str> = held.accounts.values().map(|account| account.external_id.as_str()).collect();
    assert_eq!(owners.len(), held.accounts.len(), "somebody has two accounts");
    let names: BTreeSet<&str> = held.groups.values().map(|group| group.name.as_str()).collect();
    assert_eq!(names.len(), held.groups.len(), "a group is there twice");
}

/// The ledger says of every account what the target holds.
fn assert_ledger_is_true(world: &World<'_>, books: &Books) {
    let held = world.held.lock().unwrap();
    for (user, account) in books.ledger().accounts {
        let there = &held.accounts[&account.target_id];
        assert_eq!(there.external_id, user.as_str());
        assert_eq!((there.active, &there.attributes), (account.active, &account.written), "{user}");
        assert_eq!(account.active, account.deactivated_at.is_none());
        if !world.roles_are_groups {
            assert_eq!(there.roles, account.roles, "{user}");
        }
    }
    for group in books.ledger().groups.values() {
        let members: BTreeSet<String> =
            group.members.iter().map(|user| books.ledger().accounts[user].target_id.clone()).collect();
        assert_eq!(held.groups[&group.target_id].members, members, "{}", group.name);
        assert_eq!(held.groups[&group.target_id].name, group.name);
    }
}

/// A crash leaves no intent that takes for granted what another open one is still to make true.
fn assert_nothing_builds_on_what_is_open(books: &Books) {
    let open = books.open_intents();
    let open: Vec<_> = open.iter().collect();
    for intent in &open {
        assert!(builds_on(intent, &open).is_empty(), "{intent:?} builds on what is not settled");
    }
}

pub(super) fn wanted(random: &mut fastrand::Rng, roles_are_groups: bool) -> Wanted {
    let some = |random: &mut fastrand::Rng, names: [&str; 3]| -> Vec<String> {
        names.iter().filter(|_| random.u8(0..3) == 0).map(|name| (*name).to_owned()).collect()
    };
    let users = (0..9).filter(|_| random.u8(0..3) > 0).collect::<Vec<u8>>();
    let person = |number: u8, random: &mut fastrand::Rng| {
        let name = format!("Name {}", random.u8(0..2));
        let roles = some(random, ["admin", "editor", "viewer"]).iter().map(|name| role(name)).collect();
        let groups = some(random, ["ops", "dev", "all"]).into_iter().collect();
        (id(&format!("u{number}")), Person { name, roles, groups })
    };
    Wanted { users: users.into_iter().map(|number| person(number, random)).collect(), roles_are_groups }
}

/// A world in which the first wish has come true.
pub(super) async fn settled(wanted: &Wanted) -> (World<'static>, Books) {
    let mut world = World::new();
    world.roles_are_groups = wanted.roles_are_groups;
    let books = Books::default();
    run(wanted, &world, &books).await.unwrap();
    (world, books)
}

/// Runs without faults until nothing is left to do, and checks everything that must hold then.
async fn finish(wanted: &Wanted, world: &World<'_>, books: &Books, expected: &Held) {
    for _ in 0..3 {
        run(wanted, world, books).await.unwrap();
        assert_no_doubles(world);
    }
    assert_eq!(look(&world.held.lock().unwrap()), look(expected));
    assert_ledger_is_true(world, books);
    assert_eq!(books.open_intents(), []);
    let held = world.held.lock().unwrap().clone();
    assert_eq!(plan(wanted, books, &held).changes, Changes::default(), "the plan after a clean run is empty");
}

/// What the target looks like after the same two wishes without any fault.
async fn expected(first: &Wanted, then: &Wanted) -> Held {
    let (world, books) = settled(first).await;
    let outcomes = run(then, &world, &books).await.unwrap();
    assert!(outcomes.iter().all(|(_, outcome)| matches!(outcome, Outcome::Done { .. })), "{outcomes:?}");
    assert_ledger_is_true(&world, &books);
    world.held.into_inner().unwrap()
}

#[tokio::test]
async fn a_crash_at_any_step_loses_nothing_and_repeats_nothing() {
    for roles_are_groups in [false, true] {
        let mut random = fastrand::Rng::with_seed(7);
        let (first, then) = (wanted(&mut random, roles_are_groups), wanted(&mut random, roles_are_groups));
        let expected = expected(&first, &then).await;
        for in_target in [true, false] {
            let mut step = 0;
            loop {
                let (world, books) = settled(&first).await;
                let (there, here) = if in_target { (Some(step), None) } else { (None, Some(step)) };
                let fuse = |limit: Option<usize>| limit.map_or_else(Fuse::default, Fuse::at);
                let world = world.with(|_, _| Fault::None, fuse(there));
                let books = books.reopened(fuse(here));
                let survived = run(&then, &world, &books).await.is_some();
                assert_nothing_builds_on_what_is_open(&books);
                let (world, books) = (world.with(|_, _| Fault::None, Fuse::default()), books.reopened(Fuse::default()));
                finish(&then, &world, &books, &expected).await;
                if survived {
                    break;
                }
                step += 1;
            }
            assert!(step > 20, "only {step} steps");
        }
    }
}

/// A fault for some calls, by the seed.
pub(super) fn fault(seed: u64, call: usize, write: &Write) -> Fault {
    let mut random = fastrand::Rng::with_seed(seed.wrapping_mul(1_000_003) ^ call as u64);
    match random.u8(0..20) {
        0 | 1 => Fault::LostAnswer,
        2 | 3 => Fault::LostRequest,
        4 => Fault::Fails(WriteFailure::NotNow),
        5 => Fault::Fails(WriteFailure::Refused),
        6 => Fault::Panics,
        7 if call > 10 => Fault::Fails(WriteFailure::SignIn),
        8 if matches!(write, Write::UpdateAccount { active: Some(_), .. }) => Fault::NotKept("active"),
        9 if matches!(write, Write::CreateAccount { .. }) => Fault::NotKept("roles"),
        _ => Fault::None,
    }
}

#[tokio::test]
async fn whatever_fails_the_end_is_the_same_as_without() {
    for seed in 0..150 {
        let mut random = fastrand::Rng::with_seed(seed);
        let roles_are_groups = random.bool();
        let (first, then) = (wanted(&mut random, roles_are_groups), wanted(&mut random, roles_are_groups));
        let expected = expected(&first, &then).await;
        let (mut world, mut books) = settled(&first).await;
        for round in 0..3 {
            let faulty_seed = seed * 10 + round;
            let crash = random.bool().then(|| random.usize(0..60)).map_or_else(Fuse::default, Fuse::at);
            world = world.with(move |call, write| fault(faulty_seed, call, write), Fuse::default());
            books = books.reopened(crash);
            world.blind.store(random.u8(0..4) == 0, Ordering::SeqCst);
            if random.u8(0..4) == 0 {
                *books.fails_after.lock().unwrap() = Some(random.usize(0..40));
            }
            if random.u8(0..4) == 0 {
                world.stops_after.store(random.usize(0..20), Ordering::SeqCst);
            }
            run(&then, &world, &books).await;
            assert_no_doubles(&world);
        }
        let (world, books) = (world.with(|_, _| Fault::None, Fuse::default()), books.reopened(Fuse::default()));
        let work = std::panic::AssertUnwindSafe(finish(&then, &world, &books, &expected));
        let ended = futures::FutureExt::catch_unwind(work).await;
        assert!(ended.is_ok(), "seed {seed} fails; the assertion is above");
    }
}
