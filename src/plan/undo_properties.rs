//! Properties of taking runs back, over the same small random directories and worlds.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use rollcall_kit::DirectoryId;

use super::change::attribute_changes;
use super::change::{Action, ActionKind, Change};
use super::scene::scene;
use super::world::{Directory, World, role};
use super::{Basis, Changes, Plan, UndoInput, undo};
use crate::roster::Standing;

/// The inverse of what a run did to the world.
fn inverse(world: &World, directory: &Directory, done: &Changes) -> Plan {
    let verdicts = directory.judged.iter().map(|(user, _, judgement)| (user.clone(), judgement.standing.clone()));
    let standings: BTreeMap<DirectoryId, Standing> = verdicts.collect();
    let accounts: Vec<_> = world.ledger.accounts.values().cloned().collect();
    undo(UndoInput {
        organization: "acme",
        basis: Basis { generation: 8, certificate: "c0ffee".into(), configuration: "5e77".into() },
        run: "r1",
        done,
        accounts,
        groups: &world.ledger.groups,
        shown: &world.accounts,
        standings: &standings,
        withheld: &BTreeMap::new(),
        settings: &directory.settings,
    })
    .plan
}

/// Plans and applies; yields what was carried out.
fn run(world: &mut World, directory: &Directory) -> Changes {
    let plan = world.plan(directory).plan;
    let failed = world.apply(&plan, &directory.settings);
    plan.changes.into_iter().filter(|change| !failed.contains(&change.id)).collect()
}

/// People whose accounts came to us, went or passed on: those are not as before, whatever is taken back.
fn arrived(done: &Changes) -> BTreeSet<DirectoryId> {
    let mut users = BTreeSet::new();
    for change in done {
        if matches!(
            change.action,
            Action::Create { .. } | Action::Adopt { .. } | Action::Relink { .. } | Action::Delete
        ) {
            users.extend(change.subject.user().cloned());
        }
        if let Action::Relink { from, .. } = &change.action {
            users.insert(from.clone());
        }
    }
    users
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_024, max_global_rejects: 8_192, ..ProptestConfig::default() })]

    #[test]
    fn taking_a_run_back_restores_what_was_there_before_it((directory, mut world) in scene()) {
        let before = world.clone();
        let done = run(&mut world, &directory);
        let plan = inverse(&world, &directory, &done);
        prop_assume!(world.apply(&plan, &directory.settings).is_empty());
        let refused: BTreeSet<_> = plan.refusals.iter().filter_map(|refusal| refusal.user.clone()).collect();
        let arrived = arrived(&done);
        for (user, was) in &before.ledger.accounts {
            if arrived.contains(user) || refused.contains(user) {
                continue;
            }
            let now = &world.ledger.accounts[user];
            prop_assert_eq!(&now.written, &was.written);
            prop_assert_eq!(&now.roles, &was.roles);
            prop_assert_eq!(now.active, was.active);
            let (shown, had) = (&world.accounts[&was.target_id], &before.accounts[&was.target_id]);
            prop_assert_eq!(shown.active, had.active);
            for group in before.ledger.groups.values() {
                if let Some(held) = world.ledger.groups.get(&group.key) {
                    prop_assert_eq!(held.members.contains(user), group.members.contains(user));
                }
            }
        }
    }

    #[test]
    fn a_creation_becomes_a_deactivation_and_nothing_is_deleted((directory, mut world) in scene()) {
        let done = run(&mut world, &directory);
        let after = world.clone();
        let plan = inverse(&world, &directory, &done);
        for change in &plan.changes {
            let kinds = [ActionKind::Delete, ActionKind::DeleteGroup, ActionKind::Create, ActionKind::CreateGroup];
            prop_assert!(!kinds.contains(&change.action.kind()), "{:#?}", change);
        }
        prop_assume!(world.apply(&plan, &directory.settings).is_empty());
        for id in after.accounts.keys() {
            prop_assert!(world.accounts.contains_key(id), "{} was deleted", id);
        }
        for change in done.iter().filter(|change| matches!(change.action, Action::Create { .. })) {
            prop_assert!(!world.ledger.accounts[change.subject.user().unwrap()].active);
        }
        // What cannot be taken back is named.
        for change in done.iter().filter(|change| change.action == Action::Delete) {
            prop_assert!(plan.refusals.iter().any(|refusal| refusal.user.as_ref() == change.subject.user()));
        }
    }

    #[test]
    fn taking_back_touches_only_what_is_ours_and_mapped((directory, mut world) in scene()) {
        let done = run(&mut world, &directory);
        let before = world.clone();
        let plan = inverse(&world, &directory, &done);
        world.apply(&plan, &directory.settings);
        let ours: BTreeSet<&String> = before.ledger.accounts.values().map(|held| &held.target_id).collect();
        for (id, account) in &before.accounts {
            let now = &world.accounts[id];
            if !ours.contains(id) {
                prop_assert_eq!(account, now);
            }
            prop_assert_eq!(account.attributes.get("nickname"), now.attributes.get("nickname"));
            prop_assert_eq!(account.roles.contains(&role("unmapped")), now.roles.contains(&role("unmapped")));
        }
        let concerned: BTreeSet<_> = done.iter().filter_map(|change| change.subject.user().cloned()).collect();
        for change in &plan.changes {
            prop_assert!(change.subject.user().is_none_or(|user| concerned.contains(user)));
            if let Action::GrantRole { role } | Action::RevokeRole { role } = &change.action {
                prop_assert!(directory.settings.managed_roles.contains_key(role));
            }
        }
    }

    #[test]
    fn what_changed_since_is_named_and_left_alone((directory, mut world) in scene()) {
        let done = run(&mut world, &directory);
        // Somebody edits every name and turns every activity round.
        for account in world.accounts.values_mut() {
            account.attributes.insert("name".to_owned(), "Somebody Else".into());
            account.active = !account.active;
        }
        let before = world.clone();
        let plan = inverse(&world, &directory, &done);
        prop_assert!(plan.changes.iter().all(|change| change.subject.user().is_none()), "{:#?}", plan.changes);
        for change in done.iter().filter(|change| change.subject.user().is_some()) {
            prop_assert!(plan.refusals.iter().any(|refusal| refusal.user.as_ref() == change.subject.user()));
        }
        // Only the names are edited: everything else is taken back.
        for account in world.accounts.values_mut() {
            account.active = !account.active;
        }
        let plan = inverse(&world, &directory, &done);
        for change in &plan.changes {
            prop_assert!(attribute_changes(&change.action).iter().all(|change| change.attribute != "name"));
        }
        prop_assert_eq!(before.ledger, world.ledger);
    }

    #[test]
    fn the_next_run_does_again_what_the_plan_says_that_the_directory_still_asks_for((directory, mut world) in scene()) {
        let done = run(&mut world, &directory);
        let plan = inverse(&world, &directory, &done);
        prop_assume!(world.apply(&plan, &directory.settings).is_empty());
        let next = world.plan(&directory).plan;
        // A role may also go because somebody else takes the account over, which the directory says of nobody.
        let passed_on = arrived(&next.changes);
        let again = |change: &Change| {
            done.iter().any(|done| done.subject.user() == change.subject.user() && done.action.kind() == change.action.kind())
        };
        if next.changes.iter().any(|change| {
            change.subject.user().is_some_and(|user| !passed_on.contains(user)) && again(&change)
        }) {
            prop_assert!(!plan.notes.is_empty(), "{:#?}", next.changes);
        }
        if !plan.notes.is_empty() {
            prop_assert!(!next.is_empty(), "{:#?}", plan);
        }
    }
}
