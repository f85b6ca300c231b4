//! Real servers for the tests: OpenLDAP, Samba AD, SCIM servers and receivers of mails and webhooks that nobody here
//! wrote, on loopback; and an Okta organisation, a tenant of Entra ID and a customer of Google Workspace, which nobody
//! serves for tests. For measurements: a SCIM server that is never what they wait for, and companies of any size.
//!
//! `tests/servers/install-debian.sh` and `install-scim.sh` put everything that is needed on the machine, once; each test then starts what it
//! needs. A server is a script that starts it in the foreground, prints `NAME=value` facts and `READY`, and ends its
//! own processes, by their pids, when its standard input closes: so nothing outlives a test, however it dies.

pub mod company;
pub mod gate;
pub mod graph;
pub mod ldap;
pub mod measured;
pub mod okta;
pub mod receivers;
pub mod scim;
pub mod scim_sink;
pub mod site;
pub mod workspace;

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// A server that runs until this is dropped.
#[derive(Debug)]
pub struct Running {
    child: Child,
    facts: BTreeMap<String, String>,
}

impl Running {
    /// Starts `tests/servers/SCRIPT ARGUMENTS…` and waits until it prints `READY`.
    ///
    /// # Panics
    ///
    /// If it ends before that: a test without its server has nothing to say.
    #[must_use]
    #[allow(clippy::panic, clippy::expect_used, reason = "only tests call this")]
    pub fn start(script: &str, arguments: &[&str], environment: &[(&str, &str)]) -> Self {
        let mut child = Command::new(folder().join(script))
            .args(arguments)
            .envs(environment.iter().copied())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| {
                panic!("{script} cannot be started: {error}; run tests/servers/install-*.sh first")
            });
        let output = BufReader::new(child.stdout.take().expect("stdout is piped"));
        let mut facts = BTreeMap::new();
        for line in output.lines().map_while(Result::ok) {
            if line == "READY" {
                return Self { child, facts };
            }
            if let Some((name, value)) = line.split_once('=') {
                facts.insert(name.to_owned(), value.to_owned());
            }
        }
        let _ = child.wait();
        panic!("{script} ended before it was ready; what it said is above")
    }

    /// A fact that the script printed, such as `LDAP_URL`.
    ///
    /// # Panics
    ///
    /// If it printed none of this name.
    #[must_use]
    #[allow(clippy::panic, reason = "only tests call this")]
    pub fn fact(&self, name: &str) -> &str {
        self.facts.get(name).unwrap_or_else(|| panic!("the server's script printed no {name}"))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

/// The folder with the scripts.
#[must_use]
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

/// A port on 127.0.0.1 that was free a moment ago.
///
/// # Panics
///
/// If the machine has none left.
#[must_use]
#[allow(clippy::expect_used, reason = "only tests call this")]
pub fn free_port() -> u16 {
    let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
    listener.local_addr().expect("a bound address").port()
}
