//! The runs of the past, one a line, newest first.

use super::document::{Block, Document, Text};
use super::run::result_and_decision;
use super::words::{clean, count, duration, number, time};
use crate::run::RunHeader;

/// Puts the list of runs together, in the order given.
#[must_use]
pub fn document(records: &[RunHeader]) -> Document {
    let mut document = Document::new("Runs");
    if records.is_empty() {
        document.paragraph("There was no run yet. `rollcall plan` makes the first.");
        return document;
    }
    let rows = records.iter().map(|record| {
        let counts = record.counts;
        let some = |count: u64| if count == 0 { "-".to_owned() } else { number(count) };
        vec![
            clean(&record.id).into(),
            clean(&record.organization).into(),
            time(record.started).into(),
            duration(record.ended.duration_since(record.started)).into(),
            Text::from(some(counts.done)),
            Text::from(some(counts.failed + counts.skipped)),
            Text::from(some(counts.refused)),
            result_of(record),
        ]
    });
    let head = ["run", "organization", "began", "took", "applied", "failed", "refused", "result"];
    document.blocks.push(Block::Table { head: head.map(str::to_owned).to_vec(), rows: rows.collect() });
    document
}

/// How it ended, and for how many runs that is said.
fn result_of(record: &RunHeader) -> Text {
    let mut text = result_and_decision(&record.result, record.decision.as_ref());
    if let Some(folded) = &record.folded {
        let before = count(folded.runs.saturating_sub(1), "run before", "runs before");
        text.text.push_str(&format!("; so did {before}, since {}", time(folded.since)));
    }
    text
}
