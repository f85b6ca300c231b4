//! The settings of traces. They are the same whether or not the program was built with what exports them.

use std::collections::BTreeMap;
use std::path::Path;

use http::HeaderName;
use rollcall_kit::http::HttpSettings;
use rollcall_kit::secret::SecretRef;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use url::{Host, Url};

use crate::read::Percent;

/// Headers that the protocol sets itself.
const OURS: [&str; 4] = ["content-type", "content-length", "content-encoding", "host"];

/// Traces of runs, exported over OTLP (HTTP with protobuf) to a collector of OpenTelemetry. They name organizations, hosts
/// and numbers, never people.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TraceSettings {
    /// The collector. An address without a path gets that of the standard, `/v1/traces`.
    #[schemars(extend("examples" = ["http://127.0.0.1:4318"]))]
    pub endpoint: Url,
    /// Headers that the collector asks for, by their names, each with the place of its value.
    #[serde(default)]
    pub headers: BTreeMap<String, SecretRef>,
    /// This share of all runs is traced, each of them whole.
    #[serde(default = "all")]
    pub share: Percent,
    /// The name under which the traces appear: `service.name`.
    #[serde(default = "name")]
    pub service: String,
    /// How the connection is made.
    #[serde(default)]
    pub http: HttpSettings,
}

fn all() -> Percent {
    Percent::of(100)
}

fn name() -> String {
    "rollcall".to_owned()
}

impl TraceSettings {
    /// Lets relative paths start at this folder.
    pub fn start_at(&mut self, folder: &Path) {
        self.headers.values_mut().for_each(|secret| secret.start_at(folder));
        self.http.start_at(folder);
    }

    /// The address to send to, the path of the standard included.
    #[must_use]
    pub fn address(&self) -> Url {
        let mut url = self.endpoint.clone();
        if url.path() == "/" {
            url.set_path("/v1/traces");
        }
        url
    }

    /// What a schema cannot say: the key within these settings, and what is wrong with it.
    #[must_use]
    pub fn problems(&self) -> Vec<(String, String)> {
        let mut problems = Vec::new();
        let mut find = |key: &str, message: String| problems.push((key.to_owned(), message));
        let url = &self.endpoint;
        if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
            find("endpoint", "traces are sent over HTTP; write an address like http://127.0.0.1:4318".to_owned());
        }
        if !url.username().is_empty() || url.password().is_some() || url.query().is_some() {
            let message = "the address holds a user name, a password or a query, and settings hold no secrets; name a \
                           header in `headers` instead";
            find("endpoint", message.to_owned());
        }
        if !self.headers.is_empty() && url.scheme() == "http" && !is_loopback(url) {
            let message = "the values of `headers` would cross the network for everybody to read; use an https address, \
                           or a collector on this machine";
            find("endpoint", message.to_owned());
        }
        for name in self.headers.keys() {
            if HeaderName::try_from(name.as_str()).is_err() {
                find("headers", format!("\"{name}\" cannot be the name of a header"));
            } else if OURS.iter().any(|ours| name.eq_ignore_ascii_case(ours)) {
                find("headers", format!("`{name}` is set by the protocol; remove it"));
            }
        }
        for found in self.http.problems() {
            find(&format!("http.{}", found.key), found.message);
        }
        if self.service.trim().is_empty() {
            find("service", "`service` must be a name; leave it out for \"rollcall\"".to_owned());
        }
        problems
    }
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(text: &str) -> TraceSettings {
        toml::from_str(text).unwrap()
    }

    #[test]
    fn an_address_without_a_path_gets_that_of_the_standard_and_any_other_stays_as_it_is() {
        for (endpoint, address) in [
            ("http://127.0.0.1:4318", "http://127.0.0.1:4318/v1/traces"),
            ("https://otlp.acme.com/", "https://otlp.acme.com/v1/traces"),
            ("https://acme.com/otlp/v1/traces", "https://acme.com/otlp/v1/traces"),
        ] {
            assert_eq!(settings(&format!("endpoint = \"{endpoint}\"")).address().as_str(), address);
        }
    }

    #[test]
    fn neither_an_address_nor_a_header_gives_a_secret_away() {
        let header = "headers = { x-key = { env = \"KEY\" } }";
        for (text, expected) in [
            ("endpoint = \"http://127.0.0.1:4318\"".to_owned(), vec![]),
            ("endpoint = \"ftp://127.0.0.1\"".to_owned(), vec!["endpoint"]),
            ("endpoint = \"https://me:hunter2@x.example\"".to_owned(), vec!["endpoint"]),
            ("endpoint = \"https://x.example/?key=hunter2\"".to_owned(), vec!["endpoint"]),
            ("endpoint = \"http://collector.internal:4318\"".to_owned(), vec![]),
            (format!("endpoint = \"http://collector.internal:4318\"\n{header}"), vec!["endpoint"]),
            (format!("endpoint = \"http://[::1]:4318\"\n{header}"), vec![]),
            (format!("endpoint = \"https://collector.internal\"\n{header}"), vec![]),
            ("endpoint = \"https://x\"\nheaders = { Content-Type = { env = \"A\" } }".to_owned(), vec!["headers"]),
            ("endpoint = \"https://x\"\nheaders = { \"a b\" = { env = \"A\" } }".to_owned(), vec!["headers"]),
            ("endpoint = \"https://x\"\nservice = \" \"".to_owned(), vec!["service"]),
        ] {
            let problems = settings(&text).problems();
            assert!(!format!("{problems:?}").contains("hunter2"));
            let keys: Vec<&str> = problems.iter().map(|(key, _)| key.as_str()).collect();
            assert_eq!(keys, expected, "{text}");
        }
    }
}
