//! Bounds on time and size.

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use flate2::Compression;
use flate2::write::GzEncoder;
use rollcall_kit::HumanDuration;
use rollcall_kit::http::{HttpError, HttpSettings};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpListener;
use tokio::sync::Barrier;
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::support::raw::{Act, Raw, read_request};
use crate::support::{client, create, read};

const MIB: usize = 1024 * 1024;

async fn serving(answer: ResponseTemplate) -> MockServer {
    let server = MockServer::start().await;
    Mock::given(any()).respond_with(answer).mount(&server).await;
    server
}

fn one_mib() -> HttpSettings {
    HttpSettings { max_body_mib: 1, ..HttpSettings::default() }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

#[tokio::test]
async fn a_body_of_exactly_the_bound_is_accepted() {
    let server = serving(ResponseTemplate::new(200).set_body_bytes(vec![b'x'; MIB])).await;
    let client = client(&server.uri(), one_mib());
    assert_eq!(client.send(read(&client)).await.unwrap().body.len(), MIB);
}

#[tokio::test]
async fn a_larger_body_is_refused_and_not_asked_for_again() {
    let server = serving(ResponseTemplate::new(200).set_body_bytes(vec![b'x'; MIB + 1])).await;
    let client = client(&server.uri(), one_mib());
    let error = client.send(read(&client)).await.unwrap_err();
    assert!(matches!(error, HttpError::TooLarge { limit_mib: 1, .. }), "{error}");
    assert_eq!(client.stats().calls, 1);
}

#[tokio::test]
async fn an_endless_body_of_unknown_length_is_dropped_at_the_bound() {
    const CHUNK: &str = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n200000\r\n";
    // Two MiB in one chunk, then silence: only a bound that is checked while reading sees it before the time-out.
    static BODY: std::sync::LazyLock<String> = std::sync::LazyLock::new(|| format!("{CHUNK}{}", "x".repeat(2 * MIB)));
    static SCRIPT: std::sync::LazyLock<[Act; 1]> = std::sync::LazyLock::new(|| [Act::Stall(BODY.as_str())]);
    let server = Raw::start(&*SCRIPT).await;
    let client = client(&server.url, one_mib());
    let before = Instant::now();
    let error = client.send(read(&client)).await.unwrap_err();
    assert!(matches!(error, HttpError::TooLarge { .. }), "{error}");
    assert!(before.elapsed() < Duration::from_secs(5));
}

#[tokio::test]
async fn a_compressed_answer_is_unpacked() {
    let body = gzip(b"{\"hello\": \"world\"}");
    let server =
        serving(ResponseTemplate::new(200).insert_header("content-encoding", "gzip").set_body_bytes(body)).await;
    let client = client(&server.uri(), one_mib());
    assert_eq!(client.send(read(&client)).await.unwrap().body.as_ref(), b"{\"hello\": \"world\"}");
}

#[tokio::test]
async fn a_small_body_that_unpacks_to_a_huge_one_is_refused_at_the_bound() {
    let bomb = gzip(&vec![0; 64 * MIB]);
    assert!(bomb.len() < MIB, "the bomb itself must be within the bound, but has {} bytes", bomb.len());
    let server =
        serving(ResponseTemplate::new(200).insert_header("content-encoding", "gzip").set_body_bytes(bomb)).await;
    let client = client(&server.uri(), one_mib());
    let error = client.send(read(&client)).await.unwrap_err();
    assert!(matches!(error, HttpError::TooLarge { limit_mib: 1, .. }), "{error}");
}

#[tokio::test]
async fn a_compressed_body_that_is_damaged_is_no_answer() {
    let mut body = gzip(&vec![b'x'; 10_000]);
    body.truncate(body.len() / 2);
    let server =
        serving(ResponseTemplate::new(200).insert_header("content-encoding", "gzip").set_body_bytes(body)).await;
    let client = client(&server.uri(), HttpSettings { attempts: 1, ..one_mib() });
    let error = client.send(read(&client)).await.unwrap_err();
    assert!(matches!(error, HttpError::NoAnswer { .. }), "{error}");
}

const HALF: &str = "HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nhalf";

#[tokio::test]
async fn a_server_that_stalls_in_the_middle_of_a_body_is_given_up_after_the_idle_timeout() {
    let server = Raw::start(&[Act::Stall(HALF), Act::Answer("whole")]).await;
    let settings = HttpSettings { idle_timeout: HumanDuration::seconds(1), attempts: 1, ..HttpSettings::default() };
    let client = client(&server.url, settings);
    let before = Instant::now();
    let error = client.send(read(&client)).await.unwrap_err();
    assert!(before.elapsed() < Duration::from_secs(3), "{:?}", before.elapsed());
    assert!(error.to_string().contains("not a byte came for 1s"), "{error}");
}

#[tokio::test]
async fn after_a_stall_a_read_is_repeated_and_a_write_is_not() {
    let settings = HttpSettings { idle_timeout: HumanDuration::seconds(1), ..HttpSettings::default() };
    let server = Raw::start(&[Act::Stall(HALF), Act::Answer("whole")]).await;
    let reader = client(&server.url, settings.clone());
    assert_eq!(reader.send(read(&reader)).await.unwrap().body.as_ref(), b"whole");
    let server = Raw::start(&[Act::Stall(HALF), Act::Answer("whole")]).await;
    let writer = client(&server.url, settings);
    let error = writer.send(create(&writer)).await.unwrap_err();
    assert!(matches!(error, HttpError::NoAnswer { .. }), "{error}");
    assert_eq!(server.requests(), 1);
}

#[tokio::test]
async fn an_exchange_that_takes_longer_than_its_timeout_is_given_up() {
    let server = serving(ResponseTemplate::new(200).set_delay(Duration::from_secs(20))).await;
    let client = client(
        &server.uri(),
        HttpSettings { timeout: HumanDuration::seconds(1), attempts: 1, ..HttpSettings::default() },
    );
    let before = Instant::now();
    let error = client.send(read(&client)).await.unwrap_err();
    assert!(before.elapsed() < Duration::from_secs(3), "{:?}", before.elapsed());
    assert!(error.to_string().contains("not complete within 1s"), "{error}");
}

/// A server that answers only once three requests are there, and counts how many there are at most.
async fn answering_three_at_once() -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    let (now, most, three) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)), Arc::new(Barrier::new(3)));
    let counted = Arc::clone(&most);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let (now, most, three) = (Arc::clone(&now), Arc::clone(&most), Arc::clone(&three));
            tokio::spawn(async move {
                read_request(&mut stream).await.unwrap();
                most.fetch_max(now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                three.wait().await;
                now.fetch_sub(1, Ordering::SeqCst);
                stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").await.unwrap();
            });
        }
    });
    (url, counted)
}

#[tokio::test]
async fn all_clones_together_have_no_more_requests_in_flight_than_the_client_may() {
    let (url, most) = answering_three_at_once().await;
    let client = client(&url, HttpSettings::default()).with_parallel(3);
    let answers = futures::future::join_all((0..12).map(|_| {
        let client = client.clone();
        async move { client.send(read(&client)).await.unwrap().status }
    }));
    assert_eq!(answers.await, [200; 12]);
    assert_eq!(most.load(Ordering::SeqCst), 3);
}
