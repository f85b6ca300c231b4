//! What the next run will do for somebody, in a sentence.

use rollcall_kit::DirectoryId;

use super::passes_on;
use super::passing_on;
use crate::guard::Reviewed;
use crate::plan::{Action, Change, LedgerAccount, Subject};
use crate::roster::{Role, Standing};

/// What is to be expected of the look-up in the target that comes before anything is done for them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Expected {
    /// There is none: they have an account of ours, or should have none.
    NoLookUp,
    /// Nobody asked yet.
    Unasked,
    /// The last run refused because of what it found.
    RefusedBefore,
    /// A write of an earlier run is open, and only the target can tell whether it was done.
    Unsettled,
    /// Asked just now: nobody is there.
    Nobody,
    /// Asked just now: this account is there.
    One(String),
    /// Asked just now: the answer does not say which account is theirs, if any.
    Refused,
}

/// All that the sentence depends on.
pub(super) struct Outlook<'a> {
    pub(super) user: &'a DirectoryId,
    pub(super) expected: Expected,
    /// Roles whose groups the next run looks for in the target first.
    pub(super) unasked_roles: Vec<Role>,
    /// Whether anything is refused to them.
    pub(super) refused: bool,
    /// Whether the plan waits for a person.
    pub(super) unapproved: bool,
    pub(super) reviewed: &'a Reviewed,
    pub(super) standing: &'a Standing,
    pub(super) account: Option<&'a LedgerAccount>,
}

impl Outlook<'_> {
    pub(super) fn sentence(&self) -> String {
        if self.expected == Expected::Unsettled {
            return "the next run first looks in the target whether that write was done, and does nothing for this \
                    user until the target tells"
                .to_owned();
        }
        let steps = self.steps();
        if steps.is_empty() {
            return self.nothing().to_owned();
        }
        let left_out = if self.refused { "; what is refused above is left out" } else { "" };
        let held = if self.unapproved { ", once somebody has approved the plan" } else { "" };
        format!("the next run will {}{held}{left_out}", steps.join(", then "))
    }

    fn steps(&self) -> Vec<String> {
        let first = match &self.expected {
            Expected::NoLookUp | Expected::Unsettled => None,
            Expected::Unasked => Some(
                "look in the target for an account of this user, then create one or adopt the one that is there"
                    .to_owned(),
            ),
            Expected::RefusedBefore | Expected::Refused => Some(
                "look in the target again, and give this user no account until what is refused above is settled"
                    .to_owned(),
            ),
            Expected::Nobody => Some("create an account".to_owned()),
            Expected::One(name) => Some(format!("adopt the account {name}")),
        };
        let planned = self.reviewed.plan().changes.iter().filter_map(|change| self.step(&change));
        let roles = self.unasked_roles.iter().map(|role| {
            format!("look in the target for a group {role}, create it if there is none, and grant the role by it")
        });
        first.into_iter().chain(planned).chain(roles).collect()
    }

    /// What a change does to them, if it does anything.
    fn step(&self, change: &Change) -> Option<String> {
        match &change.subject {
            Subject::Account { user, .. } if user == self.user => Some(step(&change.action)),
            _ => passes_on(change, self.user).map(passing_on),
        }
    }

    /// Why nothing is done.
    fn nothing(&self) -> &'static str {
        match (self.standing, self.account) {
            (Standing::Withheld, Some(_)) => "the next run leaves the account as it is, until what stops it is settled",
            (Standing::Withheld, None) => "the next run gives no account to this user, until what stops it is settled",
            (Standing::Wanted(_), Some(_)) if self.refused => {
                "the next run changes nothing: what is refused above stays as it is until it is settled"
            }
            (Standing::Wanted(_), Some(_)) => "the next run has nothing to do: the account is as it should be",
            (Standing::Wanted(_), None) => "the next run does nothing for this user, for the reasons above",
            (Standing::Unwanted(_), Some(account)) if !account.active => {
                "the next run has nothing to do: the account is not active, as it should be"
            }
            (Standing::Unwanted(_), Some(_)) if self.refused => {
                "the next run leaves the account active, until what is refused above is settled"
            }
            (Standing::Unwanted(_), Some(_)) => {
                "the next run looks the id up in the directory, and deactivates the account if it is gone"
            }
            (Standing::Unwanted(_), None) => "the next run gives no account to this user",
        }
    }
}

/// A step of the next run, with its object.
fn step(action: &Action) -> String {
    match action {
        Action::Create { .. } => "create an account".to_owned(),
        Action::Deactivate | Action::Delete => format!("{action} the account"),
        Action::Reactivate { .. } => "reactivate the account".to_owned(),
        other => other.to_string(),
    }
}
