//! One write, from the moment when it is sent until it is known what became of it.
//!
//! What is known to have been done is to be settled, what is known not to have been done is to be abandoned, and what
//! nobody knows stays open: the next run looks again before it plans.

use std::panic::AssertUnwindSafe;

use futures::FutureExt as _;

use super::journal::{Intent, Settlement};
use super::target::{Probe, Target, TargetError, Write, WriteError, WriteFailure, Written};

/// What became of a write.
pub(super) enum Ended {
    /// Carried out; `settled` is true from now on. The notes say what the target did not keep.
    Done { settled: Settlement, notes: Vec<String>, without_roles: bool },
    /// Carried out as far as it goes, which `settled` tells, and what mattered most was not kept.
    NotKept { settled: Settlement, error: WriteError, without_roles: bool },
    /// Certainly not carried out.
    NotDone(WriteError),
    /// Nobody knows; the failure is [`WriteFailure::Unknown`].
    Unknown(WriteError),
}

/// What is known of a write after it was sent.
enum Known {
    Done(Written),
    NotDone(WriteError),
    Unknown(WriteError),
}

/// Sends the write of an intent that is on disk, and finds out what became of it.
pub(super) async fn attempt(target: &dyn Target, intent: Intent) -> Ended {
    match carry_out(target, &intent.write).await {
        Known::Done(written) => done(intent, written),
        Known::NotDone(error) => Ended::NotDone(error),
        Known::Unknown(error) => Ended::Unknown(WriteError { failure: WriteFailure::Unknown, ..error }),
    }
}

fn done(intent: Intent, written: Written) -> Ended {
    let Intent { write, then, .. } = intent;
    let Some(mut settled) = filled(then, written.target_id.as_deref()) else {
        let detail = "the target did not say which id it gave; the next run looks for it".to_owned();
        return Ended::Unknown(WriteError { failure: WriteFailure::Unknown, detail });
    };
    let without_roles = written.without_roles;
    if without_roles {
        forget_roles(&write, &mut settled);
    }
    match lost_activity(&write, &written, &mut settled) {
        Some(detail) => {
            let error = WriteError { failure: WriteFailure::Refused, detail };
            Ended::NotKept { settled, error, without_roles }
        }
        None => {
            let notes = written.not_kept.into_iter().map(|(_, sentence)| sentence).collect();
            Ended::Done { settled, notes, without_roles }
        }
    }
}

/// Takes the roles out of a settlement that a creation was to carry.
pub(super) fn forget_roles(write: &Write, settled: &mut Settlement) {
    if let Write::CreateAccount { roles, .. } = write {
        for account in &mut settled.accounts {
            account.roles.retain(|role| !roles.contains(role));
        }
    }
}

/// The settlement with the target's id of what was created; nothing if there should be one and there is none.
pub(super) fn filled(mut then: Settlement, target_id: Option<&str>) -> Option<Settlement> {
    let new_accounts = then.accounts.iter_mut().map(|account| &mut account.target_id);
    let new_groups = then.groups.iter_mut().map(|group| &mut group.target_id);
    for empty in new_accounts.chain(new_groups).filter(|id| id.is_empty()) {
        target_id?.clone_into(empty);
    }
    Some(then)
}

/// The ledger never claims that somebody is out who is not, or in who is not. If the target did not keep the `active`
/// flag, the ledger keeps the old one, so that the next plan tries again; the sentence says so.
fn lost_activity(write: &Write, written: &Written, settled: &mut Settlement) -> Option<String> {
    let wanted = match write {
        Write::CreateAccount { .. } => true,
        Write::UpdateAccount { active, .. } => (*active)?,
        _ => return None,
    };
    let (_, sentence) = written.not_kept.iter().find(|(attribute, _)| attribute == "active")?;
    for account in &mut settled.accounts {
        account.active = !wanted;
        account.deactivated_at = None;
    }
    Some(sentence.clone())
}

/// Sends a write, and finds out what became of it.
async fn carry_out(target: &dyn Target, write: &Write) -> Known {
    if write.is_nothing() {
        return Known::Done(Written::default());
    }
    let first = match send(target, write).await {
        Ok(written) => return Known::Done(written),
        Err(error) => error,
    };
    match look(target, write, first).await {
        // A request that was lost may still arrive. A repeated creation would then make a second account.
        Verdict::Repeat(error) if !is_creation(write) => match send(target, write).await {
            Ok(written) => Known::Done(written),
            Err(again) => match look(target, write, again).await {
                Verdict::Known(known) => known,
                Verdict::Repeat(_) => Known::Unknown(error),
            },
        },
        Verdict::Repeat(error) => Known::Unknown(error),
        Verdict::Known(known) => known,
    }
}

/// What a look at the target after a failed write says.
enum Verdict {
    Known(Known),
    /// It was not done so far, or the target does not show it.
    Repeat(WriteError),
}

async fn look(target: &dyn Target, write: &Write, error: WriteError) -> Verdict {
    let vanished = error.failure == WriteFailure::NotFound && takes_away(write);
    if error.failure != WriteFailure::Unknown && !vanished {
        return Verdict::Known(Known::NotDone(error));
    }
    let seen = AssertUnwindSafe(target.probe(write)).catch_unwind().await;
    match seen {
        Ok(Ok(Probe::Done(target_id))) => Verdict::Known(Known::Done(seen_done(&error, target_id, false))),
        Ok(Ok(Probe::DoneWithoutRoles(target_id))) => Verdict::Known(Known::Done(seen_done(&error, target_id, true))),
        Ok(Ok(Probe::NotDone | Probe::Unclear(_))) if vanished => Verdict::Known(Known::NotDone(error)),
        Ok(Ok(Probe::NotDone)) => Verdict::Repeat(doubt(error, "the target does not show it yet")),
        Ok(Ok(Probe::Unclear(reason))) => Verdict::Repeat(doubt(error, &reason)),
        Ok(Err(TargetError::SignIn(reason))) => Verdict::Known(Known::Unknown(doubt(error, &reason))),
        Ok(Err(failed)) => Verdict::Known(Known::Unknown(doubt(error, &failed.to_string()))),
        Err(_) => Verdict::Known(Known::Unknown(doubt(error, "the look-up broke; please report this"))),
    }
}

fn seen_done(error: &WriteError, target_id: Option<String>, without_roles: bool) -> Written {
    let note = ("answer".to_owned(), format!("{}; a look at the target showed that it was done", error.detail));
    Written { target_id, not_kept: vec![note], without_roles }
}

fn doubt(mut error: WriteError, reason: &str) -> WriteError {
    let reason = reason.trim_end_matches('.');
    error.detail.push_str(&format!("; whether it was done is unknown: {reason}. The next run looks again"));
    error
}

async fn send(target: &dyn Target, write: &Write) -> Result<Written, WriteError> {
    let answer = AssertUnwindSafe(target.write(write)).catch_unwind().await;
    answer.unwrap_or_else(|_| {
        let detail = "the write broke on our side; please report this".to_owned();
        Err(WriteError { failure: WriteFailure::Unknown, detail })
    })
}

pub(super) fn is_creation(write: &Write) -> bool {
    matches!(write, Write::CreateAccount { .. } | Write::CreateGroup { .. })
}

/// Whether it would be no failure if what is written to were gone.
fn takes_away(write: &Write) -> bool {
    matches!(
        write,
        Write::DeleteAccount { .. } | Write::DeleteGroup { .. } | Write::UpdateAccount { active: Some(false), .. }
    )
}
