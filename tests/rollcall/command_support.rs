//! A small installation for the tests of the commands: a folder with a configuration, a directory that is a file, and
//! the sandbox as the application. The commands run as processes of their own, as an administrator runs them.

use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use rollcall::demo::company::{Company, DOMAIN, Group, Person};
use rollcall::demo::sandbox::{AccountView, Sandbox};

/// What a command printed, and how it ended.
pub(super) struct Ran {
    pub(super) code: i32,
    pub(super) out: String,
    pub(super) err: String,
}

impl Ran {
    /// Asserts the exit code, and shows what was printed if it is another.
    #[track_caller]
    pub(super) fn ends_with(self, code: i32) -> Self {
        assert_eq!(self.code, code, "standard output:\n{}\nstandard error:\n{}", self.out, self.err);
        self
    }

    /// Everything that was printed, for a golden file.
    pub(super) fn whole(&self) -> String {
        let part = |name: &str, text: &str| if text.is_empty() { String::new() } else { format!("[{name}]\n{text}") };
        format!("exit code {}\n{}{}", self.code, part("stdout", &self.out), part("stderr", &self.err))
    }

    /// Standard output as JSON: nothing else may stand there.
    #[track_caller]
    pub(super) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {}", self.out))
    }
}

/// One installation.
pub(super) struct Site {
    folder: tempfile::TempDir,
    pub(super) sandbox: Sandbox,
}

impl Site {
    /// An installation with six people, nothing applied yet.
    pub(super) fn new() -> Self {
        let site = Self { folder: tempfile::tempdir().unwrap(), sandbox: Sandbox::start().unwrap() };
        site.write("token", site.sandbox.token());
        site.mode("token", 0o600);
        site.configure("");
        site.directory(&staff());
        site
    }

    /// An installation that has been applied once.
    pub(super) fn settled() -> Self {
        let site = Self::new();
        site.run(&["apply", "--yes"]).ends_with(0);
        site.sandbox.forget_requests();
        site
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(super) fn write(&self, name: &str, text: &str) {
        std::fs::write(self.path(name), text).unwrap();
    }

    pub(super) fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path(name)).unwrap()
    }

    pub(super) fn mode(&self, name: &str, mode: u32) {
        std::fs::set_permissions(self.path(name), std::fs::Permissions::from_mode(mode)).unwrap();
    }

    /// Writes the configuration, with more lines behind those of the organization's roles.
    pub(super) fn configure(&self, more: &str) {
        self.write("config.toml", &self.configuration(more));
    }

    pub(super) fn configuration(&self, more: &str) -> String {
        format!(
            "state_dir = \"state\"\n\n[organization.lumen]\ndomains = [\"{DOMAIN}\"]\n\n\
             [organization.lumen.directory]\nconnector = \"file\"\nusers = \"company.json\"\n\n\
             [[organization.lumen.role]]\ngroup = \"eng\"\nrole = \"editor\"\n\n\
             [organization.lumen.target]\nkind = \"scim\"\nurl = \"{}\"\ntoken = {{ file = \"token\" }}\n\n{more}",
            self.sandbox.url()
        )
    }

    pub(super) fn directory(&self, company: &Company) {
        company.write(self.folder.path()).unwrap();
    }

    /// The command, ready to be run in this installation.
    pub(super) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(rollcall());
        let config: &[&str] = if arguments.contains(&"-c") { &[] } else { &["--config", "config.toml"] };
        command.args(config).args(arguments).current_dir(self.folder.path());
        command.env_remove("ROLLCALL_CONFIG").env_remove("ROLLCALL_LOG").env("USER", "ada").env_remove("SUDO_USER");
        command.stdin(Stdio::null());
        command
    }

    /// Runs a command without a terminal.
    pub(super) fn run(&self, arguments: &[&str]) -> Ran {
        ran(&mut self.command(arguments))
    }

    /// Runs a command on a terminal of 100 columns and answers its question. What is printed there is one stream.
    pub(super) fn run_on_terminal(&self, arguments: &[&str], answer: &str) -> Ran {
        let quoted: Vec<String> = arguments.iter().map(|argument| format!("'{argument}'")).collect();
        let rollcall = rollcall();
        let line = format!("stty -echo cols 100; '{rollcall}' --config config.toml {}", quoted.join(" "));
        let mut command = Command::new("script");
        command.args(["--quiet", "--return", "--command", &line, "/dev/null"]).current_dir(self.folder.path());
        command.env("USER", "ada").env("NO_COLOR", "1").env_remove("SUDO_USER").env("TERM", "dumb");
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut stdin = child.stdin.take().unwrap();
        std::io::Write::write_all(&mut stdin, format!("{answer}\n").as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        drop(stdin);
        let text = String::from_utf8(output.stdout).unwrap().replace('\r', "");
        // The terminal echoes the answer if it comes before the echo is off.
        let text = text.strip_prefix(&format!("{answer}\n")).map(str::to_owned).unwrap_or(text);
        Ran { code: output.status.code().unwrap(), out: text, err: String::from_utf8(output.stderr).unwrap() }
    }

    /// What people have in the application, for comparing before and after.
    pub(super) fn accounts(&self) -> Vec<AccountView> {
        self.sandbox.users()
    }

    /// How many accounts are active.
    pub(super) fn active(&self) -> usize {
        self.accounts().iter().filter(|account| account.active).count()
    }

    /// Asserts against a golden file, without what differs from run to run.
    pub(super) fn golden(&self, name: &str, text: &str) {
        let folder = self.folder.path().to_string_lossy().into_owned();
        let port = self.sandbox.url().rsplit(':').next().and_then(|rest| rest.split('/').next()).unwrap_or_default();
        let text = text.replace(&folder, "[FOLDER]").replace(&format!("127.0.0.1:{port}"), "[HOST]");
        insta::with_settings!({ filters => FILTERS.to_vec() }, { insta::assert_snapshot!(name, text) });
    }
}

const FILTERS: [(&str, &str); 13] = [
    (r"next runs: .*", "next runs: [TIMES]."),
    (r"process \d+", "process [NUMBER]"),
    (r"\d+ bytes", "[NUMBER] bytes"),
    (r"usr-\d+", "usr-[NUMBER]"),
    (r"from snapshot \d+", "from snapshot [NUMBER]"),
    (r"\d{8}-\d{9}-[0-9a-f]{4}", "[RUN]"),
    (r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC", "[TIME]"),
    (r"\b[0-9a-f]{16}(?:[0-9a-f]{16})?\b", "[DIGEST]"),
    (r"\b[0-9a-f]{8}\b", "[SHORT]"),
    (r"\b\d+(\.\d+)? (ms|s|min)\b", "[DURATION]"),
    // A column is as wide as its widest duration, which is nobody's business here.
    (r"\[DURATION\] {2,}", "[DURATION]  "),
    (r"took {2,}applied", "took  applied"),
    (r"(?m)[ \t]+$", ""),
];

/// The binary under test: the one that was built for the tests, or the one that `ROLLCALL_BINARY` names, such as the
/// release binary.
pub(super) fn rollcall() -> String {
    std::env::var("ROLLCALL_BINARY").unwrap_or_else(|_| env!("CARGO_BIN_EXE_rollcall").to_owned())
}

/// Runs a command to its end.
pub(super) fn ran(command: &mut Command) -> Ran {
    let output = command.output().unwrap();
    Ran {
        code: output.status.code().unwrap(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

/// Somebody.
pub(super) fn person(id: &str, login: &str, (given, family): (&str, &str)) -> Person {
    Person {
        id: id.to_owned(),
        login: login.to_owned(),
        name: (given.to_owned(), family.to_owned()),
        department: "Research".to_owned(),
        email: Some(format!("{login}@{DOMAIN}")),
        status: "active".to_owned(),
        contractor: false,
    }
}

/// A group.
pub(super) fn group(id: &str, name: &str, members: &[&str]) -> Group {
    Group { id: id.to_owned(), name: name.to_owned(), members: members.iter().map(|id| (*id).to_owned()).collect() }
}

/// Six people, three of them in `eng`.
pub(super) fn staff() -> Company {
    Company {
        people: vec![
            person("p-1", "ada.king", ("Ada", "King")),
            person("p-2", "bo.li", ("Bo", "Li")),
            person("p-3", "cem.kaya", ("Cem", "Kaya")),
            person("p-4", "dora.vey", ("Dora", "Vey")),
            person("p-5", "eli.stone", ("Eli", "Stone")),
            person("p-6", "fay.moss", ("Fay", "Moss")),
        ],
        groups: vec![group("g-1", "eng", &["p-1", "p-2", "p-3"]), group("g-2", "ops", &["p-4"])],
    }
}

/// The same with a change.
pub(super) fn staff_but(change: impl FnOnce(&mut Company)) -> Company {
    let mut company = staff();
    change(&mut company);
    company
}
