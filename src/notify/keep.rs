//! The file in which the book and what waits to be sent survive a restart.

use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::book::Book;
use super::notice::Notice;

/// The version of the file. A later one is not understood, and is never written over.
const VERSION: u32 = 1;

/// All that is kept.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Kept {
    /// The version of the file.
    pub version: u32,
    /// What was told.
    pub book: Book,
    /// What was not received yet, oldest first.
    pub waiting: Vec<Waiting>,
}

/// A notice that one channel did not receive yet.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Waiting {
    /// The channel's id.
    pub channel: String,
    /// The notice.
    pub notice: Notice,
    /// How often it was tried.
    pub attempts: u32,
    /// When it is tried next.
    pub next: Timestamp,
}

/// Why the file cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum NotifyError {
    /// It cannot be read or written.
    #[error("what was told already cannot be kept in {path}: {reason}")]
    File {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        reason: std::io::Error,
    },
    /// It is of a later version, or damaged.
    #[error(
        "{path} is not understood ({reason}); use the version of Rollcall that wrote it, or move the file away: then \
         everything that holds now is told once more"
    )]
    NotUnderstood {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
}

/// Reads the file; without one nothing was told.
pub(super) fn read(path: &Path) -> Result<Kept, NotifyError> {
    let text = match std::fs::read(path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Ok(Kept { version: VERSION, ..Kept::default() });
        }
        Err(reason) => return Err(NotifyError::File { path: path.to_owned(), reason }),
    };
    let refuse = |reason: String| NotifyError::NotUnderstood { path: path.to_owned(), reason };
    let value: serde_json::Value = serde_json::from_slice(&text).map_err(|error| refuse(error.to_string()))?;
    match value["version"].as_u64() {
        Some(version) if version == u64::from(VERSION) => {
            serde_json::from_value(value).map_err(|error| refuse(error.to_string()))
        }
        version => Err(refuse(format!("version {version:?} instead of {VERSION}"))),
    }
}

/// Replaces the file as a whole: after a crash it is the old one or the new one.
pub(super) fn write(path: &Path, kept: &Kept) -> Result<(), NotifyError> {
    let failed = |reason| NotifyError::File { path: path.to_owned(), reason };
    let text = serde_json::to_vec(kept).map_err(|error| failed(error.into()))?;
    let new = path.with_extension("new");
    let mut file =
        std::fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&new).map_err(failed)?;
    file.write_all(&text).and_then(|()| file.sync_all()).map_err(failed)?;
    std::fs::rename(&new, path).map_err(failed)?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    std::fs::File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_read_and_without_a_file_nothing_was_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notices.json");
        let empty = read(&path).unwrap();
        assert_eq!(empty, Kept { version: 1, ..Kept::default() });
        write(&path, &empty).unwrap();
        assert_eq!(read(&path).unwrap(), empty);
    }

    #[test]
    fn a_file_of_a_later_version_is_refused_with_the_remedy_and_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notices.json");
        for text in ["{\"version\":2}", "half"] {
            std::fs::write(&path, text).unwrap();
            let error = read(&path).unwrap_err().to_string();
            assert!(error.contains("move the file away"), "{error}");
        }
    }
}
