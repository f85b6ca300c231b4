//! Keeps the census of the last reading beside the last that was accepted, and puts what is strange about the one into
//! the notes of the plan. What is strange is decided by [`crate::read::Census`].

use std::collections::{BTreeMap, BTreeSet};

use rollcall_kit::DirectoryId;

use super::error::RunError;
use super::session::Session;
use crate::plan::{Note, Plan};
use crate::read::Census;
use crate::roster::{GroupIndex, Reason};
use crate::snapshot::fact;

impl Session {
    /// Keeps what a reading brought, once it is the mirror.
    ///
    /// # Errors
    ///
    /// If the snapshot cannot be written.
    pub(super) fn keep_census(&self, census: &Census) -> Result<(), RunError> {
        let json = serde_json::to_value(census).map_err(|error| RunError::Internal(error.to_string()))?;
        self.store.set_fact(fact::CENSUS, &json)?;
        Ok(self.store.set_fact(fact::CENSUS_OF, &self.store.mirror_version()?.into())?)
    }

    /// Takes the reading from which this plan was made for the measure of later ones. A plan that removes nothing
    /// because the snapshot is being rebuilt has not shown what the reading leads to.
    ///
    /// # Errors
    ///
    /// If the snapshot cannot be read or written.
    pub(super) fn accept_census(&self, plan: &Plan) -> Result<(), RunError> {
        // Who approved that a run is taken back has not looked at what the directory shows now.
        if plan.undoes.is_some() {
            return Ok(());
        }
        if plan.refusals.iter().any(|refusal| refusal.reason == Reason::SnapshotUnsealed) {
            return Ok(());
        }
        match self.store.fact(fact::CENSUS)? {
            Some(census) if self.store.fact(fact::ACCEPTED_CENSUS)?.as_ref() != Some(&census) => {
                Ok(self.store.set_fact(fact::ACCEPTED_CENSUS, &census)?)
            }
            _ => Ok(()),
        }
    }

    /// What is strange about the reading in the mirror beside the last that was accepted.
    ///
    /// # Errors
    ///
    /// If the snapshot cannot be read.
    pub(super) fn census_notes(&self, groups: &GroupIndex) -> Result<Vec<Note>, RunError> {
        let (Some(earlier), Some(now)) = (self.census(fact::ACCEPTED_CENSUS)?, self.census(fact::CENSUS)?) else {
            return Ok(Vec::new());
        };
        let reached: BTreeSet<&DirectoryId> = groups.reached().collect();
        let wanted = earlier.large_groups.keys().filter(|id| reached.contains(id)).collect();
        let sizes = self.sizes(&wanted, &now)?;
        let findings = now.findings(&earlier, &self.organization.reading, |id| sizes.get(id).copied());
        Ok(findings.into_iter().map(|sentence| Note { sentence, holds: true }).collect())
    }

    /// How many members these groups have now.
    fn sizes(&self, wanted: &BTreeSet<&DirectoryId>, now: &Census) -> Result<BTreeMap<DirectoryId, u64>, RunError> {
        let mut sizes = BTreeMap::new();
        for id in wanted {
            if let Some((_, members)) = now.large_groups.get(id) {
                sizes.insert((*id).clone(), *members);
            }
        }
        if sizes.len() < wanted.len() {
            for id in wanted {
                if !sizes.contains_key(*id)
                    && let Some(group) = self.store.group(id)?
                {
                    sizes.insert(group.id, group.members.len() as u64);
                }
            }
        }
        Ok(sizes)
    }

    pub(super) fn census(&self, which: &str) -> Result<Option<Census>, RunError> {
        match self.store.fact(which)? {
            Some(json) => serde_json::from_value(json)
                .map(Some)
                .map_err(|error| RunError::Internal(format!("the kept census cannot be read: {error}"))),
            None => Ok(None),
        }
    }
}
