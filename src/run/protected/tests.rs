//! Whoever a protected group protects stays in, over small random directories.

use proptest::prelude::*;
use rollcall_kit::{DirectoryGroup, Member};

use super::super::traces::reached;
use super::*;
use crate::guard::{Limit, Limits, Occasion, review};
use crate::plan::PlanSettings;
use crate::plan::world::{Directory, World, id, wanted};
use crate::read::{Trace, TracedGroup};
use crate::roster::{Bindings, Leaving};

const PEOPLE: usize = 6;
const GROUPS: usize = 5;

/// Per group: its people and the groups inside of it.
type Nesting = Vec<(BTreeSet<usize>, BTreeSet<usize>)>;

fn person(number: usize) -> DirectoryId {
    id(&format!("u{number}"))
}

fn group(number: usize) -> DirectoryId {
    id(&format!("g{number}"))
}

fn nesting() -> impl Strategy<Value = Nesting> {
    let people = prop::collection::btree_set(0..PEOPLE, 0..3);
    prop::collection::vec((people, prop::collection::btree_set(0..GROUPS, 0..3)), GROUPS)
}

fn shown(id: DirectoryId, name: &str, members: Vec<Member>) -> DirectoryGroup {
    DirectoryGroup { id, name: name.to_owned(), place: None, members, unresolved_members: 0 }
}

/// The groups as the mirror has them: whoever is hidden is in none of them any more.
fn mirror(nesting: &Nesting, hidden: &BTreeSet<usize>) -> Vec<DirectoryGroup> {
    let of = |(number, (people, inside)): (usize, &(BTreeSet<usize>, BTreeSet<usize>))| {
        let people = people.difference(hidden).map(|person_number| Member::User(person(*person_number)));
        let members = people.chain(inside.iter().map(|inner| Member::Group(group(*inner)))).collect();
        shown(group(number), &format!("group {number}"), members)
    };
    nesting.iter().enumerate().map(of).collect()
}

/// Rules that name these groups.
fn rules(groups: &[GroupRef]) -> Rules {
    let scope = ScopeSettings { groups: groups.to_vec(), ..ScopeSettings::default() };
    Rules::compile(&RosterSettings { domains: vec!["acme.com".to_owned()], scope, ..RosterSettings::default() })
        .unwrap()
}

fn index(groups: &[DirectoryGroup], protected: &[GroupRef]) -> GroupIndex {
    GroupIndex::of(groups, &rules(protected), &Bindings::new(), &BTreeSet::new())
}

fn traces(nesting: &Nesting, hidden: &BTreeSet<usize>) -> Traces {
    let trace = |one: &usize| {
        let groups = nesting
            .iter()
            .enumerate()
            .filter(|(_, (people, _))| people.contains(one))
            .map(|(number, _)| (group(number), TracedGroup { name: format!("group {number}"), unresolved: 0 }));
        let groups: BTreeMap<_, _> = groups.collect();
        let holds = |(number, (_, inside)): (usize, &(BTreeSet<usize>, BTreeSet<usize>))| {
            inside.iter().map(move |inner| (group(*inner), group(number))).collect::<Vec<_>>()
        };
        let mut outer: BTreeMap<DirectoryId, Vec<DirectoryId>> = BTreeMap::new();
        for (inner, group) in nesting.iter().enumerate().flat_map(holds) {
            outer.entry(inner).or_default().push(group);
        }
        (person(*one), Trace { through: reached(&outer, groups.keys()), groups, ..Trace::default() })
    };
    hidden.iter().map(trace).collect()
}

/// The same groups once some were deleted, and with them what they held.
fn without(nesting: &Nesting, deleted: &BTreeSet<usize>) -> Nesting {
    let left = |(number, (people, inside)): (usize, &(BTreeSet<usize>, BTreeSet<usize>))| {
        let people = if deleted.contains(&number) { BTreeSet::new() } else { people.clone() };
        let inside = if deleted.contains(&number) { BTreeSet::new() } else { inside - deleted };
        (people, inside)
    };
    nesting.iter().enumerate().map(left).collect()
}

/// Who is in the group, counted anew: rounds until nothing is added.
fn inside(nesting: &Nesting, start: usize) -> BTreeSet<usize> {
    let mut reached = BTreeSet::from([start]);
    for _ in 0..GROUPS {
        reached = reached.iter().flat_map(|at| nesting[*at].1.iter().chain([at])).copied().collect();
    }
    reached.iter().flat_map(|at| nesting[*at].0.clone()).collect()
}

/// A plan that deactivates everybody.
fn everybody_out() -> (crate::plan::Planned, Limits) {
    let people: Vec<_> =
        (0..PEOPLE).map(|number| wanted(person(number).as_str(), &format!("p{number}@acme.com"), &[], &[])).collect();
    let settings = PlanSettings::new("2026-11-23T09:00:00Z".parse().unwrap());
    let mut directory = Directory { judged: people, absences: BTreeMap::new(), settings };
    let mut world = World::empty();
    let first = world.plan(&directory).plan;
    assert!(world.apply(&first, &directory.settings).is_empty());
    directory.judged.clear();
    directory.absences = (0..PEOPLE).map(|number| (person(number), Leaving::Vanished)).collect();
    let planned = world.plan(&directory);
    assert_eq!(exits(&planned.plan).len(), PEOPLE);
    let free = Limit { count: 1_000, percent: None };
    (planned, Limits { deactivations: free, absences: free, ..Limits::default() })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    /// Direct, through groups inside of groups, in loops, hidden from the directory, and hidden together with a group
    /// inside of the protected one that was deleted: nobody of a protected group goes, and everybody else does. Mutation
    /// that it catches: a trace without the groups that somebody was in through others.
    #[test]
    fn nobody_of_a_protected_group_is_ever_put_out(
        nesting in nesting(),
        hidden in prop::collection::btree_set(0..PEOPLE, 0..4),
        protected in prop::collection::btree_map(0..GROUPS, any::<bool>(), 1..3),
        mut deleted in prop::collection::btree_set(0..GROUPS, 0..3),
    ) {
        deleted.retain(|group| !protected.contains_key(group));
        let now = without(&nesting, &deleted);
        let named: Vec<GroupRef> = protected
            .iter()
            .map(|(number, by_id)| if *by_id { GroupRef::Id(group(*number)) } else { GroupRef::Name(format!("group {number}")) })
            .collect();
        let mut left = mirror(&now, &hidden);
        left.retain(|shown| !deleted.iter().any(|gone| group(*gone) == shown.id));
        let groups = index(&left, &named);
        let (planned, limits) = everybody_out();
        let found = members(&exits(&planned.plan), (&groups, named.len()), &traces(&nesting, &hidden));
        let protection = Protection { found, ..Protection::default() };
        let reviewed = review(planned.plan, &limits, &protection, &Occasion::default(), &planned.holdings);
        let inside_of = |nesting: &Nesting| -> BTreeSet<usize> {
            protected.keys().flat_map(|number| inside(nesting, *number)).collect()
        };
        let (before, after) = (inside_of(&nesting), inside_of(&now));
        let safe = |one: &usize| after.contains(one) || hidden.contains(one) && before.contains(one);
        let out: BTreeSet<DirectoryId> = (0..PEOPLE).filter(|one| !safe(one)).map(person).collect();
        prop_assert_eq!(exits(reviewed.plan()), out);
        prop_assert!(notes(&named, &groups, true).is_empty());
    }
}

#[test]
fn a_protected_group_of_which_nobody_can_tell_the_members_is_a_note() {
    let known = shown(id("g1"), "Board", Vec::new());
    let holed = shown(id("g2"), "Holed", vec![Member::Group(id("g9"))]);
    let twins = ["g3", "g4"].map(|twin| shown(id(twin), "Twins", Vec::new()));
    let there: Vec<DirectoryGroup> = [known, holed].into_iter().chain(twins).collect();
    let name = |text: &str| GroupRef::Name(text.to_owned());
    let named = [name("Board"), name("Holed"), name("Twins"), name("Bored"), GroupRef::Id(id("g7"))];
    let deleted = BTreeSet::from([id("g7")]);
    let groups = GroupIndex::of(&there, &rules(&named), &Bindings::new(), &deleted);
    let notes = notes(&named, &groups, true);
    let about: Vec<&str> = notes.iter().filter_map(|note| note.sentence.split(' ').nth(7)).collect();
    assert_eq!(about, ["Holed", "Twins", "Bored", "g7"], "{notes:#?}");
    assert!(notes[3].sentence.contains("deleted") && notes.iter().all(|note| note.holds));
}
