//! Blackouts: windows of time in which a run may do less than its plan asks for.

use std::borrow::Cow;

use jiff::civil::{Date, DateTime, Time, Weekday};
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize};

/// What may not be done in a window.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Forbids {
    /// Nothing is taken from anybody.
    Removals,
    /// Nothing is written at all.
    Writes,
}

/// A window of time in which less may be done.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Blackout {
    /// When it begins: a time of day (`"08:00"`), or a day with or without one (`"2026-12-20"`, `"2026-12-20T18:00"`).
    pub from: Bound,
    /// When it ends, in the same form. A time of day that is not later than `from` is one of the next day.
    pub until: Bound,
    /// The days of the week on which it begins, if it is a daily one; every day if absent.
    #[serde(default)]
    pub days: Vec<Day>,
    /// What may not be done.
    pub forbids: Forbids,
}

/// A day of the week.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Day {
    Mon,
    Tue,
    Wed,
    Thu,
    Fri,
    Sat,
    Sun,
}

impl Day {
    const fn weekday(self) -> Weekday {
        match self {
            Self::Mon => Weekday::Monday,
            Self::Tue => Weekday::Tuesday,
            Self::Wed => Weekday::Wednesday,
            Self::Thu => Weekday::Thursday,
            Self::Fri => Weekday::Friday,
            Self::Sat => Weekday::Saturday,
            Self::Sun => Weekday::Sunday,
        }
    }
}

/// Where a window begins or ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bound {
    /// At this time of every day.
    Daily(Time),
    /// Once.
    Once(DateTime),
}

impl<'de> Deserialize<'de> for Bound {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let time = || (text.len() <= 8).then(|| text.parse::<Time>().ok()).flatten().map(Self::Daily);
        let day = || text.parse::<Date>().ok().filter(|_| text.len() <= 10).map(|day| Self::Once(day.into()));
        let both = || text.parse::<DateTime>().ok().map(Self::Once);
        time().or_else(day).or_else(both).ok_or_else(|| {
            D::Error::custom(format!(
                "{text:?} is neither a time of day, such as \"08:00\", nor a day, such as \"2026-12-20\" or \
                 \"2026-12-20T18:00\""
            ))
        })
    }
}

impl JsonSchema for Bound {
    fn schema_name() -> Cow<'static, str> {
        "TimeOfDayOrDay".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "examples": ["08:00", "2026-12-20", "2026-12-20T18:00"] })
    }
}

impl Blackout {
    /// What is wrong with it, if anything is.
    ///
    /// # Errors
    ///
    /// In a sentence.
    pub fn check(&self) -> Result<(), String> {
        match (self.from, self.until) {
            (Bound::Daily(_), Bound::Daily(_)) => Ok(()),
            (Bound::Once(_), Bound::Once(_)) if !self.days.is_empty() => {
                Err("days of the week belong to a window that comes every day; leave `days` out".to_owned())
            }
            (Bound::Once(from), Bound::Once(until)) if from < until => Ok(()),
            (Bound::Once(_), Bound::Once(_)) => Err("`until` must be later than `from`".to_owned()),
            _ => Err("`from` and `until` must both be times of day, or both be days".to_owned()),
        }
    }

    /// When the window that is open at this moment closes, and when it opened; nothing if none is open. Where clocks
    /// change, it is the longer one.
    fn open(&self, zone: &TimeZone, now: Timestamp) -> Option<(Timestamp, Timestamp)> {
        let within = |from: DateTime, until: DateTime| {
            let from = zone.to_ambiguous_timestamp(from).earlier().ok()?;
            let until = zone.to_ambiguous_timestamp(until).later().ok()?;
            (from <= now && now < until).then_some((until, from))
        };
        match (self.from, self.until) {
            (Bound::Once(from), Bound::Once(until)) => within(from, until),
            (Bound::Daily(from), Bound::Daily(until)) => {
                let today = zone.to_datetime(now).date();
                let starts = [today.checked_sub(1.day()).ok()?, today];
                let wanted =
                    |day: &Date| self.days.is_empty() || self.days.iter().any(|each| each.weekday() == day.weekday());
                let windows = starts.into_iter().filter(wanted).filter_map(|day| {
                    let end = if until > from { day } else { day.checked_add(1.day()).ok()? };
                    within(day.to_datetime(from), end.to_datetime(until))
                });
                windows.max()
            }
            _ => None,
        }
    }
}

/// A window that is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct OpenWindow {
    /// What may not be done.
    pub forbids: Forbids,
    /// When it closes.
    pub until: Timestamp,
    /// When it opened.
    pub since: Timestamp,
}

/// All windows of an organization, with the zone of their clocks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Blackouts {
    /// The windows.
    pub windows: Vec<Blackout>,
    /// The zone.
    pub zone: super::Zone,
}

impl Blackouts {
    /// The window that is open at this moment, of several the one that forbids most; nothing if everything may be done.
    #[must_use]
    pub fn at(&self, now: Timestamp) -> Option<OpenWindow> {
        let open = |window: &Blackout| {
            let (until, since) = window.open(self.zone.rules(), now)?;
            Some(OpenWindow { forbids: window.forbids, until, since })
        };
        self.windows.iter().filter_map(open).max()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn blackouts(toml: &str, zone: &str) -> Blackouts {
        #[derive(Deserialize)]
        struct File {
            blackout: Vec<Blackout>,
        }
        let windows = toml::from_str::<File>(toml).unwrap().blackout;
        assert!(windows.iter().all(|window| window.check().is_ok()));
        Blackouts { windows, zone: serde_json::from_value(zone.into()).unwrap() }
    }

    fn at(blackouts: &Blackouts, now: &str) -> Option<(Forbids, String)> {
        blackouts.at(now.parse().unwrap()).map(|open| (open.forbids, open.until.to_string()))
    }

    #[test]
    fn a_daily_window_is_open_on_its_days_from_its_beginning_to_before_its_end() {
        let office = blackouts(
            "[[blackout]]\nfrom = \"08:00\"\nuntil = \"18:00\"\ndays = [\"mon\", \"fri\"]\nforbids = \"removals\"\n",
            "Europe/Berlin",
        );
        // 2027-01-01 is a Friday.
        let end = Some((Forbids::Removals, "2027-01-01T17:00:00Z".to_owned()));
        assert_eq!(at(&office, "2027-01-01T06:59:59Z"), None);
        assert_eq!(at(&office, "2027-01-01T07:00:00Z"), end);
        assert_eq!(at(&office, "2027-01-01T16:59:59Z"), end);
        assert_eq!(at(&office, "2027-01-01T17:00:00Z"), None);
        assert_eq!(at(&office, "2027-01-02T12:00:00Z"), None, "Saturday");
    }

    #[test]
    fn a_window_over_midnight_belongs_to_the_day_on_which_it_begins() {
        let night = blackouts(
            "[[blackout]]\nfrom = \"22:00\"\nuntil = \"06:00\"\ndays = [\"fri\"]\nforbids = \"writes\"\n",
            "UTC",
        );
        let end = Some((Forbids::Writes, "2027-01-02T06:00:00Z".to_owned()));
        assert_eq!(at(&night, "2027-01-01T23:00:00Z"), end);
        assert_eq!(at(&night, "2027-01-02T05:59:00Z"), end);
        assert_eq!(at(&night, "2027-01-01T05:00:00Z"), None, "that would be Thursday's");
        assert_eq!(at(&night, "2027-01-02T22:30:00Z"), None, "Saturday");
    }

    #[test]
    fn where_the_hour_comes_twice_the_window_lasts_through_both() {
        let window =
            blackouts("[[blackout]]\nfrom = \"02:15\"\nuntil = \"02:45\"\nforbids = \"writes\"\n", "Europe/Berlin");
        let end = Some((Forbids::Writes, "2027-10-31T01:45:00Z".to_owned()));
        for open in ["2027-10-31T00:15:00Z", "2027-10-31T00:50:00Z", "2027-10-31T01:44:59Z"] {
            assert_eq!(at(&window, open), end, "{open}");
        }
        assert_eq!(at(&window, "2027-10-31T01:45:00Z"), None);
    }

    #[test]
    fn the_window_that_forbids_more_counts() {
        let both = blackouts(
            "[[blackout]]\nfrom = \"00:00\"\nuntil = \"00:00\"\nforbids = \"removals\"\n\
             [[blackout]]\nfrom = \"2026-12-20\"\nuntil = \"2027-01-04T08:00\"\nforbids = \"writes\"\n",
            "UTC",
        );
        assert_eq!(at(&both, "2026-12-24T12:00:00Z"), Some((Forbids::Writes, "2027-01-04T08:00:00Z".to_owned())));
        assert_eq!(at(&both, "2027-01-05T12:00:00Z"), Some((Forbids::Removals, "2027-01-06T00:00:00Z".to_owned())));
    }

    #[test]
    fn a_window_that_cannot_be_is_refused() {
        for (toml, says) in [
            ("from = \"08:00\"\nuntil = \"2027-01-01\"\nforbids = \"writes\"", "both"),
            ("from = \"2027-01-02\"\nuntil = \"2027-01-01\"\nforbids = \"writes\"", "later"),
            ("from = \"2027-01-01\"\nuntil = \"2027-01-02\"\ndays = [\"mon\"]\nforbids = \"writes\"", "days"),
        ] {
            let error = toml::from_str::<Blackout>(toml).unwrap().check().unwrap_err();
            assert!(error.contains(says), "{toml}: {error}");
        }
        assert!(toml::from_str::<Blackout>("from = \"8\"\nuntil = \"9\"\nforbids = \"writes\"").is_err());
    }
}
