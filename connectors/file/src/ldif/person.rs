//! A record of a person as a user.

use jiff::Timestamp;
use rollcall_kit::{Attributes, DirectoryId, DirectoryUser, Name, Value, attribute};

use super::account;
use super::record::Record;
use crate::settings::{FileSettings, attributes};

/// Where our attributes come from unless the settings say otherwise: the first of these that has a value. All names
/// in lower case; mail is treated apart.
const SOURCES: [(&str, &[&str]); 15] = [
    (attribute::PREFERRED_USERNAME, &["uid", "samaccountname", "userprincipalname"]),
    (attribute::NAME, &["displayname", "cn"]),
    (attribute::GIVEN_NAME, &["givenname"]),
    (attribute::FAMILY_NAME, &["sn"]),
    (attribute::PHONE_NUMBER, &["telephonenumber", "mobile"]),
    (attribute::LOCALE, &["preferredlanguage"]),
    ("preferred_language", &["preferredlanguage"]),
    ("department", &["department", "departmentnumber"]),
    ("title", &["title"]),
    ("employee_number", &["employeenumber", "employeeid"]),
    ("employee_type", &["employeetype"]),
    ("organization", &["o", "company"]),
    ("cost_center", &["costcenter"]),
    ("manager", &["manager"]),
    ("office", &["physicaldeliveryofficename"]),
];

/// The user that a record describes. An error is a value that cannot be read and would be missed.
pub(super) fn user(
    id: DirectoryId,
    record: &Record,
    settings: &FileSettings,
    now: Timestamp,
) -> Result<DirectoryUser, String> {
    if let Some((name, fault)) = record.faults.iter().find(|(name, _)| matters(name, settings)) {
        return Err(format!("{name} cannot be read: {fault}"));
    }
    let (status, raw_status) = account::status(record, settings, now)?;
    let mut profile = Attributes::new();
    for name in attributes() {
        if let Some(value) = value(name, record, settings)? {
            profile.insert(name, value);
        }
    }
    Ok(DirectoryUser {
        login: login(record, settings).unwrap_or(&record.dn).to_owned(),
        id,
        status,
        raw_status,
        place: Some(record.dn.as_str().into()),
        assigned: None,
        profile,
        raw: raw(record),
    })
}

fn login<'a>(record: &'a Record, settings: &FileSettings) -> Option<&'a str> {
    match settings.columns.get("login") {
        Some(own) => record.first(&[&own.to_lowercase()]),
        None => record.first(&["uid", "samaccountname", "userprincipalname", "cn"]),
    }
}

/// The value of one of our attributes.
fn value(name: &str, record: &Record, settings: &FileSettings) -> Result<Option<Value>, String> {
    let own = settings.columns.get(name).map(|own| own.to_lowercase());
    let sources: Vec<&str> = match &own {
        Some(own) => vec![own.as_str()],
        None if name == attribute::EMAIL || name == "emails" => vec!["mail"],
        None => SOURCES.iter().find(|(ours, _)| *ours == name).map_or_else(Vec::new, |(_, theirs)| theirs.to_vec()),
    };
    for source in sources {
        if record.bytes(source).iter().any(|value| std::str::from_utf8(value).is_err()) {
            return Err(format!("{source} is not UTF-8 text"));
        }
        let mut texts: Vec<&str> = record.texts(source).collect();
        if texts.is_empty() {
            continue;
        }
        if name == "emails" {
            texts.sort_unstable();
            return Ok(Some(Value::List(texts.into_iter().map(Value::from).collect())));
        }
        // Several values have no order in LDAP. The smallest address is taken, so that it does not flip from one
        // export to the next; of the others the file's order is as good as any.
        let chosen =
            if name == attribute::EMAIL { texts.iter().min_by_key(|text| text.to_lowercase()) } else { texts.first() };
        return Ok(chosen.map(|text| Value::from(*text)));
    }
    Ok(None)
}

/// Whether an attribute that cannot be read would be missed: it feeds one of ours, or the status.
fn matters(name: &str, settings: &FileSettings) -> bool {
    const STATUS: [&str; 5] =
        ["useraccountcontrol", "pwdaccountlockedtime", "nsaccountlock", "accountexpires", "shadowexpire"];
    name == "mail"
        || STATUS.contains(&name)
        || SOURCES.iter().any(|(_, theirs)| theirs.contains(&name))
        || settings.columns.values().any(|own| own.eq_ignore_ascii_case(name))
}

/// Everything that is text, under the file's own names; bytes as base64.
fn raw(record: &Record) -> Attributes {
    record
        .attributes
        .values()
        .map(|attribute| {
            let mut values: Vec<Value> = attribute.values.iter().map(|value| one(value)).collect();
            let value = if values.len() == 1 { values.remove(0) } else { Value::List(values) };
            (Name::of(&attribute.name), value)
        })
        .collect()
}

fn one(value: &[u8]) -> Value {
    use base64::Engine;
    match std::str::from_utf8(value) {
        Ok(text) => Value::from(text),
        Err(_) => Value::Text(base64::engine::general_purpose::STANDARD.encode(value)),
    }
}
