//! Compares the ledger with the target's accounts, tells it what it has to know, and plans.
//!
//! The target is only read, and read whole: its list has to add up, and an account that the list does not show is
//! looked up by its id before it counts as deleted. What [`crate::plan::compare()`] finds is kept: the drift in the
//! run's record, and in the snapshot what the following plans name as a cause. Who has a role that is told by a group is
//! seen in that group ([`super::carriers`]).

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use futures::{StreamExt as _, TryStreamExt as _, stream};
use rollcall_kit::{Address, DirectoryId};
use tracing::Instrument as _;

use super::error::RunError;
use super::event::Event;
use super::session::{Listener, Session};
use super::spans::step;
use super::stage::{Doubtful, Extent, Roll};
use super::verdicts::{Checked, Withheld, with_store};
use crate::apply::{LedgerReader as _, MembersSettled, Outcome, Settlement};
use crate::plan::drift::{Becomes, Drift};
use crate::plan::{
    Authority, ChangeId, Comparison, DriftPolicy, Found, LedgerAccount, Note, Plan, RoleSight, Sight, TargetAccount,
    compare,
};
use crate::roster::{Reason, Refusal, Role, Roster, Standing};
use crate::scim::{Deleted, RoleDelivery};
use crate::snapshot::{StoreError, StoreLedger, fact};

/// So many accounts are looked up at the same time.
pub(super) const LOOK_UPS: usize = 4;

/// So many accounts of the ledger are corrected in one step.
const STEP: usize = 50;

/// So many people are named in a note.
const NAMED: usize = 10;

impl Session {
    /// Compares the target with the ledger, once the directory was read. Yields what the reader of the plan should know,
    /// and where the target is not as we left it.
    ///
    /// # Errors
    ///
    /// If the target cannot be read whole, or the snapshot cannot be used.
    pub(super) async fn compare_after_reading(
        &self,
        roll: &Roll,
        deleted: Option<u64>,
        listener: Listener<'_>,
    ) -> Result<(Vec<Note>, Drift), RunError> {
        // A ledger that may have lost entries would call our own accounts unmanaged.
        let mut notes = self.rebuild_if_unsealed().await?;
        self.give_back_edits()?;
        let comparing = self.compare_with_target(&roll.doubtful, deleted, listener).instrument(step("compare"));
        let (found, drift) = comparing.await?;
        notes.extend(found);
        Ok((notes, drift))
    }

    async fn compare_with_target(
        &self,
        doubtful: &Doubtful,
        deleted: Option<u64>,
        listener: Listener<'_>,
    ) -> Result<(Vec<Note>, Drift), RunError> {
        let groups = self.find_groups_of(&self.rules).await?;
        let stage = self.stage_over(&groups, doubtful.clone(), Extent::Everybody)?;
        let mut mapped: BTreeSet<Role> = stage.settings.managed_roles.keys().cloned().collect();
        listener(Event::Comparing);
        let mut shown: BTreeMap<String, TargetAccount> =
            self.reader().accounts().await?.into_iter().map(|account| (account.target_id.clone(), account)).collect();
        let (missing, ours) = self.not_shown(&shown)?;
        let left_out = self.look_up(missing.keys()).await?;
        let gone: BTreeSet<String> = missing.keys().filter(|id| !left_out.contains_key(*id)).cloned().collect();
        let left_out_of_list = left_out.len() as u64;
        shown.extend(left_out);
        let believe_deletions = self.believes(gone.len() as u64, ours, deleted)?;
        let mut notes = Vec::new();
        if self.role_sight() == RoleSight::InGroups {
            let carriers = self.role_carriers(&mapped, &stage.ledger_groups).await?;
            mapped = carriers.seen(believe_deletions).cloned().collect();
            self.enter_roles(&carriers, &mut shown)?;
            notes.extend(carriers.strangers(&self.our_ids()?, &shown));
            if believe_deletions {
                notes.extend(self.forget_deleted_groups(&carriers)?);
            }
        }
        let policy = self.drift_policy(mapped, believe_deletions);
        let before = self.found()?;
        let sight = Sight { shown: &shown, gone: &gone, policy: &policy, before: &before };
        let comparison = with_store(|fault: &RefCell<Option<StoreError>>| {
            let judged = self.judged(&stage.roster, &stage.withheld, &stage.extent, fault);
            compare(judged, Checked { records: self.store.accounts(), fault }, sight)
        })?;
        let drift = comparison.drift.clone();
        self.take_in(comparison)?;
        listener(Event::Compared { drift: Box::new(drift.clone().for_the_record()) });
        notes.extend((!believe_deletions).then(|| self.not_believed(&gone, &missing, ours)));
        notes.extend((left_out_of_list > 0).then(|| Note {
            sentence: format!(
                "The target's list left out {left_out_of_list} accounts of ours that it has when it is asked for them \
                 by id. They count as they are"
            ),
            holds: false,
        }));
        Ok((notes, drift))
    }

    /// Accounts of ours that the target's list does not show, by their ids there, and how many are ours in all.
    fn not_shown(
        &self,
        shown: &BTreeMap<String, TargetAccount>,
    ) -> Result<(BTreeMap<String, LedgerAccount>, u64), RunError> {
        let (mut missing, mut ours) = (BTreeMap::new(), 0);
        for account in self.store.accounts() {
            let account = account?;
            ours += 1;
            if !shown.contains_key(&account.target_id) {
                missing.insert(account.target_id.clone(), account);
            }
        }
        Ok((missing, ours))
    }

    /// Looks accounts up by the target's ids. Who is not there is not in the answer.
    ///
    /// # Errors
    ///
    /// If one of them cannot be looked up: that it is not there may then not be concluded.
    pub(super) async fn look_up(
        &self,
        ids: impl IntoIterator<Item = &String>,
    ) -> Result<BTreeMap<String, TargetAccount>, RunError> {
        let ids: Vec<String> = ids.into_iter().cloned().collect();
        let answers = stream::iter(ids).map(|id| async move {
            let found = self.reader().account(&id).await?;
            Ok::<_, RunError>(found.map(|account| (id, account)))
        });
        let found: Vec<Option<(String, TargetAccount)>> = answers.buffer_unordered(LOOK_UPS).try_collect().await?;
        Ok(found.into_iter().flatten().collect())
    }

    /// Whether it is believed that so many accounts were deleted by hand: a target that was restored from an old
    /// backup, or answers for another tenant, must not make us forget who is ours.
    fn believes(&self, gone: u64, ours: u64, deleted: Option<u64>) -> Result<bool, RunError> {
        let limits = &self.organization.limits;
        match deleted {
            Some(said) if said == gone => Ok(true),
            Some(said) => Err(RunError::Stale(format!(
                "{gone} accounts of ours are not in the target any more, not {said}; nothing was forgotten"
            ))),
            None => Ok(gone == 0 || !limits.deletions.is_exceeded(gone, ours, limits.floor)),
        }
    }

    fn not_believed(&self, gone: &BTreeSet<String>, missing: &BTreeMap<String, LedgerAccount>, ours: u64) -> Note {
        // By their addresses: the target's ids come in another order wherever it hands them out.
        let mut names: Vec<&Address> = gone.iter().filter_map(|id| missing.get(id)).map(|one| &one.address).collect();
        names.sort();
        let named: Vec<&str> = names.into_iter().take(NAMED).map(Address::as_str).collect();
        let more = gone.len().saturating_sub(NAMED);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        Note {
            sentence: format!(
                "{0} of the {ours} accounts of ours are not in the target any more ({1}{more}), which is more than the \
                 limit `deletions` lets pass. Nothing was forgotten, and nobody is created again. If they were deleted \
                 on purpose, say so with exactly this number: rollcall reconcile {2} --deleted {0}",
                gone.len(),
                named.join(", "),
                self.name()
            ),
            holds: true,
        }
    }

    fn drift_policy(&self, mapped_roles: BTreeSet<Role>, believe_deletions: bool) -> DriftPolicy {
        let target = &self.organization.target;
        DriftPolicy {
            authority: self.authority(),
            email_mutable: target.mutable_email,
            roles: self.role_sight(),
            mapped_roles,
            create_again: target.deleted == Deleted::CreateAgain,
            believe_deletions,
        }
    }

    fn role_sight(&self) -> RoleSight {
        match self.organization.target.roles {
            RoleDelivery::Groups => RoleSight::InGroups,
            _ => RoleSight::InAccounts,
        }
    }

    fn authority(&self) -> Authority {
        Authority::over(self.organization.target.authority.iter().cloned())
    }

    /// Tells the ledger, and keeps what the following plans have to know.
    fn take_in(&self, comparison: Comparison) -> Result<(), RunError> {
        let Comparison { corrected, forgotten, found, .. } = comparison;
        // Why a plan does something is kept before the ledger lets it.
        self.keep_found(&found)?;
        self.correct_accounts(&corrected)?;
        let ledger = StoreLedger(&*self.store);
        for user in forgotten {
            let groups = ledger.groups_of(&user)?;
            let left = |group| MembersSettled { group, joined: Vec::new(), left: vec![user.clone()] };
            let members = groups.into_iter().map(left).collect();
            self.store.correct(Settlement {
                forgotten_accounts: vec![user.clone()],
                members,
                ..Settlement::default()
            })?;
        }
        Ok(())
    }

    /// Enters these into the ledger. Where roles are memberships, the groups that carry them change along.
    fn correct_accounts(&self, corrected: &[LedgerAccount]) -> Result<(), RunError> {
        for accounts in corrected.chunks(STEP) {
            let members = match self.role_sight() {
                RoleSight::InGroups => self.memberships_of(accounts)?,
                RoleSight::InAccounts => Vec::new(),
            };
            self.store.correct(Settlement { accounts: accounts.to_vec(), members, ..Settlement::default() })?;
        }
        Ok(())
    }

    /// What the last comparisons left behind.
    pub(super) fn found(&self) -> Result<Found, RunError> {
        match self.store.fact(fact::FOUND)? {
            Some(json) => serde_json::from_value(json)
                .map_err(|error| RunError::Internal(format!("what was found in the target cannot be read: {error}"))),
            None => Ok(Found::default()),
        }
    }

    fn keep_found(&self, found: &Found) -> Result<(), RunError> {
        let json = serde_json::to_value(found).map_err(|error| RunError::Internal(error.to_string()))?;
        if self.store.fact(fact::FOUND)?.as_ref() != Some(&json) {
            self.store.set_fact(fact::FOUND, &json)?;
        }
        Ok(())
    }

    /// Where the directory lost its authority before an edit was undone, the edit stays.
    pub(super) fn give_back_edits(&self) -> Result<(), RunError> {
        let mut found = self.found()?;
        if found.edits.is_empty() {
            return Ok(());
        }
        let fault: RefCell<Option<StoreError>> = RefCell::new(None);
        let restored = found.given_back(&self.authority(), |user| {
            self.store.account(user).unwrap_or_else(|error| {
                fault.borrow_mut().get_or_insert(error);
                None
            })
        });
        if let Some(error) = fault.into_inner() {
            return Err(error.into());
        }
        self.correct_accounts(&restored)?;
        self.keep_found(&found)
    }

    /// Those of the people whose accounts were deleted, and who shall get no other one, whom the directory still asks
    /// for.
    pub(super) fn withhold_deleted(&self, roster: &Roster, withheld: &mut Withheld) -> Result<(), RunError> {
        if self.organization.target.deleted != Deleted::Leave {
            return Ok(());
        }
        for (user, label) in self.found()?.left_deleted() {
            if self.is_wanted(roster, &user)? && !withheld.contains_key(&user) {
                let detail =
                    "somebody deleted the account in the application, and the configuration leaves it deleted \
                              until its owner has left and returned; set deleted = \"create-again\" to get another one"
                        .to_owned();
                let refusal = Refusal { reason: Reason::DeletedInTarget, user: Some(user.clone()), label, detail };
                withheld.insert(user, refusal);
            }
        }
        Ok(())
    }

    fn is_wanted(&self, roster: &Roster, user: &DirectoryId) -> Result<bool, RunError> {
        let known = self.store.user(user)?;
        Ok(known.is_some_and(|user| !matches!(roster.judge(&user).standing, Standing::Unwanted(_))))
    }

    /// Who has left gets an account again when they return.
    pub(super) fn forget_deleted_leavers(&self, roster: &Roster) -> Result<(), RunError> {
        let mut found = self.found()?;
        let mut gone = BTreeSet::new();
        for user in found.left_deleted().into_keys() {
            if !self.is_wanted(roster, &user)? {
                gone.insert(user);
            }
        }
        if gone.is_empty() {
            return Ok(());
        }
        found.edits.retain(|found| found.becomes != Becomes::LeftDeleted || !gone.contains(&found.user));
        self.keep_found(&found)
    }

    /// After an apply: what was dealt with is no cause of anything any more.
    pub(super) fn forget_dealt_with(&self, plan: &Plan, outcomes: &[(ChangeId, Outcome)]) -> Result<(), RunError> {
        let found = self.found()?;
        if found.edits.is_empty() {
            return Ok(());
        }
        let ended: BTreeMap<ChangeId, &Outcome> = outcomes.iter().map(|(id, outcome)| (*id, outcome)).collect();
        let done = plan.changes.iter().filter_map(|change| match ended.get(&change.id) {
            Some(Outcome::Done { notes }) => Some((change, notes.is_empty())),
            _ => None,
        });
        let found = found.without(done);
        self.keep_found(&found)
    }
}
