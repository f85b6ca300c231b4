//! The changes of a plan, arranged for reading: what takes something away first, each kind in a section, and within a
//! section what shares its cause together, so that "14 accounts: gone from the directory" is read once.

use std::borrow::Cow;
use std::collections::BTreeMap;

use rollcall_kit::Value;

use super::causes;
use super::document::{Document, Item, LONGEST, Text, Tone, lines};
use super::words::{clean, count, label, listed, number};
use crate::plan::change::ActionKind;
use crate::plan::{Action, AttributeChange, ByHand, Cause, Change, Subject};

/// Changes that share a cause stand together from so many on; fewer say it themselves.
const TOGETHER: usize = 3;

/// The order of the sections: what takes something away comes first, because that is what must be read.
const SECTIONS: [ActionKind; 15] = [
    ActionKind::Deactivate,
    ActionKind::Delete,
    ActionKind::RevokeRole,
    ActionKind::RemoveMember,
    ActionKind::DeleteGroup,
    ActionKind::Create,
    ActionKind::Adopt,
    ActionKind::Relink,
    ActionKind::Reactivate,
    ActionKind::Update,
    ActionKind::GrantRole,
    ActionKind::CreateGroup,
    ActionKind::AdoptGroup,
    ActionKind::RenameGroup,
    ActionKind::AddMember,
];

/// Whether changes are still to come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tense {
    /// They are planned.
    Planned,
    /// They were carried out.
    Done,
}

/// Adds a section for each kind of change. The changes come in their order, and only those that are shown are kept.
pub(super) fn add<'a>(
    document: &mut Document,
    changes: impl Iterator<Item = Cow<'a, Change>>,
    tense: Tense,
    most: Option<usize>,
) {
    let mut kinds: BTreeMap<ActionKind, BTreeMap<String, Members>> = BTreeMap::new();
    let mut room = LONGEST;
    for change in changes {
        let by_cause = kinds.entry(change.action.kind()).or_default();
        by_cause.entry(shared(&change)).or_default().add(change, most, &mut room);
    }
    for kind in SECTIONS {
        let Some(by_cause) = kinds.remove(&kind) else { continue };
        let all: usize = by_cause.values().map(|members| members.number).sum();
        document.heading(Text::new(title(kind, all as u64, tense), tone(kind)));
        for (shared, members) in together(by_cause, most) {
            let items = members.first.iter().map(|change| item(change, shared.is_none())).collect();
            let title = shared.map(|shared| group_title(kind, members.number as u64, &shared));
            document.first_items(title, items, members.number, most);
        }
    }
}

/// Changes that share something: how many they are, and the first of them.
#[derive(Default)]
struct Members {
    number: usize,
    first: Vec<Change>,
}

impl Members {
    /// Takes a change in, and keeps it if it will be shown and there is room left in the report.
    fn add(&mut self, change: Cow<'_, Change>, most: Option<usize>, room: &mut usize) {
        self.number += 1;
        // A rest of one is shown, too.
        if *room > 0 && self.first.len() <= lines(most).max(TOGETHER) {
            self.first.push(change.into_owned());
            *room -= 1;
        }
    }
}

/// The title over changes that share something.
fn group_title(kind: ActionKind, number: u64, shared: &str) -> String {
    let accounts = count(number, "account", "accounts");
    match kind {
        ActionKind::Update => format!("{shared} of {accounts}"),
        ActionKind::GrantRole | ActionKind::RevokeRole | ActionKind::AddMember | ActionKind::RemoveMember => {
            format!("{accounts}: {shared}")
        }
        _ => format!("{}: {shared}", noun(kind, number)),
    }
}

/// Changes by what they share. What too few share stands in front, without a title.
fn together(by_cause: BTreeMap<String, Members>, most: Option<usize>) -> Vec<(Option<String>, Members)> {
    let (mut large, small): (Vec<_>, Vec<_>) =
        by_cause.into_iter().partition(|(cause, members)| !cause.is_empty() && members.number >= TOGETHER);
    large.sort_by_key(|(_, members)| std::cmp::Reverse(members.number));
    let mut alone = Members::default();
    for (_, members) in small {
        alone.number += members.number;
        alone.first.extend(members.first);
    }
    alone.first.sort_by_key(|change| change.id);
    alone.first.truncate(lines(most) + 1);
    let alone = (alone.number > 0).then_some((None, alone));
    alone.into_iter().chain(large.into_iter().map(|(cause, members)| (Some(cause), members))).collect()
}

/// What a change may share with others.
fn shared(change: &Change) -> String {
    match &change.action {
        Action::Update { changes } => {
            let names: Vec<String> = changes.iter().map(|change| clean(&change.attribute)).collect();
            listed(&names)
        }
        Action::AddMember { group_name, .. } => format!("to {}", clean(group_name)),
        Action::RemoveMember { group_name, .. } => format!("from {}", clean(group_name)),
        Action::Adopt { matched_by, .. } => format!("recognised by {}", clean(matched_by)),
        _ => causes::why(change).shared,
    }
}

/// One change as a line.
fn item(change: &Change, with_cause: bool) -> Item {
    let kind = change.action.kind();
    let name = match &change.subject {
        Subject::Account { name, .. } => name.as_deref().map(label).unwrap_or_default(),
        Subject::Group { .. } => String::new(),
    };
    let mut cells = vec![Text::from(label(change.subject.label())), Text::from(name)];
    let mut below = Vec::new();
    match &change.action {
        // One attribute fits beside the name, and a column of old and new values is quickly looked through.
        Action::Update { changes } if changes.len() == 1 && !with_cause => {
            cells.extend(changes.iter().flat_map(|change| values(change).into_iter().skip(1)));
        }
        Action::Update { changes } => below.extend(changes.iter().map(values)),
        Action::Adopt { changes, activate, .. } | Action::Relink { changes, activate, .. } => {
            below.extend(real(changes));
            if *activate {
                below.push(vec!["active".into(), Text::new("no", Tone::Faint), "→".into(), "yes".into()]);
            }
            below.extend(kept(changes));
        }
        Action::Reactivate { changes } => below.extend(real(changes)),
        _ => {}
    }
    let detail = detail(change, with_cause);
    if !detail.is_empty() {
        cells.push(Text::new(detail, Tone::Faint));
    }
    Item { mark: Text::new(mark(kind), tone(kind)), cells, below }
}

/// What stands behind the name.
fn detail(change: &Change, with_cause: bool) -> String {
    match &change.action {
        Action::Update { .. } => match change.causes.first() {
            Some(Cause::ByHand { what: ByHand::Edited { attributes } }) if attributes.len() > 1 => {
                format!("{} edited in the application", clean(&listed(attributes)))
            }
            Some(Cause::ByHand { .. }) => "edited in the application".to_owned(),
            Some(Cause::Undone { .. }) => causes::why(change).shared,
            _ => String::new(),
        },
        Action::Relink { from, .. } => {
            let to = change.subject.user().map(|user| format!(" to {}", clean(user.as_str()))).unwrap_or_default();
            format!("from the directory id {}{to}", clean(from.as_str()))
        }
        Action::RenameGroup { from } => format!("from {}", clean(from)),
        Action::Adopt { .. } | Action::AddMember { .. } | Action::RemoveMember { .. } if with_cause => shared(change),
        Action::Adopt { .. } | Action::AddMember { .. } | Action::RemoveMember { .. } => String::new(),
        _ => {
            let why = causes::why(change);
            if with_cause { why.whole() } else { why.own }
        }
    }
}

/// What changes, from what to what.
fn real(changes: &[AttributeChange]) -> impl Iterator<Item = Vec<Text>> {
    changes.iter().filter(|change| change.is_real()).map(values)
}

/// How many attributes merely become ours, if any do.
fn kept(changes: &[AttributeChange]) -> Option<Vec<Text>> {
    let kept = changes.iter().filter(|change| !change.is_real()).count() as u64;
    let text = match kept {
        1 => "and 1 attribute that is right already".to_owned(),
        _ => format!("and {} attributes that are right already", number(kept)),
    };
    (kept > 0).then(|| vec![Text::new(text, Tone::Faint)])
}

/// One attribute, from what to what.
fn values(change: &AttributeChange) -> Vec<Text> {
    vec![
        clean(&change.attribute).into(),
        Text::new(value(&change.before), Tone::Faint),
        "→".into(),
        value(&change.after).into(),
    ]
}

/// A value, or that there is none.
pub(super) fn value(value: &Option<Value>) -> String {
    value.as_ref().map_or_else(|| "(none)".to_owned(), shown)
}

/// A value; a long one is cut, a blank one is made visible.
fn shown(value: &Value) -> String {
    const LONGEST: usize = 60;
    let text = match value {
        Value::List(values) if values.iter().all(|value| value.as_text().is_some()) => {
            values.iter().filter_map(Value::as_text).collect::<Vec<_>>().join(", ")
        }
        other => other.to_string(),
    };
    let text = clean(&text);
    if text.trim().is_empty() {
        return format!("\"{text}\"");
    }
    match text.char_indices().nth(LONGEST) {
        Some((cut, _)) => format!("{}…", &text[..cut]),
        None => text,
    }
}

/// The mark in front of a line.
pub(super) const fn mark(kind: ActionKind) -> &'static str {
    match kind {
        ActionKind::Create | ActionKind::GrantRole | ActionKind::CreateGroup | ActionKind::AddMember => "+",
        ActionKind::Deactivate | ActionKind::RevokeRole | ActionKind::RemoveMember => "-",
        ActionKind::Delete | ActionKind::DeleteGroup => "x",
        ActionKind::Update | ActionKind::RenameGroup => "~",
        ActionKind::Adopt | ActionKind::AdoptGroup => "=",
        ActionKind::Relink => ">",
        ActionKind::Reactivate => "^",
    }
}

const fn tone(kind: ActionKind) -> Tone {
    match kind {
        ActionKind::Create
        | ActionKind::GrantRole
        | ActionKind::CreateGroup
        | ActionKind::AddMember
        | ActionKind::Reactivate => Tone::Good,
        ActionKind::Deactivate
        | ActionKind::RevokeRole
        | ActionKind::RemoveMember
        | ActionKind::Delete
        | ActionKind::DeleteGroup => Tone::Bad,
        ActionKind::Update
        | ActionKind::RenameGroup
        | ActionKind::Adopt
        | ActionKind::AdoptGroup
        | ActionKind::Relink => Tone::Warning,
    }
}

/// So many of what a kind of change is about: `14 accounts`, `1 role`.
pub(super) fn noun(kind: ActionKind, number: u64) -> String {
    match kind {
        ActionKind::GrantRole | ActionKind::RevokeRole => count(number, "role", "roles"),
        ActionKind::AddMember | ActionKind::RemoveMember => count(number, "member", "members"),
        ActionKind::CreateGroup | ActionKind::AdoptGroup | ActionKind::RenameGroup | ActionKind::DeleteGroup => {
            count(number, "group", "groups")
        }
        _ => count(number, "account", "accounts"),
    }
}

/// The title of a section.
fn title(kind: ActionKind, number: u64, tense: Tense) -> String {
    let (planned, done, rest) = match kind {
        ActionKind::Deactivate => ("Deactivate", "Deactivated", ""),
        ActionKind::Delete => ("Delete", "Deleted", " for good"),
        ActionKind::RevokeRole => ("Revoke", "Revoked", ""),
        ActionKind::RemoveMember => ("Remove", "Removed", " from groups"),
        ActionKind::DeleteGroup => ("Delete", "Deleted", ""),
        ActionKind::Create | ActionKind::CreateGroup => ("Create", "Created", ""),
        ActionKind::Adopt => ("Adopt", "Adopted", " that the target has already"),
        ActionKind::AdoptGroup => ("Adopt", "Adopted", " that the target has already"),
        ActionKind::Relink => ("Relink", "Relinked", " to a new directory record of the same person"),
        ActionKind::Reactivate => ("Reactivate", "Reactivated", ""),
        ActionKind::Update => ("Update", "Updated", ""),
        ActionKind::GrantRole => ("Grant", "Granted", ""),
        ActionKind::RenameGroup => ("Rename", "Renamed", ""),
        ActionKind::AddMember => ("Add", "Added", " to groups"),
    };
    format!("{} {}{rest}", if tense == Tense::Planned { planned } else { done }, noun(kind, number))
}
