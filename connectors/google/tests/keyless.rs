//! Signing in without a downloaded key: the metadata server, IAM, and the token endpoint.

use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine};
use ring::rand::SystemRandom;
use ring::signature::{RSA_PKCS1_SHA256, RsaKeyPair};
use rollcall_google::{GoogleSettings, KeylessSettings};
use rollcall_kit::ReadError;
use serde_json::{Value, json};
use wiremock::matchers::{any, body_partial_json, header, method, path};
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

use crate::support::{Settings as _, certified, failure, users};
use rollcall_test_servers::workspace::{ACCOUNT, ADMIN, KEY, Workspace};

const METADATA: &str = "/computeMetadata/v1/instance/service-accounts/default";

/// A metadata server and IAM, on one place.
async fn machine() -> MockServer {
    let server = MockServer::start().await;
    let genuine = |answer: ResponseTemplate| answer.insert_header("Metadata-Flavor", "Google");
    let token = json!({"access_token": "ya29.machine", "expires_in": 3599, "token_type": "Bearer"});
    for (what, answer) in [
        ("token", ResponseTemplate::new(200).set_body_json(token)),
        ("email", ResponseTemplate::new(200).set_body_string(ACCOUNT)),
    ] {
        Mock::given(method("GET"))
            .and(path(format!("{METADATA}/{what}")))
            .and(header("Metadata-Flavor", "Google"))
            .respond_with(genuine(answer))
            .mount(&server)
            .await;
    }
    Mock::given(method("POST"))
        .and(path(format!("/v1/projects/-/serviceAccounts/{ACCOUNT}:signJwt")))
        .and(header("authorization", "Bearer ya29.machine"))
        .respond_with(|request: &Request| {
            let body: Value = serde_json::from_slice(&request.body).unwrap();
            let signed = signed(body["payload"].as_str().unwrap());
            ResponseTemplate::new(200).set_body_json(json!({"keyId": "k1", "signedJwt": signed}))
        })
        .mount(&server)
        .await;
    server
}

/// What IAM signs with the key that it keeps.
fn signed(payload: &str) -> String {
    let encode = |bytes: &[u8]| BASE64_URL_SAFE_NO_PAD.encode(bytes);
    let header = json!({"alg": "RS256", "kid": "k1", "typ": "JWT"}).to_string();
    let message = format!("{}.{}", encode(header.as_bytes()), encode(payload.as_bytes()));
    let body: String = KEY.lines().filter(|line| !line.starts_with("-----")).collect();
    let pair = RsaKeyPair::from_pkcs8(&base64::prelude::BASE64_STANDARD.decode(body).unwrap()).unwrap();
    let mut signature = vec![0; pair.public().modulus_len()];
    pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message.as_bytes(), &mut signature).unwrap();
    format!("{message}.{}", encode(&signature))
}

fn settings(workspace: &Workspace, machine: &MockServer) -> GoogleSettings {
    let url = machine.uri().parse().ok();
    let keyless = KeylessSettings { service_account: None, metadata_url: url.clone(), iam_url: url };
    GoogleSettings { key_file: None, keyless: Some(keyless), ..workspace.alone() }
}

#[tokio::test]
async fn iam_signs_for_the_machine_and_the_token_is_as_good() {
    let (workspace, machine) = (Workspace::start().await, machine().await);
    let (entries, _) = certified(settings(&workspace, &machine)).await;
    assert_eq!(users(&entries).len(), 7);
    let requests = machine.received_requests().await.unwrap();
    let signing = requests.iter().find(|request| request.method.as_str() == "POST").unwrap();
    let body: Value = serde_json::from_slice(&signing.body).unwrap();
    let claims: Value = serde_json::from_str(body["payload"].as_str().unwrap()).unwrap();
    assert_eq!((&claims["iss"], &claims["sub"]), (&json!(ACCOUNT), &json!(ADMIN)));
    assert!(claims["scope"].as_str().unwrap().ends_with("admin.directory.user.readonly"));
    assert!(claims["exp"].as_i64().unwrap() - claims["iat"].as_i64().unwrap() <= 3600);
}

#[tokio::test]
async fn the_machine_s_own_token_goes_to_iam_and_to_nobody_else() {
    let (workspace, machine) = (Workspace::start().await, machine().await);
    certified(settings(&workspace, &machine)).await;
    for request in workspace.server.received_requests().await.unwrap() {
        let text = format!("{:?} {}", request.headers, String::from_utf8_lossy(&request.body));
        assert!(!text.contains("ya29.machine"), "{text}");
    }
}

#[tokio::test]
async fn another_service_account_signs_if_it_is_named() {
    let (workspace, machine) = (Workspace::start().await, machine().await);
    let mut settings = settings(&workspace, &machine);
    settings.keyless.as_mut().unwrap().service_account = Some(ACCOUNT.to_owned());
    certified(settings).await;
    let asked = machine.received_requests().await.unwrap();
    assert!(asked.iter().all(|request| !request.url.path().ends_with("/email")), "whose address was asked for");
}

#[tokio::test]
async fn what_is_no_metadata_server_is_not_believed() {
    let workspace = Workspace::start().await;
    let machine = MockServer::start().await;
    let token = json!({"access_token": "ya29.evil", "expires_in": 3599});
    Mock::given(any()).respond_with(ResponseTemplate::new(200).set_body_json(token)).mount(&machine).await;
    let error = failure(settings(&workspace, &machine)).await;
    assert!(error.to_string().contains("is not Google's"), "{error}");
}

#[tokio::test]
async fn iam_that_does_not_sign_is_told_with_a_remedy() {
    let workspace = Workspace::start().await;
    let machine = machine().await;
    let said = json!({"error": {"code": 403, "message": "Permission 'iam.serviceAccounts.signJwt' denied",
        "status": "PERMISSION_DENIED"}});
    let refusing = MockServer::start().await;
    Mock::given(method("POST"))
        .and(body_partial_json(json!({})))
        .respond_with(ResponseTemplate::new(403).set_body_json(said))
        .mount(&refusing)
        .await;
    let mut settings = settings(&workspace, &machine);
    settings.keyless.as_mut().unwrap().iam_url = refusing.uri().parse().ok();
    let error = failure(settings).await;
    assert!(matches!(error, ReadError::SignIn { .. }), "{error}");
    assert!(error.to_string().contains("Service Account Token Creator"), "{error}");
    assert!(error.to_string().contains("PERMISSION_DENIED"), "{error}");
}
