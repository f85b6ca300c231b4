//! The second pass: who is in the groups that rules can reach.
//!
//! Users are kept as 16 bytes of a hash of their ids, their direct groups as numbers; what a group is inside of is
//! kept once a group, not once a member. A million users in five groups each take some 40 MB.

use std::borrow::Cow;
use std::collections::BTreeSet;

use rollcall_kit::{DirectoryGroup, DirectoryId, Member};

use super::resolve::{self, Found, Renamed, Resolution};
use super::{Bindings, Finding, GroupOutline, Membership};
use crate::roster::refusal::{Reason, Refusal};
use crate::roster::rules::Rules;
use crate::roster::settings::GroupRef;

/// The first 128 bits of a BLAKE3 hash of an id. That two ids share them is less likely than any failure of the
/// machine: at a million users, one chance in 10^26.
type Key = [u8; 16];

fn key(id: &DirectoryId) -> Key {
    let mut key = Key::default();
    key.copy_from_slice(&blake3::hash(id.as_str().as_bytes()).as_bytes()[..16]);
    key
}

/// Who is in which group, as far as rules can ask.
#[derive(Clone, Debug, Default)]
pub struct GroupIndex {
    /// Id and name of each group, by number.
    groups: Vec<(DirectoryId, String)>,
    /// For each group, the groups that rules can ask for and that its members are in: itself, and those around it.
    reach: Vec<Vec<u32>>,
    /// Groups of rules inside of which, at some depth, there is one that cannot be found; sorted, with that id.
    holed: Vec<(u32, DirectoryId)>,
    /// Rules in the order of the settings.
    role_groups: Vec<Target>,
    scope_groups: Vec<Target>,
    /// Sorted by name.
    named: Vec<(String, Target)>,
    /// Sorted; the direct groups of `users[i]` are `direct[starts[i]..starts[i + 1]]`, sorted.
    users: Vec<Key>,
    starts: Vec<u32>,
    direct: Vec<u32>,
    bindings: Bindings,
    renamed: Vec<Renamed>,
    refusals: Vec<Refusal>,
    findings: Vec<Finding>,
}

/// A group that a rule names, ready to be asked.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Target {
    Groups(Vec<u32>),
    Nobody,
    Unknown(String),
}

/// Takes the groups a second time.
#[derive(Debug)]
pub struct GroupIndexBuilder {
    index: GroupIndex,
    ids: Vec<DirectoryId>,
    memberships: Vec<(Key, u32)>,
}

impl GroupIndexBuilder {
    pub(super) fn new(
        rules: &Rules,
        outline: &GroupOutline,
        bindings: &Bindings,
        confirmed_deleted: &BTreeSet<DirectoryId>,
    ) -> Self {
        let resolution = Resolution::new(rules, outline, bindings, confirmed_deleted);
        let mut targets = resolution.targets();
        let holed = holes(outline, &resolution.targets_of(&rules.nested_groups()), confirmed_deleted);
        if rules.needs_all_groups() {
            targets.extend((0..).take(outline.all().len()));
        }
        let mut refusals = resolution.refusals(rules, outline);
        refusals.extend(holed.iter().map(|(at, id)| hole_refusal(&outline.group(*at).name, id)));
        let mut findings = resolution.findings();
        findings.extend(refusals.iter().map(held));
        let target = |group: &GroupRef, by_name: bool| target(&resolution, outline, group, by_name);
        let index = GroupIndex {
            groups: outline.all().iter().map(|group| (group.id.clone(), group.name.clone())).collect(),
            reach: reach(outline, &targets),
            holed,
            role_groups: rules.settings().role_rules.iter().map(|rule| target(&rule.group, false)).collect(),
            scope_groups: rules.settings().scope.groups.iter().map(|group| target(group, false)).collect(),
            named: rules
                .expression_groups()
                .iter()
                .map(|name| (name.clone(), target(&GroupRef::Name(name.clone()), true)))
                .collect(),
            users: Vec::new(),
            starts: vec![0],
            direct: Vec::new(),
            bindings: resolution.bindings,
            renamed: resolution.renamed,
            refusals,
            findings,
        };
        let ids = outline.all().iter().map(|group| group.id.clone()).collect();
        Self { index, ids, memberships: Vec::new() }
    }

    /// Takes the members of one group, if a rule can reach it. A group that the outline did not have is ignored.
    pub fn add(&mut self, group: &DirectoryGroup) {
        let Ok(at) = self.ids.binary_search(&group.id) else { return };
        if self.index.reach[at].is_empty() {
            return;
        }
        let Ok(number) = u32::try_from(at) else { return };
        let users = group.members.iter().filter_map(|member| match member {
            Member::User(id) => Some((key(id), number)),
            Member::Group(_) => None,
        });
        self.memberships.extend(users);
    }

    /// The index.
    #[must_use]
    pub fn finish(mut self) -> GroupIndex {
        self.memberships.sort_unstable();
        self.memberships.dedup();
        let index = &mut self.index;
        index.starts.clear();
        for (user, group) in &self.memberships {
            if index.users.last() != Some(user) {
                index.users.push(*user);
                index.starts.push(u32::try_from(index.direct.len()).unwrap_or(u32::MAX));
            }
            index.direct.push(*group);
        }
        index.starts.push(u32::try_from(index.direct.len()).unwrap_or(u32::MAX));
        self.index
    }
}

/// For each group, the targets that it is or that it is inside of. One walk a target, which ends at loops.
fn reach(outline: &GroupOutline, targets: &BTreeSet<u32>) -> Vec<Vec<u32>> {
    let mut reach = vec![Vec::new(); outline.all().len()];
    for target in targets {
        for at in outline.reachable([*target]) {
            reach[at as usize].push(*target);
        }
    }
    reach
}

/// Targets with a group inside that is neither here nor confirmed to be deleted: its members are members, too, and
/// nobody knows who they are.
fn holes(
    outline: &GroupOutline,
    targets: &BTreeSet<u32>,
    confirmed_deleted: &BTreeSet<DirectoryId>,
) -> Vec<(u32, DirectoryId)> {
    let hole = |target: &u32| {
        let mut inside = outline.reachable([*target]).into_iter();
        inside.find_map(|at| {
            let mut nested = outline.nested(at);
            let (id, _) = nested.find(|(id, place)| place.is_none() && !confirmed_deleted.contains(*id))?;
            Some((*target, id.clone()))
        })
    };
    targets.iter().filter_map(hole).collect()
}

fn hole_words(name: &str, id: &DirectoryId) -> String {
    format!(
        "the group {name} contains a group (id {id}) that was not in what the directory sent, so it is not known who \
         else is in {name}; check the permissions and the search base. Until then {name} revokes nothing and puts \
         nobody out"
    )
}

fn hole_refusal(name: &str, id: &DirectoryId) -> Refusal {
    Refusal { reason: Reason::GroupMissing, user: None, label: name.to_owned(), detail: hole_words(name, id) }
}

fn held(refusal: &Refusal) -> Finding {
    let mut sentence = refusal.detail.clone();
    sentence.get_mut(..1).map(str::make_ascii_uppercase);
    sentence.push('.');
    Finding { sentence, holds: true }
}

fn target(resolution: &Resolution, outline: &GroupOutline, group: &GroupRef, by_name: bool) -> Target {
    match resolution.found.get(group) {
        Some(Found::Here(at)) => Target::Groups(vec![*at]),
        Some(Found::Several(several)) if by_name => Target::Groups(several.clone()),
        Some(Found::Several(several)) => Target::Unknown(resolve::ambiguous(group, several, outline)),
        Some(Found::Deleted) => Target::Nobody,
        Some(Found::Missing { id }) => Target::Unknown(resolve::missing(group, id.as_ref())),
        None => Target::Unknown(resolve::missing(group, None)),
    }
}

impl GroupIndex {
    /// An index without groups, for rules that name none.
    #[must_use]
    pub fn empty() -> Self {
        Self { starts: vec![0], ..Self::default() }
    }

    /// Both passes over groups that are in memory.
    #[must_use]
    pub fn of(
        groups: &[DirectoryGroup],
        rules: &Rules,
        bindings: &Bindings,
        confirmed_deleted: &BTreeSet<DirectoryId>,
    ) -> Self {
        let mut outline = GroupOutline::default();
        groups.iter().for_each(|group| outline.add(group));
        let mut builder = outline.index(rules, bindings, confirmed_deleted);
        groups.iter().for_each(|group| builder.add(group));
        builder.finish()
    }

    /// The bindings to keep for the next run: those of names that the rules still use.
    #[must_use]
    pub fn bindings(&self) -> &Bindings {
        &self.bindings
    }

    /// Rules by name whose group is called something else now.
    #[must_use]
    pub fn renamed(&self) -> &[Renamed] {
        &self.renamed
    }

    /// Groups that cannot be found or told apart; they concern nobody in particular.
    #[must_use]
    pub fn refusals(&self) -> &[Refusal] {
        &self.refusals
    }

    /// What a reader of the plan should know about groups; the refusals are among them, as findings that hold.
    #[must_use]
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// Id and name of a group, by its number in a [`Membership`].
    #[must_use]
    pub fn group(&self, number: u32) -> Option<(&DirectoryId, &str)> {
        self.groups.get(number as usize).map(|(id, name)| (id, name.as_str()))
    }

    /// The ids of the groups that a rule can reach.
    pub fn reached(&self) -> impl Iterator<Item = &DirectoryId> {
        self.groups.iter().map(|(id, _)| id)
    }

    /// The name now of the group of a role rule, by the rule's place in the settings; none if it is not here.
    #[must_use]
    pub fn name_of_rule(&self, rule: usize) -> Option<&str> {
        match self.role_groups.get(rule)? {
            Target::Groups(groups) => self.group(*groups.first()?).map(|(_, name)| name),
            Target::Nobody | Target::Unknown(_) => None,
        }
    }

    /// Whether the group of a role rule is confirmed to be gone, by the rule's place in the settings.
    #[must_use]
    pub fn is_gone_rule(&self, rule: usize) -> bool {
        self.role_groups.get(rule) == Some(&Target::Nobody)
    }

    /// Whether a group of the scope is confirmed to be gone, by its place in the settings.
    #[must_use]
    pub fn is_gone_in_scope(&self, place: usize) -> bool {
        self.scope_groups.get(place) == Some(&Target::Nobody)
    }

    /// A hash of everything here but who is in which group: what the rules' groups are, and what lies within them. As long
    /// as it is the same, somebody who is in the same groups is judged the same.
    #[must_use]
    pub fn shape(&self) -> String {
        let mut hasher = blake3::Hasher::new();
        let mut add = |text: &str| {
            hasher.update(&(text.len() as u64).to_le_bytes()).update(text.as_bytes());
        };
        let id = |number: &u32| self.group(*number).map_or("", |(id, _)| id.as_str());
        for ((group, name), reach) in self.groups.iter().zip(&self.reach).filter(|(_, reach)| !reach.is_empty()) {
            [group.as_str(), name].into_iter().chain(reach.iter().map(id)).for_each(&mut add);
        }
        let targets =
            self.role_groups.iter().chain(&self.scope_groups).chain(self.named.iter().map(|(_, target)| target));
        for target in targets {
            match target {
                Target::Groups(groups) => groups.iter().map(id).for_each(&mut add),
                Target::Nobody => add("nobody"),
                Target::Unknown(why) => add(why),
            }
            add("");
        }
        for (target, hole) in &self.holed {
            [id(target), hole.as_str()].into_iter().for_each(&mut add);
        }
        add(&format!("{:?} {:?}", self.refusals, self.findings));
        hasher.finalize().to_hex().to_string()
    }

    /// How many users and memberships are kept in memory.
    #[must_use]
    pub fn size(&self) -> (usize, usize) {
        (self.users.len(), self.direct.len())
    }

    /// The groups of one user.
    #[must_use]
    pub fn belonging(&self, user: &DirectoryId) -> Belonging<'_> {
        let direct = match self.users.binary_search(&key(user)) {
            Ok(at) => &self.direct[self.starts[at] as usize..self.starts[at + 1] as usize],
            Err(_) => &[],
        };
        self.belonging_to(Cow::Borrowed(direct))
    }

    /// The groups of somebody who is directly in these, as far as they are here: for people whom the directory does
    /// not show any more, from what is known of them.
    #[must_use]
    pub fn belonging_through<'g>(&self, groups: impl IntoIterator<Item = &'g DirectoryId>) -> Belonging<'_> {
        let place = |id: &DirectoryId| self.groups.binary_search_by(|(known, _)| known.cmp(id)).ok();
        let mut direct: Vec<u32> =
            groups.into_iter().filter_map(place).filter_map(|at| u32::try_from(at).ok()).collect();
        direct.sort_unstable();
        direct.dedup();
        self.belonging_to(Cow::Owned(direct))
    }

    fn belonging_to<'a>(&'a self, direct: Cow<'a, [u32]>) -> Belonging<'a> {
        let mut all: Vec<u32> = direct.iter().flat_map(|group| &self.reach[*group as usize]).copied().collect();
        all.sort_unstable();
        all.dedup();
        Belonging { index: self, direct, all }
    }
}

/// The groups of one user, as far as rules can ask.
#[derive(Clone, Debug)]
pub struct Belonging<'a> {
    index: &'a GroupIndex,
    direct: Cow<'a, [u32]>,
    all: Vec<u32>,
}

impl<'a> Belonging<'a> {
    /// Whether they are in the group of the role rule at this place in the settings.
    pub(crate) fn in_rule(&self, rule: usize, nested: bool) -> Membership {
        self.index.role_groups.get(rule).map_or(Membership::Out, |target| self.within(target, nested))
    }

    /// Whether they are in the scope's group at this place in the settings, directly or through other groups.
    pub(crate) fn in_scope_group(&self, place: usize) -> Membership {
        self.index.scope_groups.get(place).map_or(Membership::Out, |target| self.within(target, true))
    }

    /// Whether they are in the group that an expression names. A name that no expression spells out is compared with
    /// the names of their groups.
    pub(crate) fn in_named(&self, name: &str) -> Membership {
        let named = &self.index.named;
        match named.binary_search_by(|(known, _)| known.as_str().cmp(name)) {
            Ok(at) => self.within(&named[at].1, true),
            Err(_) => {
                let alike = |number: &&u32| self.index.group(**number).is_some_and(|(_, other)| other == name);
                self.all.iter().find(alike).map_or(Membership::Out, |number| Membership::In(*number))
            }
        }
    }

    fn within(&self, target: &Target, nested: bool) -> Membership {
        let groups = match target {
            Target::Nobody => return Membership::Out,
            Target::Unknown(why) => return Membership::Unknown(why.clone()),
            Target::Groups(groups) => groups,
        };
        let theirs = if nested { self.all.as_slice() } else { &self.direct };
        if let Some(number) = groups.iter().find(|number| theirs.binary_search(number).is_ok()) {
            return Membership::In(*number);
        }
        let hole = groups.iter().filter(|_| nested).find_map(|number| {
            let at = self.index.holed.binary_search_by_key(number, |(target, _)| *target).ok()?;
            let (_, name) = self.index.group(*number)?;
            Some(hole_words(name, &self.index.holed[at].1))
        });
        hole.map_or(Membership::Out, Membership::Unknown)
    }

    /// The names of all groups they are in, nested ones included, sorted, each once.
    pub(crate) fn names(&self) -> Vec<&'a str> {
        let mut names: Vec<&str> =
            self.all.iter().filter_map(|number| self.index.group(*number)).map(|(_, name)| name).collect();
        names.sort_unstable();
        names.dedup();
        names
    }
}
