//! Days of a whole daemon in virtual time: the real supervisor and its keepers, a directory that is a file, a snapshot
//! on disk and an application on loopback. Only the clock is not real. What happens is a golden listing.
//!
//! The days are those on which the clocks of Berlin change. The listings show which runs come at which time, and how
//! long somebody who leaves at that time still has access.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::sync::{Mutex, OnceLock};

use jiff::civil::{Date, Time, date, time};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, ToSpan as _};

use super::desk::locked;
use super::state::Activity;
use super::*;
use crate::demo::company::{Company, DOMAIN, Person};
use crate::demo::sandbox::Sandbox;
use crate::guard::Reviewed;
use crate::run::{Clock, RunResult, Session, open_store};

/// What happens on the day besides runs, by the wall's clock.
const HAPPENINGS: [(Time, What); 9] = [
    (time(1, 10, 0, 0), What::Leaves(1)),
    (time(3, 10, 0, 0), What::Leaves(2)),
    (time(8, 10, 0, 0), What::Leaves(3)),
    (time(10, 10, 0, 0), What::Stops),
    (time(10, 20, 0, 0), What::Leaves(4)),
    (time(13, 20, 0, 0), What::Starts),
    (time(15, 50, 0, 0), What::LosesDirectory),
    (time(17, 10, 0, 0), What::Leaves(5)),
    (time(20, 40, 0, 0), What::FindsDirectory),
];

/// One thing that happens.
#[derive(Clone, Copy, Debug)]
enum What {
    Leaves(usize),
    Stops,
    Starts,
    LosesDirectory,
    FindsDirectory,
}

/// Incremental runs each hour, full ones at a time of day that the one day does not have and the other has twice, and
/// no removals in the morning.
const SETTINGS: &str = r#"
[organization.lumen.schedule]
incremental = "0 * * * *"
full = "30 2 * * *"
zone = "Europe/Berlin"
jitter = "0s"

[[organization.lumen.blackout]]
from = "07:30"
until = "09:30"
forbids = "removals"

[daemon.quarantine]
after = 5
pause = "90m"
"#;

/// A day, told as it passes.
struct Day {
    date: Date,
    zone: TimeZone,
    clock: Clock,
    folder: tempfile::TempDir,
    sandbox: Arc<Sandbox>,
    company: Company,
    log: Arc<Mutex<String>>,
}

impl Day {
    /// A day that begins now; all of its forty people have accounts since the evening before.
    async fn begin(date: Date) -> Self {
        let zone = TimeZone::get("Europe/Berlin").unwrap();
        let midnight = zone.to_ambiguous_timestamp(date.at(0, 0, 0, 0)).unambiguous().unwrap();
        let people = (1..=40).map(|number| Person {
            id: format!("p-{number}"),
            login: format!("person.{number}"),
            name: ("Person".to_owned(), number.to_string()),
            department: "Research".to_owned(),
            email: Some(format!("person.{number}@{DOMAIN}")),
            status: "active".to_owned(),
            contractor: false,
        });
        let company = Company { people: people.collect(), groups: Vec::new() };
        let (folder, sandbox) = (tempfile::tempdir().unwrap(), Arc::new(Sandbox::start().unwrap()));
        let clock: Clock = Arc::new(move || midnight - 2.hours());
        let mut day = Self { date, zone, clock, folder, sandbox, company, log: Arc::default() };
        day.company.write(day.folder.path()).unwrap();
        let token = day.folder.path().join("token");
        let mut token = std::fs::File::options().write(true).create_new(true).mode(0o600).open(token).unwrap();
        std::io::Write::write_all(&mut token, day.sandbox.token().as_bytes()).unwrap();
        day.first_run().await;
        // From here on nothing takes time but waiting. (Time cannot stand still around the first run: a runtime that
        // only waits for an answer would let it pass.)
        tokio::time::pause();
        let began = tokio::time::Instant::now();
        day.clock = Arc::new(move || midnight + SignedDuration::try_from(tokio::time::Instant::now() - began).unwrap());
        day
    }

    fn configuration(&self) -> Configuration {
        let text = format!(
            "state_dir = \"state\"\n[organization.lumen]\ndomains = [\"{DOMAIN}\"]\n[organization.lumen.directory]\n\
             connector = \"file\"\nusers = \"company.json\"\n[organization.lumen.target]\nkind = \"scim\"\nurl = \
             \"{}\"\ntoken = {{ file = \"token\" }}\n{SETTINGS}",
            self.sandbox.url()
        );
        crate::config::parse(self.folder.path().join("config.toml"), &text).unwrap()
    }

    /// The first run waits for a person, who makes it late in the evening before.
    async fn first_run(&self) {
        let configuration = self.configuration();
        let organization = configuration.organizations["lumen"].clone();
        let store = open_store(&organization, &configuration.state_dir).unwrap();
        let session = Arc::new(Session::with_store(organization, store).unwrap().with_clock(Clock::clone(&self.clock)));
        let (run, reviewed) = session.plan(&|_| {}).await.unwrap().into_parts();
        let approved = match reviewed {
            Reviewed::Held(held) => held.approve("ada", "the first run"),
            Reviewed::Cleared(_) | Reviewed::Parted(_) => panic!("nobody was asked"),
        };
        run.apply(approved, &|_| {}).await.unwrap();
    }

    /// Starts a daemon. Each run's end is told, with who is out by then.
    fn start(&self) -> Supervisor {
        let view = Arc::new(OnceLock::<View>::new());
        let (sandbox, log, zone) = (Arc::clone(&self.sandbox), Arc::clone(&self.log), self.zone.clone());
        let (theirs, before) = (Arc::clone(&view), Mutex::new(out(&sandbox)));
        let consumer: Consumer = Box::new(move |told| {
            let Event::Ended { record } = &told.event else { return };
            let states = theirs.get().unwrap().states.borrow();
            let Activity::Running { since, depth, why } = states["lumen"].activity else { panic!("nothing runs") };
            let now = out(&sandbox);
            let gone: Vec<String> = now.difference(&*locked(&before)).cloned().collect();
            *locked(&before) = now;
            let gone = if gone.is_empty() { String::new() } else { format!("; out: {}", gone.join(", ")) };
            let when = format!("{} {depth:?}, {why:?}", wall(since, &zone));
            writeln!(locked(&log), "{when:<42} {}{gone}", ending(&record.result)).unwrap();
        });
        let supervisor = Supervisor::new(self.configuration(), vec![consumer], Clock::clone(&self.clock));
        assert!(view.set(supervisor.view()).is_ok());
        supervisor.open();
        supervisor
    }

    /// Lets the day pass, and returns what was told.
    async fn pass(mut self) -> String {
        let mut daemon = Some(self.start());
        for (time, what) in HAPPENINGS {
            self.until(self.date.to_datetime(time)).await;
            writeln!(locked(&self.log), "{} -- {what:?}", wall((self.clock)(), &self.zone)).unwrap();
            let file = self.folder.path().join("company.json");
            match what {
                What::Leaves(number) => {
                    self.company.people[number - 1].status = "inactive".to_owned();
                    if file.exists() {
                        self.company.write(self.folder.path()).unwrap();
                    }
                }
                What::Stops => assert!(daemon.take().unwrap().close().await),
                What::Starts => daemon = Some(self.start()),
                What::LosesDirectory => std::fs::remove_file(file).unwrap(),
                What::FindsDirectory => drop(self.company.write(self.folder.path()).unwrap()),
            }
        }
        self.until((self.date + 1.day()).at(0, 10, 0, 0)).await;
        assert!(daemon.unwrap().close().await);
        locked(&self.log).clone()
    }

    async fn until(&self, civil: jiff::civil::DateTime) {
        let moment = self.zone.to_ambiguous_timestamp(civil).compatible().unwrap();
        let left = std::time::Duration::try_from(moment.duration_since((self.clock)())).unwrap();
        tokio::time::sleep(left).await;
    }
}

/// Who is out, by login.
fn out(sandbox: &Sandbox) -> BTreeSet<String> {
    let users = sandbox.users().into_iter().filter(|account| !account.active);
    users.map(|account| account.user_name.split('@').next().unwrap_or_default().to_owned()).collect()
}

/// The wall's clock, with how far it is from UTC.
fn wall(moment: Timestamp, zone: &TimeZone) -> String {
    moment.to_zoned_datetime(zone.clone()).strftime("%H:%M:%S%:z").to_string()
}

fn ending(result: &RunResult) -> String {
    match result {
        // Its error names the file, which lies in another folder on each machine.
        RunResult::Failed(_) => "failed".to_owned(),
        RunResult::Held { holds } if holds.iter().all(crate::guard::Hold::passes_by_itself) => "put off".to_owned(),
        other => format!("{other:?}"),
    }
}

#[tokio::test]
async fn on_the_day_that_has_an_hour_less_no_run_is_lost() {
    insta::assert_snapshot!(Day::begin(date(2027, 3, 28)).await.pass().await);
}

#[tokio::test]
async fn on_the_day_that_has_an_hour_twice_no_full_run_comes_twice() {
    insta::assert_snapshot!(Day::begin(date(2027, 10, 31)).await.pass().await);
}
