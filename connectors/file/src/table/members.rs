//! Who is in which group, packed: the rows of a memberships file come in any order, and all of them must be known
//! before the first group is whole.

use rollcall_kit::{DirectoryGroup, DirectoryId, Member};

use crate::tally::Kind;

/// A group whose members are still being read.
struct Open {
    id: DirectoryId,
    name: String,
    unresolved: u64,
}

/// A membership: the number of its group, and where its member's id stands in the text.
struct Row {
    start: u64,
    length: u32,
    group: u32,
}

/// Groups and memberships. A membership takes 16 bytes and its member's id.
#[derive(Default)]
pub(super) struct Memberships {
    /// Sorted by their ids once all are entered.
    groups: Vec<Open>,
    rows: Vec<Row>,
    text: String,
}

impl Memberships {
    /// Enters a group, whose id is new.
    pub(super) fn open(&mut self, id: DirectoryId, name: &str) {
        self.groups.push(Open { id, name: name.to_owned(), unresolved: 0 });
    }

    /// All groups are entered.
    pub(super) fn sort(&mut self) {
        self.groups.sort_unstable_by(|left, right| left.id.cmp(&right.id));
    }

    /// The number of a group, once they are sorted.
    pub(super) fn group(&self, id: &DirectoryId) -> Option<usize> {
        self.groups.binary_search_by(|open| open.id.cmp(id)).ok()
    }

    /// Enters a membership in the group of this number; without a kind, its member is not known.
    pub(super) fn enter(&mut self, group: usize, member: &DirectoryId, kind: Option<Kind>) {
        let Some(kind) = kind else {
            self.groups[group].unresolved += 1;
            return;
        };
        let start = self.text.len() as u64;
        self.text.push(if kind == Kind::User { 'u' } else { 'g' });
        self.text.push_str(member.as_str());
        self.rows.push(Row { start, length: (self.text.len() as u64 - start) as u32, group: group as u32 });
    }

    /// The groups by their ids, each with its members.
    pub(super) fn close(mut self) -> impl Iterator<Item = DirectoryGroup> {
        self.rows.sort_unstable_by_key(|row| (row.group, row.start));
        let Self { groups, rows, text } = self;
        let mut at = 0;
        groups.into_iter().enumerate().map(move |(number, open)| {
            let own = rows[at..].iter().take_while(|row| row.group as usize == number);
            let mut members: Vec<Member> = own.filter_map(|row| row.member(&text)).collect();
            at += rows[at..].iter().take_while(|row| row.group as usize == number).count();
            members.sort_unstable();
            members.dedup();
            DirectoryGroup { id: open.id, name: open.name, place: None, members, unresolved_members: open.unresolved }
        })
    }
}

impl Row {
    fn member(&self, text: &str) -> Option<Member> {
        let start = self.start as usize;
        let (kind, id) = text[start..start + self.length as usize].split_at(1);
        let kind = if kind == "u" { Kind::User } else { Kind::Group };
        DirectoryId::new(id).map(|id| kind.member(id))
    }
}
