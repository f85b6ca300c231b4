//! What `check` says of the files, in sentences with counts.

use std::collections::BTreeMap;

use rollcall_kit::{Certificate, CheckFinding, Entry, Status, Unreadable};

/// How many of a kind are named before the rest is only counted.
const NAMED: usize = 5;

/// Counts over one walk.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    users: u64,
    inactive: u64,
    without_address: u64,
    groups: u64,
    unresolved: u64,
    unknown: BTreeMap<String, u64>,
    unreadable: Vec<Unreadable>,
    unreadable_count: u64,
}

impl Findings {
    /// Counts one entry.
    pub(crate) fn count(&mut self, entry: &Entry) {
        match entry {
            Entry::User(user) => {
                self.users += 1;
                self.without_address += u64::from(user.address().is_none());
                match &user.status {
                    Status::Active => {}
                    Status::Inactive(_) => self.inactive += 1,
                    Status::Unknown(why) => *self.unknown.entry(why.clone()).or_default() += 1,
                }
            }
            Entry::Group(group) => {
                self.groups += 1;
                self.unresolved += group.unresolved_members;
            }
            Entry::Unreadable(record) => {
                self.unreadable_count += 1;
                if self.unreadable.len() < NAMED {
                    self.unreadable.push(record.clone());
                }
            }
        }
    }

    /// All findings of a walk that reached its end.
    pub(crate) fn sentences(self, certificate: &Certificate, remarks: Vec<String>) -> Vec<CheckFinding> {
        let mut findings: Vec<CheckFinding> = certificate
            .collections()
            .iter()
            .map(|c| {
                CheckFinding::good(format!("{}: {} of {}, {}.", c.query, counted(c.entries, "record"), c.name, c.end))
            })
            .collect();
        findings.push(CheckFinding::good(format!(
            "{}, {} of them inactive, and {}.",
            counted(self.users, "user"),
            self.inactive,
            counted(self.groups, "group"),
        )));
        if self.without_address > 0 {
            let share = self.without_address * 100 / self.users.max(1);
            findings.push(CheckFinding::warning(format!(
                "Without an e-mail address: {} ({share} %), who cannot be provisioned by one.",
                counted(self.without_address, "user"),
            )));
        }
        for (why, count) in self.unknown {
            findings.push(CheckFinding::warning(format!(
                "Held as they are: {}, because {why}. A word can be added to status.active or status.inactive.",
                counted(count, "user"),
            )));
        }
        for record in &self.unreadable {
            findings.push(CheckFinding::warning(format!("{} cannot be understood: {}.", record.label, record.problem)));
        }
        if self.unreadable_count > NAMED as u64 {
            let more = self.unreadable_count - NAMED as u64;
            findings.push(CheckFinding::warning(format!("Not understood either: {}.", counted(more, "more record"))));
        }
        if self.unresolved > 0 {
            findings.push(CheckFinding::warning(format!(
                "Left out: {} of groups leading to no user or group in these files.",
                counted(self.unresolved, "member"),
            )));
        }
        findings.extend(remarks.into_iter().map(CheckFinding::warning));
        findings
    }
}

/// `1 user`, `2 users`.
pub(crate) fn counted(count: u64, what: &str) -> String {
    if count == 1 { format!("1 {what}") } else { format!("{count} {what}s") }
}
