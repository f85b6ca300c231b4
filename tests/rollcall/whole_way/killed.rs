//! `apply` is killed in the middle (SIGKILL), and the next `apply` brings the target to where one clean run would have
//! brought it: nobody twice, nobody forgotten.

use std::time::{Duration, Instant};

use rollcall_test_servers::ldap::{DirectoryServer, OpenLdap};
use rollcall_test_servers::scim::{ScimKind, ScimServer};

use super::dump::{Dump, number_of_accounts};
use super::seed;
use super::world::{Delivery, World, wait_a_moment};

const PEOPLE: u32 = 300;

/// Starts an apply and kills it as soon as the target has so many accounts.
fn kill_at(world: &World, target: &ScimServer, accounts: u64) {
    let mut apply = world.start(&["apply", "--yes"]);
    let patience = Instant::now() + Duration::from_secs(60);
    while number_of_accounts(target) < accounts {
        assert!(apply.try_wait().unwrap().is_none(), "the apply ended before it could be killed");
        assert!(Instant::now() < patience, "the apply does not get so far");
        wait_a_moment();
    }
    apply.kill().unwrap();
    let ended = apply.wait().unwrap();
    assert!(!ended.success(), "the apply was over before it was killed");
}

fn killed_and_resumed(kind: ScimKind, delivery: Delivery, points: &[u64]) {
    let server = OpenLdap::start(PEOPLE, 20);
    let target = ScimServer::start(kind);
    let world = World::between(&server, &target).with_roles(delivery, &seed::OPENLDAP_ROLES);
    let expected = seed::openldap(PEOPLE);
    for &point in points {
        kill_at(&world, &target, point);
        let accounts = Dump::of(&target).accounts();
        assert!((accounts.len() as u64) < expected.len() as u64, "killed too late at {point}");
        world.run(&["status"]).expect(0);
    }
    world.apply();
    assert_eq!(Dump::of(&target).accounts(), expected);
    world.expect_nothing_pending();
    let status = world.status();
    assert_eq!(status["active"].as_u64().unwrap() as usize, expected.len());
    assert_eq!(status["unsettled"], 0);

    // Deactivations that are cut off are not forgotten either. On a quick machine all may be done before the kill; the
    // end must be the same.
    let leavers: Vec<String> = (20..60)
        .map(|number| format!("dn: uid=u{number:07},ou=people,{}\nchangetype: delete\n", server.base()))
        .collect();
    server.modify(&leavers.join("\n"));
    world.run(&["plan", "-o", "leavers.json"]).expect(0);
    let mut apply = world.start(&["apply", "leavers.json", "--yes"]);
    while Dump::of(&target).accounts().values().all(|seen| seen.active) && apply.try_wait().unwrap().is_none() {
        wait_a_moment();
    }
    let _ = apply.kill();
    apply.wait().unwrap();
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

#[test]
fn an_apply_killed_at_several_points_is_finished_by_the_next_in_scim2_server() {
    killed_and_resumed(ScimKind::Scim2, Delivery::Attribute, &[1, 60, 200]);
}

#[test]
fn an_apply_killed_at_several_points_is_finished_by_the_next_in_scimmy_with_groups() {
    killed_and_resumed(ScimKind::Scimmy, Delivery::Groups, &[1, 60, 200]);
}
