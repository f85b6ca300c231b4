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
        "the credential {0} cannot be had: $CREDENTIALS_DIRECTORY is not set; add LoadCredential={0}:… to the service"
    )]
    NoCredentials(String),
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
            Self::Credential(name) => match std::env::var_os("CREDENTIALS_DIRECTORY") {
                Some(directory) => read_file(&Path::new(&directory).join(name)),
                None => Err(SecretError::NoCredentials(name.clone())),
            },
        }
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
