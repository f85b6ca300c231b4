//! How an organization stands, as its snapshot knows.

use jiff::Timestamp;

use crate::guard::Decision;
use crate::run::{RunError, RunHeader, decisions, run_headers};
use crate::snapshot::Store;

/// How an organization stands, as its snapshot knows.
#[derive(Clone, Debug)]
pub struct State {
    /// Whether the snapshot matches its seal.
    pub sealed: bool,
    /// Users in the mirror.
    pub users: u64,
    /// Accounts of ours that are active.
    pub active: u64,
    /// Accounts of ours that are not.
    pub inactive: u64,
    /// Writes that a crash left behind.
    pub unsettled: u64,
    /// When the directory was last read whole.
    pub last_read: Option<Timestamp>,
    /// Whether another run goes on.
    pub goes_on: bool,
    /// The last run that ended.
    pub last_run: Option<RunHeader>,
    /// An approval that waits for the run that uses it up.
    pub approval: Option<Decision>,
}

/// How an organization stands, while somebody has been at work with it since this moment: their run is not the last one yet.
///
/// # Errors
///
/// If the snapshot cannot be read.
pub fn state(store: &dyn Store, at_work_since: Option<Timestamp>) -> Result<State, RunError> {
    let ((users, _), accounts) = (store.mirror_counts(), store.account_counts());
    let (decided, now) = (decisions(store)?, Timestamp::now());
    let mut last = run_headers(store, 2)?.into_iter().peekable();
    let going_on = last.next_if(|run| run.goes_on(at_work_since));
    let is_left_behind = |of: &str| going_on.as_ref().is_none_or(|run| run.id != of);
    let unsettled = store.unsettled()?.into_iter().filter(|(_, intent)| is_left_behind(&intent.run)).count();
    let approval = decided.approval(now).or_else(|| decided.approval_of_undo(now));
    Ok(State {
        sealed: store.is_sealed(),
        users,
        active: accounts.active,
        inactive: accounts.inactive,
        unsettled: unsettled as u64,
        last_read: store.certificate()?.map(|certificate| certificate.ended()),
        goes_on: going_on.is_some(),
        last_run: last.next(),
        approval: approval.map(|ruling| ruling.decision.clone()),
    })
}
