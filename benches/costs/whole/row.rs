//! One row of the table, and how its figures are written.

use std::fmt;
use std::time::Duration;

use rollcall_test_servers::measured::Taken;
use rollcall_test_servers::site::Site;

/// One row.
pub(crate) struct Row {
    /// What was done.
    pub(crate) work: String,
    /// What cannot be avoided, measured in the same run.
    pub(crate) limit: String,
    /// What it took.
    pub(crate) measured: String,
    /// What it may take.
    pub(crate) goal: String,
    /// Whether it does; none if this cannot be said.
    pub(crate) met: Option<bool>,
}

impl fmt::Display for Row {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { work, limit, measured, goal, met } = self;
        let met = met.map_or("–", |met| if met { "yes" } else { "no" });
        write!(formatter, "| {work} | {limit} | {measured} | {goal} | {met} |")
    }
}

/// The run after a first apply: everybody was written to, so everybody is judged once more, and the snapshot is compacted.
pub(crate) fn after_the_first(site: &Site) -> Row {
    let taken = site.run(&["apply", "--yes"]);
    Row {
        work: "the run after a first apply".to_owned(),
        limit: "–".to_owned(),
        measured: took(&taken, 1, ""),
        goal: "–".to_owned(),
        met: None,
    }
}

/// A duration in seconds or milliseconds.
pub(crate) fn time(duration: Duration) -> String {
    match duration.as_secs_f64() {
        seconds if seconds < 0.1 => format!("{:.0} ms", seconds * 1000.0),
        seconds if seconds < 10.0 => format!("{seconds:.2} s"),
        seconds => format!("{seconds:.1} s"),
    }
}

/// A number of bytes.
pub(crate) fn bytes(count: u64) -> String {
    match count {
        0..1000 => format!("{count} B"),
        1000..1_000_000 => format!("{:.1} kB", count as f64 / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1} MB", count as f64 / 1e6),
        _ => format!("{:.1} GB", count as f64 / 1e9),
    }
}

/// How often a limit fits into a time.
pub(crate) fn ratio(time: Duration, limit: Duration) -> f64 {
    time.as_secs_f64() / limit.as_secs_f64().max(1e-6)
}

/// What a command took: processor, clock, memory, and what it wrote for each of so many pieces of work.
pub(crate) fn took(taken: &Taken, each: u64, unit: &str) -> String {
    let Taken { processor, wall, io, .. } = taken;
    let each = each.max(1);
    format!(
        "{} processor, {} in all, {} MiB, {} written{unit} ({} to disk)",
        time(*processor),
        time(*wall),
        taken.peak_mib(),
        bytes(io.written / each),
        bytes(io.to_disk / each),
    )
}
