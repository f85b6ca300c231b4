//! Tokens from an OAuth 2.0 token endpoint, whatever the grant: asked for, kept, renewed, and explained when refused.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex as StdMutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use oauth2::TokenResponse;
use oauth2::basic::{BasicErrorResponse, BasicTokenResponse, BasicTokenType};
use reqwest::header::{ACCEPT, CONTENT_TYPE, DATE, HeaderValue};
use tokio::sync::Mutex;
use tokio::time::Instant;
use url::Url;

use super::possession::{CHALLENGES, DPOP, Prover, Server};
use super::{Signer, TokenRequest, TokenSource};
use crate::http::origin::shown;
use crate::http::{Client, HttpError, HttpSettings, Method, Repeat, Request, Response};
use crate::secret::Secret;

/// How long before its end a token is not used any more: it must still be valid when the server looks at it.
const MARGIN: Duration = Duration::from_secs(60);

/// By how much two clocks may differ before it is worth a word.
const CLOCK_TOLERANCE: u64 = 30;

/// Why there is no token. Never contains a secret.
#[derive(Clone, Debug, thiserror::Error)]
pub enum TokenError {
    /// The endpoint gave no answer, or our side of the request cannot be made: a key that is missing.
    #[error("{0}")]
    Http(#[from] HttpError),
    /// The endpoint answered, but with no token.
    #[error("{0}")]
    Refused(String),
}

/// Tokens from one endpoint: kept until shortly before they end, and asked for by one caller at a time, whose answer
/// (or failure) serves everybody who waited for it.
pub struct TokenEndpoint {
    client: Client,
    request: TokenRequest,
    prover: Prover,
    signer: Option<Arc<dyn Signer>>,
    last: Mutex<Option<Result<Token, TokenError>>>,
    /// How many token requests were answered or failed.
    requests: AtomicU64,
}

/// A token, what it is good for, and when it is too old to be sent.
struct Token {
    scheme: &'static str,
    secret: Secret,
    scopes: Option<Vec<String>>,
    ends: Option<Instant>,
}

impl TokenEndpoint {
    /// A source for one token endpoint, which is spoken to under the given connection settings. Nothing is sent yet.
    ///
    /// # Errors
    ///
    /// [`HttpError::Settings`] as for [`Client::new`].
    pub fn new(request: impl Into<TokenRequest>, http: HttpSettings) -> Result<Self, HttpError> {
        let request = request.into();
        // A client of its own: the endpoint may be on another origin than the tokens' destination.
        let client = Client::new(request.token_url.clone(), http, None)?;
        let prover = Prover::new(request.possession);
        let (signer, last, requests) = (None, Mutex::new(None), AtomicU64::new(0));
        Ok(Self { client, request, prover, signer, last, requests })
    }

    /// The same source with another first pause between attempts, as [`Client::with_back_off`].
    #[must_use]
    pub fn with_back_off(mut self, first: Duration) -> Self {
        self.client = self.client.with_back_off(first);
        self
    }

    /// The same source, which asks `hook` for the pause that the endpoint states, as [`Client::with_pause`].
    #[must_use]
    pub fn with_pause(mut self, hook: impl Fn(&Response) -> Option<Duration> + Send + Sync + 'static) -> Self {
        self.client = self.client.with_pause(hook);
        self
    }

    /// The same source, whose assertions (of the JWT bearer grant) `signer` signs instead of a key of ours.
    #[must_use]
    pub fn with_signer(mut self, signer: Arc<dyn Signer>) -> Self {
        self.signer = Some(signer);
        self
    }

    /// What the token in hand is good for; it is asked for if there is none. A server that does not say gave what was
    /// asked for (RFC 6749, section 5.1).
    ///
    /// # Errors
    ///
    /// [`TokenError`], which tells an endpoint that cannot be reached from one that refuses.
    pub async fn granted_scopes(&self) -> Result<Vec<String>, TokenError> {
        self.token(false).await?;
        let last = self.last.lock().await;
        let said = last.as_ref().and_then(|last| last.as_ref().ok()).and_then(|token| token.scopes.clone());
        Ok(said.unwrap_or_else(|| self.request.scopes.clone()))
    }

    /// Which of the scopes that were asked for the token in hand is not good for. A server may grant fewer without an
    /// error, and then answers later requests with less.
    ///
    /// # Errors
    ///
    /// As [`TokenEndpoint::granted_scopes`].
    pub async fn missing_scopes(&self) -> Result<Vec<String>, TokenError> {
        let granted = self.granted_scopes().await?;
        Ok(self.request.scopes.iter().filter(|wanted| !granted.contains(wanted)).cloned().collect())
    }

    /// The value of the `Authorization` header, asked for unless the token in hand will do.
    async fn token(&self, renew: bool) -> Result<Secret, TokenError> {
        let before = self.requests.load(Ordering::Acquire);
        let mut last = self.last.lock().await;
        // A request that ended while we waited for the lock is as new as one that we would send now.
        let just_asked = self.requests.load(Ordering::Acquire) > before;
        match &*last {
            Some(Ok(token)) if token.is_fresh() && (just_asked || !renew) => return Ok(token.header()),
            Some(Err(reason)) if just_asked => return Err(reason.clone()),
            _ => {}
        }
        let outcome = self.ask().await;
        self.requests.fetch_add(1, Ordering::Release);
        let header = outcome.as_ref().map(Token::header).map_err(Clone::clone);
        *last = Some(outcome);
        header
    }

    /// Asks the endpoint for a token.
    async fn ask(&self) -> Result<Token, TokenError> {
        let sent = StdMutex::new(Vec::new());
        let mut challenges = 0;
        loop {
            let signed = self.signed_elsewhere().await?;
            let answer = self.client.send_fresh(&|| self.attempt(&sent, signed.as_ref())).await?;
            if self.prover.heed(Server::Issuer, &answer) && challenges < CHALLENGES {
                challenges += 1;
                continue;
            }
            let sent = sent.lock().unwrap_or_else(PoisonError::into_inner);
            return self.take(&answer, &sent).map_err(TokenError::Refused);
        }
    }

    /// The assertion, where somebody else signs it. It is asked for once for all attempts of one token request.
    async fn signed_elsewhere(&self) -> Result<Option<Secret>, TokenError> {
        let Some(signer) = &self.signer else { return Ok(None) };
        match self.request.to_sign(Timestamp::now()).map_err(HttpError::Settings)? {
            Some(claims) => signer.sign(&claims).await.map(Some),
            None => Ok(None),
        }
    }

    /// One attempt: an assertion and a proof of its own, because the server takes none of them twice.
    fn attempt(&self, sent: &StdMutex<Vec<Secret>>, signed: Option<&Secret>) -> Result<Request, HttpError> {
        let form = self.request.form(Timestamp::now(), signed).map_err(HttpError::Settings)?;
        let mut request = Request {
            method: Method::POST,
            headers: form.headers,
            body: Some(form.body.into()),
            // A token request changes nothing at the server.
            repeat: Repeat::Safe,
            ..Request::get(self.client.base())
        };
        request.headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        request.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
        if self.prover.is_on() {
            let proof = self.prover.proof(Server::Issuer, &Method::POST, &self.request.token_url, None);
            request.headers.insert(DPOP, proof.map_err(HttpError::Settings)?);
        }
        sent.lock().unwrap_or_else(PoisonError::into_inner).extend(form.secrets);
        Ok(request)
    }

    /// The token of an answer. The endpoint's own words are quoted without our secrets, should it repeat them; an
    /// answer that is none is not quoted at all, for it may hold a token.
    fn take(&self, answer: &Response, sent: &[Secret]) -> Result<Token, String> {
        let (endpoint, status) = (shown(&self.request.token_url), answer.status);
        let unknown =
            || format!("the answer of {endpoint} (status {status}) is no OAuth 2.0 token answer; check token_url");
        if status == 200 {
            let answer: BasicTokenResponse = serde_json::from_slice(&answer.body).map_err(|_| unknown())?;
            return Token::of(&answer, self.prover.is_on());
        }
        let said: BasicErrorResponse = serde_json::from_slice(&answer.body).map_err(|_| unknown())?;
        let said = sent.iter().fold(said.to_string(), |said, secret| said.replace(secret.expose(), "[secret]"));
        let clock = self.clock_trouble(answer).unwrap_or_default();
        Err(format!("{endpoint} refused {} (status {status}): {said}{clock}", self.request.identity()))
    }

    /// What a wrong clock has to do with a refusal: an assertion from the past or the future is no good.
    fn clock_trouble(&self, answer: &Response) -> Option<String> {
        let theirs = Timestamp::try_from(httpdate::parse_http_date(answer.header(DATE.as_str())?).ok()?).ok()?;
        let seconds = Timestamp::now().duration_since(theirs).as_secs();
        let matters = self.request.depends_on_the_clock() && seconds.unsigned_abs() > CLOCK_TOLERANCE;
        let direction = if seconds > 0 { "ahead of" } else { "behind" };
        let seconds = seconds.unsigned_abs();
        matters.then(|| {
            format!("; this machine's clock is {seconds} seconds {direction} the server's, and an assertion carries the time: set the clock")
        })
    }
}

#[async_trait::async_trait]
impl TokenSource for TokenEndpoint {
    async fn authorization(&self, renew: bool) -> Result<Secret, String> {
        self.token(renew).await.map_err(|error| error.to_string())
    }

    fn proof(&self, method: &Method, url: &Url, authorization: &Secret) -> Result<Option<HeaderValue>, String> {
        let Some(token) = authorization.expose().strip_prefix("DPoP ") else { return Ok(None) };
        let token = Secret::new(token.to_owned());
        self.prover.proof(Server::Resource, method, url, Some(&token)).map(Some)
    }

    fn heed(&self, answer: &Response) -> bool {
        self.prover.heed(Server::Resource, answer)
    }
}

impl Token {
    /// Takes the token of an answer.
    fn of(answer: &BasicTokenResponse, with_proofs: bool) -> Result<Self, String> {
        let scheme = match answer.token_type() {
            BasicTokenType::Bearer => "Bearer",
            BasicTokenType::Extension(kind) if with_proofs && kind.eq_ignore_ascii_case("dpop") => "DPoP",
            _ => return Err("the token endpoint issued a token that is no bearer token".to_owned()),
        };
        let secret = Secret::new(answer.access_token().secret().clone());
        let scopes = answer.scopes().map(|scopes| scopes.iter().map(|scope| scope.as_str().to_owned()).collect());
        // A short life is used for four fifths of it; no stated life means until a 401.
        let ends = answer.expires_in().and_then(|life| Instant::now().checked_add(life - MARGIN.min(life / 5)));
        Ok(Self { scheme, secret, scopes, ends })
    }

    /// Whether the token may still be sent.
    fn is_fresh(&self) -> bool {
        self.ends.is_none_or(|ends| Instant::now() < ends)
    }

    /// The value of the header.
    fn header(&self) -> Secret {
        Secret::new(format!("{} {}", self.scheme, self.secret.expose()))
    }
}
