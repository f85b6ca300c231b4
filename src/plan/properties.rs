//! Properties of planning, over small random directories and worlds.

use std::collections::BTreeSet;

use proptest::prelude::*;
use rollcall_kit::{DirectoryId, Value};

use super::change::attribute_changes;
use super::change::{Action, GroupKey, Subject};
use super::scene::{USERS, scene, user};
use super::world::{Directory, role};
use super::{Plan, PlanSettings};
use crate::roster::{Reason, Standing};

fn refused(plan: &Plan, user: &DirectoryId) -> bool {
    plan.refusals.iter().any(|refusal| refusal.user.as_ref() == Some(user))
}

fn relinked_from(plan: &Plan) -> BTreeSet<DirectoryId> {
    let from = plan.changes.iter().filter_map(|change| match &change.action {
        Action::Relink { from, .. } => Some(from.clone()),
        _ => None,
    });
    from.collect()
}

/// Everybody whom a change names, the old owner of a relinked account among them.
fn named(plan: &Plan) -> BTreeSet<DirectoryId> {
    let subjects = plan.changes.iter().filter_map(|change| change.subject.user().cloned());
    subjects.chain(relinked_from(plan)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_024, max_global_rejects: 8_192, ..ProptestConfig::default() })]

    #[test]
    fn a_plan_that_is_applied_makes_the_target_what_it_should_be((directory, mut world) in scene()) {
        let before = world.clone();
        let plan = world.plan(&directory).plan;
        let failed = world.apply(&plan, &directory.settings);
        prop_assume!(failed.is_empty());
        for (user, _, judgement) in &directory.judged {
            let held = world.ledger.accounts.get(user);
            match &judgement.standing {
                Standing::Wanted(desired) if !refused(&plan, user) => {
                    let held = held.expect("a wanted user has an account");
                    prop_assert!(held.active);
                    prop_assert_eq!(&held.address, &desired.address);
                    for (name, value) in desired.attributes.iter().filter(|(name, _)| *name != "email") {
                        prop_assert_eq!(held.written.get(name), Some(value));
                    }
                    prop_assert_eq!(held.written.len(), desired.attributes.len());
                    prop_assert!(world.accounts[&held.target_id].active);
                    let shown = &world.accounts[&held.target_id].roles;
                    let barred = |role: &_| plan.refusals.iter().any(|refusal| refusal.label == format!("{role}"));
                    for role in desired.roles.keys().filter(|role| !barred(role)) {
                        prop_assert!(held.roles.contains(role) && shown.contains(role));
                    }
                    for role in held.roles.iter().filter(|role| directory.settings.managed_roles.contains_key(role)) {
                        prop_assert!(desired.roles.contains_key(role) || desired.undecided_roles.contains(role));
                    }
                    for group in directory.settings.pushed_groups.iter() {
                        if let Some(ours) = world.ledger.groups.get(&group.key) {
                            prop_assert_eq!(ours.members.contains(user), group.members.contains(user));
                            let members = &world.groups[&ours.target_id].1;
                            prop_assert_eq!(members.contains(&held.target_id), group.members.contains(user));
                        }
                    }
                }
                Standing::Unwanted(_) => prop_assert!(held.is_none_or(|held| !held.active)),
                _ => {}
            }
        }
        for user in directory.absences.keys() {
            prop_assert!(world.ledger.accounts.get(user).is_none_or(|held| !held.active));
        }
        // Nobody has been lost on the way: what is gone was deleted or passed on, and was out before.
        for (user, held) in &before.ledger.accounts {
            if !world.ledger.accounts.contains_key(user) {
                let deleted = |change: &super::Change| {
                    change.subject.user() == Some(user) && change.action == Action::Delete
                };
                prop_assert!(relinked_from(&plan).contains(user) || (!held.active && plan.changes.iter().any(|change| deleted(&change))));
            }
        }
    }

    /// Rule 9. Mutation that it catches: `Compared::add` lists a name that is written already.
    #[test]
    fn planning_again_after_a_clean_apply_yields_no_change((directory, mut world) in scene()) {
        let plan = world.plan(&directory).plan;
        let failed = world.apply(&plan, &directory.settings);
        prop_assume!(failed.is_empty());
        let again = world.plan(&directory).plan;
        // The one exception is somebody whom the first plan named as refused because of an account, and whom the
        // world as it is now lets in.
        let waited = |user: &DirectoryId| {
            let reasons = [Reason::AccountContested, Reason::AddressConflict, Reason::MatchAmbiguous];
            plan.refusals.iter().any(|refusal| reasons.contains(&refusal.reason) && refusal.user.as_ref() == Some(user))
        };
        for change in &again.changes {
            let arrival = change.subject.user().is_some_and(waited);
            let role_group = matches!(&change.subject, Subject::Group { key: GroupKey::Role(_), .. });
            prop_assert!(arrival || role_group, "{:#?}\nafter {:#?}", change, plan);
        }
        if plan.refusals.is_empty() {
            prop_assert!(again.is_empty());
        }
    }

    #[test]
    fn runs_come_to_rest((directory, mut world) in scene()) {
        for _ in 0..USERS {
            let plan = world.plan(&directory).plan;
            if world.apply(&plan, &directory.settings).len() == plan.changes.len() {
                return Ok(());
            }
        }
        prop_assert!(false, "still changing: {:#?}", world.plan(&directory).plan);
    }

    #[test]
    fn the_order_of_what_comes_in_does_not_change_the_plan((directory, world) in scene()) {
        let plan = world.plan(&directory).plan;
        let mut turned = directory.clone();
        turned.settings.pushed_groups.reverse();
        let again = world.plan(&turned).plan;
        prop_assert_eq!(plan.id(), again.id());
    }

    #[test]
    fn nobody_is_changed_who_is_withheld_or_not_confirmed_to_be_gone((directory, world) in scene()) {
        let named = named(&world.plan(&directory).plan);
        for user in (0..USERS).map(user) {
            let judgement = directory.judged.iter().find(|(judged, ..)| *judged == user);
            match judgement {
                Some((_, _, judgement)) => {
                    prop_assert!(judgement.standing != Standing::Withheld || !named.contains(&user));
                }
                None => prop_assert!(directory.absences.contains_key(&user) || !named.contains(&user)),
            }
        }
    }

    /// Rule 3. Mutation that it catches: `roles::shift` revokes roles that nobody mapped.
    #[test]
    fn only_what_is_ours_is_changed((directory, mut world) in scene()) {
        let before = world.clone();
        let plan = world.plan(&directory).plan;
        // The world panics when a change names an account that is neither ours nor adopted before.
        world.apply(&plan, &directory.settings);
        let ours: BTreeSet<&String> =
            before.ledger.accounts.values().chain(world.ledger.accounts.values()).map(|held| &held.target_id).collect();
        for (id, account) in &before.accounts {
            if !ours.contains(id) {
                prop_assert_eq!(Some(account), world.accounts.get(id));
            }
            if let Some(now) = world.accounts.get(id) {
                prop_assert_eq!(account.attributes.get("nickname"), now.attributes.get("nickname"));
                prop_assert_eq!(account.roles.contains(&role("unmapped")), now.roles.contains(&role("unmapped")));
            }
        }
    }

    /// Rule 10. Mutation that it catches: `Compared::add` lists a name that is written already.
    #[test]
    fn a_value_edited_in_the_target_stays_until_the_directorys_value_changes((directory, mut world) in scene()) {
        let before = world.clone();
        let plan = world.plan(&directory).plan;
        world.apply(&plan, &directory.settings);
        for (user, held) in &before.ledger.accounts {
            let verdict = directory.judged.iter().find(|(judged, ..)| judged == user);
            let Some(Standing::Wanted(desired)) = verdict.map(|(_, _, judgement)| &judgement.standing) else { continue };
            if desired.attributes.get("name") == held.written.get("name") {
                let shown = before.accounts[&held.target_id].attributes.get("name");
                prop_assert_eq!(shown, world.accounts[&held.target_id].attributes.get("name"));
            }
        }
    }

    /// Rule 6. Mutation that it catches: `Compared::add` lets every address change.
    #[test]
    fn an_address_never_changes_where_addresses_are_immutable((mut directory, mut world) in scene()) {
        directory.settings.email_mutable = false;
        let before = world.clone();
        let plan = world.plan(&directory).plan;
        world.apply(&plan, &directory.settings);
        for (id, account) in &before.accounts {
            if let Some(now) = world.accounts.get(id) {
                prop_assert_eq!(account.attributes["email"].to_string(), now.attributes["email"].to_string());
            }
        }
        // What was refused is said, and the rest of that user's attributes still follows.
        for (user, _, judgement) in &directory.judged {
            let (Standing::Wanted(desired), Some(held)) = (&judgement.standing, before.ledger.accounts.get(user)) else {
                continue;
            };
            if desired.address != held.address {
                let told = |refusal: &crate::roster::Refusal| {
                    refusal.reason == Reason::EmailImmutable && refusal.user.as_ref() == Some(user)
                };
                prop_assert!(plan.refusals.iter().any(|refusal| told(&refusal)));
                let name_moved = desired.attributes.get("name") != held.written.get("name");
                let follows = plan.changes.iter().any(|change| {
                    change.subject.user() == Some(user)
                        && attribute_changes(&change.action).iter().any(|change| change.attribute == "name")
                });
                prop_assert_eq!(name_moved, follows);
            }
        }
    }

    #[test]
    fn a_change_of_case_is_no_change_of_an_address((directory, world) in scene()) {
        for change in &world.plan(&directory).plan.changes {
            for change in attribute_changes(&change.action).iter().filter(|change| change.attribute == "email") {
                let fold = |value: &Option<Value>| value.as_ref().map(|value| value.to_string().to_lowercase());
                prop_assert!(!change.is_real() || fold(&change.before) != fold(&change.after));
            }
        }
    }

    #[test]
    fn an_unsealed_snapshot_takes_nothing_from_anybody((mut directory, mut world) in scene()) {
        directory.settings.sealed = false;
        let before = world.clone();
        let sealed = Directory { settings: PlanSettings { sealed: true, ..directory.settings.clone() }, ..directory.clone() };
        let full = world.plan(&sealed).plan;
        let plan = world.plan(&directory).plan;
        prop_assert!(plan.changes.iter().all(|change| !change.destructive));
        for change in full.changes.iter().filter(|change| change.destructive) {
            let told = |refusal: &crate::roster::Refusal| {
                refusal.reason == Reason::SnapshotUnsealed && refusal.label == change.subject.label()
            };
            prop_assert!(plan.refusals.iter().any(|refusal| told(&refusal)));
        }
        world.apply(&plan, &directory.settings);
        for (id, account) in &before.accounts {
            let now = &world.accounts[id];
            prop_assert!(now.active || !account.active);
            prop_assert!(account.roles.iter().all(|role| now.roles.contains(role)));
        }
    }

    #[test]
    fn a_plan_is_in_canonical_order_and_says_what_is_destructive((directory, world) in scene()) {
        let plan = world.plan(&directory).plan;
        for change in &plan.changes {
            prop_assert_eq!(change.destructive, change.action.is_destructive());
            prop_assert!(!change.causes.is_empty());
            prop_assert!(change.after.iter().all(|before| *before < change.id));
        }
        // Where nothing waits for anything, phases follow each other, and subjects within them.
        if plan.changes.iter().all(|change| change.after.is_empty()) {
            let key = |change: std::borrow::Cow<'_, super::Change>| (change.action.kind(), change.subject.clone());
            let keys: Vec<(super::change::ActionKind, Subject)> = plan.changes.iter().map(key).collect();
            prop_assert!(keys.is_sorted());
        }
    }
}
