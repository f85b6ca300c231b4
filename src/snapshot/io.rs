//! Small things about files that several parts of the snapshot need.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::sync::Arc;

use super::StoreError;

/// An I/O error with its place.
pub(super) fn cannot(path: &Path, what: &str, error: io::Error) -> StoreError {
    match error.kind() {
        io::ErrorKind::StorageFull => {
            StoreError::NoRoom { path: path.display().to_string(), reason: "the disk is full".into() }
        }
        _ => StoreError::Io { path: path.display().to_string(), what: what.to_owned(), source: Arc::new(error) },
    }
}

/// What a panic said.
pub(super) fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "it gave no reason".into())
}

/// Renames, and makes the renaming itself safe from a power cut.
pub(super) fn rename(from: &Path, to: &Path) -> Result<(), StoreError> {
    fs::rename(from, to).map_err(|error| cannot(from, "be renamed", error))?;
    sync_folder(to.parent().unwrap_or(to))
}

/// Makes what was created, renamed or removed in a folder safe from a power cut. A folder that we may enter and not list
/// was not made by us, and its owner's names are theirs to keep.
pub(super) fn sync_folder(folder: &Path) -> Result<(), StoreError> {
    match File::open(folder).and_then(|folder| folder.sync_all()) {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Ok(()),
        synced => synced.map_err(|error| cannot(folder, "be synced", error)),
    }
}

/// Replaces a small file: written under another name, synced, renamed. After a power cut there is the old one or the
/// new one, and never half of one.
pub(super) fn replace(path: &Path, content: &[u8]) -> Result<(), StoreError> {
    replace_with_mode(path, content, 0o666)
}

/// The same of a file that nobody but its owner may read, whatever folder it lies in.
pub(super) fn replace_private(path: &Path, content: &[u8]) -> Result<(), StoreError> {
    replace_with_mode(path, content, 0o600)
}

fn replace_with_mode(path: &Path, content: &[u8], mode: u32) -> Result<(), StoreError> {
    let unfinished = path.with_extension("new");
    let write = || {
        let mut file = File::options().create(true).truncate(true).write(true).mode(mode).open(&unfinished)?;
        file.write_all(content)?;
        file.sync_all()
    };
    write().map_err(|error| cannot(path, "be written", error))?;
    rename(&unfinished, path)
}
