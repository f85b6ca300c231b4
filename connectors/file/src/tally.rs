//! What the files add up to while they are read: every id once, and where it stands.

use std::collections::BTreeMap;
use std::collections::btree_map;
use std::fmt;
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

/// Every id that was read so far. One small entry a record: the only thing that grows with the directory.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    ids: BTreeMap<DirectoryId, (Kind, Line)>,
}

impl Tally {
    /// Enters an id.
    ///
    /// # Errors
    ///
    /// [`ReadError::Incomplete`] if it was there already: two records for one person, or one export glued to
    /// another, and nobody can say which of the two is true.
    pub(crate) fn claim(&mut self, id: &DirectoryId, kind: Kind, line: Line) -> Result<(), ReadError> {
        match self.ids.entry(id.clone()) {
            btree_map::Entry::Vacant(free) => {
                free.insert((kind, line));
                Ok(())
            }
            btree_map::Entry::Occupied(taken) => Err(ReadError::incomplete(
                match kind {
                    Kind::User => "users",
                    Kind::Group => "groups",
                },
                format!("the id {id} is given twice, at {} and at {line}; an id names one record", taken.get().1),
            )),
        }
    }

    /// The member that an id stands for, if it is known.
    pub(crate) fn member(&self, id: &DirectoryId) -> Option<Member> {
        self.ids.get(id).map(|(kind, _)| match kind {
            Kind::User => Member::User(id.clone()),
            Kind::Group => Member::Group(id.clone()),
        })
    }

    /// How many of a kind there are.
    pub(crate) fn count(&self, kind: Kind) -> u64 {
        self.ids.values().filter(|(found, _)| *found == kind).count() as u64
    }
}
