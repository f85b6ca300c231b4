//! Who else on the machine may write the configuration. Whoever may names the servers, and who is an administrator of
//! the application; so a file that every user of the machine could edit or replace is not read at all.
//!
//! What a group may do stays as it is, so that several administrators can share the file.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use super::error::ConfigError;

/// The right of others to write.
const OTHERS_WRITE: u32 = 0o002;

/// In a folder: only their owners may replace the files in it.
const STICKY: u32 = 0o1000;

/// What is wrong with the modes of a file of the configuration, and of the folder in which it lies.
pub(super) fn of_file(path: &Path) -> Vec<ConfigError> {
    let mut errors: Vec<ConfigError> = others_may_write(path, OTHERS_WRITE).into_iter().collect();
    // Where a link leads is where the file can be replaced, and so is where the link stands.
    let real = fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let folders = [path, &real].map(|path| path.parent().filter(|folder| !folder.as_os_str().is_empty()));
    let mut folders: Vec<&Path> = folders.into_iter().map(|folder| folder.unwrap_or(Path::new("."))).collect();
    folders.dedup();
    errors.extend(folders.into_iter().filter_map(|folder| others_may_write(folder, OTHERS_WRITE | STICKY)));
    errors.dedup_by(|a, b| a.message == b.message);
    errors
}

/// What is wrong with the mode of the folder of organizations: there a new file is a new organization.
pub(super) fn of_folder(path: &Path) -> Option<ConfigError> {
    others_may_write(path, OTHERS_WRITE)
}

/// An error if, of these bits of its mode, exactly the right of others to write is set. What cannot be looked at is the
/// business of whoever reads it.
fn others_may_write(path: &Path, bits: u32) -> Option<ConfigError> {
    let mode = fs::metadata(path).ok()?.permissions().mode() & 0o7777;
    (mode & bits == OTHERS_WRITE).then(|| ConfigError {
        file: path.to_owned(),
        place: None,
        key: String::new(),
        message: format!(
            "every user of this machine can write here (mode {mode:04o}), and whoever writes the configuration decides \
             who gets in; take that right away first: chmod o-w {}",
            path.display()
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::load;

    const TEXT: &str = "state_dir = \"state\"\norganization_dir = \"more\"\n";
    const ACME: &str = "domains = [\"acme.com\"]\n[directory]\nconnector = \"file\"\nusers = \"x.json\"\n\
                        [target]\nkind = \"scim\"\nurl = \"https://a.internal\"\ntoken = { env = \"T\" }\n";

    /// A configuration in two files, and what is said of it once this part of it has this mode.
    fn said(part: &str, mode: u32) -> Result<(), String> {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("more")).unwrap();
        fs::write(folder.path().join("config.toml"), TEXT).unwrap();
        fs::write(folder.path().join("more/acme.toml"), ACME).unwrap();
        fs::set_permissions(folder.path().join(part), fs::Permissions::from_mode(mode)).unwrap();
        let loaded = load(folder.path().join("config.toml"));
        loaded.map(drop).map_err(|errors| super::super::error::report(&errors))
    }

    #[test]
    fn a_configuration_that_every_user_could_write_or_replace_is_refused_with_the_remedy() {
        for (part, mode) in
            [("config.toml", 0o646), ("more/acme.toml", 0o666), ("", 0o777), ("more", 0o777), ("more", 0o1777)]
        {
            let said = said(part, mode).unwrap_err();
            assert!(said.contains("chmod o-w") && said.contains(&format!("{mode:04o}")), "{part} {mode:o}: {said}");
            assert!(said.ends_with("1 error in the configuration. Nothing was done.\n"), "{part} {mode:o}: {said}");
        }
    }

    #[test]
    fn a_group_may_share_it_and_a_folder_in_which_only_owners_replace_their_files_is_no_danger() {
        for (part, mode) in
            [("config.toml", 0o664), ("more/acme.toml", 0o644), ("", 0o775), ("", 0o1777), ("more", 0o770)]
        {
            said(part, mode).unwrap();
        }
    }
}
