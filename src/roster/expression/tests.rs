//! What expressions accept, refuse and yield, and how deep they may be.

use std::collections::BTreeSet;

use rollcall_kit::{Attributes, DirectoryId, DirectoryUser, Status, Value};

use super::{Expression, LONGEST, Outcome, Person};
use crate::roster::groups::GroupIndex;

pub(super) fn jane() -> DirectoryUser {
    let text = |pairs: &[(&str, &str)]| -> Attributes {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), Value::from(*value))).collect()
    };
    DirectoryUser {
        id: DirectoryId::new("u-1").unwrap(),
        login: "jane".to_owned(),
        status: Status::Active,
        raw_status: "active".to_owned(),
        place: None,
        assigned: Some(true),
        profile: text(&[("email", "jane@acme.com"), ("department", "Sales"), ("title", "  ")]),
        raw: text(&[("employeeType", "staff"), ("größe", "L")]),
    }
}

fn evaluate(source: &str) -> Outcome {
    let expression = Expression::compile(source).unwrap_or_else(|problem| panic!("{source}: {problem}"));
    let (user, index) = (jane(), GroupIndex::empty());
    expression.evaluate(&Person { user: &user, belonging: index.belonging(&user.id) })
}

fn value(source: &str) -> Value {
    match evaluate(source) {
        Outcome::Value(value) => value,
        other => panic!("{source} yields {other:?}"),
    }
}

fn refusal(source: &str) -> String {
    match Expression::compile(source) {
        Ok(_) => panic!("{source} compiles"),
        Err(problem) => problem.to_string(),
    }
}

#[test]
fn an_absent_attribute_is_null_and_has_says_that_it_is_not_there() {
    assert_eq!(value("user.manager == null"), Value::Bool(true));
    assert_eq!(value("user['manager'] == null"), Value::Bool(true));
    assert_eq!(value("has(user.manager)"), Value::Bool(false));
    assert_eq!(value("has(user.department)"), Value::Bool(true));
    assert_eq!(value("user.?manager.orValue('nobody')"), Value::from("nobody"));
    assert_eq!(value(r#"user.manager != "Contractors""#), Value::Bool(true));
    assert_eq!(evaluate("user.manager"), Outcome::Absent);
}

#[test]
fn a_blank_attribute_is_as_absent_as_one_that_is_not_there() {
    assert_eq!(value("has(user.title)"), Value::Bool(false));
    assert_eq!(evaluate("user.title"), Outcome::Absent);
}

#[test]
fn a_missing_name_of_the_provider_makes_the_result_absent() {
    assert_eq!(evaluate("user.raw.nothing"), Outcome::Absent);
    assert_eq!(evaluate("user.raw.nothing.deeper"), Outcome::Absent);
    assert_eq!(evaluate("user.raw.nothing.lowerAscii()"), Outcome::Absent);
    assert_eq!(value("has(user.raw.nothing)"), Value::Bool(false));
}

#[test]
fn the_providers_names_are_found_whatever_their_case() {
    assert_eq!(value("user.raw.employeetype"), Value::from("staff"));
    assert_eq!(value("user.raw['GRÖSSE'] == null || true"), Value::Bool(true));
}

#[test]
fn a_function_on_nothing_fails_and_the_failure_names_the_attribute_and_the_way_out() {
    let Outcome::Failed(why) = evaluate("user.manager.lowerAscii()") else { panic!() };
    assert_eq!(
        why,
        "lowerAscii cannot be applied to nothing; this user has no user.manager: test it with has(user.manager) first"
    );
}

#[test]
fn the_functions_that_are_announced_are_there() {
    for (source, expected) in [
        ("' Ab '.trim().lowerAscii() + 'x'.upperAscii()", "abX"),
        ("'a-b'.replace('-', '_').split('_').join('+')", "a+b"),
        ("'jane@acme.com'.substring(0, 'jane@acme.com'.indexOf('@'))", "jane"),
        ("user.email.startsWith('jane') && user.email.endsWith('.com') ? 'yes' : 'no'", "yes"),
        ("user.email.matches('^[a-z]+@') && user.email.contains('@') && size(user.email) == 13 ? 'yes' : 'no'", "yes"),
        ("'%s!'.format([user.id])", "u-1!"),
        ("string(int('7') + size('ab'.reverse()))", "9"),
        ("strings.quote('a')", "\"a\""),
        ("type(user.email) == string ? 'text' : 'else'", "text"),
        ("user.login + user.status + string(user.assigned)", "janeactivetrue"),
        ("{'Sales': 'S', 'IT': 'I'}[user.department]", "S"),
    ] {
        assert_eq!(value(source), Value::from(expected), "{source}");
    }
}

#[test]
fn what_no_attribute_can_hold_is_unfit_and_not_rounded() {
    assert_eq!(value("6.0 / 2.0"), Value::Int(3));
    assert!(matches!(evaluate("1.0 / 3.0"), Outcome::Unfit(_)));
    assert!(matches!(evaluate("18446744073709551615u"), Outcome::Unfit(_)));
    assert!(matches!(evaluate("b'abc'"), Outcome::Unfit(_)));
    assert_eq!(value("[1, null, 'a']"), Value::List(vec![Value::Int(1), Value::from("a")]));
}

#[test]
fn an_unknown_name_is_refused_where_it_stands_with_the_nearest_known_one() {
    insta::assert_snapshot!(refusal("user.depratment == 'Sales'"), @"the expression is refused at column 6: there is no attribute user.depratment; did you mean user.department?");
    insta::assert_snapshot!(refusal("'ä' == user.\n  depratment"), @"the expression is refused at line 2, column 3: there is no attribute user.depratment; did you mean user.department?");
    insta::assert_snapshot!(refusal("user.shoeSize"), @"the expression is refused at column 6: there is no attribute user.shoeSize; the provider's own names are under user.raw, as in user.raw.shoeSize");
    insta::assert_snapshot!(refusal("department == 'Sales'"), @"the expression is refused at column 1: there is no variable department; expressions see the user as `user`; write user.department");
    insta::assert_snapshot!(refusal("has(user.depratment)"), @"the expression is refused at column 10: there is no attribute user.depratment; did you mean user.department?");
    insta::assert_snapshot!(refusal("user['depratment']"), @"the expression is refused at column 7: there is no attribute user.depratment; did you mean user.department?");
}

#[test]
fn what_could_surprise_at_run_time_is_refused_when_it_is_compiled() {
    insta::assert_snapshot!(refusal("user.email.lower()"), @"the expression is refused at column 17: there is no function lower; did you mean lowerAscii?");
    insta::assert_snapshot!(refusal("user.email.matches('(')"), @"the expression is refused at column 19: the pattern of matches is no regular expression (unclosed group)");
    insta::assert_snapshot!(refusal("user.email.matches(user.department)"), @"the expression is refused at column 19: the pattern of matches must be written out as text");
    insta::assert_snapshot!(refusal("size(user) > 1"), @"the expression is refused at column 6: name one of its attributes, as in user.department");
    insta::assert_snapshot!(refusal("user[user.department]"), @"the expression is refused at column 5: behind user, write the name itself, not something computed");
    insta::assert_snapshot!(refusal("{'b': 1, 'a': 2}.map(k, k)"), @"the expression is refused at column 21: a map has no order, so nothing can be done with each of its keys; use a list");
    insta::assert_snapshot!(refusal("user.groups.exists(user, user == 'x')"), @"the expression is refused at column 19: `user` is the user; call the variable something else");
    insta::assert_snapshot!(refusal("user.groups.exists(g)"), @"the expression is refused at column 19: exists is not called like this; see the documentation of CEL's macros");
    insta::assert_snapshot!(refusal("acme.Thing{a: 1}"), @"the expression is refused at column 11: there is no type acme.Thing to make a value of");
}

#[test]
fn what_is_no_cel_is_refused_where_it_stops_being_cel() {
    insta::assert_snapshot!(refusal("user.department == "), @"the expression is refused at column 20: something is missing here");
    insta::assert_snapshot!(refusal("user.department = 'x'"), @"the expression is refused at column 17: a single = means nothing; to compare, write ==");
    insta::assert_snapshot!(refusal("'Müller' == user.name)"), @"the expression is refused at column 22: there is a ) too many");
    insta::assert_snapshot!(refusal(""), @"the expression is refused at column 1: something is missing here");
}

#[test]
fn groups_named_in_an_expression_are_collected_and_other_uses_need_all_names() {
    let literal = Expression::compile("'A' in user.groups || !('B' in user.groups)").unwrap();
    assert_eq!(literal.references().groups, BTreeSet::from(["A".to_owned(), "B".to_owned()]));
    assert!(!literal.references().all_groups);
    assert!(Expression::compile("user.groups.exists(g, g == 'A')").unwrap().references().all_groups);
    assert!(Expression::compile("user['groups'][0]").unwrap().references().all_groups);
    assert!(Expression::compile("user.?groups").unwrap().references().all_groups);
}

/// Runs on a stack of 2 MiB, as the threads of tests and of the runtime have.
fn on_a_small_stack<T: Send + 'static>(task: impl FnOnce() -> T + Send + 'static) -> T {
    std::thread::Builder::new().stack_size(2 << 20).spawn(task).unwrap().join().unwrap()
}

/// For each way to make a tree deep, the deepest that is let through: it is parsed and evaluated without exhausting
/// the stack, and one that is much deeper is refused before it reaches the parser.
#[test]
fn no_expression_exhausts_the_stack() {
    let ways = [
        ("(", "1", ")"),
        ("[", "1", "]"),
        ("{1:", "1", "}"),
        ("", "1", "+1"),
        ("", "1", "==1"),
        ("!", "true", ""),
        ("-", "1", ""),
        ("", "user.raw", ".a"),
        ("", "user.raw", "[0]"),
        ("", "''", ".trim()"),
        ("true?1:", "1", ""),
        ("(true?1:", "1", ")"),
        ("[1].map(x,", "1", ")"),
        ("[1].exists(x,!", "true", ")"),
        ("size(", "''", ")"),
        ("1 in[", "1", "]"),
        ("true?''+'':", "''", ".trim()"),
        ("[1+1==", "1", "+1]"),
    ];
    for (before, core, after) in ways {
        let nested = |depth: usize| format!("{}{core}{}", before.repeat(depth), after.repeat(depth));
        let deepest =
            (1..).take_while(|depth| super::tokens::depth(&nested(*depth)) <= super::check::DEEPEST).last().unwrap();
        let source = nested(deepest);
        on_a_small_stack(move || {
            let expression = Expression::compile(&source).unwrap_or_else(|problem| panic!("{source}: {problem}"));
            let (user, index) = (jane(), GroupIndex::empty());
            expression.evaluate(&Person { user: &user, belonging: index.belonging(&user.id) });
        });
        let source = nested(LONGEST / (before.len() + after.len() + 1));
        assert!(on_a_small_stack(move || Expression::compile(&source).is_err()), "{before}{core}{after}");
    }
}

#[test]
fn a_long_chain_of_clauses_is_no_deep_tree() {
    let chain = vec!["user.department != 'X'"; 60].join(" && ");
    assert_eq!(value(&chain), Value::Bool(true));
}

#[test]
fn what_administrators_really_write_is_not_too_deep() {
    let branches = (0..25).map(|n| format!("user.office == 'Office {n}' ? 'Country {n}' : ")).collect::<String>();
    assert_eq!(value(&format!("{branches}'elsewhere'")), Value::from("elsewhere"));
    let parts = vec!["string(user.login.size())"; 15].join(" + '-' + ");
    assert!(value(&parts).as_text().is_some_and(|text| text.len() == 29));
}

#[test]
fn the_place_of_a_problem_ends_behind_a_whole_character() {
    for source in ["user.größe == ä", "ä", "user.title + ß"] {
        let (start, length) = Expression::compile(source).unwrap_err().span.unwrap();
        assert!(source.get(start..start + length).is_some_and(|text| !text.is_empty()), "{source}: {start}, {length}");
    }
}

#[test]
fn an_expression_that_is_too_long_is_refused() {
    assert!(refusal(&format!("'{}'", "a".repeat(LONGEST))).contains("the longest that is accepted is 2000"));
}
