//! One file under watch while it is read.
//!
//! Every byte passes through here once, so that the digest in the certificate is that of what was really read, and at
//! the end the file is asked whether it is still the one that was opened.

use std::fs::{File, Metadata};
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rollcall_kit::ReadError;
use sha2::{Digest, Sha256};

/// What a file looks like from outside. A writer changes at least one of these.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    device: u64,
    inode: u64,
    length: u64,
    modified: (i64, i64),
}

impl Stamp {
    fn of(metadata: &Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            length: metadata.len(),
            modified: (metadata.mtime(), metadata.mtime_nsec()),
        }
    }
}

/// A file that is being read.
pub(crate) struct Watched {
    path: PathBuf,
    collection: &'static str,
    file: File,
    stamp: Stamp,
    digest: blake3::Hasher,
    checksum: Option<(Sha256, String)>,
    length: u64,
    last: Option<u8>,
}

/// The reader that the formats use.
pub(crate) type Reading = BufReader<Watched>;

/// A file that was read to its last byte and did not change meanwhile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Whole {
    /// The BLAKE3 digest of what was read, in hex.
    pub(crate) digest: String,
    /// How long it is, in bytes.
    pub(crate) length: u64,
    /// Whether it ends in a line end.
    pub(crate) ends_in_line_end: bool,
    /// Whether a side file vouched for the content.
    pub(crate) checksum_agreed: bool,
}

impl Whole {
    /// What proved the end, for the certificate.
    pub(crate) fn proof(&self, vouched: &str) -> String {
        let checksum = if self.checksum_agreed { ", its .sha256 file agrees" } else { "" };
        format!(
            "read to its last byte ({} bytes, blake3 {}), unchanged while it was read{checksum}{vouched}",
            self.length,
            &self.digest[..16],
        )
    }
}

impl Watched {
    /// Opens a file of at most `max_size_mib`, and the side file beside it.
    pub(crate) fn open(path: &Path, collection: &'static str, max_size_mib: u64) -> Result<Reading, ReadError> {
        let file = File::open(path).map_err(|error| cannot_open(path, &error))?;
        let metadata = file.metadata().map_err(|error| cannot_open(path, &error))?;
        if !metadata.is_file() {
            return Err(ReadError::Settings(format!("{} is not a file; name a file", path.display())));
        }
        if metadata.len() > max_size_mib.saturating_mul(1 << 20) {
            return Err(ReadError::Settings(format!(
                "{} holds {} bytes, more than the {max_size_mib} MiB that max_size_mib allows; raise it if the file is right",
                path.display(),
                metadata.len(),
            )));
        }
        if metadata.len() == 0 {
            return Err(ReadError::incomplete(collection, format!("{} is empty", path.display())));
        }
        let checksum = side_file(path, collection)?.map(|expected| (Sha256::new(), expected));
        let watched = Self {
            path: path.to_owned(),
            collection,
            file,
            stamp: Stamp::of(&metadata),
            digest: blake3::Hasher::new(),
            checksum,
            length: 0,
            last: None,
        };
        Ok(BufReader::with_capacity(1 << 16, watched))
    }

    /// Goes to this offset, to read a part once more. What is read from there is proved by a digest of its own: such a
    /// watch cannot end as one of the whole file.
    pub(crate) fn go_to(&mut self, offset: u64) -> io::Result<()> {
        self.file.seek(SeekFrom::Start(offset)).map(drop)
    }

    /// Ends the watch.
    ///
    /// # Errors
    ///
    /// [`ReadError::Incomplete`] if bytes are left, or the file is not what it was when it was opened, or the side
    /// file has another checksum.
    pub(crate) fn finish(mut self) -> Result<Whole, ReadError> {
        let path = self.path.display().to_string();
        let incomplete = |reason: String| ReadError::incomplete(self.collection, reason);
        let rest = io::copy(&mut self.file, &mut io::sink()).map_err(|error| incomplete(format!("{path}: {error}")))?;
        let after = std::fs::metadata(&self.path)
            .map_err(|error| incomplete(format!("{path} went away while it was read: {error}")))?;
        if rest > 0 || Stamp::of(&after) != self.stamp || self.length != self.stamp.length {
            return Err(incomplete(format!("{path} changed while it was read; it will be read again at the next run")));
        }
        let checksum_agreed = match self.checksum {
            None => false,
            Some((sum, expected)) => {
                let found: String = sum.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
                if found != expected {
                    return Err(incomplete(format!(
                        "{path} is not the file that {path}.sha256 was made for (SHA-256 {found}, expected {expected}); \
                         it was cut, changed, or copied without its side file"
                    )));
                }
                true
            }
        };
        Ok(Whole {
            digest: self.digest.finalize().to_hex().to_string(),
            length: self.length,
            ends_in_line_end: self.last == Some(b'\n'),
            checksum_agreed,
        })
    }
}

impl Read for Watched {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read(buffer)?;
        let bytes = &buffer[..count];
        self.digest.update(bytes);
        if let Some((sum, _)) = &mut self.checksum {
            sum.update(bytes);
        }
        self.length += count as u64;
        self.last = bytes.last().copied().or(self.last);
        Ok(count)
    }
}

fn cannot_open(path: &Path, error: &io::Error) -> ReadError {
    let file = path.display().to_string();
    match error.kind() {
        io::ErrorKind::PermissionDenied => ReadError::Denied {
            identity: "the user that Rollcall runs as".to_owned(),
            what: file,
            reason: "the system refuses it; give that user the right to read the file and to enter its folders"
                .to_owned(),
        },
        io::ErrorKind::NotFound => ReadError::Unreachable {
            server: file,
            reason: "there is no such file; put it there, or correct the path in the settings".to_owned(),
        },
        _ => ReadError::Unreachable { server: file, reason: error.to_string() },
    }
}

/// The checksum in `FILE.sha256`, if that file is there: its first word, as sha256sum writes it.
fn side_file(path: &Path, collection: &'static str) -> Result<Option<String>, ReadError> {
    let mut side = path.as_os_str().to_owned();
    side.push(".sha256");
    let side = PathBuf::from(side);
    let text = match std::fs::read_to_string(&side) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => {
            return Err(ReadError::incomplete(collection, format!("{} cannot be read: {error}", side.display())));
        }
    };
    let word = text.split_whitespace().next().unwrap_or_default().trim_start_matches('\\').to_lowercase();
    if word.len() == 64 && word.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return Ok(Some(word));
    }
    Err(ReadError::incomplete(
        collection,
        format!("{} does not begin with a SHA-256 checksum; write it with sha256sum, or remove it", side.display()),
    ))
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    /// Opens a file, does something to it, reads it to its end, and returns what the watch says.
    fn watched(meanwhile: impl FnOnce(&Path)) -> Result<Whole, String> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("staff.csv");
        std::fs::write(&path, "id\n1\n").unwrap();
        let mut reading = Watched::open(&path, "users", 1).map_err(|error| error.to_string())?;
        meanwhile(&path);
        let mut text = String::new();
        reading.read_to_string(&mut text).unwrap();
        reading.into_inner().finish().map_err(|error| error.to_string())
    }

    #[test]
    fn a_file_that_nobody_touches_is_whole() {
        let whole = watched(|_| {}).unwrap();
        assert_eq!((whole.length, whole.ends_in_line_end, whole.checksum_agreed), (5, true, false));
        assert_eq!(whole.digest, blake3::hash(b"id\n1\n").to_hex().to_string());
    }

    #[test]
    fn a_file_that_grows_shrinks_or_is_exchanged_while_it_is_read_is_not() {
        let append = |path: &Path| {
            std::fs::OpenOptions::new().append(true).open(path).unwrap().write_all(b"2\n").unwrap();
        };
        let truncate = |path: &Path| std::fs::write(path, "id\n").unwrap();
        let exchange = |path: &Path| {
            let other = path.with_extension("new");
            std::fs::write(&other, "id\n1\n").unwrap();
            std::fs::rename(other, path).unwrap();
        };
        for meanwhile in [append as fn(&Path), truncate, exchange] {
            assert!(watched(meanwhile).unwrap_err().contains("changed while it was read"));
        }
        assert!(
            watched(|path| std::fs::remove_file(path).unwrap()).unwrap_err().contains("went away while it was read")
        );
    }

    #[test]
    fn a_reader_that_stops_early_proves_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("staff.csv");
        std::fs::write(&path, "id\n1\n").unwrap();
        let reading = Watched::open(&path, "users", 1).unwrap();
        assert!(reading.into_inner().finish().is_err());
    }
}
