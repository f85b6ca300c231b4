//! What a token endpoint is asked, and by which proof (RFC 6749, sections 2.3 and 4.4; RFC 7521 and 7523).

use std::collections::BTreeMap;

use base64::prelude::{BASE64_STANDARD, Engine};
use jiff::Timestamp;
use reqwest::header::{AUTHORIZATION, HeaderMap, HeaderValue};
use serde_json::{Map, Value};
use url::{Url, form_urlencoded};

use super::{Assertion, Possession, SecretPlace};
use crate::secret::{Secret, SecretRef};

/// What is asked of which token endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenRequest {
    /// The token endpoint.
    pub token_url: Url,
    /// On whose word.
    pub grant: Grant,
    /// What the token is to be good for. Empty where the assertion says it, or the server knows.
    pub scopes: Vec<String>,
    /// Parameters that some servers want besides, such as `audience` or `resource`.
    pub parameters: BTreeMap<String, String>,
    /// Whether tokens are bound to a key of ours (DPoP).
    pub possession: Possession,
}

/// On whose word a token is issued.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Grant {
    /// The client's own (RFC 6749, section 4.4).
    ClientCredentials {
        /// The client's id.
        client_id: String,
        /// How it proves itself.
        proof: ClientProof,
    },
    /// That of a signed assertion (RFC 7523, section 2.1), as Google's service accounts do. The assertion's claims
    /// must name `iss`, and `sub` where somebody else is acted for; `aud` is the token endpoint unless they say.
    JwtBearer(Assertion),
}

/// How a client proves itself to the token endpoint.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClientProof {
    /// By a secret that both sides know.
    Secret {
        /// Where it is.
        secret: SecretRef,
        /// How it is sent.
        place: SecretPlace,
    },
    /// By an assertion signed with the client's key (`private_key_jwt`). `iss` and `sub` are the client's id and
    /// `aud` is the token endpoint, unless the assertion's claims say otherwise.
    Assertion(Assertion),
    /// By an assertion that somebody else signed and put where this points, such as a cluster's workload identity.
    /// Read anew for each attempt, because such files are replaced every hour.
    Federated(SecretRef),
}

/// One token request, ready to be sent, and what in it is secret.
pub(super) struct Form {
    pub(super) headers: HeaderMap,
    pub(super) body: String,
    pub(super) secrets: Vec<Secret>,
}

impl TokenRequest {
    /// The client credentials grant, with everything else as most servers want it.
    #[must_use]
    pub fn client_credentials(token_url: Url, client_id: impl Into<String>, proof: ClientProof) -> Self {
        Self::new(token_url, Grant::ClientCredentials { client_id: client_id.into(), proof })
    }

    /// The JWT bearer grant, with everything else as most servers want it.
    #[must_use]
    pub fn jwt_bearer(token_url: Url, assertion: Assertion) -> Self {
        Self::new(token_url, Grant::JwtBearer(assertion))
    }

    fn new(token_url: Url, grant: Grant) -> Self {
        let (scopes, parameters, possession) = (Vec::new(), BTreeMap::new(), Possession::default());
        Self { token_url, grant, scopes, parameters, possession }
    }

    /// As whom the token is asked for, for sentences.
    pub(super) fn identity(&self) -> String {
        match &self.grant {
            Grant::ClientCredentials { client_id, .. } => format!("client {client_id}"),
            Grant::JwtBearer(assertion) => {
                let claim = |name| assertion.claims.get(name).and_then(|value| value.as_str()).map(ToOwned::to_owned);
                let issuer = claim("iss").unwrap_or_else(|| "the assertion".to_owned());
                claim("sub").map_or(issuer.clone(), |subject| format!("{issuer} for {subject}"))
            }
        }
    }

    /// Whether the request carries the time of our clock, which the server compares with its own.
    pub(super) fn depends_on_the_clock(&self) -> bool {
        !matches!(&self.grant, Grant::ClientCredentials { proof: ClientProof::Secret { .. }, .. })
    }

    /// What the assertion of a JWT bearer grant says, for somebody else to sign; nothing for other grants.
    pub(super) fn to_sign(&self, now: Timestamp) -> Result<Option<Map<String, Value>>, String> {
        match &self.grant {
            Grant::JwtBearer(assertion) => assertion.says(&[("aud", self.token_url.as_str())], now).map(Some),
            Grant::ClientCredentials { .. } => Ok(None),
        }
    }

    /// Makes the request anew: an assertion counts only once. `signed` is the assertion, where somebody else signed it.
    pub(super) fn form(&self, now: Timestamp, signed: Option<&Secret>) -> Result<Form, String> {
        let mut form = Form { headers: HeaderMap::new(), body: String::new(), secrets: Vec::new() };
        let mut fields = form_urlencoded::Serializer::new(String::new());
        match &self.grant {
            Grant::ClientCredentials { client_id, proof } => {
                fields.append_pair("grant_type", "client_credentials");
                let assertion = match proof {
                    ClientProof::Secret { secret, place } => {
                        let secret = secret.resolve().map_err(|error| error.to_string())?;
                        form.send_secret(&mut fields, client_id, secret, *place)?;
                        None
                    }
                    ClientProof::Assertion(assertion) => {
                        let claims =
                            [("iss", client_id.as_str()), ("sub", client_id), ("aud", self.token_url.as_str())];
                        Some(assertion.make(&claims, now)?)
                    }
                    ClientProof::Federated(file) => Some(file.resolve().map_err(|error| error.to_string())?),
                };
                if let Some(assertion) = assertion {
                    fields.append_pair("client_id", client_id);
                    fields.append_pair("client_assertion_type", CLIENT_ASSERTION);
                    fields.append_pair("client_assertion", assertion.expose());
                    form.secrets.push(assertion);
                }
            }
            Grant::JwtBearer(assertion) => {
                let assertion = match signed {
                    Some(signed) => Secret::new(signed.expose().to_owned()),
                    None => assertion.make(&[("aud", self.token_url.as_str())], now)?,
                };
                fields.append_pair("grant_type", JWT_BEARER);
                fields.append_pair("assertion", assertion.expose());
                form.secrets.push(assertion);
            }
        }
        if !self.scopes.is_empty() {
            fields.append_pair("scope", &self.scopes.join(" "));
        }
        fields.extend_pairs(&self.parameters);
        form.body = fields.finish();
        Ok(form)
    }
}

const CLIENT_ASSERTION: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
const JWT_BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

impl Form {
    /// Puts a client's secret where the server wants it, and notes every form in which it travels.
    fn send_secret(
        &mut self,
        fields: &mut form_urlencoded::Serializer<'_, String>,
        client_id: &str,
        secret: Secret,
        place: SecretPlace,
    ) -> Result<(), String> {
        let encode = |text: &str| form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
        let encoded = Secret::new(encode(secret.expose()));
        let basic = Secret::new(BASE64_STANDARD.encode(format!("{}:{}", encode(client_id), encoded.expose())));
        match place {
            SecretPlace::Header => {
                let mut header = HeaderValue::from_str(&format!("Basic {}", basic.expose()))
                    .map_err(|_| "the client's secret cannot be sent in a header".to_owned())?;
                header.set_sensitive(true);
                self.headers.insert(AUTHORIZATION, header);
            }
            SecretPlace::Form => {
                fields.append_pair("client_id", client_id);
                fields.append_pair("client_secret", secret.expose());
            }
        }
        self.secrets.extend([secret, encoded, basic]);
        Ok(())
    }
}
