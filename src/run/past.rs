//! What a run leaves in the record of changes besides what its writes do: what failed, and that nothing stays forever.
//!
//! What was skipped leaves nothing: it was not tried, and the next run plans it again. What failed was asked of the
//! target, which may have answered something that somebody asks after, so it stands there, once for as long as it goes on.

use jiff::{SignedDuration, Timestamp};

use super::error::RunError;
use crate::apply::{ChangeRecord, Ending, Outcome, RecordedChanges};
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
        let Ok(at) = plan.changes.binary_search_by_key(id, |change| change.id) else { continue };
        let change = &plan.changes[at];
        let target_id = change.subject.target_id().unwrap_or_default();
        let records = ChangeRecord::of(change, target_id, now.as_second());
        changes.extend(records.into_iter().map(|record| ChangeRecord { ending: Ending::failed(detail), ..record }));
    }
    Ok(store.record_failures(&RecordedChanges { run: run.to_owned(), changes })?)
}

/// Forgets some of what is older than is kept, if there is anything.
pub(super) fn forget_old(store: &dyn Store, now: Timestamp) -> Result<(), RunError> {
    let oldest = now.checked_sub(SignedDuration::from_hours(24 * DAYS_KEPT)).unwrap_or(Timestamp::MIN);
    store.forget_changes_before(oldest)?;
    Ok(())
}
