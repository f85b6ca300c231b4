//! What the application says about itself (RFC 7643, sections 5 to 7).

use serde_json::{Value, json};

use super::schema::{Attribute, ENTERPRISE, Kind, Resource, USER};

/// Resources in one list at most; what `filter.maxResults` announces.
pub(super) const LARGEST_PAGE: usize = 200;

/// The answer of a discovery endpoint; nothing if there is no such endpoint.
pub(super) fn answer(path: &[&str], base: &str) -> Option<Value> {
    match path {
        ["ServiceProviderConfig"] => Some(service_provider_config(base)),
        ["ResourceTypes"] => Some(list(&Resource::ALL.map(|resource| resource_type(resource, base)))),
        ["ResourceTypes", name] => {
            Resource::ALL.into_iter().find(|resource| resource.name() == *name).map(|found| resource_type(found, base))
        }
        ["Schemas"] => Some(list(&schemas(base))),
        ["Schemas", id] => schemas(base).into_iter().find(|schema| schema["id"] == *id),
        _ => None,
    }
}

fn list(resources: &[Value]) -> Value {
    json!({
        "schemas": ["urn:ietf:params:scim:api:messages:2.0:ListResponse"],
        "totalResults": resources.len(),
        "startIndex": 1,
        "itemsPerPage": resources.len(),
        "Resources": resources,
    })
}

fn service_provider_config(base: &str) -> Value {
    json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:ServiceProviderConfig"],
        "patch": { "supported": true },
        "bulk": { "supported": false, "maxOperations": 0, "maxPayloadSize": 0 },
        "filter": { "supported": true, "maxResults": LARGEST_PAGE },
        "changePassword": { "supported": false },
        "sort": { "supported": false },
        "etag": { "supported": false },
        "authenticationSchemes": [{
            "type": "oauthbearertoken",
            "name": "Bearer token",
            "description": "The token that the sandbox printed.",
            "primary": true,
        }],
        "meta": { "resourceType": "ServiceProviderConfig", "location": format!("{base}/ServiceProviderConfig") },
    })
}

fn resource_type(resource: Resource, base: &str) -> Value {
    let extensions = match resource {
        Resource::User => json!([{ "schema": ENTERPRISE, "required": false }]),
        Resource::Group => json!([]),
    };
    json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:ResourceType"],
        "id": resource.name(),
        "name": resource.name(),
        "endpoint": resource.endpoint(),
        "schema": resource.schema(),
        "schemaExtensions": extensions,
        "meta": { "resourceType": "ResourceType", "location": format!("{base}/ResourceTypes/{}", resource.name()) },
    })
}

fn schemas(base: &str) -> Vec<Value> {
    let mut schemas = Vec::new();
    for resource in Resource::ALL {
        let core = resource.attributes().iter().filter(|attribute| attribute.name != ENTERPRISE);
        schemas.push(schema(resource.schema(), resource.name(), core.map(attribute).collect(), base));
        let extension = resource.attributes().iter().find(|attribute| attribute.name == ENTERPRISE);
        if let Some(Attribute { kind: Kind::Complex(parts), .. }) = extension {
            schemas.push(schema(ENTERPRISE, "EnterpriseUser", parts.iter().map(attribute).collect(), base));
        }
    }
    schemas
}

fn schema(id: &str, name: &str, mut attributes: Vec<Value>, base: &str) -> Value {
    if id == USER {
        attributes.push(groups());
    }
    json!({
        "schemas": ["urn:ietf:params:scim:schemas:core:2.0:Schema"],
        "id": id,
        "name": name,
        "attributes": attributes,
        "meta": { "resourceType": "Schema", "location": format!("{base}/Schemas/{id}") },
    })
}

fn attribute(attribute: &Attribute) -> Value {
    let mut described = json!({
        "name": attribute.name,
        "type": match attribute.kind {
            Kind::Text if attribute.name == "$ref" => "reference",
            Kind::Text => "string",
            Kind::Bool => "boolean",
            Kind::Complex(_) => "complex",
        },
        "multiValued": attribute.multi,
        "required": attribute.required,
        "caseExact": attribute.case_exact,
        "mutability": "readWrite",
        "returned": "default",
        "uniqueness": if attribute.unique { "server" } else { "none" },
    });
    if let Kind::Complex(parts) = attribute.kind {
        described["subAttributes"] = parts.iter().map(self::attribute).collect();
        // Of a reference people must know where it may lead: a manager is a user, a member a user or a group.
        let leads_to = if attribute.name == "members" { json!(["User", "Group"]) } else { json!(["User"]) };
        for part in described["subAttributes"].as_array_mut().into_iter().flatten() {
            if part["name"] == "$ref" {
                part["referenceTypes"] = leads_to.clone();
            }
        }
    }
    described
}

/// `groups` of a user, which only the server writes.
fn groups() -> Value {
    let part = |name: &str| {
        json!({
            "name": name, "type": if name == "$ref" { "reference" } else { "string" }, "multiValued": false,
            "required": false, "caseExact": false, "mutability": "readOnly", "returned": "default", "uniqueness": "none",
        })
    };
    json!({
        "name": "groups", "type": "complex", "multiValued": true, "required": false, "caseExact": false,
        "mutability": "readOnly", "returned": "default", "uniqueness": "none",
        "subAttributes": [part("value"), part("$ref"), part("display"), part("type")],
    })
}
