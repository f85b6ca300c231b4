//! One run, from read to record. The one corridor that knows every room: it builds connector and target from their
//! settings, drives the stages in their order, and emits [`Event`]s that reports, progress bars and logs consume.

mod applying;
mod build;
mod carriers;
mod catch_up;
mod census;
mod deciding;
mod edited;
mod error;
pub mod event;
mod expiry;
mod extent;
mod groups;
mod header;
mod left_open;
mod moved;
mod past;
mod past_runs;
mod planning;
mod protected;
mod reading;
mod rebuild;
mod reconcile;
mod records;
mod rest;
mod session;
mod sides;
mod spans;
mod stage;
mod states;
mod traces;
mod undo;
mod verdicts;

pub use crate::schedule::Depth;
pub use crate::snapshot::Store;
pub use build::{Findings, check_parts};
pub use deciding::{Decided, approve, decisions, reject};
pub use error::{FailureCode, RunError, RunFailure};
pub use event::{Event, Folded, RunRecord, RunResult, WaitingPart};
pub use expiry::{daemon_secret_ends, secret_ends};
pub use header::{RunCounts, RunHeader};
pub(crate) use past_runs::{PastRun, past_runs};
pub use records::{find_run, record_end, run_headers, runs};
pub use session::{
    Clock, Comparing, Listener, Session, has_snapshot, memory_store, open_store, open_store_at_a_glance,
    open_store_to_work, store_at_a_glance,
};
pub use spans::{Purpose, failed_to_begin};
pub(crate) use stage::{Doubtful, Extent, Stage};
pub use states::{Begun, Ending, HasPlan, HasRead, Run};
