//! Discovery (RFC 7644, section 4): what a target announces about itself, read leniently.
//!
//! Discovery is a courtesy, and many targets lack it, in part or whole: each of the three documents may be missing,
//! a bare array or empty, and then the assumptions of [`Profile::default`] stand. Only a refused sign-in and silence
//! are errors.

use std::collections::BTreeSet;

use rollcall_kit::http::Client;
use serde_json::{Map, Value as Json};

use super::errors;
use super::profile::{Paging, Profile};
use super::resource::{USER, member, number, truth};
use super::wire::Call;
use crate::apply::TargetError;

/// The schema of groups.
pub(super) const GROUP: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";

/// Asks a target what it can do.
pub(super) async fn discover(client: &Client) -> Result<Profile, TargetError> {
    let mut profile = Profile::default();
    if let Some(config) = document(client, "ServiceProviderConfig").await? {
        read_config(&config, &mut profile);
    }
    if let Some(types) = document(client, "ResourceTypes").await? {
        profile.groups = has_groups(&types);
    }
    if let Some(schemas) = document(client, "Schemas").await? {
        profile.user_attributes = user_attributes(&schemas);
    }
    Ok(profile)
}

/// One of the three documents, if the target has it.
async fn document(client: &Client, name: &str) -> Result<Option<Json>, TargetError> {
    let answer = Call::get(&[name], &[]).send(client).await.map_err(errors::no_answer)?;
    match answer.status {
        200 if !answer.json.is_null() => Ok(Some(answer.json)),
        401 => Err(errors::refused(name, &answer)),
        _ => Ok(None),
    }
}

/// What ServiceProviderConfig says (RFC 7643, section 5; RFC 9865, section 4).
pub(super) fn read_config(config: &Json, profile: &mut Profile) {
    let Some(config) = config.as_object() else { return };
    let within = |feature: &str, field: &str| member(member(config, feature)?.as_object()?, field);
    let supported = |feature: &str| within(feature, "supported").and_then(truth);
    profile.patch = supported("patch").unwrap_or(profile.patch);
    profile.filter = supported("filter").unwrap_or(profile.filter);
    profile.etag = supported("etag").unwrap_or(profile.etag);
    if let Some(most) = within("filter", "maxResults").and_then(number) {
        profile.limit_pages(most);
    }
    if let Some(most) = within("pagination", "maxPageSize").and_then(number) {
        profile.limit_pages(most);
    }
    // Index paging is the rule and cursors the addition, so they are used only where the index is not to be had.
    let index = within("pagination", "index").and_then(truth).unwrap_or(true);
    let cursor = within("pagination", "cursor").and_then(truth).unwrap_or(false);
    if cursor && !index {
        profile.paging = Paging::Cursor;
    }
}

/// Whether ResourceTypes lists groups. A list that lists nothing says nothing.
pub(super) fn has_groups(types: &Json) -> bool {
    let listed = entries(types);
    let is = |entry: &Map<String, Json>, field: &str, wanted: &str| {
        member(entry, field)
            .and_then(Json::as_str)
            .is_some_and(|text| text.trim_matches('/').eq_ignore_ascii_case(wanted))
    };
    listed.is_empty()
        || listed
            .iter()
            .any(|entry| is(entry, "endpoint", "Groups") || is(entry, "name", "Group") || is(entry, "schema", GROUP))
}

/// What a user can hold, by Schemas: the core schema's attributes by their names, those of extensions behind their
/// URN. None if the core schema is not among them, for then the list cannot be the whole truth.
pub(super) fn user_attributes(schemas: &Json) -> Option<BTreeSet<String>> {
    let mut known = BTreeSet::new();
    let mut has_core = false;
    for schema in entries(schemas) {
        let Some(id) = member(schema, "id").and_then(Json::as_str) else { continue };
        let Some(attributes) = member(schema, "attributes").and_then(Json::as_array) else { continue };
        if id.eq_ignore_ascii_case(USER) {
            has_core = !attributes.is_empty();
            collect(attributes, "", &mut known);
        } else if !id.to_ascii_lowercase().starts_with("urn:ietf:params:scim:schemas:core:") {
            let urn = id.to_ascii_lowercase();
            collect(attributes, &format!("{urn}:"), &mut known);
            known.insert(urn);
        }
    }
    has_core.then_some(known)
}

/// Adds the paths of attributes and their sub-attributes, but for those that only the target writes.
fn collect(attributes: &[Json], prefix: &str, known: &mut BTreeSet<String>) {
    for attribute in attributes.iter().filter_map(Json::as_object) {
        let text = |field: &str| member(attribute, field).and_then(Json::as_str);
        let Some(name) = text("name") else { continue };
        if text("mutability").is_some_and(|mutability| mutability.eq_ignore_ascii_case("readOnly")) {
            continue;
        }
        let path = format!("{prefix}{}", name.to_ascii_lowercase());
        if let Some(parts) = member(attribute, "subAttributes").and_then(Json::as_array) {
            collect(parts, &format!("{path}."), known);
        }
        known.insert(path);
    }
}

/// The entries of a list response or of a bare array.
fn entries(json: &Json) -> Vec<&Map<String, Json>> {
    let list = match json {
        Json::Array(list) => Some(list),
        Json::Object(members) => member(members, "Resources").and_then(Json::as_array),
        _ => None,
    };
    list.into_iter().flatten().filter_map(Json::as_object).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn abilities_are_read_whether_they_are_told_as_truth_or_as_text() {
        let mut profile = Profile::default();
        let config = json!({
            "patch": {"supported": "false"}, "filter": {"supported": true, "maxResults": 50},
            "pagination": {"cursor": true, "index": false, "maxPageSize": 25}, "etag": {"supported": true},
        });
        read_config(&config, &mut profile);
        assert!(!profile.patch && profile.filter && profile.etag);
        assert_eq!((profile.page_size, profile.paging), (25, Paging::Cursor));
    }

    #[test]
    fn an_odd_document_changes_nothing() {
        let mut profile = Profile::default();
        read_config(&json!(["surprise"]), &mut profile);
        read_config(&json!({"patch": true, "filter": null}), &mut profile);
        assert_eq!(profile, Profile::default());
        assert!(has_groups(&json!([])));
        assert_eq!(user_attributes(&json!({"Resources": []})), None);
    }

    #[test]
    fn schemas_may_be_a_bare_array_and_read_only_attributes_do_not_count() {
        let schemas = json!([
            {"id": USER, "attributes": [
                {"name": "userName"},
                {"name": "name", "subAttributes": [{"name": "givenName"}]},
                {"name": "groups", "mutability": "readOnly"},
            ]},
            {"id": "urn:acme:User", "attributes": [{"name": "badge"}]},
            {"id": GROUP, "attributes": [{"name": "members"}]},
        ]);
        let known = user_attributes(&schemas).unwrap();
        let known: Vec<&str> = known.iter().map(String::as_str).collect();
        assert_eq!(known, ["name", "name.givenname", "urn:acme:user", "urn:acme:user:badge", "username"]);
    }

    #[test]
    fn a_target_that_lists_only_users_has_no_groups() {
        assert!(!has_groups(&json!({"Resources": [{"name": "User", "endpoint": "/Users"}]})));
        assert!(has_groups(&json!({"Resources": [{"endpoint": "/Groups"}]})));
    }
}
