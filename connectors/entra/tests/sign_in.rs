//! Signing in: by a secret, a certificate, another provider's token and a managed identity, and in vain.

use std::collections::{BTreeMap, BTreeSet};

use ring::digest::{SHA1_FOR_LEGACY_USE_ONLY, SHA256, digest};
use ring::signature::{RSA_PKCS1_2048_8192_SHA256, RSA_PSS_2048_8192_SHA256, UnparsedPublicKey};
use rollcall_entra::{Cloud, EntraSettings, ManagedIdentitySettings, connector};
use rollcall_kit::http::token::Algorithm;
use rollcall_kit::{Connector, ReadError};
use serde_json::{Value, json};
use wiremock::{Request, ResponseTemplate};

use crate::support::{Answer, CLIENT, Graph, TENANT, access_token, alone, certified, failure, quick, read};

const TOKEN: &str = "/11111111-1111-1111-1111-111111111111/oauth2/v2.0/token";

fn form(request: &Request) -> BTreeMap<String, String> {
    url::form_urlencoded::parse(&request.body).into_owned().collect()
}

/// The forms that were sent to the token endpoint.
async fn forms(graph: &Graph) -> Vec<BTreeMap<String, String>> {
    graph.requests().await.iter().filter(|request| request.url.path() == TOKEN).map(form).collect()
}

fn decoded(text: &str) -> Vec<u8> {
    use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine};
    BASE64_URL_SAFE_NO_PAD.decode(text).unwrap()
}

/// A part of a JWT: 0 is its header, 1 its claims.
fn part(jwt: &str, number: usize) -> Value {
    serde_json::from_slice(&decoded(jwt.split('.').nth(number).unwrap())).unwrap()
}

#[tokio::test]
async fn a_secret_travels_in_the_form_and_the_scope_is_all_of_graph() {
    let graph = Graph::start().await;
    certified(alone(graph.settings())).await;
    let expected = [
        ("client_id", CLIENT),
        ("client_secret", "hunter2"),
        ("grant_type", "client_credentials"),
        ("scope", &format!("{}/.default", graph.server.uri())),
    ];
    let expected: BTreeMap<String, String> = expected.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    assert_eq!(forms(&graph).await, [expected]);
    assert!(!graph.requests().await[0].headers.contains_key("authorization"));
}

/// A certificate of the RSA key that the tests share, in a file with or without the key, and its DER.
fn certificate(graph: &Graph, name: &str, with_key: bool) -> (EntraSettings, Vec<u8>, Vec<u8>) {
    let pem = include_str!("../../kit/tests/keys/rsa.pkcs8.pem");
    let key = rcgen::KeyPair::from_pem(pem).unwrap();
    let certificate = rcgen::CertificateParams::new(vec![name.to_owned()]).unwrap().self_signed(&key).unwrap();
    let path = graph.secrets.path().join("app.crt");
    let text = if with_key { format!("{pem}\n{}", certificate.pem()) } else { certificate.pem() };
    graph.secret("app.crt", &text);
    let settings = EntraSettings {
        client_secret: None,
        certificate: Some(path),
        private_key: (!with_key).then(|| graph.secret("app.key", pem)),
        ..alone(graph.settings())
    };
    (settings, certificate.der().to_vec(), key.public_key_raw().to_vec())
}

#[tokio::test]
async fn a_certificate_signs_as_microsofts_own_clients_do() {
    for (algorithm, with_key) in [(None, false), (Some(Algorithm::Ps256), true), (Some(Algorithm::Rs256), false)] {
        let graph = Graph::start().await;
        let (settings, der, public) = certificate(&graph, "first", with_key);
        certified(EntraSettings { algorithm, ..settings }).await;
        let form = &forms(&graph).await[0];
        assert_eq!(form["client_assertion_type"], "urn:ietf:params:oauth:client-assertion-type:jwt-bearer");
        assert_eq!((&*form["client_id"], &*form["grant_type"]), (CLIENT, "client_credentials"));
        assert!(!form.contains_key("client_secret"));
        let jwt = &form["client_assertion"];
        let header = part(jwt, 0);
        let names: BTreeSet<&str> = header.as_object().unwrap().keys().map(String::as_str).collect();
        let (message, signature) = jwt.rsplit_once('.').unwrap();
        if algorithm == Some(Algorithm::Rs256) {
            assert_eq!(names, BTreeSet::from(["alg", "typ", "x5t"]));
            assert_eq!((&header["alg"], &header["typ"]), (&json!("RS256"), &json!("JWT")));
            let thumbprint = decoded(header["x5t"].as_str().unwrap());
            assert_eq!(thumbprint, digest(&SHA1_FOR_LEGACY_USE_ONLY, &der).as_ref());
            let key = UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, &public);
            key.verify(message.as_bytes(), &decoded(signature)).unwrap();
        } else {
            assert_eq!(names, BTreeSet::from(["alg", "typ", "x5t#S256"]));
            assert_eq!((&header["alg"], &header["typ"]), (&json!("PS256"), &json!("JWT")));
            assert_eq!(decoded(header["x5t#S256"].as_str().unwrap()), digest(&SHA256, &der).as_ref());
            let key = UnparsedPublicKey::new(&RSA_PSS_2048_8192_SHA256, &public);
            key.verify(message.as_bytes(), &decoded(signature)).unwrap();
        }
        let claims = part(jwt, 1);
        assert_eq!((&claims["iss"], &claims["sub"]), (&json!(CLIENT), &json!(CLIENT)));
        assert_eq!(claims["aud"], format!("{}{TOKEN}", graph.server.uri()));
        let [issued, from, until] = ["iat", "nbf", "exp"].map(|name| claims[name].as_i64().unwrap());
        assert_eq!((issued, until - issued), (from, 600));
        assert!(claims["jti"].as_str().unwrap().len() >= 20);
    }
}

#[tokio::test]
async fn a_certificate_that_was_replaced_counts_from_the_next_read_on() {
    let graph = Graph::start().await;
    let (settings, ..) = certificate(&graph, "first", true);
    let connector = quick(settings);
    read(&connector).await.1.unwrap();
    certificate(&graph, "second", true);
    read(&connector).await.1.unwrap();
    let thumbprints: BTreeSet<String> =
        forms(&graph).await.iter().map(|form| part(&form["client_assertion"], 0)["x5t#S256"].to_string()).collect();
    assert_eq!(thumbprints.len(), 2);
}

#[tokio::test]
async fn a_certificate_file_without_a_certificate_or_a_key_is_named() {
    let graph = Graph::start().await;
    let (settings, ..) = certificate(&graph, "first", false);
    let no_key = EntraSettings { private_key: None, ..settings.clone() };
    let error = failure(no_key).await;
    assert!(error.contains("app.crt") && error.contains("holds no private key"), "{error}");
    graph.secret("app.crt", "nothing");
    let error = connector(settings).err().unwrap().to_string();
    assert!(error.contains("app.crt holds no certificate in PEM"), "{error}");
}

#[tokio::test]
async fn a_federated_token_is_read_afresh_for_each_token() {
    let graph = Graph::start().await;
    let federated = Some(graph.secret("federated", "outside-1"));
    let settings = EntraSettings { client_secret: None, federated_token: federated, ..alone(graph.settings()) };
    let connector = quick(settings);
    read(&connector).await.1.unwrap();
    graph.secret("federated", "outside-2");
    read(&connector).await.1.unwrap();
    let forms = forms(&graph).await;
    let sent: Vec<&str> = forms.iter().map(|form| &*form["client_assertion"]).collect();
    assert_eq!(sent, ["outside-1", "outside-2"]);
    assert!(forms.iter().all(|form| form["client_assertion_type"].ends_with(":jwt-bearer")));
}

#[tokio::test]
async fn a_managed_identity_asks_azure_itself() {
    let graph = Graph::start().await;
    graph.break_front(|request, number| {
        let token = access_token(Some(&["User.Read.All"]), 0);
        (request.url.path() == "/metadata/identity/oauth2/token").then(|| {
            // Azure writes numbers as texts, and App Service only the moment of the end.
            let mut body = json!({"access_token": token, "expires_on": "32503680000", "token_type": "Bearer"});
            if number == 1 {
                body["expires_in"] = "86399".into();
            }
            ResponseTemplate::new(200).set_body_json(body)
        })
    });
    let endpoint = format!("{}/metadata/identity/oauth2/token", graph.server.uri());
    for header in [None, Some(graph.secret("header", "h-secret"))] {
        let of_machine = header.is_none();
        let identity = ManagedIdentitySettings { endpoint: endpoint.parse().ok(), header };
        let settings = EntraSettings {
            tenant: None,
            client_secret: None,
            client_id: of_machine.then(|| CLIENT.to_owned()),
            managed_identity: Some(identity),
            ..alone(graph.settings())
        };
        certified(settings).await;
        let requests = graph.requests().await;
        let asked: Vec<&Request> =
            requests.iter().filter(|request| request.url.path().starts_with("/metadata")).collect();
        let last = asked.last().unwrap();
        let query: BTreeMap<String, String> = last.url.query_pairs().into_owned().collect();
        assert_eq!(query["resource"], graph.server.uri());
        if of_machine {
            assert_eq!(asked.len(), 1, "a token is kept as long as it counts");
            assert_eq!((&*query["api-version"], &*query["client_id"]), ("2018-02-01", CLIENT));
            assert_eq!(last.headers["metadata"], "true");
        } else {
            assert_eq!((&*query["api-version"], query.get("client_id")), ("2019-08-01", None));
            assert_eq!(last.headers["x-identity-header"], "h-secret");
            assert!(!last.headers.contains_key("metadata"));
        }
    }
}

#[tokio::test]
async fn a_machine_without_an_identity_is_told() {
    let graph = Graph::start().await;
    graph.break_front(|request, _| {
        let said = json!({"error": "invalid_request", "error_description": "Identity not found"});
        request.url.path().starts_with("/metadata").then(|| ResponseTemplate::new(400).set_body_json(said))
    });
    let endpoint = format!("{}/metadata", graph.server.uri()).parse().ok();
    let managed_identity = Some(ManagedIdentitySettings { endpoint, header: None });
    let settings = EntraSettings { client_secret: None, managed_identity, ..graph.settings() };
    let error = read(&quick(settings)).await.1.unwrap_err();
    assert!(matches!(error, ReadError::SignIn { .. }), "{error}");
    assert!(error.to_string().contains("Identity not found; assign an identity to the machine"), "{error}");
}

#[tokio::test]
async fn every_cloud_has_places_of_its_own() {
    let graph = Graph::start().await;
    for (cloud, login, place) in [
        (Cloud::Global, "login.microsoftonline.com", "graph.microsoft.com"),
        (Cloud::UsGovernment, "login.microsoftonline.us", "graph.microsoft.us"),
        (Cloud::UsDod, "login.microsoftonline.us", "dod-graph.microsoft.us"),
        (Cloud::China, "login.chinacloudapi.cn", "microsoftgraph.chinacloudapi.cn"),
    ] {
        // A proxy that refuses tells where the request was meant to go.
        let mut settings = EntraSettings { cloud, login_url: None, graph_url: None, ..graph.settings() };
        settings.http.proxy = "http://127.0.0.1:9".parse().ok();
        settings.http.attempts = 1;
        let error = read(&quick(settings.clone())).await.1.unwrap_err().to_string();
        assert!(error.contains(login), "{error}");
        settings.login_url = graph.server.uri().parse().ok();
        settings.http.proxy = None;
        let server = rollcall_entra::connector(settings).unwrap();
        assert_eq!(server.server(), format!("https://{place}"));
    }
}

#[tokio::test]
async fn a_permission_that_was_granted_counts_at_the_next_read_without_a_restart() {
    let graph = Graph::start().await;
    graph.change(|state| state.roles = Some(vec!["User.Read.All"]));
    let connector = quick(graph.settings());
    let error = read(&connector).await.1.unwrap_err();
    assert!(matches!(error, ReadError::Denied { .. }), "{error}");
    assert_eq!(
        error.to_string(),
        format!(
            "client {CLIENT} may not read GroupMember.Read.All: the token was issued without it; grant the app the \
             application permission and admin consent"
        )
    );
    assert_eq!(graph.asked().len(), 0, "nothing was read");
    graph.change(|state| state.roles = Some(vec!["Directory.Read.All"]));
    read(&connector).await.1.unwrap();
    assert_eq!(graph.count(TOKEN).await, 2);
}

#[tokio::test]
async fn a_refused_sign_in_is_told_with_the_remedy_and_not_tried_again() {
    for (code, words) in [
        ("AADSTS7000215: Invalid client secret provided.", "name the secret's value, not its id"),
        ("AADSTS7000222: The provided client secret keys are expired.", "the secret has expired"),
        ("AADSTS700027: Client assertion failed signature validation.", "the certificate is not registered"),
        ("AADSTS700016: Application not found in the directory.", "there is no such app in this tenant"),
        ("AADSTS90002: Tenant not found.", "there is no such tenant in this cloud"),
    ] {
        let graph = Graph::start().await;
        graph.break_front(move |request, _| {
            let said =
                json!({"error": "invalid_client", "error_description": code, "error_codes": [1], "trace_id": "t"});
            (request.url.path() == TOKEN).then(|| ResponseTemplate::new(401).set_body_json(said))
        });
        let error = read(&quick(graph.settings())).await.1.unwrap_err();
        assert!(matches!(error, ReadError::SignIn { .. }), "{error}");
        let error = error.to_string();
        assert!(error.contains(code.trim_end_matches('.')) && error.contains(words), "{error}");
        assert!(!error.contains("hunter2"), "{error}");
        assert_eq!(graph.requests().await.len(), 1);
    }
}

#[tokio::test]
async fn a_throttled_token_endpoint_is_asked_again() {
    let graph = Graph::start().await;
    graph.break_front(|request, number| {
        (request.url.path() == TOKEN && number == 1)
            .then(|| ResponseTemplate::new(429).insert_header("retry-after", "0"))
    });
    certified(alone(graph.settings())).await;
    assert_eq!(graph.count(TOKEN).await, 2);
}

#[tokio::test]
async fn a_token_that_is_refused_half_way_is_renewed_once() {
    let graph = Graph::start().await;
    graph.break_by(|ask| {
        (ask.path == "/v1.0/groups" && ask.number == 1)
            .then(|| Answer::error(401, "InvalidAuthenticationToken", "Access token has expired."))
    });
    certified(graph.settings()).await;
    assert_eq!(graph.count(TOKEN).await, 2);
    graph.break_by(|ask| {
        (ask.path == "/v1.0/groups").then(|| Answer::error(401, "InvalidAuthenticationToken", "Invalid audience."))
    });
    let error = read(&quick(graph.settings())).await.1.unwrap_err();
    assert!(matches!(error, ReadError::SignIn { .. }), "{error}");
    assert!(error.to_string().contains("compare cloud, login_url and graph_url"), "{error}");
}

#[tokio::test]
async fn an_unreachable_place_is_no_refusal() {
    let graph = Graph::start().await;
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url: url::Url = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
    drop(listener);
    for nowhere in ["login", "graph"] {
        let mut settings = graph.settings();
        settings.http.attempts = 1;
        *(if nowhere == "login" { &mut settings.login_url } else { &mut settings.graph_url }) = Some(url.clone());
        let connector = quick(settings);
        for error in [read(&connector).await.1.unwrap_err(), connector.check().await.unwrap_err()] {
            assert!(matches!(error, ReadError::Unreachable { .. }), "{nowhere}: {error}");
        }
    }
}

#[tokio::test]
async fn the_tenant_stands_in_the_path_and_nothing_of_it_is_lost() {
    let graph = Graph::start().await;
    certified(alone(graph.settings())).await;
    assert_eq!(graph.requests().await[0].url.path(), format!("/{TENANT}/oauth2/v2.0/token"));
}
