//! A length of time in days or hours, written as people write it: `"7d"`, `"12h"`.

use std::fmt;

use jiff::SignedDuration;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A number of days or hours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lasting(SignedDuration);

impl Lasting {
    /// So many hours.
    #[must_use]
    pub const fn hours(hours: i64) -> Self {
        Self(SignedDuration::from_hours(hours))
    }

    /// As a length of time.
    #[must_use]
    pub const fn get(self) -> SignedDuration {
        self.0
    }
}

impl fmt::Display for Lasting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.as_hours() {
            days if days % 24 == 0 => write!(f, "{}d", days / 24),
            hours => write!(f, "{hours}h"),
        }
    }
}

impl Serialize for Lasting {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// The longest time: whoever writes it today should not be surprised in two years.
const MOST_HOURS: i64 = 366 * 24;

impl<'de> Deserialize<'de> for Lasting {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let parse = |unit: char, hours: i64| {
            let digits = text.trim().strip_suffix(unit)?.trim_end();
            let number = digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse::<i64>().ok())??;
            number.checked_mul(hours)
        };
        let hours = parse('d', 24).or_else(|| parse('h', 1)).filter(|hours| (1..=MOST_HOURS).contains(hours));
        hours.map(|hours| Self(SignedDuration::from_hours(hours))).ok_or_else(|| {
            D::Error::custom(format!(
                "it must be a number of days or hours, such as \"7d\" or \"12h\", and at most \"366d\", not \
                 {text:?}"
            ))
        })
    }
}

impl JsonSchema for Lasting {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Lasting".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": "^ *[0-9]+ *[dh] *$", "examples": ["7d", "12h"] })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_length_of_time_is_read_and_written_as_people_write_it() {
        for (text, hours, written) in [("12h", 12, "12h"), ("2d", 48, "2d"), (" 1 d ", 24, "1d"), ("48h", 48, "2d")] {
            let read = serde_json::from_value::<Lasting>(text.into()).unwrap();
            assert_eq!(read, Lasting::hours(hours));
            assert_eq!(serde_json::to_value(read).unwrap(), written);
        }
    }

    #[test]
    fn a_time_that_is_none_is_answered_with_an_example() {
        for wrong in ["7", "d", "0d", "-1d", "+1d", "7 weeks", "367d", "99999999999999999999d", "1.5h"] {
            let error = serde_json::from_value::<Lasting>(wrong.into()).unwrap_err().to_string();
            assert!(error.contains("such as \"7d\""), "{wrong}: {error}");
        }
    }
}
