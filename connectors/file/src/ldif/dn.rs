//! DNs as keys: two spellings of one DN must meet, whatever the server chose to write.

use std::fmt::Write as _;

/// A DN in the form in which DNs are compared, as a hash: half a gigabyte of DNs becomes 16 bytes each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct DnKey([u8; 16]);

impl DnKey {
    pub(super) fn of(dn: &str) -> Self {
        let mut key = [0; 16];
        key.copy_from_slice(&blake3::hash(fold(dn).as_bytes()).as_bytes()[..16]);
        Self(key)
    }
}

/// Folds a DN (RFC 4514): escapes undone, case and spacing levelled, parts of a multi-valued RDN sorted.
pub(super) fn fold(dn: &str) -> String {
    split(without_bit_string(dn), &[',', ';'])
        .into_iter()
        .map(|rdn| {
            let mut parts: Vec<String> = split(rdn, &['+']).into_iter().map(fold_part).collect();
            parts.sort();
            parts.join("+")
        })
        .collect::<Vec<_>>()
        .join(",")
}

/// The name of the entry above, folded; nothing for the root.
pub(crate) fn parent_of(dn: &str) -> Option<String> {
    match split(dn, &[',', ';']).as_slice() {
        [first, _, ..] => Some(fold(&dn[first.len() + 1..])),
        _ => None,
    }
}

/// `uniqueMember` may carry an optional identifier behind the DN: `cn=ana,dc=acme#'0101'B` (RFC 4517).
fn without_bit_string(dn: &str) -> &str {
    match dn.rsplit_once("#'") {
        Some((front, bits)) if bits.strip_suffix("'B").is_some_and(|b| b.bytes().all(|c| matches!(c, b'0' | b'1'))) => {
            front
        }
        _ => dn,
    }
}

/// Splits at separators that are neither escaped nor quoted.
fn split<'a>(text: &'a str, separators: &[char]) -> Vec<&'a str> {
    let (mut parts, mut start, mut escaped, mut quoted) = (Vec::new(), 0, false, false);
    for (index, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => quoted = !quoted,
            c if !quoted && separators.contains(&c) => {
                parts.push(&text[start..index]);
                start = index + c.len_utf8();
            }
            _ => {}
        }
    }
    parts.push(&text[start..]);
    parts
}

/// `attribute=value`, folded. What was escaped is written as hex again, so that no value can pretend to be a border.
fn fold_part(part: &str) -> String {
    let Some((attribute, value)) = part.split_once('=') else { return part.trim().to_lowercase() };
    let value = unescape(value.trim_start());
    let value = String::from_utf8_lossy(&value).to_lowercase();
    let mut folded = format!("{}=", attribute.trim().to_lowercase());
    for (index, word) in value.split_whitespace().enumerate() {
        if index > 0 {
            folded.push(' ');
        }
        for c in word.chars() {
            if matches!(c, ',' | '+' | ';' | '=' | '\\') {
                let _ = write!(folded, "\\{:02x}", c as u32);
            } else {
                folded.push(c);
            }
        }
    }
    folded
}

/// Undoes `\,`, `\2C` and the quotes of old DNs.
fn unescape(value: &str) -> Vec<u8> {
    let value = value.as_bytes();
    let hex = |index: usize| value.get(index).and_then(|byte| char::from(*byte).to_digit(16));
    let (mut bytes, mut index) = (Vec::with_capacity(value.len()), 0);
    while let Some(byte) = value.get(index) {
        match (byte, hex(index + 1), hex(index + 2)) {
            (b'\\', Some(high), Some(low)) => {
                bytes.push((high * 16 + low) as u8);
                index += 3;
            }
            (b'\\', ..) => {
                bytes.extend(value.get(index + 1));
                index += 2;
            }
            (b'"', ..) => index += 1,
            _ => {
                bytes.push(*byte);
                index += 1;
            }
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_one_dn_meet() {
        let same = [
            (r"cn=Doe\2C John,dc=lab", r"CN=Doe\, John, DC=Lab"),
            ("UID=U0000007, OU=People, DC=LAB", "uid=u0000007,ou=people,dc=lab"),
            ("cn=Ana+uid=7,dc=lab", "UID=7 + CN=ana,dc=lab"),
            ("cn=a  b,dc=lab", "cn=A b ,dc=lab"),
            ("cn=Ana,dc=lab#'0101'B", "cn=ana,dc=lab"),
            (r"cn=M\C3\BCller,dc=lab", "cn=MÜLLER,dc=lab"),
            ("cn=\"Doe, John\",dc=lab", r"cn=doe\, john;dc=lab"),
        ];
        for (left, right) in same {
            assert_eq!(fold(left), fold(right), "{left} and {right}");
            assert_eq!(DnKey::of(left), DnKey::of(right));
        }
    }

    #[test]
    fn an_escaped_comma_is_no_border() {
        assert_ne!(fold(r"cn=a\,ou=b,dc=lab"), fold("cn=a,ou=b,dc=lab"));
        assert_ne!(fold(r"cn=a\+b,dc=lab"), fold("cn=a+b,dc=lab"));
        assert_ne!(fold("cn=ana,ou=x,dc=lab"), fold("cn=ana,ou=y,dc=lab"));
    }
}
