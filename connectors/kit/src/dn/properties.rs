//! Whatever a name is made of and however it is written, it is the same name; and the fast ways of reading say what the
//! thorough one says.

use std::collections::BTreeSet;

use proptest::prelude::*;
use unicode_normalization::UnicodeNormalization as _;

use super::read::oracle;
use super::*;

/// Types with all of their names.
const TYPES: [&[&str]; 6] = [
    &["cn", "commonName", "2.5.4.3"],
    &["ou", "organizationalUnitName", "2.5.4.11", "OID.2.5.4.11"],
    &["dc", "domainComponent", "0.9.2342.19200300.100.1.25"],
    &["uid", "userId", "0.9.2342.19200300.100.1.1"],
    &["street", "streetAddress", "2.5.4.9"],
    &["employeeNumber"],
];

/// A type and a value; several of them are a part, several parts a name.
type Pair = (usize, String);

/// What decides between spellings: numbers that come round again.
#[derive(Debug)]
struct Choices {
    numbers: Vec<u8>,
    next: usize,
}

impl Choices {
    fn of(&mut self, several: usize) -> usize {
        self.next = (self.next + 1) % self.numbers.len();
        usize::from(self.numbers[self.next]) % several
    }

    fn one<'a>(&mut self, several: &[&'a str]) -> &'a str {
        several[self.of(several.len())]
    }
}

fn choices() -> impl Strategy<Value = Choices> {
    prop::collection::vec(any::<u8>(), 1..60).prop_map(|numbers| Choices { numbers, next: 0 })
}

fn names() -> impl Strategy<Value = Vec<Vec<Pair>>> {
    let value = prop_oneof![
        4 => "[a-cA-C]{1,3}",
        4 => "[aBäÖé\u{308}ßΣ字ﬁ ,;+=\"\\\\<>#\t-]{0,8}",
        1 => "\\PC{0,6}",
    ];
    prop::collection::vec(prop::collection::vec((0..TYPES.len(), value), 1..3), 1..4)
}

/// What a name is, by another way than the parser's.
fn meaning(name: &[Vec<Pair>]) -> Vec<BTreeSet<(usize, String)>> {
    name.iter().map(|part| part.iter().map(|(kind, value)| (*kind, prepare(value))).collect()).collect()
}

/// One of the ways to write a name.
fn spell(name: &[Vec<Pair>], by: &mut Choices) -> String {
    let mut text = by.one(&["", "", " "]).to_owned();
    for (at, part) in name.iter().enumerate() {
        if at > 0 {
            text += by.one(&[",", ",", ", ", ";", " ,  "]);
        }
        let turned: Vec<&Pair> = if by.of(2) == 0 { part.iter().collect() } else { part.iter().rev().collect() };
        for (at, (kind, value)) in turned.into_iter().enumerate() {
            if at > 0 {
                text += by.one(&["+", " + "]);
            }
            let kind = by.one(TYPES[*kind]);
            text += &if by.of(2) == 0 { kind.to_owned() } else { kind.to_uppercase() };
            text += by.one(&["=", "=", " = "]);
            text += &spell_value(value, by);
        }
    }
    text + by.one(&["", "", " "])
}

fn spell_value(value: &str, by: &mut Choices) -> String {
    let value: String = match by.of(3) {
        0 => value.to_owned(),
        1 => value.nfc().collect(),
        _ => value.nfd().collect(),
    };
    let value = if by.of(3) == 0 { value.replace(' ', "  ") } else { value };
    match by.of(6) {
        0 if value.len() < 128 => {
            let digits: String = value.bytes().map(|byte| format!("{byte:02X}")).collect();
            format!("#{}{:02x}{digits}", by.one(&["0c", "04", "13"]), value.len())
        }
        1 => format!("\"{}\"", value.chars().map(|c| spell_char(c, &['"', '\\'], by)).collect::<String>()),
        _ => value.chars().map(|c| spell_char(c, &[',', ';', '+', '"', '\\', '#'], by)).collect(),
    }
}

/// A character as it is, behind a backslash, or as the digits of its bytes; these must not stand as they are.
fn spell_char(c: char, not_plain: &[char], by: &mut Choices) -> String {
    let may_be_plain = !not_plain.contains(&c);
    let mut buffer = [0; 4];
    match by.of(5) {
        0 => c.encode_utf8(&mut buffer).bytes().map(|byte| format!("\\{byte:02x}")).collect(),
        1 if " \"#+,;<=>\\".contains(c) => format!("\\{c}"),
        2 if c.is_ascii_lowercase() => c.to_ascii_uppercase().to_string(),
        _ if may_be_plain => c.to_string(),
        _ => format!("\\{c}"),
    }
}

/// Odd names, of which some are equal and some are none.
fn odd() -> impl Strategy<Value = String> {
    let kind = prop::sample::select(vec![
        "uid",
        "CN",
        "ou ",
        " dc",
        "o",
        "userid",
        "OID.2.5.4.3",
        "2.5.4.11",
        "employeeNumber",
        "x y",
        "",
    ]);
    let value = prop_oneof![
        4 => "[abAB]{1,3}",
        2 => "[aA =<#\t\u{b}\u{1}\u{7f}]{0,4}",
        2 => "\\PC{0,4}",
        1 => "\\\\[0-9a-c,+=\\\\ ]{1,2}[a-b]{0,2}",
        1 => "#0401[46]1",
        1 => "\"[a, +]{0,3}\"",
    ];
    let part = (kind, value).prop_map(|(kind, value)| format!("{kind}={value}"));
    let separator = prop::sample::select(vec![",", ", ", ";", "+", " + ", ",,"]);
    prop::collection::vec((part, separator), 1..5).prop_map(|parts| {
        let mut name: String = parts.iter().map(|(part, separator)| format!("{part}{separator}")).collect();
        name.truncate(name.trim_end_matches([',', ';', '+', ' ']).len());
        name
    })
}

proptest! {
    #![proptest_config(crate::damage::cases(2_000))]

    #[test]
    fn a_name_is_the_same_however_it_is_written(name in names(), mut one in choices(), mut other in choices()) {
        let (one, other) = (spell(&name, &mut one), spell(&name, &mut other));
        let parsed = Dn::parse(&one);
        prop_assert!(parsed.is_ok(), "{one:?}: {parsed:?}");
        prop_assert_eq!(&parsed, &Dn::parse(&other), "{:?} and {:?}", one, other);
        let mut keys = Keys::default();
        prop_assert_eq!(keys.name(&one), keys.name(&other), "{:?} and {:?}", one, other);
    }

    #[test]
    fn names_are_the_same_only_if_they_are_made_of_the_same(one in names(), other in names(), mut by in choices()) {
        let (first, second) = (Dn::parse(&spell(&one, &mut by)), Dn::parse(&spell(&other, &mut by)));
        prop_assert_eq!(first == second, meaning(&one) == meaning(&other));
    }

    #[test]
    fn what_is_shown_of_a_name_is_that_name(name in names(), mut by in choices()) {
        let dn = Dn::parse(&spell(&name, &mut by)).unwrap();
        prop_assert_eq!(Dn::parse(&dn.to_string()), Ok(dn));
    }

    #[test]
    fn the_name_above_is_the_name_without_its_own_part(name in names(), mut by in choices()) {
        let text = spell(&name, &mut by);
        let without = above(&text).map(|above| Dn::parse(above).unwrap());
        prop_assert_eq!(without.is_some(), name.len() > 1);
        if let Some(above) = without {
            prop_assert!(Dn::parse(&text).unwrap().is_within(&above));
            prop_assert_eq!(above, Dn::parse(&spell(&name[1..], &mut by)).unwrap());
        }
    }

    #[test]
    fn keys_are_equal_exactly_where_the_names_are(names in prop::collection::vec(odd(), 2..8)) {
        let mut keys = Keys::default();
        let both: Vec<_> = names.iter().map(|name| (keys.name(name), Dn::parse(name).ok())).collect();
        for ((key, dn), name) in both.iter().zip(&names) {
            prop_assert_eq!(key.is_some(), dn.is_some(), "{:?}", name);
            for (other_key, other_dn) in &both {
                prop_assert_eq!(key == other_key, dn == other_dn, "{:?}", names);
            }
        }
    }

    #[test]
    fn the_fast_way_of_reading_says_what_the_thorough_one_says(name in odd(), text in "[cnou=,; \t#<>a-bA\u{1}\"\\\\+]{0,12}") {
        for text in [name, format!("ou={text}"), text] {
            if let Some(plain) = oracle::plain(&text) {
                prop_assert_eq!(Some(plain), oracle::any(&text), "{:?}", text);
            }
        }
    }

    #[test]
    fn no_bytes_make_the_parser_fail_badly(
        bytes in prop::collection::vec(any::<u8>(), 0..80),
        text in "\\PC{0,60}",
        tail in "[cnou=,;+\\\\\"# 0-9a-f\u{e9}]{0,40}",
    ) {
        let mut keys = Keys::default();
        for text in [String::from_utf8_lossy(&bytes).into_owned(), text, tail] {
            let parsed = Dn::parse(&text);
            prop_assert_eq!(parsed.is_ok(), keys.name(&text).is_some(), "{:?}", text);
            if let Err(error) = parsed {
                prop_assert!(error.at <= text.chars().count(), "{:?}: {}", text, error);
            }
            let _ = (above(&text), without_unique_identifier(&text));
        }
    }

    #[test]
    fn plain_text_is_prepared_as_any_other(value in "[ -~\t\u{b}\u{1}]{0,20}") {
        // A letter that is not ASCII makes it take the thorough way.
        let thorough = prepare(&format!("é {value}"));
        prop_assert_eq!(prepare(&format!("e {value}")), thorough.replacen('é', "e", 1));
    }

    #[test]
    fn logins_are_compared_as_their_prepared_text(one in "[aA\u{e9}\u{c9} \t\u{1}]{0,3}", other in "[aA\u{e9}\u{c9} \t]{0,3}") {
        let mut keys = Keys::default();
        prop_assert_eq!(keys.login(&one) == keys.login(&other), prepare(&one) == prepare(&other));
    }
}
