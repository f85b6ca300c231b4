//! Signing in: by a service app's key, by an API token, with proofs of possession, and in vain.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};

use rollcall_kit::{Connector, ReadError};
use rollcall_okta::OktaSettings;
use serde_json::{Value, json};
use wiremock::{Request, ResponseTemplate};

use crate::support::{APP, Okta, certified, failure, quick, read, refusal};

fn form(request: &Request) -> std::collections::BTreeMap<String, String> {
    url::form_urlencoded::parse(&request.body).into_owned().collect()
}

/// A part of a JWT: 0 is its header, 1 its claims.
fn part(jwt: &str, number: usize) -> Value {
    let part = jwt.split('.').nth(number).unwrap();
    let bytes: Vec<u8> = base64_url(part);
    serde_json::from_slice(&bytes).unwrap()
}

/// Decodes base64url, which is all that these tests need of it.
fn base64_url(text: &str) -> Vec<u8> {
    let alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let bits = text.chars().flat_map(|c| {
        let value = alphabet.find(c).unwrap();
        (0..6).rev().map(move |bit| (value >> bit) & 1 == 1)
    });
    let bits: Vec<bool> = bits.collect();
    bits.chunks_exact(8).map(|byte| byte.iter().fold(0, |sum, bit| sum * 2 + u8::from(*bit))).collect()
}

#[tokio::test]
async fn a_service_app_signs_in_with_every_kind_of_key() {
    for (key, key_id, algorithm, kid) in [
        (include_str!("../../kit/tests/keys/rsa.pkcs1.pem"), Some("k1"), "RS256", json!("k1")),
        (include_str!("../../kit/tests/keys/rsa.pkcs8.pem"), None, "RS256", Value::Null),
        (include_str!("../../kit/tests/keys/rsa.jwk.json"), None, "RS256", json!("rsa-1")),
        (include_str!("../../kit/tests/keys/p256.sec1.pem"), None, "ES256", Value::Null),
        (include_str!("../../kit/tests/keys/p256.pkcs8.pem"), None, "ES256", Value::Null),
        (include_str!("../../kit/tests/keys/p256.jwk.json"), Some("k2"), "ES256", json!("k2")),
    ] {
        let okta = Okta::start().await;
        let private_key = Some(okta.secret("key", key));
        let key_id = key_id.map(ToOwned::to_owned);
        certified(OktaSettings { private_key, key_id, ..okta.settings() }).await;
        let request = &okta.requests().await[0];
        assert_eq!((request.method.as_str(), request.url.path()), ("POST", "/oauth2/v1/token"));
        let fields = form(request);
        assert_eq!(fields["scope"], "okta.users.read okta.groups.read");
        let header = part(&fields["client_assertion"], 0);
        assert_eq!((&header["alg"], &header["kid"]), (&json!(algorithm), &kid));
        let claims = part(&fields["client_assertion"], 1);
        assert_eq!((&claims["iss"], &claims["sub"]), (&json!("0oaservice"), &json!("0oaservice")));
        assert_eq!(claims["aud"], format!("{}/oauth2/v1/token", okta.server.uri()));
    }
}

#[tokio::test]
async fn no_more_scopes_are_asked_for_than_what_is_read_needs() {
    let okta = Okta::start().await;
    let alone = OktaSettings { groups: None, ..okta.settings() };
    assert_eq!(alone.wanted_scopes(), ["okta.users.read"]);
    let assigned = OktaSettings { assigned_to: Some(APP.to_owned()), ..okta.settings() };
    assert_eq!(assigned.wanted_scopes(), ["okta.users.read", "okta.groups.read", "okta.apps.read"]);
    let told = OktaSettings { scopes: Some(vec!["okta.users.manage".to_owned()]), ..okta.settings() };
    assert_eq!(told.wanted_scopes(), ["okta.users.manage"]);
}

#[tokio::test]
async fn a_token_that_was_narrowed_reads_nothing() {
    let okta = Okta::start().await;
    okta.break_by(|request, _| {
        let narrowed = json!({"token_type": "Bearer", "access_token": "at-1", "scope": "okta.users.read"});
        (request.url.path() == "/oauth2/v1/token").then(|| ResponseTemplate::new(200).set_body_json(narrowed))
    });
    let error = failure(okta.settings()).await;
    assert_eq!(
        error,
        "client 0oaservice may not read okta.groups.read: the token was issued without it; grant it to the app (Okta API \
         Scopes)"
    );
    assert_eq!(okta.requests().await.len(), 1, "nothing was read");
}

#[tokio::test]
async fn a_refused_sign_in_is_told_in_okta_s_words_and_not_tried_again() {
    let okta = Okta::start().await;
    okta.break_by(|request, _| {
        let said =
            json!({"error": "invalid_client", "error_description": "The client_assertion signature is invalid."});
        (request.url.path() == "/oauth2/v1/token").then(|| ResponseTemplate::new(401).set_body_json(said))
    });
    let error = read(&quick(okta.settings())).await.1.unwrap_err();
    assert!(matches!(error, ReadError::SignIn { .. }), "{error}");
    assert!(error.to_string().contains("invalid_client: The client_assertion signature is invalid."), "{error}");
    assert_eq!(okta.requests().await.len(), 1);
}

#[tokio::test]
async fn an_organisation_that_cannot_be_reached_is_no_refusal() {
    let okta = Okta::start().await;
    let settings = okta.nobody();
    for settings in [settings.clone(), token_instead(&okta, settings)] {
        let error = read(&quick(settings)).await.1.unwrap_err();
        assert!(matches!(error, ReadError::Unreachable { .. }), "{error}");
    }
}

/// The same settings with an API token.
fn token_instead(okta: &Okta, settings: OktaSettings) -> OktaSettings {
    OktaSettings { token: Some(okta.secret("token", "00secret")), client_id: None, private_key: None, ..settings }
}

#[tokio::test]
async fn an_api_token_is_sent_under_okta_s_scheme_and_nothing_is_asked_of_the_token_endpoint() {
    let okta = Okta::start().await;
    certified(token_instead(&okta, okta.settings())).await;
    for request in okta.requests().await {
        assert_eq!(request.headers["authorization"], "SSWS 00secret");
        assert_ne!(request.url.path(), "/oauth2/v1/token");
    }
}

#[tokio::test]
async fn an_api_token_that_ended_is_told_and_never_shown() {
    let okta = Okta::start().await;
    let settings = token_instead(&okta, okta.settings());
    okta.secret("token", "00ended");
    let connector = quick(settings);
    let error = read(&connector).await.1.unwrap_err();
    assert!(matches!(error, ReadError::SignIn { .. }), "{error}");
    let error = error.to_string();
    assert!(
        error.contains("E0000011") && error.contains("request req-7") && error.contains("administrator who made it")
    );
    assert!(!error.contains("00ended"), "{error}");
    let findings = connector.check().await.unwrap();
    assert!(findings.iter().any(|finding| finding.sentence.contains("E0000011")), "{findings:?}");
    assert!(!format!("{findings:?}").contains("00ended"));
}

#[tokio::test]
async fn a_token_that_is_refused_half_way_is_renewed_once() {
    let okta = Okta::start().await;
    okta.break_by(|request, number| {
        (request.url.path() == "/api/v1/groups" && number == 1)
            .then(|| refusal(401, "E0000011", "Invalid token provided"))
    });
    certified(okta.settings()).await;
    let tokens = okta.asked().await.iter().filter(|asked| asked.starts_with("/oauth2")).count();
    assert_eq!(tokens, 2);
}

#[tokio::test]
async fn a_missing_role_and_a_missing_scope_are_told_apart() {
    let okta = Okta::start().await;
    okta.break_by(|request, _| {
        let denied = refusal(403, "E0000006", "You do not have permission to perform the requested action");
        (request.url.path() == "/api/v1/groups").then_some(denied)
    });
    let error = read(&quick(okta.settings())).await.1.unwrap_err();
    assert!(matches!(error, ReadError::Denied { .. }), "{error}");
    assert!(error.to_string().contains("E0000006") && error.to_string().contains("Read-Only Administrator"), "{error}");

    let okta = Okta::start().await;
    okta.break_by(|request, _| {
        let challenge = r#"Bearer realm="IpsOktaOAuth2", scope="okta.groups.read", error="insufficient_scope", error_description="The access token provided does not contain the required scopes.""#;
        let denied = refusal(403, "E0000006", "You do not have permission").insert_header("www-authenticate", challenge);
        (request.url.path() == "/api/v1/groups").then_some(denied)
    });
    let error = failure(okta.settings()).await;
    assert!(error.contains("grant the scope okta.groups.read"), "{error}");

    let okta = Okta::start().await;
    okta.break_by(|request, _| {
        (request.url.path() == "/api/v1/users").then(|| refusal(401, "E0000015", "Feature not permitted"))
    });
    let error = read(&quick(okta.settings())).await.1.unwrap_err();
    assert!(matches!(error, ReadError::Denied { .. }) && error.to_string().contains("licence"), "{error}");
}

#[tokio::test]
async fn an_app_that_demands_proofs_reads_with_a_new_one_for_every_request() {
    let okta = Okta::start().await;
    let challenged = AtomicUsize::new(0);
    okta.break_by(move |request, _| {
        let refused = |error: &str| {
            let body = json!({"error": error, "error_description": "The DPoP proof JWT header is missing."});
            ResponseTemplate::new(400).set_body_json(body)
        };
        let proof = request.headers.get("dpop").map(|proof| part(proof.to_str().unwrap(), 1));
        if request.url.path() == "/oauth2/v1/token" {
            return Some(match proof {
                None => refused("invalid_dpop_proof"),
                Some(proof) if proof["nonce"] != "n1" => refused("use_dpop_nonce").insert_header("dpop-nonce", "n1"),
                Some(_) => ResponseTemplate::new(200).set_body_json(json!({
                    "token_type": "DPoP", "expires_in": 3600, "access_token": "at-1",
                    "scope": "okta.users.read okta.groups.read",
                })),
            });
        }
        let proof = proof.unwrap();
        assert_eq!(proof["htm"], "GET");
        assert!(!proof["htu"].as_str().unwrap().contains('?'), "{proof}");
        assert!(proof["ath"].is_string());
        assert_eq!(request.headers["authorization"], "DPoP at-1");
        // The interface wants a nonce of its own, once in a while a new one.
        let wanted = format!("r{}", challenged.load(Ordering::SeqCst) / 7);
        challenged.fetch_add(1, Ordering::SeqCst);
        if proof["nonce"] != *wanted {
            let challenge = r#"DPoP error="use_dpop_nonce""#;
            let answer = ResponseTemplate::new(401).insert_header("www-authenticate", challenge);
            return Some(answer.insert_header("dpop-nonce", wanted.as_str()));
        }
        None
    });
    okta.change(|state| state.takes_dpop = true);
    assert_eq!(certified(okta.settings()).await.len(), 12);
    let requests = okta.requests().await;
    let proofs: Vec<String> = requests
        .iter()
        .filter_map(|request| request.headers.get("dpop"))
        .map(|proof| part(proof.to_str().unwrap(), 1)["jti"].to_string())
        .collect();
    assert_eq!(proofs.iter().collect::<BTreeSet<_>>().len(), proofs.len(), "a proof was used twice");
    let assertions: Vec<String> = requests
        .iter()
        .filter(|request| request.url.path() == "/oauth2/v1/token")
        .map(|request| part(&form(request)["client_assertion"], 1)["jti"].to_string())
        .collect();
    assert_eq!(assertions.len(), 3);
    assert_eq!(assertions.iter().collect::<BTreeSet<_>>().len(), 3, "an assertion was used twice");
}

#[tokio::test]
async fn what_okta_need_not_send_is_not_asked_for() {
    let okta = Okta::start().await;
    certified(okta.settings()).await;
    for request in okta.requests().await.iter().filter(|request| request.url.path().starts_with("/api/v1/users")) {
        let header = request.headers["content-type"].to_str().unwrap();
        assert!(header.contains("okta-response=omitCredentials,"), "{header}");
    }
}
