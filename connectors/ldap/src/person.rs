//! From an entry to a [`DirectoryUser`].

use std::cmp::Ordering;

use base64::Engine;
use base64::engine::general_purpose::STANDARD as BASE64;
use jiff::Timestamp;
use rollcall_kit::{Attributes, DirectoryId, DirectoryUser, Name, Unreadable, Value, attribute};

use crate::dialect::{Dialect, usual_names};
use crate::entry::RawEntry;

/// What an entry turned out to be.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Person {
    /// A user.
    User(Box<DirectoryUser>),
    /// A user whose record cannot be understood.
    Unreadable(Unreadable),
}

/// Reads entries as users.
pub(crate) struct People<'a> {
    dialect: &'a Dialect,
    /// What is asked for, worked out once.
    attributes: Vec<String>,
    /// What of that is kept under the directory's names, sorted.
    kept: Vec<Name>,
    /// The moment by which accounts have expired or not: the same for everybody of one read.
    now: Timestamp,
}

/// The immutable id of an entry; nothing if it has none, which no entry within reach may.
pub(crate) fn id_of(entry: &RawEntry, dialect: &Dialect) -> Option<DirectoryId> {
    dialect.id_syntax.read(entry.value(&dialect.id_attribute)?)
}

/// What people call the record: its login, else its DN.
fn login_of(entry: &RawEntry, dialect: &Dialect) -> String {
    dialect.login.iter().find_map(|name| entry.text(name)).unwrap_or(&entry.dn).to_owned()
}

impl<'a> People<'a> {
    pub(crate) fn new(dialect: &'a Dialect, now: Timestamp) -> Self {
        let attributes = dialect.user_attributes();
        // Some are only there to find people and groups by.
        let kept =
            attributes.iter().filter(|name| !name.eq_ignore_ascii_case(&dialect.id_attribute) && *name != "objectSid");
        let mut kept: Vec<Name> = kept.map(|name| Name::among(name, usual_names())).collect();
        kept.sort_unstable();
        Self { dialect, attributes, kept, now }
    }

    /// What to ask for.
    pub(crate) fn attributes(&self) -> &[String] {
        &self.attributes
    }

    /// Reads an entry as the user with this id.
    pub(crate) fn read(&self, id: DirectoryId, entry: &RawEntry) -> Person {
        let login = login_of(entry, self.dialect);
        if let Some(name) = entry.sliced().next() {
            let problem = format!("{name} has more values than the server sends at once");
            return Person::Unreadable(Unreadable { id, label: login, problem });
        }
        let profile = match profile(entry, self.dialect) {
            Ok(profile) => profile,
            Err(name) => {
                let problem = format!("{name} holds bytes that are no text");
                return Person::Unreadable(Unreadable { id, label: login, problem });
            }
        };
        let (status, raw_status) = self.dialect.active.status(entry, self.now);
        Person::User(Box::new(DirectoryUser {
            id,
            login,
            status,
            raw_status,
            place: Some(entry.dn.as_str().into()),
            assigned: None,
            profile,
            raw: self.raw(entry),
        }))
    }

    /// Everything that was asked for, under the directory's names, sorted; bytes that are no text as base64.
    fn raw(&self, entry: &RawEntry) -> Attributes {
        let mut raw = Attributes::with_capacity(self.kept.len());
        for name in &self.kept {
            if let Some(value) = raw_value(entry, name) {
                raw.insert(name.clone(), value);
            }
        }
        raw
    }
}

/// Our attributes; an error names the directory's attribute that is no text.
fn profile(entry: &RawEntry, dialect: &Dialect) -> Result<Attributes, String> {
    let mut profile = Attributes::with_capacity(dialect.names.len());
    for (ours, names) in &dialect.names {
        let value = if *ours == "emails" { all_addresses(entry, names)? } else { preferred(entry, ours, names)? };
        profile.extend(value.map(|value| (*ours, value)));
    }
    Ok(profile)
}

/// All values of an attribute, sorted; if one of them is no text, all as base64.
fn raw_value(entry: &RawEntry, name: &str) -> Option<Value> {
    let mut values = entry.values(name);
    if let (Some(one), None) = (values.next(), values.next()) {
        let text = std::str::from_utf8(one).map_or_else(|_| BASE64.encode(one), str::to_owned);
        return Some(Value::Text(text));
    }
    let texts: Option<Vec<String>> =
        entry.values(name).map(|value| std::str::from_utf8(value).ok().map(str::to_owned)).collect();
    let texts = texts.unwrap_or_else(|| entry.values(name).map(|value| BASE64.encode(value)).collect());
    let mut texts = sorted(texts);
    if texts.len() < 2 {
        return texts.pop().map(Value::Text);
    }
    Some(Value::List(texts.into_iter().map(Value::Text).collect()))
}

/// The value of the first attribute that has one. The order of several values means nothing and changes by itself, so
/// the smallest counts.
fn preferred(entry: &RawEntry, ours: &str, names: &[String]) -> Result<Option<Value>, String> {
    for name in names {
        let mut smallest: Option<&str> = None;
        for text in texts(entry, name) {
            let text = text?;
            // Of several proxy addresses only the one in capitals is the address that mail is sent from.
            let text = if is_proxy_addresses(name) { text.strip_prefix("SMTP:").unwrap_or_default() } else { text };
            let text = if ours == attribute::LOCALE { first_language(text) } else { text };
            if !text.trim().is_empty() && smallest.is_none_or(|known| compare(text, known).is_lt()) {
                smallest = Some(text);
            }
        }
        if let Some(smallest) = smallest {
            return Ok(Some(smallest.into()));
        }
    }
    Ok(None)
}

/// Every address of the attributes, each once, sorted.
fn all_addresses(entry: &RawEntry, names: &[String]) -> Result<Option<Value>, String> {
    let mut addresses: Vec<String> = Vec::new();
    for name in names {
        for text in texts(entry, name) {
            let text = text?;
            match text.split_once(':') {
                // X.500, SIP and other addresses are no e-mail addresses.
                Some((kind, address)) if is_proxy_addresses(name) => {
                    if kind.eq_ignore_ascii_case("smtp") {
                        addresses.push(address.to_owned());
                    }
                }
                _ => addresses.push(text.to_owned()),
            }
        }
    }
    let mut addresses = sorted(addresses);
    if addresses.len() > 1 {
        addresses.dedup_by_key(|address| address.to_lowercase());
    }
    Ok((!addresses.is_empty()).then(|| Value::List(addresses.into_iter().map(Value::Text).collect())))
}

fn is_proxy_addresses(name: &str) -> bool {
    name.eq_ignore_ascii_case("proxyAddresses")
}

/// `preferredLanguage` may be a list with weights, as in HTTP (RFC 2798, section 2.7): `de-CH, fr;q=0.9`.
fn first_language(text: &str) -> &str {
    text.split([',', ';']).next().unwrap_or_default().trim()
}

/// The values of an attribute, which must be text: the error is its name.
fn texts<'a>(entry: &'a RawEntry, name: &str) -> impl Iterator<Item = Result<&'a str, String>> {
    entry.values(name).map(move |value| std::str::from_utf8(value).map_err(|_| name.to_owned()))
}

/// Sorted by what is compared, and by the spelling only where that is equal.
fn sorted(mut values: Vec<String>) -> Vec<String> {
    if values.len() > 1 {
        values.sort_by_cached_key(|value| (value.to_lowercase(), value.clone()));
    }
    values
}

/// The order of [`sorted`].
fn compare(one: &str, other: &str) -> Ordering {
    one.to_lowercase().cmp(&other.to_lowercase()).then_with(|| one.cmp(other))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rollcall_kit::{Container, Status};

    use super::*;
    use crate::dialect::tests::dialect;
    use crate::entry::tests::entry;
    use crate::flavour::Flavour;

    fn read(dialect: &Dialect, entry: &RawEntry) -> Person {
        People::new(dialect, Timestamp::UNIX_EPOCH).read(DirectoryId::new("1").unwrap(), entry)
    }

    fn user(flavour: Flavour, attributes: &[(&str, &[&[u8]])]) -> DirectoryUser {
        match read(&dialect(flavour), &entry("uid=ada,dc=corp", attributes)) {
            Person::User(user) => *user,
            Person::Unreadable(unreadable) => panic!("{unreadable:?}"),
        }
    }

    #[test]
    fn of_several_addresses_the_smallest_is_the_address_and_all_are_kept() {
        let ada = user(Flavour::OpenLdap, &[("uid", &[b"ada"]), ("mail", &[b"Zoe@corp.example", b"ada@corp.example"])]);
        assert_eq!(ada.text("email"), Some("ada@corp.example"));
        assert_eq!(ada.profile["emails"].to_string(), r#"["ada@corp.example","Zoe@corp.example"]"#);
        assert_eq!((ada.login.as_str(), ada.place.as_ref().map(Container::as_str)), ("ada", Some("uid=ada,dc=corp")));
    }

    #[test]
    fn active_directory_has_its_primary_address_in_capitals() {
        let values: &[&[u8]] =
            &[b"smtp:old@corp.example", b"SMTP:ada@corp.example", b"X500:/o=Corp/cn=ada", b"SIP:ada@corp.example"];
        let ada = user(Flavour::ActiveDirectory, &[("proxyAddresses", values)]);
        assert_eq!(ada.text("email"), Some("ada@corp.example"));
        assert_eq!(ada.profile["emails"].to_string(), r#"["ada@corp.example","old@corp.example"]"#);
        assert!(matches!(ada.status, Status::Unknown(_)));
    }

    #[test]
    fn a_weighted_list_of_languages_gives_its_first() {
        let ada = user(Flavour::OpenLdap, &[("preferredLanguage", &[b"de-CH, fr;q=0.9"])]);
        assert_eq!(ada.text("locale"), Some("de-CH"));
        assert_eq!(ada.text("preferred_language"), Some("de-CH, fr;q=0.9"));
    }

    #[test]
    fn bytes_where_text_must_be_stop_only_this_record() {
        let odd = entry("uid=ada,dc=corp", &[("uid", &[b"ada"]), ("mail", &[b"\xff\xfe"])]);
        let person = read(&dialect(Flavour::OpenLdap), &odd);
        let Person::Unreadable(unreadable) = person else { panic!("{person:?}") };
        assert_eq!(
            (unreadable.label.as_str(), unreadable.problem.as_str()),
            ("ada", "mail holds bytes that are no text")
        );
    }

    #[test]
    fn raw_values_are_sorted_and_bytes_become_base64() {
        let mut dialect = dialect(Flavour::OpenLdap);
        dialect.raw = vec!["userCertificate".to_owned(), "ou".to_owned()];
        let odd =
            entry("uid=ada", &[("USERCERTIFICATE;binary", &[b"\xff"]), ("ou", &[b"b", b"A"]), ("entryUUID", &[b"1"])]);
        let Person::User(user) = read(&dialect, &odd) else { panic!("it can be understood") };
        let raw = user.raw;
        assert_eq!(raw["userCertificate"], Value::from("/w=="));
        assert_eq!(raw["ou"].to_string(), r#"["A","b"]"#);
        assert!(!raw.contains_key("entryUUID"));
    }

    proptest! {
        #[test]
        fn the_order_of_values_changes_nothing(values in prop::collection::vec("[a-cA-C]{1,3}@x", 1..5).prop_shuffle()) {
            let bytes: Vec<&[u8]> = values.iter().map(String::as_bytes).collect();
            let reversed: Vec<&[u8]> = bytes.iter().rev().copied().collect();
            prop_assert_eq!(user(Flavour::OpenLdap, &[("mail", &bytes)]), user(Flavour::OpenLdap, &[("mail", &reversed)]));
        }
    }
}
