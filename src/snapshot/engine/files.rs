//! Files beside the tables: what is too large for a table and is written once.
//!
//! A file is written under another name, synced, and renamed to the hash of what it holds; only then may a record name
//! it. Reading checks the hash, so a file that was lost or damaged is noticed and costs no more than itself.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufReader, Read, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use crate::snapshot::StoreError;
use crate::snapshot::io::cannot;

/// How hard zstd tries: the fastest level already makes a tenth of a plan.
const LEVEL: i32 = 1;

/// The folder of the files within the state directory.
const FOLDER: &str = "files";

/// What a file is called while it is written.
const UNFINISHED: &str = ".new";

/// What one is called of which nobody knows the hash yet. There is one writer.
const INCOMING: &str = "incoming.new";

/// The name of a file: the hash of its content, and how long that is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(in crate::snapshot) struct FileName {
    /// The hash of the content, in hexadecimal digits.
    pub(in crate::snapshot) hash: String,
    /// Bytes of the content, before it was compressed.
    pub(in crate::snapshot) length: u64,
}

/// Where the files are.
pub enum Files {
    /// In a folder, compressed.
    Folder(PathBuf),
    /// In memory.
    Memory(Mutex<BTreeMap<String, Arc<[u8]>>>),
}

impl Default for Files {
    fn default() -> Self {
        Self::Memory(Mutex::default())
    }
}

impl Files {
    /// The files of a state directory.
    pub(in crate::snapshot) fn of(directory: &Path) -> Self {
        Self::Folder(directory.join(FOLDER))
    }

    /// Keeps a content; it survives a power cut when this returns. The same content twice is one file.
    pub(in crate::snapshot) fn keep(&self, content: &[u8]) -> Result<FileName, StoreError> {
        let hash = blake3::hash(content).to_hex()[..32].to_owned();
        let name = FileName { hash, length: content.len() as u64 };
        match self {
            Self::Folder(folder) => {
                let path = folder.join(&name.hash);
                if !path.exists() {
                    write(folder, &path, content).map_err(|error| cannot(&path, "be written", error))?;
                }
            }
            Self::Memory(files) => {
                let mut files = files.lock().unwrap_or_else(PoisonError::into_inner);
                files.insert(name.hash.clone(), content.into());
            }
        }
        Ok(name)
    }

    /// Keeps a content while it comes into being, unless it is so small that the caller has it: then that.
    pub(in crate::snapshot) fn keep_what<E: From<StoreError>>(
        &self,
        small: usize,
        write: impl FnOnce(&mut dyn io::Write) -> Result<(), E>,
    ) -> Result<Kept, E> {
        let folder = match self {
            Self::Folder(folder) => Some(folder.as_path()),
            Self::Memory(_) => None,
        };
        let mut incoming =
            Incoming { folder, small, head: Vec::new(), file: None, hasher: blake3::Hasher::new(), length: 0 };
        write(&mut incoming)?;
        if incoming.file.is_none() && incoming.head.len() <= small {
            return Ok(Kept::Small(incoming.head));
        }
        match folder {
            None => Ok(Kept::File(self.keep(&incoming.head)?)),
            Some(folder) => {
                Ok(Kept::File(incoming.finish(folder).map_err(|error| cannot(folder, "be written", error))?))
            }
        }
    }

    /// Lets the content of a file be read while it is unpacked, so that nobody holds all of it. False if it is not there
    /// or not what it was; then nothing counts that was read.
    pub(in crate::snapshot) fn read_through(&self, name: &FileName, read: &mut dyn FnMut(&mut dyn Read)) -> bool {
        match self {
            Self::Folder(folder) => {
                let file = File::open(folder.join(&name.hash)).and_then(zstd::Decoder::new);
                file.is_ok_and(|file| is_whole(file, name, read))
            }
            Self::Memory(files) => {
                let file = files.lock().unwrap_or_else(PoisonError::into_inner).get(&name.hash).cloned();
                file.is_some_and(|file| is_whole(&*file, name, read))
            }
        }
    }

    /// The content of a file; nothing if it is not there or not what it was.
    #[cfg(test)]
    pub(in crate::snapshot) fn read(&self, name: &FileName) -> Option<Vec<u8>> {
        let mut content = Vec::new();
        let mut take = |from: &mut dyn Read| drop(from.read_to_end(&mut content));
        self.read_through(name, &mut take).then_some(content)
    }

    /// Removes every file that nobody names any more, and what was never finished.
    pub(in crate::snapshot) fn collect(&self, is_named: impl Fn(&str) -> bool) -> Result<(), StoreError> {
        match self {
            Self::Folder(folder) => {
                let Ok(entries) = fs::read_dir(folder) else { return Ok(()) };
                for entry in entries.flatten() {
                    if !entry.file_name().to_str().is_some_and(&is_named) {
                        fs::remove_file(entry.path()).map_err(|error| cannot(&entry.path(), "be removed", error))?;
                    }
                }
            }
            Self::Memory(files) => {
                files.lock().unwrap_or_else(PoisonError::into_inner).retain(|name, _| is_named(name));
            }
        }
        Ok(())
    }
}

/// What became of a content that came into being.
pub(in crate::snapshot) enum Kept {
    /// It is small, and this is all of it.
    Small(Vec<u8>),
    /// It lies in a file.
    File(FileName),
}

/// A content that comes into being: it goes to a file as soon as it is not small any more.
struct Incoming<'a> {
    /// Where files are; none if they are in memory.
    folder: Option<&'a Path>,
    small: usize,
    head: Vec<u8>,
    file: Option<zstd::Encoder<'static, File>>,
    hasher: blake3::Hasher,
    length: u64,
}

impl io::Write for Incoming<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let Some(folder) = self.folder else {
            self.head.extend_from_slice(bytes);
            return Ok(bytes.len());
        };
        self.hasher.update(bytes);
        self.length += bytes.len() as u64;
        match &mut self.file {
            Some(file) => file.write_all(bytes)?,
            None => self.head.extend_from_slice(bytes),
        }
        if self.file.is_none() && self.head.len() > self.small {
            let mut file = begin(folder, &folder.join(INCOMING))?;
            file.write_all(&self.head)?;
            self.file = Some(file);
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Incoming<'_> {
    /// Gives the file its name.
    fn finish(self, folder: &Path) -> io::Result<FileName> {
        let name = FileName { hash: self.hasher.finalize().to_hex()[..32].to_owned(), length: self.length };
        if let Some(file) = self.file {
            let path = folder.join(&name.hash);
            match path.exists() {
                true => fs::remove_file(folder.join(INCOMING))?,
                false => end(file, folder, (&folder.join(INCOMING), &path))?,
            }
        }
        Ok(name)
    }
}

fn write(folder: &Path, path: &Path, content: &[u8]) -> io::Result<()> {
    let unfinished = path.with_extension(&UNFINISHED[1..]);
    let mut file = begin(folder, &unfinished)?;
    file.write_all(content)?;
    end(file, folder, (&unfinished, path))
}

fn begin(folder: &Path, unfinished: &Path) -> io::Result<zstd::Encoder<'static, File>> {
    if !folder.exists() {
        fs::create_dir(folder)?;
        folder.parent().map_or(Ok(()), |above| File::open(above)?.sync_all())?;
    }
    let file = OpenOptions::new().create(true).truncate(true).write(true).mode(0o600).open(unfinished)?;
    zstd::Encoder::new(file, LEVEL)
}

fn end(file: zstd::Encoder<'static, File>, folder: &Path, (unfinished, path): (&Path, &Path)) -> io::Result<()> {
    file.finish()?.sync_all()?;
    fs::rename(unfinished, path)?;
    File::open(folder)?.sync_all()
}

/// Bytes of a content that are unpacked at a time.
const PIECE: usize = 64 << 10;

/// Lets a content be read, and what is left of it after that pass by: true if all of it is what its name says. No more is
/// unpacked than it should hold, whatever it claims to unpack to.
fn is_whole(content: impl Read, name: &FileName, read: &mut dyn FnMut(&mut dyn Read)) -> bool {
    let hashed = Hashed { content: content.take(name.length.saturating_add(1)), hasher: blake3::Hasher::new() };
    let mut content = BufReader::with_capacity(PIECE, hashed);
    read(&mut content);
    let is_read = io::copy(&mut content, &mut io::sink()).is_ok();
    is_read && content.into_inner().hasher.finalize().to_hex()[..32] == name.hash
}

/// A content that is hashed while it is read.
struct Hashed<R> {
    content: R,
    hasher: blake3::Hasher,
}

impl<R: Read> Read for Hashed<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let length = self.content.read(into)?;
        self.hasher.update(&into[..length]);
        Ok(length)
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn a_file_is_its_owners_alone_and_is_found_by_the_hash_of_its_content() {
        let folder = tempfile::tempdir().unwrap();
        for files in [Files::of(folder.path()), Files::default()] {
            let name = files.keep(b"a plan").unwrap();
            assert_eq!(files.keep(b"a plan").unwrap(), name);
            assert_eq!(files.read(&name), Some(b"a plan".to_vec()));
        }
        let file = fs::read_dir(folder.path().join(FOLDER)).unwrap().next().unwrap().unwrap();
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600);
    }

    #[test]
    fn a_content_that_comes_in_pieces_is_the_file_that_it_would_be_in_one() {
        let folder = tempfile::tempdir().unwrap();
        for files in [Files::of(folder.path()), Files::default()] {
            let pieces = |writer: &mut dyn io::Write| {
                (0..100_u8).try_for_each(|piece| writer.write_all(&[piece; 50])).unwrap();
                Ok::<_, StoreError>(())
            };
            let content: Vec<u8> = (0..100_u8).flat_map(|piece| [piece; 50]).collect();
            for _ in 0..2 {
                let Kept::File(name) = files.keep_what(1_000, pieces).unwrap() else { panic!("it is small") };
                assert_eq!(files.read(&name).as_ref(), Some(&content));
                assert_eq!(files.keep(&content).unwrap(), name);
            }
            let Kept::Small(all) = files.keep_what(5_000, pieces).unwrap() else { panic!("it lies in a file") };
            assert_eq!(all, content);
        }
        assert_eq!(fs::read_dir(folder.path().join(FOLDER)).unwrap().count(), 1, "nothing unfinished stays");
    }

    #[test]
    fn a_file_that_was_lost_or_changed_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let files = Files::of(folder.path());
        let (one, other) = (files.keep(b"one").unwrap(), files.keep(b"other").unwrap());
        let path = |name: &FileName| folder.path().join(FOLDER).join(&name.hash);
        fs::copy(path(&one), path(&other)).unwrap();
        assert_eq!(files.read(&other), None, "its content is another's");
        fs::write(path(&one), "no zstd").unwrap();
        assert_eq!(files.read(&one), None);
        fs::remove_file(path(&one)).unwrap();
        assert_eq!(files.read(&one), None);
    }

    #[test]
    fn a_file_is_whole_also_if_only_its_beginning_was_looked_at() {
        let folder = tempfile::tempdir().unwrap();
        let content: Vec<u8> = (0..100_000_u32).flat_map(u32::to_le_bytes).collect();
        for files in [Files::of(folder.path()), Files::default()] {
            let name = files.keep(&content).unwrap();
            let mut beginning = [0; 4];
            assert!(files.read_through(&name, &mut |from| from.read_exact(&mut beginning).unwrap()));
            assert_eq!(beginning, [0; 4]);
            let shorter = FileName { length: name.length - 2, ..name };
            assert!(!files.read_through(&shorter, &mut |_| {}), "no more is read than should be there");
        }
    }

    #[test]
    fn files_that_nobody_names_are_collected_and_unfinished_ones_with_them() {
        let folder = tempfile::tempdir().unwrap();
        let files = Files::of(folder.path());
        let (kept, gone) = (files.keep(b"kept").unwrap(), files.keep(b"gone").unwrap());
        fs::write(folder.path().join(FOLDER).join("half.new"), "half").unwrap();
        files.collect(|name| name == kept.hash).unwrap();
        assert_eq!((files.read(&kept), files.read(&gone)), (Some(b"kept".to_vec()), None));
        assert_eq!(fs::read_dir(folder.path().join(FOLDER)).unwrap().count(), 1);
    }
}
