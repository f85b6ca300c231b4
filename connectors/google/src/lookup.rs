//! Looking up by id and by address: the second look before somebody is put out.
//!
//! "Gone" is said only of who is found neither by their id nor among the deleted, by an identity that has shown that it can
//! find somebody. A user of another customer and one whom the administrator may not see are refused alike, with a 403,
//! which settles nothing.

use std::collections::BTreeMap;

use async_trait::async_trait;
use rollcall_kit::rest::{self, Interface as _};
use rollcall_kit::{Address, DirectoryId, DirectoryUser, LookUp, ReadError};
use serde_json::Value as Json;

use crate::Google;
use crate::api::{Api, Query};
use crate::asking::Asking;
use crate::members::{Flat, Walk};
use crate::person::{self, Place, text};
use crate::reach::{GROUP, GROUPS, Group, Reach, USERS};
use crate::settings::GoogleSettings;

/// What look-ups share, because a run may confirm many people in a row.
pub struct Desk {
    reach: Reach,
    pub(crate) asking: Asking,
    /// Who was deleted of late, by id; read when it is first needed.
    deleted: Option<BTreeMap<String, Json>>,
    /// The members of the groups of the reach; read when they are first needed.
    members: Option<Flat>,
    finds_users: bool,
    finds_groups: bool,
}

#[async_trait]
impl rest::Desk<Google> for Desk {
    async fn open(api: &Api, settings: &GoogleSettings) -> Result<Self, ReadError> {
        api.sign_in().await?;
        let reach = Reach::resolve(api, settings).await?;
        let asking = Asking::new(settings, &reach);
        let (deleted, members) = (None, None);
        Ok(Self { reach, asking, deleted, members, finds_users: false, finds_groups: false })
    }

    async fn users(
        &mut self,
        api: &Api,
        settings: &GoogleSettings,
        ids: &[DirectoryId],
    ) -> Result<Vec<LookUp>, ReadError> {
        let mut answers = Vec::with_capacity(ids.len());
        for id in ids {
            answers.push(self.user(api, settings, id).await?);
        }
        Ok(answers)
    }

    /// Users by address, within reach. An alias leads to a user, too, and is not their address.
    async fn address(
        &mut self,
        api: &Api,
        settings: &GoogleSettings,
        address: &Address,
    ) -> Result<Vec<DirectoryUser>, ReadError> {
        let user = match self.fetch(api, address.as_str()).await {
            Ok(user) => user,
            // An address in a domain that is not the customer's is nobody's within reach.
            Err(ReadError::Denied { .. }) => {
                self.prove_users(api).await?;
                None
            }
            Err(error) => return Err(error),
        };
        let mut found = Vec::new();
        if let Some(user) = user {
            let id = text(&user, "/id").and_then(|id| DirectoryId::new(&id));
            let id = id.ok_or_else(|| unproved(format!("the user of {address} came without an id")))?;
            if let LookUp::Found(user) = self.judge(api, settings, id, &user).await? {
                found.push(*user);
            }
        }
        for (id, user) in self.deleted(api).await? {
            if let Some(id) = DirectoryId::new(id) {
                found.push(person::read(id, user, Place::Deleted));
            }
        }
        found.retain(|user| user.address().as_ref() == Some(address));
        Ok(found)
    }

    /// A group by its id.
    async fn group(
        &mut self,
        api: &Api,
        settings: &GoogleSettings,
        id: &DirectoryId,
    ) -> Result<Option<String>, ReadError> {
        let path = [&GROUPS[..], &[id.as_str()]].concat();
        let query = Query { collection: "groups", path: &path, parameters: &[("fields", GROUP)] };
        let Some(json) = api.one(&query).await? else {
            if !self.finds_groups {
                prove_groups(api, settings).await?;
                self.finds_groups = true;
            }
            return Ok(None);
        };
        if json.get("id").and_then(Json::as_str) != Some(id.as_str()) {
            return Err(unproved(format!("{id} is no group's id, but leads to one")));
        }
        self.finds_groups = true;
        let called = settings.groups.as_ref().map(|groups| groups.called).unwrap_or_default();
        let group = Group::of(id.to_string(), &json);
        Ok(Some(group.called(called).unwrap_or(id.as_str()).to_owned()))
    }
}

impl Desk {
    /// Who is within reach.
    pub(crate) fn reach(&self) -> &Reach {
        &self.reach
    }

    /// A user by their id.
    pub(crate) async fn user(
        &mut self,
        api: &Api,
        settings: &GoogleSettings,
        id: &DirectoryId,
    ) -> Result<LookUp, ReadError> {
        let Some(user) = self.fetch(api, id.as_str()).await? else {
            if let Some(user) = self.deleted(api).await?.get(id.as_str()) {
                return Ok(LookUp::Found(Box::new(person::read(id.clone(), user, Place::Deleted))));
            }
            if !self.finds_users {
                self.prove_users(api).await?;
            }
            return Ok(LookUp::Gone);
        };
        // Google takes an address and an alias for an id as well.
        if user.get("id").and_then(Json::as_str) != Some(id.as_str()) {
            return Err(unproved(format!("{id} is no user's id, but leads to one")));
        }
        self.finds_users = true;
        self.judge(api, settings, id.clone(), &user).await
    }

    /// A user by id or address; nothing if Google says that there is none.
    pub(crate) async fn fetch(&self, api: &Api, who: &str) -> Result<Option<Json>, ReadError> {
        let path = [&USERS[..], &[who]].concat();
        api.one(&Query { collection: "users", path: &path, parameters: &self.asking.one() }).await
    }

    /// Whether a user who is there is within reach.
    pub(crate) async fn judge(
        &mut self,
        api: &Api,
        settings: &GoogleSettings,
        id: DirectoryId,
        user: &Json,
    ) -> Result<LookUp, ReadError> {
        let within = match &self.reach {
            Reach::MembersOf(_) => self.is_member(api, settings, id.as_str()).await?,
            reach => reach.holds(user).map_err(|problem| unproved(format!("the user {id}: {problem}")))?,
        };
        let found = Box::new(person::read(id, user, Place::Live));
        Ok(if within { LookUp::Found(found) } else { LookUp::OutOfReach(found, self.reach.why_not()) })
    }

    async fn is_member(&mut self, api: &Api, settings: &GoogleSettings, id: &str) -> Result<bool, ReadError> {
        let members = self.members(api, settings).await?;
        Ok(members.users.contains(id) || !members.everybody.is_empty())
    }

    /// Who is a member of the groups of the reach.
    pub(crate) async fn members(&mut self, api: &Api, settings: &GoogleSettings) -> Result<&Flat, ReadError> {
        if self.members.is_none() {
            let Reach::MembersOf(groups) = &self.reach else { return Ok(self.members.insert(Flat::default())) };
            let mut walk = Walk::default();
            walk.fetch(api, "users", groups.clone(), settings.transitive, settings.parallel).await?;
            let ids: Vec<&str> = groups.iter().map(|group| &*group.id).collect();
            self.members = Some(walk.flat(&ids, settings.transitive));
        }
        Ok(self.members.get_or_insert_default())
    }

    /// Whoever was deleted of late.
    pub(crate) async fn deleted(&mut self, api: &Api) -> Result<&BTreeMap<String, Json>, ReadError> {
        if self.deleted.is_none() {
            let parameters = self.asking.list(None, true);
            let list = api.users(&Query { collection: "users", path: &USERS, parameters: &parameters });
            let deleted = list.all().await?.into_iter().map(|item| (item.id, item.json)).collect();
            self.deleted = Some(deleted);
        }
        Ok(self.deleted.get_or_insert_default())
    }

    /// Before "gone" is said: finds somebody who is there by their id.
    async fn prove_users(&mut self, api: &Api) -> Result<(), ReadError> {
        let parameters = self.asking.marks(None);
        let list = api.users(&Query { collection: "look-up", path: &USERS, parameters: &parameters });
        let example = list.first().await?.into_iter().next().map(|item| item.id);
        let example = example.ok_or_else(|| nobody(api, "users"))?;
        match self.fetch(api, &example).await? {
            Some(_) => self.finds_users = true,
            None => return Err(not_by_id("users", &example)),
        }
        Ok(())
    }
}

/// Before "gone" is said of a group: finds one that is there by its id.
async fn prove_groups(api: &Api, settings: &GoogleSettings) -> Result<(), ReadError> {
    let parameters = [("customer", settings.customer()), ("maxResults", "1")];
    let list = api.groups(&Query { collection: "look-up", path: &GROUPS, parameters: &parameters });
    let example = list.first().await?.into_iter().next().map(|item| item.id);
    let example = example.ok_or_else(|| nobody(api, "groups"))?;
    let path = [&GROUPS[..], &[&*example]].concat();
    match api.one(&Query { collection: "look-up", path: &path, parameters: &[("fields", GROUP)] }).await? {
        Some(_) => Ok(()),
        None => Err(not_by_id("groups", &example)),
    }
}

fn nobody(api: &Api, what: &str) -> ReadError {
    unproved(format!("{} is shown no {what} at all, so that none can be said to be gone", api.identity))
}

fn not_by_id(what: &str, example: &str) -> ReadError {
    unproved(format!(
        "{example}, just listed among the {what}, is not found by its id, so that none can be said to be gone"
    ))
}

/// A look-up that settles nothing.
fn unproved(reason: String) -> ReadError {
    ReadError::incomplete("look-up", reason)
}
