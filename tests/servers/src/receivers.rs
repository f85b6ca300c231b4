//! Receivers of mails, webhooks and traces, from PyPI: what they received lies in a folder, one JSON file each.

use std::path::{Path, PathBuf};

use crate::Running;

/// The key with which webhooks are to be signed: that of the standard's own example.
pub const WEBHOOK_KEY: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// A mail server and a web server on loopback that run until this is dropped.
#[derive(Debug)]
pub struct Receivers {
    running: Running,
    folder: PathBuf,
}

impl Receivers {
    /// Starts both, in a folder of the test. With a certificate and its key, the mail server insists on STARTTLS and
    /// on the sign-in `roll` with the password `call`.
    #[must_use]
    pub fn start(folder: &Path, tls: Option<(&Path, &Path)>) -> Self {
        let paths = [Some(folder), tls.map(|(certificate, _)| certificate), tls.map(|(_, key)| key)];
        let arguments: Vec<String> = paths.into_iter().flatten().map(|path| path.display().to_string()).collect();
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        Self { running: Running::start("receivers.sh", &arguments, &[]), folder: folder.to_owned() }
    }

    /// The port of the mail server on 127.0.0.1.
    ///
    /// # Panics
    ///
    /// If it did not say so.
    #[must_use]
    #[allow(clippy::expect_used, reason = "only tests call this")]
    pub fn smtp_port(&self) -> u16 {
        self.running.fact("SMTP_PORT").parse().expect("a port")
    }

    /// The base of the web server.
    #[must_use]
    pub fn url(&self) -> &str {
        self.running.fact("HTTP_URL")
    }

    /// Lets the web server answer 503, or not any more.
    ///
    /// # Panics
    ///
    /// If the folder is gone.
    #[allow(clippy::expect_used, reason = "only tests call this")]
    pub fn refuse(&self, refuse: bool) {
        let file = self.folder.join("refuse");
        if refuse { std::fs::write(file, "") } else { std::fs::remove_file(file) }.expect("a folder of the test");
    }

    /// What was received so far of a kind (`mail`, `webhook`, `traces`, or `refused`), in order, as JSON.
    #[must_use]
    pub fn received(&self, kind: &str) -> Vec<String> {
        let files = (1..).map(|number| self.folder.join(format!("{kind}-{number}.json")));
        files.map_while(|file| std::fs::read_to_string(file).ok()).collect()
    }
}
