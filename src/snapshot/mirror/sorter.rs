//! What differs from the mirror, sorted, in bounded memory.
//!
//! Directories send people in an order of their own, and a mirror is written in the order of the keys. So changes are
//! collected in memory, and laid aside in sorted files when they grow too many: a first reading of a million people
//! passes through here. The files are scratch: nothing of them counts, and they are gone with the reading.

use std::collections::BTreeMap;
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
    recent: BTreeMap<Key, Difference>,
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
        Self { scratch, name, recent: BTreeMap::new(), bytes: 0, spilled: Vec::new() }
    }

    /// Takes a difference in; of several for one key the last one counts.
    pub(in crate::snapshot) fn put(&mut self, key: Key, difference: Difference) -> Result<(), StoreError> {
        let content = if let Difference::Put(record) = &difference { record.len() } else { 0 };
        self.bytes += key.len() + content + OVERHEAD;
        self.recent.insert(key, difference);
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
        write(scratch, &path, recent).map_err(|error| cannot(&path, "be written", &error))?;
        self.spilled.push(path);
        Ok(())
    }

    /// All differences in the order of their keys, one a key.
    pub(super) fn sorted(&self) -> Result<Sorted<'_>, StoreError> {
        let mut heads = Vec::new();
        for path in &self.spilled {
            let run = Run::open(path).map_err(|error| cannot(path, "be read", &error))?;
            heads.push(Head { next: None, source: Source::File(run, path) });
        }
        heads.push(Head { next: None, source: Source::Memory(self.recent.iter()) });
        heads.iter_mut().try_for_each(Head::step)?;
        Ok(Sorted { heads })
    }
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
    heads: Vec<Head<'a>>,
}

impl Iterator for Sorted<'_> {
    type Item = Result<(Key, Difference), StoreError>;

    fn next(&mut self) -> Option<Self::Item> {
        let least = self.heads.iter().filter_map(|head| Some(&head.next.as_ref()?.0)).min()?.clone();
        let mut newest = None;
        // What came later stands further behind.
        for head in &mut self.heads {
            if head.next.as_ref().is_some_and(|(key, _)| *key == least) {
                newest = head.next.take();
                if let Err(error) = head.step() {
                    return Some(Err(error));
                }
            }
        }
        newest.map(Ok)
    }
}

struct Head<'a> {
    next: Option<(Key, Difference)>,
    source: Source<'a>,
}

enum Source<'a> {
    File(Run, &'a Path),
    Memory(std::collections::btree_map::Iter<'a, Key, Difference>),
}

impl Head<'_> {
    fn step(&mut self) -> Result<(), StoreError> {
        self.next = match &mut self.source {
            Source::File(run, path) => run.step().map_err(|error| cannot(path, "be read", &error))?,
            Source::Memory(recent) => recent.next().map(|(key, difference)| (key.clone(), difference.clone())),
        };
        Ok(())
    }
}

const PUT: u8 = 1;
const KEEP: u8 = 2;
const REMOVE: u8 = 3;

fn write(scratch: &Path, path: &Path, differences: BTreeMap<Key, Difference>) -> io::Result<()> {
    std::fs::create_dir_all(scratch)?;
    let mut file = zstd::Encoder::new(BufWriter::new(File::create(path)?), 1)?;
    for (key, difference) in differences {
        let (tag, record) = match difference {
            Difference::Put(record) => (PUT, record),
            Difference::Keep => (KEEP, Vec::new()),
            Difference::Remove => (REMOVE, Vec::new()),
        };
        file.write_all(&[tag])?;
        for part in [&key, &record] {
            file.write_all(&(part.len() as u64).to_le_bytes())?;
            file.write_all(part)?;
        }
    }
    file.finish()?.flush()
}

/// A sorted file that is being read.
struct Run {
    file: zstd::Decoder<'static, BufReader<File>>,
}

impl Run {
    fn open(path: &Path) -> io::Result<Self> {
        Ok(Self { file: zstd::Decoder::new(File::open(path)?)? })
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
