//! The settings of a client that proves itself by a secret, as the configuration file spells them.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use url::Url;

use super::{ClientProof, TokenRequest};
use crate::secret::SecretRef;

/// Where a client proves itself with its own id and secret, and gets tokens that live for a while.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ClientCredentialsSettings {
    /// The token endpoint.
    pub token_url: Url,
    /// The client's id.
    pub client_id: String,
    /// Where the client's secret is.
    pub client_secret: SecretRef,
    /// What the token is to be good for.
    #[serde(default)]
    pub scopes: Vec<String>,
    /// How the secret is sent.
    #[serde(default)]
    pub secret_in: SecretPlace,
    /// Parameters that some servers want besides, such as `audience` or `resource`.
    #[serde(default)]
    pub parameters: BTreeMap<String, String>,
}

/// How a client's secret travels to the token endpoint.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SecretPlace {
    /// In the `Authorization` header; every server must support this (RFC 6749, section 2.3.1).
    #[default]
    Header,
    /// In the form, as some servers insist.
    Form,
}

impl From<ClientCredentialsSettings> for TokenRequest {
    fn from(settings: ClientCredentialsSettings) -> Self {
        let proof = ClientProof::Secret { secret: settings.client_secret, place: settings.secret_in };
        Self {
            scopes: settings.scopes,
            parameters: settings.parameters,
            ..Self::client_credentials(settings.token_url, settings.client_id, proof)
        }
    }
}
