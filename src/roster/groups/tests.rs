//! Who is in which group: nesting, loops, names, renames and what cannot be found.

use std::collections::BTreeSet;

use super::{Belonging, Bindings, Finding, GroupIndex, GroupOutline, Membership};
use crate::roster::refusal::Reason;
use crate::roster::samples::{World, by_name, group, id, rule, settings};
use crate::roster::settings::{GroupRef, RosterSettings};

fn rules(groups: &[GroupRef]) -> RosterSettings {
    RosterSettings { role_rules: groups.iter().map(|group| rule(group.clone(), "editor")).collect(), ..settings() }
}

fn world(groups: &[&str]) -> World {
    World::new(rules(&groups.iter().map(|name| by_name(name)).collect::<Vec<_>>()))
}

fn is_in(index: &GroupIndex, user: &str) -> bool {
    matches!(index.belonging(&id(user)).in_rule(0, true), Membership::In(_))
}

fn is_unknown(index: &GroupIndex, user: &str) -> bool {
    matches!(index.belonging(&id(user)).in_rule(0, true), Membership::Unknown(_))
}

fn holds(index: &GroupIndex) -> Vec<bool> {
    index.findings().iter().map(|finding: &Finding| finding.holds).collect()
}

#[test]
fn members_of_member_groups_are_members_at_any_depth() {
    let groups = [group("a", &["g-b"]), group("b", &["g-c", "joe"]), group("c", &["jane"]), group("d", &["jim"])];
    let index = world(&["a"]).groups(groups).index();
    assert!(is_in(&index, "jane") && is_in(&index, "joe") && !is_in(&index, "jim"));
}

#[test]
fn groups_that_contain_each_other_are_walked_once() {
    let groups = [group("a", &["g-a", "g-b"]), group("b", &["g-c"]), group("c", &["g-a", "jane"])];
    let index = world(&["a"]).groups(groups).index();
    assert!(is_in(&index, "jane") && !is_in(&index, "joe"));
}

#[test]
fn a_name_is_bound_to_the_id_of_its_group() {
    let index = world(&["Core"]).groups([group("Core", &["jane"])]).index();
    assert_eq!(index.bindings(), &Bindings::from([("Core".to_owned(), id("g-Core"))]));
    assert!(index.findings().is_empty());
}

#[test]
fn a_renamed_group_is_followed_by_its_id_and_that_is_said() {
    let index = world(&["Old"]).groups([group("New", &["jane"])]).bound("Old", "g-New").index();
    assert!(is_in(&index, "jane"));
    assert_eq!((index.renamed()[0].rule.as_str(), index.renamed()[0].now.as_str()), ("Old", "New"));
    assert_eq!(index.bindings()["Old"], id("g-New"));
    assert_eq!(holds(&index), [false]);
}

#[test]
fn another_group_that_takes_the_old_name_inherits_nothing() {
    let groups = [group("New", &["jane"]), group("Old", &["joe"])];
    let index = world(&["Old"]).groups(groups).bound("Old", "g-New").index();
    assert!(is_in(&index, "jane") && !is_in(&index, "joe"));
}

#[test]
fn another_group_that_takes_the_name_of_a_vanished_one_inherits_nothing_until_the_deletion_is_confirmed() {
    let world = world(&["Core"]).groups([group("Core", &["joe"])]).bound("Core", "g-first");
    assert!(is_unknown(&world.index(), "joe"));
    assert_eq!(world.index().bindings()["Core"], id("g-first"));
    let index = world.deleted("g-first").index();
    assert!(is_in(&index, "joe"));
    assert_eq!(index.bindings()["Core"], id("g-Core"));
    assert_eq!(holds(&index), [false], "it is said that the name means another group now");
}

#[test]
fn a_missing_group_is_unknown_refused_and_holds() {
    for (reference, bound) in [(by_name("Gone"), true), (by_name("Gone"), false), (GroupRef::Id(id("g-Gone")), false)] {
        let mut world = World::new(rules(&[reference]));
        if bound {
            world = world.bound("Gone", "g-Gone");
        }
        let index = world.index();
        assert!(is_unknown(&index, "jane"));
        assert_eq!(index.refusals()[0].reason, Reason::GroupMissing);
        assert_eq!(holds(&index), [true]);
    }
}

#[test]
fn a_missing_group_keeps_its_binding() {
    let index = world(&["Gone"]).bound("Gone", "g-Gone").index();
    assert_eq!(index.bindings()["Gone"], id("g-Gone"));
}

#[test]
fn a_binding_that_no_rule_uses_is_dropped() {
    let index = world(&["Core"]).groups([group("Core", &[])]).bound("Other", "g-Other").index();
    assert_eq!(index.bindings().keys().collect::<Vec<_>>(), ["Core"]);
}

#[test]
fn a_confirmed_deletion_is_a_group_without_members_and_holds_nothing() {
    let index = world(&["Gone"]).bound("Gone", "g-Gone").deleted("g-Gone").index();
    assert_eq!(index.belonging(&id("jane")).in_rule(0, true), Membership::Out);
    assert!(index.refusals().is_empty());
    assert_eq!(holds(&index), [false]);
    assert_eq!(index.bindings()["Gone"], id("g-Gone"), "asked again in the next run");
}

#[test]
fn a_name_that_several_groups_have_is_unknown_and_refused() {
    let mut twin = group("Core", &["joe"]);
    twin.id = id("g-twin");
    let index = world(&["Core"]).groups([group("Core", &["jane"]), twin]).index();
    assert!(is_unknown(&index, "jane") && is_unknown(&index, "joe"));
    assert_eq!(index.refusals()[0].reason, Reason::GroupAmbiguous);
    assert!(index.refusals()[0].detail.contains("g-Core, g-twin"));
    assert!(index.bindings().is_empty());
}

#[test]
fn names_that_differ_in_case_alone_are_told_apart_by_the_exact_spelling() {
    let index = world(&["core"]).groups([group("Core", &["jane"]), group("core", &["joe"])]).index();
    assert!(is_in(&index, "joe") && !is_in(&index, "jane"));
    let index = world(&["core"]).groups([group("Core", &["jane"])]).index();
    assert!(is_in(&index, "jane"), "the only one there is");
    assert!(index.renamed().is_empty());
}

#[test]
fn a_group_inside_that_cannot_be_found_makes_non_members_unknown() {
    let world = world(&["a"]).groups([group("a", &["jane", "g-b"]), group("b", &["g-hidden"])]);
    let index = world.index();
    assert!(is_in(&index, "jane") && is_unknown(&index, "joe"));
    assert_eq!(holds(&index), [true]);
    let index = world.deleted("g-hidden").index();
    assert!(is_in(&index, "jane") && !is_unknown(&index, "joe"));
    assert!(index.findings().is_empty());
}

#[test]
fn a_rule_that_is_not_nested_does_not_mind_what_is_inside() {
    let mut world = world(&["a"]).groups([group("a", &["jane", "g-hidden"])]);
    world.settings.role_rules[0].nested = false;
    assert!(world.index().findings().is_empty());
}

fn questions(world: &World) -> Vec<(GroupRef, Option<rollcall_kit::DirectoryId>)> {
    let mut outline = GroupOutline::default();
    world.groups.iter().for_each(|group| outline.add(group));
    outline.unresolved(&world.rules(), &world.bindings)
}

#[test]
fn what_is_missing_is_asked_for_by_its_id_if_it_has_one() {
    let mut world = world(&["Core", "Gone", "Never"]).groups([group("Core", &["g-hidden"])]).bound("Gone", "g-Gone");
    world.settings.scope.groups.push(GroupRef::Id(id("g-scope")));
    world.settings.scope.when = Some("'Named' in user.groups".to_owned());
    let expected = [
        (GroupRef::Id(id("g-hidden")), Some(id("g-hidden"))),
        (GroupRef::Id(id("g-scope")), Some(id("g-scope"))),
        (by_name("Gone"), Some(id("g-Gone"))),
        (by_name("Named"), None),
        (by_name("Never"), None),
    ];
    assert_eq!(questions(&world), expected);
}

#[test]
fn nothing_is_asked_when_everything_is_there() {
    assert!(questions(&world(&["Core"]).groups([group("Core", &["jane"])])).is_empty());
}

#[test]
fn the_same_group_read_twice_counts_as_it_was_read_last() {
    let mut outline = GroupOutline::default();
    let (mut first, second) = (group("Old", &[]), group("Core", &["jane"]));
    first.id = second.id.clone();
    let world = world(&["Core"]);
    outline.add(&first);
    outline.add(&second);
    assert!(outline.unresolved(&world.rules(), &world.bindings).is_empty());
}

#[test]
fn groups_that_no_rule_reaches_are_not_kept() {
    let index = world(&["Core"]).groups([group("Core", &["jane"]), group("Big", &["a", "b", "c"])]).index();
    assert_eq!(index.size(), (1, 1));
}

#[test]
fn an_expression_sees_the_names_of_all_groups_sorted_with_nested_ones() {
    let mut settings = settings();
    settings.attributes.locale = Some("user.groups.join(',')".to_owned());
    let groups = [group("z", &["jane"]), group("outer", &["g-z"]), group("other", &["joe"])];
    let world = World::new(settings).groups(groups);
    assert_eq!(world.index().belonging(&id("jane")).names(), ["outer", "z"]);
    assert_eq!(Belonging::names(&world.index().belonging(&id("jim"))), [""; 0]);
}

#[test]
fn an_expression_takes_any_of_several_groups_of_a_name() {
    let mut settings = settings();
    settings.scope.when = Some("'Core' in user.groups".to_owned());
    let mut twin = group("Core", &["joe"]);
    twin.id = id("g-twin");
    let index = World::new(settings).groups([group("Core", &["jane"]), twin]).index();
    assert!(matches!(index.belonging(&id("jane")).in_named("Core"), Membership::In(_)));
    assert!(matches!(index.belonging(&id("joe")).in_named("Core"), Membership::In(_)));
    assert_eq!(index.belonging(&id("jim")).in_named("Core"), Membership::Out);
    assert!(index.refusals().is_empty());
}

#[test]
fn an_empty_index_knows_no_groups() {
    let index = GroupIndex::empty();
    assert_eq!(index.belonging(&id("jane")).in_rule(0, true), Membership::Out);
    assert_eq!(index.findings(), []);
    assert_eq!(GroupIndex::of(&[], &World::new(settings()).rules(), &Bindings::new(), &BTreeSet::new()).findings(), []);
}
