//! Pages: to the missing next link, with the same headers, on the configured origin only.

use rollcall_kit::Entry;
use serde_json::json;

use crate::support::{Answer, Graph, alone, certified, failure, group_id, user, users};

/// Lets the second page of users be another.
fn second_page(graph: &Graph, answer: Answer) {
    graph.break_by(move |ask| {
        (ask.path == "/v1.0/users" && ask.query.contains_key("$skiptoken")).then(|| answer.clone())
    });
}

#[tokio::test]
async fn an_empty_page_with_a_next_link_is_not_the_end() {
    let graph = Graph::start().await;
    graph.change(|state| state.empty_pages = true);
    let entries = certified(graph.settings()).await;
    assert_eq!((users(&entries).len(), entries.len()), (8, 11));
    // Within a batch too.
    let members = format!("/v1.0/groups/{}/members", group_id(0));
    assert!(graph.asked().iter().filter(|asked| asked.starts_with(&members)).count() > 2);
}

#[tokio::test]
async fn headers_and_options_are_the_same_on_every_page() {
    let graph = Graph::start().await;
    certified(alone(graph.settings())).await;
    let requests = graph.requests().await;
    let pages: Vec<_> = requests.iter().filter(|request| request.url.path() == "/v1.0/users").collect();
    assert_eq!(pages.len(), 4);
    for page in &pages {
        assert_eq!(page.headers["x-ms-throttle-priority"], "low");
        assert_eq!(page.headers["client-request-id"], pages[0].headers["client-request-id"]);
        let query = page.url.query().unwrap();
        assert!(query.contains("accountEnabled") && query.contains("999"), "{query}");
        assert!(!query.contains("skip="), "Graph refuses $skip for users");
    }
}

#[tokio::test]
async fn a_next_link_that_leads_elsewhere_is_not_followed() {
    let elsewhere = wiremock::MockServer::start().await;
    for link in [
        format!("{}/v1.0/users?$skiptoken=c2", elsewhere.uri()),
        "https://127.0.0.1:1/v1.0/users".to_owned(),
        "http://user:pw@127.0.0.1/v1.0/users".to_owned(),
        "//graph.example/v1.0/users".to_owned(),
        "file:///etc/passwd".to_owned(),
    ] {
        let graph = Graph::start().await;
        let page = json!({"value": [user(0)], "@odata.nextLink": link});
        graph.break_by(move |ask| (ask.path == "/v1.0/users").then(|| Answer::ok(page.clone())));
        let error = failure(graph.settings()).await;
        assert!(error.contains("it was not followed"), "{error}");
    }
    assert!(elsewhere.received_requests().await.unwrap().is_empty());
    // Within a batch, and beside the interface on the right origin.
    for link in [format!("{}/v1.0/groups", elsewhere.uri()), "/beta/groups".to_owned(), "/v1.0evil/x".to_owned()] {
        let graph = Graph::start().await;
        let page = json!({"value": [], "@odata.nextLink": link});
        graph.break_by(move |ask| ask.path.ends_with("/members").then(|| Answer::ok(page.clone())));
        let error = failure(graph.settings()).await;
        assert!(error.contains("it was not followed"), "{error}");
    }
    assert!(elsewhere.received_requests().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_list_that_goes_round_in_a_circle_ends_in_an_error() {
    let graph = Graph::start().await;
    let here = format!("{}/v1.0/users?$skiptoken=c2", graph.server.uri());
    second_page(&graph, Answer::ok(json!({"value": [user(1)], "@odata.nextLink": here})));
    let error = failure(graph.settings()).await;
    assert!(error.contains("was read before"), "{error}");
}

#[tokio::test]
async fn a_next_link_that_is_none_is_not_the_end() {
    for link in [json!(null), json!(7), json!(["x"])] {
        let graph = Graph::start().await;
        second_page(&graph, Answer::ok(json!({"value": [user(1)], "@odata.nextLink": link})));
        assert!(failure(graph.settings()).await.contains("its next link is none"));
    }
}

#[tokio::test]
async fn a_page_token_that_graph_forgot_ends_the_read() {
    let graph = Graph::start().await;
    second_page(&graph, Answer::error(400, "DirectoryPageTokenNotFoundException", "The page token was not found."));
    let error = failure(graph.settings()).await;
    assert!(error.contains("has to be read from its beginning"), "{error}");
    assert!(error.contains("page 2 of /v1.0/users") && error.contains("request req-7"), "{error}");
}

#[tokio::test]
async fn somebody_who_moves_between_pages_is_read_once() {
    let graph = Graph::start().await;
    graph.change(|state| {
        let again = state.users[0].clone();
        state.users.push(again);
    });
    assert_eq!(users(&certified(alone(graph.settings())).await).len(), 8);
}

#[tokio::test]
async fn an_error_without_a_code_is_still_told() {
    let graph = Graph::start().await;
    second_page(
        &graph,
        Answer { status: 400, headers: vec![], body: json!({"error": {"code": "", "message": "Odd."}}) },
    );
    assert!(failure(graph.settings()).await.contains("Graph says \"Odd.\" (status 400)"));
    let inner = json!({"error": {"code": "x", "message": "y", "innererror": {"request-id": "old-1"}}});
    second_page(&graph, Answer { status: 400, headers: vec![], body: inner });
    assert!(failure(graph.settings()).await.contains("request old-1"));
}

#[tokio::test]
async fn groups_are_fetched_while_users_are_and_come_after_them() {
    let graph = Graph::start().await;
    let entries = certified(graph.settings()).await;
    let first_group = entries.iter().position(|entry| matches!(entry, Entry::Group(_))).unwrap();
    assert!(entries[first_group..].iter().all(|entry| matches!(entry, Entry::Group(_))));

    let requests = graph.requests().await;
    let place = |path: &str| requests.iter().position(|request| request.url.path() == path).unwrap();
    let pages = |path: &str| requests.iter().rposition(|request| request.url.path() == path).unwrap();
    assert!(place("/v1.0/groups") < pages("/v1.0/users"), "the first pages of both are asked for together");
    // Whoever is deleted while the list is read must be on the other list then.
    assert!(pages("/v1.0/users") < place("/v1.0/directory/deletedItems/microsoft.graph.user"));
}
