//! One run, from read to report. The one corridor that knows every room: it builds connector and target from their
//! settings, drives the stages in their order, and emits [`Event`]s that reports, progress bars and logs consume.

pub mod event;

pub use event::{Event, RunRecord, RunResult};
