//! The configuration: one TOML file, or a main file and a directory with one organization a file.
//!
//! [`load()`] reads and checks it, and finds everything that is wrong in one go; [`schema()`] is its JSON Schema; [`init`]
//! writes a commented example. Each room owns the type of its own settings; here is only the file that they stand in
//! ([`mod@file`]), the check of its shape against the schema of those types ([`check`]), the rules that a schema cannot
//! say ([`rules`]) and the place of every key ([`locate`]), so that an error which another room finds later points
//! into the file all the same. No secret is in the file and none is read here: the file says where they are.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use jiff::SignedDuration;

use crate::guard::{KeepsBack, Limits, ProtectionSettings};
use crate::read::ReadingLimits;
use crate::roster::{Role, RosterSettings};
use crate::schedule::{Blackouts, ScheduleSettings};
use crate::scim::ScimSettings;

mod approvals;
mod check;
mod daemon;
mod digest;
pub mod directory;
mod earlier;
pub mod error;
mod expect;
mod file;
pub mod init;
mod load;
pub mod locate;
mod modes;
mod rules;
mod schema;
pub mod source;

pub use daemon::{DaemonSettings, SocketSettings};
pub use directory::DirectorySettings;
pub use error::ConfigError;
pub use load::{load, parse};
pub use locate::Locations;
pub use schema::schema;
pub use source::Place;

/// A configuration that was read and found sound.
#[derive(Clone, Debug)]
pub struct Configuration {
    /// Where snapshots and history are kept.
    pub state_dir: PathBuf,
    /// The daemon.
    pub daemon: DaemonSettings,
    /// The organizations, by name.
    pub organizations: BTreeMap<String, Organization>,
    /// Where every key stands.
    pub locations: Locations,
}

impl Configuration {
    /// An error about a key of an organization (`scope.when`, `role[2].group`), pointed at in its file. For what is
    /// found after loading, such as an expression that does not compile.
    #[must_use]
    pub fn error(&self, organization: &str, key: &str, message: impl Into<String>) -> ConfigError {
        let prefix = check::join("organization", organization);
        self.locations.error(&format!("{prefix}.{key}"), message)
    }

    /// The same about a part of the key's value: the first byte and how many bytes of the string that stands there.
    #[must_use]
    pub fn error_within(
        &self,
        organization: &str,
        key: &str,
        part: (usize, usize),
        message: impl Into<String>,
    ) -> ConfigError {
        let prefix = check::join("organization", organization);
        self.locations.error_within(&format!("{prefix}.{key}"), part, message)
    }
}

/// One organization: a tenant of the target application.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Organization {
    /// Its name in the file.
    pub name: String,
    /// Whether it takes part in runs.
    pub enabled: bool,
    /// Who should be in the target, and as what.
    pub roster: RosterSettings,
    /// How much of what the directory held may go missing between two readings.
    pub reading: ReadingLimits,
    /// How much a plan may change without a person.
    pub limits: Limits,
    /// Who is never put out.
    pub protection: ProtectionSettings,
    /// Whether the wait of the first plan is waived, in so many words.
    pub first_plan_waived: bool,
    /// What a hold keeps back.
    pub keeps_back: KeepsBack,
    /// How long a held plan can be approved, and an approval waits for its apply.
    pub approvals_expire_after: SignedDuration,
    /// When the daemon runs it.
    pub schedule: ScheduleSettings,
    /// When less may be done than a plan asks for.
    pub blackouts: Blackouts,
    /// Where users and groups are read.
    pub directory: DirectorySettings,
    /// The application that is written to.
    pub target: ScimSettings,
}

impl Organization {
    /// Puts an organization together from its file; nothing if a required part is missing.
    fn from_file(name: &str, file: file::OrganizationFile) -> Option<Self> {
        let directory::TargetSettings::Scim(target) = file.target?;
        Some(Self {
            name: name.to_owned(),
            enabled: file.enabled,
            roster: RosterSettings {
                domains: file.domains?.iter().map(|domain| domain.to_lowercase()).collect(),
                scope: file.scope,
                attributes: file.attributes,
                role_rules: file.role,
                role_mode: file.roles.mode,
                default_role: file.roles.default,
            },
            reading: file.reading,
            limits: file.limits,
            protection: file.protect,
            first_plan_waived: file.first_plan == file::FirstPlan::Waived,
            keeps_back: file.hold,
            approvals_expire_after: file.approvals.expire_after.signed(),
            blackouts: Blackouts { windows: file.blackout, zone: file.schedule.zone.clone() },
            schedule: file.schedule,
            directory: file.directory?,
            target: *target,
        })
    }

    /// Roles whose last holder never loses them: those of the rules that say `protected = true`.
    #[must_use]
    pub fn protected_roles(&self) -> Vec<Role> {
        let protected = self.roster.role_rules.iter().filter(|rule| rule.protected);
        protected.map(|rule| rule.role.clone()).collect::<BTreeSet<_>>().into_iter().collect()
    }

    /// Lets the relative paths of all settings start at this folder: that of the file in which they stand.
    fn start_at(&mut self, folder: &Path) {
        self.directory.start_at(folder);
        self.target.start_at(folder);
    }
}

#[cfg(test)]
mod tests;
