//! Whole runs from Entra ID to an application: from the first plan to an empty second one, and the quick runs between,
//! which ask for what changed and for nothing else.

use std::collections::BTreeSet;

use rollcall::guard::Reviewed;
use rollcall::plan::Plan;
use rollcall::run::{Depth, RunRecord};
use rollcall_test_servers::graph::{CLIENT, TENANT, Tenant, group_id, user_id};
use serde_json::{Value, json};

use super::promises_support::{House, private_file};

/// An organization whose directory is this tenant.
fn house(tenant: &Tenant) -> House {
    let mut house = House::new();
    let secret = house.folder.path().join("secret");
    private_file(&secret, "hunter2");
    let uri = tenant.server.uri();
    house.elsewhere = Some(format!(
        "connector = \"entra\"\ntenant = {TENANT:?}\nclient_id = {CLIENT:?}\nlogin_url = {uri:?}\ngraph_url = {uri:?}\n\
         client_secret = {{ file = {secret:?} }}\ngroups = {{ all = true }}"
    ));
    house
}

/// Plans at a depth, approves whatever holds the plan, and applies it.
async fn run(house: &House, depth: Depth) -> (Plan, RunRecord) {
    let (run, reviewed) = house.session().plan_at(depth, &|_| {}).await.unwrap().into_parts();
    let plan = reviewed.plan().clone();
    let approved = match reviewed {
        Reviewed::Cleared(approved) => approved,
        Reviewed::Parted(parted) => parted.into_held().approve("ada", "in a test"),
        Reviewed::Held(held) => held.approve("ada", "in a test"),
    };
    (plan, run.apply(approved, &|_| {}).await.unwrap())
}

/// Who is in, by the numbers in their addresses.
fn who_is_in(house: &House) -> BTreeSet<String> {
    let accounts = house.sandbox.users().into_iter().filter(|account| account.active);
    accounts.map(|account| account.user_name.trim_end_matches("@example.test").to_lowercase()).collect()
}

fn names(numbers: &[usize]) -> BTreeSet<String> {
    numbers.iter().map(|number| format!("user{number}")).collect()
}

/// What was asked of Graph since so many questions ago, without the parameters.
fn asked_since(tenant: &Tenant, before: usize) -> BTreeSet<String> {
    let asked = tenant.asked().split_off(before);
    asked.iter().map(|question| question.split('?').next().unwrap().to_owned()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn entra_from_the_first_plan_to_an_empty_second_one() {
    let tenant = Tenant::start().await;
    let house = house(&tenant);
    run(&house, Depth::Full).await;
    // User 3 is disabled and 9 deleted; 4 is a guest under a domain that is not ours.
    let everybody = who_is_in(&house);
    assert!(everybody.is_superset(&names(&[0, 1, 2, 5, 6])) && !everybody.contains("user3"), "{everybody:?}");
    let (plan, record) = run(&house, Depth::Full).await;
    assert!(plan.is_empty(), "{:?}", plan.changes);
    assert_eq!(record.outcomes, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_quick_run_over_entra_puts_a_leaver_out_and_a_joiner_in_and_reads_nobody_else() {
    let tenant = Tenant::start().await;
    let house = house(&tenant);
    run(&house, Depth::Full).await;
    let before = who_is_in(&house);
    let joiner = rollcall_test_servers::graph::user(20);
    tenant.change(|state| {
        state.users[1]["accountEnabled"] = false.into();
        state.users.push(joiner.clone());
        state.members.get_mut(&group_id(0)).unwrap().push(("user", user_id(20)));
        let members = json!([{"@odata.type": "#microsoft.graph.user", "id": user_id(20)}]);
        let left = json!({"id": user_id(1), "accountEnabled": false});
        state.rounds = [
            ("users", vec![vec![left], vec![], vec![joiner]]),
            ("groups", vec![vec![json!({"id": group_id(0), "members@delta": members})]]),
        ]
        .into();
    });
    let asked = tenant.asked().len();
    run(&house, Depth::Incremental).await;
    let mut expected = before.clone();
    expected.remove("user1");
    expected.insert("user20".to_owned());
    assert_eq!(who_is_in(&house), expected);
    let lists = asked_since(&tenant, asked);
    assert!(!lists.contains("/v1.0/users") && !lists.contains("/v1.0/groups"), "{lists:?}");
    // The stream tells it once more, as it may; and a full read agrees.
    for depth in [Depth::Incremental, Depth::Full] {
        let (plan, _) = run(&house, depth).await;
        assert!(plan.is_empty(), "{depth:?}: {:?}", plan.changes);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_quick_run_finds_among_a_hundred_thousand_stored_users_those_who_changed_in_a_few_calls() {
    let mut calls = Vec::new();
    for population in [1_000, 100_000] {
        let tenant = Tenant::start().await;
        tenant.change(|state| {
            state.population = population;
            state.page = 999;
            state.users.clear();
        });
        let mut house = house(&tenant);
        // Nobody is in this group, so that the plan is about the few and not about the many.
        house.extra = "[organization.acme.scope]\ngroups = [\"sales\"]\n".to_owned();
        house.session().plan_at(Depth::Full, &|_| {}).await.unwrap().end_with_plan().unwrap();
        assert_eq!(house.store.users().count(), population);
        let changed: BTreeSet<usize> = (0..500).map(|number| number * population / 500).collect();
        let row = |number: &usize| json!({"id": user_id(*number), "displayName": "Changed"});
        let rows: Vec<Value> = changed.iter().map(row).collect();
        tenant.change(|state| {
            let joined: Vec<Value> = changed
                .iter()
                .take(3)
                .map(|number| json!({"@odata.type": "#microsoft.graph.user", "id": user_id(*number)}))
                .collect();
            let sales = json!({"id": group_id(2), "members@delta": joined});
            state.rounds =
                [("users", rows.chunks(200).map(<[Value]>::to_vec).collect()), ("groups", vec![vec![sales]])].into();
            let members = changed.iter().take(3).map(|number| ("user", user_id(*number))).collect();
            state.members.insert(group_id(2), members);
        });
        let before = tenant.requests().await.len();
        let reviewed = house.session().plan_at(Depth::Incremental, &|_| {}).await.unwrap();
        calls.push(tenant.requests().await.len() - before);
        let found: BTreeSet<usize> = house
            .store
            .users()
            .map(Result::unwrap)
            .filter(|user| user.text("name") == Some("Changed"))
            .map(|user| user.id.as_str().rsplit('-').next().unwrap().parse().unwrap())
            .collect();
        assert_eq!(found, changed);
        assert_eq!(house.store.users().count(), population);
        assert_eq!(reviewed.proposed().changes.len(), 3, "those of them who came into scope");
    }
    assert_eq!(calls[0], calls[1]);
    assert!(calls[0] < 12, "{calls:?}");
}
