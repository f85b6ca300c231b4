//! Tokens of the identity that Azure gave this machine: asked for at an address that only the machine itself can reach.

use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use rollcall_kit::http::token::TokenError;
use rollcall_kit::http::{
    Client, HeaderName, HeaderValue, HttpError, HttpSettings, OriginUrl, Request, Response, TokenSource,
};
use rollcall_kit::secret::{Secret, SecretRef};
use serde::Deserialize;
use serde_json::Value as Json;
use tokio::sync::Mutex;
use tokio::time::Instant;
use url::Url;

use crate::settings::{EntraSettings, ManagedIdentitySettings};
use crate::sign_in::resource;

/// Where virtual machines ask.
const MACHINE: &str = "http://169.254.169.254/metadata/identity/oauth2/token";

/// How long before its end a token is not used any more.
const MARGIN: Duration = Duration::from_secs(300);

/// The identity of this machine.
pub(crate) struct ManagedIdentity {
    client: Client,
    url: OriginUrl,
    /// The secret of an App Service endpoint; virtual machines have none.
    header: Option<SecretRef>,
    held: Mutex<Option<Held>>,
}

struct Held {
    secret: Secret,
    ends: Instant,
}

#[derive(Deserialize)]
struct Answer {
    access_token: String,
    #[serde(default)]
    expires_in: Json,
    #[serde(default)]
    expires_on: Json,
}

impl ManagedIdentity {
    /// Makes the client. Nothing is sent.
    pub(crate) fn new(
        settings: &EntraSettings,
        identity: &ManagedIdentitySettings,
        back_off: Option<Duration>,
    ) -> Result<Self, HttpError> {
        let wrong = |sentence: String| HttpError::Settings(format!("managed_identity: {sentence}"));
        let from_environment = std::env::var("IDENTITY_ENDPOINT").ok().filter(|_| identity.endpoint.is_none());
        let header = match (&identity.header, &from_environment) {
            (None, Some(_)) => Some(SecretRef::Env("IDENTITY_HEADER".to_owned())),
            (header, _) => header.clone(),
        };
        let endpoint = match (&identity.endpoint, from_environment) {
            (Some(endpoint), _) => endpoint.clone(),
            (None, named) => {
                let text = named.unwrap_or_else(|| MACHINE.to_owned());
                Url::parse(&text).map_err(|_| wrong(format!("IDENTITY_ENDPOINT is no URL: {text}")))?
            }
        };
        // No proxy leads there, and one on the way would learn the token.
        let http = HttpSettings { proxy: None, ..settings.http.clone() };
        let mut client = Client::new(endpoint, http, None)?;
        if let Some(first) = back_off {
            client = client.with_back_off(first);
        }
        let graph = settings.graph().map_err(|error| HttpError::Settings(error.to_string()))?;
        let version = if header.is_some() { "2019-08-01" } else { "2018-02-01" };
        let mut query = vec![("api-version", version), ("resource", resource(&graph))];
        query.extend(settings.client_id.as_deref().map(|id| ("client_id", id.trim())));
        let url = client.base().with_query(&query);
        Ok(Self { client, url, header, held: Mutex::new(None) })
    }

    /// Asks for a token. Azure itself keeps tokens for up to a day, so that it may be the old one.
    pub(crate) async fn renew(&self) -> Result<(), TokenError> {
        let mut held = self.held.lock().await;
        *held = Some(self.ask().await?);
        Ok(())
    }

    async fn ask(&self) -> Result<Held, TokenError> {
        let mut request = Request::get(self.url.clone());
        match &self.header {
            None => {
                request = request.header(HeaderName::from_static("metadata"), HeaderValue::from_static("true"));
            }
            Some(secret) => {
                let secret = secret.resolve().map_err(|error| HttpError::Settings(error.to_string()))?;
                let mut value = HeaderValue::from_str(secret.expose()).map_err(|_| {
                    HttpError::Settings("managed_identity: header cannot be sent as a header".to_owned())
                })?;
                value.set_sensitive(true);
                request = request.header(HeaderName::from_static("x-identity-header"), value);
            }
        }
        let answer = self.client.send(request).await?;
        take(&answer).map_err(TokenError::Refused)
    }
}

#[async_trait]
impl TokenSource for ManagedIdentity {
    async fn authorization(&self, renew: bool) -> Result<Secret, String> {
        let mut held = self.held.lock().await;
        if held.as_ref().is_none_or(|token| renew || Instant::now() >= token.ends) {
            *held = Some(self.ask().await.map_err(|error| error.to_string())?);
        }
        let token = held.as_ref().map(|token| Secret::new(format!("Bearer {}", token.secret.expose())));
        token.ok_or_else(|| "there is no token".to_owned())
    }
}

/// The token of an answer, whose own words are quoted only where it is none.
fn take(answer: &Response) -> Result<Held, String> {
    let status = answer.status;
    if status != 200 {
        let said: Json = serde_json::from_slice(&answer.body).unwrap_or_default();
        let said = ["error_description", "message", "error"].iter().find_map(|name| said.get(*name)?.as_str());
        return Err(format!(
            "Azure gave no token of this machine's identity (status {status}): {}; assign an identity to the machine, and \
             name it by client_id where there are several",
            said.unwrap_or("the answer holds no reason")
        ));
    }
    let answer: Answer = serde_json::from_slice(&answer.body)
        .map_err(|_| "the answer of the managed identity endpoint holds no token; check managed_identity".to_owned())?;
    // `expires_in` is missing at App Service, and both come as texts.
    let now = Timestamp::now().as_second();
    let seconds = number(&answer.expires_in).or_else(|| Some(number(&answer.expires_on)?.saturating_sub(now)));
    let life = Duration::from_secs(u64::try_from(seconds.unwrap_or_default()).unwrap_or_default());
    let ends = Instant::now().checked_add(life - MARGIN.min(life / 5)).unwrap_or_else(Instant::now);
    Ok(Held { secret: Secret::new(answer.access_token), ends })
}

fn number(json: &Json) -> Option<i64> {
    json.as_i64().or_else(|| json.as_str()?.trim().parse().ok())
}
