//! Which endpoint a request goes to, in words of our own: paths hold ids and addresses, which neither spans nor metrics may
//! show.

use url::Url;

/// The template that a URL below the base has. Where two fit, that which leaves less open.
pub(super) fn template(base: &Url, url: &Url, endpoints: &'static [&'static str]) -> Option<&'static str> {
    let below = url.path().strip_prefix(base.path().trim_end_matches('/'))?;
    let is_open = |part: &str| part.starts_with('{');
    let fits = |template: &&&str| {
        let (mut parts, mut segments) = (template.split('/'), below.split('/'));
        let same = parts.by_ref().zip(segments.by_ref()).all(|(part, segment)| is_open(part) || part == segment);
        same && below.matches('/').count() == template.matches('/').count()
    };
    let open = |template: &&&str| template.split('/').filter(|part| is_open(part)).count();
    endpoints.iter().filter(fits).min_by_key(open).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENDPOINTS: &[&str] = &["/users", "/users/{id}", "/users/me", "/users/{id}/groups"];

    fn of(url: &str) -> Option<&'static str> {
        let base = Url::parse("https://x.example/api/v1/").unwrap();
        template(&base, &Url::parse(url).unwrap(), ENDPOINTS)
    }

    #[test]
    fn a_path_is_shown_as_its_template_or_not_at_all() {
        for (path, template) in [
            ("users", Some("/users")),
            ("users?search=jane%40acme.com", Some("/users")),
            ("users/jane@acme.com", Some("/users/{id}")),
            ("users/me", Some("/users/me")),
            ("users/jane/groups", Some("/users/{id}/groups")),
            ("users/jane/roles", None),
            ("users/jane/groups/7", None),
            ("people/jane", None),
            ("", None),
        ] {
            assert_eq!(of(&format!("https://x.example/api/v1/{path}")), template, "{path}");
        }
        assert_eq!(of("https://x.example/users"), None, "it does not lie below the base");
    }
}
