//! The folder of a snapshot, which nobody but its owner and their group may enter.
//!
//! Mirror, ledger and history hold people's names, addresses and roles. sled makes its files readable by everybody, so
//! what keeps others out is the folder around them. Whoever may write in the folder above could put another one in its
//! place, with a history that never was; so that right is taken from others, too.
//!
//! The service runs as a user of its own, and an administrator is root. What root wrote in the service's folder the
//! service could not open, and nothing would be run any more; so root is refused there.

use std::fs::{self, DirBuilder, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::Path;

use nix::unistd::{Uid, User};

use super::StoreError;
use super::io::cannot;

/// What others may do with a folder.
const OTHERS: u32 = 0o007;

/// The right of others to replace what is in a folder, and the mark of a folder in which only owners may.
const OTHERS_WRITE: u32 = 0o002;
const STICKY: u32 = 0o1000;

/// Makes the folder, and those above it that are missing, for their owner alone; takes the right to look into it from
/// others if it is there already, and the right to replace it. What its group may do stays, so that administrators can be
/// let in on purpose.
///
/// # Errors
///
/// If it cannot be made, or if others could enter or replace it and it is somebody else's, so that it cannot be closed.
pub(super) fn make(directory: &Path) -> Result<(), StoreError> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(directory)
        .map_err(|error| cannot(directory, "be made", error))?;
    if let Some(above) = directory.parent().filter(|above| !above.as_os_str().is_empty()) {
        let closed = |mode| if mode & STICKY == 0 { mode & !OTHERS_WRITE } else { mode };
        close(above, closed).map_err(|error| cannot(above, "be closed to others (chmod o-w)", error))?;
    }
    let failed = |error| cannot(directory, "be closed to others (chmod o-rwx)", error);
    close(directory, |mode| mode & !OTHERS).map_err(failed)
}

/// Sends root away from a folder that is another user's, or would be made in one that is.
///
/// # Errors
///
/// If we are root and it is another's: the error says what to do instead.
pub(super) fn refuse_root(directory: &Path) -> Result<(), StoreError> {
    let above = directory.parent().map(fs::metadata);
    let Some(Ok(found)) = [Some(fs::metadata(directory)), above].into_iter().flatten().find(Result::is_ok) else {
        return Ok(());
    };
    if !Uid::effective().is_root() || found.uid() == 0 {
        return Ok(());
    }
    let user = User::from_uid(Uid::from_raw(found.uid())).ok().flatten();
    let user = user.map_or_else(|| format!("'#{}'", found.uid()), |user| user.name);
    Err(StoreError::NotRoots { path: directory.display().to_string(), user })
}

/// Gives a folder the mode that follows from the one it has, if that is another.
fn close(folder: &Path, closed: impl Fn(u32) -> u32) -> io::Result<()> {
    let mode = fs::metadata(folder)?.permissions().mode() & 0o7777;
    if closed(mode) == mode {
        return Ok(());
    }
    fs::set_permissions(folder, Permissions::from_mode(closed(mode)))
}

#[cfg(test)]
mod tests {
    use super::super::store::SledStore;
    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o7777
    }

    #[test]
    fn a_new_folder_is_its_owners_alone() {
        let above = tempfile::tempdir().unwrap();
        let folder = above.path().join("state/acme");
        make(&folder).unwrap();
        assert_eq!((mode(&folder), mode(&above.path().join("state"))), (0o700, 0o700));
    }

    #[test]
    fn root_is_sent_away_from_the_services_folder_and_writes_nothing_there() {
        if !Uid::effective().is_root() {
            return;
        }
        let state = tempfile::tempdir().unwrap();
        std::os::unix::fs::chown(state.path(), Some(4_000_000), None).unwrap();
        let error = SledStore::open(&state.path().join("acme")).err().unwrap().to_string();
        assert!(error.contains("sudo -u '#4000000' rollcall"), "{error}");
        assert_eq!(fs::read_dir(state.path()).unwrap().count(), 0);
    }

    #[test]
    fn a_folder_above_in_which_others_could_replace_it_is_closed_to_their_writing() {
        for (before, after) in [(0o777, 0o775), (0o1777, 0o1777), (0o755, 0o755)] {
            let above = tempfile::tempdir().unwrap();
            fs::set_permissions(above.path(), Permissions::from_mode(before)).unwrap();
            make(&above.path().join("acme")).unwrap();
            assert_eq!(mode(above.path()), after, "{before:o}");
        }
    }

    #[test]
    fn a_folder_that_others_could_enter_is_closed_to_them_and_stays_open_to_its_group() {
        let folder = tempfile::tempdir().unwrap();
        for (before, after) in [(0o755, 0o750), (0o777, 0o770), (0o701, 0o700), (0o2770, 0o2770)] {
            fs::set_permissions(folder.path(), Permissions::from_mode(before)).unwrap();
            make(folder.path()).unwrap();
            assert_eq!(mode(folder.path()), after, "{before:o}");
        }
    }
}
