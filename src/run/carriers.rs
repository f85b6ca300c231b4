//! Who has which role where the target is told by membership in groups: the groups that carry roles, as it shows them.
//!
//! Targets show members badly: none at all, or the first hundred. So that somebody is in a group is believed as it is
//! shown, and that they are not only where the list is whole; of everybody else the ledger is believed, and no difference is
//! found where none was seen.

use std::collections::{BTreeMap, BTreeSet};

use super::error::RunError;
use super::session::Session;
use crate::apply::{Members, MembersSettled, Settlement};
use crate::plan::{GroupKey, LedgerAccount, LedgerGroup, Note, TargetAccount};
use crate::roster::Role;

/// So many people are named in a note.
const NAMED: usize = 10;

/// The groups of ours that carry roles, by role: the group, and who is in it if it is still there.
pub(super) struct Carriers(BTreeMap<Role, (LedgerGroup, Option<Members>)>);

impl Carriers {
    /// Roles of which it is seen who has them. A group that is gone shows that nobody has, if that is believed.
    pub(super) fn seen(&self, believe_deletions: bool) -> impl Iterator<Item = &Role> {
        let seen = move |members: &Option<Members>| match members {
            Some(members) => members.whole || !members.ids.is_empty(),
            None => believe_deletions,
        };
        self.0.iter().filter(move |(_, (_, members))| seen(members)).map(|(role, _)| role)
    }

    /// Groups that are not there any more.
    fn gone(&self) -> impl Iterator<Item = &LedgerGroup> {
        self.0.values().filter(|(_, members)| members.is_none()).map(|(group, _)| group)
    }

    /// Accounts that are not ours and that somebody put into a group of ours: they are named and never touched.
    pub(super) fn strangers(&self, ours: &BTreeSet<String>, shown: &BTreeMap<String, TargetAccount>) -> Vec<Note> {
        let note = |(group, members): &(LedgerGroup, Option<Members>)| {
            let ids = members.iter().flat_map(|members| members.ids.difference(ours));
            let mut names: Vec<&str> =
                ids.filter_map(|id| shown.get(id)).map(|account| account.user_name.as_str()).collect();
            names.sort_unstable();
            let more = names.len().saturating_sub(NAMED);
            let who = names.iter().take(NAMED).copied().collect::<Vec<_>>().join(", ");
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            (!names.is_empty()).then(|| Note {
                sentence: format!(
                    "Accounts that are not ours are in the group {} of the target, which carries a role: {who}{more}. They \
                     are never touched",
                    group.name
                ),
                holds: false,
            })
        };
        self.0.values().filter_map(note).collect()
    }
}

impl Session {
    /// Reads the groups that carry these roles.
    ///
    /// # Errors
    ///
    /// If one of them cannot be read.
    pub(super) async fn role_carriers(
        &self,
        mapped: &BTreeSet<Role>,
        groups: &BTreeMap<GroupKey, LedgerGroup>,
    ) -> Result<Carriers, RunError> {
        let mut carriers = BTreeMap::new();
        for role in mapped {
            if let Some(group) = groups.get(&GroupKey::Role(role.clone())) {
                let members = self.reader().members(&group.target_id).await?;
                carriers.insert(role.clone(), (group.clone(), members));
            }
        }
        Ok(Carriers(carriers))
    }

    /// Gives the accounts that the target shows the roles that their memberships mean.
    pub(super) fn enter_roles(
        &self,
        carriers: &Carriers,
        shown: &mut BTreeMap<String, TargetAccount>,
    ) -> Result<(), RunError> {
        let mut partly = BTreeSet::new();
        for account in shown.values_mut() {
            account.roles.clear();
        }
        for (role, (_, members)) in &carriers.0 {
            let Some(members) = members else { continue };
            if !members.whole {
                partly.insert(role);
            }
            for id in &members.ids {
                if let Some(account) = shown.get_mut(id) {
                    account.roles.push(role.clone());
                }
            }
        }
        if partly.is_empty() {
            return Ok(());
        }
        for account in self.store.accounts() {
            let account = account?;
            let Some(now) = shown.get_mut(&account.target_id) else { continue };
            for role in account.roles.iter().filter(|role| partly.contains(role)) {
                if !now.roles.contains(role) {
                    now.roles.push(role.clone());
                }
            }
        }
        Ok(())
    }

    /// The target's ids of all accounts of ours.
    pub(super) fn our_ids(&self) -> Result<BTreeSet<String>, RunError> {
        self.store.accounts().map(|account| Ok(account?.target_id)).collect()
    }

    /// Groups that somebody deleted are ours no more: a role that is given again gets a new one.
    pub(super) fn forget_deleted_groups(&self, carriers: &Carriers) -> Result<Vec<Note>, RunError> {
        let mut notes = Vec::new();
        for group in carriers.gone() {
            let forgotten_groups = vec![group.key.clone()];
            self.store.correct(Settlement { forgotten_groups, ..Settlement::default() })?;
            let sentence = format!(
                "Somebody deleted the group {} in the target, which carries a role. Its members have lost the role there",
                group.name
            );
            notes.push(Note { sentence, holds: false });
        }
        Ok(notes)
    }

    /// Who joins and who leaves the groups that carry roles, if these become the ledger's entries.
    pub(super) fn memberships_of(&self, corrected: &[LedgerAccount]) -> Result<Vec<MembersSettled>, RunError> {
        let mut changed: BTreeMap<GroupKey, MembersSettled> = BTreeMap::new();
        for account in corrected {
            let before = self.store.account(&account.user)?.map(|before| before.roles).unwrap_or_default();
            for role in account.roles.symmetric_difference(&before) {
                let key = GroupKey::Role(role.clone());
                let nobody = MembersSettled { group: key.clone(), joined: Vec::new(), left: Vec::new() };
                let settled = changed.entry(key).or_insert(nobody);
                let who = if before.contains(role) { &mut settled.left } else { &mut settled.joined };
                who.push(account.user.clone());
            }
        }
        let groups = self.ledger_groups()?;
        Ok(changed.into_values().filter(|settled| groups.contains_key(&settled.group)).collect())
    }
}
