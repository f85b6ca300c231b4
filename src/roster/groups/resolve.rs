//! From what a rule names to a group of the directory.
//!
//! A rule by id is that group, or the group is missing. A rule by name follows the id that the name was first bound
//! to, whatever the group is called now: a rename must not revoke a role, and another group that takes the old name
//! must not inherit it. Only when the bound group's deletion is confirmed does the name become free for a new one.

use std::collections::{BTreeMap, BTreeSet};

use rollcall_kit::DirectoryId;

use super::{Bindings, Finding, GroupOutline};
use crate::roster::refusal::{Reason, Refusal};
use crate::roster::rules::Rules;
use crate::roster::settings::GroupRef;

/// A group that a rule names by a name that it no longer has.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Renamed {
    /// The name in the rule.
    pub rule: String,
    /// The group's name now.
    pub now: String,
    /// The group's id.
    pub id: DirectoryId,
}

/// What became of a group that a rule names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// It is here.
    Here(u32),
    /// Several are called so; only an expression, which goes by names anyway, can live with that.
    Several(Vec<u32>),
    /// Its deletion is confirmed: it has no members.
    Deleted,
    /// It cannot be found; this is the id that it has, if we ever knew one.
    Missing {
        /// The id.
        id: Option<DirectoryId>,
    },
}

/// What became of all groups that the rules name.
#[derive(Clone, Debug, Default)]
pub(super) struct Resolution {
    /// Those of role rules, of the scope and, by name, of expressions.
    pub found: BTreeMap<GroupRef, Found>,
    /// The bindings for the next run.
    pub bindings: Bindings,
    /// Names that were followed to a renamed group.
    pub renamed: Vec<Renamed>,
    /// Names whose group was deleted and which now mean a new group.
    pub rebound: Vec<String>,
}

impl Resolution {
    pub(super) fn new(
        rules: &Rules,
        outline: &GroupOutline,
        bindings: &Bindings,
        confirmed_deleted: &BTreeSet<DirectoryId>,
    ) -> Self {
        let by_name = names(outline);
        let mut resolution = Self::default();
        for group in rules.group_refs() {
            let found = match &group {
                GroupRef::Id(id) => by_id(outline, id, confirmed_deleted),
                GroupRef::Name(name) => resolution.name(name, outline, &by_name, bindings.get(name), confirmed_deleted),
            };
            resolution.found.insert(group, found);
        }
        resolution
    }

    fn name(
        &mut self,
        name: &str,
        outline: &GroupOutline,
        by_name: &BTreeMap<String, Vec<u32>>,
        bound: Option<&DirectoryId>,
        confirmed_deleted: &BTreeSet<DirectoryId>,
    ) -> Found {
        let known = bound.map(|id| (id, by_id(outline, id, confirmed_deleted)));
        if let Some((id, found)) = &known
            && !matches!(found, Found::Deleted)
        {
            self.bindings.insert(name.to_owned(), (*id).clone());
            if let Found::Here(at) = found
                && fold(&outline.group(*at).name) != fold(name)
            {
                let now = outline.group(*at).name.clone();
                self.renamed.push(Renamed { rule: name.to_owned(), now, id: (*id).clone() });
            }
            return found.clone();
        }
        let alike: &[u32] = by_name.get(&fold(name)).map_or(&[], Vec::as_slice);
        let exact: Vec<u32> = alike.iter().copied().filter(|at| outline.group(*at).name == name).collect();
        match if exact.is_empty() { alike } else { exact.as_slice() } {
            [] => match known {
                Some((id, deleted)) => {
                    self.bindings.insert(name.to_owned(), id.clone());
                    deleted
                }
                None => Found::Missing { id: None },
            },
            [only] => {
                self.bindings.insert(name.to_owned(), outline.group(*only).id.clone());
                if known.is_some() {
                    self.rebound.push(name.to_owned());
                }
                Found::Here(*only)
            }
            several => Found::Several(several.to_vec()),
        }
    }

    /// The groups here that a rule names, each once.
    pub(super) fn targets(&self) -> BTreeSet<u32> {
        Self::places(self.found.values())
    }

    /// The same for some of the rules' groups.
    pub(super) fn targets_of(&self, groups: &BTreeSet<GroupRef>) -> BTreeSet<u32> {
        Self::places(groups.iter().filter_map(|group| self.found.get(group)))
    }

    fn places<'f>(found: impl Iterator<Item = &'f Found>) -> BTreeSet<u32> {
        found
            .flat_map(|found| match found {
                Found::Here(at) => vec![*at],
                Found::Several(several) => several.clone(),
                Found::Deleted | Found::Missing { .. } => Vec::new(),
            })
            .collect()
    }

    /// What forbids something, for groups that rules (and not only expressions) name.
    pub(super) fn refusals(&self, rules: &Rules, outline: &GroupOutline) -> Vec<Refusal> {
        let ruled = rules.ruled_groups();
        let mut refusals = Vec::new();
        for (group, found) in &self.found {
            let (reason, detail) = match found {
                Found::Missing { id } => (Reason::GroupMissing, missing(group, id.as_ref())),
                Found::Several(several) if ruled.contains(group) => {
                    (Reason::GroupAmbiguous, ambiguous(group, several, outline))
                }
                Found::Here(_) | Found::Several(_) | Found::Deleted => continue,
            };
            refusals.push(Refusal { reason, user: None, label: group.label().to_owned(), detail });
        }
        refusals
    }

    /// What does not forbid anything but should be known.
    pub(super) fn findings(&self) -> Vec<Finding> {
        let told = |sentence| Finding { sentence, holds: false };
        let renamed = self.renamed.iter().map(|renamed| {
            told(format!(
                "The group that the rules call {} is called {} now; it is the same group ({}), and its rules go on.",
                renamed.rule, renamed.now, renamed.id
            ))
        });
        let rebound = self.rebound.iter().map(|name| {
            told(format!(
                "The group {name} was deleted in the directory; the rules now mean the new group of that name."
            ))
        });
        let deleted = self.found.iter().filter(|(_, found)| matches!(found, Found::Deleted)).map(|(group, _)| {
            told(format!(
                "The group {} was deleted in the directory, which a look-up of its id confirmed; it counts as a group \
                 without members.",
                group.label()
            ))
        });
        renamed.chain(rebound).chain(deleted).collect()
    }
}

fn by_id(outline: &GroupOutline, id: &DirectoryId, confirmed_deleted: &BTreeSet<DirectoryId>) -> Found {
    match outline.position(id) {
        Some(at) => Found::Here(at),
        None if confirmed_deleted.contains(id) => Found::Deleted,
        None => Found::Missing { id: Some(id.clone()) },
    }
}

/// Directories differ in whether names of groups have a case; two that differ in nothing else are told apart by the
/// exact spelling.
fn fold(name: &str) -> String {
    name.trim().to_lowercase()
}

fn names(outline: &GroupOutline) -> BTreeMap<String, Vec<u32>> {
    let mut names: BTreeMap<String, Vec<u32>> = BTreeMap::new();
    for (at, group) in (0..).zip(outline.all()) {
        names.entry(fold(&group.name)).or_default().push(at);
    }
    names
}

pub(super) fn missing(group: &GroupRef, id: Option<&DirectoryId>) -> String {
    match (group, id) {
        (GroupRef::Name(name), None) => format!(
            "the group {name} cannot be found and never was; correct the name, or name the group by its id. Until \
             then it lets nobody in, puts nobody out and revokes nothing"
        ),
        (GroupRef::Name(name), Some(id)) => format!(
            "the group {name} (id {id}) was not in what the directory sent, and nobody confirmed that it was deleted; \
             check the permissions and the search base. Until then it revokes nothing and puts nobody out"
        ),
        (GroupRef::Id(id), _) => format!(
            "the group with the id {id} was not in what the directory sent, and nobody confirmed that it was deleted; \
             check the id, the permissions and the search base. Until then it revokes nothing and puts nobody out"
        ),
    }
}

pub(super) fn ambiguous(group: &GroupRef, several: &[u32], outline: &GroupOutline) -> String {
    let ids: Vec<&str> = several.iter().take(5).map(|at| outline.group(*at).id.as_str()).collect();
    format!(
        "{} groups are called {} (ids {}{}); name the one that is meant by its id. Until then the rule revokes nothing \
         and puts nobody out",
        several.len(),
        group.label(),
        ids.join(", "),
        if several.len() > ids.len() { ", …" } else { "" }
    )
}
