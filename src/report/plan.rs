//! A plan, for whoever has to decide on it: why it waits, what it takes away, what it gives, whom it refuses, what it
//! costs, and in the last line how much of each.

use std::collections::{BTreeMap, BTreeSet};

use jiff::SignedDuration;

use super::Options;
use super::document::{Block, Document, Item, Text, Tone, lines};
use super::sections::{self, Tense};
use super::words::{capital, clean, count, duration, label, number, sentence, short};
use super::{edited, holds};
use crate::guard::{Hold, Reviewed};
use crate::plan::change::ActionKind;
use crate::plan::{ChangeId, Note, Plan, Refusals};

/// Puts the report of a plan together, which goes whole or is held whole.
#[must_use]
pub fn document(plan: &Plan, holds: &[Hold], options: Options) -> Document {
    parted(plan, holds, None, options)
}

/// Puts the report of a reviewed plan together.
#[must_use]
pub fn reviewed(reviewed: &Reviewed, options: Options) -> Document {
    let (goes, holds, part, what) = match reviewed {
        Reviewed::Held(held) => (None, held.holds(), None, ""),
        Reviewed::Cleared(approved) => (None, [].as_slice(), Some(approved), "All of it"),
        Reviewed::Parted(parted) => (Some(parted.goes()), parted.holds_of_rest(), Some(parted.part()), "What goes now"),
    };
    let mut document = parted(reviewed.plan(), holds, goes, options);
    if let Some(decision) = part.and_then(|part| part.approval().decision()) {
        let sentence = format!("{what} was {}.", holds::decided(decision));
        document.blocks.insert(0, Block::Paragraph(Text::new(sentence, Tone::Good)));
    }
    document
}

fn parted(plan: &Plan, holds: &[Hold], goes: Option<&BTreeSet<ChangeId>>, options: Options) -> Document {
    let id = plan.id();
    let organization = clean(&plan.organization);
    let mut document = Document::new(match &plan.undoes {
        Some(run) => format!("Plan {id} for {organization}, which takes back run {}", clean(run)),
        None => format!("Plan {id} for {organization}"),
    });
    let waiting = goes.map_or(0, |goes| (plan.changes.len() - goes.len()) as u64);
    if !holds.is_empty() {
        match goes {
            None => held(&mut document, "Held: nothing is applied until a person approves".to_owned(), holds),
            Some(goes) => {
                let title = format!(
                    "Held in part: {} and {} for a person",
                    count(goes.len() as u64, "change goes now", "changes go now"),
                    count(waiting, "change waits", "changes wait")
                );
                held(&mut document, title, holds);
            }
        }
        document.facts(match &plan.undoes {
            Some(run) => {
                let run = clean(run);
                let what = format!("rollcall undo {run} -o FILE, look at FILE, rollcall apply FILE");
                [Some(("if it is right", what.into())), None]
            }
            None => holds::what_to_do(holds, &plan.organization, &id),
        });
    }
    edited::add(&mut document, &plan.changes, options);
    if let Some(goes) = goes {
        let those = |go: bool| plan.changes.iter().filter(move |change| goes.contains(&change.id) == go);
        document.heading(Text::new("Goes now", Tone::Good));
        sections::add(&mut document, those(true), Tense::Planned, options.most());
        document.heading(Text::new("Waits", Tone::Bad));
        sections::add(&mut document, those(false), Tense::Planned, options.most());
    } else {
        sections::add(&mut document, plan.changes.iter(), Tense::Planned, options.most());
    }
    refusals(&mut document, &plan.refusals, options);
    notes(&mut document, &plan.notes, holds, &plan.refusals);
    if !document.blocks.is_empty() {
        document.heading("Summary");
    }
    if !plan.changes.is_empty() {
        let seconds = SignedDuration::from_secs(i64::try_from(plan.estimate.seconds).unwrap_or(i64::MAX));
        let requests = count(plan.estimate.calls, "request", "requests");
        document.paragraph(format!("Applying it takes about {requests} to the target and {}.", duration(seconds)));
    }
    let basis = &plan.basis;
    document.paragraph(Text::new(
        format!(
            "Made from snapshot {}, read certificate {} and configuration {}.",
            number(basis.generation),
            short(&basis.certificate),
            short(&basis.configuration)
        ),
        Tone::Faint,
    ));
    let summary = match goes {
        None => summary(plan, holds),
        Some(_) => {
            let waiting = count(waiting, "change waits", "changes wait");
            format!("{} Held in part: {waiting} for a person.", self::summary(plan, &[]))
        }
    };
    document.paragraph(Text::new(summary, Tone::Strong));
    document
}

/// The summary: how much of each kind, in one line.
#[must_use]
pub fn summary(plan: &Plan, holds: &[Hold]) -> String {
    let mut parts = counts(plan.counts());
    if !plan.refusals.is_empty() {
        parts.push(format!("{} refused", number(plan.refusals.len() as u64)));
    }
    let text = match (plan.changes.is_empty(), plan.refusals.is_empty()) {
        (true, true) if plan.undoes.is_some() => "nothing to take back".to_owned(),
        (true, true) if plan.notes.iter().any(|note| note.holds) => "nothing to change".to_owned(),
        (true, true) => "nothing to do: the target agrees with the directory".to_owned(),
        (true, false) => format!("nothing to change, {}", parts.join(", ")),
        (false, _) => parts.join(", "),
    };
    let end = if holds.is_empty() { "." } else { ". Held: it waits for a person." };
    format!("{}{end}", capital(&text))
}

fn counts(counts: &BTreeMap<ActionKind, usize>) -> Vec<String> {
    const ORDER: [(ActionKind, &str); 15] = [
        (ActionKind::Create, "to create"),
        (ActionKind::Adopt, "to adopt"),
        (ActionKind::Relink, "to relink"),
        (ActionKind::Reactivate, "to reactivate"),
        (ActionKind::Update, "to update"),
        (ActionKind::Deactivate, "to deactivate"),
        (ActionKind::Delete, "to delete"),
        (ActionKind::GrantRole, "to grant"),
        (ActionKind::RevokeRole, "to revoke"),
        (ActionKind::CreateGroup, "to create"),
        (ActionKind::AdoptGroup, "to adopt"),
        (ActionKind::RenameGroup, "to rename"),
        (ActionKind::DeleteGroup, "to delete"),
        (ActionKind::AddMember, "to add"),
        (ActionKind::RemoveMember, "to remove"),
    ];
    ORDER
        .iter()
        .filter_map(|(kind, verb)| {
            let of_kind = *counts.get(kind)? as u64;
            let noun = sections::noun(*kind, of_kind);
            // Accounts are what a plan is about; they need no noun.
            let noun = if noun.contains("account") { number(of_kind) } else { noun };
            Some(format!("{noun} {verb}"))
        })
        .collect()
}

/// Why the plan waits, or a part of it.
pub(super) fn held(document: &mut Document, title: String, holds: &[Hold]) {
    document.heading(Text::new(title, Tone::Bad));
    let items = holds.iter().map(|hold| {
        let (sentence, because) = holds::hold(hold);
        let below = because.into_iter().map(|line| vec![line.into()]).collect();
        Item { mark: Text::new("!", Tone::Bad), cells: vec![sentence.into()], below }
    });
    document.items(None, items.collect(), None);
}

/// Whom a rule refuses, by reason.
pub(super) fn refusals(document: &mut Document, refusals: &Refusals, options: Options) {
    if refusals.is_empty() {
        return;
    }
    document.heading(Text::new(format!("Refused {}", number(refusals.len() as u64)), Tone::Warning));
    let mut refusals = refusals.iter().peekable();
    while let Some(reason) = refusals.peek().map(|refusal| refusal.reason) {
        let (mut members, mut items) = (0, Vec::new());
        while let Some(refusal) = refusals.next_if(|refusal| refusal.reason == reason) {
            members += 1;
            // A rest of one is shown, too.
            if items.len() <= lines(options.most()) {
                items.push(Item {
                    mark: Text::new("!", Tone::Warning),
                    cells: vec![label(&refusal.label).into(), clean(&refusal.detail).into()],
                    below: Vec::new(),
                });
            }
        }
        let title = format!("{} {}: {}", number(members as u64), reason.code(), reason.meaning());
        document.first_items(Some(title), items, members, options.most());
    }
}

/// What else there is to know.
fn notes(document: &mut Document, notes: &[Note], holds: &[Hold], refusals: &Refusals) {
    // What holds the plan has been said at the top.
    let said =
        |note: &Note| holds.iter().any(|hold| matches!(hold, Hold::Finding { sentence } if *sentence == note.sentence));
    let refused = |note: &Note| refusals.iter().any(|refusal| sentence(&refusal.detail) == sentence(&note.sentence));
    let notes: Vec<&Note> = notes.iter().filter(|note| !said(note) && !refused(note)).collect();
    if notes.is_empty() {
        return;
    }
    document.heading("Notes");
    let items = notes.iter().map(|note| Item {
        mark: if note.holds { Text::new("!", Tone::Bad) } else { Text::new("·", Tone::Faint) },
        cells: vec![sentence(&clean(&note.sentence)).into()],
        below: Vec::new(),
    });
    document.items(None, items.collect(), None);
}
