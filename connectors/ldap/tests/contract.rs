//! The contract of every connector, on both kinds of server, whole and broken.

use rollcall_kit::contract::{fails_without_certificate, reads_to_a_certificate};
use rollcall_kit::{Connector, Entry, LookUp, ReadError};
use rollcall_test_servers::ldap::{DirectoryServer, FaultProxy, OpenLdap, Samba};

use crate::support::Setup;

#[tokio::test]
async fn openldap_keeps_the_contract() {
    let server = OpenLdap::start(60, 3);
    let (entries, certificate) = reads_to_a_certificate(&Setup::of(&server).connector()).await;
    assert_eq!(certificate.entries_of("users"), server.people());
    assert_eq!(entries.len() as u64, server.people() + server.groups());
    // In pages so small that everything takes several, and without groups.
    let mut setup = Setup::of(&server);
    setup.settings.page_size = 7;
    reads_to_a_certificate(&setup.connector()).await;
    setup.settings.groups = None;
    let (entries, _) = reads_to_a_certificate(&setup.connector()).await;
    assert!(entries.iter().all(|entry| matches!(entry, Entry::User(_))));
}

#[tokio::test]
async fn active_directory_keeps_the_contract() {
    let server = Samba::start(60, 3);
    let (_, certificate) = reads_to_a_certificate(&Setup::of(&server).connector()).await;
    assert_eq!(certificate.entries_of("users"), server.people());
    assert!(certificate.entries_of("groups") > 3);
    nothing_broken_is_certified(&server).await;
}

#[tokio::test]
async fn a_group_without_a_readable_name_keeps_the_contract_and_is_not_gone() {
    let server = OpenLdap::start(60, 3);
    let mut setup = Setup::of(&server);
    // Few of the groups have what is called the name here.
    setup.settings.groups.as_mut().unwrap().name_attribute = Some("description".to_owned());
    let connector = setup.connector();
    let (entries, certificate) = reads_to_a_certificate(&connector).await;
    let nameless: Vec<_> = entries
        .iter()
        .filter_map(|entry| match entry {
            Entry::Unreadable(record) => Some(record),
            _ => None,
        })
        .collect();
    let named = entries.iter().filter(|entry| matches!(entry, Entry::Group(_))).count();
    assert!(named > 0 && !nameless.is_empty());
    assert_eq!((named + nameless.len()) as u64, server.groups());
    assert_eq!(certificate.entries_of("groups"), server.groups(), "the certificate still counts them as groups");
    // Whoever asks for such a group by its id learns that it is there: its roles are not taken away.
    let name = connector.look_up_group(&nameless[0].id).await.unwrap();
    assert_eq!(name.as_deref(), Some(nameless[0].label.as_str()), "its DN, for want of a name");
}

#[tokio::test]
async fn no_broken_openldap_is_certified() {
    nothing_broken_is_certified(&OpenLdap::start(60, 3)).await;
}

/// Reads through everything that can go wrong on the way; after it is set right, the same read is certified.
async fn nothing_broken_is_certified(server: &impl DirectoryServer) {
    let ca = server.ca_file();
    let tls = ["--upstream-ca", ca.to_str().unwrap()];
    let through = |faults: &[&str]| {
        let arguments: Vec<&str> = tls.iter().chain(faults).copied().collect();
        let proxy = FaultProxy::start(server.ldaps_url(), &arguments);
        let mut setup = Setup::through(server, &proxy);
        setup.settings.page_size = 20;
        setup.settings.timeouts.answer = rollcall_kit::HumanDuration::seconds(2);
        (setup, proxy)
    };
    for faults in [
        ["--drop-after", "30"],
        ["--reset-after", "30"],
        ["--stall-after", "30"],
        ["--done-rc", "3@4"],
        ["--done-rc-keep", "4@4"],
        ["--strip-paged", "0"],
        ["--garble-entry", "30"],
        ["--garble-message", "30"],
    ] {
        let (setup, _proxy) = through(&faults);
        let error = fails_without_certificate(&setup.connector()).await;
        assert!(matches!(error, ReadError::Incomplete { .. }), "{faults:?}: {error}");
    }
    let (setup, _proxy) = through(&[]);
    reads_to_a_certificate(&setup.connector()).await;

    let mut stranger = Setup::of(server);
    stranger.sign_in(server.reader().0, "wrong");
    let error = fails_without_certificate(&stranger.connector()).await;
    assert!(matches!(error, ReadError::SignIn { .. }), "{error}");
}

#[tokio::test]
async fn a_user_who_left_the_directory_is_gone_and_the_rest_keeps_the_contract() {
    let server = OpenLdap::start(60, 3);
    let setup = Setup::of(&server);
    let connector = setup.connector();
    let (before, _) = reads_to_a_certificate(&connector).await;
    let base = server.base();
    server.modify(&format!("dn: uid=u0000003,ou=people,{base}\nchangetype: delete\n"));
    let (after, _) = reads_to_a_certificate(&connector).await;
    let ids = |entries: &[Entry]| -> std::collections::BTreeSet<_> {
        let users = entries.iter().filter_map(|entry| match entry {
            Entry::User(user) => Some(user.id.clone()),
            _ => None,
        });
        users.collect()
    };
    let left: Vec<_> = ids(&before).difference(&ids(&after)).cloned().collect();
    assert_eq!(left.len(), 1);
    assert_eq!(connector.look_up(&left[0]).await.unwrap(), LookUp::Gone);
}
