//! The full read: users, deleted users, then groups with their members, as a stream that ends in a certificate or an
//! error.
//!
//! Whoever was deleted within the last thirty days is read too, whatever the reach: who left is then seen to have left,
//! and nobody has to be missed. That list is read when the other has ended and never beside it: whoever is deleted in
//! between is on one of them then. Groups are fetched while users are, and wait for their turn.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use rollcall_kit::rest::Met;
use rollcall_kit::{Certificate, CertificateDraft, Collection, DirectoryId, Entries, Entry, ReadError, Source, ahead};
use serde_json::Value as Json;

use crate::api::{Api, Query};
use crate::groups;
use crate::members::{self, Depth, Kind, MANAGER, Object};
use crate::permissions::{self, HIDDEN};
use crate::person::{self, Assignment, Place};
use crate::reach::{Application, Named, Reach};
use crate::select::{self, LIFECYCLE, Seen};
use crate::settings::{EntraSettings, GroupSettings};

/// What proves the end of a list.
pub(crate) const END: &str = "an answer with status 200 and no next link";

/// Where users are for thirty days after they were deleted.
pub(crate) const DELETED: [&str; 3] = ["directory", "deletedItems", "microsoft.graph.user"];

/// So many members of groups wait in memory while users are read.
const MEMBERS_AHEAD: u32 = 250_000;

/// A read under way.
struct Reader<'a> {
    settings: &'a EntraSettings,
    api: &'a Api,
    entries: Entries,
    draft: CertificateDraft,
    /// Whether the token lets us see hidden members, where it says so.
    sees_hidden: Option<bool>,
    /// Members of groups that were read to find users, so that they are not read again.
    known_members: groups::Known,
    /// Every user who was sent.
    sent: Met,
    /// Properties that came with anybody.
    seen: Seen,
    rows: u64,
    /// How many live users were said to be enabled or disabled.
    told: u64,
}

/// Reads everything.
///
/// # Errors
///
/// Whatever keeps the read from being complete. What was sent before is worth nothing.
pub(crate) async fn read(settings: &EntraSettings, api: &Api, entries: Entries) -> Result<Certificate, ReadError> {
    let started = Timestamp::now();
    let roles = api.sign_in().await?;
    if let Some(roles) = &roles {
        permitted(settings, api, roles)?;
    }
    let reach = Reach::resolve(api, settings).await?;
    let source = Source { connector: "entra".to_owned(), server: api.server.clone(), identity: api.identity.clone() };
    let announced: &[&'static str] =
        if settings.groups.is_some() { &["users", "groups", "members"] } else { &["users"] };
    let mut reader = Reader {
        settings,
        api,
        entries,
        draft: CertificateDraft::new(source, announced, started),
        sees_hidden: roles.as_ref().map(|roles| roles.contains(HIDDEN)),
        known_members: BTreeMap::new(),
        sent: Met::default(),
        seen: Seen::default(),
        rows: 0,
        told: 0,
    };
    reader.draft.granted(roles.into_iter().flatten());
    match &settings.groups {
        None => reader.users(&reach).await?,
        Some(groups) => reader.users_and_groups(groups, &reach).await?,
    }
    reader.draft.certify(Timestamp::now())
}

/// Refuses to read with a token that carries too little: what it may not see comes back hollow, and not as an error.
pub(crate) fn permitted(settings: &EntraSettings, api: &Api, roles: &BTreeSet<String>) -> Result<(), ReadError> {
    let missing: Vec<&str> = permissions::missing(settings, roles).iter().map(|need| need.least).collect();
    if missing.is_empty() {
        return Ok(());
    }
    Err(ReadError::Denied {
        identity: api.identity.clone(),
        what: missing.join(", "),
        reason: "the token was issued without it; grant the app the application permission and admin consent"
            .to_owned(),
    })
}

impl Reader<'_> {
    /// Reads users and groups: they are fetched beside each other where neither needs what the other has read, and sent
    /// one after the other. What keeps users from being read is said first.
    async fn users_and_groups(&mut self, settings: &GroupSettings, reach: &Reach) -> Result<(), ReadError> {
        let beside = matches!(reach, Reach::Everybody);
        if !beside {
            self.users(reach).await?;
        }
        let (sender, mut fetched) = ahead::channel(MEMBERS_AHEAD);
        let known = (self.sees_hidden, std::mem::take(&mut self.known_members));
        let fetch = groups::fetch(self.api, self.settings, settings, reach, known, sender);
        let depth = Depth::of(settings.transitive);
        let send = async {
            if beside {
                self.users(reach).await?;
            }
            while let Some(groups::Whole { id, json, members }) = fetched.take().await {
                let names = |object: &Object| object.kind == Kind::Group || self.sent.contains(&object.id);
                let entry = groups::entry(&id, &json, &members, depth, self.sees_hidden, names);
                self.entries.send(entry?).await?;
            }
            Ok::<(), ReadError>(())
        };
        let ((), fetched) = tokio::try_join!(send, async { Ok(fetch.await) })?;
        let fetched = fetched?;
        fetched.exceptions.into_iter().for_each(|exception| self.draft.exception(exception));
        self.completed("groups", &fetched.words, 1, fetched.put);
        let words = format!("/v1.0/groups/{{id}}/members of {} groups", fetched.found);
        self.completed("members", &words, fetched.pages, fetched.members);
        Ok(())
    }

    async fn users(&mut self, reach: &Reach) -> Result<(), ReadError> {
        let found = match reach {
            Reach::Everybody => self.list(&["users"], Place::Live, &Assignment::Unknown).await?,
            Reach::Assigned(app) => self.assigned(app).await?,
            Reach::MembersOf(_, depth) => {
                let members = self.members_of_groups(&reach.groups(), *depth).await?;
                let nothing = |_: &str| Assignment::Unknown;
                self.by_ids(members.into_keys().collect(), nothing).await?
            }
        };
        if found == 0 {
            return Err(ReadError::incomplete("users", self.nobody(reach)));
        }
        self.nothing_is_missing()?;
        let assignment = if matches!(reach, Reach::Assigned(_)) { Assignment::None } else { Assignment::Unknown };
        self.list(&DELETED, Place::Deleted, &assignment).await?;
        Ok(())
    }

    /// Why a read that found nobody is no read of an empty tenant.
    fn nobody(&self, reach: &Reach) -> String {
        let whom = match reach {
            Reach::Everybody => "not one user is shown".to_owned(),
            Reach::Assigned(app) => {
                format!("nobody is assigned to the enterprise application \"{}\" who is there", app.name)
            }
            Reach::MembersOf(groups, _) => {
                let names: Vec<&str> = groups.iter().map(|group| &*group.name).collect();
                format!("the groups of members_of ({}) have no member who is a user", names.join(", "))
            }
        };
        format!("{whom}; if somebody should be, look at the permissions of {} by `rollcall check`", self.api.identity)
    }

    /// A property that was asked for and that nobody has, not even empty, was not understood: a read with it would take
    /// it from everybody. The same holds for what says whether anybody may work.
    fn nothing_is_missing(&self) -> Result<(), ReadError> {
        let missing = self.seen.missing();
        if self.rows > 0 && !missing.is_empty() {
            return Err(ReadError::incomplete(
                "users",
                format!(
                    "of {} users not one came with {}, though it was asked for; is graph_url Microsoft Graph?",
                    self.rows,
                    missing.join(", ")
                ),
            ));
        }
        if self.rows > 0 && self.told == 0 {
            return Err(ReadError::incomplete(
                "users",
                format!("of {} users not one is said to be enabled or disabled; grant User.Read.All", self.rows),
            ));
        }
        Ok(())
    }

    /// Reads a list of user objects. Returns how many it held.
    async fn list(&mut self, path: &[&str], place: Place, assignment: &Assignment) -> Result<u64, ReadError> {
        let api = self.api;
        let size = self.settings.page_size.to_string();
        let mut select = select::properties(&self.settings.extra_properties);
        let live = place == Place::Live;
        if !live {
            select.push("deletedDateTime");
        }
        let select = select.join(",");
        let mut parameters = vec![("$select", &*select), ("$top", &*size)];
        parameters.extend((self.settings.manager && live).then_some(MANAGER));
        let mut list = api.list(&Query { collection: "users", path, parameters: &parameters });
        let (mut held, mut sent) = (0, 0);
        while let Some(page) = list.next().await? {
            for item in page {
                held += 1;
                sent += self.user(&item.id, &item.json, place, assignment).await?;
            }
        }
        self.completed("users", list.words(), list.pages(), sent);
        Ok(held)
    }

    /// Reads who is assigned to an application: those assigned themselves, and the direct members of assigned groups.
    /// Entra ID counts nobody who is in a group within an assigned group.
    async fn assigned(&mut self, app: &Application) -> Result<u64, ReadError> {
        let words = format!("/v1.0/servicePrincipals/{}/appRoleAssignedTo", app.id);
        for group in &app.gone {
            self.draft.exception(format!("the group {group}, assigned to the application, is deleted"));
        }
        let groups: Vec<&Named> = app.groups.values().map(|(group, _)| group).collect();
        let mut of = self.members_of_groups(&groups, Depth::Direct).await?;
        for user in app.direct.keys() {
            of.entry(user.clone()).or_default();
        }
        let ids = of.keys().cloned().collect();
        let held = self.by_ids(ids, |user| app.assignment(user, of[user].iter().map(|group| &**group))).await?;
        self.completed("assignments", &words, app.pages, app.rows);
        Ok(held)
    }

    /// The users in some groups, each with the groups that they are in. A group that vanished since it was found makes the
    /// read worthless: who was in it looks like somebody who left.
    async fn members_of_groups(
        &mut self,
        groups: &[&Named],
        depth: Depth,
    ) -> Result<BTreeMap<String, Vec<String>>, ReadError> {
        let mut of: BTreeMap<String, Vec<String>> = BTreeMap::new();
        let ids: Vec<String> = groups.iter().map(|group| group.id.clone()).collect();
        let all = members::of_groups(self.api, self.settings, "users", &ids, depth).await?;
        for (named, members) in groups.iter().zip(all) {
            let group = &named.id;
            let members = members.ok_or_else(|| {
                ReadError::incomplete("users", format!("the group {group} was deleted while it was read"))
            })?;
            // No member and hidden members look alike.
            if named.hidden
                && self.sees_hidden != Some(true)
                && (self.sees_hidden.is_some() || members.objects.is_empty())
            {
                return Err(ReadError::Denied {
                    identity: self.api.identity.clone(),
                    what: format!("the members of the group \"{}\"", named.name),
                    reason: format!("it hides them; grant {HIDDEN} with admin consent"),
                });
            }
            for object in members.objects.iter().filter(|object| object.kind == Kind::User) {
                of.entry(object.id.clone()).or_default().push(group.clone());
            }
            self.known_members.insert((group.clone(), depth), members);
        }
        Ok(of)
    }

    /// Reads users by their ids. Returns how many are there.
    async fn by_ids(&mut self, ids: Vec<String>, of: impl Fn(&str) -> Assignment) -> Result<u64, ReadError> {
        let (mut held, mut sent, mut gone) = (0, 0, 0_u64);
        for chunk in ids.chunks(4000) {
            for (id, user) in members::users(self.api, self.settings, chunk).await? {
                match user {
                    Some(user) => {
                        held += 1;
                        sent += self.user(&id, &user, Place::Live, &of(&id)).await?;
                    }
                    // Deleted, and perhaps still to be found among the deleted.
                    None => gone += 1,
                }
            }
        }
        if gone > 0 {
            self.draft.exception(format!("{gone} who are named by assignments or groups are not in the directory"));
        }
        let words = format!("/v1.0/users by id, {} of them", ids.len());
        self.completed("users", &words, 1, sent);
        Ok(held)
    }

    /// Sends a user, unless they were sent already: a list that changes while it is read can show somebody twice.
    async fn user(&mut self, id: &str, user: &Json, place: Place, assignment: &Assignment) -> Result<u64, ReadError> {
        sound(self.api, id, user)?;
        if place == Place::Live {
            self.rows += 1;
            self.told += u64::from(user["accountEnabled"].is_boolean());
            self.seen.add(user);
        }
        if !person::admitted(user, self.settings.guests) || !self.sent.meet(id) {
            return Ok(0);
        }
        let id = DirectoryId::new(id).ok_or_else(|| ReadError::incomplete("users", "a user has an id that is none"))?;
        self.entries.send(Entry::User(Box::new(person::read(id, user, place, assignment)))).await?;
        Ok(1)
    }

    /// Records a list that was read to its end.
    fn completed(&mut self, name: &str, query: &str, pages: u64, entries: u64) {
        let (name, query, end) = (name.to_owned(), query.to_owned(), END.to_owned());
        self.draft.completed(Collection { name, query, pages, entries, announced: None, end });
    }
}

/// Refuses a row that does not hold what decides whether somebody may work: it was not read, and says nothing.
pub(crate) fn sound(api: &Api, id: &str, user: &Json) -> Result<(), ReadError> {
    let missing: Vec<&str> = LIFECYCLE.iter().filter(|name| user.get(**name).is_none()).copied().collect();
    if !missing.is_empty() {
        let reason = format!(
            "the user {id} came without {}, so that it is unknown who they are and whether they may work",
            missing.join(", ")
        );
        return Err(ReadError::incomplete("users", reason));
    }
    if user["accountEnabled"].is_null() && user["userPrincipalName"].is_null() {
        return Err(ReadError::Denied {
            identity: api.identity.clone(),
            what: format!("the user {id}"),
            reason: "they came back with an id and nothing else; grant User.Read.All with admin consent".to_owned(),
        });
    }
    Ok(())
}
