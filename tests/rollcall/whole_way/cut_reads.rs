//! Whatever happens to a read, nobody is put out: the run fails and says why, the mirror stays, the target is not
//! touched.

use rollcall_test_servers::ldap::{DirectoryServer, FaultProxy, OpenLdap};
use rollcall_test_servers::scim::{ScimKind, ScimServer};

use super::dump::Dump;
use super::seed;
use super::world::{Delivery, World};

const PEOPLE: u32 = 300;

/// A fault of the proxy, and what the run has to say about it.
type Fault<'a> = (&'a [&'a str], &'a [&'a str]);

/// Pages of 100 people: 319 of them are four pages, then come the groups. The first search result is that of the root
/// entry.
const FAULTS: [Fault<'_>; 17] = [
    (&["--drop-after", "1"], &["incomplete"]),
    (&["--drop-after", "100"], &["incomplete"]),
    (&["--drop-after", "250"], &["incomplete"]),
    (&["--drop-after", "330"], &["incomplete"]),
    (&["--reset-after", "1"], &["incomplete"]),
    (&["--reset-after", "150"], &["incomplete"]),
    (&["--reset-after", "330"], &["incomplete"]),
    (&["--stall-after", "1"], &["incomplete"]),
    (&["--stall-after", "201"], &["incomplete"]),
    (&["--done-rc", "3@3"], &["incomplete", "result code 3"]),
    (&["--done-rc-keep", "4@4"], &["incomplete", "result code 4"]),
    (&["--done-rc", "11@4"], &["incomplete", "result code 11"]),
    (&["--strip-paged", "0"], &["without a paging control"]),
    (&["--strip-paged", "4"], &["without a paging control"]),
    (&["--hide-listed", "uid=u000000[1-4],"], &["was wrong", "found within reach", "u0000001"]),
    (&["--hide-listed", "uid=u0000[0-9]+,"], &["was wrong", "found within reach"]),
    (&["--hide", "cn=.*,ou=groups,"], &["no groups at all"]),
];

#[test]
fn no_cut_or_altered_read_puts_anybody_out() {
    let server = OpenLdap::start(PEOPLE, 20);
    let target = ScimServer::start(ScimKind::Scim2);
    let mut world = World::between(&server, &target).with_roles(Delivery::Attribute, &seed::OPENLDAP_ROLES);
    world.apply();
    let (before, status) = (Dump::of(&target), world.status());
    assert_eq!(before.accounts(), seed::openldap(PEOPLE));

    for (fault, sentence) in FAULTS {
        let proxy = FaultProxy::start(server.ldap_url(), fault);
        world.through(&proxy);
        world.run(&["apply", "--yes"]).expect(1).says(sentence).says(&["acme: "]);
        Dump::of(&target).is_the_same_as(&before);
        let after = world.status();
        for figure in ["users", "active", "inactive", "unsettled", "last_read", "sealed"] {
            assert_eq!(after[figure], status[figure], "{figure} after {fault:?}");
        }
        assert_eq!(after["last_run"]["result"]["result"], "failed", "{fault:?}");
        world.run(&["explain", "u0000001@example.com"]).expect(0).says(&["u0000001", "looped"]);
    }
    // The directory itself is as it was, and so is everything else.
    world.straight_to(&server);
    world.expect_nothing_pending();
    world.apply();
    Dump::of(&target).is_the_same_as(&before);
}

#[test]
fn a_refused_page_size_is_halved_and_a_leaver_leaves_all_the_same() {
    let server = OpenLdap::start(PEOPLE, 20);
    let target = ScimServer::start(ScimKind::Scimmy);
    let mut world = World::between(&server, &target).with_roles(Delivery::Groups, &seed::OPENLDAP_ROLES);
    world.apply();
    let before = Dump::of(&target);
    server.modify(&format!("dn: uid=u0000008,ou=people,{}\nchangetype: delete\n", server.base()));
    let proxy = FaultProxy::start(server.ldap_url(), &["--done-rc", "11@2"]);
    world.through(&proxy);
    world.apply();
    let after = Dump::of(&target);
    after.differs_only_in(&before, &["u0000008@example.com"], &["unique"]);
    let accounts = after.accounts();
    assert!(!accounts["u0000008@example.com"].active);
    assert_eq!(accounts.values().filter(|seen| !seen.active).count(), 1);
}

#[test]
fn who_is_hidden_while_another_leaves_stays_and_the_leaver_waits() {
    let server = OpenLdap::start(PEOPLE, 20);
    let target = ScimServer::start(ScimKind::Scim2);
    let mut world = World::between(&server, &target);
    world.apply();
    let before = Dump::of(&target);
    server.modify(&format!("dn: uid=u0000010,ou=people,{}\nchangetype: delete\n", server.base()));
    let proxy = FaultProxy::start(server.ldap_url(), &["--hide-listed", "uid=u0000011,"]);
    world.through(&proxy);
    world.run(&["apply", "--yes"]).expect(1).says(&["was wrong", "u0000011"]);
    Dump::of(&target).is_the_same_as(&before);
    world.straight_to(&server);
    world.apply();
    let after = Dump::of(&target);
    after.differs_only_in(&before, &["u0000010@example.com"], &[]);
    assert!(!after.accounts()["u0000010@example.com"].active);
}
