//! Distinguished names: parsing (RFC 4514) and the one form in which they are compared.
//!
//! Servers spell the same name in many ways, and one server spells it differently as an entry's name and as a
//! member: `UID=U7, OU=People` and `uid=u7,ou=People`, `Doe\2C John` and `Doe\, John`. So names are never compared as
//! text: both sides are parsed, normalised and, where there are many, hashed ([`crate::key`]). A normalised name is never
//! sent back to a server.

use unicode_normalization::UnicodeNormalization;

/// A parsed and normalised distinguished name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Dn {
    /// From the entry itself up to the root, each as `type=value` with escapes, parts of a multi-valued one sorted.
    rdns: Vec<String>,
}

impl Dn {
    /// Parses a name; nothing if it is none. The empty name is the root, which is above everything.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut rdns = Vec::new();
        let mut rest = text.trim();
        if rest.is_empty() {
            return Some(Self { rdns });
        }
        loop {
            let (part, more, tail) = relative_name(rest)?;
            rdns.push(part);
            rest = tail;
            if !more {
                return Some(Self { rdns });
            }
        }
    }

    /// Whether this is `other` or lies somewhere below it.
    pub(crate) fn is_within(&self, other: &Self) -> bool {
        self.rdns.ends_with(&other.rdns)
    }
}

/// Reads the first part of a name, normalised, the parts of a multi-valued one sorted; says whether more follows, and
/// what is left.
pub(crate) fn relative_name(text: &str) -> Option<(String, bool, &str)> {
    let (first, mut separator, mut rest) = attribute_and_value(text)?;
    if separator != Some('+') {
        return Some((first, separator.is_some(), rest));
    }
    let mut parts = vec![first];
    while separator == Some('+') {
        let (part, next, tail) = attribute_and_value(rest)?;
        parts.push(part);
        (separator, rest) = (next, tail);
    }
    parts.sort();
    Some((parts.join("+"), separator.is_some(), rest))
}

/// The value of a `member` or `uniqueMember` as a name: without the optional unique identifier (`#'0101'B`) of
/// RFC 4517, section 3.3.21.
pub(crate) fn without_unique_identifier(value: &str) -> &str {
    match value.rsplit_once("#'") {
        Some((name, bits))
            if bits.strip_suffix("'B").is_some_and(|bits| bits.bytes().all(|b| b == b'0' || b == b'1')) =>
        {
            name
        }
        _ => value,
    }
}

/// The name of the entry above, spelled as it stands, so that it can be sent to the server it came from; nothing for
/// the root and for what is no name.
pub(crate) fn parent_of(dn: &str) -> Option<&str> {
    let mut rest = dn.trim();
    loop {
        let (_, separator, tail) = attribute_and_value(rest)?;
        rest = tail;
        if separator != Some('+') {
            return separator.map(|_| rest.trim_start());
        }
    }
}

/// Reads one `type=value`, and says which separator followed it and what is left.
fn attribute_and_value(text: &str) -> Option<(String, Option<char>, &str)> {
    let (kind, rest) = text.split_once('=')?;
    let kind = attribute_type(kind)?;
    let (value, separator, rest) = match rest.trim_start_matches(' ') {
        quoted if quoted.starts_with('"') => quoted_value(&quoted[1..])?,
        hex if hex.starts_with('#') => hex_value(&hex[1..])?,
        plain => plain_value(plain)?,
    };
    // A separator with nothing behind it is a name that was cut off.
    if separator.is_some() && rest.trim().is_empty() {
        return None;
    }
    Some((format!("{kind}={}", escape(&normalise(&value))), separator, rest))
}

/// The attribute's short name in lower case, from any of its usual spellings.
fn attribute_type(text: &str) -> Option<String> {
    let mut name = text.trim().to_ascii_lowercase();
    if let Some(oid) = name.strip_prefix("oid.") {
        name = oid.to_owned();
    }
    if name.is_empty() || !name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b';' | b'_')) {
        return None;
    }
    let short = match name.as_str() {
        "2.5.4.3" | "commonname" => "cn",
        "2.5.4.4" | "surname" => "sn",
        "2.5.4.6" | "countryname" => "c",
        "2.5.4.7" | "localityname" => "l",
        "2.5.4.8" | "stateorprovincename" => "st",
        "2.5.4.9" | "streetaddress" => "street",
        "2.5.4.10" | "organizationname" => "o",
        "2.5.4.11" | "organizationalunitname" => "ou",
        "2.5.4.42" | "gn" => "givenname",
        "0.9.2342.19200300.100.1.1" | "userid" => "uid",
        "0.9.2342.19200300.100.1.25" | "domaincomponent" => "dc",
        other => other,
    };
    Some(short.to_owned())
}

fn is_separator(c: char) -> bool {
    matches!(c, ',' | ';' | '+')
}

/// An unquoted value, up to the next separator that is not escaped. Spaces at its ends count only if escaped.
fn plain_value(text: &str) -> Option<(String, Option<char>, &str)> {
    let mut bytes = Vec::new();
    // How much of `bytes` must survive the trimming of unescaped spaces at the end.
    let mut kept = 0;
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let tail = &rest[c.len_utf8()..];
        if is_separator(c) {
            return Some((value_of(bytes, kept)?, Some(c), tail));
        }
        if c == '\\' {
            let (unescaped, tail) = escaped(tail)?;
            bytes.extend(unescaped);
            kept = bytes.len();
            rest = tail;
            continue;
        }
        if c == '"' || c == '\0' {
            return None;
        }
        let mut buffer = [0; 4];
        bytes.extend_from_slice(c.encode_utf8(&mut buffer).as_bytes());
        if c != ' ' {
            kept = bytes.len();
        }
        rest = tail;
    }
    Some((value_of(bytes, kept)?, None, rest))
}

fn value_of(mut bytes: Vec<u8>, kept: usize) -> Option<String> {
    bytes.truncate(kept);
    String::from_utf8(bytes).ok()
}

/// A quoted value of LDAP version 2, which old tools still write (RFC 4514 lets readers accept it).
fn quoted_value(text: &str) -> Option<(String, Option<char>, &str)> {
    let mut bytes = Vec::new();
    let mut rest = text;
    loop {
        let c = rest.chars().next()?;
        let tail = &rest[c.len_utf8()..];
        match c {
            '"' => {
                let (separator, rest) = after_value(tail)?;
                return Some((String::from_utf8(bytes).ok()?, separator, rest));
            }
            '\\' => {
                let (unescaped, tail) = escaped(tail)?;
                bytes.extend(unescaped);
                rest = tail;
            }
            other => {
                let mut buffer = [0; 4];
                bytes.extend_from_slice(other.encode_utf8(&mut buffer).as_bytes());
                rest = tail;
            }
        }
    }
}

/// A value as the hexadecimal digits of its BER encoding. Strings are taken out of it; anything else is compared by its
/// digits.
fn hex_value(text: &str) -> Option<(String, Option<char>, &str)> {
    let end = text.find(|c: char| !c.is_ascii_hexdigit()).unwrap_or(text.len());
    let digits = &text[..end];
    if digits.is_empty() || !digits.len().is_multiple_of(2) {
        return None;
    }
    let bytes: Vec<u8> = (0..digits.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&digits[at..at + 2], 16))
        .collect::<Result<_, _>>()
        .ok()?;
    let (separator, rest) = after_value(&text[end..])?;
    let value = match bytes.as_slice() {
        // OCTET STRING, UTF8String, PrintableString, IA5String with a short length.
        [0x04 | 0x0c | 0x13 | 0x16, length, content @ ..] if usize::from(*length) == content.len() => {
            std::str::from_utf8(content).ok().map(str::to_owned)
        }
        _ => None,
    };
    Some((value.unwrap_or_else(|| format!("#{}", digits.to_ascii_lowercase())), separator, rest))
}

/// What may follow a quoted or hexadecimal value: spaces and then a separator or the end.
fn after_value(text: &str) -> Option<(Option<char>, &str)> {
    let text = text.trim_start_matches(' ');
    match text.chars().next() {
        None => Some((None, text)),
        Some(c) if is_separator(c) => Some((Some(c), &text[c.len_utf8()..])),
        Some(_) => None,
    }
}

/// What a backslash stands before: two hexadecimal digits for a byte, or a character that means itself.
fn escaped(text: &str) -> Option<(Vec<u8>, &str)> {
    if let Some(pair) = text.get(..2).filter(|pair| pair.bytes().all(|b| b.is_ascii_hexdigit())) {
        return Some((vec![u8::from_str_radix(pair, 16).ok()?], &text[2..]));
    }
    let c = text.chars().next()?;
    let special = matches!(c, ' ' | '"' | '#' | '+' | ',' | ';' | '<' | '=' | '>' | '\\');
    special.then(|| (vec![c as u8], &text[1..]))
}

/// The form in which text is compared, after RFC 4518: NFKC, lower case, runs of spaces as one, none at the ends.
pub(crate) fn normalise(text: &str) -> String {
    if text.is_ascii() {
        return words(&text.to_ascii_lowercase());
    }
    let folded: String = text.nfkc().flat_map(char::to_lowercase).nfkc().collect();
    words(&folded)
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

/// Escapes what separates, so that two different names never come out as the same text.
fn escape(value: &str) -> String {
    let mut result = String::with_capacity(value.len());
    for c in value.chars() {
        if matches!(c, ',' | ';' | '+' | '\\' | '=') {
            result.push('\\');
        }
        result.push(c);
    }
    result
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn same(one: &str, other: &str) -> bool {
        Dn::parse(one).unwrap() == Dn::parse(other).unwrap()
    }

    #[test]
    fn the_parent_of_a_name_is_spelled_as_it_stands() {
        assert_eq!(parent_of("uid=a,ou=People,dc=corp"), Some("ou=People,dc=corp"));
        assert_eq!(parent_of("CN=Doe\\, J+UID=a, OU=Sales\\2C EMEA, DC=corp"), Some("OU=Sales\\2C EMEA, DC=corp"));
        assert_eq!(parent_of("dc=corp"), None);
        assert_eq!(parent_of("no name"), None);
    }

    #[test]
    fn spellings_of_one_name_are_one_name() {
        assert!(same("uid=u0000007,ou=people,dc=lab", "UID=U0000007, OU=People, DC=LAB"));
        assert!(same("cn=Doe\\2C John,dc=lab", "CN=Doe\\, John,DC=lab"));
        assert!(same("cn=a\\3Bb,dc=lab", "cn=a\\;b,dc=lab"));
        assert!(same("cn=\"Doe, John\";dc=lab", "cn=Doe\\, John,dc=lab"));
        assert!(same("2.5.4.3=x,0.9.2342.19200300.100.1.25=lab", "commonName=x,dc=lab"));
        assert!(same("cn=Multi Rdn+uid=multi,dc=lab", "UID=multi + CN=multi  rdn, dc=lab"));
        assert!(same("cn=#0C024869,dc=lab", "cn=Hi,dc=lab"));
        assert!(same("uid=j\\C3\\BCrgen,dc=lab", "uid=jürgen,dc=lab"));
        assert!(same("uid=ju\u{308}rgen,dc=lab", "uid=jürgen,dc=lab"));
        assert!(same("cn=Trailing\\20,dc=lab", "cn=Trailing\\ ,dc=lab"));
    }

    #[test]
    fn different_names_stay_different() {
        assert!(!same("cn=a\\,cn=b,dc=lab", "cn=a,cn=b,dc=lab"));
        assert!(!same("cn=a+uid=b,dc=lab", "cn=a\\+uid\\=b,dc=lab"));
        assert!(!same("cn=a,dc=lab", "uid=a,dc=lab"));
        assert!(!same("cn=a,ou=x,dc=lab", "cn=a,dc=lab"));
        assert!(!same("cn=a\\5c,dc=lab", "cn=a,dc=lab"));
    }

    #[test]
    fn what_is_no_name_is_refused() {
        for text in ["u7", "=x", "cn=a,", "cn=a,,dc=lab", "cn=a\\", "cn=a\\z", "cn=\"a", "cn=#0", "c n=a", "cn=\\ff"] {
            assert_eq!(Dn::parse(text), None, "{text}");
        }
    }

    #[test]
    fn an_entry_is_within_its_base_and_within_itself() {
        let entry = Dn::parse("uid=a,ou=People,dc=corp,dc=example").unwrap();
        assert!(entry.is_within(&Dn::parse("OU=people, DC=corp, DC=example").unwrap()));
        assert!(entry.is_within(&entry));
        assert!(entry.is_within(&Dn::parse("").unwrap()));
        assert!(!entry.is_within(&Dn::parse("ou=groups,dc=corp,dc=example").unwrap()));
        // "le" is the end of "people", not a container.
        assert!(!entry.is_within(&Dn::parse("ou=le,dc=corp,dc=example").unwrap()));
    }

    #[test]
    fn a_unique_identifier_is_not_part_of_the_name() {
        assert_eq!(without_unique_identifier("uid=a,dc=lab#'0101'B"), "uid=a,dc=lab");
        assert_eq!(without_unique_identifier("cn=a#'b,dc=lab"), "cn=a#'b,dc=lab");
    }

    /// Writes a value as RFC 4514 does.
    fn write(value: &str, hex: bool) -> String {
        value
            .bytes()
            .map(|b| if hex || !b.is_ascii_alphanumeric() { format!("\\{b:02x}") } else { char::from(b).to_string() })
            .collect()
    }

    proptest! {
        #[test]
        fn any_value_survives_any_escaping(value in "\\PC{1,12}", other in "\\PC{1,12}") {
            let one = format!("cn={},dc=lab", write(&value, false));
            let two = format!("CN = {} , DC=lab", write(&value, true));
            prop_assert!(same(&one, &two));
            let three = format!("cn={},dc=lab", write(&other, true));
            prop_assert_eq!(same(&one, &three), normalise(&value) == normalise(&other));
        }

        #[test]
        fn normalising_twice_changes_nothing(value in "\\PC{0,20}") {
            let once = normalise(&value);
            prop_assert_eq!(normalise(&once), once);
        }

        #[test]
        fn plain_text_is_normalised_as_any_other(value in "[ -~\t\u{b}]{0,20}") {
            let folded: String = value.nfkc().flat_map(char::to_lowercase).nfkc().collect();
            prop_assert_eq!(normalise(&value), words(&folded));
        }

        #[test]
        fn no_text_makes_the_parser_fail_badly(text in "\\PC{0,60}", tail in "[cnou=,;+\\\\\"# 0-9a-f]{0,40}") {
            let _ = Dn::parse(&text);
            let _ = Dn::parse(&tail);
        }
    }
}
