//! Who is within reach: those assigned to an enterprise application, and groups' members.

use rollcall_entra::{EntraSettings, GroupSettings};
use rollcall_kit::{InactiveReason, ReadError, Status};
use serde_json::json;

use crate::support::{
    APP, Answer, EDITOR, Graph, PRINCIPAL, alone, assignment, certified, failure, group_id, groups, quick, read,
    user_id, users, with_groups,
};

fn assigned(graph: &Graph) -> EntraSettings {
    EntraSettings { assigned_to: Some(APP.to_owned()), ..graph.settings() }
}

#[tokio::test]
async fn who_is_assigned_is_read_with_the_app_roles_and_the_groups_that_gave_them() {
    let graph = Graph::start().await;
    graph.change(|state| {
        state.assigned.push(assignment("Group", &group_id(0), "77777777-7777-7777-7777-777777777777"));
    });
    let entries = certified(assigned(&graph)).await;
    let people = users(&entries);
    let read: Vec<&str> = people.keys().copied().collect();
    // User 2 is in a group within the assigned group, which Entra ID does not count.
    assert_eq!(read, [0, 1, 3, 5, 9].map(user_id).each_ref().map(String::as_str));
    let app = |number: usize| people[&*user_id(number)].raw.get("app").map(rollcall_kit::Value::to_json);
    let removed = "77777777-7777-7777-7777-777777777777";
    assert_eq!(app(0), Some(json!({"roles": [removed, "editor"], "groups": ["eng-platform"]})));
    assert_eq!(app(1), Some(json!({"roles": [removed], "groups": ["eng-platform"]})));
    assert_eq!(app(5), Some(json!({"roles": [], "groups": []})), "default access is no role");
    assert_eq!((people[&*user_id(5)].assigned, people[&*user_id(9)].assigned), (Some(true), Some(false)));
    assert_eq!(people[&*user_id(3)].status, Status::Inactive(InactiveReason::Disabled));
    let asked = graph.asked();
    assert!(asked.contains(&format!("/v1.0/servicePrincipals/{PRINCIPAL}/appRoleAssignedTo?$top=999")), "{asked:?}");
}

#[tokio::test]
async fn an_application_is_found_by_either_of_its_ids() {
    let graph = Graph::start().await;
    let by_object = EntraSettings { assigned_to: Some(PRINCIPAL.to_owned()), ..graph.settings() };
    assert_eq!(certified(by_object).await, certified(assigned(&graph)).await);
}

#[tokio::test]
async fn an_application_that_cannot_be_found_is_no_empty_one() {
    let graph = Graph::start().await;
    graph.change(|state| state.principal = None);
    let error = read(&quick(assigned(&graph))).await.1.unwrap_err();
    assert!(matches!(error, ReadError::Settings(_)), "{error}");
    assert!(error.to_string().contains("there is no enterprise application"), "{error}");
    // A 404 of something between is none of Graph's.
    graph.break_by(|ask| {
        ask.path.contains("servicePrincipals").then(|| Answer { status: 404, headers: vec![], body: json!("gone") })
    });
    let error = read(&quick(assigned(&graph))).await.1.unwrap_err();
    assert!(matches!(error, ReadError::Incomplete { .. }), "{error}");
}

#[tokio::test]
async fn nobody_assigned_is_not_believed() {
    let graph = Graph::start().await;
    graph.change(|state| state.assigned.clear());
    let error = failure(assigned(&graph)).await;
    assert!(error.contains("nobody is assigned to the enterprise application \"Target\""), "{error}");
}

#[tokio::test]
async fn an_assignment_that_names_nobody_is_a_broken_read() {
    let graph = Graph::start().await;
    graph.change(|state| {
        let mut odd = assignment("User", &user_id(1), EDITOR);
        odd.as_object_mut().unwrap().remove("principalId");
        state.assigned.push(odd);
    });
    assert!(failure(assigned(&graph)).await.contains("names nobody"));
}

#[tokio::test]
async fn an_assigned_group_that_was_deleted_is_told_and_one_that_vanishes_meanwhile_ends_the_read() {
    let graph = Graph::start().await;
    graph.change(|state| state.assigned.push(assignment("Group", &group_id(8), EDITOR)));
    let (_, outcome) = read(&quick(assigned(&graph))).await;
    assert_eq!(
        outcome.unwrap().exceptions(),
        [format!("the group {}, assigned to the application, is deleted", group_id(8))]
    );
    graph.break_by(|ask| ask.path.ends_with("/members").then(|| crate::support::not_found("g")));
    let error = failure(assigned(&graph)).await;
    assert!(error.contains("was deleted while it was read"), "{error}");
}

#[tokio::test]
async fn members_of_groups_are_read_by_id_and_by_name_and_nested_ones_where_asked() {
    let graph = Graph::start().await;
    let members_of = vec![group_id(0), "Sales".to_owned()];
    let direct = EntraSettings { members_of: members_of.clone(), ..graph.settings() };
    let entries = certified(direct.clone()).await;
    let read: Vec<&str> = users(&entries).into_keys().collect();
    assert_eq!(read, [0, 1, 3, 9].map(user_id).each_ref().map(String::as_str));
    let path = format!("/v1.0/groups/{}/members", group_id(0));
    let once = graph.asked().iter().filter(|asked| asked.starts_with(&path)).count();
    assert_eq!(once, 3, "three pages, once, though the group is read as a group as well");
    assert_eq!(groups(&entries)[&*group_id(0)].members.len(), 4);
    let nested = EntraSettings { transitive: true, ..direct };
    let entries = certified(nested).await;
    let read: Vec<&str> = users(&entries).into_keys().collect();
    assert_eq!(read, [0, 1, 2, 3, 6, 9].map(user_id).each_ref().map(String::as_str));
    assert!(graph.asked().iter().any(|asked| asked.contains("/transitiveMembers?")));
}

#[tokio::test]
async fn groups_whose_members_should_be_read_must_be_there_and_be_one() {
    let graph = Graph::start().await;
    graph.change(|state| state.groups[1]["displayName"] = "Sales".into());
    for (wanted, words) in [
        ("no such group", "there is no group \"no such group\""),
        (&*group_id(77), "there is no group"),
        ("sales", "2 groups are called \"sales\"; name the one that is meant by its id"),
    ] {
        let error = failure(EntraSettings { members_of: vec![wanted.to_owned()], ..graph.settings() }).await;
        assert!(error.contains(words), "{error}");
    }
    let empty = EntraSettings { members_of: vec![group_id(2)], ..graph.settings() };
    assert!(failure(empty).await.contains("(sales) have no member who is a user"));
}

#[tokio::test]
async fn a_filter_that_is_not_understood_finds_everything_and_is_compared() {
    let graph = Graph::start().await;
    let all = json!({"value": [crate::support::group(5, "other", false, true, false)]});
    graph.break_by(move |ask| ask.query.contains_key("$filter").then(|| Answer::ok(all.clone())));
    let error = failure(EntraSettings { members_of: vec!["sales".to_owned()], ..graph.settings() }).await;
    assert!(error.contains("there is no group"), "{error}");
}

#[tokio::test]
async fn a_group_that_hides_its_members_is_not_taken_for_an_empty_one() {
    let graph = Graph::start().await;
    graph.change(|state| state.groups[0]["visibility"] = "HiddenMembership".into());
    let settings = EntraSettings { members_of: vec![group_id(0)], ..alone(graph.settings()) };
    let error = read(&quick(settings.clone())).await.1.unwrap_err();
    assert!(matches!(error, ReadError::Denied { .. }), "{error}");
    assert!(error.to_string().contains("grant Member.Read.Hidden"), "{error}");
    let error = failure(alone(assigned(&graph))).await;
    assert!(error.contains("grant Member.Read.Hidden"), "{error}");
    graph.change(|state| state.roles.as_mut().unwrap().push("Member.Read.Hidden"));
    certified(settings).await;
}

#[tokio::test]
async fn the_groups_of_the_application_are_read_where_asked() {
    let graph = Graph::start().await;
    let only = GroupSettings { assigned: true, ..GroupSettings::default() };
    let entries = certified(with_groups(assigned(&graph), only)).await;
    assert_eq!(groups(&entries).into_keys().collect::<Vec<_>>(), [group_id(0)]);
    let group = groups(&entries)[&*group_id(0)];
    assert_eq!((group.members.len(), group.unresolved_members), (3, 2), "a nested group and a device are nobody here");
}
