//! Real TLS: whom we trust, how we prove ourselves, and what an administrator is told when either fails.

use rollcall_kit::HumanDuration;
use rollcall_kit::http::{Client, HttpError, HttpSettings};
use url::Url;

use crate::support::certificates::{Authority, TlsServer, self_signed_authority_for_loopback};
use crate::support::{client, create, read};

fn trusting(authority: &Authority) -> HttpSettings {
    HttpSettings { ca_file: Some(authority.file()), attempts: 3, ..HttpSettings::default() }
}

/// The reason why a server is not trusted; it must not be asked twice.
async fn refusal(server: &TlsServer, settings: HttpSettings) -> String {
    let client = client(&server.url, settings);
    let error = client.send(create(&client)).await.unwrap_err();
    assert!(matches!(error, HttpError::Untrusted { .. }), "{error:?}");
    assert_eq!(client.stats().calls, 1, "a certificate does not get better by asking again");
    error.to_string()
}

#[tokio::test]
async fn a_server_of_the_authority_in_ca_file_is_trusted_and_spoken_to_over_http_2() {
    let authority = Authority::new();
    let server = TlsServer::start(&authority.issue(&["127.0.0.1"]), None).await;
    let client = client(&server.url, trusting(&authority));
    let answer = client.send(read(&client)).await.unwrap();
    assert_eq!(answer.body.as_ref(), b"HTTP/2.0 with 0 client certificates");
}

#[tokio::test]
async fn a_server_of_an_unknown_authority_is_refused_and_the_remedy_is_named() {
    let (authority, other) = (Authority::new(), Authority::new());
    let server = TlsServer::start(&authority.issue(&["127.0.0.1"]), None).await;
    let error = refusal(&server, trusting(&other)).await;
    assert!(error.contains("issued by an authority that is not trusted here"), "{error}");
    assert!(error.contains("ca_file"), "{error}");
}

#[tokio::test]
async fn without_ca_file_the_systems_authorities_count() {
    let authority = Authority::new();
    let server = TlsServer::start(&authority.issue(&["127.0.0.1"]), None).await;
    match Client::new(Url::parse(&server.url).unwrap(), HttpSettings::default(), None) {
        Ok(_) => {
            let error = refusal(&server, HttpSettings::default()).await;
            assert!(error.contains("not trusted here"), "{error}");
        }
        // A machine without any authorities is told how to get some.
        Err(error) => assert!(error.to_string().contains("install the package ca-certificates"), "{error}"),
    }
}

#[tokio::test]
async fn an_authority_that_is_used_as_server_certificate_is_refused_and_the_remedy_is_named() {
    let (authority, pair) = self_signed_authority_for_loopback();
    let server = TlsServer::start(&pair, None).await;
    let error = refusal(&server, trusting(&authority)).await;
    assert!(error.contains("a self-signed CA certificate is used as the server certificate"), "{error}");
    assert!(error.contains("issue a leaf certificate"), "{error}");
}

#[tokio::test]
async fn a_certificate_for_another_name_is_refused_and_its_names_are_told() {
    let authority = Authority::new();
    let server = TlsServer::start(&authority.issue(&["app.acme.com"]), None).await;
    let error = refusal(&server, trusting(&authority)).await;
    assert!(error.contains("for another name") && error.contains("app.acme.com"), "{error}");
}

#[tokio::test]
async fn an_expired_certificate_is_refused_as_such() {
    let authority = Authority::new();
    let server = TlsServer::start(&authority.issue_expired(), None).await;
    let error = refusal(&server, trusting(&authority)).await;
    assert!(error.contains("has expired; renew the certificate"), "{error}");
}

#[tokio::test]
async fn a_client_certificate_is_shown_to_a_server_that_asks_for_one() {
    let authority = Authority::new();
    let server = TlsServer::start(&authority.issue(&["127.0.0.1"]), Some(&authority)).await;
    let identity = authority.identity_file(&authority.issue(&["rollcall"]));
    let settings = HttpSettings { client_certificate: Some(identity), ..trusting(&authority) };
    let client = client(&server.url, settings);
    let answer = client.send(read(&client)).await.unwrap();
    assert_eq!(answer.body.as_ref(), b"HTTP/2.0 with 1 client certificates");
}

#[tokio::test]
async fn a_server_that_asks_for_a_client_certificate_in_vain_carried_nothing_out() {
    let authority = Authority::new();
    let server = TlsServer::start(&authority.issue(&["127.0.0.1"]), Some(&authority)).await;
    let client = client(&server.url, trusting(&authority));
    let error = client.send(create(&client)).await.unwrap_err();
    assert!(matches!(error, HttpError::Unreachable { .. }), "{error:?}");
    assert!(error.to_string().contains("client_certificate"), "{error}");
    assert_eq!(client.stats().calls, 1);
}

#[tokio::test]
async fn a_client_certificate_of_an_authority_that_the_server_does_not_know_is_named_as_the_problem() {
    let (authority, other) = (Authority::new(), Authority::new());
    let server = TlsServer::start(&authority.issue(&["127.0.0.1"]), Some(&authority)).await;
    let identity = other.identity_file(&other.issue(&["rollcall"]));
    let settings = HttpSettings { client_certificate: Some(identity), ..trusting(&authority) };
    let client = client(&server.url, settings);
    let error = client.send(create(&client)).await.unwrap_err();
    assert!(error.to_string().contains("does not accept the certificate that client_certificate names"), "{error}");
}

#[tokio::test]
async fn a_server_without_tls_is_recognised() {
    let plain = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}/", plain.local_addr().unwrap());
    let answering = tokio::spawn(async move {
        let (mut stream, _) = plain.accept().await.unwrap();
        tokio::io::AsyncWriteExt::write_all(&mut stream, b"HTTP/1.1 400 Bad Request\r\n\r\n").await.unwrap();
        tokio::time::sleep(std::time::Duration::from_secs(1)).await;
    });
    let authority = Authority::new();
    let client = client(&url, trusting(&authority));
    let error = client.send(create(&client)).await.unwrap_err();
    answering.abort();
    assert!(matches!(error, HttpError::Unreachable { .. }), "{error:?}");
    assert!(error.to_string().contains("does not speak TLS"), "{error}");
}

#[tokio::test]
async fn a_handshake_that_never_ends_is_no_connection_and_a_write_is_tried_again() {
    // The system takes the connection, and nobody ever answers.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://{}/", silent.local_addr().unwrap());
    let authority = Authority::new();
    let settings = HttpSettings { connect_timeout: HumanDuration::seconds(1), attempts: 2, ..trusting(&authority) };
    let client = client(&url, settings);
    let error = client.send(create(&client)).await.unwrap_err();
    assert!(matches!(error, HttpError::Unreachable { .. }), "{error:?}");
    assert!(error.to_string().contains("no connection within connect_timeout"), "{error}");
    assert_eq!(client.stats().calls, 2);
}

#[tokio::test]
async fn a_ca_file_without_certificates_is_refused_when_the_client_is_made() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("ca.pem");
    let make = |path: &std::path::Path| {
        let settings = HttpSettings { ca_file: Some(path.to_owned()), ..HttpSettings::default() };
        Client::new(Url::parse("https://app.internal/").unwrap(), settings, None).err().unwrap().to_string()
    };
    assert!(make(&path).contains("No such file"), "{}", make(&path));
    std::fs::write(&path, "not a certificate").unwrap();
    assert!(make(&path).contains("holds no certificate in PEM form"), "{}", make(&path));
}

#[tokio::test]
async fn a_client_certificate_that_others_can_read_is_refused() {
    use std::os::unix::fs::PermissionsExt;
    let authority = Authority::new();
    let identity = authority.identity_file(&authority.issue(&["rollcall"]));
    std::fs::set_permissions(&identity, std::fs::Permissions::from_mode(0o644)).unwrap();
    let settings = HttpSettings { client_certificate: Some(identity), ..trusting(&authority) };
    let error = Client::new(Url::parse("https://app.internal/").unwrap(), settings, None).err().unwrap();
    assert!(error.to_string().contains("can be read by others"), "{error}");
}
