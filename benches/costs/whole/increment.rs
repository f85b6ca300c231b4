//! Ten changes from a directory that tells what changed: Entra ID's stream of changes, as `tests/servers` serves it.

use std::time::Duration;

use rollcall_test_servers::graph::{CLIENT, TENANT};

use super::Ground;
use super::row::{Row, ratio, took};

/// So many people change.
const CHANGED: u32 = 10;

/// A full run that enters everybody, and then one over the changes.
pub(super) fn scene(ground: &Ground, print: &mut dyn FnMut(Row)) {
    let tenant = ground.serve(&["entra", &ground.people.to_string(), &CHANGED.to_string()]);
    let sink = ground.sink(Duration::ZERO, None);
    let site = Ground::site();
    site.secret("secret", "hunter2").unwrap();
    let url = tenant.fact("URL");
    let directory = format!(
        "connector = \"entra\"\ntenant = {TENANT:?}\nclient_id = {CLIENT:?}\nlogin_url = {url:?}\ngraph_url = {url:?}\n\
         client_secret = {{ file = \"secret\" }}\ngroups = {{ all = true }}"
    );
    site.configure("example.test", &directory, sink.url(), "").unwrap();
    let _ = site.run(&["apply", "--yes"]).ending_with(0);
    let full = site.run(&["apply", "--yes"]).ending_with(0);
    let before = sink.counts().patch;
    let taken = site.run(&["apply", "--yes", "--incremental"]).ending_with(0);
    let changed = sink.counts().patch - before;
    print(Row {
        work: format!("increment, {CHANGED} changes, {} people (Entra ID)", ground.people),
        limit: "–".to_owned(),
        measured: format!(
            "{changed} updates, {:.0} % of a full run's processor: {}",
            100.0 * ratio(taken.processor, full.processor),
            took(&taken, CHANGED.into(), " a change")
        ),
        goal: "≤ 0.3 s".to_owned(),
        met: Some(taken.wall <= Duration::from_millis(300) && changed == u64::from(CHANGED)),
    });
}
