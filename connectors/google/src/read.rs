//! The full read: users, then groups with their members, as a stream that ends in a certificate or an error.
//!
//! Suspended and archived users are in the ordinary list; deleted users are in a list of their own for twenty days,
//! and is read from there, so that who left is seen to have left and nobody has to be missed.

use std::collections::BTreeSet;

use futures::{StreamExt as _, stream};
use jiff::Timestamp;
use rollcall_kit::rest::{Interface as _, Met};
use rollcall_kit::{Certificate, CertificateDraft, Collection, DirectoryId, Entries, Entry, ReadError, Source};
use serde_json::Value as Json;

use crate::api::{Api, Query};
use crate::asking::Asking;
use crate::groups;
use crate::members::{Flat, Walk};
use crate::person::{self, Place, text};
use crate::reach::{Group, Reach, USERS};
use crate::settings::{GoogleSettings, GroupSettings};

/// What proves the end of a list.
pub(crate) const END: &str = "a page of the right kind without nextPageToken; empty pages were asked for twice";

/// Up to so many members of groups are read one by one; beyond, everybody is listed and they are picked out.
const BY_ID: usize = 500;

/// So many groups have their members in memory at once.
const AT_ONCE: usize = 64;

/// A read under way.
pub(crate) struct Reader<'a> {
    pub(crate) settings: &'a GoogleSettings,
    pub(crate) api: &'a Api,
    pub(crate) entries: Entries,
    pub(crate) draft: CertificateDraft,
    asking: Asking,
    /// Who was sent and is not deleted: everybody, where a group holds everybody.
    pub(crate) live: BTreeSet<Box<str>>,
    deleted: Met,
    /// The customers whose users were sent; one, unless Google surprises us.
    pub(crate) customers: BTreeSet<String>,
    /// Members of groups that were read to find users, so that they are not read again.
    pub(crate) walk: Walk,
    /// Live users who came, and of how many of them it was told whether they may work.
    rows: u64,
    told: u64,
}

/// Reads everything.
///
/// # Errors
///
/// Whatever keeps the read from being complete. What was sent before is worth nothing.
pub(crate) async fn read(settings: &GoogleSettings, api: &Api, entries: Entries) -> Result<Certificate, ReadError> {
    let started = Timestamp::now();
    let granted = api.sign_in().await?;
    let reach = Reach::resolve(api, settings).await?;
    let source = Source { connector: "google".to_owned(), server: api.server.clone(), identity: api.identity.clone() };
    let announced: &[&'static str] =
        if settings.groups.is_some() { &["users", "groups", "members"] } else { &["users"] };
    let mut reader = Reader {
        settings,
        api,
        entries,
        draft: CertificateDraft::new(source, announced, started),
        asking: Asking::new(settings, &reach),
        live: BTreeSet::new(),
        deleted: Met::default(),
        customers: settings.customer.iter().map(|customer| customer.trim().to_owned()).collect(),
        walk: Walk::default(),
        rows: 0,
        told: 0,
    };
    reader.draft.granted(granted);
    reader.users(&reach).await?;
    if let Some(groups) = &settings.groups {
        reader.groups(groups).await?;
    }
    for note in std::mem::take(&mut reader.walk.notes) {
        reader.draft.exception(note);
    }
    reader.draft.certify(Timestamp::now())
}

impl Reader<'_> {
    /// Whether a user was sent.
    pub(crate) fn knows(&self, id: &str) -> bool {
        self.live.contains(id) || self.deleted.contains(id)
    }

    async fn users(&mut self, reach: &Reach) -> Result<(), ReadError> {
        let found = match reach {
            Reach::MembersOf(groups) => self.members_of(reach, groups).await?,
            Reach::Everybody | Reach::Domain(_) | Reach::Units(_) => self.listed(reach, Place::Live, None).await?,
        };
        if found == 0 {
            return Err(ReadError::incomplete("users", nobody(reach)));
        }
        if self.rows > 0 && self.told == 0 {
            let reason = format!(
                "of {} users not one came with suspended and archived, so that it is unknown who may work",
                self.rows
            );
            return Err(ReadError::incomplete("users", reason));
        }
        self.listed(reach, Place::Deleted, None).await?;
        Ok(())
    }

    /// Reads lists of users: all who are within reach, or those who are wanted. Returns how many of them it held.
    async fn listed(
        &mut self,
        reach: &Reach,
        place: Place,
        wanted: Option<&BTreeSet<String>>,
    ) -> Result<u64, ReadError> {
        let api = self.api;
        // Deleted users are told whoever else is within reach: the list is short, and a deletion is no doubt.
        let queries = if place == Place::Deleted { vec![None] } else { reach.queries() };
        let mut held = 0;
        for query in queries {
            let parameters: Vec<(String, String)> = self
                .asking
                .list(query.as_deref(), place == Place::Deleted)
                .into_iter()
                .map(|(name, value)| (name.to_owned(), value.to_owned()))
                .collect();
            let parameters: Vec<(&str, &str)> = parameters.iter().map(|(name, value)| (&**name, &**value)).collect();
            let mut list = api.users(&Query { collection: "users", path: &USERS, parameters: &parameters });
            let mut sent = 0;
            while let Some(page) = list.next().await? {
                for item in page {
                    let within = place == Place::Deleted || is_within(reach, &item.id, &item.json)?;
                    if within && wanted.is_none_or(|wanted| wanted.contains(&item.id)) {
                        held += 1;
                        sent += self.user(&item.id, &item.json, place).await?;
                    }
                }
            }
            self.completed("users", list.words(), list.pages(), sent);
        }
        Ok(held)
    }

    /// Sends a user, unless they were sent already: a list that changes while it is read can show somebody twice.
    async fn user(&mut self, id: &str, user: &Json, place: Place) -> Result<u64, ReadError> {
        if self.knows(id) {
            return Ok(0);
        }
        let directory_id = DirectoryId::new(id);
        let directory_id =
            directory_id.ok_or_else(|| ReadError::incomplete("users", "a user has an id that is none"))?;
        if place == Place::Deleted {
            self.deleted.meet(id);
        } else {
            self.live.insert(id.into());
            self.customers.extend(text(user, "/customerId"));
            self.rows += 1;
            self.told += u64::from(user["suspended"].is_boolean() && user["archived"].is_boolean());
        }
        self.entries.user(person::read(directory_id, user, place)).await?;
        Ok(1)
    }

    /// Reads the members of groups as users.
    async fn members_of(&mut self, reach: &Reach, groups: &[Group]) -> Result<u64, ReadError> {
        let (api, transitive, parallel) = (self.api, self.settings.transitive, self.settings.parallel);
        self.walk.fetch(api, "users", groups.to_vec(), transitive, parallel).await?;
        let ids: Vec<&str> = groups.iter().map(|group| &*group.id).collect();
        let Flat { users, everybody, .. } = self.walk.flat(&ids, transitive);
        if !everybody.is_empty() {
            return self.listed(reach, Place::Live, None).await;
        }
        let mut held = 0;
        if users.len() > BY_ID {
            held += self.listed(reach, Place::Live, Some(&users)).await?;
        }
        // A user whom a list did not show is asked for by id, before they count as somebody from outside.
        let open: Vec<String> = users.into_iter().filter(|id| !self.knows(id)).collect();
        Ok(held + self.by_ids(open).await?)
    }

    /// Reads users by their ids. Those who are not there, or not ours to read, are from outside.
    async fn by_ids(&mut self, ids: Vec<String>) -> Result<u64, ReadError> {
        let (api, parallel) = (self.api, self.settings.parallel);
        let parameters: Vec<(String, String)> =
            self.asking.one().into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        let parameters: Vec<(&str, &str)> = parameters.iter().map(|(name, value)| (&**name, &**value)).collect();
        let parameters = &parameters;
        let mut found = stream::iter(ids)
            .map(|id| async move {
                let path = [&USERS[..], &[&*id]].concat();
                let user = api.one(&Query { collection: "users", path: &path, parameters }).await;
                (id, user)
            })
            .buffered(parallel);
        let (mut held, mut sent, mut outside, mut denied) = (0, 0, 0_u64, None);
        while let Some((id, user)) = found.next().await {
            match user {
                Ok(Some(user)) if user.get("id").and_then(Json::as_str) == Some(&*id) => {
                    held += 1;
                    sent += self.user(&id, &user, Place::Live).await?;
                }
                Ok(_) => outside += 1,
                // So Google answers for a user of another customer; and for everybody, to whom may read nobody.
                Err(error @ ReadError::Denied { .. }) => {
                    outside += 1;
                    denied = Some(error);
                }
                Err(error) => return Err(error),
            }
        }
        match denied {
            Some(error) if held == 0 => return Err(error),
            _ => {}
        }
        if outside > 0 {
            self.draft.exception(format!(
                "members_of: {outside} members are no users of this customer, or none whom {} may read",
                api.identity
            ));
        }
        self.completed("users", "/admin/directory/v1/users/{id} of the members", 1, sent);
        Ok(held)
    }

    /// Reads the groups that the settings name, each once.
    async fn groups(&mut self, settings: &GroupSettings) -> Result<(), ReadError> {
        let (api, parallel) = (self.api, self.settings.parallel);
        let wanted = groups::find(api, self.settings, settings).await?;
        for gone in &wanted.gone {
            self.draft.exception(format!("groups.named: there is no group {gone} any more"));
        }
        let (mut sent, mut members) = (0, 0);
        let all: Vec<Group> = wanted.found.values().cloned().collect();
        for chunk in all.chunks(AT_ONCE) {
            self.walk.fetch(api, "members", chunk.to_vec(), settings.transitive, parallel).await?;
            for group in chunk {
                if self.walk.direct(&group.id).is_none() {
                    continue;
                }
                let flat = self.walk.flat(&[&group.id], settings.transitive);
                let names = groups::Names {
                    user: &|id| self.knows(id),
                    group: &|id| wanted.found.contains_key(id) && self.walk.is_there(id),
                    everybody: &self.live,
                    customers: &self.customers,
                };
                let entry = groups::entry(group, settings, &flat, &names)?;
                if let Entry::Group(group) = &entry {
                    members += group.members.len() as u64 + group.unresolved_members;
                }
                self.entries.send(entry).await?;
                sent += 1;
                if !settings.transitive {
                    self.walk.forget(&group.id);
                }
            }
        }
        self.completed("groups", &wanted.words, wanted.pages.max(1), sent);
        let words = format!("/admin/directory/v1/groups/{{id}}/members of {sent} groups");
        let pages = self.walk.pages;
        self.completed("members", &words, pages, members);
        Ok(())
    }

    /// Records a list that was read to its end.
    pub(crate) fn completed(&mut self, name: &str, query: &str, pages: u64, entries: u64) {
        let (name, query, end) = (name.to_owned(), query.to_owned(), END.to_owned());
        self.draft.completed(Collection { name, query, pages, entries, announced: None, end });
    }
}

fn is_within(reach: &Reach, id: &str, user: &Json) -> Result<bool, ReadError> {
    let unclear = |problem: String| ReadError::incomplete("users", format!("the user {id}: {problem}"));
    reach.holds(user).map_err(unclear)
}

/// Why a read that found nobody is no read of an empty customer.
fn nobody(reach: &Reach) -> String {
    match reach {
        Reach::Everybody => {
            "not one user is shown, asked twice; there is at least the administrator who asks, so that \
                             the answer is broken"
                .to_owned()
        }
        Reach::Domain(domain) => format!("not one user is shown in the domain {domain}, asked twice; correct domain"),
        Reach::Units(_) | Reach::MembersOf(_) => {
            format!("nobody is shown, asked twice: everybody is {}", reach.why_not())
        }
    }
}
