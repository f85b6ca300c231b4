//! What a plan does because the configuration was edited, and what because the directory changed, side by side.

use std::borrow::Cow;
use std::collections::BTreeSet;

use super::Options;
use super::document::{Document, Item, Text, Tone, lines};
use super::words::{label, number};
use crate::plan::{Action, Change, Changes, Subject};

/// What becomes of somebody, the gravest first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Fate {
    Leaves,
    Enters,
    Changes,
}

/// Adds both lists, if the edit of the configuration brought anything about.
pub(super) fn add(document: &mut Document, changes: &Changes, options: Options) {
    if changes.of_rules() == 0 {
        return;
    }
    for (title, of_rules) in [("Because the configuration was edited", true), ("Because the directory changed", false)]
    {
        let items = items(changes.iter().filter(|change| change.is_of_rules() == of_rules), options);
        document.heading(Text::new(title, Tone::Strong));
        if items.is_empty() {
            document.paragraph("Nothing.");
        }
        document.items(None, items, None);
    }
}

fn items<'a>(changes: impl Iterator<Item = Cow<'a, Change>>, options: Options) -> Vec<Item> {
    let of = |change: Cow<'_, Change>| {
        let fate = fate(&change);
        (change.into_owned().subject, fate)
    };
    let mut fates: Vec<(Subject, Fate)> = changes.map(of).collect();
    fates.sort_by(|a, b| a.1.cmp(&b.1).then_with(|| a.0.label().cmp(b.0.label())));
    let mut seen = BTreeSet::new();
    fates.retain(|(subject, _)| match subject {
        Subject::Account { user, .. } => seen.insert(user.to_string()),
        Subject::Group { name, .. } => seen.insert(format!("group {name}")),
    });
    let kinds = [
        (Fate::Leaves, "-", Tone::Bad, ("leaves", "leave")),
        (Fate::Enters, "+", Tone::Good, ("enters", "enter")),
        (Fate::Changes, "~", Tone::Warning, ("changes", "change")),
    ];
    let item = |(kind, mark, tone, (one, many)): (Fate, &str, Tone, (&str, &str))| {
        let those: Vec<&str> =
            fates.iter().filter(|(_, fate)| *fate == kind).map(|(subject, _)| subject.label()).collect();
        let verb = if those.len() == 1 { one } else { many };
        let count = format!("{} {verb}", number(those.len() as u64));
        (!those.is_empty()).then(|| Item {
            mark: Text::new(mark, tone),
            cells: vec![count.into(), some_of(&those, options.most()).into()],
            below: Vec::new(),
        })
    };
    kinds.into_iter().filter_map(item).collect()
}

fn fate(change: &Change) -> Fate {
    match change.action {
        Action::Deactivate | Action::Delete | Action::DeleteGroup => Fate::Leaves,
        Action::Create { .. }
        | Action::Adopt { .. }
        | Action::Relink { .. }
        | Action::Reactivate { .. }
        | Action::CreateGroup
        | Action::AdoptGroup => Fate::Enters,
        _ => Fate::Changes,
    }
}

/// Names, of which at most so many are told.
fn some_of(names: &[&str], most: Option<usize>) -> String {
    let shown = if names.len() > lines(most) + 1 { lines(most) } else { names.len() };
    let told: Vec<String> = names.iter().take(shown).map(|name| label(name)).collect();
    match names.len() - shown {
        0 => told.join(", "),
        more => format!("{} and {} more", told.join(", "), number(more as u64)),
    }
}
