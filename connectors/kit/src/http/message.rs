//! Requests, answers, and which requests may be repeated.

use std::fmt;

use bytes::Bytes;
use reqwest::Method;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, LINK};

use super::OriginUrl;
use super::origin::shown;

/// Whether a request may be sent again when its outcome is unknown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repeat {
    /// Sending it twice does no more than sending it once.
    Safe,
    /// A second one could do a second thing: only an answer that says "not done, come back then" (403, 429 or 503
    /// with a stated pause) and a connection that never stood let it be sent again.
    Never,
}

/// A request. Its debug form leaves out header values and the body, which may hold secrets.
#[derive(Clone)]
pub struct Request {
    /// The method.
    pub method: Method,
    /// Where to.
    pub url: OriginUrl,
    /// Headers besides those that the client sets (authorization, user agent, accept-encoding).
    pub headers: HeaderMap,
    /// The body.
    pub body: Option<Bytes>,
    /// Whether it may be repeated.
    pub repeat: Repeat,
}

impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Request")
            .field("method", &self.method)
            .field("url", &shown(self.url.as_url()))
            .field("repeat", &self.repeat)
            .finish_non_exhaustive()
    }
}

impl Request {
    /// A GET, safe to repeat.
    #[must_use]
    pub fn get(url: OriginUrl) -> Self {
        Self { method: Method::GET, url, headers: HeaderMap::new(), body: None, repeat: Repeat::Safe }
    }

    /// A request with a JSON body of the given media type.
    #[must_use]
    pub fn json(
        method: Method,
        url: OriginUrl,
        media_type: &'static str,
        json: &serde_json::Value,
        repeat: Repeat,
    ) -> Self {
        let mut headers = HeaderMap::new();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
        Self { method, url, headers, body: Some(json.to_string().into()), repeat }
    }

    /// The same request with one more header.
    #[must_use]
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }
}

/// An answer, whatever its status, read whole. Its debug form leaves out headers and the body, which may hold tokens.
#[derive(Clone)]
pub struct Response {
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: Bytes,
    /// How often the request was sent for this answer.
    pub attempts: u32,
}

impl fmt::Debug for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Response")
            .field("status", &self.status)
            .field("bytes", &self.body.len())
            .field("attempts", &self.attempts)
            .finish_non_exhaustive()
    }
}

impl Response {
    /// A header as text, if it is there and is text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// The target of the `Link` header with this relation, such as `next` (RFC 8288). Several relations may come in
    /// one header or in several. To be followed only through [`super::Client::follow`].
    #[must_use]
    pub fn link(&self, relation: &str) -> Option<&str> {
        let headers = self.headers.get_all(LINK).iter().filter_map(|value| value.to_str().ok());
        headers.flat_map(links).find(|(_, parameters)| has_relation(parameters, relation)).map(|(target, _)| target)
    }
}

/// The links of one `Link` header: each target with its parameters. Commas inside a target do not separate.
fn links(header: &str) -> impl Iterator<Item = (&str, &str)> {
    let mut rest = header;
    std::iter::from_fn(move || {
        let (_, from_target) = rest.split_once('<')?;
        let (target, after) = from_target.split_once('>')?;
        let end = after.find('<').unwrap_or(after.len());
        rest = &after[end..];
        Some((target, &after[..end]))
    })
}

/// Whether parameters such as `; rel="next"; title="x"` hold the relation. A `rel` may name several.
fn has_relation(parameters: &str, relation: &str) -> bool {
    parameters.split([';', ',']).filter_map(|parameter| parameter.split_once('=')).any(|(name, value)| {
        name.trim().eq_ignore_ascii_case("rel")
            && value.trim().trim_matches('"').split_whitespace().any(|one| one.eq_ignore_ascii_case(relation))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(links: &[&'static str]) -> Response {
        let mut headers = HeaderMap::new();
        for link in links {
            headers.append(LINK, HeaderValue::from_static(link));
        }
        Response { status: 200, headers, body: Bytes::new(), attempts: 1 }
    }

    #[test]
    fn the_next_link_is_found_among_several_headers() {
        let answer = answer(&[
            r#"<https://x.example/users?limit=200>; rel="self""#,
            r#"<https://x.example/users?after=100u&limit=200>; rel="next""#,
        ]);
        assert_eq!(answer.link("next"), Some("https://x.example/users?after=100u&limit=200"));
        assert_eq!(answer.link("prev"), None);
    }

    #[test]
    fn the_next_link_is_found_within_one_header_and_with_commas_in_its_target() {
        let answer = answer(&[r#"</a?x=1,2>; rel=self, </a?fields=id,name>; title="n"; rel="last next""#]);
        assert_eq!(answer.link("next"), Some("/a?fields=id,name"));
    }

    #[test]
    fn a_damaged_link_header_holds_no_link() {
        assert_eq!(answer(&[r#"<https://x.example/users; rel="next""#]).link("next"), None);
        assert_eq!(answer(&["rel=next"]).link("next"), None);
    }
}
