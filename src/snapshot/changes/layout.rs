//! Where the records of changes lie, and how they are packed. Pure.
//!
//! A record's keys never change once it is written. A later shape of a value is a later version byte of the codec.

use jiff::civil::date;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::apply::record::Causes;
use crate::apply::{ChangeRecord, ChangeSubject, Deed, RecordedOutcome, Topic, compact_id};
use crate::plan::{ChangeId, GroupKey};
use crate::snapshot::keys::{self, Key};

/// What one run did to one person or group.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Chapter {
    /// The target's id of the account or group.
    #[serde(with = "compact_id")]
    target_id: String,
    /// In the order in which they were entered.
    changes: Vec<Line>,
}

/// One change, without what its chapter says of all of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Line {
    change: ChangeId,
    deed: Deed,
    causes: Causes,
    outcome: RecordedOutcome,
    at: i64,
}

/// What became of a change that was to be entered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Entered {
    /// It was not there before.
    New,
    /// It was there, and is as it was told last.
    Again,
}

impl Chapter {
    /// Enters a change. One that is there already takes what is told now, but for a failure: a change that was carried
    /// out once was carried out.
    pub(super) fn enter(&mut self, record: &ChangeRecord) -> Entered {
        if !record.target_id.is_empty() {
            self.target_id.clone_from(&record.target_id);
        }
        let line = Line {
            change: record.change,
            deed: record.deed.clone(),
            causes: record.causes.clone(),
            outcome: record.outcome.clone(),
            at: record.at,
        };
        match self.changes.iter_mut().find(|known| known.change == line.change) {
            Some(known) => {
                if line.outcome.is_done() || !known.outcome.is_done() {
                    *known = line;
                }
                Entered::Again
            }
            None => {
                self.changes.push(line);
                Entered::New
            }
        }
    }

    /// Whether the same was tried here and failed.
    pub(super) fn has_failed(&self, deed: &Deed) -> bool {
        self.changes.iter().any(|line| line.deed == *deed && !line.outcome.is_done())
    }

    /// One of its changes.
    pub(super) fn change(&self, subject: &ChangeSubject, change: ChangeId) -> Option<ChangeRecord> {
        self.changes.iter().find(|line| line.change == change).map(|line| self.whole(subject, line))
    }

    /// All of its changes, the last of the plan first.
    pub(super) fn newest_first(&self, subject: &ChangeSubject) -> Vec<ChangeRecord> {
        let mut changes: Vec<ChangeRecord> = self.changes.iter().map(|line| self.whole(subject, line)).collect();
        changes.sort_by_key(|record| std::cmp::Reverse(record.change));
        changes
    }

    fn whole(&self, subject: &ChangeSubject, line: &Line) -> ChangeRecord {
        ChangeRecord {
            change: line.change,
            subject: subject.clone(),
            target_id: self.target_id.clone(),
            deed: line.deed.clone(),
            causes: line.causes.clone(),
            outcome: line.outcome.clone(),
            at: line.at,
        }
    }
}

/// Changes of one run and one day that were settled together.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Step {
    /// The run, by its number.
    pub(super) run: u64,
    /// To whom what was done: the numbers of the changes.
    pub(super) subjects: Vec<(ChangeSubject, Vec<ChangeId>)>,
    /// What the changes are about, each with those of [`Step::changes`] that are.
    pub(super) topics: Vec<(Topic, Vec<u32>)>,
}

impl Step {
    /// Its changes, in the order in which its topics count them.
    pub(super) fn changes(&self) -> impl DoubleEndedIterator<Item = (&ChangeSubject, ChangeId)> {
        self.subjects.iter().flat_map(|(subject, changes)| changes.iter().map(move |change| (subject, *change)))
    }

    /// Those of its changes that are about something.
    pub(super) fn about(&self, topic: &Topic) -> Vec<(&ChangeSubject, ChangeId)> {
        let at = self.topics.iter().find(|(known, _)| known == topic).map(|(_, at)| &**at).unwrap_or_default();
        let is_meant = |nth: usize| u32::try_from(nth).is_ok_and(|nth| at.binary_search(&nth).is_ok());
        self.changes().enumerate().filter(|(nth, _)| is_meant(*nth)).map(|(_, change)| change).collect()
    }
}

/// What the keys of somebody's chapters begin with. A mark ends the name, so that nobody's prefix is the beginning of
/// another's.
pub(super) fn chapters(subject: &ChangeSubject) -> Key {
    let mut key = match subject {
        ChangeSubject::User(user) => keys::of(keys::PERSON_CHANGES, user),
        ChangeSubject::Group(group) => {
            let (tag, text): (u8, &str) = match group {
                GroupKey::Role(role) => (1, &role.0),
                GroupKey::Directory(id) => (2, id.as_str()),
            };
            keys::under(&[keys::GROUP_CHANGES, &[tag]].concat(), text.as_bytes())
        }
    };
    key.extend_from_slice(&keys::NUMBER_FOLLOWS);
    key
}

/// The chapter of a run.
pub(super) fn chapter(subject: &ChangeSubject, run: u64) -> Key {
    keys::numbered(&chapters(subject), run)
}

/// What the keys begin with that lead to the steps with something about a topic.
pub(super) fn steps_about(topic: &Topic) -> Key {
    let (tag, text): (u8, &str) = match topic {
        Topic::Role(role) => (1, &role.0),
        Topic::Group(id) => (2, id.as_str()),
        Topic::GroupNamed(name) => (3, name),
        Topic::Deleted(name) => (4, name),
    };
    let mut key = keys::under(&[keys::TOPIC, &[tag]].concat(), text.as_bytes());
    key.extend_from_slice(&keys::NUMBER_FOLLOWS);
    key
}

/// Days since 1970 began.
pub(super) fn day_of(at: i64) -> u32 {
    u32::try_from(at.div_euclid(24 * 60 * 60)).unwrap_or(0)
}

/// The first step of a day: a step's number is its day, and the so-manieth of that day it is.
pub(super) fn first_step(day: u32) -> u64 {
    u64::from(day) << 32
}

/// The day of a step.
pub(super) fn day_of_step(step: u64) -> u32 {
    u32::try_from(step >> 32).unwrap_or(u32::MAX)
}

/// What the keys of the steps of a day begin with.
pub(super) fn steps_of(day: u32) -> Key {
    let mut key = keys::numbered(keys::STEP, first_step(day));
    key.truncate(key.len() - 8);
    key
}

/// Marks the number of a run whose id is not of the form that ids have.
const FOREIGN: u64 = 1 << 63;

/// The number by which changes refer to their run: its id in eight bytes, so that later runs have larger ones.
///
/// An id is the moment to the millisecond and four letters against chance. One of another form becomes its hash, and
/// sorts behind all others; the run's fact has the id itself.
pub(super) fn run_number(id: &str) -> u64 {
    parsed(id).unwrap_or_else(|| {
        let hash = blake3::hash(id.as_bytes());
        FOREIGN | hash.as_bytes().first_chunk().map_or(0, |bytes| u64::from_be_bytes(*bytes))
    })
}

fn parsed(id: &str) -> Option<u64> {
    let (moment, chance) = id.rsplit_once('-')?;
    let (day, time) = moment.split_once('-')?;
    let is_number = |text: &str, length: usize| text.len() == length && text.bytes().all(|byte| byte.is_ascii_digit());
    if !is_number(day, 8) || !is_number(time, 9) || chance.len() != 4 {
        return None;
    }
    let number = |text: &str| text.parse::<i16>().ok();
    let digit = |text: &str| text.parse::<i8>().ok();
    let day = date(number(&day[..4])?, 1, 1).with().month(digit(&day[4..6])?).day(digit(&day[6..])?).build().ok()?;
    let midnight = TimeZone::UTC.to_timestamp(day.at(0, 0, 0, 0)).ok()?;
    let millisecond = time[4..].parse::<i64>().ok()?;
    let (hour, minute) = (i64::from(digit(&time[..2])?), i64::from(digit(&time[2..4])?));
    let moment = midnight + SignedDuration::from_millis((hour * 60 + minute) * 60_000 + millisecond);
    let number =
        u64::try_from(moment.as_millisecond()).ok()?.checked_shl(16)? | u64::from_str_radix(chance, 16).ok()?;
    (number & FOREIGN == 0 && run_id(number).as_deref() == Some(id)).then_some(number)
}

/// The id of a run by its number; none if its id is not of the form that ids have.
pub(super) fn run_id(number: u64) -> Option<String> {
    if number & FOREIGN != 0 {
        return None;
    }
    let moment = Timestamp::from_millisecond(i64::try_from(number >> 16).ok()?).ok()?;
    Some(format!("{}-{:04x}", moment.strftime("%Y%m%d-%H%M%S%3f"), number & 0xFFFF))
}

#[cfg(test)]
mod tests {
    use rollcall_kit::DirectoryId;

    use super::*;
    use crate::plan::Cause;
    use crate::roster::Role;
    use crate::snapshot::codec::{pack, unpack};

    fn somebody(id: &str) -> ChangeSubject {
        ChangeSubject::User(DirectoryId::new(id).unwrap())
    }

    fn record(change: ChangeId, deed: Deed, causes: Vec<Cause>) -> ChangeRecord {
        let (subject, target_id) = (somebody("jane"), "t-1".to_owned());
        ChangeRecord {
            change,
            subject,
            target_id,
            deed,
            causes: Causes(causes),
            outcome: RecordedOutcome::Done,
            at: 1_780_000_000,
        }
    }

    #[test]
    fn a_runs_number_is_its_id_and_grows_with_time() {
        let ids = [
            "20261130-053440123-0000",
            "20261130-053440123-ab12",
            "20261130-235959999-ffff",
            "20271231-000000000-0001",
        ];
        for id in ids {
            assert_eq!(run_id(run_number(id)).as_deref(), Some(id));
        }
        assert!(ids.windows(2).all(|pair| run_number(pair[0]) < run_number(pair[1])));
        for foreign in ["run-1", "", "20261330-053440123-ab12", "20261130-253440123-ab12", "20261130-053440123-AB12"] {
            assert_eq!(run_id(run_number(foreign)), None, "{foreign}");
        }
        assert_ne!(run_number("run-1"), run_number("run-2"));
    }

    #[test]
    fn nobodys_chapters_and_no_topics_steps_are_found_under_another_name() {
        for (short, long) in [("a", "ab"), ("a", "a\0"), ("a", "a\0\u{4}")] {
            assert!(!chapter(&somebody(long), 7).starts_with(&chapters(&somebody(short))), "{long:?}");
            let topic = |name: &str| Topic::Role(Role(name.to_owned()));
            assert!(!steps_about(&topic(long)).starts_with(&steps_about(&topic(short))), "{long:?}");
        }
        assert!(!keys::is_continuation(&chapter(&somebody("a"), u64::MAX)));
    }

    #[test]
    fn a_day_has_its_own_steps() {
        let day = day_of(1_780_000_000);
        assert!(keys::numbered(keys::STEP, first_step(day) + 5).starts_with(&steps_of(day)));
        assert!(!keys::numbered(keys::STEP, first_step(day + 1)).starts_with(&steps_of(day)));
        assert_eq!(day_of_step(first_step(day) + 5), day);
    }

    #[test]
    fn what_was_carried_out_once_is_never_told_as_failed() {
        let mut chapter = Chapter::default();
        let failed =
            ChangeRecord { outcome: RecordedOutcome::failed("no"), ..record(1, Deed::Create, vec![Cause::Joined]) };
        let done = record(1, Deed::Create, vec![Cause::Joined]);
        assert_eq!(chapter.enter(&failed), Entered::New);
        assert_eq!(chapter.enter(&done), Entered::Again);
        assert_eq!(chapter.enter(&failed), Entered::Again);
        assert_eq!(chapter.newest_first(&somebody("jane")), [done]);
    }

    #[test]
    fn every_cause_survives_the_compact_encoding() {
        let group = |id: &str| crate::roster::GrantCause::Group {
            id: DirectoryId::new(id).unwrap(),
            name: format!("the {id}"),
        };
        let causes = [
            vec![],
            vec![Cause::Joined],
            vec![Cause::Returned],
            vec![Cause::AttributesChanged],
            vec![Cause::MembershipChanged],
            vec![Cause::Left { leaving: crate::roster::Leaving::Vanished }],
            vec![Cause::Left { leaving: crate::roster::Leaving::NotAssigned }],
            vec![Cause::RoleGiven { through: vec![group("eng")] }],
            vec![Cause::RoleGiven { through: vec![crate::roster::GrantCause::Default] }],
            vec![Cause::RoleGiven { through: vec![group("eng"), group("ops")] }],
            vec![Cause::RoleLost { groups: vec!["eng".to_owned()] }],
            vec![Cause::RoleLost { groups: vec![] }, Cause::RulesEdited],
            vec![Cause::ByHand { what: crate::plan::ByHand::GaveRole }],
            vec![Cause::Undone { run: "20261130-053440123-ab12".to_owned(), change: 7 }],
        ];
        for causes in causes {
            let mut chapter = Chapter::default();
            let told = record(1, Deed::Deactivate, causes);
            chapter.enter(&told);
            let read: Chapter = unpack(&pack(&chapter).unwrap()).unwrap();
            assert_eq!(read.newest_first(&somebody("jane")), [told]);
        }
    }

    #[test]
    fn every_id_survives_the_compact_encoding_and_a_uuid_takes_half() {
        let packed = |id: &str| {
            let subject = somebody(id);
            let bytes = pack(&subject).unwrap();
            assert_eq!(unpack::<ChangeSubject>(&bytes).unwrap(), subject);
            bytes.len()
        };
        let uuid = "0f8fad5b-d9cb-469f-a165-70867728950e";
        assert_eq!(packed(uuid), 3 + 16);
        for other in [uuid.to_uppercase(), uuid.replace('-', ""), format!("{{{uuid}}}"), "00u1".to_owned()] {
            assert_eq!(packed(&other), 4 + other.len());
        }
    }

    #[test]
    fn a_step_counts_what_its_topics_count() {
        let role = Topic::Role(Role("editor".to_owned()));
        let step = Step {
            run: 1,
            subjects: vec![(somebody("a"), vec![1, 2]), (somebody("b"), vec![3, 4])],
            topics: vec![(role.clone(), vec![1, 3])],
        };
        assert_eq!(step.about(&role), [(&somebody("a"), 2), (&somebody("b"), 4)]);
        assert_eq!(step.about(&Topic::GroupNamed("editor".to_owned())), []);
    }
}
