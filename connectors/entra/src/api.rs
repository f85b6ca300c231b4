//! How Graph is spoken to: signed in, within its limits, and with its errors in our words.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use rollcall_kit::ReadError;
use rollcall_kit::http::{
    Client, HeaderName, HeaderValue, HttpError, NextPage, OriginUrl, Pages, Request, Response, TokenSource,
};
use rollcall_kit::rest::{self, Interface};
pub(crate) use rollcall_kit::rest::{Item, List, Query, json};
use serde_json::Value as Json;

use crate::limits;
use crate::refusal::Refusal;
use crate::settings::EntraSettings;
use crate::sign_in::{Tokens, remedy};

/// Where Graph's interface lies below its URL.
const ROOT: &str = "v1.0";

/// What we ask for below it, for traces.
const ENDPOINTS: &[&str] = &[
    "/$batch",
    "/applications",
    "/directory/deletedItems/microsoft.graph.user",
    "/directoryObjects/getByIds",
    "/users",
    "/users/{user}",
    "/users/delta",
    "/groups",
    "/groups/{group}",
    "/groups/delta",
    "/groups/{group}/members",
    "/groups/{group}/transitiveMembers",
    "/servicePrincipals/{principal}",
    "/servicePrincipals/delta",
    "/servicePrincipals/{principal}/appRoleAssignedTo",
];

/// A tenant, as one identity sees it.
pub struct Api {
    pub(crate) client: Client,
    tokens: Arc<Tokens>,
    /// Graph's URL, for sentences.
    pub(crate) server: String,
    /// As whom we ask, for sentences.
    pub(crate) identity: String,
    /// Where tokens come from, for sentences.
    issuer: String,
    /// How often a part of a batch is tried, and the longest pause.
    pub(crate) attempts: u32,
    pub(crate) longest_pause: Duration,
    /// The first pause of our own.
    pub(crate) first_pause: Duration,
}

impl Api {
    /// Makes the clients. Nothing is sent.
    pub(crate) fn new(settings: &EntraSettings, back_off: Option<Duration>) -> Result<Self, ReadError> {
        let http = |error: HttpError| ReadError::Settings(error.to_string());
        let tokens = Arc::new(Tokens::new(settings, back_off).map_err(http)?);
        let mut base = settings.graph()?;
        base.set_path(ROOT);
        let source = Arc::clone(&tokens) as Arc<dyn TokenSource>;
        let mut client = Client::new(base, settings.http.clone(), Some(source))
            .map_err(http)?
            .with_endpoints(ENDPOINTS)
            .with_budget(limits::slow_down)
            .with_parallel(settings.parallel);
        if let Some(first) = back_off {
            client = client.with_back_off(first);
        }
        let identity = match &settings.client_id {
            Some(client_id) => format!("client {}", client_id.trim()),
            None => "this machine's managed identity".to_owned(),
        };
        let shown = |url: url::Url| url.as_str().trim_end_matches('/').to_owned();
        let issuer = match settings.managed_identity {
            Some(_) => "the managed identity endpoint".to_owned(),
            None => shown(settings.login()?),
        };
        Ok(Self {
            client,
            tokens,
            server: shown(settings.graph()?),
            identity,
            issuer,
            attempts: settings.http.attempts,
            longest_pause: settings.http.max_wait.duration(),
            first_pause: back_off.unwrap_or(Duration::from_secs(1)),
        })
    }

    /// Gets a new token, and says which permissions it carries, where it says so itself.
    pub(crate) async fn sign_in(&self) -> Result<Option<BTreeSet<String>>, ReadError> {
        self.tokens.renew().await.map_err(|error| self.no_token(error))?;
        Ok(self.tokens.roles().await)
    }

    /// A walk over a list.
    pub(crate) fn list(&self, query: &Query<'_>) -> List<'_> {
        List::of(self, self.pages(query), query, take)
    }

    /// A walk that goes on at a link which Graph gave.
    pub(crate) fn list_from(&self, collection: &'static str, words: String, link: &str) -> Result<List<'_>, ReadError> {
        let url = self.own(link).map_err(|problem| ReadError::incomplete(collection, format!("{words}: {problem}")))?;
        let pages = Pages::new(self.client.clone(), marked(Request::get(url))).one_ahead();
        Ok(List::new(self, pages, collection, words, take))
    }

    /// Takes a link only if it lies within Graph's interface, on the configured origin: our token goes with it.
    pub(crate) fn own(&self, link: &str) -> Result<OriginUrl, String> {
        let url = self.client.follow(link).map_err(|error| error.to_string())?;
        let inside = url.as_url().path().strip_prefix("/v1.0").is_some_and(|rest| rest.starts_with('/'));
        if inside { Ok(url) } else { Err(format!("a link leads outside of /{ROOT}; it was not followed")) }
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

    fn issuer(&self) -> &str {
        &self.issuer
    }

    fn root(&self) -> &'static str {
        ROOT
    }

    fn dressed(&self, request: Request, _: &Query<'_>) -> Request {
        marked(request)
    }

    fn refusal(&self, answer: &Response) -> Box<dyn rest::Refusal> {
        Box::new(Refusal::of(answer))
    }

    fn sign_in_remedy(&self, reason: &str) -> Option<String> {
        remedy(reason).map(str::to_owned)
    }
}

/// A request that Microsoft's support can find, and that Graph may let wait for people's own.
pub(crate) fn marked(request: Request) -> Request {
    let request = request
        .header(HeaderName::from_static("accept"), HeaderValue::from_static("application/json"))
        .header(HeaderName::from_static("x-ms-throttle-priority"), HeaderValue::from_static("low"));
    match HeaderValue::from_str(&uuid::Uuid::new_v4().to_string()) {
        Ok(id) => request.header(HeaderName::from_static("client-request-id"), id),
        Err(_) => request,
    }
}

fn take(answer: &Response) -> Result<(Vec<Item>, NextPage), String> {
    page(json(answer)?)
}

/// Reads a page. It may hold nothing and still not be the last: only a page without a next link is.
pub(crate) fn page(mut body: Json) -> Result<(Vec<Item>, NextPage), String> {
    let next = match body.get("@odata.nextLink") {
        None => NextPage::End,
        Some(Json::String(link)) => NextPage::Link(link.clone()),
        Some(_) => return Err("its next link is none".to_owned()),
    };
    let Some(Json::Array(rows)) = body.get_mut("value").map(Json::take) else {
        return Err("the answer holds no list of objects".to_owned());
    };
    Ok((rest::items(rows)?, next))
}
