//! What the steps of a run hand to each other: what was read, whom the plan is about, what the first walk found, and the
//! plan.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use rollcall_kit::{Certificate, Changes, DirectoryId, Unreadable};

use super::verdicts::Withheld;
use crate::guard::Reviewed;
use crate::plan::{GroupKey, LedgerGroup, PlanSettings, Survey};
use crate::roster::{Leaving, Roster};

/// People of whom it is unknown what the last run did for them, and why it is.
pub(crate) type Doubtful = BTreeMap<DirectoryId, String>;

/// What a reading left behind, besides the mirror.
#[derive(Debug)]
pub(crate) struct Roll {
    /// The proof.
    pub(super) certificate: Certificate,
    /// Users of ours who are not in the mirror, each confirmed.
    pub(crate) absences: BTreeMap<DirectoryId, Leaving>,
    /// What was read of the directory's changes, if no more than those was read.
    pub(super) changes: Option<Changes>,
    /// Users for whom it is unknown what an earlier run did.
    pub(super) doubtful: Doubtful,
}

/// Whom a plan judges.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Extent {
    /// Everybody.
    Everybody,
    /// These, and nobody else.
    These(BTreeSet<DirectoryId>),
}

impl Extent {
    /// Adds people. Whether it is larger now.
    pub(crate) fn add(&mut self, people: impl IntoIterator<Item = DirectoryId>) -> bool {
        let Self::These(these) = self else { return false };
        let before = these.len();
        these.extend(people);
        these.len() > before
    }

    /// The people, if they are not everybody.
    pub(super) fn people(&self) -> Option<&BTreeSet<DirectoryId>> {
        match self {
            Self::Everybody => None,
            Self::These(these) => Some(these),
        }
    }
}

/// A plan as a run made it.
pub(crate) struct Made {
    /// The plan, and what the guard made of it.
    pub(crate) reviewed: Reviewed,
    /// When it was reviewed.
    pub(super) at: Timestamp,
    /// How many people were judged for it; nothing if everybody.
    pub(super) judged: Option<usize>,
    /// What of the directory's changes was read for it, if no more than those was read.
    pub(super) changes: Option<Changes>,
    /// The run whose empty plan it is, if nothing has changed since.
    pub(super) unchanged_since: Option<String>,
}

impl Made {
    /// A plan that was made from everything, and reviewed at this moment.
    pub(crate) fn reviewed(reviewed: Reviewed, at: Timestamp) -> Self {
        Self { reviewed, at, judged: None, changes: None, unchanged_since: None }
    }
}

/// What the first walk over mirror and ledger left behind.
pub(crate) struct Stage {
    /// Whom it is about.
    pub(crate) extent: Extent,
    pub(crate) settings: PlanSettings,
    pub(crate) unreadable: BTreeMap<DirectoryId, Unreadable>,
    pub(crate) withheld: Withheld,
    pub(crate) roster: Roster,
    pub(crate) survey: Survey,
    pub(crate) ledger_groups: BTreeMap<GroupKey, LedgerGroup>,
    /// Whether what was refused to everybody else belongs into the plan, too. Not if somebody asks about a few.
    pub(crate) is_whole: bool,
}
