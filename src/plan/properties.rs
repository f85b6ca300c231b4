//! Properties of planning, over small random directories and worlds.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use rollcall_kit::{Address, DirectoryId, InactiveReason, Value};

use super::change::{Action, GroupKey, Subject};
use super::draft::attribute_changes;
use super::ledger::{LedgerAccount, LedgerGroup, Origin};
use super::matching::TargetAccount;
use super::world::{Directory, World, id, judged, role};
use super::{Judged, Plan, PlanSettings, PushedGroup};
use crate::roster::account::Attributes;
use crate::roster::{DesiredAccount, GrantCause, Leaving, Reason, Standing};

const USERS: usize = 8;
const VALUES: usize = 11;
const ROLES: [&str; 3] = ["admin", "editor", "unmapped"];

fn user(index: usize) -> DirectoryId {
    id(&format!("u{index}"))
}

fn address(index: usize, shout: bool) -> String {
    let address = format!("a{index}@acme.com");
    if shout { address.to_uppercase() } else { address }
}

/// The standing of one user, without his unique values.
#[derive(Clone, Debug)]
struct Person {
    standing: u8,
    name: Option<u8>,
    shout: bool,
    roles: [bool; 2],
    undecided: [bool; 2],
    confirmed: bool,
    groups: [bool; 2],
}

/// What the ledger holds of one user.
#[derive(Clone, Debug)]
struct Past {
    has: bool,
    active: bool,
    days: i64,
    name: Option<u8>,
    edited: Option<u8>,
    roles: [bool; 3],
    groups: [bool; 2],
    marked: bool,
}

#[derive(Clone, Debug)]
struct Circumstances {
    email_mutable: bool,
    names_apart: bool,
    roles_are_groups: bool,
    delete: bool,
    sealed: bool,
    group_names: [u8; 2],
    group_past: [Option<u8>; 2],
    stray_group: Option<u8>,
}

fn person() -> impl Strategy<Value = Person> {
    (0..7_u8, prop::option::of(0..3_u8), any::<bool>(), any::<[bool; 2]>(), any::<[bool; 6]>()).prop_map(
        |(standing, name, shout, roles, more)| Person {
            standing,
            name,
            shout,
            roles,
            undecided: [more[0] && more[1], more[2] && more[3]],
            confirmed: more[4] || more[0],
            groups: [more[5], more[1]],
        },
    )
}

fn past() -> impl Strategy<Value = Past> {
    let values = (prop::option::of(0..3_u8), prop::option::of(0..3_u8), 0..60_i64);
    (values, any::<[bool; 3]>(), any::<[bool; 2]>(), any::<[bool; 4]>()).prop_map(
        |((name, edited, days), roles, groups, more)| Past {
            has: more[0] || more[1],
            active: more[2] || more[1],
            days,
            name,
            edited,
            roles,
            groups,
            marked: more[3],
        },
    )
}

fn circumstances() -> impl Strategy<Value = Circumstances> {
    (any::<[bool; 5]>(), any::<[u8; 2]>(), any::<[Option<u8>; 2]>(), any::<Option<u8>>()).prop_map(
        |(flags, group_names, group_past, stray_group)| Circumstances {
            email_mutable: flags[0],
            names_apart: flags[1],
            roles_are_groups: flags[2],
            delete: flags[3],
            sealed: true,
            group_names,
            group_past,
            stray_group,
        },
    )
}

/// A directory and a world. Addresses and user names are unique on either side, as roster and target keep them, and
/// drawn from one pool, so that people meet accounts of others, swap values, return and are re-created.
pub(crate) fn scene() -> impl Strategy<Value = (Directory, World)> {
    let order = || Just((0..VALUES).collect::<Vec<_>>()).prop_shuffle();
    let people = prop::collection::vec(person(), USERS);
    let pasts = prop::collection::vec(past(), VALUES);
    (people, pasts, circumstances(), [order(), order(), order(), order()], 0..4_u8).prop_map(
        |(people, pasts, circumstances, [to, name_to, from, name_from], still)| {
            // Most of the time nearly everybody keeps his values; without that, worlds are nothing but swaps.
            let keep = |shuffled: Vec<usize>| if still > 0 { settled(&shuffled, still) } else { shuffled };
            let (to, name_to, from, name_from) = (keep(to), keep(name_to), keep(from), keep(name_from));
            let directory = directory(&people, &circumstances, &to, &name_to);
            let world = world(&pasts, &circumstances, &from, &name_from, &directory.settings);
            (directory, world)
        },
    )
}

/// The identity, but for the first few places, which stay in their shuffled relation.
fn settled(shuffled: &[usize], still: u8) -> Vec<usize> {
    let moved = 4 - usize::from(still);
    let mut places: Vec<usize> = (0..shuffled.len()).collect();
    for pair in shuffled.chunks_exact(2).take(moved) {
        places.swap(pair[0], pair[1]);
    }
    places
}

fn as_of() -> Timestamp {
    "2026-11-23T09:00:00Z".parse().unwrap()
}

fn settings(circumstances: &Circumstances, people: &[Person]) -> PlanSettings {
    let members = |group: usize| {
        (0..USERS).filter(|&index| people[index].groups[group] && people[index].standing > 0).map(user).collect()
    };
    let pushed = (0..2).filter(|&group| circumstances.group_names[group] > 60).map(|group| PushedGroup {
        key: GroupKey::Directory(id(&format!("g{group}"))),
        name: format!("team {}", circumstances.group_names[group] % 3),
        members: members(group),
    });
    PlanSettings {
        email_mutable: circumstances.email_mutable,
        role_delivery_is_groups: circumstances.roles_are_groups,
        managed_roles: ROLES[..2].iter().map(|name| (role(name), vec![format!("{name}s")])).collect(),
        protected_roles: BTreeSet::from([role("admin")]),
        pushed_groups: pushed.collect(),
        delete_after_days: circumstances.delete.then_some(30),
        user_name_attribute: if circumstances.names_apart { "preferred_username" } else { "email" }.to_owned(),
        sealed: circumstances.sealed,
        ..PlanSettings::new(as_of())
    }
}

fn attributes(address: &str, user_name: usize, name: Option<u8>) -> Attributes {
    let mut attributes = Attributes::from([
        ("email".to_owned(), Value::from(address)),
        ("preferred_username".to_owned(), Value::from(format!("n{user_name}"))),
    ]);
    attributes.extend(name.map(|name| ("name".to_owned(), Value::from(format!("Name {name}")))));
    attributes
}

fn directory(people: &[Person], circumstances: &Circumstances, to: &[usize], name_to: &[usize]) -> Directory {
    let mut verdicts: Vec<Judged> = Vec::new();
    let mut absences = BTreeMap::new();
    for (index, person) in people.iter().enumerate() {
        let address = address(to[index], person.shout);
        let standing = match person.standing {
            0 => {
                if person.confirmed {
                    absences.insert(user(index), Leaving::Vanished);
                }
                continue;
            }
            1 => Standing::Withheld,
            2 => Standing::Unwanted(Leaving::Inactive { reason: InactiveReason::Disabled, raw: "off".to_owned() }),
            _ => {
                let undecided = (0..2).filter(|&index| person.undecided[index]);
                let given = (0..2).filter(|&index| person.roles[index] && !person.undecided[index]);
                Standing::Wanted(Box::new(DesiredAccount {
                    address: Address::parse(&address).unwrap(),
                    attributes: attributes(&address, name_to[index], person.name),
                    roles: given.map(|index| (role(ROLES[index]), vec![GrantCause::Default])).collect(),
                    undecided_attributes: Vec::new(),
                    undecided_roles: undecided.map(|index| role(ROLES[index])).collect(),
                }))
            }
        };
        verdicts.push(judged(user(index).as_str(), &address, standing));
    }
    Directory { judged: verdicts, absences, settings: settings(circumstances, people) }
}

fn world(
    pasts: &[Past],
    circumstances: &Circumstances,
    from: &[usize],
    name_from: &[usize],
    settings: &PlanSettings,
) -> World {
    let mut world = World::empty();
    for (index, past) in pasts.iter().enumerate().filter(|(_, past)| past.has) {
        let target_id = format!("t{index}");
        let address = address(from[index], false);
        let written = attributes(&address, name_from[index], past.name);
        let ours = index < USERS;
        let mut shown = written.clone();
        // Somebody edited the name in the target, and keeps a note there that nobody mapped.
        shown.extend(past.edited.map(|name| ("name".to_owned(), Value::from(format!("Edited {name}")))));
        shown.insert("nickname".to_owned(), Value::from("nobody mapped this"));
        let roles: BTreeSet<_> = (0..3).filter(|&role| past.roles[role]).map(|index| role(ROLES[index])).collect();
        let active = past.active || !ours;
        world.accounts.insert(
            target_id.clone(),
            TargetAccount {
                target_id: target_id.clone(),
                external_id: (ours && past.marked).then(|| user(index).to_string()),
                user_name: shown[&settings.user_name_attribute].to_string(),
                addresses: vec![address.clone()],
                active,
                attributes: shown,
                roles: roles.iter().cloned().collect(),
            },
        );
        if ours {
            let since = as_of() - SignedDuration::from_hours(past.days * 24);
            let account = LedgerAccount {
                user: user(index),
                target_id,
                address: Address::parse(&address).unwrap(),
                origin: Origin::Created,
                active,
                written,
                roles,
                deactivated_at: (!active).then_some(since),
                last_run: None,
            };
            world.ledger.accounts.insert(user(index), account);
        }
    }
    add_groups(&mut world, pasts, circumstances);
    world
}

fn add_groups(world: &mut World, pasts: &[Past], circumstances: &Circumstances) {
    let mut names = BTreeSet::new();
    for (index, name) in circumstances.group_past.iter().enumerate() {
        let Some(name) = name.map(|name| format!("team {}", name % 3)).filter(|name| names.insert(name.clone())) else {
            continue;
        };
        let is_in = |user: &usize| pasts[*user].has && pasts[*user].groups[index];
        let members: Vec<usize> = (0..USERS).filter(is_in).collect();
        let target_id = format!("tg{index}");
        let accounts = members.iter().map(|index| format!("t{index}")).collect();
        world.groups.insert(target_id.clone(), (name.clone(), accounts));
        let key = GroupKey::Directory(id(&format!("g{index}")));
        let members = members.into_iter().map(user).collect();
        let group = LedgerGroup { key: key.clone(), target_id, name, origin: Origin::Created, members };
        world.ledger.groups.insert(key, group);
    }
    let stray = circumstances.stray_group.map(|name| format!("team {}", name % 3));
    if let Some(name) = stray.filter(|name| names.insert(name.clone())) {
        world.groups.insert("stray".to_owned(), (name, BTreeSet::from(["somebody".to_owned()])));
    }
}

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
                prop_assert!(relinked_from(&plan).contains(user) || (!held.active && plan.changes.iter().any(deleted)));
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
                prop_assert!(plan.refusals.iter().any(told));
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
            prop_assert!(plan.refusals.iter().any(told));
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
            let key = |change: &super::Change| (change.action.kind(), change.subject.clone());
            let keys: Vec<(super::change::ActionKind, Subject)> = plan.changes.iter().map(key).collect();
            prop_assert!(keys.is_sorted());
        }
    }
}
