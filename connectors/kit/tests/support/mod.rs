//! Servers on loopback for the tests, down to the byte where wiremock is too polite.

pub(crate) mod certificates;
pub(crate) mod raw;

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use rollcall_kit::http::{Client, HttpSettings, Method, Repeat, Request, TokenSource};
use rollcall_kit::secret::Secret;
use serde_json::json;
use url::Url;

/// A client with pauses that tests can afford.
pub(crate) fn client(base: &str, settings: HttpSettings) -> Client {
    Client::new(Url::parse(base).unwrap(), settings, None).unwrap().with_back_off(Duration::from_millis(2))
}

/// A client that signs its requests.
pub(crate) fn client_with(base: &str, tokens: Arc<dyn TokenSource>) -> Client {
    let client = Client::new(Url::parse(base).unwrap(), HttpSettings::default(), Some(tokens)).unwrap();
    client.with_back_off(Duration::from_millis(2))
}

/// A write that must not happen twice.
pub(crate) fn create(client: &Client) -> Request {
    Request::json(Method::POST, client.url(&["Users"]), "application/scim+json", &json!({"a": 1}), Repeat::Never)
}

/// A read.
pub(crate) fn read(client: &Client) -> Request {
    Request::get(client.url(&["Users"]))
}

/// A token source that counts, and whose tokens are numbered by renewal.
#[derive(Default)]
pub(crate) struct Numbered {
    pub(crate) renewals: AtomicUsize,
}

#[async_trait::async_trait]
impl TokenSource for Numbered {
    async fn authorization(&self, renew: bool) -> Result<Secret, String> {
        if renew {
            self.renewals.fetch_add(1, Ordering::SeqCst);
        }
        Ok(Secret::new(format!("Bearer token-{}", self.renewals.load(Ordering::SeqCst))))
    }
}
