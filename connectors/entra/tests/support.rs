//! A tenant on loopback, as strict as the real one where a client can get it wrong: it wants its token, takes no page
//! size out of bounds, gives no property that was not selected, drops names that it does not know, fills the pages of
//! lists as it likes, and shows members hollow to whom the permission is missing.

use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::PermissionsExt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rollcall_entra::{EntraConnector, EntraSettings, GroupSettings, connector};
pub(crate) use rollcall_kit::contract::{gather, groups, users};
use rollcall_kit::secret::SecretRef;
use rollcall_kit::{Certificate, Connector, Entry, ReadError};
use serde_json::{Value, json};
use tempfile::TempDir;
use url::Url;
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, Request, Respond, ResponseTemplate};

pub(crate) const TENANT: &str = "11111111-1111-1111-1111-111111111111";
pub(crate) const CLIENT: &str = "22222222-2222-2222-2222-222222222222";
pub(crate) const APP: &str = "33333333-3333-3333-3333-333333333333";
pub(crate) const PRINCIPAL: &str = "44444444-4444-4444-4444-444444444444";
pub(crate) const EDITOR: &str = "55555555-5555-5555-5555-555555555555";
pub(crate) const DEFAULT_ACCESS: &str = "00000000-0000-0000-0000-000000000000";

/// One question to Graph, alone or within a batch.
pub(crate) struct Ask {
    pub(crate) path: String,
    pub(crate) query: BTreeMap<String, String>,
    /// How often this path was asked for, from 1.
    pub(crate) number: usize,
    /// Whether it came within a batch.
    pub(crate) inner: bool,
}

/// An answer to one question.
#[derive(Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Value,
}

impl Answer {
    pub(crate) fn ok(body: Value) -> Self {
        Self { status: 200, headers: Vec::new(), body }
    }

    /// Graph's form of an error.
    pub(crate) fn error(status: u16, code: &str, message: &str) -> Self {
        let headers = vec![("request-id".to_owned(), "req-7".to_owned())];
        let inner = json!({"date": "2026-11-23T16:44:18", "request-id": "req-7", "client-request-id": "c"});
        Self { status, headers, body: json!({"error": {"code": code, "message": message, "innerError": inner}}) }
    }

    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }
}

/// Answers a question otherwise than a healthy tenant would.
type Fault = Box<dyn Fn(&Ask) -> Option<Answer> + Send + Sync>;
/// The same for a whole request, the token's among them; the number counts requests of that path, from 1.
type FrontFault = Box<dyn Fn(&Request, usize) -> Option<ResponseTemplate> + Send + Sync>;

/// What the tenant holds.
#[derive(Default)]
pub(crate) struct State {
    base: String,
    pub(crate) users: Vec<Value>,
    pub(crate) deleted: Vec<Value>,
    pub(crate) groups: Vec<Value>,
    /// Members by group: type and id.
    pub(crate) members: BTreeMap<String, Vec<(&'static str, String)>>,
    pub(crate) principal: Option<Value>,
    pub(crate) assigned: Vec<Value>,
    /// Objects per page, whatever is asked for.
    pub(crate) page: usize,
    /// Whether each list begins with an empty page.
    pub(crate) empty_pages: bool,
    /// The permissions in tokens; none makes a token that does not say.
    pub(crate) roles: Option<Vec<&'static str>>,
    /// Headers on each good answer.
    pub(crate) headers: Vec<(&'static str, String)>,
    /// Ids that `getByIds` leaves out.
    pub(crate) forgets: BTreeSet<String>,
    /// The pages of the next round of each stream of changes.
    pub(crate) rounds: BTreeMap<&'static str, Vec<Vec<Value>>>,
    /// Users beyond those above, by their number alone, for whom no list would do.
    pub(crate) population: usize,
    tokens: usize,
    fault: Option<Fault>,
    front_fault: Option<FrontFault>,
    seen: BTreeMap<String, usize>,
    asked: Vec<String>,
}

/// The tenant.
pub(crate) struct Graph {
    pub(crate) server: MockServer,
    pub(crate) state: Arc<Mutex<State>>,
    pub(crate) secrets: TempDir,
}

struct Front(Arc<Mutex<State>>);

impl Graph {
    /// A tenant with a few people and groups of every kind.
    pub(crate) async fn start() -> Self {
        let server = MockServer::start().await;
        let state = Arc::new(Mutex::new(State { base: server.uri(), ..company() }));
        Mock::given(any()).respond_with(Front(Arc::clone(&state))).mount(&server).await;
        Self { server, state, secrets: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state.lock().unwrap());
    }

    pub(crate) fn break_by(&self, fault: impl Fn(&Ask) -> Option<Answer> + Send + Sync + 'static) {
        self.change(|state| state.fault = Some(Box::new(fault)));
    }

    pub(crate) fn break_front(
        &self,
        fault: impl Fn(&Request, usize) -> Option<ResponseTemplate> + Send + Sync + 'static,
    ) {
        self.change(|state| state.front_fault = Some(Box::new(fault)));
    }

    /// Puts a secret into a file that only its owner can read.
    pub(crate) fn secret(&self, name: &str, content: &str) -> SecretRef {
        let path = self.secrets.path().join(name);
        std::fs::write(&path, content).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        SecretRef::File(path)
    }

    /// The settings of an app with a secret that reads everybody and every group.
    pub(crate) fn settings(&self) -> EntraSettings {
        let uri = self.server.uri();
        let text = format!(
            "tenant = {TENANT:?}\nclient_id = {CLIENT:?}\nlogin_url = {uri:?}\ngraph_url = {uri:?}\ngroups.all = true"
        );
        let mut settings: EntraSettings = toml::from_str(&text).unwrap();
        settings.client_secret = Some(self.secret("secret", "hunter2"));
        settings.http.attempts = 3;
        settings.http.max_wait = 5;
        settings
    }

    pub(crate) async fn requests(&self) -> Vec<Request> {
        self.server.received_requests().await.unwrap()
    }

    /// What was asked of Graph, within batches too, in order: paths with their queries, decoded.
    pub(crate) fn asked(&self) -> Vec<String> {
        self.state.lock().unwrap().asked.clone()
    }

    /// How many requests went to a path, batches counted once.
    pub(crate) async fn count(&self, path: &str) -> usize {
        self.requests().await.iter().filter(|request| request.url.path() == path).count()
    }
}

/// A connector with pauses that tests can afford.
pub(crate) fn quick(settings: EntraSettings) -> EntraConnector {
    connector(settings).unwrap().with_back_off(Duration::from_millis(2)).unwrap()
}

/// Reads to the end, whatever that is.
pub(crate) async fn read(connector: &EntraConnector) -> (Vec<Entry>, Result<Certificate, ReadError>) {
    gather(|entries| connector.read(entries)).await
}

/// Reads to a certificate.
pub(crate) async fn certified(settings: EntraSettings) -> Vec<Entry> {
    let (entries, outcome) = read(&quick(settings)).await;
    outcome.unwrap();
    entries
}

/// The sentence in which a read ends that must not be certified.
pub(crate) async fn failure(settings: EntraSettings) -> String {
    read(&quick(settings)).await.1.unwrap_err().to_string()
}

pub(crate) fn user_id(number: usize) -> String {
    format!("aaaaaaaa-0000-4000-8000-{number:012}")
}

pub(crate) fn group_id(number: usize) -> String {
    format!("bbbbbbbb-0000-4000-8000-{number:012}")
}

/// A user with everything that a list gives; what is unset is null.
pub(crate) fn user(number: usize) -> Value {
    json!({
        "id": user_id(number), "userPrincipalName": format!("user{number}@example.test"),
        "mail": format!("User{number}@example.test"), "displayName": format!("User {number}"), "givenName": "First",
        "surname": format!("Last{number}"), "accountEnabled": true, "userType": "Member", "otherMails": [],
        "proxyAddresses": [format!("SMTP:User{number}@example.test")], "mobilePhone": null, "businessPhones": [],
        "preferredLanguage": "de-DE", "usageLocation": "DE", "jobTitle": null, "department": "Platform",
        "companyName": null, "officeLocation": null, "employeeId": number.to_string(), "employeeType": null,
        "employeeOrgData": null, "createdDateTime": "2025-01-14T09:12:33Z", "externalUserState": null,
        "onPremisesSyncEnabled": null, "onPremisesExtensionAttributes": {"extensionAttribute1": "CC-1"},
        "onPremisesSamAccountName": format!("u{number}"), "deletedDateTime": null,
    })
}

pub(crate) fn group(number: usize, name: &str, unified: bool, security: bool, mail: bool) -> Value {
    let types: Vec<&str> = if unified { vec!["Unified"] } else { vec![] };
    json!({
        "id": group_id(number), "displayName": name, "groupTypes": types, "securityEnabled": security,
        "mailEnabled": mail, "visibility": null, "description": null,
    })
}

pub(crate) fn assignment(kind: &str, id: &str, role: &str) -> Value {
    json!({"id": format!("{kind}-{id}-{role}"), "deletedDateTime": null, "appRoleId": role, "principalType": kind,
        "principalId": id, "principalDisplayName": "stale", "resourceId": PRINCIPAL})
}

fn company() -> State {
    let mut users: Vec<Value> = (0..7).map(user).collect();
    users[3]["accountEnabled"] = false.into();
    users[4]["userType"] = "Guest".into();
    users[4]["userPrincipalName"] = "li.wen_partner.test#EXT#@exampletest.onmicrosoft.com".into();
    users[4]["externalUserState"] = "PendingAcceptance".into();
    users[5]["userType"] = Value::Null;
    let mut gone = user(9);
    gone["userPrincipalName"] = format!("{}user9@example.test", user_id(9).replace('-', "")).into();
    gone["deletedDateTime"] = "2026-11-20T00:00:00Z".into();
    let of = |number: usize| ("user", user_id(number));
    State {
        users,
        deleted: vec![gone],
        groups: vec![
            group(0, "eng-platform", false, true, false),
            group(1, "nested", false, true, true),
            group(2, "sales", true, false, true),
            group(3, "everybody", false, false, true),
        ],
        members: [
            (group_id(0), vec![of(1), of(0), ("group", group_id(1)), ("device", group_id(90)), of(3)]),
            (group_id(1), vec![of(2), ("group", group_id(3))]),
            (group_id(2), vec![]),
            (group_id(3), vec![of(6)]),
        ]
        .into(),
        principal: Some(json!({"id": PRINCIPAL, "appId": APP, "displayName": "Target",
            "appRoleAssignmentRequired": true, "appRoles": [{"id": EDITOR, "value": "editor", "displayName": "Editor"}]})),
        assigned: vec![
            assignment("User", &user_id(0), EDITOR),
            assignment("Group", &group_id(0), DEFAULT_ACCESS),
            assignment("User", &user_id(5), DEFAULT_ACCESS),
            assignment("ServicePrincipal", CLIENT, DEFAULT_ACCESS),
        ],
        page: 2,
        roles: Some(vec!["User.Read.All", "GroupMember.Read.All", "Application.Read.All"]),
        ..State::default()
    }
}

impl Respond for Front {
    fn respond(&self, request: &Request) -> ResponseTemplate {
        let mut state = self.0.lock().unwrap();
        let number = state.seen.entry(format!("front {}", request.url.path())).or_default();
        *number += 1;
        let number = *number;
        if let Some(answer) = state.front_fault.as_ref().and_then(|fault| fault(request, number)) {
            return answer;
        }
        if request.url.path() == format!("/{TENANT}/oauth2/v2.0/token") {
            return state.token();
        }
        let token = request.headers.get("authorization").and_then(|token| token.to_str().ok()).unwrap_or_default();
        if !token.ends_with(&format!(".t{}", state.tokens)) {
            return template(&Answer::error(401, "InvalidAuthenticationToken", "Access token has expired."));
        }
        let answer = match (request.method.as_str(), request.url.path()) {
            ("POST", "/v1.0/$batch") => state.batch(request),
            ("POST", "/v1.0/directoryObjects/getByIds") => {
                let body: Value = serde_json::from_slice(&request.body).unwrap();
                let query: BTreeMap<String, String> = request.url.query_pairs().into_owned().collect();
                state.by_ids(&body, &query)
            }
            ("GET", _) => state.ask(&request.url, false),
            _ => Answer::error(405, "Request_BadRequest", "Specified HTTP method is not allowed."),
        };
        let headers = state.headers.iter();
        headers.fold(template(&answer), |answer, (name, value)| answer.insert_header(*name, value.as_str()))
    }
}

pub(crate) fn template(answer: &Answer) -> ResponseTemplate {
    let template = ResponseTemplate::new(answer.status).set_body_json(&answer.body);
    answer.headers.iter().fold(template, |template, (name, value)| template.insert_header(&**name, value.as_str()))
}

/// Base64url, which is all that these tests need of it.
pub(crate) fn base64_url(text: &str) -> String {
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let bits: Vec<u8> = text.bytes().flat_map(|byte| (0..8).rev().map(move |bit| (byte >> bit) & 1)).collect();
    let sextet = |bits: &[u8]| (0..6).fold(0, |sum, place| sum * 2 + bits.get(place).copied().unwrap_or(0));
    bits.chunks(6).map(|bits| char::from(alphabet[usize::from(sextet(bits))])).collect()
}

/// An access token as Entra ID makes them, for the tests' eyes.
pub(crate) fn access_token(roles: Option<&[&str]>, number: usize) -> String {
    match roles {
        Some(roles) => format!("e30.{}.t{number}", base64_url(&json!({"appid": CLIENT, "roles": roles}).to_string())),
        None => format!("sealed.t{number}"),
    }
}

impl State {
    fn token(&mut self) -> ResponseTemplate {
        self.tokens += 1;
        let token = access_token(self.roles.as_deref(), self.tokens);
        ResponseTemplate::new(200).set_body_json(json!({
            "token_type": "Bearer", "expires_in": 3599, "ext_expires_in": 3599, "access_token": token,
        }))
    }

    fn batch(&mut self, request: &Request) -> Answer {
        let body: Value = serde_json::from_slice(&request.body).unwrap();
        let parts = body["requests"].as_array().unwrap();
        if parts.len() > 20 {
            return Answer::error(400, "BadRequest", "Number of batch request steps exceeds max value of 20");
        }
        let base = Url::parse(&format!("{}/v1.0", self.base)).unwrap();
        let mut responses: Vec<Value> = parts
            .iter()
            .map(|part| {
                let url = Url::parse(&format!("{base}{}", part["url"].as_str().unwrap())).unwrap();
                assert_eq!(part["method"], "GET");
                let answer = self.ask(&url, true);
                let headers: BTreeMap<&str, &str> =
                    answer.headers.iter().map(|(name, value)| (&**name, &**value)).collect();
                json!({"id": part["id"], "status": answer.status, "headers": headers, "body": answer.body})
            })
            .collect();
        // They come in any order.
        responses.reverse();
        Answer::ok(json!({"responses": responses}))
    }

    fn by_ids(&mut self, body: &Value, query: &BTreeMap<String, String>) -> Answer {
        let ids: Vec<&str> = body["ids"].as_array().unwrap().iter().map(|id| id.as_str().unwrap()).collect();
        assert!(ids.len() <= 1000 && body["types"] == json!(["user"]));
        self.asked.push("/v1.0/directoryObjects/getByIds".to_owned());
        let ask =
            Ask { path: "/v1.0/directoryObjects/getByIds".to_owned(), query: query.clone(), number: 1, inner: false };
        if let Some(answer) = self.fault.as_ref().and_then(|fault| fault(&ask)) {
            return answer;
        }
        let is_wanted = |user: &&Value| {
            let id = user["id"].as_str().unwrap();
            ids.contains(&id) && !self.forgets.contains(id)
        };
        let of_many = ids.iter().filter_map(|id| id.rsplit('-').next()?.parse().ok());
        let many: Vec<Value> = of_many.filter(|number| *number < self.population).map(user).collect();
        let all = self.users.iter().chain(&many);
        let found: Vec<Value> = all.filter(is_wanted).map(|user| select(user, query, "user")).collect();
        Answer::ok(json!({"value": found}))
    }

    fn ask(&mut self, url: &Url, inner: bool) -> Answer {
        let query: BTreeMap<String, String> = url.query_pairs().into_owned().collect();
        let path = url.path().to_owned();
        let words: Vec<String> = query.iter().map(|(name, value)| format!("{name}={value}")).collect();
        self.asked.push(format!("{path}?{}", words.join("&")));
        let number = self.seen.entry(path.clone()).or_default();
        *number += 1;
        let ask = Ask { path, query, number: *number, inner };
        if let Some(answer) = self.fault.as_ref().and_then(|fault| fault(&ask)) {
            return answer;
        }
        let path: Vec<&str> = ask.path.split('/').skip(2).collect();
        match path.as_slice() {
            [stream @ ("users" | "groups"), "delta"] => self.delta(stream, &ask),
            ["users"] => self.list(&ask, &self.matching(&ask.query), "user", false),
            ["users", id] => {
                one(self.users.iter().find(|user| user["id"] == *id || user["userPrincipalName"] == *id), &ask)
            }
            ["users", id, depth @ ("memberOf" | "transitiveMemberOf")] => {
                let of = self.groups_of(id, *depth == "transitiveMemberOf");
                self.list(&ask, &of, "group", true)
            }
            ["groups"] => self.list(&ask, &self.matching_groups(&ask.query), "group", false),
            ["groups", id] => one(self.groups.iter().find(|group| group["id"] == *id), &ask),
            ["groups", id, depth @ ("members" | "transitiveMembers")] => {
                if !self.groups.iter().any(|group| group["id"] == *id) {
                    return not_found(id);
                }
                let members = self.members_of(id, *depth == "transitiveMembers");
                self.list(&ask, &members, "directoryObject", true)
            }
            ["servicePrincipals", PRINCIPAL, "appRoleAssignedTo"] if self.principal.is_some() => {
                self.list(&ask, &self.assigned, "appRoleAssignment", false)
            }
            [principal] if *principal == format!("servicePrincipals(appId='{APP}')") => {
                one(self.principal.as_ref(), &ask)
            }
            ["servicePrincipals", PRINCIPAL] => one(self.principal.as_ref(), &ask),
            ["directory", "deletedItems", "microsoft.graph.user"] => self.list(&ask, &self.deleted, "user", false),
            ["directory", "deletedItems", id, "microsoft.graph.user"] => {
                one(self.deleted.iter().find(|user| user["id"] == *id), &ask)
            }
            other => not_found(&other.join("/")),
        }
    }

    /// A page of a stream of changes.
    fn delta(&self, stream: &str, ask: &Ask) -> Answer {
        for refused in ["$top", "$orderby", "$expand", "$filter"] {
            if ask.query.contains_key(refused) {
                return Answer::error(400, "Request_UnsupportedQuery", &format!("{refused} is not supported"));
            }
        }
        let link = |name: &str, value: &str| format!("{}/v1.0/{stream}/delta?{name}={value}", self.base);
        let page = match (ask.query.get("$deltatoken").map(String::as_str), ask.query.get("$skiptoken")) {
            (Some("latest"), _) => {
                return Answer::ok(json!({"value": [], "@odata.deltaLink": link("$deltatoken", "place-0")}));
            }
            (Some("place-0"), _) => 0,
            (None, Some(page)) => page.parse().unwrap(),
            _ => return Answer::error(400, "syncStateNotFound", "The sync state generation is not found."),
        };
        let pages = self.rounds.get(stream).cloned().unwrap_or_default();
        let mut body = json!({"value": pages.get(page).cloned().unwrap_or_default()});
        if page + 1 < pages.len() {
            body["@odata.nextLink"] = link("$skiptoken", &(page + 1).to_string()).into();
        } else {
            body["@odata.deltaLink"] = link("$deltatoken", "place-0").into();
        }
        Answer::ok(body)
    }

    fn matching(&self, query: &BTreeMap<String, String>) -> Vec<Value> {
        let wanted = |user: &&Value| {
            let Some(filter) = query.get("$filter") else { return true };
            let value = filter.split('\'').nth(1).unwrap().to_lowercase();
            let holds = |field: &str| user[field].as_str().is_some_and(|one| one.to_lowercase() == value);
            match filter.split(' ').next().unwrap() {
                "mail" => holds("mail"),
                "userPrincipalName" => holds("userPrincipalName"),
                _ => user["otherMails"]
                    .as_array()
                    .unwrap()
                    .iter()
                    .any(|one| one.as_str().unwrap().to_lowercase() == value),
            }
        };
        self.users.iter().filter(wanted).cloned().collect()
    }

    fn matching_groups(&self, query: &BTreeMap<String, String>) -> Vec<Value> {
        let wanted = |group: &&Value| {
            let Some(filter) = query.get("$filter") else { return true };
            let value = filter.strip_prefix("displayName eq '").unwrap().strip_suffix('\'').unwrap().replace("''", "'");
            group["displayName"].as_str().is_some_and(|name| name.to_lowercase() == value.to_lowercase())
        };
        self.groups.iter().filter(wanted).cloned().collect()
    }

    fn holders(&self, kind: &str, id: &str) -> Vec<String> {
        let holds = |members: &Vec<(&str, String)>| members.iter().any(|(of, one)| *of == kind && one == id);
        self.members.iter().filter(|(_, members)| holds(members)).map(|(group, _)| group.clone()).collect()
    }

    fn groups_of(&self, user: &str, nested: bool) -> Vec<Value> {
        let mut found: Vec<String> = self.holders("user", user);
        let mut place = 0;
        while nested && place < found.len() {
            for group in self.holders("group", &found[place]) {
                if !found.contains(&group) {
                    found.push(group);
                }
            }
            place += 1;
        }
        found.into_iter().map(|id| json!({"@odata.type": "#microsoft.graph.group", "id": id})).collect()
    }

    fn members_of(&self, group: &str, nested: bool) -> Vec<Value> {
        let mut found: Vec<(&str, String)> = self.members.get(group).cloned().unwrap_or_default();
        let mut place = 0;
        while nested && place < found.len() {
            let (kind, id) = found[place].clone();
            let below = self.members.get(&id).filter(|_| kind == "group").cloned().unwrap_or_default();
            for member in below {
                if !found.contains(&member) {
                    found.push(member);
                }
            }
            place += 1;
        }
        let hollow = |(kind, id): (&str, String)| json!({"@odata.type": format!("#microsoft.graph.{kind}"), "id": id});
        found.into_iter().map(hollow).collect()
    }

    /// A page of a list, with the link to the next.
    fn list(&self, ask: &Ask, all: &[Value], kind: &str, typed: bool) -> Answer {
        let top = ask.query.get("$top").map_or(100, |top| top.parse().unwrap());
        if !(1..=999).contains(&top) {
            return Answer::error(400, "Request_UnsupportedQuery", "Invalid page size specified");
        }
        let first = !ask.query.contains_key("$skiptoken");
        let start: usize =
            ask.query.get("$skiptoken").map_or(0, |place| place.strip_prefix('c').unwrap().parse().unwrap());
        let size = if first && self.empty_pages { 0 } else { self.page.min(top) };
        let rows = all
            .iter()
            .skip(start)
            .take(size)
            .map(|row| if typed { row.clone() } else { select(row, &ask.query, kind) });
        let page: Vec<Value> = rows.collect();
        let end = start + page.len();
        let mut body = json!({"@odata.context": "https://graph.microsoft.com/v1.0/$metadata", "value": page});
        if end < all.len() {
            let mut next = Url::parse(&format!("{}{}", self.base, ask.path)).unwrap();
            let others = ask.query.iter().filter(|(name, _)| *name != "$skiptoken");
            next.query_pairs_mut().extend_pairs(others).append_pair("$skiptoken", &format!("c{end}"));
            body["@odata.nextLink"] = next.to_string().into();
        }
        Answer::ok(body)
    }
}

/// What was selected, and nothing else; names that nobody knows are left out without a word.
fn select(row: &Value, query: &BTreeMap<String, String>, kind: &str) -> Value {
    if kind == "appRoleAssignment" {
        return row.clone();
    }
    let by_default = "id,userPrincipalName,mail,displayName,givenName,surname,mobilePhone,businessPhones";
    let names = query.get("$select").map_or(by_default, |names| names.as_str());
    let mut selected = serde_json::Map::new();
    for name in names.split(',') {
        selected.extend(row.get(name).map(|value| (name.to_owned(), value.clone())));
    }
    if query.get("$expand").is_some_and(|expand| expand.starts_with("manager")) {
        selected.extend(row.get("manager").map(|manager| ("manager".to_owned(), manager.clone())));
    }
    Value::Object(selected)
}

fn one(found: Option<&Value>, ask: &Ask) -> Answer {
    match found {
        Some(found) => Answer::ok(select(found, &ask.query, "")),
        None => not_found(&ask.path),
    }
}

pub(crate) fn not_found(what: &str) -> Answer {
    Answer::error(404, "Request_ResourceNotFound", &format!("Resource '{what}' does not exist."))
}

/// Settings without groups.
pub(crate) fn alone(settings: EntraSettings) -> EntraSettings {
    EntraSettings { groups: None, ..settings }
}

/// Settings with these groups.
pub(crate) fn with_groups(settings: EntraSettings, groups: GroupSettings) -> EntraSettings {
    EntraSettings { groups: Some(groups), ..settings }
}
