//! Limits: how much of one kind of change goes through without a person.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How much of one kind of change goes through without a person. Both bounds hold: a plan is held if it exceeds the
/// count, or if it exceeds the share and the share is more than a handful (see [`Limits::floor`]).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Limit {
    /// At most so many.
    pub count: u64,
    /// At most this share, in whole per cent: `"5%"`.
    #[serde(rename = "share", serialize_with = "share::serialize")]
    pub percent: u8,
}

impl Limit {
    /// Whether so many out of so many go beyond it. Counted exactly, without rounding.
    #[must_use]
    pub fn is_exceeded(&self, number: u64, of: u64, floor: u64) -> bool {
        let share_exceeded = u128::from(number) * 100 > u128::from(self.percent) * u128::from(of);
        number > self.count || (number > floor && share_exceeded)
    }
}

/// The limits of an organization. On by default.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Written")]
pub struct Limits {
    /// Accounts deactivated, out of the active ones.
    pub deactivations: Limit,
    /// Accounts deleted, out of all accounts of ours.
    pub deletions: Limit,
    /// Roles revoked, out of all roles that accounts of ours have.
    pub role_revocations: Limit,
    /// Members removed from groups, the members of deleted groups among them, out of all members.
    pub member_removals: Limit,
    /// Accounts of which attributes change, out of the active ones.
    pub updates: Limit,
    /// Up to so many changes of a kind the share is not looked at, so that ten people are not held for one leaver.
    pub floor: u64,
}

impl Default for Limits {
    fn default() -> Self {
        let limit = |count, percent| Limit { count, percent };
        Self {
            deactivations: limit(50, 5),
            deletions: limit(10, 2),
            role_revocations: limit(100, 10),
            member_removals: limit(500, 10),
            updates: limit(1_000, 30),
            floor: 3,
        }
    }
}

/// Limits as people write them: `deactivations = { count = 50, share = "5%" }`. What is left out keeps its default, so
/// that a limit can be changed but not forgotten.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct Written {
    /// Accounts deactivated.
    deactivations: WrittenLimit,
    /// Accounts deleted.
    deletions: WrittenLimit,
    /// Roles revoked.
    role_revocations: WrittenLimit,
    /// Members removed from groups.
    member_removals: WrittenLimit,
    /// Accounts of which attributes change.
    updates: WrittenLimit,
    /// Up to so many changes of a kind the share is not looked at, so that ten people are not held for one leaver.
    floor: Option<u64>,
}

/// A limit. Both bounds hold; one that is left out keeps its default.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
struct WrittenLimit {
    /// At most so many.
    count: Option<u64>,
    /// At most this share of what there is, in whole per cent: `"5%"`.
    #[serde(deserialize_with = "share::deserialize")]
    #[schemars(with = "Option<share::Share>")]
    share: Option<u8>,
}

impl From<Written> for Limits {
    fn from(written: Written) -> Self {
        let defaults = Self::default();
        let limit = |written: WrittenLimit, default: Limit| Limit {
            count: written.count.unwrap_or(default.count),
            percent: written.share.unwrap_or(default.percent),
        };
        Self {
            deactivations: limit(written.deactivations, defaults.deactivations),
            deletions: limit(written.deletions, defaults.deletions),
            role_revocations: limit(written.role_revocations, defaults.role_revocations),
            member_removals: limit(written.member_removals, defaults.member_removals),
            updates: limit(written.updates, defaults.updates),
            floor: written.floor.unwrap_or(defaults.floor),
        }
    }
}

impl JsonSchema for Limits {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Limits".into()
    }

    fn json_schema(generator: &mut schemars::SchemaGenerator) -> schemars::Schema {
        Written::json_schema(generator)
    }
}

/// A share, written as people write it.
mod share {
    use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};

    /// The shape of a share in a schema.
    pub(super) struct Share;

    impl JsonSchema for Share {
        fn schema_name() -> std::borrow::Cow<'static, str> {
            "Share".into()
        }

        fn json_schema(_: &mut SchemaGenerator) -> Schema {
            json_schema!({ "type": "string", "pattern": "^ *(100|[1-9]?[0-9]) *%$", "examples": ["5%"] })
        }
    }

    #[allow(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
    pub(super) fn serialize<S: Serializer>(percent: &u8, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{percent}%"))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u8>, D::Error> {
        let text = String::deserialize(deserializer)?;
        let number = text.trim().strip_suffix('%').map(str::trim_end);
        let digits = number.filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()));
        let percent = digits.and_then(|digits| digits.parse::<u8>().ok()).filter(|percent| *percent <= 100);
        percent.map(Some).ok_or_else(|| {
            D::Error::custom(format!(
                "`share` must be a whole number of per cent from \"0%\" to \"100%\", such as \"5%\", not {text:?}"
            ))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_read_and_written_as_people_write_it() {
        let limits: Limits = toml::from_str("deactivations = { count = 7, share = \"12%\" }\nfloor = 0").unwrap();
        assert_eq!(limits.deactivations, Limit { count: 7, percent: 12 });
        assert_eq!(limits.floor, 0);
        assert_eq!(limits.deletions, Limits::default().deletions);
        let again: Limits = toml::from_str(&toml::to_string(&limits).unwrap()).unwrap();
        assert_eq!(again, limits);
    }

    #[test]
    fn a_share_that_is_no_percentage_is_refused_with_an_example() {
        for wrong in ["5", "101%", "-1%", "+5%", "%", "0.5%", "five%", "5%%"] {
            let text = format!("deactivations = {{ count = 7, share = {wrong:?} }}");
            let error = toml::from_str::<Limits>(&text).unwrap_err().to_string();
            assert!(error.contains("such as \"5%\""), "{wrong}: {error}");
        }
    }

    #[test]
    fn a_bound_that_is_left_out_keeps_its_default() {
        let limits: Limits = toml::from_str("deactivations = { count = 7 }\ndeletions = { share = \"0%\" }").unwrap();
        let defaults = Limits::default();
        assert_eq!(limits.deactivations, Limit { count: 7, percent: defaults.deactivations.percent });
        assert_eq!(limits.deletions, Limit { count: defaults.deletions.count, percent: 0 });
        assert_eq!((limits.updates, limits.floor), (defaults.updates, defaults.floor));
    }

    #[test]
    fn an_unknown_limit_is_an_error() {
        assert!(toml::from_str::<Limits>("deactivation = { count = 7, share = \"5%\" }").is_err());
        assert!(toml::from_str::<Limits>("deactivations = { count = 7, share = \"5%\", floor = 3 }").is_err());
    }

    #[test]
    fn a_limit_lets_exactly_its_count_and_its_share_through() {
        let limit = Limit { count: 50, percent: 5 };
        assert!(!limit.is_exceeded(50, 1_000, 3));
        assert!(limit.is_exceeded(51, 100_000, 3));
        assert!(!limit.is_exceeded(5, 100, 3));
        assert!(limit.is_exceeded(5, 99, 3));
        assert!(!limit.is_exceeded(3, 3, 3));
        assert!(limit.is_exceeded(4, 4, 3));
        assert!(limit.is_exceeded(1, 0, 0));
    }
}
