//! Groups of ours in the target: those that carry a role, and those that mirror a directory group.
//!
//! Who joins and who leaves is worked out once, group by group, before anybody is walked; the walk then asks for the
//! few that concern each wanted user. Only wanted users join and leave: somebody withheld, absent or on their way out
//! stays a member, for the reasons that [`super::diff`] gives.

use std::collections::{BTreeMap, BTreeSet};

use rollcall_kit::DirectoryId;

use super::change::{Action, Cause, GroupKey, Origin, Subject};
use super::draft::{Draft, Milestone, group_name};
use super::drafts::Drafts;
use super::ledger::LedgerGroup;
use super::matching::GroupMatches;
use super::settings::{PlanSettings, PushedGroup};
use crate::roster::{Reason, Role};

/// A group that ought to be ours.
struct Wished {
    key: GroupKey,
    name: String,
}

/// How the groups change.
pub(super) struct Groups<'a> {
    settings: &'a PlanSettings,
    ledger: &'a BTreeMap<GroupKey, LedgerGroup>,
    /// Groups that can become ours, by key: the draft that makes them so.
    arrivals: BTreeMap<GroupKey, Draft>,
    /// Groups that ought to be ours and cannot be now.
    barred: BTreeSet<GroupKey>,
    /// Roles that somebody is given, whose groups are therefore needed.
    needed: BTreeSet<GroupKey>,
    /// By user: indices of pushed groups that they join.
    joins: BTreeMap<&'a DirectoryId, Vec<usize>>,
    /// By user: indices of pushed groups that they leave.
    leaves: BTreeMap<&'a DirectoryId, Vec<usize>>,
}

impl<'a> Groups<'a> {
    /// Works out which groups come, go and are renamed, and who joins and leaves.
    pub(super) fn new(
        settings: &'a PlanSettings,
        ledger: &'a BTreeMap<GroupKey, LedgerGroup>,
        matches: &GroupMatches,
        drafts: &mut Drafts,
    ) -> Self {
        let mut groups = Self {
            settings,
            ledger,
            arrivals: BTreeMap::new(),
            barred: BTreeSet::new(),
            needed: BTreeSet::new(),
            joins: BTreeMap::new(),
            leaves: BTreeMap::new(),
        };
        let departing = groups.rename_and_delete(drafts);
        groups.plan_arrivals(matches, &departing, drafts);
        groups.compare_members();
        groups
    }

    /// Renames and deletes groups of ours; yields the target's ids of those that give up their names.
    fn rename_and_delete(&self, drafts: &mut Drafts) -> BTreeSet<&'a str> {
        let mut departing = BTreeSet::new();
        let pushed: BTreeMap<&GroupKey, &PushedGroup> =
            self.settings.pushed_groups.iter().map(|group| (&group.key, group)).collect();
        for (key, held) in self.ledger.iter().filter(|(key, _)| matches!(key, GroupKey::Directory(_))) {
            if self.settings.held_groups.contains(key) {
                continue;
            }
            let draft = match pushed.get(key) {
                Some(group) if group.name == held.name => continue,
                Some(group) => {
                    let action = Action::RenameGroup { from: held.name.clone() };
                    let subject = group_subject(key, Some(&held.target_id), &group.name);
                    let mut draft = Draft::new(subject, action, vec![Cause::GroupRenamed]);
                    draft.takes.extend([group_name(&group.name)]);
                    draft
                }
                None => {
                    let subject = group_subject(key, Some(&held.target_id), &held.name);
                    Draft::new(subject, Action::DeleteGroup, vec![Cause::GroupUnmapped])
                }
            };
            departing.insert(held.target_id.as_str());
            drafts.push(with_freed(draft, &held.name));
        }
        departing
    }

    /// Groups that ought to be ours are created, or adopted if one of exactly this name is there.
    fn plan_arrivals(&mut self, matches: &GroupMatches, departing: &BTreeSet<&str>, drafts: &mut Drafts) {
        let ours: BTreeMap<&str, &LedgerGroup> =
            self.ledger.values().map(|group| (group.target_id.as_str(), group)).collect();
        let wished = self.wished();
        for Wished { key, name } in &wished {
            let namesakes = wished.iter().filter(|other| other.name.to_lowercase() == name.to_lowercase()).count();
            let found = matches.get(name);
            let arrival = match found {
                _ if namesakes > 1 => Err((
                    Reason::GroupAmbiguous,
                    format!("several groups would be called {name} in the target; none of them is made"),
                )),
                None => Err((
                    Reason::MatchUnknown,
                    format!("nobody can say whether the target has a group {name} already; it is not created"),
                )),
                Some(Some(id)) if ours.contains_key(id.as_str()) && !departing.contains(id.as_str()) => Err((
                    Reason::AccountContested,
                    format!("the group {name} in the target mirrors another group already; it is not adopted"),
                )),
                Some(Some(id)) if !ours.contains_key(id.as_str()) => Ok((Some(id.as_str()), Action::AdoptGroup)),
                Some(_) => Ok((None, Action::CreateGroup)),
            };
            match arrival {
                Ok((id, action)) => {
                    let mut causes = vec![Cause::GroupMapped];
                    causes.extend(id.map(|_| Cause::FoundInTarget { origin: Origin::Adopted }));
                    let mut draft = Draft::new(group_subject(key, id, name), action, causes);
                    draft.takes.extend(id.is_none().then(|| group_name(name)));
                    self.arrivals.insert(key.clone(), draft);
                }
                Err((reason, detail)) => {
                    drafts.refuse_group(reason, name, detail);
                    self.barred.insert(key.clone());
                }
            }
        }
    }

    /// Groups that ought to be ours and are not yet.
    fn wished(&self) -> Vec<Wished> {
        let roles = self.settings.managed_roles.keys().filter(|_| self.settings.role_delivery_is_groups);
        let roles = roles.map(|role| Wished { key: GroupKey::Role(role.clone()), name: role.0.clone() });
        let pushed = self.settings.pushed_groups.iter();
        let pushed = pushed.map(|group| Wished { key: group.key.clone(), name: group.name.clone() });
        roles
            .chain(pushed)
            .filter(|wish| !self.ledger.contains_key(&wish.key) && !self.settings.held_groups.contains(&wish.key))
            .collect()
    }

    /// Compares members with those that we last wrote, never with those that the target shows: many targets do not
    /// show them truthfully.
    fn compare_members(&mut self) {
        static NOBODY: BTreeSet<DirectoryId> = BTreeSet::new();
        for (index, group) in self.settings.pushed_groups.iter().enumerate() {
            if self.barred.contains(&group.key) || self.settings.held_groups.contains(&group.key) {
                continue;
            }
            let has = self.ledger.get(&group.key).map_or(&NOBODY, |held| &held.members);
            for user in group.members.difference(has) {
                self.joins.entry(user).or_default().push(index);
            }
            for user in has.difference(&group.members) {
                self.leaves.entry(user).or_default().push(index);
            }
        }
    }

    /// Lets a granted role wait for its group. False if the group cannot be had now.
    pub(super) fn carry(&mut self, role: &Role, needs: &mut Vec<Milestone>) -> bool {
        let key = GroupKey::Role(role.clone());
        if !self.settings.role_delivery_is_groups || self.ledger.contains_key(&key) {
            return true;
        }
        if !self.arrivals.contains_key(&key) {
            return false;
        }
        needs.push(Milestone::Group(key.clone()));
        self.needed.insert(key);
        true
    }

    /// The memberships of a wanted user follow the directory.
    pub(super) fn follow(&self, drafts: &mut Drafts, user: &DirectoryId, subject: &Subject, needs: &[Milestone]) {
        for index in self.leaves.get(user).into_iter().flatten() {
            self.leave(drafts, *index, subject, needs);
        }
        for index in self.joins.get(user).into_iter().flatten() {
            self.join(drafts, *index, subject, needs);
        }
    }

    /// The same for somebody who takes over an account, with the memberships that its old owner had.
    pub(super) fn follow_relinked(
        &self,
        drafts: &mut Drafts,
        (from, to): (&DirectoryId, &DirectoryId),
        subject: &Subject,
        needs: &[Milestone],
    ) {
        for (index, group) in self.settings.pushed_groups.iter().enumerate() {
            if self.barred.contains(&group.key) || self.settings.held_groups.contains(&group.key) {
                continue;
            }
            let has = self.ledger.get(&group.key).is_some_and(|held| held.members.contains(from));
            match (has, group.members.contains(to)) {
                (true, false) => self.leave(drafts, index, subject, needs),
                (false, true) => self.join(drafts, index, subject, needs),
                _ => {}
            }
        }
    }

    fn join(&self, drafts: &mut Drafts, index: usize, subject: &Subject, needs: &[Milestone]) {
        let group = &self.settings.pushed_groups[index];
        let mut needs = needs.to_vec();
        needs.extend((!self.ledger.contains_key(&group.key)).then(|| Milestone::Group(group.key.clone())));
        let action = Action::AddMember { group: group.key.clone(), group_name: group.name.clone() };
        drafts.push(Draft::new(subject.clone(), action, vec![Cause::MembershipChanged]).needing(needs));
    }

    fn leave(&self, drafts: &mut Drafts, index: usize, subject: &Subject, needs: &[Milestone]) {
        let group = &self.settings.pushed_groups[index];
        let action = Action::RemoveMember { group: group.key.clone(), group_name: group.name.clone() };
        drafts.push(Draft::new(subject.clone(), action, vec![Cause::MembershipChanged]).needing(needs.to_vec()));
    }

    /// Hands over the groups that come. A group that carries a role comes only when somebody is given the role.
    pub(super) fn settle(self, drafts: &mut Drafts) {
        for (key, draft) in self.arrivals {
            if matches!(key, GroupKey::Directory(_)) || self.needed.contains(&key) {
                drafts.push(draft);
            }
        }
    }
}

fn with_freed(mut draft: Draft, name: &str) -> Draft {
    draft.frees.extend([group_name(name)]);
    draft
}

fn group_subject(key: &GroupKey, target_id: Option<&str>, name: &str) -> Subject {
    Subject::Group { key: key.clone(), target_id: target_id.map(ToOwned::to_owned), name: name.to_owned() }
}
