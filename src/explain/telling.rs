//! What the snapshot knows of somebody, as gates: the roster's verdicts, the account, refusals, holds and runs.

use std::borrow::Cow;

use rollcall_kit::DirectoryId;

use super::offline::Offline;
use super::story::Past;
use super::{ExplainedGate, Explanation, GateVerdict, Known, concerns, to_the_second};
use crate::guard::Reviewed;
use crate::plan::{Action, LedgerAccount, Origin};
use crate::roster::{self, Reason, Refusal, Role, Standing};
use crate::run::PastRun;
use crate::run::{RunFailure, RunResult};
use crate::snapshot::{Store, StoreError};

/// What the roster heard at each gate; those that it did not come to are named in one line.
pub(super) fn gates(answer: &mut Explanation, gates: Vec<roster::Gate>) {
    let mut not_asked = Vec::new();
    for gate in gates {
        let verdict = match gate.verdict {
            roster::Verdict::Passed => GateVerdict::Passed,
            roster::Verdict::Stopped => GateVerdict::Stopped,
            roster::Verdict::NotReached => {
                not_asked.push(gate.name);
                continue;
            }
        };
        answer.gates.push(ExplainedGate { verdict, title: gate.name, detail: gate.detail });
    }
    if !not_asked.is_empty() {
        answer.tell(GateVerdict::Told, "not asked", format!("{}: the gate before decided", not_asked.join(", ")));
    }
}

/// "active" or "not active".
pub(super) fn active(active: bool) -> &'static str {
    if active { "active" } else { "not active" }
}

/// The account of ours, or where it went.
pub(super) fn account(
    answer: &mut Explanation,
    (user, account): (&DirectoryId, Option<&LedgerAccount>),
    past: &Past<'_>,
) -> Result<(), StoreError> {
    let Some(account) = account else {
        let detail = past.passed_on(user)?.unwrap_or_else(|| "none yet".to_owned());
        answer.tell(GateVerdict::Told, "our account", detail);
        return Ok(());
    };
    let origin = match account.origin {
        Origin::Created => "created",
        Origin::Adopted => "adopted",
    };
    let roles: Vec<&str> = account.roles.iter().map(|role| role.0.as_str()).collect();
    let roles = if roles.is_empty() { "no mapped role".to_owned() } else { roles.join(", ") };
    let mut detail =
        format!("{} in the target, {origin} by us, {}, {roles}", account.target_id, active(account.active));
    if let Some(run) = &account.last_run {
        detail.push_str(&format!("; last written by the run {run}"));
    }
    if let Some(at) = account.deactivated_at {
        detail.push_str(&format!("; deactivated at {}", to_the_second(at)));
    }
    let verdict = if account.active { GateVerdict::Passed } else { GateVerdict::Stopped };
    answer.tell(verdict, "our account", detail);
    Ok(())
}

/// What the plan refuses this user. True if there is anything.
pub(super) fn refusals(answer: &mut Explanation, user: &DirectoryId, reviewed: &Reviewed) -> bool {
    // The target is not asked here, so whether it has an account of theirs already is unknown, and no fault.
    let is_theirs = |refusal: &Refusal| refusal.user.as_ref() == Some(user) && refusal.reason != Reason::MatchUnknown;
    let mut any = false;
    for refusal in reviewed.plan().refusals.iter().filter(|refusal| is_theirs(refusal)) {
        refused(answer, &refusal);
        any = true;
    }
    any
}

fn refused(answer: &mut Explanation, refusal: &Refusal) {
    // The gate that refused has said it already; the code is what reports and scripts know it by.
    match answer.gates.iter_mut().rfind(|gate| gate.detail.ends_with(&refusal.detail)) {
        Some(gate) => gate.detail.push_str(&format!(" ({})", refusal.reason)),
        None => {
            let detail = format!("{} ({})", refusal.detail, refusal.reason);
            answer.tell(GateVerdict::Stopped, "refused", detail);
        }
    }
}

/// What is refused to a group and so to them: a role whose group nobody finds. True if there is anything.
pub(super) fn groups(answer: &mut Explanation, standing: &Standing, known: &Known) -> bool {
    let Standing::Wanted(desired) = standing else { return false };
    if desired.undecided_roles.is_empty() {
        return false;
    }
    let rules = &known.next.stage.roster.rules().settings().role_rules;
    let concerned = |label: &str| {
        rules.iter().any(|rule| desired.undecided_roles.contains(&rule.role) && rule.group.label() == label)
    };
    let of_groups = |refusal: &Refusal| {
        refusal.user.is_none() && matches!(refusal.reason, Reason::GroupMissing | Reason::GroupAmbiguous)
    };
    let refusals = &known.next.reviewed.plan().refusals;
    let all: Vec<_> = refusals.iter().filter(|refusal| of_groups(refusal)).collect();
    let named: Vec<_> = all.iter().filter(|refusal| concerned(&refusal.label)).cloned().collect();
    // A group that is missing inside of another has another name than the rule.
    let told = if named.is_empty() { all } else { named };
    told.iter().for_each(|refusal| refused(answer, refusal));
    !told.is_empty()
}

/// Roles that they should have, that their account lacks and that the offline plan does not grant: their groups in the
/// target are not ours yet, and only a look there shows whether they can be.
pub(super) fn barred(standing: &Standing, account: Option<&LedgerAccount>, reviewed: &Reviewed) -> Vec<Role> {
    let (Standing::Wanted(desired), Some(account)) = (standing, account) else { return Vec::new() };
    let granted = |role: &Role| {
        reviewed.plan().changes.iter().any(|change| {
            change.subject.user() == Some(&account.user)
                && matches!(&change.action, Action::GrantRole { role: given } if given == role)
        })
    };
    desired.roles.keys().filter(|role| !account.roles.contains(role) && !granted(role)).cloned().collect()
}

/// What the target's groups refuse to roles, as this plan or the last one found. Yields the roles of which nothing is
/// known to be refused.
pub(super) fn role_groups(
    answer: &mut Explanation,
    barred: Vec<Role>,
    (store, known): (&dyn Store, &Known),
) -> Vec<Role> {
    let now = known.next.reviewed.plan().refusals.iter().filter(|refusal| refusal.reason != Reason::MatchUnknown);
    let by_target = |reason: Reason| matches!(reason, Reason::MatchUnknown | Reason::AccountContested);
    let meant = |refusal: &Refusal| refusal.user.is_none() && by_target(refusal.reason);
    let before = match (barred.is_empty(), known.last_plan()) {
        (false, Some(run)) => run.refusals(store, meant),
        _ => Vec::new(),
    };
    let now = now.filter(|refusal| refusal.user.is_none());
    let all: Vec<_> = now.chain(before.iter().map(Cow::Borrowed)).collect();
    let mut open = Vec::new();
    for role in barred {
        match all.iter().find(|refusal| refusal.label == role.0) {
            Some(refusal) => refused(answer, refusal),
            None => open.push(role),
        }
    }
    open
}

/// Why the plan waits, if it does something for this user.
pub(super) fn holds(answer: &mut Explanation, user: &DirectoryId, next: &Offline) {
    let mut mine = next.reviewed.plan().changes.iter().filter(|change| concerns(change, user));
    if mine.any(|change| next.waits(&change)) {
        for hold in next.holds() {
            answer.tell(GateVerdict::Stopped, "held", hold.to_string());
        }
    }
}

/// That the last run failed, and why: what is told here is then older than the reader thinks.
pub(super) fn last_run_failed(history: &[PastRun]) -> Option<String> {
    let last = &history.first()?.record;
    let RunResult::Failed(RunFailure { error, .. }) = &last.result else { return None };
    let when = to_the_second(last.ended);
    Some(format!("The last run failed at {when}, so this is how it stood before. It said: {error}"))
}
