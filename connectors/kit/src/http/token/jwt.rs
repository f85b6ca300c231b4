//! Signed statements about ourselves: JWTs (RFC 7519) as assertions (RFC 7523).

use std::collections::BTreeMap;
use std::time::Duration;

use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine};
use jiff::Timestamp;
use ring::rand::{SecureRandom, SystemRandom};
use serde_json::{Map, Value, json};

use super::key::{Algorithm, KeyError, SigningKey};
use crate::secret::{Secret, SecretRef};

/// What an assertion says beside what its use demands. A new one is made and signed for every attempt of every token
/// request, because a server takes each but once, even when it then refuses the request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assertion {
    /// Where the private key is. Read anew for each assertion, so that it can be rotated without a restart. None where
    /// somebody else signs ([`super::TokenEndpoint::with_signer`]).
    pub key: Option<SecretRef>,
    /// How to sign, instead of the key's own way: RS256, ES256, ES384.
    pub algorithm: Option<Algorithm>,
    /// The `kid` of the header, instead of the one that a JWK or key file names.
    pub key_id: Option<String>,
    /// Further fields of the header, such as `x5t#S256`.
    pub header: BTreeMap<String, Value>,
    /// Claims that are added to, or take the place of, those that the grant sets: `aud`, `sub`, `scope`.
    pub claims: BTreeMap<String, Value>,
    /// Say from when it counts too (`nbf`), as Microsoft's clients do.
    pub not_before: bool,
    /// How long it counts.
    pub lifetime: Duration,
}

impl Assertion {
    /// An assertion that counts for five minutes, signed with this key.
    #[must_use]
    pub fn new(key: SecretRef) -> Self {
        Self { key: Some(key), ..Self::signed_elsewhere() }
    }

    /// An assertion that counts for five minutes, and that somebody else signs.
    #[must_use]
    pub const fn signed_elsewhere() -> Self {
        Self {
            key: None,
            algorithm: None,
            key_id: None,
            header: BTreeMap::new(),
            claims: BTreeMap::new(),
            not_before: false,
            lifetime: Duration::from_secs(300),
        }
    }

    /// The same assertion with one more claim.
    #[must_use]
    pub fn claim(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.claims.insert(name.to_owned(), value.into());
        self
    }

    /// Makes a new one, with a `jti` that was never used.
    ///
    /// # Errors
    ///
    /// A sentence about a key that cannot be had or used; it names the key's place and nothing of its content.
    pub(super) fn make(&self, grant: &[(&str, &str)], now: Timestamp) -> Result<Secret, String> {
        let Some(place) = &self.key else { return Err("there is no key to sign the assertion with".to_owned()) };
        let unusable = |error: KeyError| match place {
            SecretRef::File(path) => format!("the key file {}: {error}", path.display()),
            SecretRef::Env(name) => format!("the key in the environment variable {name}: {error}"),
            SecretRef::Credential(name) => format!("the key in the credential {name}: {error}"),
        };
        let key = place.resolve().map_err(|error| error.to_string())?;
        let key = SigningKey::parse(&key).map_err(unusable)?;
        let algorithm = self.algorithm.unwrap_or(key.algorithm());
        let mut header = Map::new();
        header.insert("typ".to_owned(), "JWT".into());
        if let Some(id) = self.key_id.as_deref().or(key.id()) {
            header.insert("kid".to_owned(), id.into());
        }
        header.extend(self.header.clone());
        signed(&key, algorithm, header, self.says(grant, now)?).map(Secret::new).map_err(unusable)
    }

    /// The claims of a new one.
    ///
    /// # Errors
    ///
    /// A sentence about a system without random numbers.
    pub(super) fn says(&self, grant: &[(&str, &str)], now: Timestamp) -> Result<Map<String, Value>, String> {
        let seconds = now.as_second();
        let mut claims = Map::new();
        claims.extend(grant.iter().map(|(name, value)| ((*name).to_owned(), Value::from(*value))));
        claims.insert("iat".to_owned(), seconds.into());
        claims.insert("exp".to_owned(), seconds.saturating_add_unsigned(self.lifetime.as_secs()).into());
        if self.not_before {
            claims.insert("nbf".to_owned(), seconds.into());
        }
        claims.insert("jti".to_owned(), unique_id()?.into());
        claims.extend(self.claims.clone());
        Ok(claims)
    }
}

/// Signs a JWT in its compact form (RFC 7515, section 7.1).
pub(super) fn signed(
    key: &SigningKey,
    algorithm: Algorithm,
    mut header: Map<String, Value>,
    claims: Map<String, Value>,
) -> Result<String, KeyError> {
    header.insert("alg".to_owned(), algorithm.name().into());
    let [header, claims] = [header, claims].map(|part| encoded(json!(part).to_string()));
    let message = format!("{header}.{claims}");
    let signature = key.sign(algorithm, message.as_bytes())?;
    Ok(format!("{message}.{}", encoded(signature)))
}

/// Base64url without padding.
pub(super) fn encoded(bytes: impl AsRef<[u8]>) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

/// An id that nobody else has and nobody can guess.
pub(super) fn unique_id() -> Result<String, String> {
    let mut bytes = [0; 16];
    SystemRandom::new().fill(&mut bytes).map_err(|_| "this system has no random numbers".to_owned())?;
    Ok(encoded(bytes))
}
