//! One entry of a search answer, taken apart without ever failing badly.
//!
//! The LDAP library's own conversion ends the process on an entry that is none, and sorts values into text and binary
//! by whether they happen to be UTF-8. Here every value stays bytes until somebody knows what it is.

use ldap3::asn1::StructureTag;

/// An entry with the attributes that were asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RawEntry {
    /// The name, as the server spells it.
    pub(crate) dn: String,
    attributes: Vec<Attribute>,
}

/// One attribute: the server chooses the spelling of its name, so it is kept in lower case.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Attribute {
    name: String,
    options: Vec<String>,
    values: Vec<Vec<u8>>,
}

/// A slice of an attribute that has more values than the server sends at once: `member;range=0-1499`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Slice {
    /// The values of this slice.
    pub(crate) values: Vec<Vec<u8>>,
    /// The index of its first value, and of its last; the last slice does not say (`*`).
    pub(crate) first: u64,
    /// See `first`.
    pub(crate) last: Option<u64>,
}

impl RawEntry {
    /// Takes an answer apart; nothing if it is no search result entry (RFC 4511, section 4.5.2).
    pub(crate) fn parse(tag: StructureTag) -> Option<Self> {
        let mut parts = tag.match_id(4)?.expect_constructed()?.into_iter();
        let dn = String::from_utf8(parts.next()?.expect_primitive()?).ok()?;
        let attributes =
            parts.next()?.expect_constructed()?.into_iter().map(Attribute::parse).collect::<Option<Vec<_>>>()?;
        Some(Self { dn, attributes })
    }

    /// The values of an attribute, without those in some language (`cn;lang-fr`) or of a slice.
    pub(crate) fn values(&self, name: &str) -> impl Iterator<Item = &[u8]> {
        self.attributes
            .iter()
            .filter(move |a| a.name.eq_ignore_ascii_case(name) && a.options.iter().all(|option| option == "binary"))
            .flat_map(|a| a.values.iter().map(Vec::as_slice))
    }

    /// The first value of an attribute that has only one.
    pub(crate) fn value(&self, name: &str) -> Option<&[u8]> {
        self.values(name).next()
    }

    /// The first value as text; nothing if there is none or it is no text.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        std::str::from_utf8(self.value(name)?).ok()
    }

    /// Whether the server sent the attribute at all, be it empty.
    pub(crate) fn mentions(&self, name: &str) -> bool {
        self.attributes.iter().any(|a| a.name.eq_ignore_ascii_case(name))
    }

    /// The slice of an attribute, if the server sent it in slices. An error if it calls something a slice that is none.
    pub(crate) fn slice(&self, name: &str) -> Result<Option<Slice>, String> {
        for attribute in self.attributes.iter().filter(|a| a.name.eq_ignore_ascii_case(name)) {
            for option in &attribute.options {
                if let Some(range) = option.strip_prefix("range=") {
                    let slice = Slice::parse(range, &attribute.values);
                    return slice.map(Some).ok_or_else(|| format!("{name};{option} is not a range of values"));
                }
            }
        }
        Ok(None)
    }

    /// Attributes that came in slices.
    pub(crate) fn sliced(&self) -> impl Iterator<Item = &str> {
        self.attributes.iter().filter(|a| a.options.iter().any(|o| o.starts_with("range="))).map(|a| a.name.as_str())
    }
}

impl Attribute {
    fn parse(tag: StructureTag) -> Option<Self> {
        let mut parts = tag.expect_constructed()?.into_iter();
        let mut name = String::from_utf8(parts.next()?.expect_primitive()?).ok()?;
        name.make_ascii_lowercase();
        let values = parts
            .next()?
            .expect_constructed()?
            .into_iter()
            .map(StructureTag::expect_primitive)
            .collect::<Option<_>>()?;
        let mut options = Vec::new();
        if let Some(at) = name.find(';') {
            options.extend(name[at + 1..].split(';').map(str::to_owned));
            name.truncate(at);
        }
        Some(Self { name, options, values })
    }
}

impl Slice {
    /// Reads `0-1499` or `1500-*`; nothing unless it fits the number of values.
    fn parse(range: &str, values: &[Vec<u8>]) -> Option<Self> {
        let (first, last) = range.split_once('-')?;
        let first: u64 = first.parse().ok()?;
        let last: Option<u64> = if last == "*" { None } else { Some(last.parse().ok()?) };
        if let Some(last) = last {
            // How far apart they are, and not how many: a server may say that its last value has the highest number.
            let apart = last.checked_sub(first)?;
            if Some(apart) != (values.len() as u64).checked_sub(1) {
                return None;
            }
        }
        Some(Self { values: values.to_vec(), first, last })
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use ldap3::asn1::{PL, TagClass};

    use super::*;

    fn primitive(text: &[u8]) -> StructureTag {
        StructureTag { class: TagClass::Universal, id: 4, payload: PL::P(text.to_vec()) }
    }

    fn constructed(id: u64, parts: Vec<StructureTag>) -> StructureTag {
        StructureTag { class: TagClass::Universal, id, payload: PL::C(parts) }
    }

    /// An entry as it comes off the wire.
    pub(crate) fn entry(dn: &str, attributes: &[(&str, &[&[u8]])]) -> RawEntry {
        let attributes = attributes
            .iter()
            .map(|(name, values)| {
                let values = values.iter().map(|value| primitive(value)).collect();
                constructed(16, vec![primitive(name.as_bytes()), constructed(17, values)])
            })
            .collect();
        RawEntry::parse(constructed(4, vec![primitive(dn.as_bytes()), constructed(16, attributes)])).unwrap()
    }

    #[test]
    fn names_are_found_in_any_spelling_and_languages_are_not_mixed_in() {
        let entry =
            entry("uid=a", &[("CN", &[b"Tag"]), ("cn;lang-fr", &[b"\xc3\x89tiquette"]), ("cert;binary", &[b"\xff"])]);
        assert_eq!(entry.values("cn").collect::<Vec<_>>(), [b"Tag"]);
        assert_eq!(entry.values("cert").count(), 1);
        assert_eq!(entry.text("cert"), None);
    }

    #[test]
    fn an_empty_member_beside_a_slice_is_seen_as_a_slice() {
        let entry = entry("cn=big", &[("member", &[]), ("member;range=0-1", &[b"a", b"b"])]);
        assert_eq!(entry.values("member").count(), 0);
        let slice = entry.slice("member").unwrap().unwrap();
        assert_eq!((slice.first, slice.last, slice.values.len()), (0, Some(1), 2));
        assert_eq!(entry.sliced().collect::<Vec<_>>(), ["member"]);
    }

    #[test]
    fn a_slice_that_does_not_fit_its_range_is_an_error() {
        for range in ["member;range=0-4", "member;range=x-1", "member;range=3-1", "member;range=0"] {
            assert!(entry("cn=big", &[(range, &[b"a", b"b"])]).slice("member").is_err(), "{range}");
        }
        let last = entry("cn=big", &[("member;range=2-*", &[b"a", b"b"])]).slice("member").unwrap().unwrap();
        assert_eq!((last.first, last.last), (2, None));
    }

    #[test]
    fn a_slice_up_to_the_highest_number_is_an_error_and_no_overflow() {
        for range in ["member;range=0-18446744073709551615", "member;range=1-18446744073709551615"] {
            assert!(entry("cn=big", &[(range, &[])]).slice("member").is_err(), "{range}");
        }
    }

    #[test]
    fn what_is_no_entry_is_not_taken_for_one() {
        assert!(RawEntry::parse(primitive(b"x")).is_none());
        assert!(RawEntry::parse(constructed(19, vec![primitive(b"ldap://elsewhere")])).is_none());
        assert!(RawEntry::parse(constructed(4, vec![primitive(b"uid=a")])).is_none());
        assert!(RawEntry::parse(constructed(4, vec![primitive(b"\xff"), constructed(16, vec![])])).is_none());
    }
}
