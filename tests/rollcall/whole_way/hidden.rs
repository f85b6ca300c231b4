//! A directory that hides people answers exactly as one that deleted them, to searches and to look-ups alike. Nobody is
//! put out because of it, however few they are, and `explain` says why; who really left waits no longer than it takes
//! somebody to look.

use rollcall_test_servers::ldap::{DirectoryServer, FaultProxy, OpenLdap, Samba};
use rollcall_test_servers::scim::{ScimKind, ScimServer};

use super::dump::Dump;
use super::seed;
use super::world::{Delivery, World};

const PEOPLE: u32 = 300;

/// The next run finds these people missing, says these things, and changes nothing, also when it is tried again.
fn waits(world: &World, target: &ScimServer, before: &Dump, missing: &[&str], says: &[&str]) {
    for _ in 0..2 {
        let ran = world.run(&["apply", "--yes"]).expect(3).says(says).says(missing);
        Dump::of(target).is_the_same_as(before);
        assert!(!ran.stderr.contains("panicked"), "{ran}");
    }
    for who in missing {
        world.run(&["explain", who]).expect(0).says(&["not found in the directory any more, but"]);
    }
}

#[test]
fn people_whom_an_openldap_hides_wait_for_a_person_and_are_no_leavers() {
    let server = OpenLdap::start(PEOPLE, 20);
    let target = ScimServer::start(ScimKind::Scim2);
    let mut world = World::between(&server, &target).with_roles(Delivery::Attribute, &seed::OPENLDAP_ROLES);
    world.directory()["groups"]["leaves_names"] = false.into();
    world.apply();
    let before = Dump::of(&target);
    let base = server.base();

    // One person in an organisational unit, with the unit.
    server.hide(&format!("dn.subtree=\"ou=Büro Köln,ou=people,{base}\""));
    waits(&world, &target, &before, &["juergen@example.com"], &["the place where they stood is not shown any more"]);
    server.show();
    world.expect_nothing_pending();

    // Two people one by one, whom groups still name.
    server.hide(&format!("dn.regex=\"^uid=u000001[23],ou=people,{base}$\""));
    let both = ["u0000012@example.com", "u0000013@example.com"];
    waits(&world, &target, &before, &both, &["still names somebody who cannot be seen"]);
    server.show();
    world.expect_nothing_pending();

    // Everybody in a unit that stays visible itself.
    server.modify(&format!(
        "dn: uid=u0000020,ou=people,{base}\nchangetype: modrdn\nnewrdn: uid=u0000020\ndeleteoldrdn: 0\n\
         newsuperior: ou=Büro Köln,ou=people,{base}\n"
    ));
    world.apply();
    server.hide(&format!("dn.children=\"ou=Büro Köln,ou=people,{base}\""));
    let all = ["juergen@example.com", "u0000020@example.com"];
    world.directory()["groups"]["leaves_names"] = true.into();
    waits(&world, &target, &before, &all, &["all who stood in the same place are missing at once"]);
    server.show();
    world.expect_nothing_pending();

    // Who is deleted while his groups keep his name looks the same, so a person is asked; whoever knows that his
    // directory leaves names says so once, and leavers leave at the next run.
    world.directory()["groups"]["leaves_names"] = false.into();
    server.modify(&format!("dn: uid=u0000014,ou=people,{base}\nchangetype: delete\n"));
    waits(&world, &target, &before, &["u0000014@example.com"], &["still names", "leaves_names"]);
    world.directory()["groups"]["leaves_names"] = true.into();
    world.apply();
    let after = Dump::of(&target);
    after.differs_only_in(&before, &["u0000014@example.com"], &[]);
    assert!(!after.accounts()["u0000014@example.com"].active);
}

#[test]
fn who_is_deleted_without_leaving_a_name_leaves_at_the_next_run() {
    let server = OpenLdap::start(PEOPLE, 20);
    let target = ScimServer::start(ScimKind::Scim2);
    let mut world = World::between(&server, &target);
    world.directory()["groups"]["leaves_names"] = false.into();
    world.apply();
    let base = server.base();
    // As the `refint` overlay does it: the names go with the person.
    server.unname(&format!("uid=u0000031,ou=people,{base}"));
    server.modify(&format!("dn: uid=u0000031,ou=people,{base}\nchangetype: delete\n"));
    world.apply();
    assert!(!Dump::of(&target).accounts()["u0000031@example.com"].active);
}

#[test]
fn people_whom_a_proxy_hides_from_lists_and_look_ups_wait_for_a_person() {
    let server = OpenLdap::start(PEOPLE, 20);
    let target = ScimServer::start(ScimKind::Scim2);
    let mut world = World::between(&server, &target).with_roles(Delivery::Attribute, &seed::OPENLDAP_ROLES);
    world.directory()["groups"]["leaves_names"] = false.into();
    world.apply();
    let before = Dump::of(&target);
    let proxy = FaultProxy::start(server.ldap_url(), &["--hide", "uid=u000001[01],"]);
    world.through(&proxy);
    let both = ["u0000010@example.com", "u0000011@example.com"];
    waits(&world, &target, &before, &both, &["still names somebody who cannot be seen"]);
    world.straight_to(&server);
    world.expect_nothing_pending();
}

#[test]
fn who_is_deleted_in_an_active_directory_leaves_and_whom_it_hides_waits() {
    let server = Samba::start(PEOPLE, 20);
    let target = ScimServer::start(ScimKind::Scimmy);
    let world = World::between(&server, &target).with_roles(Delivery::Attribute, &seed::SAMBA_ROLES);
    world.apply();
    let first = Dump::of(&target);
    let base = server.base();

    // Active Directory takes the deleted out of their groups itself: nothing is strange about this one.
    server.modify(&format!("dn: CN=u0000013,OU=People,{base}\nchangetype: delete\n"));
    world.apply();
    let before = Dump::of(&target);
    before.differs_only_in(&first, &["u0000013@example.com"], &[]);
    assert!(!before.accounts()["u0000013@example.com"].active);

    // Nobody in the unit is shown any more.
    server.hide(&format!("OU=Büro Köln,OU=People,{base}"));
    waits(&world, &target, &before, &["jmueller@example.com"], &["Vertrieb Süd still names somebody"]);
    // An entry that may not be read is found by its id, and shows nothing of what it is: that settles nothing.
    server.hide(&format!("CN=u0000012,OU=People,{base}"));
    for _ in 0..2 {
        world.run(&["apply", "--yes"]).expect(1).says(&["u0000012", "grant the right"]);
        Dump::of(&target).is_the_same_as(&before);
    }
    world.run(&["explain", "u0000012@example.com"]).expect(0).says(&["u0000012", "sAMAccountType"]);
}
