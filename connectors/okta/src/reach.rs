//! Who is within reach: everybody, those assigned to an application, or the members of some groups.
//!
//! A narrower reach must itself be there before anybody's absence from it means something: an application or group that
//! cannot be found is an error and never an empty list.

use rollcall_kit::ReadError;
use rollcall_kit::rest::Interface as _;
use serde_json::Value as Json;

use crate::api::{Api, Item, Query};
use crate::person::text;
use crate::settings::OktaSettings;

/// Who is within reach.
#[derive(Debug)]
pub(crate) enum Reach {
    /// The whole organisation.
    Everybody,
    /// Who is assigned to the application with this id.
    Assigned(String),
    /// Who is a member of one of these groups.
    MembersOf(Vec<Named>),
}

/// A group by its id, with its name for sentences.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Named {
    pub(crate) id: String,
    pub(crate) name: String,
}

impl Reach {
    /// Finds what the settings name.
    pub(crate) async fn resolve(api: &Api, settings: &OktaSettings) -> Result<Self, ReadError> {
        if let Some(app) = &settings.assigned_to {
            application(api, app).await?;
            return Ok(Self::Assigned(app.clone()));
        }
        let mut groups = Vec::new();
        for wanted in &settings.members_of {
            let group = find_group(api, wanted).await?.ok_or_else(|| {
                ReadError::Settings(format!(
                    "members_of: there is no group {wanted:?}, or the admin role does not show it; whom to read is unknown"
                ))
            })?;
            groups.push(Named { name: name_of(&group.json).unwrap_or_else(|| wanted.clone()), id: group.id });
        }
        groups.sort();
        groups.dedup();
        Ok(if groups.is_empty() { Self::Everybody } else { Self::MembersOf(groups) })
    }
}

/// The application, which must be there.
pub(crate) async fn application(api: &Api, app: &str) -> Result<Json, ReadError> {
    let query = Query { collection: "users", path: &["apps", app], parameters: &[] };
    api.one(&query).await?.ok_or_else(|| {
        ReadError::Settings(format!(
            "assigned_to: there is no application {app}, or the admin role does not show it; whom to read is unknown"
        ))
    })
}

/// A group by its id or its exact name; nothing if Okta says that there is none.
pub(crate) async fn find_group(api: &Api, wanted: &str) -> Result<Option<Item>, ReadError> {
    if is_group_id(wanted) {
        let query = Query { collection: "groups", path: &["groups", wanted], parameters: &[] };
        return Ok(api.one(&query).await?.map(|json| Item { id: wanted.to_owned(), json }));
    }
    let search = format!("profile.name eq {}", quoted(wanted));
    let parameters = [("search", &*search), ("limit", "200")];
    let query = Query { collection: "groups", path: &["groups"], parameters: &parameters };
    let found = api.list(&query).all().await?;
    let mut found: Vec<Item> =
        found.into_iter().filter(|group| name_of(&group.json).as_deref() == Some(wanted.trim())).collect();
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

/// Whether this is spelled as Okta spells the ids of groups.
pub(crate) fn is_group_id(text: &str) -> bool {
    text.len() == 20 && text.starts_with("00g") && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// The name of a group.
pub(crate) fn name_of(group: &Json) -> Option<String> {
    group.get("profile").and_then(Json::as_object).and_then(|profile| text(profile, "name"))
}

/// A text in an Okta expression.
pub(crate) fn quoted(text: &str) -> String {
    format!("\"{}\"", text.trim().replace('\\', "\\\\").replace('"', "\\\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_stays_a_text_whatever_is_in_it() {
        assert_eq!(quoted(r#"x" or id pr or "\"#), r#""x\" or id pr or \"\\""#);
    }

    #[test]
    fn an_id_is_told_from_a_name() {
        assert!(is_group_id("00g1a2b3c4d5e6f7g8h9"));
        for name in ["App Users", "00g", "00g-users-of-the-app", "00u1a2b3c4d5e6f7g8h9"] {
            assert!(!is_group_id(name), "{name}");
        }
    }
}
