//! Groups: which of them are read, and who is in them.
//!
//! Okta's groups hold users only; what comes from Active Directory is flattened already. Deactivated users stay members.

use std::collections::{BTreeMap, BTreeSet};

use futures::{StreamExt as _, TryStreamExt as _, stream};
use rollcall_kit::rest::Interface as _;
use rollcall_kit::{Collection, DirectoryGroup, DirectoryId, Entry, Member, ReadError, Unreadable, ahead};
use serde_json::Value as Json;

use crate::api::{Api, Item, Query, collection};
use crate::reach::{find_group, is_group_id, name_of, quoted};
use crate::settings::{GroupSettings, OktaSettings};

/// The ids of the members of groups that were read already.
pub(crate) type Known = BTreeMap<String, Vec<String>>;

/// What a read of groups is for the certificate.
#[derive(Default)]
pub(crate) struct Found {
    pub(crate) collections: Vec<Collection>,
    pub(crate) exceptions: Vec<String>,
}

/// Groups being fetched.
struct Fetch<'a> {
    api: &'a Api,
    settings: &'a GroupSettings,
    page_size: &'a str,
    parallel: usize,
    known: Known,
    /// Where whole groups go.
    out: ahead::Sender<(Item, Members)>,
    /// The groups that were fetched.
    seen: BTreeSet<String>,
    members: u64,
    pages: u64,
    found: Found,
}

/// The members of one group.
pub(crate) struct Members {
    pub(crate) ids: Vec<String>,
    pub(crate) pages: u64,
}

/// Fetches the groups that the settings name, each once and with its members, and puts them where they wait for their
/// turn.
pub(crate) async fn fetch(
    api: &Api,
    all: &OktaSettings,
    settings: &GroupSettings,
    known: Known,
    out: ahead::Sender<(Item, Members)>,
) -> Result<Found, ReadError> {
    let page_size = &*all.page_size.to_string();
    let (seen, found) = (BTreeSet::new(), Found::default());
    let mut fetch =
        Fetch { api, settings, page_size, parallel: all.parallel, known, out, seen, members: 0, pages: 0, found };
    if settings.all {
        fetch.search(None, |_| true).await?;
    }
    if let Some(prefix) = &settings.prefix {
        let expression = format!("profile.name sw {}", quoted(prefix));
        fetch.search(Some(&expression), |group| begins_with(group, prefix)).await?;
    }
    if let Some(expression) = &settings.search {
        fetch.search(Some(expression), |_| true).await?;
    }
    if let (true, Some(app)) = (settings.assigned, &all.assigned_to) {
        fetch.assigned(app).await?;
    }
    if !settings.named.is_empty() {
        fetch.named().await?;
    }
    let words = format!("/api/v1/groups/{{id}}/users of {} groups", fetch.seen.len());
    let (pages, members) = (fetch.pages, fetch.members);
    fetch.completed("members", &words, pages, members);
    Ok(fetch.found)
}

impl Fetch<'_> {
    /// Fetches the groups of a list, all of them or those that an expression finds.
    async fn search(&mut self, expression: Option<&str>, matches: impl Fn(&Json) -> bool) -> Result<(), ReadError> {
        let (api, settings) = (self.api, self.settings);
        let mut parameters = vec![("limit", self.page_size)];
        parameters.extend(expression.map(|expression| ("search", expression)));
        let query = Query { collection: "groups", path: &["groups"], parameters: &parameters };
        let mut list = api.list(&query);
        let (mut held, mut sent) = (0, 0);
        while let Some(page) = list.next().await? {
            held += page.len();
            let wanted = page.into_iter().filter(|group| settings.takes(kind_of(&group.json)) && matches(&group.json));
            sent += self.put(wanted.collect()).await?;
        }
        if held == 0 {
            let reason = format!(
                "{} shows not one group; correct groups, or widen the admin role of {}: Okta shows fewer to a narrow \
                 role, without an error",
                list.words(),
                api.identity
            );
            return Err(ReadError::incomplete("groups", reason));
        }
        self.completed("groups", list.words(), list.pages(), sent);
        Ok(())
    }

    /// Fetches the groups that are assigned to the application.
    async fn assigned(&mut self, app: &str) -> Result<(), ReadError> {
        let api = self.api;
        let parameters = [("limit", "200"), ("expand", "group")];
        let path = ["apps", app, "groups"];
        let query = Query { collection: "groups", path: &path, parameters: &parameters };
        let mut list = api.list(&query);
        let mut sent = 0;
        while let Some(page) = list.next().await? {
            let mut groups = Vec::new();
            for mut assignment in page {
                let embedded = assignment.json.pointer_mut("/_embedded/group").map(Json::take);
                // The assignment itself holds neither name nor type.
                let group = match embedded.filter(|group| name_of(group).is_some()) {
                    Some(json) => Some(Item { id: assignment.id, json }),
                    None => by_id(api, &assignment.id).await?,
                };
                groups.extend(group);
            }
            sent += self.put(groups).await?;
        }
        self.completed("groups", list.words(), list.pages(), sent);
        Ok(())
    }

    /// Fetches groups by id or name. One that was deleted, by the word of its id, is none; a name that is not found may be
    /// a group that was renamed, and that is for a person to say.
    async fn named(&mut self) -> Result<(), ReadError> {
        let (api, settings) = (self.api, self.settings);
        let mut groups = Vec::new();
        for wanted in &settings.named {
            match find_group(api, wanted).await? {
                Some(group) => groups.push(group),
                None if is_group_id(wanted) => {
                    self.found.exceptions.push(format!("groups.named: there is no group {wanted} any more"));
                }
                None => {
                    return Err(ReadError::Settings(format!(
                        "groups.named: there is no group {wanted:?}, or the admin role does not show it; if it was renamed, \
                         name it by its id"
                    )));
                }
            }
        }
        let sent = self.put(groups).await?;
        self.completed("groups", "/api/v1/groups by id and by name", 1, sent);
        Ok(())
    }

    /// Puts groups with their members, several of which are fetched at once. Returns how many there were.
    async fn put(&mut self, groups: Vec<Item>) -> Result<u64, ReadError> {
        let (api, size) = (self.api, self.page_size);
        let mut fresh = Vec::new();
        for group in groups {
            if self.seen.insert(group.id.clone()) {
                let known = self.known.remove(&group.id);
                fresh.push((group, known));
            }
        }
        let whole = stream::iter(fresh).map(|(group, known)| async move {
            let members = match known {
                Some(ids) => Some(Members { ids, pages: 0 }),
                None => members(api, &group.id, size).await?,
            };
            Ok::<_, ReadError>((group, members))
        });
        let mut whole = whole.buffered(self.parallel);
        let mut sent = 0;
        while let Some((group, members)) = whole.try_next().await? {
            let Some(members) = members else {
                self.seen.remove(&group.id);
                self.found.exceptions.push(format!("the group {} was deleted while it was read", group.id));
                continue;
            };
            self.members += members.ids.len() as u64;
            self.pages += members.pages;
            let weight = members.ids.len();
            self.out.put((group, members), weight).await?;
            sent += 1;
        }
        Ok(sent)
    }

    fn completed(&mut self, name: &str, query: &str, pages: u64, entries: u64) {
        self.found.collections.push(collection(name, query, pages, entries));
    }
}

/// Whether a group that a prefix found begins with it: what matched is checked here, because a search that is not
/// understood finds everything.
pub(crate) fn begins_with(group: &Json, prefix: &str) -> bool {
    name_of(group).is_some_and(|name| name.to_lowercase().starts_with(&prefix.trim().to_lowercase()))
}

/// Okta's word for the type of a group.
pub(crate) fn kind_of(group: &Json) -> &str {
    group.get("type").and_then(Json::as_str).unwrap_or_default()
}

async fn by_id(api: &Api, id: &str) -> Result<Option<Item>, ReadError> {
    let query = Query { collection: "groups", path: &["groups", id], parameters: &[] };
    Ok(api.one(&query).await?.map(|json| Item { id: id.to_owned(), json }))
}

/// The members of a group; nothing if Okta says, asked for its id, that it is gone by now.
pub(crate) async fn members(api: &Api, group: &str, size: &str) -> Result<Option<Members>, ReadError> {
    let path = ["groups", group, "users"];
    let query = Query { collection: "members", path: &path, parameters: &[("limit", size)] };
    let mut list = api.list(&query);
    let mut ids = Vec::new();
    loop {
        match list.next().await {
            Ok(Some(page)) => ids.extend(page.into_iter().map(|item| item.id)),
            Ok(None) => return Ok(Some(Members { ids, pages: list.pages() })),
            Err(error) => {
                let deleted = matches!(by_id(api, group).await, Ok(None));
                return if deleted { Ok(None) } else { Err(error) };
            }
        }
    }
}

/// A group as the directory model has it, with those of its members whom the read knows.
pub(crate) fn entry(group: &Item, members: Members, knows: impl Fn(&str) -> bool) -> Result<Entry, ReadError> {
    let no_id = || ReadError::incomplete("groups", "a group has an id that is none");
    let id = DirectoryId::new(&group.id).ok_or_else(no_id)?;
    let Some(name) = name_of(&group.json) else {
        let (label, problem) = (id.to_string(), "Okta's answer holds no name of this group".to_owned());
        return Ok(Entry::Unreadable(Unreadable { id, label, problem }));
    };
    let mut ids = members.ids;
    ids.sort_unstable();
    ids.dedup();
    let all = ids.len();
    let resolved = ids.iter().filter(|id| knows(id)).filter_map(|id| DirectoryId::new(id));
    let mut members: Vec<Member> = resolved.map(Member::User).collect();
    members.sort_unstable();
    let unresolved_members = (all - members.len()) as u64;
    Ok(Entry::Group(Box::new(DirectoryGroup { id, name, place: None, members, unresolved_members })))
}
