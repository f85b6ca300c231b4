//! What the next run would plan, as far as the snapshot alone can tell.
//!
//! If few users wait to be judged, all of them are, and the guard reviews the plan as it would the next run's. If many
//! wait, as on the first day of a large company, judging them all takes too long for an answer about one. Then only the
//! users who are meant are judged, with those who get in their way, and the last run says whether changes wait for a
//! person.

use std::collections::BTreeSet;

use rollcall_kit::{Address, DirectoryId};

use crate::guard::{self, Hold, KeepsBack, Occasion, Reviewed};
use crate::plan::{Change, GroupMatches, Matches};
use crate::run::Extent;
use crate::run::PastRun;
use crate::run::RunError;
use crate::run::RunResult;
use crate::run::Session;
use crate::run::{Doubtful, Stage};

/// So many may wait to be judged until only those are judged who are meant.
const MANY: usize = 2_000;

/// What the next run would plan, and what of it waits for a person.
pub(super) struct Offline {
    pub(super) stage: Stage,
    pub(super) reviewed: Reviewed,
    /// Why changes wait, if only those who are meant were judged: as the last run said.
    alone: Option<Vec<Hold>>,
    keeps_back: KeepsBack,
}

impl Offline {
    /// Whether only those were judged who are meant.
    pub(super) fn is_alone(&self) -> bool {
        self.alone.is_some()
    }

    /// Why changes wait for a person; empty if none does.
    pub(super) fn holds(&self) -> &[Hold] {
        self.alone.as_deref().unwrap_or_else(|| self.reviewed.holds())
    }

    /// Whether a change of the plan waits for a person.
    pub(super) fn waits(&self, change: &Change) -> bool {
        match &self.alone {
            Some(holds) => !holds.is_empty() && (self.keeps_back == KeepsBack::Everything || change.destructive),
            None => self.reviewed.waits(change.id),
        }
    }

    /// Whether some changes of the plan may go while others wait.
    pub(super) fn is_parted(&self) -> bool {
        match &self.alone {
            Some(_) => self.keeps_back == KeepsBack::Removals,
            None => matches!(self.reviewed, Reviewed::Parted(_)),
        }
    }
}

impl Session {
    /// What the next run would plan, as far as the snapshot alone can tell: nobody is looked up anywhere, so somebody who
    /// has no account of ours yet may turn out to have one already. Who is meant is judged in any case.
    pub(super) fn plan_offline(&self, meant: &BTreeSet<DirectoryId>, past: &[PastRun]) -> Result<Offline, RunError> {
        let groups = self.find_groups_offline(&self.rules)?;
        let roll = self.last_roll()?;
        let ground = self.ground_of(&groups)?;
        let is_alone = self.many_wait(&ground)?;
        let extent = match is_alone {
            true => self.with_namesakes(meant)?,
            false => {
                let mut extent = self.extent_of(&ground, &roll, &Doubtful::new())?;
                extent.add(meant.iter().cloned());
                extent
            }
        };
        let stage = Stage { is_whole: false, ..self.stage_over(&groups, Doubtful::new(), extent)? };
        let edited = if is_alone { None } else { self.edited_offline(&roll)? };
        let answers = (&Matches::new(), &GroupMatches::new());
        let mut planned = self.diff(&stage, &roll, answers, Vec::new(), edited.as_ref())?;
        let protection = self.protection_offline(&mut planned.plan, &stage.extent)?;
        let reviewed = match is_alone {
            true => {
                let occasion = Occasion { first_plan_waived: true, ..self.occasion()? };
                guard::review(planned.plan, &self.organization.limits, &protection, &occasion, &planned.holdings)
            }
            false => self.review(planned, &protection)?.reviewed,
        };
        let alone = is_alone.then(|| last_holds(past));
        Ok(Offline { stage, reviewed, alone, keeps_back: self.organization.keeps_back })
    }

    /// Whether so many wait to be judged on this ground that one who asks for one of them would have to wait.
    fn many_wait(&self, ground: &str) -> Result<bool, RunError> {
        let (users, _) = self.store.mirror_counts();
        if usize::try_from(users).is_ok_and(|users| users <= MANY) {
            return Ok(false);
        }
        Ok(self.judges_everybody(ground)? || self.store.is_touched_beyond(MANY)?)
    }

    /// The users who are meant, and all others who have the address of one of them.
    fn with_namesakes(&self, meant: &BTreeSet<DirectoryId>) -> Result<Extent, RunError> {
        let mut people = meant.clone();
        for id in meant {
            let address = self.store.user(id)?.and_then(|user| user.address());
            if let Some(address) = address.as_ref().map(Address::folded) {
                people.extend(self.store.users_called(&address)?.into_iter().map(|user| user.id));
            }
        }
        Ok(Extent::These(people))
    }
}

/// Why the last plan waits, if it does.
fn last_holds(past: &[PastRun]) -> Vec<Hold> {
    let last = past.iter().find(|run| run.is_last_plan);
    match last.map(|run| (&run.record.result, &run.record.decision)) {
        Some((RunResult::Held { holds }, None)) => holds.clone(),
        _ => Vec::new(),
    }
}
