//! What a plan does because the configuration was edited, apart from what the directory changed.
//!
//! Everybody is judged, and everything is planned, a second time under the rules that were applied last, over the same
//! mirror and ledger. What that plan would not have asked for is there because of the edit. Where the settings of the
//! directory itself were edited (another server, base or filter), the mirror is what the new settings show, and no
//! second judgement can tell the two apart: then only the directory's own word that somebody is not active is taken
//! for the directory's.

use std::collections::BTreeMap;

use super::change::attribute_changes;
use super::change::{Action, Cause, Change};
use super::document::Plan;
use super::stale::{Step, step};
use crate::roster::Leaving;

/// What was edited since the last plan that was applied.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Edited {
    /// Scope, mapping or roles: this is the plan that the rules before would have made. `reading` says whether the
    /// directory's settings were edited, too, or alone.
    ToldApart {
        /// The plan of the rules before.
        before: Box<Plan>,
        /// Whether the settings by which the directory is read are others, too.
        reading: bool,
    },
    /// Something, and the rules before are not known well enough to plan with them: everything that takes something
    /// away may be because of it.
    Unknown,
}

/// Adds [`Cause::RulesEdited`] to every change that the edit brought about.
pub(super) fn attribute(plan: &mut Plan, edited: &Edited) {
    match edited {
        Edited::Unknown => mark(plan, Change::takes),
        Edited::ToldApart { before, reading } => {
            let asked: BTreeMap<Step, usize> =
                before.changes.iter().enumerate().map(|(place, change)| (step(&change), place)).collect();
            mark(plan, |change| {
                let before = asked.get(&step(change)).and_then(|place| before.changes.get(*place));
                let of_rules = before.is_none_or(|before| asks_for_more(change, &before));
                of_rules || (*reading && !is_the_directorys_word(change))
            });
        }
    }
}

fn mark(plan: &mut Plan, is_of_rules: impl Fn(&Change) -> bool) {
    plan.changes.alter(|change| {
        if is_of_rules(change) && !change.is_of_rules() {
            change.causes.push(Cause::RulesEdited);
        }
    });
}

/// Whether an update touches an attribute that it would not have touched, or gives it another value. Any other step
/// is the same step, whatever a mapping makes of the values beside it.
fn asks_for_more(now: &Change, before: &Change) -> bool {
    match &now.action {
        Action::Update { changes } => {
            let asked = attribute_changes(&before.action);
            changes.iter().any(|change| !asked.contains(change))
        }
        _ => false,
    }
}

/// Whether the directory itself says, in a record, what the change follows from.
fn is_the_directorys_word(change: &Change) -> bool {
    let says =
        |cause: &Cause| matches!(cause, Cause::Left { leaving: Leaving::Inactive { .. } } | Cause::DeletionDue { .. });
    change.causes.iter().any(says)
}
