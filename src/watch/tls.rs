//! TLS for the server that monitors ask: our certificate, and perhaps theirs.

use std::path::Path;
use std::sync::Arc;

use rollcall_kit::secret::SecretRef;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig};

/// The configuration of the server's side.
///
/// # Errors
///
/// In a sentence that names the file.
pub(super) fn config(certificate: &Path, client_ca: Option<&Path>) -> Result<ServerConfig, String> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| format!("TLS cannot be set up: {error}"))?;
    let builder = match client_ca {
        None => builder.with_no_client_auth(),
        Some(path) => {
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(authorities(path)?), provider)
                .build()
                .map_err(|error| format!("client_ca {} cannot be used: {error}", path.display()))?;
            builder.with_client_cert_verifier(verifier)
        }
    };
    let refuse = |problem: &str| format!("certificate {}: {problem}", certificate.display());
    let pem = SecretRef::File(certificate.to_owned()).resolve().map_err(|error| error.to_string())?;
    let pem = pem.expose().as_bytes();
    let chain = CertificateDer::pem_slice_iter(pem)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|_| refuse("is no sound PEM file"))?;
    let key = PrivateKeyDer::from_pem_slice(pem).map_err(|_| refuse("holds no private key in PEM form"))?;
    builder.with_single_cert(chain, key).map_err(|error| refuse(&format!("cannot be used ({error})")))
}

fn authorities(path: &Path) -> Result<RootCertStore, String> {
    let refuse = |problem: String| format!("client_ca {}: {problem}", path.display());
    let pem = std::fs::read(path).map_err(|error| refuse(error.to_string()))?;
    let mut store = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&pem) {
        let certificate = certificate.map_err(|error| refuse(format!("is no sound PEM file ({error})")))?;
        store.add(certificate).map_err(|error| refuse(format!("holds a certificate that cannot be used ({error})")))?;
    }
    Ok(store)
}
