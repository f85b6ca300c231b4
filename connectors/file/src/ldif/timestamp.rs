//! The two ways in which directories write a moment that matters here.

use jiff::{SignedDuration, Timestamp};

/// Seconds from 1601-01-01, where Windows' file times begin, to 1970-01-01.
const FILETIME_EPOCH: i64 = 11_644_473_600;

/// A Windows file time: units of 100 ns since 1601. Nothing for the two values that mean never (0 and the largest),
/// and for one that lies beyond all calendars.
pub(super) fn filetime(units: i64) -> Option<Timestamp> {
    if units <= 0 || units == i64::MAX {
        return None;
    }
    Timestamp::from_second(units / 10_000_000 - FILETIME_EPOCH).ok()
}

/// Days since 1970 as `shadowExpire` counts them; -1 means never.
pub(super) fn days(days: i64) -> Option<Timestamp> {
    if days < 0 {
        return None;
    }
    Timestamp::UNIX_EPOCH.checked_add(SignedDuration::from_hours(days.checked_mul(24)?)).ok()
}
