//! From a user's groups to the roles of their account, each with its causes.
//!
//! May this take a role from somebody by mistake? A role whose group cannot be found is undecided: neither granted
//! nor revoked. May somebody keep a role that they lost? Only one whose every group that could still give it cannot be
//! found; a group that is there and that they are not in gives nothing, whatever is unknown beside it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use super::account::{GrantCause, Role};
use super::groups::{Belonging, GroupIndex, Membership};
use super::rules::Rules;
use super::settings::RoleMode;

/// The roles of one user.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Roles {
    /// With their causes, each sorted and there once.
    pub granted: BTreeMap<Role, Vec<GrantCause>>,
    /// Neither granted nor revoked.
    pub undecided: BTreeSet<Role>,
}

/// What one rule says of one user.
enum Said {
    Gives(GrantCause),
    GivesNot,
    Unknown,
}

/// Derives the roles.
pub(crate) fn derive(rules: &Rules, groups: &GroupIndex, belonging: &Belonging<'_>) -> Roles {
    let settings = rules.settings();
    let said: Vec<(&Role, Said)> = settings
        .role_rules
        .iter()
        .enumerate()
        .map(|(at, rule)| (&rule.role, say(groups, &belonging.in_rule(at, rule.nested))))
        .collect();
    let mut roles = match settings.role_mode {
        RoleMode::Union => union(said, settings.default_role.as_ref()),
        RoleMode::Single => single(said, settings.default_role.as_ref()),
    };
    for causes in roles.granted.values_mut() {
        causes.sort();
        causes.dedup();
    }
    let granted = &roles.granted;
    roles.undecided.retain(|role| !granted.contains_key(role));
    roles
}

fn say(groups: &GroupIndex, membership: &Membership) -> Said {
    match membership {
        Membership::In(number) => match groups.group(*number) {
            Some((id, name)) => Said::Gives(GrantCause::Group { id: id.clone(), name: name.to_owned() }),
            None => Said::Unknown,
        },
        Membership::Out => Said::GivesNot,
        Membership::Unknown(_) => Said::Unknown,
    }
}

/// Every role that any rule gives, and the default.
fn union(said: Vec<(&Role, Said)>, default: Option<&Role>) -> Roles {
    let mut roles = Roles::default();
    for (role, said) in said {
        match said {
            Said::Gives(cause) => roles.granted.entry(role.clone()).or_default().push(cause),
            Said::Unknown => _ = roles.undecided.insert(role.clone()),
            Said::GivesNot => {}
        }
    }
    if let Some(role) = default {
        roles.granted.entry(role.clone()).or_default().push(GrantCause::Default);
    }
    roles
}

/// The role of the first rule that gives one, with all causes of that role; the default if no rule gives one. If it
/// is unknown whether an earlier rule gives one, it is unknown which role is theirs: nothing is granted, and of all that
/// they could have nothing is revoked.
fn single(said: Vec<(&Role, Said)>, default: Option<&Role>) -> Roles {
    let mut roles = Roles::default();
    let decisive = said.iter().position(|(_, said)| !matches!(said, Said::GivesNot));
    match decisive.map(|at| &said[at]) {
        None => {
            if let Some(role) = default {
                roles.granted.insert(role.clone(), vec![GrantCause::Default]);
            }
        }
        Some((_, Said::Unknown)) => {
            let possible = said.iter().filter(|(_, said)| !matches!(said, Said::GivesNot));
            roles.undecided = possible.map(|(role, _)| (*role).clone()).chain(default.cloned()).collect();
        }
        Some((role, _)) => {
            let role = (*role).clone();
            let causes = said.into_iter().filter_map(|(other, said)| match said {
                Said::Gives(cause) if *other == role => Some(cause),
                _ => None,
            });
            roles.granted.insert(role.clone(), causes.collect());
        }
    }
    roles
}

impl fmt::Display for Roles {
    /// `editor (through eng-core and eng-leads), viewer (everybody in scope has it); undecided until its group is known: admin`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cause = |cause: &GrantCause| match cause {
            GrantCause::Group { name, .. } => format!("through {name}"),
            GrantCause::Default => "everybody in scope has it".to_owned(),
        };
        let granted: Vec<String> = self
            .granted
            .iter()
            .map(|(role, causes)| format!("{role} ({})", causes.iter().map(cause).collect::<Vec<_>>().join(", ")))
            .collect();
        f.write_str(if granted.is_empty() { "no role" } else { "" })?;
        f.write_str(&granted.join(", "))?;
        if !self.undecided.is_empty() {
            let names: Vec<&str> = self.undecided.iter().map(|role| role.0.as_str()).collect();
            write!(f, "; undecided until its group is known: {}", names.join(", "))?;
        }
        Ok(())
    }
}
