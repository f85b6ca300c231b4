//! What changed since a moment: quick runs between full reads.
//!
//! A user's `lastUpdated` moves with their profile and status; a group's `lastMembershipUpdated` says that its members
//! changed, and not who, so such a group is read anew. Neither moves when somebody is assigned to an application, and
//! who was deleted is in no list: those are told by the System Log alone. Full reads stay the authority on absence.
//!
//! Time stamps are by Okta's clock, and what is read by them lags behind, so each read goes back some minutes before the
//! moment at which the last one began.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use rollcall_kit::rest::{Desk as _, Interface as _};
use rollcall_kit::{
    Attributes, Changes, Collection, Cursor, DirectoryId, DirectoryUser, Entries, Entry, InactiveReason, LookUp,
    ReadError, Status, Unreadable,
};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::api::{self, Api, END, Item, List, Query};
use crate::groups::{begins_with, entry, kind_of, members};
use crate::lookup::Desk;
use crate::reach::{Reach, name_of};
use crate::settings::{GroupSettings, OktaSettings};

/// How far a read goes back beyond the moment at which the last one began.
const OVERLAP: SignedDuration = SignedDuration::from_mins(10);

/// How long the System Log is kept, less a day: a place before that has lost events.
const LOG_KEPT: SignedDuration = SignedDuration::from_hours(89 * 24);

/// The events after which a person must be looked at, and which of them say that they are no more.
const ASSIGNED: [&str; 2] = ["application.user_membership.add", "application.user_membership.remove"];
const DELETED: &str = "user.lifecycle.delete.completed";

/// A moment, and what was read then: what is read by other settings needs a full read first.
#[derive(Serialize, Deserialize)]
struct Place {
    since: Timestamp,
    settings: String,
}

/// A read of changes under way.
struct Reader<'a> {
    settings: &'a OktaSettings,
    api: &'a Api,
    entries: Entries,
    desk: Desk,
    since: Timestamp,
    sent: BTreeSet<String>,
    collections: Vec<Collection>,
}

/// The place at which a read of changes begins that follows a full read which begins now.
pub(crate) async fn cursor(settings: &OktaSettings, api: &Api) -> Result<Cursor, ReadError> {
    api.sign_in().await?;
    place(settings, api.now().await?)
}

/// Reads what changed; nothing if the place is no good any more.
pub(crate) async fn read(
    settings: &OktaSettings,
    api: &Api,
    since: &Cursor,
    entries: Entries,
) -> Result<Option<Changes>, ReadError> {
    let Ok(from) = serde_json::from_str::<Place>(since.as_str()) else { return Ok(None) };
    if from.settings != fingerprint(settings) {
        return Ok(None);
    }
    let desk = Desk::open(api, settings).await?;
    let now = api.now().await?;
    if from.since > now || now.duration_since(from.since) > LOG_KEPT {
        return Ok(None);
    }
    let since = from.since.saturating_sub(OVERLAP).unwrap_or(Timestamp::UNIX_EPOCH);
    let (sent, collections) = (BTreeSet::new(), Vec::new());
    let mut reader = Reader { settings, api, entries, desk, since, sent, collections };
    reader.users().await?;
    if settings.system_log {
        reader.log().await?;
    }
    if settings.groups.is_some() || !settings.members_of.is_empty() {
        let changed = reader.changed_groups().await?;
        reader.members_of(&changed).await?;
        reader.groups(changed).await?;
    }
    Ok(Some(Changes { cursor: place(settings, now)?, collections: reader.collections }))
}

fn place(settings: &OktaSettings, since: Timestamp) -> Result<Cursor, ReadError> {
    let place = Place { since, settings: fingerprint(settings) };
    let words = serde_json::to_string(&place);
    words.map(Cursor::new).map_err(|error| ReadError::incomplete("changes", error.to_string()))
}

/// A short name of everything in the settings that decides what is read.
fn fingerprint(settings: &OktaSettings) -> String {
    let OktaSettings { url, client_id, assigned_to, members_of, groups, statuses, system_log, .. } = settings;
    let said = serde_json::json!([url, client_id, assigned_to, members_of, groups, statuses, system_log]);
    blake3::hash(said.to_string().as_bytes()).to_hex()[..16].to_owned()
}

impl Reader<'_> {
    /// A moment as Okta writes it.
    fn moment(&self) -> String {
        format!("{:.3}", self.since)
    }

    /// Users whose profile or status changed; the deactivated are among them.
    async fn users(&mut self) -> Result<(), ReadError> {
        let filter = format!("lastUpdated gt \"{}\"", self.moment());
        let size = self.settings.page_size.to_string();
        let parameters = [("filter", &*filter), ("limit", &*size)];
        self.list(&Query { collection: "users", path: &["users"], parameters: &parameters }).await
    }

    /// Sends the users of a list.
    async fn list(&mut self, query: &Query<'_>) -> Result<(), ReadError> {
        let mut list = self.api.list(query);
        let mut sent = 0;
        while let Some(page) = list.next().await? {
            for item in page {
                sent += self.user(&item).await?;
            }
        }
        self.completed("users", &list, sent);
        Ok(())
    }

    /// Sends a user as they are now, once.
    async fn user(&mut self, item: &Item) -> Result<u64, ReadError> {
        if self.sent.contains(&item.id) {
            return Ok(0);
        }
        let judged = self.desk.judge(self.api, self.settings, &item.id, &item.json).await?;
        let user = match judged {
            Ok(LookUp::Found(user)) => user,
            // That they are not assigned is a fact about them; that they are in none of some groups a full read will tell.
            Ok(LookUp::OutOfReach(user, _)) if user.assigned == Some(false) => user,
            Ok(LookUp::OutOfReach(..) | LookUp::Gone) => return Ok(0),
            Err(problem) => return self.unclear(item, problem).await,
        };
        self.sent.insert(item.id.clone());
        self.entries.user(*user).await?;
        Ok(1)
    }

    /// Sends somebody of whom it cannot be told how they stand, so that they are held as they are.
    async fn unclear(&mut self, item: &Item, problem: String) -> Result<u64, ReadError> {
        let Some(id) = DirectoryId::new(&item.id) else { return Ok(0) };
        let login = item.json.pointer("/profile/login").and_then(Json::as_str);
        let label = login.unwrap_or(&item.id).to_owned();
        self.sent.insert(item.id.clone());
        self.entries.send(Entry::Unreadable(Unreadable { id, label, problem })).await?;
        Ok(1)
    }

    /// People of whom only the System Log tells that something changed.
    async fn log(&mut self) -> Result<(), ReadError> {
        let events: Vec<String> =
            ASSIGNED.iter().chain([&DELETED]).map(|event| format!("eventType eq \"{event}\"")).collect();
        let (filter, since) = (events.join(" or "), self.moment());
        let parameters = [("since", &*since), ("filter", &*filter), ("sortOrder", "ASCENDING"), ("limit", "1000")];
        let mut list = self.api.list(&Query { collection: "log", path: &["logs"], parameters: &parameters });
        let mut people: BTreeMap<String, String> = BTreeMap::new();
        let mut entries = 0;
        while let Some(events) = list.next_by(api::events).await? {
            entries += events.len() as u64;
            events.iter().filter_map(|event| self.whom(event)).for_each(|(id, login)| {
                people.insert(id, login);
            });
        }
        self.completed("log", &list, entries);
        for (id, login) in people {
            self.told_of(&id, login).await?;
        }
        Ok(())
    }

    /// Whom an event is about, unless it is about another application: their id and their login.
    fn whom(&self, event: &Json) -> Option<(String, String)> {
        let targets = event.get("target").and_then(Json::as_array)?;
        let of = |kind: &str| targets.iter().find(|target| target["type"] == kind);
        let text = |target: &Json, name: &str| target.get(name).and_then(Json::as_str).map(ToOwned::to_owned);
        if event["eventType"] != DELETED {
            let app = of("AppInstance").and_then(|app| text(app, "id"));
            if app != self.settings.assigned_to || app.is_none() {
                return None;
            }
            // What is assigned is named as the application's user; the person stands beside it.
        }
        let user = of("User")?;
        Some((text(user, "id")?, text(user, "alternateId").unwrap_or_default()))
    }

    /// Sends somebody of whom the log tells, as they are now; who is no more is sent as deleted.
    async fn told_of(&mut self, id: &str, login: String) -> Result<(), ReadError> {
        if self.sent.contains(id) {
            return Ok(());
        }
        let query = Query { collection: "users", path: &["users", id], parameters: &[] };
        if let Some(json) = self.api.one(&query).await? {
            return self.user(&Item { id: id.to_owned(), json }).await.map(|_| ());
        }
        let Some(directory_id) = DirectoryId::new(id) else { return Ok(()) };
        self.sent.insert(id.to_owned());
        let deleted = DirectoryUser {
            id: directory_id,
            login,
            status: Status::Inactive(InactiveReason::Deleted),
            raw_status: DELETED.to_owned(),
            place: None,
            assigned: None,
            profile: Attributes::new(),
            raw: Attributes::new(),
        };
        self.entries.user(deleted).await
    }

    /// With the members of some groups within reach: everybody in those whose members changed, for some may be new.
    async fn members_of(&mut self, changed: &[Item]) -> Result<(), ReadError> {
        let Reach::MembersOf(named) = self.desk.reach() else { return Ok(()) };
        let named: BTreeSet<String> = named.iter().map(|group| group.id.clone()).collect();
        let size = self.settings.page_size.to_string();
        for group in changed.iter().filter(|group| named.contains(&group.id)) {
            let path = ["groups", &*group.id, "users"];
            let parameters = [("limit", &*size)];
            self.list(&Query { collection: "users", path: &path, parameters: &parameters }).await?;
        }
        Ok(())
    }

    /// Groups that changed, or whose members did, with all of their members.
    async fn groups(&mut self, changed: Vec<Item>) -> Result<(), ReadError> {
        let Some(settings) = &self.settings.groups else { return Ok(()) };
        let size = self.settings.page_size.to_string();
        let listed = if changed.is_empty() { BTreeSet::new() } else { self.listed(settings).await? };
        for group in changed {
            let name = name_of(&group.json).unwrap_or_default();
            let of_type = settings.takes(kind_of(&group.json));
            let wanted = (settings.all && of_type)
                || settings.prefix.as_ref().is_some_and(|prefix| of_type && begins_with(&group.json, prefix))
                || settings.named.iter().any(|wanted| *wanted == group.id || wanted.trim() == name)
                || listed.contains(&group.id);
            if !wanted {
                continue;
            }
            // One that was deleted meanwhile is for a full read to miss.
            if let Some(members) = members(self.api, &group.id, &size).await? {
                self.entries.send(entry(&group, members, |_| true)?).await?;
            }
        }
        Ok(())
    }

    /// The groups of the organisation that changed, or whose members did.
    async fn changed_groups(&mut self) -> Result<Vec<Item>, ReadError> {
        let moment = self.moment();
        let filter = format!("lastUpdated gt \"{moment}\" or lastMembershipUpdated gt \"{moment}\"");
        let size = self.settings.page_size.to_string();
        let parameters = [("filter", &*filter), ("limit", &*size)];
        let api = self.api;
        let mut list = api.list(&Query { collection: "groups", path: &["groups"], parameters: &parameters });
        let mut changed = BTreeMap::new();
        while let Some(page) = list.next().await? {
            changed.extend(page.into_iter().map(|group| (group.id.clone(), group)));
        }
        self.completed("groups", &list, changed.len() as u64);
        Ok(changed.into_values().collect())
    }

    /// The groups that only Okta can tell belong to the settings: those assigned, and those that a search finds.
    async fn listed(&self, settings: &GroupSettings) -> Result<BTreeSet<String>, ReadError> {
        let mut listed = BTreeSet::new();
        let (api, size) = (self.api, self.settings.page_size.to_string());
        if let (true, Some(app)) = (settings.assigned, &self.settings.assigned_to) {
            let path = ["apps", &**app, "groups"];
            let parameters = [("limit", "200")];
            let query = Query { collection: "groups", path: &path, parameters: &parameters };
            listed.extend(api.list(&query).all().await?.into_iter().map(|group| group.id));
        }
        if let Some(search) = &settings.search {
            let parameters = [("limit", &*size), ("search", &**search)];
            let query = Query { collection: "groups", path: &["groups"], parameters: &parameters };
            let found = api.list(&query).all().await?;
            let found = found.into_iter().filter(|group| settings.takes(kind_of(&group.json)));
            listed.extend(found.map(|group| group.id));
        }
        Ok(listed)
    }

    fn completed(&mut self, name: &str, list: &List<'_>, entries: u64) {
        self.collections.push(Collection {
            name: name.to_owned(),
            query: list.words().to_owned(),
            pages: list.pages(),
            entries,
            announced: None,
            end: END.to_owned(),
        });
    }
}
