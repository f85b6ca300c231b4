//! What traces are told of requests: everything that helps to find out why they were slow or failed, and nothing of whom
//! they were about.

use std::collections::BTreeMap;
use std::fmt::{Debug, Write as _};
use std::sync::{Arc, Mutex};

use rollcall_kit::http::HttpSettings;
use rollcall_kit::traces::TARGET;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::DefaultGuard;
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};
use wiremock::matchers::{any, method};
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

use crate::support::{Numbered, client, client_with, read};

type Fields = BTreeMap<String, String>;

/// Keeps the fields of every span that is meant for traces, in the order in which they began.
#[derive(Clone, Default)]
struct Kept(Arc<Mutex<Vec<(u64, Fields)>>>);

struct Visitor<'a>(&'a mut Fields);

impl Visit for Visitor<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let mut text = String::new();
        write!(text, "{value:?}").unwrap();
        self.0.insert(field.name().to_owned(), text.trim_matches('"').to_owned());
    }
}

impl<S: tracing::Subscriber> Layer<S> for Kept {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, _: Context<'_, S>) {
        if attributes.metadata().target() == TARGET {
            let mut fields = Fields::new();
            attributes.record(&mut Visitor(&mut fields));
            self.0.lock().unwrap().push((id.into_u64(), fields));
        }
    }

    fn on_record(&self, id: &Id, record: &Record<'_>, _: Context<'_, S>) {
        let mut kept = self.0.lock().unwrap();
        // Ids are used again; the last span with this one is meant.
        if let Some((_, fields)) = kept.iter_mut().rev().find(|(kept, _)| *kept == id.into_u64()) {
            record.record(&mut Visitor(fields));
        }
    }
}

impl Kept {
    /// Keeps the spans of this thread until the guard is dropped.
    fn listen() -> (Self, DefaultGuard) {
        let kept = Self::default();
        let guard = tracing::subscriber::set_default(tracing_subscriber::registry().with(kept.clone()));
        (kept, guard)
    }

    fn spans(&self) -> Vec<Fields> {
        self.0.lock().unwrap().iter().map(|(_, fields)| fields.clone()).collect()
    }
}

/// A server that answers once with this status and then with 200.
async fn once(status: u16) -> MockServer {
    let server = MockServer::start().await;
    let refusal = ResponseTemplate::new(status).insert_header("retry-after", "0");
    Mock::given(any()).respond_with(refusal).up_to_n_times(1).mount(&server).await;
    Mock::given(any()).respond_with(ResponseTemplate::new(200)).mount(&server).await;
    server
}

#[track_caller]
fn assert_fields(span: &Fields, expected: &[(&str, Option<&str>)]) {
    for (name, value) in expected {
        assert_eq!(span.get(*name).map(String::as_str), *value, "{name} of {span:#?}");
    }
}

#[tokio::test]
async fn each_attempt_is_a_span_of_its_own_that_says_which_it_is_how_it_ended_and_what_was_waited_for() {
    let server = once(503).await;
    let (kept, _guard) = Kept::listen();
    let client = client(&server.uri(), HttpSettings::default()).with_endpoints(&["/users/{id}"]);
    let request = rollcall_kit::http::Request::get(client.url(&["users", "7"])).class("user");
    assert_eq!(client.send(request).await.unwrap().status, 200);
    let [first, second] = &kept.spans()[..] else { panic!("{:#?}", kept.spans()) };
    assert_fields(
        first,
        &[
            ("otel.name", Some("GET /users/{id}")),
            ("otel.kind", Some("client")),
            ("otel.status_code", Some("ERROR")),
            ("error.type", Some("503")),
            ("http.request.method", Some("GET")),
            ("http.request.resend_count", None),
            ("http.response.status_code", Some("503")),
            ("server.address", Some("127.0.0.1")),
            ("url.template", Some("/users/{id}")),
            ("rollcall.request.class", Some("user")),
            ("rollcall.request.told_to_wait", Some("0.0")),
        ],
    );
    assert_eq!(first["server.port"], server.address().port().to_string());
    assert_fields(
        second,
        &[
            ("otel.status_code", None),
            ("error.type", None),
            ("http.request.resend_count", Some("1")),
            ("http.response.status_code", Some("200")),
        ],
    );
}

#[tokio::test]
async fn what_was_waited_before_an_attempt_is_a_part_of_its_span() {
    let server = MockServer::start().await;
    Mock::given(any())
        .respond_with(ResponseTemplate::new(429).insert_header("retry-after", "1"))
        .up_to_n_times(1)
        .mount(&server)
        .await;
    Mock::given(any()).respond_with(ResponseTemplate::new(200)).mount(&server).await;
    let (kept, _guard) = Kept::listen();
    let client = client(&server.uri(), HttpSettings::default());
    client.send(read(&client)).await.unwrap();
    let spans = kept.spans();
    assert_fields(&spans[0], &[("rollcall.request.told_to_wait", Some("1.0")), ("rollcall.request.waited", None)]);
    let waited: f64 = spans[1]["rollcall.request.waited"].parse().unwrap();
    assert!((0.9..60.0).contains(&waited), "{waited}");
}

#[tokio::test]
async fn a_request_that_nobody_answers_is_a_span_with_a_word_for_why() {
    let (kept, _guard) = Kept::listen();
    let settings = HttpSettings { attempts: 1, ..HttpSettings::default() };
    let client = client("http://127.0.0.1:9", settings);
    client.send(read(&client)).await.unwrap_err();
    let expected =
        [("error.type", Some("unreachable")), ("otel.status_code", Some("ERROR")), ("http.response.status_code", None)];
    assert_fields(&kept.spans()[0], &expected);
}

#[tokio::test]
async fn no_span_holds_a_path_a_query_or_a_token_and_no_request_a_header_of_traces() {
    let server = MockServer::start().await;
    let clean = |request: &Request| !request.headers.keys().any(|name| name.as_str().starts_with("trace"));
    Mock::given(method("GET")).and(clean).respond_with(ResponseTemplate::new(200)).mount(&server).await;
    let (kept, _guard) = Kept::listen();
    let client = client_with(&server.uri(), Arc::new(Numbered::default())).with_endpoints(&["/users/{id}"]);
    for path in [&["users", "jane@acme.com"][..], &["people", "jane@acme.com"]] {
        let url = client.url(path).with_query(&[("filter", "userName eq \"jane@acme.com\"")]);
        assert_eq!(client.send(rollcall_kit::http::Request::get(url)).await.unwrap().status, 200);
    }
    let spans = kept.spans();
    assert_eq!((spans[0]["otel.name"].as_str(), spans[1]["otel.name"].as_str()), ("GET /users/{id}", "GET"));
    let all = format!("{spans:?}");
    for secret in ["jane", "acme", "filter", "token-", "people"] {
        assert!(!all.contains(secret), "{secret} stands in {all}");
    }
}
