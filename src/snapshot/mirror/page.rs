//! Pages: many records of the mirror in one, sorted and compressed.
//!
//! A page lies under the key of its first record. It is large enough for people's records to be compressed against
//! each other, and small enough to be unpacked for one of them.

use std::cell::RefCell;
use std::io;

use zstd::bulk::{Compressor, Decompressor};

use crate::snapshot::codec::CodecError;
use crate::snapshot::engine::Key;

/// Bytes of records after which a page is full.
const FULL: usize = 12 << 10;

/// The version byte of a page: zstd over entries of two lengths, a key and a record.
const ZSTD_1: u8 = 1;

/// How hard zstd tries.
const LEVEL: i32 = 1;

/// Bytes that a page may unpack to beyond what a full one holds: a record of any size is a page of its own.
const LARGEST: usize = 1 << 30;

/// A record with its key.
pub(super) type Entry = (Key, Vec<u8>);

/// Collects records for a page.
#[derive(Default)]
pub(super) struct PageBuilder {
    first: Option<Key>,
    entries: Vec<u8>,
}

impl PageBuilder {
    /// Takes the next record in; yields the page before it, if that is full.
    pub(super) fn push(&mut self, key: &[u8], record: &[u8]) -> Result<Option<Entry>, CodecError> {
        let is_full = self.entries.len() + record.len() > FULL && self.first.is_some();
        let page = if is_full { self.take()? } else { None };
        self.first.get_or_insert_with(|| key.to_vec());
        for part in [key, record] {
            let length = u32::try_from(part.len()).map_err(|error| CodecError::Unwritable(error.to_string()))?;
            self.entries.extend_from_slice(&length.to_le_bytes());
            self.entries.extend_from_slice(part);
        }
        Ok(page)
    }

    /// The page of what was collected since the last one; none if that is nothing.
    pub(super) fn take(&mut self) -> Result<Option<Entry>, CodecError> {
        let Some(first) = self.first.take() else { return Ok(None) };
        let packed = compressed(&self.entries).map_err(|error| CodecError::Unwritable(error.to_string()))?;
        let mut page = Vec::with_capacity(packed.len() + 9);
        page.push(ZSTD_1);
        page.extend_from_slice(&(self.entries.len() as u64).to_le_bytes());
        page.extend_from_slice(&packed);
        self.entries.clear();
        Ok(Some((first, page)))
    }
}

/// An unpacked page, from which entries are taken in their order.
#[derive(Default)]
pub(super) struct Page {
    entries: Vec<u8>,
    at: usize,
}

impl Page {
    /// Unpacks a page.
    pub(super) fn open(page: &[u8]) -> Result<Self, CodecError> {
        let unreadable = || CodecError::Unreadable("a page of the mirror is cut off".to_owned());
        let (&version, rest) = page.split_first().ok_or(CodecError::Empty)?;
        if version != ZSTD_1 {
            return Err(CodecError::Version(version));
        }
        let (length, packed) = rest.split_first_chunk().ok_or_else(unreadable)?;
        let length = usize::try_from(u64::from_le_bytes(*length)).ok().filter(|length| *length <= LARGEST);
        let length = length.ok_or_else(unreadable)?;
        let entries = decompressed(packed, length).map_err(|error| CodecError::Unreadable(error.to_string()))?;
        if entries.len() == length { Ok(Self { entries, at: 0 }) } else { Err(unreadable()) }
    }

    /// The next entry's key and record.
    pub(super) fn step(&mut self) -> Option<(&[u8], &[u8])> {
        let (key, behind) = part(&self.entries, self.at)?;
        let (record, behind) = part(&self.entries, behind)?;
        self.at = behind;
        Some((key, record))
    }

    /// The record of a key.
    pub(super) fn find(mut self, wanted: &[u8]) -> Option<Vec<u8>> {
        while let Some((key, record)) = self.step() {
            if key == wanted {
                return Some(record.to_vec());
            }
        }
        None
    }
}

// What zstd works with takes longer to make than a page to pack, so each thread keeps its own.
thread_local! {
    static COMPRESSOR: RefCell<Option<Compressor<'static>>> = const { RefCell::new(None) };
    static DECOMPRESSOR: RefCell<Option<Decompressor<'static>>> = const { RefCell::new(None) };
}

fn compressed(bytes: &[u8]) -> io::Result<Vec<u8>> {
    COMPRESSOR.with_borrow_mut(|kept| match kept {
        Some(compressor) => compressor.compress(bytes),
        None => kept.insert(Compressor::new(LEVEL)?).compress(bytes),
    })
}

fn decompressed(packed: &[u8], length: usize) -> io::Result<Vec<u8>> {
    DECOMPRESSOR.with_borrow_mut(|kept| match kept {
        Some(decompressor) => decompressor.decompress(packed, length),
        None => kept.insert(Decompressor::new()?).decompress(packed, length),
    })
}

/// The part that begins at a place, and where the next one begins.
fn part(entries: &[u8], at: usize) -> Option<(&[u8], usize)> {
    let length = entries.get(at..)?.first_chunk()?;
    let (from, length) = (at + 4, u32::from_le_bytes(*length) as usize);
    let to = from.checked_add(length)?;
    Some((entries.get(from..to)?, to))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_record_is_found_in_the_page_that_it_was_packed_into() {
        let mut builder = PageBuilder::default();
        let mut pages = Vec::new();
        let records: Vec<Entry> =
            (0..500_u32).map(|n| (format!("u{n:04}").into_bytes(), vec![1; n as usize])).collect();
        for (key, record) in &records {
            pages.extend(builder.push(key, record).unwrap());
        }
        pages.extend(builder.take().unwrap());
        assert!(pages.len() > 5 && builder.take().unwrap().is_none());
        let mut found = Vec::new();
        for (first, page) in &pages {
            let mut open = Page::open(page).unwrap();
            let from = found.len();
            while let Some((key, record)) = open.step() {
                found.push((key.to_vec(), record.to_vec()));
            }
            assert_eq!(&found[from].0, first, "a page lies under the key of its first record");
        }
        assert_eq!(found, records);
        let last = Page::open(&pages.last().unwrap().1).unwrap();
        assert_eq!(last.find(b"u0499"), Some(vec![1; 499]));
    }

    #[test]
    fn a_page_that_was_cut_off_or_claims_too_much_is_an_error_and_no_panic() {
        let mut builder = PageBuilder::default();
        builder.push(b"u1", &[7; 3_000]).unwrap();
        let (_, page) = builder.take().unwrap().unwrap();
        for length in 0..page.len() {
            assert!(Page::open(&page[..length]).is_err(), "{length}");
        }
        let mut huge = page.clone();
        huge[1..9].copy_from_slice(&u64::MAX.to_le_bytes());
        assert!(Page::open(&huge).is_err());
        assert!(matches!(Page::open(&[9]), Err(CodecError::Version(9))));
    }
}
