//! A plan predicts the requests that it takes.

use rollcall::guard::Reviewed;
use serde_json::{Value, json};

use crate::promises_support::{House, user};

/// Plans and applies; the requests that the plan predicts, and those that came.
async fn predicted_and_sent(house: &House) -> (u64, u64) {
    let (run, reviewed) = house.session().plan(&|_| {}).await.unwrap().into_parts();
    let approved = match reviewed {
        Reviewed::Cleared(approved) => approved,
        Reviewed::Parted(parted) => parted.into_held().approve("ada", "in a test"),
        Reviewed::Held(held) => held.approve("ada", "in a test"),
    };
    let predicted = approved.plan().estimate.calls;
    house.sandbox.forget_requests();
    let record = run.apply(approved, &|_| {}).await.unwrap();
    assert!(record.outcomes.iter().all(|(_, outcome)| matches!(outcome, rollcall::apply::Outcome::Done { .. })));
    (predicted, house.sandbox.requests().values().sum())
}

fn people(count: usize) -> Vec<Value> {
    (0..count).map(|number| user(&format!("u{number}"), &format!("u{number}"), "active")).collect()
}

fn ids(people: &[Value]) -> Vec<&str> {
    people.iter().map(|person| person["id"].as_str().unwrap()).collect()
}

/// One is renamed, one leaves, one loses the role, one comes.
fn later() -> (Vec<Value>, Vec<Value>) {
    let mut all = people(7);
    all[0]["name"] = json!("Somebody Else");
    all[1]["status"] = json!("disabled");
    let members = all.iter().enumerate().filter(|(number, _)| *number != 2).map(|(_, person)| person.clone()).collect();
    (all, members)
}

#[tokio::test]
async fn a_plan_predicts_the_requests_that_it_takes() {
    for roles in ["roles", "groups"] {
        let mut house = House::new();
        // One at a time, so that members are not sent before the last of them has an account.
        house.target_extra = format!("parallel = 1\nroles = \"{roles}\"");
        let first = people(6);
        house.write(&first, &ids(&first));
        let (predicted, sent) = predicted_and_sent(&house).await;
        assert_eq!(predicted, sent, "creations, with roles as {roles}");
        assert_eq!(sent, if roles == "roles" { 6 } else { 8 }, "the roles come along; a group and its members");
        let (all, members) = later();
        house.write(&all, &ids(&members));
        let (predicted, sent) = predicted_and_sent(&house).await;
        assert_eq!(predicted, sent, "an update, a leaver, a revocation and a creation, with roles as {roles}");
    }
}
