//! What counts under which limit, in words that are the same for all changes with the same cause.

use std::collections::{BTreeMap, BTreeSet};

use super::hold::Hold;
use super::limits::{Limit, Limits};
use crate::plan::{Action, ActionKind, Cause, Change, ChangeId, GroupKey, Holdings, Kinds, Plan, Subject};
use crate::read::Percent;
use crate::roster::{Leaving, Role};

/// So many people are named for each cause; the rest is counted.
const PEOPLE_NAMED: usize = 3;

/// Within what a limit counts: the whole plan, or each group, role or attribute by itself.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Within {
    Plan,
    Group(GroupKey, String),
    Role(Role),
    Attribute(String),
}

impl Within {
    fn name(&self) -> Option<String> {
        match self {
            Self::Plan => None,
            Self::Group(_, name) | Self::Attribute(name) => Some(name.clone()),
            Self::Role(role) => Some(role.0.clone()),
        }
    }
}

/// What one change counts for.
struct Count {
    within: Within,
    number: u64,
    words: String,
}

impl Count {
    fn one(words: impl Into<String>) -> Vec<Self> {
        vec![Self { within: Within::Plan, number: 1, words: words.into() }]
    }
}

/// A limit, what counts under it, and out of what.
struct Rule {
    name: &'static str,
    limit: Limit,
    /// The kinds of which anything may count.
    kinds: Kinds,
    count: fn(&Change, &Holdings) -> Vec<Count>,
    of: fn(&Within, &Holdings) -> u64,
}

fn rules(limits: &Limits, waits_as_first: bool) -> Vec<Rule> {
    let rule = |name, limit, kinds: &[ActionKind], count, of| Rule { name, limit, kinds: Kinds::of(kinds), count, of };
    let (exits, members_go) = ([ActionKind::Deactivate], [ActionKind::RemoveMember, ActionKind::DeleteGroup]);
    let updates = [ActionKind::Update, ActionKind::Adopt, ActionKind::Reactivate, ActionKind::Relink];
    let revocations = [ActionKind::RevokeRole];
    let active = |_: &Within, holdings: &Holdings| holdings.active;
    let per_role = limits.role_revocations_per_role;
    let per_group = limits.member_removals_per_group;
    let mut rules = vec![
        rule("deactivations", limits.deactivations, &exits, deactivation, active),
        rule("absences", limits.absences, &exits, absence, active),
        rule("deletions", limits.deletions, &[ActionKind::Delete], deletion, |_, holdings| holdings.accounts),
        rule("role_revocations", limits.role_revocations, &revocations, revocation, |_, holdings| holdings.roles),
        rule("role_revocations_per_role", per_role, &revocations, revocation_of_role, with_role),
        rule("member_removals", limits.member_removals, &members_go, member_removal, |_, holdings| {
            holdings.memberships
        }),
        rule("member_removals_per_group", per_group, &members_go, member_removal_of_group, members),
        rule("updates", limits.updates, &updates, update, active),
        rule("attribute_changes", limits.attribute_changes, &updates, attribute_changes, active),
    ];
    // A first plan consists of these, and whoever reads it counts them themselves.
    if !waits_as_first {
        rules.push(rule("creations", limits.creations, &[ActionKind::Create], creation, active));
        rules.push(rule("adoptions", limits.adoptions, &[ActionKind::Adopt], adoption, active));
        let grants = [ActionKind::GrantRole];
        rules.push(rule("protected_grants", limits.protected_grants, &grants, protected_grant, protected_holders));
    }
    rules
}

/// What has one cause.
#[derive(Default)]
struct Group {
    number: u64,
    people: Vec<String>,
}

/// Changes that count together under one limit.
#[derive(Default)]
struct Counted {
    groups: BTreeMap<String, Group>,
    changes: BTreeSet<ChangeId>,
}

/// Which limits a plan exceeds, and by which of its changes. `waits_as_first` says that it waits as the first plan of
/// its organization anyway.
pub(super) fn exceeded(
    plan: &Plan,
    limits: &Limits,
    holdings: &Holdings,
    waits_as_first: bool,
) -> Vec<(Hold, BTreeSet<ChangeId>)> {
    let rules = rules(limits, waits_as_first);
    let mut holds = Vec::new();
    for (rule, counted) in rules.iter().zip(counted(plan, holdings, &rules)) {
        for (within, counted) in counted {
            let number = counted.groups.values().map(|group| group.number).sum();
            let of = (rule.of)(&within, holdings);
            if !rule.limit.is_exceeded(number, of, limits.floor) {
                continue;
            }
            let (because, people) = causes(counted.groups);
            let (limit, within) = (rule.name.to_owned(), within.name());
            let (count, percent) = (rule.limit.count, rule.limit.percent.map(Percent::get));
            holds.push((
                Hold::OverLimit { limit, within, number, of, count, percent, because, people },
                counted.changes,
            ));
        }
    }
    holds
}

/// What takes something away because the configuration was edited, in the same shape; nothing if nothing does.
pub(super) fn of_edited_rules(plan: &Plan, holdings: &Holdings) -> Option<(Hold, BTreeSet<ChangeId>)> {
    let takes = |change: &Change, holdings: &Holdings| {
        if !change.is_of_rules() || !change.takes() {
            return Vec::new();
        }
        let ways = [deactivation, deletion, revocation, member_removal, update];
        let counts = ways.iter().map(|way| way(change, holdings)).find(|counts| !counts.is_empty());
        counts.unwrap_or_else(|| Count::one(change.action.to_string()))
    };
    let mut counted = Counted::default();
    let kinds = if plan.changes.of_rules() > 0 { Kinds::TAKING } else { Kinds::default() };
    for change in plan.changes.of_kinds(kinds) {
        add(&mut counted, &change, takes(&change, holdings));
    }
    if counted.changes.is_empty() {
        return None;
    }
    let (because, people) = causes(counted.groups);
    Some((Hold::RulesChanged { because, people }, counted.changes))
}

/// What counts under each of the rules, in one walk.
fn counted(plan: &Plan, holdings: &Holdings, rules: &[Rule]) -> Vec<BTreeMap<Within, Counted>> {
    let mut all: Vec<BTreeMap<Within, Counted>> = rules.iter().map(|_| BTreeMap::new()).collect();
    let kinds = rules.iter().fold(Kinds::default(), |kinds, rule| kinds.and(rule.kinds));
    for change in plan.changes.of_kinds(kinds) {
        let kind = change.action.kind();
        for (rule, all) in rules.iter().zip(&mut all).filter(|(rule, _)| rule.kinds.has(kind)) {
            for one in (rule.count)(&change, holdings) {
                add(all.entry(one.within.clone()).or_default(), &change, vec![one]);
            }
        }
    }
    all
}

fn add(counted: &mut Counted, change: &Change, counts: Vec<Count>) {
    for count in counts {
        counted.changes.insert(change.id);
        let group = counted.groups.entry(count.words).or_default();
        group.number += count.number;
        if group.people.len() < PEOPLE_NAMED && change.subject.user().is_some() {
            group.people.push(change.subject.label().to_owned());
        }
    }
}

/// The causes with their numbers, the largest first, and beside them some of the people.
fn causes(groups: BTreeMap<String, Group>) -> (Vec<(u64, String)>, Vec<Vec<String>>) {
    let mut groups: Vec<(String, Group)> = groups.into_iter().collect();
    groups.sort_by(|a, b| b.1.number.cmp(&a.1.number).then_with(|| a.0.cmp(&b.0)));
    groups.into_iter().map(|(words, group)| ((group.number, words), group.people)).unzip()
}

fn with_role(within: &Within, holdings: &Holdings) -> u64 {
    match within {
        Within::Role(role) => holdings.with_role.get(role).copied().unwrap_or_default(),
        _ => 0,
    }
}

fn members(within: &Within, holdings: &Holdings) -> u64 {
    match within {
        Within::Group(key, _) => holdings.members.get(key).copied().unwrap_or_default(),
        _ => 0,
    }
}

/// Accounts that hold at least one protected role.
fn protected_holders(_: &Within, holdings: &Holdings) -> u64 {
    holdings.holders.values().flatten().collect::<BTreeSet<_>>().len() as u64
}

fn deactivation(change: &Change, holdings: &Holdings) -> Vec<Count> {
    if change.action == Action::Deactivate { Count::one(left(change, holdings)) } else { Vec::new() }
}

/// Somebody who left without a positive record: only not being found says so.
fn absence(change: &Change, holdings: &Holdings) -> Vec<Count> {
    let merely_gone = change
        .causes
        .iter()
        .any(|cause| matches!(cause, Cause::Left { leaving: Leaving::Vanished | Leaving::Unproved { .. } }));
    if merely_gone { deactivation(change, holdings) } else { Vec::new() }
}

fn deletion(change: &Change, _: &Holdings) -> Vec<Count> {
    match change.action {
        Action::Delete => Count::one("they have been inactive for the configured number of days"),
        _ => Vec::new(),
    }
}

fn creation(change: &Change, _: &Holdings) -> Vec<Count> {
    match change.action {
        Action::Create { .. } => Count::one("they are in scope and have no account"),
        _ => Vec::new(),
    }
}

/// Somebody is given an account that others made. An edited mapping that suddenly matches everybody shows here, and the
/// attribute by which it does.
fn adoption(change: &Change, _: &Holdings) -> Vec<Count> {
    match &change.action {
        Action::Adopt { matched_by, .. } => {
            Count::one(format!("accounts that are not ours have the {matched_by} that theirs would have"))
        }
        _ => Vec::new(),
    }
}

fn protected_grant(change: &Change, holdings: &Holdings) -> Vec<Count> {
    let Action::GrantRole { role } = &change.action else { return Vec::new() };
    if !holdings.holders.contains_key(role) {
        return Vec::new();
    }
    let through: Option<&Cause> = change.causes.iter().find(|cause| matches!(cause, Cause::RoleGiven { .. }));
    let through = through.map(|cause| format!(", {cause}")).unwrap_or_default();
    Count::one(format!("they get the protected role {role}{through}"))
}

fn revocation(change: &Change, holdings: &Holdings) -> Vec<Count> {
    let Action::RevokeRole { role } = &change.action else { return Vec::new() };
    let groups = change.causes.iter().find_map(|cause| match cause {
        Cause::RoleLost { groups } if !groups.is_empty() => Some(groups),
        _ => None,
    });
    let Some(groups) = groups else {
        return Count::one(format!("no group gives them the role {role} any more"));
    };
    let gone: Vec<&str> =
        groups.iter().filter(|group| holdings.gone_groups.roles.contains(*group)).map(String::as_str).collect();
    Count::one(match gone.as_slice() {
        [] => format!("no group gives them the role {role} any more (rules name {})", groups.join(", ")),
        gone => format!("{} vanished, and no other group gives them the role {role}", named(gone)),
    })
}

fn revocation_of_role(change: &Change, holdings: &Holdings) -> Vec<Count> {
    let Action::RevokeRole { role } = &change.action else { return Vec::new() };
    let counts = revocation(change, holdings);
    counts.into_iter().map(|count| Count { within: Within::Role(role.clone()), ..count }).collect()
}

/// A group that is deleted takes its members' membership with it.
fn member_removal_of_group(change: &Change, holdings: &Holdings) -> Vec<Count> {
    let (within, number, words) = match (&change.action, &change.subject) {
        (Action::RemoveMember { group, group_name }, _) => {
            (Within::Group(group.clone(), group_name.clone()), 1, format!("they left the group {group_name}"))
        }
        (Action::DeleteGroup, Subject::Group { key, name, .. }) => {
            let members = holdings.members.get(key).copied().unwrap_or_default();
            let within = Within::Group(key.clone(), name.clone());
            (within, members, format!("the group {name} is not mirrored any more"))
        }
        _ => return Vec::new(),
    };
    if number > 0 { vec![Count { within, number, words }] } else { Vec::new() }
}

fn member_removal(change: &Change, holdings: &Holdings) -> Vec<Count> {
    let counts = member_removal_of_group(change, holdings);
    counts.into_iter().map(|count| Count { within: Within::Plan, ..count }).collect()
}

/// Attributes of an account that was there already, which have another value afterwards.
fn changed(change: &Change) -> Vec<&str> {
    let (Action::Update { changes }
    | Action::Adopt { changes, .. }
    | Action::Reactivate { changes }
    | Action::Relink { changes, .. }) = &change.action
    else {
        return Vec::new();
    };
    changes.iter().filter(|change| change.is_real()).map(|change| change.attribute.as_str()).collect()
}

/// Accounts that were there already and of which attributes change: a mapping gone wrong shows here. Each relink
/// counts, because many at once mean another directory, or ids that are not immutable.
fn update(change: &Change, _: &Holdings) -> Vec<Count> {
    if matches!(change.action, Action::Relink { .. }) {
        return Count::one("their accounts pass to other directory ids with the same addresses");
    }
    let names = changed(change);
    match (names.is_empty(), change.is_of_rules()) {
        (true, _) => Vec::new(),
        (false, true) => Count::one(format!("the mapping of {} was edited", names.join(", "))),
        (false, false) => Count::one(format!("{} changed in the directory", names.join(", "))),
    }
}

fn attribute_changes(change: &Change, _: &Holdings) -> Vec<Count> {
    let count = |name: &str| Count {
        within: Within::Attribute(name.to_owned()),
        number: 1,
        words: if change.is_of_rules() {
            format!("the mapping of {name} was edited")
        } else {
            format!("{name} changed in the directory")
        },
    };
    changed(change).into_iter().map(count).collect()
}

/// Why people leave, in words that are the same for all who leave for the same reason.
fn left(change: &Change, holdings: &Holdings) -> String {
    let leaving = change.causes.iter().find_map(|cause| match cause {
        Cause::Left { leaving } => Some(leaving),
        _ => None,
    });
    match leaving {
        None if change.causes.iter().any(|cause| matches!(cause, Cause::Undone { .. })) => {
            "the run that is taken back created or activated them".to_owned()
        }
        None => "they should have no account".to_owned(),
        Some(Leaving::Inactive { reason, .. }) => format!("they are {reason} in the directory"),
        Some(Leaving::DomainNotOwned { domain }) => format!("{domain} is not one of the organization's domains"),
        Some(Leaving::NotAssigned) => "they are not assigned to the application".to_owned(),
        Some(Leaving::NotInGroups) => {
            let gone: Vec<&str> = holdings.gone_groups.scope.iter().map(String::as_str).collect();
            match gone.as_slice() {
                [] => "they are in none of the groups that the scope names".to_owned(),
                gone => format!("{} vanished, and they are in no other group that the scope names", named(gone)),
            }
        }
        Some(Leaving::OutsidePlaces { .. }) => "they stand outside of the places that the scope names".to_owned(),
        Some(Leaving::WhenFalse { expression }) => format!("the scope's expression is false for them: {expression}"),
        Some(Leaving::Vanished) => "they are gone from the directory, confirmed by a look-up of each".to_owned(),
        Some(Leaving::Unproved { doubt }) => format!("they are not found in the directory any more, but {doubt}"),
        Some(Leaving::OutOfReach { detail }) => format!("the directory holds them out of reach: {detail}"),
    }
}

/// `the group a`, `the groups a, b`.
fn named(groups: &[&str]) -> String {
    format!("the group{} {}", if groups.len() == 1 { "" } else { "s" }, groups.join(", "))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::plan::scene::scene;

    proptest! {
        #![proptest_config(ProptestConfig { cases: 512, max_global_rejects: 8_192, ..ProptestConfig::default() })]

        #[test]
        fn a_rule_passes_over_no_kind_of_change_that_counts_under_it((directory, world) in scene()) {
            let planned = world.plan(&directory);
            for change in &planned.plan.changes {
                for rule in rules(&Limits::default(), false) {
                    let counts = (rule.count)(&change, &planned.holdings);
                    prop_assert!(counts.is_empty() || rule.kinds.has(change.action.kind()), "{}: {change:?}", rule.name);
                }
                prop_assert!(!change.takes() || Kinds::TAKING.has(change.action.kind()), "{change:?}");
                prop_assert!(!super::super::protection::is_exit(&change) || Kinds::EXITS.has(change.action.kind()));
            }
        }
    }
}
