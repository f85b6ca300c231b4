//! A Workspace customer on loopback, as strict as the real one where a client can get it wrong: it checks who signed the
//! assertion and for whom, leaves out the key of an empty list, gives no field that was not asked for, takes no page size
//! out of bounds, and knows people by their addresses and aliases as well as by their ids.

#![allow(
    missing_docs,
    clippy::unwrap_used,
    clippy::panic,
    clippy::missing_panics_doc,
    clippy::must_use_candidate,
    reason = "only tests call this, and what it is asked wrongly must end them"
)]

mod answers;
mod company;

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use tempfile::TempDir;
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, Request, Respond, ResponseTemplate};

pub use company::{ADMIN, CUSTOMER, event, group, group_id, member, user, user_id};

/// The private half of the service account's key.
pub const KEY: &str = include_str!("../../../connectors/kit/tests/keys/rsa.pkcs8.pem");
/// The service account.
pub const ACCOUNT: &str = "rollcall@lab.iam.gserviceaccount.com";
/// What begins the name of every scope.
pub const SCOPES: &str = "https://www.googleapis.com/auth/";

/// Answers a request otherwise than a healthy customer would; the number counts requests of that path, from 1.
type Fault = Box<dyn Fn(&Request, usize) -> Option<ResponseTemplate> + Send + Sync>;

/// What the customer holds.
#[derive(Default)]
pub struct State {
    pub users: Vec<Value>,
    pub deleted: Vec<Value>,
    pub groups: Vec<Value>,
    /// Members by the group's id.
    pub members: BTreeMap<String, Vec<Value>>,
    /// Organisational units: id and path.
    pub units: Vec<(&'static str, String)>,
    /// Audit logs by application; one that is missing is refused.
    pub logs: BTreeMap<&'static str, Vec<Value>>,
    /// Rows per page, whatever is asked for.
    pub page: usize,
    /// Scopes that are delegated.
    pub scopes: Vec<&'static str>,
    /// Ids of users and groups of other customers, who are refused with a 403.
    pub foreign: Vec<String>,
    fault: Option<Fault>,
    seen: BTreeMap<String, usize>,
    granted: Vec<String>,
}

/// The customer.
pub struct Workspace {
    pub server: MockServer,
    pub state: Arc<Mutex<State>>,
    folder: TempDir,
}

struct Front(Arc<Mutex<State>>);

impl Workspace {
    /// A customer with a few people and groups in every state.
    pub async fn start() -> Self {
        Self::on(MockServer::start().await).await
    }

    /// The same on a server that listens already.
    pub async fn on(server: MockServer) -> Self {
        let state = Arc::new(Mutex::new(company::company()));
        Mock::given(any()).respond_with(Front(Arc::clone(&state))).mount(&server).await;
        let workspace = Self { server, state, folder: tempfile::tempdir().unwrap() };
        workspace.secret("key.json", &Self::key_file());
        workspace
    }

    /// The key file, as Google Cloud hands it out.
    pub fn key_file() -> String {
        json!({
            "type": "service_account", "project_id": "lab", "private_key_id": "k1", "private_key": KEY,
            "client_email": ACCOUNT, "client_id": "104738291046372819405",
            "auth_uri": "https://accounts.google.com/o/oauth2/auth", "token_uri": "https://oauth2.googleapis.com/token",
            "universe_domain": "googleapis.com",
        })
        .to_string()
    }

    pub fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state.lock().unwrap());
    }

    pub fn break_by(&self, fault: impl Fn(&Request, usize) -> Option<ResponseTemplate> + Send + Sync + 'static) {
        self.change(|state| state.fault = Some(Box::new(fault)));
    }

    /// Lets everything work again.
    pub fn mend(&self) {
        self.change(|state| state.fault = None);
    }

    /// Puts a secret into a file that only its owner can read.
    pub fn secret(&self, name: &str, content: &str) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, content).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        path
    }

    /// The directory's part of a configuration, for a customer that reads everybody and every group.
    pub fn configuration(&self) -> String {
        let (key, server) = (self.folder.path().join("key.json"), self.server.uri());
        configuration(&key, &server, &server)
    }

    /// The paths with their queries, decoded, in order; the names of fields are left out.
    pub async fn asked(&self) -> Vec<String> {
        let words = |request: &Request| {
            let query: Vec<String> = request
                .url
                .query_pairs()
                .filter(|(name, _)| name != "fields")
                .map(|(name, value)| format!("{name}={value}"))
                .collect();
            format!("{}?{}", request.url.path(), query.join("&"))
        };
        self.server.received_requests().await.unwrap().iter().map(words).collect()
    }
}

/// Settings as a file spells them, with the interface at one place and the token endpoint at another.
pub fn configuration(key: &Path, api: &str, tokens: &str) -> String {
    format!(
        "key_file = {{ file = {key:?} }}\nadmin = \"{ADMIN}\"\napi_url = \"{api}\"\ntoken_url = \"{tokens}/token\"\n\
         requests_per_minute = 60000\ngroups = {{ all = true }}\n"
    )
}

/// Google's form of an error.
pub fn refusal(status: u16, reason: &str, message: &str) -> ResponseTemplate {
    let domain = if reason.ends_with("Exceeded") || reason == "accessNotConfigured" { "usageLimits" } else { "global" };
    let errors = json!([{"message": message, "domain": domain, "reason": reason}]);
    ResponseTemplate::new(status)
        .set_body_json(json!({"error": {"code": status, "message": message, "errors": errors}}))
}

/// What Google says of what is not this customer's, and of what the administrator may not see.
pub fn forbidden() -> ResponseTemplate {
    refusal(403, "forbidden", "Not Authorized to access this resource/api")
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
        if request.url.path() == "/token" {
            return state.token(request);
        }
        let token = request.headers.get("authorization").and_then(|token| token.to_str().ok());
        if token != Some("Bearer ya29.lab") {
            return refusal(401, "authError", "Invalid Credentials");
        }
        state.answer(request)
    }
}
