//! How connections come about: nothing goes over the wire in clear, to the wrong server, or twice.

use rollcall_kit::{Connector, ReadError};
use rollcall_ldap::connector;
use rollcall_test_servers::ldap::{DirectoryServer, FaultProxy, OpenLdap};

use crate::support::Setup;

#[tokio::test]
async fn both_ways_to_tls_work_and_every_wrong_certificate_is_named() {
    let server = OpenLdap::start(60, 3);
    let mut setup = Setup::of(&server);
    assert_eq!(setup.read().await.unwrap().users.len() as u64, server.people());

    setup.settings.servers = vec![server.ldap_url().parse().unwrap()];
    setup.settings.start_tls = true;
    assert_eq!(setup.read().await.unwrap().users.len() as u64, server.people());

    for start_tls in [true, false] {
        let url = if start_tls { server.ldap_url() } else { server.ldaps_url() };
        setup.settings.servers = vec![url.parse().unwrap()];
        setup.settings.start_tls = start_tls;
        setup.settings.ca_file = Some(server.other_ca_file());
        let error = setup.read().await.unwrap_err();
        assert!(matches!(error, ReadError::Untrusted { .. }), "{error}");
        assert!(error.to_string().contains("set ca_file"), "{error}");
    }
}

#[tokio::test]
async fn an_authority_used_as_a_server_is_refused_with_the_remedy() {
    let server = OpenLdap::start_with(60, 3, &[("CERTIFICATE", "selfsigned")]);
    let mut setup = Setup::of(&server);
    setup.settings.ca_file = Some(server.self_signed_file());
    let error = setup.read().await.unwrap_err();
    assert!(matches!(error, ReadError::Untrusted { .. }) && error.to_string().contains("CA:FALSE"), "{error}");
}

#[tokio::test]
async fn start_tls_never_falls_back_to_clear_text() {
    let server = OpenLdap::start(60, 3);
    // The proxy passes the request on and then cannot follow the handshake: a connection that stays in clear text.
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let refusing = tokio::spawn(async move {
        use tokio::io::{AsyncReadExt, AsyncWriteExt};
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut request = [0; 31];
        stream.read_exact(&mut request).await.unwrap();
        // "Protocol error": the server does not know StartTLS.
        stream.write_all(b"\x30\x0c\x02\x01\x01\x78\x07\x0a\x01\x02\x04\x00\x04\x00").await.unwrap();
        let mut more = Vec::new();
        stream.read_to_end(&mut more).await.unwrap();
        more
    });
    let mut setup = Setup::of(&server);
    setup.settings.servers = vec![format!("ldap://127.0.0.1:{port}").parse().unwrap()];
    setup.settings.start_tls = true;
    let error = setup.read().await.unwrap_err();
    assert!(error.to_string().contains("refuses to switch to TLS"), "{error}");
    assert_eq!(refusing.await.unwrap(), b"", "nothing was sent after the refusal");
}

#[tokio::test]
async fn a_wrong_password_is_tried_once_and_an_empty_one_never() {
    let server = OpenLdap::start(60, 3);
    let mut setup = Setup::of(&server);
    let (dn, _) = server.reader();
    // Two ways to the same server: a refused sign-in must not be tried on the second.
    let again = FaultProxy::start(server.ldap_url(), &[]);
    setup.settings.danger_clear_text = true;
    setup.settings.servers.push(again.url().parse().unwrap());
    setup.sign_in(dn, "wrong");
    let error = setup.read().await.unwrap_err();
    assert!(matches!(error, ReadError::SignIn { .. }), "{error}");
    assert!(error.to_string().contains("not tried again") && !error.to_string().contains("wrong\""), "{error}");

    setup.sign_in(dn, "");
    let error = setup.read().await.unwrap_err();
    assert!(matches!(error, ReadError::Settings(_)) && error.to_string().contains("empty"), "{error}");
}

#[tokio::test]
async fn servers_are_tried_in_order_and_all_are_named_when_none_answers() {
    let server = OpenLdap::start(60, 3);
    let mut setup = Setup::of(&server);
    let closed = format!("ldaps://127.0.0.1:{}", rollcall_test_servers::free_port());
    setup.settings.servers.insert(0, closed.parse().unwrap());
    let reading = setup.read().await.unwrap();
    assert_eq!(reading.certificate.source().server, server.ldaps_url());

    setup.settings.servers = vec![closed.parse().unwrap(), "ldaps://nowhere.invalid".parse().unwrap()];
    let error = setup.read().await.unwrap_err();
    assert!(matches!(error, ReadError::Unreachable { .. }), "{error}");
    assert!(error.to_string().contains(&closed) && error.to_string().contains("nowhere.invalid"), "{error}");
}

#[tokio::test]
async fn clear_text_works_only_by_its_name() {
    let server = OpenLdap::start(60, 3);
    let mut setup = Setup::of(&server);
    setup.settings.servers = vec![server.ldap_url().parse().unwrap()];
    assert!(matches!(connector(setup.settings.clone()), Err(ReadError::Settings(_))));
    setup.settings.danger_clear_text = true;
    assert_eq!(setup.read().await.unwrap().users.len() as u64, server.people());
    let findings = setup.connector().check().await.unwrap();
    assert!(findings.iter().any(|finding| finding.sentence.contains("danger_clear_text")));
}
