//! What is answered to what: a function from the world and a request to an answer, without a network.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::discovery::{self, LARGEST_PAGE};
use super::error::ScimError;
use super::fault::Faults;
use super::filter::{Filter, parse_filter};
use super::patch;
use super::schema::{Object, Resource, clean};
use super::store::{Store, location};

/// The application with all that it holds.
#[derive(Debug)]
pub(super) struct World {
    base: String,
    pub(super) store: Store,
    pub(super) faults: Faults,
    pub(super) requests: BTreeMap<String, u64>,
}

/// A request, with the path below the base.
#[derive(Clone, Copy, Debug)]
pub(super) struct Question<'a> {
    pub(super) method: &'a str,
    pub(super) path: &'a str,
    pub(super) query: &'a str,
    pub(super) body: &'a [u8],
}

/// An answer.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) location: Option<String>,
    pub(super) body: Option<Value>,
}

impl Answer {
    fn new(status: u16, body: Value) -> Self {
        Self { status, location: None, body: Some(body) }
    }

    pub(super) fn error(error: &ScimError) -> Self {
        Self::new(error.status, error.body())
    }
}

impl World {
    pub(super) fn new(base: String) -> Self {
        Self { base, store: Store::default(), faults: Faults::default(), requests: BTreeMap::new() }
    }

    /// Carries a request out.
    pub(super) fn answer(&mut self, question: &Question<'_>) -> Answer {
        self.try_answer(question).unwrap_or_else(|error| Answer::error(&error))
    }

    fn try_answer(&mut self, question: &Question<'_>) -> Result<Answer, ScimError> {
        let segments: Vec<&str> = question.path.split('/').filter(|segment| !segment.is_empty()).collect();
        let resource = match segments.first() {
            Some(&"Users") => Resource::User,
            Some(&"Groups") => Resource::Group,
            _ => {
                return match discovery::answer(&segments, &self.base) {
                    Some(found) if question.method == "GET" => Ok(Answer::new(200, found)),
                    Some(_) => Err(ScimError::new(405, None, "This can only be read.")),
                    None => Err(ScimError::not_found("such endpoint")),
                };
            }
        };
        match (question.method, &segments[1..]) {
            ("GET", []) => self.list(resource, question.query),
            ("POST", []) => self.create(resource, question.body),
            ("GET", [id]) => self.show(resource, id, 200, question.query),
            ("PUT", [id]) => self.exchange(resource, id, question),
            ("PATCH", [id]) => self.patch(resource, id, question),
            ("DELETE", [id]) => {
                self.store.delete(resource, id)?;
                Ok(Answer { status: 204, location: None, body: None })
            }
            (_, [] | [_]) => Err(ScimError::new(405, None, "This method is not for this endpoint.")),
            _ => Err(ScimError::not_found("such endpoint")),
        }
    }

    fn create(&mut self, resource: Resource, body: &[u8]) -> Result<Answer, ScimError> {
        let sent = object(body)?;
        names_schema(resource, &sent)?;
        let mut kept = self.kept(clean(resource, &sent)?);
        if resource == Resource::User {
            kept.entry("active").or_insert(Value::Bool(true));
        }
        let id = self.store.create(resource, kept, self.faults.allows_twins())?;
        self.show(resource, &id, 201, "")
    }

    fn exchange(&mut self, resource: Resource, id: &str, question: &Question<'_>) -> Result<Answer, ScimError> {
        let old = self.store.get(resource, id).ok_or_else(|| ScimError::not_found(id))?.object.clone();
        let sent = object(question.body)?;
        names_schema(resource, &sent)?;
        let mut new = self.kept(clean(resource, &sent)?);
        // What a PUT does not name is cleared, but nobody is switched on or off by silence.
        if let Some(active) = old.get("active") {
            new.entry("active").or_insert_with(|| active.clone());
        }
        self.store.update(resource, id, new)?;
        self.show(resource, id, 200, question.query)
    }

    fn patch(&mut self, resource: Resource, id: &str, question: &Question<'_>) -> Result<Answer, ScimError> {
        let old = self.store.get(resource, id).ok_or_else(|| ScimError::not_found(id))?.object.clone();
        let mut new = old.clone();
        patch::apply(resource, &mut new, &object(question.body)?)?;
        let mut new = clean(resource, &new)?;
        for attribute in resource.attributes().iter().filter(|attribute| self.faults.drops(attribute.name)) {
            match old.get(attribute.name) {
                Some(value) => new.insert(attribute.name.to_owned(), value.clone()),
                None => new.remove(attribute.name),
            };
        }
        self.store.update(resource, id, new)?;
        self.show(resource, id, 200, question.query)
    }

    /// Without what a fault drops.
    fn kept(&self, mut object: Object) -> Object {
        object.retain(|name, _| !self.faults.drops(name));
        object
    }

    fn show(&self, resource: Resource, id: &str, status: u16, query: &str) -> Result<Answer, ScimError> {
        let shown = self.shown(resource, id).ok_or_else(|| ScimError::not_found(id))?;
        let body = Value::Object(project(shown, query));
        Ok(Answer { status, location: Some(location(resource, id, &self.base)), body: Some(body) })
    }

    fn shown(&self, resource: Resource, id: &str) -> Option<Object> {
        let mut shown = self.store.shown(resource, id, &self.base)?;
        if self.faults.hides_members() {
            shown.remove("members");
        }
        Some(shown)
    }

    /// A page (section 3.4.2): counted from one, never longer than announced, with the total of all that matched.
    fn list(&self, resource: Resource, query: &str) -> Result<Answer, ScimError> {
        let filter = match parameter(query, "filter").filter(|_| !self.faults.ignores_filters()) {
            Some(text) => Some(parse_filter(resource, &text)?),
            None => None,
        };
        let admitted = |object: &Object| filter.as_ref().is_none_or(|filter: &Filter| filter.admits(object));
        let mut found: Vec<Object> = self
            .store
            .all(resource)
            .into_iter()
            .filter_map(|(id, _)| self.shown(resource, id))
            .filter(|object| admitted(object))
            .collect();
        found.truncate(self.faults.cap().unwrap_or(usize::MAX));
        let total = found.len();
        let start = whole(query, "startIndex", 1)?.max(1);
        let count = whole(query, "count", 100)?.clamp(0, LARGEST_PAGE as i64);
        let page: Vec<Value> = found
            .into_iter()
            .skip(usize::try_from(start - 1).unwrap_or(usize::MAX))
            .take(usize::try_from(count).unwrap_or(0))
            .map(|object| Value::Object(project(object, query)))
            .collect();
        Ok(Answer::new(
            200,
            json!({
                "schemas": ["urn:ietf:params:scim:api:messages:2.0:ListResponse"],
                "totalResults": total,
                "startIndex": start,
                "itemsPerPage": page.len(),
                "Resources": page,
            }),
        ))
    }
}

fn object(body: &[u8]) -> Result<Object, ScimError> {
    match serde_json::from_slice(body) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(_) => Err(ScimError::bad("invalidSyntax", "The body is not an object.")),
        Err(error) => Err(ScimError::bad("invalidSyntax", format!("The body is not JSON: {error}."))),
    }
}

/// Every resource names its schemas (RFC 7643, section 3).
fn names_schema(resource: Resource, sent: &Object) -> Result<(), ScimError> {
    let named = sent.get("schemas").and_then(Value::as_array);
    if named.is_some_and(|schemas| schemas.iter().any(|schema| schema == resource.schema())) {
        return Ok(());
    }
    Err(ScimError::bad("invalidValue", format!("schemas does not name {}.", resource.schema())))
}

/// `attributes` and `excludedAttributes` by their top-level names (RFC 7644, section 3.9). `id` and `schemas` always
/// come.
fn project(mut object: Object, query: &str) -> Object {
    let names = |list: String| -> Vec<String> {
        list.split(',').map(|name| name.trim().split('.').next().unwrap_or_default().to_lowercase()).collect()
    };
    let always = |name: &str| matches!(name, "id" | "schemas");
    if let Some(wanted) = parameter(query, "attributes").map(names) {
        object.retain(|name, _| always(name) || wanted.contains(&name.to_lowercase()));
    }
    if let Some(unwanted) = parameter(query, "excludedAttributes").map(names) {
        object.retain(|name, _| always(name) || !unwanted.contains(&name.to_lowercase()));
    }
    object
}

fn parameter(query: &str, name: &str) -> Option<String> {
    url::form_urlencoded::parse(query.as_bytes())
        .find(|(key, _)| key.eq_ignore_ascii_case(name))
        .map(|(_, value)| value.into_owned())
}

fn whole(query: &str, name: &'static str, default: i64) -> Result<i64, ScimError> {
    match parameter(query, name) {
        None => Ok(default),
        Some(text) => {
            text.parse().map_err(|_| ScimError::bad("invalidValue", format!("{name} is {text:?}, which is no number.")))
        }
    }
}
