//! Rebuilds the ledger from the target after the snapshot was found not to match its seal.
//!
//! A ledger that lost entries would forget who is ours, and a leaver among them would stay in for ever; one that is
//! older than it should be would believe that roles are gone that were given since. So every account of the target is
//! compared with the ledger: what carries the id of somebody in the directory is ours again, what is not there any
//! more, not even when it is asked for by its id, is not, and what the target shows of `active` and of mapped roles is
//! believed. The plan of such a run removes nothing; once it was applied the snapshot is sealed, and the next plan
//! removes again, in full sight.

use std::collections::{BTreeMap, BTreeSet};

use rollcall_kit::{Address, DirectoryId};

use super::error::RunError;
use super::session::Session;
use crate::apply::{Settlement, TargetError};
use crate::plan::{LedgerAccount, Note, Origin, TargetAccount};
use crate::roster::Role;

/// So many accounts are named that may have belonged to leavers.
const STRANGERS_NAMED: usize = 20;

/// So many accounts are looked up before the next are, if none of them is there.
const LOOKED_UP_AT_ONCE: usize = 16;

impl Session {
    /// Compares ledger and target, if the snapshot does not match its seal. Yields what the reader of the plan should
    /// know.
    ///
    /// # Errors
    ///
    /// If the target's accounts cannot be read whole: nothing may be concluded from a part of them.
    pub(super) async fn rebuild_if_unsealed(&self) -> Result<Vec<Note>, RunError> {
        if self.store.is_sealed() {
            return Ok(Vec::new());
        }
        let shown = self.reader().accounts().await?;
        let managed = self.rules.mapped_roles();
        let mut by_id: BTreeMap<&str, &TargetAccount> = BTreeMap::new();
        for account in &shown {
            by_id.insert(&account.target_id, account);
        }
        let mut settlement = Settlement::default();
        let (mut known, mut missing) = (BTreeSet::new(), Vec::new());
        for account in self.store.accounts() {
            let account = account?;
            known.insert(account.target_id.clone());
            match by_id.get(account.target_id.as_str()) {
                Some(now) => settlement.accounts.extend(corrected(&account, now, &managed)),
                None => missing.push(account),
            }
        }
        self.confirm_gone(&missing).await?;
        settlement.forgotten_accounts.extend(missing.into_iter().map(|account| account.user));
        let corrected = settlement.accounts.len();
        let mut strangers = Vec::new();
        for account in shown.iter().filter(|account| !known.contains(&account.target_id)) {
            match self.owner(account)? {
                Owner::Known(user) => settlement.accounts.extend(self.found_again(user, account, &managed)),
                Owner::Stranger => strangers.push(account.user_name.as_str()),
                Owner::None => {}
            }
        }
        let found = settlement.accounts.len() - corrected;
        let gone = settlement.forgotten_accounts.len();
        self.store.correct(settlement)?;
        let mut notes = vec![note(format!(
            "The snapshot did not match its seal, so its ledger was compared with all {} accounts of the target: \
             {found} found again, {corrected} corrected, {gone} not there any more. This plan removes nothing; once it \
             was applied, the next one does.",
            shown.len()
        ))];
        notes.extend(strangers_note(&strangers));
        Ok(notes)
    }

    /// Looks accounts up by their ids that a list does not show. If one is there after all, the list shows a part, and
    /// the ledger would forget who is ours.
    async fn confirm_gone(&self, missing: &[LedgerAccount]) -> Result<(), RunError> {
        for some in missing.chunks(LOOKED_UP_AT_ONCE) {
            let there = self.look_up(some.iter().map(|account| &account.target_id)).await?;
            if let Some(account) = some.iter().find(|account| there.contains_key(&account.target_id)) {
                let reason = format!(
                    "it does not show the account {} of {}, which is there when it is asked for by its id",
                    account.target_id, account.address
                );
                return Err(TargetError::Unreliable { what: "the list of Users".to_owned(), reason }.into());
            }
        }
        Ok(())
    }

    /// Whose account it is, by the id that it carries.
    fn owner(&self, account: &TargetAccount) -> Result<Owner, RunError> {
        let Some(user) = account.external_id.as_deref().and_then(DirectoryId::new) else {
            return Ok(Owner::None);
        };
        let taken = self.store.account(&user)?.is_some();
        Ok(match self.store.user(&user)? {
            Some(_) if !taken => Owner::Known(user),
            Some(_) => Owner::None,
            None => Owner::Stranger,
        })
    }

    /// An account that the ledger forgot.
    fn found_again(
        &self,
        user: DirectoryId,
        account: &TargetAccount,
        managed: &BTreeSet<Role>,
    ) -> Option<LedgerAccount> {
        let address = account.addresses.iter().chain([&account.user_name]).find_map(|text| Address::parse(text))?;
        Some(LedgerAccount {
            user,
            target_id: account.target_id.clone(),
            address,
            origin: Origin::Adopted,
            active: account.active,
            written: account.attributes.clone(),
            roles: account.roles.iter().filter(|role| managed.contains(role)).cloned().collect(),
            deactivated_at: (!account.active).then(|| (self.clock)()),
            last_run: None,
        })
    }
}

/// Whose an account is that the ledger does not know.
enum Owner {
    /// Somebody in the directory, who has no account of ours yet.
    Known(DirectoryId),
    /// It carries an id that nobody in the directory has.
    Stranger,
    /// It carries none, or that of somebody who has an account of ours.
    None,
}

/// The ledger's entry as the target shows it; nothing if it is right already.
fn corrected(account: &LedgerAccount, now: &TargetAccount, managed: &BTreeSet<Role>) -> Option<LedgerAccount> {
    let mut corrected = account.clone();
    corrected.active = now.active;
    corrected.roles.extend(now.roles.iter().filter(|role| managed.contains(role)).cloned());
    if now.active {
        corrected.deactivated_at = None;
    }
    (corrected != *account).then_some(corrected)
}

/// Accounts that may have been ours, and whose owners left while the ledger was lost. Nothing will ever put them out,
/// and only this plan tells of them, so it waits until somebody has read it.
fn strangers_note(strangers: &[&str]) -> Option<Note> {
    let first = strangers.iter().take(STRANGERS_NAMED).copied().collect::<Vec<_>>().join(", ");
    let more = strangers.len().saturating_sub(STRANGERS_NAMED);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    (!strangers.is_empty()).then(|| Note {
        sentence: format!(
            "{} of the target's accounts carry the id of nobody in the directory: {first}{more}. If they were ours, \
             nobody can tell any more: look at them by hand, and deactivate those who left",
            strangers.len()
        ),
        holds: true,
    })
}

fn note(sentence: String) -> Note {
    Note { sentence, holds: false }
}
