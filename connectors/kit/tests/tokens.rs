//! Token endpoints: what is asked, how often, and what is never said.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rollcall_kit::http::token::{ClientCredentialsSettings, SecretPlace, TokenEndpoint};
use rollcall_kit::http::{HttpSettings, TokenSource};
use rollcall_kit::secret::SecretRef;
use serde_json::json;
use tempfile::TempDir;
use wiremock::matchers::{any, body_string_contains, header, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::support::{client_with, read};

const SECRET: &str = "hunter2/+ ü";

/// A file with the client's secret.
fn secret_file() -> TempDir {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(file(&folder), SECRET).unwrap();
    std::fs::set_permissions(file(&folder), std::fs::Permissions::from_mode(0o600)).unwrap();
    folder
}

fn file(folder: &TempDir) -> std::path::PathBuf {
    Path::new(folder.path()).join("secret")
}

fn settings(server: &MockServer, folder: &TempDir) -> ClientCredentialsSettings {
    ClientCredentialsSettings {
        token_url: format!("{}/oauth/token?tenant=1", server.uri()).parse().unwrap(),
        client_id: "roll call".to_owned(),
        client_secret: SecretRef::File(file(folder)),
        scopes: vec!["users.read".to_owned(), "groups.read".to_owned()],
        secret_in: SecretPlace::Header,
        parameters: [("audience".to_owned(), "https://api".to_owned())].into(),
    }
}

fn source(settings: ClientCredentialsSettings) -> TokenEndpoint {
    TokenEndpoint::new(settings, HttpSettings::default()).unwrap().with_back_off(Duration::from_millis(2))
}

/// A good answer.
fn token(name: &str, expires_in: u64) -> ResponseTemplate {
    ResponseTemplate::new(200)
        .set_body_json(json!({"access_token": name, "token_type": "Bearer", "expires_in": expires_in}))
}

async fn answering(answer: ResponseTemplate) -> MockServer {
    let server = MockServer::start().await;
    Mock::given(any()).respond_with(answer).mount(&server).await;
    server
}

/// A server that issues `one` first and then `two`.
async fn issuing_two(one_lives: u64) -> MockServer {
    let server = MockServer::start().await;
    Mock::given(any()).respond_with(token("one", one_lives)).up_to_n_times(1).mount(&server).await;
    Mock::given(any()).respond_with(token("two", 3600)).mount(&server).await;
    server
}

async fn requests(server: &MockServer) -> usize {
    server.received_requests().await.unwrap().len()
}

async fn ask(source: &TokenEndpoint, renew: bool) -> String {
    source.authorization(renew).await.map(|header| header.expose().to_owned()).unwrap()
}

/// The error of a source, which never holds the secret in any form.
async fn failure(source: &TokenEndpoint) -> String {
    let error = source.authorization(false).await.err().unwrap();
    for form in [SECRET, "hunter2", "cm9sbCtjYWxs"] {
        assert!(!error.contains(form), "the error holds {form}: {error}");
    }
    error
}

#[tokio::test]
async fn the_secret_travels_in_the_header_as_the_rfc_encodes_it() {
    let (server, folder) = (MockServer::start().await, secret_file());
    Mock::given(path("/oauth/token"))
        .and(wiremock::matchers::query_param("tenant", "1"))
        // base64 of `roll+call:hunter2%2F%2B+%C3%BC`
        .and(header("authorization", "Basic cm9sbCtjYWxsOmh1bnRlcjIlMkYlMkIrJUMzJUJD"))
        .and(header("content-type", "application/x-www-form-urlencoded"))
        .and(body_string_contains("grant_type=client_credentials"))
        .and(body_string_contains("scope=users.read+groups.read"))
        .and(body_string_contains("audience=https%3A%2F%2Fapi"))
        .respond_with(token("one", 3600))
        .expect(1)
        .mount(&server)
        .await;
    assert_eq!(ask(&source(settings(&server, &folder)), false).await, "Bearer one");
}

#[tokio::test]
async fn the_secret_travels_in_the_form_where_the_settings_say_so() {
    let (server, folder) = (MockServer::start().await, secret_file());
    Mock::given(body_string_contains("client_id=roll+call&client_secret=hunter2%2F%2B+%C3%BC"))
        .respond_with(token("one", 3600))
        .mount(&server)
        .await;
    let settings = ClientCredentialsSettings { secret_in: SecretPlace::Form, ..settings(&server, &folder) };
    assert_eq!(ask(&source(settings), false).await, "Bearer one");
    assert!(!server.received_requests().await.unwrap()[0].headers.contains_key("authorization"));
}

#[tokio::test]
async fn a_token_is_kept_while_it_is_good_and_renewed_when_it_is_refused() {
    let (server, folder) = (issuing_two(3600).await, secret_file());
    let source = source(settings(&server, &folder));
    assert_eq!(ask(&source, false).await, "Bearer one");
    assert_eq!(ask(&source, false).await, "Bearer one");
    assert_eq!(requests(&server).await, 1);
    assert_eq!(ask(&source, true).await, "Bearer two");
    assert_eq!(ask(&source, false).await, "Bearer two");
    assert_eq!(requests(&server).await, 2);
}

#[tokio::test]
async fn a_token_is_replaced_shortly_before_it_ends() {
    let (server, folder) = (issuing_two(1).await, secret_file());
    let source = source(settings(&server, &folder));
    assert_eq!(ask(&source, false).await, "Bearer one");
    // Of the one second that it lives, 200 ms are the margin.
    tokio::time::sleep(Duration::from_millis(850)).await;
    assert_eq!(ask(&source, false).await, "Bearer two");
}

#[tokio::test]
async fn sixteen_callers_together_cost_one_token_request() {
    let (server, folder) = (answering(token("one", 3600).set_delay(Duration::from_millis(100))).await, secret_file());
    let source = source(settings(&server, &folder));
    for renew in [false, true] {
        let all = futures::future::join_all((0..16).map(|_| ask(&source, renew))).await;
        assert_eq!(all, vec!["Bearer one"; 16]);
    }
    assert_eq!(requests(&server).await, 2, "one for the first sixteen, one for the sixteen that renew");
}

#[tokio::test]
async fn sixteen_callers_together_learn_of_one_failure() {
    let answer = ResponseTemplate::new(400).set_body_json(json!({"error": "invalid_client"}));
    let (server, folder) = (answering(answer.set_delay(Duration::from_millis(100))).await, secret_file());
    let source = source(settings(&server, &folder));
    let all = futures::future::join_all((0..16).map(|_| failure(&source))).await;
    assert!(all.iter().all(|error| error.contains("invalid_client")), "{all:?}");
    assert_eq!(requests(&server).await, 1);
    failure(&source).await;
    assert_eq!(requests(&server).await, 2, "a failure is not kept: the next caller asks again");
}

#[tokio::test]
async fn a_refusal_is_quoted_without_the_secret_that_the_endpoint_repeats() {
    let said = format!("secret {SECRET} (hunter2%2F%2B+%C3%BC, cm9sbCtjYWxsOmh1bnRlcjIlMkYlMkIrJUMzJUJD) is wrong");
    let answer =
        ResponseTemplate::new(401).set_body_json(json!({"error": "invalid_client", "error_description": said}));
    let (server, folder) = (answering(answer).await, secret_file());
    let error = failure(&source(settings(&server, &folder))).await;
    assert_eq!(
        error,
        format!(
            "{}/oauth/token refused client roll call (status 401): \
             invalid_client: secret [secret] ([secret], [secret]) is wrong",
            server.uri()
        )
    );
}

#[tokio::test]
async fn an_answer_that_is_no_token_answer_is_not_quoted() {
    for answer in [
        ResponseTemplate::new(200).set_body_json(json!({"access_token": 7, "token_type": "Bearer", "x": SECRET})),
        ResponseTemplate::new(200).set_body_raw(format!("<html>{SECRET}</html>"), "text/html"),
        ResponseTemplate::new(404).set_body_string(format!("{SECRET} not found")),
        ResponseTemplate::new(302).insert_header("location", "https://elsewhere.example/"),
    ] {
        let (server, folder) = (answering(answer).await, secret_file());
        let error = failure(&source(settings(&server, &folder))).await;
        assert!(error.contains("is no OAuth 2.0 token answer; check token_url"), "{error}");
    }
}

#[tokio::test]
async fn a_token_of_another_kind_is_refused() {
    let answer = json!({"access_token": "hunter2", "token_type": "mac", "expires_in": 3600});
    let (server, folder) = (answering(ResponseTemplate::new(200).set_body_json(answer)).await, secret_file());
    let error = failure(&source(settings(&server, &folder))).await;
    assert!(error.contains("no bearer token"), "{error}");
}

#[tokio::test]
async fn a_sick_token_endpoint_is_asked_again() {
    let (server, folder) = (MockServer::start().await, secret_file());
    Mock::given(any()).respond_with(ResponseTemplate::new(503)).up_to_n_times(2).mount(&server).await;
    Mock::given(any()).respond_with(token("one", 3600)).mount(&server).await;
    assert_eq!(ask(&source(settings(&server, &folder)), false).await, "Bearer one");
}

#[tokio::test]
async fn a_client_with_client_credentials_outlives_a_token_that_is_revoked() {
    let (issuer, folder) = (issuing_two(3600).await, secret_file());
    let server = MockServer::start().await;
    Mock::given(header("authorization", "Bearer two")).respond_with(ResponseTemplate::new(200)).mount(&server).await;
    Mock::given(any()).respond_with(ResponseTemplate::new(401)).mount(&server).await;
    let client = client_with(&server.uri(), Arc::new(source(settings(&issuer, &folder))));
    let all = (0..16).map(|_| async { client.send(read(&client)).await.unwrap().status });
    assert_eq!(futures::future::join_all(all).await, vec![200; 16]);
    assert_eq!(requests(&issuer).await, 2);
}

#[tokio::test]
async fn a_client_whose_token_endpoint_is_gone_says_which() {
    let folder = secret_file();
    let server = MockServer::start().await;
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let token_url = format!("http://{}/oauth/token?tenant=1", listener.local_addr().unwrap()).parse().unwrap();
    drop(listener);
    let settings = ClientCredentialsSettings { token_url, ..settings(&server, &folder) };
    let http = HttpSettings { attempts: 1, ..HttpSettings::default() };
    let client = client_with(&server.uri(), Arc::new(TokenEndpoint::new(settings, http).unwrap()));
    let error = client.send(read(&client)).await.unwrap_err().to_string();
    assert!(error.starts_with("no token for") && error.contains("/oauth/token"), "{error}");
    assert!(!error.contains("tenant=1"), "{error}");
}
