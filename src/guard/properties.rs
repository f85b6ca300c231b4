//! Properties of the guard, over the same small random worlds that planning is tested over.

use std::collections::BTreeSet;

use proptest::prelude::*;
use rollcall_kit::DirectoryId;

use super::{Hold, Limit, Limits, Occasion, PlanFile, Protection, ProtectionSettings, Reviewed, review};
use crate::plan::scene::scene;
use crate::plan::world::{Directory, World, role};
use crate::plan::{Action, ActionKind, Cause, Change, Plan, Planned};
use crate::read::Percent;
use crate::roster::{Leaving, Role};

fn limit() -> impl Strategy<Value = Limit> {
    (0..4_u64, prop_oneof![Just(None), Just(Some(0)), Just(Some(10)), Just(Some(40)), Just(Some(100))])
        .prop_map(|(count, percent)| Limit { count, percent: percent.map(Percent::of) })
}

pub(super) fn limits() -> impl Strategy<Value = Limits> {
    (prop::collection::vec(limit(), 12), 0..3_u64).prop_map(|(each, floor)| Limits {
        deactivations: each[0],
        absences: each[1],
        deletions: each[2],
        creations: each[3],
        role_revocations: each[4],
        role_revocations_per_role: each[5],
        protected_grants: each[6],
        member_removals: each[7],
        member_removals_per_group: each[8],
        updates: each[9],
        attribute_changes: each[10],
        adoptions: each[11],
        floor,
    })
}

/// Limits that let everything through.
pub(super) fn free() -> Limits {
    let free = Limit { count: 1_000, percent: None };
    Limits {
        deactivations: free,
        absences: free,
        deletions: free,
        creations: free,
        adoptions: free,
        role_revocations: free,
        role_revocations_per_role: free,
        protected_grants: free,
        member_removals: free,
        member_removals_per_group: free,
        updates: free,
        attribute_changes: free,
        floor: 0,
    }
}

pub(super) fn protection() -> Protection {
    let settings = ProtectionSettings {
        addresses: vec![" A3@ACME.com".to_owned()],
        ids: vec!["u5".to_owned()],
        ..ProtectionSettings::default()
    };
    Protection { settings, roles: vec![role("admin")], ..Protection::default() }
}

fn judge(world: &World, directory: &Directory, limits: &Limits) -> (Planned, Reviewed) {
    let planned = world.plan(directory);
    let reviewed = review(planned.plan.clone(), limits, &protection(), &Occasion::default(), &planned.holdings);
    (planned, reviewed)
}

/// Counted anew, from the changes and the world, and not with the guard's own counters.
pub(super) fn within_limits(plan: &Plan, world: &World, limits: &Limits) -> Result<(), TestCaseError> {
    let of = |which: &dyn Fn(&Change) -> bool| plan.changes.iter().filter(|change| which(change)).count() as u64;
    let kind = |kind| of(&|change: &Change| change.action.kind() == kind);
    let held = || world.ledger.accounts.values();
    let active = held().filter(|held| held.active).count() as u64;
    let with = |role: &Role| held().filter(|held| held.roles.contains(role)).count() as u64;
    let roles = held().map(|held| held.roles.len() as u64).sum();
    let vanished = of(&|change| {
        change.action == Action::Deactivate && change.causes.contains(&Cause::Left { leaving: Leaving::Vanished })
    });
    let admins = held().filter(|held| held.active && held.roles.contains(&role("admin"))).count() as u64;
    let grants = of(&|change| change.action == Action::GrantRole { role: role("admin") });
    let mut counted = vec![
        (limits.deactivations, kind(ActionKind::Deactivate), active),
        (limits.absences, vanished, active),
        (limits.deletions, kind(ActionKind::Delete), held().count() as u64),
        (limits.creations, kind(ActionKind::Create), active),
        (limits.adoptions, kind(ActionKind::Adopt), active),
        (limits.role_revocations, kind(ActionKind::RevokeRole), roles),
        (limits.protected_grants, grants, admins),
        (limits.updates, kind(ActionKind::Update), active),
    ];
    for name in ["admin", "editor"] {
        let revoked = of(&|change| change.action == Action::RevokeRole { role: role(name) });
        counted.push((limits.role_revocations_per_role, revoked, with(&role(name))));
    }
    for name in ["name", "email", "preferred_username"] {
        let changes = of(&|change| match &change.action {
            Action::Update { changes } | Action::Reactivate { changes } => {
                changes.iter().any(|change| change.attribute == name && change.before != change.after)
            }
            _ => false,
        });
        counted.push((limits.attribute_changes, changes, active));
    }
    for (key, group) in &world.ledger.groups {
        let left = of(&|change| matches!(&change.action, Action::RemoveMember { group, .. } if group == key));
        counted.push((limits.member_removals_per_group, left, group.members.len() as u64));
    }
    for (limit, number, of) in counted {
        prop_assert!(number <= limit.count);
        let share = |percent: Percent| number * 100 <= u64::from(percent.get()) * of;
        prop_assert!(number <= limits.floor || limit.percent.is_none_or(share), "{number} of {of} under {limit:?}");
    }
    Ok(())
}

/// Active holders of the protected role, by the target's ids of their accounts.
fn holders(world: &World) -> BTreeSet<String> {
    let accounts = world.ledger.accounts.values().filter(|held| held.active && held.roles.contains(&role("admin")));
    accounts.map(|held| held.target_id.clone()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_024, max_global_rejects: 16_384, ..ProptestConfig::default() })]

    /// Rule 5. Mutation that it catches: `Limit::is_exceeded` looks only at the number and not at the share.
    #[test]
    fn nothing_beyond_a_limit_passes_without_a_person((directory, world) in scene(), limits in limits()) {
        let (_, reviewed) = judge(&world, &directory, &limits);
        let Reviewed::Cleared(approved) = &reviewed else { return Ok(()) };
        within_limits(approved.plan(), &world, &limits)?;
    }

    #[test]
    fn members_lost_to_removals_and_deleted_groups_stay_within_the_limit(
        (directory, mut world) in scene(),
        limit in limit(),
    ) {
        let limits = Limits { member_removals: limit, ..free() };
        let (_, reviewed) = judge(&world, &directory, &limits);
        prop_assume!(matches!(reviewed, Reviewed::Cleared(_)));
        let members = |world: &World| -> BTreeSet<(String, String)> {
            let pairs = world.groups.iter().filter(|(id, _)| id.starts_with("tg"));
            pairs.flat_map(|(id, (_, members))| members.iter().map(|member| (id.clone(), member.clone()))).collect()
        };
        let before = members(&world);
        world.apply(reviewed.plan(), &directory.settings);
        let gone = before.difference(&members(&world)).count() as u64;
        prop_assert!(gone <= limit.count);
        prop_assert!(limit.percent.is_none_or(|percent| gone * 100 <= u64::from(percent.get()) * before.len() as u64));
    }

    /// Rule 4, the first plan; what an edit of the rules takes away is in `decision_properties`. Mutations of the review
    /// that it catches: the first plan does not hold, and it holds although that is waived.
    #[test]
    fn a_first_plan_waits_for_a_person_unless_that_is_waived(
        (directory, world) in scene(),
        (first_plan, first_plan_waived) in any::<(bool, bool)>(),
    ) {
        let planned = world.plan(&directory);
        let occasion = Occasion { first_plan, first_plan_waived, ..Occasion::default() };
        let reviewed = review(planned.plan, &Limits::default(), &protection(), &occasion, &planned.holdings);
        let waits = reviewed.holds().contains(&Hold::FirstPlan);
        prop_assert_eq!(waits, first_plan && !first_plan_waived && !reviewed.plan().changes.is_empty());
        prop_assert_eq!(matches!(reviewed, Reviewed::Held(_)), !reviewed.holds().is_empty());
    }

    /// Rule 5. Mutation that it catches: `Protection::covers` takes nobody for protected.
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
        let out = |user: &DirectoryId, changes: &crate::plan::Changes| {
            changes.iter().any(|c| c.subject.user() == Some(user) && matches!(c.action, Action::Deactivate | Action::Delete))
        };
        for user in before.ledger.accounts.keys() {
            if out(user, &planned.plan.changes) && !out(user, &reviewed.plan().changes) {
                prop_assert!(reviewed.plan().refusals.iter().any(|refusal| refusal.user.as_ref() == Some(user)));
            }
        }
    }

    /// Rule 5. Mutation that it catches: `protection::spare` leaves the last holder out.
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

proptest! {
    // Each of these cases writes, reads and digests a whole plan file, which is what takes long in a debug build.
    #![proptest_config(ProptestConfig { cases: 96, max_global_rejects: 4_096, ..ProptestConfig::default() })]

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
}
