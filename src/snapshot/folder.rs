//! The folder of a snapshot, which nobody but its owner and his group may enter.
//!
//! Mirror, ledger and history hold people's names, addresses and roles. sled makes its files readable by everybody, so
//! what keeps others out is the folder around them.

use std::fs::{self, DirBuilder, Permissions};
use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::Path;

use super::StoreError;
use super::disk::cannot;

/// What others may do with a folder.
const OTHERS: u32 = 0o007;

/// Makes the folder, and those above it that are missing, for their owner alone; takes the right to look into it from
/// others if it is there already. What its group may do stays, so that administrators can be let in on purpose.
///
/// # Errors
///
/// If it cannot be made, or if it is open to others and somebody else's, so that it cannot be closed.
pub(super) fn make(directory: &Path) -> Result<(), StoreError> {
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(directory)
        .map_err(|error| cannot(directory, "be made", &error))?;
    let failed = |error| cannot(directory, "be closed to others (chmod o-rwx)", &error);
    let mode = fs::metadata(directory).map_err(failed)?.permissions().mode() & 0o7777;
    if mode & OTHERS == 0 {
        return Ok(());
    }
    fs::set_permissions(directory, Permissions::from_mode(mode & !OTHERS)).map_err(failed)
}

#[cfg(test)]
mod tests {
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
    fn a_folder_that_others_could_enter_is_closed_to_them_and_stays_open_to_its_group() {
        let folder = tempfile::tempdir().unwrap();
        for (before, after) in [(0o755, 0o750), (0o777, 0o770), (0o701, 0o700), (0o2770, 0o2770)] {
            fs::set_permissions(folder.path(), Permissions::from_mode(before)).unwrap();
            make(folder.path()).unwrap();
            assert_eq!(mode(folder.path()), after, "{before:o}");
        }
    }
}
