//! The SCIM target: what the engine sees of it.

use std::sync::{Arc, PoisonError, RwLock};

use rollcall_kit::attribute;
use rollcall_kit::http::token::{BearerToken, TokenEndpoint};
use rollcall_kit::http::{Client, TokenSource};
use tokio::sync::OnceCell;

use super::key::Key;
use super::mapping::Mapping;
use super::profile::Profile;
use super::resource::Resource;
use super::settings::ScimSettings;
use super::tempo::Tempo;
use super::wire::{Answer, Call};
use super::{discovery, errors};
use crate::apply::TargetError;
use crate::plan::TargetAccount;
use crate::roster::account::CUSTOM_PREFIX;

/// What we ask for below the base URL, for traces.
const ENDPOINTS: &[&str] =
    &["/ServiceProviderConfig", "/ResourceTypes", "/Schemas", "/Users", "/Users/{user}", "/Groups", "/Groups/{group}"];

/// A target over SCIM 2.0.
pub struct ScimTarget {
    pub(super) client: Client,
    pub(super) settings: ScimSettings,
    pub(super) mapping: Mapping,
    profile: RwLock<Profile>,
    pub(super) discovered: OnceCell<()>,
    pub(super) tempo: Tempo,
}

impl ScimTarget {
    /// A target by its settings. Nothing is sent yet.
    ///
    /// # Errors
    ///
    /// [`TargetError::Settings`] if the settings cannot work.
    pub fn new(settings: &ScimSettings) -> Result<Self, TargetError> {
        check_settings(settings)?;
        let client = Client::new(settings.url.clone(), settings.http.clone(), tokens(settings)?)
            .map_err(|error| TargetError::Settings(error.to_string()))?
            .with_endpoints(ENDPOINTS);
        Ok(Self {
            client,
            mapping: Mapping::new(settings),
            settings: settings.clone(),
            profile: RwLock::default(),
            discovered: OnceCell::new(),
            tempo: Tempo::default(),
        }
        .at_its_pace(None))
    }

    /// The same target with what is known of it from earlier, so that it need not be discovered again.
    #[must_use]
    pub fn with_profile(mut self, profile: Profile) -> Self {
        self = self.at_its_pace(profile.limit_per_minute);
        self.profile = RwLock::new(profile);
        self.discovered = OnceCell::new_with(Some(()));
        self
    }

    /// The same target, of which only that is known how fast it was.
    #[must_use]
    pub fn with_pace_of(mut self, profile: &Profile) -> Self {
        self = self.at_its_pace(profile.limit_per_minute);
        let Profile { calls_per_minute, limit_per_minute, .. } = *profile;
        self.profile = RwLock::new(Profile { calls_per_minute, limit_per_minute, ..Profile::default() });
        self
    }

    /// Learns from refusals how much the target takes, from what was learnt earlier.
    fn at_its_pace(mut self, known: Option<u32>) -> Self {
        self.client = self.client.with_learning_pace(self.settings.requests_per_minute, known);
        self
    }

    /// What the target can do, as far as is known by now.
    #[must_use]
    pub fn known(&self) -> Profile {
        self.profile.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What the target can do; asks it the first time.
    ///
    /// # Errors
    ///
    /// If the target cannot be reached or refuses the sign-in.
    pub async fn profile(&self) -> Result<Profile, TargetError> {
        let discover = || async {
            let announced = discovery::discover(&self.client).await?;
            self.learn(|profile| {
                let Profile { calls_per_minute, limit_per_minute, .. } = *profile;
                *profile = Profile { calls_per_minute, limit_per_minute, ..announced };
            });
            Ok::<(), TargetError>(())
        };
        self.discovered.get_or_try_init(discover).await?;
        Ok(self.known())
    }

    /// Remembers what the target was seen to do.
    pub(super) fn learn(&self, change: impl FnOnce(&mut Profile)) {
        change(&mut self.profile.write().unwrap_or_else(PoisonError::into_inner));
    }

    /// One resource by its id, with its version; nothing if the target says that it is not there.
    pub(super) async fn read_resource(&self, kind: &str, id: &str) -> Result<Option<(Resource, Answer)>, TargetError> {
        let what = format!("a read of {kind}/{id}");
        let answer = match Call::get(&[kind, id], &[]).send(&self.client).await.map_err(errors::no_answer)? {
            answer if matches!(answer.status, 404 | 410) => return Ok(None),
            answer if answer.status == 200 => answer,
            answer => return Err(errors::refused(&what, &answer)),
        };
        match answer.resource() {
            Some(resource) if resource.id().as_deref() == Some(id) => Ok(Some((resource, answer))),
            Some(_) => Err(errors::unreliable(&what, "it answered with another id than was asked for")),
            None => Err(errors::unreliable(&what, "the answer is no resource")),
        }
    }

    /// One user by the target's id.
    pub(super) async fn read_user(&self, id: &str) -> Result<Option<Resource>, TargetError> {
        Ok(self.read_resource("Users", id).await?.map(|(user, _)| user))
    }

    /// A user as an account, or the reason why the answer cannot be relied on.
    pub(super) fn as_account(&self, user: &Resource) -> Result<TargetAccount, TargetError> {
        self.mapping.account(user).map_err(|reason| errors::unreliable("a read of users", reason))
    }
}

/// Finds settings that cannot work before anything is sent.
fn check_settings(settings: &ScimSettings) -> Result<(), TargetError> {
    let problem = |sentence: String| Err(TargetError::Settings(sentence));
    if settings.token.is_some() && settings.oauth.is_some() {
        return problem("the target has both a token and oauth; name one of them".to_owned());
    }
    if settings.parallel == 0 || settings.members_per_request == 0 {
        return problem("the target's parallel and members_per_request must be at least 1".to_owned());
    }
    if settings.requests_per_minute == Some(0) {
        return problem("the target's requests_per_minute must be at least 1".to_owned());
    }
    if let Some(name) = settings.match_by.iter().find(|name| Key::named(name).is_none()) {
        return problem(format!("match_by names {name:?}; it can name userName, emails.value and externalId"));
    }
    let name = settings.user_name.as_str();
    if !attribute::MAPPED_BY_DEFAULT.contains(&name) && !name.starts_with(CUSTOM_PREFIX) {
        let known = attribute::MAPPED_BY_DEFAULT.join(", ");
        return problem(format!("user_name is {name:?}; it can be one of {known} or custom_attributes.…"));
    }
    match &settings.custom_schema {
        Some(urn) if !urn.to_ascii_lowercase().starts_with("urn:") => {
            problem(format!("custom_schema is {urn:?}; it must be the URN of a schema of the target"))
        }
        _ => Ok(()),
    }
}

/// The target's token source, by its settings; none for a target that wants none.
fn tokens(settings: &ScimSettings) -> Result<Option<Arc<dyn TokenSource>>, TargetError> {
    if let Some(oauth) = &settings.oauth {
        let source = TokenEndpoint::new(oauth.clone(), settings.http.clone())
            .map_err(|error| TargetError::Settings(error.to_string()))?;
        return Ok(Some(Arc::new(source)));
    }
    Ok(settings.token.clone().map(|token| Arc::new(BearerToken::new(token)) as Arc<dyn TokenSource>))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value as Json, json};

    use super::*;

    #[test]
    fn settings_that_cannot_work_are_refused_before_anything_is_sent() {
        let refused = |name: &str, value: Json| {
            let mut settings = json!({ "url": "http://localhost/scim", "token": { "env": "TOKEN" } });
            settings[name] = value;
            match ScimTarget::new(&serde_json::from_value(settings).unwrap()) {
                Err(TargetError::Settings(sentence)) => sentence,
                Err(other) => panic!("{other}"),
                Ok(_) => String::new(),
            }
        };
        assert_eq!(refused("parallel", json!(1)), "");
        assert!(refused("parallel", json!(0)).contains("at least 1"));
        assert!(refused("match_by", json!(["userName", "nickName"])).contains("\"nickName\""));
        assert!(refused("user_name", json!("userName")).contains("preferred_username"));
        assert!(refused("custom_schema", json!("acme")).contains("URN"));
        let oauth =
            json!({ "token_url": "http://localhost/token", "client_id": "me", "client_secret": { "env": "S" } });
        assert!(refused("oauth", oauth).contains("name one of them"));
    }
}
