//! What changed since the last read: quick runs between full reads, which stay the authority on absence.
//!
//! Google tells nobody what changed, so there are two ways to find out:
//!
//! - By etags, without any further right. A list of nothing but ids and etags finds who changed, and only they are
//!   fetched. Etags of groups say nothing of their members, so groups are read as a full read does.
//! - By the audit logs (`activity`), which tell at whom and at which groups to look. They lag, so each read goes back
//!   some hours before the last one, and heeds what it did not heed then. They do not tell whom Google suspends by itself,
//!   so whoever is suspended is listed and compared, too. Where the log of groups cannot be read, etags it is.
//!
//! Either way, whoever was deleted of late is listed, and is told as deleted.

use std::collections::BTreeSet;

use futures::{StreamExt as _, TryStreamExt as _, stream};
use jiff::{SignedDuration, Timestamp};
use rollcall_kit::rest::{Desk as _, Interface as _};
use rollcall_kit::{Changes, CheckFinding, Collection, Cursor, DirectoryId, Entries, Entry, LookUp, ReadError};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::api::{Api, Query};
use crate::groups::{self, Names};
use crate::log::{self, Told};
use crate::lookup::Desk;
use crate::marks::{MOST, Marks};
use crate::members::Walk;
use crate::person::{self, Place as From, text};
use crate::reach::{Group, Reach, USERS, find_group};
use crate::read::END;
use crate::settings::{GoogleSettings, GroupSettings};

/// A log is kept for half a year; a place before this has lost events.
const LOG_KEPT: SignedDuration = SignedDuration::from_hours(150 * 24);

/// From so many changed users on, if they are more than a quarter of everybody, a full read costs less.
const MANY: usize = 1000;

/// So many users or groups are in hand at once.
const AT_ONCE: usize = 64;

/// Where the last read stood.
#[derive(Serialize, Deserialize)]
struct Place {
    /// What is read by other settings needs a full read first.
    settings: String,
    /// Users as they were: everybody within reach, or with the logs those who were suspended; and the deleted.
    marks: Marks,
    /// With the logs: the moment, and the events that were heeded.
    log: Option<LogPlace>,
}

#[derive(Serialize, Deserialize)]
struct LogPlace {
    since: Timestamp,
    heeded: Marks,
}

/// The place at which a read of changes begins that follows a full read which begins now.
pub(crate) async fn cursor(settings: &GoogleSettings, api: &Api) -> Result<Option<Cursor>, ReadError> {
    let mut desk = Desk::open(api, settings).await?;
    let log = match by_log(settings, api).await? {
        true => Some(LogPlace { since: now(api, &desk).await?, heeded: Marks::default() }),
        false => None,
    };
    let compared = Compared::with(settings, api, &mut desk, &Marks::default(), log.is_some()).await?;
    place(settings, compared.marks, log)
}

/// Whether the logs tell enough: that of groups is missing in some editions, and is needed only for groups.
async fn by_log(settings: &GoogleSettings, api: &Api) -> Result<bool, ReadError> {
    if !settings.activity {
        return Ok(false);
    }
    log::readable(api, log::ADMIN).await?;
    let needs_groups = settings.groups.is_some() || !settings.members_of.is_empty();
    Ok(!needs_groups || log::readable(api, log::GROUPS).await.is_ok())
}

async fn now(api: &Api, desk: &Desk) -> Result<Timestamp, ReadError> {
    let mut parameters = desk.asking.marks(None);
    parameters.retain(|(name, _)| *name != "maxResults");
    parameters.push(("maxResults", "1"));
    api.now(&Query { collection: "users", path: &USERS, parameters: &parameters }).await
}

fn place(settings: &GoogleSettings, marks: Marks, log: Option<LogPlace>) -> Result<Option<Cursor>, ReadError> {
    if marks.count() > MOST {
        tracing::warn!(users = marks.count(), "there are too many users to compare; every run reads in full");
        return Ok(None);
    }
    let place = Place { settings: fingerprint(settings), marks, log };
    let words = serde_json::to_string(&place);
    words.map(|words| Some(Cursor::new(words))).map_err(|error| ReadError::incomplete("changes", error.to_string()))
}

/// A short name of everything in the settings that decides what is read.
fn fingerprint(settings: &GoogleSettings) -> String {
    let GoogleSettings { api_url, admin, customer, domain, org_units, members_of, transitive, groups, .. } = settings;
    let GoogleSettings { custom_schemas, extra_fields, activity, .. } = settings;
    let said = serde_json::json!([
        [api_url, domain],
        [admin, customer],
        [org_units, members_of, extra_fields],
        [transitive, activity],
        [groups, custom_schemas]
    ]);
    blake3::hash(said.to_string().as_bytes()).to_hex()[..16].to_owned()
}

/// Reads what changed; nothing if the place is no good any more.
pub(crate) async fn read(
    settings: &GoogleSettings,
    api: &Api,
    since: &Cursor,
    entries: Entries,
) -> Result<Option<Changes>, ReadError> {
    let Ok(from) = serde_json::from_str::<Place>(since.as_str()) else { return Ok(None) };
    if from.settings != fingerprint(settings) {
        return Ok(None);
    }
    let mut desk = Desk::open(api, settings).await?;
    let mut told = Told::default();
    let mut log = None;
    if let Some(place) = &from.log {
        let now = now(api, &desk).await?;
        if place.since > now || now.duration_since(place.since) > LOG_KEPT || !by_log(settings, api).await? {
            return Ok(None);
        }
        let back = place.since.saturating_sub(settings.activity_lag.signed()).unwrap_or(Timestamp::UNIX_EPOCH);
        let customer = settings.customer.as_deref();
        told.read(api, log::ADMIN, back, customer, &place.heeded).await?;
        if settings.groups.is_some() || !settings.members_of.is_empty() {
            told.read(api, log::GROUPS, back, customer, &place.heeded).await?;
        }
        if told.wide {
            return Ok(None);
        }
        log = Some(LogPlace { since: now, heeded: std::mem::take(&mut told.seen) });
    }
    let compared = Compared::with(settings, api, &mut desk, &from.marks, log.is_some()).await?;
    if compared.are_too_many() {
        return Ok(None);
    }
    let Some(cursor) = place(settings, compared.marks.clone(), log)? else { return Ok(None) };
    let live = from.log.is_none().then_some(compared.live);
    let collections = std::mem::take(&mut told.collections);
    let mut reader = Reader { settings, api, entries, desk, sent: BTreeSet::new(), live, collections };
    reader.collections.extend(compared.collections);
    reader.users(compared.changed.into_iter().chain(told.people).collect()).await?;
    if from.log.is_some() && reader.concerns_reach(&told.groups).await? {
        let members = reader.desk.members(api, settings).await?.users.iter().cloned().collect();
        reader.users(members).await?;
    }
    reader.deleted(&from.marks).await?;
    if let Some(groups) = &settings.groups {
        reader.groups(groups, from.log.is_some().then_some(&told.groups)).await?;
    }
    Ok(Some(Changes { cursor, collections: reader.collections }))
}

/// Users by their etags.
struct Compared {
    marks: Marks,
    /// Users who are not as they were.
    changed: BTreeSet<String>,
    live: BTreeSet<Box<str>>,
    collections: Vec<Collection>,
}

impl Compared {
    /// Lists who is within reach, or with `suspended` who of them is suspended, and compares.
    async fn with(
        settings: &GoogleSettings,
        api: &Api,
        desk: &mut Desk,
        before: &Marks,
        suspended: bool,
    ) -> Result<Self, ReadError> {
        let (marks, changed, live, collections) = <(Marks, BTreeSet<_>, BTreeSet<_>, Vec<_>)>::default();
        let mut compared = Self { marks, changed, live, collections };
        let members = match desk.reach() {
            Reach::MembersOf(_) => {
                Some(desk.members(api, settings).await?.clone()).filter(|all| all.everybody.is_empty())
            }
            _ => None,
        };
        for query in desk.reach().queries() {
            let query = match (query, suspended) {
                (None, true) => Some("isSuspended=true".to_owned()),
                (Some(query), true) => Some(format!("{query} isSuspended=true")),
                (query, false) => query,
            };
            let parameters = desk.asking.marks(query.as_deref());
            let mut list = api.users(&Query { collection: "users", path: &USERS, parameters: &parameters });
            let mut rows = 0;
            while let Some(page) = list.next().await? {
                for item in page {
                    rows += 1;
                    if members.as_ref().is_none_or(|members| members.users.contains(&item.id)) {
                        compared.take("live", &item.id, &item.json, before);
                    }
                }
            }
            compared.completed(list.words(), list.pages(), rows);
            if rows == 0 && !suspended {
                let reason = "not one user is shown, asked twice, so that the answer is broken";
                return Err(ReadError::incomplete("users", reason));
            }
        }
        for (id, user) in desk.deleted(api).await? {
            compared.marks.keep(&["deleted", id, &etag(user)]);
        }
        Ok(compared)
    }

    fn take(&mut self, kind: &str, id: &str, user: &Json, before: &Marks) {
        let etag = etag(user);
        self.marks.keep(&[kind, id, &etag]);
        // Without an etag nobody knows whether they changed.
        if etag.is_empty() || !before.hold(&[kind, id, &etag]) {
            self.changed.insert(id.to_owned());
        }
        self.live.insert(id.into());
    }

    /// Whether so many changed that a full read costs less.
    fn are_too_many(&self) -> bool {
        self.changed.len() > MANY && self.changed.len() > self.live.len() / 4
    }

    fn completed(&mut self, query: &str, pages: u64, entries: u64) {
        self.collections.push(collection("users", query, pages, entries));
    }
}

fn etag(user: &Json) -> String {
    text(user, "/etag").unwrap_or_default()
}

fn collection(name: &str, query: &str, pages: u64, entries: u64) -> Collection {
    let (name, query, end) = (name.to_owned(), query.to_owned(), END.to_owned());
    Collection { name, query, pages, entries, announced: None, end }
}

/// A read of changes under way.
struct Reader<'a> {
    settings: &'a GoogleSettings,
    api: &'a Api,
    entries: Entries,
    desk: Desk,
    sent: BTreeSet<String>,
    /// Everybody within reach, once that is known.
    live: Option<BTreeSet<Box<str>>>,
    collections: Vec<Collection>,
}

impl Reader<'_> {
    /// Sends users, by id or address, as they are now. Who is not there any more is among the deleted, or for a full read
    /// to miss.
    async fn users(&mut self, who: Vec<String>) -> Result<(), ReadError> {
        let (api, settings) = (self.api, self.settings);
        for chunk in who.chunks(AT_ONCE) {
            let desk = &self.desk;
            let fetched = stream::iter(chunk.to_vec()).map(|who| async move {
                match desk.fetch(api, &who).await {
                    // The log names people of other customers, too, and they are refused.
                    Err(ReadError::Denied { .. }) if who.contains('@') => Ok(None),
                    user => user,
                }
            });
            let fetched: Vec<Option<Json>> = fetched.buffered(settings.parallel).try_collect().await?;
            for user in fetched.into_iter().flatten() {
                self.user(&user).await?;
            }
        }
        Ok(())
    }

    async fn user(&mut self, user: &Json) -> Result<(), ReadError> {
        let id = text(user, "/id").and_then(|id| DirectoryId::new(&id));
        let id = id.ok_or_else(|| ReadError::incomplete("changes", "a user came without an id"))?;
        if self.sent.contains(id.as_str()) {
            return Ok(());
        }
        match self.desk.judge(self.api, self.settings, id, user).await? {
            LookUp::Found(user) => {
                self.sent.insert(user.id.to_string());
                self.entries.user(*user).await
            }
            // That they are not within reach any more a full read will tell.
            LookUp::OutOfReach(..) | LookUp::Gone => Ok(()),
        }
    }

    /// Sends whoever was deleted since.
    async fn deleted(&mut self, before: &Marks) -> Result<(), ReadError> {
        let deleted = self.desk.deleted(self.api).await?;
        let fresh: Vec<(String, Json)> = deleted
            .iter()
            .filter(|(id, user)| !self.sent.contains(*id) && !before.hold(&["deleted", id, &etag(user)]))
            .map(|(id, user)| (id.clone(), user.clone()))
            .collect();
        for (id, user) in fresh {
            if let Some(directory_id) = DirectoryId::new(&id) {
                self.sent.insert(id);
                self.entries.user(person::read(directory_id, &user, From::Deleted)).await?;
            }
        }
        Ok(())
    }

    /// Whether groups that changed decide who is within reach.
    async fn concerns_reach(&self, changed: &BTreeSet<String>) -> Result<bool, ReadError> {
        let Reach::MembersOf(named) = self.desk.reach() else { return Ok(false) };
        if self.settings.transitive && !changed.is_empty() {
            return Ok(true);
        }
        let found = self.named(changed).await?;
        Ok(found.iter().any(|group| named.iter().any(|own| own.id == group.id)))
    }

    /// The groups of these addresses that are there, and the customer's.
    async fn named(&self, addresses: &BTreeSet<String>) -> Result<Vec<Group>, ReadError> {
        let mut groups = Vec::new();
        for address in addresses {
            match find_group(self.api, address).await {
                Ok(group) => groups.extend(group),
                Err(ReadError::Denied { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        groups.sort();
        groups.dedup();
        Ok(groups)
    }

    /// Sends groups with all of their members: those that changed, where that is known, or else all of them.
    async fn groups(&mut self, settings: &GroupSettings, changed: Option<&BTreeSet<String>>) -> Result<(), ReadError> {
        let wanted: Vec<Group> = match changed {
            // A group within another changes the other, where they are flattened.
            Some(changed) if changed.is_empty() || !settings.transitive => self.wanted(settings, changed).await?,
            _ => groups::find(self.api, self.settings, settings).await?.found.into_values().collect(),
        };
        let (mut sent, mut pages) = (0, 0);
        for chunk in wanted.chunks(AT_ONCE) {
            let mut walk = Walk::default();
            walk.fetch(self.api, "members", chunk.to_vec(), settings.transitive, self.settings.parallel).await?;
            pages += walk.pages;
            for group in chunk.iter().filter(|group| walk.direct(&group.id).is_some()) {
                let flat = walk.flat(&[&group.id], settings.transitive);
                if !flat.everybody.is_empty() {
                    self.everybody().await?;
                }
                let (nobody, customers) = (BTreeSet::new(), flat.everybody.iter().flatten().cloned().collect());
                let names = Names {
                    user: &|_| true,
                    group: &|_| true,
                    everybody: self.live.as_ref().unwrap_or(&nobody),
                    customers: &customers,
                };
                let entry: Entry = groups::entry(group, settings, &flat, &names)?;
                self.entries.send(entry).await?;
                sent += 1;
            }
        }
        self.collections.push(collection("groups", "/admin/directory/v1/groups", 1, sent));
        self.collections.push(collection("members", "/admin/directory/v1/groups/{id}/members", pages, sent));
        Ok(())
    }

    /// Those of the groups that changed which the settings name.
    async fn wanted(&self, settings: &GroupSettings, changed: &BTreeSet<String>) -> Result<Vec<Group>, ReadError> {
        let mut named = BTreeSet::new();
        if !changed.is_empty() {
            for name in &settings.named {
                named.extend(find_group(self.api, name).await?.map(|group| group.id));
            }
        }
        let mut groups = self.named(changed).await?;
        groups.retain(|group| {
            let of_domain = match (&self.settings.domain, &group.address) {
                (Some(domain), Some(address)) => {
                    address.rsplit_once('@').is_some_and(|(_, of)| of.eq_ignore_ascii_case(domain.trim()))
                }
                _ => true,
            };
            named.contains(&group.id) || (of_domain && groups::takes(settings, group))
        });
        Ok(groups)
    }

    /// Finds out who everybody is, for groups that hold everybody.
    async fn everybody(&mut self) -> Result<(), ReadError> {
        if self.live.is_none() {
            let all = Compared::with(self.settings, self.api, &mut self.desk, &Marks::default(), false).await?;
            self.live = Some(all.live);
        }
        Ok(())
    }
}

/// What `check` says about the logs.
pub(crate) async fn check(api: &Api) -> Result<Vec<CheckFinding>, ReadError> {
    let mut findings = Vec::new();
    for (application, without) in [
        (log::ADMIN, "set activity = false, or delegate admin.reports.audit.readonly and give the role Reports"),
        (log::GROUPS, "changes are found by etags instead, for owners of groups change them unseen"),
    ] {
        findings.push(match log::readable(api, application).await {
            Ok(()) => CheckFinding::good(format!("the audit log {application} can be read")),
            Err(error @ (ReadError::Unreachable { .. } | ReadError::Untrusted { .. })) => return Err(error),
            Err(error) if application == log::ADMIN => {
                CheckFinding::problem(format!("the audit log {application} cannot be read: {error}; {without}"))
            }
            Err(error) => {
                CheckFinding::warning(format!("the audit log {application} cannot be read: {error}; {without}"))
            }
        });
    }
    Ok(findings)
}
