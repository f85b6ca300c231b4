//! Whom we trust, and how we prove ourselves.
//!
//! rustls with ring, configured here and handed to reqwest whole, so that no process-wide provider decides.

use std::path::Path;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};
use rustls_platform_verifier::Verifier;

use super::{HttpError, HttpSettings};
use crate::secret::SecretRef;

/// The TLS configuration that the settings ask for. Without `used`, as for a target on plain HTTP, nothing is loaded
/// from the system, which may have no authorities at all.
pub(super) fn config(settings: &HttpSettings, used: bool) -> Result<ClientConfig, HttpError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| HttpError::Settings(format!("TLS cannot be set up: {error}")))?;
    let builder = match &settings.ca_file {
        Some(path) => builder.with_root_certificates(authorities(path)?),
        None if !used => builder.with_root_certificates(RootCertStore::empty()),
        None => {
            let verifier = Verifier::new(provider).map_err(|error| {
                let remedy = "install the package ca-certificates, or name a PEM file in ca_file";
                HttpError::Settings(format!("this system's certificate authorities cannot be read ({error}); {remedy}"))
            })?;
            builder.dangerous().with_custom_certificate_verifier(Arc::new(verifier))
        }
    };
    let mut config = match &settings.client_certificate {
        None => builder.with_no_client_auth(),
        Some(path) => {
            let (chain, key) = identity(path)?;
            builder.with_client_auth_cert(chain, key).map_err(|error| {
                HttpError::Settings(format!("the client certificate {} cannot be used: {error}", path.display()))
            })?
        }
    };
    // A configuration that is handed in is taken as it is: without this line there would be no HTTP/2.
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}

/// The authorities of a PEM file. One that cannot be read, or none at all, is an error: a daemon that starts without
/// them would only fail later and less clearly.
fn authorities(path: &Path) -> Result<RootCertStore, HttpError> {
    let refuse = |problem: String| HttpError::Settings(format!("ca_file {}: {problem}", path.display()));
    let pem = std::fs::read(path).map_err(|error| refuse(error.to_string()))?;
    let mut store = RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(&pem) {
        let certificate = certificate.map_err(|error| refuse(format!("is no sound PEM file ({error})")))?;
        store.add(certificate).map_err(|error| refuse(format!("holds a certificate that cannot be used ({error})")))?;
    }
    if store.is_empty() {
        return Err(refuse("holds no certificate in PEM form (BEGIN CERTIFICATE)".to_owned()));
    }
    Ok(store)
}

/// The certificate chain and key that we prove ourselves with. The file is a secret and is treated as one.
fn identity(path: &Path) -> Result<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>), HttpError> {
    let refuse = |problem: &str| HttpError::Settings(format!("client_certificate {}: {problem}", path.display()));
    let pem = SecretRef::File(path.to_owned()).resolve().map_err(|error| HttpError::Settings(error.to_string()))?;
    let pem = pem.expose().as_bytes();
    let chain = CertificateDer::pem_slice_iter(pem)
        .collect::<Result<Vec<_>, _>>()
        .map_err(|_| refuse("is no sound PEM file"))?;
    if chain.is_empty() {
        return Err(refuse("holds no certificate in PEM form (BEGIN CERTIFICATE)"));
    }
    let key = PrivateKeyDer::from_pem_slice(pem).map_err(|_| refuse("holds no private key in PEM form"))?;
    Ok((chain, key))
}
