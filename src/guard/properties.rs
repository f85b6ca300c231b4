//! Properties of the guard, over the same small random worlds that planning is tested over.

use std::collections::BTreeSet;

use proptest::prelude::*;
use rollcall_kit::DirectoryId;

use super::{Hold, Limit, Limits, Occasion, PlanFile, Protection, Reviewed, review};
use crate::plan::properties::scene;
use crate::plan::world::{Directory, World, role};
use crate::plan::{Action, ActionKind, Planned};

fn limit() -> impl Strategy<Value = Limit> {
    (0..4_u64, prop_oneof![Just(0), Just(10), Just(40), Just(100)])
        .prop_map(|(count, percent)| Limit { count, percent })
}

fn limits() -> impl Strategy<Value = Limits> {
    ([limit(), limit(), limit(), limit(), limit()], 0..3_u64).prop_map(|(each, floor)| Limits {
        deactivations: each[0],
        deletions: each[1],
        role_revocations: each[2],
        member_removals: each[3],
        updates: each[4],
        floor,
    })
}

fn protection() -> Protection {
    Protection { addresses: vec![" A3@ACME.com".to_owned()], ids: vec!["u5".to_owned()], roles: vec![role("admin")] }
}

fn judge(world: &World, directory: &Directory, limits: &Limits) -> (Planned, Reviewed) {
    let planned = world.plan(directory);
    let reviewed = review(planned.plan.clone(), limits, &protection(), &Occasion::default(), &planned.holdings);
    (planned, reviewed)
}

/// Active holders of the protected role, by the target's ids of their accounts.
fn holders(world: &World) -> BTreeSet<String> {
    let accounts = world.ledger.accounts.values().filter(|held| held.active && held.roles.contains(&role("admin")));
    accounts.map(|held| held.target_id.clone()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_024, max_global_rejects: 16_384, ..ProptestConfig::default() })]

    #[test]
    fn nothing_beyond_a_limit_passes_without_a_person((directory, world) in scene(), limits in limits()) {
        let (_, reviewed) = judge(&world, &directory, &limits);
        let Reviewed::Cleared(approved) = &reviewed else { return Ok(()) };
        let count = |kind| approved.plan().counts().get(&kind).copied().unwrap_or_default() as u64;
        let held = world.ledger.accounts.values();
        let active = held.clone().filter(|held| held.active).count() as u64;
        let roles = held.clone().map(|held| held.roles.len() as u64).sum();
        let counted = [
            (limits.deactivations, count(ActionKind::Deactivate), active),
            (limits.deletions, count(ActionKind::Delete), held.count() as u64),
            (limits.role_revocations, count(ActionKind::RevokeRole), roles),
            (limits.updates, count(ActionKind::Update), active),
        ];
        for (limit, number, of) in counted {
            prop_assert!(number <= limit.count);
            prop_assert!(number <= limits.floor || number * 100 <= u64::from(limit.percent) * of);
        }
    }

    #[test]
    fn members_lost_to_removals_and_deleted_groups_stay_within_the_limit(
        (directory, mut world) in scene(),
        limit in limit(),
    ) {
        let free = Limit { count: 100, percent: 100 };
        let limits = Limits {
            deactivations: free,
            deletions: free,
            role_revocations: free,
            member_removals: limit,
            updates: free,
            floor: 0,
        };
        let (_, reviewed) = judge(&world, &directory, &limits);
        prop_assume!(matches!(reviewed, Reviewed::Cleared(_)));
        let members = |world: &World| -> BTreeSet<(String, String)> {
            let pairs = world.groups.iter().filter(|(id, _)| id.starts_with("tg"));
            pairs.flat_map(|(id, (_, members))| members.iter().map(|member| (id.clone(), member.clone()))).collect()
        };
        let before = members(&world);
        world.apply(reviewed.plan(), &directory.settings);
        let gone = before.difference(&members(&world)).count() as u64;
        prop_assert!(gone <= limit.count && gone * 100 <= u64::from(limit.percent) * before.len() as u64);
    }

    /// Rule 4. Mutations of `holds` in `review.rs` that it catches: the first plan does not hold, it holds although that
    /// is waived, and of what takes something away only deactivations count.
    #[test]
    fn a_first_plan_and_one_that_takes_away_after_the_rules_changed_wait_for_a_person(
        (directory, world) in scene(),
        (first_plan, first_plan_waived, rules_changed) in any::<(bool, bool, bool)>(),
    ) {
        let planned = world.plan(&directory);
        let occasion = Occasion { first_plan, first_plan_waived, rules_changed };
        let reviewed = review(planned.plan, &Limits::default(), &protection(), &occasion, &planned.holdings);
        let changes = &reviewed.plan().changes;
        let waits = |hold: &Hold| reviewed.holds().contains(hold);
        prop_assert_eq!(waits(&Hold::FirstPlan), first_plan && !first_plan_waived && !changes.is_empty());
        let takes_away = |change: &crate::plan::Change| {
            matches!(
                change.action,
                Action::Deactivate | Action::Delete | Action::RevokeRole { .. } | Action::RemoveMember { .. }
                    | Action::DeleteGroup { .. } | Action::Relink { .. }
            )
        };
        if rules_changed && changes.iter().any(takes_away) {
            prop_assert!(waits(&Hold::RulesChanged));
        }
        if !rules_changed {
            prop_assert!(!waits(&Hold::RulesChanged));
        }
        prop_assert_eq!(matches!(reviewed, Reviewed::Held(_)), !reviewed.holds().is_empty());
    }

    #[test]
    fn a_protected_account_is_never_put_out((directory, mut world) in scene(), limits in limits()) {
        let before = world.clone();
        let (planned, reviewed) = judge(&world, &directory, &limits);
        let directory_address = |user: &DirectoryId| {
            let verdict = directory.judged.iter().find(|(judged, ..)| judged == user);
            verdict.is_some_and(|(_, label, _)| label.to_lowercase() == "a3@acme.com")
        };
        world.apply(reviewed.plan(), &directory.settings);
        for (user, held) in &before.ledger.accounts {
            if user.as_str() == "u5" || held.address.folded() == "a3@acme.com" || directory_address(user) {
                prop_assert!(world.accounts[&held.target_id].active || !held.active);
            }
        }
        // And who asks why is told.
        let out = |user: &DirectoryId, changes: &[crate::plan::Change]| {
            changes.iter().any(|c| c.subject.user() == Some(user) && matches!(c.action, Action::Deactivate | Action::Delete))
        };
        for user in before.ledger.accounts.keys() {
            if out(user, &planned.plan.changes) && !out(user, &reviewed.plan().changes) {
                prop_assert!(reviewed.plan().refusals.iter().any(|refusal| refusal.user.as_ref() == Some(user)));
            }
        }
    }

    #[test]
    fn a_protected_role_never_loses_its_last_holder((directory, mut world) in scene(), limits in limits()) {
        let before = holders(&world);
        prop_assume!(!before.is_empty());
        let (_, reviewed) = judge(&world, &directory, &limits);
        world.apply(reviewed.plan(), &directory.settings);
        prop_assert!(before.intersection(&holders(&world)).next().is_some());
    }

    #[test]
    fn what_is_left_of_a_plan_after_protection_is_a_sound_plan((directory, mut world) in scene()) {
        let (planned, reviewed) = judge(&world, &directory, &Limits::default());
        let left = reviewed.plan();
        prop_assert_eq!(planned.plan.changes.len() > left.changes.len(), planned.plan.refusals != left.refusals);
        for change in &left.changes {
            prop_assert!(planned.plan.changes.iter().any(|c| c.subject == change.subject && c.action == change.action));
        }
        // The world checks numbers and order, and that nothing is done to an account that is not ours yet.
        world.apply(left, &directory.settings);
    }

    #[test]
    fn a_kept_plan_comes_back_as_it_was_and_stands_while_nothing_moves((directory, mut world) in scene()) {
        let (_, reviewed) = judge(&world, &directory, &Limits::default());
        let file = PlanFile::from_json(&PlanFile::of(&reviewed).to_json()).unwrap();
        prop_assert_eq!(file.plan(), reviewed.plan());
        prop_assert_eq!(file.holds(), reviewed.holds());
        let approved = file.clone().if_still_asked_for(&reviewed).unwrap().approve("ada", "by its file");
        prop_assert_eq!(approved.plan().id(), reviewed.plan().id());

        let failed = world.apply(reviewed.plan(), &directory.settings);
        prop_assume!(failed.is_empty() && !reviewed.plan().is_empty());
        let (_, after) = judge(&world, &directory, &Limits::default());
        prop_assert!(file.if_still_asked_for(&after).is_err(), "a plan that is done is asked for again");
    }

    #[test]
    fn a_plan_file_that_was_edited_anywhere_is_refused((directory, world) in scene(), at in 0.0..1.0_f64, to in "[a-z0-9]") {
        let (_, reviewed) = judge(&world, &directory, &Limits::default());
        let text = PlanFile::of(&reviewed).to_json();
        let places: Vec<usize> = text.char_indices().filter(|(_, c)| c.is_ascii_alphanumeric()).map(|(i, _)| i).collect();
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss)]
        let place = places[((places.len() - 1) as f64 * at) as usize];
        let mut edited = text.clone();
        edited.replace_range(place..=place, &to);
        prop_assume!(edited != text);
        prop_assert!(PlanFile::from_json(&edited).is_err(), "{}", &text[place.saturating_sub(40)..place]);
    }
}
