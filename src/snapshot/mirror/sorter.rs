//! What differs from the mirror, sorted, in bounded memory.
//!
//! Directories send people in an order of their own, and a mirror is written in the order of the keys. So changes are
//! collected in memory, and laid aside in sorted files when they grow too many: a first reading of a million people
//! passes through here. The files are scratch: nothing of them counts, and they are gone with the reading.

use std::cmp::Ordering;
use std::collections::BinaryHeap;
use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Write as _};
use std::path::{Path, PathBuf};

use crate::snapshot::StoreError;
use crate::snapshot::engine::Key;
use crate::snapshot::io::cannot;

/// Bytes that are collected in memory.
const IN_MEMORY: usize = 24 << 20;

/// What a key and its change take beyond their own bytes, about.
const OVERHEAD: usize = 96;

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
    /// In the order in which they came.
    recent: Vec<(Key, Difference)>,
    bytes: usize,
    spilled: Vec<PathBuf>,
}

impl Sorter {
    /// Without a folder for scratch everything stays in memory.
    pub(in crate::snapshot) fn new(scratch: Option<PathBuf>) -> Self {
        Self::called(scratch, "differences")
    }

    /// The same, with a name for its files that no other sorter has at the same time.
    pub(super) fn called(scratch: Option<PathBuf>, name: &'static str) -> Self {
        Self { scratch, name, recent: Vec::new(), bytes: 0, spilled: Vec::new() }
    }

    /// Takes a difference in; of several for one key the last one counts.
    pub(in crate::snapshot) fn put(&mut self, key: Key, difference: Difference) -> Result<(), StoreError> {
        let content = if let Difference::Put(record) = &difference { record.len() } else { 0 };
        self.bytes += key.len() + content + OVERHEAD;
        self.recent.push((key, difference));
        if self.bytes > IN_MEMORY && self.scratch.is_some() {
            self.spill()?;
        }
        Ok(())
    }

    /// How many differences there are at most; keys that came more than once may count as often.
    pub(super) fn len(&self) -> u64 {
        let spilled = self.spilled.len() * (IN_MEMORY / 4_096);
        (self.recent.len() + spilled) as u64
    }

    /// Whether there were too many for memory.
    pub(super) fn is_large(&self) -> bool {
        !self.spilled.is_empty()
    }

    fn spill(&mut self) -> Result<(), StoreError> {
        let Some(scratch) = &self.scratch else { return Ok(()) };
        let path = scratch.join(format!("{}-{}", self.name, self.spilled.len()));
        let recent = std::mem::take(&mut self.recent);
        self.bytes = 0;
        write(scratch, &path, &in_order(&recent)).map_err(|error| cannot(&path, "be written", &error))?;
        self.spilled.push(path);
        Ok(())
    }

    /// All differences in the order of their keys, one a key.
    pub(super) fn sorted(&self) -> Result<Sorted<'_>, StoreError> {
        let mut sources = Vec::new();
        for path in &self.spilled {
            let run = Run::open(path).map_err(|error| cannot(path, "be read", &error))?;
            sources.push(Source::File(run, path));
        }
        sources.push(Source::Memory(in_order(&self.recent).into_iter()));
        let mut sorted = Sorted { sources, heads: BinaryHeap::new() };
        (0..sorted.sources.len()).try_for_each(|source| sorted.step(source))?;
        Ok(sorted)
    }
}

/// The differences in the order of their keys, of several for one key the one that came last.
fn in_order(recent: &[(Key, Difference)]) -> Vec<&(Key, Difference)> {
    let mut recent: Vec<&(Key, Difference)> = recent.iter().collect();
    // A stable sort leaves those of one key in the order in which they came.
    recent.sort_by(|(one, _), (other, _)| one.cmp(other));
    recent.dedup_by(|later, kept| {
        let same = later.0 == kept.0;
        if same {
            *kept = *later;
        }
        same
    });
    recent
}

impl Drop for Sorter {
    fn drop(&mut self) {
        for path in &self.spilled {
            let _ = std::fs::remove_file(path);
        }
    }
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
            Source::File(run, path) => run.step().map_err(|error| cannot(path, "be read", &error))?,
            Source::Memory(recent) => recent.next().cloned(),
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
    Memory(std::vec::IntoIter<&'a (Key, Difference)>),
}

const PUT: u8 = 1;
const KEEP: u8 = 2;
const REMOVE: u8 = 3;

/// Bytes that are handed to zstd or taken from it at a time.
const AT_A_TIME: usize = 64 << 10;

fn write(scratch: &Path, path: &Path, differences: &[&(Key, Difference)]) -> io::Result<()> {
    std::fs::create_dir_all(scratch)?;
    let mut file = BufWriter::with_capacity(AT_A_TIME, zstd::Encoder::new(File::create(path)?, 1)?);
    for (key, difference) in differences {
        let (tag, record): (u8, &[u8]) = match difference {
            Difference::Put(record) => (PUT, record),
            Difference::Keep => (KEEP, &[]),
            Difference::Remove => (REMOVE, &[]),
        };
        file.write_all(&[tag])?;
        for part in [key, record] {
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
        let (key, record) = (self.part()?, self.part()?);
        let difference = match tag[0] {
            PUT => Difference::Put(record),
            KEEP => Difference::Keep,
            _ => Difference::Remove,
        };
        Ok(Some((key, difference)))
    }

    fn part(&mut self) -> io::Result<Vec<u8>> {
        let mut length = [0; 8];
        self.file.read_exact(&mut length)?;
        let length = u64::from_le_bytes(length);
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
            sorter.put(key, difference).unwrap();
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
            sorter.put(vec![b'u', number], Difference::Put(vec![number; 5 << 20])).unwrap();
        }
        assert!(sorter.is_large() && sorter.recent.len() < 9);
        assert_eq!(sorter.sorted().unwrap().count(), 9);
    }
}
