//! Which changes of a kept plan are not asked for any more, and why.
//!
//! A kept plan is applied for exactly its changes or not at all. A change is still asked for if a plan made now
//! contains it, to the same subject, with the same values before and after. Causes may have moved on.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use rollcall_kit::{DirectoryId, Value};
use serde::Serialize;

use super::change::attribute_changes;
use super::change::{Action, ActionKind, Change, ChangeId, GroupKey, Subject};
use super::document::Plan;
use super::mark::{Mark, MarkError};
use crate::roster::Role;

/// A change of a kept plan that is not asked for any more.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct StaleChange {
    /// Its number in the kept plan.
    pub id: ChangeId,
    /// What it would do.
    pub kind: ActionKind,
    /// To whom or what.
    pub label: String,
    /// What is the case now, in a sentence.
    pub why: String,
}

impl fmt::Display for StaleChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} (change {}): {}", self.kind, self.label, self.id, self.why)
    }
}

/// The user or group that a change is about, whatever they are called now.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Who {
    User(DirectoryId),
    Group(GroupKey),
}

/// What makes two changes the same step, whatever its values are.
pub(super) type Step = (Who, ActionKind, Option<Role>, Option<GroupKey>);

fn who(subject: &Subject) -> Who {
    match subject {
        Subject::Account { user, .. } => Who::User(user.clone()),
        Subject::Group { key, .. } => Who::Group(key.clone()),
    }
}

pub(super) fn step(change: &Change) -> Step {
    let (role, group) = match &change.action {
        Action::GrantRole { role } | Action::RevokeRole { role } => (Some(role.clone()), None),
        Action::AddMember { group, .. } | Action::RemoveMember { group, .. } => (None, Some(group.clone())),
        _ => (None, None),
    };
    (who(&change.subject), change.action.kind(), role, group)
}

/// Compares a kept plan with one that was made now. Empty if every change of the kept plan is still asked for.
#[must_use]
pub fn stale(kept: &Plan, fresh: &Plan) -> Vec<StaleChange> {
    let steps: BTreeMap<Step, usize> =
        fresh.changes.iter().enumerate().map(|(place, change)| (step(&change), place)).collect();
    let mut by_subject: BTreeMap<Who, Vec<ActionKind>> = BTreeMap::new();
    for change in &fresh.changes {
        by_subject.entry(who(&change.subject)).or_default().push(change.action.kind());
    }
    let contained: BTreeSet<Step> = kept.changes.iter().map(|change| step(&change)).collect();
    let judge = |change: Cow<'_, Change>| {
        let change = &*change;
        let why = match steps.get(&step(change)).and_then(|place| fresh.changes.get(*place)) {
            Some(now) => difference(change, &now).or_else(|| {
                let mut before = now.after.iter().filter_map(|id| fresh.changes.with_id(*id));
                let missing = before.find(|before| !contained.contains(&step(before)))?;
                let (kind, label) = (missing.action.kind(), missing.subject.label());
                Some(format!("it has to wait for a step now that this plan does not contain: {kind} {label}"))
            })?,
            None => instead(change, fresh, by_subject.get(&who(&change.subject))),
        };
        let label = change.subject.label().to_owned();
        Some(StaleChange { id: change.id, kind: change.action.kind(), label, why })
    };
    kept.changes.iter().filter_map(judge).collect()
}

/// How the same step differs now; nothing if it does not.
fn difference(kept: &Change, now: &Change) -> Option<String> {
    let is = |one: Result<Mark, MarkError>, other: Result<Mark, MarkError>| matches!((one, other), (Ok(one), Ok(other)) if one == other);
    if is(kept.mark(), now.mark()) || is(kept.mark(), now.marked(true)) {
        return None;
    }
    if is(kept.marked(true), now.mark()) {
        return Some("it is in doubt now whether its owner is gone".to_owned());
    }
    if kept.subject.target_id() != now.subject.target_id() {
        return Some("it would be another account or group in the target now".to_owned());
    }
    if let (Subject::Group { name: was, .. }, Subject::Group { name: is, .. }) = (&kept.subject, &now.subject)
        && was != is
    {
        return Some(format!("the group would be called {is} now"));
    }
    let (was, is) = (attribute_changes(&kept.action), attribute_changes(&now.action));
    let moved = was.iter().find(|change| !is.contains(change)).map(|change| &change.attribute);
    let added = is.iter().find(|change| !was.contains(change)).map(|change| &change.attribute);
    let show = |value: &Option<Value>| value.as_ref().map_or_else(|| "nothing".to_owned(), Value::to_string);
    let Some(attribute) = moved.or(added) else {
        return Some("its values are others now".to_owned());
    };
    Some(match is.iter().find(|change| change.attribute == *attribute) {
        Some(change) => format!("{attribute} would go from {} to {} now", show(&change.before), show(&change.after)),
        None => format!("{attribute} does not change any more"),
    })
}

/// What is asked for instead of a step that is not asked for any more.
fn instead(kept: &Change, fresh: &Plan, others: Option<&Vec<ActionKind>>) -> String {
    let same_user = |user: &DirectoryId| kept.subject.user() == Some(user);
    if let Some(refusal) = fresh.refusals.iter().find(|refusal| refusal.user.as_ref().is_some_and(same_user)) {
        return format!("it is not asked for any more; {}: {}", refusal.reason, refusal.detail);
    }
    match others {
        Some(others) => {
            let kinds: Vec<&str> = others.iter().map(|kind| kind.words()).collect();
            format!("it is not asked for any more; what is asked for now is: {}", kinds.join(", "))
        }
        None => {
            "it is not asked for any more: it was done meanwhile, or directory or rules say otherwise now".to_owned()
        }
    }
}
