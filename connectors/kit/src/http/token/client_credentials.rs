//! Tokens by the OAuth 2.0 client credentials grant (RFC 6749, section 4.4).

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::atomic::{AtomicU16, AtomicU64, Ordering};
use std::time::Duration;

use base64::prelude::{BASE64_STANDARD, Engine};
use oauth2::basic::{BasicClient, BasicErrorResponse, BasicTokenResponse, BasicTokenType};
use oauth2::{AsyncHttpClient, AuthType, ClientId, ClientSecret, HttpRequest, HttpResponse, RequestTokenError, Scope};
use oauth2::{TokenResponse, TokenUrl};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;
use tokio::time::Instant;
use url::{Url, form_urlencoded};

use super::TokenSource;
use crate::http::origin::shown;
use crate::http::{Client, HttpError, HttpSettings, Method, Repeat, Request};
use crate::secret::{Secret, SecretRef};

/// How long before its end a token is not used any more: it must still be valid when the server looks at it.
const MARGIN: Duration = Duration::from_secs(60);

/// Where a client proves itself with its own id and secret, and gets tokens that live for a while.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ClientCredentialsSettings {
    /// The token endpoint.
    pub token_url: Url,
    /// The client's id.
    pub client_id: String,
    /// Where the client's secret is.
    pub client_secret: SecretRef,
    /// What the token is to be good for.
    #[serde(default)]
    pub scopes: Vec<String>,
    /// How the secret is sent.
    #[serde(default)]
    pub secret_in: SecretPlace,
    /// Parameters that some servers want besides, such as `audience` or `resource`.
    #[serde(default)]
    pub parameters: BTreeMap<String, String>,
}

/// How a client's secret travels to the token endpoint.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SecretPlace {
    /// In the `Authorization` header; every server must support this (RFC 6749, section 2.3.1).
    #[default]
    Header,
    /// In the form, as some servers insist.
    Form,
}

/// Tokens by the client credentials grant: kept until shortly before they end, and asked for by one caller at a time,
/// whose answer (or failure) serves everybody who waited for it.
pub struct ClientCredentials {
    client: Client,
    settings: ClientCredentialsSettings,
    last: Mutex<Option<Result<Token, String>>>,
    /// How many token requests were answered or failed.
    requests: AtomicU64,
}

/// A token, and when it is too old to be sent.
struct Token {
    secret: Secret,
    ends: Option<Instant>,
}

impl ClientCredentials {
    /// A source for one token endpoint, which is spoken to under the given connection settings.
    ///
    /// # Errors
    ///
    /// [`HttpError::Settings`] as for [`Client::new`].
    pub fn new(settings: ClientCredentialsSettings, http: HttpSettings) -> Result<Self, HttpError> {
        // A client of its own: the endpoint is on another origin than the tokens' destination, and it needs no token.
        let client = Client::new(settings.token_url.clone(), http, None)?;
        Ok(Self { client, settings, last: Mutex::new(None), requests: AtomicU64::new(0) })
    }

    /// The same source with another first pause between attempts, as [`Client::with_back_off`].
    #[must_use]
    pub fn with_back_off(mut self, first: Duration) -> Self {
        self.client = self.client.with_back_off(first);
        self
    }

    /// Asks the endpoint for a token.
    async fn request(&self) -> Result<Token, String> {
        let secret = self.settings.client_secret.resolve().map_err(|error| error.to_string())?;
        let place = match self.settings.secret_in {
            SecretPlace::Header => AuthType::BasicAuth,
            SecretPlace::Form => AuthType::RequestBody,
        };
        let oauth = BasicClient::new(ClientId::new(self.settings.client_id.clone()))
            .set_client_secret(ClientSecret::new(secret.expose().to_owned()))
            .set_auth_type(place)
            .set_token_uri(TokenUrl::from_url(self.settings.token_url.clone()));
        let scopes = self.settings.scopes.iter().cloned().map(Scope::new);
        let mut exchange = oauth.exchange_client_credentials().add_scopes(scopes);
        for (name, value) in &self.settings.parameters {
            exchange = exchange.add_extra_param(name, value);
        }
        let wire = Wire { client: self.client.clone(), status: AtomicU16::new(0) };
        let answer = exchange.request_async(&wire).await;
        let answer = answer.map_err(|error| self.explain(error, wire.status.into_inner(), &secret))?;
        Token::of(&answer)
    }

    /// A sentence about a failed token request. The endpoint's own words are quoted without our secret, should it
    /// repeat it; an answer that is none is not quoted at all, for it may hold a token.
    fn explain(&self, error: RequestTokenError<HttpError, BasicErrorResponse>, status: u16, secret: &Secret) -> String {
        let endpoint = shown(&self.settings.token_url);
        match error {
            RequestTokenError::Request(error) => error.to_string(),
            RequestTokenError::ServerResponse(said) => {
                let said = without_secret(&said.to_string(), &self.settings.client_id, secret);
                format!("{endpoint} refused client {} (status {status}): {said}", self.settings.client_id)
            }
            RequestTokenError::Parse(..) | RequestTokenError::Other(_) => {
                format!("the answer of {endpoint} (status {status}) is no OAuth 2.0 token answer; check token_url")
            }
        }
    }
}

/// Carries oauth2's requests over our client, and remembers the status, which oauth2's errors leave out.
struct Wire {
    client: Client,
    status: AtomicU16,
}

impl<'a> AsyncHttpClient<'a> for Wire {
    type Error = HttpError;
    type Future = Pin<Box<dyn Future<Output = Result<HttpResponse, HttpError>> + Send + 'a>>;

    fn call(&'a self, request: HttpRequest) -> Self::Future {
        Box::pin(async move {
            let (parts, body) = request.into_parts();
            let request = Request {
                method: Method::POST,
                url: self.client.base(),
                headers: parts.headers,
                body: Some(body.into()),
                // A token request changes nothing at the server.
                repeat: Repeat::Safe,
            };
            let answer = self.client.send(request).await?;
            self.status.store(answer.status, Ordering::Relaxed);
            let mut response = HttpResponse::new(answer.body.to_vec());
            *response.headers_mut() = answer.headers;
            *response.status_mut() = http::StatusCode::from_u16(answer.status).unwrap_or(http::StatusCode::BAD_GATEWAY);
            Ok(response)
        })
    }
}

#[async_trait::async_trait]
impl TokenSource for ClientCredentials {
    async fn authorization(&self, renew: bool) -> Result<Secret, String> {
        let before = self.requests.load(Ordering::Acquire);
        let mut last = self.last.lock().await;
        // A request that ended while we waited for the lock is as new as one that we would send now.
        let just_asked = self.requests.load(Ordering::Acquire) > before;
        match &*last {
            Some(Ok(token)) if token.is_fresh() && (just_asked || !renew) => return Ok(token.header()),
            Some(Err(reason)) if just_asked => return Err(reason.clone()),
            _ => {}
        }
        let outcome = self.request().await;
        self.requests.fetch_add(1, Ordering::Release);
        let header = outcome.as_ref().map(Token::header).map_err(Clone::clone);
        *last = Some(outcome);
        header
    }
}

impl Token {
    /// Takes the token of an answer.
    fn of(answer: &BasicTokenResponse) -> Result<Self, String> {
        if !matches!(answer.token_type(), BasicTokenType::Bearer) {
            return Err("the token endpoint issued a token that is no bearer token".to_owned());
        }
        let secret = Secret::new(answer.access_token().secret().clone());
        // A short life is used for four fifths of it; no stated life means until a 401.
        let ends = answer.expires_in().and_then(|life| Instant::now().checked_add(life - MARGIN.min(life / 5)));
        Ok(Self { secret, ends })
    }

    /// Whether the token may still be sent.
    fn is_fresh(&self) -> bool {
        self.ends.is_none_or(|ends| Instant::now() < ends)
    }

    /// The value of the header.
    fn header(&self) -> Secret {
        Secret::new(format!("Bearer {}", self.secret.expose()))
    }
}

/// The text without the secret in any of the forms in which it was sent.
fn without_secret(text: &str, client_id: &str, secret: &Secret) -> String {
    let encode = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    let encoded = encode(secret.expose());
    let basic = BASE64_STANDARD.encode(format!("{}:{encoded}", encode(client_id)));
    [secret.expose(), &encoded, &basic].iter().fold(text.to_owned(), |text, form| text.replace(*form, "[secret]"))
}
