//! How the Admin SDK is spoken to: signed in, within its quotas, and with its errors in our words.
//!
//! An empty list lacks its key, and a broken answer can look the same. So an answer is a page only if it says of what kind
//! it is, and one that holds nothing is asked for a second time before it is believed.

use std::sync::Arc;
use std::time::Duration;

use rollcall_kit::ReadError;
use rollcall_kit::http::{Client, HttpError, NextPage, Response, TokenSource};
use rollcall_kit::rest::{self, Interface, Take};
pub(crate) use rollcall_kit::rest::{Item, List, Query};
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
pub struct Api {
    client: Client,
    pub(crate) tokens: Arc<Tokens>,
    /// The Admin SDK's URL, for sentences.
    pub(crate) server: String,
    /// As whom we ask, for sentences.
    pub(crate) identity: String,
    admin: Option<String>,
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
        self.tokens.renew().await.map_err(|error| self.no_token(error))
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
        let pages = self.pages(query);
        let pages = if believed { pages } else { pages.with_second_look(holds_nothing) };
        List::of(self, pages, query, |_| Err("members are read in another way".to_owned()))
    }

    /// A walk over an audit log, whose entries are no objects with ids ([`activities`]).
    pub(crate) fn log(&self, query: &Query<'_>) -> List<'_> {
        List::of(self, self.pages(query).in_step(), query, |_| Err("a log is read in another way".to_owned()))
    }

    fn list(&self, query: &Query<'_>, take: Take) -> List<'_> {
        List::of(self, self.pages(query).with_second_look(holds_nothing), query, take)
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

    fn issuer(&self) -> &'static str {
        "Google"
    }

    fn root(&self) -> &'static str {
        ROOT
    }

    /// The names of fields are left out.
    fn tells(&self, parameter: &str) -> bool {
        parameter != "fields"
    }

    fn refusal(&self, answer: &Response) -> Box<dyn rest::Refusal> {
        Box::new(Refusal::of(answer))
    }

    fn sign_in_remedy(&self, reason: &str) -> Option<String> {
        remedy(reason, self.admin.as_deref())
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
