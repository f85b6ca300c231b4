//! A record of the document as a user.

use rollcall_kit::{
    Attributes, Container, DirectoryId, DirectoryUser, Entry, ReadError, Status, Unreadable, Value, attribute,
};

use super::record::{Given, Record};
use super::shape::{Shape, Shapes};
use crate::settings::StatusWords;
use crate::tally::{Kind, Line, Tally};
use crate::words;

/// Makes users of records.
pub(super) struct People<'s> {
    own: &'s StatusWords,
    shapes: Shapes,
    /// The word that was read last, and its meaning: nearly everybody has the same.
    last_word: Option<(String, Status)>,
}

impl<'s> People<'s> {
    pub(super) fn new(own: &'s StatusWords) -> Self {
        Self { own, shapes: Shapes::default(), last_word: None }
    }

    /// Remarks on names that look like misspelt attributes.
    pub(super) fn remarks(self) -> Vec<String> {
        self.shapes.remarks()
    }

    /// Reads one user. Without an id the read stops; with one, an oddity stops only its user.
    pub(super) fn read(&mut self, record: &Record<'_>, line: &Line, tally: &mut Tally) -> Result<Entry, ReadError> {
        let shape = self.shapes.of(record);
        let id = record.given(shape.id).and_then(Given::as_one);
        let id = id.and_then(|id| DirectoryId::new(&id)).ok_or_else(|| nobody(line, "the user has no id"))?;
        tally.claim(&id, Kind::User, line)?;
        let login = shape.logins.iter().find_map(|place| match record.values.get(*place) {
            Some(Given::Text(login)) => Some(login.clone().into_owned()),
            _ => None,
        });
        let login = login.unwrap_or_else(|| id.to_string());
        let meaning = |word: &str| meaning(word, self.own, &mut self.last_word);
        let (status, raw_status, place, assigned, profile) = match details(record, shape, meaning) {
            Ok(details) => details,
            Err(problem) => {
                return Ok(Entry::Unreadable(Unreadable { id, label: login, problem: format!("{line}: {problem}") }));
            }
        };
        let named = |place: &usize| Some((shape.name(*place).clone(), record.values.get(*place)?.value()?));
        let raw = shape.sorted.iter().filter_map(named).collect();
        let user = DirectoryUser { id, login, status, raw_status, place, assigned, profile, raw };
        Ok(Entry::User(Box::new(user)))
    }
}

/// A record that belongs to somebody, and nobody knows to whom.
pub(super) fn nobody(line: &Line, why: &str) -> ReadError {
    ReadError::incomplete("users", format!("{line}: {why}, so nobody knows whom it concerns"))
}

/// The status, the words that it was read from, the place, the assignment, and the profile.
type Details = (Status, String, Option<Container>, Option<bool>, Attributes);

fn details(record: &Record<'_>, shape: &Shape, meaning: impl FnOnce(&str) -> Status) -> Result<Details, String> {
    let profile = profile(record, shape)?;
    let (status, raw_status) = status(record, shape, meaning)?;
    let place = match record.given(shape.place).and_then(Given::value) {
        None => None,
        Some(Value::Text(place)) => Some(Container::new(place)),
        Some(other) => return Err(format!("place is not text: {other}")),
    };
    let assigned = match record.given(shape.assigned).and_then(Given::value) {
        None => None,
        Some(Value::Bool(assigned)) => Some(assigned),
        Some(other) => return Err(format!("assigned is neither true nor false: {other}")),
    };
    Ok((status, raw_status, place, assigned, profile))
}

fn profile(record: &Record<'_>, shape: &Shape) -> Result<Attributes, String> {
    let mut profile = Vec::with_capacity(shape.profile.len());
    for (name, place) in &shape.profile {
        let Some(given) = record.values.get(*place) else { continue };
        let value = match given {
            Given::Nothing => continue,
            Given::Int(number) => Value::Text(number.to_string()),
            Given::Bool(value) if !attribute::MAPPED_BY_DEFAULT.contains(name) => Value::Bool(*value),
            Given::Many(value) if !attribute::MAPPED_BY_DEFAULT.contains(name) => value.clone(),
            Given::Number(text) => Value::Text(text.clone()),
            Given::Text(text) => Value::Text(text.clone().into_owned()),
            Given::Bool(value) => return Err(format!("{name} is not text: {value}")),
            Given::Many(value) => return Err(format!("{name} is not text: {value}")),
        };
        profile.push((*name, value));
    }
    Ok(profile.into_iter().collect())
}

/// The status, and the words that it was read from.
fn status(
    record: &Record<'_>,
    shape: &Shape,
    meaning: impl FnOnce(&str) -> Status,
) -> Result<(Status, String), String> {
    if let Some(place) = shape.like_status {
        // Taken for absent, a misspelt status would let everybody back in who has left.
        return Err(format!("it has no status, but {:?}, which looks like one", shape.name(place)));
    }
    let Some(given) = record.given(shape.status) else {
        return Ok((Status::Active, "listed without a status".to_owned()));
    };
    let word = match given {
        Given::Nothing => String::new(),
        Given::Bool(word) => word.to_string(),
        Given::Many(other) => return Err(format!("status is not a word: {other}")),
        one => one.as_one().unwrap_or_default().into_owned(),
    };
    Ok((meaning(&word), ["status=", &word].concat()))
}

/// What a status word means.
fn meaning(word: &str, own: &StatusWords, last: &mut Option<(String, Status)>) -> Status {
    match last {
        Some((known, status)) if known == word => status.clone(),
        _ => {
            let status = words::status(word, own);
            *last = Some((word.to_owned(), status.clone()));
            status
        }
    }
}
