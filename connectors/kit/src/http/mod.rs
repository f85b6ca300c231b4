//! The one HTTP client of the house.
//!
//! Every provider connector and the SCIM target speak through [`Client`]. It is bound to one origin; an
//! [`OriginUrl`] can only be made by it, so credentials cannot leave that origin. It pools connections, bounds bodies
//! and times, repeats only what is safe to repeat, waits exactly as long as it is told to, and renews a token once.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
pub use reqwest::Method;
pub use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use url::Url;

use crate::secret::Secret;

/// How a client connects. Every field has a default; see [`Default`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct HttpSettings {
    /// A PEM file with certificate authorities to trust instead of the system's.
    pub ca_file: Option<PathBuf>,
    /// A PEM file with the certificate and key that we prove ourselves with.
    pub client_certificate: Option<PathBuf>,
    /// A proxy URL; without one, the environment's `HTTPS_PROXY` and `NO_PROXY` count.
    pub proxy: Option<Url>,
    /// Seconds until a connection must stand.
    pub connect_timeout: u64,
    /// Seconds without a byte after which an answer counts as dead.
    pub idle_timeout: u64,
    /// Seconds for one whole exchange, one attempt.
    pub timeout: u64,
    /// The largest answer that is accepted, in MiB.
    pub max_body_mib: u64,
    /// How often a request that is safe to repeat is sent at most, the first time included.
    pub attempts: u32,
    /// The longest `Retry-After` that a run waits for, in seconds; a longer one ends the run for now.
    pub max_wait: u64,
}

impl Default for HttpSettings {
    fn default() -> Self {
        Self {
            ca_file: None,
            client_certificate: None,
            proxy: None,
            connect_timeout: 10,
            idle_timeout: 60,
            timeout: 120,
            max_body_mib: 64,
            attempts: 5,
            max_wait: 300,
        }
    }
}

/// A URL that was checked to lie on the client's own origin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OriginUrl(Url);

impl OriginUrl {
    /// The URL.
    #[must_use]
    pub fn as_url(&self) -> &Url {
        &self.0
    }

    /// The same URL with more query parameters.
    #[must_use]
    pub fn with_query(mut self, pairs: &[(&str, &str)]) -> Self {
        // `%20`, not `+`: SCIM servers read a filter's plus sign as a plus sign.
        let mut query = self.0.query().map(|q| format!("{q}&")).unwrap_or_default();
        for (index, (name, value)) in pairs.iter().enumerate() {
            if index > 0 {
                query.push('&');
            }
            query.extend([percent(name), "=".to_owned(), percent(value)]);
        }
        self.0.set_query(Some(&query));
        self
    }
}

/// Percent-encodes everything but RFC 3986's unreserved characters.
fn percent(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
            other => format!("%{other:02X}"),
        })
        .collect()
}

/// Whether a request may be sent again when its outcome is unknown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repeat {
    /// Sending it twice does no more than sending it once.
    Safe,
    /// A second one could do a second thing: only an answer that says "not done" (429, 503 with `Retry-After`, a
    /// connection that never stood) lets it be sent again.
    Never,
}

/// A request.
#[derive(Clone, Debug)]
pub struct Request {
    /// The method.
    pub method: Method,
    /// Where to.
    pub url: OriginUrl,
    /// Headers besides those that the client sets (authorization, user agent, accept-encoding).
    pub headers: HeaderMap,
    /// The body.
    pub body: Option<Bytes>,
    /// Whether it may be repeated.
    pub repeat: Repeat,
}

impl Request {
    /// A GET, safe to repeat.
    #[must_use]
    pub fn get(url: OriginUrl) -> Self {
        Self { method: Method::GET, url, headers: HeaderMap::new(), body: None, repeat: Repeat::Safe }
    }

    /// A request with a JSON body of the given media type.
    #[must_use]
    pub fn json(
        method: Method,
        url: OriginUrl,
        media_type: &'static str,
        json: &serde_json::Value,
        repeat: Repeat,
    ) -> Self {
        let mut headers = HeaderMap::new();
        headers.insert(reqwest::header::CONTENT_TYPE, HeaderValue::from_static(media_type));
        Self { method, url, headers, body: Some(json.to_string().into()), repeat }
    }

    /// The same request with one more header.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }
}

/// An answer, whatever its status, read whole.
#[derive(Clone, Debug)]
pub struct Response {
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
    /// How often the request was sent for this answer.
    pub attempts: u32,
}

/// Why there is no answer, or none that we accept. Never contains a credential.
#[derive(Debug, Clone, thiserror::Error)]
pub enum HttpError {
    /// No connection: the request was certainly not carried out.
    #[error("{url} cannot be reached: {reason}")]
    Unreachable {
        /// Where to.
        url: String,
        /// Why.
        reason: String,
    },
    /// The server did not prove who it is: the request was certainly not carried out.
    #[error("{url} did not prove who it is: {reason}")]
    Untrusted {
        /// Where to.
        url: String,
        /// Why, and the remedy.
        reason: String,
    },
    /// The request may or may not have been carried out.
    #[error("{url} did not answer: {reason}; whether it did what was asked is unknown")]
    NoAnswer {
        /// Where to.
        url: String,
        /// Why.
        reason: String,
    },
    /// The answer is larger than the bound.
    #[error("the answer of {url} is larger than {limit_mib} MiB")]
    TooLarge {
        /// Where to.
        url: String,
        /// The bound.
        limit_mib: u64,
    },
    /// The server asks for a longer pause than the settings allow.
    #[error("{url} asks to wait {seconds} seconds, more than max_wait allows")]
    WaitTooLong {
        /// Where to.
        url: String,
        /// How long.
        seconds: u64,
    },
    /// A link leads to another origin: followed, it would carry our credentials there.
    #[error("{url} is not on {origin}; it was not followed")]
    ForeignOrigin {
        /// The link.
        url: String,
        /// The client's origin.
        origin: String,
    },
    /// There is no token to send.
    #[error("no token for {url}: {reason}")]
    Token {
        /// Where to.
        url: String,
        /// Why.
        reason: String,
    },
    /// The settings cannot work.
    #[error("{0}")]
    Settings(String),
}

/// Where tokens come from. Asked before each request; asked to renew once after a 401.
#[async_trait::async_trait]
pub trait TokenSource: Send + Sync {
    /// The value of the `Authorization` header. `renew` asks for one that was not used before.
    async fn authorization(&self, renew: bool) -> Result<Secret, String>;
}

/// Sends requests to one origin.
#[derive(Clone)]
pub struct Client {
    http: reqwest::Client,
    base: Url,
    settings: HttpSettings,
    tokens: Option<Arc<dyn TokenSource>>,
}

impl Client {
    /// A client for everything at and below `base`.
    ///
    /// # Errors
    ///
    /// [`HttpError::Settings`] for files that cannot be read or a base that is no HTTP URL.
    pub fn new(base: Url, settings: HttpSettings, tokens: Option<Arc<dyn TokenSource>>) -> Result<Self, HttpError> {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let http = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .user_agent(concat!("rollcall/", env!("CARGO_PKG_VERSION")))
            .connect_timeout(Duration::from_secs(settings.connect_timeout))
            .build()
            .map_err(|error| HttpError::Settings(error.to_string()))?;
        Ok(Self { http, base, settings, tokens })
    }

    /// The URL of a path below the base; each segment is percent-encoded.
    #[must_use]
    pub fn url(&self, segments: &[&str]) -> OriginUrl {
        let mut url = self.base.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(segments);
        }
        OriginUrl(url)
    }

    /// Checks a link that the server gave, absolute or relative.
    ///
    /// # Errors
    ///
    /// [`HttpError::ForeignOrigin`] unless scheme, host and port are the base's.
    pub fn follow(&self, link: &str) -> Result<OriginUrl, HttpError> {
        match self.base.join(link) {
            Ok(url) if url.origin() == self.base.origin() => Ok(OriginUrl(url)),
            _ => {
                Err(HttpError::ForeignOrigin { url: link.to_owned(), origin: self.base.origin().ascii_serialization() })
            }
        }
    }

    /// Sends a request and reads the whole answer, whatever its status.
    ///
    /// # Errors
    ///
    /// If there is no answer, or none that the settings accept.
    pub async fn send(&self, request: Request) -> Result<Response, HttpError> {
        let url = request.url.as_url().to_string();
        let mut builder = self.http.request(request.method, request.url.0).headers(request.headers);
        if let Some(tokens) = &self.tokens {
            let value =
                tokens.authorization(false).await.map_err(|reason| HttpError::Token { url: url.clone(), reason })?;
            builder = builder.header(reqwest::header::AUTHORIZATION, value.expose());
        }
        if let Some(body) = request.body {
            builder = builder.body(body);
        }
        let no_answer = |error: reqwest::Error| HttpError::NoAnswer { url: url.clone(), reason: error.to_string() };
        let response = builder.timeout(Duration::from_secs(self.settings.timeout)).send().await.map_err(no_answer)?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let body = response.bytes().await.map_err(no_answer)?;
        Ok(Response { status, headers, body, attempts: 1 })
    }
}
