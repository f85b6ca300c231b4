//! From an entry to a [`DirectoryGroup`], in two steps: what is known at once, and what must wait until all groups have
//! been read.

use std::collections::BTreeSet;

use rollcall_kit::{DirectoryGroup, DirectoryId, ReadError, Unreadable};

use crate::connect::Session;
use crate::dialect::Dialect;
use crate::entry::RawEntry;
use crate::ids::Sid;
use crate::members::{Called, Index};
use crate::range::all_values;

/// Classes whose groups must have a member (RFC 4519, sections 3.5 and 3.6), and where it is.
const NEVER_EMPTY: [(&str, &str); 2] = [("groupOfNames", "member"), ("groupOfUniqueNames", "uniqueMember")];

/// Groups under way.
#[derive(Debug, Default)]
pub(crate) struct Groups {
    waiting: Vec<Waiting>,
    /// For each of [`NEVER_EMPTY`]: how many groups there are, and how many of them showed a member.
    never_empty: [(u64, u64); 2],
}

/// A group with members who are not known yet.
#[derive(Debug)]
struct Waiting {
    group: DirectoryGroup,
    strangers: Vec<Stranger>,
    /// Attributes of which only a first slice came.
    sliced: Vec<String>,
    dn: String,
}

/// A member whom nobody knows, by what the group calls them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Stranger {
    /// A DN.
    Name(Box<str>),
    /// A login.
    Login(Box<str>),
    /// Nothing that could be asked for.
    Nothing,
}

/// What became of an entry.
#[derive(Debug)]
pub(crate) enum Drafted {
    /// Every member is known.
    Complete(DirectoryGroup),
    /// It waits among [`Groups`].
    Waiting,
    /// It has no name.
    Unreadable(Unreadable),
}

impl Groups {
    /// Reads an entry as the group with this id.
    pub(crate) fn draft(
        &mut self,
        id: DirectoryId,
        entry: &RawEntry,
        dialect: &Dialect,
        index: &mut Index,
    ) -> Result<Drafted, ReadError> {
        // Of several names the smallest, because their order means nothing.
        let Some(name) = entry.values(&dialect.group_name).filter_map(|name| std::str::from_utf8(name).ok()).min()
        else {
            let problem = format!("it has no {} that is text", dialect.group_name);
            return Ok(Drafted::Unreadable(Unreadable { id, label: entry.dn.clone(), problem }));
        };
        let group = DirectoryGroup {
            id,
            name: name.to_owned(),
            place: Some(entry.dn.as_str().into()),
            members: Vec::new(),
            unresolved_members: 0,
        };
        let mut waiting = Waiting { group, strangers: Vec::new(), sliced: Vec::new(), dn: entry.dn.clone() };
        for attribute in &dialect.member_attributes {
            let slice = entry
                .slice(attribute)
                .map_err(|problem| ReadError::incomplete("members", format!("group \"{}\": {problem}", entry.dn)))?;
            if slice.is_some() {
                waiting.sliced.push(attribute.clone());
            } else {
                waiting.add(entry.values(attribute).map(Called::by_name), index);
            }
        }
        for attribute in &dialect.login_member_attributes {
            waiting.add(entry.values(attribute).map(Called::by_login), index);
        }
        if let Some(sid) = entry.value("objectSid").filter(|_| dialect.primary_group).and_then(Sid::read) {
            waiting.group.members.extend(index.members_by_primary_group(&sid));
        }
        self.count(entry);
        if waiting.strangers.is_empty() && waiting.sliced.is_empty() {
            return Ok(Drafted::Complete(waiting.finish()));
        }
        self.waiting.push(waiting);
        Ok(Drafted::Waiting)
    }

    fn count(&mut self, entry: &RawEntry) {
        for ((groups, with_members), (class, attribute)) in self.never_empty.iter_mut().zip(NEVER_EMPTY) {
            if entry.values("objectClass").any(|value| value.eq_ignore_ascii_case(class.as_bytes())) {
                *groups += 1;
                *with_members += u64::from(entry.value(attribute).is_some());
            }
        }
    }

    /// The attribute with the members of a class that cannot be empty, if not one of its groups shows it.
    pub(crate) fn hidden_attribute(&self) -> Option<&'static str> {
        let hidden = self.never_empty.iter().position(|(groups, with_members)| *groups > 0 && *with_members == 0)?;
        Some(NEVER_EMPTY[hidden].1)
    }

    /// Fetches what came in slices. The index must hold every user and group by now.
    pub(crate) async fn fetch_slices(&mut self, session: &mut Session, index: &mut Index) -> Result<(), ReadError> {
        for waiting in &mut self.waiting {
            for attribute in std::mem::take(&mut waiting.sliced) {
                let values = all_values(session, &waiting.dn, &attribute).await?;
                waiting.add(values.iter().map(|value| Called::by_name(value)), index);
            }
        }
        Ok(())
    }

    /// Names whom the index knows by now.
    pub(crate) fn name_strangers(&mut self, index: &mut Index) {
        for waiting in &mut self.waiting {
            let strangers = std::mem::take(&mut waiting.strangers);
            waiting.add(strangers.iter().map(Stranger::called), index);
        }
    }

    /// Who is a stranger still, each once.
    pub(crate) fn strangers(&self) -> BTreeSet<&Stranger> {
        self.waiting.iter().flat_map(|waiting| &waiting.strangers).collect()
    }

    /// The groups that waited; whoever is a stranger still is counted and left out.
    pub(crate) fn finish(self) -> impl Iterator<Item = DirectoryGroup> {
        self.waiting.into_iter().map(Waiting::finish)
    }
}

impl Waiting {
    fn add<'a>(&mut self, called: impl Iterator<Item = Called<'a>>, index: &mut Index) {
        for called in called {
            match index.resolve(called) {
                Some(member) => self.group.members.push(member),
                None => self.strangers.push(Stranger::new(called)),
            }
        }
    }

    fn finish(mut self) -> DirectoryGroup {
        self.group.members.sort();
        self.group.members.dedup();
        self.group.unresolved_members = self.strangers.len() as u64;
        self.group
    }
}

impl Stranger {
    fn new(called: Called<'_>) -> Self {
        match called {
            Called::Name(dn) => Self::Name(dn.into()),
            Called::Login(login) => Self::Login(login.into()),
            Called::Nothing => Self::Nothing,
        }
    }

    fn called(&self) -> Called<'_> {
        match self {
            Self::Name(dn) => Called::Name(dn),
            Self::Login(login) => Called::Login(login),
            Self::Nothing => Called::Nothing,
        }
    }
}

#[cfg(test)]
mod tests {
    use rollcall_kit::Member;

    use super::*;
    use crate::dialect::tests::dialect;
    use crate::entry::tests::entry;
    use crate::flavour::Flavour;

    fn id(text: &str) -> DirectoryId {
        DirectoryId::new(text).unwrap()
    }

    #[test]
    fn a_group_waits_for_those_it_does_not_know_and_then_counts_who_is_nobody() {
        let (dialect, mut index, mut groups) = (dialect(Flavour::OpenLdap), Index::default(), Groups::default());
        index.user(&id("u1"), "uid=a,dc=corp", ["a"].into_iter());
        let outer = entry(
            "cn=outer,dc=corp",
            &[
                ("cn", &[b"outer"]),
                ("member", &[b"cn=inner,dc=corp", b"uid=gone,dc=corp", b"uid=a,dc=corp", b"UID=A,DC=corp"]),
            ],
        );
        index.settle();
        assert!(matches!(groups.draft(id("g1"), &outer, &dialect, &mut index), Ok(Drafted::Waiting)));
        index.group(&id("g2"), "cn=inner,dc=corp");
        index.settle();
        groups.name_strangers(&mut index);
        assert_eq!(groups.strangers().into_iter().collect::<Vec<_>>(), [&Stranger::Name("uid=gone,dc=corp".into())]);
        let finished: Vec<DirectoryGroup> = groups.finish().collect();
        assert_eq!(finished[0].members, [Member::User(id("u1")), Member::Group(id("g2"))]);
        assert_eq!(finished[0].unresolved_members, 1);
    }

    #[test]
    fn a_sliced_group_is_never_complete_at_once() {
        let (dialect, mut index, mut groups) = (dialect(Flavour::ActiveDirectory), Index::default(), Groups::default());
        let big =
            entry("CN=big,DC=corp", &[("cn", &[b"big"]), ("member", &[]), ("member;range=0-0", &[b"CN=a,DC=corp"])]);
        assert!(matches!(groups.draft(id("g1"), &big, &dialect, &mut index), Ok(Drafted::Waiting)));
        assert_eq!(groups.waiting[0].sliced, ["member"]);
    }

    #[test]
    fn classes_that_cannot_be_empty_show_that_members_are_hidden() {
        let (dialect, mut index) = (dialect(Flavour::OpenLdap), Index::default());
        let empty = entry("cn=a,dc=corp", &[("objectClass", &[b"GroupOfNames"]), ("cn", &[b"a"])]);
        let mut groups = Groups::default();
        groups.draft(id("g1"), &empty, &dialect, &mut index).unwrap();
        assert_eq!(groups.hidden_attribute(), Some("member"));
        let shown =
            entry("cn=b,dc=corp", &[("objectClass", &[b"groupOfNames"]), ("cn", &[b"b"]), ("member", &[b"cn=x"])]);
        groups.draft(id("g2"), &shown, &dialect, &mut index).unwrap();
        assert_eq!(groups.hidden_attribute(), None);
    }

    #[test]
    fn a_group_without_a_name_stops_only_itself() {
        let mut groups = Groups::default();
        let nameless = entry("cn=a,dc=corp", &[("cn", &[b"\xff"])]);
        let drafted = groups.draft(id("g1"), &nameless, &dialect(Flavour::OpenLdap), &mut Index::default());
        assert!(matches!(drafted, Ok(Drafted::Unreadable(_))));
    }
}
