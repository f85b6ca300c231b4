//! What the files add up to while they are read: every id once, and where it stands.

use std::fmt;
use std::hash::{BuildHasher, RandomState};
use std::path::Path;
use std::sync::Arc;

use rollcall_kit::{DirectoryId, Member, ReadError};

/// A place in a file, written as `users.csv:12` so that terminals and editors can follow it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) file: Arc<Path>,
    pub(crate) number: u64,
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file.display(), self.number)
    }
}

/// What an id belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    User,
    Group,
}

/// An id in 128 bits. Two ids have the same ones by an accident that does not happen, and nobody can bring it about,
/// because they are keyed afresh for every tally.
pub(crate) type IdHash = [u64; 2];

/// An id that was claimed: its hash, and its place in 64 bits, of which none is zero.
#[derive(Clone, Copy, Debug, Default)]
struct Claim {
    id: IdHash,
    place: u64,
}

/// Of a place, the bits of the line; above them stand the number of the file and the kind.
const LINE_BITS: u32 = 48;
const GROUP: u64 = 1 << 63;

/// Every id that was read so far, in 24 bytes each and at most three times that with the room to grow: the only thing
/// that grows with the directory.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    keys: [RandomState; 2],
    /// A table in which a claim lies at the place that its hash names, or behind it.
    claims: Vec<Claim>,
    files: Vec<Arc<Path>>,
    users: u64,
    groups: u64,
}

impl Tally {
    /// Enters an id.
    ///
    /// # Errors
    ///
    /// [`ReadError::Incomplete`] if it was there already: two records for one person, or one export glued to
    /// another, and nobody can say which of the two is true.
    pub(crate) fn claim(&mut self, id: &DirectoryId, kind: Kind, line: &Line) -> Result<(), ReadError> {
        if self.claims.len() * 3 <= (self.users + self.groups + 1) as usize * 4 {
            self.grow();
        }
        let hash = self.hash(id.as_str());
        let slot = self.slot(hash);
        if self.claims[slot].place != 0 {
            let earlier = self.line(self.claims[slot].place);
            return Err(ReadError::incomplete(
                match kind {
                    Kind::User => "users",
                    Kind::Group => "groups",
                },
                format!("the id {id} is given twice, at {earlier} and at {line}; an id names one record"),
            ));
        }
        self.claims[slot] = Claim { id: hash, place: self.place(kind, line) };
        match kind {
            Kind::User => self.users += 1,
            Kind::Group => self.groups += 1,
        }
        Ok(())
    }

    /// The hash of an id without white space around it.
    pub(crate) fn hash(&self, id: &str) -> IdHash {
        [self.keys[0].hash_one(id), self.keys[1].hash_one(id)]
    }

    /// What the id belongs to that has this hash, if it is known.
    pub(crate) fn kind(&self, id: IdHash) -> Option<Kind> {
        if self.claims.is_empty() {
            return None;
        }
        match self.claims[self.slot(id)].place {
            0 => None,
            place if place & GROUP == 0 => Some(Kind::User),
            _ => Some(Kind::Group),
        }
    }

    /// How many of a kind there are.
    pub(crate) fn count(&self, kind: Kind) -> u64 {
        match kind {
            Kind::User => self.users,
            Kind::Group => self.groups,
        }
    }

    /// Where the claim of this id lies, or where it would. The table is never full.
    fn slot(&self, id: IdHash) -> usize {
        let last = self.claims.len() - 1;
        let mut slot = id[0] as usize & last;
        while self.claims[slot].place != 0 && self.claims[slot].id != id {
            slot = (slot + 1) & last;
        }
        slot
    }

    fn grow(&mut self) {
        let size = (self.claims.len() * 2).max(64);
        let claims = std::mem::replace(&mut self.claims, vec![Claim::default(); size]);
        for claim in claims.into_iter().filter(|claim| claim.place != 0) {
            let slot = self.slot(claim.id);
            self.claims[slot] = claim;
        }
    }

    fn place(&mut self, kind: Kind, line: &Line) -> u64 {
        // The lines of one file share its name, and comparing paths part by part costs more than everything else here.
        let known = self.files.iter().position(|file| Arc::ptr_eq(file, &line.file) || *file == line.file);
        let file = known.unwrap_or_else(|| {
            self.files.push(Arc::clone(&line.file));
            self.files.len() - 1
        });
        let group = if kind == Kind::Group { GROUP } else { 0 };
        group | (file as u64) << LINE_BITS | line.number.clamp(1, (1 << LINE_BITS) - 1)
    }

    fn line(&self, place: u64) -> Line {
        let file = ((place & !GROUP) >> LINE_BITS) as usize;
        Line { file: Arc::clone(&self.files[file]), number: place & ((1 << LINE_BITS) - 1) }
    }
}

impl Kind {
    /// A member of this kind.
    pub(crate) fn member(self, id: DirectoryId) -> Member {
        match self {
            Self::User => Member::User(id),
            Self::Group => Member::Group(id),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(number: u64) -> DirectoryId {
        DirectoryId::new(&format!("p-{number}")).unwrap()
    }

    #[test]
    fn of_many_ids_each_is_found_with_its_kind_and_no_other_is() {
        let mut tally = Tally::default();
        for number in 0..5_000 {
            let kind = if number % 7 == 0 { Kind::Group } else { Kind::User };
            tally.claim(&id(number), kind, &Line { file: Path::new("a.json").into(), number: number + 1 }).unwrap();
        }
        assert_eq!((tally.count(Kind::User), tally.count(Kind::Group)), (4_285, 715));
        for number in 0..5_000 {
            let kind = if number % 7 == 0 { Kind::Group } else { Kind::User };
            assert_eq!(tally.kind(tally.hash(id(number).as_str())), Some(kind));
            assert_eq!(tally.kind(tally.hash(id(number + 5_000).as_str())), None);
        }
    }

    #[test]
    fn an_id_that_is_given_twice_is_named_with_both_of_its_places() {
        let mut tally = Tally::default();
        let line = |file: &str, number| Line { file: Path::new(file).into(), number };
        tally.claim(&id(1), Kind::Group, &line("a.csv", 3)).unwrap();
        tally.claim(&id(2), Kind::User, &line("b.csv", 70_000)).unwrap();
        let refusal = tally.claim(&id(2), Kind::Group, &line("a.csv", 9)).unwrap_err().to_string();
        assert!(refusal.contains("the id p-2 is given twice, at b.csv:70000 and at a.csv:9;"), "{refusal}");
    }
}
