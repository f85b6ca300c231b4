//! URLs that our token may go to.

use url::{Host, Url};

use crate::settings::Problem;

/// What is wrong with the URL of an interface: our token goes there, so it is https, or plain http on this machine.
#[must_use]
pub fn unfit(url: &Url) -> Option<&'static str> {
    let loopback = match url.host() {
        None => return Some("has no host"),
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
    };
    match url.scheme() {
        "https" => None,
        "http" if loopback => None,
        _ => Some("must begin with https, or everybody on the way can read the token"),
    }
}

/// Where an interface is, without a path: what the administrator set, else the usual place.
///
/// # Errors
///
/// A problem with `setting`, for a URL that is unfit or holds something behind the host.
pub fn place(own: Option<&Url>, usual: &str, setting: &str) -> Result<Url, Problem> {
    let refused =
        |why: &str| Problem::new(setting, format!("{setting} {why}; write, for example, {setting} = {usual:?}"));
    let url = match own {
        Some(url) => url.clone(),
        None => Url::parse(usual).map_err(|_| refused("is no URL"))?,
    };
    if let Some(problem) = unfit(&url) {
        return Err(refused(problem));
    }
    if !matches!(url.path(), "" | "/") || url.query().is_some() {
        return Err(refused("must hold nothing behind the host"));
    }
    Ok(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_goes_nowhere_in_the_clear_but_to_this_machine() {
        let fit = |url: &str| unfit(&Url::parse(url).unwrap()).is_none();
        for url in ["https://acme.example", "http://127.0.0.1:8080", "http://[::1]", "http://localhost"] {
            assert!(fit(url), "{url}");
        }
        for url in ["http://acme.example", "ftp://127.0.0.1", "http://127.0.0.1.acme.example", "data:,x"] {
            assert!(!fit(url), "{url}");
        }
    }
}
