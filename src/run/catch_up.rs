//! From the directory's stream of changes to the mirror: the quick runs between full reads.
//!
//! What is told is laid over the mirror, together with the place up to which it was told, and planned from as ever. Only
//! a full read finds out who is missing; so a run reads in full whenever the stream cannot be trusted to have told
//! everything since the last one, and when that is too long ago.

use std::collections::BTreeMap;

use jiff::Timestamp;
use rollcall_kit::rest::Met;
use rollcall_kit::{DirectoryId, Member};
use tracing::Instrument as _;

use super::error::RunError;
use super::event::Event;
use super::reading::{end_of_reading, reads};
use super::session::{Listener, Session};
use super::spans::step;
use super::stage::{Doubtful, Roll};
use crate::plan::Note;
use crate::read::{self, Census, CensusMoves, Place, ReadFailure, StagingError};
use crate::schedule::Depth;
use crate::snapshot::fact;

/// Why a run that was to read what changed reads everything.
enum ReadsInFull {
    CannotTell,
    NoPlace,
    OtherSettings,
    Unsealed,
    TooLongAgo(Timestamp),
    PlaceLost,
}

impl ReadsInFull {
    fn sentence(&self) -> String {
        match self {
            Self::CannotTell => "this directory cannot tell what changed".to_owned(),
            Self::NoPlace => "no full read has left a place from which changes can be followed".to_owned(),
            Self::OtherSettings => "the settings by which the directory is read were edited since".to_owned(),
            Self::Unsealed => "the snapshot does not match its seal".to_owned(),
            Self::TooLongAgo(when) => {
                format!("the last full read began at {when:.0}, longer ago than `reading.full_every` allows")
            }
            Self::PlaceLost => "the directory does not know any more what changed since the last run".to_owned(),
        }
    }
}

impl Session {
    /// Reads the directory into the mirror: everything, or what changed.
    ///
    /// # Errors
    ///
    /// As [`Session::call_the_roll`].
    pub(super) async fn read_directory(&self, depth: Depth, listener: Listener<'_>) -> Result<Roll, RunError> {
        if depth == Depth::Incremental {
            match self.catch_up(listener).await? {
                Ok(roll) => return Ok(roll),
                Err(why) => listener(Event::ReadingInFull { why: why.sentence() }),
            }
        }
        self.call_the_roll(listener).await
    }

    /// Reads what changed, unless only a full read helps.
    async fn catch_up(&self, listener: Listener<'_>) -> Result<Result<Roll, ReadsInFull>, RunError> {
        let since = match self.followed_place()? {
            Ok(place) => place,
            Err(why) => return Ok(Err(why)),
        };
        let Some(certificate) = self.store.certificate()? else { return Ok(Err(ReadsInFull::NoPlace)) };
        let mut staging = self.store.staging_changes()?;
        let knows = |id: &DirectoryId| match self.store.user(id) {
            Ok(user) => Ok(user.is_some()),
            Err(error) => Err(StagingError(error.to_string())),
        };
        let mut arrived = (0, 0);
        let span = reads(Depth::Incremental);
        let told = read::catch_up(&*self.connector, &mut *staging, &since, &knows, |users, groups| {
            arrived = (users, groups);
            listener(Event::Reading { users, groups });
        });
        let told = told.instrument(span.clone()).await;
        end_of_reading(span, arrived);
        let Some(increment) = told? else {
            self.store.forget_place()?;
            return Ok(Err(ReadsInFull::PlaceLost));
        };
        let before = self.store.mirror_version()?;
        let moves = step("commit").in_scope(|| self.store.commit_changes(staging, &increment))?;
        if self.store.mirror_version()? != before {
            self.follow_census(&moves, before)?;
        }
        let changes = increment.changes().clone();
        listener(Event::CaughtUp { changes: changes.clone() });
        // Whose account is to go because they are missing is looked up again before it goes, as in every run.
        Ok(Ok(Roll { certificate, absences: BTreeMap::new(), changes: Some(changes), doubtful: Doubtful::new() }))
    }

    /// The place from which changes can be read, or why there is none.
    fn followed_place(&self) -> Result<Result<Place, ReadsInFull>, RunError> {
        if !self.connector.capabilities().incremental {
            return Ok(Err(ReadsInFull::CannotTell));
        }
        if !self.store.is_sealed() {
            return Ok(Err(ReadsInFull::Unsealed));
        }
        let (Some(place), Some(certificate)) = (self.store.place()?, self.store.certificate()?) else {
            return Ok(Err(ReadsInFull::NoPlace));
        };
        if !self.organization.is_reading_hash(&place.settings) {
            return Ok(Err(ReadsInFull::OtherSettings));
        }
        let (now, began) = ((self.clock)(), certificate.started());
        // A clock that was set back says nothing about how long ago it was.
        if began > now || now.duration_since(began) > self.organization.reading.full_every.signed() {
            return Ok(Err(ReadsInFull::TooLongAgo(began)));
        }
        // The hash may be one of the version before, which is replaced by ours when the place moves on.
        Ok(Ok(Place { settings: self.organization.reading_hash()?, ..place }))
    }

    /// Lets the census follow changes of a mirror that was of this version before, so that what is strange about it is
    /// noticed whichever way it came about. A census of another mirror is of no use: everything is counted then.
    fn follow_census(&self, moves: &CensusMoves, before: u64) -> Result<(), RunError> {
        let counted = self.store.fact(fact::CENSUS_OF)?.and_then(|version| version.as_u64());
        let Some(mut census) = self.census(fact::CENSUS)?.filter(|_| counted == Some(before)) else {
            return self.recount();
        };
        census.follow(moves, |group| self.size_of(group))?;
        self.keep_census(&census)
    }

    /// How many members of a group the mirror has.
    fn size_of(&self, group: &DirectoryId) -> Result<u64, RunError> {
        let mut size = 0;
        for member in self.store.group(group)?.map(|group| group.members).unwrap_or_default() {
            let is_there = match member {
                Member::User(id) => self.store.user(&id)?.is_some(),
                Member::Group(id) => self.store.group(&id)?.is_some(),
            };
            size += u64::from(is_there);
        }
        Ok(size)
    }

    /// Counts the mirror, so that what is strange about it is noticed whichever way it came about. A member who is not
    /// in the mirror is not counted, as a full read names none: the next one would seem to have lost them.
    fn recount(&self) -> Result<(), RunError> {
        let (mut census, mut there) = (Census::default(), Met::default());
        for user in self.store.users() {
            let user = user?;
            there.meet(user.id.as_str());
            census.count_user(&user);
        }
        for group in self.store.groups() {
            there.meet(group?.id.as_str());
        }
        for group in self.store.groups() {
            let mut group = group?;
            group.members.retain(|member| match member {
                Member::User(id) | Member::Group(id) => there.contains(id.as_str()),
            });
            census.count_group(&group);
        }
        self.keep_census(&census)
    }

    /// What a failed run leaves behind of the place. If somebody was found whom the mirror misses, the stream has kept
    /// something from us, and only a full read mends that.
    pub(super) fn doubt_the_place(&self, error: &RunError) -> Result<(), RunError> {
        let contradicted = matches!(error, RunError::Read(ReadFailure::Contradiction { .. }));
        match contradicted && self.store.place()?.is_some() {
            true => Ok(self.store.forget_place()?),
            false => Ok(()),
        }
    }
}

/// What the reader of a plan should know that was made from changes alone.
const FROM_CHANGES: &str = "Only what the directory told of its changes was read for this plan; who is merely missing is \
                            found by the next full read.";

/// What the reader of a plan should know if no more than changes was read for it.
pub(super) fn note_of_changes(roll: &Roll) -> Option<Note> {
    roll.changes.as_ref().map(|_| Note { sentence: FROM_CHANGES.to_owned(), holds: false })
}

/// Whether a note says so.
pub(super) fn is_note_of_changes(note: &Note) -> bool {
    note.sentence == FROM_CHANGES
}
