//! What is settled for history is what was done, by the run that planned it.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::planner::{create, id, plan_of, role};
use super::rules::{apply, grant, recovery};
use super::simulation::{fault, run, settled, wanted};
use super::world::{Books, Fault, Fuse, World};
use crate::apply::record::RecordedOutcome;
use crate::apply::{ChangeRecord, ChangeSubject, Deed, Outcome, Recovery};
use crate::plan::ChangeId;

fn recorded(books: &Books) -> Vec<(String, ChangeRecord)> {
    let history = books.history.lock().unwrap();
    let of = |one: &crate::apply::RecordedChanges| {
        let run = one.run.clone();
        one.changes.iter().map(move |record| (run.clone(), record.clone())).collect::<Vec<_>>()
    };
    history.iter().flat_map(of).collect()
}

#[tokio::test]
async fn whatever_fails_history_is_told_of_exactly_the_changes_that_were_carried_out() {
    let mut any = 0;
    for seed in 0..150 {
        let mut random = fastrand::Rng::with_seed(seed);
        let roles_are_groups = random.bool();
        let (first, then) = (wanted(&mut random, roles_are_groups), wanted(&mut random, roles_are_groups));
        let (world, books) = settled(&first).await;
        let (world, books) =
            (world.with(move |call, write| fault(seed, call, write), Fuse::default()), books.reopened(Fuse::default()));
        let Some(outcomes) = run(&then, &world, &books).await else { continue };
        let ids = |is_meant: &dyn Fn(&Outcome) -> bool| -> BTreeSet<ChangeId> {
            outcomes.iter().filter(|(_, outcome)| is_meant(outcome)).map(|(change, _)| *change).collect()
        };
        let done = ids(&|outcome| matches!(outcome, Outcome::Done { .. }));
        let (kept, failed): (Vec<_>, Vec<_>) = recorded(&books).into_iter().partition(|(_, one)| one.outcome.is_done());
        assert_eq!(kept.len(), done.len(), "each once");
        assert_eq!(kept.iter().map(|(_, one)| one.change).collect::<BTreeSet<_>>(), done);
        let not_kept = ids(&|outcome| matches!(outcome, Outcome::Failed { .. }));
        assert!(failed.iter().all(|(_, one)| not_kept.contains(&one.change)), "seed {seed}");
        any += done.len() + failed.len();
    }
    assert!(any > 500);
}

#[tokio::test]
async fn what_is_settled_after_a_crash_belongs_to_the_run_that_began_it() {
    let world = World::new().with(|_, _| Fault::LostAnswer, Fuse::default());
    world.blind.store(true, Ordering::SeqCst);
    let books = Books::default();
    let plan = Arc::new(plan_of(vec![create("jane"), grant("jane", "admin", &[1])]));
    apply(&world, &books, &plan).await;
    assert_eq!(recorded(&books), []);
    world.blind.store(false, Ordering::SeqCst);

    let plan_of = |run: &str| (run == "run-1").then(|| Arc::clone(&plan));
    let recovery = Recovery { plan_of: &plan_of, ..recovery(&world, &books) };
    assert_eq!(recovery.recover().await.unwrap().settled, 1);

    let told = recorded(&books);
    let of_jane = |deed: Deed| ("run-1", ChangeSubject::User(id("jane")), "a1", deed, RecordedOutcome::Done);
    let seen: Vec<_> = told
        .iter()
        .map(|(run, one)| (&**run, one.subject.clone(), &*one.target_id, one.deed.clone(), one.outcome.clone()))
        .collect();
    assert_eq!(seen, [of_jane(Deed::Create), of_jane(Deed::GrantRole { role: role("admin") })]);
}
