//! What holds for every sequence of observations: each state is told once, nothing is told without a reason, and a
//! restart at any point changes nothing.

use std::collections::BTreeSet;

use jiff::Timestamp;
use proptest::prelude::*;

use super::book::{Book, Observation, Pace, Reason, RunEnd};
use super::notice::{Kind, Notice};

fn observation() -> impl Strategy<Value = Observation> {
    let reasons = proptest::sample::subsequence(vec!["a", "b", "c"], 1..=3);
    let run = |end| Observation::Run { run: "run".to_owned(), end };
    prop_oneof![
        Just(run(RunEnd::Good)),
        Just(run(RunEnd::InPart { failed: 1 })),
        Just(run(RunEnd::Failed { error: "It failed.".to_owned() })),
        reasons.prop_map(move |codes| {
            let reasons = codes.iter().map(|code| Reason { code: (*code).to_owned(), sentence: String::new() });
            run(RunEnd::Held { plan: "plan".to_owned(), changes: 1, reasons: reasons.collect() })
        }),
        Just(Observation::Quarantined { failures: 5, next: None }),
        (0..60_i64).prop_map(|day| Observation::Secrets { ends: vec![("it".to_owned(), moment(day * 24))] }),
    ]
}

fn moment(hour: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + hour * 3600).unwrap()
}

fn history() -> impl Strategy<Value = Vec<(bool, Observation)>> {
    proptest::collection::vec((any::<bool>(), observation()), 0..60)
}

fn pace(failed_after: u32) -> Pace {
    Pace { failed_after, expiry_days: vec![30, 7, 1] }
}

/// What is told of each observation, one an hour, of two organizations in turn as the history says.
fn tell(history: &[(bool, Observation)], pace: &Pace, mut restart: impl FnMut(&mut Book)) -> Vec<Vec<Notice>> {
    let mut book = Book::default();
    let observe = |(hour, (first, observation)): (usize, &(bool, Observation))| {
        restart(&mut book);
        let organization = if *first { "acme" } else { "branch" };
        book.observe(organization, moment(i64::try_from(hour).unwrap()), observation.clone(), pace)
    };
    history.iter().enumerate().map(observe).collect()
}

proptest! {
    #[test]
    fn a_restart_at_any_point_changes_nothing_that_is_told(history in history(), failed_after in 1..4_u32) {
        let pace = pace(failed_after);
        let kept = tell(&history, &pace, |book| {
            *book = serde_json::from_str(&serde_json::to_string(book).unwrap()).unwrap();
        });
        prop_assert_eq!(kept, tell(&history, &pace, |_| ()));
    }

    #[test]
    fn the_same_observation_again_tells_nothing_unless_failures_are_being_counted(history in history()) {
        let pace = pace(1);
        let twice: Vec<_> = history.iter().flat_map(|observed| [observed.clone(), observed.clone()]).collect();
        for (number, told) in tell(&twice, &pace, |_| ()).iter().enumerate() {
            prop_assert!(number % 2 == 0 || told.iter().all(|notice| notice.kind == Kind::Expiring), "{told:?}");
        }
    }

    #[test]
    fn whoever_reads_every_notice_knows_how_each_organization_stands(history in history()) {
        let pace = pace(1);
        let mut known: [BTreeSet<Kind>; 2] = Default::default();
        let mut true_ones: [BTreeSet<Kind>; 2] = Default::default();
        for ((first, observed), told) in history.iter().zip(tell(&history, &pace, |_| ())) {
            let (known, stands) = (&mut known[usize::from(*first)], &mut true_ones[usize::from(*first)]);
            match observed {
                Observation::Run { end: RunEnd::Failed { .. }, .. } => {
                    // A failure within a quarantine is no news.
                    if !stands.contains(&Kind::Quarantined) {
                        stands.insert(Kind::Failed);
                    }
                }
                Observation::Run { end, .. } => {
                    // A held plan says nothing about changes that did not go through earlier.
                    let in_part = stands.contains(&Kind::InPart);
                    stands.clear();
                    match end {
                        RunEnd::InPart { .. } => drop(stands.insert(Kind::InPart)),
                        RunEnd::Held { .. } => {
                            stands.extend([Kind::Held].into_iter().chain(in_part.then_some(Kind::InPart)));
                        }
                        _ => {}
                    }
                }
                Observation::Quarantined { .. } => drop(stands.insert(Kind::Quarantined)),
                Observation::Secrets { .. } => {}
            }
            for notice in told.into_iter().filter(|notice| notice.kind != Kind::Expiring) {
                for over in &notice.ended {
                    prop_assert!(known.remove(over), "{} is over without having been told", over);
                }
                if notice.kind != Kind::Recovered {
                    known.insert(notice.kind);
                }
            }
            prop_assert_eq!(&*known, &*stands);
        }
    }

    #[test]
    fn no_two_notices_have_the_same_id(history in history()) {
        let ids: Vec<String> = tell(&history, &pace(1), |_| ()).into_iter().flatten().map(|notice| notice.id).collect();
        let different: BTreeSet<&String> = ids.iter().collect();
        prop_assert_eq!(different.len(), ids.len());
    }
}
