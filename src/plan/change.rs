//! Changes: the steps of a plan.

use std::fmt;

use rollcall_kit::{DirectoryId, Value};
use serde::{Deserialize, Serialize};

use super::drift::ByHand;
use crate::roster::Role;
use crate::roster::account::{Attributes, GrantCause, Leaving};

/// The number of a change within its plan, counted from 1 in the plan's order.
pub type ChangeId = u32;

/// One step of a plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// Its number within the plan.
    pub id: ChangeId,
    /// To whom or what.
    pub subject: Subject,
    /// What is done.
    pub action: Action,
    /// Why, most decisive first.
    pub causes: Vec<Cause>,
    /// Whether it takes something away from somebody.
    pub destructive: bool,
    /// Changes that must have succeeded before this one is tried.
    pub after: Vec<ChangeId>,
}

impl Change {
    /// Whether it is in the plan because the configuration was edited.
    #[must_use]
    pub fn is_of_rules(&self) -> bool {
        self.causes.contains(&Cause::RulesEdited)
    }

    /// Whether it takes something from whoever has it now. A relink takes an account from one id and gives it to
    /// another; behind another directory everybody is relinked.
    #[must_use]
    pub const fn takes(&self) -> bool {
        self.action.is_destructive() || matches!(self.action, Action::Relink { .. })
    }
}

/// Whom or what a change is about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum Subject {
    /// An account.
    Account {
        /// The directory id of its owner.
        user: DirectoryId,
        /// The target's id, once there is one.
        target_id: Option<String>,
        /// What a report calls it: the address.
        label: String,
        /// The owner's full name, if known.
        name: Option<String>,
    },
    /// A group in the target.
    Group {
        /// Which of ours.
        key: GroupKey,
        /// The target's id, once there is one.
        target_id: Option<String>,
        /// Its name.
        name: String,
    },
}

impl Subject {
    /// What a report calls it.
    #[must_use]
    pub fn label(&self) -> &str {
        match self {
            Self::Account { label, .. } => label,
            Self::Group { name, .. } => name,
        }
    }

    /// The owner, if it is an account.
    #[must_use]
    pub fn user(&self) -> Option<&DirectoryId> {
        match self {
            Self::Account { user, .. } => Some(user),
            Self::Group { .. } => None,
        }
    }

    /// The target's id, once there is one.
    #[must_use]
    pub fn target_id(&self) -> Option<&str> {
        match self {
            Self::Account { target_id, .. } | Self::Group { target_id, .. } => target_id.as_deref(),
        }
    }
}

/// Which of our groups in the target: one that carries a role, or one that mirrors a directory group.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum GroupKey {
    /// Membership in it is the role.
    Role(Role),
    /// It mirrors this directory group.
    Directory(DirectoryId),
}

/// What a change does. Role changes reach the target as its settings say: the `roles` attribute, `entitlements`, or
/// membership in a group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "do")]
pub enum Action {
    /// A new account.
    Create {
        /// Its attributes.
        attributes: Attributes,
    },
    /// An account that is there already becomes ours, and is brought to what it should be.
    Adopt {
        /// By what it was recognised.
        matched_by: String,
        /// Every attribute that becomes ours. One that is already as it should be has the same value before and after:
        /// it is entered into the ledger and need not be written.
        changes: Vec<AttributeChange>,
        /// Whether it is activated in the same step.
        activate: bool,
    },
    /// An account of ours passes to a new directory id of the same person (a rehire, a re-created user), with its
    /// roles and memberships: in the ledger, the old id is replaced by the new one wherever it stands.
    Relink {
        /// The old directory id.
        from: DirectoryId,
        /// What is written besides our mark.
        changes: Vec<AttributeChange>,
        /// Whether it is activated in the same step.
        activate: bool,
    },
    /// Attributes follow the directory.
    Update {
        /// Which, from what to what.
        changes: Vec<AttributeChange>,
    },
    /// `active: false`.
    Deactivate,
    /// `active: true`, with what changed while they were away.
    Reactivate {
        /// Which attributes, from what to what.
        changes: Vec<AttributeChange>,
    },
    /// The account is deleted for good.
    Delete,
    /// A role is given.
    GrantRole {
        /// Which.
        role: Role,
    },
    /// A role is taken away.
    RevokeRole {
        /// Which.
        role: Role,
    },
    /// A new group.
    CreateGroup,
    /// A group that is there already, by exactly this name, becomes ours.
    AdoptGroup,
    /// A group gets another name.
    RenameGroup {
        /// The name until now.
        from: String,
    },
    /// A group of ours goes.
    DeleteGroup,
    /// An account joins a group that mirrors a directory group.
    AddMember {
        /// Which.
        group: GroupKey,
        /// Its name.
        group_name: String,
    },
    /// An account leaves a group that mirrors a directory group.
    RemoveMember {
        /// Which.
        group: GroupKey,
        /// Its name.
        group_name: String,
    },
}

/// The kinds of actions, for counting and sorting.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs, reason = "each is the action of the same name")]
pub enum ActionKind {
    RevokeRole,
    RemoveMember,
    Deactivate,
    Create,
    Adopt,
    Relink,
    Reactivate,
    Update,
    CreateGroup,
    AdoptGroup,
    RenameGroup,
    AddMember,
    GrantRole,
    DeleteGroup,
    Delete,
}

impl ActionKind {
    /// Every kind, in the order in which a plan does them: what takes access away first, what cannot be undone last.
    pub const ALL: [Self; 15] = [
        Self::RevokeRole,
        Self::RemoveMember,
        Self::Deactivate,
        Self::Create,
        Self::Adopt,
        Self::Relink,
        Self::Reactivate,
        Self::Update,
        Self::CreateGroup,
        Self::AdoptGroup,
        Self::RenameGroup,
        Self::AddMember,
        Self::GrantRole,
        Self::DeleteGroup,
        Self::Delete,
    ];

    /// The words for it in reports.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Self::RevokeRole => "revoke role",
            Self::RemoveMember => "remove member",
            Self::Deactivate => "deactivate",
            Self::Create => "create",
            Self::Adopt => "adopt",
            Self::Relink => "relink",
            Self::Reactivate => "reactivate",
            Self::Update => "update",
            Self::CreateGroup => "create group",
            Self::AdoptGroup => "adopt group",
            Self::RenameGroup => "rename group",
            Self::AddMember => "add member",
            Self::GrantRole => "grant role",
            Self::DeleteGroup => "delete group",
            Self::Delete => "delete",
        }
    }
}

impl fmt::Display for ActionKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.words())
    }
}

impl Action {
    /// Its kind.
    #[must_use]
    pub const fn kind(&self) -> ActionKind {
        match self {
            Self::Create { .. } => ActionKind::Create,
            Self::Adopt { .. } => ActionKind::Adopt,
            Self::Relink { .. } => ActionKind::Relink,
            Self::Update { .. } => ActionKind::Update,
            Self::Deactivate => ActionKind::Deactivate,
            Self::Reactivate { .. } => ActionKind::Reactivate,
            Self::Delete => ActionKind::Delete,
            Self::GrantRole { .. } => ActionKind::GrantRole,
            Self::RevokeRole { .. } => ActionKind::RevokeRole,
            Self::CreateGroup => ActionKind::CreateGroup,
            Self::AdoptGroup => ActionKind::AdoptGroup,
            Self::RenameGroup { .. } => ActionKind::RenameGroup,
            Self::DeleteGroup => ActionKind::DeleteGroup,
            Self::AddMember { .. } => ActionKind::AddMember,
            Self::RemoveMember { .. } => ActionKind::RemoveMember,
        }
    }

    /// Whether it takes something away from somebody.
    #[must_use]
    pub const fn is_destructive(&self) -> bool {
        matches!(
            self,
            Self::Deactivate | Self::Delete | Self::RevokeRole { .. } | Self::DeleteGroup | Self::RemoveMember { .. }
        )
    }
}

/// One attribute, from what to what.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AttributeChange {
    /// Under our name.
    pub attribute: String,
    /// The value until now, as far as we know it.
    pub before: Option<Value>,
    /// The value from now on; none removes it.
    pub after: Option<Value>,
}

impl AttributeChange {
    /// Whether the value is another afterwards. If not, the attribute merely becomes ours.
    #[must_use]
    pub fn is_real(&self) -> bool {
        self.before != self.after
    }
}

/// Why a change is in a plan.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "cause")]
pub enum Cause {
    /// They are in scope and had no account.
    Joined,
    /// They are back in scope.
    Returned,
    /// These attributes changed in the directory or in the mapping.
    AttributesChanged,
    /// They should have no active account.
    Left {
        /// Why.
        leaving: Leaving,
    },
    /// The role's causes, as they are now.
    RoleGiven {
        /// Every one of them.
        through: Vec<GrantCause>,
    },
    /// No group gives the role any more.
    RoleLost {
        /// The groups that could give it, by name.
        groups: Vec<String>,
    },
    /// The account was there already.
    FoundInTarget {
        /// How it came to us.
        origin: Origin,
    },
    /// Inactive for longer than the configured number of days.
    DeletionDue {
        /// How many days it has been inactive.
        days: u32,
    },
    /// The directory group's membership changed.
    MembershipChanged,
    /// A rule names the group.
    GroupMapped,
    /// No rule names the group any more, or it is gone from the directory.
    GroupUnmapped,
    /// The directory group has another name now.
    GroupRenamed,
    /// The configuration was edited, and the rules before would not have asked for this. Stands behind the other
    /// causes.
    RulesEdited,
    /// Somebody did something to the account in the application, and the directory decides.
    ByHand {
        /// What.
        what: ByHand,
    },
    /// It takes back what an earlier run did.
    Undone {
        /// The run's id.
        run: String,
        /// The change of that run.
        change: ChangeId,
    },
}

/// How an account became ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Origin {
    /// We created it.
    Created,
    /// It was there and was adopted.
    Adopted,
}

/// The attribute changes within an action.
pub(super) fn attribute_changes(action: &Action) -> &[AttributeChange] {
    match action {
        Action::Adopt { changes, .. }
        | Action::Relink { changes, .. }
        | Action::Update { changes }
        | Action::Reactivate { changes } => changes,
        _ => &[],
    }
}
