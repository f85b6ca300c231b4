//! The shape of the configuration file: its keys, in the words in which `rollcall schema` explains them.
//!
//! These types are read and then taken apart: each room gets the settings that it owns.

use std::collections::BTreeMap;
use std::path::PathBuf;

use schemars::JsonSchema;
use serde::Deserialize;

use super::approvals::ApprovalsFile;
use super::daemon::DaemonSettings;
use super::directory::{DirectorySettings, TargetSettings};
use crate::guard::{KeepsBack, Limits, ProtectionSettings};
use crate::read::ReadingLimits;
use crate::roster::{AttributeSettings, Role, RoleMode, RoleRule, ScopeSettings};
use crate::schedule::{Blackout, ScheduleSettings};

/// The configuration of Rollcall.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "Rollcall")]
pub(super) struct File {
    /// The directory in which Rollcall keeps its snapshots and its history. A relative path starts at this file.
    #[serde(default = "default_state_dir")]
    pub state_dir: PathBuf,
    /// A directory with one organization a file (`NAME.toml`, which holds what would stand below
    /// `[organization.NAME]`). A relative path starts at this file.
    #[serde(default)]
    pub organization_dir: Option<PathBuf>,
    /// The daemon, `rollcall run`.
    #[serde(default)]
    pub daemon: DaemonSettings,
    /// The organizations, by name.
    #[serde(default)]
    #[expect(dead_code, reason = "organizations are read one by one; this is for the schema")]
    pub organization: BTreeMap<String, OrganizationFile>,
}

/// Where systemd's `StateDirectory=rollcall` puts it.
pub(super) fn default_state_dir() -> PathBuf {
    PathBuf::from("/var/lib/rollcall")
}

/// One organization: a tenant of the target application.
///
/// Everything is optional here, so that one missing part does not hide what is wrong with the others; the schema says
/// what is required.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(extend("required" = ["domains", "directory", "target"]))]
pub(super) struct OrganizationFile {
    /// Whether the organization takes part in runs.
    #[serde(default = "yes")]
    pub enabled: bool,
    /// The registered e-mail domains. Only users with an address in one of them get an account; a sub-domain must be
    /// listed itself.
    #[serde(default)]
    pub domains: Option<Vec<String>>,
    /// What happens to the organization's first plan.
    #[serde(default)]
    pub first_plan: FirstPlan,
    /// What a hold keeps back: `everything`, or only `removals`: what takes something from somebody, what goes beyond a
    /// limit, and what depends on these.
    #[serde(default)]
    pub hold: KeepsBack,
    /// How long held plans and their approvals count.
    #[serde(default)]
    pub approvals: ApprovalsFile,
    /// When the daemon runs the organization; every hour if absent.
    #[serde(default)]
    pub schedule: ScheduleSettings,
    /// Windows of time in which nothing is removed, or nothing is written, one block each.
    #[serde(default)]
    pub blackout: Vec<Blackout>,
    /// Where users and groups are read.
    #[serde(default, deserialize_with = "never")]
    pub directory: Option<DirectorySettings>,
    /// What narrows the scope beyond the domains.
    #[serde(default)]
    pub scope: ScopeSettings,
    /// Expressions that replace the default mapping, attribute by attribute.
    #[serde(default)]
    pub attributes: AttributeSettings,
    /// How several roles of one account combine.
    #[serde(default)]
    pub roles: RolesFile,
    /// Which group gives which role, one rule each.
    #[serde(default)]
    pub role: Vec<RoleRule>,
    /// How much of what the directory held may go missing between two readings.
    #[serde(default)]
    pub reading: ReadingLimits,
    /// How much a plan may change without a person.
    #[serde(default)]
    pub limits: Limits,
    /// Accounts that are never deactivated or deleted.
    #[serde(default)]
    pub protect: ProtectionSettings,
    /// The application that is written to.
    #[serde(default, deserialize_with = "never")]
    pub target: Option<TargetSettings>,
}

fn yes() -> bool {
    true
}

/// Directory and target are taken out of the table and read by their kind, before the rest is deserialised.
fn never<'de, D: serde::Deserializer<'de>, T>(_: D) -> Result<Option<T>, D::Error> {
    Err(serde::de::Error::custom("this part is read by its kind"))
}

/// What happens to the first plan of an organization.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) enum FirstPlan {
    /// It waits for a person.
    #[default]
    Wait,
    /// It is applied without a person, within the limits: for installations that nobody attends.
    Waived,
}

/// How roles combine.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct RolesFile {
    /// Whether an account has the roles of all its groups, or only that of the first rule that gives one.
    pub mode: RoleMode,
    /// A role that every account in scope has.
    pub default: Option<Role>,
}
