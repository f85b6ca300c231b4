//! What a failed exchange means: was the request certainly not carried out, or is that unknown?
//!
//! A connection that never stood carried nothing. After that, silence proves nothing: the answer may have been lost
//! behind a write that was done. Certificate problems come with their remedy, because they are what an administrator
//! meets on the first day, and "invalid peer certificate" tells nobody what to do.

use std::error::Error;
use std::io;

use rustls::CertificateError;

use super::{HttpError, Repeat};

/// A failed attempt, and whether a next one could go better.
#[derive(Debug)]
pub(super) struct Failure {
    error: HttpError,
    passing: bool,
}

impl Failure {
    /// No connection: certainly not carried out.
    pub(super) fn unreachable(url: &str, reason: impl Into<String>) -> Self {
        Self { error: HttpError::Unreachable { url: url.to_owned(), reason: reason.into() }, passing: true }
    }

    /// Unknown whether it was carried out.
    pub(super) fn no_answer(url: &str, reason: impl Into<String>) -> Self {
        Self { error: HttpError::NoAnswer { url: url.to_owned(), reason: reason.into() }, passing: true }
    }

    /// An answer, but a larger one than we accept; the next would be as large.
    pub(super) fn too_large(url: &str, limit_mib: u64) -> Self {
        Self { error: HttpError::TooLarge { url: url.to_owned(), limit_mib }, passing: false }
    }

    /// A token that cannot be sent; nothing was.
    pub(super) fn unusable_token(url: &str, reason: &str) -> Self {
        Self { error: HttpError::Token { url: url.to_owned(), reason: reason.to_owned() }, passing: false }
    }

    /// Classifies what reqwest reports. Its own sentences are not used: they hold the whole URL.
    pub(super) fn of(url: &str, error: &reqwest::Error) -> Self {
        if let Some(tls) = find_tls(error) {
            return Self::of_tls(url, tls).unwrap_or_else(|| Self::by_phase(url, error));
        }
        if error.is_builder() {
            let error = HttpError::Settings(format!("the request to {url} cannot be built: {}", causes(error)));
            return Self { error, passing: false };
        }
        if let Some(reason) = alert_in_text(&causes(error)).and_then(alert_meaning) {
            return Self { error: HttpError::Unreachable { url: url.to_owned(), reason }, passing: false };
        }
        Self::by_phase(url, error)
    }

    /// Did the connection ever stand?
    fn by_phase(url: &str, error: &reqwest::Error) -> Self {
        match (error.is_connect(), error.is_dns(), error.is_timeout()) {
            (true, true, _) => Self::unreachable(url, format!("its name cannot be resolved: {}", causes(error))),
            (true, _, true) => Self::unreachable(url, "no connection within connect_timeout"),
            (true, ..) => Self::unreachable(url, causes(error)),
            _ => Self::no_answer(url, causes(error)),
        }
    }

    /// A failure of the TLS handshake, if this is one. Nothing was carried out, and it would fail again.
    fn of_tls(url: &str, tls: &rustls::Error) -> Option<Self> {
        let url = url.to_owned();
        let error = match tls {
            rustls::Error::InvalidCertificate(problem) => HttpError::Untrusted { url, reason: remedy(problem) },
            rustls::Error::AlertReceived(alert) => {
                HttpError::Unreachable { url, reason: alert_meaning(&format!("{alert:?}"))? }
            }
            rustls::Error::InvalidMessage(_) => HttpError::Unreachable {
                url,
                reason: "what answers there does not speak TLS; check the port, or whether it is an http URL"
                    .to_owned(),
            },
            rustls::Error::PeerIncompatible(problem) => HttpError::Unreachable {
                url,
                reason: format!("the server supports no TLS that is considered safe today ({problem:?})"),
            },
            _ => return None,
        };
        Some(Self { error, passing: false })
    }

    /// Whether a request may be sent again after this failure.
    pub(super) fn may_repeat(&self, repeat: Repeat) -> bool {
        let not_carried_out = matches!(self.error, HttpError::Unreachable { .. });
        self.passing && (not_carried_out || repeat == Repeat::Safe)
    }

    /// What the caller is told.
    pub(super) fn into_error(self) -> HttpError {
        self.error
    }
}

/// What is wrong with a server's certificate, and what to do about it.
fn remedy(problem: &CertificateError) -> String {
    match problem {
        CertificateError::UnknownIssuer => "its certificate is issued by an authority that is not trusted here; \
            put the authority's certificate into a PEM file and name that in ca_file"
            .to_owned(),
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            let names = match problem {
                CertificateError::NotValidForNameContext { presented, .. } if !presented.is_empty() => {
                    format!(" (it is for {})", presented.join(", "))
                }
                _ => String::new(),
            };
            format!(
                "its certificate is for another name{names}; use a name that the certificate holds as subject \
                 alternative name, or issue a new certificate"
            )
        }
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "its certificate has expired; renew the certificate, or check this machine's clock".to_owned()
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "its certificate is not valid yet; check this machine's clock".to_owned()
        }
        CertificateError::Revoked => "its certificate has been revoked; issue a new one".to_owned(),
        // rustls passes webpki's error on as "other"; only its name tells it apart.
        CertificateError::Other(other) if other.to_string() == "CaUsedAsEndEntity" => {
            "a self-signed CA certificate is used as the server certificate; issue a leaf certificate (CA:FALSE) from \
             that authority for the server, and name the authority's certificate in ca_file"
                .to_owned()
        }
        other => format!("its certificate is not accepted ({other}); issue a new certificate for the server"),
    }
}

/// What a server's TLS alert asks of us; nothing for alerts that can come at any time.
fn alert_meaning(alert: &str) -> Option<String> {
    Some(match alert {
        "CertificateRequired" => {
            "the server asks for a client certificate; name a PEM file with one and its key in client_certificate"
                .to_owned()
        }
        "BadCertificate"
        | "UnsupportedCertificate"
        | "CertificateRevoked"
        | "CertificateExpired"
        | "CertificateUnknown"
        | "UnknownCA"
        | "DecryptError"
        | "AccessDenied" => {
            format!("the server does not accept the certificate that client_certificate names, or misses one ({alert})")
        }
        "HandshakeFailure"
        | "ProtocolVersion"
        | "InsufficientSecurity"
        | "UnrecognisedName"
        | "NoApplicationProtocol" => {
            format!("the server refused the TLS handshake ({alert}); it may ask for a client certificate")
        }
        _ => return None,
    })
}

/// The name of a TLS alert that HTTP/2 passes on as text only. A server that wants another client certificate says so
/// after the handshake, as we see it, so that the alert arrives where the answer should.
fn alert_in_text(text: &str) -> Option<&str> {
    let (_, after) = text.split_once("received fatal alert: ")?;
    after.split(|c: char| !c.is_ascii_alphanumeric()).next()
}

/// The TLS error among the causes, if there is one. Inside an `io::Error` it is the content, not the source.
fn find_tls<'a>(error: &'a (dyn Error + 'static)) -> Option<&'a rustls::Error> {
    let mut next: Option<&'a (dyn Error + 'static)> = Some(error);
    while let Some(error) = next {
        if let Some(tls) = error.downcast_ref::<rustls::Error>() {
            return Some(tls);
        }
        next = match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
            Some(inner) => Some(inner),
            None => error.source(),
        };
    }
    None
}

/// The causes below the top, from general to particular, each once.
fn causes(error: &reqwest::Error) -> String {
    let mut texts: Vec<String> = Vec::new();
    let mut next = error.source();
    while let Some(error) = next {
        let text = match error.downcast_ref::<reqwest::Error>() {
            Some(_) => String::new(),
            None => error.to_string(),
        };
        let generic = text.is_empty() || text.starts_with("client error (");
        if !generic && !texts.iter().any(|said| said.contains(&text)) {
            texts.push(text);
        }
        next = error.source();
    }
    if texts.is_empty() { "the connection failed".to_owned() } else { texts.join(": ") }
}
