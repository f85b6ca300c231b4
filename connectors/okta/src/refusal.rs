//! Okta's errors as sentences: its code, its own words, its request id, and what to do.

use rollcall_kit::http::Response;
use rollcall_kit::rest::{self, Meaning};
use serde::Deserialize;

/// What Okta says in an answer that is no success.
#[derive(Debug)]
pub(crate) struct Refusal {
    status: u16,
    body: Body,
    /// The scope that the token lacks, where the answer names it.
    missing_scope: Option<String>,
    /// By which Okta's support finds the request.
    request: Option<String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Body {
    error_code: String,
    error_summary: String,
    error_causes: Vec<Cause>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Cause {
    error_summary: String,
}

impl Refusal {
    pub(crate) fn of(answer: &Response) -> Self {
        Self {
            status: answer.status,
            body: serde_json::from_slice(&answer.body).unwrap_or_default(),
            missing_scope: answer.header("www-authenticate").and_then(insufficient_scope),
            request: answer.header("x-okta-request-id").map(ToOwned::to_owned),
        }
    }
}

impl rest::Refusal for Refusal {
    fn is_not_found(&self) -> bool {
        self.status == 404 && self.body.error_code == "E0000007"
    }

    fn meaning(&self) -> Meaning {
        match (self.status, &*self.body.error_code) {
            (401, code) if code != "E0000015" => Meaning::SignIn,
            (401 | 403, _) => Meaning::Denied,
            (400, "E0000001" | "E0000031") => Meaning::NotUnderstood,
            _ => Meaning::Incomplete,
        }
    }

    fn words(&self) -> String {
        let Body { error_code, error_summary, error_causes } = &self.body;
        let causes: Vec<&str> =
            error_causes.iter().map(|cause| &*cause.error_summary).filter(|s| !s.is_empty()).collect();
        let causes = if causes.is_empty() { String::new() } else { format!(" ({})", causes.join("; ")) };
        let request = self.request.as_ref().map(|id| format!(", request {id}")).unwrap_or_default();
        let status = self.status;
        match &**error_code {
            "" => format!("the answer has the status {status} and none of Okta's error codes{request}"),
            code => format!("Okta says {code} \"{error_summary}\"{causes} (status {status}{request})"),
        }
    }

    fn remedy(&self) -> String {
        if let Some(scope) = &self.missing_scope {
            return format!("grant the scope {scope} to the app (Okta API Scopes) and let it be asked for");
        }
        let remedy = match (&*self.body.error_code, self.status) {
            ("E0000004" | "E0000005" | "E0000011", _) | (_, 401) if self.body.error_code != "E0000015" => {
                "the token is not valid (any more): check it, the network zones that it is bound to, and whether the \
                 administrator who made it is still active"
            }
            ("E0000015", _) => "the organisation's licence does not hold this feature",
            (_, 403) => {
                "give the app or the token's owner an admin role that covers what is read: Read-Only Administrator, or a \
                 custom role whose resource set holds these users, groups and applications"
            }
            ("E0000001" | "E0000031", _) => "correct the expression or the id in the settings",
            ("E0000007", _) => "it is not there, or the admin role does not show it",
            ("E0000010", _) => "Okta is under maintenance and read-only; the next run tries again",
            ("E0000022", _) | (_, 405) => "check that url is an Okta organisation",
            ("E0000047", _) | (_, 429) => {
                "the limit was reached again after each pause; lower rate_limit_share or parallel, or run at a quieter time"
            }
            (_, 500..) => "the next run tries again",
            _ => "check that url is an Okta organisation, and not a page in front of it",
        };
        remedy.to_owned()
    }
}

/// The scope that a challenge (RFC 6750, section 3) says is missing.
fn insufficient_scope(challenge: &str) -> Option<String> {
    if !challenge.contains("insufficient_scope") {
        return None;
    }
    let (_, after) = challenge.split_once("scope=\"")?;
    after.split_once('"').map(|(scope, _)| scope.to_owned()).filter(|scope| !scope.is_empty())
}
