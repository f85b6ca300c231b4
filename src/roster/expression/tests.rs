use std::collections::{BTreeMap, BTreeSet};

use rollcall_kit::{DirectoryId, DirectoryUser, Status, Value};

use super::{Expression, LONGEST, Outcome, Person};
use crate::roster::groups::GroupIndex;

fn jane() -> DirectoryUser {
    let text = |pairs: &[(&str, &str)]| -> BTreeMap<String, Value> {
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
    assert_eq!(why, "lowerAscii cannot be applied to nothing; he has no user.manager: test it with has(user.manager) first");
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
    insta::assert_snapshot!(refusal("user.depratment == 'Sales'"), @"");
    insta::assert_snapshot!(refusal("'ä' == user.\n  depratment"), @"");
    insta::assert_snapshot!(refusal("user.shoeSize"), @"");
    insta::assert_snapshot!(refusal("department == 'Sales'"), @"");
    insta::assert_snapshot!(refusal("has(user.depratment)"), @"");
    insta::assert_snapshot!(refusal("user['depratment']"), @"");
}

#[test]
fn what_could_surprise_at_run_time_is_refused_when_it_is_compiled() {
    insta::assert_snapshot!(refusal("user.email.lower()"), @"");
    insta::assert_snapshot!(refusal("user.email.matches('(')"), @"");
    insta::assert_snapshot!(refusal("user.email.matches(user.department)"), @"");
    insta::assert_snapshot!(refusal("size(user) > 1"), @"");
    insta::assert_snapshot!(refusal("user[user.department]"), @"");
    insta::assert_snapshot!(refusal("{'b': 1, 'a': 2}.map(k, k)"), @"");
    insta::assert_snapshot!(refusal("user.groups.exists(user, user == 'x')"), @"");
    insta::assert_snapshot!(refusal("user.groups.exists(g)"), @"");
    insta::assert_snapshot!(refusal("acme.Thing{a: 1}"), @"");
}

#[test]
fn what_is_no_cel_is_refused_where_it_stops_being_cel() {
    insta::assert_snapshot!(refusal("user.department == "), @"");
    insta::assert_snapshot!(refusal("user.department = 'x'"), @"");
    insta::assert_snapshot!(refusal("'Müller' == user.name)"), @"");
    insta::assert_snapshot!(refusal(""), @"");
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

/// Everything that could make a tree deep, as long as it is let through: refused, or evaluated on a small stack.
#[test]
fn no_expression_exhausts_the_stack() {
    let worst: Vec<String> = ["1+", "!", "-", "(", "[", "{1:", "user.raw.a.", "true?", "1==", "'a'in[", "x.f(", "a[", "a&&", "a||"]
        .into_iter()
        .map(|piece| piece.repeat(LONGEST / piece.len()))
        .chain([
            format!("1{}", "+1".repeat((LONGEST - 1) / 2)),
            format!("{}true", "!".repeat(LONGEST - 4)),
            format!("user.raw{}", ".a".repeat((LONGEST - 8) / 2)),
            format!("user.raw{}", "[0]".repeat((LONGEST - 8) / 3)),
            format!("''{}", ".trim()".repeat((LONGEST - 2) / 7)),
            format!("{}1{}", "(".repeat(900), ")".repeat(900)),
            format!("{}1{}", "[".repeat(900), "]".repeat(900)),
            format!("{}1", "true?1:".repeat(280)),
            format!("true{}", "&&true".repeat(330)),
        ])
        .collect();
    let small = std::thread::Builder::new().stack_size(2 << 20);
    let thread = small.spawn(move || {
        for source in worst {
            if let Ok(expression) = Expression::compile(&source) {
                let (user, index) = (jane(), GroupIndex::empty());
                expression.evaluate(&Person { user: &user, belonging: index.belonging(&user.id) });
            }
        }
    });
    assert!(thread.unwrap().join().is_ok());
}

#[test]
fn a_long_chain_of_clauses_is_no_deep_tree() {
    let chain = vec!["user.department != 'X'"; 60].join(" && ");
    assert_eq!(value(&chain), Value::Bool(true));
}

#[test]
fn an_expression_that_is_too_long_is_refused() {
    assert!(refusal(&format!("'{}'", "a".repeat(LONGEST))).contains("the longest that is accepted is 2000"));
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(300))]

    /// The parser is somebody else's: whatever is typed ends in a refusal or an expression, never in a panic.
    #[test]
    fn nothing_that_is_typed_panics(source in r#"[a-z0-9'"ä .,:?!&|()\[\]{}+=<>@`\\\n-]{0,40}"#) {
        if let Ok(expression) = Expression::compile(&source) {
            let (user, index) = (jane(), GroupIndex::empty());
            expression.evaluate(&Person { user: &user, belonging: index.belonging(&user.id) });
        }
    }

    /// The same over pieces of real expressions, which get further.
    #[test]
    fn no_mixture_of_pieces_panics(pieces in proptest::collection::vec(proptest::sample::select(vec![
        "user", ".department", ".raw", ".groups", ".?title", "['id']", "has(", ")", "(", "'a'", "1", "1.5", "null", " in ",
        " == ", " && ", " || ", " ? ", " : ", ".exists(g, ", ".map(x, ", "[", "]", "{'a': 1}", " + ", "!", "-", ".size()",
        ".matches('a')", ".orValue(", "optional.none()", ".split('')", "x", "g", ",", ".format(", "r'", "b'x'", "?",
    ]), 0..14)) {
        let source = pieces.concat();
        if let Ok(expression) = Expression::compile(&source) {
            let (user, index) = (jane(), GroupIndex::empty());
            expression.evaluate(&Person { user: &user, belonging: index.belonging(&user.id) });
        }
    }
}
