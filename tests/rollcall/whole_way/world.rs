//! One organization between two real servers: its configuration in a folder of its own, and the binary to run on it.
//!
//! The binary is driven as a person would drive it: a configuration file, arguments, an exit code, what it prints. What
//! it did is read from the target over plain HTTP by a client of this module's own, so that a mistake in the engine's
//! client cannot hide itself.

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};

use rollcall_test_servers::ldap::{DirectoryServer, FaultProxy};
use rollcall_test_servers::scim::ScimServer;
use serde_json::{Value as Json, json};
use tempfile::TempDir;

/// How the target is told of roles.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Delivery {
    /// In the accounts' `roles`.
    Attribute,
    /// By membership in a group named like the role.
    Groups,
}

/// A configuration in a folder of its own.
pub(crate) struct World {
    folder: TempDir,
    /// What stands in the configuration file.
    pub(crate) config: Json,
}

/// A run of the binary that has ended.
#[derive(Debug)]
pub(crate) struct Ran {
    arguments: Vec<String>,
    code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl World {
    /// Everybody below `ou=people` and every group below `ou=groups`, over TLS, into this target.
    pub(crate) fn between(directory: &impl DirectoryServer, target: &ScimServer) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (dn, password) = directory.reader();
        let base = directory.base();
        let config = json!({
            "state_dir": "state",
            "organization": { "acme": {
                "domains": ["example.com"],
                "directory": {
                    "connector": "ldap",
                    "servers": [directory.ldaps_url()],
                    "ca_file": directory.ca_file(),
                    "bind_dn": dn,
                    "bind_password": { "file": "reader.password" },
                    "ignorable_referrals": [format!("ou=elsewhere,ou=people,{base}")],
                    "users": { "bases": [format!("ou=people,{base}")] },
                    "groups": { "bases": [format!("ou=groups,{base}")], "leaves_names": directory.leaves_names() },
                    "timeouts": { "connect": "5s", "answer": "30s" },
                },
                "target": {
                    "kind": "scim",
                    "url": target.url(),
                    "token": { "file": target.token_file() },
                    "http": { "attempts": 3, "max_wait": "2s", "connect_timeout": "5s" },
                },
            }},
        });
        let world = Self { folder, config };
        world.set_password(password);
        world
    }

    /// The organization's part of the configuration.
    pub(crate) fn organization(&mut self) -> &mut Json {
        &mut self.config["organization"]["acme"]
    }

    /// The directory's part.
    pub(crate) fn directory(&mut self) -> &mut Json {
        &mut self.organization()["directory"]
    }

    /// The target's part.
    pub(crate) fn target(&mut self) -> &mut Json {
        &mut self.organization()["target"]
    }

    /// Which group gives which role, and how the target is told.
    pub(crate) fn with_roles(mut self, delivery: Delivery, rules: &[(&str, &str)]) -> Self {
        let rules: Vec<Json> = rules.iter().map(|(group, role)| json!({ "group": group, "role": role })).collect();
        self.organization()["role"] = rules.into();
        self.target()["roles"] = match delivery {
            Delivery::Attribute => "roles".into(),
            Delivery::Groups => "groups".into(),
        };
        self
    }

    /// Reads in clear text through a proxy that misbehaves, in small pages and without patience, until
    /// [`World::straight_to`].
    pub(crate) fn through(&mut self, proxy: &FaultProxy) {
        let directory = self.directory();
        directory["servers"] = json!([proxy.url()]);
        directory["danger_clear_text"] = true.into();
        directory["page_size"] = 100.into();
        directory["timeouts"] = json!({ "connect": "2s", "bind": "2s", "answer": "1s" });
        directory.as_object_mut().unwrap().remove("ca_file");
    }

    /// Reads over TLS from the directory itself.
    pub(crate) fn straight_to(&mut self, server: &impl DirectoryServer) {
        let directory = self.directory();
        directory["servers"] = json!([server.ldaps_url()]);
        directory["ca_file"] = json!(server.ca_file());
        directory["timeouts"] = json!({ "connect": "5s", "answer": "30s" });
        directory.as_object_mut().unwrap().remove("danger_clear_text");
    }

    /// Gives the reader this password.
    pub(crate) fn set_password(&self, password: &str) {
        self.secret("reader.password", password);
    }

    /// Keeps a secret in a file that nobody else may read, and yields its path.
    pub(crate) fn secret(&self, name: &str, value: &str) -> PathBuf {
        let file = self.path(name);
        std::fs::write(&file, value).unwrap();
        std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
        file
    }

    /// A path in this world's folder.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Runs the binary to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Ran {
        let output = self.command(arguments).output().unwrap();
        Ran::new(arguments, &output)
    }

    /// Runs the binary to its end with everything logged at this level, that of the libraries too.
    pub(crate) fn run_logging(&self, arguments: &[&str], level: &str) -> Ran {
        let output = self.command(arguments).env("ROLLCALL_LOG", level).output().unwrap();
        Ran::new(arguments, &output)
    }

    /// Names of the files in this world's folder that contain a text.
    pub(crate) fn holders(&self, text: &str) -> Vec<String> {
        crate::command_secrets::holders(self.folder.path(), text)
    }

    /// Starts the binary and lets it run.
    pub(crate) fn start(&self, arguments: &[&str]) -> Child {
        self.command(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
    }

    /// Waits for what was started.
    pub(crate) fn end(arguments: &[&str], child: Child) -> Ran {
        Ran::new(arguments, &child.wait_with_output().unwrap())
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let file = self.path("config.toml");
        std::fs::write(&file, toml::to_string(&self.config).unwrap()).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_rollcall"));
        command.arg("--config").arg(file).args(arguments).current_dir(self.folder.path()).stdin(Stdio::null());
        for variable in ["RUST_LOG", "HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY"] {
            command.env_remove(variable);
        }
        command
    }

    /// The plan as a program reads it.
    pub(crate) fn plan(&self) -> Json {
        self.run(&["plan", "--format", "json", "--all"]).expect(0).json()
    }

    /// Applies what is pending. The seeds always have people who are refused, such as two with one address, and the exit
    /// code tells of them.
    pub(crate) fn apply(&self) -> Ran {
        self.apply_and(&["apply", "--yes"])
    }

    /// The same with arguments: nothing failed and nobody was skipped.
    pub(crate) fn apply_and(&self, arguments: &[&str]) -> Ran {
        let ran = self.run(arguments).expect(4);
        for word in [" failed", " skipped"] {
            assert!(!ran.last_line().contains(word), "{ran}");
        }
        ran
    }

    /// Plans, and finds nothing to do.
    pub(crate) fn expect_nothing_pending(&self) {
        let ran = self.run(&["plan", "--detailed-exitcode"]).expect(0);
        assert_eq!(changes(&self.plan()), [""; 0], "{ran}");
    }

    /// How the organization stands.
    pub(crate) fn status(&self) -> Json {
        self.run(&["status", "--format", "json"]).expect(0).json()["organizations"][0].clone()
    }
}

impl Ran {
    fn new(arguments: &[&str], output: &Output) -> Self {
        Self {
            arguments: arguments.iter().map(|&argument| argument.to_owned()).collect(),
            code: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// It ended with this exit code.
    pub(crate) fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{self}");
        self
    }

    /// It ended with one of these exit codes.
    pub(crate) fn expect_one_of(self, codes: &[i32]) -> Self {
        assert!(self.code.is_some_and(|code| codes.contains(&code)), "none of {codes:?}: {self}");
        self
    }

    /// Somewhere it says each of these.
    pub(crate) fn says(self, parts: &[&str]) -> Self {
        for part in parts {
            assert!(self.stdout.contains(part) || self.stderr.contains(part), "it does not say {part:?}: {self}");
        }
        self
    }

    fn last_line(&self) -> &str {
        self.stdout.trim_end().lines().last().unwrap_or_default()
    }

    /// What it printed, as JSON.
    pub(crate) fn json(&self) -> Json {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("no JSON ({error}): {self}"))
    }
}

impl std::fmt::Display for Ran {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { arguments, code, stdout, stderr } = self;
        let shown = |text: &str| text.chars().take(20000).collect::<String>();
        write!(
            f,
            "rollcall {arguments:?} ended with {code:?}\n-- stdout\n{}\n-- stderr\n{}",
            shown(stdout),
            shown(stderr)
        )
    }
}

/// A plan's changes, one line each, sorted: `update ann@example.com name="Ann Lee"`, `grant-role ann@example.com admin`.
pub(crate) fn changes(document: &Json) -> Vec<String> {
    let mut lines: Vec<String> = document["plan"]["changes"].as_array().unwrap().iter().map(line).collect();
    lines.sort();
    lines
}

fn line(change: &Json) -> String {
    let (subject, action) = (&change["subject"], &change["action"]);
    let text = |value: &Json| value.as_str().unwrap_or_default().to_owned();
    let whom = if subject["kind"] == "group" { text(&subject["name"]) } else { text(&subject["label"]).to_lowercase() };
    let mut line = format!("{} {whom}", text(&action["do"]));
    if let Some(role) = action["role"].as_str() {
        line.push_str(&format!(" {role}"));
    }
    for change in action["changes"].as_array().into_iter().flatten() {
        line.push_str(&format!(" {}={}", text(&change["attribute"]), change["after"]));
    }
    line
}

/// The reason codes of a plan's refusals with whom they concern, sorted.
pub(crate) fn refusals(document: &Json) -> Vec<String> {
    let refusals = document["plan"]["refusals"].as_array().unwrap().iter();
    let mut lines: Vec<String> = refusals
        .map(|refusal| {
            let text = |name: &str| refusal[name].as_str().unwrap_or_default().to_lowercase();
            format!("{} {}", text("reason"), text("label"))
        })
        .collect();
    lines.sort();
    lines
}

/// Whether a file can be read by its owner only.
pub(crate) fn is_private(path: &Path) -> bool {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o077 == 0
}
