//! Signing in: how each kind of proof becomes a token, and what a token says about itself.
//!
//! A token carries the permissions that were granted when it was issued. So each read begins with a new one: what was
//! granted since the last run counts, and what was withdrawn does not any more.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use base64::prelude::{BASE64_URL_SAFE_NO_PAD, Engine};
use ring::digest::{SHA1_FOR_LEGACY_USE_ONLY, SHA256, digest};
use rollcall_kit::http::token::{
    Algorithm, Ambient, Assertion, ClientProof, Possession, SecretPlace, TokenEndpoint, TokenError, TokenRequest,
};
use rollcall_kit::http::{HttpError, TokenSource};
use rollcall_kit::secret::{Secret, SecretRef};
use rollcall_kit::settings::Problem;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use serde_json::Value as Json;

use crate::cloud::resource;
use crate::managed;
use crate::settings::EntraSettings;

/// How long an assertion counts, as Microsoft's own clients have it.
const ASSERTION_LIFETIME: Duration = Duration::from_secs(600);

/// Where this connector's tokens come from.
pub(crate) struct Tokens {
    way: Way,
    settings: EntraSettings,
    back_off: Option<Duration>,
}

enum Way {
    /// The tenant's token endpoint. Made anew for each read, so that a certificate that was replaced is noticed.
    Endpoint(Mutex<Arc<TokenEndpoint>>),
    /// Azure itself.
    Managed(Box<Ambient>),
}

impl Tokens {
    /// Makes the source. Nothing is sent.
    pub(crate) fn new(settings: &EntraSettings, back_off: Option<Duration>) -> Result<Self, HttpError> {
        let way = match &settings.managed_identity {
            Some(identity) => Way::Managed(Box::new(managed::identity(settings, identity, back_off)?)),
            None => Way::Endpoint(Mutex::new(Arc::new(endpoint(settings, back_off)?))),
        };
        Ok(Self { way, settings: settings.clone(), back_off })
    }

    /// Gets a token that was not used before, and with it the permissions of now.
    pub(crate) async fn renew(&self) -> Result<(), TokenError> {
        match &self.way {
            Way::Managed(identity) => identity.renew().await,
            Way::Endpoint(current) => {
                let fresh = Arc::new(endpoint(&self.settings, self.back_off)?);
                fresh.granted_scopes().await?;
                *current.lock().unwrap_or_else(PoisonError::into_inner) = fresh;
                Ok(())
            }
        }
    }

    /// The permissions that the token in hand carries; nothing if it does not say, for a token is not ours to read and
    /// may be sealed some day.
    pub(crate) async fn roles(&self) -> Option<BTreeSet<String>> {
        let authorization = self.authorization(false).await.ok()?;
        roles(authorization.expose())
    }
}

#[async_trait]
impl TokenSource for Tokens {
    async fn authorization(&self, renew: bool) -> Result<Secret, String> {
        match &self.way {
            Way::Managed(identity) => identity.authorization(renew).await,
            Way::Endpoint(current) => {
                let current = Arc::clone(&current.lock().unwrap_or_else(PoisonError::into_inner));
                current.authorization(renew).await
            }
        }
    }
}

/// The application permissions (`roles`) within a token.
fn roles(authorization: &str) -> Option<BTreeSet<String>> {
    let claims = authorization.strip_prefix("Bearer ")?.split('.').nth(1)?;
    let claims = BASE64_URL_SAFE_NO_PAD.decode(claims.trim_end_matches('=')).ok()?;
    let claims: Json = serde_json::from_slice(&claims).ok()?;
    let issued_to_an_app = claims.get("appid").or(claims.get("azp")).is_some() || claims.get("roles").is_some();
    let roles = claims.get("roles").and_then(Json::as_array).map(Vec::as_slice).unwrap_or_default();
    // An app without any permission gets a token without the claim.
    issued_to_an_app.then(|| roles.iter().filter_map(Json::as_str).map(ToOwned::to_owned).collect())
}

/// The tenant's token endpoint, with the proof that the settings name.
fn endpoint(settings: &EntraSettings, back_off: Option<Duration>) -> Result<TokenEndpoint, HttpError> {
    let wrong = |problem: Problem| HttpError::Settings(problem.message);
    let mut url = settings.login().map_err(wrong)?;
    url.set_path(&format!("{}/oauth2/v2.0/token", settings.tenant.as_deref().unwrap_or_default().trim()));
    let client_id = settings.client_id.as_deref().unwrap_or_default().trim();
    let mut request = TokenRequest::client_credentials(url, client_id, proof(settings)?);
    request.scopes = vec![format!("{}/.default", resource(&settings.graph().map_err(wrong)?))];
    request.possession = Possession::Never;
    let endpoint = TokenEndpoint::new(request, settings.http.clone())?;
    Ok(match back_off {
        Some(first) => endpoint.with_back_off(first),
        None => endpoint,
    })
}

fn proof(settings: &EntraSettings) -> Result<ClientProof, HttpError> {
    if let Some(token) = &settings.federated_token {
        return Ok(ClientProof::Federated(token.clone()));
    }
    if let Some(certificate) = &settings.certificate {
        return assertion(settings, certificate).map(ClientProof::Assertion).map_err(HttpError::Settings);
    }
    match &settings.client_secret {
        Some(secret) => Ok(ClientProof::Secret { secret: secret.clone(), place: SecretPlace::Form }),
        None => Err(HttpError::Settings("client_secret is missing".to_owned())),
    }
}

/// What a certificate's key signs. The header names the certificate by its thumbprint.
fn assertion(settings: &EntraSettings, path: &Path) -> Result<Assertion, String> {
    let unusable = |why: String| format!("certificate: the file {} {why}", path.display());
    let pem = std::fs::read(path).map_err(|error| unusable(format!("cannot be read: {error}")))?;
    let der = CertificateDer::from_pem_slice(&pem)
        .map_err(|_| unusable("holds no certificate in PEM (BEGIN CERTIFICATE)".to_owned()))?;
    let (name, hash, algorithm) = match settings.algorithm {
        Some(Algorithm::Rs256) => ("x5t", &SHA1_FOR_LEGACY_USE_ONLY, Algorithm::Rs256),
        _ => ("x5t#S256", &SHA256, Algorithm::Ps256),
    };
    let thumbprint = BASE64_URL_SAFE_NO_PAD.encode(digest(hash, &der));
    let key = settings.private_key.clone().unwrap_or_else(|| SecretRef::File(path.to_owned()));
    Ok(Assertion {
        algorithm: Some(algorithm),
        header: BTreeMap::from([(name.to_owned(), thumbprint.into())]),
        not_before: true,
        lifetime: ASSERTION_LIFETIME,
        ..Assertion::new(key)
    })
}

/// What to do about a refusal by Entra ID's own code for it, which its sentence holds.
pub(crate) fn remedy(said: &str) -> Option<&'static str> {
    let remedies: [(&str, &str); 11] = [
        ("AADSTS7000215", "the secret is wrong: name the secret's value, not its id"),
        ("AADSTS7000222", "the secret has expired: make a new one on the app's page, under Certificates & secrets"),
        ("AADSTS700027", "the certificate is not registered with the app, or its key is another's: upload it there"),
        (
            "AADSTS700016",
            "there is no such app in this tenant: compare client_id and tenant with the app's overview page",
        ),
        ("AADSTS700024", "the assertion's time is wrong: set this machine's clock"),
        ("AADSTS7000229", "the app has no enterprise application in this tenant: grant it admin consent there"),
        ("AADSTS700213", "no federated credential of the app matches the token's subject: compare the two"),
        ("AADSTS70021", "no federated credential of the app matches the token's issuer and subject: compare them"),
        ("AADSTS90002", "there is no such tenant in this cloud: compare tenant and cloud"),
        ("AADSTS900382", "the tenant lives in another cloud: set cloud"),
        ("AADSTS53003", "a conditional access policy bars the app from here"),
    ];
    let is_code = |code: &str| {
        said.match_indices(code).any(|(at, _)| !said[at + code.len()..].starts_with(|c: char| c.is_ascii_digit()))
    };
    remedies.into_iter().find(|(code, _)| is_code(code)).map(|(_, remedy)| remedy)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(claims: &str) -> String {
        format!("Bearer e30.{}.sig", BASE64_URL_SAFE_NO_PAD.encode(claims))
    }

    #[test]
    fn the_permissions_of_a_token_are_read_and_a_sealed_one_says_nothing() {
        let read = roles(&token(r#"{"appid":"a","roles":["User.Read.All"]}"#)).unwrap();
        assert_eq!(read, BTreeSet::from(["User.Read.All".to_owned()]));
        assert_eq!(roles(&token(r#"{"appid":"a"}"#)), Some(BTreeSet::new()), "an app without permissions");
        for sealed in ["Bearer at-1", "Bearer a.b.c", "Basic e30.e30.x", &token("{}"), &token("[]")] {
            assert_eq!(roles(sealed), None, "{sealed}");
        }
    }

    #[test]
    fn a_code_is_not_taken_for_a_longer_one_that_begins_like_it() {
        assert!(remedy("AADSTS70021: No matching").unwrap().contains("issuer and subject"));
        assert!(remedy("AADSTS700213: No matching").unwrap().contains("token's subject"));
        assert!(remedy("AADSTS7000215: Invalid").unwrap().contains("secret's value"));
        assert_eq!(remedy("AADSTS70021999: else"), None);
    }
}
