//! A share in whole per cent, written as people write it: `"5%"`.

use std::borrow::Cow;
use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// From 0 to 100 per cent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Percent(u8);

impl Percent {
    /// So many per cent; more than a hundred are a hundred.
    #[must_use]
    pub const fn of(percent: u8) -> Self {
        Self(if percent > 100 { 100 } else { percent })
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> u8 {
        self.0
    }

    /// Whether so many out of so many are a larger share. Counted exactly, without rounding.
    #[must_use]
    pub fn is_exceeded(self, number: u64, of: u64) -> bool {
        u128::from(number) * 100 > u128::from(self.0) * u128::from(of)
    }
}

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} %", self.0)
    }
}

impl Serialize for Percent {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{}%", self.0))
    }
}

impl<'de> Deserialize<'de> for Percent {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let number = text.trim().strip_suffix('%').map(str::trim_end);
        let digits = number.filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()));
        let percent = digits.and_then(|digits| digits.parse::<u8>().ok()).filter(|percent| *percent <= 100);
        percent.map(Self).ok_or_else(|| {
            D::Error::custom(format!(
                "a share must be a whole number of per cent from \"0%\" to \"100%\", such as \"5%\", not {text:?}"
            ))
        })
    }
}

impl JsonSchema for Percent {
    fn schema_name() -> Cow<'static, str> {
        "Percent".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": "^ *(100|[1-9]?[0-9]) *%$", "examples": ["5%"] })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_read_and_written_as_people_write_it_and_nothing_else_is_one() {
        for (text, percent) in [("\"20%\"", 20), ("\" 0 % \"", 0), ("\"100%\"", 100)] {
            assert_eq!(serde_json::from_str::<Percent>(text).unwrap(), Percent::of(percent), "{text}");
        }
        assert_eq!(serde_json::to_string(&Percent::of(7)).unwrap(), "\"7%\"");
        for wrong in ["\"20\"", "\"101%\"", "\"-1%\"", "\"+5%\"", "\"%\"", "\"0.5%\"", "20"] {
            assert!(serde_json::from_str::<Percent>(wrong).is_err(), "{wrong}");
        }
    }
}
