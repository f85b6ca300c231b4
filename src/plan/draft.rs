//! Drafts: changes before they are ordered and numbered.
//!
//! A draft says what it needs and what it provides in words ("the account of u7"), not in numbers, so that the rooms
//! that draft need not know each other's order. [`super::order`] turns the words into numbers.

use rollcall_kit::{DirectoryId, Value};
use serde::{Deserialize, Serialize};

use super::change::{Action, Cause, GroupKey, Subject, attribute_changes};
use super::compact::{AsAction, AsSubject, in_json};
use super::packed::Pack;
use super::settings::PlanSettings;
use crate::roster::Role;
use crate::roster::account::Attributes;

/// Something that one change brings about and another needs.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) enum Milestone {
    /// The user's account is ours and active.
    Account(DirectoryId),
    /// The group is ours.
    Group(GroupKey),
    /// The user has lost the role.
    Revoked(DirectoryId, Role),
}

/// A value that only one may have at a time: the attribute (or `group`), and the value, folded.
pub(super) type Unique = (String, String);

/// A change before it is ordered and numbered.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Draft {
    #[serde(with = "AsSubject")]
    pub(super) subject: Subject,
    #[serde(with = "AsAction")]
    pub(super) action: Action,
    #[serde(with = "in_json")]
    pub(super) causes: Vec<Cause>,
    /// What must be brought about before, by a change of the same plan.
    pub(super) needs: Vec<Milestone>,
    /// Unique values that it takes.
    pub(super) takes: Vec<Unique>,
    /// Unique values that it frees.
    pub(super) frees: Vec<Unique>,
}

impl Pack for Draft {}

impl Draft {
    /// A draft that needs nothing and neither takes nor frees a unique value.
    pub(super) fn new(subject: Subject, action: Action, causes: Vec<Cause>) -> Self {
        Self { subject, action, causes, needs: Vec::new(), takes: Vec::new(), frees: Vec::new() }
    }

    /// The same, after these milestones.
    pub(super) fn needing(mut self, needs: Vec<Milestone>) -> Self {
        self.needs = needs;
        self
    }

    /// Works out anew which unique attribute values the change takes and frees.
    pub(super) fn with_unique_values(mut self, settings: &PlanSettings) -> Self {
        self.takes.clear();
        self.frees.clear();
        match &self.action {
            Action::Create { attributes } => self.takes = unique_values(attributes, settings),
            action => {
                for change in attribute_changes(action).iter().filter(|change| settings.is_unique(&change.attribute)) {
                    let before = change.before.as_ref().and_then(|value| unique(&change.attribute, value));
                    let after = change.after.as_ref().and_then(|value| unique(&change.attribute, value));
                    if before != after {
                        self.frees.extend(before);
                        self.takes.extend(after);
                    }
                }
            }
        }
        self
    }

    /// What the change brings about.
    pub(super) fn provides(&self) -> Option<Milestone> {
        match (&self.subject, &self.action) {
            (
                Subject::Account { user, .. },
                Action::Create { .. } | Action::Adopt { .. } | Action::Relink { .. } | Action::Reactivate { .. },
            ) => Some(Milestone::Account(user.clone())),
            (Subject::Account { user, .. }, Action::RevokeRole { role }) => {
                Some(Milestone::Revoked(user.clone(), role.clone()))
            }
            (Subject::Group { key, .. }, Action::CreateGroup | Action::AdoptGroup) => {
                Some(Milestone::Group(key.clone()))
            }
            _ => None,
        }
    }
}

/// The unique values among attributes.
pub(super) fn unique_values(attributes: &Attributes, settings: &PlanSettings) -> Vec<Unique> {
    let unique_ones = attributes.iter().filter(|(name, _)| settings.is_unique(name));
    unique_ones.filter_map(|(name, value)| unique(name, value)).collect()
}

/// A value as it is compared for uniqueness: SCIM user names and addresses are the same in any case.
fn unique(name: &str, value: &Value) -> Option<Unique> {
    value.as_text().map(|text| (name.to_owned(), text.to_lowercase()))
}

/// The name of a group as a unique value.
pub(super) fn group_name(name: &str) -> Unique {
    ("group".to_owned(), name.to_lowercase())
}
