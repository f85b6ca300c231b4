//! Where the `Authorization` header comes from.
//!
//! A token is asked for before each request and renewed once after a 401, so that rotation needs no restart. No
//! implementation lets a secret into an error: what a token endpoint says is quoted, but never the secret in it.

mod bearer;
mod client_credentials;

pub use bearer::BearerToken;
pub use client_credentials::{ClientCredentials, ClientCredentialsSettings, SecretPlace};

use crate::secret::Secret;

/// Where tokens come from. Asked before each request; asked to renew once after a 401.
#[async_trait::async_trait]
pub trait TokenSource: Send + Sync {
    /// The value of the `Authorization` header. `renew` asks for one that was not used before.
    async fn authorization(&self, renew: bool) -> Result<Secret, String>;
}
