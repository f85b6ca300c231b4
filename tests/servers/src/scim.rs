//! SCIM servers that nobody here wrote, from PyPI and npm.

use std::io::Write;
use std::path::Path;

use tempfile::NamedTempFile;

use crate::{Running, free_port};

/// Which server, and what it cannot do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScimKind {
    /// scim2-server by its own command: conforming, strict, a connection for each request.
    Scim2,
    /// scim2-server with cursor paging (RFC 9865) only, 25 resources a page.
    Scim2Cursor,
    /// scim2-server without PATCH.
    Scim2NoPatch,
    /// scim2-server without filters.
    Scim2NoFilter,
    /// scim2-server without ETags.
    Scim2NoEtag,
    /// SCIMMY on Express 4: `userName` filters mind the case, members are added twice.
    Scimmy,
    /// SCIMMY on Express 5: every page is the first page.
    Scimmy5,
}

impl ScimKind {
    /// The name that `tests/servers/scim.sh` knows.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Scim2 => "scim2-server",
            Self::Scim2Cursor => "scim2-cursor",
            Self::Scim2NoPatch => "scim2-no-patch",
            Self::Scim2NoFilter => "scim2-no-filter",
            Self::Scim2NoEtag => "scim2-no-etag",
            Self::Scimmy => "scimmy",
            Self::Scimmy5 => "scimmy5",
        }
    }
}

/// An empty SCIM server on loopback that runs until this is dropped.
#[derive(Debug)]
pub struct ScimServer {
    running: Running,
    token: NamedTempFile,
}

impl ScimServer {
    /// Starts one.
    ///
    /// # Panics
    ///
    /// If it does not come up: `tests/servers/install-scim.sh` has to have been run.
    #[must_use]
    #[allow(clippy::expect_used, reason = "only tests call this")]
    pub fn start(kind: ScimKind) -> Self {
        let running = Running::start("scim.sh", &[kind.name(), &free_port().to_string()], &[]);
        let mut token = NamedTempFile::new().expect("a temporary file");
        token.write_all(running.fact("TOKEN").as_bytes()).expect("a temporary file that can be written");
        Self { running, token }
    }

    /// The base URL, to which `/Users` is appended.
    #[must_use]
    pub fn url(&self) -> &str {
        self.running.fact("URL")
    }

    /// The bearer token.
    #[must_use]
    pub fn token(&self) -> &str {
        self.running.fact("TOKEN")
    }

    /// A file with the bearer token that only its owner can read.
    #[must_use]
    pub fn token_file(&self) -> &Path {
        self.token.path()
    }
}
