//! Properties of planning about who somebody is (rule 6) and about records that nobody can read (rule 7), over the same
//! small random worlds as the other properties.

use std::borrow::Cow;
use std::collections::BTreeSet;

use proptest::prelude::*;
use proptest::sample::Index;
use rollcall_kit::{Address, DirectoryId, Value, attribute};

use super::change::attribute_changes;
use super::change::{Action, ActionKind, Change, Subject};
use super::scene::scene;
use super::world::{Directory, World};
use super::{LedgerAccount, Plan};
use crate::roster::account::Attributes;
use crate::roster::{Judgement, Reason, Refusal, Standing};

/// A directory in which every address is written in the other case.
fn shouted(directory: &Directory) -> Directory {
    let mut turned = directory.clone();
    for (_, _, judgement) in &mut turned.judged {
        if let Standing::Wanted(desired) = &mut judgement.standing {
            let address = desired.address.as_str();
            let lower = address.to_lowercase();
            let address = if address == lower { address.to_uppercase() } else { lower };
            desired.address = Address::parse(&address).unwrap();
            desired.attributes.insert(attribute::EMAIL.to_owned(), Value::from(address));
        }
    }
    turned
}

/// Things of one kind, with whom they concern.
type Concerning<K> = Vec<(K, Option<DirectoryId>)>;

/// What is done to whom, and what is refused to whom, without the values.
fn gist(plan: &Plan) -> (Concerning<ActionKind>, Concerning<Reason>) {
    let change = |change: Cow<'_, Change>| {
        let of = match &change.action {
            Action::Relink { from, .. } => Some(from.clone()),
            _ => change.subject.user().cloned(),
        };
        (change.action.kind(), of)
    };
    let refusals = plan.refusals.iter().map(|refusal| (refusal.reason, refusal.user.clone()));
    (plan.changes.iter().map(change).collect(), refusals.collect())
}

/// The values by which accounts are recognised.
fn names(attributes: &Attributes) -> impl Iterator<Item = String> + '_ {
    let names = [attribute::EMAIL, "preferred_username"];
    names.into_iter().filter_map(|name| attributes.get(name)).map(|value| value.to_string().to_lowercase())
}

/// Where in the directory those are whose values, old and new, nobody else and no account that is not ours has: what
/// becomes of them can be nobody else's business.
fn unentangled(directory: &Directory, world: &World) -> Vec<usize> {
    let mut values: Vec<(Option<DirectoryId>, String)> = Vec::new();
    for (user, _, judgement) in &directory.judged {
        if let Standing::Wanted(desired) = &judgement.standing {
            values.extend(names(&desired.attributes).map(|name| (Some(user.clone()), name)));
        }
    }
    for account in world.accounts.values() {
        let mut ours = world.ledger.accounts.values();
        let owner = ours.find(|held| held.target_id == account.target_id).map(|held| held.user.clone());
        values.extend(names(&account.attributes).map(|name| (owner.clone(), name)));
    }
    let is_free = |user: &DirectoryId| {
        let theirs = |owner: &Option<DirectoryId>| owner.as_ref() == Some(user);
        let own: BTreeSet<&String> = values.iter().filter(|(owner, _)| theirs(owner)).map(|(_, name)| name).collect();
        values.iter().all(|(owner, name)| theirs(owner) || !own.contains(name))
    };
    (0..directory.judged.len()).filter(|&at| is_free(&directory.judged[at].0)).collect()
}

/// What a plan does to the accounts of everybody but one.
fn done_to_others(plan: &Plan, one: &DirectoryId) -> Vec<(Subject, Action)> {
    let others = plan.changes.iter().filter(|change| change.subject.user().is_some_and(|user| user != one));
    others.map(|change| (change.subject.clone(), change.action.clone())).collect()
}

/// The accounts of everybody but one, without the ids that the target gave them.
fn accounts_of_others(world: &World, one: &DirectoryId) -> Vec<LedgerAccount> {
    let others = world.ledger.accounts.values().filter(|held| held.user != *one).cloned();
    others.map(|held| LedgerAccount { target_id: String::new(), ..held }).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, max_global_rejects: 4_096, ..ProptestConfig::default() })]

    /// Rule 6. Mutations that it catches: `Planner::keep` puts an account out whose owner has another address, and
    /// `Planner::is_vacated` holds for whoever has another address than their account.
    #[test]
    fn whoever_is_wanted_keeps_his_account_whatever_he_is_called((directory, mut world) in scene()) {
        let before = world.clone();
        let plan = world.plan(&directory).plan;
        world.apply(&plan, &directory.settings);
        let keeps = [
            ActionKind::Update, ActionKind::Reactivate, ActionKind::GrantRole, ActionKind::RevokeRole,
            ActionKind::AddMember, ActionKind::RemoveMember,
        ];
        for (user, _, judgement) in &directory.judged {
            let (Standing::Wanted(desired), Some(held)) = (&judgement.standing, before.ledger.accounts.get(user)) else {
                continue;
            };
            let theirs = || plan.changes.iter().filter(|change| change.subject.user() == Some(user));
            let other = theirs().find(|change| !keeps.contains(&change.action.kind()));
            prop_assert!(other.is_none(), "{:#?}", other);
            let now = world.ledger.accounts.get(user).map(|now| (&now.target_id, now.active || !held.active));
            prop_assert_eq!(now, Some((&held.target_id, true)), "{} has another account or is out", user);
            // A new address is an update like any other.
            let refused = plan.refusals.iter().any(|refusal| refusal.user.as_ref() == Some(user));
            let follows = |change: &Change| attribute_changes(&change.action).iter().any(|c| c.attribute == "email");
            prop_assert!(desired.address == held.address || refused || theirs().any(|change| follows(&change)));
        }
        for group in &directory.settings.pushed_groups {
            let anew = [ActionKind::CreateGroup, ActionKind::AdoptGroup, ActionKind::DeleteGroup];
            let of_group = |change: &Cow<'_, Change>| matches!(&change.subject, Subject::Group { key, .. } if *key == group.key);
            let mut changes = plan.changes.iter().filter(of_group);
            let held = before.ledger.groups.contains_key(&group.key);
            prop_assert!(!held || changes.all(|change| !anew.contains(&change.action.kind())), "{}", group.name);
        }
    }

    /// Rule 6. Mutations that it catches: the survey, the order of the plan (`draft::unique`) and the comparison
    /// of attributes (`Compared::add`) take addresses as they are written.
    #[test]
    fn the_case_of_addresses_decides_nothing((directory, world) in scene()) {
        let (plan, turned) = (world.plan(&directory).plan, world.plan(&shouted(&directory)).plan);
        prop_assert_eq!(gist(&plan), gist(&turned));
    }

    /// Rule 7; how a record is judged alone is in `roster::properties`. Mutations of `Planner::meet` that it catches: the
    /// walk ends at the first record with a refusal, the record after it is left out, and its refusal is dropped.
    #[test]
    fn a_record_that_cannot_be_judged_stops_only_itself((directory, world) in scene(), which in any::<Index>()) {
        let free = unentangled(&directory, &world);
        prop_assume!(!free.is_empty());
        let mut spoilt = directory.clone();
        let (bad, label, judgement) = &mut spoilt.judged[free[which.index(free.len())]];
        let (bad, label) = (bad.clone(), label.clone());
        let detail = "nobody can say what it means".to_owned();
        let refusal = Refusal { reason: Reason::StatusUnknown, user: Some(bad.clone()), label, detail };
        *judgement = Judgement { standing: Standing::Withheld, refusals: vec![refusal.clone()] };

        let (good, plan) = (world.plan(&directory).plan, world.plan(&spoilt).plan);
        prop_assert!(plan.refusals.iter().any(|known| *known == refusal));
        prop_assert!(plan.changes.iter().all(|change| change.subject.user() != Some(&bad)));
        prop_assert_eq!(done_to_others(&plan, &bad), done_to_others(&good, &bad));
        let (mut with, mut without) = (world.clone(), world.clone());
        with.apply(&plan, &spoilt.settings);
        without.apply(&good, &directory.settings);
        prop_assert_eq!(accounts_of_others(&with, &bad), accounts_of_others(&without, &bad));
        prop_assert_eq!(with.ledger.accounts.get(&bad), world.ledger.accounts.get(&bad));
    }
}
