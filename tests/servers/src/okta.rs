//! An Okta organisation on loopback, as strict as the real one where a client can get it wrong: it wants its token, takes
//! no page size out of bounds, leaves deactivated users out of its plain list, and pages by `Link` headers.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::panic,
    clippy::missing_panics_doc,
    clippy::must_use_candidate,
    clippy::indexing_slicing,
    reason = "only tests call this, and what it is asked wrongly must end them"
)]

mod people;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, Request, Respond, ResponseTemplate};

use self::people::company;
pub use self::people::{app_user, group, group_id, user, user_id};

pub const APP: &str = "0oa1a2b3c4d5e6f7g8h9";

/// How the organisation writes its `Link` headers.
#[derive(Clone, Copy, Default)]
pub enum Links {
    /// A line for each, as the real one does.
    #[default]
    Lines,
    /// One line, with a comma between.
    Joined,
    /// The relation without quotes and in capitals.
    Bare,
}

/// Answers a request otherwise than a healthy organisation would; the number counts requests of that path, from 1.
type Fault = Box<dyn Fn(&Request, usize) -> Option<ResponseTemplate> + Send + Sync>;

/// What the organisation holds.
#[derive(Default)]
pub struct State {
    pub users: Vec<Value>,
    pub groups: Vec<Value>,
    pub members: BTreeMap<String, Vec<String>>,
    pub app: Option<Value>,
    pub app_users: Vec<Value>,
    pub app_groups: Vec<Value>,
    /// Objects per page, whatever is asked for.
    pub page: usize,
    pub links: Links,
    /// Whether `expand` is understood.
    pub expands: bool,
    /// The members that Okta counts in Everyone; the group is hidden without it.
    pub everyone: Option<u64>,
    /// Scopes that a token can be good for.
    pub scopes: Vec<&'static str>,
    /// What the System Log holds.
    pub log: Vec<Value>,
    /// Scopes that the last token was issued for.
    granted: Vec<String>,
    /// Headers on each good answer.
    pub headers: Vec<(&'static str, String)>,
    /// Whether the token may come under the scheme `DPoP`.
    pub takes_dpop: bool,
    fault: Option<Fault>,
    seen: BTreeMap<String, usize>,
}

/// The organisation.
pub struct Organisation {
    pub server: MockServer,
    pub state: Arc<Mutex<State>>,
}

struct Front(Arc<Mutex<State>>);

impl Organisation {
    /// An organisation with a few people and groups in every state.
    pub async fn start() -> Self {
        let state = Arc::new(Mutex::new(company()));
        let server = MockServer::start().await;
        Mock::given(any()).respond_with(Front(Arc::clone(&state))).mount(&server).await;
        Self { server, state }
    }

    pub fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state.lock().unwrap());
    }

    pub fn break_by(&self, fault: impl Fn(&Request, usize) -> Option<ResponseTemplate> + Send + Sync + 'static) {
        self.change(|state| state.fault = Some(Box::new(fault)));
    }

    pub async fn requests(&self) -> Vec<Request> {
        self.server.received_requests().await.unwrap()
    }

    /// The paths with their queries, decoded, in order.
    pub async fn asked(&self) -> Vec<String> {
        let words = |request: &Request| {
            let query: Vec<String> = request.url.query_pairs().map(|(name, value)| format!("{name}={value}")).collect();
            format!("{}?{}", request.url.path(), query.join("&"))
        };
        self.requests().await.iter().map(words).collect()
    }
}

/// Okta's form of an error.
pub fn refusal(status: u16, code: &str, summary: &str) -> ResponseTemplate {
    ResponseTemplate::new(status).insert_header("x-okta-request-id", "req-7").set_body_json(
        json!({"errorCode": code, "errorSummary": summary, "errorLink": code, "errorId": "e", "errorCauses": []}),
    )
}

impl Respond for Front {
    fn respond(&self, request: &Request) -> ResponseTemplate {
        let mut state = self.0.lock().unwrap();
        let number = state.seen.entry(request.url.path().to_owned()).or_default();
        *number += 1;
        let number = *number;
        if let Some(answer) = state.fault.as_ref().and_then(|fault| fault(request, number)) {
            return answer;
        }
        if request.url.path() == "/oauth2/v1/token" {
            return state.token(request);
        }
        let token = request.headers.get("authorization").and_then(|token| token.to_str().ok()).unwrap_or_default();
        let dpop = state.takes_dpop && token == "DPoP at-1";
        if !dpop && !matches!(token, "Bearer at-1" | "SSWS 00secret") {
            return refusal(401, "E0000011", "Invalid token provided");
        }
        if token == "Bearer at-1" && !state.allows(request.url.path()) {
            return refusal(403, "E0000006", "The access token provided does not contain the required scopes");
        }
        let answer = state.answer(request);
        state.headers.iter().fold(answer, |answer, (name, value)| answer.insert_header(*name, value.as_str()))
    }
}

impl State {
    fn token(&mut self, request: &Request) -> ResponseTemplate {
        let form: BTreeMap<String, String> = url::form_urlencoded::parse(&request.body).into_owned().collect();
        let asked: Vec<&str> = form.get("scope").map(|scope| scope.split(' ').collect()).unwrap_or_default();
        if !form.contains_key("client_assertion") || asked.iter().any(|scope| !self.scopes.contains(scope)) {
            let description = "One or more scopes are not configured for the authorization server resource.";
            return ResponseTemplate::new(400)
                .set_body_json(json!({"error": "invalid_scope", "error_description": description}));
        }
        self.granted = asked.iter().map(|scope| (*scope).to_owned()).collect();
        ResponseTemplate::new(200).set_body_json(json!({
            "token_type": "Bearer", "expires_in": 3600, "access_token": "at-1", "scope": asked.join(" "),
        }))
    }

    /// Whether the token has the scope that Okta's own description of its interface asks for.
    fn allows(&self, path: &str) -> bool {
        let needed = format!("okta.{}.read", path.split('/').nth(3).unwrap_or_default());
        self.granted.contains(&needed)
    }

    fn answer(&self, request: &Request) -> ResponseTemplate {
        let path: Vec<&str> = request.url.path().split('/').skip(3).collect();
        let query: BTreeMap<String, String> = request.url.query_pairs().into_owned().collect();
        match path.as_slice() {
            ["users"] => self.list(request, 1..=200, &self.matching(&query)),
            ["users", id] => one(self.user(id)),
            ["users", id, "groups"] => self.list(request, 1..=200, &self.groups_of(id)),
            ["groups"] => self.list(request, 1..=10_000, &self.matching_groups(&query)),
            ["groups", id] => one(self.group(id)),
            ["groups", id, "users"] => match self.group(id) {
                Some(_) => self.list(request, 1..=1000, &self.members_of(id)),
                None => one(None),
            },
            ["apps", id, rest @ ..] => match (self.app.as_ref().filter(|app| app["id"] == *id), rest) {
                (Some(app), []) => one(Some(app.clone())),
                (Some(_), ["users"]) => self.list(request, 1..=500, &self.app_users(&query)),
                (Some(_), ["users", user]) => one(self.app_users.iter().find(|one| one["id"] == *user).cloned()),
                (Some(_), ["groups"]) => self.list(request, 20..=200, &self.app_groups(&query)),
                _ => one(None),
            },
            ["logs"] => self.events(request),
            _ => refusal(405, "E0000022", "The endpoint does not support the provided HTTP method"),
        }
    }

    /// A page of the log that is polled: there is always a next one.
    fn events(&self, request: &Request) -> ResponseTemplate {
        let query: BTreeMap<String, String> = request.url.query_pairs().into_owned().collect();
        let start: usize = query.get("after").map_or(0, |after| after.parse().unwrap());
        let wanted = |event: &&Value| query["filter"].contains(&event["eventType"].to_string());
        let page: Vec<Value> = self.log.iter().filter(wanted).skip(start).take(self.page).cloned().collect();
        let end = start + page.len();
        let next = format!("</api/v1/logs?after={end}&filter={}>; rel=\"next\"", query["filter"].replace(' ', "+"));
        ResponseTemplate::new(200).set_body_json(page).insert_header("link", next.as_str())
    }

    fn user(&self, id: &str) -> Option<Value> {
        // Okta finds users by their login as well.
        self.users.iter().find(|user| user["id"] == id || user["profile"]["login"] == id).cloned()
    }

    fn group(&self, id: &str) -> Option<Value> {
        self.groups.iter().find(|group| group["id"] == id).cloned()
    }

    fn matching(&self, query: &BTreeMap<String, String>) -> Vec<Value> {
        let wanted = |user: &&Value| match (query.get("filter"), query.get("search")) {
            (Some(filter), _) => *filter == format!("status eq {}", user["status"]) || moved(user, filter),
            (None, Some(search)) => {
                let address = search.strip_prefix("profile.email eq ").unwrap();
                user["profile"]["email"].to_string().to_lowercase() == address.to_lowercase()
            }
            (None, None) => user["status"] != "DEPROVISIONED",
        };
        self.users.iter().filter(wanted).cloned().collect()
    }

    fn groups_of(&self, id: &str) -> Vec<Value> {
        let user = self.user(id).unwrap_or_default();
        let holds = |group: &Value| {
            let group = group["id"].as_str().unwrap_or_default();
            self.members.get(group).is_some_and(|members| members.iter().any(|member| user["id"] == **member))
        };
        self.groups.iter().filter(|group| holds(group)).cloned().collect()
    }

    fn matching_groups(&self, query: &BTreeMap<String, String>) -> Vec<Value> {
        let wanted = |group: &Value| match (query.get("filter"), query.get("search")) {
            (Some(filter), _) if filter.contains(" gt ") => moved(group, filter),
            (Some(filter), _) => *filter == format!("type eq {}", group["type"]) && self.everyone.is_some(),
            (None, Some(search)) => {
                let name = group["profile"]["name"].to_string();
                let begins = |prefix: &str| name.starts_with(prefix.trim_end_matches('"'));
                search.strip_prefix("profile.name eq ").is_some_and(|wanted| wanted == name)
                    || search.strip_prefix("profile.name sw ").is_some_and(begins)
            }
            (None, None) => true,
        };
        let mut groups: Vec<Value> = self.groups.iter().filter(|group| wanted(group)).cloned().collect();
        if query.get("expand").is_some_and(|expand| expand == "stats") {
            groups.iter_mut().for_each(|group| group["_embedded"] = json!({"stats": {"usersCount": self.everyone}}));
        }
        groups
    }

    fn members_of(&self, group: &str) -> Vec<Value> {
        let ids = self.members.get(group).into_iter().flatten();
        ids.map(|id| self.user(id).unwrap_or_else(|| json!({"id": id, "status": "ACTIVE", "profile": {}}))).collect()
    }

    fn app_users(&self, query: &BTreeMap<String, String>) -> Vec<Value> {
        let expand = self.expands && query.get("expand").is_some_and(|expand| expand == "user");
        let whole = |assignment: &Value| {
            let mut assignment = assignment.clone();
            if expand {
                assignment["_embedded"] = json!({"user": self.user(assignment["id"].as_str().unwrap())});
            }
            assignment
        };
        self.app_users.iter().map(whole).collect()
    }

    fn app_groups(&self, query: &BTreeMap<String, String>) -> Vec<Value> {
        let expand = self.expands && query.get("expand").is_some_and(|expand| expand == "group");
        let whole = |assignment: &Value| {
            let mut assignment = assignment.clone();
            if expand {
                assignment["_embedded"] = json!({"group": self.group(assignment["id"].as_str().unwrap())});
            }
            assignment
        };
        self.app_groups.iter().map(whole).collect()
    }

    /// A page of a list, with its links.
    fn list(&self, request: &Request, limits: std::ops::RangeInclusive<usize>, all: &[Value]) -> ResponseTemplate {
        let query: BTreeMap<String, String> = request.url.query_pairs().into_owned().collect();
        let limit = query.get("limit").map_or(20, |limit| limit.parse().unwrap());
        if !limits.contains(&limit) {
            return refusal(400, "E0000001", "Api validation failed: limit");
        }
        let start: usize = query.get("after").map_or(0, |after| after.strip_prefix('c').unwrap().parse().unwrap());
        let page: Vec<Value> = all.iter().skip(start).take(self.page.min(limit)).cloned().collect();
        let end = start + page.len();
        let answer = ResponseTemplate::new(200).set_body_json(page);
        // Links name the host that was asked, as Okta's do.
        let mut url = request.url.clone();
        let (host, port) = request.headers["host"].to_str().unwrap().split_once(':').unwrap();
        url.set_host(Some(host)).unwrap();
        url.set_port(port.parse().ok()).unwrap();
        let own = url.to_string();
        let mut links = vec![format!("<{own}>; rel=\"self\"")];
        if end < all.len() {
            let mut next = url;
            let others: Vec<(String, String)> = query.into_iter().filter(|(name, _)| name != "after").collect();
            next.query_pairs_mut().clear().append_pair("after", &format!("c{end}")).extend_pairs(others);
            let relation = if matches!(self.links, Links::Bare) { "Rel=NEXT" } else { "rel=\"next\"" };
            links.push(format!("<{next}>; {relation}"));
        }
        match self.links {
            Links::Joined => answer.insert_header("link", links.join(", ").as_str()),
            _ => links.iter().fold(answer, |answer, link| answer.append_header("link", link.as_str())),
        }
    }
}

/// Whether one of an object's time stamps lies behind the moment that a filter names.
fn moved(object: &Value, filter: &str) -> bool {
    filter.split(" or ").any(|condition| match condition.split_once(" gt ") {
        Some((name, moment)) => object[name].as_str().is_some_and(|stamp| stamp > moment.trim_matches('"')),
        None => false,
    })
}

fn one(found: Option<Value>) -> ResponseTemplate {
    match found {
        Some(found) => ResponseTemplate::new(200).set_body_json(found),
        None => refusal(404, "E0000007", "Not found: Resource not found"),
    }
}
