//! The text of a document, of which only a window is in memory.
//!
//! Bytes are checked to be UTF-8 as they come in, and each value is parsed where it lies, borrowed. The window grows to
//! the longest single value and no further.

use std::io::{self, Read};

use serde::Deserialize;

use crate::watched::Watched;

/// How much is read at a time. In the tests so little that every value lies across several reads.
const CHUNK: usize = if cfg!(test) { 7 } else { 256 << 10 };

/// The longest single value: a user, the id of a member. A quote that nobody closed would swallow the whole file.
pub(super) const LONGEST_VALUE_MIB: usize = 64;

/// Why the text cannot be followed any further.
#[derive(Debug)]
pub(super) enum Stop {
    /// The file cannot be read, or it is not UTF-8.
    File(io::Error),
    /// Something else stands here than what must. What it is, and where, a second look will say.
    Odd,
    /// A value is longer than [`LONGEST_VALUE_MIB`].
    TooLong,
}

impl From<io::Error> for Stop {
    fn from(error: io::Error) -> Self {
        Self::File(error)
    }
}

/// A document from its first character to its last.
pub(super) struct Text {
    reading: Watched,
    /// What came last from the file, and how much of its end is the beginning of a character.
    chunk: Vec<u8>,
    torn: usize,
    window: String,
    /// The place in the window where the next character is taken.
    at: usize,
    /// The offset of the window in the file, and the line of `at`, from 1.
    offset: u64,
    line: u64,
    ended: bool,
    /// A digest of the text from where it was asked for, and the place in the window up to which it goes.
    marked: Option<(blake3::Hasher, usize)>,
}

impl Text {
    /// The text from where the file stands, which is at this offset and on this line.
    pub(super) fn new(reading: Watched, offset: u64, line: u64) -> Self {
        Self {
            reading,
            chunk: vec![0; CHUNK],
            torn: 0,
            window: String::new(),
            at: 0,
            offset,
            line,
            ended: false,
            marked: None,
        }
    }

    /// The line of the next character, from 1.
    pub(super) fn line(&self) -> u64 {
        self.line
    }

    /// The offset of the next character in the file.
    pub(super) fn offset(&self) -> u64 {
        self.offset + self.at as u64
    }

    /// Passes a byte order mark, which some editors put in front and JSON does not know.
    pub(super) fn pass_byte_order_mark(&mut self) -> Result<(), Stop> {
        self.fill(1)?;
        if self.window[self.at..].starts_with('\u{feff}') {
            self.at += '\u{feff}'.len_utf8();
        }
        Ok(())
    }

    /// The next character that is no white space, without taking it; nothing at the end.
    pub(super) fn peek(&mut self) -> Result<Option<u8>, Stop> {
        loop {
            let rest = &self.window.as_bytes()[self.at..];
            if let Some(blank) = rest.iter().position(|byte| !matches!(byte, b' ' | b'\n' | b'\r' | b'\t')) {
                let found = rest[blank];
                self.pass(blank);
                return Ok(Some(found));
            }
            let blank = rest.len();
            self.pass(blank);
            if self.ended {
                return Ok(None);
            }
            self.fill(1)?;
        }
    }

    /// Takes the next character if it is this one.
    pub(super) fn eat(&mut self, wanted: u8) -> Result<bool, Stop> {
        let found = self.peek()? == Some(wanted);
        self.at += usize::from(found);
        Ok(found)
    }

    /// Takes the next character, which must be this one.
    pub(super) fn expect(&mut self, wanted: u8) -> Result<(), Stop> {
        if self.eat(wanted)? { Ok(()) } else { Err(Stop::Odd) }
    }

    /// Takes what lies between a bracket and its end, parted by commas: `one` is called at the beginning of each.
    pub(super) fn each<E: From<Stop>>(
        &mut self,
        brackets: [u8; 2],
        mut one: impl FnMut(&mut Self) -> Result<(), E>,
    ) -> Result<(), E> {
        self.expect(brackets[0])?;
        if self.eat(brackets[1])? {
            return Ok(());
        }
        loop {
            one(self)?;
            if !self.eat(b',')? {
                return Ok(self.expect(brackets[1])?);
            }
        }
    }

    /// Takes the next value. `read` is given the text from there on and says what it is and how long; see [`first`]. It
    /// is called again with more text where there was too little.
    pub(super) fn value<T>(&mut self, mut read: impl FnMut(&str) -> serde_json::Result<(T, usize)>) -> Result<T, Stop> {
        self.peek()?;
        let mut complaint = None;
        loop {
            let rest = &self.window[self.at..];
            let length = rest.len();
            match read(rest) {
                // A number that ends with the window may go on behind it.
                Ok((value, end)) if end < length || self.ended || rest.ends_with(['}', ']', '"']) => {
                    self.pass(end);
                    return Ok(value);
                }
                Err(_) if self.ended => return Err(Stop::Odd),
                Err(error) if !error.is_eof() => {
                    // Half a number is no number, so a complaint counts if it stays with more text.
                    let place = Some((error.line(), error.column()));
                    if complaint == place {
                        return Err(Stop::Odd);
                    }
                    complaint = place;
                }
                Ok(_) | Err(_) => {}
            }
            if length > LONGEST_VALUE_MIB << 20 {
                return Err(Stop::TooLong);
            }
            self.fill(length.max(1))?;
        }
    }

    /// Takes a value as this type, which borrows nothing.
    pub(super) fn next<T: for<'a> Deserialize<'a>>(&mut self) -> Result<T, Stop> {
        self.value(|rest| first(rest))
    }

    /// Passes the next value. Down to this depth its parts are passed one by one, so that it may be of any size.
    pub(super) fn skip(&mut self, depth: u8) -> Result<(), Stop> {
        match self.peek()? {
            Some(b'[') if depth > 0 => self.each(*b"[]", |text| text.skip(depth - 1)),
            Some(b'{') if depth > 0 => self.each(*b"{}", |text| {
                text.key::<serde::de::IgnoredAny>()?;
                text.skip(depth - 1)
            }),
            _ => self.next::<serde::de::IgnoredAny>().map(drop),
        }
    }

    /// Takes a name and the colon behind it.
    pub(super) fn key<T: for<'a> Deserialize<'a>>(&mut self) -> Result<T, Stop> {
        if self.peek()? != Some(b'"') {
            return Err(Stop::Odd);
        }
        let key = self.next()?;
        self.expect(b':')?;
        Ok(key)
    }

    /// Begins a digest of everything that is taken from here on.
    pub(super) fn mark(&mut self) {
        self.marked = Some((blake3::Hasher::new(), self.at));
    }

    /// The digest of what was taken since [`Text::mark`], if that was called.
    pub(super) fn marked(&mut self) -> Option<blake3::Hash> {
        let (mut digest, from) = self.marked.take()?;
        digest.update(&self.window.as_bytes()[from..self.at]);
        Some(digest.finalize())
    }

    /// Reads the rest, only to see that it can be read, and gives the file back.
    pub(super) fn drain(mut self) -> Result<Watched, io::Error> {
        while !self.ended {
            self.at = self.window.len();
            self.more()?;
        }
        Ok(self.reading)
    }

    fn pass(&mut self, length: usize) {
        self.line += line_ends(&self.window.as_bytes()[self.at..self.at + length]);
        self.at += length;
    }

    /// Adds at least this many bytes to the window, or all that there are.
    fn fill(&mut self, wanted: usize) -> Result<(), Stop> {
        let mut added = 0;
        while added < wanted && !self.ended {
            added += self.more()?;
        }
        Ok(())
    }

    /// Adds to the window what one read brings, and drops from it what was taken.
    fn more(&mut self) -> io::Result<usize> {
        if let Some((digest, from)) = &mut self.marked {
            digest.update(&self.window.as_bytes()[*from..self.at]);
            *from = 0;
        }
        self.window.drain(..self.at);
        self.offset += self.at as u64;
        self.at = 0;
        let count = loop {
            match self.reading.read(&mut self.chunk[self.torn..]) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                read => break read?,
            }
        };
        let read = &self.chunk[..self.torn + count];
        self.ended = count == 0;
        let whole = match std::str::from_utf8(read) {
            Ok(whole) => whole,
            Err(error) if error.error_len().is_none() && !self.ended => {
                std::str::from_utf8(&read[..error.valid_up_to()]).map_err(not_utf8)?
            }
            Err(error) => return Err(not_utf8(error)),
        };
        self.window.push_str(whole);
        let (added, end) = (whole.len(), read.len());
        self.chunk.copy_within(added..end, 0);
        self.torn = end - added;
        Ok(added)
    }
}

/// The first value of a text, and where it ends.
pub(super) fn first<'a, T: Deserialize<'a>>(text: &'a str) -> serde_json::Result<(T, usize)> {
    let mut values = serde_json::Deserializer::from_str(text).into_iter::<T>();
    match values.next() {
        Some(value) => Ok((value?, values.byte_offset())),
        // There is no value, and serde_json has no other way to say so.
        None => Err(serde::de::Error::custom("the text is empty")),
    }
}

/// As the standard library says it of a text that is read at once.
fn not_utf8(_: std::str::Utf8Error) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "stream did not contain valid UTF-8")
}

/// How many lines end in these bytes. Counted in bytes, which a processor does many at a time.
fn line_ends(bytes: &[u8]) -> u64 {
    let in_few = |few: &[u8]| few.iter().fold(0_u8, |count, byte| count + u8::from(*byte == b'\n'));
    bytes.chunks(255).map(|few| u64::from(in_few(few))).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(content: &str) -> (tempfile::TempDir, Text) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("staff.json");
        std::fs::write(&path, content).unwrap();
        let reading = Watched::open(&path, "users", 1).unwrap();
        (folder, Text::new(reading.into_inner(), 0, 1))
    }

    #[test]
    fn however_long_the_text_is_the_window_holds_its_longest_value() {
        let values: Vec<String> = (0..5_000).map(|number| format!("\"ü {number}\"")).collect();
        let (_folder, mut text) = text(&format!("[{}]", values.join(",\n")));
        let (mut found, mut widest) = (Vec::new(), 0);
        text.each(*b"[]", |text| -> Result<(), Stop> {
            found.push(format!("\"{}\"", text.next::<String>()?));
            widest = widest.max(text.window.len());
            Ok(())
        })
        .unwrap();
        assert_eq!(found, values);
        assert!(widest <= 4 * CHUNK, "{widest}");
        assert_eq!(text.line(), 5_000);
    }

    #[test]
    fn a_number_that_lies_across_two_reads_is_one_number() {
        let (_folder, mut text) = text("[-12345.5e3, 1234567890123, -0.25]");
        let mut found = Vec::new();
        text.each(*b"[]", |text| -> Result<(), Stop> {
            found.push(text.next::<f64>()?);
            Ok(())
        })
        .unwrap();
        assert_eq!(found, [-12_345.5e3, 1_234_567_890_123.0, -0.25]);
    }

    #[test]
    fn the_digest_of_a_part_is_that_of_its_bytes() {
        let (_folder, mut text) = text("{\"a\": [1, 2, \n [3]] }");
        text.expect(b'{').unwrap();
        text.key::<String>().unwrap();
        text.peek().unwrap();
        text.mark();
        text.skip(2).unwrap();
        assert_eq!(text.marked(), Some(blake3::hash(b"[1, 2, \n [3]]")));
    }
}
