//! The book of what was told: a pure state machine, without clock and chance.
//!
//! Each organization is in any of four conditions (held, failing, quarantined, applied in part), and each of its secrets
//! in one of the stages before its end. A notice is due when a condition begins, when a hold gets a reason that was not
//! told yet, when everything is over, and when a secret reaches its next stage; a run that finds the conditions
//! unchanged yields none. The book can be kept and read back at any point: it holds all that decides.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::notice::{Kind, Notice};

/// Why a plan is held.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reason {
    /// What kind of reason it is: the same as long as the reason is the same, whatever the numbers.
    pub code: String,
    /// In a sentence that names nobody.
    pub sentence: String,
}

/// How a run ended, as far as people are told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RunEnd {
    /// As it should.
    Good,
    /// Some changes did not go through.
    InPart {
        /// How many.
        failed: u64,
    },
    /// A plan waits.
    Held {
        /// The plan's id.
        plan: String,
        /// How many changes wait.
        changes: u64,
        /// Why.
        reasons: Vec<Reason>,
    },
    /// It failed.
    Failed {
        /// What happened, in a sentence.
        error: String,
    },
}

/// Something that was observed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Observation {
    /// A run ended.
    Run {
        /// The run's id.
        run: String,
        /// How.
        end: RunEnd,
    },
    /// Runs come at the slower pace from now on, until one goes through.
    Quarantined {
        /// How many runs failed in a row.
        failures: u32,
        /// When the next run is due.
        next: Option<Timestamp>,
    },
    /// When the secrets of an organization end, as far as that can be known.
    Secrets {
        /// What each is, and when it ends.
        ends: Vec<(String, Timestamp)>,
    },
}

/// When the book tells of what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pace {
    /// After how many failed runs in a row a failure is told.
    pub failed_after: u32,
    /// How many days before the end of a secret it is told, the longest first.
    pub expiry_days: Vec<u32>,
}

/// What was told already.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Book {
    organizations: BTreeMap<String, Told>,
}

/// What was told of one organization.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
struct Told {
    /// The codes of the reasons for which a plan is held.
    held: Option<BTreeSet<String>>,
    failing: bool,
    quarantined: bool,
    in_part: bool,
    /// Failed runs in a row.
    failures: u32,
    /// By what a secret is: when it ends, and the stage that was told.
    secrets: BTreeMap<String, (Timestamp, u32)>,
}

impl Book {
    /// Takes an observation, and yields what has to be told because of it.
    pub fn observe(&mut self, organization: &str, at: Timestamp, observation: Observation, pace: &Pace) -> Vec<Notice> {
        let told = self.organizations.entry(organization.to_owned()).or_default();
        let (run, news) = match observation {
            Observation::Run { run, end } => (Some(run), told.run(end, pace).into_iter().collect()),
            Observation::Quarantined { failures, next } => {
                (None, told.quarantined(failures, next).into_iter().collect())
            }
            Observation::Secrets { ends } => (None, told.secrets(ends, at, pace)),
        };
        news.into_iter().map(|news: News| news.notice(organization, at, run.clone())).collect()
    }

    /// Forgets organizations that are gone from the configuration.
    pub fn keep_only(&mut self, there: &BTreeSet<String>) {
        self.organizations.retain(|name, _| there.contains(name));
    }
}

impl Told {
    /// The conditions that hold, in their order.
    fn conditions(&self) -> Vec<Kind> {
        let each = [
            (self.held.is_some(), Kind::Held),
            (self.failing, Kind::Failed),
            (self.quarantined, Kind::Quarantined),
            (self.in_part, Kind::InPart),
        ];
        each.into_iter().filter(|(holds, _)| *holds).map(|(_, kind)| kind).collect()
    }

    fn run(&mut self, end: RunEnd, pace: &Pace) -> Option<News> {
        let before = self.conditions();
        if !matches!(end, RunEnd::Failed { .. }) {
            (self.failing, self.quarantined, self.failures) = (false, false, 0);
        }
        let news = match end {
            RunEnd::Good => {
                (self.held, self.in_part) = (None, false);
                None
            }
            RunEnd::InPart { failed } => {
                self.held = None;
                (!std::mem::replace(&mut self.in_part, true)).then(|| News::in_part(failed))
            }
            RunEnd::Held { plan, changes, reasons } => {
                let codes: BTreeSet<String> = reasons.iter().map(|reason| reason.code.clone()).collect();
                let told = self.held.replace(codes.clone());
                let is_new = told.is_none_or(|told| !codes.is_subset(&told));
                is_new.then(|| News::held(plan, changes, reasons))
            }
            RunEnd::Failed { error } => {
                self.failures = self.failures.saturating_add(1);
                let is_new = !self.failing && !self.quarantined && self.failures >= pace.failed_after;
                self.failing |= is_new;
                is_new.then(|| News::failed(self.failures, error))
            }
        };
        let now = self.conditions();
        let ended: Vec<Kind> = before.into_iter().filter(|kind| !now.contains(kind)).collect();
        match news {
            Some(news) => Some(News { ended, ..news }),
            None if ended.is_empty() => None,
            None => Some(News::recovered(ended, &now)),
        }
    }

    fn quarantined(&mut self, failures: u32, next: Option<Timestamp>) -> Option<News> {
        let is_new = !std::mem::replace(&mut self.quarantined, true);
        is_new.then(|| News::quarantined(failures, next))
    }

    /// A secret is told at each stage once; one that was renewed begins anew, and one that is gone is forgotten.
    fn secrets(&mut self, ends: Vec<(String, Timestamp)>, at: Timestamp, pace: &Pace) -> Vec<News> {
        let mut news = Vec::new();
        let mut known = BTreeMap::new();
        for (what, end) in ends {
            let Some(stage) = stage(end, at, pace) else { continue };
            let told = self.secrets.get(&what).filter(|(told_end, _)| *told_end == end).map(|(_, stage)| *stage);
            // A clock that was set back does not make a stage new again.
            let reached = told.map_or(stage, |told| told.min(stage));
            if told.is_none_or(|told| stage < told) {
                news.push(News::expiring(&what, end, at));
            }
            known.insert(what, (end, reached));
        }
        self.secrets = known;
        news
    }
}

/// The stage that a secret has reached: the days of the smallest warning that is due, 0 when it has ended; none while
/// it is far from its end.
fn stage(end: Timestamp, at: Timestamp, pace: &Pace) -> Option<u32> {
    if end <= at {
        return Some(0);
    }
    let left = end.duration_since(at);
    pace.expiry_days
        .iter()
        .copied()
        .filter(|days| *days > 0 && left <= jiff::SignedDuration::from_hours(i64::from(*days) * 24))
        .min()
}

/// A notice before it has its place and time.
struct News {
    kind: Kind,
    title: String,
    details: Vec<String>,
    advice: String,
    plan: Option<String>,
    ended: Vec<Kind>,
}

impl News {
    fn new(kind: Kind, title: String, details: Vec<String>, advice: String) -> Self {
        Self { kind, title, details, advice, plan: None, ended: Vec::new() }
    }

    fn held(plan: String, changes: u64, reasons: Vec<Reason>) -> Self {
        let wait = if changes == 1 { "change waits" } else { "changes wait" };
        let short: String = plan.chars().take(8).collect();
        let details = reasons.into_iter().map(|reason| reason.sentence).collect();
        let advice = format!("Read what it would do and decide: rollcall approve {short}, or rollcall reject {short}.");
        let news = Self::new(Kind::Held, format!("{changes} {wait} for a person"), details, advice);
        Self { plan: Some(plan), ..news }
    }

    fn failed(failures: u32, error: String) -> Self {
        let title = if failures > 1 { format!("{failures} runs in a row failed") } else { "the run failed".to_owned() };
        let advice = "Nothing was put out because of it; runs go on at their times.".to_owned();
        Self::new(Kind::Failed, title, vec![error], advice)
    }

    fn quarantined(failures: u32, next: Option<Timestamp>) -> Self {
        let title = format!("{failures} runs in a row failed; runs come at the slower pace until one goes through");
        let details = next.map(|next| format!("The next one is due at {}.", moment(next)));
        let advice = "Leavers stay in until then: see what is wrong with rollcall check.".to_owned();
        Self::new(Kind::Quarantined, title, details.into_iter().collect(), advice)
    }

    fn in_part(failed: u64) -> Self {
        let what = if failed == 1 { "1 change".to_owned() } else { format!("{failed} changes") };
        let advice = "They are planned again by the next run; rollcall show names them.".to_owned();
        Self::new(Kind::InPart, format!("{what} did not go through"), Vec::new(), advice)
    }

    fn recovered(ended: Vec<Kind>, still: &[Kind]) -> Self {
        let words: Vec<&str> = ended.iter().map(|kind| kind.word()).collect();
        let rest: Vec<String> = still.iter().map(|kind| format!("It is still {kind}.")).collect();
        let news = Self::new(Kind::Recovered, format!("no longer {}", words.join(", ")), rest, String::new());
        Self { ended, ..news }
    }

    fn expiring(what: &str, end: Timestamp, at: Timestamp) -> Self {
        let (title, advice) = if end <= at {
            (format!("{what} ended on {}", moment(end)), "Runs fail until it is renewed.")
        } else {
            let hours = end.duration_since(at).as_hours();
            let left = if hours < 48 { format!("{hours} hours") } else { format!("{} days", hours / 24) };
            (format!("{what} ends in {left}, on {}", moment(end)), "Renew it before; a restart is not needed.")
        };
        Self::new(Kind::Expiring, title, Vec::new(), advice.to_owned())
    }

    fn notice(self, organization: &str, at: Timestamp, run: Option<String>) -> Notice {
        let from = format!("{organization}\n{}\n{at}\n{}\n{:?}", self.kind, self.title, run);
        Notice {
            id: format!("msg_{}", &blake3::hash(from.as_bytes()).to_hex()[..32]),
            at,
            organization: organization.to_owned(),
            kind: self.kind,
            title: format!("{organization}: {}", self.title),
            details: self.details,
            advice: self.advice,
            run,
            plan: self.plan,
            ended: self.ended,
        }
    }
}

/// A moment, as people read it.
fn moment(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%M UTC").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pace() -> Pace {
        Pace { failed_after: 1, expiry_days: vec![30, 7, 1] }
    }

    fn at(hours: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + hours * 3600).unwrap()
    }

    /// Runs one after the other, an hour each; yields what was told.
    fn told(ends: impl IntoIterator<Item = RunEnd>) -> Vec<(Kind, Vec<Kind>)> {
        let mut book = Book::default();
        let observe = |(hour, end)| {
            let run = Observation::Run { run: format!("run-{hour}"), end };
            book.observe("acme", at(hour), run, &pace())
        };
        let notices: Vec<Notice> = (0..).zip(ends).flat_map(observe).collect();
        notices.into_iter().map(|notice| (notice.kind, notice.ended)).collect()
    }

    fn held(codes: &[&str]) -> RunEnd {
        let reasons = codes.iter().map(|code| Reason { code: (*code).to_owned(), sentence: "Because.".to_owned() });
        RunEnd::Held { plan: "0123456789abcdef".to_owned(), changes: 3, reasons: reasons.collect() }
    }

    fn failed() -> RunEnd {
        RunEnd::Failed { error: "The directory cannot be reached.".to_owned() }
    }

    #[test]
    fn a_state_is_told_once_and_its_end_once() {
        let ends = [RunEnd::Good, failed(), failed(), failed(), RunEnd::Good, RunEnd::Good];
        assert_eq!(told(ends), [(Kind::Failed, vec![]), (Kind::Recovered, vec![Kind::Failed])]);
        let ends = [held(&["first-plan"]), held(&["first-plan"]), RunEnd::Good];
        assert_eq!(told(ends), [(Kind::Held, vec![]), (Kind::Recovered, vec![Kind::Held])]);
    }

    #[test]
    fn a_hold_is_told_again_only_for_a_reason_that_was_not_told() {
        let ends = [held(&["a"]), held(&["a", "b"]), held(&["b"]), held(&["b"]), held(&["a", "b"])];
        assert_eq!(told(ends), [(Kind::Held, vec![]), (Kind::Held, vec![]), (Kind::Held, vec![])]);
    }

    #[test]
    fn a_failure_in_between_does_not_make_a_hold_new() {
        let ends = [held(&["a"]), failed(), held(&["a"])];
        assert_eq!(told(ends), [(Kind::Held, vec![]), (Kind::Failed, vec![]), (Kind::Recovered, vec![Kind::Failed])]);
    }

    #[test]
    fn one_run_tells_one_thing_and_names_what_is_over_with_it() {
        assert_eq!(told([failed(), held(&["a"])])[1], (Kind::Held, vec![Kind::Failed]));
        assert_eq!(told([held(&["a"]), RunEnd::InPart { failed: 2 }])[1], (Kind::InPart, vec![Kind::Held]));
    }

    #[test]
    fn failures_are_told_after_as_many_as_somebody_wants_to_know_of() {
        let pace = Pace { failed_after: 3, ..pace() };
        let mut book = Book::default();
        let mut run = |end| book.observe("acme", at(0), Observation::Run { run: "r".to_owned(), end }, &pace).len();
        assert_eq!([run(failed()), run(failed()), run(RunEnd::Good)], [0, 0, 0]);
        assert_eq!([run(failed()), run(failed()), run(failed()), run(failed())], [0, 0, 1, 0]);
    }

    #[test]
    fn a_quarantine_is_told_once_and_over_with_the_first_run_that_goes_through() {
        let mut book = Book::default();
        let quarantine = || Observation::Quarantined { failures: 5, next: Some(at(6)) };
        let run = |end| Observation::Run { run: "r".to_owned(), end };
        let mut kinds = Vec::new();
        for observation in [run(failed()), quarantine(), run(failed()), quarantine(), run(RunEnd::Good)] {
            kinds.extend(book.observe("acme", at(0), observation, &pace()).into_iter().map(|notice| notice.kind));
        }
        assert_eq!(kinds, [Kind::Failed, Kind::Quarantined, Kind::Recovered]);
    }

    #[test]
    fn a_secret_is_told_at_each_stage_once_and_anew_after_it_was_renewed() {
        let mut book = Book::default();
        let mut look = |day: i64, end: i64| {
            let ends = vec![("the client certificate".to_owned(), at(end * 24))];
            book.observe("acme", at(day * 24), Observation::Secrets { ends }, &pace()).len()
        };
        let days: Vec<i64> = (0..45).filter(|day| look(*day, 40) > 0).collect();
        assert_eq!(days, [10, 33, 39, 40]);
        assert_eq!(look(45, 400), 0);
        assert_eq!((look(370, 400), look(371, 400)), (1, 0));
    }

    #[test]
    fn a_secret_that_shows_itself_late_is_told_once_and_not_for_every_stage_it_passed() {
        let ends = vec![("the token".to_owned(), at(2))];
        let notices = Book::default().observe("acme", at(0), Observation::Secrets { ends }, &pace());
        assert_eq!(notices.len(), 1);
        assert_eq!(notices[0].title, "acme: the token ends in 2 hours, on 2027-01-15 10:00 UTC");
    }
}
