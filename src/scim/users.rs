//! Writing accounts: create, change, delete.
//!
//! A change is a PATCH of just what changes. Where the target takes none, the whole resource is read, changed and put
//! back with everything that was in it: what a PUT leaves out is cleared, and a PUT without `active` re-activates a
//! deactivated account on some targets.

use rollcall_kit::http::Repeat;
use rollcall_kit::{DirectoryId, attribute};
use serde_json::{Map, Value as Json, json};

use super::ask::Asked;
use super::client::ScimTarget;
use super::errors;
use super::key::Key;
use super::mapping::{Mapping, Wish, Wishes};
use super::place::{Place, set};
use super::profile::Profile;
use super::resource::Resource;
use super::roles::changed;
use super::verify::ACTIVE;
use super::wire::{Answer, Call};
use crate::apply::{WriteError, WriteFailure, Written};
use crate::plan::AttributeChange;
use crate::roster::Role;
use crate::roster::account::Attributes;

/// The schema of PATCH requests (RFC 7644, section 3.5.2).
const PATCH_OP: &str = "urn:ietf:params:scim:api:messages:2.0:PatchOp";

/// How often a change is worked out anew because somebody else changed the resource at the same time.
const ATTEMPTS: usize = 3;

/// An account that is to be created.
pub(super) struct NewAccount<'a> {
    /// Whose; becomes its `externalId`.
    pub(super) user: &'a DirectoryId,
    /// What it should hold.
    pub(super) attributes: &'a Attributes,
    /// Roles that it should have from the beginning.
    pub(super) roles: &'a [Role],
}

/// Whether an answer says that the target has no PATCH.
pub(super) fn knows_no_patch(answer: &Answer) -> bool {
    matches!(answer.status, 405 | 501)
}

/// A PATCH request of these operations.
pub(super) fn patch_request(operations: &[Json]) -> Json {
    json!({ "schemas": [PATCH_OP], "Operations": operations })
}

impl ScimTarget {
    /// What the target can do, before a write.
    pub(super) async fn profile_to(&self, what: &str) -> Result<Profile, WriteError> {
        self.profile().await.map_err(|error| errors::before_write(what, &error))
    }

    /// Sends a write and hands back whatever the target answers.
    pub(super) async fn send(&self, what: &str, call: Call<'_>) -> Result<Answer, WriteError> {
        call.send(&self.client).await.map_err(|error| errors::write_without_answer(what, &error))
    }

    /// Creates an account, with its roles where the target takes them so.
    pub(super) async fn create_account(&self, new: &NewAccount<'_>) -> Result<Written, WriteError> {
        let NewAccount { user, attributes, .. } = *new;
        let what = format!("create the account of {}", label(user, attributes));
        let profile = self.profile_to(&what).await?;
        let Some(user_name) = self.mapping.user_name(attributes) else {
            let detail = format!(
                "{what} is impossible: there is no {}, which becomes the userName",
                self.mapping.user_name_attribute()
            );
            return Err(errors::failed(WriteFailure::Refused, detail));
        };
        let Wishes { mut wishes, impossible } = self.mapping.of_account(attributes, &profile);
        let body = Mapping::body(user, user_name, &wishes);
        let (answer, carried) = self.post_user(&what, body, new, &profile).await?;
        if answer.status == 409 {
            return Err(self.conflict(&what, &answer, user, user_name, attributes).await);
        }
        let id = created(&what, &answer)?;
        let own = |name: &str, place, value: Json| Wish { attribute: name.to_owned(), place, value: Some(value) };
        for name in ["userName", self.mapping.user_name_attribute()] {
            wishes.push(own(name, Place::Plain("userName"), user_name.into()));
        }
        wishes.push(own("externalId", Place::Plain("externalId"), user.as_str().into()));
        wishes.push(own("active", ACTIVE, true.into()));
        let mut not_kept = impossible;
        match self.kept(&id, &wishes, &answer).await {
            Ok(lost) => not_kept.extend(lost),
            Err(WriteError { failure: WriteFailure::NotFound, detail }) => {
                return Err(errors::failed(WriteFailure::Unknown, detail));
            }
            // The account is there: its id must reach the ledger, whatever else is odd about it.
            Err(error) => not_kept.push(("active".to_owned(), error.detail)),
        }
        let has_roles = new.roles.is_empty() || (carried && self.kept_roles(&id, new.roles, &answer).await);
        let without_roles = !has_roles;
        Ok(Written { target_id: Some(id), not_kept, without_roles })
    }

    /// Sends a new user, and says whether its roles went along. A target that refuses them is told of the user alone: by a
    /// refusal like that it has done nothing.
    async fn post_user(
        &self,
        what: &str,
        mut body: Map<String, Json>,
        new: &NewAccount<'_>,
        profile: &Profile,
    ) -> Result<(Answer, bool), WriteError> {
        let Some(list) = self.role_list(profile).filter(|_| !new.roles.is_empty()) else {
            return Ok((self.send(what, Call::post(&["Users"], &Json::Object(body))).await?, false));
        };
        body.insert(list.to_owned(), changed(&[], new.roles, &[]).into());
        let answer = self.send(what, Call::post(&["Users"], &Json::Object(body.clone()))).await?;
        if !matches!(answer.status, 400 | 422) {
            return Ok((answer, true));
        }
        body.remove(list);
        let answer = self.send(what, Call::post(&["Users"], &Json::Object(body))).await?;
        if answer.is_done() {
            self.learn(|profile| profile.roles_in_create = Some(false));
        }
        Ok((answer, false))
    }

    /// What stands behind a conflict: targets say "taken", and not by whom.
    async fn conflict(
        &self,
        what: &str,
        answer: &Answer,
        user: &DirectoryId,
        user_name: &str,
        attributes: &Attributes,
    ) -> WriteError {
        let mut error = errors::write_refused(what, answer);
        let address = attributes.get(attribute::EMAIL).and_then(rollcall_kit::Value::as_text);
        let questions =
            [(Key::ExternalId, Some(user.as_str())), (Key::UserName, Some(user_name)), (Key::Email, address)];
        for (key, value) in questions {
            let Some(value) = value else { continue };
            let Ok(Asked::Matching(users)) = self.ask(key, value).await else { continue };
            if let Some(found) = users.first() {
                let state = if found.active() == Some(false) { "deactivated" } else { "active" };
                let (id, attribute) = (found.id().unwrap_or_default(), key.attribute());
                error.detail = format!(
                    "{}. The {state} account {id} has the {attribute} {value}; it was not there when the plan was made, \
                     or not found. Plan again to adopt it",
                    error.detail
                );
                return error;
            }
        }
        // Some targets compare names in a filter with regard to case, and in a conflict without. Their lists show all.
        self.learn(|profile| profile.unfilterable.extend([Key::UserName.attribute().to_owned()]));
        error.detail.push_str(
            ". Asked for its userName, address and externalId, the target shows no such account; plan again to seek it \
             in the whole list",
        );
        error
    }

    /// Changes an account.
    pub(super) async fn update_account(
        &self,
        target_id: &str,
        external_id: Option<&DirectoryId>,
        changes: &[AttributeChange],
        active: Option<bool>,
    ) -> Result<Written, WriteError> {
        let what = format!("update the account {target_id}");
        let profile = self.profile_to(&what).await?;
        let Wishes { wishes, impossible } = self.update_wishes(external_id, changes, active, &profile);
        let mut not_kept = impossible;
        if !wishes.is_empty() {
            let answer = self.bring_about(&what, target_id, &wishes).await?;
            not_kept.extend(self.kept(target_id, &wishes, &answer).await?);
        }
        Ok(Written { not_kept, ..Written::default() })
    }

    /// What an account should show after an update.
    pub(super) fn update_wishes(
        &self,
        external_id: Option<&DirectoryId>,
        changes: &[AttributeChange],
        active: Option<bool>,
        profile: &Profile,
    ) -> Wishes {
        let mut all = self.mapping.of_changes(changes, profile);
        let own = |name: &'static str, value: Json| Wish {
            attribute: name.to_owned(),
            place: Place::Plain(name),
            value: Some(value),
        };
        all.wishes.extend(external_id.map(|id| own("externalId", id.as_str().into())));
        all.wishes.extend(active.map(|active| own("active", active.into())));
        all
    }

    /// Sends wishes to a user, by PATCH or, where the target takes none, by PUT.
    pub(super) async fn bring_about(&self, what: &str, id: &str, wishes: &[Wish]) -> Result<Answer, WriteError> {
        if !self.profile_to(what).await?.patch {
            return self.put(what, id, wishes).await;
        }
        // A path into a multi-valued attribute works only if its entry is there, so that has to be seen first.
        let current = match wishes.iter().any(|wish| matches!(wish.place, Place::Entry { .. })) {
            true => Some(self.current(what, id).await?.0),
            false => None,
        };
        let operations = |whole: bool| -> Vec<Json> {
            wishes.iter().map(|wish| wish.place.operation(current.as_ref(), wish.value.as_ref(), whole)).collect()
        };
        let mut answer = self.patch_user(what, id, &operations(false)).await?;
        let path_refused = answer.status == 400 && answer.is_type(&["invalidPath", "noTarget", "invalidFilter"]);
        if path_refused && operations(true) != operations(false) {
            answer = self.patch_user(what, id, &operations(true)).await?;
        }
        if knows_no_patch(&answer) {
            self.learn(|profile| profile.patch = false);
            return self.put(what, id, wishes).await;
        }
        accepted(what, answer)
    }

    async fn patch_user(&self, what: &str, id: &str, operations: &[Json]) -> Result<Answer, WriteError> {
        let answer = self.send(what, Call::patch(&["Users", id], &patch_request(operations), Repeat::Safe)).await?;
        let shows = answer.resource().is_some();
        if answer.is_done() && self.known().answers_patch != Some(shows) {
            self.learn(|profile| profile.answers_patch = Some(shows));
        }
        Ok(answer)
    }

    /// Reads the whole user, brings the wishes in, and puts it back.
    async fn put(&self, what: &str, id: &str, wishes: &[Wish]) -> Result<Answer, WriteError> {
        for _ in 0..ATTEMPTS {
            let (user, read) = self.current(what, id).await?;
            let mut body = user.into_members();
            // Only the target writes these; strict ones refuse them from anybody else.
            set(&mut body, "meta", None);
            set(&mut body, "groups", None);
            for wish in wishes {
                wish.place.write(&mut body, wish.value.as_ref());
            }
            let version = read.etag.filter(|_| self.known().etag);
            let answer = self.send(what, Call::put(&["Users", id], &Json::Object(body)).only_if(version)).await?;
            if answer.status != 412 {
                return accepted(what, answer);
            }
        }
        let detail = format!("{what} was given up: somebody else changed it {ATTEMPTS} times in the meantime");
        Err(errors::failed(WriteFailure::NotNow, detail))
    }

    /// A user as it is now, before it is changed.
    pub(super) async fn current(&self, what: &str, id: &str) -> Result<(Resource, Answer), WriteError> {
        match self.read_resource("Users", id).await {
            Ok(Some(found)) => Ok(found),
            Ok(None) => Err(errors::failed(
                WriteFailure::NotFound,
                format!("{what} is impossible: the target does not find it"),
            )),
            Err(error) => Err(errors::before_write(what, &error)),
        }
    }

    /// Deletes a user or a group. What is not there any more is deleted.
    pub(super) async fn delete(&self, kind: &str, id: &str) -> Result<Written, WriteError> {
        let what = format!("delete {kind}/{id}");
        let answer = self.send(&what, Call::delete(&[kind, id])).await?;
        if answer.is_done() || matches!(answer.status, 404 | 410) {
            return Ok(Written::default());
        }
        Err(errors::write_refused(&what, &answer))
    }
}

/// An answer to a change that can be compared now: 202 too, which the comparison then judges by what is there.
pub(super) fn accepted(what: &str, answer: Answer) -> Result<Answer, WriteError> {
    if answer.is_done() || answer.status == 202 { Ok(answer) } else { Err(errors::write_refused(what, &answer)) }
}

/// The id of what was created.
pub(super) fn created(what: &str, answer: &Answer) -> Result<String, WriteError> {
    if !answer.is_done() {
        let mut error = errors::write_refused(what, answer);
        if error.failure == WriteFailure::NotFound {
            // There is nothing yet that could be missing: the place itself is.
            error = errors::failed(
                WriteFailure::Refused,
                format!("{what}: the target's url leads nowhere ({})", answer.status),
            );
        }
        return Err(error);
    }
    answer.resource().and_then(|resource| resource.id()).or_else(|| answer.location_id.clone()).ok_or_else(|| {
        let detail = format!("{what}: the target answered {} without the id of what it created", answer.status);
        errors::failed(WriteFailure::Unknown, detail)
    })
}

/// What an error calls the owner of an account.
fn label(user: &DirectoryId, attributes: &Attributes) -> String {
    let address = attributes.get(attribute::EMAIL).and_then(rollcall_kit::Value::as_text);
    address.map_or_else(|| user.to_string(), str::to_owned)
}
