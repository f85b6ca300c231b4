//! `check`: signs in, reads as the read would, and says in sentences what it found.

use jiff::Timestamp;
use rollcall_kit::{CheckFinding, Entry, ReadError, Status, attribute};

use crate::connect::connect;
use crate::flavour::{Dialect, Flavour};
use crate::read;
use crate::root::RootDse;
use crate::settings::LdapSettings;

/// What the trial read counted.
#[derive(Debug, Default)]
struct Counts {
    users: u64,
    unreadable: u64,
    inactive: u64,
    unknown: u64,
    first_unknown: Option<String>,
    with: [u64; 3],
    groups: u64,
    members: u64,
    unresolved: u64,
}

/// Attributes that people miss first.
const WATCHED: [&str; 3] = [attribute::EMAIL, attribute::NAME, attribute::PREFERRED_USERNAME];

/// Checks everything that can be checked without changing anything.
///
/// # Errors
///
/// If no server can be reached or the sign-in is refused; whatever is wrong beyond that is a finding.
pub(crate) async fn check(settings: &LdapSettings) -> Result<Vec<CheckFinding>, ReadError> {
    let mut session = connect(settings).await?;
    let mut findings = vec![CheckFinding::good(format!("signed in to {} as {}", session.server, session.identity))];
    findings.push(encryption(settings, &session.server));
    let root = RootDse::read(&mut session).await?;
    let dialect = match Dialect::resolve(settings, &root) {
        Ok(dialect) => dialect,
        Err(error) => {
            findings.push(CheckFinding::problem(error.to_string()));
            return Ok(findings);
        }
    };
    findings.push(kind(settings, &dialect, &root));
    findings.push(paging(&root));
    drop(session);
    findings.extend(trial(settings).await);
    Ok(findings)
}

fn encryption(settings: &LdapSettings, server: &str) -> CheckFinding {
    if server.starts_with("ldaps:") {
        CheckFinding::good("the connection is encrypted from its start, and the server's certificate was verified")
    } else if settings.start_tls {
        CheckFinding::good("the connection was switched to TLS first, and the server's certificate was verified")
    } else {
        CheckFinding::warning("the password and everybody's data cross the network in clear text (danger_clear_text)")
    }
}

fn kind(settings: &LdapSettings, dialect: &Dialect, root: &RootDse) -> CheckFinding {
    match root.flavour() {
        Some(seen) if settings.flavour != Flavour::Auto && seen != dialect.flavour => CheckFinding::warning(format!(
            "the settings say {}, but the server looks like {seen}; correct flavour, or override what differs",
            dialect.flavour
        )),
        _ => CheckFinding::good(format!(
            "the server is read as {}, ids come from {}",
            dialect.flavour, dialect.id_attribute
        )),
    }
}

fn paging(root: &RootDse) -> CheckFinding {
    if root.announces_paging() {
        CheckFinding::good("the server can send its answers in pages")
    } else {
        CheckFinding::warning(
            "the server does not say that it can send its answers in pages; a read is refused unless it does",
        )
    }
}

/// Reads everything as a run would, and counts.
async fn trial(settings: &LdapSettings) -> Vec<CheckFinding> {
    let (sender, mut receiver) = rollcall_kit::Entries::channel(256);
    let counting = async {
        let mut counts = Counts::default();
        while let Some(entry) = receiver.recv().await {
            counts.add(&entry);
        }
        counts
    };
    let began = Timestamp::now();
    let (outcome, counts) = tokio::join!(read::read(settings, sender), counting);
    match outcome {
        Err(error) => vec![CheckFinding::problem(error.to_string())],
        Ok(certificate) => {
            let took = Timestamp::now().duration_since(began).as_millis();
            let mut findings = counts.findings(settings, took);
            findings.extend(certificate.exceptions().iter().map(CheckFinding::warning));
            findings
        }
    }
}

impl Counts {
    fn add(&mut self, entry: &Entry) {
        match entry {
            Entry::User(user) => {
                self.users += 1;
                match &user.status {
                    Status::Active => {}
                    Status::Inactive(_) => self.inactive += 1,
                    Status::Unknown(why) => {
                        self.unknown += 1;
                        self.first_unknown.get_or_insert_with(|| format!("{}: {why}", user.label()));
                    }
                }
                for (count, name) in self.with.iter_mut().zip(WATCHED) {
                    *count += u64::from(user.text(name).is_some());
                }
            }
            Entry::Group(group) => {
                self.groups += 1;
                self.members += group.members.len() as u64;
                self.unresolved += group.unresolved_members;
            }
            Entry::Unreadable(_) => self.unreadable += 1,
        }
    }

    fn findings(&self, settings: &LdapSettings, milliseconds: i128) -> Vec<CheckFinding> {
        if self.users == 0 {
            return vec![CheckFinding::problem(
                "not one user is within reach; correct users.bases and users.filter, or grant the account the right to read \
                 there (servers hide what may not be read, without an error)",
            )];
        }
        let mut findings = vec![CheckFinding::good(format!(
            "{} users ({} inactive), {} groups with {} members, read to the end in {milliseconds} ms",
            self.users, self.inactive, self.groups, self.members
        ))];
        for (count, name) in self.with.iter().zip(WATCHED) {
            let (without, share) = (self.users - count, (self.users - count) * 100 / self.users);
            if *count == 0 {
                findings.push(CheckFinding::problem(format!(
                    "not one user has {name}; grant the account the right to read it, or name another attribute for it"
                )));
            } else if share >= 5 {
                findings.push(CheckFinding::warning(format!("{without} users ({share} %) have no {name}")));
            }
        }
        if self.unresolved > 0 && settings.groups.as_ref().is_some_and(|groups| !groups.leaves_names) {
            findings.push(CheckFinding::warning(format!(
                "groups name {} members whom the read does not find; if this directory leaves the names of deleted people \
                 in its groups, set groups.leaves_names = true, or everybody who is deleted waits for a person",
                self.unresolved
            )));
        }
        if self.unknown > 0 {
            let example = self.first_unknown.as_deref().unwrap_or_default();
            findings.push(CheckFinding::warning(format!(
                "whether {} users are active cannot be known, for example {example}",
                self.unknown
            )));
        }
        if self.unreadable > 0 {
            findings.push(CheckFinding::warning(format!("{} records cannot be understood", self.unreadable)));
        }
        if settings.groups.is_some() && self.groups == 0 {
            findings.push(CheckFinding::problem(
                "not one group is within reach; correct groups.bases and groups.filter, or grant the right to read there",
            ));
        } else if self.groups > 0 && self.members == 0 {
            findings.push(CheckFinding::warning("not one group has a member whom the read finds"));
        }
        findings
    }
}
