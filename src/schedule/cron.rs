//! Cron expressions: which moments they name in a time zone.
//!
//! The `cron` crate walks the calendar as if every day had twenty-four hours; here the zone says which moment each of
//! its civil times is. On the day when clocks are put back it would otherwise fire twice, and when they are put forward
//! not at all. Two kinds of expression are told apart:
//!
//! - One that names hours (`30 2 * * *`) fires once for each civil time: at its first passing if there are two, and as
//!   much later as the clocks were put forward if there is none.
//! - One for every hour (`*/15 * * * *`) is an interval: it fires whenever the clock on the wall shows such a time, so
//!   an hour that comes twice has its fires twice, and no hour is silent.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime as ChronoTime, Datelike as _, NaiveDate, Timelike as _, Utc};
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};

/// A cron expression with five fields (minute, hour, day of month, month, day of week) or six (with seconds before
/// them).
#[derive(Clone)]
pub struct Cron {
    text: String,
    calendar: ::cron::Schedule,
    every_hour: bool,
}

impl PartialEq for Cron {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Cron {}

impl fmt::Debug for Cron {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.text)
    }
}

impl fmt::Display for Cron {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// Days of the week as crontab numbers them, with Sunday at both ends.
const DAYS: [&str; 8] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat", "sun"];

/// The year in which every expression that ever fires has fired, leap days included.
const CALENDAR_CYCLE: i16 = 28;

impl FromStr for Cron {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let fields: Vec<&str> = text.split_whitespace().collect();
        let (seconds, rest, numbers) = match fields.as_slice() {
            rest if rest.len() == 5 => ("0", rest, true),
            [seconds, rest @ ..] if rest.len() == 5 => (*seconds, rest, false),
            _ => {
                return Err(format!(
                    "{text:?} has {} field{}; write five (minute, hour, day of month, month, day of week), such as \
                     \"*/15 * * * *\", or six with seconds before them",
                    fields.len(),
                    if fields.len() == 1 { "" } else { "s" }
                ));
            }
        };
        let [minute, hour, day, month, weekday] = rest else { return Err(format!("{text:?} has too few fields")) };
        let is_any = |field: &str| matches!(field, "*" | "?");
        if !is_any(day) && !is_any(weekday) {
            return Err(format!(
                "{text:?} names days of the month and days of the week; cron programs disagree whether both or either \
                 must fit, so leave one of them *"
            ));
        }
        let weekday = if is_any(weekday) { "*".to_owned() } else { weekdays(weekday, numbers)? };
        let quartz = format!("{seconds} {minute} {hour} {day} {month} {weekday}");
        let calendar = ::cron::Schedule::from_str(&quartz)
            .map_err(|_| format!("{text:?} is no cron expression{}", faulty(&[seconds, minute, hour, day, month])))?;
        let every_hour = matches!(*hour, "*" | "*/1" | "0-23");
        let cron = Self { text: fields.join(" "), calendar, every_hour };
        let start = Timestamp::UNIX_EPOCH;
        let end = DateTime::constant(1970 + CALENDAR_CYCLE, 1, 1, 0, 0, 0, 0);
        match cron.after(TimeZone::UTC.to_datetime(start)) {
            Some(first) if first < end => Ok(cron),
            _ => Err(format!("{text:?} names no day that ever comes")),
        }
    }
}

/// The fields that the `cron` crate reads as they are, with what may stand in them.
const FIELDS: [(&str, &str); 5] = [
    ("seconds", "0 to 59"),
    ("minutes", "0 to 59"),
    ("hours", "0 to 23"),
    ("days of the month", "1 to 31"),
    ("months", "1 to 12, or jan to dec"),
];

/// Which of these fields it is that cannot be read, and what may stand there: what the crate says of it is about an
/// expression that nobody wrote.
fn faulty(fields: &[&str; 5]) -> String {
    let cannot_be_read = |index: &usize| {
        let mut alone = ["*"; 6];
        alone[*index] = fields[*index];
        ::cron::Schedule::from_str(&alone.join(" ")).is_err()
    };
    let Some(index) = (0..fields.len()).find(cannot_be_read) else { return String::new() };
    let (name, values) = FIELDS[index];
    format!(": its {name} are {:?}; write numbers from {values}, ranges, lists, steps or *", fields[index])
}

/// A field of weekdays as names, which mean the same to everybody: to crontab Monday is 1, to the `cron` crate 2.
fn weekdays(field: &str, numbers: bool) -> Result<String, String> {
    let mut named = [false; 7];
    for item in field.split(',') {
        let (days, step) = match item.split_once('/') {
            Some((days, step)) => (days, step.parse::<usize>().ok().filter(|step| *step > 0)),
            None => (item, Some(1)),
        };
        let step = step.ok_or_else(|| format!("the step in {item:?} must be a number above 0"))?;
        let (first, last) = match days.split_once('-') {
            _ if days == "*" => (0, 6),
            Some((first, last)) => (weekday(first, numbers)?, weekday(last, numbers)?),
            None if item.contains('/') => (weekday(days, numbers)?, 6),
            None => (weekday(days, numbers)?, weekday(days, numbers)?),
        };
        // From Friday to Monday goes through Sunday; from Monday to Sunday does, too.
        let last = if last < first { last + 7 } else { last };
        for day in (first..=last).step_by(step) {
            named[day % 7] = true;
        }
    }
    let names = named.iter().zip(DAYS).filter(|(named, _)| **named).map(|(_, name)| name);
    Ok(names.collect::<Vec<_>>().join(","))
}

/// One weekday; Sunday is 0.
fn weekday(word: &str, numbers: bool) -> Result<usize, String> {
    if let Ok(number) = word.parse::<usize>() {
        return match (numbers, number) {
            (true, 0..=7) => Ok(number),
            (true, _) => Err(format!("there is no weekday {number}: they go from 0 (Sunday) to 7 (Sunday)")),
            (false, _) => Err(format!(
                "the weekday {number} means one day to crontab and another to Quartz; with six fields write its name, \
                 such as mon"
            )),
        };
    }
    let word = word.to_ascii_lowercase();
    let known = DAYS.iter().position(|day| word.len() >= 3 && word.starts_with(day));
    let full = ["sunday", "monday", "tuesday", "wednesday", "thursday", "friday", "saturday"];
    known
        .filter(|_| word.len() == 3 || full.contains(&word.as_str()))
        .ok_or_else(|| format!("{word:?} is no weekday; write sun, mon, tue, wed, thu, fri or sat"))
}

impl Cron {
    /// The first moment after this one that the expression names in this zone.
    #[must_use]
    pub fn next(&self, zone: &TimeZone, after: Timestamp) -> Option<Timestamp> {
        if self.every_hour { self.next_on_the_wall(zone, after) } else { self.next_civil(zone, after) }
    }

    /// Each civil time once. In a gap that is as much later as the clocks were put forward, in a fold the first passing.
    fn next_civil(&self, zone: &TimeZone, after: Timestamp) -> Option<Timestamp> {
        let mut civil = begin_of_gap(zone, after).unwrap_or_else(|| zone.to_datetime(after));
        let mut first: Option<Timestamp> = None;
        loop {
            // Times in a gap are put behind others that have not come yet, so the first found need not be the first.
            civil = match self.after(civil) {
                Some(civil) if first.is_none_or(|first| civil < zone.to_datetime(first)) => civil,
                _ => return first,
            };
            let moment = zone.to_ambiguous_timestamp(civil).compatible().ok()?;
            if moment > after {
                first = Some(first.map_or(moment, |first| first.min(moment)));
            }
        }
    }

    /// Whenever the clock on the wall shows such a time.
    fn next_on_the_wall(&self, zone: &TimeZone, after: Timestamp) -> Option<Timestamp> {
        let mut from = after;
        let mut offset = zone.to_offset(after);
        loop {
            let moment = offset.to_timestamp(self.after(offset.to_datetime(from))?).ok()?;
            match zone.following(from).next() {
                Some(change) if change.timestamp() <= moment => {
                    offset = change.offset();
                    // The moment of the change itself counts: go on from just before it, by the new clock.
                    from = change.timestamp();
                    let before = offset.to_datetime(from).checked_sub(1.second()).ok()?;
                    let first = offset.to_timestamp(self.after(before)?).ok()?;
                    match zone.following(from).next() {
                        Some(change) if change.timestamp() <= first => {}
                        _ => return Some(first),
                    }
                }
                _ => return Some(moment),
            }
        }
    }

    /// The first civil time after this one, in a calendar without zones.
    fn after(&self, civil: DateTime) -> Option<DateTime> {
        let day = NaiveDate::from_ymd_opt(civil.year().into(), number(civil.month())?, number(civil.day())?)?;
        let time = day.and_hms_opt(number(civil.hour())?, number(civil.minute())?, number(civil.second())?)?;
        let next: ChronoTime<Utc> = self.calendar.after(&time.and_utc()).next()?;
        DateTime::new(
            next.year().try_into().ok()?,
            next.month().try_into().ok()?,
            next.day().try_into().ok()?,
            next.hour().try_into().ok()?,
            next.minute().try_into().ok()?,
            next.second().try_into().ok()?,
            0,
        )
        .ok()
    }
}

/// Where a gap begins of which some times are still to come, because they are put behind it.
fn begin_of_gap(zone: &TimeZone, after: Timestamp) -> Option<DateTime> {
    let change = zone.preceding(after.checked_add(1.nanosecond()).ok()?).next()?.timestamp();
    let before = zone.to_offset(change.checked_sub(1.nanosecond()).ok()?);
    let jump = zone.to_offset(change).duration_since(before);
    (after.duration_since(change) < jump).then(|| before.to_datetime(change).checked_sub(1.second()).ok())?
}

fn number(part: i8) -> Option<u32> {
    part.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn zone(name: &str) -> TimeZone {
        TimeZone::get(name).unwrap()
    }

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    /// The fires between two moments, as the wall shows them.
    fn fires(expression: &str, zone_name: &str, from: &str, until: &str) -> Vec<String> {
        let (cron, zone) = (expression.parse::<Cron>().unwrap(), zone(zone_name));
        let mut found = Vec::new();
        let mut now = at(from);
        while let Some(next) = cron.next(&zone, now).filter(|next| *next < at(until)) {
            let offset = zone.to_offset(next);
            found.push(format!("{}{offset}", zone.to_datetime(next).strftime("%d %H:%M:%S")));
            now = next;
        }
        found
    }

    #[test]
    fn a_time_that_the_clocks_skip_fires_once_and_later() {
        let found = fires("30 2 * * *", "Europe/Berlin", "2027-03-27T12:00:00Z", "2027-03-29T12:00:00Z");
        assert_eq!(found, ["28 03:30:00+02", "29 02:30:00+02"]);
    }

    #[test]
    fn a_time_that_comes_twice_fires_once() {
        let found = fires("30 2 * * *", "Europe/Berlin", "2027-10-30T12:00:00Z", "2027-11-01T12:00:00Z");
        assert_eq!(found, ["31 02:30:00+02", "01 02:30:00+01"]);
    }

    #[test]
    fn an_interval_goes_on_through_the_hour_that_comes_twice() {
        let found = fires("*/30 * * * *", "Europe/Berlin", "2027-10-30T23:59:59Z", "2027-10-31T02:00:00Z");
        assert_eq!(found, ["31 02:00:00+02", "31 02:30:00+02", "31 02:00:00+01", "31 02:30:00+01"]);
    }

    #[test]
    fn an_interval_goes_on_past_the_hour_that_is_skipped() {
        let found = fires("*/30 * * * *", "Europe/Berlin", "2027-03-28T00:00:00Z", "2027-03-28T02:00:00Z");
        assert_eq!(found, ["28 01:30:00+01", "28 03:00:00+02", "28 03:30:00+02"]);
    }

    #[test]
    fn half_an_hour_of_change_keeps_the_minutes_of_the_wall() {
        // Lord Howe puts its clocks back by half an hour, at 02:00 to 01:30.
        let found = fires("0,45 * * * *", "Australia/Lord_Howe", "2027-04-03T14:00:00Z", "2027-04-03T16:30:00Z");
        assert_eq!(found, ["04 01:45:00+11", "04 01:45:00+10:30", "04 02:00:00+10:30", "04 02:45:00+10:30"]);
    }

    #[test]
    fn crontabs_weekdays_are_those_of_crontab() {
        for (expression, first) in [
            ("0 9 * * 1", "2027-01-04T09:00:00Z"),
            ("0 9 * * 0", "2027-01-03T09:00:00Z"),
            ("0 9 * * 7", "2027-01-03T09:00:00Z"),
            ("0 9 * * 6-7", "2027-01-02T09:00:00Z"),
            ("0 9 * * sun", "2027-01-03T09:00:00Z"),
            ("0 9 * * MON-FRI", "2027-01-01T09:00:00Z"),
            ("30 0 9 * * wednesday", "2027-01-06T09:00:30Z"),
        ] {
            let cron = expression.parse::<Cron>().unwrap();
            // 2027-01-01 is a Friday.
            assert_eq!(cron.next(&TimeZone::UTC, at("2027-01-01T00:00:00Z")), Some(at(first)), "{expression}");
        }
        assert_eq!(weekdays("fri-mon", true).unwrap(), "sun,mon,fri,sat");
        assert_eq!(weekdays("*/2", true).unwrap(), "sun,tue,thu,sat");
        assert_eq!(weekdays("1-5/2", true).unwrap(), "mon,wed,fri");
    }

    #[test]
    fn what_could_mean_two_things_is_refused_with_what_to_write() {
        for (expression, says) in [
            ("* * * *", "has 4 fields"),
            ("0 * * * * * 2027", "has 7 fields"),
            ("@daily", "has 1 field;"),
            ("0 0 9 * * 1", "write its name"),
            ("0 9 1 * 1", "leave one of them *"),
            ("0 9 * * 8", "no weekday 8"),
            ("0 9 * * mo", "no weekday"),
            ("0 9 * * 1/0", "above 0"),
            ("61 * * * *", "no cron expression: its minutes are \"61\"; write numbers from 0 to 59"),
            ("0 25 * * *", "no cron expression: its hours are \"25\""),
            ("0 0 9 1-32 * *", "its days of the month are \"1-32\""),
            ("0 9 * foo mon", "its months are \"foo\"; write numbers from 1 to 12, or jan to dec"),
            ("0 0 30 2 *", "names no day that ever comes"),
            ("0 9 L * *", "its days of the month are \"L\""),
            ("0 9 15W * *", "no cron expression"),
            ("0 9 * * 5L", "no weekday"),
            ("0 9 * * mon#1", "no weekday"),
            ("0 22-2 * * *", "its hours are \"22-2\""),
        ] {
            let error = expression.parse::<Cron>().unwrap_err();
            assert!(error.contains(says) && error.lines().count() == 1, "{expression}: {error}");
        }
    }

    #[test]
    fn a_leap_day_is_a_day_that_comes() {
        let cron = "0 0 29 2 *".parse::<Cron>().unwrap();
        assert_eq!(cron.next(&TimeZone::UTC, at("2027-01-01T00:00:00Z")), Some(at("2028-02-29T00:00:00Z")));
    }
}
