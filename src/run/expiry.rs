//! When the secrets and certificates of an organization end, as far as they say so themselves or the directory tells.

use std::path::PathBuf;

use jiff::Timestamp;
use rollcall_kit::expiry;
use rollcall_kit::http::HttpSettings;
use rollcall_kit::secret::SecretRef;
use rollcall_kit::settings::EndingFile;

use crate::config::{DaemonSettings, Organization};

/// What each is, and when it ends. Secrets of which nobody tells, as passwords, are not among them.
pub async fn secret_ends(organization: &Organization) -> Vec<(String, Timestamp)> {
    let (ours, directory) = (organization.clone(), organization.directory.clone());
    let local = tokio::task::spawn_blocking(move || local_ends(&ours)).await;
    let told = match directory.build() {
        Ok(connector) => connector.secret_ends().await,
        // The next run says what is wrong with it.
        Err(_) => Vec::new(),
    };
    local.unwrap_or_default().into_iter().chain(told).collect()
}

/// The same of the daemon's own: those of its server for monitors and of its notifications.
pub async fn daemon_secret_ends(daemon: &DaemonSettings) -> Vec<(String, Timestamp)> {
    let ours = daemon.clone();
    tokio::task::spawn_blocking(move || ends_of_daemon(&ours)).await.unwrap_or_default()
}

/// What files and tokens say themselves.
fn local_ends(organization: &Organization) -> Vec<(String, Timestamp)> {
    let target = &organization.target;
    let mut ends = Ends::default();
    ends.connection("the target", &target.http);
    ends.token("the token of the target", target.token.as_ref());
    if let Some(http) = organization.directory.http() {
        ends.connection("the directory", http);
    }
    for file in organization.directory.ending_files() {
        match file {
            EndingFile::Certificate(what, path) => ends.certificate(what, Some(&path)),
            EndingFile::Authorities(what, path) => ends.authorities(what, Some(&path)),
        }
    }
    ends.0
}

fn ends_of_daemon(daemon: &DaemonSettings) -> Vec<(String, Timestamp)> {
    let mut ends = Ends::default();
    if let Some(watch) = &daemon.watch {
        ends.certificate("the certificate that monitors are shown", watch.certificate.as_ref());
        ends.authorities("the authority of monitors (client_ca)", watch.client_ca.as_ref());
        ends.token("the token of monitors", watch.token.as_ref());
    }
    for webhook in &daemon.notify.webhook {
        ends.connection("a webhook", &webhook.http);
    }
    if let Some(traces) = &daemon.traces {
        ends.connection("the collector of traces", &traces.http);
    }
    for mail in &daemon.notify.mail {
        ends.authorities("the authority of the mail server (ca_file)", mail.ca_file.as_ref());
    }
    ends.0
}

/// What is found.
#[derive(Default)]
struct Ends(Vec<(String, Timestamp)>);

impl Ends {
    fn add(&mut self, what: &str, end: Option<Timestamp>) {
        self.0.extend(end.map(|end| (what.to_owned(), end)));
    }

    fn certificate(&mut self, what: &str, path: Option<&PathBuf>) {
        self.add(what, path.and_then(|path| expiry::of_certificate(path)));
    }

    fn authorities(&mut self, what: &str, path: Option<&PathBuf>) {
        self.add(what, path.and_then(|path| expiry::of_authorities(path)));
    }

    fn token(&mut self, what: &str, place: Option<&SecretRef>) {
        self.add(what, place.and_then(|place| expiry::of_token(&place.resolve().ok()?)));
    }

    fn connection(&mut self, with: &str, http: &HttpSettings) {
        self.certificate(&format!("the client certificate for {with}"), http.client_certificate.as_ref());
        self.authorities(&format!("the authority of {with} (ca_file)"), http.ca_file.as_ref());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_daemons_own_certificates_are_watched_too() {
        let folder = tempfile::tempdir().unwrap();
        let pem = |name: &str, year: i32| {
            let mut parameters = rcgen::CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
            parameters.not_after = rcgen::date_time_ymd(year, 1, 15);
            let certificate = parameters.self_signed(&rcgen::KeyPair::generate().unwrap()).unwrap();
            std::fs::write(folder.path().join(name), certificate.pem()).unwrap();
        };
        for (name, year) in [("ours", 2027), ("theirs", 2028), ("hook", 2029), ("mail", 2030)] {
            pem(name, year);
        }
        let text = "[watch]\ncertificate = \"ours\"\nclient_ca = \"theirs\"\n\
                    [[notify.webhook]]\nurl = \"https://a.test\"\nhttp = { ca_file = \"hook\" }\n\
                    [[notify.mail]]\nserver = \"a.test\"\nfrom = \"a@a.test\"\nto = [\"a@a.test\"]\nca_file = \"mail\"\n";
        let text = ["ours", "theirs", "hook", "mail"].iter().fold(text.to_owned(), |text, name| {
            text.replace(&format!("\"{name}\""), &format!("\"{}\"", folder.path().join(name).display()))
        });
        let years: Vec<i16> = ends_of_daemon(&toml::from_str(&text).unwrap())
            .into_iter()
            .map(|(_, end)| jiff::tz::TimeZone::UTC.to_datetime(end).year())
            .collect();
        assert_eq!(years, [2027, 2028, 2029, 2030]);
    }
}
