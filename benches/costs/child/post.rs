//! The limit of an apply: a bare loop that posts accounts over connections that stay open, and does nothing else.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, RETRY_AFTER};
use reqwest::{Client, StatusCode};
use rollcall_test_servers::scim_sink::TOKEN;

/// Posts so many accounts, so many at a time, and prints how many seconds it took.
pub(super) fn all(url: &str, calls: u32, lanes: usize) {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let client = Client::builder().no_proxy().build().unwrap();
    let url: Arc<str> = format!("{url}/Users").into();
    let next = Arc::new(AtomicU32::new(0));
    let start = Instant::now();
    runtime.block_on(async {
        let lane = |_| tokio::spawn(lane(client.clone(), Arc::clone(&url), Arc::clone(&next), calls));
        for lane in (0..lanes).map(lane).collect::<Vec<_>>() {
            lane.await.unwrap();
        }
    });
    println!("{}", start.elapsed().as_secs_f64());
}

async fn lane(client: Client, url: Arc<str>, next: Arc<AtomicU32>, calls: u32) {
    loop {
        let number = next.fetch_add(1, Ordering::Relaxed);
        if number >= calls {
            return;
        }
        let body = body(number);
        while !post(&client, &url, body.clone()).await {}
    }
}

/// Sends one account; whether it was taken. If the server wants to be left alone, it is.
async fn post(client: &Client, url: &str, body: String) -> bool {
    let request = client
        .post(url)
        .header(AUTHORIZATION, format!("Bearer {TOKEN}"))
        .header(CONTENT_TYPE, "application/scim+json")
        .header(ACCEPT, "application/scim+json")
        .body(body);
    let answer = request.send().await.unwrap();
    if answer.status() == StatusCode::TOO_MANY_REQUESTS {
        let wait = answer.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
        tokio::time::sleep(Duration::from_secs(wait.unwrap_or(1))).await;
        return false;
    }
    assert_eq!(answer.status(), StatusCode::CREATED);
    answer.bytes().await.unwrap();
    true
}

/// An account as long as the ones that Rollcall sends.
fn body(number: u32) -> String {
    format!(
        "{{\"schemas\":[\"urn:ietf:params:scim:schemas:core:2.0:User\"],\"active\":true,\"displayName\":\"Given Family \
         {number}\",\"emails\":[{{\"primary\":true,\"type\":\"work\",\"value\":\"bare.{number}@acme.com\"}}],\
         \"externalId\":\"{number:08x}-0000-4000-8000-{number:012x}\",\"locale\":\"de-DE\",\"name\":{{\"familyName\":\
         \"Family {number}\",\"formatted\":\"Given Family {number}\",\"givenName\":\"Given\"}},\"nickName\":\"p{number}\",\
         \"phoneNumbers\":[{{\"type\":\"work\",\"value\":\"+49 30 {number} 0\"}}],\"userName\":\"bare.{number}@acme.com\"}}"
    )
}
