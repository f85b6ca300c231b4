//! What the names of a record come to. Nearly all records of a file have the same names in the same order, so what
//! depends on the names alone is worked out once a shape and not once a user.

use std::collections::BTreeMap;

use rollcall_kit::{Name, attribute};

use super::record::Record;
use crate::findings::counted;
use crate::hint::nearest;
use crate::settings::{attributes, known_names};

/// So many shapes are remembered.
const SHAPES: usize = 16;

/// So many names that are no attribute are counted; a file in which every user has names of their own has no misspelt
/// one among them that anybody would find.
const ODD_NAMES: usize = 4_096;

/// Names, and where in a record to look for what.
#[derive(Debug, Default)]
pub(super) struct Shape {
    names: Vec<Name>,
    users: u64,
    /// Every name once, sorted, with the place of its value: where a name is given twice, the last one counts.
    pub(super) sorted: Vec<usize>,
    /// The attributes that are given, in the order in which they are looked at.
    pub(super) profile: Vec<(&'static str, usize)>,
    /// What may be the login, the best first.
    pub(super) logins: Vec<usize>,
    pub(super) id: Option<usize>,
    pub(super) place: Option<usize>,
    pub(super) assigned: Option<usize>,
    pub(super) status: Option<usize>,
    /// Where there is no status: a name that looks like one.
    pub(super) like_status: Option<usize>,
}

impl Shape {
    fn of(record: &Record<'_>) -> Self {
        let names: Vec<Name> =
            record.names.iter().map(|name| Name::among(name, known_names().chain(["assigned"]))).collect();
        let mut places: BTreeMap<&str, usize> = BTreeMap::new();
        for (place, name) in names.iter().enumerate() {
            places.insert(name, place);
        }
        let place = |name: &str| places.get(name).copied();
        let status = place("status");
        let like_status = || places.iter().find(|(name, _)| nearest(name, ["status"]).is_some());
        Self {
            users: 0,
            sorted: places.values().copied().collect(),
            profile: attributes().filter_map(|name| Some((name, place(name)?))).collect(),
            logins: ["login", attribute::PREFERRED_USERNAME, attribute::EMAIL].into_iter().filter_map(place).collect(),
            id: place("id"),
            place: place("place"),
            assigned: place("assigned"),
            status,
            like_status: if status.is_none() { like_status().map(|(_, place)| *place) } else { None },
            names,
        }
    }

    fn fits(&self, record: &Record<'_>) -> bool {
        self.names.len() == record.names.len()
            && self.names.iter().zip(&record.names).all(|(own, name)| **own == **name)
    }

    /// The name at a place.
    pub(super) fn name(&self, place: usize) -> &Name {
        &self.names[place]
    }
}

/// The shapes of a file, and how often each was met.
#[derive(Debug, Default)]
pub(super) struct Shapes {
    /// The one that was met last stands last.
    known: Vec<Shape>,
    odd: BTreeMap<String, u64>,
}

impl Shapes {
    /// The shape of a record, which is counted.
    pub(super) fn of(&mut self, record: &Record<'_>) -> &Shape {
        let found = match self.known.iter().rposition(|shape| shape.fits(record)) {
            Some(place) => self.known.remove(place),
            None => {
                if self.known.len() == SHAPES {
                    let oldest = self.known.remove(0);
                    count_odd_names(&mut self.odd, &oldest);
                }
                Shape::of(record)
            }
        };
        self.known.push(found);
        let last = self.known.len() - 1;
        self.known[last].users += 1;
        &self.known[last]
    }

    /// Remarks on names that look like misspelt attributes.
    pub(super) fn remarks(mut self) -> Vec<String> {
        for shape in &self.known {
            count_odd_names(&mut self.odd, shape);
        }
        self.odd.iter().filter_map(|(name, count)| odd_name(name, *count)).collect()
    }
}

fn count_odd_names(odd: &mut BTreeMap<String, u64>, shape: &Shape) {
    for name in shape.sorted.iter().map(|place| shape.name(*place).as_str()) {
        if known_names().chain(["assigned"]).any(|known| known == name) {
            continue;
        }
        if let Some(count) = odd.get_mut(name) {
            *count += shape.users;
        } else if odd.len() < ODD_NAMES {
            odd.insert(name.to_owned(), shape.users);
        }
    }
}

/// A remark on a name that looks like a misspelt attribute.
fn odd_name(name: &str, count: u64) -> Option<String> {
    let meant = nearest(name, known_names())?;
    Some(format!("No attribute is called {name:?} ({}); did you mean {meant}?", counted(count, "user")))
}
