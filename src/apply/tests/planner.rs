//! A planner small enough to be seen through, for tests of the executor.

use std::collections::{BTreeMap, BTreeSet};

use rollcall_kit::{DirectoryId, Value};

use super::world::{Books, Held};
use crate::plan::document::Digest;
use crate::plan::ledger::Ledger;
use crate::plan::{Action, AttributeChange, Basis, Change, ChangeId, Estimate, GroupKey, LedgerAccount, Plan, Subject};
use crate::roster::Role;
use crate::roster::account::Attributes;

/// Whom the directory wants, and how.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Wanted {
    pub(super) users: BTreeMap<DirectoryId, Person>,
    /// Whether roles are told as groups, whose names are the roles'.
    pub(super) roles_are_groups: bool,
}

/// One person.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Person {
    pub(super) name: String,
    pub(super) roles: BTreeSet<Role>,
    pub(super) groups: BTreeSet<String>,
}

impl Person {
    pub(super) fn attributes(&self, id: &DirectoryId) -> Attributes {
        let email = Value::from(format!("{id}@acme.com"));
        BTreeMap::from([("email".into(), email), ("name".into(), Value::from(self.name.as_str()))])
    }
}

pub(super) fn id(id: &str) -> DirectoryId {
    DirectoryId::new(id).unwrap()
}

pub(super) fn role(name: &str) -> Role {
    Role(name.into())
}

pub(super) fn mirror(name: &str) -> GroupKey {
    GroupKey::Directory(id(name))
}

/// A plan of these steps, each after the changes with the given numbers, counted from 1.
pub(super) fn plan_of(steps: Vec<(Subject, Action, Vec<ChangeId>)>) -> Plan {
    let change = |(number, (subject, action, after)): (usize, (Subject, Action, Vec<ChangeId>))| Change {
        id: ChangeId::try_from(number + 1).unwrap(),
        subject,
        destructive: action.is_destructive(),
        action,
        causes: Vec::new(),
        after,
    };
    Plan {
        version: 1,
        organization: "acme".into(),
        basis: Basis { generation: 1, certificate: String::new(), configuration: String::new() },
        changes: steps.into_iter().enumerate().map(change).collect(),
        refusals: crate::plan::Refusals::default(),
        notes: Vec::new(),
        estimate: Estimate::default(),
        active_before: 0,
        undoes: None,
        digest: Digest::default(),
    }
}

pub(super) fn account(user: &str, target_id: Option<&str>) -> Subject {
    let label = format!("{user}@acme.com");
    Subject::Account { user: id(user), target_id: target_id.map(Into::into), label, name: None }
}

pub(super) fn group(key: &GroupKey) -> Subject {
    let name = match key {
        GroupKey::Role(role) => role.to_string(),
        GroupKey::Directory(id) => id.to_string(),
    };
    Subject::Group { key: key.clone(), target_id: None, name }
}

pub(super) fn create(user: &str) -> (Subject, Action, Vec<ChangeId>) {
    let attributes = Person { name: user.into(), ..Person::default() }.attributes(&id(user));
    (account(user, None), Action::Create { attributes }, vec![])
}

/// Steps in the making.
struct Draft<'a> {
    ledger: &'a Ledger,
    steps: Vec<(Subject, Action, Vec<ChangeId>)>,
    /// The change that brings an account or a group about.
    brought: BTreeMap<String, ChangeId>,
}

/// What makes the target agree.
pub(super) fn plan(wanted: &Wanted, books: &Books, held: &Held) -> Plan {
    let ledger = books.ledger();
    let mut draft = Draft { ledger: &ledger, steps: Vec::new(), brought: BTreeMap::new() };
    for account in ledger.accounts.values().filter(|account| !wanted.users.contains_key(&account.user)) {
        draft.leaver(account);
    }
    let group_keys = group_keys(wanted);
    for key in group_keys.iter().filter(|key| !ledger.groups.contains_key(key)) {
        draft.new_group(key, held);
    }
    for (user, person) in &wanted.users {
        draft.account(user, person, held);
    }
    for (user, person) in &wanted.users {
        draft.roles(user, person);
        draft.memberships(user, person);
    }
    for key in ledger.groups.keys().filter(|key| !group_keys.contains(key)) {
        draft.steps.push((group(key), Action::DeleteGroup, vec![]));
    }
    plan_of(draft.steps)
}

fn group_keys(wanted: &Wanted) -> BTreeSet<GroupKey> {
    let mirrored = wanted.users.values().flat_map(|person| person.groups.iter().map(|name| mirror(name)));
    let roles = wanted.users.values().flat_map(|person| person.roles.iter().cloned().map(GroupKey::Role));
    mirrored.chain(roles.filter(|_| wanted.roles_are_groups)).collect()
}

impl Draft<'_> {
    fn push(&mut self, subject: Subject, action: Action, after: Vec<ChangeId>) -> ChangeId {
        self.steps.push((subject, action, after));
        ChangeId::try_from(self.steps.len()).unwrap()
    }

    fn leaver(&mut self, held: &LedgerAccount) {
        let subject = account(held.user.as_str(), Some(&held.target_id));
        for role in &held.roles {
            self.push(subject.clone(), Action::RevokeRole { role: role.clone() }, vec![]);
        }
        for name in groups_of(self.ledger, &held.user) {
            self.push(subject.clone(), Action::RemoveMember { group: mirror(&name), group_name: name }, vec![]);
        }
        if held.active {
            self.push(subject, Action::Deactivate, vec![]);
        }
    }

    fn new_group(&mut self, key: &GroupKey, held: &Held) {
        let Subject::Group { name, .. } = group(key) else { unreachable!() };
        let there = held.groups.iter().find(|(_, group)| group.name == name).map(|(id, _)| id.clone());
        let action = if there.is_some() { Action::AdoptGroup } else { Action::CreateGroup };
        let change = self.push(Subject::Group { key: key.clone(), target_id: there, name }, action, vec![]);
        self.brought.insert(format!("{key:?}"), change);
    }

    fn account(&mut self, user: &DirectoryId, person: &Person, held: &Held) {
        let desired = person.attributes(user);
        let Some(known) = self.ledger.accounts.get(user) else {
            let there = held.accounts.iter().find(|(_, account)| account.external_id == user.as_str());
            let (subject, action) = match there {
                None => (account(user.as_str(), None), Action::Create { attributes: desired }),
                Some((target_id, found)) => {
                    let changes = changes(&found.attributes, &desired, true);
                    let action = Action::Adopt { matched_by: "externalId".into(), changes, activate: !found.active };
                    (account(user.as_str(), Some(target_id)), action)
                }
            };
            let change = self.push(subject, action, vec![]);
            self.brought.insert(user.to_string(), change);
            return;
        };
        let changes = changes(&known.written, &desired, false);
        let subject = account(user.as_str(), Some(&known.target_id));
        if !known.active {
            let change = self.push(subject, Action::Reactivate { changes }, vec![]);
            self.brought.insert(user.to_string(), change);
        } else if !changes.is_empty() {
            self.push(subject, Action::Update { changes }, vec![]);
        }
    }

    fn roles(&mut self, user: &DirectoryId, person: &Person) {
        let has = self.ledger.accounts.get(user).map(|account| account.roles.clone()).unwrap_or_default();
        let subject = account(user.as_str(), None);
        for role in has.difference(&person.roles) {
            self.push(subject.clone(), Action::RevokeRole { role: role.clone() }, vec![]);
        }
        for role in person.roles.difference(&has) {
            let needs = self.needs(user, &GroupKey::Role(role.clone()));
            self.push(subject.clone(), Action::GrantRole { role: role.clone() }, needs);
        }
    }

    fn memberships(&mut self, user: &DirectoryId, person: &Person) {
        let has = groups_of(self.ledger, user);
        let subject = account(user.as_str(), None);
        for name in has.difference(&person.groups) {
            let action = Action::RemoveMember { group: mirror(name), group_name: name.clone() };
            self.push(subject.clone(), action, vec![]);
        }
        for name in person.groups.difference(&has) {
            let needs = self.needs(user, &mirror(name));
            self.push(subject.clone(), Action::AddMember { group: mirror(name), group_name: name.clone() }, needs);
        }
    }

    fn needs(&self, user: &DirectoryId, group: &GroupKey) -> Vec<ChangeId> {
        [user.to_string(), format!("{group:?}")].iter().filter_map(|name| self.brought.get(name)).copied().collect()
    }
}

fn groups_of(ledger: &Ledger, user: &DirectoryId) -> BTreeSet<String> {
    let theirs = ledger.groups.values().filter(|group| group.members.contains(user));
    theirs.filter(|group| matches!(group.key, GroupKey::Directory(_))).map(|group| group.name.clone()).collect()
}

fn changes(before: &Attributes, after: &Attributes, all: bool) -> Vec<AttributeChange> {
    let change = |(name, value): (&String, &Value)| AttributeChange {
        attribute: name.clone(),
        before: before.get(name).cloned(),
        after: Some(value.clone()),
    };
    after.iter().map(change).filter(|change| all || change.before != change.after).collect()
}
