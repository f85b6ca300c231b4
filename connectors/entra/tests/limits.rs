//! Graph's limits: waited for as told, and avoided before they are reached.

use std::time::{Duration, Instant};

use wiremock::ResponseTemplate;

use crate::support::{Answer, Graph, alone, certified, failure};

fn too_many() -> Answer {
    Answer::error(429, "TooManyRequests", "Too many requests")
}

#[tokio::test]
async fn a_throttled_page_is_asked_for_again_after_the_stated_pause() {
    for status in [429, 503, 504] {
        let graph = Graph::start().await;
        graph.break_by(move |ask| {
            let throttled = Answer { status, ..too_many() }.with("retry-after", "1");
            (ask.path == "/v1.0/users" && ask.number == 2).then_some(throttled)
        });
        let began = Instant::now();
        assert_eq!(certified(graph.settings()).await.len(), 11);
        assert!((1..4).contains(&began.elapsed().as_secs()), "{status}: {:?}", began.elapsed());
    }
}

#[tokio::test]
async fn a_pause_may_be_a_date_and_may_be_missing() {
    let graph = Graph::start().await;
    graph.break_by(|ask| {
        let dated = Answer::error(503, "serviceNotAvailable", "Busy").with("date", "Fri, 31 Dec 1999 23:59:58 GMT");
        (ask.path == "/v1.0/users" && ask.number == 1)
            .then(|| dated.with("retry-after", "Fri, 31 Dec 1999 23:59:59 GMT"))
            .or_else(|| (ask.path == "/v1.0/users" && ask.number == 3).then(too_many))
    });
    let began = Instant::now();
    certified(alone(graph.settings())).await;
    assert!((1..4).contains(&began.elapsed().as_secs()), "{:?}", began.elapsed());
}

#[tokio::test]
async fn a_limit_that_stays_reached_ends_the_read() {
    let graph = Graph::start().await;
    graph.break_by(|ask| (ask.path == "/v1.0/groups").then(too_many));
    let error = failure(graph.settings()).await;
    assert!(error.contains("TooManyRequests") && error.contains("lower parallel"), "{error}");
    graph.break_by(|ask| (ask.path == "/v1.0/groups").then(|| too_many().with("retry-after", "900")));
    let began = Instant::now();
    assert!(failure(graph.settings()).await.contains("more than max_wait allows"));
    assert!(began.elapsed() < Duration::from_secs(3));
}

#[tokio::test]
async fn a_bucket_that_is_nearly_empty_slows_us_down_before_we_are_told_to() {
    for (fullness, seconds) in [("0.82", 1..3), ("0.79", 0..1), ("nonsense", 0..1)] {
        let graph = Graph::start().await;
        let once = fullness;
        graph.break_by(move |ask| {
            // One answer of the list of groups, which is followed by questions about members.
            (ask.path == "/v1.0/groups").then(|| {
                Answer::ok(serde_json::json!({"value": [crate::support::group(2, "sales", true, false, true)]}))
                    .with("x-ms-throttle-limit-percentage", once)
                    .with("x-ms-resource-unit", "2")
            })
        });
        let began = Instant::now();
        certified(graph.settings()).await;
        assert!(seconds.contains(&began.elapsed().as_secs()), "{fullness}: {:?}", began.elapsed());
    }
}

#[tokio::test]
async fn a_part_of_a_batch_that_nearly_empties_the_bucket_slows_us_down_too() {
    for (fullness, seconds) in [("0.83", 1..4), ("0.5", 0..1)] {
        let graph = Graph::start().await;
        graph.break_by(move |ask| {
            let members = Answer::ok(serde_json::json!({"value": []}));
            (ask.inner && ask.path.contains("001/members"))
                .then(|| members.with("X-Ms-Throttle-Limit-Percentage", fullness))
        });
        let began = Instant::now();
        certified(graph.settings()).await;
        assert!(seconds.contains(&began.elapsed().as_secs()), "{fullness}: {:?}", began.elapsed());
    }
}

#[tokio::test]
async fn a_permission_error_is_not_tried_again() {
    let graph = Graph::start().await;
    graph.break_by(|ask| {
        (ask.path == "/v1.0/groups")
            .then(|| Answer::error(403, "Authorization_RequestDenied", "Insufficient privileges."))
    });
    let error = failure(graph.settings()).await;
    assert!(error.contains("Authorization_RequestDenied") && error.contains("admin consent"), "{error}");
    assert_eq!(graph.count("/v1.0/groups").await, 1);
    graph.break_front(|request, _| {
        (request.url.path() == "/v1.0/groups").then(|| ResponseTemplate::new(403).set_body_string("<html>proxy</html>"))
    });
    let error = failure(graph.settings()).await;
    assert!(error.contains("none of Graph's error codes"), "{error}");
}
