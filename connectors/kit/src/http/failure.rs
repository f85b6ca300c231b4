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
        if error.is_builder() {
            let error = HttpError::Settings(format!("the request to {url} cannot be built: {}", causes(error)));
            return Self { error, passing: false };
        }
        let phase = if error.is_connect() { Phase::Connecting } else { Phase::Connected };
        let tls = find_tls(error).map(TlsProblem::of).or_else(|| TlsProblem::of_text(&causes(error)));
        if let Some(error) = tls.and_then(|problem| problem.error(url, phase)) {
            return Self { error, passing: false };
        }
        match phase {
            Phase::Connecting if error.is_dns() => {
                Self::unreachable(url, format!("its name cannot be resolved: {}", causes(error)))
            }
            Phase::Connecting if error.is_timeout() => Self::unreachable(url, "no connection within connect_timeout"),
            Phase::Connecting => Self::unreachable(url, causes(error)),
            Phase::Connected => Self::no_answer(url, causes(error)),
        }
    }

    /// Whether a request may be sent again after this failure.
    pub(super) fn may_repeat(&self, repeat: Repeat) -> bool {
        let not_carried_out = matches!(self.error, HttpError::Unreachable { .. });
        self.passing && (not_carried_out || repeat == Repeat::Safe)
    }

    /// What failed.
    pub(super) fn error(&self) -> &HttpError {
        &self.error
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

/// How far an exchange came before it failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// No request was sent.
    Connecting,
    /// The request may have been sent.
    Connected,
}

/// A TLS problem, in the terms that matter here.
#[derive(Debug, PartialEq, Eq)]
enum TlsProblem {
    /// The server's certificate is not accepted; why, and the remedy.
    Certificate(String),
    /// The server sent an alert of this name.
    Alert(String),
    /// The server does not speak TLS, or none that we speak.
    Protocol(String),
    /// Anything else.
    Other,
}

impl TlsProblem {
    fn of(error: &rustls::Error) -> Self {
        match error {
            rustls::Error::InvalidCertificate(problem) => Self::Certificate(remedy(problem)),
            rustls::Error::AlertReceived(alert) => Self::Alert(format!("{alert:?}")),
            rustls::Error::InvalidMessage(_) => Self::Protocol(
                "what answers there does not speak TLS; check the port, or whether it is an http URL".to_owned(),
            ),
            rustls::Error::PeerIncompatible(problem) => {
                Self::Protocol(format!("the server supports no TLS that is considered safe today ({problem:?})"))
            }
            _ => Self::Other,
        }
    }

    /// An alert that HTTP/2 passes on as text only.
    fn of_text(text: &str) -> Option<Self> {
        let (_, after) = text.split_once("received fatal alert: ")?;
        after.split(|c: char| !c.is_ascii_alphanumeric()).next().map(|name| Self::Alert(name.to_owned()))
    }

    /// What the problem means, if it means for certain that nothing was carried out. A damaged record or an unusual
    /// alert after the handshake means nothing of the kind.
    fn error(self, url: &str, phase: Phase) -> Option<HttpError> {
        let url = url.to_owned();
        match self {
            Self::Certificate(reason) => Some(HttpError::Untrusted { url, reason }),
            Self::Alert(alert) => alert_meaning(&alert, phase).map(|reason| HttpError::Unreachable { url, reason }),
            Self::Protocol(reason) if phase == Phase::Connecting => Some(HttpError::Unreachable { url, reason }),
            Self::Protocol(_) | Self::Other => None,
        }
    }
}

/// What a server's alert asks of us. With TLS 1.3 a server looks at our certificate when the handshake is already
/// over for us, so that these alerts arrive where the answer should; it reads no request before it is content.
fn alert_meaning(alert: &str, phase: Phase) -> Option<String> {
    match alert {
        "CertificateRequired" => Some(
            "the server asks for a client certificate; name a PEM file with one and its key in client_certificate"
                .to_owned(),
        ),
        "BadCertificate"
        | "UnsupportedCertificate"
        | "CertificateRevoked"
        | "CertificateExpired"
        | "CertificateUnknown"
        | "UnknownCA"
        | "DecryptError" => Some(format!(
            "the server does not accept the certificate that client_certificate names, or misses one ({alert})"
        )),
        _ if phase == Phase::Connecting => {
            Some(format!("the server refused the TLS handshake ({alert}); it may ask for a client certificate"))
        }
        _ => None,
    }
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

#[cfg(test)]
mod tests {
    use super::*;

    fn carried_out_for_certain_not(problem: TlsProblem, phase: Phase) -> bool {
        problem.error("https://x/", phase).is_some()
    }

    #[test]
    fn after_the_handshake_only_the_alerts_of_client_certificates_prove_that_nothing_was_done() {
        for (alert, proves) in [
            ("CertificateRequired", true),
            ("UnknownCA", true),
            ("BadCertificate", true),
            ("InternalError", false),
            ("AccessDenied", false),
            ("BadRecordMac", false),
            ("CloseNotify", false),
        ] {
            let problem = || TlsProblem::Alert(alert.to_owned());
            assert_eq!(carried_out_for_certain_not(problem(), Phase::Connected), proves, "{alert}");
            assert!(carried_out_for_certain_not(problem(), Phase::Connecting), "{alert}");
        }
    }

    #[test]
    fn a_damaged_record_proves_only_before_the_request_that_nothing_was_done() {
        let problem = || TlsProblem::of(&rustls::Error::InvalidMessage(rustls::InvalidMessage::MessageTooLarge));
        assert!(carried_out_for_certain_not(problem(), Phase::Connecting));
        assert!(!carried_out_for_certain_not(problem(), Phase::Connected));
    }

    #[test]
    fn an_alert_is_found_in_the_text_that_http_2_makes_of_it() {
        let text = "connection error: received fatal alert: UnknownCA";
        assert_eq!(TlsProblem::of_text(text), Some(TlsProblem::Alert("UnknownCA".to_owned())));
        assert_eq!(TlsProblem::of_text("connection reset by peer"), None);
    }
}
