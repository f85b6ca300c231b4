//! A daemon for tests: the real binary, listened to as systemd would listen, so that nothing has to be waited for by
//! the clock.

use std::io::{Read as _, Write as _};
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use super::command_support::Site;

/// Longer than anything takes on a busy machine.
pub(super) const PATIENCE: Duration = Duration::from_secs(120);

/// A schedule that never comes while a test runs.
pub(super) const SELDOM: &str = "[organization.lumen.schedule]\nfull = \"0 0 1 1 *\"\n";

/// A running daemon.
pub(super) struct Daemon {
    pub(super) child: Child,
    told: Receiver<String>,
}

impl Daemon {
    /// Starts one, and waits until it is ready.
    pub(super) fn start(site: &Site) -> Self {
        let daemon = Self::start_without_waiting(site);
        daemon.hear("READY=1");
        daemon
    }

    pub(super) fn start_without_waiting(site: &Site) -> Self {
        Self::start_with(site, &[])
    }

    /// Starts one with these variables in its environment, and waits for nothing.
    pub(super) fn start_with(site: &Site, variables: &[(&str, &Path)]) -> Self {
        let path = site.path("notify");
        let _ = std::fs::remove_file(&path);
        let notified = UnixDatagram::bind(&path).unwrap();
        let (tell, told) = channel();
        // As systemd does, it is always read: a full queue would keep the daemon waiting.
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(length) = notified.recv(&mut buffer) {
                if tell.send(String::from_utf8_lossy(&buffer[..length]).into_owned()).is_err() {
                    return;
                }
            }
        });
        let log = std::fs::File::options().create(true).append(true).open(site.path("log")).unwrap();
        let mut command = site.command(&["-v", "run"]);
        command.envs(variables.iter().copied());
        let child = command.env("NOTIFY_SOCKET", &path).stdout(Stdio::null()).stderr(log).spawn().unwrap();
        Self { child, told }
    }

    /// Waits until the daemon tells systemd something with these words, and returns all of it.
    #[track_caller]
    pub(super) fn hear(&self, words: &str) -> String {
        loop {
            let text = self.told.recv_timeout(PATIENCE).unwrap_or_else(|error| panic!("never heard {words}: {error}"));
            if text.contains(words) {
                return text;
            }
        }
    }

    /// Sends it a signal.
    pub(super) fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([format!("-{name}"), self.child.id().to_string()]).status().unwrap();
        assert!(sent.success());
    }

    /// Waits for its end.
    pub(super) fn ends(mut self) -> Option<i32> {
        self.child.wait().unwrap().code()
    }

    /// Stops it as systemd does, and expects that all is well.
    #[track_caller]
    pub(super) fn stop(self) {
        self.signal("TERM");
        assert_eq!(self.ends(), Some(0));
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Somebody who types `rollcall apply lumen` on a terminal, reads what it would do, and says nothing. They leave when this is
/// dropped.
#[track_caller]
pub(super) fn at_the_question(site: &Site) -> UnixStream {
    let config = site.path("config.toml").canonicalize().unwrap();
    let mut stream = UnixStream::connect(site.path("state/rollcall.sock")).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let request = format!(
        "{{\"version\":2,\"arguments\":[\"apply\",\"lumen\"],\"config\":\"{}\",\"columns\":80,\"can_ask\":true}}\n",
        config.display()
    );
    stream.write_all(request.as_bytes()).unwrap();
    let mut seen = Vec::new();
    let mut buffer = [0; 1024];
    while !String::from_utf8_lossy(&seen).contains("\"is\":\"ask\"") {
        let length = stream.read(&mut buffer).unwrap();
        assert!(length > 0, "{}", String::from_utf8_lossy(&seen));
        seen.extend_from_slice(&buffer[..length]);
    }
    stream
}
