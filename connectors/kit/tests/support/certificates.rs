//! Certificates made on the spot, and TLS servers that use them.

use std::path::PathBuf;
use std::sync::Arc;

use http_body_util::Full;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use rcgen::{BasicConstraints, CertificateParams, DistinguishedName, DnType, IsCa, Issuer, KeyPair};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

/// A certificate authority with a folder for its files.
pub(crate) struct Authority {
    folder: TempDir,
    issuer: Issuer<'static, KeyPair>,
    pem: String,
    der: CertificateDer<'static>,
}

/// A certificate and its key.
pub(crate) struct Pair {
    certificate: CertificateDer<'static>,
    pem: String,
    key: KeyPair,
}

impl Authority {
    /// A new authority that nobody trusts yet.
    pub(crate) fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut params = named(&format!("Authority {:016x}", fastrand::u64(..)), &[]);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let certificate = params.self_signed(&key).unwrap();
        let (pem, der) = (certificate.pem(), certificate.der().clone());
        Self { folder: tempfile::tempdir().unwrap(), issuer: Issuer::new(params, key), pem, der }
    }

    /// A certificate for these names.
    pub(crate) fn issue(&self, names: &[&str]) -> Pair {
        self.issue_with(&named("server", names))
    }

    /// A certificate for loopback that ended long ago.
    pub(crate) fn issue_expired(&self) -> Pair {
        let mut params = named("server", &["127.0.0.1"]);
        params.not_before = rcgen::date_time_ymd(2001, 1, 1);
        params.not_after = rcgen::date_time_ymd(2002, 1, 1);
        self.issue_with(&params)
    }

    fn issue_with(&self, params: &CertificateParams) -> Pair {
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        Pair { certificate: certificate.der().clone(), pem: certificate.pem(), key }
    }

    /// The authority's own certificate, as a file.
    pub(crate) fn file(&self) -> PathBuf {
        self.write("ca.pem", &self.pem)
    }

    /// A certificate with its key, as a file that only its owner can read.
    pub(crate) fn identity_file(&self, pair: &Pair) -> PathBuf {
        self.write("identity.pem", &format!("{}{}", pair.pem, pair.key.serialize_pem()))
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        use std::os::unix::fs::PermissionsExt;
        let path = self.folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        path
    }
}

/// A certificate that is its own authority (CA:TRUE) and is used by a server all the same.
pub(crate) fn self_signed_authority_for_loopback() -> (Authority, Pair) {
    let mut authority = Authority::new();
    let key = KeyPair::generate().unwrap();
    let mut params = named("server", &["127.0.0.1"]);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let certificate = params.self_signed(&key).unwrap();
    authority.pem = certificate.pem();
    let pair = Pair { certificate: certificate.der().clone(), pem: certificate.pem(), key };
    (authority, pair)
}

fn named(name: &str, alternatives: &[&str]) -> CertificateParams {
    let alternatives: Vec<String> = alternatives.iter().map(ToString::to_string).collect();
    let mut params = CertificateParams::new(alternatives).unwrap();
    params.distinguished_name = DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, name);
    params
}

/// A server over TLS that answers with the protocol's version and the number of client certificates it was shown.
pub(crate) struct TlsServer {
    pub(crate) url: String,
    task: JoinHandle<()>,
}

impl TlsServer {
    /// Starts a server with this certificate; with `clients`, it admits only whom that authority vouches for.
    pub(crate) async fn start(pair: &Pair, clients: Option<&Authority>) -> Self {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider));
        let builder = builder.with_safe_default_protocol_versions().unwrap();
        let builder = match clients {
            None => builder.with_no_client_auth(),
            Some(authority) => {
                let mut roots = RootCertStore::empty();
                roots.add(authority.der.clone()).unwrap();
                let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider).build().unwrap();
                builder.with_client_cert_verifier(verifier)
            }
        };
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(pair.key.serialize_der()));
        let mut config = builder.with_single_cert(vec![pair.certificate.clone()], key).unwrap();
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("https://{}/", listener.local_addr().unwrap());
        let task = tokio::spawn(accept(listener, TlsAcceptor::from(Arc::new(config))));
        Self { url, task }
    }
}

impl Drop for TlsServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn accept(listener: TcpListener, acceptor: TlsAcceptor) {
    while let Ok((stream, _)) = listener.accept().await {
        let acceptor = acceptor.clone();
        tokio::spawn(async move {
            let stream = match acceptor.accept(stream).into_fallible().await {
                Ok(stream) => stream,
                // Whoever hangs up with unread bytes sends a reset, and that can overtake the alert.
                Err((_, mut stream)) => {
                    let _ = tokio::io::copy(&mut stream, &mut tokio::io::sink()).await;
                    return;
                }
            };
            let shown = stream.get_ref().1.peer_certificates().map_or(0, <[_]>::len);
            let service = service_fn(move |request: Request<hyper::body::Incoming>| async move {
                let text = format!("{:?} with {shown} client certificates", request.version());
                Ok::<_, std::convert::Infallible>(Response::new(Full::new(bytes::Bytes::from(text))))
            });
            let _ = auto::Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), service).await;
        });
    }
}
