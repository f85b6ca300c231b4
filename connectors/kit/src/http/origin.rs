//! URLs that lie on the client's own origin, and what of a URL may be shown.
//!
//! Servers choose their next links themselves. One that leads to another host would carry our token there, so every
//! link is checked before it becomes an [`OriginUrl`], and only those can be sent to.

use url::Url;

use super::HttpError;

/// A URL that was checked to lie on the client's own origin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OriginUrl(Url);

impl OriginUrl {
    /// The URL.
    #[must_use]
    pub fn as_url(&self) -> &Url {
        &self.0
    }

    /// The same URL with more query parameters.
    #[must_use]
    pub fn with_query(mut self, pairs: &[(&str, &str)]) -> Self {
        // `%20`, not `+`: SCIM servers read a filter's plus sign as a plus sign.
        let mut query = self.0.query().map(ToOwned::to_owned).unwrap_or_default();
        for (name, value) in pairs {
            if !query.is_empty() {
                query.push('&');
            }
            query.extend([percent(name), "=".to_owned(), percent(value)]);
        }
        self.0.set_query((!query.is_empty()).then_some(query.as_str()));
        self
    }
}

/// The origin that a client is bound to, and the URL below which its resources lie.
#[derive(Clone, Debug)]
pub(super) struct Origin(Url);

impl Origin {
    /// Takes the base that the settings name.
    pub(super) fn new(mut base: Url) -> Result<Self, HttpError> {
        if !matches!(base.scheme(), "http" | "https") || base.host().is_none() {
            return Err(HttpError::Settings(format!("{} is no http or https URL", shown(&base))));
        }
        if has_credentials(&base) {
            let what = "holds a user name or password, and settings hold no secrets; configure a token instead";
            return Err(HttpError::Settings(format!("the URL {} {what}", shown(&base))));
        }
        base.set_fragment(None);
        Ok(Self(base))
    }

    /// Whether this is the machine that we run on, or an address that ends at its own network (RFC 3927), as a cloud's
    /// metadata service has: no proxy leads there.
    pub(super) fn is_beside_us(&self) -> bool {
        match self.0.host() {
            Some(url::Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
            Some(url::Host::Ipv4(address)) => address.is_loopback() || address.is_link_local(),
            Some(url::Host::Ipv6(address)) => address.is_loopback(),
            None => false,
        }
    }

    /// Whether the origin speaks TLS.
    pub(super) fn is_secure(&self) -> bool {
        self.0.scheme() == "https"
    }

    /// The URL of a path below the base.
    pub(super) fn below(&self, segments: &[&str]) -> OriginUrl {
        let mut url = self.0.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(segments.iter().map(|segment| nameable(segment)));
        }
        OriginUrl(url)
    }

    /// The base itself, as it was given.
    pub(super) fn itself(&self) -> OriginUrl {
        OriginUrl(self.0.clone())
    }

    /// Checks a link that the server gave. A relative one is taken from `page`, or from below the base.
    pub(super) fn check(&self, page: Option<&OriginUrl>, link: &str) -> Result<OriginUrl, HttpError> {
        let joined = match page {
            Some(page) => page.0.join(link),
            None => self.folder().join(link),
        };
        let foreign = |url: String| HttpError::ForeignOrigin { url, origin: self.0.origin().ascii_serialization() };
        let url = joined.map_err(|_| foreign("a link that is no URL".to_owned()))?;
        self.own(OriginUrl(url)).map_err(|url| foreign(shown(&url)))
    }

    /// Refuses a URL that another client made: sent from here, it would carry our credentials to its origin.
    pub(super) fn own(&self, url: OriginUrl) -> Result<OriginUrl, Url> {
        if url.0.origin() == self.0.origin() && !has_credentials(&url.0) { Ok(url) } else { Err(url.0) }
    }

    /// The error for a URL that is not ours.
    pub(super) fn foreign(&self, url: &Url) -> HttpError {
        HttpError::ForeignOrigin { url: shown(url), origin: self.0.origin().ascii_serialization() }
    }

    /// The base with a slash at its end. Without one, a relative link would replace the base's last segment.
    fn folder(&self) -> Url {
        let mut folder = self.0.clone();
        if let Ok(mut path) = folder.path_segments_mut() {
            path.pop_if_empty().push("");
        }
        folder
    }
}

/// A path segment as a URL can hold it. URLs drop `.`, `..` and empty segments, so that an odd id would turn "delete
/// this user" into "delete all users"; such an id is sent in a form that names nothing and gets a 404.
fn nameable(segment: &str) -> &str {
    match segment {
        "" => " ",
        "." => "%2E",
        ".." => "%2E%2E",
        other => other,
    }
}

/// Whether a URL holds a user name or a password.
fn has_credentials(url: &Url) -> bool {
    !url.username().is_empty() || url.password().is_some()
}

/// What of a URL may be shown: neither user name and password nor query, which may hold tokens and addresses.
pub(super) fn shown(url: &Url) -> String {
    let mut url = url.clone();
    // These fail only for URLs without a host, which have nothing to hide there.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url.set_query(None);
    url.set_fragment(None);
    if url.cannot_be_a_base() { format!("a {} link", url.scheme()) } else { url.to_string() }
}

/// Percent-encodes everything but RFC 3986's unreserved characters.
fn percent(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
            other => format!("%{other:02X}"),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin() -> Origin {
        Origin::new(Url::parse("https://app.internal/scim/v2").unwrap()).unwrap()
    }

    fn follow(link: &str) -> Result<String, String> {
        origin().check(None, link).map(|url| url.0.to_string()).map_err(|error| error.to_string())
    }

    #[test]
    fn a_path_is_put_below_the_base_and_each_segment_is_encoded() {
        let url = origin().below(&["Users", "a/b c?d"]);
        assert_eq!(url.0.as_str(), "https://app.internal/scim/v2/Users/a%2Fb%20c%3Fd");
    }

    #[test]
    fn an_id_that_a_path_cannot_hold_never_names_its_parent() {
        for (id, path) in [("..", "%252E%252E"), (".", "%252E"), ("", "%20")] {
            let url = origin().below(&["Users", id]);
            assert_eq!(url.0.path(), format!("/scim/v2/Users/{path}"), "for the id {id:?}");
        }
    }

    #[test]
    fn a_filter_is_encoded_with_percent_twenty_and_added_to_a_query_that_is_there() {
        let url = origin().below(&["Users"]).with_query(&[("filter", r#"userName eq "a+b""#)]);
        assert_eq!(url.0.query(), Some("filter=userName%20eq%20%22a%2Bb%22"));
        assert_eq!(url.with_query(&[("count", "2")]).0.query(), Some("filter=userName%20eq%20%22a%2Bb%22&count=2"));
    }

    #[test]
    fn no_parameters_leave_no_question_mark() {
        assert_eq!(origin().below(&["Users"]).with_query(&[]).0.as_str(), "https://app.internal/scim/v2/Users");
    }

    #[test]
    fn a_next_link_on_the_own_origin_is_followed() {
        let link = "https://app.internal/scim/v2/Users?startIndex=101";
        assert_eq!(follow(link).unwrap(), link);
        assert_eq!(follow("https://APP.internal:443/x").unwrap(), "https://app.internal/x");
    }

    #[test]
    fn a_relative_link_is_taken_from_below_the_base_or_from_its_page() {
        assert_eq!(follow("Users?cursor=2").unwrap(), "https://app.internal/scim/v2/Users?cursor=2");
        assert_eq!(follow("/scim/v2/Users?cursor=2").unwrap(), "https://app.internal/scim/v2/Users?cursor=2");
        let page = origin().below(&["Users"]);
        let next = origin().check(Some(&page), "?cursor=2").unwrap();
        assert_eq!(next.0.as_str(), "https://app.internal/scim/v2/Users?cursor=2");
    }

    #[test]
    fn a_link_to_another_scheme_host_or_port_is_refused() {
        for link in [
            "http://app.internal/scim/v2/Users",
            "https://app.internal:8443/scim/v2/Users",
            "https://app.internal.evil.example/scim/v2/Users",
            "https://evil.example/scim/v2/Users",
            "//evil.example/x",
            "\\\\evil.example/x",
            "javascript:alert(1)",
            "https://",
        ] {
            let error = follow(link).unwrap_err();
            assert!(error.ends_with("is not on https://app.internal; it was not followed"), "{link}: {error}");
        }
    }

    #[test]
    fn a_link_with_credentials_is_refused_and_they_are_not_shown() {
        let error = follow("https://eve:hunter2@app.internal/scim?token=s3cret#frag").unwrap_err();
        assert!(error.starts_with("https://app.internal/scim is not on"), "{error}");
    }

    #[test]
    fn a_base_that_is_no_http_url_or_holds_credentials_is_refused() {
        for (base, part) in [
            ("ldap://dc.acme.com", "is no http or https URL"),
            ("data:text/plain,x", "is no http or https URL"),
            ("https://u:hunter2@app.internal/", "configure a token"),
        ] {
            let error = Origin::new(Url::parse(base).unwrap()).unwrap_err().to_string();
            assert!(error.contains(part), "{error}");
            assert!(!error.contains("hunter2"), "{error}");
        }
    }

    #[test]
    fn the_own_machine_is_known_by_name_and_by_address() {
        for (base, beside_us) in [
            ("http://169.254.169.254/metadata/identity/oauth2/token", true),
            ("http://localhost:8080", true),
            ("http://127.0.0.3", true),
            ("http://[::1]:1", true),
            ("http://app.internal", false),
            ("http://10.0.0.1", false),
        ] {
            assert_eq!(Origin::new(Url::parse(base).unwrap()).unwrap().is_beside_us(), beside_us, "{base}");
        }
    }
}
