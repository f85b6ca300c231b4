//! An installation to be measured: a folder, a configuration with one organization, and the binary to run on it.

use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use crate::measured::Taken;
use crate::scim_sink::TOKEN;

/// Limits that let everything through: what is measured is the work, not whether a person is asked.
const NO_LIMITS: &str = "creations = { count = 100000000 }\nupdates = { count = 100000000, share = \"100%\" }\n\
                         attribute_changes = { count = 100000000, share = \"100%\" }\n";

/// The organization's name.
pub const ORGANIZATION: &str = "acme";

/// One installation.
#[derive(Debug)]
pub struct Site {
    folder: TempDir,
    binary: PathBuf,
}

impl Site {
    /// An empty one below this folder, for this binary.
    ///
    /// # Errors
    ///
    /// If the folder cannot be written to.
    pub fn new(below: &Path, binary: &Path) -> io::Result<Self> {
        std::fs::create_dir_all(below)?;
        let site = Self { folder: tempfile::tempdir_in(below)?, binary: binary.to_owned() };
        site.secret("token", TOKEN)?;
        Ok(site)
    }

    /// Writes a file that only its owner can read.
    ///
    /// # Errors
    ///
    /// If it cannot be written.
    pub fn secret(&self, name: &str, text: &str) -> io::Result<()> {
        std::fs::write(self.path(name), text)?;
        std::fs::set_permissions(self.path(name), std::fs::Permissions::from_mode(0o600))
    }

    /// Writes the configuration: the organization's domain, the lines of its directory, the address of its target, and
    /// more tables of its own, such as its roles.
    ///
    /// # Errors
    ///
    /// If it cannot be written.
    pub fn configure(&self, domain: &str, directory: &str, target: &str, more: &str) -> io::Result<()> {
        let name = ORGANIZATION;
        let text = format!(
            "state_dir = \"state\"\n\n[organization.{name}]\ndomains = [\"{domain}\"]\nfirst_plan = \"waived\"\n\
             schedule = {{ full = \"0 0 1 1 *\" }}\n\n[organization.{name}.limits]\n{NO_LIMITS}\n\
             [organization.{name}.target]\nkind = \"scim\"\nurl = \"{target}\"\ntoken = {{ file = \"token\" }}\n\n\
             [organization.{name}.directory]\n{directory}\n\n{more}\n"
        );
        std::fs::write(self.path("config.toml"), text)
    }

    /// A file in it.
    #[must_use]
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The binary with these arguments, ready to be run.
    #[must_use]
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.binary);
        command.args(["--config", "config.toml"]).args(arguments).current_dir(self.folder.path());
        command.env_remove("ROLLCALL_CONFIG").env_remove("ROLLCALL_LOG").env("USER", "ada").env_remove("SUDO_USER");
        command
    }

    /// Runs the binary to its end.
    ///
    /// # Panics
    ///
    /// If it cannot be started.
    #[must_use]
    #[allow(clippy::expect_used, reason = "only tests and measurements call this")]
    pub fn run(&self, arguments: &[&str]) -> Taken {
        Taken::by(&mut self.command(arguments)).expect("the binary can be run")
    }

    /// What the state takes on the disk, in bytes.
    ///
    /// # Panics
    ///
    /// If it cannot be read.
    #[must_use]
    #[allow(clippy::expect_used, reason = "only tests and measurements call this")]
    pub fn state(&self) -> u64 {
        size(&self.path("state")).expect("the state can be read")
    }

    /// Forgets everything that was read and written.
    ///
    /// # Errors
    ///
    /// If the state cannot be removed.
    pub fn forget(&self) -> io::Result<()> {
        match std::fs::remove_dir_all(self.path("state")) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}

/// What the files below a folder take on the disk.
fn size(folder: &Path) -> io::Result<u64> {
    let mut sum = 0;
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        sum += match entry.file_type()?.is_dir() {
            true => size(&entry.path())?,
            false => std::os::unix::fs::MetadataExt::blocks(&entry.metadata()?) * 512,
        };
    }
    Ok(sum)
}
