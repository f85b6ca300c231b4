//! Whom a plan judges: everybody, or the people on the agenda and those whom they concern.
//!
//! The ledger tells of everybody at rest what the others have to know of them: who has an address already, whose account a
//! look-up found. Those who come in the way of somebody on the agenda are judged with them. What a plan of some people rests
//! on is the *ground*: configuration, version, and what the rules' groups are like. On another one everybody is judged.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use rollcall_kit::DirectoryId;

use super::edited::Since;
use super::error::RunError;
use super::groups::FoundGroups;
use super::session::{Comparing, Session};
use super::stage::{Doubtful, Extent, Roll, Stage};
use crate::plan::document::PLAN_VERSION;
use crate::plan::{Matches, Others, Planned, Refusals, Totals};
use crate::roster::{Refusal, Roster};
use crate::snapshot::{StoreError, fact};

/// With so many people on the agenda, and more than so large a part of all, everybody is judged: that is no more work.
const MANY: usize = 1_000;
const PART: u64 = 4;

/// How often plans of the people on the agenda are compared with one of everybody.
const COMPARED_EVERY: SignedDuration = SignedDuration::from_hours(7 * 24);

impl Session {
    /// What plans of these rules and groups rest on.
    pub(crate) fn ground_of(&self, groups: &FoundGroups) -> Result<String, RunError> {
        let version = env!("CARGO_PKG_VERSION");
        let configuration = self.organization.configuration_hash()?;
        Ok(format!("{version} {PLAN_VERSION} {configuration} {}", groups.index_of_nobody().shape()))
    }

    /// Whether the next plan on this ground has to judge everybody, whatever the agenda says.
    pub(crate) fn judges_everybody(&self, ground: &str) -> Result<bool, RunError> {
        let is_edited = !matches!(self.edited_since()?, Since::Nothing);
        Ok(is_edited || !self.store.is_sealed() || self.store.ground()?.as_deref() != Some(ground))
    }

    /// Whom the next plan on this ground has to judge.
    pub(crate) fn extent_of(&self, ground: &str, roll: &Roll, doubtful: &Doubtful) -> Result<Extent, RunError> {
        if self.judges_everybody(ground)? {
            return Ok(Extent::Everybody);
        }
        let mut people = self.store.touched()?;
        people.extend(roll.absences.keys().cloned());
        people.extend(doubtful.keys().cloned());
        people.extend(self.unreadable()?.into_keys());
        people.extend(self.found()?.edits.into_iter().map(|found| found.user));
        if let Some(wait) = self.organization.target.delete_after {
            let since = (self.clock)().checked_sub(wait.signed());
            people.extend(self.store.inactive_since(since.unwrap_or(Timestamp::MIN))?);
        }
        let (users, _) = self.store.mirror_counts();
        let many = people.len() > MANY && people.len() as u64 > users / PART;
        Ok(if many { Extent::Everybody } else { Extent::These(people) })
    }

    /// Adds to the extent who has an address already that somebody claims whom it has. Whether there is somebody.
    pub(super) fn with_rivals(&self, roster: &Roster, extent: &mut Extent) -> Result<bool, RunError> {
        let mut rivals = BTreeSet::new();
        for id in extent.people().into_iter().flatten() {
            if let Some(address) = self.store.user(id)?.and_then(|user| roster.claim(&user)) {
                rivals.extend(self.store.with_address(&address.folded())?);
            }
        }
        Ok(extent.add(rivals))
    }

    /// Adds to the extent whose accounts look-ups in the target found. Whether there is somebody new.
    pub(super) fn with_owners(&self, matches: &Matches, extent: &mut Extent) -> Result<bool, RunError> {
        let mut owners = BTreeSet::new();
        if extent.people().is_some() {
            for account in matches.accounts() {
                owners.extend(self.store.with_target_id(&account.target_id)?);
            }
        }
        Ok(extent.add(owners))
    }

    /// What is known of everybody whom the extent does not have, with what was refused to them if that is asked for.
    pub(super) fn others(&self, extent: &Extent, with_refusals: bool) -> Result<Option<Others>, RunError> {
        let Some(people) = extent.people() else { return Ok(None) };
        let counts = self.store.account_counts();
        let totals = Totals {
            accounts: counts.active + counts.inactive,
            active: counts.active,
            with_role: self.store.role_counts()?,
            holders: self.store.holders()?,
        };
        let kept = with_refusals.then(|| self.store.refused()).into_iter().flatten();
        let theirs = |kept: &(DirectoryId, Vec<Refusal>)| !people.contains(&kept.0);
        let mut failed = None;
        let kept = kept.map_while(|kept| kept.map_err(|error| failed = Some(error)).ok());
        let refusals = Refusals::sorted(kept.filter(theirs).flat_map(|(_, refused)| refused));
        if let Some(error) = failed {
            return Err(error.into());
        }
        Ok(Some(Others { totals, refusals }))
    }

    /// Takes note of what a plan carries over to the next.
    pub(super) fn carry_over(&self, planned: &Planned, extent: &Extent, ground: &str) -> Result<(), StoreError> {
        match &planned.carried {
            Some(carried) if self.store.is_sealed() => self.store.planned(extent.people(), carried, ground)?,
            _ => return self.store.forget_ground(),
        }
        // What was made from everybody needs no comparison.
        if *extent == Extent::Everybody { self.note_compared() } else { Ok(()) }
    }

    fn note_compared(&self) -> Result<(), StoreError> {
        self.store.set_fact(fact::COMPARED, &serde_json::Value::String((self.clock)().to_string()))
    }

    /// Whether a plan of some people is to be compared with one of everybody.
    pub(super) fn is_to_be_compared(&self, extent: &Extent) -> Result<bool, RunError> {
        if extent.people().is_none() || self.comparing != Comparing::Weekly {
            return Ok(extent.people().is_some() && self.comparing == Comparing::Always);
        }
        let now = (self.clock)();
        let last = self.store.fact(fact::COMPARED)?;
        let last = last.and_then(|last| last.as_str()?.parse::<Timestamp>().ok());
        Ok(last.is_none_or(|last| last > now || now.duration_since(last) > COMPARED_EVERY))
    }

    /// Says so if a plan of some people is not the plan of everybody, and takes that then; where all are compared, it is an
    /// error.
    pub(super) fn compared(&self, some: Planned, everybody: Planned, stage: &Stage) -> Result<Planned, RunError> {
        if self.comparing == Comparing::Weekly {
            self.note_compared()?;
        }
        // What the limits are shares of and who holds a protected role decide as much as the changes.
        if some.plan == everybody.plan && some.holdings.agree_with(&everybody.holdings) {
            return Ok(some);
        }
        if self.comparing == Comparing::Always {
            return Err(RunError::Internal(format!(
                "a plan of the people on the agenda is not the plan of everybody. Judged: {:?}. One: {some:#?}. The other: \
                 {everybody:#?}",
                stage.extent
            )));
        }
        tracing::error!(
            people = stage.extent.people().map_or(0, BTreeSet::len),
            some = %some.plan.id(),
            everybody = %everybody.plan.id(),
            "a plan of the people on the agenda is not the plan of everybody; the latter counts. Please report this"
        );
        Ok(Planned { carried: None, ..everybody })
    }
}
