//! A proxy cuts, alters and hides what a real OpenLDAP sends: each is an error or a complete read, never a short one.

use rollcall_test_servers::ldap::{DirectoryServer, FaultProxy, OpenLdap};

use crate::support::Setup;

const USERS: u32 = 1200;

/// Reads through a proxy with these faults, in pages of 200.
async fn refusal_with(server: &OpenLdap, faults: &[&str]) -> String {
    let proxy = FaultProxy::start(server.ldap_url(), faults);
    let mut setup = Setup::through(server, &proxy);
    setup.settings.page_size = 200;
    setup.settings.timeouts.answer = rollcall_kit::HumanDuration::seconds(1);
    setup.refusal().await
}

#[tokio::test]
async fn a_read_that_is_cut_anywhere_is_an_error() {
    let server = OpenLdap::start(USERS, 20);
    for fault in ["--drop-after", "--reset-after", "--stall-after"] {
        // In the first page, between two pages, in a later page, in the last page of users, and among the groups.
        for after in ["1", "200", "555", "1210", "1230"] {
            let error = refusal_with(&server, &[fault, after]).await;
            assert!(error.contains("is incomplete"), "{fault} {after}: {error}");
        }
    }
}

#[tokio::test]
async fn a_page_with_any_other_result_than_success_is_an_error() {
    let server = OpenLdap::start(USERS, 20);
    for code in [1, 3, 4, 10, 11, 51, 80] {
        for fault in ["--done-rc", "--done-rc-keep"] {
            // The first result is the root entry's; the fourth is the third page's.
            let error = refusal_with(&server, &[fault, &format!("{code}@4")]).await;
            assert!(error.contains("page 3, after 400 entries"), "{fault} {code}: {error}");
            assert!(error.contains(&format!("result code {code}")), "{fault} {code}: {error}");
        }
    }
}

#[tokio::test]
async fn a_server_that_lost_its_place_is_read_again_from_the_start() {
    let server = OpenLdap::start(USERS, 20);
    let proxy = FaultProxy::start(server.ldap_url(), &["--done-rc", "12@4"]);
    let mut setup = Setup::through(&server, &proxy);
    setup.settings.page_size = 200;
    let reading = setup.read().await.unwrap();
    assert_eq!(reading.users.len() as u64, server.people());
    assert_eq!(reading.certificate.entries_of("users"), server.people());
    // On the first page the same code means that the server cannot do pages at all.
    let error = refusal_with(&server, &["--done-rc", "12@2"]).await;
    assert!(error.contains("cannot send this in pages"), "{error}");
}

#[tokio::test]
async fn a_refused_page_size_is_asked_for_again_in_half() {
    let server = OpenLdap::start(USERS, 20);
    let proxy = FaultProxy::start(server.ldap_url(), &["--done-rc", "11@2"]);
    let mut setup = Setup::through(&server, &proxy);
    setup.settings.page_size = 400;
    let reading = setup.read().await.unwrap();
    assert_eq!(reading.certificate.entries_of("users"), server.people());
    let pages = reading.certificate.collections()[0].pages;
    assert_eq!(pages, server.people().div_ceil(200), "pages of 200");
}

#[tokio::test]
async fn a_paging_control_that_something_strips_is_an_error() {
    let server = OpenLdap::start(USERS, 20);
    let error = refusal_with(&server, &["--strip-paged", "0"]).await;
    assert!(error.contains("without a paging control"), "{error}");
    // Stripped from the fourth result only, which would otherwise look like the last page.
    let error = refusal_with(&server, &["--strip-paged", "4"]).await;
    assert!(error.contains("without a paging control") && error.contains("after 400 entries"), "{error}");
}

#[tokio::test]
async fn something_that_is_no_entry_is_an_error_and_not_the_end_of_the_program() {
    let server = OpenLdap::start(USERS, 20);
    let error = refusal_with(&server, &["--garble-entry", "300"]).await;
    assert!(error.contains("is incomplete") && error.contains("an entry that is none"), "{error}");
    // This one makes the LDAP library's own task panic.
    let error = refusal_with(&server, &["--garble-message", "300"]).await;
    assert!(error.contains("is incomplete") && error.contains("no LDAP message"), "{error}");
}

#[tokio::test]
async fn hidden_entries_are_fewer_entries_and_never_gone_by_themselves() {
    let server = OpenLdap::start(60, 3);
    let whole = Setup::of(&server).read().await.unwrap();
    let proxy = FaultProxy::start(server.ldap_url(), &["--hide", "uid=u000000[1-4]"]);
    let setup = Setup::through(&server, &proxy);
    let reading = setup.read().await.unwrap();
    // The protocol cannot tell; the count in the certificate can, and it is what the guard compares.
    assert_eq!(reading.certificate.entries_of("users"), whole.certificate.entries_of("users") - 4);
    // But their groups show that somebody is missing.
    assert!(reading.group("nest-a").unresolved_members > 0);
}
