//! One run, as it is kept: what was read and how that is proved, what was done, what went wrong.

use std::collections::BTreeMap;

use rollcall_kit::{Certificate, Changes};

use super::document::{Document, Item, LONGEST, Text, Tone};
use super::holds::{by, decided};
use super::sections::{self, Tense};
use super::words::{capital, clean, count, duration, label, number, sentence, short, time};
use super::{Options, words};
use super::{drift, holds, plan};
use crate::apply::Outcome;
use crate::guard::{Approval, Decision, Verdict};
use crate::plan::{Change, ChangeId, Plan};
use crate::run::{RunCounts, RunFailure, RunRecord, RunResult};

/// Puts the report of a run together.
#[must_use]
pub fn document(record: &RunRecord, options: Options) -> Document {
    let title = format!("Run {} of {}", clean(&record.id), clean(&record.organization));
    let mut document = Document::new(title);
    document.facts([
        Some(("began", time(record.started).into())),
        Some(("took", duration(record.ended.duration_since(record.started)).into())),
        Some(("result", result(&record.result, Long::No))),
        record.plan_id.as_ref().map(|id| ("plan", id.to_string().into())),
        record.unchanged_since.as_ref().map(|run| {
            ("nothing changed", format!("since run {}; no plan was made, its plan still stands", clean(run)).into())
        }),
        record.folded.as_ref().map(|folded| {
            let runs = count(folded.runs, "run", "runs");
            let text = format!("{runs} that found nothing changed, from {} on", clean(&folded.first));
            ("stands for", text.into())
        }),
        record.undoes.as_ref().map(|run| ("takes back", format!("run {}", clean(run)).into())),
        record.approval.as_ref().map(|approval| ("approved by", self::approval(approval).into())),
        record.decision.as_ref().map(|decision| ("decided", decided(decision).into())),
        record.waiting.as_ref().map(|part| ("waits", format!("plan {}", part.plan_id).into())),
    ]);
    if let Some(certificate) = &record.certificate {
        read(&mut document, certificate, record.changes.as_ref());
    }
    if let Some(drift) = &record.drift {
        document.heading("What was found in the target");
        drift::add(&mut document, drift, options);
    }
    if let RunResult::Held { holds } = &record.result {
        let title = match &record.waiting {
            None => "Held: nothing is applied until a person approves".to_owned(),
            Some(part) => {
                let changes = part.plan.changes.len() as u64;
                format!("Held in part: {} for a person", count(changes, "change waits", "changes wait"))
            }
        };
        plan::held(&mut document, title, holds);
    }
    if let Some(plan) = &record.plan {
        outcomes(&mut document, record, plan, options);
        plan::refusals(&mut document, &plan.refusals, options);
    }
    if let Some(part) = &record.waiting {
        document.heading(Text::new("Waits", Tone::Bad));
        sections::add(&mut document, part.plan.changes.iter(), Tense::Planned, options.most());
    }
    document.heading("Summary");
    document.paragraph(Text::new(summary(record), Tone::Strong));
    document
}

/// How a run ended, for whoever has the plan before them already: only what did not go as planned.
#[must_use]
pub fn ending(record: &RunRecord) -> Document {
    let mut document = Document::new(String::new());
    if let Some(plan) = record.plan.as_ref().filter(|_| !record.outcomes.is_empty()) {
        let outcomes = outcomes_of(record, plan);
        troubles(&mut document, outcomes, Options { all: false });
    }
    if let (Some((id, _, holds)), Some(_)) = (record.held(), &record.waiting) {
        document.facts(holds::what_to_do(holds, &record.organization, id));
    }
    document.paragraph(Text::new(format!("{} Run {}.", summary(record), clean(&record.id)), Tone::Strong));
    document
}

/// How it ended, and what was decided about it since.
pub(super) fn result_and_decision(ended: &RunResult, decision: Option<&Decision>) -> Text {
    let mut text = result(ended, Long::Yes);
    if let Some(decision) = decision {
        let who = clean(&decision.who);
        text.text = match decision.verdict {
            Verdict::Approved => format!("held; approved since, by {who}"),
            Verdict::Rejected => format!("held; rejected since, by {who}"),
        };
    }
    text
}

/// How it ended, in a few words.
#[must_use]
pub fn outcome(record: &RunRecord) -> String {
    result(&record.result, Long::No).text
}

/// The summary, in one line.
#[must_use]
pub fn summary(record: &RunRecord) -> String {
    let counts = RunCounts::of(record);
    let parts = [
        (counts.done, "applied"),
        (counts.failed, "failed"),
        (counts.skipped, "skipped"),
        (counts.left, "not applied"),
        (counts.waiting, "waiting"),
        (counts.refused, "refused"),
    ];
    let parts: Vec<String> =
        parts.iter().filter(|(of, _)| *of > 0).map(|(of, what)| format!("{} {what}", number(*of))).collect();
    let counts = match (record.result == RunResult::NothingToDo, parts.is_empty()) {
        (_, true) => "nothing to do".to_owned(),
        (true, false) => format!("nothing to do, {}", parts.join(", ")),
        (false, false) => parts.join(", "),
    };
    match &record.result {
        RunResult::Failed(RunFailure { error, .. }) => {
            let counts = if parts.is_empty() { String::new() } else { format!(" {counts}.") };
            format!("{}{counts}", sentence(&format!("failed: {}", clean(error))))
        }
        RunResult::Held { .. } => format!("{}. Held: it waits for a person.", capital(&counts)),
        _ => format!("{}.", capital(&counts)),
    }
}

/// Whether the error of a failed run is told, too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Long {
    /// It is.
    Yes,
    /// It is told elsewhere.
    No,
}

/// How a run ended, in words.
pub(super) fn result(result: &RunResult, long: Long) -> Text {
    match result {
        RunResult::Planned => Text::new("planned only", Tone::Plain),
        RunResult::NothingToDo => Text::new("nothing to do", Tone::Good),
        RunResult::Applied => Text::new("applied", Tone::Good),
        RunResult::AppliedInPart { failed } => Text::new(
            format!("applied in part: {} did not go through", count(*failed, "change", "changes")),
            Tone::Warning,
        ),
        RunResult::Held { .. } => Text::new("held: it waits for a person", Tone::Warning),
        RunResult::Failed(RunFailure { error, .. }) if long == Long::Yes => {
            Text::new(format!("failed: {}", clean(error)), Tone::Bad)
        }
        RunResult::Failed(_) => Text::new("failed", Tone::Bad),
    }
}

fn approval(approval: &Approval) -> String {
    match approval {
        Approval::Guard => "the guard: it is within all limits".to_owned(),
        Approval::Person { decision: Some(decision), .. } => by(decision),
        Approval::Person { who, how, decision: None } => format!("{}, {}", clean(who), clean(how)),
    }
}

fn name(certificate: &Certificate) -> String {
    certificate.id().map_or_else(|error| format!("without a name: {error}"), |id| short(&id))
}

/// What was read, and what proves that it was all, or up to where it is known what changed since.
fn read(document: &mut Document, certificate: &Certificate, changes: Option<&Changes>) {
    document.heading("What was read");
    let source = certificate.source();
    let (server, identity) = (clean(&source.server), clean(&source.identity));
    let from = format!("{} at {server} as {identity}", clean(&source.connector));
    document.paragraph(match changes {
        Some(_) => format!(
            "What changed since the run before: {from}. Last read in full at {}, certificate {}.",
            time(certificate.ended()),
            name(certificate)
        ),
        None => {
            let took = duration(certificate.ended().duration_since(certificate.started()));
            format!("{from}, in {took}. Certificate {}.", name(certificate))
        }
    });
    let collections = changes.map_or(certificate.collections(), |changes| &changes.collections);
    let items = collections.iter().map(|collection| {
        let (entries, pages) =
            (count(collection.entries, "entry", "entries"), count(collection.pages, "page", "pages"));
        let fact = |name: &str, text: &str| vec![Text::from(name), Text::new(clean(text), Tone::Faint)];
        let counted = collection.announced.map(|number| fact("counted", &format!("{number} by the directory itself")));
        Item {
            mark: Text::new("✓", Tone::Good),
            cells: vec![clean(&collection.name).into(), format!("{entries}, {pages}").into()],
            below: [Some(fact("end", &collection.end)), counted, Some(fact("asked", &collection.query))]
                .into_iter()
                .flatten()
                .collect(),
        }
    });
    document.items(None, items.collect(), None);
    if !certificate.scopes().is_empty() {
        document.paragraph(format!("Granted to us: {}.", clean(&certificate.scopes().join(", "))));
    }
    for exception in certificate.exceptions() {
        document.paragraph(Text::new(format!("Exception: {}", sentence(&clean(exception))), Tone::Warning));
    }
}

/// The changes of a run that did not go as planned, by how they ended.
#[derive(Default)]
struct Outcomes {
    failed: Lines,
    skipped: Lines,
    noted: Lines,
}

/// How many lines there are, and those of them that can be shown.
#[derive(Default)]
struct Lines {
    number: usize,
    first: Vec<Item>,
}

impl Lines {
    fn push(&mut self, change: &Change, detail: &str, tone: Tone) {
        self.number += 1;
        // A rest of one is shown, too.
        if self.first.len() <= LONGEST {
            self.first.push(line(change, detail, tone));
        }
    }
}

/// How changes ended, by number.
fn ended(record: &RunRecord) -> BTreeMap<ChangeId, &Outcome> {
    record.outcomes.iter().map(|(id, outcome)| (*id, outcome)).collect()
}

fn outcomes_of(record: &RunRecord, plan: &Plan) -> Outcomes {
    let ended = ended(record);
    let mut outcomes = Outcomes::default();
    for change in &plan.changes {
        match ended.get(&change.id) {
            Some(Outcome::Failed { detail, .. }) => outcomes.failed.push(&change, detail, Tone::Bad),
            Some(Outcome::Skipped(skip)) => outcomes.skipped.push(&change, &skip.detail, Tone::Warning),
            Some(Outcome::Done { notes }) => {
                notes.iter().for_each(|note| outcomes.noted.push(&change, note, Tone::Warning));
            }
            None => {}
        }
    }
    outcomes
}

/// What was done: the failures first, because somebody has to act on those.
fn outcomes(document: &mut Document, record: &RunRecord, plan: &Plan, options: Options) {
    let ended = ended(record);
    let is_done = |change: &Change| matches!(ended.get(&change.id), Some(Outcome::Done { .. }));
    let is_left = |change: &Change| !ended.contains_key(&change.id);
    troubles(document, outcomes_of(record, plan), options);
    sections::add(document, plan.changes.iter().filter(|change| is_done(change)), Tense::Done, options.most());
    sections::add(document, plan.changes.iter().filter(|change| is_left(change)), Tense::Planned, options.most());
}

/// What did not go as planned.
fn troubles(document: &mut Document, outcomes: Outcomes, options: Options) {
    let mut list = |title: &str, tone, lines: Lines| {
        if lines.number > 0 {
            document.heading(Text::new(format!("{title}: {}", words::number(lines.number as u64)), tone));
            document.first_items(None, lines.first, lines.number, options.most());
        }
    };
    list("Failed", Tone::Bad, outcomes.failed);
    list("Skipped", Tone::Warning, outcomes.skipped);
    list("Written, but not kept by the target", Tone::Warning, outcomes.noted);
}

/// One change with how it ended.
fn line(change: &Change, detail: &str, tone: Tone) -> Item {
    let kind = change.action.kind();
    Item {
        mark: Text::new(sections::mark(kind), tone),
        cells: vec![kind.words().into(), label(change.subject.label()).into(), Text::new(clean(detail), tone)],
        below: Vec::new(),
    }
}
