//! Look-ups. They read the files again, whole.

use rollcall_file::{FileConnector, FileSettings, connector};
use rollcall_kit::{Address, Connector, LookUp, ReadError};

use crate::support::{Folder, id, wait};
use crate::torn::{CSV, JSON, LDIF};

fn of(folder: &Folder, name: &str, content: &str) -> FileConnector {
    connector(FileSettings::of(folder.write(name, content))).unwrap()
}

#[test]
fn somebody_who_is_in_the_file_is_found_and_somebody_who_is_not_is_gone() {
    let folder = Folder::new();
    for (name, content, known) in [("staff.ldif", LDIF, "0002"), ("staff.csv", CSV, "2"), ("staff.json", JSON, "2")] {
        let connector = of(&folder, name, content);
        match wait(connector.look_up(&id(known))).unwrap() {
            LookUp::Found(user) => assert_eq!(user.text("email"), Some("bo@acme.com")),
            other => panic!("{name}: {other:?}"),
        }
        assert_eq!(wait(connector.look_up(&id("404"))).unwrap(), LookUp::Gone);
        let address = Address::parse("BO@acme.com").unwrap();
        assert_eq!(wait(connector.look_up_address(&address)).unwrap().len(), 1);
    }
}

#[test]
fn a_file_that_was_cut_since_the_read_says_of_nobody_that_he_is_gone() {
    let folder = Folder::new();
    for (name, content, known) in [("staff.ldif", LDIF, "0002"), ("staff.csv", CSV, "3"), ("staff.json", JSON, "2")] {
        let connector = of(&folder, name, content);
        for length in [0, content.len() / 3, content.len() - 5] {
            folder.write(name, &content.as_bytes()[..length]);
            let answer = wait(connector.look_up(&id(known)));
            assert!(answer.is_err(), "{name} cut at {length}: {answer:?}");
        }
        std::fs::remove_file(folder.path().join(name)).unwrap();
        assert!(matches!(wait(connector.look_up(&id(known))), Err(ReadError::Unreachable { .. })));
    }
}

#[test]
fn a_user_whose_record_cannot_be_read_is_not_gone() {
    let folder = Folder::new();
    let connector = of(&folder, "staff.json", r#"{"users": [{"id": "1", "email": []}, {"id": "2"}], "groups": []}"#);
    assert!(matches!(wait(connector.look_up(&id("1"))), Err(ReadError::Incomplete { .. })));
}

#[test]
fn a_record_that_is_no_user_any_more_is_not_gone() {
    let folder = Folder::new();
    let connector = of(&folder, "staff.ldif", &LDIF.replacen("inetOrgPerson", "account", 1));
    let said = folder.said(&wait(connector.look_up(&id("0001"))).unwrap_err());
    assert!(said.contains("staff.ldif:3: uid=ana,ou=people,dc=acme,dc=com is no user but one of: account"), "{said}");
}

#[test]
fn a_group_is_looked_up_by_its_id() {
    let folder = Folder::new();
    for (name, content, known) in [("staff.ldif", LDIF, "1001"), ("staff.json", JSON, "g")] {
        let connector = of(&folder, name, content);
        assert_eq!(wait(connector.look_up_group(&id(known))).unwrap().as_deref(), Some("finance"));
        assert_eq!(wait(connector.look_up_group(&id("404"))).unwrap(), None);
    }
}
