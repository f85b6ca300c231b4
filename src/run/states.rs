//! The states of a run: it begins, reads, makes a plan that is reviewed, and ends once.
//!
//! Each step takes the run and gives it back in its next state, so that no step is taken twice or left out, and each run
//! ends in one way. A step that fails ends the run with the record of a failure, and so does letting go of a run on the
//! way.
//!
//! ```text
//! Session::begin ─▶ Run<Begun> ─read─▶ Run<HasRead> ─plan─▶ Run<HasPlan> ─into_parts─▶ Run<Ending> + Reviewed
//!                                        │  ▲
//!                                        └──┘ compare
//! Run<Ending>: apply, nothing_to_do, keep, declined or held ─▶ RunRecord
//! ```
//!
//! This is how a run goes:
//!
//! ```no_run
//! # use std::sync::Arc;
//! use rollcall::guard::Reviewed;
//! use rollcall::run::{Depth, Purpose, RunError, Session};
//! # async fn run(session: &Arc<Session>) -> Result<(), RunError> {
//! let run = session.begin(Purpose::Run, &|_| {}).read(Depth::Full, &|_| {}).await?;
//! let (run, reviewed) = run.plan(&|_| {}).await?.into_parts();
//! match reviewed {
//!     Reviewed::Cleared(approved) => drop(run.apply(approved, &|_| {}).await?),
//!     held => drop(run.keep(&held)?),
//! }
//! # Ok(())
//! # }
//! # // What the examples below lack is nothing but the second step.
//! # use rollcall::guard::ApprovedPlan;
//! # use rollcall::run::{Ending, HasRead, Run};
//! # async fn once(run: Run<Ending>, approved: ApprovedPlan) { let _ = run.apply(approved, &|_| {}).await; }
//! # async fn early(run: Run<HasRead>, _: ApprovedPlan) { let _ = run.plan(&|_| {}).await; }
//! # async fn keeps(run: Run<Ending>, _: ApprovedPlan, reviewed: Reviewed) { let _ = run.keep(&reviewed); }
//! ```
//!
//! Nothing can be applied twice:
//!
//! ```compile_fail
//! # use rollcall::guard::ApprovedPlan;
//! # use rollcall::run::{Ending, Run};
//! async fn twice(run: Run<Ending>, approved: ApprovedPlan) {
//!     let _ = run.apply(approved, &|_| {}).await;
//!     let _ = run.apply(approved, &|_| {}).await;
//! }
//! ```
//!
//! Nothing can be written while a plan is made:
//!
//! ```compile_fail
//! # use rollcall::guard::ApprovedPlan;
//! # use rollcall::run::{HasRead, Run};
//! async fn early(run: Run<HasRead>, approved: ApprovedPlan) {
//!     let _ = run.apply(approved, &|_| {}).await;
//! }
//! ```
//!
//! No run ends in two ways:
//!
//! ```compile_fail
//! # use rollcall::guard::{ApprovedPlan, Reviewed};
//! # use rollcall::run::{Ending, Run};
//! async fn both(run: Run<Ending>, approved: ApprovedPlan, reviewed: Reviewed) {
//!     let _ = run.keep(&reviewed);
//!     let _ = run.apply(approved, &|_| {}).await;
//! }
//! ```

use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;
use rollcall_kit::Changes;
use tracing::Instrument as _;

use super::error::{FailureCode, RunError, RunFailure};
use super::event::{Event, RunRecord, RunResult};
use super::records;
use super::session::{Listener, Session};
use super::spans::{Purpose, RunSpan};
use super::stage::{Made, Roll};
use crate::guard::{HeldPlan, Hold, PlanFile, Reviewed};
use crate::plan::{Drift, Note, Plan};
use crate::schedule::Depth;

/// How a run ended that nobody ended.
const ABANDONED: &str = "the run was abandoned before it ended";

/// A run, in one of its states.
#[must_use = "a run that is let go of has failed"]
pub struct Run<State> {
    going: Going,
    state: State,
}

/// It has begun, and knows nothing yet.
pub struct Begun(());

/// It has read the directory.
pub struct HasRead {
    roll: Roll,
    /// What was found in the target, if it was compared with the ledger.
    compared: Option<Vec<Note>>,
}

/// Its plan was reviewed.
pub struct HasPlan {
    reviewed: Reviewed,
}

/// Its plan is in somebody's hands, and all that is left is to end it.
pub struct Ending(());

/// What a run has from its beginning to its end.
pub(super) struct Going {
    pub(super) session: Arc<Session>,
    pub(super) id: String,
    pub(super) started: Timestamp,
    trace: RunSpan,
    pub(super) found: FoundOut,
    /// Whether its record says how it ended, or that it was interrupted.
    pub(super) is_recorded: bool,
}

/// What a run has found out so far, for its record.
#[derive(Default)]
pub(super) struct FoundOut {
    /// When its plan was reviewed: a blackout that begins later was not heeded then.
    pub(crate) reviewed: Option<Timestamp>,
    /// Where the target is not as we left it, if it looked.
    pub(super) drift: Option<Drift>,
    /// What it read of the directory's changes, if it read no more than those.
    pub(super) changes: Option<Changes>,
    /// The run whose empty plan it takes, if nothing has changed since.
    pub(super) unchanged_since: Option<String>,
    /// How many people its plan judged; nothing if everybody.
    pub(super) judged: Option<usize>,
}

impl Session {
    /// Begins a run.
    pub fn begin(self: &Arc<Self>, purpose: Purpose, listener: Listener<'_>) -> Run<Begun> {
        let started = (self.clock)();
        let id = records::new_id(started);
        let trace = RunSpan::new(purpose, self.name(), &id, None);
        listener(Event::Started { run: id.clone(), organization: self.name().to_owned() });
        let session = Arc::clone(self);
        let going = Going { session, id, started, trace, found: FoundOut::default(), is_recorded: false };
        Run { going, state: Begun(()) }
    }

    /// Settles what a crash left behind, reads the directory, and plans. The target is only read.
    ///
    /// # Errors
    ///
    /// If anything that the plan depends on could not be had. A record of the failed run is kept.
    pub async fn plan(self: &Arc<Self>, listener: Listener<'_>) -> Result<Run<HasPlan>, RunError> {
        self.plan_at(Depth::Full, listener).await
    }

    /// The same, with this much of the directory read.
    ///
    /// # Errors
    ///
    /// As [`Session::plan`].
    pub async fn plan_at(self: &Arc<Self>, depth: Depth, listener: Listener<'_>) -> Result<Run<HasPlan>, RunError> {
        self.begin(Purpose::Run, listener).read(depth, listener).await?.plan(listener).await
    }

    /// Reads the directory and the target's accounts, tells the ledger what stands in the target where that decides,
    /// and plans. The target is only read. The drift is in [`Run::drift`] then.
    ///
    /// `deleted` is the number of accounts of which somebody says that they were deleted in the target on purpose,
    /// where there are too many for that to be believed as such.
    ///
    /// # Errors
    ///
    /// If anything that plan or comparison depend on could not be had. A record of the failed run is kept.
    pub async fn reconcile(
        self: &Arc<Self>,
        deleted: Option<u64>,
        listener: Listener<'_>,
    ) -> Result<Run<HasPlan>, RunError> {
        let run = self.begin(Purpose::Reconcile, listener).read(Depth::Full, listener).await?;
        run.compare(deleted, listener).await?.plan(listener).await
    }

    /// A kept plan, if every one of its changes is still asked for by the directory and the target as they are now.
    /// The directory is read again: the file may be old, and users who have come back since must not be put out by it.
    ///
    /// # Errors
    ///
    /// [`RunError::Stale`] with the changes that went stale and why, and as [`Session::plan`].
    pub async fn kept(
        self: &Arc<Self>,
        file: PlanFile,
        listener: Listener<'_>,
    ) -> Result<(Run<Ending>, HeldPlan), RunError> {
        let Run { going, .. } = self.begin(Purpose::KeptPlan, listener);
        let id = going.id.clone();
        let (mut going, (held, made)) = going.through(self.still_asked_for(&id, file, listener)).await?;
        going.takes(&made);
        Ok((Run { going, state: Ending(()) }, held))
    }

    /// Plans to take back what a run did, and lets the guard review that. The target is only read.
    ///
    /// # Errors
    ///
    /// [`RunError::Undo`] if there is nothing of it that could be taken back; else if snapshot or target cannot be
    /// asked. A record of the failed run is kept.
    pub async fn undo(self: &Arc<Self>, run: &str, listener: Listener<'_>) -> Result<Run<HasPlan>, RunError> {
        let Run { going, .. } = self.begin(Purpose::Undo, listener);
        let (going, made) = going.through(self.plan_undo(run, listener)).await?;
        Ok(going.has_plan(made))
    }
}

impl Run<Begun> {
    /// Settles what a crash left behind, and reads so much of the directory.
    ///
    /// # Errors
    ///
    /// If the read is not certified, or what decides about it could not be had. A record of the failed run is kept.
    pub async fn read(self, depth: Depth, listener: Listener<'_>) -> Result<Run<HasRead>, RunError> {
        self.going.trace.reads(depth);
        let session = Arc::clone(&self.going.session);
        let (mut going, roll) = self.going.through(session.settle_and_read(depth, listener)).await?;
        going.found.changes.clone_from(&roll.changes);
        Ok(Run { going, state: HasRead { roll, compared: None } })
    }
}

impl Run<HasRead> {
    /// Compares the target's accounts with the ledger. `deleted` is as in [`Session::reconcile`].
    ///
    /// # Errors
    ///
    /// If the target cannot be read whole. A record of the failed run is kept.
    pub async fn compare(self, deleted: Option<u64>, listener: Listener<'_>) -> Result<Self, RunError> {
        let (session, roll) = (Arc::clone(&self.going.session), self.state.roll);
        let comparing = session.compare_after_reading(&roll, deleted, listener);
        let (mut going, (notes, drift)) = self.going.through(comparing).await?;
        going.found.drift = Some(drift);
        Ok(Run { going, state: HasRead { roll, compared: Some(notes) } })
    }

    /// Makes a plan, and lets the guard review it.
    ///
    /// # Errors
    ///
    /// If snapshot, directory or target cannot be asked. A record of the failed run is kept.
    pub async fn plan(self, listener: Listener<'_>) -> Result<Run<HasPlan>, RunError> {
        let Self { going, state: HasRead { roll, compared } } = self;
        let (session, id) = (Arc::clone(&going.session), going.id.clone());
        let planning = async {
            match compared {
                Some(notes) => session.plan_from(&id, roll, notes, listener).await,
                None => session.make_plan(&id, roll, listener).await,
            }
        };
        let (going, made) = going.through(planning).await?;
        Ok(going.has_plan(made))
    }
}

impl Run<HasPlan> {
    /// The plan, and what the guard made of it.
    #[must_use]
    pub fn reviewed(&self) -> &Reviewed {
        &self.state.reviewed
    }

    /// The plan.
    #[must_use]
    pub fn proposed(&self) -> &Plan {
        self.state.reviewed.plan()
    }

    /// Why it waits for a person; empty if it does not.
    #[must_use]
    pub fn holds(&self) -> &[Hold] {
        self.state.reviewed.holds()
    }

    /// Hands the plan out. What is left of the run ends it.
    pub fn into_parts(self) -> (Run<Ending>, Reviewed) {
        (Run { going: self.going, state: Ending(()) }, self.state.reviewed)
    }

    /// Ends the run with its plan: nothing is applied.
    ///
    /// # Errors
    ///
    /// If the snapshot fails.
    pub fn end_with_plan(self) -> Result<(RunRecord, Reviewed), RunError> {
        let (run, reviewed) = self.into_parts();
        Ok((run.keep(&reviewed)?, reviewed))
    }
}

impl<State> fmt::Debug for Run<State> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Run").field("id", &self.going.id).finish_non_exhaustive()
    }
}

impl<State> Run<State> {
    /// Where the target is not as we left it, as this run found it; nothing if it did not look.
    #[must_use]
    pub fn drift(&self) -> Option<&Drift> {
        self.going.found.drift.as_ref()
    }

    /// How many people the plan of this run judged; nothing if that was everybody, or if there is none.
    #[must_use]
    pub fn people_judged(&self) -> Option<usize> {
        self.going.found.judged
    }

    /// The run itself, to be ended.
    pub(super) fn into_going(self) -> Going {
        self.going
    }
}

impl Going {
    /// Takes one step. If it fails, so does the run.
    pub(super) async fn through<T>(
        self,
        step: impl Future<Output = Result<T, RunError>>,
    ) -> Result<(Self, T), RunError> {
        match step.instrument(self.trace.span()).await {
            Ok(done) => Ok((self, done)),
            Err(error) => Err(self.failed(error)),
        }
    }

    /// Takes over what a plan found out.
    fn takes(&mut self, made: &Made) {
        self.found.reviewed = Some(made.at);
        self.found.judged = made.judged;
        self.found.changes = made.changes.clone().or_else(|| self.found.changes.take());
        self.found.unchanged_since.clone_from(&made.unchanged_since);
    }

    fn has_plan(mut self, made: Made) -> Run<HasPlan> {
        self.takes(&made);
        Run { going: self, state: HasPlan { reviewed: made.reviewed } }
    }

    /// Its span, for work to be done in it.
    pub(super) fn span(&self) -> tracing::Span {
        self.trace.span()
    }

    /// Ends the run with this failure, and keeps the record of it unless there is one that says more.
    pub(super) fn failed(mut self, error: RunError) -> RunError {
        self.trace.failed(error.code().word());
        if let Err(error) = self.session.doubt_the_place(&error) {
            tracing::error!("the place in the stream of changes cannot be forgotten: {error}");
        }
        self.keep_failure(RunFailure::new(error.code(), error.to_string()));
        error
    }

    /// Keeps the record of a failure. If even that fails, the first failure is the one to tell of.
    fn keep_failure(&mut self, failure: RunFailure) {
        if std::mem::replace(&mut self.is_recorded, true) {
            return;
        }
        let record = self.record(RunResult::Failed(failure), None, None);
        if let Err(error) = records::keep(&*self.session.store, &record) {
            tracing::error!("the record of the failed run cannot be kept: {error}");
        }
    }

    /// Takes note in the trace of how the run ended.
    pub(super) fn trace_end(&mut self, record: &RunRecord) {
        self.trace.ended(record);
    }
}

impl Drop for Going {
    fn drop(&mut self) {
        self.keep_failure(RunFailure::new(FailureCode::Abandoned, ABANDONED));
    }
}
