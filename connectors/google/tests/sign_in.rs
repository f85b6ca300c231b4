//! Signing in with a key file: what the assertion says, and what is told when it is refused.

use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine};
use rollcall_google::GoogleSettings;
use rollcall_kit::{Connector, ReadError};
use serde_json::{Value, json};
use wiremock::ResponseTemplate;

use crate::support::{Settings as _, certified, failure, quick, users};
use rollcall_test_servers::workspace::{ACCOUNT, ADMIN, KEY, SCOPES, Workspace, user_id};

fn claims(request: &wiremock::Request) -> Value {
    let form: std::collections::BTreeMap<String, String> =
        url::form_urlencoded::parse(&request.body).into_owned().collect();
    let part = form["assertion"].split('.').nth(1).unwrap().to_owned();
    serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(part).unwrap()).unwrap()
}

#[tokio::test]
async fn the_assertion_speaks_for_the_administrator_with_the_least_scopes() {
    let workspace = Workspace::start().await;
    certified(workspace.settings()).await;
    let requests = workspace.server.received_requests().await.unwrap();
    assert_eq!((requests[0].method.as_str(), requests[0].url.path()), ("POST", "/token"));
    let said = claims(&requests[0]);
    assert_eq!((&said["iss"], &said["sub"]), (&json!(ACCOUNT), &json!(ADMIN)));
    assert_eq!(said["aud"], format!("{}/token", workspace.server.uri()));
    let scopes = ["user", "group"].map(|what| format!("{SCOPES}admin.directory.{what}.readonly")).join(" ");
    assert_eq!(said["scope"], scopes);
    assert!(said["exp"].as_i64().unwrap() - said["iat"].as_i64().unwrap() <= 3600);
}

#[tokio::test]
async fn each_part_that_is_read_asks_for_its_own_scope_and_only_to_read() {
    let workspace = Workspace::start().await;
    let alone = workspace.alone();
    let short = |settings: &GoogleSettings| {
        settings.wanted_scopes().iter().map(|scope| scope.replace(SCOPES, "")).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(short(&alone), "admin.directory.user.readonly");
    let units = GoogleSettings { org_units: vec!["/Sales".to_owned()], ..alone.clone() };
    assert_eq!(short(&units), "admin.directory.user.readonly admin.directory.orgunit.readonly");
    let members = GoogleSettings { members_of: vec!["g@example.test".to_owned()], activity: true, ..alone };
    let expected = "admin.directory.user.readonly admin.directory.group.readonly admin.reports.audit.readonly";
    assert_eq!(short(&members), expected);
}

#[tokio::test]
async fn the_audience_can_be_another_than_where_the_request_goes() {
    let workspace = Workspace::start().await;
    let audience = "https://oauth2.googleapis.com/token".to_owned();
    certified(GoogleSettings { token_audience: Some(audience.clone()), ..workspace.alone() }).await;
    assert_eq!(claims(&workspace.server.received_requests().await.unwrap()[0])["aud"], audience);
}

#[tokio::test]
async fn a_suspended_administrator_is_named_and_nobody_is_put_out() {
    let workspace = Workspace::start().await;
    workspace.change(|state| state.users[0]["suspended"] = true.into());
    let error = failure(workspace.settings()).await;
    assert!(matches!(error, ReadError::SignIn { .. }), "{error}");
    let error = error.to_string();
    assert!(error.contains("Invalid email or User ID"), "{error}");
    assert!(error.contains(&format!("the administrator {ADMIN} is suspended, renamed or deleted")), "{error}");
    assert_eq!(workspace.asked().await.len(), 1, "not tried again: it does not pass by itself");
}

#[tokio::test]
async fn what_google_refuses_is_told_with_a_remedy_and_without_the_assertion() {
    for (error, description, remedy) in [
        ("unauthorized_client", "Client is unauthorized to retrieve access tokens", "Domain-wide delegation"),
        ("invalid_grant", "Invalid JWT Signature.", "make a new one for the service account"),
        ("invalid_grant", "Invalid grant: account not found", "the service account was deleted"),
        ("invalid_grant", "Invalid JWT: Token must be a short-lived token", "set this machine's clock"),
        ("access_denied", "Requested client not authorized.", "check its entry"),
        ("admin_policy_enforced", "x", "API controls"),
        ("org_internal", "x", "another organisation"),
        ("deleted_client", "The OAuth client was deleted.", "make another"),
        ("invalid_scope", "x", "leave scopes out"),
    ] {
        let workspace = Workspace::start().await;
        workspace.break_by(move |request, _| {
            let said = String::from_utf8_lossy(&request.body).into_owned();
            let said =
                said.rsplit("assertion=").next().unwrap_or_default().split('&').next().unwrap_or_default().to_owned();
            let body = json!({"error": error, "error_description": format!("{description} {said}")});
            (request.url.path() == "/token").then(|| ResponseTemplate::new(400).set_body_json(body))
        });
        let told = failure(workspace.alone()).await.to_string();
        assert!(told.contains(remedy), "{error}: {told}");
        assert!(!told.contains("eyJ"), "the assertion is told: {told}");
    }
}

#[tokio::test]
async fn a_clock_that_is_wrong_is_told_with_the_refusal() {
    let workspace = Workspace::start().await;
    workspace.break_by(|request, _| {
        let said =
            json!({"error": "invalid_grant", "error_description": "Invalid JWT: Token must be a short-lived token"});
        let answer = ResponseTemplate::new(400).set_body_json(said);
        (request.url.path() == "/token").then(|| answer.insert_header("date", "Sun, 09 Sep 2001 01:46:00 GMT"))
    });
    let told = failure(workspace.alone()).await.to_string();
    assert!(told.contains("seconds ahead of the server's"), "{told}");
}

#[tokio::test]
async fn nothing_is_sent_to_a_token_endpoint_that_a_key_file_made_up() {
    let workspace = Workspace::start().await;
    let hostile = Workspace::key_file().replace("https://oauth2.googleapis.com/token", &workspace.server.uri());
    let key_file = Some(workspace.secret_ref("hostile.json", &hostile));
    let error = failure(GoogleSettings { key_file, token_url: None, ..workspace.alone() }).await;
    assert!(error.to_string().contains("a token endpoint that is not Google's"), "{error}");
    assert!(!error.to_string().contains("PRIVATE KEY"), "{error}");
    assert!(workspace.asked().await.is_empty());
}

#[tokio::test]
async fn a_replaced_key_file_is_noticed_at_the_next_read() {
    let workspace = Workspace::start().await;
    let path = workspace.secret("own.json", "{}");
    let key_file = Some(rollcall_kit::secret::SecretRef::File(path));
    let connector = quick(GoogleSettings { key_file, ..workspace.alone() });
    assert!(crate::support::read(&connector).await.1.is_err());
    workspace.secret("own.json", &Workspace::key_file());
    let (entries, outcome) = crate::support::read(&connector).await;
    outcome.unwrap();
    assert!(users(&entries).contains_key(&*user_id(1)));
}

#[tokio::test]
async fn the_key_is_in_no_error_and_no_debug_print() {
    let workspace = Workspace::start().await;
    let secret: String = KEY.lines().nth(3).unwrap().to_owned();
    for text in [Workspace::key_file().replace("\"type\"", "\"kind\""), Workspace::key_file()[..400].to_owned()] {
        let key_file = Some(workspace.secret_ref("odd.json", &text));
        let settings = GoogleSettings { key_file, ..workspace.alone() };
        assert!(!format!("{settings:?}").contains(&secret));
        let error = failure(settings).await;
        assert!(!error.to_string().contains(&secret) && !format!("{error:?}").contains(&secret), "{error}");
    }
}

#[tokio::test]
async fn without_an_administrator_the_service_account_speaks_for_itself() {
    let workspace = Workspace::start().await;
    let settings = GoogleSettings { admin: None, customer: Some("C03az79cb".to_owned()), ..workspace.alone() };
    let connector = quick(settings);
    let _ = crate::support::read(&connector).await;
    let said = claims(&workspace.server.received_requests().await.unwrap()[0]);
    assert_eq!(said.get("sub"), None);
    assert_eq!(connector.kind(), "google");
}
