//! Causes in words. What many changes share is told apart from what belongs to one person, so that a report can say
//! the first once and the second beside each name.

use rollcall_kit::InactiveReason;

use super::words::{clean, listed};
use crate::plan::{Action, ByHand, Cause, Change, Origin};
use crate::roster::Leaving;
use crate::roster::account::GrantCause;

/// Why a change is in a plan.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Why {
    /// What it has in common with others; empty if that is not worth a word.
    pub shared: String,
    /// What is this one's own: the provider's words, a place.
    pub own: String,
}

impl Why {
    fn shared(text: impl Into<String>) -> Self {
        Self { shared: text.into(), own: String::new() }
    }

    /// Both, for a line of its own.
    pub(super) fn whole(&self) -> String {
        match (self.shared.is_empty(), self.own.is_empty()) {
            (_, true) => self.shared.clone(),
            (true, false) => self.own.clone(),
            _ => format!("{} ({})", self.shared, self.own),
        }
    }
}

/// Why a change is in a plan, by its first cause, which is the most decisive.
pub(super) fn why(change: &Change) -> Why {
    let role = match &change.action {
        Action::GrantRole { role } | Action::RevokeRole { role } => clean(&role.0),
        _ => String::new(),
    };
    match change.causes.first() {
        Some(Cause::Left { leaving }) => {
            let mut why = left(leaving);
            if let Some(hand) = change.causes.iter().find_map(hand) {
                let words = hand.to_string();
                why.own = if why.own.is_empty() { words } else { format!("{}; {words}", why.own) };
            }
            if role.is_empty() { why } else { Why { shared: format!("{role}, {}", why.shared), own: why.own } }
        }
        Some(Cause::RoleGiven { through }) => Why::shared(format!("{role}, {}", given(through))),
        Some(Cause::RoleLost { groups }) if groups.is_empty() => {
            Why::shared(format!("{role}, which no rule gives any more"))
        }
        Some(Cause::RoleLost { groups }) => {
            let groups: Vec<String> = groups.iter().map(|group| clean(group)).collect();
            Why::shared(format!("{role}, no longer in {}", listed(&groups)))
        }
        Some(Cause::DeletionDue { days }) => Why::shared(format!("inactive for {days} days")),
        Some(Cause::FoundInTarget { origin: Origin::Created }) => Why::shared("created by an earlier run"),
        Some(Cause::GroupMapped) => Why::shared("a rule names it"),
        Some(Cause::GroupUnmapped) => Why::shared("no rule names it any more, or it is gone from the directory"),
        Some(Cause::GroupRenamed) => Why::shared("renamed in the directory"),
        Some(Cause::RulesEdited) => Why::shared("the configuration was edited"),
        Some(Cause::Undone { run, .. }) if role.is_empty() => Why::shared(format!("as before run {}", clean(run))),
        Some(Cause::Undone { run, .. }) => Why::shared(format!("{role}, as before run {}", clean(run))),
        Some(Cause::ByHand { what: what @ (ByHand::GaveRole | ByHand::TookRole) }) => {
            Why::shared(format!("{role}, {}", clean(&what.to_string()).replacen("the role was ", "", 1)))
        }
        Some(Cause::ByHand { what }) => Why::shared(clean(&what.to_string())),
        Some(Cause::MembershipChanged) | None => Why::shared(role),
        Some(
            Cause::Joined
            | Cause::Returned
            | Cause::AttributesChanged
            | Cause::FoundInTarget { origin: Origin::Adopted },
        ) => Why::default(),
    }
}

/// What somebody did in the application, if a cause says so.
pub(super) fn hand(cause: &Cause) -> Option<&ByHand> {
    match cause {
        Cause::ByHand { what } => Some(what),
        _ => None,
    }
}

fn left(leaving: &Leaving) -> Why {
    let (shared, own) = match leaving {
        // The tombstone of a deleted user speaks for itself; of the others the provider's words matter.
        Leaving::Inactive { reason: InactiveReason::Deleted, raw } => ("deleted in the directory".to_owned(), raw),
        Leaving::Inactive { reason, raw } => (format!("{reason} in the directory"), raw),
        Leaving::OutsidePlaces { place } => {
            return Why { shared: "outside of the places that the scope names".to_owned(), own: clean(place.as_str()) };
        }
        // Whole groups and places are hidden at a time, so the doubt is what these people have in common.
        Leaving::Unproved { doubt } => {
            return Why::shared(clean(&format!("not found any more, and perhaps only hidden: {doubt}")));
        }
        Leaving::OutOfReach { detail } => ("still in the directory, but out of reach".to_owned(), detail),
        other => return Why::shared(clean(&other.to_string())),
    };
    Why { shared, own: clean(own) }
}

/// Through what a role is given: `through eng-core and eng-leads`.
pub(super) fn given(through: &[GrantCause]) -> String {
    let groups: Vec<String> = through
        .iter()
        .filter_map(|cause| match cause {
            GrantCause::Group { name, .. } => Some(clean(name)),
            GrantCause::Default => None,
        })
        .collect();
    match (groups.is_empty(), through.contains(&GrantCause::Default)) {
        (true, _) => "which everybody in scope has".to_owned(),
        (false, false) => format!("through {}", listed(&groups)),
        (false, true) => format!("through {}, and because everybody has it", listed(&groups)),
    }
}
