//! What compiles, what does not, and where the error points.

use std::collections::BTreeSet;

use super::Rules;
use crate::roster::account::Role;
use crate::roster::samples::{by_name, rule, settings};
use crate::roster::settings::RosterSettings;

fn errors(change: impl FnOnce(&mut RosterSettings)) -> Vec<String> {
    let mut settings = settings();
    change(&mut settings);
    match Rules::compile(&settings) {
        Ok(_) => panic!("the settings compile"),
        Err(errors) => errors.iter().map(ToString::to_string).collect(),
    }
}

fn hash(change: impl FnOnce(&mut RosterSettings)) -> String {
    let mut settings = settings();
    change(&mut settings);
    Rules::compile(&settings).unwrap().hash().to_owned()
}

#[test]
fn rules_say_whether_they_ask_for_what_the_provider_calls_its_own() {
    let needs_raw = |expression: &str| {
        let mut settings = settings();
        settings.scope.when = Some(expression.to_owned());
        Rules::compile(&settings).unwrap().needs_raw()
    };
    for expression in [
        "user.raw.team == 'a'",
        "has(user.raw.team)",
        "user['raw']['team'] == 'a'",
        "user.?raw.team == 'a'",
        "size(user.raw) > 0",
    ] {
        assert!(needs_raw(expression), "{expression}");
    }
    assert!(!needs_raw("user.title == 'raw'"));
    let mut mapped = settings();
    mapped.attributes.custom_attributes.insert("team".to_owned(), "user.raw.team".to_owned());
    assert!(Rules::compile(&mapped).unwrap().needs_raw());
    assert!(!Rules::compile(&settings()).unwrap().needs_raw());
}

#[test]
fn settings_without_a_domain_are_an_error_and_not_an_empty_scope() {
    insta::assert_snapshot!(errors(|settings| settings.domains.clear()).join("\n"), @"domains: no domain is named, so nobody could be in scope; name at least one.");
}

#[test]
fn everything_that_is_wrong_is_said_at_once_and_each_with_its_key() {
    let told = errors(|settings| {
        settings.domains.push("*.acme.com".to_owned());
        settings.scope.containers.push("Staff".to_owned());
        settings.scope.when = Some("user.depratment == 'x'".to_owned());
        settings.scope.groups.push(by_name(" "));
        settings.attributes.email = Some(String::new());
        settings.attributes.locale = Some("user.preferred_language.lower()".to_owned());
        settings.attributes.custom_attributes.insert("cost_center".to_owned(), "user.raw.".to_owned());
        settings.attributes.custom_attributes.insert(" ".to_owned(), "user.title".to_owned());
        settings.role_rules = vec![rule(by_name("core"), "editor"), rule(by_name(""), " ")];
        settings.default_role = Some(Role(String::new()));
    });
    insta::assert_snapshot!(told.join("\n"), @r#"
    domains: "*.acme.com" is no domain: there are no wildcards; list every sub-domain itself.
    scope.containers: "Staff" is no container: a part of it has no "=", at character 1; write a DN (OU=Staff,DC=acme,DC=com) or a path (/Staff).
    scope.when: the expression is refused at column 6: there is no attribute user.depratment; did you mean user.department?
    attributes.email: the address cannot be switched off: it decides which account is whose.
    attributes.locale: the expression is refused at column 30: there is no function lower; did you mean lowerAscii?
    attributes.custom_attributes. : a custom attribute needs a name without white space.
    attributes.custom_attributes.cost_center: the expression is refused at column 10: . means nothing here.
    role[1].group: the group has no name; name it, or give its id.
    role[1].role: the role has no name.
    scope.groups: a group has no name; name it, or give its id.
    default_role: the role has no name.
    "#);
}

#[test]
fn an_error_in_an_expression_points_at_the_bytes() {
    let mut settings = settings();
    let source = "'ä' != user.depratment";
    settings.scope.when = Some(source.to_owned());
    let error = Rules::compile(&settings).unwrap_err().remove(0);
    assert_eq!(error.key, "scope.when");
    let (start, length) = error.span.unwrap();
    assert_eq!(&source[start..start + length], "depratment");
}

#[test]
fn the_hash_is_the_same_for_the_same_rules_in_another_order_of_domains() {
    let one = hash(|settings| settings.domains = vec!["ACME.com".to_owned(), "acme.org".to_owned()]);
    let other =
        hash(|settings| settings.domains = vec!["acme.org".to_owned(), "acme.com".to_owned(), "acme.com".to_owned()]);
    assert_eq!(one, other);
}

#[test]
fn the_hash_changes_with_every_setting_that_decides_something() {
    let hashes = [
        hash(|_| ()),
        hash(|settings| settings.domains.push("acme.org".to_owned())),
        hash(|settings| settings.scope.groups.push(by_name("core"))),
        hash(|settings| settings.scope.containers.push("/Staff".to_owned())),
        hash(|settings| settings.scope.when = Some("true".to_owned())),
        hash(|settings| settings.attributes.name = Some("user.login".to_owned())),
        hash(|settings| settings.attributes.name = Some(String::new())),
        hash(|settings| _ = settings.attributes.custom_attributes.insert("a".to_owned(), "user.login".to_owned())),
        hash(|settings| settings.role_rules.push(rule(by_name("core"), "editor"))),
        hash(|settings| settings.role_mode = crate::roster::RoleMode::Single),
        hash(|settings| settings.default_role = Some(Role("viewer".to_owned()))),
    ];
    assert_eq!(hashes.iter().collect::<BTreeSet<_>>().len(), hashes.len());
}

#[test]
fn the_hash_is_the_same_in_every_build() {
    insta::assert_snapshot!(hash(|_| ()), @"bf8e504c448823e5fe93123a3e625c11");
}

#[test]
fn a_conjunction_is_taken_apart_and_anything_else_is_left_whole() {
    let clauses = |when: &str| {
        let mut settings = settings();
        settings.scope.when = Some(when.to_owned());
        let rules = Rules::compile(&settings).unwrap();
        rules.clauses().iter().map(|clause| clause.source().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(clauses("true && !false && (true || false)"), ["true", "!false", "(true || false)"]);
    assert_eq!(clauses("true && false || true"), ["true && false || true"]);
    assert_eq!(clauses("true && false ? true : false"), ["true && false ? true : false"]);
    assert_eq!(clauses("(true && false)"), ["(true && false)"]);
}

#[test]
fn the_roles_that_rules_can_give_are_known() {
    let mut settings = settings();
    settings.role_rules = vec![rule(by_name("core"), "editor"), rule(by_name("admins"), "admin")];
    settings.role_rules[1].protected = true;
    settings.default_role = Some(Role("viewer".to_owned()));
    let rules = Rules::compile(&settings).unwrap();
    let names = |roles: BTreeSet<Role>| roles.into_iter().map(|role| role.0).collect::<Vec<_>>();
    assert_eq!(names(rules.mapped_roles()), ["admin", "editor", "viewer"]);
    assert_eq!(names(rules.protected_roles()), ["admin"]);
}
