//! What a run leaves in the record of changes besides what its writes do: what failed, and that nothing stays forever.
//!
//! What was skipped leaves nothing: it was not tried, and the next run plans it again. What failed was asked of the
//! target, which may have answered something that somebody asks after, so it stands there, once for as long as it goes on.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};

use super::error::RunError;
use super::records::find_run;
use crate::apply::{ChangeRecord, Outcome, RecordedChanges, RecordedOutcome};
use crate::plan::{ChangeId, Plan};
use crate::snapshot::Store;

/// How many days back the record of changes goes: a year, and time to ask about it.
const DAYS_KEPT: i64 = 400;

/// Enters the changes of a run that failed.
pub(super) fn record_failures(
    store: &dyn Store,
    (run, now): (&str, Timestamp),
    plan: &Plan,
    outcomes: &[(ChangeId, Outcome)],
) -> Result<(), RunError> {
    let mut changes = Vec::new();
    for (id, outcome) in outcomes {
        let Outcome::Failed { detail, .. } = outcome else { continue };
        let Some(change) = plan.changes.with_id(*id) else { continue };
        let target_id = change.subject.target_id().unwrap_or_default();
        changes.extend(ChangeRecord::of(&change, target_id, RecordedOutcome::failed(detail), now));
    }
    Ok(store.record_failures(&RecordedChanges { run: run.to_owned(), changes })?)
}

/// The plan that a run was applying.
pub(super) fn plan_of(store: &dyn Store, run: &str) -> Option<Arc<Plan>> {
    let plan = find_run(store, run).ok().flatten().and_then(|record| record.plan);
    if plan.is_none() {
        tracing::warn!("the plan of the run {run} is not kept, so what it left unfinished is missing from history");
    }
    plan
}

/// Forgets some of what is older than is kept, if there is anything.
pub(super) fn forget_old(store: &dyn Store, now: Timestamp) -> Result<(), RunError> {
    let oldest = now.checked_sub(SignedDuration::from_hours(24 * DAYS_KEPT)).unwrap_or(Timestamp::MIN);
    store.forget_changes_before(oldest)?;
    Ok(())
}
