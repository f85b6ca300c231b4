//! A table that is written once, from its first key to its last: an immutable file of sorted pairs.
//!
//! The pairs lie in blocks of about 16 KB, one behind the other. Behind them comes an index: the table's tally, and of
//! each block its first key, its length and its hash. A footer of fixed length ends the file: how long the index is, its
//! hash, a version and a mark. So a file that was cut off has no footer, and everything that is read was hashed when it
//! was written: a [`SortedFile`] answers rightly or says that it is damaged. A length is believed only within what the
//! file has, so that no damage lets memory be asked for that nobody has.

mod reader;
#[cfg(test)]
mod tests;
mod walk;
mod writer;

use std::io;
use std::ops::Deref;
use std::sync::Arc;

pub(super) use self::reader::SortedFile;
pub(super) use self::writer::SortedWriter;

/// Bytes of pairs after which a block is full.
const FULL: usize = 16 << 10;

/// What every such file ends with, the version before it.
const MARK: [u8; 8] = *b"rollcall";

/// The version of the layout.
const VERSION: u8 = 1;

/// Bytes of a hash.
const HASH: usize = 16;

/// The hash of a block, or of an index.
type Hash = [u8; HASH];

/// Bytes of a footer: the length of the index, its hash, the version, the mark.
const FOOTER: usize = 8 + HASH + 1 + MARK.len();

fn hash(bytes: &[u8]) -> Hash {
    let mut short = [0; HASH];
    short.copy_from_slice(&blake3::hash(bytes).as_bytes()[..HASH]);
    short
}

/// What is said of a file that is not as it was written.
fn damage(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what)
}

/// Appends a part with its length before it.
fn put_part(part: &[u8], into: &mut Vec<u8>) -> io::Result<()> {
    let length = u32::try_from(part.len()).map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error))?;
    into.extend_from_slice(&length.to_le_bytes());
    into.extend_from_slice(part);
    Ok(())
}

/// Takes a part off that lies with its length before it; none if it is not whole.
fn take_part<'a>(bytes: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = take_number(bytes)?;
    let (part, rest) = bytes.split_at_checked(usize::try_from(length).ok()?)?;
    *bytes = rest;
    Some(part)
}

fn take_number(bytes: &mut &[u8]) -> Option<u32> {
    let (number, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(u32::from_le_bytes(*number))
}

/// A piece of a block, which stays in memory for as long as one of its pieces does.
#[derive(Clone, Debug)]
pub struct Slice {
    block: Arc<Vec<u8>>,
    from: usize,
    to: usize,
}

impl Deref for Slice {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.block.get(self.from..self.to).unwrap_or_default()
    }
}
