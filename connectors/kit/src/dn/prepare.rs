//! The form in which values of names are compared, after the string preparation of RFC 4518.

use std::borrow::Cow;

use unicode_normalization::UnicodeNormalization as _;

/// The form in which two texts are compared that directories take for one: NFKC, lower case, without characters that nobody
/// sees, runs of white space as one space, and none at the ends.
///
/// This is RFC 4518 but for two of its steps. `ß` stays `ß`, as in OpenLDAP: with `ss` for it, Hans Groß and Hans Gross
/// of one department would be one entry. And nothing is prohibited: what a server has taken as a name is one.
#[must_use]
pub fn prepare(text: &str) -> String {
    if text.is_ascii() && !text.bytes().any(is_unseen) {
        return words(&text.to_ascii_lowercase());
    }
    let seen: Cow<'_, str> = match text.chars().any(is_nothing) {
        true => Cow::Owned(text.chars().filter(|c| !is_nothing(*c)).collect()),
        false => Cow::Borrowed(text),
    };
    let folded: String = seen.nfkc().flat_map(char::to_lowercase).map(sigma).nfkc().collect();
    words(&folded)
}

/// Whether a byte of ASCII counts for nothing: a control character that is no white space.
pub(super) fn is_unseen(byte: u8) -> bool {
    matches!(byte, 0..=8 | 14..=31 | 127)
}

/// Characters that RFC 4518, section 2.2, maps to nothing.
fn is_nothing(c: char) -> bool {
    u8::try_from(c).is_ok_and(is_unseen)
        || matches!(c,
            '\u{80}'..='\u{84}' | '\u{86}'..='\u{9f}' | '\u{ad}' | '\u{34f}' | '\u{6dd}' | '\u{70f}'
            | '\u{1806}' | '\u{180b}'..='\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{2063}' | '\u{206a}'..='\u{206f}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}'
            | '\u{fff9}'..='\u{fffc}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0001}' | '\u{e0020}'..='\u{e007f}')
}

/// The one letter that has two lower forms, of which the one at the end of a word is the other in upper case.
fn sigma(c: char) -> char {
    if c == 'ς' { 'σ' } else { c }
}

/// The words of a text, with one space between them.
fn words(text: &str) -> String {
    let mut result = String::with_capacity(text.len());
    for word in text.split(char::is_whitespace).filter(|word| !word.is_empty()) {
        if !result.is_empty() {
            result.push(' ');
        }
        result.push_str(word);
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_directories_take_for_one_text_is_one() {
        for (one, other) in [
            ("Büro", "BU\u{308}RO"),
            (" a \t b ", "A b"),
            ("ΟΔΟΣ", "οδος"),
            ("ﬁn", "FIN"),
            ("Ｆｕｌｌ", "full"),
            ("a\u{a0}b\u{2003}c", "a b c"),
            ("Sa\u{ad}les\u{200b}\u{feff}\u{1}", "sales"),
        ] {
            assert_eq!(prepare(one), prepare(other), "{one:?} and {other:?}");
        }
    }

    #[test]
    fn letters_with_and_without_a_mark_and_sharp_s_stay_different() {
        for (one, other) in [("Müller", "Muller"), ("Groß", "Gross"), ("ı", "i"), ("a b", "ab")] {
            assert_ne!(prepare(one), prepare(other), "{one:?} and {other:?}");
        }
    }

    #[test]
    fn what_is_prepared_stays_as_it_is() {
        // All characters of the planes that have letters with several forms, and a sample of the others.
        let several = ('\0'..='\u{1ffff}').chain(('\u{20000}'..=char::MAX).step_by(97));
        for c in several {
            let text = format!("a{c}\u{308}b");
            let once = prepare(&text);
            assert_eq!(prepare(&once), once, "{c:?}");
        }
    }
}
