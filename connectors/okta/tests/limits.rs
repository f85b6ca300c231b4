//! Okta's limits: told in headers, and kept.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use wiremock::ResponseTemplate;

use crate::support::{Okta, certified, failure, refusal};

/// Headers as Okta sends them, by a clock that is ten minutes ahead of ours.
fn limits(answer: ResponseTemplate, limit: u64, remaining: u64, resets_in: i64) -> ResponseTemplate {
    let now = SystemTime::now() + Duration::from_secs(600);
    let epoch = i64::try_from(now.duration_since(UNIX_EPOCH).unwrap().as_secs()).unwrap();
    answer
        .insert_header("date", httpdate::fmt_http_date(now).as_str())
        .insert_header("x-rate-limit-limit", limit.to_string().as_str())
        .insert_header("x-rate-limit-remaining", remaining.to_string().as_str())
        .insert_header("x-rate-limit-reset", (epoch + resets_in).to_string().as_str())
}

fn too_many() -> ResponseTemplate {
    refusal(429, "E0000047", "API call exceeded rate limit due to too many requests.")
}

#[tokio::test]
async fn a_refused_page_is_asked_for_again_when_the_window_has_ended_by_okta_s_clock() {
    let okta = Okta::start().await;
    okta.break_by(|request, number| {
        (request.url.path() == "/api/v1/users" && number == 2).then(|| limits(too_many(), 600, 0, 1))
    });
    let began = Instant::now();
    assert_eq!(certified(okta.settings()).await.len(), 12);
    let took = began.elapsed();
    assert!((Duration::from_secs(2)..Duration::from_secs(5)).contains(&took), "{took:?}");
}

#[tokio::test]
async fn the_token_endpoint_has_a_limit_too() {
    let okta = Okta::start().await;
    okta.break_by(|request, number| {
        (request.url.path() == "/oauth2/v1/token" && number == 1).then(|| limits(too_many(), 10, 0, 1))
    });
    let began = Instant::now();
    certified(okta.settings()).await;
    assert!(began.elapsed() >= Duration::from_secs(2), "{:?}", began.elapsed());
}

#[tokio::test]
async fn a_window_that_ended_in_the_past_costs_about_a_second() {
    let okta = Okta::start().await;
    okta.break_by(|request, number| {
        (request.url.path() == "/api/v1/users" && number == 1).then(|| limits(too_many(), 600, 0, -500))
    });
    let began = Instant::now();
    certified(okta.settings()).await;
    let took = began.elapsed();
    assert!((Duration::from_secs(1)..Duration::from_secs(4)).contains(&took), "{took:?}");
}

#[tokio::test]
async fn too_many_at_once_is_no_reason_to_wait_for_a_window() {
    // As Okta marks it, and as it is when the headers describe the limit of requests at once.
    for (limit, remaining) in [(0, 0), (75, 3)] {
        let okta = Okta::start().await;
        okta.break_by(move |request, number| {
            (request.url.path() == "/api/v1/users" && number <= 2).then(|| limits(too_many(), limit, remaining, 60))
        });
        let began = Instant::now();
        assert_eq!(certified(okta.settings()).await.len(), 12);
        assert!(began.elapsed() < Duration::from_secs(3), "it backs off by itself and waits for no window");
    }
}

#[tokio::test]
async fn a_limit_that_stays_reached_ends_the_read_with_what_to_do() {
    let okta = Okta::start().await;
    okta.break_by(|request, _| (request.url.path() == "/api/v1/groups").then(|| limits(too_many(), 0, 0, 60)));
    let error = failure(okta.settings()).await;
    assert!(error.contains("E0000047") && error.contains("lower rate_limit_share or parallel"), "{error}");
    // A window that is longer than may be waited for is not waited for.
    let okta = Okta::start().await;
    okta.break_by(|request, _| (request.url.path() == "/api/v1/groups").then(|| limits(too_many(), 600, 0, 900)));
    let began = Instant::now();
    assert!(failure(okta.settings()).await.contains("more than max_wait allows"));
    assert!(began.elapsed() < Duration::from_secs(3));
}

#[tokio::test]
async fn our_share_of_a_limit_is_kept_for_each_class_of_requests_apart() {
    let okta = Okta::start().await;
    // Half of the limit of members is used up after each answer; the others are hardly used.
    okta.break_by(|request, number| {
        let path = request.url.path();
        (path.ends_with("/users") && path.contains("/groups/") && number == 1)
            .then(|| limits(ResponseTemplate::new(200).set_body_raw("[]", "application/json"), 500, 250, 0))
    });
    let mut settings = okta.settings();
    settings.parallel = 1;
    let began = Instant::now();
    certified(settings.clone()).await;
    // Three groups: the second and the third wait for their window, which ends about a second later.
    assert!(began.elapsed() >= Duration::from_secs(2), "{:?}", began.elapsed());
    let okta = Okta::start().await;
    settings = okta.settings();
    settings.rate_limit_share = 90;
    okta.break_by(|request, number| {
        let path = request.url.path();
        (path.ends_with("/users") && path.contains("/groups/") && number == 1)
            .then(|| limits(ResponseTemplate::new(200).set_body_raw("[]", "application/json"), 500, 250, 0))
    });
    let began = Instant::now();
    certified(settings).await;
    assert!(began.elapsed() < Duration::from_secs(2), "a larger share is not used up yet: {:?}", began.elapsed());
}

#[tokio::test]
async fn no_more_requests_are_in_flight_than_the_settings_say() {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    let okta = Okta::start().await;
    okta.change(|state| {
        for number in 10..30 {
            state.groups.push(crate::support::group(number, "OKTA_GROUP", &format!("g{number}")));
        }
        state.page = 200;
    });
    let slow = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&slow);
    okta.break_by(move |request, _| {
        let path = request.url.path();
        (path.contains("/groups/") && path.ends_with("/users")).then(|| {
            counted.fetch_add(1, Ordering::SeqCst);
            ResponseTemplate::new(200).set_body_raw("[]", "application/json").set_delay(Duration::from_millis(100))
        })
    });
    let mut settings = okta.settings();
    settings.parallel = 4;
    let began = Instant::now();
    certified(settings).await;
    let (asked, took) = (slow.load(Ordering::SeqCst), began.elapsed());
    assert_eq!(asked, 23);
    // 23 requests of 100 ms, four at once, are at least 600 ms, and one after the other 2300 ms.
    assert!((Duration::from_millis(580)..Duration::from_millis(1900)).contains(&took), "{took:?}");
}
