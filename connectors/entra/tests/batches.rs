//! Many questions in one request: each part has its own status and its own pause.

use std::time::Instant;

use rollcall_entra::EntraSettings;
use rollcall_kit::ReadError;
use serde_json::json;
use wiremock::ResponseTemplate;

use crate::support::{
    APP, Answer, Graph, assignment, certified, failure, group, group_id, groups, quick, read, user, user_id, users,
};

/// A tenant with many groups, each with one member.
async fn many_groups(count: usize) -> Graph {
    let graph = Graph::start().await;
    graph.change(|state| {
        state.page = 999;
        state.groups = (0..count).map(|number| group(number, &format!("g{number}"), false, true, false)).collect();
        state.members = (0..count).map(|number| (group_id(number), vec![("user", user_id(number % 7))])).collect();
    });
    graph
}

#[tokio::test]
async fn the_members_of_twenty_groups_are_asked_for_at_once() {
    let graph = many_groups(45).await;
    let entries = certified(graph.settings()).await;
    assert_eq!(groups(&entries).len(), 45);
    assert!(groups(&entries).values().all(|group| group.members.len() == 1));
    assert_eq!(graph.count("/v1.0/$batch").await, 3);
}

#[tokio::test]
async fn only_the_parts_that_were_throttled_are_asked_again_after_their_own_pause() {
    let graph = many_groups(5).await;
    let slow = format!("/v1.0/groups/{}/members", group_id(3));
    let path = slow.clone();
    graph.break_by(move |ask| {
        (ask.path == path && ask.number == 1)
            .then(|| Answer::error(429, "TooManyRequests", "Slow down").with("Retry-After", "1"))
    });
    let began = Instant::now();
    let entries = certified(graph.settings()).await;
    assert!(groups(&entries).values().all(|group| group.members.len() == 1));
    assert!((1..4).contains(&began.elapsed().as_secs()), "{:?}", began.elapsed());
    let asked = graph.asked();
    let count = |path: &str| asked.iter().filter(|asked| asked.starts_with(path)).count();
    assert_eq!((count(&slow), count(&format!("/v1.0/groups/{}/members", group_id(2)))), (2, 1));
}

#[tokio::test]
async fn a_part_that_stays_throttled_or_asks_for_too_long_a_pause_ends_the_read() {
    let graph = many_groups(3).await;
    graph.break_by(|ask| {
        ask.inner.then(|| Answer::error(503, "serviceNotAvailable", "Busy")).filter(|_| ask.path.contains("002/"))
    });
    let error = failure(graph.settings()).await;
    assert!(error.contains("serviceNotAvailable") && error.contains("status 503"), "{error}");
    assert_eq!(graph.count("/v1.0/$batch").await, 3, "attempts");
    graph.break_by(|ask| ask.inner.then(|| Answer::error(429, "TooManyRequests", "Wait").with("retry-after", "600")));
    let began = Instant::now();
    assert!(failure(graph.settings()).await.contains("more than max_wait allows"));
    assert!(began.elapsed().as_secs() < 3);
}

#[tokio::test]
async fn a_part_that_is_refused_or_missing_ends_the_read() {
    let graph = many_groups(3).await;
    graph.break_by(|ask| {
        ask.inner
            .then(|| Answer::error(403, "Authorization_RequestDenied", "No."))
            .filter(|_| ask.path.contains("001/"))
    });
    let error = read(&quick(graph.settings())).await.1.unwrap_err();
    assert!(matches!(error, ReadError::Denied { .. }), "{error}");
    assert!(error.to_string().contains("request req-7"), "{error}");
    for (body, words) in [
        (json!({"responses": []}), "without one of its parts"),
        (json!({"responses": [{"id": "0", "status": 200, "body": {"value": []}}]}), "without one of its parts"),
        (json!({"responses": [{"status": 200}]}), "a part cannot be read"),
        (json!({}), "the answer holds no responses"),
    ] {
        graph.break_front(move |request, _| {
            (request.url.path() == "/v1.0/$batch").then(|| ResponseTemplate::new(200).set_body_json(&body))
        });
        let error = failure(graph.settings()).await;
        assert!(error.contains(words), "{error}");
    }
}

#[tokio::test]
async fn a_group_that_vanishes_between_list_and_members_is_no_empty_group() {
    let graph = many_groups(3).await;
    graph.break_by(|ask| ask.path.contains("001/members").then(|| crate::support::not_found("g")));
    let (entries, outcome) = read(&quick(graph.settings())).await;
    assert_eq!(groups(&entries).len(), 2);
    assert_eq!(outcome.unwrap().exceptions(), [format!("the group {} was deleted while it was read", group_id(1))]);
}

/// A tenant with many people who are assigned to the application themselves.
async fn many_assigned(count: usize) -> (Graph, EntraSettings) {
    let graph = Graph::start().await;
    graph.change(|state| {
        state.page = 999;
        state.users = (0..count).map(user).collect();
        state.deleted.clear();
        state.assigned = (0..count).map(|number| assignment("User", &user_id(number), APP)).collect();
    });
    let settings = EntraSettings { assigned_to: Some(APP.to_owned()), groups: None, ..graph.settings() };
    (graph, settings)
}

#[tokio::test]
async fn a_thousand_people_are_fetched_by_id_at_once() {
    let (graph, settings) = many_assigned(1500).await;
    assert_eq!(users(&certified(settings).await).len(), 1500);
    assert_eq!(graph.count("/v1.0/directoryObjects/getByIds").await, 2);
    assert_eq!(graph.count("/v1.0/$batch").await, 0);
}

#[tokio::test]
async fn whom_get_by_ids_leaves_out_or_shows_hollow_is_asked_for_by_himself() {
    let (graph, settings) = many_assigned(30).await;
    graph.change(|state| state.forgets = (0..5).map(user_id).collect());
    assert_eq!(users(&certified(settings.clone()).await).len(), 30);
    assert_eq!(graph.count("/v1.0/$batch").await, 1);
    // The live service was seen to leave the property out there.
    graph.break_by(|ask| {
        let hollow: Vec<_> = (0..30).map(|number| json!({"id": user_id(number), "accountEnabled": null})).collect();
        ask.path.ends_with("/getByIds").then(|| Answer::ok(json!({"value": hollow})))
    });
    assert_eq!(users(&certified(settings.clone()).await).len(), 30);
    // It wants a wider permission than the others.
    graph.break_by(|ask| {
        ask.path.ends_with("/getByIds").then(|| Answer::error(403, "Authorization_RequestDenied", "No."))
    });
    assert_eq!(users(&certified(settings.clone()).await).len(), 30);
    // Hollow by themselves as well: they were not read, and that is no reason to take them for disabled.
    graph.break_by(|ask| {
        let hollow = json!({"id": user_id(3), "accountEnabled": null, "userPrincipalName": null, "userType": null});
        ask.path
            .ends_with("/getByIds")
            .then(|| Answer::ok(json!({"value": [hollow.clone()]})))
            .or_else(|| (ask.path == format!("/v1.0/users/{}", user_id(3))).then(|| Answer::ok(hollow)))
    });
    let error = read(&quick(settings)).await.1.unwrap_err();
    assert!(matches!(error, ReadError::Denied { .. }), "{error}");
    assert!(error.to_string().contains("with an id and nothing else; grant User.Read.All"), "{error}");
}

#[tokio::test]
async fn who_is_assigned_and_not_there_is_left_out_by_the_word_of_his_id() {
    let (graph, settings) = many_assigned(3).await;
    graph.change(|state| {
        let _ = state.users.remove(1);
    });
    let (entries, outcome) = read(&quick(settings)).await;
    assert_eq!(users(&entries).len(), 2);
    let exceptions = outcome.unwrap().exceptions().to_vec();
    assert_eq!(exceptions, ["1 who are named by assignments or groups are not in the directory"]);
}

#[tokio::test]
async fn managers_are_fetched_with_each_person() {
    let (graph, settings) = many_assigned(3).await;
    graph.change(|state| state.users[0]["manager"] = json!({"id": user_id(2)}));
    let entries = certified(EntraSettings { manager: true, ..settings }).await;
    assert_eq!(users(&entries)[&*user_id(0)].text("manager"), Some(&*user_id(2)));
    assert_eq!(users(&entries)[&*user_id(1)].text("manager"), None);
    assert_eq!(graph.count("/v1.0/directoryObjects/getByIds").await, 0, "it fetches no managers");
}
