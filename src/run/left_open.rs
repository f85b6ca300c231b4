//! What a run left open: what the target's answers refused, and what was planned and not carried out. It is kept apart from
//! the plan. What the directory alone refuses needs no keeping: the snapshot tells it anew.
//!
//! `explain` asks every run of late for it ([`super::past_runs()`]).

use serde::{Deserialize, Serialize, Serializer};

use super::event::RunRecord;
use crate::apply::Outcome;
use crate::plan::Change;
use crate::roster::{Reason, Refusal};

/// The name of the part.
pub(super) const NAME: &str = "open";

/// One thing that a run left open.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Entry {
    /// It was refused because of what the target answered, or did not answer.
    Refused(Refusal),
    /// It was tried and failed, or skipped.
    Undone(Box<Change>, Outcome),
}

/// Writes what a run left open, entry by entry.
pub(super) fn write<S: Serializer>(record: &RunRecord, serializer: S) -> Result<S::Ok, S::Error> {
    let plan = record.plan.as_deref();
    let refused = plan.iter().flat_map(|plan| &plan.refusals).filter(|refusal| is_of_target(refusal.reason));
    let refused = refused.map(|refusal| Entry::Refused(refusal.into_owned()));
    let undone = record.outcomes.iter().filter(|(_, outcome)| !matches!(outcome, Outcome::Done { .. }));
    let undone = undone.filter_map(|(id, outcome)| {
        let change = plan?.changes.with_id(*id)?;
        Some(Entry::Undone(Box::new(change.into_owned()), outcome.clone()))
    });
    serializer.collect_seq(refused.chain(undone))
}

/// Whether only the target can say that this is so.
fn is_of_target(reason: Reason) -> bool {
    matches!(reason, Reason::MatchUnknown | Reason::MatchAmbiguous | Reason::AccountContested | Reason::WriteUnknown)
}

impl Entry {
    pub(super) fn into_refusal(self) -> Option<Refusal> {
        match self {
            Self::Refused(refusal) => Some(refusal),
            Self::Undone(..) => None,
        }
    }

    pub(super) fn into_undone(self) -> Option<(Change, Outcome)> {
        match self {
            Self::Undone(change, outcome) => Some((*change, outcome)),
            Self::Refused(_) => None,
        }
    }
}
