//! How long held plans and their approvals count, as people write it: `expire_after = "7d"`.

use jiff::SignedDuration;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::Error;
use serde::{Deserialize, Deserializer};

/// How long held plans and their approvals count.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct ApprovalsFile {
    /// How long a held plan can be approved after it was last made, and how long an approval waits for the run that uses
    /// it: days (`"7d"`) or hours (`"12h"`).
    pub expire_after: Lasting,
}

/// A number of days or hours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Lasting(pub SignedDuration);

impl Default for Lasting {
    /// Long enough for a weekend with a holiday behind it.
    fn default() -> Self {
        Self(SignedDuration::from_hours(7 * 24))
    }
}

/// The longest time: whoever approves today should not be surprised in two years.
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
                "`expire_after` must be a number of days or hours, such as \"7d\" or \"12h\", and at most \"366d\", not \
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

    fn read(text: &str) -> Result<SignedDuration, String> {
        let file = toml::from_str::<ApprovalsFile>(text).map_err(|error| error.to_string())?;
        Ok(file.expire_after.0)
    }

    #[test]
    fn days_and_hours_are_understood_and_a_week_is_the_default() {
        assert_eq!(read("expire_after = \"12h\"").unwrap(), SignedDuration::from_hours(12));
        assert_eq!(read("expire_after = \"2d\"").unwrap(), SignedDuration::from_hours(48));
        assert_eq!(read("").unwrap(), SignedDuration::from_hours(168));
    }

    #[test]
    fn a_time_that_is_none_is_answered_with_an_example() {
        for wrong in ["7", "d", "0d", "-1d", "+1d", "7 weeks", "367d", "99999999999999999999d", "1.5h"] {
            let error = read(&format!("expire_after = {wrong:?}")).unwrap_err();
            assert!(error.contains("such as \"7d\""), "{wrong}: {error}");
        }
    }
}
