//! One run of an organization by the daemon: on a thread of its own, within its time limit, with exactly one end.
//!
//! Planning is work for a processor, and a run's thread may be busy with it for seconds; on its own thread it keeps
//! neither other organizations nor the control socket nor the watchdog waiting. A panic ends that thread and nothing
//! else.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::OwnedMutexGuard;
use tokio::task::{JoinError, JoinHandle};

use super::desk::{Control, Desk};
use super::is_true;
use crate::guard::Reviewed;
use crate::run::{
    Event, FailureCode, Listener, RunError, RunFailure, RunRecord, RunResult, Session, failed_to_begin, record_end,
};
use crate::schedule::Depth;

/// How long a run that was cancelled may take to notice.
const TO_NOTICE: Duration = Duration::from_secs(5);

/// Time limits of a run.
#[derive(Clone, Copy, Debug)]
pub(super) struct Limits {
    /// The whole run.
    pub run: Duration,
    /// From the word to the end.
    pub stop: Duration,
}

/// Runs an organization once. Whatever happens, there is a record of how it ended, and everybody was told.
pub(super) async fn run(desk: &Arc<Desk>, depth: Depth, limits: Limits, turn: OwnedMutexGuard<()>) -> RunRecord {
    let started = desk.now();
    let mut halted = desk.halted();
    let prepared = tokio::select! {
        prepared = tokio::time::timeout(limits.run, prepare(desk)) => match prepared {
            Ok(prepared) => prepared.map_err(|error| {
                failed_to_begin(&desk.name, depth, error.code().word());
                RunFailure::from(error)
            }),
            Err(_) => {
                failed_to_begin(&desk.name, depth, FailureCode::TimeLimit.word());
                Err(too_long(limits, "it was not even begun: is a secret's file on a disk that does not answer?"))
            }
        },
        () = is_true(&mut halted) => Err(RunFailure::new(FailureCode::Cancelled, "the daemon stops")),
    };
    let mut begun = None;
    let record = match prepared {
        Ok(session) => watched(desk, session, depth, limits, turn, &mut begun).await,
        Err(failure) => Err(failure),
    };
    desk.is_run(None);
    let record = match record {
        Ok(record) => record,
        Err(failure) => {
            let record = failed(desk, started, begun.unwrap_or_default(), failure);
            // What the daemon's own end cut short is no failure, and is made up for.
            if *halted.borrow() || record.id.is_empty() { record } else { recorded(desk, record).await }
        }
    };
    desk.tell(Event::Ended { record: Box::new(record.clone()) });
    record
}

/// Keeps the record of a run that could not do so itself.
async fn recorded(desk: &Desk, record: RunRecord) -> RunRecord {
    let kept = match desk.store().await {
        Ok(store) => record_end(&*store, record.clone()),
        Err(error) => Err(error),
    };
    kept.unwrap_or_else(|error| {
        tracing::error!(organization = desk.name, %error, "the record of the failed run cannot be kept");
        record
    })
}

/// Opens what the run works with. Secrets are read here, so each run has those that count now.
async fn prepare(desk: &Desk) -> Result<Session, RunError> {
    let (organization, store) = (desk.organization(), desk.store().await?);
    let built = tokio::task::spawn_blocking(move || Session::with_store((*organization).clone(), store)).await;
    let session = built.map_err(|error| RunError::Internal(what_happened(error).error))??;
    Ok(session.with_clock(desk.clock()))
}

fn too_long(limits: Limits, end: &str) -> RunFailure {
    let limit = rollcall_kit::HumanDuration::seconds(limits.run.as_secs().try_into().unwrap_or(u32::MAX));
    RunFailure::new(FailureCode::TimeLimit, format!("the run took longer than its limit of {limit}, and {end}"))
}

async fn watched(
    desk: &Arc<Desk>,
    session: Session,
    depth: Depth,
    limits: Limits,
    turn: OwnedMutexGuard<()>,
    begun: &mut Option<String>,
) -> Result<RunRecord, RunFailure> {
    let control = Arc::new(Control::new(session.stop_switch()));
    desk.is_run(Some(Arc::clone(&control)));
    let (runtime, theirs, desk) = (tokio::runtime::Handle::current(), Arc::clone(&control), Arc::clone(desk));
    let mut thread = tokio::task::spawn_blocking(move || {
        // Nobody else's turn before this thread is done, even if nobody waits for it any more.
        let _turn = turn;
        runtime.block_on(work(&desk, &Arc::new(session), depth, &theirs))
    });
    let ended = ended(&control, limits, &mut thread).await;
    *begun = control.run();
    ended
}

/// How the thread of a run ended, which is made to end in time.
async fn ended(
    control: &Control,
    limits: Limits,
    thread: &mut JoinHandle<Result<RunRecord, RunFailure>>,
) -> Result<RunRecord, RunFailure> {
    let ended = match tokio::time::timeout(limits.run, &mut *thread).await {
        Ok(ended) => return ended.unwrap_or_else(|error| Err(what_happened(error))),
        Err(_) => {
            control.halt();
            tokio::time::timeout(limits.stop, &mut *thread).await
        }
    };
    let ended = match ended {
        Ok(ended) => Ok(ended),
        Err(_) => {
            control.cancel();
            tokio::time::timeout(TO_NOTICE, &mut *thread).await
        }
    };
    match ended {
        // What it managed to do by then counts, and is in the record.
        Ok(Ok(Ok(record))) => Ok(record),
        Ok(Ok(Err(_))) => Err(too_long(limits, "it was ended")),
        Ok(Err(error)) => Err(what_happened(error)),
        Err(_) => Err(too_long(limits, "its thread does not end")),
    }
}

/// The run itself, on its thread.
async fn work(desk: &Desk, session: &Arc<Session>, depth: Depth, control: &Control) -> Result<RunRecord, RunFailure> {
    let listener = |event: Event| {
        control.sees(&event);
        // The end is told once, by whoever knows it for certain.
        if !matches!(event, Event::Ended { .. }) {
            desk.tell(event);
        }
    };
    tokio::select! {
        // A run that was cancelled before it began does not begin.
        biased;
        () = control.cancelled() => {
            let reason = "the run was ended before it wrote anything that is not settled or in the journal";
            Err(RunFailure::new(FailureCode::Cancelled, reason))
        }
        record = plan_and_apply(session, depth, &listener) => record.map_err(RunFailure::from),
    }
}

/// Plans, and applies what nothing holds.
async fn plan_and_apply(session: &Arc<Session>, depth: Depth, listener: Listener<'_>) -> Result<RunRecord, RunError> {
    let (run, reviewed) = session.plan_at(depth, listener).await?.into_parts();
    match reviewed {
        Reviewed::Cleared(approved) if approved.plan().is_empty() => run.nothing_to_do(approved),
        Reviewed::Cleared(approved) => run.apply(approved, listener).await,
        Reviewed::Parted(parted) => run.apply(parted.into_part(), listener).await,
        Reviewed::Held(held) => run.held(held),
    }
}

/// The record of a run that has none of its own.
fn failed(desk: &Desk, started: Timestamp, id: String, failure: RunFailure) -> RunRecord {
    RunRecord {
        id,
        organization: desk.name.clone(),
        started,
        ended: desk.now(),
        result: RunResult::Failed(failure),
        certificate: None,
        changes: None,
        plan_id: None,
        plan: None,
        approval: None,
        outcomes: Vec::new(),
        waiting: None,
        decision: None,
        drift: None,
        undoes: None,
        unchanged_since: None,
        folded: None,
    }
}

fn what_happened(error: JoinError) -> RunFailure {
    match error.try_into_panic() {
        Ok(panic) => {
            let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
            let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
            let error = format!(
                "the run ended in a way that it never should, which is an error of Rollcall: {}. What it had begun is in \
                 the journal",
                text.unwrap_or_else(|| "it gave no reason".to_owned())
            );
            RunFailure::new(FailureCode::Panicked, error)
        }
        Err(error) => RunFailure::new(FailureCode::Internal, error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use async_trait::async_trait;
    use rollcall_kit::{
        Address, Capabilities, Certificate, CertificateDraft, CheckFinding, Collection, Connector, DirectoryId,
        DirectoryUser, Entries, LookUp, ReadError, Source,
    };

    use super::*;
    use crate::daemon::desk::tests::desk;
    use crate::run::memory_store;

    /// A directory without anybody, whose look-up of groups is broken.
    struct Broken;

    #[async_trait]
    impl Connector for Broken {
        fn kind(&self) -> &'static str {
            "broken"
        }

        fn capabilities(&self) -> Capabilities {
            Capabilities { groups: true, ..Capabilities::default() }
        }

        async fn check(&self) -> Result<Vec<CheckFinding>, ReadError> {
            Ok(Vec::new())
        }

        async fn read(&self, _: Entries) -> Result<Certificate, ReadError> {
            let source = Source { connector: "broken".into(), server: "here".into(), identity: "tests".into() };
            let mut draft = CertificateDraft::new(source, &["users", "groups"], Timestamp::UNIX_EPOCH);
            for name in ["users", "groups"] {
                draft.completed(Collection {
                    name: name.to_owned(),
                    query: "all".to_owned(),
                    pages: 1,
                    entries: 0,
                    announced: None,
                    end: "the list ended".to_owned(),
                });
            }
            draft.certify(Timestamp::UNIX_EPOCH)
        }

        async fn look_up(&self, _: &DirectoryId) -> Result<LookUp, ReadError> {
            Ok(LookUp::Gone)
        }

        async fn look_up_address(&self, _: &Address) -> Result<Vec<DirectoryUser>, ReadError> {
            Ok(Vec::new())
        }

        async fn look_up_group(&self, _: &DirectoryId) -> Result<Option<String>, ReadError> {
            panic!("index out of bounds")
        }
    }

    #[tokio::test]
    async fn a_run_that_begins_when_the_daemon_stops_already_reads_nothing() {
        let (_folder, desk) = desk();
        let organization = (*desk.organization()).clone();
        let target = Arc::new(crate::scim::ScimTarget::new(&organization.target).unwrap());
        let session = Session::new(organization, Arc::new(memory_store()), Arc::new(Broken), target).unwrap();
        let turn = Arc::clone(&desk.turn).lock_owned().await;
        let limits = Limits { run: Duration::from_secs(60), stop: Duration::from_secs(1) };
        // The word comes while the session is being built.
        desk.halt();
        let failure = watched(&desk, session, Depth::Full, limits, turn, &mut None).await.unwrap_err();
        assert_eq!(failure.code, FailureCode::Cancelled);
    }

    #[tokio::test]
    async fn a_run_that_panics_is_a_run_that_failed_and_gives_its_turn_back() {
        let (_folder, desk) = desk();
        let organization = (*desk.organization()).clone();
        let target = Arc::new(crate::scim::ScimTarget::new(&organization.target).unwrap());
        let session = Session::new(organization, Arc::new(memory_store()), Arc::new(Broken), target).unwrap();
        let turn = Arc::clone(&desk.turn).lock_owned().await;
        let limits = Limits { run: Duration::from_secs(60), stop: Duration::from_secs(1) };
        let RunFailure { code, error } =
            watched(&desk, session, Depth::Full, limits, turn, &mut None).await.unwrap_err();
        assert_eq!(code, FailureCode::Panicked);
        assert!(error.contains("index out of bounds") && error.contains("an error of Rollcall"), "{error}");
        assert!(desk.turn.try_lock().is_ok());
    }
}
