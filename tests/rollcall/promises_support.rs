//! A small organization for tests of whole runs: a directory in a file, an application on loopback, and a snapshot in
//! memory or on disk.

use std::path::Path;
use std::sync::Arc;

use rollcall::config::{self, Organization};
use rollcall::demo::sandbox::{AccountView, Sandbox};
use rollcall::guard::Reviewed;
use rollcall::run::{Clock, RunError, RunRecord, Session};
use rollcall::snapshot::{MemoryStore, SledStore, Store};
use serde_json::{Value, json};

/// The organization, and where its parts are.
pub(crate) struct House {
    pub(crate) folder: tempfile::TempDir,
    pub(crate) sandbox: Sandbox,
    pub(crate) store: Arc<dyn Store>,
    /// What stands in the configuration besides directory and target.
    pub(crate) extra: String,
    /// What stands in the target's table besides its URL and token.
    pub(crate) target_extra: String,
    /// The table of another directory than the file.
    pub(crate) elsewhere: Option<String>,
}

impl House {
    pub(crate) fn new() -> Self {
        Self::with(Arc::new(MemoryStore::new()))
    }

    pub(crate) fn with(store: Arc<dyn Store>) -> Self {
        let house = Self {
            folder: tempfile::tempdir().unwrap(),
            sandbox: Sandbox::start().unwrap(),
            store,
            extra: String::new(),
            target_extra: String::new(),
            elsewhere: None,
        };
        house.directory(&[]);
        house
    }

    /// On sled, in a folder of its own.
    pub(crate) fn on_disk(state: &Path) -> Self {
        Self::with(Arc::new(SledStore::open(state).unwrap()))
    }

    /// Writes the directory: users with id and status, and one group with all of them, `staff`.
    pub(crate) fn directory(&self, users: &[(&str, &str)]) {
        let members: Vec<&str> = users.iter().map(|(id, _)| *id).collect();
        let users: Vec<Value> = users.iter().map(|(id, status)| user(id, id, status)).collect();
        self.write(&users, &members);
    }

    pub(crate) fn write(&self, users: &[Value], members: &[&str]) {
        let document = json!({
            "users": users,
            "groups": [{ "id": "g-staff", "name": "staff", "members": members }],
            "count": users.len(),
        });
        std::fs::write(self.folder.path().join("people.json"), document.to_string()).unwrap();
    }

    pub(crate) fn organization(&self) -> Organization {
        self.organization_at(&self.sandbox)
    }

    pub(crate) fn organization_at(&self, sandbox: &Sandbox) -> Organization {
        let folder = self.folder.path();
        let token = folder.join("token");
        private_file(&token, sandbox.token());
        let file = || format!("connector = \"file\"\nusers = \"{}/people.json\"", folder.display());
        let text = format!(
            r#"
state_dir = "{folder}"

[organization.acme]
domains = ["acme.com", "example.test"]
{extra}

[organization.acme.directory]
{directory}

[[organization.acme.role]]
group = "staff"
role = "editor"

[organization.acme.target]
kind = "scim"
url = "{url}"
token = {{ file = "{token}" }}
http = {{ attempts = 1, max_wait = "1s" }}
{target}
"#,
            folder = folder.display(),
            extra = self.extra,
            directory = self.elsewhere.clone().unwrap_or_else(file),
            url = sandbox.url(),
            token = token.display(),
            target = self.target_extra,
        );
        let mut configuration = config::parse(folder.join("config.toml"), &text).unwrap();
        configuration.organizations.remove("acme").unwrap()
    }

    pub(crate) fn session(&self) -> Arc<Session> {
        Arc::new(Session::with_store(self.organization(), Arc::clone(&self.store)).unwrap())
    }

    /// A session at another time.
    pub(crate) fn session_at(&self, clock: Clock) -> Arc<Session> {
        let session = Session::with_store(self.organization(), Arc::clone(&self.store)).unwrap();
        Arc::new(session.with_clock(clock))
    }

    /// Plans, and ends the run with its plan.
    pub(crate) async fn plan(&self) -> Result<Reviewed, RunError> {
        Ok(self.session().plan(&|_| {}).await?.end_with_plan()?.1)
    }

    /// Plans, approves whatever holds the plan, and applies.
    pub(crate) async fn settle(&self) -> RunRecord {
        let (run, reviewed) = self.session().plan(&|_| {}).await.unwrap().into_parts();
        let approved = match reviewed {
            Reviewed::Cleared(approved) => approved,
            Reviewed::Parted(parted) => parted.into_held().approve("ada", "in a test"),
            Reviewed::Held(held) => held.approve("ada", "in a test"),
        };
        run.apply(approved, &|_| {}).await.unwrap()
    }

    pub(crate) fn account(&self, id: &str) -> Option<AccountView> {
        self.sandbox.users().into_iter().find(|account| account.user_name == format!("{id}@acme.com"))
    }

    pub(crate) fn is_in(&self, id: &str) -> bool {
        self.account(id).is_some_and(|account| account.active)
    }
}

/// Writes a file that only its owner can read.
pub(crate) fn private_file(path: &Path, text: &str) {
    use std::os::unix::fs::OpenOptionsExt;
    let mut file = std::fs::OpenOptions::new();
    let mut file = file.write(true).create(true).truncate(true).mode(0o600).open(path).unwrap();
    std::io::Write::write_all(&mut file, text.as_bytes()).unwrap();
}

/// A user with an id, the local part of their address, and a status.
pub(crate) fn user(id: &str, local: &str, status: &str) -> Value {
    json!({ "id": id, "login": local, "status": status, "email": format!("{local}@acme.com"), "name": local })
}

/// Active people by their ids.
pub(crate) fn active<'a>(ids: &[&'a str]) -> Vec<(&'a str, &'static str)> {
    ids.iter().map(|id| (*id, "active")).collect()
}
