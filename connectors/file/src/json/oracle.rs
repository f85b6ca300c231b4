//! The reading of a document that is held whole, kept as the measure of the one that streams: what they hand on, prove,
//! remark and refuse must be the same.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;
use std::path::Path;
use std::sync::Arc;

use rollcall_kit::{
    Collection, Container, DirectoryGroup, DirectoryId, DirectoryUser, Entry, ReadError, Status, Unreadable, Value,
    attribute,
};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::findings::counted;
use crate::hint::nearest;
use crate::settings::{FileSettings, StatusWords, attributes, known_names};
use crate::tally::{Kind, Line, Tally};
use crate::walk::{Sink, Walked};
use crate::watched::Watched;
use crate::words;

/// The outer shape; what is inside is looked at one by one, so that one odd user stops only itself.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document<'a> {
    #[serde(borrow)]
    users: Vec<&'a RawValue>,
    #[serde(borrow)]
    groups: Vec<&'a RawValue>,
    count: Option<u64>,
}

/// A group as the document writes it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Group {
    id: DirectoryId,
    name: String,
    place: Option<Container>,
    members: Vec<DirectoryId>,
}

type Object = serde_json::Map<String, serde_json::Value>;

/// Reads the document to its end, users first.
pub(super) fn walk(settings: &FileSettings, sink: Sink<'_>) -> Result<Walked, ReadError> {
    let mut reading = Watched::open(&settings.users, "users", settings.max_size_mib)?;
    let file = settings.users.display();
    let incomplete = |reason: String| ReadError::incomplete("users", reason);
    let mut text = String::new();
    reading.read_to_string(&mut text).map_err(|error| incomplete(format!("{file}: {error}")))?;
    let whole = reading.into_inner().finish()?;
    // Some editors put a byte order mark in front, which JSON does not know.
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    let document: Document<'_> =
        serde_json::from_str(text).map_err(|error| incomplete(unfit(&settings.users, &error)))?;

    let mut lines = Lines::new(text, &settings.users);
    let mut tally = Tally::default();
    let mut walked = Walked::default();
    let mut odd_names = BTreeMap::new();
    for user in &document.users {
        sink(read_user(user, &lines.of(user), &mut tally, &settings.status, &mut odd_names)?)?;
    }
    walked.remarks.extend(odd_names.iter().filter_map(|(name, count)| odd_name(name, *count)));
    let mut groups = Vec::with_capacity(document.groups.len());
    for group in &document.groups {
        groups.push(read_group(group, &lines.of(group), &mut tally)?);
    }
    let collection = |name: &str, entries, announced| Collection {
        name: name.to_owned(),
        query: file.to_string(),
        pages: 1,
        entries,
        announced,
        end: whole.proof(", its document is closed"),
    };
    walked.collections.push(collection("users", tally.count(Kind::User), document.count));
    walked.collections.push(collection("groups", tally.count(Kind::Group), None));
    for group in groups {
        sink(Entry::Group(Box::new(resolve(group, &tally))))?;
    }
    Ok(walked)
}

/// Why the document cannot be taken.
fn unfit(path: &Path, error: &serde_json::Error) -> String {
    let file = path.display();
    match error.classify() {
        serde_json::error::Category::Eof => {
            format!("{file} ends before its document is closed; the file was cut ({error})")
        }
        _ => format!("{file} is not the document that is expected: {error}"),
    }
}

/// Reads one user. Without an id the read stops; with one, an oddity stops only its user.
fn read_user(
    json: &RawValue,
    line: &Line,
    tally: &mut Tally,
    own: &StatusWords,
    odd_names: &mut BTreeMap<String, u64>,
) -> Result<Entry, ReadError> {
    let nobody = |why: &str| ReadError::incomplete("users", format!("{line}: {why}, so nobody knows whom it concerns"));
    let object: Object = serde_json::from_str(json.get()).map_err(|_| nobody("the user is not an object"))?;
    let id = match object.get("id") {
        Some(serde_json::Value::String(id)) => DirectoryId::new(id),
        Some(serde_json::Value::Number(id)) => DirectoryId::new(&id.to_string()),
        _ => None,
    };
    let id = id.ok_or_else(|| nobody("the user has no id"))?;
    tally.claim(&id, Kind::User, line)?;
    for name in object.keys().filter(|name| !known_names().chain(["assigned"]).any(|known| known == name.as_str())) {
        *odd_names.entry(name.clone()).or_default() += 1;
    }
    let login = ["login", attribute::PREFERRED_USERNAME, attribute::EMAIL]
        .into_iter()
        .find_map(|name| object.get(name)?.as_str().map(str::to_owned))
        .unwrap_or_else(|| id.to_string());
    Ok(match user(id.clone(), login.clone(), &object, own) {
        Ok(user) => Entry::User(Box::new(user)),
        Err(problem) => Entry::Unreadable(Unreadable { id, label: login, problem: format!("{line}: {problem}") }),
    })
}

fn user(id: DirectoryId, login: String, object: &Object, own: &StatusWords) -> Result<DirectoryUser, String> {
    let given = |name: &str| object.get(name).and_then(Value::from_json);
    let mut profile = BTreeMap::new();
    for name in attributes() {
        let Some(value) = given(name) else { continue };
        let value = match value {
            Value::Int(number) => Value::Text(number.to_string()),
            Value::Text(_) => value,
            _ if attribute::MAPPED_BY_DEFAULT.contains(&name) => return Err(format!("{name} is not text: {value}")),
            _ => value,
        };
        profile.insert(name.to_owned(), value);
    }
    let (status, raw_status) = match object.get("status") {
        None => match object.keys().find(|name| nearest(name, ["status"]).is_some()) {
            // Taken for absent, a misspelt status would let everybody back in who has left.
            Some(name) => return Err(format!("it has no status, but {name:?}, which looks like one")),
            None => (Status::Active, "listed without a status".to_owned()),
        },
        Some(word) => {
            let word = match Value::from_json(word) {
                None => String::new(),
                Some(word @ (Value::Text(_) | Value::Bool(_) | Value::Int(_))) => word.to_string(),
                Some(other) => return Err(format!("status is not a word: {other}")),
            };
            (words::status(&word, own), format!("status={word}"))
        }
    };
    let place = match given("place") {
        None => None,
        Some(Value::Text(place)) => Some(Container::new(place)),
        Some(other) => return Err(format!("place is not text: {other}")),
    };
    let assigned = match given("assigned") {
        None => None,
        Some(Value::Bool(assigned)) => Some(assigned),
        Some(other) => return Err(format!("assigned is neither true nor false: {other}")),
    };
    let raw = object.iter().filter_map(|(name, value)| Some((name.clone(), Value::from_json(value)?))).collect();
    let profile = profile.into_iter().collect();
    Ok(DirectoryUser { id, login, status, raw_status, place, assigned, profile, raw })
}

/// A group that cannot be read stops the read: left out, its rules would revoke; guessed, they would grant.
fn read_group(json: &RawValue, line: &Line, tally: &mut Tally) -> Result<Group, ReadError> {
    let incomplete = |reason: String| ReadError::incomplete("groups", format!("{line}: {reason}"));
    let group: Group =
        serde_json::from_str(json.get()).map_err(|error| incomplete(format!("the group is odd: {error}")))?;
    let id = DirectoryId::new(group.id.as_str()).ok_or_else(|| incomplete("the group has no id".to_owned()))?;
    tally.claim(&id, Kind::Group, line)?;
    Ok(Group { id, ..group })
}

fn resolve(group: Group, tally: &Tally) -> DirectoryGroup {
    let wanted = group.members.len();
    let ids: BTreeSet<DirectoryId> = group.members.iter().filter_map(|id| DirectoryId::new(id.as_str())).collect();
    let repeated = wanted - ids.len();
    let mut members: Vec<_> =
        ids.iter().filter_map(|id| Some(tally.kind(tally.hash(id.as_str()))?.member(id.clone()))).collect();
    members.sort();
    let unresolved_members = (wanted - repeated - members.len()) as u64;
    DirectoryGroup { id: group.id, name: group.name, place: group.place, members, unresolved_members }
}

/// A remark on a name that looks like a misspelt attribute.
fn odd_name(name: &str, count: u64) -> Option<String> {
    let meant = nearest(name, known_names())?;
    Some(format!("No attribute is called {name:?} ({}); did you mean {meant}?", counted(count, "user")))
}

/// Finds the line on which a part of the document begins. Parts are asked for in their order, so the text is counted
/// through once.
struct Lines<'a> {
    text: &'a str,
    file: Arc<Path>,
    offset: usize,
    line: u64,
}

impl<'a> Lines<'a> {
    fn new(text: &'a str, file: &Path) -> Self {
        Self { text, file: file.into(), offset: 0, line: 1 }
    }

    fn of(&mut self, part: &'a RawValue) -> Line {
        let offset = (part.get().as_ptr() as usize).saturating_sub(self.text.as_ptr() as usize).min(self.text.len());
        if offset < self.offset {
            (self.offset, self.line) = (0, 1);
        }
        let between = &self.text.as_bytes()[self.offset..offset];
        self.line += between.iter().filter(|byte| **byte == b'\n').count() as u64;
        self.offset = offset;
        Line { file: Arc::clone(&self.file), number: self.line }
    }
}
