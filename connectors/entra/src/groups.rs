//! Groups: which of them are read, and who is in them.
//!
//! Members are direct ones: who is in through another group is worked out later, for every kind of directory alike.

use std::collections::BTreeMap;

use rollcall_kit::{DirectoryGroup, DirectoryId, Entry, Member, ReadError, Unreadable, ahead};
use serde_json::Value as Json;

use crate::api::{Api, Item, Query};
use crate::batch::PARTS;
use crate::members::{self, Depth, Kind, Members, Object};
use crate::permissions::HIDDEN;
use crate::person::text;
use crate::reach::{self, GROUP, Reach, find_group, is_hidden};
use crate::settings::{EntraSettings, GroupKind, GroupSettings, is_guid};

/// Groups by their ids.
type Found = BTreeMap<String, Json>;

/// Members of groups that were read already.
pub(crate) type Known = BTreeMap<(String, Depth), Members>;

/// A group with its members.
pub(crate) struct Whole {
    pub(crate) id: String,
    pub(crate) json: Json,
    pub(crate) members: Members,
}

/// What a read of groups is for the certificate.
#[derive(Default)]
pub(crate) struct Fetched {
    pub(crate) words: String,
    pub(crate) exceptions: Vec<String>,
    /// How many groups were found, and how many of them put.
    pub(crate) found: usize,
    pub(crate) put: u64,
    pub(crate) members: u64,
    pub(crate) pages: u64,
}

/// Groups being fetched.
struct Fetch<'a> {
    api: &'a Api,
    all: &'a EntraSettings,
    settings: &'a GroupSettings,
    sees_hidden: Option<bool>,
    known: Known,
    fetched: Fetched,
}

/// Fetches the groups that the settings name, each once, and puts them where they wait for their turn. All of them are
/// found before the members of any are read, because a member may be a group that comes later; one that is none of them
/// is nobody.
pub(crate) async fn fetch(
    api: &Api,
    all: &EntraSettings,
    settings: &GroupSettings,
    reach: &Reach,
    (sees_hidden, known): (Option<bool>, Known),
    out: ahead::Sender<Whole>,
) -> Result<Fetched, ReadError> {
    let mut fetch = Fetch { api, all, settings, sees_hidden, known, fetched: Fetched::default() };
    let found = fetch.find(reach).await?;
    let depth = Depth::of(settings.transitive);
    let ids: Vec<String> = found.keys().cloned().collect();
    for chunk in ids.chunks(PARTS * all.parallel) {
        for (id, members) in fetch.of_chunk(&found, chunk, depth).await? {
            let Some(mut members) = members else {
                fetch.fetched.exceptions.push(format!("the group {id} was deleted while it was read"));
                continue;
            };
            let weight = members.objects.len();
            fetch.fetched.pages += members.pages;
            fetch.fetched.members += weight as u64;
            fetch.fetched.put += 1;
            if depth == Depth::Direct {
                let strangers = members.objects.iter_mut().filter(|object| object.kind == Kind::Group);
                strangers.filter(|group| !found.contains_key(&group.id)).for_each(|group| group.kind = Kind::Other);
            }
            let json = found[&id].clone();
            out.put(Whole { id, json, members }, weight).await?;
        }
    }
    Ok(Fetched { words: words(settings), found: ids.len(), ..fetch.fetched })
}

fn words(settings: &GroupSettings) -> String {
    let ways = [
        (settings.all || settings.prefix.is_some(), "/v1.0/groups"),
        (settings.assigned, "those assigned to the application"),
        (!settings.named.is_empty(), "/v1.0/groups by id and by name"),
    ];
    let ways: Vec<&str> = ways.into_iter().filter_map(|(there, words)| there.then_some(words)).collect();
    ways.join(", ")
}

/// Finds the groups of the tenant. Which of them are wanted is decided here and not by a filter: those of Graph read an
/// index that lags behind.
async fn list(api: &Api, all: &EntraSettings, settings: &GroupSettings, found: &mut Found) -> Result<(), ReadError> {
    let size = all.page_size.to_string();
    let parameters = [("$select", GROUP), ("$top", &*size)];
    let mut list = api.list(&Query { collection: "groups", path: &["groups"], parameters: &parameters });
    let mut held = 0_u64;
    while let Some(page) = list.next().await? {
        for group in page {
            held += 1;
            if listed(&group, settings)? {
                found.insert(group.id, group.json);
            }
        }
    }
    if held == 0 {
        return Err(ReadError::incomplete(
            "groups",
            "the tenant shows not one group; correct groups, or the permissions",
        ));
    }
    Ok(())
}

/// Whether `all` or `prefix` mean this group.
pub(crate) fn listed(group: &Item, settings: &GroupSettings) -> Result<bool, ReadError> {
    if !settings.all && settings.prefix.is_none() {
        return Ok(false);
    }
    Ok(kind(group)?.is_some_and(|kind| settings.takes(kind)) && begins(&group.json, settings))
}

/// Whether a group's name begins as it should; with `all`, every one does.
fn begins(group: &Json, settings: &GroupSettings) -> bool {
    let Some(prefix) = settings.prefix.as_ref().filter(|_| !settings.all) else { return true };
    // One without a name is read, so that it is named as one that cannot be understood.
    text(group, "/displayName").is_none_or(|name| name.to_lowercase().starts_with(&prefix.trim().to_lowercase()))
}

/// The kind of a group; none for one that is neither for access nor for mail.
fn kind(group: &Item) -> Result<Option<GroupKind>, ReadError> {
    let json = &group.json;
    let (types, security, mail) = (&json["groupTypes"], &json["securityEnabled"], &json["mailEnabled"]);
    let (Some(types), Some(security), Some(mail)) = (types.as_array(), security.as_bool(), mail.as_bool()) else {
        let reason = format!("the group {} came without groupTypes, securityEnabled or mailEnabled", group.id);
        return Err(ReadError::incomplete("groups", reason));
    };
    let unified = types.iter().any(|one| one == "Unified");
    Ok(match (unified, security, mail) {
        (true, _, _) => Some(GroupKind::Microsoft365),
        (false, true, true) => Some(GroupKind::MailEnabledSecurity),
        (false, true, false) => Some(GroupKind::Security),
        (false, false, true) => Some(GroupKind::Distribution),
        (false, false, false) => None,
    })
}

impl Fetch<'_> {
    /// Finds the groups that the settings name.
    async fn find(&mut self, reach: &Reach) -> Result<Found, ReadError> {
        let mut found = Found::new();
        if self.settings.all || self.settings.prefix.is_some() {
            list(self.api, self.all, self.settings, &mut found).await?;
        }
        if let (true, Reach::Assigned(app)) = (self.settings.assigned, reach) {
            let ids: Vec<String> = app.groups.keys().cloned().collect();
            let groups = reach::by_ids(self.api, &ids).await?;
            found.extend(groups.into_iter().filter_map(|(id, group)| Some((id, group?.json))));
        }
        self.named(&mut found).await?;
        Ok(found)
    }

    /// Finds groups by id or name. One that was deleted, by the word of its id, is none; a name that is not found may be a
    /// group that was renamed, and that is for a person to say.
    async fn named(&mut self, found: &mut Found) -> Result<(), ReadError> {
        let (ids, names): (Vec<&String>, Vec<&String>) = self.settings.named.iter().partition(|wanted| is_guid(wanted));
        let ids: Vec<String> = ids.into_iter().map(|id| id.trim().to_lowercase()).collect();
        for (id, group) in reach::by_ids(self.api, &ids).await? {
            match group {
                Some(group) => drop(found.insert(group.id, group.json)),
                None => self.fetched.exceptions.push(format!("groups.named: there is no group {id} any more")),
            }
        }
        for wanted in names {
            let group = find_group(self.api, wanted).await?.ok_or_else(|| {
                ReadError::Settings(format!(
                    "groups.named: there is no group {wanted:?}; if it was renamed, name it by its id"
                ))
            })?;
            found.insert(group.id, group.json);
        }
        Ok(())
    }

    /// The members of some groups, those that are known already among them.
    async fn of_chunk(
        &mut self,
        found: &Found,
        ids: &[String],
        depth: Depth,
    ) -> Result<Vec<(String, Option<Members>)>, ReadError> {
        let mut known: BTreeMap<String, Option<Members>> = BTreeMap::new();
        let mut open = Vec::new();
        for id in ids {
            if let Some(members) = self.known.remove(&(id.clone(), depth)) {
                known.insert(id.clone(), Some(Members { pages: 0, ..members }));
            } else if is_hidden(&found[id]) && self.sees_hidden == Some(false) {
                known.insert(id.clone(), Some(Members::default()));
            } else {
                open.push(id.clone());
            }
        }
        let fetched = members::of_groups(self.api, self.all, "members", &open, depth).await?;
        known.extend(open.into_iter().zip(fetched));
        Ok(known.into_iter().collect())
    }
}

/// Whether not all of a group's members are shown. Without the right to see hidden ones no member and hidden members
/// look alike; some may be shown only to a token that does not say what it may.
pub(crate) fn hides(group: &Json, all: &Members, sees_hidden: Option<bool>) -> bool {
    is_hidden(group) && (sees_hidden == Some(false) || (sees_hidden.is_none() && all.objects.is_empty()))
}

/// A group as the directory model has it. `names` says who of its members is named; the others are counted.
pub(crate) fn entry(
    id: &str,
    group: &Json,
    all: &Members,
    depth: Depth,
    sees_hidden: Option<bool>,
    names: impl Fn(&Object) -> bool,
) -> Result<Entry, ReadError> {
    let no_id = || ReadError::incomplete("groups", "a group has an id that is none");
    let id = DirectoryId::new(id).ok_or_else(no_id)?;
    let Some(name) = text(group, "/displayName") else {
        let (label, problem) = (id.to_string(), "Graph's answer holds no name of this group".to_owned());
        return Ok(Entry::Unreadable(Unreadable { id, label, problem }));
    };
    if hides(group, all, sees_hidden) {
        let problem = format!("it hides its members; grant {HIDDEN} with admin consent, or leave it out of groups");
        return Ok(Entry::Unreadable(Unreadable { id, label: name, problem }));
    }
    let mut members = Vec::new();
    let mut unresolved_members = 0;
    for object in &all.objects {
        match (object.kind, DirectoryId::new(&object.id)) {
            (Kind::Group, _) if depth == Depth::Nested => {}
            (Kind::User, Some(user)) if names(object) => members.push(Member::User(user)),
            (Kind::Group, Some(group)) if names(object) => members.push(Member::Group(group)),
            _ => unresolved_members += 1,
        }
    }
    members.sort_unstable();
    Ok(Entry::Group(Box::new(DirectoryGroup { id, name, place: None, members, unresolved_members })))
}
