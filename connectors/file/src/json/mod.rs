//! One JSON document with everybody and every group.
//!
//! ```json
//! {
//!   "users": [
//!     {
//!       "id": "p-1001",
//!       "login": "ana",
//!       "status": "active",
//!       "place": "Berlin/Finance",
//!       "email": "ana@acme.com",
//!       "name": "Ana Müller",
//!       "department": "Finance",
//!       "badge": "blue"
//!     }
//!   ],
//!   "groups": [
//!     { "id": "g-1", "name": "finance", "members": ["p-1001", "g-2"] }
//!   ],
//!   "count": 1
//! }
//! ```
//!
//! `users` and `groups` must be there, though `groups` may be empty. Of a user only `id` must be there; one who
//! has no `status` is active. Attributes have the names of [`rollcall_kit::attribute`]; everything else can be reached as
//! `raw`. `members` holds ids of users and of groups. `count`, if it is there, is the number of users. The closing
//! bracket proves the end.
//!
//! The document is read in a stream: users and groups are handed on as they come, and of each only a hash of its id is
//! kept. Groups that come before the users, and those with a member that is not known yet, are read again behind them.
//!
//! | what | where |
//! |---|---|
//! | the text, of which a window is in memory | `text` |
//! | a user's names and values as they stand, and what the names come to | `record`, `shape` |
//! | a record as a user | `person` |
//! | groups and their members | `group` |
//! | what stops a walk | `fault` |
//! | the words for what is wrong with a document | `refusal` |

mod fault;
mod group;
#[cfg(test)]
mod oracle;
mod person;
#[cfg(test)]
mod properties;
mod record;
mod refusal;
mod shape;
mod text;

use rollcall_kit::{Collection, ReadError};
use serde::Deserialize;

use self::fault::Fault;
use self::group::Section;
use self::person::{People, nobody};
use self::record::Record;
use self::text::{Stop, Text, first};
use crate::settings::FileSettings;
use crate::tally::{Kind, Line, Tally};
use crate::walk::{Sink, Walked};
use crate::watched::{Watched, Whole};

/// The parts of the document.
#[derive(Clone, Copy, Deserialize)]
#[serde(field_identifier, rename_all = "lowercase")]
enum Part {
    Users,
    Groups,
    Count,
}

/// Reads the document to its end, users first.
pub(crate) fn walk(settings: &FileSettings, sink: Sink<'_>) -> Result<Walked, ReadError> {
    let mut text = Text::new(Watched::open(&settings.users, "users", settings.max_size_mib)?.into_inner(), 0, 1);
    let mut reader = Reader {
        line: Line { file: settings.users.as_path().into(), number: 1 },
        people: People::new(&settings.status),
        tally: Tally::default(),
        count: None,
        section: None,
        sink,
    };
    let outcome = reader.document(&mut text);
    if let Err(Fault::Read(ReadError::Cancelled)) = outcome {
        return Err(ReadError::Cancelled);
    }
    let unreadable = |error| ReadError::incomplete("users", format!("{}: {error}", settings.users.display()));
    if let Err(Fault::Stop(Stop::File(error))) = outcome {
        return Err(unreadable(error));
    }
    // A file that changed meanwhile is the first thing to say, whatever was met in it.
    let whole = text.drain().map_err(unreadable)?.finish()?;
    outcome.and_then(|()| reader.groups_left(settings)).map_err(|fault| refusal::of(fault, settings, &whole))?;
    Ok(reader.walked(settings, &whole))
}

/// One walk over a document.
struct Reader<'a> {
    line: Line,
    people: People<'a>,
    tally: Tally,
    count: Option<u64>,
    section: Option<Section>,
    sink: Sink<'a>,
}

impl Reader<'_> {
    /// The first pass: everything, but for groups that must wait.
    fn document(&mut self, text: &mut Text) -> Result<(), Fault> {
        text.pass_byte_order_mark()?;
        let (mut users, mut count) = (false, false);
        text.each(*b"{}", |text| -> Result<(), Fault> {
            match text.key::<Part>()? {
                Part::Users if !users => {
                    users = true;
                    self.users(text)?;
                }
                Part::Groups if self.section.is_none() => {
                    let mut section = Section::at(text)?;
                    if users {
                        section.claim(text, &mut self.line, &mut self.tally, &mut *self.sink)?;
                    } else {
                        section.pass(text)?;
                    }
                    self.section = Some(section);
                }
                Part::Count if !count => {
                    count = true;
                    self.count = text.next()?;
                }
                _ => return Err(Fault::Stop(Stop::Odd)),
            }
            Ok(())
        })?;
        let complete = users && self.section.is_some() && text.peek()?.is_none();
        if complete { Ok(()) } else { Err(Fault::Stop(Stop::Odd)) }
    }

    fn users(&mut self, text: &mut Text) -> Result<(), Fault> {
        let Self { line, people, tally, sink, .. } = self;
        text.each(*b"[]", |text| -> Result<(), Fault> {
            text.peek()?;
            line.number = text.line();
            let entry = text.value(|rest| {
                let (record, end) = first::<Record<'_>>(rest)?;
                Ok((people.read(&record, line, tally), end))
            });
            match entry {
                Ok(entry) => Ok(sink(entry?)?),
                Err(Stop::Odd) => Err(Fault::Read(nobody(line, "the user is not an object"))),
                Err(stop) => Err(Fault::Stop(stop)),
            }
        })
    }

    /// What the first pass left of the groups.
    fn groups_left(&mut self, settings: &FileSettings) -> Result<(), Fault> {
        match self.section.take() {
            Some(section) => section.finish(settings, &mut self.line, &mut self.tally, self.sink),
            None => Ok(()),
        }
    }

    fn walked(self, settings: &FileSettings, whole: &Whole) -> Walked {
        let collection = |name: &str, entries, announced| Collection {
            name: name.to_owned(),
            query: settings.users.display().to_string(),
            pages: 1,
            entries,
            announced,
            end: whole.proof(", its document is closed"),
        };
        let users = collection("users", self.tally.count(Kind::User), self.count);
        let groups = collection("groups", self.tally.count(Kind::Group), None);
        Walked { collections: vec![users, groups], remarks: self.people.remarks(), ..Walked::default() }
    }
}
