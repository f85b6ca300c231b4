//! What differs from the mirror, sorted, in bounded memory.
//!
//! Directories send people in an order of their own, and a mirror is written in the order of the keys. So changes are
//! collected in memory, and laid aside in sorted files when they grow too many: a first reading of a million people
//! passes through here. The files are scratch: nothing of them counts, and they are gone with the reading.

use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::fs::File;
use std::io::{self, BufRead as _, BufReader, BufWriter, Read, Write as _};
use std::path::{Path, PathBuf};

use crate::snapshot::StoreError;
use crate::snapshot::engine::Key;
use crate::snapshot::io::cannot;

/// Bytes of keys and records that are collected in memory.
const IN_MEMORY: usize = 16 << 20;

/// Differences that are collected in memory.
const AT_MOST: usize = 1 << 18;

/// Where this many bytes are collected, more will come: room is made for all of them at once.
const SOME: usize = 1 << 20;

/// What becomes of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::snapshot) enum Difference {
    /// It is this from now on.
    Put(Vec<u8>),
    /// It stays what it is in the mirror, whatever was said before.
    Keep,
    /// It is no more.
    Remove,
}

/// Collects differences.
pub(in crate::snapshot) struct Sorter {
    scratch: Option<PathBuf>,
    /// What its files are called.
    name: &'static str,
    recent: Batch,
    spilled: Vec<PathBuf>,
    /// How many differences lie in the files.
    laid_aside: u64,
}

impl Sorter {
    /// Without a folder for scratch everything stays in memory.
    pub(in crate::snapshot) fn new(scratch: Option<PathBuf>) -> Self {
        Self::called(scratch, "differences")
    }

    /// The same, with a name for its files that no other sorter has at the same time.
    pub(super) fn called(scratch: Option<PathBuf>, name: &'static str) -> Self {
        Self { scratch, name, recent: Batch::default(), spilled: Vec::new(), laid_aside: 0 }
    }

    /// Takes a difference in; of several for one key the last one counts.
    pub(in crate::snapshot) fn put(&mut self, key: &[u8], difference: &Difference) -> Result<(), StoreError> {
        self.recent.push(key, difference);
        if self.recent.is_full() && self.scratch.is_some() {
            self.spill()?;
        }
        Ok(())
    }

    /// How many differences there are at most; keys that came more than once may count as often.
    pub(super) fn len(&self) -> u64 {
        self.laid_aside + self.recent.spots.len() as u64
    }

    /// Whether there were too many for memory.
    pub(super) fn is_large(&self) -> bool {
        !self.spilled.is_empty()
    }

    fn spill(&mut self) -> Result<(), StoreError> {
        let Some(scratch) = &self.scratch else { return Ok(()) };
        let path = scratch.join(format!("{}-{}", self.name, self.spilled.len()));
        self.laid_aside += self.recent.spots.len() as u64;
        write(scratch, &path, &self.recent).map_err(|error| cannot(&path, "be written", error))?;
        self.recent.clear();
        self.spilled.push(path);
        Ok(())
    }

    /// All differences in the order of their keys, one a key.
    pub(super) fn sorted(&self) -> Result<Sorted<'_>, StoreError> {
        let mut sources = Vec::new();
        for path in &self.spilled {
            let run = Run::open(path).map_err(|error| cannot(path, "be read", error))?;
            sources.push(Source::File(run, path));
        }
        sources.push(Source::Memory(&self.recent, self.recent.in_order().into_iter()));
        let mut sorted = Sorted { sources, heads: BinaryHeap::new() };
        (0..sorted.sources.len()).try_for_each(|source| sorted.step(source))?;
        Ok(sorted)
    }
}

impl Drop for Sorter {
    fn drop(&mut self) {
        for path in &self.spilled {
            let _ = std::fs::remove_file(path);
        }
    }
}

/// Differences in the order in which they came, one behind the other: a small difference costs little more than its
/// bytes, and nothing of its own has to be asked for or given back.
#[derive(Default)]
struct Batch {
    bytes: Vec<u8>,
    spots: Vec<Spot>,
}

/// Where a difference lies: its key, then its record.
#[derive(Clone, Copy)]
struct Spot {
    starts: usize,
    record: usize,
    ends: usize,
    tag: Tag,
}

/// What a difference does.
#[derive(Clone, Copy)]
#[repr(u8)]
enum Tag {
    Put = 1,
    Keep = 2,
    Remove = 3,
}

impl Batch {
    fn push(&mut self, key: &[u8], difference: &Difference) {
        let (tag, content): (Tag, &[u8]) = match difference {
            Difference::Put(record) => (Tag::Put, record),
            Difference::Keep => (Tag::Keep, &[]),
            Difference::Remove => (Tag::Remove, &[]),
        };
        let starts = self.bytes.len();
        if (SOME..IN_MEMORY).contains(&starts) && self.bytes.capacity() < IN_MEMORY {
            self.bytes.reserve_exact(IN_MEMORY - starts);
        }
        self.bytes.extend_from_slice(key);
        let record = self.bytes.len();
        self.bytes.extend_from_slice(content);
        self.spots.push(Spot { starts, record, ends: self.bytes.len(), tag });
    }

    fn is_full(&self) -> bool {
        self.bytes.len() >= IN_MEMORY || self.spots.len() >= AT_MOST
    }

    fn clear(&mut self) {
        self.bytes.clear();
        self.spots.clear();
    }

    fn key(&self, spot: &Spot) -> &[u8] {
        &self.bytes[spot.starts..spot.record]
    }

    fn record(&self, spot: &Spot) -> &[u8] {
        &self.bytes[spot.record..spot.ends]
    }

    /// Where the differences lie, in the order of their keys; of several for one key only the one that came last.
    fn in_order(&self) -> Vec<Spot> {
        let shared = self.shared();
        let mut order: Vec<(u64, Spot)> =
            self.spots.iter().map(|spot| (leading(&self.key(spot)[shared..]), *spot)).collect();
        // Most keys differ in the bytes that are at hand; where they lie tells which of two for one key came first.
        order.sort_unstable_by(|(lead, one), (other_lead, other)| {
            let by_key = lead.cmp(other_lead).then_with(|| self.key(one).cmp(self.key(other)));
            by_key.then(one.starts.cmp(&other.starts)).then(one.ends.cmp(&other.ends))
        });
        order.dedup_by(|(later_lead, later), (lead, kept)| {
            let same = later_lead == lead && self.key(later) == self.key(kept);
            if same {
                *kept = *later;
            }
            same
        });
        order.into_iter().map(|(_, spot)| spot).collect()
    }

    /// How many bytes all keys begin with alike.
    fn shared(&self) -> usize {
        let Some(first) = self.spots.first().map(|spot| self.key(spot)) else { return 0 };
        self.spots.iter().fold(first.len(), |shared, spot| {
            let key = self.key(spot);
            if key.starts_with(&first[..shared]) {
                return shared;
            }
            key.iter().zip(first).take_while(|(one, other)| one == other).count()
        })
    }
}

/// The first eight bytes as a number of the same order; a shorter text is filled up with zeros.
fn leading(text: &[u8]) -> u64 {
    let mut lead = [0; 8];
    let known = text.len().min(lead.len());
    lead[..known].copy_from_slice(&text[..known]);
    u64::from_be_bytes(lead)
}

/// Differences in the order of their keys.
pub(super) struct Sorted<'a> {
    /// What came later stands further behind.
    sources: Vec<Source<'a>>,
    heads: BinaryHeap<Head>,
}

impl Sorted<'_> {
    /// Takes the next difference of a source among the heads.
    fn step(&mut self, source: usize) -> Result<(), StoreError> {
        let next = match &mut self.sources[source] {
            Source::File(run, path) => run.step().map_err(|error| cannot(path, "be read", error))?,
            Source::Memory(batch, spots) => spots.next().map(|spot| {
                let difference = spot.tag.difference(|| batch.record(&spot).to_vec());
                (batch.key(&spot).to_vec(), difference)
            }),
        };
        self.heads.extend(next.map(|(key, difference)| Head { key, source, difference }));
        Ok(())
    }
}

impl Iterator for Sorted<'_> {
    type Item = Result<(Key, Difference), StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        let Head { key, source, difference } = self.heads.pop()?;
        let mut stepped = self.step(source);
        while stepped.is_ok() && self.heads.peek().is_some_and(|head| head.key == key) {
            // What came earlier for the same key counts no more.
            stepped = self.heads.pop().map_or(Ok(()), |earlier| self.step(earlier.source));
        }
        Some(stepped.map(|()| (key, difference)))
    }
}

/// The next difference of a source. The greatest is the one with the least key, and of those the one that came last.
struct Head {
    key: Key,
    source: usize,
    difference: Difference,
}

impl Ord for Head {
    fn cmp(&self, other: &Self) -> Ordering {
        other.key.cmp(&self.key).then(self.source.cmp(&other.source))
    }
}

impl PartialOrd for Head {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Head {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Head {}

enum Source<'a> {
    File(Run, &'a Path),
    Memory(&'a Batch, std::vec::IntoIter<Spot>),
}

impl Tag {
    fn of(byte: u8) -> Option<Self> {
        [Self::Put, Self::Keep, Self::Remove].into_iter().find(|tag| *tag as u8 == byte)
    }

    fn difference(self, record: impl FnOnce() -> Vec<u8>) -> Difference {
        match self {
            Self::Put => Difference::Put(record()),
            Self::Keep => Difference::Keep,
            Self::Remove => Difference::Remove,
        }
    }
}

/// Bytes that are handed to zstd or taken from it at a time.
const AT_A_TIME: usize = 64 << 10;

fn write(scratch: &Path, path: &Path, differences: &Batch) -> io::Result<()> {
    std::fs::create_dir_all(scratch)?;
    let mut file = BufWriter::with_capacity(AT_A_TIME, zstd::Encoder::new(File::create(path)?, 1)?);
    for spot in differences.in_order() {
        file.write_all(&[spot.tag as u8])?;
        for part in [differences.key(&spot), differences.record(&spot)] {
            file.write_all(&(part.len() as u64).to_le_bytes())?;
            file.write_all(part)?;
        }
    }
    file.into_inner().map_err(io::IntoInnerError::into_error)?.finish()?.flush()
}

/// A sorted file that is being read.
struct Run {
    file: BufReader<zstd::Decoder<'static, BufReader<File>>>,
}

impl Run {
    fn open(path: &Path) -> io::Result<Self> {
        Ok(Self { file: BufReader::with_capacity(AT_A_TIME, zstd::Decoder::new(File::open(path)?)?) })
    }

    fn step(&mut self) -> io::Result<Option<(Key, Difference)>> {
        let mut tag = [0];
        if self.file.read(&mut tag)? == 0 {
            return Ok(None);
        }
        let tag = Tag::of(tag[0]).ok_or(io::ErrorKind::InvalidData)?;
        let (key, record) = (self.part()?, self.part()?);
        Ok(Some((key, tag.difference(|| record))))
    }

    fn part(&mut self) -> io::Result<Vec<u8>> {
        let mut length = [0; 8];
        self.file.read_exact(&mut length)?;
        let length = u64::from_le_bytes(length);
        if let Some(part) = usize::try_from(length).ok().and_then(|length| self.file.buffer().get(..length)) {
            let part = part.to_vec();
            self.file.consume(part.len());
            return Ok(part);
        }
        let mut part = Vec::new();
        (&mut self.file).take(length).read_to_end(&mut part)?;
        if part.len() as u64 == length { Ok(part) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn differences_come_sorted_and_the_last_word_on_each_key_counts_wherever_it_lies() {
        let folder = tempfile::tempdir().unwrap();
        let scratch = folder.path().join("scratch");
        let mut sorter = Sorter::new(Some(scratch.clone()));
        let mut expected = BTreeMap::new();
        for number in 0..400_u32 {
            let key = format!("u{:03}", number * 7 % 150).into_bytes();
            let difference = match number % 5 {
                0 => Difference::Keep,
                1 => Difference::Remove,
                _ => Difference::Put(number.to_le_bytes().repeat(100)),
            };
            expected.insert(key.clone(), difference.clone());
            sorter.put(&key, &difference).unwrap();
            if number % 130 == 129 {
                sorter.spill().unwrap();
            }
        }
        assert_eq!(sorter.spilled.len(), 3);
        let found: Vec<_> = sorter.sorted().unwrap().map(Result::unwrap).collect();
        assert_eq!(found, expected.into_iter().collect::<Vec<_>>());
        drop(sorter);
        assert_eq!(std::fs::read_dir(scratch).unwrap().count(), 0, "scratch is gone with the reading");
    }

    #[test]
    fn what_does_not_fit_into_memory_is_laid_aside() {
        let folder = tempfile::tempdir().unwrap();
        let mut sorter = Sorter::new(Some(folder.path().join("scratch")));
        for number in 0..9_u8 {
            sorter.put(&[b'u', number], &Difference::Put(vec![number; 5 << 20])).unwrap();
        }
        assert!(sorter.is_large() && sorter.recent.spots.len() < 9);
        assert_eq!(sorter.len(), 9);
        assert_eq!(sorter.sorted().unwrap().count(), 9);
    }
}
