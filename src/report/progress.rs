//! Follows a run on a terminal: how much was read, confirmed, looked up and applied, and how fast.
//!
//! On standard error, so that a report on standard output can be piped; silent where standard error is no terminal.

use std::io::IsTerminal;
use std::sync::Mutex;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use serde::{Deserialize, Serialize};

use super::words::{clean, count};
use crate::apply::Outcome;
use crate::run::Event;

/// Where a run is: what a progress line needs of an event, and no more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "step")]
#[expect(missing_docs, reason = "they are what the events are called")]
pub enum Step {
    Started { organization: String },
    Reading { users: u64, groups: u64 },
    InFull { why: String },
    Confirming { done: u64, of: u64 },
    Comparing,
    Matching { candidates: u64 },
    Applying { changes: u64 },
    Changed { done: u64, failed: u64 },
    Left,
}

/// Turns the events of a run into steps, and counts.
#[derive(Debug, Default)]
pub struct Steps {
    done: u64,
    failed: u64,
}

impl Steps {
    /// The step of an event.
    pub fn step(&mut self, event: &Event) -> Step {
        match event {
            Event::Started { organization, .. } => {
                *self = Self::default();
                Step::Started { organization: organization.clone() }
            }
            Event::Reading { users, groups } => Step::Reading { users: *users, groups: *groups },
            Event::ReadingInFull { why } => Step::InFull { why: why.clone() },
            Event::Confirming { done, of } => Step::Confirming { done: *done, of: *of },
            Event::Comparing => Step::Comparing,
            Event::Matching { candidates } => Step::Matching { candidates: *candidates },
            Event::Applying { changes } => Step::Applying { changes: *changes },
            Event::Changed { outcome, .. } => {
                self.done += 1;
                self.failed += u64::from(!matches!(outcome, Outcome::Done { .. }));
                Step::Changed { done: self.done, failed: self.failed }
            }
            Event::Read { .. }
            | Event::CaughtUp { .. }
            | Event::Compared { .. }
            | Event::Planned { .. }
            | Event::Ended { .. } => Step::Left,
        }
    }
}

/// A line that shows where a run is.
pub struct Progress {
    bar: ProgressBar,
    stage: Stage,
    steps: Steps,
}

/// A listener of a run that feeds a progress line.
pub fn listening(progress: &Mutex<Progress>) -> impl Fn(Event) + Send + Sync + '_ {
    move |event| {
        if let Ok(mut progress) = progress.lock() {
            progress.event(&event);
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Idle,
    Reading,
    Confirming,
    Matching,
    Applying,
}

impl Progress {
    /// On standard error if that is a terminal, else silent.
    #[must_use]
    pub fn on_terminal() -> Self {
        Self::new(if std::io::stderr().is_terminal() {
            ProgressDrawTarget::stderr()
        } else {
            ProgressDrawTarget::hidden()
        })
    }

    /// Silent, for whoever asked for quiet.
    #[must_use]
    pub fn silent() -> Self {
        Self::new(ProgressDrawTarget::hidden())
    }

    fn new(target: ProgressDrawTarget) -> Self {
        Self { bar: ProgressBar::with_draw_target(None, target), stage: Stage::Idle, steps: Steps::default() }
    }

    /// Takes in what happened.
    pub fn event(&mut self, event: &Event) {
        let step = self.steps.step(event);
        self.show(&step);
    }

    /// Shows where the run is.
    pub fn show(&mut self, step: &Step) {
        match step {
            Step::Started { organization } => self.bar.set_prefix(clean(organization)),
            Step::Reading { users, groups } => {
                self.enter(Stage::Reading, None);
                self.bar.set_position(users + groups);
                let (users, groups) = (count(*users, "user", "users"), count(*groups, "group", "groups"));
                self.bar.set_message(format!("reading the directory: {users}, {groups}"));
            }
            Step::Confirming { done, of } => {
                self.enter(Stage::Confirming, Some(*of));
                self.bar.set_position(*done);
                self.bar.set_message("looking up who vanished");
            }
            Step::Comparing => {
                self.enter(Stage::Matching, None);
                self.bar.set_message("reading the target's accounts");
            }
            Step::Matching { candidates } => {
                self.enter(Stage::Matching, None);
                let candidates = count(*candidates, "user", "users");
                self.bar.set_message(format!("looking up {candidates} without an account in the target"));
            }
            Step::Applying { changes } => {
                self.enter(Stage::Applying, Some(*changes));
                self.bar.set_message("applying");
            }
            Step::Changed { done, failed } => {
                if *failed > 0 {
                    let failed = count(*failed, "change", "changes");
                    self.bar.set_message(format!("applying, {failed} not gone through"));
                }
                self.bar.set_position(*done);
            }
            Step::InFull { why } => self.say(&format!("reading the whole directory: {}", clean(why))),
            Step::Left => self.leave(),
        }
    }

    /// What the line shows now.
    #[cfg(test)]
    pub(super) fn shown(&self) -> (u64, Option<u64>, String) {
        (self.bar.position(), self.bar.length(), self.bar.message())
    }

    /// Prints a line above the progress.
    pub fn say(&self, line: &str) {
        self.bar.suspend(|| anstream::eprintln!("{line}"));
    }

    fn enter(&mut self, stage: Stage, length: Option<u64>) {
        if self.stage == stage {
            return;
        }
        self.stage = stage;
        self.bar.reset();
        self.bar.set_style(style(length.is_some(), stage != Stage::Matching));
        match length {
            Some(length) => self.bar.set_length(length),
            None => self.bar.unset_length(),
        }
        self.bar.enable_steady_tick(Duration::from_millis(120));
    }

    fn leave(&mut self) {
        self.stage = Stage::Idle;
        self.bar.disable_steady_tick();
        self.bar.finish_and_clear();
    }
}

fn style(bounded: bool, counted: bool) -> ProgressStyle {
    let template = match (bounded, counted) {
        (true, _) => "{prefix} {bar:24} {human_pos}/{human_len} {msg} ({per_sec}, {eta} left)",
        (false, true) => "{prefix} {spinner} {msg} ({per_sec})",
        (false, false) => "{prefix} {spinner} {msg}",
    };
    // The templates are fixed; the default style stands in if one of them were wrong.
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}
