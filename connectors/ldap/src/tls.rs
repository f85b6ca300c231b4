//! TLS: whom to trust, and what to tell people when a certificate proves nothing.

use std::path::Path;
use std::sync::Arc;

use rollcall_kit::ReadError;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{CertificateError, ClientConfig, OtherError, RootCertStore};
use rustls_platform_verifier::BuilderVerifierExt;

/// A TLS client that trusts the authorities of a file, or those of the system.
///
/// # Errors
///
/// [`ReadError::Settings`] if the file cannot be read or holds no certificate.
pub(crate) fn client(ca_file: Option<&Path>) -> Result<Arc<ClientConfig>, ReadError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| ReadError::Settings(format!("TLS cannot be set up: {error}")))?;
    let builder = match ca_file {
        Some(file) => builder.with_root_certificates(authorities(file)?),
        None => builder.with_platform_verifier().map_err(|error| {
            ReadError::Settings(format!("the system's certificate authorities cannot be read: {error}; set ca_file"))
        })?,
    };
    Ok(Arc::new(builder.with_no_client_auth()))
}

fn authorities(file: &Path) -> Result<RootCertStore, ReadError> {
    let unreadable = |reason: String| ReadError::Settings(format!("ca_file {}: {reason}", file.display()));
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(file).map_err(|error| unreadable(error.to_string()))? {
        let certificate = certificate.map_err(|error| unreadable(format!("{error}; it must hold PEM certificates")))?;
        roots.add(certificate).map_err(|error| unreadable(error.to_string()))?;
    }
    if roots.is_empty() {
        return Err(unreadable("it holds no certificate; it must hold the authority's, in PEM".to_owned()));
    }
    Ok(roots)
}

/// What is wrong and what to do, in a sentence; nothing if the failure was not one of trust.
pub(crate) fn distrust(error: &rustls::Error) -> Option<String> {
    let rustls::Error::InvalidCertificate(problem) = error else {
        return matches!(error, rustls::Error::NoCertificatesPresented).then(|| "it showed no certificate".to_owned());
    };
    Some(match problem {
        CertificateError::UnknownIssuer => {
            "its certificate was issued by an authority that is not trusted here; set ca_file to that authority's \
             certificate"
                .to_owned()
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "its certificate was issued for another name (only subject alternative names count, not the common name); \
             use one of the names in the certificate, or issue one with this name"
                .to_owned()
        }
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "its certificate has expired; renew it".to_owned()
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "its certificate is not valid yet; check the clocks".to_owned()
        }
        CertificateError::Other(OtherError(inner)) if inner.to_string().contains("CaUsedAsEndEntity") => ca_as_server(),
        other => {
            let text = other.to_string();
            if text.contains("CaUsedAsEndEntity") {
                ca_as_server()
            } else {
                format!("its certificate is refused: {text}")
            }
        }
    })
}

/// The commonest home-made set-up: one self-signed certificate for everything.
fn ca_as_server() -> String {
    "it uses the certificate of an authority (CA:TRUE) as its own, which is refused even where it is trusted; issue a \
     server certificate with CA:FALSE and the server's name, signed by that authority, and set ca_file to the authority"
        .to_owned()
}
