//! From what a group says about its members to their ids.
//!
//! Groups name members by DN or by login, and those are spelled in many ways; so every user and group that was read is
//! indexed under a hash of its normalised name. One packed row a name keeps the index of a million users small. Names
//! that lead nowhere (deleted, hidden, outside of the bases, contacts, computers) are counted, never guessed at.

use std::collections::BTreeMap;

use rollcall_kit::{DirectoryId, Member};
use uuid::Uuid;

use crate::dn::{Dn, normalise, without_unique_identifier};
use crate::ids::Sid;

/// Who is behind a name or a login.
#[derive(Debug, Default)]
pub(crate) struct Index {
    by_name: BTreeMap<u128, Packed>,
    /// Nothing where two users share a login, which then names neither.
    by_login: BTreeMap<u128, Option<Packed>>,
    /// Users by the group that `primaryGroupID` names.
    by_primary_group: BTreeMap<Sid, Vec<Packed>>,
}

/// A member as few bytes: nearly all ids are UUIDs.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Packed {
    User(Uuid),
    Group(Uuid),
    Other(Box<Member>),
}

impl Packed {
    fn new(member: Member) -> Self {
        let (id, pack): (&DirectoryId, fn(Uuid) -> Self) = match &member {
            Member::User(id) => (id, Self::User),
            Member::Group(id) => (id, Self::Group),
        };
        // Only an id that is spelled as a UUID is spelled comes out of it as it went in.
        match Uuid::try_parse(id.as_str()).ok().filter(|uuid| uuid.to_string() == id.as_str()) {
            Some(uuid) => pack(uuid),
            None => Self::Other(Box::new(member)),
        }
    }

    fn unpack(&self) -> Option<Member> {
        Some(match self {
            Self::User(uuid) => Member::User(DirectoryId::new(&uuid.to_string())?),
            Self::Group(uuid) => Member::Group(DirectoryId::new(&uuid.to_string())?),
            Self::Other(member) => (**member).clone(),
        })
    }
}

/// What a group calls one of its members.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Called {
    /// By a DN, of which this is the key.
    Name(u128),
    /// By a login, of which this is the key.
    Login(u128),
    /// By something that is no name.
    Nothing,
}

impl Called {
    /// From a value of a `member` or `uniqueMember`.
    pub(crate) fn by_name(value: &[u8]) -> Self {
        let text = std::str::from_utf8(value).ok();
        match text.and_then(|text| Dn::parse(without_unique_identifier(text))) {
            Some(dn) => Self::Name(dn.key()),
            None => Self::Nothing,
        }
    }

    /// From a value of a `memberUid`. Logins are compared in any case: `uid` is, though `memberUid` is not.
    pub(crate) fn by_login(value: &[u8]) -> Self {
        std::str::from_utf8(value).map_or(Self::Nothing, |text| Self::Login(login_key(text)))
    }
}

fn login_key(login: &str) -> u128 {
    let mut first = [0; 16];
    first.copy_from_slice(&blake3::hash(normalise(login).as_bytes()).as_bytes()[..16]);
    u128::from_be_bytes(first)
}

impl Index {
    /// Remembers a user under the name and the logins that groups may use.
    pub(crate) fn user<'a>(&mut self, id: &DirectoryId, dn: &str, logins: impl Iterator<Item = &'a str>) {
        let packed = Packed::new(Member::User(id.clone()));
        for login in logins {
            self.by_login
                .entry(login_key(login))
                .and_modify(|known| {
                    if known.as_ref() != Some(&packed) {
                        *known = None;
                    }
                })
                .or_insert_with(|| Some(packed.clone()));
        }
        self.name(dn, packed);
    }

    /// Remembers a group under its name.
    pub(crate) fn group(&mut self, id: &DirectoryId, dn: &str) {
        self.name(dn, Packed::new(Member::Group(id.clone())));
    }

    fn name(&mut self, dn: &str, packed: Packed) {
        if let Some(dn) = Dn::parse(dn) {
            self.by_name.insert(dn.key(), packed);
        }
    }

    /// Remembers which group is a user's primary one.
    pub(crate) fn primary_group(&mut self, group: Sid, id: &DirectoryId) {
        self.by_primary_group.entry(group).or_default().push(Packed::new(Member::User(id.clone())));
    }

    /// Users whose primary group this is.
    pub(crate) fn members_by_primary_group(&self, group: &Sid) -> impl Iterator<Item = Member> {
        self.by_primary_group.get(group).into_iter().flatten().filter_map(Packed::unpack)
    }

    /// Who is meant; nothing if nobody whom we read.
    pub(crate) fn resolve(&self, called: Called) -> Option<Member> {
        match called {
            Called::Name(key) => self.by_name.get(&key)?.unpack(),
            Called::Login(key) => self.by_login.get(&key)?.as_ref()?.unpack(),
            Called::Nothing => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(text: &str) -> DirectoryId {
        DirectoryId::new(text).unwrap()
    }

    #[test]
    fn members_are_found_however_they_are_spelled() {
        let mut index = Index::default();
        let ada = id("fe52b14f-e75d-11f1-b71b-dd3223228e1a");
        index.user(&ada, "uid=ada,ou=People,dc=corp", ["Ada"].into_iter());
        index.group(&id("not a uuid"), "cn=eng,dc=corp");
        let user = Some(Member::User(ada));
        assert_eq!(index.resolve(Called::by_name(b"UID=Ada, OU=people, DC=corp#'01'B")), user);
        assert_eq!(index.resolve(Called::by_login(b"ADA")), user);
        assert_eq!(index.resolve(Called::by_name(b"cn=eng,dc=corp")), Some(Member::Group(id("not a uuid"))));
        for nobody in [Called::by_name(b"uid=gone,dc=corp"), Called::by_name(b"eng"), Called::by_login(b"\xff")] {
            assert_eq!(index.resolve(nobody), None);
        }
    }

    #[test]
    fn a_login_that_two_users_share_names_neither_of_them() {
        let mut index = Index::default();
        index.user(&id("1"), "uid=a,ou=x,dc=corp", ["a"].into_iter());
        index.user(&id("1"), "uid=a,ou=x,dc=corp", ["a"].into_iter());
        assert_eq!(index.resolve(Called::by_login(b"a")), Some(Member::User(id("1"))));
        index.user(&id("2"), "uid=a,ou=y,dc=corp", ["A"].into_iter());
        assert_eq!(index.resolve(Called::by_login(b"a")), None);
    }

    #[test]
    fn an_id_is_packed_only_if_it_comes_out_as_it_went_in() {
        for text in ["FE52B14F-E75D-11F1-B71B-DD3223228E1A", "fe52b14fe75d11f1b71bdd3223228e1a", "7"] {
            let member = Member::Group(id(text));
            assert_eq!(Packed::new(member.clone()).unpack(), Some(member));
        }
    }
}
