//! LDIF files.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use proptest::prelude::*;
use rollcall_file::{EndProof, FileSettings};
use rollcall_kit::{Container, InactiveReason, Member, Name, Status, Value};

use crate::support::{Folder, id, read, refused};
use crate::torn::{LDIF, cut_at_every_byte};

fn ldif(folder: &Folder, content: impl AsRef<[u8]>) -> FileSettings {
    FileSettings { end_proof: EndProof::WhereGiven, ..FileSettings::of(folder.write("staff.ldif", content)) }
}

/// One person with these lines beside the necessary ones.
fn person(lines: &str) -> String {
    format!("dn: uid=ana,dc=acme\nobjectClass: inetOrgPerson\nentryUUID: 1\nuid: ana\nmail: ana@acme.com\n{lines}\n\n")
}

#[test]
fn records_become_users_and_groups_with_their_members() {
    let folder = Folder::new();
    let reading = read(&FileSettings::of(folder.write("staff.ldif", LDIF))).unwrap();
    let ana = reading.user("0001");
    assert_eq!((ana.text("name"), ana.text("family_name")), (Some("Ana Müller"), Some("Mueller")));
    assert_eq!(
        (ana.login.as_str(), ana.place.as_ref().map(Container::as_str)),
        ("ana", Some("uid=ana,ou=people,dc=acme,dc=com"))
    );
    let bo = reading.user("0002");
    assert_eq!((bo.text("name"), &bo.status), (Some("Bo Berg"), &Status::Inactive(InactiveReason::Disabled)));
    assert_eq!(bo.raw_status, "nsAccountLock=true");
    assert_eq!(reading.group("finance").members, [Member::User(id("0001")), Member::User(id("0002"))]);
    assert!(reading.certificate.collections()[0].end.contains("its last line counts its entries"));
}

#[test]
fn windows_line_ends_a_byte_order_mark_and_long_comments_change_nothing() {
    let folder = Folder::new();
    let plain = read(&FileSettings::of(folder.write("staff.ldif", LDIF))).unwrap();
    let other = format!("\u{feff}# made\n  by hand\n{LDIF}").replace('\n', "\r\n");
    let windows = read(&FileSettings::of(folder.write("staff.ldif", other))).unwrap();
    assert_eq!((plain.users, plain.groups), (windows.users, windows.groups));
}

#[test]
fn active_directory_is_read_with_its_own_ids_and_flags() {
    let folder = Folder::new();
    let guid = STANDARD
        .encode([0x33, 0x22, 0x11, 0x00, 0x55, 0x44, 0x77, 0x66, 0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff]);
    let entry = |uac: &str| {
        format!(
            "dn: CN=Doe\\, John,CN=Users,DC=acme\nobjectClass: top\nobjectClass: person\nobjectClass: user\nobjectGUID:: {guid}\n\
             sAMAccountName: jdoe\ndisplayName: John Doe\nmail: jdoe@acme.com\n{uac}\n"
        )
    };
    for (lines, status) in [
        (
            "userAccountControl: 512\naccountExpires: 9223372036854775807\nlockoutTime: 133000000000000000\npwdLastSet: 0\n",
            Status::Active,
        ),
        ("userAccountControl: 514\n", Status::Inactive(InactiveReason::Disabled)),
        ("userAccountControl: 512\naccountExpires: 132000000000000000\n", Status::Inactive(InactiveReason::Expired)),
    ] {
        let reading = read(&ldif(&folder, entry(lines))).unwrap();
        assert_eq!(reading.user("00112233-4455-6677-8899-aabbccddeeff").status, status, "{lines}");
    }
    // Hidden is not the same as active.
    let hidden = read(&ldif(&folder, entry(""))).unwrap();
    assert!(matches!(&hidden.users[0].status, Status::Unknown(why) if why.contains("userAccountControl is hidden")));
    let computer = entry("userAccountControl: 512\nobjectClass: computer\n") + &person("");
    assert_eq!(read(&ldif(&folder, computer)).unwrap().users.len(), 1);
}

#[test]
fn only_a_lock_that_an_administrator_set_is_one() {
    let folder = Folder::new();
    for (line, status) in [
        ("pwdAccountLockedTime: 000001010000Z", Status::Inactive(InactiveReason::Disabled)),
        ("pwdAccountLockedTime: 20260101120000Z", Status::Active),
        ("nsAccountLock: TRUE", Status::Inactive(InactiveReason::Disabled)),
        ("nsAccountLock: false", Status::Active),
        ("shadowExpire: -1", Status::Active),
        ("shadowExpire: 10000", Status::Inactive(InactiveReason::Expired)),
        ("sn: Ana", Status::Active),
    ] {
        assert_eq!(read(&ldif(&folder, person(line))).unwrap().user("1").status, status, "{line}");
    }
}

#[test]
fn a_value_that_cannot_be_read_stops_only_its_record() {
    let folder = Folder::new();
    for (line, said) in [
        ("givenName:: %%%", "staff.ldif:1: givenname cannot be read: its base64 is damaged"),
        ("sn:< file:///etc/passwd", "sn cannot be read: its value is in another file"),
        ("userAccountControl: often", "userAccountControl is \"often\", which is no whole number"),
        ("sn:: /w==", "sn is not UTF-8 text"),
    ] {
        let other = person("").replace("ana", "bo").replace("entryUUID: 1", "entryUUID: 2");
        let reading = read(&ldif(&folder, person(line) + &other)).unwrap();
        assert_eq!((reading.users.len(), reading.unreadable.len()), (1, 1), "{line}");
        assert_eq!(reading.unreadable[0].id, id("1"));
        assert!(reading.unreadable[0].problem.contains(said), "{}", reading.unreadable[0].problem);
    }
}

#[test]
fn what_is_no_content_of_a_directory_stops_the_read() {
    let folder = Folder::new();
    for (content, said) in [
        (person("changetype: delete"), "staff.ldif:6: this is a list of changes (changetype)"),
        (person("no colon here"), "staff.ldif:6: the line is no \"attribute: value\""),
        (person("dn: uid=bo,dc=acme"), "staff.ldif:6: a second dn stands inside a record"),
        (person("").replace("entryUUID: 1\n", ""), "uid=ana,dc=acme has no entryUUID, objectGUID or nsUniqueId"),
        (person("").replace("objectClass: inetOrgPerson\n", ""), "the record has no objectClass"),
        (person("") + &person(""), "the id 1 is given twice, at staff.ldif:1 and at staff.ldif:8"),
        (person("member;range=0-1499: uid=x"), "the server gave only a part of the values of member"),
        ("version: 2\n\n".to_owned() + &person(""), "staff.ldif is not LDIF version 1"),
        ("mail: ana@acme.com\n\n".to_owned(), "staff.ldif:1: the record does not begin with a dn"),
        (person("") + "search: 2\nresult: 4 Size limit exceeded\n", "ended with the result 4 Size limit exceeded"),
    ] {
        let refusal = refused(&folder, &ldif(&folder, content));
        assert!(refusal.contains(said), "{refusal}");
    }
}

/// What OpenLDAP's `ldapsearch` 2.6 writes for two pages, without `-L`.
const PAGED: &str = "\
# extended LDIF
#
# with pagedResults control: size=1
#

# ana, acme
dn: uid=ana,dc=acme
objectClass: inetOrgPerson
entryUUID: 1

# search result
search: 2
result: 0 Success
control: 1.2.840.113556.1.4.319 false MA0CAQAECAIAAAAAAAAA
pagedresults: cookie=AgAAAAAAAAA=
# extended LDIF
#
# with pagedResults control: size=1
#

# bo, acme
dn: uid=bo,dc=acme
objectClass: inetOrgPerson
entryUUID: 2

# search result
search: 3
result: 0 Success
control: 1.2.840.113556.1.4.319 false MAUCAQAEAA==
pagedresults: cookie=

# numResponses: 4
# numEntries: 2
";

/// The same with `-L`.
fn paged_with_l() -> String {
    PAGED
        .replace("# extended LDIF\n", "version: 1\n\n")
        .replace("search: 2\nresult: 0 Success\n", "")
        .replace("search: 3\nresult: 0 Success\n", "")
        .replace("control: ", "# control: ")
        .replace("\npagedresults: ", "\n# pagedresults: ")
}

#[test]
fn what_ldapsearch_writes_is_read_to_its_last_page() {
    let folder = Folder::new();
    for content in [PAGED.to_owned(), paged_with_l()] {
        let settings = FileSettings::of(folder.write("staff.ldif", &content));
        assert_eq!(read(&settings).unwrap().users.len(), 2, "{content}");
        cut_at_every_byte("staff.ldif", &content);
    }
}

#[test]
fn a_page_that_ended_with_success_does_not_vouch_for_the_pages_behind_it() {
    let folder = Folder::new();
    for content in [PAGED.to_owned(), paged_with_l()] {
        let first_page =
            content.split_inclusive('\n').take_while(|line| !line.contains("bo, acme")).collect::<String>();
        let refusal = refused(&folder, &ldif(&folder, first_page + "\n# numEntries: 1\n"));
        assert!(refusal.contains("the search that wrote staff.ldif stopped before its last page"), "{refusal}");
    }
}

#[test]
fn photos_and_passwords_stay_in_the_file() {
    let folder = Folder::new();
    let photo = STANDARD.encode(vec![0xffu8; 200 << 10]);
    let folded: String =
        photo.as_bytes().chunks(76).map(|part| format!("{}\n ", std::str::from_utf8(part).unwrap())).collect();
    let lines = format!("jpegPhoto:: {}\nuserPassword: secret\nblob:: {photo}\nsn: Ana", folded.trim_end());
    let reading = read(&ldif(&folder, person(&lines))).unwrap();
    let user = reading.user("1");
    assert_eq!(user.text("family_name"), Some("Ana"));
    let names: Vec<&str> = user.raw.keys().map(Name::as_str).collect();
    assert_eq!(names, ["entryUUID", "mail", "objectClass", "sn", "uid"]);
}

#[test]
fn several_values_have_no_order_and_a_language_is_another_attribute() {
    let folder = Folder::new();
    let lines = "mail: Aa@acme.com\nmail: zz@acme.com\ncn;lang-ja: アナ\ncn: Ana\ngivenName;lang-ja: アナ";
    let reading = read(&ldif(&folder, person(lines))).unwrap();
    let user = reading.user("1");
    assert_eq!(
        (user.text("email"), user.text("name"), user.text("given_name")),
        (Some("Aa@acme.com"), Some("Ana"), None)
    );
    assert_eq!(user.profile.get("emails").map(|emails| emails.as_slice().len()), Some(3));
    assert_eq!(user.raw.get("cn;lang-ja"), Some(&Value::from("アナ")));
}

#[test]
fn attributes_can_be_named_in_the_settings() {
    let folder = Folder::new();
    let mut settings = ldif(&folder, person("employeeNumber: 77\nworkMail: ana@work.acme.com\nstate: left"));
    for (ours, theirs) in [("id", "employeeNumber"), ("email", "workMail"), ("status", "state")] {
        settings.columns.insert(ours.into(), theirs.into());
    }
    let reading = read(&settings).unwrap();
    assert_eq!(reading.user("77").text("email"), Some("ana@work.acme.com"));
    assert_eq!(reading.user("77").status, Status::Inactive(InactiveReason::Disabled));
}

#[test]
fn groups_of_every_kind_find_their_members_and_count_who_leads_nowhere() {
    let folder = Folder::new();
    let users = person("") + &person("").replace("ana", "Bo.B").replace("entryUUID: 1", "entryUUID: 2");
    let group = |name: &str, class: &str, lines: &str| {
        format!("dn: cn={name},dc=acme\nobjectClass: {class}\nentryUUID: g-{name}\ncn: {name}\n{lines}\n")
    };
    // Groups first: a file has no order.
    let content = group(
        "outer",
        "groupOfNames",
        "member: CN=inner, DC=acme\nmember: cn=outer,dc=acme\nmember: cn=gone,dc=acme\n",
    ) + &group("inner", "groupOfUniqueNames", "uniqueMember: UID=ANA,dc=acme#'0'B\n")
        + &group("unix", "posixGroup", "memberUid: bo.b\nmemberUid: nobody\n");
    let mut settings = ldif(&folder, users);
    settings.groups = Some(folder.write("groups.ldif", content));
    let reading = read(&settings).unwrap();
    assert_eq!(reading.group("outer").members, [Member::Group(id("g-inner")), Member::Group(id("g-outer"))]);
    assert_eq!(reading.group("outer").unresolved_members, 1);
    assert_eq!(reading.group("inner").members, [Member::User(id("1"))]);
    assert_eq!(
        (reading.group("unix").members.as_slice(), reading.group("unix").unresolved_members),
        (&[Member::User(id("2"))][..], 1)
    );
}

#[test]
fn a_member_is_found_however_its_name_is_spelled() {
    let folder = Folder::new();
    let person =
        "dn: uid=ana,ou=Büro,dc=acme\nobjectClass: inetOrgPerson\nentryUUID: 1\nuid: ana\nmail: ana@acme.com\n\n";
    for spelling in [
        "uid=ana,ou=Bu\u{308}ro,dc=acme",
        "UID = Ana , OU = BÜRO , DC = Acme",
        "userid=ana,organizationalUnitName=Büro,domainComponent=acme",
        "0.9.2342.19200300.100.1.1=ana,2.5.4.11=Büro,dc=acme",
        "uid=\"ana\",ou=\"Büro\",dc=acme",
        "uid=\\61na,ou=B\\c3\\bcro;dc=acme",
        "uid=#0403616e61,ou=#0c0542c3bc726f,dc=acme",
        "uid=ana,ou=Büro,dc=acme#'01'B",
    ] {
        let group =
            format!("dn: cn=eng,dc=acme\nobjectClass: groupOfNames\nentryUUID: 2\ncn: eng\nmember: {spelling}\n\n");
        let reading = read(&ldif(&folder, person.to_owned() + &group)).unwrap();
        assert_eq!(reading.group("eng").members, [Member::User(id("1"))], "{spelling}");
        assert_eq!(reading.group("eng").unresolved_members, 0, "{spelling}");
    }
}

/// Writes a value as RFC 2849 wants it, folded at a width.
fn line(name: &str, value: &str, width: usize) -> String {
    let safe = !value.starts_with([' ', ':', '<'])
        && !value.ends_with(' ')
        && value.bytes().all(|b| (0x20..0x7f).contains(&b));
    let whole = if safe { format!("{name}: {value}") } else { format!("{name}:: {}", STANDARD.encode(value)) };
    let parts: Vec<String> =
        whole.as_bytes().chunks(width).map(|part| String::from_utf8(part.to_vec()).unwrap()).collect();
    parts.join("\n ") + "\n"
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_is_written_as_ldif_is_read_back(
        people in proptest::collection::vec(("\\PC{1,40}", "[a-z]{1,8}@[a-z]{1,8}\\.com", any::<bool>()), 1..8),
        width in 2usize..80,
        windows in any::<bool>(),
    ) {
        let folder = Folder::new();
        let mut content = "version: 1\n".to_owned();
        for (index, (name, mail, locked)) in people.iter().enumerate() {
            content.push('\n');
            for (attribute, value) in [
                ("dn", format!("uid={index},dc=acme").as_str()),
                ("objectClass", "inetOrgPerson"),
                ("entryUUID", &format!("id-{index}")),
                ("cn", name),
                ("mail", mail),
                ("nsAccountLock", &locked.to_string()),
            ] {
                content.push_str(&line(attribute, value, width));
            }
        }
        content.push_str(&format!("\n# numEntries: {}\n", people.len()));
        if windows {
            content = content.replace('\n', "\r\n");
        }
        let reading = read(&FileSettings::of(folder.write("staff.ldif", content))).unwrap();
        prop_assert_eq!(reading.users.len(), people.len());
        for (index, (name, mail, locked)) in people.iter().enumerate() {
            let user = reading.user(&format!("id-{index}"));
            let expected = name.trim();
            prop_assert_eq!(user.text("name").unwrap_or_default(), expected);
            prop_assert_eq!(user.text("email"), Some(mail.as_str()));
            prop_assert_eq!(user.status == Status::Active, !locked);
        }
    }
}
