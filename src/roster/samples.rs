//! Users, groups and settings for tests.

use std::collections::BTreeSet;

use rollcall_kit::{Attributes, DirectoryGroup, DirectoryId, DirectoryUser, InactiveReason, Member, Status, Value};

use super::account::{DesiredAccount, Judgement, Leaving, Role, Standing};
use super::groups::{Bindings, GroupIndex};
use super::judge::Roster;
use super::refusal::Reason;
use super::rules::Rules;
use super::settings::{GroupRef, RoleRule, RosterSettings};

pub(crate) fn id(text: &str) -> DirectoryId {
    DirectoryId::new(text).unwrap()
}

/// An active user with the id and login `NAME` and the address `NAME@acme.com`.
pub(crate) fn user(name: &str) -> DirectoryUser {
    let email = ("email".to_owned(), Value::from(format!("{name}@acme.com")));
    DirectoryUser {
        id: id(name),
        login: name.to_owned(),
        status: Status::Active,
        raw_status: "active".to_owned(),
        place: None,
        assigned: None,
        profile: Attributes::from([email]),
        raw: Attributes::new(),
    }
}

pub(crate) trait With: Sized {
    fn with(self, name: &str, value: impl Into<Value>) -> Self;
    fn without(self, name: &str) -> Self;
    fn left(self) -> Self;
}

impl With for DirectoryUser {
    fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.profile.insert(name.to_owned(), value.into());
        self
    }

    fn without(mut self, name: &str) -> Self {
        self.profile.remove(name);
        self
    }

    fn left(self) -> Self {
        Self { status: Status::Inactive(InactiveReason::Disabled), ..self }
    }
}

/// A group with the id `g-NAME`. Members that begin with `g-` are groups.
pub(crate) fn group(name: &str, members: &[&str]) -> DirectoryGroup {
    let member = |name: &&str| if name.starts_with("g-") { Member::Group(id(name)) } else { Member::User(id(name)) };
    let members: BTreeSet<Member> = members.iter().map(member).collect();
    DirectoryGroup {
        id: id(&format!("g-{name}")),
        name: name.to_owned(),
        place: None,
        members: members.into_iter().collect(),
        unresolved_members: 0,
    }
}

pub(crate) fn by_name(name: &str) -> GroupRef {
    GroupRef::Name(name.to_owned())
}

pub(crate) fn rule(group: GroupRef, role: &str) -> RoleRule {
    RoleRule { group, role: Role(role.to_owned()), protected: false, nested: true }
}

/// The domain `acme.com` and nothing else.
pub(crate) fn settings() -> RosterSettings {
    RosterSettings { domains: vec!["acme.com".to_owned()], ..RosterSettings::default() }
}

/// A world: settings, groups, users, and what is known of groups.
#[derive(Clone, Debug, Default)]
pub(crate) struct World {
    pub settings: RosterSettings,
    pub groups: Vec<DirectoryGroup>,
    pub users: Vec<DirectoryUser>,
    pub bindings: Bindings,
    pub deleted: BTreeSet<DirectoryId>,
}

impl World {
    pub(crate) fn new(settings: RosterSettings) -> Self {
        Self { settings, ..Self::default() }
    }

    pub(crate) fn groups(self, groups: impl IntoIterator<Item = DirectoryGroup>) -> Self {
        Self { groups: groups.into_iter().collect(), ..self }
    }

    pub(crate) fn users(self, users: impl IntoIterator<Item = DirectoryUser>) -> Self {
        Self { users: users.into_iter().collect(), ..self }
    }

    pub(crate) fn bound(mut self, name: &str, to: &str) -> Self {
        self.bindings.insert(name.to_owned(), id(to));
        self
    }

    pub(crate) fn deleted(mut self, group: &str) -> Self {
        self.deleted.insert(id(group));
        self
    }

    pub(crate) fn rules(&self) -> Rules {
        Rules::compile(&self.settings).unwrap()
    }

    pub(crate) fn index(&self) -> GroupIndex {
        GroupIndex::of(&self.groups, &self.rules(), &self.bindings, &self.deleted)
    }

    pub(crate) fn roster(&self) -> Roster {
        let users = || self.users.iter().cloned().map(Ok::<_, std::convert::Infallible>);
        let Ok(roster) = Roster::new(self.rules(), self.index(), users);
        roster
    }

    pub(crate) fn judge(&self, user: &DirectoryUser) -> Judgement {
        self.roster().judge(user)
    }
}

/// Judges one user in a world of settings alone.
pub(crate) fn judge(settings: RosterSettings, user: &DirectoryUser) -> Judgement {
    World::new(settings).judge(user)
}

#[track_caller]
pub(crate) fn wanted(judgement: &Judgement) -> &DesiredAccount {
    match &judgement.standing {
        Standing::Wanted(account) => account,
        other => panic!("they are not wanted: {other:?} {:?}", judgement.refusals),
    }
}

#[track_caller]
pub(crate) fn unwanted(judgement: &Judgement) -> &Leaving {
    match &judgement.standing {
        Standing::Unwanted(leaving) => leaving,
        other => panic!("they are not unwanted: {other:?} {:?}", judgement.refusals),
    }
}

/// That they are withheld, for this reason.
#[track_caller]
pub(crate) fn assert_withheld(judgement: &Judgement, reason: Reason) {
    assert_eq!(judgement.standing, Standing::Withheld);
    assert_eq!(judgement.refusals.iter().map(|refusal| refusal.reason).collect::<Vec<_>>(), [reason]);
    assert!(judgement.refusals[0].user.is_some(), "the refusal names them");
}
