//! Who is within reach: everybody, those assigned to an enterprise application, or the members of some groups.
//!
//! A narrower reach must itself be there before anybody's absence from it means something: an application or group that
//! cannot be found is an error and never an empty list.

use std::collections::{BTreeMap, BTreeSet};

use rollcall_kit::ReadError;
use rollcall_kit::rest::Interface as _;
use serde::Serialize;
use serde_json::Value as Json;

use crate::api::{Api, Item, Query};
use crate::members::Depth;
use crate::person::{Assignment, text};
use crate::settings::{EntraSettings, is_guid};

/// The properties of a group that are read.
pub(crate) const GROUP: &str = "id,displayName,groupTypes,securityEnabled,mailEnabled,visibility";

/// The app role that means access and nothing more.
const DEFAULT_ACCESS: &str = "00000000-0000-0000-0000-000000000000";

/// Who is within reach.
#[derive(Debug)]
pub(crate) enum Reach {
    /// The whole tenant.
    Everybody,
    /// Who is assigned to an enterprise application.
    Assigned(Box<Application>),
    /// Who is a member of one of these groups.
    MembersOf(Vec<Named>, Depth),
}

/// A group by its id, with its name for sentences.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(crate) struct Named {
    pub(crate) id: String,
    pub(crate) name: String,
    /// Whether it shows its members only to who has the right to see hidden ones.
    pub(crate) hidden: bool,
}

/// An enterprise application and who is assigned to it.
#[derive(Debug)]
pub(crate) struct Application {
    pub(crate) id: String,
    pub(crate) name: String,
    /// Whether only who is assigned may sign in.
    pub(crate) assignment_required: bool,
    /// App roles of those who are assigned themselves.
    pub(crate) direct: BTreeMap<String, BTreeSet<String>>,
    /// App roles of groups that are assigned, and the groups.
    pub(crate) groups: BTreeMap<String, (Named, BTreeSet<String>)>,
    /// Groups that are assigned and deleted.
    pub(crate) gone: Vec<String>,
    pub(crate) pages: u64,
    pub(crate) rows: u64,
}

impl Reach {
    /// Finds what the settings name.
    pub(crate) async fn resolve(api: &Api, settings: &EntraSettings) -> Result<Self, ReadError> {
        if let Some(app) = &settings.assigned_to {
            return Ok(Self::Assigned(Box::new(application(api, settings, app.trim()).await?)));
        }
        let mut groups = Vec::new();
        for wanted in &settings.members_of {
            let group = find_group(api, wanted).await?.ok_or_else(|| {
                ReadError::Settings(format!("members_of: there is no group {wanted:?}; whom to read is unknown"))
            })?;
            groups.push(named(&group, wanted));
        }
        groups.sort();
        groups.dedup();
        let depth = Depth::of(settings.transitive);
        Ok(if groups.is_empty() { Self::Everybody } else { Self::MembersOf(groups, depth) })
    }

    /// The groups whose members are within reach.
    pub(crate) fn groups(&self) -> Vec<&Named> {
        match self {
            Self::Everybody => Vec::new(),
            Self::Assigned(app) => app.groups.values().map(|(group, _)| group).collect(),
            Self::MembersOf(groups, _) => groups.iter().collect(),
        }
    }
}

impl Application {
    /// A short name of who is assigned with which roles, to notice a change: there is no stream of those.
    pub(crate) fn fingerprint(&self) -> String {
        let said = serde_json::json!([self.id, self.direct, self.groups.values().collect::<Vec<_>>()]);
        blake3::hash(said.to_string().as_bytes()).to_hex()[..16].to_owned()
    }

    /// What is known of somebody's assignment: their own, and those of the groups that they are a direct member of.
    pub(crate) fn assignment<'a>(&self, user: &str, of: impl Iterator<Item = &'a str>) -> Assignment {
        let direct = self.direct.get(user);
        let through: Vec<&(Named, BTreeSet<String>)> = of.filter_map(|group| self.groups.get(group)).collect();
        if direct.is_none() && through.is_empty() {
            return Assignment::None;
        }
        let roles = direct.into_iter().chain(through.iter().map(|(_, roles)| roles)).flatten().cloned().collect();
        Assignment::As { roles, through: through.iter().map(|(group, _)| group.name.clone()).collect() }
    }
}

fn named(group: &Item, wanted: &str) -> Named {
    Named {
        name: text(&group.json, "/displayName").unwrap_or_else(|| wanted.to_owned()),
        hidden: is_hidden(&group.json),
        id: group.id.clone(),
    }
}

/// Whether a group hides its members.
pub(crate) fn is_hidden(group: &Json) -> bool {
    text(group, "/visibility").is_some_and(|visibility| visibility.eq_ignore_ascii_case("HiddenMembership"))
}

/// The enterprise application of this object id or application id, and everybody who is assigned to it.
async fn application(api: &Api, settings: &EntraSettings, wanted: &str) -> Result<Application, ReadError> {
    let select = [("$select", "id,appId,displayName,appRoles,appRoleAssignmentRequired")];
    let by_app_id = format!("servicePrincipals(appId='{wanted}')");
    let by_app_id = [&*by_app_id];
    let mut found = None;
    for path in [&by_app_id[..], &["servicePrincipals", wanted]] {
        found = api.one(&Query { collection: "users", path, parameters: &select }).await?;
        if found.is_some() {
            break;
        }
    }
    let principal = found.ok_or_else(|| {
        ReadError::Settings(format!(
            "assigned_to: there is no enterprise application with the application id or object id {wanted}; whom to read \
             is unknown"
        ))
    })?;
    let id = text(&principal, "/id").ok_or_else(|| ReadError::incomplete("users", "the application has no id"))?;
    let roles: BTreeMap<String, String> = principal
        .get("appRoles")
        .and_then(Json::as_array)
        .into_iter()
        .flatten()
        .filter_map(|role| Some((text(role, "/id")?, text(role, "/value").or_else(|| text(role, "/displayName"))?)))
        .collect();
    let mut application = Application {
        name: text(&principal, "/displayName").unwrap_or_else(|| id.clone()),
        assignment_required: principal.get("appRoleAssignmentRequired") != Some(&Json::Bool(false)),
        direct: BTreeMap::new(),
        groups: BTreeMap::new(),
        gone: Vec::new(),
        pages: 0,
        rows: 0,
        id,
    };
    application.assigned(api, settings, &roles).await?;
    Ok(application)
}

impl Application {
    /// Reads who is assigned. Groups are not expanded there.
    async fn assigned(
        &mut self,
        api: &Api,
        settings: &EntraSettings,
        roles: &BTreeMap<String, String>,
    ) -> Result<(), ReadError> {
        let size = settings.page_size.to_string();
        let id = self.id.clone();
        let path = ["servicePrincipals", &*id, "appRoleAssignedTo"];
        let mut list = api.list(&Query { collection: "users", path: &path, parameters: &[("$top", &size)] });
        let mut groups: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        while let Some(page) = list.next().await? {
            for row in page {
                self.rows += 1;
                let (kind, principal) = (text(&row.json, "/principalType"), text(&row.json, "/principalId"));
                let (Some(kind), Some(principal)) = (kind, principal) else {
                    return Err(ReadError::incomplete("users", format!("the assignment {} names nobody", row.id)));
                };
                let whose = match &*kind {
                    "User" => self.direct.entry(principal).or_default(),
                    "Group" => groups.entry(principal).or_default(),
                    _ => continue,
                };
                let role = text(&row.json, "/appRoleId").filter(|role| role != DEFAULT_ACCESS);
                // A role that was taken from the application still names itself by its id.
                whose.extend(role.map(|role| roles.get(&role).cloned().unwrap_or(role)));
            }
        }
        self.pages = list.pages();
        let ids: Vec<String> = groups.keys().cloned().collect();
        for (id, group) in by_ids(api, &ids).await? {
            match (group, groups.remove(&id)) {
                (Some(group), Some(roles)) => drop(self.groups.insert(id, (named(&group, ""), roles))),
                _ => self.gone.push(id),
            }
        }
        Ok(())
    }
}

/// Groups by their ids, in the order of the ids; nothing for one that Graph says is not there.
pub(crate) async fn by_ids(api: &Api, ids: &[String]) -> Result<Vec<(String, Option<Item>)>, ReadError> {
    let paths: Vec<[&str; 2]> = ids.iter().map(|id| ["groups", &**id]).collect();
    let parameters = [("$select", GROUP)];
    let parts: Vec<Query<'_>> =
        paths.iter().map(|path| Query { collection: "groups", path, parameters: &parameters }).collect();
    let found = api.many(&parts).await?;
    let item = |id: &String, json: Json| Item { id: id.clone(), json };
    Ok(ids.iter().zip(found).map(|(id, group)| (id.clone(), group.map(|json| item(id, json)))).collect())
}

/// A group by its id or its exact name; nothing if Graph says that there is none.
pub(crate) async fn find_group(api: &Api, wanted: &str) -> Result<Option<Item>, ReadError> {
    let wanted = wanted.trim();
    if is_guid(wanted) {
        let path = ["groups", wanted];
        let query = Query { collection: "groups", path: &path, parameters: &[("$select", GROUP)] };
        return Ok(api.one(&query).await?.map(|json| Item { id: wanted.to_owned(), json }));
    }
    let filter = format!("displayName eq {}", quoted(wanted));
    let parameters = [("$filter", &*filter), ("$select", GROUP)];
    let query = Query { collection: "groups", path: &["groups"], parameters: &parameters };
    let found = api.list(&query).all().await?;
    let is_it = |group: &Item| text(&group.json, "/displayName").is_some_and(|name| same(&name, wanted));
    let mut found: Vec<Item> = found.into_iter().filter(is_it).collect();
    found.sort_by(|a, b| a.id.cmp(&b.id));
    found.dedup_by(|a, b| a.id == b.id);
    if found.len() > 1 {
        let ids: Vec<&str> = found.iter().map(|group| &*group.id).collect();
        return Err(ReadError::Settings(format!(
            "{} groups are called {wanted:?}; name the one that is meant by its id: {}",
            ids.len(),
            ids.join(", ")
        )));
    }
    Ok(found.pop())
}

/// Whether two names are the same to Entra ID, which does not tell capitals apart.
pub(crate) fn same(one: &str, other: &str) -> bool {
    one.trim().to_lowercase() == other.trim().to_lowercase()
}

/// A text in an OData expression.
pub(crate) fn quoted(text: &str) -> String {
    format!("'{}'", text.trim().replace('\'', "''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_stays_a_text_whatever_is_in_it() {
        assert_eq!(quoted("O'Brien' or id ne '"), "'O''Brien'' or id ne '''");
    }
}
