//! The full read: users, then groups with their members, as a stream that ends in a certificate or an error.
//!
//! The plain list of users leaves out the deactivated ones, and an application's list loses them; so they are read in a
//! list of their own, whoever else is within reach. Who left is then seen to have left, and nobody has to be missed. That
//! list is read when the other has ended and never beside it: whoever is deactivated in between is on one of them then.
//!
//! Groups are fetched while users are, and wait for their turn ([`groups::fetch`]).

use futures::{StreamExt as _, TryStreamExt as _, stream};
use jiff::Timestamp;
use rollcall_kit::rest::{Interface as _, Met};
use rollcall_kit::{Certificate, CertificateDraft, Entries, ReadError, Source, ahead};
use serde_json::Value as Json;

use crate::api::{Api, Item, Query, collection};
use crate::groups;
use crate::person::{Assignment, People};
use crate::reach::Reach;
use crate::settings::{GroupSettings, OktaSettings};

/// The list of users who were deactivated.
pub(crate) const DEACTIVATED: &str = "status eq \"DEPROVISIONED\"";

/// The largest page of an application's users.
const APP_USERS: &str = "500";

/// So many members of groups wait in memory while users are read.
const MEMBERS_AHEAD: u32 = 250_000;

/// A read under way.
struct Reader<'a> {
    settings: &'a OktaSettings,
    api: &'a Api,
    entries: Entries,
    draft: CertificateDraft,
    /// Every user who was sent.
    sent: Met,
    /// Members of groups that were read to find users, so that they are not read again.
    known_members: groups::Known,
    page_size: String,
}

/// Reads everything.
///
/// # Errors
///
/// Whatever keeps the read from being complete. What was sent before is worth nothing.
pub(crate) async fn read(settings: &OktaSettings, api: &Api, entries: Entries) -> Result<Certificate, ReadError> {
    let started = Timestamp::now();
    let granted = api.sign_in().await?;
    let reach = Reach::resolve(api, settings).await?;
    let source = Source { connector: "okta".to_owned(), server: api.server.clone(), identity: api.identity.clone() };
    let announced: &[&'static str] =
        if settings.groups.is_some() { &["users", "groups", "members"] } else { &["users"] };
    let mut reader = Reader {
        settings,
        api,
        entries,
        draft: CertificateDraft::new(source, announced, started),
        sent: Met::default(),
        known_members: groups::Known::default(),
        page_size: settings.page_size.to_string(),
    };
    reader.draft.granted(granted);
    match (&settings.groups, &reach) {
        (None, _) => reader.users(&reach).await?,
        (Some(groups), Reach::MembersOf(_)) => {
            // The members of these groups are the users, and are fetched once for both.
            reader.users(&reach).await?;
            reader.groups(groups, None).await?;
        }
        (Some(groups), _) => reader.groups(groups, Some(&reach)).await?,
    }
    reader.draft.certify(Timestamp::now())
}

impl Reader<'_> {
    /// Reads groups, and the users of `reach` before them if there is one: they are fetched beside each other and sent one
    /// after the other. What keeps users from being read is said first.
    async fn groups(&mut self, settings: &GroupSettings, reach: Option<&Reach>) -> Result<(), ReadError> {
        let (sender, mut fetched) = ahead::channel(MEMBERS_AHEAD);
        let known = std::mem::take(&mut self.known_members);
        let fetch = groups::fetch(self.api, self.settings, settings, known, sender);
        let send = async {
            if let Some(reach) = reach {
                self.users(reach).await?;
            }
            while let Some((group, members)) = fetched.take().await {
                let entry = groups::entry(&group, members, |id| self.sent.contains(id));
                self.entries.send(entry?).await?;
            }
            Ok::<(), ReadError>(())
        };
        let ((), fetched) = tokio::try_join!(send, async { Ok(fetch.await) })?;
        let found = fetched?;
        found.collections.into_iter().for_each(|collection| self.draft.completed(collection));
        found.exceptions.into_iter().for_each(|exception| self.draft.exception(exception));
        Ok(())
    }

    async fn users(&mut self, reach: &Reach) -> Result<(), ReadError> {
        let found = match reach {
            Reach::Everybody => {
                let size = self.page_size.clone();
                self.list(&["users"], &[("limit", &size)], &Assignment::Unknown).await?
            }
            Reach::Assigned(app) => self.assigned(app).await?,
            Reach::MembersOf(named) => {
                let mut found = 0;
                for group in named {
                    found += self.members(&group.id).await?;
                }
                found
            }
        };
        if found == 0 {
            return Err(ReadError::incomplete("users", self.nobody(reach)));
        }
        let size = self.page_size.clone();
        let parameters = [("filter", DEACTIVATED), ("limit", &*size)];
        let assignment = if matches!(reach, Reach::Assigned(_)) { Assignment::None } else { Assignment::Unknown };
        self.list(&["users"], &parameters, &assignment).await?;
        Ok(())
    }

    /// Why a read that found nobody is no read of an empty organisation.
    fn nobody(&self, reach: &Reach) -> String {
        let whom = match reach {
            Reach::Everybody => "not one user is shown".to_owned(),
            Reach::Assigned(app) => format!("nobody is assigned to the application {app}"),
            Reach::MembersOf(groups) => {
                let names: Vec<&str> = groups.iter().map(|group| &*group.name).collect();
                format!("the groups of members_of ({}) have no member", names.join(", "))
            }
        };
        format!(
            "{whom}; if somebody should be, the admin role of {} is too narrow: Okta then shows fewer, without an error",
            self.api.identity
        )
    }

    /// Reads a list of user objects. Returns how many it held.
    async fn list(
        &mut self,
        path: &[&str],
        parameters: &[(&str, &str)],
        assignment: &Assignment<'_>,
    ) -> Result<u64, ReadError> {
        let api = self.api;
        let mut list = api.list(&Query { collection: "users", path, parameters });
        let (mut held, mut sent) = (0, 0);
        while let Some(page) = list.next().await? {
            for item in page {
                held += 1;
                sent += self.user(&item.id, &item.json, assignment).await?;
            }
        }
        self.completed("users", list.words(), list.pages(), sent);
        Ok(held)
    }

    /// Sends a user, unless they were sent already: a list that changes while it is read can show somebody twice.
    async fn user(&mut self, id: &str, user: &Json, assignment: &Assignment<'_>) -> Result<u64, ReadError> {
        if !self.sent.meet(id) {
            return Ok(0);
        }
        let people = People { statuses: &self.settings.statuses };
        let entry = people.read(id, user, assignment);
        let entry = entry.ok_or_else(|| ReadError::incomplete("users", "a user has an id that is none"))?;
        self.entries.send(entry).await?;
        Ok(1)
    }

    /// Reads who is assigned to an application, directly or through a group: Okta has expanded that already.
    async fn assigned(&mut self, app: &str) -> Result<u64, ReadError> {
        let (api, parallel) = (self.api, self.settings.parallel);
        let path = ["apps", app, "users"];
        let parameters = [("limit", APP_USERS), ("expand", "user")];
        let mut list = api.list(&Query { collection: "users", path: &path, parameters: &parameters });
        let (mut held, mut sent) = (0, 0);
        while let Some(page) = list.next().await? {
            let mut users = stream::iter(page).map(|item| whole(api, item)).buffered(parallel);
            while let Some((assignment, user)) = users.try_next().await? {
                held += 1;
                sent += self.user(&assignment.id, &user, &Assignment::As(&assignment.json)).await?;
            }
        }
        self.completed("users", list.words(), list.pages(), sent);
        Ok(held)
    }

    /// Reads the members of a group as users, and keeps who they are for when the group itself is read.
    async fn members(&mut self, group: &str) -> Result<u64, ReadError> {
        let api = self.api;
        let size = self.page_size.clone();
        let path = ["groups", group, "users"];
        let mut list = api.list(&Query { collection: "users", path: &path, parameters: &[("limit", &size)] });
        let (mut members, mut sent) = (Vec::new(), 0);
        while let Some(page) = list.next().await? {
            for item in page {
                sent += self.user(&item.id, &item.json, &Assignment::Unknown).await?;
                members.push(item.id);
            }
        }
        self.completed("users", list.words(), list.pages(), sent);
        let held = members.len() as u64;
        self.known_members.insert(group.to_owned(), members);
        Ok(held)
    }

    /// Records a list that was read to its end.
    fn completed(&mut self, name: &str, query: &str, pages: u64, entries: u64) {
        self.draft.completed(collection(name, query, pages, entries));
    }
}

/// The user behind an assignment: embedded as asked for, or else fetched by their id.
async fn whole(api: &Api, mut assignment: Item) -> Result<(Item, Json), ReadError> {
    let embedded = assignment.json.pointer_mut("/_embedded/user").map(Json::take);
    if let Some(user) = embedded.filter(|user| user.get("id").and_then(Json::as_str) == Some(&*assignment.id)) {
        return Ok((assignment, user));
    }
    let path = ["users", &*assignment.id];
    let query = Query { collection: "users", path: &path, parameters: &[] };
    // Deleted while the list was read, or hidden from us: which of the two is for another read to tell.
    let user = api.one(&query).await?.ok_or_else(|| {
        let reason = format!("{} is assigned to the application and is not found by their id", assignment.id);
        ReadError::incomplete("users", reason)
    })?;
    Ok((assignment, user))
}
