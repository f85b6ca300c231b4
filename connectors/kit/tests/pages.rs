//! Walks over pages: how they end, and how they must not.

use std::time::{Duration, Instant};

use rollcall_kit::http::{Client, HttpSettings, NextPage, PageError, Pages, RateLimit, Request};
use wiremock::matchers::{any, path, query_param, query_param_is_missing};
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::support::client;

/// A page, with the links that its answer holds.
fn page(body: &str, links: &[String]) -> ResponseTemplate {
    links
        .iter()
        .fold(ResponseTemplate::new(200).set_body_string(body), |page, link| page.append_header("link", link.as_str()))
}

async fn serving(pages: &[(&str, ResponseTemplate)]) -> MockServer {
    let server = MockServer::start().await;
    for (after, answer) in pages {
        let mock = Mock::given(path("/api/v1/users"));
        let mock = match *after {
            "" => mock.and(query_param_is_missing("after")),
            after => mock.and(query_param("after", after)),
        };
        mock.respond_with(answer.clone()).mount(&server).await;
    }
    server
}

fn pages(server: &MockServer) -> (Client, Pages) {
    let client = client(&format!("{}/api/v1", server.uri()), HttpSettings { attempts: 2, ..HttpSettings::default() });
    let first = Request::get(client.url(&["users"]).with_query(&[("limit", "2")]));
    (client.clone(), Pages::new(client, first))
}

/// Walks by links to the end.
async fn walk(pages: &mut Pages) -> Result<String, PageError> {
    let mut all = String::new();
    while let Some(content) = pages.next(take).await? {
        all.push_str(&content);
    }
    Ok(all)
}

async fn failure(server: &MockServer) -> String {
    walk(&mut pages(server).1).await.unwrap_err().to_string()
}

#[tokio::test]
async fn a_doubtful_page_is_asked_for_once_more_and_the_second_answer_counts() {
    for (second, whole) in [("abc", "abc"), ("", "")] {
        let server = MockServer::start().await;
        Mock::given(any()).respond_with(page("", &[])).up_to_n_times(1).mount(&server).await;
        Mock::given(any()).respond_with(page(second, &[])).mount(&server).await;
        let mut pages = pages(&server).1.with_second_look(|answer| answer.body.is_empty());
        assert_eq!(walk(&mut pages).await.unwrap(), whole);
        assert_eq!((pages.read(), server.received_requests().await.unwrap().len()), (1, 2));
    }
}

#[tokio::test]
async fn a_list_is_walked_to_the_page_that_names_no_next_one() {
    let server = MockServer::start().await;
    let uri = server.uri();
    let next = |after: &str| format!(r#"<{uri}/api/v1/users?after={after}&limit=2&q=a+b%22>; rel="next""#);
    let own = format!(r#"<{uri}/api/v1/users?limit=2>; rel="self""#);
    for (after, answer) in [
        ("", page("one ", &[own.clone(), next("1")])),
        ("1", page("two ", &[format!("{own}, {}", next("2"))])),
        ("2", page("three", std::slice::from_ref(&own))),
    ] {
        let mock = Mock::given(path("/api/v1/users"));
        let mock = if after.is_empty() {
            mock.and(query_param_is_missing("after"))
        } else {
            mock.and(query_param("after", after))
        };
        mock.respond_with(answer).mount(&server).await;
    }
    let (_, mut pages) = pages(&server);
    assert_eq!(walk(&mut pages).await.unwrap(), "one two three");
    assert_eq!(pages.read(), 3);
    let requests = server.received_requests().await.unwrap();
    assert_eq!(requests[1].url.query(), Some("after=1&limit=2&q=a+b%22"), "the link is followed byte for byte");
}

#[tokio::test]
async fn a_list_with_words_instead_of_links_is_walked_as_well() {
    let server = serving(&[("", page("one ", &[])), ("w/2", page("two", &[]))]).await;
    let (_, mut pages) = pages(&server);
    let first =
        pages.next(|_| Ok(("one", NextPage::Parameter { name: "after", value: "w/2".to_owned() }))).await.unwrap();
    let second =
        pages.next(|answer| Ok((String::from_utf8_lossy(&answer.body).into_owned(), NextPage::End))).await.unwrap();
    assert_eq!((first, second.as_deref()), (Some("one"), Some("two")));
    assert!(pages.next(|_| Ok(((), NextPage::End))).await.unwrap().is_none());
    assert_eq!(server.received_requests().await.unwrap()[1].url.query(), Some("limit=2&after=w%2F2"));
}

#[tokio::test]
async fn a_next_page_elsewhere_is_not_asked_for() {
    let other = MockServer::start().await;
    Mock::given(any()).respond_with(ResponseTemplate::new(200)).expect(0).mount(&other).await;
    let link = format!(r#"<{}/api/v1/users?after=1>; rel="next""#, other.uri());
    let error = failure(&serving(&[("", page("one", &[link]))]).await).await;
    assert!(error.contains("page 1") && error.ends_with("it was not followed"), "{error}");
    for link in ["</logout?after=1>; rel=next", "</api/v10/users>; rel=next"] {
        let error = failure(&serving(&[("", page("one", &[link.to_owned()]))]).await).await;
        assert_eq!(error, "page 1 names a next page outside of /api/v1; it was not followed");
    }
}

#[tokio::test]
async fn a_next_page_that_was_there_before_is_no_end() {
    let second = r#"</api/v1/users?after=1>; rel="next""#.to_owned();
    let first = r#"</api/v1/users?limit=2>; rel="next""#.to_owned();
    let repeats = "names a next page that was read before";
    let server = serving(&[("", page("one", std::slice::from_ref(&second))), ("1", page("two", &[second]))]).await;
    assert!(failure(&server).await.contains(&format!("page 2 {repeats}")));
    let server = serving(&[("", page("one", &[first]))]).await;
    assert!(failure(&server).await.contains(&format!("page 1 {repeats}")));
}

#[tokio::test]
async fn a_bound_on_pages_is_an_error_and_no_end() {
    let second = r#"</api/v1/users?after=1>; rel="next""#.to_owned();
    let server = serving(&[("", page("one", &[second])), ("1", page("two", &[]))]).await;
    let error = walk(&mut pages(&server).1.with_bound(1)).await.unwrap_err();
    assert_eq!(error.to_string(), "the list did not end within 1 pages");
    assert_eq!(walk(&mut pages(&server).1.with_bound(2)).await.unwrap(), "onetwo");
}

#[tokio::test]
async fn a_page_that_fails_after_its_retries_is_no_end() {
    let second = r#"</api/v1/users?after=1>; rel="next""#.to_owned();
    for (status, attempts) in [(500, 2), (404, 1), (204, 1), (206, 1), (302, 1)] {
        let server =
            serving(&[("", page("one", std::slice::from_ref(&second))), ("1", ResponseTemplate::new(status))]).await;
        assert_eq!(failure(&server).await, format!("page 2 was answered with status {status}"));
        assert_eq!(server.received_requests().await.unwrap().len(), 1 + attempts, "{status}");
    }
}

#[tokio::test]
async fn a_damaged_link_is_no_end() {
    let error =
        failure(&serving(&[("", page("one", &[r#"</api/v1/users?after=1; rel="next""#.to_owned()]))]).await).await;
    assert!(error.contains("unknown whether there is a next page"), "{error}");
}

fn limited(remaining: u64, resets_in: u64) -> ResponseTemplate {
    let now = std::time::SystemTime::now();
    let reset = now.duration_since(std::time::UNIX_EPOCH).unwrap().as_secs() + resets_in;
    ResponseTemplate::new(200)
        .insert_header("date", httpdate::fmt_http_date(now).as_str())
        .insert_header("x-limit", "10")
        .insert_header("x-remaining", remaining.to_string().as_str())
        .insert_header("x-reset", reset.to_string().as_str())
}

#[tokio::test]
async fn a_share_that_is_used_up_stops_its_own_class_of_requests_and_no_other() {
    let server = MockServer::start().await;
    Mock::given(path("/api/v1/users")).respond_with(limited(5, 0)).mount(&server).await;
    Mock::given(path("/api/v1/groups")).respond_with(limited(6, 0)).mount(&server).await;
    let (client, _) = pages(&server);
    let client =
        client.with_budget(|answer| RateLimit::read(answer, "x-limit", "x-remaining", "x-reset")?.pause_beyond(0.5));
    let send = |class: &'static str| {
        let (client, url) = (client.clone(), client.url(&[class]));
        async move {
            let began = Instant::now();
            client.send(Request::get(url).class(class)).await.unwrap();
            began.elapsed()
        }
    };
    assert!(send("users").await < Duration::from_millis(900));
    assert!(send("groups").await < Duration::from_millis(900));
    assert!(send("groups").await < Duration::from_millis(900), "six of ten are left: one more than the others' share");
    assert!(send("users").await >= Duration::from_secs(1), "five of ten are left: they are the others'");
}

/// Waits until the server was asked so many times; what goes wrong ends in the test's own time-out.
async fn asked(server: &MockServer, times: usize) -> Vec<wiremock::Request> {
    loop {
        let requests = server.received_requests().await.unwrap();
        if requests.len() >= times {
            return requests;
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

/// Three pages, the second of which takes its time.
async fn three_pages() -> MockServer {
    let link = |after: u32| vec![format!("</api/v1/users?after={after}>; rel=\"next\"")];
    let second = page("two ", &link(2)).set_delay(Duration::from_millis(50));
    serving(&[("", page("one ", &link(1))), ("1", second), ("2", page("three", &[]))]).await
}

fn take(answer: &rollcall_kit::http::Response) -> Result<(String, NextPage), String> {
    let next = answer.next_link().map_err(|error| error.to_string())?;
    let next = next.map_or(NextPage::End, |link| NextPage::Link(link.to_owned()));
    Ok((String::from_utf8_lossy(&answer.body).into_owned(), next))
}

#[tokio::test]
async fn the_next_page_is_asked_for_while_the_last_one_is_worked_on_and_never_two() {
    let server = three_pages().await;
    let mut pages = pages(&server).1.one_ahead();
    for (number, content) in [(1, "one "), (2, "two "), (3, "three")] {
        assert_eq!(pages.next(take).await.unwrap().as_deref(), Some(content));
        // Nobody asked for another page since, and the next one is asked for.
        let ahead = (number + 1).min(3);
        let requests = asked(&server, ahead).await;
        assert_eq!(requests.len(), ahead, "one page ahead and no more");
        assert_eq!(pages.read(), number as u64);
    }
    assert!(pages.next(take).await.unwrap().is_none());
    assert_eq!(server.received_requests().await.unwrap().len(), 3);
}

#[tokio::test]
async fn a_walk_in_step_asks_for_no_page_before_it_is_wanted() {
    let server = three_pages().await;
    let mut pages = pages(&server).1.one_ahead().in_step();
    pages.next(take).await.unwrap();
    drop(pages);
    assert_eq!(server.received_requests().await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_page_that_fails_ahead_fails_when_its_turn_comes() {
    let second = vec![r#"</api/v1/users?after=1>; rel="next""#.to_owned()];
    let server = serving(&[("", page("one", &second)), ("1", ResponseTemplate::new(404))]).await;
    let mut walked = pages(&server).1.one_ahead();
    assert_eq!(walked.next(take).await.unwrap().as_deref(), Some("one"));
    asked(&server, 2).await;
    let error = walked.next(take).await.unwrap_err();
    assert_eq!(error.to_string(), "page 2 was answered with status 404");
    // Whoever stops before hears nothing of it.
    let mut stopped = pages(&server).1.one_ahead();
    assert_eq!(stopped.next(take).await.unwrap().as_deref(), Some("one"));
}

#[tokio::test]
async fn a_next_page_elsewhere_is_refused_before_it_is_asked_for_ahead() {
    let other = MockServer::start().await;
    Mock::given(any()).respond_with(ResponseTemplate::new(200)).expect(0).mount(&other).await;
    let links = [format!("<{}/api/v1/users?after=1>; rel=\"next\"", other.uri()), "</logout>; rel=next".to_owned()];
    for link in links {
        let server = serving(&[("", page("one", &[link]))]).await;
        let error = pages(&server).1.one_ahead().next(take).await.unwrap_err();
        assert!(error.to_string().ends_with("it was not followed"), "{error}");
        assert_eq!(server.received_requests().await.unwrap().len(), 1);
    }
}

#[tokio::test]
async fn a_bound_on_pages_holds_for_the_page_ahead() {
    let server = three_pages().await;
    let mut pages = pages(&server).1.one_ahead().with_bound(1);
    pages.next(take).await.unwrap();
    assert!(matches!(pages.next(take).await, Err(PageError::Endless { bound: 1 })));
    assert_eq!(server.received_requests().await.unwrap().len(), 1);
}

#[tokio::test]
async fn a_doubtful_page_ahead_is_asked_for_once_more() {
    let second = vec![r#"</api/v1/users?after=1>; rel="next""#.to_owned()];
    let server = serving(&[("", page("one", &second)), ("1", page("", &[]))]).await;
    let mut pages = pages(&server).1.with_second_look(|answer| answer.body.is_empty()).one_ahead();
    assert_eq!(walk(&mut pages).await.unwrap(), "one");
    assert_eq!(server.received_requests().await.unwrap().len(), 3);
}
