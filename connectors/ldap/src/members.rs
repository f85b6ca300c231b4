//! From what a group says about its members to their ids.
//!
//! Groups name members by DN or by login, and those are spelled in many ways; so every user and group that was read is
//! indexed under a key of its name. Rows are appended while a collection is read and sorted once it has ended
//! ([`Index::settle`]), so that a million users are a few packed bytes each and finding one is a binary search. Names
//! that lead nowhere (deleted, hidden, outside of the bases, contacts, computers) are counted, never guessed at.

use std::collections::BTreeMap;

use rollcall_kit::dn::{Key, Keys, without_unique_identifier};
use rollcall_kit::{DirectoryId, Member};
use uuid::Uuid;

use crate::ids::Sid;

/// Who is behind a name or a login.
#[derive(Debug, Default)]
pub(crate) struct Index {
    keys: Keys,
    known: Vec<Packed>,
    by_name: Table,
    by_login: Table,
    /// Users by the group that `primaryGroupID` names.
    by_primary_group: BTreeMap<Sid, Vec<usize>>,
}

/// A member as few bytes: nearly all ids are UUIDs.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Packed {
    User(Uuid),
    Group(Uuid),
    Other(Box<Member>),
}

impl Packed {
    fn new(id: &DirectoryId, pack: fn(Uuid) -> Self, member: fn(DirectoryId) -> Member) -> Self {
        let mut buffer = Uuid::encode_buffer();
        // Only an id that is spelled as a UUID is spelled comes out of it as it went in.
        match Uuid::try_parse(id.as_str()) {
            Ok(uuid) if uuid.hyphenated().encode_lower(&mut buffer) == id.as_str() => pack(uuid),
            _ => Self::Other(Box::new(member(id.clone()))),
        }
    }

    fn unpack(&self) -> Option<Member> {
        let id = |uuid: &Uuid| DirectoryId::new(uuid.hyphenated().encode_lower(&mut Uuid::encode_buffer()));
        Some(match self {
            Self::User(uuid) => Member::User(id(uuid)?),
            Self::Group(uuid) => Member::Group(id(uuid)?),
            Self::Other(member) => (**member).clone(),
        })
    }
}

/// Rows of a key and the place of the one whom it stands for: first those that can be searched, sorted and each key once,
/// then those that were added since.
#[derive(Debug, Default)]
struct Table {
    rows: Vec<(Key, usize)>,
    sorted: usize,
}

/// The place of nobody.
const NOBODY: usize = usize::MAX;

impl Table {
    fn add(&mut self, key: Key, place: usize) {
        self.rows.push((key, place));
    }

    /// Sorts what was added. Where a key came twice, `merge` says whom it stands for, the earlier one before the later.
    fn settle(&mut self, merge: impl Fn(usize, usize) -> usize) {
        if self.sorted == self.rows.len() {
            return;
        }
        self.rows.sort_by_key(|(key, _)| *key);
        self.rows.dedup_by(|later, earlier| {
            let same = later.0 == earlier.0;
            if same {
                earlier.1 = merge(earlier.1, later.1);
            }
            same
        });
        self.sorted = self.rows.len();
    }

    fn find(&self, key: Key) -> Option<usize> {
        let rows = &self.rows[..self.sorted];
        let at = rows.binary_search_by_key(&key, |(key, _)| *key).ok()?;
        Some(rows[at].1)
    }
}

/// What a group calls one of its members.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Called<'a> {
    /// By a DN.
    Name(&'a str),
    /// By a login.
    Login(&'a str),
    /// By something that is no text.
    Nothing,
}

impl<'a> Called<'a> {
    /// From a value of a `member` or `uniqueMember`.
    pub(crate) fn by_name(value: &'a [u8]) -> Self {
        std::str::from_utf8(value).map_or(Self::Nothing, |text| Self::Name(without_unique_identifier(text)))
    }

    /// From a value of a `memberUid`.
    pub(crate) fn by_login(value: &'a [u8]) -> Self {
        std::str::from_utf8(value).map_or(Self::Nothing, Self::Login)
    }
}

impl Index {
    /// Remembers a user under the name and the logins that groups may use, and returns the place by which
    /// [`Index::primary_group`] knows them.
    pub(crate) fn user<'a>(&mut self, id: &DirectoryId, dn: &str, logins: impl Iterator<Item = &'a str>) -> usize {
        let place = self.remember(Packed::new(id, Packed::User, Member::User));
        for login in logins {
            self.by_login.add(self.keys.login(login), place);
        }
        self.name(dn, place);
        place
    }

    /// Remembers a group under its name.
    pub(crate) fn group(&mut self, id: &DirectoryId, dn: &str) {
        let place = self.remember(Packed::new(id, Packed::Group, Member::Group));
        self.name(dn, place);
    }

    fn remember(&mut self, packed: Packed) -> usize {
        self.known.push(packed);
        self.known.len() - 1
    }

    fn name(&mut self, dn: &str, place: usize) {
        if let Some(key) = self.keys.name(dn) {
            self.by_name.add(key, place);
        }
    }

    /// Remembers which group is a user's primary one.
    pub(crate) fn primary_group(&mut self, group: Sid, user: usize) {
        self.by_primary_group.entry(group).or_default().push(user);
    }

    /// Makes everybody who was remembered findable.
    pub(crate) fn settle(&mut self) {
        // An entry that was read again is found where it is now.
        self.by_name.settle(|_, later| later);
        let known = &self.known;
        // A login that two users share names neither.
        let shared = |one: usize, other: usize| match (known.get(one), known.get(other)) {
            (Some(packed), Some(same)) if packed == same => one,
            _ => NOBODY,
        };
        self.by_login.settle(shared);
    }

    /// How many names are known.
    pub(crate) fn len(&self) -> usize {
        self.known.len()
    }

    /// Users whose primary group this is.
    pub(crate) fn members_by_primary_group(&self, group: &Sid) -> impl Iterator<Item = Member> {
        let places = self.by_primary_group.get(group).into_iter().flatten();
        places.filter_map(|place| self.known.get(*place)?.unpack())
    }

    /// Who is meant; nothing if nobody who was read before the index was settled.
    pub(crate) fn resolve(&mut self, called: Called<'_>) -> Option<Member> {
        let place = match called {
            Called::Name(dn) => self.by_name.find(self.keys.name(dn)?)?,
            Called::Login(login) => self.by_login.find(self.keys.login(login))?,
            Called::Nothing => return None,
        };
        self.known.get(place)?.unpack()
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
        index.settle();
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
        index.settle();
        assert_eq!(index.resolve(Called::by_login(b"a")), Some(Member::User(id("1"))));
        index.user(&id("2"), "uid=a,ou=y,dc=corp", ["A"].into_iter());
        index.settle();
        assert_eq!(index.resolve(Called::by_login(b"a")), None);
        index.user(&id("2"), "uid=a,ou=y,dc=corp", ["A"].into_iter());
        index.settle();
        assert_eq!(index.resolve(Called::by_login(b"a")), None, "whatever is read again");
    }

    #[test]
    fn a_name_leads_to_the_entry_that_was_read_under_it_last() {
        let mut index = Index::default();
        index.user(&id("1"), "uid=a,dc=corp", std::iter::empty());
        index.user(&id("2"), "uid=A, dc=corp", std::iter::empty());
        index.settle();
        assert_eq!(index.resolve(Called::by_name(b"uid=a,dc=corp")), Some(Member::User(id("2"))));
        index.user(&id("3"), "uid=a,dc=corp", std::iter::empty());
        index.settle();
        assert_eq!(index.resolve(Called::by_name(b"uid=a,dc=corp")), Some(Member::User(id("3"))));
    }

    #[test]
    fn an_id_is_packed_only_if_it_comes_out_as_it_went_in() {
        for text in ["FE52B14F-E75D-11F1-B71B-DD3223228E1A", "fe52b14fe75d11f1b71bdd3223228e1a", "7"] {
            let packed = Packed::new(&id(text), Packed::Group, Member::Group);
            assert!(matches!(packed, Packed::Other(_)));
            assert_eq!(packed.unpack(), Some(Member::Group(id(text))));
        }
    }
}
