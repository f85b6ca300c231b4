//! Power cuts: the binary applies a company's directory, the power of its disk is cut at a moment that a seed draws, and
//! what is left is opened, applied again and compared with a run that nobody disturbed.
//!
//! The disk is an ext4 on a loop device where the machine has one and lets us mount it; else a shim that forgets what was
//! not synced. The application is another machine: it goes on, keeps everything that it was asked for, and lets anybody be
//! created twice. After each cut must hold: the snapshot opens; of everything that stands in the application it knows that
//! it was done, or that it was begun; at most two runs make everything right; nobody is there twice.
//!
//! ```sh
//! cargo nextest run power_cut                                             # 20 cuts, and what belongs to them
//! ROLLCALL_POWER_CUTS=200 cargo nextest run power_cut --no-capture        # 200, with their counts
//! ROLLCALL_POWER_CUT_SEED=17 cargo nextest run power_cut --no-capture     # what this seed draws, again
//! ROLLCALL_POWER_CUT_PEOPLE=3000 cargo nextest run power_cut              # another size than 150 people
//! ROLLCALL_BINARY=target/release/rollcall …                               # another binary
//! ```
//!
//! A seed draws what is done and when; how far the binary has come by then is the machine's affair, so a seed that failed
//! may have to be tried a few times.

mod company;
mod disk;
mod known;
mod scene;

use std::process::{Command, Stdio};

use self::disk::{Disk, Kind, pause};
use self::scene::{During, Found};
use super::mounts;

/// Runs the test of this name where it may mount, or without that right.
fn with_a_disk(name: &str, test: impl FnOnce()) {
    if mounts::are_possible() { mounts::with_mounts(&format!("power_cut::{name}"), test) } else { test() }
}

/// A number from the environment.
fn setting(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{name} is not a number: {text}")))
}

/// Cuts the power as often as asked for, twice for each seed, prints the counts, and fails if anything was lost.
#[allow(clippy::print_stdout, reason = "the counts are what is asked for, and a seed makes a failure come again")]
fn cut_again_and_again(kind: Kind, cuts: u64) {
    let people = setting("ROLLCALL_POWER_CUT_PEOPLE").unwrap_or(150);
    let cuts = setting("ROLLCALL_POWER_CUTS").unwrap_or(cuts);
    let seeds = setting("ROLLCALL_POWER_CUT_SEED").map_or(1..=cuts.div_ceil(2), |seed| seed..=seed);
    let undisturbed = scene::undisturbed(kind, usize::try_from(people).unwrap());
    let (mut all, mut wrong) = (Vec::new(), Vec::new());
    for seed in seeds {
        for (found, day) in scene::disturbed(kind, seed, &undisturbed).into_iter().zip(1..) {
            if !is_well(&found) {
                println!("seed {seed}, day {day}: {found:#?}");
                wrong.push(format!("seed {seed}, day {day}"));
            }
            all.push(found);
        }
    }
    println!("{}", counts(people, &all));
    assert!(wrong.is_empty(), "{} of {} went wrong: {}", wrong.len(), all.len(), wrong.join("; "));
}

fn is_well(found: &Found) -> bool {
    found.unopened.is_none() && found.lost.is_empty() && found.twins == 0 && found.right_after.is_some()
}

fn counts(people: u64, all: &[Found]) -> String {
    let of = |which: &dyn Fn(&Found) -> bool| all.iter().filter(|found| which(found)).count();
    let during = |when| of(&|found| found.during == when);
    format!(
        "{people} people, {} cuts: {} while reading, {} while applying, {} at rest; {} opened, {} of them sealed; {} lost \
         something ({} accounts); {} twins; right after one run {}, after two {}, never {}",
        all.len(),
        during(During::Reading),
        during(During::Applying),
        during(During::Rest),
        of(&|found| found.unopened.is_none()),
        of(&|found| found.sealed),
        of(&|found| !found.lost.is_empty()),
        all.iter().map(|found| found.lost.len()).sum::<usize>(),
        all.iter().map(|found| found.twins).sum::<usize>(),
        of(&|found| found.right_after == Some(1)),
        of(&|found| found.right_after == Some(2)),
        of(&|found| found.right_after.is_none()),
    )
}

#[test]
fn a_power_cut_at_any_moment_loses_no_acknowledged_write() {
    with_a_disk("a_power_cut_at_any_moment_loses_no_acknowledged_write", || cut_again_and_again(Kind::Best, 20));
}

#[test]
fn a_disk_that_forgets_what_was_not_synced_loses_no_acknowledged_write() {
    cut_again_and_again(Kind::Shim, 4);
}

#[test]
fn a_kill_at_any_moment_loses_no_acknowledged_write() {
    cut_again_and_again(Kind::Killed, 10);
}

/// Writes a file and syncs it, appends to it and writes another without syncing, and cuts the power.
fn what_is_left(kind: Kind) -> (String, String) {
    let above = tempfile::tempdir().unwrap();
    let folder = above.path().join("disk");
    let mut disk: Box<dyn Disk> = disk::make(kind, &folder);
    let script = "printf one >kept; sync kept .; printf two >>kept; printf three >lost; : >done; exec sleep 600";
    let mut writer = Command::new("sh");
    writer.args(["-c", script]).current_dir(&folder).envs(disk.variables()).stdin(Stdio::null());
    let mut writer = writer.spawn().unwrap();
    while !folder.join("done").exists() {
        pause();
    }
    disk.cut(&mut writer, &mut fastrand::Rng::with_seed(0));
    let read = |name: &str| std::fs::read_to_string(folder.join(name)).unwrap_or_default();
    (read("kept"), read("lost"))
}

#[test]
fn the_disks_of_these_tests_keep_what_was_synced_and_nothing_else() {
    with_a_disk("the_disks_of_these_tests_keep_what_was_synced_and_nothing_else", || {
        for kind in [Kind::Best, Kind::Shim] {
            assert_eq!(what_is_left(kind), ("one".to_owned(), String::new()), "{kind:?}");
        }
    });
}
