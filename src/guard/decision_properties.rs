//! Properties of decisions about held plans, of parted plans, and of what an edit of the rules brings about.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use rollcall_kit::InactiveReason;

use super::properties::{free, limits, protection, within_limits};
use super::{
    Approval, ApprovedPlan, Decider, DecisionError, Decisions, Hold, KeepsBack, Limits, Occasion, Reviewed, review,
};
use crate::plan::scene::scene;
use crate::plan::world::{Directory, World};
use crate::plan::{Action, Change, Edited, Mark, Marks, Plan, Subject};
use crate::roster::{Leaving, Standing};

fn now() -> Timestamp {
    "2026-11-24T09:00:00Z".parse().unwrap()
}

fn week() -> SignedDuration {
    SignedDuration::from_hours(7 * 24)
}

fn ada(at: Timestamp) -> Decider {
    Decider { who: "ada".to_owned(), how: "in a test".to_owned(), at, expire_after: week() }
}

fn judge(plan: &Plan, holdings: &crate::plan::Holdings, limits: &Limits, occasion: &Occasion<'_>) -> Reviewed {
    review(plan.clone(), limits, &protection(), occasion, holdings)
}

fn look(world: &World, directory: &Directory, limits: &Limits, occasion: &Occasion<'_>) -> Reviewed {
    let planned = world.plan(directory);
    judge(&planned.plan, &planned.holdings, limits, occasion)
}

/// The same directory some time later: some left, some cannot be judged, some are not there any more.
fn later(directory: &Directory, fates: &[u8]) -> Directory {
    let mut later = directory.clone();
    later.judged.clear();
    for (person, fate) in directory.judged.iter().zip(fates) {
        let mut person = person.clone();
        match fate {
            0 => person.2.standing = Standing::Withheld,
            1 => {
                let leaving = Leaving::Inactive { reason: InactiveReason::Disabled, raw: "off".to_owned() };
                person.2.standing = Standing::Unwanted(leaving);
            }
            2 => {
                later.absences.insert(person.0, Leaving::Vanished);
                continue;
            }
            _ => {}
        }
        later.judged.push(person);
    }
    later
}

fn fates() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(0..9_u8, 8)
}

fn marks(plan: &Plan) -> BTreeSet<Mark> {
    plan.changes.iter().map(|change| change.mark().unwrap()).collect()
}

/// What would be applied, and whether the decision of a person is what lets it.
fn applied(reviewed: Reviewed) -> Option<(ApprovedPlan, bool)> {
    let approved = match reviewed {
        Reviewed::Cleared(approved) => approved,
        Reviewed::Parted(parted) => parted.into_part(),
        Reviewed::Held(_) => return None,
    };
    let by_decision = approved.approval().decision().is_some();
    Some((approved, by_decision))
}

/// A held plan, and a memory in which it can be decided about.
fn held(world: &World, directory: &Directory, limits: &Limits) -> Option<(Plan, Decisions)> {
    let reviewed = look(world, directory, limits, &Occasion::default());
    let Reviewed::Held(held) = &reviewed else { return None };
    let mut decisions = Decisions::default();
    decisions.hold(held.plan(), held.holds(), "run-1", now()).unwrap();
    Some((held.plan().clone(), decisions))
}

/// Limits that hold nearly everything, for worlds in which something should be held.
fn tight() -> Limits {
    let nothing = super::Limit { count: 0, percent: Some(crate::read::Percent::of(0)) };
    Limits { deactivations: nothing, role_revocations: nothing, updates: nothing, floor: 0, ..free() }
}

fn keeps_back() -> impl Strategy<Value = KeepsBack> {
    prop_oneof![Just(KeepsBack::Everything), Just(KeepsBack::Removals)]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, max_global_rejects: 16_384, ..ProptestConfig::default() })]

    #[test]
    fn an_approval_lets_exactly_those_changes_pass_that_were_approved_and_are_still_asked_for(
        (directory, mut world) in scene(),
        fates in fates(),
        keeps_back in keeps_back(),
    ) {
        let Some((seen, mut decisions)) = held(&world, &directory, &tight()) else { return Ok(()) };
        decisions.approve(&seen.id().0, ada(now()), false).unwrap();
        let directory = later(&directory, &fates);
        let occasion = Occasion { decisions: Some(&decisions), as_of: now(), keeps_back, ..Occasion::default() };
        let reviewed = look(&world, &directory, &tight(), &occasion);
        let whole = reviewed.plan().clone();
        let Some((approved, by_decision)) = applied(reviewed) else {
            prop_assert!(!whole.changes.iter().any(|c| c.after.is_empty() && marks(&seen).contains(&c.mark().unwrap())
                && !matches!(c.action, Action::GrantRole { .. })), "what was approved is held");
            return Ok(());
        };
        if by_decision {
            let (seen, goes) = (marks(&seen), marks(approved.plan()));
            prop_assert!(goes.is_subset(&seen), "something passes that nobody approved");
            // What was approved and waits, waits for something that was not.
            let rest = approved.rest().map(|rest| rest.plan().changes.clone()).unwrap_or_default();
            let waits: BTreeSet<Mark> = rest.iter().map(|change| change.mark().unwrap()).collect();
            for change in whole.changes.iter().filter(|c| waits.contains(&c.mark().unwrap()) && seen.contains(&c.mark().unwrap())) {
                let unmet = whole.changes.iter().any(|c| change.after.contains(&c.id) && waits.contains(&c.mark().unwrap()));
                let exchanges = matches!(change.action, Action::GrantRole { .. }) && rest.iter().any(|c| {
                    c.subject.user() == change.subject.user() && matches!(c.action, Action::RevokeRole { .. })
                });
                prop_assert!(unmet || exchanges, "{:?} was approved and waits for nothing", change);
            }
            prop_assert!(approved.rest().is_none_or(|rest| !rest.holds().is_empty()), "it waits for no reason");
        }
        // The world checks numbers and order.
        world.apply(approved.plan(), &directory.settings);

        // Once.
        prop_assert!(decisions.use_up(approved.plan()).is_some());
        let occasion = Occasion { decisions: Some(&decisions), as_of: now(), ..Occasion::default() };
        if let Some((again, by_decision)) = applied(look(&world, &directory, &tight(), &occasion)) {
            prop_assert!(!by_decision);
            within_limits(again.plan(), &world, &tight())?;
        }
    }

    #[test]
    fn no_limit_is_exceeded_without_a_person_also_where_only_removals_are_kept_back(
        (directory, mut world) in scene(),
        limits in limits(),
        keeps_back in keeps_back(),
    ) {
        let occasion = Occasion { keeps_back, ..Occasion::default() };
        let Some((approved, _)) = applied(look(&world, &directory, &limits, &occasion)) else { return Ok(()) };
        prop_assert_eq!(approved.approval(), &Approval::Guard);
        within_limits(approved.plan(), &world, &limits)?;
        world.apply(approved.plan(), &directory.settings);
    }

    #[test]
    fn where_only_removals_are_kept_back_nothing_is_taken_and_nothing_goes_before_what_it_needs(
        (directory, mut world) in scene(),
        limits in limits(),
    ) {
        let occasion = Occasion { keeps_back: KeepsBack::Removals, ..Occasion::default() };
        let Reviewed::Parted(parted) = look(&world, &directory, &limits, &occasion) else { return Ok(()) };
        let (whole, goes) = (parted.plan().clone(), parted.goes().clone());
        prop_assert!(!goes.is_empty() && goes.len() < whole.changes.len());
        for change in whole.changes.iter().filter(|change| goes.contains(&change.id)) {
            let relinks = matches!(change.action, Action::Relink { .. });
            prop_assert!(!change.destructive && !relinks);
            prop_assert!(change.after.iter().all(|before| goes.contains(before)));
            let exchanges = whole.changes.iter().any(|c| {
                c.subject.user() == change.subject.user() && matches!(c.action, Action::RevokeRole { .. })
            });
            let grants = matches!(change.action, Action::GrantRole { .. });
            prop_assert!(!exchanges || !grants);
        }
        let part = parted.into_part();
        let rest = part.rest().unwrap();
        let both: BTreeSet<Mark> = marks(part.plan()).union(&marks(rest.plan())).cloned().collect();
        prop_assert_eq!(both, marks(&whole));
        prop_assert!(!rest.holds().is_empty());
        let out_before = world.ledger.accounts.values().filter(|held| held.active).count();
        world.apply(part.plan(), &directory.settings);
        prop_assert!(world.ledger.accounts.values().filter(|held| held.active).count() >= out_before);
    }

    #[test]
    fn marks_are_read_as_they_were_written_and_those_of_an_earlier_version_still_count((directory, world) in scene(), fates in fates()) {
        let (plan, other) = (world.plan(&directory).plan, world.plan(&later(&directory, &fates)).plan);
        let (all, of_other) = (Marks::of(&plan).unwrap(), Marks::of(&other).unwrap());
        let kept = serde_json::to_value(&all).unwrap();
        prop_assert!(kept.is_string());
        prop_assert_eq!(&serde_json::from_value::<Marks>(kept).unwrap(), &all);
        let before: Vec<String> = plan.changes.iter().map(|change| format!("{:?}", change.mark().unwrap())).map(|mark| {
            let number: u128 = mark.trim_matches(|c: char| !c.is_ascii_digit()).parse().unwrap();
            format!("{:016x}", number >> 64)
        }).collect();
        let short: Marks = serde_json::from_value(serde_json::json!(before)).unwrap();
        prop_assert_eq!(serde_json::from_value::<Marks>(serde_json::to_value(&short).unwrap()).unwrap(), short.clone());
        prop_assert!(short.are(&all) && all.are(&short) && short.contain_all(&all) && all.contain_all(&short));
        prop_assert_eq!(short.contain_none(&of_other), all.contain_none(&of_other));
        prop_assert_eq!(short.contain_all(&of_other), all.contain_all(&of_other));
        for change in &other.changes {
            let mark = change.mark().unwrap();
            prop_assert_eq!(short.contains(mark), all.contains(mark));
            prop_assert_eq!(all.contains(mark), marks(&plan).contains(&mark));
        }
    }

    #[test]
    fn what_was_rejected_says_so_and_is_approved_only_by_whoever_overrules_it((directory, world) in scene()) {
        let Some((seen, mut decisions)) = held(&world, &directory, &tight()) else { return Ok(()) };
        let id = seen.id().0;
        decisions.approve(&id, ada(now()), false).unwrap();
        decisions.reject(&id[..8], Decider { who: "bob".to_owned(), ..ada(now()) }).unwrap();
        prop_assert!(decisions.approval(now()).is_none(), "an approval of what is rejected is withdrawn");
        let occasion = Occasion { decisions: Some(&decisions), as_of: now(), ..Occasion::default() };
        let Reviewed::Held(again) = look(&world, &directory, &tight(), &occasion) else { panic!("it is held") };
        let says_who = |hold: &Hold| matches!(hold, Hold::Rejected { decision } if decision.who == "bob");
        prop_assert!(again.is_rejected() && again.holds().iter().any(says_who));

        decisions.hold(again.plan(), again.holds(), "run-2", now()).unwrap();
        let refused = decisions.approve(&id, ada(now()), false).unwrap_err();
        prop_assert!(matches!(&refused, DecisionError::Rejected { who, .. } if who == "bob"), "{refused}");
        decisions.approve(&id, ada(now()), true).unwrap();
        let occasion = Occasion { decisions: Some(&decisions), as_of: now(), ..Occasion::default() };
        let (approved, by_decision) = applied(look(&world, &directory, &tight(), &occasion)).unwrap();
        prop_assert!(by_decision && approved.rest().is_none());
    }

    #[test]
    fn an_approval_counts_until_it_expires_and_not_longer((directory, world) in scene(), hours in 0..400_i64) {
        let Some((seen, mut decisions)) = held(&world, &directory, &tight()) else { return Ok(()) };
        let then = now() + SignedDuration::from_hours(hours);
        let fresh = hours < 7 * 24;
        prop_assert_eq!(decisions.clone().approve(&seen.id().0, ada(then), false).is_ok(), fresh);
        decisions.approve(&seen.id().0, ada(now()), false).unwrap();
        let occasion = Occasion { decisions: Some(&decisions), as_of: then, ..Occasion::default() };
        let passes = applied(look(&world, &directory, &tight(), &occasion)).is_some();
        prop_assert_eq!(passes, fresh);
        prop_assert_eq!(decisions.counting(then).use_up(&world.plan(&directory).plan).is_some(), fresh);
    }

    #[test]
    fn unchanged_rules_ask_for_nothing_and_edited_ones_for_what_they_alone_ask_for(
        (directory, world) in scene(),
        fates in fates(),
    ) {
        let plain = world.plan(&directory).plan;
        let same = Edited::ToldApart { before: Box::new(plain.clone()), reading: false };
        prop_assert_eq!(&world.plan_edited(&directory, Some(&same)).plan, &plain);

        // The rules before judged some people differently.
        let before = world.plan(&later(&directory, &fates)).plan;
        let edited = Edited::ToldApart { before: Box::new(before.clone()), reading: false };
        let plan = world.plan_edited(&directory, Some(&edited)).plan;
        prop_assert_eq!(marks(&plan), marks(&plain));
        for change in &plan.changes {
            if marks(&before).contains(&change.mark().unwrap()) {
                prop_assert!(!change.is_of_rules(), "the rules before asked for it, too");
            }
            let same = |c: &Change| match (&c.subject, &change.subject) {
                (Subject::Account { user: one, .. }, Subject::Account { user: other, .. }) => one == other,
                (Subject::Group { key: one, .. }, Subject::Group { key: other, .. }) => one == other,
                _ => false,
            };
            let touched = before.changes.iter().any(|c| same(&c) && c.action.kind() == change.action.kind());
            if !touched {
                prop_assert!(change.is_of_rules(), "the rules before asked for nothing of the kind");
            }
        }
        // And removals among them are held, whatever the limits.
        let planned = world.plan_edited(&directory, Some(&edited));
        let reviewed = judge(&planned.plan, &planned.holdings, &free(), &Occasion::default());
        let takes = |change: &Change| change.is_of_rules() && change.takes();
        let is_held = reviewed.holds().iter().any(|hold| matches!(hold, Hold::RulesChanged { .. }));
        prop_assert_eq!(reviewed.plan().changes.iter().any(|change| takes(&change)), is_held);
    }

    #[test]
    fn where_the_directorys_settings_were_edited_only_its_own_word_is_the_directorys((directory, world) in scene()) {
        let plain = world.plan(&directory).plan;
        let edited = Edited::ToldApart { before: Box::new(plain), reading: true };
        for change in &world.plan_edited(&directory, Some(&edited)).plan.changes {
            let says_so = change.action == Action::Deactivate
                && directory.judged.iter().any(|(user, _, judgement)| {
                    Some(user) == change.subject.user()
                        && matches!(judgement.standing, Standing::Unwanted(Leaving::Inactive { .. }))
                });
            prop_assert_eq!(change.is_of_rules(), !says_so && change.action != Action::Delete);
        }
    }
}

#[test]
fn a_beginning_that_fits_two_held_plans_decides_nothing() {
    let empty = World::empty();
    let directory = |user: &str| {
        let settings = crate::plan::PlanSettings::new(now());
        let judged = vec![crate::plan::world::wanted(user, &format!("{user}@acme.com"), &[], &[])];
        Directory { judged, absences: std::collections::BTreeMap::new(), settings }
    };
    let mut decisions = Decisions::default();
    for user in ["u1", "u2"] {
        decisions.hold(&empty.plan(&directory(user)).plan, &[Hold::FirstPlan], "run", now()).unwrap();
    }
    assert!(matches!(decisions.find(""), Err(DecisionError::Unknown(_))));
    assert!(matches!(decisions.find("nothing"), Err(DecisionError::Unknown(_))));
    // The same plan made again in another run has another id, and both ids lead to it.
    let before = empty.plan(&directory("u1")).plan;
    let (first, mut again) = (before.id(), before.clone());
    again.basis.generation += 1;
    decisions.hold(&again, &[Hold::FirstPlan], "run-2", now()).unwrap();
    assert_ne!(again.id(), first);
    for id in [&first, &again.id()] {
        assert_eq!(decisions.find(&id.0).unwrap().run, "run-2");
    }
}
