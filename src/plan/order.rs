//! The order of a plan: by phases, within a phase by subject, and nothing before what it needs.
//!
//! A topological sort that always takes the first change of the canonical order that is ready. The same drafts give
//! the same order whatever order they were drafted in.
//!
//! Values that only one may have at a time (addresses, user names, names of groups) are freed before they are taken.
//! Where that goes round in a circle, nobody can be first: everybody in the circle keeps his value, everybody who
//! waits for one of these values keeps his, and each is told so. The rest of their changes goes through.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};

use super::change::{Action, ActionKind, Change, ChangeId, GroupKey, Subject};
use super::changes::Changes;
use super::draft::{Draft, Milestone, Unique};
use super::settings::PlanSettings;
use crate::roster::{Reason, Refusal, Role};

/// Orders and numbers the drafts. Yields the changes and the refusals of those that would have to exchange values.
pub(super) fn arrange(mut drafts: Vec<Draft>, settings: &PlanSettings) -> (Changes, Vec<Refusal>) {
    let mut refusals = Vec::new();
    let mut kept: BTreeSet<Unique> = BTreeSet::new();
    drafts.sort_by(|a, b| rank(a).cmp(&rank(b)));
    loop {
        drafts = without_unmet_needs(drafts);
        let before = predecessors(&drafts);
        let blocked: BTreeSet<usize> =
            (0..drafts.len()).filter(|&index| drafts[index].takes.iter().any(|value| kept.contains(value))).collect();
        let stuck = if blocked.is_empty() {
            match sort(&before) {
                Ok(order) => return (number(drafts, &before, &order), refusals),
                Err(stuck) => stuck,
            }
        } else {
            blocked
        };
        drafts = give_way(drafts, &stuck, settings, &mut kept, &mut refusals);
    }
}

/// The canonical order: phase, subject, then the role or group.
fn rank(draft: &Draft) -> (ActionKind, &Subject, Option<&Role>, Option<&GroupKey>) {
    let (role, group) = match &draft.action {
        Action::GrantRole { role } | Action::RevokeRole { role } => (Some(role), None),
        Action::AddMember { group, .. } | Action::RemoveMember { group, .. } => (None, Some(group)),
        _ => (None, None),
    };
    (draft.action.kind(), &draft.subject, role, group)
}

/// Drops drafts that need something which no draft brings about any more, and whatever needed those.
fn without_unmet_needs(mut drafts: Vec<Draft>) -> Vec<Draft> {
    loop {
        let provided: BTreeSet<Milestone> = needed(&drafts).map(|(_, milestone)| milestone).collect();
        let before = drafts.len();
        drafts.retain(|draft| draft.needs.iter().all(|need| provided.contains(need)));
        if drafts.len() == before {
            return drafts;
        }
    }
}

/// What drafts bring about that another one needs, with their places: on the first day nobody needs most of it.
fn needed(drafts: &[Draft]) -> impl Iterator<Item = (usize, Milestone)> + '_ {
    let needs: BTreeSet<&Milestone> = drafts.iter().flat_map(|draft| &draft.needs).collect();
    let provided = drafts.iter().enumerate().filter_map(|(index, draft)| Some((index, draft.provides()?)));
    provided.filter(move |(_, milestone)| needs.contains(milestone))
}

/// For each draft, the drafts that must come before it.
fn predecessors(drafts: &[Draft]) -> Vec<BTreeSet<usize>> {
    let mut providers: BTreeMap<Milestone, Vec<usize>> = BTreeMap::new();
    let mut freed: BTreeMap<&Unique, Vec<usize>> = BTreeMap::new();
    for (index, milestone) in needed(drafts) {
        providers.entry(milestone).or_default().push(index);
    }
    for (index, draft) in drafts.iter().enumerate() {
        for value in &draft.frees {
            freed.entry(value).or_default().push(index);
        }
    }
    let before = |draft: &Draft| {
        let needs = draft.needs.iter().filter_map(|need| providers.get(need));
        let takes = draft.takes.iter().filter_map(|value| freed.get(value));
        needs.chain(takes).flatten().copied().collect()
    };
    drafts.iter().map(before).collect()
}

/// Sorts, or yields those that stand in a circle.
fn sort(before: &[BTreeSet<usize>]) -> Result<Vec<usize>, BTreeSet<usize>> {
    let mut after: Vec<Vec<usize>> = vec![Vec::new(); before.len()];
    let mut waiting: Vec<usize> = before.iter().map(BTreeSet::len).collect();
    for (index, predecessors) in before.iter().enumerate() {
        for &predecessor in predecessors {
            after[predecessor].push(index);
        }
    }
    let mut ready: BinaryHeap<Reverse<usize>> =
        (0..before.len()).filter(|&index| waiting[index] == 0).map(Reverse).collect();
    let mut order = Vec::with_capacity(before.len());
    while let Some(Reverse(index)) = ready.pop() {
        order.push(index);
        for &next in &after[index] {
            waiting[next] -= 1;
            if waiting[next] == 0 {
                ready.push(Reverse(next));
            }
        }
    }
    if order.len() == before.len() {
        return Ok(order);
    }
    let placed: BTreeSet<usize> = order.into_iter().collect();
    Err(circles((0..before.len()).filter(|index| !placed.contains(index)).collect(), &after))
}

/// Of those that could not be placed, the ones that others which could not be placed wait for. What merely waits for
/// a circle is not part of it.
fn circles(mut stuck: BTreeSet<usize>, after: &[Vec<usize>]) -> BTreeSet<usize> {
    loop {
        let (inner, outer): (BTreeSet<usize>, BTreeSet<usize>) =
            stuck.iter().partition(|&&index| after[index].iter().any(|next| stuck.contains(next)));
        if outer.is_empty() {
            return inner;
        }
        stuck = inner;
    }
}

/// Those who cannot have their new values keep the old ones, with a refusal; the rest of their changes stays.
fn give_way(
    drafts: Vec<Draft>,
    stuck: &BTreeSet<usize>,
    settings: &PlanSettings,
    kept: &mut BTreeSet<Unique>,
    refusals: &mut Vec<Refusal>,
) -> Vec<Draft> {
    let mut remaining = Vec::with_capacity(drafts.len());
    for (index, draft) in drafts.into_iter().enumerate() {
        if !stuck.contains(&index) || draft.takes.is_empty() {
            remaining.push(draft);
            continue;
        }
        refusals.push(refusal(&draft));
        kept.extend(draft.frees.iter().cloned());
        remaining.extend(without_unique_values(draft, settings));
    }
    remaining
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

/// Numbers the drafts in their order.
fn number(drafts: Vec<Draft>, before: &[BTreeSet<usize>], order: &[usize]) -> Changes {
    let mut numbers: Vec<ChangeId> = vec![0; drafts.len()];
    for (id, &index) in (1..).zip(order) {
        numbers[index] = id;
    }
    let mut changes: Vec<Change> = drafts
        .into_iter()
        .enumerate()
        .map(|(index, draft)| {
            let mut after: Vec<ChangeId> = before[index].iter().map(|&predecessor| numbers[predecessor]).collect();
            after.sort_unstable();
            Change {
                id: numbers[index],
                destructive: draft.action.is_destructive(),
                subject: draft.subject,
                action: draft.action,
                causes: draft.causes,
                after,
            }
        })
        .collect();
    changes.sort_by_key(|change| change.id);
    changes.into()
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use proptest::prelude::*;

    use super::*;
    use crate::plan::change::AttributeChange;
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
            let (mut first, mut second) = (arrange(straight, &settings), arrange(turned, &settings));
            first.1.sort();
            second.1.sort();
            prop_assert_eq!(first, second);
        }

        #[test]
        fn nobody_takes_a_value_that_another_still_has((from, to) in (values(), values()), movers in 1..12_usize) {
            let settings = PlanSettings::new(Timestamp::UNIX_EPOCH);
            let moving = (0..movers).filter(|&user| from[user] != to[user]);
            let drafts = moving.map(|user| renaming(user, from[user], to[user], &settings)).collect();
            let (changes, refusals) = arrange(drafts, &settings);
            let mut held: Vec<usize> = from[..movers].to_vec();
            for change in &changes {
                let user: usize = change.subject.target_id().unwrap()[1..].parse().unwrap();
                prop_assert!(!held.contains(&to[user]), "{:?}", change);
                held[user] = to[user];
            }
            // Whoever does not move stands in a circle, or waits for one.
            let stays = (0..movers).filter(|&user| from[user] != to[user] && held[user] != to[user]);
            prop_assert_eq!(stays.count(), refusals.len());
            for (user, now) in held.iter().enumerate() {
                prop_assert!(*now == to[user] || held.contains(&to[user]), "u{} could have moved", user);
            }
        }
    }
}
