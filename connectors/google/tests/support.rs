//! Reading from the customer.

use std::time::Duration;

use rollcall_google::{GoogleConnector, GoogleSettings, connector};
pub(crate) use rollcall_kit::contract::{gather, groups, users};
use rollcall_kit::secret::SecretRef;
use rollcall_kit::{Certificate, Connector, Entry, ReadError};

use rollcall_test_servers::workspace::Workspace;

/// What tests read of a customer, and how.
pub(crate) trait Settings {
    /// The settings of a service account that reads everybody and every group.
    fn settings(&self) -> GoogleSettings;

    /// The settings of one who reads users only.
    fn alone(&self) -> GoogleSettings;

    /// A reference to a secret that only its owner can read.
    fn secret_ref(&self, name: &str, content: &str) -> SecretRef;
}

impl Settings for Workspace {
    fn settings(&self) -> GoogleSettings {
        let mut settings: GoogleSettings = toml::from_str(&self.configuration()).unwrap();
        settings.http.attempts = 3;
        settings.http.max_wait = rollcall_kit::HumanDuration::seconds(5);
        settings
    }

    fn alone(&self) -> GoogleSettings {
        GoogleSettings { groups: None, ..self.settings() }
    }

    fn secret_ref(&self, name: &str, content: &str) -> SecretRef {
        SecretRef::File(self.secret(name, content))
    }
}

/// A connector with pauses that tests can afford.
pub(crate) fn quick(settings: GoogleSettings) -> GoogleConnector {
    connector(settings).unwrap().with_back_off(Duration::from_millis(1)).unwrap()
}

/// Reads to the end, whatever that is.
pub(crate) async fn read(connector: &GoogleConnector) -> (Vec<Entry>, Result<Certificate, ReadError>) {
    gather(|entries| connector.read(entries)).await
}

/// Reads to a certificate.
pub(crate) async fn certified(settings: GoogleSettings) -> (Vec<Entry>, Certificate) {
    let (entries, outcome) = read(&quick(settings)).await;
    (entries, outcome.unwrap())
}

/// The error in which a read ends that must not be certified.
pub(crate) async fn failure(settings: GoogleSettings) -> ReadError {
    read(&quick(settings)).await.1.unwrap_err()
}
