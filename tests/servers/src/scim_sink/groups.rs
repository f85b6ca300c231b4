//! The groups. Members are a set, so that a change of a few costs the same in a group of a million.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::accounts::Refusal;
use super::index::Index;
use super::patch::{self, Operation, Refused, Verb};
use super::path::{Equals, get, spelling};

/// What ids begin with.
const PREFIX: &str = "grp-";

/// Every group, by its number.
#[derive(Debug, Default)]
pub(super) struct Groups {
    rows: BTreeMap<u32, Group>,
    last: u32,
    by_name: Index,
}

#[derive(Debug)]
struct Group {
    /// Everything but the members.
    attributes: Map<String, Value>,
    members: BTreeSet<String>,
}

impl Groups {
    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    /// Creates one; its id and what is kept.
    pub(super) fn create(&mut self, body: Map<String, Value>, base: &str) -> Result<(String, Value), Refusal> {
        let group = fit(body)?;
        self.last += 1;
        let number = self.last;
        self.by_name.insert(&group.name(), number);
        let shown = group.shown(number, base, true);
        self.rows.insert(number, group);
        Ok((id_of(number), shown))
    }

    /// One group as it is shown.
    pub(super) fn show(&self, id: &str, base: &str, members: bool) -> Option<Value> {
        let number = number_of(id)?;
        Some(self.rows.get(&number)?.shown(number, base, members))
    }

    /// Puts another resource in the place of one; whether it was there.
    pub(super) fn replace(&mut self, id: &str, body: Map<String, Value>) -> Result<bool, Refusal> {
        let Some(number) = number_of(id).filter(|number| self.rows.contains_key(number)) else { return Ok(false) };
        let group = fit(body)?;
        self.put(number, group);
        Ok(true)
    }

    /// Changes one; whether it was there. What is sent about members is carried out at once, and the rest only if all of
    /// it can be.
    pub(super) fn patch(&mut self, id: &str, operations: &[Operation<'_>]) -> Result<bool, Refusal> {
        let Some(number) = number_of(id) else { return Ok(false) };
        let Some(group) = self.rows.get_mut(&number) else { return Ok(false) };
        let before = group.name();
        let mut attributes = group.attributes.clone();
        for operation in operations.iter().filter(|operation| !is_of_members(operation)) {
            patch::apply(&mut attributes, operation).map_err(|Refused(kind, sentence)| (400, Some(kind), sentence))?;
        }
        group.attributes = fit(attributes)?.attributes;
        operations.iter().filter(|operation| is_of_members(operation)).for_each(|operation| group.change(operation));
        let after = group.name();
        self.by_name.remove(&before, number);
        self.by_name.insert(&after, number);
        Ok(true)
    }

    /// Deletes one; whether it was there.
    pub(super) fn delete(&mut self, id: &str) -> bool {
        let Some(number) = number_of(id) else { return false };
        let Some(group) = self.rows.remove(&number) else { return false };
        self.by_name.remove(&group.name(), number);
        true
    }

    /// A part of the list, in the order of creation.
    pub(super) fn page(&self, skip: usize, count: usize, base: &str, members: bool) -> Vec<Value> {
        self.rows.iter().skip(skip).take(count).map(|(number, group)| group.shown(*number, base, members)).collect()
    }

    /// Every group to which a filter applies.
    pub(super) fn matching(&self, filter: &Equals, base: &str, members: bool) -> Vec<Value> {
        let holds = |group: &Group| filter.holds(&group.attributes);
        let show = |(number, group): (&u32, &Group)| group.shown(*number, base, members);
        if let Some(name) = filter.text_of("displayname") {
            let name = name.to_lowercase();
            let found = self.by_name.candidates(&name).filter_map(|number| self.rows.get_key_value(&number));
            return found.filter(|(_, group)| holds(group)).map(show).collect();
        }
        self.rows.iter().filter(|(_, group)| holds(group)).map(show).collect()
    }

    fn put(&mut self, number: u32, group: Group) {
        if let Some(before) = self.rows.remove(&number) {
            self.by_name.remove(&before.name(), number);
        }
        self.by_name.insert(&group.name(), number);
        self.rows.insert(number, group);
    }
}

impl Group {
    fn name(&self) -> String {
        get(&self.attributes, "displayName").and_then(Value::as_str).unwrap_or_default().to_lowercase()
    }

    fn shown(&self, number: u32, base: &str, members: bool) -> Value {
        let id = id_of(number);
        let mut shown = self.attributes.clone();
        shown.insert("meta".to_owned(), json!({"resourceType": "Group", "location": format!("{base}/Groups/{id}")}));
        shown.insert("id".to_owned(), id.into());
        if members && !self.members.is_empty() {
            shown.insert("members".to_owned(), self.members.iter().map(|member| json!({"value": member})).collect());
        }
        Value::Object(shown)
    }

    /// Brings members in or takes them out. A removal that names nobody means everybody.
    fn change(&mut self, operation: &Operation<'_>) {
        let chosen = operation.path.as_ref().and_then(|path| path.entries.as_ref());
        let named = match (chosen, operation.value) {
            (Some((_, value)), _) => value.as_str().into_iter().map(str::to_owned).collect(),
            (None, value) => ids(value),
        };
        match operation.verb {
            Verb::Add => self.members.extend(named),
            Verb::Replace => self.members = named.into_iter().collect(),
            Verb::Remove if chosen.is_none() && operation.value.is_none() => self.members.clear(),
            Verb::Remove => {
                for member in &named {
                    self.members.remove(member);
                }
            }
        }
    }
}

fn is_of_members(operation: &Operation<'_>) -> bool {
    operation.path.as_ref().is_some_and(|path| path.schema.is_none() && path.attribute.eq_ignore_ascii_case("members"))
}

/// Makes a resource one that can be kept, or says why it cannot.
fn fit(mut attributes: Map<String, Value>) -> Result<Group, Refusal> {
    for name in ["id", "meta"] {
        let name = spelling(&attributes, name);
        attributes.remove(&name);
    }
    let name = spelling(&attributes, "members");
    let members = ids(attributes.remove(&name).as_ref()).into_iter().collect();
    if get(&attributes, "displayName").and_then(Value::as_str).is_none_or(|name| name.trim().is_empty()) {
        return Err((400, Some("invalidValue"), "a group needs a displayName".to_owned()));
    }
    Ok(Group { attributes, members })
}

/// The ids in a list of members, or in one member.
fn ids(value: Option<&Value>) -> Vec<String> {
    let entries = match value {
        Some(Value::Array(entries)) => entries.as_slice(),
        Some(single) => std::slice::from_ref(single),
        None => &[],
    };
    let id = |entry: &Value| match entry {
        Value::Object(members) => get(members, "value").and_then(Value::as_str).map(str::to_owned),
        plain => plain.as_str().map(str::to_owned),
    };
    entries.iter().filter_map(id).collect()
}

fn id_of(number: u32) -> String {
    format!("{PREFIX}{number}")
}

fn number_of(id: &str) -> Option<u32> {
    id.strip_prefix(PREFIX)?.parse().ok()
}
