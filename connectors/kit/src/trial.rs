//! A trial read for `check`: everything as a run would read it, counted and thrown away.

use std::time::{Duration, Instant};

use crate::{Certificate, CheckFinding, Entries, Entry, ReadError, Status, attribute};

/// Attributes that people miss first.
const WATCHED: [&str; 3] = [attribute::EMAIL, attribute::NAME, attribute::PREFERRED_USERNAME];

/// The share of users without an attribute from which on somebody should look, in per cent.
const WORTH_A_LOOK: u64 = 5;

/// What a trial read counted.
#[derive(Debug, Default)]
pub struct Trial {
    /// Users, whatever their status.
    pub users: u64,
    /// Users who may not work.
    pub inactive: u64,
    /// Groups.
    pub groups: u64,
    /// Members of all groups.
    pub members: u64,
    /// Members of all groups who are no users of this read.
    pub unresolved: u64,
    unreadable: u64,
    unknown: u64,
    first_unknown: Option<String>,
    with: [u64; 3],
    took: Duration,
}

impl Trial {
    /// Reads to the end and counts.
    ///
    /// # Errors
    ///
    /// Those of the read.
    pub async fn of<F>(read: impl FnOnce(Entries) -> F) -> Result<(Self, Certificate), ReadError>
    where
        F: Future<Output = Result<Certificate, ReadError>>,
    {
        let (sender, mut receiver) = Entries::channel(256);
        let began = Instant::now();
        let counting = async {
            let mut trial = Self::default();
            while let Some(entry) = receiver.recv().await {
                trial.add(&entry);
            }
            trial
        };
        let (outcome, trial) = tokio::join!(read(sender), counting);
        let certificate = outcome?;
        Ok((Self { took: began.elapsed(), ..trial }, certificate))
    }

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

    /// What was counted, in sentences. `remedy` says what to do about an attribute that nobody has.
    #[must_use]
    pub fn findings(&self, remedy: &str) -> Vec<CheckFinding> {
        let mut findings = vec![CheckFinding::good(format!(
            "{} users ({} inactive), {} groups with {} members, read to the end in {} ms",
            self.users,
            self.inactive,
            self.groups,
            self.members,
            self.took.as_millis()
        ))];
        for (count, name) in self.with.iter().zip(WATCHED).filter(|_| self.users > 0) {
            let (without, share) = (self.users - count, (self.users - count) * 100 / self.users);
            if *count == 0 {
                findings.push(CheckFinding::problem(format!("not one user has {name}; {remedy}")));
            } else if share >= WORTH_A_LOOK {
                findings.push(CheckFinding::warning(format!("{without} users ({share} %) have no {name}")));
            }
        }
        if let Some(example) = &self.first_unknown {
            let number = self.unknown;
            findings.push(CheckFinding::warning(format!(
                "whether {number} users are active cannot be known, for example {example}"
            )));
        }
        if self.unreadable > 0 {
            findings.push(CheckFinding::warning(format!("{} records cannot be understood", self.unreadable)));
        }
        if self.groups > 0 && self.members == 0 {
            findings.push(CheckFinding::warning("not one group has a member whom the read finds"));
        }
        findings
    }
}
