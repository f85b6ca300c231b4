//! An Okta organisation on loopback, as strict as the real one where a client can get it wrong: it wants its token, takes
//! no page size out of bounds, leaves deactivated users out of its plain list, and pages by `Link` headers.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

pub(crate) use rollcall_kit::contract::{gather, groups, users};
use rollcall_kit::secret::SecretRef;
use rollcall_kit::{Certificate, Connector};
use rollcall_kit::{Entry, ReadError};
use rollcall_okta::{GroupSettings, OktaConnector, OktaSettings, connector};
use serde_json::{Value, json};
use tempfile::TempDir;
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, Request, Respond, ResponseTemplate};

pub(crate) const P256_JWK: &str = include_str!("../../kit/tests/keys/p256.jwk.json");
pub(crate) const APP: &str = "0oa1a2b3c4d5e6f7g8h9";

/// How the organisation writes its `Link` headers.
#[derive(Clone, Copy, Default)]
pub(crate) enum Links {
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
pub(crate) struct State {
    pub(crate) users: Vec<Value>,
    pub(crate) groups: Vec<Value>,
    pub(crate) members: BTreeMap<String, Vec<String>>,
    pub(crate) app: Option<Value>,
    pub(crate) app_users: Vec<Value>,
    pub(crate) app_groups: Vec<Value>,
    /// Objects per page, whatever is asked for.
    pub(crate) page: usize,
    pub(crate) links: Links,
    /// Whether `expand` is understood.
    pub(crate) expands: bool,
    /// The members that Okta counts in Everyone; the group is hidden without it.
    pub(crate) everyone: Option<u64>,
    /// Scopes that a token can be good for.
    pub(crate) scopes: Vec<&'static str>,
    /// What the System Log holds.
    pub(crate) log: Vec<Value>,
    /// Scopes that the last token was issued for.
    granted: Vec<String>,
    /// Headers on each good answer.
    pub(crate) headers: Vec<(&'static str, String)>,
    /// Whether the token may come under the scheme `DPoP`.
    pub(crate) takes_dpop: bool,
    fault: Option<Fault>,
    seen: BTreeMap<String, usize>,
}

/// The organisation.
pub(crate) struct Okta {
    pub(crate) server: MockServer,
    pub(crate) state: Arc<Mutex<State>>,
    secrets: TempDir,
}

struct Front(Arc<Mutex<State>>);

impl Okta {
    /// An organisation with a few people and groups in every state.
    pub(crate) async fn start() -> Self {
        let state = Arc::new(Mutex::new(company()));
        let server = MockServer::start().await;
        Mock::given(any()).respond_with(Front(Arc::clone(&state))).mount(&server).await;
        Self { server, state, secrets: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state.lock().unwrap());
    }

    pub(crate) fn break_by(&self, fault: impl Fn(&Request, usize) -> Option<ResponseTemplate> + Send + Sync + 'static) {
        self.change(|state| state.fault = Some(Box::new(fault)));
    }

    /// Puts a secret into a file that only its owner can read.
    pub(crate) fn secret(&self, name: &str, content: &str) -> SecretRef {
        let path = self.secrets.path().join(name);
        std::fs::write(&path, content).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        SecretRef::File(path)
    }

    /// The settings of a service app that reads everybody and every group.
    pub(crate) fn settings(&self) -> OktaSettings {
        let text = format!("url = {:?}\nclient_id = \"0oaservice\"\n", self.server.uri());
        let mut settings: OktaSettings = toml::from_str(&text).unwrap();
        settings.private_key = Some(self.secret("app-key", P256_JWK));
        settings.groups = Some(GroupSettings { all: true, ..GroupSettings::default() });
        settings.http.attempts = 3;
        settings.http.max_wait = 5;
        settings
    }

    /// The settings of an organisation where nobody answers.
    pub(crate) fn nobody(&self) -> OktaSettings {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
        let mut settings = OktaSettings { url, ..self.settings() };
        settings.http.attempts = 1;
        settings
    }

    pub(crate) async fn requests(&self) -> Vec<Request> {
        self.server.received_requests().await.unwrap()
    }

    /// The paths with their queries, decoded, in order.
    pub(crate) async fn asked(&self) -> Vec<String> {
        let words = |request: &Request| {
            let query: Vec<String> = request.url.query_pairs().map(|(name, value)| format!("{name}={value}")).collect();
            format!("{}?{}", request.url.path(), query.join("&"))
        };
        self.requests().await.iter().map(words).collect()
    }
}

/// A connector with pauses that tests can afford.
pub(crate) fn quick(settings: OktaSettings) -> OktaConnector {
    connector(settings).unwrap().with_back_off(Duration::from_millis(2)).unwrap()
}

/// Reads to the end, whatever that is.
pub(crate) async fn read(connector: &OktaConnector) -> (Vec<Entry>, Result<Certificate, ReadError>) {
    gather(|entries| connector.read(entries)).await
}

/// Reads to a certificate.
pub(crate) async fn certified(settings: OktaSettings) -> Vec<Entry> {
    let (entries, outcome) = read(&quick(settings)).await;
    outcome.unwrap();
    entries
}

/// The sentence in which a read ends that must not be certified.
pub(crate) async fn failure(settings: OktaSettings) -> String {
    read(&quick(settings)).await.1.unwrap_err().to_string()
}

/// Okta's id of the `number`th user.
pub(crate) fn user_id(number: usize) -> String {
    format!("00u{number:017}")
}

/// Okta's id of the `number`th group.
pub(crate) fn group_id(number: usize) -> String {
    format!("00g{number:017}")
}

pub(crate) fn user(number: usize, status: &str) -> Value {
    json!({
        "id": user_id(number), "status": status, "created": "2025-01-14T09:12:33.000Z", "activated": null,
        "lastUpdated": "2026-11-18T16:20:45.000Z", "type": {"id": "oty1"},
        "profile": {"login": format!("user{number}"), "email": format!("User{number}@example.test"),
            "firstName": "First", "lastName": format!("Last{number}"), "secondEmail": null, "mobilePhone": null},
    })
}

pub(crate) fn group(number: usize, kind: &str, name: &str) -> Value {
    json!({"id": group_id(number), "type": kind, "profile": {"name": name, "description": null}})
}

pub(crate) fn app_user(number: usize, scope: &str) -> Value {
    json!({"id": user_id(number), "externalId": null, "scope": scope, "status": "ACTIVE",
        "credentials": {"userName": format!("app{number}")}, "profile": {"role": "editor"}})
}

/// Okta's form of an error.
pub(crate) fn refusal(status: u16, code: &str, summary: &str) -> ResponseTemplate {
    ResponseTemplate::new(status).insert_header("x-okta-request-id", "req-7").set_body_json(
        json!({"errorCode": code, "errorSummary": summary, "errorLink": code, "errorId": "e", "errorCauses": []}),
    )
}

fn company() -> State {
    let words =
        ["ACTIVE", "ACTIVE", "ACTIVE", "ACTIVE", "ACTIVE", "STAGED", "SUSPENDED", "DEPROVISIONED", "LOCKED_OUT"];
    let users: Vec<Value> = words.iter().enumerate().map(|(number, status)| user(number, status)).collect();
    let groups = vec![
        group(0, "OKTA_GROUP", "eng-platform"),
        group(1, "APP_GROUP", "eng-platform"),
        group(2, "OKTA_GROUP", "sales"),
        group(3, "BUILT_IN", "Everyone"),
    ];
    let ids = |numbers: &[usize]| numbers.iter().map(|number| user_id(*number)).collect();
    State {
        members: [
            (group_id(0), ids(&[2, 0, 7])),
            (group_id(1), ids(&[1])),
            (group_id(2), ids(&[])),
            (group_id(3), ids(&[0, 1, 2, 3, 4, 5, 6, 7, 8])),
        ]
        .into(),
        app: Some(json!({"id": APP, "label": "Target", "status": "ACTIVE"})),
        app_users: vec![app_user(0, "USER"), app_user(1, "GROUP"), app_user(6, "GROUP")],
        app_groups: vec![json!({"id": group_id(0), "priority": 0, "profile": {"role": "editor"}})],
        page: 2,
        expands: true,
        everyone: Some(9),
        scopes: vec!["okta.users.read", "okta.groups.read", "okta.apps.read", "okta.logs.read"],
        users,
        groups,
        ..State::default()
    }
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
