//! Everybody arrives, and nobody else: the first plan, its file, the apply, and then what a directory's days bring.

use std::collections::BTreeMap;

use rollcall_test_servers::ldap::{DirectoryServer, OpenLdap, Samba};
use rollcall_test_servers::scim::{ScimKind, ScimServer};

use super::dump::{Dump, Seen};
use super::seed;
use super::world::{Delivery, World, changes, is_private, refusals};

/// Ordinary people in the directories, besides the odd ones.
const OPENLDAP_PEOPLE: u32 = 6000;
const SAMBA_PEOPLE: u32 = 2000;

/// Check, plan, a kept plan, apply, and nothing left to do.
fn everybody_arrives(world: &World, target: &ScimServer, reader: &str, expected: &BTreeMap<String, Seen>) -> Dump {
    world.run(&["check"]).expect(0).says(&[reader]);
    let empty = Dump::of(target);
    let plan = world.plan();
    assert_eq!(plan["held"], true, "{:.400}", plan.to_string());
    assert_eq!(plan["holds"][0]["hold"], "first-plan");
    assert_eq!(plan["counts"]["create"].as_u64().unwrap() as usize, expected.len());
    let roles: usize = expected.values().map(|seen| seen.roles.len()).sum();
    assert_eq!(plan["counts"]["grant-role"].as_u64().unwrap() as usize, roles);
    for refused in ["address-conflict dup@example.com", "email-missing nomail", "email-missing u0000097"] {
        assert!(refusals(&plan).iter().any(|line| line == refused), "{refused}: {:?}", refusals(&plan));
    }
    world.run(&["plan", "-o", "plan.json"]).expect(0).says(&["first plan"]);
    assert!(is_private(&world.path("plan.json")));
    Dump::of(target).is_the_same_as(&empty);

    world.apply();
    let filled = Dump::of(target);
    let accounts = filled.accounts();
    for (name, seen) in expected {
        assert_eq!(accounts.get(name), Some(seen), "{name}");
    }
    assert_eq!(accounts.len(), expected.len());
    world.expect_nothing_pending();
    assert_eq!(world.status()["active"].as_u64().unwrap() as usize, expected.len());
    // What was kept before is stale now, and does nothing.
    world.run(&["apply", "plan.json", "--yes"]).expect(1).says(&["stale"]);
    filled
}

/// Plans exactly these changes, applies them, and nothing else moved in the target.
fn exactly(
    world: &World,
    target: &ScimServer,
    before: &Dump,
    expected: &[&str],
    people: &[&str],
    groups: &[&str],
) -> Dump {
    let plan = world.plan();
    let mut expected: Vec<String> = expected.iter().map(|&line| line.to_owned()).collect();
    expected.sort();
    assert_eq!(changes(&plan), expected);
    assert_eq!(plan["held"], false, "{}", plan["holds"]);
    world.apply();
    let people: Vec<String> = people.iter().map(|local| format!("{local}@example.com")).collect();
    let people: Vec<&str> = people.iter().map(String::as_str).collect();
    let after = Dump::of(target);
    after.differs_only_in(before, &people, groups);
    world.expect_nothing_pending();
    after
}

/// What a day brings in an OpenLDAP.
fn a_day_in_openldap(server: &OpenLdap, world: &World, target: &ScimServer, before: &Dump, delivery: Delivery) {
    let base = server.base();
    server.modify(&format!(
        "dn: uid=joiner,ou=people,{base}\nchangetype: add\nobjectClass: inetOrgPerson\nuid: joiner\ncn: Joy Ner\nsn: Ner\n\
         mail: joiner@example.com\n\n\
         dn: cn=nest-b,ou=groups,{base}\nchangetype: modify\nadd: member\nmember: uid=joiner,ou=people,{base}\n\n\
         dn: uid=u0000016,ou=people,{base}\nchangetype: modify\nreplace: displayName\ndisplayName: Married Now\n\n\
         dn: cn=unique,ou=groups,{base}\nchangetype: modify\ndelete: uniqueMember\n\
         uniqueMember: uid=u0000008,ou=people,{base}\n-\nadd: uniqueMember\nuniqueMember: uid=u0000017,ou=people,{base}\n\n\
         dn: uid=u0000020,ou=people,{base}\nchangetype: modrdn\nnewrdn: uid=renamed\ndeleteoldrdn: 1\n\
         newsuperior: ou=Büro Köln,ou=people,{base}\n\n\
         dn: uid=u0000021,ou=people,{base}\nchangetype: modrdn\nnewrdn: uid=u0000021\ndeleteoldrdn: 0\n\
         newsuperior: ou=Büro Köln,ou=people,{base}\n\n\
         dn: uid=u0000030,ou=people,{base}\nchangetype: delete\n\n\
         dn: uid=u0000040,ou=people,{base}\nchangetype: modify\nadd: pwdAccountLockedTime\n\
         pwdAccountLockedTime: 000001010000Z\n\n\
         dn: cn=Vertrieb Süd,ou=groups,{base}\nchangetype: delete\n"
    ));
    let moved = ["joiner", "u0000016", "u0000008", "u0000017", "u0000020", "u0000030", "u0000040", "juergen"];
    let groups: &[&str] = if delivery == Delivery::Groups { &["looped", "unique", "vertrieb"] } else { &[] };
    let expected = [
        r#"create joiner@example.com"#,
        r#"grant-role joiner@example.com looped"#,
        r#"update u0000016@example.com name="Married Now""#,
        r#"revoke-role u0000008@example.com unique"#,
        r#"grant-role u0000017@example.com unique"#,
        r#"update u0000020@example.com preferred_username="renamed""#,
        r#"deactivate u0000030@example.com"#,
        r#"deactivate u0000040@example.com"#,
        r#"revoke-role juergen@example.com vertrieb"#,
    ];
    let after = exactly(world, target, before, &expected, &moved, groups);
    let accounts = after.accounts();
    let active = |local: &str| accounts[&format!("{local}@example.com")].active;
    assert!(active("joiner") && active("u0000020") && active("u0000021") && active("juergen"));
    assert!(!active("u0000030") && !active("u0000040"));

    // The next day: they are let in again, and a renamed group stays the same group.
    server.modify(&format!(
        "dn: uid=u0000040,ou=people,{base}\nchangetype: modify\ndelete: pwdAccountLockedTime\n\n\
         dn: cn=nest-a,ou=groups,{base}\nchangetype: modrdn\nnewrdn: cn=nest-new\ndeleteoldrdn: 1\n"
    ));
    exactly(world, target, &after, &["reactivate u0000040@example.com"], &["u0000040"], &[]);
}

/// What a day brings in an Active Directory.
fn a_day_in_samba(server: &Samba, world: &World, target: &ScimServer, before: &Dump, delivery: Delivery) {
    let base = server.base();
    let control = |cn: &str, value: &str| {
        format!(
            "dn: CN={cn},OU=People,{base}\nchangetype: modify\nreplace: userAccountControl\nuserAccountControl: {value}\n\n"
        )
    };
    server.modify(&format!(
        "dn: CN=Joy Ner,OU=People,{base}\nchangetype: add\nobjectClass: user\nsAMAccountName: joiner\n\
         userPrincipalName: joiner@corp.example\nuserAccountControl: 544\nmail: joiner@example.com\n\n\
         dn: CN=nest-b,OU=Groups,{base}\nchangetype: modify\nadd: member\nmember: CN=Joy Ner,OU=People,{base}\n\n\
         dn: CN=u0000016,OU=People,{base}\nchangetype: modify\nreplace: displayName\ndisplayName: Married Now\n\n\
         dn: CN=domlocal,OU=Groups,{base}\nchangetype: modify\ndelete: member\nmember: CN=u0000007,OU=People,{base}\n-\n\
         add: member\nmember: CN=u0000017,OU=People,{base}\n\n\
         dn: CN=mover,OU=People,{base}\nchangetype: modrdn\nnewrdn: CN=moved\ndeleteoldrdn: 1\n\
         newsuperior: OU=Büro Köln,OU=People,{base}\n\n\
         dn: CN=inetorg,OU=People,{base}\nchangetype: delete\n\n\
         dn: CN=Vertrieb Süd,OU=Groups,{base}\nchangetype: delete\n\n{}",
        control("u0000040", "546")
    ));
    let moved = ["joiner", "u0000016", "u0000007", "u0000017", "mover", "inetorg", "u0000040", "jmueller"];
    let groups: &[&str] = if delivery == Delivery::Groups { &["looped", "local", "vertrieb"] } else { &[] };
    let expected = [
        r#"create joiner@example.com"#,
        r#"grant-role joiner@example.com looped"#,
        r#"update u0000016@example.com name="Married Now""#,
        r#"revoke-role u0000007@example.com local"#,
        r#"grant-role u0000017@example.com local"#,
        r#"update mover@example.com name="moved""#,
        r#"deactivate inetorg@example.com"#,
        r#"deactivate u0000040@example.com"#,
        r#"revoke-role jmueller@example.com vertrieb"#,
    ];
    let after = exactly(world, target, before, &expected, &moved, groups);
    server.modify(&control("u0000040", "544"));
    exactly(world, target, &after, &["reactivate u0000040@example.com"], &["u0000040"], &[]);
}

fn openldap_into(kind: ScimKind, delivery: Delivery) {
    let server = OpenLdap::start(OPENLDAP_PEOPLE, 100);
    let target = ScimServer::start(kind);
    let world = World::between(&server, &target).with_roles(delivery, &seed::OPENLDAP_ROLES);
    let before = everybody_arrives(&world, &target, "cn=reader", &seed::openldap(OPENLDAP_PEOPLE));
    a_day_in_openldap(&server, &world, &target, &before, delivery);
}

fn samba_into(kind: ScimKind, delivery: Delivery) {
    let server = Samba::start(SAMBA_PEOPLE, 50);
    let target = ScimServer::start(kind);
    let world = World::between(&server, &target).with_roles(delivery, &seed::SAMBA_ROLES);
    let before = everybody_arrives(&world, &target, "svc-reader", &seed::samba(SAMBA_PEOPLE));
    a_day_in_samba(&server, &world, &target, &before, delivery);
}

#[test]
fn six_thousand_people_of_openldap_arrive_and_move_in_scim2_server() {
    openldap_into(ScimKind::Scim2, Delivery::Attribute);
}

#[test]
fn six_thousand_people_of_openldap_arrive_and_move_in_scimmy_with_groups() {
    openldap_into(ScimKind::Scimmy, Delivery::Groups);
}

#[test]
fn two_thousand_people_of_active_directory_arrive_and_move_in_scim2_server_with_groups() {
    samba_into(ScimKind::Scim2, Delivery::Groups);
}

#[test]
fn two_thousand_people_of_active_directory_arrive_and_move_in_scimmy() {
    samba_into(ScimKind::Scimmy, Delivery::Attribute);
}
