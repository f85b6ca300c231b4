//! Builds the target of an organization, and asks both sides what they can do.

use std::sync::Arc;

use jiff::Timestamp;
use rollcall_kit::CheckFinding;
use serde::{Deserialize, Serialize};

use super::error::RunError;
use crate::apply::TargetReader;
use crate::config::Organization;
use crate::scim::{Profile, ScimTarget};
use crate::snapshot::{Store, fact};

/// The target of an organization, with what earlier runs learnt about it.
pub(super) fn target(
    organization: &Organization,
    store: &dyn Store,
    now: Timestamp,
) -> Result<Arc<ScimTarget>, RunError> {
    let target = ScimTarget::new(&organization.target)?;
    let known = store.fact(fact::TARGET_PROFILE)?.and_then(|json| serde_json::from_value::<KnownProfile>(json).ok());
    let Some(known) = known.filter(|known| known.is_of(organization)) else { return Ok(Arc::new(target)) };
    let believed = known.still_holds(organization, now);
    Ok(Arc::new(match serde_json::from_value::<Profile>(known.profile) {
        Ok(profile) if believed => target.with_profile(profile),
        // What it can do may have changed since, and so may how fast it is; but that shows by itself.
        Ok(profile) => target.with_pace_of(&profile),
        Err(_) => target,
    }))
}

/// Hours for which a profile is believed: applications are upgraded, and learn what they refused yesterday.
const PROFILE_HOURS: i64 = 24;

/// What was learnt of a target, of which endpoint, and when.
#[derive(Serialize, Deserialize)]
pub(super) struct KnownProfile {
    url: String,
    since: Timestamp,
    profile: serde_json::Value,
}

impl KnownProfile {
    fn still_holds(&self, organization: &Organization, now: Timestamp) -> bool {
        let hours = now.duration_since(self.since).as_hours();
        self.is_of(organization) && (0..PROFILE_HOURS).contains(&hours)
    }

    fn is_of(&self, organization: &Organization) -> bool {
        self.url == organization.target.url.as_str()
    }

    /// Keeps what is known of the target by now. Its age counts from when it was first learnt.
    pub(super) fn keep(
        organization: &Organization,
        profile: serde_json::Value,
        store: &dyn Store,
        now: Timestamp,
    ) -> Result<(), RunError> {
        let kept = store.fact(fact::TARGET_PROFILE)?.and_then(|json| serde_json::from_value::<Self>(json).ok());
        let kept = kept.filter(|kept| kept.still_holds(organization, now));
        if kept.as_ref().is_some_and(|kept| kept.profile == profile) {
            return Ok(());
        }
        let since = kept.map_or(now, |kept| kept.since);
        let known = Self { url: organization.target.url.to_string(), since, profile };
        let json = serde_json::to_value(known).map_err(|error| RunError::Internal(error.to_string()))?;
        Ok(store.set_fact(fact::TARGET_PROFILE, &json)?)
    }
}

/// What was found on one side, or why it could not be asked.
pub type Findings = Result<Vec<CheckFinding>, RunError>;

/// Asks both sides of an organization what they can do, at the same time. Needs no snapshot.
pub async fn check_parts(organization: &Organization) -> (Findings, Findings) {
    let directory = async {
        let connector = organization.directory.build()?;
        Ok(connector.check().await?)
    };
    let target = async {
        let target = ScimTarget::new(&organization.target)?;
        Ok(target.check().await?)
    };
    tokio::join!(directory, target)
}
