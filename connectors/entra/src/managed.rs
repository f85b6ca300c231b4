//! Tokens of the identity that Azure gave this machine: asked for at an address that only the machine itself can reach.

use std::time::Duration;

use jiff::Timestamp;
use rollcall_kit::http::token::Ambient;
use rollcall_kit::http::{Client, HeaderName, HeaderValue, HttpError, HttpSettings, OriginUrl, Request, Response};
use rollcall_kit::secret::{Secret, SecretRef};
use serde::Deserialize;
use serde_json::Value as Json;
use url::Url;

use crate::cloud::resource;
use crate::settings::{EntraSettings, ManagedIdentitySettings};

/// Where virtual machines ask.
const MACHINE: &str = "http://169.254.169.254/metadata/identity/oauth2/token";

#[derive(Deserialize)]
struct Answer {
    access_token: String,
    #[serde(default)]
    expires_in: Json,
    #[serde(default)]
    expires_on: Json,
}

/// The identity of this machine, as a source of tokens. Nothing is sent.
pub(crate) fn identity(
    settings: &EntraSettings,
    identity: &ManagedIdentitySettings,
    back_off: Option<Duration>,
) -> Result<Ambient, HttpError> {
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
    let graph = settings.graph().map_err(|problem| HttpError::Settings(problem.message))?;
    let version = if header.is_some() { "2019-08-01" } else { "2018-02-01" };
    let mut query = vec![("api-version", version), ("resource", resource(&graph))];
    query.extend(settings.client_id.as_deref().map(|id| ("client_id", id.trim())));
    let url = client.base().with_query(&query);
    Ok(Ambient::new(client, move || ask(&url, header.as_ref()), take))
}

/// The request. The secret of an App Service endpoint goes with it; virtual machines have none.
fn ask(url: &OriginUrl, header: Option<&SecretRef>) -> Result<Request, HttpError> {
    let request = Request::get(url.clone());
    let Some(secret) = header else {
        return Ok(request.header(HeaderName::from_static("metadata"), HeaderValue::from_static("true")));
    };
    let secret = secret.resolve().map_err(|error| HttpError::Settings(error.to_string()))?;
    let mut value = HeaderValue::from_str(secret.expose())
        .map_err(|_| HttpError::Settings("managed_identity: header cannot be sent as a header".to_owned()))?;
    value.set_sensitive(true);
    Ok(request.header(HeaderName::from_static("x-identity-header"), value))
}

/// The token of an answer, whose own words are quoted only where it is none.
fn take(answer: &Response) -> Result<(Secret, Duration), String> {
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
    Ok((Secret::new(answer.access_token), life))
}

fn number(json: &Json) -> Option<i64> {
    json.as_i64().or_else(|| json.as_str()?.trim().parse().ok())
}
