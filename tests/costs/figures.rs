//! The figures: whole commands of the binary, and stages of a run by the library.

use std::hint::black_box;
use std::path::Path;

use rollcall::snapshot::{MemoryStore, SledStore, Store};
use rollcall_test_servers::company::{Company, DOMAIN};
use rollcall_test_servers::measured::Taken;
use rollcall_test_servers::scim_sink::{ScimSink, SinkSettings};
use rollcall_test_servers::site::Site;
use stats_alloc::Region;

use crate::ALLOCATOR;
use crate::engine::{plan, read, rules, settle};

/// How many people the company has.
const PEOPLE: u32 = 1000;

/// How many of them change.
const CHANGED: u32 = 10;

/// Bytes depend a little on the order in which answers arrive: what is settled together is written together.
const BYTES: u64 = 20;

/// Of a command that writes little itself nearly all bytes are those that sled writes when it opens: whole segments of half
/// a megabyte, as many as happen to be open. What would be seen here is a command that writes the company anew.
const SEGMENTS: u64 = 400;

/// Allocations hardly depend on anything.
const ALLOCATIONS: u64 = 5;

/// One figure.
pub(super) struct Figure {
    /// What was counted.
    pub(super) name: String,
    /// How much it was.
    pub(super) value: u64,
    /// By how many hundredths of the baseline it may differ from it.
    pub(super) tolerance: u64,
}

/// Every figure, in the order of the baseline.
pub(super) fn all() -> Vec<Figure> {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
    let mut figures = Figures(Vec::new());
    commands(&mut figures, folder.path());
    stages(&mut figures, folder.path());
    figures.0
}

struct Figures(Vec<Figure>);

impl Figures {
    fn push(&mut self, name: &str, value: u64, tolerance: u64) {
        self.0.push(Figure { name: name.to_owned(), value, tolerance });
    }
}

/// The life of an organization, command by command.
fn commands(figures: &mut Figures, folder: &Path) {
    let binary = std::env::var("ROLLCALL_BINARY").unwrap_or_else(|_| env!("CARGO_BIN_EXE_rollcall").to_owned());
    let site = Site::new(folder, Path::new(&binary)).unwrap();
    let sink = ScimSink::start(SinkSettings::default()).unwrap();
    let role = "[[organization.acme.role]]\ngroup = \"editors\"\nrole = \"editor\"\n";
    site.configure(DOMAIN, "connector = \"file\"\nusers = \"company.json\"", &sink.url(), role).unwrap();
    Company::of(PEOPLE).write(&site.path("company.json")).unwrap();

    let mut measure = |name: &str, arguments: &[&str], (each, tolerance): (u64, u64)| -> Taken {
        let before = sink.counts().calls();
        let taken = site.run(arguments).ending_with(0);
        figures.push(&format!("{name}: requests"), sink.counts().calls() - before, 0);
        let unit = if each == 1 { "" } else { ", each" };
        figures.push(&format!("{name}: bytes written{unit}"), taken.io.written / each, tolerance);
        taken
    };
    measure("first plan", &["plan"], (PEOPLE.into(), SEGMENTS));
    measure("first apply", &["apply", "--yes"], (PEOPLE.into(), BYTES));
    measure("nothing changed", &["apply", "--yes"], (1, SEGMENTS));
    Company::of(PEOPLE).with_changes(CHANGED, 1).write(&site.path("company.json")).unwrap();
    measure("ten changed", &["apply", "--yes"], (CHANGED.into(), SEGMENTS));
    assert_eq!((sink.counts().users, sink.counts().post), (PEOPLE.into(), PEOPLE.into()), "everybody was created once");
    let address = Company::address(PEOPLE / 2);
    for arguments in [&["status"][..], &["history"], &["explain", &address]] {
        let taken = site.run(arguments).ending_with(0);
        // The first two do not open the snapshot.
        let tolerance = if arguments[0] == "explain" { SEGMENTS } else { BYTES };
        figures.push(&format!("{}: bytes read", arguments[0]), taken.io.read, tolerance);
        figures.push(&format!("{}: bytes written", arguments[0]), taken.io.written, tolerance);
    }
    figures.push("state: bytes on the disk, each", site.state() / u64::from(PEOPLE), SEGMENTS);
}

/// Allocations of the stages of a run, for each person.
fn stages(figures: &mut Figures, folder: &Path) {
    let file = folder.join("company.json");
    Company::of(PEOPLE).write(&file).unwrap();
    let mut measure = |name: &str, work: &mut dyn FnMut()| {
        let region = Region::new(ALLOCATOR);
        work();
        let count = region.change().allocations as u64;
        figures.push(&format!("{name}: allocations, each"), count / u64::from(PEOPLE), ALLOCATIONS);
    };
    let rules = rules(None);
    let memory = MemoryStore::new();
    let disk = SledStore::open(&folder.join("snapshot")).unwrap();
    for (name, store) in [("in memory", &memory as &dyn Store), ("on disk", &disk)] {
        measure(&format!("first reading {name}"), &mut || read(store, &file));
        measure(&format!("second reading {name}"), &mut || read(store, &file));
        measure(&format!("first plan {name}"), &mut || drop(black_box(plan(store, &rules))));
        settle(store, &rules);
        measure(&format!("second plan {name}"), &mut || {
            assert!(plan(store, &rules).plan.changes.is_empty(), "everybody was written");
        });
    }
}
