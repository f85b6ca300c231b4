//! The settings of the server that monitors ask.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use rollcall_kit::secret::SecretRef;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Health, readiness and metrics for monitors, over HTTP.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct WatchSettings {
    /// The address and port to listen on. One that is not loopback needs a `certificate`, and a `token` or `client_ca`.
    #[schemars(with = "String", extend("examples" = ["127.0.0.1:9464"]))]
    pub listen: SocketAddr,
    /// Where the token is that monitors send as `Authorization: Bearer …`; `/healthz` alone is answered without it.
    pub token: Option<SecretRef>,
    /// A PEM file with our certificate, its chain and its key. Nobody else may read it.
    pub certificate: Option<PathBuf>,
    /// A PEM file with the authorities whose certificates monitors prove themselves with.
    pub client_ca: Option<PathBuf>,
}

impl Default for WatchSettings {
    fn default() -> Self {
        Self { listen: SocketAddr::from(([127, 0, 0, 1], 9464)), token: None, certificate: None, client_ca: None }
    }
}

impl WatchSettings {
    /// Lets relative paths start at this folder.
    pub fn start_at(&mut self, folder: &Path) {
        self.token.iter_mut().for_each(|secret| secret.start_at(folder));
        let paths = self.certificate.iter_mut().chain(&mut self.client_ca);
        paths.for_each(|path| *path = folder.join(&path));
    }

    /// What a schema cannot say: the key within these settings, and what is wrong with it.
    #[must_use]
    pub fn problems(&self) -> Vec<(String, String)> {
        let mut problems = Vec::new();
        let mut find = |key: &str, message: &str| problems.push((key.to_owned(), message.to_owned()));
        if self.client_ca.is_some() && self.certificate.is_none() {
            find("client_ca", "`client_ca` is looked at over TLS only; name our own certificate in `certificate`, too");
        }
        if !self.listen.ip().is_loopback() {
            if self.token.is_none() && self.client_ca.is_none() {
                let message = "others could read how every organization stands; set `token` or `client_ca`, or listen \
                               on 127.0.0.1";
                find("listen", message);
            }
            if self.certificate.is_none() {
                let message = "what monitors send and read would cross the network for everybody; name a PEM file in \
                               `certificate`, or listen on 127.0.0.1";
                find("listen", message);
            }
        }
        problems
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn problems(text: &str) -> Vec<String> {
        toml::from_str::<WatchSettings>(text).unwrap().problems().into_iter().map(|(key, _)| key).collect()
    }

    #[test]
    fn nothing_listens_beyond_loopback_without_tls_and_a_proof_of_who_asks() {
        for (settings, expected) in [
            ("", vec![]),
            ("listen = \"[::1]:9464\"", vec![]),
            ("listen = \"0.0.0.0:9464\"", vec!["listen", "listen"]),
            ("listen = \"10.0.0.1:9464\"\ntoken = { env = \"T\" }", vec!["listen"]),
            ("listen = \"10.0.0.1:9464\"\ncertificate = \"c\"", vec!["listen"]),
            ("listen = \"10.0.0.1:9464\"\ncertificate = \"c\"\ntoken = { env = \"T\" }", vec![]),
            ("listen = \"10.0.0.1:9464\"\ncertificate = \"c\"\nclient_ca = \"a\"", vec![]),
            ("client_ca = \"a\"", vec!["client_ca"]),
        ] {
            assert_eq!(problems(settings), expected, "{settings}");
        }
    }
}
