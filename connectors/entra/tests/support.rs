//! A tenant on loopback ([`rollcall_test_servers::graph`]), and connectors that read it.

use std::ops::Deref;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

use rollcall_entra::{EntraConnector, EntraSettings, GroupSettings, connector};
pub(crate) use rollcall_kit::contract::{gather, groups, users};
use rollcall_kit::secret::SecretRef;
use rollcall_kit::{Certificate, Connector, Entry, ReadError};
pub(crate) use rollcall_test_servers::graph::*;
use tempfile::TempDir;

/// The tenant, and where secrets for it are kept.
pub(crate) struct Graph {
    tenant: Tenant,
    pub(crate) secrets: TempDir,
}

impl Deref for Graph {
    type Target = Tenant;

    fn deref(&self) -> &Tenant {
        &self.tenant
    }
}

impl Graph {
    /// A tenant with a few people and groups of every kind.
    pub(crate) async fn start() -> Self {
        Self { tenant: Tenant::start().await, secrets: tempfile::tempdir().unwrap() }
    }

    /// Puts a secret into a file that only its owner can read.
    pub(crate) fn secret(&self, name: &str, content: &str) -> SecretRef {
        let path = self.secrets.path().join(name);
        std::fs::write(&path, content).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        SecretRef::File(path)
    }

    /// The settings of an app with a secret that reads everybody and every group.
    pub(crate) fn settings(&self) -> EntraSettings {
        let uri = self.server.uri();
        let text = format!(
            "tenant = {TENANT:?}\nclient_id = {CLIENT:?}\nlogin_url = {uri:?}\ngraph_url = {uri:?}\ngroups.all = true"
        );
        let mut settings: EntraSettings = toml::from_str(&text).unwrap();
        settings.client_secret = Some(self.secret("secret", "hunter2"));
        settings.http.attempts = 3;
        settings.http.max_wait = rollcall_kit::HumanDuration::seconds(5);
        settings
    }
}

/// A connector with pauses that tests can afford.
pub(crate) fn quick(settings: EntraSettings) -> EntraConnector {
    connector(settings).unwrap().with_back_off(Duration::from_millis(2)).unwrap()
}

/// Reads to the end, whatever that is.
pub(crate) async fn read(connector: &EntraConnector) -> (Vec<Entry>, Result<Certificate, ReadError>) {
    gather(|entries| connector.read(entries)).await
}

/// Reads to a certificate.
pub(crate) async fn certified(settings: EntraSettings) -> Vec<Entry> {
    let (entries, outcome) = read(&quick(settings)).await;
    outcome.unwrap();
    entries
}

/// The sentence in which a read ends that must not be certified.
pub(crate) async fn failure(settings: EntraSettings) -> String {
    read(&quick(settings)).await.1.unwrap_err().to_string()
}

/// Settings without groups.
pub(crate) fn alone(settings: EntraSettings) -> EntraSettings {
    EntraSettings { groups: None, ..settings }
}

/// Settings with these groups.
pub(crate) fn with_groups(settings: EntraSettings, groups: GroupSettings) -> EntraSettings {
    EntraSettings { groups: Some(groups), ..settings }
}
