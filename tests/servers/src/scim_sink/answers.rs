//! Which answer belongs to which request.

use std::time::Instant;

use bytes::Bytes;
use http_body_util::Full;
use hyper::header::{self, HeaderValue};
use hyper::http::request::Parts;
use hyper::{Method, Response, StatusCode};
use serde_json::{Map, Value, json};

use super::accounts::Refusal;
use super::patch::{Refused, operations};
use super::path::Equals;
use super::{Counts, Sink, TOKEN, discovery};

/// Where the service begins.
pub(super) const BASE: &str = "/scim/v2";

/// Resources on a page, unless fewer are asked for.
pub(super) const PAGE: usize = 500;

/// The media type of the protocol (RFC 7644, section 3.1).
const SCIM_JSON: HeaderValue = HeaderValue::from_static("application/scim+json");

/// An answer.
#[derive(Debug)]
pub(super) struct Answer {
    status: StatusCode,
    headers: Vec<(header::HeaderName, HeaderValue)>,
    body: String,
}

/// What a list is asked for.
#[derive(Debug, Default)]
struct Query {
    filter: Option<String>,
    start: usize,
    count: usize,
    /// Whether groups are shown with their members.
    members: bool,
}

type Answered = Result<Answer, Refusal>;

impl Answer {
    fn new(status: u16, body: String) -> Self {
        Self { status: StatusCode::from_u16(status).unwrap_or_default(), headers: Vec::new(), body }
    }

    /// An error (RFC 7644, section 3.12).
    pub(super) fn error(status: u16, kind: Option<&str>, detail: &str) -> Self {
        let mut body = json!({
            "schemas": ["urn:ietf:params:scim:api:messages:2.0:Error"], "status": status.to_string(), "detail": detail,
        });
        if let Some(kind) = kind {
            body["scimType"] = kind.into();
        }
        Self::new(status, body.to_string())
    }

    fn with(mut self, name: header::HeaderName, value: &str) -> Self {
        self.headers.extend(HeaderValue::from_str(value).map(|value| (name, value)));
        self
    }

    /// Whether it tells the client to come again later.
    pub(super) fn is_refusal(&self) -> bool {
        self.status == StatusCode::TOO_MANY_REQUESTS
    }

    /// The answer as it goes over the wire.
    pub(super) fn into_response(self) -> Response<Full<Bytes>> {
        let has_body = !self.body.is_empty();
        let mut response = Response::new(Full::new(Bytes::from(self.body)));
        *response.status_mut() = self.status;
        if has_body {
            response.headers_mut().insert(header::CONTENT_TYPE, SCIM_JSON);
        }
        response.headers_mut().extend(self.headers);
        response
    }
}

impl Query {
    fn read(text: &str) -> Self {
        let mut query = Self { count: PAGE, start: 1, members: true, ..Self::default() };
        for (name, value) in url::form_urlencoded::parse(text.as_bytes()) {
            let number = || value.parse::<i64>().map_or(0, |number| usize::try_from(number).unwrap_or(0));
            match &*name {
                "filter" => query.filter = Some(value.into_owned()),
                "startIndex" => query.start = number().max(1),
                "count" => query.count = number().min(PAGE),
                "excludedAttributes" => query.members = !names(&value, "members"),
                "attributes" => query.members = names(&value, "members"),
                _ => {}
            }
        }
        query
    }
}

/// Whether a list of attributes names this one.
fn names(list: &str, name: &str) -> bool {
    list.split(',').any(|one| one.trim().eq_ignore_ascii_case(name))
}

impl Sink {
    /// Does what a request asks for, and answers it.
    pub(super) fn answer(&mut self, head: &Parts, body: &[u8], now: Instant) -> Answer {
        let path = head.uri.path();
        // For whoever measures, beside the protocol: it counts itself not.
        if path == "/counts" {
            return Answer::new(200, serde_json::to_string(&self.counted()).unwrap_or_default());
        }
        let token = head.headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()).unwrap_or_default();
        if token.strip_prefix("Bearer ") != Some(TOKEN) {
            return Answer::error(401, None, "the bearer token is missing or wrong")
                .with(header::WWW_AUTHENTICATE, "Bearer");
        }
        if let Some(Err(seconds)) = self.pace.as_mut().map(|pace| pace.take(now)) {
            self.counts.refused += 1;
            return Answer::error(429, None, "too many requests").with(header::RETRY_AFTER, &seconds.to_string());
        }
        self.count(&head.method, body.len());
        let Some(path) = path.strip_prefix(BASE) else { return nothing_there() };
        let query = Query::read(head.uri.query().unwrap_or_default());
        let segments: Vec<&str> = path.split('/').filter(|segment| !segment.is_empty()).collect();
        let answered = match segments.as_slice() {
            ["Users"] => self.users(&head.method, &query, body),
            ["Users", id] => self.user(&head.method, id, body),
            ["Groups"] => self.groups(&head.method, &query, body),
            ["Groups", id] => self.group(&head.method, id, &query, body),
            [document] if head.method == Method::GET => {
                Ok(discovery::document(document).map_or_else(nothing_there, |json| Answer::new(200, json.to_string())))
            }
            _ => Ok(nothing_there()),
        };
        answered.unwrap_or_else(|(status, kind, detail)| Answer::error(status, kind, &detail))
    }

    /// The counts, with what there is now.
    pub(super) fn counted(&self) -> Counts {
        Counts { users: self.accounts.len() as u64, groups: self.groups.len() as u64, ..self.counts }
    }

    fn count(&mut self, method: &Method, bytes: usize) {
        let counts = &mut self.counts;
        let counter = match *method {
            Method::POST => &mut counts.post,
            Method::PATCH => &mut counts.patch,
            Method::PUT => &mut counts.put,
            Method::DELETE => &mut counts.delete,
            _ => &mut counts.get,
        };
        *counter += 1;
        counts.bytes += bytes as u64;
    }

    fn users(&mut self, method: &Method, query: &Query, body: &[u8]) -> Answered {
        match *method {
            Method::GET => match &query.filter {
                None => {
                    let page = self.accounts.page(query.start - 1, query.count, &self.base);
                    Ok(list(self.accounts.len(), query.start, &page))
                }
                Some(filter) => {
                    let found = self.accounts.matching(&equals(filter)?, &self.base);
                    Ok(part(&found, query))
                }
            },
            Method::POST => {
                let (id, kept) = self.accounts.create(object(body)?, &self.base)?;
                Ok(Answer::new(201, kept).with(header::LOCATION, &format!("{}/Users/{id}", self.base)))
            }
            _ => Ok(not_allowed()),
        }
    }

    fn user(&mut self, method: &Method, id: &str, body: &[u8]) -> Answered {
        let shown = match *method {
            Method::GET => self.accounts.show(id, &self.base),
            Method::PUT => self.accounts.replace(id, object(body)?, &self.base)?,
            Method::PATCH => {
                let request = json_of(body)?;
                self.accounts.patch(id, &operations(&request).map_err(refusal)?, &self.base)?
            }
            Method::DELETE => return Ok(done(self.accounts.delete(id))),
            _ => return Ok(not_allowed()),
        };
        Ok(shown.map_or_else(nothing_there, |user| Answer::new(200, user)))
    }

    fn groups(&mut self, method: &Method, query: &Query, body: &[u8]) -> Answered {
        let texts = |groups: Vec<Value>| groups.iter().map(Value::to_string).collect::<Vec<_>>();
        match *method {
            Method::GET => match &query.filter {
                None => {
                    let page = self.groups.page(query.start - 1, query.count, &self.base, query.members);
                    Ok(list(self.groups.len(), query.start, &texts(page)))
                }
                Some(filter) => {
                    let found = self.groups.matching(&equals(filter)?, &self.base, query.members);
                    Ok(part(&texts(found), query))
                }
            },
            Method::POST => {
                let (id, kept) = self.groups.create(object(body)?, &self.base)?;
                Ok(Answer::new(201, kept.to_string()).with(header::LOCATION, &format!("{}/Groups/{id}", self.base)))
            }
            _ => Ok(not_allowed()),
        }
    }

    /// Changes of a group are answered with 204: who changes a hundred members of a million does not want to read the
    /// million.
    fn group(&mut self, method: &Method, id: &str, query: &Query, body: &[u8]) -> Answered {
        let was_there = match *method {
            Method::GET => {
                let shown = self.groups.show(id, &self.base, query.members);
                return Ok(shown.map_or_else(nothing_there, |group| Answer::new(200, group.to_string())));
            }
            Method::PUT => self.groups.replace(id, object(body)?)?,
            Method::PATCH => {
                let request = json_of(body)?;
                self.groups.patch(id, &operations(&request).map_err(refusal)?)?
            }
            Method::DELETE => self.groups.delete(id),
            _ => return Ok(not_allowed()),
        };
        Ok(done(was_there))
    }
}

fn json_of(body: &[u8]) -> Result<Value, Refusal> {
    serde_json::from_slice(body).map_err(|error| (400, Some("invalidSyntax"), format!("the body is no JSON: {error}")))
}

fn object(body: &[u8]) -> Result<Map<String, Value>, Refusal> {
    match json_of(body)? {
        Value::Object(members) => Ok(members),
        _ => Err((400, Some("invalidSyntax"), "the body is no JSON object".to_owned())),
    }
}

fn equals(filter: &str) -> Result<Equals, Refusal> {
    Equals::read(filter).ok_or_else(|| (400, Some("invalidFilter"), format!("{filter:?} is no `attribute eq value`")))
}

fn refusal(Refused(kind, detail): Refused) -> Refusal {
    (400, Some(kind), detail)
}

/// The part of what was found that is asked for.
fn part(found: &[String], query: &Query) -> Answer {
    let begin = (query.start - 1).min(found.len());
    let end = begin.saturating_add(query.count).min(found.len());
    list(found.len(), query.start, found.get(begin..end).unwrap_or_default())
}

/// A list response (RFC 7644, section 3.4.2).
fn list(total: usize, start: usize, resources: &[String]) -> Answer {
    let body = format!(
        r#"{{"schemas":["urn:ietf:params:scim:api:messages:2.0:ListResponse"],"totalResults":{total},"startIndex":{start},"itemsPerPage":{},"Resources":[{}]}}"#,
        resources.len(),
        resources.join(",")
    );
    Answer::new(200, body)
}

fn done(was_there: bool) -> Answer {
    if was_there { Answer::new(204, String::new()) } else { nothing_there() }
}

fn nothing_there() -> Answer {
    Answer::error(404, None, "there is nothing here")
}

fn not_allowed() -> Answer {
    Answer::error(405, None, "this method has no meaning here")
}
