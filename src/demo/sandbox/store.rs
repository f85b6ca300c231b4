//! What the application holds: users and groups, by id, with what the server itself says about each.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::error::ScimError;
use super::schema::{ENTERPRISE, Object, Resource};

/// A stored resource.
#[derive(Clone, Debug)]
pub(super) struct Stored {
    /// The place in the order of creation.
    pub(super) number: u64,
    /// What was sent, in canonical form.
    pub(super) object: Object,
    created: Timestamp,
    modified: Timestamp,
}

/// Everything that the application holds.
#[derive(Clone, Debug, Default)]
pub(super) struct Store {
    resources: BTreeMap<Resource, BTreeMap<String, Stored>>,
    last: u64,
}

impl Store {
    /// The resources of a kind with their ids, in the order of creation.
    pub(super) fn all(&self, resource: Resource) -> Vec<(&str, &Stored)> {
        let mut all: Vec<_> =
            self.resources.get(&resource).into_iter().flatten().map(|(id, stored)| (id.as_str(), stored)).collect();
        all.sort_by_key(|(_, stored)| stored.number);
        all
    }

    pub(super) fn get(&self, resource: Resource, id: &str) -> Option<&Stored> {
        self.resources.get(&resource)?.get(id)
    }

    /// Adds a resource, with a name that others may have or not, and returns its new id.
    pub(super) fn create(&mut self, resource: Resource, object: Object, twins: bool) -> Result<String, ScimError> {
        if !twins {
            self.check(resource, &object, None)?;
        }
        self.last += 1;
        let id = format!("{}-{:04}", if resource == Resource::User { "usr" } else { "grp" }, self.last);
        let now = Timestamp::now();
        let stored = Stored { number: self.last, object, created: now, modified: now };
        self.resources.entry(resource).or_default().insert(id.clone(), stored);
        Ok(id)
    }

    /// Exchanges what a resource holds.
    pub(super) fn update(&mut self, resource: Resource, id: &str, object: Object) -> Result<(), ScimError> {
        self.check(resource, &object, Some(id))?;
        let stored = self.resources.entry(resource).or_default().get_mut(id);
        let stored = stored.ok_or_else(|| ScimError::not_found(id))?;
        if stored.object != object {
            stored.object = object;
            stored.modified = Timestamp::now();
        }
        Ok(())
    }

    /// Deletes a resource, and takes it out of the groups.
    pub(super) fn delete(&mut self, resource: Resource, id: &str) -> Result<(), ScimError> {
        self.resources.entry(resource).or_default().remove(id).ok_or_else(|| ScimError::not_found(id))?;
        for group in self.resources.entry(Resource::Group).or_default().values_mut() {
            if let Some(Value::Array(members)) = group.object.get_mut("members") {
                members.retain(|member| member["value"] != id);
                if members.is_empty() {
                    group.object.remove("members");
                }
            }
        }
        Ok(())
    }

    /// A value that is unique may not be taken, and a member must be there.
    fn check(&self, resource: Resource, object: &Object, own_id: Option<&str>) -> Result<(), ScimError> {
        for attribute in resource.attributes().iter().filter(|attribute| attribute.unique) {
            let folded = |object: &Object| object.get(attribute.name).and_then(Value::as_str).map(str::to_lowercase);
            let taken = |(id, other): &(&str, &Stored)| Some(*id) != own_id && folded(&other.object) == folded(object);
            if self.all(resource).iter().any(taken) {
                return Err(ScimError::new(409, Some("uniqueness"), format!("The {} is taken.", attribute.name)));
            }
        }
        for member in object.get("members").and_then(Value::as_array).into_iter().flatten() {
            let id = member["value"].as_str().unwrap_or_default();
            if Resource::ALL.iter().all(|kind| self.get(*kind, id).is_none()) {
                return Err(ScimError::bad("invalidValue", format!("There is no member {id:?}.")));
            }
        }
        Ok(())
    }

    /// A resource as it is answered: with id, schemas, meta, and what the server works out.
    pub(super) fn shown(&self, resource: Resource, id: &str, base: &str) -> Option<Object> {
        let stored = self.get(resource, id)?;
        let mut object = stored.object.clone();
        let mut schemas = vec![resource.schema()];
        if object.contains_key(ENTERPRISE) {
            schemas.push(ENTERPRISE);
        }
        object.insert("schemas".to_owned(), json!(schemas));
        object.insert("id".to_owned(), json!(id));
        object.insert(
            "meta".to_owned(),
            json!({
                "resourceType": resource.name(),
                "created": stored.created.to_string(),
                "lastModified": stored.modified.to_string(),
                "location": location(resource, id, base),
            }),
        );
        object.remove("password");
        if resource == Resource::User {
            self.add_groups(&mut object, id, base);
        } else if let Some(Value::Array(members)) = object.get_mut("members") {
            members.iter_mut().for_each(|member| self.add_reference(member, base));
        }
        Some(object)
    }

    /// The groups that somebody is directly in; read-only on the user (RFC 7643, section 4.1.2).
    fn add_groups(&self, object: &mut Object, id: &str, base: &str) {
        let groups: Vec<Value> = self
            .groups_of(id)
            .map(|(group, name)| {
                json!({ "value": group, "display": name, "type": "direct", "$ref": location(Resource::Group, group, base) })
            })
            .collect();
        if !groups.is_empty() {
            object.insert("groups".to_owned(), groups.into());
        }
    }

    fn add_reference(&self, member: &mut Value, base: &str) {
        let id = member["value"].as_str().unwrap_or_default().to_owned();
        let kind = if self.get(Resource::Group, &id).is_some() { Resource::Group } else { Resource::User };
        member["type"] = kind.name().into();
        member["$ref"] = location(kind, &id, base).into();
        let name = self
            .get(kind, &id)
            .and_then(|stored| stored.object.get("displayName").or_else(|| stored.object.get("userName")).cloned());
        if let Some(name) = name {
            member["display"] = name;
        }
    }

    /// Ids and names of the groups that a resource is directly in.
    pub(super) fn groups_of<'a>(&'a self, id: &'a str) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.all(Resource::Group).into_iter().filter_map(move |(group, stored)| {
            let members = stored.object.get("members")?.as_array()?;
            members.iter().any(|member| member["value"] == id).then_some(())?;
            Some((group, stored.object.get("displayName")?.as_str()?))
        })
    }
}

/// The URL of a resource.
pub(super) fn location(resource: Resource, id: &str, base: &str) -> String {
    format!("{base}{}/{id}", resource.endpoint())
}
