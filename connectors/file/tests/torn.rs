//! Files that are not whole. A cut file looks like a company that most people have left.

use proptest::prelude::*;
use rollcall_file::{EndProof, FileSettings};
use rollcall_kit::ReadError;

use crate::support::{Folder, read, refused};

pub(crate) const LDIF: &str = "\
version: 1

dn: uid=ana,ou=people,dc=acme,dc=com
objectClass: inetOrgPerson
entryUUID: 0001
uid: ana
cn:: QW5hIE3DvGxsZXI=
sn: Mueller
mail: ana@acme.com

dn: uid=bo,ou=people,dc=acme,dc=com
objectClass: inetOrgPerson
entryUUID: 0002
uid: bo
cn: Bo
  Berg
mail: bo@acme.com
nsAccountLock: true

dn: cn=finance,ou=groups,dc=acme,dc=com
objectClass: groupOfNames
entryUUID: 1001
cn: finance
member: uid=ana,ou=people,dc=acme,dc=com
member: UID=bo, OU=people, DC=acme, DC=com

# numEntries: 3
";

pub(crate) const CSV: &str = "\
id,email,name,status,note
1,ana@acme.com,Ana Müller,active,\"likes \"\"quotes\"\",
and lines\"
2,bo@acme.com,Bo,disabled,
3,cy@acme.com,Cy,active,\"last
one\"
# rows: 3
";

pub(crate) const JSON: &str = r#"{
  "users": [
    { "id": "1", "email": "ana@acme.com", "name": "Ana Müller" },
    { "id": "2", "email": "bo@acme.com", "status": "disabled" }
  ],
  "groups": [{ "id": "g", "name": "finance", "members": ["1", "2"] }],
  "count": 2
}
"#;

/// Cuts a file at every byte. Whatever is certified must be all that the whole file holds.
pub(crate) fn cut_at_every_byte(name: &str, content: &str) {
    let folder = Folder::new();
    let settings = FileSettings::of(folder.write(name, content));
    let whole = read(&settings).expect("the whole file is certified");
    for length in 0..content.len() {
        folder.write(name, &content.as_bytes()[..length]);
        match read(&settings) {
            Err(ReadError::Incomplete { .. } | ReadError::Settings(_)) => {}
            Err(other) => panic!("cut at {length}: {other}"),
            Ok(cut) => {
                assert_eq!(
                    (&cut.users, &cut.groups),
                    (&whole.users, &whole.groups),
                    "cut at {length} the file was certified with less than it held"
                );
            }
        }
    }
}

#[test]
fn an_ldif_file_cut_anywhere_is_never_certified_with_less() {
    cut_at_every_byte("staff.ldif", LDIF);
}

#[test]
fn a_csv_file_cut_anywhere_is_never_certified_with_less() {
    cut_at_every_byte("staff.csv", CSV);
}

#[test]
fn a_json_file_cut_anywhere_is_never_certified_with_less() {
    cut_at_every_byte("staff.json", JSON);
}

#[test]
fn without_a_count_an_ldif_file_cut_inside_a_record_is_still_refused() {
    let content = LDIF.replace("\n# numEntries: 3\n", "\n");
    let folder = Folder::new();
    let mut settings = FileSettings::of(folder.write("staff.ldif", &content));
    settings.end_proof = EndProof::WhereGiven;
    assert_eq!(read(&settings).unwrap().users.len(), 2);
    for length in 0..content.len() {
        folder.write("staff.ldif", &content[..length]);
        // Between two records nothing shows the cut: that is what the setting waives.
        let between = content[..length].ends_with("\n\n");
        assert!(between || read(&settings).is_err(), "cut at {length} the file was certified");
    }
}

#[test]
fn an_empty_file_is_an_incomplete_read_and_never_an_empty_company() {
    let folder = Folder::new();
    for name in ["staff.ldif", "staff.csv", "staff.json"] {
        let settings = FileSettings::of(folder.write(name, ""));
        assert_eq!(
            refused(&folder, &settings),
            format!("the read of users is incomplete: {name} is empty. Nothing was changed")
        );
    }
    for (name, content) in [
        ("staff.ldif", "version: 1\n\n# numEntries: 0\n"),
        ("staff.csv", "id,email\n# rows: 0\n"),
        ("staff.json", r#"{"users": [], "groups": []}"#),
    ] {
        let settings = FileSettings::of(folder.write(name, content));
        assert_eq!(
            refused(&folder, &settings),
            format!("the read of users is incomplete: {name} names nobody. Nothing was changed")
        );
    }
}

#[test]
fn a_missing_file_cannot_be_reached() {
    let folder = Folder::new();
    let error = read(&FileSettings::of(folder.path().join("staff.csv"))).unwrap_err();
    assert!(matches!(error, ReadError::Unreachable { .. }));
    assert_eq!(
        folder.said(&error),
        "staff.csv cannot be reached: there is no such file; put it there, or correct the path in the settings"
    );
}

#[test]
fn nothing_vouches_for_a_plain_csv_file_until_the_settings_waive_it() {
    let folder = Folder::new();
    let mut settings = FileSettings::of(folder.write("staff.csv", "id,email\n1,ana@acme.com\n"));
    assert_eq!(
        refused(&folder, &settings),
        "the read of users is incomplete: nothing vouches for the end of staff.csv: it may have been cut between two \
         rows. Write staff.csv.sha256 with sha256sum, or end the file with the line \"# rows: 1\", or set end_proof = \
         \"where-given\". Nothing was changed"
            .replace("staff.csv.sha256", &format!("{}/staff.csv.sha256", folder.path().display()))
            .replace(&format!("{}/", folder.path().display()), "")
    );
    settings.end_proof = EndProof::WhereGiven;
    assert_eq!(read(&settings).unwrap().users.len(), 1);
}

#[test]
fn a_side_file_vouches_for_the_content_and_betrays_every_change() {
    let folder = Folder::new();
    let settings = FileSettings::of(folder.write("staff.csv", "id,email\n1,ana@acme.com\n2,bo@acme.com\n"));
    // printf 'id,email\n1,ana@acme.com\n2,bo@acme.com\n' | sha256sum
    let sum = "52379cf7c8b7e2914f9c672e80977e0dd16b918afdf64f38d3db35fb585bd3ed";
    folder.write("staff.csv.sha256", format!("{sum}  staff.csv\n"));
    let reading = read(&settings).unwrap();
    assert_eq!(reading.users.len(), 2);
    assert!(reading.certificate.collections()[0].end.contains("its .sha256 file agrees"));

    folder.write("staff.csv", "id,email\n1,ana@acme.com\n");
    assert!(refused(&folder, &settings).contains("is not the file that staff.csv.sha256 was made for"));
    folder.write("staff.csv.sha256", "");
    assert!(refused(&folder, &settings).contains("does not begin with a SHA-256 checksum"));
}

#[test]
fn a_count_that_does_not_agree_is_an_incomplete_read() {
    let folder = Folder::new();
    for (name, content, said) in [
        ("staff.csv", CSV.replace("rows: 3", "rows: 4"), "staff.csv says that it has 4 rows and holds 3"),
        ("staff.ldif", LDIF.replace("numEntries: 3", "numEntries: 7"), "says that it has 7 entries and holds 3"),
        ("staff.json", JSON.replace("\"count\": 2", "\"count\": 3"), "the server announced 3 entries and sent 2"),
    ] {
        let settings = FileSettings::of(folder.write(name, content));
        assert!(refused(&folder, &settings).contains(said), "{}", refused(&folder, &settings));
    }
}

#[test]
fn a_file_that_is_too_large_is_not_read() {
    let folder = Folder::new();
    let mut settings = FileSettings::of(folder.write("staff.csv", CSV));
    settings.max_size_mib = 0;
    assert!(refused(&folder, &settings).contains("more than the 0 MiB that max_size_mib allows"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Not only cut at the end: any run of bytes that goes missing must not make people go missing.
    #[test]
    fn bytes_lost_from_the_middle_never_certify_fewer_users(start in 0usize..400, length in 1usize..200) {
        let folder = Folder::new();
        for (name, content) in [("staff.csv", CSV), ("staff.json", JSON)] {
            let bytes = content.as_bytes();
            let (start, end) = (start.min(bytes.len()), (start + length).min(bytes.len()));
            let settings = FileSettings::of(folder.write(name, [&bytes[..start], &bytes[end..]].concat()));
            let expected = if name == "staff.csv" { 3 } else { 2 };
            if let Ok(reading) = read(&settings) {
                prop_assert_eq!(reading.users.len() + reading.unreadable.len(), expected);
            }
        }
    }
}
