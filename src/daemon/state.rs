//! How an organization stands in the daemon's eyes, with dates.

use jiff::Timestamp;
use serde::Serialize;

use crate::guard::Hold;
use crate::run::{RunHeader, RunResult};
use crate::schedule::{Depth, Due, Why};

/// How one organization stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct OrganizationState {
    /// What it does now.
    pub activity: Activity,
    /// How its last run left it.
    pub health: Health,
    /// Since when it has that health: the end of the first run that left it so.
    pub since: Timestamp,
    /// Somebody paused it, and it is run by nobody until it is resumed.
    pub paused: Option<Paused>,
    /// The run that is due next; none while it is paused or switched off in the configuration.
    pub next: Option<Due>,
    /// The last run.
    pub last: Option<LastRun>,
    /// When a run last ended well: everything was done, or nothing was left to do.
    pub last_good: Option<Timestamp>,
    /// So many runs failed in a row.
    pub failures: u32,
}

impl OrganizationState {
    /// One of which nothing is known yet.
    #[must_use]
    pub fn unknown(now: Timestamp) -> Self {
        Self {
            activity: Activity::Idle,
            health: Health::Unknown,
            since: now,
            paused: None,
            next: None,
            last: None,
            last_good: None,
            failures: 0,
        }
    }

    /// Takes in how a run ended. `quarantined` says whether it has failed too often by now.
    pub(super) fn ended(&mut self, record: &RunHeader, failures: u32, quarantined: bool) {
        let health = match &record.result {
            RunResult::Failed(_) if quarantined => Health::Quarantined,
            RunResult::Failed(_) => Health::Failed,
            // A blackout passes by itself; nobody has to do anything.
            RunResult::Held { holds } if holds.iter().all(Hold::passes_by_itself) => Health::InPart,
            RunResult::Held { .. } => Health::Held,
            RunResult::AppliedInPart { .. } => Health::InPart,
            RunResult::Planned | RunResult::NothingToDo | RunResult::Applied => Health::Well,
        };
        if self.health != health {
            self.since = record.ended;
            self.health = health;
        }
        if is_good(&record.result) {
            // Not the later of the two: a clock that was put back would make all is well for ever.
            self.last_good = Some(record.ended);
        }
        self.failures = failures;
        self.last = Some(LastRun::of(record));
    }
}

/// Whether a run ended well: everything was done, or nothing was left to do.
pub(super) const fn is_good(result: &RunResult) -> bool {
    matches!(result, RunResult::NothingToDo | RunResult::Applied)
}

/// What an organization does.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "activity")]
pub enum Activity {
    /// It waits for its time.
    Idle,
    /// It is due, and waits until another organization's run, or a command, is done.
    Waiting {
        /// Since when.
        since: Timestamp,
    },
    /// It is run.
    Running {
        /// Since when.
        since: Timestamp,
        /// How much is read.
        depth: Depth,
        /// Why.
        why: Why,
    },
    /// Somebody's command works with it.
    Busy {
        /// Since when.
        since: Timestamp,
        /// The command.
        command: String,
        /// Whose it is.
        who: String,
    },
}

impl Activity {
    /// Since when a run or a command has been at work, if one is.
    #[must_use]
    pub const fn at_work_since(&self) -> Option<Timestamp> {
        match self {
            Self::Running { since, .. } | Self::Busy { since, .. } => Some(*since),
            Self::Idle | Self::Waiting { .. } => None,
        }
    }
}

/// How the last run left an organization.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Health {
    /// It was never run, as far as is known.
    Unknown,
    /// All is done.
    Well,
    /// Some changes did not go through, or a blackout put them off; the next run tries them again.
    InPart,
    /// A plan waits for a person.
    Held,
    /// The run failed.
    Failed,
    /// It failed so often that it is run more seldom.
    Quarantined,
}

/// Who paused an organization, and when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, serde::Deserialize)]
pub struct Paused {
    /// The login name.
    pub by: String,
    /// When.
    pub at: Timestamp,
}

/// What is known of the last run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct LastRun {
    /// Its id; empty if it failed before it had one.
    pub id: String,
    /// When it began.
    pub started: Timestamp,
    /// When it ended.
    pub ended: Timestamp,
    /// How it ended.
    pub result: RunResult,
}

impl LastRun {
    fn of(record: &RunHeader) -> Self {
        let RunHeader { id, started, ended, result, .. } = record.clone();
        Self { id, started, ended, result }
    }
}
