//! Builds connectors and targets from their settings. The one place that knows which kinds there are.

use std::sync::Arc;

use rollcall_kit::{CheckFinding, Connector, ReadError};

use super::error::RunError;
use crate::apply::TargetReader;
use crate::config::{DirectorySettings, Organization};
use crate::scim::{Profile, ScimTarget};
use crate::snapshot::{Store, fact};

/// The connector of a directory.
pub(super) fn connector(settings: &DirectorySettings) -> Result<Arc<dyn Connector>, ReadError> {
    Ok(match settings {
        DirectorySettings::Ldap(settings) => Arc::new(rollcall_ldap::connector((**settings).clone())?),
        DirectorySettings::File(settings) => Arc::new(rollcall_file::connector((**settings).clone())?),
    })
}

/// The target of an organization, with what earlier runs learnt about it.
pub(super) fn target(organization: &Organization, store: &dyn Store) -> Result<Arc<ScimTarget>, RunError> {
    let target = ScimTarget::new(&organization.target)?;
    let known = store.fact(fact::TARGET_PROFILE)?.and_then(|json| serde_json::from_value::<KnownProfile>(json).ok());
    Ok(Arc::new(match known {
        // What was learnt of one endpoint says nothing of another.
        Some(known) if known.url == organization.target.url.as_str() => target.with_profile(known.profile),
        _ => target,
    }))
}

/// A profile, and of which endpoint.
#[derive(Serialize, Deserialize)]
pub(super) struct KnownProfile {
    url: String,
    profile: serde_json::Value,
}

impl KnownProfile {
    /// What is known of an organization's target by now.
    pub(super) fn of(organization: &Organization, profile: serde_json::Value) -> Self {
        Self { url: organization.target.url.to_string(), profile }
    }
}

/// What was found on one side, or why it could not be asked.
pub type Findings = Result<Vec<CheckFinding>, RunError>;

/// Asks both sides of an organization what they can do, at the same time. Needs no snapshot.
pub async fn check_parts(organization: &Organization) -> (Findings, Findings) {
    let directory = async {
        let connector = connector(&organization.directory)?;
        Ok(connector.check().await?)
    };
    let target = async {
        let target = ScimTarget::new(&organization.target)?;
        Ok(target.check().await?)
    };
    tokio::join!(directory, target)
}
