//! Why a document is refused. The user who has to mend the file reads the parser's own words, with line and column; so the
//! file is read once more, by the parser alone and in little memory.

use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use rollcall_kit::{DirectoryId, ReadError};
use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};

use super::fault::{Fault, odd_group};
use super::text::{LONGEST_VALUE_MIB, Stop};
use crate::settings::FileSettings;
use crate::watched::{Reading, Watched, Whole};

/// The outer shape.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "only what the parser says of it is wanted")]
struct Document {
    /// Of what is ignored, any number takes no memory.
    users: Vec<IgnoredAny>,
    groups: Vec<IgnoredAny>,
    count: Option<u64>,
}

/// A group as the document writes it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
#[expect(dead_code, reason = "only what the parser says of it is wanted")]
struct Group {
    id: DirectoryId,
    name: String,
    place: Option<String>,
    members: Vec<Member>,
}

/// A member, checked and forgotten.
struct Member;

impl<'de> Deserialize<'de> for Member {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer).map(|_| Self)
    }
}

/// The refusal of a document that was read to its end and in which something was met that must not be there.
pub(super) fn of(fault: Fault, settings: &FileSettings, whole: &Whole) -> ReadError {
    if let Fault::Read(ReadError::Cancelled) = fault {
        return ReadError::Cancelled;
    }
    match look_again(settings, whole) {
        // A document that is none is the first thing to say, whatever else is in it.
        Err(error) => return error,
        Ok(Some(why)) => return ReadError::incomplete("users", why),
        Ok(None) => {}
    }
    let file = settings.users.display();
    match fault {
        Fault::Read(error) => error,
        Fault::Changed => changed(&settings.users),
        Fault::OddGroup { line, offset } => match group(settings, whole, offset) {
            Ok(why) => odd_group(&line, &format!("the group is odd: {why}")),
            Err(error) => error,
        },
        Fault::Stop(Stop::File(error)) => ReadError::incomplete("users", format!("{file}: {error}")),
        Fault::Stop(Stop::TooLong) => ReadError::incomplete(
            "users",
            format!("{file} holds a value of more than {LONGEST_VALUE_MIB} MiB; no user and no name is as long"),
        ),
        Fault::Stop(Stop::Odd) => ReadError::incomplete(
            "users",
            format!("{file} is not the document that is expected: it is no object with users and groups"),
        ),
    }
}

/// What the parser says of the document, if it says anything.
fn look_again(settings: &FileSettings, whole: &Whole) -> Result<Option<String>, ReadError> {
    let mut reading = Watched::open(&settings.users, "users", settings.max_size_mib)?;
    let start = reading.fill_buf().map_or(0, |start| if start.starts_with("\u{feff}".as_bytes()) { 3 } else { 0 });
    reading.consume(start);
    let said = said::<Document>(&mut reading, whole.length, true);
    if finish(reading, &settings.users)?.digest != whole.digest {
        return Err(changed(&settings.users));
    }
    Ok(said.map(|error| unfit(&settings.users, &error)))
}

/// What the parser says of the group at this offset.
fn group(settings: &FileSettings, whole: &Whole, offset: u64) -> Result<String, ReadError> {
    let mut watched = Watched::open(&settings.users, "groups", settings.max_size_mib)?.into_inner();
    watched.go_to(offset).map_err(|_| changed(&settings.users))?;
    let said = said::<Group>(&mut BufReader::new(watched), whole.length - offset, false);
    Ok(said.map_or_else(|| "it is no object".to_owned(), |error| error.to_string()))
}

/// What the parser says of a text of this length, if it says anything. In a text that it has whole it counts columns
/// most exactly; one that is too long for that it reads in a stream.
fn said<T: DeserializeOwned>(reading: &mut impl Read, length: u64, to_its_end: bool) -> Option<serde_json::Error> {
    fn parsed<'a, T: Deserialize<'a>>(
        mut parser: serde_json::Deserializer<impl serde_json::de::Read<'a>>,
        to_its_end: bool,
    ) -> Option<serde_json::Error> {
        T::deserialize(&mut parser).and_then(|_| if to_its_end { parser.end() } else { Ok(()) }).err()
    }
    if length > (LONGEST_VALUE_MIB as u64) << 20 {
        return parsed::<T>(serde_json::Deserializer::from_reader(reading), to_its_end);
    }
    let mut text = String::new();
    match reading.read_to_string(&mut text) {
        Ok(_) => parsed::<T>(serde_json::Deserializer::from_str(&text), to_its_end),
        Err(error) => Some(serde_json::Error::io(error)),
    }
}

fn finish(mut reading: Reading, path: &Path) -> Result<Whole, ReadError> {
    io::copy(&mut reading, &mut io::sink())
        .map_err(|error| ReadError::incomplete("users", format!("{}: {error}", path.display())))?;
    reading.into_inner().finish()
}

/// The file is another one than it was when the read began.
fn changed(path: &Path) -> ReadError {
    let file = path.display();
    ReadError::incomplete("users", format!("{file} changed while it was read; it will be read again at the next run"))
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
