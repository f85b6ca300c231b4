//! Finds out whom protected groups and protected values protect, for the guard, which only compares.
//!
//! Groups are asked as the rules ask them: names bound to ids, members of member groups included, look-ups before
//! anything counts as deleted. Somebody whom the directory does not show any more counts with the groups in which they
//! were last seen: whoever hides a board member must not put them out. The target is only read, and only for accounts
//! that the plan would put out.

use std::collections::{BTreeMap, BTreeSet};

use futures::{StreamExt as _, stream};
use rollcall_kit::DirectoryId;

use super::error::RunError;
use super::groups::FoundGroups;
use super::reconcile::LOOK_UPS;
use super::session::{Session, compile_rules};
use super::stage::Extent;
use crate::guard::{AccountMark, ProtectedBy, Protection};
use crate::plan::{Kinds, Note, Plan};
use crate::read::Traces;
use crate::roster::groups::Membership;
use crate::roster::{GroupIndex, GroupRef, RosterSettings, Rules, ScopeSettings};
use crate::snapshot::fact;

type Found = BTreeMap<DirectoryId, ProtectedBy>;

/// Protected values, as people write them, each with the target's id of an account that was seen to carry it.
type Carriers = BTreeMap<String, Option<String>>;

impl Session {
    /// The protected groups; nothing if none is configured. Groups that the directory calls deleted are
    /// added to `deleted`.
    ///
    /// # Errors
    ///
    /// If the snapshot cannot be read, or the directory does not answer.
    pub(super) async fn protected_groups(
        &self,
        deleted: &mut BTreeSet<DirectoryId>,
    ) -> Result<Option<FoundGroups>, RunError> {
        let Some(rules) = self.protecting_rules()? else { return Ok(None) };
        let bindings = self.bindings_under(fact::PROTECTED_BINDINGS)?;
        let groups = self.find_groups_bound(&rules, bindings).await?;
        deleted.extend(groups.deleted.iter().cloned());
        self.keep_if_new(fact::PROTECTED_BINDINGS, groups.index_of_nobody().bindings())?;
        Ok(Some(groups))
    }

    /// The same from the snapshot alone.
    pub(super) fn protected_groups_offline(&self, extent: &Extent) -> Result<Option<GroupIndex>, RunError> {
        let Some(rules) = self.protecting_rules()? else { return Ok(None) };
        let bindings = self.bindings_under(fact::PROTECTED_BINDINGS)?;
        let groups = self.find_groups_offline_bound(&rules, bindings)?;
        self.index_groups(&groups, extent).map(Some)
    }

    /// Rules that name the protected groups and nothing else, so that they are found as those of any rule are.
    fn protecting_rules(&self) -> Result<Option<Rules>, RunError> {
        let groups = &self.organization.protection.groups;
        if groups.is_empty() {
            return Ok(None);
        }
        let scope = ScopeSettings { groups: groups.clone(), ..ScopeSettings::default() };
        let domains = self.organization.roster.domains.clone();
        compile_rules(&RosterSettings { domains, scope, ..RosterSettings::default() }).map(Some)
    }

    /// The protection for this plan. Adds to the plan's notes which protected groups cannot be told.
    ///
    /// # Errors
    ///
    /// If the snapshot cannot be read or written. A target that does not answer is no error: what it is not known of
    /// stays in.
    pub(super) async fn protection(
        &self,
        plan: &mut Plan,
        groups: Option<&GroupIndex>,
    ) -> Result<Protection, RunError> {
        let exits = exits(plan);
        let mut found = self.among_members(&exits, groups)?;
        if !self.organization.protection.accounts.is_empty() {
            let rest: Vec<DirectoryId> = exits.iter().filter(|user| !found.contains_key(*user)).cloned().collect();
            let marked = self.marked(rest).await?;
            self.keep_if_new(fact::PROTECTED_ACCOUNTS, &marked)?;
            found.extend(marked);
            if !exits.is_empty() {
                self.look_for_carriers(&found).await?;
            }
        }
        self.protecting(plan, groups, &exits, found)
    }

    /// The same from the snapshot alone: which values accounts carry is what the last plan found.
    pub(crate) fn protection_offline(&self, plan: &mut Plan, extent: &Extent) -> Result<Protection, RunError> {
        let groups = self.protected_groups_offline(extent)?;
        let exits = exits(plan);
        let mut found = self.among_members(&exits, groups.as_ref())?;
        if !self.organization.protection.accounts.is_empty()
            && let Some(json) = self.store.fact(fact::PROTECTED_ACCOUNTS)?
        {
            let marked: Found = serde_json::from_value(json)
                .map_err(|error| RunError::Internal(format!("the kept protected accounts cannot be read: {error}")))?;
            found.extend(marked.into_iter().filter(|(user, _)| exits.contains(user)));
        }
        self.protecting(plan, groups.as_ref(), &exits, found)
    }

    fn protecting(
        &self,
        plan: &mut Plan,
        groups: Option<&GroupIndex>,
        exits: &BTreeSet<DirectoryId>,
        found: Found,
    ) -> Result<Protection, RunError> {
        let settings = self.organization.protection.clone();
        let protection = Protection { settings, roles: self.organization.protected_roles(), found };
        let holds = exits.iter().any(|user| !protection.found.contains_key(user));
        if let Some(groups) = groups {
            plan.notes.extend(notes(&protection.settings.groups, groups, holds));
        }
        if holds {
            let carriers = self.carriers()?;
            let seen = |mark: &AccountMark| carriers.get(&mark.to_string()).is_none_or(Option::is_some);
            let idle = protection.settings.accounts.iter().filter(|mark| !seen(mark));
            plan.notes.extend(idle.map(|mark| Note { sentence: protects_nobody(mark), holds }));
        }
        plan.notes.sort();
        Ok(protection)
    }

    /// Looks for an account that carries each of the protected values: a value that the target never returns, or that is
    /// spelled otherwise there, protects nobody, and nothing else would tell. Who carried it last time is asked first.
    async fn look_for_carriers(&self, found: &Found) -> Result<(), RunError> {
        let (known, mut carriers) = (self.carriers()?, Carriers::new());
        for mark in &self.organization.protection.accounts {
            let name = mark.to_string();
            let carried = found.iter().find(|(_, by)| **by == ProtectedBy::Mark(mark.clone())).map(|(user, _)| user);
            let mut carrier = match carried {
                Some(user) => self.store.account(user)?.map(|account| account.target_id),
                None => None,
            };
            if let (None, Some(Some(id))) = (&carrier, known.get(&name)) {
                let shown = self.reader().texts(id, &[&mark.attribute]).await.ok().flatten();
                carrier = shown.filter(|shown| mark.is_among(shown)).map(|_| id.clone());
            }
            if carrier.is_none() {
                // A target that does not answer shows nobody who carries it either.
                carrier = self.reader().carrier(mark).await.unwrap_or_default();
            }
            carriers.insert(name, carrier);
        }
        self.keep_if_new(fact::PROTECTED_CARRIERS, &carriers)
    }

    fn carriers(&self) -> Result<Carriers, RunError> {
        match self.store.fact(fact::PROTECTED_CARRIERS)? {
            Some(json) => serde_json::from_value(json)
                .map_err(|error| RunError::Internal(format!("the kept protected values cannot be read: {error}"))),
            None => Ok(Carriers::new()),
        }
    }

    /// Those whom a protected group protects.
    fn among_members(&self, exits: &BTreeSet<DirectoryId>, groups: Option<&GroupIndex>) -> Result<Found, RunError> {
        match groups {
            Some(groups) if !exits.is_empty() => {
                let places = self.organization.protection.groups.len();
                Ok(members(exits, (groups, places), &self.traces()?))
            }
            _ => Ok(Found::new()),
        }
    }

    /// Those whose account carries a protected value in the target, or may carry one: the target did not tell.
    async fn marked(&self, users: Vec<DirectoryId>) -> Result<Found, RunError> {
        let mut accounts = Vec::new();
        for user in users {
            accounts.extend(self.store.account(&user)?.map(|account| (user, account.target_id)));
        }
        let marks = &self.organization.protection.accounts;
        let attributes: Vec<&str> = marks.iter().map(|mark| mark.attribute.as_str()).collect();
        let attributes = &attributes;
        let answers = stream::iter(accounts).map(|(user, id)| async move {
            let by = match self.reader().texts(&id, attributes).await {
                Err(error) => Some(ProtectedBy::Unread(error.to_string())),
                Ok(None) => None,
                Ok(Some(shown)) => {
                    let carried = marks.iter().find(|mark| mark.is_among(&shown));
                    carried.cloned().map(ProtectedBy::Mark)
                }
            };
            by.map(|by| (user, by))
        });
        Ok(answers.buffer_unordered(LOOK_UPS).filter_map(std::future::ready).collect().await)
    }
}

/// Whom the plan would put out.
fn exits(plan: &Plan) -> BTreeSet<DirectoryId> {
    plan.changes.of_kinds(Kinds::EXITS).filter_map(|change| change.subject.user().cloned()).collect()
}

/// Those who are in one of the protected groups, so many as there are, or were when they left their trace.
fn members(exits: &BTreeSet<DirectoryId>, (groups, places): (&GroupIndex, usize), traces: &Traces) -> Found {
    let protecting = |user: &DirectoryId| {
        let now = groups.belonging(user);
        let before = traces.get(user).map(|trace| groups.belonging_through(trace.all_groups()));
        std::iter::once(now).chain(before).find_map(|belonging| {
            (0..places).find_map(|place| match belonging.in_scope_group(place) {
                Membership::In(number) => groups.group(number).map(|(_, name)| ProtectedBy::Group(name.to_owned())),
                Membership::Out | Membership::Unknown(_) => None,
            })
        })
    };
    exits.iter().filter_map(|user| Some((user.clone(), protecting(user)?))).collect()
}

/// What is said of a protected value that no account shows.
fn protects_nobody(mark: &AccountMark) -> String {
    format!(
        "protect.accounts protects nobody by {mark}: the target shows no account that carries it, neither when it is asked \
         for one nor in its list. Perhaps it never returns that attribute, or spells it otherwise. Compare it with an account \
         in the target, or take it out of protect.accounts. Until then every plan that deactivates or deletes somebody waits \
         for a person."
    )
}

/// Protected groups of which it is not known who is in them. Whoever is put out may be one of those.
fn notes(protected: &[GroupRef], groups: &GroupIndex, holds: bool) -> Vec<Note> {
    let stranger = groups.belonging_through(std::iter::empty());
    let trouble = |(place, group): (usize, &GroupRef)| {
        let why = match stranger.in_scope_group(place) {
            _ if groups.is_gone_in_scope(place) => "it was deleted in the directory",
            Membership::Unknown(_) => {
                "it, or a group inside of it, was not in what the directory sent, or another group is called the same"
            }
            Membership::In(_) | Membership::Out => return None,
        };
        let sentence = format!(
            "It is not known whom the group {} of protect.groups protects: {why}. Check its name or name it by its id, \
             check the permissions and the search base, or take it out of protect.groups. Until then every plan that \
             deactivates or deletes somebody waits for a person.",
            group.label()
        );
        Some(Note { sentence, holds })
    };
    protected.iter().enumerate().filter_map(trouble).collect()
}

#[cfg(test)]
mod tests;
