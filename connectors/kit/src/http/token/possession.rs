//! Proofs that a token is sent by whom it was issued to: DPoP (RFC 9449).
//!
//! Each request carries a JWT of its own, signed with a key that never leaves this process, so that a token that leaks
//! is of no use. A server may hand out a nonce and demand it in the next proof; it does so in an error that is to be
//! answered with the same request and a new proof.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;
use reqwest::Method;
use reqwest::header::{HeaderName, HeaderValue, WWW_AUTHENTICATE};
use ring::digest::{SHA256, digest};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use url::Url;

use super::jwt::{encoded, signed, unique_id};
use super::key::{Algorithm, SigningKey};
use crate::http::Response;
use crate::secret::Secret;

/// The header that carries a proof.
pub(in crate::http) const DPOP: HeaderName = HeaderName::from_static("dpop");

/// How often one request is sent again because the server wants another nonce.
pub(in crate::http) const CHALLENGES: u32 = 3;

/// Whether tokens are bound to a key of ours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Possession {
    /// Never, whatever the server says.
    Never,
    /// As soon as the token endpoint demands it.
    #[default]
    WhenAsked,
    /// From the first request on.
    Always,
}

/// The key that proofs are signed with, and the newest nonces. A key lives as long as its process.
pub(super) struct Prover {
    use_it: Possession,
    asked: AtomicBool,
    key: Option<SigningKey>,
    nonces: [Mutex<Option<String>>; 2],
}

/// Who hands out the nonce: the issuer of tokens and the server that takes them each have their own.
#[derive(Clone, Copy)]
pub(super) enum Server {
    Issuer,
    Resource,
}

impl Prover {
    pub(super) fn new(use_it: Possession) -> Self {
        let nonces = [Mutex::new(None), Mutex::new(None)];
        Self { use_it, asked: AtomicBool::new(false), key: SigningKey::ephemeral(), nonces }
    }

    /// Whether token requests carry a proof.
    pub(super) fn is_on(&self) -> bool {
        match self.use_it {
            Possession::Never => false,
            Possession::Always => true,
            Possession::WhenAsked => self.asked.load(Ordering::Relaxed),
        }
    }

    /// A proof for one attempt of one request.
    pub(super) fn proof(
        &self,
        server: Server,
        method: &Method,
        url: &Url,
        token: Option<&Secret>,
    ) -> Result<HeaderValue, String> {
        let key = self.key.as_ref().ok_or("no DPoP key can be made: this system has no random numbers")?;
        let mut header = Map::new();
        header.insert("typ".to_owned(), "dpop+jwt".into());
        header.insert("jwk".to_owned(), key.public_jwk());
        let mut place = url.clone();
        place.set_query(None);
        place.set_fragment(None);
        let mut claims = Map::new();
        claims.insert("htm".to_owned(), method.as_str().into());
        claims.insert("htu".to_owned(), place.as_str().into());
        claims.insert("iat".to_owned(), Timestamp::now().as_second().into());
        claims.insert("jti".to_owned(), unique_id()?.into());
        if let Some(token) = token {
            claims.insert("ath".to_owned(), encoded(digest(&SHA256, token.expose().as_bytes())).into());
        }
        if let Some(nonce) = self.nonce(server).as_ref() {
            claims.insert("nonce".to_owned(), nonce.as_str().into());
        }
        let proof = signed(key, Algorithm::Es256, header, claims).map_err(|error| format!("no DPoP proof: {error}"))?;
        HeaderValue::from_str(&proof).map_err(|_| "no DPoP proof: it holds characters that no header can".to_owned())
    }

    /// Keeps the nonce of an answer, and says whether the answer asks for the same request with another proof.
    pub(super) fn heed(&self, server: Server, answer: &Response) -> bool {
        let nonce = answer.header("dpop-nonce");
        if let Some(nonce) = nonce {
            *self.nonce(server) = Some(nonce.to_owned());
        }
        if !matches!(answer.status, 400 | 401) {
            return false;
        }
        let asks_for_nonce = says(answer, "use_dpop_nonce");
        if asks_for_nonce && nonce.is_some() {
            self.asked.store(true, Ordering::Relaxed);
            return self.use_it != Possession::Never;
        }
        // A request without a proof where the application must bring one is refused, by each server in other words.
        let asks_for_proof = matches!(server, Server::Issuer) && (asks_for_nonce || says(answer, "dpop"));
        if asks_for_proof && self.use_it == Possession::WhenAsked {
            return !self.asked.swap(true, Ordering::Relaxed);
        }
        false
    }

    fn nonce(&self, server: Server) -> std::sync::MutexGuard<'_, Option<String>> {
        self.nonces[server as usize].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether an error, in its header or in its body, mentions a word, whatever its case.
fn says(answer: &Response, word: &str) -> bool {
    let challenges = answer.headers.get_all(WWW_AUTHENTICATE).iter().map(HeaderValue::as_bytes);
    let error = serde_json::from_slice::<Value>(&answer.body).unwrap_or_default();
    let texts = ["error", "error_description"].map(|name| error[name].as_str().unwrap_or_default().to_owned());
    challenges
        .map(|challenge| String::from_utf8_lossy(challenge).into_owned())
        .chain(texts)
        .any(|text| text.to_ascii_lowercase().contains(word))
}
