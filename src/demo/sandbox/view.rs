//! What a person wants to see of an account or a group, for the demonstration and for tests.

use serde_json::Value;

use super::schema::{Object, Resource};
use super::store::Store;

/// An account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountView {
    /// The application's id.
    pub id: String,
    /// The name to sign in with.
    pub user_name: String,
    /// The id in the directory, if somebody told.
    pub external_id: Option<String>,
    /// The name that is shown.
    pub display_name: Option<String>,
    /// Whether the account may be used.
    pub active: bool,
    /// The values of `roles`, and of `entitlements`, sorted.
    pub roles: Vec<String>,
    /// The names of the groups that the account is directly in.
    pub groups: Vec<String>,
}

/// A group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupView {
    /// The application's id.
    pub id: String,
    /// The name.
    pub display_name: String,
    /// The id that a client gave it.
    pub external_id: Option<String>,
    /// The ids of the members, in the order in which they came.
    pub members: Vec<String>,
}

pub(super) fn accounts(store: &Store) -> Vec<AccountView> {
    store
        .all(Resource::User)
        .into_iter()
        .map(|(id, stored)| {
            let object = &stored.object;
            let mut roles: Vec<String> =
                ["roles", "entitlements"].into_iter().flat_map(|name| values(object, name)).collect();
            roles.sort();
            AccountView {
                id: id.to_owned(),
                user_name: text(object, "userName").unwrap_or_default(),
                external_id: text(object, "externalId"),
                display_name: text(object, "displayName"),
                active: object.get("active") != Some(&Value::Bool(false)),
                roles,
                groups: store.groups_of(id).map(|(_, name)| name.to_owned()).collect(),
            }
        })
        .collect()
}

pub(super) fn groups(store: &Store) -> Vec<GroupView> {
    store
        .all(Resource::Group)
        .into_iter()
        .map(|(id, stored)| GroupView {
            id: id.to_owned(),
            display_name: text(&stored.object, "displayName").unwrap_or_default(),
            external_id: text(&stored.object, "externalId"),
            members: values(&stored.object, "members").collect(),
        })
        .collect()
}

fn text(object: &Object, name: &str) -> Option<String> {
    object.get(name).and_then(Value::as_str).map(str::to_owned)
}

fn values<'a>(object: &'a Object, name: &str) -> impl Iterator<Item = String> + use<'a> {
    let values = object.get(name).and_then(Value::as_array).into_iter().flatten();
    values.filter_map(|value| value["value"].as_str().map(str::to_owned))
}
