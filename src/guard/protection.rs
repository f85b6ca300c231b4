//! Protection: accounts that are never deactivated or deleted, and roles that never lose their last holder.
//!
//! Addresses and ids are spelled out in the configuration. Who is in a protected group, and which account carries a
//! protected value in the target, has to be asked; [`crate::run`] asks and hands the answers over as [`ProtectedBy`].
//!
//! Protection comes before the limits and no approval overrides it: what it forbids is taken out of the plan and
//! becomes a refusal.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use rollcall_kit::DirectoryId;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::plan::{Action, Change, ChangeId, Holdings, Kinds, Plan};
use crate::roster::{GroupRef, Reason, Role};

/// Accounts that are never deactivated or deleted, as the configuration names them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ProtectionSettings {
    /// Addresses.
    pub addresses: Vec<String>,
    /// Directory ids.
    pub ids: Vec<String>,
    /// Groups of the directory: whoever is in one of them, directly or through other groups, is protected.
    pub groups: Vec<GroupRef>,
    /// Values that protect the accounts which carry them in the target.
    pub accounts: Vec<AccountMark>,
}

/// What one plan must not do: what the configuration protects, and the accounts that a run found to be protected by it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Protection {
    /// What the configuration names.
    pub settings: ProtectionSettings,
    /// Roles whose last holder never loses them: those of the rules that say `protected = true`.
    pub roles: Vec<Role>,
    /// The accounts that groups and values protect, among those that the plan would deactivate or delete.
    pub found: BTreeMap<DirectoryId, ProtectedBy>,
}

/// A value in the target that protects the accounts which carry it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AccountMark {
    /// The target's own attribute: `userType`, a part of one (`name.familyName`, `entitlements.value`), or one of an
    /// extension (`urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:department`).
    #[schemars(example = &"userType")]
    pub attribute: String,
    /// The value; upper and lower case are the same.
    #[schemars(example = &"Service")]
    pub value: String,
}

impl AccountMark {
    /// Whether this is the value.
    #[must_use]
    pub fn is(&self, shown: &str) -> bool {
        shown.trim().to_lowercase() == self.value.trim().to_lowercase()
    }

    /// Whether it is among the texts that an account shows.
    #[must_use]
    pub fn is_among(&self, shown: &BTreeMap<String, Vec<String>>) -> bool {
        shown.get(&self.attribute).is_some_and(|texts| texts.iter().any(|text| self.is(text)))
    }
}

impl fmt::Display for AccountMark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} \"{}\"", self.attribute, self.value)
    }
}

/// What protects an account that the configuration does not name itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ProtectedBy {
    /// Its owner is in this group, or was in it when they were last seen.
    Group(String),
    /// It carries this value in the target.
    Mark(AccountMark),
    /// The target could not be asked for its values, for this reason.
    Unread(String),
}

type Refused = BTreeMap<ChangeId, (Reason, String)>;

/// Takes out of the plan what protection forbids.
pub(super) fn spare(plan: Plan, protection: &Protection, holdings: &Holdings) -> Plan {
    let mut refused = Refused::new();
    for change in plan.changes.of_kinds(Kinds::EXITS) {
        if let Some(why) = protection.covers(&change, holdings) {
            let detail = format!("the directory asks to {} {}, {why}", change.action.kind(), change.subject.label());
            refused.insert(change.id, (Reason::Protected, detail));
        }
    }
    for role in &protection.roles {
        match holdings.holders.get(role) {
            Some(holders) => spare_last_holder(&plan, role, holders, &mut refused),
            None => spare_everybody(&plan, role, &mut refused),
        }
    }
    plan.without(&refused, holdings.costs)
}

impl Protection {
    /// Why the change must not put the account out, if it is protected. An account is protected under its address in
    /// the target and under that in the directory, because an administrator may have written down either.
    fn covers(&self, change: &Change, holdings: &Holdings) -> Option<String> {
        let user = change.subject.user().filter(|_| is_exit(change))?;
        let label = change.subject.label().to_lowercase();
        let other = holdings.other_addresses.get(user);
        let named = |address: &String| {
            let address = address.trim().to_lowercase();
            address == label || Some(&address) == other
        };
        let ProtectionSettings { addresses, ids, .. } = &self.settings;
        if ids.iter().any(|id| id.trim() == user.as_str()) || addresses.iter().any(named) {
            return Some(
                "which the configuration protects; take it off the protected accounts if it is to go".to_owned(),
            );
        }
        self.found.get(user).map(ProtectedBy::words)
    }
}

impl ProtectedBy {
    /// Behind the account that must not go.
    fn words(&self) -> String {
        match self {
            Self::Group(name) => format!(
                "which the group {name} protects (protect.groups); take the person out of the group, or the group out \
                 of the configuration, if it is to go"
            ),
            Self::Mark(AccountMark { attribute, value }) => format!(
                "which its {attribute} in the target protects, \"{value}\" (protect.accounts); change the value there, \
                 or take the entry out of the configuration, if it is to go"
            ),
            Self::Unread(why) => format!(
                "and the target does not tell whether protect.accounts protects it ({why}); the next run asks again"
            ),
        }
    }
}

/// Whether the change puts an account out.
#[must_use]
pub fn is_exit(change: &Change) -> bool {
    matches!(change.action, Action::Deactivate | Action::Delete)
}

/// Keeps one holder if everybody who holds the role now would lose it.
///
/// Somebody who gets the role by the same plan does not count: their grant comes later and may fail. Kept is rather one
/// who would only lose the role than one who would be deactivated, because the latter has left.
fn spare_last_holder(plan: &Plan, role: &Role, holders: &BTreeSet<DirectoryId>, refused: &mut Refused) {
    let mut losers: BTreeMap<DirectoryId, Vec<Change>> = BTreeMap::new();
    for change in
        plan.changes.of_kinds(Kinds::TAKING).filter(|change| !refused.contains_key(&change.id) && takes(change, role))
    {
        if let Some(user) = change.subject.user().filter(|user| holders.contains(user)).cloned() {
            losers.entry(user).or_default().push(change.into_owned());
        }
    }
    if losers.len() < holders.len() {
        return;
    }
    let spared = losers.into_iter().min_by_key(|(user, changes)| (changes.iter().any(is_exit), user.clone()));
    for change in spared.map(|(_, changes)| changes).unwrap_or_default() {
        let detail = format!(
            "{} is the last active account with the protected role {role}; give the role to somebody else first, and \
             the run after that lets this one go",
            change.subject.label()
        );
        refused.insert(change.id, (Reason::LastHolder, detail));
    }
}

/// Nobody counted the holders of this role, so anybody may be the last one.
fn spare_everybody(plan: &Plan, role: &Role, refused: &mut Refused) {
    for change in plan.changes.of_kinds(Kinds::TAKING).filter(|change| takes(change, role)) {
        let detail = format!("nobody counted who holds the protected role {role}, so nobody loses it");
        refused.entry(change.id).or_insert((Reason::LastHolder, detail));
    }
}

/// Whether the change takes the role from whoever holds it.
fn takes(change: &Change, role: &Role) -> bool {
    is_exit(change) || matches!(&change.action, Action::RevokeRole { role: lost } if lost == role)
}
