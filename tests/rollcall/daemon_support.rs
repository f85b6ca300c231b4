//! A daemon for tests: the real binary, listened to as systemd would listen, so that nothing has to be waited for by
//! the clock.

use std::os::unix::net::UnixDatagram;
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
