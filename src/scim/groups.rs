//! Groups: create, find, rename. Their members are in [`super::members`].
//!
//! Groups are changed by PATCH or not at all: a PUT of a group does nothing on one target, and wipes its members on
//! another. Many targets take a second group of the same name, so a name is looked up before it is created, and two of
//! one name are an error and never a pick.

use rollcall_kit::http::Repeat;
use serde_json::{Value as Json, json};

use super::client::ScimTarget;
use super::discovery::GROUP;
use super::errors;
use super::filter;
use super::paging::List;
use super::place::operation;
use super::resource::{Page, Resource};
use super::users::{accepted, created, knows_no_patch, patch_request};
use super::wire::{Answer, Call};
use crate::apply::{TargetError, WriteError, WriteFailure, Written};

impl ScimTarget {
    /// Creates a group without members.
    pub(super) async fn create_group(&self, name: &str, external_id: &str) -> Result<Written, WriteError> {
        let what = format!("create the group {name:?}");
        if !self.profile_to(&what).await?.groups {
            let detail = format!("{what} is impossible: the target has no groups");
            return Err(errors::failed(WriteFailure::Refused, detail));
        }
        let body = json!({ "schemas": [GROUP], "displayName": name, "externalId": external_id });
        let answer = self.send(&what, Call::post(&["Groups"], &body)).await?;
        let id = created(&what, &answer)?;
        let shown = answer.resource().and_then(|group| group.text("displayName").map(str::to_owned));
        let not_kept = match shown {
            Some(shown) if shown != name => {
                vec![("displayName".to_owned(), format!("the target calls the group {shown:?} instead of {name:?}"))]
            }
            _ => Vec::new(),
        };
        Ok(Written { target_id: Some(id), not_kept, ..Written::default() })
    }

    /// Gives a group another name.
    pub(super) async fn rename_group(&self, id: &str, name: &str) -> Result<Written, WriteError> {
        let what = format!("rename the group {id} to {name:?}");
        let answer = self.patch_group(&what, id, &[operation("displayName", Some(&name.into()))], Repeat::Safe).await?;
        let answer = accepted(&what, answer)?;
        let shown = match answer.resource().filter(|group| answer.is_done() && group.text("displayName").is_some()) {
            Some(group) => Some(group),
            None => self.group_after(&what, id, answer.status).await?,
        };
        match shown.as_ref().and_then(|group| group.text("displayName")) {
            Some(shown) if shown == name => Ok(Written::default()),
            shown => {
                let shown = shown.unwrap_or_default();
                let detail =
                    format!("the target answered {}, but the group {id} is still called {shown:?}", answer.status);
                let failure = if answer.status == 202 { WriteFailure::Unknown } else { WriteFailure::Refused };
                Err(errors::failed(failure, detail))
            }
        }
    }

    /// The one group of exactly this name.
    pub(super) async fn group_named(&self, name: &str) -> Result<Option<String>, TargetError> {
        let ids = self.groups_by("displayName", name).await?;
        match ids.as_slice() {
            [] => Ok(None),
            [id] => Ok(Some(id.clone())),
            several => Err(errors::unreliable(
                &format!("the group {name:?}"),
                format!("there are {} groups of this name: {}", several.len(), several.join(", ")),
            )),
        }
    }

    /// The ids of the groups whose attribute is exactly this.
    pub(super) async fn groups_by(&self, attribute: &str, value: &str) -> Result<Vec<String>, TargetError> {
        let is_it = |group: &&Resource| group.text(attribute) == Some(value);
        let ids = |groups: &[Resource]| groups.iter().filter(is_it).filter_map(Resource::id).collect::<Vec<_>>();
        if self.profile().await?.filter {
            let filter = filter::equals(attribute, value);
            let answer = self.matching("Groups", &filter).await?;
            if answer.status == 200
                && let Ok(page) = Page::read(&answer.json)
                && page.total.is_none_or(|total| total <= page.resources.len())
                && page.next_cursor.is_none()
                // Names of groups may be compared without regard to case; that is no sign of an ignored filter.
                && page.resources.iter().all(|group| {
                    group.text(attribute).is_some_and(|shown| shown.to_lowercase() == value.to_lowercase())
                })
                && !(page.resources.is_empty() && filter::is_delicate(value))
            {
                return Ok(ids(&page.resources));
            }
            if matches!(answer.status, 401 | 429 | 500..=599) && answer.status != 501 {
                return Err(errors::refused(&format!("the groups where {filter}"), &answer));
            }
        }
        Ok(ids(&self.walk(List::GROUPS, |group| is_it(&&group).then_some(group)).await?))
    }

    /// Sends a PATCH to a group.
    pub(super) async fn patch_group(
        &self,
        what: &str,
        id: &str,
        operations: &[Json],
        repeat: Repeat,
    ) -> Result<Answer, WriteError> {
        let profile = self.profile_to(what).await?;
        if profile.patch {
            let answer = self.send(what, Call::patch(&["Groups", id], &patch_request(operations), repeat)).await?;
            if !knows_no_patch(&answer) {
                return Ok(answer);
            }
        }
        let detail =
            format!("{what} is impossible: the target takes no PATCH, and a PUT could wipe the group's members");
        Err(errors::failed(WriteFailure::Refused, detail))
    }

    /// A group, read back after a write.
    pub(super) async fn group_after(&self, what: &str, id: &str, status: u16) -> Result<Option<Resource>, WriteError> {
        match self.read_resource("Groups", id).await {
            Ok(Some((group, _))) => Ok(Some(group)),
            Ok(None) => {
                Err(errors::failed(WriteFailure::NotFound, format!("{what}: the target does not find the group")))
            }
            Err(error) => {
                let detail =
                    format!("{what}: the target answered {status}, but the group could not be read back: {error}");
                Err(errors::failed(WriteFailure::Unknown, detail))
            }
        }
    }
}
