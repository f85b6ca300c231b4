//! Secrets: references in the configuration, values that cannot be printed.
//!
//! The configuration names where a secret is, never the secret. A [`Secret`] has no `Debug`, no `Display` and no
//! `Serialize`, and is wiped when it is dropped.

use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

/// Where a secret is: `{ env = "NAME" }`, `{ file = "/path" }` or `{ credential = "name" }` (systemd's
/// `LoadCredential=`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum SecretRef {
    /// An environment variable.
    Env(String),
    /// A file that only its owner (and perhaps its group) can read. Surrounding white space is not part of it.
    File(PathBuf),
    /// A credential that systemd placed into `$CREDENTIALS_DIRECTORY`.
    Credential(String),
}

/// A secret value. Read anew each time it is needed, so that it can be rotated without a restart.
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Wraps a value.
    #[must_use]
    pub fn new(value: String) -> Self {
        Self(Zeroizing::new(value))
    }

    /// The value, for the one place that sends it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

/// Why a secret could not be had. Never contains the secret.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The environment has no such variable, or an empty one.
    #[error("the environment variable {0} is not set or empty; set it, or name another place for the secret")]
    NoVariable(String),
    /// systemd gave no credentials to this process.
    #[error(
        "the credential {0} cannot be had: $CREDENTIALS_DIRECTORY is not set. systemd gives credentials to a service alone: \
         add LoadCredential={0}:… to it and start it, and this command works through it"
    )]
    NoCredentials(String),
    /// A credential's name is no file name.
    #[error("{0:?} cannot be the name of a credential: it must be a file name without a path")]
    BadCredentialName(String),
    /// The file cannot be read.
    #[error("the secret file {path} cannot be read: {reason}")]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        reason: std::io::Error,
    },
    /// Others can read the file.
    #[error("the secret file {path} can be read by others (mode {mode:03o}); run chmod 600 {path}")]
    Exposed {
        /// The file.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// The file holds nothing.
    #[error("the secret file {0} is empty")]
    Empty(PathBuf),
}

impl SecretRef {
    /// Lets a relative path start at this folder.
    pub fn start_at(&mut self, folder: &Path) {
        if let Self::File(path) = self {
            *path = folder.join(&path);
        }
    }

    /// Fetches the secret from where it is.
    ///
    /// # Errors
    ///
    /// If it is not there, empty, or in a file that others can read.
    pub fn resolve(&self) -> Result<Secret, SecretError> {
        match self {
            Self::Env(name) => match std::env::var(name) {
                Ok(value) if !value.trim().is_empty() => Ok(Secret::new(value.trim().to_owned())),
                _ => Err(SecretError::NoVariable(name.clone())),
            },
            Self::File(path) => read_closed_file(path),
            Self::Credential(name) => {
                let folder = std::env::var_os("CREDENTIALS_DIRECTORY").map(PathBuf::from);
                read_credential(name, folder.as_deref())
            }
        }
    }
}

/// Reads a credential from systemd's folder, which only the service can enter.
fn read_credential(name: &str, folder: Option<&Path>) -> Result<Secret, SecretError> {
    // A name is a file name: one with a path in it would read any file, past the check of who else can read it.
    if name.is_empty() || name.contains('/') || matches!(name, "." | "..") {
        return Err(SecretError::BadCredentialName(name.to_owned()));
    }
    match folder {
        Some(folder) => read_file(&folder.join(name)),
        None => Err(SecretError::NoCredentials(name.to_owned())),
    }
}

/// Reads a secret file after refusing one that others can read.
fn read_closed_file(path: &Path) -> Result<Secret, SecretError> {
    use std::os::unix::fs::PermissionsExt;
    let unreadable = |reason| SecretError::Unreadable { path: path.to_owned(), reason };
    let mode = std::fs::metadata(path).map_err(unreadable)?.permissions().mode() & 0o777;
    if mode & 0o007 != 0 {
        return Err(SecretError::Exposed { path: path.to_owned(), mode });
    }
    read_file(path)
}

/// Reads a file into a secret, without its surrounding white space.
fn read_file(path: &Path) -> Result<Secret, SecretError> {
    let unreadable = |reason| SecretError::Unreadable { path: path.to_owned(), reason };
    let text = Zeroizing::new(std::fs::read_to_string(path).map_err(unreadable)?);
    let value = text.trim();
    if value.is_empty() {
        return Err(SecretError::Empty(path.to_owned()));
    }
    Ok(Secret::new(value.to_owned()))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    /// This does not compile once `Secret` gains one of these traits: the call would be ambiguous.
    macro_rules! never_implements {
        ($type:ty: $($forbidden:path),+) => {
            $(const _: fn() = || {
                trait Ambiguous<Marker> {
                    fn check() {}
                }
                struct Forbidden;
                impl<T: ?Sized> Ambiguous<()> for T {}
                impl<T: ?Sized + $forbidden> Ambiguous<Forbidden> for T {}
                let _ = <$type as Ambiguous<_>>::check;
            };)+
        };
    }

    never_implements!(Secret: std::fmt::Debug, std::fmt::Display, serde::Serialize, Clone);

    /// A file with these permissions.
    fn file(text: &str, mode: u32) -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("secret");
        std::fs::write(&path, text).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(mode)).unwrap();
        (folder, path)
    }

    fn refusal(reference: &SecretRef) -> String {
        reference.resolve().err().unwrap().to_string()
    }

    #[test]
    fn a_secret_comes_from_the_environment() {
        // PATH is there without a test having to change the environment, which other tests read meanwhile.
        let expected = std::env::var("PATH").unwrap();
        assert_eq!(SecretRef::Env("PATH".to_owned()).resolve().unwrap().expose(), expected.trim());
    }

    #[test]
    fn a_variable_that_is_not_set_is_refused_by_name() {
        let error = refusal(&SecretRef::Env("ROLLCALL_TEST_NO_SUCH_VARIABLE".to_owned()));
        assert!(error.contains("ROLLCALL_TEST_NO_SUCH_VARIABLE is not set or empty"), "{error}");
    }

    #[test]
    fn a_secret_file_is_read_without_the_line_end_that_editors_add() {
        for mode in [0o600, 0o400, 0o640] {
            let (_folder, path) = file(" s3cret with spaces \r\n", mode);
            assert_eq!(SecretRef::File(path).resolve().unwrap().expose(), "s3cret with spaces", "mode {mode:o}");
        }
    }

    #[test]
    fn a_file_that_others_can_read_write_or_run_is_refused_with_the_remedy() {
        for mode in [0o644, 0o604, 0o602, 0o601] {
            let (_folder, path) = file("s3cret", mode);
            let error = refusal(&SecretRef::File(path.clone()));
            assert!(error.contains(&format!("chmod 600 {}", path.display())), "{error}");
            assert!(!error.contains("s3cret"), "{error}");
        }
    }

    #[test]
    fn an_empty_file_is_refused() {
        let (_folder, path) = file(" \n", 0o600);
        assert!(refusal(&SecretRef::File(path)).ends_with("is empty"));
    }

    #[test]
    fn a_file_that_is_missing_or_no_text_is_refused_by_path() {
        let (_folder, path) = file("", 0o600);
        let missing = path.with_extension("gone");
        assert!(refusal(&SecretRef::File(missing.clone())).contains(missing.to_str().unwrap()));
        std::fs::write(&path, [0xff, 0xfe]).unwrap();
        assert!(refusal(&SecretRef::File(path.clone())).contains(path.to_str().unwrap()));
    }

    #[test]
    fn a_rotated_file_is_read_anew() {
        let (_folder, path) = file("first", 0o600);
        let reference = SecretRef::File(path.clone());
        assert_eq!(reference.resolve().unwrap().expose(), "first");
        std::fs::write(&path, "second").unwrap();
        assert_eq!(reference.resolve().unwrap().expose(), "second");
    }

    #[test]
    fn a_credential_is_read_from_systemds_folder_whatever_its_mode() {
        let (folder, _path) = file("s3cret\n", 0o444);
        assert_eq!(read_credential("secret", Some(folder.path())).unwrap().expose(), "s3cret");
    }

    #[test]
    fn a_credential_outside_of_a_service_is_refused_with_the_remedy() {
        let error = read_credential("acme-token", None).err().unwrap().to_string();
        assert!(error.contains("add LoadCredential=acme-token:"), "{error}");
    }

    #[test]
    fn a_credential_whose_name_leads_out_of_the_folder_is_refused() {
        let (folder, _path) = file("s3cret", 0o600);
        for name in ["../secret", "/etc/passwd", "a/b", "..", ""] {
            let error = read_credential(name, Some(folder.path())).err().unwrap();
            assert!(matches!(error, SecretError::BadCredentialName(_)), "{name:?}: {error}");
        }
    }

    #[test]
    fn a_reference_is_written_as_one_key_and_a_bare_value_is_refused() {
        let read = |text: &str| serde_json::from_str::<SecretRef>(text);
        assert_eq!(read(r#"{"env": "TOKEN"}"#).unwrap(), SecretRef::Env("TOKEN".to_owned()));
        assert_eq!(read(r#"{"file": "/t"}"#).unwrap(), SecretRef::File("/t".into()));
        assert_eq!(read(r#"{"credential": "c"}"#).unwrap(), SecretRef::Credential("c".to_owned()));
        assert!(read(r#""s3cret""#).is_err());
        assert!(read(r#"{"value": "s3cret"}"#).is_err());
    }
}
