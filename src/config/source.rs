//! One configuration file as text: where a byte stands, and how a line of it may be shown.
//!
//! Lines are shown beside errors, and errors end up in logs. So a line whose key sounds like a secret is shown without
//! its value, and so is one that carries a URL with credentials: somebody who wrote the secret itself where a
//! reference belongs must not have it copied into a log by the very error that tells them.

use std::fmt::Write as _;
use std::ops::Range;
use std::path::{Path, PathBuf};

/// Where something stands in a file, and what the line looks like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The line, counted from 1.
    pub line: usize,
    /// The column in characters, counted from 1.
    pub column: usize,
    /// How many characters of the line are meant; at least one.
    pub length: usize,
    /// The line as it may be shown: without the value of a secret.
    pub text: String,
}

impl Place {
    /// The line with a caret below it, each behind a gutter; ends without a line feed.
    #[must_use]
    pub fn excerpt(&self) -> String {
        let number = self.line.to_string();
        let gutter = " ".repeat(number.len());
        // A tab is kept as a tab, so that the caret stands where the editor would put it.
        let pad: String = self.text.chars().take(self.column - 1).map(|c| if c == '\t' { '\t' } else { ' ' }).collect();
        let mut text = String::new();
        let _ = write!(text, "  {gutter} |\n  {number} | {}\n  {gutter} | {pad}{}", self.text, "^".repeat(self.length));
        text
    }
}

/// A file of the configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    path: PathBuf,
    text: String,
}

impl Source {
    /// Takes a file's text.
    #[must_use]
    pub fn new(path: impl Into<PathBuf>, text: impl Into<String>) -> Self {
        Self { path: path.into(), text: text.into() }
    }

    /// Where the file is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What is in it.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The place of a range of bytes. A range that goes on over the end of its line is cut there.
    #[must_use]
    pub fn place(&self, span: &Range<usize>) -> Place {
        let start = floor(&self.text, span.start.min(self.text.len()));
        let line_start = self.text[..start].rfind('\n').map_or(0, |at| at + 1);
        let line_end = self.text[start..].find('\n').map_or(self.text.len(), |at| start + at);
        let line = self.text[line_start..line_end].trim_end_matches('\r');
        let end = floor(&self.text, span.end.clamp(start, line_end));
        let text = self.shown(line, line_start);
        let width = text.chars().count();
        let column = self.text[line_start..start].chars().count().min(width) + 1;
        let length = self.text[start..end].chars().count().min((width + 1).saturating_sub(column)).max(1);
        Place { line: self.text[..line_start].matches('\n').count() + 1, column, length, text }
    }

    /// A line as it may be shown.
    fn shown(&self, line: &str, line_start: usize) -> String {
        if inside_multiline_string(&self.text[..line_start]) {
            return "…".to_owned();
        }
        let visible = visible(line);
        if visible < line.len() { format!("{} …", line[..visible].trim_end()) } else { line.to_owned() }
    }
}

/// How many bytes of a line may be shown: all, or those before what could be a secret. Knows no more of TOML than words
/// and quotes, because it must hold for lines that are not TOML: `token = hunter2`, `token "hunter2"`.
fn visible(line: &str) -> usize {
    let mut at = 0;
    while let Some(c) = line[at..].chars().next() {
        let rest = &line[at..];
        if c == '"' || c == '\'' {
            let end = rest[1..].find(c).map_or(rest.len(), |end| end + 2);
            if has_credentials(&rest[..end]) {
                return at;
            }
            at += end;
        } else if is_word(c) {
            let end = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
            at += end;
            if is_sensitive(&rest[..end])
                && let Some(hidden) = hidden(&line[at..])
            {
                return at + hidden;
            }
        } else {
            at += c.len_utf8();
        }
    }
    line.len()
}

/// Where, behind a word that sounds like a secret, the secret could begin; nowhere if a reference or a heading follows.
fn hidden(behind: &str) -> Option<usize> {
    let rest = behind.trim_start();
    if rest.is_empty() || rest.starts_with(']') {
        return None;
    }
    if let Some(rest) = rest.strip_prefix('.') {
        return (!is_reference(rest)).then_some(0);
    }
    let Some(value) = rest.strip_prefix('=').map(str::trim_start) else { return Some(0) };
    let referred = value.is_empty() || value.strip_prefix('{').is_some_and(|inner| is_reference(inner.trim_start()));
    (!referred).then(|| behind.len() - rest.len() + 1)
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '-')
}

/// Whether a URL carries a user name or a password.
fn has_credentials(quoted: &str) -> bool {
    quoted.find("://").is_some_and(|at| {
        let authority = quoted[at + 3..].split(['/', '?', '#']).next().unwrap_or_default();
        authority.contains('@')
    })
}

/// Whether a key sounds as if its value were a secret, also when it is mistyped (`tokn`).
fn is_sensitive(key: &str) -> bool {
    let key = key.to_lowercase();
    if ["_url", "_id", "_file"].iter().any(|end| key.ends_with(end)) {
        return false;
    }
    let sounds = |part: &str| {
        ["token", "secret", "password", "passwd", "credential"]
            .iter()
            .any(|word| part.contains(word) || part.len() >= 4 && strsim::damerau_levenshtein(part, word) <= 2)
            || ["pass", "pw", "pwd", "key", "bearer"].contains(&part)
    };
    key.split(|c: char| !c.is_alphanumeric()).any(sounds)
}

/// Whether a reference to a secret begins here: it may be shown.
fn is_reference(text: &str) -> bool {
    ["env", "file", "credential"].iter().any(|word| text.starts_with(word))
}

/// Whether the text before a line leaves a multi-line string open.
fn inside_multiline_string(before: &str) -> bool {
    [r#"""""#, "'''"].iter().any(|quotes| before.matches(quotes).count() % 2 == 1)
}

/// The nearest character boundary at or before an index.
fn floor(text: &str, mut at: usize) -> usize {
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(text: &str, needle: &str) -> Place {
        let at = text.find(needle).unwrap();
        Source::new("c.toml", text).place(&(at..at + needle.len()))
    }

    #[test]
    fn a_place_counts_lines_and_characters_from_one() {
        let place = place("a = 1\nb = \"äöü\" # x\n", "# x");
        assert_eq!((place.line, place.column, place.length), (2, 11, 3));
        assert_eq!(place.excerpt(), "    |\n  2 | b = \"äöü\" # x\n    |           ^^^");
    }

    #[test]
    fn the_end_of_the_file_and_ranges_over_several_lines_have_a_place() {
        let source = Source::new("c.toml", "a = [\n1\n");
        assert_eq!((source.place(&(8..8)).line, source.place(&(900..901)).line), (3, 3));
        assert_eq!(source.place(&(4..7)).length, 1);
    }

    #[test]
    fn the_value_of_a_secret_is_never_shown() {
        for line in [
            "token = \"hunter2\"",
            "token = hunter2",
            "token \"hunter2\"",
            "token: hunter2",
            "tokn = \"hunter2\"",
            "client_secret='hunter2'",
            "token = { value = \"hunter2\" }",
            "oauth = { client_id = \"x\", client_secret = \"hunter2\" }",
            "bind_password = [\"hunter2\"]",
            "bind_password.value = \"hunter2\"",
            "url = \"https://me:hunter2@app.test/scim\"",
        ] {
            assert!(!place(line, line).excerpt().contains("hunter2"), "{line}");
        }
        assert!(!place("token = \"\"\"\nhunter2\n\"\"\"", "hunter2").excerpt().contains("hunter2"));
    }

    #[test]
    fn a_reference_to_a_secret_is_shown() {
        for line in [
            "token = { env = \"ACME_TOKEN\" }",
            "token.file = \"/etc/x\"",
            "[organization.acme.target.token]",
            "oauth = { token_url = \"https://login.test/token\", client_secret = { env = \"S\" }, scopes = [\"a\"] }",
            "url = \"https://app.test/token\"",
            "addresses = [\"ceo@acme.com\"]",
        ] {
            assert_eq!(place(line, line).text, line);
        }
    }
}
