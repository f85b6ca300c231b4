//! Whether a person's account is active, by what the flavours of LDAP say about it.
//! `docs/connectors/file.md` lists what each says. Who is locked out after wrong passwords, or has to change the password,
//! is active: that passes by itself.

use jiff::Timestamp;
use rollcall_kit::{InactiveReason, Status};

use super::record::Record;
use super::timestamp::{days, filetime};
use crate::settings::FileSettings;
use crate::words;

/// ADS_UF_ACCOUNTDISABLE
const ACCOUNT_DISABLED: i64 = 0x2;
/// The time that OpenLDAP's ppolicy overlay writes for a lock that never passes.
const LOCKED_FOR_GOOD: &str = "000001010000Z";

/// The status, and the words that it was read from. An error is a value that cannot be understood.
pub(super) fn status(record: &Record, settings: &FileSettings, now: Timestamp) -> Result<(Status, String), String> {
    if let Some(name) = settings.columns.get("status") {
        let word = record.first(&[&name.to_lowercase()]).unwrap_or_default();
        return Ok((words::status(word, &settings.status), format!("{name}={word}")));
    }
    let mut said = Vec::new();
    let mut inactive = None;
    let mut look = |name: &str, text: &str, reason: Option<InactiveReason>| {
        said.push(format!("{name}={text}"));
        inactive = inactive.or(reason);
    };
    if let Some(text) = record.first(&["useraccountcontrol"]) {
        let disabled = whole("userAccountControl", text)? & ACCOUNT_DISABLED != 0;
        look("userAccountControl", text, disabled.then_some(InactiveReason::Disabled));
    } else if record.first(&["samaccountname"]).is_some() && !record.bytes("objectguid").is_empty() {
        return Ok((
            Status::Unknown(
                "userAccountControl is hidden; export it, or read with an account that may see it".to_owned(),
            ),
            String::new(),
        ));
    }
    if let Some(text) = record.first(&["pwdaccountlockedtime"]) {
        look("pwdAccountLockedTime", text, (text == LOCKED_FOR_GOOD).then_some(InactiveReason::Disabled));
    }
    if let Some(text) = record.first(&["nsaccountlock"]) {
        let locked = text.eq_ignore_ascii_case("true");
        look("nsAccountLock", text, locked.then_some(InactiveReason::Disabled));
    }
    if let Some(text) = record.first(&["accountexpires"]) {
        let past = filetime(whole("accountExpires", text)?).is_some_and(|end| end <= now);
        look("accountExpires", text, past.then_some(InactiveReason::Expired));
    }
    if let Some(text) = record.first(&["shadowexpire"]) {
        let past = days(whole("shadowExpire", text)?).is_some_and(|end| end <= now);
        look("shadowExpire", text, past.then_some(InactiveReason::Expired));
    }
    Ok((inactive.map_or(Status::Active, Status::Inactive), said.join(", ")))
}

fn whole(name: &str, text: &str) -> Result<i64, String> {
    text.parse().map_err(|_| format!("{name} is {text:?}, which is no whole number"))
}
