//! Whatever is typed as an expression compiles and can be evaluated, or is refused at a place that it has.

use rollcall_kit::damage::{cases, damaged_text};

use super::tests::jane;
use super::{Expression, Person};
use crate::roster::groups::GroupIndex;

/// Compiles, and evaluates what compiles. What is refused is refused at a place that the expression has.
fn try_out(source: &str) {
    match Expression::compile(source) {
        Ok(expression) => {
            let (user, index) = (jane(), GroupIndex::empty());
            let person = Person { user: &user, belonging: index.belonging(&user.id) };
            expression.evaluate(&person);
            expression.inputs(&person);
        }
        Err(problem) => {
            if let Some((start, length)) = problem.span {
                assert!(source.get(start..start + length).is_some(), "{source:?}: {problem:?}");
            }
            if let Some((line, column)) = problem.position {
                let line = source.split('\n').nth(line - 1).unwrap_or_else(|| panic!("{source:?}: {problem:?}"));
                assert!(column <= line.chars().count() + 1, "{source:?}: {problem:?}");
            }
        }
    }
}

/// What means something in an expression.
const WORDS: [&str; 22] = [
    "\n",
    "(",
    ")",
    "[",
    "{",
    "'",
    "\"",
    "\\",
    ".",
    "?",
    ":",
    " && ",
    " || ",
    "!",
    "-",
    "user.",
    "user.raw.x",
    "null",
    "9e999",
    ".matches('",
    ".map(x, ",
    "in user.groups",
];

proptest::proptest! {
    #![proptest_config(cases(300))]

    /// The parser is somebody else's: whatever is typed ends in a refusal or an expression, never in a panic.
    #[test]
    fn nothing_that_is_typed_panics(source in r#"[a-z0-9'"ä .,:?!&|()\[\]{}+=<>@`\\\n-]{0,40}"#) {
        try_out(&source);
    }

    /// The same over pieces of real expressions, which get further.
    #[test]
    fn no_mixture_of_pieces_panics(pieces in proptest::collection::vec(proptest::sample::select(vec![
        "user", ".department", ".raw", ".groups", ".?title", "['id']", "has(", ")", "(", "'a'", "1", "1.5", "null", " in ",
        " == ", " && ", " || ", " ? ", " : ", ".exists(g, ", ".map(x, ", "[", "]", "{'a': 1}", " + ", "!", "-", ".size()",
        ".matches('a')", ".orValue(", "optional.none()", ".split('')", "x", "g", ",", ".format(", "r'", "b'x'", "?",
    ]), 0..14)) {
        try_out(&pieces.concat());
    }

    /// And over real ones that were damaged.
    #[test]
    fn no_damage_to_an_expression_panics(source in damaged_text(&[
        "has(user.department) && user.department in ['Sales', 'Support']\n  && !('Contractors' in user.groups)",
        "user.raw.?employeeType.orValue('staff').lowerAscii() + '-' + string(user.login.size())",
        "user.email.matches('^[a-z.]+@acme[.]com$') ? user.title : user.raw['größe']",
    ], &WORDS)) {
        try_out(&source);
    }
}
