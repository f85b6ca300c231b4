//! The members of groups, twenty groups at once, and people by their ids, a thousand at once.

use std::collections::{BTreeMap, BTreeSet};

use futures::{StreamExt as _, TryStreamExt as _, stream};
use rollcall_kit::ReadError;
use rollcall_kit::http::{Method, NextPage, Repeat, Request};
use rollcall_kit::rest::{Interface as _, Refusal as _};
use serde_json::{Value as Json, json};

use crate::api::{self, Api, Item, Query, marked, page};
use crate::batch::{PARTS, Part};
use crate::person::text;
use crate::select;
use crate::settings::EntraSettings;

/// How many ids Graph takes at once.
const IDS: usize = 1000;

/// The query option that fetches each user's manager along with them.
pub(crate) const MANAGER: (&str, &str) = ("$expand", "manager($select=id)");

/// Whether members of groups within a group count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Depth {
    /// Direct members only.
    Direct,
    /// Those of nested groups too, flattened by Graph.
    Nested,
}

impl Depth {
    pub(crate) const fn of(nested: bool) -> Self {
        if nested { Self::Nested } else { Self::Direct }
    }

    const fn path(self) -> &'static str {
        match self {
            Self::Direct => "members",
            Self::Nested => "transitiveMembers",
        }
    }
}

/// What a member is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// A user.
    User,
    /// Another group.
    Group,
    /// A device, a contact, a service principal: nobody who could have an account.
    Other,
}

/// A member of a group.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Object {
    pub(crate) id: String,
    pub(crate) kind: Kind,
}

/// The members of one group.
#[derive(Clone, Debug, Default)]
pub(crate) struct Members {
    pub(crate) objects: Vec<Object>,
    pub(crate) pages: u64,
}

/// The members of groups, in the order of the groups; nothing for one that Graph says is gone.
pub(crate) async fn of_groups(
    api: &Api,
    settings: &EntraSettings,
    collection: &'static str,
    groups: &[String],
    depth: Depth,
) -> Result<Vec<Option<Members>>, ReadError> {
    let batches = stream::iter(groups.chunks(PARTS).map(<[String]>::to_vec));
    let fetched = batches.map(|chunk| async move { of_chunk(api, settings, collection, &chunk, depth).await });
    let fetched: Vec<Vec<_>> = fetched.buffered(settings.parallel).try_collect().await?;
    Ok(fetched.into_iter().flatten().collect())
}

async fn of_chunk(
    api: &Api,
    settings: &EntraSettings,
    collection: &'static str,
    groups: &[String],
    depth: Depth,
) -> Result<Vec<Option<Members>>, ReadError> {
    let size = settings.page_size.to_string();
    let parameters = [("$select", "id"), ("$top", &*size)];
    let paths: Vec<[&str; 3]> = groups.iter().map(|group| ["groups", &**group, depth.path()]).collect();
    let parts: Vec<Query<'_>> = paths.iter().map(|path| Query { collection, path, parameters: &parameters }).collect();
    let answers = api.batch(collection, &parts).await?;
    let mut all = Vec::new();
    for (query, part) in parts.iter().zip(answers) {
        all.push(members(api, query, part).await?);
    }
    Ok(all)
}

/// The members in an answer, and those on the pages that follow it.
async fn members(api: &Api, query: &Query<'_>, part: Part) -> Result<Option<Members>, ReadError> {
    let words = api.words(query);
    if part.status != 200 {
        let refusal = part.refusal();
        if refusal.is_not_found() {
            return Ok(None);
        }
        return Err(refusal.error((&api.server, &api.identity), &words, query.collection));
    }
    let damaged = |problem: String| ReadError::incomplete(query.collection, format!("{words}: {problem}"));
    let (items, next) = page(part.body).map_err(damaged)?;
    let mut members = Members { objects: objects(items).map_err(damaged)?, pages: 1 };
    if let NextPage::Link(link) = next {
        let mut list = api.list_from(query.collection, words.clone(), &link)?;
        while let Some(items) = list.next().await? {
            members.objects.extend(objects(items).map_err(damaged)?);
        }
        members.pages += list.pages();
    }
    members.objects.sort_unstable();
    members.objects.dedup();
    Ok(Some(members))
}

fn objects(items: Vec<Item>) -> Result<Vec<Object>, String> {
    items.into_iter().map(|item| object(&item.json)).collect()
}

/// A member by their type. One without a type could be anybody, so that the answer counts as damaged.
pub(crate) fn object(json: &Json) -> Result<Object, String> {
    let id = text(json, "/id").ok_or("a member came without an id")?;
    let kind = match json.get("@odata.type").and_then(Json::as_str) {
        Some("#microsoft.graph.user") => Kind::User,
        Some("#microsoft.graph.group") => Kind::Group,
        Some(_) => Kind::Other,
        None => return Err(format!("the member {id} came without a type")),
    };
    Ok(Object { id, kind })
}

/// Users by their ids, in the order of the ids; nothing for one that Graph, asked for their id, says is not there.
pub(crate) async fn users(
    api: &Api,
    settings: &EntraSettings,
    ids: &[String],
) -> Result<Vec<(String, Option<Json>)>, ReadError> {
    let chunks = stream::iter(ids.chunks(IDS).map(<[String]>::to_vec));
    let fetched = chunks.map(|chunk| async move { users_of(api, settings, &chunk).await });
    let fetched: Vec<Vec<_>> = fetched.buffered(settings.parallel).try_collect().await?;
    Ok(fetched.into_iter().flatten().collect())
}

/// Users of up to a thousand ids. Who is not in the answer, or is there with an id only, is asked for on their own:
/// `getByIds` leaves out without a word whom it does not find.
async fn users_of(
    api: &Api,
    settings: &EntraSettings,
    ids: &[String],
) -> Result<Vec<(String, Option<Json>)>, ReadError> {
    // It fetches no managers.
    let mut found = if settings.manager { BTreeMap::new() } else { by_ids(api, settings, ids).await? };
    let open: Vec<&str> = ids.iter().filter(|id| !found.contains_key(*id)).map(String::as_str).collect();
    let asked = one_by_one(api, settings, &open).await?;
    found.extend(open.iter().zip(asked).filter_map(|(id, user)| Some(((*id).to_owned(), user?))));
    Ok(ids.iter().map(|id| (id.clone(), found.remove(id))).collect())
}

/// Those whom `getByIds` tells all of; nobody if it is refused, for it asks for more permission than others do.
async fn by_ids(api: &Api, settings: &EntraSettings, ids: &[String]) -> Result<BTreeMap<String, Json>, ReadError> {
    let select = select::properties(&settings.extra_properties).join(",");
    let url = api.client.url(&["directoryObjects", "getByIds"]).with_query(&[("$select", &select)]);
    let body = json!({"ids": ids, "types": ["user"]});
    let request = marked(Request::json(Method::POST, url, "application/json", &body, Repeat::Safe));
    let answer = api.client.send(request).await.map_err(|error| api.no_answer(error, "users"))?;
    if matches!(answer.status, 400 | 403 | 404) {
        return Ok(BTreeMap::new());
    }
    if answer.status != 200 {
        let refusal = crate::refusal::Refusal::of(&answer);
        return Err(refusal.error((&api.server, &api.identity), "/v1.0/directoryObjects/getByIds", "users"));
    }
    let damaged = |problem| ReadError::incomplete("users", format!("/v1.0/directoryObjects/getByIds: {problem}"));
    let (items, _) = api::json(&answer).and_then(page).map_err(damaged)?;
    let wanted: BTreeSet<&String> = ids.iter().collect();
    let whole = items.into_iter().filter(|item| {
        let is_there = |name: &str| item.json.get(name).is_some_and(|value| !value.is_null());
        wanted.contains(&item.id) && is_there("accountEnabled") && is_there("userPrincipalName")
    });
    Ok(whole.map(|item| (item.id, item.json)).collect())
}

/// Users, each by a question of their own, twenty at once, in the order of the ids.
pub(crate) async fn one_by_one(
    api: &Api,
    settings: &EntraSettings,
    ids: &[&str],
) -> Result<Vec<Option<Json>>, ReadError> {
    let select = select::properties(&settings.extra_properties).join(",");
    let mut parameters = vec![("$select", &*select)];
    parameters.extend(settings.manager.then_some(MANAGER));
    let paths: Vec<[&str; 2]> = ids.iter().map(|id| ["users", *id]).collect();
    let parts: Vec<Query<'_>> =
        paths.iter().map(|path| Query { collection: "users", path, parameters: &parameters }).collect();
    api.many(&parts).await
}

/// The groups that users are in, in the order of the users.
pub(crate) async fn groups_of(api: &Api, ids: &[&str], depth: Depth) -> Result<Vec<Vec<String>>, ReadError> {
    let of = if depth == Depth::Direct { "memberOf" } else { "transitiveMemberOf" };
    let parameters = [("$select", "id"), ("$top", "999")];
    let paths: Vec<[&str; 3]> = ids.iter().map(|id| ["users", *id, of]).collect();
    let parts: Vec<Query<'_>> =
        paths.iter().map(|path| Query { collection: "members", path, parameters: &parameters }).collect();
    let mut groups = Vec::with_capacity(ids.len());
    for chunk in parts.chunks(PARTS) {
        for (query, part) in chunk.iter().zip(api.batch("members", chunk).await?) {
            let vanished =
                || ReadError::incomplete("members", format!("{}: they are not there any more", api.words(query)));
            let found = members(api, query, part).await?.ok_or_else(vanished)?;
            groups.push(found.objects.into_iter().map(|object| object.id).collect());
        }
    }
    Ok(groups)
}
