//! CSV files.

use rollcall_file::{EndProof, FileSettings, StatusWords};
use rollcall_kit::{Address, InactiveReason, Member, Status, Value};

use crate::support::{Folder, id, read, refused};

/// A users file that nothing vouches for, so that a test can be about something else.
fn users(folder: &Folder, content: impl AsRef<[u8]>) -> FileSettings {
    FileSettings { end_proof: EndProof::WhereGiven, ..FileSettings::of(folder.write("staff.csv", content)) }
}

#[test]
fn rows_become_users_with_their_values_and_the_columns_that_nobody_knows() {
    let folder = Folder::new();
    let settings = users(
        &folder,
        "\u{feff}\"ID\",Given Name,family_name,Email,Status,T-Shirt\r\n\
         17,Jürgen,Müller,j.mueller@ext.acme.com,Active,XL\r\n\
         18,\"O'Brien, \"\"Pat\"\"\",Ó,,suspended,\r\n\
         ,,,,,\r\n",
    );
    let reading = read(&settings).unwrap();
    assert_eq!(reading.users.len(), 2);
    let user = reading.user("17");
    assert_eq!(user.text("given_name"), Some("Jürgen"));
    assert_eq!(user.address(), Address::parse("j.mueller@ext.acme.com"));
    assert_eq!(user.status, Status::Active);
    assert_eq!(user.login, "j.mueller@ext.acme.com");
    assert_eq!(user.raw.get("T-Shirt"), Some(&Value::from("XL")));
    let other = reading.user("18");
    assert_eq!(other.text("given_name"), Some("O'Brien, \"Pat\""));
    assert_eq!(other.address(), None);
    assert_eq!(other.status, Status::Inactive(InactiveReason::Suspended));
    assert_eq!(other.raw_status, "status=suspended");
    assert_eq!(other.login, "18");
}

#[test]
fn columns_delimiter_and_words_follow_the_settings() {
    let folder = Folder::new();
    let mut settings = users(&folder, "Personalnummer;E-Mail;Zustand\n1;ana@acme.com;ausgeschieden\n2;bo@acme.com;?\n");
    settings.delimiter = Some(';');
    settings.status = StatusWords { active: vec![], inactive: vec!["Ausgeschieden".into()] };
    for (ours, theirs) in [("id", "Personalnummer"), ("email", "e-mail"), ("status", "Zustand")] {
        settings.columns.insert(ours.into(), theirs.into());
    }
    let reading = read(&settings).unwrap();
    assert_eq!(reading.user("1").status, Status::Inactive(InactiveReason::Disabled));
    assert_eq!(reading.user("2").status, Status::Unknown("the status \"?\" is none of the known words".into()));
    assert_eq!(reading.user("2").text("email"), Some("bo@acme.com"));
}

#[test]
fn a_header_that_is_missing_or_misspelt_stops_the_read_with_the_nearest_name() {
    let folder = Folder::new();
    let misspelt = users(&folder, "id,email,staus\n1,ana@acme.com,disabled\n");
    assert_eq!(
        refused(&folder, &misspelt),
        "the column \"staus\" of staff.csv looks like status, which the file lacks; set columns.status = \"staus\", or \
         ignore = [\"staus\"] if it is something else"
    );
    let ignored = FileSettings { ignore: vec!["Staus".into()], ..misspelt };
    assert_eq!(read(&ignored).unwrap().user("1").status, Status::Active);

    let mut mapped = users(&folder, "id,Mail address\n1,ana@acme.com\n");
    mapped.columns.insert("email".into(), "Mail adress".into());
    assert_eq!(
        refused(&folder, &mapped),
        "staff.csv has no column \"Mail adress\" for email; did you mean Mail address?; its columns are id, Mail address"
    );
    let semicolons = users(&folder, "id;email\n1;ana@acme.com\n");
    assert_eq!(
        refused(&folder, &semicolons),
        "staff.csv has no column \"id\" for id; the header is one single column, so set delimiter to what separates its \
         fields"
    );
    let twice = users(&folder, "id,E-Mail,email\n1,a@acme.com,b@acme.com\n");
    assert!(refused(&folder, &twice).contains("two columns for one thing, \"E-Mail\" and \"email\""));
}

#[test]
fn a_row_without_an_id_stops_the_read_at_its_line() {
    let folder = Folder::new();
    assert_eq!(
        refused(&folder, &users(&folder, "id,email\n1,ana@acme.com\n ,bo@acme.com\n")),
        "the read of users is incomplete: staff.csv:3 has no id, so nobody knows whom the row concerns. Nothing was changed"
    );
}

#[test]
fn an_id_that_is_given_twice_stops_the_read_with_both_lines() {
    let folder = Folder::new();
    assert_eq!(
        refused(&folder, &users(&folder, "id,email\n1,ana@acme.com\n2,bo@acme.com\n1,ana@acme.com\n")),
        "the read of users is incomplete: the id 1 is given twice, at staff.csv:2 and at staff.csv:4; an id names one \
         record. Nothing was changed"
    );
}

#[test]
fn a_row_with_another_number_of_fields_stops_the_read() {
    let folder = Folder::new();
    for (row, fields) in [("2,bo", 2), ("2,bo,Bo,Berg", 4)] {
        let settings = users(&folder, format!("id,email,name\n1,a,A\n{row}\n3,c,C\n"));
        let said = refused(&folder, &settings);
        assert!(said.contains(&format!("staff.csv:3: the row has {fields} fields and the header 3")), "{said}");
    }
}

#[test]
fn quotes_that_do_not_close_or_stand_in_the_middle_stop_the_read() {
    let folder = Folder::new();
    for (content, said) in [
        ("id,name\n1,\"Ana\n2,Bo\n", "ends inside a quoted field"),
        ("id,name\n1,5\" pipe\n", "line 2: a quote stands inside a field"),
        ("id,name\n1,\"Ana\"x\n", "line 2: text stands behind the closing quote"),
    ] {
        let refusal = refused(&folder, &users(&folder, content));
        assert!(refusal.contains(said), "{refusal}");
    }
}

#[test]
fn a_row_in_another_encoding_stops_only_itself() {
    let folder = Folder::new();
    let reading = read(&users(&folder, b"id,email,name\n1,ana@acme.com,M\xfcller\n2,bo@acme.com,Bo\n")).unwrap();
    assert_eq!(reading.users.len(), 1);
    assert_eq!(reading.unreadable[0].id, id("1"));
    assert_eq!(reading.unreadable[0].label, "ana@acme.com");
    assert!(
        reading.unreadable[0].problem.ends_with("staff.csv:2: the field \"name\" is not UTF-8; save the file as UTF-8")
    );
    assert!(refused(&folder, &users(&folder, b"\xff\xfei\0d\0")).contains("this is UTF-16; save it as UTF-8"));
}

#[test]
fn groups_and_memberships_come_from_their_own_files() {
    let folder = Folder::new();
    let mut settings = users(&folder, "id,email\n1,ana@acme.com\n2,bo@acme.com\n");
    settings.groups = Some(folder.write("groups.csv", "id,name\ng1,everyone\ng2,finance\ng3,empty\n"));
    settings.memberships = Some(folder.write("memberships.csv", "group,member\ng1,2\ng1,g2\ng2,1\ng2,1\ng1,404\n"));
    let reading = read(&settings).unwrap();
    assert_eq!(reading.group("everyone").members, [Member::User(id("2")), Member::Group(id("g2"))]);
    assert_eq!(reading.group("everyone").unresolved_members, 1);
    assert_eq!(reading.group("finance").members, [Member::User(id("1"))]);
    assert_eq!(reading.group("empty").members, []);
    let names: Vec<&str> = reading.certificate.collections().iter().map(|c| c.name.as_str()).collect();
    assert_eq!(names, ["users", "groups", "members"]);

    folder.write("memberships.csv", "group,member\ng1,2\ng9,1\n");
    assert_eq!(
        refused(&folder, &settings),
        "the read of members is incomplete: memberships.csv:3: the groups file has no group g9; export groups and \
         memberships at the same time. Nothing was changed"
    );
}
