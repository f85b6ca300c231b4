//! Members of groups.
//!
//! Members are added by one `add` of an array at `members` and removed by `remove` at `members[value eq "…"]`: the
//! pair that works on every target that shows members, but for a few that want a list of values. Members are never
//! replaced as a whole: on one target or another that does nothing, appends, or wipes. Who is in a group is known from
//! the ledger, not from the target, which may hide its members or show a hundred of them.

use std::collections::BTreeSet;

use rollcall_kit::http::Repeat;
use serde_json::{Value as Json, json};

use super::client::ScimTarget;
use super::errors;
use super::filter::quoted;
use super::place::operation;
use super::profile::MemberRemoval;
use super::resource::Resource;
use super::users::accepted;
use super::wire::Answer;
use crate::apply::{Members, TargetError, WriteError, WriteFailure, Written};

/// Targets that show only so many members of a group: whoever is missing from a list this long may still be in it.
const SHOWN_AT_MOST: usize = 100;

/// A list that ends because it may not be longer has a round number of entries.
const CAPS_ARE_MULTIPLES_OF: usize = 50;

/// What was asked of a group, for the comparison afterwards.
struct Asked<'a> {
    id: &'a str,
    add: &'a [String],
    remove: &'a [String],
}

impl ScimTarget {
    /// Brings members in and out. Removals come first: they take access away.
    pub(super) async fn change_members(
        &self,
        id: &str,
        add: &[String],
        remove: &[String],
    ) -> Result<Written, WriteError> {
        let what = format!("change the members of the group {id}");
        let mut last = None;
        let mut parts = self.parts(remove);
        while let Some(part) = parts.pop() {
            match self.remove_members(&what, id, part).await? {
                Some(answer) if too_large(&answer, part) => halve(part, &mut parts),
                Some(answer) => drop(last.insert(accepted(&what, answer)?.status)),
                None => {}
            }
        }
        let mut answer = None;
        let mut parts = self.parts(add);
        while let Some(part) = parts.pop() {
            // Some targets list a member twice who is added twice, so this is not sent again blindly.
            let sent = self.patch_group(&what, id, &[addition(part)], Repeat::Never).await?;
            if too_large(&sent, part) {
                halve(part, &mut parts);
            } else {
                answer = Some(accepted(&what, sent)?);
            }
        }
        if let Some(status) = answer.as_ref().map(|answer| answer.status).or(last) {
            self.compare_members(&what, &Asked { id, add, remove }, status, answer).await?;
        }
        Ok(Written::default())
    }

    /// Who is in a group. An empty list is believed only of a target that was seen to show members, and a list is not
    /// whole whose length may be where the target stops.
    pub(super) async fn members_of(&self, id: &str) -> Result<Option<Members>, TargetError> {
        self.profile().await?;
        let Some((group, _)) = self.read_resource("Groups", id).await? else { return Ok(None) };
        let ids: BTreeSet<String> = group.values("members").into_iter().map(str::to_owned).collect();
        let whole = match ids.len() {
            0 => self.known().shows_members == Some(true),
            number => number < SHOWN_AT_MOST || !number.is_multiple_of(CAPS_ARE_MULTIPLES_OF),
        };
        if !ids.is_empty() {
            self.learn(|profile| profile.shows_members = Some(true));
        }
        Ok(Some(Members { ids, whole }))
    }

    /// The members of one request each, the first one last.
    fn parts<'a>(&self, members: &'a [String]) -> Vec<&'a [String]> {
        members.chunks(self.settings.members_per_request).rev().collect()
    }

    /// Removes members by whichever shape the target takes; no answer if none of them was a member any more.
    async fn remove_members(&self, what: &str, id: &str, members: &[String]) -> Result<Option<Answer>, WriteError> {
        let mut shape = self.profile_to(what).await?.member_removal;
        let mut answer = self.patch_group(what, id, &removals(shape, members), Repeat::Safe).await?;
        let shape_refused = answer.status == 400 && !answer.is_type(&["noTarget"]);
        if shape_refused && shape == MemberRemoval::ByPath {
            shape = MemberRemoval::ByValue;
            if let Some(second) = self.try_removal_by_value(what, id, members).await? {
                answer = second;
            }
        }
        if !answer.is_type(&["noTarget"]) {
            return Ok(Some(answer));
        }
        // One of them is no member any more, and a PATCH is all or nothing: the others are removed one by one.
        let mut last = None;
        for member in members.iter().filter(|_| members.len() > 1) {
            let one = removals(shape, std::slice::from_ref(member));
            let answer = self.patch_group(what, id, &one, Repeat::Safe).await?;
            if !answer.is_type(&["noTarget"]) {
                last = Some(accepted(what, answer)?);
            }
        }
        Ok(last)
    }

    /// Tries the other shape of removal, once. To a target that follows RFC 7644 by the letter, `remove` at `members`
    /// means everybody, whatever value comes with it: so the group is read before and after, and who vanished without
    /// having been named is put back.
    async fn try_removal_by_value(
        &self,
        what: &str,
        id: &str,
        members: &[String],
    ) -> Result<Option<Answer>, WriteError> {
        let listed = |group: Option<Resource>| -> Vec<String> {
            group.map(|group| group.values("members").into_iter().map(str::to_owned).collect()).unwrap_or_default()
        };
        let before = listed(self.group_after(what, id, 400).await?);
        if before.is_empty() {
            // It cannot be seen who would be hit.
            return Ok(None);
        }
        let answer = self.patch_group(what, id, &removals(MemberRemoval::ByValue, members), Repeat::Safe).await?;
        if !answer.is_done() {
            return Ok(None);
        }
        let after = listed(self.group_after(what, id, answer.status).await?);
        let lost: Vec<String> =
            before.into_iter().filter(|member| !after.contains(member) && !members.contains(member)).collect();
        if lost.is_empty() {
            self.learn(|profile| profile.member_removal = MemberRemoval::ByValue);
            return Ok(Some(answer));
        }
        let mut parts = self.parts(&lost);
        while let Some(part) = parts.pop() {
            accepted(what, self.patch_group(what, id, &[addition(part)], Repeat::Never).await?)?;
        }
        let detail = format!(
            "asked to remove {} members from the group {id}, the target removed {} others too; those were put back. It \
             takes no removal of single members",
            members.len(),
            lost.len()
        );
        Err(errors::failed(WriteFailure::Refused, detail))
    }

    /// Compares the members with what was sent, where the target shows them. Reading a large group back after each
    /// write would cost more than the write, so a 204 is looked behind only until it was once seen to be true.
    async fn compare_members(
        &self,
        what: &str,
        asked: &Asked<'_>,
        status: u16,
        answer: Option<Answer>,
    ) -> Result<(), WriteError> {
        let Asked { id, add, remove } = *asked;
        let shown = answer.and_then(|answer| answer.resource()).filter(|group| !group.list("members").is_empty());
        if shown.is_none() && self.known().shows_members.is_some() && status != 202 {
            return Ok(());
        }
        let group = match shown {
            Some(group) => Some(group),
            None => self.group_after(what, id, status).await?,
        };
        let members = group.as_ref().map(|group| group.values("members")).unwrap_or_default();
        let has = |member: &String| members.contains(&member.as_str());
        if let Some(stays) = remove.iter().find(|member| has(member) && !add.contains(member)) {
            return Err(ignored(id, status, &format!("still lists {stays}")));
        }
        if members.is_empty() && !add.is_empty() {
            self.learn(|profile| profile.shows_members = Some(false));
            return Ok(());
        }
        if members.len() < SHOWN_AT_MOST
            && let Some(missing) = add.iter().find(|member| !has(member))
        {
            return Err(ignored(id, status, &format!("does not list {missing}")));
        }
        if !add.is_empty() {
            self.learn(|profile| profile.shows_members = Some(true));
        }
        Ok(())
    }
}

/// Whether a request was too large and can be made smaller.
fn too_large(answer: &Answer, part: &[String]) -> bool {
    answer.status == 413 && part.len() > 1
}

/// Puts both halves of a part back, the first one on top.
fn halve<'a>(part: &'a [String], parts: &mut Vec<&'a [String]>) {
    let (first, second) = part.split_at(part.len() / 2);
    parts.extend([second, first]);
}

fn ignored(id: &str, status: u16, how: &str) -> WriteError {
    let failure = if status == 202 { WriteFailure::Unknown } else { WriteFailure::Refused };
    errors::failed(failure, format!("the target answered {status}, but the group {id} {how}"))
}

/// The list of members that an operation carries.
fn listed(members: &[String]) -> Json {
    members.iter().map(|member| json!({ "value": member })).collect()
}

/// The operation that adds members.
fn addition(members: &[String]) -> Json {
    json!({ "op": "add", "path": "members", "value": listed(members) })
}

/// The operations that remove members.
fn removals(shape: MemberRemoval, members: &[String]) -> Vec<Json> {
    match shape {
        MemberRemoval::ByPath => {
            members.iter().map(|member| operation(&format!("members[value eq {}]", quoted(member)), None)).collect()
        }
        MemberRemoval::ByValue => vec![json!({ "op": "remove", "path": "members", "value": listed(members) })],
    }
}
