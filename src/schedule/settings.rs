//! What the configuration says of an organization's schedule.

use std::borrow::Cow;

use jiff::tz::TimeZone;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::Error;
use serde::{Deserialize, Deserializer};

use super::cron::Cron;
use super::lasting::Lasting;

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
    /// from the organization's name.
    #[serde(default)]
    pub jitter: Lasting,
}

impl Default for ScheduleSettings {
    /// Every hour: a leaver is out within one, and nobody has to remember to set a schedule.
    fn default() -> Self {
        Self { incremental: None, full: "0 * * * *".parse().ok(), zone: Zone::default(), jitter: Lasting::seconds(300) }
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
    pub pause: Lasting,
    /// The longest pause.
    pub most: Lasting,
}

impl Default for QuarantineSettings {
    fn default() -> Self {
        Self { after: 5, pause: Lasting::seconds(3_600), most: Lasting::seconds(86_400) }
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
