//! The contract of every connector, on each of the three formats: on whole files and on broken ones.

use rollcall_file::{EndProof, FileConnector, FileSettings, connector};
use rollcall_kit::contract::{fails_without_certificate, reads_to_a_certificate};
use rollcall_kit::{Entry, ReadError};

use crate::support::{Folder, wait};
use crate::torn::{CSV, JSON, LDIF};

const FORMATS: [(&str, &str); 3] = [("staff.ldif", LDIF), ("staff.csv", CSV), ("staff.json", JSON)];

fn over(folder: &Folder, name: &str, content: impl AsRef<[u8]>) -> FileConnector {
    connector(FileSettings::of(folder.write(name, content))).unwrap()
}

/// Why the contract's broken read fails.
fn failure(connector: &FileConnector) -> ReadError {
    wait(fails_without_certificate(connector))
}

#[test]
fn each_format_keeps_the_contract() {
    let folder = Folder::new();
    for (name, content) in FORMATS {
        let (entries, certificate) = wait(reads_to_a_certificate(&over(&folder, name, content)));
        assert_eq!(entries.len(), 3, "{name}: the contract was not held against an empty read");
        assert_eq!(certificate.source().connector, "file");
    }
}

#[test]
fn groups_and_memberships_of_their_own_files_keep_the_contract() {
    let folder = Folder::new();
    let mut settings = FileSettings::of(folder.write("staff.csv", "id,email\n1,ana@acme.com\n2,bo@acme.com\n"));
    settings.groups = Some(folder.write("groups.csv", "id,name\ng1,everyone\ng2,finance\n"));
    settings.memberships = Some(folder.write("memberships.csv", "group,member\ng1,2\ng1,g2\ng2,1\ng1,404\n"));
    settings.end_proof = EndProof::WhereGiven;
    let (entries, _) = wait(reads_to_a_certificate(&connector(settings).unwrap()));
    assert_eq!(entries.iter().filter(|entry| matches!(entry, Entry::Group(_))).count(), 2);
}

#[test]
fn a_record_that_cannot_be_read_keeps_the_contract() {
    let folder = Folder::new();
    let odd_ldif = LDIF.replacen("mail: bo@acme.com", "mail:: ////", 1);
    let odd_csv = b"id,email,name\n1,ana@acme.com,M\xfcller\n2,bo@acme.com,Bo\n3,cy@acme.com,Cy\n# rows: 3\n".to_vec();
    let odd_json = JSON.replace("\"bo@acme.com\"", "[]");
    for (name, content) in
        [("staff.ldif", odd_ldif.into_bytes()), ("staff.csv", odd_csv), ("staff.json", odd_json.into_bytes())]
    {
        let (entries, _) = wait(reads_to_a_certificate(&over(&folder, name, content)));
        let unreadable = entries.iter().filter(|entry| matches!(entry, Entry::Unreadable(_))).count();
        assert_eq!(unreadable, 1, "{name}");
    }
}

#[test]
fn no_broken_file_is_certified() {
    let folder = Folder::new();
    for (name, content) in FORMATS {
        for length in [0, content.len() / 3, content.len() - 5] {
            let error = failure(&over(&folder, name, &content.as_bytes()[..length]));
            assert!(matches!(error, ReadError::Incomplete { .. }), "{name} cut at {length}: {error}");
        }
        let repeated = content.replacen("0002", "0001", 1).replacen("\n2,", "\n1,", 1).replacen("\"2\"", "\"1\"", 1);
        let error = failure(&over(&folder, name, repeated));
        assert!(error.to_string().contains("is given twice"), "{name}: {error}");
        let vanished = over(&folder, name, content);
        std::fs::remove_file(folder.path().join(name)).unwrap();
        assert!(matches!(failure(&vanished), ReadError::Unreachable { .. }), "{name}");
    }
}
