//! Kept plans, held plans, and what is kept of them.

use std::borrow::Cow;

use rollcall::guard::{PlanFile, Reviewed};
use rollcall::plan::Action;
use rollcall::run::{RunError, RunResult, runs};

use super::promises_support::{House, active, user};

async fn kept(house: &House) -> PlanFile {
    PlanFile::from_json(&PlanFile::of(&house.plan().await.unwrap()).to_json()).unwrap()
}

#[tokio::test]
async fn what_the_provider_calls_its_own_reaches_scope_and_mapping_when_everybody_is_judged() {
    let mut house = House::new();
    house.extra = "scope = { when = 'user.raw.team == \"blue\"' }\n[organization.acme.attributes]\n\
                   custom_attributes.team = 'user.raw.team'\n"
        .to_owned();
    let of = |id: &str, team: &str| {
        let mut one = user(id, id, "active");
        one["team"] = team.into();
        one
    };
    house.write(&[of("ann", "blue"), of("bob", "red")], &[]);
    let reviewed = house.plan().await.unwrap();
    let created: Vec<_> = reviewed.plan().changes.iter().map(Cow::into_owned).collect();
    assert_eq!(created.iter().map(|change| change.subject.label()).collect::<Vec<_>>(), ["ann@acme.com"]);
    let Action::Create { attributes, .. } = &created[0].action else { panic!("{:?}", created[0].action) };
    assert_eq!(attributes.get("custom_attributes.team"), Some(&"blue".into()));
}

#[tokio::test]
async fn a_kept_plan_does_not_put_out_somebody_who_came_back_meanwhile() {
    let house = House::new();
    house.directory(&active(&["ann", "bob"]));
    house.settle().await;
    house.directory(&[("ann", "active"), ("bob", "disabled")]);
    let file = kept(&house).await;
    // Nobody ran anything since, so the snapshot knows nothing of it.
    house.directory(&active(&["ann", "bob"]));

    let error = house.session().kept(file, &|_| {}).await.unwrap_err();

    assert!(matches!(&error, RunError::Stale(_)), "{error}");
    assert!(error.to_string().contains("bob"), "{error}");
}

#[tokio::test]
async fn a_kept_plan_that_is_still_asked_for_is_applied() {
    let house = House::new();
    house.directory(&active(&["ann", "bob"]));
    house.settle().await;
    house.directory(&[("ann", "active"), ("bob", "disabled")]);
    let file = kept(&house).await;
    let session = house.session();
    let (run, held) = session.kept(file, &|_| {}).await.unwrap();
    let record = run.apply(held.approve("ada", "by its file"), &|_| {}).await.unwrap();
    assert_eq!(record.result, RunResult::Applied);
    assert!(house.is_in("ann") && !house.is_in("bob"));
}

#[tokio::test]
async fn a_kept_plan_that_went_stale_is_in_the_history() {
    let house = House::new();
    house.directory(&active(&["ann"]));
    let file = kept(&house).await;
    house.settle().await;
    let before = runs(&*house.store, 100).unwrap().len();
    house.session().kept(file, &|_| {}).await.unwrap_err();
    let history = runs(&*house.store, 100).unwrap();
    assert_eq!(history.len(), before + 1);
    assert!(matches!(history[0].result, RunResult::Failed(_)));
}

#[tokio::test]
async fn a_read_that_fails_leaves_mirror_ledger_and_target_as_they_were() {
    let house = House::new();
    house.directory(&active(&["ann", "bob"]));
    house.settle().await;
    let certificate = house.store.certificate().unwrap();
    let generation = house.store.generation().unwrap();
    house.sandbox.forget_requests();
    let path = house.folder.path().join("people.json");
    let whole = std::fs::read_to_string(&path).unwrap();
    for wrong in [&whole[..whole.len() / 2], r#"{"users": [], "groups": [], "count": 0}"#, ""] {
        std::fs::write(&path, wrong).unwrap();
        house.plan().await.unwrap_err();
    }
    assert_eq!(house.store.certificate().unwrap(), certificate);
    assert_eq!(house.store.generation().unwrap(), generation);
    assert_eq!(house.store.users().count(), 2);
    assert_eq!(house.sandbox.requests().values().sum::<u64>(), 0);
    let history = runs(&*house.store, 3).unwrap();
    assert!(history.iter().all(|run| matches!(run.result, RunResult::Failed(_))));
}

#[tokio::test]
async fn planning_sends_nothing_but_reads_whatever_it_finds() {
    let house = House::new();
    house.directory(&active(&["ann", "bob", "cal"]));
    house.plan().await.unwrap();
    assert_eq!(house.sandbox.writes(), 0, "the first plan");
    house.settle().await;
    house.sandbox.forget_requests();
    house.directory(&[("ann", "active"), ("bob", "disabled"), ("dan", "active")]);
    assert!(!house.plan().await.unwrap().plan().is_empty());
    assert_eq!(house.sandbox.writes(), 0, "a plan that creates and deactivates");
}

#[tokio::test]
async fn a_first_plan_is_told_as_held_to_whoever_asks_about_a_newcomer() {
    let house = House::new();
    house.directory(&active(&["ann"]));
    assert!(matches!(house.plan().await.unwrap(), Reviewed::Held(_)));
    let answer = house.session().explain("ann@acme.com", false).await.unwrap().remove(0);
    assert!(answer.conclusion.contains("once somebody has approved the plan"), "{}", answer.conclusion);
    house.settle().await;
    house.directory(&active(&["ann", "bob"]));
    house.plan().await.unwrap();
    let answer = house.session().explain("bob@acme.com", false).await.unwrap().remove(0);
    assert!(!answer.conclusion.contains("approved"), "{}", answer.conclusion);
}

#[tokio::test]
async fn held_and_declined_plans_are_in_the_history_and_change_nothing() {
    let house = House::new();
    house.directory(&active(&["ann", "bob"]));
    let session = house.session();
    let (run, reviewed) = session.plan(&|_| {}).await.unwrap().into_parts();
    let Reviewed::Held(held) = reviewed else { panic!("a first plan is held") };
    run.held(held).unwrap();
    assert!(matches!(runs(&*house.store, 1).unwrap()[0].result, RunResult::Held { .. }));
    assert!(house.sandbox.users().is_empty());

    house.settle().await;
    house.directory(&[("ann", "active"), ("bob", "disabled")]);
    let (run, reviewed) = session.plan(&|_| {}).await.unwrap().into_parts();
    let Reviewed::Cleared(approved) = reviewed else { panic!("one leaver is not held") };
    run.declined(approved).unwrap();
    let last = runs(&*house.store, 1).unwrap().remove(0);
    assert_eq!((last.result, last.plan.map(|plan| plan.changes.len())), (RunResult::Planned, Some(1)));
    assert!(house.is_in("bob"));
    assert!(!house.plan().await.unwrap().plan().is_empty(), "and is planned again");
}
