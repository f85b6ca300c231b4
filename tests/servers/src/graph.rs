//! An Entra ID tenant on loopback, as strict as the real one where a client can get it wrong: it wants its token, takes
//! no page size out of bounds, gives no property that was not selected, drops names that it does not know, fills the
//! pages of lists as it likes, and shows members hollow to whom the permission is missing.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::panic,
    clippy::missing_panics_doc,
    clippy::must_use_candidate,
    clippy::indexing_slicing,
    reason = "only tests call this, and what it is asked wrongly must end them"
)]

mod answers;
mod people;

use std::collections::{BTreeMap, BTreeSet};
use std::net::TcpListener;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::{Value, json};
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, Request, Respond, ResponseTemplate};

pub use self::answers::not_found;
pub use self::people::{assignment, group, group_id, user, user_id};

pub const TENANT: &str = "11111111-1111-1111-1111-111111111111";
pub const CLIENT: &str = "22222222-2222-2222-2222-222222222222";
pub const APP: &str = "33333333-3333-3333-3333-333333333333";
pub const PRINCIPAL: &str = "44444444-4444-4444-4444-444444444444";
pub const EDITOR: &str = "55555555-5555-5555-5555-555555555555";
pub const DEFAULT_ACCESS: &str = "00000000-0000-0000-0000-000000000000";

/// One question to Graph, alone or within a batch.
pub struct Ask {
    pub path: String,
    pub query: BTreeMap<String, String>,
    /// How often this path was asked for, from 1.
    pub number: usize,
    /// Whether it came within a batch.
    pub inner: bool,
}

/// An answer to one question.
#[derive(Clone)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Value,
}

impl Answer {
    pub fn ok(body: Value) -> Self {
        Self { status: 200, headers: Vec::new(), body }
    }

    /// Graph's form of an error.
    pub fn error(status: u16, code: &str, message: &str) -> Self {
        let headers = vec![("request-id".to_owned(), "req-7".to_owned())];
        let inner = json!({"date": "2026-11-23T16:44:18", "request-id": "req-7", "client-request-id": "c"});
        Self { status, headers, body: json!({"error": {"code": code, "message": message, "innerError": inner}}) }
    }

    pub fn with(mut self, name: &str, value: &str) -> Self {
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
pub struct State {
    base: String,
    pub users: Vec<Value>,
    pub deleted: Vec<Value>,
    pub groups: Vec<Value>,
    /// Members by group: type and id.
    pub members: BTreeMap<String, Vec<(&'static str, String)>>,
    pub principal: Option<Value>,
    pub assigned: Vec<Value>,
    /// Objects per page, whatever is asked for.
    pub page: usize,
    /// Whether each list begins with an empty page.
    pub empty_pages: bool,
    /// The permissions in tokens; none makes a token that does not say.
    pub roles: Option<Vec<&'static str>>,
    /// Headers on each good answer.
    pub headers: Vec<(&'static str, String)>,
    /// Ids that `getByIds` leaves out.
    pub forgets: BTreeSet<String>,
    /// The pages of the next round of each stream of changes.
    pub rounds: BTreeMap<&'static str, Vec<Vec<Value>>>,
    /// Users beyond those above, by their number alone, for whom no list would do.
    pub population: usize,
    tokens: usize,
    fault: Option<Fault>,
    front_fault: Option<FrontFault>,
    seen: BTreeMap<String, usize>,
    asked: Vec<String>,
}

/// The tenant.
pub struct Tenant {
    pub server: MockServer,
    pub state: Arc<Mutex<State>>,
}

struct Front(Arc<Mutex<State>>);

impl Tenant {
    /// A tenant with a few people and groups of every kind.
    pub async fn start() -> Self {
        Self::over(MockServer::start().await, None).await
    }

    /// The same on this port, in whose links stands the address of somebody who passes requests on to it.
    pub async fn behind(port: u16, address: &str) -> std::io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", port))?;
        let server = MockServer::builder().listener(listener).start().await;
        Ok(Self::over(server, Some(address)).await)
    }

    async fn over(server: MockServer, address: Option<&str>) -> Self {
        let base = address.map_or_else(|| server.uri(), ToOwned::to_owned);
        let state = Arc::new(Mutex::new(State { base, ..people::company() }));
        Mock::given(any()).respond_with(Front(Arc::clone(&state))).mount(&server).await;
        Self { server, state }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state());
    }

    pub fn break_by(&self, fault: impl Fn(&Ask) -> Option<Answer> + Send + Sync + 'static) {
        self.change(|state| state.fault = Some(Box::new(fault)));
    }

    pub fn break_front(&self, fault: impl Fn(&Request, usize) -> Option<ResponseTemplate> + Send + Sync + 'static) {
        self.change(|state| state.front_fault = Some(Box::new(fault)));
    }

    pub async fn requests(&self) -> Vec<Request> {
        self.server.received_requests().await.unwrap()
    }

    /// What was asked of Graph, within batches too, in order: paths with their queries, decoded.
    pub fn asked(&self) -> Vec<String> {
        self.state().asked.clone()
    }

    /// How many requests went to a path, batches counted once.
    pub async fn count(&self, path: &str) -> usize {
        self.requests().await.iter().filter(|request| request.url.path() == path).count()
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

pub fn template(answer: &Answer) -> ResponseTemplate {
    let template = ResponseTemplate::new(answer.status).set_body_json(&answer.body);
    answer.headers.iter().fold(template, |template, (name, value)| template.insert_header(&**name, value.as_str()))
}

/// Base64url, which is all that these tests need of it.
pub fn base64_url(text: &str) -> String {
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let bits: Vec<u8> = text.bytes().flat_map(|byte| (0..8).rev().map(move |bit| (byte >> bit) & 1)).collect();
    let sextet = |bits: &[u8]| (0..6).fold(0, |sum, place| sum * 2 + bits.get(place).copied().unwrap_or(0));
    bits.chunks(6).map(|bits| char::from(alphabet[usize::from(sextet(bits))])).collect()
}

/// An access token as Entra ID makes them, for the tests' eyes.
pub fn access_token(roles: Option<&[&str]>, number: usize) -> String {
    match roles {
        Some(roles) => format!("e30.{}.t{number}", base64_url(&json!({"appid": CLIENT, "roles": roles}).to_string())),
        None => format!("sealed.t{number}"),
    }
}
