//! The server that monitors ask, over TLS: who proves themselves by a certificate is answered, and nobody else.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rollcall::watch::{Readiness, WatchSettings, Watched, serve};
use rollcall_kit::http::{Client, HttpSettings, Request};
use serde_json::json;

/// Something to be asked about.
struct Well;

impl Watched for Well {
    fn readiness(&self) -> Readiness {
        Readiness { ready: true, json: json!({ "ready": true }) }
    }

    fn metrics(&self) -> String {
        "rollcall_up 1\n".to_owned()
    }
}

/// An authority and what it vouches for, as PEM files.
struct Authority {
    folder: tempfile::TempDir,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    fn new() -> Self {
        let mut parameters = CertificateParams::new(Vec::new()).unwrap();
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let authority = Self { folder: tempfile::tempdir().unwrap(), issuer: Issuer::new(parameters.clone(), key) };
        let own = parameters.self_signed(authority.issuer.key()).unwrap();
        std::fs::write(authority.path(), own.pem()).unwrap();
        authority
    }

    fn path(&self) -> PathBuf {
        self.folder.path().join("ca.pem")
    }

    /// A certificate with its key in one file.
    fn vouch(&self, name: &str) -> PathBuf {
        let key = KeyPair::generate().unwrap();
        let certificate = CertificateParams::new(vec![name.to_owned()]).unwrap().signed_by(&key, &self.issuer).unwrap();
        let path = self.folder.path().join(format!("{name}.pem"));
        std::fs::write(&path, certificate.pem() + &key.serialize_pem()).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        path
    }
}

async fn ask(port: u16, trusts: &Path, proves: Option<&Path>) -> Result<u16, String> {
    let settings = HttpSettings {
        ca_file: Some(trusts.to_owned()),
        client_certificate: proves.map(Path::to_owned),
        attempts: 1,
        ..HttpSettings::default()
    };
    let base = format!("https://localhost:{port}/metrics").parse().unwrap();
    let client = Client::new(base, settings, None).map_err(|error| error.to_string())?;
    let answer = client.send(Request::get(client.base())).await.map_err(|error| error.to_string())?;
    Ok(answer.status)
}

#[tokio::test]
async fn a_monitor_with_a_certificate_of_the_named_authority_is_answered_and_no_other() {
    let (ours, theirs) = (Authority::new(), Authority::new());
    let settings = WatchSettings {
        listen: "127.0.0.1:0".parse().unwrap(),
        certificate: Some(ours.vouch("localhost")),
        client_ca: Some(ours.path()),
        ..WatchSettings::default()
    };
    let server = serve(&settings, Arc::new(Well)).await.unwrap();
    let port = server.address().unwrap().port();
    let serving = tokio::spawn(server.run());

    assert_eq!(ask(port, &ours.path(), Some(&ours.vouch("monitor"))).await, Ok(200));
    ask(port, &ours.path(), None).await.unwrap_err();
    ask(port, &ours.path(), Some(&theirs.vouch("stranger"))).await.unwrap_err();
    let distrusts = ask(port, &theirs.path(), Some(&ours.vouch("monitor"))).await.unwrap_err();
    assert!(distrusts.contains("did not prove who it is"), "{distrusts}");
    // A connection that never begins its handshake holds up nobody.
    let _silent = tokio::net::TcpStream::connect(("127.0.0.1", port)).await.unwrap();
    assert_eq!(ask(port, &ours.path(), Some(&ours.vouch("monitor"))).await, Ok(200));
    serving.abort();
}

#[tokio::test]
async fn a_certificate_that_others_can_read_is_refused_with_the_remedy() {
    let ours = Authority::new();
    let certificate = ours.vouch("localhost");
    std::fs::set_permissions(&certificate, std::fs::Permissions::from_mode(0o644)).unwrap();
    let settings = WatchSettings { certificate: Some(certificate), ..WatchSettings::default() };
    let error = serve(&settings, Arc::new(Well)).await.err().unwrap();
    assert!(error.contains("chmod 600"), "{error}");
}
