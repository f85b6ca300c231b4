//! Where the `Authorization` header comes from.
//!
//! A token is asked for before each request and renewed once after a 401, so that rotation needs no restart. No
//! implementation lets a secret into an error: what a token endpoint says is quoted, but never the secret in it.
//!
//! | file | idea |
//! |---|---|
//! | `bearer` | a token that somebody else issued |
//! | `endpoint` | tokens from an OAuth 2.0 token endpoint: asked for, kept, renewed |
//! | `grant` | what the endpoint is asked, and by which proof |
//! | `client_credentials` | the settings of the commonest grant |
//! | `jwt`, `key` | assertions, and the keys that sign them |
//! | `ambient` | tokens that the surroundings of this machine hand out |
//! | `possession` | proofs that a token is ours (DPoP) |

mod ambient;
mod bearer;
mod client_credentials;
mod endpoint;
mod grant;
mod jwt;
mod key;
mod possession;

pub use ambient::Ambient;
pub use bearer::BearerToken;
pub use client_credentials::{ClientCredentialsSettings, SecretPlace};
pub use endpoint::{TokenEndpoint, TokenError};
pub use grant::{ClientProof, Grant, TokenRequest};
pub use jwt::Assertion;
pub use key::{Algorithm, KeyError, SigningKey};
pub use possession::Possession;
pub(super) use possession::{CHALLENGES, DPOP};

use reqwest::Method;
use reqwest::header::HeaderValue;
use url::Url;

use super::Response;
use crate::secret::Secret;

/// Somebody else who signs our assertions: a service that keeps the key and does not hand it out.
#[async_trait::async_trait]
pub trait Signer: Send + Sync {
    /// The signed JWT (in its compact form) that makes these claims.
    async fn sign(&self, claims: &serde_json::Map<String, serde_json::Value>) -> Result<Secret, TokenError>;
}

/// Where tokens come from. Asked before each request; asked to renew once after a 401.
#[async_trait::async_trait]
pub trait TokenSource: Send + Sync {
    /// The value of the `Authorization` header. `renew` asks for one that was not used before.
    async fn authorization(&self, renew: bool) -> Result<Secret, String>;

    /// The proof (`DPoP` header) that belongs to one attempt of one request under this authorization, for tokens that
    /// need one. Asked for anew before every attempt, because no proof counts twice.
    fn proof(&self, _method: &Method, _url: &Url, _authorization: &Secret) -> Result<Option<HeaderValue>, String> {
        Ok(None)
    }

    /// Takes from an answer what the next proofs must hold, and says whether the answer only asks for the same request
    /// with another proof.
    fn heed(&self, _answer: &Response) -> bool {
        false
    }
}
