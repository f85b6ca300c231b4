//! The guard's limits as they stand in the file: `deactivations = { count = 50, share = "5%" }`.
//!
//! What is left out keeps the guard's own default, so that a limit can be changed but not forgotten.

use std::fmt;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde::de::{Deserializer, Error, Visitor};

use crate::guard::{Limit, Limits};

/// How much of each kind of change goes through without a person.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct LimitsFile {
    /// Accounts deactivated.
    pub deactivations: LimitFile,
    /// Accounts deleted.
    pub deletions: LimitFile,
    /// Roles revoked.
    pub role_revocations: LimitFile,
    /// Members removed from groups.
    pub member_removals: LimitFile,
    /// Accounts of which attributes change.
    pub updates: LimitFile,
    /// Up to so many changes of a kind the share is not looked at, so that ten people are not held for one leaver.
    pub floor: Option<u64>,
}

/// A limit. Both bounds hold; one that is left out keeps its default.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub(super) struct LimitFile {
    /// At most so many.
    pub count: Option<u64>,
    /// At most this share, in per cent of what there is.
    pub share: Option<Share>,
}

impl LimitsFile {
    /// The guard's limits.
    pub(super) fn limits(&self) -> Limits {
        let defaults = Limits::default();
        let limit = |file: &LimitFile, default: Limit| Limit {
            count: file.count.unwrap_or(default.count),
            percent: file.share.map_or(default.percent, |share| share.0),
        };
        Limits {
            deactivations: limit(&self.deactivations, defaults.deactivations),
            deletions: limit(&self.deletions, defaults.deletions),
            role_revocations: limit(&self.role_revocations, defaults.role_revocations),
            member_removals: limit(&self.member_removals, defaults.member_removals),
            updates: limit(&self.updates, defaults.updates),
            floor: self.floor.unwrap_or(defaults.floor),
        }
    }
}

/// A share in per cent, written as `"5%"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Share(pub u8);

impl<'de> Deserialize<'de> for Share {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(Percent).map(Self)
    }
}

struct Percent;

impl Visitor<'_> for Percent {
    type Value = u8;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a share in per cent, such as \"5%\"")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<u8, E> {
        let number = text.strip_suffix('%').map(str::trim).and_then(|number| number.parse::<u8>().ok());
        number.filter(|number| *number <= 100).ok_or_else(|| {
            E::custom(format!("`share` must be a whole number of per cent from \"0%\" to \"100%\", not \"{text}\""))
        })
    }
}

impl JsonSchema for Share {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Share".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": "^ *(100|[1-9]?[0-9]) *%$", "examples": ["5%"] })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_that_is_left_out_keeps_its_default() {
        let file: LimitsFile = toml::from_str("deactivations = { count = 7 }\ndeletions = { share = \"0%\" }").unwrap();
        let (limits, defaults) = (file.limits(), Limits::default());
        assert_eq!(limits.deactivations, Limit { count: 7, percent: defaults.deactivations.percent });
        assert_eq!(limits.deletions, Limit { count: defaults.deletions.count, percent: 0 });
        assert_eq!((limits.updates, limits.floor), (defaults.updates, defaults.floor));
    }

    #[test]
    fn a_share_beyond_a_hundred_or_without_its_sign_is_refused() {
        for share in ["101%", "5", "-1%", "five%", "0.5%", "%"] {
            let error = toml::from_str::<LimitsFile>(&format!("updates = {{ share = \"{share}\" }}")).unwrap_err();
            assert!(error.message().contains("per cent"), "{share}: {error}");
        }
    }
}
