//! Roles that are delivered as an attribute of the account: `roles` or `entitlements`.
//!
//! Other people's roles stand in the same list. So the list is read, only ours are changed in it, and it is sent back
//! as a whole: adding to the list doubles entries on some targets, and removing by a path is refused by others. New
//! entries carry a value and no type, because targets refuse types that they do not know.

use serde_json::{Value as Json, json};

use super::client::ScimTarget;
use super::errors;
use super::mapping::Wish;
use super::place::Place;
use super::profile::Profile;
use super::resource::{Resource, entry_value};
use super::wire::Answer;
use crate::apply::{WriteError, WriteFailure, Written};
use crate::roster::Role;

impl ScimTarget {
    /// The list in which a new account brings its roles along, if the target is not known to lose them.
    pub(super) fn role_list(&self, profile: &Profile) -> Option<&'static str> {
        let list = self.mapping.roles()?;
        (profile.roles_in_create != Some(false) && profile.holds(list)).then_some(list)
    }

    /// Whether a new account shows the roles that it was created with. A target that lost them is not trusted with any
    /// again.
    pub(super) async fn kept_roles(&self, id: &str, roles: &[Role], answer: &Answer) -> bool {
        let Some(list) = self.mapping.roles() else { return false };
        let answered = answer.resource().filter(|user| user.id().as_deref() == Some(id) && answer.is_done());
        if answered.is_some_and(|user| shows(&user, list, roles, &[])) {
            return true;
        }
        // Some answer without what they keep. If it cannot be read, it is set again: that does no harm.
        let Ok(Some(user)) = self.read_user(id).await else { return false };
        let kept = shows(&user, list, roles, &[]);
        if !kept {
            self.learn(|profile| profile.roles_in_create = Some(false));
        }
        kept
    }

    /// Gives and takes roles of one account.
    pub(super) async fn set_roles(
        &self,
        target_id: &str,
        grant: &[Role],
        revoke: &[Role],
    ) -> Result<Written, WriteError> {
        let what = format!("set the roles of the account {target_id}");
        let Some(attribute) = self.mapping.roles() else {
            let detail = format!("{what} is impossible: the settings deliver roles through groups");
            return Err(errors::failed(WriteFailure::Refused, detail));
        };
        let profile = self.profile_to(&what).await?;
        let (user, _) = self.current(&what, target_id).await?;
        let before = user.list(attribute);
        let after = changed(before, grant, revoke);
        if after.as_slice() == before {
            return Ok(Written::default());
        }
        if before.is_empty() && !profile.holds(attribute) {
            let sentence = format!("the target's schemas have no place for {attribute}, so they were not sent");
            return Ok(lost_roles(attribute, sentence));
        }
        let wish = Wish {
            attribute: attribute.to_owned(),
            place: Place::Plain(attribute),
            value: (!after.is_empty()).then_some(Json::Array(after)),
        };
        let answer = self.bring_about(&what, target_id, &[wish]).await?;
        // A role that is still there after it was revoked is access: like a deactivation, it is read back.
        let shown = answer.resource().filter(|user| {
            answer.is_done()
                && user.id().as_deref() == Some(target_id)
                && revoke.is_empty()
                && shows(user, attribute, grant, revoke)
        });
        let user = match shown {
            Some(user) => user,
            None => {
                self.current(&what, target_id)
                    .await
                    .map_err(|error| WriteError {
                        failure: WriteFailure::Unknown,
                        detail: format!("the target answered {}, but {}", answer.status, error.detail),
                    })?
                    .0
            }
        };
        judge(&user, attribute, grant, revoke, answer.status)
    }
}

/// The list with ours brought in and taken out; the entries of others stay as they are.
pub(super) fn changed(before: &[Json], grant: &[Role], revoke: &[Role]) -> Vec<Json> {
    let named =
        |entry: &Json, roles: &[Role]| entry_value(entry).is_some_and(|value| roles.iter().any(|role| role.0 == value));
    let mut after: Vec<Json> = before.iter().filter(|entry| !named(entry, revoke)).cloned().collect();
    for role in grant {
        if !after.iter().any(|entry| entry_value(entry) == Some(&role.0)) {
            after.push(json!({ "value": role.0 }));
        }
    }
    after
}

/// Whether a user shows every role that was given and none that was taken.
pub(super) fn shows(user: &Resource, attribute: &str, grant: &[Role], revoke: &[Role]) -> bool {
    let values = user.values(attribute);
    let has = |role: &Role| values.contains(&role.0.as_str());
    grant.iter().all(has) && !revoke.iter().any(has)
}

/// What became of a change of roles. A role that stays after it was taken is a failure; one that was given and is
/// not shown is a note, because many targets keep no roles at all.
fn judge(
    user: &Resource,
    attribute: &str,
    grant: &[Role],
    revoke: &[Role],
    status: u16,
) -> Result<Written, WriteError> {
    let values = user.values(attribute);
    let names = |roles: &[Role], shown: bool| -> Vec<String> {
        roles
            .iter()
            .filter(|role| values.contains(&role.0.as_str()) == shown)
            .map(|role| format!("{:?}", role.0))
            .collect()
    };
    let (kept, lost) = (names(revoke, true), names(grant, false));
    if !kept.is_empty() {
        let detail = format!("the target answered {status}, but still shows {} in {attribute}", kept.join(", "));
        let failure = if status == 202 { WriteFailure::Unknown } else { WriteFailure::Refused };
        return Err(errors::failed(failure, detail));
    }
    if lost.is_empty() {
        return Ok(Written::default());
    }
    if status == 202 {
        let detail = format!("the target answered 202 and does not show {} in {attribute} yet", lost.join(", "));
        return Err(errors::failed(WriteFailure::Unknown, detail));
    }
    let sentence = format!("the target answered {status} and kept no {} in {attribute}", lost.join(", "));
    Ok(lost_roles(attribute, sentence))
}

fn lost_roles(attribute: &str, sentence: String) -> Written {
    Written { not_kept: vec![(attribute.to_owned(), sentence)], ..Written::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn roles(names: &[&str]) -> Vec<Role> {
        names.iter().map(|&name| Role(name.to_owned())).collect()
    }

    #[test]
    fn only_ours_are_changed_and_the_others_stay_as_they_are() {
        let before =
            [json!({"value": "boss", "type": "theirs", "primary": true}), json!({"value": "editor"}), json!("old")];
        assert_eq!(
            changed(&before, &roles(&["viewer", "boss"]), &roles(&["editor", "absent"])),
            [json!({"value": "boss", "type": "theirs", "primary": true}), json!("old"), json!({"value": "viewer"}),]
        );
    }

    #[test]
    fn a_role_that_stays_is_a_failure_and_one_that_does_not_come_is_a_note() {
        let user = Resource::new(json!({"id": "1", "roles": [{"value": "editor"}]})).unwrap();
        assert!(judge(&user, "roles", &[], &roles(&["editor"]), 200).is_err());
        let written = judge(&user, "roles", &roles(&["viewer"]), &[], 200).unwrap();
        assert_eq!(written.not_kept[0].0, "roles");
        assert_eq!(judge(&user, "roles", &roles(&["editor"]), &roles(&["viewer"]), 200).unwrap(), Written::default());
    }
}
