//! Stands between a file and the CSV parser, and knows whether a quoted field is still open.
//!
//! The parser takes the end of the file as the end of an open quote, and a quote inside a plain field as text. Both
//! are what a torn row looks like, so both are refused here (RFC 4180, section 2, rules 5 to 7).

use std::io::{self, Read};

/// Where in a field the last byte was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum At {
    FieldStart,
    Plain,
    Quoted,
    /// Behind a quote inside a quoted field: its end, or the first half of a doubled quote.
    QuoteSeen,
}

/// A reader that refuses torn quoting.
pub(super) struct Quotes<R> {
    inner: R,
    delimiter: u8,
    at: At,
    line: u64,
}

impl<R: Read> Quotes<R> {
    pub(super) fn new(inner: R, delimiter: u8) -> Self {
        Self { inner, delimiter, at: At::FieldStart, line: 1 }
    }

    /// Whether every quote that was opened is closed.
    pub(super) fn closed(&self) -> bool {
        self.at != At::Quoted
    }

    pub(super) fn into_inner(self) -> R {
        self.inner
    }

    fn step(&mut self, byte: u8) -> Result<(), &'static str> {
        if byte == b'\n' {
            self.line += 1;
        }
        let ends_field = byte == self.delimiter || byte == b'\n' || byte == b'\r';
        self.at = match (self.at, byte) {
            (At::Quoted, b'"') => At::QuoteSeen,
            (At::Quoted, _) => At::Quoted,
            (At::FieldStart, b'"') | (At::QuoteSeen, b'"') => At::Quoted,
            (At::Plain, b'"') => return Err("a quote stands inside a field that does not begin with one"),
            (_, _) if ends_field => At::FieldStart,
            (At::QuoteSeen, _) => return Err("text stands behind the closing quote of a field"),
            (_, _) => At::Plain,
        };
        Ok(())
    }
}

impl<R: Read> Read for Quotes<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        for byte in &buffer[..count] {
            if let Err(fault) = self.step(*byte) {
                return Err(io::Error::new(io::ErrorKind::InvalidData, format!("line {}: {fault}", self.line)));
            }
        }
        Ok(count)
    }
}
