//! One installation on a disk of its own: applied, cut off at a moment, and looked at afterwards.

use std::collections::BTreeSet;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use rollcall::demo::company::Company;
use rollcall::demo::sandbox::{Fault, Sandbox};

use super::company::{Ending, LIMITS, days, ending, twins};
use super::disk::{self, Disk, Kind, pause};
use super::known::Known;
use crate::command_support::{Ran, Site, ran};

/// What a run that nobody disturbs does on one day.
pub(super) struct Undisturbed {
    company: Company,
    /// How long it takes from its start until its first write to the application.
    reads_for: Duration,
    /// How many writes it makes.
    writes: u64,
    ending: Ending,
}

/// When the power is cut.
#[derive(Clone, Copy, Debug)]
enum Moment {
    /// So long after the start of a run, while it reads and plans.
    Reading(Duration),
    /// As soon as the application has been sent so many writes, and a little later.
    Applying(u64, Duration),
}

/// What the process was about when the power was cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum During {
    /// It had sent no write.
    Reading,
    /// It had sent some.
    Applying,
    /// It had ended.
    Rest,
}

/// What was found after a cut.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) during: During,
    /// What kept the snapshot from being opened.
    pub(super) unopened: Option<String>,
    /// The snapshot matched its seal.
    pub(super) sealed: bool,
    /// Owners of accounts in the application of which the snapshot knows neither what was done nor that it was begun.
    pub(super) lost: BTreeSet<String>,
    /// Accounts that somebody has beyond the first.
    pub(super) twins: usize,
    /// After how many runs everything was as it should be, if it was.
    pub(super) right_after: Option<u32>,
    /// What was printed by the last of them.
    #[allow(dead_code, reason = "shown where a cut went wrong")]
    pub(super) printed: String,
}

/// How many runs it may take.
const RUNS: u32 = 2;

struct Scene {
    site: Site,
    disk: Box<dyn Disk>,
}

impl Scene {
    fn new(kind: Kind) -> Self {
        let site = Site::new();
        // Nothing but the snapshot keeps anybody from being created twice.
        site.sandbox.inject(Fault::AllowTwins);
        site.configure(LIMITS);
        let disk = disk::make(kind, &site.path("state"));
        Self { site, disk }
    }

    fn run(&self, arguments: &[&str]) -> Ran {
        ran(self.site.command(arguments).envs(self.disk.variables()))
    }

    fn start(&self) -> Child {
        self.site.sandbox.forget_requests();
        let mut command = self.site.command(&["apply", "--yes"]);
        command.envs(self.disk.variables()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    }

    /// Cuts the power at this moment of a run.
    fn cut(&mut self, moment: Moment, chance: &mut fastrand::Rng) -> During {
        let mut child = self.start();
        moment.wait(&child, &self.site.sandbox);
        let during = match self.site.sandbox.writes() {
            _ if has_ended(&child) => During::Rest,
            0 => During::Reading,
            _ => During::Applying,
        };
        self.disk.cut(&mut child, chance);
        settle_down(&self.site.sandbox);
        during
    }

    /// Looks at what the cut left, and lets it be put right.
    fn look(&self, during: During, expected: &Ending) -> Found {
        let status = self.run(&["status", "--format", "json"]);
        let unopened = (status.code != 0).then(|| status.whole());
        let sealed = unopened.is_none() && status.json()["organizations"][0]["sealed"] == true;
        let lost = if unopened.is_none() { self.lost() } else { BTreeSet::new() };
        let (mut right_after, mut printed) = (None, String::new());
        for run in 1..=RUNS {
            printed = self.run(&["apply", "--yes"]).whole();
            if ending(&self.site.sandbox) == *expected && self.run(&["plan", "--detailed-exitcode"]).code == 0 {
                right_after = Some(run);
                break;
            }
        }
        Found { during, unopened, sealed, lost, twins: twins(&self.site.sandbox), right_after, printed }
    }

    /// Whoever has in the application what the snapshot does not know of.
    fn lost(&self) -> BTreeSet<String> {
        let known = Known::of(&self.site.path("state/lumen"));
        let accounts = self.site.sandbox.users().into_iter();
        accounts.filter(|account| !known.covers(account)).map(|account| account.user_name).collect()
    }
}

/// Runs both days of a company of this size undisturbed.
#[allow(clippy::print_stdout, reason = "which disk it was belongs to the counts")]
pub(super) fn undisturbed(kind: Kind, people: usize) -> [Undisturbed; 2] {
    let scene = Scene::new(kind);
    println!("the disk: {}", scene.disk.name());
    days(people).map(|company| {
        scene.site.directory(&company);
        let started = Instant::now();
        let mut child = scene.start();
        while scene.site.sandbox.writes() == 0 && !has_ended(&child) {
            pause();
        }
        let reads_for = started.elapsed();
        assert!(child.wait().unwrap().success());
        scene.run(&["plan", "--detailed-exitcode"]).ends_with(0);
        let (writes, ending) = (scene.site.sandbox.writes(), ending(&scene.site.sandbox));
        Undisturbed { company, reads_for, writes, ending }
    })
}

/// The same with the power cut once on each day, at moments that the seed draws.
pub(super) fn disturbed(kind: Kind, seed: u64, days: &[Undisturbed; 2]) -> [Found; 2] {
    let mut chance = fastrand::Rng::with_seed(seed);
    let mut scene = Scene::new(kind);
    days.each_ref().map(|day| {
        scene.site.directory(&day.company);
        let moment = Moment::draw(day, &mut chance);
        let during = scene.cut(moment, &mut chance);
        scene.look(during, &day.ending)
    })
}

impl Moment {
    fn draw(day: &Undisturbed, chance: &mut fastrand::Rng) -> Self {
        if chance.u8(..).is_multiple_of(3) {
            return Self::Reading(day.reads_for.mul_f64(chance.f64()));
        }
        Self::Applying(chance.u64(1..=day.writes), Duration::from_micros(chance.u64(..5000)))
    }

    /// Waits for it, or until the process has ended.
    fn wait(self, child: &Child, sandbox: &Sandbox) {
        let (writes, after) = match self {
            Self::Reading(after) => (0, after),
            Self::Applying(writes, after) => (writes, after),
        };
        while sandbox.writes() < writes && !has_ended(child) {
            pause();
        }
        let since = Instant::now();
        while since.elapsed() < after && !has_ended(child) {
            pause();
        }
    }
}

/// Whether a process has ended, without taking note of its end: its id stays its own until then.
fn has_ended(child: &Child) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", child.id())).unwrap_or_default();
    stat.rsplit(')').next().is_none_or(|rest| rest.is_empty() || rest.trim_start().starts_with('Z'))
}

/// Waits until the application has done what it was asked for before the cut.
fn settle_down(sandbox: &Sandbox) {
    let (mut writes, mut quiet) = (sandbox.writes(), 0);
    while quiet < 100 {
        pause();
        quiet = if sandbox.writes() == writes { quiet + 1 } else { 0 };
        writes = sandbox.writes();
    }
}
