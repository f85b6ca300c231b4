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

    // Who is deleted while their groups keep their name looks the same, so a person is asked; whoever knows that their
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
    world.run(&["explain", "u0000012@example.com"]).expect(0).says(&["The last run failed", "sAMAccountType"]);
}

#[test]
fn an_openldap_that_shows_less_than_before_holds_the_plan() {
    let server = OpenLdap::start(PEOPLE, 20);
    let target = ScimServer::start(ScimKind::Scim2);
    let world = World::between(&server, &target).with_roles(Delivery::Attribute, &seed::OPENLDAP_ROLES);
    world.apply();
    let before = Dump::of(&target);

    // Here names stay in groups, so nothing but the numbers tells of people who are hidden.
    server.hide(&format!("dn.regex=\"^uid=u00001..,ou=people,{}$\"", server.base()));
    for _ in 0..2 {
        world.run(&["apply", "--yes"]).expect(3).says(&["are missing", "`reading.users`", "`deactivations`"]);
        Dump::of(&target).is_the_same_as(&before);
    }
    server.show();
    world.expect_nothing_pending();

    server.hide("attrs=givenName");
    for _ in 0..2 {
        world.run(&["apply", "--yes"]).expect(3).says(&["Almost nobody has given_name any more: 0 of"]);
        Dump::of(&target).is_the_same_as(&before);
    }
    server.show();
    world.expect_nothing_pending();
}

/// Renames everybody, deletes a group that a rule names, and moves the place where people stand. Nobody is put out.
fn upheavals(server: &impl DirectoryServer, world: &World, target: &ScimServer, [rdn, unit, moved, group]: [&str; 4]) {
    let base = server.base();
    let before = Dump::of(target);
    let renamed: Vec<String> = (1..=PEOPLE)
        .map(|number| {
            format!(
                "dn: {rdn}=u{number:07},{unit},{base}\nchangetype: modify\nreplace: displayName\n\
                 displayName: Number {number}\n"
            )
        })
        .collect();
    server.modify(&renamed.join("\n"));
    world.run(&["apply", "--yes"]).expect(3).says(&["`updates`", "name changed"]);
    Dump::of(target).is_the_same_as(&before);
    world.run(&["explain", "u0000001@example.com"]).expect(0).says(&["Held", "`updates`"]);
    world.run(&["plan", "-o", "renamed.json"]).expect(0);
    world.apply_and(&["apply", "renamed.json", "--yes"]);

    // A group is deleted: its role goes, as far as the limits let it, and the people stay.
    server.modify(&format!("dn: {group},{base}\nchangetype: delete\n"));
    world.run(&["plan", "-o", "group.json"]).expect(0).says(&["posix"]);
    world.apply_and(&["apply", "group.json", "--yes"]);
    let after = Dump::of(target).accounts();
    assert!(after.values().all(|seen| seen.active && !seen.roles.contains("posix")));
    assert_eq!(after.len(), before.accounts().len());

    let settled = Dump::of(target);
    server.modify(&format!("dn: {unit},{base}\nchangetype: modrdn\nnewrdn: {moved}\ndeleteoldrdn: 1\n"));
    world.run(&["apply", "--yes"]).expect(1).says(&["does not exist, was moved"]);
    Dump::of(target).is_the_same_as(&settled);
    world.run(&["explain", "u0000001@example.com"]).expect(0).says(&["The last run failed", "moved"]);
}

#[test]
fn a_bulk_rename_a_deleted_group_and_a_moved_base_of_an_openldap_put_nobody_out() {
    let server = OpenLdap::start(PEOPLE, 20);
    let target = ScimServer::start(ScimKind::Scim2);
    let world = World::between(&server, &target).with_roles(Delivery::Attribute, &seed::OPENLDAP_ROLES);
    world.apply();
    upheavals(&server, &world, &target, ["uid", "ou=people", "ou=staff", "cn=posix,ou=groups"]);
}

#[test]
fn a_bulk_rename_a_deleted_group_and_a_moved_base_of_an_active_directory_put_nobody_out() {
    let server = Samba::start(PEOPLE, 20);
    let target = ScimServer::start(ScimKind::Scimmy);
    let world = World::between(&server, &target).with_roles(Delivery::Attribute, &[("big", "posix")]);
    world.apply();
    upheavals(&server, &world, &target, ["CN", "OU=People", "OU=Staff", "CN=big,OU=Groups"]);
}
