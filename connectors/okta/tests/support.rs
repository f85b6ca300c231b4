//! An organisation on loopback ([`rollcall_test_servers::okta`]), and connectors that read it.

use std::ops::Deref;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

pub(crate) use rollcall_kit::contract::{gather, groups, users};
use rollcall_kit::secret::SecretRef;
use rollcall_kit::{Certificate, Connector};
use rollcall_kit::{Entry, ReadError};
use rollcall_okta::{GroupSettings, OktaConnector, OktaSettings, connector};
pub(crate) use rollcall_test_servers::okta::*;
use tempfile::TempDir;

pub(crate) const P256_JWK: &str = include_str!("../../kit/tests/keys/p256.jwk.json");

/// The organisation, and where secrets for it are kept.
pub(crate) struct Okta {
    organisation: Organisation,
    secrets: TempDir,
}

impl Deref for Okta {
    type Target = Organisation;

    fn deref(&self) -> &Organisation {
        &self.organisation
    }
}

impl Okta {
    /// An organisation with a few people and groups in every state.
    pub(crate) async fn start() -> Self {
        Self { organisation: Organisation::start().await, secrets: tempfile::tempdir().unwrap() }
    }

    /// Puts a secret into a file that only its owner can read.
    pub(crate) fn secret(&self, name: &str, content: &str) -> SecretRef {
        let path = self.secrets.path().join(name);
        std::fs::write(&path, content).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        SecretRef::File(path)
    }

    /// The settings of a service app that reads everybody and every group.
    pub(crate) fn settings(&self) -> OktaSettings {
        let text = format!("url = {:?}\nclient_id = \"0oaservice\"\n", self.server.uri());
        let mut settings: OktaSettings = toml::from_str(&text).unwrap();
        settings.private_key = Some(self.secret("app-key", P256_JWK));
        settings.groups = Some(GroupSettings { all: true, ..GroupSettings::default() });
        settings.http.attempts = 3;
        settings.http.max_wait = rollcall_kit::HumanDuration::seconds(5);
        settings
    }

    /// The settings of an organisation where nobody answers.
    pub(crate) fn nobody(&self) -> OktaSettings {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap()).parse().unwrap();
        let mut settings = OktaSettings { url, ..self.settings() };
        settings.http.attempts = 1;
        settings
    }
}

/// A connector with pauses that tests can afford.
pub(crate) fn quick(settings: OktaSettings) -> OktaConnector {
    connector(settings).unwrap().with_back_off(Duration::from_millis(2)).unwrap()
}

/// Reads to the end, whatever that is.
pub(crate) async fn read(connector: &OktaConnector) -> (Vec<Entry>, Result<Certificate, ReadError>) {
    gather(|entries| connector.read(entries)).await
}

/// Reads to a certificate.
pub(crate) async fn certified(settings: OktaSettings) -> Vec<Entry> {
    let (entries, outcome) = read(&quick(settings)).await;
    outcome.unwrap();
    entries
}

/// The sentence in which a read ends that must not be certified.
pub(crate) async fn failure(settings: OktaSettings) -> String {
    read(&quick(settings)).await.1.unwrap_err().to_string()
}
