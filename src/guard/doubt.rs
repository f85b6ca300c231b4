//! Absences that nobody can prove: who is not found any more but may only be hidden leaves when a person says so.
//!
//! How many there are plays no part. A few people hidden by a changed access right lie below every limit, and are put out
//! by mistake all the same.

use std::collections::{BTreeMap, BTreeSet};

use super::hold::Hold;
use crate::plan::{Action, Cause, Change, ChangeId, Kinds, Plan};
use crate::read::Doubt;
use crate::roster::Leaving;

/// So many people are named; the rest is counted.
const NAMED: usize = 10;

/// One finding for each doubt, with the people whom it concerns.
pub(super) fn holds(plan: &Plan) -> Vec<(Hold, BTreeSet<ChangeId>)> {
    let mut people: BTreeMap<Doubt, (Vec<String>, BTreeSet<ChangeId>)> = BTreeMap::new();
    for change in plan.changes.of_kinds(Kinds::EXITS) {
        if let Some(doubt) = doubt_of(&change) {
            let (named, concerns) = people.entry(doubt.clone()).or_default();
            concerns.insert(change.id);
            if named.len() < NAMED {
                named.push(change.subject.label().to_owned());
            }
        }
    }
    let hold = |(doubt, (named, concerns)): (Doubt, (Vec<String>, BTreeSet<ChangeId>))| {
        (Hold::Finding { sentence: sentence(&doubt, &named, concerns.len()) }, concerns)
    };
    people.into_iter().map(hold).collect()
}

fn doubt_of(change: &Change) -> Option<&Doubt> {
    if !matches!(change.action, Action::Deactivate) {
        return None;
    }
    change.causes.iter().find_map(|cause| match cause {
        Cause::Left { leaving: Leaving::Unproved { doubt } } => Some(doubt),
        _ => None,
    })
}

fn sentence(doubt: &Doubt, named: &[String], number: usize) -> String {
    let mut who = named.join(", ");
    if number > named.len() {
        who.push_str(&format!(" and {} more", number - named.len()));
    }
    let people = if number == 1 { "1 person is".to_owned() } else { format!("{number} people are") };
    let otherwise = match doubt {
        Doubt::StillNamed { .. } => {
            "; if this directory leaves the names of deleted people in its groups, set leaves_names"
        }
        Doubt::PlaceHidden { .. } | Doubt::PlaceEmptied { .. } | Doubt::Untraced => "",
    };
    format!(
        "{people} not found in the directory any more, but {doubt}. Perhaps hidden from us and not gone: {who}. Look at \
         what our account there may see{otherwise}"
    )
}
