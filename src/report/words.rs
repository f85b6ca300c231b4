//! Numbers, times and foreign text, as people read them.

use jiff::{SignedDuration, Timestamp};

/// A number with its thousands apart: `12,345`.
pub(super) fn number(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A number of things: `1 account`, `12 accounts`.
pub(super) fn count(number: u64, one: &str, many: &str) -> String {
    format!("{} {}", self::number(number), if number == 1 { one } else { many })
}

/// `a`, `a and b`, `a, b and c`.
pub(super) fn listed<T: AsRef<str>>(parts: &[T]) -> String {
    match parts {
        [] => String::new(),
        [one] => one.as_ref().to_owned(),
        [firsts @ .., last] => {
            let firsts: Vec<&str> = firsts.iter().map(AsRef::as_ref).collect();
            format!("{} and {}", firsts.join(", "), last.as_ref())
        }
    }
}

/// A duration, rounded to what matters: `0.4 s`, `12 s`, `31 min`, `2 h 5 min`.
pub(super) fn duration(duration: SignedDuration) -> String {
    let seconds = duration.as_secs().max(0);
    match seconds {
        0..10 if duration.subsec_millis() >= 100 => format!("{seconds}.{} s", duration.subsec_millis() / 100),
        0..120 => format!("{seconds} s"),
        120..7_200 => format!("{} min", (seconds + 30) / 60),
        _ => format!("{} h {} min", seconds / 3_600, seconds % 3_600 / 60),
    }
}

/// A point in time, in UTC and to the second, so that two people on two continents read the same.
pub(super) fn time(time: Timestamp) -> String {
    time.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}

/// A digest as people read it: its beginning.
pub(super) fn short(digest: &str) -> String {
    clean(digest.get(..16).unwrap_or(digest))
}

/// Text that came from elsewhere, made safe to print: control characters and those that turn the direction of writing
/// could rewrite what the terminal shows (a user who calls themselves `ESC [2J` is not a joke), so each is shown as its
/// code point.
pub(super) fn clean(text: &str) -> String {
    let dangerous = |c: char| {
        c.is_control()
            || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
    };
    if !text.contains(dangerous) {
        return text.to_owned();
    }
    text.chars().map(|c| if dangerous(c) { format!("<U+{:04X}>", u32::from(c)) } else { c.to_string() }).collect()
}

/// The same for text of several lines, such as an error that quotes a server or shows a place in a file: line ends and
/// tabs stay.
#[must_use]
pub fn clean_lines(text: &str) -> String {
    let piece = |piece: &str| {
        let end = piece.len() - usize::from(piece.ends_with(['\n', '\t']));
        clean(&piece[..end]) + &piece[end..]
    };
    text.split_inclusive(['\n', '\t']).map(piece).collect()
}

/// A name or an address, made safe to print and short enough for a line: what somebody pasted into a name field is not
/// worth a screen.
pub(super) fn label(text: &str) -> String {
    const LONGEST: usize = 80;
    match text.char_indices().nth(LONGEST) {
        Some((cut, _)) => format!("{}…", clean(&text[..cut])),
        None => clean(text),
    }
}

/// The first letter in upper case, if the first word is a word and not a file, an address or an attribute.
pub(super) fn capital(text: &str) -> String {
    let word = text.split_whitespace().next().unwrap_or_default().trim_end_matches([',', ':', '.']);
    if !word.chars().all(|c| c.is_alphabetic() || c == '\'' || c == '-') {
        return text.to_owned();
    }
    let mut chars = text.chars();
    chars.next().map(|first| first.to_uppercase().chain(chars).collect()).unwrap_or_default()
}

/// A sentence with its full stop.
pub(super) fn sentence(text: &str) -> String {
    let text = capital(text.trim());
    if text.ends_with(['.', '!', '?', ':']) { text } else { format!("{text}.") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_by_thousands() {
        assert_eq!([0, 999, 1_000, 12_345, 1_234_567].map(number), ["0", "999", "1,000", "12,345", "1,234,567"]);
        assert_eq!(count(1, "account", "accounts"), "1 account");
        assert_eq!(count(2_000, "account", "accounts"), "2,000 accounts");
    }

    #[test]
    fn durations_are_rounded_to_what_matters() {
        let text = |milliseconds| duration(SignedDuration::from_millis(milliseconds));
        assert_eq!(text(2_000), "2 s");
        assert_eq!([450, 12_400, 1_860_000, 7_500_000].map(text), ["0.4 s", "12 s", "31 min", "2 h 5 min"]);
    }

    #[test]
    fn a_sentence_begins_with_a_capital_unless_it_begins_with_a_name() {
        assert_eq!(sentence("the target answers"), "The target answers.");
        assert_eq!(sentence("config.toml is sound"), "config.toml is sound.");
        assert_eq!(sentence("https://a.test answers!"), "https://a.test answers!");
    }

    #[test]
    fn foreign_text_cannot_steer_the_terminal() {
        assert_eq!(clean("Eve\u{1b}[2J\r\n\u{202e}x"), "Eve<U+001B>[2J<U+000D><U+000A><U+202E>x");
        assert_eq!(clean("Zoë 田中"), "Zoë 田中");
        assert_eq!(clean_lines("one\u{1b}[2J\n\ttwo\r\n"), "one<U+001B>[2J\n\ttwo<U+000D>\n");
    }
}
