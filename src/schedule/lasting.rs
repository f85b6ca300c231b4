//! How long something lasts, as people write it: `"90s"`, `"15m"`, `"6h"`, `"7d"`.

use std::time::Duration;

use jiff::SignedDuration;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A length of time, in whole seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Lasting(u32);

/// The longest: a year.
const MOST: u64 = 366 * 24 * 3600;

impl Lasting {
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

impl std::fmt::Display for Lasting {
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

impl<'de> Deserialize<'de> for Lasting {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let parse = |(unit, seconds): (char, u64)| {
            let digits = text.trim().strip_suffix(unit)?.trim_end();
            let number = digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse::<u64>().ok())??;
            number.checked_mul(seconds)
        };
        let seconds = [('s', 1), ('m', 60), ('h', 3_600), ('d', 86_400)].into_iter().find_map(parse);
        seconds.filter(|seconds| *seconds <= MOST).and_then(|seconds| seconds.try_into().ok()).map(Self).ok_or_else(
            || {
                D::Error::custom(format!(
                    "this must be a number of seconds, minutes, hours or days, such as \"90s\", \"15m\", \"6h\" or \
                     \"7d\", and at most \"366d\", not {text:?}"
                ))
            },
        )
    }
}

impl Serialize for Lasting {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl JsonSchema for Lasting {
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
            let lasting: Lasting = serde_json::from_value(text.into()).unwrap();
            assert_eq!((lasting.as_seconds(), lasting.to_string().as_str()), (seconds, text));
        }
        for wrong in ["7", "m", "-1m", "1.5h", "7 weeks", "367d", "99999999999999999999s"] {
            assert!(serde_json::from_value::<Lasting>(wrong.into()).is_err(), "{wrong}");
        }
    }
}
