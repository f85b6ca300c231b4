//! Looking up by id and by address: the second look before somebody is put out.
//!
//! "Gone" is said only of who is found neither in the directory nor among the deleted, by an identity that has shown
//! that it can find somebody.

use std::time::Duration;

use rollcall_kit::{Address, DirectoryId, DirectoryUser, LookUp, ReadError};
use serde_json::Value as Json;
use tokio::time::Instant;

use crate::api::{Api, Query};
use crate::members::{Depth, MANAGER};
use crate::permissions::HIDDEN;
use crate::person::{self, Assignment, Place, text};
use crate::reach::{Reach, quoted};
use crate::read::{DELETED, permitted, sound};
use crate::select;
use crate::settings::{EntraSettings, Guests};

/// How long what was found out about the reach and the identity is believed.
const FRESH: Duration = Duration::from_secs(300);

/// What look-ups share, because a run may confirm many people in a row.
pub(crate) struct Desk {
    reach: Reach,
    opened: Instant,
    select: String,
    /// Whether the token lets us see hidden members, where it says so.
    pub(crate) sees_hidden: Option<bool>,
    finds_users: bool,
    finds_groups: bool,
}

impl Desk {
    pub(crate) async fn open(api: &Api, settings: &EntraSettings) -> Result<Self, ReadError> {
        let roles = api.sign_in().await?;
        if let Some(roles) = &roles {
            permitted(settings, api, roles)?;
        }
        let reach = Reach::resolve(api, settings).await?;
        let select = select::properties(settings).join(",");
        let sees_hidden = roles.map(|roles| roles.contains(HIDDEN));
        Ok(Self { reach, opened: Instant::now(), select, sees_hidden, finds_users: false, finds_groups: false })
    }

    /// Whether it may still be used.
    pub(crate) fn is_fresh(&self) -> bool {
        self.opened.elapsed() < FRESH
    }

    /// Who is within reach.
    pub(crate) fn reach(&self) -> &Reach {
        &self.reach
    }

    /// A user by his id.
    pub(crate) async fn user(
        &mut self,
        api: &Api,
        settings: &EntraSettings,
        id: &DirectoryId,
    ) -> Result<LookUp, ReadError> {
        let path = ["users", id.as_str()];
        let parameters = self.parameters(settings);
        let live = api.one(&Query { collection: "users", path: &path, parameters: &parameters }).await?;
        if let Some(user) = live {
            is_he(id, &user)?;
            sound(api, id.as_str(), &user)?;
            self.finds_users = true;
            return self.judge(api, settings, id.clone(), &user).await;
        }
        if let Some(user) = self.deleted(api, id).await? {
            is_he(id, &user)?;
            let found = person::read(id.clone(), &user, Place::Deleted, &self.unassigned());
            return Ok(match barred(&user, settings.guests) {
                Some(why) => LookUp::OutOfReach(Box::new(found), why),
                None => LookUp::Found(Box::new(found)),
            });
        }
        if !self.finds_users {
            prove(api, "users").await?;
            self.finds_users = true;
        }
        Ok(LookUp::Gone)
    }

    /// Users by address, within reach. What Graph finds is compared here.
    pub(crate) async fn address(
        &self,
        api: &Api,
        settings: &EntraSettings,
        address: &Address,
    ) -> Result<Vec<DirectoryUser>, ReadError> {
        let value = quoted(address.as_str());
        let filters = [
            format!("mail eq {value}"),
            format!("userPrincipalName eq {value}"),
            format!("otherMails/any(m:m eq {value})"),
        ];
        let mut found: Vec<DirectoryUser> = Vec::new();
        for filter in &filters {
            let mut parameters = self.parameters(settings);
            parameters.push(("$filter", filter));
            let query = Query { collection: "users", path: &["users"], parameters: &parameters };
            for item in api.list(&query).all().await? {
                sound(api, &item.id, &item.json)?;
                let id =
                    DirectoryId::new(&item.id).ok_or_else(|| unproved("a user has an id that is none".to_owned()))?;
                if found.iter().any(|user| user.id == id) {
                    continue;
                }
                if let LookUp::Found(user) = self.judge(api, settings, id, &item.json).await?
                    && user.address().as_ref() == Some(address)
                {
                    found.push(*user);
                }
            }
        }
        Ok(found)
    }

    /// A group by its id.
    pub(crate) async fn group(&mut self, api: &Api, id: &DirectoryId) -> Result<Option<String>, ReadError> {
        let path = ["groups", id.as_str()];
        let query = Query { collection: "groups", path: &path, parameters: &[("$select", "id,displayName")] };
        let group = api.one(&query).await?;
        if group.is_none() && !self.finds_groups {
            prove(api, "groups").await?;
        }
        self.finds_groups = true;
        Ok(group.map(|group| text(&group, "/displayName").unwrap_or_else(|| id.to_string())))
    }

    /// What is known of the assignment of somebody who is deleted.
    pub(crate) fn unassigned(&self) -> Assignment {
        if matches!(self.reach, Reach::Assigned(_)) { Assignment::None } else { Assignment::Unknown }
    }

    fn parameters(&self, settings: &EntraSettings) -> Vec<(&str, &str)> {
        let mut parameters = vec![("$select", &*self.select)];
        parameters.extend(settings.manager.then_some(MANAGER));
        parameters
    }

    /// Whoever was deleted within the last thirty days.
    pub(crate) async fn deleted(&self, api: &Api, id: &DirectoryId) -> Result<Option<Json>, ReadError> {
        let [directory, items, kind] = DELETED;
        let path = [directory, items, id.as_str(), kind];
        let select = format!("{},deletedDateTime", self.select);
        api.one(&Query { collection: "users", path: &path, parameters: &[("$select", &select)] }).await
    }

    /// Whether a user who is there is within reach.
    pub(crate) async fn judge(
        &self,
        api: &Api,
        settings: &EntraSettings,
        id: DirectoryId,
        json: &Json,
    ) -> Result<LookUp, ReadError> {
        let assignment = match &self.reach {
            Reach::Everybody => Assignment::Unknown,
            Reach::Assigned(app) => {
                let of = groups_of(api, &id, Depth::Direct).await?;
                app.assignment(id.as_str(), of.iter().map(|group| &**group))
            }
            Reach::MembersOf(groups, depth) => {
                let of = groups_of(api, &id, *depth).await?;
                if !of.iter().any(|group| groups.iter().any(|named| named.id == *group)) {
                    let names: Vec<&str> = groups.iter().map(|group| &*group.name).collect();
                    let why = format!("a member of none of these groups: {} (members_of)", names.join(", "));
                    let user = person::read(id, json, Place::Live, &Assignment::Unknown);
                    return Ok(LookUp::OutOfReach(Box::new(user), why));
                }
                Assignment::Unknown
            }
        };
        let user = Box::new(person::read(id, json, Place::Live, &assignment));
        if let (Reach::Assigned(app), Assignment::None) = (&self.reach, &assignment) {
            let why = format!("not assigned to the enterprise application \"{}\" (assigned_to)", app.name);
            return Ok(LookUp::OutOfReach(user, why));
        }
        Ok(match barred(json, settings.guests) {
            Some(why) => LookUp::OutOfReach(user, why),
            None => LookUp::Found(user),
        })
    }
}

/// Why the rule about guests keeps somebody out, if it does.
fn barred(user: &Json, rule: Guests) -> Option<String> {
    if person::admitted(user, rule) {
        return None;
    }
    Some(if rule == Guests::Only { "no guest (guests)" } else { "a guest (guests)" }.to_owned())
}

/// The groups that somebody is in.
async fn groups_of(api: &Api, id: &DirectoryId, depth: Depth) -> Result<Vec<String>, ReadError> {
    let path = ["users", id.as_str(), if depth == Depth::Direct { "memberOf" } else { "transitiveMemberOf" }];
    let parameters = [("$select", "id"), ("$top", "999")];
    let of = api.list(&Query { collection: "members", path: &path, parameters: &parameters }).all().await?;
    Ok(of.into_iter().map(|group| group.id).collect())
}

/// Graph takes a user principal name for an id as well.
fn is_he(id: &DirectoryId, user: &Json) -> Result<(), ReadError> {
    if user.get("id").and_then(Json::as_str) == Some(id.as_str()) {
        return Ok(());
    }
    Err(unproved(format!("{id} is no user's id, but leads to one")))
}

/// Before "gone" is said: finds somebody who is there by his id.
async fn prove(api: &Api, what: &'static str) -> Result<(), ReadError> {
    let parameters = [("$select", "id"), ("$top", "1")];
    let first = Query { collection: what, path: &[what], parameters: &parameters };
    let mut list = api.list(&first);
    let mut example = None;
    while example.is_none() {
        let Some(page) = list.next().await? else { break };
        example = page.into_iter().next();
    }
    let Some(example) = example else {
        let identity = &api.identity;
        return Err(unproved(format!("{identity} is shown no {what} at all, so that none can be said to be gone")));
    };
    let path = [what, &*example.id];
    let by_id = Query { collection: what, path: &path, parameters: &[("$select", "id")] };
    match api.one(&by_id).await? {
        Some(_) => Ok(()),
        None => Err(unproved(format!(
            "{}, just listed among the {what}, is not found by its id, so that none can be said to be gone",
            example.id
        ))),
    }
}

/// A look-up that settles nothing.
fn unproved(reason: String) -> ReadError {
    ReadError::incomplete("look-up", reason)
}
