//! What holds for every world: users, groups and rules are generated, the promises are checked.

use std::collections::{BTreeMap, BTreeSet};

use proptest::collection::{btree_set, vec};
use proptest::prelude::*;
use proptest::sample::{Index, select};
use rollcall_kit::{DirectoryGroup, DirectoryId, DirectoryUser, InactiveReason, Member, Status};

use super::account::{GrantCause, Judgement, Role, Standing};
use super::refusal::Reason;
use super::samples::{With, World, by_name, group, id, rule, settings, user};
use super::settings::{GroupRef, RoleMode, RosterSettings};

const USERS: usize = 8;
const GROUPS: usize = 6;
const ROLES: [&str; 3] = ["admin", "editor", "viewer"];

fn any_status() -> impl Strategy<Value = Status> {
    prop_oneof![
        6 => Just(Status::Active),
        1 => Just(Status::Inactive(InactiveReason::Disabled)),
        1 => Just(Status::Unknown("limbo".to_owned())),
    ]
}

/// Addresses collide now and then, also in another case, and some are foreign, broken or missing.
fn any_email() -> impl Strategy<Value = Option<String>> {
    let domain = select(vec!["acme.com", "ACME.com", "ext.acme.com", "notacme.com", "elsewhere.org"]);
    prop_oneof![
        8 => (0..USERS, domain, any::<bool>()).prop_map(|(n, domain, upper)| {
            Some(if upper { format!("U{n}@{domain}") } else { format!("u{n}@{domain}") })
        }),
        1 => Just(Some("broken".to_owned())),
        1 => Just(None),
    ]
}

fn any_user(number: usize) -> impl Strategy<Value = DirectoryUser> {
    let department = select(vec![None, Some("Sales"), Some("Contractors")]);
    let assigned = select(vec![None, None, Some(true), Some(false)]);
    (any_status(), any_email(), department, assigned).prop_map(move |(status, email, department, assigned)| {
        let mut user = user(&format!("u{number}")).without("email");
        for (name, value) in [("email", email.as_deref()), ("department", department)] {
            if let Some(value) = value {
                user = user.with(name, value);
            }
        }
        DirectoryUser { status, assigned, ..user }
    })
}

/// Groups contain users and each other, loops and themselves included.
fn any_group(number: usize) -> impl Strategy<Value = DirectoryGroup> {
    let users = btree_set(0..USERS, 0..4);
    let groups = btree_set(0..GROUPS, 0..3);
    (users, groups).prop_map(move |(users, groups)| {
        let users = users.into_iter().map(|n| format!("u{n}"));
        let members: Vec<String> = users.chain(groups.into_iter().map(|n| format!("g-{n}"))).collect();
        group(&number.to_string(), &members.iter().map(String::as_str).collect::<Vec<_>>())
    })
}

fn any_reference() -> impl Strategy<Value = GroupRef> {
    (0..GROUPS, any::<bool>())
        .prop_map(|(n, by_id)| if by_id { GroupRef::Id(id(&format!("g-{n}"))) } else { by_name(&n.to_string()) })
}

fn any_settings() -> impl Strategy<Value = RosterSettings> {
    let rules = vec((any_reference(), select(&ROLES), any::<bool>()), 0..5);
    let scope = vec(any_reference(), 0..3);
    let when = select(vec![
        None,
        Some("user.department != 'Contractors'"),
        Some("user.department.startsWith('S')"),
        Some("'0' in user.groups || user.department == 'Sales'"),
    ]);
    let mode = select(vec![RoleMode::Union, RoleMode::Single]);
    (rules, scope, when, mode, any::<bool>()).prop_map(|(rules, scope, when, role_mode, default)| {
        let mut settings = RosterSettings { role_mode, ..settings() };
        settings.role_rules =
            rules.into_iter().map(|(group, role, nested)| super::RoleRule { nested, ..rule(group, role) }).collect();
        settings.scope.groups = scope;
        settings.scope.when = when.map(str::to_owned);
        settings.default_role = default.then(|| Role("member".to_owned()));
        settings
    })
}

/// A world in which every name has been bound in an earlier run.
fn any_world() -> impl Strategy<Value = World> {
    let users: Vec<_> = (0..USERS).map(any_user).collect();
    let groups: Vec<_> = (0..GROUPS).map(any_group).collect();
    (any_settings(), users, groups).prop_map(|(settings, users, groups)| {
        let world = World::new(settings).users(users).groups(groups);
        (0..GROUPS).fold(world, |world, n| world.bound(&n.to_string(), &format!("g-{n}")))
    })
}

fn judgements(world: &World) -> BTreeMap<DirectoryId, Judgement> {
    let roster = world.roster();
    world.users.iter().map(|user| (user.id.clone(), roster.judge(user))).collect()
}

/// Everybody in a group, by the plainest walk there is.
fn members(world: &World, group: &DirectoryId, nested: bool) -> BTreeSet<DirectoryId> {
    let (mut members, mut seen, mut open) = (BTreeSet::new(), BTreeSet::new(), vec![group.clone()]);
    while let Some(at) = open.pop() {
        if !seen.insert(at.clone()) {
            continue;
        }
        for member in world.groups.iter().filter(|group| group.id == at).flat_map(|group| &group.members) {
            match member {
                Member::User(user) => _ = members.insert(user.clone()),
                Member::Group(inner) if nested => open.push(inner.clone()),
                Member::Group(_) => {}
            }
        }
    }
    members
}

fn target(reference: &GroupRef) -> DirectoryId {
    match reference {
        GroupRef::Id(id) => id.clone(),
        GroupRef::Name(name) => id(&format!("g-{name}")),
    }
}

fn roles(judgement: &Judgement) -> BTreeSet<Role> {
    match &judgement.standing {
        Standing::Wanted(account) => account.roles.keys().cloned().collect(),
        Standing::Unwanted(_) | Standing::Withheld => BTreeSet::new(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn the_order_of_users_and_groups_changes_nothing(world in any_world(), keys in vec(any::<u32>(), USERS + GROUPS)) {
        let mut other = world.clone();
        let shuffled = |at: usize| keys[at];
        let mut users: Vec<_> = other.users.into_iter().enumerate().collect();
        users.sort_by_key(|(at, _)| shuffled(*at));
        other.users = users.into_iter().map(|(_, user)| user).collect();
        let mut groups: Vec<_> = other.groups.into_iter().enumerate().collect();
        groups.sort_by_key(|(at, _)| shuffled(USERS + *at));
        other.groups = groups.into_iter().map(|(_, group)| group).collect();
        prop_assert_eq!(judgements(&world), judgements(&other));
        prop_assert_eq!(judgements(&world), judgements(&world));
    }

    /// A group that vanishes without a confirmed deletion may leave things undecided, but it puts nobody out, takes
    /// no role, and gives nobody one that they did not have.
    #[test]
    fn a_missing_group_puts_nobody_out_and_takes_no_role(world in any_world(), which in any::<Index>()) {
        let mut without = world.clone();
        without.groups.remove(which.index(GROUPS));
        let (before, after) = (judgements(&world), judgements(&without));
        for (user, was) in &before {
            let is = &after[user];
            if !matches!(was.standing, Standing::Unwanted(_)) {
                prop_assert!(!matches!(is.standing, Standing::Unwanted(_)), "{user} was put out: {is:?}");
            }
            if let (Standing::Wanted(_), Standing::Wanted(now)) = (&was.standing, &is.standing) {
                for role in roles(was) {
                    prop_assert!(now.roles.contains_key(&role) || now.undecided_roles.contains(&role), "{user} lost {role}");
                }
            }
            if matches!(is.standing, Standing::Wanted(_)) {
                prop_assert!(roles(is).is_subset(&roles(was)) || matches!(was.standing, Standing::Withheld), "{user} gained a role");
            }
        }
    }

    /// A deletion that is confirmed is the same as a group that lost its members.
    #[test]
    fn a_confirmed_deletion_is_a_group_without_members(world in any_world(), which in any::<Index>()) {
        let (mut deleted, mut emptied) = (world.clone(), world);
        let group = deleted.groups.remove(which.index(GROUPS));
        deleted.deleted.insert(group.id);
        emptied.groups[which.index(GROUPS)].members.clear();
        prop_assert_eq!(judgements(&deleted), judgements(&emptied));
    }

    /// A rename of a bound group changes the names in causes and nothing else.
    #[test]
    fn a_renamed_group_goes_on(world in any_world(), which in any::<Index>()) {
        let mut renamed = world.clone();
        renamed.groups[which.index(GROUPS)].name = "another name".to_owned();
        let (before, after) = (judgements(&world), judgements(&renamed));
        for (user, was) in &before {
            prop_assert_eq!(roles(was), roles(&after[user]));
            prop_assert_eq!(std::mem::discriminant(&was.standing), std::mem::discriminant(&after[user].standing));
        }
    }

    #[test]
    fn an_unknown_status_is_always_withheld_and_an_inactive_one_always_out(world in any_world()) {
        let judged = judgements(&world);
        for user in &world.users {
            match user.status {
                Status::Unknown(_) => prop_assert_eq!(&judged[&user.id].standing, &Standing::Withheld),
                Status::Inactive(_) => prop_assert!(matches!(judged[&user.id].standing, Standing::Unwanted(_))),
                Status::Active => {}
            }
        }
    }

    #[test]
    fn nobody_is_wanted_whose_domain_is_not_listed_itself(world in any_world()) {
        for (user, judgement) in judgements(&world) {
            if let Standing::Wanted(account) = &judgement.standing {
                prop_assert_eq!(account.address.domain(), "acme.com", "{}", user);
            }
        }
    }

    /// Of those whom the scope lets in, exactly the ones with an address of their own get an account.
    #[test]
    fn no_two_accounts_have_one_address_whatever_its_case(world in any_world()) {
        let judged = judgements(&world);
        let mut wanted = BTreeSet::new();
        for judgement in judged.values() {
            if let Standing::Wanted(account) = &judgement.standing {
                prop_assert!(wanted.insert(account.address.folded()));
            }
        }
        for (user, judgement) in &judged {
            for refusal in judgement.refusals.iter().filter(|refusal| refusal.reason == Reason::AddressConflict) {
                prop_assert!(!wanted.contains(&refusal.label.to_lowercase()), "{user} lost against one of their rivals");
                let rivals = judged.values().flat_map(|other| &other.refusals);
                let alike = rivals.filter(|other| other.reason == Reason::AddressConflict && other.label.eq_ignore_ascii_case(&refusal.label));
                prop_assert!(alike.count() >= 2);
            }
        }
    }

    /// Whatever becomes of one record that cannot be in scope, nobody else is judged differently.
    #[test]
    fn one_bad_record_stops_only_itself(world in any_world(), which in any::<Index>(), how in 0..5) {
        let mut spoilt = world.clone();
        let bad = &mut spoilt.users[which.index(USERS)];
        let id = bad.id.clone();
        match how {
            0 => bad.status = Status::Unknown("?".to_owned()),
            1 => bad.profile.clear(),
            2 => _ = bad.profile.insert("email", true.into()),
            3 => _ = bad.profile.insert("email", "@@".into()),
            _ => bad.status = Status::Inactive(InactiveReason::Deleted),
        }
        let mut gone = world;
        gone.users.retain(|user| user.id != id);
        let (mut with, without) = (judgements(&spoilt), judgements(&gone));
        with.remove(&id);
        prop_assert_eq!(with, without);
    }

    /// In union mode the roles are exactly those of the groups they are in, by a walk of the members.
    #[test]
    fn the_union_is_exactly_its_causes(mut world in any_world()) {
        world.settings.role_mode = RoleMode::Union;
        for (user, judgement) in judgements(&world) {
            let Standing::Wanted(account) = &judgement.standing else { continue };
            let mut expected: BTreeMap<Role, BTreeSet<GrantCause>> = BTreeMap::new();
            for rule in &world.settings.role_rules {
                let group = target(&rule.group);
                if members(&world, &group, rule.nested).contains(&user) {
                    let name = world.groups.iter().find(|other| other.id == group).unwrap().name.clone();
                    expected.entry(rule.role.clone()).or_default().insert(GrantCause::Group { id: group, name });
                }
            }
            if let Some(role) = &world.settings.default_role {
                expected.entry(role.clone()).or_default().insert(GrantCause::Default);
            }
            let expected: BTreeMap<Role, Vec<GrantCause>> =
                expected.into_iter().map(|(role, causes)| (role, causes.into_iter().collect())).collect();
            prop_assert_eq!(&account.roles, &expected);
            prop_assert!(account.undecided_roles.is_empty());
        }
    }

    #[test]
    fn single_mode_gives_one_role_at_most_and_it_is_that_of_the_first_rule(mut world in any_world()) {
        world.settings.role_mode = RoleMode::Single;
        for (user, judgement) in judgements(&world) {
            let Standing::Wanted(account) = &judgement.standing else { continue };
            let first = world.settings.role_rules.iter().find(|rule| members(&world, &target(&rule.group), rule.nested).contains(&user));
            let expected = first.map(|rule| rule.role.clone()).or(world.settings.default_role.clone());
            prop_assert_eq!(account.roles.keys().cloned().collect::<Vec<_>>(), expected.into_iter().collect::<Vec<_>>());
        }
    }

    /// Who is in scope by its groups is in one of them, by a walk of the members; who is out is in none.
    #[test]
    fn the_scopes_groups_let_in_exactly_their_members(mut world in any_world()) {
        world.settings.scope.when = None;
        let scope = world.settings.scope.groups.clone();
        for (user, judgement) in judgements(&world) {
            let within = scope.is_empty() || scope.iter().any(|group| members(&world, &target(group), true).contains(&user));
            match judgement.standing {
                Standing::Wanted(_) => prop_assert!(within),
                Standing::Unwanted(super::Leaving::NotInGroups) => prop_assert!(!within),
                Standing::Unwanted(_) | Standing::Withheld => {}
            }
        }
    }

    #[test]
    fn explaining_is_judging(world in any_world()) {
        let roster = world.roster();
        for user in &world.users {
            let (judgement, gates) = roster.explain(user);
            prop_assert_eq!(&judgement, &roster.judge(user));
            let names: BTreeSet<&str> = gates.iter().map(|gate| gate.name.as_str()).collect();
            prop_assert!(super::trace::GATES.iter().all(|gate| names.contains(gate)));
            prop_assert_eq!(names.len(), gates.len(), "each gate once");
        }
    }
}
