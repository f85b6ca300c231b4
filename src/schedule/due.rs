//! What is due next: a function of the schedule, of what was run last, and of the moment.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::cron::Cron;
use super::settings::{QuarantineSettings, ScheduleSettings, Zone};

/// How much of the directory a run reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Depth {
    /// What changed since the last run, where the directory can tell; everything where it cannot.
    Incremental,
    /// Everybody and every group: the only read that can tell who is missing.
    Full,
}

impl Depth {
    /// The word for it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Incremental => "incremental",
            Self::Full => "full",
        }
    }
}

/// What was run, as far as the schedule must know. All times are ends of runs, so that a moment that passes while a run
/// goes on is made up for after it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Past {
    /// When a run last ended.
    pub ended: Option<Timestamp>,
    /// When a full run last ended.
    pub full: Option<Timestamp>,
    /// So many runs failed since one last went well.
    pub failures: u32,
    /// How much a run that failed should have read, as long as none has read as much since.
    pub failed: Option<Depth>,
    /// When the blackout closes that put something off, as long as no run has gone well since.
    pub put_off: Option<Timestamp>,
}

impl Past {
    /// The past after one more run.
    #[must_use]
    pub fn after(self, depth: Depth, ended: Timestamp, failed: bool) -> Self {
        let full = if depth == Depth::Full { Some(ended) } else { self.full };
        // An incremental run that went well, asked for by somebody, is no substitute for a full one that failed.
        let owed = if failed { self.failed.max(Some(depth)) } else { self.failed.filter(|owed| *owed > depth) };
        let failures = if failed { self.failures.saturating_add(1) } else { 0 };
        let put_off = self.put_off.filter(|_| failed);
        Self { ended: Some(ended), full, failures, failed: owed, put_off }
    }

    /// The same, with something put off until then.
    #[must_use]
    pub fn putting_off(self, until: Timestamp) -> Self {
        Self { put_off: Some(until), ..self }
    }
}

/// Why a run is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Why {
    /// There was none yet.
    First,
    /// The schedule says so.
    Scheduled,
    /// The last one failed.
    Retry,
    /// Somebody asked for it.
    Asked,
}

/// A run that is due, now or later.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Due {
    /// When. If that is past, it was missed, and is made up for at once.
    pub at: Timestamp,
    /// How much is read.
    pub depth: Depth,
    /// Why.
    pub why: Why,
}

/// When an organization that fails again and again is left alone for longer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quarantine(QuarantineSettings);

impl Quarantine {
    /// With these settings.
    #[must_use]
    pub const fn new(settings: QuarantineSettings) -> Self {
        Self(settings)
    }

    /// Whether so many failures in a row are too many.
    #[must_use]
    pub const fn applies(&self, failures: u32) -> bool {
        failures >= self.0.after
    }

    /// How long it is left alone.
    fn pause(&self, failures: u32) -> SignedDuration {
        let doublings = failures.saturating_sub(self.0.after).min(24);
        let most = self.0.most.signed().max(self.0.pause.signed());
        self.0.pause.signed().saturating_mul(1 << doublings).min(most)
    }
}

/// The first pause before a failed run is tried again; each further one is four times as long.
const RETRY_PAUSE: SignedDuration = SignedDuration::from_secs(60);

/// The longest.
const LONGEST_RETRY_PAUSE: SignedDuration = SignedDuration::from_hours(1);

/// A clock is put right by so much without a word; the schedule waits until it has caught up.
const PUT_BACK: SignedDuration = SignedDuration::from_secs(60);

/// The schedule of one organization.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Schedule {
    incremental: Option<Cron>,
    full: Option<Cron>,
    zone: Zone,
    shift: SignedDuration,
    quarantine: Quarantine,
}

impl Schedule {
    /// The schedule of the organization of this name.
    #[must_use]
    pub fn new(settings: &ScheduleSettings, organization: &str, quarantine: QuarantineSettings) -> Self {
        Self {
            incremental: settings.incremental.clone(),
            full: settings.full.clone(),
            zone: settings.zone.clone(),
            shift: shift(organization, settings.jitter.as_seconds()),
            quarantine: Quarantine::new(quarantine),
        }
    }

    /// Whether so many failures in a row are too many.
    #[must_use]
    pub const fn quarantines(&self, failures: u32) -> bool {
        self.quarantine.applies(failures)
    }

    /// The run that is due next; none if the schedule names no moment that ever comes.
    #[must_use]
    pub fn due(&self, past: &Past, now: Timestamp) -> Option<Due> {
        // A clock that was put back must not make us wait until it has caught up: what it dated into the future was run at
        // a time that nobody knows, so it is run again.
        let known = |end: Option<Timestamp>| end.filter(|end| end.duration_since(now) <= PUT_BACK);
        let Some(ended) = known(past.ended) else {
            let why = if past.ended.is_some() { Why::Scheduled } else { Why::First };
            return Some(Due { at: now, depth: Depth::Full, why });
        };
        let full = known(past.full).unwrap_or(Timestamp::UNIX_EPOCH);
        if self.quarantine.applies(past.failures) {
            let just_before = ended.saturating_add(self.quarantine.pause(past.failures) - SignedDuration::from_secs(1));
            let after = just_before.unwrap_or(ended);
            return self.scheduled(after.max(full), after, now).map(|due| owing(due, past));
        }
        let scheduled = self.scheduled(full, ended, now).map(|due| owing(due, past));
        let retry = past.failed.map(|depth| Due {
            at: ended.saturating_add(retry_pause(past.failures)).unwrap_or(ended),
            depth,
            why: Why::Retry,
        });
        earlier(earlier(scheduled, retry), self.put_off(past))
    }

    /// What a blackout put off is done when it closes, however long the expressions would let it wait. While runs fail,
    /// their pauses decide.
    fn put_off(&self, past: &Past) -> Option<Due> {
        let depth = if self.incremental.is_some() { Depth::Incremental } else { Depth::Full };
        let at = past.put_off.filter(|_| past.failures == 0)?;
        Some(owing(Due { at, depth, why: Why::Scheduled }, past))
    }

    /// The next so many moments after this one, for people who want to see what their expression means.
    #[must_use]
    pub fn upcoming(&self, now: Timestamp, most: usize) -> Vec<Due> {
        let next = |after: &Due| self.scheduled(after.at, after.at, after.at);
        std::iter::successors(self.scheduled(now, now, now), next).take(most).collect()
    }

    /// A moment as the clocks of the schedule's zone show it.
    #[must_use]
    pub fn in_zone(&self, moment: Timestamp) -> jiff::ZonedDateTime {
        moment.to_zoned_datetime(self.zone.rules().clone())
    }

    /// What the two expressions name first: after the last full run, and after the last of any kind. Where both have
    /// something by now or at the same moment, one full run is enough.
    fn scheduled(&self, full: Timestamp, any: Timestamp, now: Timestamp) -> Option<Due> {
        let due = |at, depth| Due { at, depth, why: Why::Scheduled };
        let full = self.next(self.full.as_ref(), full).map(|at| due(at, Depth::Full));
        let incremental = self.next(self.incremental.as_ref(), any).map(|at| due(at, Depth::Incremental));
        match (full, incremental) {
            (Some(full), Some(incremental)) if full.at <= incremental.at.max(now) => {
                Some(due(full.at.min(incremental.at), Depth::Full))
            }
            (full, incremental) => incremental.or(full),
        }
    }

    fn next(&self, cron: Option<&Cron>, after: Timestamp) -> Option<Timestamp> {
        let unshifted = after.checked_sub(self.shift).ok()?;
        cron?.next(self.zone.rules(), unshifted)?.checked_add(self.shift).ok()
    }
}

/// Whichever comes first, and of two at the same moment the first named.
fn earlier(one: Option<Due>, other: Option<Due>) -> Option<Due> {
    match (one, other) {
        (Some(one), Some(other)) if one.at <= other.at => Some(one),
        (one, other) => other.or(one),
    }
}

/// The same run, reading at least as much as the one that failed.
fn owing(due: Due, past: &Past) -> Due {
    Due { depth: past.failed.map_or(due.depth, |depth| depth.max(due.depth)), ..due }
}

fn retry_pause(failures: u32) -> SignedDuration {
    let steps = failures.saturating_sub(1).min(8);
    RETRY_PAUSE.saturating_mul(1 << (2 * steps)).min(LONGEST_RETRY_PAUSE)
}

/// How much later than its expressions say this organization runs: always the same, and spread over organizations.
fn shift(organization: &str, jitter: u32) -> SignedDuration {
    let hash = blake3::hash(organization.as_bytes());
    let [a, b, c, d, ..] = *hash.as_bytes();
    let number = u32::from_le_bytes([a, b, c, d]);
    SignedDuration::from_secs(i64::from(number % jitter.saturating_add(1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn schedule(incremental: Option<&str>, full: Option<&str>) -> Schedule {
        let settings = ScheduleSettings {
            incremental: incremental.map(|text| text.parse().unwrap()),
            full: full.map(|text| text.parse().unwrap()),
            jitter: rollcall_kit::HumanDuration::seconds(0),
            ..ScheduleSettings::default()
        };
        Schedule::new(&settings, "acme", QuarantineSettings::default())
    }

    fn ran(any: &str, full: &str) -> Past {
        Past { ended: Some(at(any)), full: Some(at(full)), ..Past::default() }
    }

    #[test]
    fn the_first_run_is_due_at_once_and_reads_everything() {
        let now = at("2027-01-01T00:07:00Z");
        let due = schedule(Some("*/15 * * * *"), Some("0 3 * * *")).due(&Past::default(), now).unwrap();
        assert_eq!(due, Due { at: now, depth: Depth::Full, why: Why::First });
    }

    #[test]
    fn after_downtime_one_run_makes_up_for_all_that_was_missed() {
        let schedule = schedule(Some("*/15 * * * *"), Some("0 3 * * *"));
        let now = at("2027-01-03T10:07:00Z");
        let due = schedule.due(&ran("2027-01-01T01:00:09Z", "2026-12-31T03:00:20Z"), now).unwrap();
        assert!(due.at < now);
        assert_eq!((due.depth, due.why), (Depth::Full, Why::Scheduled));
        let past = ran("2027-01-01T01:00:09Z", "2026-12-31T03:00:20Z").after(due.depth, now, false);
        assert_eq!(schedule.due(&past, now).unwrap().at, at("2027-01-03T10:15:00Z"), "the next one is an ordinary one");
    }

    #[test]
    fn a_moment_that_passes_while_a_run_goes_on_is_made_up_for_only_if_the_run_did_not_do_as_much() {
        let schedule = schedule(Some("*/15 * * * *"), Some("0 3 * * *"));
        // An incremental run from 02:45 to 03:20: the full one is due at once.
        let due = schedule.due(&ran("2027-01-01T03:20:00Z", "2026-12-31T03:10:00Z"), at("2027-01-01T03:20:00Z"));
        assert_eq!(due.map(|due| (due.at, due.depth)), Some((at("2027-01-01T03:00:00Z"), Depth::Full)));
        // A full run from 03:00 to 03:20: the incremental moment of 03:15 needs nothing more.
        let due = schedule.due(&ran("2027-01-01T03:20:00Z", "2027-01-01T03:20:00Z"), at("2027-01-01T03:20:00Z"));
        assert_eq!(due.map(|due| (due.at, due.depth)), Some((at("2027-01-01T03:30:00Z"), Depth::Incremental)));
    }

    #[test]
    fn where_both_fall_together_one_full_run_is_enough() {
        let due = schedule(Some("*/15 * * * *"), Some("0 3 * * *"))
            .due(&ran("2027-01-01T02:45:30Z", "2026-12-31T03:10:00Z"), at("2027-01-01T02:46:00Z"))
            .unwrap();
        assert_eq!((due.at, due.depth), (at("2027-01-01T03:00:00Z"), Depth::Full));
    }

    #[test]
    fn a_failed_run_is_tried_again_with_growing_pauses_and_never_later_than_its_schedule_says() {
        let schedule = schedule(None, Some("0 3 * * *"));
        let mut past = ran("2027-01-01T03:00:00Z", "2027-01-01T03:00:00Z");
        let mut now = at("2027-01-02T03:00:00Z");
        let mut pauses = Vec::new();
        for _ in 0..4 {
            past = past.after(Depth::Full, now, true);
            let due = schedule.due(&past, now).unwrap();
            assert_eq!((due.why, due.depth), (Why::Retry, Depth::Full));
            pauses.push(due.at.duration_since(now).as_secs());
            now = due.at;
        }
        assert_eq!(pauses, [60, 240, 960, 3_600]);
        let often = self::schedule(None, Some("* * * * * *"));
        assert_eq!(often.due(&past, now).unwrap().why, Why::Scheduled);
    }

    #[test]
    fn a_failed_full_run_is_still_owed_when_an_incremental_one_is_due_first() {
        let schedule = schedule(Some("* * * * *"), Some("0 3 * * *"));
        let now = at("2027-01-02T03:00:30Z");
        let past = ran("2027-01-02T02:59:10Z", "2027-01-01T03:00:00Z").after(Depth::Full, now, true);
        let due = schedule.due(&past, now).unwrap();
        assert_eq!((due.at, due.depth), (at("2027-01-02T03:01:00Z"), Depth::Full));
        // An incremental failure on top of it does not forget that.
        assert_eq!(past.after(Depth::Incremental, due.at, true).failed, Some(Depth::Full));
        // Nor does an incremental run that somebody asks for, and that goes well.
        let asked = past.after(Depth::Incremental, at("2027-01-02T03:00:40Z"), false);
        assert_eq!(schedule.due(&asked, now).map(|due| due.depth), Some(Depth::Full));
        assert_eq!(asked.after(Depth::Full, due.at, false).failed, None);
    }

    #[test]
    fn in_quarantine_it_is_left_alone_ever_longer_and_comes_back_with_one_good_run() {
        let schedule = schedule(Some("*/15 * * * *"), None);
        let mut now = at("2027-01-01T00:00:00Z");
        let mut past = Past { failures: 4, ..ran("2026-12-31T23:45:00Z", "2026-12-31T23:45:00Z") };
        let mut pauses = Vec::new();
        for _ in 0..7 {
            past = past.after(Depth::Incremental, now, true);
            assert!(schedule.quarantines(past.failures));
            let due = schedule.due(&past, now).unwrap();
            assert_eq!(due.why, Why::Scheduled);
            pauses.push(due.at.duration_since(now).as_hours());
            now = due.at;
        }
        assert_eq!(pauses, [1, 2, 4, 8, 16, 24, 24]);
        past = past.after(Depth::Incremental, now, false);
        assert!(!schedule.quarantines(past.failures));
        assert_eq!(schedule.due(&past, now).unwrap().at.duration_since(now).as_mins(), 15);
    }

    #[test]
    fn a_clock_that_was_put_back_does_not_stop_the_runs() {
        let schedule = schedule(Some("*/15 * * * *"), Some("0 3 * * *"));
        let (now, later) = (at("2027-01-01T00:01:00Z"), "2031-01-01T00:00:00Z");
        let due = schedule.due(&ran(later, later), now).unwrap();
        assert_eq!((due.at, due.depth, due.why), (now, Depth::Full, Why::Scheduled), "nobody knows when it was run");
        let past = ran(later, later).after(due.depth, now, false);
        assert_eq!(schedule.due(&past, now).unwrap().at, at("2027-01-01T00:15:00Z"), "the next one is an ordinary one");
        // A full run is made up for also where somebody had an incremental one run since.
        let due = schedule.due(&ran("2027-01-01T00:01:00Z", later), now).unwrap();
        assert!(due.at <= now && due.depth == Depth::Full, "{due:?}");
    }

    #[test]
    fn a_clock_that_was_put_right_by_moments_brings_no_run_of_its_own() {
        let schedule = schedule(Some("*/15 * * * *"), None);
        let past = ran("2027-01-01T00:15:20Z", "2027-01-01T00:15:20Z");
        let due = schedule.due(&past, at("2027-01-01T00:14:50Z")).unwrap();
        assert_eq!(due.at, at("2027-01-01T00:30:00Z"));
    }

    #[test]
    fn what_a_blackout_put_off_is_due_when_it_closes() {
        let closes = at("2027-01-01T04:00:00Z");
        let past = ran("2027-01-01T03:00:20Z", "2027-01-01T03:00:20Z").putting_off(closes);
        let now = at("2027-01-01T03:00:30Z");
        let daily = schedule(None, Some("0 3 * * *"));
        assert_eq!(daily.due(&past, now), Some(Due { at: closes, depth: Depth::Full, why: Why::Scheduled }));
        let often = schedule(Some("*/15 * * * *"), Some("0 3 * * *"));
        assert_eq!(often.due(&past, now).unwrap().at, at("2027-01-01T03:15:00Z"), "the schedule is not held up by it");
        let seldom = schedule(Some("0 12 * * *"), Some("0 3 * * *"));
        assert_eq!(seldom.due(&past, now).map(|due| (due.at, due.depth)), Some((closes, Depth::Incremental)));
        // Done once; and a run that fails then is tried again by its pauses, not at once.
        let done = past.after(Depth::Full, closes, false);
        assert_eq!(daily.due(&done, closes).unwrap().at, at("2027-01-02T03:00:00Z"));
        let failed = past.after(Depth::Full, closes, true);
        assert_eq!(daily.due(&failed, closes).unwrap().at, at("2027-01-01T04:01:00Z"));
        assert_eq!(failed.put_off, Some(closes), "it is not forgotten, and the retry does it");
    }

    #[test]
    fn jitter_is_the_same_every_time_and_other_for_others() {
        let shifts: Vec<i64> = ["acme", "lumen", "globex"].map(|name| shift(name, 300).as_secs()).into();
        assert_eq!(shifts, ["acme", "lumen", "globex"].map(|name| shift(name, 300).as_secs()));
        assert!(shifts.iter().all(|shift| (0..=300).contains(shift)));
        assert!(shifts.windows(2).all(|pair| pair[0] != pair[1]), "{shifts:?}");
        assert_eq!(shift("acme", 0), SignedDuration::ZERO);
    }

    #[test]
    fn what_comes_is_listed_with_how_much_is_read() {
        let list = schedule(Some("0 */8 * * *"), Some("0 0 * * *")).upcoming(at("2027-01-01T07:00:00Z"), 3);
        let told: Vec<_> = list.iter().map(|due| (due.at.to_string(), due.depth)).collect();
        assert_eq!(
            told,
            [
                ("2027-01-01T08:00:00Z".to_owned(), Depth::Incremental),
                ("2027-01-01T16:00:00Z".to_owned(), Depth::Incremental),
                ("2027-01-02T00:00:00Z".to_owned(), Depth::Full)
            ]
        );
    }
}
