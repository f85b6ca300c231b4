//! Makes the inverse plan of an earlier run, from its record.
//!
//! The directory is not asked: what it wanted when it was last read is enough to say what the next run would do again.
//! The target is asked for the accounts concerned, so that nothing is taken back that somebody changed since.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use rollcall_kit::DirectoryId;
use tracing::Instrument as _;

use super::error::RunError;
use super::event::{Event, RunRecord};
use super::records::find_run;
use super::session::{Listener, Session};
use super::spans::{step, step_of};
use super::stage::{Extent, Made};
use super::verdicts::{Checked, with_store};
use crate::apply::Outcome;
use crate::guard::{self, Occasion};
use crate::plan::{ChangeId, Changes, UndoInput, undo};
use crate::roster::Standing;

impl Session {
    /// Plans to take back what a run did.
    ///
    /// # Errors
    ///
    /// As [`Session::undo`].
    pub(super) async fn plan_undo(&self, run: &str, listener: Listener<'_>) -> Result<Made, RunError> {
        self.require_same_target()?;
        if !self.store.is_sealed() {
            return Err(RunError::Undo(
                "the snapshot does not match its seal, so it is not known what runs left behind; `rollcall apply` \
                 rebuilds it first"
                    .to_owned(),
            ));
        }
        let record = find_run(&*self.store, run)?.ok_or_else(|| {
            RunError::Undo(format!("there is no run {run} of {}; `rollcall history` lists them", self.name()))
        })?;
        let done = carried_out(&record)?;
        let doubtful = self.settle_leftovers().await?;
        let groups = self.find_groups_offline(&self.rules)?;
        let stage = self.stage_over(&groups, doubtful.clone(), Extent::Everybody)?;
        let concerned: BTreeSet<DirectoryId> =
            done.iter().filter_map(|change| change.subject.user().cloned()).collect();
        let (mut ids, mut standings) = (Vec::new(), BTreeMap::new());
        for user in &concerned {
            ids.extend(self.store.account(user)?.map(|account| account.target_id));
            if stage.withheld.contains_key(user) {
                standings.insert(user.clone(), Standing::Withheld);
            } else if let Some(known) = self.store.user(user)? {
                standings.insert(user.clone(), stage.roster.judge(&known).standing);
            }
        }
        let shown = self.look_up(&ids).instrument(step_of("look up accounts", ids.len())).await?;
        let mut planned = with_store(|fault| {
            Ok::<_, RunError>(undo(UndoInput {
                organization: self.name(),
                basis: self.basis(&self.last_roll()?)?,
                run: &record.id,
                done: &done,
                accounts: Checked { records: self.store.accounts(), fault },
                groups: &stage.ledger_groups,
                shown: &shown,
                standings: &standings,
                withheld: &doubtful,
                settings: &stage.settings,
            }))
        })??;
        let decisions = self.decisions()?;
        // The rules did not ask for this plan, so it is none of their first ones.
        let occasion = Occasion {
            first_plan: false,
            first_plan_waived: true,
            blackout: self.blackout(),
            decisions: Some(&decisions),
            as_of: (self.clock)(),
            ..Occasion::default()
        };
        let protected = self.protected_groups_offline(&stage.extent)?;
        let guarding = step("guard");
        let protecting = self.protection(&mut planned.plan, protected.as_ref()).instrument(guarding.clone());
        let protection = protecting.await?;
        let limits = &self.organization.limits;
        let review = || guard::review(planned.plan, limits, &protection, &occasion, &planned.holdings);
        let reviewed = guarding.in_scope(review);
        listener(Event::Planned { plan: reviewed.shared_plan(), holds: reviewed.holds().to_vec() });
        Ok(Made::reviewed(reviewed, occasion.as_of))
    }
}

/// Those of a run's changes that were carried out.
fn carried_out(record: &RunRecord) -> Result<Changes, RunError> {
    let done: BTreeSet<ChangeId> = record
        .outcomes
        .iter()
        .filter(|(_, outcome)| matches!(outcome, Outcome::Done { .. }))
        .map(|(id, _)| *id)
        .collect();
    if done.is_empty() {
        return Err(RunError::Undo(format!("the run {} changed nothing, so there is nothing to undo", record.id)));
    }
    let plan = record.plan.as_ref().ok_or_else(|| {
        RunError::Undo(format!(
            "the plan of the run {} is not kept any more, so nobody knows what was there before it",
            record.id
        ))
    })?;
    Ok(plan.changes.iter().filter(|change| done.contains(&change.id)).map(Cow::into_owned).collect())
}
