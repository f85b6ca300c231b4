//! The order of a plan: by phases, within a phase by subject, and nothing before what it needs.
//!
//! A topological sort that always takes the first change of the canonical order that is ready. The same drafts give
//! the same order whatever order they were drafted in.
//!
//! Values that only one may have at a time (addresses, user names, names of groups) are freed before they are taken.
//! Where that goes round in a circle, nobody can be first: everybody in the circle keeps their value, everybody who
//! waits for one of these values keeps theirs, and each is told so. The rest of their changes goes through.

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap};

use super::change::{Action, Change, ChangeId};
use super::changes::Changes;
use super::document::Estimate;
use super::draft::{Draft, Unique};
use super::estimate::{Costs, Estimating};
use super::pile::{Pile, Sorted};
use super::settings::PlanSettings;
use super::ties::{Pairs, Place, Ties};
use crate::roster::{Reason, Refusal};

/// Changes in their order.
#[derive(Debug, PartialEq)]
pub(super) struct Arranged {
    pub(super) changes: Changes,
    /// What they will cost.
    pub(super) estimate: Estimate,
    /// Refusals of those that would have to exchange values.
    pub(super) swaps: Vec<Refusal>,
}

/// Orders, numbers and estimates the drafts.
pub(super) fn arrange(drafts: Pile, settings: &PlanSettings) -> Arranged {
    let mut refusals = Vec::new();
    let mut kept: BTreeSet<Unique> = BTreeSet::new();
    let mut drafts = drafts.sorted();
    loop {
        let ties = Ties::of(&drafts);
        let lost = ties.without_what_they_need();
        if !lost.is_empty() {
            drafts = (0..).zip(drafts).filter(|(place, _)| !lost.contains(place)).map(|(_, draft)| draft).collect();
            continue;
        }
        let blocked = if kept.is_empty() { BTreeSet::new() } else { blocked(&drafts, &kept) };
        let stuck = if blocked.is_empty() {
            let before = ties.predecessors();
            drop(ties);
            match sort(&before) {
                Ok(order) => {
                    let mut estimate = Estimating::new(Costs::new(settings));
                    let changes = number(drafts, &before, &order, &mut estimate);
                    return Arranged { changes, estimate: estimate.finish(), swaps: refusals };
                }
                Err(stuck) => stuck,
            }
        } else {
            blocked
        };
        drafts = give_way(drafts, &stuck, settings, &mut kept, &mut refusals);
    }
}

/// The drafts that take a value that somebody else keeps.
fn blocked(drafts: &Sorted, kept: &BTreeSet<Unique>) -> BTreeSet<Place> {
    let is_blocked = |draft: &Draft| draft.takes.iter().any(|value| kept.contains(value));
    drafts.with(|sides| sides.takes).filter(|(_, draft)| is_blocked(draft)).map(|(place, _)| place).collect()
}

/// Sorts, or yields those that stand in a circle.
fn sort(before: &Pairs) -> Result<Vec<Place>, BTreeSet<Place>> {
    let after = before.turned();
    let mut waiting: Vec<u32> = before.places().map(|place| before.of(place).len() as u32).collect();
    let mut ready: BinaryHeap<Reverse<Place>> =
        before.places().filter(|&place| waiting[place as usize] == 0).map(Reverse).collect();
    let mut order = Vec::with_capacity(waiting.len());
    while let Some(Reverse(place)) = ready.pop() {
        order.push(place);
        for next in after.of(place) {
            waiting[next as usize] -= 1;
            if waiting[next as usize] == 0 {
                ready.push(Reverse(next));
            }
        }
    }
    if order.len() == waiting.len() {
        return Ok(order);
    }
    let placed: BTreeSet<Place> = order.into_iter().collect();
    Err(circles(before.places().filter(|place| !placed.contains(place)).collect(), &after))
}

/// Of those that could not be placed, the ones that others which could not be placed wait for. What merely waits for
/// a circle is not part of it.
fn circles(mut stuck: BTreeSet<Place>, after: &Pairs) -> BTreeSet<Place> {
    loop {
        let (inner, outer): (BTreeSet<Place>, BTreeSet<Place>) =
            stuck.iter().partition(|&&place| after.of(place).any(|next| stuck.contains(&next)));
        if outer.is_empty() {
            return inner;
        }
        stuck = inner;
    }
}

/// Those who cannot have their new values keep the old ones, with a refusal; the rest of their changes stays.
fn give_way(
    drafts: Sorted,
    stuck: &BTreeSet<Place>,
    settings: &PlanSettings,
    kept: &mut BTreeSet<Unique>,
    refusals: &mut Vec<Refusal>,
) -> Sorted {
    let gives = |(place, draft): (Place, Draft)| {
        if !stuck.contains(&place) || draft.takes.is_empty() {
            return Some(draft);
        }
        refusals.push(refusal(&draft));
        kept.extend(draft.frees.iter().cloned());
        without_unique_values(draft, settings)
    };
    (0..).zip(drafts).filter_map(gives).collect()
}

fn refusal(draft: &Draft) -> Refusal {
    let values: Vec<&str> = draft.takes.iter().map(|(_, value)| value.as_str()).collect();
    Refusal {
        reason: Reason::ValueSwap,
        user: draft.subject.user().cloned(),
        label: draft.subject.label().to_owned(),
        detail: format!(
            "{} would take {}, and who has that now cannot give it up first; give one of them another value in the \
             directory for one run",
            draft.subject.label(),
            values.join(" and ")
        ),
    }
}

/// The draft without the unique values that it would take, if anything is left of it.
fn without_unique_values(mut draft: Draft, settings: &PlanSettings) -> Option<Draft> {
    match &mut draft.action {
        Action::Update { changes } => {
            changes.retain(|change| !settings.is_unique(&change.attribute));
            if changes.is_empty() {
                return None;
            }
        }
        Action::Reactivate { changes } | Action::Relink { changes, .. } => {
            changes.retain(|change| !settings.is_unique(&change.attribute));
        }
        Action::Adopt { changes, .. } => {
            for change in changes.iter_mut().filter(|change| settings.is_unique(&change.attribute)) {
                change.after.clone_from(&change.before);
            }
        }
        _ => return None,
    }
    Some(draft.with_unique_values(settings))
}

/// Numbers the drafts in their order, which is mostly the one in which they lie.
fn number(drafts: Sorted, before: &Pairs, order: &[Place], estimate: &mut Estimating) -> Changes {
    let mut numbers: Vec<ChangeId> = vec![0; order.len()];
    for (id, &place) in (1..).zip(order) {
        numbers[place as usize] = id;
    }
    let numbered = |(place, draft): (Place, Draft)| {
        let mut after: Vec<ChangeId> = before.of(place).map(|earlier| numbers[earlier as usize]).collect();
        after.sort_unstable();
        let change = Change {
            id: numbers[place as usize],
            destructive: draft.action.is_destructive(),
            subject: draft.subject,
            action: draft.action,
            causes: draft.causes,
            after,
        };
        estimate.add(&change);
        change
    };
    if order.is_sorted() {
        return (0..).zip(drafts).map(numbered).collect();
    }
    let at = |place: &Place| Some((*place, drafts.at(*place as usize)?.into_owned()));
    order.iter().filter_map(at).map(numbered).collect()
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use proptest::prelude::*;

    use super::*;
    use crate::plan::change::{AttributeChange, Subject};
    use crate::plan::world::id;

    /// An update of the user name of the user with this number.
    fn renaming(user: usize, from: usize, to: usize, settings: &PlanSettings) -> Draft {
        let subject = Subject::Account {
            user: id(&format!("u{user:02}")),
            target_id: Some(format!("t{user}")),
            label: format!("u{user}@acme.com"),
            name: None,
        };
        let value = |value: usize| Some(format!("n{value}").into());
        let changes = vec![AttributeChange { attribute: "email".to_owned(), before: value(from), after: value(to) }];
        Draft::new(subject, Action::Update { changes }, Vec::new()).with_unique_values(settings)
    }

    fn piled(drafts: Vec<Draft>) -> Pile {
        let mut pile = Pile::default();
        pile.extend(drafts);
        pile
    }

    fn values() -> impl Strategy<Value = Vec<usize>> {
        Just((0..12).collect::<Vec<usize>>()).prop_shuffle()
    }

    proptest! {
        #[test]
        fn the_order_of_the_drafts_does_not_change_the_order_of_the_changes(
            (from, to, turn) in (values(), values(), values()),
            movers in 1..12_usize,
        ) {
            let settings = PlanSettings::new(Timestamp::UNIX_EPOCH);
            let draft = |user: &usize| renaming(*user, from[*user], to[*user], &settings);
            let straight: Vec<Draft> = (0..movers).map(|user| draft(&user)).collect();
            let turned: Vec<Draft> = turn.iter().filter(|user| **user < movers).map(draft).collect();
            let (mut first, mut second) = (arrange(piled(straight), &settings), arrange(piled(turned), &settings));
            first.swaps.sort();
            second.swaps.sort();
            prop_assert_eq!(first, second);
        }

        #[test]
        fn nobody_takes_a_value_that_another_still_has((from, to) in (values(), values()), movers in 1..12_usize) {
            let settings = PlanSettings::new(Timestamp::UNIX_EPOCH);
            let moving = (0..movers).filter(|&user| from[user] != to[user]);
            let drafts = moving.map(|user| renaming(user, from[user], to[user], &settings)).collect();
            let Arranged { changes, swaps, .. } = arrange(piled(drafts), &settings);
            let mut held: Vec<usize> = from[..movers].to_vec();
            for change in &changes {
                let user: usize = change.subject.target_id().unwrap()[1..].parse().unwrap();
                prop_assert!(!held.contains(&to[user]), "{:?}", change);
                held[user] = to[user];
            }
            // Whoever does not move stands in a circle, or waits for one.
            let stays = (0..movers).filter(|&user| from[user] != to[user] && held[user] != to[user]);
            prop_assert_eq!(stays.count(), swaps.len());
            for (user, now) in held.iter().enumerate() {
                prop_assert!(*now == to[user] || held.contains(&to[user]), "u{} could have moved", user);
            }
        }
    }
}
