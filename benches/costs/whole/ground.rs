//! What every scene stands on: the binary, the folder, the servers and the limits as processes of their own.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use rollcall_test_servers::Running;
use rollcall_test_servers::measured::Taken;
use rollcall_test_servers::scim_sink::Counts;
use rollcall_test_servers::site::Site;

/// Requests in flight: what the target's settings allow unless they say otherwise.
const LANES: &str = "8";

/// The ground.
pub(crate) struct Ground {
    /// How many people the company has.
    pub(crate) people: u32,
    program: PathBuf,
}

/// An application in a process of its own.
pub(crate) struct Sink(Running);

impl Ground {
    /// The ground for a company of this size.
    pub(crate) fn new(people: u32) -> Self {
        Self { people, program: std::env::current_exe().unwrap() }
    }

    /// An empty installation of the release binary, or of the one that `ROLLCALL_BINARY` names, on the disk on which the
    /// build lies.
    pub(crate) fn site() -> Site {
        let binary = std::env::var("ROLLCALL_BINARY").unwrap_or_else(|_| env!("CARGO_BIN_EXE_rollcall").to_owned());
        Site::new(Path::new(env!("CARGO_TARGET_TMPDIR")), Path::new(&binary)).unwrap()
    }

    /// An application that answers at once, or after a delay, or so many calls a second.
    pub(crate) fn sink(&self, delay: Duration, per_second: Option<u32>) -> Sink {
        let limit = per_second.map_or_else(|| "-".to_owned(), |limit| limit.to_string());
        Sink(self.serve(&["sink", &delay.as_millis().to_string(), &limit]))
    }

    /// A server that this program is as a child.
    pub(crate) fn serve(&self, role: &[&str]) -> Running {
        let arguments: Vec<&str> = std::iter::once("child").chain(role.iter().copied()).collect();
        Running::start(self.program.to_str().unwrap(), &arguments, &[])
    }

    /// A limit that this program measures as a child.
    pub(crate) fn limit(&self, role: &[&str]) -> Taken {
        Taken::by(Command::new(&self.program).arg("child").args(role)).unwrap().ending_with(0)
    }

    /// How long a bare loop needs to post so many accounts, without its own start.
    pub(crate) fn bare_posts(&self, sink: &Sink, calls: u32) -> Duration {
        let taken = self.limit(&["post", sink.url(), &calls.to_string(), LANES]);
        Duration::from_secs_f64(taken.out.trim().parse().unwrap())
    }

    /// A goal that is set for a million people, for as many as there are; at least this.
    pub(crate) fn share_of(&self, million: Duration, least: Duration) -> Duration {
        million.mul_f64(f64::from(self.people) / 1e6).max(least)
    }
}

impl Sink {
    /// The base URL.
    pub(crate) fn url(&self) -> &str {
        self.0.fact("URL")
    }

    /// What it was asked, and what it holds.
    pub(crate) fn counts(&self) -> Counts {
        let place = self.url().trim_start_matches("http://").split('/').next().unwrap();
        let mut stream = TcpStream::connect(place).unwrap();
        write!(stream, "GET /counts HTTP/1.1\r\nhost: {place}\r\nconnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (_, body) = answer.split_once("\r\n\r\n").unwrap();
        serde_json::from_str(body).unwrap()
    }
}
