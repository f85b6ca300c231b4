//! Token endpoints that are convinced by signed assertions and by proofs of possession.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine};
use ring::signature::{ECDSA_P256_SHA256_FIXED, UnparsedPublicKey};
use rollcall_kit::http::token::{
    Algorithm, Assertion, ClientProof, Possession, Signer, TokenEndpoint, TokenError, TokenRequest,
};
use rollcall_kit::http::{HttpError, HttpSettings, Method, Repeat, Request as Outgoing, TokenSource};
use rollcall_kit::secret::{Secret, SecretRef};
use serde_json::{Value, json};
use tempfile::TempDir;
use url::Url;
use wiremock::matchers::{any, header, header_exists, method, path};
use wiremock::{Mock, MockServer, Request, ResponseTemplate};

use crate::support::{client_with, read};

const P256: &str = include_str!("keys/p256.jwk.json");

/// A file that only its owner can read.
fn closed_file(content: &str) -> (TempDir, PathBuf) {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("key");
    std::fs::write(&file, content).unwrap();
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
    (folder, file)
}

/// A source with a key of its own.
struct Setup {
    _folder: TempDir,
    key: SecretRef,
    url: Url,
}

impl Setup {
    fn of(server: &MockServer) -> Self {
        let (folder, file) = closed_file(P256);
        let url = format!("{}/oauth2/v1/token?a=1", server.uri()).parse().unwrap();
        Self { _folder: folder, key: SecretRef::File(file), url }
    }

    fn assertion(&self) -> Assertion {
        Assertion::new(self.key.clone())
    }

    fn client(&self, assertion: Assertion) -> TokenRequest {
        let proof = ClientProof::Assertion(assertion);
        let mut request = TokenRequest::client_credentials(self.url.clone(), "0oa1", proof);
        request.scopes = vec!["users.read".to_owned(), "groups.read".to_owned()];
        request
    }
}

fn source(request: TokenRequest) -> TokenEndpoint {
    TokenEndpoint::new(request, HttpSettings::default()).unwrap().with_back_off(Duration::from_millis(2))
}

fn token(kind: &str) -> ResponseTemplate {
    ResponseTemplate::new(200)
        .set_body_json(json!({"access_token": "at-1", "token_type": kind, "expires_in": 3600, "scope": "users.read"}))
}

async fn answering(answer: ResponseTemplate) -> MockServer {
    let server = MockServer::start().await;
    Mock::given(any()).respond_with(answer).mount(&server).await;
    server
}

async fn ask(source: &TokenEndpoint) -> Result<String, String> {
    source.authorization(false).await.map(|header| header.expose().to_owned())
}

/// What was sent, as a form.
fn form(request: &Request) -> std::collections::BTreeMap<String, String> {
    url::form_urlencoded::parse(&request.body).into_owned().collect()
}

/// A JWT's header and claims, after its signature was verified by the given public key.
fn opened(jwt: &str, public: &Value) -> (Value, Value) {
    let parts: Vec<&str> = jwt.split('.').collect();
    assert_eq!(parts.len(), 3, "{jwt}");
    let bytes = |part: &str| BASE64_URL_SAFE_NO_PAD.decode(part).unwrap();
    let point = [&[4][..], &bytes(public["x"].as_str().unwrap()), &bytes(public["y"].as_str().unwrap())].concat();
    let message = format!("{}.{}", parts[0], parts[1]);
    UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point).verify(message.as_bytes(), &bytes(parts[2])).unwrap();
    (serde_json::from_slice(&bytes(parts[0])).unwrap(), serde_json::from_slice(&bytes(parts[1])).unwrap())
}

fn assertion_of(request: &Request, field: &str) -> (Value, Value) {
    opened(&form(request)[field], &serde_json::from_str(P256).unwrap())
}

/// A DPoP proof, verified by the key in its own header.
fn proof_of(request: &Request) -> (Value, Value) {
    let jwt = request.headers.get("dpop").unwrap().to_str().unwrap();
    let header: Value =
        serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(jwt.split('.').next().unwrap()).unwrap()).unwrap();
    assert_eq!(header["jwk"].get("d"), None, "the private half stays here");
    opened(jwt, &header["jwk"])
}

#[tokio::test]
async fn a_client_proves_itself_by_an_assertion_signed_with_its_key() {
    let server = answering(token("Bearer")).await;
    let setup = Setup::of(&server);
    let mut assertion = setup.assertion().claim("tenant", "acme");
    assertion.header.insert("x5t#S256".to_owned(), "thumb".into());
    assertion.not_before = true;
    assert_eq!(ask(&source(setup.client(assertion))).await.unwrap(), "Bearer at-1");
    let request = &server.received_requests().await.unwrap()[0];
    assert!(!request.headers.contains_key("authorization") && !request.headers.contains_key("dpop"));
    let fields = form(request);
    assert_eq!(fields["grant_type"], "client_credentials");
    assert_eq!(fields["client_assertion_type"], "urn:ietf:params:oauth:client-assertion-type:jwt-bearer");
    assert_eq!((&*fields["client_id"], &*fields["scope"]), ("0oa1", "users.read groups.read"));
    let (header, claims) = assertion_of(request, "client_assertion");
    assert_eq!(header, json!({"alg": "ES256", "typ": "JWT", "kid": "p256-1", "x5t#S256": "thumb"}));
    assert_eq!((&claims["iss"], &claims["sub"], &claims["tenant"]), (&json!("0oa1"), &json!("0oa1"), &json!("acme")));
    assert_eq!(claims["aud"], setup.url.as_str());
    let [issued, expires, begins] = ["iat", "exp", "nbf"].map(|name| claims[name].as_i64().unwrap());
    assert_eq!((expires - issued, begins), (300, issued));
    assert!((jiff::Timestamp::now().as_second() - issued).abs() < 30);
}

#[tokio::test]
async fn a_service_account_asks_on_its_assertions_word_alone() {
    let server = answering(token("Bearer")).await;
    let setup = Setup::of(&server);
    let assertion =
        setup.assertion().claim("iss", "a@b.iam.example").claim("sub", "admin@acme.com").claim("scope", "x y");
    let assertion = Assertion { key_id: Some("other".to_owned()), algorithm: Some(Algorithm::Es256), ..assertion };
    ask(&source(TokenRequest::jwt_bearer(setup.url.clone(), assertion))).await.unwrap();
    let request = &server.received_requests().await.unwrap()[0];
    let fields = form(request);
    assert_eq!(fields["grant_type"], "urn:ietf:params:oauth:grant-type:jwt-bearer");
    assert_eq!(fields.keys().collect::<Vec<_>>(), ["assertion", "grant_type"]);
    let (header, claims) = assertion_of(request, "assertion");
    assert_eq!(header["kid"], "other");
    assert_eq!((&claims["iss"], &claims["sub"]), (&json!("a@b.iam.example"), &json!("admin@acme.com")));
    assert_eq!((&claims["aud"], &claims["scope"]), (&json!(setup.url.as_str()), &json!("x y")));
}

/// Signs nothing, and keeps what it was to sign.
struct Elsewhere(std::sync::Mutex<Vec<Value>>);

#[async_trait::async_trait]
impl Signer for Elsewhere {
    async fn sign(&self, claims: &serde_json::Map<String, Value>) -> Result<Secret, TokenError> {
        let mut asked = self.0.lock().unwrap();
        asked.push(Value::Object(claims.clone()));
        match asked.len() {
            3 => Err(TokenError::Refused("the signer refuses".to_owned())),
            number => Ok(Secret::new(format!("signed-{number}"))),
        }
    }
}

#[tokio::test]
async fn an_assertion_is_signed_by_whoever_keeps_the_key() {
    let server = answering(token("Bearer")).await;
    let url = Url::parse(&server.uri()).unwrap();
    let assertion = Assertion::signed_elsewhere().claim("iss", "a@b.iam.example").claim("scope", "x");
    let elsewhere = Arc::new(Elsewhere(std::sync::Mutex::default()));
    let source =
        source(TokenRequest::jwt_bearer(url.clone(), assertion)).with_signer(Arc::<Elsewhere>::clone(&elsewhere));
    ask(&source).await.unwrap();
    source.authorization(true).await.unwrap();
    let sent: Vec<_> =
        server.received_requests().await.unwrap().iter().map(|one| form(one)["assertion"].clone()).collect();
    assert_eq!(sent, ["signed-1", "signed-2"], "each token has an assertion of its own");
    let error = source.authorization(true).await.err().unwrap();
    assert_eq!(error, "the signer refuses");
    let asked = elsewhere.0.lock().unwrap();
    assert_eq!((&asked[0]["iss"], &asked[0]["aud"]), (&json!("a@b.iam.example"), &json!(url.as_str())));
    assert_eq!(asked[0]["exp"].as_i64().unwrap() - asked[0]["iat"].as_i64().unwrap(), 300);
    assert_ne!(asked[0]["jti"], asked[1]["jti"]);
}

#[tokio::test]
async fn every_attempt_has_an_assertion_of_its_own() {
    let server = MockServer::start().await;
    Mock::given(any()).respond_with(ResponseTemplate::new(503)).up_to_n_times(3).mount(&server).await;
    Mock::given(any()).respond_with(token("Bearer")).mount(&server).await;
    let setup = Setup::of(&server);
    let source = source(setup.client(setup.assertion()));
    ask(&source).await.unwrap();
    source.authorization(true).await.unwrap();
    let requests = server.received_requests().await.unwrap();
    let ids: BTreeSet<String> =
        requests.iter().map(|one| assertion_of(one, "client_assertion").1["jti"].to_string()).collect();
    assert_eq!((requests.len(), ids.len()), (5, 5), "an id was used twice");
}

#[tokio::test]
async fn an_assertion_that_others_put_into_a_file_is_read_anew() {
    let server = answering(token("Bearer")).await;
    let setup = Setup::of(&server);
    let (_folder, file) = closed_file("first\n");
    let proof = ClientProof::Federated(SecretRef::File(file.clone()));
    let source = source(TokenRequest::client_credentials(setup.url.clone(), "app", proof));
    ask(&source).await.unwrap();
    std::fs::write(&file, "second").unwrap();
    source.authorization(true).await.unwrap();
    let sent: Vec<_> =
        server.received_requests().await.unwrap().iter().map(|one| form(one)["client_assertion"].clone()).collect();
    assert_eq!(sent, ["first", "second"]);
}

#[tokio::test]
async fn a_narrowed_scope_is_told() {
    let server = answering(token("Bearer")).await;
    let setup = Setup::of(&server);
    let narrowed = source(setup.client(setup.assertion()));
    assert_eq!(narrowed.granted_scopes().await.unwrap(), ["users.read"]);
    assert_eq!(narrowed.missing_scopes().await.unwrap(), ["groups.read"]);
    assert_eq!(server.received_requests().await.unwrap().len(), 1, "the token in hand tells");
    // A server that says nothing gave what was asked for.
    let silent = json!({"access_token": "at-1", "token_type": "Bearer"});
    let server = answering(ResponseTemplate::new(200).set_body_json(silent)).await;
    let setup = Setup::of(&server);
    assert!(source(setup.client(setup.assertion())).missing_scopes().await.unwrap().is_empty());
}

#[tokio::test]
async fn an_endpoint_that_cannot_be_reached_is_told_from_one_that_refuses() {
    let server = answering(ResponseTemplate::new(400).set_body_json(json!({"error": "invalid_scope"}))).await;
    let setup = Setup::of(&server);
    let refused = source(setup.client(setup.assertion())).granted_scopes().await;
    assert!(matches!(refused, Err(TokenError::Refused(_))), "{refused:?}");
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let token_url = format!("http://{}/token", listener.local_addr().unwrap()).parse().unwrap();
    drop(listener);
    let away = source(TokenRequest { token_url, ..setup.client(setup.assertion()) }).granted_scopes().await;
    assert!(matches!(away, Err(TokenError::Http(HttpError::Unreachable { .. }))), "{away:?}");
}

#[tokio::test]
async fn a_refusal_quotes_no_assertion_and_blames_a_clock_that_is_wrong() {
    let server = MockServer::start().await;
    let date = httpdate::fmt_http_date(std::time::SystemTime::now() + Duration::from_secs(600));
    let answer = move |request: &Request| {
        let said = format!("{} has expired", form(request)["client_assertion"]);
        ResponseTemplate::new(401)
            .insert_header("date", date.as_str())
            .set_body_json(json!({"error": "invalid_client", "error_description": said}))
    };
    Mock::given(any()).respond_with(answer).mount(&server).await;
    let setup = Setup::of(&server);
    let error = ask(&source(setup.client(setup.assertion()))).await.unwrap_err();
    assert!(error.contains("refused client 0oa1 (status 401): invalid_client: [secret] has expired"), "{error}");
    assert!(error.contains("seconds behind the server's") && error.ends_with("set the clock"), "{error}");
}

#[tokio::test]
async fn a_key_that_cannot_be_used_is_named_and_nothing_is_sent() {
    let server = answering(token("Bearer")).await;
    let setup = Setup::of(&server);
    let (_folder, file) = closed_file("no key");
    let error = ask(&source(setup.client(Assertion::new(SecretRef::File(file.clone()))))).await.unwrap_err();
    assert!(error.starts_with(&format!("the key file {}: it holds no private key", file.display())), "{error}");
    assert!(server.received_requests().await.unwrap().is_empty());
}

/// An endpoint that issues tokens only to proofs with its nonce, as the applications of some providers demand it.
async fn demanding_proofs(first_refusal: &'static str) -> MockServer {
    let server = MockServer::start().await;
    let endpoint = move |request: &Request| {
        let refused = |error: &str| {
            ResponseTemplate::new(400)
                .set_body_json(json!({"error": error, "error_description": "The DPoP proof is missing."}))
        };
        if !request.headers.contains_key("dpop") {
            return refused(first_refusal);
        }
        let (header, claims) = proof_of(request);
        assert_eq!((&header["typ"], &header["alg"]), (&json!("dpop+jwt"), &json!("ES256")));
        assert_eq!(claims["htm"], "POST");
        assert!(claims["htu"].as_str().unwrap().ends_with("/oauth2/v1/token"), "{claims}");
        assert_eq!(claims.get("ath"), None);
        match claims["nonce"].as_str() {
            Some("n-1") => token("DPoP"),
            _ => refused("use_dpop_nonce").insert_header("dpop-nonce", "n-1"),
        }
    };
    Mock::given(method("POST")).and(path("/oauth2/v1/token")).respond_with(endpoint).mount(&server).await;
    server
}

#[tokio::test]
async fn a_server_that_demands_proofs_gets_them_with_its_nonce_and_a_new_assertion_each_time() {
    for refusal in ["invalid_dpop_proof", "invalid_grant"] {
        let server = demanding_proofs(refusal).await;
        let setup = Setup::of(&server);
        assert_eq!(ask(&source(setup.client(setup.assertion()))).await.unwrap(), "DPoP at-1");
        let requests = server.received_requests().await.unwrap();
        assert_eq!(requests.len(), 3, "without a proof, without the nonce, with both");
        let assertions: BTreeSet<String> =
            requests.iter().map(|one| assertion_of(one, "client_assertion").1["jti"].to_string()).collect();
        assert_eq!(assertions.len(), 3);
        assert_ne!(proof_of(&requests[1]).1["jti"], proof_of(&requests[2]).1["jti"]);
    }
}

#[tokio::test]
async fn a_source_that_may_not_use_proofs_sends_none_and_one_that_always_does_begins_with_one() {
    let server = demanding_proofs("invalid_dpop_proof").await;
    let setup = Setup::of(&server);
    let never = TokenRequest { possession: Possession::Never, ..setup.client(setup.assertion()) };
    assert!(ask(&source(never)).await.unwrap_err().contains("invalid_dpop_proof"));
    assert_eq!(server.received_requests().await.unwrap().len(), 1);
    let always = TokenRequest { possession: Possession::Always, ..setup.client(setup.assertion()) };
    ask(&source(always)).await.unwrap();
    assert_eq!(server.received_requests().await.unwrap().len(), 3, "one for the nonce, one for the token");
}

#[tokio::test]
async fn a_server_that_is_never_content_with_a_proof_ends_in_its_own_words() {
    let refused = ResponseTemplate::new(400)
        .set_body_json(json!({"error": "use_dpop_nonce"}))
        .insert_header("dpop-nonce", "another");
    let server = answering(refused).await;
    let setup = Setup::of(&server);
    let error = ask(&source(setup.client(setup.assertion()))).await.unwrap_err();
    assert!(error.contains("use_dpop_nonce"), "{error}");
    assert!(server.received_requests().await.unwrap().len() <= 5);
}

#[tokio::test]
async fn a_token_without_the_proof_that_was_not_asked_for_is_no_dpop_token() {
    let server = answering(token("DPoP")).await;
    let setup = Setup::of(&server);
    let error = ask(&source(setup.client(setup.assertion()))).await.unwrap_err();
    assert!(error.contains("no bearer token"), "{error}");
}

#[tokio::test]
async fn each_call_under_a_bound_token_carries_a_proof_of_its_own_even_when_it_is_repeated() {
    let issuer = demanding_proofs("invalid_dpop_proof").await;
    let setup = Setup::of(&issuer);
    let server = MockServer::start().await;
    // A page that is throttled first, then asks for a nonce of its own, then comes.
    Mock::given(any()).respond_with(ResponseTemplate::new(503)).up_to_n_times(1).mount(&server).await;
    let challenge = ResponseTemplate::new(401)
        .insert_header(
            "www-authenticate",
            r#"DPoP error="use_dpop_nonce", error_description="Resource server requires nonce""#,
        )
        .insert_header("dpop-nonce", "r-1");
    Mock::given(any()).respond_with(challenge).up_to_n_times(1).mount(&server).await;
    Mock::given(header_exists("dpop"))
        .and(header("authorization", "DPoP at-1"))
        .respond_with(ResponseTemplate::new(200))
        .mount(&server)
        .await;
    let client = client_with(&server.uri(), Arc::new(source(setup.client(setup.assertion()))));
    let url = client.url(&["Users"]).with_query(&[("limit", "200")]);
    assert_eq!(client.send(Outgoing { url, ..read(&client) }).await.unwrap().status, 200);
    let requests = server.received_requests().await.unwrap();
    let proofs: Vec<Value> = requests.iter().map(|one| proof_of(one).1).collect();
    assert_eq!(proofs.iter().map(|proof| proof["jti"].to_string()).collect::<BTreeSet<_>>().len(), 3);
    assert_eq!((proofs[1].get("nonce"), &proofs[2]["nonce"]), (None, &json!("r-1")), "the issuer's nonce is another");
    for proof in &proofs {
        assert_eq!((&proof["htm"], &proof["htu"]), (&json!("GET"), &json!(format!("{}/Users", server.uri()))));
        // base64url(SHA-256("at-1"))
        let hash = ring::digest::digest(&ring::digest::SHA256, b"at-1");
        assert_eq!(proof["ath"], BASE64_URL_SAFE_NO_PAD.encode(hash));
    }
    assert_eq!(issuer.received_requests().await.unwrap().len(), 3, "a challenge is no reason to renew the token");
}

#[tokio::test]
async fn a_write_that_only_lacked_a_nonce_is_sent_again_because_it_was_not_done() {
    let issuer = demanding_proofs("invalid_dpop_proof").await;
    let setup = Setup::of(&issuer);
    let server = MockServer::start().await;
    let challenge = ResponseTemplate::new(401).insert_header("www-authenticate", r#"DPoP error="use_dpop_nonce""#);
    Mock::given(any()).respond_with(challenge.insert_header("dpop-nonce", "r-1")).up_to_n_times(1).mount(&server).await;
    Mock::given(any()).respond_with(ResponseTemplate::new(201)).mount(&server).await;
    let client = client_with(&server.uri(), Arc::new(source(setup.client(setup.assertion()))));
    let write = Outgoing { method: Method::POST, repeat: Repeat::Never, ..read(&client) };
    assert_eq!(client.send(write).await.unwrap().status, 201);
}
