//! Whole runs from Okta to an application: from the first plan to an empty second one, and the quick runs between, after
//! which a full read has nothing to add and nobody to miss.

use std::collections::BTreeSet;

use rollcall::guard::Reviewed;
use rollcall::plan::Plan;
use rollcall::run::Depth;
use rollcall_test_servers::okta::{APP, Organisation, app_user, group_id, user, user_id};
use serde_json::json;

use super::promises_support::{House, private_file};

/// Later than any moment at which a test runs.
const LATER: &str = "2999-01-01T00:00:00.000Z";

/// An organization whose directory is this one, with these settings besides; its group `staff` gives a role.
fn house(okta: &Organisation, settings: &str) -> House {
    okta.change(|state| state.groups[2]["profile"]["name"] = "staff".into());
    let mut house = House::new();
    let token = house.folder.path().join("okta-token");
    private_file(&token, "00secret");
    let uri = okta.server.uri();
    house.elsewhere = Some(format!("connector = \"okta\"\nurl = {uri:?}\ntoken = {{ file = {token:?} }}\n{settings}"));
    house
}

/// Plans at a depth, approves whatever holds the plan, and applies it.
async fn run(house: &House, depth: Depth) -> Plan {
    let (run, reviewed) = house.session().plan_at(depth, &|_| {}).await.unwrap().into_parts();
    let plan = reviewed.plan().clone();
    let approved = match reviewed {
        Reviewed::Cleared(approved) => approved,
        Reviewed::Parted(parted) => parted.into_held().approve("ada", "in a test"),
        Reviewed::Held(held) => held.approve("ada", "in a test"),
    };
    run.apply(approved, &|_| {}).await.unwrap();
    plan
}

/// Who is in, by the numbers in their addresses, and with which roles.
fn who_is_in(house: &House) -> BTreeSet<String> {
    let accounts = house.sandbox.users().into_iter().filter(|account| account.active);
    accounts
        .map(|account| {
            let name = account.user_name.trim_end_matches("@example.test").to_lowercase();
            if account.roles.is_empty() { name } else { format!("{name} as {}", account.roles.join(", ")) }
        })
        .collect()
}

fn names(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

/// A read of everything finds nothing to do, and nothing strange about what is missing.
async fn agrees(house: &House) {
    let session = house.session();
    let (_, reviewed) = session.plan_at(Depth::Full, &|_| {}).await.unwrap().end_with_plan().unwrap();
    let plan = reviewed.plan();
    assert!(plan.is_empty(), "{:?}", plan.changes);
    assert_eq!(plan.notes, [], "nothing that a quick run read is missed by a full one");
    assert!(matches!(reviewed, Reviewed::Cleared(_)));
}

#[tokio::test(flavor = "multi_thread")]
async fn okta_from_the_first_plan_to_an_empty_second_one() {
    let okta = Organisation::start().await;
    okta.change(|state| state.members.get_mut(&group_id(2)).unwrap().push(user_id(1)));
    let house = house(&okta, "groups = { all = true }");
    run(&house, Depth::Full).await;
    // Staged, suspended and deactivated are out; locked out is in.
    assert_eq!(who_is_in(&house), names(&["user0", "user1 as editor", "user2", "user3", "user4", "user8"]));
    agrees(&house).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_quick_run_over_okta_does_what_a_full_one_would() {
    let okta = Organisation::start().await;
    let house = house(&okta, "groups = { all = true }\nsystem_log = true");
    run(&house, Depth::Full).await;
    okta.change(|state| {
        state.users[0]["status"] = "DEPROVISIONED".into();
        state.users[1]["profile"]["displayName"] = "Somebody Else".into();
        state.users[2]["status"] = "SUSPENDED".into();
        state.users[5]["status"] = "ACTIVE".into();
        for number in [0, 1, 2, 5] {
            state.users[number]["lastUpdated"] = LATER.into();
        }
        let mut joiner = user(20, "ACTIVE");
        joiner["lastUpdated"] = LATER.into();
        state.users.push(joiner);
        state.members.insert(group_id(2), vec![user_id(20), user_id(3)]);
        state.groups[2]["lastMembershipUpdated"] = LATER.into();
        state.users.retain(|user| user["id"] != user_id(4));
        let target = json!([{"id": user_id(4), "type": "User", "alternateId": "user4"}]);
        state.log.push(json!({"uuid": "e", "eventType": "user.lifecycle.delete.completed", "target": target}));
    });
    let plan = run(&house, Depth::Incremental).await;
    assert_eq!(who_is_in(&house), names(&["user1", "user3 as editor", "user5", "user8", "user20 as editor"]));
    assert_eq!(
        house.sandbox.users().iter().filter(|account| account.display_name.as_deref() == Some("Somebody Else")).count(),
        1
    );
    assert!(!plan.is_empty());
    agrees(&house).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_changed_and_was_never_assigned_is_no_loss_to_the_next_full_read() {
    let okta = Organisation::start().await;
    // Many people, few of whom are assigned, and a group that names them all.
    okta.change(|state| {
        state.users.extend((100..160).map(|number| user(number, "ACTIVE")));
        state.app_users.push(app_user(3, "USER"));
        state.app_groups.clear();
        let everybody = state.users.iter().map(|user| user["id"].as_str().unwrap().to_owned()).collect();
        state.members.insert(group_id(2), everybody);
        state.page = 200;
    });
    let house = house(&okta, &format!("assigned_to = {APP:?}\ngroups = {{ named = [\"staff\"] }}"));
    run(&house, Depth::Full).await;
    let assigned = names(&["user0 as editor", "user1 as editor", "user3 as editor"]);
    assert_eq!(who_is_in(&house), assigned);
    // All of them change, and one is taken off the application.
    okta.change(|state| {
        state.users.iter_mut().for_each(|user| user["lastUpdated"] = LATER.into());
        state.groups[2]["lastMembershipUpdated"] = LATER.into();
        state.app_users.retain(|assigned| assigned["id"] != user_id(1));
    });
    run(&house, Depth::Incremental).await;
    assert_eq!(who_is_in(&house), names(&["user0 as editor", "user3 as editor"]));
    agrees(&house).await;
}
