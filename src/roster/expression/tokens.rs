//! Just enough of CEL's tokens to look at an expression before it is parsed.

/// A token, as far as we care.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Token {
    /// `(`, `[` or `{`.
    Open,
    /// `)`, `]` or `}`.
    Close,
    /// `&&`.
    And,
    /// `||`.
    Or,
    /// `,`.
    Comma,
    /// `+`, `==`, `!`, `in` and the like, and every sign that CEL does not know.
    Operator,
    /// `.`, also as `.?`.
    Dot,
    /// The `?` of `? :`.
    Question,
    /// `:`.
    Colon,
    /// Words, numbers, strings, white space and comments.
    Rest,
}

/// The tokens and the byte that each begins at. Takes any text: what is no CEL is cut somehow.
pub(super) fn tokens(source: &str) -> impl Iterator<Item = (usize, Token)> {
    let bytes = source.as_bytes();
    let mut at = 0;
    std::iter::from_fn(move || {
        let start = at;
        let (token, length) = next(bytes, start)?;
        at += length;
        Some((start, token))
    })
}

fn next(bytes: &[u8], at: usize) -> Option<(Token, usize)> {
    let rest = &bytes[at..];
    Some(match rest.first()? {
        b'"' | b'\'' => (Token::Rest, string(rest, false)),
        b'/' if rest.starts_with(b"//") => (Token::Rest, until(rest, b'\n')),
        b'(' | b'[' | b'{' => (Token::Open, 1),
        b')' | b']' | b'}' => (Token::Close, 1),
        b'&' if rest.starts_with(b"&&") => (Token::And, 2),
        b'|' if rest.starts_with(b"||") => (Token::Or, 2),
        b',' => (Token::Comma, 1),
        b'.' => (Token::Dot, if rest.get(1) == Some(&b'?') { 2 } else { 1 }),
        b'?' => (Token::Question, 1),
        b':' => (Token::Colon, 1),
        b'=' | b'!' | b'<' | b'>' if rest.get(1) == Some(&b'=') => (Token::Operator, 2),
        byte if byte.is_ascii_whitespace() => (Token::Rest, 1),
        byte if is_word(*byte) => word(rest),
        _ => (Token::Operator, 1),
    })
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || !byte.is_ascii()
}

/// A word, or the string that it is the prefix of (`r'…'`, `b"…"`).
fn word(rest: &[u8]) -> (Token, usize) {
    let length = rest.iter().take_while(|byte| is_word(**byte)).count();
    let word = &rest[..length];
    let is_prefix = length <= 2 && word.iter().all(|byte| matches!(byte, b'r' | b'R' | b'b' | b'B'));
    match rest.get(length) {
        Some(b'"' | b'\'') if is_prefix => {
            (Token::Rest, length + string(&rest[length..], word.iter().any(|byte| matches!(byte, b'r' | b'R'))))
        }
        _ if word == b"in" => (Token::Operator, length),
        _ => (Token::Rest, length),
    }
}

/// The length of a string in one or three quotes; to the end of the text if it is not closed.
fn string(rest: &[u8], raw: bool) -> usize {
    let quote = rest[0];
    let closing: &[u8] = if rest.starts_with(&[quote; 3]) { &[quote; 3] } else { &[quote] };
    let mut at = closing.len();
    while at < rest.len() {
        if rest[at] == b'\\' && !raw {
            at += 2;
        } else if rest[at..].starts_with(closing) {
            return at + closing.len();
        } else {
            at += 1;
        }
    }
    rest.len()
}

fn until(rest: &[u8], byte: u8) -> usize {
    rest.iter().position(|other| *other == byte).unwrap_or(rest.len())
}

/// What a pair of brackets costs, in units of an operator. Measured in a debug build with a stack of 2 MiB: the parser
/// fails on 12 nested brackets, 64 sums or 96 conditions, for it goes through every precedence for each bracket.
pub(super) const BRACKET: usize = 6;

/// About how deep the tree of this expression becomes, in operators. The parser and the evaluator go down the tree on
/// the stack, so what is too deep must not even be parsed. Chains of `&&`, of `||` and of commas are flat: the parser
/// balances them.
pub(super) fn depth(source: &str) -> usize {
    let mut deepest = 0;
    let mut level = Level::default();
    let mut around = Vec::new();
    for (_, token) in tokens(source) {
        match token {
            Token::Open => {
                let start = level.here + BRACKET;
                around.push(std::mem::replace(&mut level, Level { start, base: start, operators: 0, here: start }));
            }
            // What is called or indexed becomes part of what follows, one level deeper.
            Token::Close => {
                level = around.pop().unwrap_or_default();
                level.here += 1;
            }
            Token::Comma => level.restart(level.start),
            Token::Question => level.restart(level.base + 1),
            Token::And | Token::Or | Token::Colon => level.restart(level.base),
            Token::Operator => {
                level.operators += 1;
                level.here = level.base + level.operators;
            }
            Token::Dot => level.here += 1,
            Token::Rest => {}
        }
        deepest = deepest.max(level.here);
    }
    deepest
}

/// Between two brackets: chains of operators of one kind lean to one side, each link a level deeper, while what
/// binds tighter hangs beside them.
#[derive(Default)]
struct Level {
    start: usize,
    base: usize,
    operators: usize,
    here: usize,
}

impl Level {
    fn restart(&mut self, base: usize) {
        *self = Self { start: self.start, base, operators: 0, here: base };
    }
}

/// The texts between `&&` outside of brackets, strings and comments; one text if there is no such `&&`. Takes no
/// notice of `||` or `? :`, so the caller must know that the expression is a conjunction.
pub(crate) fn split_clauses(source: &str) -> Vec<&str> {
    let (mut clauses, mut start, mut open) = (Vec::new(), 0, 0_usize);
    for (at, token) in tokens(source) {
        match token {
            Token::Open => open += 1,
            Token::Close => open = open.saturating_sub(1),
            Token::And if open == 0 => {
                clauses.push(source[start..at].trim());
                start = at + 2;
            }
            _ => {}
        }
    }
    clauses.push(source[start..].trim());
    clauses
}

#[cfg(test)]
mod tests {
    use super::{depth, split_clauses};

    #[test]
    fn clauses_are_split_at_every_and_outside_of_brackets() {
        assert_eq!(split_clauses("a && (b && c) && [d && e]"), ["a", "(b && c)", "[d && e]"]);
    }

    #[test]
    fn an_and_inside_a_string_or_a_comment_splits_nothing() {
        assert_eq!(split_clauses(r#"a == "x && y" && b"#), [r#"a == "x && y""#, "b"]);
        assert_eq!(split_clauses(r"a == 'it\'s && so' && b"), [r"a == 'it\'s && so'", "b"]);
        assert_eq!(split_clauses(r"a == r'\' && b"), [r"a == r'\'", "b"]);
        assert_eq!(split_clauses("a == '''x ' && y''' && b"), ["a == '''x ' && y'''", "b"]);
        assert_eq!(split_clauses("a // && not here\n && b"), ["a // && not here", "b"]);
        assert_eq!(split_clauses("'ä' != a && 'ö' != b"), ["'ä' != a", "'ö' != b"]);
    }

    #[test]
    fn one_clause_is_itself() {
        assert_eq!(split_clauses(" a || b "), ["a || b"]);
        assert_eq!(split_clauses("'unclosed && string"), ["'unclosed && string"]);
    }

    #[test]
    fn chains_of_clauses_are_flat_and_everything_else_is_deep() {
        assert_eq!(depth("a && b && c || d || e"), 0);
        assert_eq!(depth("[a, b, c, d]"), 6);
        assert_eq!(depth("a + b + c"), 2);
        assert_eq!(depth("user.a + ' ' + user.b"), 3);
        assert_eq!(depth("a == 1 ? b : c == 2 ? d : e"), 2);
        assert_eq!(depth("((a))"), 12);
        assert_eq!(depth("!!!a"), 3);
        assert_eq!(depth("a.b.c[0].d()"), 10);
        assert_eq!(depth("'a.b.c.d'"), 0);
    }
}
