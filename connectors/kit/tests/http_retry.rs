//! What is sent again, how often, and after which pause.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use rollcall_kit::HumanDuration;
use rollcall_kit::http::{HttpError, HttpSettings, Stats};
use wiremock::matchers::{header, method};
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::support::raw::{Act, Raw};
use crate::support::{Numbered, client, client_with, create, read};

/// A server that answers `times` times with the first answer and then with 200.
async fn first(times: u64, answer: ResponseTemplate) -> MockServer {
    let server = MockServer::start().await;
    Mock::given(wiremock::matchers::any()).respond_with(answer).up_to_n_times(times).mount(&server).await;
    Mock::given(wiremock::matchers::any()).respond_with(ResponseTemplate::new(200)).mount(&server).await;
    server
}

async fn requests(server: &MockServer) -> usize {
    server.received_requests().await.unwrap().len()
}

#[tokio::test]
async fn a_read_is_repeated_until_it_succeeds() {
    for status in [429, 500, 502, 503, 504] {
        let server = first(2, ResponseTemplate::new(status)).await;
        let client = client(&server.uri(), HttpSettings::default());
        let answer = client.send(read(&client)).await.unwrap();
        assert_eq!((answer.status, answer.attempts), (200, 3), "after {status}");
        assert_eq!(client.stats(), Stats { calls: 3, retries: 2, waits: 0 });
    }
}

#[tokio::test]
async fn the_last_answer_is_returned_when_all_attempts_fail() {
    let server = first(99, ResponseTemplate::new(502).set_body_string("bad gateway")).await;
    let client = client(&server.uri(), HttpSettings { attempts: 3, ..HttpSettings::default() });
    let answer = client.send(read(&client)).await.unwrap();
    assert_eq!((answer.status, answer.attempts, answer.body.as_ref()), (502, 3, b"bad gateway".as_ref()));
    assert_eq!(requests(&server).await, 3);
}

#[tokio::test]
async fn a_write_with_an_unknown_outcome_is_sent_once() {
    for status in [500, 502, 504] {
        let server = first(1, ResponseTemplate::new(status).insert_header("retry-after", "0")).await;
        let client = client(&server.uri(), HttpSettings::default());
        assert_eq!(client.send(create(&client)).await.unwrap().status, status);
        assert_eq!(requests(&server).await, 1, "after {status}");
    }
}

#[tokio::test]
async fn a_write_that_was_refused_for_now_is_sent_again_when_the_pause_is_over() {
    for status in [403, 429, 503] {
        let server = first(1, ResponseTemplate::new(status).insert_header("retry-after", "0")).await;
        let client = client(&server.uri(), HttpSettings::default());
        let answer = client.send(create(&client)).await.unwrap();
        assert_eq!((answer.status, answer.attempts), (200, 2), "after {status}");
    }
}

#[tokio::test]
async fn a_write_that_was_refused_without_a_pause_is_sent_once() {
    for status in [403, 429, 503] {
        let server = first(1, ResponseTemplate::new(status)).await;
        let client = client(&server.uri(), HttpSettings::default());
        assert_eq!(client.send(create(&client)).await.unwrap().status, status);
        assert_eq!(requests(&server).await, 1, "after {status}");
    }
}

#[tokio::test]
async fn retry_after_in_seconds_is_waited_exactly() {
    let server = first(1, ResponseTemplate::new(429).insert_header("retry-after", "1")).await;
    let client = client(&server.uri(), HttpSettings::default());
    let before = Instant::now();
    assert_eq!(client.send(read(&client)).await.unwrap().status, 200);
    let waited = before.elapsed();
    assert!(waited >= Duration::from_secs(1) && waited < Duration::from_secs(3), "waited {waited:?}");
    assert_eq!(client.stats(), Stats { calls: 2, retries: 1, waits: 1 });
}

#[tokio::test]
async fn retry_after_as_a_date_is_waited_by_the_servers_clock() {
    let answer = ResponseTemplate::new(503)
        .insert_header("date", "Sat, 01 Jan 2000 00:00:00 GMT")
        .insert_header("retry-after", "Sat, 01 Jan 2000 00:00:01 GMT");
    let server = first(1, answer).await;
    let client = client(&server.uri(), HttpSettings::default());
    let before = Instant::now();
    assert_eq!(client.send(create(&client)).await.unwrap().status, 200);
    let waited = before.elapsed();
    assert!(waited >= Duration::from_secs(1) && waited < Duration::from_secs(3), "waited {waited:?}");
}

#[tokio::test]
async fn a_pause_beyond_max_wait_is_an_error_at_once_and_for_all_clones() {
    let server = first(1, ResponseTemplate::new(429).insert_header("retry-after", "3600")).await;
    let client =
        client(&server.uri(), HttpSettings { max_wait: HumanDuration::seconds(60), ..HttpSettings::default() });
    let error = client.send(create(&client)).await.unwrap_err();
    assert!(matches!(error, HttpError::WaitTooLong { seconds: 3600, .. }), "{error}");
    let other = client.clone();
    let error = other.send(read(&other)).await.unwrap_err();
    assert!(matches!(error, HttpError::WaitTooLong { .. }), "{error}");
    assert_eq!(requests(&server).await, 1);
}

#[tokio::test]
async fn when_one_request_is_told_to_wait_all_clones_wait() {
    let server = first(1, ResponseTemplate::new(429).insert_header("retry-after", "1")).await;
    let client = client(&server.uri(), HttpSettings::default());
    let told = tokio::spawn({
        let client = client.clone();
        async move { client.send(read(&client)).await.unwrap() }
    });
    while client.stats().waits == 0 {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    let before = Instant::now();
    let other = client.clone();
    assert_eq!(other.send(create(&other)).await.unwrap().attempts, 1);
    let waited = before.elapsed();
    assert!(waited >= Duration::from_millis(300), "the other request waited only {waited:?}");
    assert_eq!(told.await.unwrap().attempts, 2);
}

#[tokio::test]
async fn a_providers_own_pause_is_waited_for() {
    let server = first(1, ResponseTemplate::new(403).set_body_string("rateLimitExceeded")).await;
    let client = client(&server.uri(), HttpSettings::default())
        .with_pause(|answer| answer.body.starts_with(b"rateLimitExceeded").then_some(Duration::from_millis(300)));
    let before = Instant::now();
    let answer = client.send(create(&client)).await.unwrap();
    assert_eq!((answer.status, answer.attempts), (200, 2));
    assert!(before.elapsed() >= Duration::from_millis(300));
    assert_eq!(client.stats().waits, 1);
}

#[tokio::test]
async fn a_refused_connection_was_not_carried_out_and_is_tried_again_even_for_a_write() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    drop(listener);
    let client = client(&url, HttpSettings { attempts: 3, ..HttpSettings::default() });
    let error = client.send(create(&client)).await.unwrap_err();
    assert!(matches!(error, HttpError::Unreachable { .. }), "{error}");
    assert!(error.to_string().contains("Connection refused"), "{error}");
    assert_eq!(client.stats().calls, 3);
}

#[tokio::test]
async fn a_name_that_does_not_resolve_is_unreachable_and_says_so() {
    let client = client("http://no-such-host.invalid/", HttpSettings { attempts: 1, ..HttpSettings::default() });
    let error = client.send(read(&client)).await.unwrap_err();
    assert!(matches!(error, HttpError::Unreachable { .. }), "{error}");
    assert!(error.to_string().contains("its name cannot be resolved"), "{error}");
}

const HALF: &str = "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n[{\"id\":";

#[tokio::test]
async fn a_reset_in_the_middle_of_a_body_is_repeated_for_a_read() {
    let server = Raw::start(&[Act::Reset(HALF), Act::Answer("whole")]).await;
    let client = client(&server.url, HttpSettings::default());
    let answer = client.send(read(&client)).await.unwrap();
    assert_eq!((answer.body.as_ref(), answer.attempts), (b"whole".as_ref(), 2));
}

#[tokio::test]
async fn a_reset_in_the_middle_of_a_body_is_never_repeated_for_a_write() {
    let server = Raw::start(&[Act::Reset(HALF), Act::Answer("whole")]).await;
    let client = client(&server.url, HttpSettings::default());
    let error = client.send(create(&client)).await.unwrap_err();
    assert!(matches!(error, HttpError::NoAnswer { .. }), "{error}");
    assert_eq!(server.requests(), 1);
}

#[tokio::test]
async fn a_reset_before_the_answer_is_never_repeated_for_a_write() {
    let server = Raw::start(&[Act::Reset(""), Act::Answer("whole")]).await;
    let client = client(&server.url, HttpSettings::default());
    let error = client.send(create(&client)).await.unwrap_err();
    assert!(matches!(error, HttpError::NoAnswer { .. }), "{error}");
    assert_eq!(server.requests(), 1);
}

#[tokio::test]
async fn a_body_that_is_cut_short_is_no_answer() {
    let server = Raw::start(&[Act::Reset(HALF)]).await;
    let client = client(&server.url, HttpSettings { attempts: 2, ..HttpSettings::default() });
    let error = client.send(read(&client)).await.unwrap_err();
    assert!(error.to_string().contains("whether it did what was asked is unknown"), "{error}");
    assert_eq!(server.requests(), 2);
}

#[tokio::test]
async fn a_401_renews_the_token_once_and_is_tried_once_more() {
    let server = MockServer::start().await;
    Mock::given(header("authorization", "Bearer token-1"))
        .respond_with(ResponseTemplate::new(201))
        .mount(&server)
        .await;
    Mock::given(method("POST")).respond_with(ResponseTemplate::new(401)).mount(&server).await;
    let tokens = Arc::new(Numbered::default());
    let client = client_with(&server.uri(), Arc::clone(&tokens) as _);
    let answer = client.send(create(&client)).await.unwrap();
    assert_eq!((answer.status, answer.attempts), (201, 2));
    assert_eq!(tokens.renewals.load(Ordering::SeqCst), 1);
    assert_eq!(client.send(create(&client)).await.unwrap().attempts, 1);
}

#[tokio::test]
async fn a_second_401_is_returned() {
    let server = first(99, ResponseTemplate::new(401)).await;
    let tokens = Arc::new(Numbered::default());
    let client = client_with(&server.uri(), Arc::clone(&tokens) as _);
    let answer = client.send(read(&client)).await.unwrap();
    assert_eq!((answer.status, answer.attempts), (401, 2));
    assert_eq!((requests(&server).await, tokens.renewals.load(Ordering::SeqCst)), (2, 1));
}

#[tokio::test]
async fn a_401_without_a_token_source_is_returned_at_once() {
    let server = first(99, ResponseTemplate::new(401)).await;
    let client = client(&server.uri(), HttpSettings::default());
    assert_eq!(client.send(read(&client)).await.unwrap().attempts, 1);
}

#[tokio::test]
async fn many_requests_that_are_refused_together_renew_the_token_once() {
    let server = MockServer::start().await;
    let refuse = ResponseTemplate::new(401).set_delay(Duration::from_millis(50));
    Mock::given(header("authorization", "Bearer token-0")).respond_with(refuse).mount(&server).await;
    Mock::given(header("authorization", "Bearer token-1"))
        .respond_with(ResponseTemplate::new(200))
        .mount(&server)
        .await;
    let tokens = Arc::new(Numbered::default());
    let client = client_with(&server.uri(), Arc::clone(&tokens) as _);
    let all = (0..16).map(|_| async { client.send(read(&client)).await.unwrap().status });
    assert_eq!(futures::future::join_all(all).await, vec![200; 16]);
    assert_eq!(tokens.renewals.load(Ordering::SeqCst), 1);
}
