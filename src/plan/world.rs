//! A small world for tests: a ledger and a target that carry plans out as the executor does, and that panic when a
//! plan breaks a rule that no plan may break.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use rollcall_kit::{Address, DirectoryId, Value, attribute};

use super::change::{Action, AttributeChange, Change, ChangeId, GroupKey, Origin, Subject};
use super::document::{Basis, Plan};
use super::ledger::{Ledger, LedgerAccount, LedgerGroup};
use super::matching::{GroupMatches, Match, Matches, TargetAccount};
use super::{Edited, Judged, PlanInput, PlanSettings, Planned, Survey, groups_to_find, plan};
use crate::roster::account::Attributes;
use crate::roster::{DesiredAccount, GrantCause, Judgement, Leaving, Refusal, Role, Standing};

/// A directory's verdicts, what was confirmed of those it has no verdict on, and the settings.
#[derive(Clone, Debug)]
pub(crate) struct Directory {
    pub(crate) judged: Vec<Judged>,
    pub(crate) absences: BTreeMap<DirectoryId, Leaving>,
    pub(crate) settings: PlanSettings,
}

/// A ledger and a target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct World {
    pub(crate) ledger: Ledger,
    pub(crate) accounts: BTreeMap<String, TargetAccount>,
    /// Groups by the target's id: name and members.
    pub(crate) groups: BTreeMap<String, (String, BTreeSet<String>)>,
    pub(crate) made: u32,
}

impl World {
    /// A world in which nothing is.
    pub(crate) fn empty() -> Self {
        Self { ledger: Ledger::default(), accounts: BTreeMap::new(), groups: BTreeMap::new(), made: 0 }
    }

    /// Puts an account there that is not ours.
    pub(crate) fn stranger(&mut self, target_id: &str, address: &str) {
        let account = TargetAccount {
            target_id: target_id.to_owned(),
            external_id: None,
            user_name: address.to_owned(),
            addresses: vec![address.to_owned()],
            active: true,
            attributes: [attribute::EMAIL, "preferred_username"]
                .map(|name| (name.to_owned(), Value::from(address)))
                .into(),
            roles: Vec::new(),
        };
        self.accounts.insert(target_id.to_owned(), account);
    }

    /// Plans as a run does: survey, look-ups, plan. The look-up recognises by `externalId`, user name and address.
    pub(crate) fn plan(&self, directory: &Directory) -> Planned {
        self.plan_edited(directory, None)
    }

    /// The same after the configuration was edited.
    pub(crate) fn plan_edited(&self, directory: &Directory, edited: Option<&Edited>) -> Planned {
        let settings = &directory.settings;
        let accounts = || self.ledger.accounts.values().cloned();
        let survey = Survey::of(directory.judged.clone(), accounts(), settings);
        let matches = self.find(&survey, settings);
        let group_matches = self.find_groups(settings);
        plan(PlanInput {
            organization: "acme",
            basis: Basis { generation: 7, certificate: "c0ffee".into(), configuration: "5e77".into() },
            judged: directory.judged.clone(),
            ledger_accounts: accounts(),
            ledger_groups: &self.ledger.groups,
            survey: &survey,
            matches: &matches,
            group_matches: &group_matches,
            absences: &directory.absences,
            settings,
            edited,
            refusals: Vec::new(),
            notes: Vec::new(),
            others: None,
        })
    }

    fn find(&self, survey: &Survey, settings: &PlanSettings) -> Matches {
        let find = |candidate: &super::Candidate| {
            let user_name = text(candidate.attributes.get(&settings.user_name_attribute)).to_lowercase();
            let by_mark = |account: &&TargetAccount| account.external_id.as_deref() == Some(candidate.user.as_str());
            let by_name = |account: &&TargetAccount| account.user_name.to_lowercase() == user_name;
            let by_address = |account: &&TargetAccount| {
                account.addresses.iter().any(|address| address.to_lowercase() == candidate.address.folded())
            };
            let all = || self.accounts.values();
            let ways: [(Vec<&TargetAccount>, &'static str); 3] = [
                (all().filter(by_mark).collect(), "externalId"),
                (all().filter(by_name).collect(), "userName"),
                (all().filter(by_address).collect(), "emails.value"),
            ];
            for (found, name) in ways {
                match found.as_slice() {
                    [] => {}
                    [one] => return Match::One(Box::new((*one).clone()), name),
                    many => {
                        return Match::Many(many.iter().map(|a| (a.target_id.clone(), a.user_name.clone())).collect());
                    }
                }
            }
            Match::None
        };
        let answer = |candidate: super::Candidate| (candidate.user.clone(), find(&candidate));
        survey.candidates.iter().map(answer).collect()
    }

    fn find_groups(&self, settings: &PlanSettings) -> GroupMatches {
        let id_of = |name: &String| self.groups.iter().find(|(_, (held, _))| held == name).map(|(id, _)| id.clone());
        groups_to_find(settings, &self.ledger.groups).into_iter().map(|name| (name.clone(), id_of(&name))).collect()
    }

    /// Carries a plan out. Yields the changes that the target refused because a unique value was taken, and those
    /// that had to wait for one of them.
    pub(crate) fn apply(&mut self, plan: &Plan, settings: &PlanSettings) -> BTreeSet<ChangeId> {
        let mut failed = BTreeSet::new();
        for (position, change) in (1..).zip(&plan.changes) {
            assert_eq!(change.id, position, "changes are numbered in their order");
            assert!(change.after.iter().all(|before| *before < change.id), "a change waits for a later one");
            let skipped = change.after.iter().any(|before| failed.contains(before));
            if skipped || !self.carry_out(&change, settings) {
                failed.insert(change.id);
            }
        }
        failed
    }

    fn carry_out(&mut self, change: &Change, settings: &PlanSettings) -> bool {
        match &change.subject {
            Subject::Account { user, target_id, .. } => {
                self.write_account(user, target_id.as_deref(), &change.action, settings)
            }
            Subject::Group { key, target_id, name } => {
                self.write_group(key, target_id.as_deref(), name, &change.action)
            }
        }
    }

    fn write_account(
        &mut self,
        user: &DirectoryId,
        target_id: Option<&str>,
        action: &Action,
        settings: &PlanSettings,
    ) -> bool {
        match action {
            Action::Create { attributes } => {
                assert!(!self.ledger.accounts.contains_key(user), "{user} gets a second account");
                self.made += 1;
                let id = format!("new-{}", self.made);
                let account = TargetAccount {
                    target_id: id.clone(),
                    external_id: None,
                    user_name: String::new(),
                    addresses: Vec::new(),
                    active: true,
                    attributes: Attributes::new(),
                    roles: Vec::new(),
                };
                let changes: Vec<AttributeChange> = attributes.iter().map(|(name, value)| set(name, value)).collect();
                self.accounts.insert(id.clone(), account);
                if !self.edit(&id, &changes, Some(user), settings) {
                    self.accounts.remove(&id);
                    return false;
                }
                self.own(user, &id, Origin::Created, BTreeSet::new(), &changes);
                true
            }
            Action::Adopt { changes, .. } => {
                let id = target_id.expect("an adopted account is there").to_owned();
                assert!(self.ledger.accounts.values().all(|held| held.target_id != id), "an account is taken over");
                if !self.edit(&id, changes, Some(user), settings) {
                    return false;
                }
                self.own(user, &id, Origin::Adopted, BTreeSet::new(), changes);
                true
            }
            Action::Relink { from, changes, .. } => {
                let held = self.ledger.accounts[from].clone();
                if !self.edit(&held.target_id, changes, Some(user), settings) {
                    return false;
                }
                self.ledger.accounts.remove(from);
                for group in self.ledger.groups.values_mut() {
                    if group.members.remove(from) {
                        group.members.insert(user.clone());
                    }
                }
                let id = held.target_id.clone();
                self.ledger.accounts.insert(user.clone(), LedgerAccount { user: user.clone(), ..held });
                self.own(user, &id, Origin::Created, BTreeSet::new(), changes);
                true
            }
            _ => self.write_own_account(user, action, settings),
        }
    }

    fn write_own_account(&mut self, user: &DirectoryId, action: &Action, settings: &PlanSettings) -> bool {
        let held =
            self.ledger.accounts.get(user).unwrap_or_else(|| panic!("the account of {user} is not ours")).clone();
        let id = held.target_id.clone();
        match action {
            Action::Update { changes } => {
                if !self.edit(&id, changes, None, settings) {
                    return false;
                }
                let shown = self.accounts[&id].active;
                self.own(user, &id, held.origin, held.roles, changes);
                self.set_active(user, held.active, held.deactivated_at);
                // Attributes are all that an update writes: who was locked by hand stays locked.
                self.accounts.get_mut(&id).unwrap().active = shown;
            }
            Action::Reactivate { changes } => {
                if !self.edit(&id, changes, None, settings) {
                    return false;
                }
                self.own(user, &id, held.origin, held.roles, changes);
            }
            Action::Deactivate => self.set_active(user, false, Some(settings.as_of)),
            Action::Delete => {
                assert!(!held.active, "an active account is deleted");
                self.accounts.remove(&id);
                self.ledger.accounts.remove(user);
            }
            Action::GrantRole { role } => {
                assert!(held.active, "a role is granted to an inactive account");
                self.set_role(user, role, true);
            }
            Action::RevokeRole { role } => {
                assert!(settings.managed_roles.contains_key(role), "a role that nobody mapped is touched");
                self.set_role(user, role, false);
            }
            Action::AddMember { group, .. } => self.set_member(user, group, true),
            Action::RemoveMember { group, .. } => self.set_member(user, group, false),
            other => panic!("{other:?} is not for accounts"),
        }
        true
    }

    /// Edits an account in the target, unless a unique value is taken.
    fn edit(
        &mut self,
        id: &str,
        changes: &[AttributeChange],
        mark: Option<&DirectoryId>,
        settings: &PlanSettings,
    ) -> bool {
        let mut account = self.accounts[id].clone();
        for change in changes {
            match &change.after {
                Some(value) => account.attributes.insert(change.attribute.clone(), value.clone()),
                None => account.attributes.remove(&change.attribute),
            };
        }
        account.user_name = text(account.attributes.get(&settings.user_name_attribute));
        account.addresses = vec![text(account.attributes.get(attribute::EMAIL))];
        account.active = account.active || mark.is_some();
        account.external_id = mark.map(ToString::to_string).or(account.external_id);
        let taken = |other: &TargetAccount| {
            other.target_id != id
                && (other.user_name.to_lowercase() == account.user_name.to_lowercase()
                    || other.addresses[0].to_lowercase() == account.addresses[0].to_lowercase())
        };
        if self.accounts.values().any(taken) {
            return false;
        }
        self.accounts.insert(id.to_owned(), account);
        true
    }

    /// Enters an account into the ledger as active, with what was written.
    fn own(
        &mut self,
        user: &DirectoryId,
        id: &str,
        origin: Origin,
        roles: BTreeSet<Role>,
        changes: &[AttributeChange],
    ) {
        let entry = self.ledger.accounts.entry(user.clone()).or_insert_with(|| LedgerAccount {
            user: user.clone(),
            target_id: id.to_owned(),
            address: Address::parse("nobody@nowhere").unwrap(),
            origin,
            active: true,
            written: Attributes::new(),
            roles,
            deactivated_at: None,
            last_run: None,
        });
        for change in changes {
            match &change.after {
                Some(value) => entry.written.insert(change.attribute.clone(), value.clone()),
                None => entry.written.remove(&change.attribute),
            };
        }
        if let Some(address) = Address::parse(&text(entry.written.get(attribute::EMAIL))) {
            entry.address = address;
        }
        self.set_active(user, true, None);
    }

    fn set_active(&mut self, user: &DirectoryId, active: bool, since: Option<Timestamp>) {
        let held = self.ledger.accounts.get_mut(user).unwrap();
        held.active = active;
        held.deactivated_at = since;
        self.accounts.get_mut(&held.target_id).unwrap().active = active;
    }

    fn set_role(&mut self, user: &DirectoryId, role: &Role, has: bool) {
        let held = self.ledger.accounts.get_mut(user).unwrap();
        let account = self.accounts.get_mut(&held.target_id).unwrap();
        account.roles.retain(|held| held != role);
        held.roles.remove(role);
        if has {
            account.roles.push(role.clone());
            held.roles.insert(role.clone());
        }
    }

    fn set_member(&mut self, user: &DirectoryId, key: &GroupKey, is_in: bool) {
        let account = self.ledger.accounts[user].target_id.clone();
        let group = self.ledger.groups.get_mut(key).expect("a group without a target id has no members");
        let members = &mut self.groups.get_mut(&group.target_id).unwrap().1;
        if is_in {
            group.members.insert(user.clone());
            members.insert(account);
        } else {
            group.members.remove(user);
            members.remove(&account);
        }
    }

    fn write_group(&mut self, key: &GroupKey, target_id: Option<&str>, name: &str, action: &Action) -> bool {
        let taken = |world: &Self| {
            world
                .groups
                .iter()
                .any(|(id, (held, _))| Some(id.as_str()) != target_id && held.to_lowercase() == name.to_lowercase())
        };
        match action {
            Action::CreateGroup | Action::AdoptGroup => {
                assert!(!self.ledger.groups.contains_key(key));
                let id = match target_id {
                    Some(id) => id.to_owned(),
                    None if taken(self) => return false,
                    None => {
                        self.made += 1;
                        let id = format!("new-group-{}", self.made);
                        self.groups.insert(id.clone(), (name.to_owned(), BTreeSet::new()));
                        id
                    }
                };
                let group = LedgerGroup {
                    key: key.clone(),
                    target_id: id,
                    name: name.to_owned(),
                    origin: Origin::Created,
                    members: BTreeSet::new(),
                };
                self.ledger.groups.insert(key.clone(), group);
            }
            Action::RenameGroup { .. } => {
                if taken(self) {
                    return false;
                }
                let held = self.ledger.groups.get_mut(key).unwrap();
                held.name = name.to_owned();
                self.groups.get_mut(&held.target_id).unwrap().0 = name.to_owned();
            }
            Action::DeleteGroup => {
                let held = self.ledger.groups.remove(key).unwrap();
                self.groups.remove(&held.target_id);
            }
            other => panic!("{other:?} is not for groups"),
        }
        true
    }
}

fn set(name: &str, value: &Value) -> AttributeChange {
    AttributeChange { attribute: name.to_owned(), before: None, after: Some(value.clone()) }
}

fn text(value: Option<&Value>) -> String {
    value.map(Value::to_string).unwrap_or_default()
}

/// A directory id.
pub(crate) fn id(text: &str) -> DirectoryId {
    DirectoryId::new(text).unwrap()
}

/// A role.
pub(crate) fn role(name: &str) -> Role {
    Role(name.to_owned())
}

/// A wanted user.
pub(crate) fn wanted(user: &str, address: &str, more: &[(&str, &str)], roles: &[&str]) -> Judged {
    let mut attributes: Attributes =
        more.iter().map(|(name, value)| ((*name).to_owned(), Value::from(*value))).collect();
    attributes.insert(attribute::EMAIL.to_owned(), Value::from(address));
    let through = |name: &&str| {
        let cause = GrantCause::Group { id: id("g-1"), name: format!("{name}s") };
        (role(name), vec![cause])
    };
    let desired = DesiredAccount {
        address: Address::parse(address).unwrap(),
        attributes,
        roles: roles.iter().map(through).collect(),
        undecided_roles: Vec::new(),
        undecided_attributes: Vec::new(),
    };
    judged(user, address, Standing::Wanted(Box::new(desired)))
}

/// A verdict without refusals.
pub(crate) fn judged(user: &str, label: &str, standing: Standing) -> Judged {
    (id(user), label.to_owned(), Judgement { standing, refusals: Vec::<Refusal>::new() })
}
