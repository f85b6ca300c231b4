//! Keys: names and logins as 128 bits, which is all that comparing them needs.
//!
//! A directory of a million people names each of them twice at least, so a key is made without the normalised text: each
//! part of a name is written into one buffer that is used again, and hashed there together with the key of what is
//! above it. Nearly all names are plain ASCII and stand beside the name before, so plain parts are read in one pass and
//! the keys of the last few parents are kept. Whatever is not plain is read by [`crate::dn`], which says what a name is.

use crate::dn::{normalise, relative_name};

/// What equal names, or equal logins, share.
pub(crate) type Key = (u64, u64);

/// How many parents are remembered: users, groups and members take turns in a handful of containers.
const PARENTS: usize = 8;
/// Room for the key of what is above, in front of each part of a name.
const ABOVE: [u8; 16] = [0; 16];
/// The key of the empty name, which is above everything.
const ROOT: Key = (0, 0);
/// Types that are written in their short form nearly always.
const SHORT_TYPES: [&str; 5] = ["uid", "cn", "ou", "dc", "o"];

/// Makes keys.
#[derive(Debug, Default)]
pub(crate) struct Keys {
    /// The parts of the name at hand, each behind room for a key.
    buffer: Vec<u8>,
    /// Where in the buffer the parts of its parent begin and end.
    ends: Vec<usize>,
    /// Parents as they were spelled, with their keys.
    parents: Vec<(String, Key)>,
    /// The parent that goes next.
    oldest: usize,
}

impl Keys {
    /// The key of a distinguished name; nothing if it is none.
    pub(crate) fn name(&mut self, text: &str) -> Option<Key> {
        let text = text.trim();
        if text.is_empty() {
            return Some(ROOT);
        }
        self.buffer.clear();
        let above = part(text, &mut self.buffer)?;
        let end = self.buffer.len();
        let parent = match above {
            None => ROOT,
            Some(above) => self.parent(above)?,
        };
        Some(hash_below(parent, &mut self.buffer[..end]))
    }

    /// The key of a login. Logins are compared in any case: `uid` is, though `memberUid` is not.
    pub(crate) fn login(&mut self, text: &str) -> Key {
        self.buffer.clear();
        if text.is_ascii() {
            for word in text.split(char::is_whitespace).filter(|word| !word.is_empty()) {
                if !self.buffer.is_empty() {
                    self.buffer.push(b' ');
                }
                self.buffer.extend(word.bytes().map(|byte| byte.to_ascii_lowercase()));
            }
        } else {
            self.buffer.extend_from_slice(normalise(text).as_bytes());
        }
        hash(&self.buffer)
    }

    /// The key of the name above the one at hand, whose parts are written behind its own.
    fn parent(&mut self, text: &str) -> Option<Key> {
        if let Some((_, key)) = self.parents.iter().find(|(known, _)| known == text) {
            return Some(*key);
        }
        self.ends.clear();
        self.ends.push(self.buffer.len());
        let mut above = Some(text);
        while let Some(rest) = above {
            above = part(rest, &mut self.buffer)?;
            self.ends.push(self.buffer.len());
        }
        let mut key = ROOT;
        for at in (1..self.ends.len()).rev() {
            key = hash_below(key, &mut self.buffer[self.ends[at - 1]..self.ends[at]]);
        }
        self.remember(text, key);
        Some(key)
    }

    fn remember(&mut self, text: &str, key: Key) {
        if self.parents.len() < PARENTS {
            self.parents.push((text.to_owned(), key));
            return;
        }
        let (known, its_key) = &mut self.parents[self.oldest];
        known.clear();
        known.push_str(text);
        *its_key = key;
        self.oldest = (self.oldest + 1) % PARENTS;
    }
}

/// The hash of a part of a name together with the key of what is above it, for which it has left room.
fn hash_below(above: Key, part: &mut [u8]) -> Key {
    let (room, _) = part.split_at_mut(ABOVE.len());
    room[..8].copy_from_slice(&above.0.to_be_bytes());
    room[8..].copy_from_slice(&above.1.to_be_bytes());
    hash(part)
}

fn hash(bytes: &[u8]) -> Key {
    let [a, b, c, d, e, f, g, h, i, j, k, l, m, n, o, p, ..] = *blake3::hash(bytes).as_bytes();
    (u64::from_be_bytes([a, b, c, d, e, f, g, h]), u64::from_be_bytes([i, j, k, l, m, n, o, p]))
}

/// Writes the first part of a name behind room for a key, and returns what is above it, if anything is.
fn part<'a>(text: &'a str, out: &mut Vec<u8>) -> Option<Option<&'a str>> {
    out.extend_from_slice(&ABOVE);
    let start = out.len();
    if let Some(above) = plain_part(text, out) {
        return Some(above);
    }
    out.truncate(start);
    let (part, more, rest) = relative_name(text)?;
    out.extend_from_slice(part.as_bytes());
    Some(more.then_some(rest))
}

/// As [`part`], for a single value in ASCII without escapes, after one of the usual types; nothing for any other.
fn plain_part<'a>(text: &'a str, out: &mut Vec<u8>) -> Option<Option<&'a str>> {
    let (kind, rest) = text.split_once('=')?;
    let kind = kind.trim();
    let kind = SHORT_TYPES.iter().find(|short| kind.eq_ignore_ascii_case(short))?;
    out.extend_from_slice(kind.as_bytes());
    out.push(b'=');
    let value = rest.trim_start_matches(' ');
    if value.starts_with(['"', '#']) {
        return None;
    }
    let start = out.len();
    let mut gap = false;
    for (at, byte) in value.bytes().enumerate() {
        match byte {
            b',' | b';' => {
                let above = &value[at + 1..];
                // A separator with nothing behind it is a name that was cut off.
                return (!above.trim().is_empty()).then_some(Some(above));
            }
            b'+' | b'\\' | b'"' | 0 | 128.. => return None,
            b'\t'..=b'\r' | b' ' => gap = out.len() > start,
            byte => {
                if gap {
                    out.push(b' ');
                    gap = false;
                }
                if byte == b'=' {
                    out.push(b'\\');
                }
                out.push(byte.to_ascii_lowercase());
            }
        }
    }
    Some(None)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::dn::{Dn, without_unique_identifier};

    /// Odd names, of which some are equal and some are none.
    const ODD: [&str; 40] = [
        "",
        " ",
        "uid=a",
        "UID = A",
        "uid=a,dc=lab",
        "uid=a , DC=lab",
        "uid=a;dc=lab",
        "userid=a,dc=lab",
        "0.9.2342.19200300.100.1.1=a,dc=lab",
        "OID.0.9.2342.19200300.100.1.1=a,dc=lab",
        "uid=#040161,dc=lab",
        "uid=\"a\",dc=lab",
        "uid=\\61,dc=lab",
        "uid=a+cn=b,dc=lab",
        "cn=b+uid=a,dc=lab",
        "cn=b\\+uid\\=a,dc=lab",
        "cn=b=c,dc=lab",
        "cn=b\\=c,dc=lab",
        "cn=a  b,dc=lab",
        "cn=a\tb,dc=lab",
        "cn=a\u{b}b,dc=lab",
        "cn=\\ a b\\ ,dc=lab",
        "cn= a b ,dc=lab",
        "cn=a\u{a0}b,dc=lab",
        "cn=STRASSE,dc=lab",
        "cn=straße,dc=lab",
        "cn=J\u{fc}rgen,ou=B\u{fc}ro,dc=lab",
        "cn=Ju\u{308}rgen,ou=BU\u{308}RO,dc=lab",
        "cn=,dc=lab",
        "cn=\\,,dc=lab",
        "cn=a,",
        "cn=a,,dc=lab",
        "cn=a,dc=",
        "cn=a\0,dc=lab",
        "cn=\"a,dc=lab",
        "cn=#0,dc=lab",
        "c n=a,dc=lab",
        "employeeNumber=7,dc=lab",
        "EMPLOYEENUMBER=7,dc=lab",
        "cn=a,dc=lab\\ ",
    ];

    #[test]
    fn odd_names_are_equal_by_their_keys_where_they_are_equal_by_their_text() {
        let mut keys = Keys::default();
        for one in ODD {
            for other in ODD {
                let (new, old) = ((keys.name(one), keys.name(other)), (Dn::parse(one), Dn::parse(other)));
                assert_eq!((new.0.is_some(), new.1.is_some()), (old.0.is_some(), old.1.is_some()), "{one:?} {other:?}");
                assert_eq!(new.0 == new.1, old.0 == old.1, "{one:?} {other:?}");
            }
        }
    }

    #[test]
    fn a_key_does_not_depend_on_which_parents_are_remembered() {
        let names: Vec<String> = (0..3 * PARENTS).map(|n| format!("uid=a,ou=o{n},dc=lab")).collect();
        let mut keys = Keys::default();
        for name in names.iter().chain(names.iter().rev()) {
            assert_eq!(keys.name(name), Keys::default().name(name));
        }
        assert!(keys.parents.len() <= PARENTS);
    }

    #[test]
    fn a_name_with_very_many_parts_is_no_trouble() {
        let deep = vec!["ou=a"; 100_000].join(",");
        assert!(Keys::default().name(&deep).is_some());
        assert_eq!(Keys::default().name(&format!("{deep},=")), None);
    }

    fn name() -> impl Strategy<Value = String> {
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
            2 => "[aA =\t\u{b}]{0,4}",
            2 => "\\PC{0,4}",
            1 => "\\\\[0-9a-c,+=\\\\ ]{1,2}[a-b]{0,2}",
            1 => "#0401[46]1",
            1 => "\"[a, +]{0,3}\"",
        ];
        let part = (kind, value).prop_map(|(kind, value)| format!("{kind}={value}"));
        prop::collection::vec((part, prop::sample::select(vec![",", ", ", ";", "+", " + ", ",,"])), 1..5).prop_map(
            |parts| {
                let mut name: String = parts.iter().map(|(part, separator)| format!("{part}{separator}")).collect();
                name.truncate(name.trim_end_matches([',', ';', '+', ' ']).len());
                name
            },
        )
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        #[test]
        fn keys_are_equal_exactly_where_the_normalised_names_are(names in prop::collection::vec(name(), 2..12)) {
            let mut keys = Keys::default();
            let both: Vec<_> = names.iter().map(|name| (keys.name(name), Dn::parse(name))).collect();
            for ((one, old_one), name) in both.iter().zip(&names) {
                prop_assert_eq!(one.is_some(), old_one.is_some(), "{:?}", name);
                for (other, old_other) in &both {
                    prop_assert_eq!(one == other, old_one == old_other, "{:?}", names);
                }
            }
        }

        #[test]
        fn any_text_is_a_name_to_both_or_to_neither(text in "\\PC{0,40}", tail in "[cnou=,;+\\\\\"# 0-9a-f]{0,40}") {
            let mut keys = Keys::default();
            for text in [text.as_str(), tail.as_str(), without_unique_identifier(&tail)] {
                prop_assert_eq!(keys.name(text).is_some(), Dn::parse(text).is_some(), "{:?}", text);
            }
        }

        #[test]
        fn logins_are_compared_as_their_normalised_text(one in "[aA\u{e9}\u{c9} \t]{0,3}", other in "[aA\u{e9}\u{c9} \t]{0,3}") {
            let mut keys = Keys::default();
            prop_assert_eq!(keys.login(&one) == keys.login(&other), normalise(&one) == normalise(&other));
        }
    }
}
