//! Which application permissions what is read needs, and what happens without them.
//!
//! Too little permission is not always refused: a member whom the app may not read comes with an id and nothing
//! else. So the permissions in the token are compared with what the settings need before anything is read.

use std::collections::BTreeSet;

use crate::settings::EntraSettings;

/// Something that the settings need.
#[derive(Debug)]
pub(crate) struct Need {
    /// The permission that is enough for it.
    pub(crate) least: &'static str,
    /// Others that hold it.
    more: &'static [&'static str],
    /// What comes back without it.
    pub(crate) without: &'static str,
}

const USERS: Need = Need {
    least: "User.Read.All",
    more: &["User.ReadWrite.All", "Directory.Read.All", "Directory.ReadWrite.All"],
    without: "users are refused, and those among members of groups come back with an id and nothing else",
};
const GROUPS: Need = Need {
    least: "GroupMember.Read.All",
    more: &[
        "GroupMember.ReadWrite.All",
        "Group.Read.All",
        "Group.ReadWrite.All",
        "Directory.Read.All",
        "Directory.ReadWrite.All",
    ],
    without: "groups are refused, and groups among members of groups come back with an id and nothing else",
};
const APPLICATIONS: Need = Need {
    least: "Application.Read.All",
    more: &["Application.ReadWrite.All", "Directory.Read.All", "Directory.ReadWrite.All"],
    without: "the enterprise application and who is assigned to it are refused",
};
const SECURITY_ATTRIBUTES: Need = Need {
    least: "CustomSecAttributeAssignment.Read.All",
    more: &["CustomSecAttributeAssignment.ReadWrite.All"],
    without: "customSecurityAttributes come back empty",
};
const LEAVE_DATE: Need = Need {
    least: "User-LifeCycleInfo.Read.All",
    more: &["User-LifeCycleInfo.ReadWrite.All"],
    without: "employeeLeaveDateTime is refused",
};

/// Without it, groups that hide their members show none.
pub(crate) const HIDDEN: &str = "Member.Read.Hidden";

/// What these settings need.
pub(crate) fn needed(settings: &EntraSettings) -> Vec<&'static Need> {
    let asks_for = |name: &str| settings.extra_properties.iter().any(|one| one.trim() == name);
    let needs_groups = settings.groups.is_some() || settings.assigned_to.is_some() || !settings.members_of.is_empty();
    [
        (true, &USERS),
        (needs_groups, &GROUPS),
        (settings.assigned_to.is_some(), &APPLICATIONS),
        (asks_for("customSecurityAttributes"), &SECURITY_ATTRIBUTES),
        (asks_for("employeeLeaveDateTime"), &LEAVE_DATE),
    ]
    .into_iter()
    .filter_map(|(needed, need)| needed.then_some(need))
    .collect()
}

/// What these settings need and a token does not carry.
pub(crate) fn missing(settings: &EntraSettings, roles: &BTreeSet<String>) -> Vec<&'static Need> {
    let holds = |need: &&Need| std::iter::once(&need.least).chain(need.more).any(|name| roles.contains(*name));
    needed(settings).into_iter().filter(|need| !holds(need)).collect()
}
