//! What came of an approval or a rejection, and what happens next.

use super::document::{Document, Text, Tone};
use super::plan;
use super::words::{clean, count, time};
use crate::guard::Verdict;
use crate::run::Decided;

/// Puts the report together.
#[must_use]
pub fn document(organization: &str, decided: &Decided) -> Document {
    let (decision, organization) = (&decided.decision, clean(organization));
    let changes = count(decided.changes as u64, "change", "changes");
    let (verdict, tone) = match decision.verdict {
        Verdict::Approved => ("Approved", Tone::Good),
        Verdict::Rejected => ("Rejected", Tone::Bad),
    };
    let mut document = Document::new(format!("{verdict}: plan {} for {organization}", decision.plan));
    let held = decided.run.as_ref().and_then(|record| record.held());
    let what = held.and_then(|(_, plan, holds)| Some(plan::summary(plan?, holds)));
    document.facts([
        Some(("by", format!("{}, {}", clean(&decision.who), clean(&decision.how)).into())),
        Some(("what", what.map_or(changes.clone(), |what| what.replace(" Held: it waits for a person.", "")).into())),
        decision.until.map(|until| ("until", time(until).into())),
    ]);
    let undoes = decided.run.as_ref().and_then(|record| record.undoes.as_deref());
    let next = match decision.verdict {
        Verdict::Approved if undoes.is_some() => format!(
            "`rollcall undo {}` does of these {changes} what can still be taken back, and nothing else. That uses the \
             approval up; no other run does. No limit was moved.",
            undoes.unwrap_or_default()
        ),
        Verdict::Approved => format!(
            "The next run, or `rollcall apply {organization}`, does of these {changes} what is still asked for, and \
             nothing else; what is asked for beyond them waits. That uses the approval up. No limit was moved."
        ),
        Verdict::Rejected => format!(
            "Nothing was changed, and these {changes} are not offered for approval again. The next runs say that they \
             were rejected for as long as they are asked for."
        ),
    };
    document.paragraph(Text::new(next, tone));
    document
}
