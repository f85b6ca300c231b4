//! Undo: the inverse of what a run did.
//!
//! Pure. Only what was carried out is taken back, and only where the account still stands as the run left it, in the
//! ledger and in the target; whatever else happened to it since is newer and stays, and is named. A creation becomes a
//! deactivation, never a deletion. The plan is no answer to the directory, so it says where the directory still asks
//! for what it takes back: the next run would do that again.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use rollcall_kit::{DirectoryId, attribute};

use super::attributes::is_same;
use super::change::{Action, AttributeChange, Cause, Change, GroupKey, Subject};
use super::changes::Changes;
use super::diff::{Planned, account_subject, sorted, without_removals};
use super::document::{Basis, Digest, Note, PLAN_VERSION, Plan};
use super::draft::{Draft, Milestone};
use super::drafts::Drafts;
use super::holdings::Holdings;
use super::ledger::{LedgerAccount, LedgerGroup};
use super::matching::TargetAccount;
use super::order::{self, Arranged};
use super::settings::PlanSettings;
use crate::roster::{Reason, Refusal, Role, Standing};

/// Everything that an inverse plan is made from.
#[derive(Debug)]
pub struct UndoInput<'a, L> {
    /// For which organization.
    pub organization: &'a str,
    /// From what the plan is made.
    pub basis: Basis,
    /// The run whose changes are taken back.
    pub run: &'a str,
    /// Those of its changes that were carried out, in their order.
    pub done: &'a Changes,
    /// The ledger's accounts, sorted by directory id.
    pub accounts: L,
    /// The ledger's groups.
    pub groups: &'a BTreeMap<GroupKey, LedgerGroup>,
    /// What the target shows of the accounts concerned, by its id. Who is not in here is not there.
    pub shown: &'a BTreeMap<String, TargetAccount>,
    /// What the directory, as last read, asks for the people concerned; nothing for who is not in it.
    pub standings: &'a BTreeMap<DirectoryId, Standing>,
    /// People to whom nothing may be done, and why.
    pub withheld: &'a BTreeMap<DirectoryId, String>,
    /// The settings.
    pub settings: &'a PlanSettings,
}

/// Makes the inverse plan.
pub fn undo<L: IntoIterator<Item = LedgerAccount>>(input: UndoInput<'_, L>) -> Planned {
    let user_of = |change: Cow<'_, Change>| change.subject.user().cloned();
    let concerned: BTreeSet<DirectoryId> = input.done.iter().filter_map(user_of).collect();
    let mut holdings = Holdings::new(input.settings);
    let mut accounts = BTreeMap::new();
    for account in input.accounts {
        holdings.count(&account, None);
        if concerned.contains(&account.user) {
            accounts.insert(account.user.clone(), account);
        }
    }
    holdings.count_groups(input.groups);
    let adopted = input.done.iter().filter(|change| matches!(change.action, Action::Adopt { .. }));
    let mut undoing = Undoing {
        run: input.run,
        adopted: adopted.filter_map(user_of).collect(),
        let_in: input.done.iter().filter(|change| lets_in(&change.action)).filter_map(user_of).collect(),
        reactivated: input
            .done
            .iter()
            .filter(|change| change.action == Action::Deactivate)
            .filter_map(user_of)
            .filter(|user| accounts.get(user).is_some_and(|account| !account.active))
            .collect(),
        accounts: &accounts,
        groups: input.groups,
        shown: input.shown,
        standings: input.standings,
        withheld: input.withheld,
        settings: input.settings,
        drafts: Drafts::default(),
        again: BTreeMap::new(),
    };
    for change in input.done {
        undoing.take_back(&change);
    }
    let Undoing { mut drafts, again, .. } = undoing;
    drafts.notes.extend(asked_again(&again));
    let Arranged { changes, estimate, swaps } = order::arrange(drafts.changes, input.settings);
    drafts.refusals.extend(swaps);
    let plan = Plan {
        version: PLAN_VERSION,
        organization: input.organization.to_owned(),
        basis: input.basis,
        estimate,
        changes,
        refusals: drafts.refusals.sorted(),
        notes: sorted(drafts.notes),
        active_before: holdings.active,
        undoes: Some(input.run.to_owned()),
        digest: Digest::default(),
    };
    let plan = if input.settings.sealed { plan } else { without_removals(plan, &holdings) };
    Planned { plan, holdings, carried: None }
}

struct Undoing<'a> {
    run: &'a str,
    /// People whose accounts the run adopted.
    adopted: BTreeSet<DirectoryId>,
    /// People whom the run let in.
    let_in: BTreeSet<DirectoryId>,
    /// People whom this plan lets in again.
    reactivated: BTreeSet<DirectoryId>,
    accounts: &'a BTreeMap<DirectoryId, LedgerAccount>,
    groups: &'a BTreeMap<GroupKey, LedgerGroup>,
    shown: &'a BTreeMap<String, TargetAccount>,
    standings: &'a BTreeMap<DirectoryId, Standing>,
    withheld: &'a BTreeMap<DirectoryId, String>,
    settings: &'a PlanSettings,
    drafts: Drafts,
    /// What the next run would do again: people by what would be done to them.
    again: BTreeMap<String, Vec<String>>,
}

impl<'a> Undoing<'a> {
    fn take_back(&mut self, change: &Change) {
        let taken = match &change.subject {
            Subject::Account { user, .. } => self.account(change, user),
            Subject::Group { key, name, .. } => self.group(change, key, name),
        };
        if let Err(why) = taken {
            self.drafts.refusals.push(Refusal {
                reason: Reason::NotUndone,
                user: change.subject.user().cloned(),
                label: change.subject.label().to_owned(),
                detail: format!("{} (change {}): {why}", change.action, change.id),
            });
        }
    }

    fn account(&mut self, change: &Change, user: &DirectoryId) -> Result<(), String> {
        if change.action == Action::Delete {
            return Err("the account was deleted for good; only a new one can be created, which the next run does if \
                        the directory asks for it"
                .to_owned());
        }
        if let Some(why) = self.withheld.get(user) {
            return Err(format!("it is unknown what was done to the account last ({why})"));
        }
        let account = self.accounts.get(user).ok_or("there is no account of ours any more")?;
        let id = change.subject.target_id();
        if id.is_some_and(|id| id != account.target_id) {
            return Err("it is another account in the target now".to_owned());
        }
        let now = self.shown.get(&account.target_id).ok_or("the account is not there any more")?;
        if now.active != account.active {
            let did = if now.active { "activated" } else { "deactivated" };
            return Err(format!("somebody {did} it in the application since"));
        }
        match &change.action {
            Action::Create { .. } => self.deactivate(change, account),
            Action::Update { changes } => self.restore(change, account, now, changes),
            Action::Deactivate if account.active => Err("it is active again already".to_owned()),
            Action::Deactivate => {
                self.push(change, account, Action::Reactivate { changes: Vec::new() }, Vec::new());
                Ok(())
            }
            Action::Reactivate { changes } => {
                let restored = self.restore(change, account, now, changes);
                self.deactivate(change, account)?;
                restored
            }
            Action::Adopt { changes, activate, .. } | Action::Relink { changes, activate, .. } => {
                let restored = self.restore(change, account, now, changes);
                if *activate {
                    self.deactivate(change, account)?;
                }
                restored?;
                Err("whose account it is stays as it is; its values and its activity are taken back".to_owned())
            }
            Action::GrantRole { role } | Action::RevokeRole { role } => self.role(change, account, now, role),
            Action::AddMember { group, group_name } | Action::RemoveMember { group, group_name } => {
                self.member(change, account, group, group_name)
            }
            other => Err(format!("{other} is no change of an account")),
        }
    }

    /// A draft that takes a change back.
    fn push(&mut self, change: &Change, account: &LedgerAccount, action: Action, needs: Vec<Milestone>) {
        if self.is_asked_again(change) {
            let what = match &change.action {
                Action::Reactivate { .. } => "activate".to_owned(),
                other => other.to_string(),
            };
            self.again.entry(what).or_default().push(account.address.to_string());
        }
        let subject = account_subject(account, &account.written);
        let cause = Cause::Undone { run: self.run.to_owned(), change: change.id };
        let draft = Draft::new(subject, action, vec![cause]).needing(needs);
        self.drafts.push(draft.with_unique_values(self.settings));
    }

    fn deactivate(&mut self, change: &Change, account: &LedgerAccount) -> Result<(), String> {
        if !account.active {
            return Err("it is not active any more".to_owned());
        }
        self.push(change, account, Action::Deactivate, Vec::new());
        Ok(())
    }

    /// Puts the old values back, where the run's values still stand.
    fn restore(
        &mut self,
        change: &Change,
        account: &LedgerAccount,
        now: &TargetAccount,
        changes: &[AttributeChange],
    ) -> Result<(), String> {
        let mut back = Vec::new();
        let mut moved = Vec::new();
        for AttributeChange { attribute, before, after } in changes.iter().filter(|change| change.is_real()) {
            let ours = is_same(attribute, account.written.get(attribute), after.as_ref());
            // A target that keeps no such attribute shows nothing, which is no edit.
            let found = now.attributes.get(attribute);
            let theirs = found.is_none() || is_same(attribute, found, after.as_ref());
            let immutable = attribute == attribute::EMAIL && !self.settings.email_mutable;
            if ours && theirs && !immutable {
                let (before, after) = (account.written.get(attribute).cloned(), before.clone());
                back.push(AttributeChange { attribute: attribute.clone(), before, after });
            } else {
                moved.push(attribute.as_str());
            }
        }
        if !back.is_empty() {
            self.push(change, account, Action::Update { changes: back }, Vec::new());
        }
        match moved.as_slice() {
            [] => Ok(()),
            moved => Err(format!("{} changed since, or cannot be changed back", moved.join(", "))),
        }
    }

    fn role(
        &mut self,
        change: &Change,
        account: &LedgerAccount,
        now: &TargetAccount,
        role: &Role,
    ) -> Result<(), String> {
        if !self.settings.managed_roles.contains_key(role) {
            return Err("no rule names the role any more, so it is nobody's business".to_owned());
        }
        let granted = matches!(change.action, Action::GrantRole { .. });
        if granted != account.roles.contains(role) {
            let state = if granted { "it does not have the role any more" } else { "it has the role again" };
            return Err(state.to_owned());
        }
        // Where roles are memberships, the account does not show them.
        if !granted && !self.settings.role_delivery_is_groups && now.roles.contains(role) {
            return Err("somebody gave it the role in the application since".to_owned());
        }
        if granted && self.adopted.contains(&account.user) {
            return Err("the account was adopted by the same run, and may have had the role before".to_owned());
        }
        if granted {
            self.push(change, account, Action::RevokeRole { role: role.clone() }, Vec::new());
            return Ok(());
        }
        let needs = self.to_be_active(account)?;
        self.push(change, account, Action::GrantRole { role: role.clone() }, needs);
        Ok(())
    }

    /// What has to come before something is given to the account.
    fn to_be_active(&self, account: &LedgerAccount) -> Result<Vec<Milestone>, String> {
        match (account.active, self.reactivated.contains(&account.user)) {
            (true, _) if self.let_in.contains(&account.user) => {
                Err("the account is put out again by this, and nothing is given to it".to_owned())
            }
            (true, _) => Ok(Vec::new()),
            (false, true) => Ok(vec![Milestone::Account(account.user.clone())]),
            (false, false) => Err("the account is not active, and nothing is given to it".to_owned()),
        }
    }

    fn member(
        &mut self,
        change: &Change,
        account: &LedgerAccount,
        key: &GroupKey,
        group_name: &str,
    ) -> Result<(), String> {
        let held = self.groups.get(key).ok_or("the group is not ours any more")?;
        let added = matches!(change.action, Action::AddMember { .. });
        if added != held.members.contains(&account.user) {
            return Err("the membership changed since".to_owned());
        }
        let (group, group_name) = (key.clone(), group_name.to_owned());
        if added {
            self.push(change, account, Action::RemoveMember { group, group_name }, Vec::new());
        } else {
            let needs = self.to_be_active(account)?;
            self.push(change, account, Action::AddMember { group, group_name }, needs);
        }
        Ok(())
    }

    fn group(&mut self, change: &Change, key: &GroupKey, name: &str) -> Result<(), String> {
        match &change.action {
            Action::RenameGroup { from } => {
                let held = self.groups.get(key).ok_or("the group is not ours any more")?;
                if held.name != *name {
                    return Err("it was renamed again since".to_owned());
                }
                let subject =
                    Subject::Group { key: key.clone(), target_id: Some(held.target_id.clone()), name: from.clone() };
                let cause = Cause::Undone { run: self.run.to_owned(), change: change.id };
                let mut draft = Draft::new(subject, Action::RenameGroup { from: name.to_owned() }, vec![cause]);
                draft.takes.extend([super::draft::group_name(from)]);
                draft.frees.extend([super::draft::group_name(name)]);
                self.drafts.push(draft);
                Ok(())
            }
            Action::CreateGroup | Action::AdoptGroup => {
                Err("the group stays; only its members are taken out again".to_owned())
            }
            _ => Err("the group was deleted for good; the next run makes it anew if a rule still names it".to_owned()),
        }
    }

    /// Whether the directory, as last read, still asks for what the change did.
    fn is_asked_again(&self, change: &Change) -> bool {
        let Some(user) = change.subject.user() else { return false };
        let wanted = match self.standings.get(user) {
            Some(Standing::Wanted(desired)) => Some(desired),
            Some(Standing::Withheld) => return false,
            Some(Standing::Unwanted(_)) | None => None,
        };
        match (&change.action, wanted) {
            (Action::Deactivate, None) => true,
            (Action::Deactivate, Some(_)) | (_, None) => false,
            (Action::Update { changes }, Some(desired)) => changes.iter().any(|change| {
                is_same(&change.attribute, desired.attributes.get(&change.attribute), change.after.as_ref())
            }),
            (Action::GrantRole { role }, Some(desired)) => desired.roles.contains_key(role),
            (Action::RevokeRole { role }, Some(desired)) => {
                !desired.roles.contains_key(role) && !desired.undecided_roles.contains(role)
            }
            (Action::AddMember { group, .. } | Action::RemoveMember { group, .. }, Some(_)) => {
                let pushed = self.settings.pushed_groups.iter().find(|pushed| pushed.key == *group);
                let added = matches!(change.action, Action::AddMember { .. });
                pushed.is_some_and(|pushed| pushed.members.contains(user) == added)
            }
            _ => true,
        }
    }
}

/// Whether a change made an account active.
const fn lets_in(action: &Action) -> bool {
    match action {
        Action::Create { .. } | Action::Reactivate { .. } => true,
        Action::Adopt { activate, .. } | Action::Relink { activate, .. } => *activate,
        _ => false,
    }
}

/// So many people are named; the rest is counted.
const NAMED: usize = 5;

/// What the next run would do again.
fn asked_again(again: &BTreeMap<String, Vec<String>>) -> Option<Note> {
    let parts: Vec<String> = again
        .iter()
        .map(|(what, people)| {
            let named = people.iter().take(NAMED).cloned().collect::<Vec<_>>().join(", ");
            let more = people.len().saturating_sub(NAMED);
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            format!("{what} ({named}{more})")
        })
        .collect();
    (!parts.is_empty()).then(|| Note {
        sentence: format!(
            "The directory, as last read, still asks for this: {}. The next run will do it again unless directory or \
             rules change before",
            parts.join("; ")
        ),
        holds: false,
    })
}
