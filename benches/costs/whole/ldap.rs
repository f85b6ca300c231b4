//! A company in OpenLDAP.

use std::process::Command;
use std::time::Duration;

use rollcall_test_servers::ldap::{DirectoryServer as _, OpenLdap};
use rollcall_test_servers::measured::Taken;
use rollcall_test_servers::site::Site;

use super::row::{self, Row, bytes, ratio, time, took};
use super::{Ground, ground};

/// So many people change before the last run.
const CHANGED: u32 = 10;

/// A run that found nothing writes a record and a line here and there: no more than this.
const RECORD: u64 = 64 * 1024;

/// First apply, nothing changed, ten changes.
pub(super) fn scene(ground: &Ground, print: &mut dyn FnMut(Row)) {
    if !["slapd", "ldapsearch"].iter().all(|program| is_there(program)) {
        return print(Row {
            work: "LDAP".to_owned(),
            limit: "–".to_owned(),
            measured: "OpenLDAP is missing: tests/servers/install-debian.sh".to_owned(),
            goal: "–".to_owned(),
            met: None,
        });
    }
    // A million people take 5 GB; the file is as large as what is in it.
    let server = OpenLdap::start_with(ground.people, (ground.people / 100).max(20), &[("MAXSIZE", "17179869184")]);
    let sink = ground.sink(Duration::ZERO, None);
    let site = Ground::site();
    configure(&site, &server, sink.url());
    print(first(ground, &site, &sink));
    print(row::after_the_first(&site));
    print(nothing_changed(ground, &site, &server));
    server.change_people(ground.people, CHANGED, 1);
    print(ten_changes(&site, &sink));
}

fn is_there(program: &str) -> bool {
    Command::new("sh")
        .args(["-c", &format!("PATH=$PATH:/usr/sbin command -v {program}")])
        .output()
        .unwrap()
        .status
        .success()
}

fn configure(site: &Site, server: &OpenLdap, target: &str) {
    let (base, (dn, password)) = (server.base(), server.reader());
    site.secret("password", password).unwrap();
    let directory = format!(
        "connector = \"ldap\"\nservers = [{:?}]\ndanger_clear_text = true\nflavour = \"openldap\"\nbind_dn = {dn:?}\n\
         bind_password = {{ file = \"password\" }}\nignorable_referrals = [\"ou=elsewhere,ou=people,{base}\"]\n\
         users = {{ bases = [\"ou=people,{base}\"] }}\n\
         groups = {{ bases = [\"ou=groups,{base}\"], leaves_names = true }}",
        server.ldap_url()
    );
    site.configure("example.com", &directory, target, "").unwrap();
}

/// Everybody is created, as fast as the application takes it.
fn first(ground: &Ground, site: &Site, sink: &ground::Sink) -> Row {
    let calls = ground.people.clamp(2000, 20_000);
    let bare = ground.bare_posts(&ground.sink(Duration::ZERO, None), calls);
    // Some of the people cannot be provisioned, so the code says that not everything went through.
    let taken = site.run(&["apply", "--yes"]);
    let counts = sink.counts();
    let rate = counts.users as f64 / taken.wall.as_secs_f64();
    let written = taken.io.written / counts.users.max(1);
    Row {
        work: format!("first apply, {} people (LDAP), idle sink", ground.people),
        limit: format!("{:.0} POST/s bare loop", f64::from(calls) / bare.as_secs_f64()),
        measured: format!(
            "{rate:.0}/s ({} of {} calls), {}{}",
            counts.users,
            counts.calls(),
            took(&taken, counts.users, " a creation"),
            how_it_ended(&taken)
        ),
        goal: "≥ 3,000/s, ≤ 20 kB a creation, ≤ 256 MiB".to_owned(),
        met: Some(rate >= 3000.0 && written <= 20_000 && taken.peak_mib() <= 256),
    }
}

fn nothing_changed(ground: &Ground, site: &Site, server: &OpenLdap) -> Row {
    let (base, (dn, password)) = (server.base(), server.reader());
    let bare = ground.limit(&["ldap", server.ldap_url(), dn, password, base]);
    let search = Taken::by(
        Command::new("ldapsearch")
            .args(["-x", "-LLL", "-o", "ldif-wrap=no", "-E", "pr=500/noprompt", "-H", server.ldap_url()])
            .args(["-D", dn, "-w", password, "-b", base, "(|(objectClass=inetOrgPerson)(objectClass=groupOfNames))"]),
    )
    .unwrap();
    let taken = site.run(&["apply", "--yes"]);
    let (processor, wall) = (ratio(taken.processor, bare.processor), ratio(taken.wall, search.wall));
    Row {
        work: format!("LDAP, {} people, nothing changed", ground.people),
        limit: format!("bare ldap3 loop {} processor; ldapsearch {} in all", time(bare.processor), time(search.wall)),
        measured: format!(
            "{processor:.1} × the bare loop's processor, {wall:.1} × ldapsearch's time: {}{}",
            took(&taken, 1, ""),
            how_it_ended(&taken)
        ),
        goal: format!("≤ 1.5 ×, ≤ 1.5 ×, ≤ 100 MiB, nothing written but its record (≤ {})", bytes(RECORD)),
        met: Some(processor <= 1.5 && wall <= 1.5 && taken.peak_mib() <= 100 && taken.io.written <= RECORD),
    }
}

/// By the stream of changes if this connector has one; else everything is read.
fn ten_changes(site: &Site, sink: &ground::Sink) -> Row {
    let before = sink.counts().patch;
    let taken = site.run(&["apply", "--yes", "--incremental"]);
    let changed = sink.counts().patch - before;
    let in_full = if taken.err.contains("cannot tell what changed") { ", read in full" } else { "" };
    Row {
        work: format!("LDAP, {CHANGED} changes{in_full}"),
        limit: "–".to_owned(),
        measured: format!("{changed} updates: {}{}", took(&taken, CHANGED.into(), " a change"), how_it_ended(&taken)),
        goal: "≤ 0.3 s".to_owned(),
        met: Some(taken.wall <= Duration::from_millis(300) && changed == u64::from(CHANGED)),
    }
}

/// Said only if it is worth a look: 0 and 4 (somebody was refused) are what this company ends with.
fn how_it_ended(taken: &Taken) -> String {
    match taken.status.code() {
        Some(0 | 4) => String::new(),
        other => format!("; **ended with {other:?}**: {}", taken.err.lines().last().unwrap_or_default()),
    }
}
