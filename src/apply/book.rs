//! The book: what writes a change takes, and what becomes true in the ledger by them.
//!
//! Holds the accounts and groups that this plan touches, as they are after the writes that have been settled so far.

use std::borrow::Cow;
use std::collections::BTreeMap;

use jiff::Timestamp;
use rollcall_kit::{Address, DirectoryId, Value, attribute};

use super::journal::{Intent, JournalError, LedgerReader, MembersSettled, Settlement};
use super::record::{ChangeRecord, RecordedChanges, RecordedOutcome};
use super::target::Write;
use crate::plan::{Action, AttributeChange, Change, GroupKey, LedgerAccount, LedgerGroup, Origin, Subject};
use crate::roster::account::Attributes;

/// Why a change cannot be turned into a write.
pub(super) enum Unwritable {
    /// The ledger or the plan lacks what it takes; in a sentence.
    Skip(String),
    /// The store failed.
    Journal(JournalError),
}

impl From<JournalError> for Unwritable {
    fn from(error: JournalError) -> Self {
        Self::Journal(error)
    }
}

/// The intent of changes that share a write, if any can, and those that cannot be part of it, each with its reason.
pub(super) type Shared<'c> = (Option<Intent>, Vec<(&'c Change, String)>);

/// The ledger as far as this plan touches it.
pub(super) struct Book<'a> {
    reader: &'a dyn LedgerReader,
    run: &'a str,
    accounts: BTreeMap<DirectoryId, Option<LedgerAccount>>,
    groups: BTreeMap<GroupKey, Option<LedgerGroup>>,
}

impl<'a> Book<'a> {
    /// Opens the book of a run.
    pub(super) fn new(reader: &'a dyn LedgerReader, run: &'a str) -> Self {
        Self { reader, run, accounts: BTreeMap::new(), groups: BTreeMap::new() }
    }

    /// The intent of one change that goes alone.
    pub(super) fn intent(&mut self, change: &Change, now: Timestamp) -> Result<Intent, Unwritable> {
        let (write, then) = match &change.subject {
            Subject::Account { user, target_id, label, .. } => {
                self.account_write(user, target_id.as_deref(), label, &change.action, now)?
            }
            Subject::Group { key, target_id, name } => {
                self.group_write(key, target_id.as_deref(), name, &change.action)?
            }
        };
        Ok(Intent { run: self.run.to_owned(), changes: vec![change.id], write, then })
    }

    /// What history keeps of changes that were settled, whether they were kept or not.
    pub(super) fn record(
        &self,
        changes: &[Cow<'_, Change>],
        settled: &Settlement,
        (outcome, now): (&RecordedOutcome, Timestamp),
    ) -> RecordedChanges {
        let records = changes.iter().flat_map(|change| {
            let held = change.subject.user().and_then(|user| self.accounts.get(user)).and_then(Option::as_ref);
            let target_id = settled.target_id(&change.subject).or(held.map(|held| &*held.target_id));
            let target_id = target_id.or_else(|| change.subject.target_id()).unwrap_or_default();
            ChangeRecord::of(change, target_id, outcome.clone(), now)
        });
        RecordedChanges { run: self.run.to_owned(), changes: records.collect() }
    }

    /// Lets a creation carry roles that its account is to have.
    pub(super) fn carry(intent: &mut Intent, grants: &[Cow<'_, Change>]) {
        let Write::CreateAccount { roles, .. } = &mut intent.write else { return };
        for change in grants {
            if let Action::GrantRole { role } = &change.action {
                roles.push(role.clone());
                intent.changes.push(change.id);
                for account in &mut intent.then.accounts {
                    account.roles.insert(role.clone());
                }
            }
        }
    }

    fn account_write(
        &mut self,
        user: &DirectoryId,
        target_id: Option<&str>,
        label: &str,
        action: &Action,
        now: Timestamp,
    ) -> Result<(Write, Settlement), Unwritable> {
        match action {
            Action::Create { attributes } => {
                let write =
                    Write::CreateAccount { user: user.clone(), attributes: attributes.clone(), roles: Vec::new() };
                let account = self.newcomer(user, "", label, Origin::Created, attributes.clone())?;
                Ok((write, accounts(vec![account])))
            }
            Action::Adopt { changes, activate, .. } => {
                let id = target_id.ok_or_else(|| missing("the plan names no account to adopt"))?;
                let mut account = self.newcomer(user, id, label, Origin::Adopted, Attributes::new())?;
                account.active = true;
                record(&mut account, changes);
                Ok((update(id, Some(user), changes, activate.then_some(true)), accounts(vec![account])))
            }
            Action::Relink { from, changes, activate } => self.relink(from, user, changes, *activate),
            _ => self.own_account_write(user, action, now),
        }
    }

    /// A write to an account that is in the ledger.
    fn own_account_write(
        &mut self,
        user: &DirectoryId,
        action: &Action,
        now: Timestamp,
    ) -> Result<(Write, Settlement), Unwritable> {
        let mut account = self.account(user)?;
        let id = account.target_id.clone();
        let write = match action {
            Action::Update { changes } => {
                record(&mut account, changes);
                update(&id, None, changes, None)
            }
            Action::Deactivate => {
                account.active = false;
                account.deactivated_at = Some(now);
                update(&id, None, &[], Some(false))
            }
            Action::Reactivate { changes } => {
                account.active = true;
                account.deactivated_at = None;
                record(&mut account, changes);
                update(&id, None, changes, Some(true))
            }
            Action::Delete => {
                let members = self.memberships(user, &[])?;
                let then = Settlement { forgotten_accounts: vec![user.clone()], members, ..Settlement::default() };
                return Ok((Write::DeleteAccount { target_id: id }, then));
            }
            other => return Err(missing(&format!("{} is no change of an account", other.kind()))),
        };
        account.last_run = Some(self.run.to_owned());
        Ok((write, accounts(vec![account])))
    }

    /// The account passes from one directory id to another, with its roles and memberships.
    fn relink(
        &mut self,
        from: &DirectoryId,
        user: &DirectoryId,
        changes: &[AttributeChange],
        activate: bool,
    ) -> Result<(Write, Settlement), Unwritable> {
        let mut account = self.account(from)?;
        account.user = user.clone();
        account.active |= activate;
        account.deactivated_at = account.deactivated_at.filter(|_| !account.active);
        account.last_run = Some(self.run.to_owned());
        record(&mut account, changes);
        let write = update(&account.target_id, Some(user), changes, activate.then_some(true));
        let members = self.memberships(from, std::slice::from_ref(user))?;
        let then = Settlement {
            accounts: vec![account],
            forgotten_accounts: vec![from.clone()],
            members,
            ..Settlement::default()
        };
        Ok((write, then))
    }

    fn group_write(
        &mut self,
        key: &GroupKey,
        target_id: Option<&str>,
        name: &str,
        action: &Action,
    ) -> Result<(Write, Settlement), Unwritable> {
        let (write, group) = match action {
            Action::CreateGroup => {
                let write = Write::CreateGroup { name: name.to_owned(), external_id: mark(key) };
                (write, new_group(key, "", name, Origin::Created))
            }
            Action::AdoptGroup => {
                let id = target_id.ok_or_else(|| missing("the plan names no group to adopt"))?;
                let write = Write::ChangeMembers { target_id: id.to_owned(), add: Vec::new(), remove: Vec::new() };
                (write, new_group(key, id, name, Origin::Adopted))
            }
            Action::RenameGroup { .. } => {
                let group = self.group(key)?;
                let write = Write::RenameGroup { target_id: group.target_id.clone(), name: name.to_owned() };
                (write, LedgerGroup { name: name.to_owned(), ..group })
            }
            Action::DeleteGroup => {
                let then = Settlement { forgotten_groups: vec![key.clone()], ..Settlement::default() };
                return Ok((Write::DeleteGroup { target_id: self.group(key)?.target_id }, then));
            }
            other => return Err(missing(&format!("{} is no change of a group", other.kind()))),
        };
        Ok((write, Settlement { groups: vec![group], ..Settlement::default() }))
    }

    /// The intent of changes that share one write, and the changes that cannot be part of it, each with its reason.
    pub(super) fn shared_intent<'c>(
        &mut self,
        changes: &'c [Cow<'_, Change>],
        roles_are_groups: bool,
    ) -> Result<Shared<'c>, JournalError> {
        let mut left_out = Vec::new();
        let mut able = Vec::new();
        for change in changes {
            let change: &Change = change;
            let account = change.subject.user().map(|user| self.account(user));
            match account {
                Some(Ok(account)) => able.push((change, account)),
                Some(Err(Unwritable::Journal(error))) => return Err(error),
                Some(Err(Unwritable::Skip(reason))) => left_out.push((change, reason)),
                None => left_out.push((change, "the plan does not say whom it concerns".to_owned())),
            }
        }
        let Some((first, _)) = able.first() else {
            return Ok((None, left_out));
        };
        let (write, then) = match (&first.action, roles_are_groups) {
            (Action::GrantRole { .. } | Action::RevokeRole { .. }, false) => self.roles_write(&able),
            _ => match self.members_write(&able) {
                Ok(intended) => intended,
                Err(Unwritable::Journal(error)) => return Err(error),
                Err(Unwritable::Skip(reason)) => {
                    left_out.extend(able.into_iter().map(|(change, _)| (change, reason.clone())));
                    return Ok((None, left_out));
                }
            },
        };
        let changes = able.iter().map(|(change, _)| change.id).collect();
        Ok((Some(Intent { run: self.run.to_owned(), changes, write, then }), left_out))
    }

    /// Several roles of one account.
    fn roles_write(&self, able: &[(&Change, LedgerAccount)]) -> (Write, Settlement) {
        let mut account = able[0].1.clone();
        let (mut grant, mut revoke) = (Vec::new(), Vec::new());
        for (change, _) in able {
            self.note_role(&mut account, &change.action);
            match &change.action {
                Action::GrantRole { role } => grant.push(role.clone()),
                Action::RevokeRole { role } => revoke.push(role.clone()),
                _ => {}
            }
        }
        (Write::SetRoles { target_id: account.target_id.clone(), grant, revoke }, accounts(vec![account]))
    }

    /// Several members of one group. If the group carries a role, the accounts' records change with it.
    fn members_write(&mut self, able: &[(&Change, LedgerAccount)]) -> Result<(Write, Settlement), Unwritable> {
        let key = group_of(&able[0].0.action).ok_or_else(|| missing("the plan names no group"))?;
        let target_id = match self.group(&key) {
            Ok(group) => group.target_id,
            Err(Unwritable::Skip(_)) if takes_only(able) => return Ok(self.gone_with_its_group(able)),
            Err(error) => return Err(error),
        };
        let (mut add, mut remove) = (Vec::new(), Vec::new());
        let mut settled = MembersSettled { group: key.clone(), joined: Vec::new(), left: Vec::new() };
        let mut then = Settlement::default();
        for (change, account) in able {
            let (ids, members) = match &change.action {
                Action::AddMember { .. } | Action::GrantRole { .. } => (&mut add, &mut settled.joined),
                _ => (&mut remove, &mut settled.left),
            };
            ids.push(account.target_id.clone());
            members.push(account.user.clone());
            if matches!(key, GroupKey::Role(_)) {
                let mut account = account.clone();
                self.note_role(&mut account, &change.action);
                then.accounts.push(account);
            }
        }
        then.members.push(settled);
        Ok((Write::ChangeMembers { target_id, add, remove }, then))
    }

    /// Roles whose group is not ours any more: nobody has them through it, and only the ledger does not know yet.
    fn gone_with_its_group(&self, able: &[(&Change, LedgerAccount)]) -> (Write, Settlement) {
        let without = |(change, account): &(&Change, LedgerAccount)| {
            let mut account = account.clone();
            self.note_role(&mut account, &change.action);
            account
        };
        let write = Write::ChangeMembers { target_id: String::new(), add: Vec::new(), remove: Vec::new() };
        (write, accounts(able.iter().map(without).collect()))
    }

    fn note_role(&self, account: &mut LedgerAccount, action: &Action) {
        match action {
            Action::GrantRole { role } => drop(account.roles.insert(role.clone())),
            Action::RevokeRole { role } => drop(account.roles.remove(role)),
            _ => {}
        }
        account.last_run = Some(self.run.to_owned());
    }

    /// Enters what was settled.
    pub(super) fn enter(&mut self, settled: &Settlement) {
        for user in &settled.forgotten_accounts {
            self.accounts.insert(user.clone(), None);
        }
        for account in &settled.accounts {
            self.accounts.insert(account.user.clone(), Some(account.clone()));
        }
        for key in &settled.forgotten_groups {
            self.groups.insert(key.clone(), None);
        }
        for group in &settled.groups {
            self.groups.insert(group.key.clone(), Some(group.clone()));
        }
        for changed in &settled.members {
            if let Some(Some(group)) = self.groups.get_mut(&changed.group) {
                for user in &changed.left {
                    group.members.remove(user);
                }
                group.members.extend(changed.joined.iter().cloned());
            }
        }
    }

    /// Forgets what the reader shows as well by now, because it is on disk: else the book would hold everybody in the end.
    /// What a later write has changed since stays.
    pub(super) fn is_kept(&mut self, settled: &Settlement) {
        for account in &settled.accounts {
            if self.accounts.get(&account.user).is_some_and(|held| held.as_ref() == Some(account)) {
                self.accounts.remove(&account.user);
            }
        }
    }

    fn account(&mut self, user: &DirectoryId) -> Result<LedgerAccount, Unwritable> {
        if !self.accounts.contains_key(user) {
            self.accounts.insert(user.clone(), self.reader.account(user)?);
        }
        let account = self.accounts.get(user).cloned().flatten();
        account.ok_or_else(|| missing("there is no account of ours that it could be done to"))
    }

    fn group(&mut self, key: &GroupKey) -> Result<LedgerGroup, Unwritable> {
        if !self.groups.contains_key(key) {
            self.groups.insert(key.clone(), self.reader.group(key)?);
        }
        let group = self.groups.get(key).cloned().flatten();
        group.ok_or_else(|| missing("there is no group of ours in the target that it could be done to"))
    }

    /// Takes somebody out of every group, and puts others there in their place.
    fn memberships(&self, user: &DirectoryId, instead: &[DirectoryId]) -> Result<Vec<MembersSettled>, Unwritable> {
        let mut theirs = self.reader.groups_of(user)?;
        // What this plan changed is newer than what the reader may show.
        theirs.retain(|key| !self.groups.contains_key(key));
        let touched = self.groups.iter().filter_map(|(key, group)| Some((key, group.as_ref()?)));
        theirs.extend(touched.filter(|(_, group)| group.members.contains(user)).map(|(key, _)| key.clone()));
        let moved = |group| MembersSettled { group, joined: instead.to_vec(), left: vec![user.clone()] };
        Ok(theirs.into_iter().map(moved).collect())
    }

    fn newcomer(
        &mut self,
        user: &DirectoryId,
        target_id: &str,
        label: &str,
        origin: Origin,
        written: Attributes,
    ) -> Result<LedgerAccount, Unwritable> {
        if let Ok(held) = self.account(user) {
            return Err(missing(&format!("the account {} is this user's already", held.target_id)));
        }
        let email = written.get(attribute::EMAIL).and_then(Value::as_text);
        let address = email.and_then(Address::parse).or_else(|| Address::parse(label));
        Ok(LedgerAccount {
            user: user.clone(),
            target_id: target_id.to_owned(),
            address: address.ok_or_else(|| missing("the plan names no address"))?,
            origin,
            active: true,
            written,
            roles: std::collections::BTreeSet::new(),
            deactivated_at: None,
            last_run: Some(self.run.to_owned()),
        })
    }
}

/// Whether all of these changes take somebody out of a group.
fn takes_only(able: &[(&Change, LedgerAccount)]) -> bool {
    able.iter().all(|(change, _)| matches!(change.action, Action::RevokeRole { .. } | Action::RemoveMember { .. }))
}

fn missing(reason: &str) -> Unwritable {
    Unwritable::Skip(reason.to_owned())
}

fn accounts(accounts: Vec<LedgerAccount>) -> Settlement {
    Settlement { accounts, ..Settlement::default() }
}

fn new_group(key: &GroupKey, target_id: &str, name: &str, origin: Origin) -> LedgerGroup {
    LedgerGroup {
        key: key.clone(),
        target_id: target_id.to_owned(),
        name: name.to_owned(),
        origin,
        members: std::collections::BTreeSet::new(),
    }
}

/// Attributes as they are after a write. One that is the same before and after merely becomes ours.
fn record(account: &mut LedgerAccount, changes: &[AttributeChange]) {
    for change in changes {
        match &change.after {
            Some(value) => drop(account.written.insert(change.attribute.clone(), value.clone())),
            None => drop(account.written.remove(&change.attribute)),
        }
    }
    let email = changes.iter().find(|change| change.attribute == attribute::EMAIL);
    let address = email.and_then(|change| change.after.as_ref()).and_then(Value::as_text).and_then(Address::parse);
    if let Some(address) = address {
        account.address = address;
    }
}

/// Only what really changes is sent.
fn update(
    target_id: &str,
    external_id: Option<&DirectoryId>,
    changes: &[AttributeChange],
    active: Option<bool>,
) -> Write {
    let real = changes.iter().filter(|change| change.before != change.after);
    Write::UpdateAccount {
        target_id: target_id.to_owned(),
        external_id: external_id.cloned(),
        changes: real.cloned().collect(),
        active,
    }
}

/// The group that a change of members is about.
fn group_of(action: &Action) -> Option<GroupKey> {
    match action {
        Action::AddMember { group, .. } | Action::RemoveMember { group, .. } => Some(group.clone()),
        Action::GrantRole { role } | Action::RevokeRole { role } => Some(GroupKey::Role(role.clone())),
        _ => None,
    }
}

/// The `externalId` of a group of ours. Roles have a prefix, because a role may be named like a directory id.
fn mark(key: &GroupKey) -> String {
    match key {
        GroupKey::Role(role) => format!("role:{role}"),
        GroupKey::Directory(id) => id.to_string(),
    }
}
