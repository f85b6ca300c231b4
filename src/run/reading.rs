//! From the directory to the mirror: read, prove, confirm, commit.
//!
//! Nothing is committed unless the read is certified and every absence that would cost somebody their account was
//! confirmed by a look-up of the id (a directory that says "gone" in a list and "here" when asked is not believed).
//!
//! Whom a look-up finds outside of the connector's reach, the read was right to leave out: where they are and by which
//! setting is the cause of their leaving. Whom it finds within reach the read was wrong to miss, also if the scope would
//! leave them out, because scope is judged on what reads bring: such a read may miss others for the same reason, and
//! members of groups, whom nobody looks up. The run fails, names them and their rule, and they leave by that rule as soon as a
//! read shows them.

use std::collections::{BTreeMap, BTreeSet};

use rollcall_kit::{DirectoryId, DirectoryUser};
use tracing::{Instrument as _, Span};

use super::error::RunError;
use super::event::Event;
use super::session::{Listener, Session};
use super::spans::{step, step_of};
use super::stage::{Doubtful, Extent, Roll};
use crate::read::{self, Absence, Missed, ReadFailure};
use crate::roster::{Leaving, Roster, Standing};
use crate::schedule::Depth;
use crate::snapshot::{StoreError, fact};

/// The span of a reading.
pub(super) fn reads(depth: Depth) -> Span {
    let span = step("read");
    span.record("rollcall.read.depth", depth.word());
    span
}

/// So many users and groups were read when it ended.
pub(super) fn end_of_reading(span: Span, (users, groups): (u64, u64)) {
    span.record("rollcall.read.users", users).record("rollcall.read.groups", groups);
    drop(span);
}

impl Session {
    /// Reads the directory into the mirror.
    ///
    /// # Errors
    ///
    /// If the read is not certified, contradicts itself, or cannot be kept. The mirror is then as it was.
    pub(super) async fn call_the_roll(&self, listener: Listener<'_>) -> Result<Roll, RunError> {
        let previous = self.store.certificate()?;
        let settings = self.organization.reading_hash()?;
        let mut staging = self.store.staging()?;
        let mut arrived = (0, 0);
        let span = reads(Depth::Full);
        let reading = read::drive(&*self.connector, &mut *staging, previous.as_ref(), &settings, |users, groups| {
            arrived = (users, groups);
            listener(Event::Reading { users, groups });
        });
        let reading = reading.instrument(span.clone()).await;
        end_of_reading(span, arrived);
        let reading = reading?;
        let ours = self.ours_among(reading.vanished())?;
        let absences = self.confirm(&ours, listener).await?;
        self.take_traces(&absences, reading.vanished())?;
        step("commit").in_scope(|| self.store.commit(staging, &reading))?;
        self.keep_census(reading.census())?;
        let absences = self.doubted(absences).await?;
        self.remember(&absences)?;
        listener(Event::Read { certificate: reading.certificate().clone() });
        let certificate = reading.certificate().clone();
        Ok(Roll { certificate, absences, changes: None, doubtful: Doubtful::new() })
    }

    /// The roll as it was last called, without asking the directory.
    ///
    /// # Errors
    ///
    /// If the snapshot cannot be read, or holds no certified reading.
    pub(crate) fn last_roll(&self) -> Result<Roll, RunError> {
        let certificate = self.store.certificate()?.ok_or_else(|| {
            RunError::Stale("the snapshot holds no reading of the directory yet; run `rollcall plan` first".to_owned())
        })?;
        let absences = match self.store.fact(fact::ABSENCES)? {
            Some(json) => serde_json::from_value(json)
                .map_err(|error| RunError::Internal(format!("the kept absences cannot be read: {error}")))?,
            None => BTreeMap::new(),
        };
        Ok(Roll { certificate, absences, changes: None, doubtful: Doubtful::new() })
    }

    /// Those of the vanished who have an account of ours.
    fn ours_among(&self, vanished: &[DirectoryId]) -> Result<Vec<DirectoryId>, RunError> {
        let mut ours = Vec::new();
        for id in vanished {
            if self.store.account(id)?.is_some() {
                ours.push(id.clone());
            }
        }
        Ok(ours)
    }

    /// Looks absent users up by id.
    pub(super) async fn confirm(
        &self,
        absent: &[DirectoryId],
        listener: Listener<'_>,
    ) -> Result<BTreeMap<DirectoryId, Leaving>, RunError> {
        if absent.is_empty() {
            return Ok(BTreeMap::new());
        }
        let looking_up = step_of("look up absences", absent.len());
        let tell = |done, of| listener(Event::Confirming { done, of });
        let answers = match read::confirm(&*self.connector, absent, tell).instrument(looking_up).await {
            Err(ReadFailure::Contradiction { number, found }) => return Err(self.contradiction(number, found)?.into()),
            answers => answers?,
        };
        Ok(answers
            .into_iter()
            .map(|(id, absence)| {
                let leaving = match absence {
                    Absence::Gone => Leaving::Vanished,
                    Absence::OutOfReach(detail) => Leaving::OutOfReach { detail },
                    Absence::Inactive(reason, raw) => Leaving::Inactive { reason, raw },
                };
                (id, leaving)
            })
            .collect())
    }

    /// The failure that follows from people who were missed and are there after all, with the rules by which the scope
    /// leaves some of them out anyway. Groups are asked as they were last read.
    fn contradiction(&self, number: usize, mut found: Vec<Missed>) -> Result<ReadFailure, RunError> {
        let missed: BTreeSet<DirectoryId> = found.iter().map(|missed| missed.user.id.clone()).collect();
        let groups = self.index_groups(&self.find_groups_offline(&self.rules)?, &Extent::These(missed))?;
        let nobody = || std::iter::empty::<Result<DirectoryUser, StoreError>>();
        let roster = Roster::new(self.rules.clone(), groups, nobody)?;
        for missed in &mut found {
            if let Standing::Unwanted(leaving) = roster.judge(&missed.user).standing {
                missed.left_out = Some(leaving.to_string());
            }
        }
        Ok(ReadFailure::Contradiction { number, found })
    }

    /// Keeps the confirmed absences, so that a kept plan can be compared without asking again.
    pub(super) fn remember(&self, absences: &BTreeMap<DirectoryId, Leaving>) -> Result<(), RunError> {
        let json = serde_json::to_value(absences).map_err(|error| RunError::Internal(error.to_string()))?;
        Ok(self.store.set_fact(fact::ABSENCES, &json)?)
    }
}
