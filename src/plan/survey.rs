//! The survey: what has to be asked of target and directory before a plan can be made.
//!
//! A first walk over the same two streams that the plan is made from. It finds who needs to be looked up in the
//! target (everybody who is wanted and has no account of ours), which owners of accounts have to be confirmed to be
//! gone, and who arrives under an address that an account of ours carries already.

use std::collections::{BTreeMap, BTreeSet};

use rollcall_kit::DirectoryId;

use super::ledger::{LedgerAccount, LedgerGroup};
use super::matching::{Candidate, Candidates};
use super::merge::{Judged, Met, merge};
use super::settings::PlanSettings;
use super::{GroupKey, due};
use crate::roster::{DesiredAccount, Standing};

/// What has to be asked before a plan can be made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Survey {
    /// Users to look up in the target, in the order of their ids.
    pub candidates: Candidates,
    /// Owners of accounts of ours whom the mirror does not have. Each must be looked up in the directory; until their
    /// absence is confirmed, their account is left as it is.
    pub unconfirmed: BTreeSet<DirectoryId>,
    /// How many active accounts of ours the target must have.
    pub ours: usize,
    /// By newcomer: the owners of accounts of ours that carry their address.
    pub(super) claims: BTreeMap<DirectoryId, Vec<DirectoryId>>,
}

impl Survey {
    /// Makes the survey. Both streams are sorted by directory id.
    pub fn of<J, L>(judged: J, accounts: L, settings: &PlanSettings) -> Self
    where
        J: IntoIterator<Item = Judged>,
        L: IntoIterator<Item = LedgerAccount>,
    {
        let mut survey = Self::default();
        let mut newcomers = Candidates::default();
        let mut carried: BTreeMap<String, Vec<(DirectoryId, bool)>> = BTreeMap::new();
        let mut ours = 0;
        let counted = accounts.into_iter().inspect(|account| ours += usize::from(account.active));
        for met in merge(judged, counted) {
            match met {
                Met::OnlyJudged((user, _, judgement)) => {
                    if let Standing::Wanted(desired) = judgement.standing {
                        newcomers.push(candidate(user, *desired, settings));
                    }
                }
                Met::OnlyLedger(account) => {
                    if account.active || due::days_if_due(&account, settings).is_some() {
                        survey.unconfirmed.insert(account.user.clone());
                    }
                    carried.entry(account.address.folded()).or_default().push((account.user, true));
                }
                Met::Both((_, _, judgement), account) if may_be_claimed(&judgement.standing, &account, settings) => {
                    carried.entry(account.address.folded()).or_default().push((account.user, false));
                }
                Met::Both(..) => {}
            }
        }
        survey.ours = ours;
        for newcomer in newcomers.iter() {
            survey.place(newcomer, &carried);
        }
        survey
    }

    /// A newcomer is looked up in the target, unless the ledger itself already knows an account with their address.
    fn place(&mut self, newcomer: Candidate, carried: &BTreeMap<String, Vec<(DirectoryId, bool)>>) {
        let Some(owners) = carried.get(&newcomer.address.folded()) else {
            self.candidates.push(newcomer);
            return;
        };
        self.unconfirmed.extend(owners.iter().filter(|(_, unjudged)| *unjudged).map(|(owner, _)| owner.clone()));
        self.claims.insert(newcomer.user, owners.iter().map(|(owner, _)| owner.clone()).collect());
    }
}

/// Somebody to look up, with what an account of theirs would be recognised by: on the first day these are everybody.
fn candidate(user: DirectoryId, desired: DesiredAccount, settings: &PlanSettings) -> Candidate {
    let DesiredAccount { address, mut attributes, .. } = desired;
    attributes.retain(|name, _| settings.is_unique(name));
    Candidate { user, address, attributes }
}

/// Whether a newcomer with this account's address could mean this account.
///
/// An account whose wanted owner still has its address is not kept here, which keeps the index small: two wanted users
/// with one address are the roster's finding, and the look-up in the target would find that account anyway. Nor is
/// one whose owner is about to give the address up.
fn may_be_claimed(standing: &Standing, account: &LedgerAccount, settings: &PlanSettings) -> bool {
    match standing {
        Standing::Wanted(desired) => desired.address != account.address && !settings.email_mutable,
        Standing::Unwanted(_) | Standing::Withheld => true,
    }
}

/// Names of groups that must be looked up in the target before a plan can be made: those that ought to be ours and
/// are not yet.
#[must_use]
pub fn groups_to_find(settings: &PlanSettings, ledger_groups: &BTreeMap<GroupKey, LedgerGroup>) -> Vec<String> {
    let roles = settings.managed_roles.keys().filter(|_| settings.role_delivery_is_groups);
    let roles = roles.map(|role| (GroupKey::Role(role.clone()), role.0.clone()));
    let pushed = settings.pushed_groups.iter().map(|group| (group.key.clone(), group.name.clone()));
    let names: BTreeSet<String> =
        roles.chain(pushed).filter(|(key, _)| !ledger_groups.contains_key(key)).map(|(_, name)| name).collect();
    names.into_iter().collect()
}
