//! `apply` is killed in the middle (SIGKILL), and the next `apply` brings the target to where one clean run would have
//! brought it: nobody twice, nobody forgotten.

use std::time::Duration;

use rollcall_test_servers::gate::{Cut, WriteGate};
use rollcall_test_servers::ldap::{DirectoryServer, OpenLdap};
use rollcall_test_servers::scim::{ScimKind, ScimServer};

use super::dump::Dump;
use super::seed;
use super::world::{Delivery, World};

const PEOPLE: u32 = 300;

/// Requests that the target takes at a time, unless it is told otherwise.
const IN_FLIGHT: u64 = 8;

/// Starts an apply and kills it when this many more requests of the method have passed and the next ones are cut off.
fn killed(world: &World, gate: &WriteGate, arguments: &[&str], (method, more, cut): (&'static str, u64, Cut)) {
    gate.arm(method, more, cut);
    let mut apply = world.start(arguments);
    gate.wait_until_holding(Duration::from_secs(60));
    assert!(apply.try_wait().unwrap().is_none(), "it waits for the answer to a write");
    apply.kill().unwrap();
    assert!(!apply.wait().unwrap().success());
    gate.shut();
    gate.wait_until_answered(Duration::from_secs(60));
}

fn killed_and_resumed(kind: ScimKind, delivery: Delivery, points: &[(u64, Cut)]) {
    let server = OpenLdap::start(PEOPLE, 20);
    let target = ScimServer::start(kind);
    let gate = WriteGate::start(target.url());
    let mut world = World::between(&server, &target).with_roles(delivery, &seed::OPENLDAP_ROLES);
    world.target()["url"] = gate.url().into();
    let expected = seed::openldap(PEOPLE);
    let mut arrived = 0;
    for &(more, cut) in points {
        killed(&world, &gate, &["apply", "--yes"], ("POST", more, cut));
        let accounts = Dump::of(&target).accounts().len() as u64;
        // No more than what passed and what was in flight; a write that the server refused for a moment was sent again.
        assert!((arrived..=arrived + more + IN_FLIGHT).contains(&accounts), "{arrived}, then {accounts}");
        assert!(accounts < expected.len() as u64);
        assert!(world.status()["unsettled"].as_u64().unwrap() > 0, "what was in flight is in the journal");
        arrived = accounts;
    }
    gate.open();
    world.apply();
    assert_eq!(Dump::of(&target).accounts(), expected);
    world.expect_nothing_pending();
    let status = world.status();
    assert_eq!(status["active"].as_u64().unwrap() as usize, expected.len());
    assert_eq!(status["unsettled"], 0);

    // Deactivations that are cut off are not forgotten either.
    let leavers: Vec<String> = (20..60)
        .map(|number| format!("dn: uid=u{number:07},ou=people,{}\nchangetype: delete\n", server.base()))
        .collect();
    server.modify(&leavers.join("\n"));
    world.run(&["plan", "-o", "leavers.json"]).expect(0);
    let inactive = || Dump::of(&target).accounts().values().filter(|seen| !seen.active).count();
    killed(&world, &gate, &["apply", "leavers.json", "--yes"], ("PATCH", 13, Cut::Request));
    assert!((1..=13).contains(&inactive()), "{} are out", inactive());
    gate.open();
    world.run(&["plan", "-o", "rest.json"]).expect(0);
    killed(&world, &gate, &["apply", "rest.json", "--yes"], ("PATCH", 7, Cut::Answer));
    assert!((2..40).contains(&inactive()), "{} are out", inactive());
    gate.open();
    world.run(&["plan", "-o", "rest.json"]).expect(0);
    world.apply_and(&["apply", "rest.json", "--yes"]);
    let accounts = Dump::of(&target).accounts();
    assert_eq!(accounts.len(), expected.len());
    for (name, seen) in &accounts {
        let left = (20..60).any(|number| *name == format!("u{number:07}@example.com"));
        assert_eq!(seen.active, !left, "{name}");
    }
    world.expect_nothing_pending();
}

/// Creations that pass before the kill, and where the next ones are cut off.
const POINTS: [(u64, Cut); 4] = [(0, Cut::Answer), (1, Cut::Request), (60, Cut::Answer), (120, Cut::Request)];

#[test]
fn an_apply_killed_at_several_points_is_finished_by_the_next_in_scim2_server() {
    killed_and_resumed(ScimKind::Scim2, Delivery::Attribute, &POINTS);
}

#[test]
fn an_apply_killed_at_several_points_is_finished_by_the_next_in_scimmy_with_groups() {
    killed_and_resumed(ScimKind::Scimmy, Delivery::Groups, &POINTS);
}
