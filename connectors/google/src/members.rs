//! The members of groups, and of the groups within them.
//!
//! Nested groups are walked here, group by group, and none is walked twice: Google's own list of derived members has
//! been seen to hold fewer than there are, and a group inside itself must not keep the walk from ending.

use std::collections::{BTreeMap, BTreeSet};

use futures::{StreamExt as _, TryStreamExt as _, stream};
use rollcall_kit::ReadError;
use serde_json::Value as Json;

use crate::api::{self, Api, PAGE, Query};
use crate::person::text;
use crate::reach::{GROUPS, Group, find_group};

/// What is asked for of a member.
const MEMBER: &str = "kind,etag,nextPageToken,members(id,email,type,status)";

/// What a member is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Who {
    /// A user, perhaps of another customer.
    User(String),
    /// Another group, perhaps of another customer.
    Group(String),
    /// Everybody in the customer with this id; an absent one is the group's own.
    Everybody(Option<String>),
    /// Somebody from outside, a service account, or a type that is not known: nobody who could have an account. The word
    /// is Google's for the type, and what tells one from another.
    Other(String, String),
}

/// The members of a group.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Members {
    pub(crate) who: BTreeSet<Who>,
    pub(crate) pages: u64,
    /// What should be told about them, in sentences.
    pub(crate) notes: Vec<String>,
}

/// Types of members who can have no account here, as Google documents them.
const OUTSIDE: [&str; 3] = ["EXTERNAL", "OTHER", "SERVICE_ACCOUNT"];

impl Members {
    /// A word about members of types that nobody has heard of: they were left out, and may be people.
    fn unknown_types(&self, label: &str) -> BTreeSet<String> {
        let kinds = self.who.iter().filter_map(|who| match who {
            Who::Other(kind, _) if !OUTSIDE.contains(&&**kind) => Some(kind),
            _ => None,
        });
        kinds
            .map(|kind| format!("the group {label} holds members of the unknown type {kind}; they were left out"))
            .collect()
    }
}

/// The direct members of a group; nothing if Google says, asked for the group itself, that it is gone by now.
///
/// The group's own count is compared. Where it says otherwise, the members are read again: that a group which counts
/// some has none is not believed, and two readings must agree.
pub(crate) async fn direct(api: &Api, collection: &'static str, group: &Group) -> Result<Option<Members>, ReadError> {
    let Some(mut members) = once(api, collection, group).await? else { return Ok(None) };
    let Some(count) = group.count.filter(|count| *count != members.who.len() as u64) else { return Ok(Some(members)) };
    let Some(again) = once(api, collection, group).await? else { return Ok(None) };
    let label = group.label();
    if again.who != members.who {
        let reason = format!("two readings of the members of {label} hold different ones");
        return Err(ReadError::incomplete(collection, reason));
    }
    let held = members.who.len();
    if held == 0 {
        let reason = format!("the group {label} says that it has {count} members, and shows none, asked several times");
        return Err(ReadError::incomplete(collection, reason));
    }
    members.pages += again.pages;
    members.notes.push(format!("the group {label} says that it has {count} members, and showed {held} twice"));
    Ok(Some(members))
}

/// One reading of the direct members.
async fn once(api: &Api, collection: &'static str, group: &Group) -> Result<Option<Members>, ReadError> {
    let path = [&GROUPS[..], &[&group.id, "members"]].concat();
    let parameters = [("maxResults", PAGE), ("fields", MEMBER)];
    let mut list = api.members(&Query { collection, path: &path, parameters: &parameters }, group.count == Some(0));
    let mut who = BTreeSet::new();
    loop {
        match list.next_by(api::members).await {
            Ok(None) => return Ok(Some(Members { who, pages: list.pages(), notes: Vec::new() })),
            Ok(Some(page)) => {
                for member in page {
                    who.insert(member_of(&member).map_err(|problem| {
                        ReadError::incomplete(collection, format!("a member of {} {problem}", group.label()))
                    })?);
                }
            }
            Err(error) => {
                let deleted = matches!(find_group(api, &group.id).await, Ok(None));
                return if deleted { Ok(None) } else { Err(error) };
            }
        }
    }
}

/// What a member is. Users and groups are known by their ids, and one without is no member whom we could leave out.
fn member_of(member: &Json) -> Result<Who, &'static str> {
    let id = text(member, "/id");
    let missing = "came without an id";
    match (text(member, "/type").as_deref(), id) {
        (Some("USER"), id) => id.map(Who::User).ok_or(missing),
        (Some("GROUP"), id) => id.map(Who::Group).ok_or(missing),
        (Some("CUSTOMER"), id) => Ok(Who::Everybody(id)),
        // Without a type, the id may be a user's. One of no user of ours is counted as such.
        (None, id) => id.map(Who::User).ok_or(missing),
        (Some(kind), id) => {
            let mark = id.or_else(|| text(member, "/email")).unwrap_or_default();
            Ok(Who::Other(kind.to_owned(), mark))
        }
    }
}

/// The members of some groups and, with `nested`, of the groups within them: each group by its id, as far as it is there.
/// Groups that are met are asked for their members once, whoever names them.
#[derive(Debug, Default)]
pub(crate) struct Walk {
    known: BTreeMap<String, Option<Members>>,
    gone: BTreeSet<String>,
    /// What should be told, in sentences.
    pub(crate) notes: BTreeSet<String>,
    pub(crate) pages: u64,
}

/// Everybody in a group.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Flat {
    pub(crate) users: BTreeSet<String>,
    /// Groups that stay groups: those within, where they are not walked.
    pub(crate) groups: BTreeSet<String>,
    /// Ids of customers all of whose users are members; absent for the group's own.
    pub(crate) everybody: BTreeSet<Option<String>>,
    /// Members who could have no account.
    pub(crate) others: u64,
}

impl Walk {
    /// Fetches the members of these groups, several at once, and of groups within them if `nested`.
    pub(crate) async fn fetch(
        &mut self,
        api: &Api,
        collection: &'static str,
        groups: Vec<Group>,
        nested: bool,
        parallel: usize,
    ) -> Result<(), ReadError> {
        let (mut open, mut walked) = (groups, BTreeSet::new());
        while !open.is_empty() {
            walked.extend(open.iter().map(|group| group.id.clone()));
            let (known, fresh): (Vec<Group>, Vec<Group>) =
                std::mem::take(&mut open).into_iter().partition(|group| self.known.contains_key(&group.id));
            let fetched = stream::iter(fresh)
                .map(|group| async move { direct(api, collection, &group).await.map(|members| (group, members)) });
            let fetched: Vec<(Group, Option<Members>)> = fetched.buffered(parallel).try_collect().await?;
            let mut met: Vec<String> = known.into_iter().map(|group| group.id).collect();
            for (group, members) in fetched {
                met.push(group.id.clone());
                self.take(group, members);
            }
            if nested {
                let mut within: BTreeSet<String> = met.iter().flat_map(|id| self.within(id)).collect();
                within.retain(|id| !walked.contains(id));
                walked.extend(within.iter().cloned());
                open = self.own(api, within, parallel).await?;
            }
        }
        Ok(())
    }

    /// Takes in the members of a group, or that it is gone.
    fn take(&mut self, group: Group, members: Option<Members>) {
        match &members {
            Some(members) => {
                self.pages += members.pages;
                self.notes.extend(members.notes.iter().cloned());
                self.notes.extend(members.unknown_types(group.label()));
            }
            None => {
                self.gone.insert(group.id.clone());
                self.notes.insert(format!("the group {} was deleted while it was read", group.label()));
            }
        }
        self.known.insert(group.id, members);
    }

    /// The groups within a group that was fetched.
    fn within(&self, id: &str) -> Vec<String> {
        let groups = self.direct(id).into_iter().flat_map(|members| &members.who).filter_map(|who| match who {
            Who::Group(id) => Some(id.clone()),
            _ => None,
        });
        groups.collect()
    }

    /// Which of these nested groups are the customer's own. The members of others cannot be read, and are none of ours.
    async fn own(&mut self, api: &Api, ids: BTreeSet<String>, parallel: usize) -> Result<Vec<Group>, ReadError> {
        let found = stream::iter(ids).map(|id| async move {
            match find_group(api, &id).await {
                // Google says of another customer's group that we may not read it.
                Err(ReadError::Denied { .. }) => Ok((id, None)),
                found => found.map(|group| (id, group)),
            }
        });
        let found: Vec<(String, Option<Group>)> = found.buffered(parallel).try_collect().await?;
        let mut own = Vec::new();
        for (id, group) in found {
            match group {
                Some(group) => own.push(group),
                None => {
                    self.notes
                        .insert(format!("the nested group {id} is not this customer's, or is gone; it was left out"));
                    self.known.insert(id, None);
                }
            }
        }
        Ok(own)
    }

    /// The direct members of a group that was fetched, if it was there.
    pub(crate) fn direct(&self, id: &str) -> Option<&Members> {
        self.known.get(id).and_then(Option::as_ref)
    }

    /// Whether a group was not found to be gone.
    pub(crate) fn is_there(&self, id: &str) -> bool {
        !self.gone.contains(id)
    }

    /// Forgets what is not needed any more.
    pub(crate) fn forget(&mut self, id: &str) {
        self.known.remove(id);
    }

    /// Everybody in these groups and, with `nested`, in groups within them.
    pub(crate) fn flat(&self, groups: &[&str], nested: bool) -> Flat {
        let mut flat = Flat::default();
        let mut others = BTreeSet::new();
        let mut open: Vec<&str> = groups.to_vec();
        let mut walked = BTreeSet::new();
        while let Some(id) = open.pop() {
            if !walked.insert(id) {
                continue;
            }
            for who in self.direct(id).into_iter().flat_map(|members| &members.who) {
                match who {
                    Who::User(user) => drop(flat.users.insert(user.clone())),
                    Who::Everybody(customer) => drop(flat.everybody.insert(customer.clone())),
                    Who::Group(group) if nested => match self.direct(group) {
                        Some(_) => open.push(group),
                        None => drop(others.insert(who.clone())),
                    },
                    Who::Group(group) => drop(flat.groups.insert(group.clone())),
                    Who::Other(..) => drop(others.insert(who.clone())),
                }
            }
        }
        flat.others = others.len() as u64;
        flat
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn members_are_told_apart_by_their_type_and_never_by_an_address() {
        for (member, expected) in [
            (json!({"id": "1", "type": "USER"}), Ok(Who::User("1".to_owned()))),
            (json!({"id": "1", "type": "USER", "email": "a@b", "status": "SUSPENDED"}), Ok(Who::User("1".to_owned()))),
            (json!({"id": "g", "type": "GROUP"}), Ok(Who::Group("g".to_owned()))),
            (json!({"id": "C0", "type": "CUSTOMER"}), Ok(Who::Everybody(Some("C0".to_owned())))),
            (json!({"type": "CUSTOMER"}), Ok(Who::Everybody(None))),
            (json!({"id": "1"}), Ok(Who::User("1".to_owned()))),
            (json!({"type": "EXTERNAL", "email": "a@b"}), Ok(Who::Other("EXTERNAL".to_owned(), "a@b".to_owned()))),
            (json!({"id": "7", "type": "ROBOT"}), Ok(Who::Other("ROBOT".to_owned(), "7".to_owned()))),
            (json!({"type": "USER", "email": "a@b"}), Err("came without an id")),
            (json!({"type": "GROUP"}), Err("came without an id")),
            (json!({}), Err("came without an id")),
        ] {
            assert_eq!(member_of(&member), expected, "{member}");
        }
    }

    fn walk(groups: &[(&str, &[Who])]) -> Walk {
        let members = |who: &[Who]| Members { who: who.iter().cloned().collect(), ..Members::default() };
        let known = groups.iter().map(|(id, who)| ((*id).to_owned(), Some(members(who)))).collect();
        Walk { known, ..Walk::default() }
    }

    fn user(id: &str) -> Who {
        Who::User(id.to_owned())
    }

    fn group(id: &str) -> Who {
        Who::Group(id.to_owned())
    }

    #[test]
    fn a_group_inside_itself_ends_the_walk_like_any_other() {
        let walk = walk(&[
            ("a", &[user("1"), group("b")]),
            ("b", &[user("2"), group("c"), group("foreign")]),
            ("c", &[user("1"), group("a"), group("c"), Who::Everybody(None)]),
        ]);
        let flat = walk.flat(&["a"], true);
        assert_eq!(flat.users, ["1", "2"].map(ToOwned::to_owned).into());
        assert_eq!((flat.everybody.len(), flat.others), (1, 1), "the foreign group counts");
        let direct = walk.flat(&["a"], false);
        assert_eq!((direct.users.len(), direct.groups.len(), direct.others), (1, 1, 0));
    }
}
