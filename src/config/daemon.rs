//! What the configuration says of the daemon. Its sections belong to what they are named after; a new one is a field
//! of [`DaemonSettings`] with a type of its own.

use std::path::{Path, PathBuf};

use rollcall_kit::HumanDuration;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::Error;
use serde::{Deserialize, Deserializer};

use crate::notify::NotifySettings;
use crate::schedule::QuarantineSettings;
use crate::watch::{TraceSettings, WatchSettings};

/// The daemon, `rollcall run`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct DaemonSettings {
    /// So many organizations are run at the same time.
    #[schemars(range(min = 1, max = 64))]
    pub parallel: u16,
    /// The longest that a run may take. What it has begun to write is finished and recorded then, and the rest is left
    /// to the next run.
    pub run_limit: HumanDuration,
    /// How long a daemon that is told to stop waits for what is in flight.
    pub stop_within: HumanDuration,
    /// The socket on which the daemon serves the other commands.
    pub socket: SocketSettings,
    /// When an organization whose runs fail again and again is left alone for longer.
    pub quarantine: QuarantineSettings,
    /// Health, readiness and metrics for monitors, over HTTP; nothing listens unless this is there.
    pub watch: Option<WatchSettings>,
    /// Traces of runs for a collector of OpenTelemetry; nothing is exported unless this is there. Needs a program that was
    /// built with the feature `otel`.
    pub traces: Option<TraceSettings>,
    /// Whom to tell what.
    pub notify: NotifySettings,
}

impl DaemonSettings {
    /// Lets relative paths start at this folder.
    pub(super) fn start_at(&mut self, folder: &Path) {
        self.socket.path.iter_mut().for_each(|path| *path = folder.join(&path));
        self.watch.iter_mut().for_each(|watch| watch.start_at(folder));
        self.traces.iter_mut().for_each(|traces| traces.start_at(folder));
        self.notify.start_at(folder);
    }

    /// What a schema cannot say: the key within these settings, and what is wrong with it.
    pub(super) fn problems(&self) -> Vec<(String, String)> {
        let below = |name: &'static str| move |(key, message): (String, String)| (format!("{name}.{key}"), message);
        let watch = self.watch.iter().flat_map(WatchSettings::problems).map(below("watch"));
        let traces = self.traces.iter().flat_map(TraceSettings::problems).map(below("traces"));
        watch.chain(traces).chain(self.notify.problems().into_iter().map(below("notify"))).collect()
    }
}

impl Default for DaemonSettings {
    fn default() -> Self {
        Self {
            parallel: 4,
            run_limit: HumanDuration::seconds(6 * 3_600),
            stop_within: HumanDuration::seconds(45),
            socket: SocketSettings::default(),
            quarantine: QuarantineSettings::default(),
            watch: None,
            traces: None,
            notify: NotifySettings::default(),
        }
    }
}

/// The socket on which the daemon serves the other commands.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct SocketSettings {
    /// Where it is; `rollcall.sock` in the state directory if absent. A relative path starts at this file.
    pub path: Option<PathBuf>,
    /// Who may connect, in octal digits as for chmod: `"0600"` for the daemon's own user, `"0660"` for a group too.
    /// Whoever may connect can do whatever the daemon can.
    pub mode: Mode,
    /// The group that the socket belongs to, by its name; the daemon's own if absent.
    pub group: Option<String>,
}

/// Permission bits of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mode(u32);

impl Mode {
    /// The bits.
    #[must_use]
    pub const fn bits(self) -> u32 {
        self.0
    }
}

impl Default for Mode {
    fn default() -> Self {
        Self(0o600)
    }
}

impl<'de> Deserialize<'de> for Mode {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let bits = (3..=4).contains(&text.len()).then(|| u32::from_str_radix(&text, 8).ok()).flatten();
        match bits.filter(|bits| *bits <= 0o777) {
            Some(bits) if bits & 0o007 != 0 => Err(D::Error::custom(
                "others must not have a right to the socket: whoever may connect can put people out; use a group",
            )),
            Some(bits) if bits & 0o600 == 0o600 => Ok(Self(bits)),
            _ => Err(D::Error::custom(format!(
                "{text:?} is no mode of a socket; write \"0600\" for the daemon's own user, or \"0660\" for a group too"
            ))),
        }
    }
}

impl JsonSchema for Mode {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Mode".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": "string", "pattern": "^0?[0-7]{3}$", "examples": ["0660"] })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_socket_is_never_open_to_everybody() {
        for (text, bits) in [("0600", Some(0o600)), ("660", Some(0o660)), ("0666", None), ("0060", None), ("7", None)] {
            let read = serde_json::from_value::<Mode>(text.into());
            assert_eq!(read.ok().map(Mode::bits), bits, "{text}");
        }
    }
}
