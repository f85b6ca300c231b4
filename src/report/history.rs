//! The runs of the past, one a line, newest first.

use super::document::{Block, Document, Text};
use super::run::{Tally, result_and_decision};
use super::words::{clean, duration, number, time};
use crate::run::RunRecord;

/// Puts the list of runs together, in the order given.
#[must_use]
pub fn document(records: &[RunRecord]) -> Document {
    let mut document = Document::new("Runs");
    if records.is_empty() {
        document.paragraph("There was no run yet. `rollcall plan` makes the first.");
        return document;
    }
    let rows = records.iter().map(|record| {
        let tally = Tally::of(record);
        let some = |count: u64| if count == 0 { "-".to_owned() } else { number(count) };
        vec![
            clean(&record.id).into(),
            clean(&record.organization).into(),
            time(record.started).into(),
            duration(record.ended.duration_since(record.started)).into(),
            Text::from(some(tally.done)),
            Text::from(some(tally.failed + tally.skipped)),
            Text::from(some(record.plan.as_ref().map_or(0, |plan| plan.refusals.len() as u64))),
            result_and_decision(record),
        ]
    });
    let head = ["run", "organization", "began", "took", "applied", "failed", "refused", "result"];
    document.blocks.push(Block::Table { head: head.map(str::to_owned).to_vec(), rows: rows.collect() });
    document
}
