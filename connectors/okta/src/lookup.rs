//! Looking up by id and by address: the second look before somebody is put out.
//!
//! A look-up asks the plain interface, not the search index, and "gone" is said only by an identity that has shown that
//! it can find somebody: a token with too narrow a role answers as if nobody were there.

use std::collections::BTreeSet;

use async_trait::async_trait;
use rollcall_kit::rest::{self, Interface as _};
use rollcall_kit::{Address, DirectoryId, DirectoryUser, Entry, LookUp, ReadError};
use serde_json::Value as Json;

use crate::Okta;
use crate::api::{Api, Query};
use crate::person::{Assignment, People};
use crate::reach::{Reach, application, name_of, quoted};
use crate::settings::OktaSettings;

/// What look-ups share, because a run may confirm many people in a row.
pub struct Desk {
    reach: Reach,
    finds_users: bool,
    finds_groups: bool,
}

#[async_trait]
impl rest::Desk<Okta> for Desk {
    async fn open(api: &Api, settings: &OktaSettings) -> Result<Self, ReadError> {
        api.sign_in().await?;
        let reach = Reach::resolve(api, settings).await?;
        Ok(Self { reach, finds_users: false, finds_groups: false })
    }

    async fn users(
        &mut self,
        api: &Api,
        settings: &OktaSettings,
        ids: &[DirectoryId],
    ) -> Result<Vec<LookUp>, ReadError> {
        let mut answers = Vec::with_capacity(ids.len());
        for id in ids {
            answers.push(self.user(api, settings, id).await?);
        }
        Ok(answers)
    }

    /// Users by address, within reach. Okta searches in an index that lags behind by seconds, so what it finds is
    /// compared here.
    async fn address(
        &mut self,
        api: &Api,
        settings: &OktaSettings,
        address: &Address,
    ) -> Result<Vec<DirectoryUser>, ReadError> {
        let search = format!("profile.email eq {}", quoted(address.as_str()));
        let parameters = [("search", &*search), ("limit", "200")];
        let query = Query { collection: "users", path: &["users"], parameters: &parameters };
        let mut found = Vec::new();
        for item in api.list(&query).all().await? {
            let email = item.json.pointer("/profile/email").and_then(Json::as_str).and_then(Address::parse);
            if email.as_ref() != Some(address) {
                continue;
            }
            let judged = self.judge(api, settings, &item.id, &item.json).await?;
            if let LookUp::Found(user) = judged.map_err(unproved)? {
                found.push(*user);
            }
        }
        Ok(found)
    }

    /// A group by its id.
    async fn group(&mut self, api: &Api, _: &OktaSettings, id: &DirectoryId) -> Result<Option<String>, ReadError> {
        let path = ["groups", id.as_str()];
        let query = Query { collection: "groups", path: &path, parameters: &[] };
        let group = api.one(&query).await?;
        if group.is_none() && !self.finds_groups {
            prove(api, "groups").await?;
        }
        self.finds_groups = true;
        Ok(group.map(|group| name_of(&group).unwrap_or_else(|| id.to_string())))
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
        settings: &OktaSettings,
        id: &DirectoryId,
    ) -> Result<LookUp, ReadError> {
        let path = ["users", id.as_str()];
        let query = Query { collection: "users", path: &path, parameters: &[] };
        let Some(json) = api.one(&query).await? else {
            if !self.finds_users {
                prove(api, "users").await?;
                self.finds_users = true;
            }
            return Ok(LookUp::Gone);
        };
        // Okta takes a login for an id as well, and "me".
        if json.get("id").and_then(Json::as_str) != Some(id.as_str()) {
            return Err(unproved(format!("{id} is no user's id, but leads to one")));
        }
        self.finds_users = true;
        self.judge(api, settings, id.as_str(), &json).await?.map_err(unproved)
    }

    /// Whether a user who is there is within reach; a sentence if that cannot be told of them.
    pub(crate) async fn judge(
        &self,
        api: &Api,
        settings: &OktaSettings,
        id: &str,
        json: &Json,
    ) -> Result<Result<LookUp, String>, ReadError> {
        let people = People { statuses: &settings.statuses };
        let read = |assignment: &Assignment<'_>| match people.read(id, json, assignment) {
            Some(Entry::User(user)) => Ok(user),
            Some(Entry::Unreadable(record)) => Err(format!("{id}: {}", record.problem)),
            _ => Err(format!("{id} is no id")),
        };
        // The list of deactivated users is read whatever the reach.
        let deactivated = json.get("status").and_then(Json::as_str) == Some("DEPROVISIONED");
        match &self.reach {
            Reach::Assigned(app) => {
                let path = ["apps", &**app, "users", id];
                let query = Query { collection: "users", path: &path, parameters: &[] };
                if let Some(assignment) = api.one(&query).await? {
                    return Ok(read(&Assignment::As(&assignment)).map(LookUp::Found));
                }
                // Not there may mean that the application is not; then nothing is known about them.
                application(api, app).await?;
                if deactivated {
                    return Ok(read(&Assignment::None).map(LookUp::Found));
                }
                if let Some(group) = assigned_through(api, app, id).await? {
                    return Ok(Err(format!(
                        "{id} is not among the users of the application {app}, and is in the group {group}, which is \
                         assigned to it: Okta is still at work, or the assignment failed and waits among its tasks"
                    )));
                }
                let why = format!("not assigned to the application {app} (assigned_to)");
                Ok(read(&Assignment::None).map(|user| LookUp::OutOfReach(user, why)))
            }
            Reach::MembersOf(groups) if !deactivated => {
                let of = groups_of(api, id).await?;
                let names: Vec<&str> = groups.iter().map(|group| &*group.name).collect();
                let why = format!("a member of none of these groups: {} (members_of)", names.join(", "));
                let is_member = groups.iter().any(|group| of.contains(&group.id));
                Ok(read(&Assignment::Unknown).map(|user| match is_member {
                    true => LookUp::Found(user),
                    false => LookUp::OutOfReach(user, why),
                }))
            }
            Reach::Everybody | Reach::MembersOf(_) => Ok(read(&Assignment::Unknown).map(LookUp::Found)),
        }
    }
}

/// The groups that a user is in, by their ids.
async fn groups_of(api: &Api, id: &str) -> Result<BTreeSet<String>, ReadError> {
    let path = ["users", id, "groups"];
    let query = Query { collection: "members", path: &path, parameters: &[] };
    Ok(api.list(&query).all().await?.into_iter().map(|group| group.id).collect())
}

/// A group that should assign a user to an application, if they are in one.
async fn assigned_through(api: &Api, app: &str, id: &str) -> Result<Option<String>, ReadError> {
    let of = groups_of(api, id).await?;
    let path = ["apps", app, "groups"];
    let query = Query { collection: "groups", path: &path, parameters: &[("limit", "200")] };
    let assigned = api.list(&query).all().await?;
    Ok(assigned.into_iter().map(|group| group.id).find(|group| of.contains(group)))
}

/// Before "gone" is said: finds somebody who is there by their id.
async fn prove(api: &Api, what: &'static str) -> Result<(), ReadError> {
    let first = Query { collection: what, path: &[what], parameters: &[("limit", "1")] };
    let example = api.list(&first).first().await?.into_iter().next();
    let Some(example) = example else {
        return Err(unproved(format!(
            "{} is shown no {what} at all, so that none can be said to be gone; widen its admin role",
            api.identity
        )));
    };
    let by_id = Query { collection: what, path: &[what, &example.id], parameters: &[] };
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
