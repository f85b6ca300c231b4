//! Over generated expressions, zones and days: no moment is passed over, and none fires twice.

use std::collections::BTreeSet;

use jiff::civil::{DateTime, date};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp, ToSpan as _};
use proptest::prelude::*;
use rollcall_kit::HumanDuration;

use super::*;

/// Zones whose clocks change by an hour and by half of one, in both halves of the year, and that never do.
const ZONES: [&str; 6] =
    ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "America/Santiago", "Asia/Kolkata", "UTC"];

/// Days around the changes of clocks in 2027.
fn days() -> impl Strategy<Value = DateTime> {
    let changes = [(3, 14), (3, 28), (4, 3), (4, 4), (9, 4), (9, 5), (10, 2), (10, 3), (10, 31), (11, 7)];
    (proptest::sample::select(changes.to_vec()), -1..=1i64)
        .prop_map(|((month, day), off)| date(2027, month, day).at(0, 0, 0, 0) + off.days())
}

fn minutes() -> impl Strategy<Value = Vec<i8>> {
    proptest::collection::btree_set(0..60i8, 1..4).prop_map(|set| set.into_iter().collect())
}

fn hours() -> impl Strategy<Value = Vec<i8>> {
    proptest::collection::btree_set(0..24i8, 1..5).prop_map(|set| set.into_iter().collect())
}

fn list(numbers: &[i8]) -> String {
    numbers.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
}

/// All fires in three days from the beginning of this one.
fn fires(cron: &Cron, zone: &TimeZone, day: DateTime) -> Vec<Timestamp> {
    let start = zone.to_ambiguous_timestamp(day).compatible().unwrap();
    let end = zone.to_ambiguous_timestamp(day + 3.days()).compatible().unwrap();
    let mut found = Vec::new();
    let mut now = start - SignedDuration::from_secs(1);
    while let Some(next) = cron.next(zone, now).filter(|next| *next < end) {
        assert!(next > now, "time goes on");
        found.push(next);
        now = next;
    }
    found
}

proptest! {
    /// An expression that names hours fires once for each civil time of each day, whatever the clocks do. (Two civil
    /// times may become one moment where clocks are put forward.)
    #[test]
    fn every_civil_time_fires_exactly_once(
        zone in proptest::sample::select(ZONES.to_vec()), day in days(), minutes in minutes(), hours in hours()
    ) {
        let cron: Cron = format!("{} {} * * *", list(&minutes), list(&hours)).parse().unwrap();
        let zone = TimeZone::get(zone).unwrap();
        let mut expected = BTreeSet::new();
        for later in 0..3i64 {
            for (hour, minute) in hours.iter().flat_map(|hour| minutes.iter().map(move |minute| (*hour, *minute))) {
                let civil = (day.date() + later.days()).at(hour, minute, 0, 0);
                let moment = zone.to_ambiguous_timestamp(civil).compatible().unwrap();
                expected.insert(moment);
            }
        }
        let found = fires(&cron, &zone, day);
        prop_assert_eq!(found, expected.into_iter().collect::<Vec<_>>());
    }

    /// An expression for every hour fires at exactly the moments at which the wall shows one of its minutes.
    #[test]
    fn an_interval_fires_whenever_the_wall_shows_its_minute(
        zone in proptest::sample::select(ZONES.to_vec()), day in days(), minutes in minutes()
    ) {
        let cron: Cron = format!("{} * * * *", list(&minutes)).parse().unwrap();
        let zone = TimeZone::get(zone).unwrap();
        let mut expected = Vec::new();
        let mut moment = zone.to_ambiguous_timestamp(day).compatible().unwrap();
        let end = zone.to_ambiguous_timestamp(day + 3.days()).compatible().unwrap();
        while moment < end {
            let wall = zone.to_datetime(moment);
            if wall.second() == 0 && minutes.contains(&wall.minute()) {
                expected.push(moment);
            }
            moment += SignedDuration::from_secs(60);
        }
        prop_assert_eq!(fires(&cron, &zone, day), expected);
    }

    /// A daemon that is up some of the time, whose runs last a while and sometimes fail: no two runs for one moment,
    /// and after each end nothing is owed that the run did not do.
    #[test]
    fn no_moment_is_run_twice_or_passed_over(
        zone in proptest::sample::select(ZONES.to_vec()),
        day in days(),
        (full, incremental) in (hours(), minutes()),
        jitter in 0..900u32,
        steps in proptest::collection::vec((0..7_200u32, 1..5_400u32, proptest::bool::weighted(0.2)), 1..60)
    ) {
        let settings = ScheduleSettings {
            incremental: format!("{} * * * *", list(&incremental)).parse().ok(),
            full: format!("0 {} * * *", list(&full)).parse().ok(),
            zone: serde_json::from_value(zone.into()).unwrap(),
            jitter: HumanDuration::seconds(jitter),
        };
        let schedule = Schedule::new(&settings, "acme", QuarantineSettings::default());
        let zone = TimeZone::get(zone).unwrap();
        let mut now = zone.to_ambiguous_timestamp(day).compatible().unwrap();
        let mut past = Past::default().after(Depth::Full, now, false);
        for (down, lasts, fails) in steps {
            let due = schedule.due(&past, now).unwrap();
            prop_assert!(Some(due.at) > past.ended || due.depth == Depth::Full && Some(due.at) > past.full);
            // Nothing that was named since the last run that did as much is passed over.
            let named = schedule.upcoming(past.ended.unwrap(), 1)[0];
            if past.failures == 0 {
                prop_assert!(due.at <= named.at && due.depth >= named.depth, "{due:?} {named:?}");
            }
            // The daemon may be down, or busy, when it is due.
            let began = due.at.max(now) + SignedDuration::from_secs(down.into());
            let again = schedule.due(&past, began).unwrap();
            prop_assert!(again.at <= began, "what was due is due until it was run");
            now = began + SignedDuration::from_secs(lasts.into());
            past = past.after(again.depth, now, fails);
            if !fails {
                prop_assert!(schedule.due(&past, now).unwrap().at > now || again.depth == Depth::Incremental);
            }
        }
    }
}
