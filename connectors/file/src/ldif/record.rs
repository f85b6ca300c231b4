//! One record: its DN and its attributes, and what kind of entry it is.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use rollcall_kit::DirectoryId;

use crate::settings::FileSettings;
use crate::tally::Line;

/// Attributes that never leave the file: secrets, and pictures and certificates that nobody maps.
const LEFT_IN_THE_FILE: [&str; 14] = [
    "userpassword",
    "unicodepwd",
    "dbcspwd",
    "sambantpassword",
    "sambalmpassword",
    "krbprincipalkey",
    "krbextradata",
    "ipanthash",
    "pwdhistory",
    "jpegphoto",
    "thumbnailphoto",
    "photo",
    "usercertificate",
    "usersmimecertificate",
];

/// Object classes of groups.
const GROUP_CLASSES: [&str; 5] = ["groupofnames", "groupofuniquenames", "group", "posixgroup", "groupofmembers"];
/// Object classes of people.
const PERSON_CLASSES: [&str; 5] = ["inetorgperson", "user", "organizationalperson", "person", "posixaccount"];
/// Object classes of things that carry a person's class too but are none (Active Directory).
const NO_PERSON_CLASSES: [&str; 4] =
    ["computer", "contact", "msds-groupmanagedserviceaccount", "msds-managedserviceaccount"];

/// The values of one attribute.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Attribute {
    /// The name as the file spells it.
    pub(super) name: String,
    /// The values, in the order of the file.
    pub(super) values: Vec<Vec<u8>>,
}

/// One record.
#[derive(Clone, Debug)]
pub(super) struct Record {
    pub(super) line: Line,
    pub(super) dn: String,
    /// By lower-case name, options included where they make another attribute (`cn;lang-fr`).
    pub(super) attributes: BTreeMap<String, Attribute>,
    /// Attributes whose value cannot be read, with the reason.
    pub(super) faults: Vec<(String, String)>,
    /// Ranges of values (`member;range=0-1499`): whether the last one was among them.
    ranges: BTreeMap<String, bool>,
}

/// What kind of entry a record is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Class {
    Person,
    Group,
    /// Neither; the text says what, for `check`.
    Other(String),
}

impl Record {
    pub(super) fn new(line: Line) -> Self {
        Self { line, dn: String::new(), attributes: BTreeMap::new(), faults: Vec::new(), ranges: BTreeMap::new() }
    }

    /// The first attribute that came in ranges without the last one.
    pub(super) fn open_range(&self) -> Option<&str> {
        self.ranges.iter().find(|(_, closed)| !**closed).map(|(name, _)| name.as_str())
    }

    /// The raw values of an attribute, by lower-case name.
    pub(super) fn bytes(&self, name: &str) -> &[Vec<u8>] {
        self.attributes.get(name).map_or(&[], |attribute| &attribute.values)
    }

    /// The values of an attribute that are text and not blank.
    pub(super) fn texts(&self, name: &str) -> impl Iterator<Item = &str> {
        self.bytes(name)
            .iter()
            .filter_map(|value| std::str::from_utf8(value).ok())
            .map(str::trim)
            .filter(|text| !text.is_empty())
    }

    /// The first of the attributes that has text.
    pub(super) fn first(&self, names: &[&str]) -> Option<&str> {
        names.iter().find_map(|name| self.texts(name).next())
    }

    /// What kind of entry this is, by its object classes.
    pub(super) fn class(&self) -> Result<Class, String> {
        let classes: Vec<String> = self.texts("objectclass").map(str::to_lowercase).collect();
        let is_one_of = |known: &[&str]| classes.iter().any(|class| known.contains(&class.as_str()));
        if classes.is_empty() {
            return Err(format!(
                "{}: the record has no objectClass, so nobody knows what it is; export objectClass too",
                self.line
            ));
        }
        // Built-in accounts and groups of a domain (krbtgt, Guest, Administrators).
        let built_in = self.first(&["iscriticalsystemobject"]).is_some_and(|value| value.eq_ignore_ascii_case("true"));
        Ok(if is_one_of(&NO_PERSON_CLASSES) || built_in {
            Class::Other(if built_in { "built-in accounts and groups" } else { "computers and contacts" }.to_owned())
        } else if is_one_of(&GROUP_CLASSES) {
            Class::Group
        } else if is_one_of(&PERSON_CLASSES) {
            Class::Person
        } else {
            Class::Other(classes.last().cloned().unwrap_or_default())
        })
    }

    /// The immutable id: the attribute that the settings name, else that of the directory's flavour.
    pub(super) fn id(&self, settings: &FileSettings) -> Result<DirectoryId, String> {
        if let Some(name) = settings.columns.get("id") {
            return self.first(&[&name.to_lowercase()]).and_then(DirectoryId::new).ok_or_else(|| self.nobody(name));
        }
        if let [guid] = self.bytes("objectguid") {
            let guid = <[u8; 16]>::try_from(guid.as_slice())
                .map_err(|_| format!("{}: objectGUID has not 16 octets; export it in base64", self.line))?;
            // The first three fields of an objectGUID are little-endian.
            let text = uuid::Uuid::from_bytes_le(guid).hyphenated().to_string();
            return DirectoryId::new(&text).ok_or_else(|| self.nobody("objectGUID"));
        }
        self.first(&["entryuuid", "ipauniqueid", "nsuniqueid"])
            .and_then(DirectoryId::new)
            .ok_or_else(|| self.nobody("entryUUID, objectGUID or nsUniqueId"))
    }

    fn nobody(&self, wanted: &str) -> String {
        format!(
            "{}: {} has no {wanted}, so nobody knows whom the record concerns; export operational attributes too \
             (ldapsearch … '*' '+'), or set columns.id to the attribute that never changes",
            self.line, self.dn
        )
    }
}

/// Enters one line into a record. A line that is no LDIF is a fault of the whole file; a value that cannot be read is
/// one of this record.
pub(super) fn parse_line(record: &mut Record, line: &Content) -> Result<(), String> {
    let colon = line.text.iter().position(|byte| *byte == b':').ok_or("the line is no \"attribute: value\"")?;
    let (description, rest) = (&line.text[..colon], &line.text[colon + 1..]);
    let description = std::str::from_utf8(description)
        .ok()
        .filter(|name| !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-;.=*_".contains(&b)))
        .ok_or("the line does not begin with the name of an attribute")?;
    let lower = description.to_lowercase();
    if lower == "changetype" || lower == "control" {
        return Err(format!(
            "this is a list of changes ({description}), not the content of a directory; export the content"
        ));
    }
    let (name, options) = lower.split_once(';').unwrap_or((&lower, ""));
    if LEFT_IN_THE_FILE.contains(&name) {
        return Ok(());
    }
    if line.cut {
        record.faults.push((name.to_owned(), "its value is too long".to_owned()));
        return Ok(());
    }
    let value = match decode(rest) {
        Ok(value) => value,
        Err(fault) => {
            record.faults.push((name.to_owned(), fault));
            return Ok(());
        }
    };
    if name == "dn" {
        return enter_dn(record, value);
    }
    if record.dn.is_empty() {
        return Err("the record does not begin with a dn".to_owned());
    }
    enter(record, name, options, description, value);
    Ok(())
}

fn enter_dn(record: &mut Record, value: Vec<u8>) -> Result<(), String> {
    if !record.dn.is_empty() {
        return Err("a second dn stands inside a record; the empty line between two records is missing".to_owned());
    }
    record.dn = String::from_utf8(value).map_err(|_| "the dn is not UTF-8 text".to_owned())?;
    Ok(())
}

fn enter(record: &mut Record, name: &str, options: &str, description: &str, value: Vec<u8>) {
    let mut key = name.to_owned();
    let mut spelled = description;
    for option in options.split(';').filter(|option| !option.is_empty()) {
        if let Some(range) = option.strip_prefix("range=") {
            *record.ranges.entry(name.to_owned()).or_default() |= range.ends_with("-*");
        } else if option != "binary" {
            // A language's variant is another attribute: it must not stand in for the plain one.
            key.push(';');
            key.push_str(option);
            continue;
        }
        spelled = description.split(';').next().unwrap_or(description);
    }
    let attribute = record.attributes.entry(key).or_default();
    if attribute.name.is_empty() {
        spelled.clone_into(&mut attribute.name);
    }
    attribute.values.push(value);
}

/// The value behind the first colon: text, `: base64`, or `< url`.
fn decode(rest: &[u8]) -> Result<Vec<u8>, String> {
    match rest {
        [b':', encoded @ ..] => {
            let encoded: Vec<u8> = encoded.iter().copied().filter(|byte| !byte.is_ascii_whitespace()).collect();
            STANDARD.decode(encoded).map_err(|error| format!("its base64 is damaged ({error})"))
        }
        [b'<', ..] => Err("its value is in another file, which is not read".to_owned()),
        text => Ok(text.trim_ascii_start().to_vec()),
    }
}

/// One content line of a record.
pub(super) struct Content {
    pub(super) number: u64,
    pub(super) text: Vec<u8>,
    pub(super) cut: bool,
}
