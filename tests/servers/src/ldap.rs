//! LDAP servers for the tests: OpenLDAP, Samba AD, and a proxy that makes either behave badly.
//!
//! What is seeded is said at the head of `openldap-seed.py` and `samba-seed.py`; each test may change its server as it
//! likes, because it has a copy of its own.

use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::Running;

/// A running OpenLDAP server. See `openldap.sh` for its accounts.
#[derive(Debug)]
pub struct OpenLdap(Running);

/// A running Samba AD domain controller. See `samba.sh` for its accounts.
#[derive(Debug)]
pub struct Samba(Running);

/// A proxy in front of an LDAP server. See `ldap-fault-proxy.py` for what it can do.
#[derive(Debug)]
pub struct FaultProxy(Running);

/// What the tests need to know of a directory server, whichever it is.
pub trait DirectoryServer {
    /// The running script.
    fn running(&self) -> &Running;

    /// The URL for clear text and StartTLS.
    fn ldap_url(&self) -> &str {
        self.running().fact("LDAP_URL")
    }

    /// The URL for TLS from the start.
    fn ldaps_url(&self) -> &str {
        self.running().fact("LDAPS_URL")
    }

    /// The certificate authority that issued the server's certificate.
    fn ca_file(&self) -> PathBuf {
        self.running().fact("CA_FILE").into()
    }

    /// A certificate authority that did not.
    fn other_ca_file(&self) -> PathBuf {
        self.running().fact("OTHER_CA_FILE").into()
    }

    /// The root of the tree.
    fn base(&self) -> &str {
        self.running().fact("BASE")
    }

    /// Whether the groups go on naming people who were deleted.
    fn leaves_names(&self) -> bool {
        false
    }

    /// An account that may read, and its password.
    fn reader(&self) -> (&str, &str) {
        (self.running().fact("BIND_DN"), self.running().fact("BIND_PW"))
    }

    /// An account that may change everything, and its password.
    fn admin(&self) -> (&str, &str) {
        (self.running().fact("ADMIN_DN"), self.running().fact("ADMIN_PW"))
    }

    /// How many users the reader sees below the people's container.
    fn people(&self) -> u64 {
        number(self.running(), "PEOPLE")
    }

    /// How many members the group `big` has.
    fn big_members(&self) -> u64 {
        number(self.running(), "BIG_MEMBERS")
    }

    /// Applies changes as the administrator: LDIF change records, separated by empty lines.
    ///
    /// # Panics
    ///
    /// If the server refuses one of them.
    fn modify(&self, ldif: &str) {
        let (dn, password) = self.admin();
        ldap_modify(self.ldaps_url(), dn, password, ldif);
    }
}

impl OpenLdap {
    /// Starts one with so many ordinary people and groups, and all the odd ones.
    #[must_use]
    pub fn start(users: u32, groups: u32) -> Self {
        Self::start_with(users, groups, &[])
    }

    /// The same, with environment variables for the script, such as `CERTIFICATE=selfsigned`.
    #[must_use]
    pub fn start_with(users: u32, groups: u32, environment: &[(&str, &str)]) -> Self {
        Self(Running::start("openldap.sh", &[&users.to_string(), &groups.to_string()], environment))
    }

    /// Changes the server's configuration (`cn=config`) while it runs: access rights, limits.
    ///
    /// # Panics
    ///
    /// If the server refuses it.
    pub fn configure(&self, ldif: &str) {
        ldap_modify(self.ldaps_url(), self.0.fact("CONFIG_DN"), self.0.fact("CONFIG_PW"), ldif);
    }

    /// Gives this many of the ordinary people another display name, at equal distances, in one request each. A later
    /// round changes the same people again.
    ///
    /// # Panics
    ///
    /// If there are not so many people, or the server refuses it.
    pub fn change_people(&self, users: u32, changed: u32, round: u32) {
        assert!(changed <= users, "{changed} of {users} people cannot be changed");
        let base = self.base();
        let change = |turn: u32| {
            let number = u64::from(turn) * u64::from(users) / u64::from(changed) + 1;
            format!(
                "dn: uid=u{number:07},ou=people,{base}\nchangetype: modify\nreplace: displayName\n\
                 displayName: Changed {round} {number}\n"
            )
        };
        let changes: Vec<String> = (0..changed).map(change).collect();
        if !changes.is_empty() {
            self.modify(&changes.join("\n"));
        }
    }

    /// Takes somebody's name out of every group, as the `refint` overlay does when they are deleted.
    ///
    /// # Panics
    ///
    /// If the server refuses it.
    #[allow(clippy::expect_used, reason = "only tests call this")]
    pub fn unname(&self, dn: &str) {
        let (admin, password) = self.admin();
        let output = Command::new("ldapsearch")
            .args(["-x", "-LLL", "-o", "ldif-wrap=no", "-H", self.ldaps_url(), "-D", admin, "-w", password])
            .args(["-b", self.base(), &format!("(member={dn})"), "1.1"])
            .env("LDAPTLS_REQCERT", "never")
            .output()
            .expect("ldapsearch; run tests/servers/install-debian.sh first");
        let found = String::from_utf8_lossy(&output.stdout);
        let groups = found.lines().filter(|line| line.starts_with("dn:"));
        let changes: Vec<String> =
            groups.map(|group| format!("{group}\nchangetype: modify\ndelete: member\nmember: {dn}\n")).collect();
        assert!(!changes.is_empty(), "no group names {dn}: {}", String::from_utf8_lossy(&output.stderr));
        self.modify(&changes.join("\n"));
    }

    /// Hides this part of the tree from everybody, such as `dn.subtree="ou=x,dc=corp"`, until [`OpenLdap::show`].
    ///
    /// # Panics
    ///
    /// If the server refuses it.
    pub fn hide(&self, what: &str) {
        self.configure(&format!(
            "dn: olcDatabase={{1}}mdb,cn=config\nchangetype: modify\nadd: olcAccess\nolcAccess: {{0}}to {what} by * none\n"
        ));
    }

    /// Takes the last [`OpenLdap::hide`] back.
    ///
    /// # Panics
    ///
    /// If the server refuses it.
    pub fn show(&self) {
        self.configure("dn: olcDatabase={1}mdb,cn=config\nchangetype: modify\ndelete: olcAccess\nolcAccess: {0}\n");
    }

    /// The self-signed certificate, for a server that was started with it.
    #[must_use]
    pub fn self_signed_file(&self) -> PathBuf {
        self.0.fact("SELFSIGNED_FILE").into()
    }

    /// One of the accounts of `openldap.sh`, such as `reader-hard`, and its password.
    #[must_use]
    pub fn account(&self, name: &str) -> (String, String) {
        (format!("cn={name},ou=service,{}", self.base()), format!("{name}-pw"))
    }

    /// How many groups there are.
    #[must_use]
    pub fn groups(&self) -> u64 {
        number(&self.0, "GROUPS_SEEDED")
    }
}

impl DirectoryServer for OpenLdap {
    fn running(&self) -> &Running {
        &self.0
    }

    /// It runs without the `refint` overlay, as OpenLDAP does unless somebody asks for it.
    fn leaves_names(&self) -> bool {
        true
    }
}

impl Samba {
    /// Starts one with so many ordinary people and groups, and all the odd ones. Needs root.
    #[must_use]
    pub fn start(users: u32, groups: u32) -> Self {
        Self(Running::start("samba.sh", &[&users.to_string(), &groups.to_string()], &[]))
    }

    /// Denies the reader this entry and, if it is a container, what is in it.
    ///
    /// # Panics
    ///
    /// If the server's own tool refuses it.
    #[allow(clippy::expect_used, reason = "only tests call this")]
    pub fn hide(&self, dn: &str) {
        let entry = format!("(D;CI;RPLCLORC;;;{})", self.0.fact("READER_SID"));
        let output = Command::new("samba-tool")
            .args(["dsacl", "set", "-H", self.0.fact("DATABASE")])
            .args([format!("--objectdn={dn}"), format!("--sddl={entry}")])
            .output()
            .expect("samba-tool; run tests/servers/install-debian.sh first");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    /// The account that sees nobody below `OU=People`, and its password.
    #[must_use]
    pub fn blind_reader(&self) -> (&str, &str) {
        (self.0.fact("BLIND_DN"), self.0.fact("BLIND_PW"))
    }
}

impl DirectoryServer for Samba {
    fn running(&self) -> &Running {
        &self.0
    }
}

impl FaultProxy {
    /// Starts one in front of a server, in clear text on both sides.
    #[must_use]
    pub fn start(upstream: &str, arguments: &[&str]) -> Self {
        let arguments: Vec<&str> = std::iter::once(upstream).chain(arguments.iter().copied()).collect();
        Self(Running::start("ldap-fault-proxy.py", &arguments, &[]))
    }

    /// Where it listens.
    #[must_use]
    pub fn url(&self) -> &str {
        self.0.fact("LDAP_URL")
    }
}

#[allow(clippy::expect_used, reason = "only tests call this")]
fn number(running: &Running, fact: &str) -> u64 {
    running.fact(fact).parse().expect("a fact that is a number")
}

/// Runs `ldapmodify`. The certificate is not verified: the tests of that are the connector's.
#[allow(clippy::expect_used, reason = "only tests call this")]
fn ldap_modify(url: &str, dn: &str, password: &str, ldif: &str) {
    let mut child = Command::new("ldapmodify")
        .args(["-x", "-H", url, "-D", dn, "-w", password])
        .env("LDAPTLS_REQCERT", "never")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("ldapmodify; run tests/servers/install-debian.sh first");
    child.stdin.take().expect("stdin is piped").write_all(ldif.as_bytes()).expect("ldapmodify reads");
    let output = child.wait_with_output().expect("ldapmodify ends");
    assert!(
        output.status.success(),
        "the server refuses the change: {}\n{ldif}",
        String::from_utf8_lossy(&output.stderr)
    );
}
