//! Approvals through whole runs: once, before the first write, and not for rules that nobody has seen.

use std::sync::{Arc, Mutex};

use jiff::{SignedDuration, Timestamp};
use rollcall::guard::{Approval, Decider, Hold, Reviewed};
use rollcall::plan::{ActionKind, Cause};
use rollcall::run::{self, Depth, Event, FailureCode, Purpose, RunError, RunResult};
use rollcall::snapshot::{SledStore, fact};

use super::promises_support::{House, active};

const IDS: [&str; 8] = ["ann", "bob", "cal", "dan", "eve", "fay", "gus", "hal"];

fn ada() -> Decider {
    Decider {
        who: "ada".to_owned(),
        how: "in a test".to_owned(),
        at: Timestamp::now(),
        expire_after: SignedDuration::from_hours(168),
    }
}

fn all_but_ann_disabled() -> Vec<(&'static str, &'static str)> {
    IDS.iter().map(|id| (*id, if *id == "ann" { "active" } else { "disabled" })).collect()
}

/// Everybody is in, and then everybody but ann should go: held.
async fn held(house: &House) -> String {
    house.directory(&active(&IDS));
    house.settle().await;
    house.directory(&all_but_ann_disabled());
    let (run, reviewed) = house.session().plan(&|_| {}).await.unwrap().into_parts();
    let Reviewed::Held(held) = reviewed else { panic!("seven of eight go") };
    let id = held.plan().id().0;
    run.held(held).unwrap();
    id
}

#[tokio::test]
async fn an_approval_is_used_up_before_the_first_write_and_counts_for_one_of_two_plans() {
    let house = House::new();
    let id = held(&house).await;
    run::approve(&*house.store, &id, ada(), false).unwrap();
    let (first, second) = (house.session(), house.session());
    let (first, reviewed) = first.plan(&|_| {}).await.unwrap().into_parts();
    let Reviewed::Cleared(one) = reviewed else { panic!("it was approved") };
    let (second, reviewed) = second.plan(&|_| {}).await.unwrap().into_parts();
    let Reviewed::Cleared(two) = reviewed else { panic!("it was approved") };
    assert!(matches!(one.approval(), Approval::Person { who, .. } if who == "ada"));

    let pending = Arc::new(Mutex::new(Vec::new()));
    let (seen, store) = (Arc::clone(&pending), Arc::clone(&house.store));
    let writes = house.sandbox.writes();
    let before_it_writes = |event: Event| {
        if matches!(event, Event::Applying { .. }) {
            let decisions = run::decisions(&*store).unwrap();
            seen.lock().unwrap().push((decisions.approval(Timestamp::now()).is_some(), house.sandbox.writes()));
        }
    };
    let record = first.apply(one, &before_it_writes).await.unwrap();
    assert_eq!(*pending.lock().unwrap(), [(false, writes)]);
    assert_eq!(record.result, RunResult::Applied);

    let error = second.apply(two, &|_| {}).await.unwrap_err();
    assert!(matches!(&error, RunError::Stale(_)) && error.to_string().contains("used it up"), "{error}");
}

#[tokio::test]
async fn an_approval_outlives_the_process_and_is_in_the_records() {
    let state = tempfile::tempdir().unwrap();
    let mut house = House::on_disk(state.path());
    let id = held(&house).await;
    let decided = run::approve(&*house.store, &id[..6], ada(), false).unwrap();
    assert_eq!((decided.changes, decided.decision.who.as_str()), (7, "ada"));
    house.store = Arc::new(rollcall::snapshot::MemoryStore::new());
    house.store = Arc::new(SledStore::open(state.path()).unwrap());
    assert!(house.store.is_sealed(), "deciding does not break the seal");
    let held = run::runs(&*house.store, 1).unwrap().remove(0);
    assert_eq!(held.decision.as_ref(), Some(&decided.decision));

    let (run, reviewed) = house.session().plan(&|_| {}).await.unwrap().into_parts();
    let Reviewed::Cleared(approved) = reviewed else { panic!("it was approved") };
    let record = run.apply(approved, &|_| {}).await.unwrap();
    assert_eq!(record.approval.unwrap().decision(), Some(&decided.decision));
    assert!(house.is_in("ann") && !house.is_in("hal"));
}

#[tokio::test]
async fn a_run_that_somebody_lets_go_of_on_the_way_has_failed() {
    let house = House::new();
    house.directory(&active(&IDS));
    house.settle().await;
    let result = || run::runs(&*house.store, 1).unwrap().remove(0).result;
    let is_abandoned =
        |result: RunResult| matches!(result, RunResult::Failed(failure) if failure.code == FailureCode::Abandoned);

    let session = house.session();
    drop(session.plan(&|_| {}).await.unwrap());
    assert!(is_abandoned(result()), "with its plan");
    house.settle().await;
    let run = session.begin(Purpose::Run, &|_| {}).read(Depth::Full, &|_| {}).await.unwrap();
    drop(run.plan(&|_| {}));
    assert!(is_abandoned(result()), "while it plans");
    house.settle().await;
    assert_eq!(result(), RunResult::NothingToDo);

    // A run that fails in its last step says so itself.
    let id = held(&house).await;
    run::approve(&*house.store, &id, ada(), false).unwrap();
    let (run, reviewed) = house.session().plan(&|_| {}).await.unwrap().into_parts();
    let Reviewed::Cleared(approved) = reviewed else { panic!("it was approved") };
    run::reject(&*house.store, &id, ada()).unwrap();
    run.apply(approved, &|_| {}).await.unwrap_err();
    assert!(matches!(result(), RunResult::Failed(failure) if failure.code == FailureCode::Stale));
}

#[tokio::test]
async fn an_approval_that_no_run_needs_is_used_up_all_the_same() {
    let house = House::new();
    let id = held(&house).await;
    run::approve(&*house.store, &id, ada(), false).unwrap();
    // It was a mistake in the directory, and somebody mended it.
    house.directory(&active(&IDS));
    let (run, reviewed) = house.session().plan(&|_| {}).await.unwrap().into_parts();
    let Reviewed::Cleared(approved) = reviewed else { panic!("nothing is asked for") };
    run.nothing_to_do(approved).unwrap();
    // The same mistake a day later is not approved.
    house.directory(&all_but_ann_disabled());
    assert!(matches!(house.plan().await.unwrap(), Reviewed::Held(_)));
}

#[tokio::test]
async fn a_run_that_fails_before_it_applies_uses_nothing_up() {
    let house = House::new();
    let id = held(&house).await;
    run::approve(&*house.store, &id, ada(), false).unwrap();
    std::fs::write(house.folder.path().join("people.json"), "{").unwrap();
    house.plan().await.unwrap_err();
    house.directory(&all_but_ann_disabled());
    assert!(matches!(house.plan().await.unwrap(), Reviewed::Cleared(_)));
}

#[tokio::test]
async fn fewer_leavers_than_were_approved_are_fewer_leavers() {
    let house = House::new();
    let id = held(&house).await;
    run::approve(&*house.store, &id, ada(), false).unwrap();
    let mut people = all_but_ann_disabled();
    people[7].1 = "active";
    house.directory(&people);
    let (run, reviewed) = house.session().plan(&|_| {}).await.unwrap().into_parts();
    let Reviewed::Cleared(approved) = reviewed else { panic!("all of it was approved") };
    assert_eq!(approved.plan().changes.len(), 6);
    run.apply(approved, &|_| {}).await.unwrap();
    assert!(house.is_in("hal") && !house.is_in("gus"));
}

#[tokio::test]
async fn rules_whose_removals_wait_are_still_new_to_the_next_run() {
    let mut house = House::new();
    house.extra = "hold = \"removals\"".to_owned();
    house.directory(&active(&["ann", "bob"]));
    house.settle().await;
    house.extra = "hold = \"removals\"\nscope = { when = 'user.login != \"bob\"' }".to_owned();
    house.directory(&active(&["ann", "bob", "cal"]));
    for newcomers in [1, 0] {
        let (run, reviewed) = house.session().plan(&|_| {}).await.unwrap().into_parts();
        assert!(matches!(reviewed.holds(), [Hold::RulesChanged { because, .. }] if because[0].0 == 1));
        match reviewed {
            Reviewed::Parted(parted) => {
                let record = run.apply(parted.into_part(), &|_| {}).await.unwrap();
                assert_eq!(record.waiting.unwrap().plan.changes.len(), 1);
                assert_eq!(newcomers, 1);
            }
            held => {
                run.keep(&held).unwrap();
                assert_eq!(newcomers, 0);
            }
        }
        assert!(house.is_in("bob") && house.is_in("cal"));
    }
}

#[tokio::test]
async fn an_edit_is_told_apart_from_the_directory_and_a_settled_one_is_no_news() {
    let mut house = House::new();
    house.directory(&active(&["ann", "bob", "cal"]));
    house.settle().await;
    house.extra = "scope = { when = 'user.login != \"bob\"' }".to_owned();
    house.directory(&[("ann", "active"), ("bob", "active"), ("cal", "disabled"), ("dan", "active")]);
    let reviewed = house.plan().await.unwrap();
    let of_rules: Vec<String> = reviewed
        .plan()
        .changes
        .iter()
        .filter(|change| change.causes.contains(&Cause::RulesEdited))
        .map(|change| change.subject.label().to_owned())
        .collect();
    assert_eq!(of_rules, ["bob@acme.com"]);
    let Hold::RulesChanged { people, .. } = &reviewed.holds()[0] else { panic!("{:?}", reviewed.holds()) };
    assert_eq!(people, &[vec!["bob@acme.com".to_owned()]]);
    house.settle().await;
    house.directory(&[("ann", "disabled"), ("bob", "active"), ("cal", "disabled"), ("dan", "active")]);
    let reviewed = house.plan().await.unwrap();
    assert!(reviewed.holds().is_empty());
    assert!(!reviewed.plan().changes.iter().any(|change| change.is_of_rules()));
}

#[tokio::test]
async fn rules_that_an_earlier_version_kept_as_a_hash_hold_whatever_takes_something_away() {
    let mut house = House::new();
    house.directory(&active(&["ann", "bob", "cal"]));
    house.settle().await;
    house.store.set_fact(fact::APPLIED_RULES, &house.organization().rules_hash().unwrap().into()).unwrap();
    house.directory(&[("ann", "active"), ("bob", "disabled"), ("cal", "active")]);
    assert!(house.plan().await.unwrap().holds().is_empty(), "nothing was edited");
    house.extra = "scope = { when = 'user.login != \"cal\"' }".to_owned();
    let reviewed = house.plan().await.unwrap();
    let going = reviewed.plan().changes.iter().filter(|change| change.action.kind() == ActionKind::Deactivate);
    assert_eq!(going.filter(|change| change.is_of_rules()).count(), 2, "nobody can tell which is whose");
    assert!(matches!(reviewed.holds(), [Hold::RulesChanged { .. }]));
}

#[tokio::test]
async fn rules_that_version_0_1_0_kept_are_not_edited_and_are_kept_anew_by_the_next_plan() {
    let house = House::new();
    house.directory(&active(&["ann", "bob", "cal"]));
    house.settle().await;
    let organization = house.organization();
    let mut reading = serde_json::to_value(&organization.directory).unwrap();
    reading.as_object_mut().unwrap().remove("max_size_mib");
    let digest = |json: Vec<u8>| blake3::hash(&json).to_hex()[..16].to_owned();
    let kept = serde_json::json!({
        "hash": digest(serde_json::to_vec(&(&organization.roster, &reading)).unwrap()),
        "reading": digest(serde_json::to_vec(&reading).unwrap()),
        "roster": organization.roster,
    });
    house.store.set_fact(fact::APPLIED_RULES, &kept).unwrap();
    house.directory(&[("ann", "active"), ("bob", "disabled"), ("cal", "active")]);
    let reviewed = house.plan().await.unwrap();
    assert!(reviewed.holds().is_empty(), "{:?}", reviewed.holds());
    assert!(!reviewed.plan().changes.iter().any(|change| change.is_of_rules()));
    // From now on an edit of how fast the directory is read counts as little as it does for everybody else.
    let now = house.store.fact(fact::APPLIED_RULES).unwrap().unwrap();
    assert_eq!(now["hash"], organization.rules_hash().unwrap());
    assert_eq!(now["reading"], organization.reading_hash().unwrap());
}

#[tokio::test]
async fn a_strange_reading_stays_strange_while_only_the_harmless_part_of_its_plan_was_applied() {
    let mut house = House::new();
    house.extra = "hold = \"removals\"".to_owned();
    let ids: Vec<String> = (0..40).map(|index| format!("p{index:02}")).collect();
    let people = |most: usize| ids.iter().take(most).map(|id| (id.as_str(), "active")).collect::<Vec<_>>();
    house.directory(&people(40));
    house.settle().await;
    let mut shrunk = people(20);
    shrunk.push(("zoe", "active"));
    house.directory(&shrunk);
    let findings = |reviewed: &Reviewed| {
        let notes = reviewed.plan().notes.iter().filter(|note| note.holds);
        notes.map(|note| note.sentence.clone()).collect::<Vec<_>>()
    };
    let (run, reviewed) = house.session().plan(&|_| {}).await.unwrap().into_parts();
    let found = findings(&reviewed);
    assert!(!found.is_empty(), "{:?}", reviewed.holds());
    let Reviewed::Parted(parted) = reviewed else { panic!("zoe may be let in") };
    run.apply(parted.into_part(), &|_| {}).await.unwrap();
    assert!(house.is_in("zoe") && house.is_in("p39"));

    let (run, again) = house.session().plan(&|_| {}).await.unwrap().into_parts();
    assert!(!findings(&again).is_empty(), "nobody has looked at it yet");
    run.keep(&again).unwrap();
    // Whoever approves it has.
    run::approve(&*house.store, &again.plan().id().0, ada(), false).unwrap();
    let (run, reviewed) = house.session().plan(&|_| {}).await.unwrap().into_parts();
    let Reviewed::Cleared(approved) = reviewed else { panic!("it was approved") };
    run.apply(approved, &|_| {}).await.unwrap();
    assert!(!house.is_in("p39"));
    assert!(findings(&house.plan().await.unwrap()).is_empty(), "it is settled");
}
