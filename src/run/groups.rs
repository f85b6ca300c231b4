//! Which groups the rules mean, and who is in them: of everybody, or of those whom a plan judges.
//!
//! Names and nesting of all groups are read without their users. Groups that rules name and the reading did not bring are
//! looked up by id; only what the directory itself calls gone counts as a group without members.

use std::collections::{BTreeMap, BTreeSet};

use rollcall_kit::{DirectoryGroup, DirectoryId, Member};

use super::error::RunError;
use super::session::Session;
use super::stage::Extent;
use crate::roster::{Bindings, GroupIndex, GroupOutline, Rules};
use crate::snapshot::fact;

/// Groups that rules name, found as far as they can be.
#[derive(Clone, Debug)]
pub(crate) struct FoundGroups {
    pub(crate) rules: Rules,
    outline: GroupOutline,
    bindings: Bindings,
    /// Those that are confirmed to be gone.
    pub(super) deleted: BTreeSet<DirectoryId>,
}

impl FoundGroups {
    /// What the groups are like, no matter who is in them.
    pub(super) fn index_of_nobody(&self) -> GroupIndex {
        self.outline.clone().index(&self.rules, &self.bindings, &self.deleted).finish()
    }
}

impl Session {
    /// The groups that these rules name, with look-ups in the directory.
    pub(super) async fn find_groups_of(&self, rules: &Rules) -> Result<FoundGroups, RunError> {
        self.find_groups_bound(rules, self.bindings()?).await
    }

    /// The same with these bindings of names.
    pub(super) async fn find_groups_bound(&self, rules: &Rules, bindings: Bindings) -> Result<FoundGroups, RunError> {
        let mut outline = self.outline()?;
        let mut deleted = BTreeSet::new();
        for (_, id) in outline.unresolved(rules, &bindings) {
            if let Some(id) = id.filter(|id| !deleted.contains(id))
                && self.connector.look_up_group(&id).await?.is_none()
            {
                deleted.insert(id);
            }
        }
        Ok(FoundGroups { rules: rules.clone(), outline, bindings, deleted })
    }

    /// The same from the snapshot alone: gone is what the last run's look-ups called gone.
    pub(crate) fn find_groups_offline(&self, rules: &Rules) -> Result<FoundGroups, RunError> {
        self.find_groups_offline_bound(rules, self.bindings()?)
    }

    /// The same with these bindings of names.
    pub(super) fn find_groups_offline_bound(&self, rules: &Rules, bindings: Bindings) -> Result<FoundGroups, RunError> {
        let deleted = match self.store.fact(fact::DELETED_GROUPS)? {
            Some(json) => serde_json::from_value(json)
                .map_err(|error| RunError::Internal(format!("the kept deletions cannot be read: {error}")))?,
            None => BTreeSet::new(),
        };
        Ok(FoundGroups { rules: rules.clone(), outline: self.outline()?, bindings, deleted })
    }

    fn outline(&self) -> Result<GroupOutline, RunError> {
        let mut outline = GroupOutline::default();
        for group in self.store.group_headers() {
            outline.add(&group?);
        }
        Ok(outline)
    }

    /// Who of these people is in which of the groups.
    pub(super) fn index_groups(&self, found: &FoundGroups, extent: &Extent) -> Result<GroupIndex, RunError> {
        let FoundGroups { rules, outline, bindings, deleted } = found;
        let mut builder = outline.clone().index(rules, bindings, deleted);
        match extent {
            Extent::Everybody => {
                for group in self.store.groups() {
                    builder.add(&group?);
                }
            }
            Extent::These(people) => {
                for (id, users) in self.memberships_among(people)? {
                    let members = users.into_iter().map(Member::User).collect();
                    builder.add(&DirectoryGroup {
                        id,
                        name: String::new(),
                        place: None,
                        members,
                        unresolved_members: 0,
                    });
                }
            }
        }
        Ok(builder.finish())
    }

    /// The groups of these people, with those of them who are in each.
    fn memberships_among(
        &self,
        people: &BTreeSet<DirectoryId>,
    ) -> Result<BTreeMap<DirectoryId, Vec<DirectoryId>>, RunError> {
        let mut members: BTreeMap<DirectoryId, Vec<DirectoryId>> = BTreeMap::new();
        for user in people {
            for group in self.store.groups_of(user)? {
                members.entry(group).or_default().push(user.clone());
            }
        }
        Ok(members)
    }

    pub(super) fn bindings(&self) -> Result<Bindings, RunError> {
        self.bindings_under(fact::BINDINGS)
    }

    pub(super) fn bindings_under(&self, name: &str) -> Result<Bindings, RunError> {
        match self.store.fact(name)? {
            Some(json) => serde_json::from_value(json)
                .map_err(|error| RunError::Internal(format!("the kept group bindings cannot be read: {error}"))),
            None => Ok(Bindings::new()),
        }
    }
}
