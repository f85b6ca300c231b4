//! Signing in: an assertion of the service account, on behalf of an administrator, becomes a token.
//!
//! The assertion is signed with the key of a key file, or, without any downloaded key, by Google's IAM, which is asked as
//! the identity that Google gave this machine (`keyless`).

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use rollcall_kit::http::token::{Assertion, TokenEndpoint, TokenError, TokenRequest};
use rollcall_kit::http::{HttpError, TokenSource};
use rollcall_kit::secret::Secret;
use url::Url;

use crate::key_file::{self, TOKEN_URL};
use crate::keyless::Keyless;
use crate::settings::GoogleSettings;

/// Where this connector's tokens come from.
pub(crate) struct Tokens {
    settings: GoogleSettings,
    back_off: Option<Duration>,
    keyless: Option<Keyless>,
    /// Made anew for each read, so that a key file that was replaced is noticed.
    current: Mutex<Option<Arc<TokenEndpoint>>>,
}

impl Tokens {
    /// Makes the source. Nothing is sent or read yet.
    pub(crate) fn new(settings: &GoogleSettings, back_off: Option<Duration>) -> Result<Self, HttpError> {
        let keyless =
            settings.keyless.as_ref().map(|keyless| Keyless::new(keyless, &settings.http, back_off)).transpose()?;
        Ok(Self { settings: settings.clone(), back_off, keyless, current: Mutex::new(None) })
    }

    /// Gets a token that was not used before, and says what it is good for.
    pub(crate) async fn renew(&self) -> Result<Vec<String>, TokenError> {
        let wanted = self.settings.wanted_scopes();
        let fresh = Arc::new(self.endpoint(&wanted).await?);
        let granted = fresh.granted_scopes().await?;
        // Google grants all or nothing, and mostly does not say so.
        let granted = if granted.is_empty() { wanted } else { granted };
        *self.current.lock().unwrap_or_else(PoisonError::into_inner) = Some(fresh);
        Ok(granted)
    }

    /// The token endpoint, to be asked for tokens with these scopes.
    pub(crate) async fn endpoint(&self, scopes: &[String]) -> Result<TokenEndpoint, TokenError> {
        let settings = &self.settings;
        let refused = |problem: String| TokenError::Http(HttpError::Settings(problem));
        let (issuer, token_url, assertion) = match (&settings.key_file, &self.keyless) {
            (Some(file), _) => {
                let account = key_file::account(file, settings.token_url.as_ref()).map_err(refused)?;
                (account.email, account.token_url, Assertion::new(file.clone()))
            }
            (None, Some(keyless)) => {
                let usual = || Url::parse(TOKEN_URL).map_err(|_| refused(format!("{TOKEN_URL} is no URL")));
                let token_url = settings.token_url.clone().map_or_else(usual, Ok)?;
                (keyless.account().await?, token_url, Assertion::signed_elsewhere())
            }
            (None, None) => return Err(refused("key_file is missing".to_owned())),
        };
        let mut assertion = assertion.claim("iss", issuer.clone()).claim("scope", scopes.join(" "));
        if let Some(admin) = &settings.admin {
            assertion = assertion.claim("sub", admin.trim());
        }
        if let Some(audience) = &settings.token_audience {
            assertion = assertion.claim("aud", audience.as_str());
        }
        let mut endpoint = TokenEndpoint::new(TokenRequest::jwt_bearer(token_url, assertion), settings.http.clone())?;
        if let Some(keyless) = &self.keyless {
            endpoint = endpoint.with_signer(keyless.signer(issuer));
        }
        Ok(match self.back_off {
            Some(first) => endpoint.with_back_off(first),
            None => endpoint,
        })
    }
}

#[async_trait]
impl TokenSource for Tokens {
    async fn authorization(&self, renew: bool) -> Result<Secret, String> {
        let current = self.current.lock().unwrap_or_else(PoisonError::into_inner).clone();
        match current {
            Some(current) => current.authorization(renew).await,
            None => {
                self.renew().await.map_err(|error| error.to_string())?;
                let current = self.current.lock().unwrap_or_else(PoisonError::into_inner).clone();
                current.ok_or("there is no token")?.authorization(false).await
            }
        }
    }
}

/// What to do about a refusal of the token endpoint, by its words.
pub(crate) fn remedy(said: &str, admin: Option<&str>) -> Option<String> {
    let admin = admin.unwrap_or("the administrator");
    let remedies: [(&str, String); 11] = [
        (
            "Invalid email or User ID",
            format!(
                "the administrator {admin} is suspended, renamed or deleted: name one who is active, best an account of its \
                 own that no person leaves with"
            ),
        ),
        ("Invalid JWT Signature", "the key was deleted or switched off: make a new one for the service account".to_owned()),
        ("account not found", "the service account was deleted: make another, and delegate to it anew".to_owned()),
        ("short-lived token", "the assertion's time is wrong: set this machine's clock".to_owned()),
        (
            "unauthorized_client",
            "in the admin console (Security > API controls > Domain-wide delegation) enter the service account's numeric \
             client id with exactly the scopes that `rollcall check` names; an entry may take a day to count"
                .to_owned(),
        ),
        ("access_denied", format!("the delegation does not let the service account act for {admin}: check its entry")),
        ("admin_policy_enforced", "a policy of the customer bars the app: trust it under API controls".to_owned()),
        ("org_internal", "the app is for another organisation only: use a project of this one".to_owned()),
        ("deleted_client", "the service account was deleted: make another, and delegate to it anew".to_owned()),
        ("disabled_client", "the service account is switched off: switch it on".to_owned()),
        ("invalid_scope", "one of the scopes does not exist: leave scopes out".to_owned()),
    ];
    remedies.into_iter().find(|(words, _)| said.contains(words)).map(|(_, remedy)| remedy)
}
