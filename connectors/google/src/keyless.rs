//! Signing in without a downloaded key: Google's IAM signs our assertion, and is asked as the identity that Google gave
//! this machine (Compute Engine, GKE with workload identity, Cloud Run).
//!
//! | step | whom | what |
//! |---|---|---|
//! | 1 | the metadata server | a token of the machine's service account, and its address |
//! | 2 | IAM Service Account Credentials, `signJwt` | the assertion, signed with a key that Google keeps |
//! | 3 | the token endpoint | as with a key file |

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use rollcall_kit::http::token::{Ambient, Signer, TokenError};
use rollcall_kit::http::{
    Client, HeaderName, HeaderValue, HttpError, HttpSettings, Method, OriginUrl, Repeat, Request, Response, TokenSource,
};
use rollcall_kit::rest::Refusal as _;
use rollcall_kit::secret::Secret;
use rollcall_kit::settings::Problem;
use serde::Deserialize;
use serde_json::{Map, Value as Json, json};

use crate::refusal::Refusal;
use crate::settings::KeylessSettings;

/// What the metadata server knows of the machine's service account.
const ACCOUNT: [&str; 5] = ["computeMetadata", "v1", "instance", "service-accounts", "default"];

/// A header that goes with every question to the metadata server, and comes with each of its own answers.
const FLAVOR: &str = "metadata-flavor";

/// The identity of this machine, and who signs for it.
pub(crate) struct Keyless {
    metadata: Client,
    iam: Client,
    /// The service account whose key signs, if it is not the machine's own.
    account: Option<String>,
}

#[derive(Deserialize)]
struct Token {
    access_token: String,
    #[serde(default)]
    expires_in: u64,
}

impl Keyless {
    /// Makes the clients. Nothing is sent.
    pub(crate) fn new(
        settings: &KeylessSettings,
        http: &HttpSettings,
        back_off: Option<Duration>,
    ) -> Result<Self, HttpError> {
        let wrong = |problem: Problem| HttpError::Settings(problem.message);
        let patient = |client: Client| match back_off {
            Some(first) => client.with_back_off(first),
            None => client,
        };
        // No proxy leads there, and one on the way would learn the token.
        let beside = HttpSettings { proxy: None, ..http.clone() };
        let metadata = patient(Client::new(settings.metadata().map_err(wrong)?, beside, None)?);
        let url = below(&metadata, "token");
        let ambient: Arc<dyn TokenSource> = Arc::new(Ambient::new(metadata.clone(), move || Ok(asking(&url)), take));
        let iam = patient(Client::new(settings.iam().map_err(wrong)?, http.clone(), Some(ambient))?);
        Ok(Self {
            metadata,
            iam,
            account: settings.service_account.as_deref().map(|account| account.trim().to_owned()),
        })
    }

    /// The address of the service account whose key signs.
    pub(crate) async fn account(&self) -> Result<String, TokenError> {
        if let Some(account) = &self.account {
            return Ok(account.clone());
        }
        let answer = self.metadata.send(asking(&below(&self.metadata, "email"))).await?;
        genuine(&answer).map_err(TokenError::Refused)?;
        let email = String::from_utf8_lossy(&answer.body).trim().to_owned();
        if email.contains('@') { Ok(email) } else { Err(TokenError::Refused(NO_ACCOUNT.to_owned())) }
    }

    /// Who signs for this service account.
    pub(crate) fn signer(&self, account: String) -> Arc<dyn Signer> {
        Arc::new(Iam { client: self.iam.clone(), account })
    }
}

const NO_ACCOUNT: &str = "the metadata server names no service account; give the machine one, or use key_file";

fn below(metadata: &Client, what: &str) -> OriginUrl {
    let mut path = ACCOUNT.to_vec();
    path.push(what);
    metadata.url(&path)
}

fn asking(url: &OriginUrl) -> Request {
    Request::get(url.clone()).header(HeaderName::from_static(FLAVOR), HeaderValue::from_static("Google"))
}

/// Refuses an answer that is not the metadata server's: something else listens at its address.
fn genuine(answer: &Response) -> Result<(), String> {
    if answer.header(FLAVOR) != Some("Google") {
        return Err(
            "what answers at the metadata server's address is not Google's; keyless works only on a machine of \
                    Google's (elsewhere, use key_file)"
                .to_owned(),
        );
    }
    if answer.status == 200 { Ok(()) } else { Err(format!("{NO_ACCOUNT} (status {})", answer.status)) }
}

/// The token of an answer.
fn take(answer: &Response) -> Result<(Secret, Duration), String> {
    genuine(answer)?;
    let token: Token =
        serde_json::from_slice(&answer.body).map_err(|_| "the metadata server's answer holds no token".to_owned())?;
    Ok((Secret::new(token.access_token), Duration::from_secs(token.expires_in)))
}

/// IAM, which keeps the key.
struct Iam {
    client: Client,
    account: String,
}

#[async_trait]
impl Signer for Iam {
    async fn sign(&self, claims: &Map<String, Json>) -> Result<Secret, TokenError> {
        let method = format!("{}:signJwt", self.account);
        let url = self.client.url(&["v1", "projects", "-", "serviceAccounts", &method]);
        let body = json!({"payload": Json::Object(claims.clone()).to_string()});
        let answer =
            self.client.send(Request::json(Method::POST, url, "application/json", &body, Repeat::Safe)).await?;
        if answer.status != 200 {
            return Err(TokenError::Refused(format!(
                "IAM does not sign for {}: {}; grant the machine's service account the role Service Account Token Creator \
                 on it, and enable the IAM Service Account Credentials API",
                self.account,
                Refusal::of(&answer).words()
            )));
        }
        let signed: Option<Json> = serde_json::from_slice(&answer.body).ok();
        let jwt = signed.as_ref().and_then(|signed| signed.get("signedJwt")).and_then(Json::as_str);
        let missing = || TokenError::Refused("IAM's answer holds no signed assertion".to_owned());
        jwt.map(|jwt| Secret::new(jwt.to_owned())).ok_or_else(missing)
    }
}
