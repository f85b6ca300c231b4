//! Against OpenLDAP: everybody is read, nobody is read twice, and what a reader may not see is noticed.

use rollcall_kit::{
    Address, CheckLevel, Connector, DirectoryId, Entries, Entry, InactiveReason, LookUp, Member, ReadError, Status,
};
use rollcall_ldap::Canary;
use rollcall_test_servers::ldap::{DirectoryServer, OpenLdap};

use crate::support::{Reading, Setup};

#[tokio::test]
async fn everybody_and_every_group_is_read_once_through_pages() {
    let server = OpenLdap::start(6000, 100);
    let mut setup = Setup::of(&server);
    // More than this account may ask for at once: the server refuses, and is asked for less.
    setup.settings.page_size = 4000;
    let reading = setup.read().await.unwrap();

    assert_eq!(reading.users.len() as u64, server.people());
    assert_eq!(reading.groups.len() as u64, server.groups());
    assert!(reading.unreadable.is_empty(), "{:?}", reading.unreadable);
    let certificate = &reading.certificate;
    assert_eq!(certificate.entries_of("users"), server.people());
    assert_eq!(certificate.entries_of("groups"), server.groups());
    assert_eq!(certificate.collections()[0].pages, 13, "pages of 500");
    assert!(certificate.source().identity.starts_with("cn=reader"));
    assert!(certificate.exceptions().iter().any(|e| e.contains("ou=elsewhere")), "{:?}", certificate.exceptions());
    assert_eq!(reading.members("big").len() as u64, server.big_members());

    people_are_read_as_they_are(&reading);
    members_are_found_however_they_are_spelled(&reading);
}

fn people_are_read_as_they_are(reading: &Reading) {
    let ordinary = reading.user("u0000001");
    assert_eq!(ordinary.text("email"), Some("u0000001@example.com"));
    assert_eq!(ordinary.text("employee_number"), Some("1"));
    assert_eq!(ordinary.text("department"), Some("Sales"));
    assert!(ordinary.text("name").is_some() && ordinary.text("given_name").is_some());
    assert!(ordinary.place.as_ref().unwrap().as_str().starts_with("uid=u0000001,ou=people"));
    assert_eq!(reading.user("u0000003").text("email"), Some("alias.u0000003@example.org"), "the smaller of two");
    assert_eq!(reading.user("nomail").text("email"), None);
    assert_eq!(reading.user("dup-a").address(), reading.user("dup-b").address());
    assert_eq!(reading.user("lang").text("name"), Some("Language Tag"));
    assert_eq!(reading.user("lang").text("locale"), Some("fr-CH"));
    for login in ["jürgen", "john.doe", "odd.chars", "trailing", "multi", "paren(star*)", "UPPER.Case", "composed-é"]
    {
        assert!(reading.is_active(login), "{login}");
    }
    assert!(reading.users.values().all(|user| user.raw.keys().all(|name| !name.to_lowercase().contains("photo"))));
    assert!(!reading.users.contains_key("hidden1"));

    let because = |login: &str| reading.user(login).status.clone();
    assert_eq!(because("locked"), Status::Inactive(InactiveReason::Disabled));
    assert_eq!(because("expired"), Status::Inactive(InactiveReason::Expired));
    assert_eq!(because("lockedout"), Status::Active, "for a while only");
    assert_eq!(because("unexpired"), Status::Active);
    assert_eq!(reading.user("locked").raw_status, "pwdAccountLockedTime=000001010000Z");
}

fn members_are_found_however_they_are_spelled(reading: &Reading) {
    assert_eq!(reading.members("othercase"), ["u0000007"]);
    assert_eq!(reading.members("Sales, EMEA + APAC"), ["john.doe"]);
    assert_eq!(reading.members("Vertrieb Süd"), ["jürgen"]);
    assert_eq!(reading.members("odd-names"), ["multi", "odd.chars", "trailing"]);
    assert_eq!(reading.members("unique"), ["u0000008", "u0000009"]);
    assert_eq!(reading.members("nest-a"), ["nest-b", "u0000001"]);
    assert_eq!(reading.members("nest-c"), ["nest-a", "u0000003"]);
    assert_eq!(reading.members("selfloop"), ["selfloop", "u0000004"]);
    assert_eq!(reading.members("deep-11"), ["u0000005"]);
    assert_eq!(reading.members("posix"), ["UPPER.Case", "u0000010", "u0000011", "u0000012", "u0000013", "u0000014"]);
    for (group, member, unresolved) in [("dangling", "u0000006", 1), ("hiddenmember", "u0000015", 1)] {
        assert_eq!(reading.members(group), [member]);
        assert_eq!(reading.group(group).unresolved_members, unresolved, "{group}");
    }
    assert_eq!(reading.group("posix").unresolved_members, 1);
    assert!(reading.certificate.exceptions().iter().any(|e| e.starts_with("3 members")), "{:?}", reading.certificate);
}

#[tokio::test]
async fn what_a_reader_may_not_see_is_noticed() {
    let server = OpenLdap::start(1200, 20);
    let mut setup = Setup::of(&server);
    let mut as_account = |name: &str| {
        let (dn, password) = server.account(name);
        setup.sign_in(&dn, &password);
    };

    // A hard limit holds whatever the paging: some entries come, and then result code 4.
    as_account("reader-hard");
    let error = setup.refusal().await;
    assert!(error.contains("users is incomplete") && error.contains("result code 4"), "{error}");

    // A base that may not be seen is an error, not an empty collection.
    let mut as_account = |name: &str| {
        let (dn, password) = server.account(name);
        setup.sign_in(&dn, &password);
    };
    as_account("reader-nothing");
    let error = setup.refusal().await;
    assert!(error.contains("result code 32") && error.contains("hidden"), "{error}");
    // Inside a base that may be seen, it is silence; only the count tells, and check says it.
    setup.settings.users.bases = vec![server.base().to_owned()];
    let reading = setup.read().await.unwrap();
    assert_eq!(reading.certificate.entries_of("users"), 0);
    let findings = setup.connector().check().await.unwrap();
    let problem = findings.iter().find(|finding| finding.level == CheckLevel::Problem).unwrap();
    assert!(problem.sentence.contains("not one user"), "{}", problem.sentence);

    // A canary makes it an error.
    let person = format!("uid=u0000001,ou=people,{}", server.base());
    setup.settings.canary = Some(Canary { dn: person, attributes: vec!["mail".to_owned()] });
    assert!(setup.read().await.is_err());

    let (dn, password) = server.account("reader-nomail");
    setup.sign_in(&dn, &password);
    let error = setup.refusal().await;
    assert!(error.contains("mail of the canary"), "{error}");
    setup.settings.canary = None;
    let error = setup.refusal().await;
    assert!(error.contains("may not read the members of groups"), "{error}");
    setup.settings.groups = None;
    let reading = setup.read().await.unwrap();
    assert!(reading.users.values().all(|user| user.address().is_none()));
    let findings = setup.connector().check().await.unwrap();
    assert!(findings.iter().any(|f| f.level == CheckLevel::Problem && f.sentence.contains("not one user has email")));
}

#[tokio::test]
async fn parts_that_cannot_be_read_are_errors_or_named_exceptions() {
    let server = OpenLdap::start(1200, 20);
    let mut setup = Setup::of(&server);
    setup.settings.ignorable_referrals.clear();
    let error = setup.refusal().await;
    assert!(error.contains("ldap://127.0.0.1:9/ou=elsewhere") && error.contains("ignorable_referrals"), "{error}");

    let mut setup = Setup::of(&server);
    let missing = format!("ou=nowhere,{}", server.base());
    setup.settings.users.bases.push(missing.clone());
    let error = setup.refusal().await;
    assert!(error.contains(&missing) && error.contains("result code 32"), "{error}");
    setup.settings.optional_bases = vec![missing];
    let reading = setup.read().await.unwrap();
    assert_eq!(reading.certificate.entries_of("users"), server.people());
    assert!(reading.certificate.exceptions().iter().any(|e| e.contains("ou=nowhere")));

    let mut setup = Setup::of(&server);
    setup.settings.id_attribute = Some("employeeNumber".to_owned());
    let error = setup.refusal().await;
    assert!(error.contains("has no employeeNumber"), "{error}");
}

#[tokio::test]
async fn a_user_is_found_out_of_reach_or_gone() {
    let server = OpenLdap::start(1200, 20);
    let mut setup = Setup::of(&server);
    setup.settings.users.filter = Some("(!(employeeNumber=12))".to_owned());
    let base = server.base();
    let reading = setup.read().await.unwrap();
    assert!(!reading.users.contains_key("u0000012"));
    let id = |login: &str| reading.user(login).id.clone();
    let connector = setup.connector();

    let LookUp::Found(user) = connector.look_up(&id("u0000001")).await.unwrap() else { panic!("she is there") };
    assert_eq!(*user, reading.users["u0000001"]);

    // A rename and a move change the DN and the login, and not the id.
    server.modify(&format!(
        "dn: uid=u0000001,ou=people,{base}\nchangetype: modrdn\nnewrdn: uid=married\ndeleteoldrdn: 1\n\n\
         dn: uid=u0000002,ou=people,{base}\nchangetype: modrdn\nnewrdn: uid=u0000002\ndeleteoldrdn: 0\nnewsuperior: ou=leavers,{base}\n\n\
         dn: uid=u0000003,ou=people,{base}\nchangetype: delete\n\n\
         dn: uid=u0000004,ou=people,{base}\nchangetype: modify\nreplace: employeeNumber\nemployeeNumber: 12\n"
    ));
    let LookUp::Found(user) = connector.look_up(&id("u0000001")).await.unwrap() else { panic!("she is there") };
    assert_eq!(user.login, "married");
    let LookUp::OutOfReach(user, why) = connector.look_up(&id("u0000002")).await.unwrap() else { panic!("they moved") };
    assert!(user.login == "u0000002" && why.contains("ou=leavers") && why.contains("users.bases"), "{why}");
    assert_eq!(connector.look_up(&id("u0000003")).await.unwrap(), LookUp::Gone);
    let LookUp::OutOfReach(_, why) = connector.look_up(&id("u0000004")).await.unwrap() else { panic!("filtered") };
    assert!(why.contains("(!(employeeNumber=12))"), "{why}");
    let error = connector.look_up(&DirectoryId::new("not an id)(*").unwrap()).await.unwrap_err();
    assert!(error.to_string().contains("another id_attribute"), "{error}");

    let group = reading.group("unique").id.clone();
    assert_eq!(connector.look_up_group(&group).await.unwrap().as_deref(), Some("unique"));
    server.modify(&format!("dn: cn=unique,ou=groups,{base}\nchangetype: delete\n"));
    assert_eq!(connector.look_up_group(&group).await.unwrap(), None);

    let by_address = |text: &str| Address::parse(text).unwrap();
    let both = connector.look_up_address(&by_address("DUP@example.com")).await.unwrap();
    assert_eq!(both.len(), 2);
    assert!(connector.look_up_address(&by_address("*@example.com")).await.unwrap().is_empty());
}

#[tokio::test]
async fn nobody_is_gone_for_a_reader_who_cannot_search_by_id() {
    let server = OpenLdap::start(60, 3);
    let setup = Setup::of(&server);
    let reading = setup.read().await.unwrap();
    // Everything stays readable; only searching by the id is lost.
    server.configure(
        "dn: olcDatabase={1}mdb,cn=config\nchangetype: modify\nadd: olcAccess\n\
         olcAccess: {0}to attrs=entryUUID by dn.children=\"ou=service,dc=corp,dc=example\" =rcd by * none\n",
    );
    let error = setup.connector().look_up(&reading.user("u0000001").id).await.unwrap_err();
    assert!(matches!(error, ReadError::Incomplete { .. }) && error.to_string().contains("grant"), "{error}");
}

#[tokio::test]
async fn joiners_movers_and_leavers_are_seen_by_the_next_read() {
    let server = OpenLdap::start(60, 3);
    let setup = Setup::of(&server);
    let before = setup.read().await.unwrap();
    let base = server.base();
    server.modify(&format!(
        "dn: uid=joiner,ou=people,{base}\nchangetype: add\nobjectClass: inetOrgPerson\nuid: joiner\ncn: Joiner\nsn: Joiner\nmail: joiner@example.com\n\n\
         dn: uid=u0000001,ou=people,{base}\nchangetype: modrdn\nnewrdn: uid=mover\ndeleteoldrdn: 1\n\n\
         dn: uid=u0000002,ou=people,{base}\nchangetype: delete\n"
    ));
    let after = setup.read().await.unwrap();
    assert!(after.users.contains_key("joiner") && !after.users.contains_key("u0000002"));
    assert_eq!(after.user("mover").id, before.user("u0000001").id);
    assert_eq!(after.certificate.entries_of("users"), before.certificate.entries_of("users"));
    assert_ne!(after.certificate.id().unwrap(), before.certificate.id().unwrap());
}

#[tokio::test]
async fn who_is_renamed_while_the_read_runs_keeps_his_groups() {
    let server = OpenLdap::start(60, 3);
    let setup = Setup::of(&server);
    let connector = setup.connector();
    let (sender, mut receiver) = Entries::channel(1);
    let consume = async {
        let (mut users, mut renamed, mut members) = (0, None, Vec::new());
        while let Some(entry) = receiver.recv().await {
            match entry {
                Entry::User(user) => {
                    users += 1;
                    if user.login == "u0000001" {
                        renamed = Some(Member::User(user.id));
                    }
                    // The reader waits for us, with a few users in hand and all groups before it.
                    if users == server.people() - 5 {
                        let base = server.base();
                        server.modify(&format!(
                            "dn: uid=u0000001,ou=people,{base}\nchangetype: modrdn\nnewrdn: uid=renamed\ndeleteoldrdn: 1\n\n\
                             dn: cn=nest-a,ou=groups,{base}\nchangetype: modify\ndelete: member\n\
                             member: uid=u0000001,ou=people,{base}\n-\nadd: member\nmember: uid=renamed,ou=people,{base}\n"
                        ));
                    }
                }
                Entry::Group(group) if group.name == "nest-a" => members = group.members,
                _ => {}
            }
        }
        (renamed.unwrap(), members)
    };
    let (certificate, (renamed, members)) = tokio::join!(connector.read(sender), consume);
    assert!(certificate.is_ok(), "{certificate:?}");
    assert!(members.contains(&renamed), "{members:?}");
}
