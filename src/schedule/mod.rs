//! When an organization's runs are due: a pure function of its settings, of what was run last, and of the moment.
//!
//! [`Cron`] is the calendar: which moments an expression names in a time zone, whatever its clocks do. [`Schedule`]
//! puts an organization's two intervals together with its jitter, and [`Schedule::due`] says what comes next. That an
//! organization never runs twice for one moment, and that none is passed over, follows from one rule: a moment is due
//! as long as no run has ended since. So whatever went by while the daemon was down, or while another run went on, is
//! made up for by one run. [`Blackout`]s say when less may be done than a plan asks for.
//!
//! Nothing here reads a clock; time zones are looked up when the settings are read.

mod blackout;
mod cron;
mod due;
#[cfg(test)]
mod properties;
mod settings;

pub use blackout::{Blackout, Blackouts, Forbids, OpenWindow};
pub use cron::Cron;
pub use due::{Depth, Due, Past, Quarantine, Schedule, Why};
pub use settings::{QuarantineSettings, ScheduleSettings, Zone};
