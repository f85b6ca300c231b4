//! What a comparison with the target left behind for the plans that follow it.
//!
//! The ledger was told what stands in the target; here is why, so that a plan can say "edited in the application"
//! instead of "changed in the directory", whichever run it is made by, and so that an edit is given back to whoever
//! made it when the directory loses its authority before it was undone.

use std::borrow::Cow;
use std::collections::BTreeMap;

use rollcall_kit::{DirectoryId, Value};
use serde::{Deserialize, Serialize};

use super::attributes::is_same;
use super::change::{Action, Cause, Change, attribute_changes};
use super::changes::Changes;
use super::drift::{Authority, Becomes, ByHand, Drifted, Edit};
use super::ledger::LedgerAccount;

/// What was found and is to be dealt with.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Found {
    /// The edits, in the order of their owners' ids.
    pub edits: Vec<Drifted>,
}

impl Found {
    /// Whether this value was overwritten before, and the target did not keep what was written.
    pub(super) fn was_not_kept(&self, user: &DirectoryId, name: &str, value: Option<&Value>) -> bool {
        self.of(user).any(|found| match &found.edit {
            Edit::Attribute { attribute, found: was, .. } => {
                found.becomes == Becomes::NotKept && attribute == name && is_same(name, was.as_ref(), value)
            }
            _ => false,
        })
    }

    /// People whose accounts were deleted, and who get no other one, with what a report calls them.
    #[must_use]
    pub fn left_deleted(&self) -> BTreeMap<DirectoryId, String> {
        let left = self.edits.iter().filter(|found| found.becomes == Becomes::LeftDeleted);
        left.map(|found| (found.user.clone(), found.label.clone())).collect()
    }

    pub(super) fn of(&self, user: &DirectoryId) -> impl Iterator<Item = &Drifted> {
        let from = self.edits.partition_point(|found| found.user < *user);
        let user = user.clone();
        self.edits[from..].iter().take_while(move |found| found.user == user)
    }

    /// Names in each change what somebody did in the application, where that is its cause.
    pub fn name_causes(&self, changes: &mut Changes) {
        if self.edits.is_empty() {
            return;
        }
        changes.alter(|change| {
            let Some(user) = change.subject.user().cloned() else { return };
            let edits: Vec<&Drifted> = self.of(&user).filter(|found| found.becomes.is_told()).collect();
            for hand in by_hand(&change.action, &edits) {
                name_cause(change, &hand);
            }
        });
    }

    /// Takes out what these changes dealt with. The notes of a change tell that the target did not keep what was
    /// written, which is not tried for ever.
    #[must_use]
    pub fn without<'c>(mut self, done: impl IntoIterator<Item = (Cow<'c, Change>, bool)>) -> Self {
        for (change, kept) in done {
            let Some(user) = change.subject.user() else { continue };
            for found in self.edits.iter_mut().filter(|found| found.user == *user) {
                if !kept
                    && !by_hand(&change.action, &[found]).is_empty()
                    && matches!(found.edit, Edit::Attribute { .. })
                {
                    found.becomes = Becomes::NotKept;
                }
            }
            self.edits.retain(|found| {
                found.user != *user || found.becomes == Becomes::NotKept || by_hand(&change.action, &[found]).is_empty()
            });
        }
        self
    }

    /// Takes out the edits over which the directory is no authority any more, and yields the ledger's entries as they
    /// were before they were told of them: so these edits stay.
    pub fn given_back(
        &mut self,
        authority: &Authority,
        ledger: impl Fn(&DirectoryId) -> Option<LedgerAccount>,
    ) -> Vec<LedgerAccount> {
        let mut restored: BTreeMap<DirectoryId, LedgerAccount> = BTreeMap::new();
        self.edits.retain(|found| {
            let name = match &found.edit {
                Edit::Attribute { attribute, .. } => attribute.as_str(),
                Edit::RoleGranted { .. } | Edit::RoleRevoked { .. } => super::drift::ROLES,
                Edit::Deactivated => super::drift::ACTIVE,
                Edit::Activated | Edit::Deleted => return true,
            };
            let by_authority = matches!(found.becomes, Becomes::Undone | Becomes::OnReturn);
            if !by_authority || authority.covers(name) {
                return true;
            }
            let account = restored.get(&found.user).cloned().or_else(|| ledger(&found.user));
            if let Some(account) = account {
                restored.insert(found.user.clone(), as_we_left_it(account, &found.edit));
            }
            false
        });
        restored.into_values().collect()
    }
}

/// The ledger's entry without what it was told of this edit.
pub(super) fn as_we_left_it(mut account: LedgerAccount, edit: &Edit) -> LedgerAccount {
    match edit {
        Edit::Attribute { attribute, wrote, found, .. } if account.written.get(attribute) == found.as_ref() => {
            match wrote {
                Some(value) => drop(account.written.insert(attribute.clone(), value.clone())),
                None => drop(account.written.remove(attribute)),
            }
        }
        Edit::RoleGranted { role } => drop(account.roles.remove(role)),
        Edit::RoleRevoked { role } => drop(account.roles.insert(role.clone())),
        Edit::Deactivated => account.active = true,
        Edit::Activated => account.active = false,
        _ => {}
    }
    account
}

/// What of these edits a change deals with.
fn by_hand(action: &Action, edits: &[&Drifted]) -> Vec<ByHand> {
    let any = |is: &dyn Fn(&Edit) -> bool| edits.iter().any(|found| is(&found.edit));
    let hand = match action {
        Action::Deactivate => any(&|edit| *edit == Edit::Activated).then_some(ByHand::Activated),
        Action::Reactivate { .. } => any(&|edit| *edit == Edit::Deactivated).then_some(ByHand::Deactivated),
        Action::Create { .. } | Action::Adopt { .. } => any(&|edit| *edit == Edit::Deleted).then_some(ByHand::Deleted),
        Action::GrantRole { role } => {
            any(&|edit| *edit == Edit::RoleRevoked { role: role.clone() }).then_some(ByHand::TookRole)
        }
        Action::RevokeRole { role } => {
            any(&|edit| *edit == Edit::RoleGranted { role: role.clone() }).then_some(ByHand::GaveRole)
        }
        _ => None,
    };
    let overwritten = attribute_changes(action).iter().filter(|change| {
        any(&|edit| match edit {
            Edit::Attribute { attribute, found, .. } => *attribute == change.attribute && *found == change.before,
            _ => false,
        })
    });
    let attributes: Vec<String> = overwritten.map(|change| change.attribute.clone()).collect();
    let edited = (!attributes.is_empty()).then_some(ByHand::Edited { attributes });
    edited.into_iter().chain(hand).collect()
}

/// Puts the cause where it belongs: in front where it is the whole reason, behind it where it is not.
fn name_cause(change: &mut Change, hand: &ByHand) {
    let cause = Cause::ByHand { what: hand.clone() };
    match hand {
        // That they left is what decides.
        ByHand::Activated => change.causes.push(cause),
        // They were never away.
        ByHand::Deactivated => {
            change.causes.retain(|cause| *cause != Cause::Returned);
            change.causes.insert(0, cause);
        }
        ByHand::Edited { attributes } => {
            let real = attribute_changes(&change.action).iter().filter(|change| change.is_real());
            if real.count() == attributes.len() {
                change.causes.retain(|cause| *cause != Cause::AttributesChanged);
            }
            change.causes.insert(0, cause);
        }
        ByHand::GaveRole | ByHand::TookRole | ByHand::Deleted => change.causes.insert(0, cause),
    }
}
