//! Whether scope, mapping or the directory's settings were edited since the last plan that was applied, and what the
//! rules before would ask for.
//!
//! The rules that were applied last are kept whole, not only as a hash, so that everybody can be judged under them once
//! more: over the same mirror, with the same answers of directory and target.

use rollcall_kit::DigestError;
use serde::{Deserialize, Serialize};

use super::error::RunError;
use super::groups::FoundGroups;
use super::session::Session;
use super::stage::{Doubtful, Extent, Roll};
use crate::config::Organization;
use crate::plan::{Edited, GroupMatches, Matches, Note};
use crate::roster::{RosterSettings, Rules};
use crate::snapshot::fact;

/// The rules of the last plan that was applied.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct AppliedRules {
    /// The hash of all of them.
    hash: String,
    /// The hash of what decides whom we are shown.
    reading: String,
    /// Scope, mapping and roles.
    roster: RosterSettings,
}

impl AppliedRules {
    pub(super) fn of(organization: &Organization) -> Result<Self, DigestError> {
        Ok(Self {
            hash: organization.rules_hash()?,
            reading: organization.reading_hash()?,
            roster: organization.roster.clone(),
        })
    }
}

/// What was edited.
pub(super) enum Since {
    /// Nothing, or nothing was ever applied.
    Nothing,
    /// Something, and the rules before are not known.
    Unknown,
    /// Something. These are the rules before, and whether the directory is read otherwise, too.
    Rules(Box<Rules>, bool),
}

impl Session {
    /// What was edited since the last plan that was applied.
    pub(super) fn edited_since(&self) -> Result<Since, RunError> {
        let Some(kept) = self.store.fact(fact::APPLIED_RULES)? else {
            return Ok(Since::Nothing);
        };
        // An earlier version kept nothing but the hash.
        let hash = kept.as_str().or_else(|| kept.get("hash")?.as_str());
        if hash.is_some_and(|hash| self.organization.is_rules_hash(hash)) {
            return Ok(Since::Nothing);
        }
        let applied = serde_json::from_value::<AppliedRules>(kept).ok();
        let known = applied.and_then(|applied| {
            let rules = Rules::compile(&applied.roster).ok()?;
            Some(Since::Rules(Box::new(rules), !self.organization.is_reading_hash(&applied.reading)))
        });
        Ok(known.unwrap_or(Since::Unknown))
    }

    /// Plans under the rules before, with the answers that directory and target gave for the rules now.
    pub(super) fn under_rules_before(
        &self,
        reading: bool,
        groups: &FoundGroups,
        doubtful: Doubtful,
        roll: &Roll,
        (matches, group_matches): (&Matches, &GroupMatches),
    ) -> Result<Edited, RunError> {
        let stage = self.stage_over(groups, doubtful, Extent::Everybody)?;
        let planned = self.diff(&stage, roll, (matches, group_matches), Vec::new(), None)?;
        Ok(Edited::ToldApart { before: Box::new(planned.plan), reading })
    }

    /// The same from the snapshot alone.
    pub(crate) fn edited_offline(&self, roll: &Roll) -> Result<Option<Edited>, RunError> {
        match self.edited_since()? {
            Since::Nothing => Ok(None),
            Since::Unknown => Ok(Some(Edited::Unknown)),
            Since::Rules(rules, reading) => {
                let groups = self.find_groups_offline(&rules)?;
                let answers = (&Matches::new(), &GroupMatches::new());
                self.under_rules_before(reading, &groups, Doubtful::new(), roll, answers).map(Some)
            }
        }
    }

    /// The same with what directory and target answered.
    pub(super) async fn edited(
        &self,
        doubtful: Doubtful,
        roll: &Roll,
        answers: (&Matches, &GroupMatches),
    ) -> Result<Option<Edited>, RunError> {
        match self.edited_since()? {
            Since::Nothing => self.renew_applied_rules().map(|()| None),
            Since::Unknown => Ok(Some(Edited::Unknown)),
            Since::Rules(rules, reading) => {
                // Whoever took a rule out because its group cannot be asked about is not to be asked about it for ever.
                let groups = match self.find_groups_of(&rules).await {
                    Ok(groups) => groups,
                    Err(error) => {
                        tracing::warn!(
                            "groups of the rules before cannot be looked up; they count as not found: {error}"
                        );
                        self.find_groups_offline(&rules)?
                    }
                };
                self.under_rules_before(reading, &groups, doubtful, roll, answers).map(Some)
            }
        }
    }

    /// Keeps the same rules as this version does, if the version before kept them: a later edit of what that one counted
    /// and this one does not would be taken for an edit of the rules.
    fn renew_applied_rules(&self) -> Result<(), RunError> {
        let kept = self.store.fact(fact::APPLIED_RULES)?;
        let ours = self.organization.rules_hash()?;
        let is_old = kept.is_some_and(|kept| kept.get("hash").is_some_and(|hash| *hash != ours));
        if is_old { self.keep_applied_rules() } else { Ok(()) }
    }

    /// Keeps the rules as those that were applied last: one record, so that a crash leaves all of them or none.
    pub(super) fn keep_applied_rules(&self) -> Result<(), RunError> {
        let applied = AppliedRules::of(&self.organization)?;
        let json = serde_json::to_value(applied).map_err(|error| RunError::Internal(error.to_string()))?;
        Ok(self.store.set_fact(fact::APPLIED_RULES, &json)?)
    }
}

/// What the reader of the plan should know about the edit.
pub(super) fn note(edited: &Edited) -> Note {
    let sentence = match edited {
        Edited::Unknown => {
            "Scope, mapping or the directory's settings were edited since the last plan that was applied. What they \
             were before was not kept, so whatever takes something away counts as the edit's."
        }
        Edited::ToldApart { reading: true, .. } => {
            "The directory's settings were edited since the last plan that was applied. What they let us see cannot be \
             told apart from what the directory changed, so only what the directory itself says of somebody counts as \
             the directory's."
        }
        Edited::ToldApart { reading: false, .. } => {
            "Scope, mapping or roles were edited since the last plan that was applied. What that asks for is told apart \
             from what the directory changed."
        }
    };
    Note { sentence: sentence.to_owned(), holds: false }
}
