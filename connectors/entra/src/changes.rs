//! What changed since a place in Graph's two streams of changes (delta queries): quick runs between full reads.
//!
//! The streams may tell a thing twice, in any order of objects, late, and in pieces: a user's row holds what was ever
//! set, and a group's members come as additions and removals over several pages. So what they tell is gathered per
//! object, the later word over the earlier; then each object is read as it is now, and what the stream said is laid over
//! it, because a replica that was asked may lag behind the stream. Whether somebody may work is taken from neither while
//! they differ. The removal of a deleted user from their groups may
//! never be told, nor is an assignment to an application. Full reads stay the authority on absence.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use rollcall_kit::Attributes;
use rollcall_kit::http::{NextPage, PageError, Pages, Request};
use rollcall_kit::rest::{Desk as _, Interface as _, Refusal as _};
use rollcall_kit::{
    Changes, Collection, Cursor, DirectoryId, DirectoryUser, Entries, InactiveReason, LookUp, ReadError, Status,
};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::api::{self, Api, Item, Query, marked, page};
use crate::groups::{entry, hides, listed};
use crate::lookup::Desk;
use crate::members::{self, Depth, Kind, Object};
use crate::person::{self, Place};
use crate::reach::{self, Reach, same};
use crate::read::sound;
use crate::refusal::Refusal;
use crate::select;
use crate::settings::{EntraSettings, GroupSettings};

/// How long Graph keeps a place (seven days), less half a day for the run itself.
const KEPT: SignedDuration = SignedDuration::from_hours(6 * 24 + 12);

/// What proves the end of a round.
const END: &str = "an answer with status 200, no next link and a delta link";

/// How often records are asked for again that differ from the stream.
const ASKED_AGAIN: u32 = 3;

/// What of groups is followed. A change of anything else is not told.
const GROUP: &str = "displayName,groupTypes,securityEnabled,mailEnabled,visibility,members";

/// A place in both streams, and what was read then: what is read by other settings needs a full read first.
#[derive(Serialize, Deserialize)]
struct Streams {
    users: String,
    groups: Option<String>,
    settings: String,
    /// Who was assigned to the application; of that there is no stream.
    assigned: Option<String>,
    since: Timestamp,
}

/// What a round of one stream told.
struct Round {
    rows: BTreeMap<String, Row>,
    next: String,
    collection: Collection,
}

/// What a round told of one object.
#[derive(Debug, Default)]
struct Row {
    /// Whether the last word was that it is no more.
    removed: bool,
    /// Properties, as last told.
    properties: serde_json::Map<String, Json>,
    /// Members that came (true) or went, as last told.
    members: BTreeMap<Object, bool>,
}

/// Whether these settings read what the streams tell. Members of nested groups change without a word about the group.
pub(crate) fn possible(settings: &EntraSettings) -> bool {
    settings.groups.as_ref().is_none_or(|groups| !groups.transitive)
}

/// The place at which a read of changes begins that follows a full read which begins now.
pub(crate) async fn cursor(settings: &EntraSettings, api: &Api) -> Result<Option<Cursor>, ReadError> {
    if !possible(settings) {
        return Ok(None);
    }
    let desk = Desk::open(api, settings).await?;
    let since = Timestamp::now();
    let users = latest(api, "users", &selected(settings)).await?;
    let groups = if follows_groups(settings) { Some(latest(api, "groups", GROUP).await?) } else { None };
    place(settings, desk.reach(), users, groups, since).map(Some)
}

/// Reads what changed; nothing if the place is no good any more.
pub(crate) async fn read(
    settings: &EntraSettings,
    api: &Api,
    since: &Cursor,
    entries: Entries,
) -> Result<Option<Changes>, ReadError> {
    let Ok(from) = serde_json::from_str::<Streams>(since.as_str()) else { return Ok(None) };
    let now = Timestamp::now();
    let too_old = from.since > now || now.duration_since(from.since) > KEPT;
    if !possible(settings) || too_old || from.settings != fingerprint(settings) {
        return Ok(None);
    }
    let desk = Desk::open(api, settings).await?;
    if from.assigned != assigned(desk.reach()) {
        return Ok(None);
    }
    let Some(users) = round(api, "users", &from.users).await? else { return Ok(None) };
    let groups = match (&from.groups, follows_groups(settings)) {
        (Some(link), true) => match round(api, "groups", link).await? {
            Some(groups) => Some(groups),
            None => return Ok(None),
        },
        (None, false) => None,
        _ => return Ok(None),
    };
    let mut reader = Reader { settings, api, entries, desk, collections: Vec::new() };
    let Some(named) = reader.named(groups.as_ref()) else { return Ok(None) };
    if !reader.users(&users, named).await? {
        return Ok(None);
    }
    let next = groups.as_ref().map(|groups| groups.next.clone());
    if let (Some(groups), Some(wanted)) = (groups, &settings.groups) {
        reader.groups(groups, wanted).await?;
    }
    let cursor = place(settings, reader.desk.reach(), users.next, next, now)?;
    Ok(Some(Changes { cursor, collections: reader.collections }))
}

/// Whether the stream of groups matters.
fn follows_groups(settings: &EntraSettings) -> bool {
    settings.groups.is_some() || settings.assigned_to.is_some() || !settings.members_of.is_empty()
}

/// The properties of users that are followed.
fn selected(settings: &EntraSettings) -> String {
    let mut names = select::properties(&settings.extra_properties);
    if settings.manager {
        names.push("manager");
    }
    names.join(",")
}

fn place(
    settings: &EntraSettings,
    reach: &Reach,
    users: String,
    groups: Option<String>,
    since: Timestamp,
) -> Result<Cursor, ReadError> {
    let streams = Streams { users, groups, settings: fingerprint(settings), assigned: assigned(reach), since };
    let words = serde_json::to_string(&streams);
    words.map(Cursor::new).map_err(|error| ReadError::incomplete("changes", error.to_string()))
}

fn assigned(reach: &Reach) -> Option<String> {
    match reach {
        Reach::Assigned(app) => Some(app.fingerprint()),
        Reach::Everybody | Reach::MembersOf(..) => None,
    }
}

/// A short name of everything in the settings that decides what is read.
fn fingerprint(settings: &EntraSettings) -> String {
    let EntraSettings { tenant, client_id, cloud, graph_url, assigned_to, members_of, .. } = settings;
    let EntraSettings { transitive, guests, groups, extra_properties, manager, .. } = settings;
    let whom = serde_json::json!([tenant, client_id, cloud, graph_url, assigned_to, members_of, transitive, guests]);
    let what = serde_json::json!([groups, extra_properties, manager, selected(settings), GROUP]);
    blake3::hash(format!("{whom}{what}").as_bytes()).to_hex()[..16].to_owned()
}

/// The place that a stream has reached now. Nothing of what is there already is told.
async fn latest(api: &Api, stream: &'static str, select: &str) -> Result<String, ReadError> {
    let path = [stream, "delta"];
    let parameters = [("$select", select), ("$deltatoken", "latest")];
    let query = Query { collection: stream, path: &path, parameters: &parameters };
    let round = walk(api, stream, api.request(&query)).await?;
    let lost = || ReadError::incomplete(stream, "Graph gives no place in its stream of changes");
    Ok(round.ok_or_else(lost)?.next)
}

/// What a stream tells since a place; nothing if the place is no good any more. The place was kept in a file, so it is
/// looked at like any other link before our token goes there.
async fn round(api: &Api, stream: &'static str, link: &str) -> Result<Option<Round>, ReadError> {
    let Ok(url) = api.own(link) else { return Ok(None) };
    if !url.as_url().path().trim_end_matches("()").ends_with(&format!("/{stream}/delta")) {
        return Ok(None);
    }
    walk(api, stream, marked(Request::get(url))).await
}

async fn walk(api: &Api, stream: &'static str, first: Request) -> Result<Option<Round>, ReadError> {
    let mut pages = Pages::new(api.client.clone(), first);
    let mut rows: BTreeMap<String, Row> = BTreeMap::new();
    let mut place = None;
    let mut entries = 0;
    loop {
        let told = pages.next(|answer| {
            let body = api::json(answer)?;
            let delta = body.get("@odata.deltaLink").and_then(Json::as_str).map(ToOwned::to_owned);
            let (items, next) = page(body)?;
            match (&next, &delta) {
                (NextPage::End, None) => Err("it is neither followed by another nor the last of a round".to_owned()),
                _ => Ok(((items, delta), next)),
            }
        });
        match told.await {
            Ok(None) => break,
            Ok(Some((items, delta))) => {
                place = delta;
                entries += items.len() as u64;
                for item in items {
                    let row = rows.entry(item.id.clone()).or_default();
                    row.add(item).map_err(|problem| ReadError::incomplete(stream, problem))?;
                }
            }
            Err(PageError::Refused { answer, .. }) if Refusal::of(&answer).is_lost_place() => return Ok(None),
            Err(PageError::Refused { answer, .. }) => {
                let what = format!("/v1.0/{stream}/delta");
                return Err(Refusal::of(&answer).error((&api.server, &api.identity), &what, stream));
            }
            Err(PageError::Http { page: 1, error }) => return Err(api.no_answer(error, stream)),
            Err(error) => return Err(ReadError::incomplete(stream, format!("/v1.0/{stream}/delta: {error}"))),
        }
    }
    let next = place.ok_or_else(|| ReadError::incomplete(stream, "the round ended without a delta link"))?;
    api.own(&next).map_err(|problem| ReadError::incomplete(stream, format!("its delta link: {problem}")))?;
    let (query, pages) = (format!("/v1.0/{stream}/delta"), pages.read());
    let collection =
        Collection { name: stream.to_owned(), query, pages, entries, announced: None, end: END.to_owned() };
    Ok(Some(Round { rows, next, collection }))
}

impl Row {
    /// Adds one more word about the object: the later over the earlier, property by property and member by member.
    fn add(&mut self, item: Item) -> Result<(), String> {
        let Json::Object(properties) = item.json else { return Err("a change is no object".to_owned()) };
        self.removed = properties.contains_key("@removed");
        for (name, value) in properties {
            if name == "members@delta" {
                let members = value.as_array().ok_or("members@delta is no list")?;
                for member in members {
                    self.members.insert(members::object(member)?, member.get("@removed").is_none());
                }
            } else if !name.contains('@') {
                self.properties.insert(name, value);
            }
        }
        Ok(())
    }

    /// Whether it was told otherwise than it was found whether somebody may work.
    fn differs(&self, found: &Json) -> bool {
        let told = self.properties.get("accountEnabled").filter(|told| told.is_boolean());
        told.is_some_and(|told| found.get("accountEnabled") != Some(told))
    }

    /// Lays what was told over what was found.
    fn over(&self, found: &mut Json) {
        if let Json::Object(found) = found {
            found.extend(self.properties.clone());
        }
    }
}

/// A read of changes under way.
struct Reader<'a> {
    settings: &'a EntraSettings,
    api: &'a Api,
    entries: Entries,
    desk: Desk,
    collections: Vec<Collection>,
}

impl Reader<'_> {
    /// The users whose membership decides whether they are within reach, and changed; nothing if only a full read finds
    /// them: with nested groups, a group that came or went takes people along whom nobody names.
    fn named(&self, groups: Option<&Round>) -> Option<BTreeSet<String>> {
        let of_reach: BTreeSet<&str> = self.desk.reach().groups().iter().map(|group| &*group.id).collect();
        let nested = matches!(self.desk.reach(), Reach::MembersOf(_, Depth::Nested));
        let mut users = BTreeSet::new();
        for (id, row) in groups.into_iter().flat_map(|groups| &groups.rows) {
            if matches!(self.desk.reach(), Reach::Everybody) || (!nested && !of_reach.contains(&**id)) {
                continue;
            }
            for object in row.members.keys() {
                match object.kind {
                    Kind::User => drop(users.insert(object.id.clone())),
                    Kind::Group if nested => return None,
                    Kind::Group | Kind::Other => {}
                }
            }
        }
        Some(users)
    }

    /// Sends the users of whom something was told, as they are now. False if what was told and what is found
    /// contradict each other, so that only a full read helps.
    async fn users(&mut self, round: &Round, named: BTreeSet<String>) -> Result<bool, ReadError> {
        let mut ids: BTreeSet<String> = named;
        ids.extend(round.rows.keys().cloned());
        let ids: Vec<String> = ids.into_iter().collect();
        let nothing = Row::default();
        let Some(found) = self.found(round, &ids).await? else { return Ok(false) };
        let contradicts = |id: &String| round.rows.get(id).is_some_and(|row| row.removed);
        if let Some((id, _)) = found.iter().find(|(id, user)| user.is_some() && contradicts(id)) {
            tracing::debug!(id, "told to be deleted, and found: restored since, or a replica that lags behind");
            return Ok(false);
        }
        let (mut there, mut absent) = (Vec::new(), Vec::new());
        for (id, user) in found {
            match user {
                Some(mut user) => {
                    round.rows.get(&id).unwrap_or(&nothing).over(&mut user);
                    sound(self.api, &id, &user)?;
                    there.push((id, user));
                }
                None => absent.push(id),
            }
        }
        let names: Vec<&str> = there.iter().map(|(id, _)| &**id).collect();
        let of = self.desk.groups_of(self.api, &names).await?;
        for ((id, user), of) in there.iter().zip(of) {
            if let Some(user) = self.live(id, user, &of)? {
                self.entries.user(user).await?;
            }
        }
        let names: Vec<&str> = absent.iter().map(String::as_str).collect();
        let deleted = self.desk.deleted(self.api, &names).await?;
        for (id, user) in absent.iter().zip(deleted) {
            if let Some(user) = self.gone(id, user, round.rows.get(id).unwrap_or(&nothing)) {
                self.entries.user(user).await?;
            }
        }
        self.collections.push(round.collection.clone());
        Ok(true)
    }

    /// The records of these people as they are now. Where the stream and a record differ about whether somebody may work,
    /// one of them is old, a replica that lags or a row that was replayed, and neither may put anybody in or out: they are
    /// asked for again after a pause, and if they still differ only a full read helps.
    async fn found(&self, round: &Round, ids: &[String]) -> Result<Option<Vec<(String, Option<Json>)>>, ReadError> {
        let mut found = members::users(self.api, self.settings, ids).await?;
        let differs = |(id, user): &(String, Option<Json>)| {
            round.rows.get(id).zip(user.as_ref()).is_some_and(|(row, user)| row.differs(user))
        };
        for attempt in 0..ASKED_AGAIN {
            let in_doubt: Vec<String> = found.iter().filter(|one| differs(one)).map(|(id, _)| id.clone()).collect();
            if in_doubt.is_empty() {
                return Ok(Some(found));
            }
            tracing::debug!(?in_doubt, "the stream and the records differ about who may work");
            tokio::time::sleep(self.api.first_pause.saturating_mul(1 << attempt)).await;
            for (id, user) in members::users(self.api, self.settings, &in_doubt).await? {
                if let Some(known) = found.iter_mut().find(|(known, _)| *known == id) {
                    known.1 = user;
                }
            }
        }
        Ok((!found.iter().any(differs)).then_some(found))
    }

    /// Somebody who is there, if they are within reach.
    fn live(&self, id: &str, user: &Json, of: &[String]) -> Result<Option<DirectoryUser>, ReadError> {
        let id = DirectoryId::new(id).ok_or_else(|| ReadError::incomplete("users", "a user has an id that is none"))?;
        Ok(match self.desk.judge(self.settings, id, user, of) {
            LookUp::Found(user) => Some(*user),
            // That they are not assigned is a fact about them; that they are in none of some groups a full read will tell.
            LookUp::OutOfReach(user, _) if user.assigned == Some(false) => Some(*user),
            LookUp::OutOfReach(..) | LookUp::Gone => None,
        })
    }

    /// Somebody who is not there: deleted, and perhaps for good. Who is found nowhere without having been told to be
    /// deleted is for a full read to miss.
    fn gone(&self, id: &str, deleted: Option<Json>, row: &Row) -> Option<DirectoryUser> {
        let id = DirectoryId::new(id)?;
        if let Some(user) = deleted {
            let admitted = person::admitted(&user, self.settings.guests);
            return admitted.then(|| person::read(id, &user, Place::Deleted, &self.desk.unassigned()));
        }
        row.removed.then(|| DirectoryUser {
            id,
            login: String::new(),
            status: Status::Inactive(InactiveReason::Deleted),
            raw_status: "@removed".to_owned(),
            place: None,
            assigned: None,
            profile: Attributes::new(),
            raw: Attributes::new(),
        })
    }

    /// Sends the groups of which something was told, with all of their members as they are now. One that was deleted is
    /// for a full read to miss.
    async fn groups(&mut self, round: Round, wanted: &GroupSettings) -> Result<(), ReadError> {
        let ids: Vec<String> = round.rows.iter().filter(|(_, row)| !row.removed).map(|(id, _)| id.clone()).collect();
        let mut groups = Vec::new();
        for (id, group) in reach::by_ids(self.api, &ids).await? {
            let Some(mut group) = group else { continue };
            round.rows[&id].over(&mut group.json);
            if self.is_wanted(&group, wanted)? {
                groups.push(group);
            }
        }
        let ids: Vec<String> = groups.iter().map(|group| group.id.clone()).collect();
        let all = members::of_groups(self.api, self.settings, "members", &ids, Depth::Direct).await?;
        for (group, members) in groups.into_iter().zip(all) {
            let Some(mut members) = members else { continue };
            // Who came is not all of them where the others are hidden.
            if !hides(&group.json, &members, self.desk.sees_hidden) {
                let told = &round.rows[&group.id].members;
                members.objects.retain(|object| told.get(object) != Some(&false));
                members.objects.extend(told.iter().filter(|(_, came)| **came).map(|(object, _)| object.clone()));
                members.objects.sort_unstable();
                members.objects.dedup();
            }
            let named = |object: &Object| object.kind != Kind::Other;
            let entry = entry(&group.id, &group.json, &members, Depth::Direct, self.desk.sees_hidden, named)?;
            self.entries.send(entry).await?;
        }
        self.collections.push(round.collection);
        Ok(())
    }

    fn is_wanted(&self, group: &Item, wanted: &GroupSettings) -> Result<bool, ReadError> {
        let name = person::text(&group.json, "/displayName").unwrap_or_default();
        let of_app = |reach: &Reach| matches!(reach, Reach::Assigned(app) if app.groups.contains_key(&group.id));
        Ok(listed(group, wanted)?
            || wanted.named.iter().any(|one| same(one, &group.id) || same(one, &name))
            || (wanted.assigned && of_app(self.desk.reach())))
    }
}
