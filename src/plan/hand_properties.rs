//! Properties of comparing the ledger with the target: people edit accounts by hand, and then ledger, target and
//! directory are brought together again.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use rollcall_kit::{DirectoryId, Value};

use super::change::attribute_changes;
use super::change::{Action, Change};
use super::drift::{ACTIVE, Authority, Becomes, DriftPolicy, EVERYTHING, Edit, ROLES, RoleSight};
use super::found::Found;
use super::matching::TargetAccount;
use super::scene::scene;
use super::world::{Directory, World, role};
use super::{ByHand, Cause, Comparison, Plan, Sight, compare};
use crate::roster::{DesiredAccount, Standing};

/// What somebody does to one account in the application.
#[derive(Clone, Debug)]
struct Hand {
    deletes: bool,
    flips: bool,
    names: Option<u8>,
    gives: Option<usize>,
    takes: Option<usize>,
}

const GIVEN: [&str; 3] = ["admin", "editor", "unmapped"];

fn hand() -> impl Strategy<Value = Hand> {
    let roles = || prop::option::of(0..GIVEN.len());
    (0..8_u8, any::<bool>(), prop::option::of(0..3_u8), roles(), roles())
        .prop_map(|(deletes, flips, names, gives, takes)| Hand { deletes: deletes == 0, flips, names, gives, takes })
}

/// What the directory is the authority over.
fn authority() -> impl Strategy<Value = Vec<&'static str>> {
    prop_oneof![
        Just(vec![]),
        Just(vec!["name"]),
        Just(vec![ACTIVE]),
        Just(vec![ROLES]),
        Just(vec!["name", ACTIVE, ROLES]),
        Just(vec![EVERYTHING]),
    ]
}

fn policy(directory: &Directory, authority: &[&str]) -> DriftPolicy {
    DriftPolicy {
        authority: Authority::over(authority.iter().copied()),
        email_mutable: directory.settings.email_mutable,
        roles: RoleSight::InAccounts,
        mapped_roles: directory.settings.managed_roles.keys().cloned().collect(),
        create_again: true,
        believe_deletions: true,
    }
}

/// People edit accounts, and somebody has an account by hand that nobody asked for.
fn edit(world: &mut World, hands: &[Hand]) {
    let mut gone = Vec::new();
    for ((id, account), hand) in world.accounts.iter_mut().zip(hands.iter().cycle()) {
        if hand.deletes {
            gone.push(id.clone());
        }
        account.active ^= hand.flips;
        if let Some(name) = hand.names {
            account.attributes.insert("name".to_owned(), Value::from(format!("Name {name}")));
        }
        account.roles.extend(hand.gives.map(|given| role(GIVEN[given])).filter(|role| !account.roles.contains(role)));
        if let Some(taken) = hand.takes.map(|taken| role(GIVEN[taken])) {
            account.roles.retain(|held| *held != taken);
        }
    }
    world.accounts.retain(|id, _| !gone.contains(id));
    for (_, members) in world.groups.values_mut() {
        members.retain(|id| !gone.contains(id));
    }
    // One account shows everything that a target can, so that nothing seems not to be kept.
    let attributes = BTreeMap::from([
        ("email".to_owned(), Value::from("full@elsewhere.com")),
        ("name".to_owned(), Value::from("Full")),
        ("preferred_username".to_owned(), Value::from("full")),
    ]);
    let full = TargetAccount {
        target_id: "full".to_owned(),
        external_id: None,
        user_name: "full".to_owned(),
        addresses: vec!["full@elsewhere.com".to_owned()],
        active: true,
        attributes,
        roles: vec![role("admin")],
    };
    world.accounts.insert("full".to_owned(), full);
}

/// Compares, and tells the ledger.
fn reconcile(world: &mut World, directory: &Directory, policy: &DriftPolicy, before: &Found) -> Comparison {
    let ours = world.ledger.accounts.values().map(|account| &account.target_id);
    let gone: BTreeSet<String> = ours.filter(|id| !world.accounts.contains_key(*id)).cloned().collect();
    let sight = Sight { shown: &world.accounts, gone: &gone, policy, before };
    let accounts: Vec<_> = world.ledger.accounts.values().cloned().collect();
    let comparison = compare(directory.judged.clone(), accounts, sight);
    for account in &comparison.corrected {
        world.ledger.accounts.insert(account.user.clone(), account.clone());
    }
    for user in &comparison.forgotten {
        world.ledger.accounts.remove(user);
        for group in world.ledger.groups.values_mut() {
            group.members.remove(user);
        }
    }
    comparison
}

fn plan(world: &World, directory: &Directory, found: &Found) -> Plan {
    let mut plan = world.plan(directory).plan;
    found.name_causes(&mut plan.changes);
    plan
}

fn wanted<'a>(directory: &'a Directory, user: &DirectoryId) -> Option<&'a DesiredAccount> {
    directory.judged.iter().find(|(judged, ..)| judged == user).and_then(|(_, _, judgement)| {
        match &judgement.standing {
            Standing::Wanted(desired) => Some(&**desired),
            _ => None,
        }
    })
}

fn is_out(directory: &Directory, user: &DirectoryId) -> bool {
    match directory.judged.iter().find(|(judged, ..)| judged == user) {
        Some((_, _, judgement)) => matches!(judgement.standing, Standing::Unwanted(_)),
        None => directory.absences.contains_key(user),
    }
}

/// Whose account passes to somebody else.
fn relinked(plan: &Plan) -> BTreeSet<DirectoryId> {
    let from = plan.changes.iter().filter_map(|change| match &change.action {
        Action::Relink { from, .. } => Some(from.clone()),
        _ => None,
    });
    from.collect()
}

fn of_user<'a>(plan: &'a Plan, user: &'a DirectoryId) -> impl Iterator<Item = std::borrow::Cow<'a, Change>> {
    plan.changes.iter().filter(move |change| change.subject.user() == Some(user))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, max_global_rejects: 16_384, ..ProptestConfig::default() })]

    #[test]
    fn reconciling_touches_only_what_is_ours_and_mapped(
        (directory, mut world) in scene(), hands in prop::collection::vec(hand(), 11), authority in authority(),
    ) {
        edit(&mut world, &hands);
        let before = world.clone();
        let comparison = reconcile(&mut world, &directory, &policy(&directory, &authority), &Found::default());
        prop_assert_eq!(&world.accounts, &before.accounts, "a comparison writes nothing to the target");
        let listed: BTreeSet<&String> = comparison.drift.unmanaged.iter().map(|account| &account.target_id).collect();
        let ours: BTreeSet<&String> = before.ledger.accounts.values().map(|account| &account.target_id).collect();
        for id in before.accounts.keys() {
            prop_assert_eq!(listed.contains(id), !ours.contains(id), "{} is ours or listed as not ours", id);
        }
        let plan = plan(&world, &directory, &comparison.found);
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
        let unmapped = |edit: &Edit| match edit {
            Edit::Attribute { attribute, .. } => attribute == "nickname",
            Edit::RoleGranted { role: found } | Edit::RoleRevoked { role: found } => *found == role("unmapped"),
            _ => false,
        };
        prop_assert!(!comparison.drift.edits.iter().any(|drifted| unmapped(&drifted.edit)));
    }

    #[test]
    fn reconciling_again_after_a_clean_apply_finds_nothing_to_do(
        (directory, mut world) in scene(), hands in prop::collection::vec(hand(), 11), authority in authority(),
    ) {
        edit(&mut world, &hands);
        let policy = policy(&directory, &authority);
        let mut found = Found::default();
        // Who waits for another's value is let in by a later run.
        let mut clean = false;
        for _ in 0..8 {
            let comparison = reconcile(&mut world, &directory, &policy, &found);
            let plan = plan(&world, &directory, &comparison.found);
            let failed = world.apply(&plan, &directory.settings);
            let done = plan.changes.iter().filter(|change| !failed.contains(&change.id)).map(|change| (change, true));
            found = comparison.found.clone().without(done);
            clean = failed.is_empty() && plan.refusals.is_empty();
            if clean {
                break;
            }
        }
        prop_assume!(clean);
        let ledger = world.ledger.clone();
        let again = reconcile(&mut world, &directory, &policy, &found);
        prop_assert_eq!(&world.ledger, &ledger, "{:#?}", again);
        let plan = plan(&world, &directory, &again.found);
        prop_assert!(plan.is_empty(), "{:#?}", plan);
    }

    /// Rule 10. Mutation that it catches: the comparison undoes an edit also where the directory is no authority.
    #[test]
    fn an_edit_stays_until_the_directorys_value_changes_unless_the_directory_is_the_authority(
        (directory, mut world) in scene(), hands in prop::collection::vec(hand(), 11), authority in authority(),
    ) {
        edit(&mut world, &hands);
        let before = world.clone();
        let policy = policy(&directory, &authority);
        let comparison = reconcile(&mut world, &directory, &policy, &Found::default());
        let plan = plan(&world, &directory, &comparison.found);
        let failed = world.apply(&plan, &directory.settings);
        prop_assume!(failed.is_empty());
        for (user, held) in &before.ledger.accounts {
            let (Some(desired), Some(was)) = (wanted(&directory, user), before.accounts.get(&held.target_id)) else {
                continue;
            };
            let (name, wrote) = (desired.attributes.get("name"), held.written.get("name"));
            let (edited, now) = (was.attributes.get("name"), world.accounts[&held.target_id].attributes.get("name"));
            if wrote.is_none() {
                continue;
            }
            if name == wrote && !policy.authority.covers("name") {
                prop_assert_eq!(edited, now, "{} was overwritten", user);
            } else {
                prop_assert_eq!(now, name);
                if edited != name {
                    let change = of_user(&plan, user)
                        .flat_map(|change| {
                            let values = attribute_changes(&change.action).to_vec();
                            values.into_iter().map(move |value| (change.clone(), value))
                        })
                        .find(|(_, value)| value.attribute == "name");
                    let (change, value) = change.expect("the edit is overwritten by a change");
                    prop_assert_eq!(value.before.as_ref(), edited, "the overwritten value is named");
                    if edited != wrote {
                        let hand = |cause: &Cause| matches!(cause, Cause::ByHand { what: ByHand::Edited { attributes } }
                            if attributes.contains(&"name".to_owned()));
                        prop_assert!(change.causes.iter().any(hand), "{:#?}", change);
                    }
                }
            }
        }
    }

    #[test]
    fn a_leaver_who_was_activated_by_hand_is_out_again_and_somebody_locked_stays_locked(
        (directory, mut world) in scene(), hands in prop::collection::vec(hand(), 11), authority in authority(),
    ) {
        edit(&mut world, &hands);
        let before = world.clone();
        let policy = policy(&directory, &authority);
        let comparison = reconcile(&mut world, &directory, &policy, &Found::default());
        let plan = plan(&world, &directory, &comparison.found);
        let failed = world.apply(&plan, &directory.settings);
        prop_assume!(failed.is_empty());
        let passed_on = relinked(&plan);
        for (user, held) in &before.ledger.accounts {
            let Some(was) = before.accounts.get(&held.target_id) else { continue };
            if passed_on.contains(user) {
                continue;
            }
            let now = world.accounts.get(&held.target_id);
            if is_out(&directory, user) {
                prop_assert!(now.is_none_or(|now| !now.active), "{} has left and is in", user);
            }
            if wanted(&directory, user).is_some() && held.active && !was.active {
                prop_assert_eq!(now.unwrap().active, policy.authority.covers(ACTIVE));
            }
        }
    }

    #[test]
    fn a_mapped_role_that_was_given_or_taken_by_hand_is_brought_back_only_under_authority(
        (directory, mut world) in scene(), hands in prop::collection::vec(hand(), 11), authority in authority(),
    ) {
        edit(&mut world, &hands);
        let before = world.clone();
        let policy = policy(&directory, &authority);
        let comparison = reconcile(&mut world, &directory, &policy, &Found::default());
        let plan = plan(&world, &directory, &comparison.found);
        prop_assume!(world.apply(&plan, &directory.settings).is_empty() && plan.refusals.is_empty());
        for (user, held) in &before.ledger.accounts {
            let (Some(desired), Some(was)) = (wanted(&directory, user), before.accounts.get(&held.target_id)) else {
                continue;
            };
            for role in directory.settings.managed_roles.keys().filter(|role| !desired.undecided_roles.contains(role)) {
                let (wanted, had, has) =
                    (desired.roles.contains_key(role), held.roles.contains(role), was.roles.contains(role));
                let now = world.accounts[&held.target_id].roles.contains(role);
                if had == has || wanted != had || policy.authority.covers(ROLES) {
                    prop_assert_eq!(now, wanted, "{} {}", user, role);
                } else {
                    prop_assert_eq!(now, has, "{} {} was brought back", user, role);
                }
            }
        }
    }

    #[test]
    fn an_account_that_was_deleted_by_hand_is_created_again_and_says_why(
        (directory, mut world) in scene(), hands in prop::collection::vec(hand(), 11),
    ) {
        edit(&mut world, &hands);
        let before = world.clone();
        let comparison = reconcile(&mut world, &directory, &policy(&directory, &[]), &Found::default());
        let plan = plan(&world, &directory, &comparison.found);
        let refused: BTreeSet<_> = plan.refusals.iter().filter_map(|refusal| refusal.user.clone()).collect();
        for (user, held) in &before.ledger.accounts {
            if before.accounts.contains_key(&held.target_id) || refused.contains(user) {
                continue;
            }
            let changes: Vec<_> = of_user(&plan, user).collect();
            if wanted(&directory, user).is_none() {
                prop_assert!(changes.is_empty(), "{:#?}", changes);
                continue;
            }
            let arrival = changes.iter().find(|change| {
                matches!(change.action, Action::Create { .. } | Action::Adopt { .. } | Action::Relink { .. })
            });
            let arrival = arrival.expect("they get an account");
            let deleted = Cause::ByHand { what: ByHand::Deleted };
            let is_relink = matches!(arrival.action, Action::Relink { .. });
            prop_assert!(is_relink || arrival.causes.contains(&deleted), "{:#?}", arrival);
        }
        // What is not confirmed, or not believed, is forgotten by nobody.
        let mut doubting = policy(&directory, &[]);
        doubting.believe_deletions = false;
        let mut unbelieved = before.clone();
        prop_assert!(reconcile(&mut unbelieved, &directory, &doubting, &Found::default()).forgotten.is_empty());
        let sight = Sight {
            shown: &before.accounts,
            gone: &BTreeSet::new(),
            policy: &policy(&directory, &[]),
            before: &Found::default(),
        };
        let accounts: Vec<_> = before.ledger.accounts.values().cloned().collect();
        let unconfirmed = compare(directory.judged.clone(), accounts, sight);
        prop_assert!(unconfirmed.forgotten.is_empty());
        prop_assert!(!unconfirmed.drift.edits.iter().any(|drifted| drifted.edit == Edit::Deleted));
    }

    #[test]
    fn what_was_found_and_not_dealt_with_is_found_again(
        (directory, mut world) in scene(), hands in prop::collection::vec(hand(), 11), authority in authority(),
    ) {
        edit(&mut world, &hands);
        let policy = policy(&directory, &authority);
        let first = reconcile(&mut world, &directory, &policy, &Found::default());
        let (ledger, planned) = (world.ledger.clone(), plan(&world, &directory, &first.found));
        let again = reconcile(&mut world, &directory, &policy, &first.found);
        prop_assert_eq!(&world.ledger, &ledger);
        prop_assert_eq!(&again.found, &first.found);
        // What agrees with the directory, or that nobody misses, is settled by being told.
        let open = |comparison: &Comparison| -> Vec<_> {
            let settled = [Becomes::Agrees, Becomes::Missed];
            comparison.drift.edits.iter().filter(|drifted| !settled.contains(&drifted.becomes)).cloned().collect()
        };
        prop_assert_eq!(open(&again), open(&first));
        prop_assert_eq!(plan(&world, &directory, &again.found), planned);
    }

    #[test]
    fn an_edit_stays_if_the_directory_loses_its_authority_before_it_was_undone(
        (directory, mut world) in scene(), hands in prop::collection::vec(hand(), 11),
    ) {
        edit(&mut world, &hands);
        let ledger = world.ledger.clone();
        let comparison = reconcile(&mut world, &directory, &policy(&directory, &[EVERYTHING]), &Found::default());
        let mut found = comparison.found.clone();
        for account in found.given_back(&Authority::default(), |user| world.ledger.accounts.get(user).cloned()) {
            world.ledger.accounts.insert(account.user.clone(), account);
        }
        prop_assert!(!found.edits.iter().any(|found| found.becomes == Becomes::Undone));
        for drifted in comparison.drift.edits.iter().filter(|drifted| drifted.becomes == Becomes::Undone) {
            let (now, was) = (&world.ledger.accounts[&drifted.user], &ledger.accounts[&drifted.user]);
            match &drifted.edit {
                Edit::Attribute { attribute, .. } => {
                    prop_assert_eq!(now.written.get(attribute), was.written.get(attribute));
                }
                Edit::RoleGranted { role } | Edit::RoleRevoked { role } => {
                    prop_assert_eq!(now.roles.contains(role), was.roles.contains(role));
                }
                _ => prop_assert_eq!(now.active, was.active),
            }
        }
    }

    #[test]
    fn nothing_is_done_to_whoever_is_withheld(
        (directory, mut world) in scene(), hands in prop::collection::vec(hand(), 11), authority in authority(),
    ) {
        edit(&mut world, &hands);
        let comparison = reconcile(&mut world, &directory, &policy(&directory, &authority), &Found::default());
        let plan = plan(&world, &directory, &comparison.found);
        for (user, _, judgement) in &directory.judged {
            if judgement.standing == Standing::Withheld {
                prop_assert!(!comparison.corrected.iter().any(|account| account.user == *user));
                prop_assert!(!comparison.forgotten.contains(user));
                prop_assert_eq!(of_user(&plan, user).count(), 0);
            }
        }
    }
}

#[test]
fn what_the_target_did_not_keep_is_not_written_for_ever() {
    use super::world::wanted as wants;
    let settings = super::PlanSettings::new(jiff::Timestamp::UNIX_EPOCH);
    let judged = vec![wants("u1", "ann@acme.com", &[("phone_number", "+49 30 1")], &[])];
    let directory = Directory { judged, absences: BTreeMap::new(), settings };
    let mut world = World::empty();
    let first = world.plan(&directory).plan;
    world.apply(&first, &directory.settings);
    let rewritten = |world: &mut World| {
        let account = world.accounts.values_mut().next().unwrap();
        account.attributes.insert("phone_number".to_owned(), Value::from("+49301"));
    };
    let policy = policy(&directory, &[EVERYTHING]);
    rewritten(&mut world);
    let comparison = reconcile(&mut world, &directory, &policy, &Found::default());
    let once = plan(&world, &directory, &comparison.found);
    assert_eq!(once.changes.len(), 1, "{once:#?}");
    world.apply(&once, &directory.settings);
    rewritten(&mut world);
    let found = comparison.found.without([(once.changes.at(0), false)]);
    let again = reconcile(&mut world, &directory, &policy, &found);
    assert_eq!(again.drift.edits[0].becomes, Becomes::NotKept);
    assert!(plan(&world, &directory, &again.found).is_empty());
    // Another value is another edit.
    let account = world.accounts.values_mut().next().unwrap();
    account.attributes.insert("phone_number".to_owned(), Value::from("+1 2"));
    let other = reconcile(&mut world, &directory, &policy, &again.found);
    assert_eq!(other.drift.edits[0].becomes, Becomes::Undone);
}
