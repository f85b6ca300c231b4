//! Actions and causes in plain words, for sentences about one change. Reports group and align them on their own.

use std::fmt;

use super::change::{Action, Cause};
use super::drift::ByHand;
use crate::roster::GrantCause;

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = self.kind();
        match self {
            Self::Adopt { matched_by, .. } => write!(f, "{kind} the account found by {matched_by}"),
            Self::Relink { from, .. } => write!(f, "{kind} the account from the former id {from}"),
            Self::Update { changes } | Self::Reactivate { changes } if !changes.is_empty() => {
                let names: Vec<&str> = changes.iter().map(|change| change.attribute.as_str()).collect();
                write!(f, "{kind} {}", names.join(", "))
            }
            Self::GrantRole { role } => write!(f, "grant the role {role}"),
            Self::RevokeRole { role } => write!(f, "revoke the role {role}"),
            Self::RenameGroup { from } => write!(f, "{kind} from {from}"),
            Self::AddMember { group_name, .. } => write!(f, "add to the group {group_name}"),
            Self::RemoveMember { group_name, .. } => write!(f, "remove from the group {group_name}"),
            _ => write!(f, "{kind}"),
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Joined => f.write_str("in scope and without an account"),
            Self::Returned => f.write_str("back in scope"),
            Self::AttributesChanged => f.write_str("attributes changed in the directory or in the mapping"),
            Self::Left { leaving } => write!(f, "{leaving}"),
            Self::RoleGiven { through } => {
                let through: Vec<&str> = through
                    .iter()
                    .map(|cause| match cause {
                        GrantCause::Group { name, .. } => name.as_str(),
                        GrantCause::Default => "the default role",
                    })
                    .collect();
                write!(f, "given through {}", through.join(" and "))
            }
            Self::RoleLost { groups } if groups.is_empty() => f.write_str("no rule gives the role any more"),
            Self::RoleLost { groups } => write!(f, "no longer in {}", groups.join(" or ")),
            Self::FoundInTarget { .. } => f.write_str("the account was there already"),
            Self::DeletionDue { days } => write!(f, "inactive for {days} days"),
            Self::MembershipChanged => f.write_str("the directory group's membership changed"),
            Self::GroupMapped => f.write_str("a rule names the group"),
            Self::GroupUnmapped => f.write_str("no rule names the group any more, or it is gone from the directory"),
            Self::GroupRenamed => f.write_str("the directory group has another name now"),
            Self::RulesEdited => f.write_str("the configuration was edited"),
            Self::ByHand { what } => write!(f, "{what}"),
            Self::Undone { run, change } => write!(f, "takes back change {change} of run {run}"),
        }
    }
}

impl fmt::Display for ByHand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Edited { attributes } => write!(f, "{} edited in the application", attributes.join(", ")),
            Self::GaveRole => f.write_str("the role was given in the application by hand"),
            Self::TookRole => f.write_str("the role was taken in the application by hand"),
            Self::Activated => f.write_str("the account was activated in the application by hand"),
            Self::Deactivated => f.write_str("the account was deactivated in the application by hand"),
            Self::Deleted => f.write_str("the account was deleted in the application by hand"),
        }
    }
}
