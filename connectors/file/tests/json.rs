//! JSON documents.

use rollcall_file::FileSettings;
use rollcall_kit::{Container, InactiveReason, Member, Status, Value};

use crate::support::{Folder, id, read, refused};

fn document(folder: &Folder, content: &str) -> FileSettings {
    FileSettings::of(folder.write("staff.json", content))
}

#[test]
fn a_document_becomes_users_and_groups() {
    let folder = Folder::new();
    let settings = document(
        &folder,
        r#"{
            "groups": [
                { "id": "g1", "name": "all", "members": ["p2", "g2", "gone", "p2"] },
                { "id": "g2", "name": "leads", "members": [1], "place": "Berlin" }
            ],
            "users": [
                { "id": 1, "login": "mei", "email": "mei@acme.com", "name": "陳美", "badge": { "color": "blue" } },
                { "id": "p2", "status": false, "employee_number": 17, "emails": ["a@acme.com", "b@acme.com"] },
                { "id": "p3", "status": "", "assigned": true, "place": "Berlin/Finance", "email": null }
            ]
        }"#
        .replace("[1]", "[\"1\"]")
        .as_str(),
    );
    let reading = read(&settings).unwrap();
    let mei = reading.user("1");
    assert_eq!((mei.login.as_str(), mei.text("name"), &mei.status), ("mei", Some("陳美"), &Status::Active));
    assert_eq!(mei.raw.get("badge").map(ToString::to_string), Some(r#"{"color":"blue"}"#.to_owned()));
    let second = reading.user("p2");
    assert_eq!(second.status, Status::Inactive(InactiveReason::Disabled));
    assert_eq!(second.text("employee_number"), Some("17"));
    assert_eq!(second.profile.get("emails").map(|emails| emails.as_slice().len()), Some(2));
    let third = reading.user("p3");
    assert_eq!(third.status, Status::Unknown("the status is empty".into()));
    assert_eq!((third.assigned, third.place.as_ref().map(Container::as_str)), (Some(true), Some("Berlin/Finance")));
    assert_eq!(third.profile.get("email"), None::<&Value>);
    assert_eq!(reading.group("all").members, [Member::User(id("p2")), Member::Group(id("g2"))]);
    assert_eq!(reading.group("all").unresolved_members, 1);
    assert_eq!(reading.group("leads").members, [Member::User(id("1"))]);
    assert_eq!((reading.certificate.entries_of("users"), reading.certificate.entries_of("groups")), (3, 2));
}

#[test]
fn an_odd_value_stops_only_its_user_and_names_the_line() {
    let folder = Folder::new();
    let settings = document(
        &folder,
        "{\"users\": [\n{\"id\": \"1\", \"email\": \"ana@acme.com\", \"given_name\": [\"Ana\"]},\n{\"id\": \"2\"}\n], \"groups\": []}",
    );
    let reading = read(&settings).unwrap();
    assert_eq!(reading.users.len(), 1);
    assert_eq!(reading.unreadable[0].label, "ana@acme.com");
    assert!(reading.unreadable[0].problem.ends_with("staff.json:2: given_name is not text: [\"Ana\"]"));
}

#[test]
fn a_misspelt_status_lets_nobody_back_in() {
    let folder = Folder::new();
    let settings = document(&folder, r#"{"users": [{"id": "1"}, {"id": "2", "staus": "disabled"}], "groups": []}"#);
    let reading = read(&settings).unwrap();
    assert_eq!((reading.users.len(), reading.unreadable[0].id.as_str()), (1, "2"));
    assert!(reading.unreadable[0].problem.contains("\"staus\", which looks like one"));
}

#[test]
fn what_cannot_be_told_apart_stops_the_read() {
    let folder = Folder::new();
    for (content, said) in [
        ("{\"users\": [\n{\"email\": \"a@acme.com\"}], \"groups\": []}", "staff.json:2: the user has no id"),
        (
            "{\"users\": [\n{\"id\": \"1\"},\n\n{\"id\": \"1\"}], \"groups\": []}",
            "given twice, at staff.json:2 and at staff.json:4",
        ),
        (
            "{\"users\": [{\"id\": \"1\"}],\n\"groups\": [{\"id\": \"1\", \"name\": \"g\", \"members\": []}]}",
            "given twice",
        ),
        ("{\"users\": [{\"id\": \"1\"}]}", "missing field `groups`"),
        ("{\"users\": [{\"id\": \"1\"}], \"groups\": []} {}", "trailing characters"),
        ("{\"users\": [{\"id\": \"1\"}], \"groups\": [], \"user\": []}", "unknown field `user`"),
        ("{\"users\": [{\"id\": \"1\"}], \"groups\": [{\"id\": \"g\", \"name\": \"x\"}]}", "missing field `members`"),
        ("{\"users\": [{\"id\": \"1\"}], \"groups\": [", "staff.json ends before its document is closed"),
    ] {
        let refusal = refused(&folder, &document(&folder, content));
        assert!(refusal.contains(said), "{refusal}");
    }
}
