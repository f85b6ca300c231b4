//! What the sink says about itself (RFC 7644, section 4).

use serde_json::{Value, json};

use super::answers::PAGE;
use super::path::{GROUP, USER};

const ENTERPRISE: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";

/// Complex attributes of a user, with their parts.
const COMPLEX: [(&str, &[&str]); 1] =
    [("name", &["formatted", "familyName", "givenName", "middleName", "honorificPrefix", "honorificSuffix"])];

/// Multi-valued attributes of a user.
const LISTS: [&str; 6] = ["emails", "phoneNumbers", "photos", "addresses", "entitlements", "roles"];

/// Plain attributes of a user.
const PLAIN: [&str; 10] = [
    "userName",
    "displayName",
    "nickName",
    "profileUrl",
    "title",
    "userType",
    "preferredLanguage",
    "locale",
    "timezone",
    "externalId",
];

/// Attributes of the enterprise extension.
const ENTERPRISE_PLAIN: [&str; 5] = ["employeeNumber", "costCenter", "organization", "division", "department"];

/// One of the three documents.
pub(super) fn document(name: &str) -> Option<Value> {
    match name {
        "ServiceProviderConfig" => Some(config()),
        "ResourceTypes" => Some(listed(&[
            json!({"name": "User", "endpoint": "/Users", "schema": USER,
                "schemaExtensions": [{"schema": ENTERPRISE, "required": false}]}),
            json!({"name": "Group", "endpoint": "/Groups", "schema": GROUP}),
        ])),
        "Schemas" => Some(listed(&[user(), enterprise(), group()])),
        _ => None,
    }
}

fn config() -> Value {
    json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig"],
        "patch": {"supported": true}, "bulk": {"supported": false, "maxOperations": 0, "maxPayloadSize": 0},
        "filter": {"supported": true, "maxResults": PAGE}, "changePassword": {"supported": false},
        "sort": {"supported": false}, "etag": {"supported": false},
        "authenticationSchemes": [{"type": "oauthbearertoken", "name": "Bearer token"}],
    })
}

fn listed(resources: &[Value]) -> Value {
    json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:ListResponse"], "totalResults": resources.len(),
        "startIndex": 1, "itemsPerPage": resources.len(), "Resources": resources,
    })
}

fn plain(name: &str) -> Value {
    json!({"name": name, "type": "string", "multiValued": false, "mutability": "readWrite"})
}

fn complex(name: &str, parts: &[&str], many: bool) -> Value {
    let parts: Vec<Value> = parts.iter().map(|part| plain(part)).collect();
    json!({"name": name, "type": "complex", "multiValued": many, "mutability": "readWrite", "subAttributes": parts})
}

fn user() -> Value {
    let mut attributes: Vec<Value> = PLAIN.iter().map(|name| plain(name)).collect();
    attributes.push(json!({"name": "active", "type": "boolean", "multiValued": false, "mutability": "readWrite"}));
    attributes.push(json!({"name": "groups", "type": "complex", "multiValued": true, "mutability": "readOnly"}));
    attributes.extend(COMPLEX.iter().map(|(name, parts)| complex(name, parts, false)));
    attributes.extend(LISTS.iter().map(|name| complex(name, &["value", "type", "primary", "display"], true)));
    json!({"id": USER, "name": "User", "attributes": attributes})
}

fn enterprise() -> Value {
    let mut attributes: Vec<Value> = ENTERPRISE_PLAIN.iter().map(|name| plain(name)).collect();
    attributes.push(complex("manager", &["value", "displayName"], false));
    json!({"id": ENTERPRISE, "name": "EnterpriseUser", "attributes": attributes})
}

fn group() -> Value {
    let attributes = [plain("displayName"), plain("externalId"), complex("members", &["value", "type"], true)];
    json!({"id": GROUP, "name": "Group", "attributes": attributes})
}
