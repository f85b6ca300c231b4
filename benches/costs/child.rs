//! What this program does as a child of itself, so that it can be measured from outside: the bare loops that are the
//! limits, and the servers that are not to be measured together with the one who asks them.

mod ldap;
mod parse;
mod post;

use std::io::{Read as _, Write as _};
use std::time::Duration;

use rollcall_test_servers::graph::{Tenant, group, group_id, user, user_id};
use rollcall_test_servers::scim_sink::{ScimSink, SinkSettings};

/// Plays one role to its end.
pub(crate) fn be(role: &str, arguments: &[&str]) {
    match (role, arguments) {
        ("sink", [delay, limit]) => sink(delay.parse().unwrap(), limit.parse().ok()),
        ("entra", [people, changed]) => entra(people.parse().unwrap(), changed.parse().unwrap()),
        ("post", [url, calls, lanes]) => post::all(url, calls.parse().unwrap(), lanes.parse().unwrap()),
        ("ldap", [url, dn, password, base]) => ldap::read(url, dn, password, base),
        ("parse", [file]) => parse::whole(file),
        _ => panic!("there is no role {role} with {arguments:?}"),
    }
}

/// Serves accounts until standard input ends.
fn sink(delay: u64, per_second: Option<u32>) {
    let settings = SinkSettings { delay: Duration::from_millis(delay), per_second };
    let sink = ScimSink::start(settings).unwrap();
    ready(&format!("URL={}\nTOKEN_FILE={}", sink.url(), sink.token_file().display()));
    wait();
}

/// Serves a tenant of Entra ID with so many people, in whose stream of changes so many of them have another name.
fn entra(people: usize, changed: usize) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let tenant = runtime.block_on(Tenant::start());
    tenant.change(|state| {
        state.users = Vec::new();
        state.deleted = Vec::new();
        state.population = people;
        state.page = 999;
        state.groups = vec![group(0, "editors", false, true, false)];
        state.members = [(group_id(0), (0..people.min(50)).map(|number| ("user", user_id(number))).collect())].into();
        let other = |turn: usize| {
            let mut other = user(turn * people / changed);
            other["displayName"] = format!("Changed {turn}").into();
            other
        };
        state.rounds = [("users", vec![(0..changed).map(other).collect()])].into();
    });
    ready(&format!("URL={}", tenant.server.uri()));
    wait();
}

/// Tells the parent what it has to know, and that it can begin.
fn ready(facts: &str) {
    let mut out = std::io::stdout();
    writeln!(out, "{facts}\nREADY").unwrap();
    out.flush().unwrap();
}

fn wait() {
    std::io::stdin().read_to_end(&mut Vec::new()).unwrap();
}
