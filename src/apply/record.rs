//! One change as history keeps it: what was done, to which user or group, why, and how it ended.
//!
//! It is made from a change of a plan when it is known how its write ended, and becomes history together with what the
//! write made true. Names are kept, and the values of attributes are not: those are in the
//! directory and in the ledger. By which run a change was made, and on whose word, is the same for many of them, so it
//! stands beside them once.

use std::fmt;

use jiff::Timestamp;
use rollcall_kit::DirectoryId;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::compact_id;
use crate::plan::{Action, AttributeChange, Cause, Change, ChangeId, GroupKey, Subject};
use crate::roster::{GrantCause, Role};

/// What one settlement adds to history: changes of one run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RecordedChanges {
    /// The run that planned them. After a crash another run settles them, and they are this one's all the same.
    pub run: String,
    /// The changes.
    pub changes: Vec<ChangeRecord>,
}

impl RecordedChanges {
    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }
}

/// One change in history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChangeRecord {
    /// Its number within the plan of its run.
    pub change: ChangeId,
    /// The user or the group that it was done to.
    pub subject: ChangeSubject,
    /// The target's id of the account or group; empty if it never got one.
    pub target_id: String,
    /// What was done.
    pub deed: Deed,
    /// Why, most decisive first.
    pub causes: Causes,
    /// How it ended.
    pub outcome: RecordedOutcome,
    /// When it was known how, in seconds since 1970 began.
    pub at: i64,
}

/// The user or the group that something was done to.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum ChangeSubject {
    /// The account of this user of the directory.
    User(#[serde(with = "compact_id")] DirectoryId),
    /// A group of ours in the target.
    Group(GroupKey),
}

/// What was done, without the values of attributes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "each is the action of the same name")]
pub enum Deed {
    Create,
    Adopt {
        matched_by: String,
    },
    Relink {
        #[serde(with = "compact_id")]
        from: DirectoryId,
    },
    /// The account went to another id of the same person: a relink, as the one sees it who had the account before.
    PassOn {
        #[serde(with = "compact_id")]
        to: DirectoryId,
    },
    Update {
        attributes: Vec<String>,
    },
    Deactivate,
    Reactivate {
        attributes: Vec<String>,
    },
    /// With the address, which stands nowhere else afterwards.
    Delete {
        label: String,
    },
    GrantRole {
        role: Role,
    },
    RevokeRole {
        role: Role,
    },
    CreateGroup {
        name: String,
    },
    AdoptGroup {
        name: String,
    },
    RenameGroup {
        from: String,
        name: String,
    },
    DeleteGroup {
        name: String,
    },
    AddMember {
        group: GroupKey,
        name: String,
    },
    RemoveMember {
        group: GroupKey,
        name: String,
    },
}

/// How a change ended that was tried. What was not tried leaves nothing here.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum RecordedOutcome {
    /// It was carried out.
    #[default]
    Done,
    /// It was not, and why, in a sentence.
    Failed(String),
}

impl RecordedOutcome {
    /// Whether the change was carried out.
    #[must_use]
    pub const fn is_done(&self) -> bool {
        matches!(self, Self::Done)
    }

    /// A failure; of a long sentence the beginning.
    #[must_use]
    pub fn failed(detail: &str) -> Self {
        const MOST: usize = 240;
        match detail.char_indices().nth(MOST) {
            Some((end, _)) => Self::Failed(format!("{}…", &detail[..end])),
            None => Self::Failed(detail.to_owned()),
        }
    }
}

impl ChangeRecord {
    /// What history keeps of a change that ended at a time: one record, and of a relink a second one for the id that had
    /// the account before.
    #[must_use]
    pub fn of(change: &Change, target_id: &str, outcome: RecordedOutcome, at: Timestamp) -> Vec<Self> {
        let subject = match &change.subject {
            Subject::Account { user, .. } => ChangeSubject::User(user.clone()),
            Subject::Group { key, .. } => ChangeSubject::Group(key.clone()),
        };
        let record = Self {
            change: change.id,
            subject,
            target_id: target_id.to_owned(),
            deed: Deed::of(change),
            causes: Causes(change.causes.clone()),
            outcome,
            at: at.as_second(),
        };
        match (&change.action, &change.subject) {
            (Action::Relink { from, .. }, Subject::Account { user, .. }) => {
                let passed = Deed::PassOn { to: user.clone() };
                let former = Self { subject: ChangeSubject::User(from.clone()), deed: passed, ..record.clone() };
                vec![record, former]
            }
            _ => vec![record],
        }
    }

    /// What it can be found by besides its subject and its day: the role, the groups that it is about or because of, and
    /// what a deleted account was called.
    #[must_use]
    pub fn topics(&self) -> Vec<Topic> {
        let about = |group: &GroupKey| match group {
            GroupKey::Role(role) => Topic::Role(role.clone()),
            GroupKey::Directory(id) => Topic::Group(id.clone()),
        };
        let mut topics = Vec::new();
        match &self.deed {
            Deed::GrantRole { role } | Deed::RevokeRole { role } => topics.push(Topic::Role(role.clone())),
            Deed::AddMember { group, .. } | Deed::RemoveMember { group, .. } => topics.push(about(group)),
            Deed::Delete { label } => {
                let names = [label, &self.target_id].into_iter().filter(|name| !name.is_empty());
                topics.extend(names.map(|name| Topic::Deleted(name.to_lowercase())));
            }
            _ => {}
        }
        if let ChangeSubject::Group(key) = &self.subject {
            topics.push(about(key));
        }
        for cause in &self.causes.0 {
            match cause {
                Cause::RoleGiven { through } => topics.extend(through.iter().filter_map(|cause| match cause {
                    GrantCause::Group { id, .. } => Some(Topic::Group(id.clone())),
                    GrantCause::Default => None,
                })),
                Cause::RoleLost { groups } => topics.extend(groups.iter().cloned().map(Topic::GroupNamed)),
                _ => {}
            }
        }
        topics.sort();
        topics.dedup();
        topics
    }
}

/// What changes can be found by.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Topic {
    /// A role that was given, taken, or carried by a group of ours.
    Role(Role),
    /// A directory group, by its id: it gave the role, or it is mirrored.
    Group(#[serde(with = "compact_id")] DirectoryId),
    /// A directory group by its name: it gave the role once, and the plan that took the role knew no more of it.
    GroupNamed(String),
    /// An account that was deleted, by the address or by the id in the target that it had, in small letters. Nothing else
    /// leads from there to its owner.
    Deleted(String),
}

impl Deed {
    fn of(change: &Change) -> Self {
        let names = |changes: &[AttributeChange]| changes.iter().map(|change| change.attribute.clone()).collect();
        let name = || change.subject.label().to_owned();
        match &change.action {
            Action::Create { .. } => Self::Create,
            Action::Adopt { matched_by, .. } => Self::Adopt { matched_by: matched_by.clone() },
            Action::Relink { from, .. } => Self::Relink { from: from.clone() },
            Action::Update { changes } => Self::Update { attributes: names(changes) },
            Action::Deactivate => Self::Deactivate,
            Action::Reactivate { changes } => Self::Reactivate { attributes: names(changes) },
            Action::Delete => Self::Delete { label: name() },
            Action::GrantRole { role } => Self::GrantRole { role: role.clone() },
            Action::RevokeRole { role } => Self::RevokeRole { role: role.clone() },
            Action::CreateGroup => Self::CreateGroup { name: name() },
            Action::AdoptGroup => Self::AdoptGroup { name: name() },
            Action::RenameGroup { from } => Self::RenameGroup { from: from.clone(), name: name() },
            Action::DeleteGroup => Self::DeleteGroup { name: name() },
            Action::AddMember { group, group_name } => {
                Self::AddMember { group: group.clone(), name: group_name.clone() }
            }
            Action::RemoveMember { group, group_name } => {
                Self::RemoveMember { group: group.clone(), name: group_name.clone() }
            }
        }
    }
}

/// In the words that plans and reports have for the action.
impl fmt::Display for Deed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Create => f.write_str("create"),
            Self::Adopt { matched_by } => write!(f, "adopt the account found by {matched_by}"),
            Self::Relink { from } => write!(f, "relink the account from the former id {from}"),
            Self::PassOn { to } => write!(f, "pass the account on to the directory id {to}"),
            Self::Update { attributes } if attributes.is_empty() => f.write_str("update"),
            Self::Update { attributes } => write!(f, "update {}", attributes.join(", ")),
            Self::Deactivate => f.write_str("deactivate"),
            Self::Reactivate { attributes } if attributes.is_empty() => f.write_str("reactivate"),
            Self::Reactivate { attributes } => write!(f, "reactivate {}", attributes.join(", ")),
            Self::Delete { .. } => f.write_str("delete"),
            Self::GrantRole { role } => write!(f, "grant the role {role}"),
            Self::RevokeRole { role } => write!(f, "revoke the role {role}"),
            Self::CreateGroup { .. } => f.write_str("create group"),
            Self::AdoptGroup { .. } => f.write_str("adopt group"),
            Self::RenameGroup { from, .. } => write!(f, "rename group from {from}"),
            Self::DeleteGroup { .. } => f.write_str("delete group"),
            Self::AddMember { name, .. } => write!(f, "add to the group {name}"),
            Self::RemoveMember { name, .. } => write!(f, "remove from the group {name}"),
        }
    }
}

/// The causes of a change, as the plan has them.
///
/// They are tagged, which a compact encoding cannot read, and plans and run records keep them as JSON already. So they
/// are JSON here too, as a text within what is not, but for the few that most changes have and that are one word.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Causes(pub Vec<Cause>);

/// Causes in a compact encoding.
#[derive(Serialize, Deserialize)]
enum Packed {
    Joined,
    Returned,
    AttributesChanged,
    MembershipChanged,
    Vanished,
    Given(#[serde(with = "compact_id")] DirectoryId, String),
    Lost(String),
    Json(String),
}

impl Packed {
    fn of(causes: &[Cause]) -> Result<Self, serde_json::Error> {
        Ok(match causes {
            [Cause::Joined] => Self::Joined,
            [Cause::Returned] => Self::Returned,
            [Cause::AttributesChanged] => Self::AttributesChanged,
            [Cause::MembershipChanged] => Self::MembershipChanged,
            [Cause::Left { leaving: crate::roster::Leaving::Vanished }] => Self::Vanished,
            [Cause::RoleGiven { through }] if matches!(&**through, [GrantCause::Group { .. }]) => match &through[0] {
                GrantCause::Group { id, name } => Self::Given(id.clone(), name.clone()),
                GrantCause::Default => Self::Json(serde_json::to_string(causes)?),
            },
            [Cause::RoleLost { groups }] if groups.len() == 1 => Self::Lost(groups[0].clone()),
            _ => Self::Json(serde_json::to_string(causes)?),
        })
    }

    fn unpack(self) -> Result<Vec<Cause>, serde_json::Error> {
        Ok(vec![match self {
            Self::Joined => Cause::Joined,
            Self::Returned => Cause::Returned,
            Self::AttributesChanged => Cause::AttributesChanged,
            Self::MembershipChanged => Cause::MembershipChanged,
            Self::Vanished => Cause::Left { leaving: crate::roster::Leaving::Vanished },
            Self::Given(id, name) => Cause::RoleGiven { through: vec![GrantCause::Group { id, name }] },
            Self::Lost(group) => Cause::RoleLost { groups: vec![group] },
            Self::Json(text) => return serde_json::from_str(&text),
        }])
    }
}

impl Serialize for Causes {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        Packed::of(&self.0).map_err(serde::ser::Error::custom)?.serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Causes {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let packed = Packed::deserialize(deserializer)?;
        packed.unpack().map(Self).map_err(serde::de::Error::custom)
    }
}

impl fmt::Display for Causes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let causes: Vec<String> = self.0.iter().map(ToString::to_string).collect();
        f.write_str(&causes.join("; "))
    }
}
