//! Roles: what is granted and what is revoked.

use std::collections::{BTreeMap, BTreeSet};

use super::settings::PlanSettings;
use crate::roster::{DesiredAccount, GrantCause, Role};

/// How the roles of one account change.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Shift {
    /// Given, with the causes.
    pub(super) grant: BTreeMap<Role, Vec<GrantCause>>,
    /// Taken.
    pub(super) revoke: BTreeSet<Role>,
}

/// From the roles that an account has to those that it should have.
///
/// Only a role that a rule names is ever revoked. One of which it is unknown whether they should have it is neither
/// granted nor revoked: the group that would say so could not be found, and that proves nothing.
pub(super) fn shift(desired: &DesiredAccount, has: &BTreeSet<Role>, settings: &PlanSettings) -> Shift {
    let undecided = |role: &Role| desired.undecided_roles.contains(role);
    let grant = desired.roles.iter().filter(|(role, _)| !has.contains(*role) && !undecided(role));
    let revoke = has.iter().filter(|role| {
        settings.managed_roles.contains_key(*role) && !desired.roles.contains_key(*role) && !undecided(role)
    });
    Shift {
        grant: grant.map(|(role, causes)| (role.clone(), causes.clone())).collect(),
        revoke: revoke.cloned().collect(),
    }
}
