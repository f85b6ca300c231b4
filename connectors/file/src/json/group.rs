//! Groups, member by member.
//!
//! A member may be a group that stands further down, so a group with a member that nobody knows yet is passed, and read
//! again when the document has been read to its end. All others are handed on where they stand.

use rollcall_kit::{Container, DirectoryGroup, DirectoryId, Entry, Member};
use serde::Deserialize;

use super::fault::{Fault, odd_group};
use super::record::Name;
use super::text::{Stop, Text, first};
use crate::settings::FileSettings;
use crate::tally::{IdHash, Kind, Line, Tally};
use crate::walk::Sink;
use crate::watched::Watched;

/// What a group is made of.
#[derive(Clone, Copy, Deserialize)]
#[serde(field_identifier, rename_all = "lowercase")]
enum Part {
    Id,
    Name,
    Place,
    Members,
}

/// A group as it stands, its members resolved as far as they are known.
struct Found {
    id: DirectoryId,
    name: String,
    place: Option<Container>,
    members: Members,
}

#[derive(Default)]
struct Members {
    known: Vec<Member>,
    unknown: Vec<IdHash>,
}

/// The groups of the document: where they begin, what their text was, and which are still to be handed on.
pub(super) struct Section {
    offset: u64,
    line: u64,
    /// The digest of their text, once it was read.
    digest: Option<blake3::Hash>,
    /// Whether their ids are entered.
    claimed: bool,
    /// The offsets of the groups that wait for ids further down.
    waiting: Vec<u64>,
}

impl Section {
    /// The groups that begin here.
    pub(super) fn at(text: &mut Text) -> Result<Self, Stop> {
        text.peek()?;
        Ok(Self { offset: text.offset(), line: text.line(), digest: None, claimed: false, waiting: Vec::new() })
    }

    /// Passes the groups, to read them when the users are known.
    pub(super) fn pass(&mut self, text: &mut Text) -> Result<(), Fault> {
        text.mark();
        text.skip(3)?;
        self.digest = text.marked();
        Ok(())
    }

    /// Reads the groups, enters their ids, and hands on those whose members are all known.
    pub(super) fn claim(
        &mut self,
        text: &mut Text,
        line: &mut Line,
        tally: &mut Tally,
        sink: Sink<'_>,
    ) -> Result<(), Fault> {
        text.mark();
        text.each(*b"[]", |text| -> Result<(), Fault> {
            text.peek()?;
            let offset = text.offset();
            line.number = text.line();
            let found = found(text, tally).map_err(|stop| match stop {
                Stop::Odd => Fault::OddGroup { line: line.clone(), offset },
                stop => Fault::Stop(stop),
            })?;
            let id = DirectoryId::new(found.id.as_str()).ok_or_else(|| odd_group(line, "the group has no id"))?;
            tally.claim(&id, Kind::Group, line)?;
            if found.members.unknown.is_empty() {
                sink(Entry::Group(Box::new(found.resolved(id))))?;
            } else {
                self.waiting.push(offset);
            }
            Ok(())
        })?;
        self.claimed = true;
        self.read(text)
    }

    /// Reads once more what is left to do, now that all users are known, and then all groups.
    pub(super) fn finish(
        mut self,
        settings: &FileSettings,
        line: &mut Line,
        tally: &mut Tally,
        sink: Sink<'_>,
    ) -> Result<(), Fault> {
        if !self.claimed {
            self.claim(&mut self.again(settings)?, line, tally, sink)?;
        }
        if self.waiting.is_empty() {
            return Ok(());
        }
        let mut waiting = std::mem::take(&mut self.waiting).into_iter().peekable();
        let mut text = self.again(settings)?;
        text.mark();
        text.each(*b"[]", |text| -> Result<(), Fault> {
            text.peek()?;
            if waiting.next_if_eq(&text.offset()).is_none() {
                return Ok(text.skip(2)?);
            }
            let found = found(text, tally)?;
            let id = DirectoryId::new(found.id.as_str()).ok_or(Stop::Odd)?;
            Ok(sink(Entry::Group(Box::new(found.resolved(id))))?)
        })?;
        self.read(&mut text)
    }

    /// The text of the groups once more.
    fn again(&self, settings: &FileSettings) -> Result<Text, Fault> {
        let mut reading = Watched::open(&settings.users, "groups", settings.max_size_mib)?.into_inner();
        reading.go_to(self.offset).map_err(Stop::File)?;
        Ok(Text::new(reading, self.offset, self.line))
    }

    /// The groups were read to their end. If that was not the first time, they must be what they were.
    fn read(&mut self, text: &mut Text) -> Result<(), Fault> {
        let digest = text.marked();
        if self.digest.is_some_and(|earlier| Some(earlier) != digest) {
            return Err(Fault::Changed);
        }
        self.digest = digest;
        Ok(())
    }
}

impl Found {
    fn resolved(self, id: DirectoryId) -> DirectoryGroup {
        let Members { mut known, mut unknown } = self.members;
        if !known.is_sorted() {
            known = sorted(known);
        }
        known.dedup();
        unknown.sort_unstable();
        unknown.dedup();
        DirectoryGroup {
            id,
            name: self.name,
            place: self.place,
            members: known,
            unresolved_members: unknown.len() as u64,
        }
    }
}

impl Members {
    /// Resolves named ones. All are looked up in one go: each look is at another place in memory, and none waits for
    /// the one before.
    fn enter(&mut self, named: &mut Vec<(IdHash, DirectoryId)>, tally: &Tally) {
        let kinds: Vec<_> = named.iter().map(|(hash, _)| tally.kind(*hash)).collect();
        for ((hash, id), kind) in named.drain(..).zip(kinds) {
            match kind {
                Some(kind) => self.known.push(kind.member(id)),
                None => self.unknown.push(hash),
            }
        }
    }
}

/// Members in their order. Each is compared by the beginning of its id first, which lies beside it and not elsewhere in
/// memory.
fn sorted(members: Vec<Member>) -> Vec<Member> {
    let beginning = |member: &Member| {
        let (group, id) = match member {
            Member::User(id) => (false, id),
            Member::Group(id) => (true, id),
        };
        let mut beginning = [0; 8];
        beginning.iter_mut().zip(id.as_str().bytes()).for_each(|(to, from)| *to = from);
        (group, u64::from_be_bytes(beginning))
    };
    let mut members: Vec<_> = members.into_iter().map(|member| (beginning(&member), member)).collect();
    members.sort_unstable();
    members.into_iter().map(|(_, member)| member).collect()
}

/// How many members are looked up in one go.
const TOGETHER: usize = 256;

/// The next group, in any order of its parts.
fn found(text: &mut Text, tally: &Tally) -> Result<Found, Stop> {
    let (mut id, mut name, mut place, mut members) = (None, None, None, None);
    text.each(*b"{}", |text| {
        match text.key::<Part>()? {
            Part::Id if id.is_none() => id = Some(text.next()?),
            Part::Name if name.is_none() => name = Some(text.next()?),
            Part::Place if place.is_none() => place = Some(text.next::<Option<Container>>()?),
            Part::Members if members.is_none() => members = Some(all(text, tally)?),
            _ => return Err(Stop::Odd),
        }
        Ok(())
    })?;
    match (id, name, members) {
        (Some(id), Some(name), Some(members)) => Ok(Found { id, name, place: place.flatten(), members }),
        _ => Err(Stop::Odd),
    }
}

fn all(text: &mut Text, tally: &Tally) -> Result<Members, Stop> {
    let (mut members, mut named) = (Members::default(), Vec::with_capacity(TOGETHER));
    text.each(*b"[]", |text| -> Result<(), Stop> {
        text.peek()?;
        let id = text.value(|rest| {
            let (Name(id), end) = first(rest)?;
            Ok((DirectoryId::new(&id), end))
        })?;
        named.extend(id.map(|id| (tally.hash(id.as_str()), id)));
        if named.len() == TOGETHER {
            members.enter(&mut named, tally);
        }
        Ok(())
    })?;
    members.enter(&mut named, tally);
    Ok(members)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rollcall_kit::ReadError;

    use super::*;
    use crate::json::walk;

    /// Groups before the users, the first of them with a member that stands further down.
    const DOCUMENT: &str = r#"{"groups": [
        {"id": "g1", "name": "all", "members": ["p1", "g2"]},
        {"id": "g2", "name": "few", "members": ["p2", "gone"]},
        {"id": "g3", "name": "one", "members": ["p1"]}
    ], "users": [{"id": "p1"}, {"id": "p2"}]}"#;

    /// The groups of the document, if it becomes another one when the first of them arrives.
    fn groups(then: &str) -> Result<Vec<DirectoryGroup>, ReadError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("staff.json");
        std::fs::write(&path, DOCUMENT).unwrap();
        let mut groups = Vec::new();
        walk(&FileSettings::of(&path), &mut |entry| {
            if let Entry::Group(group) = entry {
                std::fs::write(&path, then).unwrap();
                groups.push(*group);
            }
            Ok(())
        })?;
        Ok(groups)
    }

    proptest! {
        #[test]
        fn members_are_sorted_as_they_are_compared(
            ids in proptest::collection::vec(("[a-c\0]{1,3}|[ab]{7,10}|ü{3,5}", any::<bool>()), 0..40),
        ) {
            let kind = |(id, group): &(String, bool)| {
                let id = DirectoryId::new(&format!("-{id}-")).unwrap();
                if *group { Member::Group(id) } else { Member::User(id) }
            };
            let members: Vec<Member> = ids.iter().map(kind).collect();
            let mut expected = members.clone();
            expected.sort();
            prop_assert_eq!(sorted(members), expected);
        }
    }

    #[test]
    fn groups_that_stand_before_their_members_are_read_again_and_handed_on_once() {
        let groups = groups(DOCUMENT).unwrap();
        let found = groups.iter().map(|group| (group.name.as_str(), group.members.len(), group.unresolved_members));
        assert_eq!(found.collect::<Vec<_>>(), [("one", 1, 0), ("all", 2, 0), ("few", 1, 1)]);
    }

    #[test]
    fn groups_that_are_others_when_they_are_read_again_are_an_incomplete_read() {
        for then in [
            DOCUMENT.replace("[\"p1\", \"g2\"]", "[\"p2\", \"g2\"]"),
            DOCUMENT.replace("\"g1\"", "\"g9\""),
            DOCUMENT[..100].to_owned(),
            DOCUMENT.replace("few", "some"),
        ] {
            let refusal = groups(&then).unwrap_err().to_string();
            assert!(refusal.contains("changed while it was read"), "{refusal}");
        }
    }
}
