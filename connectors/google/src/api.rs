//! How the Admin SDK is spoken to: signed in, within its quotas, and with its errors in our words.
//!
//! An empty list lacks its key, and a broken answer can look the same. So an answer is a page only if it says of what kind
//! it is, and one that holds nothing is asked for a second time before it is believed.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use jiff::fmt::rfc2822;
use rollcall_kit::ReadError;
use rollcall_kit::http::token::TokenError;
use rollcall_kit::http::{Client, HttpError, NextPage, Pages, Request, Response, TokenSource};
use rollcall_kit::rest::{self, Interface, Take};
pub(crate) use rollcall_kit::rest::{Item, List};
use serde_json::Value as Json;

use crate::limits;
use crate::refusal::Refusal;
use crate::settings::GoogleSettings;
use crate::sign_in::{Tokens, remedy};

/// Below what the Admin SDK's interfaces lie.
const ROOT: &str = "admin";

/// What we ask for below it, for traces.
const ENDPOINTS: &[&str] = &[
    "/directory/v1/users",
    "/directory/v1/users/{user}",
    "/directory/v1/groups",
    "/directory/v1/groups/{group}",
    "/directory/v1/groups/{group}/members",
    "/directory/v1/customer/{customer}/orgunits/{unit}",
    "/reports/v1/activity/users/all/applications/{application}",
];

/// The most groups, and the most members, that a page can hold.
pub(crate) const PAGE: &str = "200";

/// A customer, as one identity sees it.
pub(crate) struct Api {
    client: Client,
    pub(crate) tokens: Arc<Tokens>,
    /// The Admin SDK's URL, for sentences.
    pub(crate) server: String,
    /// As whom we ask, for sentences.
    pub(crate) identity: String,
    admin: Option<String>,
}

/// One thing to ask for.
#[derive(Clone, Copy)]
pub(crate) struct Query<'a> {
    /// The name of the collection, for sentences.
    pub(crate) collection: &'static str,
    /// The path below `/admin`.
    pub(crate) path: &'a [&'a str],
    /// The query parameters.
    pub(crate) parameters: &'a [(&'a str, &'a str)],
}

impl Query<'_> {
    /// What is asked for, in words that a certificate can keep. The names of fields are left out.
    pub(crate) fn words(&self) -> String {
        let told: Vec<(&str, &str)> = self.parameters.iter().filter(|(name, _)| *name != "fields").copied().collect();
        rest::words(ROOT, self.path, &told)
    }
}

impl Api {
    /// Makes the clients. Nothing is sent.
    pub(crate) fn new(settings: &GoogleSettings, back_off: Option<Duration>) -> Result<Self, ReadError> {
        let http = |error: HttpError| ReadError::Settings(error.to_string());
        let tokens = Arc::new(Tokens::new(settings, back_off).map_err(http)?);
        let server = settings.api()?;
        let mut base = server.clone();
        base.set_path(ROOT);
        let first = back_off.unwrap_or(Duration::from_secs(1));
        let source = Arc::clone(&tokens) as Arc<dyn TokenSource>;
        let client = Client::new(base, settings.http.clone(), Some(source))
            .map_err(http)?
            .with_endpoints(ENDPOINTS)
            .with_back_off(first)
            .with_pause(move |answer| limits::pause(answer, first))
            .with_pace(settings.requests_per_minute)
            .with_parallel(settings.parallel);
        let identity = match &settings.admin {
            Some(admin) => format!("the administrator {}", admin.trim()),
            None => "the service account".to_owned(),
        };
        let server = server.as_str().trim_end_matches('/').to_owned();
        Ok(Self { client, tokens, server, identity, admin: settings.admin.clone() })
    }

    /// Gets a new token, and says what it is good for.
    pub(crate) async fn sign_in(&self) -> Result<Vec<String>, ReadError> {
        self.tokens.renew().await.map_err(|error| self.token_error(error))
    }

    /// Why there is no token.
    pub(crate) fn token_error(&self, error: TokenError) -> ReadError {
        let refused = |reason: String| {
            let remedy = remedy(&reason, self.admin.as_deref());
            let reason = if remedy.is_empty() { reason } else { format!("{reason}; {remedy}") };
            ReadError::SignIn { server: "Google".to_owned(), identity: self.identity.clone(), reason }
        };
        match error {
            TokenError::Http(HttpError::Unreachable { reason, url }) => ReadError::Unreachable { server: url, reason },
            TokenError::Http(HttpError::Untrusted { reason, url }) => ReadError::Untrusted { server: url, reason },
            other => refused(other.to_string()),
        }
    }

    /// One thing by its id; nothing if Google itself says that there is none.
    pub(crate) async fn one(&self, query: &Query<'_>) -> Result<Option<Json>, ReadError> {
        rest::one(self, self.request(query), &query.words(), query.collection).await
    }

    /// A walk over a list of users.
    pub(crate) fn users(&self, query: &Query<'_>) -> List<'_> {
        self.list(query, |answer| objects(answer, "admin#directory#users", "users"))
    }

    /// A walk over a list of groups.
    pub(crate) fn groups(&self, query: &Query<'_>) -> List<'_> {
        self.list(query, |answer| objects(answer, "admin#directory#groups", "groups"))
    }

    /// A walk over the members of a group. They are no objects with ids ([`members`]). With `believed`, a page that holds
    /// nothing is not asked for again: the group says itself that it has no members.
    pub(crate) fn members(&self, query: &Query<'_>, believed: bool) -> List<'_> {
        let pages = Pages::new(self.client.clone(), self.request(query)).one_ahead();
        let pages = if believed { pages } else { pages.with_second_look(holds_nothing) };
        List::new(self, pages, query.collection, query.words(), |_| Err("members are read in another way".to_owned()))
    }

    /// A walk over an audit log, whose entries are no objects with ids ([`activities`]).
    pub(crate) fn log(&self, query: &Query<'_>) -> List<'_> {
        let pages = Pages::new(self.client.clone(), self.request(query));
        List::new(self, pages, query.collection, query.words(), |_| Err("a log is read in another way".to_owned()))
    }

    fn list(&self, query: &Query<'_>, take: Take) -> List<'_> {
        let pages = Pages::new(self.client.clone(), self.request(query)).with_second_look(holds_nothing).one_ahead();
        List::new(self, pages, query.collection, query.words(), take)
    }

    /// What time it is at Google, whose clock its logs are by.
    pub(crate) async fn now(&self, query: &Query<'_>) -> Result<Timestamp, ReadError> {
        let answer = self.client.send(self.request(query)).await;
        let answer = answer.map_err(|error| rest::no_answer(self, error, query.collection))?;
        if answer.status != 200 {
            return Err(self.refused(&answer, &query.words(), query.collection));
        }
        let date = answer.header("date").and_then(|date| rfc2822::parse(date).ok());
        let missing = || ReadError::incomplete(query.collection, "the answer does not say what time it is at Google");
        date.map(|date| date.timestamp()).ok_or_else(missing)
    }

    fn request(&self, query: &Query<'_>) -> Request {
        Request::get(self.client.url(query.path).with_query(query.parameters))
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

    fn refused(&self, answer: &Response, what: &str, collection: &str) -> ReadError {
        Refusal::of(answer).into_error(&self.server, &self.identity, what, collection)
    }

    fn is_absent(&self, answer: &Response) -> bool {
        Refusal::of(answer).is_not_found()
    }
}

/// Reads a page of objects with ids.
fn objects(answer: &Response, kind: &str, key: &str) -> Result<(Vec<Item>, NextPage), String> {
    let (rows, next) = page(answer, kind, key)?;
    Ok((rest::items(rows)?, next))
}

/// Reads a page of members.
pub(crate) fn members(answer: &Response) -> Result<(Vec<Json>, NextPage), String> {
    page(answer, "admin#directory#members", "members")
}

/// Reads a page of an audit log.
pub(crate) fn activities(answer: &Response) -> Result<(Vec<Json>, NextPage), String> {
    page(answer, "admin#reports#activities", "items")
}

/// Reads a page. Where there is nothing, the key is absent; that this is such a page, and not half of one or something
/// else, is said by its kind.
fn page(answer: &Response, kind: &str, key: &str) -> Result<(Vec<Json>, NextPage), String> {
    let mut body = rest::json(answer)?;
    if body.get("kind").and_then(Json::as_str) != Some(kind) {
        return Err(format!("the answer does not say that it is a page of {key} (kind {kind:?})"));
    }
    let rows = match body.get_mut(key).map(Json::take) {
        None => Vec::new(),
        Some(Json::Array(rows)) => rows,
        Some(_) => return Err(format!("{key} is no list")),
    };
    let next = match body.get("nextPageToken") {
        None => NextPage::End,
        Some(Json::String(token)) if token.is_empty() => NextPage::End,
        Some(Json::String(token)) => NextPage::Parameter { name: "pageToken", value: token.clone() },
        Some(_) => return Err("its nextPageToken is no text".to_owned()),
    };
    Ok((rows, next))
}

/// Whether an answer holds nothing. Looked into only where it is short: one that holds anything is not.
fn holds_nothing(answer: &Response) -> bool {
    let empty = |json: &Json| json.as_array().is_none_or(Vec::is_empty);
    answer.body.len() < 1024
        && serde_json::from_slice::<Json>(&answer.body)
            .is_ok_and(|body| ["users", "groups", "members"].iter().all(|key| body.get(*key).is_none_or(empty)))
}

#[cfg(test)]
mod tests {
    use rollcall_kit::http::HeaderMap;

    use super::*;

    fn answer(body: &str) -> Response {
        Response { status: 200, headers: HeaderMap::new(), body: body.to_owned().into(), attempts: 1 }
    }

    #[test]
    fn an_empty_page_is_told_from_a_broken_one_by_its_kind() {
        let empty = answer(r#"{"kind": "admin#directory#members", "etag": "\"e\""}"#);
        assert_eq!(members(&empty), Ok((Vec::new(), NextPage::End)));
        for broken in ["{}", "[]", "null", r#"{"etag": "\"e\""}"#, r#"{"kind": "admin#directory#users"}"#, "", "<html>"]
        {
            assert!(members(&answer(broken)).is_err(), "{broken}");
        }
        for odd in [
            r#"{"kind": "admin#directory#members", "members": null}"#,
            r#"{"kind": "admin#directory#members", "members": {}}"#,
            r#"{"kind": "admin#directory#members", "nextPageToken": 7}"#,
        ] {
            assert!(members(&answer(odd)).is_err(), "{odd}");
        }
    }

    #[test]
    fn what_holds_anything_is_not_doubted() {
        assert!(holds_nothing(&answer(r#"{"kind": "admin#directory#users"}"#)));
        assert!(holds_nothing(&answer(r#"{"kind": "admin#directory#users", "users": []}"#)));
        assert!(!holds_nothing(&answer(r#"{"kind": "admin#directory#users", "users": [{"id": "1"}]}"#)));
    }
}
