//! Small random worlds for property tests: a directory, a ledger and a target that meet in every way that matters.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use rollcall_kit::{Address, DirectoryId, InactiveReason, Value};

use super::change::{GroupKey, Origin};
use super::ledger::{LedgerAccount, LedgerGroup};
use super::matching::TargetAccount;
use super::world::{Directory, World, id, judged, role};
use super::{Judged, PlanSettings, PushedGroup};
use crate::roster::account::Attributes;
use crate::roster::{DesiredAccount, GrantCause, Leaving, Standing};

pub(super) const USERS: usize = 8;
const VALUES: usize = 11;
const ROLES: [&str; 3] = ["admin", "editor", "unmapped"];

pub(super) fn user(index: usize) -> DirectoryId {
    id(&format!("u{index}"))
}

fn address(index: usize, shout: bool) -> String {
    let address = format!("a{index}@acme.com");
    if shout { address.to_uppercase() } else { address }
}

/// The standing of one user, without their unique values.
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
            // Most of the time nearly everybody keeps their values; without that, worlds are nothing but swaps.
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
        delete_after: circumstances.delete.then_some(SignedDuration::from_hours(30 * 24)),
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
