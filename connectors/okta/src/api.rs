//! How Okta is spoken to: signed in, within its limits, and with its errors in our words.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use rollcall_kit::http::token::{Assertion, BearerToken, ClientProof, TokenEndpoint, TokenRequest};
use rollcall_kit::http::{Client, HeaderName, HeaderValue, HttpError, NextPage, Request, Response, TokenSource};
use rollcall_kit::rest::{self, Interface};
pub(crate) use rollcall_kit::rest::{Item, List, Query};
use rollcall_kit::{Collection, ReadError};
use serde_json::Value;

use crate::limits;
use crate::refusal::Refusal;
use crate::settings::OktaSettings;

/// Where Okta's interface lies below the organisation's URL.
const ROOT: &str = "api/v1";

/// What we ask for below it, for traces.
const ENDPOINTS: &[&str] = &[
    "/users",
    "/users/{user}",
    "/users/{user}/groups",
    "/groups",
    "/groups/{group}",
    "/groups/{group}/users",
    "/apps/{app}",
    "/apps/{app}/users",
    "/apps/{app}/users/{user}",
    "/apps/{app}/groups",
    "/logs",
];

/// What proves the end of a list.
pub(crate) const END: &str = "an answer with status 200 and no next link";

/// An organisation, as one identity sees it.
pub struct Api {
    client: Client,
    /// The app's token endpoint; none with an API token.
    tokens: Option<Arc<TokenEndpoint>>,
    /// The organisation's URL, for sentences.
    pub(crate) server: String,
    /// As whom we ask, for sentences.
    pub(crate) identity: String,
}

impl Api {
    /// Makes the clients. Nothing is sent.
    pub(crate) fn new(settings: &OktaSettings, back_off: Option<Duration>) -> Result<Self, ReadError> {
        let http = |error: HttpError| ReadError::Settings(error.to_string());
        let tokens = endpoint(settings, &settings.wanted_scopes(), back_off)?.map(Arc::new);
        let source: Option<Arc<dyn TokenSource>> = match (&tokens, &settings.token) {
            (Some(tokens), _) => Some(Arc::clone(tokens) as Arc<dyn TokenSource>),
            (None, Some(token)) => Some(Arc::new(BearerToken::with_scheme("SSWS", token.clone()))),
            (None, None) => None,
        };
        let mut base = settings.url.clone();
        base.set_path(ROOT);
        let share = f64::from(settings.rate_limit_share) / 100.0;
        let mut client = Client::new(base, settings.http.clone(), source)
            .map_err(http)?
            .with_endpoints(ENDPOINTS)
            .with_parallel(settings.parallel)
            .with_pause(limits::told_pause)
            .with_budget(move |answer| limits::spent(answer, share));
        if let Some(first) = back_off {
            client = client.with_back_off(first);
        }
        let identity = match &settings.client_id {
            Some(client_id) => format!("client {client_id}"),
            None => "the owner of the API token".to_owned(),
        };
        Ok(Self { client, tokens, server: settings.url.as_str().trim_end_matches('/').to_owned(), identity })
    }

    /// Gets a token, and refuses to go on with one that is good for less than what was asked for: Okta would answer
    /// later questions with less. Yields what was granted; an API token does not say what it is good for.
    pub(crate) async fn sign_in(&self) -> Result<Vec<String>, ReadError> {
        let Some(tokens) = &self.tokens else { return Ok(Vec::new()) };
        let missing = tokens.missing_scopes().await.map_err(|error| self.no_token(error))?;
        if missing.is_empty() {
            return tokens.granted_scopes().await.map_err(|error| self.no_token(error));
        }
        Err(ReadError::Denied {
            identity: self.identity.clone(),
            what: missing.join(", "),
            reason: "the token was issued without it; grant it to the app (Okta API Scopes)".to_owned(),
        })
    }

    /// What time it is at Okta, whose clock its time stamps are by.
    pub(crate) async fn now(&self) -> Result<Timestamp, ReadError> {
        let query = Query { collection: "users", path: &["users"], parameters: &[("limit", "1")] };
        Interface::now(self, &query).await
    }

    /// A walk over a list.
    pub(crate) fn list(&self, query: &Query<'_>) -> List<'_> {
        List::of(self, self.pages(query), query, page)
    }
}

impl Interface for Api {
    fn client(&self) -> &Client {
        &self.client
    }

    fn server(&self) -> &str {
        &self.server
    }

    fn identity(&self) -> &str {
        &self.identity
    }

    fn root(&self) -> &'static str {
        ROOT
    }

    fn dressed(&self, request: Request, query: &Query<'_>) -> Request {
        let request = request.class(limits::class(query.path));
        // Spares Okta the parts of users that we do not read; some of them are slow to come by. No media type as RFC 9110
        // has them, but spelled as Okta documents it.
        match query.path {
            ["users"] | ["users", _] => request.header(
                HeaderName::from_static("content-type"),
                HeaderValue::from_static(
                    "application/json; okta-response=omitCredentials,omitCredentialsLinks,omitTransitioningToStatus",
                ),
            ),
            _ => request,
        }
    }

    fn refusal(&self, answer: &Response) -> Box<dyn rest::Refusal> {
        Box::new(Refusal::of(answer))
    }
}

/// A list that was read to its end.
pub(crate) fn collection(name: &str, query: &str, pages: u64, entries: u64) -> Collection {
    let (name, query, end) = (name.to_owned(), query.to_owned(), END.to_owned());
    Collection { name, query, pages, entries, announced: None, end }
}

/// Reads a page.
fn page(answer: &Response) -> Result<(Vec<Item>, NextPage), String> {
    let next = answer.next_link().map_err(|error| error.to_string())?;
    let next = next.map_or(NextPage::End, |link| NextPage::Link(link.to_owned()));
    let objects: Vec<Value> =
        serde_json::from_slice(&answer.body).map_err(|_| "the answer is no JSON list of objects".to_owned())?;
    Ok((rest::items(objects)?, next))
}

/// Reads a page of the System Log. A log that is polled always names a next page, for what is still to come, and ends
/// with a page that holds nothing.
pub(crate) fn events(answer: &Response) -> Result<(Vec<Value>, NextPage), String> {
    let next = answer.next_link().map_err(|error| error.to_string())?;
    let events: Vec<Value> =
        serde_json::from_slice(&answer.body).map_err(|_| "the answer is no JSON list of events".to_owned())?;
    let next = next.filter(|_| !events.is_empty());
    Ok((events, next.map_or(NextPage::End, |link| NextPage::Link(link.to_owned()))))
}

/// The token endpoint of the organisation's own authorization server, which alone issues tokens for Okta's interface.
pub(crate) fn endpoint(
    settings: &OktaSettings,
    scopes: &[String],
    back_off: Option<Duration>,
) -> Result<Option<TokenEndpoint>, ReadError> {
    let (Some(client_id), Some(key)) = (&settings.client_id, &settings.private_key) else { return Ok(None) };
    let mut url = settings.url.clone();
    url.set_path("/oauth2/v1/token");
    let assertion =
        Assertion { key_id: settings.key_id.clone(), algorithm: settings.algorithm, ..Assertion::new(key.clone()) };
    let mut request = TokenRequest::client_credentials(url, client_id.clone(), ClientProof::Assertion(assertion));
    request.scopes = scopes.to_vec();
    request.possession = settings.dpop;
    let endpoint = TokenEndpoint::new(request, settings.http.clone());
    let endpoint = endpoint.map_err(|error| ReadError::Settings(error.to_string()))?.with_pause(limits::told_pause);
    Ok(Some(match back_off {
        Some(first) => endpoint.with_back_off(first),
        None => endpoint,
    }))
}
