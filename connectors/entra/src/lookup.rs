//! Looking up by id and by address: the second look before somebody is put out.
//!
//! "Gone" is said only of who is found neither in the directory nor among the deleted, by an identity that has shown
//! that it can find somebody.

use async_trait::async_trait;
use rollcall_kit::rest::{self, Interface as _};
use rollcall_kit::{Address, DirectoryId, DirectoryUser, LookUp, ReadError};
use serde_json::Value as Json;

use crate::Entra;
use crate::api::{Api, Query};
use crate::batch::PARTS;
use crate::members::{self, Depth, MANAGER};
use crate::permissions::HIDDEN;
use crate::person::{self, Assignment, Place, text};
use crate::reach::{Reach, quoted};
use crate::read::{DELETED, permitted, sound};
use crate::select;
use crate::settings::{EntraSettings, Guests};

/// What look-ups share, because a run may confirm many people in a row.
pub struct Desk {
    reach: Reach,
    select: String,
    /// Whether the token lets us see hidden members, where it says so.
    pub(crate) sees_hidden: Option<bool>,
    finds_users: bool,
    finds_groups: bool,
}

#[async_trait]
impl rest::Desk<Entra> for Desk {
    const BATCH: usize = PARTS;

    async fn open(api: &Api, settings: &EntraSettings) -> Result<Self, ReadError> {
        let roles = api.sign_in().await?;
        if let Some(roles) = &roles {
            permitted(settings, api, roles)?;
        }
        let reach = Reach::resolve(api, settings).await?;
        let select = select::properties(&settings.extra_properties).join(",");
        let sees_hidden = roles.map(|roles| roles.contains(HIDDEN));
        Ok(Self { reach, select, sees_hidden, finds_users: false, finds_groups: false })
    }

    /// Users by their ids, in the order of the ids.
    async fn users(
        &mut self,
        api: &Api,
        settings: &EntraSettings,
        ids: &[DirectoryId],
    ) -> Result<Vec<LookUp>, ReadError> {
        let names: Vec<&str> = ids.iter().map(DirectoryId::as_str).collect();
        let live = members::one_by_one(api, settings, &names).await?;
        let (mut there, mut absent) = (Vec::new(), Vec::new());
        for (id, user) in names.iter().zip(&live) {
            match user {
                Some(user) => {
                    is_he(id, user)?;
                    sound(api, id, user)?;
                    self.finds_users = true;
                    there.push(*id);
                }
                None => absent.push(*id),
            }
        }
        let of = self.groups_of(api, &there).await?;
        let deleted = self.deleted(api, &absent).await?;
        if !self.finds_users && deleted.iter().any(Option::is_none) {
            prove(api, "users").await?;
            self.finds_users = true;
        }
        let (mut of, mut deleted) = (of.into_iter(), deleted.into_iter());
        let answers = ids.iter().zip(live).map(|(id, live)| match live {
            Some(user) => Ok(self.judge(settings, id.clone(), &user, &of.next().unwrap_or_default())),
            None => match deleted.next().flatten() {
                None => Ok(LookUp::Gone),
                Some(user) => {
                    is_he(id.as_str(), &user)?;
                    let found = person::read(id.clone(), &user, Place::Deleted, &self.unassigned());
                    Ok(within(found, &user, settings.guests))
                }
            },
        });
        answers.collect()
    }

    /// Users by address, within reach. What Graph finds is compared here.
    async fn address(
        &mut self,
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
                let of = self.groups_of(api, &[&item.id]).await?.pop().unwrap_or_default();
                if let LookUp::Found(user) = self.judge(settings, id, &item.json, &of)
                    && user.address().as_ref() == Some(address)
                {
                    found.push(*user);
                }
            }
        }
        Ok(found)
    }

    /// A group by its id.
    async fn group(&mut self, api: &Api, _: &EntraSettings, id: &DirectoryId) -> Result<Option<String>, ReadError> {
        let path = ["groups", id.as_str()];
        let query = Query { collection: "groups", path: &path, parameters: &[("$select", "id,displayName")] };
        let group = api.one(&query).await?;
        if group.is_none() && !self.finds_groups {
            prove(api, "groups").await?;
        }
        self.finds_groups = true;
        Ok(group.map(|group| text(&group, "/displayName").unwrap_or_else(|| id.to_string())))
    }
}

impl Desk {
    /// Who is within reach.
    pub(crate) fn reach(&self) -> &Reach {
        &self.reach
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

    /// Whoever of these was deleted within the last thirty days, in the order of the ids.
    pub(crate) async fn deleted(&self, api: &Api, ids: &[&str]) -> Result<Vec<Option<Json>>, ReadError> {
        let [directory, items, kind] = DELETED;
        let select = format!("{},deletedDateTime", self.select);
        let parameters = [("$select", &*select)];
        let paths: Vec<[&str; 4]> = ids.iter().map(|id| [directory, items, *id, kind]).collect();
        let parts: Vec<Query<'_>> =
            paths.iter().map(|path| Query { collection: "users", path, parameters: &parameters }).collect();
        api.many(&parts).await
    }

    /// The groups that decide whether these users are within reach, in the order of the ids; none where everybody is.
    pub(crate) async fn groups_of(&self, api: &Api, ids: &[&str]) -> Result<Vec<Vec<String>>, ReadError> {
        match &self.reach {
            Reach::Everybody => Ok(vec![Vec::new(); ids.len()]),
            Reach::Assigned(_) => members::groups_of(api, ids, Depth::Direct).await,
            Reach::MembersOf(_, depth) => members::groups_of(api, ids, *depth).await,
        }
    }

    /// Whether a user who is there, and in these groups, is within reach.
    pub(crate) fn judge(&self, settings: &EntraSettings, id: DirectoryId, json: &Json, of: &[String]) -> LookUp {
        match &self.reach {
            Reach::Everybody => within(read(id, json, &Assignment::Unknown), json, settings.guests),
            Reach::Assigned(app) => {
                let assignment = app.assignment(id.as_str(), of.iter().map(String::as_str));
                let user = read(id, json, &assignment);
                if assignment == Assignment::None {
                    let why = format!("not assigned to the enterprise application \"{}\" (assigned_to)", app.name);
                    return LookUp::OutOfReach(Box::new(user), why);
                }
                within(user, json, settings.guests)
            }
            Reach::MembersOf(groups, _) => {
                let user = read(id, json, &Assignment::Unknown);
                if !groups.iter().any(|group| of.contains(&group.id)) {
                    let names: Vec<&str> = groups.iter().map(|group| &*group.name).collect();
                    let why = format!("a member of none of these groups: {} (members_of)", names.join(", "));
                    return LookUp::OutOfReach(Box::new(user), why);
                }
                within(user, json, settings.guests)
            }
        }
    }
}

fn read(id: DirectoryId, json: &Json, assignment: &Assignment) -> DirectoryUser {
    person::read(id, json, Place::Live, assignment)
}

/// Somebody who is within reach unless the rule about guests keeps them out.
fn within(user: DirectoryUser, json: &Json, rule: Guests) -> LookUp {
    if person::admitted(json, rule) {
        return LookUp::Found(Box::new(user));
    }
    let why = if rule == Guests::Only { "no guest (guests)" } else { "a guest (guests)" };
    LookUp::OutOfReach(Box::new(user), why.to_owned())
}

/// Graph takes a user principal name for an id as well.
fn is_he(id: &str, user: &Json) -> Result<(), ReadError> {
    if user.get("id").and_then(Json::as_str) == Some(id) {
        return Ok(());
    }
    Err(unproved(format!("{id} is no user's id, but leads to one")))
}

/// Before "gone" is said: finds somebody who is there by their id.
async fn prove(api: &Api, what: &'static str) -> Result<(), ReadError> {
    let parameters = [("$select", "id"), ("$top", "1")];
    let first = Query { collection: what, path: &[what], parameters: &parameters };
    let mut list = api.list(&first).in_step();
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
