//! Groups and their members.
//!
//! Members are added by one `add` of an array at `members` and removed by `remove` at `members[value eq "…"]`: the
//! pair that works on every target that shows members, but for a few that want a list of values. A group is never
//! PUT and its members are never replaced: on one target or another that does nothing, appends, or wipes. What
//! members a group has is known from the ledger, not from the target, which may hide them or show a hundred of them.

use rollcall_kit::http::Repeat;
use serde_json::{Value as Json, json};

use super::client::ScimTarget;
use super::discovery::GROUP;
use super::errors;
use super::filter::quoted;
use super::place::operation;
use super::profile::MemberRemoval;
use super::resource::Resource;
use super::users::{accepted, created, knows_no_patch, patch_request};
use super::wire::{Answer, Call};
use crate::apply::{WriteError, WriteFailure, Written};

/// Targets that show only so many members of a group: whoever is missing from a list this long may still be in it.
const SHOWN_AT_MOST: usize = 100;

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
        Ok(Written { target_id: Some(id), not_kept })
    }

    /// Gives a group another name.
    pub(super) async fn rename_group(&self, id: &str, name: &str) -> Result<Written, WriteError> {
        let what = format!("rename the group {id} to {name:?}");
        let answer =
            self.patch_group(&what, id, vec![operation("displayName", Some(&name.into()))], Repeat::Safe).await?;
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

    /// Brings members in and out. Removals come first: they take access away.
    pub(super) async fn change_members(
        &self,
        id: &str,
        add: &[String],
        remove: &[String],
    ) -> Result<Written, WriteError> {
        let what = format!("change the members of the group {id}");
        let bound = self.members_bound();
        let mut status = 0;
        for part in remove.chunks(bound) {
            status = self.remove_members(&what, id, part).await?.map_or(status, |answer| answer.status);
        }
        let mut answer = None;
        for part in add.chunks(bound) {
            let members: Json = part.iter().map(|member| json!({ "value": member })).collect();
            let operations = vec![json!({ "op": "add", "path": "members", "value": members })];
            // Some targets list a member twice who is added twice, so this is not sent again blindly.
            let sent = accepted(&what, self.patch_group(&what, id, operations, Repeat::Never).await?)?;
            status = sent.status;
            answer = Some(sent);
        }
        self.members_took(&what, id, add, remove, status, answer).await?;
        Ok(Written::default())
    }

    fn members_bound(&self) -> usize {
        self.settings.members_per_request.max(1)
    }

    /// Removes members by whichever shape the target takes. Who is not in the group is removed.
    async fn remove_members(&self, what: &str, id: &str, members: &[String]) -> Result<Option<Answer>, WriteError> {
        let mut shape = self.profile_to(what).await?.member_removal;
        let mut answer = self.patch_group(what, id, removals(shape, members), Repeat::Safe).await?;
        let shape_refused = answer.status == 400 && !answer.is_type(&["noTarget"]);
        if shape_refused && shape == MemberRemoval::ByPath {
            shape = MemberRemoval::ByValue;
            let second = self.patch_group(what, id, removals(shape, members), Repeat::Safe).await?;
            if second.is_done() {
                self.learn(|profile| profile.member_removal = shape);
                answer = second;
            }
        }
        if answer.is_type(&["noTarget"]) {
            if members.len() == 1 {
                return Ok(None);
            }
            // One of them is gone already, and a PATCH is all or nothing: the others are removed one by one.
            for member in members {
                let one = std::slice::from_ref(member);
                let answer = self.patch_group(what, id, removals(shape, one), Repeat::Safe).await?;
                if !answer.is_type(&["noTarget"]) {
                    accepted(what, answer)?;
                }
            }
            return Ok(None);
        }
        accepted(what, answer).map(Some)
    }

    async fn patch_group(
        &self,
        what: &str,
        id: &str,
        operations: Vec<Json>,
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

    /// Compares the members with what was sent, where the target shows them. Reading a large group back after each
    /// write would cost more than the write, so a 204 is looked behind only until it was once seen to be true.
    async fn members_took(
        &self,
        what: &str,
        id: &str,
        add: &[String],
        remove: &[String],
        status: u16,
        answer: Option<Answer>,
    ) -> Result<(), WriteError> {
        let shown = answer.and_then(|answer| answer.resource()).filter(|group| !group.list("members").is_empty());
        let read_back = shown.is_none();
        if read_back && self.known().shows_members.is_some() && status != 202 {
            return Ok(());
        }
        let group = match shown {
            Some(group) => Some(group),
            None => self.group_after(what, id, status).await?,
        };
        let members = group.as_ref().map(|group| group.values("members")).unwrap_or_default();
        let has = |member: &String| members.contains(&member.as_str());
        if let Some(stays) = remove.iter().find(|member| has(member) && !add.contains(member)) {
            return Err(members_ignored(id, status, &format!("still lists {stays}")));
        }
        if members.is_empty() && !add.is_empty() {
            self.learn(|profile| profile.shows_members = Some(false));
            return Ok(());
        }
        if members.len() < SHOWN_AT_MOST
            && let Some(missing) = add.iter().find(|member| !has(member))
        {
            return Err(members_ignored(id, status, &format!("does not list {missing}")));
        }
        if !add.is_empty() {
            self.learn(|profile| profile.shows_members = Some(true));
        }
        Ok(())
    }

    /// A group, read back after a write.
    async fn group_after(&self, what: &str, id: &str, status: u16) -> Result<Option<Resource>, WriteError> {
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

fn members_ignored(id: &str, status: u16, how: &str) -> WriteError {
    let failure = if status == 202 { WriteFailure::Unknown } else { WriteFailure::Refused };
    errors::failed(failure, format!("the target answered {status}, but the group {id} {how}"))
}

/// The operations that remove members.
fn removals(shape: MemberRemoval, members: &[String]) -> Vec<Json> {
    match shape {
        MemberRemoval::ByPath => {
            members.iter().map(|member| operation(&format!("members[value eq {}]", quoted(member)), None)).collect()
        }
        MemberRemoval::ByValue => {
            let values: Json = members.iter().map(|member| json!({ "value": member })).collect();
            vec![json!({ "op": "remove", "path": "members", "value": values })]
        }
    }
}
