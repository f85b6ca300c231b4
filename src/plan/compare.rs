//! Compares the ledger with the accounts that the target shows.
//!
//! Pure. What was found is told ([`Drift`]), and where the directory decides, the ledger gets to know what stands in
//! the target, so that the diff brings it back with the right value before. Everything else stays in the ledger as we
//! last wrote it, and so stays in the target as somebody else left it.
//!
//! What decides:
//!
//! * An account of ours that is active although we put it out is always made known: the ledger never claims that
//!   somebody is out who is not. Whether its owner is to be put out again is the diff's to say.
//! * An account that somebody deactivated stays so, because there may be a reason to lock it, unless the directory is
//!   the authority over `active`.
//! * A mapped role that was given or taken by hand stays so, unless the directory is the authority over `roles`.
//! * An attribute that no account shows was not edited everywhere: the target does not keep it.

use std::collections::{BTreeMap, BTreeSet};

use rollcall_kit::{DirectoryId, Value, attribute};

use super::attributes::{full_name, is_same};
use super::drift::{ACTIVE, Becomes, Drift, DriftPolicy, Drifted, Edit, ROLES, RoleSight, Unmanaged};
use super::found::{Found, as_we_left_it};
use super::ledger::LedgerAccount;
use super::matching::TargetAccount;
use super::merge::{Judged, Met, merge};
use crate::roster::{DesiredAccount, Standing};

/// What was seen of the target, and what is to become of it.
#[derive(Clone, Copy, Debug)]
pub struct Sight<'a> {
    /// Every account that the target shows, by its id.
    pub shown: &'a BTreeMap<String, TargetAccount>,
    /// Ids that the target does not show, and that a look-up of each confirmed to be gone.
    pub gone: &'a BTreeSet<String>,
    /// What becomes of edits.
    pub policy: &'a DriftPolicy,
    /// What was found before.
    pub before: &'a Found,
}

/// What a comparison found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Comparison {
    /// The drift.
    pub drift: Drift,
    /// The ledger's entries that have to say what stands in the target.
    pub corrected: Vec<LedgerAccount>,
    /// Owners of accounts that are gone, and that the ledger has to forget.
    pub forgotten: Vec<DirectoryId>,
    /// What the following plans should name as a cause.
    pub found: Found,
}

/// Compares. Both streams are sorted by directory id.
pub fn compare<J, L>(judged: J, accounts: L, sight: Sight<'_>) -> Comparison
where
    J: IntoIterator<Item = Judged>,
    L: IntoIterator<Item = LedgerAccount>,
{
    let kept = sight.shown.values().flat_map(|account| account.attributes.keys().map(String::as_str)).collect();
    let roles_kept = match sight.policy.roles {
        RoleSight::InAccounts => sight.shown.values().any(|account| !account.roles.is_empty()),
        RoleSight::InGroups => !sight.policy.mapped_roles.is_empty(),
    };
    let mut comparer = Comparer { sight, kept, roles_kept, ours: BTreeSet::new(), result: Comparison::default() };
    for met in merge(judged, accounts) {
        match met {
            Met::OnlyJudged((user, _, judgement)) => comparer.still_deleted(&user, &judgement.standing),
            Met::OnlyLedger(account) => comparer.meet(None, &account),
            Met::Both((_, _, judgement), account) => comparer.meet(Some(&judgement.standing), &account),
        }
    }
    comparer.finish()
}

struct Comparer<'a> {
    sight: Sight<'a>,
    /// Attributes that some account shows.
    kept: BTreeSet<&'a str>,
    roles_kept: bool,
    ours: BTreeSet<String>,
    result: Comparison,
}

/// One account under comparison.
struct Case<'a> {
    account: &'a LedgerAccount,
    standing: Option<&'a Standing>,
    /// The ledger's entry as it will be.
    corrected: LedgerAccount,
    edits: Vec<(Edit, Becomes)>,
}

impl Comparer<'_> {
    fn meet(&mut self, standing: Option<&Standing>, account: &LedgerAccount) {
        self.result.drift.ours += 1;
        self.ours.insert(account.target_id.clone());
        let withheld = standing == Some(&Standing::Withheld);
        let before = self.sight.before.of(&account.user).filter(|drifted| drifted.becomes.is_told());
        // What was found before and not dealt with yet is found again.
        let left = match withheld {
            true => {
                self.result.found.edits.extend(before.cloned());
                account.clone()
            }
            false => before.fold(account.clone(), |account, drifted| as_we_left_it(account, &drifted.edit)),
        };
        let mut case = Case { account: &left, standing, corrected: left.clone(), edits: Vec::new() };
        match self.sight.shown.get(&account.target_id) {
            Some(now) => {
                self.activity(&mut case, now);
                self.attributes(&mut case, now);
                self.roles(&mut case, now);
            }
            None if self.sight.gone.contains(&account.target_id) => self.deleted(&mut case),
            // Neither shown nor confirmed to be gone: nothing is known of it, and nothing is concluded.
            None => {}
        }
        self.keep(case, account);
    }

    fn activity(&self, case: &mut Case<'_>, now: &TargetAccount) {
        let (edit, becomes) = match (case.account.active, now.active) {
            (false, true) => (
                Edit::Activated,
                match case.standing {
                    Some(Standing::Wanted(_)) => Becomes::Agrees,
                    Some(Standing::Withheld) => Becomes::Withheld,
                    Some(Standing::Unwanted(_)) | None => Becomes::PutOut,
                },
            ),
            (true, false) => (
                Edit::Deactivated,
                match case.standing {
                    Some(Standing::Wanted(_)) if self.sight.policy.authority.covers(ACTIVE) => Becomes::Undone,
                    Some(Standing::Wanted(_)) => Becomes::Stays,
                    Some(Standing::Withheld) => Becomes::Withheld,
                    Some(Standing::Unwanted(_)) | None => Becomes::Agrees,
                },
            ),
            _ => return,
        };
        // Nobody but us starts the clock after which an account is deleted.
        if (edit == Edit::Activated && becomes != Becomes::Withheld) || becomes == Becomes::Undone {
            case.corrected.active = now.active;
            case.corrected.deactivated_at = None;
        }
        case.edits.push((edit, becomes));
    }

    fn attributes(&mut self, case: &mut Case<'_>, now: &TargetAccount) {
        for (name, wrote) in &case.account.written {
            if !self.kept.contains(name.as_str()) {
                *self.result.drift.not_shown.entry(name.clone()).or_default() += 1;
                continue;
            }
            let (wrote, found) = (Some(wrote), now.attributes.get(name));
            if is_same(name, wrote, found) {
                continue;
            }
            let (becomes, directory) = match case.standing {
                Some(Standing::Wanted(desired)) => {
                    (self.judge_attribute(case.account, desired, name, wrote, found), desired.attributes.get(name))
                }
                Some(Standing::Withheld) => (Becomes::Withheld, None),
                Some(Standing::Unwanted(_)) | None if self.is_undone_on_return(name) => (Becomes::OnReturn, None),
                // What stands in the account of somebody who left is nobody's business any more.
                Some(Standing::Unwanted(_)) | None => continue,
            };
            if becomes.is_told() {
                match found {
                    Some(value) => drop(case.corrected.written.insert(name.clone(), value.clone())),
                    None => drop(case.corrected.written.remove(name)),
                }
            }
            let edit = Edit::Attribute {
                attribute: name.clone(),
                wrote: wrote.cloned(),
                found: found.cloned(),
                directory: directory.cloned(),
            };
            case.edits.push((edit, becomes));
        }
    }

    fn is_undone_on_return(&self, name: &str) -> bool {
        let is_address = name == attribute::EMAIL && !self.sight.policy.email_mutable;
        self.sight.policy.authority.covers(name) && !is_address
    }

    fn judge_attribute(
        &self,
        account: &LedgerAccount,
        desired: &DesiredAccount,
        name: &String,
        wrote: Option<&Value>,
        found: Option<&Value>,
    ) -> Becomes {
        let directory = desired.attributes.get(name);
        if desired.undecided_attributes.contains(name) {
            Becomes::Stays
        } else if is_same(name, found, directory) {
            Becomes::Agrees
        } else if name == attribute::EMAIL && !self.sight.policy.email_mutable {
            Becomes::Immutable
        } else if self.sight.before.was_not_kept(&account.user, name, found) {
            Becomes::NotKept
        } else if !is_same(name, wrote, directory) {
            Becomes::Overtaken
        } else if self.sight.policy.authority.covers(name) {
            Becomes::Undone
        } else {
            Becomes::Stays
        }
    }

    fn roles(&self, case: &mut Case<'_>, now: &TargetAccount) {
        let desired = match case.standing {
            Some(Standing::Wanted(desired)) => Some(desired),
            Some(Standing::Unwanted(_)) | None if self.is_undone_on_return(ROLES) => None,
            _ => return,
        };
        if !self.roles_kept {
            return;
        }
        let mapped = &self.sight.policy.mapped_roles;
        let has: BTreeSet<_> = now.roles.iter().filter(|role| mapped.contains(role)).collect();
        let had: BTreeSet<_> = case.account.roles.iter().filter(|role| mapped.contains(role)).collect();
        for &role in has.symmetric_difference(&had) {
            let granted = has.contains(role);
            let becomes = match desired {
                None => Becomes::OnReturn,
                Some(desired) if desired.undecided_roles.contains(role) => Becomes::Stays,
                Some(desired) if desired.roles.contains_key(role) == granted => Becomes::Agrees,
                Some(_) if self.sight.policy.authority.covers(ROLES) => Becomes::Undone,
                Some(_) => Becomes::Stays,
            };
            let edit = match granted {
                true => Edit::RoleGranted { role: role.clone() },
                false => Edit::RoleRevoked { role: role.clone() },
            };
            if becomes.is_told() {
                match granted {
                    true => case.corrected.roles.insert(role.clone()),
                    false => case.corrected.roles.remove(role),
                };
            }
            case.edits.push((edit, becomes));
        }
    }

    fn deleted(&mut self, case: &mut Case<'_>) {
        let becomes = match case.standing {
            _ if !self.sight.policy.believe_deletions => Becomes::NotBelieved,
            Some(Standing::Withheld) => Becomes::Withheld,
            Some(Standing::Wanted(_)) if self.sight.policy.create_again => Becomes::CreatedAgain,
            Some(Standing::Wanted(_)) => Becomes::LeftDeleted,
            Some(Standing::Unwanted(_)) | None => Becomes::Missed,
        };
        if becomes.is_told() || becomes == Becomes::Missed {
            self.result.forgotten.push(case.account.user.clone());
        }
        case.edits.push((Edit::Deleted, becomes));
    }

    /// An account that was deleted, and whose owner has got no other one yet.
    fn still_deleted(&mut self, user: &DirectoryId, standing: &Standing) {
        let deleted = self.sight.before.of(user).find(|drifted| drifted.edit == Edit::Deleted);
        let Some(deleted) = deleted.filter(|_| !matches!(standing, Standing::Unwanted(_))) else { return };
        let becomes = if self.sight.policy.create_again { Becomes::CreatedAgain } else { Becomes::LeftDeleted };
        let deleted = Drifted { becomes, ..deleted.clone() };
        self.result.found.edits.push(deleted.clone());
        self.result.drift.edits.push(deleted);
    }

    fn keep(&mut self, case: Case<'_>, entry: &LedgerAccount) {
        let Case { account, corrected, edits, .. } = case;
        if corrected != *entry {
            self.result.corrected.push(corrected);
        }
        for (edit, becomes) in edits {
            let drifted = Drifted {
                user: account.user.clone(),
                target_id: account.target_id.clone(),
                label: account.address.to_string(),
                name: full_name(&account.written),
                edit,
                becomes,
            };
            if becomes.is_told() || becomes == Becomes::NotKept {
                self.result.found.edits.push(drifted.clone());
            }
            self.result.drift.edits.push(drifted);
        }
    }

    fn finish(self) -> Comparison {
        let Self { sight, ours, roles_kept, mut result, .. } = self;
        let strangers = sight.shown.values().filter(|account| !ours.contains(&account.target_id));
        result.drift.unmanaged = strangers
            .map(|account| Unmanaged {
                user_name: account.user_name.clone(),
                target_id: account.target_id.clone(),
                external_id: account.external_id.clone(),
                active: account.active,
            })
            .collect();
        result.drift.unmanaged.sort();
        result.drift.shown = sight.shown.len() as u64;
        result.drift.edits_in_all = result.drift.edits.len() as u64;
        result.drift.unmanaged_in_all = result.drift.unmanaged.len() as u64;
        result.drift.roles_compared = roles_kept;
        result
    }
}
