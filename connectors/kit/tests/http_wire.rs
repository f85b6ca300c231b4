//! What goes over the wire, and where it never goes.

use std::sync::Arc;

use rollcall_kit::http::{HttpError, HttpSettings, Request};
use wiremock::matchers::{any, header, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::support::{Numbered, client, client_with, create, read};

#[tokio::test]
async fn a_request_says_who_sends_it_and_accepts_compressed_answers() {
    let server = MockServer::start().await;
    Mock::given(header("user-agent", concat!("rollcall/", env!("CARGO_PKG_VERSION"), " (directory provisioning)")))
        .and(header("accept-encoding", "gzip"))
        .and(header("authorization", "Bearer token-0"))
        .and(path("/Users"))
        .respond_with(ResponseTemplate::new(201))
        .expect(1)
        .mount(&server)
        .await;
    let client = client_with(&server.uri(), Arc::new(Numbered::default()));
    assert_eq!(client.send(create(&client)).await.unwrap().status, 201);
}

#[tokio::test]
async fn a_redirect_is_an_answer_and_is_not_followed() {
    let (server, elsewhere) = (MockServer::start().await, MockServer::start().await);
    let answer = ResponseTemplate::new(307).insert_header("location", format!("{}/Users", elsewhere.uri()));
    Mock::given(any()).respond_with(answer).mount(&server).await;
    let client = client_with(&server.uri(), Arc::new(Numbered::default()));
    let answer = client.send(read(&client)).await.unwrap();
    assert_eq!((answer.status, answer.attempts), (307, 1));
    assert!(elsewhere.received_requests().await.unwrap().is_empty());
}

#[tokio::test]
async fn a_url_of_another_client_is_not_sent_to() {
    let (server, elsewhere) = (MockServer::start().await, MockServer::start().await);
    let client = client_with(&server.uri(), Arc::new(Numbered::default()));
    let foreign = crate::support::client(&elsewhere.uri(), HttpSettings::default()).url(&["Users"]);
    let error = client.send(Request::get(foreign)).await.unwrap_err();
    assert!(matches!(error, HttpError::ForeignOrigin { .. }), "{error}");
    assert!(elsewhere.received_requests().await.unwrap().is_empty());
}

#[tokio::test]
async fn an_error_shows_the_path_but_neither_query_nor_token() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let base = format!("http://{}/scim", listener.local_addr().unwrap());
    drop(listener);
    let settings = HttpSettings { attempts: 1, ..HttpSettings::default() };
    let client = client(&base, settings);
    let url = client.url(&["Users"]).with_query(&[("access_token", "s3cret"), ("filter", "jane@acme.com")]);
    let error = client.send(Request::get(url)).await.unwrap_err();
    for text in [error.to_string(), format!("{error:?}")] {
        assert!(text.contains("/scim/Users"), "{text}");
        assert!(!text.contains("s3cret") && !text.contains("jane"), "{text}");
    }
}

#[tokio::test]
async fn the_debug_form_of_requests_and_answers_holds_no_body_and_no_header_value() {
    let server = MockServer::start().await;
    let answer = ResponseTemplate::new(200).insert_header("set-cookie", "s3cret").set_body_string("s3cret");
    Mock::given(any()).respond_with(answer).mount(&server).await;
    let client = client(&server.uri(), HttpSettings::default());
    let mut request = create(&client).header(http::header::AUTHORIZATION, "s3cret".parse().unwrap());
    request.body = Some("s3cret".into());
    assert!(!format!("{request:?}").contains("s3cret"));
    let answer = client.send(request).await.unwrap();
    assert!(!format!("{answer:?}").contains("s3cret"));
}

/// Some servers, and proxies before them, print the request that they refuse; what they say is quoted and kept.
#[tokio::test]
async fn an_error_that_repeats_our_token_is_handed_on_without_it() {
    struct Fixed;
    #[async_trait::async_trait]
    impl rollcall_kit::http::TokenSource for Fixed {
        async fn authorization(&self, _: bool) -> Result<rollcall_kit::secret::Secret, String> {
            Ok(rollcall_kit::secret::Secret::new("Bearer s3/cret".to_owned()))
        }
    }
    let said = r#"{"detail":"Authorization: Bearer s3/cret is not known","got":"s3\/cret"}"#;
    for status in [302, 400, 401, 500] {
        let server = MockServer::start().await;
        let answer = ResponseTemplate::new(status).set_body_string(said);
        Mock::given(any()).respond_with(answer).mount(&server).await;
        let client = client_with(&server.uri(), Arc::new(Fixed));
        let answer = client.send(create(&client)).await.unwrap();
        let shown = String::from_utf8(answer.body.to_vec()).unwrap();
        assert_eq!(shown, r#"{"detail":"Authorization: Bearer [secret] is not known","got":"[secret]"}"#, "{status}");
    }
}

#[tokio::test]
async fn a_proxy_is_used_when_one_is_set() {
    let proxy = MockServer::start().await;
    Mock::given(any()).respond_with(ResponseTemplate::new(200).set_body_string("by proxy")).mount(&proxy).await;
    let settings = HttpSettings { proxy: Some(proxy.uri().parse().unwrap()), ..HttpSettings::default() };
    let client = client("http://app.invalid/", settings);
    assert_eq!(client.send(read(&client)).await.unwrap().body.as_ref(), b"by proxy");
}

#[tokio::test]
async fn a_token_that_no_header_can_hold_is_named_but_not_shown() {
    struct Broken;
    #[async_trait::async_trait]
    impl rollcall_kit::http::TokenSource for Broken {
        async fn authorization(&self, _: bool) -> Result<rollcall_kit::secret::Secret, String> {
            Ok(rollcall_kit::secret::Secret::new("Bearer s3cret\nx".to_owned()))
        }
    }
    let server = MockServer::start().await;
    let client = client_with(&server.uri(), Arc::new(Broken));
    let error = client.send(read(&client)).await.unwrap_err();
    assert!(matches!(error, HttpError::Token { .. }), "{error}");
    assert!(!format!("{error:?}").contains("s3cret"), "{error:?}");
    assert!(server.received_requests().await.unwrap().is_empty());
}
