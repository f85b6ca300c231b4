//! Lengths of time as people write them: `"90s"`, `"15m"`, `"6h"`, `"7d"`. A number alone is none: one reader takes it for
//! seconds and the next for minutes.

use std::str::FromStr;
use std::time::Duration;

use jiff::SignedDuration;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A length of time, in whole seconds. Every setting that is one has this type.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct HumanDuration(u32);

/// The longest, in days: a century.
const MOST_DAYS: u64 = 36_500;

impl HumanDuration {
    /// So many seconds.
    #[must_use]
    pub const fn seconds(seconds: u32) -> Self {
        Self(seconds)
    }

    /// In seconds.
    #[must_use]
    pub const fn as_seconds(self) -> u32 {
        self.0
    }

    /// Whether it is none at all.
    #[must_use]
    pub const fn is_zero(self) -> bool {
        self.0 == 0
    }

    /// As a timer wants it.
    #[must_use]
    pub const fn duration(self) -> Duration {
        Duration::from_secs(self.0 as u64)
    }

    /// As the calendar wants it.
    #[must_use]
    pub const fn signed(self) -> SignedDuration {
        SignedDuration::from_secs(self.0 as i64)
    }
}

impl std::fmt::Display for HumanDuration {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (number, unit) = match self.0 {
            0 => (0, 's'),
            days if days % 86_400 == 0 => (days / 86_400, 'd'),
            hours if hours % 3_600 == 0 => (hours / 3_600, 'h'),
            minutes if minutes % 60 == 0 => (minutes / 60, 'm'),
            seconds => (seconds, 's'),
        };
        write!(f, "{number}{unit}")
    }
}

impl FromStr for HumanDuration {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parse = |(unit, seconds): (char, u64)| {
            let digits = text.trim().strip_suffix(unit)?.trim_end();
            let number = digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse::<u64>().ok())??;
            number.checked_mul(seconds)
        };
        let seconds = [('s', 1), ('m', 60), ('h', 3_600), ('d', 86_400)].into_iter().find_map(parse);
        let seconds = seconds.filter(|seconds| *seconds <= MOST_DAYS * 86_400);
        seconds.and_then(|seconds| seconds.try_into().ok()).map(Self).ok_or_else(|| {
            format!(
                "must be a number of seconds, minutes, hours or days, such as \"90s\", \"15m\", \"6h\" or \"7d\", and at \
                 most \"{MOST_DAYS}d\", not {text:?}"
            )
        })
    }
}

impl<'de> Deserialize<'de> for HumanDuration {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(|problem| D::Error::custom(format!("this {problem}")))
    }
}

impl Serialize for HumanDuration {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl JsonSchema for HumanDuration {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Duration".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": "^ *[0-9]+ *[smhd] *$", "examples": ["15m", "90s", "6h", "7d"] })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_people_write_is_understood_and_written_back_the_same() {
        for (text, seconds) in [("90s", 90), ("15m", 900), ("6h", 21_600), ("7d", 604_800), ("0s", 0)] {
            let duration: HumanDuration = serde_json::from_value(text.into()).unwrap();
            assert_eq!((duration.as_seconds(), duration.to_string().as_str()), (seconds, text));
        }
        for wrong in ["7", "m", "-1m", "1.5h", "7 weeks", "36501d", "99999999999999999999s"] {
            assert!(serde_json::from_value::<HumanDuration>(wrong.into()).is_err(), "{wrong}");
        }
    }
}
