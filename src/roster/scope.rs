//! Places and domains: what narrows the scope without an expression.

/// Folds a registered domain, or says what is wrong with it.
pub(crate) fn domain(text: &str) -> Result<String, String> {
    let folded = text.trim().to_lowercase();
    let wrong = if folded.is_empty() {
        "it is empty"
    } else if folded.contains('@') {
        "write the domain alone, without the @"
    } else if folded.contains('*') {
        "there are no wildcards; list every sub-domain itself"
    } else if folded.contains(|c: char| c.is_whitespace() || c.is_control() || c == '/' || c == ',') {
        "it contains something that no domain contains"
    } else if folded.starts_with('.') || folded.ends_with('.') || folded.contains("..") {
        "it has a dot too many"
    } else {
        return Ok(folded);
    };
    Err(format!("{text:?} is no domain: {wrong}"))
}

/// Where a record stands.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Place {
    /// A distinguished name (RFC 4514), the outermost part first. Each part is a set of attribute and value.
    Dn(Vec<Vec<(String, String)>>),
    /// A path of organisational units, the outermost first.
    Path(Vec<String>),
}

impl Place {
    /// Reads a path (it begins with `/`) or a DN. Case and redundant white space do not count.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        if let Some(path) = text.strip_prefix('/') {
            let parts = path.trim_end_matches('/').split('/').map(fold);
            let parts: Vec<String> = if path.trim_matches('/').is_empty() { Vec::new() } else { parts.collect() };
            return parts.iter().all(|part| !part.is_empty()).then_some(Self::Path(parts));
        }
        let mut parts = cut(text, ',').into_iter().map(rdn).collect::<Option<Vec<_>>>()?;
        parts.reverse();
        Some(Self::Dn(parts))
    }

    /// Whether `inner` stands here or below; none if the two are not of one kind and cannot be compared.
    pub(crate) fn contains(&self, inner: &Self) -> Option<bool> {
        match (self, inner) {
            (Self::Dn(outer), Self::Dn(inner)) => Some(inner.starts_with(outer)),
            (Self::Path(outer), Self::Path(inner)) => Some(inner.starts_with(outer)),
            _ => None,
        }
    }
}

/// One part of a DN: `OU=Staff`, or several joined by `+`.
fn rdn(text: &str) -> Option<Vec<(String, String)>> {
    let mut pairs = cut(text, '+')
        .into_iter()
        .map(|pair| {
            let (name, value) = pair.split_once('=')?;
            let name = name.trim().to_lowercase();
            (!name.is_empty()).then(|| (name, fold(&unescape(value.trim()))))
        })
        .collect::<Option<Vec<_>>>()?;
    pairs.sort();
    Some(pairs)
}

/// Splits at a separator that no backslash precedes.
fn cut(text: &str, separator: char) -> Vec<&str> {
    let (mut parts, mut start, mut escaped) = (Vec::new(), 0, false);
    for (at, c) in text.char_indices() {
        if escaped {
            escaped = false;
        } else if c == '\\' {
            escaped = true;
        } else if c == separator {
            parts.push(&text[start..at]);
            start = at + c.len_utf8();
        }
    }
    parts.push(&text[start..]);
    parts
}

/// Resolves `\,` and `\2C`, so that both spellings of a comma are the same comma.
fn unescape(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut plain = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let digits = text.get(at + 1..at + 3).filter(|pair| pair.bytes().all(|byte| byte.is_ascii_hexdigit()));
        match (bytes[at], digits.and_then(|digits| u8::from_str_radix(digits, 16).ok())) {
            (b'\\', Some(byte)) => {
                plain.push(byte);
                at += 3;
            }
            (b'\\', None) => {
                plain.extend(bytes.get(at + 1));
                at += 2;
            }
            (byte, _) => {
                plain.push(byte);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&plain).into_owned()
}

/// Directories compare names of units without regard to case, and take runs of white space for one space.
fn fold(text: &str) -> String {
    text.split_whitespace().map(str::to_lowercase).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::{Place, domain};

    fn contains(outer: &str, inner: &str) -> Option<bool> {
        Place::parse(outer).unwrap().contains(&Place::parse(inner).unwrap())
    }

    #[test]
    fn a_dn_is_at_or_below_its_suffix_whatever_the_case_and_the_spaces() {
        assert_eq!(contains("OU=Staff,DC=acme,DC=com", "CN=Jane,ou = staff , dc=ACME,dc=com"), Some(true));
        assert_eq!(contains("OU=Staff,DC=acme,DC=com", "OU=Staff,DC=acme,DC=com"), Some(true));
        assert_eq!(contains("OU=Sales  Team,DC=acme", "CN=Jane,OU=sales team,DC=acme"), Some(true));
    }

    #[test]
    fn a_dn_is_compared_part_by_part_and_never_as_text() {
        assert_eq!(contains("OU=Staff,DC=acme,DC=com", "CN=Jane,OU=Old Staff,DC=acme,DC=com"), Some(false));
        assert_eq!(contains("OU=Staff,DC=acme", r"CN=Jane\,OU=Staff,DC=acme"), Some(false));
        assert_eq!(contains("DC=acme,DC=com", "CN=Jane,DC=notacme,DC=com"), Some(false));
    }

    #[test]
    fn two_spellings_of_an_escaped_character_are_the_same() {
        assert_eq!(contains(r"OU=A\, B,DC=acme", r"CN=Jane,OU=A\2C B,DC=acme"), Some(true));
        assert_eq!(contains(r"OU=M\C3\BCller,DC=acme", "CN=Jane,OU=müller,DC=acme"), Some(true));
        assert_eq!(contains(r"OU=back\\slash,DC=acme", r"CN=Jane,OU=back\5Cslash,DC=acme"), Some(true));
    }

    #[test]
    fn parts_of_several_values_are_sets() {
        assert_eq!(contains("OU=A+L=Berlin,DC=acme", "CN=Jane,l=berlin+ou=a,DC=acme"), Some(true));
    }

    #[test]
    fn a_path_contains_what_is_below_it_and_not_what_only_begins_alike() {
        assert_eq!(contains("/Staff", "/staff/Berlin"), Some(true));
        assert_eq!(contains("/Staff/", "/Staff"), Some(true));
        assert_eq!(contains("/Staff", "/Staffing"), Some(false));
        assert_eq!(contains("/", "/anything"), Some(true));
    }

    #[test]
    fn a_path_and_a_dn_cannot_be_compared() {
        assert_eq!(contains("/Staff", "OU=Staff,DC=acme"), None);
    }

    #[test]
    fn what_is_neither_a_path_nor_a_dn_is_no_place() {
        assert_eq!(Place::parse("Staff"), None);
        assert_eq!(Place::parse("OU=Staff,,DC=acme"), None);
        assert_eq!(Place::parse("/Staff//Berlin"), None);
        assert_eq!(Place::parse(""), None);
    }

    #[test]
    fn a_domain_is_folded_and_what_is_no_domain_is_refused() {
        assert_eq!(domain(" ACME.com ").as_deref(), Ok("acme.com"));
        for wrong in ["", "@acme.com", "*.acme.com", "acme.com.", ".acme.com", "acme .com", "https://acme.com"] {
            assert!(domain(wrong).is_err(), "{wrong}");
        }
    }
}
