//! Every gate of the judge, by what it must do and what it must never do.

use rollcall_kit::{Container, InactiveReason, Status, Value};

use crate::roster::account::{GrantCause, Leaving, Role, Standing};
use crate::roster::refusal::Reason;
use crate::roster::samples::{
    With, World, assert_withheld, by_name, group, id, judge, rule, settings, unwanted, user, wanted,
};
use crate::roster::settings::{RoleMode, RosterSettings, ScopeSettings};
use crate::roster::trace::Verdict;

fn scoped(scope: ScopeSettings) -> RosterSettings {
    RosterSettings { scope, ..settings() }
}

fn when(expression: &str) -> RosterSettings {
    scoped(ScopeSettings { when: Some(expression.to_owned()), ..ScopeSettings::default() })
}

fn in_groups(names: &[&str]) -> RosterSettings {
    scoped(ScopeSettings { groups: names.iter().map(|name| by_name(name)).collect(), ..ScopeSettings::default() })
}

fn in_places(places: &[&str]) -> RosterSettings {
    scoped(ScopeSettings {
        containers: places.iter().map(|&place| place.to_owned()).collect(),
        ..ScopeSettings::default()
    })
}

fn expression(setting: impl FnOnce(&mut RosterSettings) -> &mut Option<String>, text: &str) -> RosterSettings {
    let mut settings = settings();
    *setting(&mut settings) = Some(text.to_owned());
    settings
}

#[test]
fn an_active_user_of_an_owned_domain_is_wanted() {
    let judgement = judge(settings(), &user("jane"));
    assert_eq!(wanted(&judgement).address.as_str(), "jane@acme.com");
    assert!(judgement.refusals.is_empty());
}

// Status.

#[test]
fn an_inactive_user_is_out_with_the_providers_own_words() {
    let jane = user("jane").left();
    let expected = Leaving::Inactive { reason: InactiveReason::Disabled, raw: "active".to_owned() };
    assert_eq!(unwanted(&judge(settings(), &jane)), &expected);
}

#[test]
fn an_unknown_status_withholds_even_where_every_other_gate_would_put_him_out() {
    let mut jane = user("jane").with("email", "jane@elsewhere.org");
    jane.status = Status::Unknown("limbo".to_owned());
    jane.assigned = Some(false);
    assert_withheld(&judge(when("false"), &jane), Reason::StatusUnknown);
}

#[test]
fn a_leaver_is_out_however_odd_the_rest_of_his_record_is() {
    for odd in
        [user("jane").without("email"), user("jane").with("email", "not an address"), user("jane").with("email", 7)]
    {
        assert!(matches!(unwanted(&judge(when("1 / 0 == 1"), &odd.left())), Leaving::Inactive { .. }));
    }
}

// Assignment.

#[test]
fn only_a_positive_word_of_the_directory_unassigns() {
    let mut jane = user("jane");
    assert!(matches!(judge(settings(), &jane).standing, Standing::Wanted(_)), "unknown assignment does not narrow");
    jane.assigned = Some(true);
    assert!(matches!(judge(settings(), &jane).standing, Standing::Wanted(_)));
    jane.assigned = Some(false);
    assert_eq!(unwanted(&judge(settings(), &jane)), &Leaving::NotAssigned);
}

// E-mail and domain.

#[test]
fn a_missing_or_broken_address_withholds() {
    assert_withheld(&judge(settings(), &user("jane").without("email")), Reason::EmailMissing);
    assert_withheld(&judge(settings(), &user("jane").with("email", "   ")), Reason::EmailMissing);
    assert_withheld(&judge(settings(), &user("jane").with("email", "jane at acme.com")), Reason::EmailInvalid);
    assert_withheld(&judge(settings(), &user("jane").with("email", true)), Reason::EmailInvalid);
}

#[test]
fn a_sub_domain_is_not_owned_and_neither_is_a_domain_that_ends_alike() {
    for (address, domain) in [("jane@ext.acme.com", "ext.acme.com"), ("jane@notacme.com", "notacme.com")] {
        let judgement = judge(settings(), &user("jane").with("email", address));
        assert_eq!(unwanted(&judgement), &Leaving::DomainNotOwned { domain: domain.to_owned() });
        assert_eq!(judgement.refusals[0].reason, Reason::DomainNotOwned);
    }
}

#[test]
fn the_case_of_a_domain_does_not_count() {
    assert!(matches!(judge(settings(), &user("jane").with("email", "Jane@ACME.Com")).standing, Standing::Wanted(_)));
}

#[test]
fn the_address_comes_from_the_expression_if_there_is_one() {
    let by_login = expression(|settings| &mut settings.attributes.email, "user.login + '@acme.com'");
    let judgement = judge(by_login, &user("jane").with("email", "private@elsewhere.org"));
    assert_eq!(wanted(&judgement).address.as_str(), "jane@acme.com");
    assert_eq!(wanted(&judgement).attributes["email"], Value::from("jane@acme.com"));

    let raw = || expression(|settings| &mut settings.attributes.email, "user.raw.mail");
    assert_withheld(&judge(raw(), &user("jane")), Reason::EmailMissing);
    let fails = expression(|settings| &mut settings.attributes.email, "user.title.lowerAscii()");
    assert_withheld(&judge(fails, &user("jane")), Reason::ExpressionFailed);
}

// Places.

#[test]
fn a_record_outside_of_the_named_places_is_out() {
    let mut jane = user("jane");
    jane.place = Some("CN=jane,OU=Guests,DC=acme,DC=com".into());
    let expected = Leaving::OutsidePlaces { place: "CN=jane,OU=Guests,DC=acme,DC=com".into() };
    assert_eq!(unwanted(&judge(in_places(&["OU=Staff,DC=acme,DC=com"]), &jane)), &expected);
    let judgement = judge(in_places(&["ou=staff,dc=acme,dc=com", "ou=guests,dc=acme,dc=com"]), &jane);
    assert!(matches!(judgement.standing, Standing::Wanted(_)));
}

#[test]
fn a_named_place_is_the_same_however_the_scope_or_the_record_spells_it() {
    let spellings = [
        "ou=Büro,dc=acme",
        "ou=Bu\u{308}ro,dc=acme",
        "OU = BÜRO , DC = ACME",
        "organizationalUnitName=Büro,domainComponent=acme",
        "2.5.4.11=Büro,OID.0.9.2342.19200300.100.1.25=acme",
        "ou=\"Büro\",dc=acme",
        "ou=B\\C3\\BCro;dc=acme",
        "ou=#0c0542c3bc726f,dc=acme",
    ];
    for named in spellings {
        for spelled in spellings {
            let mut jane = user("jane");
            jane.place = Some(Container::new(format!("cn=jane,{spelled}")));
            let judgement = judge(in_places(&[named]), &jane);
            assert!(matches!(judgement.standing, Standing::Wanted(_)), "{named} and {spelled}: {judgement:?}");
        }
    }
}

#[test]
fn a_record_whose_place_is_hidden_or_of_another_kind_is_withheld() {
    let mut jane = user("jane");
    assert_withheld(&judge(in_places(&["/Staff"]), &jane), Reason::RecordUnreadable);
    jane.place = Some("CN=jane,OU=Staff,DC=acme".into());
    assert_withheld(&judge(in_places(&["/Staff"]), &jane), Reason::RecordUnreadable);
}

// Groups of the scope.

#[test]
fn a_member_of_one_group_of_the_scope_is_in_and_a_member_of_none_is_out() {
    let world = World::new(in_groups(&["App", "Beta"])).groups([
        group("App", &["jane"]),
        group("Beta", &["g-Inner"]),
        group("Inner", &["joe"]),
    ]);
    assert!(matches!(world.judge(&user("jane")).standing, Standing::Wanted(_)));
    assert!(matches!(world.judge(&user("joe")).standing, Standing::Wanted(_)), "through a nested group");
    assert_eq!(unwanted(&world.judge(&user("jim"))), &Leaving::NotInGroups);
}

#[test]
fn a_missing_group_of_the_scope_puts_nobody_out_and_keeps_nobody_out_who_is_in_another() {
    let world = World::new(in_groups(&["Gone", "Beta"])).groups([group("Beta", &["joe"])]).bound("Gone", "g-Gone");
    assert!(matches!(world.judge(&user("joe")).standing, Standing::Wanted(_)));
    assert_withheld(&world.judge(&user("jane")), Reason::GroupMissing);
}

#[test]
fn a_group_of_the_scope_whose_deletion_is_confirmed_lets_nobody_in() {
    let world = World::new(in_groups(&["Gone"])).bound("Gone", "g-Gone").deleted("g-Gone");
    assert_eq!(unwanted(&world.judge(&user("jane"))), &Leaving::NotInGroups);
}

// The expression.

#[test]
fn a_false_expression_puts_out_and_a_true_one_lets_in() {
    let sales = user("jane").with("department", "Sales");
    assert!(matches!(judge(when("user.department == 'Sales'"), &sales).standing, Standing::Wanted(_)));
    let expected = Leaving::WhenFalse { expression: "user.department != 'Sales'".to_owned() };
    assert_eq!(unwanted(&judge(when("user.department != 'Sales'"), &sales)), &expected);
}

#[test]
fn an_expression_that_fails_or_is_no_truth_value_puts_nobody_out() {
    for odd in ["user.title.startsWith('x')", "user.raw.nothing == 'x'", "1 / 0 == 1", "'yes'", "1", "1.5", "null"] {
        assert_withheld(&judge(when(odd), &user("jane")), Reason::ExpressionFailed);
    }
}

#[test]
fn a_clause_that_is_false_decides_even_beside_one_that_fails() {
    for mixed in ["user.title.startsWith('x') && false", "false && user.title.startsWith('x')"] {
        assert!(matches!(unwanted(&judge(when(mixed), &user("jane"))), Leaving::WhenFalse { .. }));
    }
    assert_withheld(&judge(when("user.title.startsWith('x') && true"), &user("jane")), Reason::ExpressionFailed);
}

#[test]
fn an_expression_about_a_group_that_cannot_be_found_decides_nothing() {
    let groups = || [group("Staff", &["jane"])];
    let asked = |expression: &str, name: &str| {
        World::new(when(expression)).groups(groups()).bound("Gone", "g-Gone").judge(&user(name))
    };
    assert_withheld(&asked("'Gone' in user.groups", "jane"), Reason::GroupMissing);
    assert_withheld(&asked("!('Gone' in user.groups)", "jane"), Reason::GroupMissing);
    assert!(matches!(asked("'Gone' in user.groups || 'Staff' in user.groups", "jane").standing, Standing::Wanted(_)));
    assert_withheld(&asked("'Gone' in user.groups || 'Staff' in user.groups", "joe"), Reason::GroupMissing);
    assert!(matches!(
        unwanted(&asked("'Gone' in user.groups && 'Staff' in user.groups", "joe")),
        Leaving::WhenFalse { .. }
    ));
}

#[test]
fn an_expression_follows_a_renamed_group() {
    let world = World::new(when("'App Users' in user.groups"))
        .groups([group("App People", &["jane"])])
        .bound("App Users", "g-App People");
    assert!(matches!(world.judge(&user("jane")).standing, Standing::Wanted(_)));
    assert!(matches!(unwanted(&world.judge(&user("joe"))), Leaving::WhenFalse { .. }));
}

// Conflicts.

#[test]
fn two_users_with_one_address_are_both_withheld_and_each_names_the_other() {
    let (jane, twin) = (user("jane"), user("twin").with("email", "JANE@acme.com"));
    let world = World::new(settings()).users([jane.clone(), twin.clone(), user("joe")]);
    assert_withheld(&world.judge(&jane), Reason::AddressConflict);
    assert_withheld(&world.judge(&twin), Reason::AddressConflict);
    assert!(world.judge(&jane).refusals[0].detail.contains("twin (id twin)"));
    assert!(matches!(world.judge(&user("joe")).standing, Standing::Wanted(_)));
}

#[test]
fn a_leaver_does_not_compete_for_his_old_address() {
    let (jane, leaver) = (user("jane"), user("old").with("email", "jane@acme.com").left());
    let world = World::new(settings()).users([leaver.clone(), jane.clone()]);
    assert!(matches!(world.judge(&jane).standing, Standing::Wanted(_)));
    assert!(matches!(unwanted(&world.judge(&leaver)), Leaving::Inactive { .. }));
}

#[test]
fn a_user_outside_of_the_scope_or_withheld_does_not_compete() {
    let jane = user("jane");
    let mut limbo = user("limbo").with("email", "jane@acme.com");
    limbo.status = Status::Unknown("limbo".to_owned());
    let mut outside = user("outside").with("email", "jane@acme.com");
    outside.assigned = Some(false);
    let world = World::new(settings()).users([jane.clone(), limbo, outside]);
    assert!(matches!(world.judge(&jane).standing, Standing::Wanted(_)));
    assert!(world.roster().claims().is_empty());
}

#[test]
fn a_conflict_names_only_those_who_compete() {
    let also = |name: &str| user(name).with("email", "jane@acme.com");
    let world = World::new(settings()).users([user("jane"), also("alumna").left(), also("twin"), also("zoe")]);
    let detail = &world.judge(&user("jane")).refusals[0].detail;
    assert!(detail.contains("twin (id twin) and 1 more") && !detail.contains("alumna"), "{detail}");
}

#[test]
fn a_record_read_twice_does_not_compete_with_itself() {
    let world = World::new(settings()).users([user("jane"), user("jane")]);
    assert!(matches!(world.judge(&user("jane")).standing, Standing::Wanted(_)));
    assert!(world.roster().claims().is_empty());
}

// Attributes.

#[test]
fn attributes_are_copied_trimmed_and_blank_ones_are_absent() {
    let jane = user("jane").with("name", " Jane Doe ").with("title", "Dr").with("locale", "  ");
    let judgement = judge(settings(), &jane);
    let names: Vec<&str> = wanted(&judgement).attributes.keys().map(String::as_str).collect();
    assert_eq!(names, ["email", "name"], "title is known to expressions and not mapped by default");
    assert_eq!(wanted(&judgement).attributes["name"], Value::from("Jane Doe"));
}

#[test]
fn a_value_of_the_wrong_kind_leaves_that_attribute_as_it_is_and_keeps_the_others() {
    let two = Value::List(vec![Value::from("en"), Value::from("de")]);
    let jane = user("jane").with("locale", two).with("name", "Jane").with("phone_number", 4711);
    let judgement = judge(settings(), &jane);
    let account = wanted(&judgement);
    assert_eq!(account.attributes["name"], Value::from("Jane"));
    assert_eq!(account.undecided_attributes, ["phone_number", "locale"]);
    assert!(judgement.refusals.iter().all(|refusal| refusal.reason == Reason::ValueRefused));
    assert_eq!(judgement.refusals.len(), 2);
}

#[test]
fn a_list_of_one_value_is_that_value() {
    let jane = user("jane").with("locale", Value::List(vec![Value::from("de")]));
    assert_eq!(wanted(&judge(settings(), &jane)).attributes["locale"], Value::from("de"));
}

#[test]
fn an_expression_replaces_the_copy_and_an_empty_one_switches_it_off() {
    let mut settings = settings();
    settings.attributes.locale = Some("user.preferred_language".to_owned());
    settings.attributes.name = Some(String::new());
    settings.attributes.custom_attributes.insert("grade".to_owned(), "user.raw.grade + 1".to_owned());
    settings.attributes.custom_attributes.insert("tags".to_owned(), "['a', 'b']".to_owned());
    let mut jane = user("jane").with("name", "Jane").with("preferred_language", "de");
    jane.raw.insert("grade".to_owned(), Value::Int(6));
    let judgement = judge(settings, &jane);
    let attributes = &wanted(&judgement).attributes;
    assert_eq!(attributes["locale"], Value::from("de"));
    assert_eq!(attributes["custom_attributes.grade"], Value::Int(7));
    assert_eq!(attributes["custom_attributes.tags"], Value::List(vec![Value::from("a"), Value::from("b")]));
    assert!(!attributes.contains_key("name"));
}

#[test]
fn an_attribute_computed_from_something_absent_is_absent_and_one_that_fails_withholds() {
    let absent = expression(|settings| &mut settings.attributes.locale, "user.raw.language.lowerAscii()");
    assert!(!wanted(&judge(absent, &user("jane"))).attributes.contains_key("locale"));
    let fails = expression(|settings| &mut settings.attributes.locale, "user.preferred_language.lowerAscii()");
    assert_withheld(&judge(fails, &user("jane")), Reason::ExpressionFailed);
}

#[test]
fn an_attribute_that_depends_on_a_missing_group_stays_as_it_is() {
    let tier = expression(|settings| &mut settings.attributes.locale, "'VIP' in user.groups ? 'de' : 'en'");
    let judgement = World::new(tier).bound("VIP", "g-VIP").judge(&user("jane"));
    assert_eq!(wanted(&judgement).undecided_attributes, ["locale"]);
    assert_eq!(judgement.refusals[0].reason, Reason::GroupMissing);
}

// Roles.

fn roles(mode: RoleMode, rules: &[(&str, &str)], default: Option<&str>) -> RosterSettings {
    let role_rules = rules.iter().map(|(group, role)| rule(by_name(group), role)).collect();
    let default_role = default.map(|role| Role(role.to_owned()));
    RosterSettings { role_rules, role_mode: mode, default_role, ..settings() }
}

fn granted(world: &World, name: &str) -> (Vec<String>, Vec<String>) {
    let judgement = world.judge(&user(name));
    let account = wanted(&judgement);
    let granted = account.roles.keys().map(|role| role.0.clone()).collect();
    (granted, account.undecided_roles.iter().map(|role| role.0.clone()).collect())
}

fn names(roles: &[&str]) -> Vec<String> {
    roles.iter().map(|&role| role.to_owned()).collect()
}

#[test]
fn roles_are_the_union_over_all_groups_and_each_names_its_causes() {
    let settings =
        roles(RoleMode::Union, &[("core", "editor"), ("leads", "editor"), ("admins", "admin")], Some("viewer"));
    let world = World::new(settings).groups([
        group("core", &["jane"]),
        group("leads", &["g-chiefs"]),
        group("chiefs", &["jane"]),
        group("admins", &[]),
    ]);
    let judgement = world.judge(&user("jane"));
    let cause = |name: &str| GrantCause::Group { id: id(&format!("g-{name}")), name: name.to_owned() };
    let expected = [("editor", vec![cause("core"), cause("leads")]), ("viewer", vec![GrantCause::Default])];
    assert_eq!(wanted(&judgement).roles, expected.map(|(role, causes)| (Role(role.to_owned()), causes)).into());
}

#[test]
fn a_rule_that_is_not_nested_counts_direct_members_only() {
    let mut settings = roles(RoleMode::Union, &[("core", "editor")], None);
    settings.role_rules[0].nested = false;
    let world = World::new(settings).groups([group("core", &["jane", "g-inner"]), group("inner", &["joe"])]);
    assert_eq!(granted(&world, "jane").0, ["editor"]);
    assert!(granted(&world, "joe").0.is_empty());
}

#[test]
fn a_role_of_a_missing_group_is_undecided_unless_another_group_gives_it() {
    let settings = roles(RoleMode::Union, &[("gone", "editor"), ("core", "editor"), ("gone", "admin")], None);
    let world = World::new(settings).groups([group("core", &["jane"])]).bound("gone", "g-gone");
    assert_eq!(granted(&world, "jane"), (names(&["editor"]), names(&["admin"])));
    assert_eq!(granted(&world, "joe"), (names(&[]), names(&["admin", "editor"])));
}

#[test]
fn a_confirmed_deletion_takes_its_roles() {
    let settings = roles(RoleMode::Union, &[("gone", "editor")], None);
    let world = World::new(settings).bound("gone", "g-gone").deleted("g-gone");
    assert_eq!(granted(&world, "jane"), (names(&[]), names(&[])));
}

#[test]
fn a_single_role_is_that_of_the_first_rule_or_the_default() {
    let settings = roles(RoleMode::Single, &[("admins", "admin"), ("core", "editor")], Some("viewer"));
    let world = World::new(settings).groups([group("admins", &["jane"]), group("core", &["jane", "joe"])]);
    assert_eq!(granted(&world, "jane").0, ["admin"]);
    assert_eq!(granted(&world, "joe").0, ["editor"]);
    assert_eq!(granted(&world, "jim").0, ["viewer"]);
}

#[test]
fn a_single_role_is_undecided_if_an_earlier_group_is_missing_and_decided_if_only_a_later_one_is() {
    let rules = [("first", "admin"), ("core", "editor"), ("other", "auditor")];
    let world = || World::new(roles(RoleMode::Single, &rules, Some("viewer")));
    let early = world().groups([group("core", &["jane"]), group("other", &[])]).bound("first", "g-first");
    assert_eq!(
        granted(&early, "jane"),
        (names(&[]), names(&["admin", "editor", "viewer"])),
        "auditor is lost for sure"
    );
    let late = world().groups([group("first", &[]), group("core", &["jane"])]).bound("other", "g-other");
    assert_eq!(granted(&late, "jane"), (names(&["editor"]), names(&[])));
}

#[test]
fn the_groups_of_a_role_are_called_by_their_names_of_now() {
    let settings = roles(RoleMode::Union, &[("Old", "editor"), ("gone", "editor"), ("other", "admin")], None);
    let world = World::new(settings).groups([group("New", &[]), group("other", &[])]).bound("Old", "g-New");
    assert_eq!(world.roster().groups_of_role(&Role("editor".to_owned())), ["New", "gone"]);
}

// What is explained is what is done.

#[test]
fn the_explanation_names_every_gate_in_order_and_the_value_that_decided() {
    let mut settings = roles(RoleMode::Union, &[("core", "editor")], None);
    settings.scope.when = Some("user.department != 'Contractors' && user.title != 'Guest'".to_owned());
    let world = World::new(settings).groups([group("core", &["jane"])]);
    let jane = user("jane").with("department", "Sales").with("name", "Jane");
    let told = |user: &rollcall_kit::DirectoryUser| {
        let (_, gates) = world.roster().explain(user);
        let line = |gate: &crate::roster::trace::Gate| format!("{:?} {}: {}", gate.verdict, gate.name, gate.detail);
        gates.iter().map(line).collect::<Vec<_>>().join("\n")
    };
    insta::assert_snapshot!(told(&jane), @"
    Passed found: in the directory as jane with the id jane
    Passed status: active (active)
    Passed assigned: this directory knows no assignment
    Passed e-mail: jane@acme.com
    Passed domain: acme.com is one of the organization's domains
    Passed places: the scope names no places
    Passed groups: the scope names no groups
    Passed expression: user.department != 'Contractors' && user.title != 'Guest' is true for this user
    Passed conflict: nobody else in scope has jane@acme.com
    Passed attributes.preferred_username: no value, from the directory's preferred_username
    Passed attributes.name: Jane, from the directory's name
    Passed attributes.given_name: no value, from the directory's given_name
    Passed attributes.family_name: no value, from the directory's family_name
    Passed attributes.picture: no value, from the directory's picture
    Passed attributes.phone_number: no value, from the directory's phone_number
    Passed attributes.locale: no value, from the directory's locale
    Passed attributes: 2 attributes have a value
    Passed roles: editor (through core)
    Passed account: there should be an active account for jane@acme.com
    ");
    insta::assert_snapshot!(told(&jane.with("title", "Guest")), @"
    Passed found: in the directory as jane with the id jane
    Passed status: active (active)
    Passed assigned: this directory knows no assignment
    Passed e-mail: jane@acme.com
    Passed domain: acme.com is one of the organization's domains
    Passed places: the scope names no places
    Passed groups: the scope names no groups
    Stopped expression: user.title != 'Guest' is false for this user: user.title is Guest
    NotReached conflict: not asked: an earlier gate had decided
    NotReached attributes: not asked: an earlier gate had decided
    NotReached roles: not asked: an earlier gate had decided
    NotReached account: not asked: an earlier gate had decided
    ");
}

#[test]
fn explaining_and_judging_agree() {
    let world = World::new(when("user.department == 'Sales'")).users([user("jane")]);
    for user in
        [user("jane"), user("jane").with("department", "Sales"), user("jane").left(), user("joe").without("email")]
    {
        let (judgement, gates) = world.roster().explain(&user);
        assert_eq!(judgement, world.judge(&user));
        let stopped = gates.iter().any(|gate| gate.verdict == Verdict::Stopped);
        assert_eq!(stopped, !matches!(judgement.standing, Standing::Wanted(_)));
    }
}
