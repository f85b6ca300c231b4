//! The accounts: each as the JSON text that was accepted, found by number, name, mark and address.

use serde_json::{Map, Value};

use super::index::Index;
use super::patch::{self, Operation, Refused};
use super::path::{Equals, get, spelling};

/// What ids begin with.
const PREFIX: &str = "usr-";

/// Every account that was ever created; the deleted ones leave a hole.
#[derive(Debug, Default)]
pub(super) struct Accounts {
    rows: Vec<Option<Box<str>>>,
    living: usize,
    by_name: Index,
    by_mark: Index,
    by_address: Index,
}

/// Why an account cannot be written: the status, the `scimType` and a sentence.
pub(super) type Refusal = (u16, Option<&'static str>, String);

type Object = Map<String, Value>;

impl Accounts {
    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.living
    }

    /// Creates one; its id and what is kept.
    pub(super) fn create(&mut self, mut user: Object, base: &str) -> Result<(String, String), Refusal> {
        self.fit(&mut user, None)?;
        let Ok(number) = u32::try_from(self.rows.len()) else {
            return Err((507, None, "this server has no number left for another account".to_owned()));
        };
        self.rows.push(None);
        self.living += 1;
        self.write(number, &user);
        Ok((id_of(number), self.shown(number, base).unwrap_or_default()))
    }

    /// One account as it is shown.
    pub(super) fn show(&self, id: &str, base: &str) -> Option<String> {
        self.shown(number_of(id)?, base)
    }

    /// Puts another resource in the place of one; what is kept, or nothing if it is not there.
    pub(super) fn replace(&mut self, id: &str, mut user: Object, base: &str) -> Result<Option<String>, Refusal> {
        let Some((number, _)) = self.find(id) else { return Ok(None) };
        self.fit(&mut user, Some(number))?;
        self.write(number, &user);
        Ok(self.shown(number, base))
    }

    /// Changes one; what is kept, or nothing if it is not there. A request is carried out whole or not at all.
    pub(super) fn patch(
        &mut self,
        id: &str,
        operations: &[Operation<'_>],
        base: &str,
    ) -> Result<Option<String>, Refusal> {
        let Some((number, mut user)) = self.find(id) else { return Ok(None) };
        for operation in operations {
            patch::apply(&mut user, operation).map_err(|Refused(kind, sentence)| (400, Some(kind), sentence))?;
        }
        self.fit(&mut user, Some(number))?;
        self.write(number, &user);
        Ok(self.shown(number, base))
    }

    /// Deletes one; whether it was there.
    pub(super) fn delete(&mut self, id: &str) -> bool {
        let Some((number, user)) = self.find(id) else { return false };
        self.forget(number, &user);
        if let Some(row) = self.rows.get_mut(number as usize) {
            *row = None;
        }
        self.living -= 1;
        true
    }

    /// A part of the list, in the order of creation.
    pub(super) fn page(&self, skip: usize, count: usize, base: &str) -> Vec<String> {
        let text = |number: u32| self.shown(number, base);
        if self.living == self.rows.len() {
            let end = skip.saturating_add(count).min(self.rows.len());
            return (skip..end).filter_map(|at| text(u32::try_from(at).ok()?)).collect();
        }
        let living = (0u32..).zip(&self.rows).filter(|(_, row)| row.is_some());
        living.skip(skip).take(count).filter_map(|(number, _)| text(number)).collect()
    }

    /// Everybody to whom a filter applies.
    pub(super) fn matching(&self, filter: &Equals, base: &str) -> Vec<String> {
        let holds = |number: &u32| self.read(*number).is_some_and(|user| filter.holds(&user));
        let show = |number: u32| self.shown(number, base);
        let indexed = [
            ("username", &self.by_name, true),
            ("externalid", &self.by_mark, false),
            ("emails", &self.by_address, true),
            ("emails.value", &self.by_address, true),
        ];
        for (path, index, folded) in indexed {
            if let Some(text) = filter.text_of(path) {
                let text = if folded { text.to_lowercase() } else { text.to_owned() };
                return index.candidates(&text).filter(holds).filter_map(show).collect();
            }
        }
        (0u32..).take(self.rows.len()).filter(holds).filter_map(show).collect()
    }

    /// Makes a resource one that can be kept, or says why it cannot.
    fn fit(&self, user: &mut Object, own: Option<u32>) -> Result<(), Refusal> {
        for name in ["id", "meta", "groups", "password"] {
            let name = spelling(user, name);
            user.remove(&name);
        }
        let name = get(user, "userName").and_then(Value::as_str).filter(|name| !name.trim().is_empty());
        let Some(name) = name.map(str::to_lowercase) else {
            return Err((400, Some("invalidValue"), "a user needs a userName".to_owned()));
        };
        let is_it = |other: &u32| Some(*other) != own && self.read(*other).is_some_and(|user| name_of(&user) == name);
        if self.by_name.candidates(&name).any(|other| is_it(&other)) {
            return Err((409, Some("uniqueness"), format!("the userName {name} is taken")));
        }
        if get(user, "active").is_none() {
            user.insert("active".to_owned(), true.into());
        }
        Ok(())
    }

    fn write(&mut self, number: u32, user: &Object) {
        if let Some(before) = self.read(number) {
            self.forget(number, &before);
        }
        self.by_name.insert(&name_of(user), number);
        if let Some(mark) = get(user, "externalId").and_then(Value::as_str) {
            self.by_mark.insert(mark, number);
        }
        addresses(user).iter().for_each(|address| self.by_address.insert(address, number));
        if let (Some(row), Ok(text)) = (self.rows.get_mut(number as usize), serde_json::to_string(user)) {
            *row = Some(text.into_boxed_str());
        }
    }

    fn forget(&mut self, number: u32, user: &Object) {
        self.by_name.remove(&name_of(user), number);
        if let Some(mark) = get(user, "externalId").and_then(Value::as_str) {
            self.by_mark.remove(mark, number);
        }
        addresses(user).iter().for_each(|address| self.by_address.remove(address, number));
    }

    fn find(&self, id: &str) -> Option<(u32, Object)> {
        let number = number_of(id)?;
        Some((number, self.read(number)?))
    }

    fn read(&self, number: u32) -> Option<Object> {
        serde_json::from_str(self.rows.get(number as usize)?.as_deref()?).ok()
    }

    /// The text with what only the server writes in front.
    fn shown(&self, number: u32, base: &str) -> Option<String> {
        let text = self.rows.get(number as usize)?.as_deref()?;
        let id = id_of(number);
        let rest = text.strip_prefix('{')?;
        let location = format!("{base}/Users/{id}");
        Some(format!(r#"{{"id":"{id}","meta":{{"resourceType":"User","location":"{location}"}},{rest}"#))
    }
}

fn id_of(number: u32) -> String {
    format!("{PREFIX}{}", u64::from(number) + 1)
}

fn number_of(id: &str) -> Option<u32> {
    id.strip_prefix(PREFIX)?.parse::<u32>().ok()?.checked_sub(1)
}

fn name_of(user: &Object) -> String {
    get(user, "userName").and_then(Value::as_str).unwrap_or_default().to_lowercase()
}

fn addresses(user: &Object) -> Vec<String> {
    let entries = get(user, "emails").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let value = |entry: &Value| match entry {
        Value::Object(members) => get(members, "value").and_then(Value::as_str).map(str::to_lowercase),
        plain => plain.as_str().map(str::to_lowercase),
    };
    entries.iter().filter_map(value).collect()
}
