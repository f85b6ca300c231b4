//! Whether a user is active: the rule of each kind of server.
//!
//! What is merely locked out for a while, or has an expired password, is still active. What cannot be known is
//! [`Status::Unknown`]: an attribute that must be there and is not was hidden from the reader, and guessing either way
//! could let somebody in or put somebody out.

use jiff::Timestamp;
use rollcall_kit::{InactiveReason, Status};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::entry::RawEntry;

/// What makes a user active.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum ActiveRule {
    /// Active Directory: `userAccountControl` without the bit 2 (disabled), and `accountExpires` not in the past. Both
    /// must be there.
    UserAccountControl,
    /// OpenLDAP: no `pwdAccountLockedTime` that says "for good" (`000001010000Z`), no `pwdEndTime` in the past, no
    /// `pwdStartTime` in the future, no `shadowExpire` in the past.
    AccountLockedTime,
    /// 389-ds and FreeIPA: no `nsAccountLock: true`, no `krbPrincipalExpiration` in the past.
    NsAccountLock,
    /// Whoever is there is active.
    Present,
    /// An attribute of your own.
    Attribute {
        /// Its name.
        name: String,
        /// Values, in any case, that mean active. If there are none, everything that is not `inactive` is active.
        #[serde(default)]
        active: Vec<String>,
        /// Values, in any case, that mean not active.
        #[serde(default)]
        inactive: Vec<String>,
        /// What it means that the attribute is not there.
        #[serde(default)]
        absent: Absent,
    },
}

/// What the absence of an attribute means.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Absent {
    /// The user is held as they are, and named.
    #[default]
    Unknown,
    /// The user is active.
    Active,
    /// The user is not active.
    Inactive,
}

/// `userAccountControl`: the account is disabled (MS-ADTS 2.2.16, `ADS_UF_ACCOUNT_DISABLE`).
const DISABLED: i32 = 0x2;
/// `accountExpires`: both mean never (MS-ADTS, attribute `accountExpires`).
const NEVER: [i64; 2] = [0, i64::MAX];
/// `pwdAccountLockedTime`: locked until an administrator unlocks it (draft-behera-ldap-password-policy, 5.3.3).
const LOCKED_FOR_GOOD: &str = "000001010000Z";

impl ActiveRule {
    /// The attributes that the rule needs.
    pub(crate) fn attributes(&self) -> impl Iterator<Item = &str> {
        let (known, own): (&[&str], Option<&str>) = match self {
            Self::UserAccountControl => (&["userAccountControl", "accountExpires"], None),
            Self::AccountLockedTime => (&["pwdAccountLockedTime", "pwdStartTime", "pwdEndTime", "shadowExpire"], None),
            Self::NsAccountLock => (&["nsAccountLock", "krbPrincipalExpiration"], None),
            Self::Present => (&[], None),
            Self::Attribute { name, .. } => (&[], Some(name)),
        };
        known.iter().copied().chain(own)
    }

    /// The status of an entry at a moment, and the directory's own words for it.
    pub(crate) fn status(&self, entry: &RawEntry, now: Timestamp) -> (Status, String) {
        let status = match self {
            Self::UserAccountControl => user_account_control(entry, now),
            Self::AccountLockedTime => account_locked_time(entry, now),
            Self::NsAccountLock => ns_account_lock(entry, now),
            Self::Present => Status::Active,
            Self::Attribute { name, active, inactive, absent } => own_attribute(entry, name, active, inactive, *absent),
        };
        let mut words = String::new();
        for (name, value) in self.attributes().flat_map(|name| entry.values(name).map(move |value| (name, value))) {
            let comma = if words.is_empty() { "" } else { ", " };
            words.extend([comma, name, "=", &String::from_utf8_lossy(value)]);
        }
        (status, words)
    }
}

fn inactive(reason: InactiveReason) -> Status {
    Status::Inactive(reason)
}

fn hidden(attribute: &str) -> Status {
    Status::Unknown(format!("{attribute} is not there, though every account has it: the reader may not see it"))
}

fn odd(attribute: &str, entry: &RawEntry) -> Status {
    let value = entry.value(attribute).map(String::from_utf8_lossy).unwrap_or_default();
    Status::Unknown(format!("{attribute} has the value \"{value}\", which cannot be read"))
}

fn user_account_control(entry: &RawEntry, now: Timestamp) -> Status {
    if !entry.mentions("userAccountControl") {
        return hidden("userAccountControl");
    }
    let Some(control) = entry.text("userAccountControl").and_then(|text| text.parse::<i32>().ok()) else {
        return odd("userAccountControl", entry);
    };
    if control & DISABLED != 0 {
        return inactive(InactiveReason::Disabled);
    }
    if !entry.mentions("accountExpires") {
        return hidden("accountExpires");
    }
    let Some(expires) = entry.text("accountExpires").and_then(|text| text.parse::<i64>().ok()) else {
        return odd("accountExpires", entry);
    };
    if !NEVER.contains(&expires) && expires <= filetime(now) {
        return inactive(InactiveReason::Expired);
    }
    Status::Active
}

/// A moment as Windows counts: units of 100 ns since 1601-01-01 UTC.
fn filetime(moment: Timestamp) -> i64 {
    const SECONDS_FROM_1601_TO_1970: i64 = 11_644_473_600;
    (moment.as_second() + SECONDS_FROM_1601_TO_1970) * 10_000_000 + i64::from(moment.subsec_nanosecond()) / 100
}

fn account_locked_time(entry: &RawEntry, now: Timestamp) -> Status {
    if entry.text("pwdAccountLockedTime") == Some(LOCKED_FOR_GOOD) {
        return inactive(InactiveReason::Disabled);
    }
    for (attribute, reason, is_past) in
        [("pwdEndTime", InactiveReason::Expired, true), ("pwdStartTime", InactiveReason::NotYetActive, false)]
    {
        if let Some(value) = entry.text(attribute) {
            match generalized_time(value) {
                None => return odd(attribute, entry),
                Some(moment) if (moment <= now) == is_past => return inactive(reason),
                Some(_) => {}
            }
        }
    }
    match entry.text("shadowExpire").map(str::parse::<i64>) {
        None | Some(Ok(..0)) => Status::Active,
        Some(Ok(0)) => Status::Unknown(
            "shadowExpire is 0, which some tools write for never and others for expired; write -1 or a day".to_owned(),
        ),
        Some(Ok(day)) if day <= now.as_second().div_euclid(86_400) => inactive(InactiveReason::Expired),
        Some(Ok(_)) => Status::Active,
        Some(Err(_)) => odd("shadowExpire", entry),
    }
}

fn ns_account_lock(entry: &RawEntry, now: Timestamp) -> Status {
    match entry.text("nsAccountLock").map(str::to_ascii_lowercase).as_deref() {
        None | Some("false") => {}
        Some("true") => return inactive(InactiveReason::Disabled),
        Some(_) => return odd("nsAccountLock", entry),
    }
    match entry.text("krbPrincipalExpiration").map(generalized_time) {
        None => Status::Active,
        Some(None) => odd("krbPrincipalExpiration", entry),
        Some(Some(moment)) if moment <= now => inactive(InactiveReason::Expired),
        Some(Some(_)) => Status::Active,
    }
}

fn own_attribute(
    entry: &RawEntry,
    name: &str,
    active: &[String],
    inactive_values: &[String],
    absent: Absent,
) -> Status {
    let value = match (entry.mentions(name), entry.text(name)) {
        (_, Some(value)) => value,
        (true, None) => return odd(name, entry),
        (false, None) => {
            return match absent {
                Absent::Unknown => Status::Unknown(format!("{name} is not there, and nothing says what that means")),
                Absent::Active => Status::Active,
                Absent::Inactive => inactive(InactiveReason::Disabled),
            };
        }
    };
    let listed = |values: &[String]| values.iter().any(|v| v.to_lowercase() == value.to_lowercase());
    if listed(inactive_values) {
        inactive(InactiveReason::Disabled)
    } else if listed(active) || active.is_empty() {
        Status::Active
    } else if inactive_values.is_empty() {
        inactive(InactiveReason::Disabled)
    } else {
        Status::Unknown(format!("{name} is \"{value}\", which is listed neither as active nor as inactive"))
    }
}

/// Reads a generalized time (RFC 4517, section 3.3.13): `20261123163820Z`, `…20.0Z`, `…20+0100`; minutes and seconds
/// may be left out.
pub(crate) fn generalized_time(text: &str) -> Option<Timestamp> {
    let zone_at = text.find(['Z', '+', '-'])?;
    let (local, zone) = text.split_at(zone_at);
    let digits = local.split(['.', ',']).next()?;
    if !digits.bytes().all(|b| b.is_ascii_digit()) || !matches!(digits.len(), 10 | 12 | 14) {
        return None;
    }
    let number = |range: std::ops::Range<usize>| digits.get(range).map_or(Some(0), |part| part.parse::<i8>().ok());
    let civil = jiff::civil::DateTime::new(
        digits[..4].parse().ok()?,
        number(4..6)?,
        number(6..8)?,
        number(8..10)?,
        number(10..12)?,
        // Sixty is a leap second, which no calendar here knows.
        number(12..14)?.min(59),
        0,
    )
    .ok()?;
    let utc = jiff::tz::TimeZone::UTC.to_timestamp(civil).ok()?;
    let offset = match zone {
        "Z" => 0,
        signed => {
            let (hours, minutes) = (signed.get(1..3)?.parse::<i64>().ok()?, signed.get(3..5).unwrap_or("00"));
            let seconds = hours * 3600 + minutes.parse::<i64>().ok()? * 60;
            if signed.starts_with('-') { -seconds } else { seconds }
        }
    };
    Timestamp::from_second(utc.as_second() - offset).ok()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::entry::tests::entry;

    const NOW: &str = "2026-11-23T12:00:00Z";

    fn judge(rule: &ActiveRule, attributes: &[(&str, &str)]) -> Status {
        let values: Vec<[&[u8]; 1]> = attributes.iter().map(|(_, value)| [value.as_bytes()]).collect();
        let attributes: Vec<(&str, &[&[u8]])> =
            attributes.iter().zip(&values).map(|((name, _), value)| (*name, value.as_slice())).collect();
        rule.status(&entry("uid=a", &attributes), NOW.parse().unwrap()).0
    }

    fn ad(control: &str, expires: &str) -> Status {
        judge(&ActiveRule::UserAccountControl, &[("userAccountControl", control), ("accountExpires", expires)])
    }

    #[test]
    fn active_directory_means_never_by_nought_and_by_the_largest_number() {
        assert_eq!(ad("512", "0"), Status::Active);
        assert_eq!(ad("66048", "9223372036854775807"), Status::Active);
        assert_eq!(ad("512", "157468320000000000"), Status::Active);
        assert_eq!(ad("512", "132223104000000000"), inactive(InactiveReason::Expired));
        assert_eq!(ad("514", "0"), inactive(InactiveReason::Disabled));
        // Signed 32 bits: the topmost bit makes the text negative.
        assert_eq!(ad("-2147483134", "0"), inactive(InactiveReason::Disabled));
    }

    #[test]
    fn an_account_expires_at_its_moment_not_before() {
        let now: Timestamp = NOW.parse().unwrap();
        assert_eq!(ad("512", &filetime(now).to_string()), inactive(InactiveReason::Expired));
        assert_eq!(ad("512", &(filetime(now) + 1).to_string()), Status::Active);
    }

    #[test]
    fn a_flag_that_must_be_there_and_is_not_makes_the_status_unknown() {
        for attributes in
            [&[][..], &[("accountExpires", "0")], &[("userAccountControl", "512")], &[("userAccountControl", "x")]]
        {
            assert!(matches!(judge(&ActiveRule::UserAccountControl, attributes), Status::Unknown(_)), "{attributes:?}");
        }
        // Whoever is disabled is disabled, whatever else is hidden.
        assert_eq!(
            judge(&ActiveRule::UserAccountControl, &[("userAccountControl", "514")]),
            inactive(InactiveReason::Disabled)
        );
    }

    #[test]
    fn openldap_locks_for_good_by_one_date_and_for_a_while_by_any_other() {
        let rule = ActiveRule::AccountLockedTime;
        assert_eq!(judge(&rule, &[]), Status::Active);
        assert_eq!(judge(&rule, &[("pwdAccountLockedTime", "000001010000Z")]), inactive(InactiveReason::Disabled));
        assert_eq!(judge(&rule, &[("pwdAccountLockedTime", "20261123115900Z")]), Status::Active);
        assert_eq!(judge(&rule, &[("pwdEndTime", "20261123115900Z")]), inactive(InactiveReason::Expired));
        assert_eq!(judge(&rule, &[("pwdStartTime", "20261124000000Z")]), inactive(InactiveReason::NotYetActive));
        assert_eq!(judge(&rule, &[("shadowExpire", "1")]), inactive(InactiveReason::Expired));
        assert_eq!(judge(&rule, &[("shadowExpire", "-1")]), Status::Active);
        assert_eq!(judge(&rule, &[("shadowExpire", "99999")]), Status::Active);
        assert!(matches!(judge(&rule, &[("shadowExpire", "0")]), Status::Unknown(_)));
        assert!(matches!(judge(&rule, &[("shadowExpire", "soon")]), Status::Unknown(_)));
    }

    #[test]
    fn a_lock_of_389_ds_counts_in_any_case() {
        let rule = ActiveRule::NsAccountLock;
        assert_eq!(judge(&rule, &[("nsAccountLock", "TRUE")]), inactive(InactiveReason::Disabled));
        assert_eq!(judge(&rule, &[("nsaccountlock", "true")]), inactive(InactiveReason::Disabled));
        assert_eq!(judge(&rule, &[("nsAccountLock", "false")]), Status::Active);
        assert!(matches!(judge(&rule, &[("nsAccountLock", "maybe")]), Status::Unknown(_)));
        assert_eq!(judge(&rule, &[("krbPrincipalExpiration", "20200101000000Z")]), inactive(InactiveReason::Expired));
    }

    #[test]
    fn an_attribute_of_ones_own_decides_by_its_lists() {
        let rule = |active: &[&str], gone: &[&str]| ActiveRule::Attribute {
            name: "employeeStatus".to_owned(),
            active: active.iter().map(|v| (*v).to_owned()).collect(),
            inactive: gone.iter().map(|v| (*v).to_owned()).collect(),
            absent: Absent::Unknown,
        };
        let at = |rule: &ActiveRule, value: &str| judge(rule, &[("employeeStatus", value)]);
        assert_eq!(at(&rule(&["A"], &[]), "a"), Status::Active);
        assert_eq!(at(&rule(&["A"], &[]), "T"), inactive(InactiveReason::Disabled));
        assert_eq!(at(&rule(&[], &["T"]), "L"), Status::Active);
        assert!(matches!(at(&rule(&["A"], &["T"]), "L"), Status::Unknown(_)));
        assert!(matches!(judge(&rule(&["A"], &[]), &[]), Status::Unknown(_)));
    }

    #[test]
    fn generalized_times_are_read_in_all_their_forms() {
        let moment: Timestamp = "2026-11-23T16:38:20Z".parse().unwrap();
        for text in ["20261123163820Z", "20261123163820.0Z", "20261123173820+0100", "20261123113820,5-0500"] {
            assert_eq!(generalized_time(text), Some(moment), "{text}");
        }
        assert_eq!(generalized_time("2026112316Z"), "2026-11-23T16:00:00Z".parse().ok());
        for text in ["", "Z", "20261123", "20261323163820Z", "2026-11-23T16:38:20Z", "20261123163820"] {
            assert_eq!(generalized_time(text), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_value_makes_a_rule_fail_badly(value in "\\PC{0,20}", digits in "[0-9Z+.-]{0,18}") {
            for rule in [ActiveRule::UserAccountControl, ActiveRule::AccountLockedTime, ActiveRule::NsAccountLock] {
                for name in rule.attributes() {
                    let _ = judge(&rule, &[(name, &value)]);
                    let _ = judge(&rule, &[(name, &digits)]);
                }
            }
        }
    }
}
