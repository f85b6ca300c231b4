//! Drift, for whoever has to decide whether an edit was meant: what was done to accounts of ours in the application,
//! what becomes of each, and which accounts are not ours.

use std::collections::BTreeMap;

use super::Options;
use super::document::{Document, Item, Text, Tone};
use super::plan;
use super::sections;
use super::words::{capital, clean, count, label, number};
use crate::guard::Hold;
use crate::plan::Plan;
use crate::plan::drift::{Becomes, Drift, Drifted, Edit};

/// Puts the report of a comparison together, with the plan that follows from it.
#[must_use]
pub fn document(drift: &Drift, plan: &Plan, holds: &[Hold], options: Options) -> Document {
    let mut document = Document::new(format!("Drift of {}", clean(&plan.organization)));
    add(&mut document, drift, options);
    document.heading("What follows from it");
    document.paragraph(Text::new(format!("Plan {}.", plan.id()), Tone::Faint));
    let following = plan::document(plan, holds, options);
    document.blocks.extend(following.blocks);
    document
}

/// Adds what was found.
pub(super) fn add(document: &mut Document, drift: &Drift, options: Options) {
    document.paragraph(summary(drift));
    for (kind, tone) in [
        (Kind::Activated, Tone::Bad),
        (Kind::Deleted, Tone::Bad),
        (Kind::Roles, Tone::Warning),
        (Kind::Deactivated, Tone::Warning),
        (Kind::Attributes, Tone::Warning),
    ] {
        let edits: Vec<&Drifted> = drift.edits.iter().filter(|drifted| kind_of(&drifted.edit) == kind).collect();
        section(document, kind, tone, &edits, options);
    }
    if drift.edits_in_all > drift.edits.len() as u64 {
        let text =
            format!("{} more edits are not kept in the record.", number(drift.edits_in_all - drift.edits.len() as u64));
        document.paragraph(Text::new(text, Tone::Faint));
    }
    unmanaged(document, drift, options);
    for (name, accounts) in &drift.not_shown {
        document.paragraph(Text::new(
            format!(
                "No account of the target shows {}, which was written to {}: the target does not keep it, so it was not \
                 compared.",
                clean(name),
                count(*accounts, "account", "accounts")
            ),
            Tone::Faint,
        ));
    }
    if !drift.roles_compared {
        let text = "Roles were not compared: the target does not show who has any.";
        document.paragraph(Text::new(text, Tone::Faint));
    }
}

/// The result in one line.
#[must_use]
pub fn summary(drift: &Drift) -> String {
    let shown = count(drift.shown, "account", "accounts");
    let edits = match drift.edits_in_all {
        0 => "none of them was edited".to_owned(),
        edits => format!("{} found", count(edits, "edit was", "edits were")),
    };
    let strangers = match drift.unmanaged_in_all {
        0 => String::new(),
        strangers => format!(", {} not ours", count(strangers, "account is", "accounts are")),
    };
    format!("The target shows {shown}, {} of ours; {edits}{strangers}.", number(drift.ours))
}

/// The kinds of edits, each a section.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Activated,
    Deleted,
    Roles,
    Deactivated,
    Attributes,
}

const fn kind_of(edit: &Edit) -> Kind {
    match edit {
        Edit::Activated => Kind::Activated,
        Edit::Deleted => Kind::Deleted,
        Edit::RoleGranted { .. } | Edit::RoleRevoked { .. } => Kind::Roles,
        Edit::Deactivated => Kind::Deactivated,
        Edit::Attribute { .. } => Kind::Attributes,
    }
}

fn section(document: &mut Document, kind: Kind, tone: Tone, edits: &[&Drifted], options: Options) {
    if edits.is_empty() {
        return;
    }
    let of = edits.len() as u64;
    let title = match kind {
        Kind::Activated => {
            format!("{} by hand, although we put them out", count(of, "account activated", "accounts activated"))
        }
        Kind::Deleted => format!("{} by hand", count(of, "account deleted", "accounts deleted")),
        Kind::Roles => format!("{} by hand", count(of, "role changed", "roles changed")),
        Kind::Deactivated => format!("{} by hand", count(of, "account deactivated", "accounts deactivated")),
        Kind::Attributes => format!("{} by hand", count(of, "attribute edited", "attributes edited")),
    };
    document.heading(Text::new(title, tone));
    let mut by_end: BTreeMap<Becomes, Vec<&Drifted>> = BTreeMap::new();
    for &drifted in edits {
        by_end.entry(drifted.becomes).or_default().push(drifted);
    }
    for (becomes, members) in by_end {
        let title = format!("{} {}", number(members.len() as u64), words(becomes, kind));
        document.items(Some(title), members.into_iter().map(item).collect(), options.most());
    }
}

/// What becomes of an edit, in words.
const fn words(becomes: Becomes, kind: Kind) -> &'static str {
    match becomes {
        Becomes::Agrees => "as the directory wants it, so nothing is to be done",
        Becomes::Stays if matches!(kind, Kind::Deactivated) => "left as it is: there may be a reason to lock it",
        Becomes::Stays => "left as it is until the directory's value changes",
        Becomes::Overtaken => "overwritten, because the directory's value changed since",
        Becomes::Undone => "brought back, because the directory is the authority here",
        Becomes::Immutable => "left as it is: addresses are immutable in the target",
        Becomes::NotKept => "left as it is: it was written again before, and the target did not keep it",
        Becomes::OnReturn => "brought back if the owner, who has left, returns: the directory is the authority here",
        Becomes::PutOut => "deactivated again, because the owner has left",
        Becomes::CreatedAgain => "created again, because the directory asks for it",
        Becomes::LeftDeleted => "left deleted, as configured",
        Becomes::Missed => "missed by nobody: the owner has left",
        Becomes::NotBelieved => {
            "not believed without a person: so many at once may be another target, or an old backup"
        }
        Becomes::Withheld => "left as it is: nothing is done to the owner until their refusal is settled",
    }
}

fn item(drifted: &Drifted) -> Item {
    let mut cells =
        vec![Text::from(label(&drifted.label)), Text::from(drifted.name.as_deref().map(label).unwrap_or_default())];
    let (mark, mut below) = match &drifted.edit {
        Edit::Activated => ("^", Vec::new()),
        Edit::Deactivated => ("-", Vec::new()),
        Edit::Deleted => ("x", Vec::new()),
        Edit::RoleGranted { role } => {
            cells.push(format!("has {}", clean(&role.0)).into());
            ("+", Vec::new())
        }
        Edit::RoleRevoked { role } => {
            cells.push(format!("lacks {}", clean(&role.0)).into());
            ("-", Vec::new())
        }
        Edit::Attribute { attribute, wrote, found, directory } => {
            let row = |name: &str, value: &Option<rollcall_kit::Value>, tone| {
                vec![Text::new(name, Tone::Faint), Text::new(sections::value(value), tone)]
            };
            cells.push(clean(attribute).into());
            let rows = vec![
                row("we wrote", wrote, Tone::Plain),
                row("stands there", found, Tone::Warning),
                row("directory", directory, Tone::Plain),
            ];
            ("~", rows)
        }
    };
    if below.len() == 3 && below[0][1].text == below[2][1].text {
        below.truncate(2);
        below[0][0].text = "we wrote, and directory".to_owned();
    }
    Item { mark: Text::new(mark, Tone::Warning), cells, below }
}

fn unmanaged(document: &mut Document, drift: &Drift, options: Options) {
    if drift.unmanaged.is_empty() {
        return;
    }
    let all = count(drift.unmanaged_in_all, "account is not ours", "accounts are not ours");
    document.heading(capital(&format!("{all}: listed, and never touched")));
    let items = drift.unmanaged.iter().map(|account| {
        let mark = account.external_id.as_deref().map(|id| format!("externalId {}", label(id))).unwrap_or_default();
        let state = if account.active { "active" } else { "not active" };
        Item {
            mark: Text::new("·", Tone::Faint),
            cells: vec![label(&account.user_name).into(), state.into(), Text::new(mark, Tone::Faint)],
            below: Vec::new(),
        }
    });
    document.items(None, items.collect(), options.most());
}
