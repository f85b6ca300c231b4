//! The clauses of `a && b && c`, as they are written, so that the one that decided can be quoted.

/// The texts between `&&` outside of brackets, strings and comments; one text if there is no such `&&`. Only a guess
/// about structure: it takes no notice of `||` or `? :`, so the caller must know that the expression is a conjunction.
pub(crate) fn split(source: &str) -> Vec<&str> {
    let bytes = source.as_bytes();
    let (mut clauses, mut start, mut depth, mut at) = (Vec::new(), 0, 0_u32, 0);
    while at < bytes.len() {
        match bytes[at] {
            b'"' | b'\'' => at = string_end(bytes, at),
            b'/' if bytes.get(at + 1) == Some(&b'/') => {
                at += bytes[at..].iter().position(|byte| *byte == b'\n').unwrap_or(bytes.len() - at);
            }
            b'(' | b'[' | b'{' => (depth, at) = (depth + 1, at + 1),
            b')' | b']' | b'}' => (depth, at) = (depth.saturating_sub(1), at + 1),
            b'&' if depth == 0 && bytes.get(at + 1) == Some(&b'&') => {
                clauses.push(source[start..at].trim());
                at += 2;
                start = at;
            }
            _ => at += 1,
        }
    }
    clauses.push(source[start..].trim());
    clauses
}

/// The place behind a string that begins at `at`: one quote or three, raw behind an `r`.
fn string_end(bytes: &[u8], at: usize) -> usize {
    let quote = bytes[at];
    let raw = at > 0
        && matches!(bytes[at - 1], b'r' | b'R')
        && !(at > 1 && (bytes[at - 2].is_ascii_alphanumeric() || bytes[at - 2] == b'_') && !matches!(bytes[at - 2], b'b' | b'B'));
    let triple = bytes[at..].starts_with(&[quote; 3]);
    let closing: &[u8] = if triple { &[quote; 3] } else { &[quote] };
    let mut at = at + closing.len();
    while at < bytes.len() {
        if bytes[at] == b'\\' && !raw {
            at += 2;
        } else if bytes[at..].starts_with(closing) {
            return at + closing.len();
        } else {
            at += 1;
        }
    }
    bytes.len()
}

#[cfg(test)]
mod tests {
    use super::split;

    #[test]
    fn clauses_are_split_at_every_and_outside_of_brackets() {
        assert_eq!(split("a && (b && c) && [d && e]"), ["a", "(b && c)", "[d && e]"]);
    }

    #[test]
    fn an_and_inside_a_string_or_a_comment_splits_nothing() {
        assert_eq!(split(r#"a == "x && y" && b"#), [r#"a == "x && y""#, "b"]);
        assert_eq!(split(r"a == 'it\'s && so' && b"), [r"a == 'it\'s && so'", "b"]);
        assert_eq!(split(r"a == r'\' && b"), [r"a == r'\'", "b"]);
        assert_eq!(split("a == '''x ' && y''' && b"), ["a == '''x ' && y'''", "b"]);
        assert_eq!(split("a // && not here\n && b"), ["a // && not here", "b"]);
    }

    #[test]
    fn one_clause_is_itself() {
        assert_eq!(split(" a || b "), ["a || b"]);
        assert_eq!(split("'unclosed && string"), ["'unclosed && string"]);
    }
}
