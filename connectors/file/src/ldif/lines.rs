//! Logical lines: physical lines with their continuations joined, comments set apart.

use std::io::{self, BufRead, Read};

use crate::watched::Reading;

/// The longest value that is kept. Longer ones are photos and certificates, which nobody maps.
const LONGEST_VALUE: usize = 64 << 10;
/// The longest physical line; a file without line ends is no LDIF.
const LONGEST_LINE: u64 = 64 << 20;

/// One logical line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Logical {
    /// A line of a record, without its line end.
    Content { number: u64, text: Vec<u8>, cut: bool },
    /// An empty line: the end of a record.
    Blank,
    /// A comment, without its `#`.
    Comment(String),
}

/// Joins physical lines.
pub(super) struct Lines {
    reading: Reading,
    /// The physical line that was read ahead to see that it is no continuation.
    ahead: Option<Vec<u8>>,
    number: u64,
}

impl Lines {
    pub(super) fn new(mut reading: Reading) -> io::Result<Self> {
        if reading.fill_buf()?.starts_with(&[0xef, 0xbb, 0xbf]) {
            reading.consume(3);
        }
        Ok(Self { reading, ahead: None, number: 0 })
    }

    pub(super) fn into_inner(self) -> Reading {
        self.reading
    }

    /// The next logical line, or nothing at the end of the file.
    pub(super) fn next(&mut self) -> io::Result<Option<Logical>> {
        let Some(mut text) = self.physical()? else { return Ok(None) };
        let number = self.number;
        if text.is_empty() {
            return Ok(Some(Logical::Blank));
        }
        let mut cut = false;
        while let Some(next) = self.physical()? {
            let Some(rest) = next.strip_prefix(b" ") else {
                self.ahead = Some(next);
                // The line ahead is counted when it is taken.
                self.number -= 1;
                break;
            };
            if text.len() + rest.len() > LONGEST_VALUE {
                cut = true;
            } else if !cut {
                text.extend_from_slice(rest);
            }
        }
        if text.len() > LONGEST_VALUE {
            text.truncate(LONGEST_VALUE);
            cut = true;
        }
        if let Some(comment) = text.strip_prefix(b"#") {
            return Ok(Some(Logical::Comment(String::from_utf8_lossy(comment).trim().to_owned())));
        }
        Ok(Some(Logical::Content { number, text, cut }))
    }

    /// The next physical line without its line end, LF or CRLF.
    fn physical(&mut self) -> io::Result<Option<Vec<u8>>> {
        self.number += 1;
        if let Some(line) = self.ahead.take() {
            return Ok(Some(line));
        }
        let mut line = Vec::new();
        let count = (&mut self.reading).take(LONGEST_LINE).read_until(b'\n', &mut line)?;
        if count == 0 {
            return Ok(None);
        }
        if line.pop_if(|byte| *byte == b'\n').is_none() && count as u64 == LONGEST_LINE {
            return Err(io::Error::new(io::ErrorKind::InvalidData, format!("line {} has no end", self.number)));
        }
        line.pop_if(|byte| *byte == b'\r');
        Ok(Some(line))
    }
}
