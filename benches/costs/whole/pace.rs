//! Applications that are the slower of the two: one that takes its time, and one that limits its calls.

use std::time::Duration;

use rollcall_test_servers::company::{Company, DOMAIN};

use super::Ground;
use super::row::{Row, ratio, time, took};

/// What one row needs; beyond that it only takes longer.
const MOST: u32 = 10_000;

/// A first apply with 20 ms for each answer, and one with 200 calls a second.
pub(super) fn scene(ground: &Ground, print: &mut dyn FnMut(Row)) {
    print(row(ground, "at 20 ms, 8 in flight", Duration::from_millis(20), None));
    print(row(ground, "under 200/s with Retry-After", Duration::ZERO, Some(200)));
}

fn row(ground: &Ground, how: &str, delay: Duration, per_second: Option<u32>) -> Row {
    let people = ground.people.min(MOST);
    let bare = ground.bare_posts(&ground.sink(delay, per_second), people);
    let sink = ground.sink(delay, per_second);
    let site = Ground::site();
    Company::of(people).write(&site.path("company.json")).unwrap();
    site.configure(DOMAIN, "connector = \"file\"\nusers = \"company.json\"", sink.url(), "").unwrap();
    let taken = site.run(&["apply", "--yes"]).ending_with(0);
    let counts = sink.counts();
    let times = ratio(taken.wall, bare);
    Row {
        work: format!("apply of {people} {how}"),
        limit: format!("{} bare loop", time(bare)),
        measured: format!(
            "{times:.2} × ({} calls, {} refused): {}",
            counts.calls(),
            counts.refused,
            took(&taken, counts.users, " a creation")
        ),
        goal: "≤ 1.05 ×".to_owned(),
        met: Some(times <= 1.05 && counts.users == u64::from(people)),
    }
}
