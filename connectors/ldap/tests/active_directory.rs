//! Against Samba AD: GUIDs, the account flags, primary groups, and groups larger than one answer.

use rollcall_kit::{Address, Connector, InactiveReason, LookUp, Member, Status};
use rollcall_test_servers::ldap::{DirectoryServer, FaultProxy, Samba};

use crate::support::{Reading, Setup};

#[tokio::test]
async fn an_active_directory_is_read_whole() {
    let server = Samba::start(2000, 50);
    let setup = Setup::of(&server);
    let reading = setup.read().await.unwrap();
    assert_eq!(reading.certificate.entries_of("users"), server.people());
    assert_eq!(reading.users.len() as u64, server.people());
    assert!(reading.unreadable.is_empty());
    people_are_read_as_they_are(&reading);
    members_are_found(&reading, &server);
    the_whole_domain_has_no_computers_in_it(&server).await;
    a_blind_reader_gets_no_error(&server).await;
    big_groups_are_read_to_their_end(&server, &reading).await;
    people_are_looked_up(&server, &setup, &reading).await;
}

fn people_are_read_as_they_are(reading: &Reading) {
    let ordinary = reading.user("u0000001");
    assert_eq!(ordinary.id.as_str().len(), 36);
    assert_eq!(ordinary.text("email"), Some("u0000001@example.com"));
    assert_eq!(ordinary.text("preferred_username"), Some("u0000001@corp.example"));
    assert_eq!(ordinary.profile["emails"].to_string(), r#"["old.u0000001@example.org","u0000001@example.com"]"#);
    assert!(ordinary.raw_status.starts_with("userAccountControl=544, accountExpires="), "{}", ordinary.raw_status);
    assert!(!ordinary.raw.contains_key("thumbnailPhoto"));
    for login in ["never0", "nevermax", "expfuture", "mover", "inetorg", "john.doe", "jmueller", "odd.chars"] {
        assert_eq!(reading.user(login).status, Status::Active, "{login}");
    }
    assert_eq!(reading.user("disabled").status, Status::Inactive(InactiveReason::Disabled));
    assert_eq!(reading.user("u0000050").status, Status::Inactive(InactiveReason::Disabled));
    assert_eq!(reading.user("expired").status, Status::Inactive(InactiveReason::Expired));
    let disabled =
        reading.users.values().filter(|user| user.status == Status::Inactive(InactiveReason::Disabled)).count();
    assert_eq!(disabled, 41);
    assert!(!reading.users.values().any(|user| user.login.ends_with('$')), "computers are no users");
    assert!(!reading.users.contains_key("todelete"));
}

fn members_are_found(reading: &Reading, server: &Samba) {
    assert_eq!(reading.members("big").len() as u64, server.big_members());
    assert_eq!(reading.members("primarygrp"), ["primary"], "by primaryGroupID, not by member");
    assert_eq!(reading.members("Sales, EMEA + APAC"), ["john.doe", "odd.chars"]);
    assert_eq!(reading.members("Vertrieb Süd"), ["jmueller"]);
    assert_eq!(reading.members("nest-c"), ["nest-a", "u0000003"]);
    assert_eq!(reading.members("deep-11"), ["u0000005"]);
    assert_eq!(reading.members("dist"), ["u0000006"], "contacts and computers are no users");
    assert_eq!(reading.group("dist").unresolved_members, 2);
    assert_eq!(reading.members("hiddenmember"), ["u0000008"]);
    assert_eq!(reading.group("hiddenmember").unresolved_members, 1);
    assert_eq!(reading.members("empty"), [""; 0]);
}

async fn the_whole_domain_has_no_computers_in_it(server: &Samba) {
    let mut setup = Setup::of(server);
    setup.settings.users.bases = vec![server.base().to_owned()];
    setup.settings.groups.as_mut().unwrap().bases = vec![server.base().to_owned()];
    let reading = setup.read().await.unwrap();
    for system in ["krbtgt", "Guest", "Administrator", "PC1$", "DC1$"] {
        assert!(!reading.users.contains_key(system), "{system}");
    }
    assert!(reading.users.contains_key("svc-reader"));
    // Everybody's primary group; who got another one is an explicit member of it since.
    let everybody = reading.group("Domain Users").members.iter().filter(|m| matches!(m, Member::User(_))).count();
    assert_eq!(everybody, reading.users.len());
    let exceptions = reading.certificate.exceptions();
    assert!(exceptions.iter().any(|e| e.contains("CN=Configuration")), "{exceptions:?}");
}

async fn a_blind_reader_gets_no_error(server: &Samba) {
    let mut setup = Setup::of(server);
    let (dn, password) = server.blind_reader();
    setup.sign_in(dn, password);
    let reading = setup.read().await.unwrap();
    assert_eq!(reading.certificate.entries_of("users"), 0, "which the guard compares with the last read");
    let findings = setup.connector().check().await.unwrap();
    assert!(findings.iter().any(|finding| finding.sentence.contains("not one user")), "{findings:?}");
}

async fn big_groups_are_read_to_their_end(server: &Samba, whole: &Reading) {
    let ca = server.ca_file();
    for most in ["1500", "333"] {
        let faults = ["--upstream-ca", ca.to_str().unwrap(), "--max-val-range", most];
        let proxy = FaultProxy::start(server.ldaps_url(), &faults);
        let reading = Setup::through(server, &proxy).read().await;
        // Samba refuses a password on a connection that it sees in clear; the proxy speaks TLS to it.
        let reading = reading.unwrap();
        assert_eq!(reading.groups, whole.groups, "in slices of {most}");
    }
}

async fn people_are_looked_up(server: &Samba, setup: &Setup, reading: &Reading) {
    let base = server.base();
    let connector = setup.connector();
    let id = |login: &str| reading.user(login).id.clone();
    let LookUp::Found(user) = connector.look_up(&id("mover")).await.unwrap() else { panic!("they are there") };
    assert_eq!(*user, reading.users["mover"]);
    server.modify(&format!(
        "dn: CN=mover,OU=People,{base}\nchangetype: modrdn\nnewrdn: CN=moved\ndeleteoldrdn: 1\nnewsuperior: OU=Leavers,{base}\n\n\
         dn: CN=nomail,OU=People,{base}\nchangetype: delete\n"
    ));
    let LookUp::OutOfReach(user, why) = connector.look_up(&id("mover")).await.unwrap() else { panic!("they moved") };
    assert!(user.login == "mover" && why.contains("OU=Leavers"), "{why}");
    assert_eq!(connector.look_up(&id("nomail")).await.unwrap(), LookUp::Gone);
    let found = connector.look_up_address(&Address::parse("OLD.u0000001@example.org").unwrap()).await.unwrap();
    assert_eq!(found.iter().map(|user| user.login.as_str()).collect::<Vec<_>>(), ["u0000001"]);
    let group = reading.group("empty").id.clone();
    assert_eq!(connector.look_up_group(&group).await.unwrap().as_deref(), Some("empty"));
    server.modify(&format!("dn: CN=empty,OU=Groups,{base}\nchangetype: delete\n"));
    assert_eq!(connector.look_up_group(&group).await.unwrap(), None);

    // A dry sign-in with a wrong password says what Active Directory says.
    let mut wrong = Setup::of(server);
    wrong.sign_in(server.reader().0, "wrong");
    let error = wrong.refusal().await;
    assert!(error.contains("refused the sign-in") && error.contains("password is wrong"), "{error}");
}
