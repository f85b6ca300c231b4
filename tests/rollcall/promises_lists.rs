//! An application that caps its lists and calls the cap the total: what it does not show may be there all the same.

use rollcall::demo::sandbox::Fault;
use rollcall::guard::Reviewed;
use rollcall::plan::ActionKind;
use rollcall::roster::Reason;
use rollcall::run::RunError;
use rollcall::snapshot::SledStore;

use super::promises_support::{House, active};

fn creations(reviewed: &Reviewed) -> usize {
    reviewed.plan().changes.iter().filter(|change| change.action.kind() == ActionKind::Create).count()
}

fn refusals(reviewed: &Reviewed) -> Vec<(Reason, String)> {
    reviewed.plan().refusals.iter().map(|refusal| (refusal.reason, refusal.detail.clone())).collect()
}

#[tokio::test]
async fn a_list_that_shows_fewer_accounts_than_we_keep_there_lets_nobody_be_taken_for_absent() {
    let house = House::new();
    house.directory(&active(&["ann", "bob", "cal", "dan"]));
    house.settle().await;
    house.directory(&active(&["ann", "bob", "cal", "dan", "eve"]));
    house.sandbox.inject(Fault::IgnoreFilters);
    house.sandbox.inject(Fault::CapLists { at: 3 });

    let reviewed = house.plan().await.unwrap();

    assert_eq!(creations(&reviewed), 0);
    let refused = refusals(&reviewed);
    assert_eq!(refused.iter().map(|(reason, _)| *reason).collect::<Vec<_>>(), [Reason::MatchUnknown]);
    assert!(refused[0].1.contains("shows 3 accounts, and 4 active ones of ours"), "{}", refused[0].1);

    // What we put out may be hidden there, so it does not count.
    house.directory(&[("ann", "active"), ("bob", "active"), ("cal", "active"), ("dan", "disabled")]);
    house.sandbox.heal();
    house.settle().await;
    house.directory(&[("ann", "active"), ("bob", "active"), ("cal", "active"), ("dan", "disabled"), ("eve", "active")]);
    house.sandbox.inject(Fault::IgnoreFilters);
    house.sandbox.inject(Fault::CapLists { at: 3 });
    assert_eq!(creations(&house.plan().await.unwrap()), 1);
}

#[tokio::test]
async fn explain_does_not_call_anybody_absent_either_by_a_list_that_falls_short() {
    let house = House::new();
    house.directory(&active(&["ann", "bob", "cal", "dan"]));
    house.settle().await;
    house.directory(&active(&["ann", "bob", "cal", "dan", "eve"]));
    house.plan().await.unwrap();
    house.sandbox.inject(Fault::IgnoreFilters);
    house.sandbox.inject(Fault::CapLists { at: 3 });
    let answer = house.session().explain("eve@acme.com", true).await.unwrap().remove(0);
    let told: Vec<&str> = answer.gates.iter().map(|gate| gate.detail.as_str()).collect();
    assert!(told.iter().any(|detail| detail.contains("4 active ones of ours")), "{told:?}");
    assert!(!told.iter().any(|detail| detail.contains("no account matches")), "{told:?}");
}

/// A ledger that is compared with such a list would forget who is ours, and the next plan would let them in twice.
#[tokio::test]
async fn a_ledger_forgets_no_account_that_a_list_leaves_out_and_the_target_still_has() {
    let folder = tempfile::tempdir().unwrap();
    let mut house = House::on_disk(folder.path());
    house.directory(&active(&["ann", "bob", "cal", "dan"]));
    house.settle().await;
    let ours = house.store.accounts().count();
    house.store = std::sync::Arc::new(rollcall::snapshot::MemoryStore::new());
    for entry in std::fs::read_dir(folder.path()).unwrap().flatten().filter(|entry| entry.path().is_file()) {
        std::fs::remove_file(entry.path()).unwrap();
    }
    house.store = std::sync::Arc::new(SledStore::open(folder.path()).unwrap());
    assert!(!house.store.is_sealed() && ours == 4, "the ledger is there, and nobody vouches for it");
    house.sandbox.inject(Fault::CapLists { at: 3 });

    let error = house.plan().await.unwrap_err();

    assert!(matches!(&error, RunError::Target(_)), "{error:?}");
    assert!(error.to_string().contains("does not show"), "{error}");
    assert_eq!(house.store.accounts().count(), 4);

    // What is really gone is forgotten.
    house.sandbox.heal();
    let gone = house.account("dan").unwrap().id;
    let (status, _) = house.sandbox.by_hand("DELETE", &format!("/Users/{gone}"), &serde_json::Value::Null);
    assert_eq!(status, 204);
    house.plan().await.unwrap();
    assert_eq!(house.store.accounts().count(), 3);
}
