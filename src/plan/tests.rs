//! Examples of planning, one rule at a time.

use std::collections::{BTreeMap, BTreeSet};

use jiff::SignedDuration;
use rollcall_kit::InactiveReason;

use super::change::{Action, ActionKind, Cause, GroupKey};
use super::world::{Directory, World, id, judged, role, wanted};
use super::{Judged, Match, Matches, Plan, PlanInput, PlanSettings, PushedGroup, Survey, plan};
use crate::roster::{Leaving, Reason, Standing};

fn directory(judged: Vec<Judged>) -> Directory {
    let mut settings = PlanSettings::new("2026-11-23T09:00:00Z".parse().unwrap());
    for name in ["admin", "editor"] {
        settings.managed_roles.insert(role(name), vec![format!("{name}s")]);
    }
    Directory { judged, absences: BTreeMap::new(), settings }
}

/// A world in which these people have been provisioned.
fn after(judged: &[Judged]) -> World {
    let mut world = World::empty();
    let directory = directory(judged.to_vec());
    let first = world.plan(&directory).plan;
    assert!(world.apply(&first, &directory.settings).is_empty());
    world
}

fn disabled() -> Standing {
    Standing::Unwanted(Leaving::Inactive { reason: InactiveReason::Disabled, raw: "514".to_owned() })
}

/// A plan in one line a change, as a report would show it.
fn lines(plan: &Plan) -> Vec<String> {
    let line = |change: std::borrow::Cow<'_, super::Change>| {
        let what = match &change.action {
            Action::GrantRole { role } | Action::RevokeRole { role } => format!(" {role}"),
            Action::AddMember { group_name, .. } | Action::RemoveMember { group_name, .. } => format!(" {group_name}"),
            Action::Relink { from, .. } => format!(" from {from}"),
            _ => String::new(),
        };
        let after = if change.after.is_empty() { String::new() } else { format!(" after {:?}", change.after) };
        format!("{} {}{what}{after}", change.action.kind(), change.subject.label())
    };
    plan.changes.iter().map(line).collect()
}

fn reasons(plan: &Plan) -> Vec<(Reason, &'static str)> {
    plan.refusals.iter().map(|refusal| (refusal.reason, &*refusal.into_owned().label.leak())).collect()
}

#[test]
fn an_account_whose_owner_merely_vanished_is_left_alone_until_his_absence_is_confirmed() {
    let world = after(&[wanted("u1", "jane@acme.com", &[], &["admin"])]);
    let mut directory = directory(Vec::new());
    let survey = Survey::of(Vec::new(), world.ledger.accounts.values().cloned(), &directory.settings);
    assert_eq!(survey.unconfirmed, BTreeSet::from([id("u1")]));

    let unconfirmed = world.plan(&directory).plan;
    assert!(unconfirmed.is_empty());
    assert!(unconfirmed.notes[0].sentence.contains("jane@acme.com"), "{:?}", unconfirmed.notes);

    directory.absences.insert(id("u1"), Leaving::Vanished);
    let confirmed = world.plan(&directory).plan;
    assert_eq!(lines(&confirmed), ["deactivate jane@acme.com"]);
    assert_eq!(confirmed.changes.at(0).causes, [Cause::Left { leaving: Leaving::Vanished }]);
}

#[test]
fn somebody_who_returns_loses_what_he_should_not_have_before_he_is_let_in() {
    let mut world = after(&[wanted("u1", "jane@acme.com", &[("name", "Jane")], &["admin"])]);
    let away = directory(vec![judged("u1", "jane@acme.com", disabled())]);
    let plan = world.plan(&away).plan;
    assert_eq!(lines(&plan), ["deactivate jane@acme.com"]);
    world.apply(&plan, &away.settings);

    let back = directory(vec![wanted("u1", "jane@acme.com", &[("name", "Jane Doe")], &["editor"])]);
    let plan = world.plan(&back).plan;
    assert_eq!(
        lines(&plan),
        [
            "revoke role jane@acme.com admin",
            "reactivate jane@acme.com after [1]",
            "grant role jane@acme.com editor after [2]"
        ]
    );
}

#[test]
fn a_rehire_under_a_new_id_gets_his_account_back_instead_of_a_second_one() {
    let mut world = after(&[wanted("u1", "jane@acme.com", &[("name", "Jane")], &["admin", "editor"])]);
    let mut directory = directory(vec![wanted("u2", "Jane@ACME.com", &[("name", "Jane")], &["editor"])]);
    let accounts = world.ledger.accounts.values().cloned();
    let survey = Survey::of(directory.judged.clone(), accounts, &directory.settings);
    assert!(survey.candidates.is_empty(), "the ledger knows the account; nobody is looked up");

    let early = world.plan(&directory).plan;
    assert!(early.is_empty());
    assert_eq!(reasons(&early), [(Reason::AddressConflict, "Jane@ACME.com")]);

    directory.absences.insert(id("u1"), Leaving::Vanished);
    let plan = world.plan(&directory).plan;
    assert_eq!(lines(&plan), ["revoke role jane@acme.com admin", "relink Jane@ACME.com from u1 after [1]"]);
    assert!(world.apply(&plan, &directory.settings).is_empty());
    assert_eq!(world.accounts.len(), 1);
    assert!(world.plan(&directory).plan.is_empty());
}

#[test]
fn an_address_whose_owner_is_still_wanted_or_withheld_is_taken_from_nobody() {
    let world = after(&[wanted("u1", "jane@acme.com", &[], &[])]);
    for owner in [judged("u1", "jane@acme.com", Standing::Withheld), wanted("u1", "jane.doe@acme.com", &[], &[])] {
        let plan = world.plan(&directory(vec![owner, wanted("u2", "jane@acme.com", &[], &[])])).plan;
        assert!(plan.is_empty());
        assert!(reasons(&plan).contains(&(Reason::AddressConflict, "jane@acme.com")));
    }
}

#[test]
fn an_account_that_is_there_already_is_adopted_and_only_its_mapped_values_are_ours() {
    let mut world = after(&[wanted("u1", "jane@acme.com", &[("name", "Jane"), ("locale", "de")], &["editor"])]);
    world.ledger.accounts.clear();
    let account = world.accounts.values_mut().next().unwrap();
    account.external_id = None;
    account.active = false;
    account.attributes.insert("nickname".to_owned(), "Jay".into());
    account.roles.extend([role("admin"), role("unmapped")]);

    let directory =
        directory(vec![wanted("u1", "jane@acme.com", &[("name", "Jane Doe"), ("locale", "de")], &["editor"])]);
    let plan = world.plan(&directory).plan;
    assert_eq!(
        lines(&plan),
        [
            "adopt jane@acme.com",
            "revoke role jane@acme.com admin after [1]",
            "grant role jane@acme.com editor after [1]"
        ]
    );
    let Action::Adopt { matched_by, changes, activate } = plan.changes.at(0).into_owned().action else {
        panic!("{plan:?}")
    };
    assert_eq!((matched_by.as_str(), activate), ("userName", true));
    let real: Vec<&str> = changes.iter().filter(|c| c.is_real()).map(|c| c.attribute.as_str()).collect();
    assert_eq!((real, changes.len()), (vec!["name"], 3));

    assert!(world.apply(&plan, &directory.settings).is_empty());
    assert!(world.plan(&directory).plan.is_empty());
    let account = world.accounts.values().next().unwrap();
    assert_eq!(account.roles, [role("unmapped"), role("editor")]);
}

#[test]
fn what_a_look_up_does_not_settle_is_refused_and_creates_nobody() {
    let world = World::empty();
    let directory = directory(vec![
        wanted("u1", "a@acme.com", &[], &[]),
        wanted("u2", "b@acme.com", &[], &[]),
        wanted("u3", "c@acme.com", &[], &[]),
        wanted("u4", "d@acme.com", &[], &[]),
        wanted("u5", "e@acme.com", &[], &[]),
    ]);
    let survey = Survey::of(directory.judged.clone(), Vec::new(), &directory.settings);
    let found = after(&[wanted("x", "x@acme.com", &[], &[])]).accounts.into_values().next().unwrap();
    let matches = Matches::from_iter([
        (id("u1"), Match::Many(vec![("t1".into(), "a".into()), ("t2".into(), "b".into())])),
        (id("u2"), Match::Unknown("it returned everybody".to_owned())),
        (id("u3"), Match::One(Box::new(found.clone()), "userName")),
        (id("u4"), Match::One(Box::new(found), "emails.value")),
    ]);
    let plan = plan(PlanInput {
        organization: "acme",
        basis: super::Basis { generation: 1, certificate: String::new(), configuration: String::new() },
        judged: directory.judged.clone(),
        ledger_accounts: Vec::new(),
        ledger_groups: &world.ledger.groups,
        survey: &survey,
        matches: &matches,
        group_matches: &BTreeMap::new(),
        absences: &directory.absences,
        settings: &directory.settings,
        edited: None,
        refusals: Vec::new(),
        notes: Vec::new(),
        others: None,
    })
    .plan;
    assert!(plan.is_empty());
    assert_eq!(
        reasons(&plan),
        [
            (Reason::MatchAmbiguous, "a@acme.com"),
            (Reason::AccountContested, "c@acme.com"),
            (Reason::AccountContested, "d@acme.com"),
            (Reason::MatchUnknown, "b@acme.com"),
            (Reason::MatchUnknown, "e@acme.com"),
        ]
    );
    let contested = &plan.refusals.get(1).unwrap().detail;
    assert!(contested.contains("c@acme.com (u3) and d@acme.com (u4)"), "{contested}");
}

#[test]
fn a_changed_address_is_refused_and_the_rest_of_the_update_goes_through() {
    let world = after(&[wanted("u1", "jane@acme.com", &[("name", "Jane")], &[])]);
    let plan = world.plan(&directory(vec![wanted("u1", "jane.doe@acme.com", &[("name", "Jane Doe")], &[])])).plan;
    assert_eq!(lines(&plan), ["update jane@acme.com"]);
    let Action::Update { changes } = plan.changes.at(0).into_owned().action else { panic!("{plan:?}") };
    assert_eq!(changes.len(), 1);
    assert_eq!(changes[0].attribute, "name");
    insta::assert_snapshot!(plan.refusals.get(0).unwrap().detail);
}

#[test]
fn an_address_in_another_case_is_the_same_address() {
    let world = after(&[wanted("u1", "jane@acme.com", &[], &[])]);
    for email_mutable in [false, true] {
        let mut directory = directory(vec![wanted("u1", "Jane@ACME.com", &[], &[])]);
        directory.settings.email_mutable = email_mutable;
        let plan = world.plan(&directory).plan;
        assert!(plan.is_empty() && plan.refusals.is_empty());
    }
}

#[test]
fn a_role_of_which_nothing_is_known_is_neither_granted_nor_revoked() {
    let world = after(&[wanted("u1", "jane@acme.com", &[], &["admin"])]);
    let mut person = wanted("u1", "jane@acme.com", &[], &["editor"]);
    if let Standing::Wanted(desired) = &mut person.2.standing {
        desired.undecided_roles = vec![role("admin"), role("editor")];
    }
    assert!(world.plan(&directory(vec![person])).plan.is_empty());
}

#[test]
fn an_attribute_of_which_the_mapping_could_say_nothing_is_not_removed() {
    let world = after(&[wanted("u1", "jane@acme.com", &[("locale", "de-DE")], &[])]);
    let mut person = wanted("u1", "jane@acme.com", &[], &[]);
    assert_eq!(lines(&world.plan(&directory(vec![person.clone()])).plan), ["update jane@acme.com"]);
    if let Standing::Wanted(desired) = &mut person.2.standing {
        desired.undecided_attributes = vec!["locale".to_owned()];
    }
    assert!(world.plan(&directory(vec![person])).plan.is_empty());
}

#[test]
fn a_role_that_no_rule_names_any_more_stays_where_it_is() {
    let world = after(&[wanted("u1", "jane@acme.com", &[], &["admin"])]);
    let mut directory = directory(vec![wanted("u1", "jane@acme.com", &[], &[])]);
    assert_eq!(lines(&world.plan(&directory).plan), ["revoke role jane@acme.com admin"]);
    directory.settings.managed_roles.remove(&role("admin"));
    assert!(world.plan(&directory).plan.is_empty());
}

#[test]
fn a_value_is_freed_before_it_is_taken() {
    let world = after(&[
        wanted("u1", "a@acme.com", &[("preferred_username", "ann")], &[]),
        wanted("u2", "b@acme.com", &[("preferred_username", "bob")], &[]),
    ]);
    let mut directory = directory(vec![
        wanted("u1", "a@acme.com", &[("preferred_username", "Bob")], &[]),
        wanted("u2", "b@acme.com", &[("preferred_username", "cy")], &[]),
    ]);
    directory.settings.user_name_attribute = "preferred_username".to_owned();
    assert_eq!(lines(&world.plan(&directory).plan), ["update b@acme.com", "update a@acme.com after [1]"]);
}

#[test]
fn those_who_would_swap_values_keep_them_and_the_rest_goes_through() {
    let people = |names: [&str; 3], name: &str| {
        vec![
            wanted("u1", "a@acme.com", &[("preferred_username", names[0]), ("name", name)], &[]),
            wanted("u2", "b@acme.com", &[("preferred_username", names[1])], &[]),
            wanted("u3", "c@acme.com", &[("preferred_username", names[2])], &[]),
        ]
    };
    let mut world = after(&people(["ann", "bob", "cy"], "A"));
    // Ann and Bob swap, and Cy waits for Ann's.
    let mut directory = directory(people(["bob", "ann", "ann"], "B"));
    directory.settings.user_name_attribute = "preferred_username".to_owned();
    let plan = world.plan(&directory).plan;
    assert_eq!(lines(&plan), ["update a@acme.com"]);
    let swapped =
        [(Reason::ValueSwap, "a@acme.com"), (Reason::ValueSwap, "b@acme.com"), (Reason::ValueSwap, "c@acme.com")];
    assert_eq!(reasons(&plan), swapped);
    assert!(world.apply(&plan, &directory.settings).is_empty());
    assert!(world.plan(&directory).plan.is_empty());
}

#[test]
fn an_account_is_deleted_only_when_it_is_due_and_its_owner_is_known_to_be_out() {
    let mut world = after(&[wanted("u1", "jane@acme.com", &[], &[])]);
    let mut directory = directory(vec![judged("u1", "jane@acme.com", disabled())]);
    let plan = world.plan(&directory).plan;
    world.apply(&plan, &directory.settings);

    directory.settings.delete_after = Some(SignedDuration::from_hours(30 * 24));
    let at = |directory: &mut Directory, text: &str| directory.settings.as_of = text.parse().unwrap();
    at(&mut directory, "2026-12-23T08:59:59Z");
    assert!(world.plan(&directory).plan.is_empty());
    at(&mut directory, "2026-12-23T09:00:00Z");
    assert_eq!(lines(&world.plan(&directory).plan), ["delete jane@acme.com"]);

    directory.judged.clear();
    let survey = Survey::of(Vec::new(), world.ledger.accounts.values().cloned(), &directory.settings);
    assert_eq!(survey.unconfirmed, BTreeSet::from([id("u1")]));
    assert!(world.plan(&directory).plan.is_empty());
    directory.absences.insert(id("u1"), Leaving::Vanished);
    assert_eq!(lines(&world.plan(&directory).plan), ["delete jane@acme.com"]);
    directory.settings.delete_after = None;
    assert!(world.plan(&directory).plan.is_empty());
}

#[test]
fn a_role_that_is_a_group_has_its_group_before_anybody_is_in_it() {
    let mut directory = directory(vec![wanted("u1", "jane@acme.com", &[], &["editor"])]);
    directory.settings.role_delivery_is_groups = true;
    let mut world = World::empty();
    let made = ["create jane@acme.com", "create group editor", "grant role jane@acme.com editor after [1, 2]"];
    assert_eq!(lines(&world.plan(&directory).plan), made, "and no group for a role that nobody has");

    world.groups.insert("tg".to_owned(), ("editor".to_owned(), BTreeSet::new()));
    let plan = world.plan(&directory).plan;
    assert_eq!(plan.changes.at(1).action.kind(), ActionKind::AdoptGroup);
    assert_eq!(plan.changes.at(1).subject.target_id(), Some("tg"));
}

#[test]
fn a_mirrored_group_follows_the_directory_and_a_held_one_stays_as_it_is() {
    let people = vec![wanted("u1", "a@acme.com", &[], &[]), wanted("u2", "b@acme.com", &[], &[])];
    let mut directory = directory(people);
    let key = GroupKey::Directory(id("g1"));
    let group = |name: &str, members: &[&str]| PushedGroup {
        key: key.clone(),
        name: name.to_owned(),
        members: members.iter().map(|member| id(member)).collect(),
    };
    directory.settings.pushed_groups = vec![group("Engineering", &["u1", "u9"])];
    let mut world = World::empty();
    let plan = world.plan(&directory).plan;
    assert_eq!(
        lines(&plan),
        [
            "create a@acme.com",
            "create b@acme.com",
            "create group Engineering",
            "add member a@acme.com Engineering after [1, 3]"
        ]
    );
    world.apply(&plan, &directory.settings);

    directory.settings.pushed_groups = vec![group("Builders", &["u2"])];
    let moved = ["remove member a@acme.com Builders", "rename group Builders", "add member b@acme.com Builders"];
    assert_eq!(lines(&world.plan(&directory).plan), moved);

    directory.settings.pushed_groups.clear();
    assert_eq!(lines(&world.plan(&directory).plan), ["delete group Engineering"]);
    directory.settings.held_groups.insert(key);
    assert!(world.plan(&directory).plan.is_empty());
}

#[test]
fn a_plan_predicts_its_calls_and_its_seconds() {
    let mut directory = directory(
        (0..30).map(|i| wanted(&format!("u{i:02}"), &format!("p{i}@acme.com"), &[], &["admin", "editor"])).collect(),
    );
    directory.settings.pace.calls_per_minute = 60;
    directory.settings.pace.members_per_call = 20;
    let by_attribute = World::empty().plan(&directory).plan.estimate;
    assert_eq!(
        (by_attribute.calls, by_attribute.seconds),
        (90, 90),
        "30 creations; 30 lists of roles, read and written"
    );
    directory.settings.pace.roles_in_create = true;
    assert_eq!(World::empty().plan(&directory).plan.estimate.calls, 30, "the roles come along");
    directory.settings.role_delivery_is_groups = true;
    let by_group = World::empty().plan(&directory).plan.estimate;
    assert_eq!(by_group.calls, 36, "30 creations, 2 groups, and 30 members of each in 2 requests");
}
