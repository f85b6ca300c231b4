//! The table: what was measured, for each user, and relative to its baseline.

use std::time::{Duration, Instant};

/// What was measured so far.
pub(crate) struct Table {
    users: u32,
    lines: Vec<String>,
}

/// The quickest of several rounds: what else the machine does only ever adds.
pub(crate) fn best_of(rounds: u32, mut work: impl FnMut()) -> Duration {
    let once = |_| {
        let start = Instant::now();
        work();
        start.elapsed()
    };
    (0..rounds).map(once).min().unwrap()
}

impl Table {
    /// An empty table about so many users.
    pub(crate) fn new(users: u32) -> Self {
        Self { users, lines: Vec::new() }
    }

    /// What the rows after this one are relative to.
    pub(crate) fn baseline(&mut self, what: &str, time: Duration) {
        self.push(what, time, "    1");
    }

    /// One measurement, relative to a baseline.
    pub(crate) fn row(&mut self, what: &str, time: Duration, baseline: Duration) {
        let ratio = time.as_secs_f64() / baseline.as_secs_f64();
        self.push(what, time, &format!("{ratio:7.1}"));
    }

    /// A peak of memory, in KiB.
    pub(crate) fn memory(&mut self, what: &str, kib: u64) {
        let each = kib * 1024 / u64::from(self.users);
        self.lines.push(format!("| {what:<48} | {each:>7} B  | {:>5} MiB |", kib / 1024));
    }

    fn push(&mut self, what: &str, time: Duration, ratio: &str) {
        let each = time.as_secs_f64() * 1e6 / f64::from(self.users);
        self.lines.push(format!("| {what:<48} | {each:>7.2} µs | {ratio:<9} |"));
    }

    /// Prints it.
    pub(crate) fn print(&self) {
        println!("{} users", self.users);
        println!("| {:<48} | {:<10} | {:<9} |", "what", "per user", "ratio");
        println!("|{:-<50}|{:-<12}|{:-<11}|", "", "", "");
        for line in &self.lines {
            println!("{line}");
        }
    }
}
