//! What one plan carries over to the next: who has to be looked at again, and what was refused to everybody else.
//!
//! Somebody is at rest if a plan did nothing for them, and if nothing but a change of their record, their groups or their
//! account can make the next plan do something. A plan that judges only the others, and takes the refusals of those at
//! rest as they are, is the plan that judges everybody.

use std::collections::{BTreeMap, BTreeSet};

use rollcall_kit::DirectoryId;

use super::change::Action;
use super::document::Plan;
use super::ledger::LedgerAccount;
use super::merge::Met;
use crate::roster::{Judgement, Reason, Refusal, Role, Standing};

/// So many people may be on the next agenda whatever their number, and so large a part of everybody else. With more of
/// them it is no more work to judge everybody.
const FEW: usize = 1_000;
const PART: usize = 4;

/// People and refusals that are kept in memory at most.
const MOST: usize = 200_000;

/// What one plan carries over to the next.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Carried {
    /// People who have to be judged again.
    pub open: BTreeSet<DirectoryId>,
    /// What was refused to people who are at rest.
    pub refused: BTreeMap<DirectoryId, Vec<Refusal>>,
    /// The active accounts with a protected role; only of a plan that judged everybody.
    pub holders: BTreeMap<Role, BTreeSet<DirectoryId>>,
}

/// Collects what is carried over while everybody is met.
#[derive(Clone, Debug, Default)]
pub(super) struct Collecting {
    carried: Carried,
    met: usize,
    /// The users that the plan judged; nothing if it judged everybody.
    judged: Option<BTreeSet<DirectoryId>>,
    is_too_much: bool,
}

impl Collecting {
    /// Before anybody is met of everybody, or of some.
    pub(super) fn new(of_everybody: bool) -> Self {
        Self { judged: (!of_everybody).then(BTreeSet::new), ..Self::default() }
    }

    /// Takes note of somebody.
    pub(super) fn meet(&mut self, met: &Met) {
        self.met += 1;
        if let Some(judged) = &mut self.judged {
            judged.insert(met.user().clone());
        }
        if self.is_too_much {
            return;
        }
        match met {
            Met::OnlyJudged((user, _, judgement)) => self.judged(user, judgement, None),
            Met::Both((user, _, judgement), account) => self.judged(user, judgement, Some(account)),
            Met::OnlyLedger(account) if account.active => drop(self.carried.open.insert(account.user.clone())),
            Met::OnlyLedger(_) => {}
        }
        if self.carried.open.len() + self.carried.refused.len() > MOST {
            (self.is_too_much, self.carried) = (true, Carried::default());
        }
    }

    fn judged(&mut self, user: &DirectoryId, judgement: &Judgement, account: Option<&LedgerAccount>) {
        if !is_at_rest(judgement, account) {
            self.carried.open.insert(user.clone());
        } else if !judgement.refusals.is_empty() {
            self.carried.refused.insert(user.clone(), judgement.refusals.clone());
        }
    }

    /// What is carried over, now that the plan is made over so many accounts; nothing if the next one should judge
    /// everybody.
    pub(super) fn finish(self, plan: &Plan, accounts: u64) -> Option<Carried> {
        let Self { mut carried, met, judged, is_too_much } = self;
        if is_too_much {
            return None;
        }
        for change in &plan.changes {
            carried.open.extend(change.subject.user().cloned());
            if let Action::Relink { from, .. } = &change.action {
                carried.open.insert(from.clone());
            }
        }
        for refusal in &plan.refusals {
            if let Some(user) = &refusal.user
                && judged.as_ref().is_none_or(|judged| judged.contains(user))
                && !carried.refused.get(user).is_some_and(|own| own.contains(&*refusal))
            {
                carried.open.insert(user.clone());
            }
        }
        carried.refused.retain(|user, _| !carried.open.contains(user));
        let everybody = met.max(usize::try_from(accounts).unwrap_or(usize::MAX));
        (carried.open.len() <= FEW.max(everybody / PART)).then_some(carried)
    }
}

/// Whether only a change of record, groups or account can make a plan do something for somebody.
///
/// Who is in scope competes for an address. The ledger tells of those who have it, so somebody in scope rests only
/// with an active account of that address.
fn is_at_rest(judgement: &Judgement, account: Option<&LedgerAccount>) -> bool {
    match &judgement.standing {
        Standing::Wanted(desired) => {
            account.is_some_and(|account| account.active && account.address.folded() == desired.address.folded())
        }
        Standing::Unwanted(_) => account.is_none_or(|account| !account.active),
        // These come before anybody competes, and say nothing of anybody else.
        Standing::Withheld => judgement.refusals.iter().all(|refusal| {
            matches!(refusal.reason, Reason::EmailMissing | Reason::EmailInvalid | Reason::StatusUnknown)
        }),
    }
}
