//! What the configuration says of an organization's schedule.

use std::borrow::Cow;

use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use rollcall_kit::HumanDuration;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::Error;
use serde::{Deserialize, Deserializer};

use super::cron::Cron;

/// When the daemon runs an organization.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ScheduleSettings {
    /// When only what changed in the directory is read, where its connector can do that: a cron expression with five
    /// fields, or six with seconds before them.
    #[serde(default)]
    pub incremental: Option<Cron>,
    /// When the directory is read whole.
    #[serde(default)]
    pub full: Option<Cron>,
    /// The time zone of both, and of the blackouts: a name such as `"Europe/Berlin"`.
    #[serde(default)]
    pub zone: Zone,
    /// Up to so much later, so that organizations do not all begin at once. How much is the same every time; it follows
    /// from the organization's name. At most the time between two runs.
    #[serde(default)]
    pub jitter: HumanDuration,
}

impl ScheduleSettings {
    /// What is wrong with it, if anything is: the key, and a sentence.
    #[must_use]
    pub fn problem(&self) -> Option<(&'static str, String)> {
        let Some(shortest) = [&self.incremental, &self.full].into_iter().flatten().filter_map(shortest_pause).min()
        else {
            let both = self.incremental.is_none() && self.full.is_none();
            return both
                .then(|| ("", "a schedule must say when runs are `full`, or `incremental`, or both".to_owned()));
        };
        let is_too_long = self.jitter.signed() > shortest;
        is_too_long.then(|| {
            let message = format!(
                "`jitter` is how much later runs begin, and must not be longer than the {} seconds that lie between two of \
                 them",
                shortest.as_secs()
            );
            ("jitter", message)
        })
    }
}

/// The shortest time between two of the next moments that an expression names.
fn shortest_pause(cron: &Cron) -> Option<SignedDuration> {
    const LOOKED_AT: usize = 100;
    let next = |after: &Timestamp| cron.next(&TimeZone::UTC, *after);
    let moments: Vec<Timestamp> = std::iter::successors(next(&Timestamp::UNIX_EPOCH), next).take(LOOKED_AT).collect();
    moments.windows(2).map(|pair| pair[1].duration_since(pair[0])).min()
}

impl Default for ScheduleSettings {
    /// Every hour: a leaver is out within one, and nobody has to remember to set a schedule.
    fn default() -> Self {
        Self {
            incremental: None,
            full: "0 * * * *".parse().ok(),
            zone: Zone::default(),
            jitter: HumanDuration::seconds(300),
        }
    }
}

/// When an organization that fails again and again is left alone for longer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct QuarantineSettings {
    /// After so many failed runs in a row.
    #[schemars(range(min = 1))]
    pub after: u32,
    /// The first pause; each further failure doubles it.
    pub pause: HumanDuration,
    /// The longest pause.
    pub most: HumanDuration,
}

impl Default for QuarantineSettings {
    fn default() -> Self {
        Self { after: 5, pause: HumanDuration::seconds(3_600), most: HumanDuration::seconds(86_400) }
    }
}

/// A time zone by its name, with the rules that the system knew when the configuration was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Zone(TimeZone);

impl Zone {
    /// The rules.
    #[must_use]
    pub const fn rules(&self) -> &TimeZone {
        &self.0
    }
}

impl Default for Zone {
    fn default() -> Self {
        Self(TimeZone::UTC)
    }
}

impl<'de> Deserialize<'de> for Zone {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        TimeZone::get(&name).map(Self).map_err(|_| {
            D::Error::custom(format!(
                "{name:?} is no time zone that this system knows; write one such as \"Europe/Berlin\", or \"UTC\""
            ))
        })
    }
}

impl JsonSchema for Zone {
    fn schema_name() -> Cow<'static, str> {
        "TimeZone".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "default": "UTC", "examples": ["Europe/Berlin"] })
    }
}

impl<'de> Deserialize<'de> for Cron {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

impl JsonSchema for Cron {
    fn schema_name() -> Cow<'static, str> {
        "Cron".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "examples": ["*/15 * * * *", "0 3 * * mon-fri"] })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn jitter_is_at_most_the_time_between_two_runs() {
        let key = |text: &str| toml::from_str::<ScheduleSettings>(text).unwrap().problem().map(|(key, _)| key);
        for (text, expected) in [
            ("incremental = \"*/15 * * * *\"\nfull = \"0 3 * * *\"\njitter = \"15m\"", None),
            ("incremental = \"*/15 * * * *\"\nfull = \"0 3 * * *\"\njitter = \"16m\"", Some("jitter")),
            ("full = \"0 3 * * *\"\njitter = \"1d\"", None),
            ("full = \"0 3 * * *\"\njitter = \"2d\"", Some("jitter")),
            ("full = \"0,1 3 * * *\"\njitter = \"2m\"", Some("jitter")),
            ("jitter = \"2m\"", Some("")),
        ] {
            assert_eq!(key(text), expected, "{text}");
        }
    }
}
