//! A census: how much of everything a reading brought, to be compared with the last one that a plan was applied from.
//!
//! A certificate proves that a read ended as it should. It cannot prove that the directory told everything: whoever may
//! see less gets less, with every sign of success. What that looks like from here is a collection that shrank, an
//! attribute that almost nobody has any more, or a group that lost nearly all of its members. Each is a finding that
//! holds the plan, and holds it until a person has approved one: so a census is compared with the last that was
//! accepted, not with the last that was taken. Pure.

use std::collections::BTreeMap;

use rollcall_kit::{DirectoryGroup, DirectoryId, DirectoryUser, Entry, HumanDuration, attribute};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Percent;

/// How much of a reading there must have been for a loss to mean anything, and how large the loss must be. Small
/// directories change by large shares every day.
const HANDFUL: u64 = 10;

/// So many groups are named that lost nearly all of their members; the rest is counted.
const GROUPS_NAMED: usize = 5;

/// How much of what the directory held may go missing between two readings before the plan waits for a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ReadingLimits {
    /// Of the users.
    pub users: Percent,
    /// Of the groups.
    pub groups: Percent,
    /// Of the members of all groups together.
    pub members: Percent,
    /// Of those who have an attribute.
    pub attribute: Percent,
    /// Of the members of one group that a rule names.
    pub group: Percent,
    /// For how long changes alone may be read before the directory is read in full again, because only a full read tells
    /// who is missing: days (`"7d"`), hours (`"24h"`) or less.
    pub full_every: HumanDuration,
}

impl Default for ReadingLimits {
    fn default() -> Self {
        let [users, groups, members, attribute, group] = [20, 20, 20, 90, 90].map(Percent::of);
        Self { users, groups, members, attribute, group, full_every: HumanDuration::seconds(24 * 3_600) }
    }
}

/// How much of everything a reading brought.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Census {
    /// Users.
    pub users: u64,
    /// Groups.
    pub groups: u64,
    /// Members of all groups together.
    pub members: u64,
    /// How many users have which attribute.
    pub attributes: BTreeMap<String, u64>,
    /// Groups with more than a handful of members, with their names and sizes.
    pub large_groups: BTreeMap<DirectoryId, (String, u64)>,
}

/// What changes of the directory move in a census.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct CensusMoves {
    /// Users who are new.
    pub users: i64,
    /// Groups that are new.
    pub groups: i64,
    attributes: BTreeMap<String, i64>,
    members: BTreeMap<DirectoryId, GroupMoves>,
}

/// What they move in one group.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct GroupMoves {
    name: String,
    /// How many members it names now, whether they are there or not.
    named: u64,
    by: i64,
}

impl CensusMoves {
    /// A user is there (1) or no more (-1) with this record.
    pub fn user(&mut self, user: &DirectoryUser, by: i64) {
        self.users += by;
        for name in user.profile.keys().filter(|name| is_counted(name)) {
            *self.attributes.entry(name.to_string()).or_default() += by;
        }
    }

    /// A group changed: what it is called now, how many members it names, and how many more of them are there.
    pub fn group(&mut self, id: &DirectoryId, name: &str, named: u64, by: i64) {
        let moves = self.members.entry(id.clone()).or_default();
        *moves = GroupMoves { name: name.to_owned(), named, by: moves.by + by };
    }

    /// Somebody is there whom a group that names so many had named before. One that changed is not called otherwise here.
    pub fn named(&mut self, id: &DirectoryId, name: &str, named: u64) {
        let before = GroupMoves { name: name.to_owned(), named, by: 0 };
        self.members.entry(id.clone()).or_insert(before).by += 1;
    }
}

/// Whether an attribute is counted.
fn is_counted(name: &str) -> bool {
    attribute::MAPPED_BY_DEFAULT.contains(&name) || attribute::ALSO_KNOWN.contains(&name)
}

impl Census {
    /// Follows changes. `size_of` says how many members of a group are there now, where a census cannot know: of a group
    /// that was small.
    ///
    /// # Errors
    ///
    /// Those of `size_of`.
    pub fn follow<E>(
        &mut self,
        moves: &CensusMoves,
        mut size_of: impl FnMut(&DirectoryId) -> Result<u64, E>,
    ) -> Result<(), E> {
        self.users = self.users.saturating_add_signed(moves.users);
        self.groups = self.groups.saturating_add_signed(moves.groups);
        for (name, by) in &moves.attributes {
            let number = self.attributes.entry(name.clone()).or_default();
            *number = number.saturating_add_signed(*by);
        }
        self.attributes.retain(|_, number| *number > 0);
        for (id, GroupMoves { name, named, by }) in &moves.members {
            self.members = self.members.saturating_add_signed(*by);
            let size = match self.large_groups.remove(id) {
                Some((_, before)) => before.saturating_add_signed(*by),
                None if *named <= HANDFUL => continue,
                None => size_of(id)?,
            };
            if size > HANDFUL {
                self.large_groups.insert(id.clone(), (name.clone(), size));
            }
        }
        Ok(())
    }

    /// Counts one entry. What cannot be understood is no user and no group to count.
    pub fn count(&mut self, entry: &Entry) {
        match entry {
            Entry::User(user) => self.count_user(user),
            Entry::Group(group) => self.count_group(group),
            Entry::Unreadable(_) => {}
        }
    }

    /// Counts a user.
    pub fn count_user(&mut self, user: &DirectoryUser) {
        self.users += 1;
        // Both are sorted, and nearly everybody has what the ones before had.
        let mut known = self.attributes.iter_mut().peekable();
        let mut first = Vec::new();
        for name in user.profile.keys() {
            while known.next_if(|(known, _)| known.as_str() < name.as_str()).is_some() {}
            match known.next_if(|(known, _)| known.as_str() == name.as_str()) {
                Some((_, number)) => *number += 1,
                None => first.extend(is_counted(name).then(|| name.to_string())),
            }
        }
        self.attributes.extend(first.into_iter().map(|name| (name, 1)));
    }

    /// Counts a group.
    pub fn count_group(&mut self, group: &DirectoryGroup) {
        let members = group.members.len() as u64;
        self.groups += 1;
        self.members += members;
        if members > HANDFUL {
            self.large_groups.insert(group.id.clone(), (group.name.clone(), members));
        }
    }

    /// What is strange about this census beside an earlier one, in sentences. `size_of` says how many members a group
    /// has now, and nothing of a group that was not read or that no rule names.
    #[must_use]
    pub fn findings(
        &self,
        earlier: &Self,
        limits: &ReadingLimits,
        size_of: impl Fn(&DirectoryId) -> Option<u64>,
    ) -> Vec<String> {
        let collections = [
            ("users", earlier.users, self.users, limits.users),
            ("groups", earlier.groups, self.groups, limits.groups),
            ("members", earlier.members, self.members, limits.members),
        ];
        let mut findings = Vec::new();
        for (name, before, now, limit) in collections {
            if lost(before, now, limit) {
                let what = if name == "members" { "members of groups" } else { name };
                findings.push(format!(
                    "Of {before} {what} that the directory showed before, {} are missing ({} %), and more than {limit} \
                     are not taken for granted (`reading.{name}`)",
                    before.saturating_sub(now),
                    missing(before, now)
                ));
            }
        }
        for (name, before) in &earlier.attributes {
            let now = self.attributes.get(name).copied().unwrap_or_default();
            // Where people went missing too, the attribute may have gone with them.
            let left = before.saturating_sub(earlier.users.saturating_sub(self.users));
            if lost(left, now, limits.attribute) {
                findings.push(format!(
                    "Almost nobody has {name} any more: {now} of {} users, and {before} before. The account that we read \
                     with may not be allowed to see it any more (`reading.attribute`)",
                    self.users
                ));
            }
        }
        findings.extend(emptied(earlier, limits, size_of));
        findings
    }
}

/// The groups that lost nearly all of their members, in one sentence.
fn emptied(earlier: &Census, limits: &ReadingLimits, size_of: impl Fn(&DirectoryId) -> Option<u64>) -> Option<String> {
    let mut named = Vec::new();
    for (id, (name, before)) in &earlier.large_groups {
        if let Some(now) = size_of(id).filter(|now| lost(*before, *now, limits.group)) {
            named.push(format!("{name} has {now} of {before}"));
        }
    }
    let more = named.len().saturating_sub(GROUPS_NAMED);
    let first = named.iter().take(GROUPS_NAMED).cloned().collect::<Vec<_>>().join(", ");
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    (!named.is_empty()).then(|| format!("Groups lost nearly all of their members (`reading.group`): {first}{more}"))
}

/// Whether more than this share went missing, and more than a handful.
fn lost(before: u64, now: u64, limit: Percent) -> bool {
    let missing = before.saturating_sub(now);
    missing > HANDFUL && limit.is_exceeded(missing, before)
}

/// The share that went missing, in whole per cent.
fn missing(before: u64, now: u64) -> u128 {
    u128::from(before.saturating_sub(now)) * 100 / u128::from(before.max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id(text: &str) -> DirectoryId {
        DirectoryId::new(text).unwrap()
    }

    fn census(users: u64, groups: u64, members: u64) -> Census {
        let attributes = [("name".to_owned(), users)].into();
        Census { users, groups, members, attributes, large_groups: BTreeMap::new() }
    }

    fn findings(earlier: &Census, now: &Census) -> Vec<String> {
        now.findings(earlier, &ReadingLimits::default(), |_| None)
    }

    #[test]
    fn a_collection_that_shrank_beyond_its_limit_is_a_finding_and_one_within_it_is_none() {
        let before = census(100, 100, 1_000);
        assert!(findings(&before, &census(80, 80, 800)).is_empty());
        insta::assert_snapshot!(findings(&before, &census(79, 79, 799)).join("\n"));
        assert!(findings(&before, &census(1_000, 1_000, 10_000)).is_empty(), "growth is no loss");
    }

    #[test]
    fn in_a_small_directory_a_handful_may_go() {
        assert!(findings(&census(12, 12, 12), &census(2, 2, 2)).is_empty());
        assert_eq!(findings(&census(12, 12, 12), &census(1, 12, 12)).len(), 1);
    }

    #[test]
    fn an_attribute_that_almost_nobody_has_any_more_is_a_finding() {
        let before = census(100, 0, 0);
        let mut now = before.clone();
        now.attributes.insert("name".to_owned(), 10);
        assert!(findings(&before, &now).is_empty(), "90 % may go");
        now.attributes.clear();
        let found = findings(&before, &now);
        assert_eq!(found.len(), 1);
        assert!(found[0].starts_with("Almost nobody has name any more: 0 of 100 users, and 100 before"), "{found:?}");
    }

    #[test]
    fn an_attribute_that_went_with_its_people_is_not_told_beside_them() {
        let mut before = census(1_000, 0, 0);
        before.attributes.insert("office".to_owned(), 100);
        let now = census(850, 0, 0);
        assert!(findings(&before, &now).is_empty());
    }

    #[test]
    fn a_group_that_lost_nearly_all_members_is_a_finding_if_a_rule_names_it() {
        let mut before = census(500, 3, 500);
        before.large_groups.insert(id("g"), ("eng-all".to_owned(), 140));
        before.large_groups.insert(id("h"), ("everybody".to_owned(), 300));
        let now = census(500, 3, 490);
        let size = |id: &DirectoryId| (id.as_str() == "g").then_some(2);
        let found = now.findings(&before, &ReadingLimits::default(), size);
        assert_eq!(found, ["Groups lost nearly all of their members (`reading.group`): eng-all has 2 of 140"]);
        assert!(now.findings(&before, &ReadingLimits::default(), |_| None).is_empty());
        assert!(now.findings(&before, &ReadingLimits::default(), |_| Some(140)).is_empty());
    }
}
