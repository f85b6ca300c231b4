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
    /// Which of the server's limits it counts against, for servers that have several. A pause holds for one class.
    pub class: &'static str,
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
        Self { method: Method::GET, url, headers: HeaderMap::new(), body: None, repeat: Repeat::Safe, class: "" }
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
        Self { method, url, headers, body: Some(json.to_string().into()), repeat, class: "" }
    }

    /// The same request, counted against one of the server's limits.
    #[must_use]
    pub fn class(mut self, class: &'static str) -> Self {
        self.class = class;
        self
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

    /// The next page's link, for a walk that ends where there is none.
    ///
    /// # Errors
    ///
    /// [`DamagedLink`] if any of the `Link` headers cannot be read to its end: a next page lost in it would look like
    /// the end of the list.
    pub fn next_link(&self) -> Result<Option<&str>, DamagedLink> {
        for header in self.headers.get_all(LINK) {
            let text = header.to_str().map_err(|_| DamagedLink)?;
            let read = links(text).count();
            if !text.trim().is_empty() && (read == 0 || text.matches('<').count() != read) {
                return Err(DamagedLink);
            }
        }
        Ok(self.link("next"))
    }
}

/// A `Link` header that cannot be read. For a walk over pages it is no end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a Link header cannot be understood, so that it is unknown whether there is a next page")]
pub struct DamagedLink;

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
    fn the_end_of_a_list_is_never_concluded_from_a_damaged_header() {
        for damaged in [
            r#"<https://x.example/users; rel="next""#,
            "rel=next",
            r#"<https://x.example/a>; rel="self", <https://x.example/b; rel="next""#,
        ] {
            assert_eq!(answer(&[damaged]).next_link(), Err(DamagedLink), "{damaged}");
        }
        let mut foreign = answer(&[]);
        foreign.headers.append(LINK, HeaderValue::from_bytes(b"<https://x.example/\xfc>; rel=\"next\"").unwrap());
        assert_eq!(foreign.next_link(), Err(DamagedLink));
        assert_eq!(answer(&[]).next_link(), Ok(None));
        assert_eq!(answer(&[r#"<https://x.example/a>; rel="self""#]).next_link(), Ok(None));
        assert_eq!(answer(&["<https://x.example/a>; REL=Next"]).next_link(), Ok(Some("https://x.example/a")));
    }

    #[test]
    fn a_damaged_link_header_holds_no_link() {
        assert_eq!(answer(&[r#"<https://x.example/users; rel="next""#]).link("next"), None);
        assert_eq!(answer(&["rel=next"]).link("next"), None);
    }
}
