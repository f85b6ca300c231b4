//! One exchange with the target: the request's shape and the answer's, whatever its status.

use rollcall_kit::http::{Client, HeaderName, HeaderValue, HttpError, Method, Repeat, Request, Response};
use serde_json::Value as Json;

use super::resource::{Resource, is_id, member};

/// The media type of the protocol (RFC 7644, section 3.1).
const SCIM_JSON: &str = "application/scim+json";

/// How much of a target's own words an error repeats.
const WORDS: usize = 300;

/// An answer, read as far as it can be read.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    /// The HTTP status.
    pub(super) status: u16,
    /// The body, or null if it is no JSON.
    pub(super) json: Json,
    /// Whether a `Retry-After` came with it.
    pub(super) retry_after: bool,
    /// The version, to be sent back in `If-Match`.
    pub(super) etag: Option<HeaderValue>,
    /// The last segment of the `Location`.
    pub(super) location_id: Option<String>,
    /// The body's beginning, if it is no JSON.
    text: String,
}

impl Answer {
    pub(super) fn new(response: &Response) -> Self {
        let json = serde_json::from_slice(&response.body).unwrap_or(Json::Null);
        let text = if json.is_null() { plain_text(&String::from_utf8_lossy(&response.body)) } else { String::new() };
        let header = |name: &str| response.headers.get(name);
        let location = header("location").and_then(|value| value.to_str().ok());
        Self {
            status: response.status,
            json,
            retry_after: header("retry-after").is_some(),
            etag: header("etag").cloned(),
            location_id: location.and_then(|url| url.rsplit('/').next()).filter(|id| is_id(id)).map(str::to_owned),
            text,
        }
    }

    /// Whether the target says that it did what was asked. 202 is not that: it only says that it will.
    pub(super) fn is_done(&self) -> bool {
        (200..300).contains(&self.status) && self.status != 202
    }

    /// The resource in the body, if there is one.
    pub(super) fn resource(&self) -> Option<Resource> {
        Resource::new(self.json.clone())
    }

    /// The `scimType` of an error (RFC 7644, section 3.12); many targets leave it out.
    pub(super) fn scim_type(&self) -> Option<&str> {
        member(self.json.as_object()?, "scimType").and_then(Json::as_str)
    }

    /// Whether the error's `scimType` is one of these.
    pub(super) fn is_type(&self, types: &[&str]) -> bool {
        self.scim_type().is_some_and(|found| types.iter().any(|wanted| wanted.eq_ignore_ascii_case(found)))
    }

    /// The target's own words: the error's detail wherever this target puts it, the text of a page in HTML, or that
    /// there are none.
    pub(super) fn words(&self) -> String {
        let detail = self.json.as_object().and_then(|members| {
            ["detail", "message", "error_description", "error", "title", "Errors"]
                .iter()
                .find_map(|name| member(members, name).map(said))
        });
        let words = match detail {
            Some(words) if !words.is_empty() => words,
            _ if !self.text.is_empty() => self.text.clone(),
            _ => "(no explanation)".to_owned(),
        };
        match self.scim_type().map(shorten).filter(|kind| !kind.is_empty()) {
            Some(kind) => format!("{kind}: {words}"),
            None => words,
        }
    }
}

/// What an error's member says, if it is text, a list of texts, or objects that hold a text.
fn said(json: &Json) -> String {
    match json {
        Json::String(text) => shorten(text),
        Json::Array(entries) => {
            let texts = entries.iter().map(said).filter(|text| !text.is_empty()).take(WORDS);
            shorten(&texts.collect::<Vec<_>>().join("; "))
        }
        Json::Object(members) => ["description", "detail", "message", "msg"]
            .iter()
            .find_map(|name| member(members, name).map(said))
            .unwrap_or_default(),
        _ => String::new(),
    }
}

/// The text of a page in HTML, without its tags, on one line.
fn plain_text(body: &str) -> String {
    let mut text = String::new();
    let mut inside_tag = false;
    for character in body.chars().take(20 * WORDS) {
        match character {
            '<' => inside_tag = true,
            '>' => {
                inside_tag = false;
                text.push(' ');
            }
            _ if !inside_tag => text.push(character),
            _ => {}
        }
    }
    shorten(&text)
}

/// One line of at most [`WORDS`] characters.
fn shorten(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if line.chars().count() <= WORDS { line } else { line.chars().take(WORDS).chain("…".chars()).collect() }
}

/// A request to one place below the base URL.
#[derive(Clone, Debug)]
pub(super) struct Call<'a> {
    method: Method,
    segments: &'a [&'a str],
    query: &'a [(&'a str, &'a str)],
    body: Option<&'a Json>,
    repeat: Repeat,
    if_match: Option<HeaderValue>,
}

impl<'a> Call<'a> {
    /// A read.
    pub(super) fn get(segments: &'a [&'a str], query: &'a [(&'a str, &'a str)]) -> Self {
        Self { method: Method::GET, segments, query, body: None, repeat: Repeat::Safe, if_match: None }
    }

    /// A creation. SCIM has no key that would make a second one harmless, so it is never repeated blindly.
    pub(super) fn post(segments: &'a [&'a str], body: &'a Json) -> Self {
        Self { method: Method::POST, segments, query: &[], body: Some(body), repeat: Repeat::Never, if_match: None }
    }

    /// A change of some attributes; whether it may be repeated depends on the operations.
    pub(super) fn patch(segments: &'a [&'a str], body: &'a Json, repeat: Repeat) -> Self {
        Self { method: Method::PATCH, segments, query: &[], body: Some(body), repeat, if_match: None }
    }

    /// A replacement of the whole resource.
    pub(super) fn put(segments: &'a [&'a str], body: &'a Json) -> Self {
        Self { method: Method::PUT, segments, query: &[], body: Some(body), repeat: Repeat::Safe, if_match: None }
    }

    /// A deletion.
    pub(super) fn delete(segments: &'a [&'a str]) -> Self {
        Self { method: Method::DELETE, segments, query: &[], body: None, repeat: Repeat::Safe, if_match: None }
    }

    /// The same, only if the resource is still of this version.
    pub(super) fn only_if(mut self, version: Option<HeaderValue>) -> Self {
        self.if_match = version;
        self
    }

    /// Sends it.
    pub(super) async fn send(self, client: &Client) -> Result<Answer, HttpError> {
        let mut url = client.url(self.segments);
        if !self.query.is_empty() {
            url = url.with_query(self.query);
        }
        let mut request = match self.body {
            Some(body) => Request::json(self.method, url, SCIM_JSON, body, self.repeat),
            None => Request { method: self.method, repeat: self.repeat, ..Request::get(url) },
        };
        request = request.header(
            HeaderName::from_static("accept"),
            HeaderValue::from_static("application/scim+json, application/json;q=0.9"),
        );
        if let Some(version) = self.if_match {
            request = request.header(HeaderName::from_static("if-match"), version);
        }
        client.send(request).await.map(|response| Answer::new(&response))
    }
}

#[cfg(test)]
mod tests {
    use rollcall_kit::http::HeaderMap;

    use super::*;

    fn words(status: u16, body: &'static str) -> String {
        Answer::new(&Response { status, headers: HeaderMap::new(), body: body.into(), attempts: 1 }).words()
    }

    #[test]
    fn only_a_creation_is_never_sent_again_blindly() {
        let body = Json::Null;
        assert_eq!(Call::post(&["Users"], &body).repeat, Repeat::Never);
        assert_eq!(Call::put(&["Users", "1"], &body).repeat, Repeat::Safe);
        assert_eq!(Call::delete(&["Users", "1"]).repeat, Repeat::Safe);
    }

    #[test]
    fn a_targets_own_words_are_found_wherever_it_puts_them() {
        assert_eq!(words(409, r#"{"status":"409","scimType":"uniqueness","detail":"taken"}"#), "uniqueness: taken");
        assert_eq!(words(400, r#"{"status":400,"detail":["one","two"]}"#), "one; two");
        assert_eq!(words(422, r#"{"detail":[{"loc":["body"],"msg":"field required"}]}"#), "field required");
        assert_eq!(words(401, r#"{"error":"invalid_token"}"#), "invalid_token");
        assert_eq!(words(502, "<html><title>502</title><h1>Bad  Gateway</h1></html>"), "502 Bad Gateway");
        assert_eq!(words(404, ""), "(no explanation)");
        assert_eq!(words(400, "[1, 2]"), "(no explanation)");
    }

    #[test]
    fn many_long_words_are_as_short_as_a_few() {
        let body = format!(
            r#"{{"scimType":"{}","Errors":[{}"x"]}}"#,
            "t".repeat(5_000),
            r#""much",[["more"]],"#.repeat(5_000)
        );
        let words = words(400, body.leak());
        assert!(words.starts_with("ttt") && words.contains("…: much; more; much"), "{words}");
        assert!(words.chars().count() <= 2 * (WORDS + 2), "{} characters", words.chars().count());
    }
}
