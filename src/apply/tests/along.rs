//! Roles that new accounts bring along.

use std::sync::atomic::Ordering;

use super::planner::{account, create, id, mirror, plan_of, role};
use super::rules::{apply, failure, grant, is_done, new_group, recovery, skipped};
use super::world::{Books, Fault, Fuse, World};
use crate::apply::{Outcome, Write, WriteFailure};
use crate::plan::Action;

fn done() -> Outcome {
    Outcome::Done { notes: vec![] }
}

#[tokio::test]
async fn a_new_account_brings_its_roles_along_in_one_write() {
    let (world, books) = (World::new(), Books::default());
    let steps = vec![create("jane"), grant("jane", "admin", &[1]), grant("jane", "editor", &[1])];
    assert_eq!(apply(&world, &books, &plan_of(steps)).await, [done(), done(), done()]);
    assert_eq!(world.log().len(), 1);
    assert_eq!(books.ledger().accounts[&id("jane")].roles, [role("admin"), role("editor")].into());
    assert_eq!(world.held.lock().unwrap().accounts["a1"].roles, [role("admin"), role("editor")].into());
}

#[tokio::test]
async fn roles_that_the_target_did_not_keep_are_set_afterwards() {
    let faults = |_: usize, write: &Write| match write {
        Write::CreateAccount { .. } => Fault::NotKept("roles"),
        _ => Fault::None,
    };
    let (world, books) = (World::new().with(faults, Fuse::default()), Books::default());
    let steps = vec![create("jane"), grant("jane", "admin", &[1])];
    assert_eq!(apply(&world, &books, &plan_of(steps)).await, [done(), done()]);
    assert_eq!(world.log().len(), 2, "{:?}", world.log());
    assert_eq!(books.ledger().accounts[&id("jane")].roles, [role("admin")].into());
    assert!(!world.roles_ride.load(Ordering::SeqCst));
    let steps = vec![create("joe"), grant("joe", "admin", &[1])];
    assert_eq!(apply(&world, &books, &plan_of(steps)).await, [done(), done()]);
    assert!(matches!(&world.log()[2], Write::CreateAccount { roles, .. } if roles.is_empty()), "remembered");
}

#[tokio::test]
async fn a_role_does_not_come_along_if_something_else_has_to_come_before_it() {
    let (world, books) = (World::new(), Books::default());
    let steps =
        vec![create("jane"), new_group(&mirror("ops")), grant("jane", "admin", &[1, 2]), grant("jane", "editor", &[1])];
    assert!(apply(&world, &books, &plan_of(steps)).await.iter().all(is_done));
    let carried = world.log().into_iter().find_map(|write| match write {
        Write::CreateAccount { roles, .. } => Some(roles),
        _ => None,
    });
    assert_eq!(carried, Some(vec![role("editor")]));
    assert_eq!(books.ledger().accounts[&id("jane")].roles, [role("admin"), role("editor")].into());
}

#[tokio::test]
async fn roles_of_an_account_that_was_not_created_are_skipped() {
    for wrong in [Fault::Fails(WriteFailure::Refused), Fault::Fails(WriteFailure::NotNow), Fault::LostRequest] {
        let (world, books) = (World::new().with(move |_, _| wrong, Fuse::default()), Books::default());
        let outcomes = apply(&world, &books, &plan_of(vec![create("jane"), grant("jane", "admin", &[1])])).await;
        assert_ne!(failure(&outcomes[0]), WriteFailure::Conflict);
        assert_eq!(skipped(&outcomes[1]), "change 1, which must come first, was not carried out");
        assert_eq!(world.log().len(), 1);
    }
}

#[tokio::test]
async fn after_a_crash_the_ledger_has_only_the_roles_that_came_along() {
    for kept in [true, false] {
        let (world, books) = (World::new(), Books::default());
        let steps = vec![create("jane"), grant("jane", "admin", &[1])];
        *books.fails_after.lock().unwrap() = Some(1);
        let outcomes = apply(&world, &books, &plan_of(steps)).await;
        assert_eq!(failure(&outcomes[1]), WriteFailure::Unknown, "{outcomes:?}");
        if !kept {
            world.held.lock().unwrap().accounts.get_mut("a1").unwrap().roles.clear();
        }
        let books = books.reopened(Fuse::default());
        assert_eq!(recovery(&world, &books).recover().await.unwrap().settled, 1);
        assert_eq!(books.ledger().accounts[&id("jane")].roles.len(), usize::from(kept));
    }
}

#[tokio::test]
async fn what_is_said_of_a_creation_is_not_said_of_its_roles() {
    let faults = |_: usize, _: &Write| Fault::NotKept("name");
    let (world, books) = (World::new().with(faults, Fuse::default()), Books::default());
    let Action::Create { attributes } = create("jane").1 else { unreachable!() };
    let steps = vec![(account("jane", None), Action::Create { attributes }, vec![]), grant("jane", "admin", &[1])];
    let outcomes = apply(&world, &books, &plan_of(steps)).await;
    assert_eq!(outcomes, [Outcome::Done { notes: vec!["the target kept no name".into()] }, done()]);
}
