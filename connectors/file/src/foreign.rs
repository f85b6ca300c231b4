//! Whatever bytes a file holds, LDIF and CSV are read, or refused with the name of the file; JSON has properties of its own
//! (`json/properties.rs`).

use std::collections::BTreeSet;
use std::path::Path;

use jiff::Timestamp;
use proptest::prelude::*;
use proptest::test_runner::TestCaseResult;
use rollcall_kit::damage::{cases, damaged};
use rollcall_kit::{Entry, Member, ReadError};

use crate::settings::{EndProof, FileSettings};
use crate::walk::{Sink, Walked};
use crate::{ldif, table};

const STAFF: &str = "version: 1

dn: uid=ana,ou=people,dc=acme
objectClass: inetOrgPerson
entryUUID: 0001
uid: ana
cn:: QW5hIE3DvGxsZXI=
mail: ana@acme.com

dn: uid=bo,ou=people,dc=acme
objectClass: inetOrgPerson
entryUUID: 0002
uid: bo
cn: Bo
  Berg
nsAccountLock: true

dn: cn=finance,ou=groups,dc=acme
objectClass: groupOfNames
entryUUID: 1001
cn: finance
member: uid=ana,ou=people,dc=acme
member: UID=bo, OU=people, DC=acme

# numEntries: 3
";

const ACTIVE_DIRECTORY: &str = "dn: CN=Doe\\, John,CN=Users,DC=acme
objectClass: user
objectGUID:: MyIRAFVEd2aImaq7zN3u/w==
sAMAccountName: jdoe
userAccountControl: 512
accountExpires: 9223372036854775807
pwdLastSet: 0

dn: CN=big,DC=acme
objectClass: group
objectGUID:: MyIRAFVEd2aImaq7zN3u/g==
member: CN=Doe\\, John,CN=Users,DC=acme

search: 2
result: 0 Success

# numEntries: 2
";

const LDIF_WORDS: [&str; 24] = [
    "\n",
    "\n\n",
    "\n ",
    "\r\n",
    ":",
    "::",
    ":<",
    "#",
    "dn: ",
    "\u{feff}",
    ";range=0-1",
    "member: ",
    "objectClass: ",
    "result: 4",
    "search: 2\n",
    "version: 2\n",
    "# numEntries: 9\n",
    "=",
    "=====",
    "-1",
    "9223372036854775808",
    "133000000000000000",
    "20261399000000Z",
    "\0",
];

const PEOPLE: &str = "id,email,name,status,note
1,ana@acme.com,Ana Müller,active,\"likes \"\"quotes\"\",
and lines\"
2,bo@acme.com,Bo,disabled,
# rows: 2
";

const GROUPS: &str = "id,name\ng1,finance\ng2,everybody\n# rows: 2\n";
const MEMBERSHIPS: &str = "group,member\ng1,1\ng1,2\ng2,g1\n# rows: 3\n";

const CSV_WORDS: [&str; 15] =
    ["\n", "\r\n", "\r", ",", ";", "\"", "\"\"", "\u{feff}", "# rows: 2\n", "# rows: x", "id", "g1", "1", " ", "\0"];

/// Walks the files. What was read adds up to what the walk has to show, and a refusal names a file.
fn read(
    settings: &FileSettings,
    walk: impl FnOnce(&FileSettings, Sink<'_>) -> Result<Walked, ReadError>,
) -> TestCaseResult {
    let (mut users, mut groups, mut members) = (BTreeSet::new(), BTreeSet::new(), Vec::new());
    let walked = walk(settings, &mut |entry| {
        match entry {
            Entry::User(user) => assert!(users.insert(user.id)),
            Entry::Unreadable(record) => assert!(users.insert(record.id)),
            Entry::Group(group) => {
                members.extend(group.members);
                assert!(groups.insert(group.id));
            }
        }
        Ok(())
    });
    match walked {
        Ok(walked) => {
            let count = |name| walked.collections.iter().find(|one| one.name == name).map_or(0, |one| one.entries);
            prop_assert_eq!((count("users"), count("groups")), (users.len() as u64, groups.len() as u64));
            for member in members {
                match member {
                    Member::User(id) => prop_assert!(users.contains(&id), "{} was not read", id),
                    Member::Group(id) => prop_assert!(groups.contains(&id), "{} was not read", id),
                }
            }
        }
        Err(error) => prop_assert!(error.to_string().contains("staff"), "{}", error),
    }
    Ok(())
}

fn settings(path: &Path) -> FileSettings {
    FileSettings { end_proof: EndProof::WhereGiven, ..FileSettings::of(path) }
}

proptest! {
    #![proptest_config(cases(1_000))]

    #[test]
    fn whatever_stands_in_ldif_is_read_or_refused_with_the_name_of_the_file(
        content in damaged(&[STAFF, ACTIVE_DIRECTORY], &LDIF_WORDS),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("staff.ldif");
        std::fs::write(&path, content).unwrap();
        read(&settings(&path), |settings, sink| ldif::walk(settings, Timestamp::UNIX_EPOCH, sink))?;
    }

    #[test]
    fn whatever_stands_in_csv_is_read_or_refused_with_the_name_of_the_file(
        users in damaged(&[PEOPLE], &CSV_WORDS),
        groups in damaged(&[GROUPS], &CSV_WORDS),
        memberships in damaged(&[MEMBERSHIPS], &CSV_WORDS),
        which in 0..4_usize,
    ) {
        let folder = tempfile::tempdir().unwrap();
        let samples = [PEOPLE, GROUPS, MEMBERSHIPS];
        // Mostly one of the three is damaged, so that the walk comes to it.
        let contents = [users, groups, memberships];
        let paths = std::array::from_fn::<_, 3, _>(|at| folder.path().join(format!("staff{at}.csv")));
        for (at, path) in paths.iter().enumerate() {
            let content = if which == at || which == 3 { &contents[at][..] } else { samples[at].as_bytes() };
            std::fs::write(path, content).unwrap();
        }
        let [users, groups, memberships] = paths;
        let settings =
            FileSettings { groups: Some(groups), memberships: Some(memberships), ..settings(&users) };
        read(&settings, table::walk)?;
    }
}
