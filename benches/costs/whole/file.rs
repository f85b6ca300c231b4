//! A company in a file: five memberships for each person.

use std::time::Duration;

use rollcall_test_servers::company::{Company, DOMAIN};
use rollcall_test_servers::measured::Taken;
use rollcall_test_servers::site::Site;

use super::row::{self, Row, bytes, ratio, time, took};
use super::{Ground, daemon};

/// So many people change before the last run.
const CHANGED: u32 = 10;

/// From the first plan to the idle daemon.
pub(super) fn scene(ground: &Ground, print: &mut dyn FnMut(Row)) {
    let people = ground.people;
    let company = Company { memberships: u64::from(people) * 5, ..Company::of(people) };
    let site = Ground::site();
    let sink = ground.sink(Duration::ZERO, None);
    let role = "[[organization.acme.role]]\ngroup = \"editors\"\nrole = \"editor\"\n";
    site.configure(DOMAIN, "connector = \"file\"\nusers = \"company.json\"", sink.url(), role).unwrap();
    let file = site.path("company.json");
    company.write(&file).unwrap();
    let parse = ground.limit(&["parse", file.to_str().unwrap()]);

    print(first_plan(ground, &site, &parse));
    let applied = site.run(&["apply", "--yes"]).ending_with(0);
    let counts = sink.counts();
    print(Row {
        work: format!("first apply, {people} people (file, every tenth with a role), idle sink"),
        limit: "–".to_owned(),
        measured: format!(
            "{:.0}/s ({} of {} calls), {}",
            counts.users as f64 / applied.wall.as_secs_f64(),
            counts.users,
            counts.calls(),
            took(&applied, counts.users, " a creation")
        ),
        goal: "as from LDAP".to_owned(),
        met: None,
    });
    print(row::after_the_first(&site));
    print(size(ground, &site));
    print(nothing_changed(ground, &site, &parse));
    company.with_changes(CHANGED, 1).write(&file).unwrap();
    let changed = site.run(&["apply", "--yes"]).ending_with(0);
    print(Row {
        work: format!("file, {people} people, {CHANGED} changed"),
        limit: limit(&parse),
        measured: format!("{:.1} × the parse: {}", ratio(changed.processor, parse.processor), took(&changed, 1, "")),
        goal: "as with nothing changed".to_owned(),
        met: None,
    });
    questions(ground, &site, print);
    daemon::rows(ground, &site, print);
}

fn limit(parse: &Taken) -> String {
    format!("typed parse {} processor", time(parse.processor))
}

fn first_plan(ground: &Ground, site: &Site, parse: &Taken) -> Row {
    let taken = site.run(&["plan"]).ending_with(0);
    let goal = ground.share_of(Duration::from_secs(40), Duration::from_millis(300));
    Row {
        work: format!("first plan, {} people + {} memberships (file)", ground.people, u64::from(ground.people) * 5),
        limit: limit(parse),
        measured: format!("{:.1} × the parse: {}", ratio(taken.processor, parse.processor), took(&taken, 1, "")),
        goal: format!("≤ {} (40 s at 1,000,000), ≤ 512 MiB", time(goal)),
        met: Some(taken.wall <= goal && taken.peak_mib() <= 512),
    }
}

fn nothing_changed(ground: &Ground, site: &Site, parse: &Taken) -> Row {
    let taken = site.run(&["apply", "--yes"]).ending_with(0);
    let times = ratio(taken.processor, parse.processor);
    Row {
        work: format!("file, {} people, nothing changed", ground.people),
        limit: limit(parse),
        measured: format!("{times:.1} × the parse: {}", took(&taken, 1, "")),
        goal: "≤ 1.5 × (2.5 × at most), ≤ 512 MiB".to_owned(),
        met: Some(times <= 1.5 && taken.peak_mib() <= 512),
    }
}

/// What is asked of a snapshot that nobody else holds open.
fn questions(ground: &Ground, site: &Site, print: &mut dyn FnMut(Row)) {
    let address = Company::address(ground.people / 2);
    for arguments in [&["status"][..], &["explain", &address], &["history"]] {
        let taken = site.run(arguments).ending_with(0);
        print(Row {
            work: format!("`{}`, {} people", arguments[0], ground.people),
            limit: format!("{} shown", bytes(taken.out.len() as u64)),
            measured: format!("{}, {} read", took(&taken, 1, ""), bytes(taken.io.read)),
            goal: "≤ 0.1 s".to_owned(),
            met: Some(taken.wall <= Duration::from_millis(100)),
        });
    }
}

fn size(ground: &Ground, site: &Site) -> Row {
    let each = site.state() / u64::from(ground.people);
    Row {
        work: format!("state after a first apply and a run, {} people", ground.people),
        limit: "payload about 1 kB a user".to_owned(),
        measured: format!("{} a user, history included", bytes(each)),
        goal: "≤ 1 kB, without history".to_owned(),
        met: Some(each <= 1000),
    }
}
