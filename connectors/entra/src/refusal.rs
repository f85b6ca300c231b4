//! Graph's errors as sentences: its code, its own words, its request id, and what to do.

use rollcall_kit::http::Response;
use rollcall_kit::rest::{self, Meaning};
use serde_json::Value as Json;

/// What Graph says in an answer that is no success.
#[derive(Debug)]
pub(crate) struct Refusal {
    pub(crate) status: u16,
    code: String,
    message: String,
    /// By which Microsoft's support finds the request.
    request: Option<String>,
}

impl Refusal {
    pub(crate) fn of(answer: &Response) -> Self {
        let body = serde_json::from_slice(&answer.body).unwrap_or_default();
        Self::new(answer.status, &body, answer.header("request-id"))
    }

    /// The same from the parts of an answer within a batch.
    pub(crate) fn new(status: u16, body: &Json, request: Option<&str>) -> Self {
        let error = &body["error"];
        let text = |json: &Json| json.as_str().unwrap_or_default().to_owned();
        // Older services write it in small letters.
        let inner = error.get("innerError").or(error.get("innererror"));
        let id = request.or_else(|| inner?.get("request-id")?.as_str());
        Self {
            status,
            code: text(&error["code"]),
            message: text(&error["message"]),
            request: id.map(ToOwned::to_owned),
        }
    }

    /// Whether a place in the change stream is not known any more, so that everything has to be read anew.
    pub(crate) fn is_lost_place(&self) -> bool {
        let code = self.code.to_ascii_lowercase();
        self.status == 410 || (self.status >= 400 && matches!(&*code, "syncstatenotfound" | "resyncrequired"))
    }
}

impl rest::Refusal for Refusal {
    fn is_not_found(&self) -> bool {
        self.status == 404 && matches!(&*self.code, "Request_ResourceNotFound" | "ResourceNotFound" | "itemNotFound")
    }

    fn meaning(&self) -> Meaning {
        match self.status {
            401 => Meaning::SignIn,
            403 => Meaning::Denied,
            _ => Meaning::Incomplete,
        }
    }

    fn words(&self) -> String {
        let Self { status, code, message, request } = self;
        let request = request.as_ref().map(|id| format!(", request {id}")).unwrap_or_default();
        match (&**code, &**message) {
            ("", "") => format!("the answer has the status {status} and none of Graph's error codes{request}"),
            ("", message) => format!("Graph says \"{message}\" (status {status}{request})"),
            (code, message) => format!("Graph says {code} \"{message}\" (status {status}{request})"),
        }
    }

    fn remedy(&self) -> String {
        let remedy = match (&*self.code, self.status) {
            (_, 401) => "the token is not valid for this Graph: compare cloud, login_url and graph_url",
            (_, 403) => {
                "grant the app the application permission and admin consent; `rollcall check` names what is missing"
            }
            ("Request_UnsupportedQuery" | "Request_BadRequest" | "BadRequest", _) => {
                "correct the name or id in the settings that this asks for"
            }
            ("DirectoryPageTokenNotFoundException" | "Directory_ExpiredPageToken", _) | (_, 410) => {
                "the list has to be read from its beginning; the next run does"
            }
            (_, 404) => "it is not there, or graph_url is no Graph",
            (_, 429) => "the limit was reached again after each pause; lower parallel, or run at a quieter time",
            (_, 500..) => "the next run tries again",
            _ => "check that graph_url is Microsoft Graph, and not a page in front of it",
        };
        remedy.to_owned()
    }
}
